"""The view of the pipeline: stages, results, losses and contracts, as a direct count gives them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from relations import Money, Policy, RegisterCustomer, Relations
from relations.aggregates.customer import EraseCustomer, MergeCustomer, UnmergeCustomer
from relations.aggregates.opportunity import (
    AdvanceOpportunity,
    EndContract,
    LoseOpportunity,
    OpenOpportunity,
    QuoteOpportunity,
    RenewContract,
    WinOpportunity,
)
from relations.analytics.intervals import wilson
from relations.errors import InvalidInput
from relations.messages import Command
from relations.months import months_after
from relations.policies import Pipeline, PipelineStage
from tests.support.making import recorded_by

MONDAY = datetime(2024, 5, 6, 9, tzinfo=UTC)
NOW = datetime(2024, 9, 2, 12, tzinfo=UTC)


def euros(amount: int) -> Money:
    return Money(100 * amount, "EUR")


def on(name: str, day: float, **more: Any) -> dict[str, Any]:
    return {"opportunity": name, "occurred_at": MONDAY + timedelta(days=day), **more}


def opened(name: str, customer: str, day: float, amount: int | None = 1_000, **more: Any) -> OpenOpportunity:
    value = None if amount is None else euros(amount)
    return OpenOpportunity(**on(name, day), **{"customer": customer, "what": "conference", "value": value, **more})


def history() -> Iterator[Command]:
    yield opened("a", "c1", 0, 1_000, owner="ann", expected_on=date(2024, 6, 1))
    yield AdvanceOpportunity(**on("a", 10), stage="quoted", value=euros(1_200))
    yield AdvanceOpportunity(**on("a", 20), owner="bao")
    yield opened("b", "c2", 5, None, owner="ann", what="wedding")
    yield opened("c", "c2", 5, 400, owner="ann", partner="airline")
    yield QuoteOpportunity(**on("c", 6), quote="q1", amount=euros(440))
    yield LoseOpportunity(**on("c", 15), reason="price", rival="grand", price=euros(400))
    yield opened("d", "c3", 0, 900, owner="bao", partner="airline")
    yield WinOpportunity(
        **on("d", 30), contract="f-d", amount=euros(800), starts=date(2024, 7, 1), ends=date(2024, 10, 1)
    )
    yield opened("e", "c4", 0, 700, owner="bao")
    yield WinOpportunity(**on("e", 40), contract="f-e", amount=euros(600), starts=date(2024, 7, 1))
    yield opened("f", "c5", 0, 300, owner="ann")
    yield LoseOpportunity(**on("f", 50), reason="date")
    yield opened("g", "c5", 1, 100, value=Money(10_000, "CHF"))


def engine_of(commands: Iterator[Command], policy: Policy | None = None) -> Relations:
    return recorded_by(NOW, commands, policy)


@pytest.fixture(scope="module")
def engine() -> Iterator[Relations]:
    with engine_of(history()) as engine:
        yield engine


def test_open_opportunities_are_weighted_by_the_chance_of_their_stage(engine: Relations) -> None:
    lead, qualified, quoted, _ = engine.views.pipeline.stages()
    assert (lead.stage, lead.opportunities, lead.value, lead.unvalued) == ("lead", 2, 0, 2)
    assert (qualified.opportunities, qualified.median_time) == (0, None)
    assert (quoted.opportunities, quoted.value, quoted.weighted, quoted.late) == (1, 120_000, 60_000, 1)
    # Its owner changed on day 20, but it has been in this stage since day 10.
    assert quoted.median_time == NOW - (MONDAY + timedelta(days=10))
    assert engine.views.pipeline.stages(currency="CHF")[0].value == 10_000
    assert [each.opportunities for each in engine.views.pipeline.stages(owner="ann")] == [1, 0, 0, 0]


def test_a_stage_that_the_policy_has_no_more_is_worth_nothing() -> None:
    with engine_of(history()) as engine:
        engine.adopt(Policy(pipeline=Pipeline(stages=(PipelineStage(name="lead", chance_percent=20),))))
        lead, quoted = engine.views.pipeline.stages()
        assert (lead.chance, quoted.stage, quoted.chance, quoted.value, quoted.weighted) == (
            0.2,
            "quoted",
            0,
            120_000,
            0,
        )


def test_the_win_rate_counts_what_was_decided(engine: Relations) -> None:
    (whole,) = engine.views.pipeline.results()
    assert (whole.won, whole.lost, whole.win_rate, whole.amount) == (2, 2, 0.5, 140_000)
    assert whole.interval == wilson(2, 4)
    assert (whole.time_to_win, whole.time_to_lose) == (timedelta(days=30), timedelta(days=10))
    by_owner = {each.name: (each.won, each.lost) for each in engine.views.pipeline.results(by="owner")}
    assert by_owner == {"bao": (2, 0), "ann": (0, 2)}
    by_partner = {each.name: (each.won, each.lost) for each in engine.views.pipeline.results(by="partner")}
    assert by_partner == {"airline": (1, 1), None: (1, 1)}
    (june,) = engine.views.pipeline.results(since="2024-06", until="2024-07")
    assert (june.won, june.lost) == (2, 1)
    (nothing,) = engine.views.pipeline.results(since="2025-01")
    assert (nothing.won, nothing.win_rate, nothing.interval) == (0, None, None)


def test_losses_are_set_against_the_rivals_price(engine: Relations) -> None:
    price, date_ = engine.views.pipeline.losses()
    assert (price.name, price.lost, price.share, price.value) == ("price", 1, 0.5, 40_000)
    assert price.priced == 1
    assert price.price_gap == pytest.approx(0.1)
    assert (date_.name, date_.priced, date_.price_gap) == ("date", 0, None)
    by_rival = {each.name: each.lost for each in engine.views.pipeline.losses(by="rival")}
    assert by_rival == {"grand": 1, None: 1}


def test_contracts_that_end_come_first(engine: Relations) -> None:
    first, second = engine.views.pipeline.contracts()
    assert (first.contract, first.ends, first.days_left, first.status) == ("f-d", date(2024, 10, 1), 29, "running")
    assert (second.contract, second.ends, second.days_left, second.status) == ("f-e", None, None, "running")
    assert [each.contract for each in engine.views.pipeline.contracts(ahead=timedelta(days=30))] == ["f-d"]
    assert engine.views.pipeline.contracts(ahead=timedelta(days=28)) == []
    june = engine.views.pipeline.contracts(as_of=datetime(2024, 6, 20, tzinfo=UTC))
    assert [each.status for each in june] == ["coming", "coming"]
    october = engine.views.pipeline.contracts(as_of=datetime(2024, 10, 20, tzinfo=UTC))
    assert (october[0].status, october[0].days_left) == ("over", -19)


def test_the_agenda_asks_for_the_renewal_until_the_contract_is_renewed_or_ended() -> None:
    def due(engine: Relations, day: datetime) -> list[tuple[str, datetime]]:
        found = engine.views.agenda.due(until=day, kind="contract")
        assert [each.kind for each in found] == ["contract"] * len(found)
        return [(each.stream, each.due_at) for each in found]

    with engine_of(history(), Policy(pipeline=Pipeline(renewal_days=30))) as engine:
        at = datetime(2024, 9, 1, tzinfo=UTC)
        assert due(engine, at - timedelta(days=1)) == []
        assert due(engine, at) == [("opportunity-d", at)]
        assert [each.stream for each in engine.views.agenda.for_customer("c3") if each.kind == "contract"] == [
            "opportunity-d"
        ]
        assert engine.advance_time(NOW) is not None  # renewing is work for people
        assert due(engine, at) == [("opportunity-d", at)]
        engine.execute(RenewContract(**on("d", 110), ends=date(2025, 10, 1)))
        assert due(engine, NOW) == []
        assert due(engine, NOW + timedelta(days=700)) == [("opportunity-d", datetime(2025, 9, 1, tzinfo=UTC))]
        engine.execute(EndContract(**on("d", 111), reason="moved"))
        assert due(engine, NOW + timedelta(days=700)) == []
        (ended,) = [each for each in engine.views.pipeline.contracts(ended=True) if each.status == "ended"]
        assert (ended.contract, ended.renewals, ended.reason, ended.days_left) == ("f-d", 1, "moved", None)


def test_an_opportunity_is_as_it_was_at_a_past_moment(engine: Relations) -> None:
    view = engine.views.pipeline
    then = view.opportunity("a", as_of=MONDAY + timedelta(days=9))
    assert (then.stage, then.value, then.owner) == ("lead", euros(1_000), "ann")
    now = view.opportunity("a")
    assert (now.stage, now.value, now.owner, now.late) == ("quoted", euros(1_200), "bao", True)
    assert view.opportunity("c", as_of=MONDAY + timedelta(days=9)).status == "open"
    lost = view.opportunity("c")
    assert (lost.status, lost.reason, lost.rival, lost.quoted, lost.quotes) == ("lost", "price", "grand", euros(440), 1)
    with pytest.raises(InvalidInput, match="no opportunity"):
        view.opportunity("c", as_of=MONDAY)


def test_opportunities_are_listed_by_the_day_of_their_decision(engine: Relations) -> None:
    view = engine.views.pipeline
    assert [each.opportunity for each in view.opportunities()] == ["a", "b", "g", "f", "e", "d", "c"]
    assert [each.opportunity for each in view.opportunities(status="lost")] == ["f", "c"]
    assert [each.opportunity for each in view.opportunities(limit=2, after="b")] == ["g", "f"]
    with pytest.raises(InvalidInput, match="status"):
        view.opportunities(status="gone")  # type: ignore[arg-type] # as a caller may


def _of(engine: Relations, customer: str) -> list[str]:
    return [each.opportunity for each in engine.views.pipeline.opportunities(customer=customer)]


def test_merged_customers_keep_their_opportunities() -> None:
    with engine_of(history()) as engine:
        before = engine.views.pipeline.results(), engine.views.pipeline.stages()
        at = MONDAY + timedelta(days=60)
        engine.execute(RegisterCustomer(customer="c1", occurred_at=at))
        engine.execute(RegisterCustomer(customer="c2", occurred_at=at))
        engine.execute(MergeCustomer(customer="c2", into="c1", occurred_at=at))
        assert _of(engine, "c1") == _of(engine, "c2") == ["a", "b", "c"]
        assert (engine.views.pipeline.results(), engine.views.pipeline.stages()) == before
        engine.execute(UnmergeCustomer(customer="c2", occurred_at=at))
        assert _of(engine, "c2") == ["b", "c"]
        engine.execute(EraseCustomer(customer="c2", occurred_at=at))
        # It holds no personal words, so the figures stay.
        assert (engine.views.pipeline.results(), engine.views.pipeline.stages()) == before


def test_the_pipeline_is_on_the_board(engine: Relations) -> None:
    view, board = engine.views.pipeline, engine.views.board
    months = [each.month for each in board.series("win_rate")]
    seen = dict.fromkeys(("win_rate", "weighted_pipeline", "contracts_to_renew"), 0)
    for month in months:
        end = min(datetime.fromisoformat(f"{months_after(month)}-01T00:00:00+00:00") - timedelta(microseconds=1), NOW)
        found = {each.indicator: each.month.value for each in board.figures(month=month, indicators=list(seen))}
        (whole,) = view.results(since=month, until=months_after(month))
        assert found["win_rate"] == whole.win_rate
        stages = view.stages(as_of=end)
        if any(each.opportunities - each.unvalued for each in stages):
            assert found["weighted_pipeline"] == pytest.approx(sum(each.weighted for each in stages) / 100)
        days = timedelta(days=engine.policy.pipeline.renewal_days)
        if view.contracts(as_of=end):
            assert found["contracts_to_renew"] == len(view.contracts(ahead=days, as_of=end))
        for name, value in found.items():
            if value:
                seen[name] += 1
                explained = engine.explain_figure("board", name, {"month": month})
                assert explained.value == pytest.approx(value)
                assert sum(len(each.events) for each in explained.contributions) >= len(explained.contributions)
    assert all(seen.values()), seen
