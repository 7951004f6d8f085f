from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, ROUND_UP, Decimal, localcontext
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relations.errors import InvalidInput
from relations.messages import from_micros, minor_digits, to_micros
from relations.policies import Policy, Programme
from relations.policies.loyalty.programme import CalendarYear, Lifetime, RollingMonths, Tier

VIENNA = "Europe/Vienna"


def programme(**values: Any) -> Programme:
    return Programme(**{"tiers": [], **values})


def complaint_of(**values: Any) -> str:
    with pytest.raises(InvalidInput) as caught:
        programme(**values)
    return str(caught.value)


# --- rates ----------------------------------------------------------------------------------------------------------


def test_the_default_programme_gives_ten_points_a_euro_and_lasts_two_years() -> None:
    default = Policy().programme
    assert default.terms.earned(12_345, "EUR", None, "member") == (1_234, 1_234)
    assert default.months_to_expiry == 24
    assert [tier.name for tier in default.tiers] == ["member", "silver", "gold", "platinum"]


def test_a_tier_multiplies_points_but_not_qualifying_points() -> None:
    assert Programme().terms.earned(10_000, "EUR", None, "platinum") == (1_500, 1_000)


def test_a_tier_of_another_programme_multiplies_nothing() -> None:
    assert Programme().terms.earned(10_000, "EUR", None, "diamond") == (1_000, 1_000)


def test_a_category_has_its_own_factor_and_any_other_has_none() -> None:
    terms = programme(rates={"EUR": 10}, category_factors={"spa": 2, "gift card": 0}).terms
    assert [terms.earned(500, "EUR", category, None)[0] for category in ("spa", "gift card", "room", None)] == [
        100,
        0,
        50,
        50,
    ]


@pytest.mark.parametrize(
    ("currency", "rate", "amount", "points"),
    [
        ("JPY", "1/15", 15_000, 1_000),  # 15,000 yen: no minor unit
        ("JPY", "1/15", 14_999, 999),
        ("KWD", 30, 1_000, 30),  # one dinar has 1,000 fils
        ("KWD", 30, 33, 0),
        ("KWD", 30, 34, 1),
        ("EUR", "0.1", 1_000, 1),
    ],
)
def test_rates_go_by_the_currencys_own_major_unit(currency: str, rate: Any, amount: int, points: int) -> None:
    assert programme(rates={currency: rate}).terms.earned(amount, currency, None, None) == (points, points)


@pytest.mark.parametrize("amount", [0, -1, -10_000])
def test_what_costs_nothing_earns_nothing(amount: int) -> None:
    assert programme(rounding="up").terms.earned(amount, "EUR", None, None) == (0, 0)


def test_a_currency_without_a_rate_earns_nothing() -> None:
    assert Programme().terms.earned(10_000, "SEK", None, None) == (0, 0)


@given(
    amount=st.integers(1, 10**12),
    currency=st.sampled_from(["EUR", "JPY", "KWD"]),
    rate=st.decimals(min_value="0.01", max_value=30, places=2),
    multiplier=st.decimals(min_value=1, max_value=3, places=2),
    rounding=st.sampled_from(
        [("down", ROUND_DOWN), ("half_up", ROUND_HALF_UP), ("half_even", ROUND_HALF_EVEN), ("up", ROUND_UP)]
    ),
)
def test_points_are_what_exact_decimal_arithmetic_gives(
    amount: int, currency: str, rate: Decimal, multiplier: Decimal, rounding: tuple[str, str]
) -> None:
    ours, theirs = rounding
    gold = Tier(name="gold", threshold=5, multiplier=multiplier)
    terms = programme(rates={currency: rate}, rounding=ours, tiers=[gold]).terms
    with localcontext() as context:
        context.prec = 60
        major = Decimal(amount).scaleb(-minor_digits(currency))
        expected = (major * rate * multiplier).quantize(Decimal(1), theirs)
    assert terms.earned(amount, currency, None, "gold")[0] == expected


