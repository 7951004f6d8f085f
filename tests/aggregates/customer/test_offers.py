"""Offers are contact that sells, and a control group gets none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from relations.aggregates import customer
from relations.aggregates.customer import (
    AnswerOffer,
    EraseCustomer,
    GiveConsent,
    OfferAnswered,
    OfferSent,
    OfferWithheld,
    RecordInteraction,
    RegisterCustomer,
    SendOffer,
    WithdrawConsent,
    WithholdOffer,
)
from relations.messages import to_micros
from relations.policies import Care, Policy
from relations.testing import Scenario

MONDAY = datetime(2024, 5, 6, 9, tzinfo=UTC)


def at(days: float) -> dict[str, Any]:
    return {"customer": "anna", "occurred_at": MONDAY + timedelta(days=days)}


def send(offer: str = "o1", days: float = 1, **more: Any) -> SendOffer:
    return SendOffer(**at(days), **{"offer": offer, "campaign": "spring", "channel": "email", **more})


def call(days: float) -> RecordInteraction:
    return RecordInteraction(
        **at(days), interaction=f"i{days}", channel="phone", kind="short_call", direction="outbound"
    )


KNOWN = Scenario(customer.AGGREGATE).given(RegisterCustomer(**at(0), language="en"))
SENT = OfferSent(offer="o1", campaign="spring", channel="email", at=to_micros(MONDAY + timedelta(days=1)))


def test_an_offer_is_sent_once() -> None:
    KNOWN.when(send()).then(SENT)
    KNOWN.given(send()).when(send()).then_nothing()
    KNOWN.given(send()).when(send(channel="message")).then_refused("offer_id_reused")


def test_no_offer_goes_where_consent_to_marketing_was_withdrawn() -> None:
    withdrawn = KNOWN.given(WithdrawConsent(**at(0), purpose="marketing", channel="email"))
    withdrawn.when(send()).then_refused("consent_withdrawn")
    withdrawn.when(send(channel="message")).then(
        OfferSent(offer="o1", campaign="spring", channel="message", at=SENT.at)
    )
    withdrawn.when(send(lenient=True)).then(
        OfferSent(offer="o1", campaign="spring", channel="email", at=SENT.at, breaches=("consent_withdrawn",))
    )


def test_where_the_policy_asks_for_consent_an_offer_needs_it() -> None:
    strict = Policy(care=Care(opt_in=True))
    asked = Scenario(customer.AGGREGATE, policy=strict).given(RegisterCustomer(**at(0), language="en"))
    asked.when(send()).then_refused("consent_missing")
    asked.given(GiveConsent(**at(0), purpose="marketing", channel="email")).when(send()).then(SENT)


def test_an_offer_respects_the_quiet_time_and_begins_one() -> None:
    KNOWN.given(call(0.5)).when(send()).then_refused("contact_too_soon")
    KNOWN.given(send()).when(call(1.5)).then_refused("contact_too_soon")
    KNOWN.given(send()).when(send("o2", 1.9)).then_refused("contact_too_soon")
    KNOWN.given(send()).when(send("o2", 2)).then(
        OfferSent(offer="o2", campaign="spring", channel="email", at=to_micros(MONDAY + timedelta(days=2)))
    )


def test_an_offer_at_the_counter_needs_no_quiet_time() -> None:
    KNOWN.given(call(0.5)).when(send(channel="on_site")).then(
        OfferSent(offer="o1", campaign="spring", channel="on_site", at=SENT.at)
    )


def test_the_control_group_and_the_others_are_disjoint() -> None:
    withhold = WithholdOffer(**at(0), campaign="spring")
    KNOWN.when(withhold).then(OfferWithheld(campaign="spring", at=to_micros(MONDAY)))
    KNOWN.given(withhold).when(withhold).then_nothing()
    KNOWN.given(withhold).when(send()).then_refused("control_group")
    KNOWN.given(withhold).when(send(lenient=True)).then_refused("control_group")
    KNOWN.given(withhold).when(send(campaign="autumn")).then(
        OfferSent(offer="o1", campaign="autumn", channel="email", at=SENT.at)
    )
    KNOWN.given(send()).when(WithholdOffer(**at(2), campaign="spring")).then_refused("already_offered")


@pytest.mark.parametrize("answer", ["bounced", "seen", "accepted", "attended"])
def test_an_answer_counts_once(answer: Any) -> None:
    answered = AnswerOffer(**at(2), offer="o1", answer=answer)
    when = to_micros(MONDAY + timedelta(days=2))
    KNOWN.given(send()).when(answered).then(OfferAnswered(offer="o1", campaign="spring", answer=answer, at=when))
    KNOWN.given(send(), answered).when(AnswerOffer(**at(3), offer="o1", answer=answer)).then_nothing()
    KNOWN.when(answered).then_refused("unknown_offer")
    KNOWN.given(send()).when(AnswerOffer(**at(0.5), offer="o1", answer=answer)).then_refused("before_offer")


def test_an_erased_customer_gets_no_offer_and_late_answers_still_count() -> None:
    erased = KNOWN.given(send(), EraseCustomer(**at(2)))
    erased.when(send("o2", 5)).then_refused("customer_erased")
    erased.when(AnswerOffer(**at(3), offer="o1", answer="seen")).then(
        OfferAnswered(offer="o1", campaign="spring", answer="seen", at=to_micros(MONDAY + timedelta(days=3)))
    )
