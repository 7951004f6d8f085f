"""The repair view of relations, from folded events; the complaints' own rules decide which events there are."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from relations.aggregates.complaint import (
    AGGREGATE as COMPLAINT,
)
from relations.aggregates.complaint import (
    AcceptRemedy,
    AcknowledgeComplaint,
    ApproveRemedy,
    AskInformation,
    AssessComplaint,
    AssignComplaint,
    CarryOutRemedy,
    CheckDeadlines,
    CloseComplaint,
    ComplaintFiled,
    ComplaintFollowedUp,
    ComplaintReopened,
    CompleteImprovement,
    DeadlineMissed,
    DeclineRemedy,
    DuplicateTaken,
    EscalateComplaint,
    EscalationPlanned,
    FileComplaint,
    FollowUpComplaint,
    GiveApology,
    InvestigateComplaint,
    MeasureImprovement,
    MergeComplaint,
    NameRootCause,
    ProposeRemedy,
    RaiseImprovement,
    ReceiveInformation,
    RecogniseComplaint,
    ReopenComplaint,
    ResolveComplaint,
    SendHoldingReply,
    TakeDuplicate,
    TransferComplaint,
    WithdrawComplaint,
)
from relations.aggregates.customer import CustomerRegistered, PurchaseRecorded, RecordPurchase, RegisterCustomer
from relations.engine import Relations
from relations.errors import CommandRefused, InvalidInput
from relations.messages import Envelope, Event, Money, to_micros
from relations.policies import Desk, Limit, Policy, Repair, ServiceLevels
from relations.policies.calendars import local_time
from relations.policies.complaints.service_levels import EscalationStep, ServiceLevel
from relations.projections.projection import Rows
from relations.projections.repair.cases import PROJECTION, Case, Patron
from relations.projections.repair.figures import (
    ClockFigures,
    DueStep,
    RelationStanding,
    RepairSummary,
    StepTime,
    clock_figures,
    due_steps,
    nearest_rank,
    read_relations,
    repair_summary,
    standing,
    step_times,
)
from relations.projections.repair.relation_state import STATES, Relation, Round, relation_state
from relations.projections.repair.view import RelationProfile, relation_profile

UTC_TIME = local_time("UTC")
START = datetime(2024, 1, 1, tzinfo=UTC)
POLICY = Policy()
FULL_DESK = Policy(
    service_levels=ServiceLevels(
        medium=ServiceLevel(
            acknowledge=timedelta(days=1),
            resolve=timedelta(days=7),
            extended=timedelta(days=30),
            next_response=timedelta(days=2),
        ),
        escalations=(EscalationStep(at_percent=50, to="head of desk"),),
    ),
    desk=Desk(limits=(Limit(role="clerk", money=(Money(500, "EUR"),)), Limit(role="head", money=(Money(900, "EUR"),)))),
)
REPAIR = Repair()
FAR = to_micros(START) + 10_000 * 86_400_000_000


class Fact(NamedTuple):
    """An event with what its envelope says."""

    stream: str
    version: int
    customer: str
    at: int
    event: Event


def day(days: float) -> datetime:
    return START + timedelta(days=days)


def micros(days: float) -> int:
    return to_micros(day(days))


class History:
    """Commands through the complaint's own rules, and purchases; refused commands leave nothing."""

    def __init__(self, policy: Policy = POLICY) -> None:
        self.policy = policy
        self.facts: list[Fact] = []
        self._states: dict[str, Any] = {}

    def record(self, stream: str, customer: str, at: int, event: Event) -> None:
        version = sum(fact.stream == stream for fact in self.facts) + 1
        self.facts.append(Fact(stream, version, customer, at, event))

    def buys(self, days: float, customer: str = "c") -> History:
        money = Money(100, "EUR")
        self.record(f"customer-{customer}", customer, micros(days), PurchaseRecorded(purchase="p", amount=money))
        return self

    def joins(self, days: float, customer: str = "c") -> History:
        self.record(f"customer-{customer}", customer, micros(days), CustomerRegistered())
        return self

    def does(self, days: float, command: type, complaint: str = "k", **fields: Any) -> History:
        made = command(complaint=complaint, occurred_at=day(days), **fields)
        decider = COMPLAINT.decider
        state = self._states.get(complaint, decider.initial)
        for event in decider.decide(state, made, self.policy):
            state = decider.evolve(state, event)
            self.record(f"complaint-{complaint}", state.customer, made.at, event)
        self._states[complaint] = state
        return self

    def files(self, days: float, complaint: str = "k", customer: str = "c", subject: str = "noise") -> History:
        return self.does(days, FileComplaint, complaint, customer=customer, subject=subject, channel="web")


