"""Time, told to a whole engine: once or in steps, what falls due comes of it once, and the agenda is empty then."""

from __future__ import annotations

import random
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from relations import Relations
from relations.aggregates.loyalty import (
    CreditPurchase,
    EarnPoints,
    EnrolMember,
    EvaluateTier,
    IssueReward,
    PointsActivated,
    PointsEarned,
    PointsExpired,
    RedeemPoints,
    ReleaseAccount,
    ReturnAccount,
    ReverseEarning,
    ReverseRedemption,
    RewardExpired,
    TierGraceGiven,
    TierKept,
    TierLost,
    TierReached,
    TierWarned,
    TransferPoints,
)
from relations.aggregates.policy import AdoptPolicy
from relations.errors import CommandRefused
from relations.messages import Command, Money, to_micros
from relations.policies import Policy
from relations.projections import agenda
from relations.projections.loyalty.statement import Statement
from relations.testing.laws import check_laws
from tests.aggregates.loyalty.test_loyalty_laws import POLICIES, RULES, START, commands
from tests.aggregates.loyalty.test_loyalty_rules import DINING, TIERS, at, policy
from tests.support.effort import part

EVERYTHING = policy(
    **RULES,
    pending_days=14,
    warning_days=45,
    grace_days=10,
    downgrade_when="year_end",
    downgrade_to="one_step",
    more=[DINING],
)

TIER_EVENTS = (TierReached, TierKept, TierWarned, TierGraceGiven, TierLost)


def opened(rules: Policy, history: list[Command], now: datetime = START) -> Relations:
    relations = Relations.open("sqlite://", clock=lambda: now)
    relations.adopt(rules, from_beginning=True)
    joining: list[Command] = [EnrolMember(customer=name, occurred_at=START) for name in ("c1", "c2")]
    if rules.programmes:
        joining.append(EnrolMember(customer="c1", programme="dining", occurred_at=START))
    relations.execute_many([*joining, *history])
    return relations


def recorded(relations: Relations) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for each in relations.events():
        if each.stream.startswith("loyalty-"):
            found.setdefault(each.stream, []).append((each.occurred_at, each.event))
    return found


@part(60)
@given(
    st.sampled_from([*POLICIES, EVERYTHING]),
    commands(size=20),
    st.lists(st.integers(0, 900), min_size=1, max_size=5),
)
def test_time_in_one_step_is_time_in_many(rules: Policy, history: list[Command], moments: list[int]) -> None:
    start = max(command.occurred_at for command in history)
    last = start + timedelta(days=max(moments))
    with opened(rules, history) as once, opened(rules, history) as often:
        before = len(list(once.events()))
        once.advance_time(last)
        for moment in sorted(moments):
            often.advance_time(start + timedelta(days=moment))
        assert recorded(once) == recorded(often)
        for relations in (once, often):
            assert relations.views.agenda.due(until=last) == []
            report = relations.advance_time(last)
            assert (report.accepted, report.rejections) == (0, [])
        events = list(once.events())[before:]
        event(f"{min(len(events) // 4, 3) * 4} events of time or more")


ONE_STEP = policy(**RULES, downgrade_to="one_step", warning_days=20)
GRACED = policy(
    **RULES, grace_days=25, reversal_after_expiry="grace", tier_window={"kind": "rolling_months", "months_count": 3}
)
YEARS = policy(**RULES, tier_window={"kind": "calendar_year"}, downgrade_when="anniversary", months_to_expiry=3)
SHORT = policy(**RULES, tier_window={"kind": "rolling_months", "months_count": 2}, months_to_expiry=1)


RULES_IN_TIME = [*POLICIES, EVERYTHING, ONE_STEP, GRACED, YEARS, SHORT]


