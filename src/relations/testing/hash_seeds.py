"""Folding in another process under another `PYTHONHASHSEED`, where hashes of text and the order of sets differ."""

from __future__ import annotations

import os
import pickle
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from typing import Any

from relations.log.codec import Codec
from relations.log.database import Database
from relations.messages import Event
from relations.policies.calendars import local_time
from relations.projections.projection import Projection
from relations.projections.running.folding import Folding
from relations.projections.running.tables import RowTable, canonical
from relations.projections.running.worker_processes import worker_pool

__all__ = ["folded_elsewhere", "folded_here"]

_SEED = "PYTHONHASHSEED"


def folded_here(events: Sequence[type[Event]], projection: Projection, zone: str, rows: Sequence[Any]) -> bytes:
    """Fold rows of the log in memory, and return the projection's rows as canonical bytes.

    Args:
        events: The classes of the log's events.
        projection: The projection.
        zone: The IANA zone of the business's days and months.
        rows: Rows of the log, the columns that folding reads.

    Raises:
        ProjectionFailed: The projection cannot fold one of them.
    """
    folding = Folding(Codec(events), [projection], local_time(zone))
    folding.fold((list(rows),) if rows else ())
    for failure in folding.failures.values():
        raise failure
    database = Database("sqlite://")
    try:
        tables = [(row, RowTable(database, projection, row)) for row in projection.tables]
        folded = folding.rows[projection.name].tables
        return canonical((table, table.encode_all(folded[row].values())) for row, table in tables)
    finally:
        database.close()


def folded_elsewhere(
    seed: int, events: Sequence[type[Event]], projection: Projection, zone: str, rows: Sequence[Any]
) -> bytes:
    """Fold as `folded_here` does, but in a process with this hash seed. It starts once and serves all later calls.

    Raises:
        ProjectionFailed: The projection cannot fold one of the events there.
        ValueError: The projection cannot be sent to another process.
    """
    try:
        pickle.dumps((tuple(events), projection))
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        msg = (
            f"the folds of {projection.name} cannot be sent to another process ({error}): define them at the top level "
            "of a module, or give hash_seeds=()"
        )
        raise ValueError(msg) from None
    result: bytes = _process(seed, os.getpid()).submit(folded_here, events, projection, zone, rows).result()
    return result


@cache
def _process(seed: int, _owner: int) -> ProcessPoolExecutor:
    """Start a process with a hash seed. An interpreter reads the seed only when it starts, so it cannot be forked.

    A forked process has a copy of the pool whose threads did not come along, so it starts one of its own.
    """
    pool = worker_pool(1)
    before = os.environ.get(_SEED)
    os.environ[_SEED] = str(seed)
    try:
        pool.submit(os.getpid).result()
    finally:
        if before is None:
            del os.environ[_SEED]
        else:
            os.environ[_SEED] = before
    return pool
