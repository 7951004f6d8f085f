"""Fields that older versions recorded in clear, and that are sealed now."""

from __future__ import annotations

from copy import copy
from typing import Any

import pytest

from relations import CommandRefused, FileComplaint, Relations
from relations.aggregates.complaint import ComplaintCommand
from relations.aggregates.customer import IdentityLinked
from relations.commands import (
    AskInformation,
    DeclineRemedy,
    EscalateComplaint,
    FollowUpComplaint,
    InvestigateComplaint,
    LinkIdentity,
    NameRootCause,
    NoteTrait,
    ProposeRemedy,
    ReceiveInformation,
    ReceiveMessage,
    RecogniseComplaint,
    RecordInteraction,
    RefuseRemedy,
    RegisterCustomer,
    ReopenComplaint,
    ResolveComplaint,
    SendHoldingReply,
    SendMessage,
    TransferComplaint,
    WithdrawComplaint,
)
from relations.errors import IdempotencyConflict, InvalidInput
from relations.log.personal import ERASED
from relations.messages import Command, Money
from relations.policies import Policy
from relations.policies.complaints.authority import Desk, Limit
from tests.support.making import assert_sound, complaint, database_bytes, day, erase, register

ACCOUNT = "guest77@booking.example"
REMEDY = "my money back, to Ada Lovelace"


def link(customer: str = "c1", number: float = 1, **fields: object) -> LinkIdentity:
    given = {"source": "booking site", "external_id": ACCOUNT, "occurred_at": day(number), **fields}
    return LinkIdentity.model_validate({"customer": customer, **given})


def test_other_systems_ids_and_wishes_are_sealed_and_gone_after_an_erasure(database_url: str) -> None:
    with Relations.open(database_url) as engine:
        engine.execute_many([register(), link(), complaint(1, remedy_sought=REMEDY), register("c2"), link("c2")])
        view = engine.views.customers
        assert view.identity("c1").external_ids == (("booking site", ACCOUNT),)
        assert view.linked("booking site", ACCOUNT) == ["c1", "c2"]
        assert view.linked("another", ACCOUNT) == []
        (pair,) = view.duplicates()
        assert pair.customers == ("c1", "c2")
        assert f"booking site {ACCOUNT}" in [each.value for each in pair.evidence]
        assert REMEDY in str(engine.history("c1"))
        for held in (database_bytes(database_url),):
            assert ACCOUNT.encode() not in held
            assert REMEDY.encode() not in held
        engine.execute(erase("c1"))
        said = str(engine.history("c1"))
        assert ACCOUNT not in said
        assert REMEDY not in said
        assert engine.views.customers.linked("booking site", ACCOUNT) == ["c2"]
        assert_sound(engine)


def said_by_hand(number: int, said: str) -> list[Command]:
    """Everything that people write by hand about a complaint, in an order in which it can be recorded."""
    common: dict[str, Any] = {"complaint": f"k-c1-{number}"}
    kinds: list[tuple[type[ComplaintCommand], dict[str, Any]]] = [
        (TransferComplaint, {"department": "billing", "reason": f"{said} moved"}),
        (SendHoldingReply, {"reason": f"{said} is ill"}),
        (EscalateComplaint, {"to": "quality", "reason": f"{said} shouts"}),
        (InvestigateComplaint, {"findings": f"{said} is right", "conclusion": "upheld"}),
        (AskInformation, {"request": "r", "about": f"where {said} sat"}),
        (ReceiveInformation, {"request": "r", "words": f"{said} sat there"}),
        (ReceiveMessage, {"message": "m1", "words": f"{said} writes"}),
        (SendMessage, {"message": "m2", "words": f"dear {said}"}),
        (ProposeRemedy, {"remedy": "a", "kind": "goodwill", "value": Money(50_000, "EUR")}),
        (RefuseRemedy, {"remedy": "a", "reason": f"{said} had one"}),
        (ProposeRemedy, {"remedy": "b", "kind": "goodwill"}),
        (DeclineRemedy, {"remedy": "b", "reason": f"{said} wants more"}),
        (RecogniseComplaint, {"reward": "w", "reason": f"{said} was right"}),
        (ResolveComplaint, {}),
        (FollowUpComplaint, {"score": 1, "words": f"{said} is cross"}),
        (ReopenComplaint, {"reason": f"{said} called again"}),
        (WithdrawComplaint, {"reason": f"{said} gave up"}),
    ]
    filed = complaint(number, text=f"{said} waits", on_behalf_of=said, remedy_sought=f"money for {said}")
    later = [
        kind(**common, **fields, occurred_at=day(number + step / 50)) for step, (kind, fields) in enumerate(kinds, 1)
    ]
    return [filed, *later]


def test_what_people_write_by_hand_about_a_complaint_is_sealed_and_gone_after_an_erasure(database_url: str) -> None:
    """Given free text in every field that takes it, no byte of it is in the clear, nor readable after an erasure."""
    with Relations.open(database_url) as engine:
        engine.adopt(
            Policy(desk=Desk(limits=(Limit(role="manager", money=(Money(10_000, "EUR"),)),))), from_beginning=True
        )
        wanted = [register(), *said_by_hand(1, "Ottilie")]
        report = engine.execute_many([*wanted, complaint(2), *said_by_hand(3, "Ottilie")])
        assert report.rejections == []
        assert str(engine.history("c1")).count("Ottilie") >= 30
        assert b"Ottilie" not in database_bytes(database_url)
        assert engine.execute_many(wanted).events == 0
        engine.execute(erase("c1"))
        said = str(engine.history("c1"))
        assert "Ottilie" not in said
        assert said.count(ERASED) >= 30
        assert_sound(engine)
        engine.execute_many(
            [TransferComplaint(complaint="k-c1-2", department="billing", reason="x", occurred_at=day(301))]
        )
    assert b"Ottilie" not in database_bytes(database_url)


