"""Figures of satisfaction from counts of answers: NPS, CSAT, other scales, questionnaires; and which are not shown.

**Suppression.** A group with fewer answers than the policy's minimum shows their number and nothing else. Where a whole
is shown as well, one hidden group could be reckoned from the whole less the groups that are shown; so as long as the
hidden groups of a cut have fewer answers than the minimum together, the smallest group that is shown is hidden too.
What can be told of hidden groups is then a figure of at least the minimum, which could have been shown as such. That
holds for every cut by itself, against the whole and against every other cut of the same answers; it does not hold
between reports over different spans of time, nor against somebody who knows single answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import sqrt
from typing import Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict

from relations.analytics.intervals import Interval, net_promoters, normal_quantile, wilson
from relations.policies import Instrument, Surveys
from relations.projections.answers import ItemAnswers

__all__ = [
    "CSAT_SCORES",
    "DIMENSIONS",
    "CsatFigure",
    "CsatInstrument",
    "Dimension",
    "Figure",
    "GapFigure",
    "NpsFigure",
    "ScaleFigure",
    "csat_figures",
    "gap_figures",
    "hidden",
    "nps_figures",
    "scale_figures",
    "scores_by_group",
]

Dimension: TypeAlias = Literal["month", "touchpoint", "channel", "language", "region", "segment", "complaint_outcome"]
CsatInstrument: TypeAlias = Literal["csat", "complaint_csat"]

DIMENSIONS: tuple[Dimension, ...] = ("month", "touchpoint", "channel")
"""What answers themselves tell; the other dimensions are of those who answer."""
PROMOTERS_FROM = 9
DETRACTORS_TO = 6
CSAT_SCORES = range(1, 6)


class Figure(BaseModel):
    """What every figure says of itself.

    Attributes:
        group: The group's value in each dimension asked for: `month` as `2024-05`, `touchpoint`, `channel`, `language`,
            `region`, `segment`, `complaint_outcome`; None is unknown. Empty for the whole.
        n: How many answered.
        suppressed: True where fewer answered than the policy's `minimum_answers`, or where the figure would give such a
            group away; all else but `n` is then absent.
        mean: The arithmetic mean of the scores; absent where nobody answered.
        interval: The confidence interval of the figure at the policy's level; absent where nobody answered.
    """

    model_config = ConfigDict(frozen=True)

    group: dict[Dimension, str | None]
    n: int
    suppressed: bool
    mean: float | None = None
    interval: Interval | None = None


class NpsFigure(Figure):
    """A net promoter score, from -100 to 100, never without its number of answers and its interval.

    Sources: Reichheld 2003 for the score; Rocks 2016 for the adjusted value and the interval, which has the score's
    unit (see `relations.analytics.intervals`).

    Attributes:
        nps: 100 x (promoters - detractors) / n; absent where suppressed, undefined (absent) where nobody answered.
        adjusted: The adjusted estimate, which few answers cannot drive to 100.
        promoters: Answers of 9 or 10.
        passives: Answers of 7 or 8.
        detractors: Answers of 0 to 6.
    """

    nps: float | None = None
    adjusted: float | None = None
    promoters: int | None = None
    passives: int | None = None
    detractors: int | None = None

    def __str__(self) -> str:
        if self.nps is None or self.interval is None:
            return _absent(self)
        return f"NPS {round(self.nps)} [{self.interval.low:.1f}, {self.interval.high:.1f}], n = {self.n}"


class CsatFigure(Figure):
    """The share of satisfied answers, from 0 to 1, with Wilson's interval in the same unit.

    Attributes:
        instrument: `csat`, or `complaint_csat` for the handling of complaints.
        share: Satisfied answers / n; absent where suppressed, undefined (absent) where nobody answered.
        satisfied: Answers at or above the policy's `csat_satisfied_from` (4 of 5: the usual top two).
        counts: How many answers each score from 1 to 5 had.
    """

    instrument: CsatInstrument
    share: float | None = None
    satisfied: int | None = None
    counts: dict[int, int] | None = None

    def __str__(self) -> str:
        if self.share is None or self.interval is None:
            return _absent(self)
        return f"CSAT {self.share:.1%} [{self.interval.low:.1%}, {self.interval.high:.1%}], n = {self.n}"


class ScaleFigure(Figure):
    """Answers on any other scale: customer effort, agreement, stars. The interval is the mean's (normal).

    Attributes:
        instrument: Its id.
        lowest: The low end of the scale.
        highest: The high end.
        higher_is_better: Whether a high score is a good one.
        method: How it is asked, where the policy says.
        spread: The standard deviation of the answers (n - 1); absent for fewer than two.
        counts: How many answers each score had.
    """

    instrument: str
    lowest: int
    highest: int
    higher_is_better: bool
    method: str | None = None
    spread: float | None = None
    counts: dict[int, int] | None = None

    def __str__(self) -> str:
        if self.mean is None:
            return _absent(self)
        return f"{self.instrument} {self.mean:.2f} of {self.lowest} to {self.highest}, n = {self.n}"


class GapFigure(Figure):
    """What was answered to one item, or one dimension, of a questionnaire; `mean` is of what was perceived.

    Where the questionnaire asks for expectations (SERVQUAL; Parasuraman, Zeithaml and Berry 1988), the interval is that
    of the gap; otherwise that of the mean.

    Attributes:
        instrument: Its id.
        dimension: The dimension; absent for all items together, and for items without one.
        item: The item; absent for a dimension.
        spread: The standard deviation of the answers, or of the gaps where there are expectations.
        expected: The mean of what was expected.
        gap: Perceived less expected, answer by answer: below 0, more was expected than found.
    """

    instrument: str
    dimension: str | None = None
    item: str | None = None
    spread: float | None = None
    expected: float | None = None
    gap: float | None = None


Group: TypeAlias = dict[Dimension, str | None]
Scores: TypeAlias = dict[int, int]


# --- groups ---------------------------------------------------------------------------------------------------------


def scores_by_group(rows: Iterable[Any], instrument: str, by: Sequence[Dimension]) -> list[tuple[Group, Scores]]:
    """How many answers each score had, in every group that answered, in the groups' order."""
    found: dict[tuple[str, ...], Scores] = {} if by else {(): {}}
    for row in rows:
        if row.instrument == instrument:
            scores = found.setdefault(tuple(getattr(row, dimension) for dimension in by), {})
            scores[row.score] = scores.get(row.score, 0) + row.answers
    return [(_named(by, group), scores) for group, scores in sorted(found.items())]


