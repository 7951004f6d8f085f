"""Laws of a complaint after any history of commands, in any order of business times."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import event, given
from hypothesis import strategies as st

from relations.aggregates.complaint import (
    AGGREGATE,
    MOVES,
    REFUSALS,
    AcceptRemedy,
    AcknowledgeComplaint,
    CarryOutRemedy,
    CheckDeadlines,
    ClockCancelled,
    CloseComplaint,
    Complaint,
    ComplaintCommand,
    ComplaintReopened,
    ComplaintResolved,
    ComplaintWithdrawn,
    DeadlineMet,
    DeadlineMissed,
    DeclineRemedy,
    FileComplaint,
    FollowUpComplaint,
    GiveApology,
    ProposeRemedy,
    RemedyAccepted,
    RemedyCarriedOut,
    RemedyProposed,
    ReopenComplaint,
    ResolveComplaint,
    WithdrawComplaint,
)
from relations.decider import fold
from relations.errors import CommandRefused
from relations.log.codec import decode_state, encode_state
from relations.messages import Event, to_micros
from relations.policies import Policy
from tests.support.any_event import any_event

DECIDER = AGGREGATE.decider
POLICY = Policy()
START = datetime(2024, 1, 1, tzinfo=UTC)
FILING = FileComplaint(complaint="k", customer="c", subject="noise", channel="web", severity="high", occurred_at=START)

times = st.integers(-1, 60).map(lambda steps: START + timedelta(hours=4 * steps))
ids = st.sampled_from(["a", "b"])
words = st.sampled_from(["x", "y"])


def _to_k(command: type[ComplaintCommand], /, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.builds(command, complaint=st.just("k"), occurred_at=times, lenient=st.booleans(), **fields)


offering: st.SearchStrategy[ComplaintCommand] = st.one_of(
    _to_k(ProposeRemedy, remedy=ids, kind=st.sampled_from(["voucher", "goodwill"])),
    _to_k(AcceptRemedy, remedy=ids),
    _to_k(DeclineRemedy, remedy=ids),
    _to_k(CarryOutRemedy, remedy=ids),
)
commands: st.SearchStrategy[ComplaintCommand] = st.one_of(
    st.just(FILING),
    _to_k(AcknowledgeComplaint),
    _to_k(GiveApology, channel=st.sampled_from(["web", "email"])),
    offering,
    _to_k(ResolveComplaint, outcome=words),
    _to_k(FollowUpComplaint, score=st.integers(1, 5)),
    _to_k(CloseComplaint),
    _to_k(ReopenComplaint, reason=words),
    _to_k(WithdrawComplaint, reason=words),
    _to_k(CheckDeadlines),
)
histories = st.lists(commands, min_size=8, max_size=40).map(lambda rest: [FILING, *rest])


def execute(state: Complaint, command: ComplaintCommand) -> tuple[Complaint, list[Event]]:
    try:
        events = DECIDER.decide(state, command, POLICY)
    except CommandRefused as refused:
        event(REFUSALS[refused.code])
        return state, []
    return fold(DECIDER, events, state), events


def recorded(history: list[ComplaintCommand]) -> tuple[Complaint, list[Event]]:
    state, events = DECIDER.initial, []
    for command in history:
        state, new = execute(state, command)
        events += new
    return state, events


@given(histories)
def test_right_events_harmless_retry(history: list[ComplaintCommand]) -> None:
    state = DECIDER.initial
    for command in history:
        state, _ = execute(state, command)
        again, more = execute(state, command)
        assert more == []
        assert again == state


@given(histories)
def test_every_clock_of_every_round_ends_at_most_once(history: list[ComplaintCommand]) -> None:
    state, events = recorded(history)
    ends = [each for each in events if isinstance(each, DeadlineMet | DeadlineMissed | ClockCancelled)]
    assert max(Counter((each.round, each.clock) for each in ends).values(), default=1) == 1
    assert len(state.outcomes) == len(ends)
    for each in ends:
        outcome = {DeadlineMet: "met", DeadlineMissed: "missed", ClockCancelled: "cancelled"}[type(each)]
        assert state.outcomes[f"{each.round} {each.clock}"] == outcome
    event(f"{min(len(ends), 5)} clocks ended")


@given(histories)
def test_an_outcome_is_what_the_ending_commands_time_says(history: list[ComplaintCommand]) -> None:
    state = DECIDER.initial
    for command in history:
        state, events = execute(state, command)
        for each in events:
            if isinstance(each, DeadlineMet):
                assert command.at < each.due_at
            elif isinstance(each, DeadlineMissed):
                assert command.at >= each.due_at


@given(histories)
def test_no_clock_runs_once_a_complaint_has_ended(history: list[ComplaintCommand]) -> None:
    state, events = recorded(history)
    if state.status in ("resolved", "closed", "withdrawn"):
        assert (state.acknowledge_by, state.resolve_by) == (None, None)
        assert execute(state, CheckDeadlines(complaint="k", occurred_at=START + timedelta(days=999)))[1] == []
    else:
        _, missed = execute(state, CheckDeadlines(complaint="k", occurred_at=START + timedelta(days=999)))
        ended = {"acknowledge", "resolve"} - {each.clock for each in missed if isinstance(each, DeadlineMissed)}
        assert all(f"{state.round} {clock}" in state.outcomes for clock in ended)
    event(f"{state.status} in round {min(state.round, 3)}")
    assert events


@given(histories)
def test_between_two_ends_lies_a_reopening(history: list[ComplaintCommand]) -> None:
    _, events = recorded(history)
    over = False
    rounds = 1
    for each in events:
        if isinstance(each, ComplaintResolved | ComplaintWithdrawn):
            assert not over
            over = True
        elif isinstance(each, ComplaintReopened):
            assert over
            over = False
            rounds += 1
    event(f"{min(rounds, 4)} rounds")


@given(histories)
def test_strict_commands_never_lead_to_a_lenient_reopening(history: list[ComplaintCommand]) -> None:
    state = DECIDER.initial
    for command in history:
        state, events = execute(state, command)
        reopened = [each for each in events if isinstance(each, ComplaintReopened)]
        if reopened and not isinstance(command, ReopenComplaint):
            assert command.lenient
            assert reopened[0].lenient
            assert events[0] is reopened[0]
            assert len(events) > 1


@given(st.lists(offering, min_size=8, max_size=40))
def test_only_what_was_offered_and_taken_is_carried_out_once(history: list[ComplaintCommand]) -> None:
    _, events = recorded([FILING, *history])
    offered: set[str] = set()
    taken: set[str] = set()
    done: list[str] = []
    for each in events:
        if isinstance(each, RemedyProposed):
            assert each.remedy not in offered
            offered.add(each.remedy)
        elif isinstance(each, RemedyAccepted):
            assert each.remedy in offered
            taken.add(each.remedy)
        elif isinstance(each, RemedyCarriedOut):
            assert each.remedy in taken
            done.append(each.remedy)
    assert len(set(done)) == len(done)
    event("carried out" if done else "nothing carried out")


@given(histories)
def test_states_follow_each_other_in_time(history: list[ComplaintCommand]) -> None:
    state, _ = recorded(history)
    moments = [moment for moment, _ in state.history]
    assert moments == sorted(moments)
    assert state.status in MOVES
    assert state.status_at(to_micros(START) + 10**15) == state.status


@given(histories)
def test_a_snapshot_anywhere_changes_nothing(history: list[ComplaintCommand]) -> None:
    state = DECIDER.initial
    for command in history:
        state, _ = execute(state, command)
        assert decode_state(encode_state(state), Complaint) == state


# --- evolve takes whatever was recorded -----------------------------------------------------------------------------


@given(st.lists(st.one_of([any_event(kind) for kind in AGGREGATE.events]), min_size=1, max_size=30), histories)
def test_evolve_never_refuses_what_was_recorded(past: list[Event], history: list[ComplaintCommand]) -> None:
    state = fold(DECIDER, past)
    assert isinstance(state, Complaint)
    for command in history:
        state, _ = execute(state, command)


def test_an_unknown_event_changes_nothing() -> None:
    state, _ = recorded([FILING])
    assert DECIDER.evolve(state, Event()) is state
