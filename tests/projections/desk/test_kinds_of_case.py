"""Enquiries, requests and suggestions: one desk, clocks of their own, and no effect on the relation."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from relations.aggregates.complaint import (
    AcknowledgeComplaint,
    AssignComplaint,
    CloseComplaint,
    FileComplaint,
    FollowUpComplaint,
    ReceiveMessage,
    ReopenComplaint,
    ResolveComplaint,
    SendMessage,
)
from relations.aggregates.customer import (
    EraseCustomer,
    MergeCustomer,
    RecordPurchase,
    RefundPurchase,
    RegisterCustomer,
    UnmergeCustomer,
)
from relations.engine import Relations
from relations.errors import CommandRefused, InvalidInput
from relations.messages import Money
from relations.policies import GradeLevels, Policy, ServiceLevels
from relations.policies.complaints.service_levels import CASE_KINDS, KindLevel, ServiceLevel
from relations.projections.repair.figures import CasesStanding

NINE = datetime(2024, 5, 6, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
HOURLY = Policy(
    service_levels=ServiceLevels(
        kinds=(
            KindLevel(
                kind="enquiry",
                level=ServiceLevel(acknowledge=2 * HOUR, resolve=48 * HOUR, next_response=HOUR),
            ),
        )
    )
)

FOLLOWED_UP = ServiceLevels(
    medium=ServiceLevel(acknowledge=24 * HOUR, resolve=48 * HOUR, follow_up=72 * HOUR),
    kinds=ServiceLevels().kinds[1:],
)
"""Enquiries have no level of their own."""


def file(number: int, kind: str, **more: Any) -> FileComplaint:
    fields = {"complaint": f"k{number}", "customer": "c1", "subject": "parking", "channel": "web", "occurred_at": NINE}
    return FileComplaint(kind=kind, **{**fields, **more})


def words_of(engine: Relations) -> list[Any]:
    events: list[Any] = [each.event for each in engine.timeline("complaint", "k1") if "message_" in each.topic]
    return [event.words for event in events]


def test_only_a_complaint_touches_the_relation(either_url: str) -> None:
    with Relations.open(either_url, clock=lambda: NINE + 9 * HOUR) as engine:
        for number, kind in enumerate(CASE_KINDS[1:], 1):
            engine.execute(file(number, kind))
            outcome = "adopted" if kind == "suggestion" else "answered"
            engine.execute(ResolveComplaint(complaint=f"k{number}", outcome=outcome, occurred_at=NINE + HOUR))
            engine.execute(FollowUpComplaint(complaint=f"k{number}", score=1, occurred_at=NINE + 2 * HOUR))
            engine.execute(ReopenComplaint(complaint=f"k{number}", reason="again", occurred_at=NINE + 3 * HOUR))
        repair = engine.views.repair
        relation = repair.relation("c1")
        assert (relation.standing.state, relation.complaints, repair.account("c1").balance) == ("healthy", (), 0)
        assert (repair.summary().complaints, repair.summary().customers) == (0, 1)
        assert sum(each.actions + each.complaints for each in repair.justice()) == 0
        assert [figure.n for figure in engine.views.satisfaction.csat(instrument="complaint_csat")] == [0]
        assert len(engine.views.desk.work().tickets) == 3
        engine.execute(file(4, "complaint"))
        assert repair.relation("c1").standing.state == "strained"
        assert repair.summary().complaints == 1
        assert repair.account("c1").balance < 0


def test_each_kind_has_its_own_clocks_and_old_policies_keep_theirs() -> None:
    levels = ServiceLevels()
    due = {kind: levels.deadlines("medium", 0, "gold", kind) for kind in CASE_KINDS}
    assert len(set(due.values())) == 4
    assert due["complaint"] == levels.deadlines("medium", 0)
    assert ServiceLevels(kinds=()).deadlines("high", 0, None, "enquiry") == levels.deadlines("high", 0)
    with pytest.raises(InvalidInput, match="each kind may be given only once"):
        ServiceLevels(kinds=(levels.kinds[0], levels.kinds[0]))


def test_a_message_at_two_is_answered_by_three_and_the_answer_ends_the_clock(either_url: str) -> None:
    fourteen = NINE + 5 * HOUR
    now = fourteen
    with Relations.open(either_url, clock=lambda: now) as engine:
        engine.adopt(HOURLY, from_beginning=True)
        engine.execute(file(1, "enquiry"))
        sent = engine.execute(SendMessage(complaint="k1", message="m1", words="Yes.", occurred_at=NINE + HOUR))
        assert [each.topic for each in sent.events] == ["complaint.message_sent", "complaint.deadline_met"]
        engine.execute(ReceiveMessage(complaint="k1", message="m2", words="Where?", occurred_at=fourteen))
        ticket = engine.views.desk.ticket("k1")
        assert ticket is not None
        assert (ticket.due_clock, ticket.due_at, ticket.status) == ("next_response", NINE + 6 * HOUR, "acknowledged")
        now = NINE + 7 * HOUR  # nobody answered in time
        engine.advance_time(now)
        ticket = engine.views.desk.ticket("k1")
        assert ticket is not None
        assert ticket.late_by == HOUR
        engine.execute(SendMessage(complaint="k1", message="m3", words="In the yard.", occurred_at=now))
        ticket = engine.views.desk.ticket("k1")
        assert ticket is not None
        assert ticket.due_clock == "resolve"
        assert not engine.execute(SendMessage(complaint="k1", message="m3", words="x", occurred_at=now)).events
        with pytest.raises(CommandRefused, match="m3") as refused:
            engine.execute(SendMessage(complaint="k1", message="m3", occurred_at=now + HOUR))
        assert refused.value.code == "message_id_reused"
        words = words_of(engine)
        assert words == ["Yes.", "Where?", "In the yard."]
        engine.execute(EraseCustomer(customer="c1", occurred_at=now))
        gone = words_of(engine)
        assert len(gone) == 3
        assert not any(isinstance(each, str) and each in words for each in gone)


def test_a_suggestion_is_adopted_or_declined() -> None:
    with Relations.open("sqlite://", clock=lambda: NINE + HOUR) as engine:
        engine.execute(file(1, "suggestion"))
        with pytest.raises(CommandRefused, match="settled") as refused:
            engine.execute(ResolveComplaint(complaint="k1", occurred_at=NINE))
        assert (refused.value.code, refused.value.field) == ("suggestion_outcome", "outcome")
        assert engine.execute(ResolveComplaint(complaint="k1", outcome="declined", occurred_at=NINE)).events


def test_the_desk_is_chosen_by_kind_channel_and_grade_also_of_merged_customers(either_url: str) -> None:
    with Relations.open(either_url, clock=lambda: NINE + HOUR) as engine:
        for customer in ("c1", "c2"):
            engine.execute(RegisterCustomer(customer=customer, occurred_at=NINE))
        for number in range(12):
            more = {
                "customer": ("c1", "c2")[number % 2],
                "channel": ("web", "email", "phone")[number % 3],
                "grade": (None, "high")[number // 6],
            }
            engine.execute(file(number, CASE_KINDS[number % 4], **more))
        desk = engine.views.desk

        def found(customer: str | None = None, **chosen: Any) -> set[str]:
            listed = {ticket.complaint for ticket in desk.work(**chosen).tickets}
            assert {ticket.complaint for ticket in desk.search(**chosen).tickets} == listed
            return {ticket.complaint for ticket in desk.search(customer=customer, **chosen).tickets}

        assert found(kind="enquiry") == {"k1", "k5", "k9"}
        assert found(channel="email") == {"k1", "k4", "k7", "k10"}
        assert found(kind="enquiry", channel="email") == {"k1"}
        assert found(grade="high", kind="suggestion") == {"k7", "k11"}
        assert found(customer="c2", kind="request") == set()
        engine.execute(MergeCustomer(customer="c2", into="c1", occurred_at=NINE + HOUR))
        assert found(customer="c2", kind="request") == found(kind="request") == {"k2", "k6", "k10"}
        engine.execute(UnmergeCustomer(customer="c2", occurred_at=NINE + HOUR))
        assert found(customer="c2", kind="request") == set()
        with pytest.raises(InvalidInput, match="gossip"):
            desk.work(kind="gossip")  # type: ignore[arg-type] # that is what is tested
        ticket = desk.ticket("k7")
        assert ticket is not None
        assert (ticket.kind, ticket.grade, ticket.channel) == ("suggestion", "high", "email")


def test_an_earlier_command_sent_again_is_recognised_as_a_complaint() -> None:
    with Relations.open("sqlite://", clock=lambda: NINE) as engine:
        engine.execute(file(1, "complaint", command_id="x1"))
        again = engine.execute(
            FileComplaint(
                complaint="k1", customer="c1", subject="parking", channel="web", occurred_at=NINE, command_id="x1"
            )
        )
        assert again.repeated
        with pytest.raises(CommandRefused):
            engine.execute(file(1, "enquiry"))
        engine.execute(AcknowledgeComplaint(complaint="k1", occurred_at=NINE))


def test_a_message_after_the_end_is_work_until_it_is_answered(either_url: str) -> None:
    now = NINE + 10 * HOUR
    with Relations.open(either_url, clock=lambda: now) as engine:
        engine.adopt(HOURLY, from_beginning=True)
        desk, repair = engine.views.desk, engine.views.repair
        engine.execute(file(1, "enquiry"))
        engine.execute(ResolveComplaint(complaint="k1", outcome="answered", occurred_at=NINE + HOUR))
        engine.execute(CloseComplaint(complaint="k1", occurred_at=NINE + HOUR))
        assert not desk.work().tickets
        assert repair.cases() == CasesStanding(open=0, overdue=0, follow_ups_overdue=0)
        engine.execute(ReceiveMessage(complaint="k1", message="m1", occurred_at=NINE + 9 * HOUR))
        engine.advance_time(now)
        assert [(each.status, each.due_clock, each.late_by) for each in desk.work().tickets] == [
            ("closed", "next_response", timedelta(0))
        ]
        assert [(each.open, each.overdue) for each in desk.load()] == [(0, 1)]
        assert repair.cases() == CasesStanding(open=1, overdue=1, follow_ups_overdue=0)
        assert repair.cases(as_of=NINE + 9 * HOUR) == CasesStanding(open=1, overdue=0, follow_ups_overdue=0)
        engine.execute(SendMessage(complaint="k1", message="m2", occurred_at=now))
        assert not desk.work().tickets
        assert repair.cases() == CasesStanding(open=0, overdue=0, follow_ups_overdue=0)


def test_only_complaints_are_followed_up(either_url: str) -> None:
    now = NINE + 40 * 24 * HOUR
    with Relations.open(either_url, clock=lambda: now) as engine:
        engine.adopt(Policy(service_levels=FOLLOWED_UP), from_beginning=True)
        for number, kind in enumerate(CASE_KINDS):
            engine.execute(file(number, kind))
            outcome = "adopted" if kind == "suggestion" else "answered"
            engine.execute(ResolveComplaint(complaint=f"k{number}", outcome=outcome, occurred_at=NINE + HOUR))
        asked = {item.stream for item in engine.views.agenda.due(until=now) if item.kind == "follow_up"}
        assert asked == {"complaint-k0"}
        assert [(each.complaint, each.due_clock) for each in engine.views.desk.work().tickets] == [("k0", "follow_up")]
        (load,) = engine.views.desk.load()
        assert (load.open, load.overdue, load.follow_ups_overdue) == (0, 0, 1)
        assert engine.views.repair.cases() == CasesStanding(open=0, overdue=0, follow_ups_overdue=1)
        figures = engine.views.board.figures(indicators=("open_cases", "overdue_cases", "overdue_follow_ups"))
        assert [figure.month.value for figure in figures] == [0, 0, 1]


def test_overdue_cases_are_open_cases_and_a_follow_up_is_a_figure_of_its_own(either_url: str) -> None:
    now = NINE + 30 * HOUR
    with Relations.open(either_url, clock=lambda: now) as engine:
        for number, kind in enumerate(CASE_KINDS):
            engine.execute(file(number, kind))  # by default answered in 24, 4, 4 and 48 hours
        found = engine.views.repair.cases()
        assert (found.open, found.overdue) == (4, 3)
        due = [ticket.complaint for ticket in engine.views.desk.work(due_by=now).tickets]
        assert sorted(due) == ["k0", "k1", "k2"]


def test_the_engines_own_grade_decides_the_promise_and_is_pinned(either_url: str) -> None:
    now = NINE + HOUR
    quick = ServiceLevel(acknowledge=HOUR, resolve=8 * HOUR)
    levels = ServiceLevels(grades=(GradeLevels(grade="high", medium=quick),))
    with Relations.open(either_url, clock=lambda: now) as engine:
        engine.adopt(Policy(service_levels=levels), from_beginning=True)

        def buy(customer: str, purchase: str, euros: int, days_ago: int = 1) -> None:
            paid = Money(euros * 100, "EUR")
            at = NINE - timedelta(days=days_ago)
            engine.execute(RecordPurchase(customer=customer, purchase=purchase, amount=paid, occurred_at=at))

        def due(number: int, customer: str, **more: Any) -> tuple[str | None, timedelta]:
            engine.execute(file(number, "complaint", customer=customer, **more))
            ticket = engine.views.desk.ticket(f"k{number}")
            assert ticket is not None
            assert ticket.due_at is not None
            return ticket.grade, ticket.due_at - ticket.filed_at

        buy("c1", "p1", 700)
        buy("c2", "p2", 500)
        assert due(1, "c1") == ("mid", 24 * HOUR)
        engine.execute(MergeCustomer(customer="c2", into="c1", occurred_at=NINE))
        assert due(2, "c2") == ("high", HOUR)  # what both ids bought counts
        assert due(3, "c1", grade="regular") == ("regular", 24 * HOUR)  # what the host gives stands
        assert due(4, "nobody") == (None, 24 * HOUR)
        buy("c3", "p3", 5_000, days_ago=500)
        assert due(5, "c3") == ("low", 24 * HOUR)  # too long ago to count
        view = {each.customer: each.grade for each in engine.views.retention.grades()}
        assert (view["c1"], view["c3"]) == ("high", "low")
        engine.execute(
            RefundPurchase(customer="c1", refund="r1", purchase="p1", amount=Money(30_000, "EUR"), occurred_at=NINE)
        )
        assert due(6, "c1") == ("mid", 24 * HOUR)
        # A case sent again is the same case, though the grade has changed.
        assert not engine.execute(file(2, "complaint", customer="c2")).events
        assert engine.views.desk.ticket("k2").grade == "high"  # type: ignore[union-attr] # it was filed above


def test_the_desk_is_chosen_by_language_and_sorted_page_by_page(either_url: str) -> None:
    with Relations.open(either_url, clock=lambda: NINE + HOUR) as engine:
        engine.execute(RegisterCustomer(customer="c1", language="zh-Hans", occurred_at=NINE - HOUR))
        engine.execute(RegisterCustomer(customer="c2", occurred_at=NINE - HOUR))
        for number in range(12):
            more: dict[str, Any] = {
                "customer": ("c1", "c2")[number % 2],
                "channel": ("web", "email", "phone")[number % 3],
            }
            if number == 5:
                more["language"] = "de"
            engine.execute(
                file(number, CASE_KINDS[number % 4], occurred_at=NINE + number * timedelta(minutes=1), **more)
            )
            if number % 4 == 0:
                engine.execute(
                    AssignComplaint(complaint=f"k{number}", owner=f"Li ~{number % 3}", occurred_at=NINE + HOUR)
                )
        desk = engine.views.desk
        assert {each.complaint for each in desk.work(language="zh-Hans").tickets} == {f"k{n}" for n in range(0, 12, 2)}
        assert {each.complaint for each in desk.search(language="de").tickets} == {"k5"}
        orders: tuple[Any, ...] = ("due", "severity", "filed", "owner", "kind", "channel", "grade", "language")
        for order in orders:
            whole = desk.work(order=order).tickets
            assert len(whole) == 12
            values = [getattr(each, _SORTED_BY.get(order, order)) or "" for each in whole]
            assert values == sorted(values)
            paged: list[Any] = []
            after = None
            while True:
                page = desk.work(order=order, limit=5, after=after)
                paged += page.tickets
                after = page.next
                if after is None:
                    break
            assert tuple(paged) == whole


_SORTED_BY = {"due": "due_at", "filed": "filed_at"}
