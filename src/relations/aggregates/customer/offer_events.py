"""The events of offers: sent, withheld, answered.

They are in the customer's own stream, one event each, so a campaign can have as many recipients as there are customers.
"""

from __future__ import annotations

from typing import ClassVar

from relations.messages import Event

__all__ = ["OfferAnswered", "OfferSent", "OfferWithheld"]


class OfferSent(Event, frozen=True):
    """A campaign's offer was sent to the customer.

    Attributes:
        offer: The offer's own id.
        campaign: The campaign's id.
        channel: The channel that it was sent through.
        content: The host's own name of what was sent, such as a template.
        at: Business time, UTC microseconds.
        breaches: The codes of the contact rules that it broke, if it was recorded leniently.
    """

    topic: ClassVar[str] = "customer.offer_sent"
    offer: str
    campaign: str
    channel: str
    content: str | None = None
    at: int = 0
    breaches: tuple[str, ...] = ()


class OfferWithheld(Event, frozen=True):
    """The customer is in the campaign's control group: they get no offer, so that the others can be compared with them.

    Attributes:
        campaign: The campaign's id.
        at: Business time, UTC microseconds.
    """

    topic: ClassVar[str] = "customer.offer_withheld"
    campaign: str
    at: int = 0


class OfferAnswered(Event, frozen=True):
    """Something came back on an offer. Each answer is recorded once for an offer.

    Attributes:
        offer: The offer's id.
        campaign: The campaign's id.
        answer: `bounced`, `seen`, `clicked`, `replied`, `accepted`, `declined` or `attended`.
        at: Business time, UTC microseconds.
    """

    topic: ClassVar[str] = "customer.offer_answered"
    offer: str
    campaign: str
    answer: str
    at: int = 0
