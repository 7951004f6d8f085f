from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, text

from relations import Relations
from relations.errors import ChainBroken
from relations.log.chain import GENESIS, check, link
from relations.log.tables import COLUMNS
from tests.support.effort import part
from tests.support.making import complaint, purchase, register, sqlite_file, tamper

Row = tuple[Any, ...]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of some thirty events of all shapes, never changed itself."""
    path = tmp_path_factory.mktemp("chain") / "log.db"
    with Relations.open(f"sqlite:///{path}") as relations:
        relations.execute(register(name="Ada \ufffd Lovelace", actor="desk \ufffd 3"))
        relations.execute_many(purchase(number) for number in range(1, 21))
        relations.execute_many(complaint(number, text="the lift, again") for number in range(1, 6))
    return path


def rows_of(path: Path) -> list[Row]:
    connection = sqlite3.connect(path)
    rows = connection.execute(f"SELECT {', '.join(COLUMNS)} FROM relations_log ORDER BY position").fetchall()
    connection.close()
    return rows


@pytest.fixture(scope="module")
def rows(template: Path) -> list[Row]:
    return rows_of(template)


def copied(template: Path, tmp_path: Path) -> str:
    path = tmp_path / "copy.db"
    path.write_bytes(template.read_bytes())
    return f"sqlite:///{path}"


def first_bad(url: str) -> int | None:
    """The first bad position that `verify` names."""
    with Relations.open(url) as relations:
        problems = [problem for problem in relations.verify().problems if problem.code == "chain_broken"]
    assert problems == sorted(problems, key=lambda problem: problem.position or 0)
    return problems[0].position if problems else None


# --- the function ---------------------------------------------------------------------------------------------------


def test_anybody_can_compute_the_chain_again(rows: list[Row]) -> None:
    """As the module says it, in other words: SHA-256 over the digest before and MessagePack of all other columns."""
    previous = bytes(32)
    for row in rows:
        previous = hashlib.sha256(previous + msgspec.msgpack.encode(list(row[:-1]))).digest()
        assert previous == row[-1]
    assert check(rows) == (len(rows), previous)
    assert len(rows) == 27


def test_a_known_link() -> None:
    """Golden bytes: a digest once published must be computable for ever."""
    row = (1, "customer-c1", 1, "customer.registered", 1, "c1", -1, 2**40, "desk", "id", 0, None, None, b'{"at":1}')
    by_hand = (
        b"\x9e\x01\xabcustomer-c1\x01\xb3customer.registered\x01\xa2c1\xff\xcf\x00\x00\x01\x00\x00\x00\x00\x00"
        b"\xa4desk\xa2id\x00\xc0\xc0\xc4\x08" + b'{"at":1}'
    )
    assert msgspec.msgpack.encode(row) == by_hand
    assert link(GENESIS, row).hex() == "ac10d9eabffdda3c2528029301dc94edf998278f24878ed27f76d1a3a9217373"
    assert link(GENESIS, row) == hashlib.sha256(bytes(32) + by_hand).digest()


def test_it_can_be_checked_in_parts(rows: list[Row]) -> None:
    position, digest = check(rows[:10])
    assert check(rows[10:], previous=digest, position=position) == check(rows)
    assert check([]) == (0, GENESIS)


def _changed(value: Any) -> st.SearchStrategy[Any]:
    match value:
        case int():
            return st.integers(-(2**63), 2**63 - 1).filter(lambda other: other != value)
        case str():
            return st.text().filter(lambda other: other != value) | st.just(value.encode()) | st.none()
        case bytes():
            flips = st.tuples(st.integers(0, len(value) - 1), st.integers(1, 255))
            return flips.map(lambda at: value[: at[0]] + bytes([value[at[0]] ^ at[1]]) + value[at[0] + 1 :])
        case _:
            return st.sampled_from(["", b"", 0])


@given(st.data())
def test_any_changed_value_is_found_where_it_is(rows: list[Row], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(rows) - 1), label="row")
    column = data.draw(st.integers(0, len(COLUMNS) - 1), label="column")
    row = list(rows[at])
    row[column] = data.draw(_changed(row[column]), label="value")
    broken = [*rows[:at], tuple(row), *rows[at + 1 :]]
    with pytest.raises(ChainBroken) as caught:
        check(broken)
    assert caught.value.position == at + 1


@given(st.data())
def test_any_removed_swapped_doubled_or_invented_row_is_found_where_it_is(rows: list[Row], data: st.DataObject) -> None:
    one, other = sorted(
        data.draw(st.lists(st.integers(0, len(rows) - 1), min_size=2, max_size=2, unique=True), label="rows")
    )
    # Whoever invents a row can give it a right digest, for anybody can compute one; the next row then gives it away.
    invented = (one + 2, "customer-nobody", *rows[one][2:-1])
    invented = (*invented, link(rows[one][-1], invented))
    broken: dict[str, Sequence[Row]] = {
        "removed": [*rows[:one], *rows[one + 1 :]],
        "swapped": [*rows[:one], rows[other], *rows[one + 1 : other], rows[one], *rows[other + 1 :]],
        "doubled": [*rows[: one + 1], *rows[one:]],
        "invented": [*rows[: one + 1], invented, *rows[one + 1 :]],
        # Somebody who moves all positions along, too, is found at the digest.
        "moved along": [*rows[:one], *((row[0] - 1, *row[1:]) for row in rows[one + 1 :])],
    }
    kind = data.draw(st.sampled_from(sorted(broken)))
    with pytest.raises(ChainBroken) as caught:
        check(broken[kind])
    assert caught.value.position == one + {"doubled": 2, "invented": 3}.get(kind, 1)


# --- in the database ------------------------------------------------------------------------------------------------


@part(40)
@given(at=st.integers(1, 27), column=st.sampled_from([name for name in COLUMNS if name != "position"]))
def test_verify_names_the_row_that_was_changed(
    template: Path, tmp_path_factory: pytest.TempPathFactory, at: int, column: str
) -> None:
    url = copied(template, tmp_path_factory.mktemp("changed"))
    kind = "CAST(zeroblob(4) AS TEXT)" if column in ("stream", "topic", "customer", "actor", "cause") else "x'00'"
    value = {"version": "version + 1000", "command_seq": "command_seq + 1000", "schema": "schema + 1"}.get(column)
    if column in ("occurred_at", "recorded_at"):
        value = f"{column} - 1"
    tamper(url, f"UPDATE relations_log SET {column} = {value or kind} WHERE position = {at}")
    assert first_bad(url) == at


@pytest.fixture
def log_url(database_url: str) -> str:
    with Relations.open(database_url) as relations:
        relations.execute(register())
        relations.execute_many(purchase(number) for number in range(1, 9))
    assert first_bad(database_url) is None
    return database_url


INSERT = (
    "INSERT INTO relations_log SELECT position + 1, stream, version + 50, topic, schema, customer,"
    " occurred_at, recorded_at, actor, command_id, command_seq + 50, command_hash, cause, body, digest"
    " FROM relations_log WHERE position = (SELECT max(position) FROM relations_log)"
)
MOVE = "UPDATE relations_log SET position = position {} WHERE position = {}"


@pytest.mark.parametrize(
    ("statements", "bad"),
    [
        (["UPDATE relations_log SET actor = 'nobody' WHERE position = 4"], 4),
        (["UPDATE relations_log SET cause = 'customer-c1@1' WHERE position = 3"], 3),
        (["UPDATE relations_log SET command_hash = NULL WHERE position = 5"], 5),
        (["DELETE FROM relations_log WHERE position = 6"], 6),
        (["DELETE FROM relations_log WHERE position = 1"], 1),
        ([MOVE.format("+ 100", 3), MOVE.format("- 1", 4), MOVE.format("- 99", 103)], 3),
        (
            [INSERT],
            11,
        ),
    ],
    ids=["changed", "filled", "emptied", "removed", "beheaded", "swapped", "inserted"],
)
def test_whoever_has_the_password_still_leaves_traces(log_url: str, statements: list[str], bad: int) -> None:
    tamper(log_url, *statements)
    assert first_bad(log_url) == bad


def test_a_verification_says_how_far_the_log_is_good(log_url: str) -> None:
    with Relations.open(log_url) as relations:
        digests = [event.digest.hex() for event in relations.events()]
        whole = relations.verify()
    assert whole.good
    assert (whole.position, whole.digest) == (len(digests), digests[-1])
    tamper(log_url, "UPDATE relations_log SET actor = 'nobody' WHERE position = 4")
    with Relations.open(log_url) as relations:
        found = relations.verify()
    assert not found.good
    assert (found.position, found.digest, found.events) == (3, digests[2], len(digests))


def test_rows_cut_off_at_the_end_show_against_a_digest_noted_before(log_url: str) -> None:
    """The chain alone cannot know that there was more; status() gives what to note down."""
    with Relations.open(log_url) as relations:
        noted = relations.status()
    tamper(log_url, "DELETE FROM relations_log WHERE position = 10")
    with Relations.open(log_url) as relations:
        found = relations.verify()
    assert (found.position, found.digest) != (noted.position, noted.digest)


def _contents(path: Path) -> Iterator[tuple[int, int, str]]:
    """Return the place in the file of each row's longer values: offset, position, column."""
    data = path.read_bytes()
    for row in rows_of(path):
        for column, value in zip(COLUMNS, row, strict=True):
            raw = value.encode() if isinstance(value, str) else value
            if isinstance(raw, bytes) and column in ("actor", "body", "digest", "command_hash"):
                at = data.find(raw)
                if at >= 0 and data.count(raw) == 1:
                    yield at, row[0], column


