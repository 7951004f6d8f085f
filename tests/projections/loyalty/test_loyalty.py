"""The loyalty view against the accounts themselves, on drawn histories of everything that moves points."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from relations import Policy, Relations
from relations.aggregates.customer import RecordPurchase, RefundPurchase, RegisterCustomer
from relations.aggregates.loyalty import (
    AdjustPoints,
    CloseAccount,
    EarnPoints,
    EnrolMember,
    IssueReward,
    JoinClub,
    LeaveClub,
    Ledger,
    MakeReferral,
    RedeemPoints,
    ReleaseAccount,
    ReopenAccount,
    ReturnAccount,
    ReverseRedemption,
    TransferPoints,
    UseReward,
)
from relations.messages import Command, Money, from_micros, to_micros
from relations.policies import Programme
from relations.policies.calendars import local_time
from relations.policies.loyalty.offers import Referral, Reward, Tier
from relations.policies.loyalty.programme import RollingMonths
from relations.policies.loyalty.windows import Inactivity
from relations.projections.loyalty.view import PROJECTION, AccountRow, LotRow
from relations.testing.laws import check_laws
from tests.support.effort import part
from tests.support.making import HASH_SEEDS, OF_THE_DATABASE

ZONE = "Asia/Shanghai"
LOCAL = local_time(ZONE)
START = datetime(2024, 1, 10, 9, tzinfo=UTC)
MEMBERS = ("ada", "bo", "cy", "dee")

MAIN = Programme(
    rates={"EUR": Fraction(10), "JPY": Fraction(1, 10)},
    pending_days=3,
    months_to_expiry=6,
    tiers=(
        Tier(name="member", threshold=0),
        Tier(name="silver", threshold=2_000),
        Tier(name="gold", threshold=6_000, multiplier=Fraction(3, 2)),
    ),
    tier_window=RollingMonths(months_count=4),
    reversal_after_expiry="grace",
    joining_points=100,
    rewards=(Reward(name="mug", points=300, days_valid=40), Reward(name="night", points=2_000, kind="upgrade")),
    referral=Referral(referrer_points=500, referred_points=200),
    clubs=("wine",),
)
SPA = Programme(
    id="spa",
    name="Spa days",
    rates={"EUR": Fraction(1)},
    expiry=Inactivity(months_count=2),
    tiers=(),
    refund_shortfall="recorded",
)
POLICY = Policy(zone=ZONE, programme=MAIN, programmes=(SPA,))


def draw_command(rng: random.Random, number: int, at: datetime) -> Command:
    """Anything that can be asked of the accounts; much of it will be refused."""
    customer, other = rng.sample(MEMBERS, 2)
    name, earlier = f"n{number}", f"n{rng.randrange(max(1, number))}"
    base: dict[str, Any] = {"customer": customer, "occurred_at": at, "command_id": name}
    programme = rng.choice(("main", "main", "spa"))
    points = rng.choice((1, 50, 300, 1_000))
    match rng.randrange(17):
        case 0 | 1 | 2 | 3:
            amount = Money(rng.choice((990, 12_000, 40_000)), rng.choice(("EUR", "EUR", "JPY")))
            return RecordPurchase(purchase=name, amount=amount, **base)
        case 4 | 5:
            return RefundPurchase(
                refund=name, purchase=earlier, amount=Money(rng.choice((500, 990, 12_000)), "EUR"), **base
            )
        case 6:
            return EarnPoints(lot=name, points=points, programme=programme, **base)
        case 7 | 8:
            return RedeemPoints(redemption=name, points=points, programme=programme, **base)
        case 9:
            return ReverseRedemption(redemption=earlier, programme=programme, **base)
        case 10:
            return TransferPoints(transfer=name, to=other, points=points, programme=programme, **base)
        case 11:
            signed = rng.choice((points, -points))
            return AdjustPoints(
                adjustment=name, points=signed, reason="goodwill", author="eve", programme=programme, **base
            )
        case 12:
            return rng.choice((IssueReward(coupon=name, reward="mug", **base), UseReward(coupon=earlier, **base)))
        case 13:
            return rng.choice((JoinClub(club="wine", **base), LeaveClub(club="wine", **base)))
        case 14:
            return rng.choice(
                (EnrolMember(programme=programme, **base), MakeReferral(referral=name, referred=other, **base))
            )
        case 15:
            return rng.choice((CloseAccount(programme=programme, **base), ReopenAccount(programme=programme, **base)))
        case _:
            return rng.choice(
                (ReleaseAccount(merge=name, into=other, **base), ReturnAccount(merge=earlier, to=other, **base))
            )


def draw_history(seed: int, length: int, *, late: bool = True) -> Iterator[Command | datetime]:
    """Commands in the order of recording, a few of them late, and moments to which time is advanced."""
    rng = random.Random(seed)
    at = START
    for customer in MEMBERS:
        yield RegisterCustomer(customer=customer, occurred_at=at)
        if customer != "dee":
            yield EnrolMember(customer=customer, programme="main", occurred_at=at)
        if customer in ("ada", "bo"):
            yield EnrolMember(customer=customer, programme="spa", occurred_at=at)
    for number in range(length):
        at += timedelta(hours=rng.choice((1, 20, 24 * 6, 24 * 25)))
        delay = timedelta(days=rng.choice((0, 0, 0, 0, 3, 40)) if late else 0)
        yield draw_command(rng, number, max(START, at - delay))
        if rng.random() < 0.15:
            yield at


def open_with(url: str, history: Iterator[Command | datetime]) -> Relations:
    now = START
    relations = Relations.open(url, clock=lambda: now, durability="off")
    relations.adopt(POLICY, from_beginning=True)
    for step in history:
        if isinstance(step, datetime):
            relations.advance_time(step)
            now = max(now, step)
        else:
            relations.execute_many([step])
            now = max(now, step.occurred_at)
    return relations


def plain_lots(relations: Relations) -> dict[tuple[str, str], int]:
    """Points in open lots and points owed by programme and month of expiry, as the accounts' own states have them."""
    found: dict[tuple[str, str], int] = defaultdict(int)
    for customer in MEMBERS:
        for ledger in relations.load("loyalty", customer).ledgers:
            for lot in ledger.lots.values():
                ends = lot.ends(ledger.lapses_at)
                found[ledger.programme, "" if ends is None else LOCAL.month(ends - 1)] += lot.points
    return found


