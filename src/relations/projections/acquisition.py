"""What it costs to win customers, what they bring for it, and why they leave."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from pydantic import BaseModel, ConfigDict

from relations.projections.patronage import Patronage

__all__ = ["AcquisitionFigure", "ChurnReason", "ChurnReport", "acquisition_figures", "churn_report"]


class AcquisitionFigure(BaseModel):
    """Customers won through one channel by one campaign.

    Attributes:
        channel: The channel; None where it was not recorded.
        campaign: The campaign; None where there was none.
        customers: For how many costs were recorded.
        buyers: How many of them have bought.
        cost: All costs, in minor units.
        cac: Cost / customers, in minor units: the customer acquisition cost.
        historic: What they bought less what they gave back, in minor units.
        expected: What a model expects them to bring, in minor units; None where none was asked.
        ratio: CLV : CAC, historic and expected value over cost; None where nothing was spent on winning them.
    """

    model_config = ConfigDict(frozen=True)

    channel: str | None
    campaign: str | None
    customers: int
    buyers: int
    cost: int
    cac: float
    historic: int
    expected: float | None
    ratio: float | None


class ChurnReason(BaseModel):
    """Why customers left, where it is known.

    Attributes:
        reason: In the business's words; None where it was not said.
        customers: How many gave it as their last.
        won_back: How many of them came back since.
    """

    model_config = ConfigDict(frozen=True)

    reason: str | None
    customers: int
    won_back: int


class ChurnReport(BaseModel):
    """Customers known to have left, next to the many of whom it is only inferred.

    Attributes:
        left: How many ever left.
        won_back: How many of them came back.
        reasons: The most frequent first.
        campaigns: What won back how many, by campaign; None where there was none.
    """

    model_config = ConfigDict(frozen=True)

    left: int
    won_back: int
    reasons: tuple[ChurnReason, ...]
    campaigns: tuple[tuple[str | None, int], ...]


def acquisition_figures(
    rows: Iterable[Patronage],
    *,
    currency: str,
    last: str,
    campaigns: bool,
    expected: Mapping[str, float] | None = None,
) -> list[AcquisitionFigure]:
    """Costs and value by channel, or by channel and campaign. Who was won in several ways counts in each.

    Args:
        rows: The customers.
        currency: Only costs and amounts in it count.
        last: The last month of amounts.
        campaigns: Whether to tell campaigns apart.
        expected: The expected value of each customer, in minor units.
    """
    sums: dict[tuple[str, str], list[float]] = {}
    for row in rows:
        ways: Counter[tuple[str, str]] = Counter()
        for channel, campaign, code, cost in row.costs():
            if code == currency:
                ways[channel, campaign if campaigns else ""] += cost
        for way, cost in ways.items():
            into = sums.setdefault(way, [0, 0, 0, 0, 0.0])
            into[0] += 1
            into[1] += any(row.months().values())
            into[2] += cost
            into[3] += row.net_amount(currency, last)
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
                cac=spent / customers,
                historic=int(brought),
                expected=value if expected is not None else None,
                ratio=worth / spent if spent else None,
            )
        )
    return found


def churn_report(rows: Iterable[Patronage], *, until: int) -> ChurnReport:
    """Who left and came back by a moment, UTC microseconds."""
    reasons: Counter[str] = Counter()
    returned: Counter[str] = Counter()
    campaigns: Counter[str] = Counter()
    for row in rows:
        known = [each for each in row.departures if each.at <= until]
        lapses = [each for each in known if not each.back]
        if not lapses:
            continue
        last = lapses[-1]
        reasons[last.why] += 1
        back = [each for each in known if each.back and each.at >= lapses[0].at]
        if any(each.at >= last.at for each in back):
            returned[last.why] += 1
        for each in back[-1:]:
            campaigns[each.why] += 1
    return ChurnReport(
        left=reasons.total(),
        won_back=returned.total(),
        reasons=tuple(
            ChurnReason(reason=reason or None, customers=count, won_back=returned[reason])
            for reason, count in sorted(reasons.items(), key=lambda entry: (-entry[1], entry[0]))
        ),
        campaigns=tuple(
            (campaign or None, count)
            for campaign, count in sorted(campaigns.items(), key=lambda entry: (-entry[1], entry[0]))
        ),
    )
