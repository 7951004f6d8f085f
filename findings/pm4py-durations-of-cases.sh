#!/usr/bin/env bash
# How long did each complaint take? pm4py reads an event log and has `get_all_case_durations`. A good guess is that the
# durations come in the order of the cases, so that they can be put next to the cases' ids.
#
# What is so, with pm4py 2.7.23.11: they are sorted, the shortest first, and nothing says which case each belongs to. Put
# next to the ids, a case of 66 hours seems to have taken half an hour. `get_case_duration` answers for one case.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check pm4py==2.7.23.11 pandas==2.3.3 numpy==2.4.6
"$work/venv/bin/python" - <<'PY' 2>/dev/null | grep '^pm4py'
import warnings
from importlib.metadata import version

warnings.simplefilter("ignore")
import pandas as pd
import pm4py

times = {"k1": ("03 16:00", "06 10:00"), "k2": ("01 09:00", "01 09:30"), "k3": ("01 09:00", "01 12:00")}
rows = [(case, what, f"2024-05-{at}") for case, both in times.items() for what, at in zip(("filed", "resolved"), both)]
log = pd.DataFrame(rows, columns=["case:concept:name", "concept:name", "time:timestamp"])
log["time:timestamp"] = pd.to_datetime(log["time:timestamp"], utc=True)
together = pm4py.get_all_case_durations(log)
single = [pm4py.get_case_duration(log, case) for case in times]
assert version("pm4py") == "2.7.23.11"
assert (together, single) == ([1800, 10800, 237600], [237600, 1800, 10800]), "the behaviour has changed"
print("pm4py", version("pm4py"), "together:", together, "case by case:", dict(zip(times, single)))
PY
