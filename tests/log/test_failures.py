"""Failures of the store: each is one of our errors, with a code and a hint; nothing is acknowledged that is lost."""

from __future__ import annotations

import inspect
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from relations import Relations
from relations.errors import (
    ConcurrencyConflict,
    ForeignDatabase,
    IdempotencyConflict,
    InvalidInput,
    LogError,
    OutcomeUnknown,
    RelationsError,
    StoreError,
)
from relations.log import Log
from relations.log.log import Entry
from relations.messages import LATEST
from tests.support.asking import questions
from tests.support.making import assert_sound, complaint, count_events, day, purchase, register, sqlite_file, tamper


@pytest.fixture
def relations(database_url: str) -> Iterator[Relations]:
    with Relations.open(database_url) as opened:
        yield opened


def _is_complete(error: RelationsError) -> None:
    assert error.code
    assert error.hint
    assert error.reason


# --- the host's own connection --------------------------------------------------------------------------------------


def test_a_connection_in_autocommit_is_refused(relations: Relations, database_url: str) -> None:
    host = create_engine(database_url, isolation_level="AUTOCOMMIT")
    with host.connect() as connection, pytest.raises(InvalidInput) as caught:
        relations.execute(register(), connection=connection)
    host.dispose()
    assert caught.value.code == "autocommit"
    _is_complete(caught.value)
    assert count_events(relations) == 0
    relations.execute(register())  # and nothing stays locked
    assert_sound(relations, 2)


def test_a_connection_on_which_nothing_was_executed_yet_commits(relations: Relations, database_url: str) -> None:
    host = create_engine(database_url)
    with host.connect() as connection:
        receipt = relations.execute(register(), connection=connection)
        connection.commit()
    host.dispose()
    assert receipt.position == 2
    assert_sound(relations, 2)


def test_a_connection_to_another_log_is_refused(relations: Relations, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'other.db'}" if relations.log.database.is_sqlite else _other_schema(relations)
    with Relations.open(url) as other:
        other.execute(register())
        host = create_engine(relations.log.database.url)
        with host.begin() as connection, pytest.raises(ForeignDatabase) as caught:
            other.execute(purchase(1), connection=connection)
        host.dispose()
        assert caught.value.code == "other_log"
        _is_complete(caught.value)
        assert count_events(relations) == 0
        assert count_events(other) == 2


def _other_schema(relations: Relations) -> str:
    with relations.log.database.transaction() as connection:
        connection.execute(text("CREATE SCHEMA tenant"))
    url = relations.log.database.url.update_query_dict({"options": "-csearch_path=tenant"})
    return url.render_as_string(hide_password=False)


def test_a_connection_to_a_database_without_a_log_is_refused(relations: Relations, tmp_path: Path) -> None:
    if relations.log.database.is_sqlite:
        host = create_engine(f"sqlite:///{tmp_path / 'empty.db'}")
    else:
        host = create_engine(relations.log.database.url, connect_args={"options": "-csearch_path=pg_temp"})
    with host.connect() as connection, pytest.raises(ForeignDatabase) as caught:
        relations.execute(register(), connection=connection)
    host.dispose()
    assert caught.value.code == "no_log"
    _is_complete(caught.value)


def test_a_log_of_an_older_version_has_an_id_too(relations: Relations, database_url: str) -> None:
    relations.execute(register())
    assert len(relations.log.id) == 32
    tamper(database_url, "DELETE FROM relations_meta WHERE name IN ('id', 'created_by', 'digests')")
    with Relations.open(database_url) as again:
        assert len(again.log.id) == 64
        host = create_engine(database_url)
        with host.begin() as connection:
            again.execute(purchase(1), connection=connection)
        host.dispose()
        assert_sound(again, 3)


# --- the file -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["removed", "replaced"])
def test_a_file_that_is_gone_is_noticed_before_anything_is_acknowledged(sqlite_url: str, what: str) -> None:
    file = sqlite_file(sqlite_url)
    with Relations.open(sqlite_url) as relations:
        relations.execute(register())
        moved = file.with_name("moved.db")
        file.rename(moved)
        if what == "replaced":
            shutil.copy(moved, file)
        for ask in (
            lambda: relations.execute(purchase(1)),
            lambda: relations.execute_many([purchase(1)]),
            lambda: relations.history("c1"),
        ):
            with pytest.raises(StoreError, match=what) as caught:
                ask()
            assert caught.value.code == "database_replaced"
            _is_complete(caught.value)
        moved.replace(file)
        assert relations.execute(purchase(1)).position == 3
        assert_sound(relations, 3)


