"""Ways to tamper with a database as somebody with its password could, and what finds each; the table in the reference.

`python -m tests.verification.tampering` writes `docs/reference/tampering.md`; a test compares it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zlib import crc32

import msgspec
from sqlalchemy import Connection, MetaData, Table, and_, select, text

from relations import Command, Policy, Relations
from relations.audit import SealingKey, Seals
from relations.audit.checker import Checkpoint
from relations.commands import (
    AdvancePlan,
    BeginPlan,
    EraseCustomer,
    LinkIdentity,
    MergeCustomer,
    UnmergeCustomer,
)
from relations.errors import LogError
from relations.execution.states import _snapshot_topic
from relations.log.chain import GENESIS, link
from relations.log.codec import encode_state
from relations.log.snapshots import seal_snapshot
from relations.log.tables import TRIGGERS, keys, log, meta, snapshots
from relations.policies import CARE_PLANS
from relations.policies.loyalty.windows import Inactivity
from relations.projections.running.checkpoints import checkpoints
from relations.projections.running.stored_columns import stored_columns
from relations.testing import simulate
from relations.testing.hotel.simulation import hotel_policy
from relations.verification.findings import Findings, Problem
from relations.verification.refolds import RefoldCheck
from relations.verification.seals import seals
from tests.support.filling import filling
from tests.support.fits import small_fits

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "tampering.md"
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
LAST_DAY = datetime(2026, 5, 3, tzinfo=UTC)
KEY = SealingKey.generate("hotel.example/customers")

HARMLESS = "no effect"
"""A change that no answer and no decision depends on."""
CHECKPOINT = "a checkpoint held elsewhere"


@dataclass(frozen=True)
class Attack:
    """A change of a database.

    Attributes:
        table: The table.
        change: What is changed, as the table in the reference calls it.
        run: Makes the change.
        found: The codes of which one at least must be found, or `HARMLESS` or `CHECKPOINT`.
        place: What the finding must name: position, key or column.
    """

    table: str
    change: str
    run: Callable[[Connection], object]
    found: tuple[str, ...]
    place: str = ""


def fill(url: str) -> None:
    """Make a log with rows in all tables, and seal it twice."""
    with Relations.open(url, snapshot_every=12, clock=lambda: NOON) as engine:
        engine.execute_many(simulate(seed=1, customers=25, policy=_policy(), stories=True))
        ids = sorted({event.customer for event in engine.events() if event.customer})
        for kept, other in ((ids[0], ids[1]), (ids[2], ids[3]), (ids[4], ids[5]), (ids[6], ids[7])):
            engine.execute(MergeCustomer(customer=other, into=kept, occurred_at=LAST_DAY))
        for other in (ids[1], ids[3]):
            engine.execute(UnmergeCustomer(customer=other, occurred_at=LAST_DAY))
        engine.execute(LinkIdentity(customer=ids[8], source="crm", external_id="a-17", occurred_at=LAST_DAY))
        for command in (*filling(LAST_DAY, ids[10], ids[11]), *_care(ids[12], ids[13]), *small_fits(LAST_DAY)):
            engine.execute(command)
        Seals(engine.log).seal(KEY, at=NOON)
        engine.execute(EraseCustomer(customer=ids[9], occurred_at=LAST_DAY))
        Seals(engine.log).seal(KEY, at=NOON)
        engine.catch_up()
        for view in vars(engine.views).values():
            view.store_columns(least=1)


def _policy() -> Policy:
    """Return the policy of the simulation, with plans of care and with points that lapse with their member."""
    known = hotel_policy()
    return known.model_copy(
        update={
            "programme": known.programme.model_copy(update={"expiry": Inactivity(months_count=12)}),
            "care": known.care.model_copy(update={"plans": (CARE_PLANS["611"],)}),
        }
    )


def _care(*customers: str) -> Iterator[Command]:
    """Yield a round of care for each customer, whose first step has lapsed."""
    for days, customer in enumerate(customers, start=23):
        since = LAST_DAY.date() - timedelta(days=days)
        yield BeginPlan(customer=customer, plan="611", on=since, occurred_at=LAST_DAY)
        yield AdvancePlan(customer=customer, occurred_at=LAST_DAY)


# --- changing ---------------------------------------------------------------------------------------------------------


class _Undo(Exception):
    """Takes a change back, when it leaves the transaction."""


@contextmanager
def tampered(engine: Relations, change: Callable[[Connection], object]) -> Iterator[Connection]:
    """Change a database past its triggers, yield the transaction, and take the change back."""
    database = engine.log.database
    with suppress(_Undo), database.snapshot() as connection:
        if database.is_sqlite:
            for name in TRIGGERS["sqlite"]:
                connection.execute(text(f"DROP TRIGGER {name}"))
        else:
            connection.execute(text("ALTER TABLE relations_log DISABLE TRIGGER USER"))
        change(connection)
        if database.is_sqlite:
            for statement in TRIGGERS["sqlite"].values():
                connection.exec_driver_sql(statement)
        else:
            connection.execute(text("ALTER TABLE relations_log ENABLE TRIGGER USER"))
        yield connection
        raise _Undo


def _rows(connection: Connection, table: Table) -> list[dict[str, Any]]:
    rows = connection.execute(select(table).order_by(*table.primary_key)).mappings()
    return [{name: bytes(v) if isinstance(v, memoryview) else v for name, v in row.items()} for row in rows]


def _where(table: Table, row: dict[str, Any]) -> Any:
    return and_(*(column == row[column.name] for column in table.primary_key))


def changed(value: Any, column: Any = None) -> Any:
    """Return another value of the same kind."""
    if value is None:
        value = 0 if column is None else column.type.python_type()
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1_000_003
    if isinstance(value, bytes):
        return bytes([*value[:-1], (value[-1] if value else 0) ^ 1])
    return f"{value}x"


def _set(table: Table, row: dict[str, Any], **values: Any) -> Callable[[Connection], object]:
    return lambda connection: connection.execute(table.update().where(_where(table, row)).values(**values))


def _delete(table: Table, row: dict[str, Any]) -> Callable[[Connection], object]:
    return lambda connection: connection.execute(table.delete().where(_where(table, row)))


def _insert(table: Table, row: dict[str, Any]) -> Callable[[Connection], object]:
    return lambda connection: connection.execute(table.insert().values(**row))


def _swap(table: Table, one: dict[str, Any], two: dict[str, Any], *names: str) -> Callable[[Connection], object]:
    def run(connection: Connection) -> None:
        _set(table, one, **{name: two[name] for name in names})(connection)
        _set(table, two, **{name: one[name] for name in names})(connection)

    return run


def _recompute(connection: Connection, *, change: dict[int, dict[str, Any]], without: set[int] = frozenset()) -> None:  # type: ignore[assignment]
    """Change rows, leave rows out, and compute positions and digests of all rows again."""
    rows = [row | change.get(row["position"], {}) for row in _rows(connection, log) if row["position"] not in without]
    connection.execute(log.delete())
    digest = GENESIS
    for position, row in enumerate(rows, start=1):
        row["position"] = position
        digest = link(digest, [row[name] for name in log.columns.keys()[:-1]])
        row["digest"] = digest
    connection.execute(log.insert(), rows)


# --- the attacks ------------------------------------------------------------------------------------------------------

CHAIN = ("chain_broken",)


def of_log(engine: Relations) -> Iterator[Attack]:
    with engine.log.database.reading() as connection:
        rows = _rows(connection, log)
    middle = next(row for row in rows[len(rows) // 2 :] if row["cause"] is not None)
    at = middle["position"]
    for row in (middle, rows[0], rows[-1]):
        for column in log.columns if row is middle else [log.c.body, log.c.digest]:
            value = changed(row[column.name], column)
            place = f"position {row['position']}"
            yield Attack(log.name, f"change {column.name}", _set(log, row, **{column.name: value}), CHAIN, place)
    yield Attack(log.name, "delete a row", _delete(log, middle), CHAIN, f"position {at}")
    yield Attack(log.name, "delete the first row", _delete(log, rows[0]), CHAIN, "position 1")
    copy = rows[-1] | {"position": rows[-1]["position"] + 1, "version": 999, "command_id": "forged"}
    yield Attack(log.name, "insert a row", _insert(log, copy), CHAIN, f"position {copy['position']}")

    def swap(connection: Connection) -> None:
        # Positions are unique, so one row waits elsewhere.
        for before, after in ((at, 10**6), (at + 1, at), (10**6, at + 1)):
            connection.execute(log.update().where(log.c.position == before).values(position=after))

    yield Attack(log.name, "swap two rows", swap, CHAIN, f"position {at}")

    def truncate(connection: Connection) -> None:
        connection.execute(log.delete().where(log.c.position > at))

    yield Attack(log.name, "truncate the tail", truncate, ("seal_broken", "checkpoint_beyond_head"))

    def truncate_and_hide(connection: Connection) -> None:
        truncate(connection)
        connection.execute(seals.delete())

    def edit(connection: Connection) -> None:
        _recompute(connection, change={at: {"actor": "somebody else"}})

    def edit_and_hide(connection: Connection) -> None:
        edit(connection)
        connection.execute(seals.delete())
        connection.execute(snapshots.delete())

    yield Attack(log.name, "truncate the tail and delete the seals", truncate_and_hide, (CHECKPOINT,))
    yield Attack(log.name, "edit a row and compute the chain again", edit, ("seal_broken",))
    yield Attack(log.name, "edit a row, compute the chain again and delete the seals", edit_and_hide, (CHECKPOINT,))

    def remove(connection: Connection) -> None:
        _recompute(connection, change={}, without={at})

    yield Attack(log.name, "remove a row and compute the chain again", remove, ("seal_broken", "version_gap"))

    def fork(connection: Connection) -> None:
        first = {row["position"]: {"actor": "the other branch"} for row in rows if row["position"] > at}
        _recompute(connection, change=first)
        connection.execute(seals.delete())
        connection.execute(snapshots.delete())

    yield Attack(log.name, "fork: another history after a position", fork, (CHECKPOINT,))
    for change, code in (
        ({"cause": "customer-nobody@7"}, "cause_missing"),
        ({"command_seq": changed(middle["command_seq"])}, "receipt_broken"),
        ({"recorded_at": middle["recorded_at"] + 1}, "receipt_broken"),
        ({"command_hash": b"short"}, "receipt_broken"),
        ({"topic": "customer.teleported"}, "unknown_topic"),
        ({"schema": 99}, "newer_log"),
        ({"schema": 0}, "undecodable_event"),
        ({"body": b"{"}, "undecodable_event"),
        ({"version": 999}, "version_gap"),
    ):
        (name,) = change

        def replace(connection: Connection, change: dict[str, Any] = change) -> None:
            _recompute(connection, change={at: change})
            connection.execute(seals.delete())

        words = f"change {name} to something impossible, compute the chain again and delete the seals"
        yield Attack(log.name, words, replace, (code,), f"position {at}")


def of_keys(engine: Relations) -> Iterator[Attack]:
    with engine.log.database.reading() as connection:
        rows = _rows(connection, keys)
    digests = next(row for row in rows if row["customer"] == "#digests")
    erased = next(row for row in rows if not row["key"])
    one, two = [row for row in rows if row["key"] and row is not digests][:2]
    name = one["customer"]
    yield Attack(keys.name, "change customer", _set(keys, one, customer="nobody"), ("key_missing",), name)
    yield Attack(keys.name, "change key", _set(keys, one, key=changed(one["key"])), ("key_wrong",), name)
    yield Attack(keys.name, "change created_at", _set(keys, one, created_at=5), ("key_misdated",), name)
    yield Attack(keys.name, "cut key short", _set(keys, one, key=one["key"][:9]), ("key_unreadable",), name)
    yield Attack(keys.name, "empty key", _set(keys, one, key=b""), ("key_emptied",), name)
    yield Attack(keys.name, "delete a row", _delete(keys, one), ("key_missing",), name)
    yield Attack(keys.name, "insert a row", _insert(keys, one | {"customer": "nobody"}), ("key_unused",), "nobody")
    yield Attack(keys.name, "swap two rows", _swap(keys, one, two, "key"), ("key_wrong",), name)
    back = _set(keys, erased, key=one["key"])
    yield Attack(keys.name, "put a destroyed key back", back, ("key_restored",), erased["customer"])
    other = _set(keys, digests, key=changed(digests["key"]))
    yield Attack(keys.name, "change the key of digests", other, ("key_unreadable",), "#digests")


def of_meta(engine: Relations) -> Iterator[Attack]:
    with engine.log.database.reading() as connection:
        rows = _rows(connection, meta)
    for row in rows:
        name = row["name"]
        yield Attack(meta.name, "change name", _set(meta, row, name=f"{name}x"), ("fact_damaged",), name)
        yield Attack(meta.name, "change value", _set(meta, row, value=changed(row["value"])), ("fact_damaged",), name)
        yield Attack(meta.name, "delete a row", _delete(meta, row), ("fact_damaged",), name)
    yield Attack(meta.name, "insert a row", _insert(meta, {"name": "x", "value": "y"}), ("fact_damaged",), "x")
    by_name = {row["name"]: row for row in rows}
    swap = _swap(meta, by_name["id"], by_name["created_by"], "value")
    yield Attack(meta.name, "swap two rows", swap, ("fact_damaged",), "created_by")


def of_snapshots(engine: Relations) -> Iterator[Attack]:
    with engine.log.database.reading() as connection:
        rows = _rows(connection, snapshots)
    one, two = rows[0], next(row for row in rows if row["stream"] != rows[0]["stream"])
    damaged = ("snapshot_damaged",)
    yield Attack(snapshots.name, "change stream", _set(snapshots, one, stream="customer-x"), damaged, "customer-x")
    for name in ("version", "topic", "body"):
        change = _set(snapshots, one, **{name: changed(one[name])})
        yield Attack(snapshots.name, f"change {name}", change, damaged, one["stream"])
    yield Attack(snapshots.name, "delete a row", _delete(snapshots, one), (HARMLESS,))
    yield Attack(snapshots.name, "insert a row", _insert(snapshots, one | {"version": 2}), damaged, one["stream"])
    yield Attack(snapshots.name, "swap two rows", _swap(snapshots, one, two, "body"), damaged, one["stream"])
    aggregate = engine._executor.states.aggregate(one["stream"])
    with engine.log.database.reading() as connection:
        where = log.c.stream == one["stream"], log.c.version == one["version"]
        chain = bytes(connection.execute(select(log.c.digest).where(*where)).scalar_one())
    state = encode_state(aggregate.decider.initial)
    forged = seal_snapshot(one["stream"], one["version"], _snapshot_topic(aggregate), chain, state)
    change = _set(snapshots, one, body=forged)
    yield Attack(snapshots.name, "forge a body with its digest", change, ("snapshot_differs",), one["stream"])


def of_seals(engine: Relations) -> Iterator[Attack]:
    with engine.log.database.reading() as connection:
        one, two = _rows(connection, seals)
    broken = ("seal_broken",)
    place = str(one["size"])
    for column in seals.columns:
        value = changed(one[column.name])
        if column.name == "checkpoint":
            value = one["checkpoint"].replace(place, str(one["size"] + 1), 1)
        if column.name == "sealed_at":
            value = one["sealed_at"] + 1_000_000
        change = _set(seals, one, **{column.name: value})
        yield Attack(seals.name, f"change {column.name}", change, broken, "" if column.name == "size" else place)
    yield Attack(seals.name, "delete a row", _delete(seals, one), (HARMLESS,))
    forged = one | {"size": one["size"] - 1}
    yield Attack(seals.name, "insert a row", _insert(seals, forged), broken, str(forged["size"]))
    swap = _swap(seals, one, two, "digest", "root", "frontier", "checkpoint", "sealed_at")
    yield Attack(seals.name, "swap two rows", swap, broken, place)


def of_states(engine: Relations) -> Iterator[Attack]:
    with engine.log.database.reading() as connection:
        row = next(row for row in _rows(connection, checkpoints) if row["name"] == "retention")
        other = next(row for row in _rows(connection, checkpoints) if row["name"] == "desk")
    damaged = ("checkpoint_damaged",)
    expected: dict[str, tuple[Any, tuple[str, ...]]] = {
        "name": ("elsewhere", ("checkpoint_missing",)),
        "version": (99, ("checkpoint_missing",)),
        "zone_data": ("1999a", ("checkpoint_missing",)),
        "zone": ("Asia/Tokyo", damaged),
        "position": (7, ("view_differs",)),
        "folded_at": (1, (HARMLESS,)),
        "tables": ("[]", damaged),
        "rebuild": ("0" * 8, damaged),
        "rebuild_at": (1, damaged),
        "failed_at": (7, damaged),
        "failed_stream": ("customer-x", damaged),
        "failure": ("planted", ("projection_failed",)),
    }
    assert expected.keys() == {column.name for column in checkpoints.columns}
    for name, (value, found) in expected.items():
        yield Attack(checkpoints.name, f"change {name}", _set(checkpoints, row, **{name: value}), found, "retention")
    beyond = _set(checkpoints, row, position=10**9)
    yield Attack(checkpoints.name, "move position beyond the log", beyond, ("checkpoint_beyond_head",), "retention")
    yield Attack(checkpoints.name, "delete a row", _delete(checkpoints, row), ("checkpoint_missing",), "retention")
    strange = row | {"name": "strange", "rebuild": "0" * 8}
    yield Attack(checkpoints.name, "insert a row", _insert(checkpoints, strange), (HARMLESS,))
    swap = _swap(checkpoints, row, other, "tables")
    yield Attack(checkpoints.name, "swap two rows", swap, damaged, "retention")


def of_columns(engine: Relations) -> Iterator[Attack]:
    table, differ = stored_columns, ("columns_differ",)
    with engine.log.database.reading() as connection:
        rows = _rows(connection, table)
    assert {row["projection"] for row in rows} > {"retention", "satisfaction"}
    of_retention = [row for row in rows if row["projection"] == "retention"]
    row = next(each for each in of_retention if each["part"] == "activity")
    for name in ("projection", "version", "zone_data", "of", "part", "zone", "checksum", "content"):
        value = changed(row[name], table.c[name])
        yield Attack(table.name, f"change {name}", _set(table, row, **{name: value}), (HARMLESS,))
    for name in ("position", "aliases"):
        for value, found in ((10**9, differ), (-1, (HARMLESS,))):

            def move(connection: Connection, name: str = name, value: int = value) -> None:
                connection.execute(table.update().where(table.c.of == row["of"]).values({name: value}))

            yield Attack(table.name, f"move {name} {'forward' if value > 0 else 'back'}", move, found, row["of"])
    numbers = next(each for each in of_retention if each["part"] == "contact_at")
    version, parts = msgspec.msgpack.decode(numbers["content"])
    for _, fields in parts.values():
        for stored in fields.values():
            stored[2] += 1
    forged = msgspec.msgpack.encode([version, parts])
    change = _set(table, numbers, content=forged, checksum=crc32(forged))
    yield Attack(table.name, "change content and checksum", change, differ, row["of"])
    broken = _set(table, numbers, content=b"broken", checksum=crc32(b"broken"))
    yield Attack(table.name, "replace content by nonsense with its checksum", broken, (HARMLESS,))
    yield Attack(table.name, "delete a row", _delete(table, row), (HARMLESS,))
    yield Attack(table.name, "insert a row", _insert(table, row | {"part": "another"}), (HARMLESS,))


def of_triggers(engine: Relations) -> Iterator[Attack]:
    is_sqlite = engine.log.database.is_sqlite
    for name in TRIGGERS["sqlite" if is_sqlite else "postgresql"]:
        drop = f"DROP TRIGGER {name}" + ("" if is_sqlite else " ON relations_log")

        def dropped(connection: Connection, drop: str = drop) -> None:
            connection.exec_driver_sql(drop)

        yield Attack("triggers", "drop a trigger", dropped, ("trigger_missing",), name)
    if is_sqlite:

        def weakened(connection: Connection) -> None:
            connection.exec_driver_sql("DROP TRIGGER relations_log_no_update")
            connection.exec_driver_sql(
                "CREATE TRIGGER relations_log_no_update BEFORE UPDATE ON relations_log BEGIN SELECT 1; END"
            )

        yield Attack("triggers", "replace a trigger", weakened, ("trigger_changed",), "relations_log_no_update")
        return

    def replaced(connection: Connection) -> None:
        connection.exec_driver_sql(
            "CREATE OR REPLACE FUNCTION relations_log_refuse() RETURNS trigger LANGUAGE plpgsql AS "
            "$$BEGIN RETURN NEW; END$$"
        )

    def disabled(connection: Connection) -> None:
        connection.exec_driver_sql("ALTER TABLE relations_log DISABLE TRIGGER relations_log_no_change")

    yield Attack("triggers", "replace a trigger", replaced, ("trigger_changed",), "relations_log_no_change")
    yield Attack("triggers", "disable a trigger", disabled, ("trigger_missing",), "relations_log_no_change")


def of_views(engine: Relations) -> Iterator[tuple[str, Attack]]:
    """Yield the attacks on the views' tables, each with its view."""
    differs = ("view_differs",)
    for view in engine.runner.projections:
        for row_table in engine.runner.tables(view).values():
            with engine.log.database.reading() as connection:
                table = Table(row_table.base_name, MetaData(), autoload_with=connection)
                rows = _rows(connection, table)
            label = row_table.label
            assert rows, f"{label} has no rows: add a command that makes one to tests/support/filling.py"
            row = rows[-1]
            for column in table.columns:
                value = changed(row[column.name], column)
                change = _set(table, row, **{column.name: value})
                place = label if column.primary_key else column.name
                yield view, Attack(label, f"change {column.name}", change, differs, place)
            yield view, Attack(label, "delete a row", _delete(table, row), differs, label)
            extra = row | {column.name: changed(row[column.name], column) for column in table.primary_key}
            yield view, Attack(label, "insert a row", _insert(table, extra), differs, label)
            names = [column.name for column in table.columns if not column.primary_key]
            unlike = [each for each in rows if any(each[name] != row[name] for name in names)]
            if unlike:
                yield view, Attack(label, "swap two rows", _swap(table, row, unlike[0], *names), differs, label)


