"""Reading of an SQLite file by customer while the previous page is being folded.

Python runs one thread at a time, but SQLite does not need the interpreter lock while it works. A driver that returns
row by row needs the lock after each row. So here a page is a single row, which SQLite builds itself: its rows as JSON.
Parsing that takes a fifth of the time of reading the rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from operator import itemgetter
from typing import Any

import msgspec
from sqlalchemy import BigInteger, Integer, LargeBinary, Text, case, cast, func, literal, select

from relations.log.log import Log, Shard
from relations.log.tables import FOREIGN, log

__all__ = ["pages_read_ahead"]

Raw = tuple[Any, ...]

_CHUNK = 6_000
"""Rows per page: enough that the waits between threads, a few of 5 ms per page, do not matter."""


def pages_read_ahead(log_of: Log, columns: Sequence[str], *, until: int, shard: Shard) -> Iterator[list[Raw]]:
    """Yield pages of rows by customer, each customer's in order of position; `body` is text.

    Each page is read in its own transaction, because the log only grows and events after `until` are left out.

    Args:
        log_of: The log, in an SQLite file.
        columns: The columns, with `position` and `customer` among them.
        until: The last position.
        shard: Only events of these customers.
    """
    pages = _Pages(log_of, columns, until, shard)
    after = (shard.first or "", 0)
    with ThreadPoolExecutor(1, "relations-reading-ahead") as thread:
        pending = thread.submit(pages.read, after)
        while True:
            page = pages.rows_of(pending.result(), after)
            if len(page) == _CHUNK:
                after = pages.place_of(page[-1])
                pending = thread.submit(pages.read, after)
            if page:
                yield page
            if len(page) < _CHUNK:
                return


class _Pages:
    def __init__(self, log_of: Log, columns: Sequence[str], until: int, shard: Shard) -> None:
        self._log = log_of
        self._columns = columns
        self._shard = shard
        self._until = until
        self.place_of = itemgetter(columns.index("customer"), columns.index("position"))
        rows = log_of.by_customer(columns, shard).subquery()
        # Another application's bodies need not be text, and nobody here reads them.
        body = case((rows.c.schema == FOREIGN, literal("")), else_=cast(rows.c.body, Text))
        values = (body if name == "body" else rows.c[name] for name in columns)
        # As bytes, which nobody checks to be text before the decoder does.
        page = cast(func.json_group_array(func.json_array(*values)), LargeBinary)
        self._query = log_of.database.compile(select(page))
        kinds = tuple(int if isinstance(log.c[name].type, BigInteger | Integer) else str for name in columns)
        self._decode = msgspec.json.Decoder(list[tuple[kinds]]).decode  # type: ignore[valid-type] # made at run time

    def read(self, after: tuple[str, int]) -> bytes:
        values = self._log.place(after, until=self._until, shard=self._shard, chunk=_CHUNK)
        database = self._log.database
        with database.reading() as connection:
            found: tuple[bytes] = (
                database.cursor(connection).execute(self._query.sql, self._query.bind(**values)).fetchone()
            )
        return found[0]

    def rows_of(self, page: bytes, after: tuple[str, int]) -> list[Raw]:
        try:
            rows: list[Raw] = self._decode(page)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return self._row_by_row(after)
        # SQLite puts them together in the order in which it reads them, but does not promise to.
        rows.sort(key=self.place_of)
        return rows

    def _row_by_row(self, after: tuple[str, int]) -> list[Raw]:
        """The page as the driver has it: what is damaged in it is for the one who decodes that event to say."""
        with self._log.database.reading() as connection:
            scan = self._log.scan_by_customer(
                connection, self._columns, until=self._until, shard=self._shard, after=after, chunk=_CHUNK
            )
            return next(scan, [])
