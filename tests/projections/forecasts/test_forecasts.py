"""Forecasts: fitted to whole months, recorded, and read from the record alone."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from math import pi, sin
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relations import Money, Policy, RecordPurchase, Relations
from relations.aggregates.model import FittedPlace, ForecastParameters
from relations.commands import EraseCustomer, MergeCustomer, RefundPurchase
from relations.errors import CommandRefused, InvalidInput, MissingExtra, NoFit
from relations.messages import Command
from relations.months import months_between
from relations.projections.forecasts import PlaceForecast
from relations.projections.forecasts import series as fitting
from relations.testing.oracle.forecasts import SlowForecasts, SlowSeries
from tests.support.effort import part

ZONE = "Asia/Shanghai"
FIRST = datetime(2022, 1, 1, 12, tzinfo=ZoneInfo(ZONE))
AT = datetime(2024, 6, 10, 12, tzinfo=ZoneInfo(ZONE))
"""After 29 whole months."""


def purchase(
    number: int, at: datetime, *, place: str | None = "bar", cents: int = 1000, of: str = ""
) -> RecordPurchase:
    return RecordPurchase(
        customer=of or f"c{number % 9}", purchase=f"p{number}", amount=Money(cents, "EUR"), touchpoint=place,
        occurred_at=at,
    )  # fmt: skip


def business() -> Iterator[Command]:
    """A bar with a season, a spa that opened on 2 January 2024, a kiosk that closed in 2022, and sales at no place."""
    random, number = Random(5), 0
    for month in range(30):
        begins = FIRST.replace(year=2022 + month // 12, month=month % 12 + 1)
        counts = {"bar": round(10 + 6 * sin(2 * pi * month / 12) + random.random()), None: 2}
        counts |= {"kiosk": 2} if month < 9 else {}
        counts |= {"spa": 3} if month >= 24 else {}
        for place, count in counts.items():
            for _ in range(count):
                number += 1
                at = begins + timedelta(
                    days=random.randrange(1 if place == "spa" else 0, 27), hours=random.randrange(9)
                )
                if at <= AT:
                    yield purchase(number, at, place=place, cents=1000 + random.randrange(500))


@pytest.fixture(scope="module", autouse=True)
def series_are_fitted_once() -> Iterator[None]:
    """A fit depends on its numbers alone, and most of these tests fit the same ones."""
    with pytest.MonkeyPatch.context() as patched:
        for name in ("fit_series", "held_out"):
            patched.setattr(fitting, name, partial(_of_tuple, cache(getattr(fitting, name))))
        yield


def _of_tuple(known: Callable[[tuple[float, ...], int], Any], values: Sequence[float], first: int) -> Any:
    return known(tuple(values), first)


@pytest.fixture(scope="module")
def fitted() -> Iterator[Relations]:
    with opened() as engine:
        engine.fit_forecasts(as_of=AT)
        yield engine


@pytest.fixture
def engine() -> Iterator[Relations]:
    with opened() as engine:
        yield engine


def opened() -> Relations:
    engine = Relations.open("sqlite://", clock=lambda: AT, durability="off")
    engine.adopt(Policy(zone=ZONE), from_beginning=True)
    assert not engine.execute_many(business()).rejections
    return engine


def whole(engine: Relations, **asked: Any) -> PlaceForecast:
    found = engine.views.forecasts.forecast(**asked).whole
    assert found is not None
    return found


def recorded(engine: Relations) -> ForecastParameters:
    """The newest fit as it is in the log."""
    *_, newest = (each for each in engine.events() if each.topic == "model.forecasts_fitted")
    return ForecastParameters.model_validate_json(newest.event.forecasts)  # type: ignore[attr-defined]


# --- months ---------------------------------------------------------------------------------------------------------


def test_whole_local_months_are_forecast_with_season_and_test(fitted: Relations) -> None:
    found = fitted.views.forecasts.forecast(history=60)
    assert found.fit is not None
    assert (str(found.fit.through), found.fit.age_days, found.fit.currency) == ("2024-05-31", 10, "EUR")
    assert found.fit.left_out == ("kiosk", "spa")  # closed for more than a year; five months
    assert [each.touchpoint for each in found.touchpoints] == ["bar"]
    place = found.whole
    assert place is not None
    assert (place.first, place.observed) == ("2022-01", 29)
    assert [each.month for each in place.purchases.history] == months_between("2022-01", "2024-05")
    assert [each.month for each in place.purchases.months] == months_between("2024-06", "2025-05")
    assert place.purchases.has_season
    assert place.purchases.test is not None
    assert (place.purchases.test.months, place.purchases.test.naive) == (7, "last_year")
    april, october = (next(each for each in place.purchases.months if each.month == month).expected
                      for month in ("2025-04", "2024-10"))  # fmt: skip
    assert april - october > 6


def test_the_month_that_is_not_over_is_left_out_to_its_last_moment(engine: Relations) -> None:
    """Whatever is sold on the evening of the last day counts."""
    view = engine.views.forecasts
    ends = datetime(2024, 6, 1, tzinfo=ZoneInfo(ZONE)) - timedelta(microseconds=1)
    for at, last, age in (
        (ends.replace(hour=4), "2024-04", 31), (ends - timedelta(microseconds=1), "2024-04", 31), (ends, "2024-05", 0),
    ):  # fmt: skip
        found = view.forecast(as_of=at, refit=True, most=0, history=1)
        assert found.fit is not None
        assert (f"{found.fit.through:%Y-%m}", found.fit.age_days) == (last, age)
        engine.fit_forecasts(as_of=at, most=0)
        known = view.forecast(as_of=at).fit
        assert known is not None
        assert known.through == found.fit.through
        assert whole(engine, as_of=at).revenue.months[0].actual is None
    # 31 May, 17:00 UTC is 1 June in Shanghai.
    engine.execute(purchase(9001, datetime(2024, 5, 31, 17, tzinfo=UTC), cents=7))
    assert whole(engine, refit=True, most=0).revenue.history[-1].value == whole(
        engine, refit=True, most=0, as_of=AT.replace(day=1)).revenue.history[-1].value  # fmt: skip
    engine.execute(purchase(9002, datetime(2024, 5, 31, 15, tzinfo=UTC), cents=70_000))
    assert whole(engine, refit=True, most=0).revenue.history[-1].value > 70_000


def test_a_history_begins_with_a_whole_month() -> None:
    """If nothing was sold on the first three days of the first month, nobody knows what was sold before."""
    for day, first, months in ((3, "2023-10", 8), (4, "2023-11", 7)):
        with Relations.open("sqlite://", clock=lambda: AT, durability="off") as engine:
            starts = datetime(2023, 10, day, 12, tzinfo=UTC)
            engine.execute_many(purchase(number, starts + timedelta(days=9 * number)) for number in range(26))
            found = whole(engine, refit=True)
            assert (found.first, found.observed) == (first, months)


def test_other_currencies_are_apart(engine: Relations) -> None:
    before = whole(engine, refit=True, most=0)
    yen = purchase(9003, AT - timedelta(days=40)).model_copy(update={"amount": Money(99_999, "JPY")})
    engine.execute(yen)
    assert whole(engine, refit=True, most=0) == before
    for currency, code in (("JPY", "too_few_months"), ("CHF", "too_few_months")):
        with pytest.raises(NoFit) as refused:
            engine.fit_forecasts(currency=currency)
        assert refused.value.code == code


# --- the record -----------------------------------------------------------------------------------------------------


def test_every_number_follows_from_the_log_and_the_record(fitted: Relations) -> None:
    """The months, the last state, the deviation and every month ahead are computed again from the log."""
    slow = SlowForecasts(list(fitted.events()), ZoneInfo(ZONE), "EUR")
    found = fitted.views.forecasts.forecast()
    fit = recorded(fitted)
    places: list[tuple[FittedPlace, Any]] = list(
        zip((fit.whole, *fit.touchpoints), (found.whole, *found.touchpoints), strict=True)
    )
    assert len(places) == 2
    for known, said in places:
        sold = slow.months(AT, known.touchpoint)
        assert next(iter(sold)) == (int(known.first[:4]), int(known.first[5:]))
        assert len(sold) == known.months
        for number, name in enumerate(("purchases", "revenue")):
            model, values = getattr(known, name), [float(each[number]) for each in sold.values()]
            series = SlowSeries(model, values, int(known.first[5:]))
            _, _, level, trend = series.states(lambda _: None, len(values))
            assert (model.level, model.trend) == pytest.approx((level, trend))
            assert model.deviation == pytest.approx(series.deviation())
            for month, (expected, spread) in zip(getattr(said, name).months, series.ahead(12), strict=True):
                assert month.expected == pytest.approx(max(expected, 0))
                assert month.high_80 == pytest.approx(max(expected + model.quantile_80 * spread, 0))
                assert month.low_95 == pytest.approx(max(expected - model.quantile_95 * spread, 0))


def test_no_question_fits_while_somebody_waits_or_needs_the_extra(
    engine: Relations, monkeypatch: pytest.MonkeyPatch
) -> None:
    (event,) = engine.fit_forecasts(as_of=AT).events
    expected = engine.views.forecasts.forecast(as_of=AT)
    assert engine.fit_forecasts(as_of=AT).events == ()  # nothing is new
    for name in ("scipy", "scipy.signal", "scipy.optimize"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setattr(fitting, "fit_series", None)
    engine.rebuild(["forecasts"])
    assert engine.views.forecasts.forecast(as_of=AT) == expected
    assert expected.fit is not None
    assert expected.fit.position == event.position - 1
    with engine.as_of(position=event.position) as past:
        assert past.views.forecasts.forecast(as_of=AT) == expected
    before = engine.views.forecasts.forecast(as_of=AT - timedelta(days=1))
    assert (before.fit, before.whole, before.touchpoints) == (None, None, ())
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "scipy.signal", None)
    with pytest.raises(MissingExtra, match="analytics"):
        engine.fit_forecasts(as_of=AT + timedelta(days=40))


def test_a_question_uses_the_newest_fit_as_of_its_moment_and_says_what_was_sold_since(engine: Relations) -> None:
    early = AT - timedelta(days=92)
    engine.fit_forecasts(as_of=early)
    expected = whole(engine, as_of=early, months=4).revenue.months
    assert all(month.actual is None for month in expected)
    engine.fit_forecasts(as_of=AT)
    assert whole(engine, as_of=early, months=4).revenue.months == expected
    later = whole(engine, as_of=AT - timedelta(hours=20), months=3)  # the day before the second fit
    assert later.observed == 26
    assert [month.month for month in later.revenue.months] == months_between("2024-03", "2024-08")
    sold = {each.month: each.value for each in whole(engine, as_of=AT).revenue.history}
    assert [month.actual for month in later.revenue.months] == [
        sold["2024-03"], sold["2024-04"], sold["2024-05"], None, None, None
    ]  # fmt: skip
    assert whole(engine, as_of=AT).observed == 29
    stale = engine.views.forecasts.forecast(as_of=AT + timedelta(days=365 * 2))
    assert stale.whole is not None
    assert stale.whole.revenue.months[-1].month == "2025-05"  # a fit reaches a year
    assert all(month.actual is not None for month in stale.whole.revenue.months)


def test_late_events_change_the_past_but_not_the_forecast(engine: Relations) -> None:
    engine.fit_forecasts(as_of=AT)
    before = whole(engine)
    engine.execute(purchase(9004, AT - timedelta(days=45), cents=5_000))
    after = whole(engine)
    assert after.revenue.months == before.revenue.months
    change = [a.value - b.value for a, b in zip(after.revenue.history, before.revenue.history, strict=True)]
    assert sum(change) == change[-2] == 5_000
    engine.fit_forecasts(as_of=AT)
    assert whole(engine).revenue.months != before.revenue.months


def test_refunds_merges_and_erasures_change_nothing(engine: Relations) -> None:
    engine.fit_forecasts(as_of=AT)
    before, fit = engine.views.forecasts.forecast(), recorded(engine)
    engine.execute(MergeCustomer(customer="c1", into="c2", occurred_at=AT))
    engine.execute(EraseCustomer(customer="c3", occurred_at=AT))
    engine.execute(RefundPurchase(customer="c2", purchase="p2", refund="r1", amount=Money(500, "EUR"), occurred_at=AT))
    assert engine.views.forecasts.forecast() == before
    engine.fit_forecasts(as_of=AT)
    assert recorded(engine) == fit
    assert engine.verify().good


def test_forecasts_are_fitted_again_once_a_month_if_somebody_asked_for_them(engine: Relations) -> None:
    assert engine.refit_forecasts(AT) is None
    engine.fit_forecasts(as_of=AT, most=1)
    assert engine.refit_forecasts(AT.replace(day=30)) is None  # something may be sold tonight
    assert engine.refit_forecasts(AT.replace(month=7, day=1)) is not None
    fit = engine.views.forecasts.forecast(as_of=AT.replace(month=7, day=1)).fit
    assert fit is not None
    assert (str(fit.through), fit.most) == ("2024-06-30", 1)
    assert engine.refit_forecasts(AT.replace(year=2030)) is None  # nothing was bought for years


# --- questions that have no answer ----------------------------------------------------------------------------------


def test_what_cannot_be_asked_is_refused(fitted: Relations) -> None:
    view = fitted.views.forecasts
    for asked, code in (
        ({"months": 0}, "invalid_limit"), ({"months": 13}, "invalid_limit"), ({"history": -1}, "invalid_limit"),
        ({"touchpoint": "moon"}, "unknown_touchpoint"), ({"currency": "XQX"}, "unknown_currency"),
        ({"refit": True, "most": 101}, "invalid_limit"),
    ):  # fmt: skip
        with pytest.raises(InvalidInput) as refused:
            view.forecast(**asked)
        assert refused.value.code == code, asked
    with pytest.raises(InvalidInput, match="most"):
        fitted.fit_forecasts(most=-1)
    assert [each.touchpoint for each in view.forecast(touchpoint="bar").touchpoints] == ["bar"]
    assert view.forecast(touchpoint="spa").touchpoints == ()


def test_a_business_with_few_months_or_none_lately_has_no_forecast() -> None:
    with Relations.open("sqlite://", clock=lambda: AT, durability="off") as engine:
        for count, code in ((0, "too_few_months"), (3, "too_few_months")):
            engine.execute_many(purchase(number, AT - timedelta(days=20 * number)) for number in range(count))
            with pytest.raises(NoFit) as refused:
                engine.fit_forecasts()
            assert refused.value.code == code
        assert engine.views.forecasts.forecast().whole is None
        engine.execute_many(purchase(number, AT - timedelta(days=20 * number)) for number in range(3, 20))
        assert engine.fit_forecasts().events
        with pytest.raises(NoFit) as refused:
            engine.fit_forecasts(as_of=AT.replace(year=2026))
        assert refused.value.code == "no_recent_purchases"


# --- whatever happens -----------------------------------------------------------------------------------------------


@st.composite
def sales(draw: st.DrawFn) -> Command:
    at = FIRST + timedelta(hours=draw(st.integers(0, 24 * 330)))
    customer, other = draw(st.permutations(("c1", "c2", "c3")))[:2]
    number = draw(st.integers(0, 999))
    if draw(st.integers(0, 5)):
        place = draw(st.sampled_from(("bar", "spa", None)))
        return purchase(number, at, place=place, cents=draw(st.integers(0, 9999)), of=customer)
    return draw(
        st.sampled_from(
            (
                MergeCustomer(customer=customer, into=other, occurred_at=at),
                EraseCustomer(customer=customer, occurred_at=at),
                RefundPurchase(
                    customer=customer, purchase=f"p{number}", refund="r", amount=Money(1, "EUR"), occurred_at=at
                ),
            )
        )
    )


@given(st.lists(sales(), min_size=10, max_size=40), st.integers(5, 11), st.integers(1, 28))
@part(15)
def test_the_months_are_those_of_a_slow_count(commands: list[Command], month: int, day: int) -> None:
    at = FIRST.replace(month=month, day=day)
    with Relations.open("sqlite://", clock=lambda: at + timedelta(days=400), durability="off") as engine:
        engine.adopt(Policy(zone=ZONE), from_beginning=True)
        for command in commands:
            try:
                engine.execute(command)
            except CommandRefused:
                continue
        slow = SlowForecasts(list(engine.events()), ZoneInfo(ZONE), "EUR")
        expected = slow.months(at, None)
        try:
            found = engine.views.forecasts.forecast(as_of=at, refit=True, history=99)
        except NoFit:
            assert len(expected) < 6 or not any(count for count, _ in list(expected.values())[-12:])
            return
        assert found.whole is not None
        for place in (found.whole, *found.touchpoints):
            sold = slow.months(at, place.touchpoint)
            assert [each.value for each in place.purchases.history] == [count for count, _ in sold.values()]
            assert [each.value for each in place.revenue.history] == [amount for _, amount in sold.values()]
