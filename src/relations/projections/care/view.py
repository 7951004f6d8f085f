"""The view of care: what is due, what was kept, and the plans of a customer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar

from relations.messages import to_micros
from relations.projections.care.beginnings import PlanBeginning, beginnings_of
from relations.projections.care.rows import PROJECTION, CareSignals, PlanRound
from relations.projections.projection import Projection
from relations.projections.retention.patronage import Patronage
from relations.projections.retention.view import RetentionView
from relations.projections.view import View, ViewContext

__all__ = ["CareView"]


class CareView(View):
    """Care plans: what is due, what was kept, and the plans of a customer."""

    projection: ClassVar[Projection] = PROJECTION
    keeps_answers: ClassVar[bool] = True
    reads: ClassVar[tuple[type[View], ...]] = (RetentionView,)

    def __init__(self, context: ViewContext, retention: RetentionView) -> None:
        super().__init__(context, retention)
        self._retention = retention

    def beginnings(self, *, until: datetime) -> list[PlanBeginning]:
        """Return the plans that begin by a moment and are not recorded yet, in the order of customers.

        Of each plan and customer it is the first beginning; a later one may follow once that is recorded.

        Args:
            until: The moment, an aware datetime.
        """
        end, local = to_micros(until), self.local
        last = local.day(end) - 1
        spans = [span for span in self._rules().until(end) if span.policy.care.plans]
        if not spans:
            return []

        def read(customers: Sequence[str] | None) -> Mapping[str, list[PlanBeginning]]:
            rounds = defaultdict[str, list[PlanRound]](list)
            for each in self.rows_of_some(PlanRound, customers):
                rounds[each.customer].append(each)
            signals = {each.customer: each for each in self.rows_of_some(CareSignals, customers)}
            found = {}
            for row in self._retention.rows_of_some(Patronage, customers):
                name = row.customer
                found[name] = beginnings_of(row, signals.get(name), rounds.get(name, []), spans, last=last, local=local)
            return {name: begun for name, begun in found.items() if begun}

        return [each for begun in self.of_each(("beginnings", last), read).values() for each in begun]