@pytest.mark.parametrize("byte", [0x00, 0x41, 0xFF], ids=hex)
def test_one_byte_of_the_file_changed_by_hand_is_found(template: Path, tmp_path: Path, byte: int) -> None:
    seen = set()
    for number, (at, position, column) in enumerate(list(_contents(template))[::5]):
        folder = tmp_path / str(number)
        folder.mkdir()
        url = copied(template, folder)
        data = bytearray(sqlite_file(url).read_bytes())
        data[at + 1] = byte if data[at + 1] != byte else byte ^ 0x20
        sqlite_file(url).write_bytes(data)
        assert first_bad(url) == position, column
        seen.add(column)
    assert seen >= {"body", "digest"}


@pytest.mark.parametrize("column", ["stream", "topic", "actor", "customer", "command_id"])
def test_bytes_that_are_no_text_are_found_too(template: Path, tmp_path: Path, column: str) -> None:
    url = copied(template, tmp_path)
    tamper(url, f"UPDATE relations_log SET {column} = CAST(x'ff80' || {column} AS TEXT) WHERE position = 7")
    assert first_bad(url) == 7


def test_a_broken_character_is_not_taken_for_the_sign_of_one(template: Path, tmp_path: Path) -> None:
    """U+FFFD stands for what cannot be read; the name has one, and a reader that put it in would see no change."""
    url = copied(template, tmp_path)
    damaged = b"desk " + b"\xf1\xbf\xbd" + b" 3"
    tamper(url, ("UPDATE relations_log SET actor = CAST(? AS TEXT) WHERE position = 2", (damaged,)))
    assert first_bad(url) == 2


def test_the_triggers_are_what_keeps_others_from_it(database_url: str) -> None:
    with Relations.open(database_url) as relations:
        relations.execute(register())
    engine = create_engine(database_url)
    statements = [
        "UPDATE relations_log SET actor = 'nobody'",
        "UPDATE relations_log SET position = position",
        "DELETE FROM relations_log",
        "DELETE FROM relations_log WHERE position = 1",
    ]
    if engine.dialect.name == "postgresql":
        statements += ["TRUNCATE relations_log", "TRUNCATE relations_log CASCADE"]
    else:
        statements += [
            f"INSERT OR REPLACE INTO relations_log SELECT {', '.join(COLUMNS)} FROM relations_log",
            "REPLACE INTO relations_log SELECT * FROM relations_log WHERE position = 1",
        ]
    for statement in statements:
        with pytest.raises(Exception, match="append-only"), engine.begin() as connection:
            connection.execute(text(statement))
    engine.dispose()
    assert first_bad(database_url) is None
