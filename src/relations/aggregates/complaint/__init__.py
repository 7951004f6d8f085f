"""A complaint, from filing to closing, after ISO 10002.

Stream `complaint-<id>`. The modules in their order: `events`, `commands`, `moves` (the table of what is legal when),
`state` (with evolve), `rules` (decide, and `REFUSALS`, every code of refusal with when it is given).

**Clocks.** Each round has two, `acknowledge` and `resolve`, both from filing (or reopening), by severity and the policy
in force at filing; reopening gives the same time again. A clock ends at most once: met before its deadline,
missed at it or later, when the answering command comes or `CheckDeadlines` passes, whichever is recorded first. A miss
once recorded stays. The first answer is whatever tells the customer that they were heard: acknowledgement, apology,
offer, a remedy carried out, or at last the resolution. A withdrawal stops the clocks: those that had run out are
missed, the others have no outcome.

**Retries.** Offers are known by their ids; everything else by what it says and when. The same again adds nothing.
Acknowledging what is acknowledged adds nothing either, unless it was earlier than the acknowledgement recorded.

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
    CarryOutRemedy,
    CheckDeadlines,
    CloseComplaint,
    ComplaintCommand,
    DeclineRemedy,
    FileComplaint,
    FollowUpComplaint,
    GiveApology,
    ProposeRemedy,
    RemedyKind,
    ReopenComplaint,
    ResolveComplaint,
    Severity,
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
from relations.aggregates.complaint.rules import COMMANDS, REFUSALS, decide
from relations.aggregates.complaint.state import EVENTS, Complaint, Remedy, evolve
from relations.decider import Aggregate, Decider

__all__ = [
    "AGGREGATE",
    "MOVES",
    "REFUSALS",
    "REMEDY_MOVES",
    "AcceptRemedy",
    "AcknowledgeComplaint",
    "ApologyGiven",
    "CarryOutRemedy",
    "CheckDeadlines",
    "CloseComplaint",
    "Complaint",
    "ComplaintAcknowledged",
    "ComplaintClosed",
    "ComplaintCommand",
    "ComplaintFiled",
    "ComplaintFollowedUp",
    "ComplaintReopened",
    "ComplaintResolved",
    "ComplaintWithdrawn",
    "DeadlineMet",
    "DeadlineMissed",
    "DeclineRemedy",
    "FileComplaint",
    "FollowUpComplaint",
    "GiveApology",
    "ProposeRemedy",
    "Remedy",
    "RemedyAccepted",
    "RemedyCarriedOut",
    "RemedyDeclined",
    "RemedyKind",
    "RemedyProposed",
    "RemedyStatus",
    "ReopenComplaint",
    "ResolveComplaint",
    "Severity",
    "Status",
    "WithdrawComplaint",
]

AGGREGATE = Aggregate(
    name="complaint",
    decider=Decider(Complaint(), decide, evolve),
    events=EVENTS,
    commands=COMMANDS,
    # Only the filing command names the customer; from then on the state knows.
    customer=lambda state, command: state.customer or getattr(command, "customer", ""),
    state=Complaint,
)
