"""The service under load, with a worker killed and PostgreSQL restarted in the middle. Nothing leaves this machine.

    python -m examples.hotel.load [--requests 20000] [--clients 32]

Bookings are sent twice with the same key, and again after every failure. At the end each must be there once, in the
hotel's table and in the log. Before that, it is measured beside a plain insert of the same row, in turns.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import create_engine, text

from examples.hotel.running import HOST, Postgres, Service, postgres, service
from relations import Relations
from relations.aggregates.customer import PurchaseRecorded

__all__ = ["Comparison", "Figures", "Outcome", "compare", "disturb", "drive", "main"]

_TRIES_MAX = 200
_TRY_SECONDS = 15.0
_AGAIN_SECONDS = 0.1
_TURNS = 4


class Figures(msgspec.Struct):
    """A stretch of load.

    Attributes:
        requests: The requests that were answered.
        retries: The further tries, after a lost connection or an answer of 5xx.
        seconds: How long it took.
        latencies: Of each request, from its first try to its answer, in seconds.
        recorded: The answers with status 201.
        repeated: The answers with status 200.
    """

    requests: int = 0
    retries: int = 0
    seconds: float = 0.0
    latencies: list[float] = []
    recorded: int = 0
    repeated: int = 0

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds

    def percentile(self, percent: int) -> float:
        """Return a percentile of the latencies, in milliseconds."""
        return statistics.quantiles(self.latencies, n=100)[percent - 1] * 1000


class Connection:
    """A client's connection: HTTP/1.1, as little of it as the service needs, so that the client costs little."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._writer: asyncio.StreamWriter | None = None
        self._reader: asyncio.StreamReader | None = None

    async def post(self, path: str, key: str, body: bytes) -> int:
        """Send a request, and return the status of its answer."""
        if self._writer is None or self._reader is None:
            self._reader, self._writer = await asyncio.open_connection(HOST, self._port)
        head = f"POST {path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\nIdempotency-Key: {key}\r\n"
        self._writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        answer = await self._reader.readuntil(b"\r\n\r\n")
        lines = answer.decode().lower().split("\r\n")
        length = next(int(line.partition(":")[2]) for line in lines if line.startswith("content-length:"))
        await self._reader.readexactly(length)
        if "connection: close" in lines:
            self.close()
        return int(lines[0].split()[1])

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        if self._writer is not None:
            self._writer.close()
        self._writer = self._reader = None


def booking(number: int, prefix: str) -> tuple[str, bytes]:
    """Return the key and the body of a booking."""
    body = {
        "booking": f"{prefix}-{number}",
        "customer": f"c{number % 997}",
        "room": f"{number % 300:03}",
        "amount": {"amount": 10_000 + number % 5_000, "currency": "EUR"},
        "booked_at": "2026-03-02T12:00:00Z",
    }
    return f"{prefix}-{number}", json.dumps(body).encode()


async def drive(port: int, requests: list[tuple[str, bytes]], clients: int, done: Callable[[int], None]) -> Figures:
    """Send requests from several clients, each again until it is answered, and return the figures.

    Args:
        port: The port of the service.
        requests: The keys and bodies, in order.
        clients: How many are sent at once.
        done: Called with the number of answers so far.
    """
    figures = Figures(latencies=[])
    waiting = iter(requests)

    async def client() -> None:
        connection = Connection(port)
        for key, body in waiting:
            began = time.perf_counter()
            for _number in range(_TRIES_MAX):
                try:
                    status = await asyncio.wait_for(connection.post("/bookings", key, body), _TRY_SECONDS)
                except (OSError, EOFError, TimeoutError):
                    connection.close()
                    status = 599
                if status < 500:
                    break
                figures.retries += 1
                await asyncio.sleep(_AGAIN_SECONDS)
            if status not in (200, 201):
                msg = f"{key} was answered with {status} in the end"
                raise RuntimeError(msg)
            figures.latencies.append(time.perf_counter() - began)
            figures.recorded += status == 201
            figures.repeated += status == 200
            figures.requests += 1
            done(figures.requests)
        connection.close()

    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    figures.seconds = time.perf_counter() - began
    return figures


class Outcome(msgspec.Struct):
    """What was found after the disturbance.

    Attributes:
        figures: The load.
        bookings: The bookings that were sent, each at least twice.
        rows: The rows of the hotel's table that came of them.
        purchases: The purchases in the log that came of them.
        lost: Bookings that were acknowledged and are missing, in the table or in the log.
        doubled: Bookings that are in the log more than once.
        good: Whether chain and views verify.
    """

    figures: Figures
    bookings: int
    rows: int
    purchases: int
    lost: int
    doubled: int
    good: bool


