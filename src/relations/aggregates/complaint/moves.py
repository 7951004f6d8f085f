"""The table of moves: the commands that each state of a complaint allows, and the state after them.

A complaint that was answered stays `acknowledged` while the work continues. Each remedy, improvement and question to
the customer has its own state. Anything that answers the customer is a first answer. It can be an acknowledgement, an
apology, an offer, a question, a message, a holding reply or a remedy carried out. Lessons may be recorded in any state.
`CheckDeadlines` is legal in every state: it checks the running clocks and changes no state.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

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

__all__ = [
    "ANSWERS",
    "ENDED",
    "IMPROVEMENT_MOVES",
    "LESSONS",
    "MOVES",
    "REMEDY_MOVES",
    "WORK",
    "ImprovementStatus",
    "RemedyStatus",
    "Status",
]

Status = Literal["unfiled", "filed", "acknowledged", "resolved", "closed", "withdrawn", "merged", "reopened"]
RemedyStatus = Literal["awaiting", "refused", "proposed", "accepted", "declined", "carried_out"]
ImprovementStatus = Literal["raised", "done", "proved", "not_proved"]

Moves = dict[type[ComplaintCommand], Status]

LESSONS: tuple[type[ComplaintCommand], ...] = (
    NameRootCause,
    TakeDuplicate,
    RecogniseComplaint,
    RaiseImprovement,
    CompleteImprovement,
    MeasureImprovement,
    JudgePromise,
)
"""Commands that record lessons; they are legal in every state after the filing."""

_DESK: tuple[type[ComplaintCommand], ...] = (
    AssessComplaint,
    AssignComplaint,
    TransferComplaint,
    InvestigateComplaint,
    EscalateComplaint,
    RefuseRemedy,
)
"""Work that the customer does not notice."""


def _stays(status: Status, *kinds: type[ComplaintCommand]) -> Moves:
    return dict.fromkeys((*kinds, *LESSONS), status)


MOVES: Mapping[Status, Mapping[type[ComplaintCommand], Status]] = {
    "unfiled": {
        FileComplaint: "filed",
    },
    "filed": {
        **_stays("filed", *_DESK, ReceiveMessage),
        AcknowledgeComplaint: "acknowledged",
        GiveApology: "acknowledged",
        AskInformation: "acknowledged",
        SendHoldingReply: "acknowledged",
        SendMessage: "acknowledged",
        ProposeRemedy: "acknowledged",
        ApproveRemedy: "acknowledged",
        ResolveComplaint: "resolved",
        WithdrawComplaint: "withdrawn",
        MergeComplaint: "merged",
    },
    "acknowledged": {
        **_stays("acknowledged", *_DESK, ReceiveMessage),
        AcknowledgeComplaint: "acknowledged",
        GiveApology: "acknowledged",
        AskInformation: "acknowledged",
        ReceiveInformation: "acknowledged",
        SendHoldingReply: "acknowledged",
        SendMessage: "acknowledged",
        ProposeRemedy: "acknowledged",
        ApproveRemedy: "acknowledged",
        AcceptRemedy: "acknowledged",
        DeclineRemedy: "acknowledged",
        CarryOutRemedy: "acknowledged",
        ResolveComplaint: "resolved",
        WithdrawComplaint: "withdrawn",
        MergeComplaint: "merged",
    },
    "resolved": {
        # A promise may still be kept, because payments take days, and an answer may still come.
        **_stays(
            "resolved", AcceptRemedy, DeclineRemedy, CarryOutRemedy, ReceiveInformation, ReceiveMessage, SendMessage
        ),
        FollowUpComplaint: "resolved",
        CloseComplaint: "closed",
        ReopenComplaint: "reopened",
    },
    "closed": {
        # Customers may answer after the complaint was closed.
        **_stays("closed", ReceiveInformation, ReceiveMessage, SendMessage),
        FollowUpComplaint: "closed",
        ReopenComplaint: "reopened",
    },
    "withdrawn": {
        **_stays("withdrawn", ReceiveMessage, SendMessage),
        CloseComplaint: "closed",
        ReopenComplaint: "reopened",
    },
    "merged": {
        # Work continues in the surviving complaint, which takes further duplicates too. Wrong merges are reopened.
        # Customers may go on writing under the old id.
        **{
            kind: after
            for kind, after in _stays("merged", ReceiveMessage, SendMessage).items()
            if kind is not TakeDuplicate
        },
        ReopenComplaint: "reopened",
    },
    "reopened": {
        **_stays("reopened", *_DESK, ReceiveMessage),
        AcknowledgeComplaint: "acknowledged",
        GiveApology: "acknowledged",
        AskInformation: "acknowledged",
        ReceiveInformation: "reopened",
        SendHoldingReply: "acknowledged",
        SendMessage: "acknowledged",
        ProposeRemedy: "acknowledged",
        ApproveRemedy: "acknowledged",
        AcceptRemedy: "reopened",
        DeclineRemedy: "reopened",
        CarryOutRemedy: "acknowledged",
        ResolveComplaint: "resolved",
        WithdrawComplaint: "withdrawn",
        MergeComplaint: "merged",
    },
}
"""The state after each command, by state. All other commands are refused with `illegal_move`. A remedy that needs
approval changes no state until it is approved."""

REMEDY_MOVES: Mapping[RemedyStatus, Mapping[type[ComplaintCommand], RemedyStatus]] = {
    "awaiting": {ApproveRemedy: "proposed", RefuseRemedy: "refused"},
    "refused": {},
    "proposed": {AcceptRemedy: "accepted", DeclineRemedy: "declined"},
    # Until it is carried out, the customer may change their mind.
    "accepted": {CarryOutRemedy: "carried_out", DeclineRemedy: "declined"},
    # To offer a declined remedy again, use another id.
    "declined": {},
    "carried_out": {},
}
"""The same for remedies: `awaiting` approval if it is above its author's limit, else `proposed` at once."""

IMPROVEMENT_MOVES: Mapping[ImprovementStatus, tuple[type[ComplaintCommand], ...]] = {
    "raised": (CompleteImprovement,),
    "done": (MeasureImprovement,),
    # It may be measured again, because its effect may change.
    "proved": (MeasureImprovement,),
    "not_proved": (MeasureImprovement,),
}
"""The commands that each status of an improvement allows."""

ENDED: frozenset[Status] = frozenset({"resolved", "closed", "withdrawn", "merged"})
"""States in which only two clocks run: that of the follow-up after a resolution, and that of an answer to the
customer's later message."""

WORK: frozenset[type[ComplaintCommand]] = frozenset(
    {
        *_DESK,
        *LESSONS,
        AcknowledgeComplaint,
        GiveApology,
        AskInformation,
        ReceiveInformation,
        ReceiveMessage,
        SendHoldingReply,
        SendMessage,
        ProposeRemedy,
        ApproveRemedy,
        AcceptRemedy,
        DeclineRemedy,
        CarryOutRemedy,
    }
)
"""Commands that work on a complaint, as opposed to those that begin or end it."""

ANSWERS: frozenset[type[ComplaintCommand]] = frozenset(
    {
        AcknowledgeComplaint,
        GiveApology,
        AskInformation,
        SendHoldingReply,
        SendMessage,
        ProposeRemedy,
        ApproveRemedy,
        CarryOutRemedy,
        ResolveComplaint,
    }
)
"""Commands that end the clocks `acknowledge` and `next_response`, if they run."""