def folded(facts: Iterable[Fact], rows: Rows | None = None) -> Rows:
    rows = rows or Rows(PROJECTION.tables, UTC_TIME)
    for position, fact in enumerate(facts, 1):
        envelope = Envelope(
            position=position,
            stream=fact.stream,
            version=fact.version,
            customer=fact.customer,
            occurred_at=fact.at,
            recorded_at=0,
        )
        fold = PROJECTION.folds.get(type(fact.event))
        if fold:
            fold(rows, fact.event, envelope)
    return rows


def cases(rows: Rows) -> list[Case]:
    return sorted(rows.tables[Case].values(), key=lambda row: (row.customer, row.complaint))


def patrons(rows: Rows) -> list[Patron]:
    return sorted(rows.tables[Patron].values(), key=lambda row: row.customer)


def canonical(rows: Rows) -> bytes:
    return msgspec.json.Encoder(order="deterministic").encode([cases(rows), patrons(rows)])


def relation(history: History, days: float = 10_000, policy: Repair = REPAIR, customer: str = "c") -> Relation:
    return state_of(history.facts, micros(days), policy, customer)


def state_of(facts: Iterable[Fact], as_of: int, policy: Repair = REPAIR, customer: str = "c") -> Relation:
    rows = folded(facts)
    patron = rows.get(Patron, customer)
    theirs = [case for case in cases(rows) if case.customer == customer]
    return relation_state(patron, theirs, policy, as_of=as_of, local=UTC_TIME)


def at(history: History, days: float, policy: Repair = REPAIR) -> tuple[str, float | None]:
    found = relation(history, days, policy)
    return found.state, None if found.since is None else (found.since - to_micros(START)) / 86_400_000_000


@st.composite
def histories(draw: st.DrawFn) -> History:
    history = History(draw(st.sampled_from([POLICY, FULL_DESK])))
    complaints = draw(st.lists(st.sampled_from(["k1", "k2", "k3"]), min_size=1, max_size=3, unique=True))
    for complaint in complaints:
        history.files(draw(st.integers(0, 60)), complaint, subject=draw(st.sampled_from(["noise", "bill"])))
    remedy: dict[str, Any] = {"remedy": "r"}
    value = {"kind": "refund", "value": Money(draw(st.integers(0, 900)), "EUR"), "role": "clerk"}
    moves: list[tuple[type, dict[str, Any]]] = [
        (AcknowledgeComplaint, {}),
        (GiveApology, {}),
        (ProposeRemedy, remedy | value),
        (AcceptRemedy, remedy),
        (CarryOutRemedy, remedy),
        (ResolveComplaint, {}),
        (ResolveComplaint, {}),
        (FollowUpComplaint, {"score": draw(st.integers(1, 5))}),
        (FollowUpComplaint, {"score": draw(st.integers(1, 5))}),
        (CloseComplaint, {}),
        (ReopenComplaint, {"reason": "again"}),
        (WithdrawComplaint, {}),
        (CheckDeadlines, {}),
        (AssessComplaint, {"severity": draw(st.sampled_from(["low", "high", "critical"])), "category": "room"}),
        (AssignComplaint, {"owner": "ann", "department": draw(st.sampled_from(["desk", "kitchen"]))}),
        (TransferComplaint, {"department": "finance"}),
        (InvestigateComplaint, {"conclusion": "upheld"}),
        (NameRootCause, {"cause": draw(st.sampled_from(["plumbing", "staffing"]))}),
        (AskInformation, {"request": "q"}),
        (ReceiveInformation, {"request": "q"}),
        (SendHoldingReply, {"reason": "parts"}),
        (EscalateComplaint, {"to": "director", "emergency": draw(st.booleans())}),
        (ApproveRemedy, remedy | {"role": "head"}),
        (DeclineRemedy, remedy),
        (MergeComplaint, {"into": "other"}),
        (TakeDuplicate, {"duplicate": "other"}),
        (RecogniseComplaint, {"reward": "w", "points": 10}),
        (RaiseImprovement, {"improvement": "i", "title": "mend the pipe", "cause": "plumbing"}),
        (CompleteImprovement, {"improvement": "i"}),
        (
            MeasureImprovement,
            {"improvement": "i", "before": 9, "before_days": 90, "after": draw(st.integers(0, 12)), "after_days": 90},
        ),
    ]
    for when in draw(st.lists(st.integers(0, 400), max_size=24)):
        if draw(st.integers(0, 4)) == 0:
            history.buys(when / 2)
            continue
        move, fields = draw(st.sampled_from(moves))
        complaint = draw(st.sampled_from(complaints))
        lenient = draw(st.booleans())
        try:
            history.does(when / 2, move, complaint, lenient=lenient, **fields)
        except CommandRefused:
            continue
    return history


# --- rows -----------------------------------------------------------------------------------------------------------


@given(histories(), st.randoms(use_true_random=False))
def test_rows_do_not_depend_on_the_order_of_recording(history: History, chance: random.Random) -> None:
    shuffled = list(history.facts)
    chance.shuffle(shuffled)
    assert canonical(folded(shuffled)) == canonical(folded(history.facts))


