"""Backups, restores, comparisons of events, and a host's own extensions in the program."""

from __future__ import annotations

import json
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar

import pytest

from relations import Relations
from relations.aggregates import AGGREGATES
from relations.cli.commands.schemas import events_schema
from relations.errors import ChainBroken, ForeignDatabase, SourceError
from relations.log.codec import Codec
from relations.messages import Event
from relations.operations import back_up, compare_schemas, restore
from tests.cli.conftest import invoke
from tests.support import host
from tests.support.making import erase, purchase, register


def fill(engine: Relations, count: int = 5) -> int:
    engine.execute(register())
    for number in range(count):
        engine.execute(purchase(number))
    return engine.status().position


def digests(engine: Relations) -> list[bytes]:
    return [event.digest for event in engine.events()]


def test_a_backup_is_the_log_and_comes_back_on_either_database(
    database_url: str, postgres_url: str, tmp_path: Path
) -> None:
    path = tmp_path / "backup.db"
    with Relations.open(database_url) as engine:
        head = fill(engine)
        with engine.consume("mails", wait=False) as consumer:
            next(consumer), next(consumer)
        report = back_up(engine, path)
        before = digests(engine)
        assert (report.position, report.keys, report.erased) == (head, 1, 0)
    targets = [f"sqlite:///{tmp_path / 'restored.db'}"]
    if not database_url.startswith("postgresql"):
        targets.append(postgres_url)
    for url in targets:
        restore(path, url)
        with Relations.open(url) as engine:
            assert digests(engine) == before
            assert engine.verify().good
            assert engine.history("c1")[0].event.name == "Ada Lovelace"  # type: ignore[attr-defined]
            assert engine.status().consumers[0].position == 1
            assert engine.execute(purchase(0)).repeated
            assert engine.execute(purchase(9)).position == head + 1
        with pytest.raises(ForeignDatabase, match="has events already"):
            restore(path, url)


def test_a_backup_is_consistent_while_others_write(database_url: str, tmp_path: Path) -> None:
    with Relations.open(database_url) as engine:
        fill(engine, 20)
        over = threading.Event()

        def write() -> None:
            number = 100
            while not over.is_set():
                engine.execute(purchase(number))
                number += 1

        thread = threading.Thread(target=write)
        thread.start()
        try:
            reports = [back_up(engine, tmp_path / f"{number}.db") for number in range(3)]
        finally:
            over.set()
            thread.join()
        after = digests(engine)
    assert len(after) > reports[0].position > 20
    for number, report in enumerate(reports):
        with Relations.open(f"sqlite:///{tmp_path / f'{number}.db'}", access="read") as copy:
            assert digests(copy) == after[: report.position]


def test_an_erasure_after_a_backup_does_not_reach_it_and_one_before_does(sqlite_url: str, tmp_path: Path) -> None:
    with Relations.open(sqlite_url) as engine:
        engine.execute(register("c1", name="Ada Lovelace"))
        engine.execute(register("c2", name="Grace Hopper"))
        engine.execute(erase("c2"))
        report = back_up(engine, tmp_path / "with.db")
        bare = back_up(engine, tmp_path / "without.db", with_keys=False)
        engine.execute(erase("c1"))
    assert (report.keys, report.erased, bare.keys) == (1, 1, 0)
    with Relations.open(f"sqlite:///{tmp_path / 'with.db'}", access="read") as copy:
        assert copy.history("c1")[0].event.name == "Ada Lovelace"  # type: ignore[attr-defined]
        assert copy.history("c2")[0].event.name == "[erased]"  # type: ignore[attr-defined]
    assert b"Lovelace" not in (tmp_path / "without.db").read_bytes()
    with Relations.open(f"sqlite:///{tmp_path / 'without.db'}", access="read") as copy:
        assert "Lovelace" not in str(copy.history("c1")[0].event)


