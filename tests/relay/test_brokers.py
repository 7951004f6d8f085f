"""The relay to real brokers: Redis, RabbitMQ, and two that speak Kafka's protocol."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from socket import SHUT_RDWR
from typing import Any

import pika  # type: ignore[import-untyped] # it has no annotations
import pytest
import redis
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from relations import Relations
from relations.relay import AmqpTarget, KafkaTarget, RedisTarget, Relay, TargetMisconfigured
from relations.testing import simulate
from tests.relay.reading import kafka_messages, kafka_values
from tests.support.brokers import make_topic


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


def _murmur2(key: bytes) -> int:
    """Java's partitioner: MurmurHash2 with the seed 0x9747b28c, without its sign (Kafka's `Utils.murmur2`)."""
    m, mask, whole = 0x5BD1E995, 0xFFFFFFFF, len(key) // 4 * 4
    found = 0x9747B28C ^ len(key)
    for start in range(0, whole, 4):
        part = int.from_bytes(key[start : start + 4], "little") * m & mask
        found = found * m & mask ^ ((part ^ part >> 24) * m & mask)
    if rest := key[whole:]:
        found = (found ^ int.from_bytes(rest, "little")) * m & mask
    found = (found ^ found >> 13) * m & mask
    return (found ^ found >> 15) & 0x7FFFFFFF


def assert_each_customer_in_one_partition(engine: Relations, got: list[Any], partitions: int) -> None:
    found: dict[bytes, list[str]] = {}
    for each in got:
        headers = dict(each.headers())
        found.setdefault(each.key(), []).append(headers["ce_id"].decode())
        assert headers["content-type"] == b"application/json"
        assert each.partition() == _murmur2(each.key()) % partitions
    expected: dict[bytes, list[str]] = {}
    for event in engine.events():
        key = (event.customer or event.stream).encode()
        expected.setdefault(key, []).append(f"{event.stream}@{event.version}")
    assert found == expected


def test_the_oracle_of_partitions_is_javas() -> None:
    """The values are those of Kafka's own test of `Utils.murmur2`."""
    known = {b"21": -973932308, b"foobar": -790332482, b"a-little-bit-long-string": -985981536}
    assert {key: _murmur2(key) for key in known} == {key: value & 0x7FFFFFFF for key, value in known.items()}


def test_kafkas_clients_have_each_customers_events_in_javas_partition(engine: Relations) -> None:
    """On the brokers that librdkafka carries for tests."""
    target = KafkaTarget("kafka://ignored", mode="binary", settings={"test.mock.num.brokers": 1})
    with Relay(engine, target, batch=25) as relay:
        assert relay.run(once=True).delivered == engine.status().position
        # The brokers live as long as the producer; a second client finds them by their address.
        (broker,) = target._producer.list_topics(timeout=10).brokers.values()
        got = kafka_messages(f"kafka://{broker.host}:{broker.port}", "relations")
    assert_each_customer_in_one_partition(engine, got, 4)


def test_a_broker_of_kafkas_protocol_has_each_customers_events_in_javas_partition(
    engine: Relations, kafka_url: str
) -> None:
    make_topic(kafka_url, "twelve", 12)
    with Relay(engine, KafkaTarget(kafka_url, topic="twelve", mode="binary"), batch=25) as relay:
        assert relay.run(once=True).delivered == engine.status().position
    got = kafka_messages(kafka_url, "twelve")
    assert_each_customer_in_one_partition(engine, got, 12)
    assert len({each.partition() for each in got}) > 4
    with Relay(engine, KafkaTarget(kafka_url, topic="structured"), name="structured") as relay:
        relay.run(once=True)
    arrived = [JSONFormat().read(CloudEvent, body).get_id() for body in kafka_values(kafka_url, "structured")]
    assert sorted(arrived) == sorted(ids(engine))
