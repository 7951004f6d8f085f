"""The terminal page of what another policy would have decided."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.text import Text

from relations.audit.what_if import FigureInSum, OtherDecision, WhatIf
from relations.cli.pages.history import details, field_text
from relations.cli.show import ABSENT, amount, counted, headline, local_minute, section, table, words
from relations.messages import RecordedEvent, from_micros

__all__ = ["show"]

_EVENTS = 4
"""The most events of a decision that are shown."""
_LENGTH = 120


def show(
    found: WhatIf,
    figures: Sequence[FigureInSum],
    outcomes: Sequence[OtherDecision],
    total: int,
    customers: int,
    zone: str,
) -> Iterator[RenderableType]:
    """Yield the parts of the page.

    Args:
        found: What was decided again.
        figures: The figures in sum.
        outcomes: The decisions to show.
        total: The number of all decisions that differ.
        customers: The number of customers in them.
        zone: The business's time zone.
    """
    yield headline("What if", f"{counted(found.commands, 'command')} from outside, decided again")
    if not total and not any(figure.difference for figure in figures):
        yield section(words("No decision would have been another one."))
        return
    made = table("In sum", "Happened", "Instead", "Difference", right=(1, 2, 3))
    for figure in figures:
        if figure.happened or figure.instead:
            style = "bold" if figure.difference else ""
            sign = "+" if figure.difference > 0 else ""
            difference = f"{sign}{amount(figure.difference)}" if figure.difference else ABSENT
            made.add_row(Text(figure.name, style), amount(figure.happened), amount(figure.instead), difference)
    yield section(made)
    if not total:
        yield section(words("No decision would have been another one. The figures differ by how they are computed."))
        return
    made = table("Customer", "Decisions (- happened, + instead) and the rule", grow=1)
    for each in outcomes:
        made.add_row(each.customer, "\n".join([*_decisions(each, zone), f"  {each.reason}"]))
    streams = f"decisions in {counted(total, 'stream')}"
    lines = [words(f"{streams} of {counted(customers, 'customer')} would differ.".capitalize())]
    if total > len(outcomes):
        lines.append(words(f"{counted(total - len(outcomes), 'more is', 'more are')} not shown; raise --limit."))
    yield section(made, *lines)


def _decisions(outcome: OtherDecision, zone: str) -> list[str]:
    """Return the decisions in words: what differs in the same decision, and what is only on one side."""
    instead = list(outcome.instead)
    said = []
    for event in outcome.happened:
        same = next((each for each in instead if _is_same(each, event)), None)
        if same is None:
            said.append(f"- {_when(event, zone)}: {_short(details(event.event, zone))}")
        else:
            instead.remove(same)
            said.append(f"  {_when(event, zone)}: {_difference(event, same, zone)}")
    said += [f"+ {_when(event, zone)}: {_short(details(event.event, zone))}" for event in instead]
    left = len(said) - _EVENTS
    return said if left <= 0 else [*said[:_EVENTS], f"  and {left} more"]


def _is_same(one: RecordedEvent, other: RecordedEvent) -> bool:
    return one.topic == other.topic and one.occurred_at == other.occurred_at


def _difference(before: RecordedEvent, after: RecordedEvent, zone: str) -> str:
    changes = []
    for name in before.event.__struct_fields__:
        old, new = getattr(before.event, name), getattr(after.event, name)
        if old != new and name != "policy":
            changes.append(f"{name.replace('_', ' ')} {field_text(name, old, zone)} → {field_text(name, new, zone)}")
    return _short("; ".join(changes))


def _when(event: RecordedEvent, zone: str) -> str:
    return f"{local_minute(from_micros(event.occurred_at), zone)} {_topic(event)}"


def _topic(event: RecordedEvent) -> str:
    return event.topic.partition(".")[2].replace("_", " ")


def _short(text: str) -> str:
    return text if len(text) <= _LENGTH else f"{text[: _LENGTH - 1]}…"
