#!/usr/bin/env bash
# An event store often has its bodies as JSON texts. A good guess is that such a text, given as the data of a CloudEvent
# of the type application/json, reaches a receiver as the same value in structured and in binary mode.
#
# What is so, with cloudevents 2.2.0: structured mode takes the text for a value and encodes it once more, so the
# receiver gets a string. Binary mode takes it for encoded JSON and sends it as it is, so the receiver gets the object.
# The other way round, the value "gold" is a JSON string in structured mode, and in binary mode the body `gold`, which
# is no JSON. Nothing is said. A decoded body is right in both, unless it is a string.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check cloudevents==2.2.0
"$work/venv/bin/python" - <<'PY'
from importlib.metadata import version

from cloudevents.core.bindings import http
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

form = JSONFormat()

def sent(data):
    event = CloudEvent({"id": "1", "source": "/log", "type": "points.earned", "specversion": "1.0", "datacontenttype": "application/json"}, data)
    structured, binary = http.to_structured(event, form), http.to_binary(event, form)
    return {
        "structured": form.read(CloudEvent, structured.body).get_data(),
        "body": binary.body,
        "binary": http.from_binary(binary, form, CloudEvent).get_data(),
    }

seen = [version("cloudevents"), *map(sent, ['{"points": 3}', "gold", {"points": 3}])]
print(*seen, sep="\n")
assert seen == [
    "2.2.0",
    {"structured": '{"points": 3}', "body": b'{"points": 3}', "binary": {"points": 3}},
    {"structured": "gold", "body": b"gold", "binary": "gold"},
    {"structured": {"points": 3}, "body": b'{"points": 3}', "binary": {"points": 3}},
], "the behaviour has changed"
PY
