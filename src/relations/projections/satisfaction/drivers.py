"""Drivers of satisfaction: what was asked together with an outcome, and how much of it that explains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from relations.analytics.drivers import DriverReport, driver_report
from relations.errors import InvalidInput
from relations.extras import np
from relations.policies import Surveys
from relations.projections.columns import Array, Ints, distinct
from relations.projections.satisfaction.cuts import Facts
from relations.projections.satisfaction.respondents import ABSENT, Respondents

__all__ = ["complete_occasions", "survey_drivers"]


class _Occasions(NamedTuple):
    """Answers that were given together. Answers to one invitation, or about the same thing, belong to one occasion.

    Attributes:
        who: The number of each occasion's respondent.
        sums: By what was asked, the sum of each occasion's scores.
        counts: By what was asked, the number of each occasion's scores.
    """

    who: Ints
    sums: dict[str, Array]
    counts: dict[str, Array]

    def has(self, name: str) -> Array:
        """Return for each occasion whether something was answered."""
        return np.asarray(self.counts[name] > 0) if name in self.counts else np.zeros(len(self.who), np.bool_)


def survey_drivers(
    asked: Respondents, outcome: str, surveys: Surveys, drivers: Sequence[str], *, moment: int | None = None
) -> DriverReport:
    """Explain an outcome by drivers, over the occasions on which all of them were answered.

    Args:
        asked: The respondents.
        outcome: An instrument with one score.
        surveys: The instruments, with the dimensions of questionnaires.
        drivers: Names such as `csat`, `servqual.empathy` (a dimension: the mean of its items answered) or
            `mood.cold-warm` (an item). Empty: everything that was answered on at least half of the occasions.
        moment: Only answers given by then, UTC microseconds; None for all.

    Raises:
        InvalidInput: Too few respondents have complete occasions, nothing varies, or there are more than twelve
            drivers.
    """
    occasions = _occasions(asked, surveys, moment)
    has_outcome = occasions.has(outcome)
    if drivers:
        chosen = list(dict.fromkeys(drivers))
    else:
        half = np.count_nonzero(has_outcome)
        dimensioned = {f"{each.id}." for each in surveys.instruments if any(item.dimension for item in each.items)}
        items = {f"{each.id}.{item.id}" for each in surveys.instruments for item in each.items if item.dimension}
        chosen = sorted(
            name
            for name in occasions.counts
            if name != outcome
            and (times := np.count_nonzero(has_outcome & occasions.has(name)))
            and 2 * times >= half
            and not (name in items and any(map(name.startswith, dimensioned)))
        )
    complete = np.logical_and.reduce([has_outcome, *map(occasions.has, chosen)])
    respondents = len(distinct(occasions.who[complete]))
    if respondents < surveys.minimum_answers:
        raise InvalidInput(
            f"{respondents} respondents answered {outcome} together with {', '.join(chosen) or 'anything else'}",
            code="too_few_observations",
            field="drivers",
            hint="Ask for them on one invitation, or name drivers that were asked together with it",
        )

    def values(name: str) -> list[float]:
        found: list[float] = (occasions.sums[name][complete] / occasions.counts[name][complete]).tolist()
        return found

    return driver_report(outcome, values(outcome), {name: values(name) for name in chosen})


def complete_occasions(
    asked: Respondents, outcome: str, drivers: Sequence[str], surveys: Surveys
) -> list[tuple[int, list[float]]]:
    """Return the occasions on which an outcome and all drivers were answered: who answered, and each mean score.

    Args:
        asked: The respondents.
        outcome: The outcome, whose score comes first.
        drivers: The drivers, whose scores follow in this order.
        surveys: The instruments.
    """
    occasions = _occasions(asked, surveys, None)
    names = [outcome, *drivers]
    complete = np.logical_and.reduce([occasions.has(name) for name in names])
    columns = [(occasions.sums[name][complete] / occasions.counts[name][complete]).tolist() for name in names]
    return list(zip(occasions.who[complete].tolist(), map(list, zip(*columns, strict=True)), strict=True))


def _occasions(asked: Respondents, surveys: Surveys, moment: int | None) -> _Occasions:
    answers = asked.answers()
    if moment is not None:
        answers = answers.where(answers["at"] <= moment)
    width = int(answers["occasion"].max()) + 1 if len(answers) else 1
    _, first, which = np.unique(answers.who * width + answers["occasion"], return_index=True, return_inverse=True)
    number = np.empty(len(first), np.int64)
    number[np.argsort(first)] = np.arange(len(first))  # in the order of each one's first answer
    answers = answers.with_values(occasion=number[which])
    found = _Occasions(answers.who[np.sort(first)], {}, {})
    scored = answers.where(answers["score"] != ABSENT)
    names = [sort.instrument for sort in answers.sorts]
    _add(found, scored, scored.sort, names)
    items, texts = asked.inside("items", answers, "occasion"), asked.codes.texts
    pairs, which = np.unique(items.sort * len(texts) + items["item"], return_inverse=True)
    listed = [(names[pair // len(texts)], texts[pair % len(texts)]) for pair in pairs.tolist()]
    _add(found, items, which, [f"{instrument}.{item}" for instrument, item in listed])
    dimension_of = {(each.id, item.id): item.dimension for each in surveys.instruments for item in each.items}
    dimensions = [dimension_of.get(pair) for pair in listed]
    belongs = np.array([each is not None for each in dimensions], np.bool_)[which]
    in_dimension = [f"{pair[0]}.{dimension}" for pair, dimension in zip(listed, dimensions, strict=True)]
    _add(found, items.where(belongs), which[belongs], in_dimension)
    return found


def _add(occasions: _Occasions, facts: Facts, label: Ints, names: Sequence[str]) -> None:
    """Add scores to what was asked; `names` has the name of each label."""
    known = {name: number for number, name in enumerate(dict.fromkeys(names))}
    numbers = np.array([known[name] for name in names], np.int64)[label]
    count = len(occasions.who)
    for name, number in known.items():
        chosen = facts.where(numbers == number)
        if len(chosen):
            counts = np.bincount(chosen["occasion"], minlength=count)
            sums = np.bincount(chosen["occasion"], weights=chosen["score"].astype(np.float64), minlength=count)
            occasions.counts[name] = occasions.counts.get(name, 0) + counts
            occasions.sums[name] = occasions.sums.get(name, 0) + sums
