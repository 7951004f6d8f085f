"""The section of retention: stages, rates, cohorts, survival, reasons for leaving, kinds of loyalty."""

from __future__ import annotations

from dataclasses import replace

from relations.analytics.intervals import wilson
from relations.projections.retention.stages import PeriodMove
from relations.report.html.asked import MONTHS, Asked, MonthlyTrend
from relations.report.html.figures import Cell, Figure, Heat, Plot, Scale, Section, points, staircase

__all__ = ["section"]

_COHORTS = 13
"""A year of cohorts, and the one with which the last of them is compared."""
_ROWS = 24
_REASONS = 10


def section(asked: Asked) -> Section:
    """Return the figures as of the moment; cohorts through the last full month."""
    say = asked.say
    figures = [_stages(asked), _rates(asked), _cohorts(asked), _survival(asked), _reasons(asked), _kinds(asked)]
    return Section("retention", say("retention.title"), say("retention.note"), figures)


def _stages(asked: Asked) -> Figure:
    say = asked.say
    found = asked.engine.views.retention.lifecycle(as_of=asked.at)
    title = say("retention.stages")
    if not found.customers:
        return asked.empty("stages", title, "nobody_known")
    rows = [(say.name("stage", stage), count) for stage, count in found.stages.items()]
    said = [say("retention.inferred")]
    if found.repeat_rate is not None:
        repeat = say.percent(found.repeat_rate)
        said.insert(0, say("retention.repeat", share=repeat, buyers=say.count("buyers", found.buyers)))
    view = asked.engine.views.retention
    people = asked.people(
        "stage",
        rows,
        lambda limit: [
            [each.customer for each in view.stages(as_of=asked.at, stage=stage, limit=limit)] for stage in found.stages
        ],
    )
    return Figure("stages", title, asked.bars(rows, of=found.customers), said, people=people)


def _rates(asked: Asked) -> Figure:
    """Return the retention rate of full months with any active customer at the start."""
    say, engine = asked.say, asked.engine
    title = say("retention.rates")
    found = [each for each in engine.views.retention.rates(as_of=asked.at) if each.complete and each.at_start]
    found = found[-MONTHS:]
    if not found:
        return asked.empty("rates", title, _unless_nobody_bought(asked, "no_month"))
    intervals = [wilson(each.retained, each.at_start, engine.policy.surveys.confidence) for each in found]
    trend = MonthlyTrend(
        months=[each.month for each in found],
        values=[each.retained / each.at_start for each in found],
        bands=[(each.low, each.high) if each else (0.0, 1.0) for each in intervals],
        write=lambda share: say.percent(share, 1),
        floor=0.0,
        ceiling=1.0,
    )
    last = found[-1]
    said = say(
        "retention.rates_note",
        month=say.month(last.month),
        stayed=say.number(last.retained),
        start=say.number(last.at_start),
        new=say.number(last.new),
        back=say.number(last.won_back),
    )
    sentences = [said]
    policy = engine.policy.lifecycle
    if policy.own_gap is None:
        sentences.append(say("retention.rates_rule", days=say.count("days", policy.lost_days)))
    moves: dict[PeriodMove, int] = {
        "retained": last.retained,
        "lost": last.lost,
        "new": last.new,
        "won_back": last.won_back,
    }
    view = engine.views.retention
    people = asked.people(
        "move",
        [
            (say("labelled", label=say.month(last.month), value=say.name("move", move)), count)
            for move, count in moves.items()
        ],
        lambda limit: [
            [each.customer for each in view.moves(period=last.period, move=move, as_of=asked.at, limit=limit)]
            for move in moves
        ],
    )
    return replace(asked.trend("rates", title, trend, sentences), people=people)


def _cohorts(asked: Asked) -> Figure:
    """Return the share of each month's new customers who bought in each full month since, as a heat map."""
    say = asked.say
    title = say("retention.cohorts")
    cohorts = asked.engine.views.retention.cohorts(as_of=asked.through)
    ended = max((month.month for cohort in cohorts for month in cohort.months if month.active), default="")
    shown = [
        (cohort, [month for month in cohort.months[1 : MONTHS + 1] if month.complete and month.month <= ended])
        for cohort in cohorts
    ]
    shown = [(cohort, months) for cohort, months in shown if months][-_COHORTS:]
    if not shown:
        passed = any(month.complete for cohort in cohorts for month in cohort.months[1:])
        reason = "no_repeat_customers" if passed else "no_second_month"
        return asked.empty("cohorts", title, _unless_nobody_bought(asked, reason))
    highest = max(month.share for _, months in shown for month in months) or 1.0
    rows = [
        (
            say.short_month(cohort.month),
            say.number(cohort.size),
            [
                Cell(
                    said=say.number(100 * month.share),
                    value=month.share,
                    depth=month.share / highest,
                    title=say(
                        "retention.cell",
                        month=say.month(month.month),
                        active=say.number(month.active),
                        size=say.number(cohort.size),
                    ),
                )
                for month in months
            ],
        )
        for cohort, months in shown
    ]
    columns = [str(since) for since in range(1, max(len(cells) for _, _, cells in rows) + 1)]
    chart = Heat(
        corner=say("column.cohort"),
        size=say("column.customers"),
        columns=columns,
        rows=rows,
        low=say.percent(0.0),
        high=say.percent(highest),
        below=say("retention.months_since"),
    )
    latest = shown[-1][0].month
    who = asked.who("retention", "cohorts", f"cohort={latest}")
    return Figure("cohorts", title, chart, [say("retention.cohorts_note")], is_wide=True, who=who)


