"""`relations schema`: JSON Schema of all that crosses a boundary."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import msgspec
import typer

from relations.aggregates import AGGREGATES
from relations.cli.options import Json, Verbose
from relations.cli.screen import running
from relations.errors import InvalidInput
from relations.exchange.mapping.model import Mapping
from relations.log.codec import personal_fields
from relations.policies import Policy

__all__ = ["commands_schema", "events_schema", "schema"]


class SchemaChoice(StrEnum):
    """What there are schemas of."""

    commands = "commands"
    events = "events"
    policy = "policy"
    mapping = "mapping"


def commands_schema() -> dict[str, Any]:
    """Every command's JSON Schema, by the command's name."""
    commands = sorted(
        (command for aggregate in AGGREGATES for command in aggregate.commands), key=lambda command: command.__name__
    )
    return {command.__name__: command.model_json_schema() for command in commands}


def events_schema() -> dict[str, Any]:
    """Every event's JSON Schema as the log stores its body, by topic, with its version and its personal fields."""
    events = sorted((event for aggregate in AGGREGATES for event in aggregate.events), key=lambda event: event.topic)
    return {
        event.topic: {
            **msgspec.json.schema(event),
            "x-schema-version": event.schema,
            "x-personal": list(personal_fields(event)),
        }
        for event in events
    }


def schema(
    of: Annotated[SchemaChoice | None, typer.Argument(metavar="[OF]", help="Which; all of them by default.")] = None,
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="One command's name, or one event's topic.")
    ] = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Show the JSON Schema of commands, events, policies and import mappings.

    It is JSON with and without --json.
    """
    with running(json=json, verbose=verbose) as screen:
        documents: dict[str, Any] = {}
        for choice in [of] if of else list(SchemaChoice):
            match choice:
                case SchemaChoice.commands:
                    documents[choice] = commands_schema()
                case SchemaChoice.events:
                    documents[choice] = events_schema()
                case SchemaChoice.policy:
                    documents[choice] = Policy.model_json_schema()
                case SchemaChoice.mapping:
                    documents[choice] = Mapping.model_json_schema()
        screen.document(_chosen(documents, of, name))


def _chosen(documents: dict[str, Any], of: SchemaChoice | None, name: str | None) -> Any:
    if of is None:
        return documents
    if name is None:
        return documents[of]
    if of not in (SchemaChoice.commands, SchemaChoice.events) or name not in documents[of]:
        raise InvalidInput(
            f"there is no {name!r} among the {of.value}",
            code="unknown_schema",
            field="NAME",
            hint=f"relations schema {of.value} shows all there are",
        )
    return documents[of][name]
