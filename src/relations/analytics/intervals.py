"""Confidence intervals of shares, means and net promoter scores.

Pure arithmetic; nothing here knows of events, rows or policies. Shares are between 0 and 1, net promoter scores
between -100 and 100.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from math import cos, hypot, pi, sin, sqrt, tan
from statistics import NormalDist, fmean, stdev

from relations.errors import InvalidInput
from relations.json_form import ViewAnswer

__all__ = [
    "CONFIDENCE",
    "Interval",
    "NetPromoters",
    "mean_by_respondent",
    "mean_interval",
    "mean_of_sums",
    "net_promoters",
    "normal_quantile",
    "share_difference",
    "student_quantile",
    "wilson",
]

CONFIDENCE = 0.95
"""The share of intervals, over many samples, that contain the true value."""

_SERIES_TO = 100
_CONFIDENCE_MAX = 0.999_999
"""The highest level for which the normal approximation is of use."""


class Interval(ViewAnswer):
    """A confidence interval, both ends included.

    Attributes:
        low: The lower end, in the unit of the figure that it belongs to.
        high: The upper end, likewise.
        confidence: The two-sided confidence level, such as 0.95.
    """

    low: float
    high: float
    confidence: float


class NetPromoters(ViewAnswer):
    """A net promoter score with its adjusted value and interval, all from -100 to 100.

    Attributes:
        score: 100 x (promoters - detractors) / answers, as commonly reported.
        adjusted: The same after 3/4 of a promoter, 3/4 of a detractor and 1 1/2 passives are added. It is the centre of
            the interval before that is cut at -100 and 100, and the better estimate from few answers.
        interval: The adjusted-Wald interval.
    """

    score: float
    adjusted: float
    interval: Interval


@lru_cache(maxsize=32)
def normal_quantile(confidence: float) -> float:
    """Return the half width of a two-sided normal interval in standard errors: 1.959964 for 0.95.

    Raises:
        InvalidInput: `confidence` is not above 0 and at most 0.999999.
    """
    if not 0 < confidence <= _CONFIDENCE_MAX:
        raise InvalidInput(
            f"{confidence} is not a confidence level",
            code="invalid_confidence",
            field="confidence",
            hint="Give a share between 0 and 1, such as 0.95",
        )
    return NormalDist().inv_cdf(0.5 + confidence / 2)


@lru_cache(maxsize=1024)
def student_quantile(confidence: float, degrees: int) -> float:
    """Return the half width of a mean's interval in standard errors: 2.776445 for 0.95 and 4 degrees of freedom.

    Up to 100 degrees it bisects the distribution's finite series. Beyond, it expands the normal quantile, with an error
    below 0.000001.

    Sources: M. Abramowitz and I. Stegun, "Handbook of mathematical functions" (1964), 26.7.3, 26.7.4 and 26.7.5.

    Raises:
        InvalidInput: `confidence` is not above 0 and at most 0.999999, or `degrees` is below 1.
    """
    z = normal_quantile(confidence)
    if degrees < 1:
        raise InvalidInput(
            f"there cannot be {degrees} degrees of freedom", code="invalid_degrees", hint="Give 1 or more"
        )
    if degrees > _SERIES_TO:
        first = (z**3 + z) / 4
        second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
        third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
        return z + first / degrees + second / degrees**2 + third / degrees**3
    low, high = 0.0, pi / 2
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if _within_angle(middle, degrees) < confidence else (low, middle)
    return tan((low + high) / 2) * sqrt(degrees)


def _within_angle(angle: float, degrees: int) -> float:
    """Return the share of Student's distribution within tan(angle) * sqrt(degrees) of 0."""
    cosine, sine = cos(angle), sin(angle)
    odd = degrees % 2 == 1
    term = cosine if odd else 1.0
    total = term if degrees > 1 else 0.0
    for step in range(3 if odd else 2, degrees - 1, 2):
        term *= cosine * cosine * (step - 1) / step
        total += term
    return 2 / pi * (angle + sine * total) if odd else sine * total


def mean_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> Interval | None:
    """Return Student's interval of the mean of independent values.

    Source: "Student" (W. S. Gosset), "The probable error of a mean", Biometrika 6 (1908) 1-25.

    Returns:
        None for fewer than two values: nothing is known of their spread.

    Raises:
        InvalidInput: `confidence` is not a confidence level.
    """
    n = len(values)
    if n < 2:
        return None
    centre = fmean(values)
    reach = student_quantile(confidence, n - 1) * stdev(values) / sqrt(n)
    return Interval(low=centre - reach, high=centre + reach, confidence=confidence)


def mean_by_respondent(groups: Iterable[Sequence[int]], confidence: float = CONFIDENCE) -> Interval | None:
    """Return the interval of the mean of all numbers, if those of one respondent depend on each other.

    The mean is the ratio of respondents' sums to their numbers of answers, and only respondents are independent. So the
    variance is that of a ratio over respondents. With one number each it is the textbook's, with Student's quantile.

    Sources: W. Cochran, "Sampling techniques" (3rd edition, 1977), 2.11 (ratios) and 9A (clusters of unequal sizes).

    Args:
        groups: The numbers of each respondent.
        confidence: The two-sided confidence level.

    Returns:
        None for fewer than two respondents.
    """
    return mean_of_sums(Counter((sum(numbers), len(numbers)) for numbers in groups if numbers), confidence)