def _survival(asked: Asked) -> Figure:
    say = asked.say
    title = say("retention.survival")
    curve = asked.engine.views.retention.survival(as_of=asked.at)
    if not curve.points or not curve.points[-1].time:
        return asked.empty("survival", title, "no_time" if curve.points else "no_purchases")
    median = say("retention.beyond") if curve.median is None else say.count("days", round(curve.median))
    shown = [point for point in curve.points if point.events or point is curve.points[-1]]
    across = Scale([0.0, shown[-1].time], floor=0.0)
    last = across.high
    ends = [(point.interval.low, point.interval.high) if point.interval else (point.survival,) * 2 for point in shown]
    times = [0.0, *(100 * point.time / last for point in shown)]
    curve_at = staircase(list(zip(times, [100.0, *(100 * point.survival for point in shown)], strict=True)))
    low = staircase(list(zip(times, [100.0, *(100 * end for end, _ in ends)], strict=True)))
    high = staircase(list(zip(times, [100.0, *(100 * end for _, end in ends)], strict=True)))
    plot = Plot(
        x_ticks=[(100 * tick / last, say.number(tick)) for tick in across.ticks],
        y_ticks=[(100 * tick, say.percent(tick)) for tick in (0.0, 0.25, 0.5, 0.75, 1.0)],
        areas=[("band", points([*high, *reversed(low)]))],
        lines=[("centre", points([(0, 50), (100, 50)]))],
        curves=[("blue", points(curve_at))],
        legend=[("blue", say("retention.curve")), ("band", say("satisfaction.interval"))],
        below=say("retention.survival_x"),
    )
    customers = say.count("customers", curve.n)
    said = say("retention.survival_note", customers=customers, events=say.number(curve.events), median=median)
    who = asked.who("retention", "survival", "stage=lost")
    step = -(-len(shown) // _ROWS)
    rows = [
        [say.number(point.time), say.percent(point.survival, 1), *(say.percent(end, 1) for end in pair)]
        for point, pair in list(zip(shown, ends, strict=True))[::step]
    ]
    table = asked.table("days", "share", "low", "high", rows=rows, numbers=0)
    return Figure("survival", title, plot, [said], table, who=who)


def _reasons(asked: Asked) -> Figure:
    """Return recorded reasons for leaving, the most frequent first."""
    say = asked.say
    title = say("retention.reasons")
    found = asked.engine.views.retention.churn_reasons(as_of=asked.at)
    if not found.lapses:
        return asked.empty("reasons", title, "nobody_said")
    rows = [(each.reason or say("unknown"), each.lapses) for each in found.reasons[:_REASONS]]
    said = say(
        "retention.reasons_note",
        departures=say.count("departures", found.lapses),
        customers=say.count("customers", found.left),
        won_back=say.number(found.won_back),
        again=say.number(found.bought_again),
    )
    view = asked.engine.views.retention
    people = asked.people(
        "reason",
        [(each.reason or say("unknown"), each.customers) for each in found.reasons[:_REASONS]],
        lambda limit: [
            list(
                dict.fromkeys(
                    each.customer for each in view.departures(reason=reason.reason or "", as_of=asked.at, limit=limit)
                )
            )
            for reason in found.reasons[:_REASONS]
        ],
    )
    return Figure("reasons", title, asked.bars(rows, of=found.lapses), [said], people=people)


def _kinds(asked: Asked) -> Figure:
    say = asked.say
    title = say("retention.kinds")
    found = asked.engine.views.retention.kinds(as_of=asked.through, limit=0)
    if not found.customers:
        return asked.empty("kinds", title, "no_signs")
    rows = [(say.name("kind", kind), count) for kind, count in found.kinds.items()]
    said = say(
        "retention.kinds_note",
        month=say.month(found.month),
        progressed=say.number(found.progressed),
        relapsed=say.number(found.relapsed),
    )
    view = asked.engine.views.retention
    people = asked.people(
        "kind",
        rows,
        lambda limit: [
            [each.customer for each in view.kinds(as_of=asked.through, kind=kind, limit=limit).listed]
            for kind in found.kinds
        ],
    )
    notes = [said, *asked.not_over([found.month])]
    return Figure("kinds", title, asked.bars(rows, of=found.customers), notes, people=people)


def _unless_nobody_bought(asked: Asked, reason: str) -> str:
    """Return a reason, or that there are no purchases at all."""
    return reason if asked.engine.views.retention.lifecycle(as_of=asked.at).buyers else "no_purchases"
