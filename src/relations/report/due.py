"""What is due as of a moment: by the agenda for the present, and for days gone by as far as these are known.

The agenda keeps only what is open now. As of a day gone by it would tell what came about later, and be silent of what
was done since; so then only deadlines of complaints are told, which the view of repair knows as of any moment.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from relations.engine import Relations
from relations.messages import to_micros
from relations.projections.agenda.view import AgendaItem
from relations.projections.repair.figures import DueStep

__all__ = ["due_with", "due_within", "has_gone_on"]

_EVER = datetime(9999, 1, 1, tzinfo=UTC)


def has_gone_on(engine: Relations, at: datetime) -> bool:
    """Whether anything was recorded after a moment."""
    head = engine.status().position
    last = next(engine.events(after=head - 1), None) if head else None
    return last is not None and last.recorded_at > to_micros(at)


def due_within(engine: Relations, at: datetime, within: timedelta) -> list[AgendaItem]:
    """What was due by a moment or falls due soon after it, soonest first.

    Args:
        engine: Whose views.
        at: The moment.
        within: How far ahead to look.
    """
    if not has_gone_on(engine, at):
        return engine.views.agenda.due(until=at + within, as_of=at)
    return _of_complaints(engine, at, within)


def due_with(engine: Relations, at: datetime, customer: str) -> list[AgendaItem]:
    """What was due by a moment or falls due after it with one customer, however far off, soonest first.

    Args:
        engine: Whose views.
        at: The moment.
        customer: A surviving id.
    """
    if not has_gone_on(engine, at):
        return engine.views.agenda.for_customer(customer)
    return [item for item in _of_complaints(engine, at, _EVER - at) if item.customer == customer]


def _of_complaints(engine: Relations, at: datetime, within: timedelta) -> list[AgendaItem]:
    """Also those that were missed, recorded as such or not."""
    view = engine.views.repair
    steps = [*view.overdue(as_of=at), *view.due(within=within, as_of=at)]
    return sorted(map(_item, steps), key=lambda item: item.key)


def _item(step: DueStep) -> AgendaItem:
    return AgendaItem(due_at=step.due_at, kind=step.clock, customer=step.customer, stream=f"complaint-{step.complaint}")
