"""The complaint desk: its tickets are what the complaints' own rules say, and its lists are paged without gaps."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relations.aggregates import complaint as complaints
from relations.aggregates.complaint import (
    AGGREGATE,
    AcknowledgeComplaint,
    AskInformation,
    AssessComplaint,
    AssignComplaint,
    CheckDeadlines,
    CloseComplaint,
    Complaint,
    EscalateComplaint,
    FileComplaint,
    FollowUpComplaint,
    JudgePromise,
    ReceiveInformation,
    ReceiveMessage,
    ReopenComplaint,
    ResolveComplaint,
    TransferComplaint,
)
from relations.aggregates.customer import EraseCustomer
from relations.engine import Relations
from relations.errors import InvalidInput
from relations.messages import Envelope, to_micros
from relations.policies import Policy, ServiceLevels
from relations.policies.calendars import local_time
from relations.policies.complaints.service_levels import EscalationStep, ServiceLevel
from relations.projections.desk.tickets import DONE, NEVER, PROJECTION, Ticket
from relations.projections.desk.view import TICKET_STATUSES, TicketPage
from relations.projections.projection import Rows
from relations.testing import histories

START = datetime(2024, 1, 1, tzinfo=UTC)
FULL = Policy(
    service_levels=ServiceLevels(
        medium=ServiceLevel(
            acknowledge=timedelta(days=1),
            resolve=timedelta(days=7),
            extended=timedelta(days=30),
            next_response=timedelta(days=2),
            follow_up=timedelta(days=10),
        ),
        escalations=(EscalationStep(at_percent=50, to="head of desk"),),
    )
)


def day(days: float) -> datetime:
    return START + timedelta(days=days)


# --- tickets are what the rules say ---------------------------------------------------------------------------------


def folded(history: Any) -> tuple[Ticket | None, Complaint]:
    rows = Rows(PROJECTION.tables, local_time("UTC"))
    version, state, last = 0, AGGREGATE.decider.initial, AGGREGATE.decider.initial
    for step in history.steps:
        state = step.after
        for event in step.events:
            version += 1
            customer = getattr(event, "customer", "") or state.customer
            at = Envelope(
                position=version,
                stream="complaint-k",
                version=version,
                customer=customer,
                occurred_at=step.command.at,
                recorded_at=0,
            )
            fold = PROJECTION.folds.get(type(event))
            if fold is not None:
                fold(rows, event, at)
        last = state
    tickets = list(rows.tables[Ticket].values())
    assert len(tickets) <= 1
    return (tickets[0] if tickets else None), last


@given(histories(AGGREGATE, policies=st.sampled_from([Policy(), FULL]), commands_max=30))
def test_a_ticket_stands_where_the_complaint_does(history: Any) -> None:
    ticket, state = folded(history)
    assert (ticket is None) == (state.status == "unfiled")
    if ticket is None:
        return
    assert ticket.status == state.status
    assert (ticket.owner, ticket.department, ticket.severity) == (state.owner, state.department, state.severity)
    assert ticket.round == state.round
    assert ticket.is_open == (state.status in ("filed", "acknowledged", "reopened"))
    assert ticket.merged_into == state.merged_into


@given(histories(AGGREGATE, policies=st.sampled_from([Policy(), FULL]), commands_max=30))
def test_every_clock_that_runs_is_on_the_ticket_and_what_was_missed_waits_until_it_is_done(history: Any) -> None:
    ticket, state = folded(history)
    if ticket is None:
        return
    running = {
        clock.name if clock.number == 1 else f"{clock.name} {clock.number}": clock.due_at for clock in state.clocks
    }
    assert running.items() <= ticket.clocks.items()
    for name in ticket.clocks.keys() - running.keys():
        clock, _, number = name.partition(" ")
        key = f"{state.round} {clock}" + (f" {number}" if number else "")
        assert state.outcomes[key] == "missed"
    assert set(ticket.paused) == {
        clock.name if clock.number == 1 else f"{clock.name} {clock.number}" for clock in state.clocks if clock.paused
    }
    due = [due_at for name, due_at in ticket.clocks.items() if name not in ticket.paused]
    assert ticket.is_pending == (ticket.is_open or bool(ticket.clocks))
    assert ticket.due_at == min(due, default=NEVER if ticket.is_pending else DONE)


def test_what_was_done_before_a_clock_began_does_not_end_it() -> None:
    with Relations.open("sqlite://", clock=lambda: day(40)) as relations:
        relations.adopt(FULL, from_beginning=True)
        complaint = {"complaint": "k", "occurred_at": day(1)}
        relations.execute(FileComplaint(customer="c", subject="noise", channel="email", **complaint))
        relations.execute(ResolveComplaint(**complaint))
        relations.execute(FollowUpComplaint(complaint="k", occurred_at=day(0.5)))
        assert relations.load("complaint", "k").clock("follow_up") is not None
        assert [ticket.due_clock for ticket in relations.views.desk.work().tickets] == ["follow_up"]
        relations.execute(FollowUpComplaint(complaint="k", occurred_at=day(2)))
        assert not relations.views.desk.work().tickets


def test_messages_and_judged_promises_are_on_the_ticket_and_among_the_steps(database_url: str) -> None:
    common: dict[str, Any] = {"complaint": "k1"}
    with Relations.open(database_url, clock=lambda: day(40)) as engine:
        engine.execute(FileComplaint(**common, customer="c1", subject="noise", channel="email", occurred_at=day(0)))
        ticket = engine.views.desk.ticket("k1")
        assert ticket is not None
        assert (ticket.messages, ticket.last_message_at, ticket.promises_kept, ticket.promises_broken) == (
            0,
            None,
            0,
            0,
        )
        for number, when in ((1, 3), (2, 2)):  # the second was recorded late
            engine.execute(ReceiveMessage(**common, message=f"m{number}", channel="email", occurred_at=day(when)))
        for promise, kept in (("timely response", False), ("call back", True), ("refund", True)):
            judgement = {"promise": promise, "kept": kept, "judged_by": "regulator"}
            engine.execute(JudgePromise(**common, **judgement, occurred_at=day(5)))
        ticket = engine.views.desk.ticket("k1")
        assert ticket is not None
        assert (ticket.messages, ticket.last_message_at) == (2, day(3))
        assert (ticket.promises_kept, ticket.promises_broken) == (2, 1)
        (complaint,) = engine.views.repair.relation("c1").complaints
        steps = complaint.rounds[0].steps
        assert (steps["message_received"], steps["promise_broken"], steps["promise_kept"]) == (day(2), day(5), day(5))


def test_the_statuses_are_those_of_the_rules() -> None:
    assert {*TICKET_STATUSES, "unfiled"} == {*complaints.MOVES}


# --- lists ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def desk(database_url: str) -> Iterator[Relations]:
    """Thirty complaints of five customers, a month's work."""
    with Relations.open(database_url, durability="off", clock=lambda: day(40)) as relations:
        relations.adopt(FULL, from_beginning=True)
        for number in range(30):
            complaint = {"complaint": f"k{number:02}", "occurred_at": day(number)}
            severity = ("low", "medium", "high", "critical")[number % 4]
            relations.execute(
                FileComplaint(
                    customer=f"c{number % 5}",
                    subject=("noise", "bill")[number % 2],
                    channel="email",
                    severity=severity,
                    text=f"words of {number}",
                    **complaint,
                )
            )
            if number % 3:
                relations.execute(AssignComplaint(owner=("ann", "bo")[number % 2], department="desk", **complaint))
            if number % 5 == 0:
                later = complaint | {"occurred_at": day(number + 0.5)}
                relations.execute(ResolveComplaint(**later))
        relations.execute(TransferComplaint(complaint="k01", department="finance", occurred_at=day(3)))
        relations.execute(AskInformation(complaint="k02", request="q1", occurred_at=day(2.1)))
        relations.execute(EscalateComplaint(complaint="k03", emergency=True, occurred_at=day(3.1)))
        yield relations


