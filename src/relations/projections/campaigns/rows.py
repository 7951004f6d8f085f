"""The rows behind campaigns: plans with costs and reach, offers by customer, and purchases that name a campaign."""

from __future__ import annotations

from collections.abc import Collection
from typing import ClassVar, NamedTuple

import msgspec

from relations.aggregates.campaign import (
    CampaignCostCancelled,
    CampaignCostRecorded,
    CampaignEnded,
    CampaignPlanned,
    CampaignReachRecorded,
    CampaignStarted,
)
from relations.aggregates.customer import (
    OfferAnswered,
    OfferSent,
    OfferWithheld,
    PurchaseRecorded,
    PurchaseRefunded,
    RefundReversed,
)
from relations.messages import Envelope
from relations.projections.projection import CustomerRow, Projection, Rows

__all__ = [
    "PROJECTION",
    "AttributedPurchase",
    "CostLine",
    "Earned",
    "OfferLine",
    "PlannedCampaign",
    "ReachLine",
    "Recipient",
    "RefundLine",
    "Sold",
    "earned",
]


class CostLine(msgspec.Struct, array_like=True, order=True, gc=False):
    """A cost of a campaign.

    Attributes:
        at: Business time, UTC microseconds.
        cost: Its id.
        amount: Minor units.
        currency: ISO 4217.
        channel: The channel that it was spent on; empty if it was not recorded.
        what: What it was spent on, likewise.
    """

    at: int
    cost: str
    amount: int
    currency: str
    channel: str = ""
    what: str = ""


class ReachLine(msgspec.Struct, array_like=True, order=True, gc=False):
    """A platform's latest report about a campaign.

    Attributes:
        at: Business time, UTC microseconds.
        platform: The platform.
        impressions: How often it was shown.
        reactions: Likes, comments and the like.
        shares: How often it was passed on.
        followers: The followers won.
    """

    at: int
    platform: str
    impressions: int = 0
    reactions: int = 0
    shares: int = 0
    followers: int = 0


class OfferLine(msgspec.Struct, array_like=True, gc=False):
    """An offer to a customer.

    Attributes:
        at: When it was sent, UTC microseconds.
        channel: The channel.
        content: The host's name of what was sent; empty if there is none.
        answers: What came back, each with its time, UTC microseconds.
    """

    at: int
    channel: str
    content: str = ""
    answers: dict[str, int] = msgspec.field(default_factory=dict)


class PlannedCampaign(CustomerRow, gc=False):
    """A campaign. It belongs to no customer: `customer` is empty. All times are UTC microseconds.

    Attributes:
        campaign: Its id.
        kind: `promotion`, `event`, `content`, `win_back`, `pr` or `joint`.
        starts: The first local day, such as `2024-05-01`.
        ends: The local day after the last.
        objective: What it should achieve.
        audience: The name of the segment that it is for.
        channels: The channels that it uses.
        budget: The most that it may cost, in minor units.
        currency: The currency of the budget, ISO 4217.
        control_percent: The percentage of the audience that gets no offer.
        partner: The partner of a joint campaign.
        started_at: When it started; None if it has not.
        counted: The customers in its audience then.
        ended_at: When it ended; None if it has not.
        costs: Its costs, the earliest first.
        reach: The latest report under each id.
    """

    table: ClassVar[str] = "campaigns"
    key: ClassVar[tuple[str, ...]] = ("customer", "campaign")
    campaign: str
    kind: str = ""
    starts: str = ""
    ends: str = ""
    objective: str | None = None
    audience: str | None = None
    channels: list[str] = msgspec.field(default_factory=list)
    budget: int | None = None
    currency: str | None = None
    control_percent: int = 0
    partner: str | None = None
    started_at: int | None = None
    counted: int | None = None
    ended_at: int | None = None
    costs: list[CostLine] = msgspec.field(default_factory=list)
    reach: dict[str, ReachLine] = msgspec.field(default_factory=dict)


class Recipient(CustomerRow, gc=False):
    """An offer that a campaign sent to a customer, or withheld from them.

    Attributes:
        campaign: The campaign's id.
        withheld_at: When they were put in the control group, UTC microseconds; None if they are not in it.
        offers: The offers that they were sent, by id.
    """

    table: ClassVar[str] = "recipients"
    key: ClassVar[tuple[str, ...]] = ("customer", "campaign")
    indexes: ClassVar[tuple[tuple[str, ...], ...]] = (("campaign",),)
    campaign: str
    withheld_at: int | None = None
    offers: dict[str, OfferLine] = msgspec.field(default_factory=dict)

    def absorb(self, other: Recipient) -> None:
        """Add what another id of the customer was sent. Somebody who was sent an offer under one id is no control."""
        times = [at for at in (self.withheld_at, other.withheld_at) if at is not None]
        self.withheld_at = min(times, default=None)
        for name, theirs in other.offers.items():
            mine = self.offers.get(name)
            self.offers[name] = theirs if mine is None else _joined(mine, theirs)

    def by(self, moment: int | None) -> Recipient | None:
        """Return what was sent, withheld and answered by a moment; None if there was nothing yet.

        Args:
            moment: The moment, UTC microseconds; None for everything recorded.
        """
        if moment is None:
            return self
        offers = {
            name: OfferLine(
                offer.at, offer.channel, offer.content,
                {answer: at for answer, at in offer.answers.items() if at <= moment},
            )
            for name, offer in self.offers.items()
            if offer.at <= moment
        }  # fmt: skip
        withheld_at = self.withheld_at if self.withheld_at is not None and self.withheld_at <= moment else None
        return Recipient(self.customer, self.campaign, withheld_at, offers) if offers or withheld_at else None

    @property
    def is_control(self) -> bool:
        """Return True if the customer is in the control group."""
        return self.withheld_at is not None and not self.offers

    @property
    def bounced(self) -> bool:
        """Return True if every offer bounced."""
        return bool(self.offers) and all("bounced" in offer.answers for offer in self.offers.values())

    def answered(self, answer: str) -> bool:
        """Return True if an answer came back on any offer."""
        return any(answer in offer.answers for offer in self.offers.values())


