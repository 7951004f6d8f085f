"""How long customers stay: the Kaplan-Meier curve with its errors, and what counts as leaving.

Pure arithmetic; no extra is needed.

Sources: E. L. Kaplan, P. Meier, "Nonparametric estimation from incomplete observations", Journal of the American
Statistical Association 53 (1958) 457-481. Standard errors by M. Greenwood, "The errors of sampling of the survivorship
tables", Reports on Public Health and Statistical Subjects 33 (1926). Intervals on the scale of log(-log S), which never
leave [0, 1]: J. D. Kalbfleisch, R. L. Prentice, *The Statistical Analysis of Failure Time Data*, 2nd ed. 2002, section
1.4; they keep their level for few observations better than plain ones (O. Borgan, K. Liestol, "A note on confidence
intervals and bands for the survival function based on transformations", Scandinavian Journal of Statistics 17 (1990)
35-41).
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from math import exp, isfinite, log, sqrt

from pydantic import BaseModel, ConfigDict

from relations.analytics.intervals import CONFIDENCE, Interval, normal_quantile
from relations.analytics.spells import Turn, spells
from relations.errors import InvalidInput
from relations.policies import Lifecycle

__all__ = ["SurvivalCurve", "SurvivalPoint", "survival_curve", "time_to_loss"]


class SurvivalPoint(BaseModel):
    """The curve from one time on, up to the next.

    Attributes:
        time: Since the beginning, in the caller's unit.
        at_risk: Who was still under observation just before.
        events: How many left at this time.
        censored: Of how many the observation ended at this time; they count as having stayed through it.
        survival: The share that stays beyond this time.
        standard_error: Greenwood's; None where nobody is left, for there the formula is 0 times infinity.
        interval: Around the survival; None before the first event and where nobody is left.
    """

    model_config = ConfigDict(frozen=True)

    time: float
    at_risk: int
    events: int
    censored: int
    survival: float
    standard_error: float | None
    interval: Interval | None


class SurvivalCurve(BaseModel):
    """How long a group stays.

    Attributes:
        n: How many were observed.
        events: How many left.
        points: One for each time at which somebody left or an observation ended.
        median: The first time beyond which no more than half stay; None where more do to the end.
    """

    model_config = ConfigDict(frozen=True)

    n: int
    events: int
    points: tuple[SurvivalPoint, ...]
    median: float | None

    def at(self, time: float) -> float | None:
        """The share that stays beyond a time; None after the last observation, unless nobody is left by then."""
        index = bisect_right(self.points, time, key=lambda point: point.time)
        if index == 0:
            return 1.0 if self.points and time >= 0 else None
        last = self.points[index - 1]
        known = index < len(self.points) or time == last.time or last.survival == 0
        return last.survival if known else None


def survival_curve(durations: Iterable[tuple[float, bool]], *, confidence: float = CONFIDENCE) -> SurvivalCurve:
    """Estimate how long people stay from some who left and some who have not yet.

    Args:
        durations: How long each was observed, and whether they left then (or the observation merely ended).
        confidence: Two-sided confidence level of the intervals.

    Raises:
        InvalidInput: A duration that is negative or no number, or a confidence that is none.
    """
    z = normal_quantile(confidence)
    left: Counter[float] = Counter()
    ended: Counter[float] = Counter()
    for time, event in durations:
        if not (time >= 0 and isfinite(time)):
            raise InvalidInput(f"{time} is not a duration", code="invalid_duration", hint="Give 0 or more")
        (left if event else ended)[time] += 1
    n = at_risk = left.total() + ended.total()
    points: list[SurvivalPoint] = []
    survival, spread = 1.0, 0.0
    for time in sorted(left.keys() | ended.keys()):
        events = left[time]
        stay = at_risk - events
        survival *= stay / at_risk  # a share first: so rounding can never lift the curve
        spread = spread + events / (at_risk * stay) if stay else 0.0
        points.append(
            SurvivalPoint(
                time=time,
                at_risk=at_risk,
                events=events,
                censored=ended[time],
                survival=survival,
                standard_error=survival * sqrt(spread) if survival else None,
                interval=_interval(survival, spread, z, confidence),
            )
        )
        at_risk = stay - ended[time]
    median = next((point.time for point in points if point.survival <= 0.5), None)
    return SurvivalCurve(n=n, events=left.total(), points=tuple(points), median=median)


def _interval(survival: float, spread: float, z: float, confidence: float) -> Interval | None:
    if not 0 < survival < 1:
        return None
    reach = z * sqrt(spread) / -log(survival)
    return Interval(low=survival ** exp(reach), high=survival ** exp(-reach), confidence=confidence)


def time_to_loss(
    days: Sequence[int], today: int, policy: Lifecycle, turns: Sequence[Turn] = ()
) -> tuple[int, bool] | None:
    """How long a customer stayed until they first were lost; None for who never bought.

    Hardly anybody gives notice, so leaving is a silence: a customer is lost on the first day on which the last sign of
    them is longer ago than the policy's limit, or on which their leaving was recorded. The clock starts at the first
    purchase and stops at that day, not at the last purchase, for that day is when it can be known; counted so, whoever
    is still within the limit is merely censored, and nobody's future decides today's figure. Coming back later is
    winning back, and does not undo the loss.

    Args:
        days: The ordinals of their purchase days, ascending, none after `today`.
        today: The ordinal of the last day that counts.
        policy: The limits.
        turns: When their leaving and coming back was recorded, ascending, none after `today`.
    """
    first = next(spells(days, policy, turns), None)
    if first is None:
        return None
    return (first.end + 1 - days[0], True) if first.end < today else (today - days[0], False)
