"""Laws of a member's account, over any history: with late arrivals, retries, refunds in parts and changes of policy.

`Purse` is an oracle that shares no code with the aggregate: it holds every point as a coin of its own, and looks for
the next coin to spend by asking every coin about every other.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, get_type_hints
from zoneinfo import ZoneInfo

import msgspec
from hypothesis import assume, event, given
from hypothesis import strategies as st

from relations.aggregates.loyalty import (
    AGGREGATE,
    Account,
    CreditPurchase,
    DebtIncurred,
    DebtRepaid,
    EarningReversed,
    EarnPoints,
    EnrolMember,
    EvaluateTier,
    ExpirePoints,
    GracedLot,
    Holdings,
    Lot,
    LotShare,
    LoyaltyCommand,
    Membership,
    MovedLot,
    PointsEarned,
    PointsExpired,
    PointsRedeemed,
    RedeemPoints,
    RestoredLot,
    ReverseEarning,
    TierLost,
    TierReached,
    TierStanding,
    VoidedReward,
)
from relations.decider import due_before, fold
from relations.errors import CommandRefused
from relations.messages import Event, Money, Tender, from_micros, to_micros
from relations.policies import Policy, Programme
from relations.policies.in_force import InForce

DECIDER = AGGREGATE.decider
START = from_micros(1_704_067_200_000_000)  # 2024-01-01


def policy(**values: Any) -> Policy:
    tiers = [
        {"name": "member", "threshold": 0},
        {"name": "silver", "threshold": 60, "multiplier": "1.5"},
        {"name": "gold", "threshold": 150, "multiplier": 2},
    ]
    base = {"rates": {"EUR": "0.7", "JPY": "0.01", "KWD": 3}, "months_to_expiry": 2, "tiers": tiers}
    return Policy(zone="Europe/Vienna", programme=Programme.model_validate({**base, **values}))


POLICIES = [
    policy(tier_window={"kind": "rolling_months", "months_count": 2}),
    policy(rounding="up", tier_window={"kind": "calendar_year"}, months_to_expiry=None),
    policy(rounding="half_even", tier_window={"kind": "lifetime"}, refund_shortfall="recorded"),
    policy(rounding="half_up", tier_window={"kind": "rolling_months", "months_count": 3}, tiers=[]),
]

# --- histories ------------------------------------------------------------------------------------------------------

times = st.integers(0, 400 * 4).map(lambda quarter: START + timedelta(hours=6 * quarter))
numbers = st.integers(1, 6)
moneys = st.one_of(
    st.builds(Money, st.integers(0, 6_000), st.just("EUR")),
    st.builds(Money, st.integers(0, 6_000), st.just("JPY")),
    st.builds(Money, st.integers(0, 30_000), st.just("KWD")),
    st.builds(Money, st.integers(0, 6_000), st.just("SEK")),
)
earning = st.one_of(
    st.builds(Money, st.integers(200, 6_000), st.just("EUR")),
    st.builds(Money, st.integers(400, 30_000), st.just("KWD")),
)


def _refund(number: int, purchase: int, part: int, at: Any) -> ReverseEarning:
    # The bought amount is the same for every refund of a purchase, as it is in a customer's history.
    return ReverseEarning(
        customer="c", refund=f"r{number}", purchase=f"p{purchase}", refunded=part, bought=7, occurred_at=at
    )


commands: st.SearchStrategy[LoyaltyCommand] = st.one_of(
    st.builds(
        CreditPurchase, customer=st.just("c"), purchase=numbers.map("p{}".format), amount=moneys, occurred_at=times
    ),
    st.builds(
        EarnPoints, customer=st.just("c"), lot=numbers.map("b{}".format), points=st.integers(1, 30), occurred_at=times
    ),
    st.builds(
        RedeemPoints,
        customer=st.just("c"),
        redemption=st.integers(1, 12).map("x{}".format),
        points=st.integers(1, 40),
        occurred_at=times,
    ),
    st.builds(_refund, st.integers(1, 20), numbers, st.integers(0, 8), times),
    st.builds(ExpirePoints, customer=st.just("c"), occurred_at=times),
    st.builds(EvaluateTier, customer=st.just("c"), occurred_at=times),
    st.builds(EnrolMember, customer=st.just("c"), occurred_at=times),
)
steps = st.tuples(commands, st.sampled_from(POLICIES))


def busy(seed: int, size: int) -> list[LoyaltyCommand]:
    """A history as a busy member's is: much earned, much spent, mostly in the order of time and now and then late."""
    chance = random.Random(seed)
    found: list[LoyaltyCommand] = []
    for number in range(size):
        # An eighth of the commands come late, by up to four months.
        hours = 48 * number - (chance.randrange(2_880) if chance.randrange(8) == 0 else 0)
        at = START + timedelta(hours=max(hours, 0))
        purchase = f"p{max(number // 2 - chance.randrange(20), 0)}"
        some: Any = {"customer": "c", "occurred_at": at}
        money = Money(chance.randrange(3_000), chance.choice(["EUR", "EUR", "KWD"]))
        kinds: list[LoyaltyCommand] = [
            CreditPurchase(purchase=f"p{number // 2}", amount=money, **some),
            EarnPoints(lot=f"b{chance.randrange(size)}", points=chance.randint(1, 30), **some),
            RedeemPoints(redemption=f"x{number}", points=chance.choice([5, 10, 20, 40]), **some),
            ReverseEarning(
                refund=f"r{number}", purchase=purchase, refunded=chance.choice([2, 5, 7, 7]), bought=7, **some
            ),
            ExpirePoints(**some),
            EvaluateTier(**some),
        ]
        found += chance.choices(kinds, weights=[6, 1, 7, 4, 1, 1])
    return found


