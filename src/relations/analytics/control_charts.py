"""Control charts: which months differ by more than chance explains.

Three charts. The p-chart is for shares (CSAT): limits at three standard errors around the overall share, each month's
by its own number of answers (W. A. Shewhart, "Economic control of quality of manufactured product", 1931; D. C.
Montgomery, "Introduction to statistical quality control", chapter on charts for attributes). For net promoter scores
each answer is +1, 0 or -1. The limits follow the variance of those, p + d - (p - d)^2, pooled over all months, over the
month's number of answers.

A chart of individuals is for any other figure. Its usual range is the mean of the earlier values, plus and minus 2.66
times the mean step between them (D. Wheeler, "Understanding variation", 1993).

Signals are the tests of L. S. Nelson, "The Shewhart control chart: tests for special causes", Journal of Quality
Technology 16 (1984) 237-239, on values in units of their own standard error. Nothing here knows of events or policies.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise
from math import sqrt
from typing import Literal, NamedTuple, TypeAlias

from relations.errors import InvalidInput
from relations.json_form import ViewAnswer

__all__ = [
    "ControlChart", "ControlPoint", "Individuals", "NpsSample", "ShareSample", "Signal", "individuals", "nps_chart",
    "p_chart",
]  # fmt: skip

Signal: TypeAlias = Literal["beyond_limits", "one_side", "trend", "two_of_three", "four_of_five"]
"""The reasons why a value is a signal.

