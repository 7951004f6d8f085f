#!/usr/bin/env bash
# A contract from 1 January 2023 to 1 January 2024 lasts twelve months, and one from 1 February to 1 March one month. A
# good guess is that `lifelines.utils.datetimes_to_durations` with `freq="M"`, which prepares contracts for a survival
# curve, says so.
#
# What is so, with lifelines 0.30.3: 11 and 0. A month is a twelfth of 365.2425 days, and the quotient is cut off. Of the
# contracts over one whole calendar month, five of twelve last 0 months, which a curve takes for an end at its beginning;
# whole years last 0 years except for leap years. Count months by the calendar, or take days.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check lifelines==0.30.3 pandas==2.3.3 numpy==2.4.6
"$work/venv/bin/python" - <<'PY'
import warnings
from importlib.metadata import version

from lifelines.utils import datetimes_to_durations

warnings.simplefilter("ignore")


def lasting(freq, *spans):
    starts, ends = zip(*spans)
    return [int(n) for n in datetimes_to_durations(list(starts), list(ends), freq=freq)[0]]


firsts = [f"2023-{month:02}-01" for month in range(1, 13)] + ["2024-01-01"]
months = lasting("M", *zip(firsts, firsts[1:]))
years = lasting("Y", ("2023-01-01", "2024-01-01"), ("2024-01-01", "2025-01-01"), ("2025-01-01", "2026-01-01"))
twelve = lasting("M", ("2023-01-01", "2024-01-01"))
print("lifelines", version("lifelines"))
print("whole calendar months of 2023:", months, "the year 2023 in months:", twelve, "2023, 2024, 2025 in years:", years)
assert version("lifelines") == "0.30.3"
assert (months.count(0), twelve, years) == (5, [11], [0, 1, 0]), "the behaviour has changed"
PY
