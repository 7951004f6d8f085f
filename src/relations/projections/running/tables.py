"""A projection's rows as SQL tables: columns from the rows' fields, and the few statements that the runner needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, cached_property
from itertools import chain, islice
from types import NoneType, UnionType
from typing import Any, ClassVar, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec.structs import astuple
from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, MetaData, Table, Text, insert, select

from relations.errors import StoreError
from relations.log.database import CompiledStatement, Database, among, compiled, insert_into
from relations.projections.projection import CustomerRow, Projection, Row, Tally
from relations.projections.running.checkpoints import edition_suffix

__all__ = ["RowTable", "TablesByProjection", "canonical"]

_NAME = Text().with_variant(Text(collation="C"), "postgresql")
_CHUNK = 2_000
"""Rows encoded at a time: this many stay in the processor's cache from one column to the next."""
_PARAMETERS_MAX = 500
_UNIONS = (Union, UnionType)
_DAMAGE = (msgspec.MsgspecError, UnicodeDecodeError, TypeError)
_json = msgspec.json.Encoder(order="deterministic")


class _Field:
    """One field of a row, and what it is as a column."""

    __slots__ = ("_is_key", "_is_nullable", "_sql", "adds_up", "decode", "is_json", "name")

    def __init__(self, row: type[Row], name: str, hint: Any) -> None:
        self.name = name
        self.is_json = False
        self.decode: Callable[[Any], Any] | None = None
        if _holds_floats(hint):
            msg = f"{row.__name__}.{name}: a float's sum depends on its order; keep integers"
            raise TypeError(msg)
        members = get_args(hint) if get_origin(hint) in _UNIONS else (hint,)
        plain = [_unmarked(member) for member in members if member is not NoneType]
        nullable = len(plain) < len(members)
        sql: Any
        if plain == [int]:
            sql = BigInteger().with_variant(Integer(), "sqlite")
        elif plain == [str]:
            sql = _NAME
        elif plain == [bool]:
            sql = Boolean()
            self.decode = _to_bool
        else:
            sql, nullable = Text(), False
            self.is_json = True
            self.decode = msgspec.json.Decoder(hint).decode
        self.adds_up = not nullable and isinstance(sql, BigInteger)
        self._sql, self._is_key = sql, name in row.key
        self._is_nullable = nullable and not self._is_key

    def column(self) -> Column[Any]:
        """Return a new column; each table needs its own."""
        return Column(self.name, self._sql, primary_key=self._is_key, nullable=self._is_nullable, autoincrement=False)


@cache
def _fields(row: type[Row]) -> tuple[_Field, ...]:
    """Return the fields of a class of rows. Finding their types takes longer than making a table of them."""
    hints = get_type_hints(row, include_extras=True)
    return tuple(_Field(row, name, hints[name]) for name in row.__struct_fields__)


def _unmarked(kind: Any) -> Any:
    """Return a type without the limits of its values; a type with any other mark stays as it is."""
    marks = getattr(kind, "__metadata__", ())
    return kind.__origin__ if marks and not any(getattr(mark, "extra", None) for mark in marks) else kind


@cache
def _holds_floats(kind: Any) -> bool:
    """Return whether a type is a float or has one anywhere inside.

    `msgspec.inspect` says it, too, but reads the annotations of all classes again for each row.
    """
    if kind is float:
        return True
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        hints = get_type_hints(kind)
        return any(_holds_floats(hints[name]) for name in kind.__struct_fields__)
    return any(map(_holds_floats, get_args(kind)))


def _to_bool(value: Any) -> bool | None:
    return None if value is None else bool(value)