- `beyond_limits`: beyond three standard errors.
- `one_side`: nine in a row on one side.
- `trend`: six in a row rising or falling.
- `two_of_three`: two of three beyond two standard errors on one side.
- `four_of_five`: four of five beyond one standard error on one side.
"""

_LIMIT = 3.0
_USUAL = Fraction("2.66")
_ONE_SIDE, _TREND = 9, 6
_STEPS_OF_TREND = _TREND - 1


class ShareSample(NamedTuple):
    """One period of a share.

    Attributes:
        period: The period's name.
        hits: The number of hits.
        n: The number of answers.
    """

    period: str
    hits: int
    n: int


class NpsSample(NamedTuple):
    """One period of a net promoter score, with its counts of answers."""

    period: str
    promoters: int
    passives: int
    detractors: int

    @property
    def n(self) -> int:
        """The number of answers."""
        return self.promoters + self.passives + self.detractors


class ControlPoint(ViewAnswer):
    """One period on the chart.

    Attributes:
        period: The period's name.
        n: The number of answers.
        value: The figure, in the chart's unit.
        low: The lower limit for this number of answers.
        high: The upper limit for this number of answers.
        deviation: The distance of the value from the centre in standard errors, negative below it. None if all answers
            of all periods are equal, which leaves no error to measure by.
        signals: The tests that this point completes; empty if chance alone explains it.
    """

    period: str
    n: int
    value: float
    low: float
    high: float
    deviation: float | None
    signals: tuple[Signal, ...]


class ControlChart(ViewAnswer):
    """A figure over time with the limits of chance.

    Attributes:
        centre: The figure over all periods together, in the chart's unit.
        points: One for each period with an answer, in order.
    """

    centre: float
    points: tuple[ControlPoint, ...]

    @property
    def signals(self) -> tuple[ControlPoint, ...]:
        """The points that chance does not explain."""
        return tuple(point for point in self.points if point.signals)


def p_chart(samples: Sequence[ShareSample]) -> ControlChart | None:
    """Return the chart of a share, from 0 to 1; None without any answer. Periods without answers are left out.

    Raises:
        InvalidInput: There are more hits than answers, or a count is negative.
    """
    for sample in samples:
        _check(sample.hits, sample.n - sample.hits)
    n = sum(sample.n for sample in samples)
    if not n:
        return None
    centre = sum(sample.hits for sample in samples) / n
    variance = centre * (1 - centre)
    found = [(sample.period, sample.n, sample.hits / sample.n) for sample in samples if sample.n]
    return _chart(found, centre, variance, bounds=(0.0, 1.0))


def nps_chart(samples: Sequence[NpsSample]) -> ControlChart | None:
    """Return the chart of a net promoter score, from -100 to 100; None without any answer.

    Raises:
        InvalidInput: A count is negative.
    """
    for sample in samples:
        _check(sample.promoters, sample.passives, sample.detractors)
    n = sum(sample.n for sample in samples)
    if not n:
        return None
    promoters, detractors = sum(sample.promoters for sample in samples), sum(sample.detractors for sample in samples)
    # In whole numbers and divided once, as each value is, so that a month equal to all months is on neither side.
    net = promoters - detractors
    centre = 100 * net / n
    variance = 100**2 * ((promoters + detractors) * n - net * net) / (n * n)
    found = [
        (sample.period, sample.n, 100 * (sample.promoters - sample.detractors) / sample.n)
        for sample in samples
        if sample.n
    ]
    return _chart(found, centre, variance, bounds=(-100.0, 100.0))


class Individuals(NamedTuple):
    """The usual range of a figure, exactly.

    Attributes:
        low: The least usual value.
        centre: The mean of the values.
        high: The greatest usual value.
    """

    low: Fraction
    centre: Fraction
    high: Fraction

    def side(self, value: float) -> Literal["above", "below"] | None:
        """Return the side on which a value lies outside."""
        exact = _written(value)
        return "above" if exact > self.high else "below" if exact < self.low else None


def individuals(values: Sequence[float]) -> Individuals:
    """Return the limits of a chart of individuals. Numbers count as they are written: 0.1 is a tenth.

    Args:
        values: The values, in order, at least two.
    """
    exact = [_written(value) for value in values]
    centre = sum(exact, Fraction()) / len(exact)
    steps = sum((abs(after - before) for before, after in pairwise(exact)), Fraction())
    reach = _USUAL * steps / (len(exact) - 1)
    return Individuals(centre - reach, centre, centre + reach)


def _written(value: float) -> Fraction:
    return Fraction(str(value))


def _check(*counts: int) -> None:
    if any(count < 0 for count in counts):
        raise InvalidInput(
            f"counts cannot be negative: {', '.join(map(str, counts))}",
            code="invalid_count",
            hint="Give whole numbers from 0, and no more hits than answers",
        )


def _chart(
    found: Sequence[tuple[str, int, float]], centre: float, variance: float, *, bounds: tuple[float, float]
) -> ControlChart:
    values = [value for _, _, value in found]
    errors = [sqrt(max(0.0, variance) / n) for _, n, _ in found]
    deviations = [(value - centre) / error if error else None for value, error in zip(values, errors, strict=True)]
    points = [
        ControlPoint(
            period=period,
            n=n,
            value=value,
            low=max(bounds[0], centre - _LIMIT * error),
            high=min(bounds[1], centre + _LIMIT * error),
            deviation=deviations[index],
            signals=tuple(name for name, test in _TESTS if test(deviations, values, index)),
        )
        for index, ((period, n, value), error) in enumerate(zip(found, errors, strict=True))
    ]
    return ControlChart(centre=centre, points=tuple(points))


# --- signals --------------------------------------------------------------------------------------------------------

_Deviations: TypeAlias = Sequence[float | None]
_Test: TypeAlias = Callable[[_Deviations, Sequence[float], int], bool]


def _last(deviations: _Deviations, index: int, length: int) -> list[float]:
    """Return the known deviations of the last points; nothing if there are fewer points."""
    if index + 1 < length:
        return []
    return [each for each in deviations[index + 1 - length : index + 1] if each is not None]


def _beyond_limits(deviations: _Deviations, _values: Sequence[float], index: int) -> bool:
    return any(abs(each) > _LIMIT for each in _last(deviations, index, 1))


def _one_side(deviations: _Deviations, _values: Sequence[float], index: int) -> bool:
    last = _last(deviations, index, _ONE_SIDE)
    return len(last) == _ONE_SIDE and (all(each > 0 for each in last) or all(each < 0 for each in last))


def _trend(_deviations: _Deviations, values: Sequence[float], index: int) -> bool:
    if index < _STEPS_OF_TREND:
        return False
    last = values[index - _STEPS_OF_TREND : index + 1]
    steps = [after - before for before, after in pairwise(last)]
    return all(step > 0 for step in steps) or all(step < 0 for step in steps)


def _most_beyond(count: int, of: int, limit: float) -> _Test:
    """Return a test: this many of the last points are beyond a limit on one side, the last one among them."""

    def test(deviations: _Deviations, _values: Sequence[float], index: int) -> bool:
        last = _last(deviations, index, of)
        if len(last) < of or abs(last[-1]) <= limit:
            return False
        side = 1 if last[-1] > 0 else -1
        return sum(side * each > limit for each in last) >= count

    return test


_TESTS: tuple[tuple[Signal, _Test], ...] = (
    ("beyond_limits", _beyond_limits),
    ("one_side", _one_side),
    ("trend", _trend),
    ("two_of_three", _most_beyond(2, 3, 2.0)),
    ("four_of_five", _most_beyond(4, 5, 1.0)),
)
