"""Whatever happens, the figures of the pipeline and the team equal a slow count over all events."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from relations import FileComplaint, Money, RegisterCustomer, Relations
from relations.aggregates.complaint import (
    AssignComplaint,
    CloseComplaint,
    ReopenComplaint,
    ResolveComplaint,
    TransferComplaint,
    WithdrawComplaint,
)
from relations.aggregates.customer import MergeCustomer, RecordInteraction, UnmergeCustomer
from relations.aggregates.opportunity import (
    AdvanceOpportunity,
    EndContract,
    LoseOpportunity,
    OpenOpportunity,
    RenewContract,
    WinOpportunity,
)
from relations.errors import CommandRefused
from relations.messages import Command, to_micros
from relations.testing import simulate
from relations.testing.oracle.sales import SlowPipeline, SlowTeam
from tests.support.effort import part

START = datetime(2024, 5, 1, 12, tzinfo=UTC)
NOW = datetime(2024, 6, 20, 12, tzinfo=UTC)
STAGES = ("lead", "qualified", "quoted", "negotiation")


@st.composite
def steps(draw: st.DrawFn) -> Command:
    who, other = draw(st.sampled_from(("ann", "ben"))), draw(st.sampled_from(("cleo", "dan", "eve")))
    customer, number = draw(st.sampled_from(("c1", "c2", "c3"))), draw(st.integers(1, 3))
    at = {"occurred_at": START + timedelta(days=draw(st.integers(0, 60)))}
    deal: dict[str, Any] = {"opportunity": f"o{number}", **at}
    early = START + timedelta(days=draw(st.integers(0, 45)))  # the desk knows the present only
    case: dict[str, Any] = {"complaint": f"k{number}", "occurred_at": early}
    euros = Money(100 * draw(st.integers(0, 5)), draw(st.sampled_from(("EUR", "EUR", "USD"))))
    ends = date(2024, 7, 1) + timedelta(days=draw(st.integers(0, 90)))
    kinds: list[Command] = [
        OpenOpportunity(**deal, customer=customer, what="conference", value=euros, owner=who),
        AdvanceOpportunity(**deal, stage=draw(st.sampled_from(STAGES)), value=euros),
        AdvanceOpportunity(**deal, owner=other),
        WinOpportunity(**deal, contract=f"f{number}", amount=euros, starts=date(2024, 6, 1), ends=ends),
        LoseOpportunity(**deal, reason="price"),
        RenewContract(**deal, ends=ends),
        EndContract(**deal),
        FileComplaint(**case, customer=customer, subject="noise", channel="on_site"),
        AssignComplaint(**case, owner=who),
        TransferComplaint(**case, department="bar", owner=draw(st.sampled_from((None, other)))),
        ResolveComplaint(**case),
        CloseComplaint(**case),
        ReopenComplaint(**case, reason="again"),
        WithdrawComplaint(**case),
        RecordInteraction(
            **at, customer=customer, interaction=f"i{draw(st.integers(1, 9))}", channel="phone", kind="call", by=who
        ),
        MergeCustomer(**at, customer=customer, into=draw(st.sampled_from(("c1", "c2", "c3")))),
        UnmergeCustomer(**at, customer=customer),
    ]
    return draw(st.sampled_from(kinds))


@part(10)
@given(st.lists(steps(), min_size=8, max_size=40))
def test_figures_are_those_of_a_slow_count(history: list[Command]) -> None:
    with Relations.open("sqlite://", clock=lambda: NOW) as engine:
        for name in ("c1", "c2", "c3"):
            engine.execute(RegisterCustomer(customer=name, occurred_at=START))
        for command in history:
            try:
                engine.execute(command)
            except CommandRefused:
                continue
        events = list(engine.events())
        slow = SlowPipeline(events, engine.policy, to_micros(NOW))
        pipeline = engine.views.pipeline
        stages = {each.stage: (each.opportunities, each.value) for each in pipeline.stages() if each.opportunities}
        assert stages == slow.stages()
        results = {each.name: (each.won, each.lost, each.amount) for each in pipeline.results(by="owner")}
        assert results == slow.results()
        contracts = {each.contract: each.ends and each.ends.isoformat() for each in pipeline.contracts()}
        assert contracts == slow.contracts()
        figures = [each for each in engine.views.team.figures() if each.cases]
        cases = {each.name: (each.cases, each.open, each.resolved) for each in figures}
        assert cases == SlowTeam(events).cases()
        by_name = {each.name: each.contacts for each in engine.views.team.figures() if each.contacts}
        assert by_name == SlowTeam(events).contacts()


def test_a_hotels_year_has_the_figures_of_a_slow_count() -> None:
    end = datetime(2024, 12, 31, tzinfo=UTC)
    with Relations.open("sqlite://", clock=lambda: end) as engine:
        engine.execute_many(list(simulate(seed=2, customers=60, months=12)))
        events = list(engine.events())
        slow = SlowPipeline(events, engine.policy, to_micros(end))
        results = {each.name: (each.won, each.lost, each.amount) for each in engine.views.pipeline.results(by="owner")}
        assert results == slow.results()
        assert sum(won for won, _, _ in results.values()) > 3
        assert sum(lost for _, lost, _ in results.values()) > 3
        assert {each.contract for each in engine.views.pipeline.contracts()} == set(slow.contracts())
        cases = {
            each.name: (each.cases, each.open, each.resolved) for each in engine.views.team.figures() if each.cases
        }
        assert cases == SlowTeam(events).cases()
        assert len(cases) > 1
