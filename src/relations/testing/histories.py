"""Histories of one aggregate, drawn by Hypothesis: commands legal and near-legal, decided one after another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from relations.aggregates import customer
from relations.aggregates.complaint import AcceptRemedy, CarryOutRemedy, DeclineRemedy
from relations.aggregates.complaint.moves import MOVES
from relations.aggregates.complaint.state import Complaint
from relations.aggregates.customer import Customer, EraseCustomer, RecordPurchase, RefundPurchase
from relations.aggregates.loyalty import (
    Account,
    AdjustPoints,
    CreditPurchase,
    EarnPoints,
    EnrolMember,
    EvaluateTier,
    ExpirePoints,
    IssueReward,
    JoinClub,
    LeaveClub,
    MakeReferral,
    RedeemPoints,
    ReopenAccount,
    ReverseEarning,
    ReverseRedemption,
    TransferPoints,
    UseBenefit,
    UseReward,
)
from relations.decider import Aggregate
from relations.errors import CommandRefused
from relations.messages import Command, Event
from relations.policies import Policy
from relations.testing.strategies import commands_of, moneys

__all__ = ["History", "Step", "histories"]

S = TypeVar("S")

_BEGINNING = datetime(2024, 1, 1, tzinfo=UTC)
_STREAM = {"customer": "c1", "complaint": "k1"}


@dataclass(frozen=True)
class Step(Generic[S]):
    """One command of a history.

    Attributes:
        before: The state that it met.
        command: The command.
        events: What came of it.
        refusal: Why nothing did, where a rule forbade it.
        after: The state that it left.
    """

    before: S
    command: Command
    events: tuple[Event, ...]
    refusal: CommandRefused | None
    after: S


@dataclass(frozen=True)
class History(Generic[S]):
    """What became of an aggregate.

    Attributes:
        aggregate: The kind of aggregate.
        policy: What every command was decided by.
        steps: All commands with their outcomes, in order.
    """

    aggregate: Aggregate[S]
    policy: Policy
    steps: tuple[Step[S], ...]

    @property
    def commands(self) -> tuple[Command, ...]:
        """All commands, refused ones included."""
        return tuple(step.command for step in self.steps)

    @property
    def events(self) -> tuple[Event, ...]:
        """All that happened."""
        return tuple(event for step in self.steps for event in step.events)

    @property
    def state(self) -> S:
        """The state at the end."""
        return self.steps[-1].after if self.steps else self.aggregate.decider.initial


def histories(
    aggregate: Aggregate[S],
    *,
    policies: SearchStrategy[Policy] | None = None,
    commands_max: int = 20,
    fields: dict[str, SearchStrategy[Any]] | None = None,
) -> SearchStrategy[History[S]]:
    """Histories of one stream of an aggregate.

    Business time mostly goes on, by seconds or by months, and now and then a command arrives late. A share of the
    commands is sent again as it was.

    Args:
        aggregate: The kind, such as `relations.aggregates.complaint.AGGREGATE`.
        policies: What it is decided by; the default policy if absent.
        commands_max: How many commands there are at most.
        fields: Strategies for fields that are to be drawn otherwise, for the commands that have them.
    """
    wanted = {**{name: st.just(only) for name, only in _STREAM.items()}, **(fields or {})}
    return _histories(aggregate, st.just(Policy()) if policies is None else policies, commands_max, wanted)


@st.composite
def _histories(
    draw: DrawFn,
    aggregate: Aggregate[Any],
    policies: SearchStrategy[Policy],
    commands_max: int,
    fields: dict[str, SearchStrategy[Any]],
) -> History[Any]:
    policy = draw(policies)
    decide, evolve = aggregate.decider.decide, aggregate.decider.evolve
    state = aggregate.decider.initial
    steps: list[Step[Any]] = []
    now = _BEGINNING
    for _ in range(draw(st.integers(0, commands_max))):
        if steps and draw(st.integers(0, 9)) == 0:
            command = draw(st.sampled_from(steps)).command
        else:
            now += draw(_DELAYS)
            command = draw(_command(aggregate, state, policy, now, fields))
        before, refusal, events = state, None, []
        try:
            events = decide(state, command, policy)
        except CommandRefused as error:
            refusal = error
        for event in events:
            state = evolve(state, event)
        steps.append(Step(before, command, tuple(events), refusal, state))
    return History(aggregate, policy, tuple(steps))


_DELAYS = st.one_of(
    st.integers(0, 120).map(lambda seconds: timedelta(seconds=seconds)),
    st.integers(1, 96).map(lambda hours: timedelta(hours=hours)),
    st.integers(1, 60).map(lambda weeks: timedelta(weeks=weeks)),
)
_LATE = st.one_of(
    st.just(timedelta(0)), st.just(timedelta(0)), st.integers(1, 40).map(lambda days: timedelta(days=days))
)


@st.composite
def _command(
    draw: DrawFn,
    aggregate: Aggregate[Any],
    state: Any,
    policy: Policy,
    now: datetime,
    fields: dict[str, SearchStrategy[Any]],
) -> Command:
    likely = _LIKELY.get(aggregate.name)
    if likely is not None and draw(st.integers(0, 3)):
        kind, better = draw(st.sampled_from(likely(state, policy)))
    else:
        kind, better = draw(st.sampled_from(aggregate.commands)), {}
    given = {name: strategy for name, strategy in fields.items() if name in kind.model_fields}
    known = {"occurred_at": _LATE.map(lambda late: now - late), **better, **given}
    return draw(commands_of(kind, **known))


# --- what is likely to be legal -------------------------------------------------------------------------------------

Likely = tuple[type[Command], dict[str, SearchStrategy[Any]]]
"""A class of command that may be legal now, and strategies for fields that make it so more often."""

_EUROS = moneys(currencies=("EUR",), smallest=1, largest=500_000)


def _likely_of_complaint(state: Complaint, _policy: Policy) -> list[Likely]:
    offers = list(state.remedies)
    known = {"remedy": st.sampled_from(offers)} if offers else {}
    of_offers = (AcceptRemedy, DeclineRemedy, CarryOutRemedy)
    moves = [kind for kind in MOVES[state.status] if offers or kind not in of_offers]
    return [(kind, known if kind in of_offers else {}) for kind in moves]


def _likely_of_customer(state: Customer, _policy: Policy) -> list[Likely]:
    amount = {"amount": _EUROS}
    # Not the erasure: there is little left to say after it.
    likely: list[Likely] = [
        (kind, amount if kind is RecordPurchase else {})
        for kind in customer.AGGREGATE.commands
        if kind not in (EraseCustomer, RefundPurchase)
    ]
    for purchase, bought in state.purchases.items():
        left = bought.amount.amount - state.refunded.get(purchase, 0)
        money = moneys(currencies=(bought.amount.currency,), smallest=1, largest=max(1, left))
        likely.append((RefundPurchase, {"purchase": st.just(purchase), "amount": money}))
    return likely


def _likely_of_account(state: Account, policy: Policy) -> list[Likely]:
    purchase: Likely = (CreditPurchase, {"amount": _EUROS})
    if state.enrolled_at is None:
        return [(EnrolMember, {"programme": st.just(policy.programme.id)}), purchase]
    rules = policy.programme_of(state.ledger().programme)
    if state.ledger().closed_at is not None:
        return [(ReopenAccount, {}), purchase]
    likely: list[Likely] = [purchase, (EarnPoints, {}), (ExpirePoints, {}), (EvaluateTier, {}), (JoinClub, {})]
    likely += [(kind, {"reward": st.sampled_from(("room", "spa"))}) for kind in (IssueReward,)]
    if rules is not None and rules.referral is not None:
        likely.append((MakeReferral, {}))
    if state.balance > 0:
        likely.append((RedeemPoints, {"points": st.integers(1, state.balance)}))
        likely.append((TransferPoints, {"points": st.integers(1, state.balance)}))
        likely.append((AdjustPoints, {"points": st.integers(-state.balance, 100)}))
    if state.redemptions:
        likely.append((ReverseRedemption, {"redemption": st.sampled_from(sorted(state.redemptions))}))
    dealings = state.ledger().dealings
    if dealings.coupons:
        likely.append((UseReward, {"coupon": st.sampled_from(sorted(dealings.coupons))}))
    if dealings.clubs:
        likely.append((LeaveClub, {"club": st.sampled_from(dealings.clubs)}))
    if state.tier is not None:
        likely.append((UseBenefit, {}))
    purchases = [earning.source for earning in state.earnings.values() if earning.reason == "purchase"]
    if purchases:
        likely.append((ReverseEarning, {"purchase": st.sampled_from(purchases)}))
    return likely


_LIKELY: dict[str, Callable[[Any, Policy], list[Likely]]] = {
    "complaint": _likely_of_complaint,
    "customer": _likely_of_customer,
    "loyalty": _likely_of_account,
}
"""By aggregate: without it commands at random would seldom get anywhere. One without it here works as well."""
