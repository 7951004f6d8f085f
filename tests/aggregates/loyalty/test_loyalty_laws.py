"""Laws of accounts that deal with each other, of several programmes, and of what is undone."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import msgspec
from hypothesis import assume, event, given
from hypothesis import strategies as st

from relations.aggregates.loyalty import (
    AdjustPoints,
    CloseAccount,
    CreditPurchase,
    EarningReversed,
    EarnPoints,
    EnrolMember,
    EvaluateTier,
    ExpirePoints,
    IssueReward,
    JoinClub,
    Ledger,
    PointsAdjusted,
    PointsEarned,
    PointsExpired,
    RedeemPoints,
    ReleaseAccount,
    ReopenAccount,
    ReturnAccount,
    ReverseEarning,
    ReverseRedemption,
    TransferPoints,
)
from relations.aggregates.programme import StockReturned
from relations.errors import CommandRefused
from relations.log.codec import Codec, decode_state, encode_state
from relations.messages import Command, Money
from relations.policies import Policy
from tests.aggregates.loyalty.test_loyalty_rules import DINING, TIERS, Town, at, policy

START = at("2024-01-01")
numbers = st.integers(1, 4)
days = st.integers(0, 500)
euros = st.integers(1, 120)
RULES: dict[str, Any] = {
    "tiers": TIERS,
    "rewards": [{"name": "night", "points": 30, "stock": 3, "days_valid": 20}],
    "clubs": ["wine"],
}
POLICIES = [
    policy(**RULES),
    policy(**RULES, pending_days=14, reversal_after_expiry="grace", downgrade_when="year_end"),
    policy(**RULES, expiry={"kind": "inactivity", "months_count": 4}, grace_days=20, downgrade_to="one_step"),
    policy(**RULES, expiry={"kind": "end_of_period", "period": "quarter"}, warning_days=30, months_to_expiry=2),
    policy(**RULES, refund_shortfall="recorded", downgrade_when="anniversary", warning_days=60),
]
LAPSING = policy(**RULES, expiry={"kind": "inactivity", "months_count": 3})
TIERED = [
    *POLICIES,
    policy(**RULES, downgrade_to="one_step", tier_window={"kind": "rolling_months", "months_count": 3}),
    policy(**RULES, downgrade_to="one_step", downgrade_when="year_end", tier_window={"kind": "calendar_year"}),
    policy(**RULES, downgrade_when="anniversary", grace_days=15, warning_days=30),
    policy(**RULES, tier_window={"kind": "lifetime"}),
]
KINDS: list[tuple[type[Command], dict[str, st.SearchStrategy[Any]]]] = [
    (CreditPurchase, {"purchase": numbers.map("p{}".format), "amount": euros.map(lambda n: Money(n * 100, "EUR"))}),
    (CreditPurchase, {"purchase": numbers.map("q{}".format), "amount": euros.map(lambda n: Money(n * 100, "EUR"))}),
    (EarnPoints, {"lot": numbers.map("b{}".format), "points": euros}),
    (RedeemPoints, {"redemption": numbers.map("x{}".format), "points": euros}),
    (ReverseRedemption, {"redemption": numbers.map("x{}".format)}),
    (
        ReverseEarning,
        {"refund": numbers.map("r{}".format), "purchase": numbers.map("p{}".format), "refunded": st.integers(1, 3),
         "bought": st.just(3)},
    ),
    (TransferPoints, {"transfer": numbers.map("t{}".format), "to": st.sampled_from(["c2", "c3"]), "points": euros}),
    (
        AdjustPoints,
        {"adjustment": numbers.map("a{}".format), "points": st.integers(-50, 50), "reason": st.just("goodwill"),
         "author": st.just("anna")},
    ),
    (ExpirePoints, {}),
    (EvaluateTier, {}),
    (IssueReward, {"coupon": numbers.map("k{}".format), "reward": st.just("night")}),
    (JoinClub, {"club": st.just("wine")}),
    (ReopenAccount, {}),
]  # fmt: skip


@st.composite
def commands(draw: st.DrawFn, /, *, size: int = 25, members: int = 2, **fields: Any) -> list[Command]:
    """Commands of a few members, in the order of time but for some that come late."""
    found, day = [], 0
    for _ in range(draw(st.integers(3, size))):
        kind, own = draw(st.sampled_from(KINDS))
        day += draw(st.sampled_from([0, 1, 5, 30]))
        late = draw(st.sampled_from([0, 0, 0, 50]))
        customer = f"c{draw(st.integers(1, members))}"
        if kind is TransferPoints and customer == "c2":
            customer = "c1"
        values = {name: draw(strategy) for name, strategy in own.items()}
        when = START + timedelta(days=max(0, day - late), hours=draw(st.integers(0, 23)))
        found.append(kind(customer=customer, occurred_at=when, **values, **fields))
    return found


def lived(rules: Policy, history: list[Command], *members: str) -> Town:
    town = Town(rules).join(*(members or ("c1", "c2")))
    for command in history:
        attempt(town, command)
    return town


def attempt(town: Town, command: Command) -> list[Any]:
    try:
        return town.send(command)
    except CommandRefused:
        return []


def end_of(history: list[Command]) -> Any:
    return max((command.occurred_at for command in history), default=START)


# --- what moves between accounts ------------------------------------------------------------------------------------


@given(st.sampled_from(POLICIES), commands())
def test_points_are_neither_made_nor_lost_between_members(rules: Policy, history: list[Command]) -> None:
    town, total, seen = Town(rules).join("c1", "c2"), 0, 0
    for command in history:
        for happened in attempt(town, command):
            match happened:
                case PointsEarned():
                    total += happened.points
                case PointsAdjusted():
                    total += happened.points
                case PointsExpired():
                    total -= happened.points
                case _:
                    total += _spent(happened)
            seen += 1
        ledgers = [ledger for state in town.states.values() for ledger in getattr(state, "ledgers", ())]
        assert sum(ledger.balance for ledger in ledgers) == total
        for ledger in ledgers:
            check(ledger)
    event(f"{min(seen // 10, 4) * 10} events or more")


def _spent(happened: Any) -> int:
    """The points that leave, or return to, the members together."""
    name = type(happened).__name__
    if name == "PointsRedeemed":
        return -int(happened.points)
    if name == "RedemptionReversed":
        return int(happened.points)
    if name == "EarningReversed":
        return -int(happened.points)
    return -int(happened.points) if name == "DebtIncurred" else 0


def check(ledger: Ledger) -> None:
    assert ledger.balance == sum(lot.points for lot in ledger.lots.values()) - ledger.debt
    assert all(lot.points > 0 for lot in ledger.lots.values())
    assert ledger.debt >= 0
    assert ledger.qualified == sum(ledger.months.values())
    for earning in ledger.earnings.values():
        assert 0 <= earning.reversed <= earning.points
        assert 0 <= earning.reversed_qualifying <= earning.qualifying
        assert 0 <= earning.forgone <= earning.expired


# --- undone ---------------------------------------------------------------------------------------------------------


@given(st.sampled_from([*POLICIES, LAPSING, LAPSING]), commands(members=1), euros, st.integers(0, 45))
def test_redeeming_and_reversing_changes_nothing_while_nothing_expired(
    rules: Policy, history: list[Command], points: int, later: int
) -> None:
    """Beside a life without it: nothing differs but that the redemption is known.

    What is undone was no activity either, so that what lapses with inactivity does so at the same moment.
    """
    town, without = lived(rules, history), lived(rules, history)
    now = end_of(history)
    then = now + timedelta(days=later)
    bought = CreditPurchase(customer="c1", purchase="enough", amount=Money(12_000, "EUR"), occurred_at=now)
    for each in (town, without):
        attempt(each, bought)
    if not attempt(town, RedeemPoints(customer="c1", redemption="mistake", points=points, occurred_at=now)):
        event("too few points")
        return
    expired = attempt(without, ExpirePoints(customer="c1", occurred_at=then))
    assume(not any(isinstance(each, PointsExpired) for each in expired))
    attempt(town, ReverseRedemption(customer="c1", redemption="mistake", occurred_at=then))
    after, other = town["c1"].ledger(), without["c1"].ledger()
    assert after.redemptions["mistake"].reversed
    known = {name: getattr(other, name) for name in ("redemptions", "redeemed_at", "missed_before")}
    assert msgspec.structs.replace(after, **known) == other
    event("redeemed and reversed" if other.lapses_at is None else "redeemed and reversed, lapsing with inactivity")


@given(commands(members=1), euros, st.integers(0, 60))
def test_a_purchase_given_back_puts_off_no_expiry(history: list[Command], bought: int, later: int) -> None:
    """Beside a life without it: bought and refunded within the members' patience, it leaves the lapse as it was."""
    town, without = lived(LAPSING, history), lived(LAPSING, history)
    now = end_of(history)
    then = now + timedelta(days=later)
    for each in (town, without):
        attempt(each, ExpirePoints(customer="c1", occurred_at=now))
    assume(town["c1"].ledger().earnings)
    some: dict[str, Any] = {"customer": "c1", "purchase": "never"}
    attempt(town, CreditPurchase(amount=Money(bought * 100, "EUR"), occurred_at=now, **some))
    attempt(town, ReverseEarning(refund="all", refunded=1, bought=1, occurred_at=then, **some))
    for each in (town, without):
        attempt(each, ExpirePoints(customer="c1", occurred_at=then))
    ledger, other = town["c1"].ledger(), without["c1"].ledger()
    assert ledger.balance == other.balance
    if other.lapses_at is not None and ledger.lots and any(lot.lapsing for lot in ledger.lots.values()):
        assert ledger.lapses_at == other.lapses_at
        event("something lapses")