@st.composite
def histories(draw: st.DrawFn, *, size: int = 40) -> list[tuple[LoyaltyCommand, Policy]]:
    """Commands with the policy of their time; most histories keep to one policy and begin with joining."""
    rules = draw(st.one_of(st.sampled_from(POLICIES), st.none()))
    if draw(st.booleans()):
        drawn = draw(st.lists(steps, min_size=5, max_size=size))
    else:
        each = draw(st.sampled_from(POLICIES))
        drawn = [(command, each) for command in busy(draw(st.integers(0, 10**9)), 2 * size)]
    if draw(st.integers(0, 9)):
        drawn.insert(0, (EnrolMember(customer="c", occurred_at=START), POLICIES[0]))
    return [(command, rules or policy_then) for command, policy_then in drawn]


def execute(state: Account, command: LoyaltyCommand, rules: Policy) -> tuple[Account, list[Event]]:
    try:
        events = DECIDER.decide(state, command, rules)
    except CommandRefused:
        return state, []
    return fold(DECIDER, events, state), events


# --- the oracle -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Coin:
    lot: str
    since: int
    until: int | None


def before(one: Coin, other: Coin) -> bool:
    """Return True if `one` is spent before `other`."""
    if one.until != other.until:
        return one.until is not None and (other.until is None or one.until < other.until)
    if one.since != other.since:
        return one.since < other.since
    return one.lot < other.lot


@dataclass
class Purse:
    """Every point is a coin."""

    coins: list[Coin] = field(default_factory=list)
    earned: Counter[str] = field(default_factory=Counter)
    decayed: Counter[str] = field(default_factory=Counter)
    debt: int = 0

    def spend(self, points: int, among: Iterable[Coin]) -> Counter[str]:
        taken: Counter[str] = Counter()
        choice = list(among)
        for _ in range(points):
            first = next(coin for coin in choice if not any(before(other, coin) for other in choice))
            choice.remove(first)
            self.coins.remove(first)
            taken[first.lot] += 1
        return taken

    def decay(self, at: int) -> Counter[str]:
        gone = [coin for coin in self.coins if coin.until is not None and coin.until <= at]
        for coin in gone:
            self.coins.remove(coin)
        found = Counter(coin.lot for coin in gone)
        self.decayed += found
        return found

    def earn(self, lot: PointsEarned) -> None:
        self.earned[lot.lot] += lot.points
        repaid = min(self.debt, lot.points)
        self.debt -= repaid
        self.coins += [Coin(lot.lot, lot.active_from, lot.expires_at)] * (lot.points - repaid)