# --- finding ----------------------------------------------------------------------------------------------------------


def findings(engine: Relations, attack: Attack) -> list[Problem]:
    """Return what `verify` finds after an attack."""
    with tampered(engine, attack.run if attack.table != "triggers" else lambda _connection: None) as connection:
        if attack.table == "triggers":
            attack.run(connection)
        return engine.verify().problems
    raise AssertionError


def rounds(attacks: Iterable[tuple[str, Attack]]) -> Iterator[dict[str, Attack]]:
    """Yield attacks on views, one for each view at a time: a comparison finds them all in one reading of the log."""
    left: dict[str, list[Attack]] = {}
    for view, attack in attacks:
        left.setdefault(view, []).append(attack)
    for number in range(max(map(len, left.values()))):
        yield {view: own[number] for view, own in left.items() if number < len(own)}


def view_findings(engine: Relations, attacks: Mapping[str, Attack]) -> list[Problem]:
    """Return what the comparison of some views finds after an attack on each of them."""
    found = Findings(is_sqlite=engine.log.database.is_sqlite)

    def run(connection: Connection) -> None:
        for attack in attacks.values():
            attack.run(connection)

    with tampered(engine, run) as connection:
        check = RefoldCheck(engine.log, engine.codec, engine.runner, found)
        check.load(connection)
        ((position, zone, names),) = check.groups
        assert attacks.keys() <= set(names)
        check.compare(connection, (position, zone, list(attacks)), lambda _count: None)
    return found.problems