def all_pages(ask: Any, limit: int) -> list[TicketPage]:
    pages = [ask(limit=limit, after=None)]
    while pages[-1].next is not None:
        pages.append(ask(limit=limit, after=pages[-1].next))
    return pages


def names(pages: list[TicketPage]) -> list[str]:
    return [ticket.complaint for page in pages for ticket in page.tickets]


def test_pages_of_any_size_make_up_the_list(desk: Relations) -> None:
    view = desk.views.desk
    whole = view.work(limit=1_000)
    assert whole.next is None
    assert len(whole.tickets) == 24 + 1 + 1, "all that is open, and settled ones of a severity that promises to ask"
    due = [ticket.due_at or datetime.max.replace(tzinfo=UTC) for ticket in whole.tickets]
    assert due == sorted(due)
    for limit in (1, 7, 26):
        for order in ("due", "severity"):
            pages = all_pages(lambda order=order, **page: view.work(order=order, **page), limit)
            assert names(pages) == names([view.work(order=order, limit=1_000)])
            assert all(len(page.tickets) == limit for page in pages[:-1])
    worst = [ticket.severity for ticket in view.work(order="severity", limit=1_000).tickets]
    assert worst == sorted(worst, key=["critical", "high", "medium", "low"].index)
    assert len(worst) == len(whole.tickets)


