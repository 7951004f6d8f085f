"""Charts as SVG: figures in, a drawing out. The same figures give the same bytes.

Drawn narrow, so that letters stay legible on a telephone. Text stays text, in the page's own letters. What a chart has
one of for each figure (a bar, a cell, a point) has an id that begins with `mark-` and the chart's name.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Sequence
from typing import Any

from relations.report.wording import needed

__all__ = ["bars", "heat_map", "line", "survival"]

INK, GREY, PALE = "#1f2933", "#7b8794", "#e4e7eb"
BLUE, ORANGE, SKY = "#0072b2", "#d55e00", "#56b4e9"
"""Of M. Okabe and K. Ito's palette, which the colour-blind can tell apart."""
_WIDTH = 4.5
_TICKS = 4


def _figure(height: float) -> tuple[Any, Any]:
    needed("matplotlib").use("svg")
    figure = needed("matplotlib.figure").Figure(figsize=(_WIDTH, height), layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(PALE)
    axes.tick_params(colors=GREY, labelsize=9, length=0)
    axes.set_axisbelow(True)
    return figure, axes


def _svg(figure: Any, name: str) -> str:
    matplotlib = needed("matplotlib")
    target = io.StringIO()
    settings = {"svg.fonttype": "none", "svg.hashsalt": name, "font.size": 9}
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        # The page has letters that the drawing's own font lacks.
        warnings.simplefilter("ignore", UserWarning)
        figure.savefig(target, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    drawn = target.getvalue()
    drawn = drawn[drawn.index("<svg") :]
    drawn = re.sub(r"<metadata>.*?</metadata>", "", drawn, flags=re.DOTALL)
    drawn = re.sub(r"<style type=\"text/css\">.*?</style>", "", drawn, flags=re.DOTALL)
    # Ids of one drawing must not meet those of another on the page.
    drawn = re.sub(r"id=\"(?!mark-)([^\"]+)\"", rf'id="{name}-\1"', drawn)
    drawn = re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", drawn)
    drawn = re.sub(r"xlink:href=\"#([^\"]+)\"", rf'xlink:href="#{name}-\1"', drawn)
    return re.sub(r"<svg ([^>]*?)width=\"[^\"]+\"", r"<svg \1", re.sub(r"(<svg [^>]*?)height=\"[^\"]+\"", r"\1", drawn))


def line(
    name: str,
    labels: Sequence[str],
    values: Sequence[float],
    bands: Sequence[tuple[float, float]],
    limits: Sequence[tuple[float, float]],
    signals: Sequence[bool],
    *,
    centre: float | None,
    legend: tuple[str, str, str],
    percent: bool = False,
) -> str:
    """A figure by month, with its interval, the limits of chance, and the points that these do not explain.

    Args:
        name: The chart's.
        labels: Of the months.
        values: One a month.
        bands: The interval of each.
        limits: The limits of chance of each, or none.
        signals: Whether chance does not explain it.
        centre: The figure over all months.
        legend: What the band, the limits and a signal are called.
        percent: Whether values are shares.
    """
    figure, axes = _figure(2.7)
    places = range(len(values))
    axes.fill_between(places, [low for low, _ in bands], [high for _, high in bands], color=SKY, alpha=0.28, lw=0,
                      label=legend[0])  # fmt: skip
    if limits:
        axes.step(places, [low for low, _ in limits], where="mid", color=GREY, lw=0.9, ls=(0, (3, 2)), label=legend[1])
        axes.step(places, [high for _, high in limits], where="mid", color=GREY, lw=0.9, ls=(0, (3, 2)))
    if centre is not None:
        axes.axhline(centre, color=GREY, lw=0.7)
    axes.plot(places, values, color=BLUE, lw=1.6)
    for place, value in enumerate(values):
        odd = signals[place]
        [point] = axes.plot([place], [value], "D" if odd else "o", color=ORANGE if odd else BLUE, ms=6 if odd else 3.5)
        point.set_gid(f"mark-{name}-{place}")
        if odd and not any(signals[:place]):
            point.set_label(legend[2])
    step = max(1, -(-len(labels) // _TICKS))
    axes.set_xticks(list(places)[::step], labels[::step])
    axes.grid(axis="y", color=PALE, lw=0.6)
    if percent:
        axes.yaxis.set_major_formatter(needed("matplotlib.ticker").PercentFormatter(1, decimals=0))
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.2), ncols=3, frameon=False, fontsize=8, labelcolor=INK)
    return _svg(figure, name)


def bars(
    name: str, labels: Sequence[str], values: Sequence[float], said: Sequence[str], *, second: Sequence[float] = ()
) -> str:
    """Horizontal bars, one a label, each with its figure beside it.

    Args:
        name: The chart's.
        labels: One a bar.
        values: How long it is.
        said: The figure beside it.
        second: A longer, paler bar behind each, where there is one.
    """
    figure, axes = _figure(0.55 + 0.27 * len(labels))
    places = list(range(len(labels)))
    if second:
        axes.barh(places, second, color=SKY, alpha=0.45, height=0.66)
    for place, bar in zip(places, axes.barh(places, values, color=BLUE, height=0.66), strict=True):
        bar.set_gid(f"mark-{name}-{place}")
    longest = max([*values, *second, 0]) or 1
    for place, text in enumerate(said):
        end = max(values[place], second[place] if second else 0)
        axes.text(end + longest * 0.02, place, text, va="center", fontsize=9, color=INK)
    axes.set_yticks(places, labels, color=INK)
    axes.set_xticks([])
    axes.set_xlim(0, longest * 1.24)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.invert_yaxis()
    return _svg(figure, name)


def heat_map(name: str, rows: Sequence[str], cells: Sequence[Sequence[float | None]], *, below: str) -> str:
    """Shares as a grid, the darker the more; what has not happened yet is left out.

    Args:
        name: The chart's.
        rows: Their labels.
        cells: The shares of each row, from the first column on.
        below: What the columns count.
    """
    figure, axes = _figure(0.75 + 0.21 * len(rows))
    colours = needed("matplotlib").colormaps["Blues"]
    rectangle = needed("matplotlib.patches").Rectangle
    columns = max(len(row) for row in cells)
    # The first column is everybody; the scale is of those who came again.
    highest = max((share for row in cells for share in row[1:] if share), default=1.0)
    for top, row in enumerate(cells):
        for left, share in enumerate(row):
            if share is None:
                continue
            depth = min(1.0, share / highest)
            cell = rectangle((left - 0.5, top - 0.5), 0.94, 0.94, color=colours(0.08 + 0.84 * depth), lw=0)
            cell.set_gid(f"mark-{name}-{top}-{left}")
            axes.add_patch(cell)
            if columns <= 8:
                axes.text(left - 0.03, top - 0.03, f"{100 * share:.0f}", ha="center", va="center", fontsize=9,
                          color="white" if depth > 0.55 else INK)  # fmt: skip
    axes.set_xlim(-0.5, columns - 0.5)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xticks(range(0, columns, max(1, -(-columns // 12))))
    axes.set_yticks(range(len(rows)), rows, fontsize=8, color=INK)
    axes.set_xlabel(below, color=GREY, fontsize=9)
    axes.spines[["left", "bottom"]].set_visible(False)
    return _svg(figure, name)


def survival(name: str, points: Sequence[tuple[float, float, float | None, float | None]], *, below: str) -> str:
    """A survival curve with its band.

    Args:
        name: The chart's.
        points: Time, share, and the interval's ends where there are any.
        below: What time counts.
    """
    figure, axes = _figure(2.7)
    times = [0.0, *(point[0] for point in points)]
    shares = [1.0, *(point[1] for point in points)]
    lows = [1.0, *(point[1] if point[2] is None else point[2] for point in points)]
    highs = [1.0, *(point[1] if point[3] is None else point[3] for point in points)]
    axes.fill_between(times, lows, highs, step="post", color=SKY, alpha=0.28, lw=0)
    [curve] = axes.step(times, shares, where="post", color=BLUE, lw=1.6)
    curve.set_gid(f"mark-{name}-0")
    axes.set_ylim(0, 1.02)
    axes.set_xlim(0, None)
    axes.yaxis.set_major_formatter(needed("matplotlib.ticker").PercentFormatter(1, decimals=0))
    axes.grid(axis="y", color=PALE, lw=0.6)
    axes.set_xlabel(below, color=GREY, fontsize=9)
    return _svg(figure, name)