def busy(chance: random.Random) -> list[Command]:
    """Two years or so of two members, under up to three policies, now and then told late."""
    found: list[Command] = []
    day = 0
    for number in range(20):
        day += chance.choice((2, 9, 25, 45, 90))
        late = 20 if day > 20 and chance.randrange(8) == 0 else 0
        recent = chance.randint(max(0, number - 4), number)
        some: Any = {
            "customer": "c1" if chance.randrange(4) else "c2",
            "occurred_at": START + timedelta(days=day - late, hours=chance.randrange(24)),
        }
        share = chance.choice((2, 3))
        money = Money(chance.choice((4_000, 12_000, 31_000)), "EUR")
        kinds: list[Command] = [
            CreditPurchase(purchase=f"p{number}", amount=money, **some),
            RedeemPoints(redemption=f"x{number}", points=chance.choice((5, 20, 60)), **some),
            ReverseRedemption(redemption=f"x{recent}", **some),
            ReverseEarning(refund=f"r{number}", purchase=f"p{recent}", refunded=share, bought=3, **some),
            EarnPoints(lot=f"b{number}", points=chance.randint(1, 30), **some),
            IssueReward(coupon=f"k{number}", reward="night", **some),
            EvaluateTier(**some),
            AdoptPolicy(policy=chance.choice(RULES_IN_TIME), occurred_at=some["occurred_at"]),
        ]
        found += chance.choices(kinds, weights=[9, 4, 3, 3, 1, 1, 1, 1])
    return found


@pytest.mark.parametrize("first", [0, *(pytest.param(n, marks=pytest.mark.soak) for n in range(4, 24, 4))])
def test_time_told_between_what_is_recorded_changes_nothing(first: int) -> None:
    """Told of at its end or whenever one likes: the same happens at the same moments, changes of policy included."""
    seen: Counter[str] = Counter()
    for seed in range(first, first + 4):
        chance = random.Random(seed)
        rules, history = chance.choice(RULES_IN_TIME), busy(chance)
        last = max(command.occurred_at for command in history) + timedelta(days=chance.randrange(800))
        with opened(rules, []) as once, opened(rules, []) as often:
            told = START
            for place, command in enumerate(history):
                # What is told is settled: nothing that is dated before it comes later.
                known = min(each.occurred_at for each in history[place:])
                if known > told and chance.randrange(2):
                    told += (known - told) * chance.choice((0.3, 0.7, 1))
                    often.advance_time(told)
                for relations in (once, often):
                    relations.execute_many([command])
            for relations in (once, often):
                relations.advance_time(last)
            same(once, often, last)
            seen.update(type(each.event).__name__ for each in once.events() if each.actor == "agenda")
    assert seen.keys() >= {"PointsExpired", "TierLost"}
    assert seen.keys() & {"TierKept", "TierGraceGiven", "TierWarned", "RewardExpired", "PointsActivated"}


def same(once: Relations, often: Relations, last: datetime) -> None:
    """Return the recorded events, the accounts, and the views' answers."""
    assert by_programme(once) == by_programme(often)
    loyalty = once.views.loyalty, often.views.loyalty
    for relations in (once, often):
        assert relations.views.agenda.due(until=last) == []
    for name in ("c1", "c2"):
        assert once.load("loyalty", name) == often.load("loyalty", name)
        for moment in (START + timedelta(days=300), last):
            former, latter = (each.account(name, as_of=moment) for each in loyalty)
            assert former == latter
        one, other = (entries(each.statement(name, limit=None)) for each in loyalty)
        assert one == other
    assert loyalty[0].tiers() == loyalty[1].tiers()
    for days in (0, 100, 400, 700):
        owed, owing = (each.liability(as_of=START + timedelta(days=days)) for each in loyalty)
        assert owed == owing


def by_programme(relations: Relations) -> dict[tuple[str, str], list[Any]]:
    """Return the events of each ledger; the order in which separate commands settled two ledgers is left out."""
    found: dict[tuple[str, str], list[Any]] = {}
    for stream, happened in recorded(relations).items():
        for moment, each in happened:
            found.setdefault((stream, each.programme), []).append((moment, each))
    return found


