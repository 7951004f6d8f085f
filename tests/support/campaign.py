"""A small campaign and a handover, for histories in which every view should have rows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from relations import Money, RecordPurchase
from relations.aggregates.campaign import PlanCampaign, RecordCampaignCost, RecordCampaignReach, StartCampaign
from relations.aggregates.customer import AnswerOffer, AssignCustomer, SendOffer, StateRung, WithholdOffer
from relations.messages import Command

__all__ = ["handed_over", "spring_campaign"]


def spring_campaign(at: datetime, offered: str, withheld: str) -> Iterator[Command]:
    """Yield the campaign `spring` with one customer who accepts an offer and buys, and one in the control group."""
    first = at.date()
    yield PlanCampaign(
        campaign="spring", kind="promotion", starts=first, ends=first + timedelta(days=30), occurred_at=at
    )
    yield StartCampaign(campaign="spring", audience=2, occurred_at=at)
    yield RecordCampaignCost(
        campaign="spring", cost="ad", amount=Money(10_000, "EUR"), channel="social", occurred_at=at
    )
    yield RecordCampaignReach(campaign="spring", reach="w1", platform="weibo", impressions=900, occurred_at=at)
    yield SendOffer(customer=offered, offer="o1", campaign="spring", channel="message", lenient=True, occurred_at=at)
    yield AnswerOffer(customer=offered, offer="o1", answer="accepted", occurred_at=at)
    yield WithholdOffer(customer=withheld, campaign="spring", occurred_at=at)
    yield RecordPurchase(
        customer=offered,
        purchase="spring-1",
        amount=Money(4_000, "EUR"),
        campaign="spring",
        partner="agency",
        cost=Money(2_500, "EUR"),
        occurred_at=at,
    )


def handed_over(at: datetime, customer: str) -> Iterator[Command]:
    """Yield the customer's first owner and another one, who has not taken over yet, and an owner's word."""
    yield AssignCustomer(customer=customer, owner="ann", occurred_at=at)
    yield AssignCustomer(customer=customer, owner="ben", deputy="ann", occurred_at=at + timedelta(minutes=1))
    yield StateRung(customer=customer, rung="loose", by="ann", occurred_at=at)
