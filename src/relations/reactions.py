"""Reactions: the commands that an event in one aggregate leads to in others.

The engine calls `react` for every event that it records and decides the commands that come back in the same
transaction. It gives them their ids, actor and cause. A reaction is pure. Its commands are decided by rules that answer
"nothing to do" with no events, because an event that has happened is not refused afterwards.

There is one exception. What two streams agree on happens in both or in neither. That holds for merges of customers,
accounts or complaints, and for points given to another member. It also holds for points promised for a complaint, a
referral, and a reward in limited supply. Where the second stream refuses, the command that began it is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from operator import attrgetter
from typing import Any, TypeVar

from relations.aggregates.complaint import (
    ComplaintMerged,
    ComplaintRecognised,
    FileComplaint,
    RemedyCarriedOut,
    TakeDuplicate,
)
from relations.aggregates.customer import (
    AbsorbCustomer,
    AcceptHandover,
    ContactDropped,
    Customer,
    CustomerErased,
    CustomerMerged,
    CustomerUnmerged,
    DropContact,
    EraseAlias,
    HandoverAccepted,
    PurchaseRecorded,
    PurchaseRefunded,
    RefundReversed,
    ReleaseCustomer,
)
from relations.aggregates.loyalty import (
    AccountClosed,
    AccountReleased,
    AccountReturned,
    CreditForwarded,
    CreditPurchase,
    EarnPoints,
    IssueReward,
    PointsReleased,
    PurchaseForwarded,
    ReceiveAccount,
    ReceivePoints,
    ReceiveReferral,
    RedeemPoints,
    RedemptionReversed,
    ReferralFulfilled,
    ReferralMade,
    ReferralRestored,
    ReferralRevoked,
    RefundForwarded,
    ReleaseAccount,
    RequestForwarded,
    RestoreAccount,
    RestoreEarning,
    RestoreReferral,
    ReturnAccount,
    ReverseEarning,
    ReverseRedemption,
    RevokeReferral,
    RewardExpired,
    RewardIssued,
    RewardReferral,
    TransferPoints,
    UseReward,
    issued_to,
    remedy_lot,
)
from relations.aggregates.programme import ReturnStock, TakeStock
from relations.decider import Informed
from relations.messages import Command, Envelope, Event, from_micros
from relations.months import months_after
from relations.policies import Policy
from relations.policies.calendars import local_time

__all__ = ["INFORMED", "ONLY_IF", "REACTIONS", "Reaction", "react"]

C = TypeVar("C", bound=Command)
Reaction = Callable[[Any, Envelope, Policy], list[Command]]
Taken = Callable[[Any, Envelope], Any]


def react(
    event: Event, envelope: Envelope, policy: Policy, reactions: Mapping[type[Event], Reaction] | None = None
) -> list[Command]:
    """Return the commands that follow from an event; mostly none.

    Args:
        event: The event.
        envelope: Its envelope.
        policy: The policy in force when it happened.
        reactions: By class of event; `REACTIONS` if absent.
    """
    reaction = (REACTIONS if reactions is None else reactions).get(type(event))
    return [] if reaction is None else reaction(event, envelope, policy)


# --- reactions that copy fields -------------------------------------------------------------------------------------


def _copying(kind: type[Command], *names: str, customer: str = "", **taken: Taken) -> Reaction:
    """Return a reaction that sends one command made of the event's fields.

    Args:
        kind: The command.
        names: Fields that are called the same in the event and the command.
        customer: The event's field that names the customer of the command. Default: the event's own customer.
        taken: Other fields of the command, each with `(event, envelope) -> value`.
    """

    def reaction(event: Any, envelope: Envelope, _policy: Policy) -> list[Command]:
        fields = {name: getattr(event, name) for name in names}
        for name, take in taken.items():
            fields[name] = take(event, envelope)
        return [_trusted(kind, envelope, fields, customer=getattr(event, customer) if customer else "")]

    return reaction


def _customer(_event: Any, envelope: Envelope) -> str:
    """Return the customer that the event belongs to."""
    return envelope.customer


def _about(event: RequestForwarded, _envelope: Envelope) -> str:
    return event.about


def _other(event: RequestForwarded, _envelope: Envelope) -> str | None:
    return event.other


def _full_id(event: RequestForwarded, _envelope: Envelope) -> str:
    """Return the id under which the surviving account holds what the request is about."""
    return event.prefix + event.about


def _no_earlier_than(field: str) -> Taken:
    """Return the event's time, or that of another field where it is later.

    A refund that is dated before its purchase takes points back when the purchase was made: until then there were none.
    """
    earliest = attrgetter(field)
    return lambda event, envelope: from_micros(max(envelope.occurred_at, earliest(event)))


_REFUND = ("refund", "purchase", "refunded", "bought")
_REFERRAL = ("programme", "referral", "refund", "purchase")
_CREDIT = ("programme", "lot", "points", "reason", "source", "author", "role", "prefix")

_TAKE_BACK = _copying(ReverseEarning, *_REFUND, "prefix", customer="into")
_GIVE_BACK = _copying(RestoreEarning, *_REFUND, "prefix", customer="into")

_REQUESTS: dict[str, Reaction] = {
    "RedeemPoints": _copying(
        RedeemPoints, "programme", "points", "prefix", customer="into", redemption=_about, reward=_other
    ),
    "ReverseRedemption": _copying(ReverseRedemption, "programme", customer="into", redemption=_full_id),
    "TransferPoints": _copying(
        TransferPoints, "programme", "points", "prefix", customer="into", transfer=_about, to=_other
    ),
    "ReceivePoints": _copying(ReceivePoints, "programme", "lots", customer="into", transfer=_about, source=_other),
    "IssueReward": _copying(IssueReward, "programme", "prefix", customer="into", coupon=_about, reward=_other),
    "UseReward": _copying(UseReward, "programme", customer="into", coupon=_full_id),
    "RewardReferral": _copying(
        RewardReferral, "programme", "prefix", customer="into", referral=_about, referred=_other
    ),
    "RevokeReferral": _copying(
        RevokeReferral, "programme", "purchase", "prefix", customer="into", referral=_about, refund=_other
    ),
    "RestoreReferral": _copying(
        RestoreReferral, "programme", "purchase", "prefix", customer="into", referral=_about, refund=_other
    ),
}
"""The reaction to each forwarded request; see `relations.aggregates.loyalty.decide.forwarding`."""


# --- reactions that decide something --------------------------------------------------------------------------------


def _purchase_earns(event: PurchaseRecorded, envelope: Envelope, policy: Policy) -> list[Command]:
    amount = event.amount
    # Where no programme gives anything, the account need not even be loaded.
    if amount.amount < 0 or not any(each.counts(amount.amount, amount.currency) for each in policy.every_programme):
        return []
    fields = {
        "purchase": event.purchase,
        "amount": amount,
        "category": event.category,
        "tenders": event.tenders,
    }
    return [_trusted(CreditPurchase, envelope, fields)]


def _remedy_gives_points(event: RemedyCarriedOut, envelope: Envelope, _policy: Policy) -> list[Command]:
    if event.kind != "points" or event.points is None:
        return []
    return [_credit(envelope, event.remedy, event.points)]


def _recognition_gives_points(event: ComplaintRecognised, envelope: Envelope, _policy: Policy) -> list[Command]:
    return [] if event.points is None else [_credit(envelope, event.reward, event.points)]


def _credit(envelope: Envelope, remedy: str, points: int) -> Command:
    """Return the command that credits points for a complaint."""
    complaint = envelope.id
    fields = {"lot": remedy_lot(complaint, remedy), "points": points, "reason": "remedy", "source": complaint}
    return _trusted(EarnPoints, envelope, fields)


def _refund_is_forwarded(event: RefundForwarded, envelope: Envelope, policy: Policy) -> list[Command]:
    return (_GIVE_BACK if event.reversal else _TAKE_BACK)(event, envelope, policy)


def _request_is_forwarded(event: RequestForwarded, envelope: Envelope, policy: Policy) -> list[Command]:
    return _REQUESTS[event.request](event, envelope, policy)


def _reward_leaves_stock(event: RewardIssued, envelope: Envelope, _policy: Policy) -> list[Command]:
    return [_stock(TakeStock, event.programme, event.reward, event.coupon, envelope)] if event.limited else []


def _reward_returns_to_stock(event: RedemptionReversed, envelope: Envelope, _policy: Policy) -> list[Command]:
    if not event.limited or event.reward is None:
        return []
    return [_stock(ReturnStock, event.programme, event.reward, event.redemption, envelope)]


def _expired_returns_to_stock(event: RewardExpired, envelope: Envelope, _policy: Policy) -> list[Command]:
    return [_stock(ReturnStock, event.programme, event.reward, event.coupon, envelope)] if event.limited else []


def _rewards_return_to_stock(event: AccountClosed, envelope: Envelope, _policy: Policy) -> list[Command]:
    limited = (each for each in event.rewards if each.limited)
    return [_stock(ReturnStock, event.programme, each.reward, each.coupon, envelope) for each in limited]


def _stock(
    kind: type[TakeStock | ReturnStock], programme: str, reward: str, coupon: str, envelope: Envelope
) -> Command:
    """Return the command for one limited reward, in the name of the customer that it was issued to."""
    holder, name = issued_to(envelope.customer, coupon)
    moment = from_micros(envelope.occurred_at)
    return kind(programme=programme, reward=reward, customer=holder, coupon=name, occurred_at=moment)


def _duplicate_is_taken(event: ComplaintMerged, envelope: Envelope, _policy: Policy) -> list[Command]:
    moment = from_micros(envelope.occurred_at)
    return [TakeDuplicate(complaint=event.into, duplicate=envelope.id, occurred_at=moment, actor="system")]


def _merged_is_absorbed(event: CustomerMerged, envelope: Envelope, _policy: Policy) -> list[Command]:
    # Points and debts go to the surviving account. A customer is merged into one other at a time, so the id names the
    # merge.
    name = envelope.customer
    account = _trusted(ReleaseAccount, envelope, {"merge": name, "into": event.into})
    moment = from_micros(envelope.occurred_at)
    return [AbsorbCustomer(customer=event.into, merged=name, occurred_at=moment), account]


def _unmerged_is_released(event: CustomerUnmerged, envelope: Envelope, _policy: Policy) -> list[Command]:
    name = envelope.customer
    account = _trusted(ReturnAccount, envelope, {"merge": name, "to": name}, customer=event.survivor)
    moment = from_micros(envelope.occurred_at)
    return [ReleaseCustomer(customer=event.survivor, merged=name, occurred_at=moment), account]


def _aliases_are_erased(event: CustomerErased, envelope: Envelope, _policy: Policy) -> list[Command]:
    moment = from_micros(envelope.occurred_at)
    return [
        EraseAlias(customer=merged, other=envelope.customer, reason=event.reason, occurred_at=moment)
        for merged in event.merged
    ]


REACTIONS: dict[type[Event], Reaction] = {
    PurchaseRecorded: _purchase_earns,
    PurchaseRefunded: _copying(ReverseEarning, *_REFUND, occurred_at=_no_earlier_than("bought_at")),
    RefundReversed: _copying(RestoreEarning, *_REFUND, occurred_at=_no_earlier_than("refunded_at")),
    RemedyCarriedOut: _remedy_gives_points,
    PointsReleased: _copying(ReceivePoints, "programme", "transfer", "lots", customer="to", source=_customer),
    ReferralMade: _copying(ReceiveReferral, "programme", "referral", customer="referred", referrer=_customer),
    ReferralFulfilled: _copying(RewardReferral, "programme", "referral", customer="referrer", referred=_customer),
    ReferralRevoked: _copying(RevokeReferral, *_REFERRAL, customer="referrer"),
    ReferralRestored: _copying(RestoreReferral, *_REFERRAL, customer="referrer"),
    RewardIssued: _reward_leaves_stock,
    RewardExpired: _expired_returns_to_stock,
    RedemptionReversed: _reward_returns_to_stock,
    AccountReleased: _copying(ReceiveAccount, "programme", "merge", "holdings", customer="into", source=_customer),
    AccountReturned: _copying(RestoreAccount, "programme", "merge", "holdings", customer="to", source=_customer),
    PurchaseForwarded: _copying(CreditPurchase, "purchase", "amount", "category", "tenders", "prefix", customer="into"),
    RefundForwarded: _refund_is_forwarded,
    CreditForwarded: _copying(EarnPoints, *_CREDIT, customer="into"),
    RequestForwarded: _request_is_forwarded,
    AccountClosed: _rewards_return_to_stock,
    ComplaintRecognised: _recognition_gives_points,
    ComplaintMerged: _duplicate_is_taken,
    CustomerMerged: _merged_is_absorbed,
    CustomerUnmerged: _unmerged_is_released,
    CustomerErased: _aliases_are_erased,
    # Merged ids may each have an open handover, or the same contact. Each command ends the next, until none is left.
    HandoverAccepted: _copying(AcceptHandover),
    ContactDropped: _copying(DropContact, "contact"),
}
"""The reaction to each class of event."""

ONLY_IF: dict[type[Event], str] = dict.fromkeys((PurchaseRecorded, PurchaseRefunded, RefundReversed), "loyalty")
"""Events that lead to nothing unless the customer's aggregate of this kind has begun. Most buyers are not members, so
most of these commands need not be made at all."""


def _with_grade_and_language(command: FileComplaint, customers: Sequence[Customer], policy: Policy) -> FileComplaint:
    """Return the command with the customer's own value grade and language, as far as its sender gave none."""
    grade = command.grade or _grade(command, customers, policy)
    spoken = [known for state in customers for known in state.profile.get("language", ()) if known[0] <= command.at]
    language = command.language or (max(spoken)[1] if spoken else None)
    return command.model_copy(update={"grade": grade, "language": language})


