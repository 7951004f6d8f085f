from __future__ import annotations

import os
import re
import secrets
import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, select, text

from relations import GiveFeedback, InvalidInput, RegisterCustomer, Relations
from relations.aggregates.complaint import ComplaintFiled
from relations.aggregates.customer import CustomerRegistered
from relations.commands import CorrectProfile, FollowUpComplaint
from relations.errors import LogError
from relations.log import Codec
from relations.log.personal import DIGEST_KEY, ERASED, UNREADABLE, open_event, seal_event
from relations.log.tables import keys
from relations.messages import ID_PATTERN, Command
from tests.support.making import (
    START,
    assert_sound,
    complaint,
    database_bytes,
    day,
    erase,
    killable,
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
def engine(database_url: str, master_key: bytes | None) -> Iterator[Relations]:
    with Relations.open(database_url, master_key=master_key, snapshot_every=2) as opened:
        report = opened.execute_many([*tell_all("c1"), *tell_all("c2")])
        # What can be said afterwards depends on the rules; the words that matter are in.
        assert report.accepted >= 10
        yield opened


def stored_keys(url: str) -> dict[str, bytes]:
    host = create_engine(url)
    with host.connect() as connection:
        of_customers = select(keys).where(keys.c.customer != DIGEST_KEY)
        found = {row.customer: bytes(row.key) for row in connection.execute(of_customers)}
    host.dispose()
    return found


def test_no_words_of_a_person_are_in_the_database(engine: Relations, database_url: str) -> None:
    engine.catch_up()
    engine.rebuild()
    held = database_bytes(database_url)
    for word in WORDS:
        assert word.encode() not in held, word
        assert word.encode("utf-16-le") not in held, word
    assert b"sealed:" in held
    assert set(stored_keys(database_url)) == {"c1", "c2"}
    readable = str(engine.history("c1"))
    assert all(word in readable for word in WORDS if word != "so-so")


def test_erasure_destroys_the_words_of_one_and_keeps_all_else(
    engine: Relations, database_url: str, master_key: bytes | None
) -> None:
    before = engine.history("c1")
    digest = engine.status().digest
    engine.execute(erase("c1"))
    after = engine.history("c1")
    assert [event.digest for event in after[: len(before)]] == [event.digest for event in before]
    said = str(after)
    assert not any(word in said for word in WORDS)
    assert said.count(ERASED) >= 6
    assert all(word in str(engine.history("c2")) for word in WORDS[:6])
    assert digest != engine.status().digest
    assert_sound(engine)
    # In a fresh engine, too, and in every view as well.
    with Relations.open(database_url, create=False, master_key=master_key) as other:
        assert str(other.history("c1")) == said


def test_the_key_leaves_the_files_too(sqlite_url: str, master_key: bytes | None) -> None:
    with Relations.open(sqlite_url, master_key=master_key) as engine:
        engine.execute_many([*tell_all("c1"), *tell_all("c2")])
        destroyed, kept = (stored_keys(sqlite_url)[customer] for customer in ("c1", "c2"))
        assert destroyed in sqlite_bytes(sqlite_url)
        engine.execute(erase("c1"))
        held = sqlite_bytes(sqlite_url)
        assert destroyed not in held
        assert destroyed[1:] not in held
        assert destroyed[1:17] not in held
        assert kept in held


@pytest.mark.parametrize("batched", [False, True])
def test_the_key_leaves_postgresqls_table_too(postgres_url: str, *, batched: bool) -> None:
    with Relations.open(postgres_url) as engine:
        engine.execute_many(tell_all("c1"))
        destroyed = stored_keys(postgres_url)["c1"]
        if batched:
            engine.execute_many([erase("c1")])
        else:
            engine.execute(erase("c1"))
        assert destroyed not in stored_keys(postgres_url).values()
        with engine.log.database.transaction() as connection:
            # Dead rows would still lie in the table's file.
            found = connection.execute(text("SELECT count(*) FROM relations_keys")).scalar()
            pages = connection.execute(text("SELECT pg_relation_size('relations_keys') / 8192")).scalar()
            raw = connection.execute(
                text("SELECT pg_read_binary_file(pg_relation_filepath('relations_keys'))")
            ).scalar()
        assert found is not None
        assert pages is not None
        assert found <= 2  # the erased customer's empty one, and that of digests
        assert pages <= 1
        assert destroyed not in bytes(raw or b"")


def test_a_reader_in_the_way_delays_the_purge_and_never_the_erasure(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with Relations.open(database_url, busy_seconds=0.05) as engine:
        engine.execute_many(tell_all("c1"))
        key = stored_keys(database_url)["c1"]
        database = engine.log.database

        def owed() -> bool:
            return database.purge_owed

        with database.reading() as connection:
            connection.execute(select(keys)).all()
            receipt = engine.execute(erase("c1"))
            assert [event.topic for event in receipt.events] == ["customer.erased"]
            assert "[erased]" in str(engine.history("c1"))
            assert owed()
            assert "still in the database's files" in caplog.text
        engine.execute(purchase(7, "c2"))  # whoever comes next brings it away
        assert not owed()
        if database.is_sqlite:
            assert key not in sqlite_bytes(database_url)
        assert_sound(engine)


def test_an_erasure_in_the_hosts_transaction_is_purged_with_what_comes_next(sqlite_url: str) -> None:
    with Relations.open(sqlite_url) as engine:
        engine.execute_many(tell_all("c1"))
        key = stored_keys(sqlite_url)["c1"]
        host = create_engine(sqlite_url)
        with host.begin() as connection:
            engine.execute(erase("c1"), connection=connection)
        host.dispose()
        engine.execute(purchase(7, "c2"))
        assert key not in sqlite_bytes(sqlite_url)


def test_a_key_that_was_never_committed_seals_nothing(database_url: str) -> None:
    """A refused command must not leave a key that another then takes for granted."""
    with Relations.open(database_url) as engine:
        for _ in range(2):
            engine.execute_many([erase("c1")])
        engine.execute(register("c2"))
        assert len(stored_keys(database_url)) <= 2
        assert_sound(engine)


# --- the master key -------------------------------------------------------------------------------------------------


def test_a_wrong_or_forgotten_master_key_is_noticed_at_open(database_url: str) -> None:
    master = secrets.token_bytes(32)
    with Relations.open(database_url, master_key=master) as engine:
        engine.execute_many(tell_all("c1"))
        expected = engine.history("c1")
    before = stored_keys(database_url)
    assert len(before) == 1
    for wrong, code in ((None, "master_key_needed"), (secrets.token_bytes(32), "master_key_wrong")):
        with pytest.raises(LogError) as caught:
            Relations.open(database_url, master_key=wrong)
        assert caught.value.code == code
    assert stored_keys(database_url) == before  # nobody's new key was stored in clear or under the wrong one
    with Relations.open(database_url, master_key=master) as engine:
        assert engine.history("c1") == expected


def test_without_the_master_key_all_but_words_can_be_read(database_url: str) -> None:
    with Relations.open(database_url, master_key=bytes(32)) as engine:
        engine.execute_many(tell_all("c1"))
        engine.catch_up()
    with Relations.open(database_url, access="read") as engine:
        said = str(engine.history("c1"))
        assert said.count(UNREADABLE) >= 6
        assert not any(word in said for word in WORDS)
        assert [event.event for event in engine.events()]
        assert_sound_but_words(engine)


@pytest.mark.parametrize("master", [None, bytes(32)])
def test_a_log_without_a_check_value_gets_one(database_url: str, master: bytes | None) -> None:
    """Logs of older versions have none: the keys themselves then say whether they are wrapped."""
    with Relations.open(database_url, master_key=master) as engine:
        engine.execute_many(tell_all("c1"))
    tamper(database_url, "DELETE FROM relations_meta WHERE name = 'master_key_check'")
    if master is not None:
        for wrong in (None, bytes(31) + b"x"):
            with pytest.raises(LogError, match="master key"):
                Relations.open(database_url, master_key=wrong)
    with Relations.open(database_url, master_key=master) as engine:
        assert "Ada" in str(engine.history("c1"))
    if master is not None:
        with pytest.raises(LogError, match="not the one"):
            Relations.open(database_url, master_key=bytes(31) + b"x")


def test_a_log_with_plain_keys_may_begin_to_wrap_them(database_url: str) -> None:
    with Relations.open(database_url) as engine:
        engine.execute_many(tell_all("c1"))
    with Relations.open(database_url, master_key=bytes(32)) as engine:
        engine.execute_many(tell_all("c2"))
        assert "Ada" in str(engine.history("c1"))
        assert list(engine.key_problems()) == []
    with pytest.raises(LogError, match="none was given"):
        Relations.open(database_url)


def assert_sound_but_words(engine: Relations) -> None:
    found = engine.verify()
    assert found.problems == []
    assert found.events > 5


@pytest.mark.parametrize("key", [b"", b"short", bytes(31), bytes(33)])
def test_a_master_key_of_another_length_is_refused(sqlite_url: str, key: bytes) -> None:
    with pytest.raises(InvalidInput) as caught:
        Relations.open(sqlite_url, master_key=key)
    assert (caught.value.code, caught.value.field) == ("invalid_master_key", "master_key")


# --- damaged keys ---------------------------------------------------------------------------------------------------

DAMAGES = {
    "swapped": "UPDATE relations_keys SET key = (SELECT key FROM relations_keys WHERE customer = 'c1')"
    " WHERE customer = 'c2'",
    "missing": "DELETE FROM relations_keys WHERE customer = 'c2'",
    "cut": "UPDATE relations_keys SET key = substr(key, 1, 20) WHERE customer = 'c2'",
    "emptied": "UPDATE relations_keys SET key = substr(key, 1, 0) WHERE customer = 'c2'",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_key_stops_the_words_of_its_customer_only(
    database_url: str, master_key: bytes | None, damage: str
) -> None:
    with Relations.open(database_url, master_key=master_key) as engine:
        engine.execute_many([*tell_all("c1"), *tell_all("c2")])
        assert list(engine.key_problems()) == []
    tamper(database_url, DAMAGES[damage])
    with Relations.open(database_url, master_key=master_key) as engine:
        assert "Ada" in str(engine.history("c1"))
        mark = ERASED if damage == "emptied" else UNREADABLE
        assert str(engine.history("c2")).count(mark) >= 6
        assert len(list(engine.events())) == len(engine.history("c1")) + len(engine.history("c2")) + 1
        # Words of the other customers in the same batch are recorded, and what has no words.
        report = engine.execute_many(
            [
                CorrectProfile(customer="c2", name="Grace", occurred_at=day(8)),
                CorrectProfile(customer="c1", name="Grace", occurred_at=day(8)),
                purchase(70, "c2"),
            ]
        )
        if damage != "missing" and not (damage == "swapped" and master_key is None):
            assert [rejection.index for rejection in report.rejections] == [0]
        assert report.accepted >= 2
        expected = {
            "swapped": "key_wrong" if master_key is None else "key_unreadable",
            "missing": "key_wrong",  # a new key was made for the new words
            "cut": "key_unreadable",
            "emptied": "key_emptied",
        }
        assert [(found.code, found.customer) for found in engine.key_problems()] == [(expected[damage], "c2")]


def test_the_key_of_an_erased_customer_that_was_put_back_is_found(database_url: str) -> None:
    with Relations.open(database_url) as engine:
        engine.execute_many([*tell_all("c1"), *tell_all("c2")])
        kept = stored_keys(database_url)["c1"]
        engine.execute(erase("c1"))
        assert list(engine.key_problems()) == []
    tamper(database_url, ("UPDATE relations_keys SET key = ? WHERE customer = 'c1'", (kept,)))
    with Relations.open(database_url) as engine:
        assert [(found.code, found.customer) for found in engine.key_problems()] == [("key_restored", "c1")]


# --- keyed digests --------------------------------------------------------------------------------------------------


def test_a_keyed_digest_is_an_id_that_is_the_same_in_one_log_only(database_url: str, sqlite_url: str) -> None:
    with Relations.open(database_url, master_key=bytes(32)) as engine:
        first = engine.digest("ada@example.org")
        assert re.fullmatch(ID_PATTERN, first)
        assert len({first, engine.digest("Ada@example.org"), engine.digest("ada@example.org", purpose="x")}) == 3
    with Relations.open(database_url, master_key=bytes(32)) as engine:
        assert engine.digest("ada@example.org") == first
        assert list(engine.key_problems()) == []
    with Relations.open(sqlite_url.replace("relations.db", "other.db")) as other:
        assert other.digest("ada@example.org") != first


def test_after_an_erasure_no_address_is_in_any_byte(database_url: str) -> None:
    """A guest order names its customer by an address only: the id is a keyed digest of it."""
    address = "guest.order@example.org"
    with Relations.open(database_url) as engine:
        customer = engine.digest(address)
        engine.execute_many(
            [
                register(customer, email=address, command_id=f"guest/{customer}"),
                purchase(1, customer, command_id=f"order/{customer}"),
            ]
        )
        engine.catch_up()
        assert address in str(engine.history(customer))
        engine.execute(erase(customer))
        engine.catch_up()
        held = database_bytes(database_url)
        assert customer.encode() in held
        for word in (address, address.upper(), "guest.order"):
            assert word.encode() not in held


# --- purges ---------------------------------------------------------------------------------------------------------


def _erase_and_stop(url: str) -> None:
    """Erase with a reader in the way of the purge, and end without closing anything, as a killed process does."""
    engine = Relations.open(url, busy_seconds=0.05)
    reader = engine.log.database.engine.connect()
    reader.begin()
    reader.execute(select(keys)).all()
    engine.execute(erase("c1", command_id="erase/c1"))
    os._exit(0)


@pytest.mark.parametrize("how", ["opening", "run", "sending it again"])
def test_a_purge_that_is_owed_survives_a_kill(database_url: str, how: str) -> None:
    waiting = Relations.open(database_url)
    waiting.execute_many(tell_all("c1"))
    key = stored_keys(database_url)["c1"]
    child = killable(_erase_and_stop, database_url)
    child.join()
    assert child.exitcode == 0
    with Relations.open(database_url, access="read") as reading:
        assert reading.status().purge_owed
        assert "[erased]" in str(reading.history("c1"))
    if how == "opening":
        Relations.open(database_url).close()
    elif how == "run":
        waiting.log.database.purge()  # as `relations run` does at each look
    else:
        assert waiting.execute(erase("c1", command_id="erase/c1")).repeated
    assert not waiting.status().purge_owed
    if waiting.log.database.is_sqlite:
        assert key not in sqlite_bytes(database_url)
        assert key[1:17] not in sqlite_bytes(database_url)
    waiting.close()


def test_an_erasure_in_a_hosts_transaction_overwrites_the_keys_bytes(sqlite_url: str) -> None:
    """The host's own connection does not overwrite what it deletes, unless it is made to."""
    with Relations.open(sqlite_url) as engine:
        engine.execute_many([*tell_all("c1"), *tell_all("c2")])
        key = stored_keys(sqlite_url)["c1"]
        host = create_engine(sqlite_url)
        with host.begin() as connection:
            connection.exec_driver_sql("PRAGMA secure_delete=OFF")
            engine.execute(erase("c1"), connection=connection)
            assert connection.exec_driver_sql("PRAGMA secure_delete").scalar() == 0
        host.dispose()
    # The host's erasure is purged when the log is opened next, if nothing was recorded after it.
    with Relations.open(sqlite_url) as engine:
        assert not engine.status().purge_owed
        held = sqlite_bytes(sqlite_url)
        assert key[1:17] not in held
        assert key[17:] not in held


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
    with Relations.open(sqlite_url) as engine:
        engine.execute_many(register(f"c{number}") for number in range(20))
    connection = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))
    found = connection.execute("SELECT key, created_at FROM relations_keys").fetchall()
    connection.close()
    assert len({key for key, _ in found}) == 21  # one of them is that of digests, which is older than any
    assert {len(key) for key, _ in found} == {33}
    assert sorted(created_at > 1_600_000_000_000_000 for _, created_at in found) == [False, *[True] * 20]
