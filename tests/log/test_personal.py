from __future__ import annotations

import re
import secrets
import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, select, text

from relations import (
    CorrectProfile,
    FollowUpComplaint,
    GiveFeedback,
    InvalidInput,
    LogError,
    RegisterCustomer,
    Relations,
)
from relations.aggregates.complaint import ComplaintFiled
from relations.aggregates.customer import CustomerRegistered
from relations.log import Codec
from relations.log.personal import ERASED, open_event, seal_event
from relations.log.tables import keys
from relations.messages import Command
from tests.support.making import (
    START,
    assert_sound,
    complaint,
    database_bytes,
    day,
    erase,
    purchase,
    register,
    sqlite_bytes,
    tamper,
)

WORDS = ("Ada Lovelace", "ada@example.org", "+43 1 5550199", "1815-12-10", "THE LIFT again", "Would be better", "so-so")


def tell_all(customer: str = "c1") -> list[Command]:
    """Every personal field there is, filled."""
    name, email, phone, birthday, what, comment, after = WORDS
    profile: dict[str, Any] = {"email": email, "phone": phone, "birthday": birthday}
    return [
        RegisterCustomer(customer=customer, name=name, occurred_at=START, command_id=f"{customer}/r", **profile),
        CorrectProfile(customer=customer, name=f"{name} Byron", occurred_at=day(1)),
        complaint(1, customer, text=what),
        GiveFeedback(customer=customer, feedback="f1", instrument="csat", score=2, comment=comment, occurred_at=day(2)),
        FollowUpComplaint(complaint=f"k-{customer}-1", words=after, score=3, occurred_at=day(5)),
        purchase(1, customer),
    ]


@pytest.fixture(params=[None, bytes(range(32))], ids=["plain keys", "wrapped keys"])
def master_key(request: pytest.FixtureRequest) -> bytes | None:
    key: bytes | None = request.param
    return key


@pytest.fixture
def relations(database_url: str, master_key: bytes | None) -> Iterator[Relations]:
    with Relations.open(database_url, master_key=master_key, snapshot_every=2) as opened:
        report = opened.execute_many([*tell_all("c1"), *tell_all("c2")])
        # What can be said afterwards depends on the rules; the words that matter are in.
        assert report.accepted >= 10
        yield opened


def stored_keys(url: str) -> dict[str, bytes]:
    engine = create_engine(url)
    with engine.connect() as connection:
        found = {row.customer: bytes(row.key) for row in connection.execute(select(keys))}
    engine.dispose()
    return found


def test_no_words_of_a_person_are_in_the_database(relations: Relations, database_url: str) -> None:
    relations.catch_up()
    relations.rebuild()
    held = database_bytes(database_url)
    for word in WORDS:
        assert word.encode() not in held, word
        assert word.encode("utf-16-le") not in held, word
    assert b"sealed:" in held
    assert set(stored_keys(database_url)) == {"c1", "c2"}
    readable = str(relations.history("c1"))
    assert all(word in readable for word in WORDS if word != "so-so")


def test_erasure_destroys_the_words_of_one_and_keeps_all_else(relations: Relations, database_url: str) -> None:
    before = relations.history("c1")
    digest = relations.status().digest
    relations.execute(erase("c1"))
    after = relations.history("c1")
    assert [event.digest for event in after[: len(before)]] == [event.digest for event in before]
    said = str(after)
    assert not any(word in said for word in WORDS)
    assert said.count(ERASED) >= 6
    assert all(word in str(relations.history("c2")) for word in WORDS[:6])
    assert digest != relations.status().digest
    assert_sound(relations)
    # In a fresh engine, too, and in every view as well.
    with Relations.open(database_url, create=False) as other:
        assert str(other.history("c1")) == said


def test_the_key_leaves_the_files_too(sqlite_url: str, master_key: bytes | None) -> None:
    with Relations.open(sqlite_url, master_key=master_key) as relations:
        relations.execute_many([*tell_all("c1"), *tell_all("c2")])
        destroyed, kept = (stored_keys(sqlite_url)[customer] for customer in ("c1", "c2"))
        assert destroyed in sqlite_bytes(sqlite_url)
        relations.execute(erase("c1"))
        held = sqlite_bytes(sqlite_url)
        assert destroyed not in held
        assert destroyed[1:] not in held
        assert destroyed[1:17] not in held
        assert kept in held


