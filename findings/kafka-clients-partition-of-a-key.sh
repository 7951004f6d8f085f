#!/usr/bin/env bash
# A key of Kafka names a partition, so a good guess is that all clients send the same key to the same partition, and that
# two topics with as many partitions and the same keys can be joined.
#
# What is so, with confluent-kafka 2.16.1 and kafka-python 2.2.15: librdkafka's default partitioner is `consistent_random`
# (CRC32 of the key), that of Java's clients, Kafka Streams and kafka-python is murmur2. The same key goes to different
# partitions. `partitioner=murmur2_random` makes them the same.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check confluent-kafka==2.16.1 kafka-python==2.2.15
"$work/venv/bin/python" - <<'PY'
from confluent_kafka import Producer
from kafka.partitioner.default import murmur2

KEYS = [f"customer-{number}" for number in range(40)]

def partitions(**settings):
    """Where the brokers that librdkafka carries for tests get each key; a topic of theirs has four partitions."""
    found = {}
    producer = Producer({"bootstrap.servers": "ignored", "test.mock.num.brokers": 1, "log_level": 0, **settings})
    for key in KEYS:
        producer.produce("topic", b"", key=key, on_delivery=lambda _, sent: found.update({sent.key().decode(): sent.partition()}))
    producer.flush(20)
    return found

java = {key: (murmur2(key.encode()) & 0x7FFFFFFF) % 4 for key in KEYS}
default, murmur = partitions(), partitions(partitioner="murmur2_random")
same = sum(default[key] == java[key] for key in KEYS)
print(f"{same} of {len(KEYS)} keys in the same partition by default, {sum(murmur[k] == java[k] for k in KEYS)} with murmur2_random")
assert same < len(KEYS) and murmur == java, "the behaviour has changed"
PY
