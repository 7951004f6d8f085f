from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relations import Policy, Relations
from relations.aggregates import complaint, loyalty
from relations.aggregates.complaint import (
    AcceptRemedy,
    AcknowledgeComplaint,
    CarryOutRemedy,
    CheckDeadlines,
    CloseComplaint,
    FileComplaint,
    FollowUpComplaint,
    GiveApology,
    ProposeRemedy,
    ReopenComplaint,
    ResolveComplaint,
    WithdrawComplaint,
)
from relations.aggregates.customer import (
    AnswerFeedback,
    DeclineInvitation,
    EraseCustomer,
    GiveFeedback,
    MergeCustomer,
    RemindInvitation,
    SendInvitation,
    UnmergeCustomer,
)
from relations.aggregates.loyalty import (
    CreditPurchase,
    EarnPoints,
    EnrolMember,
    EvaluateTier,
    ExpirePoints,
    PointsExpired,
    RedeemPoints,
    ReverseEarning,
    TierLost,
)
from relations.errors import CommandRefused, InvalidInput
from relations.messages import Command, Envelope, Event, Money, from_micros, to_micros
from relations.policies import Programme, Surveys
from relations.policies.calendars import local_time
from relations.policies.complaints.service_levels import Severity
from relations.policies.in_force import InForce
from relations.policies.loyalty.programme import CalendarYear, Lifetime, RollingMonths, Tier
from relations.projections.agenda.items import FOR_PEOPLE, open_item, tier_review
from relations.projections.agenda.rows import Item, Member
from relations.projections.agenda.view import PROJECTION, AgendaItem, commands_due
from relations.projections.projection import Rows

START = datetime(2024, 1, 10, 9, tzinfo=UTC)
POLICY = Policy(zone="Europe/Vienna", surveys=Surveys(follow_up_days=7))
DAY = 86_400_000_000
Window = CalendarYear | RollingMonths | Lifetime


def after(days: float = 0.0) -> datetime:
    return START + timedelta(days=days)


class World:
    """Two aggregates of one customer and the agenda's rows, fed by whatever the aggregates decide."""

    def __init__(self, policy: Policy = POLICY) -> None:
        self.policy = policy
        self.rows = Rows(PROJECTION.tables, local_time(policy.zone))
        self.states: dict[str, Any] = {
            "complaint": complaint.AGGREGATE.decider.initial,
            "loyalty": loyalty.AGGREGATE.decider.initial,
        }
        self.versions = {"complaint": 0, "loyalty": 0}
        self.position = 0
        self.recorded: list[tuple[Any, Envelope]] = []

    def do(self, command: Command) -> list[Event]:
        kind = command.stream.partition("-")[0]
        decider = (complaint if kind == "complaint" else loyalty).AGGREGATE.decider
        events: list[Event] = decider.decide(self.states[kind], command, self.policy)
        for event in events:
            self.states[kind] = decider.evolve(self.states[kind], event)
            self.versions[kind] += 1
            self.position += 1
            at = Envelope(
                position=self.position,
                stream=command.stream,
                version=self.versions[kind],
                customer="c1",
                occurred_at=command.at,
                recorded_at=0,
            )
            self.recorded.append((event, at))
            fold = PROJECTION.folds.get(type(event))
            if fold:
                fold(self.rows, event, at)
        return events

    def try_all(self, commands: Iterable[Command]) -> None:
        for command in commands:
            try:
                self.do(command)
            except CommandRefused:
                continue

    @property
    def open(self) -> dict[str, Item]:
        return {key[3]: row for key, row in self.rows.tables[Item].items()}

    @property
    def member(self) -> Member | None:
        return self.rows.get(Member, "c1", "loyalty-c1", "main")

    def due(self, until: datetime) -> list[AgendaItem]:
        items = [open_item(row, self.policy) for row in self.rows.tables[Item].values()]
        items += [
            tier_review(row, InForce([self.policy]), to_micros(until)) for row in self.rows.tables[Member].values()
        ]
        return sorted((item for item in items if item and item.due_at <= until), key=lambda item: item.key)


def file(days: float = 0.0, severity: Severity = "medium") -> FileComplaint:
    return FileComplaint(
        complaint="k1", customer="c1", subject="noise", channel="phone", severity=severity, occurred_at=after(days)
    )


