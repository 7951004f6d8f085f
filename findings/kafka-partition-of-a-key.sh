#!/usr/bin/env bash
# Two services in Python write events of the same customer to one Kafka topic, both with the customer's id as the key:
# one with confluent-kafka, one with kafka-python. A good guess is that a customer's events share a partition, and with
# it their order.
#
# What is so, with confluent-kafka 2.16.1 (librdkafka) and kafka-python 3.0.12: each client hashes the key in a way of
# its own. librdkafka takes CRC-32 unless it is told otherwise, kafka-python murmur2, like the client in Java. Of 1,000
# keys on 4 partitions 256 meet, as chance has it. With `partitioner=murmur2_random` librdkafka puts all 1,000 where
# the other does. (Run against the cluster that librdkafka simulates for tests; a delivery report names the partition.)
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check confluent-kafka==2.16.1 kafka-python==3.0.12
"$work/venv/bin/python" - <<'PY'
from importlib.metadata import version
from types import SimpleNamespace

from confluent_kafka import Producer
from kafka.partitioner import DefaultPartitioner

keys = [f"customer-{number}".encode() for number in range(1000)]
cluster = SimpleNamespace(topics=lambda: {"events"}, partitions_for_topic=lambda topic: range(4), available_partitions_for_topic=lambda topic: range(4))
other = {key: DefaultPartitioner().partition("events", key, key, b"{}", b"{}", cluster) for key in keys}

def in_the_same_place(**settings):
    producer, found = Producer({"bootstrap.servers": "", "test.mock.num.brokers": 1, "log_level": 0, **settings}), {}
    assert len(producer.list_topics("events", timeout=10).topics["events"].partitions) == 4
    for key in keys:
        producer.produce("events", key=key, value=b"{}", on_delivery=lambda error, message: found.update({message.key(): message.partition()}))
    assert producer.flush(30) == 0
    return sum(found[key] == other[key] for key in keys)

seen = [version("confluent-kafka"), version("kafka-python"), in_the_same_place(), in_the_same_place(partitioner="murmur2_random")]
print(*seen)
assert seen == ["2.16.1", "3.0.12", 256, 1000], "the behaviour has changed"
PY
