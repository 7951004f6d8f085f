"""Data held on a person, certificates of erasure, and words that are stored unencrypted."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import update

from relations import InvalidInput, Relations
from relations.audit import (
    SealingKey,
    Seals,
    access_report,
    certify_erasure,
    check_certificate,
    check_signature,
    clear_texts,
    read_certificate,
    sign_certificate,
)
from relations.audit.checker import ED25519, ML_DSA_44, Checkpoint, Invalid, check_checkpoint
from relations.audit.checker import Policy as TrustPolicy
from relations.commands import (
    EnrolMember,
    GiveFeedback,
    LinkIdentity,
    MakeReferral,
    MergeCustomer,
    NoteTrait,
    RecordInteraction,
)
from relations.errors import LogError
from relations.log.tables import keys
from relations.messages import Command
from relations.policies import Policy, Programme, Referral
from relations.projections.projection import CustomerRow
from tests.support.making import complaint, database_bytes, day, erase, purchase, register, tamper

WORDS = ("Ada Lovelace", "ada@lovelace.example", "+44 20 7946 0958", "The bed squeaked all night", "booking-4711")


def _ada() -> list[Command]:
    return [
        register("c1", email=WORDS[1], phone=WORDS[2]),
        register("c2", name="A. Lovelace", occurred_at=day(1)),
        MergeCustomer(customer="c2", into="c1", occurred_at=day(2)),
        purchase(1, "c1"),
        complaint(1, "c2", text=WORDS[3]),
        LinkIdentity(customer="c1", source="booking", external_id=WORDS[4], occurred_at=day(3)),
        register("c9", name="Charles Babbage"),
        EnrolMember(customer="c9", occurred_at=day(4)),
        MakeReferral(customer="c9", referral="r1", referred="c1", occurred_at=day(4)),
    ]


@pytest.fixture
def engine(either_url: str) -> Relations:
    engine = Relations.open(either_url)
    referral = Referral(referrer_points=5, after="first_purchase")
    engine.adopt(Policy(programme=Programme(referral=referral)), from_beginning=True)
    report = engine.execute_many(_ada())
    assert report.rejections == []
    engine.catch_up()
    return engine


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_data(self, data: str) -> None:
        self.found.append(data)


def test_an_access_report_has_everything_under_all_ids(engine: Relations) -> None:
    with engine:
        report = access_report(engine, "c2")
        assert report.ids == ["c1", "c2"]
        assert report.erased_at is None
        ours = [each for each in engine.events() if each.customer in report.ids]
        assert [each.position for each in report.events] == [each.position for each in ours]
        assert len(ours) > 7
        assert {key.customer: key.state for key in report.keys} == {"c1": "present", "c2": "present"}
        # Every row of every view that names one of the ids is there.
        held = {each.table: len(each.rows) for each in report.views}
        seen = 0
        for name in engine.runner.projections:
            for kind, table in engine.runner.tables(name).items():
                if issubclass(kind, CustomerRow):
                    with engine.log.database.reading() as connection:
                        found = connection.execute(
                            table.table.select().where(table.table.c.customer.in_(["c1", "c2"]))
                        ).all()
                    assert held.get(table.label, 0) == len(found)
                    seen += len(found)
        assert seen > 8
        assert {(each.topic, *each.fields) for each in report.mentions} >= {("loyalty.referral_made", "referred")}
        page = _Text()
        page.feed(report.to_html())
        for text in (report.to_markdown(), report.to_json(), "".join(page.found)):
            for word in WORDS:
                assert word in text
            assert "Babbage" not in text
        assert json.loads(report.to_json())["ids"] == ["c1", "c2"]


def test_after_an_erasure_the_report_shows_what_remains(engine: Relations) -> None:
    with engine:
        engine.execute(erase("c1", occurred_at=day(9)))
        engine.catch_up()
        report = access_report(engine, "c1")
        assert report.erased_at == day(9)
        assert {key.state for key in report.keys} == {"destroyed"}
        assert any(each.topic == "customer.purchase_recorded" for each in report.events)
        for text in (report.to_markdown(), report.to_html(), report.to_json()):
            assert "[erased]" in text
            for word in WORDS:
                assert word not in text


def test_words_that_look_like_markup_stay_words(either_url: str) -> None:
    with Relations.open(either_url) as engine:
        engine.execute(register("c1", name="<script>|a|\x1b[31m"))
        report = access_report(engine, "c1")
        assert "<script>" not in report.to_html()
        assert "&lt;script>\\|a\\|" in report.to_markdown()
        assert "\x1b" not in report.to_markdown()


def test_a_person_nobody_knows_has_no_report(engine: Relations) -> None:
    with engine:
        for ask in (access_report, certify_erasure):
            with pytest.raises(InvalidInput) as refused:
                ask(engine, "nobody")
            assert refused.value.code == "unknown_customer"


# --- certificates ---------------------------------------------------------------------------------------------------


def test_a_certificate_names_each_erasure_and_the_log_confirms_it(engine: Relations) -> None:
    with engine:
        engine.execute(erase("c1", occurred_at=day(9), reason="customer asked", actor="dpo"))
        made = certify_erasure(engine, "c2", at=datetime(2030, 1, 1, tzinfo=UTC))
        events = {each.position: each for each in engine.events()}
        assert {each.customer for each in made.erased} == {"c1", "c2"}
        for each in made.erased:
            recorded = events[each.position]
            assert (recorded.topic, recorded.customer) == ("customer.erased", each.customer)
            assert each.digest_after == recorded.digest.hex()
            assert each.digest_before == events[each.position - 1].digest.hex()
            assert each.sealed > 0
        assert made.erased[0].actor == "dpo"
        assert made.is_purged
        assert made.clear == ()
        assert made.digest == engine.status().digest
        assert read_certificate(made.to_json()) == made
        for word in ("dpo", "customer asked", made.erased[0].digest_before, made.erased[0].digest_after):
            assert word in made.to_markdown()
        engine.execute(purchase(2, "c9"))
        check_certificate(engine, made)


def test_a_certificate_of_somebody_who_was_not_erased_is_refused(engine: Relations) -> None:
    with engine:
        with pytest.raises(InvalidInput) as refused:
            certify_erasure(engine, "c1")
        assert refused.value.code == "not_erased"


@pytest.mark.parametrize("change", ["actor", "reason", "digest_before", "digest_after", "position", "customer"])
def test_a_changed_certificate_is_not_valid(engine: Relations, change: str) -> None:
    with engine:
        engine.execute(erase("c1"))
        made = certify_erasure(engine, "c1")
        other = {"position": made.erased[0].position - 1, "customer": "c9"}.get(change, "00" * 32)
        changed = msgspec.structs.replace(
            made, erased=(msgspec.structs.replace(made.erased[0], **{change: other}), *made.erased[1:])
        )
        check_certificate(engine, made)
        with pytest.raises(LogError) as refused:
            check_certificate(engine, changed)
        assert refused.value.code == "certificate_invalid"


def test_a_certificate_is_of_one_log_at_one_state(engine: Relations, sqlite_url: str) -> None:
    with engine, Relations.open(sqlite_url.replace("relations.db", "other.db")) as other:
        engine.execute(erase("c1"))
        made = certify_erasure(engine, "c1")
        other.execute_many([*_ada(), erase("c1")])
        for found, where in ((made, other), (msgspec.structs.replace(made, digest="00" * 32), engine)):
            with pytest.raises(LogError) as refused:
                check_certificate(where, found)
            assert refused.value.code == "certificate_invalid"


def test_a_key_that_came_back_voids_the_certificate(engine: Relations, either_url: str) -> None:
    with engine:
        with engine.log.database.reading() as connection:
            before = connection.execute(keys.select().where(keys.c.customer == "c1")).one()
        engine.execute(erase("c1"))
        made = certify_erasure(engine, "c1")
        with engine.log.database.transaction() as connection:
            connection.execute(update(keys).where(keys.c.customer == "c1").values(key=before.key))
        with pytest.raises(LogError, match="has a key again"):
            check_certificate(engine, made)
        with pytest.raises(LogError) as refused:
            certify_erasure(engine, "c1")
        assert refused.value.code == "key_restored"


def test_a_signed_certificate_names_its_signer_and_covers_every_field(engine: Relations) -> None:
    key, stranger = (SealingKey.generate(name) for name in ("hotel.example/customers", "other.example/log"))
    policy, others = (TrustPolicy.parse(each.policy()) for each in (key, stranger))
    with engine:
        engine.execute(erase("c1"))
        plain = certify_erasure(engine, "c1")
        made = read_certificate(sign_certificate(plain, key).to_json())
        check_certificate(engine, made)
        assert {each.type for each in check_signature(made, policy)} == {ED25519, ML_DSA_44}
        assert str(made.signature).splitlines()[0] in made.to_markdown()
        # The signature is not one of the log's seals, and a seal is no signature of a certificate.
        with pytest.raises(Invalid, match="is not a log of the policy"):
            check_checkpoint(Checkpoint.parse(str(made.signature)), policy)
        seal = Seals(engine.log).seal(key).checkpoint
        wrong = [
            (plain, policy, "nobody signed it"),
            (made, others, "is not a log of the policy"),
            (msgspec.structs.replace(made, signature=seal), policy, "is not a log of the policy"),
            (msgspec.structs.replace(made, signature=str(made.signature)[:-9] + "\n"), policy, "signature"),
        ]
        for name in set(made.__struct_fields__) - {"signature"}:
            value = getattr(made, name)
            other = {bool: not value, int: 7, tuple: (), str: "other"}.get(type(value), day(3))
            if other != value:
                changed = msgspec.structs.replace(made, **{name: other})
                wrong.append((changed, policy, "of another document"))
        assert len(wrong) > 10
        for certificate, trusted, reason in wrong:
            with pytest.raises(LogError, match=reason) as refused:
                check_signature(certificate, trusted)
            assert refused.value.code == "certificate_invalid"


def test_what_is_no_certificate_is_refused() -> None:
    for text in ("", "{}", "[]", '{"format": "other"}'):
        with pytest.raises(InvalidInput) as refused:
            read_certificate(text)
        assert refused.value.code == "invalid_certificate"


def test_after_an_erasure_no_word_is_in_any_byte_of_the_database(engine: Relations, either_url: str) -> None:
    with engine:
        engine.execute_many([purchase(number, "c1") for number in range(10, 540)])  # enough for stored states
        engine.execute(
            GiveFeedback(
                customer="c1", feedback="f1", instrument="nps", score=2, comment="Never again, says Ada",
                occurred_at=day(5),
            )
        )  # fmt: skip
        engine.catch_up()
        assert access_report(engine, "c1").snapshots
        engine.execute(erase("c1"))
        engine.catch_up()
        assert certify_erasure(engine, "c1").is_purged
    held = database_bytes(either_url)
    assert b"customer.erased" in held
    for word in (*WORDS, "Never again, says Ada", "Lovelace", "squeaked"):
        for form in (word, word.lower(), word.upper()):
            assert form.encode() not in held
            assert form.encode("utf-16-le") not in held


# --- words in the clear ---------------------------------------------------------------------------------------------


def test_ids_and_terms_made_of_a_customers_own_words_are_found(either_url: str) -> None:
    with Relations.open(either_url) as engine:
        engine.execute_many(
            [
                register("ada-lovelace.example", name="Ada Lovelace", email="ada@lovelace.example"),
                register("k77", name="Grace Hopper", phone="+1 202 555 0147", command_id="sign-up/grace hopper"),
                NoteTrait(customer="k77", trait="taboo", about="mrs hopper's neighbours", occurred_at=day(1)),
                RecordInteraction(
                    customer="k77", interaction="i-2025550147", channel="phone", kind="call", occurred_at=day(1)
                ),
                purchase(1, "k77"),
            ]
        )
        found = {(each.customer, each.place, each.word) for each in clear_texts(engine)}
        assert ("ada-lovelace.example", "customer", "name") in found
        assert ("k77", "command_id", "name") in found
        assert ("k77", "about", "name") in found
        assert ("k77", "interaction", "phone") in found
        assert not any(place in ("customer", "purchase") for customer, place, _word in found if customer == "k77")


def test_nothing_is_found_where_all_ids_are_digests(either_url: str) -> None:
    with Relations.open(either_url) as engine:
        customer = engine.digest("ada@lovelace.example")
        engine.execute_many([register(customer, email="ada@lovelace.example"), purchase(1, customer)])
        assert list(clear_texts(engine)) == []


def test_an_older_word_in_clear_is_named_in_the_certificate(sqlite_url: str, tmp_path: Path) -> None:
    with Relations.open(sqlite_url) as engine:
        engine.execute_many(_ada())
        engine.execute(erase("c1"))
        position = next(each.position for each in engine.events() if each.topic == "customer.identity_linked")
    body = b'{"source":"booking","external_id":"booking-4711","at":1}'
    tamper(sqlite_url, ("UPDATE relations_log SET body = ? WHERE position = ?", (body, position)))
    with Relations.open(sqlite_url) as engine:
        made = certify_erasure(engine, "c1")
        assert [(each.position, each.field) for each in made.clear] == [(position, "external_id")]
        assert "unencrypted" in made.to_markdown()
