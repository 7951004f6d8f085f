"""The refusals of the customer commands, and helpers that several rules share."""

from __future__ import annotations

from collections.abc import Mapping

from relations.aggregates.customer.commands import CustomerCommand, CustomerKind
from relations.aggregates.customer.events import CustomerRegistered
from relations.aggregates.customer.state import Customer
from relations.aggregates.terms import UNKNOWN_TERM
from relations.errors import CommandRefused
from relations.messages import Command, Event, from_micros
from relations.policies import Instrument, Surveys

__all__ = [
    "REFUSALS",
    "id_reused",
    "known_instrument",
    "making_known",
    "refuse_before_invitation",
    "refuse_if_erased",
    "refused",
    "unknown_step",
]

REFUSALS: Mapping[str, str] = {
    **UNKNOWN_TERM,
    "acquisition_id_reused": "Another acquisition cost has this id",
    "already_offered": "The customer was sent an offer of the campaign, so they cannot be in its control group",
    "already_merged": "The customer is already merged into another; `UnmergeCustomer` reverses that",
    "already_registered": "The customer is already registered with other details; `CorrectProfile` changes them",
    "consent_missing": "The policy contacts only customers who gave their consent, and this one did not",
    "consent_withdrawn": "The customer withdrew the consent to be asked or contacted through that channel",
    "contact_too_soon": "The policy requires more days after the last contact",
    "control_group": "The customer is in the campaign's control group, which gets no offer",
    "customer_erased": "The customer was erased, and the command has data about the person",
    "before_acquisition": "An acquisition cost cannot be cancelled before it was recorded",
    "before_feedback": "An answer cannot be coded, scored or replied to before it was given",
    "before_offer": "Nothing can come back on an offer before it was sent",
    "before_refund": "A refund cannot be reversed before it was made",
    "before_handover": "A handover cannot be accepted before the customer was assigned",
    "before_invitation": "An invitation cannot be seen, answered or declined before it was sent",
    "feedback_has_no_words": "The answer has no comment to score",
    "feedback_id_reused": "Another answer has this id",
    "instrument_asks_items": "The instrument takes answers to items, not a single score",
    "instrument_asks_no_items": "The instrument has no items",
    "instrument_asks_score": "The instrument requires a score",
    "instrument_is_not_scored": "The instrument takes a comment and themes, not a score",
    "interaction_id_reused": "Another interaction has this id",
    "invitation_already_answered": "The invitation already has another answer at the same time",
    "invitation_declined": "The customer declined the invitation",
    "invitation_id_reused": "Another invitation has this id",
    "item_answered_twice": "One item has two answers",
    "item_expectation_missing": "An expectation is missing, or is given although the instrument does not ask for one",
    "merged_into_itself": "A customer cannot be merged into itself",
    "no_handover": "The customer has no handover to accept",
    "not_an_organisation": "Only a customer that is registered as an organisation has contacts",
    "offer_id_reused": "Another offer has this id",
    "plan_begins_later": "A care plan cannot begin on a day after the command's time",
    "plan_in_progress": "The care plan is in progress for the customer, or begins later; its rounds never overlap",
    "purchase_not_cancelled": "Only a purchase that was refunded in full can be reinstated",
    "purchase_id_reused": "Another purchase has this id",
    "refund_currency_differs": "The refund is not in the currency of the purchase",
    "refund_exceeds_purchase": "The refunds of the purchase would exceed the amount paid",
    "refund_id_reused": "Another refund has this id",
    "refund_names_no_purchase": "No purchase with that id is recorded for this customer",
    "reminder_not_due": "The policy requires more days before a reminder",
    "reminders_exhausted": "The policy allows no further reminder",
    "survey_quarantine": "The customer saw another invitation during the quarantine",
    "unknown_offer": "The customer has no offer with that id",
    "taboo": "The topic or gift is noted as a taboo of the customer",
    "survivor_is_merged": "The surviving customer is itself merged into another",
    "unknown_customer": "Nothing is recorded about this customer, or there is no profile to correct",
    "unknown_acquisition": "No acquisition cost with that id is recorded for this customer",
    "unknown_feedback": "No answer with that id is recorded for this customer",
    "unknown_instrument": "The policy has no such instrument",
    "unknown_invitation": "No invitation with that id is recorded for this customer",
    "unknown_item": "The instrument has no such item",
    "unknown_plan": "The policy has no such care plan",
    "unknown_purchase": "No purchase with that id is recorded for this customer",
    "unknown_refund": "No refund with that id is recorded for this customer",
    "unknown_rung": "The policy's ladder has no such rung",
    "unknown_step": "The customer has no such step of a care plan",
    "unknown_theme": "The policy has no such theme",
    # At the door:
    "invalid_birthday": "The birthday is not a date such as 1980-02-29 or --02-29",
    "invalid_email": "The e-mail address is not of the form name@host.domain",
    "invalid_language": "The language is not a language tag such as en or pt-BR",
    "invalid_phone": "The phone number does not have 5 to 15 digits",
    "need_sort_misplaced": "The kind of need must be given for a need, and only for a need",
    "line_currency_differs": "The lines, rest and cost of a purchase must be in the currency of its amount",
    "lines_differ_from_amount": "The lines of a purchase and its rest must add up to its amount",
    "negative_cost": "The cost of a purchase must not be negative",
    "rest_without_lines": "Only a purchase with lines can have a rest",
    "negative_amount": "The amount of a purchase or an acquisition cost must not be negative",
    "platform_missing": "The link of a post comes without its platform",
    "nothing_answered": "An answer must have a score, items, a comment or themes",
    "nothing_noted": "A note on culture must have at least one field",
    "refund_not_positive": "The amount of a refund must be greater than zero",
    "score_missing": "An answer to NPS or CSAT must have a score",
    "tender_currency_differs": "The tenders of a purchase must be in the currency of its amount",
    "tenders_exceed_purchase": "The tenders of a purchase must not add up to more than its amount",
    "score_out_of_range": "The score is outside the instrument's scale: NPS is 0 to 10, CSAT 1 to 5",
}
"""Every code of refusal, with the situation in which it is given."""


