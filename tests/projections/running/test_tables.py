from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import inspect, select

from relations import Money
from relations.log import Database
from relations.projections import PROJECTIONS, CustomerRow, Projection, Row, Tally
from relations.projections.running.tables import RowTable, canonical
from tests.support.effort import part


class Item(msgspec.Struct, frozen=True, array_like=True):
    name: str
    count: int


class Wide(CustomerRow, gc=False):
    table: ClassVar[str] = "wide"
    key: ClassVar[tuple[str, ...]] = ("customer", "number")
    indexes: ClassVar[tuple[tuple[str, ...], ...]] = (("text",), ("flag", "maybe_int"))
    number: int = 0
    text: str = ""
    maybe_text: str | None = None
    maybe_int: int | None = None
    flag: bool = False
    maybe_flag: bool | None = None
    items: tuple[Item, ...] = ()
    by_name: dict[str, int] = msgspec.field(default_factory=dict)
    maybe_item: Item | None = None
    money: Money | None = None


class OnlyKey(CustomerRow, gc=False):
    table: ClassVar[str] = "only_key"

    def absorb(self, other: Any) -> None:
        raise AssertionError("nobody is merged here")


class Totals(Tally, gc=False):
    table: ClassVar[str] = "totals"
    key: ClassVar[tuple[str, ...]] = ("month", "kind")
    month: str
    kind: str
    one: int = 0
    two: int = 0


PROJECTION = Projection("things", 1, (Wide, OnlyKey, Totals))
numbers = st.integers(-(2**63), 2**63 - 1)
words = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
items = st.builds(Item, words, numbers)
wides = st.builds(
    Wide,
    customer=words,
    number=numbers,
    text=words,
    maybe_text=st.none() | words,
    maybe_int=st.none() | numbers,
    flag=st.booleans(),
    maybe_flag=st.none() | st.booleans(),
    items=st.lists(items).map(tuple),
    by_name=st.dictionaries(words, numbers),
    maybe_item=st.none() | items,
    money=st.none() | st.builds(Money, numbers, st.just("EUR")),
)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    with opened.transaction() as connection:
        for row in PROJECTION.tables:
            RowTable(opened, PROJECTION, row).table.create(connection)
    yield opened
    opened.close()


def _written(database: Database, table: RowTable, rows: list[Any]) -> list[Any]:
    """The rows as they come back; nothing stays."""
    with database.engine.connect() as connection:
        transaction = connection.begin()
        database.cursor(connection).executemany(table.upsert.sql, table.encode_all(rows))
        found = [tuple(values) for values in connection.execute(select(table.table))]
        transaction.rollback()
    return found


def test_rows_come_back_as_they_were_and_to_the_same_bytes(database: Database) -> None:
    table = RowTable(database, PROJECTION, Wide)

    @part(40)
    @given(st.lists(wides, min_size=1, max_size=4, unique_by=lambda row: (row.customer, row.number)))
    def check(rows: list[Wide]) -> None:
        found = _written(database, table, rows)
        by_key = {(row.customer, row.number): row for row in rows}
        assert {values[:2]: table.decode(values) for values in found} == by_key
        assert canonical([(table, found)]) == canonical([(table, table.encode_all(rows))])

    check()


def test_upserts_write_over_and_tallies_add(database: Database) -> None:
    table = RowTable(database, PROJECTION, Wide)
    assert _written(database, table, [Wide("c", 1, "a"), Wide("c", 1, "b")])[0][:3] == ("c", 1, "b")
    only = RowTable(database, PROJECTION, OnlyKey)
    assert _written(database, only, [OnlyKey("c"), OnlyKey("c")]) == [("c",)]
    assert only.decode(("c",)) == OnlyKey("c")
    totals = RowTable(database, PROJECTION, Totals)
    rows = [Totals("2024-05", "x", 1, 2), Totals("2024-05", "x", -3, 5), Totals("2024-05", "y", 1)]
    assert sorted(_written(database, totals, rows)) == [("2024-05", "x", -2, 7), ("2024-05", "y", 1, 0)]


def test_a_tally_of_nothing_is_no_row(database: Database) -> None:
    totals = RowTable(database, PROJECTION, Totals)
    assert totals.encode_all([Totals("m", "k"), Totals("m", "k", 0, 1)]) == [("m", "k", 0, 1)]
    assert RowTable(database, PROJECTION, OnlyKey).encode_all([OnlyKey("")]) == [("",)]


@part(40)
@given(st.lists(wides, max_size=5, unique_by=lambda row: (row.customer, row.number)), st.randoms())
def test_canonical_bytes_do_not_depend_on_order(rows: list[Wide], chance: Any) -> None:
    database = Database("sqlite://")
    table, other = RowTable(database, PROJECTION, Wide), RowTable(database, PROJECTION, OnlyKey)
    encoded = table.encode_all(rows)
    shuffled = list(encoded)
    chance.shuffle(shuffled)
    assert canonical([(table, encoded), (other, [])]) == canonical([(other, []), (table, shuffled)])
    database.close()


@part(40)
@given(st.tuples(wides, wides))
def test_different_facts_have_different_bytes(pair: tuple[Wide, Wide]) -> None:
    database = Database("sqlite://")
    table = RowTable(database, PROJECTION, Wide)
    one, other = (canonical([(table, [table.encode(row)])]) for row in pair)
    assert (one == other) == (pair[0] == pair[1])
    database.close()


class NoCustomer(Row, gc=False):
    table: ClassVar[str] = "no_customer"
    key: ClassVar[tuple[str, ...]] = ("name",)
    name: str


class CustomerLater(CustomerRow, gc=False):
    table: ClassVar[str] = "customer_later"
    key: ClassVar[tuple[str, ...]] = ("customer", "number")
    text: str = ""
    number: int = 0


class MaybeFloat(CustomerRow, gc=False):
    table: ClassVar[str] = "maybe_float"
    rate: float | None = None

    def absorb(self, other: Any) -> None:
        raise AssertionError("nobody is merged here")


class FloatsInside(CustomerRow, gc=False):
    table: ClassVar[str] = "floats_inside"
    rates: tuple[float, ...] = ()

    def absorb(self, other: Any) -> None:
        raise AssertionError("nobody is merged here")


class MaybeTally(Tally, gc=False):
    table: ClassVar[str] = "maybe_tally"
    key: ClassVar[tuple[str, ...]] = ("name",)
    name: str
    number: int | None = None


@pytest.mark.parametrize("row", [NoCustomer, CustomerLater, MaybeFloat, FloatsInside, MaybeTally])
def test_rows_that_would_break_a_law_are_refused(row: type[Row]) -> None:
    database = Database("sqlite://")
    with pytest.raises(TypeError, match=row.__name__):
        RowTable(database, Projection("p", 1, (row,)), row)
    database.close()


def test_every_table_that_ships_can_be_made(database: Database) -> None:
    made = 0
    with database.transaction() as connection:
        for projection in PROJECTIONS:
            for row in projection.tables:
                table = RowTable(database, projection, row, "__0123abcd")
                assert len(table.table.name) <= 63
                assert all(len(str(index.name)) <= 63 for index in table.table.indexes), table.table.name
                table.table.create(connection)
                found = inspect(connection).get_pk_constraint(table.table.name)["constrained_columns"]
                assert tuple(found) == row.key
                made += 1
    assert made >= 6
