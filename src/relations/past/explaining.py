"""Explanations: the events that made a row or a figure, and the rule and cause of a decision."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import select

from relations.errors import InvalidInput
from relations.log.tables import log as log_table
from relations.messages import RecordedEvent
from relations.past.bounds import Bounds
from relations.past.by_customer import rows_by_customer
from relations.past.past import Past
from relations.past.questions import Questions
from relations.past.rules import rule_of
from relations.policies.calendars import local_time
from relations.projections.projection import CustomerRow, Projection, Row, Tally
from relations.projections.running.folding import COLUMNS, Folding

__all__ = [
    "Change",
    "Contribution",
    "EventExplanation",
    "ExplainedStep",
    "RowsExplanation",
    "TallyExplanation",
    "event_explained",
    "rows_explained",
    "tally_explained",
]

_CAUSES_MAX = 1_000


class Change(msgspec.Struct, frozen=True):
    """One column of one row that an event changed.

    Attributes:
        table: The class of the row, such as `AccountRow`.
        key: The row's key.
        column: The column.
        before: The value before; None for a new row.
        after: The value after; None for a removed row.
    """

    table: str
    key: tuple[Any, ...]
    column: str
    before: Any
    after: Any


class ExplainedStep(msgspec.Struct, frozen=True):
    """An event and what it changed.

    Attributes:
        event: The event.
        changes: What it changed in the rows, in the order of tables and columns.
        removed: The rows that it removed, as class and key.
    """

    event: RecordedEvent
    changes: tuple[Change, ...]
    removed: tuple[tuple[str, tuple[Any, ...]], ...] = ()


class RowsExplanation(msgspec.Struct, frozen=True):
    """An explanation of the rows of one customer in a view, step by step.

    Attributes:
        view: The name of the view.
        ids: All ids of the customer.
        steps: The events that changed something, in the order of recording.
        events: How many events were folded, with those that changed nothing.
        rows: By class of row and key, the rows in the end: the steps, applied one after the other.
    """

    view: str
    ids: tuple[str, ...]
    steps: tuple[ExplainedStep, ...]
    events: int
    rows: dict[str, dict[tuple[Any, ...], dict[str, Any]]]

    def replayed(self) -> dict[str, dict[tuple[Any, ...], dict[str, Any]]]:
        """Return the rows that the steps make when they are applied one after the other."""
        found: dict[str, dict[tuple[Any, ...], dict[str, Any]]] = {table: {} for table in self.rows}
        for step in self.steps:
            for table, key in step.removed:
                del found[table][key]
            for change in step.changes:
                found[change.table].setdefault(change.key, {})[change.column] = change.after
        return found


class Contribution(msgspec.Struct, frozen=True):
    """The part of a tally that one event added.

    Attributes:
        customer: Whose event it is.
        position: Its position in the log.
        topic: Its topic.
        occurred_at: Business time, UTC microseconds.
        added: By column, how much it added.
    """

    customer: str
    position: int
    topic: str
    occurred_at: int
    added: dict[str, int]


class TallyExplanation(msgspec.Struct, frozen=True):
    """A page of the events that made up a tally, by customer.

    Attributes:
        view: The name of the view.
        table: The class of the row.
        key: The row's key.
        row: The whole tally, by column.
        contributions: The events of this page, in the order of customers and positions.
        after: The last customer of this page, to continue after; None on the last page.
    """

    view: str
    table: str
    key: tuple[Any, ...]
    row: dict[str, int]
    contributions: tuple[Contribution, ...]
    after: str | None


class EventExplanation(msgspec.Struct, frozen=True):
    """An explanation of one event.

    Attributes:
        event: The event.
        rule: In plain words, which rule decided it.
        settings: The parts of the policy that the rule reads, as they were.
        policy: The version of the policy that applied; 0 if none was adopted.
        pinned: True if the stream follows this version for all its life.
        causes: The chain of events that led to it, the nearest first. The last one was recorded for a command from
            outside, or because time had passed.
        effects: The events that followed from it directly.
        together: The other events of the same command in the same stream.
    """

    event: RecordedEvent
    rule: str
    settings: dict[str, Any]
    policy: int
    pinned: bool
    causes: tuple[RecordedEvent, ...]
    effects: tuple[RecordedEvent, ...]
    together: tuple[RecordedEvent, ...]

    @property
    def is_outside(self) -> bool:
        """True if a command from outside led to it, and not time alone."""
        first = self.causes[-1] if self.causes else self.event
        return first.actor != "agenda" and not first.command_id.startswith("due:")


# --- one customer ---------------------------------------------------------------------------------------------------


def rows_explained(past: Questions, view: str, customer: str) -> RowsExplanation:
    """Return how the rows of a customer came about, step by step.

    Args:
        past: What is known.
        view: The name of the view.
        customer: Any of the customer's ids.

    Raises:
        InvalidInput: There is no such view, or nothing is recorded of the customer.
        ProjectionFailed: The projection cannot fold an event.
    """
    projection = projection_of(past, view)
    recorded = past.history(customer)
    if not recorded:
        raise InvalidInput(
            f"nothing is recorded of the customer {customer}",
            code="unknown_customer",
            field="customer",
            hint="Check the id, or ask about a later time",
        )
    topics = {event.topic for event in projection.folds}
    folding = Folding(past.codec, [projection], local_time(past.policy.zone))
    tables: list[type[Row]] = [table for table in projection.tables if issubclass(table, CustomerRow)]
    steps: list[ExplainedStep] = []
    before: dict[type[Row], dict[tuple[Any, ...], dict[str, Any]]] = {table: {} for table in tables}
    count = 0
    for event, row in zip(recorded, _rows_of(past, recorded), strict=True):
        if event.topic not in topics:
            continue
        count += 1
        folding.fold(([row],))
        for failure in folding.failures.values():
            raise failure
        now = {table: _plain(folding.rows[projection.name].tables[table]) for table in tables}
        step = ExplainedStep(event, tuple(_changes(before, now)), tuple(_removed(before, now)))
        if step.changes or step.removed:
            steps.append(step)
        before = now
    ids = tuple(dict.fromkeys(event.customer for event in recorded))
    return RowsExplanation(view, ids, tuple(steps), count, {table.__name__: rows for table, rows in before.items()})


def projection_of(past: Questions, view: str) -> Projection:
    """Return the projection of a view.

    Raises:
        InvalidInput: There is no such view.
    """
    views = vars(past.views)
    if view not in views:
        raise InvalidInput(
            f"there is no view {view!r}",
            code="unknown_view",
            field="view",
            hint=f"Choose one of {', '.join(sorted(views))}",
        )
    found: Projection = views[view].projection
    return found


def _rows_of(past: Questions, events: Sequence[RecordedEvent]) -> list[tuple[Any, ...]]:
    """Return events as rows of the log for folding, with the bodies as they are stored: words stay sealed in rows."""
    wanted = [event.position for event in events]
    found: dict[int, tuple[Any, ...]] = {}
    columns = [log_table.c[name] for name in COLUMNS]
    with past.log.database.reading() as connection:
        for start in range(0, len(wanted), 500):
            part = log_table.c.position.in_(wanted[start : start + 500])
            found.update({row[0]: tuple(row) for row in connection.execute(select(*columns).where(part))})
    return [found[position] for position in wanted]


def _plain(rows: Mapping[tuple[Any, ...], Row]) -> dict[tuple[Any, ...], dict[str, Any]]:
    return {key: msgspec.to_builtins(row) for key, row in rows.items()}


def _changes(
    before: Mapping[type[Row], Mapping[tuple[Any, ...], Mapping[str, Any]]],
    after: Mapping[type[Row], Mapping[tuple[Any, ...], Mapping[str, Any]]],
) -> Iterator[Change]:
    for table, rows in after.items():
        for key, row in rows.items():
            old = before[table].get(key)
            for column, value in row.items():
                if old is None or old[column] != value:
                    yield Change(table.__name__, key, column, None if old is None else old[column], value)


def _removed(
    before: Mapping[type[Row], Mapping[tuple[Any, ...], Any]], after: Mapping[type[Row], Mapping[tuple[Any, ...], Any]]
) -> Iterator[tuple[str, tuple[Any, ...]]]:
    for table, rows in before.items():
        for key in rows:
            if key not in after[table]:
                yield table.__name__, key


# --- tallies --------------------------------------------------------------------------------------------------------


def tally_explained(
    past: Questions, view: str, table: str, key: Sequence[Any], *, limit: int = 100, after: str | None = None
) -> TallyExplanation:
    """Return a page of the events that made up a tally.

    Args:
        past: What is known.
        view: The name of the view.
        table: The class of the row, such as `Movement`.
        key: The row's key, in the order of its columns.
        limit: The page ends after the customer whose events reach this number.
        after: Continue after this customer.

    Raises:
        InvalidInput: The view has no such table, it is not a tally, or it has no such row.
        ProjectionFailed: The projection cannot fold an event.
    """
    projection = projection_of(past, view)
    row = _tally_of(projection, view, table)
    wanted = _key_of(row, key)
    asked = getattr(past.views, view)
    columns = asked.table(row).c
    stored = asked.rows(row, *(columns[name] == value for name, value in zip(row.key, wanted, strict=True)))
    found = next(iter(stored), None)
    if found is None:
        raise InvalidInput(
            f"{view}.{table} has no row {', '.join(map(str, wanted))}",
            code="unknown_row",
            field="key",
            hint=f"Give the values of {', '.join(row.key)}, as the table has them",
        )
    contributions: list[Contribution] = []
    last: str | None = None
    local, bounds = local_time(past.policy.zone), past.bounds or Bounds(past.status().position)
    for customer, events in rows_by_customer(past.log, COLUMNS, bounds, after=after):
        folding = Folding(past.codec, [projection], local)
        tallies = folding.rows[projection.name].tables[row]
        before: dict[str, int] = {}
        for event in events:
            folding.fold(([event],))
            for failure in folding.failures.values():
                raise failure
            now = _amounts(row, tallies.get(wanted))
            added = {name: now[name] - before.get(name, 0) for name in now if now[name] != before.get(name, 0)}
            if added:
                contributions.append(Contribution(customer, event[0], event[3], event[6], added))
            before = now
        if len(contributions) >= limit:
            last = customer
            break
    return TallyExplanation(view, table, wanted, _amounts(row, found), tuple(contributions), last)


def _tally_of(projection: Projection, view: str, table: str) -> type[Tally]:
    tallies = {row.__name__: row for row in projection.tables if issubclass(row, Tally)}
    if table not in tallies:
        known = f"Its tallies are {', '.join(tallies)}" if tallies else "Explain its rows by customer"
        raise InvalidInput(f"the view {view} has no tally {table!r}", code="unknown_table", field="table", hint=known)
    return tallies[table]


def _key_of(row: type[Row], key: Sequence[Any]) -> tuple[Any, ...]:
    """Return a key with the types of its columns."""
    hints = {field.name: field.type for field in msgspec.structs.fields(row)}
    if len(key) != len(row.key):
        raise InvalidInput(
            f"the key of {row.__name__} has {len(row.key)} parts, not {len(key)}",
            code="invalid_key",
            field="key",
            hint=f"Give {', '.join(row.key)}",
        )
    try:
        return tuple(
            msgspec.convert(value, hints[name], strict=False) for name, value in zip(row.key, key, strict=True)
        )
    except msgspec.ValidationError as error:
        raise InvalidInput(
            f"the key does not fit {row.__name__}: {error}",
            code="invalid_key",
            field="key",
            hint=f"Give {', '.join(row.key)}",
        ) from None


def _amounts(row: type[Tally], found: Tally | None) -> dict[str, int]:
    names = [name for name in row.__struct_fields__ if name not in row.key]
    return {name: 0 if found is None else getattr(found, name) for name in names}


# --- decisions ------------------------------------------------------------------------------------------------------


def event_explained(past: Past, position: int) -> EventExplanation:
    """Return why the event at a position was recorded.

    Args:
        past: What is known.
        position: The event's position.

    Raises:
        InvalidInput: There is no such event.
    """
    found = past.select_events(log_table.c.position == position)
    if not found:
        raise InvalidInput(
            f"there is no event at position {position}",
            code="unknown_position",
            field="position",
            hint=f"Give a position from 1 to {past.bounds.position}",
        )
    event = found[0]
    rules, pinned = past.rules, past.pinned_version(event)
    policy = rules.adopted[pinned - 1] if pinned else rules.at(event.occurred_at)
    rule, settings = rule_of(event, policy)
    # What follows from an event is recorded in the same transaction, under the same command.
    together = past.select_events(log_table.c.command_id == event.command_id)
    return EventExplanation(
        event=event,
        rule=rule,
        settings=settings,
        policy=policy.version if rules.adopted else 0,
        pinned=pinned is not None,
        causes=tuple(_causes(past, event)),
        effects=tuple(each for each in together if each.cause == f"{event.stream}@{event.version}"),
        together=tuple(each for each in together if each.stream == event.stream and each.position != position),
    )


def _causes(past: Past, event: RecordedEvent) -> Iterator[RecordedEvent]:
    for _ in range(_CAUSES_MAX):
        if event.cause is None:
            return
        stream, _at, version = event.cause.rpartition("@")
        found = past.select_events(log_table.c.stream == stream, log_table.c.version == int(version))
        if not found:
            return
        yield found[0]
        event = found[0]
