"""The section of the pipeline: open opportunities by stage, losses by reason, rivals, and contracts that end."""

from __future__ import annotations

from relations.projections.pipeline import RivalObservation, RivalProfile
from relations.report.html.asked import Asked
from relations.report.html.figures import Bar, BarPiece, Bars, Figure, Section

__all__ = ["section"]

_LISTED = 10
_ABSENT = "\u2013"


def section(asked: Asked) -> Section:
    """Return the opportunities and contracts as of the moment."""
    say = asked.say
    figures = [_stages(asked), _losses(asked), _rivals(asked), _contracts(asked)]
    return Section("pipeline", say("pipeline.title"), say("pipeline.note"), figures)


def _stages(asked: Asked) -> Figure:
    """Return the value of open opportunities by stage, next to the same by their chances."""
    say, view, title = asked.say, asked.engine.views.pipeline, asked.say("pipeline.stages")
    found = [each for each in view.stages(currency=asked.currency, as_of=asked.at) if each.opportunities]
    (whole,) = view.results(currency=asked.currency, as_of=asked.at)
    said = []
    if whole.win_rate is not None and whole.interval is not None:
        said.append(
            say(
                "pipeline.won",
                won=say.number(whole.won),
                all=say.number(whole.won + whole.lost),
                rate=say.percent(whole.win_rate),
                low=say.percent(whole.interval.low),
                high=say.percent(whole.interval.high),
            )
        )
    most = max((each.value for each in found), default=0)
    if not most:
        figure = asked.empty("stages-of-sales", title, "no_opportunities")
        return Figure(figure.name, title, said=[*figure.said, *said], is_empty=True)
    bars = [
        Bar(
            say.name("sales_stage", each.stage),
            f"{say.short_money(each.weighted, each.currency)} · {say.short_money(each.value, each.currency)}",
            [BarPiece("blue", each.weighted / most, each.weighted)],
            behind=each.value / most,
        )
        for each in found
        if each.weighted
    ]
    rows = [
        [
            say.name("sales_stage", each.stage),
            say.number(each.opportunities),
            say.number(each.late),
            say.percent(each.chance),
        ]
        for each in found
    ]
    table = asked.table("stage", "open", "late", "chance", rows=rows)
    return Figure("stages-of-sales", title, Bars(bars), said, table=table)


def _losses(asked: Asked) -> Figure:
    """Return the opportunities that were lost, by reason."""
    say, title = asked.say, asked.say("pipeline.losses")
    found = asked.engine.views.pipeline.losses(currency=asked.currency, as_of=asked.at)[:_LISTED]
    if not found:
        return asked.empty("losses", title, "no_losses")
    most = max(each.lost for each in found)
    bars = [
        Bar(
            each.name or _ABSENT,
            f"{each.lost} · {say.percent(each.share)}",
            [BarPiece("orange", each.lost / most, each.lost)],
        )
        for each in found
    ]
    return Figure("losses", title, Bars(bars))


def _rivals(asked: Asked) -> Figure:
    """List the rivals with what was lost to each, and the last that was seen of them next to our own prices."""
    title = asked.say("pipeline.rivals")
    found = asked.engine.views.pipeline.rivals(currency=asked.currency, as_of=asked.at)[:_LISTED]
    if not found:
        return asked.empty("rivals", title, "no_rivals")
    rows = [
        [*_lost_to(asked, rival if place == 0 else None), *_seen(asked, each)]
        for rival in found
        for place, each in enumerate(rival.observations or (None,))
    ]
    columns = ("rival", "lost", "about", "theirs", "ours")
    return Figure("rivals", title, listing=asked.table(*columns, rows=rows[:_LISTED], numbers=len(columns)))


def _lost_to(asked: Asked, rival: RivalProfile | None) -> tuple[str, str]:
    """Return the name of a rival and how much was lost to it; nothing for another line of the same rival."""
    return ("", "") if rival is None else (rival.rival, asked.say.number(rival.lost))


def _seen(asked: Asked, each: RivalObservation | None) -> tuple[str, str, str]:
    say = asked.say
    if each is None:
        return _ABSENT, _ABSENT, _ABSENT
    ours, theirs = _ABSENT, each.words or _ABSENT
    if each.price is not None:
        theirs = say.money(each.price.amount, each.price.currency)
        ours = _ABSENT if each.own_price is None else say.money(round(each.own_price), each.price.currency)
        ours += "" if each.gap is None else f" · {say.percent(each.gap)}"
    elif each.value is not None:
        theirs = say.percent(each.value) if each.kind == "share" else f"{each.value:g}"
    about = say("pipeline.seen", kind=say.name("rival_kind", each.kind), about=each.about)
    return about, theirs, ours


def _contracts(asked: Asked) -> Figure:
    """List the contracts that end next."""
    say, title = asked.say, asked.say("pipeline.contracts")
    found = [each for each in asked.engine.views.pipeline.contracts(as_of=asked.at) if each.ends is not None]
    if not found:
        return asked.empty("contracts", title, "no_contracts")
    rows = [
        [
            _ABSENT if each.ends is None else say.short_day(each.ends),
            each.customer,
            each.what,
            _ABSENT if each.amount is None else say.short_money(each.amount.amount, each.amount.currency),
            each.owner or _ABSENT,
        ]
        for each in found[:_LISTED]
    ]
    columns = ("until", "customer", "about", "total", "owner")
    return Figure("contracts", title, listing=asked.table(*columns, rows=rows, numbers=len(columns)))
