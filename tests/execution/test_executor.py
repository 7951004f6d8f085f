"""The executor's promises: once, all or nothing, in turn, on the newest state; on both databases."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from sqlalchemy import Column, MetaData, Table, Text, create_engine, insert, select, text

from relations import (
    Command,
    CommandRefused,
    EnrolMember,
    Event,
    GiveFeedback,
    InvalidInput,
    Money,
    Policy,
    RedeemPoints,
    Relations,
    RelationsError,
)
from relations.aggregates import AGGREGATES
from relations.aggregates.complaint import AcceptRemedy
from relations.aggregates.loyalty import AGGREGATE as LOYALTY
from relations.aggregates.loyalty import Holdings, MovedLot, ReceiveAccount, ReceivePoints, RewardReferral
from relations.aggregates.policy import PolicyBook
from relations.aggregates.programme import ReturnStock
from relations.commands import AdoptPolicy, CarryOutRemedy, EarnPoints, ProposeRemedy
from relations.engine import BatchReport
from relations.errors import ConcurrencyConflict, IdempotencyConflict
from relations.execution import Executor
from relations.execution.states import snapshot_step
from relations.log import Codec, Database, Log
from relations.log.codec import decode_state, encode_state
from relations.log.personal import Keys
from relations.log.snapshots import seal_snapshot, stored_snapshots
from relations.log.tables import snapshots
from relations.messages import Envelope
from relations.reactions import REACTIONS
from tests.support.making import (
    START,
    assert_sound,
    complaint,
    count_events,
    database_bytes,
    day,
    erase,
    in_processes,
    killable,
    pipe,
    purchase,
    register,
    sqlite_bytes,
    tamper,
)


@pytest.fixture
def relations(database_url: str) -> Iterator[Relations]:
    with Relations.open(database_url) as opened:
        yield opened


def impatient(url: str, seconds: float = 0.2, **options: Any) -> Relations:
    """An engine that waits for its turn only so long."""
    return Relations(Log(Database(url, busy_seconds=seconds)), **options)


def executor(relations: Relations, **changes: Any) -> Executor:
    """An executor of its own on the log of an engine, with something exchanged."""
    parts = {"aggregates": AGGREGATES, "reactions": REACTIONS, "only_if": {}, "clock": lambda: START, **changes}
    codec = Codec(event for aggregate in parts["aggregates"] for event in aggregate.events)
    return Executor(relations.log, codec, Keys(relations.log.database), **parts)


# --- what a receipt says --------------------------------------------------------------------------------------------


def test_a_receipt_holds_what_was_recorded(relations: Relations) -> None:
    receipt = relations.execute(register(name="Ada", actor="desk"))
    (event,) = receipt.events
    assert (event.stream, event.version, event.customer, event.actor) == ("customer-c1", 1, "c1", "desk")
    assert event.command_id == receipt.command_id
    assert receipt.position == event.position == 2  # the policy comes first
    assert not receipt.repeated
    assert event == list(relations.events())[-1]
    assert event.event.name == "Ada"  # type: ignore[attr-defined]


def test_nothing_left_to_do_is_a_receipt_without_events(relations: Relations) -> None:
    relations.execute(register(region="Tyrol"))
    receipt = relations.execute(register(region="Tyrol"))
    assert (receipt.events, receipt.position, receipt.repeated) == ((), None, False)
    assert_sound(relations, 2)


def test_a_command_of_others_is_refused(relations: Relations) -> None:
    class Dance(Command):
        @property
        def stream(self) -> str:
            return "dance-1"

    with pytest.raises(InvalidInput) as caught:
        relations.execute(Dance(occurred_at=START))
    assert caught.value.code == "unknown_command"
    report = relations.execute_many([Dance(occurred_at=START), register()])
    assert (len(report.rejections), report.accepted) == (1, 1)
    with pytest.raises(InvalidInput) as caught:
        relations.load("dance", "1")
    assert caught.value.code == "unknown_aggregate"


# --- once -----------------------------------------------------------------------------------------------------------


def test_the_same_command_again_returns_the_first_receipt_and_writes_nothing(relations: Relations) -> None:
    first = relations.execute(register(command_id="import:1"))
    relations.execute(purchase(1))
    before = count_events(relations)
    again = relations.execute(register(command_id="import:1"))
    assert again.repeated
    assert again.events == first.events
    assert again.command_id == "import:1"
    assert count_events(relations) == before


DIFFERENT = {
    "other words": register(name="Grace", command_id="x"),
    "no words": register(name=None, command_id="x"),
    "another time": register(occurred_at=day(1), command_id="x"),
    "another actor": register(actor="import", command_id="x"),
    "another customer": register("c2", command_id="x"),
    "another kind": purchase(1, command_id="x"),
}


@pytest.mark.parametrize("different", DIFFERENT.values(), ids=DIFFERENT)
def test_an_id_used_before_for_a_different_command_is_refused(relations: Relations, different: Command) -> None:
    relations.execute(register(command_id="x"))
    before = count_events(relations)
    with pytest.raises(IdempotencyConflict):
        relations.execute(different)
    report = relations.execute_many([different])
    assert [type(rejection.error) for rejection in report.rejections] == [IdempotencyConflict]
    assert count_events(relations) == before


def test_once_within_one_batch_too(relations: Relations) -> None:
    commands = [register(command_id="x"), register(command_id="x"), register(name="Grace", command_id="x"), purchase(1)]
    report = relations.execute_many(commands)
    assert (report.accepted, report.repeated, report.commands) == (2, 1, 4)
    (rejection,) = report.rejections
    assert (rejection.index, rejection.command) == (2, commands[2])
    assert isinstance(rejection.error, IdempotencyConflict)
    assert_sound(relations, 3)


@pytest.mark.parametrize("batched", [False, True])
def test_once_after_the_customers_erasure_too(relations: Relations, *, batched: bool) -> None:
    def executed(command: Command) -> str:
        if batched:
            report = relations.execute_many([command])
            return type(report.rejections[0].error).__name__ if report.rejections else f"{report.repeated} repeated"
        try:
            return f"{int(relations.execute(command).repeated)} repeated"
        except IdempotencyConflict as error:
            return type(error).__name__

    relations.execute(register(command_id="x"))
    relations.execute(complaint(text="the lift, again", command_id="k"))
    relations.execute(erase(command_id="e"))
    before = count_events(relations)
    assert executed(register(command_id="x")) == "1 repeated"
    assert executed(complaint(text="the lift, again", command_id="k")) == "1 repeated"
    assert executed(erase(command_id="e")) == "1 repeated"
    assert executed(erase(command_id="e", reason="other")) == "IdempotencyConflict"
    assert executed(purchase(1, command_id="x")) == "IdempotencyConflict"
    # Words cannot be compared any more; all else still is.
    assert executed(register(command_id="x", region="Tyrol")) == "IdempotencyConflict"
    assert executed(register(command_id="x", occurred_at=day(1))) == "IdempotencyConflict"
    assert executed(complaint(text="other words", command_id="x")) == "IdempotencyConflict"
    assert count_events(relations) == before


def test_a_refused_command_does_not_use_up_its_id(relations: Relations) -> None:
    redeem = RedeemPoints(customer="c1", redemption="r", points=5, occurred_at=day(2), command_id="x")
    with pytest.raises(CommandRefused):
        relations.execute(redeem)
    relations.execute_many([register(), EnrolMember(customer="c1", occurred_at=START)])
    relations.execute(EarnPoints(customer="c1", lot="l", points=5, occurred_at=day(1)))
    assert not relations.execute(redeem).repeated


def _execute_all(url: str, commands: list[Command]) -> tuple[int, int]:
    with Relations.open(url) as relations:
        receipts = [relations.execute(command) for command in commands]
    return sum(not receipt.repeated for receipt in receipts), sum(receipt.repeated for receipt in receipts)


def test_once_across_processes_too(database_url: str) -> None:
    commands = [register(command_id="x"), *(purchase(number) for number in range(1, 8))]
    results = in_processes(_execute_all, [(database_url, commands)] * 2)
    assert sum(new for new, _ in results) == sum(old for _, old in results) == len(commands)
    with Relations.open(database_url) as relations:
        assert_sound(relations, 1 + len(commands))


# --- all or nothing -------------------------------------------------------------------------------------------------


def offer_points(relations: Relations, points: int = 500) -> list[Command]:
    at = {"complaint": "k-c1-1", "remedy": "r1"}
    relations.execute_many(
        [
            register(),
            complaint(1),
            ProposeRemedy(**at, kind="points", points=points, occurred_at=day(2)),
            AcceptRemedy(**at, occurred_at=day(3)),
        ]
    )
    return [CarryOutRemedy(**at, occurred_at=day(4))]


def test_a_command_and_all_it_leads_to_are_one(relations: Relations) -> None:
    (carry_out,) = offer_points(relations)
    receipt = relations.execute(carry_out.model_copy(update={"command_id": "carry", "actor": "desk"}))
    topics = [event.topic for event in receipt.events]
    assert topics[0] == "complaint.remedy_carried_out"
    assert "loyalty.points_earned" in topics
    assert [event.command_seq for event in receipt.events] == list(range(len(topics)))
    assert {event.command_id for event in receipt.events} == {"carry"}
    assert {event.actor for event in receipt.events} == {"desk"}
    led = [event for event in receipt.events if event.stream == "loyalty-c1"]
    first = receipt.events[0]
    assert first.cause is None
    assert {event.cause for event in led} == {f"{first.stream}@{first.version}"}
    assert {event.customer for event in receipt.events} == {"c1"}
    events = assert_sound(relations)
    assert tuple(events[-len(topics) :]) == receipt.events
    assert relations.execute(carry_out.model_copy(update={"command_id": "carry", "actor": "desk"})).repeated


class _Boom(RuntimeError):
    pass


EVENTS = [event for aggregate in AGGREGATES for event in aggregate.events]


def _refusing(_event: Event, _at: Envelope, _policy: Policy) -> list[Command]:
    raise CommandRefused("not today", code="not_today")


def _failing(_event: Event, _at: Envelope, _policy: Policy) -> list[Command]:
    raise _Boom


def _to_points(reaction: Callable[..., Any]) -> dict[Any, Any]:
    """The reactions, with this one to whatever happens in an account."""
    return {**REACTIONS, **dict.fromkeys(LOYALTY.events, reaction)}


@pytest.mark.parametrize(("reaction", "error"), [(_refusing, CommandRefused), (_failing, _Boom)])
def test_an_error_in_the_middle_writes_nothing(
    relations: Relations, reaction: Callable[..., Any], error: type[Exception]
) -> None:
    (carry_out,) = offer_points(relations)
    before = count_events(relations)
    other = executor(relations, reactions=_to_points(reaction))
    for _ in range(2):
        with pytest.raises(error):
            other.execute(carry_out)
    assert count_events(relations) == before
    # Neither the states that it kept nor those of anybody else know of it.
    receipt = executor(relations).execute(carry_out)
    assert receipt.events[0].version == 5
    assert other.execute(purchase(1)).events[0].version == 2
    assert_sound(relations)


def test_a_refused_command_of_a_batch_leaves_the_others_alone(relations: Relations) -> None:
    (carry_out,) = offer_points(relations)
    other = executor(relations, reactions=_to_points(_refusing))
    report = BatchReport(rejections=[])
    other.execute_many([purchase(1), carry_out, purchase(2)], report, 0)
    assert report.accepted == 2
    assert [(rejection.index, rejection.error.code) for rejection in report.rejections] == [(1, "not_today")]
    assert_sound(relations)


def test_reactions_that_run_in_a_circle_are_stopped(relations: Relations) -> None:
    numbers = iter(range(10**9))

    def endless(_event: Event, at: Envelope, _policy: Policy) -> list[Command]:
        return [purchase(next(numbers), "c1", 0)]

    with pytest.raises(RelationsError, match="leads to more than") as stopped:
        executor(relations, reactions=dict.fromkeys(EVENTS, endless)).execute(register())
    assert stopped.value.code == "reactions_in_a_circle"
    assert "one of them leads back to itself" in str(stopped.value)
    assert count_events(relations) == 0


# --- in turn --------------------------------------------------------------------------------------------------------


def test_the_caller_may_say_which_version_it_has_seen(relations: Relations) -> None:
    assert relations.execute(register(), expected_version=0).events[0].version == 1
    with pytest.raises(ConcurrencyConflict) as caught:
        relations.execute(purchase(1), expected_version=0)
    assert caught.value.code == "version_conflict"
    assert "version 1, not 0" in str(caught.value)
    assert relations.execute(purchase(1), expected_version=1).events[0].version == 2
    # A repeated command is repeated, whatever the caller has seen since.
    assert relations.execute(purchase(1), expected_version=1).repeated
    assert_sound(relations, 3)


def test_a_writer_waits_for_its_turn_a_bounded_time(database_url: str) -> None:
    with Relations.open(database_url) as holder:
        holder.execute(register())
        with impatient(database_url) as waiting:
            with holder.log.writing():
                for command in (purchase(1), purchase(2)):
                    with pytest.raises(ConcurrencyConflict) as caught:
                        waiting.execute(command)
                    assert caught.value.code == "log_busy"
                with pytest.raises(ConcurrencyConflict):
                    waiting.execute_many([purchase(1)])
            assert waiting.execute(purchase(1)).position == 3
        assert_sound(holder, 3)


def test_a_writer_whose_turn_comes_in_time_goes_on(database_url: str) -> None:
    with Relations.open(database_url) as holder, Relations.open(database_url) as waiting:
        holder.execute(register())
        with ThreadPoolExecutor(1) as pool:
            with holder.log.writing():
                pending = pool.submit(waiting.execute, purchase(1))
                time.sleep(0.05)
                assert not pending.done()
            assert pending.result().position == 3


@pytest.mark.parametrize("batched", [False, True])
def test_a_state_out_of_date_is_read_again(relations: Relations, *, batched: bool) -> None:
    """It cannot be under the lock; but were it so, the log's unique keys refuse, and the command is decided again."""
    relations.execute(register())
    relations.execute(purchase(1))
    cached = relations._executor.states.cached
    cached["customer-c1"] = (1, cached["customer-c1"][1])
    if batched:
        assert relations.execute_many([purchase(2), purchase(3)]).accepted == 2
    else:
        assert relations.execute(purchase(2)).events[0].version == 3
    assert_sound(relations)


