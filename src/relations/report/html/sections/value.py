"""The section of customer value: revenue, RFM, grades, segments and expected value."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from relations.projections.retention.rfm import RfmReport
from relations.report.html.asked import MONTHS, Asked
from relations.report.html.figures import (
    Bar,
    BarPiece,
    Bars,
    Cell,
    Dot,
    Figure,
    Grid,
    Plot,
    PlotColumn,
    Scale,
    Section,
    middle,
    points,
    ticks_at,
)
from relations.report.html.sections.worth import HORIZON_DAYS, winning_figure, worth_figure

__all__ = ["section"]

_SPAN_MONTHS = 3


def section(asked: Asked) -> Section:
    """Return the figures in one currency, through the last month that counts."""
    say, view = asked.say, asked.engine.views.retention
    graded = view.rfm(as_of=asked.at, currency=asked.currency)
    notes = [say("value.note", currency=asked.currency)]
    if graded.other_currencies:
        notes.append(say("value.others", customers=say.count("customers", graded.other_currencies)))
    worth = view.lifetime_values(as_of=asked.at, currency=asked.currency, ahead=timedelta(days=HORIZON_DAYS))
    figures = [
        _revenue(asked),
        _kept(asked),
        _rfm(asked, graded),
        _segments(asked, graded),
        _grades(asked),
        _policy_segments(asked),
        worth_figure(asked, worth),
        winning_figure(asked, worth),
    ]
    return Section("value", say("value.title"), say.sentences(notes), figures)


def _revenue(asked: Asked) -> Figure:
    """Return revenue by month, of customers in their first month and of returning ones."""
    say, currency = asked.say, asked.currency
    title = say("value.revenue")
    sums: dict[str, list[int]] = {}
    for cohort in asked.engine.views.retention.cohort_revenue(as_of=asked.through, currency=currency):
        for each in cohort.months:
            sums.setdefault(each.month, [0, 0])[0 if each.since else 1] += each.net
    with_revenue = [month for month, parts in sums.items() if any(parts)]
    if not with_revenue:
        return asked.empty("revenue", title, "no_revenue", currency=currency)
    ended = max(with_revenue)
    months = [month for month in sorted(sums) if month <= ended][-MONTHS:]
    said = [say("value.revenue_ended", month=say.month(ended))] if ended < asked.through_month else []
    said += asked.not_over(months)
    highs = [sum(part for part in sums[month] if part > 0) for month in months]
    lows = [sum(part for part in sums[month] if part < 0) for month in months]
    scale = Scale([0, *highs, *lows])
    styles = (("blue", say("value.returning")), ("orange", say("value.first_month")))
    columns = []
    for index, month in enumerate(months):
        parts, top, bottom = [], 0, 0
        for (style, words), amount in zip(styles, sums[month], strict=True):
            start = top if amount >= 0 else bottom + amount
            top, bottom = top + max(amount, 0), bottom + min(amount, 0)
            tip = say("part", month=say.month(month), name=words, value=say.money(amount, currency))
            height = scale.place(abs(amount)) - scale.place(0)
            parts.append(BarPiece(style, height, amount, scale.place(start), tip))
        columns.append(PlotColumn(100 * index / len(months), 100 / len(months), parts))
    plot = Plot(
        x_ticks=ticks_at([say.month(month) for month in months]),
        y_ticks=[(scale.place(tick), say.short_money(tick, currency)) for tick in scale.ticks],
        columns=columns,
        legend=styles,
    )
    rows = [
        [say.month(month), *(say.money(part, currency) for part in (*sums[month], sum(sums[month])))]
        for month in months
    ]
    table = asked.table("month", "returning", "first_month", "total", rows=rows)
    return Figure("revenue", title, plot, said, table)


def _kept(asked: Asked) -> Figure:
    """Return revenue retention, net and gross, over full months."""
    say = asked.say
    title = say("value.kept", months=_SPAN_MONTHS)
    view = asked.engine.views.retention
    found = view.revenue_retention(as_of=asked.through, currency=asked.currency, months=_SPAN_MONTHS)
    spans = [
        (each.month, each.net, each.gross)
        for each in found
        if each.complete and each.net is not None and each.gross is not None
    ]
    spans = spans[-MONTHS:]
    if not spans:
        return asked.empty("kept", title, "no_spans", months=2 * _SPAN_MONTHS)
    labels = [say.month(month) for month, _, _ in spans]
    at = [middle(index, len(spans)) for index in range(len(spans))]
    named = (("blue", say("value.net")), ("orange", say("value.gross")))
    values = ([net for _, net, _ in spans], [gross for _, _, gross in spans])
    scale = Scale([0.0, *values[0], *values[1]])
    plot = Plot(
        x_ticks=ticks_at(labels),
        y_ticks=[(scale.place(tick), say.percent(tick)) for tick in scale.ticks],
        lines=[
            (style, points([(x, scale.place(value)) for x, value in zip(at, line, strict=True)]))
            for (style, _), line in zip(named, values, strict=True)
        ],
        dots=[
            Dot(
                x,
                scale.place(value),
                value,
                say("part", month=label, name=words, value=say.percent(value)),
                f"point {style}",
            )
            for (style, words), line in zip(named, values, strict=True)
            for x, label, value in zip(at, labels, line, strict=True)
        ],
        legend=named,
    )
    rows = [[label, say.percent(net), say.percent(gross)] for label, (_, net, gross) in zip(labels, spans, strict=True)]
    said = [say("value.kept_note", months=_SPAN_MONTHS)]
    return Figure("kept", title, plot, said, asked.table("month", "net", "gross", rows=rows))


def _rfm(asked: Asked, found: RfmReport) -> Figure:
    """Return customers on the square of recency by frequency, with the policy's name for each field."""
    say = asked.say
    title = say("value.rfm")
    if not found.buyers:
        return asked.empty("rfm", title, "no_revenue", currency=asked.currency)
    fields: dict[tuple[int, int], Counter[str]] = {}
    for score in found.customers:
        fields.setdefault((score.r, score.f), Counter())[score.segment] += 1
    most = max(field.total() for field in fields.values())

    def cell(recency: int, frequency: int) -> Cell:
        field = fields.get((recency, frequency), Counter())
        named = say.name("segment", field.most_common(1)[0][0]) if field else ""
        count, share = field.total(), field.total() / found.buyers
        customers = say.count("customers", count)
        title = say("value.field", r=recency, f=frequency, customers=customers, share=say.percent(share, 1))
        return Cell(say.number(count), count, count / most, title, named)

    grades = range(1, 6)
    chart = Grid(
        right=say("value.recency"),
        up=say("value.frequency"),
        columns=[str(grade) for grade in grades],
        rows=[(str(f), [cell(r, f) for r in grades]) for f in reversed(grades)],
        low=say.number(0),
        high=say.number(most),
    )
    rule = say("value.quintiles" if found.rule == "quintiles" else "value.bins")
    return Figure("rfm", title, chart, [rule])


