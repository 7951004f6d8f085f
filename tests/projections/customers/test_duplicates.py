"""Customers who are likely to be one: proposed with what speaks for it, until somebody has decided."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st
from sqlalchemy import select

from relations import EraseCustomer, Policy, RegisterCustomer, Relations
from relations.aggregates.customer import CustomerErased
from relations.commands import CorrectProfile, LinkIdentity, MergeCustomer, UnmergeCustomer
from relations.log.database import tables_of
from relations.log.people.likeness import PARTS, likeness, part_of, store_likeness
from relations.messages import Command
from relations.projections import VIEWS
from relations.projections.customers.matching import same_email, same_name, same_phone
from relations.projections.customers.view import _awaits
from relations.projections.views import Views
from tests.support.effort import part

START = datetime(2024, 1, 1, tzinfo=UTC)


def day(number: float) -> datetime:
    return START + timedelta(days=number)


def of(customer: str, kind: type[Command], number: float = 1, **fields: Any) -> Command:
    return kind.model_validate({"customer": customer, "occurred_at": day(number), **fields})


def known(customer: str, **fields: Any) -> Command:
    return of(customer, RegisterCustomer, **fields)


def opened(commands: Sequence[Command], url: str = "sqlite://", policy: Policy | None = None) -> Relations:
    relations = Relations.open(url, clock=lambda: day(400), durability="off")
    if policy is not None:
        relations.adopt(policy, from_beginning=True)
    assert not [each.error.code for each in relations.execute_many(commands).rejections]
    return relations


def proposed(relations: Relations, **asked: Any) -> list[tuple[tuple[str, str], list[str]]]:
    found = relations.views.customers.duplicates(**asked)
    return [(each.customers, [said.kind for said in each.evidence]) for each in found]


PEOPLE = [
    known("c1", name="Anna Müller", email="Anna@Example.org", phone="+43 1 5550199", birthday="1980-02-29"),
    known("c2", name="MULLER, Anna", email="anna@example.org", phone="01/555 01 99", region="AT",
          birthday="1980-02-29"),
    known("c3", name="Anna Müller", birthday="1981-02-28"),
    known("c4", name="anna muller", birthday="1981-02-28", phone="01 5550177"),
    known("c5", name="Bea", phone="+4315550177"),
    of("c6", LinkIdentity, source="crm", external_id="9"),
    of("c7", LinkIdentity, source="crm", external_id="9"),
    of("c8", LinkIdentity, source="till", external_id="9"),
]  # fmt: skip


def test_likely_duplicates_are_proposed_with_what_speaks_for_each(database_url: str) -> None:
    with opened(PEOPLE, database_url, Policy(country="AT")) as relations:
        assert proposed(relations) == [
            (("c1", "c2"), ["email", "phone", "name_and_birthday"]),
            (("c3", "c4"), ["name_and_birthday"]),
            (("c6", "c7"), ["external_id"]),
            (("c4", "c5"), ["phone"]),  # another first name speaks against it
        ]
        (first, *_) = relations.views.customers.duplicates(limit=1)
        assert [said.value for said in first.evidence] == [
            "anna@example.org", "+4315550199", "anna muller, 1980-02-29",
        ]  # fmt: skip
        assert proposed(relations, after=("c6", "c7"), limit=1) == [(("c4", "c5"), ["phone"])]
        stored = relations.runner.stored("customers").decode().casefold()
        # Whole words: four letters come about by chance in what is encrypted.
        assert not re.findall(r"\banna\b|example\.org|5550199|\b1980\b", stored)


def test_a_number_without_its_country_is_compared_with_none() -> None:
    with opened(PEOPLE) as relations:
        assert (("c4", "c5"), ["phone"]) not in proposed(relations)


def test_whoever_is_merged_was_unmerged_or_is_erased_is_not_proposed() -> None:
    with opened(PEOPLE, policy=Policy(country="AT")) as relations:
        relations.execute(of("c2", MergeCustomer, into="c1"))
        assert ("c1", "c2") not in dict(proposed(relations))
        relations.execute(of("c2", UnmergeCustomer))
        assert ("c1", "c2") not in dict(proposed(relations))
        # Neither is anybody else in whom one of the two goes on.
        relations.execute(known("c0", name="Anna Müller", birthday="1980-02-29"))
        assert {("c0", "c1"), ("c0", "c2")} <= dict(proposed(relations)).keys()
        relations.execute(of("c1", MergeCustomer, into="c0"))
        assert ("c0", "c2") not in dict(proposed(relations))
        relations.execute(of("c5", EraseCustomer))
        assert ("c4", "c5") not in dict(proposed(relations))
        relations.execute(of("c7", EraseCustomer))
        assert dict(proposed(relations)).keys() == {("c3", "c4")}


def test_merged_customers_are_compared_by_what_any_of_their_ids_says() -> None:
    people = [
        known("c1", email="ada@example.org"),
        known("c2", email="lovelace@example.org"),
        known("c3", email="LOVELACE@example.org"),
        of("c2", MergeCustomer, into="c1"),
    ]
    with opened(people) as relations:
        assert proposed(relations) == [(("c1", "c3"), ["email"])]


def test_what_is_not_so_any_more_speaks_for_nothing() -> None:
    people = [known("c1", email="ada@example.org"), known("c2", email="ada@example.org")]
    with opened([*people, of("c2", CorrectProfile, 9, email="bea@example.org")]) as relations:
        assert proposed(relations) == []


def test_what_many_share_speaks_for_nothing() -> None:
    agency = [known(f"c{number}", phone="+4315550100", email=f"guest{number}@example.org") for number in range(9)]
    with opened(agency) as relations:
        assert proposed(relations) == []
        assert len(proposed(relations, shared_by_at_most=9)) == 36


# --- stored digests -------------------------------------------------------------------------------------------------


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids whose words are opened to compute their digests."""
    found: list[str] = []

    def noting(row: Any, *args: Any) -> bool:
        found.append(row.customer)
        return _awaits(row, *args)

    monkeypatch.setattr("relations.projections.customers.view._awaits", noting)
    return found


