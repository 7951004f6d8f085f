"""A complaint, from filing to closing, after ISO 10002.

The stream is `complaint-<id>`. The package has five doors: `events`, `commands`, `state`, `evolve` and `decide`.
`moves` is the table of commands by state, and `justice` tags the repair actions. Every code of refusal is in
`REFUSALS`.

**Clocks.** Each round has the clocks `acknowledge` and `resolve`. Both start with the filing or reopening and depend
on severity, the customer's grade and the policy in force at filing, which is pinned. A reopening gives the same time
again. If the policy has promises for them, `next_response` starts with a message that needs an answer, and
`follow_up` starts with the resolution. Each clock ends in one of three ways. It is met before its deadline. It is
missed at the deadline or later: when the answering command or `CheckDeadlines` is recorded, whichever comes first. It
is cancelled when the complaint is withdrawn, merged or reopened before. A recorded miss stays in the log; figures
use the times of the steps. The first answer is anything that answers the customer. It can be an acknowledgement, an
apology, an offer, a question, a message, a holding reply, a remedy carried out or the resolution.

**Kinds.** A case may also be an enquiry, a request or a suggestion. It has the same life on the same desk, with the
service level of its kind. Only complaints affect the state of the relation. A suggestion is resolved as `adopted` or
`declined`.

While a question to the customer is open, the clocks named in the policy are paused. Only the working time of the
pause is deducted. Another severity or a holding reply moves the deadlines of running clocks; the time used stays used.
Escalations are planned by an event, so that the agenda knows when they are due, and recorded by `CheckDeadlines`.

**Retries.** Remedies, questions, messages, rewards and improvements are recognised by their ids, everything else by
its content and time. The same command again adds nothing. Assigning, assessing and transferring add nothing if they
change nothing. A later acknowledgement adds nothing either; an earlier one is recorded as the first.

**Late arrivals.** Work recorded late is judged by the state as of its business time. It is recorded if it was legal
then, and changes nothing that came after. It ends a clock only if that clock still runs in the same round. Commands
that begin or end a round must come in order (`out_of_order`).

**Merged complaints.** Work on a merged complaint continues in the surviving one. Commands to it are refused, and the
refusal names the survivor. Only `ReopenComplaint` takes it up again.

**Lenient** commands are for histories of other systems. Work on a complaint that has ended, and a second resolution,
are recorded after a `ComplaintReopened` with `lenient`, whose clocks they then end. Nothing else is allowed by it.
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
    SendMessage,
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
    MessageSent,
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
    "MessageSent",
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
    "SendMessage",
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
    # Only the filing command names the customer; after that the state has it.
    customer=lambda state, command: state.customer or getattr(command, "customer", ""),
    state=Complaint,
    state_version=5,
    # Everything about a complaint is decided by the policy under which it was filed: calendar, promises, limits.
    pinned=lambda state: state.filing.policy if state.filing else None,
)
