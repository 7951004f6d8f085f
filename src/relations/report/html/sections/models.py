"""The section of fitted models: customers who are alike, products that go together, and what is expected."""

from __future__ import annotations

from collections.abc import Sequence

from relations.aggregates.model import ForecastTest
from relations.messages import minor_digits
from relations.projections.forecasts import ForecastsInUse, MonthForecast, PlaceForecast, SeriesForecast
from relations.report.clusters import cluster_phrases
from relations.report.html.asked import PEOPLE, Asked
from relations.report.html.figures import (
    Bar,
    BarPiece,
    Bars,
    Dot,
    Figure,
    Plot,
    Scale,
    Section,
    middle,
    points,
    ticks_at,
)

__all__ = ["section"]

_RULES_MAX, _PLACES_MAX, _PAST_MAX = 10, 8, 24


def section(asked: Asked) -> Section:
    """Return what the newest recorded fits give."""
    say = asked.say
    return Section(
        "models", say("models.title"), say("models.note"), [_clusters(asked), *_forecasts(asked), _rules(asked)]
    )


def _clusters(asked: Asked) -> Figure:
    """Return the size of each cluster, with what sets it apart. Some facts are known only for the present."""
    say, title = asked.say, asked.say("models.clusters")
    if asked.is_past:
        return asked.empty("clusters", title, "present_only")
    found = asked.engine.views.retention.clusters(as_of=asked.at, limit=PEOPLE)
    if found.fit is None:
        return asked.empty("clusters", title, "no_clusters_fitted")
    most = max(each.size for each in found.clusters) or 1
    said = say(
        "models.clusters_fit",
        customers=say.count("customers", found.fit.customers),
        day=say.day(found.fit.through),
        age=say.count("days", found.fit.age_days),
        silhouette=say.number(found.fit.silhouette, 2),
    )
    labels = [
        say("models.cluster", number=each.number, traits=say.list(cluster_phrases(each.traits, say.language)))
        for each in found.clusters
    ]
    chart = Bars(
        [
            Bar(
                label,
                f"{say.number(each.size)} · {say.share(each.share or 0)}",
                [BarPiece("blue", each.size / most, each.size)],
            )
            for label, each in zip(labels, found.clusters, strict=True)
        ]
    )
    sizes = [(say.number(each.number), each.size) for each in found.clusters]
    people = asked.people("cluster", sizes, lambda limit: [each.customers[:limit] for each in found.clusters])
    amounts = [
        [
            say.number(each.number),
            say.number(each.size),
            say.percent(each.share),
            say.money(each.net_amount, found.fit.currency),
        ]
        for each in found.clusters
    ]
    table = asked.table("cluster", "customers", "share", "spent", rows=amounts)
    return Figure("clusters", title, chart, [said], table, people=people)


def _rules(asked: Asked) -> Figure:
    """List the most confident association rules."""
    say, title = asked.say, asked.say("models.rules")
    found = asked.engine.views.recommendations.rules(as_of=asked.at, limit=_RULES_MAX)
    if found.fit is None:
        return asked.empty("rules", title, "no_rules_fitted")
    said = say(
        "models.rules_fit",
        rules=say.count("rules", found.fit.rules),
        baskets=say.count("baskets", found.fit.baskets),
        day=say.day(found.fit.through),
        age=say.count("days", found.fit.age_days),
    )
    rows = [
        [
            " + ".join((each.product, *each.also)),
            each.recommended,
            say.percent(each.support, 1),
            say.percent(each.confidence),
            say.number(each.lift, 1),
            say.number(each.baskets),
        ]
        for each in found.rules
    ]
    listing = asked.table("product", "recommended", "support", "confidence", "lift", "baskets", rows=rows, numbers=2)
    return Figure("rules", title, said=[said], listing=listing)


def _forecasts(asked: Asked) -> list[Figure]:
    """Return the revenue expected month by month, and what is expected next at each touchpoint."""
    say = asked.say
    found = asked.engine.views.forecasts.forecast(as_of=asked.at, currency=asked.currency, history=_PAST_MAX)
    title, reason = say("models.forecast"), "no_forecasts_fitted" if found.fit is None else "forecasts_over"
    if found.fit is None or found.whole is None or not _ahead(found.whole.revenue):
        places = asked.empty("places-ahead", say("models.places"), reason)
        return [asked.empty("forecast", title, reason), places]
    return [_revenue_ahead(asked, title, found.whole, found.fit), _places_ahead(asked, found.touchpoints)]


def _ahead(series: SeriesForecast) -> list[MonthForecast]:
    """Return the months that are not over."""
    return [month for month in series.months if month.actual is None]


