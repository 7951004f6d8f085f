"""Fleets on both databases: bounded, and with nothing of one tenant in reach of another."""

from __future__ import annotations

import os
import resource
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from relations import Policy, Relations
from relations.errors import ForeignDatabase, InvalidInput, RelationsError
from relations.events import ModelFitted
from relations.fleet import Fleet
from relations.policies import Lifecycle
from tests.cli.conftest import invoke
from tests.projections.retention.test_fits import AT, purchases
from tests.support.making import complaint, purchase, register

NAMES = ["amber", "birch", "cedar", "dune", "elm"]


@pytest.fixture(params=["sqlite", "postgresql"])
def fleet(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Fleet]:
    url = (
        request.getfixturevalue("postgres_url")
        if request.param == "postgresql"
        else f"sqlite:///{tmp_path}/{{tenant}}.db"
    )
    with Fleet(url, max_open=2, threads=2) as opened:
        for number, name in enumerate(NAMES):
            with opened.engine(name, create=True) as engine:
                engine.execute(register(f"{name}1", name=f"Person of {name}"))
                for each in range(number):
                    engine.execute(purchase(each, f"{name}1"))
        yield opened


def test_each_tenant_has_a_log_of_its_own(fleet: Fleet) -> None:
    assert fleet.tenants() == NAMES
    positions = [outcome.result.position for outcome in fleet.status() if outcome.result]
    assert positions == [2 + number for number in range(len(NAMES))]
    for name in NAMES:
        with fleet.engine(name) as engine:
            assert {event.customer for event in engine.events()} == {"", f"{name}1"}
            for other in set(NAMES) - {name}:
                assert engine.history(f"{other}1") == []
    assert all(outcome.result and outcome.result.good for outcome in fleet.verify())


def test_work_in_many_threads_never_reaches_another_tenant(fleet: Fleet) -> None:
    def work(name: str) -> None:
        for number in range(5):
            with fleet.engine(name) as engine:
                engine.execute(complaint(number, f"{name}1"))
                engine.catch_up()

    threads = [threading.Thread(target=work, args=(name,)) for name in NAMES]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert fleet.open_count <= 2
    for name in NAMES:
        with fleet.engine(name) as engine:
            assert {event.customer for event in engine.events()} == {"", f"{name}1"}
            assert sum(event.topic == "complaint.filed" for event in engine.events()) == 5
            assert engine.verify().good


def test_a_connection_to_another_tenants_log_is_refused(fleet: Fleet, request: pytest.FixtureRequest) -> None:
    with fleet.engine("amber") as amber:
        url, schema = amber.log.database.url, amber.log.database.schema
    if schema is not None:
        host = create_engine(url, connect_args={"options": "-csearch_path=tenant_birch"})
    else:
        host = create_engine(make_url(str(url).replace("amber", "birch")))
    try:
        with fleet.engine("amber") as amber, host.connect() as connection, pytest.raises(ForeignDatabase):
            amber.execute(register("stranger"), connection=connection)
    finally:
        host.dispose()
    with fleet.engine("birch") as birch:
        assert birch.history("stranger") == []


@pytest.mark.parametrize("name", ["", "../amber", "amber/../birch", "Amber", 'a"b', "a b", "x" * 49, "a;b"])
def test_a_name_cannot_lead_out_of_the_fleet(fleet: Fleet, name: str) -> None:
    with pytest.raises(InvalidInput, match="cannot be the name of a tenant"), fleet.engine(name, create=True):
        raise AssertionError
    assert fleet.tenants() == NAMES


def test_a_rebuild_of_one_touches_no_other(fleet: Fleet) -> None:
    fleet.catch_up()

    def tables(name: str) -> list[bytes]:
        with fleet.engine(name) as engine:
            return [engine.runner.stored(each) for each in engine.runner.projections]

    def damage(name: str) -> None:
        with fleet.engine(name) as engine, engine.log.database.transaction() as connection:
            for table in engine.runner.tables("repair").values():
                connection.execute(table.table.delete())

    before = {name: tables(name) for name in NAMES}
    damage("cedar")
    damaged = tables("cedar")
    assert damaged != before["cedar"]
    fleet.rebuild(tenants=["amber"])
    assert tables("cedar") == damaged
    fleet.rebuild(["repair"], tenants=["cedar"])
    assert {name: tables(name) for name in NAMES} == before


def test_a_failure_of_one_tenant_does_not_stop_the_others(fleet: Fleet) -> None:
    seen: list[tuple[int, int]] = []

    def work(tenant: str, engine: Relations) -> int:
        if tenant == "cedar":
            raise InvalidInput("no", code="no")
        return engine.status().position

    outcomes = fleet.each(work, on_progress=lambda done, total: seen.append((done, total)))
    assert [outcome.tenant for outcome in outcomes] == NAMES
    assert [outcome.tenant for outcome in outcomes if isinstance(outcome.error, RelationsError)] == ["cedar"]
    assert seen[-1] == (5, 5)


def test_a_tenant_without_a_log_is_refused_unless_it_is_created(fleet: Fleet) -> None:
    with pytest.raises(ForeignDatabase), fleet.engine("nobody"):
        raise AssertionError
    fleet.create("nobody")
    assert "nobody" in fleet.tenants()


