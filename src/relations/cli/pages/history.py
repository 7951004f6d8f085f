"""One customer's history, for people."""

from __future__ import annotations

from typing import Any

import msgspec
from rich.console import Group, RenderableType
from rich.text import Text

from relations.cli.show import headline, local_minute, number, section, table, words
from relations.messages import Event, Money, RecordedEvent, from_micros

__all__ = ["as_dict", "details", "line", "show"]

_LATE_MICROS = 86_400_000_000
_HIDDEN = frozenset({"at"})
_TIMES = ("_at", "_by", "_from", "since")


def as_dict(recorded: RecordedEvent) -> dict[str, Any]:
    """A recorded event for programs: times as ISO 8601 in UTC, the digest in hexadecimal."""
    return {
        "position": recorded.position,
        "stream": recorded.stream,
        "version": recorded.version,
        "topic": recorded.topic,
        "schema": recorded.schema,
        "customer": recorded.customer,
        "occurred_at": from_micros(recorded.occurred_at),
        "recorded_at": from_micros(recorded.recorded_at),
        "actor": recorded.actor,
        "command_id": recorded.command_id,
        "command_seq": recorded.command_seq,
        "cause": recorded.cause,
        "body": msgspec.to_builtins(recorded.event),
        "digest": recorded.digest.hex(),
    }


def show(customer: str, found: list[RecordedEvent], zone: str) -> RenderableType:
    """The page."""
    if not found:
        return Group(headline(f"History of {customer}"), section(words("Nothing is recorded of this customer.")))
    made = table("Occurred", "What", "", grow=2)
    late = False
    for recorded in found:
        row, is_late = line(recorded, zone)
        late |= is_late
        made.add_row(*row)
    lines = [words(f"{number(len(found))} events. Times are in {zone}.")]
    if late:
        lines.append(words("* recorded more than a day after it occurred"))
    return Group(headline(f"History of {customer}"), section(made, *lines))


def line(recorded: RecordedEvent, zone: str) -> tuple[tuple[str, Text, str], bool]:
    """An event as when, what and how, and whether it was recorded late."""
    is_late = recorded.recorded_at - recorded.occurred_at > _LATE_MICROS
    when = local_minute(from_micros(recorded.occurred_at), zone) + ("*" if is_late else "")
    what = recorded.topic.partition(".")[2].replace("_", " ")
    return (when, Text(what, "bold"), details(recorded.event, zone)), is_late


def details(event: Event, zone: str) -> str:
    """What an event says, in one line; what is absent or at its default is left out."""
    shown = []
    for field in msgspec.structs.fields(event):
        value = getattr(event, field.name)
        if field.name in _HIDDEN or value is None or value is False or value in (field.default, ()):
            continue
        name = field.name.replace("_", " ")
        if value is True:
            shown.append(name)
        else:
            shown.append(f"{name}: {_said(field.name, value, zone)}")
    return "; ".join(shown)


def _said(name: str, value: Any, zone: str) -> str:
    match value:
        case Money():
            return str(value)
        case int() if name.endswith(_TIMES):
            return local_minute(from_micros(value), zone)
        case int():
            return number(value)
        case tuple() | list():
            return ", ".join(_said("", each, zone) for each in value)
        case msgspec.Struct():
            return " ".join(str(part) for part in msgspec.structs.astuple(value) if part is not None and part != {})
        case msgspec.Raw():
            return "(see --json)"
    return str(value)
