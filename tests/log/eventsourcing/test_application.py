"""Ordinary eventsourcing applications, which know nothing of us, on the log."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import singledispatchmethod
from threading import Barrier
from typing import Any, ClassVar
from uuid import UUID

import pytest
from eventsourcing.application import AggregateNotFoundError, Application, ProcessingEvent
from eventsourcing.domain import (
    Aggregate,
    BaseAggregate,
    CanInitAggregate,
    CanMutateAggregate,
    CanSnapshotAggregate,
    DomainEventProtocol,
    datetime_now_with_tzinfo,
    event,
)
from eventsourcing.persistence import (
    IntegrityError,
    OperationalError,
    ProgrammingError,
    StoredEvent,
    Tracking,
    TrackingRecorder,
)
from eventsourcing.projection import Projection, ProjectionRunner
from eventsourcing.system import ProcessApplication, SingleThreadedRunner, System
from sqlalchemy import Column, Integer, MetaData, Table, Text, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError

from relations.errors import ChainBroken
from relations.log import Factory, Log
from relations.log.eventsourcing import recorders as ours
from relations.log.tables import FOREIGN

PATIENCE_SECONDS = 120


@dataclass(frozen=True)
class TextEvent(CanMutateAggregate[str]):
    originator_id: str
    originator_version: int
    timestamp: datetime


class Room(BaseAggregate[str]):
    """An aggregate with an id of its own making."""

    class Event(TextEvent):
        pass

    @dataclass(frozen=True)
    class Opened(CanInitAggregate[str], TextEvent):
        originator_topic: str
        number: str

    @dataclass(frozen=True)
    class GuestArrived(TextEvent):
        guest: str

    @event(Opened)
    def __init__(self, number: str) -> None:
        self.number = number
        self.guests: list[str] = []

    @staticmethod
    def create_id(number: str) -> str:
        return f"room-{number}"

    @event(GuestArrived)
    def arrive(self, guest: str) -> None:
        self.guests.append(guest)


@dataclass(frozen=True)
class TextSnapshot(CanSnapshotAggregate[str]):
    originator_id: str
    originator_version: int
    timestamp: datetime
    topic: str
    state: dict[str, Any]


class Rooms(Application[str]):
    snapshot_class = TextSnapshot
    snapshotting_intervals: ClassVar[dict[Any, int]] = {Room: 5}


@pytest.fixture
def env(database_url: str) -> dict[str, str]:
    return {"PERSISTENCE_MODULE": "relations.log", "RELATIONS_URL": database_url}


@pytest.fixture
def rooms(env: dict[str, str]) -> Iterator[Rooms]:
    with Rooms(env=env) as app:
        yield app
        app.close()


def check_chain(url: str) -> int:
    log = Log.open(url, create=False)
    try:
        with log.database.reading() as connection:
            positions = [head.position for head in log.check(connection)]
    finally:
        log.database.close()
    return positions[-1] if positions else 0


def test_an_application_with_text_ids_saves_and_loads(rooms: Rooms, database_url: str) -> None:
    room = Room("101")
    for number in range(12):
        room.arrive(f"guest {number}")
    recordings = rooms.save(room)
    assert [recording.notification.id for recording in recordings] == list(range(1, 14))
    loaded: Room = rooms.repository.get("room-101")
    assert loaded.guests == [f"guest {number}" for number in range(12)]
    earlier: Room = rooms.repository.get("room-101", version=3)
    assert earlier.guests == ["guest 0", "guest 1"]
    with pytest.raises(AggregateNotFoundError):
        rooms.repository.get("room-102")
    section = rooms.notification_log["1,10"]
    assert [notification.originator_version for notification in section.items] == list(range(1, 11))
    assert check_chain(database_url) == 13


def test_its_events_are_rows_like_all_others_and_marked_as_foreign(rooms: Rooms, database_url: str) -> None:
    rooms.save(Room("101"), Room("102"))
    log = Log.open(database_url)
    with log.database.reading() as connection:
        rows = connection.execute(text("SELECT * FROM relations_log ORDER BY position")).mappings().all()
    log.database.close()
    assert [(row["position"], row["stream"], row["version"]) for row in rows] == [
        (1, "room-101", 1),
        (2, "room-102", 1),
    ]
    assert {row["schema"] for row in rows} == {FOREIGN}
    assert {row["customer"] for row in rows} == {""}
    assert {row["actor"] for row in rows} == {"Rooms"}
    # Saved together is one command, whose events count from 0.
    assert len({row["command_id"] for row in rows}) == 1
    assert [row["command_seq"] for row in rows] == [0, 1]


def test_its_rows_cannot_be_changed_and_a_change_by_force_shows(rooms: Rooms, database_url: str) -> None:
    rooms.save(Room("101"))
    database = rooms.factory.database  # type: ignore[attr-defined] # it is ours
    with pytest.raises(DBAPIError, match="append-only"), database.writing() as connection:
        connection.execute(text("UPDATE relations_log SET actor = 'somebody'"))
    by_force = (
        "DROP TRIGGER relations_log_no_update" if database.is_sqlite else "SET session_replication_role = replica"
    )
    with database.writing() as connection:
        connection.execute(text(by_force))
        connection.execute(text("UPDATE relations_log SET actor = 'somebody'"))
    with pytest.raises(ChainBroken):
        check_chain(database_url)


def test_snapshots_are_taken_and_loaded(rooms: Rooms) -> None:
    room = Room("101")
    for number in range(11):
        room.arrive(f"guest {number}")
        rooms.save(room)
    assert rooms.snapshots is not None
    assert [snapshot.originator_version for snapshot in rooms.snapshots.get("room-101")] == [5, 10]
    loaded: Room = rooms.repository.get("room-101")
    assert loaded.version == 12
    assert loaded.guests == [f"guest {number}" for number in range(11)]
    rooms.take_snapshot("room-101")
    assert [snapshot.originator_version for snapshot in rooms.snapshots.get("room-101", desc=True, limit=1)] == [12]
    with pytest.raises(IntegrityError):
        rooms.take_snapshot("room-101")
    # Snapshots are no events: they have no place in the log.
    assert rooms.recorder.max_notification_id() == 12


def test_two_writers_of_one_version_conflict_and_nothing_of_the_second_is_written(rooms: Rooms) -> None:
    rooms.save(Room("101"))
    first: Room = rooms.repository.get("room-101")
    second: Room = rooms.repository.get("room-101")
    first.arrive("Ann")
    second.arrive("Ben")
    rooms.save(first)
    with pytest.raises(IntegrityError):
        rooms.save(Room("102"), second)
    assert rooms.recorder.max_notification_id() == 2
    with pytest.raises(AggregateNotFoundError):
        rooms.repository.get("room-102")


class Booking(Aggregate):
    def __init__(self, price: Decimal, arrival: datetime) -> None:
        self.price = price
        self.arrival = arrival

    @event("Discounted")
    def discount(self, by: Decimal) -> None:
        self.price -= by


class Bookings(Application[UUID]):
    is_snapshotting_enabled = True


@pytest.mark.parametrize("id_type", ["text", "uuid"])
def test_an_application_with_uuids_works_too(env: dict[str, str], id_type: str) -> None:
    with Bookings(env={**env, "ORIGINATOR_ID_TYPE": id_type}) as app:
        booking = Booking(Decimal("120.50"), datetime_now_with_tzinfo())
        booking.discount(Decimal("20.25"))
        app.save(booking)
        app.take_snapshot(booking.id)
        loaded: Booking = app.repository.get(booking.id)
        assert loaded == booking
        assert isinstance(loaded.id, UUID)
        notification = app.notification_log["1,10"].items[0]
        expected = booking.id if id_type == "uuid" else str(booking.id)
        assert notification.originator_id == expected
        app.close()


def test_bodies_encrypted_and_compressed_by_eventsourcing_come_back(env: dict[str, str]) -> None:
    from eventsourcing.cryptography import AESCipher

    env = {
        **env,
        "CIPHER_TOPIC": "eventsourcing.cryptography:AESCipher",
        "CIPHER_KEY": AESCipher.create_key(32),
        "COMPRESSOR_TOPIC": "zlib",
    }
    with Rooms(env=env) as app:
        room = Room("101")
        room.arrive("Ann")
        app.save(room)
        loaded: Room = app.repository.get("room-101")
        assert loaded.guests == ["Ann"]
        stored = app.recorder.select_events("room-101")
        assert len(stored) == 2
        assert all(b"Ann" not in each.state for each in stored)
        app.close()


class GuestCounts(TrackingRecorder):
    def count(self) -> int:
        raise NotImplementedError

    def add(self, number: int, tracking: Tracking) -> None:
        raise NotImplementedError


class GuestCountsOnLog(ours.TrackingRecorder, GuestCounts):
    """A view of an application's own, in a table of its own, in the log's database."""

    table = Table("guest_counts", MetaData(), Column("name", Text, primary_key=True), Column("guests", Integer))

    def __init__(self, log: Log, **options: Any) -> None:
        super().__init__(log, **options)
        insert = (sqlite if log.database.is_sqlite else postgresql).insert(self.table)
        with self.transaction() as connection:
            self.table.metadata.create_all(connection)
            connection.execute(insert.values(name="all", guests=0).on_conflict_do_nothing())

    def count(self) -> int:
        with self.reading() as connection:
            guests: int = connection.execute(select(self.table.c.guests)).scalar_one()
            return guests

    def add(self, number: int, tracking: Tracking) -> None:
        with self.transaction() as connection:
            connection.execute(update(self.table).values(guests=self.table.c.guests + number))
            self.track(connection, tracking)


class GuestCountsProjection(Projection[GuestCounts]):
    name = "guestcounts"

    @singledispatchmethod
    def process_event(self, _: Any, tracking: Tracking) -> None:
        self.view.insert_tracking(tracking)

    @process_event.register
    def _(self, _: Room.GuestArrived, tracking: Tracking) -> None:
        self.view.add(1, tracking)


def test_eventsourcings_projection_runner_runs_on_both_databases(env: dict[str, str]) -> None:
    with ProjectionRunner(
        application_class=Rooms,
        projection_class=GuestCountsProjection,
        view_class=GuestCountsOnLog,
        env=env,
    ) as runner:
        room = Room("101")
        for number in range(20):
            room.arrive(f"guest {number}")
            recordings = runner.app.save(room)
        runner.projection.view.wait(runner.app.name, recordings[-1].notification.id, timeout=PATIENCE_SECONDS)
        assert runner.projection.view.count() == 20
        # The same tracking once more leaves neither a row changed nor a tracking.
        with pytest.raises(IntegrityError):
            runner.projection.view.add(100, Tracking(runner.app.name, recordings[-1].notification.id))
        assert runner.projection.view.count() == 20


class Welcome(Aggregate):
    def __init__(self, guest: str) -> None:
        self.guest = guest


class Welcomes(ProcessApplication[Any]):
    """Writes a letter of welcome whenever a guest arrives."""

    def policy(self, domain_event: DomainEventProtocol[Any], processing_event: ProcessingEvent[Any]) -> None:
        if isinstance(domain_event, Room.GuestArrived):
            processing_event.collect_events(Welcome(domain_event.guest))


def test_a_system_of_applications_with_a_database_each(env: dict[str, str], tmp_path: Any) -> None:
    env = {**env, "WELCOMES_RELATIONS_URL": f"sqlite:///{tmp_path / 'welcomes.db'}"}
    runner = SingleThreadedRunner[Any](System(pipes=[[Rooms, Welcomes]]), env=env)
    with runner:
        rooms = runner.get(Rooms)
        welcomes = runner.get(Welcomes)
        room = Room("101")
        room.arrive("Ann")
        room.arrive("Ben")
        rooms.save(room)
        letters = [welcomes.mapper.to_domain_event(each) for each in welcomes.recorder.select_notifications(1, 10)]
        assert [letter.guest for letter in letters] == ["Ann", "Ben"]  # type: ignore[attr-defined]
        assert welcomes.recorder.max_tracking_id("Rooms") == 3


TRACK = """
import sys
from eventsourcing.persistence import IntegrityError, StoredEvent, Tracking
from relations.log import Log
from relations.log.eventsourcing.recorders import ProcessRecorder
url, name = sys.argv[1:]
recorder = ProcessRecorder(Log.open(url), name="follower")
print("ready", flush=True)
sys.stdin.readline()
won = 0
for position in range(1, 61):
    try:
        event = StoredEvent(f"{name}-{position}", 1, "counted", b"{}")
        recorder.insert_events([event], tracking=Tracking("up", position))
    except IntegrityError:
        continue
    won += 1