@part(20)
@given(seed=st.integers(0, 2**32), length=st.integers(20, 90))
def test_the_view_agrees_with_the_accounts(seed: int, length: int) -> None:
    with open_with("sqlite://", draw_history(seed, length)) as relations:
        view = relations.views.loyalty
        rows = {(row.customer, row.programme): row for row in view.rows(AccountRow)}
        lots: dict[tuple[str, str], dict[str, LotRow]] = defaultdict(dict)
        for lot in view.rows(LotRow):
            lots[lot.customer, lot.programme][lot.lot] = lot
        seen = 0
        for customer in MEMBERS:
            state = relations.load("loyalty", customer)
            if state.merged_into is not None:
                statements = [view.statement(each, limit=None) for each in (customer, state.merged_into)]
                assert statements[0] == statements[1]
            for ledger in state.ledgers:
                key = (customer, ledger.programme)
                if key not in rows:  # a merged id that only knows what it forwarded to the surviving account
                    done = ledger.done
                    assert done
                    assert all(each.startswith("forwarded/") for each in done)
                    assert ledger == Ledger(programme=ledger.programme, done=done)
                    continue
                row = rows[key]
                held = {name: each for name, each in lots[key].items() if each.points}
                assert {
                    name: (each.points, each.active_from, each.expires_at, each.earned_at, each.lapsing)
                    for name, each in held.items()
                } == {
                    name: (lot.points, lot.active_from, lot.expires_at, lot.earned_at, lot.lapsing)
                    for name, lot in ledger.lots.items()
                }
                assert row.points - row.debt == ledger.balance
                assert row.debt == ledger.debt
                assert row.points == sum(each.points for each in held.values())
                assert (row.enrolled_at, row.closed_at) == (ledger.enrolled_at, ledger.closed_at)
                assert (row.tier, row.lapses_at, row.grace_until) == (ledger.tier, ledger.lapses_at, ledger.grace_until)
                assert row.month == ledger.month
                assert row.months == {month: points for month, points in ledger.months.items() if points}
                assert sorted(row.clubs) == sorted(ledger.clubs)
                if state.merged_into is not None:
                    continue
                statement = view.statement(customer, programme=ledger.programme, limit=None)
                assert (statement.opening, statement.closing) == (0, ledger.balance)
                assert sum(entry.points - entry.debt for entry in statement.entries) == ledger.balance
                seen += len(statement.entries)
        assert seen > 0
        expected = plain_lots(relations)
        last = max(event.occurred_at for event in relations.events())
        for programme in ("main", "spa"):
            owed = view.liability(programme=programme, as_of=from_micros(last))
            assert {(programme, each.month or ""): each.points for each in owed.months} == {
                key: points for key, points in expected.items() if key[0] == programme and points
            }
            assert owed.debt == sum(row.debt for key, row in rows.items() if key[1] == programme)


