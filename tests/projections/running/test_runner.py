"""Running projections: live, rebuilt, interrupted, poisoned, by several at once; on both databases."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

import pytest
from sqlalchemy import create_engine, inspect, select, text

from relations import Money, Policy, Relations
from relations.aggregates.complaint import ComplaintFiled
from relations.aggregates.customer import CustomerRegistered, PurchaseRecorded
from relations.errors import ConcurrencyConflict, ProjectionFailed
from relations.messages import Envelope
from relations.policies.calendars import local_time
from relations.projections import PROJECTIONS, CustomerRow, Projection, Rows, Runner, Tally, View
from relations.testing import simulate
from tests.support.making import (
    ON_POSTGRESQL_AND_BOTH_IN_SOAK,
    complaint,
    day,
    in_processes,
    killable,
    pipe,
    purchase,
    register,
    stored_as,
    tamper,
)


class Spent(CustomerRow, gc=False):
    table: ClassVar[str] = "spent"
    indexes: ClassVar[tuple[tuple[str, ...], ...]] = (("cents",),)
    cents: int = 0
    purchases: tuple[str, ...] = ()

    def absorb(self, other: Any) -> None:
        raise AssertionError("nobody is merged here")


class Months(Tally, gc=False):
    table: ClassVar[str] = "months"
    key: ClassVar[tuple[str, ...]] = ("month", "currency")
    month: str
    currency: str
    count: int = 0
    cents: int = 0


SPENDING = Projection("spending", 1, (Spent, Months))


@SPENDING.on(PurchaseRecorded)
def purchase_recorded(rows: Rows, event: PurchaseRecorded, at: Envelope) -> None:
    row = rows.need(Spent, at.customer)
    row.cents += event.amount.amount
    row.purchases = (*row.purchases, event.purchase)
    tally = rows.need(Months, rows.local.month(at.occurred_at), event.amount.currency)
    tally.count += 1
    tally.cents += event.amount.amount


class Known(CustomerRow, gc=False):
    table: ClassVar[str] = "known"
    source: str | None = None
    implicit: bool = False

    def absorb(self, other: Any) -> None:
        raise AssertionError("nobody is merged here")


KNOWN = Projection("known", 1, (Known,))


@KNOWN.on(CustomerRegistered)
def customer_registered(rows: Rows, event: CustomerRegistered, at: Envelope) -> None:
    row = rows.need(Known, at.customer)
    row.source, row.implicit = event.source, event.implicit


@KNOWN.on(ComplaintFiled)
def complaint_filed(rows: Rows, _event: ComplaintFiled, at: Envelope) -> None:
    rows.drop(Known, at.customer)


class SpendingView(View):
    projection = SPENDING


def spending_view(engine: Relations, refresh: Callable[[], None] = lambda: None) -> SpendingView:
    return SpendingView(replace(engine.view_context, refresh=lambda _projections, _until: refresh()))


def runner_of(relations: Relations, *projections: Projection, zone: str = "UTC") -> Runner:
    return Runner(relations.log, relations.codec, projections or (SPENDING, KNOWN), lambda: zone)


def poisoned(projection: Projection, name: str, error: BaseException | None = None) -> Projection:
    """The projection, but it cannot fold the purchase of this name."""

    def fold(rows: Rows, event: PurchaseRecorded, at: Envelope) -> None:
        purchase_recorded(rows, event, at)
        if event.purchase == name:
            raise error or KeyError(name)

    return replace(projection, folds={PurchaseRecorded: fold})


@pytest.fixture
def relations(database_url: str) -> Iterator[Relations]:
    with Relations.open(database_url) as opened:
        opened.execute_many(purchase(number, f"c{number % 3}") for number in range(1, 31))
        yield opened


def rows_of(relations: Relations, runner: Runner, row: type[Any] = Spent, name: str = "spending") -> list[Any]:
    table = runner._tables[name][row]
    with relations.log.database.reading() as connection:
        found = connection.execute(select(table.table).order_by(*table.table.primary_key.columns))
        return [table.decode(tuple(values)) for values in found]


def expected(runner: Runner, name: str = "spending", until: int | None = None) -> bytes:
    return runner.folded(runner.fold([name], until=until), name)


def table_names(url: str) -> set[str]:
    engine = create_engine(url)
    names = set(inspect(engine).get_table_names())
    engine.dispose()
    return names


# --- live -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [1, 4, 1000])
def test_live_is_the_fold_of_the_log(relations: Relations, batch: int) -> None:
    runner = runner_of(relations)
    runner.catch_up(batch=batch)
    assert [(row.customer, row.cents) for row in rows_of(relations, runner)] == [(f"c{i}", 100_000) for i in range(3)]
    assert sum(row.count for row in rows_of(relations, runner, Months)) == 30
    for name in ("spending", "known"):
        assert runner.stored(name) == expected(runner, name)
    status = {each.name: each for each in runner.status()}
    head = relations.status().position
    # The checkpoint is what was scanned, not the last that mattered.
    assert {each.position for each in status.values()} == {head}
    assert {each.behind for each in status.values()} == {0}


def test_live_goes_on_where_it_stood_and_no_further_than_asked(relations: Relations) -> None:
    runner = runner_of(relations)
    runner.catch_up(["spending"], until=10)
    assert runner.stored("spending") == expected(runner, until=10)
    status = {each.name: (each.position, each.behind) for each in runner.status()}
    head = relations.status().position
    assert status == {"spending": (10, head - 10), "known": (0, head)}
    relations.execute(complaint(1, "c1"))
    runner.catch_up()
    assert runner.stored("spending") == expected(runner)
    assert [row.customer for row in rows_of(relations, runner, Known, "known")] == ["c0", "c2"]
    runner.catch_up()
    assert runner.stored("known") == expected(runner, "known")


def test_a_projection_new_to_a_database_of_others_is_made(relations: Relations) -> None:
    relations.catch_up()
    runner = runner_of(relations)
    runner.catch_up()
    assert runner.stored("spending") == expected(runner)
    relations.catch_up()
    assert len(relations.status().projections) == len(PROJECTIONS)


def test_one_customers_rows_as_of_any_position(relations: Relations) -> None:
    runner = runner_of(relations)
    relations.execute(purchase(99, "c1.x"))
    relations.execute(purchase(98, "c"))
    for customer, cents in (("c1", 100_000), ("c1.x", 10_000), ("c", 10_000), ("nobody", None)):
        rows = runner.fold(["spending"], customer=customer).rows["spending"].tables[Spent]
        assert {key[0] for key in rows} == ({customer} if cents else set())
        assert [row.cents for row in rows.values()] == ([cents] if cents else [])
    assert runner.fold(["spending"], until=0).rows["spending"].tables[Spent] == {}


def _catch_up(url: str, batch: int) -> int:
    with Relations.open(url) as relations:
        runner = runner_of(relations)
        for _ in range(5):
            runner.catch_up(batch=batch)
        return runner.status()[0].position


def test_nothing_is_counted_twice_by_several_at_once(relations: Relations, database_url: str) -> None:
    head = relations.status().position
    assert in_processes(_catch_up, [(database_url, batch) for batch in (1, 2, 3)]) == [head] * 3
    runner = runner_of(relations)
    assert sum(row.count for row in rows_of(relations, runner, Months)) == 30
    assert runner.stored("spending") == expected(runner)


def test_threads_share_a_runner_while_more_is_appended(relations: Relations) -> None:
    runner = runner_of(relations)
    with ThreadPoolExecutor(4) as pool:
        writers: list[Future[Any]] = [
            pool.submit(relations.execute, purchase(number, "c5")) for number in range(100, 120)
        ]
        folding = [pool.submit(runner.catch_up, batch=3) for _ in range(6)]
        for each in (*writers, *folding):
            each.result()
    runner.catch_up()
    assert runner.stored("spending") == expected(runner)
    assert sum(row.count for row in rows_of(relations, runner, Months)) == 50


def test_views_read_what_was_written_just_now(relations: Relations) -> None:
    runner = runner_of(relations)
    view = spending_view(relations, lambda: runner.catch_up(["spending"]))
    for number in range(50, 53):
        relations.execute(purchase(number, "c9"))
        (row,) = view.rows(Spent, view.table(Spent).c.customer == "c9")
        assert row.purchases[-1] == f"p{number}"
        assert row.cents == 10_000 * (number - 49)


# --- poison ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [1, 7, 1000])
def test_poison_stops_only_its_projection_and_says_where(relations: Relations, batch: int) -> None:
    runner = runner_of(relations, poisoned(SPENDING, "p20"), KNOWN)
    bad = next(event for event in relations.events() if getattr(event.event, "purchase", "") == "p20")
    for _ in range(2):
        with pytest.raises(ProjectionFailed) as caught:
            runner.catch_up(batch=batch)
        assert (caught.value.projection, caught.value.position) == ("spending", bad.position)
        assert caught.value.stream == bad.stream
        spending, known = runner.status()
        assert (spending.failed_at, spending.failed_stream) == (bad.position, bad.stream)
        assert "KeyError: 'p20'" in str(spending.failure)
        assert spending.position == bad.position - 1
        assert (known.failure, known.behind) == (None, 0)
    # All before it is folded, the event itself left no trace, and the others went on.
    assert runner.stored("spending") == expected(runner_of(relations), until=bad.position - 1)
    assert runner.stored("known") == expected(runner, "known")
    healed = runner_of(relations)
    healed.catch_up()
    assert healed.stored("spending") == expected(healed)
    assert [each.failure for each in healed.status()] == [None, None]


def test_poison_first_or_last_or_twice(relations: Relations) -> None:
    for name in ("p1", "p30"):
        runner = runner_of(relations, poisoned(SPENDING, name))
        with pytest.raises(ProjectionFailed):
            runner.catch_up()
        bad = next(event for event in relations.events() if getattr(event.event, "purchase", "") == name)
        assert runner.stored("spending") == expected(runner_of(relations), until=bad.position - 1)
        assert runner.status()[0].position == bad.position - 1
    runner_of(relations).catch_up()


def test_a_body_that_nobody_can_read_stops_those_that_fold_it(relations: Relations, database_url: str) -> None:
    tamper(database_url, ("UPDATE relations_log SET body = ? WHERE position = 9", (b'{"purchase":7}',)))
    runner = runner_of(relations)
    with pytest.raises(ProjectionFailed) as caught:
        runner.catch_up()
    assert (caught.value.projection, caught.value.position) == ("spending", 9)
    spending, known = runner.status()
    assert (spending.position, known.behind) == (8, 0)
    tamper(database_url, "UPDATE relations_log SET schema = 9 WHERE position = 9")
    with pytest.raises(ProjectionFailed, match="schema 9"):
        runner.catch_up()


@pytest.mark.parametrize("how", ["overflow", "wrong type", "another customer"])
def test_a_row_that_cannot_be_written_is_poison_too(relations: Relations, how: str) -> None:
    """Every fault of a fold stops that projection alone, at its event, whenever it shows."""

    def fold(rows: Rows, event: PurchaseRecorded, at: Envelope) -> None:
        purchase_recorded(rows, event, at)
        if event.purchase == "p20":
            match how:
                case "overflow":
                    rows.need(Spent, at.customer).cents = 2**70
                case "wrong type":
                    rows.need(Spent, at.customer).cents = "many"  # type: ignore[assignment]
                case _:
                    rows.need(Spent, "somebody-else").cents += 1

    if how == "wrong type" and relations.log.database.is_sqlite:
        pytest.skip("SQLite takes any value in any column")
    runner = runner_of(relations, replace(SPENDING, folds={PurchaseRecorded: fold}), KNOWN)
    bad = next(event for event in relations.events() if getattr(event.event, "purchase", "") == "p20")
    for batch in (5, 1000):
        with pytest.raises(ProjectionFailed) as caught:
            runner.catch_up(batch=batch)
        assert (caught.value.position, caught.value.stream) == (bad.position, bad.stream)
        spending, known = runner.status()
        assert (spending.position, spending.failed_at, known.behind) == (bad.position - 1, bad.position, 0)
        assert runner.stored("spending") == expected(runner_of(relations), until=bad.position - 1)
        runner.reset("spending")


def test_a_fold_that_raises_what_decoding_raises_stops_only_its_own(relations: Relations) -> None:
    import msgspec

    runner = runner_of(
        relations, poisoned(SPENDING, "p20", msgspec.ValidationError("mine")), replace(SPENDING, name="other")
    )
    failures = runner.fold().failures
    assert set(failures) == {"spending"}


def test_a_rebuild_with_poison_leaves_the_old_tables_and_rebuilds_the_others(
    relations: Relations, database_url: str
) -> None:
    runner_of(relations).catch_up()
    before = table_names(database_url)
    runner = runner_of(relations, poisoned(SPENDING, "p20"), KNOWN)
    old = runner.stored("spending")
    tamper(database_url, f"DELETE FROM {stored_as('known_known', KNOWN)}")
    for shards in (1, 3):
        with pytest.raises(ProjectionFailed) as caught:
            runner.rebuild(shards=shards)
        assert caught.value.projection == "spending"
    assert runner.stored("spending") == old
    assert runner.stored("known") == expected(runner, "known")
    assert table_names(database_url) == before
    assert runner.status()[0].failure is not None
    with pytest.raises(ProjectionFailed):
        runner.rebuild(["spending"])
    # Verification does not call a view good that stands still.
    healthy = runner_of(relations)
    healthy.rebuild()
    assert [each.failure for each in healthy.status()] == [None, None]
    assert healthy.stored("spending") == old


@pytest.mark.parametrize(
    ("database_url", "processes", "shards"),
    [
        ("sqlite", 1, 1),
        ("sqlite", 1, 3),
        ("sqlite", 2, 2),
        ("postgresql", 1, 1),
        ("postgresql", 1, 3),
        pytest.param("postgresql", 2, 2, marks=pytest.mark.soak),
    ],
    indirect=["database_url"],
)
def test_of_several_poison_events_the_first_in_the_log_is_named(
    relations: Relations, processes: int, shards: int
) -> None:
    """Customers are folded one after the other, but people look for the event in the log."""
    names = frozenset({"p9", "p11", "p20", "p30"})  # of c0, c2, c2, c0
    poison = replace(SPENDING, folds={PurchaseRecorded: partial(_stumble, names)})
    runner = runner_of(relations, poison, KNOWN)
    with pytest.raises(ProjectionFailed) as caught:
        runner.rebuild(processes=processes, shards=shards)
    purchase_of = {event.position: getattr(event.event, "purchase", None) for event in relations.events()}
    assert purchase_of[caught.value.position] == "p9"
    live = runner_of(relations, poison)
    with pytest.raises(ProjectionFailed) as also:
        live.catch_up()
    assert (also.value.position, also.value.reason) == (caught.value.position, caught.value.reason)


def _stumble(names: frozenset[str], rows: Rows, event: PurchaseRecorded, at: Envelope) -> None:
    purchase_recorded(rows, event, at)
    if event.purchase in names:
        raise KeyError(event.purchase)


def test_rows_are_given_away_once_nothing_can_change_them() -> None:
    rows = Rows(SPENDING.tables, local_time("UTC"))
    for customer in ("a", "b", "c"):
        rows.need(Spent, customer).cents += 1
    rows.need(Months, "2024-01", "EUR").count += 3
    given = rows.complete("c")
    assert [row.customer for row in given[Spent]] == ["a", "b"]
    assert Months not in given, "what adds up goes on to the end"
    assert rows.complete("c") == {Spent: []}
    rows.need(Spent, "c").cents += 1
    last = rows.complete(None)
    assert [(row.customer, row.cents) for row in last[Spent]] == [("c", 2)]
    assert [row.count for row in last[Months]] == [3]
    assert not any(rows.tables.values())


def test_a_view_that_stands_still_is_no_good_view(relations: Relations) -> None:
    relations.runner = runner_of(relations, poisoned(SPENDING, "p20"), KNOWN)
    with pytest.raises(ProjectionFailed):
        relations.catch_up()
    found = relations.verify()
    assert [(problem.code, problem.view) for problem in found.problems] == [("projection_failed", "spending")]
    assert found.views == ["known", "spending"]  # up to where it stands
    relations.runner = runner_of(relations)
    relations.catch_up()
    relations.runner = runner_of(relations, poisoned(SPENDING, "p20"), KNOWN)
    with pytest.raises(ProjectionFailed):
        relations.rebuild(["spending"])
    assert not relations.verify().good


def test_rows_that_somebody_changed_are_found(relations: Relations, database_url: str) -> None:
    relations.runner = runner_of(relations)
    relations.catch_up()
    assert relations.verify().good
    tamper(database_url, f"UPDATE {stored_as('spending_spent', SPENDING)} SET cents = cents + 1 WHERE customer = 'c1'")
    found = relations.verify()
    assert [(problem.code, problem.view) for problem in found.problems] == [("view_differs", "spending")]
    relations.rebuild(["spending"])
    assert relations.verify().good


# --- rebuild --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("database_url", "processes", "shards"),
    [
        ("sqlite", 1, None),
        ("sqlite", 1, 5),
        ("sqlite", 2, 5),
        ("postgresql", 1, None),
        ("postgresql", 1, 5),
        ("postgresql", 2, None),
        pytest.param("sqlite", 2, None, marks=pytest.mark.soak),
        pytest.param("postgresql", 2, 5, marks=pytest.mark.soak),
    ],
    indirect=["database_url"],
)
def test_a_rebuild_is_the_fold_of_the_log(
    relations: Relations, database_url: str, processes: int, shards: int | None
) -> None:
    seen: list[tuple[int, int]] = []
    runner = runner_of(relations)
    runner.rebuild(processes=processes, shards=shards, on_progress=lambda done, all_of: seen.append((done, all_of)))
    for name in ("spending", "known"):
        assert runner.stored(name) == expected(runner, name)
    head = relations.status().position
    assert seen
    assert {all_of for _, all_of in seen} == {head}
    assert all(done <= head for done, _ in seen)
    assert [each.position for each in runner.status()] == [head, head]
    assert not any("__" in name for name in table_names(database_url))
    with relations.log.database.reading() as connection:
        indexes = inspect(connection).get_indexes(stored_as("spending_spent", SPENDING))
    assert [index["column_names"] for index in indexes] == [["cents"]]
    relations.execute(purchase(40))
    runner.catch_up()
    assert runner.stored("spending") == expected(runner)


@ON_POSTGRESQL_AND_BOTH_IN_SOAK
def test_every_view_that_ships_rebuilt_by_two_is_the_same(database_url: str) -> None:
    with Relations.open(database_url) as relations:
        relations.execute_many(simulate(seed=3, customers=12, months=6))
        relations.catch_up()
        live = {name: relations.runner.stored(name) for name in relations.runner.projections}
        relations.rebuild(processes=2, shards=3)
        assert {name: relations.runner.stored(name) for name in relations.runner.projections} == live
        assert sum(len(stored) > 100 for stored in live.values()) >= 5  # some views have nothing to show of so little
        assert relations.verify().good


class _Interrupted(BaseException):
    pass


def test_an_interrupted_rebuild_leaves_all_as_it_was(relations: Relations, database_url: str) -> None:
    runner = runner_of(relations)
    runner.catch_up()
    before, names = runner.stored("spending"), table_names(database_url)
    status = runner.status()

    def interrupt(_done: int, _all: int) -> None:
        raise _Interrupted

    for shards in (1, 4):
        with pytest.raises(_Interrupted):
            runner.rebuild(shards=shards, on_progress=interrupt)
        assert (runner.stored("spending"), table_names(database_url), runner.status()) == (before, names, status)
    relations.execute(purchase(50))
    runner.rebuild()
    assert runner.stored("spending") == expected(runner) != before
    assert table_names(database_url) == names


def _rebuild_and_hang(url: str, told: Any) -> None:
    with Relations.open(url) as relations:

        def hang(_done: int, _all: int) -> None:
            told.send("in the middle")
            time.sleep(60)

        runner_of(relations).rebuild(on_progress=hang)


def test_a_killed_rebuild_leaves_the_old_view_and_the_next_one_cleans_up(
    relations: Relations, database_url: str
) -> None:
    runner = runner_of(relations)
    runner.catch_up()
    before, names = runner.stored("spending"), table_names(database_url)
    near, far = pipe()
    killed = killable(_rebuild_and_hang, database_url, far)
    assert near.recv() == "in the middle"
    os.kill(killed.pid, signal.SIGKILL)
    killed.join()
    assert runner.stored("spending") == before
    assert table_names(database_url) > names
    relations.execute(purchase(50))
    runner.catch_up()
    assert runner.stored("spending") == expected(runner)
    runner.rebuild()
    assert runner.stored("spending") == expected(runner)
    assert table_names(database_url) == names


def test_what_comes_during_a_rebuild_is_in_it(relations: Relations) -> None:
    runner = runner_of(relations)
    runner.catch_up()
    numbers = iter(range(200, 300))

    def append(_done: int, _all: int) -> None:
        for number in (next(numbers), next(numbers)):
            relations.execute(purchase(number, f"c{number % 5}"))
        runner_of(relations).catch_up()

    head = relations.status().position
    runner.rebuild(shards=3, on_progress=append)
    assert relations.status().position > head
    assert runner.status()[0].behind == 0
    assert runner.stored("spending") == expected(runner)
    assert sum(row.count for row in rows_of(relations, runner, Months)) > 34


def test_much_that_comes_during_a_rebuild_is_in_it_too(relations: Relations, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relations.projections.running.rebuild._GAP_MAX", 3)
    monkeypatch.setattr("relations.projections.running.rebuild._LIVE_BATCH", 4)
    runner = runner_of(relations)
    done: list[Any] = []

    def append(_done: int, _all: int) -> None:
        if not done:
            done.append(relations.execute_many(purchase(number, "c7") for number in range(300, 330)))

    runner.rebuild(on_progress=append)
    assert runner.stored("spending") == expected(runner)
    assert runner.status()[0].behind == 0


def test_readers_see_all_of_the_old_or_all_of_the_new(relations: Relations, database_url: str) -> None:
    """Whoever reads while rebuilds switch sees every customer's row: never an empty table, never half of one."""
    runner = runner_of(relations)
    runner.catch_up()
    stop = threading.Event()

    def read(own: Relations) -> int:
        view = spending_view(own)
        count = 0
        while not stop.is_set():
            rows = view.rows(Spent)
            assert sorted(row.customer for row in rows) == ["c0", "c1", "c2"]
            assert sum(row.cents for row in rows) == 300_000
            count += 1
        return count

    with Relations.open(database_url) as other, ThreadPoolExecutor(2) as pool:
        reading = [pool.submit(read, own) for own in (relations, other)]
        try:
            for _ in range(6):
                runner.rebuild(["spending"])
        finally:
            stop.set()
        assert all(each.result() > 0 for each in reading)


