from __future__ import annotations

from relations.aggregates import AGGREGATES
from tests.cli.conftest import Run


def test_every_command_event_and_policy_has_its_schema(run: Run) -> None:
    document = run("schema").json
    assert set(document) == {"asyncapi", "commands", "events", "policy", "mapping"}
    for aggregate in AGGREGATES:
        for command in aggregate.commands:
            assert document["commands"][command.__name__]["type"] == "object"
        for event in aggregate.events:
            assert document["events"][event.topic]["x-schema-version"] == event.schema
    assert "zone" in document["policy"]["properties"]


def test_one_schema_is_shown_alone(run: Run) -> None:
    assert run("schema", "commands", "RecordPurchase").json["title"] == "RecordPurchase"
    registered = run("schema", "events", "customer.registered").json
    assert registered["x-personal"] == ["name", "email", "phone", "birthday", "gender"]
    assert run("schema", "policy").json["title"] == "Policy"
