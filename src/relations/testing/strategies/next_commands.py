"""The commands that an aggregate's state may allow next, and the things in it that they name.

Commands drawn at random seldom get anywhere: a comment is scored that was never made, a coupon used that nobody has.
So most commands of a history are drawn from here. Each class of command has its *ways*: what its fields say so that it
is about something that exists. Where there is no way there is nothing that it could be about, and it is not drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from typing import Any

from hypothesis import strategies as st

from relations.aggregates.complaint import (
    IMPROVEMENT_MOVES,
    MOVES,
    REMEDY_MOVES,
    AcceptRemedy,
    ApproveRemedy,
    AskInformation,
    CarryOutRemedy,
    CheckDeadlines,
    Complaint,
    CompleteImprovement,
    DeclineRemedy,
    MeasureImprovement,
    MergeComplaint,
    ProposeRemedy,
    RaiseImprovement,
    ReceiveInformation,
    RefuseRemedy,
    ResolveComplaint,
    WithdrawComplaint,
)
from relations.aggregates.customer import (
    AdvancePlan,
    AnswerFeedback,
    BeginPlan,
    CancelAcquisitionCost,
    CodeFeedback,
    Customer,
    DeclineInvitation,
    DropTrait,
    EndPlan,
    EraseAlias,
    EraseCustomer,
    GiveFeedback,
    MergeCustomer,
    RecordPurchase,
    RefundPurchase,
    ReinstatePurchase,
    ReleaseCustomer,
    RemindInvitation,
    ReverseRefund,
    ScoreSentiment,
    SeeInvitation,
    SendInvitation,
    SkipStep,
    UnmergeCustomer,
)
from relations.aggregates.customer.decide.feedback import FORM
from relations.aggregates.loyalty import (
    Account,
    AdjustPoints,
    CloseAccount,
    CreditPurchase,
    Earning,
    EarnPoints,
    EnrolMember,
    IssueReward,
    JoinClub,
    LeaveClub,
    MakeReferral,
    ReceiveAccount,
    ReceivePoints,
    ReceiveReferral,
    RedeemPoints,
    ReleaseAccount,
    ReopenAccount,
    RestoreAccount,
    RestoreEarning,
    RestoreReferral,
    ReturnAccount,
    ReverseEarning,
    ReverseRedemption,
    RevokeReferral,
    RewardReferral,
    TransferPoints,
    UseBenefit,
    UseReward,
    purchase_lot,
)
from relations.aggregates.programme import ProgrammeBook, ReturnStock, TakeStock
from relations.decider import Aggregate
from relations.messages import Command, from_micros
from relations.policies import Policy, Programme
from relations.policies.loyalty.tier_clock import programme_in
from relations.testing.strategies.catalogue import moneys

__all__ = ["Fields", "likely"]

Fields = Mapping[str, Any]
"""What some fields of a command say: values, or strategies for them."""
Ways = Callable[[Any, Policy], Iterable[Fields]]
_DAY = 86_400_000_000
_EUROS = moneys(currencies=("EUR",), smallest=1, largest=500_000)


def likely(
    aggregate: Aggregate[Any], state: Any, policy: Policy, had: Container[type[Command]]
) -> list[tuple[type[Command], tuple[Fields, ...]]]:
    """The classes of command that the state may allow, each with its ways; what is to come more often, more often.

    Args:
        aggregate: The kind; one without anything here is taken to allow all of its commands.
        state: Its state.
        policy: What it is decided by.
        had: What came before: the rest comes more often, so that one history gets through much.
    """
    found: list[tuple[type[Command], tuple[Fields, ...]]] = []
    possible = _POSSIBLE.get(aggregate.name)
    for kind in aggregate.commands if possible is None else possible(state, aggregate):
        ways = _NAMING.get(kind) or _FITTING.get(kind)
        given = ({},) if ways is None else tuple(ways(state, policy))
        if given:
            # Few of the many commands have something to name, so those that do come more often, and what they need.
            often = 6 if kind in _NAMING or kind in _NEEDED else 1 if kind in _ENDING else 2
            found += [(kind, given)] * (often if kind in had else 2 * often)
    return found


def _named(field: str, kept: Callable[[Any], Iterable[str]]) -> Ways:
    """A command one field of which names something that is kept."""
    return lambda state, _policy: ({field: name} for name in kept(state))


def _if(holds: Callable[[Any], Any]) -> Ways:
    """A command that names nothing, and is about something only in some states."""
    return lambda state, _policy: ({},) if holds(state) else ()


# --- complaints -----------------------------------------------------------------------------------------------------


def _moves_of(state: Complaint, _aggregate: Aggregate[Any]) -> Iterable[type[Command]]:
    return (*MOVES[state.status], CheckDeadlines)


def _remedies(kind: type[Any]) -> Ways:
    return _named(
        "remedy", lambda state: (k for k, each in state.remedies.items() if kind in REMEDY_MOVES[each.status])
    )


def _improvements(kind: type[Any]) -> Ways:
    return _named(
        "improvement",
        lambda state: (k for k, each in state.improvements.items() if kind in IMPROVEMENT_MOVES[each.status]),
    )


def _approvals(state: Complaint, policy: Policy) -> Iterator[Fields]:
    # Somebody other than its author, who is mostly `system`, and who may.
    for name, remedy in state.remedies.items():
        if ApproveRemedy in REMEDY_MOVES[remedy.status]:
            for limit in policy.desk.limits:
                if limit.covers(remedy.value, remedy.points):
                    yield {"remedy": name, "actor": "approver", "role": limit.role}


def _deadlines(state: Complaint, _policy: Policy) -> Iterator[Fields]:
    # The agenda comes at the deadline itself, or at a step of escalation before it.
    clocks = [clock.due_at for clock in state.clocks if not clock.paused]
    for moment in [*clocks, *([state.plan.due_at] if clocks and state.plan else [])]:
        yield {"occurred_at": from_micros(moment)}


_OF_COMPLAINTS: dict[type[Command], Ways] = {
    ApproveRemedy: _approvals,
    **{kind: _remedies(kind) for kind in (RefuseRemedy, AcceptRemedy, DeclineRemedy, CarryOutRemedy)},
    **{kind: _improvements(kind) for kind in (CompleteImprovement, MeasureImprovement)},
    ReceiveInformation: _named(
        "request", lambda state: (k for k, asked in state.requests.items() if asked.received_at is None)
    ),
    CheckDeadlines: _deadlines,
}


# --- customers ------------------------------------------------------------------------------------------------------


def _all_but_erasures(_state: Customer, aggregate: Aggregate[Any]) -> Iterable[type[Command]]:
    # There is little left to say after one.
    return (kind for kind in aggregate.commands if kind not in (EraseCustomer, EraseAlias))


def _reminders(state: Customer, policy: Policy) -> Iterator[Fields]:
    # The agenda comes when one is due.
    answered = {key.rpartition(" ")[2] for key in state.answers}
    for name, invitation in state.invitations.items():
        if not invitation.declined and name not in answered and invitation.reminders < policy.surveys.reminders:
            last = invitation.sent.at if invitation.reminded_at is None else invitation.reminded_at
            yield {"invitation": name, "occurred_at": from_micros(last + policy.surveys.reminder_days * _DAY)}


def _refunds(state: Customer, _policy: Policy) -> Iterator[Fields]:
    for name, bought in state.purchases.items():
        left = bought.amount.amount - state.refunded.get(name, 0)
        if left:
            yield {
                "purchase": name,
                "amount": moneys(currencies=(bought.amount.currency,), smallest=1, largest=left),
            }


def _standing_refunds(state: Customer, _policy: Policy) -> Iterator[Fields]:
    for name, refund in state.refunds.items():
        if name not in state.reversed:
            yield {"refund": name, "occurred_at": from_micros(refund.at + _DAY)}


def _cancelled(state: Customer, _policy: Policy) -> Iterator[Fields]:
    for name, bought in state.purchases.items():
        if bought.amount.amount and state.refunded.get(name) == bought.amount.amount:
            latest = max(each.at for each in state.refunds.values() if each.purchase == name)
            yield {"purchase": name, "occurred_at": from_micros(latest + _DAY)}


def _traits(state: Customer, _policy: Policy) -> Iterator[Fields]:
    for key, changes in state.traits.items():
        if changes[-1][1] is not None:
            trait, about = key.split(" ", 1)
            yield {"trait": trait, "about": about}


def _plans(state: Customer, policy: Policy) -> Iterator[Fields]:
    for plan in policy.care.plans:
        if all(known.plan != plan.id or known.ended_at is not None for known in state.rounds.values()):
            yield {"plan": plan.id, "on": None}


def _open_steps(state: Customer, _policy: Policy) -> Iterator[Fields]:
    for name, known in state.rounds.items():
        for step in known.steps:
            if known.is_open(step.step):
                yield {"round": name, "step": step.step}


def _rounds_in_progress(state: Customer, _policy: Policy) -> Iterator[Fields]:
    # The agenda comes when a step lapses, or at the end of the round.
    for known in state.rounds.values():
        if known.ended_at is None:
            for moment in sorted({known.ends_at, *(each.until for each in known.steps if known.is_open(each.step))}):
                yield {"occurred_at": from_micros(moment)}


_OF_CUSTOMERS: dict[type[Command], Ways] = {
    BeginPlan: _plans,
    SkipStep: _open_steps,
    AdvancePlan: _rounds_in_progress,
    EndPlan: _named(
        "plan", lambda state: sorted({each.plan for each in state.rounds.values() if each.ended_at is None})
    ),
    RefundPurchase: _refunds,
    ReverseRefund: _standing_refunds,
    ReinstatePurchase: _cancelled,
    CodeFeedback: _named("feedback", lambda state: state.feedback),
    ScoreSentiment: _named("feedback", lambda state: state.worded),
    AnswerFeedback: _named("feedback", lambda state: (k for k in state.feedback if k not in state.followed)),
    SeeInvitation: _named("invitation", lambda state: (k for k in state.invitations if k not in state.seen)),
    DeclineInvitation: _named(
        "invitation", lambda state: (k for k, sent in state.invitations.items() if not sent.declined)
    ),
    RemindInvitation: _reminders,
    DropTrait: _traits,
    CancelAcquisitionCost: _named("acquisition", lambda state: state.acquisitions),
    UnmergeCustomer: _if(lambda state: state.into is not None),
    ReleaseCustomer: _named("merged", lambda state: state.absorbed),
}


# --- accounts -------------------------------------------------------------------------------------------------------

_ANYBODYS = (EarnPoints, ReceiveAccount)
"""Commands that any account accepts, with or without a member."""
_GUESTS = (EnrolMember, ReceiveReferral, ReceivePoints, ReleaseAccount)
_MERGED = (CreditPurchase, ReverseEarning, RestoreEarning, EarnPoints, RedeemPoints, IssueReward, RestoreAccount)


def _open_to(state: Account, aggregate: Aggregate[Any]) -> Iterable[type[Command]]:
    ledger = state.ledger()
    if state.merged_into is not None:
        return _MERGED
    if ledger.enrolled_at is None:
        return (*_ANYBODYS, *_GUESTS)
    if ledger.closed_at is not None:
        return (*_ANYBODYS, ReopenAccount)
    others = (EnrolMember, ReceiveReferral, ReopenAccount, RestoreAccount)
    return (kind for kind in aggregate.commands if kind not in others)


def _by_hand(state: Account, policy: Policy) -> Iterator[Fields]:
    most = _rules(state, policy).adjustment_max
    if state.merged_into is None and (state.enrolled_at is None or state.ledger().closed_at is not None):
        yield {"reason": "remedy", "points": st.integers(1, 10_000 if most is None else max(1, most)), "author": "a1"}
    elif most != 0:
        yield {"points": st.integers(1, 10_000 if most is None else most), "author": "a1"}


def _rules(state: Account, policy: Policy) -> Programme:
    return programme_in(policy, state.ledger().programme if state.ledgers else policy.programme.id)


def _spending(state: Account, _policy: Policy) -> Iterator[Fields]:
    if state.merged_into is not None:
        yield {}
    elif (most := state.balance - state.ledger().pending) > 0:
        yield {"points": st.just(most) | st.integers(1, most)}


def _transfers(state: Account, policy: Policy) -> Iterable[Fields]:
    return _spending(state, policy) if _rules(state, policy).transfers else ()


def _adjustments(state: Account, policy: Policy) -> Iterator[Fields]:
    most = _rules(state, policy).adjustment_max
    most = 10_000 if most is None else most
    least = -min(most, max(0, state.balance))
    if least < most:
        yield {"points": st.just(least) | st.integers(least, most)}


def _rewards(state: Account, policy: Policy) -> Iterator[Fields]:
    for reward in _rules(state, policy).rewards:
        if state.merged_into is not None or reward.points <= state.balance:
            yield {"reward": reward.name}


_OFTEN = 8
"""How many times as often as others a way is drawn that only a long story leads to."""


def _earned_back(state: Account, _policy: Policy) -> Iterator[Fields]:
    if state.merged_into is not None:
        yield {}
    invited = state.ledger().invited
    for lot, earning in state.earnings.items():
        if earning.reason == "purchase" and lot == purchase_lot(earning.source or "") and not _is_gone(earning):
            whole = {"purchase": earning.source, "bought": 1_000, "refunded": 1_000}
            if invited is not None and invited.lot == lot:  # what a recommendation came to goes only with all of it
                yield from [whole] * _OFTEN
            else:
                yield from (whole, {**whole, "refunded": st.integers(1, 1_000)})


def _given_back(state: Account, _policy: Policy) -> Iterator[Fields]:
    if state.merged_into is not None:
        yield {}
    revoked = state.ledger().revoked
    for lot, takings in state.ledger().takings.items():
        earning = state.earnings[lot]
        if earning.reason == "purchase" and lot == purchase_lot(earning.source or ""):
            often = _OFTEN if revoked is not None and revoked.lot == lot else 1
            for taking in takings:
                yield from [
                    {"refund": taking.refund, "purchase": earning.source, "bought": 1_000, "refunded": 0}
                ] * often


def _is_gone(earning: Earning) -> bool:
    return earning.reversed == earning.points and earning.reversed_qualifying == earning.qualifying


def _undoing(state: Account, _policy: Policy) -> Iterator[Fields]:
    coupons = state.ledger().coupons
    for name, redemption in state.redemptions.items():
        used = name in coupons and coupons[name].status == "used"
        if redemption.lots and not redemption.reversed and not used:
            yield {"redemption": name}


def _benefits(state: Account, policy: Policy) -> Iterator[Fields]:
    rules = _rules(state, policy)
    for tier in rules.tiers[: rules.terms.rank(state.tier) + 1]:
        for benefit in tier.benefits:
            yield {"benefit": benefit}


def _clubs_to_join(state: Account, policy: Policy) -> Iterator[Fields]:
    for club in _rules(state, policy).clubs:
        if club not in state.ledger().clubs:
            yield {"club": club}


def _recommendations(state: Account, policy: Policy) -> Iterable[Fields]:
    return () if _rules(state, policy).referral is None else ({},)


def _referrals(rewarded: bool) -> Ways:
    def kept(state: Account) -> Iterator[str]:
        ledger = state.ledger()
        return (name for name in ledger.referrals if (f"rewarded/{name}" in ledger.done) is rewarded)

    return _named("referral", kept)


def _merges(state: Account, _policy: Policy) -> Iterator[Fields]:
    for merge, received in state.ledger().received.items():
        yield {"merge": merge, "to": received.source}


_OF_ACCOUNTS: dict[type[Command], Ways] = {
    ReverseRedemption: _undoing,
    ReverseEarning: _earned_back,
    RestoreEarning: _given_back,
    UseReward: _named("coupon", lambda state: (k for k, c in state.ledger().coupons.items() if c.status == "issued")),
    UseBenefit: _benefits,
    LeaveClub: _named("club", lambda state: state.ledger().clubs),
    RewardReferral: _referrals(rewarded=False),
    RevokeReferral: _referrals(rewarded=True),
    RestoreReferral: _named(
        "referral", lambda state: (k for k in state.ledger().referrals if f"revoked/{k}" in state.ledger().done)
    ),
    ReturnAccount: _merges,
    RestoreAccount: _named("merge", lambda state: {each.released for each in state.ledgers} - {None}),
}


# --- programmes -----------------------------------------------------------------------------------------------------


def _stock(state: ProgrammeBook, policy: Policy) -> Iterator[Fields]:
    for reward in policy.programme.rewards:
        if reward.stock is None or state.taken.get(reward.name, 0) < reward.stock:
            yield {"reward": reward.name, "coupon": st.sampled_from(("w1", "w2", "w3", "w4"))}


def _holders(state: ProgrammeBook, _policy: Policy) -> Iterator[Fields]:
    for holder, reward in state.holders.items():
        customer, coupon = holder.split("/", 1)
        yield {"customer": customer, "coupon": coupon, "reward": reward}


def _answers(state: Customer, policy: Policy) -> Iterator[Fields]:
    """A new answer, or one that corrects the score of an answer that was given, in the same form."""
    yield {}
    for answer in state.feedback.values():
        instrument = policy.surveys.instrument(answer.instrument)
        if answer.score is not None and instrument is not None:
            scores = st.integers(instrument.lowest, instrument.highest)
            form = {name: getattr(answer, name) for name in FORM}
            yield {"feedback": answer.feedback, "score": scores, "items": (), **form}


# --- all of them ----------------------------------------------------------------------------------------------------

_POSSIBLE: dict[str, Callable[[Any, Aggregate[Any]], Iterable[type[Command]]]] = {
    "complaint": _moves_of,
    "customer": _all_but_erasures,
    "loyalty": _open_to,
}
"""By aggregate, the classes of command that a state allows; all of them where it has nothing here."""
_NAMING: dict[type[Command], Ways] = {**_OF_COMPLAINTS, **_OF_CUSTOMERS, **_OF_ACCOUNTS, ReturnStock: _holders}
"""Commands that name something or undo something, which has to exist."""
_FITTING: dict[type[Command], Ways] = {
    RecordPurchase: lambda _state, _policy: ({"amount": _EUROS},),
    MergeCustomer: _if(lambda state: state.into is None),
    GiveFeedback: _answers,
    CreditPurchase: lambda _state, _policy: ({"amount": _EUROS},),
    EarnPoints: _by_hand,
    RedeemPoints: _spending,
    TransferPoints: _transfers,
    AdjustPoints: _adjustments,
    IssueReward: _rewards,
    JoinClub: _clubs_to_join,
    MakeReferral: _recommendations,
    ReceiveReferral: _if(lambda state: state.ledger().invited is None),
    TakeStock: _stock,
}
"""Commands that name nothing that has to exist, with what fits the state and the policy."""
_NEEDED = frozenset((ProposeRemedy, AskInformation, RaiseImprovement, GiveFeedback, SendInvitation))
_NEEDED |= {ReopenAccount, ReceiveReferral, CreditPurchase, RedeemPoints, IssueReward, TakeStock}
"""Commands that others need to have anything to name."""
_ENDING = frozenset((ResolveComplaint, WithdrawComplaint, MergeComplaint, CloseAccount, ReleaseAccount))
"""Commands after which little else is possible."""
