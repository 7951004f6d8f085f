"""The rules of contact: consent, quiet time and taboos, and how an import records what breaks them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from relations import Relations
from relations.aggregates.customer import (
    AGGREGATE,
    CustomerCommand,
    EraseCustomer,
    GiveConsent,
    InteractionRecorded,
    MergeCustomer,
    NoteTrait,
    RecordInteraction,
    Regarding,
    RegisterCustomer,
    WithdrawConsent,
)
from relations.errors import CommandRefused, IdempotencyConflict, InvalidInput
from relations.policies import Care, Policy
from relations.testing.scenario import Scenario


def day(number: int, hour: int = 12) -> datetime:
    return datetime(2024, 5, number, hour, tzinfo=UTC)


def contact(at: int = 10, **fields: Any) -> RecordInteraction:
    values: dict[str, Any] = {
        "interaction": f"i{at}", "channel": "phone", "kind": "short_call", "direction": "outbound",
        "occurred_at": day(at), "customer": "c1", **fields,
    }  # fmt: skip
    return RecordInteraction(**values)


def said(kind: type[GiveConsent] | type[WithdrawConsent], at: int, purpose: str = "care") -> CustomerCommand:
    return kind(customer="c1", purpose=purpose, channel="phone", occurred_at=day(at))


def taboo(about: str = "Clocks", at: int = 2) -> NoteTrait:
    return NoteTrait(customer="c1", trait="taboo", about=about, words="not as a present", occurred_at=day(at))


def with_rules(**rules: Any) -> Scenario[Any]:
    known = RegisterCustomer(customer="c1", occurred_at=day(1))
    return Scenario(AGGREGATE, policy=Policy(care=Care(**rules))).given(known)


KNOWN = with_rules()
ABOUT_A_COMPLAINT: dict[str, Any] = {"regarding": {"kind": "complaint", "id": "k1"}}


@pytest.mark.parametrize(
    ("history", "command", "code"),
    [
        ((said(WithdrawConsent, 5),), contact(), "consent_withdrawn"),
        ((said(WithdrawConsent, 5),), contact(4), None),
        ((said(WithdrawConsent, 5), said(GiveConsent, 6)), contact(), None),
        ((said(WithdrawConsent, 5),), contact(channel="email"), None),
        ((said(WithdrawConsent, 5),), contact(direction="inbound"), None),
        ((said(WithdrawConsent, 5),), contact(purpose="service"), None),
        ((said(WithdrawConsent, 5),), contact(**ABOUT_A_COMPLAINT), None),
        ((said(WithdrawConsent, 5),), contact(channel="on_site"), None),
        ((said(WithdrawConsent, 5, "marketing"),), contact(), None),
        ((said(WithdrawConsent, 5, "marketing"),), contact(sells=True), "consent_withdrawn"),
        ((contact(9),), contact(10), None),
        ((contact(10, interaction="other"),), contact(10), "contact_too_soon"),
        ((contact(10, interaction="other", direction="inbound"),), contact(10), None),
        ((contact(10, interaction="other", **ABOUT_A_COMPLAINT),), contact(10), None),
        ((contact(10, interaction="other", channel="on_site"),), contact(10), None),
        ((taboo(),), contact(topics=("weather",)), None),
        ((taboo(),), contact(topics=("weather", " CLOCKS")), "taboo"),
        ((taboo(),), contact(1, topics=("clocks",)), None),
        ((taboo(),), contact(topics=("clocks",), in_spite_of="She asked for one"), None),
        ((EraseCustomer(customer="c1", occurred_at=day(5)),), contact(), "customer_erased"),
        ((EraseCustomer(customer="c1", occurred_at=day(5)),), contact(direction="inbound"), None),
    ],
)  # fmt: skip
def test_contact_that_breaks_a_rule_is_refused_and_an_import_records_it(
    history: tuple[CustomerCommand, ...], command: RecordInteraction, code: str | None
) -> None:
    before = KNOWN.given(*history)
    lenient = before.when(command.model_copy(update={"lenient": True})).then(InteractionRecorded)
    event = lenient.past[-1]
    assert isinstance(event, InteractionRecorded)
    if code is None:
        before.when(command).then(InteractionRecorded)
        assert event.breaches == ()
    else:
        before.when(command).then_refused(code)
        assert event.breaches == (code,)
    lenient.when(command).then_nothing()


def test_the_policy_says_how_long_contact_rests_and_whether_consent_has_to_be_given() -> None:
    strict = with_rules(quiet_days=14, opt_in=True)
    strict.when(contact()).then_refused("consent_missing")
    allowed = strict.given(said(GiveConsent, 2), contact(3))
    allowed.when(contact(16)).then_refused("contact_too_soon")
    allowed.when(contact(17)).then(InteractionRecorded)
    unlimited = with_rules(quiet_days=0, consent_purpose=None)
    unlimited.given(said(WithdrawConsent, 2), contact(10, interaction="other")).when(contact()).then(
        InteractionRecorded
    )


def test_everything_that_a_contact_breaks_is_noted_and_the_taboo_is_named() -> None:
    history = KNOWN.given(
        taboo("the number four"), said(WithdrawConsent, 5), contact(10, interaction="x", lenient=True)
    )
    event = history.when(contact(topics=("The Number  Four",), lenient=True)).then(InteractionRecorded).past[-1]
    assert isinstance(event, InteractionRecorded)
    assert event.breaches == ("consent_withdrawn", "contact_too_soon", "taboo")
    with pytest.raises(CommandRefused, match="the taboo 'the number four'"):
        AGGREGATE.decider.decide(
            KNOWN.given(taboo("the number four")).state, contact(topics=("the number four",)), Policy()
        )


def test_a_contact_says_what_it_was_about_in_a_text_or_an_object() -> None:
    step = Regarding("care", "611-2", "call-45")
    assert contact(regarding="care 611-2 call-45").regarding == step
    assert contact(regarding={"kind": "care", "id": "611-2", "step": "call-45"}).regarding == step
    assert contact(regarding="offer spring").model_dump()["regarding"] == {
        "kind": "offer",
        "id": "spring",
        "step": None,
    }
    for wrong in ("care 611-2", "offer spring 3", "holiday x", "offer", {"kind": "offer", "id": "a b"}):
        with pytest.raises(InvalidInput) as error:
            contact(regarding=wrong)
        assert "regarding" in (error.value.field or "")


def test_a_merged_customer_keeps_consents_quiet_time_and_taboos_of_all_their_ids(either_url: str) -> None:
    with Relations.open(either_url) as engine:
        other = {"customer": "c2"}
        engine.execute(RegisterCustomer(customer="c1", occurred_at=day(1)))
        engine.execute(taboo().model_copy(update=other))
        engine.execute(contact(9, channel="message", interaction="m1").model_copy(update=other))
        engine.execute(said(WithdrawConsent, 3).model_copy(update=other))
        engine.execute(MergeCustomer(customer="c2", into="c1", occurred_at=day(4)))
        for command, code in (
            (contact(), "consent_withdrawn"),
            (contact(9, channel="email"), "contact_too_soon"),
            (contact(channel="email", topics=("clocks",)), "taboo"),
        ):
            with pytest.raises(CommandRefused) as refusal:
                engine.execute(command)
            assert refusal.value.code == code
        assert not engine.execute(contact(9, channel="message", interaction="m1")).events
        assert engine.execute(contact(12, channel="email")).events


def test_the_words_of_a_contact_are_sealed_and_part_of_what_identifies_it(either_url: str) -> None:
    command = contact(words="Her daughter is ill", by="anna", minutes=4, command_id="crm:1")
    with Relations.open(either_url) as engine:
        engine.execute(command)
        assert engine.execute(command).repeated
        with pytest.raises(IdempotencyConflict):
            engine.execute(command.model_copy(update={"words": "Her son is ill"}))
        (recorded,) = [each for each in engine.events() if isinstance(each.event, InteractionRecorded)]
        assert isinstance(recorded.event, InteractionRecorded)
        assert (recorded.event.words, recorded.event.by, recorded.event.minutes) == ("Her daughter is ill", "anna", 4)
        engine.execute(EraseCustomer(customer="c1", occurred_at=day(20)))
        (recorded,) = [each for each in engine.events() if isinstance(each.event, InteractionRecorded)]
        assert isinstance(recorded.event, InteractionRecorded)
        assert recorded.event.words == "[erased]"