def test_views_answer_while_their_engine_rebuilds(relations: Relations) -> None:
    """Also those of the same engine, which fold what is new before they answer."""
    runner = runner_of(relations)
    runner.catch_up()
    answered: list[int] = []

    def answer() -> None:
        runner.catch_up()
        answered.append(1)

    def ask(_done: int, _all: int) -> None:
        asking = threading.Thread(target=answer)
        asking.start()
        asking.join(10)

    runner.rebuild(on_progress=ask)
    assert answered


def test_of_two_rebuilds_at_once_the_later_wins_and_the_other_says_so(relations: Relations) -> None:
    one, other = runner_of(relations), runner_of(relations)
    one.catch_up()
    begun: list[bool] = []

    def overtake(_done: int, _all: int) -> None:
        if not begun:
            begun.append(True)
            other.rebuild(["spending"])

    with pytest.raises(ConcurrencyConflict):
        one.rebuild(["spending"], on_progress=overtake)
    assert begun
    assert one.stored("spending") == expected(one)
    relations.execute(purchase(60))
    one.catch_up()
    assert one.stored("spending") == expected(one)


def _rebuild(url: str, number: int) -> str:
    with Relations.open(url) as relations:
        runner = runner_of(relations)
        outcomes = set()
        for _ in range(3):
            try:
                runner.rebuild(shards=number)
                outcomes.add("rebuilt")
            except ConcurrencyConflict:
                outcomes.add("overtaken")
        return "+".join(sorted(outcomes))