@pytest.mark.parametrize("batched", [False, True])
def test_the_key_leaves_postgresqls_table_too(postgres_url: str, *, batched: bool) -> None:
    with Relations.open(postgres_url) as relations:
        relations.execute_many(tell_all("c1"))
        destroyed = stored_keys(postgres_url)["c1"]
        if batched:
            relations.execute_many([erase("c1")])
        else:
            relations.execute(erase("c1"))
        assert destroyed not in stored_keys(postgres_url).values()
        with relations.log.database.transaction() as connection:
            # Dead rows would still lie in the table's file.
            found = connection.execute(text("SELECT count(*) FROM relations_keys")).scalar()
            pages = connection.execute(text("SELECT pg_relation_size('relations_keys') / 8192")).scalar()
            raw = connection.execute(
                text("SELECT pg_read_binary_file(pg_relation_filepath('relations_keys'))")
            ).scalar()
        assert found is not None
        assert pages is not None
        assert found <= 1
        assert pages <= 1
        assert destroyed not in bytes(raw or b"")


def test_a_reader_in_the_way_delays_the_purge_and_never_the_erasure(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with Relations.open(database_url) as relations:
        relations.execute_many(tell_all("c1"))
        key = stored_keys(database_url)["c1"]
        database = relations.log.database

        def owed() -> bool:
            return database.purge_owed

        with database.reading() as connection:
            connection.execute(select(keys)).all()
            receipt = relations.execute(erase("c1"))
            assert [event.topic for event in receipt.events] == ["customer.erased"]
            assert "[erased]" in str(relations.history("c1"))
            assert owed()
            assert "still in the database's files" in caplog.text
        relations.execute(purchase(7, "c2"))  # whoever comes next brings it away
        assert not owed()
        if database.is_sqlite:
            assert key not in sqlite_bytes(database_url)
        assert_sound(relations)


def test_an_erasure_in_the_hosts_transaction_is_purged_with_what_comes_next(sqlite_url: str) -> None:
    with Relations.open(sqlite_url) as relations:
        relations.execute_many(tell_all("c1"))
        key = stored_keys(sqlite_url)["c1"]
        host = create_engine(sqlite_url)
        with host.begin() as connection:
            relations.execute(erase("c1"), connection=connection)
        host.dispose()
        relations.execute(purchase(7, "c2"))
        assert key not in sqlite_bytes(sqlite_url)


def test_a_key_that_was_never_committed_seals_nothing(database_url: str) -> None:
    """A refused command must not leave a key that another then takes for granted."""
    with Relations.open(database_url) as relations:
        for _ in range(2):
            relations.execute_many([erase("c1")])
        relations.execute(register("c2"))
        assert len(stored_keys(database_url)) <= 2
        assert_sound(relations)


# --- the master key -------------------------------------------------------------------------------------------------


def test_wrapped_keys_are_worth_nothing_without_the_master_key(database_url: str) -> None:
    master = secrets.token_bytes(32)
    with Relations.open(database_url, master_key=master) as relations:
        relations.execute_many(tell_all("c1"))
        expected = relations.history("c1")
    for wrong, code in ((None, "master_key_needed"), (secrets.token_bytes(32), "master_key_wrong")):
        with Relations.open(database_url, master_key=wrong) as relations:
            with pytest.raises(LogError) as caught:
                relations.history("c1")
            assert caught.value.code == code
            with pytest.raises(LogError) as caught:
                relations.execute(CorrectProfile(customer="c1", name="Grace", occurred_at=day(9)))
            assert caught.value.code == code
            with pytest.raises(LogError) as caught:
                relations.execute_many([CorrectProfile(customer="c1", name="Grace", occurred_at=day(9))])
            assert caught.value.code == code
            # What holds no words needs no key: totals, views and proofs go on.
            relations.execute(purchase(50 + len(str(wrong))))
            assert_sound_but_words(relations)
    with Relations.open(database_url, master_key=master) as relations:
        assert relations.history("c1")[: len(expected)] == expected


def assert_sound_but_words(relations: Relations) -> None:
    found = relations.verify()
    assert found.problems == []
    assert found.events > 5


@pytest.mark.parametrize("key", [b"", b"short", bytes(31), bytes(33)])
def test_a_master_key_of_another_length_is_refused(sqlite_url: str, key: bytes) -> None:
    with pytest.raises(InvalidInput) as caught:
        Relations.open(sqlite_url, master_key=key)
    assert (caught.value.code, caught.value.field) == ("invalid_master_key", "master_key")


def test_a_key_cannot_be_given_to_another_customer(database_url: str) -> None:
    with Relations.open(database_url, master_key=bytes(32)) as relations:
        relations.execute_many([*tell_all("c1"), *tell_all("c2")])
    tamper(
        database_url,
        "UPDATE relations_keys SET key = (SELECT key FROM relations_keys WHERE customer = 'c1') WHERE customer = 'c2'",
    )
    with Relations.open(database_url, master_key=bytes(32)) as relations:
        assert "Ada" in str(relations.history("c1"))
        with pytest.raises(LogError):
            relations.history("c2")


# --- sealing --------------------------------------------------------------------------------------------------------

REGISTERED = Codec([CustomerRegistered]).topics[CustomerRegistered.topic]
FILED = Codec([ComplaintFiled]).topics[ComplaintFiled.topic]
words = st.text(st.characters(codec="utf-8"), max_size=200)


@given(words, st.none() | words, st.binary(min_size=32, max_size=32))
def test_what_was_sealed_is_opened_with_its_key_alone(name: str, email: str | None, key: bytes) -> None:
    event = CustomerRegistered(name=name, email=email, region=name)
    sealed = seal_event(event, REGISTERED, "c1", key)
    assert isinstance(sealed, CustomerRegistered)
    assert re.fullmatch(r"sealed:[A-Za-z0-9_=-]+", str(sealed.name))
    assert (sealed.email is None) == (email is None)
    assert sealed.region == name
    assert seal_event(event, REGISTERED, "c1", key) != sealed  # never the same twice: it says nothing of its words
    assert open_event(sealed, REGISTERED, "c1", key) == event
    erased = open_event(sealed, REGISTERED, "c1", None)
    assert isinstance(erased, CustomerRegistered)
    assert erased.name == ERASED
    assert erased.email == (None if email is None else ERASED)


@pytest.mark.parametrize("word", ["sealed:", "sealed:abc", ERASED, "", "sealed:" + "A" * 60])
def test_words_that_look_sealed_are_words(word: str) -> None:
    event = CustomerRegistered(name=word)
    assert open_event(seal_event(event, REGISTERED, "c1", bytes(32)), REGISTERED, "c1", bytes(32)) == event


def test_a_sealed_word_moved_elsewhere_cannot_be_opened() -> None:
    sealed = seal_event(CustomerRegistered(name="Ada"), REGISTERED, "c1", bytes(32))
    assert isinstance(sealed, CustomerRegistered)
    filed = ComplaintFiled(
        subject="x", channel="email", severity="low", acknowledge_by=0, resolve_by=0, policy=1, text=sealed.name
    )
    moved = [
        (CustomerRegistered(email=sealed.name), REGISTERED, "c1"),
        (sealed, REGISTERED, "c2"),
        (filed, FILED, "c1"),
    ]
    for event, topic, customer in moved:
        with pytest.raises(LogError, match="cannot be opened"):
            open_event(event, topic, customer, bytes(32))


@pytest.mark.parametrize(
    "damaged", ["sealed:", "sealed:!!!!", "sealed:AAAA", "sealed:AAAAA", "sealed:" + "A" * 80, "sealed:é"]
)
def test_a_damaged_word_is_an_error_of_the_log(damaged: str) -> None:
    with pytest.raises(LogError, match="cannot be opened"):
        open_event(CustomerRegistered(name=damaged), REGISTERED, "c1", bytes(32))
    assert open_event(CustomerRegistered(name=damaged), REGISTERED, "c1", None) == CustomerRegistered(name=ERASED)


def test_keys_are_random_and_of_256_bits(sqlite_url: str) -> None:
    with Relations.open(sqlite_url) as relations:
        relations.execute_many(register(f"c{number}") for number in range(20))
    connection = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))
    found = connection.execute("SELECT key, created_at FROM relations_keys").fetchall()
    connection.close()
    assert len({key for key, _ in found}) == 20
    assert {len(key) for key, _ in found} == {33}
    assert all(created_at > 1_600_000_000_000_000 for _, created_at in found)