def _segments(asked: Asked, found: RfmReport) -> Figure:
    say, currency = asked.say, asked.currency
    title = say("value.segments")
    if not found.buyers:
        return asked.empty("segments", title, "no_revenue", currency=asked.currency)
    shown = [each for each in found.segments if each.customers]
    rows = [(say.name("segment", each.segment), each.customers) for each in shown]
    amounts = [
        [
            say.name("segment", each.segment),
            say.number(each.customers),
            say.percent(each.share),
            say.money(each.monetary.amount, currency),
        ]
        for each in shown
    ]
    table = asked.table("segment", "customers", "share", "spent", rows=amounts)
    view = asked.engine.views.retention
    people = asked.people(
        "segment",
        rows,
        lambda limit: [
            [
                each.customer
                for each in view.rfm(as_of=asked.at, currency=currency, segment=segment.segment, limit=limit).customers
            ]
            for segment in shown
        ],
    )
    return Figure("segments", title, asked.bars(rows, of=found.buyers), [], table, people=people)


def _grades(asked: Asked) -> Figure:
    say = asked.say
    title = say("value.grades")
    found = asked.engine.views.retention.value_grades(as_of=asked.through, currency=asked.currency, limit=0)
    if not found.graded:
        return asked.empty("grades", title, "no_revenue", currency=asked.currency)
    rows = [(say.name("grade", size.grade), size.customers) for size in found.sizes]
    said = say(
        "value.grades_note",
        months=say.count("months", found.months),
        high=say.money(found.high_from.amount, asked.currency),
        mid=say.money(found.mid_from.amount, asked.currency),
    )
    view = asked.engine.views.retention

    def listed(limit: int) -> list[list[str]]:
        reports = [
            view.value_grades(as_of=asked.through, currency=asked.currency, grade=size.grade, limit=limit)
            for size in found.sizes
        ]
        return [[each.customer for each in report.customers] for report in reports]

    notes = [said, *asked.not_over([found.month])]
    people = asked.people("grade", rows, listed)
    return Figure("grades", title, asked.bars(rows, of=found.graded), notes, people=people)


def _policy_segments(asked: Asked) -> Figure:
    """Return the size of each of the policy's own segments. They use profiles as last known, so not for a past day."""
    say = asked.say
    title = say("value.policy_segments")
    if asked.is_past:
        return asked.empty("groups", title, "present_only")
    found = [each for each in asked.engine.views.retention.segments(as_of=asked.at, limit=0) if each.size]
    if not found:
        return asked.empty("groups", title, "no_segments")
    most = max(each.size for each in found)
    chart = Bars(
        [
            Bar(
                say.name("group", each.name),
                f"{say.number(each.size)} · {say.share(each.share or 0)}",
                [BarPiece("blue", each.size / most, each.size)],
            )
            for each in found
        ]
    )
    view = asked.engine.views.retention

    def listed(limit: int) -> list[list[str]]:
        shown = {each.name: list(each.customers) for each in view.segments(as_of=asked.at, limit=limit)}
        return [shown[each.name] for each in found]

    people = asked.people("segment", [(say.name("group", each.name), each.size) for each in found], listed)
    return Figure("groups", title, chart, [say("value.policy_segments_note")], people=people)
