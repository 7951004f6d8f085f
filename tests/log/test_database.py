from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from relations import InvalidInput, Relations
from relations.errors import ConcurrencyConflict, ForeignDatabase, MissingExtra, NewerLog, StoreError
from relations.log import Database, Log
from relations.log.database import Access
from tests.support.making import assert_sound, database_bytes, in_processes, purchase, register, sqlite_file, tamper

# --- what is no database of ours ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url", ["", "hotel.db", "sqlite", "mysql://user@host/x", "oracle://x", "mongodb://x", "://", "sqlite:///x\ny://"]
)
def test_urls_that_are_none_are_refused(url: str) -> None:
    with pytest.raises((InvalidInput, ForeignDatabase)) as caught:
        Relations.open(url, create=False)
    assert caught.value.code in ("invalid_url", "unsupported_database", "foreign_database")


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
    with Relations.open(f"sqlite:///{path}") as engine:
        engine.execute(register())
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
    host = create_engine(database_url)
    with host.begin() as connection:
        connection.execute(text("CREATE TABLE bookings (name TEXT)"))
        connection.execute(text("INSERT INTO bookings VALUES ('b1')"))
    with pytest.raises(ForeignDatabase, match="no relations log"):
        Relations.open(database_url, create=False)
    # An embedding service keeps its tables and ours in one database.
    with Relations.open(database_url) as engine:
        engine.execute(register())
        assert_sound(engine, 2)
    with Relations.open(database_url, create=False) as engine:
        assert_sound(engine, 2)
    with host.connect() as connection:
        assert connection.execute(text("SELECT name FROM bookings")).scalar() == "b1"
    host.dispose()


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
    with pytest.raises(ForeignDatabase, match="only some of the tables"):
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
    with Relations.open(url) as engine:
        engine.execute(register())
    with Relations.open(url, create=False) as engine:
        assert_sound(engine, 2)


def test_a_server_that_does_not_answer_is_said_so() -> None:
    with pytest.raises(StoreError, match="cannot be reached"):
        Relations.open("postgresql://nobody@127.0.0.1:1/none")


def test_a_missing_driver_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtra, match=r"relations-engine\[postgres\]"):
        Database("postgresql://nobody@localhost/none")


def test_passwords_are_never_shown(postgres_url: str) -> None:
    url = make_url(postgres_url).set(password="sesame")
    database = Database(url)
    assert "sesame" not in database.name
    database.close()


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("sqlite+aiosqlite:///x.db", "unsupported_database"),
        ("postgresql+asyncpg://h/n", "unsupported_database"),
        ("nothing://h/n", "unsupported_database"),
        ("postgresql://h:port/n", "invalid_url"),
        ("sqlite:///x.db?plugin=y", "invalid_url"),
        ("sqlite:///x.db?mode=ro", "invalid_url"),  # SQLAlchemy ignores it without uri=true
        ("sqlite:///x.db?mode=ro&uri=false", "invalid_url"),
        ("sqlite:///?=0", "invalid_url"),
        ("sqlite:///x.db?uri=perhaps", "invalid_url"),
        ("sqlite:///x.db?timeout=long", "invalid_url"),
        ("sqlite:///\0.db", "invalid_url"),
        ("sqlite:///\ud800.db", "invalid_url"),
        ("postgresql://nobody@127.0.0.1:1/n?nonsense=1", "invalid_url"),
        ("postgresql://nobody@127.0.0.1:1/n", "database_unreachable"),
        ("postgres://nobody@127.0.0.1:1/n", "database_unreachable"),
    ],
)
@pytest.mark.parametrize("access", ["write", "read"])
def test_each_kind_of_wrong_url_has_a_code(url: str, code: str, access: Access) -> None:
    with pytest.raises((InvalidInput, ForeignDatabase, StoreError)) as caught:
        Relations.open(url, create=False, access=access)
    assert caught.value.code == code


# --- reading changes nothing ----------------------------------------------------------------------------------------


