"""What the rules must know of a complaint, and how it comes about from its events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from immutables import Map

from relations.aggregates.complaint.commands import (
    AcceptRemedy,
    AcknowledgeComplaint,
    CarryOutRemedy,
    CloseComplaint,
    ComplaintCommand,
    DeclineRemedy,
    GiveApology,
    ProposeRemedy,
    ResolveComplaint,
    WithdrawComplaint,
)
from relations.aggregates.complaint.events import (
    ApologyGiven,
    ComplaintAcknowledged,
    ComplaintClosed,
    ComplaintFiled,
    ComplaintFollowedUp,
    ComplaintReopened,
    ComplaintResolved,
    ComplaintWithdrawn,
    DeadlineMet,
    DeadlineMissed,
    RemedyAccepted,
    RemedyCarriedOut,
    RemedyDeclined,
    RemedyProposed,
)
from relations.aggregates.complaint.moves import MOVES, REMEDY_MOVES, RemedyStatus, Status
from relations.messages import Event, Money

__all__ = ["EVENTS", "Complaint", "Remedy", "evolve", "fact"]


class Remedy(msgspec.Struct, frozen=True, gc=False):
    """One offer, and what became of it."""

    kind: str
    value: Money | None
    points: int | None
    status: RemedyStatus


class Complaint(msgspec.Struct, frozen=True, gc=False):
    """What the rules must know of a complaint. It holds no personal words.

    Attributes:
        filing: The complaint as filed, without its text; None before.
        history: Since when it was in which state, in order of business time; the last one is the present state.
        round: Which run of the clocks this is; 0 before filing, one more for each reopening.
        reopened_at: When this round began; None in the first, which anything early belongs to.
        acknowledge_by: The deadline of the first answer while that clock runs, else None.
        resolve_by: The deadline of the resolution while that clock runs, else None.
        outcomes: How clocks ended: `met` or `missed`, by round and clock (`1 acknowledge`).
        acknowledged_at: The earliest acknowledgement of this round.
        remedies: By id.
        facts: What was recorded and has no id of its own, so that a retry is known as one; the round of each.
    """

    filing: ComplaintFiled | None = None
    history: tuple[tuple[int, Status], ...] = ()
    round: int = 0
    reopened_at: int | None = None
    acknowledge_by: int | None = None
    resolve_by: int | None = None
    outcomes: Map[str, str] = Map()
    acknowledged_at: int | None = None
    remedies: Map[str, Remedy] = Map()
    facts: Map[str, int] = Map()

    @property
    def customer(self) -> str:
        """Whose complaint it is; empty before filing."""
        return self.filing.customer if self.filing else ""

    @property
    def status(self) -> Status:
        """The present state."""
        return self.history[-1][1] if self.history else "unfiled"

    @property
    def since(self) -> int:
        """When the present state began, UTC microseconds."""
        return self.history[-1][0] if self.history else 0

    def status_at(self, at: int) -> Status:
        """The state as of a business time; before the filing's own time, the first one."""
        found = self.history[0][1] if self.history else "unfiled"
        for moment, status in self.history:
            if moment > at:
                break
            found = status
        return found

    def in_this_round(self, at: int) -> bool:
        """Whether something done then belongs to the present run of the clocks."""
        return self.reopened_at is None or at >= self.reopened_at


_replace = msgspec.structs.replace


_TELLING: dict[type[Event], str] = {
    ComplaintAcknowledged: "channel",
    ApologyGiven: "channel",
    ComplaintResolved: "outcome",
    ComplaintFollowedUp: "score",
    ComplaintReopened: "reason",
    ComplaintWithdrawn: "reason",
    ComplaintClosed: "topic",
}
"""What, beside its time, tells one event of a class from another. Personal words cannot."""


def fact(event: Any) -> str:
    """What an event without an id of its own says: two that say the same at the same time are one."""
    return f"{event.topic} {event.at} {getattr(event, _TELLING[type(event)])}"


def _moved(state: Complaint, command: type[ComplaintCommand], at: int) -> tuple[tuple[int, Status], ...]:
    """The history after a command's event; unchanged where the event was recorded late for an earlier round or end."""
    after = MOVES[state.status].get(command)
    if after is None or after == state.status or not state.in_this_round(at):
        return state.history
    return (*[entry for entry in state.history if entry[0] <= at], (at, after))


def _filed(state: Complaint, event: ComplaintFiled) -> Complaint:
    return _replace(
        state,
        filing=event if event.text is None else _replace(event, text=None),
        history=((event.at, "filed"),),
        round=1,
        acknowledge_by=event.acknowledge_by,
        resolve_by=event.resolve_by,
    )