def _joined(mine: OfferLine, theirs: OfferLine) -> OfferLine:
    first = min(mine, theirs, key=lambda each: (each.at, each.channel, each.content))
    names = mine.answers.keys() | theirs.answers.keys()
    answers = {
        name: min(each.answers[name] for each in (mine, theirs) if name in each.answers) for name in sorted(names)
    }
    return OfferLine(first.at, first.channel, first.content, answers)


class RefundLine(msgspec.Struct, array_like=True, order=True, gc=False):
    """A refund that was not reversed.

    Attributes:
        at: Business time, UTC microseconds.
        amount: Minor units.
        cost: The part of the purchase's cost that it took back, minor units.
    """

    at: int
    amount: int
    cost: int = 0


class AttributedPurchase(CustomerRow, gc=False):
    """A purchase that names the campaign to which it is attributed, or the partner through which it was made.

    Attributes:
        purchase: Its id.
        campaign: The campaign's id; empty if it names none.
        partner: The partner's id, likewise.
        amount: Minor units.
        currency: ISO 4217.
        at: Business time, UTC microseconds.
        cost: Its cost, minor units; None if it is not known.
        refunds: Its refunds by id.
    """

    table: ClassVar[str] = "purchases"
    key: ClassVar[tuple[str, ...]] = ("customer", "purchase")
    indexes: ClassVar[tuple[tuple[str, ...], ...]] = (("campaign",), ("partner",))
    purchase: str
    campaign: str = ""
    amount: int = 0
    currency: str = ""
    at: int = 0
    partner: str = ""
    cost: int | None = None
    refunds: dict[str, RefundLine] = msgspec.field(default_factory=dict)

    def absorb(self, other: AttributedPurchase) -> None:
        """Keep the earlier of two purchases that the host gave the same id under two ids of the customer."""
        kept = min(self, other, key=_rank)
        self.at, self.campaign, self.partner = kept.at, kept.campaign, kept.partner
        self.amount, self.currency, self.cost, self.refunds = kept.amount, kept.currency, kept.cost, kept.refunds

    def sold_by(self, moment: int | None) -> Sold | None:
        """Return the purchase as of a moment; None if it was made later.

        Args:
            moment: The moment, UTC microseconds; None for everything recorded.
        """
        if moment is not None and self.at > moment:
            return None
        refunds = [each for each in self.refunds.values() if moment is None or each.at <= moment]
        refunded = sum(each.amount for each in refunds)
        cost = None if self.cost is None else self.cost - sum(each.cost for each in refunds)
        return Sold(self.customer, self.purchase, self.campaign, self.partner, self.at, self.amount, refunded, cost)


class Sold(NamedTuple):
    """A purchase as of a moment.

    Attributes:
        customer: The customer.
        purchase: Its id.
        campaign: The campaign's id; empty if it names none.
        partner: The partner's id, likewise.
        at: Business time, UTC microseconds.
        amount: Minor units.
        refunded: The amount refunded of it, minor units.
        cost: Its cost less what refunds took back of it, minor units; None if it is not known.
    """

    customer: str
    purchase: str
    campaign: str
    partner: str
    at: int
    amount: int
    refunded: int
    cost: int | None

    @property
    def is_kept(self) -> bool:
        """True if it was not refunded in full."""
        return self.refunded < self.amount or not self.amount


class Earned(NamedTuple):
    """The earnings of purchases in one currency, in minor units.

    Attributes:
        revenue: Their amounts less refunds.
        costed: The part of it whose cost is known.
        profit: This part less its cost; None if no cost is known.
        is_complete: True if the cost of each purchase is known.
    """

    revenue: int
    costed: int
    profit: int | None
    is_complete: bool


def earned(purchases: Collection[Sold]) -> Earned:
    """Return what purchases in one currency earned."""
    known = [each for each in purchases if each.cost is not None]
    costed = sum(each.amount - each.refunded for each in known)
    return Earned(
        revenue=sum(each.amount - each.refunded for each in purchases),
        costed=costed,
        profit=costed - sum(each.cost or 0 for each in known) if known else None,
        is_complete=len(known) == len(purchases),
    )