def test_rebuilds_of_several_processes_end_well(relations: Relations, database_url: str) -> None:
    runner_of(relations).catch_up()
    names = table_names(database_url)
    outcomes = in_processes(_rebuild, [(database_url, number) for number in (1, 2, 3)])
    assert any("rebuilt" in outcome for outcome in outcomes)
    runner = runner_of(relations)
    runner.rebuild()
    assert runner.stored("spending") == expected(runner)
    assert table_names(database_url) == names


# --- a changed version, a changed zone ------------------------------------------------------------------------------


class SpentAnew(CustomerRow, gc=False):
    table: ClassVar[str] = "spent"
    euros: int = 0
    last: str | None = None

    def absorb(self, other: Any) -> None:
        raise AssertionError("nobody is merged here")


NEWER = Projection("spending", 2, (SpentAnew,))


@NEWER.on(PurchaseRecorded)
def purchase_recorded_anew(rows: Rows, event: PurchaseRecorded, at: Envelope) -> None:
    row = rows.need(SpentAnew, at.customer)
    row.euros += event.amount.amount // 100
    row.last = event.purchase


def test_a_changed_version_is_rebuilt_and_switched(relations: Relations) -> None:
    runner_of(relations).catch_up()
    newer = runner_of(relations, NEWER)
    newer.catch_up()
    assert newer.status()[0].version == 2
    assert newer.stored("spending") == expected(newer)
    assert [row.euros for row in rows_of(relations, newer, SpentAnew)] == [1000] * 3
    relations.execute(purchase(70, "c1"))
    newer.catch_up()
    assert newer.stored("spending") == expected(newer)