def counted(lots: tuple[LotShare, ...]) -> Counter[str]:
    found = Counter({share.lot: share.points for share in lots})
    assert len(found) == len(lots)
    assert all(points > 0 for points in found.values())
    return found


def follow(purse: Purse, command: LoyaltyCommand, events: list[Event], rules: Policy) -> None:
    """Does with the purse what the command asks, and holds the events against what came of it."""
    at = to_micros(command.occurred_at)
    found = {type(happened): happened for happened in events}
    expired = found.get(PointsExpired)
    if isinstance(command, RedeemPoints | ExpirePoints | ReverseEarning) and events:
        decayed = purse.decay(at)
        assert (counted(expired.lots) if isinstance(expired, PointsExpired) else Counter()) == decayed
    match command:
        case CreditPurchase() | EarnPoints():
            earned = found.get(PointsEarned)
            if isinstance(earned, PointsEarned):
                purse.earn(earned)
        case RedeemPoints():
            redeemed = found.get(PointsRedeemed)
            if isinstance(redeemed, PointsRedeemed):
                spendable = [coin for coin in purse.coins if coin.since <= at]
                assert redeemed.points == command.points
                assert counted(redeemed.lots) == purse.spend(command.points, spendable)
        case ReverseEarning():
            reversal = found.get(EarningReversed)
            if isinstance(reversal, EarningReversed):
                take_back(purse, reversal, rules)


def take_back(purse: Purse, reversal: EarningReversed, rules: Policy) -> None:
    lot = f"purchase/{reversal.purchase}"
    total = reversal.points + reversal.expired + reversal.shortfall
    own = [coin for coin in purse.coins if coin.lot == lot]
    taken = purse.spend(min(total, len(own)), own)
    absorbed = min(total - taken.total(), purse.decayed[lot])
    purse.decayed[lot] -= absorbed
    left = total - taken.total() - absorbed
    taken += purse.spend(min(left, len(purse.coins)), list(purse.coins))
    shortfall = total - taken.total() - absorbed
    assert (counted(reversal.lots), reversal.expired, reversal.shortfall) == (taken, absorbed, shortfall)
    if rules.programme.refund_shortfall == "debt":
        purse.debt += shortfall


@given(histories(size=60))
def test_what_is_spent_taken_back_and_expired_is_what_coin_by_coin_comes_out(
    history: list[tuple[LoyaltyCommand, Policy]],
) -> None:
    state, purse = DECIDER.initial, Purse()
    for command, rules in history:
        state, events = execute(state, command, rules)
        follow(purse, command, events, rules)
        held = Counter(coin.lot for coin in purse.coins)
        assert {name: lot.points for name, lot in state.lots.items()} == held
        assert state.debt == purse.debt
        assert state.balance == len(purse.coins) - purse.debt


@given(histories())
def test_a_redemption_is_refused_only_where_there_are_too_few_coins(
    history: list[tuple[LoyaltyCommand, Policy]],
) -> None:
    state = DECIDER.initial
    for command, rules in history:
        state, _ = execute(state, command, rules)
    assume(state.enrolled_at is not None)
    for lot in state.lots.values():
        for at in {lot.active_from, lot.active_from - 1, lot.expires_at or 0, (lot.expires_at or 0) - 1}:
            spendable = sum(
                each.points
                for each in state.lots.values()
                if each.active_from <= at and (each.expires_at is None or at < each.expires_at)
            )
            if at < 0:
                continue
            ask = RedeemPoints(customer="c", redemption="all", points=spendable + 1, occurred_at=from_micros(at))
            assert execute(state, ask, POLICIES[0])[1] == []
            if spendable:
                less = ask.model_copy(update={"points": spendable})
                after, events = execute(state, less, POLICIES[0])
                assert isinstance(events[-1], PointsRedeemed)
                assert after.balance == sum(each.points for each in after.lots.values())


