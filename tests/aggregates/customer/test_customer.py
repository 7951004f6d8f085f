"""The rules of a customer, one by one; `test_customer_properties.py` holds them together."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from relations.aggregates.customer import (
    AGGREGATE,
    REFUSALS,
    ConsentGiven,
    ConsentWithdrawn,
    CorrectProfile,
    CustomerCommand,
    CustomerErased,
    CustomerRegistered,
    EraseCustomer,
    FeedbackGiven,
    GiveConsent,
    GiveFeedback,
    InteractionRecorded,
    ProfileCorrected,
    PurchaseRecorded,
    PurchaseRefunded,
    RecordInteraction,
    RecordPurchase,
    RefundPurchase,
    RegisterCustomer,
    WithdrawConsent,
)
from relations.errors import InvalidInput
from relations.log.codec import decode_state, encode_state
from relations.messages import Money, to_micros
from relations.testing.scenario import Scenario

NOBODY = Scenario(AGGREGATE)


def day(number: int) -> datetime:
    return datetime(2024, 5, number, 12, tzinfo=UTC)


def eur(amount: int) -> Money:
    return Money(amount, "EUR")


def register(at: int = 1, **fields: Any) -> RegisterCustomer:
    return RegisterCustomer(customer="c1", occurred_at=day(at), **fields)


def correct(at: int = 2, **fields: Any) -> CorrectProfile:
    return CorrectProfile(customer="c1", occurred_at=day(at), **fields)


def consent(at: int, **fields: Any) -> GiveConsent:
    return GiveConsent(customer="c1", purpose="offers", channel="email", occurred_at=day(at), **fields)


def withdraw(at: int, channel: str = "email") -> WithdrawConsent:
    return WithdrawConsent(customer="c1", purpose="offers", channel=channel, occurred_at=day(at))


def purchase(name: str = "p1", amount: int = 100, at: int = 2, **fields: Any) -> RecordPurchase:
    return RecordPurchase(customer="c1", purchase=name, amount=eur(amount), occurred_at=day(at), **fields)


def refund(name: str, cents: int, of: str = "p1", at: int = 3, **fields: Any) -> RefundPurchase:
    return RefundPurchase(
        customer="c1", refund=name, purchase=of, occurred_at=day(at), **{"amount": eur(cents), **fields}
    )


def answer(name: str = "f1", score: int = 9, at: int = 4, **fields: Any) -> GiveFeedback:
    values: dict[str, Any] = {"instrument": "nps", **fields}
    return GiveFeedback(customer="c1", feedback=name, score=score, occurred_at=day(at), **values)


def call(at: int = 2, **fields: Any) -> RecordInteraction:
    values: dict[str, Any] = {"interaction": "i1", "channel": "phone", "kind": "call", **fields}
    return RecordInteraction(customer="c1", occurred_at=day(at), **values)


KNOWN = NOBODY.given(register())
BUYER = KNOWN.given(purchase())
GONE = BUYER.given(EraseCustomer(customer="c1", occurred_at=day(9)))


# --- being known ----------------------------------------------------------------------------------------------------


def test_a_customer_is_registered_with_what_they_told() -> None:
    NOBODY.when(register(name="Ana", email="ana@example.org", language="pt-BR", source="web form")).then(
        CustomerRegistered(
            name="Ana", email="ana@example.org", language="pt-BR", source="web form", at=to_micros(day(1))
        )
    )


def test_registering_the_same_way_again_changes_nothing() -> None:
    known = NOBODY.given(register(name="Ana", language="pt"))
    known.when(register(name="Ana", language="pt")).then_nothing()
    known.when(register(at=20, name="Ana", language="pt")).then_nothing()


def test_registering_again_with_other_details_is_refused() -> None:
    known = NOBODY.given(register(name="Ana", language="pt"))
    known.when(register(name="Ana", language="en")).then_refused("already_registered")
    known.when(register(name="Ana", language="pt", phone="+351 21 555 0199")).then_refused("already_registered")


def test_a_registration_sent_again_after_a_correction_changes_nothing() -> None:
    NOBODY.given(register(language="pt"), correct(language="en")).when(register(language="pt")).then_nothing()


@pytest.mark.parametrize(
    ("command", "happened"),
    [
        (purchase(), PurchaseRecorded),
        (call(), InteractionRecorded),
        (answer(), FeedbackGiven),
        (consent(2), ConsentGiven),
        (withdraw(2), ConsentWithdrawn),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, CustomerCommand) else "",
)
def test_whatever_a_customer_does_makes_them_known(command: CustomerCommand, happened: Any) -> None:
    first, _second = NOBODY.when(command).then(CustomerRegistered, happened).past
    assert isinstance(first, CustomerRegistered)
    assert (first.implicit, first.source, first.at) == (True, "implicit", command.at)
    BUYER.when(command if command != purchase() else purchase("p2")).then(happened)


def test_one_known_by_a_purchase_can_be_registered_once() -> None:
    implicit = NOBODY.given(purchase())
    registered = implicit.when(register(at=5, name="Ana", channel="web")).then(
        CustomerRegistered(name="Ana", channel="web", at=to_micros(day(5)))
    )
    registered.when(register(at=5, name="Ana", channel="web")).then_nothing()


def test_nobody_unknown_can_be_corrected() -> None:
    NOBODY.when(correct(name="Ana")).then_refused("unknown_customer")


def test_a_correction_names_what_changes() -> None:
    known = NOBODY.given(register(language="pt", region="Lisboa"))
    known.when(correct(language="en", region="Lisboa", name="Ana")).then(
        ProfileCorrected(name="Ana", language="en", at=to_micros(day(2)))
    )


def test_a_correction_that_changes_nothing_is_none() -> None:
    known = NOBODY.given(register(language="pt"))
    known.when(correct(language="pt")).then_nothing()
    known.when(correct()).then_nothing()
    known.given(correct(language="en")).when(correct(language="en")).then_nothing()


def test_a_correction_recorded_late_does_not_hide_a_later_one() -> None:
    moved = NOBODY.given(register(region="Lisboa"), correct(at=10, region="Porto"))
    late = moved.when(correct(at=5, region="Faro")).then(ProfileCorrected)
    late.when(correct(at=5, region="Faro")).then_nothing()
    late.when(correct(at=12, region="Porto")).then_nothing()
    late.when(correct(at=12, region="Faro")).then(ProfileCorrected)


# --- consents -------------------------------------------------------------------------------------------------------


def test_consent_is_given_and_withdrawn_once() -> None:
    given = KNOWN.when(consent(2)).then(ConsentGiven)
    given.when(consent(3)).then_nothing()
    withdrawn = given.when(withdraw(4)).then(ConsentWithdrawn)
    withdrawn.when(withdraw(4)).then_nothing()
    withdrawn.when(consent(6)).then(ConsentGiven)


def test_each_channel_has_its_own_consent() -> None:
    KNOWN.given(consent(2)).when(withdraw(3, channel="phone")).then(ConsentWithdrawn)


def test_another_basis_is_another_consent() -> None:
    KNOWN.given(consent(2)).when(consent(3, basis="contract")).then(ConsentGiven)


def test_an_objection_without_a_consent_is_kept_once() -> None:
    KNOWN.when(withdraw(2)).then(ConsentWithdrawn).when(withdraw(2)).then_nothing()


def test_a_late_consent_from_between_two_withdrawals_does_not_prevail() -> None:
    late = KNOWN.given(withdraw(2)).when(withdraw(9)).then(ConsentWithdrawn).when(consent(5)).then(ConsentGiven)
    assert [basis for _, basis in late.state.consents["email offers"]] == [None, "consent", None]


def test_a_consent_recorded_late_does_not_undo_a_withdrawal() -> None:
    late = KNOWN.given(withdraw(10)).when(consent(5)).then(ConsentGiven)
    late.when(consent(5)).then_nothing()
    late.when(consent(11)).then(ConsentGiven)


@pytest.mark.parametrize("order", [(consent(5), withdraw(5)), (withdraw(5), consent(5))])
def test_given_and_withdrawn_at_one_instant_is_withdrawn(order: tuple[CustomerCommand, ...]) -> None:
    both = KNOWN.given(*order)
    assert len(both.past) == 3
    both.when(order[0]).then_nothing()
    both.when(order[1]).then_nothing()
    both.when(consent(6)).then(ConsentGiven)


# --- purchases and refunds ------------------------------------------------------------------------------------------


def test_a_purchase_keeps_what_was_bought() -> None:
    KNOWN.when(purchase(category="room", channel="web", discounted=True)).then(
        PurchaseRecorded(
            purchase="p1", amount=eur(100), category="room", channel="web", discounted=True, at=to_micros(day(2))
        )
    )


def test_the_same_purchase_again_is_a_retry() -> None:
    BUYER.when(purchase()).then_nothing()
    elsewhere = purchase().model_copy(update={"occurred_at": day(2).astimezone(timezone(timedelta(hours=2)))})
    BUYER.when(elsewhere).then_nothing()


@pytest.mark.parametrize("other", [purchase(amount=101), purchase(at=3), purchase(category="room")])
def test_another_purchase_under_the_same_id_is_refused(other: RecordPurchase) -> None:
    BUYER.when(other).then_refused("purchase_id_reused", field="purchase")


def test_a_purchase_may_be_worth_nothing_but_not_less() -> None:
    KNOWN.when(purchase(amount=0)).then(PurchaseRecorded)
    with pytest.raises(InvalidInput) as refused:
        purchase(amount=-1)
    assert refused.value.code == "negative_amount"


def test_a_refund_says_what_is_given_back_in_all() -> None:
    half = BUYER.when(refund("r1", 40, reason="late")).then(
        PurchaseRefunded(
            refund="r1",
            purchase="p1",
            amount=eur(40),
            refunded=40,
            bought=100,
            bought_at=to_micros(day(2)),
            reason="late",
            at=to_micros(day(3)),
        )
    )
    [*_, rest] = half.when(refund("r2", 60)).then(PurchaseRefunded).past
    assert isinstance(rest, PurchaseRefunded)
    assert rest.refunded == 100


def test_refunds_never_exceed_their_purchase() -> None:
    BUYER.when(refund("r1", 101)).then_refused("refund_exceeds_purchase", field="amount")
    BUYER.given(refund("r1", 60)).when(refund("r2", 41)).then_refused("refund_exceeds_purchase")
    BUYER.given(purchase("p2", 500), refund("r1", 100)).when(refund("r2", 1)).then_refused("refund_exceeds_purchase")
    KNOWN.given(purchase(amount=0)).when(refund("r1", 1)).then_refused("refund_exceeds_purchase")


def test_a_refund_names_a_purchase() -> None:
    BUYER.when(refund("r1", 10, of="p9")).then_refused("refund_names_no_purchase", field="purchase")
    NOBODY.when(refund("r1", 10)).then_refused("refund_names_no_purchase")


def test_a_refund_is_in_the_currency_of_its_purchase() -> None:
    BUYER.when(refund("r1", 10, amount=Money(10, "USD"))).then_refused("refund_currency_differs", field="amount")


def test_the_same_refund_again_is_a_retry_and_another_under_its_id_is_refused() -> None:
    half = BUYER.given(refund("r1", 60))
    half.when(refund("r1", 60)).then_nothing()
    half.when(refund("r1", 10)).then_refused("refund_id_reused", field="refund")
    half.given(purchase("p2")).when(refund("r1", 60, of="p2")).then_refused("refund_id_reused")


def test_a_refund_may_bear_a_time_before_its_purchase() -> None:
    BUYER.when(refund("r1", 60, at=1)).then(PurchaseRefunded)


@pytest.mark.parametrize("amount", [0, -5])
def test_a_refund_gives_back_more_than_nothing(amount: int) -> None:
    with pytest.raises(InvalidInput) as refused:
        refund("r1", amount)
    assert refused.value.code == "refund_not_positive"


# --- feedback and interactions --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("instrument", "score"), [("nps", 0), ("nps", 10), ("csat", 1), ("csat", 5)])
def test_scores_from_end_to_end_are_taken(instrument: str, score: int) -> None:
    [*_, given] = KNOWN.when(answer(instrument=instrument, score=score)).then(FeedbackGiven).past
    assert isinstance(given, FeedbackGiven)
    assert (given.instrument, given.score, given.at) == (instrument, score, to_micros(day(4)))


@pytest.mark.parametrize(("instrument", "score"), [("nps", -1), ("nps", 11), ("csat", 0), ("csat", 6)])
def test_scores_out_of_range_are_refused_at_the_door(instrument: str, score: int) -> None:
    with pytest.raises(InvalidInput) as refused:
        answer(instrument=instrument, score=score)
    assert refused.value.code == "score_out_of_range"


@pytest.mark.parametrize("score", [7.5, "7", True, None, float("nan")])
def test_scores_are_whole_numbers(score: Any) -> None:
    with pytest.raises(InvalidInput):
        answer(score=score)


def test_one_invitation_counts_once() -> None:
    answered = KNOWN.given(answer(invitation="s1"))
    answered.when(answer("f2", at=5, invitation="s1")).then_nothing()
    answered.when(answer("f2", 3, invitation="s1")).then_refused("invitation_already_answered", field="invitation")
    answered.when(answer("f2", 3, invitation="s1", instrument="csat")).then(FeedbackGiven)
    answered.when(answer("f2", 3, invitation="s2")).then(FeedbackGiven)
    answered.when(answer("f2", 3)).then(FeedbackGiven)


def test_the_same_answer_again_is_a_retry_whatever_its_words() -> None:
    answered = KNOWN.given(answer(comment="Lovely"))
    answered.when(answer(comment="Lovely")).then_nothing()
    answered.when(answer(score=8)).then_refused("feedback_id_reused", field="feedback")
    assert "Lovely" not in repr(answered.state)


def test_the_same_interaction_again_is_a_retry_and_another_under_its_id_is_refused() -> None:
    called = KNOWN.given(call())
    called.when(call()).then_nothing()
    called.when(call(outcome="no answer")).then_refused("interaction_id_reused", field="interaction")


# --- erasure --------------------------------------------------------------------------------------------------------


def test_a_customer_is_erased_once_and_again_only_later() -> None:
    GONE.when(EraseCustomer(customer="c1", occurred_at=day(9))).then_nothing()
    GONE.when(EraseCustomer(customer="c1", occurred_at=day(8))).then_nothing()
    GONE.when(EraseCustomer(customer="c1", occurred_at=day(10))).then(CustomerErased)


def test_one_known_only_by_complaints_can_be_erased() -> None:
    NOBODY.when(EraseCustomer(customer="c1", occurred_at=day(9))).then(CustomerErased)


@pytest.mark.parametrize(
    "command",
    [
        register(10, name="Ana"),
        register(10),
        correct(10, name="Ana"),
        correct(10, language="pt"),
        consent(10),
        answer("f9", at=10, comment="I am still here"),
    ],
    ids=lambda command: type(command).__name__,
)
def test_nothing_of_the_person_is_taken_after_an_erasure(command: CustomerCommand) -> None:
    GONE.when(command).then_refused("customer_erased")


@pytest.mark.parametrize(
    ("command", "happened"),
    [
        (purchase("p2", at=10), PurchaseRecorded),
        (refund("r1", 10, at=10), PurchaseRefunded),
        (answer(at=10), FeedbackGiven),
        (call(10), InteractionRecorded),
        (withdraw(10), ConsentWithdrawn),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, CustomerCommand) else "",
)
def test_totals_stay_right_after_an_erasure(command: CustomerCommand, happened: Any) -> None:
    GONE.when(command).then(happened)


def test_a_comment_sent_again_after_the_erasure_is_still_a_retry() -> None:
    KNOWN.given(answer(comment="Lovely"), EraseCustomer(customer="c1", occurred_at=day(9))).when(
        answer(comment="Lovely")
    ).then_nothing()


# --- at the door ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "good"),
    [
        ("email", "ana.lopes+stay@mail.example.org"),
        ("email", "  ana@example.org "),
        ("phone", "+43 1 555-01 99"),
        ("phone", "(0316) 55 01 99"),
        ("birthday", "1980-02-29"),
        ("birthday", "--02-29"),
        ("language", "zh-Hant-TW"),
    ],
)
def test_contact_details_of_every_form_are_taken(field: str, good: str) -> None:
    command = RegisterCustomer.model_validate({"customer": "c1", "occurred_at": day(1), field: good})
    assert getattr(command, field) == good.strip()


@pytest.mark.parametrize(
    ("field", "bad"),
    [
        ("email", "ana"),
        ("email", "ana@example"),
        ("email", "ana@@example.org"),
        ("email", "ana lopes@example.org"),
        ("email", "ana@example..org"),
        ("phone", "12 34"),
        ("phone", "+1234567890123456"),
        ("phone", "call Ana 12345"),
        ("phone", "555+01999"),
        ("birthday", "29.02.1980"),
        ("birthday", "1981-02-29"),
        ("birthday", "19800229"),
        ("birthday", "--13-01"),
        ("birthday", "2150-01-01"),
        ("language", "Portuguese (Brazil)"),
        ("language", "p"),
        ("language", "xx-yy-zz"),
        ("language", "de_AT"),
    ],
)
def test_contact_details_in_the_wrong_column_are_refused(field: str, bad: str) -> None:
    for kind in (RegisterCustomer, CorrectProfile):
        with pytest.raises(InvalidInput) as refused:
            kind(**{"customer": "c1", "occurred_at": day(1), field: bad})
        assert refused.value.code == f"invalid_{field}"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("DE", "de"),
        ("de-at", "de-AT"),
        ("ZH-hant-tw", "zh-Hant-TW"),
        ("sl-IT-NEDIS", "sl-IT-nedis"),
        ("en-u-CA-gregory", "en-u-ca-gregory"),
        ("x-Twain", "x-twain"),
    ],
)
def test_a_language_has_one_spelling(sent: str, kept: str) -> None:
    assert register(language=sent).language == kept
    assert register(language=kept).language == kept


# --- the aggregate --------------------------------------------------------------------------------------------------


def test_a_command_is_about_its_own_customer() -> None:
    assert AGGREGATE.customer(AGGREGATE.decider.initial, purchase()) == "c1"


def test_a_snapshot_decides_as_the_state_does() -> None:
    whole = GONE.given(refund("r1", 10), answer(invitation="s1"), withdraw(5))
    state = decode_state(encode_state(whole.state), AGGREGATE.state)
    assert state == whole.state
    assert AGGREGATE.decider.decide(state, refund("r2", 90), whole.policy)


def test_every_code_of_refusal_is_explained() -> None:
    assert len(REFUSALS) > 10
    assert all(code.isidentifier() and sentence for code, sentence in REFUSALS.items())
