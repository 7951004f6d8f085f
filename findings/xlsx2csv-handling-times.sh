#!/usr/bin/env bash
# Help desks export handling times as spreadsheets, in cells of the format [h]:mm:ss, which shows 30:15:00 for thirty
# hours and a quarter. A good guess is that xlsx2csv, which polars offers as an engine for Excel, writes 30:15.
#
# What is so, with xlsx2csv 0.8.6: it writes 06:15. Whole days are gone without a word. In the format [h]:mm the same time
# becomes 1.260417, and ninety minutes in [mm]:ss 0.0625, which are days. openpyxl and python-calamine give all three as
# durations.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check xlsx2csv==0.8.6 openpyxl==3.1.5 python-calamine==0.9.1
cd "$work"
"$work/venv/bin/python" - <<'PY'
from datetime import timedelta
from importlib.metadata import version
from io import StringIO

from openpyxl import Workbook, load_workbook
from python_calamine import CalamineWorkbook
from xlsx2csv import Xlsx2csv

book = Workbook()
long = timedelta(hours=30, minutes=15)
times = [(long, "[h]:mm:ss"), (long, "[h]:mm"), (timedelta(minutes=90), "[mm]:ss")]
for row, (time, form) in enumerate(times, 1):
    book.active.cell(row, 1, time).number_format = form
book.save("cases.xlsx")
written = StringIO()
Xlsx2csv("cases.xlsx").convert(written)
found = written.getvalue().split()
calamine = [row[0] for row in CalamineWorkbook.from_path("cases.xlsx").get_sheet_by_index(0).to_python()]
openpyxl = [cell.value for (cell,) in load_workbook("cases.xlsx").active.iter_rows()]
print("xlsx2csv", version("xlsx2csv"), found, "others:", [str(each) for each in calamine])
assert version("xlsx2csv") == "0.8.6"
assert found == ["06:15", "1.260417", "0.0625"], "the behaviour has changed"
assert calamine == openpyxl == [time for time, _ in times]
PY