def on_complaint(command: Callable[..., Command], days: float, /, **fields: Any) -> Command:
    return command(complaint="k1", occurred_at=after(days), **fields)


def buy(purchase: str, euros: int, days: float = 0.0) -> CreditPurchase:
    return CreditPurchase(customer="c1", purchase=purchase, amount=Money(euros * 100, "EUR"), occurred_at=after(days))


def enrol(days: float = -1.0) -> EnrolMember:
    return EnrolMember(customer="c1", occurred_at=after(days))


# --- complaints -----------------------------------------------------------------------------------------------------


def test_a_filed_complaint_has_two_deadlines() -> None:
    world = World()
    world.do(file())
    assert [(item.kind, item.due_at, item.stream) for item in world.due(after(30))] == [
        ("acknowledge", after(1), "complaint-k1"),
        ("resolve", after(7), "complaint-k1"),
    ]


def test_an_answer_takes_one_off_and_a_resolution_both_and_asks_for_a_follow_up() -> None:
    world = World()
    world.do(file())
    world.do(on_complaint(GiveApology, 0.5))
    assert list(world.open) == ["resolve"]
    world.do(on_complaint(ResolveComplaint, 2))
    (item,) = world.due(after(30))
    assert (item.kind, item.due_at) == ("follow_up", after(9))
    world.do(on_complaint(CloseComplaint, 3))
    assert list(world.open) == ["follow_up"]
    world.do(on_complaint(FollowUpComplaint, 20, score=4))
    assert world.open == {}


def test_when_to_follow_up_is_policy() -> None:
    world = World()
    world.do(file())
    world.do(on_complaint(ResolveComplaint, 2))
    row = world.open["follow_up"]
    item = open_item(row, Policy(surveys=Surveys(follow_up_days=30)))
    assert item is not None
    assert item.due_at == after(32)
    assert open_item(row, Policy(surveys=Surveys(follow_up_days=None))) is None


def test_a_missed_deadline_is_due_once() -> None:
    world = World()
    world.do(file())
    first = world.due(after(3))
    (command,) = commands_due(first)
    assert isinstance(command, CheckDeadlines)
    assert command.occurred_at == after(1)
    assert len(world.do(command)) == 1
    assert world.due(after(3)) == []
    assert [item.kind for item in world.due(after(8))] == ["resolve"]


def test_a_reopening_starts_both_clocks_anew_and_withdraws_the_follow_up() -> None:
    world = World()
    world.do(file())
    world.do(on_complaint(ResolveComplaint, 0.5))
    world.do(on_complaint(ReopenComplaint, 20, reason="again"))
    assert [(item.kind, item.due_at) for item in world.due(after(99))] == [
        ("acknowledge", after(21)),
        ("resolve", after(27)),
    ]


def test_a_withdrawal_leaves_nothing() -> None:
    world = World()
    world.do(file())
    world.do(on_complaint(WithdrawComplaint, 0.1))
    assert world.open == {}


def test_a_follow_up_recorded_late_belongs_to_the_earlier_resolution() -> None:
    world = World()
    world.do(file())
    world.do(on_complaint(ResolveComplaint, 1))
    world.do(on_complaint(ReopenComplaint, 10, reason="again"))
    world.do(on_complaint(ResolveComplaint, 11))
    assert world.do(on_complaint(FollowUpComplaint, 5, score=2))
    assert list(world.open) == ["follow_up"]
    world.do(on_complaint(FollowUpComplaint, 12, score=5))
    assert world.open == {}


# --- points ---------------------------------------------------------------------------------------------------------


def test_a_lot_is_due_at_its_expiry_with_what_is_left_of_it() -> None:
    world = World()
    world.do(enrol())
    world.do(buy("p1", 10))
    world.do(RedeemPoints(customer="c1", redemption="r1", points=30, occurred_at=after(1)))
    (item,) = world.due(after(800))
    assert (item.kind, item.detail, item.points) == ("expiry", "purchase/p1", 70)
    # To the end of 10 January 2026, in Vienna.
    assert item.due_at == datetime(2026, 1, 10, 23, tzinfo=UTC)
    (command,) = commands_due([item])
    assert isinstance(command, ExpirePoints)
    (expired,) = world.do(command)
    assert isinstance(expired, PointsExpired)
    assert expired.points == 70
    assert world.open == {}


