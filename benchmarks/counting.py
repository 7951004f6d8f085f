"""Counting what a question costs: processor time of this process and of the server, and statements."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from time import process_time
from typing import Any, NamedTuple

from sqlalchemy import event

from relations import Relations
from relations.errors import InvalidInput

__all__ = ["Cost", "Counter"]

_TICKS = os.sysconf("SC_CLK_TCK")


class Cost(NamedTuple):
    """The cost of a question.

    Attributes:
        own: The processor time of this process, in milliseconds.
        server: That of the server's processes.
        statements: The statements that PostgreSQL's driver sent.
    """

    own: float
    server: float
    statements: float

    @property
    def milliseconds(self) -> float:
        """The processor time of both."""
        return self.own + self.server


class Counter:
    """A counter of an engine's statements on PostgreSQL, and of the processor time of both sides.

    SQLite's statements are not counted: it would have to write each one down with its values.

    Args:
        engine: The engine, before its first question.
    """

    def __init__(self, engine: Relations) -> None:
        self._statements = 0
        self._server: int | None = None
        database = engine.log.database
        if not database.is_sqlite:
            event.listen(database.engine, "connect", self._listen)
            database.engine.dispose()  # so that every connection is counted
            self._server = _postmaster(engine)

    def _listen(self, connection: Any, _record: object) -> None:
        counter = self

        class Counting(connection.cursor_factory):  # type: ignore[misc]  # a class that is known at run time only
            def execute(self, *args: Any, **kwargs: Any) -> Any:
                counter._statements += 1
                return super().execute(*args, **kwargs)

        connection.cursor_factory = Counting

    def cost(self, question: Callable[..., Any], values: Mapping[str, Any], times: int = 1) -> Cost:
        """Ask a question this many times, and return the mean cost.

        Looking at the server's processes is not part of it. Nor is garbage that earlier questions left: one search of
        a heap of many engines takes longer than most questions.
        """
        gc.collect()
        statements, server, own = self._statements, self._server_seconds(), process_time()
        for _ in range(times):
            with suppress(InvalidInput):  # a small log has too few answers for some figures
                question(**values)
        own = process_time() - own
        server = self._server_seconds() - server
        return Cost(own * 1_000 / times, server * 1_000 / times, (self._statements - statements) / times)

    def _server_seconds(self) -> float:
        return 0.0 if self._server is None else sum(map(_seconds, _with_children(self._server)))


def _postmaster(engine: Relations) -> int:
    with engine.log.database.reading() as connection:
        backend: int = connection.connection.driver_connection.info.backend_pid  # type: ignore[union-attr]  # psycopg's
    return _parent(backend)


def _stat(process: int) -> list[str]:
    """Return the fields of a process's `stat` that follow its name."""
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()


def _parent(process: int) -> int:
    return int(_stat(process)[1])


def _with_children(process: int) -> Iterator[int]:
    yield process
    for each in Path("/proc").iterdir():
        if each.name.isdecimal():
            with suppress(OSError):  # it has ended
                if _parent(int(each.name)) == process:
                    yield int(each.name)


def _seconds(process: int) -> float:
    """Return the processor time of a process, and of those of its children that have ended."""
    with suppress(OSError):
        used = int(Path(f"/proc/{process}/schedstat").read_text().split()[0]) / 1e9
        ended = sum(map(int, _stat(process)[13:15])) / _TICKS
        return used + ended
    return 0.0
