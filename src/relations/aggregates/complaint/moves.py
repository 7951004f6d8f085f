"""Which command is legal in which state of a complaint, and where it leads: the whole table, as data.

A complaint that was answered stays `acknowledged` while the work goes on; each remedy has a state of its own. Whatever
tells the customer that they were heard is a first answer: an acknowledgement, an apology, an offer, a remedy carried
out. `CheckDeadlines` is legal in every state: it asks the clocks, where any run, and moves nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from relations.aggregates.complaint.commands import (
    AcceptRemedy,
    AcknowledgeComplaint,
    CarryOutRemedy,
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

__all__ = ["ANSWERS", "ENDED", "MOVES", "REMEDY_MOVES", "WORK", "RemedyStatus", "Status"]

Status = Literal["unfiled", "filed", "acknowledged", "resolved", "closed", "withdrawn", "reopened"]
RemedyStatus = Literal["proposed", "accepted", "declined", "carried_out"]

MOVES: Mapping[Status, Mapping[type[ComplaintCommand], Status]] = {
    "unfiled": {
        FileComplaint: "filed",
    },
    "filed": {
        AcknowledgeComplaint: "acknowledged",
        GiveApology: "acknowledged",
        ProposeRemedy: "acknowledged",
        ResolveComplaint: "resolved",
        WithdrawComplaint: "withdrawn",
    },
    "acknowledged": {
        AcknowledgeComplaint: "acknowledged",
        GiveApology: "acknowledged",
        ProposeRemedy: "acknowledged",
        AcceptRemedy: "acknowledged",
        DeclineRemedy: "acknowledged",
        CarryOutRemedy: "acknowledged",
        ResolveComplaint: "resolved",
        WithdrawComplaint: "withdrawn",
    },
    "resolved": {
        # What was promised may still be kept: money takes its days.
        AcceptRemedy: "resolved",
        DeclineRemedy: "resolved",
        CarryOutRemedy: "resolved",
        FollowUpComplaint: "resolved",
        CloseComplaint: "closed",
        ReopenComplaint: "reopened",
    },
    "closed": {
        # Customers answer when they like, also after the file was put away.
        FollowUpComplaint: "closed",
        ReopenComplaint: "reopened",
    },
    "withdrawn": {
        CloseComplaint: "closed",
        ReopenComplaint: "reopened",
    },
    "reopened": {
        AcknowledgeComplaint: "acknowledged",
        GiveApology: "acknowledged",
        ProposeRemedy: "acknowledged",
        AcceptRemedy: "reopened",
        DeclineRemedy: "reopened",
        CarryOutRemedy: "acknowledged",
        ResolveComplaint: "resolved",
        WithdrawComplaint: "withdrawn",
    },
}
"""State, command, state after it. What is not in it is refused with `illegal_move`."""

REMEDY_MOVES: Mapping[RemedyStatus, Mapping[type[ComplaintCommand], RemedyStatus]] = {
    "proposed": {AcceptRemedy: "accepted", DeclineRemedy: "declined"},
    # Until it is carried out, the customer may think better of it.
    "accepted": {CarryOutRemedy: "carried_out", DeclineRemedy: "declined"},
    # What was declined is offered anew, under another id.
    "declined": {},
    "carried_out": {},
}
"""The same for each remedy."""

ENDED: frozenset[Status] = frozenset({"resolved", "closed", "withdrawn"})
"""States in which no clock runs."""

WORK: frozenset[type[ComplaintCommand]] = frozenset(
    {AcknowledgeComplaint, GiveApology, ProposeRemedy, AcceptRemedy, DeclineRemedy, CarryOutRemedy}
)
"""What is done on a complaint, as against what begins and ends it."""

ANSWERS: frozenset[type[ComplaintCommand]] = frozenset(
    {AcknowledgeComplaint, GiveApology, ProposeRemedy, CarryOutRemedy, ResolveComplaint}
)
"""What ends the clock `acknowledge`, where it still runs."""
