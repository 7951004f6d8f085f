"""Figures that a view can explain: the rule, the sums that the rule reads, and what each customer adds to them.

A view computes many figures from its rows, and no row holds them. It explains those that it lists in
`View.explainable`. The machinery in `relations.past` adds the policy and the events. So a host's own view explains its
figures alike.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from relations.errors import InvalidInput
from relations.messages import Event, RecordedEvent

__all__ = [
    "BY_STREAM",
    "ExplainableFigure",
    "FigureAnswer",
    "FigurePart",
    "nothing_there",
    "reason_to_hide",
    "share_of",
]

BY_STREAM = "@"
"""Instead of a field: what an event is about is the aggregate of its stream, such as a complaint."""


class FigurePart(NamedTuple):
    """The part that a customer has in a figure.

    Attributes:
        customer: The customer, by surviving id.
        added: What this part adds to the sums, by name.
        about: The id of the answer, invitation or other fact that it is about, or the place of an event as
            `stream@version`. None for everything of the customer.
    """

    customer: str
    added: Mapping[str, float]
    about: str | None = None


@dataclass(frozen=True)
class FigureAnswer:
    """A figure as its view shows it, and what it is made of.

    Attributes:
        shown: The figure; None if it is hidden or undefined.
        parts: What each customer adds, by customer. A customer may have several parts.
        hidden: The reason for which the figure is not shown; None if it is shown or undefined.
        computed_from: What else the figure depends on, such as fitted parameters.
        until: The last business time that counts, UTC microseconds; None for no bound.
        counts: Returns True for the events that count; None for all.
    """

    shown: float | None
    parts: Sequence[FigurePart]
    hidden: str | None = None
    computed_from: Mapping[str, Any] = field(default_factory=dict)
    until: int | None = None
    counts: Callable[[RecordedEvent], bool] | None = None


@dataclass(frozen=True)
class ExplainableFigure:
    """A figure that a view can explain.

    Attributes:
        name: Its name.
        rule: The rule that computes it, in a sentence.
        value: Computes it from the sums; None if it is undefined.
        ask: Returns the figure: `(view, of) -> answer`. `of` selects which one, such as `{"month": "2024-05"}`.
        events: The events that make a part, each with the field that names what it is about. None for an event that is
            named by its place, `BY_STREAM` for one that is named by its stream.
        of: The names that `of` may have.
        settings: The parts of the policy that the rule reads, such as `surveys.minimum_answers`.
    """

    name: str
    rule: str
    value: Callable[[Mapping[str, float]], float | None]
    ask: Callable[[Any, Mapping[str, str]], FigureAnswer]
    events: Mapping[type[Event], str | None]
    of: Collection[str] = ()
    settings: Sequence[str] = ()

    def answer(self, view: Any, of: Mapping[str, str]) -> FigureAnswer:
        """Return the figure and what it is made of.

        Raises:
            InvalidInput: `of` has a name that the figure does not know, or there is no such figure.
        """
        if unknown := sorted({*of} - {*self.of}):
            raise InvalidInput(
                f"the figure {self.name} is not computed by {unknown[0]!r}",
                code="unknown_dimension",
                field="of",
                hint=f"Give any of {', '.join(self.of)}",
            )
        return self.ask(view, of)


def share_of(part: str, whole: str) -> Callable[[Mapping[str, float]], float | None]:
    """Return the rule that divides one sum by another; the share of nothing is undefined."""
    return lambda sums: sums.get(part, 0) / sums[whole] if sums.get(whole) else None


def reason_to_hide(people: int, minimum: int) -> str:
    """Return the reason for which a figure about a group is not shown.

    Args:
        people: The number of people that it is about.
        minimum: The smallest number that the policy lets be shown.
    """
    if people < minimum:
        return f"too few people: it is about {people}, and at least {minimum} are needed"
    return f"next to other figures that are shown, it would disclose a group of fewer than {minimum} people"


def nothing_there(name: str, of: Mapping[str, str]) -> InvalidInput:
    """Return the error for a figure of a group that does not exist."""
    asked = ", ".join(f"{key} {value}" for key, value in of.items()) or "the whole"
    return InvalidInput(
        f"there is no {name} of {asked}",
        code="unknown_figure",
        field="of",
        hint="Nothing was recorded that counts there; check the spelling",
    )
