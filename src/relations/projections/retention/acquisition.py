"""The cost of winning customers, and what they bring in return."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from relations.json_form import ViewAnswer
from relations.projections.retention.patronage import Cost

__all__ = ["Acquired", "AcquisitionFigure", "Way", "Won", "acquisition_figures", "won_by"]


Way: TypeAlias = tuple[str, str]
"""A channel and a campaign."""


class AcquisitionFigure(ViewAnswer):
    """Customers won through one channel by one campaign.

    A customer is won once. If costs were recorded for several channels or campaigns, the customer and what they bring
    are credited to the first. Without any, they are credited to the campaign that their first purchase names, if that
    has a cost of its own. So `buyers` and `historic` add up over all figures.

    Attributes:
        channel: The channel; None if it was not recorded.
        campaign: The campaign; None if there was none.
        customers: The number of customers with a recorded cost, or won by a campaign with a cost of its own.
        buyers: The number of them who were won this way: they have bought, in any currency.
        cost: All costs, in minor units, including those for people who were not won.
        cac: `cost` / `buyers`, the customer acquisition cost, in minor units; None if nobody was won.
        historic: Purchases less refunds of the customers credited to it, in minor units.
        expected: What a model expects them to bring, in minor units; None if no model was asked.
        ratio: CLV : CAC, past and expected value divided by cost; None if nothing was spent.
    """

    channel: str | None
    campaign: str | None
    customers: int
    buyers: int
    cost: int
    cac: float | None
    historic: int
    expected: float | None
    ratio: float | None


class Acquired(NamedTuple):
    """A customer with what was spent to win them.

    Attributes:
        customer: The id.
        costs: Day, channel, campaign, currency and amount of every cost.
        has_bought: True if they have bought anything.
        net_amount: Their purchases less refunds, in minor units of the currency asked for.
        won_by: The campaign that their first purchase names; empty if it names none.
    """

    customer: str
    costs: Sequence[Cost]
    has_bought: bool
    net_amount: int
    won_by: str = ""


class Won(NamedTuple):
    """The customers with no other cost than one in some way, and the sums over them.

    Attributes:
        customers: The number of customers.
        buyers: The number of them who have bought.
        cost: What was spent on them.
        net_amount: Their purchases less refunds.
    """

    customers: int
    buyers: int
    cost: int
    net_amount: int


def won_by(named: Iterable[tuple[str, int]], first: int) -> str:
    """Return the campaign that won a customer: the one that a purchase on their first day names; empty if none does.

    Of several on that day it is the first by name.

    Args:
        named: The campaigns that their purchases name, each with the ordinal of the first day.
        first: The ordinal of the day of their first purchase.
    """
    return min((campaign for campaign, day in named if day == first), default="")


def _ways(costs: Sequence[Cost], currency: str, *, campaigns: bool) -> tuple[Mapping[Way, int], Way | None]:
    """Return what was spent in each way on one customer, and the way that won them."""
    if len(costs) == 1:
        ((_, channel, campaign, code, cost),) = costs
        way = channel, campaign if campaigns else ""
        return ({way: cost}, way) if code == currency else ({}, None)
    ways: Counter[Way] = Counter()
    firsts: Counter[Way] = Counter()
    first_day = ""
    for day, channel, campaign, code, cost in sorted(costs):
        if code == currency:
            way = channel, campaign if campaigns else ""
            ways[way] += cost
            first_day = first_day or day
            if day == first_day:
                firsts[way] += cost
    return ways, min(firsts, key=lambda way: (-firsts[way], way), default=None)


def acquisition_figures(
    customers: Iterable[Acquired],
    *,
    currency: str,
    campaigns: bool,
    expected: Mapping[str, float] | None = None,
    spent: Iterable[Cost] = (),
    once: Iterable[tuple[Way, Won]] = (),
) -> list[AcquisitionFigure]:
    """Return costs and value by channel, or by channel and campaign.

    Every cost counts where it was spent. What a customer brings is credited to their first cost by business time. Of
    several on one day it is the highest, then the first by name. A customer without a cost of their own is credited to
    the campaign that won them, in the channel on which it spent most.

    Args:
        customers: The customers with a recorded cost, and those won by a campaign.
        currency: Only costs and amounts in it count.
        campaigns: Give each campaign on its own.
        expected: The expected value of each customer, in minor units.
        spent: The costs of campaigns that were spent on no customer in particular.
        once: What came of other customers, each with one cost in the currency, by its channel and campaign. They can
            only be given without `expected`.
    """
    sums: dict[tuple[str, str], list[float]] = {}
    advertised: dict[str, Counter[str]] = {}
    for _, channel, campaign, code, cost in spent:
        if code == currency:
            advertised.setdefault(campaign, Counter())[channel] += cost
            sums.setdefault((channel, campaign if campaigns else ""), [0, 0, 0, 0, 0.0])[2] += cost
    for (channel, campaign), won in once:
        into = sums.setdefault((channel, campaign if campaigns else ""), [0, 0, 0, 0, 0.0])
        for place, more in zip((0, 1, 2, 3), (won.customers, won.buyers, won.cost, won.net_amount), strict=True):
            into[place] += more
    for one in customers:
        ways, credited = _ways(one.costs, currency, campaigns=campaigns)
        if credited is None and (through := advertised.get(one.won_by)):
            channel = min(through, key=lambda each: (-through[each], each))
            credited = channel, one.won_by if campaigns else ""
            ways = {credited: 0}
        for way, cost in ways.items():
            into = sums.setdefault(way, [0, 0, 0, 0, 0.0])
            into[0] += 1
            into[2] += cost
            if way == credited:
                into[1] += one.has_bought
                into[3] += one.net_amount
                into[4] += (expected or {}).get(one.customer, 0.0)
    found = []
    for (channel, campaign), (people, buyers, paid, brought, value) in sorted(sums.items()):
        worth = brought + (value if expected is not None else 0)
        found.append(
            AcquisitionFigure(
                channel=channel or None,
                campaign=campaign or None,
                customers=int(people),
                buyers=int(buyers),
                cost=int(paid),
                cac=paid / buyers if buyers else None,
                historic=int(brought),
                expected=value if expected is not None else None,
                ratio=worth / paid if paid else None,
            )
        )
    return found