def is_caught_by_checkpoint(engine: Relations, held: str, attack: Attack) -> bool:
    """Return whether a checkpoint that was held elsewhere shows the change, while the chain does not."""
    with tampered(engine, attack.run) as connection:
        assert all(engine.log.check(connection)), "the chain itself holds"
        try:
            Seals(engine.log).check(Checkpoint.parse(held))
        except LogError as error:
            return error.code == "seal_broken"
    return False


def place_of(problem: Problem) -> str:
    """Return everything that a finding names, as one text."""
    return f"position {problem.position} {problem.view} {problem.table} {problem.key} {problem.column} {problem.reason}"


Row = tuple[str, str, str, str]


def shown(attack: Attack) -> Row:
    """Return the row of the reference: table, change, what finds it, and what it names."""
    found = attack.found[0]
    if found == HARMLESS:
        return attack.table, attack.change, "—", _REASONS[attack.table]
    if found == CHECKPOINT:
        return (
            attack.table,
            attack.change,
            "`relations audit check`, with a checkpoint held elsewhere",
            "the seals around it",
        )
    place = attack.place
    named = "the position" if place.startswith("position") else "the row" if place else "the size that was sealed"
    if attack.change.startswith("change ") and attack.change == f"change {place}":
        named = "the row and the column"
    return attack.table, attack.change, f"`{found}`", named


