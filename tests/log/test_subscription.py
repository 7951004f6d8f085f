from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Thread, Timer

import pytest
from sqlalchemy import text

import relations.log.subscription as module
from relations.log import Log, Subscription
from relations.log.eventsourcing.recorders import ApplicationRecorder
from relations.log.eventsourcing.versions import stored_event
from relations.log.tables import log as table

PATIENCE_SECONDS = 120
"""After this a subscription that should have got something is stopped, and the test fails instead of hanging."""

APPEND = """
import sys
from relations.log.eventsourcing.versions import stored_event
from relations.log import Log
from relations.log.eventsourcing.recorders import ApplicationRecorder
url, stream, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
recorder = ApplicationRecorder(Log.open(url))
print("ready", flush=True)
sys.stdin.readline()
for version in range(count):
    recorder.insert_events([stored_event(stream, version, "noted", b"{}")])
recorder.log.database.close()
"""


@pytest.fixture
def recorder(database_url: str) -> Iterator[ApplicationRecorder]:
    recorder = ApplicationRecorder(Log.open(database_url))
    yield recorder
    recorder.log.database.close()


def append(recorder: ApplicationRecorder, stream: str, count: int = 1, first: int = 0) -> None:
    for version in range(first, first + count):
        recorder.insert_events([stored_event(stream, version, "noted", b"{}")])


def positions_of(recorder: ApplicationRecorder, **options: int) -> Subscription[int]:
    """A subscription to nothing but the positions."""
    return Subscription(recorder.log.database, lambda after, limit: read(recorder, after, limit), **options)


def read(recorder: ApplicationRecorder, after: int, limit: int) -> tuple[Sequence[int], int]:
    with recorder.log.database.reading() as connection:
        statement = table.select().where(table.c.position > after).order_by(table.c.position).limit(limit)
        found = [row.position for row in connection.execute(statement)]
    return found, found[-1] if found else after


def take(subscription: Iterator[int], count: int) -> list[int]:
    watchdog = Timer(PATIENCE_SECONDS, subscription.stop)  # type: ignore[attr-defined] # every one here has it
    watchdog.start()
    try:
        return [item for _, item in zip(range(count), subscription, strict=False)]
    finally:
        watchdog.cancel()
        watchdog.join()


def test_what_is_there_comes_first_and_then_what_is_appended(recorder: ApplicationRecorder) -> None:
    append(recorder, "a", 3)
    with positions_of(recorder) as subscription:
        assert [next(subscription) for _ in range(3)] == [1, 2, 3]
        later = Timer(0.05, append, (recorder, "b", 2))
        later.start()
        assert [next(subscription) for _ in range(2)] == [4, 5]
        later.join()


def test_it_begins_after_the_position_asked_for_and_reads_in_batches(recorder: ApplicationRecorder) -> None:
    append(recorder, "a", 10)
    with positions_of(recorder, after=4, batch=2) as subscription:
        assert [next(subscription) for _ in range(6)] == [5, 6, 7, 8, 9, 10]


