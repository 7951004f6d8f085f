"""Merged customers: every view answers for the surviving id, and unmerging leaves nothing behind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from relations import (
    CommandRefused,
    EnrolMember,
    EraseCustomer,
    FileComplaint,
    GiveConsent,
    GiveFeedback,
    Money,
    RecordPurchase,
    RedeemPoints,
    RefundPurchase,
    RegisterCustomer,
    Relations,
    ResolveComplaint,
)
from relations.aggregates.customer import AGGREGATE, AbsorbCustomer, EraseAlias, ReleaseCustomer
from relations.commands import (
    AcceptRemedy,
    CarryOutRemedy,
    CodeFeedback,
    CorrectProfile,
    DropTrait,
    FollowUpComplaint,
    GiveApology,
    ItemAnswer,
    JoinStaff,
    LinkIdentity,
    MergeCustomer,
    NoteCulture,
    NoteTrait,
    ProposeRemedy,
    RecordAcquisitionCost,
    RecordInteraction,
    RecordLapse,
    ReopenComplaint,
    ScoreSentiment,
    SendInvitation,
    UnmergeCustomer,
    WithdrawConsent,
)
from relations.messages import Command
from relations.policies import Policy, Surveys
from relations.policies.instruments import SERVQUAL
from relations.projections import PROJECTIONS
from relations.projections.customers.view import PROJECTION as CUSTOMERS
from relations.projections.projection import CustomerRow
from relations.projections.running.aliases import PROJECTION, Alias, Aliases, combined, key_of
from relations.testing.laws import check_laws
from relations.testing.strategies.catalogue import commands, commands_of
from tests.support.asking import IDS, LATER, START, answers, arguments_of, of_customer, questions, without
from tests.support.effort import part
from tests.support.making import HASH_SEEDS, ON_BOTH_IN_SOAK, SOAKING, assert_sound

PROGRAMME = Policy().programme.id
_EVERYTHING_SHOWN = Surveys(minimum_answers=1)
_NOBODY_LEFT_IN_PEACE = Surveys(minimum_answers=1, quarantine_days=0, reminder_valid_days=None)
"""What somebody saw under one id keeps nobody from asking them under the other one, before they are merged; and what
they were to be reminded of long ago is still due."""


def day(number: float) -> datetime:
    return START + timedelta(days=number)


def merge(customer: str, into: str, at: datetime = LATER) -> MergeCustomer:
    return MergeCustomer(customer=customer, into=into, occurred_at=at)


def unmerge(customer: str, at: datetime = LATER) -> UnmergeCustomer:
    return UnmergeCustomer(customer=customer, occurred_at=at)


def buy(customer: str, purchase: str, number: float, amount: int = 1_000) -> RecordPurchase:
    return RecordPurchase(customer=customer, purchase=purchase, amount=Money(amount, "EUR"), occurred_at=day(number))


def file(customer: str, complaint: str, number: float, subject: str = "noise") -> FileComplaint:
    return FileComplaint(
        customer=customer, complaint=complaint, subject=subject, channel="email", occurred_at=day(number)
    )


def answer(customer: str, feedback: str, score: int, invitation: str | None, number: float = 1) -> GiveFeedback:
    return GiveFeedback(
        customer=customer,
        feedback=feedback,
        instrument="nps",
        score=score,
        invitation=invitation,
        touchpoint="stay",
        occurred_at=day(number),
    )


@contextmanager
def opened(commands: Iterable[Command] = (), url: str = "sqlite://") -> Iterator[Relations]:
    with Relations.open(url, clock=lambda: LATER, durability="off") as relations:
        report = relations.execute_many(commands)
        assert not [rejection.error.code for rejection in report.rejections]
        yield relations


MERGE_ITSELF = {
    "customers.duplicates": "whoever was unmerged is two people: that is said, and not proposed again",
    "loyalty.months": "what moved from account to account and back moved in its month",
    "loyalty.statement": "a merge and its end are entries, for an account tells all that ever happened to it",
}
"""Answers that a merge and its end leave a trace in, and why they should."""
FITTED = "retention.lifetime_values"
"""Left out where there are too few to fit to: it would only say so, after a long search."""


LIVES = [
    RegisterCustomer(customer="c1", name="Ada", occurred_at=day(0)),
    RegisterCustomer(customer="c2", name="Ada L.", occurred_at=day(0)),
    EnrolMember(customer="c1", programme=PROGRAMME, occurred_at=day(0)),
    EnrolMember(customer="c2", programme=PROGRAMME, occurred_at=day(0)),
    buy("c1", "p1", 5),
    buy("c2", "p2", 40, 2_500),
    buy("c3", "p3", 41),
    RefundPurchase(customer="c2", refund="r1", purchase="p2", amount=Money(500, "EUR"), occurred_at=day(50)),
    file("c1", "k1", 60),
    GiveApology(complaint="k1", occurred_at=day(61)),
    ResolveComplaint(complaint="k1", occurred_at=day(62)),
    buy("c2", "p4", 65),
    file("c2", "k2", 70),
    answer("c1", "f1", 9, "s1"),
    answer("c2", "f2", 3, "s1", 2),
    answer("c2", "f3", 10, "s2", 3),
    GiveConsent(customer="c1", purpose="offers", channel="email", occurred_at=day(1)),
    WithdrawConsent(customer="c2", purpose="offers", channel="email", occurred_at=day(0.5)),
    LinkIdentity(customer="c1", source="crm", external_id="77", occurred_at=day(1)),
    LinkIdentity(customer="c2", source="crm", external_id="77", occurred_at=day(1)),
]


# --- one customer under two ids -------------------------------------------------------------------------------------


def test_every_view_answers_for_the_surviving_id(database_url: str) -> None:
    with opened(LIVES, database_url) as relations:
        assert relations.views.customers.linked("crm", "77") == ["c1", "c2"]
        relations.execute(merge("c2", "c1"))
        found = answers(relations)
        assert of_customer(found, "c2") == of_customer(found, "c1")
        views = relations.views
        assert [stage.customer for stage in views.retention.stages()] == ["c1", "c3"]
        profile = views.retention.customer("c2")
        assert profile is not None
        assert (profile.customer, len(profile.days)) == ("c1", 3)
        assert [(spent.bought.amount, spent.refunded.amount) for spent in profile.spending] == [(4_500, 500)]
        # What one id bought restores a relation that was damaged under the other.
        assert [complaint.state for complaint in views.repair.relation("c2").complaints] == ["restored", "relapsed"]
        (standing,) = views.repair.relations()
        assert (standing.customer, standing.complaints, standing.deviations) == ("c1", 2, 1)
        assert [each.customer for each in views.repair.relations(state="healthy")] == ["c3"]
        assert views.repair.summary().customers == 2
        assert {item.customer for item in views.agenda.due(until=LATER)} == {"c1"}
        assert views.customers.linked("crm", "77") == ["c1"]
        identity = views.customers.identity("c2")
        assert (identity.customer, identity.ids, identity.external_ids) == ("c1", ("c1", "c2"), (("crm", "77"),))
        assert_sound(relations)


def test_the_agenda_is_paged_by_the_surviving_id(database_url: str) -> None:
    commands = [file(f"c{number % 4 + 1}", f"k{number}", 10) for number in range(12)]
    with opened([*commands, merge("c1", "c4"), merge("c2", "c3")], database_url) as relations:
        agenda = relations.views.agenda
        whole = agenda.due(until=LATER)
        assert len(whole) == 24
        assert {item.customer for item in whole} == {"c3", "c4"}
        assert whole == sorted(whole, key=lambda item: item.key)
        pages, last = [], None
        while page := agenda.due(until=LATER, limit=5, after=last):
            pages += page
            last = page[-1]
        assert pages == whole


def test_what_is_due_of_a_merged_id_is_done_in_its_own_stream() -> None:
    with opened(LIVES) as relations:
        relations.execute(merge("c2", "c1"))
        report = relations.advance_time(LATER + timedelta(days=2_000))
        assert report.rejections == []
        done = {recorded.stream for recorded in relations.events() if recorded.actor == "agenda"}
        # Of points, what is due goes with the account to the surviving id.
        assert {"complaint-k2", "loyalty-c1"} <= done
        assert "loyalty-c2" not in done
        assert relations.advance_time(LATER + timedelta(days=2_000)).events == 0


def test_one_history_in_the_order_of_recording() -> None:
    with opened(LIVES) as relations:
        apart = relations.history("c1") + relations.history("c2")
        relations.execute(merge("c2", "c1"))
        relations.execute(buy("c2", "p9", 300))
        found = relations.history("c1")
        assert found == relations.history("c2")
        assert [each.position for each in found] == sorted(each.position for each in found)
        assert {each.position for each in apart} < {each.position for each in found}
        assert {each.customer for each in found} == {"c1", "c2"}
        # Its points follow, in the surviving account.
        assert [each.event.topic for each in found][-3:-1] == [
            "customer.purchase_recorded",
            "loyalty.purchase_forwarded",
        ]
        relations.execute(unmerge("c2"))
        assert {each.customer for each in relations.history("c1")} == {"c1"}


def test_the_answers_to_one_invitation_count_once() -> None:
    with opened(LIVES) as relations:
        satisfaction = relations.views.satisfaction
        assert satisfaction.nps()[0].n == 3
        relations.execute(merge("c1", "c2"))
        assert satisfaction.nps()[0].n == 2  # the first recorded counts, whichever id survives
        relations.adopt(relations.policy.model_copy(update={"surveys": _EVERYTHING_SHOWN}), from_beginning=True)
        assert satisfaction.nps()[0].promoters == 2
        relations.execute(unmerge("c1"))
        assert satisfaction.nps()[0].detractors == 1


def test_the_strictest_consent_wins() -> None:
    with opened(LIVES) as relations:
        consents = relations.views.customers.consents
        assert [standing.allowed for standing in consents("c1")] == [True]
        assert [standing.allowed for standing in consents("c2")] == [False]
        relations.execute(merge("c2", "c1"))
        (standing,) = consents("c1")
        assert (standing.allowed, standing.basis, standing.since) == (False, None, day(0.5))
        assert consents("c1", as_of=day(0.25)) == []
        relations.execute(
            GiveConsent(customer="c2", purpose="offers", channel="email", basis="contract", occurred_at=day(3))
        )
        (standing,) = consents("c2")
        assert (standing.allowed, standing.basis, standing.since) == (True, "contract", day(3))


# --- rules ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("past", "wanted", "code"),
    [
        ([], merge("c1", "c1"), "merged_into_itself"),
        ([merge("c1", "c2")], merge("c1", "c3"), "already_merged"),
        ([merge("c1", "c2")], merge("c2", "c1"), "survivor_is_merged"),
        ([merge("c1", "c2")], merge("c3", "c1"), "survivor_is_merged"),
        ([EraseCustomer(customer="c1", occurred_at=LATER)], merge("c1", "c2"), "customer_erased"),
        ([EraseCustomer(customer="c1", occurred_at=LATER)], merge("c2", "c1"), "customer_erased"),
        ([], merge("c1", "c9"), "unknown_customer"),
    ],
)
def test_a_merge_that_makes_no_sense_changes_nothing(past: list[Command], wanted: MergeCustomer, code: str) -> None:
    known = [RegisterCustomer(customer=customer, occurred_at=day(0)) for customer in ("c1", "c2", "c3")]
    with opened([*known, *past]) as relations:
        head = relations.status().position
        with pytest.raises(CommandRefused) as refused:
            relations.execute(wanted)
        assert refused.value.code == code
        assert refused.value.hint
        assert relations.status().position == head


def test_a_merge_is_recorded_on_both_sides_and_a_retry_adds_nothing() -> None:
    known = [RegisterCustomer(customer=customer, occurred_at=day(0)) for customer in ("c1", "c2", "c9")]
    with opened(known) as relations:
        receipt = relations.execute(merge("c2", "c1"))
        assert [(each.stream, each.topic) for each in receipt.events] == [
            ("customer-c2", "customer.merged"),
            ("customer-c1", "customer.absorbed"),
            ("loyalty-c2", "loyalty.account_released"),
            ("loyalty-c1", "loyalty.account_received"),
        ]
        assert relations.execute(merge("c2", "c1")).events == ()
        receipt = relations.execute(unmerge("c2"))
        assert [each.topic for each in receipt.events] == [
            "customer.unmerged",
            "customer.released",
            "loyalty.account_returned",
            "loyalty.account_restored",
        ]
        assert relations.execute(unmerge("c2")).events == ()
        assert relations.load("customer", "c1") == relations.load("customer", "c9")


def test_erasing_one_id_erases_them_all() -> None:
    with opened([*LIVES, merge("c2", "c1"), merge("c3", "c2")][:-1]) as relations:
        relations.execute(merge("c1", "c3"))  # c2 into c1 into c3
        relations.execute(EraseCustomer(customer="c2", occurred_at=LATER))
        assert all(relations.load("customer", name).erased for name in ("c1", "c2", "c3"))
        names = [getattr(each.event, "name", None) for each in relations.history("c1")]
        assert "Ada" not in names
        assert "Ada L." not in names
        assert relations.views.customers.identity("c1").external_ids == ()
        assert_sound(relations)


def test_absorbing_alone_makes_nobody_an_alias_and_erases_nobody_else() -> None:

    with opened(LIVES) as relations:
        before = answers(relations)
        relations.execute(AbsorbCustomer(customer="c1", merged="c2", occurred_at=LATER))
        assert answers(relations) == before
        relations.execute(EraseAlias(customer="c3", other="c1", occurred_at=LATER))
        relations.execute(EraseCustomer(customer="c1", occurred_at=LATER))
        assert relations.load("customer", "c1").erased
        assert not relations.load("customer", "c2").erased
        assert not relations.load("customer", "c3").erased


# --- properties -----------------------------------------------------------------------------------------------------

_times = st.integers(0, 300).map(day)
_complaints = st.sampled_from(["k1", "k2", "k3"])
_LEFT_OUT = (EraseCustomer, EraseAlias, AbsorbCustomer, ReleaseCustomer)
_OF_CUSTOMERS = [kind for kind in AGGREGATE.commands if kind not in _LEFT_OUT]
_anything = st.one_of(
    commands(*_OF_CUSTOMERS, customer=st.sampled_from(IDS), occurred_at=_times),
    commands_of(FileComplaint, customer=st.sampled_from(IDS), complaint=_complaints, occurred_at=_times),
    commands_of(ResolveComplaint, complaint=_complaints, occurred_at=_times),
    commands_of(EnrolMember, customer=st.sampled_from(IDS), programme=st.just(PROGRAMME), occurred_at=_times),
)


def _survey(
    customer: str, invitation: str, name: str, csat: int, number: float, nps: int | None = None
) -> list[Command]:
    """Several questions on one invitation."""
    common: dict[str, Any] = {"customer": customer, "invitation": invitation, "occurred_at": day(number)}
    common |= {"touchpoint": "stay", "channel": "web"}
    recommend = [GiveFeedback(feedback=f"{name}-nps", instrument="nps", score=nps, **common)] if nps is not None else []
    items = tuple(ItemAnswer(item.id, 2 + (csat + index) % 4, 6) for index, item in enumerate(SERVQUAL.items[:9]))
    return [
        *recommend,
        GiveFeedback(feedback=f"{name}-csat", instrument="csat", score=csat, **common),
        GiveFeedback(feedback=f"{name}-servqual", instrument="servqual", items=items, **common),
    ]


def _crowd() -> list[Command]:
    """Thirty who buy and leave as the models of value have it: enough to fit to. Some of them say what they think."""
    random, found = Random(3), list[Command]()
    for number in range(30):
        rate, leaves = random.gammavariate(1, 1 / 60), random.betavariate(1, 3)
        days, mean, purchase = random.uniform(0, 150), random.uniform(2_000, 9_000), 0
        while days < 390:
            found.append(buy(f"b{number}", f"p{purchase}", round(days), int(random.uniform(0.5, 1.5) * mean)))
            if random.random() < leaves:
                break
            days, purchase = days + random.expovariate(rate), purchase + 1
        if number < 12:
            found += _survey(f"b{number}", "s1", "f", 1 + number % 5, 100, nps=(7 * number) % 11)
    return found


RICH = [
    *LIVES,
    *_crowd(),
    *_survey("c1", "s1", "g1", 5, 1),
    *_survey("c2", "s1", "g2", 2, 2),
    *_survey("c2", "s2", "g3", 4, 3),
    buy("c1", "p6", 350, 40_000),
    answer("c3", "f4", 2, None, 90),
    GiveFeedback(customer="c1", feedback="f5", instrument="csat", score=5, touchpoint="stay", occurred_at=day(91)),
    GiveFeedback(customer="c2", feedback="f6", instrument="ces", score=3, comment="well", occurred_at=day(92)),
    GiveFeedback(customer="c1", feedback="g4", instrument="review", comment="loud", channel="app", occurred_at=day(96)),
    CodeFeedback(customer="c1", feedback="g4", themes=("noise",), coder="ann", occurred_at=day(98)),
    ScoreSentiment(customer="c1", feedback="g4", score=-700, scorer="x", scorer_version="1", occurred_at=day(97)),
    CodeFeedback(customer="c2", feedback="f6", themes=("staff", "noise"), coder="ann", occurred_at=day(93)),
    ScoreSentiment(customer="c2", feedback="f6", score=400, scorer="x", scorer_version="1", occurred_at=day(92)),
    SendInvitation(customer="c2", invitation="s9", instrument="nps", channel="email", occurred_at=day(93)),
    RedeemPoints(customer="c1", redemption="x1", points=100, occurred_at=day(360)),
    NoteTrait(customer="c2", trait="habit", about="late arrival", occurred_at=day(94)),
    NoteCulture(customer="c1", languages=("de",), occurred_at=day(95)),
    RecordAcquisitionCost(customer="c1", acquisition="a1", amount=Money(900, "EUR"), channel="web", occurred_at=day(1)),
    RecordLapse(customer="c3", reason="moved", occurred_at=day(300)),
    file("c1", "k3", 380),
]  # fmt: skip
"""Something for every view to tell."""


def test_a_question_that_nobody_knows_how_to_ask_is_noticed() -> None:
    with opened(RICH) as relations:
        asked = questions(relations)
        assert len(asked) > 50
        assert {name.partition(".")[0] for name in asked} == vars(relations.views).keys()
        assert set(MERGE_ITSELF) <= asked.keys()
        for name, question in asked.items():
            assert arguments_of(name, question), name


@part(4)
@given(st.lists(_anything, max_size=15), st.sampled_from(IDS), st.sampled_from(IDS))
def test_merge_then_unmerge_changes_nothing(more: list[Command], customer: str, into: str) -> None:
    with opened(RICH) as relations:
        relations.adopt(Policy(surveys=_EVERYTHING_SHOWN), from_beginning=True)
        assert_saw_something(relations)  # a merge among what comes next may leave c1 with another account
        relations.execute_many(more)
        both = tuple(dict.fromkeys((customer, into)))
        before, states = answers(relations, customers=both), load_all(relations)
        try:
            merged = relations.execute(merge(customer, into)).events
        except CommandRefused as refused:
            event(refused.code)
            return
        if not merged:  # they were merged before: undoing that is another matter
            event("merged before")
            return
        together = answers(relations, customers=both)
        assert of_customer(together, customer) == of_customer(together, into)
        relations.execute(unmerge(customer))
        after = answers(relations, customers=both)
        assert without(after, MERGE_ITSELF) == without(before, MERGE_ITSELF)
        assert load_all(relations) == states
        event("merged and unmerged")


def views_fitted(relations: Relations) -> bool:
    """Return True if there are enough customers for models of value."""
    return relations.views.retention.lifetime_values().expected_value is not None


def load_all(relations: Relations) -> list[Any]:
    return [relations.load("customer", name) for name in IDS]


def assert_saw_something(relations: Relations) -> None:
    """Points were earned and spent, scores are shown and explained, complaints are open, something is due."""
    views = relations.views
    (account,) = [found for found in (views.loyalty.account("c1"),) if found is not None]
    assert account.earned > account.redeemed > 0
    assert all(figure.nps is not None for figure in views.satisfaction.nps())
    assert views.satisfaction.csat()[0].share is not None
    assert views.desk.work().tickets
    assert views.repair.summary().damaged
    assert views.agenda.due(until=LATER)
    assert views.satisfaction.open_loops().open
    gaps = [each.gap for each in views.satisfaction.gaps()]
    assert len(gaps) > 2
    assert None not in gaps
    drivers = views.satisfaction.drivers()
    assert len(drivers.drivers) > 1
    assert drivers.r_squared > 0
    themes = {theme.theme: theme for theme in views.satisfaction.themes()}
    assert {"noise", "staff"} <= themes.keys()
    assert themes["noise"].sentiments
    assert views.retention.lifetime_values().historic > 0


@ON_BOTH_IN_SOAK
def test_merge_then_unmerge_leaves_every_answer_of_every_view_as_it_was(database_url: str) -> None:
    with opened(RICH, database_url) as relations:
        relations.adopt(Policy(surveys=_EVERYTHING_SHOWN), from_beginning=True)
        assert_saw_something(relations)
        assert views_fitted(relations)
        before = answers(relations)
        assert len(before) > 150
        relations.execute(merge("c2", "c1"))
        together = answers(relations)
        changed = {key[0] for key, said in before.items() if together[key] != said}
        assert changed >= {f"satisfaction.{name}" for name in ("csat", "drivers", "gaps", "nps", "themes")} | {FITTED}
        assert views_fitted(relations)
        relations.execute(unmerge("c2"))
        after = answers(relations)
        assert {key[0] for key in before if after[key] != before[key]} <= MERGE_ITSELF.keys()


def test_what_a_merge_leaves_behind_is_the_merge_itself() -> None:
    """The answers that are exempt from `test_merge_then_unmerge_changes_nothing`: they differ by nothing else."""
    with opened(RICH) as relations:
        loyalty = relations.views.loyalty
        statements = {name: loyalty.statement(name, limit=None) for name in ("c1", "c2")}
        months = loyalty.months()
        relations.execute(merge("c2", "c1"))
        relations.execute(unmerge("c2"))
        for name, before in statements.items():
            after = loyalty.statement(name, limit=None)
            assert after.closing == before.closing
            assert [each for each in after.entries if each.at != LATER] == list(before.entries)
            assert sum(each.points - each.debt for each in after.entries if each.at == LATER) == 0
        merging = f"{LATER:%Y-%m}"
        assert [each for each in loyalty.months() if each.month != merging] == [
            each for each in months if each.month != merging
        ]
        assert relations.views.customers.duplicates() == []


def _shared(number: int, kind: str) -> st.SearchStrategy[Command]:
    """One thing that happens to one of two ids that are one person's."""
    who, when = st.sampled_from(["c1", "c2"]), st.integers(0, 300).map(day)
    if kind == "buy":
        return st.builds(lambda c, t, a: buy(c, f"p{number}", 0, a).model_copy(update={"occurred_at": t}),
                         who, when, st.integers(1, 500))  # fmt: skip
    if kind == "file":
        return st.builds(lambda c, t: file(c, f"k{number}", 0).model_copy(update={"occurred_at": t}), who, when)
    if kind == "invite":
        return st.builds(lambda c, i: SendInvitation(customer=c, invitation=i, instrument="nps", channel="email",
                                                     occurred_at=day(number)),
                         who, st.sampled_from(["s1", "s2"]))  # fmt: skip
    return st.builds(lambda c, s, i: answer(c, f"f{number}", s, i, number),
                     who, st.integers(0, 10), st.sampled_from(["s1", "s2", None]))  # fmt: skip


