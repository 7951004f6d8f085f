"""What the page shows: one function a section, from the views' own answers to charts, sentences and tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib import resources

from relations.analytics.control_charts import ControlChart
from relations.engine import Relations
from relations.errors import InvalidInput, MissingExtra
from relations.messages import from_micros, to_micros
from relations.policies.calendars import local_time
from relations.projections.satisfaction import CsatFigure, NpsFigure
from relations.report import charts
from relations.report.wording import Wording, needed

__all__ = ["html"]

_HORIZON_DAYS = 365
_COHORTS = 18


@dataclass
class _Chart:
    """One chart with its words: nothing is said by the drawing alone.

    Attributes:
        marks: How many marks the drawing has.
        is_empty: There is nothing to show, and `said` has the reason.
    """

    name: str
    title: str
    svg: str = ""
    marks: int = 0
    said: list[str] = field(default_factory=list)
    headings: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    is_empty: bool = False


@dataclass
class _Section:
    name: str
    title: str
    note: str
    figures: list[_Chart]


@dataclass
class _Asked:
    engine: Relations
    at: datetime
    currency: str
    say: Wording

    def empty(self, name: str, title: str, reason: str) -> _Chart:
        """A chart that there is nothing to draw of, and why."""
        return _Chart(name, title, said=[self.say("nothing", reason=self.say(reason))], is_empty=True)

    def headings(self, *columns: str) -> list[str]:
        """The headings of a table."""
        return [self.say(f"column.{column}") for column in columns]


def html(engine: Relations, lang: str = "en", *, as_of: datetime | None = None, currency: str | None = None) -> str:
    """One page of all views, complete in itself: it asks nothing of any network.

    Args:
        engine: Whose views.
        lang: `en`, or `zh` for simplified Chinese.
        as_of: The moment; now where absent. Satisfaction is shown through its month.
        currency: Which amounts count; the policy's where absent.

    Raises:
        InvalidInput: The page is not written in that language, or an unknown currency.
        MissingExtra: The extra `report` is not installed.
    """
    say = Wording(lang)
    jinja = needed("jinja2")
    at = as_of or engine.clock()
    asked = _Asked(engine, at, currency or engine.policy.currency, say)
    sections = [make(asked) for make in _SECTIONS]
    environment = jinja.Environment(autoescape=True, undefined=jinja.StrictUndefined)
    template = environment.from_string(
        resources.files("relations.report").joinpath("templates", "report.html.jinja").read_text("utf-8")
    )
    lifecycle = engine.views.retention.lifecycle(as_of=at)
    local = from_micros(to_micros(at)).astimezone(at.tzinfo)
    return str(
        template.render(
            lang=say.tag,
            title=say("title"),
            as_of=say(
                "as_of",
                day=say.day(local),
                events=say.number(engine.status().position),
                customers=say.number(lifecycle.customers),
            ),
            contents=say("contents"),
            table=say("table"),
            sections=sections,
        )
    )


# --- satisfaction ---------------------------------------------------------------------------------------------------


def _satisfaction(asked: _Asked) -> _Section:
    say, view = asked.say, asked.engine.views.satisfaction
    until = _month_after(asked)
    found = view.report(until=until)
    figures = [
        _trend(asked, "nps", found.nps, found.nps_by_month, found.nps_trend),
        _trend(asked, "csat", found.csat, found.csat_by_month, found.csat_trend),
        _drivers(asked),
    ]
    note = say("satisfaction.note", minimum=found.minimum_answers)
    return _Section("satisfaction", say("satisfaction.title"), note, figures)


def _trend(
    asked: _Asked,
    name: str,
    whole: NpsFigure | CsatFigure,
    months: Sequence[NpsFigure] | Sequence[CsatFigure],
    chart: ControlChart | None,
) -> _Chart:
    say = asked.say
    title = say(f"satisfaction.{name}")
    shown = [each for each in months if each.interval is not None]
    if chart is None or whole.interval is None or not shown:
        return asked.empty(name, title, "no_answers")

    def write(value: float) -> str:
        return say.percent(value) if name == "csat" else say.number(value)

    labels = [say.month(each.group["month"] or "") for each in shown]
    bands = [(each.interval.low, each.interval.high) for each in shown if each.interval is not None]
    odd = [bool(point.signals) for point in chart.points]
    drawn = charts.line(
        name,
        labels,
        [point.value for point in chart.points],
        bands,
        [(point.low, point.high) for point in chart.points],
        odd,
        centre=chart.centre,
        legend=(say("satisfaction.interval"), say("satisfaction.limits"), say("satisfaction.signal")),
        percent=name == "csat",
    )
    value = whole.nps if isinstance(whole, NpsFigure) else whole.share
    signals = [label for label, is_odd in zip(labels, odd, strict=True) if is_odd]
    return _Chart(
        name,
        title,
        drawn,
        len(shown),
        [
            say(
                "satisfaction.overall",
                name=name.upper(),
                value=write(value or 0.0),
                low=write(whole.interval.low),
                high=write(whole.interval.high),
                n=say.number(whole.n),
            ),
            say("satisfaction.signals", months=", ".join(signals)) if signals else say("satisfaction.no_signals"),
        ],
        asked.headings("month", "n", "value", "low", "high"),
        [
            [label, say.number(point.n), write(point.value), write(low), write(high)]
            for label, point, (low, high) in zip(labels, chart.points, bands, strict=True)
        ],
    )


def _drivers(asked: _Asked) -> _Chart:
    say = asked.say
    title = say("satisfaction.drivers")
    try:
        found = asked.engine.views.satisfaction.drivers("nps")
    except InvalidInput:
        return asked.empty("drivers", title, "no_drivers")
    labels = [driver.name for driver in found.drivers]
    said = [say.percent(driver.share) for driver in found.drivers]
    sentences = [say("satisfaction.drivers_note", r2=say.number(found.r_squared, 2), n=say.number(found.n))]
    if found.collinear:
        sentences.append(say("satisfaction.collinear", names=", ".join(found.collinear)))
    return _Chart(
        "drivers",
        title,
        charts.bars("drivers", labels, [driver.share for driver in found.drivers], said),
        len(labels),
        sentences,
        asked.headings("driver", "share"),
        [list(row) for row in zip(labels, said, strict=True)],
    )


# --- retention ------------------------------------------------------------------------------------------------------


def _retention(asked: _Asked) -> _Section:
    say = asked.say
    return _Section(
        "retention", say("retention.title"), say("retention.note"), [_stages(asked), _cohorts(asked), _survival(asked)]
    )


def _stages(asked: _Asked) -> _Chart:
    say = asked.say
    stages = asked.engine.views.retention.lifecycle(as_of=asked.at).stages
    title = say("retention.stages")
    if not sum(stages.values()):
        return asked.empty("stages", title, "no_purchases")
    rows = [(say.name("stage", stage), count) for stage, count in stages.items()]
    return _counts(asked, "stages", title, rows, ["stage", "customers"], [say("inferred")])


def _cohorts(asked: _Asked) -> _Chart:
    say = asked.say
    title = say("retention.cohorts")
    found = asked.engine.views.retention.cohorts(as_of=asked.at)[-_COHORTS:]
    if not found:
        return asked.empty("cohorts", title, "no_purchases")
    labels = [f"{say.month(cohort.month)} ({say.number(cohort.size)})" for cohort in found]
    cells = [[month.share for month in cohort.months] for cohort in found]
    return _Chart(
        "cohorts",
        title,
        charts.heat_map("cohorts", labels, cells, below=say("retention.months_since")),
        sum(len(row) for row in cells),
        [say("retention.cohorts_note")],
        asked.headings("cohort", "since", "customers", "share"),
        [
            [say.month(cohort.month), str(month.since), say.number(month.active), say.percent(month.share)]
            for cohort in found
            for month in cohort.months
        ],
    )


def _survival(asked: _Asked) -> _Chart:
    say = asked.say
    title = say("retention.survival")
    curve = asked.engine.views.retention.survival(as_of=asked.at)
    if not curve.n:
        return asked.empty("survival", title, "no_purchases")
    median = say("retention.beyond") if curve.median is None else say("retention.days", days=say.number(curve.median))
    points = [
        (
            point.time,
            point.survival,
            None if point.interval is None else point.interval.low,
            None if point.interval is None else point.interval.high,
        )
        for point in curve.points
        if point.events or point is curve.points[-1]
    ]
    every = max(1, len(points) // 24)
    return _Chart(
        "survival",
        title,
        charts.survival("survival", points, below=say("retention.survival_x")),
        1,
        [say("retention.survival_note", n=say.number(curve.n), events=say.number(curve.events), median=median)],
        asked.headings("days", "share", "low", "high"),
        [
            [say.number(time), say.percent(share), say.percent(low), say.percent(high)]
            for time, share, low, high in points[::every]
        ],
    )


# --- value ----------------------------------------------------------------------------------------------------------


def _value(asked: _Asked) -> _Section:
    say = asked.say
    note = say("value.note", currency=asked.currency)
    return _Section("value", say("value.title"), note, [_rfm(asked), _grades(asked), _worth(asked)])


def _rfm(asked: _Asked) -> _Chart:
    say = asked.say
    title = say("value.rfm")
    found = asked.engine.views.retention.rfm(as_of=asked.at, currency=asked.currency, limit=0)
    if not found.buyers:
        return asked.empty("rfm", title, "no_purchases")
    rows = [(say.name("segment", each.segment), each.customers) for each in found.segments]
    return _counts(asked, "rfm", title, rows, ["segment", "customers"], [say("n", n=say.number(found.buyers))])


def _grades(asked: _Asked) -> _Chart:
    say = asked.say
    title = say("value.grades")
    found = asked.engine.views.retention.grades(as_of=asked.at)
    if not found:
        return asked.empty("grades", title, "no_purchases")
    rows = [(say.name("grade", name), sum(each.grade == name for each in found)) for name in ("high", "mid", "low")]
    return _counts(asked, "grades", title, rows, ["grade", "customers"], [say("n", n=say.number(len(found)))])


def _worth(asked: _Asked) -> _Chart:
    say = asked.say
    title = say("value.worth_title")
    try:
        found = asked.engine.views.retention.lifetime_values(
            as_of=asked.at, currency=asked.currency, days=_HORIZON_DAYS, limit=0
        )
    except MissingExtra as missing:
        reason = say("missing_extra", extra=missing.extra)
        return _Chart("worth", title, said=[say("nothing", reason=reason)], is_empty=True)
    except InvalidInput:
        return asked.empty("worth", title, "no_purchases")
    amounts = [found.historic, found.expected_value]
    said = [say.money(amount, asked.currency) for amount in amounts]
    sentence = say(
        "value.worth", buyers=say.number(found.buyers), historic=said[0], expected=said[1], days=_HORIZON_DAYS
    )
    return _Chart("worth", title, said=[sentence])


# --- repair ---------------------------------------------------------------------------------------------------------


def _repair(asked: _Asked) -> _Section:
    say = asked.say
    return _Section("repair", say("repair.title"), say("repair.note"), [_funnel(asked), _steps(asked)])


_FUNNEL = (
    "strained", "acknowledged", "apologised", "remedied", "verifying", "restored", "won_back", "relapsed", "lapsed",
    "withdrawn",
)  # fmt: skip
"""The states of damaged relations, along the way that leads out."""


def _funnel(asked: _Asked) -> _Chart:
    say = asked.say
    title = say("repair.funnel")
    found = asked.engine.views.repair.summary(as_of=asked.at)
    if not found.damaged:
        return asked.empty("repair", title, "no_complaints")
    states: dict[str, int] = {str(state): count for state, count in found.states.items()}
    rows = [(say.name("state", state), states.get(state, 0)) for state in _FUNNEL]
    sentence = say(
        "repair.summary",
        damaged=say.number(found.damaged),
        customers=say.number(found.customers),
        restored=say.percent(found.restored_share),
    )
    return _counts(asked, "repair", title, rows, ["state", "customers"], [sentence])


def _steps(asked: _Asked) -> _Chart:
    say = asked.say
    title = say("repair.steps")
    found = [each for each in asked.engine.views.repair.steps(as_of=asked.at) if each.median is not None]
    if not found:
        return asked.empty("steps", title, "no_complaints")

    def days(span: timedelta | None) -> float:
        return 0.0 if span is None else span / timedelta(days=1)

    labels = [say.name("step", each.step) for each in found]
    medians, nineties = [days(each.median) for each in found], [days(each.p90) for each in found]
    said = [f"{say.number(one, 1)} / {say.number(other, 1)}" for one, other in zip(medians, nineties, strict=True)]
    return _Chart(
        "steps",
        title,
        charts.bars("steps", labels, medians, said, second=nineties),
        len(labels),
        [],
        [*asked.headings("step", "n"), say("repair.median"), say("repair.p90")],
        [
            [label, say.number(each.reached), say.number(one, 1), say.number(other, 1)]
            for label, each, one, other in zip(labels, found, medians, nineties, strict=True)
        ],
    )


# --- loyalty --------------------------------------------------------------------------------------------------------


def _loyalty(asked: _Asked) -> _Section:
    say = asked.say
    return _Section("loyalty", say("loyalty.title"), say("loyalty.note"), [_liability(asked), _tiers(asked)])


def _liability(asked: _Asked) -> _Chart:
    say = asked.say
    title = say("loyalty.liability")
    found = asked.engine.views.loyalty.liability(as_of=asked.at)
    months = [each for each in found.months if each.points]
    if not months:
        return asked.empty("liability", title, "no_points")
    rows = [(say("loyalty.never") if each.month is None else say.month(each.month), each.points) for each in months]
    sentence = say("loyalty.summary", points=say.number(found.points), debt=say.number(found.debt))
    return _counts(asked, "liability", title, rows, ["month", "points"], [sentence])


def _tiers(asked: _Asked) -> _Chart:
    say = asked.say
    title = say("loyalty.tiers")
    found = asked.engine.views.loyalty.tiers()
    if not found:
        return asked.empty("tiers", title, "no_points")
    rows = [(tier or say("loyalty.none"), count) for tier, count in found.items()]
    return _counts(asked, "tiers", title, rows, ["tier", "customers"], [])


# --- shared ---------------------------------------------------------------------------------------------------------


def _counts(
    asked: _Asked, name: str, title: str, rows: Sequence[tuple[str, int]], columns: Sequence[str], said: list[str]
) -> _Chart:
    """A chart of one bar a row."""
    labels, counts = [label for label, _ in rows], [count for _, count in rows]
    numbers = [asked.say.number(count) for count in counts]
    return _Chart(
        name,
        title,
        charts.bars(name, labels, counts, numbers),
        len(rows),
        said,
        asked.headings(*columns),
        [[label, number] for label, number in zip(labels, numbers, strict=True)],
    )


def _month_after(asked: _Asked) -> str:
    month = local_time(asked.engine.policy.zone).month(to_micros(asked.at))
    year, number = int(month[:4]), int(month[5:])
    return f"{year + number // 12:04d}-{number % 12 + 1:02d}"


_SECTIONS: tuple[Callable[[_Asked], _Section], ...] = (_satisfaction, _retention, _value, _repair, _loyalty)