def test_busy_histories_have_everything_in_them() -> None:
    seen: Counter[str] = Counter()
    for seed in range(20):
        for rules in POLICIES:
            state, purse = execute(DECIDER.initial, EnrolMember(customer="c", occurred_at=START), rules)[0], Purse()
            for command in busy(seed, 120):
                state, events = execute(state, command, rules)
                follow(purse, command, events, rules)
                assert state.balance == len(purse.coins) - purse.debt
                seen.update(type(each).__name__ for each in events)
                for each in events:
                    seen["from several lots"] += isinstance(each, PointsRedeemed) and len(each.lots) > 1
                    if isinstance(each, EarningReversed):
                        seen["from another lot"] += any(lot.lot != f"purchase/{each.purchase}" for lot in each.lots)
                        seen["of what had expired"] += each.expired > 0
                        seen["that no lot could give"] += each.shortfall > 0
                    if isinstance(each, PointsExpired):
                        seen["expired with a decision"] += not isinstance(command, ExpirePoints)
    kinds = (
        PointsEarned,
        PointsRedeemed,
        PointsExpired,
        EarningReversed,
        DebtIncurred,
        DebtRepaid,
        TierReached,
        TierLost,
    )
    assert {each.__name__ for each in kinds} <= seen.keys()
    assert min(seen.values()) > 10, seen


# --- laws at every prefix -------------------------------------------------------------------------------------------


@given(histories())
def test_the_account_adds_up_at_every_prefix(history: list[tuple[LoyaltyCommand, Policy]]) -> None:
    state, seen = DECIDER.initial, 0
    sums: Counter[str] = Counter()
    for command, rules in history:
        for happened in execute(state, command, rules)[1]:
            state = DECIDER.evolve(state, happened)
            seen += 1
            match happened:
                case PointsEarned():
                    sums["balance"] += happened.points
                    sums["qualifying"] += happened.qualifying
                case PointsRedeemed() | PointsExpired():
                    sums["balance"] -= happened.points
                    assert happened.points == sum(share.points for share in happened.lots) > 0
                case EarningReversed():
                    sums["balance"] -= happened.points
                    sums["qualifying"] -= happened.qualifying
                    assert happened.points == sum(share.points for share in happened.lots)
                case DebtIncurred():
                    sums["balance"] -= happened.points
                    sums["debt"] += happened.points
                case DebtRepaid():
                    sums["debt"] -= happened.points
                case _:
                    pass
            assert state.balance == sum(lot.points for lot in state.lots.values()) - state.debt == sums["balance"]
            assert all(lot.points > 0 for lot in state.lots.values())
            assert state.debt == sums["debt"] >= 0
            assert state.qualified == sum(state.months.values()) == sums["qualifying"]
            assert all(points >= 0 for points in state.months.values())
            for earning in state.earnings.values():
                assert 0 <= earning.reversed <= earning.points
                assert 0 <= earning.reversed_qualifying <= earning.qualifying
                assert 0 <= earning.forgone <= earning.expired <= earning.points
        # Between decisions nobody owes points while they have some.
        assert not (state.debt and state.lots)
    event(f"{min(seen // 20, 4) * 20} events or more")


@given(histories(), st.integers(0, 10**6))
def test_a_retry_adds_nothing(history: list[tuple[LoyaltyCommand, Policy]], seed: int) -> None:
    state = DECIDER.initial
    accepted: list[tuple[LoyaltyCommand, Policy]] = []
    for command, rules in history:
        state, events = execute(state, command, rules)
        assert execute(state, command, rules) == (state, [])
        if events:
            accepted.append((command, rules))
    assume(accepted)
    # Much later too, whatever has happened since: what was credited, spent or taken back is never so again.
    once = [step for step in accepted if not isinstance(step[0], ExpirePoints | EvaluateTier)]
    random.Random(seed).shuffle(once)
    for command, rules in once:
        assert execute(state, command, rules) == (state, [])