def test_the_same_link_again_changes_nothing(database_url: str) -> None:
    with Relations.open(database_url) as engine:
        first = engine.execute(link(command_id="l1"))
        assert len(first.events) == 2
        assert engine.execute(link(number=2)).events == ()
        assert engine.execute(link(command_id="l1")).repeated
        assert len(engine.execute(link(number=3, external_id="other")).events) == 1
        assert len(engine.execute(link(number=3, source="other")).events) == 1
        with pytest.raises(IdempotencyConflict):
            engine.execute(link(command_id="l1", external_id="another"))


def test_links_recorded_in_clear_are_found_with_those_recorded_since(sqlite_url: str) -> None:
    """A log of an older version: its events, and the hashes of its commands, are as they were."""
    with Relations.open(sqlite_url) as engine:
        engine.execute_many([register("c1"), register("c2")])
        codec, executor = engine.codec, engine._executor._decider
        in_clear = executor._topics[IdentityLinked] = copy(executor._topics[IdentityLinked])
        vars(in_clear).update(personal=(), once_clear=())
        forms, rules = executor._repeats._forms, executor._of
        forms[LinkIdentity] = forms[LinkIdentity]._replace(words=())
        rules[LinkIdentity] = rules[LinkIdentity]._replace(keyed=None)
        engine.execute(link("c1", command_id="old"))
        assert codec.topics[IdentityLinked.topic].once_clear == ("external_id",)
    with Relations.open(sqlite_url) as engine:
        assert ACCOUNT.encode() in database_bytes(sqlite_url)  # the log is append-only: it cannot be sealed later
        assert engine.execute(link("c1", command_id="old")).repeated
        assert engine.execute(link("c1", 2)).events == ()
        engine.execute(link("c2", 3))
        view = engine.views.customers
        assert view.identity("c1").external_ids == view.identity("c2").external_ids == (("booking site", ACCOUNT),)
        assert view.linked("booking site", ACCOUNT) == ["c1", "c2"]
        assert [pair.customers for pair in view.duplicates()] == [("c1", "c2")]
        assert ACCOUNT in str(engine.history("c1"))
        assert_sound(engine)


def test_work_on_an_erased_customers_complaint_goes_on_without_the_words(database_url: str) -> None:
    with Relations.open(database_url) as engine:
        engine.execute_many([register(), complaint(1)])
        engine.execute(erase("c1", occurred_at=day(2)))
        asked = AskInformation(
            complaint="k-c1-1", request="r1", about="where Ada sat", occurred_at=day(3), command_id="a"
        )
        assert engine.execute(asked).events
        assert engine.execute(asked).repeated
        said = str(engine.history("c1"))
        assert "where Ada sat" not in said
        assert ERASED in said
        with pytest.raises(CommandRefused, match="was erased"):
            engine.execute(
                ReceiveInformation(complaint="k-c1-1", request="r1", words="By the window", occurred_at=day(4))
            )


@pytest.mark.parametrize("words", ["+43 1 555 0199", "ada@example.org", "card 4111111111111111", "id 1234-5678"])
def test_a_term_holds_no_address_and_no_number(words: str) -> None:
    common: dict[str, Any] = {"customer": "c1", "occurred_at": day(1)}
    with pytest.raises(InvalidInput, match="stored unencrypted for ever"):
        FileComplaint(**common, complaint="k1", subject=words, channel="web")
    with pytest.raises(InvalidInput, match="stored unencrypted for ever"):
        NoteTrait(**common, trait="habit", about=words)


@pytest.mark.parametrize(
    "words", ["Anna was rude. She left", "why so late?", "never again!", 'the "suite"', "bad; cold", "冷。吵"]
)
def test_a_term_is_no_sentence(words: str) -> None:
    common: dict[str, Any] = {"customer": "c1", "occurred_at": day(1)}
    with pytest.raises(InvalidInput, match="not a sentence"):
        FileComplaint(**common, complaint="k1", subject=words, channel="web")
    with pytest.raises(InvalidInput, match="not a sentence"):
        NoteTrait(**common, trait="habit", about=words)
    with pytest.raises(InvalidInput, match="not a sentence"):
        RecordInteraction(**common, interaction="i1", kind="call", channel="phone", topics=(words,))
    with pytest.raises(InvalidInput, match="not a sentence"):
        NameRootCause(complaint="k1", cause=words, occurred_at=day(1))


@pytest.mark.parametrize("words", ["noise", "Late delivery 2024", "噪音", "room 412", "14 CFR 259.7(c)"])
def test_a_term_is_a_word_of_the_business(words: str) -> None:
    common = {"customer": "c1", "occurred_at": day(1)}
    assert (
        FileComplaint.model_validate({**common, "complaint": "k1", "subject": words, "channel": "web"}).subject == words
    )


def test_what_has_no_words_needs_no_digest(database_url: str) -> None:
    """Only what has digests makes their key."""
    with Relations.open(database_url) as engine:
        engine.execute_many([RegisterCustomer(customer="c1", language="de", occurred_at=day(1))])
        assert b"#digests" not in database_bytes(database_url)
        assert engine.views.customers.linked("crm", "1") == []
