"""A relay that is killed at every step of a delivery: nothing missing, nothing out of order, one id an event."""

from __future__ import annotations

import json
import os
import signal
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, cast

import pika  # type: ignore[import-untyped] # it has no annotations
import pytest
import redis
from redis.connection import Connection as RedisConnection

from relations import Relations
from relations.log.consuming.positions import Positions
from relations.relay import AmqpTarget, DeadLetters, FileTarget, KafkaTarget, RedisTarget, Relay, WebhookTarget
from relations.relay.delivery import Target
from relations.testing import simulate
from tests.relay.reading import kafka_values
from tests.support.brokers import make_topic
from tests.support.making import SOAKING


class _Steps:
    """Counts steps, and kills the process at one of them."""

    def __init__(self, fatal: int) -> None:
        self.left = fatal

    def step(self) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


class _Halving:
    """A file whose writes come in two halves, with a step between them."""

    def __init__(self, file: Any, steps: _Steps) -> None:
        self._file = file
        self._steps = steps

    def write(self, data: bytes) -> None:
        self._file.write(data[: len(data) // 2])
        self._file.flush()
        self._steps.step()
        self._file.write(data[len(data) // 2 :])

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def stepping(kind: type, name: str, steps: _Steps) -> None:
    """Let a method of a class take a step before and after its work."""
    original: Callable[..., Any] = getattr(kind, name)

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        steps.step()
        done = original(self, *args, **kwargs)
        steps.step()
        return done

    setattr(kind, name, method)


class Place(NamedTuple):
    """A place to which a relay delivers.

    Attributes:
        opened: Opens the target in the process that is going to be killed.
        steps: The methods of its delivery that take a step before and after their work.
        received: Everything that has arrived, in order, as structured CloudEvents.
        cycle: About the number of steps in which a small batch is delivered.
    """

    opened: Callable[[_Steps], Target]
    steps: tuple[tuple[type, str], ...]
    received: Callable[[], list[bytes]]
    cycle: int = 41


@contextmanager
def file_place(_request: pytest.FixtureRequest, home: Path) -> Iterator[Place]:
    def opened(steps: _Steps) -> Target:
        target = FileTarget(home / "events")
        target._file = cast("Any", _Halving(target._file, steps))
        return target

    yield Place(opened, ((FileTarget, "send"),), lambda: (home / "events").read_bytes().splitlines(), cycle=29)


def serve_webhooks(server: ThreadingHTTPServer, path: Path) -> None:
    """Receive webhooks and write each body as a line, until the process is ended."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(length := int(self.headers["content-length"]))
            if len(body) < length:
                return  # the relay was killed while it sent it
            line = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            os.write(line, body + b"\n")  # in one piece, whichever thread is first
            os.close(line)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

        def handle(self) -> None:
            with suppress(OSError):  # the relay was killed before it had its answer
                super().handle()

    server.RequestHandlerClass = Handler
    server.serve_forever()


@contextmanager
def webhook_place(_request: pytest.FixtureRequest, home: Path) -> Iterator[Place]:
    path = home / "webhooks"
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        receiver = os.fork()  # a process of its own, so that this one has no threads when it forks the relay
        if receiver == 0:
            try:
                serve_webhooks(server, path)
            finally:
                os._exit(0)
        url = f"http://127.0.0.1:{server.server_port}/events"
        try:
            yield Place(
                lambda _steps: WebhookTarget(url, lanes=2),
                # The request is out when its answer is read: a kill there comes before the relay knows of the delivery.
                ((WebhookTarget, "_post"), (HTTPConnection, "getresponse")),
                lambda: path.read_bytes().splitlines(),
            )
        finally:
            os.kill(receiver, signal.SIGKILL)
            os.waitpid(receiver, 0)


@contextmanager
def redis_place(request: pytest.FixtureRequest, home: Path) -> Iterator[Place]:
    url, stream = request.getfixturevalue("redis_url"), home.name
    steps = ((RedisTarget, "send"), (RedisConnection, "send_packed_command"), (RedisConnection, "read_response"))

    def received() -> list[bytes]:
        with redis.Redis.from_url(url) as client:
            return [fields[b"event"] for _, fields in client.xrange(stream)]

    yield Place(lambda _steps: RedisTarget(url, stream=stream), steps, received, cycle=61)


@contextmanager
def amqp_place(request: pytest.FixtureRequest, home: Path) -> Iterator[Place]:
    url, name = request.getfixturevalue("amqp_url"), home.name
    steps = (
        (AmqpTarget, "send"),
        (AmqpTarget, "_publish"),
        (pika.adapters.blocking_connection.BlockingChannel, "_flush_output"),
    )
    with closing(pika.BlockingConnection(pika.URLParameters(url))) as connection:
        channel = connection.channel()
        channel.exchange_declare(name, exchange_type="topic", durable=True)
        channel.queue_declare(name, durable=True)
        channel.queue_bind(name, name, "#")

    def received() -> list[bytes]:
        with closing(pika.BlockingConnection(pika.URLParameters(url))) as connection:
            channel, got = connection.channel(), []
            while (answer := channel.basic_get(name, auto_ack=True))[0] is not None:
                got.append(answer[2])
        return got

    yield Place(lambda _steps: AmqpTarget(url, exchange=name), steps, received, cycle=61)


@contextmanager
def kafka_place(request: pytest.FixtureRequest, home: Path) -> Iterator[Place]:
    url = request.getfixturevalue("kafka_url")
    topic = home.name
    make_topic(url, topic, 4)
    steps = ((KafkaTarget, "send"), (KafkaTarget, "_produce"))
    # A producer that numbers its messages waits for its own number, half a second. Each run here has a producer of its
    # own, so that the numbers of one are nothing to the next.
    settings = {} if SOAKING else {"enable.idempotence": False, "enable.gapless.guarantee": False}
    yield Place(
        lambda _steps: KafkaTarget(url, topic=topic, settings=settings), steps, lambda: kafka_values(url, topic)
    )


PLACES = {
    "file": file_place,
    "webhook": webhook_place,
    "redis": redis_place,
    "amqp": amqp_place,
    "kafka": kafka_place,
}


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    with ExitStack() as stack:
        yield stack.enter_context(PLACES[request.param](request, tmp_path))


def relay_until(url: str, place: Place, fatal: int, batch: int) -> bool:
    """Relay in a child that is killed at a step. Return True if it reached the end of the log before."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            steps = _Steps(fatal)
            own = ((Positions, "save"), (Positions, "take"), (DeadLetters, "blocked"))
            for kind, name in (*own, *place.steps):
                stepping(kind, name, steps)
            with (
                Relations.open(url) as engine,
                Relay(engine, place.opened(steps), batch=batch, lease_seconds=0.02) as relay,
            ):
                relay.run(once=True)
                code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return False
    assert os.WEXITSTATUS(status) == 0
    return True


def assert_delivered(url: str, lines: list[bytes]) -> None:
    with Relations.open(url) as engine:
        expected: dict[str, list[str]] = defaultdict(list)
        digests = {}
        for event in engine.events():
            expected[event.customer or event.stream].append(f"{event.stream}@{event.version}")
            digests[f"{event.stream}@{event.version}"] = event.digest.hex()
        assert engine.status().consumers[0].behind == 0
        assert DeadLetters(engine.log.database).count() == {}
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for line in lines:
        sent = json.loads(line)
        assert sent["relationsdigest"] == digests[sent["id"]]
        # What belongs to no customer is in order within its stream.
        found[sent.get("subject") or sent["id"].rpartition("@")[0]].setdefault(sent["id"])
    assert {key: list(ids) for key, ids in found.items()} == expected
    assert len(lines) > len(digests), "no event was sent twice, so no kill came between delivery and acknowledgement"


def test_a_relay_that_is_killed_at_every_step_delivers_everything_in_order(sqlite_url: str, place: Place) -> None:
    with Relations.open(sqlite_url) as engine:
        engine.execute_many(islice(simulate(), 24))
    # Each run is killed one step later than the one before, so a delivery meets a kill at each of its steps.
    kills = 0
    while not relay_until(sqlite_url, place, 1 + kills % place.cycle, batch=4):
        kills += 1
        assert kills < 300
    assert kills > 8
    assert_delivered(sqlite_url, place.received())


@pytest.mark.soak
def test_ten_thousand_events_survive_kills_at_every_step(sqlite_url: str, place: Place) -> None:
    with Relations.open(sqlite_url) as engine:
        engine.execute_many(islice(simulate(), 9_500))
        assert engine.status().position > 10_000
    kills = 0
    while not relay_until(sqlite_url, place, 1 + (kills * 7) % (5 * place.cycle), batch=20):
        kills += 1
        assert kills < 5_000
    lines = place.received()
    print(f"{kills} kills, {len(lines)} deliveries")
    assert kills > 20
    assert_delivered(sqlite_url, lines)
