"""The section of satisfaction: trends, places and drivers."""

from __future__ import annotations

from collections.abc import Sequence

from relations.analytics.control_charts import ControlChart
from relations.errors import InvalidInput
from relations.projections.satisfaction import CsatFigure, NpsFigure, Trend
from relations.report.html.asked import MONTHS, Asked, MonthlyTrend
from relations.report.html.figures import Bar, BarPiece, Bars, Figure, Section

__all__ = ["section"]

_PLACES = 12


def section(asked: Asked) -> Section:
    """Return the figures of answers through the last month that counts."""
    say, view = asked.say, asked.engine.views.satisfaction
    found = view.report(until=asked.month_after, as_of=asked.at)
    places = view.trends(by=("touchpoint",), until=asked.month_after)
    figures = [
        _trend(asked, "nps", found.nps, found.nps_by_month, found.nps_trend, places),
        _trend(asked, "csat", found.csat, found.csat_by_month, found.csat_trend),
        _drivers(asked),
        _places(asked, found.csat_by_touchpoint),
    ]
    note = say("satisfaction.note", minimum=found.minimum_answers)
    return Section("satisfaction", say("satisfaction.title"), note, figures)


def _trend(
    asked: Asked,
    name: str,
    whole: NpsFigure | CsatFigure,
    months: Sequence[NpsFigure] | Sequence[CsatFigure],
    chart: ControlChart | None,
    places: Sequence[Trend] = (),
) -> Figure:
    say = asked.say
    title = say(f"satisfaction.{name}")
    bands = {each.group["month"] or "": each.interval for each in months}
    if chart is None or whole.interval is None:
        return asked.empty(name, title, "no_answers")
    write = say.percent if name == "csat" else say.number
    shown = chart.points[-MONTHS:]
    intervals = [bands[point.period] for point in shown]
    first = shown[0].period
    signals = _signals(asked, chart, since=first)
    by_place = [
        say("satisfaction.signals_at", place=each.group["touchpoint"] or say("unknown"), months=found)
        for each in places
        if (found := _signals(asked, each.chart, since=first))
    ]
    value = whole.nps if isinstance(whole, NpsFigure) else whole.share
    said = say(
        "satisfaction.overall",
        name=name.upper(),
        value=write(value or 0.0),
        low=write(whole.interval.low),
        high=write(whole.interval.high),
        answers=say.count("answers", whole.n),
    )
    limits = [(point.low, point.high) for point in shown]
    lowest, highest = (0.0, 1.0) if name == "csat" else (-100.0, 100.0)
    trend = MonthlyTrend(
        months=[point.period for point in shown],
        values=[point.value for point in shown],
        bands=[(each.low, each.high) if each else (point.value, point.value)
               for each, point in zip(intervals, shown, strict=True)],
        write=write,
        limits=limits,
        odd=[bool(point.signals) for point in shown],
        centre=chart.centre,
        floor=lowest,
        ceiling=highest,
    )  # fmt: skip
    chance = say("satisfaction.signals", months=signals) if signals else say("satisfaction.no_signals")
    return asked.trend(name, title, trend, [said, chance, *by_place])


def _signals(asked: Asked, chart: ControlChart | None, *, since: str) -> str:
    """Return the months that chance does not explain, in words; nothing if there are none."""
    say = asked.say
    months = [say.month(each.period) for each in (chart.signals if chart else ()) if each.period >= since]
    return say.list(months) if months else ""


def _drivers(asked: Asked) -> Figure:
    """Return each driver's share of what the regression explains; they sum to 100 %."""
    say, surveys = asked.say, asked.engine.policy.surveys
    title = say("satisfaction.drivers")
    try:
        found = asked.engine.views.satisfaction.drivers("nps", as_of=asked.at)
    except InvalidInput as error:
        return asked.refused("drivers", title, error)
    if not found.r_squared:
        return asked.empty("drivers", title, "nothing_explained")
    names = {driver.name: say.driver(driver.name, surveys) for driver in found.drivers}
    rows = [(names[driver.name], driver.share / found.r_squared) for driver in found.drivers]
    sentences = [
        say("satisfaction.drivers_note", r2=say.percent(found.r_squared), answers=say.count("answers", found.n))
    ]
    if found.collinear:
        sentences.append(say("satisfaction.collinear", names=say.list([names[name] for name in found.collinear])))
    return Figure("drivers", title, asked.bars(rows, said=say.percent), sentences)


def _places(asked: Asked, found: Sequence[CsatFigure]) -> Figure:
    """Return the share of satisfied answers by touchpoint, without those that are suppressed."""
    say = asked.say
    title = say("satisfaction.places")
    known = [each for each in found if each.share is not None and each.interval is not None]
    known.sort(key=lambda each: (-(each.share or 0.0), each.group["touchpoint"] or ""))
    if not known:
        return asked.empty("places", title, "no_answers")
    rows = [
        Bar(
            each.group["touchpoint"] or say("unknown"),
            say.percent(each.share),
            [BarPiece("blue", each.share or 0.0, each.share or 0.0)],
        )
        for each in known[:_PLACES]
    ]
    table = asked.table(
        "place", "n", "share", "low", "high",
        rows=[
            [
                each.group["touchpoint"] or say("unknown"),
                say.number(each.n),
                say.percent(each.share),
                *(say.percent(end) for end in ((each.interval.low, each.interval.high) if each.interval else ())),
            ]
            for each in known
        ],
    )  # fmt: skip
    return Figure("places", title, Bars(rows), [], table)