EVEN = [{**tier, "multiplier": 1} for tier in TIERS]
NEVER_EXPIRING = [
    policy(**{**RULES, "tiers": EVEN, "months_to_expiry": None}, **more)
    for more in (
        {},
        {"tier_window": {"kind": "rolling_months", "months_count": 2}},
        {"tier_window": {"kind": "calendar_year"}},
        {"downgrade_to": "one_step", "pending_days": 14},
        {"refund_shortfall": "recorded"},
        {"downgrade_when": "year_end", "grace_days": 10},
    )
]


@given(st.sampled_from(NEVER_EXPIRING), commands(members=1), st.sampled_from([5, 40, 110, 320]))
def test_a_purchase_refunded_in_full_is_as_if_it_had_never_been_whatever_was_spent_between(
    rules: Policy, history: list[Command], bought: int
) -> None:
    """Beside a life without the purchase. What only the one or the other could do is done by neither."""
    # Without expiry, so that what was spent in between is spent from the same points' worth on either side.
    town, without = Town(rules).join("c1"), Town(rules).join("c1")
    some: dict[str, Any] = {"customer": "c1", "purchase": "never"}
    town.send(CreditPurchase(amount=Money(bought * 100, "EUR"), occurred_at=START, **some))
    done = 0
    for command in history:
        before = town.states, without.states
        outcomes = [bool(attempt(each, command)) for each in (town, without)]
        if outcomes[0] != outcomes[1]:
            town.states, without.states = before
        done += all(outcomes)
    moment = end_of(history) + timedelta(days=30)
    town.send(ReverseEarning(refund="all", refunded=7, bought=7, occurred_at=moment, **some))
    for each in (town, without):
        attempt(each, ExpirePoints(customer="c1", occurred_at=moment))
    ledger, other = town["c1"].ledger(), without["c1"].ledger()
    assert (kept(ledger), ledger.debt, ledger.qualified) == (kept(other), other.debt, other.qualified)
    counted = [{month: points for month, points in each.months.items() if points} for each in (ledger, other)]
    assert counted[0] == counted[1]
    programme = rules.programme
    if programme.terms.monthly and programme.downgrade_to == "earned":
        assert ledger.tier == other.tier
    event(f"{min(done // 5, 2) * 5} commands or more done by both, " + ("in debt" if ledger.debt else "not in debt"))


