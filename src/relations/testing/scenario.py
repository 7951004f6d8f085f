"""Given, when, then: tests of rules and projections by past events, a command, and the outcome.

For an aggregate::

    Scenario(loyalty.AGGREGATE)
        .given(EnrolMember(customer="c1", occurred_at=monday))
        .when(RedeemPoints(customer="c1", redemption="d1", points=100, occurred_at=tuesday))
        .then_refused("insufficient_points")

For a projection::

    FoldedRows(repair.PROJECTION)
        .given(ComplaintFiled(...), customer="c1", stream="complaint-k1", at=monday)
        .then(Standing, Standing(customer="c1", state="strained"))

Both are values: every step returns a new one, so a common beginning can be shared. An outcome other than the expected
one raises `AssertionError` with the difference, field by field.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from difflib import ndiff
from typing import Any, Generic, NoReturn, Self, TypeVar

import msgspec

from relations.decider import Aggregate, due_before, fold
from relations.errors import CommandRefused
from relations.messages import Command, Envelope, Event, RecordedEvent, to_micros
from relations.policies import Policy
from relations.policies.calendars import local_time
from relations.policies.in_force import InForce
from relations.projections.projection import Projection, Row, Rows

__all__ = ["FoldedRows", "Outcome", "Scenario"]

S = TypeVar("S")
Expected = Event | type[Event]

_DEFAULT = Policy()
_BEGINNING = datetime(2024, 1, 1, tzinfo=UTC)
_LINE = 110


@dataclass(frozen=True)
class Scenario(Generic[S]):
    """A test of one aggregate: its past events, and the policy in force.

    Attributes:
        aggregate: The aggregate to test, such as `relations.aggregates.loyalty.AGGREGATE`.
        policy: The policy in force.
        past: The events so far.
    """

    aggregate: Aggregate[S]
    policy: Policy = _DEFAULT
    past: tuple[Event, ...] = ()

    def given(self, *history: Event | Command) -> Self:
        """Add events to the past, in this order. A command adds the events that it leads to.

        Raises:
            AssertionError: A command is refused, or belongs to another aggregate.
        """
        past = list(self.past)
        for item in history:
            if isinstance(item, Event):
                past.append(item)
                continue
            outcome = replace(self, past=tuple(past)).when(item)
            if outcome.refusal is not None:
                _fail(f"given {_described(item)}", f"it was refused: {outcome.refusal}")
            past += outcome.events
        return replace(self, past=tuple(past))

    def when(self, command: Command) -> Outcome[S]:
        """Decide a command after this past. Everything that falls due before the command is decided first.

        Raises:
            AssertionError: The command belongs to another aggregate.
        """
        if type(command) not in self.aggregate.commands:
            _fail(f"when {_described(command)}", f"the aggregate {self.aggregate.name} has no rule for it")
        state, past = self.state, list(self.past)
        for _due, before, events in due_before(self.aggregate, state, command, InForce([self.policy])):
            state = fold(self.aggregate.decider, events, before)
            past += events
        try:
            events = self.aggregate.decider.decide(state, command, self.policy)
        except CommandRefused as refusal:
            return Outcome(self, command, (), refusal)
        return Outcome(replace(self, past=tuple(past)), command, tuple(events), None)

    @property
    def state(self) -> S:
        """The aggregate's state after this past."""
        return fold(self.aggregate.decider, self.past)


@dataclass(frozen=True)
class Outcome(Generic[S]):
    """The outcome of a command.

    Attributes:
        before: The scenario before the command.
        command: The command.
        events: The events that the command led to.
        refusal: The refusal; None if the command was accepted.
    """

    before: Scenario[S]
    command: Command
    events: tuple[Event, ...]
    refusal: CommandRefused | None

    def then(self, *expected: Expected) -> Scenario[S]:
        """Expect exactly these events, in this order. A class stands for any event of that class.

        Returns:
            The scenario with these events added to its past, ready for another `when`.
        """
        if not expected:
            _fail(self._title, "then() expects events; for none there is then_nothing()")
        if self.refusal is not None:
            _fail(self._title, f"it was refused: {self.refusal}")
        same = len(expected) == len(self.events) and all(map(_matches, expected, self.events))
        if not same:
            _fail(self._title, _difference(_named(expected, self.events), self.events))
        return self.after

    def then_refused(self, code: str, *, field: str | None = None) -> Scenario[S]:
        """Expect a refusal with this code and, if `field` is given, for that field."""
        refusal = self.refusal
        if refusal is None:
            happened = "\n".join(_lines(self.events)) or "(nothing)"
            _fail(self._title, f"it was to be refused as {code}, but this happened:\n{happened}")
        if refusal.code != code:
            _fail(self._title, f"it was to be refused as {code}, but was as {refusal}")
        if field is not None and refusal.field != field:
            _fail(self._title, f"the refusal was to name the field {field}, but names {refusal.field}")
        return self.before

    def then_nothing(self) -> Scenario[S]:
        """Expect no refusal and no events."""
        if self.refusal is not None:
            _fail(self._title, f"it was refused: {self.refusal}")
        if self.events:
            _fail(self._title, _difference((), self.events))
        return self.before

    @property
    def after(self) -> Scenario[S]:
        """The scenario with these events added to its past."""
        return replace(self.before, past=self.before.past + self.events)

    @property
    def state(self) -> S:
        """The aggregate's state after the command."""
        return self.after.state

    @property
    def _title(self) -> str:
        return f"when {_described(self.command)}"