def _held(folder: Path) -> dict[str, bytes]:
    """Every file of a folder with its bytes."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def _other_application(path: Path, mode: str = "delete") -> None:
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA journal_mode={mode}")
    connection.execute("CREATE TABLE bookings (name TEXT)")
    connection.commit()
    connection.close()


@pytest.mark.parametrize("mode", ["delete", "wal"])
@pytest.mark.parametrize("access", ["write", "fold", "read"])
def test_a_database_that_is_not_ours_is_not_changed(tmp_path: Path, access: Access, mode: str) -> None:
    path = tmp_path / "other.db"
    _other_application(path, mode)
    before = _held(tmp_path)
    with pytest.raises(ForeignDatabase, match="no relations log"):
        Relations.open(f"sqlite:///{path}", create=False, access=access)
    assert _held(tmp_path) == before
    assert list(before) == ["other.db"]


@pytest.mark.parametrize("access", ["write", "fold", "read"])
def test_an_empty_file_does_not_grow(tmp_path: Path, access: Access) -> None:
    (tmp_path / "empty.db").touch()
    with pytest.raises(ForeignDatabase, match="no relations log"):
        Relations.open(f"sqlite:///{tmp_path / 'empty.db'}", create=False, access=access)
    assert _held(tmp_path) == {"empty.db": b""}


@pytest.mark.parametrize("folded", [False, True])
def test_reading_leaves_no_trace(database_url: str, *, folded: bool) -> None:
    with Relations.open(database_url) as engine:
        engine.execute_many([purchase(1), purchase(2)])  # nothing personal, so there is no key of digests
        if folded:
            engine.catch_up()
        expected = engine.status()
    before = database_bytes(database_url)
    names = set(sqlite_file(database_url).parent.iterdir()) if database_url.startswith("sqlite") else set()
    with Relations.open(database_url, access="read") as engine:
        assert len(engine.history("c1")) == 3
        assert (engine.status().position, engine.status().digest) == (expected.position, expected.digest)
        assert engine.status().database == expected.database
        if folded or database_url.startswith("sqlite"):
            assert engine.views.retention.cohorts()[0].size == 1
        with pytest.raises(ForeignDatabase, match="reading only") as caught:
            engine.execute(purchase(3))
        assert caught.value.code == "read_only"
        with pytest.raises(ForeignDatabase, match="reading only"):
            engine.digest("ada@example.org")
    assert database_bytes(database_url) == before
    if names:
        assert set(sqlite_file(database_url).parent.iterdir()) == names
    with Relations.open(database_url) as engine:
        assert engine.execute(purchase(3)).position == expected.position + 1


def test_views_of_a_reader_that_cannot_fold_say_that_they_are_behind(
    postgres_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with Relations.open(postgres_url) as engine:
        engine.execute_many([register(), purchase(1)])
        engine.catch_up()
        engine.execute_many([register("c2"), purchase(2, "c2")])
    with Relations.open(postgres_url, access="read") as engine:
        assert engine.views.retention.cohorts()[0].size == 1
        assert "views are behind" in caplog.text
    with Relations.open(postgres_url, access="fold") as engine:
        assert engine.views.retention.cohorts()[0].size == 2
        with pytest.raises(ForeignDatabase, match="reading only"):
            engine.execute(purchase(3))


@pytest.fixture
def media(tmp_path: Path) -> Iterator[Path]:
    """A folder for a database; `_without_permission` then makes it read-only media."""
    if os.geteuid() != 0:
        yield tmp_path
        tmp_path.chmod(0o755)
        return
    path = Path(tempfile.mkdtemp(prefix="relations-media-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@contextmanager
def _without_permission(folder: Path) -> Iterator[None]:
    """Nothing in the folder may be written, nor anything made there: for root, by being somebody else."""
    folder.chmod(0o555)
    for path in folder.iterdir():
        path.chmod(0o444)
    as_root = os.geteuid() == 0
    if as_root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if as_root:
            os.seteuid(0)
        folder.chmod(0o755)


@pytest.mark.parametrize("folded", [False, True])
def test_a_log_on_read_only_media_can_be_read(media: Path, *, folded: bool) -> None:
    url = f"sqlite:///{media / 'hotel #1?.db'}".replace("?", "%3F")
    with Relations.open(url) as engine:
        engine.execute_many([register(), purchase(1)])
        if folded:
            engine.catch_up()
    before = _held(media)
    with _without_permission(media):
        with Relations.open(url, access="read") as engine:
            assert len(engine.history("c1")) == 2
            assert engine.views.retention.cohorts()[0].size == 1
        with pytest.raises(ForeignDatabase), Relations.open(url) as engine:
            engine.execute(purchase(2))
    assert _held(media) == before


def test_changes_that_were_never_written_back_are_not_left_out_in_silence(media: Path) -> None:
    """A copy made while the database was in use: the newest events are in the other file only."""
    path = media / "hotel.db"
    with Relations.open(f"sqlite:///{path}") as engine:
        engine.execute(register())
        (media / "copy.db").write_bytes(path.read_bytes())
        (media / "copy.db-wal").write_bytes((media / "hotel.db-wal").read_bytes())
    copy = f"sqlite:///{media / 'copy.db'}"
    with _without_permission(media), pytest.raises(ForeignDatabase, match="have not been written back"):
        Relations.open(copy, access="read")
    with Relations.open(copy, access="read") as engine:
        assert len(engine.history("c1")) == 1


def test_a_reader_sees_what_a_writer_adds(sqlite_url: str) -> None:
    with Relations.open(sqlite_url) as writer:
        writer.execute(register())
        writer.catch_up()
        with Relations.open(sqlite_url, access="read") as reader:
            assert len(reader.history("c1")) == 1
            writer.execute(purchase(1))
            assert len(reader.history("c1")) == 2
        writer.execute(purchase(2))
        assert_sound(writer)


def test_a_file_that_may_only_be_read_says_so(sqlite_url: str) -> None:
    with Relations.open(sqlite_url) as engine:
        engine.execute(register())
    path = sqlite_file(sqlite_url)
    with Relations.open(f"sqlite:///file:{path}?mode=ro&uri=true", create=False) as engine:
        assert len(engine.history("c1")) == 1
        with pytest.raises(ForeignDatabase, match="read-only"):
            engine.execute(purchase(1))


# --- settings -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("durability", "synchronous"), [("full", 2), ("normal", 1), ("off", 0)])
def test_durability_is_what_the_caller_asked_for(
    sqlite_url: str, postgres_url: str, durability: str, synchronous: int
) -> None:
    Relations.open(sqlite_url).close()
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
    with Relations.open(database_url) as engine, Relations.open(database_url) as writer:
        writer.execute(register())
        database = engine.log.database
        with database.reading() as connection:
            before = engine.log.head(connection)
            writer.execute(purchase(1))
            assert engine.log.head(connection) == before
        with database.reading() as connection:
            assert engine.log.head(connection).position == before.position + 1


def test_readers_do_not_wait_for_writers(database_url: str) -> None:
    with Relations.open(database_url) as engine:
        engine.execute(register())
        with engine.log.writing() as writer:
            writer.connection.execute(text("DELETE FROM relations_snapshots"))
            seen: list[int] = []
            reader = threading.Thread(target=lambda: seen.append(len(engine.history("c1"))))
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
    with Relations.open(sqlite_url) as engine:
        engine.execute(register())
    path = sqlite_file(sqlite_url)
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    assert sqlite3.connect(path).execute("PRAGMA integrity_check").fetchone() == ("ok",)


def _opens_together(url: str, barrier: Any) -> int:
    opened = 0
    for number in range(10):
        barrier.wait(60)
        with Relations.open(url.replace("x.db", f"{number}.db")) as engine:
            assert engine.status().position == 0
            opened += 1
    return opened


def test_several_processes_may_open_a_new_file_at_the_same_moment(tmp_path: Path) -> None:
    """SQLite refuses all but one that switch a file to write-ahead logging at once, without waiting."""
    url = f"sqlite:///{tmp_path}/x.db"
    barrier = get_context("fork").Barrier(4)
    opened = in_processes(_opens_together, [(url, barrier) for _ in range(4)])
    assert opened == [10] * 4
    for number in range(10):
        with closing(sqlite3.connect(tmp_path / f"{number}.db")) as file:
            assert file.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_new_file_that_somebody_else_keeps_locked_is_said_to_be_busy(tmp_path: Path) -> None:
    path = tmp_path / "locked.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(ConcurrencyConflict) as refused, Relations.open(f"sqlite:///{path}", busy_seconds=0.2):
            pass
        assert refused.value.code == "log_busy"
        other.execute("ROLLBACK")
    with Relations.open(f"sqlite:///{path}", busy_seconds=0.2) as engine:
        engine.execute(register())


def test_who_keeps_a_new_file_locked_is_waited_for_no_longer_than_asked(tmp_path: Path) -> None:
    path = tmp_path / "kept.db"
    with Relations.open(f"sqlite:///{path}"):
        pass
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode=DELETE")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(ConcurrencyConflict) as refused:
            Database(f"sqlite:///{path}", busy_seconds=0.2).enable_wal()
        assert refused.value.code == "log_busy"
        other.execute("ROLLBACK")
    with closing(Database(f"sqlite:///{path}", busy_seconds=0.2)) as database:
        database.enable_wal()
    with closing(sqlite3.connect(path)) as file:
        assert file.execute("PRAGMA journal_mode").fetchone() == ("wal",)