def kept(ledger: Ledger) -> int:
    """The points there are, less those that refunds found missing and nobody owes."""
    return ledger.balance - ledger.shortfall


@given(
    st.sampled_from(NEVER_EXPIRING),
    commands(members=1),
    st.lists(st.integers(1, 60), min_size=1, max_size=4),
    st.lists(st.integers(1, 120), min_size=1, max_size=3),
    st.lists(st.integers(1, 5), min_size=1, max_size=3),
)
def test_purchases_refunded_and_what_was_spent_of_them_undone_are_as_if_neither_had_ever_been(
    rules: Policy, history: list[Command], bought: list[int], spent: list[int], parts: list[int]
) -> None:
    """Whatever the policy says of a shortfall: what was spent is back, and what was earned is taken back."""
    town, without = lived(rules, history, "c1"), lived(rules, history, "c1")
    now, then = end_of(history), end_of(history) + timedelta(days=30)
    for number, euro in enumerate(bought):
        amount = Money(euro * 100, "EUR")
        attempt(town, CreditPurchase(customer="c1", purchase=f"never{number}", amount=amount, occurred_at=now))
    redeem = {f"mistake{number}": points for number, points in enumerate(spent)}
    for name, points in redeem.items():
        attempt(town, RedeemPoints(customer="c1", redemption=name, points=points, occurred_at=then))
    for number in range(len(bought)):
        for part in range(1, len(parts) + 1):
            some = {"purchase": f"never{number}", "refunded": sum(parts[:part]), "bought": sum(parts)}
            attempt(town, ReverseEarning(customer="c1", refund=f"{number}-{part}", occurred_at=then, **some))
    missed = town["c1"].ledger().shortfall
    for name in redeem:
        attempt(town, ReverseRedemption(customer="c1", redemption=name, occurred_at=then))
    attempt(without, ExpirePoints(customer="c1", occurred_at=then))
    ledger, other = town["c1"].ledger(), without["c1"].ledger()
    assert (kept(ledger), ledger.debt) == (kept(other), other.debt)
    if not other.shortfall:
        assert ledger.balance == other.balance
    event("recorded as a shortfall" if missed > other.shortfall else "nothing was missing, or it was owed")


