"""Low answers, and whether somebody came back on them: the agenda and the satisfaction view say the same."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import event, given
from hypothesis import strategies as st

from relations import EraseCustomer, FileComplaint, GiveFeedback, Relations, ResolveComplaint
from relations.commands import (
    AnswerFeedback,
    FollowUpComplaint,
    MergeCustomer,
    ReopenComplaint,
    ScoreSentiment,
    UnmergeCustomer,
    WithdrawComplaint,
)
from relations.errors import CommandRefused
from relations.messages import Command
from relations.policies import Instrument, Policy, Surveys
from relations.projections.satisfaction import OpenLoops
from tests.support.effort import part

START = datetime(2024, 1, 10, 9, tzinfo=UTC)
NOW = START + timedelta(days=500)
CUSTOMERS = ("c1", "c2", "c3")


def day(number: float) -> datetime:
    return START + timedelta(days=number)


def policy(low: int | None, days: int, low_sentiment: int | None = -500) -> Policy:
    """One by which a CSAT up to `low` is to be come back on within so many days."""
    csat = Instrument(id="csat", kind="csat", lowest=1, highest=5, low=low)
    others = tuple(each for each in Surveys().instruments if each.id != "csat")
    return Policy(surveys=Surveys(instruments=(csat, *others), answer_within_days=days, low_sentiment=low_sentiment))


def score(customer: str, feedback: str, score: int, number: float = 1, invitation: str | None = None) -> GiveFeedback:
    return GiveFeedback(
        customer=customer,
        feedback=feedback,
        instrument="csat",
        score=score,
        invitation=invitation,
        occurred_at=day(number),
    )


def promised(loops: OpenLoops) -> Counter[tuple[str, str, datetime]]:
    """Customer, answer and due time; the part of a name that only merged customers' answers have is left out."""
    return Counter(
        (loop.customer, loop.feedback.partition("@")[0], loop.due_at) for loop in loops.open if loop.due_at is not None
    )


def on_the_agenda(relations: Relations) -> Counter[tuple[str, str, datetime]]:
    found = relations.views.agenda.due(until=NOW + timedelta(days=4_000), kind="answer")
    return Counter((item.customer, item.detail or item.stream, item.due_at) for item in found)


_customers = st.sampled_from(CUSTOMERS)
_names = st.sampled_from(["f1", "f2", "f3"])
_invitations = st.sampled_from([None, "s1", "s2"])
_complaints = st.sampled_from(["k1", "k2"])


def _on_complaint(kind: type[Command], /, **fields: Any) -> st.SearchStrategy[Command]:
    return st.builds(kind, complaint=_complaints, occurred_at=_days, **fields)


_days = st.integers(0, 300).map(day)
_steps: st.SearchStrategy[Command | Policy] = st.one_of(
    st.builds(score, _customers, _names, st.integers(1, 5), st.integers(0, 300), _invitations),
    st.builds(score, _customers, _names, st.integers(1, 2), st.integers(0, 300), _invitations),
    st.builds(
        GiveFeedback,
        customer=_customers,
        feedback=_names,
        instrument=st.just("review"),
        comment=st.just("cold soup"),
        invitation=_invitations,
        occurred_at=_days,
    ),
    st.builds(
        ScoreSentiment,
        customer=_customers,
        feedback=_names,
        score=st.sampled_from([-900, 100]),
        scorer=st.sampled_from(["list", "model"]),
        scorer_version=st.just("1"),
        occurred_at=_days,
    ),
    st.builds(AnswerFeedback, customer=_customers, feedback=_names, occurred_at=_days),
    st.builds(
        FileComplaint,
        customer=_customers,
        complaint=_complaints,
        subject=st.just("noise"),
        channel=st.just("phone"),
        occurred_at=_days,
    ),
    _on_complaint(ResolveComplaint),
    _on_complaint(FollowUpComplaint, score=st.none() | st.integers(1, 5)),
    _on_complaint(ReopenComplaint, reason=st.just("again")),
    _on_complaint(WithdrawComplaint),
    st.builds(MergeCustomer, customer=_customers, into=_customers, occurred_at=_days),
    st.builds(UnmergeCustomer, customer=_customers, occurred_at=_days),
    st.builds(EraseCustomer, customer=_customers, occurred_at=_days),
    st.builds(policy, st.sampled_from([None, 1, 2, 4]), st.integers(0, 9), st.sampled_from([None, -500])),
)
_LOW = [
    FileComplaint(customer="c1", complaint="k1", subject="noise", channel="phone", occurred_at=day(0)),
    ResolveComplaint(complaint="k1", occurred_at=day(1)),
    FollowUpComplaint(complaint="k1", score=1, occurred_at=day(9)),
    score("c2", "f1", 1, 2, "s1"),
]


@part(40)
@given(st.lists(_steps, max_size=25))
def test_what_was_promised_is_on_the_agenda_until_somebody_comes_back(steps: list[Command | Policy]) -> None:
    seen = 0
    with Relations.open("sqlite://", clock=lambda: NOW, durability="off") as relations:
        for step in [*_LOW, *steps]:
            try:
                if isinstance(step, Policy):
                    relations.adopt(step, from_beginning=True)
                else:
                    relations.execute(step)
            except CommandRefused:
                continue
            loops = relations.views.satisfaction.open_loops()
            assert on_the_agenda(relations) == promised(loops)
            seen += len(loops.open)
            event("somebody came back" if loops.closed else "nobody came back")
    assert seen


def test_another_policy_changes_no_promise_and_makes_none() -> None:
    with Relations.open("sqlite://", clock=lambda: NOW, durability="off") as relations:
        relations.adopt(policy(low=2, days=2), from_beginning=True)
        relations.execute(score("c1", "f1", 2))
        relations.execute(score("c1", "f2", 3))
        before = relations.views.satisfaction.open_loops()
        assert [(loop.feedback, loop.due_at, loop.overdue) for loop in before.open] == [("f1", day(3), True)]
        for another in (policy(low=4, days=9), policy(low=None, days=0)):
            relations.adopt(another)
            assert relations.policy.surveys == another.surveys
            assert relations.views.satisfaction.open_loops() == before
            assert list(on_the_agenda(relations)) == [("c1", "f1", day(3))]


def test_what_is_low_by_a_policy_adopted_for_its_time_later_was_promised_to_nobody() -> None:
    with Relations.open("sqlite://", clock=lambda: NOW, durability="off") as relations:
        relations.adopt(policy(low=None, days=2), from_beginning=True)
        relations.execute(score("c1", "f1", 1))
        assert relations.views.satisfaction.open_loops().open == ()
        relations.adopt(policy(low=2, days=2), from_beginning=True)
        (loop,) = relations.views.satisfaction.open_loops().open
        assert (loop.feedback, loop.due_at, loop.overdue) == ("f1", None, False)
        assert not on_the_agenda(relations)
        relations.execute(AnswerFeedback(customer="c1", feedback="f1", occurred_at=day(2)))
        loops = relations.views.satisfaction.open_loops()
        assert (loops.low, loops.closed) == (1, 1)


def test_there_is_nobody_to_come_back_to_who_was_erased_before_they_complained() -> None:
    with Relations.open("sqlite://", clock=lambda: NOW, durability="off") as relations:
        relations.execute(EraseCustomer(customer="c1", occurred_at=day(0)))
        assert relations.execute_many(_LOW).accepted == len(_LOW)
        assert [loop.customer for loop in relations.views.satisfaction.open_loops().open] == ["c2"]
        assert list(on_the_agenda(relations)) == [("c2", "f1", day(4))]
