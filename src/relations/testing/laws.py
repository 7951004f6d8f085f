"""The laws that every projection must keep, as functions that raise when one does not.

They fold the same events in every way that leads to a projection's tables, on a real database, and compare canonical
bytes. Use `check_laws` for projections of your own, too.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NoReturn

import msgspec

from relations.aggregates import AGGREGATES
from relations.decider import Aggregate
from relations.engine import Relations
from relations.log.codec import Codec
from relations.messages import Command, Envelope, Event
from relations.policies.calendars import local_time
from relations.projections.projection import Fold, Projection, Rows
from relations.projections.running.comparing import Difference
from relations.projections.running.folding import COLUMNS, Folding
from relations.projections.running.runner import Runner
from relations.projections.running.tables import RowTable
from relations.reactions import REACTIONS, Reaction
from relations.testing.hash_seeds import folded_elsewhere, folded_here

__all__ = ["LawBroken", "LawsReport", "check_laws", "check_upcasts"]

_POSITION = COLUMNS.index("position")
_TRANSACTIONS = 25
"""The transactions of a run that crashes, or stops on its way: enough of them, however long the log."""


class LawBroken(AssertionError):
    """The error for a projection that breaks a law.

    Attributes:
        law: The law, such as `live in batches of 7`.
        difference: The first row that differs; None if the law is not about rows.
    """

    law: str
    difference: Difference | None

    def __init__(self, law: str, reason: str, difference: Difference | None = None) -> None:
        super().__init__(f"{law}: {reason}")
        self.law = law
        self.difference = difference


class LawsReport(msgspec.Struct, frozen=True):
    """The extent of a check.

    Attributes:
        events: The number of events in the log.
        folded: The number of them that the projection folds.
        checks: The number of comparisons.
        size: The size of the final rows as canonical JSON, in bytes.
        refused: The number of commands that were refused.
        exchanged: The number of commands that were also folded in another order of recording.
    """

    events: int
    folded: int
    checks: int
    size: int
    refused: int
    exchanged: int


class _Crash(BaseException):
    """A process that dies in the middle of a batch."""


def check_laws(
    projection: Projection,
    commands: Iterable[Command],
    *,
    url: str = "sqlite://",
    aggregates: Sequence[Aggregate[Any]] = AGGREGATES,
    reactions: Mapping[type[Event], Reaction] = REACTIONS,
    batches: Sequence[int] = (1, 2, 7, 1_000),
    shards: Sequence[int] = (1, 2, 3, 8),
    points: int = 12,
    hash_seeds: Sequence[int] = (1, 2),
    any_order: bool = True,
) -> LawsReport:
    """Check a projection against its laws on the events that these commands lead to.

    - Live folding gives the same rows as a rebuild, at every batch size given.
    - Any number of shards gives the same rows.
    - A crash at any point and a restart give the same rows as no crash.
    - Folding the same events again changes nothing.
    - The rows as of a position are those of live folding up to it.
    - Another process gives the same rows, whatever its `PYTHONHASHSEED`.
    - Two commands of one stream that could be recorded in either order give the same rows in both. The latest by
      business time counts, not the last recorded.

    Args:
        projection: The projection.
        commands: The commands to execute. Refused ones are counted and otherwise ignored.
        url: The database; in memory by default.
        aggregates: Every kind of aggregate that the commands need: `(*AGGREGATES, mine)` for a host's own.
        reactions: The commands that events lead to in other aggregates.
        batches: The numbers of events in a transaction of live folding.
        shards: The numbers of parts to split a rebuild into.
        points: The number of positions at which to crash, and to compare the rows as of.
        hash_seeds: Values of `PYTHONHASHSEED` to fold under. The folds must be at the top level of a module that
            another process can import; otherwise pass an empty sequence.
        any_order: Check the last law. Turn it off only for a projection that keeps the order of recording on purpose.

    Raises:
        LawBroken: The projection breaks a law; the error names the law and the row.
        ValueError: The commands lead to no event that the projection folds, or no aggregate decides one of them. Or the
            folds cannot be sent to another process.
    """
    named = _named(commands, aggregates)
    with Relations.open(url, aggregates=aggregates, reactions=reactions, follow=False) as engine:
        report = engine.execute_many(named)
        engine.runner = Runner(engine.log, engine.codec, [projection], lambda: engine.policy.zone)
        engine.runner.tables(projection.name)  # rows that cannot be stored lawfully are refused before any is folded
        check = _Check(engine, projection, len(report.rejections))
        check.see()
        check.live_and_rebuilt(batches, shards)
        check.crashes(points)
        check.as_of_positions(points)
        check.other_processes(hash_seeds)
        if any_order:
            with Relations.open("sqlite://", aggregates=aggregates, reactions=reactions, follow=False) as other:
                check.other_orders(named, other)
        return check.report()


def _named(commands: Iterable[Command], aggregates: Sequence[Aggregate[Any]]) -> list[Command]:
    """Return the commands with ids of their own, so that each one's events can be found."""
    known = {command for aggregate in aggregates for command in aggregate.commands}
    named = []
    for number, command in enumerate(commands):
        if type(command) not in known:
            msg = f"no aggregate decides {type(command).__name__}: give aggregates=(*AGGREGATES, …) with its own"
            raise ValueError(msg)
        missing = command.command_id is None
        named.append(command.model_copy(update={"command_id": f"law-{number}"}) if missing else command)
    return named


