"""A check that an SQLite file is still the one that was opened.

If a file is removed or replaced under a running process, SQLite continues to write to the old one, which nobody will
read again. So the path is checked before a connection is used, and before anything is acknowledged.
"""

from __future__ import annotations

import os
import sqlite3

from relations.errors import StoreError

__all__ = ["FileInPlace"]


class FileInPlace:
    """The place of one SQLite file, and the file that was there when it was opened."""

    __slots__ = ("_file", "_path")

    def __init__(self) -> None:
        self._path = ""
        self._file: tuple[int, int] | None = None

    def opened(self, connection: sqlite3.Connection) -> None:
        """Remember the file of a new connection, or check it where one is remembered."""
        path: str = connection.execute("PRAGMA database_list").fetchone()[2]
        if self._file is not None:
            self.check()
        elif path:
            found = os.stat(path)  # noqa: PTH116 - as in `check`, which runs for every transaction
            self._path, self._file = path, (found.st_dev, found.st_ino)

    def check(self) -> None:
        """Check that the file is still in its place.

        Raises:
            StoreError: It was removed, or another one is in its place.
        """
        if self._file is None:
            return
        try:
            found = os.stat(self._path)  # noqa: PTH116 - a third of the time that `Path.stat` takes
            there = found.st_dev, found.st_ino
        except OSError:
            there = None
        if there != self._file:
            done = "removed" if there is None else "replaced"
            raise StoreError(
                f"the database file was {done} while it was in use: {self._path}",
                code="database_replaced",
                hint="Stop everything that uses it, restore the right file, and start again",
            )
