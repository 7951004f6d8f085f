"""The terminal pages of the log's state and of verification."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from relations.cli.show import counted, headline, number, section, table, words
from relations.engine import Problem, Status, Verification

__all__ = ["show_status", "show_verification"]

_PROBLEMS_SHOWN = 20
_REBUILT = (
    "view_differs", "columns_differ", "view_outdated", "checkpoint_damaged", "checkpoint_missing", "table_missing",
)  # fmt: skip
"""Findings that a rebuild of the view ends."""


def show_status(found: Status) -> Iterator[RenderableType]:
    """Yield the parts of the page."""
    made = table("View", "Version", "Position", "Behind", "State", right=(1, 2, 3), grow=4)
    for view in found.projections:
        state = Text("up to date", "green") if not view.behind else Text("catches up when it is read", "yellow")
        if view.failure is not None:
            state = Text(f"stopped at position {view.failed_at}, {view.failed_stream}: {view.failure}", "red")
        made.add_row(view.name, number(view.version), number(view.position), number(view.behind), state)
    yield headline("Status", found.database)
    yield section(Text(counted(found.position, "event")), Text(f"digest {found.digest}"))
    yield section(made)
    if found.consumers:
        consumers = table("Consumer", "Position", "Behind", "State", right=(1, 2), grow=3)
        for each in found.consumers:
            state = Text("runs", "green") if each.is_held else Text("does not run", "" if not each.behind else "yellow")
            consumers.add_row(each.name, number(each.position), number(each.behind), state)
        yield section(consumers)
    if found.verified is not None:
        yield Text(
            f"Verified up to position {number(found.verified.position)} on {found.verified.at:%Y-%m-%d %H:%M} UTC."
        )
    if found.purge_owed:
        yield Text("A destroyed key is still in the database's files. The next `relations run` removes it.", "yellow")


def show_verification(found: Verification) -> Iterator[RenderableType]:
    """Yield the parts of the page."""
    if not found.good:
        yield from _problems(found)
        return
    yield Text("The log is good.", style="bold green")
    yield Text(f"{counted(found.events, 'event')}: the chain is unbroken, without gaps, and every event can be read.")
    compared = f"Views equal to the log: {', '.join(found.views)}." if found.views else "No view was folded so far."
    others = "Snapshots and seals" if any("keys" in each for each in found.unchecked) else "Keys, snapshots and seals"
    yield words(f"{others} match the log. {compared}")
    yield from (Text(f"Not checked: {each}.", style="yellow") for each in found.unchecked)
    yield section(
        words("Note this down, and pass it to --expect later to prove that no earlier event has changed:"),
        Text(f"position {found.position}"),
        Text(f"digest   {found.digest}"),
    )


def _problems(found: Verification) -> Iterator[RenderableType]:
    count = len(found.problems) + found.omitted
    yield Text(f"{counted(count, 'problem was', 'problems were')} found.", style="bold red")
    placed = [problem.position for problem in found.problems if problem.position is not None]
    if placed:
        yield Text(f"The first bad position is {min(placed)}.", style="bold red")
    elif all(problem.view for problem in found.problems):
        yield Text("The log is good; a view is not.", style="bold red")
    for problem in found.problems[:_PROBLEMS_SHOWN]:
        yield Text.assemble((problem.code, "bold"), f"  {_place(problem)}")
        yield Padding(Text(problem.reason), (0, 0, 0, 4))
    lines = [words(f"The chain is good up to position {number(found.position)}, digest {found.digest or '(none)'}")]
    hidden = count - min(len(found.problems), _PROBLEMS_SHOWN)
    if hidden > 0:
        listed = "the first 1,000 of each kind" if found.omitted else "them all"
        lines.insert(0, words(f"and {number(hidden)} more; --json lists {listed}"))
    lines.extend(Text(f"Not checked: {each}.", style="yellow") for each in found.unchecked)
    if any(problem.code in _REBUILT for problem in found.problems):
        lines.append(words("`relations rebuild` rebuilds a view from the log."))
    yield section(Text(), *lines)


def _place(problem: Problem) -> str:
    if problem.position is not None:
        return f"position {problem.position}"
    return problem.view or " ".join(part for part in (problem.table, problem.key) if part)