@given(histories(), st.integers(0, 40))
def test_folding_a_prefix_storing_it_and_going_on_is_folding_the_whole(history: History, cut: int) -> None:
    rows = folded(history.facts[:cut])
    stored = msgspec.json.decode(canonical(rows), type=tuple[list[Case], list[Patron]])
    rows.tables[Case].update({(row.customer, row.complaint): row for row in stored[0]})
    rows.tables[Patron].update({(row.customer,): row for row in stored[1]})
    assert canonical(folded(history.facts[cut:], rows)) == canonical(folded(history.facts))


@given(histories())
def test_every_step_is_kept_with_its_time_and_in_order(history: History) -> None:
    rows = folded(history.facts)
    kept = [step for case in cases(rows) for step in case.steps if step.what != "categorised"]
    ticks = [tick for case in cases(rows) for tick in case.ticks]
    lessons = [lesson for case in cases(rows) for lesson in case.lessons]
    others = sum(
        isinstance(fact.event, (PurchaseRecorded, EscalationPlanned, DuplicateTaken)) for fact in history.facts
    )
    assert len(kept) + len(ticks) + len(lessons) + others == len(history.facts) > 0
    for case in cases(rows):
        order = [(step.at, step.version) for step in case.steps]
        assert order == sorted(order)
        assert [tick.version for tick in case.ticks] == sorted(tick.version for tick in case.ticks)
        assert case.last_at == max(step.at for step in case.steps)


def test_no_personal_words_are_kept() -> None:
    event = ComplaintFiled(
        subject="noise", channel="web", severity="low", acknowledge_by=1, resolve_by=2, policy=1, text="secret words"
    )
    said = ComplaintFollowedUp(score=1, words="secret words")
    rows = folded([Fact("complaint-k", 1, "c", 0, event), Fact("complaint-k", 2, "c", 1, said)])
    assert len(cases(rows)[0].steps) == 2
    assert b"secret" not in canonical(rows)


# --- the way from strained to restored ------------------------------------------------------------------------------


def test_a_relation_goes_step_by_step_and_is_restored_by_the_customers_word() -> None:
    history = (
        History()
        .joins(0)
        .files(1)
        .does(2, AcknowledgeComplaint)
        .does(3, GiveApology)
        .does(4, ProposeRemedy, remedy="r", kind="goodwill", value=Money(500, "EUR"))
        .does(4.5, AcceptRemedy, remedy="r")
        .does(5, CarryOutRemedy, remedy="r")
        .does(6, ResolveComplaint)
        .does(7, CloseComplaint)
        .does(8, FollowUpComplaint, score=4)
    )
    assert at(history, 0.5) == ("healthy", None)
    assert at(history, 1) == ("strained", 1)
    assert at(history, 2) == ("acknowledged", 2)
    assert at(history, 3) == ("apologised", 3)
    assert at(history, 4) == ("apologised", 3)
    assert at(history, 5) == ("remedied", 5)
    assert at(history, 6) == ("verifying", 6)
    assert at(history, 7.9) == ("verifying", 6), "closing a file restores nothing"
    assert at(history, 8) == ("restored", 8)
    assert at(history, 5000) == ("restored", 8)


def test_steps_in_another_order_lead_as_far() -> None:
    history = History().files(1).does(2, GiveApology).does(3, AcknowledgeComplaint)
    assert at(history, 4) == ("apologised", 2)


def test_a_purchase_on_a_later_day_than_the_resolution_restores() -> None:
    history = History().files(1).buys(1.5).does(6.5, ResolveComplaint).buys(6.9)
    assert at(history, 100) == ("verifying", 6.5)
    history.buys(40.5)
    assert at(history, 39.9) == ("verifying", 6.5)
    assert at(history, 41) == ("restored", 40)
    assert at(history, 41, Repair(purchase_restores=False)) == ("verifying", 6.5)


def test_a_purchase_before_the_complaint_was_recorded_counts_when_it_was_made() -> None:
    late = History().buys(40.5).files(1).does(6.5, ResolveComplaint)
    assert at(late, 41) == ("restored", 40)


def test_low_scores_strain_again_and_purchases_do_not_overrule_words() -> None:
    history = History().files(1).does(6, ResolveComplaint).does(8, FollowUpComplaint, score=2).buys(20)
    assert at(history, 9) == ("strained", 8)
    assert at(history, 21) == ("strained", 8)
    history.does(30, FollowUpComplaint, score=5)
    assert at(history, 31) == ("restored", 30)
    history.does(50, FollowUpComplaint, score=1)
    assert at(history, 51) == ("relapsed", 50)


