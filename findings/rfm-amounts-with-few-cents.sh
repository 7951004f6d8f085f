#!/usr/bin/env bash
# The package rfm scores customers by recency, frequency and monetary value. A good guess is that the monetary value of
# a customer is the sum of the amounts, and the frequency the number of purchases.
#
# What is so, with rfm 1.0.9: an amount whose cents are less than ten loses them, since every text with ".0" in it is
# cut by two characters. 20 purchases of 19.05 are worth 380 and not 381; of 100 purchases from 10.00 to 10.99, 0.45 are
# gone. Two purchases of one customer with the same day and amount count once. Sum and count the purchases by customer
# yourself, and compare before you use the scores.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check rfm==1.0.9 pandas==2.3.3 numpy==2.4.6
"$work/venv/bin/python" - <<'PY'
import warnings
from importlib.metadata import version

import pandas as pd
from rfm import RFM

warnings.simplefilter("ignore")
days = pd.date_range("2024-01-01", periods=120).strftime("%Y-%m-%d")


def scored(rows):
    frame = pd.DataFrame(rows, columns=["customer", "date", "amount"])
    table = RFM(frame, customer_id="customer", transaction_date="date", amount="amount", automated=False)
    return table.produce_rfm_dateset(frame).set_index("customer")


found = scored(
    [("ann", day, 19.05) for day in days[:20]]
    + [("bob", day, 10 + cents / 100) for cents, day in enumerate(days[:100])]
    + [("eva", days[0], 4.5), ("eva", days[0], 4.5), ("eva", days[1], 4.5)]
)
print("rfm", version("rfm"))
print(found)
assert version("rfm") == "1.0.9"
assert found.monetary_value["ann"] == 380.0, "the behaviour has changed"
assert round(found.monetary_value["bob"], 2) == 1049.05
assert (found.frequency["eva"], found.monetary_value["eva"]) == (2, 9.0)
PY
