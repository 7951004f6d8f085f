"""Figures of satisfaction: NPS, CSAT, other scales, questionnaires.

A group with too few respondents shows their number and nothing else. So does a group whose figure would disclose such a
group together with the others. See `disclosure` for the rule, and `cuts` for what is decided together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from math import sqrt

from relations.analytics.intervals import Interval, mean_of_sums, net_promoters, wilson
from relations.extras import np
from relations.json_form import ViewAnswer
from relations.policies import Instrument, Surveys
from relations.policies.instruments import DETRACTORS_TO, PROMOTERS_FROM
from relations.projections.columns import Array, Ints, grouped_sums
from relations.projections.satisfaction.cuts import Cuts, Dimension, Group
from relations.projections.satisfaction.respondents import ABSENT

__all__ = [
    "CsatFigure",
    "GapFigure",
    "GroupFigure",
    "NpsFigure",
    "ScaleFigure",
    "csat_figures",
    "gap_figures",
    "nps_figures",
    "scale_figures",
]

CSAT_SCORES = range(1, 6)


class GroupFigure(ViewAnswer):
    """The fields that all figures have.

    Attributes:
        group: The group's value in each dimension of the question, such as `month` as `2024-05`; None is unknown. Empty
            for the whole.
        n: The number of answers; of a questionnaire, the number of people who answered.
        respondents: The number of people who gave them.
        suppressed: True if these are fewer than the policy's `minimum_answers`, or if the figure would disclose such a
            group; everything else is then absent.
        complete: False if the group's month is not over yet.
        mean: The arithmetic mean of the scores; absent if nobody answered.
        spread: The standard deviation of the answers (n - 1); absent for fewer than two.
        interval: The confidence interval of the figure at the policy's level; absent if nobody answered.
    """

    group: dict[Dimension, str | None]
    n: int
    respondents: int
    suppressed: bool
    complete: bool = True
    mean: float | None = None
    spread: float | None = None
    interval: Interval | None = None


class NpsFigure(GroupFigure):
    """A net promoter score, from -100 to 100, always with its number of answers and its interval.

    Sources: Reichheld 2003 for the score; Rocks 2016 for the adjusted value and the interval, which has the score's
    unit (see `relations.analytics.intervals`).

    Attributes:
        instrument: The instrument's id: `nps`, or another of that kind.
        nps: 100 x (promoters - detractors) / n; absent if suppressed or if nobody answered.
        adjusted: The adjusted estimate, which a few answers cannot push to 100.
        promoters: Answers of 9 or 10.
        passives: Answers of 7 or 8.
        detractors: Answers of 0 to 6.
    """

    instrument: str = "nps"
    nps: float | None = None
    adjusted: float | None = None
    promoters: int | None = None
    passives: int | None = None
    detractors: int | None = None

    def __str__(self) -> str:
        if self.nps is None or self.interval is None:
            return _absent(self)
        return f"NPS {round(self.nps)} [{self.interval.low:.1f}, {self.interval.high:.1f}], n = {self.n}"


class CsatFigure(GroupFigure):
    """The share of satisfied answers, from 0 to 1, with Wilson's interval in the same unit.

    Attributes:
        instrument: The instrument's id: `csat`, another of that kind, or `complaint_csat` for complaints' handling.
        share: Satisfied answers / n; absent if suppressed or if nobody answered.
        satisfied: Answers at or above the policy's `csat_satisfied_from` (by default 4 of 5: the usual top two).
        counts: The number of answers with each score from 1 to 5.
    """

    instrument: str
    share: float | None = None
    satisfied: int | None = None
    counts: dict[int, int] | None = None

    def __str__(self) -> str:
        if self.share is None or self.interval is None:
            return _absent(self)
        return f"CSAT {self.share:.1%} [{self.interval.low:.1%}, {self.interval.high:.1%}], n = {self.n}"


class ScaleFigure(GroupFigure):
    """Answers on any other scale: customer effort, agreement, stars.

    The interval is that of the mean, with Student's quantile. It counts people, not answers, if somebody answered
    several times (see `relations.analytics.intervals.mean_by_respondent`).

    Attributes:
        instrument: The instrument's id.
        lowest: The low end of the scale.
        highest: The high end of the scale.
        higher_is_better: True if a high score is a good one.
        method: The method by which it is asked, if the policy names one.
        counts: The number of answers with each score.
    """

    instrument: str
    lowest: int
    highest: int
    higher_is_better: bool
    method: str | None = None
    counts: dict[int, int] | None = None

    def __str__(self) -> str:
        if self.mean is None:
            return _absent(self)
        return f"{self.instrument} {self.mean:.2f} of {self.lowest} to {self.highest}, n = {self.n}"


class GapFigure(GroupFigure):
    """Answers to one item or one dimension of a questionnaire; `mean` is that of the perception.

    If the questionnaire asks for expectations (SERVQUAL; Parasuraman, Zeithaml and Berry 1988), spread and interval are
    those of the gaps; otherwise those of the answers. One person's items depend on each other, so `n` and the interval
    count people, not items.

    Attributes:
        instrument: The questionnaire's id.
        answers: The number of items answered.
        dimension: The dimension; absent for all items together, and for items without one.
        item: The item; absent for a dimension.
        expected: The mean of the expectation.
        gap: Perception less expectation, answer by answer; below 0, more was expected than found.
    """

    instrument: str
    answers: int
    dimension: str | None = None
    item: str | None = None
    expected: float | None = None
    gap: float | None = None


# --- scales ---------------------------------------------------------------------------------------------------------


def nps_figures(cuts: Cuts, *, by: Sequence[Dimension], surveys: Surveys, instrument: str = "nps") -> list[NpsFigure]:
    """Return the net promoter score of every group, in the groups' order; without `by`, of the whole."""
    return [_nps(group, surveys, instrument) for group in cuts.groups(by)]


