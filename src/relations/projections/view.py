"""The base of views: typed queries over a projection's tables.

Rows are kept by the customer as recorded. A view answers for the surviving id of customers who were merged. `rows`
gives rows under that id, and combines those of one customer by the rule that their class declares. Conditions and
orders are written on the table as if its column `customer` held the surviving id. While nobody is merged, the SQL is as
if there were no merges.
"""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import cached_property, partial, wraps
from itertools import islice
from operator import le
from time import perf_counter
from types import FunctionType
from typing import Any, ClassVar, NamedTuple, TypeVar

import msgspec
from pydantic import ValidationError
from sqlalchemy import Connection, select

from relations.errors import InvalidInput, StoreError
from relations.log.database import CompiledStatement, Database
from relations.log.people.likeness import Likeness
from relations.log.tables import log
from relations.messages import LATEST, minor_digits, to_micros
from relations.months import last_day
from relations.policies import Policy
from relations.policies.calendars import LocalTime, local_time
from relations.policies.in_force import InForce
from relations.projections.by_customer import KeptByCustomer, regrouped
from relations.projections.columns import (
    CHANGED_MAX,
    Codes,
    ColumnGroups,
    Columns,
    ColumnStore,
    Fetched,
    FieldGroup,
    Parts,
    RowSource,
    StoredParts,
    decoded_parts,
    encoded_parts,
)
from relations.projections.explained_figures import ExplainableFigure
from relations.projections.gc_pause import collector_paused
from relations.projections.keeping import Asking, Holding, KeptAnswers, ViewState, copied, key_of_call
from relations.projections.projection import CustomerRow, Projection, Row, Rows
from relations.projections.running.aliases import Aliases, combined
from relations.projections.running.fold_state import FoldState
from relations.projections.running.resolving import AliasReader
from relations.projections.running.stored_columns import StoredAt, read_columns, store_columns, stored_at
from relations.projections.running.tables import RowTable
from relations.projections.table_reader import TableReader

__all__ = ["View", "ViewContext", "unknown_customer"]

R = TypeVar("R", bound=Row)
T = TypeVar("T")
C = TypeVar("C", bound=CustomerRow)
H = TypeVar("H", bound=Holding)


_LATEST = to_micros(LATEST)
_ATTEMPTS = 10
"""The most times that a question starts again because the aliases are newer than the view's tables."""
_NAMES, _GROUPED = "*names", "*groups"
"""The names under which the ids of columns and their aliases are stored, next to those of groups of fields."""
_STORED_AGAIN = CHANGED_MAX // 2
"""Events since columns were stored from which on they are stored again."""
_CHANGED_SHARE = 0.5
"""The part of customers with another value at a moment from which on all are computed for its day."""
_WORTH_KEEPING = 0.0005
"""Seconds from which on an answer is kept: a faster one is computed again sooner than its memory is worth."""


def _no_events(customers: Collection[str] | None = None) -> Mapping[str, tuple[int, bool]]:
    return {}


@dataclass(frozen=True, slots=True)
class ViewContext:
    """Everything that an engine gives to a view.

    Attributes:
        database: Returns the database that has the tables.
        policy: Returns the policy in force now.
        rules: Returns every policy, and when each is in force.
        now: Returns the present, UTC microseconds: the default of every `as_of`.
        refresh: Folds new events into the tables of projections, up to a position or the head: `(projections, until)`.
            An embedded engine does so before an answer, so that callers read their own writes.
        aliases: Returns what reads which ids belong to one customer.
        fold_customer: Folds one customer's events in memory: `(projections, customer, until) -> rows by projection`.
        customers_between: Returns the customers with events, of those that the projections fold, between two moments.
        open_words: Opens sealed personal words; None for the erased.
        digest: Returns the keyed digest of a text for a purpose, by which sealed words are found.
        is_recorded: Returns True if the log has an event of any of these customers, at any time.
        marked: Returns the ids that may have all of these normalised words; see `relations.log.people.marks`.
        last_events: Returns the time of the last event of some ids, or of each customer's, and whether they have a key;
            nothing as of the past.
        likeness: The stored digests by which likely duplicates are found.
    """

    database: Callable[[], Database]
    policy: Callable[[], Policy]
    rules: Callable[[], InForce]
    now: Callable[[], int]
    refresh: Callable[[Sequence[Projection], int | None], None]
    aliases: Callable[[], AliasReader]
    fold_customer: Callable[[Sequence[Projection], str, int | None], dict[str, Rows]]
    customers_between: Callable[[Sequence[Projection], int, int], list[str]]
    open_words: Callable[[Sequence[tuple[str, str, str, str]]], list[str | None]]
    digest: Callable[[str, str], str | None]
    is_recorded: Callable[[Sequence[str]], bool]
    marked: Callable[[Sequence[tuple[str, str]], str, int], list[str]] = lambda _words, _after, _limit: []
    last_events: Callable[[Collection[str] | None], Mapping[str, tuple[int, bool]]] = _no_events
    likeness: Likeness = field(default_factory=Likeness)


