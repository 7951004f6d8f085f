"""The question that a page answers, and figures that several sections share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property

from relations.errors import InvalidInput, MissingExtra
from relations.messages import from_micros, to_micros
from relations.months import last_day, months_after, months_between
from relations.past.questions import Questions
from relations.policies.calendars import LocalTime, local_time
from relations.projections.who import who_of
from relations.report.html.figures import Bar, BarPiece, Bars, Dot, Figure, Plot, Scale, Table, middle, points, ticks_at
from relations.report.html.wording import Wording

__all__ = ["MONTHS", "PEOPLE", "Asked", "MonthlyTrend"]

MONTHS = 24
"""The most months on a chart; older ones are in the views."""
PEOPLE = 12
"""The most customers listed of one group; the views have all of them."""


@dataclass(frozen=True)
class MonthlyTrend:
    """One value a month, with its interval and the limits of chance.

    Attributes:
        months: The months, such as `2024-05`.
        values: The value of each month.
        bands: The interval of each month.
        write: Writes a value as text.
        limits: The limits of chance of each month, or nothing.
        odd: True for each month that chance does not explain, or nothing.
        centre: The value over all months.
        floor: The lowest possible value.
        ceiling: The highest possible value.
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
    """The question that a page answers.

    Attributes:
        engine: The engine to ask.
        at: The moment.
        is_past: True if more was recorded since the moment: figures known only for the present are left out.
        currency: The currency whose amounts count.
        ahead: How far ahead to look for what is due.
        say: The language.
    """

    engine: Questions
    at: datetime
    is_past: bool
    currency: str
    ahead: timedelta
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
        """The moment for figures by month; for a past moment, at most the end of its last full month."""
        after = self.day + timedelta(days=1)
        if not self.is_past or after.day == 1:
            return self.at
        return from_micros(self.local.start(self.day.replace(day=1)) - 1)

    @cached_property
    def through_month(self) -> str:
        """The month of `through`."""
        return self.local.month(to_micros(self.through))

    @cached_property
    def month_after(self) -> str:
        """The month after that of `through`."""
        return months_after(self.through_month)

    @cached_property
    def days(self) -> str:
        """The number of days to look ahead, in words."""
        return self.say.count("days", self.ahead // timedelta(days=1))

    def is_over(self, month: str) -> bool:
        """Return True if a month is over at the moment."""
        return last_day(month) <= self.local.day(to_micros(self.at))

    def not_over(self, months: Sequence[str]) -> list[str]:
        """Return a sentence for the last month shown, if it is not over."""
        last = max(months, default="")
        return [] if not last or self.is_over(last) else [self.say("not_over", month=self.say.month(last))]

    # --- figures ----------------------------------------------------------------------------------------------------

    def empty(self, name: str, title: str, reason: str, **values: object) -> Figure:
        """Return a figure with nothing to draw, and the reason."""
        said = self.say("nothing", reason=self.say(f"reason.{reason}", **values))
        return Figure(name, title, said=[said], is_empty=True)

    def refused(self, name: str, title: str, error: InvalidInput | MissingExtra) -> Figure:
        """Return a figure that the view refused, and the reason."""
        said = self.reason(error.code, extra=error.extra if isinstance(error, MissingExtra) else None)
        return Figure(name, title, said=[self.say("nothing", reason=said)], is_empty=True)

    def reason(self, code: str, *, extra: str | None) -> str:
        """Return the reason for which there is no answer, in the page's words."""
        known = code if self.say.has(f"reason.{code}") else "other"
        return self.say(f"reason.{known}", code=code, extra=extra, currency=self.currency)

    def table(self, *columns: str, rows: Sequence[Sequence[str]], numbers: int = 1) -> Table:
        """Return a table; its headings come from the page's words."""
        return Table([self.say(f"column.{column}") for column in columns], rows, numbers)

    def who(self, view: str, question: str, *given: str) -> str:
        """Return a sentence with the command that lists the customers behind the counts of a question.

        Args:
            view: The name of the view.
            question: The question, which `View.leads` names.
            *given: What selects the customers; see `Who.command`.
        """
        leads: Mapping[str, str] = getattr(self.engine.views, view).leads
        return self.say("who", command=who_of(view, leads[question]).command(*given))

    def people(
        self, column: str, groups: Sequence[tuple[str, int]], find: Callable[[int], Sequence[Sequence[str]]]
    ) -> Table:
        """Return the customers of each group, as many as the page has room for.

        Args:
            column: The heading of the groups.
            groups: The groups with the number of customers in each.
            find: `limit -> ids` of each group, at most that many.
        """
        rows = [
            [label, self.say.number(count), ", ".join(ids) + (", …" if count > len(ids) else "")]
            for (label, count), ids in zip(groups, find(PEOPLE), strict=True)
            if count
        ]
        return Table([self.say(f"column.{name}") for name in (column, "customers", "who")], rows, numbers=3)

    def bars(
        self,
        rows: Sequence[tuple[str, float]],
        *,
        said: Callable[[float], str] | None = None,
        of: float | None = None,
        style: str = "blue",
    ) -> Bars:
        """Return bars of one part each, with their value and, if `of` is given, their share of it."""
        write = said or self.say.number
        longest = max([value for _, value in rows if value > 0], default=1)
        return Bars(
            [
                Bar(
                    label,
                    write(value) + (f" · {self.say.share(value / of)}" if of else ""),
                    [BarPiece(style, max(0.0, value / longest), value)],
                )
                for label, value in rows
            ]
        )

    def trend(self, name: str, title: str, trend: MonthlyTrend, said: list[str], *, style: str = "blue") -> Figure:
        """Return a figure by month, with intervals, the limits of chance, and the months beyond them."""
        say = self.say
        every = months_between(trend.months[0], trend.months[-1])  # suppressed months keep their place
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
                say("point", month=label, value=trend.write(value), low=trend.write(low), high=trend.write(high)),
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
        return Figure(
            name, title, plot, [*said, *self.not_over(trend.months)],
            self.table("month", "value", "low", "high", rows=rows),
        )  # fmt: skip
