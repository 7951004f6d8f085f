"""The loop that folds events into rows: live, in a rebuild, in shards, and as of any position."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from relations.errors import ProjectionFailed, RelationsError
from relations.log.codec import Codec
from relations.messages import Envelope, Event
from relations.policies.calendars import LocalTime
from relations.projections.projection import Fold, Projection, Rows

__all__ = ["COLUMNS", "Folding"]

COLUMNS = (
    "position",
    "stream",
    "version",
    "topic",
    "schema",
    "customer",
    "occurred_at",
    "recorded_at",
    "body",
)
"""The columns of the log that folding reads, in this order."""

_Step = tuple[Fold, Rows]
_Entry = tuple[range, Callable[[bytes], Event], tuple[_Step, ...]]


class _Entries(dict[str, _Entry | None]):
    """The work on the events of each topic. It is looked up for the first one, since decoders take time to make."""

    def __init__(self, folding: Folding) -> None:
        super().__init__()
        self._folding = folding

    def __missing__(self, topic: str) -> _Entry | None:
        found = self[topic] = self._folding.entry(topic)
        return found


@dataclass
class Folding:
    """Folds events into the rows of several projections at once.

    A projection that cannot fold an event stops there, and says so in `failures`; the others go on.

    Attributes:
        codec: Decodes the bodies.
        projections: What to fold.
        local: The business's own days and months.
        rows: By projection; what has been folded so far.
        failures: By projection's name; those that have stopped.
        position: The last position folded.
        count: How many events it has seen.
    """

    codec: Codec
    projections: Sequence[Projection]
    local: LocalTime
    rows: dict[str, Rows] = field(default_factory=dict)
    failures: dict[str, ProjectionFailed] = field(default_factory=dict)
    position: int = 0
    count: int = 0

    def __post_init__(self) -> None:
        for projection in self.projections:
            self.rows.setdefault(projection.name, Rows(projection.tables, self.local))
        self._dispatch = _Entries(self)

    def entry(self, name: str) -> _Entry | None:
        """Return the readable schemas of a topic, its decoder, and the folds of all projections that still run."""
        topic = self.codec.topics.get(name)
        if topic is None:
            return None
        steps = tuple(
            (projection.folds[topic.event], self.rows[projection.name])
            for projection in self.projections
            if topic.event in projection.folds and projection.name not in self.failures
        )
        return (topic.readable, topic.decode, steps) if steps else None

    def fold(self, pages: Iterable[Sequence[tuple[Any, ...]]]) -> None:
        """Fold pages of rows of the log (`COLUMNS`), in order of position."""
        for page in pages:
            rest = iter(page)
            while not self._fold_page(rest):
                pass
            self.count += len(page)
            self.position = page[-1][0]

    def _fold_page(self, rest: Iterable[tuple[Any, ...]]) -> bool:
        """Fold until the page ends (True) or a projection fails (False); then it is called again for the rest."""
        dispatch, last = self._dispatch, ""
        for row in rest:
            position, stream, version, topic, schema, customer, occurred_at, recorded_at, body = row
            if customer == last:
                customer = last  # the very same string is found in a dictionary without being hashed or compared
            else:
                last = customer
            entry = dispatch[topic]
            if entry is None:
                continue
            readable, decode, steps = entry
            step = None  # not decoded yet
            try:
                event = decode(body) if schema in readable else self.codec.decode(topic, schema, body)
                at = Envelope(position, stream, version, customer, occurred_at, recorded_at)
                for step in steps:
                    fold, rows = step
                    fold(rows, event, at)
            except Exception as error:
                if step is None:
                    self._stop(steps, error, position, stream)
                    return False
                self._stop((step,), error, position, stream)
                self._fold_others(steps[steps.index(step) + 1 :], event, at)
                return False
        return True

    def _fold_others(self, steps: Sequence[_Step], event: Event, at: Envelope) -> None:
        """Let the other projections fold the event that one of them could not."""
        for step in steps:
            fold, rows = step
            try:
                fold(rows, event, at)
            except Exception as error:
                self._stop((step,), error, at.position, at.stream)

    def _stop(self, steps: Sequence[_Step], error: Exception, position: int, stream: str) -> None:
        """Stop the projections of these steps, loudly, and go on without them."""
        names = {id(rows): name for name, rows in self.rows.items()}
        for _fold, rows in steps:
            name = names[id(rows)]
            reason = error.reason if isinstance(error, RelationsError) else f"{type(error).__name__}: {error}"
            self.failures[name] = ProjectionFailed(reason, projection=name, position=position, stream=stream)
        self._dispatch = _Entries(self)