def parts_of(relations: Relations) -> dict[int, bytes]:
    with relations.log.database.reading() as connection:
        if not tables_of(connection, [likeness.name]):
            return {}
        return {row.part: row.content for row in connection.execute(select(likeness))}


def asked_anew(relations: Relations) -> list[Any]:
    return Views(relations.view_context, VIEWS).customers.duplicates()


def test_a_first_question_reads_stored_digests_and_opens_only_the_words_of_those_who_changed(
    database_url: str, read: list[str]
) -> None:
    with opened(PEOPLE, database_url) as relations:
        found = asked_anew(relations)
        assert len(found) > 2
        assert {"c1", "c2", "c3", "c4", "c5"} <= set(read)
        relations.views.customers.store_columns(0)
        assert len(parts_of(relations)) == PARTS
        read.clear()
        assert asked_anew(relations) == found
        assert read == []
        relations.execute_many(
            [of("c5", CorrectProfile, 2, phone="+43 1 5550199"), known("c9", email="anna@example.org")]
        )
        later = asked_anew(relations)
        assert {("c1", "c5"), ("c1", "c9")} <= {each.customers for each in later}
        assert sorted(read) == ["c5", "c9"]
        relations.adopt(Policy(country="AT"), from_beginning=True)
        read.clear()
        asked_anew(relations)
        assert "c1" in read  # numbers are dialled in another country, so nothing stored is taken


def test_an_erasure_deletes_the_stored_digests_in_its_own_transaction(database_url: str, read: list[str]) -> None:
    with opened(PEOPLE, database_url) as relations:
        relations.catch_up()
        relations.views.customers.store_columns(0)
        before = parts_of(relations)
        assert b"c1" in before[part_of("c1")]
        relations.execute(of("c1", EraseCustomer, 3))
        assert parts_of(relations) == {part: content for part, content in before.items() if part != part_of("c1")}
        read.clear()
        found = asked_anew(relations)
        assert read
        assert all("c1" not in each.customers for each in found)
        assert {part_of(name) for name in read} == {part_of("c1")}
        relations.views.customers.store_columns(0)
        assert len(parts_of(relations)) == PARTS
        assert asked_anew(relations) == found


def test_a_damaged_part_of_the_digests_is_computed_again(database_url: str, read: list[str]) -> None:
    with opened(PEOPLE, database_url) as relations:
        found = asked_anew(relations)
        relations.views.customers.store_columns(0)
        with relations.log.database.writing() as connection:
            damaged = likeness.update().where(likeness.c.part == part_of("c1")).values(content=b"damaged")
            assert connection.execute(damaged).rowcount == 1
        read.clear()
        assert asked_anew(relations) == found
        assert {part_of(name) for name in read} == {part_of("c1")}


