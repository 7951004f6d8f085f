"""Histories of one aggregate, drawn by Hypothesis: commands legal and near-legal, decided one after another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from relations.aggregates import customer
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
    Improvement,
    MeasureImprovement,
    ProposeRemedy,
    ReceiveInformation,
    RefuseRemedy,
    Remedy,
)
from relations.aggregates.complaint.moves import LESSONS
from relations.aggregates.customer import Customer, EraseAlias, EraseCustomer, RecordPurchase, RefundPurchase
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
from relations.messages import Command, Event, from_micros
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
            now += draw(_DELAYS_OF.get(aggregate.name, _DELAYS))
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
# A desk works by the hour; with months between any two commands every deadline would be missed.
_DELAYS_OF = {
    "complaint": st.one_of(
        st.integers(0, 120).map(lambda minutes: timedelta(minutes=minutes)),
        st.integers(1, 24).map(lambda hours: timedelta(hours=hours)),
        st.integers(1, 30).map(lambda days: timedelta(days=days)),
    )
}
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


_WITH_IDS: dict[type[Command], tuple[str, str]] = {
    ApproveRemedy: ("remedy", "remedies"),
    RefuseRemedy: ("remedy", "remedies"),
    AcceptRemedy: ("remedy", "remedies"),
    DeclineRemedy: ("remedy", "remedies"),
    CarryOutRemedy: ("remedy", "remedies"),
    ReceiveInformation: ("request", "requests"),
    CompleteImprovement: ("improvement", "improvements"),
    MeasureImprovement: ("improvement", "improvements"),
}
"""Commands of a complaint that name something it has: the field, and where it is kept."""
_OPENING = (ProposeRemedy, AskInformation)
"""Commands that others need to have anything to move."""


def _likely_of_complaint(state: Complaint, policy: Policy) -> list[Likely]:
    likely: list[Likely] = []
    for kind in MOVES[state.status]:
        if kind not in _WITH_IDS:
            likely += [(kind, {})] * (1 if kind in LESSONS else 5 if kind in _OPENING else 2)
            continue
        field, kept = _WITH_IDS[kind]
        known = [name for name, found in getattr(state, kept).items() if _is_movable(kind, found)]
        if known:
            fields: dict[str, SearchStrategy[Any]] = {field: st.sampled_from(known)}
            if kind is ApproveRemedy:
                # Somebody other than its author, who is mostly `system`, and who may.
                roles = [limit.role for limit in policy.desk.limits]
                fields |= {"actor": st.just("approver"), "role": st.sampled_from(roles) if roles else st.none()}
            # Few of the many commands have something to move, so those that do come more often.
            likely += [(kind, fields)] * (1 if kind in LESSONS else 5)
    clocks = [clock.due_at for clock in state.clocks if not clock.paused]
    if clocks:
        # The agenda comes at the deadline itself, or at a step of escalation before it.
        moments = [*clocks, *([state.plan.due_at] if state.plan else [])]
        likely.append((CheckDeadlines, {"occurred_at": st.sampled_from(moments).map(from_micros)}))
    return likely


def _is_movable(kind: type[Command], found: Any) -> bool:
    if isinstance(found, Remedy):
        return kind in REMEDY_MOVES[found.status]
    if isinstance(found, Improvement):
        return kind in IMPROVEMENT_MOVES[found.status]
    return found.received_at is None


def _likely_of_customer(state: Customer, _policy: Policy) -> list[Likely]:
    amount = {"amount": _EUROS}
    # Not the erasure: there is little left to say after it.
    likely: list[Likely] = [
        (kind, amount if kind is RecordPurchase else {})
        for kind in customer.AGGREGATE.commands
        if kind not in (EraseCustomer, EraseAlias, RefundPurchase)
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
