"""What words are about, and how favourable each scorer found them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pydantic import BaseModel, ConfigDict

from relations.policies import Surveys
from relations.projections.satisfaction.cuts import Cuts, Dimension, Fact, Group

__all__ = ["SentimentFigure", "ThemeFigure", "theme_figures"]


class SentimentFigure(BaseModel):
    """What one version of one scorer made of the words about a theme. Scorers do not go by one scale: none is added up.

    Attributes:
        scorer: Its name and version.
        n: How many answers it scored.
        suppressed: True where too few people gave these, or the figure would give such a group away.
        mean: From -1 to 1; absent where suppressed.
    """

    model_config = ConfigDict(frozen=True)

    scorer: str
    n: int
    suppressed: bool
    mean: float | None = None


class ThemeFigure(BaseModel):
    """What was said about one theme.

    Attributes:
        theme: Its name; None for answers with words that were not coded.
        group: The group's value in each dimension asked for.
        n: How many answers are about it. An answer can be about several.
        respondents: How many people gave them.
        sentiments: By scorer, how favourable the words are.
    """

    model_config = ConfigDict(frozen=True)

    theme: str | None
    group: dict[Dimension, str | None]
    n: int
    respondents: int
    sentiments: tuple[SentimentFigure, ...] = ()


def theme_figures(answers: Sequence[Fact], surveys: Surveys, by: Sequence[Dimension] = ()) -> list[ThemeFigure]:
    """All themes that anything was said about, group by group, the most frequent first."""
    about: list[Fact] = []
    scored: list[Fact] = []
    for fact in answers:
        given = fact.content.given
        if not given.themes and not given.words:
            continue
        # Not coded is a theme of its own here; no theme has an empty name.
        themes = given.themes or [""]
        about.append(replace(fact, parts=tuple((theme, None) for theme in themes)))
        for said in given.sentiments:
            parts = tuple((theme, f"{said.scorer} {said.version}") for theme in themes)
            scored.append(replace(fact, content=said.score, parts=parts))
    sentiments: dict[tuple[tuple[str | None, ...], str | None], list[SentimentFigure]] = {}
    for group in Cuts(scored, surveys.minimum_answers, by, ((),)).groups(by):
        if group.facts:
            sentiments.setdefault((tuple(group.of.values()), group.part[0]), []).append(_sentiment(group))
    found = [
        ThemeFigure(
            theme=group.part[0] or None,
            group=group.of,
            n=len(group.facts),
            respondents=group.respondents,
            sentiments=tuple(sentiments.get((tuple(group.of.values()), group.part[0]), ())),
        )
        for group in Cuts(about, 1, by, ()).groups(by)
        if group.facts
    ]
    found.sort(key=lambda each: ([value or "" for value in each.group.values()], -each.n, each.theme is None))
    return found


def _sentiment(group: Group) -> SentimentFigure:
    scores = [fact.content for fact in group.facts]
    figure = SentimentFigure(scorer=group.part[1] or "", n=len(scores), suppressed=not group.shown)
    return figure.model_copy(update={"mean": sum(scores) / len(scores) / 1000}) if group.shown else figure
