#!/usr/bin/env bash
# Models of repeat buying are tested on a held-out period. `calibration_and_holdout_data` of Lifetimes gives, for both
# periods, how often a customer bought and the mean value. A good guess is that both values are means of the same thing.
#
# What is so, with Lifetimes 0.11.3: the first is a mean of days with purchases, the second of single purchases. Somebody
# who spends 10 and 30 on one day and 50 on another has a frequency of 2 in either period, but a value of 45 in the first
# and 30 in the second. A model that predicts perfectly looks too high by a half. Sum the purchases of a day before.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check Lifetimes==0.11.3 pandas==2.3.3 numpy==2.4.6
"$work/venv/bin/python" - <<'PY'
import warnings
from importlib.metadata import version

warnings.simplefilter("ignore")
import pandas as pd
from lifetimes.utils import calibration_and_holdout_data

days = ["2024-01-01", "2024-02-01", "2024-02-01", "2024-03-01", "2024-08-01", "2024-08-01", "2024-09-01"]
frame = pd.DataFrame({"customer": "ann", "day": pd.to_datetime(days), "value": [20.0, 10, 30, 50, 10, 30, 50]})


def split(purchases):
    (found,) = calibration_and_holdout_data(
        purchases, "customer", "day", "2024-06-30", observation_period_end="2024-12-31", monetary_value_col="value"
    ).to_dict("records")
    return [float(found[f"{what}_{part}"]) for part in ("cal", "holdout") for what in ("frequency", "monetary_value")]


single, by_day = split(frame), split(frame.groupby(["customer", "day"], as_index=False).value.sum())
print("Lifetimes", version("Lifetimes"), "single purchases:", single, "summed by day:", by_day)
assert version("Lifetimes") == "0.11.3"
assert single == [2, 45, 2, 30], "the behaviour has changed"
assert by_day == [2, 45, 2, 45]
PY
