"""The view of the team: its sums are those of the desk, and its figures those of a direct count."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from relations import FileComplaint, GiveFeedback, Money, Policy, RecordPurchase, Relations
from relations.aggregates.complaint import (
    AcknowledgeComplaint,
    AssignComplaint,
    FollowUpComplaint,
    NameRootCause,
    ReopenComplaint,
    ResolveComplaint,
)
from relations.aggregates.customer import (
    BeginPlan,
    MergeCustomer,
    NoteCulture,
    NoteTrait,
    RecordInteraction,
    RegisterCustomer,
)
from relations.aggregates.staff import ChangeStaffRole, CompleteStaffTraining, JoinStaff, LeaveStaff, PlanStaffTraining
from relations.analytics.intervals import share_difference, wilson
from relations.errors import InvalidInput
from relations.messages import Command, from_micros, to_micros
from relations.policies import CARE_PLANS, Care
from relations.policies.surveys import Surveys
from relations.projections.by_customer import KeptByCustomer
from relations.projections.keeping import KeptAnswers
from relations.testing import simulate
from tests.support.making import recorded_by

MONDAY = datetime(2024, 5, 6, 9, tzinfo=UTC)
NOW = datetime(2024, 9, 2, 12, tzinfo=UTC)


def on(day: float, **more: Any) -> dict[str, Any]:
    return {"occurred_at": MONDAY + timedelta(days=day), **more}


def case(
    name: str,
    customer: str,
    owner: str | None,
    day: float,
    *,
    department: str | None = None,
    answered_after: float | None = 0.1,
    resolved: bool = True,
    reopened: bool = False,
    score: int | None = None,
    cause: str | None = None,
    **more: Any,
) -> Iterator[Command]:
    """Yield a case and its whole life, within a few days."""
    one = {"complaint": name}
    yield FileComplaint(**on(day, **one), customer=customer, subject="noise", channel="on_site", **more)
    if owner is not None:
        yield AssignComplaint(**on(day + 0.01, **one), owner=owner, department=department)
    if answered_after is not None:
        yield AcknowledgeComplaint(**on(day + answered_after, **one))
    if cause is not None:
        yield NameRootCause(**on(day + 1, **one), cause=cause)
    if resolved:
        yield ResolveComplaint(**on(day + 1, **one))
    if score is not None:
        yield FollowUpComplaint(**on(day + 2, **one), score=score)
    if reopened:
        yield ReopenComplaint(**on(day + 3, **one), reason="again")
        yield ResolveComplaint(**on(day + 3.1, **one))


def staff() -> Iterator[Command]:
    yield JoinStaff(**on(-400), staff="ann", role="concierge", department="rooms", languages=("de", "zh"))
    yield JoinStaff(**on(-40), staff="bob", role="waiter", department="bar", languages=("en",), interests=("opera",))
    yield JoinStaff(**on(-900), staff="cho", role="waiter", department="bar", languages=("en",), skills=("pillow",))
    yield LeaveStaff(**on(20), staff="cho")


def history() -> Iterator[Command]:
    yield from staff()
    yield from case("k1", "c1", "ann", 1, score=5, cause="doors")
    yield from case("k2", "c2", "ann", 2, answered_after=5, score=4, cause="doors", reopened=True)
    yield from case("k3", "c3", "bob", 3, score=1, cause="tone")
    yield from case("k4", "c4", "bob", 40, resolved=False, answered_after=None)
    yield from case("k5", "c1", None, 41, department=None, kind="enquiry")
    yield from case("k6", "c5", "zed", 42, department="spa")
    yield RecordInteraction(**on(5), customer="c1", interaction="i1", channel="phone", kind="call", by="bob", minutes=7)
    yield RecordInteraction(**on(6), customer="c1", interaction="i2", channel="phone", kind="call", by="bob")
    yield RecordInteraction(**on(7), customer="c2", interaction="i3", channel="phone", kind="call", by="ann", minutes=3)


def opened(commands: Iterator[Command], policy: Policy | None = None) -> Relations:
    return recorded_by(NOW, commands, policy)


@pytest.fixture(scope="module")
def engine() -> Iterator[Relations]:
    with opened(history()) as engine:
        yield engine


def test_each_case_counts_for_its_owner_and_those_without_one_come_last(engine: Relations) -> None:
    found = {each.name: each for each in engine.views.team.figures()}
    assert list(found) == ["ann", "bob", "zed", None]
    ann, bob = found["ann"], found["bob"]
    assert (ann.cases, ann.open, ann.resolved, ann.reopened) == (2, 0, 2, 1)
    assert (bob.cases, bob.open, bob.resolved) == (2, 1, 1)
    assert ann.reopened_share == 0.5
    assert ann.reopened_interval == wilson(1, 2)
    assert (ann.contacts, ann.minutes, bob.contacts, bob.minutes) == (1, 3, 2, 7)
    assert found[None].cases == 1


def test_first_answers_are_on_time_as_in_the_view_of_repair(engine: Relations) -> None:
    figures = engine.views.team.figures(kind="complaint")
    (clock,) = [each for each in engine.views.repair.clocks() if each.clock == "acknowledge"]
    assert (sum(each.met for each in figures), sum(each.missed for each in figures)) == (clock.met, clock.missed)
    assert clock.missed > 0
    ann = next(each for each in figures if each.name == "ann")
    assert ann.on_time == ann.met / (ann.met + ann.missed)
    assert ann.on_time_interval == wilson(ann.met, ann.met + ann.missed)


def test_a_case_without_a_department_counts_for_that_of_its_owner(engine: Relations) -> None:
    found = {each.name: each.cases for each in engine.views.team.figures(by="department")}
    assert found == {"bar": 2, "rooms": 2, "spa": 1, None: 1}
    contacts = {each.name: each.contacts for each in engine.views.team.figures(by="department")}
    assert (contacts["bar"], contacts["rooms"]) == (2, 1)


def test_months_are_those_of_filing(engine: Relations) -> None:
    may = engine.views.team.figures(until="2024-06")
    assert {each.name: each.cases for each in may} == {"ann": 2, "bob": 1}
    june = engine.views.team.figures(since="2024-06")
    assert sum(each.cases for each in may) + sum(each.cases for each in june) == 6


def test_few_scores_are_not_shown(engine: Relations) -> None:
    found = {each.name: each for each in engine.views.team.figures()}
    assert (found["ann"].answers, found["ann"].suppressed, found["ann"].satisfaction) == (2, True, None)
    assert (found["zed"].answers, found["zed"].suppressed) == (0, False)


def scored(policy: Policy | None = None) -> Relations:
    """Ann has ten scores from ten customers, Bob nine, and Cho one."""

    def commands() -> Iterator[Command]:
        yield from staff()
        for number in range(10):
            yield from case(f"a{number}", f"a{number}", "ann", 1, score=4 + number % 2)
        for number in range(9):
            yield from case(f"b{number}", f"b{number}", "bob", 1, score=2)
        yield from case("c", "c", "cho", 1, score=1)

    return opened(commands(), policy)


def test_scores_that_a_subtraction_would_disclose_are_not_shown() -> None:
    surveys = Surveys(minimum_answers=5)
    with scored(Policy(surveys=surveys)) as engine:
        found = {each.name: each for each in engine.views.team.figures()}
        # With both, everybody's mean less theirs would be the one score of Cho.
        shown = [name for name in ("ann", "bob") if not found[name].suppressed]
        assert len(shown) == 1
        assert found["cho"].suppressed
        assert found[shown[0]].satisfaction == {"ann": 4.5, "bob": 2.0}[shown[0]]
        departments = engine.views.team.figures(by="department")
        assert [each.suppressed for each in departments if each.name == "rooms"] == [found["ann"].suppressed]
    with scored(Policy(surveys=Surveys(minimum_answers=1))) as engine:
        assert not any(each.suppressed for each in engine.views.team.figures())


def test_kept_care_counts_for_the_owner_of_the_round() -> None:
    policy = Policy(care=Care(plans=(CARE_PLANS["611"],)))

    def commands() -> Iterator[Command]:
        yield from staff()
        for customer, owner in (("c1", "ann"), ("c2", None)):
            yield RegisterCustomer(**on(0), customer=customer)
            yield BeginPlan(**on(0), customer=customer, plan="611", owner=owner)

    with opened(commands(), policy) as engine:
        engine.advance_time(NOW)
        assert {plan.owner for plan in engine.views.care.plans("c1")} == {"ann"}
        by_owner = {each.owner: each for each in engine.views.care.kept_by_owner()}
        assert set(by_owner) == {"ann", None}
        (whole, *_) = engine.views.care.kept()
        assert sum(each.lapsed for each in by_owner.values()) == whole.lapsed > 0
        figures = {each.name: each for each in engine.views.team.figures()}
        assert figures["ann"].care_lapsed == by_owner["ann"].lapsed
        assert figures["ann"].care_kept == 0.0


def test_needs_are_the_causes_and_low_themes_since_the_last_training() -> None:
    def commands() -> Iterator[Command]:
        yield from history()
        yield CompleteStaffTraining(**on(2.5), staff="ann", training="doors-1", about=("doors",), score=80)
        yield PlanStaffTraining(**on(9), staff="bob", training="tone-1", about=("tone",))
        for number, score in enumerate((1, 1, 5)):
            yield GiveFeedback(
                **on(10), customer=f"g{number}", feedback="f", instrument="csat", score=score, themes=("tone",)
            )

    with opened(commands()) as engine:
        needs = engine.views.team.needs()
        found = {each.about: each for each in needs}
        assert [each.about for each in needs] == ["tone", "doors"]
        tone, doors = found["tone"], found["doors"]
        assert (tone.cases, tone.low, tone.since, tone.trained, tone.planned, tone.staff) == (1, 2, 3, 0, 1, 2)
        assert tone.last_at is None
        assert (doors.cases, doors.low, doors.since, doors.trained) == (2, 0, 0, 1)
        assert doors.last_at == MONDAY + timedelta(days=2.5)
        causes = {each.cause: each.complaints for each in engine.views.repair.causes()}
        assert {each.about: each.cases for each in needs if each.cases} == {
            name: count for name, count in causes.items() if name is not None
        }
        assert engine.views.team.needs(since="2024-06") == []


def test_the_effect_of_a_training_is_the_difference_of_shares_with_its_interval() -> None:
    def commands() -> Iterator[Command]:
        yield from staff()
        for number in range(12):
            yield from case(f"a{number}", f"a{number}", "ann", 1, score=2, answered_after=5 if number < 9 else 0.01)
            yield from case(f"b{number}", f"b{number}", "ann", 40, score=5 if number < 9 else 3, answered_after=0.01)
            yield from case(f"o{number}", f"o{number}", "bob", 40, score=1)
        yield CompleteStaffTraining(**on(30), staff="ann", training="listening", about=("tone",))

    with opened(commands()) as engine:
        effect = engine.views.team.effect("listening", days=60)
        assert (effect.staff, effect.cases_before, effect.cases_after) == (1, 12, 12)
        on_time = effect.on_time
        assert (on_time.before, on_time.before_of, on_time.after, on_time.after_of) == (3, 12, 12, 12)
        interval = share_difference((12, 12), (3, 12))
        assert (on_time.difference, on_time.low, on_time.high) == (0.75, interval.low, interval.high)
        assert (effect.satisfied.before, effect.satisfied.after, effect.satisfied.suppressed) == (0, 9, False)
        assert engine.views.team.effect("listening", days=5).cases_before == 0
        with pytest.raises(InvalidInput, match="nobody completed"):
            engine.views.team.effect("listening", staff="bob")
        with pytest.raises(InvalidInput, match="days"):
            engine.views.team.effect("listening", days=0)


def test_the_effect_of_a_training_on_few_scores_is_not_shown() -> None:
    def commands() -> Iterator[Command]:
        yield from history()
        yield CompleteStaffTraining(**on(2.5), staff="bob", training="tone", about=("tone",))

    with opened(commands()) as engine:
        effect = engine.views.team.effect("tone")
        assert effect.satisfied.suppressed
        assert (effect.satisfied.after, effect.satisfied.after_of, effect.satisfied.difference) == (0, 0, None)
        assert effect.cases_after == 2


def test_loyalty_is_grouped_by_the_tenure_of_those_who_are_there() -> None:
    def commands() -> Iterator[Command]:
        yield from history()
        for customer, days in (("c1", (0, 30, 90, 110)), ("c2", (1,)), ("c3", (1, 30, 60, 90, 100))):
            for day in days:
                yield RecordPurchase(**on(day), customer=customer, purchase=f"p{day}", amount=Money(900, "EUR"))

    with opened(commands()) as engine:
        new, long = engine.views.team.tenure()
        assert (new.from_months, new.until_months, new.staff, new.customers) == (0, 12, 1, 3)
        assert (long.from_months, long.until_months, long.staff, long.customers) == (12, 36, 1, 2)
        stages = {each.customer: each.stage for each in engine.views.retention.stages()}
        assert new.loyal == sum(stages[name] == "established" for name in ("c1", "c3")) > 0
        assert (new.buyers, long.buyers) == (2, 2)
        assert new.interval == wilson(new.loyal, 2)


def test_staff_fit_by_language_then_interests_then_contact() -> None:
    def commands() -> Iterator[Command]:
        yield from history()
        yield JoinStaff(**on(0), staff="eve", role="waiter", languages=("zh-Hant", "en"), interests=("opera",))
        yield RegisterCustomer(**on(0), customer="wei", name="Wei", language="en")
        yield NoteCulture(**on(1), customer="wei", languages=("zh", "en"))
        yield NoteTrait(**on(1), customer="wei", trait="preference", about="opera", words="box 3")
        yield NoteTrait(**on(1), customer="wei", trait="taboo", about="pillow")
        yield RegisterCustomer(**on(0), customer="wei-2")
        yield RecordInteraction(**on(2), customer="wei-2", interaction="i", channel="phone", kind="call", by="bob")
        yield MergeCustomer(**on(3), customer="wei-2", into="wei")

    with opened(commands()) as engine:
        fits = engine.views.team.fits("wei")
        assert [(each.staff, each.language, each.shared, each.contacts) for each in fits] == [
            ("eve", "zh", ("opera",), 0),
            ("ann", "zh", (), 0),
            ("bob", "en", ("opera",), 1),
        ]
        assert [each.staff for each in engine.views.team.fits("wei-2", limit=1)] == ["eve"]
        # Nothing is known of this one but the contact.
        assert engine.views.team.fits("c2")[0].staff == "ann"


def test_members_are_those_who_are_there() -> None:
    def commands() -> Iterator[Command]:
        yield from staff()
        yield PlanStaffTraining(**on(1), staff="bob", training="wine", due_at=MONDAY + timedelta(days=9))
        yield ChangeStaffRole(**on(2), staff="bob", role="sommelier")

    with opened(commands()) as engine:
        assert [each.staff for each in engine.views.team.members()] == ["ann", "bob"]
        assert [each.staff for each in engine.views.team.members(department="bar", left=True)] == ["bob", "cho"]
        bob = engine.views.team.member("bob")
        assert (bob.role, bob.department, bob.trainings[0].late) == ("sommelier", "bar", True)
        with pytest.raises(InvalidInput, match="nobody with the id"):
            engine.views.team.member("nobody")
    with pytest.raises(InvalidInput, match="by"):
        opened(staff()).views.team.figures(by="role")  # type: ignore[arg-type] # as a caller may


def test_the_cases_of_all_staff_are_those_of_the_desk() -> None:
    last = datetime(2025, 6, 30, tzinfo=UTC)
    with Relations.open("sqlite://", clock=lambda: last) as engine:
        engine.execute_many(list(simulate(seed=7, customers=150, months=15)))
        for by in ("staff", "department"):
            figures = engine.views.team.figures(by=by)
            desk: dict[str | None, int] = {}
            for status in ("resolved", "closed"):
                page = engine.views.desk.search(status=status, limit=1000)
                assert page.next is None
                for ticket in page.tickets:
                    name = ticket.owner if by == "staff" else ticket.department
                    desk[name] = desk.get(name, 0) + 1
            assert sum(each.resolved for each in figures) == sum(desk.values()) > 5
            assert sum(each.open for each in figures) == sum(each.open for each in engine.views.desk.load())
            if by == "staff":
                assert {each.name: each.resolved for each in figures if each.resolved} == desk
        scores = engine.views.satisfaction.csat(instrument="complaint_csat")[0].n
        assert sum(each.answers for each in engine.views.team.figures(kind="complaint")) == scores > 0


def test_trainings_and_reopened_cases_are_on_the_board() -> None:
    def planned(staff: str, training: str, day: float, due: float, done: float | None) -> Iterator[Command]:
        yield PlanStaffTraining(**on(day), staff=staff, training=training, due_at=MONDAY + timedelta(days=due))
        if done is not None:
            yield CompleteStaffTraining(**on(done), staff=staff, training=training)

    with Relations.open("sqlite://", clock=lambda: NOW) as engine:
        engine.execute_many([*staff(), *planned("ann", "t1", 1, 10, 9), *planned("ann", "t2", 1, 10, 12)])
        engine.execute_many([*planned("bob", "t1", 1, 11, None), *planned("bob", "t3", 1, 900, None)])
        month = f"{MONDAY + timedelta(days=10):%Y-%m}"
        (figure,) = engine.views.board.figures(month=month, indicators=["trainings_on_time"])
        assert figure.month.value == pytest.approx(1 / 3)
        assert figure.month.n == 3
        found = engine.explain_figure("board", "trainings_on_time", {"month": month})
        assert found.sums == {"completed": 1, "due": 3}
        assert {each.about for each in found.contributions} == {"ann", "bob"}
        engine.execute_many(history())
        cases = [each for each in engine.views.team.figures() if each.cases]
        shown = engine.views.board.series("reopened_cases")
        assert sum(round((each.value or 0) * each.n) for each in shown) == sum(each.reopened for each in cases) > 0
        busy = next(each.month for each in shown if each.value)
        explained = engine.explain_figure("board", "reopened_cases", {"month": busy})
        assert explained.value == pytest.approx(explained.sums["reopened"] / explained.sums["resolved"])


def test_cases_kept_of_a_day_are_those_of_any_moment_of_it() -> None:
    """Within a day promises run out and steps are taken: what was kept of one moment must not answer for another."""
    with opened(history()) as engine:
        turns = sorted(
            {
                at
                for found in engine.views.team._handled_by(to_micros(NOW), None).values()
                for at in (found.since, found.until)
            }
            | {event.occurred_at for event in engine.events() if event.stream == "complaint-k2"}
            | {due for event in engine.events() if (due := getattr(event.event, "acknowledge_by", None)) is not None}
        )
        moments = [from_micros(at + shift) for at in turns for shift in (-1, 0, 1) if 0 < at + shift < to_micros(NOW)]
        Random(4).shuffle(moments)
        view, kept, seen = engine.views.team, KeptByCustomer(), set()
        for moment in moments:
            found = []
            for each in (kept, KeptByCustomer()):
                view._each, view._kept = each, KeptAnswers()
                found.append([figure.model_dump() for figure in view.figures(as_of=moment)])
            assert found[0] == found[1], moment
            seen.add(repr(found[0]))
        assert len(kept._versions) < len(moments) / 2
        assert len(seen) > 6


def test_cases_of_the_present_are_read_once_while_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(history()) as engine:
        view = engine.views.team
        before = view.figures()
        read: list[Sequence[str] | None] = []
        real = view._handled_by

        def watched(now: int, customers: Sequence[str] | None) -> Any:
            read.append(customers)
            return real(now, customers)

        monkeypatch.setattr(view, "_handled_by", watched)
        assert view.figures() == before
        assert read == []
        engine.execute(RecordInteraction(**on(50), customer="c4", interaction="i9", channel="phone", kind="call"))
        assert view.figures() == before
        assert read == [["c4"]]