def test_a_backup_that_was_changed_is_not_restored(sqlite_url: str, tmp_path: Path) -> None:
    path = tmp_path / "backup.db"
    with Relations.open(sqlite_url) as engine:
        fill(engine)
        back_up(engine, path)
        with pytest.raises(SourceError, match="exists already"):
            back_up(engine, path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TRIGGER relations_log_no_update")
        connection.execute("UPDATE relations_log SET actor = 'nobody' WHERE position = 3")
        connection.commit()
    with pytest.raises(ChainBroken):
        restore(path, f"sqlite:///{tmp_path / 'new.db'}")
    with Relations.open(f"sqlite:///{tmp_path / 'new.db'}") as engine:
        assert engine.status().position == 0


def test_the_program_makes_and_restores_backups(sqlite_url: str, tmp_path: Path) -> None:
    log, path, new = sqlite_url.removeprefix("sqlite:///"), tmp_path / "backup.db", tmp_path / "new.db"
    with Relations.open(sqlite_url) as engine:
        head = fill(engine)
    made = invoke("backup", "-d", log, "--to", path)
    assert made.code == 0, made.err
    assert "stays readable in this file" in " ".join(made.out.split())
    assert invoke("verify", "-d", path, "--json").json["good"] is True
    assert invoke("restore", path, "-d", new, "--json").json["position"] == head
    assert invoke("verify", "-d", new, "--note").code == 0
    assert "Verified up to position" in invoke("status", "-d", new).out
    again = invoke("backup", "-d", log, "--to", path, "--json")
    assert again.json["error"]["code"] == "file_exists"
    assert sorted(each.name for each in tmp_path.iterdir() if "partial" in each.name) == []
    path.write_text("no database at all" * 100)
    wrong = invoke("restore", path, "-d", tmp_path / "other.db", "--json").json["error"]
    assert (wrong["code"], wrong["reason"]) == ("foreign_database", f"{path} is not a database")
    assert not (tmp_path / "other.db").exists()


FORM: dict[str, Any] = {
    "type": "object",
    "properties": {"guest": {"type": "string"}, "nights": {"type": "integer", "default": 1}},
    "required": ["guest"],
    "x-schema-version": 1,
    "x-personal": [],
    "x-upcasts": [],
}


def form(**changes: Any) -> dict[str, Any]:
    return {"stay.booked": {**FORM, **changes}}


def fields(required: list[str], **more: Any) -> dict[str, Any]:
    return form(properties={**FORM["properties"], **more}, required=required)


@pytest.mark.parametrize(
    ("new", "backward", "forward"),
    [
        (form(), True, True),
        (fields(["guest"], room={"type": "string", "default": ""}), True, True),
        (fields(["guest", "room"], room={"type": "string"}), False, True),
        (form(properties={"guest": {"type": "string"}}), True, True),
        (form(properties={"nights": {"type": "integer"}}, required=[]), True, False),
        (fields(["guest"], nights={"anyOf": [{"type": "integer"}, {"type": "null"}]}), True, False),
        (fields(["guest"], nights={"type": "string"}), False, False),
        (fields(["guest", "nights"]), False, True),
        (fields([]), True, False),
        (form(**{"x-schema-version": 2}), False, False),
        (form(**{"x-schema-version": 2, "x-upcasts": [1]}), True, False),
        (form(**{"x-schema-version": 3, "x-upcasts": [1]}), False, False),
        (form(**{"x-personal": ["guest"]}), False, True),
        ({}, False, True),
        ({**form(), "stay.ended": FORM}, True, False),
    ],
)
def test_each_change_of_an_event_is_compatible_in_its_ways(new: dict[str, Any], backward: bool, forward: bool) -> None:
    found = compare_schemas(form(), new)
    assert (found.backward, found.forward) == (backward, forward)
    assert bool(found.changes) == (new != form())


def test_the_events_of_this_version_are_the_same_as_themselves_and_the_exit_code_says_what_is_not(
    tmp_path: Path,
) -> None:
    old = tmp_path / "old.json"
    document = events_schema()
    assert len(document) == sum(len(aggregate.events) for aggregate in AGGREGATES)
    old.write_text(json.dumps(document))
    same = invoke("schema-diff", old)
    assert (same.code, same.out.strip()) == (0, "The events are the same.")
    document["complaint.withheld"] = document["complaint.filed"]
    old.write_text(json.dumps(document))
    gone = invoke("schema-diff", old)
    assert gone.code == 1
    assert "complaint.withheld" in gone.out
    assert invoke("schema-diff", old, "--require", "forward").code == 0
    for wrong in ("[]", "[1", '{"a": {}}', '{"a": {"x-schema-version": "one"}}'):
        old.write_text(wrong)
        error = invoke("schema-diff", old, "--json").json["error"]
        assert (error["code"], error["hint"]) == ("invalid_json", "Write it with `relations schema events`")


EXTENSION = """
from tests.support import host
AGGREGATES = (host.AGGREGATE,)
PROJECTIONS = (host.PROJECTION,)
VIEWS = (host.TablesView,)
REACTIONS = {host.TableReleased: host.thank}
"""


def test_a_log_with_a_hosts_own_events_is_good_with_its_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "restaurant.py").write_text(EXTENSION)
    monkeypatch.chdir(tmp_path)
    with Relations.open(f"sqlite:///{tmp_path / 'log.db'}", aggregates=(*AGGREGATES, host.AGGREGATE)) as engine:
        engine.execute(host.ReserveTable(table="t1", customer="c1", guests=2, occurred_at=purchase().occurred_at))
    assert invoke("verify", "-d", "log.db").code == 1
    good = invoke("--with", "restaurant", "verify", "-d", "log.db", "--json")
    assert good.json["good"] is True
    assert invoke("verify", "-d", "log.db", RELATIONS_WITH="restaurant").code == 0
    status = invoke("--with", "restaurant", "run", "-d", "log.db", "--once")
    assert status.code == 0
    own = ("--with", "restaurant")
    assert "table.reserved" in invoke(*own, "schema", "events").json
    assert "guests" in invoke(*own, "schema", "commands", "ReserveTable").json["properties"]
    assert "ReserveTable" in invoke(*own, "record", "--list", "--json").json
    assert "guests" in invoke(*own, "record", "ReserveTable", "--fields", "--json").json
    reserved = ("record", "ReserveTable", "table=t2", "customer=c1", "guests=4", "-d", "log.db", "--json")
    assert invoke(*own, *reserved).json["recorded"] is True
    Path("commands.jsonl").write_text('{"command": "ReleaseTable", "table": "t2", "occurred_at": "2025-01-01T00:00Z"}')
    assert invoke(*own, "import", "commands.jsonl", "-d", "log.db", "--json").json["recorded"] == 1
    assert invoke(*reserved).json["error"]["code"] == "unknown_command"
    wrong = invoke("--with", "no.such.module", "verify", "-d", "log.db", "--json")
    assert wrong.json["error"]["code"] == "invalid_extension"
    assert invoke("--with", "json", "verify", "-d", "log.db", "--json").json["error"]["code"] == "invalid_extension"
    invoke("status", "-d", "log.db")  # the next command is without it again
    assert invoke("verify", "-d", "log.db").code == 1