def test_a_score_between_says_neither() -> None:
    history = History().files(1).does(6, ResolveComplaint).does(8, FollowUpComplaint, score=3)
    assert at(history, 9) == ("verifying", 6)
    assert at(history, 9, Repair(restored_score_min=3)) == ("restored", 8)
    assert at(history, 9, Repair(broken_score_max=3)) == ("strained", 8)


def test_a_score_dated_before_the_settlement_says_nothing_of_it() -> None:
    history = History().files(1).does(6, ResolveComplaint).does(5, FollowUpComplaint, score=5)
    assert isinstance(history.facts[-1].event, ComplaintFollowedUp)
    assert at(history, 9) == ("verifying", 6)
    assert due(history, 20) == [("follow_up", 13)], "they are still to be asked"


def test_what_is_dated_before_the_filing_counts_as_of_the_filing() -> None:
    history = History().files(5).does(3, AcknowledgeComplaint)
    assert at(history, 4) == ("healthy", None)
    assert at(history, 5) == ("acknowledged", 5)
    assert figures([history])["acknowledged"].median == timedelta(0)


def test_a_reopening_dated_before_the_filing_is_a_reopening_of_the_filed_complaint() -> None:
    history = History().files(5).does(3, ResolveComplaint).does(4, ReopenComplaint, reason="it came back")
    assert at(history, 4) == ("healthy", None)
    assert at(history, 5) == ("relapsed", 5)
    found = relation(history, 6)
    assert [opened.opened_by for opened in found.histories[0].rounds] == ["filed", "reopened"]
    assert [deviation.kind for deviation in found.deviations] == ["reopened"]


def test_the_first_of_several_like_steps_counts() -> None:
    history = History().files(1).does(2, GiveApology, channel="phone").does(3, GiveApology, channel="email")
    assert at(history, 4) == ("apologised", 2)


def test_a_purchase_after_a_reopening_is_no_evidence_for_the_round_before_it() -> None:
    history = History().files(1).does(6, ResolveComplaint).does(16, ReopenComplaint, reason="no").buys(20)
    (complaint,) = relation(history).histories
    assert [opened.restored_at(FAR) for opened in complaint.rounds] == [None, None]
    assert at(history, 21) == ("relapsed", 16)
    history.does(22, ResolveComplaint)
    assert at(history, 30) == ("verifying", 22)


def test_a_withdrawn_complaint_is_settled_and_a_later_purchase_restores() -> None:
    history = History().files(1).does(5, WithdrawComplaint)
    assert at(history, 6) == ("withdrawn", 5)
    assert at(history.buys(30), 31) == ("restored", 30)


def test_the_relation_is_where_its_least_mended_complaint_is() -> None:
    history = (
        History()
        .files(1, "a")
        .does(2, GiveApology, "a")
        .files(3, "b", subject="bill")
        .does(4, AcknowledgeComplaint, "b")
    )
    found = relation(history)
    assert (found.state, found.complaint) == ("acknowledged", "b")
    history.does(5, ResolveComplaint, "a").does(5, ResolveComplaint, "b").does(6, FollowUpComplaint, "a", score=5)
    assert relation(history, 7).complaint == "b"
    history.does(9, FollowUpComplaint, "b", score=5)
    assert at(history, 10) == ("restored", 9)
    assert standing("c", relation(history)).unsettled == 0


@given(histories(), st.integers(0, 250))
def test_as_of_a_day_is_what_the_facts_until_then_say(history: History, days: int) -> None:
    as_of = micros(days + 1) - 1
    until_then = [fact for fact in history.facts if fact.at <= as_of]
    now, then = state_of(history.facts, as_of), state_of(until_then, as_of)
    assert relation_profile("c", now) == relation_profile("c", then)
    assert now.state in STATES


@given(histories())
def test_without_the_customers_evidence_nothing_is_ever_restored(history: History) -> None:
    agents = [
        fact
        for fact in history.facts
        if not isinstance(fact.event, (PurchaseRecorded, CustomerRegistered))
        and (getattr(fact.event, "score", None) or 0) < REPAIR.restored_score_min
    ]
    for moment in sorted({fact.at for fact in agents}):
        assert state_of(agents, moment).state != "restored"
    assert state_of(agents, FAR).state != "restored"


@given(histories())
def test_restored_rests_on_evidence_after_the_settlement(history: History) -> None:
    found = state_of(history.facts, FAR)
    for complaint in found.histories:
        last = complaint.rounds[-1]
        restored_at = last.restored_at(FAR)
        if restored_at is not None:
            assert last.settled_at is not None
            assert restored_at >= last.settled_at
            scored = any(when == restored_at and score >= REPAIR.restored_score_min for when, score in last.scores)
            bought = any(
                isinstance(fact.event, PurchaseRecorded) and restored_at <= fact.at < restored_at + 86_400_000_000
                for fact in history.facts
            )
            assert scored or bought


# --- failures upon failures -----------------------------------------------------------------------------------------


