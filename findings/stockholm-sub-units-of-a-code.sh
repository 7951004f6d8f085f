#!/usr/bin/env bash
# Payment services give amounts in minor units: 500 yen are 500, and 1 Kuwaiti dinar is 1000. A good guess is that
# `Money.from_sub_units` of stockholm, which knows the currencies' digits, gives the same money for the currency's code
# as for the currency.
#
# What is so, with stockholm 0.5.7: a currency that is given by its code has 100 sub units, whichever it is. 500 yen
# become "5.00 JPY", and 1000 fils "10.00 KWD"; `sub_units` of 500 yen are 50000. With `stockholm.currency.JPY` they are
# right. Give the currency and not its code, as `get_currency` returns it.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check stockholm==0.5.7
"$work/venv/bin/python" - <<'PY'
from importlib.metadata import version

from stockholm import Money, get_currency

print("stockholm", version("stockholm"))
for code, units in (("JPY", 500), ("KWD", 1000), ("EUR", 500)):
    by_code, by_currency = Money.from_sub_units(units, code), Money.from_sub_units(units, get_currency(code))
    print(units, "sub units:", by_code, "by code,", by_currency, "by currency")
assert version("stockholm") == "0.5.7"
assert str(Money.from_sub_units(500, "JPY")) == "5.00 JPY", "the behaviour has changed"
assert str(Money.from_sub_units(500, get_currency("JPY"))) == "500 JPY"
assert str(Money.from_sub_units(1000, "KWD")) == "10.00 KWD"
assert Money(500, "JPY").sub_units == 50_000 and Money(500, get_currency("JPY")).sub_units == 500
PY
