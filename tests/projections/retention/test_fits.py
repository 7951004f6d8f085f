"""Fits are work done ahead: recorded once, used by every later question, and the same in every replay."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from relations import Money, Policy, Relations
from relations.commands import RecordPurchase
from relations.errors import InvalidInput, NoFit
from relations.policies import Lifecycle
from relations.projections.retention.worth import lifetime_value
from relations.report.customer_file import customer_file

DAY = datetime(2024, 1, 1, 12, tzinfo=UTC)
AT = DAY + timedelta(days=300)


def purchases(customers: int, *, seed: int) -> Iterator[RecordPurchase]:
    """Yield the purchases of customers who buy and leave as the models have it."""
    random = Random(seed)
    for number in range(customers):
        rate, leaves = random.gammavariate(0.8, 1 / 20), random.betavariate(0.8, 2.5)
        mean, day, visit = random.gammavariate(6, 900), 0.0, 0
        while day < 290:
            yield RecordPurchase(
                customer=f"c{seed}-{number}",
                purchase=f"p{visit}",
                amount=Money(1 + round(random.gammavariate(4, mean / 4)), "EUR"),
                occurred_at=DAY + timedelta(days=int(day)),
            )
            if visit and random.random() < leaves:
                break
            day, visit = day + 1 + random.expovariate(rate), visit + 1


@pytest.fixture
def hotel() -> Iterator[Relations]:
    now = [AT]
    with Relations.open("sqlite://", clock=lambda: now[0], durability="off") as engine:
        engine.adopt(Policy(lifecycle=Lifecycle(refit_days=30)), from_beginning=True)
        assert engine.execute_many(purchases(150, seed=1)).accepted > 150
        yield engine


@pytest.fixture
def unfit(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return a function that makes every further fit an error."""

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("fitted while somebody waits")

    return lambda: monkeypatch.setattr(lifetime_value, "fit_buying", refuse)


def test_a_recorded_fit_gives_what_a_fit_of_that_moment_gives(hotel: Relations, unfit: Callable[[], None]) -> None:
    view = hotel.views.retention
    fresh = view.lifetime_values(as_of=AT)
    (recorded,) = hotel.fit_models(as_of=AT).events
    unfit()
    found = view.lifetime_values(as_of=AT)
    assert found.fit is not None
    assert (found.fit.fitted_at, found.fit.through, found.fit.age_days) == (AT, AT.date(), 0)
    assert found.fit.position == recorded.position - 1
    assert found.model_copy(update={"fit": None}) == fresh.model_copy(update={"fit": None})
    for each in found.customers[:5]:
        assert view.value_of(each.customer, as_of=AT) == each


def test_a_question_uses_the_newest_fit_as_of_its_moment(hotel: Relations, unfit: Callable[[], None]) -> None:
    view = hotel.views.retention
    hotel.fit_models(as_of=AT)
    first = view.lifetime_values(as_of=AT).buying
    hotel.execute_many(purchases(150, seed=2))
    later = AT + timedelta(days=40)
    hotel.fit_models(as_of=later)
    unfit()
    between, after = (view.lifetime_values(as_of=AT + timedelta(days=days)) for days in (10, 45))
    assert between.fit is not None
    assert after.fit is not None
    assert (between.buying, between.fit.age_days) == (first, 10)
    assert after.buying != first
    assert (after.fit.through, after.fit.age_days) == (later.date(), 5)
    with pytest.raises(AssertionError, match="while somebody waits"):
        view.lifetime_values(as_of=AT - timedelta(days=1))


def test_a_replay_gives_the_same_answers(hotel: Relations, unfit: Callable[[], None]) -> None:
    hotel.fit_models(as_of=AT)
    expected = hotel.views.retention.lifetime_values(as_of=AT + timedelta(days=20))
    position = hotel.status().position
    hotel.execute_many(purchases(150, seed=3))
    unfit()
    hotel.rebuild(["retention"])
    with hotel.as_of(position=position) as past:
        assert past.views.retention.lifetime_values(as_of=AT + timedelta(days=20)) == expected
    # The parameters stay those of the fit, whatever is recorded later.
    assert hotel.views.retention.lifetime_values(as_of=AT + timedelta(days=20)).buying == expected.buying


def test_the_file_of_a_customer_needs_no_fit(hotel: Relations, unfit: Callable[[], None]) -> None:
    unfit()
    before = customer_file(hotel, "c1-1", as_of=AT)
    assert before.worth is not None
    assert (before.worth.expected_value, before.worth_unknown) == (None, "no value model was fitted by then")


def test_models_are_fitted_again_when_the_newest_fit_is_old(hotel: Relations) -> None:
    assert hotel.refit_models(AT) is not None
    assert hotel.refit_models(AT + timedelta(days=29)) is None
    assert hotel.refit_models(AT + timedelta(days=30)) is not None


def test_models_that_cannot_be_fitted_are_not_recorded() -> None:
    with Relations.open("sqlite://", clock=lambda: AT, durability="off") as engine:
        engine.execute(RecordPurchase(customer="c1", purchase="p", amount=Money(100, "EUR"), occurred_at=DAY))
        position = engine.status().position
        with pytest.raises(NoFit, match="no customer came back"):
            engine.fit_models(as_of=AT)
        assert engine.refit_models(AT) is None
        assert engine.status().position == position


def test_a_fit_in_a_currency_that_does_not_exist_is_refused(hotel: Relations) -> None:
    with pytest.raises(InvalidInput):
        hotel.fit_models(as_of=AT, currency="XYZ")