def _rank(purchase: AttributedPurchase) -> tuple[int, str, str, int, str, int, list[RefundLine]]:
    cost = -1 if purchase.cost is None else purchase.cost
    return (
        purchase.at, purchase.campaign, purchase.partner, purchase.amount, purchase.currency, cost,
        sorted(purchase.refunds.values()),
    )  # fmt: skip


PROJECTION = Projection(name="campaigns", version=3, tables=(PlannedCampaign, Recipient, AttributedPurchase))


def _campaign(rows: Rows, envelope: Envelope) -> PlannedCampaign:
    return rows.need(PlannedCampaign, "", envelope.stream.removeprefix("campaign-"))


@PROJECTION.on(CampaignPlanned)
def campaign_planned(rows: Rows, event: CampaignPlanned, envelope: Envelope) -> None:
    """Keep the plan as it is now."""
    row = _campaign(rows, envelope)
    row.kind, row.starts, row.ends = event.kind, event.starts, event.ends
    row.objective, row.audience, row.channels = event.objective, event.audience, list(event.channels)
    row.budget, row.currency = (event.budget.amount, event.budget.currency) if event.budget else (None, None)
    row.control_percent, row.partner = event.control_percent, event.partner


@PROJECTION.on(CampaignStarted)
def campaign_started(rows: Rows, event: CampaignStarted, envelope: Envelope) -> None:
    """Keep when it started, and the size of its audience."""
    row = _campaign(rows, envelope)
    row.started_at, row.counted = envelope.occurred_at, event.audience


@PROJECTION.on(CampaignEnded)
def campaign_ended(rows: Rows, _event: CampaignEnded, envelope: Envelope) -> None:
    """Keep when it ended."""
    _campaign(rows, envelope).ended_at = envelope.occurred_at


@PROJECTION.on(CampaignCostRecorded)
def campaign_cost_recorded(rows: Rows, event: CampaignCostRecorded, envelope: Envelope) -> None:
    """Add a cost."""
    money = event.amount
    line = CostLine(event.at, event.cost, money.amount, money.currency, event.channel or "", event.what or "")
    row = _campaign(rows, envelope)
    row.costs = sorted([*row.costs, line])


@PROJECTION.on(CampaignCostCancelled)
def campaign_cost_cancelled(rows: Rows, event: CampaignCostCancelled, envelope: Envelope) -> None:
    """Remove a cost, as if it had never been recorded."""
    row = _campaign(rows, envelope)
    row.costs = [line for line in row.costs if line.cost != event.cost]


@PROJECTION.on(CampaignReachRecorded)
def campaign_reach_recorded(rows: Rows, event: CampaignReachRecorded, envelope: Envelope) -> None:
    """Keep the report under an id with the latest business time, whatever the order of recording."""
    at, row = envelope.occurred_at, _campaign(rows, envelope)
    line = ReachLine(at, event.platform, event.impressions, event.reactions, event.shares, event.followers)
    latest = max(line, row.reach.get(event.reach, line))
    row.reach = dict(sorted({**row.reach, event.reach: latest}.items()))


@PROJECTION.on(OfferSent)
def offer_sent(rows: Rows, event: OfferSent, envelope: Envelope) -> None:
    """Keep an offer."""
    offers = rows.need(Recipient, envelope.customer, event.campaign).offers
    offers[event.offer] = OfferLine(event.at, event.channel, event.content or "")


@PROJECTION.on(OfferWithheld)
def offer_withheld(rows: Rows, event: OfferWithheld, envelope: Envelope) -> None:
    """Keep a customer of the control group."""
    rows.need(Recipient, envelope.customer, event.campaign).withheld_at = event.at


@PROJECTION.on(OfferAnswered)
def offer_answered(rows: Rows, event: OfferAnswered, envelope: Envelope) -> None:
    """Keep what came back on an offer."""
    row = rows.get(Recipient, envelope.customer, event.campaign)
    if row is not None and event.offer in row.offers:
        row.offers[event.offer].answers[event.answer] = event.at


@PROJECTION.on(PurchaseRecorded)
def purchase_recorded(rows: Rows, event: PurchaseRecorded, envelope: Envelope) -> None:
    """Keep a purchase that names a campaign or a partner."""
    if event.campaign is not None or event.partner is not None:
        row = rows.need(AttributedPurchase, envelope.customer, event.purchase)
        row.campaign, row.partner, row.at = event.campaign or "", event.partner or "", envelope.occurred_at
        row.cost = None if event.cost is None else event.cost.amount
        row.amount, row.currency = event.amount.amount, event.amount.currency


@PROJECTION.on(PurchaseRefunded, RefundReversed)
def purchase_refunded(rows: Rows, event: PurchaseRefunded | RefundReversed, envelope: Envelope) -> None:
    """Keep the refunds of a purchase that names a campaign or a partner, unless they are reversed."""
    row = rows.get(AttributedPurchase, envelope.customer, event.purchase)
    if row is None:
        return
    if isinstance(event, PurchaseRefunded):
        row.refunds[event.refund] = RefundLine(envelope.occurred_at, event.amount.amount, event.cost or 0)
    else:
        row.refunds.pop(event.refund, None)
