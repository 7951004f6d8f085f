"""The results of a campaign, counted again the slow way: one pass over all events for every figure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from relations.aggregates.campaign import CampaignCostCancelled, CampaignCostRecorded, CampaignPlanned
from relations.aggregates.customer import (
    OfferAnswered,
    OfferSent,
    OfferWithheld,
    PurchaseRecorded,
    PurchaseRefunded,
    RefundReversed,
)
from relations.messages import RecordedEvent, from_micros
from relations.testing.oracle.people import surviving_id

__all__ = ["SlowCampaign"]


class _Purchase(NamedTuple):
    person: str
    day: date
    campaign: str | None
    amount: int
    currency: str
    refunded: int


@dataclass
class SlowCampaign:
    """One campaign in a history.

    Attributes:
        history: Every recorded event, in the order of the log.
        campaign: The campaign's id.
        currency: The currency of amounts.
        zone: The business's time zone.
        now: The moment asked about.
    """

    history: list[RecordedEvent]
    campaign: str
    currency: str
    zone: ZoneInfo
    now: datetime

    def figures(self) -> dict[str, object]:
        """Return all figures of `CampaignResult` that are counts or sums, and the four counts of its lift."""
        offers = self._offers()
        sent, control = self.audience()
        bounced = {
            customer
            for customer in sent
            if all("bounced" in answers for (who, _), answers in offers.items() if who == customer)
        }
        answers = {
            name: len({who for (who, _), given in offers.items() if name in given})
            for name in ("clicked", "replied", "accepted", "declined", "attended")
        }
        bought = [each for each in self._purchases() if each.campaign == self.campaign and self._is_kept(each)]
        days = self._buyers_on_its_days()
        return {
            "sent": len(sent),
            "bounced": len(bounced),
            "reached": len(sent) - len(bounced),
            "seen": len({who for (who, _), given in offers.items() if given - {"bounced"}}),
            **answers,
            "control": len(control),
            "buyers": len({each.person for each in bought}),
            "orders": len(bought),
            "revenue": sum(each.amount - each.refunded for each in bought),
            "cost": self._cost(),
            "lift": (len(sent), len(sent & days), len(control), len(control & days)) if sent and control else None,
        }

    def audience(self) -> tuple[set[str], set[str]]:
        """Return the customers who were sent an offer, and those in the control group."""
        sent = {customer for customer, _ in self._offers()}
        withheld = set()
        for each in self.history:
            if isinstance(each.event, OfferWithheld) and each.event.campaign == self.campaign:
                withheld.add(self._person(each.customer))
        return sent, withheld - sent

    def _person(self, customer: str) -> str:
        return surviving_id(self.history, customer)

    def _offers(self) -> dict[tuple[str, str], set[str]]:
        """Return what came back on every offer, by customer and offer."""
        found: dict[tuple[str, str], set[str]] = {}
        for each in self.history:
            event = each.event
            if isinstance(event, OfferSent) and event.campaign == self.campaign:
                found.setdefault((self._person(each.customer), event.offer), set())
            elif isinstance(event, OfferAnswered) and event.campaign == self.campaign:
                found[(self._person(each.customer), event.offer)].add(event.answer)
        return found

    def _purchases(self) -> list[_Purchase]:
        found = []
        for each in self.history:
            event = each.event
            if isinstance(event, PurchaseRecorded):
                day = from_micros(each.occurred_at).astimezone(self.zone).date()
                money, refunded = event.amount, self._refunded(each.stream, event.purchase)
                person = self._person(each.customer)
                found.append(_Purchase(person, day, event.campaign, money.amount, money.currency, refunded))
        return found

    def _refunded(self, stream: str, purchase: str) -> int:
        found = 0
        for each in self.history:
            event = each.event
            if each.stream == stream and isinstance(event, PurchaseRefunded | RefundReversed):
                found = event.refunded if event.purchase == purchase else found
        return found

    def _is_kept(self, purchase: _Purchase) -> bool:
        return purchase.currency == self.currency and (purchase.amount == 0 or purchase.refunded < purchase.amount)

    def _cost(self) -> int:
        spent = 0
        for each in self.history:
            event = each.event
            if each.stream != f"campaign-{self.campaign}":
                continue
            if isinstance(event, CampaignCostRecorded) and event.amount.currency == self.currency:
                spent += event.amount.amount
            elif isinstance(event, CampaignCostCancelled) and event.amount.currency == self.currency:
                spent -= event.amount.amount
        return spent

    def _buyers_on_its_days(self) -> set[str]:
        """Return the customers who bought on a day of the campaign and kept something of that day."""
        plans = [
            each.event
            for each in self.history
            if isinstance(each.event, CampaignPlanned) and each.stream == f"campaign-{self.campaign}"
        ]
        tomorrow = self.now.astimezone(self.zone).date() + timedelta(days=1)
        first, after = date.fromisoformat(plans[-1].starts), date.fromisoformat(plans[-1].ends)
        sums: dict[tuple[str, date, str], list[int]] = {}
        for each in self._purchases():
            if first <= each.day < min(after, tomorrow):
                known = sums.setdefault((each.person, each.day, each.currency), [0, 0])
                known[0], known[1] = known[0] + each.amount, known[1] + each.refunded
        return {who for (who, _, _), (bought, back) in sums.items() if not back or back < bought}