@st.composite
def _one_life(draw: st.DrawFn) -> list[Command]:
    kinds = draw(st.lists(st.sampled_from(["buy", "file", "invite", "answer"]), min_size=1, max_size=12))
    commands: list[Command] = []
    for number, kind in enumerate(kinds):
        commands.append(draw(_shared(number, kind)))
        if kind == "file" and draw(st.booleans()):
            common: dict[str, Any] = {"complaint": f"k{number}"}
            filed = commands[-1].occurred_at
            done = [
                GiveApology(**common, occurred_at=filed + timedelta(hours=1)),
                ProposeRemedy(**common, remedy="m1", kind="refund", value=Money(500, "EUR"),
                              occurred_at=filed + timedelta(hours=2)),
                AcceptRemedy(**common, remedy="m1", occurred_at=filed + timedelta(hours=2)),
                CarryOutRemedy(**common, remedy="m1", occurred_at=filed + timedelta(hours=3)),
                ResolveComplaint(**common, occurred_at=filed + timedelta(days=1)),
                FollowUpComplaint(**common, score=draw(st.integers(1, 5)), occurred_at=filed + timedelta(days=9)),
                ReopenComplaint(**common, reason="again",
                                occurred_at=filed + timedelta(days=draw(st.integers(10, 90)))),
            ]  # fmt: skip
            commands += done[: draw(st.integers(1, len(done)))]
    return commands


