#!/usr/bin/env bash
# Pydantic describes a timedelta in JSON Schema as a string of the format "duration", and writes it as ISO 8601. A good
# guess is that what it writes is valid under the schema that it gives.
#
# What is so, with pydantic 2.14.3: half a second is written as "PT0.5S". The format "duration" of JSON Schema is the
# grammar of RFC 3339, Appendix A, which has whole seconds only. A validator that checks formats (jsonschema-rs 0.60.3)
# refuses the answer, and so does schemathesis against a running service. Whole seconds pass. So an answer with
# durations needs a pattern in place of the format.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check pydantic==2.14.3 jsonschema-rs==0.60.3
"$work/venv/bin/python" - <<'PY'
import json
from datetime import timedelta
from importlib.metadata import version

from jsonschema_rs import Draft202012Validator
from pydantic import TypeAdapter

adapter = TypeAdapter(timedelta)
schema = adapter.json_schema(mode="serialization")
check = Draft202012Validator(schema, validate_formats=True).is_valid
half, whole = (json.loads(adapter.dump_json(each)) for each in (timedelta(milliseconds=500), timedelta(days=2, seconds=3)))
seen = [version("pydantic"), schema, half, check(half), whole, check(whole), adapter.validate_python(half)]
print(*map(repr, seen), sep="\n")
assert seen == [
    "2.14.3", {"format": "duration", "type": "string"}, "PT0.5S", False, "P2DT3S", True, timedelta(milliseconds=500),
], "the behaviour has changed"
PY