class RowTable:
    """The SQL table of one class of rows.

    Args:
        database: Whose SQL it speaks.
        projection: Whose rows they are.
        row: The class.
        suffix: Added to the table's name; a rebuild fills tables next to those in use.

    Raises:
        TypeError: The class has a float column, a tally has a column that does not add up, or a row has no customer. Or
            a class with one row a customer has no `absorb`.
    """

    _shared: ClassVar[dict[tuple[str, str, str, type[Row]], RowTable]] = {}

    @classmethod
    def of(cls, database: Database, projection: Projection, row: type[Row]) -> RowTable:
        """Return the table in use, made once for each kind of database: making one takes milliseconds."""
        key = (database.engine.dialect.name, projection.name, edition_suffix(projection), row)
        found = cls._shared.get(key)
        if found is None:
            found = cls._shared[key] = cls(database, projection, row)
        return found

    def __init__(self, database: Database, projection: Projection, row: type[Row], suffix: str = "") -> None:
        self._dialect = database.engine.dialect
        self.row = row
        self.is_tally = issubclass(row, Tally)
        fields = _fields(row)
        self.names = tuple(field.name for field in fields)
        if self.names[: len(row.key)] != row.key:
            msg = f"{row.__name__}: the key's fields {row.key} must come first, in order"
            raise TypeError(msg)
        if not self.is_tally and (not issubclass(row, CustomerRow) or row.key[0] != "customer"):
            msg = f"{row.__name__}: a row that is no tally belongs to a customer, and its key begins with that"
            raise TypeError(msg)
        if issubclass(row, CustomerRow) and row.key == CustomerRow.key and row.absorb is CustomerRow.absorb:
            msg = f"{row.__name__}: one row a customer needs an absorb, so that merged customers have one row, too"
            raise TypeError(msg)
        if self.is_tally and not all(field.adds_up for field in fields[len(row.key) :]):
            msg = f"{row.__name__}: all fields of a tally outside of its key are int"
            raise TypeError(msg)
        self.label = f"{projection.name}_{row.table}"
        self.base_name = self.label + edition_suffix(projection)
        self.table = Table(
            self.base_name + suffix,
            MetaData(),
            *(field.column() for field in fields),
            *(
                Index(f"ix_{self.label}_{number}{edition_suffix(projection)}{suffix}", *columns)
                for number, columns in enumerate(row.indexes, start=1)
            ),
            # One tree by the key, not two: less work to fill it. But such a tree keeps no more than a quarter of a page
            # of a row, so rows with documents in them are kept in a tree by number, with another tree by the key.
            sqlite_with_rowid=any(field.is_json for field in fields),
        )
        self._json_columns = [index for index, field in enumerate(fields) if field.is_json]
        self._decoders = [(index, field.decode) for index, field in enumerate(fields) if field.decode]
        self._decode_by_name = {field.name: field.decode for field in fields}
        self._rows_a_statement = _PARAMETERS_MAX // len(fields) if database.is_sqlite else 1

    # Compiling a statement takes half a millisecond, and a rebuild's fresh tables need only one each.

    @cached_property
    def insert(self) -> CompiledStatement:
        """The statement that inserts a row."""
        return compiled(insert(self.table), self._dialect)

    @cached_property
    def upsert(self) -> CompiledStatement:
        """The statement that inserts a row or replaces it; to a tally's row it adds."""
        return compiled(self._upsert(), self._dialect)

    @cached_property
    def delete_sql(self) -> str:
        """The statement that deletes the row with a key."""
        this = (self.table.c[name] == "" for name in self.row.key)
        return compiled(self.table.delete().where(*this), self._dialect).sql

    @cached_property
    def select_of_customers(self) -> CompiledStatement | None:
        """The statement that selects the rows of customers; None for a tally."""
        if self.is_tally:
            return None
        these = among(self.table.c.customer, "customers", self._dialect)
        return compiled(select(self.table).where(these), self._dialect)

    @cached_property
    def select_sql(self) -> str:
        """The statement that selects all rows."""
        return compiled(select(self.table), self._dialect).sql

    def _upsert(self) -> Any:
        statement = insert_into(self.table, self._dialect)
        values = [name for name in self.names if name not in self.row.key]
        if not values:
            return statement.on_conflict_do_nothing()
        return statement.on_conflict_do_update(
            index_elements=list(self.row.key),
            set_={
                name: self.table.c[name] + statement.excluded[name] if self.is_tally else statement.excluded[name]
                for name in values
            },
        )

    def encode(self, row: Row) -> tuple[Any, ...]:
        """Return a row as the values of its columns; equal rows give equal values."""
        return next(iter(self._encode([row])))

    def _encode(self, rows: Sequence[Row]) -> Iterable[tuple[Any, ...]]:
        """Return rows as values. The loops over rows and over JSON columns run in C."""
        values: Iterable[tuple[Any, ...]] = map(astuple, rows)
        if not self._json_columns:
            return values
        columns: list[Sequence[Any]] = list(zip(*values, strict=True))
        for index in self._json_columns:
            # JSON has no line break outside of a string, and inside of one it is escaped.
            columns[index] = _json.encode_lines(columns[index]).decode().split("\n")
        # The rows' number is that of the shortest column, the key's: after the last line of JSON there is one more.
        return zip(*columns, strict=False)

    def encode_all(self, rows: Iterable[Row]) -> list[tuple[Any, ...]]:
        """Return all rows as values, but for tallies of nothing but zeros."""
        rest, width = iter(rows), len(self.row.key)
        found: list[tuple[Any, ...]] = []
        while part := list(islice(rest, _CHUNK)):
            found += self._encode(part)
        return [values for values in found if any(values[width:])] if self.is_tally else found

    def fill(self, cursor: Any, encoded: Sequence[tuple[Any, ...]]) -> None:
        """Write encoded rows that are not there yet, many with each statement where that is faster.

        Of a tally, each part of the log has a part; together they are the whole.
        """
        if self.is_tally:
            if encoded:
                cursor.executemany(self.upsert.sql, encoded)
            return
        size = self._rows_a_statement
        whole = len(encoded) - len(encoded) % size if size > 1 else 0
        if whole:
            flat = chain.from_iterable(encoded[:whole])
            cursor.executemany(self._insert_many, zip(*[flat] * (size * len(self.names)), strict=False))
        if whole < len(encoded):
            cursor.executemany(self.insert.sql, encoded[whole:])

    @property
    def _insert_many(self) -> str:
        insert_into, values = self.insert.sql.split(" VALUES ")
        # Without OR FAIL, SQLite keeps what it would need to take back this one statement; we take back all.
        insert_into = insert_into.replace("INSERT INTO", "INSERT OR FAIL INTO")
        return f"{insert_into} VALUES {', '.join([values] * self._rows_a_statement)}"

    def decode(self, values: Sequence[Any]) -> Any:
        """Return the row of its columns' values.

        Raises:
            StoreError: The stored row is damaged.
        """
        if not self._decoders:
            return self.row(*values)
        decoded = list(values)
        try:
            for index, decode in self._decoders:
                decoded[index] = decode(decoded[index])
        except _DAMAGE as error:
            raise self._damaged(error) from error
        return self.row(*decoded)

    def decode_all(self, values: Sequence[Sequence[Any]]) -> list[Any]:
        """Return the rows of many encoded rows, decoded column by column, which is faster than row by row.

        Raises:
            StoreError: A stored row is damaged.
        """
        columns = map(self.decode_column, self.names, zip(*values, strict=True))
        return list(map(self.row, *columns)) if values else []

    def decode_column(self, name: str, values: Sequence[Any]) -> Sequence[Any]:
        """Return the values of one column of many rows.

        Raises:
            StoreError: A stored row is damaged.
        """
        decode = self._decode_by_name[name]
        if decode is None:
            return values
        try:
            return list(map(decode, values))
        except _DAMAGE as error:
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> StoreError:
        return StoreError(
            f"a row of the view table {self.table.name} is damaged: {error}",
            code="view_damaged",
            hint="Run `relations rebuild`",
        )


def canonical(tables: Iterable[tuple[RowTable, Iterable[Sequence[Any]]]]) -> bytes:
    """Encoded rows of tables as canonical bytes: the same facts give the same bytes, in whatever order they came."""
    return b"\n".join(
        _json.encode([table.label, sorted((tuple(row) for row in rows), key=_sortable(table))])
        for table, rows in sorted(tables, key=lambda pair: pair[0].label)
    )


def _sortable(table: RowTable) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
    width = len(table.row.key)
    return lambda row: row[:width]


class TablesByProjection(dict[str, dict[type[Row], RowTable]]):
    """The tables of projections by name and class of row. Those of a projection are made when it is asked for."""

    def __init__(self, database: Database, projections: Mapping[str, Projection]) -> None:
        self._database = database
        self._projections = projections

    def __missing__(self, name: str) -> dict[type[Row], RowTable]:
        projection = self._projections[name]
        found = self[name] = {row: RowTable.of(self._database, projection, row) for row in projection.tables}
        return found
