"""Reading what has arrived at a broker of Kafka's protocol."""

from __future__ import annotations

from typing import Any

import confluent_kafka
from confluent_kafka import TopicPartition


def kafka_messages(url: str, topic: str) -> list[Any]:
    """Return every message of a topic, each partition's in order."""
    consumer = confluent_kafka.Consumer(
        {"bootstrap.servers": url.removeprefix("kafka://"), "group.id": "test", "enable.partition.eof": True}
    )
    found: list[Any] = []
    try:
        left = set(consumer.list_topics(topic, timeout=20).topics[topic].partitions)
        consumer.assign([TopicPartition(topic, each, 0) for each in left])
        while left:
            message = consumer.poll(20)
            assert message is not None, "the broker has stopped answering"
            if (error := message.error()) is None:
                found.append(message)
            else:
                assert error.name() == "_PARTITION_EOF", error
                left.discard(message.partition() or 0)
    finally:
        consumer.close()
    return found


def kafka_values(url: str, topic: str) -> list[bytes]:
    """Return the bodies of every message of a topic, each partition's in order."""
    return [message.value() for message in kafka_messages(url, topic)]
