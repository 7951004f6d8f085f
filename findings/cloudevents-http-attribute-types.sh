#!/usr/bin/env bash
# CloudEvents 1.0 has extension attributes of the types Boolean and Binary, each with a canonical text: true or false,
# and base64. A good guess is that the CloudEvents SDK for Python writes an attribute's value in that form.
#
# What is so, with cloudevents 2.2.0: in HTTP binary mode it writes Python's own text instead, `ce-sealed: True` and
# `ce-digest: b'\x01\xff'`, and gives back the text, not the value. In JSON mode a Boolean is right, and a Binary
# attribute raises a TypeError of json's. So a digest or a flag has to be handed over as a text (hexadecimal, "true").
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

def event(**more):
    return CloudEvent({"id": "1", "source": "/log", "type": "customer.registered", "specversion": "1.0", **more}, {"n": 1})

message = http.to_binary(event(sealed=True, digest=b"\x01\xff"), form)
back = http.from_binary(message, form, CloudEvent).get_attributes()
structured = form.write(event(sealed=True)).decode()
try:
    form.write(event(digest=b"\x01\xff"))
    refused = "written"
except TypeError as error:
    refused = str(error)
seen = [
    version("cloudevents"), message.headers["ce-sealed"], message.headers["ce-digest"], back["sealed"], back["digest"],
    '"sealed": true' in structured, refused,
]
print(*map(repr, seen), sep="\n")
assert seen == [
    "2.2.0", "True", "b'\\x01\\xff'", "True", "b'\\x01\\xff'", True, "Object of type bytes is not JSON serializable",
], "the behaviour has changed"
PY
