"""Currencies and the digits of their minor units, pinned so that recorded amounts never change their meaning.

ISO removes a currency from its list when it is withdrawn, and packages follow. So the codes known when this version was
released are listed here. The withdrawn ones have the last day on which they could be paid with. The package `iso4217`
is asked only for codes that are newer.

Sources: ISO 4217 list one with amendments until 2026-01-01, and its earlier editions for the digits of withdrawn
currencies. Last days are from the currency data of Unicode CLDR, and from the published end of dual circulation where
that is later.
"""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import TYPE_CHECKING

from relations.errors import InvalidInput
from relations.extras import Later

if TYPE_CHECKING:
    import iso4217
else:
    iso4217 = Later("iso4217")

__all__ = ["last_day_of", "minor_digits", "withdrawn"]

_TWO = """
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW CNY COP COU
CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES
KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR
NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP
TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG
"""
_NONE = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE = "BHD IQD JOD KWD LYD OMR TND"
_FOUR = "CLF UYW"

_WITHDRAWN = {
    "ADP": (0, "2002-02-28"),
    "AFA": (2, "2003-01-02"),
    "ANG": (2, "2025-06-30"),
    "ATS": (2, "2002-02-28"),
    "AZM": (2, "2006-12-31"),
    "BEF": (0, "2002-02-28"),
    "BGN": (2, "2026-01-31"),
    "BYB": (0, "2000-12-31"),
    "BYR": (0, "2016-12-31"),
    "CSD": (2, "2006-10-25"),
    "CUC": (2, "2021-06-30"),
    "CYP": (2, "2008-01-31"),
    "DEM": (2, "2002-02-28"),
    "EEK": (2, "2011-01-14"),
    "ESP": (0, "2002-02-28"),
    "FIM": (2, "2002-02-28"),
    "FRF": (2, "2002-02-17"),
    "GHC": (2, "2007-12-31"),
    "GRD": (0, "2002-02-28"),
    "HRK": (2, "2023-01-14"),
    "IEP": (2, "2002-02-09"),
    "ITL": (0, "2002-02-28"),
    "LTL": (2, "2015-01-15"),
    "LUF": (0, "2002-02-28"),
    "LVL": (2, "2014-01-14"),
    "MGF": (0, "2004-12-31"),
    "MRO": (2, "2018-06-30"),
    "MTL": (2, "2008-01-31"),
    "MZM": (2, "2006-12-31"),
    "NLG": (2, "2002-01-28"),
    "PTE": (0, "2002-02-28"),
    "ROL": (0, "2006-12-31"),
    "SDD": (2, "2007-06-30"),
    "SIT": (2, "2007-01-14"),
    "SKK": (2, "2009-01-16"),
    "SLL": (2, "2023-12-31"),
    "SRG": (2, "2003-12-31"),
    "STD": (2, "2017-12-31"),
    "TMM": (2, "2009-12-31"),
    "TPE": (0, "2002-05-19"),
    "TRL": (0, "2005-12-31"),
    "USS": (2, "2014-03-28"),
    "VEB": (2, "2008-06-30"),
    "VEF": (2, "2018-08-20"),
    "YUM": (2, "2003-02-04"),
    "ZMK": (2, "2013-06-30"),
    "ZWD": (2, "2008-08-31"),
    "ZWL": (2, "2024-08-31"),
    "ZWN": (2, "2008-12-31"),
    "ZWR": (2, "2009-06-30"),
}
"""The digits and the last day of each currency withdrawn since 2000, the time of dual circulation included."""

_DIGITS: dict[str, int] = {
    **dict.fromkeys(_TWO.split(), 2),
    **dict.fromkeys(_NONE.split(), 0),
    **dict.fromkeys(_THREE.split(), 3),
    **dict.fromkeys(_FOUR.split(), 4),
    **{code: digits for code, (digits, _day) in _WITHDRAWN.items()},
}


@cache
def minor_digits(currency: str) -> int:
    """Return the number of digits of a currency's minor unit (ISO 4217): EUR 2, JPY 0, KWD 3, the withdrawn HRK 2.

    Raises:
        InvalidInput: The code was never in ISO 4217, or has no minor unit (gold, test codes).
    """
    known = _DIGITS.get(currency)
    if known is not None:
        return known
    try:
        found = iso4217.Currency(currency)
    except ValueError:
        raise InvalidInput(
            f"{currency!r} is not an ISO 4217 currency code",
            code="unknown_currency",
            field="currency",
            hint="Give three capital letters, such as EUR",
        ) from None
    if found.exponent is None:
        raise InvalidInput(
            f"{currency} has no minor unit and cannot be paid with", code="unknown_currency", field="currency"
        )
    return int(found.exponent)


def last_day_of(currency: str) -> date | None:
    """Return the last day on which a currency could be paid with; None if it still can."""
    found = _WITHDRAWN.get(currency)
    return None if found is None else date.fromisoformat(found[1])


def withdrawn() -> frozenset[str]:
    """Return the codes of the currencies that were withdrawn."""
    return frozenset(_WITHDRAWN)
