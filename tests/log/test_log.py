from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from relations import Relations
from relations.errors import ChainBroken
from relations.log import Database, Entry, Log, Shard
from relations.log.chain import GENESIS, link
from relations.log.tables import COLUMNS
from tests.support.making import in_processes, purchase, register


def entry(stream: str = "s", version: int = 1, customer: str = "c", **changes: Any) -> Entry:
    values = {
        "stream": stream,
        "version": version,
        "topic": "test.happened",
        "schema": 1,
        "customer": customer,
        "occurred_at": -5,
        "recorded_at": 2**50,
        "actor": "Zoë 東",
        "command_id": f"{stream}@{version}",
        "command_seq": 0,
        "command_hash": None,
        "cause": None,
        "body": b'{"a":"\\u0000 \xc3\xa9"}',
    }
    return Entry(**{**values, **changes})


@pytest.fixture
def log(database_url: str) -> Any:
    opened = Log.open(database_url)
    yield opened
    opened.database.close()


def rows_of(log: Log, **options: Any) -> list[tuple[Any, ...]]:
    with log.database.reading() as connection:
        pages = list(log.scan(connection, **options))
    assert all(pages)
    return [row for page in pages for row in page]


def test_positions_begin_at_one_and_have_no_gaps(log: Log) -> None:
    with log.writing() as writer:
        assert writer.head == (0, GENESIS)
        assert writer.append([]) == []
        written = writer.append([entry(version=1), entry(version=2)])
        written += writer.append([entry(version=3)])
        assert writer.head.position == writer.appended == 3
    assert [row[0] for row in written] == [1, 2, 3]
    assert rows_of(log) == written
    digest = GENESIS
    for row in written:
        digest = link(digest, row[:-1])
        assert row[-1] == digest


def test_a_failed_append_leaves_no_gap(log: Log) -> None:
    with log.writing() as writer:
        writer.append([entry(version=1)])
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), log.writing() as writer:  # noqa: PT012 - a transaction
            writer.append([entry(version=2), entry(version=3)])
            raise ZeroDivisionError
    with pytest.raises(Exception, match=r"UNIQUE|unique|append-only"), log.writing() as writer:
        writer.append([entry(version=2), entry(version=1, command_id="other")])
    with log.writing() as writer:
        assert writer.append([entry(version=2)])[0][0] == 2
    assert len(rows_of(log)) == 2


def test_what_is_stored_comes_back_to_the_byte(log: Log) -> None:
    extremes = [
        entry(version=1, occurred_at=-(2**63), recorded_at=2**63 - 1),
        entry(version=2**62, body=bytes(range(256)), command_hash=b"\0" * 16, cause="s@1"),
        entry("ß-" + "x" * 300, 1, customer="", actor=" \t\n'\"\\%s :x", command_seq=2**31 - 1, body=b""),
    ]
    with log.writing() as writer:
        written = writer.append(extremes)
    assert rows_of(log) == written
    with log.database.reading() as connection:
        assert [head.position for head in log.check(connection)] == [3]


@pytest.fixture
def many(log: Log) -> Log:
    with log.writing() as writer:
        writer.append([entry(f"s{n}", 1, customer=f"c{n % 7}" if n % 5 else "") for n in range(60)])
    return log


@pytest.mark.parametrize("chunk", [1, 7, 60, 1000])
def test_scanning_gives_every_row_once_in_order(many: Log, chunk: int) -> None:
    rows = rows_of(many, chunk=chunk)
    assert [row[0] for row in rows] == list(range(1, 61))
    assert rows_of(many, chunk=chunk, after=10, until=20) == rows[10:20]
    assert rows_of(many, chunk=chunk, after=60) == rows_of(many, chunk=chunk, until=0) == []
    assert rows_of(many, columns=("position", "customer"), chunk=chunk) == [(row[0], row[5]) for row in rows]
    assert len(COLUMNS) == len(rows[0])


@pytest.mark.parametrize("count", [1, 2, 3, 8, 100])
def test_shards_are_everybody_once(many: Log, count: int) -> None:
    with many.database.reading() as connection:
        shards = many.shards(connection, count)
    assert shards[0].first is None
    assert shards[-1].last is None
    assert len(shards) <= count
    parts = [rows_of(many, shard=shard, chunk=5) for shard in shards]
    assert sorted(row for part in parts for row in part) == rows_of(many)
    customers = [{row[5] for row in part} for part in parts]
    assert sum(map(len, customers)) == len(set().union(*customers))


