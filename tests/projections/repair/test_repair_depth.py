"""The value of repair: emotional accounts, lapsed and won back, causes, improvements, justice, satisfaction."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relations.aggregates.complaint import (
    AcceptRemedy,
    AcknowledgeComplaint,
    ApproveRemedy,
    AskInformation,
    AssessComplaint,
    CarryOutRemedy,
    CheckDeadlines,
    CloseComplaint,
    CompleteImprovement,
    DeclineRemedy,
    FileComplaint,
    FollowUpComplaint,
    GiveApology,
    MeasureImprovement,
    MergeComplaint,
    NameRootCause,
    ProposeRemedy,
    RaiseImprovement,
    ReceiveInformation,
    ReopenComplaint,
    ResolveComplaint,
    SendHoldingReply,
)
from relations.aggregates.customer import (
    FeedbackGiven,
    GiveFeedback,
    InteractionRecorded,
    MergeCustomer,
    RecordInteraction,
)
from relations.engine import Relations
from relations.errors import InvalidInput
from relations.messages import Money, to_micros
from relations.policies import EmotionalAccount, Policy, Repair
from relations.projections.repair.emotional_account import EmotionalBalance, account_of, happenings
from relations.projections.repair.figures import clock_figures, due_steps, standing
from relations.projections.repair.lessons import causes, improvements, justice_served
from relations.projections.repair.moments import Moments
from relations.projections.repair.recovery import before_and_after, pairs_of
from relations.projections.repair.relation_state import STATES
from tests.projections.repair.test_repair import (
    FAR,
    FULL_DESK,
    REPAIR,
    UTC_TIME,
    History,
    at,
    day,
    deadlines,
    due,
    figures,
    folded,
    histories,
    micros,
    relation,
    state_of,
)

# --- the edge cases -------------------------------------------------------------------------------------------------


def test_reopened_after_a_good_follow_up_is_damaged_again_and_the_old_evidence_stays_in_its_round() -> None:
    history = History().files(1).does(6, ResolveComplaint).does(8, FollowUpComplaint, score=5)
    history.does(9, CloseComplaint).does(12, ReopenComplaint, reason="it is back")
    assert at(history, 11) == ("restored", 8)
    assert at(history, 13) == ("relapsed", 12)
    first, second = relation(history).histories[0].rounds
    assert (first.restored_at(FAR), second.restored_at(FAR)) == (micros(8), None)
    assert [step for step, _ in due(history, 12.5, within=1000)] == ["acknowledge", "resolve"]


def test_a_severity_that_changes_on_the_way_moves_what_is_due_and_nothing_else() -> None:
    history = History().files(1)
    acknowledge, resolve = deadlines(history)
    history.does(1.2, AcknowledgeComplaint).does(1.5, AssessComplaint, severity="critical")
    assert due(history, 1.4, within=1000) == [("resolve", resolve)]
    assert due(history, 1.6, within=1000) == [("resolve", 2)], "a critical complaint has a day, of which half is used"
    assert [each.severity for each in (relation(history, 1.4).histories[0], relation(history, 1.6).histories[0])] == [
        "medium",
        "critical",
    ]
    history.does(3, ResolveComplaint)
    assert (figures([history])["resolved"].missed, figures([history])["acknowledged"].met) == (1, 1)
    assert acknowledge > 1.2


def test_two_complaints_of_one_kind_within_a_month_weigh_double() -> None:
    history = History().files(1, "a").files(25, "b")
    (deviation,) = relation(history).deviations
    assert (deviation.complaint, deviation.kind, deviation.interval) == ("b", "same_kind", 24 * 86_400_000_000)
    filed = [entry for entry in account(history, 25.0).entries if entry.what == "filed"]
    assert [(entry.complaint, entry.weight, entry.double) for entry in filed] == [("a", -10, False), ("b", -20, True)]


def test_an_answer_after_closing_is_heard() -> None:
    history = History().files(1).does(3, ResolveComplaint).does(4, CloseComplaint)
    assert at(history, 30) == ("verifying", 3)
    assert at(history.does(31, FollowUpComplaint, score=1), 32) == ("strained", 31)
    assert at(history.does(33, FollowUpComplaint, score=4), 34) == ("restored", 33)


def test_an_apology_recorded_late_counts_when_it_was_given() -> None:
    history = History().files(1).does(1.5, AcknowledgeComplaint).does(3, ResolveComplaint).does(1.2, GiveApology)
    assert at(history, 1.3) == ("apologised", 1.2)
    assert at(history, 4) == ("verifying", 3)
    found = figures([history])
    assert (found["apologised"].median, found["acknowledged"].median) == (timedelta(days=0.2), timedelta(days=0.2))
    assert [entry.at for entry in account(history, 4).entries if entry.what == "apologised"] == [day(1.2)]


def test_a_clock_that_stands_still_is_not_due_and_goes_on_later() -> None:
    history = History().files(1)
    _, resolve = deadlines(history)
    history.does(1.1, AskInformation, request="q")
    assert due(history, 100, within=1000) == due(history, 100) == []
    assert [(each.clock, each.paused) for each in clocks(history, 100) if each.paused] == [("resolve", 1)]
    history.does(11.1, ReceiveInformation, request="q")
    assert due(history, 12, within=1000) == [("resolve", resolve + 10)]
    assert due(history, 5) == [], "as of then, as before"


def test_what_the_customer_says_wants_an_answer_and_a_late_one_is_off_the_list_too() -> None:
    history = History(FULL_DESK).files(1)
    history.does(1.1, AskInformation, request="q").does(2, ReceiveInformation, request="q")
    assert ("next_response", 4) in due(history, 3, within=1000)
    history.does(4, CheckDeadlines)
    assert ("next_response", 4) in due(history, 5)
    history.does(6, SendHoldingReply, reason="parts")
    assert "next_response" not in dict(due(history, 7)) | dict(due(history, 7, within=1000))
    assert {each.clock: (each.met, each.missed) for each in clocks(history, 7)} == {
        "acknowledge": (1, 0),
        "next_response": (0, 1),
        "resolve": (0, 0),
        "follow_up": (0, 0),
    }


def test_an_offer_counts_when_the_customer_hears_of_it() -> None:
    history = History(FULL_DESK).files(1)
    history.does(1.2, ProposeRemedy, remedy="r", kind="refund", value=Money(800, "EUR"), role="clerk", actor="ann")
    assert figures([history])["proposed"].reached == 0
    assert at(history, 1.3) == ("strained", 1)
    history.does(1.4, ApproveRemedy, remedy="r", role="head", actor="bo")
    assert figures([history])["proposed"].median == timedelta(days=0.4)
    assert at(history, 1.5) == ("acknowledged", 1.4)


def test_a_duplicate_is_no_second_failure() -> None:
    history = History().files(1, "a").files(2, "b").does(3, MergeComplaint, "b", into="a")
    found = relation(history, 4)
    assert (found.state, found.complaint, found.deviations) == ("strained", "a", [])
    assert relation(history, 2.5).deviations != [], "until that was known it was one"
    assert (standing("c", found).complaints, standing("c", found).unsettled) == (2, 1)
    assert [clock for clock, _ in due(history, 2.9, within=99)] != [clock for clock, _ in due(history, 4, within=99)]
    history.does(5, ResolveComplaint, "a").does(6, FollowUpComplaint, "a", score=5)
    assert at(history, 7) == ("restored", 6)


# --- lapsed and won back --------------------------------------------------------------------------------------------


def test_silence_after_a_failure_is_a_lapse_and_buying_again_wins_back() -> None:
    history = History().buys(0.5).files(1).does(3, ResolveComplaint)
    assert at(history, 300) == ("verifying", 3)
    assert at(history, 366) == ("lapsed", 366), "a year after they complained, the last that was heard of them"
    assert at(history, 366, Repair(lapse_days=500)) == ("verifying", 3)
    history.buys(400.5)
    assert at(history, 399) == ("lapsed", 366)
    assert at(history, 401) == ("won_back", 400)
    assert at(history, 401, Repair(lapse_days=500)) == ("restored", 400)


def test_of_people_who_never_bought_silence_says_nothing() -> None:
    history = History().files(1).does(3, ResolveComplaint)
    assert at(history, 9_000) == ("verifying", 3)
    assert at(history.buys(5_000.5), 9_000) == ("restored", 5_000), "a first purchase wins nobody back"


def test_a_restored_relation_does_not_lapse() -> None:
    history = History().buys(0.5).files(1).does(3, ResolveComplaint).does(5, FollowUpComplaint, score=5)
    assert at(history, 5_000) == ("restored", 5)


@given(histories(), st.integers(0, 2_000))
def test_every_relation_is_in_one_known_state(history: History, days: int) -> None:
    found = state_of(history.facts, micros(days))
    assert found.state in STATES
    assert (found.since is None) == (found.state == "healthy")
    assert found.since is None or found.since <= micros(days)


# --- emotional accounts ---------------------------------------------------------------------------------------------


def account(history: History, days: float, weights: EmotionalAccount | None = None) -> EmotionalBalance:
    months = list(folded(history.facts).tables[Moments].values())
    as_of = micros(days)
    found = happenings(relation(history, days), months, as_of=as_of)
    return account_of("c", found, weights or EmotionalAccount(), as_of=as_of)


def meets(history: History, days: float, kind: str) -> History:
    event = InteractionRecorded(interaction=f"i{days}", channel="phone", kind=kind)
    history.record("customer-c", "c", micros(days), event)
    return history


def test_deposits_and_withdrawals_fade_by_half_in_a_half_life() -> None:
    history = meets(meets(History(), 0, "kind_call"), 0, "small talk")
    found = account(history, 180)
    assert [(entry.what, entry.detail, entry.weight, entry.left) for entry in found.entries] == [
        ("interaction", "kind_call", 3, 1.5)
    ]
    assert (account(history, 0).balance, found.balance, account(history, 360).balance) == (3, 1.5, 0.75)
    meets(history, 180, "taboo_broken")
    after = account(history, 180)
    assert (after.balance, after.deposits, after.withdrawals) == (-28.5, 1.5, -30)
    assert [entry.balance for entry in after.entries] == [3, -28.5]


def test_what_a_complaint_does_to_the_account() -> None:
    history = History().files(1)
    acknowledge, resolve = deadlines(history)
    history.does(1.2, GiveApology)
    history.does(1.3, ProposeRemedy, remedy="r", kind="goodwill").does(1.4, DeclineRemedy, remedy="r")
    history.does(1.5, ProposeRemedy, remedy="s", kind="goodwill").does(1.6, AcceptRemedy, remedy="s")
    history.does(1.7, CarryOutRemedy, remedy="s").does(resolve + 1, ResolveComplaint)
    history.does(resolve + 2, ReopenComplaint, reason="no")
    told = [(entry.what, entry.detail, entry.weight) for entry in account(history, resolve + 2).entries]
    assert told == [
        ("filed", "medium", -10),
        ("apologised", "", 4),
        ("deadline_met", "acknowledge", 2),
        ("declined", "", -2),
        ("remedied", "", 8),
        ("deadline_missed", "resolve", -10),
        ("reopened", "", -15),
    ]
    missed = next(entry for entry in account(history, resolve + 2).entries if entry.what == "deadline_missed")
    assert missed.at == day(resolve), "it hurts when the time is up"
    assert account(history, resolve).entries[-1].what == "deadline_missed", "whether or not it is recorded yet"
    assert acknowledge > 1.2


@given(histories(), st.randoms(use_true_random=False), st.integers(0, 400))
def test_the_account_follows_from_what_happened_and_not_from_the_order_of_recording(
    history: History, chance: random.Random, days: int
) -> None:
    for number in range(chance.randint(0, 5)):
        meets(history, number * 40.5, chance.choice(["greeting", "kind_call", "promise_broken"]))
    expected = account(history, days)
    chance.shuffle(history.facts)
    assert account(history, days) == expected
    assert expected.balance == pytest.approx(sum(entry.left for entry in expected.entries), abs=0.01 * 60)
    assert all(entry.at <= day(days) for entry in expected.entries)


# --- causes, improvements, justice ----------------------------------------------------------------------------------


def test_causes_by_frequency_with_what_they_make_up_together() -> None:
    history = History()
    for number, cause in enumerate(["pipes", "pipes", "staff", "pipes", None, "staff", "noise"]):
        history.files(number, f"k{number}", subject=("bill", "room")[number % 2])
        if cause is not None:
            history.does(number + 50, NameRootCause, f"k{number}", cause=cause)
    found = causes(relation(history).histories)
    assert [(each.cause, each.complaints) for each in found] == [("pipes", 3), ("staff", 2), ("noise", 1), (None, 1)]
    assert [each.share for each in found] == [3 / 6, 2 / 6, 1 / 6, None]
    assert [each.cumulative for each in found] == [3 / 6, 5 / 6, 1, None]
    assert {each.cause for each in causes(relation(history, 51).histories)} == {"pipes", None}, "as it was known then"
    assert {(each.cause, each.complaints) for each in causes(relation(history).histories, by="subject")} == {
        ("bill", 4),
        ("room", 3),
    }


def test_improvements_open_done_and_proved() -> None:
    history = History().files(1)
    for number, name in enumerate(["a", "b", "d", "e"]):
        history.does(2 + number, RaiseImprovement, improvement=name, title=f"change {name}", cause="pipes", owner="ann")
        if name != "a":
            history.does(10, CompleteImprovement, improvement=name)
    measured: dict[str, Any] = {"before": 12, "before_days": 60, "after_days": 60}
    history.does(100, MeasureImprovement, improvement="d", after=3, **measured)
    history.does(100, MeasureImprovement, improvement="e", after=13, **measured)

    def states(days: float) -> dict[str, str]:
        return {each.improvement: each.state for each in improvements(relation(history, days).histories)}

    assert states(3) == {"a": "open", "b": "open"}
    assert states(50) == {"a": "open", "b": "done", "d": "done", "e": "done"}
    assert states(101) == {"a": "open", "b": "done", "d": "proved", "e": "not_proved"}
    proved = improvements(relation(history).histories)[2]
    assert (proved.title, proved.cause, proved.owner) == ("change d", "pipes", "ann")
    assert (proved.before_per_30_days, proved.after_per_30_days) == (6, 1.5)
    assert (proved.raised_at, proved.done_at, proved.measured_at) == (day(4), day(10), day(100))


def test_which_justice_was_served_and_where_relations_mended() -> None:
    good = History().files(1).does(1.1, AcknowledgeComplaint).does(1.2, GiveApology).does(2, ResolveComplaint)
    good.does(3, FollowUpComplaint, score=5)
    bad = History().files(1).does(1.5, AcknowledgeComplaint)
    found = {
        each.justice: each for each in justice_served([("a", relation(good)), ("b", relation(bad))], confidence=0.95)
    }
    assert [found[kind].complaints for kind in ("distributive", "procedural", "interactional")] == [0, 2, 1]
    assert [found[kind].actions for kind in ("distributive", "procedural", "interactional")] == [0, 3, 2]
    assert (found["procedural"].restored, found["procedural"].customers) == (1, 2)
    assert (found["interactional"].share, found["distributive"].interval) == (0.5, None)


def clocks(history: History, days: float = 10_000) -> list[Any]:
    return clock_figures(relation(history, days).histories, as_of=micros(days), confidence=0.95)


@given(histories())
def test_every_clock_is_counted_once(history: History) -> None:
    started = sum(len(opened.clocks) for each in relation(history).histories for opened in each.rounds)
    counted = sum(each.met + each.missed + each.running + each.paused for each in clocks(history))
    assert counted <= started
    found = relation(history)
    steps = due_steps([("c", found)], begin=None, end=2 * FAR, as_of=FAR, follow_up_days=None)
    assert all(step.clock in ("acknowledge", "next_response", "resolve", "follow_up") for step in steps)


# --- before and after -----------------------------------------------------------------------------------------------


def answers(history: History, days: float, score: int, instrument: str = "csat") -> History:
    event = FeedbackGiven(feedback=f"f{days}", instrument=instrument, score=score)
    history.record("customer-c", "c", micros(days), event)
    return history


def pairs(history: History, days: float = 10_000, within: int = 365) -> list[tuple[str, int, int]]:
    months = folded(history.facts).tables[Moments].values()
    return pairs_of(relation(history, days), months, within_days=within, as_of=micros(days))


def test_the_last_answer_before_goes_with_the_first_one_after_of_the_same_kind() -> None:
    history = History().files(50).does(60, ResolveComplaint)
    for days, score in ((10, 5), (40, 3), (55, 1), (70, 4), (80, 2)):
        answers(history, days, score)
    assert pairs(history) == [("csat", 3, 4)], "what is said in between belongs to neither side"
    assert pairs(history, 65) == []
    assert pairs(history, within=5) == []
    answers(history, 20, 9, "nps")
    assert pairs(history) == [("csat", 3, 4)], "another question is no pair"
    answers(history, 75, 6, "nps")
    assert pairs(history) == [("csat", 3, 4), ("nps", 9, 6)]


def test_answers_after_the_next_complaint_belong_to_that() -> None:
    history = History().files(50, "a").does(60, ResolveComplaint, "a").files(100, "b").does(110, ResolveComplaint, "b")
    answers(answers(history, 40, 5), 120, 2)
    assert pairs(history) == []
    answers(history, 80, 4)
    assert pairs(history) == [("csat", 5, 4), ("csat", 4, 2)]


def test_the_paradox_is_shown_refuted_or_unclear_and_suppressed_where_few_answered() -> None:
    def paradox(*found: tuple[int, int]) -> Any:
        (figure,) = before_and_after([("csat", *pair) for pair in found], minimum=3, confidence=0.95)
        return figure

    shown = paradox((3, 5), (2, 4), (3, 4), (4, 5), (2, 5))
    assert (shown.paradox, shown.pairs, shown.better, shown.worse) == ("shown", 5, 5, 0)
    assert (shown.before, shown.after, shown.difference) == (2.8, 4.6, pytest.approx(1.8))
    # Mean 1.8, standard deviation 0.83666, so 2.77645 x 0.37417 to each side.
    assert (shown.interval.low, shown.interval.high) == (
        pytest.approx(0.7611, abs=1e-4),
        pytest.approx(2.8389, abs=1e-4),
    )
    assert paradox((5, 3), (4, 2), (4, 3), (5, 4)).paradox == "refuted"
    assert paradox((5, 3), (2, 4), (4, 4)).paradox == "unclear"
    few = paradox((1, 5), (1, 5))
    assert (few.suppressed, few.pairs, few.difference, few.paradox) == (True, 2, None, None)


# --- through the engine, on both databases --------------------------------------------------------------------------


@pytest.fixture
def engine(either_url: str) -> Iterator[Relations]:
    with Relations.open(either_url, durability="off", clock=lambda: datetime(2025, 1, 1, tzinfo=UTC)) as relations:
        relations.adopt(Policy(surveys={"minimum_answers": 2}), from_beginning=True)
        for number in range(6):
            customer, complaint = f"c{number}", {"complaint": f"k{number}"}
            meeting = {"customer": customer, "interaction": "i", "channel": "phone", "kind": "greeting"}
            relations.execute(RecordInteraction(occurred_at=day(1), **meeting))
            rating = {"customer": customer, "instrument": "csat"}
            relations.execute(GiveFeedback(feedback="before", score=3, occurred_at=day(2), **rating))
            if number == 5:
                continue
            relations.execute(
                FileComplaint(
                    customer=customer,
                    subject="noise",
                    channel="web",
                    touchpoint="spa",
                    text="the words",
                    occurred_at=day(3),
                    **complaint,
                )
            )
            relations.execute(AcknowledgeComplaint(occurred_at=day(3.1 + number), **complaint))
            relations.execute(NameRootCause(cause="pipes", occurred_at=day(9), **complaint))
            relations.execute(ResolveComplaint(occurred_at=day(9.5), **complaint))
            relations.execute(GiveFeedback(feedback="after", score=3 + number % 3, occurred_at=day(20), **rating))
        relations.execute(RaiseImprovement(complaint="k0", improvement="i", title="new pipes", occurred_at=day(30)))
        yield relations


def test_every_question_is_answered_from_the_tables(engine: Relations) -> None:
    view, then = engine.views.repair, day(40)
    assert [(each.cause, each.complaints) for each in view.causes(as_of=then)] == [("pipes", 5)]
    assert [(each.cause, each.complaints) for each in view.causes(as_of=then, by="touchpoint")] == [("spa", 5)]
    assert [each.title for each in view.improvements(as_of=then, state="open")] == ["new pipes"]
    assert view.improvements(as_of=day(29)) == []
    assert sum(each.actions for each in view.justice(as_of=then)) == 15 + 1
    (satisfaction,) = view.satisfaction(as_of=then)
    assert (satisfaction.pairs, satisfaction.before, satisfaction.after) == (5, 3, 3.8)
    answers_ = next(each for each in view.clocks(as_of=then) if each.clock == "acknowledge")
    assert (answers_.met, answers_.missed) == (1, 4)
    assert view.clocks(as_of=then, severity="low")[0].met == 0
    accounts = view.accounts(as_of=then)
    assert len(accounts) == 5
    assert [each.balance for each in accounts] == sorted(each.balance for each in accounts)
    assert view.accounts(as_of=then, limit=2, after=accounts[0].customer) == accounts[1:3]
    assert view.account("c5", as_of=day(1)).balance == 1
    with pytest.raises(InvalidInput, match="nothing is recorded of the customer"):
        view.account("nobody", as_of=then)
    by_id = {each.customer: each for each in accounts}
    assert view.account("c3", as_of=then) == by_id["c3"]
    summary = view.summary(as_of=then)
    assert (summary.damaged, summary.lapsed_share) == (5, 0)
    with pytest.raises(InvalidInput) as refused:
        view.causes(by="weather")  # type: ignore[arg-type] # that is the point
    assert refused.value.code == "unknown_dimension"


def test_no_words_of_the_customer_are_in_the_tables(engine: Relations) -> None:
    engine.catch_up()
    for name in ("repair", "desk"):
        assert b"the words" not in engine.runner.stored(name)
    assert to_micros(day(0)) < FAR
    assert UTC_TIME.zone == "UTC"
    assert REPAIR.lapse_days == 365


def test_an_open_complaint_follows_its_customer_into_the_id_that_survives(engine: Relations) -> None:
    view, desk = engine.views.repair, engine.views.desk
    before = {"c0": view.account("c0", as_of=day(40)), "c5": view.account("c5", as_of=day(40))}
    engine.execute(FileComplaint(complaint="k9", customer="c5", subject="noise", channel="web", occurred_at=day(35)))
    engine.execute(MergeCustomer(customer="c5", into="c0", occurred_at=day(36)))
    for name in ("c0", "c5"):
        found = view.relation(name, as_of=day(40))
        assert (found.standing.customer, found.standing.complaint) == ("c0", "k9")
        assert [each.complaint for each in found.complaints] == ["k0", "k9"]
        assert [each.kind for each in found.deviations] == ["same_kind"], "one customer, whom it happened to twice"
        account = view.account(name, as_of=day(40))
        assert account.customer == "c0"
        assert len(account.entries) > len(before["c0"].entries) + len(before["c5"].entries)
        assert [ticket.complaint for ticket in desk.search(customer=name).tickets] == ["k0", "k9"]
        assert {ticket.customer for ticket in desk.search(customer=name).tickets} == {"c0"}
    assert "c5" not in {account.customer for account in view.accounts(as_of=day(40))}
    assert view.accounts(as_of=day(40))[0].entries
    (satisfaction,) = view.satisfaction(as_of=day(40))
    assert satisfaction.pairs == 5
    ticket = desk.ticket("k9", as_of=day(40))
    assert ticket is not None
    assert (ticket.customer, ticket.late_by is not None) == ("c0", True)