def csat_figures(
    cuts: Cuts, *, by: Sequence[Dimension], surveys: Surveys, instrument: str = "csat"
) -> list[CsatFigure]:
    """Return the share of satisfied answers in every group, in the groups' order; without `by`, of the whole."""
    return [_csat(group, surveys, instrument) for group in cuts.groups(by)]


def scale_figures(
    cuts: Cuts, instrument: Instrument, *, by: Sequence[Dimension], surveys: Surveys
) -> list[ScaleFigure]:
    """Return mean, spread and counts of every group on a scale, in the groups' order; without `by`, of the whole."""
    return [_scale(group, instrument, surveys) for group in cuts.groups(by)]


def _nps(group: Group, surveys: Surveys, instrument: str) -> NpsFigure:
    n, counts = len(group.facts), _counts(group.facts["score"])
    figure = NpsFigure(
        group=group.of, n=n, respondents=group.respondents, suppressed=not group.shown, instrument=instrument
    )
    promoters = sum(count for score, count in counts.items() if score >= PROMOTERS_FROM)
    detractors = sum(count for score, count in counts.items() if score <= DETRACTORS_TO)
    passives = n - promoters - detractors
    found = net_promoters(promoters, passives, detractors, surveys.confidence)
    if not group.shown or found is None:
        return figure
    return figure.model_copy(
        update={
            "mean": _mean(counts),
            "spread": _spread(counts),
            "interval": found.interval,
            "nps": found.score,
            "adjusted": found.adjusted,
            "promoters": promoters,
            "passives": passives,
            "detractors": detractors,
        }
    )


def _csat(group: Group, surveys: Surveys, instrument: str) -> CsatFigure:
    n, counts = len(group.facts), _counts(group.facts["score"])
    figure = CsatFigure(
        group=group.of, n=n, respondents=group.respondents, suppressed=not group.shown, instrument=instrument
    )
    if not group.shown or not n:
        return figure
    satisfied = sum(count for score, count in counts.items() if score >= surveys.csat_satisfied_from)
    return figure.model_copy(
        update={
            "mean": _mean(counts),
            "spread": _spread(counts),
            "interval": wilson(satisfied, n, surveys.confidence),
            "share": satisfied / n,
            "satisfied": satisfied,
            "counts": {score: counts.get(score, 0) for score in CSAT_SCORES},
        }
    )


