"""Charts and tables of the page, in shares of a width or a height, so that they can be drawn at any size.

Nothing here uses pixels. Bars and columns are boxes, curves are lines in a square of 100 by 100 that is stretched. All
text is the page's own, so it has the same size on a telephone, a screen and paper. A bar, point or cell of a chart
is a mark, and carries its value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil, floor, log10
from typing import TypeAlias

__all__ = [
    "Bar",
    "BarPiece",
    "Bars",
    "Cell",
    "Chart",
    "Dot",
    "Figure",
    "Grid",
    "Heat",
    "Plot",
    "PlotColumn",
    "Scale",
    "Section",
    "Table",
    "Tile",
    "Tiles",
    "points",
    "shade",
    "staircase",
    "ticks_at",
]

_LIGHT, _DARK = (236, 244, 250), (8, 69, 122)
_WHITE_LETTERS = 0.6
"""The depth from which white letters are easier to read than black ones."""


@dataclass(frozen=True)
class BarPiece:
    """A piece of a bar or of a column.

    Attributes:
        style: A class of the page's style sheet.
        size: The size, from 0 to 1 of the longest.
        value: The value that it shows.
        start: Where it begins in a column, from 0 to 1; parts of bars follow each other.
        title: The text shown when it is pointed at.
    """

    style: str
    size: float
    value: float
    start: float = 0.0
    title: str = ""


@dataclass(frozen=True)
class Bar:
    """A bar with a label and its value.

    Attributes:
        label: The label.
        said: The value in words.
        parts: The parts of the bar.
        behind: The length of a paler bar behind it, from 0 to 1; None for no such bar.
    """

    label: str
    said: str
    parts: Sequence[BarPiece]
    behind: float | None = None


@dataclass(frozen=True)
class Bars:
    """Horizontal bars, with a legend as pairs of style and words."""

    rows: Sequence[Bar]
    legend: Sequence[tuple[str, str]] = ()

    @property
    def marks(self) -> int:
        """The number of marks."""
        return sum(len(row.parts) for row in self.rows)


@dataclass(frozen=True)
class Dot:
    """A point of a plot, in hundredths from the left and from below."""

    x: float
    y: float
    value: float
    title: str
    style: str = "point"


@dataclass(frozen=True)
class PlotColumn:
    """A column of a plot, in hundredths of its width."""

    x: float
    width: float
    parts: Sequence[BarPiece]


@dataclass(frozen=True)
class Plot:
    """Values over time.

    Attributes:
        x_ticks: The ticks of the horizontal axis: places in hundredths, with their words.
        y_ticks: The ticks of the vertical axis, likewise.
        areas: Areas as pairs of style and corners, see `points`.
        lines: Lines, likewise.
        dots: Points, each of them a mark.
        columns: Columns, whose parts are marks.
        curves: Lines that are marks themselves, since they have no points.
        legend: Pairs of style and words.
        below: The unit of the horizontal axis, if its words do not name it.
    """

    x_ticks: Sequence[tuple[float, str]]
    y_ticks: Sequence[tuple[float, str]]
    areas: Sequence[tuple[str, str]] = ()
    lines: Sequence[tuple[str, str]] = ()
    dots: Sequence[Dot] = ()
    columns: Sequence[PlotColumn] = ()
    curves: Sequence[tuple[str, str]] = ()
    legend: Sequence[tuple[str, str]] = ()
    below: str = ""

    @property
    def marks(self) -> int:
        """The number of marks."""
        return len(self.dots) + len(self.curves) + sum(len(column.parts) for column in self.columns)


@dataclass(frozen=True)
class Cell:
    """A cell of a grid: its text and value, and its darkness from 0 to 1."""

    said: str
    value: float
    depth: float
    title: str
    name: str = ""

    @property
    def colour(self) -> str:
        """The colour of the cell."""
        return shade(self.depth)

    @property
    def is_dark(self) -> bool:
        """True if its letters have to be white."""
        return self.depth >= _WHITE_LETTERS


@dataclass(frozen=True)
class Heat:
    """A heat map: rows of cells, the darker the more, with a scale.

    Attributes:
        corner: The heading of the rows' labels.
        size: The heading of the rows' sizes.
        columns: The headings of the cells.
        rows: For each row its label, its size and its cells.
        low: The value of the palest colour.
        high: The value of the darkest colour.
        below: The unit of the columns.
    """

    corner: str
    size: str
    columns: Sequence[str]
    rows: Sequence[tuple[str, str, Sequence[Cell]]]
    low: str
    high: str
    below: str

    @property
    def marks(self) -> int:
        """The number of marks."""
        return sum(len(cells) for _, _, cells in self.rows)


@dataclass(frozen=True)
class Grid:
    """A square of cells with one axis to the right and one upwards; rows from the top."""

    right: str
    up: str
    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Cell]]]
    low: str
    high: str

    @property
    def marks(self) -> int:
        """The number of marks."""
        return sum(len(cells) for _, cells in self.rows)


@dataclass(frozen=True)
class Table:
    """A table; from the column `numbers` on, cells are aligned to the right."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: int = 1