def entries(statement: Statement) -> list[Any]:
    return sorted((each.model_dump(exclude={"position", "balance"}) for each in statement.entries), key=str)


def test_a_late_purchase_is_not_paid_by_a_tier_that_was_lost_meanwhile() -> None:
    some: dict[str, Any] = {"customer": "c1"}
    bought = CreditPurchase(purchase="p", amount=Money(30_000, "EUR"), occurred_at=at("2024-01-15"), **some)
    later = CreditPurchase(purchase="q", amount=Money(5_000, "EUR"), occurred_at=at("2025-01-10"), **some)
    with opened(policy(**RULES), [bought, later]) as relations:
        account = relations.load("loyalty", "c1")
        assert (account.tier, account.earnings["purchase/q"].points) == ("member", 50)
        history = [(each.event, each.occurred_at, each.actor) for each in relations.events()][-2:]
        lost, earned = history
        assert isinstance(lost[0], TierLost)
        assert lost[1:] == (to_micros(at("2024-12-31T23:00")), "agenda")
        assert earned[1:] == (to_micros(at("2025-01-10")), "system")
        assert relations.advance_time(at("2025-01-10")).events == 0  # it is done, and the agenda knows
        assert relations.verify().good


def test_a_receipt_speaks_of_what_was_asked_and_not_of_what_time_had_done() -> None:
    bought = CreditPurchase(customer="c1", purchase="p", amount=Money(30_000, "EUR"), occurred_at=at("2024-01-15"))
    later = bought.model_copy(update={"purchase": "q", "occurred_at": at("2025-03-10"), "command_id": "q"})
    with opened(policy(**RULES), [bought]) as relations:
        before = relations.status().position
        receipt = relations.execute(later)
        assert [type(each.event) for each in receipt.events] == [PointsEarned, TierReached]
        happened = list(relations.events(after=before))
        assert [type(each.event) for each in happened] == [TierLost, PointsExpired, PointsEarned, TierReached]
        assert [each.command_id for each in happened[2:]] == ["q", "q"]
        assert len({each.command_id for each in happened}) == 3
        again = relations.execute(later)
        assert (again.repeated, again.events) == (True, receipt.events)


def test_points_that_a_late_redemption_finds_expired_did_so_when_they_did() -> None:
    some: dict[str, Any] = {"customer": "c1"}
    history: list[Command] = [
        CreditPurchase(purchase="p", amount=Money(10_000, "EUR"), occurred_at=at("2024-01-15"), **some),
        CreditPurchase(purchase="q", amount=Money(5_000, "EUR"), occurred_at=at("2024-06-15"), **some),
        RedeemPoints(redemption="x", points=20, occurred_at=at("2025-04-01"), **some),
    ]
    with opened(policy(**RULES), history) as relations:
        (expired,) = [each for each in relations.events() if isinstance(each.event, PointsExpired)]
        assert expired.occurred_at == to_micros(at("2025-01-15T23:00"))
        assert [each.overdue for each in relations.views.loyalty.liability(as_of=at("2025-03-01")).months] == [False]


def test_nothing_is_recorded_of_time_with_a_command_that_is_refused() -> None:
    bought = CreditPurchase(customer="c1", purchase="p", amount=Money(30_000, "EUR"), occurred_at=at("2024-01-15"))
    rules = policy(**{**RULES, "rewards": [{"name": "suite", "points": 10, "tier": "gold"}]})
    with opened(rules, [bought]) as relations:
        before = relations.status().position
        with pytest.raises(CommandRefused, match="tier_too_low"):
            relations.execute(IssueReward(customer="c1", coupon="k", reward="suite", occurred_at=at("2026-01-10")))
        assert relations.status().position == before
        assert relations.load("loyalty", "c1").tier == "gold"


