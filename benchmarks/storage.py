"""Measurement of the size of a database: purchases of one customer against the same number of many customers."""

from __future__ import annotations

from statistics import median

from benchmarks.harness import Line, Workspace
from benchmarks.histories import open_log
from benchmarks.purchases import clock, purchases

NAME = "storage"
ABOUT = "the size of a database of one busy customer against one of many customers"

__all__ = ["ABOUT", "NAME", "measure"]

_MANY = 4_000
_RATIO = 1.3
_SOURCES = ("shop", "web")


def measure(workspace: Workspace) -> list[Line]:
    """Return the lines of this measurement."""
    count = workspace.scale.stored
    many = max(1, min(_MANY, count // 20))
    pairs = []
    for source in _SOURCES:
        workspace.say(f"recording {count:,} purchases of one customer, and of {many:,}")
        pairs.append(tuple(_megabytes(workspace, customers, count, source) for customers in (1, many)))
    ratios = [one / others for one, others in pairs]
    return [
        Line(
            measurement=NAME,
            what=f"size of a database, {count:,} purchases of one customer",
            against=f"itself: {many:,} customers",
            unit="MB",
            ours=median(one for one, _ in pairs),
            theirs=median(others for _, others in pairs),
            value=median(ratios),
            lowest=min(ratios),
            highest=max(ratios),
            budget=_RATIO,
            direction="at most",
            turns=len(pairs),
            note="log, snapshots and all views, after the last write is in the file",
        )
    ]


def _megabytes(workspace: Workspace, customers: int, count: int, source: str) -> float:
    path, each = workspace.path("storage"), count // customers
    with open_log(path, clock=clock, durability="off") as engine:
        engine.execute_many(purchases(range(customers), range(each), source, step_days=730 / each))
        engine.catch_up()
        with engine.log.database.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return path.stat().st_size / 1_000_000
