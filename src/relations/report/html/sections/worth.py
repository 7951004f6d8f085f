"""Figures of expected customer value, and of the cost of winning customers."""

from __future__ import annotations

from itertools import pairwise

from relations.projections.retention import AcquisitionFigure, WorthReport
from relations.report.fits import fit_parameters
from relations.report.html.asked import Asked
from relations.report.html.figures import Bar, BarPiece, Bars, Figure

__all__ = ["HORIZON_DAYS", "winning_figure", "worth_figure"]

HORIZON_DAYS = 365
"""How far ahead value is expected."""
_TENTHS = 10


def worth_figure(asked: Asked, found: WorthReport) -> Figure:
    """Return the expected value of each tenth of buyers, the highest first; without a fit, the value so far."""
    say, currency = asked.say, asked.currency
    n, none, days = found.buyers, found.no_fit, say.count("days", HORIZON_DAYS)
    title = say("value.worth_title", days=days) if none is None else say("value.historic_title")
    if not n:
        return asked.empty("worth", title, "no_customers", currency=currency)
    bounds = [n * tenth // _TENTHS for tenth in range(_TENTHS + 1)]
    each_value = [each.historic if each.expected_value is None else each.expected_value for each in found.customers]
    values = [sum(each_value[a:b]) for a, b in pairwise(bounds)]
    labels = [
        say("value.tenth", low=say.number(10 * tenth), high=say.percent((tenth + 1) / _TENTHS))
        for tenth in range(_TENTHS)
    ]
    buyers, historic = say.count("buyers", n), say.money(found.historic, currency)
    sentences = []
    if none is None:
        said = say(
            "value.worth",
            buyers=buyers,
            historic=historic,
            expected=say.money(found.expected_value or 0, currency),
            days=days,
            alive=say.percent(sum(each.alive or 0 for each in found.customers) / n),
        )
        sentences = [
            say("value.fit", model=model, parameters=say.list(those)) for model, those in fit_parameters(found)
        ]
    else:
        reason = asked.reason(none.code, extra=none.extra)
        said = say("value.historic", buyers=buyers, historic=historic, reason=reason)
    if found.margin is not None:
        known, profit = say.money(found.costed, currency), say.money(found.profit or 0, currency)
        sentences.insert(0, say("value.margin", costed=known, profit=profit, margin=say.percent(found.margin)))
    if found.expected_profit is not None:
        customers, expected = say.count("customers", found.costed_customers), found.expected_profit
        sentences.insert(1, say("value.profit", customers=customers, expected=say.money(expected, currency)))
    spans = zip(labels, values, pairwise(bounds), strict=True)
    rows = [(label, value) for label, value, (first, end) in spans if first < end]
    return Figure("worth", title, asked.bars(rows, said=lambda value: say.money(value, currency)), [said, *sentences])


def winning_figure(asked: Asked, worth: WorthReport) -> Figure:
    """Return the cost of winning a customer by channel and campaign, and the return on it."""
    say, currency = asked.say, asked.currency
    title = say("value.winning")
    expected = None
    if worth.no_fit is None:
        expected = {each.customer: each.expected_value or 0.0 for each in worth.customers}
    found = asked.engine.views.retention.acquisition(
        as_of=asked.at, currency=currency, expected=expected, campaigns=True
    )
    won = [(each, each.cac) for each in found if each.cac]
    if not won:
        return asked.empty("winning", title, "nobody_won", currency=currency)
    dearest = max(cac for _, cac in won)
    chart = Bars(
        [Bar(_way(asked, each), _cost(asked, each), [BarPiece("blue", cac / dearest, cac)]) for each, cac in won]
    )
    days = say.count("days", HORIZON_DAYS)
    said = [say("value.winning_note" if expected is None else "value.winning_expected", days=days)]
    return Figure("winning", title, chart, said)


def _way(asked: Asked, figure: AcquisitionFigure) -> str:
    channel = asked.say.name("channel", figure.channel) if figure.channel else asked.say("unknown")
    return f"{channel} · {figure.campaign}" if figure.campaign else channel


def _cost(asked: Asked, figure: AcquisitionFigure) -> str:
    """Return the cost of one customer, and the return as a multiple of it."""
    times = "\u2013" if figure.ratio is None else f"{asked.say.number(figure.ratio, 1)}\u00d7"
    return f"{asked.say.money(figure.cac or 0.0, asked.currency)} · {times}"
