"""What a caller asks: the base of typed queries over a projection's tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeVar

from sqlalchemy import Select, Table, select

from relations.log.database import Database
from relations.policies import Policy
from relations.policies.calendars import LocalTime, local_time
from relations.projections.projection import Projection, Row
from relations.projections.tables import RowTable

__all__ = ["View"]

R = TypeVar("R", bound=Row)


class View:
    """Typed queries over one projection's tables. Subclasses name their `projection` and add the questions.

    Args:
        database: Where the tables are.
        policy: Gives the policy in force when the question is asked.
        now: Gives the present, UTC microseconds: the default of every `as_of`.
        refresh: Called before each read; an embedded engine folds what is new, so callers read their own writes.
    """

    projection: ClassVar[Projection]

    def __init__(
        self,
        database: Database,
        policy: Callable[[], Policy],
        now: Callable[[], int],
        refresh: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._policy = policy
        self._now = now
        self._refresh = refresh
        self._tables = {row: RowTable(database, self.projection, row) for row in self.projection.tables}

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        return self._policy()

    @property
    def now(self) -> int:
        """The present, UTC microseconds."""
        return self._now()

    @property
    def local(self) -> LocalTime:
        """The business's own days and months."""
        return local_time(self.policy.zone)

    def table(self, row: type[Row]) -> Table:
        """The SQLAlchemy table of a class of rows."""
        return self._tables[row].table

    def rows(
        self,
        row: type[R],
        *where: Any,
        order_by: Sequence[Any] = (),
        limit: int | None = None,
        offset: int | None = None,
    ) -> list[R]:
        """The rows that meet all conditions, as their class."""
        statement = select(self.table(row)).where(*where).order_by(*order_by).limit(limit).offset(offset)
        decode = self._tables[row].decode
        return [decode(values) for values in self.execute(statement)]

    def execute(self, statement: Select[Any]) -> list[Any]:
        """The result of any query over the tables."""
        self._refresh()
        # Not `reading`: its repeatable snapshot is taken before PostgreSQL looks the table up, and a rebuild that
        # switched in between would show its fresh table as of before it was filled.
        with self._database.transaction() as connection:
            return list(connection.execute(statement))
