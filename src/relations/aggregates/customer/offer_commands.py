"""The commands of offers."""

from __future__ import annotations

from typing import Literal, get_args

from relations.aggregates.customer.commands import CustomerCommand
from relations.messages import Channel, Id, Term

__all__ = ["OFFER_ANSWERS", "AnswerOffer", "OfferAnswer", "SendOffer", "WithholdOffer"]

OfferAnswer = Literal["bounced", "seen", "clicked", "replied", "accepted", "declined", "attended"]
OFFER_ANSWERS: tuple[str, ...] = get_args(OfferAnswer)
"""Everything that may come back on an offer."""


class SendOffer(CustomerCommand):
    """Record that a campaign's offer is sent to the customer.

    An offer is contact that sells something. The policy's rules of contact apply: consent and quiet time. It is
    refused for a customer in the campaign's control group.

    Attributes:
        offer: The offer's own id.
        campaign: The campaign's id.
        content: Your own name of what is sent, such as a template.
        lenient: Used by imports from other systems. An offer that breaks a rule of contact is recorded with the rule's
            code, instead of being refused.
    """

    offer: Id
    campaign: Id
    channel: Channel
    content: Term | None = None
    lenient: bool = False


class WithholdOffer(CustomerCommand):
    """Put the customer in the campaign's control group. Refused once they were sent an offer of it."""

    campaign: Id


class AnswerOffer(CustomerCommand):
    """Record what came back on an offer: it bounced, was seen, clicked, replied to, accepted or declined.

    For an invitation to an event, `attended` says that the customer came.
    """

    offer: Id
    answer: OfferAnswer
