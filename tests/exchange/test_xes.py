"""The log as XES, read back by readers that are not ours and compared event by event."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import pytest
from r4pm import df

from relations import Relations
from relations.exchange.xes import Case, write_xes
from relations.messages import from_micros
from relations.testing import simulate
from tests.support.making import register

NS = "{http://www.xes-standard.org/}"


@pytest.fixture(scope="module")
def engine() -> Iterator[Relations]:
    with Relations.open("sqlite://") as engine:
        assert engine.execute_many(islice(simulate(), 800)).events
        yield engine


@pytest.mark.parametrize("case", ["customer", "complaint", "account"])
def test_a_foreign_reader_finds_every_event_of_every_case(engine: Relations, tmp_path: Path, case: Case) -> None:
    path = tmp_path / "log.xes"
    prefix = {"customer": "", "complaint": "complaint-", "account": "loyalty-"}[case]
    ours = [each for each in engine.events() if each.customer and each.stream.startswith(prefix)]
    assert len(ours) > 10
    assert write_xes(engine.events(), path, case=case, zone="Asia/Shanghai") == len(ours)
    assert [file.name for file in tmp_path.iterdir()] == ["log.xes"]
    table, _attributes = df.import_xes(str(path))
    theirs = {row["position"]: row for row in table.to_dicts()}
    assert len(theirs) == len(table) == len(ours)
    for each in ours:
        row = theirs[each.position]
        name = each.customer if case == "customer" else each.stream.removeprefix(prefix)
        assert (row["case:concept:name"], row["concept:name"], row["org:resource"]) == (name, each.topic, each.actor)
        assert row["time:timestamp"].replace(tzinfo=UTC) == from_micros(each.occurred_at)
        assert (row["stream"], row["version"], row["digest"]) == (each.stream, each.version, each.digest.hex())


def test_times_carry_the_zone_and_scopes_are_declared(engine: Relations, tmp_path: Path) -> None:
    path = tmp_path / "log.xes"
    write_xes(engine.events(), path, zone="Asia/Shanghai")
    root = ElementTree.parse(path).getroot()
    scopes = {each.get("scope"): {item.get("key") for item in each} for each in root.findall(f"{NS}global")}
    assert scopes["trace"] == {"concept:name"}
    assert scopes["event"] >= {"concept:name", "time:timestamp", "lifecycle:transition"}
    seen = 0
    for trace in root.findall(f"{NS}trace"):
        times = []
        for event in trace.findall(f"{NS}event"):
            found = {item.get("key"): item for item in event}
            assert scopes["event"] <= found.keys()
            moment = datetime.fromisoformat(str(found["time:timestamp"].get("value")))
            assert moment.utcoffset() == moment.astimezone(ZoneInfo("Asia/Shanghai")).utcoffset()
            times.append(moment)
            seen += 1
        assert times == sorted(times)
    assert seen > 500


def test_names_are_not_written_and_odd_ids_are_escaped(tmp_path: Path) -> None:
    path = tmp_path / "log.xes"
    with Relations.open("sqlite://") as engine:
        engine.execute(register("c1", name="Ada Lovelace", source='<a & "b">\nc', actor="x\x01y"))
        write_xes(engine.events(), path)
    assert "Lovelace" not in path.read_text("utf-8")
    values: dict[str | None, Any] = {each.get("key"): each.get("value") for each in ElementTree.parse(path).iter()}
    assert values["source"] == '<a & "b">\nc'
    assert values["org:resource"] == "x\N{REPLACEMENT CHARACTER}y"
