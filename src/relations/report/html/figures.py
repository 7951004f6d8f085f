"""What a page is made of: charts as shares of a width or a height, so that the page draws them at any size.

Nothing here knows a pixel. Bars and columns are boxes, curves are lines in a square of 100 by 100 that is stretched,
and all letters are the page's own: they stay as large on a telephone, a screen and paper. What a chart has one of for
each figure (a bar, a point, a cell) is a mark, and bears its figure.
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
    "points",
    "shade",
    "staircase",
    "ticks_at",
]

_LIGHT, _DARK = (236, 244, 250), (8, 69, 122)
_WHITE_LETTERS = 0.6
"""From which depth on white letters are the ones that can be read."""


@dataclass(frozen=True)
class BarPiece:
    """A piece of a bar or of a column.

    Attributes:
        style: What it is drawn like: a class of the page's style.
        size: From 0 to 1 of the longest.
        value: Its figure.
        start: Where in a column it begins, likewise; bars are put one behind the other.
        title: What it says when pointed at.
    """

    style: str
    size: float
    value: float
    start: float = 0.0
    title: str = ""


@dataclass(frozen=True)
class Bar:
    """A bar with its figure beside it.

    Attributes:
        behind: How long a paler bar behind it is, from 0 to 1; None where there is none.
    """

    label: str
    said: str
    parts: Sequence[BarPiece]
    behind: float | None = None


@dataclass(frozen=True)
class Bars:
    """Horizontal bars, and what their colours mean: pairs of style and words."""

    rows: Sequence[Bar]
    legend: Sequence[tuple[str, str]] = ()

    @property
    def marks(self) -> int:
        """How many marks there are."""
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
    """Figures over time.

    Attributes:
        x_ticks: Places in hundredths, with their words.
        y_ticks: Likewise.
        areas: Pairs of style and corners, see `points`.
        lines: Likewise.
        dots: Marks.
        columns: Their parts are marks.
        curves: Lines that are marks themselves, for they have no points of their own.
        legend: Pairs of style and words.
        below: What the horizontal axis counts, where its words do not say so.
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
        """How many marks there are."""
        return len(self.dots) + len(self.curves) + sum(len(column.parts) for column in self.columns)


@dataclass(frozen=True)
class Cell:
    """A field of a grid: its figure, and how dark it is from 0 to 1."""

    said: str
    value: float
    depth: float
    title: str
    name: str = ""

    @property
    def colour(self) -> str:
        """What it is filled with."""
        return shade(self.depth)

    @property
    def is_dark(self) -> bool:
        """Whether its letters have to be white."""
        return self.depth >= _WHITE_LETTERS


@dataclass(frozen=True)
class Heat:
    """Rows of fields, the darker the more, with the scale of it.

    Attributes:
        corner: What the rows' words are.
        size: What the figure after them is.
        columns: The headings.
        rows: Of each its words, its size, and its fields as far as there are any.
        low: What the palest colour stands for.
        high: What the darkest stands for.
        below: What the columns count.
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
        """How many marks there are."""
        return sum(len(cells) for _, _, cells in self.rows)


@dataclass(frozen=True)
class Grid:
    """A square of fields with an axis to the right and one upwards; rows from the top."""

    right: str
    up: str
    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Cell]]]
    low: str
    high: str

    @property
    def marks(self) -> int:
        """How many marks there are."""
        return sum(len(cells) for _, cells in self.rows)


@dataclass(frozen=True)
class Table:
    """Figures as figures. `numbers` says from which column on they stand at the right."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: int = 1


Chart: TypeAlias = Bars | Plot | Heat | Grid


@dataclass
class Figure:
    """One chart with its words: nothing is said by the drawing alone.

    Attributes:
        name: What tests and links call it.
        title: What it answers.
        chart: The drawing; None where there is nothing to draw.
        said: Sentences below it.
        table: The figures that the drawing does not spell out; they stand at the end of the page.
        listing: Rows to be read as they stand.
        is_wide: It takes the whole width of the page.
        is_empty: There is nothing to show, and `said` has the reason.
    """

    name: str
    title: str
    chart: Chart | None = None
    said: list[str] = field(default_factory=list)
    table: Table | None = None
    listing: Table | None = None
    is_wide: bool = False
    is_empty: bool = False

    @property
    def kind(self) -> str:
        """Which of the page's drawings it is."""
        return type(self.chart).__name__.lower() if self.chart is not None else ""

    @property
    def marks(self) -> int:
        """How many marks the drawing has."""
        return self.chart.marks if self.chart is not None else 0


@dataclass(frozen=True)
class Section:
    """Figures that belong together."""

    name: str
    title: str
    note: str
    figures: Sequence[Figure]


class Scale:
    """An axis with round ticks around some values.

    Args:
        values: What has to fit in.
        floor: Nothing is below this.
        ceiling: Nothing is above this.
    """

    def __init__(self, values: Sequence[float], *, floor: float | None = None, ceiling: float | None = None) -> None:
        low, high = min(values), max(values)
        self.step = _round_step((high - low) / 4 or abs(high) / 4 or 1.0)
        self.low = _down(low, self.step) if floor is None else max(floor, _down(low, self.step))
        self.high = -_down(-high, self.step) if ceiling is None else min(ceiling, -_down(-high, self.step))
        if self.high <= self.low:  # all values are alike
            if ceiling is not None and self.high >= ceiling:
                self.low = self.high - self.step
            else:
                self.high = self.low + self.step

    def place(self, value: float) -> float:
        """Where a value is, in hundredths from the low end."""
        return 100 * (value - self.low) / (self.high - self.low)

    @property
    def ticks(self) -> list[float]:
        """Round values from the low end to the high one."""
        first, last = ceil(round(self.low / self.step, 9)), floor(round(self.high / self.step, 9))
        return [number * self.step for number in range(first, last + 1)]


def _round_step(least: float) -> float:
    """The next of 1, 2, 5, 10 … that is not less."""
    power = 10.0 ** floor(log10(least))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * 0.999)


def _down(value: float, step: float) -> float:
    return floor(round(value / step, 9)) * step


def ticks_at(labels: Sequence[str], most: int = 5) -> list[tuple[float, str]]:
    """Some of the labels, each in the middle of its place; the last one is among them."""
    step = max(1, -(-len(labels) // most))
    return [
        (middle(index, len(labels)), label)
        for index, label in enumerate(labels)
        if (len(labels) - 1 - index) % step == 0
    ]


def middle(index: int, count: int) -> float:
    """The middle of one of so many places, in hundredths."""
    return 100 * (index + 0.5) / count


def points(corners: Sequence[tuple[float, float]]) -> str:
    """Corners in hundredths, from the left and from below, as SVG has them."""
    return " ".join(f"{x:.2f},{100 - y:.2f}" for x, y in corners)


def staircase(corners: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Each value holds until the next one begins."""
    found: list[tuple[float, float]] = []
    for x, y in corners:
        if found:
            found.append((x, found[-1][1]))
        found.append((x, y))
    return found


def shade(depth: float) -> str:
    """A colour from pale to dark."""
    held = max(0.0, min(1.0, depth))
    return "#" + "".join(f"{round(low + (high - low) * held):02x}" for low, high in zip(_LIGHT, _DARK, strict=True))
