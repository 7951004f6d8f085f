"""Small things that tables are made of: bars, ranges, sparklines, numbers in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

__all__ = [
    "ABSENT",
    "bar",
    "headline",
    "local_minute",
    "number",
    "percent",
    "section",
    "span",
    "spark",
    "table",
    "words",
]

ABSENT = "\u2013"
_EIGHTHS = " ▏▎▍▌▋▊▉"
_LEVELS = "▁▂▃▄▅▆▇█"


def number(value: float | None) -> str:
    """A whole number with its thousands apart."""
    return ABSENT if value is None else f"{value:,.0f}"


def percent(share: float | None, digits: int = 0) -> str:
    """A share from 0 to 1 as per cent."""
    return ABSENT if share is None else f"{100 * share:.{digits}f}%"


def bar(share: float | None, width: int = 12) -> str:
    """A bar for a share from 0 to 1, in eighths of a character."""
    if share is None:
        return ""
    eighths = round(max(0.0, min(1.0, share)) * width * 8)
    whole, rest = divmod(eighths, 8)
    return "█" * whole + (_EIGHTHS[rest] if rest else "")


def spark(values: Iterable[float | None], highest: float | None = None) -> str:
    """A sparkline from 0 to the highest value; a blank where there is none."""
    listed = list(values)
    top = highest or max((value for value in listed if value is not None), default=0) or 1
    return "".join(
        " " if value is None else _LEVELS[round(max(0.0, min(1.0, value / top)) * (len(_LEVELS) - 1))]
        for value in listed
    )


def span(low: float, value: float, high: float, *, between: tuple[float, float], width: int = 22) -> str:
    """An interval and the figure in it on a line from `between[0]` to `between[1]`."""
    lowest, highest = between

    def place(of: float) -> int:
        return round(max(0.0, min(1.0, (of - lowest) / (highest - lowest))) * (width - 1))

    line = ["·"] * width
    first, last = place(low), place(high)
    for at in range(first, last + 1):
        line[at] = "─"
    line[first], line[last] = "├", "┤"
    line[place(value)] = "●"
    return "".join(line)


def table(*columns: str, right: Sequence[int] = (), title: str | None = None, grow: int | None = None) -> Table:
    """An empty table with headings.

    Args:
        *columns: The headings.
        right: Which of them stand at the right, as numbers do.
        title: What it shows.
        grow: Which may be broken over lines; the others keep theirs whole.
    """
    made = Table(
        box=box.SIMPLE_HEAD, title=title, title_justify="left", title_style="bold", pad_edge=False, show_edge=False
    )
    for index, heading in enumerate(columns):
        made.add_column(
            heading,
            justify="right" if index in right else "left",
            no_wrap=index != grow,
            overflow="fold" if index == grow else "ellipsis",
        )
    return made


def headline(text: str, detail: str = "") -> Text:
    """The heading of a report."""
    return Text.assemble((text, "bold cyan"), (f"  {detail}" if detail else "", "dim"))


def section(*parts: RenderableType) -> Padding:
    """Parts that belong together, with a blank line below."""
    return Padding(Group(*parts), (0, 0, 1, 0))


def words(text: str) -> Text:
    """A line of explanation."""
    return Text(text, style="dim")


def local_minute(at: datetime, zone: str) -> str:
    """A moment to the minute, in the business's own zone."""
    return f"{at.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}"