def _acknowledged(state: Complaint, event: ComplaintAcknowledged) -> Complaint:
    first = state.acknowledged_at
    if state.in_this_round(event.at) and (first is None or event.at < first):
        first = event.at
    return _replace(
        state,
        history=_moved(state, AcknowledgeComplaint, event.at),
        acknowledged_at=first,
        facts=state.facts.set(fact(event), state.round),
    )


def _apologised(state: Complaint, event: ApologyGiven) -> Complaint:
    facts = state.facts.set(fact(event), state.round)
    return _replace(state, history=_moved(state, GiveApology, event.at), facts=facts)


def _remedy_proposed(state: Complaint, event: RemedyProposed) -> Complaint:
    remedies = state.remedies.set(event.remedy, Remedy(event.kind, event.value, event.points, "proposed"))
    return _replace(state, history=_moved(state, ProposeRemedy, event.at), remedies=remedies)


def _remedy_moved(state: Complaint, remedy: str, command: type[ComplaintCommand]) -> Map[str, Remedy]:
    known = state.remedies.get(remedy)
    after = REMEDY_MOVES[known.status].get(command) if known else None
    if known is None or after is None:
        return state.remedies
    return state.remedies.set(remedy, _replace(known, status=after))


def _remedy_accepted(state: Complaint, event: RemedyAccepted) -> Complaint:
    return _replace(state, remedies=_remedy_moved(state, event.remedy, AcceptRemedy))


def _remedy_declined(state: Complaint, event: RemedyDeclined) -> Complaint:
    return _replace(state, remedies=_remedy_moved(state, event.remedy, DeclineRemedy))


def _remedy_carried_out(state: Complaint, event: RemedyCarriedOut) -> Complaint:
    remedies = _remedy_moved(state, event.remedy, CarryOutRemedy)
    return _replace(state, history=_moved(state, CarryOutRemedy, event.at), remedies=remedies)


def _resolved(state: Complaint, event: ComplaintResolved) -> Complaint:
    facts = state.facts.set(fact(event), state.round)
    return _replace(state, history=_moved(state, ResolveComplaint, event.at), facts=facts)


def _followed_up(state: Complaint, event: ComplaintFollowedUp) -> Complaint:
    return _replace(state, facts=state.facts.set(fact(event), state.round))


def _closed(state: Complaint, event: ComplaintClosed) -> Complaint:
    facts = state.facts.set(fact(event), state.round)
    return _replace(state, history=_moved(state, CloseComplaint, event.at), facts=facts)


def _withdrawn(state: Complaint, event: ComplaintWithdrawn) -> Complaint:
    return _replace(
        state,
        history=_moved(state, WithdrawComplaint, event.at),
        acknowledge_by=None,
        resolve_by=None,
        facts=state.facts.set(fact(event), state.round),
    )


def _reopened(state: Complaint, event: ComplaintReopened) -> Complaint:
    return _replace(
        state,
        history=(*state.history, (event.at, "reopened")),
        round=state.round + 1,
        reopened_at=event.at,
        acknowledge_by=event.acknowledge_by,
        resolve_by=event.resolve_by,
        acknowledged_at=None,
        facts=state.facts.set(fact(event), state.round),
    )


def _clock_ended(state: Complaint, event: DeadlineMet | DeadlineMissed) -> Complaint:
    outcome = "met" if isinstance(event, DeadlineMet) else "missed"
    outcomes = state.outcomes.set(f"{event.round} {event.clock}", outcome)
    if event.round != state.round:
        return _replace(state, outcomes=outcomes)
    if event.clock == "acknowledge":
        return _replace(state, outcomes=outcomes, acknowledge_by=None)
    return _replace(state, outcomes=outcomes, resolve_by=None)


_EVOLUTIONS: dict[type[Event], Callable[[Complaint, Any], Complaint]] = {
    ComplaintFiled: _filed,
    ComplaintAcknowledged: _acknowledged,
    ApologyGiven: _apologised,
    RemedyProposed: _remedy_proposed,
    RemedyAccepted: _remedy_accepted,
    RemedyDeclined: _remedy_declined,
    RemedyCarriedOut: _remedy_carried_out,
    ComplaintResolved: _resolved,
    ComplaintFollowedUp: _followed_up,
    ComplaintClosed: _closed,
    ComplaintReopened: _reopened,
    ComplaintWithdrawn: _withdrawn,
    DeadlineMet: _clock_ended,
    DeadlineMissed: _clock_ended,
}

EVENTS = tuple(_EVOLUTIONS)


def evolve(state: Complaint, event: Event) -> Complaint:
    """The state after an event; an event that it does not know changes nothing."""
    evolution = _EVOLUTIONS.get(type(event))
    return state if evolution is None else evolution(state, event)