@part(8)
@given(_one_life())
def test_a_merged_pair_has_the_figures_of_one_customer(life: list[Command]) -> None:
    def known(customer: str) -> Command:
        return RegisterCustomer(customer=customer, occurred_at=START)

    as_one = [
        command.model_copy(update={"customer": "c1"}) if "customer" in type(command).model_fields else command
        for command in life
    ]
    found = []
    for history in ([known("c1"), *as_one], [known("c1"), known("c2"), *life, merge("c2", "c1")]):
        with Relations.open("sqlite://", clock=lambda: LATER) as relations:
            relations.adopt(Policy(surveys=_NOBODY_LEFT_IN_PEACE), from_beginning=True)
            report = relations.execute_many(history)
            codes = {rejection.error.code for rejection in report.rejections}
            assert codes <= {"invitation_already_answered", "invitation_id_reused"}
            # Who the customer is differs by definition.
            said = answers(relations, customers=("c1",), but=("customers.", FITTED))
            found.append({key: _as_one_stream(each) if key[0].startswith("agenda.") else each
                          for key, each in said.items()})  # fmt: skip
            for item in relations.views.agenda.due(until=LATER):
                event(f"{item.kind} is due")
    assert found[0] == found[1]
    event(f"{len({command.customer for command in life if hasattr(command, 'customer')})} ids")