class _Recorded(set[str]):
    """The customers who are known to have a recorded event: a question asks other questions about the same one."""


class _Answered(NamedTuple):
    """The state from which a view gave its last answer.

    Attributes:
        fold_state: The head and the places, with all events folded.
        state: The state of the view's tables.
        position: The last position that was folded into them.
        rules: The policies.
    """

    fold_state: FoldState
    state: ViewState
    position: int | None
    rules: InForce


class View(TableReader):
    """Typed queries over one projection's tables. Subclasses name their `projection` and add questions as methods.

    A question about a `customer` without any recorded event is refused, whatever the view. An answer would look like
    one about a customer without any trouble.

    Answers are kept for as long as they hold, if the class says so with `keeps_answers`. Its questions may then depend
    only on their arguments, the view's tables, the policies, what `View` reads for them, and the views in `reads`.

    Args:
        context: Everything that the engine gives to a view.
        *others: The views that it reads, in the order of `reads`.
    """

    projection: ClassVar[Projection]
    reads: ClassVar[tuple[type[View], ...]] = ()
    """The classes of the other views that this one is computed from. They answer from the same state."""
    keeps_answers: ClassVar[bool] = False
    columned: ClassVar[tuple[tuple[type[CustomerRow], ColumnGroups], ...]] = ()
    """The classes of rows that are read as columns, and how; `store_columns` stores these ahead of questions."""
    explainable: ClassVar[tuple[ExplainableFigure, ...]] = ()
    """The figures that are computed from several rows and can be explained; see `Relations.explain_figure`."""
    leads: ClassVar[Mapping[str, str]] = {}
    """By question that counts customers, the place that lists them; see `relations.projections.who`."""

    def __init_subclass__(cls, **options: Any) -> None:
        """Answer every question of a view from one state of the database."""
        super().__init_subclass__(**options)
        for name, found in list(vars(cls).items()):
            if isinstance(found, FunctionType) and not name.startswith("_"):
                setattr(cls, name, _question(found))

    def __init__(self, context: ViewContext, *others: View) -> None:
        self._context = context
        self._others = others
        self._policy = context.policy
        self._rules = context.rules
        self._present = context.now
        self._refresh = context.refresh
        self._asking = Asking()
        self._kept = KeptAnswers()
        self._each = KeptByCustomer()
        self._locked: dict[tuple[View, ...], list[View]] = {}
        self._stores: defaultdict[type[CustomerRow], ColumnStore] = defaultdict(ColumnStore)
        self._may_read = [each.projection for each in (type(self), *_read_by(type(self)))]
        self._topics = sorted({event.topic for projection in self._may_read for event in projection.folds})
        self._settled: tuple[ViewState, int] | None = None
        self._last: _Answered | None = None
        self._field_queries: dict[tuple[type[CustomerRow], tuple[str, ...], bool], CompiledStatement] = {}
        self._fold_customer = self._kept_at_head(context.fold_customer)
        self._customers_between = self._kept_at_head(context.customers_between)
        self._open_words = self._unkept(context.open_words)
        self._digest = self._unkept(context.digest)
        self._is_recorded = context.is_recorded
        self._candidates = self._unkept(context.marked)
        self._last_events = self._unkept(context.last_events)

    # A view that is not asked needs no database and no tables. Those of a past are made for the first question.

    @cached_property
    def _database(self) -> Database:  # type: ignore[override]  # made on first use
        return self._context.database()

    @cached_property
    def _aliases(self) -> AliasReader:  # type: ignore[override]  # made on first use
        return self._context.aliases()

    @cached_property
    def _tables(self) -> dict[type[Row], RowTable]:  # type: ignore[override]  # made on first use
        return {row: RowTable.of(self._database, self.projection, row) for row in self.projection.tables}

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        return self._policy()

    @property
    def now(self) -> int:
        """The present, UTC microseconds. An answer that depends on it is not kept."""
        self._asking.is_lasting = False
        return self._present()

    def day(self, as_of: datetime | None) -> int:
        """Return the ordinal of the local day of a moment; None is the present, whose answers are kept for its day."""
        if as_of is not None:
            return self.local.day(to_micros(as_of))
        today = self.local.day(self._present())
        self._asking.days.add(today)
        return today

    def moment(self, as_of: datetime | None) -> int:
        """Return a moment in UTC microseconds; None is the present.

        Raises:
            InvalidInput: The moment has no time zone.
        """
        return self.now if as_of is None else to_micros(as_of)

    def end_of_month(self, moment: int) -> int:
        """Return the last moment of the local month of a moment; after all times that can be recorded, the same."""
        if moment >= _LATEST:
            return moment
        return self.local.start(date.fromordinal(last_day(self.local.month(moment)) + 1)) - 1

    def currency(self, currency: str | None) -> str:
        """Return the code of a currency; None is the policy's.

        Raises:
            InvalidInput: The currency is unknown.
        """
        code = currency or self.policy.currency
        minor_digits(code)
        return code

    @property
    def position(self) -> int | None:
        """The last position of the log that is folded into the tables; None if the view keeps nothing."""
        self._state()
        return self._asking.position

    @property
    def local(self) -> LocalTime:
        """The business's own days and months."""
        return local_time(self.policy.zone)

    @property
    def aliases(self) -> Aliases:
        """The ids that belong to one customer."""
        with self.answering() as connection:
            return self._aliases.read(connection)

    def _require_recorded(self, customer: str) -> None:
        """Refuse a question about a customer without any recorded event.

        Raises:
            InvalidInput: There is no event of this customer (`unknown_customer`).
        """
        with self.answering() as connection:
            known = self._database.noted(connection, _Recorded) or _Recorded()
            if customer in known:
                return
            if not self._is_recorded(self.aliases.ids(customer)):
                raise unknown_customer(customer)
            known.add(customer)
            self._database.note(connection, known)

    @contextmanager
    def answering(self, *also: View) -> Iterator[Connection]:
        """Open the one state of the database that a whole question is answered from.

        New events are folded first, up to the head as it is now. Then one read transaction serves everything that this
        thread reads until the end of the question: rows, aliases, policies, keys and the log.

        Args:
            *also: Other views that this question reads, next to those that every question reads.
        """
        database, aliases = self._database, self._aliases
        if database.in_snapshot:
            with database.reading() as connection:
                yield connection
            return
        if aliases.is_filled_whole or not aliases.fold_states.exist():  # a past, or the first question of all
            with database.snapshot():
                parts = self._parts_with(also)
            self._refresh([view.projection for view in parts], None)
        for attempt in range(1, _ATTEMPTS + 1):
            aliases.fold_states.exist()  # looked up outside of the state, which begins with a lock
            with self._held(also) as (connection, parts, fold_state):
                projections = [view.projection for view in parts]
                is_behind = attempt == 1 and fold_state.is_behind(projections, self.policy.zone)
                # Another process may have folded a merge into the aliases that a view's tables have not seen yet.
                if attempt == _ATTEMPTS or (not is_behind and aliases.agree(fold_state, projections)):
                    for view in parts:
                        view._asking.begin()
                    if not fold_state.is_behind(projections, self.policy.zone):
                        self._asking.current = fold_state
                    yield connection
                    return
            self._refresh(projections, None if fold_state.head is None else fold_state.head.position)

    @contextmanager
    def _held(self, also: tuple[View, ...]) -> Iterator[tuple[Connection, list[View], FoldState]]:
        """Open a state of the database with the views that answer together in it, and how far they are folded.

        PostgreSQL takes a repeatable snapshot with the first query, but looks up tables again for each one. A table
        that a rebuild switched in after the snapshot would look empty. Locking the tables first does not yet take the
        snapshot. The policy says which views these are. So the tables of the last question are locked, and if they have
        become others, it begins again.
        """
        may_read = [*self._may_read, *(projection for view in also for projection in view._may_read)]
        while True:
            with self._database.snapshot() as connection:
                locked = self._locked.get(also, [])
                if locked:
                    names = ", ".join(f'"{table.table.name}"' for view in locked for table in view._tables.values())
                    self._database.cursor(connection).execute(f"LOCK TABLE {names} IN ACCESS SHARE MODE")
                fold_state = self._aliases.fold_states.read(connection, may_read)
                parts = self._parts_with(also)
                are_there = all(fold_state.places[view.projection.name] for view in parts)
                if self._database.is_sqlite or locked == parts or not are_there:
                    yield connection, parts, fold_state
                    return
                self._locked[also] = parts

    def _parts_with(self, also: tuple[View, ...]) -> list[View]:
        """Return the views that answer together with this one and others, and have their tables here."""
        wanted = dict.fromkeys(part for view in (self, *also) for part in view._parts())
        return [view for view in wanted if view._database is self._database]

    def _parts(self) -> Iterator[View]:
        """Yield the views that answer together: this one, and those that it reads."""
        yield self
        for view in self._others:
            yield from view._parts()

    # --- kept answers -----------------------------------------------------------------------------------------------

    def keep(self, key: Hashable, compute: Callable[[], T]) -> T:
        """Return the part of an answer that was kept under a key, or compute and keep it.

        It is kept while the tables and the policies are the same. So everything else that it depends on has to be part
        of the key. The caller must not change it.
        """
        state = self._state()
        if state is None:
            return compute()
        rules, policy = self._rules(), self.policy
        found = self._kept.get(key, state, rules, policy)
        if found is not None:
            part: T = found[0]
            return part
        answer = compute()
        self._kept.put(key, answer, state, rules, policy)
        return answer

    def of_each(self, key: Hashable, read: Callable[[Sequence[str] | None], Mapping[str, T]]) -> Mapping[str, T]:
        """Return what is computed of each customer alone, in the order of their surviving ids.

        After new events it is computed again only for the customers who have some. The caller must not change it.

        Args:
            key: Everything that it depends on besides the tables and the policies.
            read: Computes it by surviving id: of all customers, or of some, as far as they have any.
        """
        with self.answering() as connection:
            state = self._state()
            if state is None:
                found = read(None)
                return {name: found[name] for name in sorted(found)}
            return self._each.at(
                key,
                state,
                self._aliases.read(connection),
                self._rules(),
                self.policy,
                read=read,
                changed_since=partial(self._changed, until=state.position),
            )

    def of_each_at(
        self, name: str, moment: int, read: Callable[[int, Sequence[str] | None], Mapping[str, H]]
    ) -> Mapping[str, H]:
        """Return what is computed of each customer alone as of a moment.

        Only customers with new events are read again, and those whose value was another one at the moment that was
        asked about first. The caller must not change it.

        Args:
            name: The name under which it is kept.
            moment: The moment, UTC microseconds.
            read: Computes it as of a moment: of all customers, or of some. It returns everybody who has a value at any
                moment.
        """
        kept = self.of_each(name, partial(read, moment))
        changed = _not_holding(kept, moment)
        if len(changed) > len(kept) * _CHANGED_SHARE:
            kept = self.of_each((name, self.local.day(moment)), partial(read, moment))
            changed = _not_holding(kept, moment)
        if not changed:
            return kept
        return {**kept, **self.keep(("of each", name, moment), partial(read, moment, changed))}

    def columns(self, row: type[CustomerRow], groups: ColumnGroups) -> Columns:
        """Return the rows of one class as columns, of all customers by their surviving ids.

        Args:
            row: A class with one row a customer.
            groups: The parts of the columns, and the fields that they are read from.
        """
        with self.answering() as connection:
            aliases, state, local = self._aliases.read(connection), self._state(), self.local
            source = RowSource(partial(self._fetch_all, row), partial(self._fetch, row))

            def read(codes: Codes) -> Columns:
                stored = None if state is None else self._stored_parts(connection, row, state, aliases)
                return Columns.of(row, source, groups(codes, local), stored)

            if state is None:
                return read(self.codes(row))
            return self._stores[row].at(
                state, aliases, read=read, changed_since=partial(self._changed, until=state.position)
            )

    def codes(self, row: type[CustomerRow]) -> Codes:
        """Return the numbers that stand for texts in the columns of a class of rows."""
        return self._stores[row].codes

    def store_columns(self, least: int = _STORED_AGAIN) -> None:
        """Store the columns, so that the first question in another process does not have to read all rows.

        Args:
            least: Only if there are at least this many events since they were stored.
        """
        for row, groups in self.columned:
            name = self._tables[row].label
            if not self._is_due(name, least):
                continue
            with self.answering() as connection:
                state = self._state()
                if state is None:
                    return
                contents = dict(self._encoded(row, groups, self._aliases.read(connection)))
            self._store(name, state, contents)
        self._store_more(least)

    def _store_more(self, least: int) -> None:
        """Store what else questions of this view read of all customers."""

    def wrong_columns(self) -> Iterator[tuple[str, str]]:
        """Yield the tables whose stored columns would lead to other answers than their rows, and what is wrong.

        Columns that no question would read, such as damaged ones, are not wrong. The caller holds a snapshot.
        """
        self._asking.begin()
        with self._database.reading() as connection:
            state = self._state()
            if state is None:
                return
            for row, groups in self.columned:
                label = self._tables[row].label
                at = stored_at(self._database, connection, self.projection, label)
                folded = self._asking.position or 0
                if at is not None and (at.position > folded or at.aliases > state.aliases):
                    yield label, "are those of a later state than the view's"
                    continue
                aliases = self._aliases.read(connection)
                stored = self._stored_parts(connection, row, state, aliases)
                if stored is None:
                    continue
                source = RowSource(partial(self._fetch_all, row), partial(self._fetch, row))
                for part in groups(self.codes(row), self.local):
                    kept, fresh = (Columns.of(row, source, [part], each) for each in (stored, None))
                    if not kept.equal(fresh, part[0]):
                        yield label, f"differ from the rows in {part[1].name.replace(' ', ', ')}"

    def _is_due(self, name: str, least: int) -> bool:
        """Return whether enough events are new since the columns of a class of rows were stored."""
        with self._database.snapshot() as connection:
            self._asking.begin()
            state = self._state()
            if state is None:
                return False
            at = stored_at(self._database, connection, self.projection, name)
            is_old = at is None or at.zone != state.zone
            return state.position - (0 if at is None or is_old else at.position) >= least

    def _encoded(self, row: type[CustomerRow], groups: ColumnGroups, aliases: Aliases) -> Iterator[tuple[str, bytes]]:
        """Yield the columns of a class of rows in parts, one group after the other."""
        for (first, *_), group in groups(self.codes(row), self.local):
            known = self.columns(row, groups)
            columns = Columns(known.source, known.groups, stored=known.stored)  # what is read here is needed once
            columns.read((first,))
            yield group.name, encoded_parts(group, columns.parts, len(columns), self.codes(row))
        yield _NAMES, msgspec.json.encode(columns.names)
        yield _GROUPED, msgspec.json.encode(aliases)

    def _store(self, name: str, state: ViewState, contents: Mapping[str, bytes]) -> None:
        at = StoredAt(state.zone, state.position, state.aliases)

        def is_current(connection: Connection) -> bool:
            place = self._aliases.fold_states.read(connection, (self.projection,)).places[self.projection.name]
            return place is not None and place.generation == state.generation

        store_columns(self._database, self.projection, name, at, contents, is_current)

    def _stored_parts(
        self, connection: Connection, row: type[CustomerRow], state: ViewState, aliases: Aliases
    ) -> StoredParts | None:
        """Return what was stored of the columns in an earlier state, and who changed since."""
        label, position = self._tables[row].label, self._asking.position or 0
        at = stored_at(self._database, connection, self.projection, label)
        if at is None or at.zone != state.zone or at.position > position or at.aliases > state.aliases:
            return None
        read = partial(read_columns, projection=self.projection, name=label, at=at)
        changed = self._changed(at.position, until=position)
        found = None if changed is None else read(connection, parts=(_NAMES, _GROUPED))
        if changed is None or found is None:
            return None
        before = msgspec.json.decode(found[_GROUPED], type=Aliases)
        names = {resolved.survivor(name) for name in changed for resolved in (before, aliases)}
        if at.aliases != state.aliases:
            names |= regrouped(before, aliases)
        codes = self.codes(row)

        def parts_of(groups: Sequence[FieldGroup]) -> Parts | None:
            with self.answering() as inner:
                contents = read(inner, parts=[group.name for group in groups])
            if contents is None:
                return None
            found: Parts = {}
            for group in groups:
                parts = decoded_parts(group, contents[group.name], codes)
                if parts is None:
                    return None
                found |= parts
            return found

        return StoredParts(msgspec.json.decode(found[_NAMES], type=list[str]), frozenset(names), parts_of)

    def _fetch_all(self, row: type[CustomerRow], fields: tuple[str, ...]) -> Fetched:
        with self.answering() as connection, collector_paused():
            statement, aliases = self._field_query(row, fields), self._aliases.read(connection)
            found = self._database.cursor(connection).execute(statement.sql, statement.bind()).fetchall()
            merged: list[Any] = []
            if aliases:
                several = aliases.survivors.keys() | aliases.groups.keys()
                found = [each for each in found if each[0] not in several]
                ids = [name for group in aliases.groups.values() for name in group]
                merged = combined(self.parts_as_recorded(row, fields, ids), aliases)
            return self._fetched(row, fields, found, merged)

    def _fetch(self, row: type[CustomerRow], customers: Sequence[str], fields: tuple[str, ...]) -> Fetched:
        return self._fetched(row, fields, [], self.rows_of_some(row, customers))

    def _fetched(
        self, row: type[CustomerRow], fields: tuple[str, ...], stored: list[Any], merged: Sequence[CustomerRow]
    ) -> Fetched:
        """Return stored rows and combined rows together, by customer."""
        table = self._tables[row]
        names: Sequence[str]
        names, *columns = zip(*stored, strict=True) if stored else [()] * (len(fields) + 1)
        decoded = [table.decode_column(name, column) for name, column in zip(fields, columns, strict=True)]
        if merged:
            names = (*names, *(each.customer for each in merged))
            decoded = [
                [*column, *(getattr(each, name) for each in merged)]
                for name, column in zip(fields, decoded, strict=True)
            ]
        if not all(map(le, names, islice(names, 1, None))):  # a rebuild stores customers in order
            order = sorted(range(len(names)), key=names.__getitem__)
            names, decoded = [names[n] for n in order], [[column[n] for n in order] for column in decoded]
        return list(names), decoded

    def parts_as_recorded(self, row: type[C], fields: tuple[str, ...], customers: Sequence[str]) -> list[C]:
        """Return the rows of these ids without regard to merges, each with some of its fields and defaults otherwise.

        Args:
            row: A class with one row a customer.
            fields: The fields that are read, without `customer`.
            customers: The ids.
        """
        with self.answering() as connection:
            statement = self._field_query(row, fields, of_some=True)
            found = self._database.fetch_many(connection, statement, customers=customers)
            decode = self._tables[row].decode_column
            names, *columns = zip(*sorted(found), strict=True) if found else [()] * (len(fields) + 1)
            decoded = (decode(name, column) for name, column in zip(fields, columns, strict=True))
            values = zip(names, *decoded, strict=True)
            return [row(customer, **dict(zip(fields, each, strict=True))) for customer, *each in values]

    def _field_query(
        self, row: type[CustomerRow], fields: tuple[str, ...], *, of_some: bool = False
    ) -> CompiledStatement:
        key = row, fields, of_some
        found = self._field_queries.get(key)
        if found is None:
            columns = self.table(row).c
            wanted = select(columns.customer, *(columns[name] for name in fields))
            if of_some:
                wanted = wanted.where(self._database.among(columns.customer, "customers"))
            found = self._field_queries[key] = self._database.compile(wanted)
        return found

    def _changed(self, after: int, *, until: int) -> set[str] | None:
        """Return the customers with events between two positions; None if it is faster to read everybody."""
        if until - after > CHANGED_MAX:
            return None
        wanted = select(log.c.customer).distinct().where(*self._changes(after, until))
        with self.answering() as connection:
            return {name for (name,) in connection.execute(wanted) if name}

    def _state(self) -> ViewState | None:
        """Return the state of the tables in this question's transaction; None if nothing can be kept.

        Its position is that of the last change, as far as this view has seen it. Events that concern other projections
        move the checkpoint, but not the state.
        """
        if not self.keeps_answers or not self._database.in_snapshot or not self._aliases.fold_states.exist():
            return None
        asking = self._asking
        with self._database.reading() as connection:
            fold_state = self._aliases.fold_states.read(connection, (self.projection,))
            if asking.fold_state is not fold_state:
                place = fold_state.places[self.projection.name]
                asking.fold_state, asking.state, asking.position = fold_state, None, None
                if place is not None:
                    state = ViewState(place.position, place.zone, place.generation, fold_state.aliases)
                    asking.state, asking.position = self._last_changed(connection, state), place.position
        return asking.state

    def _last_changed(self, connection: Connection, state: ViewState) -> ViewState:
        """Return the earliest known state since which no event was folded; everything kept for it still holds."""
        known = self._settled
        if known is not None and replace(known[0], position=state.position) == state:
            settled, scanned = known
            if settled.position <= state.position <= scanned:
                return settled
            if 0 <= state.position - scanned <= CHANGED_MAX:
                found = select(log.c.position).where(*self._changes(scanned, state.position)).limit(1)
                if connection.execute(found).first() is None:
                    self._settled = settled, state.position
                    return settled
        if known is None or known[1] <= state.position:
            self._settled = state, state.position
        return state

    def _changes(self, after: int, until: int) -> tuple[Any, ...]:
        """Return the conditions of the events between two positions that change these tables, or those read as well."""
        return log.c.position > after, log.c.position <= until, log.c.topic.in_(self._topics)

    def _kept_at_head(self, read: Callable[..., T]) -> Callable[..., T]:
        """Return a function that reads the log: answers are kept if the tables are as new as the log."""

        @wraps(read)
        def reading(*args: Any, **kwargs: Any) -> T:
            asking = self._asking
            if asking.is_lasting and not asking.is_of_log:  # a question sees one state, so it is looked up once
                asking.is_of_log = asking.is_lasting = self._is_at_head()
            return read(*args, **kwargs)

        return reading

    def _is_at_head(self) -> bool:
        if self._state() is None:
            return False
        with self._database.reading() as connection:
            head = self._aliases.fold_states.read(connection, (self.projection,)).head
        return head is not None and head.position == self._asking.position

    def _unkept(self, read: Callable[..., T]) -> Callable[..., T]:
        """Return a function that leads to no kept answer: it reads the keys, not only the view's tables."""

        @wraps(read)
        def reading(*args: Any, **kwargs: Any) -> T:
            self._asking.is_lasting = False
            return read(*args, **kwargs)

        return reading

    def _unchanged(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Any] | None:
        """Return a kept answer in a tuple, if one statement shows that nothing was recorded or folded since."""
        last = self._last
        key = None if last is None or self._database.in_snapshot else key_of_call(name, args, kwargs)
        if last is None or key is None:
            return None
        present = self._present()
        policy = last.rules.at(present)
        today = local_time(policy.zone).day(present)
        for each in (key, (key, today), (key, today, last.position)):
            found = self._kept.get(each, last.state, last.rules, policy)
            if found is not None and self._aliases.fold_states.read_alone(self._may_read) == last.fold_state:
                return (copied(found[0]),)
        return None

    def _keeping(self, method: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Return the kept answer of a question, or compute it."""
        asking, name = self._asking, method.__name__
        state = self._state()
        key = None if state is None else key_of_call(name, args, kwargs)
        if state is None or key is None:
            return method(self, *args, **kwargs)
        rules, policy = self._rules(), self.policy
        today = self.local.day(self._present())
        if asking.current is not None:
            self._last = _Answered(asking.current, state, asking.position, rules)
        keys = key, (key, today), (key, today, asking.position)
        for number, each in enumerate(keys):
            if (found := self._kept.get(each, state, rules, policy)) is not None:
                if number:
                    asking.days.add(today)
                asking.is_of_log = asking.is_of_log or each is keys[-1]
                return copied(found[0])
        read = list(dict.fromkeys(view._asking for view in self._parts()))  # what it reads of others counts as well
        outer = [each.begin_part() for each in read]
        begun = perf_counter()
        try:
            answer = method(self, *args, **kwargs)
            is_slow = perf_counter() - begun >= _WORTH_KEEPING
            is_lasting, days = all(each.is_lasting for each in read), set().union(*(each.days for each in read))
            if is_lasting and is_slow and not isinstance(answer, Iterator) and days <= {today}:
                kept_by = keys[2] if any(each.is_of_log for each in read) else keys[1] if days else key
                self._kept.put(kept_by, copied(answer), state, rules, policy)
            return answer
        finally:
            for each, before in zip(read, outer, strict=True):
                each.end_part(before)


def _not_holding(kept: Mapping[str, Holding], moment: int) -> list[str]:
    return [customer for customer, each in kept.items() if not each.hold(moment)]


def _read_by(view: type[View]) -> Iterator[type[View]]:
    """Yield the classes of views that one is computed from, and of those that these are computed from."""
    for each in view.reads:
        yield each
        yield from _read_by(each)


_OUTSIDE = ("out of range", "must be in 1..")
"""What `datetime` says of a year, month or day that does not exist."""


def unknown_customer(customer: str, until: datetime | None = None) -> InvalidInput:
    """Return the error for an id of which nothing is recorded, or nothing up to a moment."""
    return InvalidInput(
        f"nothing is recorded of the customer {customer}"
        + ("" if until is None else f" up to {until.isoformat(timespec='seconds')}"),
        code="unknown_customer",
        field="customer",
        hint="Check the id; it is the one that the log has, not another system's",
    )


def _question(method: Callable[..., Any]) -> Callable[..., Any]:
    names = list(inspect.signature(method).parameters)[1:]
    place = names.index("customer") if "customer" in names else None
    place_of_moment = names.index("as_of") if "as_of" in names else len(names)

    @wraps(method)
    def ask(self: View, *args: Any, **kwargs: Any) -> Any:
        _require_in_calendar(args[place_of_moment] if place_of_moment < len(args) else kwargs.get("as_of"))
        try:
            if (unchanged := self._unchanged(method.__name__, args, kwargs)) is not None:
                return unchanged[0]
            with self.answering(), collector_paused():
                if place is not None:
                    customer = args[place] if place < len(args) else kwargs.get("customer")
                    if customer is not None:
                        self._require_recorded(customer)
                return self._keeping(method, args, kwargs)
        except (OverflowError, ValueError) as error:
            if isinstance(error, ValidationError | msgspec.MsgspecError):
                raise StoreError(
                    f"a row of the view {self.projection.name} is damaged",
                    code="view_damaged",
                    hint="Run `relations verify`, then `relations rebuild`",
                ) from error
            if not isinstance(error, OverflowError) and not any(part in str(error) for part in _OUTSIDE):
                raise
            raise InvalidInput(
                "a time in the question, or one computed from it, is outside the calendar",
                code="time_out_of_range",
                hint="Ask about times between the years 1900 and 2200",
            ) from error

    return ask


def _require_in_calendar(as_of: datetime | None) -> None:
    """Refuse a moment after every time that can be recorded. Answers that list months would list thousands of them.

    Raises:
        InvalidInput: The moment is in the year 2200 or later (`time_out_of_range`).
    """
    if as_of is not None and as_of.tzinfo is not None and as_of >= LATEST:
        raise InvalidInput(
            f"{as_of.isoformat()} is after every time that can be recorded",
            code="time_out_of_range",
            field="as_of",
            hint="Ask about a moment before the year 2200",
        )
