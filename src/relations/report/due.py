"""Everything due as of a moment: complaints' deadlines as of any moment, all else as of the present.

The agenda only knows what is open now. As of a past moment it would show what came up later and miss what was done
since. So as of a past moment only complaints' deadlines are given, which the repair view knows as of any moment. It
also knows deadlines that were missed and recorded as missed, which are overdue until the step is taken.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from relations.messages import to_micros
from relations.past.questions import Questions
from relations.policies.complaints.service_levels import CLOCKS
from relations.projections.agenda.view import AgendaItem
from relations.projections.repair.figures import DueStep

__all__ = ["due_for_customer", "due_within", "has_gone_on"]

_END_OF_TIME = datetime(9999, 1, 1, tzinfo=UTC)
_DEADLINES = frozenset({*CLOCKS, "follow_up_deadline"}) - {"follow_up"}
"""Kinds of the agenda for which the repair view has the deadlines."""


def has_gone_on(engine: Questions, at: datetime) -> bool:
    """Return True if anything was recorded after a moment."""
    head = engine.status().position
    last = next(engine.events(after=head - 1), None) if head else None
    return last is not None and last.recorded_at > to_micros(at)


def due_within(engine: Questions, at: datetime, ahead: timedelta) -> list[AgendaItem]:
    """Return everything overdue at a moment or due soon after it, soonest first.

    Args:
        engine: The engine to ask.
        at: The moment.
        ahead: How far ahead to look.
    """
    found = _of_complaints(engine, at, ahead)
    if not has_gone_on(engine, at):
        asked = {item.stream for item in found if item.kind == "follow_up"}
        found += [
            item
            for item in engine.views.agenda.due(until=at + ahead, as_of=at)
            if item.kind not in _DEADLINES and not (item.kind == "follow_up" and item.stream in asked)
        ]
    return sorted(found, key=lambda item: item.key)


def due_for_customer(engine: Questions, at: datetime, customer: str) -> list[AgendaItem]:
    """Return everything overdue at a moment or due after it for one customer, soonest first.

    Args:
        engine: The engine to ask.
        at: The moment.
        customer: A surviving id.
    """
    if not has_gone_on(engine, at):
        return engine.views.agenda.for_customer(customer)
    return [item for item in _of_complaints(engine, at, _END_OF_TIME - at) if item.customer == customer]


def _of_complaints(engine: Questions, at: datetime, ahead: timedelta) -> list[AgendaItem]:
    view = engine.views.repair
    return sorted(map(_item, [*view.overdue(as_of=at), *view.due(within=ahead, as_of=at)]), key=lambda item: item.key)


def _item(step: DueStep) -> AgendaItem:
    return AgendaItem(
        due_at=step.due_at,
        kind=step.clock,
        customer=step.customer,
        stream=f"complaint-{step.complaint}",
        detail=step.subject,
    )