def test_a_tier_falls_by_the_rules_of_the_day_on_which_it_falls() -> None:
    """Two years' window, shortened to three months on the way: the first of the month after finds it unearned."""
    some: dict[str, Any] = {"customer": "c1"}
    long, short = ({"kind": "rolling_months", "months_count": months} for months in (24, 3))
    bought = CreditPurchase(purchase="p", amount=Money(30_000, "EUR"), occurred_at=at("2024-02-15"), **some)
    adopted = AdoptPolicy(policy=policy(**RULES, tier_window=short), occurred_at=at("2024-10-10"))
    for steps in (["2030-01-01"], ["2024-10-05", "2024-10-20", "2024-11-01", "2030-01-01"]):
        with opened(policy(**RULES, tier_window=long), [bought, adopted]) as relations:
            (risk,) = relations.views.loyalty.losing_tier(until=at("2030-01-01"))
            assert risk.losing_at == at("2024-10-31T23:00")
            for step in steps:
                relations.advance_time(at(step))
            lost = [each for each in relations.events() if isinstance(each.event, TierLost)]
            assert [each.occurred_at for each in lost] == [to_micros(at("2024-10-31T23:00"))]
            assert relations.views.agenda.due(until=at("2030-01-01")) == []
            assert relations.views.loyalty.losing_tier(until=at("2040-01-01")) == []


@pytest.mark.parametrize(("window", "earned"), [("calendar_year", "member"), ("lifetime", "silver")])
def test_a_tier_that_the_programme_drops_is_lost_with_warning_and_grace_and_never_reached_over(
    window: str, earned: str
) -> None:
    some: dict[str, Any] = {"customer": "c1"}
    rules: dict[str, Any] = {
        **RULES,
        "months_to_expiry": None,
        "downgrade_when": "year_end",
        "downgrade_to": "one_step",
        "warning_days": 30,
        "grace_days": 10,
        "tier_window": {"kind": window},
    }
    bought = CreditPurchase(purchase="p", amount=Money(40_000, "EUR"), occurred_at=at("2024-02-15"), **some)
    dropped = policy(**{**rules, "tiers": [each for each in TIERS if each["name"] != "gold"]})
    history: list[Command] = [
        bought,
        AdoptPolicy(policy=dropped, occurred_at=at("2024-10-10")),
        bought.model_copy(update={"purchase": "q", "occurred_at": at("2024-11-11")}),
        EvaluateTier(occurred_at=at("2024-11-12"), **some),
    ]
    with opened(policy(**rules), history) as relations:
        assert relations.load("loyalty", "c1").tier == "gold"
        (risk,) = relations.views.loyalty.losing_tier(until=at("2025-06-01"))
        assert (risk.tier, risk.missing, risk.losing_at) == ("gold", 0, at("2025-01-10T23:00"))
        relations.advance_time(at("2025-03-01"))
        happened = [
            each.event for each in relations.events() if each.customer == "c1" and isinstance(each.event, TIER_EVENTS)
        ]
        assert [type(each) for each in happened[-3:]] == [TierWarned, TierGraceGiven, TierLost]
        assert [each.tier for each in happened if isinstance(each, TierReached)] == ["member", "gold"]
        lost = happened[-1]
        assert isinstance(lost, TierLost)
        assert lost.next == risk.falls_to == relations.load("loyalty", "c1").tier == earned


def test_everything_that_time_does_is_done_once_and_at_its_moment() -> None:
    some: dict[str, Any] = {"customer": "c1"}
    history: list[Command] = [
        CreditPurchase(purchase="p", amount=Money(35_000, "EUR"), occurred_at=at("2024-02-01"), **some),
        IssueReward(coupon="k", reward="night", occurred_at=at("2024-03-01"), **some),
        TransferPoints(transfer="t", to="c2", points=20, occurred_at=at("2024-03-01"), **some),
    ]
    with opened(EVERYTHING, history) as relations:
        kinds = {each.kind for each in relations.views.agenda.for_customer("c1")}
        assert kinds == {"expiry", "tier", "reward"}
        relations.advance_time(at("2027-06-01"))
        told = [
            (each.event, each.occurred_at)
            for each in relations.events()
            if each.actor == "agenda" and each.customer == "c1"
        ]
        seen = [type(each) for each, _ in told]
        for kind, count in (
            (PointsExpired, 2),
            (RewardExpired, 1),
            (TierKept, 1),
            (TierWarned, 2),
            (TierGraceGiven, 2),
            (TierLost, 2),
        ):
            assert seen.count(kind) == count, (kind, seen)
        assert [moment for _, moment in told] == sorted(moment for _, moment in told)
        assert relations.verify().good


