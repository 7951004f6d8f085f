"""The figures of satisfaction that can be explained, with the answers and invitations that they count."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import sqrt
from typing import Any, Literal

from relations.aggregates.complaint import ComplaintFollowedUp
from relations.aggregates.customer import FeedbackCorrected, FeedbackGiven, InvitationDeclined, InvitationSent
from relations.analytics.drivers import shares_of_correlations
from relations.messages import Event
from relations.policies import Surveys
from relations.policies.instruments import DETRACTORS_TO, PROMOTERS_FROM
from relations.projections.columns import Codes
from relations.projections.explained_figures import (
    ExplainableFigure,
    FigureAnswer,
    FigurePart,
    nothing_there,
    reason_to_hide,
    share_of,
)
from relations.projections.satisfaction.answers import COMPLAINT_CSAT, Respondent
from relations.projections.satisfaction.cuts import DIMENSIONS, Cuts, Group
from relations.projections.satisfaction.drivers import complete_occasions
from relations.projections.satisfaction.respondents import ABSENT, Respondents
from relations.projections.satisfaction.response_rates import invitation_groups
from relations.projections.view import View

__all__ = ["FIGURES"]

_DIMENSIONS = tuple(name for name in DIMENSIONS if name != "segment")
_MINIMUM = "surveys.minimum_answers"
_ANSWERS: dict[type[Event], str | None] = {
    FeedbackGiven: "feedback",
    FeedbackCorrected: "feedback",
    ComplaintFollowedUp: None,
}
_INVITATIONS: dict[type[Event], str | None] = {
    InvitationSent: "invitation",
    FeedbackGiven: "invitation",
    InvitationDeclined: "invitation",
}

_PARTS = ("dimension", "item")
_OCCASIONS, _OUTCOME, _WANTED, _OTHER, _TIMES = "occasions", "outcome", "driver ", "other driver ", " x "

Added = Callable[[int, Surveys], Mapping[str, float]]
"""What an answer with a score adds to the sums."""


def _of_answers(
    question: Literal["nps", "csat", "scale"], usual: str, value: str, added: Added
) -> Callable[[View, Mapping[str, str]], FigureAnswer]:
    """Return the function that explains a figure of an instrument with one score.

    Args:
        question: The view's question.
        usual: The instrument, if none is asked for.
        value: The attribute of the question's answer.
        added: What an answer adds.
    """

    def ask(view: Any, of: Mapping[str, str]) -> FigureAnswer:
        instrument = of.get("instrument", usual)
        group = _asked_group(of, without="instrument")
        shown = getattr(view, question)(instrument=instrument, by=tuple(group))
        asked = _respondents(view)
        facts = asked.scores(instrument)
        groups = Cuts(facts, view.policy.surveys.minimum_answers, tuple(group)).groups(tuple(group))

        def part(who: str, name: str, score: int, *, is_shown: bool) -> FigurePart:
            sums = added(score, view.policy.surveys) if is_shown else {}
            return FigurePart(who, {"answers": 1, **sums}, _named(name, instrument))

        return _answer(
            instrument if instrument == usual else f"{question} by {instrument}",
            of,
            asked,
            view,
            groups,
            group,
            shown,
            value,
            ("score",),
            part,
        )

    return ask


def _of_items(value: str) -> Callable[[View, Mapping[str, str]], FigureAnswer]:
    """Return the function that explains a figure of a questionnaire: of the whole, a dimension or an item.

    Args:
        value: The attribute of `GapFigure`.
    """

    def ask(view: Any, of: Mapping[str, str]) -> FigureAnswer:
        named, surveys = of.get("instrument", "servqual"), view.policy.surveys
        group = _asked_group({name: said for name, said in of.items() if name not in ("instrument", *_PARTS)})
        item, dimension = of.get("item"), of.get("dimension")
        shown = view.gaps(named, by=tuple(group), items=item is not None)
        found = [each for each in shown if item in (None, each.item) and dimension == each.dimension]
        if item is not None:
            found = [each for each in shown if each.item == item and dimension in (None, each.dimension)]
        instrument, asked = surveys.instrument(named), _respondents(view)
        cuts = Cuts(asked.items(instrument, "name"), surveys.minimum_answers, tuple(group))
        parts_wanted = {(each.dimension, each.item) for each in found}
        groups = [each for each in cuts.groups(tuple(group)) if each.part in parts_wanted]

        def part(who: str, name: str, score: int, expected: int, *, is_shown: bool) -> FigurePart:
            if not is_shown:
                return FigurePart(who, {"answers": 1}, name.partition("@")[0])
            sums = {"answers": 1, "score": score}
            if expected != ABSENT:
                sums |= {"expecting": 1, "found": score, "expected": expected}
            return FigurePart(who, sums, name.partition("@")[0])

        return _answer(f"{value} by {named}", of, asked, view, groups, group, found, value, ("score", "expected"), part)

    return ask


def _of_drivers(view: Any, of: Mapping[str, str]) -> FigureAnswer:
    """Return R squared of all drivers of an outcome, or the share of one of them."""
    outcome, wanted = of.get("outcome", "nps"), of.get("driver")
    report = view.drivers(outcome)
    if wanted is not None and wanted not in {each.name for each in report.drivers}:
        raise nothing_there("driver", of)
    asked = _respondents(view)
    names = sorted((each.name for each in report.drivers), key=lambda name: (name != wanted, name))
    labels = [_OUTCOME, *(f"{_WANTED if name == wanted else _OTHER}{name}" for name in names)]
    parts = []
    constant = list(report.constant)
    for who, values in complete_occasions(asked, outcome, [*names, *constant], view.policy.surveys):
        listed = list(zip(labels, values, strict=False))
        added: dict[str, float] = {_OCCASIONS: 1, **dict(listed)}
        added |= {
            f"{one}{_TIMES}{other}": x * y for place, (one, x) in enumerate(listed) for other, y in listed[place:]
        }
        parts.append(FigurePart(asked.names[who], added))
    found = next((each.share for each in report.drivers if each.name == wanted), report.r_squared)
    return FigureAnswer(found, parts, computed_from={"drivers": names, "r_squared": report.r_squared})


def _explained(sums: Mapping[str, float]) -> float | None:
    """Return R squared, or the share of the driver asked about, from the sums of values and of their products."""
    names = [name for name in sums if name != _OCCASIONS and _TIMES not in name]
    n = sums.get(_OCCASIONS, 0)
    if not n:
        return None

    def moment(one: int, other: int) -> float:
        low, high = sorted((one, other))
        return sums[f"{names[low]}{_TIMES}{names[high]}"] / n - sums[names[low]] / n * (sums[names[high]] / n)

    def correlation(one: int, other: int) -> float:
        return moment(one, other) / sqrt(moment(one, one) * moment(other, other))

    drivers = range(1, len(names))
    r_squared, shares = shares_of_correlations(
        [[correlation(one, other) for other in drivers] for one in drivers], [correlation(one, 0) for one in drivers]
    )
    return shares[0] if names[1].startswith(_WANTED) else r_squared


def _of_invitations(view: Any, of: Mapping[str, str]) -> FigureAnswer:
    group = _asked_group(of)
    shown = view.response_rates(by=tuple(group))
    asked = _respondents(view)
    groups = invitation_groups(asked, by=tuple(group), surveys=view.policy.surveys)

    def part(who: str, name: str, answered_at: int, *, is_shown: bool) -> FigurePart:
        answered = {"answered": int(answered_at != ABSENT)} if is_shown else {}
        return FigurePart(who, {"sent": 1, **answered}, name)

    return _answer("response rate", of, asked, view, groups, group, shown, "rate", ("answered",), part)


def _answer(
    name: str,
    of: Mapping[str, str],
    asked: Respondents,
    view: View,
    groups: Sequence[Group],
    wanted: Mapping[str, str | None],
    figures: Sequence[Any],
    value: str,
    content: Sequence[str],
    part: Callable[..., FigurePart],
) -> FigureAnswer:
    """Return the answer about one group, with a part for each fact in it, made of its name and its `content`."""
    found = next((group for group in groups if group.of == wanted), None)
    shown = next((figure for figure in figures if figure.group == wanted), None)
    if found is None or shown is None:
        raise nothing_there(name, of)
    columns = [found.facts[name].tolist() for name in ("name", *content)]
    listed = zip(found.facts.who.tolist(), *columns, strict=True)
    parts = [part(asked.names[who], *said, is_shown=found.shown) for who, *said in listed]
    hidden = None if found.shown else reason_to_hide(found.respondents, view.policy.surveys.minimum_answers)
    return FigureAnswer(getattr(shown, value), parts, hidden)


def _asked_group(of: Mapping[str, str], without: str = "") -> dict[str, str | None]:
    return {name: value or None for name, value in of.items() if name != without}


def _respondents(view: View) -> Respondents:
    return Respondents.of_rows(view.rows(Respondent), Codes(), view.local)


def _named(name: str, instrument: str) -> str:
    """Return the id of an answer, or the place of a complaint's follow-up."""
    return name if instrument == COMPLAINT_CSAT else name.partition("@")[0]