_REASONS = {
    snapshots.name: "no effect: the events are enough",
    seals.name: "no effect: the checkpoints that others hold prove the log",
    stored_columns.name: "no effect: it is read from the view's rows",
    checkpoints.name: "no effect on any answer: a time of the machine, or a view that this engine does not have",
}


def page(rows: list[Row]) -> str:
    """Return the reference's page."""
    lines = [
        "<!-- Generated by the tests: python -m tests.verification.tampering; change tests/verification instead. -->",
        "",
        "# Tampering, and what finds it",
        "",
        "Each change below is made by a test on SQLite and on PostgreSQL. The test has the database's password, and",
        "switches the triggers off and on again. `relations verify` reports the code of the third column. The findings",
        "name the place of the fourth. No check inside the database can find everything. The rest is found by a",
        "[checkpoint](../how-to/seal-a-log.md) that somebody else holds (`relations audit check`), or by a digest that",
        "was noted down (`relations verify --expect`).",
        "",
        "| table | change | found as | names |",
        "|---|---|---|---|",
        *(f"| {' | '.join(row)} |" for row in rows),
        "",
        "The table `relations_tracking` belongs to the applications of the eventsourcing library that follow the log.",
        "Only they know which positions are right.",
        "",
    ]
    return "\n".join(lines)


def all_rows(engine: Relations) -> list[Row]:
    """Return the rows of the reference, each once."""
    attacks = [
        *of_log(engine), *of_keys(engine), *of_meta(engine), *of_snapshots(engine), *of_seals(engine),
        *of_states(engine), *of_columns(engine), *of_triggers(engine),
    ]  # fmt: skip
    rows = list(dict.fromkeys(shown(attack) for attack in attacks))
    of_view: dict[str, tuple[set[str], set[str]]] = {}
    for _view, attack in of_views(engine):
        kinds, columns = of_view.setdefault(attack.table, (set(), set()))
        name = attack.change.removeprefix("change ")
        (columns if name != attack.change else kinds).add(name)
    for table, (kinds, columns) in sorted(of_view.items()):
        tried = [*(["change any of its columns"] if columns else []), *sorted(kinds)]
        rows.append((table, "; ".join(tried), "`view_differs`", "the table, the row and the column"))
    return rows


def main() -> None:
    """Write the page."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/log.db"
        fill(url)
        with Relations.open(url, clock=lambda: NOON) as engine:
            PAGE.write_text(page(all_rows(engine)), encoding="utf-8")


if __name__ == "__main__":
    main()