def test_all_schemas_share_one_pool(postgres_url: str) -> None:
    with Fleet(postgres_url, max_open=8, pool_size=3) as fleet:
        for name in NAMES:
            fleet.create(name)
        fleet.catch_up()
        with fleet.engine("amber") as engine, engine.log.database.reading() as connection:
            count = connection.execute(
                text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
            ).scalar()
        assert fleet.open_count == len(NAMES)
    assert count is not None
    assert count <= 3


@pytest.mark.parametrize("url", ["sqlite:///all.db", "sqlite:///{tenant}/log.db", "sqlite:///{tenant}{tenant}.db"])
def test_a_pattern_must_say_where_the_name_stands(url: str) -> None:
    with pytest.raises(InvalidInput, match="does not say where"):
        Fleet(url)


def make(folder: Path, count: int) -> str:
    """Make many tenants as copies of one file; each copy is a log of its own all the same."""
    with Fleet(f"sqlite:///{folder}/{{tenant}}.db") as fleet, fleet.engine("t0", create=True) as engine:
        engine.execute(register())
        engine.execute(purchase())
    body = (folder / "t0.db").read_bytes()
    for number in range(1, count):
        (folder / f"t{number}.db").write_bytes(body)
    return f"{folder}/{{tenant}}.db"


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def go_through(folder: Path, count: int) -> tuple[int, int]:
    """Run `status` and `run --once` over many tenants. Return the most open files, and the growth of memory in kB."""
    pattern = make(folder, count)
    most = 0

    def see(_done: int, _total: int) -> None:
        nonlocal most
        most = max(most, open_files())

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with Fleet(f"sqlite:///{pattern}", max_open=8, threads=2) as fleet:
        assert len(fleet.status(on_progress=see)) == count
        outcomes = fleet.catch_up(on_progress=see)
        assert fleet.open_count <= 8
        assert [outcome.error for outcome in outcomes] == [None] * count
        states = fleet.status()
    assert all(each.result and not any(view.behind for view in each.result.projections) for each in states)
    return most, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before


def test_many_tenants_need_few_files(tmp_path: Path) -> None:
    base = open_files()
    most, _ = go_through(tmp_path, 30)
    assert most - base <= 8 * 9 + 10  # three connections of three files each


@pytest.mark.soak
def test_a_thousand_tenants_need_no_more_files_or_memory_than_a_few(tmp_path: Path) -> None:
    few, many = tmp_path / "few", tmp_path / "many"
    few.mkdir()
    many.mkdir()
    base = open_files()
    go_through(few, 30)
    most, grown = go_through(many, 1_000)
    print(f"1,000 tenants: {most - base} files, {grown / 1024:.0f} MB more than 30 tenants, pid {os.getpid()}")
    assert most - base <= 8 * 9 + 10
    assert grown < 100_000


def test_the_program_shows_one_table_for_all(tmp_path: Path) -> None:
    pattern = make(tmp_path, 3)
    shown = invoke("fleet", "status", "-d", pattern)
    assert shown.code == 0
    assert "3 tenants, 0 with problems" in shown.out
    assert invoke("fleet", "run", "-d", pattern, "--once").code == 0
    assert "up to date" in invoke("fleet", "status", "-d", pattern).out
    assert invoke("fleet", "rebuild", "satisfaction", "-d", pattern, "--tenant", "t1").code == 0
    assert invoke("fleet", "verify", "-d", pattern, "--json").json["problems"] == 0
    relayed = invoke("fleet", "relay", "-d", pattern, "--to", f"{tmp_path}/{{tenant}}.jsonl", "--json").json
    assert [each["result"]["delivered"] for each in relayed["tenants"]] == [3, 3, 3]
    assert len((tmp_path / "t2.jsonl").read_bytes().splitlines()) == 3
    (tmp_path / "t1.db").write_bytes(b"no database at all" * 100)
    broken = invoke("fleet", "status", "-d", pattern)
    assert broken.code == 1
    assert "1 with problems" in broken.out


def test_when_time_passes_models_are_fitted_again_for_every_tenant(tmp_path: Path) -> None:
    now = [AT]
    with Fleet(f"sqlite:///{tmp_path}/{{tenant}}.db", clock=lambda: now[0], durability="off") as fleet:
        for name, customers in (("amber", 150), ("birch", 0)):
            with fleet.engine(name, create=True) as engine:
                engine.adopt(Policy(lifecycle=Lifecycle(refit_days=30)), from_beginning=True)
                engine.execute_many(purchases(customers, seed=1))

        def fits() -> list[int]:
            fleet.catch_up(advance_time=True)
            with fleet.engine("amber") as engine:
                return [event.position for event in engine.events() if isinstance(event.event, ModelFitted)]

        with fleet.engine("birch") as engine:
            nothing = engine.status().position
        assert len(first := fits()) > 0
        assert fits() == first
        now[0] += timedelta(days=29)
        assert fits() == first
        now[0] += timedelta(days=1)
        assert len(fits()) > len(first)
        with fleet.engine("birch") as engine:
            assert engine.status().position == nothing