recorder.log.database.close()
print(won)
"""


def test_two_processes_never_record_the_same_tracking_twice(database_url: str) -> None:
    recorder = ours.ProcessRecorder(Log.open(database_url), name="follower")
    followers = [
        subprocess.Popen(
            [sys.executable, "-c", TRACK, database_url, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for name in ("left", "right")
    ]
    for follower in followers:
        assert follower.stdout is not None
        assert follower.stdout.readline() == "ready\n"
    won = []
    for follower in followers:
        assert follower.stdin is not None
        follower.stdin.write("go\n")
        follower.stdin.flush()
    for follower in followers:
        out, _ = follower.communicate(timeout=PATIENCE_SECONDS)
        assert follower.returncode == 0
        won.append(int(out))
    # One may overtake the other, which then loses what lies behind; but no position is ever counted twice.
    counted = [int(each.originator_id.split("-")[1]) for each in recorder.select_notifications(1, 1000)]  # type: ignore[union-attr]
    assert counted
    assert len(counted) == len(set(counted)) == sum(won)
    assert recorder.max_tracking_id("up") == max(counted) == 60
    recorder.log.database.close()
    assert check_chain(database_url) == len(counted)


def test_threads_that_record_one_tracking_at_once_get_it_recorded_once(database_url: str) -> None:
    recorder = ours.TrackingRecorder(Log.open(database_url), name="follower")
    barrier = Barrier(4)

    def record(position: int) -> bool:
        barrier.wait()
        try:
            recorder.insert_tracking(Tracking("up", position))
        except IntegrityError:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        for position in range(1, 11):
            assert sorted(pool.map(record, [position] * 4)) == [False, False, False, True]
    assert recorder.max_tracking_id("up") == 10
    recorder.log.database.close()


def test_followers_of_one_application_do_not_share_their_tracking(database_url: str) -> None:
    log = Log.open(database_url)
    one, other = ours.TrackingRecorder(log, name="one"), ours.TrackingRecorder(log, name="other")
    one.insert_tracking(Tracking("up", 7))
    assert other.max_tracking_id("up") is None
    other.insert_tracking(Tracking("up", 7))
    assert one.max_tracking_id("up") == other.max_tracking_id("up") == 7
    log.database.close()


def test_errors_come_in_eventsourcings_tree(database_url: str) -> None:
    recorder = ours.ApplicationRecorder(Log.open(database_url))
    recorder.insert_events([StoredEvent("a", 1, "noted", b"{}")])
    with pytest.raises(IntegrityError):
        recorder.insert_events([StoredEvent("a", 1, "noted", b"{}")])
    with recorder.log.database.transaction() as connection:
        connection.execute(text("DROP TABLE relations_log"))
    # A table that is missing: SQLite calls that operational, PostgreSQL a programming error.
    with pytest.raises((OperationalError, ProgrammingError)):
        recorder.select_events("a")
    with pytest.raises((OperationalError, ProgrammingError)):
        recorder.insert_events([StoredEvent("a", 2, "noted", b"{}")])
    with pytest.raises((OperationalError, ProgrammingError)), recorder.subscribe() as subscription:
        next(subscription)
    recorder.log.database.close()


def test_a_writer_who_waits_too_long_for_its_turn_is_told_so(env: dict[str, str]) -> None:
    with Rooms(env=env) as busy, Rooms(env={**env, "RELATIONS_BUSY_SECONDS": "0.1"}) as hurried:
        log: Log = busy.factory.log  # type: ignore[attr-defined] # it is ours
        with log.writing(), pytest.raises(OperationalError, match="log_busy"):
            hurried.save(Room("101"))
        hurried.save(Room("101"))
        assert hurried.recorder.max_notification_id() == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"RELATIONS_URL": ""}, "set ROOMS_RELATIONS_URL or RELATIONS_URL"),
        ({"RELATIONS_URL": "hotel.db"}, "not a database URL"),
        ({"RELATIONS_URL": "mysql://localhost/hotel"}, "not supported"),
        ({"RELATIONS_DURABILITY": "some"}, "one of full, normal, off"),
        ({"RELATIONS_BUSY_SECONDS": "long"}, "RELATIONS_BUSY_SECONDS is 'long'"),
        ({"ORIGINATOR_ID_TYPE": "number"}, "one of text, uuid"),
        ({"CREATE_TABLE": "perhaps"}, "CREATE_TABLE is 'perhaps'"),
        (
            {"APPLICATION_RECORDER_TOPIC": "decimal:Decimal"},
            "which is no relations.log.eventsourcing.recorders.ApplicationRecorder",
        ),
    ],
)
def test_settings_that_make_no_sense_are_said_so(sqlite_url: str, changes: dict[str, str], said: str) -> None:
    env = {"PERSISTENCE_MODULE": "relations.log", "RELATIONS_URL": sqlite_url, **changes}
    with pytest.raises(OSError, match=said):
        Rooms(env=env)


def test_a_log_that_must_be_there_is_not_made(tmp_path: Any) -> None:
    path = tmp_path / "absent.db"
    env = {"PERSISTENCE_MODULE": "relations.log", "RELATIONS_URL": f"sqlite:///{path}", "CREATE_TABLE": "no"}
    with pytest.raises(OperationalError, match="no database"):
        Rooms(env=env)
    assert not path.exists()


def test_other_purposes_than_events_and_snapshots_are_refused(sqlite_url: str) -> None:
    factory = Factory({"RELATIONS_URL": sqlite_url})
    with pytest.raises(ProgrammingError, match="not 'letters'"):
        factory.aggregate_recorder("letters")
    factory.close()
