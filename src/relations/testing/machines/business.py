"""A state machine for several members: two programmes, rewards, referrals, merges.

class TestMyMembers(BusinessMachine.TestCase):
    settings = settings(max_examples=500)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from hypothesis import event as note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from relations.aggregates import loyalty, programme
from relations.aggregates.loyalty import (
    AdjustPoints,
    CloseAccount,
    CreditPurchase,
    EarnPoints,
    EnrolMember,
    EvaluateTier,
    ExpirePoints,
    ExpireRewards,
    IssueReward,
    Ledger,
    MakeReferral,
    RedeemPoints,
    ReleaseAccount,
    ReopenAccount,
    RestoreEarning,
    ReturnAccount,
    ReverseEarning,
    ReverseRedemption,
    TransferPoints,
    UseReward,
)
from relations.errors import CommandRefused
from relations.messages import Command, Money, to_micros
from relations.policies import Policy
from relations.testing.oracle.business import SlowBusiness
from relations.testing.oracle.coins import Refused
from relations.testing.oracle.merges import SlowAccount
from relations.testing.reacting import Reacting

__all__ = ["BusinessMachine"]

_START = datetime(2024, 1, 10, 9, tzinfo=UTC)
_MEMBERS = ("c1", "c2", "c3")
_ANYBODY = st.sampled_from(_MEMBERS)
_PROGRAMMES = ("main", "club")
_IN = st.sampled_from(("main", "main", "club"))
_NUMBERS = st.integers(1, 5)
_LATE = st.sampled_from((0, 0, 0, 0, 2, 25))
_REWARDS = st.sampled_from(("spa", "spa", "lamp", "pin", "suite", "moon"))


def _policies() -> tuple[Policy, ...]:
    rewards = [
        {"name": "spa", "points": 4, "stock": 2, "days_valid": 20},
        {"name": "lamp", "points": 7, "kind": "discount"},
        {"name": "pin", "points": 0, "stock": 1},
        {"name": "suite", "points": 3, "tier": "gold", "days_valid": 3},
    ]
    tiers = [
        {"name": "member", "threshold": 0},
        {"name": "silver", "threshold": 12, "multiplier": "1.5"},
        {"name": "gold", "threshold": 30, "multiplier": 2},
    ]
    first = {"referrer_points": 6, "referred_points": 3, "days_valid": 60}

    def policy(other: dict[str, Any], **values: Any) -> Policy:
        common = {"rates": {"EUR": "0.7"}, "months_to_expiry": 2, "tiers": (), "rewards": rewards[:3]}
        rules = {**common, "referral": first, **values}
        club = {"id": "club", **common, "rates": {"EUR": "0.3"}, "months_to_expiry": 5, **other}
        return Policy.model_validate({"zone": "Europe/Vienna", "programme": rules, "programmes": [club]})

    for_life = {"tiers": tiers, "tier_window": {"kind": "lifetime"}, "downgrade_when": "anniversary"}
    return (
        policy({}, pending_days=5),
        policy({"referral": {**first, "after": "joining"}}, rounding="up", refund_shortfall="recorded"),
        policy(
            {"reversal_after_expiry": "grace", "referral": {"referrer_points": 9, "most_per_member": 1}},
            reversal_after_expiry="grace",
            reversal_grace_days=20,
            months_to_expiry=1,
        ),
        policy({"transfers": False}, **for_life, rewards=rewards),
        policy({"rates": {"EUR": "0.5"}, "rounding": "half_up", **for_life}, rounding="half_up", adjustment_max=20),
        policy(
            {"tiers": tiers, "tier_window": {"kind": "calendar_year"}, "downgrade_to": "one_step"},
            tiers=tiers,
            tier_window={"kind": "rolling_months", "months_count": 2},
        ),
        policy(
            {**for_life, "tier_window": {"kind": "calendar_year"}, "rates": {"EUR": "0.5"}, "rounding": "up"},
            tiers=tiers,
            tier_window={"kind": "rolling_months", "months_count": 3},
            downgrade_when="year_end",
            grace_days=31,
        ),
        policy(
            {"tiers": tiers, "tier_window": {"kind": "rolling_months", "months_count": 1}, "grace_days": 40},
            tiers=tiers,
            tier_window={"kind": "rolling_months", "months_count": 3},
            downgrade_to="one_step",
            grace_days=20,
        ),
    )


class BusinessMachine(RuleBasedStateMachine):
    """Three customers in two programmes, two of them possibly one person, compared with `SlowBusiness`.

    Attributes:
        policies: One of them is drawn for each example.
    """

    policies: ClassVar[Sequence[Policy]] = _policies()

    def __init__(self) -> None:
        super().__init__()
        self.now = _START
        self.purchases = 0
        self.refunds = 0
        self.refunded: list[tuple[str, str, str, int]] = []
        self.outcomes: Counter[str] = Counter()
        self._begin(self.policies[0])

    def _begin(self, policy: Policy) -> None:
        self.policy = policy
        self.real = Reacting((loyalty.AGGREGATE, programme.AGGREGATE), policy)
        self.oracle = SlowBusiness(policy)

    @initialize(choice=st.integers(0, 10**6), joins=st.sets(st.tuples(_ANYBODY, _IN)))
    def begin(self, choice: int, joins: set[tuple[str, str]]) -> None:
        """Draw the rules and the first members of each programme."""
        self._begin(self.policies[choice % len(self.policies)])
        for who, where in sorted(joins, reverse=True):
            self.joins(who, where, 0)

    @rule(days=st.sampled_from((0, 1, 4, 15, 40, 75)), hours=st.integers(0, 23))
    def time_passes(self, days: int, hours: int) -> None:
        """Let time pass without a command."""
        self.now += timedelta(days=days, hours=hours)

    @rule(who=_ANYBODY)
    def time_is_told(self, who: str) -> None:
        """Advance the time of an account."""
        for kind in (ExpirePoints, EvaluateTier, ExpireRewards):
            self._do(kind, who, None, 0)

    @rule(who=_ANYBODY, where=_IN, late=_LATE)
    def joins(self, who: str, where: str, late: int) -> None:
        """Enrol a customer in a programme."""
        self._do(EnrolMember, who, where, late)

    @rule(who=_ANYBODY, euros=st.integers(1, 40), late=_LATE)
    def buys(self, who: str, euros: int, late: int) -> None:
        """Credit a purchase, which counts in every programme."""
        self.purchases += 1
        amount = Money(100 * euros, "EUR")
        self._do(CreditPurchase, who, None, late, purchase=f"p{self.purchases}", amount=amount)

    @rule(who=_ANYBODY, back=st.integers(0, 3), part=st.sampled_from((1, 4, 6, 7, 7)), late=_LATE)
    def gives_back(self, who: str, back: int, part: int, late: int) -> None:
        """Refund this many sevenths of one of the latest purchases of any customer."""
        self.refunds += 1
        refund, purchase = f"r{self.refunds}", f"p{max(1, self.purchases - back)}"
        self.refunded.append((who, refund, purchase, part))
        self._do(ReverseEarning, who, None, late, refund=refund, purchase=purchase, refunded=part, bought=7)

    @rule(back=st.integers(0, 3), late=_LATE)
    def refund_is_reversed(self, back: int, late: int) -> None:
        """Reverse one of the latest refunds; other refunds of the purchase still stand."""
        if not self.refunded:
            return
        who, refund, purchase, _ = self.refunded[-1 - back % len(self.refunded)]
        left = max((part for _, other, what, part in self.refunded if what == purchase and other != refund), default=0)
        self._do(RestoreEarning, who, None, late, refund=refund, purchase=purchase, refunded=left, bought=7)

    @rule(who=_ANYBODY, where=_IN, number=_NUMBERS, points=st.integers(1, 15), late=_LATE)
    def is_given(self, who: str, where: str, number: int, points: int, late: int) -> None:
        """Credit a bonus."""
        self._do(EarnPoints, who, where, late, lot=f"b{number}", points=points, author="anna")

    @rule(who=_ANYBODY, where=_IN, number=_NUMBERS, points=st.integers(1, 9), late=_LATE)
    def redeems(self, who: str, where: str, number: int, points: int, late: int) -> None:
        """Redeem points."""
        self._do(RedeemPoints, who, where, late, redemption=f"x{number}", points=points)

    @rule(who=_ANYBODY, where=_IN, what=st.sampled_from("xk"), number=_NUMBERS, late=_LATE)
    def undoes(self, who: str, where: str, what: str, number: int, late: int) -> None:
        """Reverse a redemption, or give a reward back."""
        self._do(ReverseRedemption, who, where, late, redemption=f"{what}{number}")

    @rule(who=_ANYBODY, to=_ANYBODY, where=_IN, number=_NUMBERS, points=st.integers(1, 9), late=_LATE)
    def sends(self, who: str, to: str, where: str, number: int, points: int, late: int) -> None:
        """Transfer points to another member."""
        if who != to:
            self._do(TransferPoints, who, where, late, transfer=f"t{number}", to=to, points=points)

    @rule(who=_ANYBODY, where=_IN, number=_NUMBERS, points=st.integers(-9, 9))
    def is_adjusted(self, who: str, where: str, number: int, points: int) -> None:
        """Adjust points by hand."""
        self._do(AdjustPoints, who, where, 0, adjustment=f"a{number}", points=points, reason="goodwill", author="anna")

    @rule(who=_ANYBODY, where=_IN, number=_NUMBERS, reward=_REWARDS, late=_LATE)
    def wants(self, who: str, where: str, number: int, reward: str, late: int) -> None:
        """Issue a reward; some are limited."""
        self._do(IssueReward, who, where, late, coupon=f"k{number}", reward=reward)

    @rule(who=_ANYBODY, where=_IN, number=_NUMBERS, late=_LATE)
    def uses(self, who: str, where: str, number: int, late: int) -> None:
        """Use a reward."""
        self._do(UseReward, who, where, late, coupon=f"k{number}")

    @rule(who=_ANYBODY, other=_ANYBODY, where=_IN, number=_NUMBERS, late=_LATE)
    def refers(self, who: str, other: str, where: str, number: int, late: int) -> None:
        """Refer another customer."""
        if who != other:
            self._do(MakeReferral, who, where, late, referral=f"f{number}", referred=other)

    @rule(who=_ANYBODY, where=_IN, sure=st.integers(0, 9))
    def leaves(self, who: str, where: str, sure: int) -> None:
        """Leave a programme, seldom."""
        if sure == 7:
            self._do(CloseAccount, who, where, 0)

    @rule(who=_ANYBODY, where=_IN)
    def comes_back(self, who: str, where: str) -> None:
        """Reopen an account."""
        self._do(ReopenAccount, who, where, 0)

    @rule(back=st.booleans())
    def are_found_to_be_one(self, back: bool) -> None:
        """Merge the first two customers, in one direction or the other."""
        who, into = ("c1", "c2") if back else ("c2", "c1")
        for each in ("c1", "c2"):
            self.time_is_told(each)
        self._do(ReleaseAccount, who, None, 0, merge=who, into=into)
        if any(ledger.debt and ledger.lots for ledger in self._account(into).ledgers):
            self._do(ExpirePoints, into, None, 0)

    @rule(back=st.booleans())
    def are_two_after_all(self, back: bool) -> None:
        """Reverse the merge."""
        merged, survivor = ("c1", "c2") if back else ("c2", "c1")
        self._do(ReturnAccount, survivor, None, 0, merge=merged, to=merged)

    @invariant()
    def they_agree(self) -> None:
        """Compare every account in every programme, the stock of every reward, and the merges."""
        for who in _MEMBERS:
            _same(f"merge of {who}", self._account(who).merged_into, self.oracle.merged.get(who))
            for where in _PROGRAMMES:
                what = f"{who} in {where}"
                _agree(what, self._account(who).ledger(where), self.oracle.account(who, where))
        for where in _PROGRAMMES:
            taken = self.real.state(programme.AGGREGATE, where).taken
            for reward in ("spa", "pin"):
                _same(f"stock of {reward} in {where}", taken.get(reward, 0), self.oracle.out.get((where, reward), 0))

    def teardown(self) -> None:
        """Report the outcomes to Hypothesis."""
        for outcome in self.outcomes:
            note(outcome)

    def _account(self, who: str) -> loyalty.Account:
        account: loyalty.Account = self.real.state(loyalty.AGGREGATE, who)
        return account

    def _do(self, kind: Any, who: str, where: str | None, late: int, **fields: Any) -> None:
        in_programme = {} if where is None else {"programme": where}
        command = kind(customer=who, occurred_at=self.now - timedelta(days=late), **in_programme, **fields)
        expected = self._refusal_of(self.oracle.do, command)
        found = self._refusal_of(self._execute, command)
        _same(f"refusal of {command!r}", found, expected)
        if expected is not None:
            self.outcomes[f"refused: {expected}"] += 1
            return
        before = dict(self.real.states)
        self.real.execute(command)
        _same(f"a retry of {command!r}", self.real.states, before)

    def _execute(self, command: Command) -> None:
        self.outcomes.update(type(each).__name__ for each in self.real.execute(command))

    def _refusal_of(self, do: Any, command: Command) -> str | None:
        try:
            do(command)
        except Refused as no:
            return str(no)
        except CommandRefused as refusal:
            return refusal.code
        return None


def _agree(what: str, ledger: Ledger, oracle: SlowAccount) -> None:
    _same(f"lots of {what}", {name: lot.points for name, lot in ledger.lots.items()}, oracle.lots)
    ends = {name: None if until is None else to_micros(until) for name, until in oracle.ends.items()}
    _same(f"expiries of {what}", {name: lot.ends(ledger.lapses_at) for name, lot in ledger.lots.items()}, ends)
    pending = {coin.lot for coin in oracle.coins if coin.pending}
    _same(f"pending lots of {what}", {name for name, lot in ledger.lots.items() if lot.pending}, pending)
    _same(f"debt of {what}", ledger.debt, oracle.debt)
    _same(f"balance of {what}", ledger.balance, oracle.balance)
    _same(f"membership of {what}", ledger.enrolled_at is not None, oracle.joined is not None)
    if not ledger.released:  # what is left of a merged account says more, to nobody
        invited = oracle.invited
        came_of_it = None if ledger.invited is None else (ledger.invited.referral, ledger.invited.fulfilled)
        _same(f"invitation of {what}", came_of_it, None if invited is None else (invited.referral, invited.fulfilled))
        _same(f"rewarded referrals of {what}", ledger.rewarded, len(oracle.thanked))
        _same(f"closing of {what}", ledger.closed_at, None if oracle.closed is None else to_micros(oracle.closed))
    counted = {key.removeprefix("points/"): points for key, points in ledger.months.items() if points}
    _same(f"what counts of {what}", counted, oracle.qualifying)
    _same(f"tier of {what}", ledger.tier, oracle.tier)
    _same(f"grace of {what}", ledger.grace_until, None if oracle.grace is None else to_micros(oracle.grace))
    if oracle.tier is not None and oracle.tier_since is not None:
        _same(f"tier since of {what}", ledger.tier_since, to_micros(oracle.tier_since))
    coupons = {name: (coupon.reward, coupon.status) for name, coupon in ledger.coupons.items()}
    _same(f"rewards of {what}", coupons, {name: (each.reward, each.state) for name, each in oracle.coupons.items()})


def _same(what: str, found: object, expected: object) -> None:
    if found != expected:
        raise AssertionError(f"{what}: the accounts have {found!r}, the oracle {expected!r}")
