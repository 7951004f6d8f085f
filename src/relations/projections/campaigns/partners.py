"""The results of partners: purchases made through them, how satisfied the buyers are, and what joint campaigns cost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from relations.analytics.intervals import Interval, wilson
from relations.json_form import ViewAnswer
from relations.policies.surveys import Surveys
from relations.projections.campaigns.rows import PlannedCampaign, Sold, earned
from relations.projections.retention.patronage import Patronage

__all__ = ["PartnerResult", "partner_result"]


class PartnerResult(ViewAnswer):
    """The results of one partner, in one currency.

    Attributes:
        partner: The partner's id, a customer of kind `partner` where it is registered.
        currency: The currency of all amounts.
        buyers: The number of customers with a purchase through the partner that was not refunded in full.
        orders: The number of these purchases.
        revenue: Their amounts less refunds, in minor units.
        costed: The part of `revenue` whose cost is known.
        profit: This part less its cost, in minor units; None if no cost is known.
        campaigns: The number of campaigns with the partner.
        cost: What was spent on these campaigns, in minor units.
        answers: The number of satisfaction answers (CSAT) that the buyers gave.
        satisfied: The share of satisfied answers among these; None if there are too few.
        interval: Its confidence interval; None likewise.
    """

    partner: str
    currency: str
    buyers: int
    orders: int
    revenue: int
    costed: int
    profit: int | None
    campaigns: int
    cost: int
    answers: int
    satisfied: float | None
    interval: Interval | None


def partner_result(
    partner: str,
    currency: str,
    purchases: Sequence[Sold],
    campaigns: Sequence[PlannedCampaign],
    patrons: Iterable[Patronage],
    *,
    surveys: Surveys,
    moment: int | None,
) -> PartnerResult:
    """Return what a partner brought.

    Args:
        partner: The partner's id.
        currency: The currency of amounts.
        purchases: The purchases through the partner in this currency that were not refunded in full.
        campaigns: The campaigns with the partner.
        patrons: The rows of the buyers.
        surveys: The policy that says which scores are satisfied, and of how many answers satisfaction is shown.
        moment: The moment by which answers and costs count, UTC microseconds; None for all that were recorded.
    """

    def is_past(at: int) -> bool:
        return moment is None or at <= moment

    money = earned(purchases)
    scores = [each.score for row in patrons for each in row.opinions if each.kind == "csat" and is_past(each.at)]
    satisfied = sum(score >= surveys.csat_satisfied_from for score in scores)
    is_shown = len(scores) >= max(1, surveys.minimum_answers)
    return PartnerResult(
        partner=partner,
        currency=currency,
        buyers=len({each.customer for each in purchases}),
        orders=len(purchases),
        revenue=money.revenue,
        costed=money.costed,
        profit=money.profit,
        campaigns=len(campaigns),
        cost=sum(
            line.amount for plan in campaigns for line in plan.costs if line.currency == currency and is_past(line.at)
        ),
        answers=len(scores),
        satisfied=satisfied / len(scores) if is_shown else None,
        interval=wilson(satisfied, len(scores), surveys.confidence) if is_shown else None,
    )