def test_a_file_that_vanishes_in_the_middle_of_a_command_is_noticed(sqlite_url: str) -> None:
    with Relations.open(sqlite_url) as relations:
        relations.execute(register())
        with pytest.raises(StoreError) as caught, relations.log.writing():
            sqlite_file(sqlite_url).unlink()
        assert caught.value.code == "database_replaced"


def test_states_are_not_kept_from_a_log_that_was_put_back(sqlite_url: str, tmp_path: Path) -> None:
    """A restore into the same file leaves the same file in place; the chain tells that it is not the same log."""
    with Relations.open(sqlite_url) as relations:
        relations.execute(register())
        backup = tmp_path / "backup.db"
        with closing(sqlite3.connect(sqlite_file(sqlite_url))) as file:
            file.execute("VACUUM INTO ?", (str(backup),))
        relations.execute(purchase(1))
        with closing(sqlite3.connect(backup)) as source, closing(sqlite3.connect(sqlite_file(sqlite_url))) as target:
            source.backup(target)
        with Relations.open(sqlite_url) as another:
            another.execute(purchase(2, euros=5))
        assert relations.execute(purchase(3)).events[0].version == 3
        assert set(relations.load("customer", "c1").purchases) == {"p2", "p3"}
        assert_sound(relations, 4)


def test_a_full_disk_is_said_and_nothing_is_recorded(sqlite_url: str) -> None:
    with Relations.open(sqlite_url) as relations:
        relations.execute(register())
        with relations.log.writing() as writer:
            pages = writer.cursor.execute("PRAGMA page_count").fetchone()[0]
            limit = writer.cursor.execute(f"PRAGMA max_page_count = {pages + 1}").fetchone()[0]
        assert limit <= pages + 1
        with pytest.raises(StoreError) as caught:
            relations.execute_many(purchase(i) for i in range(500))
        assert caught.value.code == "disk_full"
        _is_complete(caught.value)
    with Relations.open(sqlite_url) as relations:
        assert_sound(relations, 2)


# --- tables ---------------------------------------------------------------------------------------------------------


def test_a_dropped_table_is_said(relations: Relations, database_url: str) -> None:
    relations.execute(register())
    tamper(database_url, "DROP TABLE relations_keys")
    for ask in (lambda: relations.execute(register("c2")), lambda: relations.history("c1")):
        with pytest.raises(StoreError, match="relations_keys") as caught:
            ask()
        assert caught.value.code == "table_missing"
        _is_complete(caught.value)


def test_a_damaged_file_is_said(sqlite_url: str) -> None:
    with Relations.open(sqlite_url) as relations:
        relations.execute_many(purchase(i) for i in range(200))
        relations.log.database.purge()
    file = sqlite_file(sqlite_url)
    stored = file.read_bytes()
    file.write_bytes(stored[:8192] + os.urandom(len(stored) - 8192))
    with pytest.raises(LogError) as caught, Relations.open(sqlite_url) as relations:
        list(relations.events())
    assert caught.value.code in ("database_damaged", "log_damaged", "store_failed")
    _is_complete(caught.value)


def test_what_is_no_database_is_not_ours(tmp_path: Path) -> None:
    file = tmp_path / "letter.db"
    file.write_text("Dear Sir or Madam, " * 100)
    with pytest.raises(ForeignDatabase) as caught:
        Relations.open(f"sqlite:///{file}")
    _is_complete(caught.value)
    assert file.read_text().startswith("Dear")


# --- connections ----------------------------------------------------------------------------------------------------


def test_a_refused_connection_is_not_a_foreign_database() -> None:
    with pytest.raises(StoreError) as caught:
        Relations.open("postgresql://nobody@127.0.0.1:1/none")
    assert caught.value.code == "database_unreachable"
    assert not isinstance(caught.value, ForeignDatabase)
    _is_complete(caught.value)