def _write_from_threads(url: str, process: int, threads: int, each: int) -> int:
    with Relations.open(url) as relations, ThreadPoolExecutor(threads) as pool:

        def write(thread: int) -> int:
            done = 0
            for number in range(each):
                # Everybody writes to one customer, and each to one of its own.
                key = (process * threads + thread) * each + number
                done += len(relations.execute(purchase(key, "shared", command_id=f"s{key}")).events)
                done += len(relations.execute(purchase(key, f"own-{process}-{thread}")).events)
            return done

        return sum(pool.map(write, range(threads)))


def test_nothing_is_lost_and_nothing_doubled_by_threads_and_processes(database_url: str) -> None:
    written = in_processes(_write_from_threads, [(database_url, process, 4, 6) for process in range(2)])
    with Relations.open(database_url) as relations:
        events = assert_sound(relations, sum(written) + 1)
        purchases = [event for event in events if event.topic == "customer.purchase_recorded"]
        assert len(purchases) == 2 * 4 * 6 * 2
        assert sum(event.customer == "shared" for event in purchases) == 48
        assert len(relations.load("customer", "shared").purchases) == 48
        assert sum(event.topic == "policy.adopted" for event in events) == 1


def test_decisions_are_made_on_the_newest_state(database_url: str) -> None:
    """Two engines with kept states spend the same points; together they never spend more than there are."""
    with Relations.open(database_url) as one, Relations.open(database_url) as other:
        one.execute_many(
            [
                register(),
                EnrolMember(customer="c1", occurred_at=START),
                EarnPoints(customer="c1", lot="gift", points=100, occurred_at=START),
            ]
        )

        def redeem(engine: Relations, number: int) -> bool:
            try:
                engine.execute(RedeemPoints(customer="c1", redemption=f"r{number}", points=30, occurred_at=day(1)))
            except CommandRefused as refused:
                assert refused.code == "insufficient_points"  # noqa: PT017 - most are taken
                return False
            return True

        taken = [redeem((one, other)[number % 2], number) for number in range(8)]
        assert taken == [True] * 3 + [False] * 5
        for engine in (one, other):
            assert sum(lot.points for lot in engine.load("loyalty", "c1").lots.values()) == 10
        assert_sound(one)


