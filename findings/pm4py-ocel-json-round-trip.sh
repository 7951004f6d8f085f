#!/usr/bin/env bash
# An OCEL 2.0 log that is read from JSON and written to JSON again: a good guess is that it says the same.
#
# What is so, with pm4py 2.7.23.11: an event without objects (a policy that is adopted, say) is gone, with its type; an
# object without events is gone; the first value of every object attribute is dated 1970-01-01, whatever time it had;
# microseconds are cut off; and an attribute that not every event has changes its type: the integer 3 becomes 3.0, a
# boolean is declared as a string. Nothing is said. For a log that has to be proved, compare with what was written.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check pm4py==2.7.23.11 pandas==3.1.1 numpy==2.4.6
cd "$work"
"$work/venv/bin/python" - 2>/dev/null <<'PY'
import contextlib, io, json
from importlib.metadata import version

with contextlib.redirect_stdout(io.StringIO()):
    import pm4py

def attribute(name, value, **more):
    return {"name": name, "value": value, **more}

log = {
    "objectTypes": [{"name": "customer", "attributes": [{"name": "points", "type": "integer"}]}],
    "eventTypes": [
        {"name": "filed", "attributes": [{"name": "severity", "type": "integer"}, {"name": "on_site", "type": "boolean"}]},
        {"name": "adopted", "attributes": []},
    ],
    "objects": [
        {"id": "c1", "type": "customer", "relationships": [], "attributes": [
            attribute("points", 100, time="2026-05-04T12:00:00Z"), attribute("points", 250, time="2026-05-05T12:00:00Z"),
        ]},
        {"id": "c2", "type": "customer", "relationships": [], "attributes": []},
    ],
    "events": [
        {"id": "e1", "type": "filed", "time": "2026-05-04T12:00:00.123456Z",
         "attributes": [attribute("severity", 3), attribute("on_site", True)],
         "relationships": [{"objectId": "c1", "qualifier": "complainant"}]},
        {"id": "e2", "type": "adopted", "time": "2026-05-04T13:00:00Z", "attributes": [], "relationships": []},
    ],
}
with open("in.json", "w") as file:
    json.dump(log, file)
with contextlib.redirect_stdout(io.StringIO()):
    pm4py.write_ocel2_json(pm4py.read_ocel2_json("in.json"), "out.json")
with open("out.json") as file:
    back = json.load(file)
seen = {
    "pm4py": version("pm4py"),
    "events": [event["id"] for event in back["events"]],
    "event types": [kind["name"] for kind in back["eventTypes"]],
    "objects": [each["id"] for each in back["objects"]],
    "time of the event": back["events"][0]["time"],
    "times of the values": [each["time"] for each in back["objects"][0]["attributes"]],
    "declared types": sorted({each["type"] for kind in back["eventTypes"] for each in kind["attributes"]}),
    "values": sorted(str(each["value"]) for each in back["events"][0]["attributes"]),
}
for name, value in seen.items():
    print(f"{name}: {value}")
assert list(seen.values()) == [
    "2.7.23.11", ["e1"], ["filed"], ["c1"], "2026-05-04T12:00:00Z",
    ["1970-01-01T00:00:00Z", "2026-05-05T12:00:00+00:00"], ["float", "string"], ["3.0", "True"],
], "the behaviour has changed"
PY
