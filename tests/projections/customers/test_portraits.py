"""Portraits: sealed in the tables, readable through the engine, as of any time, gone once erased."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import event, given
from hypothesis import strategies as st

from relations import EraseCustomer, FileComplaint, GiveConsent, Policy, RegisterCustomer, Relations
from relations.commands import (
    CorrectProfile,
    DropTrait,
    LinkIdentity,
    MergeCustomer,
    NoteCulture,
    NoteTrait,
    UnmergeCustomer,
)
from relations.messages import Command
from relations.projections.customers.portraits import PortraitRow
from relations.projections.customers.view import PROJECTION
from relations.testing.laws import check_laws
from tests.support.effort import part
from tests.support.making import assert_sound

START = datetime(2024, 1, 1, tzinfo=UTC)
WORDS = ("Ada", "ada@example.org", "555 01 99", "1980-02-29", "goose down", "bows, no handshake", "alcohol")


def day(number: float) -> datetime:
    return START + timedelta(days=number)


def of(customer: str, kind: type[Command], number: float, **fields: Any) -> Command:
    return kind.model_validate({"customer": customer, "occurred_at": day(number), **fields})


def ada(customer: str = "c1") -> list[Command]:
    return [
        of(customer, RegisterCustomer, 1, name="Ada", email="ada@example.org", language="de-at", region="AT",
           channel="web", source="booking"),
        of(customer, CorrectProfile, 20, phone="01 555 01 99", birthday="1980-02-29"),
        of(customer, NoteTrait, 2, trait="preference", about="pillow", words="goose down"),
        of(customer, NoteTrait, 3, trait="need", about="quiet", need="emotional"),
        of(customer, NoteTrait, 4, trait="habit", about="late arrival"),
        of(customer, DropTrait, 30, trait="habit", about="late arrival"),
        of(customer, NoteCulture, 5, languages=("de", "ja"), customs="bows, no handshake", taboos="alcohol"),
        of(customer, NoteCulture, 25, pace="slow", preferred_channel="message"),
        of(customer, GiveConsent, 6, purpose="offers", channel="email"),
        of(customer, LinkIdentity, 7, source="crm", external_id="77"),
    ]  # fmt: skip


def opened(url: str = "sqlite://", commands: Sequence[Command] = ()) -> Relations:
    relations = Relations.open(url, clock=lambda: day(400), durability="off")
    assert not [each.error.code for each in relations.execute_many(commands).rejections]
    return relations


def test_a_portrait_is_all_that_is_known_of_a_person(either_url: str) -> None:
    with opened(either_url, ada()) as relations:
        found = relations.views.customers.portrait("c1")
        assert (found.name, found.email, found.birthday) == ("Ada", "ada@example.org", "1980-02-29")
        assert (found.phone, found.phone_number) == ("01 555 01 99", "+4315550199")
        assert (found.language, found.region, found.channel, found.source) == ("de-AT", "AT", "web", "booking")
        assert (found.known_since, found.erased_at) == (day(1), None)
        said = [(trait.trait, trait.about, trait.words, trait.need, trait.since) for trait in found.traits]
        assert said == [
            ("need", "quiet", None, "emotional", day(3)),
            ("preference", "pillow", "goose down", None, day(2)),
        ]
        assert found.culture is not None
        assert found.culture.model_dump() == {
            "languages": ("de", "ja"),
            "preferred_channel": "message",
            "pace": "slow",
            "customs": "bows, no handshake",
            "taboos": "alcohol",
        }
        assert [(standing.purpose, standing.allowed) for standing in found.consents] == [("offers", True)]
        assert found.external_ids == (("crm", "77"),)
        assert_sound(relations)


def test_a_portrait_as_of_a_day_says_what_held_then() -> None:
    with opened(commands=ada()) as relations:
        found = relations.views.customers.portrait("c1", as_of=day(10))
        assert (found.name, found.phone, found.birthday) == ("Ada", None, None)
        assert [trait.about for trait in found.traits] == ["late arrival", "quiet", "pillow"]
        assert found.culture is not None
        assert (found.culture.pace, found.culture.customs) == (None, "bows, no handshake")
        nobody = relations.views.customers.portrait("c1", as_of=day(0))
        assert (nobody.name, nobody.traits, nobody.culture) == (None, (), None)


def test_a_number_without_a_country_is_one_of_the_policy_s_country() -> None:
    with opened() as relations:
        relations.execute(of("c1", RegisterCustomer, 1, phone="01 555 01 99", region="Wien"))
        assert relations.views.customers.portrait("c1").phone_number is None
        relations.adopt(Policy(country="AT"), from_beginning=True)
        assert relations.views.customers.portrait("c1").phone_number is None  # Wien is no country
        relations.execute(of("c2", RegisterCustomer, 1, phone="01 555 01 99"))
        assert relations.views.customers.portrait("c2").phone_number == "+4315550199"


def test_the_tables_hold_no_personal_word_and_after_erasing_not_even_a_sealed_one(either_url: str) -> None:
    with opened(either_url, ada()) as relations:
        relations.views.customers.portrait("c1")
        before = relations.runner.stored("customers").decode()
        assert before.count("sealed:") == 8
        assert not [word for word in WORDS if word in before]
        relations.execute(of("c1", EraseCustomer, 50))
        found = relations.views.customers.portrait("c1")
        assert found.erased_at == day(50)
        assert (found.name, found.phone, found.language, found.traits, found.culture) == (None, None, None, (), None)
        assert "sealed:" not in relations.runner.stored("customers").decode()
        # What is said of traits after that says nothing of the person any more.
        relations.execute(of("c1", DropTrait, 60, trait="preference", about="pillow"))
        assert relations.views.customers.portrait("c1").traits == ()
        assert_sound(relations)


def test_a_merged_customer_is_one_person_with_the_newest_of_everything() -> None:
    commands = [
        *ada(),
        of("c2", RegisterCustomer, 40, name="Ada Lovelace", email="lovelace@example.org"),
        of("c2", NoteTrait, 41, trait="preference", about="pillow", words="none at all"),
        of("c2", MergeCustomer, 50, into="c1"),
    ]
    with opened(commands=commands) as relations:
        portrait = relations.views.customers.portrait
        found = portrait("c2")
        assert found == portrait("c1")
        assert (found.customer, found.ids) == ("c1", ("c1", "c2"))
        assert (found.name, found.birthday, found.known_since) == ("Ada Lovelace", "1980-02-29", day(1))
        assert [trait.words for trait in found.traits if trait.about == "pillow"] == ["none at all"]
        relations.execute(of("c2", EraseCustomer, 60))
        assert portrait("c1").name is None
        relations.execute(of("c2", UnmergeCustomer, 70))
        assert portrait("c2").birthday is None


def test_a_customer_without_a_profile_has_an_empty_portrait() -> None:
    with opened() as relations:
        relations.execute(
            FileComplaint(customer="c1", complaint="k1", subject="noise", channel="email", occurred_at=day(1))
        )
        found = relations.views.customers.portrait("c1")
        assert (found.customer, found.known_since, found.name) == ("c1", None, None)


@part(40)
@given(st.permutations(ada()[1:]))
def test_what_counts_is_business_time_whatever_the_order_of_recording(order: list[Command]) -> None:
    # Dropping what is not noted yet says nothing: that alone has to come after.
    drop = next(command for command in order if isinstance(command, DropTrait))
    late = [command for command in order if command is not drop]
    with opened(commands=ada()) as one, opened(commands=[ada()[0], *late, drop]) as other:
        for moment in (day(2), day(10), day(22), day(31), day(400)):
            assert other.views.customers.portrait("c1", as_of=moment) == one.views.customers.portrait(
                "c1", as_of=moment
            )
    event("recorded late" if late != ada()[1:] else "in order")


def test_portraits_keep_the_laws_of_projections() -> None:
    commands = [
        *ada(),
        *ada("c2"),
        of("c2", MergeCustomer, 50, into="c1"),
        of("c2", UnmergeCustomer, 51),
        of("c2", EraseCustomer, 52),
    ]
    report = check_laws(PROJECTION, commands, batches=(1, 3, 1_000), shards=(1, 2, 5), points=6)
    assert report.folded > 20
    assert PortraitRow in PROJECTION.tables
