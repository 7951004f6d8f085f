"""Satisfaction before a complaint and after its settlement, of the same customers.

Customers may be more satisfied after a good recovery than before the failure: the service recovery paradox (McCollough
and Bharadwaj, 1992). A meta-analysis found it for satisfaction, but not for the intention to buy again. So the paradox
is tested on the business's own answers, pair by pair, with an interval. It does not count towards retention, because a
satisfied customer may still leave. Source of the meta-analysis: de Matos, Henrique and Rossi, "Service recovery
paradox", *Journal of Service Research* 10, 2007, pages 60 to 77.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Literal, TypeAlias

from relations.analytics.intervals import Interval, mean_interval
from relations.json_form import ViewAnswer
from relations.projections.repair.moments import Answer, Moments
from relations.projections.repair.relation_state import ComplaintHistory, Relation

__all__ = ["BeforeAfter", "Pair", "before_and_after", "pairs_of", "years_by_customer"]

Paradox: TypeAlias = Literal["shown", "refuted", "unclear"]

_DAY = 86_400_000_000
Pair: TypeAlias = tuple[str, int, int]
"""An instrument, and a customer's scores before a complaint and after its settlement."""


class BeforeAfter(ViewAnswer):
    """Satisfaction before complaints and after their settlement, by the same customers' answers to the same question.

    Attributes:
        instrument: `csat` (1 to 5) or `nps` (0 to 10).
        pairs: The number of complaints with an answer before and after. Below the policy's minimum nothing else is
            shown.
        before: The mean score before.
        after: The mean score after.
        difference: The mean of the score after minus the score before.
        interval: Student's interval of the difference; None for a single pair.
        better: The number of pairs with a higher score after.
        same: The number of pairs with the same score.
        worse: The number of pairs with a lower score after.
        paradox: `shown` if the whole interval is above 0, so that complainants are more satisfied than before.
            `refuted` if its high end is not above 0; `unclear` otherwise.
        suppressed: True if there were too few pairs.
    """

    instrument: str
    pairs: int
    before: float | None = None
    after: float | None = None
    difference: float | None = None
    interval: Interval | None = None
    better: int | None = None
    same: int | None = None
    worse: int | None = None
    paradox: Paradox | None = None
    suppressed: bool = False


def pairs_of(relation: Relation, moments: Iterable[Moments], *, within_days: int, as_of: int) -> list[Pair]:
    """Return a customer's answers around their complaints: the last one before filing, the first after settlement.

    Answers between filing and settlement, or after the next complaint, do not count.

    Args:
        relation: The relation as of `as_of`.
        moments: The customer's years.
        within_days: The number of days before or after within which an answer counts.
        as_of: The moment, UTC microseconds.
    """
    answers = sorted(answer for year in moments for answer in year.answers if answer.at <= as_of)
    found: list[Pair] = []
    if not answers:
        return found
    opened = [history.rounds[0].opened_at for history in relation.histories]
    for n, history in enumerate(relation.histories):
        next_at = opened[n + 1] if n + 1 < len(opened) else as_of + 1
        previous = relation.histories[n - 1].rounds[-1].settled_at if n else None
        if n and previous is None:
            continue  # overlapping complaints cannot be separated
        found.extend(_around(history, answers, previous or 0, next_at, within_days * _DAY))
    return found


def _around(history: ComplaintHistory, answers: Sequence[Answer], begin: int, end: int, within: int) -> list[Pair]:
    filed_at, settled_at = history.rounds[0].opened_at, history.rounds[-1].settled_at
    if settled_at is None:
        return []
    before: dict[str, int] = {}
    after: dict[str, int] = {}
    for answer in answers:
        if max(begin, filed_at - within) <= answer.at < filed_at:
            before[answer.instrument] = answer.score
        elif settled_at <= answer.at < min(end, settled_at + within):
            after.setdefault(answer.instrument, answer.score)
    return [(instrument, before[instrument], after[instrument]) for instrument in sorted(before.keys() & after.keys())]


def before_and_after(pairs: Iterable[Pair], *, minimum: int, confidence: float) -> list[BeforeAfter]:
    """Return the figures of all pairs, by instrument.

    Args:
        pairs: The pairs of all customers.
        minimum: The minimum number of pairs that is shown.
        confidence: The confidence of the interval.
    """
    by_instrument: dict[str, list[tuple[int, int]]] = {}
    for instrument, before, after in pairs:
        by_instrument.setdefault(instrument, []).append((before, after))
    return [_figures(name, found, minimum, confidence) for name, found in sorted(by_instrument.items())]


def _figures(instrument: str, found: Sequence[tuple[int, int]], minimum: int, confidence: float) -> BeforeAfter:
    if len(found) < minimum:
        return BeforeAfter(instrument=instrument, pairs=len(found), suppressed=True)
    changes = [after - before for before, after in found]
    interval = mean_interval(changes, confidence)
    paradox: Paradox = "unclear"
    if interval is not None and interval.low > 0:
        paradox = "shown"
    elif interval is not None and interval.high <= 0:
        paradox = "refuted"
    return BeforeAfter(
        instrument=instrument,
        pairs=len(found),
        before=fmean(before for before, _ in found),
        after=fmean(after for _, after in found),
        difference=fmean(changes),
        interval=interval,
        better=sum(change > 0 for change in changes),
        same=sum(change == 0 for change in changes),
        worse=sum(change < 0 for change in changes),
        paradox=paradox,
    )


def years_by_customer(moments: Iterable[Moments]) -> Mapping[str, list[Moments]]:
    """Return the years of each customer."""
    found: dict[str, list[Moments]] = {}
    for year in moments:
        found.setdefault(year.customer, []).append(year)
    return found
