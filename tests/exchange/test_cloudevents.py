"""Recorded events as CloudEvents, read by the CloudEvents SDK."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from relations import Relations
from relations.errors import InvalidInput
from relations.exchange.cloudevents import write_cloud_events
from relations.log.codec import personal_fields
from relations.messages import from_micros
from relations.testing import simulate


def test_the_sdk_reads_every_event_as_it_was_recorded(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with Relations.open("sqlite://") as engine:
        engine.execute_many(islice(simulate(), 300))
        count = write_cloud_events(engine.events(), path, source="/hotel/customers")
        recorded = list(engine.events())
    lines = path.read_bytes().splitlines()
    assert len(lines) == count == len(recorded) > 300
    subjects = 0
    for line, each in zip(lines, recorded, strict=True):
        event = JSONFormat().read(CloudEvent, line)
        assert event.get_id() == f"{each.stream}@{each.version}"
        assert event.get_type() == each.topic
        assert event.get_source() == "/hotel/customers"
        assert event.get_time() == from_micros(each.occurred_at)
        assert (event.get_subject() or "") == each.customer
        assert event.get_extension("relationsdigest") == each.digest.hex()
        assert event.get_extension("relationsposition") == str(each.position)
        data = event.get_data()
        assert isinstance(data, dict)
        assert not data.keys() & set(personal_fields(type(each.event)))
        subjects += bool(each.customer)
    assert subjects > 200


@pytest.mark.parametrize("source", ["", "two words", "ü"])
def test_a_source_must_be_a_uri_reference(tmp_path: Path, source: str) -> None:
    with Relations.open("sqlite://") as engine:
        engine.execute_many(islice(simulate(), 1))
        with pytest.raises(InvalidInput, match="is not a URI reference"):
            write_cloud_events(engine.events(), tmp_path / "events.jsonl", source=source)
    assert not list(tmp_path.iterdir())
