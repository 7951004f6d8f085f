"""The same policy leads to the same decisions; another one to others, and the log stays as it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relations import RecordPurchase, Relations
from relations.audit.what_if import OtherDecision, what_if
from relations.audit.what_if.facts import OutsideFact, Restated, Rewriter, facts_of, with_restated
from relations.commands import (
    AssessComplaint,
    EarnPoints,
    EnrolMember,
    EscalateComplaint,
    FileComplaint,
    GiveApology,
    MergeCustomer,
    RedeemPoints,
    RefundPurchase,
    ReopenComplaint,
    ResolveComplaint,
    SendHoldingReply,
    SetGoal,
    SetProgrammeGoal,
)
from relations.messages import Command, Money
from relations.policies import Lifecycle, Policy
from relations.policies.complaints.service_levels import ServiceLevel, ServiceLevels
from relations.policies.loyalty.programme import Programme
from relations.policies.value import Condition, Segment
from relations.testing.hotel.simulation import RecordingClock, simulate_recorded
from tests.past.test_as_of import lived, lives
from tests.support.asking import START
from tests.support.effort import part
from tests.support.making import sqlite_bytes


def day(number: float) -> Any:
    return START + timedelta(days=number)


def buy(customer: str, number: int, at: float, euros: int) -> Command:
    purchase = f"{customer}-p{number}"
    return RecordPurchase(
        customer=customer,
        purchase=purchase,
        amount=Money(euros * 100, "EUR"),
        occurred_at=day(at),
        command_id=purchase,
    )


LIFE: list[Command] = [
    EnrolMember(customer="c1", occurred_at=day(0), command_id="e1"),
    EnrolMember(customer="c2", occurred_at=day(0)),
    buy("c1", 1, 1, 100),
    buy("c2", 1, 2, 300),
    RedeemPoints(customer="c1", redemption="r1", points=900, occurred_at=day(3), command_id="x1"),
    RefundPurchase(customer="c1", refund="f1", purchase="c1-p1", amount=Money(2_000, "EUR"), occurred_at=day(4)),
    FileComplaint(customer="c3", complaint="k1", subject="noise", channel="email", occurred_at=day(5), command_id="k"),
    ResolveComplaint(complaint="k1", occurred_at=day(9)),
    MergeCustomer(customer="c2", into="c1", occurred_at=day(10)),
    buy("c1", 2, 11, 50),
]


@contextmanager
def lived_until(last: float, life: Sequence[Command], policy: Policy | None = None) -> Iterator[Relations]:
    """An engine with a history that was recorded on its last day."""
    now = START
    with Relations.open("sqlite://", clock=lambda: now) as engine:
        engine.adopt(policy or Policy(), from_beginning=True)
        now = day(last)
        assert not engine.execute_many(life).rejections
        yield engine


CHEAPER = Policy(programme=Programme(rates={"EUR": "5"}))


def test_the_same_policy_makes_no_difference_in_a_simulated_history() -> None:
    """Given two years of a hotel, every loyalty and complaint command is found again and decided alike."""
    clock = RecordingClock(simulate_recorded(seed=5, commands=1_500))
    with Relations.open("sqlite://", clock=clock) as engine:
        for batch in clock.batches():
            engine.execute_many(batch)
        with what_if(engine) as found:
            assert list(found.outcomes()) == []
            assert found.refusals == {}
            assert all(figure.difference == 0 for figure in found.figures())
            assert {figure.name for figure in found.figures() if figure.happened} >= {"points earned", "deadlines met"}
            assert found.engine.status().position == engine.status().position
        aggregates, kinds = with_restated(engine.aggregates)
        rewriter, again = Rewriter(engine, kinds), 0
        for fact in facts_of(engine.events()):
            if isinstance(fact, OutsideFact) and fact.events[0].stream.startswith(("loyalty-", "complaint-")):
                assert not isinstance(rewriter.command(fact), Restated)
                again += 1
        assert again > 50
        assert len(aggregates) == len(engine.aggregates)


@part(40)
@given(lives, st.integers(0, 900))
def test_the_same_policy_makes_no_difference(life: list[Command], days: int) -> None:
    with lived([*LIFE, *life]) as engine:
        engine.advance_time(to=day(days))
        with what_if(engine) as found:
            assert list(found.outcomes()) == []
            assert found.refusals == {}


@pytest.mark.parametrize("command_id", [None, "w1"])
def test_points_that_enrol_somebody_first_are_credited_again(command_id: str | None) -> None:
    """Given points for a remedy of somebody who is no member, what-if enrols them and credits the points."""
    owed = EarnPoints(
        customer="c3", lot="l1", points=1, reason="remedy", source="k1", occurred_at=day(12), command_id=command_id
    )
    with lived([*LIFE, owed]) as engine, what_if(engine) as found:
        assert list(found.outcomes()) == []
        assert found.refusals == {}
        topics = [event.topic for event in found.engine.history("c3") if event.stream == "loyalty-c3"]
        assert topics[0] == "loyalty.member_enrolled"
        assert "loyalty.points_earned" in topics


@pytest.mark.parametrize("command_id", [None, "w1"])
@pytest.mark.parametrize(
    "late",
    [
        GiveApology(complaint="k1", occurred_at=day(12), lenient=True),
        AssessComplaint(complaint="k1", severity="low", occurred_at=day(12), lenient=True),
        EscalateComplaint(complaint="k1", to="quality", emergency=True, occurred_at=day(12), lenient=True),
        ReopenComplaint(complaint="k1", reason="not settled", occurred_at=day(12), lenient=True),
    ],
    ids=lambda command: type(command).__name__,
)
def test_a_commands_own_event_need_not_be_its_first(late: Command, command_id: str | None) -> None:
    """Given lenient work on an ended complaint, which is recorded after a reopening, the same work is decided again."""
    done = late.model_copy(update={"command_id": command_id})
    missed = AssessComplaint(complaint="k2", severity="high", occurred_at=day(40), command_id=command_id and "w2")
    filed = LIFE[6].model_copy(update={"complaint": "k2", "command_id": None})
    with lived([*LIFE, done, filed, missed]) as engine:
        with what_if(engine) as found:
            assert list(found.outcomes()) == []
            assert found.refusals == {}
        rewriter = Rewriter(engine, with_restated(engine.aggregates)[1])
        made = [rewriter.command(fact) for fact in facts_of(engine.events()) if isinstance(fact, OutsideFact)]
        assert {type(late), AssessComplaint} <= {type(each) for each in made if each.stream.startswith("complaint")}


def test_a_suggestion_that_an_import_resolved_like_a_complaint_is_resolved_again() -> None:
    """Given an outcome that only an import may record, and no command id, it is not refused when decided again."""
    filed = FileComplaint(
        customer="c3", complaint="k2", subject="pool", channel="web", occurred_at=day(5), kind="suggestion"
    )
    done = ResolveComplaint(complaint="k2", outcome="settled", occurred_at=day(6), lenient=True)
    with lived([*LIFE, filed, done]) as engine, what_if(engine) as found:
        assert (list(found.outcomes()), found.refusals) == ([], {})


def test_other_rates_give_other_points_and_refuse_what_they_do_not_cover(database_url: str) -> None:
    """Given half the points for a purchase, the redemption is refused, with its reason, and the sums say so."""
    with lived(LIFE, database_url) as engine:
        before = engine.status()
        with what_if(engine, CHEAPER) as found:
            outcomes = {each.stream: each for each in found.outcomes()}
            figures = {each.name: each for each in found.figures()}
            assert set(outcomes) == {"loyalty-c1", "loyalty-c2"}
            refused = outcomes["loyalty-c1"]
            assert refused.reason.startswith("refused: ")
            assert "points_redeemed" in {each.topic.partition(".")[2] for each in refused.happened}
            assert set(found.refusals) == {"x1"}
            assert figures["points earned"].happened == 2 * (figures["points earned"].instead or 0)
            assert (figures["points redeemed"].happened, figures["points redeemed"].instead) == (900, 0)
            assert figures["commands refused"].instead == 1
            rows = list(engine.compare(engine, found.engine).rows(["retention"]))
            assert rows == []
        assert engine.status().digest == before.digest


def test_shorter_deadlines_are_missed() -> None:
    """Given an hour to resolve, the complaint that was resolved after days missed its deadline."""
    level = ServiceLevel(acknowledge=timedelta(hours=1), resolve=timedelta(hours=2))
    levels = ServiceLevels(low=level, medium=level, high=level, critical=level)
    with lived(LIFE) as engine, what_if(engine, Policy(service_levels=levels)) as found:
        figures = {each.name: each for each in found.figures()}
        assert (figures["deadlines missed"].happened, figures["deadlines missed"].instead) == (1, 2)
        assert [each.stream for each in found.outcomes()] == ["complaint-k1"]


def test_a_command_without_an_id_is_found_again_with_its_times() -> None:
    """Given a holding reply that names its end and was sent without an id, it is decided again with that end."""
    reply = SendHoldingReply(complaint="k1", reason="room", until=day(30), occurred_at=day(6))
    with lived_until(50, [*LIFE, ReopenComplaint(complaint="k1", reason="no", occurred_at=day(12)), reply]) as engine:
        with what_if(engine) as found:
            assert list(found.outcomes()) == []
        rewriter = Rewriter(engine, with_restated(engine.aggregates)[1])
        again = [rewriter.command(fact) for fact in facts_of(engine.events()) if isinstance(fact, OutsideFact)]
        assert any(isinstance(each, SendHoldingReply) and each.until == reply.until for each in again)


def test_time_is_let_pass_on_both_sides() -> None:
    """Given points that live two months instead of four, only time up to now, or later, makes the difference."""
    usual, shorter = (Policy(programme=Programme(months_to_expiry=months)) for months in (4, 2))
    with lived_until(100, [EnrolMember(customer="c1", occurred_at=day(0)), buy("c1", 1, 1, 100)], usual) as engine:
        expired = []
        for ahead in (None, timedelta(0), timedelta(days=100)):
            with what_if(engine, shorter, ahead=ahead) as found:
                figures = {each.name: (each.happened, each.instead) for each in found.figures()}
                expired.append(figures["points expired"])
                assert [each.stream for each in found.outcomes()] == ["loyalty-c1"]
        assert expired == [(0, 0), (0, 1000), (1000, 1000)]
        with what_if(engine, ahead=timedelta(days=100)) as found:
            assert list(found.outcomes()) == []
            assert all(figure.difference == 0 for figure in found.figures())


def test_goals_are_compared_too() -> None:
    """Given half the points for a purchase, half of the programme's goal is reached, and a goal of sales as before."""
    first, last = day(0).date(), day(60).date()
    of_points = SetProgrammeGoal(
        programme="main", goal="g1", metric="points_earned", target=5_000, starts=first, ends=last, occurred_at=day(0)
    )
    of_sales = SetGoal(goal="g2", indicator="revenue", target=Decimal(9), starts=first, ends=last, occurred_at=day(0))
    with lived_until(50, [of_points, of_sales, *LIFE]) as engine, what_if(engine, CHEAPER) as found:
        figures = {each.name: each for each in found.figures()}
        points, sales = figures["main: goal g1, points_earned"], figures["goal g2, revenue"]
        assert (points.happened or 0) == 2 * (points.instead or 0) > 0
        assert sales.happened == sales.instead
        assert (sales.happened or 0) > 0


