"""Measurement of verifying a log and all its views, against only hashing the same bytes."""

from __future__ import annotations

from hashlib import sha256
from resource import RUSAGE_SELF, getrusage
from statistics import median

import msgspec

from benchmarks.harness import Line, Workspace, alternate
from benchmarks.histories import large_log, open_log
from relations import Relations
from relations.log.chain import GENESIS, link

NAME = "verify"
ABOUT = "verifying a log and all views, against only hashing the same bytes"

_MOST = 4
_PAGE = 10_000


def measure(workspace: Workspace) -> list[Line]:
    """Return the lines of this measurement."""
    path = large_log(workspace, workspace.scale.events)
    with open_log(path) as engine:
        events = engine.status().position
        engine.rebuild()
        workspace.say("verifying, in turns with hashing the same bytes")
        before = _peak()
        times = alternate({"verify": lambda: verify(engine), "hash": lambda: hash_only(engine)}, workspace.scale.rounds)
        grown = _peak() - before
    mine, plain = times["verify"], times["hash"]
    ratios = [one.wall / other.wall for one, other in zip(mine, plain, strict=True)]
    by_cpu = [one.cpu / other.cpu for one, other in zip(mine, plain, strict=True)]
    line = Line(
        measurement=NAME, what=f"verify {events:,} events and all views",
        against="limit: reading and hashing every row of the log and of the views", unit="s",
        ours=median(turn.wall for turn in mine), theirs=median(turn.wall for turn in plain), value=median(ratios),
        lowest=min(ratios), highest=max(ratios), value_cpu=median(by_cpu), budget=_MOST, direction="at most",
        turns=len(ratios), note=f"the process grew by {grown:,.0f} MB, the mapped file included",
    )  # fmt: skip
    return [line]


def verify(engine: Relations) -> None:
    """Verify everything; it must be good."""
    found = engine.verify()
    assert found.good, found.problems
    assert len(found.views) == len(engine.runner.projections)


def hash_only(engine: Relations) -> bytes:
    """Read every row of the log and of the views once, and hash it: the chain for the log, one hash for each table."""
    digest = GENESIS
    encode = msgspec.msgpack.Encoder().encode
    with engine.log.database.reading() as connection:
        for page in engine.log.scan(connection):
            for row in page:
                digest = link(digest, row[:-1])
        cursor = engine.log.database.cursor(connection)
        for name in engine.runner.projections:
            for table in engine.runner.tables(name).values():
                hashed = sha256()
                cursor.execute(table.select_sql)
                while page := cursor.fetchmany(_PAGE):
                    for row in page:
                        hashed.update(encode(row))
                digest = sha256(digest + hashed.digest()).digest()
    return digest


def _peak() -> float:
    """Return the most memory that this process has had so far, in MB."""
    return getrusage(RUSAGE_SELF).ru_maxrss / 1_024