def _scale(group: Group, instrument: Instrument, surveys: Surveys) -> ScaleFigure:
    counts = _counts(group.facts["score"])
    # An older policy may have had a wider scale.
    lowest = min([*counts, *([] if instrument.lowest is None else [instrument.lowest])], default=0)
    highest = max([*counts, *([] if instrument.highest is None else [instrument.highest])], default=0)
    figure = ScaleFigure(
        group=group.of,
        n=len(group.facts),
        respondents=group.respondents,
        suppressed=not group.shown,
        instrument=instrument.id,
        lowest=lowest,
        highest=highest,
        higher_is_better=instrument.higher_is_better,
        method=instrument.method,
    )
    if not group.shown or not counts:
        return figure
    return figure.model_copy(
        update={
            "mean": _mean(counts),
            "spread": _spread(counts),
            "interval": mean_of_sums(_by_respondent(group.facts.who, group.facts["score"]), surveys.confidence),
            "counts": {score: counts.get(score, 0) for score in range(lowest, highest + 1)},
        }
    )


# --- questionnaires -------------------------------------------------------------------------------------------------


def gap_figures(
    cuts: Cuts, instrument: Instrument, *, by: Sequence[Dimension], surveys: Surveys, items: bool
) -> list[GapFigure]:
    """Return every dimension of a questionnaire and the whole, or every item, in every group with an answer.

    Args:
        cuts: The answers to its items.
        instrument: The questionnaire.
        by: The dimensions to group by.
        surveys: The smallest number shown, and the confidence level.
        items: Give each item on its own instead of the dimensions.
    """
    dimensions = list(dict.fromkeys(item.dimension for item in instrument.items if item.dimension is not None))

    def order(group: Group) -> tuple[int, str, list[str]]:
        dimension, item = group.part
        known = dimensions.index(dimension) if dimension in dimensions else len(dimensions)
        return known, item or "", [value or "" for value in group.of.values()]

    chosen = [group for group in cuts.groups(by) if len(group.facts) and (group.part[1] is not None) == items]
    return [_gap(group, instrument.id, surveys) for group in sorted(chosen, key=order)]


def _gap(group: Group, instrument: str, surveys: Surveys) -> GapFigure:
    facts = group.facts
    dimension, item = group.part
    figure = GapFigure(
        group=group.of,
        n=group.respondents,
        respondents=group.respondents,
        suppressed=not group.shown,
        instrument=instrument,
        answers=len(facts),
        dimension=dimension,
        item=item,
    )
    if not group.shown:
        return figure
    is_expecting = facts["expected"] != ABSENT
    expecting = facts.where(is_expecting)
    who, values, gap = facts.who, facts["score"], None
    if len(expecting):
        who, values = expecting.who, expecting["score"] - expecting["expected"]
        gap = _mean(_counts(values))
    return figure.model_copy(
        update={
            "mean": _mean(_counts(facts["score"])),
            "spread": _spread(_counts(values)),
            "expected": _mean(_counts(expecting["expected"])) if len(expecting) else None,
            "gap": gap,
            "interval": mean_of_sums(_by_respondent(who, values), surveys.confidence),
        }
    )


# --- numbers --------------------------------------------------------------------------------------------------------


def _counts(numbers: Array) -> Mapping[int, int]:
    """Return how often each number occurs, in their order."""
    found, counts = np.unique(numbers, return_counts=True)
    return dict(zip(found.tolist(), counts.tolist(), strict=True))


def _mean(counts: Mapping[int, int]) -> float:
    return sum(number * count for number, count in counts.items()) / sum(counts.values())


def _spread(counts: Mapping[int, int]) -> float | None:
    """Return the standard deviation of whole numbers, exact up to the last division."""
    n, total = sum(counts.values()), sum(number * count for number, count in counts.items())
    squares = sum(number * number * count for number, count in counts.items())
    return sqrt((n * squares - total * total) / (n * (n - 1))) if n > 1 else None


def _by_respondent(who: Ints, numbers: Array) -> Counter[tuple[int, int]]:
    """Return how many respondents have each sum and number of answers."""
    order = np.argsort(who, kind="stable")
    people, which = np.unique(who, return_inverse=True)
    sums = grouped_sums(numbers[order], which[order], len(people)).tolist()
    return Counter(zip(sums, np.bincount(which).tolist(), strict=True))


def _absent(figure: GroupFigure) -> str:
    return f"suppressed, n = {figure.n}" if figure.suppressed else "undefined, n = 0"