def test_appends_of_another_process_arrive(recorder: ApplicationRecorder, database_url: str) -> None:
    command = [sys.executable, "-c", APPEND, database_url]
    writers = [
        subprocess.Popen([*command, stream, "20"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for stream in ("a", "b")
    ]
    with positions_of(recorder) as subscription:
        for writer in writers:
            assert writer.stdout is not None
            assert writer.stdin is not None
            assert writer.stdout.readline() == "ready\n"
        for writer in writers:
            assert writer.stdin is not None
            writer.stdin.write("go\n")
            writer.stdin.flush()
        assert take(subscription, 40) == list(range(1, 41))
    for writer in writers:
        writer.communicate()
        assert writer.returncode == 0


def test_a_subscriber_in_another_process_sees_our_appends(recorder: ApplicationRecorder, database_url: str) -> None:
    script = (
        "import sys\n"
        "from relations.log import Log\n"
        "from relations.log.eventsourcing.recorders import ApplicationRecorder\n"
        "recorder = ApplicationRecorder(Log.open(sys.argv[1]))\n"
        "with recorder.subscribe() as subscription:\n"
        "    print('ready', flush=True)\n"
        "    for notification in subscription:\n"
        "        print(notification.id, flush=True)\n"
        "        if notification.id == 30:\n"
        "            break\n"
        "recorder.log.database.close()\n"
    )
    follower = subprocess.Popen([sys.executable, "-c", script, database_url], stdout=subprocess.PIPE, text=True)
    assert follower.stdout is not None
    assert follower.stdout.readline() == "ready\n"
    append(recorder, "a", 30)
    out, _ = follower.communicate(timeout=PATIENCE_SECONDS)
    assert [int(line) for line in out.split()] == list(range(1, 31))
    assert follower.returncode == 0


def test_nothing_is_lost_however_appends_and_reads_fall(recorder: ApplicationRecorder) -> None:
    writers, each = 4, 25
    with positions_of(recorder, batch=7) as subscription, ThreadPoolExecutor(writers) as pool:
        for number in range(writers):
            pool.submit(append, recorder, f"s{number}", each)
        assert take(subscription, writers * each) == list(range(1, writers * each + 1))


def test_an_append_between_the_read_and_the_wait_ends_the_wait(
    recorder: ApplicationRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No slow poll may come to the rescue.
    monkeypatch.setattr(module, "_SLOW_POLL_SECONDS", 10.0 * PATIENCE_SECONDS)
    reads = 0

    def read_then_append(after: int, limit: int) -> tuple[Sequence[int], int]:
        nonlocal reads
        reads += 1
        found = read(recorder, after, limit)
        if reads <= 3 and not found[0]:
            append(recorder, f"late{reads}")
        return found

    with Subscription(recorder.log.database, read_then_append) as subscription:
        assert take(subscription, 2) == [1, 2]
    assert reads >= 3


def test_an_append_between_the_arming_and_the_read_is_read_once(recorder: ApplicationRecorder) -> None:
    appended: list[int] = []

    def append_then_read(after: int, limit: int) -> tuple[Sequence[int], int]:
        if len(appended) < 5:
            appended.append(after)
            append(recorder, f"early{after}")
        return read(recorder, after, limit)

    with Subscription(recorder.log.database, append_then_read) as subscription:
        assert take(subscription, 5) == [1, 2, 3, 4, 5]
    assert len(appended) == 5


def test_idling_costs_a_bounded_number_of_cheap_questions(recorder: ApplicationRecorder) -> None:
    append(recorder, "a", 3)
    reads: list[int] = []

    def counted(after: int, limit: int) -> tuple[Sequence[int], int]:
        reads.append(after)
        return read(recorder, after, limit)

    waits: list[float] = []
    with Subscription(recorder.log.database, counted) as subscription:
        assert take(subscription, 3) == [1, 2, 3]
        sqlite = recorder.log.database.is_sqlite
        questions: list[str] = []

        def pass_time(seconds: float) -> bool:
            # A minute without events passes at once: what counts is how often it was interrupted.
            waits.append(seconds)
            if len(waits) == 1 and sqlite:
                subscription._watch._connection.set_trace_callback(questions.append)  # type: ignore[attr-defined]
            if sum(waits) > 60:
                subscription.stop()
            return sum(waits) > 60

        subscription._waker.wait = pass_time  # type: ignore[method-assign] # a clock that runs faster
        assert list(subscription) == []
    assert waits
    if sqlite:
        # Ten a second once it is quiet; each is the pragma that reads no table. The log itself is read once in vain.
        assert len(waits) <= 60 / 0.1 + 20
        assert set(questions) == {"PRAGMA data_version"}
        assert len(questions) <= len(waits)
        assert reads == [0, 3]
    else:
        assert len(waits) <= 60 / 5 + 1
        assert len(reads) <= len(waits) + 1


def test_a_lost_notification_is_made_good_by_a_slow_poll(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SLOW_POLL_SECONDS", 0.05)
    recorder = ApplicationRecorder(Log.open(postgres_url))
    append(recorder, "a")
    with positions_of(recorder) as subscription:
        assert take(subscription, 1) == [1]
        subscription._watch._connection.execute("UNLISTEN *")  # type: ignore[attr-defined] # PostgreSQL's has it
        append(recorder, "b")
        assert take(subscription, 1) == [2]
    recorder.log.database.close()


def test_a_session_ended_by_the_server_is_opened_again(postgres_url: str) -> None:
    recorder = ApplicationRecorder(Log.open(postgres_url))
    append(recorder, "a")
    with positions_of(recorder) as subscription:
        assert take(subscription, 1) == [1]
        listening = subscription._watch._connection.info.backend_pid  # type: ignore[attr-defined] # PostgreSQL's

        def interrupt() -> None:
            with recorder.log.database.transaction() as connection:
                connection.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": listening})
            append(recorder, "b")

        later = Timer(0.05, interrupt)
        later.start()
        assert take(subscription, 1) == [2]
        later.join()
        later = Timer(0.05, append, (recorder, "c"))
        later.start()
        assert take(subscription, 1) == [3]
        later.join()
        assert subscription._watch._connection.info.backend_pid != listening  # type: ignore[attr-defined]
    recorder.log.database.close()


def test_another_thread_stops_a_subscription_that_waits(recorder: ApplicationRecorder) -> None:
    append(recorder, "a", 2)
    seen: list[int] = []
    subscription = positions_of(recorder)
    both = Event()

    def follow() -> None:
        for position in subscription:
            seen.append(position)
            if position == 2:
                both.set()

    follower = Thread(target=follow)
    follower.start()
    assert both.wait(PATIENCE_SECONDS)
    stopper = Timer(0.1, subscription.stop)
    stopper.start()
    follower.join(PATIENCE_SECONDS)
    stopper.join()
    assert not follower.is_alive()
    assert seen == [1, 2]
    assert subscription.stopped
    assert list(subscription) == []


def test_leaving_it_waits_for_the_thread_inside(recorder: ApplicationRecorder) -> None:
    append(recorder, "a")
    seen: list[int] = []
    with positions_of(recorder) as subscription:
        follower = Thread(target=lambda: seen.extend(subscription))
        follower.start()
        while not seen:
            follower.join(0.01)
    follower.join(PATIENCE_SECONDS)
    assert not follower.is_alive()
    assert seen == [1]


def test_stopping_ends_the_iteration_before_what_was_read_ahead(recorder: ApplicationRecorder) -> None:
    append(recorder, "a", 5)
    with positions_of(recorder) as subscription:
        seen = []
        for position in subscription:
            seen.append(position)
            subscription.stop()
    assert seen == [1]


def test_threads_share_a_subscription_and_each_event_goes_to_one(recorder: ApplicationRecorder) -> None:
    append(recorder, "a", 60)
    seen: list[int] = []
    with positions_of(recorder, batch=4) as subscription:

        def follow() -> None:
            for position in subscription:
                seen.append(position)
                if len(seen) >= 60:
                    subscription.stop()

        followers = [Thread(target=follow) for _ in range(3)]
        for follower in followers:
            follower.start()
        for follower in followers:
            follower.join(PATIENCE_SECONDS)
    assert sorted(seen) == list(range(1, 61))


def test_what_reading_raises_comes_out_and_the_iteration_goes_on(recorder: ApplicationRecorder) -> None:
    append(recorder, "a", 2)
    failures = iter([RuntimeError("poison")])

    def fail_once(after: int, limit: int) -> tuple[Sequence[int], int]:
        for failure in failures:
            raise failure
        return read(recorder, after, limit)

    with Subscription(recorder.log.database, fail_once) as subscription:
        with pytest.raises(RuntimeError, match="poison"):
            next(subscription)
        assert take(subscription, 2) == [1, 2]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="only Linux lists a process's open files there")
def test_nothing_stays_open_behind_it(recorder: ApplicationRecorder) -> None:
    append(recorder, "a")
    for _ in range(2):
        with positions_of(recorder) as subscription:
            assert next(subscription) == 1
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - no path is needed, only how many there are
    for number in range(20):
        subscription = positions_of(recorder)
        assert next(subscription) == 1
        if number % 2:
            subscription.close()
        else:
            subscription.stop()
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208 - likewise


def test_an_sqlite_log_in_memory_can_be_followed_too() -> None:
    recorder = ApplicationRecorder(Log.open("sqlite://"))
    append(recorder, "a", 2)
    with positions_of(recorder) as subscription:
        assert take(subscription, 2) == [1, 2]
        append(recorder, "b")
        assert take(subscription, 1) == [3]
    recorder.log.database.close()


def test_topics_that_are_left_out_are_looked_at_once(recorder: ApplicationRecorder) -> None:
    append(recorder, "a", 5)
    recorder.insert_events([stored_event("b", 0, "wanted", b"{}")])
    append(recorder, "c", 5)
    with recorder.subscribe(topics=["wanted"]) as subscription:
        assert next(subscription).id == 6
        later = Timer(0.05, recorder.insert_events, ([stored_event("b", 1, "wanted", b"{}")],))
        later.start()
        assert next(subscription).id == 12
        later.join()
        assert subscription._subscription._after == 12  # type: ignore[attr-defined] # how far it has looked
