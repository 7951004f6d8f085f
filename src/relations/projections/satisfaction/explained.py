"""The figures of satisfaction that can be explained, with the answers and invitations that they count."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from relations.aggregates.complaint import ComplaintFollowedUp
from relations.aggregates.customer import FeedbackCorrected, FeedbackGiven, InvitationDeclined, InvitationSent
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
)
from relations.projections.satisfaction.answers import COMPLAINT_CSAT, Respondent
from relations.projections.satisfaction.cuts import DIMENSIONS, Cuts, Group
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

Added = Callable[[int, Surveys], Mapping[str, float]]
"""What an answer with a score adds to the sums."""


def _of_answers(
    question: str, usual: str, value: str, added: Added
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
        shown = getattr(view, question)(by=tuple(group), instrument=instrument)
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
            "score",
            part,
        )

    return ask


def _of_invitations(view: Any, of: Mapping[str, str]) -> FigureAnswer:
    group = _asked_group(of)
    shown = view.response_rates(by=tuple(group))
    asked = _respondents(view)
    groups = invitation_groups(asked, by=tuple(group), surveys=view.policy.surveys)

    def part(who: str, name: str, answered_at: int, *, is_shown: bool) -> FigurePart:
        answered = {"answered": int(answered_at != ABSENT)} if is_shown else {}
        return FigurePart(who, {"sent": 1, **answered}, name)

    return _answer("response rate", of, asked, view, groups, group, shown, "rate", "answered", part)


def _answer(
    name: str,
    of: Mapping[str, str],
    asked: Respondents,
    view: View,
    groups: Sequence[Group],
    wanted: Mapping[str, str | None],
    figures: Sequence[Any],
    value: str,
    content: str,
    part: Callable[..., FigurePart],
) -> FigureAnswer:
    """Return the answer about one group, with a part for each fact in it, made of its name and its `content`."""
    found = next((group for group in groups if group.of == wanted), None)
    shown = next((figure for figure in figures if figure.group == wanted), None)
    if found is None or shown is None:
        raise nothing_there(name, of)
    listed = zip(found.facts.who.tolist(), found.facts["name"].tolist(), found.facts[content].tolist(), strict=True)
    parts = [part(asked.names[who], name, said, is_shown=found.shown) for who, name, said in listed]
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


def _satisfied(score: int, surveys: Surveys) -> dict[str, float]:
    return {"satisfied": int(score >= surveys.csat_satisfied_from)}


def _share(part: str, whole: str) -> Callable[[Mapping[str, float]], float | None]:
    return lambda sums: sums[part] / sums[whole] if sums.get(whole) else None


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
        value=_share("satisfied", "answers"),
        ask=_of_answers("csat", "csat", "share", _satisfied),
        events=_ANSWERS,
        of=("instrument", *_DIMENSIONS),
        settings=("surveys.csat_satisfied_from", _MINIMUM),
    ),
    ExplainableFigure(
        name="response_rate",
        rule="Answered invitations / sent invitations, by the month of sending.",
        value=_share("answered", "sent"),
        ask=_of_invitations,
        events=_INVITATIONS,
        of=("instrument", *_DIMENSIONS),
        settings=(_MINIMUM,),
    ),
)
