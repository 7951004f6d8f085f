"""From a command to events: every rule of a customer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from relations.aggregates.customer.commands import (
    AbsorbCustomer,
    CorrectProfile,
    CustomerCommand,
    EraseAlias,
    EraseCustomer,
    GiveConsent,
    LinkIdentity,
    MergeCustomer,
    RecordInteraction,
    RecordPurchase,
    RefundPurchase,
    RegisterCustomer,
    ReinstatePurchase,
    ReleaseCustomer,
    ReverseRefund,
    UnmergeCustomer,
    WithdrawConsent,
)
from relations.aggregates.customer.events import (
    ConsentGiven,
    ConsentWithdrawn,
    CustomerAbsorbed,
    CustomerErased,
    CustomerMerged,
    CustomerRegistered,
    CustomerReleased,
    CustomerUnmerged,
    IdentityLinked,
    InteractionRecorded,
    ProfileCorrected,
    PurchaseRecorded,
    PurchaseRefunded,
    RefundReversed,
)
from relations.aggregates.customer.invitations import INVITATION_RULES
from relations.aggregates.customer.portrait import PORTRAIT_RULES
from relations.aggregates.customer.refusals import id_reused, making_known, refuse_if_erased
from relations.aggregates.customer.state import (
    PROFILE,
    Customer,
    Registration,
    changes_nothing,
    consent_key,
    given,
)
from relations.aggregates.customer.surveys import SURVEY_RULES
from relations.errors import CommandRefused
from relations.messages import Command, Event, Money, from_micros
from relations.policies import Policy

__all__ = ["COMMANDS", "REFUSALS", "decide"]

REFUSALS: Mapping[str, str] = {
    "acquisition_id_reused": "Another acquisition cost bears this id",
    "already_merged": "The customer is merged into another already; `UnmergeCustomer` undoes that",
    "already_registered": "Registered before, with other details; `CorrectProfile` changes them",
    "consent_withdrawn": "The customer withdrew the consent to be asked through that channel",
    "customer_erased": "The customer was erased, and the command says something of the person",
    "before_feedback": "An answer is coded, scored and answered after it was given, not before",
    "before_refund": "A refund is reversed after it was made, not before",
    "before_invitation": "An invitation is seen, answered, declined or reminded of after it was sent, not before",
    "feedback_has_no_words": "The answer has no words that could be scored",
    "feedback_id_reused": "Another answer bears this id",
    "instrument_asks_items": "The instrument is a questionnaire; the answer has a score",
    "instrument_asks_no_items": "The instrument has no items",
    "instrument_asks_score": "The instrument is one score; the answer has none",
    "instrument_is_not_scored": "What the instrument notes is coded to themes; the answer has a score",
    "interaction_id_reused": "Another interaction bears this id",
    "invitation_already_answered": "The invitation was answered by this instrument, otherwise or with words of its own",
    "invitation_declined": "The customer does not want to answer the invitation",
    "invitation_id_reused": "Another invitation bears this id",
    "item_answered_twice": "One item has two answers",
    "item_expectation_missing": "The instrument asks what was expected as well, or does not ask it",
    "merged_into_itself": "A customer cannot be merged into itself",
    "purchase_not_cancelled": "Only a purchase that was refunded in full can be reinstated",
    "purchase_id_reused": "Another purchase bears this id",
    "refund_currency_differs": "The refund is in another currency than the purchase",
    "refund_exceeds_purchase": "All refunds of the purchase together would give back more than was paid",
    "refund_id_reused": "Another refund bears this id",
    "refund_names_no_purchase": "No purchase with that id is recorded for this customer",
    "reminder_not_due": "The policy lets more days pass before a reminder",
    "reminders_exhausted": "The customer was reminded as often as the policy lets",
    "survey_quarantine": "The customer saw an invitation lately, and is left in peace",
    "survivor_is_merged": "Whom the customer shall be merged into is merged into another",
    "unknown_customer": "The business does not know this customer yet: nothing at all, or for a correction no profile",
    "unknown_feedback": "No answer with that id is recorded for this customer",
    "unknown_instrument": "The policy has no such instrument",
    "unknown_invitation": "No invitation with that id is recorded for this customer",
    "unknown_item": "The instrument has no such item",
    "unknown_purchase": "No purchase with that id is recorded for this customer",
    "unknown_refund": "No refund with that id is recorded for this customer",
    "unknown_theme": "The policy has no such theme",
    # At the door:
    "invalid_birthday": "Not a date such as 1980-02-29 or --02-29",
    "invalid_email": "Not of the form name@host.domain",
    "invalid_language": "Not of the form of a language tag",
    "invalid_phone": "Not 5 to 15 digits",
    "need_sort_misplaced": "A need, and nothing else, is functional, emotional or social",
    "negative_amount": "A purchase is worth nothing or more; what goes back is a refund",
    "nothing_answered": "An answer has a score, items, words or themes",
    "nothing_noted": "A note on culture says at least one thing",
    "refund_not_positive": "A refund gives back more than nothing",
    "score_missing": "NPS and CSAT are one score",
    "tender_currency_differs": "The tenders of a purchase must be in the currency of its amount",
    "tenders_exceed_purchase": "The tenders of a purchase must not add up to more than its amount",
    "score_out_of_range": "Beyond the instrument's scale: NPS is 0 to 10, CSAT 1 to 5",
}
"""Every code of refusal, with when it is given."""


def _register(state: Customer, command: RegisterCustomer) -> list[Event]:
    refuse_if_erased(state, command, None, "Register the person anew under another id")
    known = state.registration
    wanted = Registration(
        command.language, command.region, command.channel, command.source, given(command), implicit=False
    )
    if known is not None and not known.implicit:
        if known == wanted:
            return []
        raise CommandRefused(
            f"the customer {command.customer} was registered before, with other details",
            code="already_registered",
            field="customer",
            hint="Send CorrectProfile for what has changed",
        )
    return [
        CustomerRegistered(
            name=command.name,
            email=command.email,
            phone=command.phone,
            birthday=command.birthday,
            language=command.language,
            region=command.region,
            channel=command.channel,
            source=command.source,
            at=command.at,
        )
    ]


def _correct(state: Customer, command: CorrectProfile) -> list[Event]:
    refuse_if_erased(state, command, None, "Nothing: the profile is gone for ever")
    if not state.known:
        raise CommandRefused(
            f"the customer {command.customer} is not known",
            code="unknown_customer",
            field="customer",
            hint="Send RegisterCustomer",
        )
    at = command.at
    changed: dict[str, str] = {}
    for name in PROFILE:
        value: str | None = getattr(command, name)
        if value is not None and not changes_nothing(state.profile.get(name, ()), (at, value)):
            changed[name] = value
    # Personal fields cannot be compared, so they are always recorded; replacing words by the same words is harmless.
    changed |= {name: getattr(command, name) for name in given(command)}
    return [ProfileCorrected(**changed, at=at)] if changed else []


def _give_consent(state: Customer, command: GiveConsent) -> list[Event]:
    refuse_if_erased(state, command, None, "Nothing: an erased customer cannot be contacted")
    at = command.at
    if changes_nothing(state.consents.get(consent_key(command.channel, command.purpose), ()), (at, command.basis)):
        return []
    event = ConsentGiven(
        purpose=command.purpose, channel=command.channel, basis=command.basis, source=command.source, at=at
    )
    return making_known(state, command, event, command.channel)


def _withdraw_consent(state: Customer, command: WithdrawConsent) -> list[Event]:
    # A consent that was never given can be withdrawn: that is an objection, and worth keeping. So is a withdrawal
    # repeated at another time, for a consent from between the two may still be on its way.
    at = command.at
    if (at, None) in state.consents.get(consent_key(command.channel, command.purpose), ()):
        return []
    event = ConsentWithdrawn(purpose=command.purpose, channel=command.channel, source=command.source, at=at)
    return making_known(state, command, event, command.channel)


def _record_interaction(state: Customer, command: RecordInteraction) -> list[Event]:
    event = InteractionRecorded(
        interaction=command.interaction,
        channel=command.channel,
        kind=command.kind,
        touchpoint=command.touchpoint,
        direction=command.direction,
        outcome=command.outcome,
        at=command.at,
    )
    recorded = state.interactions.get(command.interaction)
    if recorded is None:
        return making_known(state, command, event, command.channel)
    if recorded == event:
        return []
    raise id_reused("interaction", command.interaction)


def _record_purchase(state: Customer, command: RecordPurchase) -> list[Event]:
    event = PurchaseRecorded(
        purchase=command.purchase,
        amount=command.amount,
        category=command.category,
        touchpoint=command.touchpoint,
        channel=command.channel,
        discounted=command.discounted,
        at=command.at,
        tenders=command.tenders,
    )
    recorded = state.purchases.get(command.purchase)
    if recorded is None:
        return making_known(state, command, event, command.channel)
    if recorded == event:
        return []
    hint = None
    if recorded.amount.amount and state.refunded.get(command.purchase) == recorded.amount.amount:
        hint = "Send ReinstatePurchase if the cancelled purchase was completed after all, or use a new id"
    raise id_reused("purchase", command.purchase, hint)


def _refund_purchase(state: Customer, command: RefundPurchase) -> list[Event]:
    at, amount = command.at, command.amount
    recorded = state.refunds.get(command.refund)
    if recorded is not None:
        said = (command.purchase, amount, command.reason, at)
        if (recorded.purchase, recorded.amount, recorded.reason, recorded.at) == said:
            return []
        hint = "Give the new refund an id of its own" if command.refund in state.reversed else None
        raise id_reused("refund", command.refund, hint)
    purchase = state.purchases.get(command.purchase)
    if purchase is None:
        raise CommandRefused(
            f"no purchase {command.purchase} of the customer {command.customer} is recorded",
            code="refund_names_no_purchase",
            field="purchase",
            hint="Record the purchase first, or name the one that is given back",
        )
    bought = purchase.amount
    if amount.currency != bought.currency:
        raise CommandRefused(
            f"the purchase {command.purchase} was paid in {bought.currency}, not in {amount.currency}",
            code="refund_currency_differs",
            field="amount",
            hint=f"Give the refund in {bought.currency}",
        )
    refunded = state.refunded.get(command.purchase, 0) + amount.amount
    if refunded > bought.amount:
        left = Money(bought.amount - refunded + amount.amount, bought.currency)
        raise CommandRefused(
            f"of the purchase {command.purchase} ({bought}) at most {left} can still be given back, not {amount}",
            code="refund_exceeds_purchase",
            field="amount",
            hint=f"Give back at most {left}",
        )
    return [
        PurchaseRefunded(
            refund=command.refund,
            purchase=command.purchase,
            amount=amount,
            refunded=refunded,
            bought=bought.amount,
            bought_at=purchase.at,
            reason=command.reason,
            at=at,
        )
    ]


def _reverse_refund(state: Customer, command: ReverseRefund) -> list[Event]:
    refund = state.refunds.get(command.refund)
    if refund is None:
        raise CommandRefused(
            f"cannot reverse the refund {command.refund}: the customer {command.customer} has no such refund",
            code="unknown_refund",
            field="refund",
            hint="Name a refund that is recorded for this customer",
        )
    if command.refund in state.reversed:
        return []
    left = state.refunded.get(refund.purchase, 0) - refund.amount.amount
    return [_reversed(command, refund, left)]


def _reinstate_purchase(state: Customer, command: ReinstatePurchase) -> list[Event]:
    purchase = state.purchases.get(command.purchase)
    if purchase is None:
        raise CommandRefused(
            f"cannot reinstate the purchase {command.purchase}: the customer {command.customer} has no such purchase",
            code="unknown_purchase",
            field="purchase",
            hint="Record it first (RecordPurchase)",
        )
    refunded = state.refunded.get(command.purchase, 0)
    if not refunded and any(each.reinstated and each.purchase == command.purchase for each in state.reversed.values()):
        return []
    if not refunded or refunded < purchase.amount.amount:
        raise CommandRefused(
            f"cannot reinstate the purchase {command.purchase}: it has not been refunded in full",
            code="purchase_not_cancelled",
            field="purchase",
            hint="Reverse a partial refund by itself (ReverseRefund)",
        )
    events: list[Event] = []
    for name, refund in sorted(state.refunds.items(), key=lambda item: (item[1].refunded, item[0]), reverse=True):
        if refund.purchase == command.purchase and name not in state.reversed:
            refunded -= refund.amount.amount
            events.append(_reversed(command, refund, refunded, reinstated=True))
    return events


def _reversed(
    command: ReverseRefund | ReinstatePurchase,
    refund: PurchaseRefunded,
    left: int,
    *,
    reinstated: bool = False,
) -> RefundReversed:
    if command.at < refund.at:
        raise CommandRefused(
            f"cannot reverse the refund {refund.refund} before it was made, on {from_micros(refund.at).isoformat()}",
            code="before_refund",
            field="occurred_at",
            hint="Date the reversal after the refund",
        )
    return RefundReversed(
        refund=refund.refund,
        purchase=refund.purchase,
        amount=refund.amount,
        refunded=left,
        bought=refund.bought,
        bought_at=refund.bought_at,
        refunded_at=max(refund.at, refund.bought_at),
        reinstated=reinstated,
        reason=command.reason,
        at=command.at,
    )


def _erase(state: Customer, command: EraseCustomer) -> list[Event]:
    # Complaints are streams of their own and may bring new words after an erasure; a later erasure takes those too.
    at = command.at
    if state.erased_at is not None and at <= state.erased_at:
        return []
    return [CustomerErased(reason=command.reason, at=at, merged=state.merged_with)]


def _erase_alias(state: Customer, command: EraseAlias) -> list[Event]:
    # Erasing cannot be undone, so both sides have to know of the merge.
    if command.other not in state.merged_with or (state.erased_at is not None and command.at <= state.erased_at):
        return []
    return [CustomerErased(reason=command.reason, at=command.at, merged=state.merged_with)]


def _link_identity(state: Customer, command: LinkIdentity) -> list[Event]:
    refuse_if_erased(state, command, None, "Nothing: an erased customer is nobody's any more")
    if command.external_id in state.identities.get(command.source, ()):
        return []
    event = IdentityLinked(source=command.source, external_id=command.external_id, at=command.at)
    return making_known(state, command, event, None)


def _merge(state: Customer, command: MergeCustomer) -> list[Event]:
    # Nobody is made known by a merge, so that one that is undone leaves nothing behind.
    _refuse_itself(command, command.into, "into")
    if state.into == command.into:
        return []
    if state.into is not None:
        raise CommandRefused(
            f"the customer {command.customer} is merged into {state.into} already",
            code="already_merged",
            field="customer",
            hint=f"Merge {state.into}, or send UnmergeCustomer first",
        )
    refuse_if_erased(state, command, "customer", "Nothing: whose history it was is not to be said again")
    return [CustomerMerged(into=command.into, at=command.at)]


def _absorb(state: Customer, command: AbsorbCustomer) -> list[Event]:
    _refuse_itself(command, command.merged, "merged")
    if command.merged in state.absorbed:
        return []
    if state.into is not None:
        raise CommandRefused(
            f"the customer {command.customer} is merged into {state.into} itself",
            code="survivor_is_merged",
            field="into",
            hint=f"Merge into {state.into}, or unmerge {command.customer} first",
        )
    refuse_if_erased(state, command, "into", "Nothing: whose history it was is not to be said again")
    return [CustomerAbsorbed(merged=command.merged, at=command.at)]


def _refuse_itself(command: CustomerCommand, other: str, field: str) -> None:
    if other == command.customer:
        raise CommandRefused(
            f"the customer {other} cannot be merged into itself",
            code="merged_into_itself",
            field=field,
            hint="Name two ids",
        )


def _unmerge(state: Customer, command: UnmergeCustomer) -> list[Event]:
    return [] if state.into is None else [CustomerUnmerged(survivor=state.into, at=command.at)]


def _release(state: Customer, command: ReleaseCustomer) -> list[Event]:
    return [CustomerReleased(merged=command.merged, at=command.at)] if command.merged in state.absorbed else []


_DECISIONS: dict[type[Command], Callable[[Customer, Any], list[Event]]] = {
    RegisterCustomer: _register,
    CorrectProfile: _correct,
    GiveConsent: _give_consent,
    WithdrawConsent: _withdraw_consent,
    RecordInteraction: _record_interaction,
    RecordPurchase: _record_purchase,
    RefundPurchase: _refund_purchase,
    ReverseRefund: _reverse_refund,
    ReinstatePurchase: _reinstate_purchase,
    EraseCustomer: _erase,
    LinkIdentity: _link_identity,
    MergeCustomer: _merge,
    UnmergeCustomer: _unmerge,
    AbsorbCustomer: _absorb,
    ReleaseCustomer: _release,
    EraseAlias: _erase_alias,
    **PORTRAIT_RULES,
}
_BY_POLICY: dict[type[Command], Callable[[Customer, Any, Policy], list[Event]]] = {**SURVEY_RULES, **INVITATION_RULES}
"""Rules that depend on the policy in force."""

COMMANDS = (*_DECISIONS, *_BY_POLICY)


def decide(state: Customer, command: Command, policy: Policy) -> list[Event]:
    """The events of a command; none where there is nothing left to do.

    Raises:
        CommandRefused: A rule forbids it; the codes are in `REFUSALS`.
    """
    decision = _DECISIONS.get(type(command))
    if decision is not None:
        return decision(state, command)
    return _BY_POLICY[type(command)](state, command, policy)
