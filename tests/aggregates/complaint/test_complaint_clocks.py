"""A complaint's clocks: working time, pauses, severities, holding replies, escalations."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from relations import Relations
from relations.aggregates.complaint import (
    AGGREGATE,
    AcknowledgeComplaint,
    ApologyGiven,
    AskInformation,
    AssessComplaint,
    CheckDeadlines,
    ClockCancelled,
    ClockPaused,
    ClockResumed,
    ClockStarted,
    CloseComplaint,
    Complaint,
    ComplaintAssessed,
    ComplaintCommand,
    ComplaintEscalated,
    ComplaintFiled,
    ComplaintFollowedUp,
    ComplaintMerged,
    ComplaintReopened,
    ComplaintResolved,
    DeadlineMet,
    DeadlineMissed,
    DeadlineMoved,
    DeclineRemedy,
    EscalateComplaint,
    EscalationPlanned,
    FileComplaint,
    FollowUpComplaint,
    GiveApology,
    HoldingReplySent,
    InformationAsked,
    InformationReceived,
    MergeComplaint,
    MessageReceived,
    MessageSent,
    ProposeRemedy,
    ReceiveInformation,
    ReceiveMessage,
    RemedyDeclined,
    ReopenComplaint,
    ResolveComplaint,
    SendHoldingReply,
    SendMessage,
    WithdrawComplaint,
    time_used,
)
from relations.messages import from_micros, to_micros
from relations.policies import BusinessCalendar, Policy, ServiceLevels
from relations.policies.complaints.regulations import (
    air_carriers_us,
    consumer_finance_us,
    payment_services_eu,
    sea_passengers_eu,
)
from relations.policies.complaints.service_levels import EscalationStep, GradeLevels, ServiceLevel
from relations.testing.scenario import Scenario

HOUR = 3_600_000_000
MONDAY = datetime(2024, 5, 6, tzinfo=UTC)
LEVEL = ServiceLevel(
    acknowledge=timedelta(hours=10),
    resolve=timedelta(hours=100),
    extended=timedelta(hours=300),
    next_response=timedelta(hours=20),
    follow_up=timedelta(hours=50),
)
FAST = ServiceLevel(acknowledge=timedelta(hours=1), resolve=timedelta(hours=30))
POLICY = Policy(
    version=1,
    service_levels=ServiceLevels(medium=LEVEL, critical=FAST, grades=(GradeLevels(grade="gold", medium=FAST),)),
)


def hour(number: float) -> datetime:
    return MONDAY + timedelta(hours=number)


def micros(number: float) -> int:
    return to_micros(hour(number))


def do(command: type[ComplaintCommand], at: float | datetime, /, **fields: Any) -> ComplaintCommand:
    moment = at if isinstance(at, datetime) else hour(at)
    return command.model_validate({"complaint": "k1", "occurred_at": moment, **fields})


def file(at: float | datetime = 0, **fields: Any) -> ComplaintCommand:
    return do(FileComplaint, at, **{"customer": "c1", "subject": "noise", "channel": "on_site", **fields})


def ask(at: float | datetime, request: str = "q1") -> ComplaintCommand:
    return do(AskInformation, at, request=request)


def receive(at: float | datetime, request: str = "q1") -> ComplaintCommand:
    return do(ReceiveInformation, at, request=request)


def assess(at: float | datetime, severity: str = "critical") -> ComplaintCommand:
    return do(AssessComplaint, at, severity=severity)


def scenario(policy: Policy = POLICY) -> Scenario[Complaint]:
    return Scenario(AGGREGATE, policy=policy)


FILED = scenario().given(file())
ANSWERED = FILED.given(do(AcknowledgeComplaint, 1))


# --- pauses ---------------------------------------------------------------------------------------------------------


def test_a_question_answers_the_customer_and_stops_the_resolutions_clock_until_they_reply() -> None:
    asked = FILED.when(ask(5)).then(
        InformationAsked(request="q1", at=micros(5)),
        DeadlineMet(clock="acknowledge", round=1, due_at=micros(10)),
        ClockPaused(clock="resolve", round=1, at=micros(5)),
    )
    asked.when(do(CheckDeadlines, 500)).then_nothing()
    asked.when(receive(45)).then(
        InformationReceived(request="q1", at=micros(45)),
        ClockStarted(clock="next_response", round=1, due_at=micros(65), at=micros(45)),
        ClockResumed(clock="resolve", round=1, due_at=micros(140), at=micros(45)),
    ).when(receive(46)).then_nothing()


def test_several_questions_stop_the_clock_until_the_last_reply() -> None:
    asked = ANSWERED.given(ask(5), ask(8, "q2"))
    once = asked.when(receive(20)).then(InformationReceived, ClockStarted)
    resumed = once.when(receive(30, "q2")).then(InformationReceived, ClockResumed)
    assert resumed.state.resolve_by == micros(125)


def test_what_was_asked_and_answered_late_moves_the_deadline_alike() -> None:
    in_order = ANSWERED.given(ask(5), receive(25), assess(60, "high"), do(GiveApology, 61))
    late = ANSWERED.given(assess(60, "high"), do(GiveApology, 61), ask(5), receive(25))
    assert late.state.resolve_by == in_order.state.resolve_by == micros(0 + 72 + 20)


def test_a_question_of_an_earlier_round_stops_no_clock_of_this_one() -> None:
    again = ANSWERED.given(do(ResolveComplaint, 20), do(ReopenComplaint, 30, reason="no"))
    again.when(ask(5)).then(InformationAsked)
    ANSWERED.given(ask(5), do(ResolveComplaint, 20)).when(do(ReopenComplaint, 30, reason="no")).then(
        ClockCancelled(clock="follow_up", round=1, at=micros(30)), ComplaintReopened
    )


def test_a_complaint_resolved_while_its_clock_stands_still_is_resolved_in_time() -> None:
    ANSWERED.given(ask(50)).when(do(ResolveComplaint, 500)).then(
        ComplaintResolved, DeadlineMet(clock="resolve", round=1, due_at=micros(100)), ClockStarted
    )


def test_what_ran_out_before_the_question_was_missed() -> None:
    ANSWERED.when(ask(120)).then(DeadlineMissed(clock="resolve", round=1, due_at=micros(100)), InformationAsked)


def test_questions_are_known_by_their_ids() -> None:
    asked = ANSWERED.given(ask(5))
    asked.when(ask(5)).then_nothing()
    asked.when(ask(6)).then_refused("request_id_reused", field="request")
    asked.when(receive(6, "q9")).then_refused("unknown_request", field="request")
    asked.when(receive(4)).then_refused("out_of_order", field="occurred_at")


# --- next response and follow-up ------------------------------------------------------------------------------------


def test_a_customers_own_message_starts_the_clock_of_the_next_answer() -> None:
    hourly = POLICY.model_copy(
        update={"service_levels": ServiceLevels(medium=LEVEL.model_copy(update={"next_response": timedelta(hours=1)}))}
    )
    nine, fourteen = hour(9), hour(14)
    answered = scenario(hourly).given(file(nine), do(AcknowledgeComplaint, hour(11)))
    wrote = answered.when(do(ReceiveMessage, fourteen, message="n1", channel="email", words="Any news?")).then(
        MessageReceived,
        ClockStarted(clock="next_response", round=1, due_at=to_micros(hour(15)), at=to_micros(fourteen)),
    )
    wrote.when(do(ReceiveMessage, fourteen, message="n1")).then_nothing()
    wrote.when(do(ReceiveMessage, 16, message="n1")).then_refused("message_id_reused", field="message")
    wrote.when(do(ReceiveMessage, hour(14.5), message="n2")).then(MessageReceived)
    wrote.when(do(GiveApology, hour(14.9))).then(ApologyGiven, DeadlineMet)
    wrote.when(do(CheckDeadlines, hour(15))).then(DeadlineMissed)


@pytest.mark.parametrize(
    "end",
    [
        [do(ResolveComplaint, 20)],
        [do(ResolveComplaint, 20), do(CloseComplaint, 20)],
        [do(WithdrawComplaint, 20)],
        [do(MergeComplaint, 20, into="k2")],
    ],
    ids=["resolved", "closed", "withdrawn", "merged"],
)
def test_a_message_after_the_end_wants_an_answer_and_leaves_the_case_ended(end: list[ComplaintCommand]) -> None:
    ended = ANSWERED.given(*end)
    ended.when(do(ReceiveMessage, 19, message="late")).then(MessageReceived)
    wrote = ended.when(do(ReceiveMessage, 30, message="n1")).then(
        MessageReceived, ClockStarted(clock="next_response", round=1, due_at=micros(50), at=micros(30))
    )
    assert wrote.state.status == ended.state.status
    met = wrote.when(do(SendMessage, 40, message="a1")).then(
        MessageSent, DeadlineMet(clock="next_response", round=1, due_at=micros(50))
    )
    assert met.state.status == ended.state.status
    reopened = wrote.given(do(ReopenComplaint, 40, reason="new facts"))
    assert reopened.state.outcomes["1 next_response"] == "cancelled"


def test_each_thing_that_the_customer_says_wants_an_answer() -> None:
    offered = ANSWERED.given(do(ProposeRemedy, 2, remedy="m1", kind="voucher"))
    declined = offered.when(do(DeclineRemedy, 3, remedy="m1")).then(
        RemedyDeclined, ClockStarted(clock="next_response", round=1, due_at=micros(23), at=micros(3))
    )
    answered = declined.when(do(GiveApology, 22)).then(
        ApologyGiven, DeadlineMet(clock="next_response", round=1, due_at=micros(23))
    )
    second = answered.given(do(ProposeRemedy, 24, remedy="m2", kind="voucher"))
    again = second.when(do(DeclineRemedy, 30, remedy="m2")).then(
        RemedyDeclined, ClockStarted(clock="next_response", round=1, due_at=micros(50), number=2, at=micros(30))
    )
    late = again.when(do(CheckDeadlines, 51)).then(
        DeadlineMissed(clock="next_response", round=1, due_at=micros(50), number=2)
    )
    assert dict(late.state.outcomes) == {
        "1 acknowledge": "met", "1 next_response": "met", "1 next_response 2": "missed",
    }  # fmt: skip


def test_an_answer_recorded_before_the_customers_words_is_no_answer_to_them_unless_it_came_after() -> None:
    offered = ANSWERED.given(do(ProposeRemedy, 2, remedy="m1", kind="voucher"), do(GiveApology, 9))
    offered.when(do(DeclineRemedy, 5, remedy="m1")).then(RemedyDeclined)


def test_the_resolution_starts_the_clock_of_the_follow_up() -> None:
    resolved = ANSWERED.when(do(ResolveComplaint, 20)).then(
        ComplaintResolved,
        DeadlineMet(clock="resolve", round=1, due_at=micros(100)),
        ClockStarted(clock="follow_up", round=1, due_at=micros(70), at=micros(20)),
    )
    closed = resolved.given(do(CloseComplaint, 30))
    # Answered after closing, it is in time all the same.
    closed.when(do(FollowUpComplaint, 60, score=4)).then(
        ComplaintFollowedUp, DeadlineMet(clock="follow_up", round=1, due_at=micros(70))
    )
    closed.when(do(CheckDeadlines, 70)).then(DeadlineMissed(clock="follow_up", round=1, due_at=micros(70)))


def test_reopened_after_the_follow_up_keeps_its_outcome() -> None:
    again = ANSWERED.given(do(ResolveComplaint, 20), do(FollowUpComplaint, 25, score=2)).when(
        do(ReopenComplaint, 30, reason="not settled")
    ).then(ComplaintReopened)  # fmt: skip
    assert again.state.outcomes["1 follow_up"] == "met"
    assert [clock.name for clock in again.state.clocks] == ["acknowledge", "resolve"]


def test_the_resolution_calls_off_an_answer_to_something_said_later() -> None:
    offered = ANSWERED.given(do(ProposeRemedy, 2, remedy="m1", kind="voucher"), do(DeclineRemedy, 30, remedy="m1"))
    offered.when(do(ResolveComplaint, 25)).then(
        ComplaintResolved, DeadlineMet, ClockCancelled(clock="next_response", round=1, at=micros(25)), ClockStarted
    )


# --- severity -------------------------------------------------------------------------------------------------------


def test_another_severity_carries_the_time_used() -> None:
    ANSWERED.when(assess(20)).then(
        ComplaintAssessed(severity="critical", at=micros(20)),
        DeadlineMoved(clock="resolve", round=1, due_at=micros(30), why="severity", at=micros(20)),
    )
    # More was used than there is now: due at once, and missed.
    ANSWERED.when(assess(40)).then(
        ComplaintAssessed,
        DeadlineMoved(clock="resolve", round=1, due_at=micros(40), why="severity", at=micros(40)),
        DeadlineMissed(clock="resolve", round=1, due_at=micros(40)),
    )
    eased = ANSWERED.given(assess(20)).when(assess(25, "low")).then(ComplaintAssessed, DeadlineMoved)
    assert eased.state.resolve_by == micros(14 * 24)


def test_a_miss_stays_whatever_severity_comes_later() -> None:
    missed = ANSWERED.given(assess(40))
    missed.when(assess(41, "low")).then(ComplaintAssessed)
    assert missed.state.outcomes["1 resolve"] == "missed"


def test_the_latest_judgement_by_business_time_counts() -> None:
    late = ANSWERED.given(assess(20)).when(assess(10, "low")).then(ComplaintAssessed)
    assert late.state.severity == "critical"
    assert late.state.resolve_by == micros(30)


def test_a_reopened_complaint_has_the_time_of_its_present_severity() -> None:
    [*_, reopened] = ANSWERED.given(assess(5), do(ResolveComplaint, 20)).when(
        do(ReopenComplaint, 30, reason="no")
    ).after.past  # fmt: skip
    assert isinstance(reopened, ComplaintReopened)
    assert reopened.resolve_by == micros(60)


def test_customers_of_a_grade_have_promises_of_their_own() -> None:
    gold = scenario().given(file(grade="gold"))
    assert (gold.state.acknowledge_by, gold.state.resolve_by) == (micros(1), micros(30))
    assert scenario().given(file(grade="silver")).state.resolve_by == micros(100)


# --- holding replies ------------------------------------------------------------------------------------------------


def test_a_holding_reply_answers_and_gives_the_extended_time() -> None:
    FILED.when(do(SendHoldingReply, 5, reason="waiting for the builder", until=hour(200))).then(
        HoldingReplySent(reason="waiting for the builder", until=micros(200), at=micros(5)),
        DeadlineMet(clock="acknowledge", round=1, due_at=micros(10)),
        DeadlineMoved(clock="resolve", round=1, due_at=micros(300), why="holding_reply", at=micros(5)),
    ).when(do(SendHoldingReply, 6, reason="still waiting")).then(HoldingReplySent)


def test_a_holding_reply_cannot_announce_what_the_policy_does_not_allow() -> None:
    FILED.when(do(SendHoldingReply, 5, reason="x", until=hour(301))).then_refused(
        "beyond_final_deadline", field="until"
    )
    FILED.when(do(SendHoldingReply, 5, reason="x", until=hour(5))).then_refused("until_has_passed", field="until")
    FILED.when(do(SendHoldingReply, 101, reason="x")).then(DeadlineMissed, DeadlineMissed, HoldingReplySent)


# --- ends -----------------------------------------------------------------------------------------------------------


def test_what_is_withdrawn_or_merged_has_no_clock_left() -> None:
    ANSWERED.when(do(WithdrawComplaint, 20)).after.when(do(CheckDeadlines, 900)).then_nothing()
    merged = ANSWERED.when(do(MergeComplaint, 20, into="k2")).then(
        ComplaintMerged(into="k2", at=micros(20)), ClockCancelled(clock="resolve", round=1, at=micros(20))
    )
    assert dict(merged.state.outcomes) == {"1 acknowledge": "met", "1 resolve": "cancelled"}
    merged.given(do(ReopenComplaint, 30, reason="another matter")).when(do(CheckDeadlines, 130)).then(
        DeadlineMissed(clock="acknowledge", round=2, due_at=micros(40)),
        DeadlineMissed(clock="resolve", round=2, due_at=micros(130)),
    )


# --- escalation -----------------------------------------------------------------------------------------------------

STEPS = Policy(
    version=1,
    service_levels=ServiceLevels(
        medium=LEVEL,
        escalations=(
            EscalationStep(clock="resolve", at_percent=80, to="head of desk"),
            EscalationStep(clock="resolve", at_percent=100, to="director"),
            EscalationStep(clock="acknowledge", at_percent=100, to="head of desk"),
        ),
    ),
)


def test_steps_of_escalation_are_planned_and_taken_before_and_at_a_miss() -> None:
    filed = scenario(STEPS).when(file()).then(
        ComplaintFiled,
        EscalationPlanned(due_at=micros(10), clock="acknowledge", percent=100, to="head of desk", at=micros(0)),
    )  # fmt: skip
    answered = filed.when(do(AcknowledgeComplaint, 1)).after
    assert answered.past[-1] == EscalationPlanned(
        due_at=micros(80), clock="resolve", percent=80, to="head of desk", at=micros(1)
    )
    warned = answered.when(do(CheckDeadlines, 80)).then(
        ComplaintEscalated(to="head of desk", clock="resolve", percent=80, at=micros(80)),
        EscalationPlanned(due_at=micros(100), clock="resolve", percent=100, to="director", at=micros(80)),
    )
    warned.when(do(CheckDeadlines, 90)).then_nothing()
    warned.when(do(CheckDeadlines, 100)).then(
        ComplaintEscalated(to="director", clock="resolve", percent=100, at=micros(100)),
        DeadlineMissed(clock="resolve", round=1, due_at=micros(100)),
        EscalationPlanned(at=micros(100)),
    ).when(do(CheckDeadlines, 101)).then_nothing()


def test_nothing_is_escalated_while_the_clock_stands_still() -> None:
    asked = scenario(STEPS).given(file(), do(AcknowledgeComplaint, 1), ask(20))
    assert asked.past[-1] == EscalationPlanned(at=micros(20))
    resumed = asked.given(receive(60))
    assert resumed.past[-1] == EscalationPlanned(
        due_at=micros(120), clock="resolve", percent=80, to="head of desk", at=micros(60)
    )


def test_an_emergency_goes_to_whom_the_policy_names_and_is_critical() -> None:
    FILED.when(do(EscalateComplaint, 0.5, emergency=True, reason="smoke")).then(
        ComplaintEscalated(to="duty manager", reason="smoke", emergency=True, at=micros(0.5)),
        ComplaintAssessed(severity="critical", at=micros(0.5)),
        DeadlineMoved(clock="acknowledge", round=1, due_at=micros(1), why="severity", at=micros(0.5)),
        DeadlineMoved(clock="resolve", round=1, due_at=micros(30), why="severity", at=micros(0.5)),
    ).when(do(EscalateComplaint, 0.5, emergency=True, reason="smoke")).then_nothing()
    FILED.when(do(EscalateComplaint, 1, to="director")).then(ComplaintEscalated)


# --- calendars ------------------------------------------------------------------------------------------------------

VIENNA = ZoneInfo("Europe/Vienna")
OFFICE = Policy(
    version=1,
    service_levels=ServiceLevels(
        medium=ServiceLevel(acknowledge=timedelta(hours=4), resolve=timedelta(hours=40)),
        calendar=BusinessCalendar(
            name="Vienna 2024",
            zone="Europe/Vienna",
            friday=("09:00-12:00", "13:00-15:00"),
            holidays=(date(2024, 3, 29), date(2024, 4, 1)),
        ),
    ),
)


def vienna(month: int, day: int, hours: int, minutes: int = 0) -> datetime:
    return datetime(2024, month, day, hours, minutes, tzinfo=VIENNA)


def test_deadlines_count_working_time_only_and_name_their_calendar() -> None:
    # Thursday afternoon before Easter: Good Friday, the weekend with the change of clocks, and Easter Monday are off.
    filed = scenario(OFFICE).given(file(vienna(3, 28, 16)))
    [event] = filed.past
    assert isinstance(event, ComplaintFiled)
    assert event.calendar == "Vienna 2024"
    assert event.acknowledge_by == to_micros(vienna(4, 2, 12))
    assert event.resolve_by == to_micros(vienna(4, 9, 11))


def test_of_a_pause_across_holidays_and_a_change_of_clocks_only_working_time_is_deducted() -> None:
    filed = scenario(OFFICE).given(file(vienna(3, 28, 10)), ask(vienna(3, 28, 15)))
    before = filed.state.resolve_by
    # Two hours of Thursday, none of the holidays, three of Tuesday.
    resumed = filed.given(receive(vienna(4, 2, 12)))
    assert before == to_micros(vienna(4, 8, 13))
    assert resumed.state.resolve_by == to_micros(vienna(4, 9, 10))
    assert time_used(resumed.state, OFFICE, "resolve", to_micros(vienna(4, 2, 13))) == 6 * HOUR
    # A pause of the holidays alone takes nothing off.
    idle = scenario(OFFICE).given(file(vienna(3, 28, 10)), ask(vienna(3, 28, 18)), receive(vienna(4, 2, 8)))
    assert idle.state.resolve_by == before


def test_the_presets_are_what_the_regulations_say() -> None:
    def due(levels: ServiceLevels, filed: datetime) -> list[str]:
        policy = Policy(version=1, service_levels=levels)
        begun = scenario(policy).given(file(filed)).state
        held = scenario(policy).given(file(filed), do(SendHoldingReply, filed + timedelta(hours=1), reason="x")).state
        zone = ZoneInfo(levels.calendar.zone if levels.calendar else "UTC")
        found = []
        for moment in (begun.acknowledge_by, begun.resolve_by, held.resolve_by):
            assert moment is not None
            found.append(f"{from_micros(moment - 1).astimezone(zone):%d %b %H:%M}")
        return found

    filed = datetime(2024, 12, 20, 15, tzinfo=VIENNA)
    holidays = [date(2024, 12, 25), date(2024, 12, 26), date(2025, 1, 1), date(2025, 1, 6)]
    psd2 = payment_services_eu(zone="Europe/Vienna", holidays=holidays)
    assert due(psd2, filed) == ["16 Jan 23:59", "16 Jan 23:59", "13 Feb 23:59"]
    ny = datetime(2024, 3, 1, 9, tzinfo=ZoneInfo("America/New_York"))
    assert due(consumer_finance_us(), ny) == ["16 Mar 23:59", "16 Mar 23:59", "30 Apr 23:59"]
    assert due(air_carriers_us(), ny) == ["31 Mar 23:59", "30 Apr 23:59", "30 Apr 23:59"]
    # A month from 30 August is Monday 30 September; two end on Wednesday 30 October.
    assert due(sea_passengers_eu(zone="Europe/Vienna"), datetime(2024, 8, 30, 9, tzinfo=VIENNA)) == [
        "30 Sep 23:59", "30 Oct 23:59", "30 Oct 23:59",
    ]  # fmt: skip


# --- in the engine --------------------------------------------------------------------------------------------------


def test_a_complaint_goes_by_the_policy_that_it_was_filed_under() -> None:
    with Relations.open("sqlite://", clock=lambda: hour(10_000)) as relations:
        relations.adopt(OFFICE, from_beginning=True)
        relations.execute(file(vienna(3, 28, 10)))
        relations.adopt(POLICY, from_beginning=True)
        relations.execute(ask(vienna(3, 28, 15)))
        relations.execute(receive(vienna(4, 2, 12)))
        assert relations.load("complaint", "k1").resolve_by == to_micros(vienna(4, 9, 10))
        relations.execute(file(vienna(3, 28, 10), complaint="k2"))
        assert relations.load("complaint", "k2").resolve_by == to_micros(vienna(3, 28, 10)) + 100 * HOUR


def test_time_advances_through_steps_and_misses_once() -> None:
    with Relations.open("sqlite://", clock=lambda: hour(10_000)) as relations:
        relations.adopt(STEPS, from_beginning=True)
        relations.execute(file())
        relations.execute(do(AcknowledgeComplaint, 1))
        kinds = [item.kind for item in relations.views.agenda.due(until=hour(1_000))]
        assert kinds == ["escalation", "resolve"]
        assert relations.advance_time(hour(79)).events == 0
        assert relations.advance_time(hour(1_000)).events == 5
        assert relations.advance_time(hour(1_000)).events == 0
        assert relations.views.agenda.due(until=hour(10_000)) == []
        escalated = [each for each in relations.history("c1") if isinstance(each.event, ComplaintEscalated)]
        assert [each.occurred_at for each in escalated] == [micros(80), micros(100)]


@pytest.mark.parametrize("answer", [True, False])
def test_the_agenda_holds_what_runs_and_nothing_else(answer: bool) -> None:
    with Relations.open("sqlite://", clock=lambda: hour(10_000)) as relations:
        relations.adopt(POLICY, from_beginning=True)

        def open_items() -> dict[str, float]:
            found = relations.views.agenda.due(until=hour(5_000))
            return {item.kind: (to_micros(item.due_at) - micros(0)) / HOUR for item in found}

        relations.execute_many([file(), ask(5)])
        assert open_items() == {}
        relations.execute(receive(45))
        assert open_items() == {"next_response": 65, "resolve": 140}
        relations.execute(assess(50))
        # Of critical complaints the policy promises no next answer; the clock that runs goes on.
        assert open_items() == {"next_response": 65, "resolve": 70}
        if answer:
            relations.execute(do(GiveApology, 51))
            relations.execute(assess(52, "medium"))
            relations.execute(do(ResolveComplaint, 60))
            assert open_items() == {"follow_up_deadline": 110, "follow_up": 60 + 7 * 24}
            relations.execute(do(FollowUpComplaint, 80, score=5))
        else:
            relations.execute(do(WithdrawComplaint, 52))
        assert open_items() == {}
