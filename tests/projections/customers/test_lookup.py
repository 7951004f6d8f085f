"""Customers are found by their words, although these are sealed, and never after an erasure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, func, select, text

from relations import Relations
from relations.commands import (
    CorrectProfile,
    EraseCustomer,
    LinkIdentity,
    MergeCustomer,
    RegisterCustomer,
    UnmergeCustomer,
)
from relations.errors import InvalidInput
from relations.log.tables import MARKED, marks, record_facts
from relations.policies import Policy
from relations.projections.customers.lookup import guessed

START = datetime(2024, 5, 1, 12, tzinfo=UTC)


def person(customer: str, **fields: Any) -> RegisterCustomer:
    return RegisterCustomer(customer=customer, occurred_at=START, **fields)


PEOPLE = (
    person("c1", name="Anna Lindner", email="Anna.Lindner@Example.org", phone="+43 1 5550199"),
    person("c2", name="Jörg Müller-Šimić", email="joerg@example.org", phone="0664 555 01 99 ext. 12", region="AT"),
    person("c3", name="王小明", phone="+86 138 0013 8000"),
    person("c4", name="Lindner, Karl", email="karl@example.org"),
    person("c5", name="Muller"),
)


def found(engine: Relations, **by: Any) -> list[str]:
    return [each.customer for each in engine.views.customers.find(**by)]


def open_with_people(url: str) -> Relations:
    engine = Relations.open(url)
    engine.adopt(Policy(country="AT"), since=START)
    assert not engine.execute_many(PEOPLE).rejections
    return engine


@pytest.mark.parametrize(
    ("by", "customers"),
    [
        ({"name": "lindner"}, ["c1", "c4"]),
        ({"name": "LINDNER anna"}, ["c1"]),
        ({"name": "muller"}, ["c2", "c5"]),
        ({"name": "Mueller"}, ["c2"]),
        ({"name": "simic jorg"}, ["c2"]),
        ({"name": "小明"}, ["c3"]),
        ({"name": "lind"}, []),
        ({"email": "ANNA.lindner@example.org"}, ["c1"]),
        ({"email": "anna@example.org"}, []),
        ({"phone": "01 555 01 99"}, ["c1"]),
        ({"phone": "+4315550199"}, ["c1"]),
        ({"phone": "0043 664 5550199"}, ["c2"]),
        ({"phone": "0199"}, ["c1", "c2"]),
        ({"phone": "8000"}, ["c3"]),
        ({"phone": "9999"}, []),
        ({"name": "lindner", "email": "karl@example.org"}, ["c4"]),
        ({"name": "lindner", "phone": "8000"}, []),
        ({"name": "lindner", "limit": 1}, ["c1"]),
    ],
)  # fmt: skip
def test_people_are_found_however_their_words_are_written(by: dict[str, Any], customers: list[str]) -> None:
    with open_with_people("sqlite://") as engine:
        assert found(engine, **by) == customers


def test_every_id_of_a_person_leads_to_them_and_an_unmerge_takes_that_back(database_url: str) -> None:
    with open_with_people(database_url) as engine:
        engine.execute(LinkIdentity(customer="c4", source="pms", external_id="P-77", occurred_at=START))
        engine.execute(MergeCustomer(customer="c4", into="c1", occurred_at=START))
        assert found(engine, name="karl") == ["c1"]
        assert found(engine, name="lindner") == ["c1"]
        assert found(engine, email="karl@example.org", phone="0199") == ["c1"]
        assert found(engine, external_id="P-77") == ["c1"]
        assert engine.views.customers.find(name="karl")[0].matched_id == "c4"
        engine.execute(UnmergeCustomer(customer="c4", occurred_at=START))
        assert found(engine, name="lindner") == ["c1", "c4"]
        assert found(engine, email="karl@example.org", phone="0199") == []
        assert found(engine, external_id="P-77") == ["c4"]
        assert found(engine, external_id="P-78") == []


def test_an_id_is_found_with_as_few_statements_however_many_systems_there_are(database_url: str) -> None:
    with open_with_people(database_url) as engine:
        asked, counts = list[str](), []

        @event.listens_for(engine.log.database.engine, "before_cursor_execute")
        def seen(_connection: object, _cursor: object, statement: str, *_: object) -> None:
            asked.append(statement)

        for number in range(12):
            engine.execute(LinkIdentity(customer="c1", source=f"till-{number:02}", external_id="77", occurred_at=START))
            engine.execute(LinkIdentity(customer="c4", source=f"till-{number:02}", external_id="7", occurred_at=START))
            assert found(engine, external_id="77") == ["c1"]
            asked.clear()
            assert found(engine, external_id="7") == ["c4"]
            counts.append(len(asked))
        assert max(counts[1:]) == min(counts[1:])
        assert found(engine, external_id="777") == []


def test_only_the_present_words_are_found(database_url: str) -> None:
    with open_with_people(database_url) as engine:
        later = START + timedelta(days=1)
        engine.execute(CorrectProfile(customer="c1", name="Anna Berger", occurred_at=later))
        assert found(engine, name="anna") == ["c1"]
        assert found(engine, name="lindner") == ["c4"]
        with engine.as_of(occurred=START + timedelta(hours=1)) as past:
            assert [each.customer for each in past.views.customers.find(name="lindner")] == ["c1", "c4"]


def test_after_an_erasure_nobody_is_found_and_no_mark_is_left(database_url: str) -> None:
    with open_with_people(database_url) as engine:
        engine.execute(MergeCustomer(customer="c4", into="c1", occurred_at=START))

        def marked() -> set[str]:
            with engine.log.database.reading() as connection:
                return set(connection.execute(select(marks.c.customer)).scalars())

        assert marked() == {"c1", "c2", "c3", "c4", "c5"}
        engine.execute(EraseCustomer(customer="c4", occurred_at=START))
        assert marked() == {"c2", "c3", "c5"}
        for by in ({"name": "lindner"}, {"email": "karl@example.org"}, {"phone": "5550199"}):
            assert found(engine, **by) == (["c2"] if "phone" in by else [])


def test_a_refused_registration_leaves_no_mark() -> None:
    with open_with_people("sqlite://") as engine:
        before = marks_of(engine)
        report = engine.execute_many([person("c1", name="Zora"), person("c9", name="Mia")])
        assert len(report.rejections) == 1
        assert marks_of(engine) == before + 1
        assert found(engine, name="zora") == []


def marks_of(engine: Relations) -> int:
    with engine.log.database.reading() as connection:
        return connection.execute(select(func.count()).select_from(marks)).scalar_one()


def test_a_log_of_an_older_version_is_indexed_once(database_url: str) -> None:
    with open_with_people(database_url) as engine:
        engine.execute(EraseCustomer(customer="c4", occurred_at=START))
        whole = marks_of(engine)
        with engine.log.database.transaction() as connection:  # as an older version left it
            connection.execute(text("DROP TABLE relations_marks"))
            connection.execute(text(f"DELETE FROM relations_meta WHERE name = '{MARKED}'"))
            record_facts(connection, {})
    with Relations.open(database_url) as engine:
        engine.execute(person("c6", name="Mia"))
        with pytest.raises(InvalidInput) as refusal:
            found(engine, name="lindner")
        assert refusal.value.code == "not_indexed"
        assert engine.index_people() > 0
        assert found(engine, name="lindner") == ["c1"]
        assert found(engine, name="mia") == ["c6"]
        assert marks_of(engine) == whole + 1
        assert engine.verify().good
        engine.index_people()
        assert marks_of(engine) == whole + 1


def test_what_cannot_be_found_by_is_refused() -> None:
    with open_with_people("sqlite://") as engine:
        for by, code in (({}, "nothing_to_find"), ({"phone": "+1"}, "too_few_digits"), ({"name": " -"}, "empty_name")):
            with pytest.raises(InvalidInput) as refusal:
                found(engine, **by)
            assert refusal.value.code == code
    assert [guessed(words) for words in ("a@b.org", "+43 1 555", "0199", "Lindner", "12")] == [
        "email", "phone", "phone", "name", "name",
    ]  # fmt: skip


def test_no_word_is_left_in_any_file(tmp_path: Path) -> None:
    path = tmp_path / "people.db"
    with open_with_people(f"sqlite:///{path}") as engine:
        assert found(engine, name="lindner") == ["c1", "c4"]
        engine.execute(EraseCustomer(customer="c1", occurred_at=START))
        assert found(engine, name="lindner") == ["c4"]
    files = [file.read_bytes().lower() for file in tmp_path.rglob("*") if file.is_file()]
    assert files
    for word in (b"lindner", b"anna.lindner", b"5550199"):
        assert not any(word in each for each in files)