@part(16)
@given(
    seed=st.integers(0, 2**32),
    chosen=st.lists(st.integers(0, 10**6), min_size=2, max_size=4),
    apart=st.sampled_from((-1, 0, 1, 3_600_000_000)),
    days=st.lists(st.floats(-5, 700), min_size=1, max_size=2),
    late=st.booleans(),
)
def test_liability_is_the_sum_over_open_lots_at_any_time(
    seed: int, chosen: list[int], apart: int, days: list[float], late: bool
) -> None:
    """At the very moment of something that happened, a microsecond before and after it, and at any other."""
    with open_with("sqlite://", draw_history(seed, 60, late=late)) as relations:
        view = relations.views.loyalty
        moments = sorted({each.occurred_at for each in relations.events()})
        asked = [from_micros(moments[each % len(moments)] + apart) for each in chosen]
        asked += [START + timedelta(days=day) for day in days]
        for as_of in asked:
            for programme in ("main", "spa"):
                owed = view.liability(programme=programme, as_of=as_of)
                assert owed.as_of == as_of
                months: dict[str | None, int] = defaultdict(int)
                debt = 0
                for customer in MEMBERS:
                    account = view.account(customer, programme=programme, as_of=as_of)
                    if account is None or account.customer != customer:
                        continue  # a merged id answers for the account that has it all
                    debt += account.debt
                    for lot in account.lots:
                        ends = lot.expires_at
                        months[None if ends is None else LOCAL.month(to_micros(ends) - 1)] += lot.points
                assert (owed.points, owed.debt) == (sum(months.values()), debt)
                if programme == "main" or not late:
                    assert {each.month: each.points for each in owed.months} == {m: p for m, p in months.items() if p}
                for vintage in view.breakage(programme=programme, as_of=as_of).months:
                    gone = vintage.redeemed + vintage.taken_back + vintage.expired + vintage.forfeited
                    assert vintage.issued == gone + vintage.open


def test_the_projection_keeps_the_laws(either_url: str) -> None:
    commands = [step for step in draw_history(7, 160) if not isinstance(step, datetime)]
    with Relations.open(either_url) as relations:
        relations.adopt(POLICY, from_beginning=True)
    more = {"hash_seeds": HASH_SEEDS} if either_url.startswith("sqlite") else OF_THE_DATABASE
    report = check_laws(PROJECTION, commands, url=either_url, batches=(1, 7, 1_000), points=6, **more)
    assert report.folded > 100
