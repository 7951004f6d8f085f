"""The rules of the commands that propose a remedy and decide on it."""

from __future__ import annotations

from collections.abc import Mapping

from relations.aggregates.complaint.commands import (
    AcceptRemedy,
    ApproveRemedy,
    CarryOutRemedy,
    DeclineRemedy,
    ProposeRemedy,
    RefuseRemedy,
)
from relations.aggregates.complaint.decide.refusals import Rules, id_reused, known_part, names
from relations.aggregates.complaint.events.handling import (
    RemedyAccepted,
    RemedyApproved,
    RemedyCarriedOut,
    RemedyDeclined,
    RemedyProposed,
    RemedyRefused,
)
from relations.aggregates.complaint.moves import REMEDY_MOVES, RemedyStatus
from relations.aggregates.complaint.state import Complaint, Remedy
from relations.errors import CommandRefused
from relations.messages import Event
from relations.policies import Policy

__all__ = ["REMEDIES"]


def _propose(state: Complaint, command: ProposeRemedy, policy: Policy, at: int) -> Event | None:
    known = state.remedies.get(command.remedy)
    if known is None:
        needs_approval = not policy.desk.allows(command.role, command.value, command.points)
        return RemedyProposed(
            remedy=command.remedy,
            kind=command.kind,
            value=command.value,
            points=command.points,
            at=at,
            needs_approval=needs_approval,
            author=command.actor if needs_approval else None,
        )
    if (known.kind, known.value, known.points) == (command.kind, command.value, command.points):
        return None
    raise id_reused(command, "remedy", "remedy_id_reused")


Offer = ApproveRemedy | RefuseRemedy | AcceptRemedy | DeclineRemedy | CarryOutRemedy

_VERBS: Mapping[type[Offer], str] = {
    ApproveRemedy: "approve",
    RefuseRemedy: "refuse",
    AcceptRemedy: "accept",
    DeclineRemedy: "decline",
    CarryOutRemedy: "carry out",
}

_STATUS_NAMES: Mapping[RemedyStatus, str] = {
    "awaiting": "awaiting approval",
    "refused": "refused",
    "proposed": "proposed",
    "accepted": "accepted",
    "declined": "declined",
    "carried_out": "carried out",
}


def _remedy(state: Complaint, command: Offer, done: tuple[RemedyStatus, ...]) -> Remedy | None:
    """Return the remedy that a command moves; None if it was already moved."""
    known = known_part(state.remedies.get(command.remedy), command, "remedy", "Propose it first (ProposeRemedy)")
    if known.status in done:
        return None
    moves = REMEDY_MOVES[known.status]
    if type(command) not in moves:
        raise CommandRefused(
            f"cannot {_VERBS[type(command)]} the remedy {command.remedy}: it is {_STATUS_NAMES[known.status]}",
            code="illegal_move",
            field="remedy",
            hint=f"Send one of: {names(moves)}" if moves else "Propose another remedy under its own id (ProposeRemedy)",
        )
    return known


def _approve(state: Complaint, command: ApproveRemedy, policy: Policy, at: int) -> Event | None:
    moved = _remedy(state, command, ("proposed", "accepted", "carried_out"))
    if moved is None:
        return None
    if moved.author == command.actor:
        raise CommandRefused(
            f"{command.actor} cannot approve the remedy {command.remedy}: they proposed it",
            code="own_offer",
            field="actor",
            hint="Let somebody else approve it",
        )
    if not policy.desk.allows(command.role, moved.value, moved.points):
        raise CommandRefused(
            f"cannot approve the remedy {command.remedy}: it is above the limit "
            + (f"of the role {command.role}" if command.role else "for approvals without a role"),
            code="above_limit",
            field="role",
            hint="Have it approved by a role whose limit covers it",
        )
    return RemedyApproved(remedy=command.remedy, role=command.role, at=at)


def _refuse(state: Complaint, command: RefuseRemedy, _policy: Policy, at: int) -> Event | None:
    moved = _remedy(state, command, ("refused",))
    return RemedyRefused(remedy=command.remedy, reason=command.reason, at=at) if moved else None


def _accept(state: Complaint, command: AcceptRemedy, _policy: Policy, _at: int) -> Event | None:
    return RemedyAccepted(remedy=command.remedy) if _remedy(state, command, ("accepted", "carried_out")) else None


def _decline(state: Complaint, command: DeclineRemedy, _policy: Policy, _at: int) -> Event | None:
    moved = _remedy(state, command, ("declined",))
    return RemedyDeclined(remedy=command.remedy, reason=command.reason) if moved else None


def _carry_out(state: Complaint, command: CarryOutRemedy, _policy: Policy, at: int) -> Event | None:
    moved = _remedy(state, command, ("carried_out",))
    if moved is None:
        return None
    return RemedyCarriedOut(remedy=command.remedy, kind=moved.kind, value=moved.value, points=moved.points, at=at)


REMEDIES: Rules = {
    ProposeRemedy: _propose,
    ApproveRemedy: _approve,
    RefuseRemedy: _refuse,
    AcceptRemedy: _accept,
    DeclineRemedy: _decline,
    CarryOutRemedy: _carry_out,
}