@given(
    st.sampled_from(TIERED),
    commands(members=1),
    st.lists(st.integers(1, 60), min_size=2, max_size=4),
    st.sampled_from([90, 120, 310, 600]),
    days,
)
def test_a_refund_in_parts_costs_what_the_whole_costs_the_tier_too(
    rules: Policy, history: list[Command], parts: list[int], bought: int, later: int
) -> None:
    town = Town(rules).join("c1")
    some: dict[str, Any] = {"customer": "c1", "purchase": "whole"}
    town.send(CreditPurchase(amount=Money(bought * 100, "EUR"), occurred_at=START, **some))
    for command in history:
        attempt(town, command)
    moment = end_of(history) + timedelta(days=later)
    attempt(town, ExpirePoints(customer="c1", occurred_at=moment))
    had, split = town["c1"].tier, Town(rules)
    split.states = town.states
    some = {"bought": sum(parts), "occurred_at": moment, **some}
    attempt(town, ReverseEarning(refund="all", refunded=sum(parts), **some))
    for number in range(1, len(parts) + 1):
        attempt(split, ReverseEarning(refund=f"part{number}", refunded=sum(parts[:number]), **some))
    one, other = (each["c1"].ledger() for each in (town, split))
    assert (one.tier, one.grace_until, one.months) == (other.tier, other.grace_until, other.months)
    assert (one.lots, one.debt) == (other.lots, other.debt)
    event("costs the tier" if one.tier != had else "costs no tier")


