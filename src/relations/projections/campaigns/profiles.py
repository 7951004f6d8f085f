"""The answers about campaigns."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from relations.json_form import ViewAnswer
from relations.messages import Money, from_micros
from relations.projections.campaigns.rows import CostLine, PlannedCampaign, ReachLine, Recipient

__all__ = [
    "CampaignCost",
    "CampaignProfile",
    "CampaignReach",
    "CampaignRecipient",
    "CampaignResult",
    "CampaignReturn",
    "CampaignStatus",
    "Lift",
    "profile_of",
    "recipient_of",
]

CampaignStatus = Literal["planned", "running", "ended"]


class CampaignCost(ViewAnswer):
    """A cost of a campaign.

    Attributes:
        cost: Its id.
        at: When it was spent.
        amount: The amount.
        channel: The channel that it was spent on; None if it was not recorded.
        what: What it was spent on, likewise.
    """

    cost: str
    at: datetime
    amount: Money
    channel: str | None = None
    what: str | None = None


class CampaignReach(ViewAnswer):
    """The reach of a campaign on one platform: the sums of its reports.

    Attributes:
        platform: The platform.
        impressions: How often it was shown.
        reactions: Likes, comments and the like.
        shares: How often it was passed on.
        followers: The followers won.
    """

    platform: str
    impressions: int = 0
    reactions: int = 0
    shares: int = 0
    followers: int = 0


class CampaignProfile(ViewAnswer):
    """A campaign as it is planned, and what was spent on it.

    Attributes:
        campaign: Its id.
        kind: `promotion`, `event`, `content`, `win_back`, `pr` or `joint`.
        status: `planned`, `running` or `ended`.
        late: True if it should have started or ended by now, and has not.
        starts: The first local day.
        ends: The local day after the last.
        objective: What it should achieve.
        audience: The name of the segment that it is for; None for everybody.
        channels: The channels that it uses.
        budget: The most that it may cost.
        control_percent: The percentage of the audience that gets no offer.
        partner: The partner of a joint campaign.
        counted: The number of customers in its audience when it started; None if nobody counted.
        started_at: When it started.
        ended_at: When it ended.
        spent: What was spent, by currency, in the order of the currencies' names.
        over_budget: True if more was spent in the currency of the budget than the budget.
        costs: Every cost, the earliest first.
        reach: Its reach by platform.
    """

    campaign: str
    kind: str
    status: CampaignStatus
    late: bool
    starts: date
    ends: date
    objective: str | None
    audience: str | None
    channels: tuple[str, ...]
    budget: Money | None
    control_percent: int
    partner: str | None
    counted: int | None
    started_at: datetime | None
    ended_at: datetime | None
    spent: tuple[Money, ...]
    over_budget: bool
    costs: tuple[CampaignCost, ...]
    reach: tuple[CampaignReach, ...]


class Lift(ViewAnswer):
    """The difference that the offers made.

    It is the share of buyers among the customers with an offer, less the share among the control group. Both count
    purchases on the days of the campaign, whether these name the campaign or not.

    Attributes:
        offered: The number of customers who were sent an offer, including those that did not arrive.
        offered_buyers: The number of them who bought.
        control: The number of customers in the control group.
        control_buyers: The number of them who bought.
        difference: The first share less the second, from -1 to 1.
        low: The low end of its confidence interval (Newcombe's hybrid score interval).
        high: The high end.
        confidence: The two-sided confidence level.
    """

    offered: int
    offered_buyers: int
    control: int
    control_buyers: int
    difference: float
    low: float
    high: float
    confidence: float


class CampaignResult(ViewAnswer):
    """The results of a campaign. Customers count once, however many offers they were sent.

    Attributes:
        campaign: Its id.
        currency: The currency of all amounts. Costs and purchases in other currencies are left out.
        sent: The number of customers who were sent an offer.
        bounced: The number of customers with no offer that arrived.
        reached: `sent` less `bounced`.
        seen: The number who saw an offer. Every other answer but `bounced` implies it.
        clicked: The number who clicked.
        replied: The number who replied.
        accepted: The number who accepted.
        declined: The number who declined.
        attended: The number who attended the event.
        control: The number of customers in the control group.
        buyers: The number of customers with a purchase that names the campaign and was not refunded in full.
        orders: The number of these purchases.
        revenue: Their amounts less refunds, in minor units.
        won: The number of buyers whose first purchase of all names the campaign.
        cost: What was spent on the campaign, in minor units.
        cac: `cost` / `won`, the customer acquisition cost, in minor units; None if nobody was won. The kind
            `win_back` wins no new customers, so it has none.
        roi: (`revenue` - `cost`) / `cost`; None if nothing was spent.
        costed: The part of `revenue` whose cost is known, in minor units.
        profit: This part less its cost; None if no cost is known.
        profit_roi: (`profit` - `cost`) / `cost`; None if nothing was spent, or if the cost of any purchase is unknown.
        lift: The difference that the offers made; None without a control group, or without offers.
    """

    campaign: str
    currency: str
    sent: int
    bounced: int
    reached: int
    seen: int
    clicked: int
    replied: int
    accepted: int
    declined: int
    attended: int
    control: int
    buyers: int
    orders: int
    revenue: int
    won: int
    cost: int
    cac: float | None
    roi: float | None
    costed: int
    profit: int | None
    profit_roi: float | None
    lift: Lift | None


class CampaignReturn(ViewAnswer):
    """The return on the campaigns whose last day is in one month.

    Attributes:
        month: The calendar month, such as `2024-05`.
        campaigns: Their number.
        revenue: The purchases that name them, less refunds, in minor units.
        cost: What was spent on them, in minor units.
        roi: (`revenue` - `cost`) / `cost`; None if nothing was spent.
    """

    month: str
    campaigns: int
    revenue: int
    cost: int
    roi: float | None


class CampaignBuyer(ViewAnswer):
    """A customer who bought through a partner or a campaign.

    Attributes:
        customer: The surviving id.
        orders: The number of purchases that were not refunded in full.
        revenue: Their amounts less refunds, minor units.
        currency: The currency.
    """

    customer: str
    orders: int
    revenue: int
    currency: str


class CampaignRecipient(ViewAnswer):
    """A customer in a campaign's audience.

    Attributes:
        customer: The surviving id, which views answer for.
        control: True if they are in the control group.
        sent_at: When they were first sent an offer; None for the control group.
        offers: The number of offers that they were sent.
        answers: What came back, in the order of its first occurrence.
    """

    customer: str
    control: bool
    sent_at: datetime | None
    offers: int
    answers: tuple[str, ...]


def profile_of(row: PlannedCampaign, today: date) -> CampaignProfile:
    """Return a campaign as of a local day."""
    spent = _sums(row.costs)
    budget = None if row.budget is None else Money(row.budget, row.currency or "")
    starts, ends = date.fromisoformat(row.starts), date.fromisoformat(row.ends)
    status: CampaignStatus = "ended" if row.ended_at is not None else "planned" if row.started_at is None else "running"
    return CampaignProfile(
        campaign=row.campaign,
        kind=row.kind,
        status=status,
        late=(status == "planned" and today >= starts) or (status == "running" and today >= ends),
        starts=starts,
        ends=ends,
        objective=row.objective,
        audience=row.audience,
        channels=tuple(row.channels),
        budget=budget,
        control_percent=row.control_percent,
        partner=row.partner,
        counted=row.counted,
        started_at=None if row.started_at is None else from_micros(row.started_at),
        ended_at=None if row.ended_at is None else from_micros(row.ended_at),
        spent=tuple(Money(amount, currency) for currency, amount in spent.items()),
        over_budget=budget is not None and spent.get(budget.currency, 0) > budget.amount,
        costs=tuple(_cost(line) for line in row.costs),
        reach=_reach(row),
    )


def _sums(costs: list[CostLine]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for line in sorted(costs, key=lambda each: each.currency):
        sums[line.currency] = sums.get(line.currency, 0) + line.amount
    return sums


def _cost(line: CostLine) -> CampaignCost:
    return CampaignCost(
        cost=line.cost,
        at=from_micros(line.at),
        amount=Money(line.amount, line.currency),
        channel=line.channel or None,
        what=line.what or None,
    )


def _reach(row: PlannedCampaign) -> tuple[CampaignReach, ...]:
    lines = list(row.reach.values())
    return tuple(
        _platform(platform, [line for line in lines if line.platform == platform])
        for platform in sorted({line.platform for line in lines})
    )


def _platform(platform: str, lines: list[ReachLine]) -> CampaignReach:
    return CampaignReach(
        platform=platform,
        impressions=sum(line.impressions for line in lines),
        reactions=sum(line.reactions for line in lines),
        shares=sum(line.shares for line in lines),
        followers=sum(line.followers for line in lines),
    )


def recipient_of(row: Recipient) -> CampaignRecipient:
    """Return what a customer was sent, and what came back."""
    firsts: dict[str, int] = {}
    for offer in row.offers.values():
        for answer, at in offer.answers.items():
            firsts[answer] = min(at, firsts.get(answer, at))
    return CampaignRecipient(
        customer=row.customer,
        control=row.is_control,
        sent_at=min((from_micros(offer.at) for offer in row.offers.values()), default=None),
        offers=len(row.offers),
        answers=tuple(sorted(firsts, key=lambda name: (firsts[name], name))),
    )