def _grade(command: FileComplaint, customers: Sequence[Customer], policy: Policy) -> str | None:
    """Return the grade by what the customer bought up to the command's time; None if they never bought."""
    grades, currency, local = policy.lifecycle.grades, policy.currency, local_time(policy.zone)
    last = local.month(command.at)
    first = months_after(last, 1 - grades.months)
    bought = [
        each
        for state in customers
        for each in state.purchases.values()
        if each.amount.currency == currency and each.at <= command.at
    ]
    if not bought:
        return None
    amount = sum(each.amount.amount for each in bought if local.month(each.at) >= first)
    amount -= sum(
        refund.amount.amount
        for state in customers
        for name, refund in state.refunds.items()
        if name not in state.reversed
        and refund.amount.currency == currency
        and first <= local.month(max(refund.at, refund.bought_at)) <= last
        and max(refund.at, refund.bought_at) <= command.at
    )
    return grades.grade(amount, currency)


INFORMED: Mapping[type[Command], Informed] = {
    FileComplaint: Informed(
        kind="customer",
        wants=lambda command, state: state.filing is None and None in (command.grade, command.language),
        inform=_with_grade_and_language,
    ),
}
"""Commands that take facts from their customer: a case is filed with the value grade and the language of the customer,
which it keeps."""


def _trusted(kind: type[C], envelope: Envelope, fields: dict[str, Any], *, customer: str = "") -> C:
    """Return a command to the account of the event's customer, or of another one, made without validation.

    That is safe because every value comes from a recorded event or its envelope. It was validated in the command that
    led to the event, by types that are at least as strict. It pays because a reaction runs with every purchase:
    validating takes 2.0 µs, `model_construct` 3.0 µs, this 0.8 µs. A test holds that the outcome equals the validated
    command.
    """
    command = kind.__new__(kind)
    values = {
        **_defaults(kind),
        "occurred_at": from_micros(envelope.occurred_at),
        "customer": customer or envelope.customer,
        **fields,
    }
    put = object.__setattr__  # the model is frozen
    put(command, "__dict__", values)
    put(command, "__pydantic_fields_set__", {"occurred_at", "customer", *fields})
    put(command, "__pydantic_extra__", None)
    put(command, "__pydantic_private__", None)
    return command


@cache
def _defaults(kind: type[Command]) -> dict[str, Any]:
    return {name: field.default for name, field in kind.model_fields.items() if not field.is_required()}
