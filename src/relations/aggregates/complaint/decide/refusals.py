"""The refusals of the complaint commands, and helpers that several rules share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from relations.aggregates.complaint.commands import (
    AcceptRemedy,
    AcknowledgeComplaint,
    ApproveRemedy,
    AskInformation,
    AssessComplaint,
    AssignComplaint,
    CarryOutRemedy,
    CloseComplaint,
    ComplaintCommand,
    CompleteImprovement,
    DeclineRemedy,
    EscalateComplaint,
    FileComplaint,
    FollowUpComplaint,
    GiveApology,
    InvestigateComplaint,
    JudgePromise,
    MeasureImprovement,
    MergeComplaint,
    NameRootCause,
    ProposeRemedy,
    RaiseImprovement,
    ReceiveInformation,
    ReceiveMessage,
    RecogniseComplaint,
    RefuseRemedy,
    ReopenComplaint,
    ResolveComplaint,
    SendHoldingReply,
    SendMessage,
    TakeDuplicate,
    TransferComplaint,
    WithdrawComplaint,
)
from relations.aggregates.complaint.moves import MOVES, Status
from relations.aggregates.complaint.state import Complaint, ImprovementState, Remedy, Request
from relations.aggregates.terms import UNKNOWN_TERM
from relations.errors import CommandRefused
from relations.messages import Event
from relations.policies import Policy

__all__ = ["REFUSALS", "Rules", "id_reused", "illegal_move", "known_part", "names", "out_of_order"]

Rules = Mapping[type[ComplaintCommand], Callable[[Complaint, Any, Policy, int], Event | None]]
"""By command: the function that returns its own event, or None where that is recorded already."""

Part = TypeVar("Part", Remedy, Request, ImprovementState)

REFUSALS: Mapping[str, str] = {
    **UNKNOWN_TERM,
    "above_limit": "The remedy is above the limit of the role that approves it",
    "beyond_final_deadline": "The holding reply announces the final answer for later than the policy allows",
    "complaint_id_reused": "The complaint id is recorded already with other content or at another time",
    "illegal_move": "The present state does not allow the command",
    "improvement_id_reused": "Another improvement of this complaint has this id",
    "merge_cycle": "The other complaint was merged into this one",
    "merged_itself": "The complaint to merge into is merged into a third one",
    "message_id_reused": "Another message of this complaint has this id",
    "out_of_order": "The command is dated before the state, question or change that it would end",
    "own_offer": "The author of a remedy may not approve it",
    "remedy_id_reused": "Another remedy or reward of this complaint has this id",
    "request_id_reused": "Another question of this complaint has this id",
    "self_merge": "A complaint cannot be merged into itself",
    "suggestion_outcome": "A suggestion is resolved as adopted or declined",
    "too_soon_to_prove": "The days counted after an improvement are fewer than the policy requires",
    "unknown_complaint": "No complaint with this id was filed",
    "unknown_improvement": "No improvement with this id was raised in this complaint",
    "unknown_remedy": "No remedy with this id was proposed in this complaint",
    "unknown_request": "No question with this id was asked in this complaint",
    "until_has_passed": "The holding reply announces a time in the past",
    # At the door:
    "escalated_to_nobody": "An escalation must name a recipient unless it is an emergency",
    "negative_amount": "The value of a remedy must not be negative",
    "nothing_assessed": "An assessment must judge at least one thing",
    "points_without_kind": "Points must be given with the kind `points`, and only with it",
}
"""Every code of refusal, with the situation in which it is given."""

_PHRASES: Mapping[type[ComplaintCommand], str] = {
    AcceptRemedy: "accept a remedy of",
    AcknowledgeComplaint: "acknowledge",
    ApproveRemedy: "approve a remedy of",
    AskInformation: "ask the customer about",
    AssessComplaint: "assess",
    AssignComplaint: "assign",
    CarryOutRemedy: "carry out a remedy of",
    CloseComplaint: "close",
    CompleteImprovement: "complete an improvement of",
    DeclineRemedy: "decline a remedy of",
    EscalateComplaint: "escalate",
    FileComplaint: "file",
    FollowUpComplaint: "follow up",
    GiveApology: "apologise for",
    InvestigateComplaint: "investigate",
    JudgePromise: "judge a promise of",
    MeasureImprovement: "measure an improvement of",
    MergeComplaint: "merge",
    NameRootCause: "name a root cause of",
    ProposeRemedy: "propose a remedy for",
    RaiseImprovement: "raise an improvement for",
    ReceiveInformation: "receive information on",
    ReceiveMessage: "receive a message on",
    RecogniseComplaint: "recognise",
    RefuseRemedy: "refuse a remedy of",
    ReopenComplaint: "reopen",
    ResolveComplaint: "resolve",
    SendHoldingReply: "send a holding reply for",
    SendMessage: "send a message on",
    TakeDuplicate: "take a duplicate into",
    TransferComplaint: "transfer",
    WithdrawComplaint: "withdraw",
}


def names(kinds: Iterable[type[ComplaintCommand]]) -> str:
    """Return the names of commands as a hint lists them."""
    return ", ".join(kind.__name__ for kind in kinds) or "none"


def known_part(found: Part | None, command: ComplaintCommand, field: str, hint: str) -> Part:
    """Return the remedy, question or improvement that a command names.

    Raises:
        CommandRefused: The complaint has none with that id.
    """
    if found is None:
        raise CommandRefused(
            f"complaint {command.complaint} has no {field} {getattr(command, field)}",
            code=f"unknown_{field}",
            field=field,
            hint=hint,
        )
    return found


def id_reused(command: ComplaintCommand, field: str, code: str) -> CommandRefused:
    """Return the refusal of an id that the complaint already has with other content."""
    return CommandRefused(
        f"complaint {command.complaint} already has another {field} {getattr(command, field)}",
        code=code,
        field=field,
        hint=f"Give each {field} its own id",
    )


def illegal_move(state: Complaint, command: ComplaintCommand, status: Status, verb: str = "is") -> CommandRefused:
    """Return the refusal of a command that the complaint's state does not allow.

    Args:
        state: The complaint.
        command: The command.
        status: Its state at the command's time.
        verb: The verb that says when: `is` or `was then`.
    """
    moves, survivor = MOVES[status], state.merged_into
    if status == "merged" and survivor is not None:
        where = f"{status} into {survivor}"
        hint = f"Send the command to complaint {survivor}, or reopen this one if the two differ (ReopenComplaint)"
    elif ReopenComplaint in moves:
        where, hint = status, "Reopen it first (ReopenComplaint)"
    else:
        where, hint = status, f"Send one of: {names(moves)}"
    return CommandRefused(
        f"cannot {_PHRASES[type(command)]} complaint {command.complaint}: it {verb} {where}",
        code="illegal_move",
        field="complaint",
        hint=hint,
    )


def out_of_order(command: ComplaintCommand, status: Status) -> CommandRefused:
    """Return the refusal of a command that is dated before the state that it would end."""
    return CommandRefused(
        f"cannot {_PHRASES[type(command)]} complaint {command.complaint}: "
        f"the command is dated before the complaint was {status}",
        code="out_of_order",
        field="occurred_at",
        hint="Send events in the order in which they happened, or correct the time",
    )