def test_kept_states_follow_what_others_append_however_much_that_is(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relations.execution.states._CATCH_UP_MAX", 5)
    with Relations.open(database_url) as one, Relations.open(database_url) as other:
        one.execute(register())
        other.execute(register("c2"))
        for number, others in enumerate((1, 4, 9), start=1):
            other.execute_many(purchase(number * 20 + i) for i in range(others))
            before = len(one.history("c1"))
            assert one.execute(purchase(number)).events[0].version == before + 1
        assert_sound(one)


# --- the host's own transaction -------------------------------------------------------------------------------------

bookings = Table("bookings", MetaData(), Column("name", Text, primary_key=True))


@pytest.fixture
def host(database_url: str, relations: Relations) -> Iterator[Any]:
    engine = create_engine(database_url)
    bookings.create(engine)
    yield engine
    engine.dispose()


def _bookings(host: Any) -> list[str]:
    with host.connect() as connection:
        return [row[0] for row in connection.execute(select(bookings))]


def test_the_hosts_rows_and_our_events_commit_together(relations: Relations, host: Any) -> None:
    with host.begin() as connection:
        connection.execute(insert(bookings).values(name="b1"))
        receipt = relations.execute(register(), connection=connection)
        assert receipt.events[0].version == 1
    assert _bookings(host) == ["b1"]
    assert_sound(relations, 2)


def test_the_hosts_rows_and_our_events_vanish_together(relations: Relations, host: Any) -> None:
    relations.execute(register())
    with pytest.raises(_Boom), host.begin() as connection:  # noqa: PT012 - a transaction is many statements
        connection.execute(insert(bookings).values(name="b1"))
        assert relations.execute(purchase(1), connection=connection).events[0].version == 2
        assert relations.execute(purchase(2), connection=connection).events[0].version == 3
        raise _Boom
    assert _bookings(host) == []
    assert count_events(relations) == 2
    # The engine has not kept what never was.
    assert relations.execute(purchase(3)).events[0].version == 2
    with host.begin() as connection:
        assert relations.execute(purchase(1), connection=connection).events[0].version == 3
    assert relations.execute(purchase(4)).events[0].version == 4
    assert_sound(relations, 5)


def test_a_vanished_transaction_takes_the_adopted_policy_and_keys_with_it(relations: Relations, host: Any) -> None:
    with pytest.raises(_Boom), host.begin() as connection:  # noqa: PT012 - a transaction is many statements
        relations.execute(register(), connection=connection)
        raise _Boom
    assert count_events(relations) == 0
    relations.execute(register(name="Grace"))
    (event,) = relations.history("c1")
    assert event.event.name == "Grace"  # type: ignore[attr-defined]
    assert_sound(relations, 2)


def test_a_host_may_take_back_a_part(relations: Relations, host: Any) -> None:
    if host.dialect.name == "sqlite":
        pytest.skip("the driver's own transactions, which the host uses here, have no savepoints")
    relations.execute(register())
    with host.begin() as connection:
        relations.execute(purchase(1), connection=connection)
        with pytest.raises(_Boom), connection.begin_nested():  # noqa: PT012 - likewise
            relations.execute(purchase(2), connection=connection)
            raise _Boom
        assert relations.execute(purchase(3), connection=connection).events[0].version == 3
    assert [event.event.purchase for event in relations.history("c1")[1:]] == ["p1", "p3"]  # type: ignore[attr-defined]
    assert_sound(relations, 4)


def test_a_hosts_transaction_sees_its_own_events(relations: Relations, host: Any) -> None:
    with host.begin() as connection:
        relations.execute(register(command_id="x"), connection=connection)
        assert relations.execute(register(command_id="x"), connection=connection).repeated
        with pytest.raises(IdempotencyConflict):
            relations.execute(register(name="Grace", command_id="x"), connection=connection)
        with pytest.raises(ConcurrencyConflict):
            relations.execute(purchase(1), connection=connection, expected_version=0)
        assert relations.execute(purchase(1), connection=connection, expected_version=1).events[0].version == 2
    assert_sound(relations, 3)


def test_a_refused_command_leaves_the_hosts_transaction_usable(relations: Relations, host: Any) -> None:
    with host.begin() as connection:
        connection.execute(insert(bookings).values(name="b1"))
        with pytest.raises(CommandRefused):
            relations.execute(
                RedeemPoints(customer="c1", redemption="r", points=1, occurred_at=START), connection=connection
            )
        relations.execute(register(), connection=connection)
    assert _bookings(host) == ["b1"]
    assert_sound(relations, 2)


def test_a_hosts_transaction_and_the_engines_own_threads_do_not_wait_for_each_other(database_url: str) -> None:
    """The host holds the log's lock and comes again, while another thread waits for that lock inside the engine."""
    with impatient(database_url, 30) as relations, ThreadPoolExecutor(1) as pool:
        relations.execute(register())
        host = create_engine(database_url)
        with host.begin() as connection:
            relations.execute(purchase(1), connection=connection)
            pending = pool.submit(relations.execute, purchase(2))
            time.sleep(0.1)
            begun = time.monotonic()
            relations.execute(purchase(3), connection=connection)
            assert time.monotonic() - begun < 20
        assert pending.result().events[0].version == 4
        host.dispose()
        assert_sound(relations, 5)


def test_a_host_that_comes_too_late_is_told_so(database_url: str) -> None:
    with Relations.open(database_url) as holder:
        holder.execute(register())
        options = {"connect_args": {"timeout": 0.1}} if database_url.startswith("sqlite") else {}
        host = create_engine(database_url, **options)
        with holder.log.writing(), pytest.raises(ConcurrencyConflict), host.connect() as connection:  # noqa: PT012
            if host.dialect.name == "postgresql":
                connection.execute(text("SET lock_timeout = 100"))
            holder.execute(purchase(1), connection=connection)
        host.dispose()


# --- many -----------------------------------------------------------------------------------------------------------


def test_a_batch_reports_every_command(relations: Relations) -> None:
    commands = [
        register(),
        register(),
        *(purchase(number) for number in range(1, 6)),
        RedeemPoints(customer="c1", redemption="r", points=5, occurred_at=day(9)),
        purchase(3),
        purchase(3, euros=7),
    ]
    seen: list[int] = []
    report = relations.execute_many(iter(commands), batch=4, on_progress=lambda so_far: seen.append(so_far.commands))
    assert seen == [4, 8, 10]
    assert (report.accepted, report.unchanged, report.repeated, report.events) == (6, 1, 1, 6)
    assert [rejection.index for rejection in report.rejections] == [7, 9]
    assert [rejection.command for rejection in report.rejections] == [commands[7], commands[9]]
    assert report.commands == len(commands)
    assert_sound(relations, 7)
    assert relations.execute_many([]).commands == 0


def test_one_by_one_and_in_batches_records_the_same(database_url: str, sqlite_url: str) -> None:
    commands = [register(), *(purchase(number % 7, f"c{number % 3}") for number in range(40)), erase("c1"), register()]
    bodies = []
    for url, batch in ((database_url, 1), (sqlite_url + ".2", 7), (sqlite_url + ".3", 1000)):
        with Relations.open(url) as relations:
            report = relations.execute_many(commands, batch=batch)
            assert len(report.rejections) == 1
            bodies.append([(e.position, e.stream, e.version, e.topic, e.cause, e.event) for e in relations.events()])
    assert bodies[0] == bodies[1] == bodies[2]


@pytest.mark.parametrize("batch", [1, 10])
def test_words_after_an_erasure_are_refused_in_one_batch_or_in_many(relations: Relations, batch: int) -> None:
    commands = [register(), complaint(1, text="before"), erase(), complaint(2, text="after"), complaint(3)]
    report = relations.execute_many(commands, batch=batch)
    assert [(rejection.index, rejection.error.code) for rejection in report.rejections] == [(3, "customer_erased")]
    filed = [event.event for event in relations.history("c1") if event.topic == "complaint.filed"]
    assert [event.text for event in filed] == ["[erased]", None]  # type: ignore[attr-defined]
    assert_sound(relations)


# --- killed ---------------------------------------------------------------------------------------------------------


def _write_and_tell(url: str, acknowledged: Any) -> None:
    with Relations.open(url) as relations:
        for number in range(100_000):
            relations.execute(purchase(number, f"c{number % 5}"))
            acknowledged.send(number)


@pytest.mark.parametrize("seed", range(2))
def test_what_was_acknowledged_survives_a_kill(database_url: str, seed: int) -> None:
    chance = random.Random(seed)
    near, far = pipe()
    writer = killable(_write_and_tell, database_url, far)
    last = -1
    for _ in range(chance.randrange(5, 40)):
        last = near.recv()
    time.sleep(chance.random() * 0.01)
    os.kill(writer.pid, signal.SIGKILL)
    writer.join()
    far.close()
    while near.poll():
        try:
            last = near.recv()
        except EOFError:
            break
    with Relations.open(database_url) as relations:
        assert_sound(relations)
        there = {event.command_id for event in relations.events()}
        assert {f"c{number % 5}/p{number}" for number in range(last + 1)} <= there
        # Sent again from the start, only what is missing is recorded.
        report = relations.execute_many(purchase(number, f"c{number % 5}") for number in range(last + 3))
        assert report.repeated >= last + 1
        assert report.accepted == last + 3 - report.repeated
        purchases = [e for e in assert_sound(relations) if e.topic == "customer.purchase_recorded"]
        assert len(purchases) == last + 3


# --- policies -------------------------------------------------------------------------------------------------------


def _first_command(url: str, number: int) -> int:
    with Relations.open(url) as relations:
        return len(relations.execute(register(f"c{number}")).events)


def test_the_default_policy_is_adopted_once_even_by_two_at_once(database_url: str) -> None:
    with Relations.open(database_url):
        pass  # who makes the tables is another matter
    assert in_processes(_first_command, [(database_url, number) for number in range(3)]) == [1, 1, 1]
    with Relations.open(database_url) as relations:
        events = assert_sound(relations, 4)
        assert [event.topic for event in events].count("policy.adopted") == 1
        assert events[0].topic == "policy.adopted"
        assert (events[0].actor, events[0].customer, events[0].stream) == ("relations", "", "policy")


def test_a_database_made_by_two_at_once_is_made_once(database_url: str) -> None:
    assert in_processes(_first_command, [(database_url, number) for number in range(2)]) == [1, 1]
    with Relations.open(database_url) as relations:
        assert_sound(relations, 3)


def _deadline(relations: Relations, number: int, at: float) -> tuple[int, float]:
    relations.execute(complaint(number, occurred_at=day(at)))
    filed = relations.load("complaint", f"k-c1-{number}")
    event = relations.history("c1")[-1].event
    assert filed.customer == "c1"
    return event.policy, (event.acknowledge_by - (at * 86_400_000_000)) / 3_600_000_000  # type: ignore[attr-defined]


def test_a_policy_decides_from_its_effective_date_on(relations: Relations) -> None:
    relations.execute(register())
    second = Policy(currency="CHF")
    third = Policy(currency="JPY")
    relations.execute(AdoptPolicy(policy=second, occurred_at=day(10)))
    relations.execute(AdoptPolicy(policy=third, occurred_at=day(20)))
    versions = {at: _deadline(relations, number, at)[0] for number, at in enumerate((5, 9.99, 10, 15, 20, 25))}
    assert versions == {5: 1, 9.99: 1, 10: 2, 15: 2, 20: 3, 25: 3}
    # Adopted later though effective earlier: the last word on any time is that of the last adoption.
    relations.execute(AdoptPolicy(policy=Policy(currency="GBP"), occurred_at=day(15)))
    versions = {at: _deadline(relations, 10 + number, at)[0] for number, at in enumerate((14, 15, 25))}
    assert versions == {14: 2, 15: 4, 25: 4}
    relations.adopt(Policy(currency="USD"), from_beginning=True)
    assert _deadline(relations, 20, 1)[0] == 5
    assert relations.policy.currency == "USD"
    assert_sound(relations)


def test_a_new_policy_holds_at_once_within_a_batch_and_for_other_engines(database_url: str) -> None:
    with Relations.open(database_url) as one, Relations.open(database_url) as other:
        other.execute(register())
        one.execute_many([complaint(1), AdoptPolicy(policy=Policy(currency="CHF"), occurred_at=START), complaint(2)])
        assert _deadline(other, 3, 1)[0] == 2
        assert [e.event.policy for e in other.history("c1") if e.topic == "complaint.filed"] == [1, 2, 2]  # type: ignore[attr-defined]
        assert other.policy.version == 2


def test_an_engine_reads_the_same_policy_from_the_log_as_was_adopted(relations: Relations) -> None:
    policy = Policy(zone="Europe/Vienna", currency="JPY")
    relations.adopt(policy, from_beginning=True)
    assert relations.policy == policy.model_copy(update={"version": 1})
    book = relations.load("policy", "")
    assert isinstance(book, PolicyBook)
    assert [adoption.number for adoption in book.adoptions] == [1]  # whoever adopts one first needs no default
    relations.execute(register())
    assert [event.topic for event in relations.events()] == ["policy.adopted", "customer.registered"]


# --- snapshots ------------------------------------------------------------------------------------------------------


def _kept(relations: Relations) -> list[tuple[str, int, str]]:
    with relations.log.database.reading() as connection:
        columns = snapshots.c.stream, snapshots.c.version, snapshots.c.topic
        return [tuple(row) for row in connection.execute(select(*columns).order_by(*columns))]


def _busy_customer(number: int) -> list[Command]:
    feedback = (
        GiveFeedback(
            customer="c1", feedback=f"f{i}", instrument="nps", score=i % 11, comment="secret words", occurred_at=day(i)
        )
        for i in range(number)
    )
    return [register(name="Ada Lovelace"), EnrolMember(customer="c1", occurred_at=START), *feedback]


@pytest.mark.parametrize("snapshot_every", [100, 7])
def test_a_state_from_a_snapshot_is_the_state_from_all_events(database_url: str, snapshot_every: int) -> None:
    with Relations.open(database_url, snapshot_every=snapshot_every) as relations:
        relations.execute_many([*_busy_customer(500), *(purchase(i, euros=i + 1) for i in range(520))], batch=90)
        streams = {stream for stream, _, _ in _kept(relations)}
        assert {"customer-c1", "loyalty-c1"} <= streams
        with_snapshot = {stream: relations.load(*stream.split("-", 1)) for stream in streams}
        first = relations.execute(purchase(1000)).events[0].version
    assert first > 1000
    with Relations.open(database_url) as relations:
        assert encode_state(relations.load("customer", "c1")) != encode_state(with_snapshot["customer-c1"])
        assert relations.execute(purchase(1001)).events[0].version == first + 1
        tamper(database_url, "DELETE FROM relations_snapshots", "DELETE FROM relations_log WHERE position < 0")
        without = {stream: relations.load(*stream.split("-", 1)) for stream in streams}
        assert len(without["customer-c1"].purchases) == 522
    with Relations.open(database_url) as relations:
        for stream in streams:
            state = without[stream]
            assert decode_state(encode_state(state), type(state)) == state


def test_a_snapshot_is_the_state_at_its_version(database_url: str) -> None:
    """Read back one by one and held against the fold of the events up to there."""
    with Relations.open(database_url, snapshot_every=10) as relations:
        relations.execute_many([*_busy_customer(40), *(purchase(i) for i in range(30))], batch=13)
        deciders = {aggregate.name: aggregate for aggregate in AGGREGATES}
        with relations.log.database.reading() as connection:
            kept = list(stored_snapshots(relations.log.database, connection))
            rows = [row for page in relations.log.scan(connection) for row in page]
            assert list(relations._executor.states.bad_snapshots(connection)) == []
        assert len(kept) == 2
        for stream, version, _topic, stored, is_older in kept:
            assert not is_older
            aggregate = deciders[stream.partition("-")[0]]
            state = aggregate.decider.initial
            for row in rows:
                if row[1] == stream and row[2] <= version:
                    state = aggregate.decider.evolve(state, relations.codec.decode(row[3], row[4], bytes(row[13])))
            assert encode_state(state) == stored


def test_only_the_newest_snapshot_of_a_stream_stays_and_their_distance_grows(database_url: str) -> None:
    with Relations.open(database_url, snapshot_every=3) as relations:
        relations.execute_many([purchase(i) for i in range(200)], batch=1)
        versions = [version for stream, version, _ in _kept(relations) if stream == "customer-c1"]
        assert versions == [192]
    assert [snapshot_step(version, 3) for version in (1, 47, 48, 95, 96, 192)] == [3, 3, 6, 6, 12, 24]


@pytest.mark.parametrize("body", [b"{", b"", b"[]", b'{"purchases":7}', b"\xff"])
def test_a_snapshot_that_cannot_be_read_is_worth_nothing(database_url: str, body: bytes) -> None:
    with Relations.open(database_url, snapshot_every=5) as relations:
        relations.execute_many(purchase(i) for i in range(12))
        expected = relations.load("customer", "c1")
    tamper(database_url, ("UPDATE relations_snapshots SET body = ?", (body,)))
    with Relations.open(database_url, snapshot_every=5) as relations:
        assert relations.load("customer", "c1") == expected
        assert relations.execute(purchase(20)).events[0].version == 14


def _store_snapshots(url: str, state: bytes) -> None:
    """Put another state into every snapshot, with a digest that matches."""
    log = Log.open(url)
    with log.database.reading() as connection:
        chain = {(row[1], row[2]): row[14] for page in log.scan(connection) for row in page}
        stored = list(stored_snapshots(log.database, connection))
    log.database.close()
    assert stored
    for each in stored:
        body = seal_snapshot(each.stream, each.version, each.topic, bytes(chain[each.stream, each.version]), state)
        where = "WHERE stream = ? AND version = ?"
        tamper(url, (f"UPDATE relations_snapshots SET body = ? {where}", (body, each.stream, each.version)))


_CHANGES = {
    "a byte of the state": "UPDATE relations_snapshots SET body = {flipped}",
    "another place in the stream": "UPDATE relations_snapshots SET version = version + 1",
    "another stream": "UPDATE relations_snapshots SET stream = 'customer-c2' WHERE stream = 'customer-c1'",
    "another form": "UPDATE relations_snapshots SET topic = 'loyalty:6' WHERE stream = 'customer-c1'",
    "no bytes at all": "UPDATE relations_snapshots SET body = ''",
}


@pytest.mark.parametrize("change", _CHANGES)
def test_a_snapshot_that_was_changed_is_found_and_never_decided_on(database_url: str, change: str) -> None:
    with Relations.open(database_url, snapshot_every=80) as relations:
        relations.execute_many([purchase(i) for i in range(100)])
        relations.execute_many([purchase(i, "c2") for i in range(20)])
        expected = relations.load("customer", "c1"), relations.load("customer", "c2")
    flipped = (
        "substr(body, 1, 60) || x'07' || substr(body, 62)"
        if database_url.startswith("sqlite")
        else "set_byte(body, 60, 7)"
    )
    tamper(database_url, _CHANGES[change].format(flipped=flipped))
    with Relations.open(database_url, snapshot_every=80) as relations:
        assert (relations.load("customer", "c1"), relations.load("customer", "c2")) == expected
        with relations.log.database.reading() as connection:
            found = list(relations._executor.states.bad_snapshots(connection))
        assert [(each.reason, each.is_intact) for each in found] == [
            ("does not match its digest, and is ignored", False)
        ]
        # The next snapshot of the stream is good again.
        relations.execute_many([purchase(i) for i in range(100, 200)])
        assert len(relations.load("customer", "c1").purchases) == 200


def test_a_snapshot_with_a_digest_of_its_own_is_held_against_the_events(database_url: str) -> None:
    with Relations.open(database_url, snapshot_every=80) as relations:
        relations.execute_many(purchase(i) for i in range(100))
    _store_snapshots(database_url, encode_state(AGGREGATES[1].decider.initial))
    with Relations.open(database_url) as relations, relations.log.database.reading() as connection:
        (found,) = relations._executor.states.bad_snapshots(connection)
    assert found == ("customer-c1", 80, "differs from the events that it stands for", True)


def test_a_snapshot_without_a_digest_is_ignored_and_no_problem(database_url: str) -> None:
    with Relations.open(database_url, snapshot_every=80) as relations:
        relations.execute_many(purchase(i) for i in range(100))
        expected = relations.load("customer", "c1")
    body = encode_state(AGGREGATES[1].decider.initial)
    tamper(database_url, ("UPDATE relations_snapshots SET body = ?", (body,)))
    with Relations.open(database_url) as relations, relations.log.database.reading() as connection:
        assert relations.load("customer", "c1") == expected
        assert list(relations._executor.states.bad_snapshots(connection)) == []
        assert [each.is_older for each in stored_snapshots(relations.log.database, connection)] == [True]


def test_a_snapshot_of_another_version_of_the_state_is_ignored(database_url: str) -> None:
    with Relations.open(database_url, snapshot_every=10) as relations:
        relations.execute_many(purchase(i) for i in range(25))
        expected = relations.load("customer", "c1")
    # As if the form had changed: what is stored there can be decoded, and means something else.
    _store_snapshots(database_url, encode_state(AGGREGATES[1].decider.initial))
    newer = [replace(aggregate, state_version=aggregate.state_version + 1) for aggregate in AGGREGATES]
    with Relations(Log.open(database_url), aggregates=newer, snapshot_every=10) as relations:
        assert relations.load("customer", "c1") == expected
        relations.execute_many(purchase(i) for i in range(25, 40))
        version = next(each.state_version for each in newer if each.name == "customer")
        assert [topic for _, _, topic in _kept(relations)] == [f"customer:{version}"]
        assert len(relations.load("customer", "c1").purchases) == 40
    with Relations(Log.open(database_url), aggregates=newer) as relations:
        assert len(relations.load("customer", "c1").purchases) == 40


def test_no_words_of_a_person_in_snapshots_or_anywhere(database_url: str) -> None:
    with Relations.open(database_url, snapshot_every=3) as relations:
        relations.execute_many([*_busy_customer(10), complaint(1, text="secret words")])
        relations.catch_up()
        assert _kept(relations)
        assert b"secret words" not in database_bytes(database_url)
        assert b"Ada Lovelace" not in database_bytes(database_url)
        assert "secret words" in str(relations.history("c1"))
    if database_url.startswith("sqlite"):
        assert b"secret words" not in sqlite_bytes(database_url)


def test_threads_share_one_engine_in_memory() -> None:
    with Relations.open("sqlite://") as relations:
        relations.execute(register())
        stop = threading.Event()

        def read() -> int:
            seen = 0
            while not stop.is_set():
                seen = max(seen, len(list(relations.events())), len(relations.history("c1")))
                relations.catch_up()
            return seen

        def write(thread: int) -> None:
            for number in range(15):
                relations.execute(purchase(100 * thread + number))

        with ThreadPoolExecutor(5) as pool:
            readers = [pool.submit(read) for _ in range(2)]
            list(pool.map(write, range(3)))
            stop.set()
            assert all(reader.result() for reader in readers)
        assert_sound(relations, 47)


def test_events_can_be_walked_while_more_are_written() -> None:
    with Relations.open("sqlite://") as relations:
        relations.execute(register())
        for event in relations.events():
            if event.position < 10:
                relations.execute(purchase(event.position))
        assert_sound(relations)


def test_receipts_can_be_sent_elsewhere(relations: Relations) -> None:
    receipt = relations.execute(register())
    assert b"customer.registered" in msgspec.json.encode(receipt)
    assert Money.of(1, "EUR") == Money(100, "EUR")


@pytest.mark.parametrize(
    ("command", "instead"),
    [
        (
            ReceivePoints(
                customer="c1", transfer="t", source="c2", lots=(MovedLot("l", 9, 0, None, 0),), occurred_at=day(2)
            ),
            "TransferPoints",
        ),
        (RewardReferral(customer="c1", referral="f", referred="c2", occurred_at=day(2)), "MakeReferral"),
        (
            ReceiveAccount(customer="c1", merge="m", source="c2", holdings=Holdings(debt=-9), occurred_at=day(2)),
            "MergeCustomer",
        ),
        (EarnPoints(customer="c1", lot="remedy/k/m", points=9, reason="remedy", occurred_at=day(2)), "CarryOutRemedy"),
        (
            ReturnStock(programme="main", reward="mug", customer="c1", coupon="k", occurred_at=day(2)),
            "ReverseRedemption",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_what_only_follows_from_something_is_not_sent_by_itself(
    relations: Relations, command: Command, instead: str
) -> None:
    relations.execute(EnrolMember(customer="c1", occurred_at=day(1)))
    head = relations.status().position
    with pytest.raises(CommandRefused) as refused:
        relations.execute(command)
    assert (refused.value.code, refused.value.hint) == ("only_follows", f"Send {instead}")
    report = relations.execute_many([command])
    assert [rejection.error.code for rejection in report.rejections] == ["only_follows"]
    assert relations.status().position == head
    assert relations.load("loyalty", "c1").balance == 0
