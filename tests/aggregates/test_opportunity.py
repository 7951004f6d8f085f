"""Opportunities: opened, advanced, quoted, won or lost; and the contracts that come of them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given

from relations import Policy
from relations.aggregates import opportunity
from relations.aggregates.opportunity import (
    AdvanceOpportunity,
    ContractEnded,
    ContractRenewed,
    EndContract,
    LoseOpportunity,
    OpenOpportunity,
    OpportunityAdvanced,
    OpportunityLost,
    OpportunityOpened,
    OpportunityQuoted,
    OpportunityWon,
    QuoteOpportunity,
    RenewContract,
    WinOpportunity,
)
from relations.errors import InvalidInput
from relations.messages import Money, to_micros
from relations.policies import Pipeline, PipelineStage
from relations.testing import History, Scenario, histories

MONDAY = datetime(2024, 5, 6, 9, tzinfo=UTC)
WORTH = Money.of("25000", "EUR")
LESS = Money.of("20000", "EUR")


def on(day: float, **more: Any) -> dict[str, Any]:
    return {"opportunity": "o1", "occurred_at": MONDAY + timedelta(days=day), **more}


def at(day: float) -> int:
    return to_micros(MONDAY + timedelta(days=day))


OPEN = OpenOpportunity(
    **on(0), customer="c1", what="conference", value=WORTH, owner="ann", expected_on=date(2024, 7, 1)
)
WIN = WinOpportunity(**on(9), contract="f1", amount=LESS, starts=date(2024, 9, 1), ends=date(2025, 9, 1))
LOSE = LoseOpportunity(**on(9), reason="price", rival="grand", price=LESS)
QUOTE = QuoteOpportunity(**on(2), quote="q1", amount=WORTH, valid_until=date(2024, 6, 1))
EMPTY = Scenario(opportunity.AGGREGATE)
OPENED = EMPTY.given(OPEN)
WON = OPENED.given(WIN)


def test_an_opportunity_begins_in_the_first_stage_of_the_policy() -> None:
    EMPTY.when(OPEN).then(
        OpportunityOpened(
            customer="c1", what="conference", stage="lead", value=WORTH, expected_on="2024-07-01", owner="ann", at=at(0)
        )
    )
    OPENED.when(OPEN).then_nothing()
    OPENED.when(OpenOpportunity(**on(0), customer="c2", what="conference")).then_refused("opportunity_exists")


def test_stages_are_those_of_the_policy() -> None:
    EMPTY.when(OpenOpportunity(**on(0), customer="c1", what="conference", stage="won")).then_refused("stage_unknown")
    OPENED.when(AdvanceOpportunity(**on(1), stage="won")).then_refused("stage_unknown")
    with pytest.raises(InvalidInput, match="two stages"):
        Pipeline(stages=(PipelineStage(name="a", chance_percent=1), PipelineStage(name="a", chance_percent=2)))
    assert Policy().pipeline.names == ("lead", "qualified", "quoted", "negotiation")


def test_what_an_advance_leaves_out_stays() -> None:
    moved = OpportunityAdvanced(stage="quoted", value=WORTH, expected_on="2024-07-01", owner="ann", at=at(1))
    OPENED.when(AdvanceOpportunity(**on(1), stage="quoted")).then(moved)
    OPENED.given(AdvanceOpportunity(**on(1), stage="quoted")).when(
        AdvanceOpportunity(**on(2), stage="quoted")
    ).then_nothing()
    OPENED.when(AdvanceOpportunity(**on(1), value=LESS, owner="bao")).then(
        OpportunityAdvanced(stage="lead", value=LESS, expected_on="2024-07-01", owner="bao", at=at(1))
    )
    with pytest.raises(InvalidInput, match="at least one field"):
        AdvanceOpportunity(**on(1))


def test_a_quote_counts_once() -> None:
    OPENED.when(QUOTE).then(OpportunityQuoted(quote="q1", amount=WORTH, valid_until="2024-06-01", at=at(2)))
    OPENED.given(QUOTE).when(QUOTE).then_nothing()
    OPENED.given(QUOTE, WIN).when(QUOTE).then_nothing()
    OPENED.given(QUOTE).when(QuoteOpportunity(**on(3), quote="q1", amount=LESS)).then_refused("quote_id_reused")


def test_it_is_won_or_lost_once() -> None:
    OPENED.when(WIN).then(OpportunityWon(contract="f1", amount=LESS, starts="2024-09-01", ends="2025-09-01", at=at(9)))
    WON.when(WIN).then_nothing()
    OPENED.when(LOSE).then(OpportunityLost(reason="price", rival="grand", price=LESS, at=at(9)))
    OPENED.given(LOSE).when(LOSE).then_nothing()
    for command in (WIN, AdvanceOpportunity(**on(10), stage="quoted"), QUOTE):
        OPENED.given(LOSE).when(command).then_refused("opportunity_over")
    WON.when(LOSE).then_refused("opportunity_over")


def test_a_contract_is_renewed_for_longer_and_ends() -> None:
    renew = RenewContract(**on(400), ends=date(2026, 9, 1))
    WON.when(renew).then(ContractRenewed(amount=LESS, ends="2026-09-01", at=at(400)))
    WON.given(renew).when(renew).then_nothing()
    WON.when(RenewContract(**on(400), ends=date(2025, 8, 1))).then_refused("contract_not_longer")
    end = EndContract(**on(300), reason="moved")
    WON.when(end).then(ContractEnded(reason="moved", at=at(300)))
    WON.given(end).when(end).then_nothing()
    WON.given(end).when(renew).then(ContractRenewed(amount=LESS, ends="2026-09-01", at=at(400)))
    for command in (renew, end):
        OPENED.when(command).then_refused("opportunity_not_won")


def test_nothing_is_recorded_of_an_opportunity_that_was_never_opened() -> None:
    for command in (WIN, LOSE, QUOTE, AdvanceOpportunity(**on(1), stage="lead"), EndContract(**on(1))):
        EMPTY.when(command).then_refused("opportunity_unknown")


@pytest.mark.parametrize(
    ("kind", "fields", "said"),
    [
        (OpenOpportunity, {"customer": "c1", "what": "x", "value": Money(-1, "EUR")}, "negative"),
        (OpenOpportunity, {"customer": "c1", "what": "call ann@example.org"}, "address"),
        (
            WinOpportunity,
            {"contract": "f", "amount": WORTH, "starts": date(2024, 5, 1), "ends": date(2024, 5, 1)},
            "end",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(kind: Any, fields: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        kind(**on(0), **fields)


@given(histories(opportunity.AGGREGATE))
def test_an_opportunity_ends_at_most_once_and_contracts_only_grow_longer(history: History[Any]) -> None:
    over, ends = 0, ""
    for event in history.events:
        if isinstance(event, OpportunityWon | OpportunityLost):
            over += 1
        if isinstance(event, OpportunityAdvanced | OpportunityQuoted):
            assert not over
        if isinstance(event, ContractRenewed):
            assert event.ends > ends
            ends = event.ends
        if isinstance(event, OpportunityWon):
            ends = event.ends or event.starts
    assert over <= 1
