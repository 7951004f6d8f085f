"""The terminal pages of campaigns: the calendar, and what came of one campaign."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType

from relations.cli.pages.who import lists
from relations.cli.show import ABSENT, headline, number, percent, section, table, words
from relations.messages import Money
from relations.projections.campaigns import CampaignProfile, CampaignResult, Lift, PartnerResult
from relations.projections.campaigns.view import CampaignsView

__all__ = ["show_calendar", "show_campaign", "show_partners"]


def show_calendar(found: list[CampaignProfile]) -> Iterator[RenderableType]:
    """Yield the campaigns, one a line.

    Args:
        found: The campaigns, in the order of the lines.
    """
    yield headline("Campaigns", "by their first day")
    if not found:
        yield section(words("No campaign is planned in this time."))
        return
    made = table("Campaign", "Kind", "From", "Until", "Status", "Spent", "Budget", right=(5, 6), grow=0, spare=(6, 1))
    for each in found:
        status = f"{each.status}, late" if each.late else each.status
        budget = ABSENT if each.budget is None else str(each.budget)
        spent = ", ".join(map(str, each.spent)) or ABSENT
        made.add_row(each.campaign, each.kind, f"{each.starts}", f"{each.ends}", status, spent, budget)
    yield section(made)
    for each in found:
        if each.over_budget:
            yield words(f"{each.campaign} cost more than its budget.")


def show_campaign(plan: CampaignProfile, result: CampaignResult) -> Iterator[RenderableType]:
    """Yield the parts of one campaign's page.

    Args:
        plan: The campaign.
        result: What came of it.
    """
    late = ", late" if plan.late else ""
    yield headline(f"Campaign {plan.campaign}", f"{plan.kind}, {plan.status}{late}, {plan.starts} to {plan.ends}")
    if plan.objective:
        yield words(plan.objective)
    made = table("Offers", "Customers", "Share", right=(1, 2))
    made.add_row("sent", number(result.sent), "")
    made.add_row("reached", number(result.reached), _share(result.reached, result.sent))
    for name in ("seen", "clicked", "replied", "accepted", "declined", "attended"):
        count = getattr(result, name)
        made.add_row(name, number(count), _share(count, result.reached))
    made.add_row("control group", number(result.control), "")
    yield section(made)
    money = table("Result", "", right=(1,))
    money.add_row("Buyers", number(result.buyers))
    money.add_row("First purchases", number(result.won))
    money.add_row("Revenue", _money(result.revenue, result))
    money.add_row("Cost", _money(result.cost, result))
    money.add_row("Cost per first purchase", ABSENT if result.cac is None else _money(round(result.cac), result))
    money.add_row("Return on investment", percent(result.roi))
    if result.profit is not None:
        money.add_row("Profit before its cost", _money(result.profit, result))
    if result.profit_roi is not None:
        money.add_row("Return on investment, of profit", percent(result.profit_roi))
    yield section(money)
    yield section(words(_lift(result.lift)))


def show_partners(found: list[PartnerResult]) -> Iterator[RenderableType]:
    """Yield what came through each partner, one a line.

    Args:
        found: The partners, in the order of the lines.
    """
    yield headline("Partners", "by revenue")
    if not found:
        yield section(words("Nobody has bought through a partner."))
        return
    made = table(
        "Partner", "Buyers", "Orders", "Revenue", "Profit", "Cost", "Satisfied", right=(1, 2, 3, 4, 5, 6), grow=0
    )
    for each in found:
        made.add_row(
            each.partner,
            number(each.buyers),
            number(each.orders),
            str(Money(each.revenue, each.currency)),
            ABSENT if each.profit is None else str(Money(each.profit, each.currency)),
            str(Money(each.cost, each.currency)),
            percent(each.satisfied),
        )
    yield section(made, lists(CampaignsView, "partners", f"partner={found[0].partner}"))


def _share(count: int, of: int) -> str:
    return percent(count / of if of else None)


def _money(amount: int, result: CampaignResult) -> str:
    return str(Money(amount, result.currency))


def _lift(lift: Lift | None) -> str:
    if lift is None:
        return "Without a control group, nobody knows how many would have bought anyway."
    sure = "The difference may be chance." if lift.low <= 0 <= lift.high else "The difference is hardly chance."
    return (
        f"{percent(lift.offered_buyers / lift.offered, 1)} of the customers with an offer bought, and "
        f"{percent(lift.control_buyers / lift.control, 1)} of the control group: a lift of "
        f"{100 * lift.difference:+.1f} points ({100 * lift.low:+.1f} to {100 * lift.high:+.1f}). {sure}"
    )
