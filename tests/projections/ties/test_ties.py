"""Ties: a change of owner loses nothing, the ladder follows its conditions or an owner's word, and files show gaps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import event

from relations import Money, Relations
from relations.aggregates.complaint import FileComplaint
from relations.aggregates.customer import (
    AcceptHandover,
    AssignCustomer,
    BeginPlan,
    DropContact,
    EraseCustomer,
    GiveConsent,
    GiveFeedback,
    MergeCustomer,
    NameContact,
    NoteTrait,
    RecordPurchase,
    RegisterCustomer,
    StateRung,
    UnmergeCustomer,
)
from relations.aggregates.loyalty import EnrolMember
from relations.aggregates.opportunity import EndContract, OpenOpportunity, WinOpportunity
from relations.errors import CommandRefused, InvalidInput
from relations.messages import Command
from relations.policies import CARE_PLANS, Care, Lifecycle, Policy
from relations.policies.value import Condition, Segment
from relations.projections.keeping import KeptAnswers

START = datetime(2024, 1, 8, 9, tzinfo=UTC)
NOW = datetime(2024, 7, 1, 12, tzinfo=UTC)


def on(day: float, customer: str = "ann", **more: Any) -> dict[str, Any]:
    return {"occurred_at": START + timedelta(days=day), "customer": customer, **more}


def bought(customer: str, day: float, euros: int = 100, **more: Any) -> RecordPurchase:
    amount = Money(100 * euros, "EUR")
    return RecordPurchase(**on(day, customer), purchase=f"{customer}-{day}", amount=amount, **more)


@pytest.fixture
def engine(either_url: str) -> Iterator[Relations]:
    with Relations.open(either_url, clock=lambda: NOW) as engine:
        engine.adopt(
            Policy(care=Care(plans=(CARE_PLANS["611"].model_copy(update={"begins": "by_hand"}),))), since=START
        )
        yield engine


def send(engine: Relations, *commands: Command) -> None:
    for command in commands:
        engine.execute(command)


def a_guest_with_everything() -> Iterator[Command]:
    yield RegisterCustomer(**on(0), name="Ann Auer", email="ann@example.com", language="de")
    yield GiveConsent(**on(0), purpose="care", channel="message")
    yield GiveConsent(**on(0), purpose="care", channel="phone")
    yield AssignCustomer(**on(1), owner="olga", deputy="paul")
    yield FileComplaint(**on(150), complaint="k1", subject="noise", channel="email")
    yield NoteTrait(**on(2), trait="taboo", about="lilies")
    yield NoteTrait(**on(2), trait="preference", about="quiet room")
    yield BeginPlan(**on(140), plan="611")


def test_what_must_not_be_lost_is_on_the_new_owners_agenda(engine: Relations) -> None:
    send(engine, *a_guest_with_everything())
    assert engine.views.agenda.due(until=NOW, kind="handover") == []
    send(engine, AssignCustomer(**on(160), owner="quinn", reason="olga moved on"))
    (item,) = engine.views.agenda.due(until=NOW, kind="handover")
    assert (item.customer, item.detail, item.due_at) == ("ann", "quinn", START + timedelta(days=160))
    (found,) = engine.views.ties.handovers(owner="quinn")
    assert (found.customer, found.previous, found.owner) == ("ann", "olga", "quinn")
    assert found.open_cases == ("k1",)
    assert {each.kind for each in found.promises} >= {"resolve"}
    assert len(found.plan_steps) >= 1
    assert all(step.detail.startswith("611-1 ") for step in found.plan_steps)
    assert (found.taboos, found.preferences) == (("lilies",), ("quiet room",))
    assert engine.views.ties.handovers(owner="olga") == []
    assert engine.views.ties.customers_of("quinn") == ["ann"]
    assert engine.views.ties.customers_of("olga") == []
    send(engine, AcceptHandover(**on(161)))
    assert engine.views.agenda.due(until=NOW, kind="handover") == engine.views.ties.handovers() == []
    assert engine.execute(AcceptHandover(**on(162))).events == ()


def test_a_handover_has_what_is_recorded_under_any_id_of_the_customer(engine: Relations) -> None:
    send(engine, *a_guest_with_everything(), RegisterCustomer(**{**on(100), "customer": "anna"}))
    send(engine, FileComplaint(**{**on(101), "customer": "anna"}, complaint="k2", subject="noise", channel="email"))
    send(engine, MergeCustomer(**{**on(102), "customer": "anna"}, into="ann"))
    send(engine, AssignCustomer(**on(160), owner="quinn"))
    (found,) = engine.views.ties.handovers()
    assert (found.customer, sorted(found.open_cases)) == ("ann", ["k1", "k2"])
    assert (found.taboos, found.preferences) == (("lilies",), ("quiet room",))


def test_one_person_is_responsible_and_a_handover_goes_to_the_last_of_them(engine: Relations) -> None:
    send(engine, AssignCustomer(**on(1), owner="olga"), AssignCustomer(**on(5), owner="quinn"))
    assert engine.execute(AssignCustomer(**on(6), owner="quinn")).events == ()
    send(engine, AssignCustomer(**on(7), owner="rosa"))
    assert [(each.previous, each.owner) for each in engine.views.ties.handovers()] == [("quinn", "rosa")]
    assert [each.detail for each in engine.views.agenda.due(until=NOW, kind="handover")] == ["rosa"]
    # An assignment that is recorded late changes the history, and nobody has to take over.
    send(engine, AssignCustomer(**on(3), owner="paul"))
    assert [each.owner for each in engine.views.ties.tie("ann").owners] == ["olga", "paul", "quinn", "rosa"]
    assert [each.owner for each in engine.views.ties.handovers()] == ["rosa"]
    deputy = engine.execute(AssignCustomer(**on(8), owner="rosa", deputy="paul"))
    assert len(deputy.events) == 1
    assert engine.views.ties.customers_of("paul") == []
    assert engine.views.ties.customers_of("paul", deputy=True) == ["ann"]


def test_a_handover_needs_an_owner_before(engine: Relations) -> None:
    send(engine, AssignCustomer(**on(1), owner="olga"))
    with pytest.raises(CommandRefused, match="no handover to accept") as refused:
        engine.execute(AcceptHandover(**on(2)))
    assert refused.value.code == "no_handover"
    send(engine, AssignCustomer(**on(5), owner="quinn"))
    with pytest.raises(CommandRefused, match="before the customer was assigned"):
        engine.execute(AcceptHandover(**on(4)))


def test_an_erasure_leaves_nothing_to_hand_over(engine: Relations) -> None:
    send(engine, *a_guest_with_everything(), AssignCustomer(**on(160), owner="quinn"))
    send(engine, EraseCustomer(**on(165), reason="asked"))
    assert engine.views.ties.handovers() == engine.views.agenda.due(until=NOW, kind="handover") == []
    assert [each.customer for each in engine.views.ties.files(limit=None)] == []


def test_merged_customers_have_one_owner_and_get_their_own_back(engine: Relations) -> None:
    send(engine, AssignCustomer(**on(1), owner="olga"), AssignCustomer(**on(2, "ann2"), owner="paul"))
    before = [engine.views.ties.tie(name).owner for name in ("ann", "ann2")]
    send(engine, MergeCustomer(**on(10, "ann2"), into="ann"))
    merged = engine.views.ties.tie("ann2")
    assert merged.customer == "ann"
    assert [each.owner for each in merged.owners] == ["olga", "paul"]
    assert engine.execute(AssignCustomer(**on(11), owner="paul")).events == ()
    send(engine, AssignCustomer(**on(12, "ann2"), owner="quinn"))
    assert [(each.previous, each.owner) for each in engine.views.ties.handovers()] == [("paul", "quinn")]
    send(engine, AcceptHandover(**on(13)))
    assert engine.views.ties.handovers() == []
    send(engine, UnmergeCustomer(**on(20, "ann2")))
    assert [engine.views.ties.tie("ann").owner, before[0]] == [before[0], before[0]]


LADDER = (
    Segment(name="loose", kind="behavioural", conditions=(Condition(fact="purchase_days", at_least=1),)),
    Segment(name="close", kind="behavioural", conditions=(Condition(fact="purchase_days", at_least=2),)),
    Segment(
        name="strategic",
        kind="behavioural",
        conditions=(Condition(fact="purchase_days", at_least=3), Condition(fact="satisfaction", at_least=4)),
    ),
)


def test_a_customer_stands_on_the_highest_rung_whose_conditions_they_meet(engine: Relations) -> None:
    engine.adopt(Policy(lifecycle=Lifecycle(ladder=LADDER)), since=START)
    send(engine, bought("ann", 1), bought("ann", 40), bought("ann", 80), bought("ben", 1), bought("cleo", 1))
    send(engine, bought("cleo", 33), RegisterCustomer(**on(0, "dan"), name="Dan"))
    send(engine, GiveFeedback(**on(81), feedback="f1", instrument="csat", score=5))
    ties = engine.views.ties
    assert [(each.rung, each.customers) for each in ties.ladder()] == [("loose", 1), ("close", 1), ("strategic", 1)]
    january = [(each.rung, each.customers) for each in ties.ladder(month="2024-01")]
    assert january == [("loose", 3), ("close", 0), ("strategic", 0)]
    assert [each.rung for each in ties.months("ann", months=7)] == [
        "loose", "close", "strategic", "strategic", "strategic", "strategic", "strategic",
    ]  # fmt: skip
    assert [each.customer for each in ties.on_rung("close")] == ["cleo"]
    assert ties.tie("dan").rung is None
    for wrong in (
        lambda: ties.on_rung("closer"),
        lambda: ties.ladder(month="May"),
        lambda: ties.months("ann", months=0),
    ):
        with pytest.raises(InvalidInput):
            wrong()


def test_more_months_take_no_more_statements() -> None:
    """The customer, the policies and the merges are read once: a database far away is asked a few times a question."""
    statements = list[str]()
    with Relations.open("sqlite://", clock=lambda: NOW) as engine:
        engine.adopt(Policy(lifecycle=Lifecycle(ladder=LADDER)), since=START)
        send(engine, bought("ann", 1), bought("ann", 40), StateRung(**on(50), rung="strategic", by="olga"))

        @event.listens_for(engine.log.database.engine, "checkout")
        def traced(connection: Any, *_: object) -> None:
            connection.set_trace_callback(statements.append)

        def asked(question: Callable[[], object]) -> list[str]:
            question()  # folds what is new
            for view in vars(engine.views).values():
                view._kept = KeptAnswers()
            statements.clear()
            question()
            return list(statements)

        ties, team = engine.views.ties, engine.views.team
        one, twelve = (asked(partial(ties.months, "ann", months=months)) for months in (1, 12))
        assert len(one) == len(twelve) > 5
        for found in (twelve, asked(team.members)):
            assert not any("stream = 'policy'" in each for each in found), "the log has not grown since they were read"
        send(engine, bought("ann", 60))
        statements.clear()
        ties.months("ann", months=12)
        assert sum("stream = 'policy'" in each for each in statements) == 1


def test_an_owners_own_word_counts_until_they_take_it_back(engine: Relations) -> None:
    send(engine, bought("ann", 1), StateRung(**on(20), rung="strategic", by="olga"))
    ties = engine.views.ties
    assert (ties.tie("ann").rung, ties.tie("ann").stated) == ("strategic", True)
    assert [each.stated_by for each in ties.on_rung("strategic")] == ["olga"]
    assert [(each.rung, each.stated) for each in ties.ladder() if each.customers] == [("strategic", 1)]
    assert engine.execute(StateRung(**on(21), rung="strategic")).events == ()
    send(engine, StateRung(**on(60)))
    assert (ties.tie("ann").rung, ties.tie("ann").stated) == ("loose", False)
    assert [each.rung for each in ties.months("ann", months=6)][:2] == ["strategic", "loose"]
    with pytest.raises(CommandRefused, match="no rung 'best'"):
        engine.execute(StateRung(**on(61), rung="best"))


def test_switching_cost_is_what_a_customer_would_lose(engine: Relations) -> None:
    send(engine, EnrolMember(**on(1)), bought("ann", 2, 50), NoteTrait(**on(3), trait="habit", about="late breakfast"))
    send(engine, AssignCustomer(**on(4), owner="olga"))
    cost = engine.views.ties.tie("ann").switching_cost
    assert (cost.points, cost.points_value, cost.tier, cost.preferences) == (500, 5_000, "member", 1)
    assert cost.years == pytest.approx(174 / 365.25, abs=0.01)
    assert cost.owner_years == pytest.approx(171 / 365.25, abs=0.01)
    assert engine.views.ties.tie("ann").owner is not None


def test_an_organisation_has_contacts_by_level(engine: Relations) -> None:
    send(engine, RegisterCustomer(**on(0, "firm"), name="Alpenbau", kind="organisation"))
    for contact, level, role in (("ann", "top", "director"), ("ben", "working", "buyer"), ("cleo", "top", None)):
        send(engine, NameContact(**on(1, "firm"), contact=contact, level=level, role=role))
    assert engine.execute(NameContact(**on(2, "firm"), contact="ann", level="top", role="director")).events == ()
    send(
        engine,
        NameContact(**on(3, "firm"), contact="ben", level="middle"),
        DropContact(**on(4, "firm"), contact="cleo"),
    )
    tie = engine.views.ties.tie("firm")
    assert tie.kind == "organisation"
    assert [(each.level, each.contact, each.role) for each in tie.contacts] == [
        ("middle", "ben", None),
        ("top", "ann", "director"),
    ]
    send(engine, RegisterCustomer(**on(0), name="Ann"))
    with pytest.raises(CommandRefused, match="it is not an organisation") as refused:
        engine.execute(NameContact(**on(5), contact="ben", level="top"))
    assert refused.value.code == "not_an_organisation"


def test_files_say_what_they_lack_and_how_old_they_are(engine: Relations) -> None:
    send(engine, *a_guest_with_everything(), RegisterCustomer(**on(100, "ben"), name="Ben"))
    first, second = engine.views.ties.files()
    assert (first.customer, first.known) == ("ben", ("name",))
    assert first.share == pytest.approx(1 / 7)
    assert (second.customer, second.missing) == ("ann", ("birthday", "region"))
    assert second.days == 173
    assert [each.customer for each in engine.views.ties.files(stale_days=100)] == ["ann"]


def test_segments_ask_for_the_owner(engine: Relations) -> None:
    mine = Segment(name="olga's", kind="descriptive", conditions=(Condition(fact="owner", one_of=("olga",)),))
    engine.adopt(Policy(lifecycle=Lifecycle(segments=(mine,))), since=START)
    send(engine, AssignCustomer(**on(1), owner="olga"), AssignCustomer(**on(1, "ben"), owner="paul"))
    assert engine.views.retention.members() == {"ann": ("olga's",)}
    assert engine.views.retention.segments_of("ann") == ("olga's",)
    send(engine, AssignCustomer(**on(9), owner="paul"))
    assert engine.views.retention.members() == {}


def test_one_acceptance_closes_the_handovers_of_all_ids_of_a_customer(engine: Relations) -> None:
    for name, owner in (("ann", "olga"), ("ann2", "paul")):
        send(engine, AssignCustomer(**on(1, name), owner="zoe"), AssignCustomer(**on(3, name), owner=owner))
    send(engine, AssignCustomer(**on(4, "ann2"), owner="quinn"), MergeCustomer(**on(10, "ann2"), into="ann"))
    assert [each.owner for each in engine.views.ties.handovers()] == ["quinn"]
    (item,) = engine.views.agenda.due(until=NOW, kind="handover")
    assert (item.customer, item.detail) == ("ann", "quinn")
    send(engine, AcceptHandover(**on(11)))
    assert engine.views.ties.handovers() == engine.views.agenda.due(until=NOW, kind="handover") == []
    send(engine, UnmergeCustomer(**on(12, "ann2")))
    assert engine.views.ties.handovers() == []


def test_one_command_drops_a_contact_under_all_ids_of_an_organisation(engine: Relations) -> None:
    for name in ("firm", "firm2"):
        send(engine, RegisterCustomer(**on(0, name), kind="organisation"))
        send(engine, NameContact(**on(1, name), contact="pia", level="top"))
    send(engine, MergeCustomer(**on(2, "firm2"), into="firm"), DropContact(**on(3, "firm"), contact="pia"))
    assert engine.views.ties.tie("firm").contacts == ()


def test_a_contract_that_runs_is_a_switching_cost(engine: Relations) -> None:
    def win(name: str, starts: str, ends: str | None) -> None:
        send(engine, OpenOpportunity(**on(1, "firm"), opportunity=name, what="conference"))
        amount = Money(900_000, "EUR")
        terms = {"contract": f"k{name}", "starts": starts, "ends": ends, "occurred_at": START + timedelta(days=2)}
        send(engine, WinOpportunity.model_validate({"opportunity": name, "amount": amount, **terms}))

    ties = engine.views.ties
    win("o1", "2024-02-01", "2025-02-01")
    win("o2", "2024-03-01", "2024-12-01")
    win("o3", "2023-01-01", "2024-02-01")
    win("o4", "2024-08-01", "2026-08-01")
    cost = ties.tie("firm").switching_cost
    assert (cost.contracts, cost.contracts_until) == (2, date(2025, 2, 1))
    send(engine, EndContract(opportunity="o1", occurred_at=START + timedelta(days=30)))
    cost = ties.tie("firm").switching_cost
    assert (cost.contracts, cost.contracts_until) == (1, date(2024, 12, 1))
    win("o5", "2024-06-01", None)
    cost = ties.tie("firm").switching_cost
    assert (cost.contracts, cost.contracts_until) == (2, None)
    send(engine, RegisterCustomer(**on(3, "firm2"), kind="organisation"))
    send(engine, MergeCustomer(**on(4, "firm"), into="firm2"))
    assert ties.tie("firm").switching_cost.contracts == 2


def test_lists_follow_new_events(engine: Relations) -> None:
    ties = engine.views.ties
    send(engine, *a_guest_with_everything(), RegisterCustomer(**on(100, "ben"), name="Ben"))
    assert ties.customers_of("olga") == ["ann"]
    first = ties.files()
    send(
        engine,
        AssignCustomer(**on(101, "ben"), owner="olga"),
        GiveConsent(**on(101, "ben"), purpose="care", channel="email"),
    )
    assert ties.customers_of("olga") == ["ann", "ben"]
    assert [each.known for each in ties.files()] == [("name", "consent"), first[1].known]
    send(engine, MergeCustomer(**on(110, "ben"), into="ann"), AssignCustomer(**on(111), owner="quinn"))
    assert (ties.customers_of("olga"), ties.customers_of("quinn")) == ([], ["ann"])
    assert [each.customer for each in ties.handovers()] == ["ann"]
    assert [each.customer for each in ties.files()] == ["ann"]
    send(engine, UnmergeCustomer(**on(120, "ben")), EraseCustomer(**on(121, "ben"), reason="asked"))
    assert ties.files() == first[1:]