def test_digests_from_before_an_erasure_are_not_stored_after_it() -> None:
    with opened(PEOPLE) as relations:
        position = relations.status().position
        relations.execute(of("c1", EraseCustomer, 3))
        store_likeness(relations.log.database, "any", position, {0: b""}, erasing=CustomerErased.topic)
        assert parts_of(relations) == {}
        store_likeness(relations.log.database, "any", position + 1, {0: b""}, erasing=CustomerErased.topic)
        assert parts_of(relations) == {0: b""}


def test_a_small_log_stores_no_digests() -> None:
    with opened(PEOPLE) as relations:
        relations.catch_up()
        assert parts_of(relations) == {}


# --- every pair -----------------------------------------------------------------------------------------------------

_people = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["Ada L", "L, Adà", "Bea", "bea"]),
        "email": st.sampled_from(["a@example.org", "A@example.org", "b@example.org"]),
        "phone": st.sampled_from(["+43 1 5550199", "+4315550199", "01 5550177", "+999 5550101"]),
        "birthday": st.sampled_from(["1980-02-29", "--12-24"]),
    },
)


@part(40)
@given(st.lists(_people, max_size=8), st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=3))
def test_every_pair_is_found_and_no_other(people: list[dict[str, str]], merges: list[tuple[int, int]]) -> None:
    with opened([known(f"c{number}", **person) for number, person in enumerate(people)]) as relations:
        relations.execute_many([of(f"c{one}", MergeCustomer, into=f"c{other}") for one, other in merges])
        aliases = relations.views.customers.aliases

        def alike(one: dict[str, str], other: dict[str, str]) -> bool:
            phones = [same_phone(person["phone"]) if "phone" in person else None for person in (one, other)]
            emails = [same_email(person["email"]) if "email" in person else None for person in (one, other)]
            names = [
                (same_name(person["name"]), person["birthday"]) if {"name", "birthday"} <= person.keys() else None
                for person in (one, other)
            ]
            return any(two[0] is not None and two[0] == two[1] for two in (phones, emails, names))

        expected = {
            tuple(sorted((aliases.survivor(f"c{one}"), aliases.survivor(f"c{other}"))))
            for one, other in combinations(range(len(people)), 2)
            if alike(people[one], people[other]) and aliases.survivor(f"c{one}") != aliases.survivor(f"c{other}")
        }
        found = proposed(relations, shared_by_at_most=8)
        assert {pair for pair, _ in found} == expected
        assert len(found) == len(expected)
        relations.views.customers.store_columns(0)
        again = Views(relations.view_context, VIEWS).customers.duplicates(shared_by_at_most=8)
        assert again == relations.views.customers.duplicates(shared_by_at_most=8)
        event(f"{min(len(expected), 3)} pairs")


def test_contrary_evidence_lowers_the_rank_and_is_shown() -> None:
    people = [
        # One person with and without a middle name.
        known("a1", name="Anna Maria Huber", email="anna@example.org", birthday="1980-02-29"),
        known("a2", name="Huber, Anna", email="anna@example.org", birthday="--02-29"),
        # A couple that shares a mailbox.
        known("b1", name="Bea Mayer", email="mayer@example.org"),
        known("b2", name="Karl Mayer", email="mayer@example.org"),
        # One address with two birthdays.
        known("d1", name="Dora Egger", email="dora@example.org", birthday="1950-01-01"),
        known("d2", name="Dora Egger", email="dora@example.org", birthday="1985-06-01"),
        # Twins with one phone number.
        known("e1", name="Emil Fuchs", phone="+43 1 5550199", birthday="2001-04-05"),
        known("e2", name="Paul Fuchs", phone="+43 1 5550199", birthday="2001-04-05"),
    ]
    with opened(people) as engine:
        found = engine.views.customers.duplicates()
        ranked = [
            (pair.customers[0][0], pair.rank, [(sign.kind, sign.values) for sign in pair.against]) for pair in found
        ]
        assert ranked == [
            ("a", 1, []),
            ("b", 0, [("first_name", ("Bea Mayer", "Karl Mayer"))]),
            ("d", 0, [("birthday", ("1950-01-01", "1985-06-01"))]),
            ("e", 0, [("first_name", ("Emil Fuchs", "Paul Fuchs"))]),
        ]