@given(histories(), st.sampled_from(POLICIES))
def test_the_tier_is_the_one_that_is_earned_after_every_command(
    history: list[tuple[LoyaltyCommand, Policy]], rules: Policy
) -> None:
    state, moved = DECIDER.initial, 0
    for command, _ in history:
        for _due, before, events in due_before(AGGREGATE, state, command, InForce([rules])):
            state = fold(DECIDER, events, before)
            moved += sum(isinstance(each, TierLost) for each in events)
        state, events = execute(state, command, rules)
        moved += sum(isinstance(each, TierReached | TierLost) for each in events)
        if state.enrolled_at is None:
            continue
        month = max(state.month, _month(command))
        window = rules.programme.tier_window.months(month)
        counted = {each.removeprefix("points/"): points for each, points in state.months.items()}
        total = sum(points for each, points in counted.items() if window is None or each in window)
        earned = [tier.name for tier in rules.programme.tiers if tier.threshold <= total]
        assert state.tier == (earned[-1] if earned else None)
    event("tiers moved" if moved else "tiers stood still")


def _month(command: LoyaltyCommand) -> str:
    return command.occurred_at.astimezone(ZoneInfo("Europe/Vienna")).strftime("%Y-%m")


# --- the same by another way ----------------------------------------------------------------------------------------


