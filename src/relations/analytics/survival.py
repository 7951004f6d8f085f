"""The Kaplan-Meier curve of how long customers stay, with its errors, and the definition of leaving.

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
from math import exp, isfinite, log, prod, sqrt

from relations.analytics.intervals import CONFIDENCE, Interval, normal_quantile
from relations.analytics.spells import Turn, spells
from relations.errors import InvalidInput
from relations.json_form import ViewAnswer
from relations.policies import Lifecycle

__all__ = ["SurvivalCurve", "SurvivalPoint", "survival_curve", "time_to_loss"]

_ROUNDING = 1e-9  # more than a product of thousands of shares can be off


class SurvivalPoint(ViewAnswer):
    """The curve from one time up to the next.

    Attributes:
        time: The time since the beginning, in the caller's unit.
        at_risk: The number still under observation just before.
        events: The number who left at this time.
        censored: The number whose observation ended at this time; they count as having stayed through it.
        survival: The share that stays beyond this time.
        standard_error: Greenwood's standard error; None if nobody is left, since the formula is then 0 times infinity.
        interval: The confidence interval; None before the first event and if nobody is left.
    """

    time: float
    at_risk: int
    events: int
    censored: int
    survival: float
    standard_error: float | None
    interval: Interval | None


class SurvivalCurve(ViewAnswer):
    """The survival curve of a group.

    Attributes:
        n: The number of people observed.
        events: The number who left.
        points: One for each time at which somebody left or an observation ended.
        median: The first time beyond which at most half stay; None if more than half stay to the end.
    """

    n: int
    events: int
    points: tuple[SurvivalPoint, ...]
    median: float | None

    def at(self, time: float) -> float | None:
        """Return the share that stays beyond a time; None after the last observation, unless nobody is left by then."""
        index = bisect_right(self.points, time, key=lambda point: point.time)
        if index == 0:
            return 1.0 if self.points and time >= 0 else None
        last = self.points[index - 1]
        known = index < len(self.points) or time == last.time or last.survival == 0
        return last.survival if known else None


def survival_curve(durations: Iterable[tuple[float, bool]], *, confidence: float = CONFIDENCE) -> SurvivalCurve:
    """Estimate how long people stay, from some who left and some who have not left yet.

    Args:
        durations: The time for which each was observed, and True if they left then, False if the observation ended.
        confidence: The two-sided confidence level of the intervals.

    Raises:
        InvalidInput: A duration is negative or not a number, or the confidence level is invalid.
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
        survival *= stay / at_risk  # the share first, so that rounding can never raise the curve
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
    median = next((point.time for place, point in enumerate(points) if _is_at_most_half(points, place)), None)
    return SurvivalCurve(n=n, events=left.total(), points=tuple(points), median=median)


def _is_at_most_half(points: Sequence[SurvivalPoint], place: int) -> bool:
    """Return whether at most half stay at a point; where the rounded share cannot say it, count with whole numbers.

    A product of rounded shares ends next to a half where exactly half stay: at 0.5000000000000001 after 3 of 6.
    """
    survival = points[place].survival
    if abs(survival - 0.5) > _ROUNDING:
        return survival < 0.5
    steps = [point for point in points[: place + 1] if point.events]
    return 2 * prod(step.at_risk - step.events for step in steps) <= prod(step.at_risk for step in steps)


def _interval(survival: float, spread: float, z: float, confidence: float) -> Interval | None:
    if not 0 < survival < 1:
        return None
    reach = z * sqrt(spread) / -log(survival)
    return Interval(low=survival ** exp(reach), high=survival ** exp(-reach), confidence=confidence)


def time_to_loss(
    days: Sequence[int], today: int, policy: Lifecycle, turns: Sequence[Turn] = ()
) -> tuple[int, bool] | None:
    """Return the days from the first purchase until the customer was first lost; None without any purchase.

    Hardly any customer gives notice, so leaving is a silence. A customer is lost on the first day on which the last
    sign of life is longer ago than the policy's limit. The day of a recorded departure counts as such a day. The clock
    stops on that day, not at the last purchase, since it could not be known earlier. Customers within the limit are
    censored, so no future purchase changes today's figure. A later return does not undo the loss.

    Args:
        days: The ordinals of the purchase days, ascending, none after `today`.
        today: The ordinal of the last day that counts.
        policy: The limits.
        turns: Recorded departures and returns, ascending, none after `today`.

    Returns:
        The days observed, and True if the customer was lost at their end.
    """
    first = next(spells(days, policy, turns), None)
    if first is None:
        return None
    return (first.end + 1 - days[0], True) if first.end < today else (today - days[0], False)