def test_figures_differ_where_no_decision_does() -> None:
    """Given another segment, nothing is decided otherwise, and its size is compared."""
    segment = Segment(name="buyers", kind="behavioural", conditions=(Condition(fact="purchases", at_least=1),))
    other = Policy(lifecycle=Lifecycle(segments=(segment,)))
    with lived_until(50, LIFE) as engine, what_if(engine, other) as found:
        assert list(found.outcomes()) == []
        assert any(figure.name == "segment buyers" and figure.difference == 1 for figure in found.figures())


def test_the_same_question_has_the_same_answer_and_no_file_changes(sqlite_url: str) -> None:
    with lived(LIFE, sqlite_url):
        pass
    before = sqlite_bytes(sqlite_url)
    found: list[list[OtherDecision]] = []
    for _ in range(2):
        with Relations.open(sqlite_url, access="read") as engine, what_if(engine, CHEAPER) as other:
            found.append([_without_positions(each) for each in other.outcomes()])
    assert found[0] == found[1] != []
    assert sqlite_bytes(sqlite_url) == before


def _without_positions(outcome: OtherDecision) -> Any:
    return outcome.stream, outcome.reason, [(event.topic, event.event) for event in outcome.instead]


def test_the_words_of_the_erased_are_not_needed(database_url: str) -> None:
    """Given a customer who was erased, their facts are taken as they are, and nothing differs."""
    from tests.support.making import erase

    with lived([*LIFE, erase("c4")], database_url) as engine, what_if(engine) as found:
        assert list(found.outcomes()) == []


@pytest.mark.parametrize("programmes", [1, 2])
def test_points_that_expired_lazily_expire_alike(programmes: int) -> None:
    """Given expiries that were only recorded before a later command, the same policy records them there too."""
    second = (Programme(id="club", name="Club", months_to_expiry=3),) if programmes == 2 else ()
    first = Programme(months_to_expiry=2)
    with lived([]) as engine:
        engine.adopt(Policy(programme=first, programmes=second), from_beginning=True)
        engine.execute_many([*LIFE, buy("c1", 9, 200, 70)])
        assert any(each.topic == "loyalty.points_expired" for each in engine.events())
        with what_if(engine) as found:
            assert list(found.outcomes()) == []
