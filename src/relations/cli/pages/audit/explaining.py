"""The terminal pages of explanations and differences."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from rich.console import RenderableType
from rich.text import Text

from relations.cli.pages.history import LATE, details
from relations.cli.pages.history import line as history_line
from relations.cli.show import ABSENT, amount, counted, headline, local_minute, number, section, table, words
from relations.messages import RecordedEvent, from_micros
from relations.past.differences import RowDifference
from relations.past.explaining import Change, EventExplanation, RowsExplanation, TallyExplanation
from relations.past.figures import CountedEvent, FigureExplanation

__all__ = ["show_differences", "show_event", "show_figure", "show_rows", "show_tally"]

_EVENTS_SHOWN = 6
_SETTING_MAX = 400
_NEVER = 2**61
"""Rows have larger numbers for times that never come."""
_TIMES = range(300_000_000_000_000, 7_000_000_000_000_000)
"""Whole numbers that are shown as times: microseconds from 1979 to 2191. Rows have no counts or amounts that large."""


def show_rows(found: RowsExplanation, zone: str, *, limit: int) -> Iterator[RenderableType]:
    """Yield the parts of the page on how a customer's rows came about.

    Args:
        found: The account.
        zone: The business's time zone.
        limit: Show at most this many steps, the newest.
    """
    also = f", also known as {', '.join(found.ids[1:])}" if len(found.ids) > 1 else ""
    yield headline(f"How {found.view} came to know {found.ids[0]}", also.removeprefix(", "))
    made = table("Position", "Occurred", "What", "Changed", right=(0,), grow=3)
    late = False
    for step in found.steps[-limit:]:
        (when, what, _said), is_late = history_line(step.event, zone)
        late |= is_late
        lines = [f"{row}: {'; '.join(changed)}" for row, changed in _by_row(step.changes, zone).items()]
        lines += [f"{name} {_key(key[1:])}: removed" for name, key in step.removed]
        made.add_row(str(step.event.position), when, what, "\n".join(lines))
    left = len(found.steps) - min(limit, len(found.steps))
    parts: list[RenderableType] = [made]
    if left:
        parts.append(words(f"{counted(left, 'earlier step')} not shown; raise --limit."))
    quiet = found.events - len(found.steps)
    parts.append(
        words(f"{counted(found.events, 'event')} folded, {number(quiet)} without a change. Times are in {zone}.")
    )
    if late:
        parts.append(words(LATE))
    yield section(*parts)
    for name, rows in found.rows.items():
        for key, row in rows.items():
            shown = [f"{column}: {_value(value, zone)}" for column, value in row.items() if _matters(value)]
            yield section(Text(f"{name} {_key(key)} in the end", "bold"), Text("; ".join(shown)))


def show_tally(found: TallyExplanation, zone: str) -> Iterator[RenderableType]:
    """Yield the parts of the page on the events behind a tally."""
    total = "; ".join(f"{name} {number(value)}" for name, value in found.row.items() if value)
    yield headline(f"{found.view}.{found.table} {_key(found.key)}", total)
    made = table("Customer", "Position", "Occurred", "What", "Added", right=(1,), grow=4)
    for each in found.contributions:
        added = "; ".join(f"{name} {value:+,}" for name, value in each.added.items())
        when = local_minute(from_micros(each.occurred_at), zone)
        made.add_row(each.customer, str(each.position), when, _topic(each.topic), added)
    parts: list[RenderableType] = [made]
    if found.after is not None:
        parts.append(words(f"There may be more: continue with --after {found.after}"))
    yield section(*parts, words(f"Times are in {zone}."))


def show_figure(found: FigureExplanation, zone: str) -> Iterator[RenderableType]:
    """Yield the parts of the page on the rule of a figure, and the customers and events behind it."""
    of = ", ".join(f"{name} {value}" for name, value in found.of.items())
    shown = "not shown" if found.hidden else amount(found.value)
    yield headline(f"{found.view}: {found.figure}{f' of {of}' if of else ''}", shown)
    sums = "; ".join(f"{name} {amount(value)}" for name, value in found.sums.items())
    yield section(
        Text(found.rule, "bold"),
        *([Text(f"Not shown: {found.hidden}.")] if found.hidden else []),
        Text(f"Policy: {f'version {found.policy}' if found.policy else 'the default one'}."),
        *_settings(found.settings),
        *(Text(f"  {name}: {_setting(basis)}") for name, basis in found.computed_from.items()),
        Text(f"Sums over {counted(found.customers, 'customer')}: {sums or ABSENT}."),
    )
    made = table("Customer", "About", "Added", "Because of", grow=3)
    for each in found.contributions:
        added = "\n".join(f"{name} {amount(value)}" for name, value in each.added.items() if value)
        made.add_row(each.customer, each.about or ABSENT, added, "\n".join(_counted(each.events, zone)))
    parts: list[RenderableType] = [made if found.contributions else words("No customer counts here.")]
    if found.after is not None:
        parts.append(words(f"There are more: continue with --after {found.after}"))
    yield section(*parts, words(f"Times are in {zone}."))


def _counted(events: Sequence[CountedEvent], zone: str) -> Iterator[str]:
    """Yield a line for each of the first events, and how many are left out."""
    for each in events[:_EVENTS_SHOWN]:
        yield f"{each.position} {local_minute(from_micros(each.occurred_at), zone)} {_topic(each.topic)}"
    if len(events) > _EVENTS_SHOWN:
        yield f"and {number(len(events) - _EVENTS_SHOWN)} more (--json lists them)"


def show_event(found: EventExplanation, zone: str) -> Iterator[RenderableType]:
    """Yield the parts of the page on why an event was recorded."""
    event = found.event
    yield headline(
        f"Why event {event.position} was recorded: {_topic(event.topic)}", f"customer {event.customer or ABSENT}"
    )
    policy = f"version {found.policy}" if found.policy else "the default one"
    pinned = ", to which this complaint is pinned" if found.pinned else ""
    yield section(
        Text(found.rule, "bold"),
        Text(f"Policy: {policy}{pinned}."),
        *_settings(found.settings),
    )
    made = table("", "Position", "Occurred", "What", "", right=(1,), grow=4)
    for role, events in (
        ("cause", tuple(reversed(found.causes))),
        ("this", (event,)),
        ("together", found.together),
        ("effect", found.effects),
    ):
        for each in events:
            made.add_row(role, str(each.position), *_event(each, zone))
    first = found.causes[-1] if found.causes else event
    began = (
        f"It began with the command {first.command_id}, sent by {first.actor}."
        if found.is_outside
        else "No command from outside led to it: it fell due as time passed."
    )
    yield section(made, words(f"{began} Times are in {zone}."))


def show_differences(
    found: list[tuple[RowDifference, list[RecordedEvent], list[RecordedEvent]]], total: int, zone: str
) -> Iterator[RenderableType]:
    """Yield the parts of the page on differing rows, each with the events that made it differ.

    Args:
        found: The differences to show, each with the events known only before, and only after.
        total: The number of all differences.
        zone: The business's time zone.
    """
    yield headline("Differences", f"{counted(total, 'row differs', 'rows differ')}")
    if not total:
        yield section(words("Both states are equal."))
        return
    made = table("View", "Row", "Changed", "Because of", grow=2)
    for each, gone, new in found:
        if each.before is None or each.after is None:
            done = "new" if each.before is None else "gone"
            shown = [
                f"{name}: {_value(value, zone)}"
                for name, value in (each.after or each.before or {}).items()
                if _matters(value) and name not in ("customer",)
            ]
            changed = f"{done}: {'; '.join(shown)}"
        else:
            changes = (Change(each.table, each.key, *column) for column in each.columns)
            changed = "; ".join(_changed(change, zone) for change in changes)
        because = [f"{event.position} {_topic(event.topic)}" for event in new]
        if each.customer is None:  # it sums up many customers' events
            because.append(" ".join([f"see explain {each.view}", f"--tally {each.table}", *_key_options(each.key)]))
        because += [f"without {event.position} {_topic(event.topic)}" for event in gone]
        made.add_row(each.view, f"{each.table}\n{_key(each.key)}", changed, "\n".join(because[:6]))
    parts: list[RenderableType] = [made]
    if total > len(found):
        more = counted(total - len(found), "more row differs", "more rows differ")
        parts.append(words(f"{more}; raise --limit, or choose a --view."))
    yield section(*parts, words(f"Times are in {zone}."))


def _key_options(key: tuple[Any, ...]) -> Iterator[str]:
    return (f"--key {shlex.quote(str(part))}" for part in key)


def _by_row(changes: Iterable[Change], zone: str) -> dict[str, list[str]]:
    """Return the changes in words by row, without columns of new rows that have nothing in them."""
    found: dict[str, list[str]] = {}
    for change in changes:
        said = found.setdefault(f"{change.table} {_key(change.key[1:])}".rstrip(), [])
        if not _is_key(change):
            said.append(_changed(change, zone))
    return {row: said or ["a new row"] for row, said in found.items()}


def _event(event: RecordedEvent, zone: str) -> tuple[str, str, str]:
    return local_minute(from_micros(event.occurred_at), zone), _topic(event.topic), details(event.event, zone)


def _topic(topic: str) -> str:
    return topic.partition(".")[2].replace("_", " ")


def _is_key(change: Change) -> bool:
    """Return True for the columns of a new row that only repeat its key, or have nothing in them."""
    return change.before is None and (change.after in change.key or not _matters(change.after))


def _matters(value: Any) -> bool:
    return value is not None and value != 0 and value not in ("", [], {}, False)


def _key(key: tuple[Any, ...]) -> str:
    return " ".join(map(str, key))


def _changed(change: Change, zone: str) -> str:
    before, after = change.before, change.after
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        keys = [key for key in (*before, *after) if before.get(key) != after.get(key)]
        parts = [
            f"{change.column}[{key}] {_value(before.get(key), zone)} → {_value(after.get(key), zone)}"
            for key in dict.fromkeys(keys)
        ]
        return "; ".join(parts)
    if isinstance(before, list) and isinstance(after, list) and after[: len(before)] == before:
        return f"{change.column}: added {_value(after[len(before) :], zone)}"
    return f"{change.column} {_value(before, zone)} → {_value(after, zone)}"


def _value(value: Any, zone: str) -> str:
    match value:
        case None:
            return ABSENT
        case bool():
            return "yes" if value else "no"
        case int() if value >= _NEVER:
            return "never"
        case int() if value in _TIMES:
            return local_minute(from_micros(value), zone)
        case int():
            return number(value)
        case str():
            return value or ABSENT
        case list() | tuple():
            return f"[{', '.join(_value(each, zone) for each in value if each is not None)}]"
        case Mapping():
            return f"{{{', '.join(f'{key}: {_value(each, zone)}' for key, each in value.items() if each is not None)}}}"
    return str(value)


def _settings(settings: Mapping[str, Any]) -> Iterator[Text]:
    """Yield a line for each setting; of one with several parts, a line for each part that says something."""
    for name, value in settings.items():
        if isinstance(value, Mapping) and any(isinstance(part, Mapping) for part in value.values()):
            for key, part in value.items():
                if isinstance(part, Mapping):
                    said = {inner: each for inner, each in part.items() if each is not None}
                    yield Text(f"  {name}.{key} = {_setting(said)}")
                elif part not in (None, [], ()):
                    yield Text(f"  {name}.{key} = {_setting(part)}")
        else:
            yield Text(f"  {name} = {_setting(value)}")


def _setting(value: Any) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= _SETTING_MAX else f"{text[:_SETTING_MAX]}… (whole with --json)"
