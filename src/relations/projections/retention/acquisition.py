"""What it costs to win customers, and what they bring for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from pydantic import BaseModel, ConfigDict

from relations.projections.retention.patronage import Patronage

__all__ = ["AcquisitionFigure", "acquisition_figures"]


class AcquisitionFigure(BaseModel):
    """Customers won through one channel by one campaign.

    A customer is won once: whoever was courted in several ways, and what they bring, is credited to the way in which a
    cost was first recorded for them. So over all ways `buyers` and `historic` are those of the customers.

    Attributes:
        channel: The channel; None where it was not recorded.
        campaign: The campaign; None where there was none.
        customers: For how many costs were recorded.
        buyers: How many of them have been won this way: they have bought, in whatever currency.
        cost: All costs, in minor units, those for people who were not won too.
        cac: Cost / buyers, in minor units: the customer acquisition cost; None where nobody was won.
        historic: What those credited to it bought less what they gave back, in minor units.
        expected: What a model expects these to bring, in minor units; None where none was asked.
        ratio: CLV : CAC, historic and expected value over cost; None where nothing was spent on winning them.
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


def acquisition_figures(
    rows: Iterable[Patronage],
    *,
    currency: str,
    until: int,
    campaigns: bool,
    expected: Mapping[str, float] | None = None,
) -> list[AcquisitionFigure]:
    """Costs and value by channel, or by channel and campaign.

    Every cost counts where it was spent. What a customer brings is credited to their first cost by business time; of
    several on one day to the way that cost most, then to the first by name.

    Args:
        rows: The customers.
        currency: Only costs and amounts in it count.
        until: The ordinal of the last day on which costs and purchases count.
        campaigns: Whether to tell campaigns apart.
        expected: The expected value of each customer, in minor units.
    """
    sums: dict[tuple[str, str], list[float]] = {}
    for row in rows:
        ways: Counter[tuple[str, str]] = Counter()
        firsts: Counter[tuple[str, str]] = Counter()
        first_day = ""
        for day, channel, campaign, code, cost in sorted(row.costs(until)):
            if code == currency:
                way = channel, campaign if campaigns else ""
                ways[way] += cost
                first_day = first_day or day
                if day == first_day:
                    firsts[way] += cost
        won_by = min(firsts, key=lambda way: (-firsts[way], way), default=None)
        for way, cost in ways.items():
            into = sums.setdefault(way, [0, 0, 0, 0, 0.0])
            into[0] += 1
            into[2] += cost
            if way == won_by:
                into[1] += bool(row.purchase_days(until))
                into[3] += row.net_amount(currency, until)
                into[4] += (expected or {}).get(row.customer, 0.0)
    found = []
    for (channel, campaign), (customers, buyers, spent, brought, value) in sorted(sums.items()):
        worth = brought + (value if expected is not None else 0)
        found.append(
            AcquisitionFigure(
                channel=channel or None,
                campaign=campaign or None,
                customers=int(customers),
                buyers=int(buyers),
                cost=int(spent),
                cac=spent / buyers if buyers else None,
                historic=int(brought),
                expected=value if expected is not None else None,
                ratio=worth / spent if spent else None,
            )
        )
    return found
