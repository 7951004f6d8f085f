"""An event-sourced engine for customer relations.

Commands go in, domain events come out and are kept for ever in one append-only log, and views of satisfaction,
retention and the repair of relations are rebuilt from that log at any time.

    from relations import Relations, Money

    with Relations.open("sqlite:///hotel.db") as relations:
        relations.execute(RecordPurchase(customer="c1", purchase="stay-1", amount=Money.of("129.00", "EUR"), …))
        relations.views.retention.lifecycle()
"""

from relations.aggregates.complaint import (
    AcceptRemedy,
    AcknowledgeComplaint,
    CarryOutRemedy,
    CheckDeadlines,
    CloseComplaint,
    DeclineRemedy,
    FileComplaint,
    FollowUpComplaint,
    GiveApology,
    ProposeRemedy,
    ReopenComplaint,
    ResolveComplaint,
    WithdrawComplaint,
)
from relations.aggregates.customer import (
    CorrectProfile,
    EraseCustomer,
    GiveConsent,
    GiveFeedback,
    RecordInteraction,
    RecordPurchase,
    RefundPurchase,
    RegisterCustomer,
    WithdrawConsent,
)
from relations.aggregates.loyalty import EarnPoints, EnrolMember, EvaluateTier, ExpirePoints, RedeemPoints
from relations.aggregates.policy import AdoptPolicy
from relations.engine import BatchReport, Problem, Receipt, Rejection, Relations, Status, Verification, Views
from relations.errors import (
    ChainBroken,
    CommandRefused,
    ConcurrencyConflict,
    ForeignDatabase,
    IdempotencyConflict,
    InvalidInput,
    LogError,
    MappingError,
    MissingExtra,
    NewerLog,
    ProjectionFailed,
    RelationsError,
    SourceError,
    UndecodableEvent,
)
from relations.messages import Command, Envelope, Event, Money, Personal, RecordedEvent
from relations.policies import Lifecycle, Policy, Programme, Repair, ServiceLevels, Surveys

__all__ = [
    "AcceptRemedy",
    "AcknowledgeComplaint",
    "AdoptPolicy",
    "BatchReport",
    "CarryOutRemedy",
    "ChainBroken",
    "CheckDeadlines",
    "CloseComplaint",
    "Command",
    "CommandRefused",
    "ConcurrencyConflict",
    "CorrectProfile",
    "DeclineRemedy",
    "EarnPoints",
    "EnrolMember",
    "Envelope",
    "EraseCustomer",
    "EvaluateTier",
    "Event",
    "ExpirePoints",
    "FileComplaint",
    "FollowUpComplaint",
    "ForeignDatabase",
    "GiveApology",
    "GiveConsent",
    "GiveFeedback",
    "IdempotencyConflict",
    "InvalidInput",
    "Lifecycle",
    "LogError",
    "MappingError",
    "MissingExtra",
    "Money",
    "NewerLog",
    "Personal",
    "Policy",
    "Problem",
    "Programme",
    "ProjectionFailed",
    "ProposeRemedy",
    "Receipt",
    "RecordInteraction",
    "RecordPurchase",
    "RecordedEvent",
    "RedeemPoints",
    "RefundPurchase",
    "RegisterCustomer",
    "Rejection",
    "Relations",
    "RelationsError",
    "ReopenComplaint",
    "Repair",
    "ResolveComplaint",
    "ServiceLevels",
    "SourceError",
    "Status",
    "Surveys",
    "UndecodableEvent",
    "Verification",
    "Views",
    "WithdrawComplaint",
    "WithdrawConsent",
]
