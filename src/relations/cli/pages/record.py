"""The terminal pages of a recorded command, and of the commands and fields that can be typed."""

from __future__ import annotations

import json
from collections.abc import Mapping

from rich.console import Group, RenderableType

from relations.cli.pages.history import timeline
from relations.cli.show import headline, section, table, words
from relations.exchange.jsonlines.pairs import CommandField
from relations.execution import Receipt
from relations.messages import Command

__all__ = ["show_commands", "show_fields", "show_receipt", "summary"]


def summary(command: type[Command]) -> str:
    """Return the first line of a command's description."""
    return (command.__doc__ or "").strip().partition("\n")[0]


def show_commands(commands: Mapping[str, type[Command]]) -> RenderableType:
    """Return every command with its meaning."""
    made = table("Command", "Meaning", grow=1)
    for name, command in sorted(commands.items()):
        made.add_row(name, summary(command))
    return Group(made, words("`relations record COMMAND --fields` shows the fields of one."))


def show_fields(command: type[Command], fields: Mapping[str, CommandField]) -> RenderableType:
    """Return the fields of a command."""
    made = table("Field", "", "Form", "If left out", grow=2)
    for field in fields.values():
        form = "one of " + ", ".join(field.words) if field.words else field.form
        left_out = (
            "now" if field.name == "occurred_at" else "" if field.default in (None, []) else json.dumps(field.default)
        )
        needed = "required" if field.required and field.name != "occurred_at" else ""
        made.add_row(field.name, needed, form, left_out)
    return Group(headline(command.__name__, summary(command)), section(made))


def show_receipt(command: Command, receipt: Receipt, zone: str, *, dry_run: bool) -> RenderableType:
    """Return what a command recorded, had recorded before, or would record."""
    name = type(command).__name__
    if not receipt.events:
        return Group(headline(name, "changes nothing; no event was recorded"))
    done = "would record" if dry_run else "was recorded before" if receipt.repeated else "recorded"
    return Group(headline(f"{name} {done}"), section(timeline(list(receipt.events), zone, proof=True)))
