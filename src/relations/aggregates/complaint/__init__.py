"""A complaint, from filing to closing, after ISO 10002.

Stream `complaint-<id>`. The modules in their order: `events` and `clock_events`, `commands`, `moves` (the table of what
is legal when), `state`, `evolution` (evolve), `clocks` (their arithmetic), `decisions` (what each command says) and
`rules` (decide, and `REFUSALS`, every code of refusal with when it is given). `justice` tags the repair actions.

**Clocks.** Each round has `acknowledge` and `resolve`, both from filing (or reopening), by severity, the customer's
grade and the policy in force at filing, which is pinned; reopening gives the same time again. Where the policy promises
more, `next_response` starts when the customer says something that wants an answer, and `follow_up` with the resolution.
A clock ends in exactly one of met (before its deadline), missed (at it or later, when the answering command comes or
`CheckDeadlines` passes, whichever is recorded first) and cancelled (the complaint was withdrawn, merged or reopened
before). A miss once recorded stays. The first answer is whatever tells the customer that they were heard:
acknowledgement, apology, offer, question, holding reply, a remedy carried out, or at last the resolution.

While a question to the customer stands open, the clocks that the policy names stand still, and of that only the working
time is deducted. Another severity or a holding reply moves the deadlines of running clocks; the time used stays used.
Steps of escalation are planned by an event, so that the agenda knows when, and taken by `CheckDeadlines`.

**Retries.** Offers, questions, rewards and improvements are known by their ids; everything else by what it says and
when. The same again adds nothing. Acknowledging what is acknowledged adds nothing either, unless it was earlier than
the acknowledgement recorded.

**Late arrivals.** Work recorded late is judged by the state as of its business time: it is recorded where it was legal
then, moves nothing that came after, and ends a clock only if that still runs in the same round. What begins or ends a
round has to come in order (`out_of_order`).

**Lenient** commands, for histories of other systems: work on a complaint that has ended, and a second resolution, are
recorded after a `ComplaintReopened` with `lenient`, whose clocks they then end. Never silently, and nothing else is
allowed by it.
"""

from __future__ import annotations

from relations.aggregates.complaint.commands import (
    AcceptRemedy,
    AcknowledgeComplaint,
    ApproveRemedy,
    AskInformation,
    AssessComplaint,
    AssignComplaint,
    CarryOutRemedy,
    CheckDeadlines,
    CloseComplaint,
    ComplaintCommand,
    CompleteImprovement,
    Conclusion,
    DeclineRemedy,
    EscalateComplaint,
    FileComplaint,
    FollowUpComplaint,
    GiveApology,
    Grading,
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
    RemedyKind,
    ReopenComplaint,
    ResolveComplaint,
    SendHoldingReply,
    Severity,
    TakeDuplicate,
    TransferComplaint,
    WithdrawComplaint,
)
from relations.aggregates.complaint.decide.clocks import (
    time_used,
)
from relations.aggregates.complaint.decide.dispatch import (
    COMMANDS,
    decide,
)
from relations.aggregates.complaint.decide.refusals import REFUSALS
from relations.aggregates.complaint.events.clocks import (
    ClockCancelled,
    ClockPaused,
    ClockResumed,
    ClockStarted,
    DeadlineMet,
    DeadlineMissed,
    DeadlineMoved,
    EscalationPlanned,
)
from relations.aggregates.complaint.events.handling import (
    ApologyGiven,
    ComplaintAcknowledged,
    ComplaintAssessed,
    ComplaintAssigned,
    ComplaintClosed,
    ComplaintEscalated,
    ComplaintFiled,
    ComplaintFollowedUp,
    ComplaintInvestigated,
    ComplaintMerged,
    ComplaintRecognised,
    ComplaintReopened,
    ComplaintResolved,
    ComplaintTransferred,
    ComplaintWithdrawn,
    DuplicateTaken,
    HoldingReplySent,
    ImprovementDone,
    ImprovementNotProved,
    ImprovementProved,
    ImprovementRaised,
    InformationAsked,
    InformationReceived,
    MessageReceived,
    PromiseJudged,
    RemedyAccepted,
    RemedyApproved,
    RemedyCarriedOut,
    RemedyDeclined,
    RemedyProposed,
    RemedyRefused,
    RootCauseNamed,
)
from relations.aggregates.complaint.evolve import (
    EVENTS,
    evolve,
)
from relations.aggregates.complaint.justice import (
    JUSTICE,
    Justice,
)
from relations.aggregates.complaint.moves import (
    IMPROVEMENT_MOVES,
    MOVES,
    REMEDY_MOVES,
    ImprovementStatus,
    RemedyStatus,
    Status,
)
from relations.aggregates.complaint.state import (
    Clock,
    Complaint,
    ImprovementState,
    Remedy,
    Request,
)
from relations.decider import Aggregate, Decider