def _revenue_ahead(asked: Asked, title: str, whole: PlaceForecast, fit: ForecastsInUse) -> Figure:
    """Draw what was sold month by month, and what is expected with its 80 % interval."""
    say, series = asked.say, whole.revenue

    def money(minor: float) -> str:
        return say.money(minor, fit.currency)

    past = [(each.month, each.value) for each in series.history]
    past += [(each.month, each.actual) for each in series.months if each.actual is not None]
    past, ahead = past[-_PAST_MAX:], _ahead(series)
    months = [*(month for month, _ in past), *(each.month for each in ahead)]
    places = [middle(index, len(months)) for index in range(len(months))]
    before, after = places[: len(past)], places[len(past) :]
    ends = [end for each in ahead for end in (each.low_80, each.high_80)]
    scale = Scale([0.0, *(float(value) for _, value in past), *ends], floor=0.0)
    sold = [(x, scale.place(value)) for x, (_, value) in zip(before, past, strict=True)]
    expected = [(x, scale.place(each.expected)) for x, each in zip(after, ahead, strict=True)]
    dots = [
        Dot(x, y, value, say("models.sold_in", month=say.month(month), value=money(value)))
        for (x, y), (month, value) in zip(sold, past, strict=True)
    ]
    for (x, y), each in zip(expected, ahead, strict=True):
        value, low, high = map(money, (each.expected, each.low_80, each.high_80))
        title_of = say("point", month=say.month(each.month), value=value, low=low, high=high)
        dots.append(Dot(x, y, each.expected, title_of, "point orange"))
    upper = [(x, scale.place(each.high_80)) for x, each in zip(after, ahead, strict=True)]
    lower = [(x, scale.place(each.low_80)) for x, each in zip(after, ahead, strict=True)]
    plot = Plot(
        x_ticks=ticks_at([say.month(month) for month in months]),
        y_ticks=[(scale.place(tick), say.short_money(tick, fit.currency)) for tick in scale.ticks],
        areas=[("band", points([*upper, *reversed(lower)]))],
        lines=[("blue", points(sold)), ("orange", points(expected))],
        dots=dots,
        legend=[
            ("blue", say("models.sold")), ("orange", say("models.expected")), ("band", say("models.interval")),
        ],
    )  # fmt: skip
    said = say(
        "models.forecast_fit",
        months=say.count("months", whole.observed),
        day=say.day(fit.through),
        season=say("models.with_season" if series.has_season else "models.without_season"),
    )
    rows = [[say.month(each.month), *map(money, (each.expected, each.low_80, each.high_80))] for each in ahead]
    table = asked.table("month", "value", "low", "high", rows=rows)
    return Figure("forecast", title, plot, [said, _tested(asked, series.test, fit.currency)], table)


def _tested(asked: Asked, test: ForecastTest | None, currency: str) -> str:
    """Say how such a forecast did on the last months, next to the naive one."""
    say = asked.say
    if test is None:
        return say("models.not_tested")
    return say(
        "models.tested_last_year" if test.naive == "last_year" else "models.tested_last_month",
        months=say.count("months", test.months),
        error=say.money(test.error, currency),
        naive=say.money(test.naive_error, currency),
        within=say.number(test.within_80),
    )


def _places_ahead(asked: Asked, places: Sequence[PlaceForecast]) -> Figure:
    """List what is expected at each touchpoint in the next month that is not over."""
    say = asked.say
    months = [(_ahead(place.purchases)[0], _ahead(place.revenue)[0], place) for place in places[:_PLACES_MAX]]
    if not months:
        return asked.empty("places-ahead", say("models.places"), "no_places_ahead")
    unit = 10 ** minor_digits(asked.currency)
    rows = [
        [
            place.touchpoint or say("unknown"),
            say.number(bought.expected),
            say.money(earned.expected, asked.currency),
            say(
                "models.range",
                low=say.number(earned.low_80 / unit),
                high=say.number(earned.high_80 / unit),
            ),
            _change(asked, place.revenue.test),
        ]
        for bought, earned, place in months
    ]
    said = say("models.places_note", month=say.month(months[0][0].month))
    listing = asked.table("place", "purchases", "revenue", "interval_80", "error", rows=rows)
    return Figure("places-ahead", say("models.places"), said=[said], listing=listing)


def _change(asked: Asked, test: ForecastTest | None) -> str:
    """Write by how much the error was larger or smaller than that of the naive forecast; a dash if it is not known."""
    if test is None or not test.naive_error:
        return asked.say.percent(None)
    return asked.say.percent(test.error / test.naive_error - 1)
