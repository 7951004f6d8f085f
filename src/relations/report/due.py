"""Everything due as of a moment.

The agenda of the present only knows what is open now. As of a past moment it would show what came up later and miss
what was done since. So a past moment is asked of the agenda as it stood: folded from the events dated by then. Where
none of its events is dated later, that is the agenda of the present.

The repair view knows complaints' deadlines as of any moment, also those that were missed and recorded as missed. They
are overdue until the step is taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from datetime import datetime, timedelta

from relations.messages import to_micros
from relations.past.bounds import is_dated_later
from relations.past.questions import Questions
from relations.policies.complaints.service_levels import CLOCKS
from relations.projections.agenda.view import AgendaItem
from relations.projections.repair.figures import DueStep

__all__ = ["due_for_customer", "due_within", "has_gone_on"]

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
    asked = {item.stream for item in found if item.kind == "follow_up"}
    with _as_it_stood(engine, at) if _differs_now(engine, at) else nullcontext(engine) as then:
        found += [
            item
            for item in then.views.agenda.due(until=at + ahead, as_of=at)
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
    with _as_it_stood(engine, at, customer) as then:
        return then.views.agenda.for_customer(customer)


def _differs_now(engine: Questions, at: datetime) -> bool:
    """Return True if the agenda or its policy may have been another one at a moment."""
    moment, topics = to_micros(at), [event.topic for event in engine.views.agenda.projection.folds]
    return engine.rules.at(moment) != engine.policy or is_dated_later(engine.log, engine.bounds, topics, moment)


@contextmanager
def _as_it_stood(engine: Questions, at: datetime, customer: str | None = None) -> Iterator[Questions]:
    """Give the state of a past moment, or the engine itself if nothing was recorded since."""
    if has_gone_on(engine, at):
        with closing(engine.as_of(occurred=at, customer=customer)) as then:
            yield then
    else:
        yield engine


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
