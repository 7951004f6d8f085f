"""The relay to real brokers: Redis, RabbitMQ, and the Kafka that librdkafka carries for tests."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from socket import SHUT_RDWR
from typing import Any

import confluent_kafka
import pika  # type: ignore[import-untyped] # it has no annotations
import pytest
import redis
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from relations import Relations
from relations.relay import AmqpTarget, KafkaTarget, RedisTarget, Relay, TargetMisconfigured
from relations.testing import simulate
from tests.conftest import absent
from tests.support.brokers import RABBITMQ, REDIS, rabbitmq_running, redis_running


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    if REDIS is None:
        absent("there is no redis-server; run `make brokers`")
    with tempfile.TemporaryDirectory() as home, redis_running(Path(home)) as url:
        yield url


@pytest.fixture(scope="module")
def amqp_url() -> Iterator[str]:
    if not RABBITMQ.exists():
        absent("there is no rabbitmq-server; run `make brokers`")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home, rabbitmq_running(Path(home)) as url:
        yield url


@pytest.fixture
def engine(sqlite_url: str) -> Iterator[Relations]:
    with Relations.open(sqlite_url) as engine:
        engine.execute_many(islice(simulate(), 60))
        yield engine


def ids(engine: Relations) -> list[str]:
    return [f"{event.stream}@{event.version}" for event in engine.events()]


def assert_accepted(engine: Relations, documents: list[bytes]) -> None:
    """The CloudEvents SDK reads what arrived, and it is the log, in its order."""
    events = [JSONFormat().read(CloudEvent, document) for document in documents]
    assert [event.get_id() for event in events] == ids(engine)
    assert len(events) > 60


def test_redis_has_the_log_in_its_order(engine: Relations, redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        for mode in ("structured", "binary"):
            with Relay(engine, RedisTarget(redis_url, stream=mode, mode=mode), name=mode, batch=25) as relay:
                assert relay.run(once=True).delivered == engine.status().position
        structured = [fields for _, fields in client.xrange("structured")]
        binary = [fields for _, fields in client.xrange("binary")]
        assert_accepted(engine, [fields[b"event"] for fields in structured])
        assert [fields[b"id"].decode() for fields in binary] == ids(engine)
        assert [json.loads(fields[b"data"]) for fields in binary] == [
            json.loads(fields[b"event"])["data"] for fields in structured
        ]
        client.set("taken", "by something else")
    with (
        Relay(engine, RedisTarget(redis_url, stream="taken"), name="taken") as relay,
        pytest.raises(TargetMisconfigured, match="WRONGTYPE"),
    ):
        relay.run(once=True)


def test_rabbitmq_has_the_log_in_its_order(engine: Relations, amqp_url: str) -> None:
    with closing(pika.BlockingConnection(pika.URLParameters(amqp_url))) as connection:
        channel = connection.channel()
        with (
            Relay(engine, AmqpTarget(amqp_url), name="early") as relay,
            pytest.raises(TargetMisconfigured, match="has no queue for"),
        ):
            relay.run(once=True)
        channel.queue_declare("all", durable=True)
        channel.queue_bind("all", "relations", "#")
        for mode in ("structured", "binary"):
            with Relay(engine, AmqpTarget(amqp_url, mode=mode), name=mode) as relay:
                assert relay.run(once=True).delivered == engine.status().position
        got: list[Any] = []
        while (answer := channel.basic_get("all", auto_ack=True))[0] is not None:
            got.append(answer)
    half = engine.status().position
    assert len(got) == 2 * half
    assert_accepted(engine, [body for _, _, body in got[:half]])
    for (_, properties, body), (_, structured, document) in zip(got[half:], got[:half], strict=True):
        assert properties.headers["cloudEvents_id"] == properties.message_id == structured.message_id
        assert properties.headers["cloudEvents_type"] == properties.type
        assert json.loads(body) == json.loads(document)["data"]


def test_a_broker_that_closed_an_idle_connection_gets_the_next_event(engine: Relations, amqp_url: str) -> None:
    with closing(pika.BlockingConnection(pika.URLParameters(amqp_url))) as connection:
        channel = connection.channel()
        channel.exchange_declare("idle", exchange_type="topic", durable=True)
        channel.queue_declare("idle")
        channel.queue_bind("idle", "idle", "#")
        with Relay(engine, AmqpTarget(amqp_url, exchange="idle"), name="idle") as relay:
            relay.run(once=True)
            relay.target._connection._impl._transport._sock.shutdown(SHUT_RDWR)  # type: ignore[attr-defined]
            engine.execute_many(islice(simulate(), 60, 70))
            report = relay.run(once=True)
        assert report.retries == 0
        assert report.delivered == engine.status().position


def test_kafka_has_each_customers_events_in_one_partition_in_order(engine: Relations) -> None:
    target = KafkaTarget("kafka://ignored", mode="binary", settings={"test.mock.num.brokers": 1})
    with Relay(engine, target, batch=25) as relay:
        assert relay.run(once=True).delivered == engine.status().position
        # The brokers live as long as the producer; a second client finds them by their address.
        brokers = target._producer.list_topics(timeout=10).brokers.values()
        address = ",".join(f"{broker.host}:{broker.port}" for broker in brokers)
        consumer = confluent_kafka.Consumer(
            {"bootstrap.servers": address, "group.id": "test", "auto.offset.reset": "earliest"}
        )
        consumer.subscribe(["relations"])
        try:
            got: list[Any] = [consumer.poll(10) for _ in range(engine.status().position)]
        finally:
            consumer.close()
    assert None not in got
    found: dict[bytes, list[str]] = {}
    partitions: dict[bytes, set[int]] = {}
    for each in got:
        headers = dict(each.headers())
        found.setdefault(each.key(), []).append(headers["ce_id"].decode())
        partitions.setdefault(each.key(), set()).add(each.partition())
        assert headers["content-type"] == b"application/json"
    expected: dict[bytes, list[str]] = {}
    for event in engine.events():
        key = (event.customer or event.stream).encode()
        expected.setdefault(key, []).append(f"{event.stream}@{event.version}")
    assert found == expected
    assert all(len(each) == 1 for each in partitions.values())
