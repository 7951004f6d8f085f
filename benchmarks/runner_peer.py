"""Eventsourcing's `ProjectionRunner` on PostgreSQL, the only database that it runs on, with one counter as its view."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from threading import Event
from time import perf_counter, process_time
from typing import Any
from unittest import mock

from eventsourcing.dispatch import singledispatchmethod
from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresDatastore, PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from psycopg.sql import SQL, Identifier
from sqlalchemy import URL

from benchmarks.harness import Timing
from benchmarks.peer import PeerApplication, PeerCustomer
from benchmarks.postgres import running_postgres
from relations.aggregates.customer import RecordPurchase
from relations.messages import Money

__all__ = ["RunnerPeer", "running_peer"]

_PURCHASES = 20
_STUCK_SECONDS = 600.0


class CounterView(PostgresTrackingRecorder):
    """One counter, in one row."""

    def __init__(self, datastore: PostgresDatastore, **kwargs: Any) -> None:
        super().__init__(datastore, **kwargs)
        table = SQL("{0}.{1}").format(Identifier(datastore.schema), Identifier(f"{self.tracking_table_name}_counter"))
        self.sql_create_statements.append(
            SQL("CREATE TABLE IF NOT EXISTS {0} (name text PRIMARY KEY, counted bigint)").format(table)
        )
        self._count = SQL(
            "INSERT INTO {0} AS counter VALUES ('events', 1) "
            "ON CONFLICT (name) DO UPDATE SET counted = counter.counted + 1"
        ).format(table)

    def count(self, tracking: Tracking) -> None:
        """Count an event, in one transaction with its tracking."""
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            cursor.execute(self._count, prepare=True)


class CounterProjection(Projection[CounterView]):
    """Counts events, and notes when it had the first and the last."""

    last = 0

    def __init__(self, view: CounterView) -> None:
        super().__init__(view)
        self.begun: Timing | None = None
        self.ended: Timing | None = None
        self.done = Event()

    @singledispatchmethod
    def process_event(self, _event: Any, tracking: Tracking) -> None:
        if self.begun is None:
            self.begun = Timing(perf_counter(), process_time())
        self.view.count(tracking)
        if tracking.notification_id >= self.last:
            self.ended = Timing(perf_counter(), process_time())
            self.done.set()


class RunnerPeer:
    """The runner on its own server, with a number of events to project."""

    def __init__(self, url: URL, events: int) -> None:
        self._env = {
            "PERSISTENCE_MODULE": "eventsourcing.postgres",
            "POSTGRES_DBNAME": url.database or "postgres",
            "POSTGRES_HOST": str(url.query.get("host") or url.host),
            "POSTGRES_PORT": str(url.port or 5432),
            "POSTGRES_USER": url.username or "postgres",
            "POSTGRES_PASSWORD": url.password or "x",
        }
        self._numbers = count(1)
        self.events = self._fill(events)

    def _fill(self, events: int) -> int:
        with PeerApplication(self._env) as application:
            # One by one: thousands of events in one save wait for ever, on either side of a full pipe.
            for number in range(max(events // (_PURCHASES + 1), 1)):
                application.save(_customer(number))
            last: int | None = application.recorder.max_notification_id()
        return last or 0

    def project(self, *, synchronous: bool = True) -> Timing:
        """Project everything into a fresh view; from the first event to the last, without setting up."""
        name = f"counter{next(self._numbers)}"
        projection = type("Counter", (CounterProjection,), {"name": name, "last": self.events})
        options = "" if synchronous else "-c synchronous_commit=off"
        runner: ProjectionRunner[Any, Any]
        with (
            mock.patch.dict(os.environ, {"PGOPTIONS": options}),
            ProjectionRunner[PeerApplication, CounterView](
                application_class=PeerApplication, projection_class=projection, view_class=CounterView, env=self._env
            ) as runner,
        ):
            counted: Any = runner.projection
            if not counted.done.wait(_STUCK_SECONDS) or counted.begun is None or counted.ended is None:
                msg = "eventsourcing's runner did not come to the end of its events"
                raise RuntimeError(msg)
            return Timing(counted.ended.wall - counted.begun.wall, counted.ended.cpu - counted.begun.cpu)


def _customer(number: int) -> PeerCustomer:
    at = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=number)
    customer = PeerCustomer(f"c{number:06d}", "web", 0)
    for place in range(_PURCHASES):
        customer.record_purchase(
            RecordPurchase(
                customer=f"c{number:06d}",
                purchase=f"p{number:06d}-{place}",
                amount=Money(1_990 + place, "EUR"),
                category="room",
                touchpoint="nice-promenade",
                channel="web",
                occurred_at=at + timedelta(days=place),
            )
        )
    return customer


@contextmanager
def running_peer(events: int) -> Iterator[RunnerPeer]:
    """Yield the peer, ready to project about this many events."""
    with running_postgres() as url:
        yield RunnerPeer(url, events)