def _named(by: Sequence[Dimension], group: Sequence[str]) -> Group:
    return {dimension: value or None for dimension, value in zip(by, group, strict=True)}


def hidden(sizes: Sequence[int], minimum: int) -> set[int]:
    """Which groups of a cut, by place, are not shown: the small ones, and those that would give them away."""
    found = {place for place, n in enumerate(sizes) if 0 < n < minimum}
    shown = sorted((n, place) for place, n in enumerate(sizes) if n >= minimum)
    while found and shown and sum(sizes[place] for place in found) < minimum:
        found.add(shown.pop(0)[1])
    return found


# --- scales ---------------------------------------------------------------------------------------------------------


def nps_figures(rows: Iterable[Any], *, by: Sequence[Dimension], surveys: Surveys) -> list[NpsFigure]:
    """The net promoter score of every group that answered, in the groups' order; of the whole where `by` is empty."""
    groups = scores_by_group(rows, "nps", by)
    unseen = hidden([sum(scores.values()) for _, scores in groups], surveys.minimum_answers)
    return [_nps(group, scores, surveys, place in unseen) for place, (group, scores) in enumerate(groups)]


def csat_figures(
    rows: Iterable[Any], *, by: Sequence[Dimension], surveys: Surveys, instrument: CsatInstrument = "csat"
) -> list[CsatFigure]:
    """The share satisfied in every group that answered, in the groups' order; of the whole where `by` is empty."""
    groups = scores_by_group(rows, instrument, by)
    unseen = hidden([sum(scores.values()) for _, scores in groups], surveys.minimum_answers)
    return [_csat(group, scores, surveys, instrument, place in unseen) for place, (group, scores) in enumerate(groups)]


def scale_figures(
    rows: Iterable[Any], instrument: Instrument, *, by: Sequence[Dimension], surveys: Surveys
) -> list[ScaleFigure]:
    """Mean, spread and counts of every group that answered on a scale, in the groups' order."""
    groups = scores_by_group(rows, instrument.id, by)
    unseen = hidden([sum(scores.values()) for _, scores in groups], surveys.minimum_answers)
    return [_scale(group, scores, instrument, surveys, place in unseen) for place, (group, scores) in enumerate(groups)]


def _nps(group: Group, scores: Scores, surveys: Surveys, unseen: bool) -> NpsFigure:
    n = sum(scores.values())
    if unseen or not n:
        return NpsFigure(group=group, n=n, suppressed=unseen)
    promoters = sum(count for score, count in scores.items() if score >= PROMOTERS_FROM)
    detractors = sum(count for score, count in scores.items() if score <= DETRACTORS_TO)
    passives = n - promoters - detractors
    found = net_promoters(promoters, passives, detractors, surveys.confidence)
    assert found is not None  # noqa: S101 - n is not 0
    return NpsFigure(
        group=group,
        n=n,
        suppressed=False,
        mean=_mean(scores, n),
        interval=found.interval,
        nps=found.score,
        adjusted=found.adjusted,
        promoters=promoters,
        passives=passives,
        detractors=detractors,
    )


def _csat(group: Group, scores: Scores, surveys: Surveys, instrument: CsatInstrument, unseen: bool) -> CsatFigure:
    n = sum(scores.values())
    if unseen or not n:
        return CsatFigure(group=group, n=n, suppressed=unseen, instrument=instrument)
    satisfied = sum(count for score, count in scores.items() if score >= surveys.csat_satisfied_from)
    return CsatFigure(
        group=group,
        n=n,
        suppressed=False,
        mean=_mean(scores, n),
        interval=wilson(satisfied, n, surveys.confidence),
        instrument=instrument,
        share=satisfied / n,
        satisfied=satisfied,
        counts={score: scores.get(score, 0) for score in CSAT_SCORES},
    )


