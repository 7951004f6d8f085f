"""The terminal pages of the log's state and of verification."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from relations.cli.show import headline, number, section, table, words
from relations.engine import Status, Verification

__all__ = ["show_status", "show_verification"]

_PROBLEMS_SHOWN = 20


def show_status(found: Status) -> Iterator[RenderableType]:
    """Yield the parts of the page."""
    made = table("View", "Version", "Position", "Behind", "State", right=(1, 2, 3), grow=4)
    for view in found.projections:
        state = Text("up to date", "green") if not view.behind else Text("catches up when it is read", "yellow")
        if view.failure is not None:
            state = Text(f"stopped at position {view.failed_at}, {view.failed_stream}: {view.failure}", "red")
        made.add_row(view.name, number(view.version), number(view.position), number(view.behind), state)
    yield headline("Status", found.database)
    yield section(Text(f"{number(found.position)} events"), Text(f"digest {found.digest}"))
    yield section(made)
    if found.consumers:
        consumers = table("Consumer", "Position", "Behind", "State", right=(1, 2), grow=3)
        for each in found.consumers:
            state = Text("runs", "green") if each.is_held else Text("does not run", "" if not each.behind else "yellow")
            consumers.add_row(each.name, number(each.position), number(each.behind), state)
        yield section(consumers)
    if found.purge_owed:
        yield Text("A destroyed key is still in the database's files. The next `relations run` removes it.", "yellow")


def show_verification(found: Verification, differing: Sequence[dict[str, Any]] = ()) -> Iterator[RenderableType]:
    """Yield the parts of the page.

    Args:
        found: The result of the verification.
        differing: Noted digests that the log does not have.
    """
    for each in differing:
        yield Text(f"At position {each['position']} the digest is not the expected one.", style="bold red")
        yield section(Text(f"expected {each['expected']}"), Text(f"found    {each['found'] or 'no such position'}"))
    if not found.good:
        yield from _problems(found)
        return
    if not differing:
        yield Text("The log is good.", style="bold green")
    yield Text(f"{number(found.events)} events: the chain is unbroken, without gaps, and every event can be read.")
    yield Text(f"Views equal to the log: {', '.join(found.views)}.")
    yield section(
        words("Note this down, and pass it to --expect later to prove that no earlier event has changed:"),
        Text(f"position {found.position}"),
        Text(f"digest   {found.digest}"),
    )


def _problems(found: Verification) -> Iterator[RenderableType]:
    placed = [problem.position for problem in found.problems if problem.position is not None]
    if placed:
        yield Text(f"The first bad position is {min(placed)}.", style="bold red")
    else:
        yield Text("The log is good; a view is not.", style="bold red")
    made = table("Problem", "Where", "", right=(1,), grow=2)
    for problem in found.problems[:_PROBLEMS_SHOWN]:
        where = problem.view or (f"position {problem.position}" if problem.position is not None else "")
        made.add_row(problem.code, where, problem.reason)
    lines = [words(f"Good up to position {number(found.position)}, digest {found.digest or '(none)'}")]
    hidden = len(found.problems) - _PROBLEMS_SHOWN
    if hidden > 0:
        lines.insert(0, words(f"and {number(hidden)} more; --json lists them all"))
    if any(problem.view and problem.position is None for problem in found.problems):
        lines.append(words("`relations rebuild` rebuilds a view from the log."))
    yield section(made, *lines)
