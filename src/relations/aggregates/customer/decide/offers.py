"""The rules of offers: contact that sells, and a control group that stays apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from relations.aggregates.customer.decide.contacts import broken_by_offer
from relations.aggregates.customer.decide.refusals import id_reused, making_known, refused
from relations.aggregates.customer.offer_commands import AnswerOffer, SendOffer, WithholdOffer
from relations.aggregates.customer.offer_events import OfferAnswered, OfferSent, OfferWithheld
from relations.aggregates.customer.state import Customer
from relations.messages import Command, Event
from relations.policies import Policy

__all__ = ["OFFER_RULES"]

_replace = msgspec.structs.replace


def _send_offer(state: Customer, command: SendOffer, policy: Policy) -> list[Event]:
    event = OfferSent(
        offer=command.offer,
        campaign=command.campaign,
        channel=command.channel,
        content=command.content,
        at=command.at,
    )
    known = state.offers.get(command.offer)
    if known is not None:
        if _replace(known.sent, breaches=()) == event:
            return []
        raise id_reused("offer", command.offer)
    if command.campaign in state.withheld:
        raise refused(
            f"cannot send the offer {command.offer}: the customer {command.customer} is in the control group of the "
            f"campaign {command.campaign}",
            "control_group",
            "campaign",
            "Send it to customers outside of the control group only",
        )
    broken = list(broken_by_offer(state, command, policy.care))
    if broken and not command.lenient:
        raise broken[0]
    event = _replace(event, breaches=tuple(error.code for error in broken))
    return making_known(state, command, event, command.channel)


def _withhold_offer(state: Customer, command: WithholdOffer, _policy: Policy) -> list[Event]:
    if command.campaign in state.withheld:
        return []
    sent = sorted(name for name, offer in state.offers.items() if offer.sent.campaign == command.campaign)
    if sent:
        raise refused(
            f"cannot withhold the offers of the campaign {command.campaign} from the customer {command.customer}: "
            f"{sent[0]} was sent to them",
            "already_offered",
            "campaign",
            "Choose the control group before any offer is sent",
        )
    return making_known(state, command, OfferWithheld(campaign=command.campaign, at=command.at), None)


def _answer_offer(state: Customer, command: AnswerOffer, _policy: Policy) -> list[Event]:
    known = state.offers.get(command.offer)
    if known is None:
        raise refused(
            f"the customer {command.customer} has no offer {command.offer}",
            "unknown_offer",
            "offer",
            "Record it first (SendOffer)",
        )
    if command.answer in known.answers:
        return []
    if command.at < known.sent.at:
        raise refused(
            f"the offer {command.offer} cannot be {command.answer} before it was sent",
            "before_offer",
            "occurred_at",
            "Correct the time of the answer or of the offer",
        )
    campaign = known.sent.campaign
    return [OfferAnswered(offer=command.offer, campaign=campaign, answer=command.answer, at=command.at)]


OFFER_RULES: Mapping[type[Command], Callable[[Customer, Any, Policy], list[Event]]] = {
    SendOffer: _send_offer,
    WithholdOffer: _withhold_offer,
    AnswerOffer: _answer_offer,
}