def refused(reason: str, code: str, field: str, hint: str) -> CommandRefused:
    """Return a refusal."""
    return CommandRefused(reason, code=code, field=field, hint=hint)


def unknown_step(customer: str, name: str, step: str | None) -> CommandRefused:
    """Return the refusal of a step that no round of the customer has."""
    return refused(
        f"the customer {customer} has no step {step} in a round {name} of a care plan",
        "unknown_step",
        "regarding",
        "Give the round and the step of the plan, such as 611-1 message-1",
    )


def making_known(
    state: Customer, command: CustomerCommand, event: Event, channel: str | None, kind: CustomerKind = "person"
) -> list[Event]:
    """Return the event, preceded by an implicit registration if the customer was not known."""
    if state.known:
        return [event]
    return [CustomerRegistered(channel=channel, source="implicit", implicit=True, at=command.at, kind=kind), event]


def refuse_if_erased(state: Customer, command: CustomerCommand, field: str | None, hint: str) -> None:
    """Refuse data about an erased person.

    Raises:
        CommandRefused: `customer_erased`.
    """
    if state.erased:
        raise CommandRefused(
            f"the customer {command.customer} is erased, and no new data about them is accepted",
            code="customer_erased",
            field=field,
            hint=hint,
        )


def id_reused(kind: str, known: str, hint: str | None = None) -> CommandRefused:
    """Return the refusal of an id that is already recorded with other content."""
    return CommandRefused(
        f"the {kind} {known} is already recorded, with other content or at another time",
        code=f"{kind}_id_reused",
        field=kind,
        hint=hint or f"Give each {kind} its own id, or send the recorded one again unchanged",
    )


def known_instrument(name: str, surveys: Surveys) -> Instrument:
    """Return the policy's instrument with that name.

    Raises:
        CommandRefused: `unknown_instrument`.
    """
    found = surveys.instrument(name)
    if found is None:
        known = ", ".join(dict.fromkeys([*(each.id for each in surveys.instruments), "nps", "csat"]))
        raise refused(
            f"the policy has no instrument {name!r}",
            "unknown_instrument",
            "instrument",
            f"Use one of: {known}; or adopt a policy that has it",
        )
    return found


def refuse_before_invitation(state: Customer, command: Command, name: str) -> None:
    """Refuse a command that is dated before the invitation was sent.

    Raises:
        CommandRefused: `before_invitation`.
    """
    known = state.invitations.get(name)
    if known is not None and command.at < known.sent.at:
        raise refused(
            f"the invitation {name} was sent on {from_micros(known.sent.at).isoformat()}, after the command's time",
            "before_invitation",
            "occurred_at",
            "Correct the time",
        )
