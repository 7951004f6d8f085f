#!/usr/bin/env bash
# Models of repeat buying want each customer's frequency, recency and age, often in weeks. A good guess is that Lifetimes
# with `freq="W"` counts weeks of seven days from the customer's first purchase.
#
# What is so, with Lifetimes 0.11.3: it counts calendar weeks that end on Sunday. Who buys on a Sunday and again the
# next day has come back after one week. Who buys on a Monday and again six days later, on the Sunday, has never come
# back: frequency 0, and the second amount counts as part of the first purchase. Two customers a day apart can have ages
# of 4 and 3 weeks. Days (`freq="D"`) with `freq_multiplier=7` give 1/7 and 6/7 of a week.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check Lifetimes==0.11.3 pandas==3.1.1 numpy==2.4.6 scipy==1.17.1 autograd==1.9.1 dill==0.4.1
"$work/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import pandas
from lifetimes.utils import summary_data_from_transaction_data

bought = pandas.DataFrame(
    [("a day apart", "2026-05-03", 10), ("a day apart", "2026-05-04", 20), ("six days apart", "2026-05-04", 10), ("six days apart", "2026-05-10", 20)],
    columns=["customer", "day", "amount"],
)

def summary(**options):
    found = summary_data_from_transaction_data(
        bought, "customer", "day", monetary_value_col="amount", observation_period_end="2026-05-31", **options
    )
    return {customer: tuple(round(value, 3) for value in row) for customer, *row in found.itertuples()}

seen = [version("Lifetimes"), summary(freq="W"), summary(freq="D", freq_multiplier=7)]
print("frequency, recency, age, mean of later purchases", *seen, sep="\n")
assert seen == [
    "0.11.3",
    {"a day apart": (1, 1, 4, 20), "six days apart": (0, 0, 3, 0)},
    {"a day apart": (1, 0.143, 4, 20), "six days apart": (1, 0.857, 3.857, 20)},
], "the behaviour has changed"
PY
