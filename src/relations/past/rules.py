"""The rules that decide events, in plain words, with the parts of the policy that they read."""

from __future__ import annotations

from typing import Any, NamedTuple

from relations.messages import Event, RecordedEvent
from relations.policies import Policy

__all__ = ["part_of", "rule_of"]


class _Rule(NamedTuple):
    """A rule.

    Attributes:
        says: The rule in a sentence.
        programme: The fields of the event's programme that it reads.
        policy: The parts of the policy that it reads, such as `desk` or `surveys.minimum_answers`.
    """

    says: str
    programme: tuple[str, ...] = ()
    policy: tuple[str, ...] = ()


_EARNING = ("rates", "category_factors", "rounding", "excluded_tenders", "campaigns", "pending_days")
_EXPIRY = ("months_to_expiry", "expiry")
_TIERS = ("tiers", "tier_basis", "tier_window", "downgrade_to", "downgrade_when", "grace_days", "warning_days")
_LEVELS = ("service_levels",)

_RULES: dict[str, _Rule] = {
    "loyalty.points_earned": _Rule(
        "Points are earned by the programme's rate for the currency, the category and the campaigns of the day.",
        (*_EARNING, *_EXPIRY),
    ),
    "loyalty.points_activated": _Rule(
        "Pending points become active after the programme's waiting time.", _EARNING[-1:]
    ),
    "loyalty.points_redeemed": _Rule("Spending takes the active points that expire first.", ("rewards",)),
    "loyalty.points_expired": _Rule("Points that were not spent expire at the end of their life.", _EXPIRY),
    "loyalty.expiry_deferred": _Rule("Activity extends the life of points that expire with inactivity.", _EXPIRY),
    "loyalty.earning_reversed": _Rule(
        "A refund takes back the points that the refunded part of the purchase had earned.", ("refund_shortfall",)
    ),
    "loyalty.earning_restored": _Rule("A reversed refund gives back what it had taken.", ("refund_shortfall",)),
    "loyalty.debt_incurred": _Rule(
        "Points that a refund should take back, and that were spent, are owed.", ("refund_shortfall",)
    ),
    "loyalty.debt_repaid": _Rule("Newly earned points first repay what is owed.", ("refund_shortfall",)),
    "loyalty.redemption_reversed": _Rule(
        "A reversed redemption gives the points back; expired ones by the programme's rule.",
        ("reversal_after_expiry", "reversal_grace_days"),
    ),
    "loyalty.points_adjusted": _Rule(
        "People may add or take points up to the limit of their role.", ("adjustment_max", "authority")
    ),
    "loyalty.member_enrolled": _Rule("Customers join by themselves or with their first points.", ("joining_points",)),
    "loyalty.tier_reached": _Rule("A tier is reached once its threshold is met within the window.", _TIERS),
    "loyalty.tier_kept": _Rule("A tier is kept if its threshold is still met when it is reviewed.", _TIERS),
    "loyalty.tier_lost": _Rule("A tier is lost if its threshold is no longer met when it is reviewed.", _TIERS),
    "loyalty.tier_warned": _Rule("Members are warned before they lose a tier.", _TIERS),
    "loyalty.tier_grace_given": _Rule("A tier that is no longer earned stays for the time of grace.", _TIERS),
    "loyalty.reward_issued": _Rule("A reward is issued for its price in points, while there is stock.", ("rewards",)),
    "loyalty.reward_expired": _Rule("A reward that was not used expires.", ("rewards",)),
    "loyalty.benefit_used": _Rule("Benefits belong to a tier and may be limited in number.", ("tiers",)),
    "loyalty.club_joined": _Rule("Members may join the programme's clubs.", ("clubs",)),
    "loyalty.referral_fulfilled": _Rule("A referral is fulfilled by the new member's purchases.", ("referral",)),
    "loyalty.referral_rewarded": _Rule("A fulfilled referral is rewarded, up to its limits.", ("referral",)),
    "complaint.filed": _Rule(
        "A complaint is due by the service level of its severity and of the customer's grade, in working time.",
        policy=_LEVELS,
    ),
    "complaint.reopened": _Rule("A reopened complaint is due again by its service level.", policy=_LEVELS),
    "complaint.assessed": _Rule("A new severity moves the deadlines to those of its service level.", policy=_LEVELS),
    "complaint.clock_started": _Rule("A promise of the service level begins.", policy=_LEVELS),
    "complaint.clock_paused": _Rule("An open question to the customer pauses these clocks.", policy=_LEVELS),
    "complaint.clock_resumed": _Rule("An answer lets the paused clocks continue.", policy=_LEVELS),
    "complaint.deadline_moved": _Rule("The deadline is computed again from the facts and the policy.", policy=_LEVELS),
    "complaint.deadline_met": _Rule("The step was taken by its deadline.", policy=_LEVELS),
    "complaint.deadline_missed": _Rule("The deadline passed before the step was taken.", policy=_LEVELS),
    "complaint.escalated": _Rule("A complaint is escalated by hand, or at a share of its time.", policy=_LEVELS),
    "complaint.escalation_planned": _Rule("The next escalation is due at its share of the time.", policy=_LEVELS),
    "complaint.remedy_proposed": _Rule("A remedy above the limit of the role needs approval.", policy=("desk",)),
    "complaint.remedy_approved": _Rule("Somebody approves within the limit of their role.", policy=("desk",)),
    "complaint.improvement_raised": _Rule("An improvement is measured after a minimum of days.", policy=("desk",)),
    "customer.feedback_given": _Rule(
        "A score is taken on the scale of its instrument; a low one must be answered in time.",
        policy=("surveys.instruments", "surveys.answer_within_days", "surveys.low_sentiment"),
    ),
    "customer.feedback_corrected": _Rule("The last word on an answer counts.", policy=("surveys.instruments",)),
    "customer.sentiment_scored": _Rule(
        "Words that score low must be answered in time.", policy=("surveys.low_sentiment", "surveys.answer_within_days")
    ),
    "customer.invitation_sent": _Rule(
        "Nobody is asked again within the time of quarantine, or without consent.",
        policy=("surveys.quarantine_days", "surveys.consent_purpose"),
    ),
    "customer.invitation_reminded": _Rule(
        "Invitations without an answer are repeated a limited number of times.",
        policy=("surveys.reminder_days", "surveys.reminders", "surveys.reminder_valid_days"),
    ),
    "policy.adopted": _Rule("A policy applies to what occurs from its first day on, until the next one."),
}
"""By topic. Every other event is recorded as it was reported."""
_REPORTED = _Rule("Recorded as it was reported; no part of the policy decides it.")


def rule_of(event: RecordedEvent, policy: Policy) -> tuple[str, dict[str, Any]]:
    """Return the rule that decided an event, and the parts of the policy that the rule reads.

    Args:
        event: The event.
        policy: The policy that applied.
    """
    rule = _RULES.get(event.topic, _REPORTED)
    settings = {name: part_of(policy, name) for name in rule.policy}
    if rule.programme:
        programme = _programme(event.event, policy)
        if programme is not None:
            document = programme.model_dump(mode="json")
            settings |= {f"{programme.id}.{name}": document[name] for name in rule.programme}
    return rule.says, settings


def _programme(event: Event, policy: Policy) -> Any:
    wanted = getattr(event, "programme", None) or policy.programme.id
    return next((each for each in policy.every_programme if each.id == wanted), None)


def part_of(policy: Policy, name: str) -> Any:
    """Return a part of a policy as JSON values, such as `surveys.minimum_answers`."""
    document: Any = policy.model_dump(mode="json")
    for part in name.split("."):
        document = document[part]
    return document
