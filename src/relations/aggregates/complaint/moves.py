"""Which command is legal in which state of a complaint, and where it leads: the whole table, as data.

A complaint that was answered stays `acknowledged` while the work goes on; each remedy and each improvement has a state
of its own, and so has each question to the customer. Whatever tells the customer that they were heard is a first
answer: an acknowledgement, an apology, an offer, a question, a holding reply, a remedy carried out. What is learnt from
a complaint may be recorded whenever it is learnt. `CheckDeadlines` is legal in every state: it asks the clocks, where
any run, and moves nothing.
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
"""What is learnt from a complaint, in whatever state it is by then."""

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
        # What was promised may still be kept: money takes its days. And what was asked may still come.
        **_stays("resolved", AcceptRemedy, DeclineRemedy, CarryOutRemedy, ReceiveInformation, ReceiveMessage),
        FollowUpComplaint: "resolved",
        CloseComplaint: "closed",
        ReopenComplaint: "reopened",
    },
    "closed": {
        # Customers answer when they like, also after the file was put away.
        **_stays("closed", ReceiveInformation, ReceiveMessage),
        FollowUpComplaint: "closed",
        ReopenComplaint: "reopened",
    },
    "withdrawn": {
        **_stays("withdrawn", ReceiveMessage),
        CloseComplaint: "closed",
        ReopenComplaint: "reopened",
    },
    "merged": {
        # It goes on in the other one, which takes further duplicates, too; if it was none, it is taken up again.
        **{kind: after for kind, after in _stays("merged").items() if kind is not TakeDuplicate},
        ReopenComplaint: "reopened",
    },
    "reopened": {
        **_stays("reopened", *_DESK, ReceiveMessage),
        AcknowledgeComplaint: "acknowledged",
        GiveApology: "acknowledged",
        AskInformation: "acknowledged",
        ReceiveInformation: "reopened",
        SendHoldingReply: "acknowledged",
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
"""State, command, state after it. What is not in it is refused with `illegal_move`. An offer that has to be approved
first moves nothing."""

REMEDY_MOVES: Mapping[RemedyStatus, Mapping[type[ComplaintCommand], RemedyStatus]] = {
    "awaiting": {ApproveRemedy: "proposed", RefuseRemedy: "refused"},
    "refused": {},
    "proposed": {AcceptRemedy: "accepted", DeclineRemedy: "declined"},
    # Until it is carried out, the customer may think better of it.
    "accepted": {CarryOutRemedy: "carried_out", DeclineRemedy: "declined"},
    # What was declined is offered anew, under another id.
    "declined": {},
    "carried_out": {},
}
"""The same for each remedy: `awaiting` approval where it is above its author's limit, else `proposed` at once."""

IMPROVEMENT_MOVES: Mapping[ImprovementStatus, tuple[type[ComplaintCommand], ...]] = {
    "raised": (CompleteImprovement,),
    "done": (MeasureImprovement,),
    # It may be measured again: what works may cease to, and what does not yet may come to.
    "proved": (MeasureImprovement,),
    "not_proved": (MeasureImprovement,),
}
"""What is possible with each improvement."""

ENDED: frozenset[Status] = frozenset({"resolved", "closed", "withdrawn", "merged"})
"""States in which no clock runs but, after a resolution, that of the follow-up."""

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
        ProposeRemedy,
        ApproveRemedy,
        AcceptRemedy,
        DeclineRemedy,
        CarryOutRemedy,
    }
)
"""What is done on a complaint, as against what begins and ends it."""

ANSWERS: frozenset[type[ComplaintCommand]] = frozenset(
    {
        AcknowledgeComplaint,
        GiveApology,
        AskInformation,
        SendHoldingReply,
        ProposeRemedy,
        ApproveRemedy,
        CarryOutRemedy,
        ResolveComplaint,
    }
)
"""What ends the clocks `acknowledge` and `next_response`, where they still run."""