def test_an_installed_package_needs_no_option(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It names its module in the group of entry points, in its metadata as an installer writes it."""
    (tmp_path / "inn.py").write_text(EXTENSION)
    info = tmp_path / "inn-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: inn\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(tmp_path)
    with Relations.open(f"sqlite:///{tmp_path / 'log.db'}", aggregates=(*AGGREGATES, host.AGGREGATE)) as engine:
        engine.execute(host.ReserveTable(table="t1", customer="c1", guests=2, occurred_at=purchase().occurred_at))
    assert invoke("verify", "-d", tmp_path / "log.db").code == 1
    (info / "entry_points.txt").write_text("[relations.extensions]\ninn = inn\n")
    assert invoke("verify", "-d", tmp_path / "log.db").code == 0
    # and naming it once more changes nothing
    assert invoke("--with", "inn", "verify", "-d", tmp_path / "log.db").code == 0
    (info / "entry_points.txt").write_text("[relations.extensions]\ninn = no.such.module\n")
    broken = invoke("status", "-d", tmp_path / "log.db", "--json").json["error"]
    assert broken["code"] == "invalid_extension"
    assert "no.such.module" in broken["reason"]


class StayBooked(Event, frozen=True):
    topic: ClassVar[str] = "stay.booked"
    schema: ClassVar[int] = 2
    upcasts: ClassVar[Any] = {1: lambda form: {"nights": form["days"] - 1}}
    nights: int


def test_an_event_of_a_host_brings_its_own_upcasts() -> None:
    assert Codec([StayBooked]).decode("stay.booked", 1, b'{"days":3}') == StayBooked(nights=2)
