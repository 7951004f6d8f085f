"""The terminal pages of presets, and of the first rows of a file as commands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Group, RenderableType

from relations.aggregates.customer.purchase_line import PurchaseLine
from relations.cli.show import headline, section, table, words
from relations.exchange.mapping.model import Mapping
from relations.exchange.recognising import PreviewRow
from relations.messages import Command, Money

__all__ = ["document", "show_preset", "show_presets", "show_preview", "title"]

_VALUE_CHARACTERS = 60
_HIDDEN = frozenset({"command_id", "actor", "lenient"})


def title(mapping: Mapping) -> str:
    """Return the product and the kind of file, such as `Shopify, orders (CSV)`."""
    assert mapping.preset is not None  # noqa: S101 - presets have one
    return f"{mapping.preset.product}, {mapping.preset.reads}"


def document(mapping: Mapping) -> dict[str, Any]:
    """Return a preset for programs."""
    assert mapping.preset is not None  # noqa: S101 - presets have one
    return {
        "name": mapping.name,
        "about": mapping.about,
        "format": mapping.source.format,
        "commands": [rule.command for rule in mapping.command],
        **mapping.preset.model_dump(mode="json"),
    }


def show_presets(found: Sequence[Mapping]) -> RenderableType:
    """Return all presets as a table."""
    made = table("Preset", "Reads", grow=1)
    for mapping in found:
        made.add_row(mapping.name, title(mapping))
    return Group(made, words("`relations presets NAME` shows one in full."))


def show_preset(mapping: Mapping) -> Iterator[RenderableType]:
    """Yield the parts of a preset's page."""
    preset = mapping.preset
    assert preset is not None  # noqa: S101 - presets have one
    yield headline(mapping.name, title(mapping))
    yield section(words(mapping.about.strip()))
    facts = table("", "", grow=1)
    facts.show_header = False
    facts.add_row("Export", preset.export)
    facts.add_row("Becomes", ", ".join(dict.fromkeys(rule.command for rule in mapping.command)))
    facts.add_row("Recognised by", ", ".join(preset.recognise))
    if preset.languages:
        facts.add_row("Other headings", ", ".join(preset.languages))
    if preset.second:
        facts.add_row("Languages", preset.second)
    if preset.needs:
        facts.add_row("Asks for", ", ".join(f"--{each}" for each in sorted(preset.needs)))
    yield section(facts)
    yield section(words("Watch out for:"), *(words(f"- {trap}") for trap in preset.traps))
    yield section(words("Documented in:"), *(words(f"- {source}") for source in preset.sources))


def show_preview(rows: Sequence[PreviewRow]) -> Iterator[RenderableType]:
    """Yield the first rows of a file as commands."""
    made = table("Row", "Command", "Fields", right=(0,), grow=2)
    for row in rows:
        if row.problem is not None:
            made.add_row(str(row.row), "rejected", row.problem.reason, style="yellow")
        for place, command in enumerate(row.commands):
            made.add_row("" if place else str(row.row), type(command).__name__, _fields(command))
        for place, code in enumerate(row.notes):
            made.add_row("" if place or row.commands else str(row.row), "note", code)
    yield section(made)


def _fields(command: Command) -> str:
    given = [name for name in type(command).model_fields if name in command.model_fields_set and name not in _HIDDEN]
    return ", ".join(f"{name}={_short(getattr(command, name))}" for name in given)


def _short(value: Any) -> str:
    text = " ".join(_text(value).split())
    return text if len(text) <= _VALUE_CHARACTERS else f"{text[: _VALUE_CHARACTERS - 1]}…"


def _text(value: Any) -> str:
    if isinstance(value, Money):
        return f"{value.decimal} {value.currency}"
    if isinstance(value, PurchaseLine):
        return f"{value.quantity} {value.product}"
    if isinstance(value, tuple):
        return f"({', '.join(map(_text, value))})"
    return str(value)