@dataclass(frozen=True)
class FoldedRows:
    """A test of one projection: its rows after the events given.

    Attributes:
        projection: The projection to test.
        policy: The policy in force. Projections use its time zone.
        past: The events so far, with their envelopes.
    """

    projection: Projection
    policy: Policy = _DEFAULT
    past: tuple[tuple[Envelope, Event], ...] = ()

    def given(
        self,
        *events: Event | RecordedEvent,
        customer: str = "c1",
        stream: str | None = None,
        at: datetime | None = None,
        recorded_at: datetime | None = None,
    ) -> Self:
        """Add events to the past in the order of recording. Call it again for another customer, stream or time.

        Args:
            events: Events, whose envelopes are made of the other arguments; or recorded events, which have envelopes.
            customer: The customer whose history the events belong to.
            stream: The aggregate's stream. By default it is named after the event's topic and the customer.
            at: When the events occurred. By default a day after the previous ones, beginning on 1 January 2024.
            recorded_at: When the events were recorded; `at` by default.
        """
        past = list(self.past)
        if at is None:
            at = _BEGINNING + timedelta(days=len(past))
        occurred = to_micros(at)
        recorded = occurred if recorded_at is None else to_micros(recorded_at)
        for event in events:
            if isinstance(event, RecordedEvent):
                past.append((event, event.event))
                continue
            name = stream or f"{event.topic.partition('.')[0]}-{customer}"
            envelope = Envelope(
                position=len(past) + 1,
                stream=name,
                version=1 + sum(before.stream == name for before, _ in past),
                customer=customer,
                occurred_at=occurred,
                recorded_at=recorded,
            )
            past.append((envelope, event))
        return replace(self, past=tuple(past))

    def rows(self, table: type[Row]) -> list[Row]:
        """Return the rows of one of the projection's tables, in the order of their keys.

        Raises:
            AssertionError: The projection has no such table.
        """
        if table not in self.projection.tables:
            _fail(f"rows of {table.__name__}", f"the projection {self.projection.name} has no such table")
        rows = Rows(self.projection.tables, local_time(self.policy.zone))
        for envelope, event in self.past:
            folded = self.projection.folds.get(type(event))
            if folded is not None:
                folded(rows, event, envelope)
        return sorted(rows.tables[table].values(), key=_key)

    def then(self, table: type[Row], *expected: Row) -> Self:
        """Expect exactly these rows in the table, in any order."""
        found = self.rows(table)
        wanted = sorted(expected, key=_key)
        if found != wanted:
            past = ", ".join(type(event).__name__ for _, event in self.past) or "nothing"
            _fail(f"given {past}, rows of {table.__name__}", _difference(wanted, found))
        return self


def _key(row: Row) -> tuple[str, ...]:
    # As text, because a key may contain None next to strings.
    return tuple(str(getattr(row, name)) for name in row.key)


def _matches(expected: Expected, event: Event) -> bool:
    return type(event) is expected if isinstance(expected, type) else event == expected


def _named(expected: Sequence[Expected], events: Sequence[Event]) -> list[Any]:
    """Return what was expected, with the matching event in place of a class, so that no difference shows."""
    met = [
        event if isinstance(wanted, type) and type(event) is wanted else wanted
        for wanted, event in zip(expected, events, strict=False)
    ]
    return met + list(expected[len(met) :])


def _difference(expected: Iterable[Any], found: Iterable[Any]) -> str:
    lines = ndiff(_lines(expected), _lines(found))
    return "expected (-), but found (+):\n" + "\n".join(line for line in lines if not line.startswith("?"))


def _lines(values: Iterable[Any]) -> list[str]:
    """Each value on lines of its own, a field a line, so that a difference shows where it is."""
    lines: list[str] = []
    for value in values:
        if isinstance(value, type):
            lines.append(f"any {value.__name__}")
            continue
        fields = [f"    {name} = {content!r}" for name, content in _fields(value)]
        lines += [f"{type(value).__name__}:", *fields] if fields else [type(value).__name__]
    return lines


def _fields(value: Any) -> list[tuple[str, Any]]:
    """Return the fields of a struct that are not at their default."""
    return [
        (info.name, getattr(value, info.name))
        for info in msgspec.structs.fields(value)
        if info.required or getattr(value, info.name) != info.default
    ]


def _described(command: Command) -> str:
    fields = ", ".join(
        f"{name}={getattr(command, name)!r}"
        for name in type(command).model_fields
        if name in command.model_fields_set and name not in ("command_id", "actor", "occurred_at")
    )
    text = f"{type(command).__name__}({fields})"
    return text if len(text) <= _LINE else f"{text[:_LINE]}…"


def _fail(title: str, reason: str) -> NoReturn:
    __tracebackhide__ = True
    raise AssertionError(f"{title}\n{reason}")
