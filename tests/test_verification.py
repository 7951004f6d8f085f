"""The findings of `verify` in a database that others are writing to, and the things it ignores."""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import Any, ClassVar

import pytest
from sqlalchemy import text

from relations.engine import Relations
from relations.errors import InvalidInput
from relations.policies import Policy
from relations.projections import PROJECTIONS, VIEWS, View, desk
from relations.projections.retention import PROJECTION as RETENTION
from relations.projections.retention.patronage import Patronage
from tests.conftest import absent
from tests.support.debian_postgres import BINARIES, debian_postgres
from tests.support.making import complaint, day, erase, purchase, register, sqlite_file, stored_as, tamper
from tests.verification.tampering import tampered


@pytest.fixture
def engine(database_url: str) -> Iterator[Relations]:
    with Relations.open(database_url) as opened:
        opened.execute_many(purchase(number, f"c{number % 3}") for number in range(1, 13))
        opened.execute(complaint())
        opened.catch_up()
        yield opened


def codes(engine: Relations) -> list[tuple[str, str | None]]:
    return [(each.code, each.view) for each in engine.verify().problems]


def test_it_writes_nothing_and_needs_no_catching_up(engine: Relations, database_url: str) -> None:
    engine.execute_many(purchase(number, "c1") for number in range(30, 40))
    before = engine.status()
    assert before.projections[0].behind == 10
    kept = bytes_of(database_url)
    found = engine.verify()
    assert found.good, found.problems
    assert (found.position, found.digest, found.events) == (before.position, before.digest, before.position)
    assert found.views == sorted(each.name for each in PROJECTIONS)
    assert engine.status() == before
    assert bytes_of(database_url) == kept


def test_bodies_that_no_view_can_fold_are_all_named(engine: Relations) -> None:
    """Given two bodies that cannot be read, each is found at its position, though the views stop at the first."""
    wanted = [each.position for each in engine.events() if each.topic == "customer.purchase_recorded"][2:4]
    change = text("UPDATE relations_log SET body = :body WHERE position IN (:one, :other)")
    values = {"body": b"{", "one": wanted[0], "other": wanted[1]}
    with tampered(engine, lambda connection: connection.execute(change, values)):
        found = engine.verify().problems
    assert [each.position for each in found if each.code == "undecodable_event"] == wanted


def bytes_of(url: str) -> str:
    if not url.startswith("sqlite"):
        return ""
    files = [Path(f"{sqlite_file(url)}{end}") for end in ("", "-wal")]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files if file.exists())).hexdigest()


def test_it_runs_in_a_transaction_that_cannot_write(engine: Relations) -> None:
    database = engine.log.database
    with database.snapshot() as connection:
        if database.is_sqlite:
            connection.execute(text("PRAGMA query_only = ON"))
        else:
            connection.execute(text("SET TRANSACTION READ ONLY"))
        try:
            assert engine.verify().good
        finally:
            if database.is_sqlite:
                connection.execute(text("PRAGMA query_only = OFF"))


def test_a_database_that_nobody_has_asked_anything_is_good(database_url: str) -> None:
    with Relations.open(database_url) as engine:
        engine.execute(purchase(1, "c1"))
        found = engine.verify()
        assert (found.good, found.views, found.events) == (True, [], engine.status().position)


def test_what_cannot_be_checked_is_said(database_url: str) -> None:
    with Relations.open(database_url, master_key=bytes(32)) as engine:
        engine.execute(register())
        wrapped = [each for each in engine.verify().unchecked if "keys" in each]
        assert wrapped == []
    with Relations.open(database_url, access="read", follow=False) as reader:
        found = reader.verify()
    assert found.good
    assert "the keys: they are wrapped by a master key, and it was not given" in found.unchecked


def test_a_view_that_differs_is_reported_with_table_key_and_column(engine: Relations, database_url: str) -> None:
    table = stored_as("retention_customer", RETENTION)
    tamper(database_url, f"UPDATE {table} SET registered_at = registered_at + 1 WHERE customer IN ('c1', 'c2')")
    (problem,) = engine.verify().problems
    assert (problem.code, problem.view) == ("view_differs", "retention")
    assert "2 rows differ; first retention_customer, row c1, column registered_at: found " in problem.reason
    assert not engine.verify().good  # it does not heal what it reports
    engine.rebuild(["retention"])
    assert engine.verify().good


