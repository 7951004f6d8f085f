"""The repair and desk projections under the laws of projections, on both databases, over histories of every kind."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from relations.aggregates import complaint as complaints
from relations.aggregates.customer import (
    FeedbackCorrected,
    GiveFeedback,
    RecordInteraction,
    RecordPurchase,
    RegisterCustomer,
)
from relations.aggregates.policy import AdoptPolicy
from relations.engine import Relations
from relations.messages import Command, Money
from relations.policies import Policy, ServiceLevels
from relations.policies.complaints.service_levels import EscalationStep, ServiceLevel
from relations.projections import desk, repair
from relations.projections.projection import Projection
from relations.testing.laws import check_laws
from tests.support.making import HASH_SEEDS, OF_THE_DATABASE

START = datetime(2024, 1, 1, tzinfo=UTC)
FULL = Policy(
    service_levels=ServiceLevels(
        medium=ServiceLevel(
            acknowledge=timedelta(days=1),
            resolve=timedelta(days=7),
            extended=timedelta(days=30),
            next_response=timedelta(days=2),
            follow_up=timedelta(days=10),
        ),
        escalations=(EscalationStep(at_percent=50, to="head of desk"),),
    )
)
MOVES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("AcknowledgeComplaint", {}),
    ("AssessComplaint", {"severity": "high", "category": "room"}),
    ("AssignComplaint", {"owner": "ann", "department": "desk"}),
    ("TransferComplaint", {"department": "finance"}),
    ("InvestigateComplaint", {"conclusion": "upheld"}),
    ("NameRootCause", {"cause": "plumbing"}),
    ("AskInformation", {"request": "q"}),
    ("ReceiveInformation", {"request": "q"}),
    ("SendHoldingReply", {"reason": "parts"}),
    ("EscalateComplaint", {"emergency": True}),
    ("GiveApology", {}),
    ("ProposeRemedy", {"remedy": "r", "kind": "goodwill", "value": Money(900, "EUR")}),
    ("AcceptRemedy", {"remedy": "r"}),
    ("DeclineRemedy", {"remedy": "r"}),
    ("CarryOutRemedy", {"remedy": "r"}),
    ("ResolveComplaint", {}),
    ("FollowUpComplaint", {"score": 4}),
    ("CloseComplaint", {}),
    ("ReopenComplaint", {"reason": "again"}),
    ("WithdrawComplaint", {}),
    ("RecogniseComplaint", {"reward": "w", "value": Money(500, "EUR")}),
    ("RaiseImprovement", {"improvement": "i", "title": "new pipes", "cause": "plumbing"}),
    ("CompleteImprovement", {"improvement": "i"}),
    ("MeasureImprovement", {"improvement": "i", "before": 9, "before_days": 90, "after": 1, "after_days": 90}),
    ("CheckDeadlines", {}),
    ("ReceiveMessage", {"message": "m"}),
    ("SendMessage", {"message": "n"}),
    ("JudgePromise", {"promise": "timely response", "kept": False, "judged_by": "regulator"}),
)


KINDS = ("complaint", "complaint", "enquiry", "complaint", "suggestion", "complaint", "request")


def commands(seed: int = 7) -> Iterator[Command]:
    """Five customers, their purchases, contacts and answers, and ten complaints through whatever may happen to them."""
    chance = random.Random(seed)
    yield AdoptPolicy(policy=FULL, from_beginning=True, occurred_at=START)
    for number in range(5):
        customer = {"customer": f"c{number}", "occurred_at": START + timedelta(days=number)}
        yield RegisterCustomer(**customer)
        yield RecordPurchase(purchase="p1", amount=Money(100, "EUR"), **customer)
        yield RecordInteraction(interaction="i1", channel="phone", kind="greeting", **customer)
        yield GiveFeedback(feedback="f1", instrument="csat", score=4, **customer)
    for number in range(10):
        at = START + timedelta(days=10 + number)
        complaint = {"complaint": f"k{number}"}
        kind = KINDS[number % len(KINDS)]
        yield complaints.FileComplaint(
            customer=f"c{number % 5}",
            subject="noise",
            channel="web",
            text="words",
            occurred_at=at,
            kind=kind,
            **complaint,
        )
        for _ in range(16):
            name, fields = chance.choice(MOVES)
            at += timedelta(hours=chance.choice((0, 1, 30, 60)))
            late = timedelta(hours=chance.choice((0, 0, 0, 20)))
            yield getattr(complaints, name)(occurred_at=at - late, **complaint, **fields)
        yield GiveFeedback(customer=f"c{number % 5}", feedback=f"g{number}", instrument="csat", score=3, occurred_at=at)


@pytest.mark.parametrize("projection", [repair.PROJECTION, desk.PROJECTION], ids=["repair", "desk"])
def test_the_laws_hold(projection: Projection, either_url: str) -> None:
    more = {"hash_seeds": HASH_SEEDS} if either_url.startswith("sqlite") else OF_THE_DATABASE
    report = check_laws(projection, commands(), url=either_url, batches=(1, 7, 1_000), shards=(1, 3), points=6, **more)
    assert report.folded > 50
    assert report.checks > 10


def test_the_commands_lead_to_every_event_that_the_projections_fold(sqlite_url: str) -> None:
    with Relations.open(sqlite_url, durability="off", follow=False) as relations:
        for seed in range(12):
            prefix = f"s{seed}-"
            relations.execute_many(
                command.model_copy(
                    update={
                        name: prefix + getattr(command, name)
                        for name in ("complaint", "customer")
                        if hasattr(command, name)
                    }
                )
                for command in commands(seed)
            )
        seen = {type(recorded.event) for recorded in relations.events()}
    from_others = {FeedbackCorrected, complaints.ComplaintMerged, complaints.RemedyApproved, complaints.RemedyRefused}
    folded = repair.PROJECTION.folds.keys() | desk.PROJECTION.folds.keys()
    assert folded - seen <= from_others | {complaints.ImprovementNotProved}
