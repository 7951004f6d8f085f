"""Metrics for Prometheus: counts of commands and times of `execute`, and gauges read when they are asked for."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from time import perf_counter
from types import MappingProxyType
from typing import Any

from sqlalchemy import select

from relations.engine import Relations, Status
from relations.errors import RelationsError
from relations.extras import needed
from relations.log.tables import log
from relations.messages import from_micros
from relations.projections.running.checkpoints import rebuilds_under_way
from relations.relay.dead_letters import DeadLetters
from relations.telemetry import Observer

__all__ = ["Metrics", "lag_seconds"]

_BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics(Observer):
    """A collector for a registry of prometheus_client. It observes the engine's commands from now on.

    Positions and lags are read from the database at each scrape, so they are right in every process. Counts of
    commands and rebuilds are those of this process.

    Args:
        engine: The engine.
        labels: Labels of the counts and times of this process, such as `{"worker": "1"}`. Without them, workers that
            are scraped at one address cannot be told apart.

    Raises:
        MissingExtra: The extra `metrics` is not installed.
    """

    works = frozenset(("execute", "execute_many", "rebuild"))

    def __init__(self, engine: Relations, *, labels: Mapping[str, str] = MappingProxyType({})) -> None:
        self._core = needed("prometheus_client.core", extra="metrics", purpose="Metrics")
        self._engine = engine
        self._names, self._values = tuple(labels), tuple(labels.values())
        self._lock = threading.Lock()
        self._commands: Counter[tuple[str, str, str]] = Counter()
        self._buckets = [0] * (len(_BOUNDS) + 1)
        self._seconds = 0.0
        self._conflicts = 0
        self._rebuild: tuple[str, int, int] | None = None
        engine.observe(self)

    # --- observing --------------------------------------------------------------------------------------------------

    def begin(self, work: str, name: str) -> Any:
        """Note the time."""
        return work, name, perf_counter()

    def end(self, begun: Any, error: BaseException | None, facts: dict[str, Any]) -> None:
        """Count a command or the commands of a batch."""
        work, name, since = begun
        if work == "execute":
            seconds = perf_counter() - since
            receipt = facts.get("receipt")
            if error is not None:
                code = error.code if isinstance(error, RelationsError) else type(error).__name__
                key = name, "refused" if isinstance(error, RelationsError) else "failed", code
            elif receipt is not None and receipt.repeated:
                key = name, "repeated", ""
            else:
                key = name, "accepted" if receipt is not None and receipt.events else "unchanged", ""
            with self._lock:
                self._commands[key] += 1
                self._buckets[bisect_left(_BOUNDS, seconds)] += 1
                self._seconds += seconds
        elif work == "execute_many" and (report := facts.get("report")) is not None:
            with self._lock:
                for outcome, count in (
                    ("accepted", report.accepted),
                    ("repeated", report.repeated),
                    ("unchanged", report.unchanged),
                ):
                    if count:
                        self._commands["batch", outcome, ""] += count
                for rejection in report.rejections:
                    self._commands["batch", "refused", rejection.error.code] += 1
        elif work == "rebuild":
            self._rebuild = None

    def conflicted(self) -> None:
        """Count a conflict."""
        with self._lock:
            self._conflicts += 1

    def progressed(self, name: str, done: int, total: int) -> None:
        """Keep the progress of a rebuild."""
        self._rebuild = name, done, total

    # --- collecting -------------------------------------------------------------------------------------------------

    def collect(self) -> Iterator[Any]:
        """Yield every metric family. The registry calls it at each scrape."""
        yield from self._counted()
        status = self._engine.status()
        yield from self._of_log(status)
        yield from self._of_projections(status)
        yield from self._of_consumers(status)

    def describe(self) -> list[Any]:
        """Return nothing, so that registering the collector does not read the database."""
        return []

    def _gauge(self, name: str, text: str, labels: tuple[str, ...], values: Any) -> Any:
        family = self._core.GaugeMetricFamily(f"relations_{name}", text, labels=labels)
        for label, value in values:
            family.add_metric(label, value)
        return family

    def _counted(self) -> Iterator[Any]:
        with self._lock:
            commands, buckets = dict(self._commands), list(self._buckets)
            seconds, conflicts = self._seconds, self._conflicts
        counted = self._core.CounterMetricFamily(
            "relations_commands", "Commands by outcome and code.", labels=(*self._names, "command", "outcome", "code")
        )
        for key, count in sorted(commands.items()):
            counted.add_metric((*self._values, *key), count)
        yield counted
        total, cumulated = 0, []
        for bound, count in zip((*map(str, _BOUNDS), "+Inf"), buckets, strict=True):
            total += count
            cumulated.append((bound, total))
        times = self._core.HistogramMetricFamily(
            "relations_execute_seconds", "The time of execute.", labels=self._names
        )
        times.add_metric(self._values, cumulated, seconds)
        yield times
        retried = self._core.CounterMetricFamily("relations_conflicts", "Commands decided again.", labels=self._names)
        retried.add_metric(self._values, conflicts)
        yield retried

    def _of_log(self, status: Status) -> Iterator[Any]:
        yield self._gauge("log_position", "The last position of the log.", (), [((), status.position)])
        yield self._gauge("purge_owed", "1 if a destroyed key is still in the files.", (), [((), status.purge_owed)])
        verified = [] if status.verified is None else [((), status.verified.position)]
        yield self._gauge("verified_position", "The position up to which the log was found good.", (), verified)
        moments = [] if status.verified is None else [((), status.verified.at.timestamp())]
        yield self._gauge("verified_timestamp_seconds", "When it was found good.", (), moments)

    def _of_projections(self, status: Status) -> Iterator[Any]:
        label, found = ("projection",), status.projections
        oldest = _recorded_at(self._engine, {each.position + 1 for each in found if each.behind})
        seconds = (((each.name,), _age(oldest.get(each.position + 1))) for each in found)
        failed = (((each.name,), each.failure is not None) for each in found)
        yield self._gauge(
            "projection_lag_events", "Events not folded yet.", label, (((e.name,), e.behind) for e in found)
        )
        yield self._gauge("projection_lag_seconds", "The age of the oldest event not folded yet.", label, seconds)
        yield self._gauge("projection_failed", "1 if it is stopped at an event.", label, failed)
        running = rebuilds_under_way(self._engine.log.database)
        yield self._gauge("rebuild_running", "1 while a rebuild is under way.", label, (((e,), 1) for e in running))
        progress = [] if self._rebuild is None else [self._rebuild]
        done = (((name,), events) for name, events, _ in progress)
        yield self._gauge("rebuild_events_done", "Events folded by the rebuild in this process.", label, done)
        total = (((name,), events) for name, _, events in progress)
        yield self._gauge("rebuild_events", "Events that the rebuild in this process folds.", label, total)

    def _of_consumers(self, status: Status) -> Iterator[Any]:
        label, found = ("consumer",), status.consumers
        behind = (((each.name,), each.behind) for each in found)
        yield self._gauge("consumer_lag_events", "Events not acknowledged yet.", label, behind)
        ages = (((each.name,), _age(each.oldest_at)) for each in found)
        yield self._gauge("consumer_lag_seconds", "The age of the oldest event not acknowledged yet.", label, ages)
        moments = (((each.name,), each.oldest_at.timestamp()) for each in found if each.oldest_at is not None)
        text = "When the oldest event not acknowledged was recorded."
        yield self._gauge("oldest_undelivered_timestamp_seconds", text, label, moments)
        held = (((each.name,), each.is_held) for each in found)
        yield self._gauge("consumer_running", "1 if a process consumes under this name.", label, held)
        letters = DeadLetters(self._engine.log.database).count()
        yield self._gauge("dead_letters", "Events not delivered.", ("relay",), (((k,), n) for k, n in letters.items()))


def _recorded_at(engine: Relations, positions: set[int]) -> dict[int, datetime]:
    if not positions:
        return {}
    wanted = select(log.c.position, log.c.recorded_at).where(log.c.position.in_(sorted(positions)))
    with engine.log.database.reading() as connection:
        return {position: from_micros(recorded_at) for position, recorded_at in connection.execute(wanted)}


def _age(moment: datetime | None) -> float:
    return 0.0 if moment is None else max(0.0, (datetime.now(UTC) - moment).total_seconds())


def lag_seconds(engine: Relations) -> dict[str, float]:
    """Return the age of the oldest event that each projection has not folded yet; 0 if it is up to date."""
    found = engine.status().projections
    oldest = _recorded_at(engine, {each.position + 1 for each in found if each.behind})
    return {each.name: _age(oldest.get(each.position + 1)) for each in found}
