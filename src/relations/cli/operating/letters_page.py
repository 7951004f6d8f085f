"""The terminal page of dead letters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.text import Text

from relations.cli.show import counted, number, section, table, words
from relations.relay import DeadLetter

__all__ = ["show_dead_letters"]


def show_dead_letters(letters: Sequence[DeadLetter], total: int) -> Iterator[RenderableType]:
    """Yield the parts of the page.

    Args:
        letters: The letters to show.
        total: The number of all letters.
    """
    if not letters:
        yield Text("There are no dead letters.", "green")
        return
    made = table("Position", "Event", "Reason", right=(0,), grow=2)
    for each in letters:
        again = ", to be sent again" if each.again else ""
        tries = (
            f"{counted(each.attempts, 'try', 'tries')}, last {each.failed_at:%Y-%m-%d %H:%M:%S}"
            if each.attempts
            else "not sent"
        )
        made.add_row(
            number(each.position),
            f"{each.id}\n{each.topic}",
            f"{each.reason}\n{tries}, relay {each.relay}{again}",
        )
    hidden = total - len(letters)
    yield section(made, *([words(f"and {number(hidden)} more; --limit shows more of them")] if hidden else []))
    yield Text("`relations dead-letters --send-again` sends them again once the relay runs.")
