"""Explanations of figures that a view computes: the rule, the policy, and the customers and events behind them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import msgspec

from relations.errors import InvalidInput
from relations.log.tables import log as log_table
from relations.messages import RecordedEvent
from relations.past.explaining import projection_of
from relations.past.questions import Questions
from relations.past.rules import part_of
from relations.projections.explained_figures import BY_STREAM, ExplainableFigure, FigureAnswer, FigurePart
from relations.projections.view import View

__all__ = ["CountedEvent", "FigureContribution", "FigureExplanation", "figure_explained"]


class CountedEvent(msgspec.Struct, frozen=True):
    """An event that a figure counts.

    Attributes:
        position: Its position in the log.
        topic: Its topic.
        occurred_at: Business time, UTC microseconds.
    """

    position: int
    topic: str
    occurred_at: int


class FigureContribution(msgspec.Struct, frozen=True):
    """The part that a customer has in a figure.

    Attributes:
        customer: The customer, by surviving id.
        about: The id of the answer or invitation, or the place of an event; None for everything of the customer.
        added: What it adds to the sums, by name. Of a hidden figure it only says how much is counted.
        events: The events that make it, in the order of recording.
    """

    customer: str
    about: str | None
    added: dict[str, float]
    events: tuple[CountedEvent, ...]


class FigureExplanation(msgspec.Struct, frozen=True):
    """An explanation of a figure, with one page of the customers behind it.

    Attributes:
        view: The name of the view.
        figure: The name of the figure.
        of: What it is computed of, such as `month` as `2024-05`.
        value: The figure; None if it is hidden or undefined.
        hidden: The reason for which it is not shown; None if it is shown or undefined.
        rule: The rule that computes it from the sums.
        sums: The sums over all customers.
        settings: The parts of the policy that the rule reads.
        policy: The version of the policy that applied; 0 if none was adopted.
        computed_from: What else it depends on, such as fitted parameters.
        customers: The number of customers behind it.
        contributions: The customers of this page.
        after: The last customer of this page, to continue after; None on the last page.
    """

    view: str
    figure: str
    of: dict[str, str]
    value: float | None
    hidden: str | None
    rule: str
    sums: dict[str, float]
    settings: dict[str, Any]
    policy: int
    computed_from: dict[str, Any]
    customers: int
    contributions: tuple[FigureContribution, ...]
    after: str | None


def figure_explained(
    past: Questions, view: str, figure: str, of: Mapping[str, str], *, limit: int = 100, after: str | None = None
) -> FigureExplanation:
    """Return how a figure came about, with a page of the customers and events behind it.

    Args:
        past: What is known.
        view: The name of the view.
        figure: The name of one of its figures.
        of: What the figure is computed of, such as `{"month": "2024-05"}`.
        limit: The page ends after the customer whose events reach this number.
        after: Continue after this customer.

    Raises:
        InvalidInput: The view has no such figure.
    """
    projection_of(past, view)
    asked: View = getattr(past.views, view)
    wanted = _figure_of(asked, view, figure)
    with asked.answering():
        answer = wanted.answer(asked, of)
        page, last = _page(past, asked, wanted, answer, limit=limit, after=after)
    sums: dict[str, float] = {}
    for part in answer.parts:
        for name, value in part.added.items():
            sums[name] = sums.get(name, 0) + value
    policy = past.policy
    return FigureExplanation(
        view=view,
        figure=figure,
        of=dict(of),
        value=answer.shown,
        hidden=answer.hidden,
        rule=wanted.rule,
        sums=sums,
        settings={name: part_of(policy, name) for name in wanted.settings},
        policy=policy.version if past.rules.adopted else 0,
        computed_from=dict(answer.computed_from),
        customers=len({part.customer for part in answer.parts}),
        contributions=page,
        after=last,
    )


def _figure_of(asked: View, view: str, figure: str) -> ExplainableFigure:
    known = {each.name: each for each in asked.explainable}
    if figure not in known:
        raise InvalidInput(
            f"the view {view} explains no figure {figure!r}",
            code="unknown_figure",
            field="figure",
            hint=f"Choose one of {', '.join(known)}" if known else "Explain a customer, a tally or an event of it",
        )
    return known[figure]


def _page(
    past: Questions, asked: View, figure: ExplainableFigure, answer: FigureAnswer, *, limit: int, after: str | None
) -> tuple[tuple[FigureContribution, ...], str | None]:
    """Return the contributions of a page, and the last customer if there are more."""
    rest = sorted((part for part in answer.parts if after is None or part.customer > after), key=_customer_of)
    found: list[FigureContribution] = []
    counted = 0
    for customer, parts in groupby(rest, key=_customer_of):
        if counted >= limit:
            return tuple(found), found[-1].customer
        events = _events(past, asked.aliases.ids(customer), figure, answer)
        for part in parts:
            mine = tuple(_about(events, figure, part))
            found.append(FigureContribution(customer, part.about, dict(part.added), mine))
            counted += max(len(mine), 1)
    return tuple(found), None


def _customer_of(part: FigurePart) -> str:
    return part.customer


def _events(
    past: Questions, customers: Sequence[str], figure: ExplainableFigure, answer: FigureAnswer
) -> list[RecordedEvent]:
    topics = [each.topic for each in figure.events]
    where: list[Any] = [log_table.c.customer.in_(customers), log_table.c.topic.in_(topics)]
    if answer.until is not None:
        where.append(log_table.c.occurred_at <= answer.until)
    found = past.select_events(*where)
    return found if answer.counts is None else [event for event in found if answer.counts(event)]


def _about(events: Sequence[RecordedEvent], figure: ExplainableFigure, part: FigurePart) -> Iterator[CountedEvent]:
    """Yield the events that a part is about."""
    for event in events:
        name = figure.events[type(event.event)]
        if name is None:
            about = f"{event.stream}@{event.version}"
        else:
            about = event.id if name == BY_STREAM else getattr(event.event, name)
        if part.about in (None, about):
            yield CountedEvent(event.position, event.topic, event.occurred_at)
