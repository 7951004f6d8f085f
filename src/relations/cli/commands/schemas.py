"""`relations schema`: the JSON Schemas of commands, events, policies and mappings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from relations.cli.choices import SchemaChoice
from relations.cli.options import Json, Verbose
from relations.cli.screen import running
from relations.errors import InvalidInput

if TYPE_CHECKING:
    from relations.messages import Event

__all__ = ["commands_schema", "events_schema", "schema"]


def commands_schema() -> dict[str, Any]:
    """Return the JSON Schema of every command, by the command's name."""
    from relations.cli.extensions import extended_commands

    return {name: command.model_json_schema() for name, command in sorted(extended_commands().items())}


def events_schema() -> dict[str, Any]:
    """Return the JSON Schema of every event's stored body, by topic, with its version and its personal fields."""
    import msgspec

    from relations.log.codec import personal_fields, upcasts_of

    return {
        event.topic: {
            **msgspec.json.schema(event),
            "x-schema-version": event.schema,
            "x-personal": list(personal_fields(event)),
            "x-upcasts": sorted(upcasts_of(event)),
        }
        for event in sorted(_events(), key=lambda event: event.topic)
    }


def _events() -> list[type[Event]]:
    from relations.cli.extensions import extended_aggregates

    return [event for aggregate in extended_aggregates() for event in aggregate.events]


def schema(
    of: Annotated[
        SchemaChoice | None, typer.Argument(metavar="OF", help="Show this kind only. Default: all kinds.")
    ] = None,
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="Show the schema of this command (its name) or event (its topic)."),
    ] = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Show the JSON Schemas of commands, events, policies and import mappings, and the relay's AsyncAPI document.

    The output is JSON with and without --json.
    """
    with running(json=json, verbose=verbose) as screen:
        from relations.exchange.mapping.model import Mapping
        from relations.policies import Policy

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
                case SchemaChoice.asyncapi:
                    documents[choice] = _asyncapi()
        screen.document(_chosen(documents, of, name))


def _asyncapi() -> dict[str, Any]:
    from relations.relay import asyncapi_document

    return asyncapi_document(_events())


def _chosen(documents: dict[str, Any], of: SchemaChoice | None, name: str | None) -> Any:
    if of is None:
        return documents
    if name is None:
        return documents[of]
    if of not in (SchemaChoice.commands, SchemaChoice.events) or name not in documents[of]:
        raise InvalidInput(
            f"there is no schema {name!r} among the {of.value}",
            code="unknown_schema",
            field="NAME",
            hint=f"Run `relations schema {of.value}` to see all of them",
        )
    return documents[of][name]
