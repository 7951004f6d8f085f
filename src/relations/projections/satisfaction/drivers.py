"""Drivers of satisfaction: what was asked together with an outcome, and how much of it that explains."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from relations.analytics.drivers import DriverReport, driver_report
from relations.errors import InvalidInput
from relations.policies import Surveys
from relations.projections.satisfaction.cuts import Fact

__all__ = ["survey_drivers"]


def survey_drivers(answers: Iterable[Fact], outcome: str, surveys: Surveys, drivers: Sequence[str]) -> DriverReport:
    """Explain an outcome by drivers, over the occasions on which all of them were answered.

    Answers belong to one occasion if they answer one invitation, or are about the same thing.

    Args:
        answers: Answers whose content is a `Said`.
        outcome: An instrument with one score.
        surveys: The instruments, with the dimensions of questionnaires.
        drivers: Names such as `csat`, `servqual.empathy` (a dimension: the mean of its items answered) or
            `mood.cold-warm` (an item). Empty: everything that was answered on at least half of the occasions.

    Raises:
        InvalidInput: Too few respondents have complete occasions, nothing varies, or there are more than twelve
            drivers.
    """
    occasions = [(who, values) for who, values in _occasions(answers, surveys) if outcome in values]
    if drivers:
        chosen = list(dict.fromkeys(drivers))
    else:
        asked = Counter(name for _, values in occasions for name in values if name != outcome)
        dimensioned = {f"{each.id}." for each in surveys.instruments if any(item.dimension for item in each.items)}
        items = {f"{each.id}.{item.id}" for each in surveys.instruments for item in each.items if item.dimension}
        chosen = sorted(
            name
            for name, times in asked.items()
            if 2 * times >= len(occasions) and not (name in items and any(map(name.startswith, dimensioned)))
        )
    asked_all = [(who, values) for who, values in occasions if all(name in values for name in chosen)]
    complete = [values for _, values in asked_all]
    respondents = len({who for who, _ in asked_all})
    if respondents < surveys.minimum_answers:
        raise InvalidInput(
            f"{respondents} respondents answered {outcome} together with {', '.join(chosen) or 'anything else'}",
            code="too_few_observations",
            field="drivers",
            hint="Ask for them on one invitation, or name drivers that were asked together with it",
        )
    return driver_report(
        outcome,
        [values[outcome] for values in complete],
        {name: [values[name] for values in complete] for name in chosen},
    )


def _occasions(answers: Iterable[Fact], surveys: Surveys) -> Iterator[tuple[str, dict[str, float]]]:
    dimension_of = {
        (each.id, item.id): item.dimension for each in surveys.instruments for item in each.items if item.dimension
    }
    together: dict[tuple[str, str, str], dict[str, list[float]]] = {}
    for fact in answers:
        name, given = fact.content
        if given.invitation is not None:
            key = fact.who, "invitation", given.invitation
        else:
            key = (fact.who, "regarding", given.regarding) if given.regarding else (fact.who, "answer", name)
        values = together.setdefault(key, {})
        if given.score is not None:
            values.setdefault(given.instrument, []).append(given.score)
        for answer in given.items:
            values.setdefault(f"{given.instrument}.{answer.item}", []).append(answer.score)
            dimension = dimension_of.get((given.instrument, answer.item))
            if dimension is not None:
                values.setdefault(f"{given.instrument}.{dimension}", []).append(answer.score)
    for (who, _, _), values in together.items():
        yield who, {name: sum(scores) / len(scores) for name, scores in values.items()}