class _Check:
    def __init__(self, engine: Relations, projection: Projection, refused: int) -> None:
        self.engine = engine
        self.runner = engine.runner
        self.projection = projection
        self.name = projection.name
        self.refused = refused
        self.checks = 0
        self.exchanged = 0
        self.head = engine.status().position
        self._batch = max(3, self.head // _TRANSACTIONS)
        self.whole = self._as_of(self.head)

    def see(self) -> None:
        topics = {event.topic for event in self.projection.folds}
        self.folded = sum(recorded.topic in topics for recorded in self.engine.events())
        if not self.folded:
            msg = f"the commands led to {self.head} events, and {self.name} folds none of them: nothing would be seen"
            raise ValueError(msg)

    def report(self) -> LawsReport:
        return LawsReport(self.head, self.folded, self.checks, len(self.whole), self.refused, self.exchanged)

    def live_and_rebuilt(self, batches: Sequence[int], shards: Sequence[int]) -> None:
        for batch in batches:
            self.runner.reset(self.name)
            self.runner.catch_up(batch=batch)
            self._same(self.whole, f"live in batches of {batch}")
        self.runner.catch_up()
        self._same(self.whole, "folded again with nothing new")
        for count in shards:
            self.runner.rebuild(shards=count)
            self._same(self.whole, f"rebuilt in {count} shards")

    def crashes(self, points: int) -> None:
        for position in _spread(self.head, points):
            self.runner.reset(self.name)
            dying = _dies_at(self.projection, position)
            runner = Runner(self.engine.log, self.engine.codec, [dying], lambda: self.engine.policy.zone)
            with suppress(_Crash):
                runner.catch_up(batch=self._batch)
            self.runner.catch_up(batch=self._batch)
            self._same(self.whole, f"crashed at position {position} and resumed")

    def as_of_positions(self, points: int) -> None:
        self.runner.reset(self.name)
        for position in _spread(self.head, points):
            self.runner.catch_up(until=position, batch=self._batch)
            self._same(self._as_of(position), f"as of position {position}")

    def other_processes(self, seeds: Sequence[int]) -> None:
        if not seeds:
            return
        events = [topic.event for topic in self.engine.codec.topics.values()]
        rows = self._log_rows()
        here = folded_here(events, self.projection, self.engine.policy.zone, rows)
        for seed in seeds:
            found = folded_elsewhere(seed, events, self.projection, self.engine.policy.zone, rows)
            self._compare(found, here, f"in another process, with PYTHONHASHSEED={seed}")

    def other_orders(self, commands: Sequence[Command], other: Relations) -> None:
        """Fold what could have been recorded the other way round in that order.

        In every stream, two commands of one class that follow each other are sent in the other order to another log.
        Where each leads to the same events there, the order is a matter of recording alone.
        """
        first = _by_command(self.engine)
        pairs = _pairs(commands, first)
        swapped = list(commands)
        for one, two in pairs:
            swapped[one], swapped[two] = swapped[two], swapped[one]
        other.execute_many(swapped)
        second = _by_command(other)
        rows, order = self._log_rows(), {}
        for one, two in pairs:
            names = [str(commands[index].command_id) for index in (one, two)]
            if all(_contents(first[name]) == _contents(second.get(name, [])) for name in names):
                for name, place in zip(names, reversed(names), strict=True):
                    order.update({event.position: first[place][0].position for event in first[name]})
                self.exchanged += 2
        if not order:
            return
        rows.sort(key=lambda row: (order.get(row[_POSITION], row[_POSITION]), row[_POSITION]))
        folding = Folding(self.engine.codec, [self.projection], local_time(self.engine.policy.zone))
        folding.fold((rows,))
        for failure in folding.failures.values():
            raise failure
        self._compare(self.runner.folded(folding, self.name), self.whole, "recorded in another order")

    def _log_rows(self) -> list[tuple[Any, ...]]:
        with self.engine.log.database.reading() as connection:
            pages = self.engine.log.scan(connection, COLUMNS)
            return [row for page in pages for row in page]

    def _as_of(self, position: int) -> bytes:
        folding = self.runner.fold([self.name], until=position)
        for failure in folding.failures.values():
            raise failure
        return self.runner.folded(folding, self.name)

    def _same(self, expected: bytes, law: str) -> None:
        self._compare(self.runner.stored(self.name), expected, law)

    def _compare(self, found: bytes, expected: bytes, law: str) -> None:
        self.checks += 1
        if found != expected:
            self._fail(law, found, expected)

    def _fail(self, law: str, found: bytes, expected: bytes) -> NoReturn:
        tables = {table.label: table for table in self.runner.tables(self.name).values()}
        difference = _first_difference(tables, found, expected)
        raise LawBroken(f"{self.name}, {law}", str(difference), difference)


def check_upcasts(codec: Codec, projection: Projection, stored: Iterable[tuple[str, int, bytes, Event]]) -> int:
    """Check that folding upcast bodies is folding the new form.

    Args:
        codec: Knows the upcasts.
        projection: What folds them.
        stored: Topic, schema and bytes as once stored, and the event that they mean today.

    Returns:
        How many were compared.

    Raises:
        LawBroken: One upcasts to something else, or folds differently.
    """
    count = 0
    for topic, schema, body, meant in stored:
        law = f"{topic}, schema {schema}"
        found = codec.decode(topic, schema, body)
        if found != meant:
            raise LawBroken(law, f"upcasts to {found!r}, not {meant!r}")
        rows = [Rows(projection.tables, local_time("UTC")) for _ in range(2)]
        envelope = Envelope(position=1, stream="customer-c", version=1, customer="c", occurred_at=0, recorded_at=0)
        fold = projection.folds.get(type(meant))
        if fold is not None:
            fold(rows[0], found, envelope)
            fold(rows[1], meant, envelope)
        if rows[0].tables != rows[1].tables:
            raise LawBroken(law, f"{projection.name} folds the upcast differently")
        count += 1
    return count


def _by_command(engine: Relations) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = defaultdict(list)
    for recorded in engine.events():
        found[recorded.command_id].append(recorded)
    return found


def _contents(events: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Return what makes up events besides their places in the log, personal words opened."""
    return [(each.stream, each.customer, each.occurred_at, each.actor, each.event) for each in events]


def _pairs(commands: Sequence[Command], events: Mapping[str, Sequence[Any]]) -> list[tuple[int, int]]:
    """Return the places of commands of one class that follow each other in a stream at different business times."""
    last: dict[str, int] = {}
    found = []
    for index, command in enumerate(commands):
        if not events.get(str(command.command_id)):
            continue
        before = last.get(command.stream)
        if before is not None and type(commands[before]) is type(command) and commands[before].at != command.at:
            found.append((before, index))
            del last[command.stream]
        else:
            last[command.stream] = index
    return found


def _dies_at(projection: Projection, position: int) -> Projection:
    """Return the projection as folded by a process that dies at this position, or at the next event that it folds."""

    def dying(fold: Fold) -> Fold:
        def fold_or_die(rows: Rows, event: Any, envelope: Envelope) -> None:
            fold(rows, event, envelope)
            if envelope.position >= position:
                raise _Crash

        return fold_or_die

    folds = {event: dying(fold) for event, fold in projection.folds.items()}
    return Projection(projection.name, projection.version, projection.tables, folds)


def _spread(head: int, points: int) -> list[int]:
    return sorted({max(1, head * point // points) for point in range(1, points + 1)})


def _first_difference(tables: Mapping[str, RowTable], found: bytes, expected: bytes) -> Difference:
    """Return the first row that differs between two canonical forms that are not equal."""
    for here, there in zip(_tables(found), _tables(expected), strict=True):
        label, table = here[0], tables[here[0]]
        width = len(table.row.key)
        rows, wanted = ({tuple(row[:width]): row for row in each[1]} for each in (here, there))
        for key in sorted(rows.keys() | wanted.keys(), key=str):
            if rows.get(key) == wanted.get(key):
                continue
            if key not in rows or key not in wanted:
                return Difference(label, key, None, _rest(rows, key, width), _rest(wanted, key, width))
            pairs = zip(table.names, rows[key], wanted[key], strict=True)
            column, value, meant = next(each for each in pairs if each[1] != each[2])
            return Difference(label, key, column, value, meant)
    raise AssertionError  # pragma: no cover - called for what differs


def _tables(canonical: bytes) -> list[Any]:
    return [json.loads(line) for line in canonical.split(b"\n")]


def _rest(rows: Mapping[Any, list[Any]], key: Any, width: int) -> Any:
    return rows[key][width:] if key in rows else None
