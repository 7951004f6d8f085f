"""The descriptions of the events for other programs: AsyncAPI, and the outbox view."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator, Draft202012Validator  # type: ignore[import-untyped] # without annotations
from sqlalchemy import text

from relations import Relations
from relations.errors import InvalidInput
from relations.relay import asyncapi_document, create_outbox_view, drop_outbox_view, message_of
from relations.testing import simulate
from tests.conftest import ROOT

SCHEMA = ROOT / ".venv" / "asyncapi-3.0.0.json"


@pytest.fixture
def filled(sqlite_url: str) -> Any:
    with Relations.open(sqlite_url) as engine:
        engine.execute_many(islice(simulate(), 400))
        yield engine


def document_of(engine: Relations) -> dict[str, Any]:
    return asyncapi_document([topic.event for topic in engine.codec.topics.values()])


def test_the_document_fits_the_published_schema(filled: Relations) -> None:
    if not SCHEMA.exists():
        pytest.skip("there is no AsyncAPI schema; run `make brokers`, which needs npm")
    schema = json.loads(SCHEMA.read_text())
    document = json.loads(json.dumps(document_of(filled)))
    Draft7Validator(schema).validate(document)
    assert list(Draft7Validator(schema).iter_errors({**document, "operations": {"x": {"action": "shout"}}}))


def test_every_message_that_a_relay_sends_fits_its_payload(filled: Relations) -> None:
    document = document_of(filled)
    messages = document["components"]["messages"]
    assert len(messages) == len(filled.codec.topics) > 100
    seen = set()
    for event in filled.events():
        sent = json.loads(message_of(event, "/relations", "open").structured)
        payload = {**messages[event.topic]["payload"], "components": document["components"]}
        errors = [error.message for error in Draft202012Validator(payload).iter_errors(sent)]
        assert errors == []
        seen.add(event.topic)
    assert len(seen) > 15
    wrong = {**sent, "id": 7}
    assert list(Draft202012Validator(payload).iter_errors(wrong))


def test_personal_fields_are_marked(filled: Relations) -> None:
    schemas = document_of(filled)["components"]["schemas"]
    assert schemas["CustomerRegistered"]["properties"]["name"]["x-personal"] is True


def test_the_view_has_the_columns_of_the_outbox_router(postgres_url: str) -> None:
    with Relations.open(postgres_url) as engine:
        engine.execute_many(islice(simulate(), 50))
        for _ in range(2):
            create_outbox_view(engine.log.database)
        with engine.log.database.reading() as connection:
            rows = connection.execute(text("SELECT * FROM relations_outbox ORDER BY position")).mappings().all()
        events = list(engine.events())
        assert len(rows) == len(events) > 50
        for row, event in zip(rows, events, strict=True):
            assert list(row)[:5] == ["id", "aggregatetype", "aggregateid", "type", "payload"]
            assert row["id"] == f"{event.stream}@{event.version}"
            assert row["aggregateid"] == (event.customer or event.stream)
            assert row["type"] == event.topic
            assert row["type"].startswith(row["aggregatetype"] + ".")
            assert isinstance(row["payload"], dict)
            assert row["digest"] == event.digest.hex()
        assert any("sealed:" in json.dumps(row["payload"]) for row in rows)
        assert engine.verify().good
        drop_outbox_view(engine.log.database)


def test_a_log_in_sqlite_has_no_such_view(filled: Relations) -> None:
    with pytest.raises(InvalidInput, match="is for PostgreSQL"):
        create_outbox_view(filled.log.database)


def test_the_program_shows_the_document(tmp_path: Path) -> None:
    from tests.cli.conftest import invoke

    assert invoke("schema", "asyncapi").json["asyncapi"] == "3.0.0"