@pytest.mark.parametrize("chunk", [1, 7, 60, 1000])
def test_scanning_by_customer_gives_each_customers_rows_in_order_one_customer_after_the_other(
    many: Log, chunk: int
) -> None:
    def scanned(shard: Shard, **options: Any) -> list[Any]:
        with many.database.reading() as connection:
            pages = list(many.scan_by_customer(connection, shard=shard, chunk=chunk, **options))
        assert all(0 < len(page) <= chunk for page in pages)
        return [row for page in pages for row in page]

    everybody = sorted(rows_of(many), key=lambda row: (row[5], row[0]))
    assert scanned(Shard(None, None), until=60) == everybody
    assert scanned(Shard(None, None), until=40) == [row for row in everybody if row[0] <= 40]
    for place in (0, 11, 12, 58, 59):  # within a customer, between two, and at the end
        after = everybody[place][5], everybody[place][0]
        assert scanned(Shard(None, None), until=60, after=after) == everybody[place + 1 :]
    with many.database.reading() as connection:
        shards = many.shards(connection, 3)
    assert len(shards) == 3
    assert [row for shard in shards for row in scanned(shard, until=60)] == everybody


def test_shards_of_an_empty_log(log: Log) -> None:
    with log.database.reading() as connection:
        assert log.shards(connection, 4) == [Shard(None, None)]


@given(st.lists(st.text("aAbB.:_-é0zZ", max_size=3), min_size=1, max_size=30), st.integers(1, 6))
def test_shards_hold_whatever_the_names(names: list[str], count: int) -> None:
    log = Log(Database("sqlite://"))
    with log.writing() as writer:
        writer.append([entry(f"s{n}", 1, customer=name) for n, name in enumerate(names)])
    with log.database.reading() as connection:
        shards = log.shards(connection, count)
    parts = [rows_of(log, shard=shard) for shard in shards]
    assert sorted(row[0] for part in parts for row in part) == list(range(1, len(names) + 1))
    log.database.close()


def test_names_are_compared_byte_by_byte_on_both_databases(log: Log) -> None:
    names = ["a", "B", "b", "A", "a.b", "a-b", "a_b", "é", "Z", "z"]
    with log.writing() as writer:
        writer.append([entry(f"s{n}", 1, customer=name) for n, name in enumerate(names)])
    with log.database.reading() as connection:
        found = connection.execute(text("SELECT customer FROM relations_log ORDER BY customer")).scalars().all()
    assert found == sorted(names)


# --- copies ---------------------------------------------------------------------------------------------------------


def test_a_copy_proves_itself(many: Log, sqlite_url: str) -> None:
    rows = rows_of(many)
    copy = Log.open(sqlite_url + ".copy")
    with copy.writing() as writer:
        writer.restore(rows[:20])
        writer.restore(rows[20:])
        assert writer.appended == 60
    assert rows_of(copy) == rows
    changed = [*rows[:5], (*rows[5][:8], "nobody", *rows[5][9:]), *rows[6:]]
    for broken, position in ((changed, 6), (rows[1:], 1), ([*rows[:9], *rows[10:]], 10), (rows[::-1], 1)):
        other = Log(Database("sqlite://"))
        with pytest.raises(ChainBroken) as caught, other.writing() as writer:
            writer.restore(broken)
        assert caught.value.position == position
        assert rows_of(other) == []
        other.database.close()
    with pytest.raises(ChainBroken), copy.writing() as writer:
        writer.restore(rows)  # a second time it does not follow
    assert len(rows_of(copy)) == 60
    copy.database.close()


def _append(url: str, process: int) -> list[int]:
    log = Log.open(url)
    positions = []
    for version in range(1, 16):
        with log.writing() as writer:
            positions += [row[0] for row in writer.append([entry(f"p{process}", 2 * version + i) for i in range(2)])]
    log.database.close()
    return positions


def test_writers_take_turns(database_url: str) -> None:
    Log.open(database_url).database.close()
    taken = in_processes(_append, [(database_url, process) for process in range(3)])
    assert sorted(position for positions in taken for position in positions) == list(range(1, 91))
    assert all(positions == sorted(positions) for positions in taken)
    assert all(
        one + 1 == other for positions in taken for one, other in zip(positions[::2], positions[1::2], strict=True)
    )
    log = Log.open(database_url)
    with log.database.reading() as connection:
        assert list(log.check(connection))[-1].position == 90
    log.database.close()


def test_a_log_is_opened_again_as_it_was(database_url: str) -> None:
    for number in range(3):
        with Relations.open(database_url) as relations:
            relations.execute(register() if number == 0 else purchase(number))
            assert relations.status().position == number + 2
