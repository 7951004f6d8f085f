"""Durable consumers, on both databases."""

from __future__ import annotations

import threading
import time

import pytest
from sqlalchemy import create_engine, text

from relations import Relations
from relations.errors import ConcurrencyConflict, ForeignDatabase, InvalidInput
from relations.events import PurchaseRecorded
from relations.log.consuming import ConsumerLost
from tests.support.making import expire, purchase, register


def fill(engine: Relations, purchases: int = 3) -> int:
    engine.execute(register())
    for number in range(1, purchases + 1):
        engine.execute(purchase(number))
    return engine.status().position


def test_a_consumer_goes_on_where_the_last_one_with_its_name_stopped(database_url: str) -> None:
    with Relations.open(database_url) as engine:
        head = fill(engine)
        with engine.consume("mailer", wait=False) as consumer:
            seen = [next(consumer).position, next(consumer).position]
        # The second was taken and never acknowledged, so it comes again.
        with engine.consume("mailer", wait=False) as consumer:
            again = [event.position for event in consumer]
        with engine.consume("mailer", wait=False) as consumer:
            assert list(consumer) == []
        assert seen == [1, 2]
        assert again == list(range(2, head + 1))
        (status,) = engine.status().consumers
        assert (status.name, status.position, status.behind, status.is_held) == ("mailer", head, 0, False)


def test_an_event_whose_work_failed_comes_again(database_url: str) -> None:
    with Relations.open(database_url) as engine:
        fill(engine)

        def fail() -> None:
            with engine.consume("mailer", wait=False) as consumer:
                for event in consumer:
                    if event.position == 2:
                        raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            fail()
        with engine.consume("mailer", wait=False) as consumer:
            assert next(consumer).position == 2


def test_what_is_acknowledged_before_leaving_the_loop_does_not_come_again(database_url: str) -> None:
    with Relations.open(database_url) as engine:
        fill(engine)
        with engine.consume("mailer", wait=False) as consumer:
            for event in consumer:
                if event.position == 2:
                    consumer.acknowledge()
                    break
        with engine.consume("mailer", wait=False) as consumer:
            assert next(consumer).position == 3


def test_it_waits_for_new_events_until_it_is_stopped(database_url: str) -> None:
    with Relations.open(database_url) as engine:
        head = fill(engine)
        seen: list[int] = []
        with engine.consume("mailer", after=head) as consumer:
            threading.Thread(target=lambda: engine.execute(purchase(9))).start()
            for event in consumer:
                seen.append(event.position)
                consumer.stop()
        assert seen == [head + 1]
        assert engine.status().consumers[0].position == head + 1


def test_of_two_with_one_name_one_runs_and_the_other_waits_or_is_refused(database_url: str) -> None:
    with Relations.open(database_url) as engine, Relations.open(database_url) as other:
        fill(engine)
        order: list[str] = []

        def stand_by() -> None:
            with other.consume("mailer", wait=False, lease_seconds=0.1) as consumer:  # it looks twice a lease
                waiting.set()
                order.extend(f"second {event.position}" for event in consumer)

        waiting = threading.Event()
        thread = threading.Thread(target=stand_by)
        with engine.consume("mailer", wait=False) as consumer:
            assert next(consumer).position == 1
            thread.start()
            assert waiting.wait(10)
            with other.consume("mailer", standby=False) as late, pytest.raises(ConcurrencyConflict) as refused:
                next(late)
            with other.consume("another", wait=False) as free:
                assert next(free).position == 1
            assert refused.value.code == "consumer_running"
            order.extend(f"first {event.position}" for event in consumer)
        thread.join()
        assert order == [f"first {number}" for number in range(2, engine.status().position + 1)]


def test_a_name_that_was_not_renewed_is_taken_and_its_old_holder_cannot_move_the_position(database_url: str) -> None:
    with Relations.open(database_url) as engine:
        fill(engine)
        with engine.consume("mailer", wait=False, lease_seconds=60) as slow:
            assert next(slow).position == 1
            expire(engine)
            with engine.consume("mailer", wait=False) as quick:
                assert [event.position for event in quick] == list(range(1, engine.status().position + 1))
            with pytest.raises(ConsumerLost, match="was taken over"):
                next(slow)
        assert engine.status().consumers[0].position == engine.status().position


def test_a_renewal_keeps_the_name_while_work_takes_long(database_url: str) -> None:
    with Relations.open(database_url) as engine, Relations.open(database_url) as other:
        fill(engine)
        with engine.consume("mailer", wait=False, lease_seconds=0.5) as consumer:
            assert next(consumer).position == 1
            expire(engine)
            while not engine.status().consumers[0].is_held:
                time.sleep(0.01)
            with other.consume("mailer", standby=False) as late, pytest.raises(ConcurrencyConflict):
                next(late)
            assert next(consumer).position == 2