@pytest.mark.parametrize("value", [10, "10", 10.0, Decimal(10), Fraction(10), " 10 ", "10.0", "30/3"])
def test_a_rate_may_be_written_in_many_ways(value: Any) -> None:
    assert programme(rates={"EUR": value}).rates["EUR"] == 10


def test_a_float_is_the_number_that_was_written() -> None:
    assert programme(rates={"EUR": 0.1}).rates["EUR"] == Fraction(1, 10)


@pytest.mark.parametrize(
    "value",
    ["ten", "", "-1", -1, float("nan"), float("inf"), "1e9", "1/0", True, None, [1], 10**7, "1" * 40, Decimal("1e-99")],
)
def test_what_is_no_rate_is_refused_with_an_example(value: Any) -> None:
    assert "give a number from 0 to 1,000,000" in complaint_of(rates={"EUR": value})


# --- the programme as a whole ---------------------------------------------------------------------------------------


def test_a_policy_survives_json_exactly() -> None:
    policy = Policy(
        programme=programme(
            rates={"EUR": "1/3", "KWD": "0.125"},
            category_factors={"spa": "1.5"},
            months_to_expiry=None,
            tier_window={"kind": "calendar_year"},
            tiers=[{"name": "gold", "threshold": 10, "multiplier": "4/3"}],
        )
    )
    text = policy.model_dump_json()
    assert Policy.model_validate_json(text) == policy
    assert json.loads(text)["programme"]["rates"] == {"EUR": "1/3", "KWD": "0.125"}
    assert Policy.model_validate(policy.model_dump()) == policy


def test_a_programme_has_a_json_schema() -> None:
    assert Programme.model_json_schema()["properties"].keys() == Programme.model_fields.keys()


def test_a_copy_with_other_rates_gives_by_those() -> None:
    before = programme(rates={"EUR": 1})
    assert before.terms.earned(100, "EUR", None, None) == (1, 1)
    after = before.model_copy(update={"rates": {"EUR": Fraction(2)}})
    assert after.terms.earned(100, "EUR", None, None) == (2, 2)
    assert before.terms.earned(100, "EUR", None, None) == (1, 1)


def test_a_copy_counts_in_its_own_unit_and_window() -> None:
    before = programme(rates={"EUR": 1})
    assert (before.unit, before.window_name) == ("points", "rolling_months:12")
    after = before.model_copy(update={"tier_basis": "orders", "tier_window": Lifetime()})
    assert (after.unit, after.window_name) == ("orders", "lifetime")


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"rates": {"EURO": 1}}, "'EURO' is not an ISO 4217 currency code; give rates by codes such as EUR"),
        ({"rates": {"XAU": 1}}, "XAU has no minor unit"),
        ({"rates": {"EUR": 0}}, "the rate for EUR is 0; leave the currency out"),
        ({"rates": {"JPY": 1_000}}, "JPY would earn up to 1,000 points for the smallest amount"),
        (
            {
                "rates": {"JPY": 50},
                "category_factors": {"spa": 2},
                "tiers": [Tier(name="a", threshold=1, multiplier=2)],
            },
            "JPY would earn up to 200 points for the smallest amount",
        ),
        (
            {"tiers": [{"name": "gold", "threshold": 10}, {"name": "silver", "threshold": 10}]},
            "tier 'silver' (10) follows 'gold' (10); each tier needs more qualifying points",
        ),
        (
            {"tiers": [{"name": "gold", "threshold": 1}, {"name": "gold", "threshold": 2}]},
            "two tiers are named 'gold'",
        ),
        ({"tiers": [{"name": "low", "threshold": 0, "multiplier": "0.5"}]}, "tier 'low' has the multiplier 0.5"),
        ({"months_to_expiry": 0}, "greater than or equal to 1"),
        ({"rounding": "sometimes"}, "half_up"),
        ({"tier_window": {"kind": "fortnight"}}, "rolling_months"),
        ({"tier_window": {"kind": "rolling_months", "months_count": 0}}, "greater than or equal to 1"),
        ({"refund_shortfall": "ignored"}, "'debt' or 'recorded'"),
        ({"unknown": 1}, "no such field"),
    ],
)
def test_a_programme_that_makes_no_sense_is_refused_in_words(values: dict[str, Any], sentence: str) -> None:
    assert sentence in complaint_of(**values)