def test_a_page_goes_on_where_it_ended_whatever_was_recorded_meanwhile(desk: Relations) -> None:
    view = desk.views.desk
    first = view.work(limit=5)
    rest_before = names(all_pages(view.work, 5))[5:]
    for ticket in first.tickets[:3]:
        desk.execute(ResolveComplaint(complaint=ticket.complaint, occurred_at=day(39)))
    rest = [ticket.complaint for ticket in view.work(limit=1_000, after=first.next).tickets]
    assert [name for name in rest if name in rest_before] == rest_before


def test_work_by_owner_department_severity_clock_and_time(desk: Relations) -> None:
    view = desk.views.desk
    every = view.work(limit=1_000).tickets
    assert names([view.work(owner="ann")]) == [ticket.complaint for ticket in every if ticket.owner == "ann"] != []
    assert names([view.work(department="finance")]) == ["k01"]
    assert [ticket.owner for ticket in view.work(department="finance").tickets] == [None]
    assert {ticket.severity for ticket in view.work(severity="critical").tickets} == {"critical"}
    assert {ticket.due_clock for ticket in view.work(clock="acknowledge").tickets} == {"acknowledge"}
    assert all(ticket.owner is None for ticket in view.work(unassigned=True).tickets)
    assert names([view.work(unassigned=True, limit=1_000)]) == [t.complaint for t in every if t.owner is None] != []
    soon = view.work(due_by=day(5), limit=1_000, as_of=day(5)).tickets
    assert names([view.work(due_by=day(5), limit=1_000)]) == [
        t.complaint for t in every if t.due_at and t.due_at <= day(5)
    ]
    assert all(ticket.late_by is not None for ticket in soon)
    assert len(soon) > 0


def test_who_has_how_much(desk: Relations) -> None:
    loads = {load.name: load for load in desk.views.desk.load(as_of=day(20))}
    every = desk.views.desk.work(limit=1_000, as_of=day(20)).tickets
    for name, load in loads.items():
        theirs = [ticket for ticket in every if ticket.owner == name]
        opened = [ticket for ticket in theirs if ticket.status in ("filed", "acknowledged", "reopened")]
        assert load.open == len(opened)
        late = [ticket.due_clock == "follow_up" for ticket in theirs if ticket.late_by is not None]
        assert (load.overdue, load.follow_ups_overdue) == (late.count(False), late.count(True))
        assert load.critical == sum(ticket.severity == "critical" for ticket in opened)
        assert load.oldest_filed_at == min((ticket.filed_at for ticket in opened), default=None)
    assert loads.keys() == {"ann", "bo", None}
    assert {load.name for load in desk.views.desk.load(by="department")} == {"desk", "finance", None}


