"""Parts of tables for the terminal: bars, ranges, sparklines and formatted numbers."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from relations.policies.calendars import time_zone

__all__ = [
    "ABSENT",
    "Curve",
    "HeatTable",
    "Sheet",
    "amount",
    "bar",
    "counted",
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
_GROWING = 16
"""The assumed minimum width of a column that may wrap, for deciding whether a table fits."""
_PLOT_WIDTH = 100


def number(value: float | None) -> str:
    """Return a whole number with separators between thousands."""
    return ABSENT if value is None else f"{value:,.0f}"


def amount(value: float | None) -> str:
    """Return a number with separators between thousands, and up to four decimals where it has any."""
    return number(value) if value is None or value == int(value) else f"{value:,.4f}".rstrip("0")


def counted(count: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun, in the singular or the plural."""
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


def percent(share: float | None, digits: int = 0) -> str:
    """Return a share from 0 to 1 as a percentage."""
    return ABSENT if share is None else f"{100 * share:.{digits}f}%"


def bar(share: float | None, width: int = 12) -> str:
    """Return a bar for a share from 0 to 1, in eighths of a character."""
    if share is None:
        return ""
    eighths = round(max(0.0, min(1.0, share)) * width * 8)
    whole, rest = divmod(eighths, 8)
    return "█" * whole + (_EIGHTHS[rest] if rest else "")


def spark(values: Iterable[float | None], highest: float | None = None) -> str:
    """Return a sparkline from 0 to the highest value, with blanks for missing values."""
    listed = list(values)
    top = highest or max((value for value in listed if value is not None), default=0) or 1
    return "".join(
        " " if value is None else _LEVELS[round(max(0.0, min(1.0, value / top)) * (len(_LEVELS) - 1))]
        for value in listed
    )


def span(low: float, value: float, high: float, *, between: tuple[float, float], width: int = 22) -> str:
    """Return an interval and the figure in it, drawn on a line from `between[0]` to `between[1]`."""
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


