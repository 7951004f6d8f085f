"""Intervals around shares and net promoter scores: how far a figure may be off, given how few answered.

Pure arithmetic; nothing here knows of events, rows or policies. Shares are between 0 and 1, net promoter scores
between -100 and 100.
"""

from __future__ import annotations

from functools import lru_cache
from math import sqrt
from statistics import NormalDist

from pydantic import BaseModel, ConfigDict

from relations.errors import InvalidInput

__all__ = ["CONFIDENCE", "Interval", "NetPromoters", "net_promoters", "normal_quantile", "wilson"]

CONFIDENCE = 0.95
"""The share of intervals, over many samples, that hold the true value."""

_CONFIDENCE_MAX = 0.999_999
"""Beyond this the normal approximation says nothing."""


class Interval(BaseModel):
    """A confidence interval, both ends included.

    Attributes:
        low: The lower end, in the unit of the figure that it belongs to.
        high: The upper end, likewise.
        confidence: The two-sided confidence level, such as 0.95.
    """

    model_config = ConfigDict(frozen=True)

    low: float
    high: float
    confidence: float


class NetPromoters(BaseModel):
    """A net promoter score with its adjusted value and interval. All three are on the scale of -100 to 100.

    Attributes:
        score: 100 x (promoters - detractors) / answers, as commonly reported.
        adjusted: The same after 3/4 of a promoter, 3/4 of a detractor and 1 1/2 passives are added; the centre of the
            interval before it is cut at -100 and 100, and the better estimate from few answers.
        interval: The adjusted-Wald interval.
    """

    model_config = ConfigDict(frozen=True)

    score: float
    adjusted: float
    interval: Interval


@lru_cache(maxsize=32)
def normal_quantile(confidence: float) -> float:
    """How many standard errors a two-sided interval reaches to each side: 1.959964 for 0.95.

    Raises:
        InvalidInput: `confidence` is not above 0 and at most 0.999999.
    """
    if not 0 < confidence <= _CONFIDENCE_MAX:
        raise InvalidInput(
            f"{confidence} is not a confidence level",
            code="invalid_confidence",
            field="confidence",
            remedy="Give a share between 0 and 1, such as 0.95",
        )
    return NormalDist().inv_cdf(0.5 + confidence / 2)


def wilson(hits: int, n: int, confidence: float = CONFIDENCE) -> Interval | None:
    """Wilson's score interval for a share, without continuity correction. None of none is undefined: None.

    It never leaves [0, 1] and keeps its coverage for few answers and for shares near 0 or 1, where the textbook (Wald)
    interval shrinks to nothing.

    Sources: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", Journal of the
    American Statistical Association 22 (1927) 209-212. Recommended for few answers by A. Agresti and B. A. Coull,
    "Approximate is better than 'exact' for interval estimation of binomial proportions", The American Statistician 52
    (1998) 119-126.

    Args:
        hits: How many of them.
        n: Of how many.
        confidence: Two-sided confidence level.

    Raises:
        InvalidInput: More hits than answers, or a negative count.
    """
    _check_counts(hits, n - hits)
    if n == 0:
        return None
    z2 = normal_quantile(confidence) ** 2
    share = hits / n
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    reach = sqrt(z2) * sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    # At the ends the formula gives 0 and 1 but for rounding; say exactly that.
    low = 0.0 if hits == 0 else max(0.0, centre - reach)
    high = 1.0 if hits == n else min(1.0, centre + reach)
    return Interval(low=low, high=high, confidence=confidence)


def net_promoters(
    promoters: int, passives: int, detractors: int, confidence: float = CONFIDENCE
) -> NetPromoters | None:
    """The net promoter score with its adjusted-Wald interval; None where nobody answered.

    Add 3 to n and 3/4 each to promoters and detractors, then take the normal interval of the difference of two shares
    of one sample, whose variance is `p + d - (p - d)^2`, cut at -100 and 100.

    Sources: B. Rocks, "Interval estimation for the 'net promoter score'", The American Statistician 70 (2016) 365-372
    (arXiv:1601.07235), where it is among the best of six by coverage and width; J. Lewis and J. Sauro, "Confidence
    intervals for net promoter scores" (measuringu.com, 2021), who found the same on two real data sets.

    Raises:
        InvalidInput: A negative count.
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
            remedy="Give whole numbers from 0, and no more hits than answers",
        )