def _group_of_nps(score: int, _surveys: Surveys) -> dict[str, float]:
    return {"promoters": int(score >= PROMOTERS_FROM), "detractors": int(score <= DETRACTORS_TO)}


def _scored(score: int, _surveys: Surveys) -> dict[str, float]:
    return {"score": score}


def _satisfied(score: int, surveys: Surveys) -> dict[str, float]:
    return {"satisfied": int(score >= surveys.csat_satisfied_from)}


def _nps(sums: Mapping[str, float]) -> float | None:
    return 100 * (sums["promoters"] - sums["detractors"]) / sums["answers"] if sums.get("answers") else None


FIGURES = (
    ExplainableFigure(
        name="nps",
        rule=f"100 * (promoters - detractors) / answers. Promoters answer {PROMOTERS_FROM} or 10, detractors 0 to "
        f"{DETRACTORS_TO}. An invitation counts once, by the answer recorded first.",
        value=_nps,
        ask=_of_answers("nps", "nps", "nps", _group_of_nps),
        events=_ANSWERS,
        of=("instrument", *_DIMENSIONS),
        settings=(_MINIMUM,),
    ),
    ExplainableFigure(
        name="csat",
        rule="Satisfied answers / answers. An invitation counts once, by the answer recorded first.",
        value=share_of("satisfied", "answers"),
        ask=_of_answers("csat", "csat", "share", _satisfied),
        events=_ANSWERS,
        of=("instrument", *_DIMENSIONS),
        settings=("surveys.csat_satisfied_from", _MINIMUM),
    ),
    ExplainableFigure(
        name="ces",
        rule="The sum of the scores / answers. An invitation counts once, by the answer recorded first.",
        value=share_of("score", "answers"),
        ask=_of_answers("scale", "ces", "mean", _scored),
        events=_ANSWERS,
        of=("instrument", *_DIMENSIONS),
        settings=(_MINIMUM,),
    ),
    ExplainableFigure(
        name="gap",
        rule="(What was found - what was expected) / answers to items with an expectation, answer by answer.",
        value=lambda sums: (sums["found"] - sums["expected"]) / sums["expecting"] if sums.get("expecting") else None,
        ask=_of_items("gap"),
        events=_ANSWERS,
        of=("instrument", *_PARTS, *_DIMENSIONS),
        settings=(_MINIMUM,),
    ),
    ExplainableFigure(
        name="perception",
        rule="The sum of the scores / answers to the items of a questionnaire.",
        value=share_of("score", "answers"),
        ask=_of_items("mean"),
        events=_ANSWERS,
        of=("instrument", *_PARTS, *_DIMENSIONS),
        settings=(_MINIMUM,),
    ),
    ExplainableFigure(
        name="drivers",
        rule="R squared of a linear regression of the outcome on all drivers, from their correlations. With a driver: "
        "what it adds to R squared, averaged over all orders of entering the drivers (LMG, Shapley). Only occasions "
        "on which the outcome and all drivers were answered count.",
        value=_explained,
        ask=_of_drivers,
        events=_ANSWERS,
        of=("outcome", "driver"),
        settings=(_MINIMUM,),
    ),
    ExplainableFigure(
        name="response_rate",
        rule="Answered invitations / sent invitations, by the month of sending.",
        value=share_of("answered", "sent"),
        ask=_of_invitations,
        events=_INVITATIONS,
        of=("instrument", *_DIMENSIONS),
        settings=(_MINIMUM,),
    ),
)