class Sheet(Table):
    """A table that drops its spare columns if there is no room, instead of truncating text.

    Attributes:
        spare: The columns that may be dropped, the first one first.
        grow: The column whose text may wrap.
    """

    spare: Sequence[int] = ()
    grow: int | None = None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the table with as many columns as fit."""
        kept = list(range(len(self.columns)))
        for index in self.spare:
            if self._width(console, options, kept) <= options.max_width:
                break
            kept.remove(index)
        if len(kept) == len(self.columns):
            yield from super().__rich_console__(console, options)
        else:
            yield self._of(kept)

    def _of(self, kept: Sequence[int], grown: int | None = None) -> Table:
        """Return a table of some of the columns; `grown` is the greatest width of the column that may wrap."""
        made = Table(
            box=self.box, title=self.title, title_justify="left", title_style="bold", pad_edge=False, show_edge=False
        )
        for index in kept:
            of = self.columns[index]
            width = grown if index == self.grow else None
            made.add_column(of.header, justify=of.justify, no_wrap=of.no_wrap, overflow=of.overflow, max_width=width)
        for row in zip(*(self.columns[index].cells for index in kept), strict=True):
            made.add_row(*row)
        return made

    def _width(self, console: Console, options: ConsoleOptions, kept: Sequence[int]) -> int:
        roomy = options.update(max_width=1_000)
        return Measurement.get(console, roomy, self._of(kept, _GROWING)).maximum


def table(
    *columns: str,
    right: Sequence[int] = (),
    title: str | None = None,
    grow: int | None = None,
    spare: Sequence[int] = (),
) -> Sheet:
    """Return an empty table with headings.

    Args:
        *columns: The headings.
        right: The columns aligned to the right, such as numbers.
        title: The table's title.
        grow: The column whose text may wrap; the others do not wrap.
        spare: The columns to drop if there is no room, the first one first.
    """
    made = Sheet(
        box=box.SIMPLE_HEAD, title=title, title_justify="left", title_style="bold", pad_edge=False, show_edge=False
    )
    made.spare, made.grow = spare, grow
    for index, heading in enumerate(columns):
        made.add_column(
            heading,
            justify="right" if index in right else "left",
            no_wrap=index != grow,
            overflow="fold" if index == grow else "ellipsis",
        )
    return made


class HeatTable:
    """A grid of percentages by month, with a row for each group. Higher shares are darker.

    If there is no room for all months, the last ones are left out, and the title says so.

    Args:
        title: The grid's title.
        corner: The heading of the rows' names.
        rows: A name, a size, and the shares from month 1 on; None for missing shares.
        highest: The share with the darkest colour. Default: the highest share.
    """

    def __init__(
        self,
        title: str,
        corner: str,
        rows: Sequence[tuple[str, str, Sequence[float | None]]],
        *,
        highest: float | None = None,
    ) -> None:
        self.title, self.corner, self.rows = title, corner, rows
        known = [share for _, _, shares in rows for share in shares if share is not None]
        self.highest = highest or max(known, default=0) or 1.0

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the grid with as many months as fit."""
        first = max(len(self.corner), *(len(name) for name, _, _ in self.rows))
        second = max(len("Size"), *(len(size) for _, size, _ in self.rows))
        known = [share for _, _, shares in self.rows for share in shares if share is not None]
        digits = max(2, *(len(f"{100 * share:.0f}") for share in known or [0.0]), 2) + 1
        months = max(len(shares) for _, _, shares in self.rows)
        shown = max(1, min(months, (options.max_width - first - second - 2) // digits))
        title = self.title if shown == months else f"{self.title}: the first {counted(shown, 'month')}"
        yield Text(title, style="bold")
        yield Text(
            f"{self.corner:<{first}} {'Size':>{second}} "
            + "".join(f"{month:>{digits}}" for month in range(1, shown + 1)),
            style="bold",
        )
        for name, size, shares in self.rows:
            line = Text(f"{name:<{first}} {size:>{second}} ")
            for share in shares[:shown]:
                if share is None:
                    line.append(f"{ABSENT:>{digits}}")
                else:
                    line.append(f"{100 * share:>{digits}.0f}", _heat(share / self.highest))
            yield line


def _heat(depth: float) -> str:
    """Return a background from pale to dark, with a readable text colour."""
    held = max(0.0, min(1.0, depth))
    red, green, blue = (round(pale + (dark - pale) * held) for pale, dark in ((222, 8), (235, 69), (247, 122)))
    return f"{'rgb(255,255,255)' if held >= 0.6 else 'rgb(0,0,0)'} on rgb({red},{green},{blue})"


class Curve:
    """A falling step curve of shares, drawn as a filled area.

    Args:
        corners: The start of each step, ascending, and the share from there on.
        below: The label of the horizontal axis.
        height: The height in lines.
    """

    def __init__(self, corners: Sequence[tuple[float, float]], *, below: str, height: int = 8) -> None:
        self.corners, self.below, self.height = corners, below, height

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the plot, as wide as the terminal up to a limit."""
        width = max(10, min(options.max_width, _PLOT_WIDTH) - 7)
        last = self.corners[-1][0] or 1.0
        starts = [at for at, _ in self.corners]
        shares = [
            self.corners[max(0, bisect_right(starts, last * (column + 0.5) / width) - 1)][1] for column in range(width)
        ]
        for row in range(self.height, 0, -1):
            top = row / self.height
            label = percent(top) if row in (self.height, self.height // 2) else ""
            filled = "".join(_eighth(share * self.height - (row - 1)) for share in shares)
            yield Text.assemble((f"{label:>5} ", "dim"), (filled, "blue"))
        middle, end = number(last / 2), number(last)
        axis = f"0{middle:>{width // 2}}{end:>{width - 1 - width // 2}}"
        yield Text(f"{'':>6}{axis}", style="dim")
        yield Text(f"{self.below:>{6 + width}}", style="dim")


def _eighth(share: float) -> str:
    """Return a character filled from below, by a share of its height."""
    return " " if share <= 0 else _LEVELS[min(7, max(0, round(share * 8) - 1))]


def headline(text: str, detail: str = "") -> Text:
    """Return the heading of a report."""
    return Text.assemble((text, "bold cyan"), (f"  {detail}" if detail else "", "dim"))


def section(*parts: RenderableType) -> Padding:
    """Return the parts of a section, followed by a blank line."""
    return Padding(Group(*parts), (0, 0, 1, 0))


def words(text: str) -> Text:
    """Return a line of explanation."""
    return Text(text, style="dim")


def local_minute(at: datetime, zone: str) -> str:
    """Return a moment to the minute, in the business's time zone."""
    return f"{at.astimezone(time_zone(zone)):%Y-%m-%d %H:%M}"
