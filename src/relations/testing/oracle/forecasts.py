"""Forecasts, computed again the slow way: from the log's purchases one by one, and from the errors one by one.

The recorded start and smoothing are taken as given. Everything else follows from the log: the months, the state after
the last one, the deviation, and every month ahead.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import sqrt
from zoneinfo import ZoneInfo

from relations.aggregates.customer import PurchaseRecorded
from relations.aggregates.model import FittedSeries
from relations.messages import RecordedEvent, from_micros

__all__ = ["SlowForecasts", "SlowSeries"]

Month = tuple[int, int]
"""Year and month."""


def _next(month: Month) -> Month:
    return (month[0] + 1, 1) if month[1] == 12 else (month[0], month[1] + 1)


@dataclass
class SlowForecasts:
    """The purchases of a history.

    Attributes:
        history: Every recorded event, in the order of the log.
        zone: The business's time zone.
        currency: Only purchases in this currency count.
    """

    history: list[RecordedEvent]
    zone: ZoneInfo
    currency: str

    def months(self, at: datetime, touchpoint: str | None) -> dict[Month, tuple[int, int]]:
        """Return the purchases and their amounts in each whole month that is over at a moment.

        Args:
            at: The moment.
            touchpoint: Only purchases at this touchpoint; None for all.
        """
        sold: list[tuple[date, int]] = []
        for each in self.history:
            event = each.event
            if not isinstance(event, PurchaseRecorded) or event.amount.currency != self.currency:
                continue
            if touchpoint is None or event.touchpoint == touchpoint:
                sold.append((from_micros(each.occurred_at).astimezone(self.zone).date(), event.amount.amount))
        if not sold:
            return {}
        first = min(day for day, _ in sold)
        month = first.year, first.month
        if first.day > 3:  # nobody knows what was sold before
            month = _next(month)
        today = (at + timedelta(microseconds=1)).astimezone(self.zone).date()
        found: dict[Month, tuple[int, int]] = {}
        while date(*_next(month), 1) <= today:
            amounts = [amount for day, amount in sold if (day.year, day.month) == month]
            found[month] = len(amounts), sum(amounts)
            month = _next(month)
        return found


@dataclass
class SlowSeries:
    """A recorded model and the series that it was fitted to.

    Attributes:
        model: The recorded model.
        values: The values month by month.
        first: The month of the first value, from 1 to 12.
    """

    model: FittedSeries
    values: Sequence[float]
    first: int

    def states(
        self, errors: Callable[[int], float | None], months: int
    ) -> tuple[list[float], list[float], float, float]:
        """Run the model: return the forecasts one month ahead, the errors, and the last level and trend.

        Args:
            errors: Returns the error of a month, from 0; None takes it from the series.
            months: The number of months.
        """
        model = self.model
        level, trend, said, missed = model.start_level, model.start_trend, [], []
        for number in range(months):
            season = model.season[(self.first - 1 + number) % 12] if model.season else 0.0
            damped = model.phi * trend
            forecast = level + damped + season
            given = errors(number)
            value = self.values[number] if given is None else forecast + given
            # As weighted means, instead of corrections by the error.
            level, before = model.alpha * (value - season) + (1 - model.alpha) * (level + damped), level
            if model.alpha:
                trend = damped + model.beta / model.alpha * (level - before - damped)
            said.append(forecast)
            missed.append(value - forecast)
        return said, missed, level, trend

    def deviation(self) -> float:
        """Return the standard deviation of the errors one month ahead."""
        missed = self.states(lambda _: None, len(self.values))[1]
        return sqrt(sum(error * error for error in missed) / (len(missed) - (self.model.parameters - 1)))

    def ahead(self, months: int) -> list[tuple[float, float]]:
        """Return the expected value of each month ahead, and its standard deviation, neither of them limited.

        The weight of an error is found by trying one: the forecast moves by as much.
        """
        count, total = len(self.values), len(self.values) + months

        def run(shock: int | None) -> list[float]:
            def error(number: int) -> float | None:
                return None if number < count else float(number == shock)

            return self.states(error, total)[0]

        expected, found, widest = run(None), [], 0.0
        shocked = [run(count + number) for number in range(months)]
        for step in range(months):
            weights = [shocked[number][count + step] - expected[count + step] for number in range(step)]
            variance = 1.0 + sum(weight * weight for weight in weights) + self.model.leverage[step]
            widest = max(widest, self.model.deviation * sqrt(variance))
            found.append((expected[count + step], widest))
        return found
