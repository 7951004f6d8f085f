"""Every column of every kind of row changed, rows deleted, inserted and swapped: each is found, and its place named."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import URL, create_engine

from relations import Relations
from relations.audit import Seals
from tests.verification import tampering
from tests.verification.tampering import CHECKPOINT, HARMLESS, Attack


@pytest.fixture(scope="module")
def sqlite_file_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('tampering') / 'log.db'}"


@pytest.fixture(scope="module")
def postgres_database_url(postgres_server: URL) -> Iterator[str]:
    server = create_engine(postgres_server, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.exec_driver_sql("CREATE DATABASE relations_tampering")
    yield postgres_server.set(database="relations_tampering").render_as_string(hide_password=False)
    with server.connect() as connection:
        connection.exec_driver_sql("DROP DATABASE relations_tampering WITH (FORCE)")
    server.dispose()


@pytest.fixture(scope="module", params=["sqlite_file_url", "postgres_database_url"])
def engine(request: pytest.FixtureRequest) -> Iterator[Relations]:
    url: str = request.getfixturevalue(request.param)
    tampering.fill(url)
    with Relations.open(url, clock=lambda: tampering.NOON) as engine:
        yield engine


@pytest.fixture(scope="module")
def bare(engine: Relations) -> Iterator[Relations]:
    """The same database without views, for what has nothing to do with them."""
    url = engine.log.database.url.render_as_string(hide_password=False)
    with Relations.open(url, clock=lambda: tampering.NOON, projections=(), views=()) as bare:
        yield bare


def check(engine: Relations, attack: Attack) -> None:
    found = tampering.findings(engine, attack)
    if attack.found == (HARMLESS,):
        assert found == [], attack.change
        return
    codes = {problem.code for problem in found}
    assert codes & set(attack.found), f"{attack.table}: {attack.change}: {found}"
    places = [tampering.place_of(problem) for problem in found if problem.code in attack.found]
    assert any(attack.place in place for place in places), f"{attack.table}: {attack.change}: {places}"


def test_nothing_is_found_before(engine: Relations) -> None:
    assert engine.verify().problems == []


@pytest.mark.parametrize("part", ["log", "keys", "meta", "snapshots", "seals", "triggers"])
def test_every_change_is_found_and_located(bare: Relations, part: str) -> None:
    attacks = list(getattr(tampering, f"of_{part}")(bare))
    assert len(attacks) > 2
    held = Seals(bare.log).all()[-1].checkpoint
    for attack in attacks:
        if attack.found == (CHECKPOINT,):
            assert tampering.is_caught_by_checkpoint(bare, held, attack), attack.change
        else:
            check(bare, attack)
    assert bare.verify().problems == []


def test_every_change_of_the_record_of_views_is_found(engine: Relations) -> None:
    for attack in tampering.of_states(engine):
        check(engine, attack)


def test_every_change_of_stored_columns_is_found_or_has_no_effect(engine: Relations) -> None:
    attacks = list(tampering.of_columns(engine))
    assert sum(attack.found != (HARMLESS,) for attack in attacks) > 2
    for attack in attacks:
        check(engine, attack)


def test_every_change_of_a_view_is_found_with_its_row_and_column(engine: Relations) -> None:
    tables = set()
    for attacks in tampering.rounds(tampering.of_views(engine)):
        found = tampering.view_findings(engine, attacks)
        assert [(problem.code, problem.view) for problem in found] == [("view_differs", view) for view in attacks]
        for problem, attack in zip(found, attacks.values(), strict=True):
            assert attack.place in tampering.place_of(problem), f"{attack.table}: {attack.change}: {problem}"
            tables.add(attack.table)
    assert tables == {
        table.label for view in engine.runner.projections for table in engine.runner.tables(view).values()
    }


def test_the_table_in_the_reference_is_the_one_that_the_attacks_make(engine: Relations) -> None:
    rows = tampering.all_rows(engine)
    only_here = {row for row in rows if row[0] == "triggers"}
    written = tampering.PAGE.read_text(encoding="utf-8")
    missing = [row for row in rows if row not in only_here and f"| {' | '.join(row)} |" not in written]
    assert missing == [], "write it again: python -m tests.verification.tampering"
    if engine.log.database.is_sqlite:
        assert written == tampering.page(rows), "write it again: python -m tests.verification.tampering"
