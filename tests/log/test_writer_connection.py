"""The connection that is kept for writing: the same transactions as ever, whoever writes, and after whatever."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, select, text

from relations.errors import ConcurrencyConflict
from relations.log.connections import WriterConnection
from relations.log.database import Database
from relations.log.log import Log
from relations.log.tables import meta


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Log.open(f"sqlite:///{tmp_path / 'kept.db'}", busy_seconds=20).database
    yield opened
    opened.close()


def _note(database: Database, name: str) -> None:
    with database.writing() as connection:
        connection.execute(meta.insert().values(name=name, value="there"))


def _noted(database: Database) -> set[str]:
    with database.reading() as connection:
        return {row[0] for row in connection.execute(select(meta.c.name).where(meta.c.value == "there"))}


def test_one_connection_writes_again_and_again(database: Database) -> None:
    seen = set()
    for name in "abc":
        with database.writing() as connection:
            seen.add(id(connection.connection.driver_connection))
            connection.execute(meta.insert().values(name=name, value="there"))
        assert name in _noted(database), "committed, and seen by others"
    assert len(seen) == 1


def _fail(database: Database, where: str) -> None:
    with database.writing() as connection:
        connection.execute(meta.insert().values(name="lost", value="there"))
        if where == "in SQLite":
            connection.execute(text("SELECT * FROM nowhere"))
        raise RuntimeError("oops")


@pytest.mark.parametrize("fails", ["in Python", "in SQLite"])
def test_what_fails_leaves_nothing_and_the_next_one_writes(database: Database, fails: str) -> None:
    _note(database, "before")
    with pytest.raises(Exception, match=r"oops|nowhere"):
        _fail(database, fails)
    assert _noted(database) == {"before"}
    _note(database, "after")
    assert _noted(database) == {"before", "after"}


def test_an_interrupt_at_the_begin_leaves_no_transaction_open(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    _note(database, "before")
    begin = WriterConnection.begin

    def interrupted(self: WriterConnection) -> Connection:
        begin(self)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(WriterConnection, "begin", interrupted)
        with pytest.raises(KeyboardInterrupt):
            _note(database, "lost")
    with closing(Database(f"{database.url}", busy_seconds=1)) as other:
        _note(other, "another")  # nobody holds the lock
    _note(database, "after")
    assert _noted(database) == {"before", "another", "after"}


def test_threads_take_turns(database: Database) -> None:
    def note_many(own: int) -> None:
        for n in range(20):
            _note(database, f"{own}-{n}")

    threads = [threading.Thread(target=note_many, args=(own,)) for own in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(_noted(database)) == 80


def test_whoever_finds_the_file_locked_waits_and_says_so(database: Database) -> None:
    _note(database, "one")
    other = Database(database.url, busy_seconds=0.05)
    with database.writing(), pytest.raises(ConcurrencyConflict) as refused:
        _note(other, "two")
    assert refused.value.code == "log_busy"
    _note(other, "two")
    assert _noted(database) == {"one", "two"}
    other.close()


def test_a_closed_one_opens_again(database: Database) -> None:
    _note(database, "one")
    database.close()
    _note(database, "two")
    with database.writing() as connection:
        database.close()
        connection.execute(meta.insert().values(name="three", value="there"))
    _note(database, "four")
    assert _noted(database) == {"one", "two", "three", "four"}


def test_a_forked_process_writes_by_a_connection_of_its_own(database: Database) -> None:
    _note(database, "parent")
    child = multiprocessing.get_context("fork").Process(target=_note, args=(database, "child"))
    child.start()
    child.join(30)
    assert child.exitcode == 0
    _note(database, "parent again")
    assert _noted(database) == {"parent", "child", "parent again"}