def _end_sessions(url: str) -> int:
    """End every other session of a database, as a restart of the server does."""
    server = create_engine(url)
    ended = text(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    with server.connect() as connection:
        found: int = connection.execute(ended).scalar_one()
    server.dispose()
    return found


def test_an_engine_outlives_a_restart_of_the_server(postgres_url: str) -> None:
    with Relations.open(postgres_url) as relations:
        relations.execute(register())
        for number in range(3):
            assert _end_sessions(postgres_url) >= 1
            assert relations.execute(purchase(number)).position == 3 + number
        assert _end_sessions(postgres_url) >= 1
        with pytest.raises(StoreError) as caught:
            relations.history("c1")  # not idle for long enough to be tried first
        assert caught.value.code == "connection_lost"
        assert caught.value.retry
        _is_complete(caught.value)
        assert len(relations.history("c1")) == 4
        assert_sound(relations, 5)


def test_the_error_says_whether_to_retry(postgres_url: str) -> None:
    server = create_engine(postgres_url)
    with Relations.open(postgres_url) as relations:
        relations.execute(register())
        # given a host's transaction whose connection is cut
        with server.connect() as host:
            host.execute(text("SELECT 1"))
            assert _end_sessions(postgres_url) >= 1
            with pytest.raises(StoreError) as lost:
                relations.execute(purchase(1), connection=host)
        assert (lost.value.code, lost.value.retry) == ("connection_lost", True)
        # then the same call, made again as the error says, succeeds once
        with server.begin() as host:
            assert not relations.execute(purchase(1), connection=host).repeated
        assert relations.execute(purchase(1)).repeated
        # and what a rule or the caller is to blame for is not to be sent again
        with pytest.raises(IdempotencyConflict) as reused:
            relations.execute(purchase(1, euros=7))
        assert not reused.value.retry
        with pytest.raises(ConcurrencyConflict) as outdated:
            relations.execute(purchase(2), expected_version=99)
        assert (outdated.value.code, outdated.value.retry) == ("version_conflict", False)
        assert_sound(relations, 3)
    server.dispose()


def test_a_connection_lost_during_the_commit_says_with_which_id_to_try_again(postgres_url: str) -> None:
    """A deferred trigger runs within the commit; it ends its own session there."""
    with Relations.open(postgres_url) as relations:
        relations.execute(register())
        with relations.log.database.transaction() as connection:
            connection.execute(
                text(
                    "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS"
                    " 'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END'"
                )
            )
            connection.execute(
                text(
                    "CREATE CONSTRAINT TRIGGER dying AFTER INSERT ON relations_log DEFERRABLE INITIALLY DEFERRED"
                    " FOR EACH ROW EXECUTE FUNCTION die()"
                )
            )
        with pytest.raises(OutcomeUnknown) as caught:
            relations.execute(purchase(1))
        assert caught.value.code == "outcome_unknown"
        assert caught.value.retry
        assert caught.value.command_id in str(caught.value.hint)
        with pytest.raises(OutcomeUnknown):
            relations.execute_many([purchase(1)])
        with relations.log.database.transaction() as connection:
            connection.execute(text("DROP TRIGGER dying ON relations_log"))
        again = purchase(1, command_id=caught.value.command_id)
        first = relations.execute(again)
        assert relations.execute(again).events == first.events
        assert_sound(relations, 3)


def test_an_engine_opened_before_a_fork_works_in_the_child(database_url: str) -> None:
    with Relations.open(database_url) as relations:
        relations.execute(register())
        assert len(relations.history("c1")) == 1
        with relations._executor._lock:  # as if another thread were deciding
            child = os.fork()
            if child == 0:
                status = 1
                try:
                    relations.execute(purchase(1))
                    status = 0 if len(relations.history("c1")) == 2 else 2
                finally:
                    os._exit(status)
        _pid, status = os.waitpid(child, 0)
        assert status == 0
        assert relations.execute(purchase(2)).events[0].version == 3
        assert_sound(relations, 4)


# --- uniqueness -----------------------------------------------------------------------------------------------------


def _entry(stream: str, version: int, command_id: str) -> Entry:
    return Entry(stream, version, "t", 0, "", 0, 0, "a", command_id, 0, None, None, b"")


@pytest.mark.parametrize(
    ("entry", "said"),
    [(_entry("s-1", 1, "other"), ("s-1", "1")), (_entry("s-2", 1, "first"), ("first",))],
)
def test_a_conflict_says_which_uniqueness_failed(database_url: str, entry: Entry, said: tuple[str, ...]) -> None:
    log = Log.open(database_url)
    with log.writing() as writer:
        writer.append([_entry("s-1", 1, "first")])
    with pytest.raises(log.database.integrity_error) as caught, log.writing() as writer:
        writer.append([_entry("s-3", 1, "third"), entry])
    log.database.close()
    assert "append-only" not in str(caught.value)
    for part in said:
        assert part in str(caught.value)


def test_a_drivers_error_is_reached_through_ours(relations: Relations) -> None:
    with pytest.raises(StoreError) as caught, relations.log.database.reading() as connection:
        connection.execute(text("SELECT * FROM nowhere"))
    cause: Any = caught.value.__cause__
    assert isinstance(cause, OperationalError) or type(cause).__name__ == "ProgrammingError"


# --- times at the end of the calendar -------------------------------------------------------------------------------

_EXTREMES = (datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC))