def test_an_emptied_lot_has_nothing_to_expire() -> None:
    world = World()
    world.do(enrol())
    world.do(buy("p1", 10))
    world.do(RedeemPoints(customer="c1", redemption="r1", points=100, occurred_at=after(1)))
    assert world.open == {}


def test_a_refund_and_a_repaid_debt_leave_less_in_the_lots() -> None:
    world = World()
    world.do(enrol())
    world.do(buy("p1", 10))
    world.do(RedeemPoints(customer="c1", redemption="r1", points=60, occurred_at=after(1)))
    world.do(ReverseEarning(customer="c1", refund="f1", purchase="p1", refunded=1, bought=1, occurred_at=after(2)))
    assert world.open == {}
    world.do(buy("p2", 10, days=3))
    assert {what: row.points for what, row in world.open.items()} == {"purchase/p2": 40}


def test_points_for_ever_are_never_due() -> None:
    world = World(POLICY.model_copy(update={"programme": Programme(months_to_expiry=None)}))
    world.do(enrol())
    world.do(buy("p1", 10))
    assert world.open == {}


def test_lots_that_expire_together_ask_for_one_command() -> None:
    world = World()
    world.do(enrol())
    world.do(buy("p1", 10))
    world.do(buy("p2", 20, days=0.1))
    items = world.due(after(800))
    assert len(items) == 2
    (command,) = commands_due(items)
    world.do(command)
    assert world.due(after(800)) == []
    # A lot that is recorded late and expires at the same moment asks under an id of its own.
    world.do(buy("p0", 5, days=-0.2))
    (late,) = commands_due(world.due(after(800)))
    assert late.occurred_at == command.occurred_at
    assert late.command_id != command.command_id


# --- tiers ----------------------------------------------------------------------------------------------------------


def with_window(window: Window, base: bool = True) -> Policy:
    tiers: tuple[Tier, ...] = (Tier(name="silver", threshold=1_000), Tier(name="gold", threshold=5_000))
    if base:
        tiers = (Tier(name="member", threshold=0), *tiers)
    programme = Programme(tiers=tiers, tier_window=window, months_to_expiry=None)
    return POLICY.model_copy(update={"programme": programme})


def review(world: World) -> AgendaItem | None:
    assert world.member is not None
    return tier_review(world.member, InForce([world.policy]))


def coming_review(world: World) -> AgendaItem:
    item = review(world)
    assert item is not None
    return item


def test_a_tier_is_reviewed_in_the_month_that_its_points_fall_out_of_the_window() -> None:
    world = World(with_window(RollingMonths(months_count=12)))
    world.do(enrol())
    world.do(buy("p1", 100))
    item = coming_review(world)
    assert (item.kind, item.detail) == ("tier", "silver")
    # The first instant of January 2025 in Vienna.
    assert item.due_at == datetime(2024, 12, 31, 23, tzinfo=UTC)
    early = EvaluateTier(customer="c1", occurred_at=item.due_at - timedelta(microseconds=1))
    assert world.do(early) == []
    (command,) = commands_due([item])
    (lost,) = world.do(command)
    assert isinstance(lost, TierLost)
    assert (lost.tier, lost.next) == ("silver", "member")
    assert review(world) is None


def test_a_window_of_one_month_reviews_in_the_next() -> None:
    world = World(with_window(RollingMonths(months_count=1)))
    world.do(enrol())
    world.do(buy("p1", 100))
    start = datetime(2024, 1, 31, 23, tzinfo=UTC)
    assert coming_review(world).due_at == start
    assert world.member is not None
    assert tier_review(world.member, InForce([world.policy]), to_micros(start)) == review(world)
    assert tier_review(world.member, InForce([world.policy]), to_micros(start) - 1) is None


def test_a_later_purchase_puts_the_review_off() -> None:
    world = World(with_window(RollingMonths(months_count=12)))
    world.do(enrol())
    world.do(buy("p1", 60))
    world.do(buy("p2", 60, days=60))
    assert coming_review(world).due_at == datetime(2024, 12, 31, 23, tzinfo=UTC)
    world.do(buy("p3", 60, days=90))
    assert coming_review(world).due_at == datetime(2025, 2, 28, 23, tzinfo=UTC)


