#!/usr/bin/env bash
# OCEL 2.0 in SQLite stores a boolean as 1 or 0. A good guess is that r4pm, whose JSON and XML round trips are faithful,
# stores it so, or at least reads what it wrote.
#
# What is so, with r4pm 0.6.2: it writes the text 'true', and reading its own file drops the attribute's value without a
# word. The attribute stays declared. JSON and XML of the same log keep it. So a boolean that has to survive in SQLite
# is better an integer.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check r4pm==0.6.2
cd "$work"
"$work/venv/bin/python" - <<'PY'
import json, sqlite3
from importlib.metadata import version

import r4pm

log = {
    "objectTypes": [], "objects": [],
    "eventTypes": [{"name": "filed", "attributes": [{"name": "on_site", "type": "boolean"}, {"name": "floor", "type": "integer"}]}],
    "events": [{"id": "e1", "type": "filed", "time": "2026-05-04T12:00:00Z", "relationships": [],
                "attributes": [{"name": "on_site", "value": True}, {"name": "floor", "value": 3}]}],
}
with open("in.json", "w") as file:
    json.dump(log, file)

def round_trip(name):
    r4pm.export_item(r4pm.import_item("OCEL", "in.json"), name)
    r4pm.export_item(r4pm.import_item("OCEL", name), "back.json")
    with open("back.json") as file:
        back = json.load(file)
    return {each["name"]: each["value"] for each in back["events"][0]["attributes"]}

seen = {
    "r4pm": version("r4pm"),
    "json": round_trip("out.json"),
    "xml": round_trip("out.xml"),
    "sqlite": round_trip("out.sqlite"),
    "stored": sqlite3.connect("out.sqlite").execute("SELECT on_site, typeof(on_site), floor FROM event_filed").fetchone(),
}
for name, value in seen.items():
    print(f"{name}: {value}")
whole = {"on_site": True, "floor": 3}
assert list(seen.values()) == ["0.6.2", whole, whole, {"floor": 3}, ("true", "text", 3)], "the behaviour has changed"
PY
