"""Themes of what customers wrote, with the sentiment that each scorer found."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from relations.json_form import ViewAnswer
from relations.messages import from_micros
from relations.policies import Surveys
from relations.projections.columns import Codes
from relations.projections.satisfaction.cuts import Cuts, Dimension, Facts, Group
from relations.projections.satisfaction.respondents import Respondents

__all__ = ["LowTheme", "SentimentFigure", "ThemeFigure", "low_themes", "theme_figures"]


class SentimentFigure(ViewAnswer):
    """The sentiment that one version of a scorer found in the answers about a theme.

    Scorers use different scales, so their scores are never added up.

    Attributes:
        scorer: The scorer's name and version.
        n: The number of answers scored.
        suppressed: True if too few people gave these, or if the figure would disclose such a group.
        mean: The mean sentiment, from -1 to 1; absent if suppressed.
    """

    scorer: str
    n: int
    suppressed: bool
    mean: float | None = None


class ThemeFigure(ViewAnswer):
    """The answers about one theme.

    Attributes:
        theme: The theme's name; None for answers with words that were not coded.
        group: The group's value in each dimension of the question.
        n: The number of answers about it. An answer can be about several themes.
        respondents: The number of people who gave them.
        complete: False if the group's month is not over yet.
        sentiments: The sentiment found by each scorer.
    """

    theme: str | None
    group: dict[Dimension, str | None]
    n: int
    respondents: int
    complete: bool = True
    sentiments: tuple[SentimentFigure, ...] = ()


class LowTheme(ViewAnswer):
    """The low answers about one theme. An answer can be about several.

    Attributes:
        theme: The theme's name.
        low: The number of low answers about it.
        times: The times at which they were given, in order.
    """

    theme: str
    low: int
    times: tuple[datetime, ...]


def low_themes(low: Facts, codes: Codes) -> list[LowTheme]:
    """Return the themes of low answers, the most frequent first.

    Args:
        low: The low answers.
        codes: The numbers of texts in them.
    """
    times: defaultdict[str, list[int]] = defaultdict(list)
    for themes, at in zip(low["themes"].tolist(), low["at"].tolist(), strict=True):
        for theme in filter(None, codes.texts[themes]):
            times[theme].append(at)
    found = [
        LowTheme(theme=theme, low=len(given), times=tuple(map(from_micros, sorted(given))))
        for theme, given in times.items()
    ]
    return sorted(found, key=lambda each: (-each.low, each.theme))


def theme_figures(respondents: Respondents, surveys: Surveys, by: Sequence[Dimension] = ()) -> list[ThemeFigure]:
    """Return all themes with an answer, group by group, the most frequent first."""
    sentiments: dict[tuple[tuple[str | None, ...], str | None], list[SentimentFigure]] = {}
    for group in Cuts(respondents.sentiments(), surveys.minimum_answers, by, ((),)).groups(by):
        if len(group.facts):
            sentiments.setdefault((tuple(group.of.values()), group.part[0]), []).append(_sentiment(group))
    found = [
        ThemeFigure(
            theme=group.part[0] or None,
            group=group.of,
            n=len(group.facts),
            respondents=group.respondents,
            sentiments=tuple(sentiments.get((tuple(group.of.values()), group.part[0]), ())),
        )
        for group in Cuts(respondents.themes(), 1, by, ()).groups(by)
        if len(group.facts)
    ]
    found.sort(key=lambda each: ([value or "" for value in each.group.values()], -each.n, each.theme is None))
    return found


def _sentiment(group: Group) -> SentimentFigure:
    n, scores = len(group.facts), group.facts["score"]
    figure = SentimentFigure(scorer=group.part[1] or "", n=n, suppressed=not group.shown)
    return figure.model_copy(update={"mean": int(scores.sum()) / n / 1000}) if group.shown else figure
