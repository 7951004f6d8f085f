"""Migration of the tables of an older version, on both databases."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from relations import Relations
from relations.errors import NewerLog
from relations.operations import migrate
from tests.cli.conftest import invoke
from tests.support.making import assert_sound, purchase, register


def made_older(engine: Relations) -> None:
    """Take away what newer versions added to the tables."""
    with engine.log.database.transaction() as connection:
        connection.execute(text("DROP TABLE relations_marks"))
        connection.execute(text("DROP TABLE relations_tracking"))
        connection.execute(text("DELETE FROM relations_meta WHERE name = 'people_indexed'"))
        connection.execute(text("ALTER TABLE relations_consumers DROP COLUMN holder"))


def test_an_older_log_gets_what_is_new_and_keeps_its_events(database_url: str) -> None:
    with Relations.open(database_url) as engine:
        engine.execute_many([register(), *(purchase(number) for number in range(5))])
        with engine.consume("mails", wait=False) as consumer:
            assert len(list(consumer)) == 7
        columns = _consumer_columns(engine)
        made_older(engine)
        before = [each.digest for each in engine.events()]
    with Relations.open(database_url) as engine:
        # given a dry run, which says what is missing and changes nothing
        planned = migrate(engine, dry_run=True)
        assert not planned.is_done
        assert migrate(engine, dry_run=True) == planned
        changed = {(step.table, step.change.split()[0]) for step in planned.steps}
        assert changed >= {
            ("relations_marks", "create"),
            ("relations_tracking", "create"),
            ("relations_marks", "index"),
            ("relations_consumers", "add"),
        }
        # when it is done, then exactly that was done, and nothing is left to do
        done = migrate(engine)
        assert (done.steps, done.is_done) == (planned.steps, True)
        assert migrate(engine).steps == []
        assert _consumer_columns(engine) == columns
        assert [each.digest for each in engine.events()] == before
        assert engine.views.customers.find(name="Ada Lovelace")
        assert_sound(engine, 7)


def _consumer_columns(engine: Relations) -> set[str]:
    with engine.log.database.reading() as connection:
        return set(connection.execute(text("SELECT * FROM relations_consumers")).keys())


def test_a_log_of_this_version_needs_nothing(database_url: str) -> None:
    with Relations.open(database_url) as engine:
        engine.execute(register())
        assert migrate(engine, dry_run=True).steps == []


def test_the_program_migrates(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'hotel.db'}"
    with Relations.open(url) as engine:
        engine.execute(register())
        with engine.log.database.transaction() as connection:
            connection.execute(text("DROP TABLE relations_tracking"))
    shown = invoke("migrate", "-d", url, "--dry-run")
    assert shown.code == 0
    assert "relations_tracking: create the table" in shown.out
    done = invoke("migrate", "-d", url, "--json").json
    assert [step["table"] for step in done["steps"]] == ["relations_tracking"]
    assert "Nothing to do" in invoke("migrate", "-d", url).out


def test_a_newer_log_is_refused(database_url: str) -> None:
    with Relations.open(database_url) as engine, engine.log.database.transaction() as connection:
        connection.execute(text("UPDATE relations_meta SET value = '99' WHERE name = 'format'"))
    with pytest.raises(NewerLog):
        Relations.open(database_url)
    assert "99" in (refused := invoke("migrate", "-d", database_url)).err
    assert refused.code != 0