@given(st.sampled_from(POLICIES), commands(size=30))
def test_a_merge_undone_with_nothing_between_changes_nothing(rules: Policy, history: list[Command]) -> None:
    town = lived(rules, history)
    now = end_of(history)
    for name in ("c1", "c2"):
        attempt(town, ExpirePoints(customer=name, occurred_at=now))
    before = {name: town.states[name] for name in ("loyalty-c1", "loyalty-c2")}
    assert town.send(ReleaseAccount(customer="c2", merge="m", into="c1", occurred_at=now))
    together = town["c1"].ledger()
    check(together)
    assert together.balance == sum(state.ledger().balance for state in before.values())
    assert together.qualified == sum(state.ledger().qualified for state in before.values())
    for state in town.states.values():
        assert decode_state(encode_state(state), type(state)) == state
    assert town.send(ReturnAccount(customer="c1", merge="m", to="c2", occurred_at=now))
    assert {name: town.states[name] for name in before} == before
    event("both have points" if all(state.ledger().lots for state in before.values()) else "one has none")


@given(st.sampled_from(POLICIES), commands(), commands(size=15))
def test_a_merge_undone_after_something_happened_loses_no_point(
    rules: Policy, history: list[Command], since: list[Command]
) -> None:
    town = lived(rules, history)
    now = end_of(history)
    town.send(ReleaseAccount(customer="c2", merge="m", into="c1", occurred_at=now))
    for command in since:
        attempt(town, command)
    together = sum(town[name].ledger().balance for name in ("c1", "c2"))
    town.send(ReturnAccount(customer="c1", merge="m", to="c2", occurred_at=now))
    assert sum(town[name].ledger().balance for name in ("c1", "c2")) == together
    for name in ("c1", "c2"):
        check(town[name].ledger())
    assert town["c2"].merged_into is None
    assert not [lot for lot in town["c1"].lots if lot.startswith("merged/c2/")]


# --- several programmes ---------------------------------------------------------------------------------------------


@given(commands(members=1), st.lists(st.sampled_from([None, "main", "dining"]), min_size=25, max_size=25))
def test_two_programmes_never_mix(history: list[Command], programmes: list[str | None]) -> None:
    """Each ledger is what it were if there had been no other."""
    both = policy(**RULES, more=[DINING])
    alone = {"main": policy(**RULES), "dining": policy(**DINING)}
    wanted = [
        command.model_copy(update={"programme": programme})
        for command, programme in zip(history, programmes, strict=False)
        if not isinstance(command, TransferPoints)
    ]
    town = Town(both).join("c1")
    town.do(EnrolMember, "2024-01-01", "c1", programme="dining")
    for command in wanted:
        attempt(town, command)
    for programme, rules in alone.items():
        single = Town(rules)
        single.do(EnrolMember, "2024-01-01", "c1", programme=programme)
        for command in wanted:
            named = getattr(command, "programme", None)
            every = isinstance(command, CreditPurchase | ReverseEarning | ExpirePoints | EvaluateTier)
            if named == programme or (named is None and (every or programme == "main")):
                attempt(single, command)
        assert single["c1"].ledger(programme) == town["c1"].ledger(programme)
    event("both have points" if all(ledger.lots for ledger in town["c1"].ledgers) else "one has none")


# --- time -----------------------------------------------------------------------------------------------------------


@given(
    st.sampled_from(TIERED),
    commands(members=1),
    st.lists(st.tuples(days, st.sampled_from([ExpirePoints, EvaluateTier])), min_size=1, max_size=6),
)
def test_the_tiers_and_lots_of_an_account_told_the_time_once_are_as_if_told_often(
    rules: Policy, history: list[Command], moments: list[tuple[int, type[Command]]]
) -> None:
    """Whatever it is told it by: of lots, or of tiers. Three years on, what was bought once has had its effects."""
    town = Town(rules).join("c1")
    large = CreditPurchase(customer="c1", purchase="large", amount=Money(31_000, "EUR"), occurred_at=START)
    for command in (large, *history):
        attempt(town, command)
    start = end_of(history)
    last = start + timedelta(days=3 * 366)
    stepwise = Town(rules)
    stepwise.states = dict(town.states)
    often: list[Any] = []
    for moment, kind in sorted(moments, key=lambda each: each[0]):
        often += stepwise.send(kind.model_validate({"customer": "c1", "occurred_at": start + timedelta(days=moment)}))
    once: list[Any] = []
    for kind in (ExpirePoints, EvaluateTier):
        told = kind.model_validate({"customer": "c1", "occurred_at": last})
        often += stepwise.send(told)
        once += town.send(told)
    assert town.states == stepwise.states  # the stock of rewards, too, which is told at once or step by step
    assert [each for each in once if not isinstance(each, StockReturned)] == [
        each for each in often if not isinstance(each, StockReturned)
    ]
    had = stepwise["c1"].ledger()
    if rules.programme.tier_window.kind != "lifetime":
        assert had.tier == "member"
        assert once, "nothing was bought for three years, and nothing came of it"
    for name in {type(each).__name__ for each in once}:
        event(name)


