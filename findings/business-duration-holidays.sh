#!/usr/bin/env bash
# A service level in business hours leaves holidays out. business-duration takes them as a list. A good guess is that
# holidays from a column of pandas, which hold timestamps, count as the days that they are, or raise an error.
#
# What is so, with business-duration 0.68: a list of timestamps, or of texts such as "2024-05-01", is accepted and has no
# effect. From 16:00 on 30 April to 10:00 on 2 May, with hours from 9 to 17, 10 hours have passed and not 2. Only
# `datetime.date` counts. Turn a column into dates first: `series.dt.date`.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check business-duration==0.68 pandas==2.3.3 numpy==2.4.6
"$work/venv/bin/python" - <<'PY'
from datetime import date, time
from importlib.metadata import version

import pandas as pd
from business_duration import businessDuration

start, end = pd.Timestamp("2024-04-30 16:00"), pd.Timestamp("2024-05-02 10:00")
holidays = pd.Series(["2024-05-01"])


def hours(listed):
    return businessDuration(start, end, time(9), time(17), holidaylist=listed, unit="hour")


found = {
    "dates": hours([date(2024, 5, 1)]),
    "timestamps": hours(list(pd.to_datetime(holidays))),
    "texts": hours(list(holidays)),
    "dates of timestamps": hours(list(pd.to_datetime(holidays).dt.date)),
}
print("business-duration", version("business-duration"), found)
assert version("business-duration") == "0.68"
assert found == {"dates": 2.0, "timestamps": 10.0, "texts": 10.0, "dates of timestamps": 2.0}, "the behaviour has changed"
PY
