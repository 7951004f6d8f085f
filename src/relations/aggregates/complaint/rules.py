"""From a command to events: every rule of a complaint."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from relations.aggregates.complaint.commands import (
    AcceptRemedy,
    AcknowledgeComplaint,
    CarryOutRemedy,
    CheckDeadlines,
    CloseComplaint,
    ComplaintCommand,
    DeclineRemedy,
    FileComplaint,
    FollowUpComplaint,
    GiveApology,
    ProposeRemedy,
    ReopenComplaint,
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
from relations.aggregates.complaint.moves import ANSWERS, ENDED, MOVES, REMEDY_MOVES, WORK, RemedyStatus, Status
from relations.aggregates.complaint.state import Complaint, Remedy, evolve, fact
from relations.errors import CommandRefused
from relations.messages import Command, Event
from relations.policies import Policy

__all__ = ["COMMANDS", "REFUSALS", "decide"]

REFUSALS: Mapping[str, str] = {
    "complaint_id_reused": "Another complaint bears this id, or the same one was filed with other content",
    "illegal_move": "The table of moves does not lead on from the present state by this command",
    "out_of_order": "It bears a time before the beginning of the state that it would end",
    "remedy_id_reused": "Another offer of this complaint bears this id",
    "unknown_complaint": "No complaint with this id was filed",
    "unknown_remedy": "No offer with this id was made in this complaint",
    # At the door:
    "negative_amount": "A remedy costs the business nothing or more",
    "points_without_kind": "Points are given with the kind `points`, and only with it",
}
"""Every code of refusal, with when it is given."""


# --- may it be done? ------------------------------------------------------------------------------------------------


def _names(commands: Mapping[type[ComplaintCommand], str]) -> str:
    return ", ".join(command.__name__ for command in commands) or "nothing"


def _illegal(command: ComplaintCommand, status: Status, when: str = "is") -> CommandRefused:
    return CommandRefused(
        f"{type(command).__name__} is not possible: the complaint {command.complaint} {when} {status}; "
        f"from there: {_names(MOVES[status])}",
        code="illegal_move",
        field="complaint",
        remedy="Reopen it first" if ReopenComplaint in MOVES[status] else None,
    )


def _out_of_order(command: ComplaintCommand, status: Status) -> CommandRefused:
    return CommandRefused(
        f"{type(command).__name__} bears a time before the complaint {command.complaint} was {status}",
        code="out_of_order",
        field="occurred_at",
        remedy="Send what happened in the order in which it happened, or mend the time",
    )


def _reopening_by(state: Complaint, command: ComplaintCommand, at: int) -> list[Event]:
    """Nothing where the command is legal; the reopening that makes it so, for a lenient one; else a refusal."""
    kind, status = type(command), state.status
    if kind in WORK or kind is FollowUpComplaint:
        if at < state.since:
            # Recorded late. What counts is what was legal when it was done; what came after stands.
            then = state.status_at(at)
            if kind in MOVES[then] or (kind in MOVES[status] and state.in_this_round(at)):
                return []
            raise _illegal(command, then, "was then")
        if kind in MOVES[status]:
            return []
    elif kind in MOVES[status]:
        began = state.since if status in ENDED else state.reopened_at
        if began is not None and at < began:
            raise _out_of_order(command, status if status in ENDED else "reopened")
        return []
    if command.lenient and status in ENDED and (kind in WORK or kind in (ResolveComplaint, WithdrawComplaint)):
        if at < state.since:
            raise _out_of_order(command, status)
        return [_reopening(state, at, f"{kind.__name__} after it was {status}", lenient=True)]
    raise _illegal(command, status)


def _reopening(state: Complaint, at: int, reason: str, *, lenient: bool) -> ComplaintReopened:
    filing = state.filing
    # The policy is pinned at filing: a reopened complaint has the same time again, whatever is promised to others now.
    acknowledge_within = filing.acknowledge_by - filing.at if filing else 0
    resolve_within = filing.resolve_by - filing.at if filing else 0
    return ComplaintReopened(
        reason=reason,
        acknowledge_by=at + acknowledge_within,
        resolve_by=at + resolve_within,
        lenient=lenient,
        at=at,
    )


# --- clocks ---------------------------------------------------------------------------------------------------------


def _ended(state: Complaint, clock: str, due_at: int, at: int) -> Event:
    outcome = DeadlineMet if at < due_at else DeadlineMissed
    return outcome(clock=clock, round=state.round, due_at=due_at)


def _clocks_ended_by(state: Complaint, kind: type[ComplaintCommand], at: int) -> list[Event]:
    """The outcomes of the clocks that a command ends, in this round only: those of earlier rounds have ended."""
    ended: list[Event] = []
    if kind not in ANSWERS or not state.in_this_round(at):
        return ended
    if state.acknowledge_by is not None:
        ended.append(_ended(state, "acknowledge", state.acknowledge_by, at))
    if kind is ResolveComplaint and state.resolve_by is not None:
        ended.append(_ended(state, "resolve", state.resolve_by, at))
    return ended


def _clocks_run_out(state: Complaint, at: int) -> list[Event]:
    running = (("acknowledge", state.acknowledge_by), ("resolve", state.resolve_by))
    return [_ended(state, clock, due_at, at) for clock, due_at in running if due_at is not None and due_at <= at]


# --- what happens ---------------------------------------------------------------------------------------------------


def _file(state: Complaint, command: FileComplaint, policy: Policy) -> list[Event]:
    at = command.at
    due = policy.service_levels.deadlines(command.severity, at)
    event = ComplaintFiled(
        customer=command.customer,
        subject=command.subject,
        channel=command.channel,
        severity=command.severity,
        acknowledge_by=due.acknowledge_by,
        resolve_by=due.resolve_by,
        policy=policy.version,
        text=command.text,
        remedy_sought=command.remedy_sought,
        touchpoint=command.touchpoint,
        purchase=command.purchase,
        at=at,
    )
    filing = state.filing
    if filing is None:
        return [event]
    # The deadlines follow from the policy, which may have changed since; the text is personal and cannot be compared.
    again = msgspec.structs.replace(
        event, acknowledge_by=filing.acknowledge_by, resolve_by=filing.resolve_by, policy=filing.policy, text=None
    )
    if again == filing:
        return []
    raise CommandRefused(
        f"the complaint {command.complaint} is filed already, with other content or at another time",
        code="complaint_id_reused",
        field="complaint",
        remedy="Give each complaint an id of its own, or send the recorded one again unchanged",
    )


def _acknowledge(_state: Complaint, command: AcknowledgeComplaint, at: int) -> Event:
    return ComplaintAcknowledged(channel=command.channel, at=at)


def _apologise(_state: Complaint, command: GiveApology, at: int) -> Event:
    return ApologyGiven(channel=command.channel, at=at)


def _propose(state: Complaint, command: ProposeRemedy, at: int) -> Event | None:
    known = state.remedies.get(command.remedy)
    if known is None:
        return RemedyProposed(
            remedy=command.remedy, kind=command.kind, value=command.value, points=command.points, at=at
        )
    if (known.kind, known.value, known.points) == (command.kind, command.value, command.points):
        return None
    raise CommandRefused(
        f"the complaint {command.complaint} has another offer {command.remedy}",
        code="remedy_id_reused",
        field="remedy",
        remedy="Give each offer an id of its own",
    )


def _remedy(
    state: Complaint, command: AcceptRemedy | DeclineRemedy | CarryOutRemedy, done: tuple[RemedyStatus, ...]
) -> Remedy | None:
    """The remedy that a command moves; None where that was done before."""
    known = state.remedies.get(command.remedy)
    if known is None:
        raise CommandRefused(
            f"the complaint {command.complaint} has no offer {command.remedy}",
            code="unknown_remedy",
            field="remedy",
            remedy="Propose it first",
        )
    if known.status in done:
        return None
    moves = REMEDY_MOVES[known.status]
    if type(command) not in moves:
        raise CommandRefused(
            f"{type(command).__name__} is not possible: the remedy {command.remedy} is {known.status}; "
            f"from there: {_names(moves)}",
            code="illegal_move",
            field="remedy",
        )
    return known


def _accept(state: Complaint, command: AcceptRemedy, _at: int) -> Event | None:
    return RemedyAccepted(remedy=command.remedy) if _remedy(state, command, ("accepted", "carried_out")) else None


def _decline(state: Complaint, command: DeclineRemedy, _at: int) -> Event | None:
    moved = _remedy(state, command, ("declined",))
    return RemedyDeclined(remedy=command.remedy, reason=command.reason) if moved else None


def _carry_out(state: Complaint, command: CarryOutRemedy, at: int) -> Event | None:
    moved = _remedy(state, command, ("carried_out",))
    if moved is None:
        return None
    return RemedyCarriedOut(remedy=command.remedy, kind=moved.kind, value=moved.value, points=moved.points, at=at)


def _resolve(_state: Complaint, command: ResolveComplaint, at: int) -> Event:
    return ComplaintResolved(outcome=command.outcome, at=at)


def _follow_up(_state: Complaint, command: FollowUpComplaint, at: int) -> Event:
    return ComplaintFollowedUp(score=command.score, words=command.words, at=at)


def _close(_state: Complaint, _command: CloseComplaint, at: int) -> Event:
    return ComplaintClosed(at=at)


def _reopen(state: Complaint, command: ReopenComplaint, at: int) -> Event:
    return _reopening(state, at, command.reason, lenient=False)


def _withdraw(_state: Complaint, command: WithdrawComplaint, at: int) -> Event:
    return ComplaintWithdrawn(reason=command.reason, at=at)


_DECISIONS: dict[type[ComplaintCommand], Callable[[Complaint, Any, int], Event | None]] = {
    AcknowledgeComplaint: _acknowledge,
    GiveApology: _apologise,
    ProposeRemedy: _propose,
    AcceptRemedy: _accept,
    DeclineRemedy: _decline,
    CarryOutRemedy: _carry_out,
    ResolveComplaint: _resolve,
    FollowUpComplaint: _follow_up,
    CloseComplaint: _close,
    ReopenComplaint: _reopen,
    WithdrawComplaint: _withdraw,
}
"""By command: the event that it asks for, or None where its remedy was moved so before."""

COMMANDS: tuple[type[ComplaintCommand], ...] = (FileComplaint, *_DECISIONS, CheckDeadlines)

_OF_REMEDIES = (RemedyProposed, RemedyAccepted, RemedyDeclined, RemedyCarriedOut)


_REACHES: dict[type[ComplaintCommand], Status] = {CloseComplaint: "closed", WithdrawComplaint: "withdrawn"}
"""Commands that say no more than the state that they lead to: there, they are done."""


def _is_done(state: Complaint, kind: type[ComplaintCommand], event: Event) -> bool:
    """Whether the event is recorded already, or a complaint that is put away is put away again."""
    if isinstance(event, _OF_REMEDIES):
        return False  # they have ids, and were looked up by them
    return state.status == _REACHES.get(kind) or fact(event) in state.facts


def _adds_nothing(state: Complaint, kind: type[ComplaintCommand], at: int) -> bool:
    """Whether it acknowledges what was acknowledged. An earlier one is news: it tells how soon the customer heard."""
    first = state.acknowledged_at
    return kind is AcknowledgeComplaint and first is not None and state.in_this_round(at) and at >= first


def decide(state: Complaint, command: Command, policy: Policy) -> list[Event]:
    """The events of a command; none where there is nothing left to do.

    Raises:
        CommandRefused: A rule forbids it; the codes are in `REFUSALS`.
    """
    if isinstance(command, FileComplaint):
        return _file(state, command, policy)
    assert isinstance(command, ComplaintCommand)  # noqa: S101 - the engine routes by class
    at, kind = command.at, type(command)
    if kind is CheckDeadlines:
        return _clocks_run_out(state, at)
    if state.filing is None:
        raise CommandRefused(
            f"no complaint {command.complaint} was filed; from there: {_names(MOVES['unfiled'])}",
            code="unknown_complaint",
            field="complaint",
            remedy="File it first",
        )
    event = _DECISIONS[kind](state, command, at)
    if event is None or _is_done(state, kind, event):
        return []
    events = _reopening_by(state, command, at)
    for reopening in events:
        state = evolve(state, reopening)
    if _adds_nothing(state, kind, at):
        return []
    if kind is WithdrawComplaint:
        # A clock that ran out before the customer gave up was missed; one that did not has no outcome.
        events += _clocks_run_out(state, at)
    return [*events, event, *_clocks_ended_by(state, kind, at)]