@given(
    st.sampled_from(TIERED),
    st.sampled_from(["down", "up", "half_even"]),
    commands(members=1),
    st.lists(st.tuples(st.sampled_from(["p1", "p2"]), st.integers(1, 3)), min_size=1, max_size=5),
    st.data(),
)
def test_no_more_is_taken_back_than_was_earned_by_purchase_and_by_refund(
    rules: Policy, rounding: str, history: list[Command], refunds: list[tuple[str, int]], data: st.DataObject
) -> None:
    """Told from the events alone: over all refunds of a purchase, and by each refund no more than its own share."""
    programme = rules.programme.model_copy(update={"rounding": rounding})
    town = Town(rules.model_copy(update={"programme": programme})).join("c1")
    history = [
        *(
            CreditPurchase(customer="c1", purchase=name, amount=Money(cents, "EUR"), occurred_at=START)
            for name, cents in (("p1", 7_700), ("p2", 1_100))
        ),
        *history,
        *(
            ReverseEarning(
                customer="c1", purchase=name, refund="r0", refunded=part, bought=3, occurred_at=end_of(history)
            )
            for name, part in refunds
        ),
    ]
    earned, taken, counted, by_refund = {}, Counter[str](), Counter[str](), Counter[tuple[str, str]]()
    running: dict[str, int] = {}
    for command in history:
        told = command
        if isinstance(command, ReverseEarning):
            which = {"purchase": data.draw(st.sampled_from(["p1", "p2"]))}
            told = command.model_copy(update={**which, "refund": f"r{data.draw(st.integers(1, 9))}"})
        for happened in attempt(town, told):
            match happened:
                case PointsEarned():
                    earned[happened.lot] = happened
                case EarningReversed():
                    assert isinstance(told, ReverseEarning)
                    lot = f"purchase/{happened.purchase}"
                    part, of = told.refunded, told.bought
                    points = happened.points + happened.expired + happened.shortfall
                    assert points + happened.qualifying > 0
                    assert happened.points == sum(share.points for share in happened.lots)
                    taken[lot] += points
                    counted[lot] += happened.qualifying
                    by_refund[happened.refund, lot] += 1
                    assert taken[lot] <= earned[lot].points
                    assert counted[lot] <= earned[lot].qualifying
                    # The running total at this refund, less what was taken before it: no refund takes a later one's.
                    before = running.get(lot, 0)
                    assert part > before
                    assert taken[lot] <= -(-earned[lot].points * part // of)
                    running[lot] = part
    assert set(by_refund.values()) <= {1}
    event(f"{min(len(by_refund), 3)} refunds or more")


@given(st.sampled_from(POLICIES), commands(size=30))
def test_every_state_survives_a_snapshot_and_every_event_its_bytes(rules: Policy, history: list[Command]) -> None:
    town = Town(rules).join("c1", "c2")
    happened = [each for command in history for each in attempt(town, command)]
    happened += attempt(town, CloseAccount(customer="c2", occurred_at=end_of(history)))
    happened += attempt(town, ReleaseAccount(customer="c2", merge="m", into="c1", occurred_at=end_of(history)))
    assume(happened)
    codec = Codec({type(each) for each in happened})
    for each in happened:
        assert codec.decode(each.topic, each.schema, codec.encode(each)) == each
    for state in town.states.values():
        assert decode_state(encode_state(state), type(state)) == state
