"""The exported log read by a second reader that is not ours, which checks the whole log before it opens it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
from oceldb.io import convert_ocel

from relations import Relations
from relations.exchange.ocel import write_ocel_json, write_ocel_sqlite
from relations.exchange.ocel.objects import Objects, attributes_of
from relations.messages import Money, from_micros
from relations.testing import simulate


@pytest.fixture(scope="module")
def engine() -> Iterator[Relations]:
    with Relations.open("sqlite://") as engine:
        assert engine.execute_many(islice(simulate(), 400)).events
        yield engine


@pytest.mark.parametrize(("name", "write"), [("log.jsonocel", write_ocel_json), ("log.sqlite", write_ocel_sqlite)])
def test_a_second_reader_accepts_the_log_and_finds_every_row(
    engine: Relations, tmp_path: Path, name: str, write: object
) -> None:
    assert callable(write)
    write(engine.events(), tmp_path / name)
    theirs = convert_ocel(tmp_path / name, tmp_path / "theirs", validate=True)
    rows = {row["ocel_id"]: row for row in theirs.events().collect().to_dicts()}
    ours = list(engine.events())
    assert len(rows) == len(ours) > 300
    compared = 0
    for each in ours:
        row = rows[f"{each.stream}@{each.version}"]
        assert (row["ocel_type"], row["ocel_time"]) == (each.topic, from_micros(each.occurred_at))
        assert (row["position"], row["digest"]) == (each.position, each.digest.hex())
        for attribute in attributes_of(type(each.event)):
            mine = getattr(each.event, attribute.field) if attribute.field else None
            if isinstance(mine, Money) and attribute.type == "float":
                assert row[attribute.name] == float(mine.decimal)
                compared += 1
            elif isinstance(mine, str):
                assert row[attribute.name] == mine
                compared += 1
    assert compared > 300
    objects = Objects()
    related = {(e.id, target, qualifier) for e in objects.take(ours) for target, qualifier in e.objects}
    found = theirs.e2o().collect().to_dicts()
    assert {(r["ocel_event_id"], r["ocel_object_id"], r["ocel_qualifier"]) for r in found} == related
    assert len(found) == len(related)
    between = theirs.o2o().collect().to_dicts()
    assert {(r["ocel_source_id"], r["ocel_target_id"], r["ocel_qualifier"]) for r in between} == objects.relations
    assert {(r["ocel_id"], r["ocel_type"]) for r in theirs.objects().collect().to_dicts()} == set(objects.types.items())
