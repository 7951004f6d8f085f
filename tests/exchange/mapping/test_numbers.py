"""Amounts and times are read as they were written, or rejected: never as another value."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from relations.errors import InvalidInput
from relations.exchange.files.sources import json_objects
from relations.exchange.mapping.model import Value
from relations.exchange.mapping.numbers import money_reader
from relations.exchange.mapping.times import compile_time
from relations.messages import Money, minor_digits

LOCALES: dict[str, tuple[str, str | None]] = {
    "en": (".", ","),
    "de": (",", "."),
    "fr": (",", " "),
    "ch": (".", "'"),
    "plain": (".", None),
    "plain comma": (",", None),
}


def reader(locale: str) -> Any:
    mark, thousands = LOCALES[locale]
    return money_reader(
        "paid", Value(column="paid", type="money", currency="EUR", decimal_mark=mark, thousands=thousands)
    )


def written(number: Decimal, locale: str, *, grouped: bool, decimals: int, indian: bool = False) -> str:
    mark, thousands = LOCALES[locale]
    whole, _, fraction = f"{abs(number):.{decimals}f}".partition(".")
    if grouped and thousands is not None:
        rest, groups = whole[:-3], [whole[-3:]]
        size = 2 if indian else 3
        while rest:
            groups.insert(0, rest[-size:])
            rest = rest[:-size]
        whole = thousands.join(groups)
    return ("-" if number < 0 else "") + whole + (mark + fraction if fraction else "")


@given(
    st.integers(-(10**9), 10**9), st.sampled_from(list(LOCALES)), st.sampled_from(list(LOCALES)), st.booleans(),
    st.booleans(), st.sampled_from(["EUR", "JPY"]), st.sampled_from([0, 1, 2]),
)  # fmt: skip
def test_an_amount_of_one_locale_read_in_another_is_equal_or_rejected(
    minor: int, wrote: str, reads: str, grouped: bool, indian: bool, currency: str, decimals: int
) -> None:
    digits = minor_digits(currency)
    assume(decimals <= digits)
    amount = Money(minor - minor % 10 ** (digits - decimals), currency)
    text = written(amount.decimal, wrote, grouped=grouped, decimals=decimals, indian=indian)
    try:
        read = reader(reads)(text, currency)
    except InvalidInput as error:
        codes = {error.code}
    else:
        codes = set()
        assert read == amount
    assert codes <= {"ambiguous_number", "not_a_number", "invalid_amount"}


@given(
    st.integers(0, 10**12), st.sampled_from(list(LOCALES)), st.booleans(), st.booleans(),
    st.sampled_from(["EUR", "JPY", "KWD"]), st.booleans(),
)  # fmt: skip
def test_an_amount_with_the_decimals_of_its_currency_is_read_in_its_own_locale(
    minor: int, locale: str, grouped: bool, indian: bool, currency: str, whole: bool
) -> None:
    amount = Money(minor, currency)
    stated = LOCALES[locale][1] is not None
    decimals = minor_digits(currency)
    if whole and grouped and stated:  # a whole amount in groups of thousands needs no decimals, as the mapping states
        amount, decimals = Money(minor - minor % 10**decimals, currency), 0
    text = written(amount.decimal, locale, grouped=grouped, decimals=decimals, indian=indian)
    assert reader(locale)(text, currency) == amount


@pytest.mark.parametrize(("text", "currency", "minor"), [("1,000", "KWD", 1_000_000), ("1,000", "EUR", 100_000)])
def test_one_group_is_read_as_the_mapping_states(text: str, currency: str, minor: int) -> None:
    assert reader("en")(text, currency) == Money(minor, currency)


@pytest.mark.parametrize("locale", list(LOCALES))
@pytest.mark.parametrize(("text", "minor"), [("5.000", 500), ("1234.5", 123_450), ("-7", -700)])
def test_a_number_in_json_is_what_it_says_whatever_the_marks(locale: str, text: str, minor: int) -> None:
    ((_, row),) = json_objects([f'{{"paid": {text}}}'])
    assert isinstance(row, dict)
    assert reader(locale)(row["paid"].strip(), "EUR") == Money(minor, "EUR")


@pytest.mark.parametrize(
    ("locale", "text", "expected"),
    [
        ("de", "1.488,69", 148869),
        ("de", "1.000", 100000),
        ("de", "89,9", 8990),
        ("de", "110.7", None),
        ("de", "12.50", None),
        ("en", "12,50", None),
        ("en", "1.000", None),
        ("en", "12,34,567.00", 123456700),
        ("en", "1,23,45.00", None),
        ("fr", "1\u202f234,50", 123450),
    ],
)
def test_thousands_stand_in_groups(locale: str, text: str, expected: int | None) -> None:
    if expected is not None:
        assert reader(locale)(text, "EUR") == Money(expected, "EUR")
        return
    with pytest.raises(InvalidInput) as raised:
        reader(locale)(text, "EUR")
    assert raised.value.code == "ambiguous_number"


def test_a_separator_in_a_wrong_place_names_both_readings() -> None:
    with pytest.raises(InvalidInput) as raised:
        reader("de")("110.7", "EUR")
    assert "1107" in raised.value.reason
    assert "110.7" in raised.value.reason


@pytest.mark.parametrize(
    ("form", "text", "expected"),
    [
        ("excel", "45678", datetime(2025, 1, 21, tzinfo=UTC)),
        ("excel", "45384.5", datetime(2024, 4, 2, 12, tzinfo=UTC)),
        ("excel", "60", None),
        ("excel", "4.5E+4", None),
        ("excel", "2024-01-01", None),
        ("excel_1904", "44216", datetime(2025, 1, 21, tzinfo=UTC)),
        ("epoch_seconds", "1498791600", datetime(2017, 6, 30, 3, tzinfo=UTC)),
        ("epoch_milliseconds", "1498791600000", datetime(2017, 6, 30, 3, tzinfo=UTC)),
        ("epoch_seconds", "1498791600.25", datetime(2017, 6, 30, 3, 0, 0, 250_000, tzinfo=UTC)),
        ("epoch_seconds", "99999999999999999", None),
        ("epoch_seconds", "1e9", None),
    ],
)
def test_numbers_as_times(form: str, text: str, expected: datetime | None) -> None:
    read = compile_time("at", Value(column="at", type="time", format=form, zone="UTC"))
    if expected is not None:
        assert read(text) == expected
        return
    with pytest.raises(InvalidInput) as raised:
        read(text)
    assert raised.value.code == "not_a_time"


@given(st.integers(-2_177_452_800, 7_258_118_400))
def test_a_serial_number_is_read_as_the_time_that_a_spreadsheet_shows(seconds: int) -> None:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    serial = (moment - datetime(1899, 12, 30, tzinfo=UTC)) / timedelta(days=1)
    read = compile_time("at", Value(column="at", type="time", format="excel", zone="UTC"))
    assert read(f"{serial:.9f}") == moment


@pytest.mark.parametrize(
    ("zone", "day", "begins"),
    [
        ("Africa/Cairo", "2024-04-26", datetime(2024, 4, 25, 22, tzinfo=UTC)),
        ("Asia/Beirut", "2022-03-27", datetime(2022, 3, 26, 22, tzinfo=UTC)),
        ("America/Santiago", "2023-09-03", datetime(2023, 9, 3, 4, tzinfo=UTC)),
        ("America/Havana", "2024-03-10", datetime(2024, 3, 10, 5, tzinfo=UTC)),
        ("America/Sao_Paulo", "2018-11-04", datetime(2018, 11, 4, 3, tzinfo=UTC)),
    ],
)
def test_a_day_without_a_midnight_begins_at_its_first_instant(zone: str, day: str, begins: datetime) -> None:
    assert compile_time("at", Value(column="at", type="time", zone=zone))(day) == begins
    with pytest.raises(InvalidInput) as raised:
        compile_time("at", Value(column="at", type="time", zone=zone))(f"{day} 00:30")
    assert raised.value.code == "nonexistent_time"
