"""The log as an object-centric event log, read back by a reader that is not ours and compared row by row."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import r4pm

from relations import Relations
from relations.aggregates import AGGREGATES
from relations.errors import SourceError
from relations.exchange.ocel import write_ocel_json, write_ocel_parquet, write_ocel_sqlite
from relations.exchange.ocel.objects import _NAMED, attributes_of
from relations.log.codec import personal_fields
from relations.messages import RecordedEvent, from_micros
from relations.testing import simulate

FORMS = {"json": write_ocel_json, "sqlite": write_ocel_sqlite, "ocel-parquet.zip": write_ocel_parquet}


@pytest.fixture(scope="module")
def engine() -> Iterator[Relations]:
    with Relations.open("sqlite://") as engine:
        assert engine.execute_many(islice(simulate(), 1_200)).events
        yield engine


@pytest.fixture(scope="module", params=FORMS)
def exported(request: pytest.FixtureRequest, engine: Relations, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("ocel") / f"log.{request.param}"
    assert FORMS[request.param](engine.events(), path) == engine.status().position
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    return path


def read_back(path: Path, folder: Path) -> dict[str, Any]:
    """The log as r4pm understood it."""
    back = folder / "back.json"
    r4pm.export_item(r4pm.import_item("OCEL", str(path)), str(back))
    found: dict[str, Any] = json.loads(back.read_bytes())
    return found


def test_a_foreign_reader_finds_every_event_with_its_time_type_and_values(
    engine: Relations, exported: Path, tmp_path: Path
) -> None:
    found = read_back(exported, tmp_path)
    theirs = {event["id"]: event for event in found["events"]}
    ours = list(engine.events())
    assert len(theirs) == len(found["events"]) == len(ours)
    compared = 0
    for each in ours:
        event = theirs[f"{each.stream}@{each.version}"]
        assert event["type"] == each.topic
        assert datetime.fromisoformat(event["time"]) == from_micros(each.occurred_at)
        values = {attribute["name"]: attribute["value"] for attribute in event["attributes"]}
        assert (values["position"], values["digest"]) == (each.position, each.digest.hex())
        assert datetime.fromisoformat(values["recorded_at"]) == from_micros(each.recorded_at)
        compared += _compare(each, values)
    assert compared > 2_000


def _compare(recorded: RecordedEvent, values: dict[str, Any]) -> int:
    compared = 0
    for attribute in attributes_of(type(recorded.event)):
        if not attribute.field:
            continue
        mine = getattr(recorded.event, attribute.field)
        if mine is None:
            assert values.get(attribute.name) is None
            continue
        match attribute.type:
            case "float":
                assert values[attribute.name] == pytest.approx(float(mine.decimal), abs=0)
                assert values[f"{attribute.name}_currency"] == mine.currency
            case "time":
                assert datetime.fromisoformat(values[attribute.name]) == from_micros(mine)
            case "integer" | "boolean":
                assert values[attribute.name] == mine
            case _ if isinstance(mine, str):
                assert values[attribute.name] == mine
            case _:
                assert attribute.name in values
        compared += 1
    return compared


def test_objects_and_their_relations_are_those_of_the_log(engine: Relations, exported: Path, tmp_path: Path) -> None:
    found = read_back(exported, tmp_path)
    objects = {each["id"]: each["type"] for each in found["objects"]}
    assert set(objects.values()) >= {"customer", "complaint", "account", "staff", "policy"}
    ours = list(engine.events())
    assert {each.customer for each in ours if each.customer} <= {
        identifier.removeprefix("customer-") for identifier, kind in objects.items() if kind == "customer"
    }
    theirs = {
        event["id"]: {(each["objectId"], each["qualifier"]) for each in event["relationships"]}
        for event in found["events"]
    }
    for each in ours:
        related = theirs[f"{each.stream}@{each.version}"]
        assert {identifier for identifier, _qualifier in related} <= objects.keys()
        if each.customer and not each.stream.startswith("customer-"):
            assert (f"customer-{each.customer}", "customer") in related
    between = {
        (each["id"], other["objectId"], other["qualifier"])
        for each in found["objects"]
        for other in each["relationships"]
    }
    assert any(source.startswith("complaint-") and qualifier == "customer" for source, _target, qualifier in between)


def test_the_database_holds_its_own_constraints(engine: Relations, tmp_path: Path) -> None:
    path = tmp_path / "log.sqlite"
    write_ocel_sqlite(engine.events(), path)
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        count = 0
        for kind in ("event", "object"):
            for name, table in connection.execute(f"SELECT ocel_type, ocel_type_map FROM {kind}_map_type").fetchall():
                typed = connection.execute(f'SELECT ocel_id FROM "{kind}_{table}"').fetchall()
                assert sorted(typed) == sorted(
                    connection.execute(f"SELECT ocel_id FROM {kind} WHERE ocel_type = ?", (name,)).fetchall()
                )
                count += len(typed)
        assert count > 1_200
        booleans = connection.execute(
            "SELECT DISTINCT implicit, typeof(implicit) FROM event_CustomerRegistered"
        ).fetchall()
        assert set(booleans) <= {(0, "integer"), (1, "integer")}
        assert booleans


def test_values_as_text_keep_what_they_say(engine: Relations, tmp_path: Path) -> None:
    typed, strict = tmp_path / "typed.json", tmp_path / "strict.json"
    write_ocel_json(engine.events(), typed)
    write_ocel_json(engine.events(), strict, schema_strict=True)
    seen = 0
    for one, other in zip(
        json.loads(typed.read_bytes())["events"], json.loads(strict.read_bytes())["events"], strict=True
    ):
        for mine, text in zip(one["attributes"], other["attributes"], strict=True):
            assert isinstance(text["value"], str)
            value = mine["value"]
            assert text["value"] == (json.dumps(value) if isinstance(value, bool) else str(value))
            seen += not isinstance(value, str)
    assert seen > 1_000


def test_no_personal_field_is_exported() -> None:
    kinds = [event for aggregate in AGGREGATES for event in aggregate.events]
    assert sum(bool(personal_fields(kind)) for kind in kinds) > 3
    for kind in kinds:
        assert not {attribute.field for attribute in attributes_of(kind)} & set(personal_fields(kind)), kind


def test_every_field_that_names_an_object_is_one_of_its_event() -> None:
    kinds = {event.topic: event for aggregate in AGGREGATES for event in aggregate.events}
    for topic, named in _NAMED.items():
        assert {name for name, _kind in named} <= set(kinds[topic].__struct_fields__), topic


def test_names_of_attributes_are_unique_within_their_event() -> None:
    for aggregate in AGGREGATES:
        for kind in aggregate.events:
            names = [attribute.name.lower() for attribute in attributes_of(kind)]
            assert len(set(names)) == len(names), kind
            assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in names), kind


@pytest.mark.parametrize("form", FORMS)
def test_a_file_that_cannot_be_written_leaves_nothing(engine: Relations, tmp_path: Path, form: str) -> None:
    with pytest.raises(SourceError, match="cannot write"):
        FORMS[form](engine.events(), tmp_path / "missing" / "log")
    old = tmp_path / "log"
    old.write_text("before")

    def failing() -> Iterator[RecordedEvent]:
        yield from islice(engine.events(), 10)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        FORMS[form](failing(), old)
    assert [file.name for file in tmp_path.iterdir()] == ["log"]
    assert old.read_text() == "before"