def test_a_changed_version_that_fails_leaves_the_old(relations: Relations) -> None:
    runner = runner_of(relations)
    runner.catch_up()
    before = runner.stored("spending")

    def fail(rows: Rows, event: PurchaseRecorded, at: Envelope) -> None:
        raise ZeroDivisionError

    newer = runner_of(relations, replace(NEWER, folds={PurchaseRecorded: fail}))
    for _ in range(2):
        with pytest.raises(ProjectionFailed, match="ZeroDivisionError"):
            newer.catch_up()
    assert runner.stored("spending") == before
    assert newer.status()[0].position == 2
    assert "ZeroDivisionError" in str(newer.status()[0].failure)


def test_a_changed_zone_is_rebuilt(database_url: str) -> None:
    at = day(0).replace(month=4, day=30, hour=23)
    with Relations.open(database_url) as relations:
        relations.adopt(Policy(zone="UTC"), from_beginning=True)
        relations.execute(purchase(1, occurred_at=at))
        relations.runner = Runner(relations.log, relations.codec, [SPENDING], lambda: relations.policy.zone)
        relations.catch_up()
        assert [row.month for row in rows_of(relations, relations.runner, Months)] == ["2024-04"]
        relations.adopt(Policy(zone="Europe/Vienna"), from_beginning=True)
        relations.catch_up()
        assert [row.month for row in rows_of(relations, relations.runner, Months)] == ["2024-05"]
        assert relations.verify().good