def disturb(server: Postgres, running: Service, *, requests: int, clients: int, prefix: str = "b") -> Outcome:
    """Send every booking twice while a worker is killed and PostgreSQL restarted, and count what is there."""
    sent = [booking(number, prefix) for number in range(requests // 2)]
    twice = [each for pair in zip(sent, sent, strict=True) for each in pair]
    faults = {len(twice) // 3: running.kill_a_worker, 2 * len(twice) // 3: server.restart}
    threads: list[threading.Thread] = []

    def done(count: int) -> None:
        if (fault := faults.pop(count, None)) is not None:
            threads.append(threading.Thread(target=fault))
            threads[-1].start()

    figures = asyncio.run(drive(running.port, twice, clients, done))
    for thread in threads:
        thread.join()
    return _count(server.url, figures, {key for key, _body in sent}, prefix)


def _count(url: str, figures: Figures, keys: set[str], prefix: str) -> Outcome:
    hotel = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with hotel.connect() as connection:
        statement = text("SELECT booking FROM bookings WHERE booking LIKE :like")
        found = connection.execute(statement, {"like": f"{prefix}-%"})
        rows = [row.booking for row in found]
    hotel.dispose()
    with Relations.open(url) as engine:
        purchases = [
            each.event.purchase
            for each in engine.events(of=[PurchaseRecorded])
            if isinstance(each.event, PurchaseRecorded) and each.event.purchase.startswith(f"{prefix}-")
        ]
        good = engine.verify().good
    return Outcome(
        figures=figures,
        bookings=len(keys),
        rows=len(rows),
        purchases=len(purchases),
        lost=len(keys - set(rows)) + len(keys - set(purchases)),
        doubled=len(purchases) - len(set(purchases)),
        good=good,
    )


class Comparison(msgspec.Struct):
    """The service beside a plain insert of the same row, in turns.

    Attributes:
        plain: The load of the plain service.
        embedded: The load of the service with the engine.
    """

    plain: Figures
    embedded: Figures

    @property
    def ratio(self) -> float:
        """The service's rate, as a part of the plain one's."""
        return self.embedded.rate / self.plain.rate


def compare(plain: Service, embedded: Service, *, requests: int, clients: int) -> Comparison:
    """Measure both services in turns, each with the same bookings."""
    found = Comparison(Figures(latencies=[]), Figures(latencies=[]))
    for turn in range(_TURNS):
        sent = [booking(number, f"turn{turn}") for number in range(requests // _TURNS)]
        for running, total in ((plain, found.plain), (embedded, found.embedded)):
            figures = asyncio.run(drive(running.port, sent, clients, lambda _count: None))
            total.requests += figures.requests
            total.seconds += figures.seconds
            total.latencies += figures.latencies
    return found


def main(arguments: list[str] | None = None) -> dict[str, Any]:
    """Run both, print the figures, and return them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=20_000, help="requests with the disturbance")
    parser.add_argument("--compared", type=int, default=4_000, help="requests to each service without it")
    parser.add_argument("--clients", type=int, default=32, help="requests at once")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="hotel-", ignore_cleanup_errors=True) as home:
        Path(home).chmod(0o755)
        with postgres(Path(home) / "data") as server:
            with (
                service("examples.hotel.plain:app", server.url) as plain,
                service("examples.hotel.app:app", server.url) as embedded,
            ):
                compared = compare(plain, embedded, requests=given.compared, clients=given.clients)
            with service("examples.hotel.app:app", server.url) as embedded:
                outcome = disturb(server, embedded, requests=given.requests, clients=given.clients)
                seconds = embedded.stop()
    figures = {
        "plain": {"rate": round(compared.plain.rate), "p99_ms": round(compared.plain.percentile(99), 1)},
        "embedded": {"rate": round(compared.embedded.rate), "p99_ms": round(compared.embedded.percentile(99), 1)},
        "ratio": round(compared.ratio, 2),
        "disturbed": {
            "requests": outcome.figures.requests,
            "retries": outcome.figures.retries,
            "rate": round(outcome.figures.rate),
            "p99_ms": round(outcome.figures.percentile(99), 1),
            "bookings": outcome.bookings,
            "rows": outcome.rows,
            "purchases": outcome.purchases,
            "lost": outcome.lost,
            "doubled": outcome.doubled,
            "good": outcome.good,
        },
        "stopped_seconds": round(seconds, 1),
    }
    print(json.dumps(figures, indent=2))
    return figures


if __name__ == "__main__":
    main()