def _scale(group: Group, scores: Scores, instrument: Instrument, surveys: Surveys, unseen: bool) -> ScaleFigure:
    n = sum(scores.values())
    # An older policy may have had a wider scale.
    lowest = min([*scores, *([] if instrument.lowest is None else [instrument.lowest])], default=0)
    highest = max([*scores, *([] if instrument.highest is None else [instrument.highest])], default=0)
    figure = ScaleFigure(
        group=group,
        n=n,
        suppressed=unseen,
        instrument=instrument.id,
        lowest=lowest,
        highest=highest,
        higher_is_better=instrument.higher_is_better,
        method=instrument.method,
    )
    if unseen or not n:
        return figure
    total = sum(score * count for score, count in scores.items())
    spread = _spread(n, total, sum(score * score * count for score, count in scores.items()))
    return figure.model_copy(
        update={
            "mean": total / n,
            "interval": _of_mean(total / n, spread, n, surveys.confidence),
            "spread": spread,
            "counts": {score: scores.get(score, 0) for score in range(lowest, highest + 1)},
        }
    )


# --- questionnaires -------------------------------------------------------------------------------------------------


def gap_figures(
    rows: Iterable[ItemAnswers], instrument: Instrument, *, by: Sequence[Dimension], surveys: Surveys, items: bool
) -> list[GapFigure]:
    """Every dimension of a questionnaire and the whole, or every item, in every group that answered.

    Args:
        rows: The tally.
        instrument: The questionnaire.
        by: The dimensions to group by.
        surveys: The smallest number shown, and the confidence.
        items: Each item by itself instead of the dimensions.
    """
    of_item = {item.id: item.dimension for item in instrument.items}
    sums: dict[tuple[str | None, str | None], dict[tuple[str, ...], list[int]]] = {}
    for row in rows:
        if row.instrument != instrument.id:
            continue
        group = tuple(getattr(row, dimension) for dimension in by)
        numbers = (row.answers, row.total, row.squares, row.expecting, row.expected, row.gaps, row.gap_squares)
        dimension = of_item.get(row.item)
        for name in [(dimension, row.item)] if items else dict.fromkeys([(dimension, None), (None, None)]):
            into = sums.setdefault(name, {}).setdefault(group, [0] * len(numbers))
            for place, number in enumerate(numbers):
                into[place] += number
    order = {dimension: place for place, dimension in enumerate(dict.fromkeys(of_item.values()))}
    found = []
    for (dimension, item), groups in sorted(
        sums.items(), key=lambda entry: (order.get(entry[0][0], len(order)), entry[0][0] or "", entry[0][1] or "")
    ):
        listed = sorted(groups.items())
        unseen = hidden([numbers[0] for _, numbers in listed], surveys.minimum_answers)
        found += [
            _gap(_named(by, group), instrument.id, dimension, item, numbers, surveys, place in unseen)
            for place, (group, numbers) in enumerate(listed)
        ]
    return found


def _gap(
    group: Group,
    instrument: str,
    dimension: str | None,
    item: str | None,
    numbers: Sequence[int],
    surveys: Surveys,
    unseen: bool,
) -> GapFigure:
    n, total, squares, expecting, expected, gaps, gap_squares = numbers
    figure = GapFigure(group=group, n=n, suppressed=unseen, instrument=instrument, dimension=dimension, item=item)
    if unseen or not n:
        return figure
    mean, level = total / n, surveys.confidence
    if not expecting:
        spread = _spread(n, total, squares)
        return figure.model_copy(update={"mean": mean, "spread": spread, "interval": _of_mean(mean, spread, n, level)})
    gap, spread = gaps / expecting, _spread(expecting, gaps, gap_squares)
    return figure.model_copy(
        update={
            "mean": mean,
            "spread": spread,
            "expected": expected / expecting,
            "gap": gap,
            "interval": _of_mean(gap, spread, expecting, level),
        }
    )


# --- numbers --------------------------------------------------------------------------------------------------------


def _mean(scores: Scores, n: int) -> float:
    return sum(score * count for score, count in scores.items()) / n


def _spread(n: int, total: int, squares: int) -> float | None:
    """The standard deviation of whole numbers, from their number, their sum and that of their squares, exactly."""
    return sqrt((n * squares - total * total) / (n * (n - 1))) if n > 1 else None


def _of_mean(mean: float, spread: float | None, n: int, confidence: float) -> Interval | None:
    if spread is None:
        return None
    reach = normal_quantile(confidence) * spread / sqrt(n)
    return Interval(low=mean - reach, high=mean + reach, confidence=confidence)


def _absent(figure: Figure) -> str:
    return f"suppressed, n = {figure.n}" if figure.suppressed else "undefined, n = 0"