@given(
    histories(size=15),
    st.lists(st.integers(1, 500), min_size=1, max_size=8),
    st.sampled_from(POLICIES),
    earning,
    st.integers(0, 100),
    st.booleans(),
)
def test_refunds_in_parts_take_what_the_whole_takes(
    history: list[tuple[LoyaltyCommand, Policy]],
    parts: list[int],
    rules: Policy,
    amount: Money,
    spent_percent: int,
    expired: bool,
) -> None:
    enrolled = execute(DECIDER.initial, EnrolMember(customer="c", occurred_at=START), rules)[0]
    state = fold(DECIDER, [], enrolled)
    for command, _ in history:
        state, _ = execute(state, command, rules)
    late = START + timedelta(days=400)
    credit = CreditPurchase(customer="c", purchase="whole", amount=amount, occurred_at=late)
    state, credited = execute(state, credit, rules)
    assume(credited)
    state, _ = execute(state, ExpirePoints(customer="c", occurred_at=late), rules)
    spent = max(1, state.balance * spent_percent // 100)
    state, _ = execute(state, RedeemPoints(customer="c", redemption="s", points=spent, occurred_at=late), rules)
    at = late + timedelta(days=90 if expired else 1)
    bought = sum(parts)

    def refund(name: str, refunded: int) -> ReverseEarning:
        return ReverseEarning(
            customer="c", refund=name, purchase="whole", refunded=refunded, bought=bought, occurred_at=at
        )

    whole, _ = execute(state, refund("all", bought), rules)
    split, running = state, 0
    for number, part in enumerate(parts):
        running += part
        split, _ = execute(split, refund(f"part{number}", running), rules)
    for one in (whole, split):
        earning = one.earnings["purchase/whole"]
        assert (earning.reversed, earning.reversed_qualifying) == (earning.points, earning.qualifying)
    assert (split.lots, split.debt, split.months, split.tier) == (whole.lots, whole.debt, whole.months, whole.tier)
    event(f"{min(len(parts), 3)} parts or more, " + ("in debt" if whole.debt else "not in debt"))


@given(histories(), st.lists(times, min_size=1, max_size=6))
def test_expiry_in_many_steps_comes_to_the_same_as_in_one(
    history: list[tuple[LoyaltyCommand, Policy]], moments: list[Any]
) -> None:
    state = DECIDER.initial
    for command, rules in history:
        if not isinstance(command, ExpirePoints):
            state, _ = execute(state, command, rules)
    last = max(moments)
    one, events = execute(state, ExpirePoints(customer="c", occurred_at=last), POLICIES[0])
    many = state
    for moment in sorted(moments):
        many, _ = execute(many, ExpirePoints(customer="c", occurred_at=moment), POLICIES[0])
    assert many == one
    assert all(lot.expires_at is None or lot.expires_at > to_micros(last) for lot in one.lots.values())
    event("something expired" if events else "nothing expired")


@given(histories(size=25), earning, st.sampled_from(POLICIES), times)
def test_a_purchase_refunded_at_once_leaves_the_balance_as_it_was(
    history: list[tuple[LoyaltyCommand, Policy]], amount: Money, rules: Policy, at: Any
) -> None:
    state = DECIDER.initial
    for command, _ in history:
        state, _ = execute(state, command, rules)
    credit = CreditPurchase(customer="c", purchase="mistake", amount=amount, occurred_at=at)
    after, events = execute(state, credit, rules)
    assume(events)
    give_back = ReverseEarning(customer="c", refund="back", purchase="mistake", refunded=7, bought=7, occurred_at=START)
    after, events = execute(after, give_back, rules)
    assert events
    if rules.programme.refund_shortfall == "debt":
        assert after.balance == state.balance
    assert after.qualified == state.qualified


# --- evolve takes whatever was recorded -----------------------------------------------------------------------------

words = st.sampled_from(["p1", "purchase/p1", "b1", "", "2024-05", "gold", "main"])
counts = st.integers(-5, 50)
lot_shares = st.lists(st.builds(LotShare, words, counts), max_size=3).map(tuple)
held = st.builds(
    Holdings,
    lots=st.dictionaries(words, st.builds(Lot, counts, counts, st.none() | counts), max_size=2),
    months=st.dictionaries(words, counts, max_size=2),
    tier=st.none() | words,
)
BY_TYPE: dict[Any, st.SearchStrategy[Any]] = {
    str: words,
    int: counts,
    bool: st.booleans(),
    str | None: st.none() | words,
    int | None: st.none() | counts,
    tuple[str, ...]: st.lists(words, max_size=2).map(tuple),
    tuple[int | None, ...]: st.lists(st.none() | counts, max_size=2).map(tuple),
    tuple[LotShare, ...]: lot_shares,
    tuple[GracedLot, ...]: st.lists(st.builds(GracedLot, words, counts), max_size=2).map(tuple),
    tuple[MovedLot, ...]: st.lists(st.builds(MovedLot, words, counts, counts, st.none(), counts), max_size=2).map(
        tuple
    ),
    tuple[RestoredLot, ...]: st.lists(
        st.builds(RestoredLot, words, counts, counts, st.none() | counts, counts), max_size=2
    ).map(tuple),
    Money: st.just(Money(5, "EUR")),
    tuple[Tender, ...]: st.lists(st.builds(Tender, words, st.just(Money(5, "EUR"))), max_size=2).map(tuple),
    Holdings: held,
    tuple[VoidedReward, ...]: st.lists(st.builds(VoidedReward, words, words, st.booleans()), max_size=2).map(tuple),
    Membership | None: st.none() | st.builds(Membership, st.none() | counts, st.none() | counts),
    TierStanding | None: st.none() | st.builds(TierStanding, counts, words, counts, st.none() | counts),
}


def _any_event(kind: type[Event]) -> st.SearchStrategy[Event]:
    hints = get_type_hints(kind)
    return st.builds(kind, **{each.name: BY_TYPE[hints[each.name]] for each in msgspec.structs.fields(kind)})


@given(st.lists(st.one_of([_any_event(kind) for kind in AGGREGATE.events]), min_size=1, max_size=30))
def test_evolve_never_refuses_what_was_recorded(recorded: list[Event]) -> None:
    state = fold(DECIDER, recorded)
    assert isinstance(state, Account)
    assert isinstance(state.balance, int)
