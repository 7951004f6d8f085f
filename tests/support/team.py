"""A small team, for histories in which every view should have rows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from relations.aggregates.customer import RecordInteraction
from relations.aggregates.staff import (
    CompleteStaffTraining,
    JoinStaff,
    LeaveStaff,
    PlanStaffTraining,
    RecogniseStaff,
)
from relations.messages import Command

__all__ = ["small_team"]


def small_team(at: datetime, *customers: str) -> Iterator[Command]:
    """Yield a team of three, one of whom has left, who were in contact with some customers."""
    joined = at - timedelta(days=500)
    yield JoinStaff(
        staff="own-li",
        role="concierge",
        department="rooms",
        languages=("zh", "en"),
        skills=("conflict",),
        interests=("pillow", "opera"),
        occurred_at=joined,
    )
    yield JoinStaff(staff="own-mara", role="waiter", department="bar", languages=("de",), occurred_at=joined)
    yield JoinStaff(staff="own-noor", role="waiter", department="bar", occurred_at=joined)
    yield PlanStaffTraining(
        staff="own-mara", training="listening", about=("noise",), due_at=at - timedelta(days=5), occurred_at=joined
    )
    yield CompleteStaffTraining(
        staff="own-li", training="listening", about=("noise",), score=90, occurred_at=at - timedelta(days=30)
    )
    yield RecogniseStaff(staff="own-li", recognition="r1", reason="praised by a guest", occurred_at=at)
    yield LeaveStaff(staff="own-noor", reason="moved", occurred_at=at)
    for number, customer in enumerate(customers):
        yield RecordInteraction(
            customer=customer,
            interaction=f"team-{number}",
            channel="phone",
            kind="short_call",
            by="own-li" if number % 2 else "own-mara",
            minutes=4,
            occurred_at=at,
        )