def test_missing_and_unexpected_rows_are_reported(engine: Relations, database_url: str) -> None:
    table = stored_as("retention_customer", RETENTION)
    tamper(database_url, f"DELETE FROM {table} WHERE customer = 'c2'")
    assert "row c2: is missing" in engine.verify().problems[0].reason
    engine.rebuild(["retention"])
    tamper(database_url, f"UPDATE {table} SET customer = 'c9' WHERE customer = 'c2'")
    assert "2 rows differ; first retention_customer, row c2: is missing" in engine.verify().problems[0].reason
    tamper(database_url, f"UPDATE {table} SET customer = 'a' WHERE customer = 'c9'")
    assert "row a: found" in engine.verify().problems[0].reason


def test_an_emptied_log_is_no_good_log_and_empties_no_view(engine: Relations, database_url: str) -> None:
    stored = engine.runner.stored("retention")
    tamper(database_url, "DELETE FROM relations_log")
    found = dict(codes(engine))
    assert "log_emptied" in found
    assert "checkpoint_beyond_head" in found
    assert engine.runner.stored("retention") == stored


def test_a_checkpoint_beyond_the_head_is_found(engine: Relations, database_url: str) -> None:
    head = engine.status().position
    tamper(database_url, f"DELETE FROM relations_log WHERE position > {head - 2}")
    found = engine.verify()
    assert found.position == head - 2
    assert {each.view for each in found.problems if each.code == "checkpoint_beyond_head"} == set(found.views)


def test_what_was_noted_down_is_compared(engine: Relations) -> None:
    status = engine.status()
    noted = f"{status.position}:{status.digest}"
    engine.execute(purchase(50, "c1"))
    assert engine.verify(expect=[noted, noted.upper()]).good
    forged = engine.verify(expect=[f"{status.position}:{'0' * 64}", f"{status.position + 9}:{status.digest}"])
    assert [(each.code, each.position) for each in forged.problems] == [
        ("not_as_noted", status.position),
        ("not_as_noted", status.position + 9),
    ]
    for wrong in ("", "7", "7:xyz", f"7 {status.digest}", f"-7:{status.digest}"):
        with pytest.raises(InvalidInput, match="is not a position with its digest"):
            engine.verify(expect=[wrong])


def test_every_error_that_it_meets_is_a_finding(engine: Relations, database_url: str) -> None:
    tamper(database_url, f"DROP TABLE {stored_as('desk_tickets', desk.PROJECTION)}")
    found = engine.verify()
    assert [each.code for each in found.problems] == ["table_missing"]
    assert "desk_tickets" in found.problems[0].reason
    assert found.position == engine.status().position
    tamper(database_url, "UPDATE relations_views SET zone = 'Atlantis/Nowhere'")
    assert not engine.verify().good


def test_amcheck_finds_a_damaged_index_of_postgresql() -> None:
    if BINARIES is None:
        absent("there is no PostgreSQL with amcheck on this machine; make brokers installs it on Debian")
    with debian_postgres() as server:
        with Relations.open(server.url) as engine:
            engine.execute_many(purchase(number, f"guest{number % 3}") for number in range(1, 13))
            engine.catch_up()
            without = engine.verify()
            assert without.good
            assert any("amcheck" in each for each in without.unchecked)
            with engine.log.database.transaction() as connection:
                connection.execute(text("CREATE EXTENSION amcheck"))
            found = engine.verify()
            assert found.good, found.problems
            assert not any("amcheck" in each for each in found.unchecked)
            with engine.log.database.transaction() as connection:
                (place,) = connection.execute(text("SELECT pg_relation_filepath('relations_log_customer')")).one()
        server.stop()
        file = server.data / place
        content = file.read_bytes()
        assert b"guest1" in content
        file.write_bytes(content.replace(b"guest1", b"zuest1", 1))
        server.start()
        with Relations.open(server.url) as engine:
            problems = engine.verify().problems
    assert {each.code for each in problems} == {"database_damaged"}
    assert {each.table for each in problems} == {"relations_log_customer"}