__all__ = [
    "AGGREGATE",
    "IMPROVEMENT_MOVES",
    "JUSTICE",
    "MOVES",
    "REFUSALS",
    "REMEDY_MOVES",
    "AcceptRemedy",
    "AcknowledgeComplaint",
    "ApologyGiven",
    "ApproveRemedy",
    "AskInformation",
    "AssessComplaint",
    "AssignComplaint",
    "CarryOutRemedy",
    "CheckDeadlines",
    "Clock",
    "ClockCancelled",
    "ClockPaused",
    "ClockResumed",
    "ClockStarted",
    "CloseComplaint",
    "Complaint",
    "ComplaintAcknowledged",
    "ComplaintAssessed",
    "ComplaintAssigned",
    "ComplaintClosed",
    "ComplaintCommand",
    "ComplaintEscalated",
    "ComplaintFiled",
    "ComplaintFollowedUp",
    "ComplaintInvestigated",
    "ComplaintMerged",
    "ComplaintRecognised",
    "ComplaintReopened",
    "ComplaintResolved",
    "ComplaintTransferred",
    "ComplaintWithdrawn",
    "CompleteImprovement",
    "Conclusion",
    "DeadlineMet",
    "DeadlineMissed",
    "DeadlineMoved",
    "DeclineRemedy",
    "DuplicateTaken",
    "EscalateComplaint",
    "EscalationPlanned",
    "FileComplaint",
    "FollowUpComplaint",
    "GiveApology",
    "Grading",
    "HoldingReplySent",
    "ImprovementDone",
    "ImprovementNotProved",
    "ImprovementProved",
    "ImprovementRaised",
    "ImprovementState",
    "ImprovementStatus",
    "InformationAsked",
    "InformationReceived",
    "InvestigateComplaint",
    "JudgePromise",
    "Justice",
    "MeasureImprovement",
    "MergeComplaint",
    "MessageReceived",
    "NameRootCause",
    "PromiseJudged",
    "ProposeRemedy",
    "RaiseImprovement",
    "ReceiveInformation",
    "ReceiveMessage",
    "RecogniseComplaint",
    "RefuseRemedy",
    "Remedy",
    "RemedyAccepted",
    "RemedyApproved",
    "RemedyCarriedOut",
    "RemedyDeclined",
    "RemedyKind",
    "RemedyProposed",
    "RemedyRefused",
    "RemedyStatus",
    "ReopenComplaint",
    "Request",
    "ResolveComplaint",
    "RootCauseNamed",
    "SendHoldingReply",
    "Severity",
    "Status",
    "TakeDuplicate",
    "TransferComplaint",
    "WithdrawComplaint",
    "time_used",
]

AGGREGATE = Aggregate(
    name="complaint",
    decider=Decider(Complaint(), decide, evolve),
    events=EVENTS,
    commands=COMMANDS,
    # Only the filing command names the customer; from then on the state knows.
    customer=lambda state, command: state.customer or getattr(command, "customer", ""),
    state=Complaint,
    state_version=3,
    # All of a complaint is decided by the policy that it was filed under: calendar, promises, limits.
    pinned=lambda state: state.filing.policy if state.filing else None,
)
