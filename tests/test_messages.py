from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from relations import InvalidInput, Money, RecordPurchase, RegisterCustomer
from relations.aggregates import AGGREGATES
from relations.messages import Command, Envelope, from_micros, minor_digits, to_micros

CURRENCIES = {"EUR": 2, "JPY": 0, "KWD": 3, "CLF": 4}
currencies = st.sampled_from(sorted(CURRENCIES))
amounts = st.integers(-(10**15), 10**15)
zones = st.sampled_from(["UTC", "Europe/Vienna", "Asia/Kathmandu", "Pacific/Apia", "America/St_Johns"])
moments = st.datetimes(datetime(1901, 1, 1), datetime(2199, 12, 30), timezones=zones.map(ZoneInfo))  # noqa: DTZ001

# --- money ----------------------------------------------------------------------------------------------------------


@given(amounts, currencies)
def test_money_is_its_decimal_and_back(amount: int, currency: str) -> None:
    money = Money(amount, currency)
    assert Money.of(money.decimal, currency) == money
    assert Money.of(str(money.decimal), currency) == money
    assert len(f"{money.decimal:f}".partition(".")[2]) == CURRENCIES[currency]


@given(amounts, currencies)
def test_money_prints_what_can_be_read_again(amount: int, currency: str) -> None:
    shown, _, code = str(Money(amount, currency)).rpartition(" ")
    assert Money.of(shown.replace(",", ""), code) == Money(amount, currency)


@given(st.decimals(allow_nan=False, allow_infinity=False), currencies)
@example(Decimal("1.00000000000000000000000000000000001"), "EUR")
@example(Decimal("0.1e-999999999"), "EUR")
@example(Decimal("1e999999999"), "EUR")
@example(Decimal("-1e5000"), "EUR")
@example(Decimal("0e999999999"), "EUR")
@example(Decimal("-0"), "JPY")
def test_money_is_exact_or_refused(value: Decimal, currency: str) -> None:
    """Never rounded, never a traceback of decimal's own."""
    fits = value.is_zero() or (abs(value.adjusted()) < 40 and (Fraction(value) * 10 ** CURRENCIES[currency]) % 1 == 0)
    if fits and abs(value) * 10 ** CURRENCIES[currency] <= 10**15:
        assert Money.of(value, currency).decimal == value
    else:
        with pytest.raises(InvalidInput) as caught:
            Money.of(value, currency)
        assert (caught.value.code, caught.value.field) == ("invalid_amount", "amount")