def test_only_wanted_events_come_and_the_position_reaches_the_head(database_url: str) -> None:
    with Relations.open(database_url) as engine:
        head = fill(engine, purchases=2)
        with engine.consume("bookkeeping", of=[PurchaseRecorded], wait=False) as consumer:
            assert {type(event.event) for event in consumer} == {PurchaseRecorded}
        engine.execute(register("c2"))
        with engine.consume("bookkeeping", of=[PurchaseRecorded], wait=False) as consumer:
            assert list(consumer) == []
        assert engine.status().consumers[0].position == engine.status().position > head


def test_the_position_moves_with_the_hosts_own_rows_or_not_at_all(database_url: str) -> None:
    host = create_engine(database_url)
    with Relations.open(database_url) as engine:
        head = fill(engine)
        with host.begin() as connection:
            connection.execute(text("CREATE TABLE mails (position BIGINT PRIMARY KEY)"))
        for attempt in range(2):
            with engine.consume("mailer", wait=False) as consumer:
                for event in consumer:
                    with host.connect() as connection:
                        connection.execute(text("INSERT INTO mails VALUES (:at)"), {"at": event.position})
                        consumer.acknowledge(connection=connection)
                        if attempt == 0 and event.position == 3:
                            connection.rollback()
                            break
                        connection.commit()
        with host.begin() as connection:
            sent = list(connection.execute(text("SELECT position FROM mails ORDER BY position")).scalars())
    host.dispose()
    assert sent == list(range(1, head + 1))


def test_a_consumer_that_has_stopped_can_be_moved(database_url: str) -> None:
    with Relations.open(database_url) as engine:
        head = fill(engine)
        with engine.consume("mailer", wait=False) as consumer:
            assert len(list(consumer)) == head
            with pytest.raises(ConcurrencyConflict, match="it is running"):
                engine.move_consumer("mailer", 1)
        engine.move_consumer("mailer", 1)
        with engine.consume("mailer", wait=False) as consumer:
            assert next(consumer).position == 2
        with pytest.raises(InvalidInput, match="there is no consumer 'printer'"):
            engine.move_consumer("printer", 1)


def test_following_begins_within_the_log(database_url: str) -> None:
    """After a position that the log does not have yet, events would be left out without a word."""
    with Relations.open(database_url) as engine:
        head = fill(engine)
        with engine.consume("mailer", after=head, wait=False) as consumer:
            assert list(consumer) == []

        def consume(after: int) -> None:
            with engine.consume("printer", after=after, wait=False) as consumer:
                next(consumer)

        for ask in (
            lambda: consume(head + 1),
            lambda: consume(-1),
            lambda: engine.move_consumer("mailer", head + 1),
            lambda: engine.subscribe(after=head + 1),
        ):
            with pytest.raises(InvalidInput, match="the log has no position") as refused:
                ask()
            assert f"up to {head}" in str(refused.value.hint)
        assert [each.name for each in engine.status().consumers] == ["mailer"]


def test_personal_words_can_stay_sealed(database_url: str) -> None:
    with Relations.open(database_url) as engine:
        fill(engine)
        with engine.consume("sealed", wait=False, sealed=True) as consumer:
            names = [getattr(event.event, "name", None) for event in consumer]
        with engine.consume("open", wait=False) as consumer:
            clear = [getattr(event.event, "name", None) for event in consumer]
        assert "Ada Lovelace" in clear
        assert "Ada Lovelace" not in names
        assert any(str(name).startswith("sealed:") for name in names)


@pytest.mark.parametrize("name", ["", "two words", "x" * 65])
def test_a_name_that_cannot_be_one_is_refused(sqlite_url: str, name: str) -> None:
    with Relations.open(sqlite_url) as engine, pytest.raises(InvalidInput, match="cannot be the name"):
        engine.consume(name)


def test_a_log_that_is_open_for_reading_has_no_consumers(sqlite_url: str) -> None:
    with Relations.open(sqlite_url) as engine:
        fill(engine)
    with Relations.open(sqlite_url, access="read") as engine, pytest.raises(ForeignDatabase):
        engine.consume("mailer")


def test_a_stop_from_another_thread_ends_a_consumer_that_stands_by(sqlite_url: str) -> None:
    with Relations.open(sqlite_url) as engine:
        fill(engine)
        with engine.consume("mailer", wait=False) as first, engine.consume("mailer") as second:
            next(first)
            threading.Timer(0.05, second.stop).start()
            assert list(second) == []