@dataclass(frozen=True)
class Tile:
    """One indicator on the board.

    Attributes:
        label: The indicator's name.
        section: The section of the page that has its details, and who they are.
        said: Its value in words.
        value: Its value.
        lines: What stands below it: the change, the target, the owner.
        light: `green`, `amber` or `red`; empty without a target.
        light_said: The light in words.
        line: The corners of its curve over the months, in a square of 100 by 100; empty without a curve.
        is_odd: True if chance does not explain the value.
    """

    label: str
    section: str
    said: str
    value: float | None
    lines: Sequence[str] = ()
    light: str = ""
    light_said: str = ""
    line: str = ""
    is_odd: bool = False


@dataclass(frozen=True)
class Tiles:
    """Indicators next to each other, each with its value in large letters."""

    tiles: Sequence[Tile]

    @property
    def marks(self) -> int:
        """The number of marks."""
        return sum(tile.value is not None for tile in self.tiles)


Chart: TypeAlias = Bars | Plot | Heat | Grid | Tiles


@dataclass
class Figure:
    """One chart with its text.

    Attributes:
        name: The name used by tests and links.
        title: The title.
        chart: The chart; None if there is nothing to draw.
        said: The sentences below it.
        table: Values that the chart does not show as text; the table stands at the end of the page.
        listing: A table in place of a chart.
        is_wide: True if it takes the whole width of the page.
        is_empty: True if there is nothing to show; `said` then has the reason.
        people: The customers that it counts, by group; the table stands at the end of the page.
        who: A sentence with the command that lists them instead; it is not on paper.
    """

    name: str
    title: str
    chart: Chart | None = None
    said: list[str] = field(default_factory=list)
    table: Table | None = None
    listing: Table | None = None
    is_wide: bool = False
    is_empty: bool = False
    people: Table | None = None
    who: str | None = None

    @property
    def kind(self) -> str:
        """The kind of chart, which is the name of its template."""
        return type(self.chart).__name__.lower() if self.chart is not None else ""

    @property
    def marks(self) -> int:
        """The number of marks of the chart."""
        return self.chart.marks if self.chart is not None else 0


@dataclass(frozen=True)
class Section:
    """A section of the page with its figures."""

    name: str
    title: str
    note: str
    figures: Sequence[Figure]


class Scale:
    """An axis with round ticks around some values.

    Args:
        values: The values that have to fit.
        floor: The lowest possible value.
        ceiling: The highest possible value.
    """

    def __init__(self, values: Sequence[float], *, floor: float | None = None, ceiling: float | None = None) -> None:
        low, high = min(values), max(values)
        self.step = _round_step((high - low) / 4 or abs(high) / 4 or 1.0)
        self.low = _down(low, self.step) if floor is None else max(floor, _down(low, self.step))
        self.high = -_down(-high, self.step) if ceiling is None else min(ceiling, -_down(-high, self.step))
        if self.high <= self.low:  # all values are equal
            if ceiling is not None and self.high >= ceiling:
                self.low = self.high - self.step
            else:
                self.high = self.low + self.step

    def place(self, value: float) -> float:
        """Return the place of a value in hundredths from the low end."""
        return 100 * (value - self.low) / (self.high - self.low)

    @property
    def ticks(self) -> list[float]:
        """The round values from the low end to the high end."""
        first, last = ceil(round(self.low / self.step, 9)), floor(round(self.high / self.step, 9))
        return [number * self.step for number in range(first, last + 1)]


def _round_step(least: float) -> float:
    """Return the next of 1, 2, 5, 10 … that is not less."""
    power = 10.0 ** floor(log10(least))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * 0.999)


def _down(value: float, step: float) -> float:
    return floor(round(value / step, 9)) * step


def ticks_at(labels: Sequence[str], most: int = 5) -> list[tuple[float, str]]:
    """Return some of the labels, among them the last, each in the middle of its place."""
    step = max(1, -(-len(labels) // most))
    return [
        (middle(index, len(labels)), label)
        for index, label in enumerate(labels)
        if (len(labels) - 1 - index) % step == 0
    ]


def middle(index: int, count: int) -> float:
    """Return the middle of one of `count` places, in hundredths."""
    return 100 * (index + 0.5) / count


def points(corners: Sequence[tuple[float, float]]) -> str:
    """Write corners in hundredths, from the left and from below, as SVG needs them."""
    return " ".join(f"{x:.2f},{100 - y:.2f}" for x, y in corners)


def staircase(corners: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return corners in which each value holds until the next one begins."""
    found: list[tuple[float, float]] = []
    for x, y in corners:
        if found:
            found.append((x, found[-1][1]))
        found.append((x, y))
    return found


def shade(depth: float) -> str:
    """Return a colour from pale to dark."""
    held = max(0.0, min(1.0, depth))
    return "#" + "".join(f"{round(low + (high - low) * held):02x}" for low, high in zip(_LIGHT, _DARK, strict=True))