def test_the_tier_is_the_highest_whose_threshold_is_met() -> None:
    terms = Programme().terms
    assert [terms.tier(points) for points in (0, 9_999, 10_000, 29_999, 30_000, 10**12)] == [
        "member",
        "member",
        "silver",
        "silver",
        "gold",
        "platinum",
    ]
    assert programme(tiers=[{"name": "gold", "threshold": 5}]).terms.tier(4) is None


# --- windows --------------------------------------------------------------------------------------------------------


def test_windows_name_the_months_that_count() -> None:
    assert CalendarYear().months("2024-03") == ("2024-03", "2024-02", "2024-01")
    assert RollingMonths(months_count=4).months("2024-02") == ("2024-02", "2024-01", "2023-12", "2023-11")
    assert Lifetime().months("2024-02") is None


# --- expiry ---------------------------------------------------------------------------------------------------------


def expires(earned: datetime, months: int | None, zone: str = VIENNA) -> datetime | None:
    found = programme(months_to_expiry=months).expires_at(to_micros(earned), zone)
    return None if found is None else from_micros(found).astimezone(ZoneInfo(zone))


def local(year: int, month: int, day: int, hour: int = 0, zone: str = VIENNA) -> datetime:
    return datetime(year, month, day, hour, tzinfo=ZoneInfo(zone))


@pytest.mark.parametrize(
    ("earned", "months", "gone"),
    [
        (local(2024, 5, 10, 15), 24, local(2026, 5, 11)),
        (local(2024, 2, 29, 12), 12, local(2025, 3, 1)),  # 28 February 2025 is the last day
        (local(2024, 2, 29, 12), 48, local(2028, 3, 1)),  # 29 February 2028 is
        (local(2024, 1, 31), 1, local(2024, 3, 1)),
        (local(2023, 1, 31), 1, local(2023, 3, 1)),
        (local(2023, 12, 31, 23), 2, local(2024, 3, 1)),
        (local(2024, 9, 30), 6, local(2025, 3, 31)),  # the clocks went forward in the night before
    ],
)
def test_points_last_to_the_end_of_the_day_so_many_months_later(earned: datetime, months: int, gone: datetime) -> None:
    assert expires(earned, months) == gone


def test_the_day_is_that_of_the_policys_zone() -> None:
    moment = datetime(2024, 2, 29, 23, 30, tzinfo=UTC)
    assert expires(moment, 12) == local(2025, 3, 2)  # in Vienna it was 1 March already
    assert expires(moment, 12, "UTC") == datetime(2025, 3, 1, tzinfo=UTC)


def test_an_expiry_in_a_night_without_midnight_is_the_first_instant_of_the_day() -> None:
    # In Beirut the clocks go from 0:00 to 1:00 on 31 March 2024.
    assert expires(local(2023, 3, 30, zone="Asia/Beirut"), 12, "Asia/Beirut") == datetime(2024, 3, 30, 22, tzinfo=UTC)


def test_points_may_last_for_ever() -> None:
    assert expires(local(2024, 5, 10), None) is None


def test_an_expiry_beyond_the_calendar_is_never() -> None:
    assert expires(datetime(9990, 1, 1, tzinfo=UTC), 1_200) is None


@given(earned=st.integers(10**13, 4 * 10**15).map(from_micros), months=st.integers(1, 240))
def test_an_expiry_is_a_local_midnight_in_the_right_month(earned: datetime, months: int) -> None:
    gone = expires(earned, months)
    assert gone is not None
    begin = earned.astimezone(ZoneInfo(VIENNA))
    assert (gone.hour, gone.minute, gone.second, gone.microsecond) == (0, 0, 0, 0)
    last = from_micros(to_micros(gone) - 1).astimezone(ZoneInfo(VIENNA))
    assert last.year * 12 + last.month == begin.year * 12 + begin.month + months
    assert last.day == begin.day or (last.day < begin.day and gone.day == 1)
