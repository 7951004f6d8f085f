"""The other work of a complaint desk: assessing, handing over, approving, merging, learning."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from relations import Relations
from relations.aggregates.complaint import (
    AGGREGATE,
    AcceptRemedy,
    AcknowledgeComplaint,
    ApproveRemedy,
    AssessComplaint,
    AssignComplaint,
    ClockCancelled,
    Complaint,
    ComplaintAssessed,
    ComplaintAssigned,
    ComplaintCommand,
    ComplaintFiled,
    ComplaintInvestigated,
    ComplaintMerged,
    ComplaintRecognised,
    ComplaintTransferred,
    CompleteImprovement,
    DeadlineMet,
    DuplicateTaken,
    EscalateComplaint,
    FileComplaint,
    ImprovementDone,
    ImprovementNotProved,
    ImprovementProved,
    ImprovementRaised,
    InvestigateComplaint,
    JudgePromise,
    MeasureImprovement,
    MergeComplaint,
    NameRootCause,
    PromiseJudged,
    ProposeRemedy,
    RaiseImprovement,
    RecogniseComplaint,
    RefuseRemedy,
    RemedyAccepted,
    RemedyApproved,
    RemedyProposed,
    RemedyRefused,
    ReopenComplaint,
    RootCauseNamed,
    TakeDuplicate,
    TransferComplaint,
)
from relations.aggregates.loyalty import EarnPoints
from relations.errors import CommandRefused, InvalidInput
from relations.log.tables import log
from relations.messages import Envelope, Money, to_micros
from relations.policies import Desk, Limit, Policy
from relations.reactions import react
from relations.testing.scenario import Scenario

MONDAY = datetime(2024, 5, 6, tzinfo=UTC)
POLICY = Policy(
    version=1,
    desk=Desk(
        limits=(
            Limit(role="clerk", money=(Money(5_000, "EUR"),), points=500),
            Limit(role="manager", money=(Money(50_000, "EUR"), Money(5_000, "JPY")), points=50_000),
        ),
        proof_days_min=30,
    ),
)


def hour(number: float) -> datetime:
    return MONDAY + timedelta(hours=number)


def micros(number: float) -> int:
    return to_micros(hour(number))


def do(command: type[ComplaintCommand], at: float, /, **fields: Any) -> ComplaintCommand:
    return command(**{"complaint": "k1", "occurred_at": hour(at), **fields})


def file(at: float = 0, **fields: Any) -> ComplaintCommand:
    return do(FileComplaint, at, **{"customer": "c1", "subject": "noise", "channel": "on_site", **fields})


FILED: Scenario[Complaint] = Scenario(AGGREGATE, policy=POLICY).given(file())


# --- filing for somebody --------------------------------------------------------------------------------------------


def test_a_complaint_may_be_about_somebody_else() -> None:
    others = Scenario(AGGREGATE, policy=POLICY).given(file(on_behalf_of="Anna, my daughter", relationship="child"))
    [filed] = others.past
    assert isinstance(filed, ComplaintFiled)
    assert (filed.on_behalf_of, filed.relationship, filed.customer) == ("Anna, my daughter", "child", "c1")
    assert "Anna" not in repr(others.state)
    others.when(file(on_behalf_of="Anna, my daughter", relationship="child")).then_nothing()
    others.when(file()).then_refused("complaint_id_reused")


def test_whom_it_is_about_is_sealed_in_the_log() -> None:
    with Relations.open("sqlite://", clock=lambda: hour(1)) as relations:
        relations.execute(file(on_behalf_of="Anna", text="It was loud"))
        with relations.log.database.reading() as connection:
            bodies = [bytes(body) for (body,) in connection.execute(select(log.c.body))]
        assert any(b'"subject":"noise"' in body for body in bodies)
        assert not any(b"Anna" in body or b"loud" in body for body in bodies)
        [filed] = [each.event for each in relations.history("c1") if isinstance(each.event, ComplaintFiled)]
        assert filed.on_behalf_of == "Anna"


# --- assessed, assigned, transferred, investigated ------------------------------------------------------------------


def test_an_assessment_says_what_it_judges() -> None:
    judged = FILED.when(do(AssessComplaint, 1, impact="high", category="building")).then(
        ComplaintAssessed(impact="high", category="building", at=micros(1))
    )
    judged.when(do(AssessComplaint, 1, impact="high", category="building")).then_nothing()
    judged.when(do(AssessComplaint, 1, impact="low")).then(ComplaintAssessed)
    with pytest.raises(InvalidInput, match="at least one field"):
        do(AssessComplaint, 1)


def test_it_is_given_to_somebody_and_handed_over() -> None:
    given = FILED.when(do(AssignComplaint, 1, owner="bert", department="front desk")).then(ComplaintAssigned)
    assert (given.state.owner, given.state.department) == ("bert", "front desk")
    handed = given.when(do(TransferComplaint, 2, department="housekeeping", reason="theirs")).then(
        ComplaintTransferred(department="housekeeping", previous="front desk", reason="theirs", at=micros(2))
    )
    assert (handed.state.owner, handed.state.department) == (None, "housekeeping")
    handed.when(do(TransferComplaint, 2, department="housekeeping", reason="theirs")).then_nothing()
    handed.when(do(TransferComplaint, 3, department="housekeeping")).then_nothing()
    late = handed.when(do(AssignComplaint, 1.5, owner="carl")).then(ComplaintAssigned)
    assert (late.state.owner, late.state.department) == (None, "housekeeping")


def test_the_same_fact_again_is_nothing_new_whatever_it_is_about() -> None:
    busy = FILED.given(
        do(AssessComplaint, 1, severity="high", impact="low", category="building"),
        do(AssignComplaint, 1, owner="bert", department="front desk"),
    )
    again = (
        do(AssessComplaint, 1, severity="high", impact="low", category="building"),
        do(AssignComplaint, 5, owner="bert"),
        do(AssignComplaint, 5, owner="bert", department="front desk"),
        do(TransferComplaint, 5, department="front desk", reason="theirs"),
        do(TransferComplaint, 5, department="front desk", owner="bert"),
    )
    for command in again:
        busy.when(command).then_nothing()
    for command in (
        do(AssessComplaint, 5, severity="high", impact="high"),
        do(AssignComplaint, 5, owner="carl"),
        do(AssignComplaint, 5, owner="bert", department="kitchen"),
        do(TransferComplaint, 5, department="front desk", owner="carl"),
    ):
        assert busy.when(command).refusal is None
        assert busy.when(command).events, command
    # Judged alike at another time is another fact: an assessment from before that comes late is overruled by it.
    busy.when(do(AssessComplaint, 5, severity="high", impact="low")).then(ComplaintAssessed)


def test_another_systems_judgement_is_recorded_with_its_author_and_moves_no_clock() -> None:
    judged = FILED.when(do(JudgePromise, 9, promise="timely response", kept=False, judged_by="regulator")).then(
        PromiseJudged(promise="timely response", kept=False, judged_by="regulator", at=micros(9))
    )
    assert judged.state.clocks == FILED.state.clocks
    judged.when(do(JudgePromise, 9, promise="timely response", kept=False, judged_by="regulator")).then_nothing()


def test_findings_are_words_and_causes_are_known_later() -> None:
    found = FILED.when(do(InvestigateComplaint, 1, findings="Anna left it open", conclusion="upheld")).then(
        ComplaintInvestigated(findings="Anna left it open", conclusion="upheld", at=micros(1))
    )
    assert "Anna" not in repr(found.state)
    found.when(do(NameRootCause, 900, cause="thin doors")).then(RootCauseNamed).when(
        do(NameRootCause, 900, cause="thin doors")
    ).then_nothing()


def test_an_escalation_names_somebody() -> None:
    with pytest.raises(InvalidInput, match="must name a recipient"):
        do(EscalateComplaint, 1)


# --- limits of authority --------------------------------------------------------------------------------------------


def propose(at: float, euros: int, **fields: Any) -> ComplaintCommand:
    offer = {"remedy": "m1", "kind": "refund", "value": Money(euros * 100, "EUR"), "role": "clerk", "actor": "anna"}
    return do(ProposeRemedy, at, **{**offer, **fields})


def approve(at: float, **fields: Any) -> ComplaintCommand:
    return do(ApproveRemedy, at, **{"remedy": "m1", "role": "manager", "actor": "bert", **fields})


def test_what_is_within_the_limit_is_offered_at_once() -> None:
    FILED.when(propose(1, 50)).then(RemedyProposed, DeadlineMet)
    FILED.when(propose(1, 0, value=None, kind="service")).then(RemedyProposed, DeadlineMet)
    FILED.when(propose(1, 0, value=None, kind="points", points=500)).then(RemedyProposed, DeadlineMet)


@pytest.mark.parametrize(
    "fields",
    [
        {"value": Money(5_001, "EUR")},
        {"value": Money(1, "JPY")},
        {"value": None, "kind": "points", "points": 501},
        {"role": None},
        {"role": "guest"},
    ],
)
def test_what_is_above_it_waits_and_the_customer_hears_nothing(fields: dict[str, Any]) -> None:
    waiting = FILED.when(propose(1, 50, **fields)).then(RemedyProposed)
    [*_, event] = waiting.past
    assert isinstance(event, RemedyProposed)
    assert (event.needs_approval, event.author) == (True, "anna")
    assert waiting.state.status == "filed"
    waiting.when(propose(1, 50, **fields)).then_nothing()
    waiting.when(do(AcceptRemedy, 2, remedy="m1")).then_refused("illegal_move", field="remedy")


def test_somebody_else_whose_limit_covers_it_approves_and_that_is_the_offer() -> None:
    waiting = FILED.given(propose(1, 200))
    waiting.when(approve(2, actor="anna")).then_refused("own_offer", field="actor")
    waiting.when(approve(2, role="clerk")).then_refused("above_limit", field="role")
    FILED.given(propose(1, 501)).when(approve(2)).then_refused("above_limit")
    offered = waiting.when(approve(2)).then(RemedyApproved(remedy="m1", role="manager", at=micros(2)), DeadlineMet)
    assert offered.state.status == "acknowledged"
    offered.when(approve(3)).then_nothing()
    offered.when(do(AcceptRemedy, 3, remedy="m1")).then(RemedyAccepted)
    offered.when(do(RefuseRemedy, 3, remedy="m1")).then_refused("illegal_move", field="remedy")


def test_what_was_refused_stays_so() -> None:
    refused = (
        FILED.given(propose(1, 200))
        .when(do(RefuseRemedy, 2, remedy="m1", reason="too much"))
        .then(RemedyRefused(remedy="m1", reason="too much", at=micros(2)))
    )
    refused.when(do(RefuseRemedy, 3, remedy="m1")).then_nothing()
    refused.when(approve(3)).then_refused("illegal_move", field="remedy")


def test_without_limits_everybody_may_offer_everything() -> None:
    Scenario(AGGREGATE).given(file()).when(propose(1, 10**6, role=None)).then(RemedyProposed, DeadlineMet)


@pytest.mark.parametrize(
    "limits", [(Limit(role="a"), Limit(role="a")), ({"role": "a", "money": [Money(1, "EUR"), Money(2, "EUR")]},)]
)
def test_limits_that_contradict_each_other_are_refused(limits: Any) -> None:
    with pytest.raises(InvalidInput, match="may be given only once"):
        Desk(limits=limits)


# --- duplicates -----------------------------------------------------------------------------------------------------


def test_a_duplicate_goes_on_in_the_other_one() -> None:
    with Relations.open("sqlite://", clock=lambda: hour(100)) as relations:
        relations.execute_many([file(), file(complaint="k2"), file(complaint="k3")])
        receipt = relations.execute(do(MergeComplaint, 5, into="k2", command_id="merge"))
        assert [type(each.event) for each in receipt.events][-1] is DuplicateTaken
        assert relations.load("complaint", "k2").duplicates == ("k1",)
        assert relations.load("complaint", "k1").merged_into == "k2"
        assert relations.execute(do(MergeComplaint, 5, into="k2", command_id="merge")).repeated
        assert relations.execute(do(MergeComplaint, 6, into="k2")).events == ()
        with pytest.raises(CommandRefused) as cycle:
            relations.execute(do(MergeComplaint, 7, complaint="k2", into="k1"))
        assert cycle.value.code == "merge_cycle"
        relations.execute(do(MergeComplaint, 8, complaint="k2", into="k3"))
        with pytest.raises(CommandRefused) as itself:
            relations.execute(do(MergeComplaint, 9, complaint="k3", into="k1"))
        assert itself.value.code == "merged_itself"
        assert relations.load("complaint", "k3").status == "filed"


def test_there_must_be_another_one_and_another_one_it_must_be() -> None:
    FILED.when(do(MergeComplaint, 5, into="k1")).then_refused("self_merge", field="into")
    FILED.when(do(TakeDuplicate, 5, duplicate="k1")).then_refused("self_merge")
    FILED.when(do(TakeDuplicate, 5, duplicate="k7")).then(DuplicateTaken).when(
        do(TakeDuplicate, 6, duplicate="k7")
    ).then_nothing()
    with Relations.open("sqlite://", clock=lambda: hour(100)) as relations:
        relations.execute(file())
        with pytest.raises(CommandRefused) as nowhere:
            relations.execute(do(MergeComplaint, 5, into="k9"))
        assert nowhere.value.code == "unknown_complaint"
        assert relations.load("complaint", "k1").status == "filed"


def test_what_was_no_duplicate_after_all_is_taken_up_again() -> None:
    merged = FILED.given(do(AcknowledgeComplaint, 1), do(MergeComplaint, 5, into="k2"))
    again = merged.given(do(ReopenComplaint, 8, reason="another room"))
    assert (again.state.status, again.state.merged_into, again.state.round) == ("reopened", None, 2)
    again.when(do(MergeComplaint, 9, into="k3")).then(ComplaintMerged, ClockCancelled, ClockCancelled)


# --- rewarded, improved ---------------------------------------------------------------------------------------------


def test_a_useful_complaint_is_rewarded_once() -> None:
    thanked = FILED.when(do(RecogniseComplaint, 5, reward="w1", points=300, reason="found the leak")).then(
        ComplaintRecognised(reward="w1", points=300, reason="found the leak", at=micros(5))
    )
    thanked.when(do(RecogniseComplaint, 6, reward="w1", points=300)).then_nothing()
    thanked.when(do(RecogniseComplaint, 6, reward="w1", points=301)).then_refused("remedy_id_reused", field="reward")
    thanked.when(propose(6, 10, remedy="w1")).then_refused("remedy_id_reused", field="remedy")


def test_the_points_of_a_reward_are_credited() -> None:
    at = Envelope(position=9, stream="complaint-k1", version=4, customer="c1", occurred_at=micros(5), recorded_at=0)
    [command] = react(ComplaintRecognised(reward="w1", points=300, at=micros(5)), at, POLICY)
    assert command == EarnPoints(
        customer="c1", lot="remedy/k1/w1", points=300, reason="remedy", source="k1", occurred_at=hour(5)
    )
    assert react(ComplaintRecognised(reward="w1", value=Money(500, "EUR")), at, POLICY) == []
    with Relations.open("sqlite://", clock=lambda: hour(100)) as relations:
        relations.execute_many([file(), do(RecogniseComplaint, 5, reward="w1", points=300)])
        assert relations.load("loyalty", "c1").balance == 300


def measure(at: float, before: int, after: int, days: int = 60) -> ComplaintCommand:
    return do(MeasureImprovement, at, improvement="v1", before=before, before_days=120, after=after, after_days=days)


def test_an_improvement_is_proved_by_what_happens_less_often() -> None:
    raised = FILED.when(do(RaiseImprovement, 5, improvement="v1", title="thicker doors", cause="thin doors")).then(
        ImprovementRaised
    )
    raised.when(measure(10, 12, 5)).then_refused("illegal_move", field="improvement")
    done = raised.when(do(CompleteImprovement, 100, improvement="v1")).then(
        ImprovementDone(improvement="v1", at=micros(100))
    )
    done.when(do(CompleteImprovement, 101, improvement="v1")).then_nothing()
    done.when(measure(99, 12, 5)).then_refused("out_of_order")
    done.when(measure(2_000, 12, 5, days=29)).then_refused("too_soon_to_prove", field="after_days")
    # 12 in 120 days before, 6 in 60 days after: as often as before.
    same = done.when(measure(2_000, 12, 6)).then(ImprovementNotProved)
    same.when(measure(2_000, 12, 6)).then_nothing()
    proved = same.when(measure(3_000, 12, 5)).then(ImprovementProved)
    assert proved.state.improvements["v1"].status == "proved"
    done.when(measure(2_000, 0, 0)).then(ImprovementNotProved)


def test_improvements_are_known_by_their_ids() -> None:
    raised = FILED.given(do(RaiseImprovement, 5, improvement="v1", title="thicker doors"))
    raised.when(do(RaiseImprovement, 6, improvement="v1", title="thicker doors")).then_nothing()
    raised.when(do(RaiseImprovement, 6, improvement="v1", title="carpets")).then_refused("improvement_id_reused")
    raised.when(do(CompleteImprovement, 6, improvement="v9")).then_refused("unknown_improvement", field="improvement")
