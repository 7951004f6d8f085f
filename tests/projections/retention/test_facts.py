"""The facts about a customer that conditions of segments ask for, each against a direct computation."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from fractions import Fraction
from typing import Any, get_args

import pytest

from relations import Relations
from relations.commands import (
    CorrectProfile,
    DropTrait,
    EnrolMember,
    EraseCustomer,
    FileComplaint,
    GiveConsent,
    MergeCustomer,
    NoteTrait,
    RecordAcquisitionCost,
    RecordInteraction,
    RecordLapse,
    RecordPurchase,
    RecordWinBack,
    RegisterCustomer,
    StateRung,
    UnmergeCustomer,
)
from relations.errors import InvalidInput
from relations.messages import Command, Money
from relations.policies import (
    CARE_PLANS,
    FACTS,
    Care,
    CarePlan,
    CareStep,
    Condition,
    Lifecycle,
    Policy,
    Programme,
    Segment,
    Tier,
)
from relations.policies.facts import NUMBER_FACTS, NumberFact, WordFact
from relations.projections.retention.columns import facts as of_all
from relations.projections.retention.columns.joined import age_on
from relations.projections.retention.segments import FACTS_OF_ONE

NOW = datetime(2024, 8, 1, 12, tzinfo=UTC)
WORDS: dict[str, tuple[str, ...]] = {
    "tier": ("gold",),
    "relation": ("strained",),
    "campaign": ("spring", "come back", "summer"),
    "rung": ("close", "strategic"),
    "gender": ("female",),
    "attribute": ("card=blue", "parking"),
}
"""A condition on each fact that is a word."""
LEAST: dict[str, tuple[float, float | None]] = {
    "mean_amount": (200, 300),
    "contact_days": (10, 40),
    "complaints": (1, None),
    "points": (100, None),
    "age": (30, 44),
}
"""A condition on each fact that is a number."""
MEMBERS = {
    "tier": ["c1"],
    "relation": ["c2"],
    "campaign": ["c1", "c2", "c3"],
    "rung": ["c1", "c4"],
    "gender": ["c1", "c3"],
    "attribute": ["c1", "c2"],
    "mean_amount": ["c1"],
    "contact_days": ["c2"],
    "complaints": ["c2"],
    "points": ["c1", "c2"],
    "age": ["c2"],
}
SEGMENTS = (
    *(
        Segment(name=fact, kind="descriptive", conditions=(Condition.model_validate({"fact": fact, "one_of": words}),))
        for fact, words in WORDS.items()
    ),
    *(
        Segment(
            name=fact,
            kind="behavioural",
            conditions=(Condition.model_validate({"fact": fact, "at_least": least, "at_most": most}),),
        )
        for fact, (least, most) in LEAST.items()
    ),
)
POLICY = Policy(
    lifecycle=Lifecycle(
        segments=SEGMENTS,
        ladder=(
            Segment(name="loose", kind="value", conditions=(Condition(fact="purchase_days", at_least=1),)),
            # Facts of other views count for the rung, too.
            Segment(name="close", kind="value", conditions=(Condition(fact="tier", one_of=("gold",)),)),
            Segment(name="strategic", kind="value", conditions=(Condition(fact="purchase_days", at_least=9),)),
        ),
    ),
    programme=Programme(rates={"EUR": Fraction(100)}, tiers=(Tier(name="gold", threshold=500),)),
)


def on(month: int, day: int = 10) -> datetime:
    return datetime(2024, month, day, 12, tzinfo=UTC)


def person(customer: str, **fields: Any) -> RegisterCustomer:
    return RegisterCustomer(customer=customer, occurred_at=on(1), **fields)


def buy(customer: str, purchase: str, month: int, amount: int) -> RecordPurchase:
    return RecordPurchase(customer=customer, purchase=purchase, amount=Money(amount, "EUR"), occurred_at=on(month))


def contact(customer: str, month: int, day: int, **fields: Any) -> RecordInteraction:
    values = {"channel": "phone", "kind": "short_call", "direction": "outbound", **fields}
    return RecordInteraction.model_validate(
        {"customer": customer, "interaction": f"{month}-{day}", "occurred_at": on(month, day), **values}
    )


HISTORY: tuple[Command, ...] = (
    person("c1", birthday="1979-08-01", gender="female"),
    person("c2", birthday="1980-02-29", gender="male"),
    person("c3", birthday="--02-29", gender="male"),
    person("c4"),
    EnrolMember(customer="c1", occurred_at=on(1)),
    EnrolMember(customer="c2", occurred_at=on(1)),
    CorrectProfile(customer="c3", gender="female", occurred_at=on(2)),
    buy("c1", "p1", 2, 100),
    buy("c1", "p2", 3, 400),
    RecordPurchase(customer="c2", purchase="p1", amount=Money(100, "EUR"), campaign="summer", occurred_at=on(3)),
    buy("c3", "p1", 3, 1_000),
    contact("c1", 3, 1),
    contact("c2", 3, 1),
    contact("c2", 7, 2),
    contact("c3", 7, 2, direction="inbound"),
    FileComplaint(complaint="k1", customer="c2", severity="medium", subject="noise", channel="web", occurred_at=on(5)),
    FileComplaint(
        complaint="k2", customer="c3", severity="low", subject="hours", channel="web", kind="enquiry", occurred_at=on(5)
    ),
    RecordAcquisitionCost(
        customer="c1", acquisition="a1", amount=Money(5, "EUR"), campaign="spring", channel="web", occurred_at=on(1)
    ),
    StateRung(customer="c4", rung="strategic", by="olga", occurred_at=on(4)),
    RecordLapse(customer="c3", occurred_at=on(5)),
    RecordWinBack(customer="c3", campaign="come back", occurred_at=on(6)),
    NoteTrait(customer="c1", trait="attribute", about="card", value="blue", occurred_at=on(2)),
    NoteTrait(customer="c2", trait="attribute", about="parking", words="by the door", occurred_at=on(2)),
    NoteTrait(customer="c3", trait="attribute", about="card", value="blue", occurred_at=on(2)),
    NoteTrait(customer="c3", trait="attribute", about="card", value="red", occurred_at=on(3)),
    NoteTrait(customer="c4", trait="attribute", about="parking", occurred_at=on(2)),
    DropTrait(customer="c4", trait="attribute", about="parking", occurred_at=on(3)),
)


@pytest.fixture
def engine(either_url: str) -> Iterator[Relations]:
    with Relations.open(either_url, clock=lambda: NOW, durability="off") as opened:
        opened.adopt(POLICY, from_beginning=True)
        assert not opened.execute_many(HISTORY).rejections
        yield opened


def found(engine: Relations, **asked: Any) -> dict[str, list[str]]:
    """Return the members of each segment, and check that all ways of asking agree."""
    view = engine.views.retention
    listed = {each.name: list(each.customers) for each in view.segments(**asked)}
    names = [name for name in ("c1", "c2", "c3", "c4") if engine.views.customers.identity(name).customer == name]
    for segment, those in listed.items():
        assert list(view.in_segment(segment, names, **asked)) == those
    if not asked:
        belonging = {name: view.segments_of(name) for name in names}
        assert {segment: [name for name in names if segment in belonging[name]] for segment in listed} == listed
    return listed


def test_each_fact_is_what_the_history_says(engine: Relations) -> None:
    assert found(engine) == MEMBERS


def test_a_fact_is_known_as_of_any_day(engine: Relations) -> None:
    before = found(engine, as_of=on(2, 20))
    assert before["age"] == ["c1", "c2"]  # one is 45 since August
    assert before["complaints"] == before["relation"] == before["contact_days"] == []
    assert before["tier"] == []
    assert before["points"] == ["c1"]
    assert before["campaign"] == ["c1"]
    in_march = found(engine, as_of=on(3, 12))
    assert (in_march["points"], in_march["tier"]) == (["c1", "c2"], ["c1"])
    assert in_march["contact_days"] == ["c1", "c2"]
    assert (before["rung"], in_march["rung"]) == ([], ["c1"])


def test_merged_customers_have_the_facts_of_both(engine: Relations) -> None:
    before = found(engine)
    engine.execute(MergeCustomer(customer="c2", into="c4", occurred_at=on(7, 20)))
    listed = found(engine)
    for fact in ("relation", "complaints", "contact_days", "age", "points"):
        assert "c4" in listed[fact], fact
        assert "c2" not in listed[fact], fact
    engine.execute(UnmergeCustomer(customer="c2", occurred_at=on(7, 21)))
    assert found(engine) == before


def test_after_an_erasure_nobody_has_an_age_or_a_gender(engine: Relations) -> None:
    engine.execute_many([EraseCustomer(customer=name, occurred_at=on(7, 20)) for name in ("c1", "c2", "c3")])
    listed = found(engine)
    assert listed["age"] == listed["gender"] == []
    assert listed["complaints"] == ["c2"]  # what is not personal stays
    with engine.as_of(occurred=on(7, 1)) as past:
        assert {each.name: each.size for each in past.views.retention.segments()}["age"] == 0


def test_an_audience_can_be_chosen_by_them(engine: Relations) -> None:
    engine.execute(CorrectProfile(customer="c2", email="c2@example.org", occurred_at=on(7)))
    engine.execute(GiveConsent(customer="c2", purpose="marketing", channel="email", occurred_at=on(7)))
    for segment, reached in (("age", ["c2"]), ("relation", ["c2"]), ("tier", [])):
        audience = engine.views.customers.audience(segment=segment, channel="email", purpose="marketing")
        assert [each.customer for each in audience] == reached


@pytest.mark.parametrize(
    ("birthday", "day", "age"),
    [
        ("1980-02-29", date(2024, 2, 28), 43),
        ("1980-02-29", date(2024, 2, 29), 44),
        ("1980-02-29", date(2023, 2, 28), 42),
        ("1980-02-29", date(2023, 3, 1), 43),
        ("2024-08-01", date(2024, 8, 1), 0),
        ("2024-08-02", date(2024, 8, 1), None),
        ("--02-29", date(2024, 8, 1), None),
    ],
)
def test_an_age_is_in_full_years(birthday: str, day: date, age: int | None) -> None:
    assert age_on(birthday, day.toordinal()) == age


def test_every_fact_is_described_and_computed_for_one_and_for_all() -> None:
    names = {*get_args(NumberFact), *get_args(WordFact)}
    assert set(FACTS) == set(FACTS_OF_ONE) == set(of_all.FACTS_OF_ALL) == names
    assert {*LEAST} <= NUMBER_FACTS
    assert NUMBER_FACTS.isdisjoint(WORDS)


def test_only_an_attribute_has_a_value() -> None:
    with pytest.raises(InvalidInput):
        NoteTrait(customer="c1", trait="habit", about="card", value="blue", occurred_at=NOW)


def asking_for_the_rung(*words: str) -> tuple[Condition, ...]:
    return (Condition(fact="rung", one_of=words),)


def test_a_rung_of_the_ladder_cannot_ask_for_the_rung() -> None:
    rung = Segment(name="close", kind="value", conditions=asking_for_the_rung("close"))
    with pytest.raises(InvalidInput, match="the rung 'close' cannot ask for the fact rung: that would depend on"):
        Lifecycle(ladder=(rung,))


def test_a_segment_asks_for_rungs_that_the_ladder_has() -> None:
    best = Segment(name="best", kind="value", conditions=asking_for_the_rung("closest"))
    with pytest.raises(InvalidInput, match="the segment best asks for the rung 'closest'; the ladder has loose, clo"):
        Policy(lifecycle=Lifecycle(segments=(best,)))
    plan = CARE_PLANS["611"].model_copy(update={"meant_for": asking_for_the_rung("close")})
    assert Policy(care=Care(plans=(plan,))).care.plans == (plan,)
    graded = Segment(name="close", kind="value", conditions=(Condition(fact="rfm", one_of=("champions",)),))
    with pytest.raises(InvalidInput, match="the care plan 611 cannot ask for the rung: the ladder asks for rfm"):
        Policy(care=Care(plans=(plan,)), lifecycle=Lifecycle(ladder=(graded,)))


def test_a_segment_asks_for_a_rung_that_compares_customers(engine: Relations) -> None:
    ladder = (
        Segment(
            name="top", kind="value", conditions=(Condition(fact="rfm", one_of=("hibernating", "at risk", "loyal")),)
        ),
    )
    ours = Segment(name="ours", kind="value", conditions=asking_for_the_rung("top"))
    theirs = Segment(name="theirs", kind="value", conditions=ladder[0].conditions)
    engine.adopt(Policy(lifecycle=Lifecycle(segments=(ours, theirs), ladder=ladder)), from_beginning=True)
    listed = found(engine)
    assert listed["ours"] == listed["theirs"] != []
    assert [each.customer for each in engine.views.ties.on_rung("top")] == listed["ours"]
    assert engine.views.ties.tie(listed["ours"][0]).rung == "top"


def test_a_care_plan_is_meant_for_those_on_a_rung(engine: Relations) -> None:
    plan = CarePlan(
        id="gold", begins="first_purchase", meant_for=asking_for_the_rung("close", "strategic"),
        steps=(CareStep(id="call", what="short_call", day=150),),
    )  # fmt: skip
    engine.adopt(POLICY.model_copy(update={"care": Care(plans=(plan,))}), since=on(1, 1))
    # `c1` was on the rung only after their first purchase, and nobody else bought and was.
    assert [each.customer for each in engine.views.care.beginnings(until=NOW)] == []
    engine.execute(StateRung(customer="c2", rung="strategic", occurred_at=on(2)))
    assert [each.customer for each in engine.views.care.beginnings(until=NOW)] == ["c2"]