@pytest.mark.parametrize("value", ["", "ten", "1,5", "NaN", "-inf", "sNaN", "0x10", "1e", "--1"])
def test_what_is_no_number_is_no_money(value: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Money.of(value, "EUR")
    assert caught.value.code == "invalid_amount"


@pytest.mark.parametrize("value", [10**15 + 1, -(10**15) - 1, 10**20, 10**4000])
def test_amounts_end_at_a_quadrillion(value: int) -> None:
    with pytest.raises(InvalidInput) as caught:
        Money.of(value, "JPY")
    assert caught.value.code == "invalid_amount"
    with pytest.raises(ValidationError):
        TypeAdapter(Money).validate_python({"amount": value, "currency": "JPY"})


def test_the_greatest_amounts_are_allowed() -> None:
    assert Money.of(10**15, "JPY").amount == 10**15
    assert Money.of("-10000000000000.00", "EUR").amount == -(10**15)


@pytest.mark.parametrize("code", ["eur", "Euro", "EUR ", "", "XXX", "XAU", "XTS", "978", "EU", "EURO", "\0"])
def test_unknown_currencies_are_refused(code: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Money.of(1, code)
    assert (caught.value.code, caught.value.field) == ("unknown_currency", "currency")


@given(st.text(max_size=4))
def test_a_currency_is_known_or_refused(code: str) -> None:
    try:
        digits = minor_digits(code)
    except InvalidInput as error:
        code = error.code
    else:
        assert 0 <= digits <= 4
        assert len(code) == 3
    assert code == "unknown_currency" or code.isupper()


@given(amounts, currencies)
def test_money_travels_by_json(amount: int, currency: str) -> None:
    adapter = TypeAdapter(Money)
    money = Money(amount, currency)
    assert adapter.validate_json(adapter.dump_json(money)) == money
    assert adapter.validate_python(money) == money
    assert msgspec.json.decode(msgspec.json.encode(money), type=Money) == money


@pytest.mark.parametrize(
    "value",
    [
        12,
        "12.00 EUR",
        None,
        [1, "EUR"],
        {"amount": 1},
        {"amount": 1, "currency": "EUR", "note": "x"},
        {"amount": 1.0, "currency": "EUR"},
        {"amount": True, "currency": "EUR"},
        {"amount": "1", "currency": "EUR"},
        {"amount": float("nan"), "currency": "EUR"},
        {"amount": 1, "currency": None},
        {"amount": 1, "currency": "eur"},
        Money(1.5, "EUR"),  # type: ignore[arg-type]  # on purpose
        Money(1, "???"),
    ],
)
def test_money_of_another_form_is_refused_at_the_door(value: Any) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Money).validate_python(value)


# --- times ----------------------------------------------------------------------------------------------------------


@given(moments)
def test_times_are_exact_to_the_microsecond(moment: datetime) -> None:
    micros = to_micros(moment)
    assert from_micros(micros) == moment.astimezone(UTC)
    assert to_micros(from_micros(micros)) == micros


@given(moments, moments)
def test_times_keep_their_order(one: datetime, other: datetime) -> None:
    one, other = one.astimezone(UTC), other.astimezone(UTC)
    assert (one < other) == (to_micros(one) < to_micros(other))


def test_the_second_hour_of_a_fold_is_another_time() -> None:
    vienna = ZoneInfo("Europe/Vienna")
    first = datetime(2024, 10, 27, 2, 30, tzinfo=vienna)
    assert to_micros(first.replace(fold=1)) - to_micros(first) == 3_600_000_000


class _NoOffset(tzinfo):
    def utcoffset(self, _moment: datetime | None) -> timedelta | None:
        return None

    def tzname(self, _moment: datetime | None) -> str:
        return "nowhere"

    def dst(self, _moment: datetime | None) -> timedelta | None:
        return None


@pytest.mark.parametrize("zone", [None, _NoOffset()])
def test_naive_times_are_refused(zone: tzinfo | None) -> None:
    moment = datetime(2024, 1, 1, tzinfo=zone)
    with pytest.raises(InvalidInput) as caught:
        to_micros(moment)
    assert caught.value.code == "naive_datetime"
    with pytest.raises(InvalidInput):
        register_at(moment)


def register_at(moment: Any, **fields: Any) -> RegisterCustomer:
    return RegisterCustomer(customer="c1", occurred_at=moment, **fields)


@pytest.mark.parametrize(
    "moment",
    [
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(1899, 12, 31, 23, 59, 59, tzinfo=UTC),
        datetime(2200, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, tzinfo=timezone(-timedelta(hours=12))),
        "2024-01-01",
        "2024-01-01T00:00:00",
        "yesterday",
    ],
)
def test_placeholders_are_no_business_times(moment: Any) -> None:
    with pytest.raises(InvalidInput):
        register_at(moment)


@given(moments)
def test_a_commands_time_is_its_instant(moment: datetime) -> None:
    assert register_at(moment).at == to_micros(moment)


# --- commands -------------------------------------------------------------------------------------------------------

NOW = datetime(2024, 1, 1, tzinfo=UTC)


@given(st.from_regex(r"[A-Za-z0-9._:\-]{1,64}", fullmatch=True))
def test_ids_are_the_hosts_own(name: str) -> None:
    command = RegisterCustomer(customer=name, occurred_at=NOW)
    assert command.stream == f"customer-{name}"
    at = Envelope(position=1, stream=command.stream, version=1, customer=name, occurred_at=0, recorded_at=0)
    assert at.id == name


@given(st.text())
@example("a\n")
@example("x" * 65)
def test_other_ids_are_refused(name: str) -> None:
    assume(not (0 < len(name) <= 64 and all(c.isascii() and (c.isalnum() or c in "._:-") for c in name)))
    with pytest.raises(InvalidInput):
        RegisterCustomer(customer=name, occurred_at=NOW)


@pytest.mark.parametrize("field", ["command_id", "actor", "name", "region", "source"])
@pytest.mark.parametrize("value", ["", "a\0b", "\ud800", "x" * 10_001, 5])
def test_texts_that_no_database_could_hold_are_refused(field: str, value: Any) -> None:
    with pytest.raises(InvalidInput):
        register_at(NOW, **{field: value})


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=200))
def test_every_other_text_is_taken_as_it_is(value: str) -> None:
    command = register_at(NOW, name=value, actor=value, command_id=value)
    assert (command.name, command.actor, command.command_id) == (value, value, value)
    assert RegisterCustomer.model_validate_json(command.model_dump_json()) == command


def test_every_command_is_frozen_closed_and_names_its_stream() -> None:
    kinds = [command for aggregate in AGGREGATES for command in aggregate.commands]
    assert len(kinds) > 20
    for kind in kinds:
        assert kind.model_config["frozen"], kind
        assert kind.model_config["extra"] == "forbid", kind
        assert kind.stream is not Command.stream, kind
        assert kind.__doc__, kind
        assert "occurred_at" in kind.model_json_schema()["required"]


def test_what_a_command_does_not_know_is_refused_with_its_name() -> None:
    with pytest.raises(InvalidInput, match="amonut"):
        RecordPurchase(customer="c1", purchase="p", amonut=Money(1, "EUR"), occurred_at=NOW)  # type: ignore[call-arg]