def test_pending_points_are_activated_by_time_alone() -> None:
    bought = CreditPurchase(customer="c1", purchase="p", amount=Money(100, "EUR"), occurred_at=at("2024-02-01T12:00"))
    with opened(EVERYTHING, [bought]) as relations:
        relations.advance_time(at("2024-03-01"))
        activated = [each for each in relations.events() if isinstance(each.event, PointsActivated)]
        assert [each.occurred_at for each in activated] == [1_707_951_600_000_000]  # 15 February in Vienna


@pytest.mark.parametrize("expiry", [None, {"kind": "inactivity", "months_count": 6}])
def test_points_that_come_back_after_their_expiry_was_done_with_expire_again(expiry: Any) -> None:
    """The agenda's commands have ids; what comes back late must not be taken for what was done before."""
    some: dict[str, Any] = {"customer": "c1"}
    history: list[Command] = [
        CreditPurchase(purchase="p", amount=Money(5_000, "EUR"), occurred_at=at("2024-02-01"), **some),
        RedeemPoints(redemption="x", points=20, occurred_at=at("2024-02-02"), **some),
    ]
    with opened(policy(expiry=expiry), history) as relations:
        relations.advance_time(at("2026-01-01"))
        assert relations.load("loyalty", "c1").balance == 0
        relations.execute(ReverseRedemption(redemption="x", occurred_at=at("2024-03-01"), **some))
        late = CreditPurchase(purchase="q", amount=Money(700, "EUR"), occurred_at=at("2024-02-01"), **some)
        relations.execute(late)
        relations.advance_time(at("2026-01-01"))
        assert relations.load("loyalty", "c1").balance == 0
        assert relations.views.agenda.due(until=at("2026-01-01")) == []


def test_what_moves_with_a_merge_falls_due_where_it_is() -> None:
    some: dict[str, Any] = {"customer": "c2"}
    history: list[Command] = [
        CreditPurchase(purchase="p", amount=Money(15_000, "EUR"), occurred_at=at("2024-02-01"), **some),
        IssueReward(coupon="k", reward="night", occurred_at=at("2024-03-01"), **some),
        ReleaseAccount(merge="m", into="c1", occurred_at=at("2024-03-02"), **some),
    ]
    with opened(EVERYTHING, history) as relations:
        before = relations.views.agenda.for_customer("c1")
        assert {each.kind for each in before} == {"expiry", "tier", "reward"}
        assert relations.views.agenda.for_customer("c2") == []
        relations.execute(ReturnAccount(customer="c1", merge="m", to="c2", occurred_at=at("2024-03-03")))
        assert relations.views.agenda.for_customer("c1") == []
        after = relations.views.agenda.for_customer("c2")
        assert [(each.kind, each.due_at) for each in after] == [(each.kind, each.due_at) for each in before]
        assert relations.advance_time(at("2027-01-01")).accepted > 3
        assert relations.views.agenda.due(until=at("2027-01-01")) == []


