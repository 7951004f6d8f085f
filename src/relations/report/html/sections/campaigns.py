"""The section of campaigns: revenue by campaign, what came back on the offers, and what partners bring."""

from __future__ import annotations

from relations.projections.campaigns import CampaignResult, Lift
from relations.report.html.asked import Asked
from relations.report.html.figures import Figure, Section

__all__ = ["section"]

_SHOWN = 8


def section(asked: Asked) -> Section:
    """Return the figures of the latest campaigns that had started by the day asked about."""
    say, view = asked.say, asked.engine.views.campaigns
    plans = [plan for plan in view.calendar() if plan.started_at is not None and plan.started_at <= asked.at]
    latest = sorted(plans, key=lambda plan: (plan.starts, plan.campaign))[-_SHOWN:]
    results = [view.results(plan.campaign, currency=asked.currency, as_of=asked.at) for plan in latest]
    figures = [_returns(asked, results), _partners(asked)]
    return Section("campaigns", say("campaigns.title"), say("campaigns.note"), figures)


def _returns(asked: Asked, results: list[CampaignResult]) -> Figure:
    say, currency = asked.say, asked.currency
    title = say("campaigns.returns")
    if not any(found.revenue for found in results):
        return asked.empty("campaigns", title, "no_campaigns")
    chart = asked.bars(
        [(found.campaign, found.revenue) for found in results], said=lambda value: say.money(value, currency)
    )
    rows = [
        [
            found.campaign,
            say.number(found.reached),
            say.number(found.accepted + found.attended),
            say.number(found.buyers),
            say.money(found.cost, currency),
            "\u2013" if found.roi is None else say.percent(found.roi),
        ]
        for found in results
    ]
    said = [sentence for found in results if found.lift is not None for sentence in [_lift(asked, found, found.lift)]]
    table = asked.table("campaign", "reached", "accepted", "buyers", "cost", "roi", rows=rows)
    return Figure("campaigns", title, chart, said, table)


def _lift(asked: Asked, found: CampaignResult, lift: Lift) -> str:
    say = asked.say
    return say(
        "campaigns.chance" if lift.low <= 0 <= lift.high else "campaigns.lift",
        campaign=found.campaign,
        offered=say.percent(lift.offered_buyers / lift.offered),
        control=say.percent(lift.control_buyers / lift.control),
    )


def _partners(asked: Asked) -> Figure:
    say, currency = asked.say, asked.currency
    title = say("campaigns.partners")
    partners = asked.engine.views.campaigns.partners(currency=currency, as_of=asked.at)
    found = [each for each in partners if each.revenue > 0]
    if not found:
        return asked.empty("partners", title, "no_partners")
    chart = asked.bars(
        [(each.partner, each.revenue) for each in found[:_SHOWN]], said=lambda value: say.money(value, currency)
    )
    rows = [
        [
            each.partner,
            say.number(each.buyers),
            "\u2013" if each.satisfied is None else say.percent(each.satisfied),
            say.money(each.cost, currency),
        ]
        for each in found
    ]
    view = asked.engine.views.campaigns
    people = asked.people(
        "partner",
        [(each.partner, each.buyers) for each in found],
        lambda limit: [
            [
                buyer.customer
                for buyer in view.buyers(partner=each.partner, currency=currency, as_of=asked.at, limit=limit)
            ]
            for each in found
        ],
    )
    table = asked.table("partner", "buyers", "satisfied", "cost", rows=rows)
    return Figure("partners", title, chart, [], table, people=people)
