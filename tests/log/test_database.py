from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from relations import ConcurrencyConflict, ForeignDatabase, InvalidInput, MissingExtra, NewerLog, Relations, StoreError
from relations.log import Database, Log
from tests.support.making import assert_sound, purchase, register, sqlite_file, tamper

# --- what is no database of ours ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url", ["", "hotel.db", "sqlite", "mysql://user@host/x", "oracle://x", "mongodb://x", "://", "sqlite:///x\ny://"]
)
def test_urls_that_are_none_are_refused(url: str) -> None:
    with pytest.raises((InvalidInput, ForeignDatabase)) as caught:
        Relations.open(url, create=False)
    assert caught.value.code in ("invalid_url", "foreign_database")


def _text_file(path: Path) -> Path:
    path.write_text("customer,purchase\nc1,12\n" * 1000)
    return path


def _directory(path: Path) -> Path:
    path.mkdir()
    return path


def _zip_file(path: Path) -> Path:
    path.write_bytes(b"PK\x03\x04" + bytes(5000))
    return path


def _cut_off(path: Path) -> Path:
    with Relations.open(f"sqlite:///{path}") as relations:
        relations.execute(register())
    path.write_bytes(path.read_bytes()[:9_000])
    return path


def _in_no_folder(path: Path) -> Path:
    return path / "folder" / "hotel.db"


@pytest.mark.parametrize("create", [False, True])
@pytest.mark.parametrize("make", [_text_file, _directory, _zip_file, _cut_off, _in_no_folder])
def test_files_that_are_no_database_are_said_so(tmp_path: Path, make: object, *, create: bool) -> None:
    path = make(tmp_path / "thing")  # type: ignore[operator]
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises((ForeignDatabase, StoreError)) as caught:
        Relations.open(f"sqlite:///{path}", create=create)
    assert caught.value.code in ("foreign_database", "cannot_open", "database_damaged")
    assert (path.read_bytes() if path.is_file() else None) == before


def test_a_missing_file_is_not_made_by_reading(tmp_path: Path) -> None:
    path = tmp_path / "hotel.db"
    with pytest.raises(ForeignDatabase, match="no database at"):
        Relations.open(f"sqlite:///{path}", create=False)
    assert not path.exists()


def test_a_database_of_others_is_not_ours_unless_asked(database_url: str) -> None:
    engine = create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE bookings (name TEXT)"))
        connection.execute(text("INSERT INTO bookings VALUES ('b1')"))
    with pytest.raises(ForeignDatabase, match="no relations log"):
        Relations.open(database_url, create=False)
    # An embedding service keeps its tables and ours in one database.
    with Relations.open(database_url) as relations:
        relations.execute(register())
        assert_sound(relations, 2)
    with Relations.open(database_url, create=False) as relations:
        assert_sound(relations, 2)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT name FROM bookings")).scalar() == "b1"
    engine.dispose()


def test_an_empty_database_is_none_until_made(database_url: str) -> None:
    engine = create_engine(database_url)
    engine.connect().close()
    engine.dispose()
    with pytest.raises(ForeignDatabase):
        Relations.open(database_url, create=False)


def test_half_of_our_tables_is_not_our_database(database_url: str) -> None:
    engine = create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE relations_log (position INTEGER)"))
    engine.dispose()
    with pytest.raises(ForeignDatabase, match="not all of them"):
        Relations.open(database_url)


@pytest.mark.parametrize("written", ["99", "2"])
def test_a_log_of_a_newer_format_is_left_alone(database_url: str, written: str) -> None:
    Relations.open(database_url).close()
    tamper(database_url, ("UPDATE relations_meta SET value = ? WHERE name = 'format'", (written,)))
    for create in (True, False):
        with pytest.raises(NewerLog, match=f"format {written}"):
            Relations.open(database_url, create=create)


@pytest.mark.parametrize("written", ["", "one", "-1", "1.5", "²"])
def test_a_log_that_does_not_say_its_format_is_none(database_url: str, written: str) -> None:
    Relations.open(database_url).close()
    tamper(database_url, ("UPDATE relations_meta SET value = ? WHERE name = 'format'", (written,)))
    with pytest.raises(ForeignDatabase, match="format"):
        Relations.open(database_url)