def mean_of_sums(respondents: Mapping[tuple[int, int], int], confidence: float = CONFIDENCE) -> Interval | None:
    """Return the interval of `mean_by_respondent`, given what respondents have in common.

    Args:
        respondents: The number of respondents with each sum and count of their numbers.
        confidence: The two-sided confidence level.

    Returns:
        None for fewer than two respondents.
    """
    people = sum(respondents.values())
    if people < 2:
        return None
    n = sum(count * alike for (_, count), alike in respondents.items())
    total = sum(each * alike for (each, _), alike in respondents.items())
    # Whole numbers until the division: n * sum - total * count is the residual times n.
    squares = sum((n * each - total * count) ** 2 * alike for (each, count), alike in respondents.items())
    error = sqrt(squares * people / (people - 1)) / (n * n)
    reach = student_quantile(confidence, people - 1) * error
    return Interval(low=total / n - reach, high=total / n + reach, confidence=confidence)


def wilson(hits: int, n: int, confidence: float = CONFIDENCE) -> Interval | None:
    """Return Wilson's score interval of a share, without continuity correction; None if `n` is 0.

    It never leaves [0, 1] and keeps its coverage for few answers and for shares near 0 or 1. There the textbook (Wald)
    interval shrinks to nothing.

    Sources: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", Journal of the
    American Statistical Association 22 (1927) 209-212. Recommended for few answers by A. Agresti and B. A. Coull,
    "Approximate is better than 'exact' for interval estimation of binomial proportions", The American Statistician 52
    (1998) 119-126.

    Args:
        hits: The number of hits.
        n: The number of answers.
        confidence: The two-sided confidence level.

    Raises:
        InvalidInput: There are more hits than answers, or a count is negative.
    """
    _check_counts(hits, n - hits)
    if n == 0:
        return None
    z2 = normal_quantile(confidence) ** 2
    share = hits / n
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    reach = sqrt(z2) * sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    # At the ends the formula gives 0 and 1 up to rounding; return them exactly.
    low = 0.0 if hits == 0 else max(0.0, centre - reach)
    high = 1.0 if hits == n else min(1.0, centre + reach)
    return Interval(low=low, high=high, confidence=confidence)


def share_difference(first: tuple[int, int], second: tuple[int, int], confidence: float = CONFIDENCE) -> Interval:
    """Return the interval of the difference between the shares of two independent samples, from -1 to 1.

    It joins Wilson's intervals of the two shares. The textbook (Wald) interval is too short for small samples and for
    shares near 0, and most campaigns move few of many.

    Source: R. G. Newcombe, "Interval estimation for the difference between independent proportions: comparison of
    eleven methods", Statistics in Medicine 17 (1998) 873-890, method 10.

    Args:
        first: Hits and size of the first sample.
        second: Hits and size of the second, which is subtracted.
        confidence: The two-sided confidence level.

    Raises:
        InvalidInput: A sample is empty, has more hits than its size, or a count is negative.
    """
    (a, m), (b, n) = first, second
    one, other = wilson(a, m, confidence), wilson(b, n, confidence)
    if one is None or other is None:
        raise InvalidInput(
            "the difference of shares needs two samples that are not empty", code="empty_sample", field="n"
        )
    p, q = a / m, b / n
    return Interval(
        low=p - q - hypot(p - one.low, other.high - q),
        high=p - q + hypot(one.high - p, q - other.low),
        confidence=confidence,
    )


def net_promoters(
    promoters: int, passives: int, detractors: int, confidence: float = CONFIDENCE
) -> NetPromoters | None:
    """Return the net promoter score with its adjusted-Wald interval; None if nobody answered.

    Add 3 to n and 3/4 each to promoters and detractors. Then take the normal interval of the difference of two shares
    of one sample, cut at -100 and 100. The variance of the difference is `p + d - (p - d)^2`.

    Sources: B. Rocks, "Interval estimation for the 'net promoter score'", The American Statistician 70 (2016) 365-372
    (arXiv:1601.07235). There it is among the best of six by coverage and width. J. Lewis and J. Sauro, "Confidence
    intervals for net promoter scores" (measuringu.com, 2021), who found the same on two real data sets.

    Raises:
        InvalidInput: A count is negative.
    """
    _check_counts(promoters, passives, detractors)
    n = promoters + passives + detractors
    if n == 0:
        return None
    n_adjusted = n + 3
    p = (promoters + 0.75) / n_adjusted
    d = (detractors + 0.75) / n_adjusted
    centre = p - d
    reach = normal_quantile(confidence) * sqrt((p + d - centre * centre) / n_adjusted)
    return NetPromoters(
        score=100 * (promoters - detractors) / n,
        adjusted=100 * centre,
        interval=Interval(
            low=max(-100.0, 100 * (centre - reach)), high=min(100.0, 100 * (centre + reach)), confidence=confidence
        ),
    )


def _check_counts(*counts: int) -> None:
    if any(count < 0 for count in counts):
        raise InvalidInput(
            f"counts cannot be negative: {', '.join(map(str, counts))}",
            code="invalid_count",
            hint="Give whole numbers from 0, and no more hits than answers",
        )