def test_a_refund_lets_the_month_of_the_purchase_count_for_less() -> None:
    world = World(with_window(RollingMonths(months_count=12)))
    world.do(enrol())
    world.do(buy("p1", 100))
    world.do(buy("p2", 150, days=60))
    assert coming_review(world).due_at == datetime(2025, 2, 28, 23, tzinfo=UTC)
    world.do(ReverseEarning(customer="c1", refund="f", purchase="p2", refunded=2, bought=3, occurred_at=after(70)))
    assert world.member is not None
    assert world.member.months == {"points/2024-01": 1_000, "points/2024-03": 500}
    assert coming_review(world).due_at == datetime(2024, 12, 31, 23, tzinfo=UTC)


def test_in_a_calendar_year_tiers_are_reviewed_at_new_year() -> None:
    world = World(with_window(CalendarYear()))
    world.do(enrol())
    world.do(buy("p1", 600))
    item = coming_review(world)
    assert (item.detail, item.due_at) == ("gold", datetime(2024, 12, 31, 23, tzinfo=UTC))


def test_a_tier_for_life_is_never_reviewed() -> None:
    world = World(with_window(Lifetime()))
    world.do(enrol())
    world.do(buy("p1", 600))
    assert review(world) is None


def test_a_tier_that_asks_for_nothing_cannot_be_lost() -> None:
    world = World(with_window(RollingMonths(months_count=1)))
    world.do(enrol())
    world.do(buy("p1", 1))
    assert world.member is not None
    assert world.member.tier == "member"
    assert review(world) is None


def test_no_tier_is_no_review() -> None:
    assert (
        tier_review(
            Member("c1", "loyalty-c1", "main", month="2024-01"), InForce([with_window(CalendarYear(), base=False)])
        )
        is None
    )


# --- commands -------------------------------------------------------------------------------------------------------


def test_a_follow_up_is_work_for_people() -> None:
    item = AgendaItem(due_at=START, kind="follow_up", customer="c1", stream="complaint-k1")
    assert list(commands_due([item])) == []


def test_ids_of_commands_fit_however_long_the_ids_are() -> None:
    long = "x" * 64
    lots = [f"remedy/{long}/{'y' * 63}{end}" for end in "ab"]
    items = [
        AgendaItem(due_at=after(n), kind="expiry", customer=long, stream=f"loyalty-{long}", detail=lot, points=1)
        for n, lot in enumerate([*lots, "short"])
    ]
    ids = [command.command_id for command in commands_due(items)]
    assert len(set(ids)) == 3
    assert ids[-1] is not None
    assert ids[-1].startswith(f"due:expiry:loyalty-{long}:short:")
    assert ids == [command.command_id for command in commands_due(items)]


# --- laws -----------------------------------------------------------------------------------------------------------

days = st.one_of(st.integers(-40, 900), st.integers(0, 60)).map(float)
complaint_commands = st.one_of(
    st.builds(on_complaint, st.just(AcknowledgeComplaint), days),
    st.builds(on_complaint, st.just(GiveApology), days),
    st.builds(on_complaint, st.just(ResolveComplaint), days, lenient=st.booleans()),
    st.builds(on_complaint, st.just(FollowUpComplaint), days, score=st.integers(1, 5)),
    st.builds(on_complaint, st.just(CloseComplaint), days),
    st.builds(on_complaint, st.just(ReopenComplaint), days, reason=st.just("again")),
    st.builds(on_complaint, st.just(WithdrawComplaint), days),
    st.builds(on_complaint, st.just(CheckDeadlines), days),
    st.builds(on_complaint, st.just(ProposeRemedy), days, remedy=st.sampled_from("ab"), kind=st.just("voucher")),
    st.builds(on_complaint, st.just(AcceptRemedy), days, remedy=st.sampled_from("ab")),
    st.builds(on_complaint, st.just(CarryOutRemedy), days, remedy=st.sampled_from("ab")),
)
purchases = st.sampled_from(["p1", "p2", "p3", "p4"])
buying = st.builds(buy, purchases, st.sampled_from([0, 5, 60, 100, 300, 700]), days)
refunding = st.builds(
    lambda purchase, share, day: ReverseEarning(
        customer="c1",
        refund=f"f{share}{purchase}",
        purchase=purchase,
        refunded=share,
        bought=4,
        occurred_at=after(day),
    ),
    purchases,
    st.integers(1, 4),
    days,
)
loyalty_commands = st.one_of(
    buying,
    refunding,
    st.builds(
        lambda name, points, day: RedeemPoints(customer="c1", redemption=name, points=points, occurred_at=after(day)),
        st.sampled_from("xyz"),
        st.integers(1, 3_000),
        days,
    ),
    st.builds(
        lambda lot, points, day: EarnPoints(customer="c1", lot=lot, points=points, occurred_at=after(day)),
        st.sampled_from(["b1", "b2"]),
        st.integers(1, 1_000),
        days,
    ),
    st.builds(lambda day: ExpirePoints(customer="c1", occurred_at=after(day)), days),
    st.builds(lambda day: EvaluateTier(customer="c1", occurred_at=after(day)), days),
)
windows = st.one_of(
    st.just(CalendarYear()),
    st.just(Lifetime()),
    st.sampled_from([1, 2, 3, 12, 24]).map(lambda months: RollingMonths(months_count=months)),
)
policies = st.builds(
    lambda window, base, months: with_window(window, base).model_copy(
        update={"programme": with_window(window, base).programme.model_copy(update={"months_to_expiry": months})}
    ),
    windows,
    st.booleans(),
    st.one_of(st.none(), st.integers(1, 24)),
)
histories = st.lists(st.one_of(complaint_commands, loyalty_commands, buying), min_size=1, max_size=40)
members = st.lists(st.one_of(buying, loyalty_commands), min_size=4, max_size=20)


