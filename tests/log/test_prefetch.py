"""Reading ahead gives the very rows that reading gives, whatever is in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relations.log import Log, Shard
from relations.log.prefetch import pages_read_ahead
from relations.log.tables import FOREIGN
from tests.log.test_log import entry
from tests.support.making import tamper

COLUMNS = ("position", "stream", "version", "topic", "schema", "customer", "occurred_at", "recorded_at", "body")
EVERYBODY = Shard(None, None)


def plainly(log: Log, shard: Shard, until: int) -> list[tuple[Any, ...]]:
    with log.database.reading() as connection:
        pages = list(log.scan_by_customer(connection, COLUMNS, until=until, shard=shard))
    return [row for page in pages for row in page]


def ahead(log: Log, shard: Shard, until: int) -> list[tuple[Any, ...]]:
    pages = list(pages_read_ahead(log, COLUMNS, until=until, shard=shard))
    assert all(pages)
    return [(*row[:-1], row[-1].encode() if isinstance(row[-1], str) else row[-1]) for page in pages for row in page]


@pytest.fixture
def log(sqlite_url: str) -> Any:
    opened = Log.open(sqlite_url, durability="off")
    yield opened
    opened.database.close()


@pytest.mark.parametrize("chunk", [1, 7, 60, 1_000])
def test_everybody_is_read_once_in_order_in_pages_of_any_size(
    log: Log, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relations.log.prefetch._CHUNK", chunk)
    with log.writing() as writer:
        writer.append([entry(f"s{n}", 1, customer=f"c{n % 7}" if n % 5 else "") for n in range(60)])
    everybody = plainly(log, EVERYBODY, 60)
    assert len(everybody) == 60
    assert ahead(log, EVERYBODY, 60) == everybody
    assert ahead(log, EVERYBODY, 33) == plainly(log, EVERYBODY, 33)
    with log.database.reading() as connection:
        shards = log.shards(connection, 3)
    assert [row for shard in shards for row in ahead(log, shard, 60)] == everybody


@given(st.lists(st.tuples(st.text(max_size=5), st.text(), st.integers(-(2**63), 2**63 - 1)), min_size=1, max_size=12))
def test_whatever_is_in_them(tmp_path_factory: pytest.TempPathFactory, said: list[tuple[str, str, int]]) -> None:
    path: Path = tmp_path_factory.mktemp("log") / "log.db"
    log = Log.open(f"sqlite:///{path}", durability="off")
    words = [(name.replace("\0", ""), text.replace("\0", ""), number) for name, text, number in said]
    with log.writing() as writer:
        writer.append(
            [
                entry(f"s{n}", 1, customer=name, body=text.encode(errors="replace"), occurred_at=number)
                for n, (name, text, number) in enumerate(words)
                if name.isprintable()
            ]
            + [entry("last", 1)]
        )
    until = len(words) + 1
    assert ahead(log, EVERYBODY, until) == plainly(log, EVERYBODY, until) != []
    log.database.close()


def test_another_applications_bodies_are_not_read(log: Log) -> None:
    with log.writing() as writer:
        writer.append([entry(), entry("theirs", schema=FOREIGN, customer="", body=b"\xff\x00\xfe")])
    assert [(row[1], row[-1]) for row in ahead(log, EVERYBODY, 2)] == [("theirs", b""), ("s", entry().body)]


def test_a_damaged_body_is_given_as_it_is(log: Log, sqlite_url: str) -> None:
    with log.writing() as writer:
        writer.append([entry(f"s{n}", customer=f"c{n}") for n in range(3)])
    tamper(sqlite_url, ("UPDATE relations_log SET body = ? WHERE position = 2", (b"\xff\xfe",)))
    assert ahead(log, EVERYBODY, 3) == plainly(log, EVERYBODY, 3)
    assert ahead(log, EVERYBODY, 3)[1][-1] == b"\xff\xfe"