def test_reopening_soon_after_a_resolution_is_a_relapse_and_a_double_deviation() -> None:
    history = History().files(1).does(6, ResolveComplaint).does(16, ReopenComplaint, reason="still loud")
    found = relation(history, 17)
    assert at(history, 17) == ("relapsed", 16)
    assert [(entry.kind, entry.interval // 86_400_000_000) for entry in found.deviations] == [("reopened", 10)]
    assert at(history, 17, Repair(relapse_days=9)) == ("strained", 16)
    history.does(18, AcknowledgeComplaint)
    assert at(history, 19) == ("acknowledged", 18)
    assert standing("c", relation(history)).relapses == 1


def test_reopening_what_was_restored_is_a_relapse_however_late() -> None:
    history = History().files(1).does(6, ResolveComplaint).does(8, FollowUpComplaint, score=5)
    history.does(500, ReopenComplaint, reason="again")
    assert at(history, 499) == ("restored", 8)
    assert at(history, 501) == ("relapsed", 500)


def test_an_imports_reopening_is_no_failure_of_anything() -> None:
    history = History().files(1).does(6, ResolveComplaint).does(16, AcknowledgeComplaint, lenient=True)
    assert any(isinstance(fact.event, ComplaintReopened) for fact in history.facts)
    found = relation(history, 17)
    assert (found.state, found.deviations, standing("c", found).relapses) == ("acknowledged", [], 0)


def test_a_new_failure_of_a_restored_relation_is_a_relapse() -> None:
    history = History().files(1, "a").does(6, ResolveComplaint, "a").does(8, FollowUpComplaint, "a", score=5)
    history.files(900, "b", subject="bill")
    found = relation(history)
    assert (found.state, found.complaint, found.deviations) == ("relapsed", "b", [])


def test_any_complaint_that_is_still_restored_makes_a_new_failure_a_relapse() -> None:
    history = History().files(1, "a").does(6, ResolveComplaint, "a").does(8, FollowUpComplaint, "a", score=5)
    history.files(20, "b", subject="bill").does(21, ResolveComplaint, "b").files(800, "x", subject="wifi")
    assert relation(history).histories[-1].rounds[0].is_relapse


def test_what_was_restored_and_broken_again_is_no_ground_for_a_relapse() -> None:
    history = History().files(1, "a").does(6, ResolveComplaint, "a").does(8, FollowUpComplaint, "a", score=5)
    history.does(30, FollowUpComplaint, "a", score=1).files(800, "b", subject="bill")
    assert not relation(history).histories[-1].rounds[0].is_relapse


def test_a_second_complaint_while_the_first_is_open_is_no_relapse_but_weighs_double() -> None:
    history = History().files(1, "a").files(31, "b", subject="bill").files(300, "x", subject="noise")
    found = relation(history)
    assert found.state == "strained"
    assert [(entry.complaint, entry.kind) for entry in found.deviations] == [("b", "soon_after"), ("x", "same_kind")]
    assert [entry.interval // 86_400_000_000 for entry in found.deviations] == [30, 299]
    assert len(relation(history, policy=Repair(double_deviation_days=30)).deviations) == 2
    assert [entry.kind for entry in relation(history, policy=Repair(double_deviation_days=29)).deviations] == [
        "same_kind"
    ]


@given(histories(), st.integers(0, 60))
def test_relapses_are_what_looking_at_every_pair_gives(history: History, days: int) -> None:
    policy = Repair(relapse_days=days)
    found = state_of(history.facts, FAR, policy)

    def mended(earlier: Round, moment: int, *, before: int) -> bool:
        resolved_at = earlier.first.get("resolved")
        soon = resolved_at is not None and resolved_at <= before and moment <= resolved_at + days * 86_400_000_000
        return soon or earlier.restored_at(before) is not None

    for complaint in found.histories:
        first, *reopened = complaint.rounds
        at = first.opened_at
        others = [
            earlier
            for other in found.histories
            for earlier in other.rounds
            if earlier.opened_at < at and (earlier.ends_at or FAR) >= at
        ]
        # What another complaint comes to at the very moment of the filing was not so before it.
        assert first.is_relapse == any(mended(earlier, at, before=at - 1) for earlier in others)
        for earlier, opened in zip(complaint.rounds, reopened, strict=False):
            at = opened.opened_at
            assert opened.is_relapse == (opened.opened_by == "reopened" and mended(earlier, at, before=at))


def test_thousands_of_complaints_of_one_customer_are_read_in_one_go() -> None:
    history = History()
    for number in range(2_000):
        event = ComplaintFiled(
            subject="noise", channel="web", severity="low", acknowledge_by=micros(1), resolve_by=micros(2), policy=1
        )
        history.facts.append(Fact(f"complaint-k{number}", 1, "c", micros(number / 100), event))
    found = relation(history)
    assert (found.state, len(found.histories), len(found.deviations)) == ("strained", 2_000, 1_999)


# --- due and overdue ------------------------------------------------------------------------------------------------


def due(history: History, days: float, *, within: float | None = None) -> list[tuple[str, float]]:
    as_of = micros(days)
    rows = folded(history.facts)
    found = due_steps(
        read_relations(patrons(rows), cases(rows), REPAIR, as_of=as_of, local=UTC_TIME),
        begin=None if within is None else as_of,
        end=as_of if within is None else micros(days + within),
        as_of=as_of,
        follow_up_days=7,
    )
    return [(step.clock, (to_micros(step.due_at) - to_micros(START)) / 86_400_000_000) for step in found]


def deadlines(history: History) -> tuple[float, float]:
    event = next(fact.event for fact in history.facts if isinstance(fact.event, ComplaintFiled))
    begin = to_micros(START)
    return (event.acknowledge_by - begin) / 86_400_000_000, (event.resolve_by - begin) / 86_400_000_000


def test_what_is_due_and_what_is_overdue() -> None:
    history = History().files(1)
    acknowledge, resolve = deadlines(history)
    assert 1 < acknowledge < resolve
    assert due(history, 1, within=1000) == [("acknowledge", acknowledge), ("resolve", resolve)]
    assert due(history, 1, within=acknowledge - 1) == [("acknowledge", acknowledge)]
    assert due(history, 1) == []
    assert due(history, acknowledge) == [("acknowledge", acknowledge)], "at the deadline itself it is late"
    assert due(history, resolve + 1) == [("acknowledge", acknowledge), ("resolve", resolve)]
    history.does(resolve + 2, GiveApology)
    assert due(history, resolve + 3) == [("resolve", resolve)]
    assert due(history, resolve + 1, within=1000) == []
    history.does(resolve + 4, ResolveComplaint)
    assert due(history, resolve + 5, within=1000) == [("follow_up", resolve + 4 + 7)]
    assert due(history, resolve + 20) == [("follow_up", resolve + 4 + 7)]
    history.does(resolve + 30, FollowUpComplaint)
    assert due(history, 5000) == []
    assert due(history, resolve + 3) == [("resolve", resolve)], "as of then, as before"


@given(histories(), st.integers(0, 250))
def test_what_is_not_pending_is_never_due(history: History, days: int) -> None:
    as_of = micros(days)
    rows = folded(history.facts)
    pending = {case.complaint for case in cases(rows) if case.pending or case.last_at > as_of}
    relations = list(read_relations(patrons(rows), cases(rows), REPAIR, as_of=as_of, local=UTC_TIME))
    found = due_steps(relations, begin=None, end=FAR, as_of=as_of, follow_up_days=7)
    assert {step.complaint for step in found} <= pending
    assert [step.due_at for step in found] == sorted(step.due_at for step in found)


# --- figures --------------------------------------------------------------------------------------------------------


def test_nearest_rank_takes_an_observed_value() -> None:
    assert [nearest_rank([15, 20, 35, 40, 50], percent) for percent in (5, 30, 40, 50, 100)] == [15, 20, 20, 35, 50]
    assert nearest_rank([1, 2, 3, 4], 50) == 2
    assert nearest_rank([7], 90) == 7
    assert nearest_rank(list(range(1, 11)), 90) == 9


@given(st.lists(st.integers(0, 99), min_size=1, max_size=50).map(sorted), st.integers(1, 100))
def test_nearest_rank_is_the_smallest_that_enough_do_not_exceed(values: list[int], percent: int) -> None:
    found = nearest_rank(values, percent)
    assert sum(value <= found for value in values) * 100 >= percent * len(values)
    assert all(sum(v <= value for v in values) * 100 < percent * len(values) for value in values if value < found)


def figures(histories_: Sequence[History], days: float = 10_000) -> dict[str, StepTime]:
    read = [history for found in histories_ for history in relation(found, days).histories]
    return {found.step: found for found in step_times(read, as_of=micros(days))}


def clocks_of(histories_: Sequence[History], days: float) -> list[ClockFigures]:
    read = [history for found in histories_ for history in relation(found, days).histories]
    return clock_figures(read, as_of=micros(days), confidence=0.95)


def test_times_to_each_step_and_the_share_on_time() -> None:
    quick = History().files(1).does(1.1, AcknowledgeComplaint).does(2, ResolveComplaint)
    slow = History().files(1).does(101, AcknowledgeComplaint).does(201, ResolveComplaint)
    never = History().files(1)
    found = figures([quick, slow, never])
    assert (found["acknowledged"].reached, found["resolved"].reached, found["restored"].reached) == (2, 2, 0)
    assert found["acknowledged"].median == day(1.1) - day(1)
    assert found["resolved"].median == timedelta(days=1)
    assert found["resolved"].p90 == timedelta(days=200)
    assert found["restored"].median is None
    assert (found["resolved"].met, found["resolved"].missed) == (1, 2)
    assert found["resolved"].on_time == 1 / 3
    assert found["apologised"].met is found["apologised"].on_time is None
    early = figures([never], 1)
    assert (early["resolved"].missed, early["resolved"].on_time) == (0, None)


def test_a_reply_in_time_that_is_recorded_late_counts_as_in_time_and_is_shown_as_a_correction() -> None:
    history = History().files(1)
    acknowledge, _ = deadlines(history)
    history.does(acknowledge + 1, CheckDeadlines)
    assert any(isinstance(fact.event, DeadlineMissed) for fact in history.facts)
    late = figures([history], acknowledge + 2)
    assert (late["acknowledged"].met, late["acknowledged"].missed) == (0, 1)
    history.does(1.1, AcknowledgeComplaint)
    assert any(isinstance(fact.event, DeadlineMissed) for fact in history.facts), "the miss stays in the log"
    found = figures([history], acknowledge + 2)
    assert (found["acknowledged"].met, found["acknowledged"].missed) == (1, 0)
    assert found["acknowledged"].median == day(1.1) - day(1)
    (clock,) = [each for each in clocks_of([history], acknowledge + 2) if each.clock == "acknowledge"]
    assert (clock.met, clock.missed, clock.corrected, clock.on_time) == (1, 0, 1, 1.0)
    truly_late = History().files(1).does(acknowledge + 1, CheckDeadlines).does(acknowledge + 0.5, AcknowledgeComplaint)
    (clock,) = [each for each in clocks_of([truly_late], acknowledge + 2) if each.clock == "acknowledge"]
    assert (clock.met, clock.missed, clock.corrected) == (0, 1, 0)


def test_each_round_has_clocks_of_its_own() -> None:
    history = (
        History().files(1).does(2, ResolveComplaint).does(3, ReopenComplaint, reason="no").does(500, ResolveComplaint)
    )
    found = figures([history])
    assert (found["resolved"].reached, found["resolved"].met, found["resolved"].missed) == (2, 1, 1)
    assert found["resolved"].p90 == timedelta(days=497)


@given(histories())
def test_states_add_up_and_so_does_what_it_cost(history: History) -> None:
    history.joins(0, "other")
    rows = folded(history.facts)
    read = list(read_relations(patrons(rows), cases(rows), REPAIR, as_of=FAR, local=UTC_TIME))
    found = repair_summary(read, customers=len(patrons(rows)), as_of=FAR)
    carried_out = [step for case in cases(rows) for step in case.steps if step.what == "carried_out"]
    assert sum(found.states.values()) == found.customers == 2
    assert (found.damaged, found.states["healthy"]) == (1, 1)
    assert sum(money.amount for money in found.cost) == sum(step.cost.amount for step in carried_out if step.cost)
    assert (found.cost_per_restored is None) == (found.states["restored"] == 0)
    assert sum(found.deviations.values()) == len(read[0][1].deviations)


def test_the_cost_of_a_restored_relation_counts_what_was_spent_in_vain() -> None:
    history = History().joins(0, "a").joins(0, "b").joins(0, "d")
    for customer, complaint in (("a", "ka"), ("b", "kb")):
        history.files(1, complaint, customer)
        history.does(2, ProposeRemedy, complaint, remedy="r", kind="refund", value=Money(501, "EUR"))
        history.does(3, AcceptRemedy, complaint, remedy="r").does(4, CarryOutRemedy, complaint, remedy="r")
        history.does(5, ResolveComplaint, complaint)
    history.does(6, FollowUpComplaint, "ka", score=5)
    rows = folded(history.facts)
    read = list(read_relations(patrons(rows), cases(rows), REPAIR, as_of=FAR, local=UTC_TIME))
    found = repair_summary(read, customers=3, as_of=FAR)
    assert (found.states["restored"], found.states["verifying"], found.states["healthy"]) == (1, 1, 1)
    assert found.cost == found.cost_per_restored == (Money(1002, "EUR"),)
    assert found.restored_share == 0.5
    history.does(7, FollowUpComplaint, "kb", score=4)
    rows = folded(history.facts)
    read = list(read_relations(patrons(rows), cases(rows), REPAIR, as_of=FAR, local=UTC_TIME))
    assert repair_summary(read, customers=3, as_of=FAR).cost_per_restored == (Money(501, "EUR"),)


def test_nobody_damaged_has_no_shares() -> None:
    found = repair_summary([], customers=4, as_of=FAR)
    assert found.states["healthy"] == found.customers == 4
    assert (found.restored_share, found.relapsed_share, found.cost_per_restored) == (None, None, None)


@pytest.mark.parametrize("model", [RelationStanding, RelationProfile, DueStep, StepTime, RepairSummary])
def test_every_result_has_a_json_schema(model: type[BaseModel]) -> None:
    assert model.model_json_schema()["properties"].keys() == model.model_fields.keys()


# --- policy ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields",
    [
        {"restored_score_min": 6},
        {"restored_score_min": 2},
        {"broken_score_max": 4},
        {"relapse_days": -1},
        {"unknown": 1},
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        Repair(**fields)


# --- the view -------------------------------------------------------------------------------------------------------


@pytest.fixture
def hotel(database_url: str) -> Iterator[Relations]:
    with Relations.open(database_url, clock=lambda: day(30), durability="off") as relations:
        eur = Money(100, "EUR")
        file: Any = {"subject": "noise", "channel": "web"}
        for command in (
            RegisterCustomer(customer="calm", occurred_at=day(0)),
            FileComplaint(complaint="a", customer="ada", occurred_at=day(1), **file),
            GiveApology(complaint="a", occurred_at=day(2)),
            FileComplaint(complaint="b", customer="bo", occurred_at=day(1), **file),
            ResolveComplaint(complaint="b", occurred_at=day(2)),
            FileComplaint(complaint="d", customer="di", occurred_at=day(1), **file),
            ResolveComplaint(complaint="d", occurred_at=day(2)),
            RecordPurchase(customer="di", purchase="p", amount=eur, occurred_at=day(9.5)),
            FollowUpComplaint(complaint="d", score=5, occurred_at=day(10)),
            RegisterCustomer(customer="later", occurred_at=day(60)),
        ):
            relations.execute(command)
        yield relations


def test_the_view_lists_relations_page_by_page(hotel: Relations) -> None:
    view = hotel.views.repair
    assert [(found.customer, found.state) for found in view.relations()] == [
        ("ada", "apologised"),
        ("bo", "verifying"),
        ("di", "restored"),
    ]
    assert [found.customer for found in view.relations(limit=1, after="ada")] == ["bo"]
    assert [found.customer for found in view.relations(state="restored")] == ["di"]
    assert [found.customer for found in view.relations(state="healthy")] == ["calm"]
    assert [found.customer for found in view.relations(state="healthy", as_of=day(60))] == ["calm", "later"]
    assert [found.state for found in view.relations(as_of=day(1))] == ["strained"] * 3
    assert view.relation("di").standing.since == day(9)
    assert view.relation("di").complaints[0].rounds[0].restored_by == "purchase"
    with pytest.raises(InvalidInput, match="nothing is recorded of the customer"):
        view.relation("nobody")


def test_the_view_says_what_is_due(hotel: Relations) -> None:
    view = hotel.views.repair
    assert [(found.complaint, found.clock) for found in view.overdue()] == [("a", "resolve"), ("b", "follow_up")]
    assert [found.complaint for found in view.overdue(clock="follow_up")] == ["b"]
    assert view.due(within=timedelta(days=1)) == []
    due = view.due(within=timedelta(days=30), as_of=day(2))
    assert {(found.complaint, found.clock) for found in due} == {
        ("a", "resolve"),
        ("b", "follow_up"),
        ("d", "follow_up"),
    }
    assert all(found.late_by is None for found in due)
    hotel.execute(ResolveComplaint(complaint="a", occurred_at=day(29)))
    assert [(found.complaint, found.clock) for found in view.overdue()] == [("b", "follow_up")], (
        "it reads its own writes"
    )


def test_the_view_has_figures(hotel: Relations) -> None:
    view = hotel.views.repair
    found = view.summary()
    assert (found.customers, found.damaged, found.complaints) == (4, 3, 3)
    assert {state: count for state, count in found.states.items() if count} == {
        "healthy": 1,
        "apologised": 1,
        "verifying": 1,
        "restored": 1,
    }
    assert {step.step: step.reached for step in view.steps()}["resolved"] == 2
    assert {step.reached for step in view.steps(severity="critical")} == {0}
    assert {step.reached for step in view.steps(since="2024-02")} == {0}
    assert {step.step: step.reached for step in view.steps(until="2024-02")}["resolved"] == 2


def test_the_view_refuses_what_makes_no_sense(hotel: Relations) -> None:
    view = hotel.views.repair
    asked: list[tuple[str, Callable[[], object]]] = [
        ("unknown_state", lambda: view.relations(state="angry")),  # type: ignore[arg-type]  # what is tested
        ("invalid_page", lambda: view.relations(limit=-1)),
        ("unknown_clock", lambda: view.overdue(clock="stop")),  # type: ignore[arg-type]  # what is tested
        ("invalid_range", lambda: view.due(within=timedelta(days=-1))),
        ("invalid_month", lambda: view.steps(since="May")),
        ("naive_datetime", lambda: view.summary(as_of=datetime(2024, 1, 1))),  # noqa: DTZ001 - what is tested
    ]
    for code, ask in asked:
        with pytest.raises(InvalidInput) as refused:
            ask()
        assert refused.value.code == code
