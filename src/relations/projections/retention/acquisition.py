"""The cost of winning customers, and what they bring in return."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from pydantic import BaseModel, ConfigDict

from relations.projections.retention.patronage import Cost

__all__ = ["Acquired", "AcquisitionFigure", "acquisition_figures"]


Way: TypeAlias = tuple[str, str]
"""A channel and a campaign."""


class AcquisitionFigure(BaseModel):
    """Customers won through one channel by one campaign.

    A customer is won once. If costs were recorded for several channels or campaigns, the customer and what they bring
    are credited to the first. So `buyers` and `historic` add up over all figures.

    Attributes:
        channel: The channel; None if it was not recorded.
        campaign: The campaign; None if there was none.
        customers: The number of customers with a recorded cost.
        buyers: The number of them who were won this way: they have bought, in any currency.
        cost: All costs, in minor units, including those for people who were not won.
        cac: `cost` / `buyers`, the customer acquisition cost, in minor units; None if nobody was won.
        historic: Purchases less refunds of the customers credited to it, in minor units.
        expected: What a model expects them to bring, in minor units; None if no model was asked.
        ratio: CLV : CAC, past and expected value divided by cost; None if nothing was spent.
    """

    model_config = ConfigDict(frozen=True)

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
    """

    customer: str
    costs: Sequence[Cost]
    has_bought: bool
    net_amount: int


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
) -> list[AcquisitionFigure]:
    """Return costs and value by channel, or by channel and campaign.

    Every cost counts where it was spent. What a customer brings is credited to their first cost by business time. Of
    several on one day it is the highest, then the first by name.

    Args:
        customers: The customers with a recorded cost.
        currency: Only costs and amounts in it count.
        campaigns: Give each campaign on its own.
        expected: The expected value of each customer, in minor units.
    """
    sums: dict[tuple[str, str], list[float]] = {}
    for one in customers:
        ways, won_by = _ways(one.costs, currency, campaigns=campaigns)
        for way, cost in ways.items():
            into = sums.setdefault(way, [0, 0, 0, 0, 0.0])
            into[0] += 1
            into[2] += cost
            if way == won_by:
                into[1] += one.has_bought
                into[3] += one.net_amount
                into[4] += (expected or {}).get(one.customer, 0.0)
    found = []
    for (channel, campaign), (people, buyers, spent, brought, value) in sorted(sums.items()):
        worth = brought + (value if expected is not None else 0)
        found.append(
            AcquisitionFigure(
                channel=channel or None,
                campaign=campaign or None,
                customers=int(people),
                buyers=int(buyers),
                cost=int(spent),
                cac=spent / buyers if buyers else None,
                historic=int(brought),
                expected=value if expected is not None else None,
                ratio=worth / spent if spent else None,
            )
        )
    return found
