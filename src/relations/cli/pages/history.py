"""The terminal page of one customer's history."""

from __future__ import annotations

from typing import Any

import msgspec
from rich.console import Group, RenderableType
from rich.text import Text

from relations.cli.show import ABSENT, counted, headline, local_minute, number, section, table, words
from relations.messages import Event, Money, RecordedEvent, from_micros

__all__ = ["LATE", "as_dict", "details", "field_text", "line", "show", "timeline"]

LATE = "* recorded more than a day after it occurred"
_LATE_MICROS = 86_400_000_000
_HIDDEN = frozenset({"at"})
_TIMES = ("_at", "_by", "_from", "since")


def as_dict(recorded: RecordedEvent) -> dict[str, Any]:
    """Return a recorded event for programs, with times as ISO 8601 in UTC and the digest in hexadecimal."""
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
        "body": msgspec.to_builtins(recorded.event, enc_hook=_plain),
        "digest": recorded.digest.hex(),
    }


def _plain(value: Any) -> Any:
    """Return the JSON value of a part of an event that is kept as it was written."""
    return msgspec.json.decode(value)


def show(customer: str, found: list[RecordedEvent], zone: str) -> RenderableType:
    """Return the page."""
    if not found:
        return Group(headline(f"History of {customer}"), section(words("Nothing had occurred by then.")))
    return Group(headline(f"History of {customer}"), section(timeline(found, zone, proof=True)))


def timeline(found: list[RecordedEvent], zone: str, *, title: str | None = None, proof: bool = False) -> RenderableType:
    """Return events as a table.

    Args:
        found: The events.
        zone: The business's time zone.
        title: The table's title.
        proof: Show the position, the recorded time, the actor and the command id of each event.
    """
    if proof:
        made = table("Position", "Occurred", "What", "", right=(0,), grow=3, title=title)
    else:
        made = table("Occurred", "What", "", grow=2, title=title)
    late = False
    for recorded in found:
        (when, what, said), is_late = line(recorded, zone)
        late |= is_late
        if proof:
            written = local_minute(from_micros(recorded.recorded_at), zone)
            by = f"recorded {written} by {recorded.actor}, command {recorded.command_id}"
            made.add_row(str(recorded.position), when, what, Text.assemble(f"{said}\n" if said else "", (by, "dim")))
        else:
            made.add_row(when, what, said)
    lines = [words(f"{counted(len(found), 'event')}. Times are in {zone}.")]
    if late:
        lines.append(words(LATE))
    return Group(made, *lines)


def line(recorded: RecordedEvent, zone: str) -> tuple[tuple[str, Text, str], bool]:
    """Return an event's time, name and details, and whether it was recorded late."""
    is_late = recorded.recorded_at - recorded.occurred_at > _LATE_MICROS
    when = local_minute(from_micros(recorded.occurred_at), zone) + ("*" if is_late else "")
    what = recorded.topic.partition(".")[2].replace("_", " ")
    category, _, name = recorded.stream.partition("-")
    of = f"complaint: {name}" if category == "complaint" else ""
    said = "; ".join(part for part in (of, details(recorded.event, zone)) if part)
    return (when, Text(what, "bold"), said), is_late


def details(event: Event, zone: str) -> str:
    """Return an event's fields in one line, without those that are absent or at their default."""
    shown = []
    for field in msgspec.structs.fields(event):
        value = getattr(event, field.name)
        if field.name in _HIDDEN or value is None or value is False or value in (field.default, ()):
            continue
        name = field.name.replace("_", " ")
        if value is True:
            shown.append(name)
        else:
            shown.append(f"{name}: {field_text(field.name, value, zone)}")
    return "; ".join(shown)


def field_text(name: str, value: Any, zone: str) -> str:
    """Return the value of an event's field in words.

    Args:
        name: The field.
        value: Its value.
        zone: The business's time zone.
    """
    match value:
        case None:
            return ABSENT
        case Money():
            return str(value)
        case int() if name.endswith(_TIMES):
            return local_minute(from_micros(value), zone)
        case int():
            return number(value)
        case tuple() | list():
            return ", ".join(field_text("", each, zone) for each in value)
        case msgspec.Struct():
            return " ".join(str(part) for part in msgspec.structs.astuple(value) if part is not None and part != {})
        case msgspec.Raw():
            return "(see --json)"
    return str(value)
