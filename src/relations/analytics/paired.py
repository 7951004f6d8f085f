"""How much paired figures differ, and how sure that is: a mean with Student's interval. Pure arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import exp, lgamma, log, log1p, sqrt
from statistics import fmean, stdev

from relations.analytics.intervals import CONFIDENCE, Interval, normal_quantile

__all__ = ["mean_interval", "student_quantile"]

_TINY = 1e-300
_CLOSE = 1e-15
_ROUNDS = 500


def mean_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> Interval | None:
    """Student's interval around the mean of values; None for fewer than two, of whose spread nothing is known.

    Source: "Student" (W. S. Gosset), "The probable error of a mean", Biometrika 6 (1908) 1-25.

    Raises:
        InvalidInput: `confidence` is not a confidence level.
    """
    n = len(values)
    if n < 2:
        return None
    centre = fmean(values)
    reach = student_quantile(confidence, n - 1) * stdev(values) / sqrt(n)
    return Interval(low=centre - reach, high=centre + reach, confidence=confidence)


@lru_cache(maxsize=256)
def student_quantile(confidence: float, freedom: int) -> float:
    """How many standard errors a two-sided interval reaches to each side: 2.776 for 0.95 and 4 degrees of freedom.

    Found by bisection on the tail of Student's distribution, which is an incomplete beta function.

    Raises:
        InvalidInput: `confidence` is not a confidence level.
    """
    low = normal_quantile(confidence)  # Student's tails are the heavier ones
    high = 2 * low
    tail = 1 - confidence
    while _two_tails(high, freedom) > tail:
        low, high = high, 2 * high
    for _ in range(200):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if _two_tails(middle, freedom) > tail:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _two_tails(t: float, freedom: int) -> float:
    return _incomplete_beta(freedom / (freedom + t * t), freedom / 2, 0.5)


def _incomplete_beta(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function, by its continued fraction.

    Source: Abramowitz and Stegun, "Handbook of Mathematical Functions" (1964), 26.5.8, evaluated by Lentz's method.
    """
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x))
    if x < (a + 1) / (a + b + 2):
        return front * _fraction(x, a, b) / a
    return 1 - front * _fraction(1 - x, b, a) / b


def _fraction(x: float, a: float, b: float) -> float:
    c, d = 1.0, 1 / _away_from_0(1 - (a + b) * x / (a + 1))
    found = d
    for m in range(1, _ROUNDS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for step in (even, odd):
            d = 1 / _away_from_0(1 + step * d)
            c = _away_from_0(1 + step / c)
            found *= c * d
        if abs(c * d - 1) < _CLOSE:
            break
    return found


def _away_from_0(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
