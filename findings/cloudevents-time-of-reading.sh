#!/usr/bin/env bash
# The attribute `time` of a CloudEvent is optional, and may have any fraction of a second. A good guess is that an event
# read without a time has none, and that a time written in any mode is read again as it was.
#
# What is so, with cloudevents 2.2.0: an event without a time gets the moment of reading, in every mode. Read twice, it
# is dated twice, and nothing tells such a time from one that the producer gave. In AMQP's binary mode a time is a bare
# number of milliseconds: microseconds and the offset are gone, and a client such as pika sends it as an integer, where
# the protocol has a type for times. So look for `time` in the message itself before the SDK reads it.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check cloudevents==2.2.0
"$work/venv/bin/python" - <<'PY'
from datetime import datetime, timedelta, timezone
from importlib.metadata import version

from cloudevents.core.bindings import amqp, http, kafka
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

form = JSONFormat()
headers = {"id": "1", "source": "/log", "type": "customer.registered", "specversion": "1.0"}
began = datetime.now(timezone.utc)
read = {
    "json": form.read(CloudEvent, b'{"id": "1", "source": "/log", "type": "customer.registered", "specversion": "1.0"}'),
    "http": http.from_binary(http.HTTPMessage({f"ce-{name}": value for name, value in headers.items()}, b""), form, CloudEvent),
    "kafka": kafka.from_binary(
        kafka.KafkaMessage(headers={f"ce_{name}": value.encode() for name, value in headers.items()}, key=None, value=b""), form, CloudEvent
    ),
    "amqp": amqp.from_binary(
        amqp.AMQPMessage(properties={}, application_properties={f"cloudEvents_{name}": value for name, value in headers.items()}, application_data=b""),
        form, CloudEvent,
    ),
}
for name, event in read.items():
    print(name, event.get_attributes())
invented = [name for name, event in read.items() if began <= event.get_attributes()["time"] <= datetime.now(timezone.utc)]

at = datetime(2026, 5, 4, 20, 0, 0, 123456, timezone(timedelta(hours=8)))
message = amqp.to_binary(CloudEvent({**headers, "time": at}, {"n": 1}), form)
written = message.application_properties["cloudEvents_time"]
back = amqp.from_binary(message, form, CloudEvent).get_attributes()["time"]
print("AMQP:", at.isoformat(), "is written as", repr(written), "and read as", back.isoformat())
seen = [version("cloudevents"), invented, written, back.isoformat()]
assert seen == [
    "2.2.0", ["json", "http", "kafka", "amqp"], 1777896000123, "2026-05-04T12:00:00.123000+00:00",
], "the behaviour has changed"
PY
