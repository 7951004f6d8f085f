"""Items due as of a past day, in the report and in a customer's file."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest

from relations import Relations
from relations.cli.pages.report import agenda
from relations.cli.pages.report.question import Question
from relations.commands import RecordPurchase
from relations.messages import Money
from relations.policies.complaints.service_levels import CLOCKS
from relations.projections.agenda.view import AgendaItem
from relations.report.customer_file import customer_file
from relations.report.due import due_for_customer, due_within, has_gone_on
from relations.testing.hotel.simulation import simulate_recorded

DAY = datetime(2024, 10, 31, 23, tzinfo=UTC)


class Histories(NamedTuple):
    whole: Relations
    cut: Relations


@pytest.fixture(scope="module")
def histories() -> Iterator[Histories]:
    """A hotel group's, and the same as far as it was told on the day, in an engine for which that day is now.

    So the second one answers from its present, and the first one from its past.
    """
    # What is told late changes the past for good reasons; here nothing is.
    told = [one.command for one in simulate_recorded(seed=5, customers=120, months=12)
            if not one.command.occurred_at <= DAY < one.recorded_at]  # fmt: skip
    before = [command for command in told if command.occurred_at <= DAY]
    assert 300 < len(before) < len(told) - 50
    with (
        Relations.open("sqlite://", durability="off") as whole,
        Relations.open("sqlite://", durability="off", clock=lambda: DAY) as cut,
    ):
        whole.execute_many(told)
        cut.execute_many(before)
        yield Histories(whole, cut)


def test_a_report_as_of_a_day_gone_by_tells_nothing_of_what_came_later(histories: Histories) -> None:
    question = Question(as_of=DAY, zone="Europe/Vienna", asked=True, days=500)
    whole, cut = (agenda.read(engine, question) for engine in histories)
    assert whole == cut
    # The agenda of the log that ends on the day knows the same, without asking the past.
    soon = histories.cut.views.agenda.due(until=DAY + timedelta(days=500), as_of=DAY)
    kinds = {item.kind for item in soon} - set(CLOCKS)
    assert len(kinds) > 1
    for kind in kinds - {"follow_up", "follow_up_deadline"}:
        told = [item for item in (*whole.overdue, *whole.due) if item.kind == kind]
        assert told == sorted((item for item in soon if item.kind == kind), key=lambda item: item.key)


def test_a_customers_file_as_of_a_day_gone_by_tells_nothing_of_what_came_later(histories: Histories) -> None:
    everybody = sorted({recorded.customer for recorded in histories.cut.events() if recorded.customer})
    seen, later = 0, 0
    for customer in everybody:
        whole, cut = (due_for_customer(engine, DAY, customer) for engine in histories)
        assert whole == cut, customer
        if whole and not seen:
            assert customer_file(histories.whole, customer, as_of=DAY).due == whole
        seen += len(whole)
        later += len(set(histories.whole.views.agenda.for_customer(customer)) - set(whole))
    assert seen
    assert later, "something came later that was not told"


def test_as_of_the_present_everything_is_told() -> None:
    told = list(simulate_recorded(seed=5, customers=60, months=8))
    now = max(one.recorded_at for one in told)
    with Relations.open("sqlite://", durability="off", clock=lambda: now) as engine:
        engine.execute_many([one.command for one in told])
        page = agenda.read(engine, Question(as_of=now, zone="Europe/Vienna", asked=True, days=60))
        found: list[AgendaItem] = sorted([*page.overdue, *page.due], key=lambda item: item.key)
        assert "reminder" in {item.kind for item in found}
        customer = next(item.customer for item in found if item.kind == "reminder")
        assert customer_file(engine, customer, as_of=now).due == engine.views.agenda.for_customer(customer)


def test_where_nothing_is_dated_later_the_present_answers_as_the_past_would() -> None:
    """Late records do not make the agenda of then another one, and no past has to be folded for it."""
    told = [one.command for one in simulate_recorded(seed=5, customers=60, months=8)]
    before = [command for command in told if command.occurred_at <= DAY]
    ahead = timedelta(days=500)
    with Relations.open("sqlite://", durability="off") as engine:
        engine.execute_many(before)
        assert has_gone_on(engine, DAY)
        asked: list[object] = []
        past_of = engine.as_of

        def as_of(**bounds: Any) -> Any:
            asked.append(bounds)
            return past_of(**bounds)

        engine.as_of = as_of  # type: ignore[method-assign]
        found = due_within(engine, DAY, ahead)
        assert not asked
        engine.execute(
            RecordPurchase(
                customer="late", purchase="p1", amount=Money(100, "EUR"), occurred_at=DAY + timedelta(days=1)
            )
        )
        assert due_within(engine, DAY, ahead) == found
        assert asked
    assert len(found) > 20