def test_the_agenda_keeps_its_laws_whatever_members_do() -> None:
    checked = 0

    @part(34)
    @given(commands(size=25))
    def check(history: list[Command]) -> None:
        nonlocal checked
        joining: list[Command] = [EnrolMember(customer=name, occurred_at=START) for name in ("c1", "c2")]
        end = max(command.occurred_at for command in history)
        merging: list[Command] = [
            ReleaseAccount(customer="c2", merge="m", into="c1", occurred_at=end),
            ReturnAccount(customer="c1", merge="m", to="c2", occurred_at=end),
        ]
        report = check_laws(agenda.PROJECTION, [*joining, *history, *merging], points=4, batches=(1, 7), shards=(2, 3))
        checked += report.checks

    check()
    assert checked > 20


def test_where_tiers_go_by_something_else_the_account_the_agenda_and_the_views_begin_at_nothing() -> None:
    """A tier that points had earned falls on the first of the month after, and is earned again by stays alone."""
    by_stays = {**RULES, "tier_basis": "stays", "stay_categories": ["room"]}
    by_stays["tiers"] = [{"name": "member", "threshold": 0}, {"name": "silver", "threshold": 2}]
    some: dict[str, Any] = {"customer": "c1"}
    stay: dict[str, Any] = {**some, "amount": Money(10_000, "EUR"), "category": "room"}
    history: list[Command] = [
        CreditPurchase(purchase="p", amount=Money(15_000, "EUR"), occurred_at=at("2024-02-15"), **some),
        AdoptPolicy(policy=policy(**by_stays), occurred_at=at("2024-10-10")),
        CreditPurchase(purchase="one", occurred_at=at("2024-10-12"), **stay),
    ]
    with opened(policy(**RULES), history, now=at("2024-11-04")) as relations:
        for rebuilt in (False, True):
            if rebuilt:
                relations.rebuild()
            (risk,) = relations.views.loyalty.losing_tier(until=at("2030-01-01"))
            assert (risk.losing_at, risk.qualifying, risk.missing) == (at("2024-10-31T23:00"), 1, 1)
        relations.advance_time(at("2024-11-02"))
        assert relations.load("loyalty", "c1").tier == "member"
        relations.execute(CreditPurchase(purchase="two", occurred_at=at("2024-11-03"), **stay))
        assert relations.load("loyalty", "c1").tier == "silver"
        account = relations.views.loyalty.account("c1")
        assert account is not None
        assert account.tier is not None
        assert (account.tier.tier, account.tier.basis, account.tier.qualifying) == ("silver", "stays", 2)
        relations.advance_time(at("2026-01-01"))
        assert relations.load("loyalty", "c1").tier == "member"
        assert relations.views.agenda.due(until=at("2026-01-01")) == []


def test_old_lots_lapse_by_their_own_rule_in_every_view_after_a_change_to_fixed_months() -> None:
    some: dict[str, Any] = {"customer": "c1"}
    idle = {**RULES, "expiry": {"kind": "inactivity", "months_count": 6}}
    history: list[Command] = [
        CreditPurchase(purchase="old", amount=Money(5_000, "EUR"), occurred_at=at("2024-01-10"), **some),
        AdoptPolicy(policy=policy(**RULES), occurred_at=at("2024-02-01")),
        CreditPurchase(purchase="new", amount=Money(500, "EUR"), occurred_at=at("2024-06-10"), **some),
    ]
    for steps in ([], ["2024-05-01", "2024-08-01"]):
        with opened(policy(**idle), history) as relations:
            lapses = to_micros(at("2024-12-10T23:00"))
            assert relations.load("loyalty", "c1").ledger().lapses_at == lapses
            items = relations.views.agenda.for_customer("c1")
            assert sorted((each.due_at, each.points) for each in items if each.kind == "expiry") == [
                (at("2024-12-10T23:00"), 50),
                (at("2025-06-10T22:00"), 5),
            ]
            owed = relations.views.loyalty.liability(as_of=at("2024-06-30"))
            assert [(each.month, each.points) for each in owed.months] == [("2024-12", 50), ("2025-06", 5)]
            for step in [*steps, "2024-12-11"]:
                relations.advance_time(at(step))
            assert relations.load("loyalty", "c1").balance == 5