def _as_one_stream(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Items of the agenda but for under which of the two ids they were recorded: where a command has to go differs."""
    names = {"customer-c2": "customer-c1", "loyalty-c2": "loyalty-c1"}
    renamed = [item | {"stream": names.get(item["stream"], item["stream"])} for item in items]
    return sorted(renamed, key=lambda item: (item["due_at"], item["stream"], item["programme"], item["detail"]))


_pairs = st.lists(st.tuples(st.integers(1, 6), st.integers(1, 6)), min_size=1, max_size=8)


@part(40)
@given(_pairs, st.randoms(use_true_random=False))
def test_any_order_of_merges_gives_the_same_groups(pairs: list[tuple[int, int]], random: Any) -> None:
    def groups(order: Iterable[tuple[int, int]]) -> set[frozenset[str]]:
        with opened(RegisterCustomer(customer=f"c{number}", occurred_at=day(0)) for number in range(1, 7)) as relations:
            for one, other in order:
                aliases = relations.views.customers.aliases
                customer, into = aliases.survivor(f"c{one}"), aliases.survivor(f"c{other}")
                if customer != into:
                    relations.execute(merge(customer, into))
            identities = relations.views.customers.merged()
            assert all(identity.customer == identity.ids[0] for identity in identities)
            return {frozenset(identity.ids) for identity in identities}

    shuffled = list(pairs)
    random.shuffle(shuffled)
    expected = groups(pairs)
    assert groups(shuffled) == groups((other, one) for one, other in pairs) == expected
    event(f"{len(expected)} groups")


_merging = st.lists(
    st.tuples(st.integers(1, 5), st.none() | st.integers(1, 5)).map(
        lambda pair: unmerge(f"c{pair[0]}") if pair[1] is None else merge(f"c{pair[0]}", f"c{pair[1]}")
    ),
    max_size=25,
)


@part(40)
@given(_merging)
def test_never_a_circle(commands: list[Command]) -> None:
    with opened(RegisterCustomer(customer=f"c{number}", occurred_at=day(0)) for number in range(1, 6)) as relations:
        relations.execute_many(commands)
        states = {name: relations.load("customer", name) for name in (f"c{number}" for number in range(1, 6))}
        for name, state in states.items():
            seen, last = {name}, state
            while last.into is not None:
                assert name in states[state.into].absorbed if state.into else True
                assert last.into not in seen
                seen.add(last.into)
                last = states[last.into]
        aliases = relations.views.customers.aliases
        assert aliases.survivors.keys() == {name for name, state in states.items() if state.into is not None}
        assert not aliases.survivors.keys() & set(aliases.survivors.values())
        event(f"{len(aliases.survivors)} aliases")


@given(st.dictionaries(st.integers(1, 8), st.integers(1, 8)), st.randoms(use_true_random=False))
def test_aliases_do_not_depend_on_the_order_of_rows(leads: dict[int, int], random: Any) -> None:
    rows = [Alias(f"c{one}", f"c{other}") for one, other in leads.items() if other > one]
    shuffled = list(rows)
    random.shuffle(shuffled)
    aliases = Aliases.of(rows)
    assert Aliases.of(shuffled) == aliases
    assert sum(len(group) - 1 for group in aliases.groups.values()) == len(rows)


# --- laws -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("projection", PROJECTIONS, ids=lambda projection: projection.name)
def test_every_projection_keeps_its_laws_where_customers_are_merged(projection: Any) -> None:
    merges = [merge("c2", "c1"), buy("c2", "p9", 300), unmerge("c2"), merge("c1", "c2"), merge("c2", "c3")]
    call = RecordInteraction(
        customer="c2", interaction="i1", channel="phone", kind="call", by="ann", occurred_at=day(3)
    )
    commands = [JoinStaff(staff="ann", role="agent", occurred_at=day(0)), call, *LIVES, *merges]
    seeds = HASH_SEEDS if SOAKING else ()  # `test_laws` folds in other processes, too
    report = check_laws(projection, commands, batches=(1, 3, 1_000), shards=(1, 2, 5), points=6, hash_seeds=seeds)
    assert report.folded > 0
    if projection in (PROJECTION, CUSTOMERS):
        assert report.size > 40


@part(40)
@given(st.lists(_anything, min_size=5, max_size=25), st.permutations(IDS))
def test_rows_are_combined_the_same_in_any_order(history: list[Command], order: list[str]) -> None:
    seen = 0
    everybody = Aliases.of([Alias(customer, IDS[0]) for customer in IDS[1:]])
    with Relations.open("sqlite://", clock=lambda: LATER) as relations:
        relations.execute_many(history)
        folding = relations.runner.fold()
        for projection in PROJECTIONS:
            for table, rows in folding.rows[projection.name].tables.items():
                if not issubclass(table, CustomerRow) or table.absorb is CustomerRow.absorb:
                    continue
                as_recorded = sorted(rows.values(), key=key_of)
                shuffled = sorted(as_recorded, key=lambda row: order.index(row.customer))
                found = [
                    {key_of(row): row for row in combined(deepcopy(each), everybody)}
                    for each in (as_recorded, shuffled)
                ]
                assert found[0] == found[1]
                assert all(row.customer == IDS[0] for row in found[0].values())
                seen += len(as_recorded) - len(found[0])
    event("some combined" if seen else "none combined")


def test_every_row_of_a_customer_says_how_two_become_one() -> None:
    rows = [row for projection in PROJECTIONS for row in projection.tables if row.key == ("customer",)]
    assert len(rows) >= 3
    for row in rows:
        assert issubclass(row, CustomerRow)
        assert row is Alias or row.absorb is not CustomerRow.absorb, row


# --- one person's newest word ----------------------------------------------------------------------------------------


def opt(kind: type[GiveConsent] | type[WithdrawConsent], customer: str, number: float) -> Command:
    return kind(customer=customer, purpose="surveys", channel="email", occurred_at=day(number))


def invite(customer: str, number: float) -> SendInvitation:
    return SendInvitation(
        customer=customer, invitation=f"i{number}", instrument="nps", channel="email", occurred_at=day(number)
    )


@pytest.mark.parametrize("before", [[], [opt(GiveConsent, "new", 5)]], ids=["nothing", "a consent"])
@pytest.mark.parametrize("spoken", ["old", "new"])
def test_a_person_can_consent_again_after_a_merge_under_any_id(before: list[Command], spoken: str) -> None:
    known: list[Command] = [RegisterCustomer(customer=each, occurred_at=day(0)) for each in ("old", "new")]
    with opened([*known, *before, opt(WithdrawConsent, "old", 10), merge("old", "new", day(30))]) as engine:
        consents = engine.views.customers.consents
        (standing,) = consents("new", as_of=day(35))
        assert (standing.allowed, standing.since) == (False, day(10))
        with pytest.raises(CommandRefused, match="consent"):
            engine.execute(invite("new", 35))
        assert engine.execute(opt(GiveConsent, spoken, 40)).events
        assert not engine.execute(opt(GiveConsent, spoken, 40)).events, "a retry adds nothing"
        (standing,) = consents("new", as_of=day(45))
        assert (standing.allowed, standing.since) == (True, day(40))
        assert engine.execute(invite("new", 45)).events
        engine.execute(opt(WithdrawConsent, "old" if spoken == "new" else "new", 50))
        (standing,) = consents("old", as_of=day(55))
        assert (standing.allowed, standing.since) == (False, day(50))
        with pytest.raises(CommandRefused, match="consent"):
            engine.execute(invite("old", 55))


def test_what_is_said_under_another_id_is_not_taken_for_said_already() -> None:
    def language(customer: str, value: str, number: float) -> Command:
        return CorrectProfile(customer=customer, language=value, occurred_at=day(number))

    def trait(kind: type[NoteTrait] | type[DropTrait], customer: str, number: float) -> Command:
        return kind(customer=customer, trait="habit", about="late breakfast", occurred_at=day(number))

    known: list[Command] = [RegisterCustomer(customer=each, occurred_at=day(0)) for each in ("old", "new")]
    said = [language("new", "de", 5), trait(NoteTrait, "new", 5), merge("old", "new", day(30))]
    with opened([*known, *said, language("old", "en", 35), trait(NoteTrait, "old", 35)]) as engine:
        portrait = engine.views.customers.portrait
        assert portrait("new", as_of=day(36)).language == "en"
        assert engine.execute(language("new", "de", 40)).events
        assert portrait("new", as_of=day(41)).language == "de"
        assert not engine.execute(trait(NoteTrait, "new", 40)).events
        assert engine.execute(trait(DropTrait, "new", 42)).events
        assert portrait("new", as_of=day(43)).traits == ()
        assert engine.execute(trait(NoteTrait, "new", 44)).events
        assert [each.about for each in portrait("old", as_of=day(45)).traits] == ["late breakfast"]