def _upgrade(url: str, _number: int) -> int:
    with Relations.open(url) as relations:
        runner = runner_of(relations, NEWER)
        for _ in range(20):
            try:
                runner.catch_up()
                break
            except ConcurrencyConflict:
                time.sleep(0.05)
        return runner.status()[0].version


def test_several_processes_find_a_changed_version_at_once(relations: Relations, database_url: str) -> None:
    runner_of(relations).catch_up()
    assert in_processes(_upgrade, [(database_url, number) for number in range(3)]) == [2, 2, 2]
    newer = runner_of(relations, NEWER)
    assert newer.stored("spending") == expected(newer)
    assert not any("__" in name for name in table_names(database_url))


# --- in memory ------------------------------------------------------------------------------------------------------


def test_all_of_it_in_memory_from_several_threads() -> None:
    with Relations.open("sqlite://") as relations:
        relations.execute(register())
        runner = runner_of(relations)
        works: list[Callable[[], Any]] = [
            lambda: [relations.execute(purchase(number)) for number in range(10)],
            lambda: [relations.execute(purchase(number, "c2")) for number in range(10)],
            runner.catch_up,
            runner.catch_up,
            lambda: runner.rebuild(processes=2, shards=2),
            lambda: runner.rebuild(["spending"]),
            lambda: [relations.verify() for _ in range(3)],
        ]
        with ThreadPoolExecutor(len(works)) as pool:
            for pending in [pool.submit(work) for work in works]:
                pending.result()
        runner.catch_up()
        assert runner.stored("spending") == expected(runner)
        assert sum(row.count for row in rows_of(relations, runner, Months)) == 20
        with relations.log.database.reading() as connection:
            assert connection.execute(text("SELECT count(*) FROM relations_log")).scalar() == 23
        assert Money(1, "EUR").amount == 1
