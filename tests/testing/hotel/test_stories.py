"""The stories of the simulation: nearly every event occurs, nothing of them is refused, and nobody else is touched."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from relations.aggregates import AGGREGATES
from relations.aggregates.customer import PurchaseRecorded, RecordPurchase
from relations.engine import Relations
from relations.messages import Money
from relations.testing import is_mistake, simulate


@pytest.fixture(scope="module")
def told() -> Iterator[Relations]:
    commands = list(simulate(seed=1, customers=60, stories=True))
    last = max(command.occurred_at for command in commands)
    with Relations.open("sqlite://", clock=lambda: last) as engine:
        report = engine.execute_many(commands)
        assert [each.command for each in report.rejections if not is_mistake(each.command)] == []
        yield engine


def test_at_least_95_kinds_of_event_occur(told: Relations) -> None:
    every = {event.topic for aggregate in AGGREGATES for event in aggregate.events}
    found = {recorded.topic for recorded in told.events()}
    assert len(found & every) >= 95, sorted(every - found)


def test_the_stories_show_what_they_are_told_for(told: Relations) -> None:
    views = told.views
    (storm,) = [day for day in views.posts.alarms() if "many_posts" in day.signals]
    assert (storm.negative, storm.signals) == (12, ("many_posts", "negative_high"))
    assert {each.kind for each in views.desk.search(limit=1_000).tickets} == {
        "complaint", "enquiry", "request", "suggestion",
    }  # fmt: skip
    assert views.desk.ticket("story-bill-again").status == "merged"  # type: ignore[union-attr] # it was filed
    assert {each.state for each in views.repair.improvements()} == {"proved", "not_proved"}


def test_guests_are_cared_for_and_some_steps_are_missed_or_left_out(told: Relations) -> None:
    care = told.views.care
    kept = {each.plan: each for each in care.kept() if not each.what}
    assert set(kept) == {"", "611", "birthday", "after_stay", "after_complaint", "account"}
    for plan in ("611", "birthday", "after_stay"):
        assert (kept[plan].kept or 0) > 0.5
    assert kept[""].lapsed
    assert kept[""].skipped
    assert [each.round for each in care.due(owner="li")] == ["611-1"]
    assert [(each.step, each.outcome) for each in care.steps(plan="account")] == [("call", "done")]
    (first, *_) = care.plans("story-helvetia")
    assert [each.step.partition("-")[0] for each in first.steps] == ["call", "thanks", "thanks"]
    renewed = [each for each in told.events() if each.topic == "customer.plan_renewed"]
    assert {each.event.plan for each in renewed} == {"611", "birthday"}  # type: ignore[attr-defined] # by their topic


def test_a_rival_is_observed_and_a_mistake_is_taken_back(told: Relations) -> None:
    (hotel,) = [each for each in told.views.pipeline.rivals() if each.rival == "grand-hotel"]
    assert len(hotel.observations) == 4
    assert hotel.lost
    (room,) = [each for each in hotel.observations if each.kind == "price"]
    assert (room.price, room.previous) == (Money(16_900, "EUR"), Money(18_900, "EUR"))


def test_what_the_simulation_begins_the_agenda_does_not_begin_again(told: Relations) -> None:
    rounds = [each for each in told.events() if each.topic == "customer.plan_begun"]
    begun = told.views.care.beginnings(until=told.clock())
    assert len(rounds) > 20
    # Only the stories leave beginnings to the agenda, and purchases that were recorded late.
    assert len(begun) < len(rounds) / 4


def test_the_other_guests_are_the_same_without_the_stories() -> None:
    def others(*, stories: bool) -> dict[str | None, object]:
        told = simulate(seed=3, customers=20, stories=stories)
        # Which commands are sent twice is drawn command by command.
        return {
            each.command_id: each.model_copy(update={"lines": ()}) if isinstance(each, RecordPurchase) else each
            for each in told
            if not re.search("story|policy|care", each.command_id or "")
        }

    assert others(stories=True) == others(stories=False)


def test_bills_name_products_of_which_some_go_together(told: Relations) -> None:
    bills = [
        event for each in told.events() if isinstance(event := each.event, PurchaseRecorded) and event.lines
    ]  # fmt: skip
    assert len(bills) > 100
    assert all(sum(line.amount.amount for line in bill.lines) == bill.amount.amount for bill in bills if not bill.rest)
    rules = {(each.product, each.recommended): each for each in told.views.recommendations.rules(refit=True).rules}
    assert rules["cheese board", "wine"].lift > 1
    assert rules["late check-out", "spa entry"].confidence > rules["breakfast", "spa entry"].confidence
