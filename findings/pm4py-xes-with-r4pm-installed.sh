#!/usr/bin/env bash
# XES has attributes inside attributes, and lists: the tags of a ticket, say. A good guess is that `pm4py.read_xes` gives
# the same data frame for the same file, whatever other packages are installed.
#
# What is so, with pm4py 2.7.23.11 and r4pm 0.6.2: pm4py lets r4pm read as soon as it can be imported. Without it, a list
# comes as a dict with its values, and so does an attribute with inner ones. With it, the list is one text in the syntax
# in which Rust prints values for debugging, and inner attributes are gone. Writing the log again makes that text the
# value in the file. `variant="iterparse"` asks for pm4py's own reader.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check pm4py==2.7.23.11 pandas==3.1.1 numpy==2.4.6
cd "$work"
cat > log.xes <<'XES'
<?xml version="1.0" encoding="UTF-8"?>
<log xes.version="1849.2016" xes.features="nested-attributes" xmlns="http://www.xes-standard.org/">
<trace><string key="concept:name" value="ticket-1"/>
<event><string key="concept:name" value="filed"/><date key="time:timestamp" value="2026-05-04T12:00:00Z"/>
<list key="tags"><values><string key="tag" value="room"/><string key="tag" value="noise"/></values></list>
<string key="channel" value="phone"><int key="calls" value="3"/></string></event></trace></log>
XES
cat > read.py <<'PY'
import json, sys, warnings

warnings.simplefilter("ignore")
import pm4py

options = {"variant": sys.argv[1]} if len(sys.argv) > 1 else {}
event = pm4py.read_xes("log.xes", **options).to_dict("records")[0]
pm4py.write_xes(pm4py.read_xes("log.xes", **options), "back.xes")
with open("back.xes") as file:
    back = file.read()
json.dump([event["tags"], event["channel"], "Attribute {" in back], sys.stdout)
PY
read_it() { "$work/venv/bin/python" read.py "$@" 2> /dev/null | tail -n 1; }
alone=$(read_it)
"$work/venv/bin/pip" install --quiet --disable-pip-version-check r4pm==0.6.2 polars==2.1.0 pyarrow==26.0.1
beside=$(read_it); asked=$(read_it iterparse)
printf 'pm4py alone:     %s\nr4pm installed:  %s\nvariant asked:   %s\n' "$alone" "$beside" "$asked"
"$work/venv/bin/python" - "$alone" "$beside" "$asked" <<'PY'
import json, sys
from importlib.metadata import version

alone, beside, asked = map(json.loads, sys.argv[1:])
whole = [{"value": None, "children": [["tag", "room"], ["tag", "noise"]]}, {"value": "phone", "children": {"calls": 3}}, False]
text = '[Attribute { key: "tag", value: String("room"), own_attributes: None }, Attribute { key: "tag", value: String("noise"), own_attributes: None }]'
assert (version("pm4py"), version("r4pm"), alone, beside, asked) == (
    "2.7.23.11", "0.6.2", whole, [text, "phone", True], whole,
), "the behaviour has changed"
PY
