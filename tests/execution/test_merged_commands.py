"""After a merge things go on under either id: a command goes to the stream of whichever id has what it names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from relations import (
    CommandRefused,
    EnrolMember,
    GiveConsent,
    GiveFeedback,
    Money,
    RecordPurchase,
    RefundPurchase,
    RegisterCustomer,
    Relations,
)
from relations.aggregates.customer import AbsorbCustomer
from relations.commands import (
    AnswerFeedback,
    CodeFeedback,
    DeclineInvitation,
    DropTrait,
    MergeCustomer,
    NoteTrait,
    RecordLapse,
    RecordWinBack,
    RemindInvitation,
    ScoreSentiment,
    SeeInvitation,
    SendInvitation,
    UnmergeCustomer,
    WithdrawConsent,
)
from relations.errors import IdempotencyConflict
from relations.messages import Command
from relations.policies import Policy, Surveys
from tests.support.effort import part
from tests.support.making import assert_sound

START = datetime(2024, 1, 1, tzinfo=UTC)
LATER = START + timedelta(days=400)
ALL_SHOWN = Policy(surveys=Surveys(minimum_answers=1))


def day(number: float) -> datetime:
    return START + timedelta(days=number)


def of(customer: str, kind: type[Command], number: float, **fields: Any) -> Command:
    return kind.model_validate({"customer": customer, "occurred_at": day(number), **fields})


def known(customer: str) -> Command:
    return of(customer, RegisterCustomer, 0)


def euros(amount: int) -> Money:
    return Money(amount, "EUR")


def invited(customer: str, invitation: str, number: float) -> Command:
    return of(customer, SendInvitation, number, invitation=invitation, instrument="nps", channel="email")


def answered(customer: str, feedback: str, score: int, number: float, invitation: str | None = None) -> Command:
    return of(
        customer, GiveFeedback, number, feedback=feedback, instrument="nps", score=score, invitation=invitation,
        comment="well" if score > 6 else None,
    )  # fmt: skip


HAD = [
    known("c1"),
    known("c2"),
    of("c2", RecordPurchase, 1, purchase="p1", amount=euros(10_000)),
    answered("c2", "f1", 3, 2),
    answered("c2", "f2", 9, 2),
    invited("c2", "s1", 3),
    of("c2", NoteTrait, 4, trait="habit", about="late arrival"),
    of("c2", RecordLapse, 200, reason="moved"),
]
"""What was recorded under the id that goes."""

GOES_ON = [
    of("c1", RefundPurchase, 5, refund="r1", purchase="p1", amount=euros(4_000)),
    of("c1", AnswerFeedback, 6, feedback="f1", by="desk"),
    of("c1", CodeFeedback, 6, feedback="f2", themes=("service",), coder="desk"),
    of("c1", ScoreSentiment, 6, feedback="f2", score=500, scorer="vader", scorer_version="3.3.2"),
    of("c1", RemindInvitation, 11, invitation="s1"),
    of("c1", SeeInvitation, 12, invitation="s1"),
    answered("c1", "f3", 8, 13, "s1"),
    of("c1", DropTrait, 14, trait="habit", about="late arrival"),
    of("c1", RecordWinBack, 300, campaign="spring"),
]
"""What names it, sent under the id that stays."""


@contextmanager
def merged(had: Sequence[Command] = HAD, url: str = "sqlite://") -> Iterator[Relations]:
    """An engine on which c2 is merged into c1."""
    with Relations.open(url, clock=lambda: LATER, durability="off") as relations:
        relations.adopt(ALL_SHOWN, from_beginning=True)
        report = relations.execute_many([*had, of("c2", MergeCustomer, 4.5, into="c1")])
        assert not [rejection.error.code for rejection in report.rejections]
        yield relations


@pytest.mark.parametrize(
    ("done", "code"),
    [
        (answered("c1", "f9", 9, 4, "s1"), "invitation_already_answered"),
        (of("c1", DeclineInvitation, 4, invitation="s1"), "invitation_declined"),
    ],
)
def test_nobody_is_reminded_of_what_they_answered_or_declined_under_their_other_id(done: Command, code: str) -> None:
    known = [RegisterCustomer(customer="c1", occurred_at=START), invited("c1", "s1", 3)]
    with merged([*known, invited("c2", "s1", 3), done]) as relations:
        with pytest.raises(CommandRefused) as refused:
            relations.execute(of("c2", RemindInvitation, 11, invitation="s1"))
        assert refused.value.code == code
        assert relations.views.agenda.due(until=LATER, kind="reminder") == []
        relations.execute(UnmergeCustomer(customer="c2", occurred_at=LATER))
        assert relations.execute(of("c2", RemindInvitation, 11, invitation="s1")).events


def test_what_was_recorded_under_the_alias_goes_on_under_the_survivor(database_url: str) -> None:
    with merged(url=database_url) as relations:
        for command in GOES_ON:
            (first, *_) = relations.execute(command).events
            assert (first.stream, first.customer) == ("customer-c2", "c2"), type(command).__name__
        profile = relations.views.retention.customer("c1")
        assert profile is not None
        assert [spent.net for spent in profile.spending] == [euros(6_000)]
        loops = relations.views.satisfaction.open_loops()
        assert (loops.low, loops.closed) == (1, 1)
        assert relations.views.customers.portrait("c1").traits == ()
        assert_sound(relations)
        # An unmerge takes nothing apart: whoever bought it has the refund as well.
        relations.execute(of("c2", UnmergeCustomer, 301))
        apart = relations.views.retention.customer("c2")
        assert apart is not None
        assert [spent.net for spent in apart.spending] == [euros(6_000)]
        with pytest.raises(CommandRefused) as refused:
            relations.execute(of("c1", RefundPurchase, 302, refund="r2", purchase="p1", amount=euros(1)))
        assert refused.value.code == "refund_names_no_purchase"


def test_what_was_recorded_under_the_survivor_goes_on_under_the_alias() -> None:
    had = [command.model_copy(update={"customer": {"c1": "c2", "c2": "c1"}[command.customer]}) for command in HAD]  # type: ignore[attr-defined]  # all are a customer's
    with merged(had) as relations:
        for command in GOES_ON:
            (first, *_) = relations.execute(command.model_copy(update={"customer": "c2"})).events
            assert first.stream == "customer-c1", type(command).__name__


def test_it_goes_on_over_several_merges_and_whole_batches() -> None:
    with merged([*HAD, known("c0")]) as relations:
        relations.execute(of("c1", MergeCustomer, 4.6, into="c0"))
        report = relations.execute_many([command.model_copy(update={"customer": "c0"}) for command in GOES_ON])
        assert (report.accepted, report.rejections) == (len(GOES_ON), [])
        assert {
            each.stream for each in relations.events() if each.actor == "system" and each.stream.startswith("cust")
        } == {"customer-c0", "customer-c1", "customer-c2"}
        assert relations.load("customer", "c0").refunds == relations.load("customer", "c1").refunds
        assert "r1" in relations.load("customer", "c2").refunds


def test_all_refunds_of_a_purchase_count_whichever_id_they_come_under() -> None:
    with merged() as relations:
        relations.execute(of("c1", RefundPurchase, 5, refund="r1", purchase="p1", amount=euros(6_000)))
        assert relations.execute(
            of("c2", RefundPurchase, 5, refund="r1", purchase="p1", amount=euros(6_000))
        ).events == ()  # fmt: skip
        for customer in ("c1", "c2"):
            with pytest.raises(CommandRefused) as refused:
                relations.execute(of(customer, RefundPurchase, 6, refund="r2", purchase="p1", amount=euros(6_000)))
            assert refused.value.code == "refund_exceeds_purchase"


def test_a_refund_takes_points_back_from_the_account_that_they_went_to() -> None:
    members = [of(customer, EnrolMember, 0, programme=Policy().programme.id) for customer in ("c1", "c2")]
    with merged([known("c1"), known("c2"), *members, *HAD[2:3]]) as relations:
        account = relations.views.loyalty.account("c1")
        assert account is not None
        earned = account.balance
        assert earned > 0
        relations.execute(of("c1", RefundPurchase, 5, refund="r1", purchase="p1", amount=euros(10_000)))
        account = relations.views.loyalty.account("c1")
        assert account is not None
        assert account.balance == 0


def test_whoever_saw_an_invitation_is_left_in_peace_under_every_id() -> None:
    with merged() as relations:
        relations.execute(of("c1", SeeInvitation, 12, invitation="s1"))
        for customer in ("c1", "c2"):
            with pytest.raises(CommandRefused) as refused:
                relations.execute(invited(customer, "s2", 20))
            assert refused.value.code == "survey_quarantine"
        assert relations.execute(invited("c1", "s2", 50)).events[0].stream == "customer-c1"
        relations.execute(of("c2", UnmergeCustomer, 51))
        assert not relations.load("customer", "c1").seen


def test_whoever_took_a_consent_back_under_one_id_is_asked_under_none() -> None:
    with merged() as relations:
        relations.execute(of("c1", GiveConsent, 5, purpose="surveys", channel="email"))
        relations.execute(of("c2", WithdrawConsent, 6, purpose="surveys", channel="email"))
        for customer in ("c1", "c2"):
            with pytest.raises(CommandRefused) as refused:
                relations.execute(invited(customer, "s2", 50))
            assert refused.value.code == "consent_withdrawn"
        # What was allowed under one id is still to be given under the other: nothing of it was joined for good.
        assert relations.execute(of("c2", GiveConsent, 7, purpose="surveys", channel="email")).events
        assert relations.execute(invited("c1", "s2", 50)).events


def test_an_invitation_is_answered_once_whoever_answers() -> None:
    with merged() as relations:
        relations.execute(answered("c1", "f3", 8, 13, "s1"))
        again = answered("c1", "f4", 8, 14, "s1")
        assert relations.execute(again.model_copy(update={"comment": None})).events == ()
        for other in (answered("c1", "f5", 2, 13, "s1"), answered("c2", "f5", 2, 13, "s1")):
            with pytest.raises(CommandRefused) as refused:
                relations.execute(other)
            assert refused.value.code == "invitation_already_answered"
        for number, customer in enumerate(("c1", "c2"), start=15):
            (corrected,) = relations.execute(answered(customer, f"f{number}", number - 10, number, "s1")).events
            assert (corrected.topic, corrected.event.feedback) == ("customer.feedback_corrected", "f3")  # type: ignore[attr-defined]
        relations.execute(of("c1", DeclineInvitation, 17, invitation="s1"))
        assert relations.load("customer", "c2").invitations["s1"].declined


def test_the_same_command_again_finds_its_first_receipt() -> None:
    with merged() as relations:
        refund = GOES_ON[0].model_copy(update={"command_id": "once"})
        first = relations.execute(refund)
        assert relations.execute(refund) == first.__class__(first.command_id, first.events, repeated=True)
        with pytest.raises(IdempotencyConflict):
            relations.execute(refund.model_copy(update={"reason": "another"}))
        words = answered("c1", "f9", 9, 20).model_copy(update={"command_id": "words"})
        relations.execute(words)
        relations.execute(of("c2", UnmergeCustomer, 30))
        assert relations.execute(words).repeated


def test_what_nobody_has_is_refused_as_ever_and_new_things_stay_where_they_are_sent() -> None:
    with merged() as relations:
        with pytest.raises(CommandRefused) as refused:
            relations.execute(of("c1", RefundPurchase, 5, refund="r1", purchase="p9", amount=euros(1)))
        assert refused.value.code == "refund_names_no_purchase"
        for customer in ("c1", "c2"):
            bought = relations.execute(of(customer, RecordPurchase, 20, purchase=f"p-{customer}", amount=euros(1)))
            assert bought.events[0].stream == f"customer-{customer}"


def test_one_side_alone_gives_nobody_another_s_purchases() -> None:
    with Relations.open("sqlite://", clock=lambda: LATER) as relations:
        relations.execute_many(HAD)
        relations.execute(of("c1", AbsorbCustomer, 4.5, merged="c2"))
        with pytest.raises(CommandRefused) as refused:
            relations.execute(GOES_ON[0])
        assert refused.value.code == "refund_names_no_purchase"


@pytest.mark.parametrize(("customer", "into", "field"), [("c9", "c1", "customer"), ("c1", "c9", "into")])
def test_nobody_is_merged_whom_nobody_knows(customer: str, into: str, field: str) -> None:
    with Relations.open("sqlite://", clock=lambda: LATER) as relations:
        relations.execute(known("c1"))
        head = relations.status().position
        for send in (relations.execute, lambda command: relations.execute_many([command]).rejections[0].error):
            try:
                error: Any = send(of(customer, MergeCustomer, 1, into=into))
            except CommandRefused as refused:
                error = refused
            assert (error.code, error.field) == ("unknown_customer", field)
        assert relations.status().position == head
        # Known is of whom anything is recorded: points alone will do, also of the same batch.
        enrolled = of("c9", EnrolMember, 0, programme=Policy().programme.id)
        report = relations.execute_many([enrolled, of(customer, MergeCustomer, 1, into=into)])
        assert report.accepted == 2


_either = st.sampled_from(["c1", "c2"])


def _step(number: int) -> st.SearchStrategy[Command]:
    purchases, refunds = st.sampled_from(["p1", "p2"]), st.sampled_from(["r1", "r2", "r3"])
    feedback, invitations = st.sampled_from(["f1", "f2", "f3"]), st.sampled_from(["s1", "s2"])
    at = float(10 + number)
    return st.one_of(
        st.builds(lambda c: of(c, RecordPurchase, at, purchase=f"p1-{number}", amount=euros(100)), _either),
        st.builds(
            lambda c, r, p, a: of(c, RefundPurchase, at, refund=r, purchase=p, amount=euros(a)),
            _either, refunds, purchases, st.integers(1, 100),
        ),
        st.builds(
            lambda c, f, s, i: answered(c, f, s, at, i),
            _either, feedback, st.integers(0, 10), invitations | st.none(),
        ),
        st.builds(lambda c, f: of(c, AnswerFeedback, at, feedback=f), _either, feedback),
        st.builds(lambda c, i: of(c, SeeInvitation, at, invitation=i), _either, invitations),
        st.builds(lambda c, i: of(c, RemindInvitation, at, invitation=i), _either, invitations),
        st.builds(lambda c, i: of(c, DeclineInvitation, at, invitation=i), _either, invitations),
        st.builds(lambda c, i: invited(c, i, at), _either, invitations),
    )  # fmt: skip


@st.composite
def _lives(draw: st.DrawFn) -> list[Command]:
    return [draw(_step(number)) for number in range(draw(st.integers(1, 12)))]


@part(40)
@given(_lives())
def test_either_id_is_as_good_as_one(life: list[Command]) -> None:
    """Commands under two merged ids come to what the same commands under one id come to, refusals included."""
    had = [
        of("c2", RecordPurchase, 1, purchase="p1", amount=euros(100)),
        of("c1", RecordPurchase, 1, purchase="p2", amount=euros(100)),
        invited("c2", "s1", 2),
    ]
    both = [known("c1"), known("c2"), *had, of("c2", MergeCustomer, 3, into="c1")]
    one = [known("c1"), *(command.model_copy(update={"customer": "c1"}) for command in had)]
    found = []
    for history, commands in (
        (both, life),
        (one, [command.model_copy(update={"customer": "c1"}) for command in life]),
    ):
        with Relations.open("sqlite://", clock=lambda: LATER) as relations:
            relations.adopt(ALL_SHOWN, from_beginning=True)
            assert relations.execute_many(history).rejections == []
            outcomes: list[Any] = []
            for command in commands:
                try:
                    topics = [each.topic for each in relations.execute(command).events]
                    # What goes on in accounts goes on in both, by way of one more event.
                    outcomes.append([topic for topic in topics if topic.startswith("customer.")])
                except CommandRefused as refused:
                    outcomes.append(refused.code)
            views = relations.views
            profile = views.retention.customer("c1")
            found.append(
                (outcomes, profile and profile.spending, views.satisfaction.nps(), views.satisfaction.open_loops())
            )
    assert found[0] == found[1]
    for command, outcome in zip(life, found[0][0], strict=True):
        if isinstance(outcome, list) and outcome:
            event(type(command).__name__)