@pytest.mark.parametrize("name", ["hotel #1.db", "hotel?.db", "hotel%20.db", "hôtel 東.db", "a b.db", "x.db?mode=x"])
def test_files_may_have_any_name(tmp_path: Path, name: str) -> None:
    url = str(make_url("sqlite://").set(database=str(tmp_path / name)).render_as_string(hide_password=False))
    with Relations.open(url) as relations:
        relations.execute(register())
    with Relations.open(url, create=False) as relations:
        assert_sound(relations, 2)


def test_a_server_that_does_not_answer_is_said_so() -> None:
    with pytest.raises(StoreError, match="cannot be reached"):
        Relations.open("postgresql://nobody@127.0.0.1:1/none")


def test_a_missing_driver_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtra, match=r"relations\[postgres\]"):
        Database("postgresql://nobody@localhost/none")


def test_passwords_are_never_shown(postgres_url: str) -> None:
    url = make_url(postgres_url).set(password="sesame")
    database = Database(url)
    assert "sesame" not in database.name
    database.close()


def test_a_file_that_may_only_be_read_says_so(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with Relations.open(sqlite_url) as relations:
        relations.execute(register())
    path = sqlite_file(sqlite_url)
    # As root no permission holds, so the file is opened as one that may not be written.
    with Relations.open(f"sqlite:///file:{path}?mode=ro&uri=true", create=False) as relations:
        assert len(relations.history("c1")) == 1
        with pytest.raises(ForeignDatabase, match="only be read"):
            relations.execute(purchase(1))


# --- settings -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("durability", "synchronous"), [("full", 2), ("normal", 1), ("off", 0)])
def test_durability_is_what_the_caller_asked_for(
    sqlite_url: str, postgres_url: str, durability: str, synchronous: int
) -> None:
    database = Database(sqlite_url, durability=durability)  # type: ignore[arg-type]
    with database.reading() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == synchronous
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA secure_delete").scalar() == 1
    database.close()
    database = Database(postgres_url, durability=durability)  # type: ignore[arg-type]
    with database.reading() as connection:
        expected = "on" if durability == "full" else "off"
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == expected
    database.close()


def test_reading_sees_one_state_throughout(database_url: str) -> None:
    with Relations.open(database_url) as relations, Relations.open(database_url) as writer:
        writer.execute(register())
        database = relations.log.database
        with database.reading() as connection:
            before = relations.log.head(connection)
            writer.execute(purchase(1))
            assert relations.log.head(connection) == before
        with database.reading() as connection:
            assert relations.log.head(connection).position == before.position + 1


def test_readers_do_not_wait_for_writers(database_url: str) -> None:
    with Relations.open(database_url) as relations:
        relations.execute(register())
        with relations.log.writing() as writer:
            writer.connection.execute(text("DELETE FROM relations_snapshots"))
            seen: list[int] = []
            reader = threading.Thread(target=lambda: seen.append(len(relations.history("c1"))))
            reader.start()
            reader.join(10)
            assert seen == [1]


def test_errors_of_the_database_come_as_ours(database_url: str) -> None:
    database = Database(database_url, busy_seconds=0.1)
    log = Log(database)
    other = Database(database_url, busy_seconds=0.1)
    with log.writing(), pytest.raises(ConcurrencyConflict), other.writing():
        raise AssertionError  # pragma: no cover - it never gets its turn
    database.close()
    other.close()


def test_memory_is_shared_by_the_threads_of_one_database() -> None:
    database = Database("sqlite://")
    log = Log(database)
    assert database.is_memory
    results: list[object] = []

    def read() -> None:
        with database.reading() as connection:
            results.append(log.head(connection).position)

    with log.writing():
        reader = threading.Thread(target=read)
        reader.start()
        reader.join(0.05)
        assert results == []  # it waits for its turn on the one connection
    reader.join()
    assert results == [0]
    database.purge()
    database.close()


def test_what_is_left_after_closing_is_one_file(sqlite_url: str) -> None:
    with Relations.open(sqlite_url) as relations:
        relations.execute(register())
    path = sqlite_file(sqlite_url)
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    assert sqlite3.connect(path).execute("PRAGMA integrity_check").fetchone() == ("ok",)
