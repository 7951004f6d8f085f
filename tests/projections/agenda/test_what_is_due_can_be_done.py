"""Whatever the agenda lists, its step can be taken at the moment asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from relations import Relations
from relations.aggregates.customer import Regarding
from relations.aggregates.opportunity import EndContract
from relations.commands import (
    AcceptHandover,
    AcknowledgeComplaint,
    AdvancePlan,
    AnswerFeedback,
    CheckDeadlines,
    EraseCustomer,
    EvaluateTier,
    ExpirePoints,
    ExpireRewards,
    FollowUpComplaint,
    RecordInteraction,
    RemindInvitation,
    ResolveComplaint,
    SendMessage,
)
from relations.messages import Command
from relations.policies import PersonalData
from relations.projections.agenda.view import AgendaItem
from relations.testing import hotel_policy, simulate

LAST = datetime(2026, 1, 20, 12, tzinfo=UTC)
OF_ITSELF = ("activation", "expiry", "tier", "tier_warning", "reward")
"""What an account does before any later command, with an id of its own."""


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Relations]:
    file: Path = tmp_path_factory.mktemp("agenda") / "hotel.db"
    with Relations.open(f"sqlite:///{file}", clock=lambda: LAST, durability="off") as engine:
        kept = PersonalData(erase_after_months=6)
        engine.adopt(hotel_policy().model_copy(update={"personal_data": kept}), from_beginning=True)
        commands = simulate(seed=11, customers=200, start=date(2024, 7, 1), months=18)
        report = engine.execute_many(each for each in commands if type(each).__name__ != "AdoptPolicy")
        assert report.events > 3_000
        yield engine


def step(item: AgendaItem, at: datetime) -> Command:
    """Return the command with which somebody does what an item asks for."""
    name, when = item.stream.partition("-")[2], {"occurred_at": at}
    of_complaint: dict[str, Any] = {"complaint": name, **when}
    of_customer: dict[str, Any] = {"customer": name, **when}
    of_account: dict[str, Any] = {"customer": name, "programme": item.programme or None, **when}
    match item.kind:
        case "acknowledge":
            return AcknowledgeComplaint(**of_complaint)
        case "next_response":
            return SendMessage(**of_complaint, message="answer", channel="email")
        case "resolve":
            return ResolveComplaint(**of_complaint)
        case "follow_up" | "follow_up_deadline":
            return FollowUpComplaint(**of_complaint, score=5)
        case "escalation":
            return CheckDeadlines(**of_complaint)
        case "activation" | "expiry":
            return ExpirePoints(**of_account)
        case "tier" | "tier_warning":
            return EvaluateTier(**of_account)
        case "reward":
            return ExpireRewards(**of_account)
        case "reminder":
            return RemindInvitation(**of_customer, invitation=item.detail)
        case "answer" if item.stream.startswith("complaint-"):
            return FollowUpComplaint(**of_complaint, score=5)
        case "answer":
            return AnswerFeedback(**of_customer, feedback=item.detail)
        case "contact":
            care_round, _, care_step = item.detail.partition(" ")
            return RecordInteraction(
                **of_customer,
                interaction="this",
                channel="message",
                kind="message",
                direction="outbound",
                regarding=Regarding("care", care_round, care_step),
                lenient=True,
            )
        case "lapse" | "renewal":
            return AdvancePlan(**of_customer)
        case "contract":
            return EndContract(opportunity=item.stream.partition("-")[2], occurred_at=at)
        case "handover":
            return AcceptHandover(**of_customer)
        case "erasure":
            return EraseCustomer(**of_customer)


def test_every_step_that_is_listed_can_be_taken_and_changes_something(engine: Relations) -> None:
    done: Counter[str] = Counter()
    database = engine.log.database.engine
    for until in (datetime(2025, 3, 1, tzinfo=UTC), datetime(2025, 10, 15, tzinfo=UTC), LAST):
        for item in engine.views.agenda.due(until=until):
            if item.due_at.year < 2025 or done[item.kind] >= 150:
                continue
            with database.connect() as connection, connection.begin() as tried:
                receipt = engine.execute(step(item, max(until, item.due_at)), connection=connection)
                tried.rollback()
            assert receipt.events or item.kind in OF_ITSELF, item
            done[item.kind] += 1
    assert done.keys() >= {"resolve", "follow_up", "answer", "reminder", "expiry", "tier", "erasure"}, done
