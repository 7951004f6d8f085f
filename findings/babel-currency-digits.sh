#!/usr/bin/env bash
# Babel formats an amount in the digits of its currency. A good guess is that these are the minor units of ISO 4217, in
# which payment systems and invoices keep amounts.
#
# What is so, with babel 2.19.0 and iso4217 1.16.20260101: Babel follows the CLDR, which drops the decimals that people
# rarely use in cash. For 15 currencies in use it has no decimals where ISO 4217 has two or three, among them the
# Hungarian forint, the Indonesian rupiah and the Colombian peso. 1,234.50 forint become "1 234 Ft", without a word.
# `currency_digits=False` leaves the digits to the locale's pattern, which is two for every currency: three for the
# Iraqi dinar have to be asked for in a pattern of one's own.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check babel==2.19.0 iso4217==1.16.20260101
"$work/venv/bin/python" - <<'PY'
from decimal import Decimal
from importlib.metadata import version

from babel.numbers import format_currency, get_currency_precision
from iso4217 import Currency

digits = {each.code: (each.exponent, get_currency_precision(each.code)) for each in Currency if each.exponent is not None}
fewer = sorted(code for code, (iso, cldr) in digits.items() if cldr < iso)
more = sorted(code for code, (iso, cldr) in digits.items() if cldr > iso)
shown = [format_currency(Decimal("1234.50"), "HUF", locale="hu", currency_digits=each) for each in (True, False)]
dinar = format_currency(Decimal("1.234"), "IQD", locale="en", currency_digits=False)
seen = [version("babel"), version("iso4217"), fewer, more, digits["IQD"], [each.replace("\xa0", " ") for each in shown], dinar.replace("\xa0", " ")]
print(*map(repr, seen), sep="\n")
assert seen == [
    "2.19.0", "1.16.20260101",
    "AFN ALL COP HUF IDR IQD IRR KPW LAK LBP MGA MMK SOS SYP YER".split(),
    [], (3, 0), ["1 234 Ft", "1 234,50 Ft"], "IQD1.23",
], "the behaviour has changed"
PY
