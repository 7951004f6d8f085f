"""The figures of retention that can be explained: rates of a period, and what customers are worth."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from relations.aggregates.customer import (
    CustomerLapsed,
    CustomerWonBack,
    PurchaseRecorded,
    PurchaseRefunded,
    RefundReversed,
)
from relations.messages import Event
from relations.months import first_day
from relations.projections.explained_figures import (
    ExplainableFigure,
    FigureAnswer,
    FigurePart,
    nothing_there,
    share_of,
)
from relations.projections.retention.acquisition import Acquired
from relations.projections.retention.patronage import Patronage
from relations.projections.retention.stages import (
    PeriodRates,
    Periods,
    counted_in,
    known_customers,
    period_named,
)

__all__ = ["FIGURES", "customers_acquired", "lifetime_value_of"]

_TRADE: dict[type[Event], str | None] = {PurchaseRecorded: None, PurchaseRefunded: None, RefundReversed: None}
_BOUGHT: dict[type[Event], str | None] = {PurchaseRecorded: None}
_ACTIVITY: dict[type[Event], str | None] = {PurchaseRecorded: None, CustomerLapsed: None, CustomerWonBack: None}


def _of_period(value: str, *counts: str) -> Callable[[Any, Mapping[str, str]], FigureAnswer]:
    """Return the function that explains a rate of a period.

    Args:
        value: The attribute of `PeriodRates`.
        *counts: The counts that a customer adds to.
    """

    def ask(view: Any, of: Mapping[str, str]) -> FigureAnswer:
        wanted = of.get("period", "")
        named = period_named(wanted)
        period = None if named is None else named[0]
        segment = of.get("segment")
        rates: list[PeriodRates] = [] if period is None else view.rates(period=period, segment=segment)
        found = next((each for each in rates if each.period == wanted), None)
        today = view.day(None)
        periods = None
        if found is not None and period is not None:
            periods = Periods.of(first_day(found.month), today=today, since=found.month, period=period)
        if found is None or periods is None:
            raise nothing_there(value, of)
        begin, end = periods.boundaries[:2]
        chosen = None if segment is None else {name for name, of_one in view.members().items() if segment in of_one}
        parts = []
        for row, life in known_customers(view.rows(Patronage), today, view.local):
            every = counted_in(life, view.policy.lifecycle, begin, end)
            added = {name: every[name] for name in counts}
            if any(added.values()) and (chosen is None or row.customer in chosen):
                parts.append(FigurePart(row.customer, added))
        return FigureAnswer(
            getattr(found, value),
            parts,
            computed_from={"complete": found.complete},
            until=_end_of(view, end),
        )

    return ask


def _lifetime_value(view: Any, of: Mapping[str, str]) -> FigureAnswer:
    return lifetime_value_of(view, of)


def lifetime_value_of(view: Any, of: Mapping[str, str], as_of: datetime | None = None) -> FigureAnswer:
    """Return what customers are worth at a moment, now by default: of one customer, or on average of all."""
    report = view.lifetime_values(as_of=as_of, currency=of.get("currency"))
    wanted = of.get("customer")
    if wanted is not None:
        wanted = view.aliases.survivor(wanted)
    found = [each for each in report.customers if wanted in (None, each.customer)]
    if not found:
        raise nothing_there("lifetime value", of)
    parts = [
        FigurePart(each.customer, {"historic": each.historic, "expected": each.expected_value or 0.0, "customers": 1})
        for each in sorted(found, key=lambda each: each.customer)
    ]
    total = sum(each.historic + (each.expected_value or 0.0) for each in found)
    models = {} if report.no_fit else {"buying": report.buying, "spending": report.spending}
    basis = report.model_dump(mode="json", include={"through", "currency", "days", "yearly_rate", "no_fit", *models})
    if wanted is not None:
        basis |= found[0].model_dump(include={"frequency", "recency_days", "age_days", "alive", "expected_purchases"})
    return FigureAnswer(total / len(found), parts, computed_from=basis, until=_end_of(view, view.day(as_of)))


def customers_acquired(view: Any, currency: str, as_of: datetime) -> list[Acquired]:
    """Return the customers on which something was spent up to a moment."""
    found: list[Acquired] = view._acquired(currency, view.day(as_of))
    return found


def _end_of(view: Any, day: int) -> int:
    """Return the last instant of a local day, UTC microseconds."""
    end: int = view.local.start(date.fromordinal(day + 1)) - 1
    return end


def _value_a_customer(sums: Mapping[str, float]) -> float | None:
    return (sums["historic"] + sums["expected"]) / sums["customers"] if sums.get("customers") else None


def _retention(sums: Mapping[str, float]) -> float | None:
    return (sums["at_start"] - sums["lost"]) / sums["at_start"] if sums.get("at_start") else None


_ACTIVE = (
    "A customer is active for as long after the last purchase as the policy allows, and until a recorded departure."
)
_LIMITS = ("lifecycle.lapsing_days", "lifecycle.lost_days", "lifecycle.own_gap")
FIGURES = (
    ExplainableFigure(
        name="retention",
        rule=f"(Customers active at the period's start - those lost in it) / customers active at its start. {_ACTIVE}",
        value=_retention,
        ask=_of_period("retention", "at_start", "lost", "new", "won_back"),
        events=_ACTIVITY,
        of=("period", "segment"),
        settings=_LIMITS,
    ),
    ExplainableFigure(
        name="churn",
        rule=f"Customers lost in the period / customers active at its start. {_ACTIVE}",
        value=share_of("lost", "at_start"),
        ask=_of_period("churn", "at_start", "lost", "new", "won_back"),
        events=_ACTIVITY,
        of=("period", "segment"),
        settings=_LIMITS,
    ),
    ExplainableFigure(
        name="repeat_rate",
        rule="Buyers of the period who bought on a day after that of their first purchase / buyers of the period.",
        value=share_of("repeat_buyers", "buyers"),
        ask=_of_period("repeat_rate", "buyers", "repeat_buyers"),
        events=_BOUGHT,
        of=("period", "segment"),
    ),
    ExplainableFigure(
        name="lifetime_value",
        rule="(Purchases less refunds + the value expected within the horizon) / customers, in minor units. What is "
        "expected comes from models of buying (BG/NBD) and spending (Gamma-Gamma), fitted to all buyers.",
        value=_value_a_customer,
        ask=_lifetime_value,
        events=_TRADE,
        of=("customer", "currency"),
    ),
)
