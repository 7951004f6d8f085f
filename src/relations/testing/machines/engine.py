"""State machines for Hypothesis: rules and an oracle side by side, whatever comes.

    class TestMyLedger(LedgerMachine.TestCase):
        settings = settings(max_examples=500)

Subclass `LedgerMachine` to give it programmes of your own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from hypothesis import event as note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from relations.aggregates.loyalty import (
    AGGREGATE,
    AdjustPoints,
    CloseAccount,
    CreditPurchase,
    EarnPoints,
    EnrolMember,
    EvaluateTier,
    ExpirePoints,
    LoyaltyCommand,
    MovedLot,
    ReceivePoints,
    RedeemPoints,
    ReopenAccount,
    RestoreEarning,
    ReverseEarning,
    ReverseRedemption,
    TransferPoints,
)
from relations.decider import due_before, fold
from relations.errors import CommandRefused
from relations.messages import Event, Money, Tender, to_micros
from relations.policies import Policy
from relations.policies.in_force import InForce
from relations.testing.oracle.coins import Refused
from relations.testing.oracle.ledger import SlowLedger

__all__ = ["LedgerMachine"]

_START = datetime(2024, 1, 10, 9, tzinfo=UTC)
_DAY = 86_400_000_000
_NUMBERS = st.integers(1, 8)
_LATE = st.sampled_from((0, 0, 0, 1, 40))
_MONEYS = st.builds(Money, st.integers(0, 3_000), st.sampled_from(("EUR", "EUR", "JPY"))) | st.builds(
    Money, st.integers(0, 30_000), st.just("KWD")
)


def _policies() -> tuple[Policy, ...]:
    def policy(**values: Any) -> Policy:
        rules = {"rates": {"EUR": "0.7", "JPY": "0.01", "KWD": "0.9"}, "tiers": (), **values}
        if "expiry" not in values:
            rules.setdefault("months_to_expiry", 2)
        return Policy.model_validate({"zone": "Europe/Vienna", "programme": rules})

    def tiered(**values: Any) -> Policy:
        base, silver, gold = (
            {"name": "member", "threshold": 0},
            {"name": "silver", "threshold": 12, "multiplier": "1.5"},
            {"name": "gold", "threshold": 30, "multiplier": 2},
        )
        return policy(tiers=[base, silver, gold], **values)

    return (
        policy(),
        policy(pending_days=10, rounding="half_up", category_factors={"spa": 2, "gift": 0}),
        policy(refund_shortfall="recorded", reversal_after_expiry="grace", rounding="up"),
        policy(expiry={"kind": "end_of_period", "period": "quarter"}, pending_days=3, rounding="half_even"),
        policy(expiry={"kind": "inactivity", "months_count": 1}, reversal_after_expiry="grace", reversal_grace_days=5),
        policy(expiry={"kind": "inactivity", "months_count": 2, "latest_months_count": 3}),
        policy(expiry={"kind": "end_of_period", "period": "year", "latest_months_count": 2}),
        policy(adjustment_max=20, authority={"head": 60}, months_to_expiry=None),
        policy(campaigns=[{"id": "spring", "starts": "2024-02-01", "ends": "2024-06-01", "multiplier": "1.5"}]),
        policy(reversal_after_expiry="grace", reversal_grace_days=20, months_to_expiry=1),
        tiered(tier_window={"kind": "rolling_months", "months_count": 2}, downgrade_to="one_step"),
        tiered(tier_window={"kind": "rolling_months", "months_count": 3}, grace_days=20, warning_days=30),
        tiered(tier_window={"kind": "calendar_year"}, warning_days=45),
        tiered(downgrade_when="year_end", tier_window={"kind": "calendar_year"}, downgrade_to="one_step"),
        tiered(downgrade_when="year_end", grace_days=31, tier_window={"kind": "rolling_months", "months_count": 6}),
        tiered(downgrade_when="anniversary", grace_days=10, warning_days=15),
        tiered(downgrade_when="anniversary", tier_window={"kind": "lifetime"}, rounding="half_up"),
    )


class LedgerMachine(RuleBasedStateMachine):
    """An account and `SlowLedger`, given the same commands in the order in which they come, some of them late.

    Attributes:
        policies: One of them is drawn for each example.
    """

    policies: ClassVar[Sequence[Policy]] = _policies()

    def __init__(self) -> None:
        super().__init__()
        self.policy = self.policies[0]
        self.account = AGGREGATE.decider.initial
        self.oracle = SlowLedger(self.policy)
        self.now = _START
        self.outcomes: Counter[str] = Counter()

    @initialize(choice=st.integers(0, 10**6), joins=st.integers(0, 9))
    def begin(self, choice: int, joins: int) -> None:
        """Draw the rules; mostly the customer joins at once."""
        self.policy = self.policies[choice % len(self.policies)]
        self.oracle = SlowLedger(self.policy)
        if joins:
            self._do(EnrolMember, 0)

    @rule(days=st.sampled_from((0, 0, 1, 7, 30, 75, 300)), hours=st.integers(0, 23))
    def time_passes(self, days: int, hours: int) -> None:
        """Time passes without a command."""
        self.now += timedelta(days=days, hours=hours)

    @rule(late=_LATE)
    def time_is_told(self, late: int) -> None:
        """Advance the time of the account, now and then late."""
        self._do(ExpirePoints, late)

    @rule(
        number=_NUMBERS,
        amount=_MONEYS,
        category=st.sampled_from((None, "spa", "gift")),
        sevenths=st.sampled_from((0, 0, 0, 2, 7)),
        late=_LATE,
    )
    def buys(self, number: int, amount: Money, category: str | None, sevenths: int, late: int) -> None:
        """Credit a purchase, possibly paid in part with points."""
        paid = Money(amount.amount * sevenths // 7, amount.currency)
        tenders = (Tender("points", paid),) if paid.amount else ()
        self._do(CreditPurchase, late, purchase=f"p{number}", amount=amount, category=category, tenders=tenders)

    @rule(
        number=_NUMBERS,
        points=st.integers(1, 25),
        reason=st.sampled_from(("bonus", "remedy")),
        author=st.sampled_from(("anna", "anna", None)),
        late=_LATE,
    )
    def is_given(self, number: int, points: int, reason: str, author: str | None, late: int) -> None:
        """Credit a bonus or a remedy."""
        self._do(EarnPoints, late, lot=f"b{number}", points=points, reason=reason, author=author)

    @rule(number=_NUMBERS, points=st.integers(1, 30), late=_LATE)
    def redeems(self, number: int, points: int, late: int) -> None:
        """Redeem points, sometimes more than the account has."""
        self._do(RedeemPoints, late, redemption=f"x{number}", points=points)

    @rule(number=st.integers(1, 8), points=st.integers(1, 3), late=_LATE)
    def redeems_a_little(self, number: int, points: int, late: int) -> None:
        """Redeem few points, so that several redemptions share a lot."""
        self._do(RedeemPoints, late, redemption=f"x{number}", points=points)

    @rule(late=_LATE)
    def is_looked_at(self, late: int) -> None:
        """Evaluate the tier by hand."""
        self._do(EvaluateTier, late)

    @rule(number=_NUMBERS, late=_LATE)
    def undoes(self, number: int, late: int) -> None:
        """Reverse a redemption."""
        self._do(ReverseRedemption, late, redemption=f"x{number}")

    @rule(number=_NUMBERS, refund=st.integers(1, 9), part=st.integers(0, 8), late=_LATE)
    def gives_back(self, number: int, refund: int, part: int, late: int) -> None:
        """Refund this many sevenths; eight are refused."""
        self._do(ReverseEarning, late, refund=f"r{refund}", purchase=f"p{number}", refunded=part, bought=7)

    @rule(number=_NUMBERS, refund=st.integers(1, 9), part=st.integers(0, 8), late=_LATE)
    def is_given_again(self, number: int, refund: int, part: int, late: int) -> None:
        """Reverse a refund; this many sevenths stay refunded."""
        self._do(RestoreEarning, late, refund=f"r{refund}", purchase=f"p{number}", refunded=part, bought=7)

    @rule(number=_NUMBERS, points=st.integers(1, 30), late=_LATE)
    def sends(self, number: int, points: int, late: int) -> None:
        """Transfer points to another member."""
        self._do(TransferPoints, late, transfer=f"t{number}", to="other", points=points)

    @rule(number=_NUMBERS, points=st.integers(-30, 30), role=st.sampled_from((None, "head")), late=_LATE)
    def is_adjusted(self, number: int, points: int, role: str | None, late: int) -> None:
        """Adjust points by hand."""
        self._do(
            AdjustPoints, late, adjustment=f"a{number}", points=points, reason="goodwill", author="anna", role=role
        )

    @rule(sure=st.integers(0, 50))
    def leaves(self, sure: int) -> None:
        """Leave the programme, seldom."""
        if sure in (17, 31):
            self._do(CloseAccount, 0)

    @rule(late=_LATE)
    def comes_back(self, late: int) -> None:
        """Reopen the account, empty; the command is sometimes dated before the closing."""
        self._do(ReopenAccount, late)

    @rule(number=_NUMBERS, points=st.integers(1, 30), lasts=st.sampled_from((None, 1, 20, 90)), late=_LATE)
    def is_sent(self, number: int, points: int, lasts: int | None, late: int) -> None:
        """Receive another member's points, which may expire soon but have not expired yet."""
        then = to_micros(self.now)
        until = None if lasts is None else then + lasts * _DAY
        lots = (MovedLot("l", points, then - 9 * _DAY, until, then - 9 * _DAY),)
        self._do(ReceivePoints, late, transfer=f"s{number}", source="other", lots=lots)

    @invariant()
    def they_agree(self) -> None:
        """Compare every lot with its expiry, the debt and so the balance, and the tier with its dates."""
        ledger, oracle = self.account.ledger(), self.oracle
        _same("lots", {name: lot.points for name, lot in ledger.lots.items()}, oracle.lots)
        pending = {coin.lot for coin in oracle.coins if coin.pending}
        ends = {name: lot.ends(ledger.lapses_at) for name, lot in ledger.lots.items()}
        _same(
            "expiries", ends, {name: None if until is None else to_micros(until) for name, until in oracle.ends.items()}
        )
        _same("pending lots", {name for name, lot in ledger.lots.items() if lot.pending}, pending)
        _same("debt", ledger.debt, oracle.debt)
        _same("balance", ledger.balance, oracle.balance)
        _same("membership", ledger.enrolled_at is not None, oracle.joined is not None)
        ends = {coin.lot: None if coin.until is None else to_micros(coin.until) for coin in oracle.coins}
        _same("expiries", {name: lot.expires_at for name, lot in ledger.lots.items()}, ends)
        _same("tier", ledger.tier, oracle.tier)
        _same("grace", ledger.grace_until, None if oracle.grace is None else to_micros(oracle.grace))
        if oracle.tier_since is not None:
            _same("tier since", ledger.tier_since, to_micros(oracle.tier_since))
        _same("points next to a debt", bool(ledger.debt and ledger.lots), False)

    def teardown(self) -> None:
        """Report what this history contained."""
        for outcome in self.outcomes:
            note(outcome)

    def _do(self, kind: type[LoyaltyCommand], late: int, **fields: Any) -> None:
        command = kind(customer="c1", occurred_at=self.now - timedelta(days=late), **fields)
        refused: str | None = None
        try:
            self.oracle.do(command)
        except Refused as no:
            refused = str(no)
        before = self.account
        passed = list(self._time_passes(command))
        events, refusal = self._decide(command)
        if refusal is not None:
            self.account = before
        else:
            events = [*passed, *events]
        _same(f"refusal of {kind.__name__} ({refusal})", None if refusal is None else refusal.code, refused)
        self.account = fold(AGGREGATE.decider, events, before)
        self.outcomes.update(type(each).__name__ for each in events)
        if refused is not None:
            self.outcomes[f"refused: {refused}"] += 1
            return
        _same("a retry", self._decide(command)[0], [])
        if not late and not list(self._time_passes(command)):
            self._who_is_to_lose_a_tier_is_warned()

    def _time_passes(self, command: LoyaltyCommand) -> Iterator[Event]:
        for _due, before, events in due_before(AGGREGATE, self.account, command, InForce([self.policy])):
            self.account = fold(AGGREGATE.decider, events, before)
            yield from events

    def _who_is_to_lose_a_tier_is_warned(self) -> None:
        days, losing_at = self.policy.programme.warning_days, self.oracle.loses_at(self.now)
        if days is None or losing_at is None or self.oracle.grace is not None:
            return
        if losing_at - timedelta(days=days - 1) <= self.now:
            _same("warned of", self.account.ledger().warned, to_micros(losing_at))
            self.outcomes["warned and about to lose"] += 1

    def _decide(self, command: LoyaltyCommand) -> tuple[list[Event], CommandRefused | None]:
        try:
            return AGGREGATE.decider.decide(self.account, command, self.policy), None
        except CommandRefused as refusal:
            return [], refusal


def _same(what: str, found: object, expected: object) -> None:
    if found != expected:
        raise AssertionError(f"{what}: the account has {found!r}, the oracle {expected!r}")
