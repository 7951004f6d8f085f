"""Measurement of rebuilding all views: against reading the log, with a second process, and against the peer."""

from __future__ import annotations

from resource import RUSAGE_CHILDREN, getrusage
from statistics import median
from time import process_time

from benchmarks.harness import Line, Timing, Workspace, alternate, compared, timed
from benchmarks.histories import large_log, open_log
from benchmarks.runner_peer import running_peer
from relations import Relations
from relations.log.tables import COLUMNS
from relations.projections.gc_pause import collector_paused

NAME = "rebuild"
ABOUT = "rebuild of all views against reading the log, in two processes, and against eventsourcing's runner"

_READ_SQL = f"SELECT {', '.join(COLUMNS)} FROM relations_log WHERE position > ? ORDER BY position LIMIT 10000"
_TOPIC, _BODY = COLUMNS.index("topic"), COLUMNS.index("body")


def measure(workspace: Workspace) -> list[Line]:
    """Return the lines of this measurement."""
    scale = workspace.scale
    path = large_log(workspace, scale.events)
    with running_peer(scale.peer_events) as peer, open_log(path) as relations:
        events = relations.status().position
        relations.rebuild()
        workspace.say("rebuilding, in turns with its limit and its peer")
        parallel = _Parallel(relations)
        times = alternate(
            {
                "rebuild": relations.rebuild,
                "read": lambda: read_and_decode(relations),
                "two": parallel.rebuild,
                "peer": peer.project,
                "peer, no sync": lambda: peer.project(synchronous=False),
            },
            scale.rounds,
        )
    one = times["rebuild"]
    what = f"rebuild of all views, {events:,} events, one process"
    runner = "peer: eventsourcing's ProjectionRunner on PostgreSQL, one counter"
    spent = f"; by a model of its processor time, {parallel.speed_up(one):.2f} times" if parallel.parts else ""
    return [
        compared(NAME, what, "limit: reading all columns and decoding", one, times["read"],
                 counts=(events, events), budget=0.35),
        compared(NAME, what, runner, one, times["peer"], counts=(events, peer.events), budget=150, cpu=False,
                 note=f"of {peer.events:,} events, from the first to the last; PostgreSQL as it is set up by default"),
        compared(NAME, what, f"{runner}, synchronous_commit off", one, times["peer, no sync"],
                 counts=(events, peer.events), cpu=False, note="the peer without waiting for the disk"),
        compared(NAME, f"the same, {events:,} events, two processes", "itself in one process", times["two"], one,
                 counts=(events, events), budget=1.7, cpu=False, note=f"needs two free processors{spent}"),
    ]  # fmt: skip


def read_and_decode(relations: Relations) -> int:
    """The limit: every column of every row by the driver's cursor, page by page, and every body into its event."""
    decoders = {name: topic.decode for name, topic in relations.codec.topics.items()}
    position = events = 0
    # As in a rebuild, nothing made here is in a cycle, and the collector would only look for some.
    with collector_paused(), relations.log.database.reading() as connection:
        cursor = relations.log.database.cursor(connection)
        while rows := cursor.execute(_READ_SQL, (position,)).fetchall():
            for row in rows:
                decoders[row[_TOPIC]](row[_BODY])
            events += len(rows)
            position = rows[-1][0]
    return events


class _Parallel:
    """Rebuild in two processes, and record the processor time of both and of this one.

    Two processes need two processors that nobody else uses. Their time on such a machine is estimated from the
    processor time: half of the children's and all of the parent's, against all of the one process's.
    """

    def __init__(self, relations: Relations) -> None:
        self._relations = relations
        self.parts: list[float] = []

    def rebuild(self) -> Timing:
        before, own = _children(), process_time()
        timing = timed(lambda: self._relations.rebuild(processes=2))
        self.parts.append((_children() - before) / 2 + process_time() - own)
        return timing

    def speed_up(self, one: list[Timing]) -> float:
        return median(turn.cpu for turn in one) / median(self.parts)


def _children() -> float:
    used = getrusage(RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
