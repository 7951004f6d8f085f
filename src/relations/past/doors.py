"""The doors of an engine to its past: as of a moment, explanations, differences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from relations.decider import Aggregate
from relations.past.bounds import BoundsFinder
from relations.past.differences import DifferenceFinder
from relations.past.explaining import (
    EventExplanation,
    RowsExplanation,
    TallyExplanation,
    event_explained,
    rows_explained,
    tally_explained,
)
from relations.past.figures import FigureExplanation, figure_explained
from relations.past.past import Past, PastParts
from relations.past.questions import Questions
from relations.past.states import CustomerTables, KeptStates
from relations.projections.running.runner import Runner
from relations.projections.view import View, ViewContext

__all__ = ["Doors"]


class Doors(Questions):
    """The questions about its past that an engine answers.

    Attributes:
        aggregates: Every kind of aggregate.
        runner: The runner of the projections.
        view_context: The parts that every view is built from.
    """

    aggregates: tuple[Aggregate[Any], ...]
    runner: Runner
    view_context: ViewContext
    _kinds: Sequence[type[View]]
    _bounds: BoundsFinder
    _states: KeptStates
    _customers: CustomerTables

    def as_of(
        self,
        *,
        position: int | None = None,
        recorded: datetime | None = None,
        occurred: datetime | None = None,
        customer: str | None = None,
    ) -> Past:
        """Return the log and its views as they stood, with the same questions as the engine. Nothing is changed.

        `position` and `recorded` answer "as we knew it then": from what had been recorded by then, and nothing else.
        `occurred` answers "as we now know it was": from everything dated up to then, whenever it was recorded. Together
        they answer what was known at one time about another. Without any, the log is taken as it is now.

        Args:
            position: The last position that is known; 0 is before the first event.
            recorded: An aware datetime. Known is what had been recorded by then.
            occurred: An aware datetime in business time.
            customer: Answer about this customer alone, under any of their ids. That takes milliseconds, and no more in
                a long log. Figures that compare customers, such as ranks, then compare nobody else.

        Raises:
            InvalidInput: Both a position and a time of recording are given, the log has no such position, or a time has
                no zone.
        """
        bounds = self._bounds.find(position, recorded, occurred)
        moment = occurred or recorded or self._bounds.recorded_at(bounds.position) or self.clock()
        parts = PastParts(
            log=self.log,
            codec=self.codec,
            reader=self._reader,
            finder=self._bounds,
            aggregates=self.aggregates,
            kinds=self._kinds,
            runner=self.runner,
            states=self._states,
            customers=self._customers,
            context=self.view_context,
        )
        return Past(parts, bounds, moment, customer)

    def explain(self, view: str, customer: str, **moment: Any) -> RowsExplanation:
        """Return how the rows of one customer in a view came about: each event, and what it changed from what to what.

        Args:
            view: The name of the view, such as `loyalty`.
            customer: Any id of the customer.
            moment: The bounds of `as_of`; by default everything recorded so far.

        Raises:
            InvalidInput: There is no such view, or nothing is recorded of the customer.
        """
        with self.as_of(**moment, customer=customer) as past:
            return rows_explained(past, view, customer)

    def explain_tally(
        self,
        view: str,
        table: str,
        key: Sequence[Any],
        *,
        limit: int = 100,
        after: str | None = None,
        **moment: Any,
    ) -> TallyExplanation:
        """Return a page of the customers and events that made up a tally, with what each added.

        Args:
            view: The name of the view, such as `loyalty`.
            table: The class of the row, such as `Movement`.
            key: The values of the row's key, in the order of its columns.
            limit: The page ends after the customer whose events reach this number.
            after: Continue after this customer.
            moment: The bounds of `as_of`; by default everything recorded so far.

        Raises:
            InvalidInput: The view has no such tally or row.
        """
        with self.as_of(**moment) as past:
            return tally_explained(past if moment else self, view, table, key, limit=limit, after=after)

    def explain_figure(
        self,
        view: str,
        figure: str,
        of: Mapping[str, str] | None = None,
        *,
        limit: int = 100,
        after: str | None = None,
        **moment: Any,
    ) -> FigureExplanation:
        """Return how a figure of a view came about: its rule, the policy, its sums, and the customers and events.

        A figure that is hidden, for example because too few people answered, is explained by the reason.

        Args:
            view: The name of the view, such as `satisfaction`.
            figure: The name of one of its figures, such as `nps`.
            of: What the figure is computed of, such as `{"month": "2024-05"}`; by default the whole.
            limit: The page ends after the customer whose events reach this number.
            after: Continue after this customer.
            moment: The bounds of `as_of`; by default everything recorded so far.

        Raises:
            InvalidInput: The view has no such figure, or there is none of what was asked.
        """
        with self.as_of(**moment) as past:
            return figure_explained(past if moment else self, view, figure, of or {}, limit=limit, after=after)

    def explain_event(self, position: int) -> EventExplanation:
        """Return why an event was recorded: the rule, the policy that applied, its causes and its effects.

        Args:
            position: The event's position.

        Raises:
            InvalidInput: There is no such event.
        """
        with self.as_of() as past:
            return event_explained(past, position)

    def compare(self, before: Questions, after: Questions | None = None) -> DifferenceFinder:
        """Return the differences of the views between two states: two moments, or two databases.

        Args:
            before: A past of this engine, or another engine.
            after: What it is compared with; this engine by default.
        """
        return DifferenceFinder(before, after or self)

    def keep_states(self, names: Iterable[str] | None = None) -> None:
        """Keep states of views at evenly spread positions of the log, so that `as_of` any position is answered soon.

        Without it, states are kept at the positions that questions pass on their way. It folds the log once.

        Args:
            names: The projections; all by default.
        """
        wanted = self.runner.projections if names is None else names
        self._states.fill([self.runner.projections[name] for name in wanted], self.policy.zone)
