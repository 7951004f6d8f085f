"""A host's own aggregate, projection and view, run by the engine like those that ship."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relations.aggregates import AGGREGATES
from relations.aggregates.customer import EraseCustomer, MergeCustomer, RegisterCustomer
from relations.engine import Relations
from relations.errors import CommandRefused, InvalidInput
from relations.projections import PROJECTIONS, VIEWS
from relations.reactions import REACTIONS
from relations.testing import History, histories
from relations.testing.laws import check_laws
from tests.support import host

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def opened(url: str) -> Relations:
    return Relations.open(
        url,
        aggregates=(*AGGREGATES, host.AGGREGATE),
        reactions={**REACTIONS, host.TableReleased: host.thank},
        projections=(*PROJECTIONS, host.PROJECTION),
        views=(*VIEWS, host.TablesView),
    )


def reserve(number: int, customer: str = "c1") -> host.ReserveTable:
    return host.ReserveTable(
        table=f"t{number}", customer=customer, guests=2 + number % 3, occurred_at=NOON + timedelta(hours=number)
    )


def release(number: int) -> host.ReleaseTable:
    return host.ReleaseTable(table=f"t{number}", occurred_at=NOON + timedelta(hours=number + 2))


def evening() -> list[host.ReserveTable | host.ReleaseTable]:
    reserved = [reserve(number, f"c{number % 4}") for number in range(12)]
    return [*reserved, *(release(number) for number in range(0, 12, 2))]


def test_a_hosts_own_work_runs_live_and_refuses_and_reacts(database_url: str) -> None:
    with opened(database_url) as engine:
        engine.execute(RegisterCustomer(customer="c1", name="Ada", occurred_at=NOON))
        engine.execute(reserve(1))
        tables = engine.view(host.TablesView)
        assert tables.guests("c1") == 3
        with pytest.raises(CommandRefused, match="already reserved") as refused:
            engine.execute(reserve(1, "c2"))
        assert refused.value.code == "table_reserved"
        receipt = engine.execute(release(1))
        assert [type(each.event).__name__ for each in receipt.events] == ["TableReleased", "InteractionRecorded"]
        assert tables.guests("c1") == 0
        with pytest.raises(InvalidInput, match="nothing is recorded of the customer c9"):
            tables.guests("c9")
        assert engine.load("table", "t1") == host.Table(customer="c1")
        assert engine.verify().good


# Processes of their own import everything again; a rebuild in several on PostgreSQL is a test of the runner.
@pytest.mark.parametrize(
    ("database_url", "parts"),
    [("sqlite", ((1, 1), (1, 3), (2, 4))), ("postgresql", ((1, 1), (1, 3)))],
    indirect=["database_url"],
)
def test_a_hosts_own_projection_is_rebuilt_and_verified_in_shards_and_processes(
    database_url: str, parts: tuple[tuple[int, int], ...]
) -> None:
    with opened(database_url) as engine:
        assert not engine.execute_many(evening()).rejections
        live = {customer: engine.view(host.TablesView).guests(customer) for customer in ("c0", "c1", "c2", "c3")}
        assert sum(live.values()) == sum(2 + number % 3 for number in range(1, 12, 2))
        for processes, shards in parts:
            engine.rebuild(processes=processes, shards=shards)
            assert {customer: engine.view(host.TablesView).guests(customer) for customer in live} == live
        found = engine.verify()
        assert found.good, found.problems
        assert "tables" in found.views


def test_a_hosts_own_projection_keeps_the_laws() -> None:
    report = check_laws(
        host.PROJECTION, evening(), aggregates=(*AGGREGATES, host.AGGREGATE), reactions=REACTIONS, points=3
    )
    assert report.folded == 18


@given(histories(host.AGGREGATE, commands_min=2, commands_max=8, fields={"guests": st.integers(1, 9)}))
def test_a_history_of_a_hosts_own_aggregate_is_of_one_stream(history: History[host.Table]) -> None:
    assert len({command.stream for command in history.commands}) == 1
    assert len(history.commands) >= 2


def test_merged_and_erased_customers_are_one_in_a_hosts_own_view(database_url: str) -> None:
    with opened(database_url) as engine:
        for customer in ("c1", "c2"):
            engine.execute(RegisterCustomer(customer=customer, name="Ada", occurred_at=NOON))
        engine.execute_many([reserve(1, "c1"), reserve(2, "c2")])
        engine.execute(MergeCustomer(customer="c2", into="c1", occurred_at=NOON + timedelta(days=1)))
        assert [engine.view(host.TablesView).guests(customer) for customer in ("c1", "c2")] == [7, 7]
        engine.execute(EraseCustomer(customer="c1", occurred_at=NOON + timedelta(days=2), reason="asked"))
        assert engine.verify().good


def test_a_view_that_the_engine_was_opened_without_is_refused() -> None:
    with Relations.open("sqlite://") as engine, pytest.raises(InvalidInput, match="opened without the view TablesView"):
        engine.view(host.TablesView)
    with pytest.raises(InvalidInput, match="without its projection"):
        Relations.open("sqlite://", views=(*VIEWS, host.TablesView))


def test_a_host_needs_no_web_framework_and_less_than_a_hundred_lines() -> None:
    lines = Path(host.__file__).read_text(encoding="utf-8").splitlines()
    assert 50 < len(lines) < 100
    assert not [line for line, word in product(lines, ("fastapi", "starlette")) if word in line.lower()]