def test_a_damaged_index_of_sqlite_is_found(sqlite_url: str) -> None:
    engine = Relations.open(sqlite_url)
    engine.execute(purchase(1, "c1"))
    engine.log.database.close()
    with sqlite3.connect(sqlite_file(sqlite_url)) as file:
        # An index without one of the table's rows, as a lost write leaves it.
        file.execute("PRAGMA writable_schema=ON")
        file.execute("CREATE TABLE partial AS SELECT customer, position FROM relations_log LIMIT 0")
        file.execute("CREATE INDEX partial_index ON partial (customer, position)")
        root = "(SELECT rootpage FROM sqlite_master WHERE name = 'partial_index')"
        file.execute(f"UPDATE sqlite_master SET rootpage = {root} WHERE name = 'relations_log_customer'")
        file.execute("DELETE FROM sqlite_master WHERE name = 'partial_index'")
    found = engine.verify()
    assert "database_damaged" in {each.code for each in found.problems}
    assert any("relations_log_customer" in each.reason for each in found.problems)
    engine.close()


# --- one answer, one state ------------------------------------------------------------------------------------------


class TwoLooks(View):
    """A view whose question looks twice, with somebody's writing in between."""

    projection: ClassVar[Any] = RETENTION
    between: Any = None

    def looks(self) -> tuple[Any, Any, str, str]:
        table = self.table(Patronage)
        first, zone = self.execute(table.select()), self.policy.zone
        type(self).between()
        return first, self.execute(table.select()), zone, self.policy.zone


def test_a_question_is_answered_from_one_state(database_url: str) -> None:

    with (
        Relations.open(database_url, views=(*VIEWS, TwoLooks)) as engine,
        Relations.open(database_url) as other,
    ):
        engine.execute(purchase(1, "c1"))

        def write() -> None:
            def elsewhere() -> None:
                other.execute(purchase(2, "c2"))
                other.catch_up()
                other.adopt(Policy(zone="Asia/Tokyo"), from_beginning=True)

            writing = threading.Thread(target=elsewhere)
            writing.start()
            writing.join()

        TwoLooks.between = write
        first, second, zone, later = engine.view(TwoLooks).looks()
        assert first == second
        assert len(first) > 0
        assert (zone, later) == ("UTC", "UTC")
        TwoLooks.between = lambda: None
        assert len(engine.view(TwoLooks).looks()[0]) > len(first)


def verified_beside_a_writer(url: str, rounds: int, seconds: float, pause: float = 0) -> int:
    """Verify while one thread writes, with pauses, and another catches up; return how often."""
    stop, count, before = threading.Event(), 0, 0
    with Relations.open(url) as engine, Relations.open(url) as writer, Relations.open(url) as reader:
        engine.execute_many(purchase(number, f"c{number % 5}") for number in range(50))

        def write() -> None:
            number = 100
            while not stop.is_set():
                number += 1
                writer.execute(purchase(number, f"c{number % 7}"))
                if number % 11 == 0:
                    writer.execute(register(f"e{number}"))
                    writer.execute(erase(f"e{number}", occurred_at=day(900) + timedelta(hours=number)))
                stop.wait(pause)

        def follow() -> None:
            while not stop.is_set():
                reader.catch_up()

        threads = [threading.Thread(target=write), threading.Thread(target=follow)]
        for thread in threads:
            thread.start()
        try:
            end = monotonic() + seconds
            while count < rounds or before < 65 or monotonic() < end:
                before = engine.status().position
                found = engine.verify()
                assert found.good, found.problems
                assert found.position >= before
                count += 1
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        assert engine.status().position > 60
    return count


def test_verify_beside_a_writer_raises_no_alarm(database_url: str) -> None:
    assert verified_beside_a_writer(database_url, rounds=8, seconds=0) >= 8


@pytest.mark.soak
def test_verify_beside_a_writer_raises_no_alarm_for_five_minutes(database_url: str) -> None:
    assert verified_beside_a_writer(database_url, rounds=8, seconds=300, pause=0.05) > 8
