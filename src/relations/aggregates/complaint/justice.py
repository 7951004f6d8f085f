"""The kind of justice that each repair action serves.

Customers judge a recovery by the compensation (distributive), the process (procedural) and the treatment
(interactional). Source: Tax, Brown and Chandrashekaran, "Customer evaluations of service complaint experiences",
*Journal of Marketing* 62, 1998, pages 60 to 76.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from relations.aggregates.complaint.events.handling import (
    ApologyGiven,
    ComplaintAcknowledged,
    ComplaintAssessed,
    ComplaintAssigned,
    ComplaintEscalated,
    ComplaintFollowedUp,
    ComplaintInvestigated,
    ComplaintRecognised,
    ComplaintReopened,
    ComplaintResolved,
    ComplaintTransferred,
    HoldingReplySent,
    ImprovementDone,
    ImprovementRaised,
    InformationAsked,
    RemedyApproved,
    RemedyCarriedOut,
    RemedyProposed,
    RootCauseNamed,
)
from relations.messages import Event

__all__ = ["JUSTICE", "Justice"]

Justice = Literal["distributive", "procedural", "interactional"]

JUSTICE: Mapping[type[Event], Justice] = {
    RemedyProposed: "distributive",
    RemedyApproved: "distributive",
    RemedyCarriedOut: "distributive",
    ComplaintRecognised: "distributive",
    ComplaintAcknowledged: "procedural",
    ComplaintAssessed: "procedural",
    ComplaintAssigned: "procedural",
    ComplaintTransferred: "procedural",
    ComplaintInvestigated: "procedural",
    RootCauseNamed: "procedural",
    InformationAsked: "procedural",
    ComplaintEscalated: "procedural",
    ComplaintResolved: "procedural",
    ComplaintReopened: "procedural",
    ImprovementRaised: "procedural",
    ImprovementDone: "procedural",
    ApologyGiven: "interactional",
    HoldingReplySent: "interactional",
    ComplaintFollowedUp: "interactional",
}
"""The kind of justice by event. Actions of the customer, clocks and closing are not repair actions."""
