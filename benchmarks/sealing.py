"""Measurement of sealing a large log, and of making and checking a proof of one of its events."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random
from statistics import median
from time import perf_counter, thread_time

from benchmarks.harness import Line, Timing, Workspace, timed
from benchmarks.histories import large_log, open_log, simulated_batches
from relations.audit import SealingKey, Tree
from relations.audit.checker import Policy, Proof, check_inclusion
from relations.audit.seals import Seals

NAME = "sealing"
ABOUT = "sealing a log, and proofs of its events"
_PROOFS = 200
_TURNS = 3
_SHARE_MOST = 5
"""Sealing may add this many percent to an import."""


def measure(workspace: Workspace) -> list[Line]:
    """Return the lines of this measurement."""
    path = large_log(workspace, workspace.scale.events)
    key = SealingKey.generate("benchmark.example/log")
    sealing, reading, building = [], [], []
    with open_log(path) as engine:
        workspace.say("sealing")
        events = engine.status().position
        seals = Seals(engine.log)
        with engine.log.database.reading() as connection:
            scanned = engine.log.scan(connection, ("position", "digest"), until=events)
            digests = [digest for page in scanned for _position, digest in page]
        for _ in range(_TURNS):
            begun = perf_counter()
            with engine.log.database.reading() as connection:
                assert sum(len(page) for page in engine.log.scan(connection, until=events)) == events
            read = perf_counter()
            seal = seals.seal(key)
            sealed = perf_counter()
            building.append(timed(lambda: Tree(digests)))
            tree = Tree(digests)
            assert seal.root == tree.root()
            reading.append(read - begun)
            sealing.append(sealed - read)
            with engine.log.database.transaction() as connection:
                connection.exec_driver_sql("DROP TABLE relations_seals")
        making, checking = _proofs(tree, digests, seal.checkpoint, Policy(key.verifier_keys))
    shares = _shares_of_import(workspace, key)
    ratios = [mine / plain for mine, plain in zip(sealing, reading, strict=True)]
    nightly = "the first seal; the next ones read new events only"
    return [
        Line(
            measurement=NAME, what=f"seal {events:,} events at once", against="plainly reading the same rows", unit="s",
            ours=median(sealing), theirs=median(reading), value=median(ratios), lowest=min(ratios), highest=max(ratios),
            direction="at most", turns=_TURNS, note=nightly,
        ),
        Line(
            measurement=NAME, what="seal what an import has recorded", against="the import itself", unit="%",
            ours=median(shares), theirs=None, value=median(shares), lowest=min(shares), highest=max(shares),
            budget=_SHARE_MOST, direction="at most", turns=_TURNS, note="in percent of the import's time",
        ),
        _line(f"the whole Merkle tree of {events:,} events", "s", building, budget=2),
        _line("make a proof from a tree in memory", "ms", making, budget=5),
        _line("check a proof with both its signatures", "ms", checking, budget=5, note="at random positions"),
    ]  # fmt: skip


def _shares_of_import(workspace: Workspace, key: SealingKey) -> list[float]:
    """Return the time to seal an import in percent of the time to import it, for each of some imports."""
    batches = simulated_batches(workspace.scale.import_batches * 1_000, 1_000)
    shares = []
    for _ in range(_TURNS):
        with open_log(workspace.path("sealed import")) as engine:
            begun = perf_counter()
            for batch in batches:
                engine.execute_many(batch)
            imported = perf_counter()
            Seals(engine.log).seal(key)
            shares.append(100 * (perf_counter() - imported) / (imported - begun))
    return shares


def _proofs(tree: Tree, digests: list[bytes], checkpoint: str, policy: Policy) -> tuple[list[Timing], list[Timing]]:
    making, checking = [], []
    parsed = Proof.parse(f"c2sp.org/tlog-proof@v1\nindex 0\n\n{checkpoint}").checkpoint
    random = Random(7)
    for _ in range(_PROOFS):
        index = random.randrange(tree.size)
        path = _path(tree, index)
        assert check_inclusion(Proof(index, path, parsed), digests[index], policy)
        making.append(_milliseconds(partial(_path, tree, index)))
        proof = Proof(index, path, parsed)
        checking.append(_milliseconds(partial(check_inclusion, proof, digests[index], policy)))
    return making, checking


def _path(tree: Tree, index: int) -> tuple[bytes, ...]:
    return tuple(tree.inclusion(index))


def _milliseconds(work: Callable[[], object]) -> Timing:
    wall, cpu = perf_counter(), thread_time()
    work()
    return Timing((perf_counter() - wall) * 1_000, (thread_time() - cpu) * 1_000)


def _line(what: str, unit: str, times: list[Timing], *, budget: float, note: str = "") -> Line:
    values = [time.wall for time in times]
    return Line(
        measurement=NAME,
        what=what,
        against="the budget itself: median",
        unit=unit,
        ours=median(values),
        theirs=None,
        value=median(values),
        lowest=min(values),
        highest=max(values),
        value_cpu=median(time.cpu for time in times),
        budget=budget,
        direction="at most",
        turns=len(values),
        note=note,
    )
