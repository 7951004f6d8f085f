"""Laws of a complaint and its clocks after any history, by any policy."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import event, given
from hypothesis import strategies as st

from relations.aggregates.complaint import (
    AGGREGATE,
    REFUSALS,
    AskInformation,
    AssessComplaint,
    CheckDeadlines,
    ClockCancelled,
    ClockPaused,
    ClockResumed,
    ClockStarted,
    Complaint,
    ComplaintCommand,
    ComplaintEscalated,
    ComplaintFiled,
    ComplaintReopened,
    DeadlineMet,
    DeadlineMissed,
    DeadlineMoved,
    FileComplaint,
    ReceiveInformation,
    WithdrawComplaint,
    time_used,
)
from relations.decider import fold
from relations.errors import CommandRefused
from relations.log.codec import decode_state, encode_state
from relations.messages import Event
from relations.policies import Policy, ServiceLevels
from relations.policies.complaints.service_levels import ServiceLevel
from relations.testing import History, histories, strategies

DECIDER = AGGREGATE.decider
NEVER = datetime(2150, 1, 1, tzinfo=UTC)
complaints = histories(AGGREGATE, policies=strategies.policies(), commands_max=25)
Run = tuple[int, str, int]
"""A clock: the round, its name, which run of it."""


def runs(events: tuple[Event, ...]) -> tuple[list[Run], list[Run]]:
    """Every clock that was started, and every one that ended."""
    started: list[Run] = []
    ended: list[Run] = []
    round_ = 0
    for each in events:
        if isinstance(each, ComplaintFiled | ComplaintReopened):
            round_ += 1
            started += [(round_, "acknowledge", 1), (round_, "resolve", 1)]
        elif isinstance(each, ClockStarted):
            started.append((each.round, each.clock, each.number))
        elif isinstance(each, DeadlineMet | DeadlineMissed | ClockCancelled):
            ended.append((each.round, each.clock, each.number))
    return started, ended


def seen(history: History[Complaint]) -> None:
    for kind in {type(each) for each in history.events}:
        event(kind.__name__)


@given(complaints)
def test_a_command_ends_in_events_or_in_a_refusal_with_a_code_and_a_retry_adds_nothing(
    history: History[Complaint],
) -> None:
    for step in history.steps:
        if step.refusal is not None:
            assert step.refusal.code in REFUSALS
            assert step.refusal.reason
            if step.refusal.code == "illegal_move" and step.refusal.field == "complaint":
                assert step.refusal.reason.startswith("cannot ")
                assert step.refusal.hint
            continue
        again = DECIDER.decide(step.after, step.command, history.policy)
        assert again == [], type(step.command).__name__
    seen(history)


@given(complaints)
def test_every_clock_ends_in_exactly_one_of_met_missed_and_cancelled(history: History[Complaint]) -> None:
    started, ended = runs(history.events)
    assert len(set(started)) == len(started)
    assert len(set(ended)) == len(ended)
    assert set(ended) <= set(started)
    state = history.state
    running = {(state.round, clock.name, clock.number) for clock in state.clocks}
    assert running == set(started) - set(ended)
    assert len(state.outcomes) == len(ended)
    # Nothing is left for ever: once the complaint ends and time goes by, all have an outcome.
    events: list[Event] = []
    for command in (
        WithdrawComplaint(complaint="k1", occurred_at=NEVER),
        CheckDeadlines(complaint="k1", occurred_at=NEVER),
    ):
        try:
            new = DECIDER.decide(state, command, history.policy)
        except CommandRefused:
            new = []
        state, events = fold(DECIDER, new, state), events + new
    started, ended = runs((*history.events, *events))
    assert sorted(started) == sorted(ended)
    assert state.clocks == ()
    seen(history)


@given(complaints)
def test_an_outcome_once_recorded_stays(history: History[Complaint]) -> None:
    for step in history.steps:
        for clock, outcome in step.before.outcomes.items():
            assert step.after.outcomes[clock] == outcome


@given(complaints)
def test_the_state_tells_what_the_events_of_clocks_said(history: History[Complaint]) -> None:
    state = DECIDER.initial
    due: dict[str, int] = {}
    paused: set[str] = set()
    for each in history.events:
        state = DECIDER.evolve(state, each)
        if isinstance(each, ComplaintFiled | ComplaintReopened):
            due = {"acknowledge": each.acknowledge_by, "resolve": each.resolve_by}
            paused = set()
        elif isinstance(each, ClockStarted | DeadlineMoved | ClockResumed):
            assert isinstance(each, ClockStarted) or each.clock in due
            due[each.clock] = each.due_at
            paused.discard(each.clock)
        elif isinstance(each, ClockPaused):
            assert each.clock not in paused
            paused.add(each.clock)
    for clock in state.clocks:
        assert clock.due_at == due[clock.name]
        assert clock.paused == (clock.name in paused)


@given(complaints)
def test_each_step_of_escalation_is_taken_once_and_only_what_runs_is_planned(history: History[Complaint]) -> None:
    taken: set[Any] = set()
    round_ = 0
    for each in history.events:
        if isinstance(each, ComplaintFiled | ComplaintReopened):
            round_ += 1
        elif isinstance(each, ComplaintEscalated) and each.clock is not None:
            step = (round_, each.clock, each.number, each.percent)
            assert step not in taken
            taken.add(step)
    plan = history.state.plan
    if plan is not None:
        clock = history.state.clock(plan.clock)
        assert clock is not None
        assert not clock.paused
        assert plan.due_at <= clock.due_at
    event(f"{min(len(taken), 3)} steps taken")


@given(complaints)
def test_snapshots_keep_all_of_it(history: History[Complaint]) -> None:
    assert decode_state(encode_state(history.state), Complaint) == history.state


@given(complaints)
def test_time_used_never_shrinks(history: History[Complaint]) -> None:
    """In the order of business time: what is recorded late may tell of a pause that nobody knew of."""
    state, policy, checked = DECIDER.initial, history.policy, 0
    used: dict[Any, int] = {}
    for command in sorted(history.commands, key=lambda each: each.at):
        try:
            events = DECIDER.decide(state, command, policy)
        except CommandRefused:
            events = []
        state = fold(DECIDER, events, state)
        for clock in state.clocks:
            run = (state.round, clock.name, clock.number)
            now = time_used(state, policy, clock.name, command.at)
            assert now >= used.get(run, 0)
            assert now <= max(command.at - clock.started_at, 0)
            checked += run in used
            used[run] = now
    event(f"{min(checked // 10, 5) * 10} comparisons or more")


# --- the order of recording -----------------------------------------------------------------------------------------

START = datetime(2024, 3, 25, 9, tzinfo=UTC)
LONG = ServiceLevel(acknowledge=timedelta(days=300), resolve=timedelta(days=400))
LONGER = ServiceLevel(acknowledge=timedelta(days=310), resolve=timedelta(days=500))
FILING = FileComplaint(complaint="k1", customer="c1", subject="noise", channel="web", occurred_at=START)


def _at(hours: int) -> datetime:
    return START + timedelta(hours=hours)


@st.composite
def happenings(draw: st.DrawFn) -> list[list[ComplaintCommand]]:
    """Questions with their answers, and judgements; each a list that has to be recorded in its own order."""
    found: list[list[ComplaintCommand]] = []
    for number in range(draw(st.integers(0, 4))):
        asked = draw(st.integers(1, 1_000))
        name = f"q{number}"
        found.append(
            [
                AskInformation(complaint="k1", request=name, occurred_at=_at(asked)),
                ReceiveInformation(complaint="k1", request=name, occurred_at=_at(asked + draw(st.integers(0, 500)))),
            ]
        )
    hours = draw(st.lists(st.integers(1, 1_500), unique=True, max_size=3))
    severities: list[Any] = ["low", "high", "critical"]
    for hour in hours:
        judged = AssessComplaint(complaint="k1", severity=draw(st.sampled_from(severities)), occurred_at=_at(hour))
        found.append([judged])
    return found


@st.composite
def _orders(draw: st.DrawFn) -> tuple[list[ComplaintCommand], list[ComplaintCommand]]:
    """The same happenings in the order of business time, and in another that streams allow."""
    chains = draw(happenings())
    in_order = sorted((command for chain in chains for command in chain), key=lambda command: command.at)
    left = [list(chain) for chain in chains]
    other = []
    while any(left):
        chain = draw(st.sampled_from([chain for chain in left if chain]))
        other.append(chain.pop(0))
    return in_order, other


@given(_orders(), strategies.calendars() | st.none())
def test_deadlines_do_not_depend_on_the_order_of_recording(orders: Any, calendar: Any) -> None:
    levels = ServiceLevels(low=LONGER, medium=LONG, high=LONG, critical=LONGER, calendar=calendar)
    policy = Policy(version=1, service_levels=levels)
    ends = []
    for commands in orders:
        state = fold(DECIDER, DECIDER.decide(DECIDER.initial, FILING, policy))
        for command in commands:
            state = fold(DECIDER, DECIDER.decide(state, command, policy), state)
        ends.append((state.clocks, state.severity))
    assert ends[0] == ends[1]
    event(f"{len(orders[0])} happenings")