def played(policy: Policy, history: list[Command]) -> World:
    world = World(policy)
    world.do(file())
    world.do(enrol(-50))
    world.try_all(history)
    assert len(world.recorded) >= 2
    return world


@given(policies, histories)
def test_the_agenda_holds_what_the_aggregates_have_open(policy: Policy, history: list[Command]) -> None:
    world = played(policy, history)
    state = world.states["complaint"]
    running = {"acknowledge": state.acknowledge_by, "resolve": state.resolve_by}
    clocks = {what: row.at for what, row in world.open.items() if row.kind in running}
    assert clocks == {clock: due_at for clock, due_at in running.items() if due_at is not None}
    account = world.states["loyalty"]
    lots = {row.what: (row.points, row.at) for row in world.open.values() if row.kind == "expiry"}
    assert lots == {
        name: (lot.points, lot.expires_at) for name, lot in account.lots.items() if lot.expires_at is not None
    }
    if world.member is not None:
        assert world.member.tier == account.tier
        assert world.member.month == account.month
        assert world.member.months == {month: points for month, points in account.months.items() if points}


@given(policies, members)
def test_time_alone_changes_a_tier_when_the_agenda_says_and_not_before(policy: Policy, history: list[Command]) -> None:
    world = played(policy, history)
    member = world.member
    if member is None or member.tier is None or not member.month:
        return
    item = review(world)
    local = local_time(policy.zone)
    decide = loyalty.AGGREGATE.decider.decide
    account = world.states["loyalty"]
    # The first instants of the coming ten years' months, by the calendar alone.
    year, month = map(int, member.month.split("-"))
    for number in range(year * 12 + month, year * 12 + month + 121):
        start = from_micros(local.start(datetime(number // 12, number % 12 + 1, 1, tzinfo=UTC).date()))
        events = decide(account, EvaluateTier(customer="c1", occurred_at=start), policy)
        if item is None or start < item.due_at:
            assert events == []
        else:
            assert start == item.due_at
            assert len(events) == 1
            break
    else:
        assert item is None


@given(policies, st.one_of(histories, members))
def test_what_is_due_is_done_once(policy: Policy, history: list[Command]) -> None:
    world = played(policy, history)
    horizon = after(365 * 5)
    ids = set()
    while commands := list(commands_due(world.due(horizon))):
        for command in commands:
            assert command.command_id not in ids
            ids.add(command.command_id)
            assert world.do(command) != []
    assert {item.kind for item in world.due(horizon)} <= {"follow_up"}
    account = world.states["loyalty"]
    assert all(lot.expires_at is None or not lot.expired(to_micros(horizon)) for lot in account.lots.values())
    assert (world.states["complaint"].acknowledge_by, world.states["complaint"].resolve_by) == (None, None)


@given(policies, histories, st.integers(0, 80))
def test_folding_prefix_by_prefix_is_folding_all(policy: Policy, history: list[Command], cut: int) -> None:
    world = played(policy, history)
    rows = Rows(PROJECTION.tables, local_time(policy.zone))
    for recorded in (world.recorded[:cut], world.recorded[cut:]):
        for event, at in recorded:
            if type(event) in PROJECTION.folds:
                PROJECTION.folds[type(event)](rows, event, at)
    assert rows.tables == world.rows.tables


@given(policies, histories)
def test_folds_touch_the_customer_of_the_event_only(policy: Policy, history: list[Command]) -> None:
    world = played(policy, history)
    keys = [key for table in world.rows.tables.values() for key in table]
    assert all(key[0] == "c1" for key in keys)
    # What is open is bounded by clocks and lots, not by events.
    assert len(world.rows.tables[Item]) <= 3 + len(world.states["loyalty"].lots)
    assert len(world.rows.tables[Member]) <= 1


# --- the view, on both databases ------------------------------------------------------------------------------------


@pytest.fixture
def relations(either_url: str) -> Iterator[Relations]:
    with Relations.open(either_url, clock=lambda: after(2), durability="off") as opened:
        opened.adopt(POLICY, from_beginning=True)
        commands: list[Command] = []
        for number in range(30):
            customer, complaint_id = f"c{number % 7}", f"k{number}"
            commands.append(
                FileComplaint(
                    complaint=complaint_id,
                    customer=customer,
                    subject="noise",
                    channel="phone",
                    severity=["low", "medium", "high"][number % 3],
                    occurred_at=after(number // 5),
                )
            )
            if number % 4 == 0:
                commands.append(ResolveComplaint(complaint=complaint_id, occurred_at=after(number // 5 + 0.1)))
        for number in range(7):
            customer = f"c{number}"
            commands.append(EnrolMember(customer=customer, occurred_at=after(-1)))
            commands += [
                EarnPoints(customer=customer, lot=f"b{lot}", points=10 + lot, occurred_at=after(lot % 2))
                for lot in range(3)
            ]
            commands.append(
                CreditPurchase(
                    customer=customer, purchase="p1", amount=Money(200_000, "EUR"), occurred_at=after(number * 31)
                )
            )
        assert opened.execute_many(commands).rejections == []
        yield opened


def test_the_view_pages_through_everything_in_order(relations: Relations) -> None:
    agenda = relations.views.agenda
    everything = agenda.due(until=after(2_000))
    assert {item.kind for item in everything} == {"acknowledge", "resolve", "follow_up", "expiry", "tier"}
    assert all(former.key < latter.key for former, latter in pairwise(everything))
    paged: list[AgendaItem] = []
    while page := agenda.due(until=after(2_000), limit=7, after=paged[-1] if paged else None):
        assert len(page) <= 7
        paged += page
    assert paged == everything
    for kind in ("acknowledge", "follow_up", "tier"):
        assert agenda.due(until=after(2_000), kind=kind) == [item for item in everything if item.kind == kind]
    for item in everything[:3] + [item for item in everything if item.kind == "tier"]:
        assert item in agenda.due(until=item.due_at)
        assert item not in agenda.due(until=item.due_at - timedelta(microseconds=1))
    some = agenda.due(until=after(3))
    assert some == [item for item in everything if item.due_at <= after(3)]
    assert 0 < len(some) < len(everything)
    assert agenda.overdue() == agenda.due(until=after(2))
    assert agenda.overdue(now=after(1), kind="resolve") == agenda.due(until=after(1), kind="resolve")
    by_customer = [item for number in range(7) for item in agenda.for_customer(f"c{number}")]
    assert sorted(by_customer, key=lambda item: item.key) == everything


def test_what_is_due_becomes_commands_once(relations: Relations) -> None:
    agenda = relations.views.agenda
    horizon = after(2_000)
    assert [*commands_due(agenda.automatic(until=horizon))] == [*commands_due(agenda.due(until=horizon))]
    assert {item.kind for item in agenda.automatic(until=horizon)}.isdisjoint(FOR_PEOPLE)
    first = relations.execute_many(commands_due(agenda.due(until=horizon)))
    assert first.accepted > 20
    assert first.rejections == []
    assert {item.kind for item in agenda.due(until=horizon)} == {"follow_up"}
    again = relations.execute_many(commands_due(agenda.due(until=horizon)))
    assert again.accepted == again.events == 0
    assert relations.verify().good


# --- surveys --------------------------------------------------------------------------------------------------------


def test_reminders_and_low_answers_are_due_once_and_end_with_what_ends_them(either_url: str) -> None:
    def about(days: float, **fields: Any) -> dict[str, Any]:
        return {"customer": "c1", "occurred_at": after(days), **fields}

    policy = Policy(surveys=Surveys(reminders=2, reminder_days=7, reminder_valid_days=None, answer_within_days=2))
    invite = {"instrument": "nps", "channel": "email"}
    with Relations.open(either_url, clock=lambda: after(100), durability="off") as opened:
        opened.adopt(policy)

        def due() -> list[tuple[str, str, datetime]]:
            found = opened.views.agenda.due(until=after(90))
            assert found == opened.views.agenda.for_customer("c1")
            pages: list[AgendaItem] = []
            while page := opened.views.agenda.due(until=after(90), limit=1, after=pages[-1] if pages else None):
                pages += page
            assert pages == found
            assert list(commands_due(found)) == []
            return [(item.kind, item.detail, item.due_at) for item in found]

        opened.execute(SendInvitation(**about(0, invitation="s1", **invite)))
        opened.execute(SendInvitation(**about(1, invitation="s2", **invite)))
        assert due() == [("reminder", "s1", after(7)), ("reminder", "s2", after(8))]
        assert opened.views.agenda.due(until=after(7), kind="reminder") == opened.views.agenda.due(until=after(7))
        opened.execute(RemindInvitation(**about(9, invitation="s1")))
        assert due() == [("reminder", "s2", after(8)), ("reminder", "s1", after(16))]
        opened.execute(RemindInvitation(**about(16, invitation="s1")))
        assert due() == [("reminder", "s2", after(8))]
        opened.execute(DeclineInvitation(**about(17, invitation="s2")))
        assert due() == []
        opened.execute(SendInvitation(**about(50, invitation="s3", **invite)))
        opened.execute(GiveFeedback(**about(51, invitation="s3", feedback="f1", instrument="nps", score=3)))
        opened.execute(GiveFeedback(**about(52, feedback="f2", instrument="csat", score=1)))
        assert due() == [("answer", "f1", after(53)), ("answer", "f2", after(54))]
        opened.execute(AnswerFeedback(**about(53, feedback="f1")))
        assert due() == [("answer", "f2", after(54))]
        opened.execute(EraseCustomer(**about(54)))
        assert due() == []
        assert opened.verify().good


def test_what_is_open_follows_a_merge(either_url: str) -> None:
    with Relations.open(either_url, clock=lambda: after(100), durability="off") as opened:
        for customer, days in (("c1", 1), ("c2", 0)):
            asked: dict[str, Any] = {"customer": customer, "occurred_at": after(days)}
            opened.execute(GiveFeedback(feedback="f1", instrument="nps", score=3, **asked))
        before = opened.views.agenda.due(until=after(90))
        opened.execute(MergeCustomer(customer="c2", into="c1", occurred_at=after(5)))
        found = opened.views.agenda.due(until=after(90), kind="answer")
        assert [(item.customer, item.stream, item.due_at) for item in found] == [
            ("c1", "customer-c2", after(2)),
            ("c1", "customer-c1", after(3)),
        ]
        assert opened.views.agenda.due(until=after(2)) == found[:1]
        opened.execute(UnmergeCustomer(customer="c2", occurred_at=after(6)))
        assert opened.views.agenda.due(until=after(90)) == before


def test_a_reminder_that_nobody_sent_lapses(either_url: str) -> None:
    now = after(0)
    surveys = Surveys(reminder_days=7, reminder_valid_days=14, quarantine_days=0)
    with Relations.open(either_url, clock=lambda: now, durability="off") as opened:
        opened.adopt(Policy(surveys=surveys), from_beginning=True)
        for invitation, days in (("s1", 0), ("s2", 10)):
            opened.execute(
                SendInvitation(
                    customer="c1", invitation=invitation, instrument="nps", channel="email", occurred_at=after(days)
                )
            )
        opened.execute(GiveFeedback(customer="c1", feedback="f1", instrument="nps", score=3, occurred_at=after(1)))
        agenda = opened.views.agenda
        both = [("answer", "f1"), ("reminder", "s1"), ("reminder", "s2")]

        def due(until: datetime) -> list[tuple[str, str]]:
            return [(item.kind, item.detail) for item in agenda.due(until=until)]

        assert due(after(2_000)) == both  # it has not lapsed yet, however far ahead one looks
        now = after(21) - timedelta(microseconds=1)
        assert due(now) == due(after(90)) == both
        now = after(21)
        assert due(now) == due(after(90)) == [("answer", "f1"), ("reminder", "s2")]
        assert agenda.for_customer("c1") == agenda.due(until=after(90))
        assert agenda.due(until=after(90), kind="reminder", limit=1) == agenda.due(until=after(90), kind="reminder")
        assert due(after(20)) == both  # as of then
        assert len(agenda.due(until=after(90), as_of=after(20))) == 3
        now = after(31)
        assert due(now) == [("answer", "f1")]
        assert opened.views.satisfaction.response_rates()[0].sent == 2
        opened.adopt(Policy(surveys=surveys.model_copy(update={"reminder_valid_days": None})))
        assert due(now) == both


def test_whoever_was_asked_under_two_ids_was_asked_once(either_url: str) -> None:
    def asked(customer: str, days: float, **fields: Any) -> dict[str, Any]:
        return {"customer": customer, "instrument": "nps", "occurred_at": after(days), **fields}

    with Relations.open(either_url, clock=lambda: after(20), durability="off") as opened:

        def open_with(customer: str) -> list[tuple[str, str, str]]:
            found = opened.views.agenda.for_customer(customer)
            assert [each for each in opened.views.agenda.due(until=after(90)) if each.customer == customer] == found
            return sorted((item.kind, item.stream, item.detail) for item in found)

        for customer, invitation in (("c1", "s1"), ("c2", "s1"), ("c2", "s2"), ("c1", "s3"), ("c2", "s3")):
            opened.execute(SendInvitation(**asked(customer, 0, invitation=invitation, channel="email")))
        opened.execute(GiveFeedback(**asked("c1", 1, invitation="s2", feedback="f1", score=9)))
        opened.execute(GiveFeedback(**asked("c2", 2, invitation="s2", feedback="f2", score=1)))
        opened.execute(GiveFeedback(**asked("c2", 3, invitation="s4", feedback="f3", score=1)))
        opened.execute(GiveFeedback(**asked("c1", 4, invitation="s4", feedback="f4", score=2)))
        opened.execute(DeclineInvitation(customer="c1", invitation="s3", occurred_at=after(5)))
        apart = [open_with("c1"), open_with("c2")]
        assert apart == [
            [("answer", "customer-c1", "f4"), ("reminder", "customer-c1", "s1")],
            [
                ("answer", "customer-c2", "f2"),
                ("answer", "customer-c2", "f3"),
                ("reminder", "customer-c2", "s1"),
                ("reminder", "customer-c2", "s3"),
            ],
        ]
        opened.execute(MergeCustomer(customer="c2", into="c1", occurred_at=after(6)))
        # f2 answers what f1 had answered well, and f4 what f3 had; s3 was declined.
        assert open_with("c1") == [("answer", "customer-c2", "f3"), ("reminder", "customer-c1", "s1")]
        assert [loop.feedback for loop in opened.views.satisfaction.open_loops().open] == ["f3"]
        opened.execute(UnmergeCustomer(customer="c2", occurred_at=after(7)))
        assert [open_with("c1"), open_with("c2")] == apart
        opened.execute(MergeCustomer(customer="c1", into="c2", occurred_at=after(8)))
        opened.execute(AnswerFeedback(customer="c1", feedback="f3", occurred_at=after(9)))
        # That somebody came back on the first answer closes the only loop there is.
        assert open_with("c2") == [("reminder", "customer-c1", "s1")]
        assert opened.views.satisfaction.open_loops().open == ()


def test_the_view_refuses_what_it_does_not_know(relations: Relations) -> None:
    agenda = relations.views.agenda
    with pytest.raises(InvalidInput):
        agenda.due(until=after(1), kind="birthday")  # type: ignore[arg-type]  # what is refused
    with pytest.raises(InvalidInput):
        agenda.due(until=after(1), limit=0)
    with pytest.raises(InvalidInput):
        agenda.due(until=datetime(2024, 1, 1))  # noqa: DTZ001 - a naive one is what is refused
