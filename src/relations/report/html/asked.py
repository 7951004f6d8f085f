"""What a page is asked for, and the forms that several sections share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property

from relations.engine import Relations
from relations.errors import InvalidInput, MissingExtra
from relations.messages import from_micros, to_micros
from relations.months import months_after, months_between
from relations.policies.calendars import LocalTime, local_time
from relations.report.html.figures import Bar, Bars, Dot, Figure, Part, Plot, Scale, Table, middle, points, ticks_at
from relations.report.html.wording import Wording

__all__ = ["MONTHS", "Asked", "Trend"]

MONTHS = 24
"""The most months of a chart: what is older stands in the views."""


@dataclass(frozen=True)
class Trend:
    """One figure a month, with what chance does to it.

    Attributes:
        months: Such as `2024-05`.
        values: One a month.
        bands: The interval of each.
        write: A value as words.
        limits: The limits of chance of each, or none.
        odd: Of each whether chance does not explain it, or none.
        centre: The figure over all months.
        floor: Nothing is below this.
        ceiling: Nothing is above this.
    """

    months: Sequence[str]
    values: Sequence[float]
    bands: Sequence[tuple[float, float]]
    write: Callable[[float], str]
    limits: Sequence[tuple[float, float]] = ()
    odd: Sequence[bool] = ()
    centre: float | None = None
    floor: float | None = None
    ceiling: float | None = None


@dataclass(frozen=True)
class Asked:
    """What a page is asked for.

    Attributes:
        engine: Whose views.
        at: The moment.
        is_past: Whether it was asked for, and more was recorded since: what knows only the present cannot be shown.
        currency: Which amounts count.
        days: How far ahead to look.
        say: The language.
    """

    engine: Relations
    at: datetime
    is_past: bool
    currency: str
    days: int
    say: Wording

    @cached_property
    def local(self) -> LocalTime:
        """The business's own days and months."""
        return local_time(self.engine.policy.zone)

    @cached_property
    def day(self) -> date:
        """The local day of the moment."""
        return date.fromordinal(self.local.day(to_micros(self.at)))

    @cached_property
    def through(self) -> datetime:
        """The moment for what is kept by month: where that is past, no later than the end of the last whole month."""
        after = self.day + timedelta(days=1)
        if not self.is_past or after.day == 1:
            return self.at
        return from_micros(self.local.start(self.day.replace(day=1)) - 1)

    @cached_property
    def through_month(self) -> str:
        """The month of that moment."""
        return self.local.month(to_micros(self.through))

    @cached_property
    def month_after(self) -> str:
        """The month after it."""
        return months_after(self.through_month)

    # --- figures ----------------------------------------------------------------------------------------------------

    def empty(self, name: str, title: str, reason: str, **values: object) -> Figure:
        """A figure of which there is nothing to draw, and why."""
        said = self.say("nothing", reason=self.say(f"reason.{reason}", **values))
        return Figure(name, title, said=[said], is_empty=True)

    def refused(self, name: str, title: str, error: InvalidInput | MissingExtra) -> Figure:
        """A figure that the view did not give, and why."""
        said = self.reason(error.code, extra=error.extra if isinstance(error, MissingExtra) else None)
        return Figure(name, title, said=[self.say("nothing", reason=said)], is_empty=True)

    def reason(self, code: str, *, extra: str | None) -> str:
        """Why there is no answer, in the page's words."""
        known = code if self.say.has(f"reason.{code}") else "other"
        return self.say(f"reason.{known}", code=code, extra=extra, currency=self.currency)

    def table(self, *columns: str, rows: Sequence[Sequence[str]], numbers: int = 1) -> Table:
        """A table under headings of the catalogue."""
        return Table([self.say(f"column.{column}") for column in columns], rows, numbers)

    def bars(
        self,
        rows: Sequence[tuple[str, float]],
        *,
        said: Callable[[float], str] | None = None,
        of: float | None = None,
        style: str = "blue",
    ) -> Bars:
        """Bars of one part each, with their figure and, where `of` is given, their share of it."""
        write = said or self.say.number
        longest = max([value for _, value in rows if value > 0], default=1)
        return Bars(
            [
                Bar(
                    label,
                    write(value) + (f" · {self.say.share(value / of)}" if of else ""),
                    [Part(style, max(0.0, value / longest), value)],
                )
                for label, value in rows
            ]
        )

    def trend(self, name: str, title: str, trend: Trend, said: list[str], *, style: str = "blue") -> Figure:
        """A figure by month, with its interval, the limits of chance, and the months that these do not explain."""
        say = self.say
        every = months_between(trend.months[0], trend.months[-1])  # those of which nothing may be said keep their place
        count, index_of = len(every), {month: index for index, month in enumerate(every)}
        labels = [say.month(month) for month in trend.months]
        bounds = [bound for pair in (*trend.bands, *trend.limits) for bound in pair]
        scale = Scale([*trend.values, *bounds], floor=trend.floor, ceiling=trend.ceiling)
        at = [middle(index_of[month], count) for month in trend.months]
        legend = [("band", say("satisfaction.interval"))]
        lines = []
        if trend.centre is not None:
            centre = scale.place(trend.centre)
            lines.append(("centre", points([(0, centre), (100, centre)])))
            legend.append(("centre", say("satisfaction.centre")))
        if trend.limits:
            legend.append(("limit", say("satisfaction.limits")))
            for end in (0, 1):
                edges = [(x, scale.place(pair[end])) for x, pair in zip(at, trend.limits, strict=True)]
                half = 50 / count
                steps = [corner for x, y in edges for corner in ((x - half, y), (x + half, y))]
                lines.append(("limit", points(steps)))
        lines.append((style, points([(x, scale.place(value)) for x, value in zip(at, trend.values, strict=True)])))
        odd = trend.odd or [False] * len(at)
        if any(odd):
            legend.append(("signal", say("satisfaction.signal")))
        dots = [
            Dot(
                x,
                scale.place(value),
                value,
                f"{label}: {trend.write(value)} ({trend.write(low)} \u2013 {trend.write(high)})",
                "signal" if is_odd else "point",
            )
            for x, value, label, (low, high), is_odd in zip(at, trend.values, labels, trend.bands, odd, strict=True)
        ]
        upper = [(x, scale.place(high)) for x, (_, high) in zip(at, trend.bands, strict=True)]
        lower = [(x, scale.place(low)) for x, (low, _) in zip(at, trend.bands, strict=True)]
        plot = Plot(
            x_ticks=ticks_at([say.month(month) for month in every]),
            y_ticks=[(scale.place(tick), trend.write(tick)) for tick in scale.ticks],
            areas=[("band", points([*upper, *reversed(lower)]))],
            lines=lines,
            dots=dots,
            legend=legend,
        )
        rows = [
            [label, trend.write(value), trend.write(low), trend.write(high)]
            for label, value, (low, high) in zip(labels, trend.values, trend.bands, strict=True)
        ]
        return Figure(name, title, plot, said, self.table("month", "value", "low", "high", rows=rows))
