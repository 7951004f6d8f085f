#!/usr/bin/env bash
# A date in XES is an xs:dateTime, whose offset tells the local day and hour of an event. A good guess is that a data
# frame of such a log has times with a zone, since polars has a type for them.
#
# What is so, with r4pm 0.6.2: `df.import_xes` converts every time to UTC and gives a column without a zone. An event at
# half past midnight of 1 January in Shanghai is read as 16:30 of 31 December, and nothing in the frame says that this
# is UTC. So times have to be marked as UTC and converted before days, weekdays or hours are counted.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check r4pm==0.6.2 polars==1.35.2
cat > "$work/log.xes" <<'XES'
<?xml version="1.0" encoding="UTF-8"?>
<log xes.version="1849.2016" xmlns="http://www.xes-standard.org/">
<trace><string key="concept:name" value="c1"/>
<event><string key="concept:name" value="filed"/><date key="time:timestamp" value="2024-01-01T00:30:00+08:00"/></event>
</trace></log>
XES
"$work/venv/bin/python" - "$work/log.xes" <<'PY'
import sys
from datetime import datetime
from importlib.metadata import version

from r4pm import df

table, _ = df.import_xes(sys.argv[1])
found, kind = table["time:timestamp"][0], table.schema["time:timestamp"]
print(f"r4pm {version('r4pm')}: written 2024-01-01T00:30:00+08:00, read {found.isoformat()} as {kind}")
assert kind.time_zone is None
assert found == datetime(2023, 12, 31, 16, 30)
PY