def test_search_by_state_and_time(desk: Relations) -> None:
    view = desk.views.desk
    assert len(view.search(limit=1_000).tickets) == 30
    assert names([view.search(status="resolved")]) == ["k00", "k05", "k10", "k15", "k20", "k25"]
    assert names(all_pages(lambda **page: view.search(status="resolved", **page), 2)) == names(
        [view.search(status="resolved")]
    )
    assert names([view.search(since=day(10), until=day(13))]) == ["k10", "k11", "k12"]
    former: Any = view.search
    with pytest.warns(DeprecationWarning, match="`filed_from` is now called `since`") as warned:
        assert names([former(filed_from=day(10), until=day(13))]) == ["k10", "k11", "k12"]
    assert [warning.filename for warning in warned] == [__file__]
    assert names([view.search(since=day(10), until=day(13), status="filed")]) == ["k11", "k12"]
    assert names([view.search(customer="c1", subject="bill", limit=2)]) == ["k01", "k11"]
    assert names([view.search(owner="bo", severity="critical", department="desk")]) == ["k07", "k11", "k19", "k23"]
    assert view.search(status="closed").tickets == ()


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"limit": 0}, "invalid_page"),
        ({"limit": 1_001}, "invalid_page"),
        ({"after": "k1"}, "invalid_cursor"),
        ({"after": "x~k1"}, "invalid_cursor"),
        ({"after": "1~2~k1"}, "invalid_cursor"),
        ({"after": "1~\x00"}, "invalid_cursor"),
        ({"severity": "awful"}, "unknown_severity"),
        ({"order": "age"}, "unknown_order"),
    ],
)
def test_what_no_list_can_be_asked(sqlite_url: str, wrong: dict[str, Any], code: str) -> None:
    with Relations.open(sqlite_url) as relations, pytest.raises(InvalidInput) as refused:
        relations.views.desk.work(**wrong)
    assert refused.value.code == code


def test_a_ticket_through_its_life(database_url: str) -> None:
    with Relations.open(database_url, durability="off", clock=lambda: day(100)) as relations:
        relations.adopt(FULL, from_beginning=True)
        view = relations.views.desk

        def does(days: float, command: type, **fields: Any) -> Any:
            relations.execute(command(complaint="k", occurred_at=day(days), **fields))
            return view.ticket("k", as_of=day(days))

        assert view.ticket("k") is None
        filed = does(0, FileComplaint, customer="c", subject="noise", channel="web", text="it was loud")
        assert (filed.status, filed.due_clock, filed.due_at, filed.owner) == ("filed", "acknowledge", day(1), None)
        assert does(0.1, AssignComplaint, owner="ann", department="desk").owner == "ann"
        missed = does(1, CheckDeadlines)
        assert (missed.due_clock, missed.late_by) == ("acknowledge", timedelta(0))
        heard = does(1.5, AcknowledgeComplaint)
        assert (heard.status, heard.due_clock, heard.due_at) == ("acknowledged", "resolve", day(7))
        waits = does(2, AskInformation, request="q")
        assert (waits.waiting, waits.due_at) == (True, None)
        assert names([view.work()]) == ["k"], "it is still on the list, at its end"
        goes_on = does(4, ReceiveInformation, request="q")
        assert (goes_on.waiting, goes_on.due_clock, goes_on.due_at) == (False, "next_response", day(6))
        worse = does(4.5, AssessComplaint, severity="critical", category="room")
        assert (worse.severity, worse.category) == ("critical", "room")
        settled = does(5, ResolveComplaint)
        assert (settled.status, settled.due_at) == ("resolved", None), "of what is critical nobody promised to ask"
        assert names([view.work()]) == []
        again = does(20, ReopenComplaint, reason="still loud")
        assert (again.status, again.round, again.due_clock) == ("reopened", 2, "acknowledge")
        does(20.1, ResolveComplaint)
        closed = does(21, CloseComplaint)
        assert (closed.status, closed.since) == ("closed", day(21))
        assert does(30, FollowUpComplaint, score=5).status == "closed"


def test_a_complaints_file_is_its_whole_stream_with_its_words_until_they_are_erased(desk: Relations) -> None:
    told = desk.timeline("complaint", "k02")
    assert [event.version for event in told] == list(range(1, len(told) + 1))
    assert {event.stream for event in told} == {"complaint-k02"}
    assert told[0].event.text == "words of 2"  # type: ignore[attr-defined] # the first is the filing
    assert [event.topic for event in desk.timeline("complaint", "k02", until=day(2))] == [
        event.topic for event in told if event.occurred_at <= to_micros(day(2))
    ]
    desk.execute(EraseCustomer(customer="c2", occurred_at=day(41)))
    assert "words" not in str(desk.timeline("complaint", "k02")[0].event)
    assert desk.timeline("complaint", "nobody") == []