def _questions(engine: Relations) -> Iterator[tuple[Any, dict[str, str]]]:
    """Every question of every view that has a time among its arguments, with its required arguments given."""
    for view in vars(engine.views).values():
        for name, method in inspect.getmembers(view, inspect.ismethod):
            parameters = inspect.signature(method).parameters.values()
            kinds = {each.name: str(each.annotation) for each in parameters}
            times = {key: kind for key, kind in kinds.items() if "datetime" in kind or "timedelta" in kind}
            if not name.startswith("_") and times:
                yield method, times


def _ask_at_the_ends(every: int) -> tuple[int, int]:
    """Ask one in `every` of the questions with times at the ends; return how many were asked, and how many refused."""
    number = asked = refused = 0
    with Relations.open("sqlite://", clock=lambda: day(30)) as engine:
        engine.execute(register())
        engine.execute(purchase(1))
        engine.execute(complaint(1))
        for method, times in _questions(engine):
            required = {
                each.name: "c1"
                for each in inspect.signature(method).parameters.values()
                if each.default is inspect.Parameter.empty and each.name not in times
            }
            needed = {
                name: timedelta(days=1) if "timedelta" in kind else day(20)
                for name, kind in times.items()
                if inspect.signature(method).parameters[name].default is inspect.Parameter.empty
            }
            for name, kind in times.items():
                for value in (timedelta.max, timedelta.min) if "timedelta" in kind else _EXTREMES:
                    number += 1
                    if number % every:
                        continue
                    asked += 1
                    try:
                        method(**required, **{**needed, name: value})
                    except RelationsError as error:
                        refused += bool(error.code)
        for moment in _EXTREMES:
            engine.history("c1", until=moment)
            engine.timeline("customer", "c1", until=moment)
    return asked, refused


def test_no_question_is_asked_as_of_a_moment_after_every_time_that_can_be_recorded() -> None:
    """Answers that list months would list a hundred thousand of them, and a service would be busy with them."""
    asked = 0
    with Relations.open("sqlite://", clock=lambda: day(30)) as engine:
        for method in questions(engine).values():
            arguments = dict.fromkeys(inspect.signature(method).parameters, "c1")
            if "as_of" not in arguments:
                continue
            with pytest.raises(InvalidInput, match="after every time that can be recorded") as refused:
                method(**arguments | {"as_of": LATEST})
            assert (refused.value.code, refused.value.field) == ("time_out_of_range", "as_of")
            asked += 1
    assert asked > 50


def test_times_at_the_end_of_the_calendar_are_answered_or_refused() -> None:
    asked, refused = _ask_at_the_ends(every=17)
    assert asked > refused >= 0


@pytest.mark.soak
def test_every_question_answers_or_refuses_times_at_the_end_of_the_calendar() -> None:
    asked, refused = _ask_at_the_ends(every=1)
    assert asked > 60
    assert refused < asked
