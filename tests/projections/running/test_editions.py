"""Editions of a projection: each version, with each release of time zone data, has tables of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from relations.engine import Relations
from relations.messages import Envelope
from relations.policies.calendars import zone_data_version
from relations.projections import Projection, Rows, Runner
from relations.projections.running import checkpoints as checkpoints_module
from relations.projections.running.checkpoints import now_micros
from relations.projections.running.rebuild_tokens import has_ended, new_token
from tests.projections.running.test_runner import KNOWN, NEWER, SPENDING, expected, runner_of, table_names
from tests.support.making import killable, pipe, purchase, stored_as

DAY = 86_400_000_000


class CountingRunner(Runner):
    """A runner that counts its rebuilds and its steps."""

    rebuilds = 0
    steps = 0

    def rebuild(self, *args: Any, **kwargs: Any) -> None:
        self.rebuilds += 1
        super().rebuild(*args, **kwargs)

    def _step_together(self, *args: Any) -> None:
        self.steps += 1
        super()._step_together(*args)


@pytest.fixture
def engine(database_url: str) -> Iterator[Relations]:
    with Relations.open(database_url) as opened:
        opened.execute_many(purchase(number, f"c{number % 3}") for number in range(1, 13))
        yield opened


def counting(engine: Relations, projections: Sequence[Projection]) -> CountingRunner:
    return CountingRunner(engine.log, engine.codec, projections, lambda: "UTC")


def change(engine: Relations, statement: str) -> None:
    with engine.log.database.transaction() as connection:
        connection.execute(text(statement))


def test_two_versions_in_a_rolling_upgrade_do_not_rebuild_each_other(engine: Relations) -> None:
    older, newer = counting(engine, [SPENDING]), counting(engine, [NEWER])
    for number in range(20, 30):
        engine.execute(purchase(number, "c1"))
        for runner in (older, newer):
            runner.catch_up()
            assert runner.stored("spending") == expected(runner)
    assert (older.rebuilds, newer.rebuilds) == (0, 0)
    assert older.steps == newer.steps == 10
    assert older.stored("spending") != newer.stored("spending")


def test_an_older_version_is_retired_once_nobody_has_folded_it_for_a_day(engine: Relations, database_url: str) -> None:
    runner_of(engine, SPENDING).catch_up()
    old = stored_as("spending_spent", SPENDING)
    runner_of(engine, NEWER).catch_up()
    assert old in table_names(database_url)
    change(engine, f"UPDATE relations_views SET folded_at = folded_at - {DAY + 1}")
    # Neither an older process nor the same one retires what is newer or in use.
    runner_of(engine, SPENDING).catch_up()
    assert stored_as("spending_spent", NEWER) in table_names(database_url)
    assert old in table_names(database_url)
    newer = runner_of(engine, NEWER)
    newer.catch_up()
    assert old not in table_names(database_url)
    assert newer.stored("spending") == expected(newer)
    # Whoever still runs the older version gets its tables again.
    older = runner_of(engine, SPENDING)
    older.catch_up()
    assert older.stored("spending") == expected(older)


def test_a_running_process_makes_its_retired_tables_again(engine: Relations) -> None:
    older = runner_of(engine, SPENDING)
    older.catch_up()
    change(engine, f"UPDATE relations_views SET folded_at = folded_at - {DAY + 1}")
    runner_of(engine, NEWER).catch_up()
    engine.execute(purchase(40, "c1"))
    older.catch_up()
    assert older.stored("spending") == expected(older)


def test_rows_made_with_other_time_zone_data_are_reported_and_never_mixed(
    engine: Relations, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.runner = runner_of(engine)
    here = zone_data_version()
    with monkeypatch.context() as elsewhere:
        for module in ("checkpoints", "runner"):
            name = f"relations.projections.running.{module}.zone_data_version"
            elsewhere.setattr(name, lambda: "2020b")
        engine.runner = runner_of(engine)
        engine.catch_up()
        assert engine.verify().good
    engine.runner = runner_of(engine)
    found = engine.verify()
    assert {(each.code, each.view) for each in found.problems} == {
        ("view_outdated", "spending"),
        ("view_outdated", "known"),
    }
    assert f"with time zone data 2020b; here is version 1 with {here}" in found.problems[0].reason
    engine.rebuild()
    assert engine.verify().good
    assert engine.runner.stored("spending") == expected(engine.runner)


def test_a_database_of_a_release_in_which_versions_shared_their_tables_opens(
    engine: Relations, database_url: str
) -> None:
    change(engine, "CREATE TABLE relations_projections (name TEXT PRIMARY KEY, version BIGINT, position BIGINT)")
    change(engine, "CREATE TABLE spending_spent (customer TEXT PRIMARY KEY)")
    runner = runner_of(engine)
    runner.catch_up()
    assert runner.stored("spending") == expected(runner)
    assert not {"relations_projections", "spending_spent"} & table_names(database_url)


# --- what an ended rebuild leaves -----------------------------------------------------------------------------------


def _hang(url: str, told: Any) -> None:
    with Relations.open(url) as engine:

        def hang(_done: int, _all: int) -> None:
            told.send("in the middle")
            time.sleep(60)

        runner_of(engine).rebuild(on_progress=hang)


def test_the_tables_of_a_killed_rebuild_are_removed_by_the_next_catch_up(engine: Relations, database_url: str) -> None:
    runner_of(engine).catch_up()
    names = table_names(database_url)
    near, far = pipe()
    killed = killable(_hang, database_url, far)
    assert near.recv() == "in the middle"
    os.kill(killed.pid, signal.SIGKILL)
    killed.join()
    assert table_names(database_url) > names
    runner_of(engine).catch_up()  # its process has ended, as this machine knows
    assert table_names(database_url) == names


@pytest.mark.parametrize("whose", ["another machine's", "one that lives"])
def test_tables_of_a_rebuild_that_may_be_alive_are_left_until_it_is_silent(
    engine: Relations, database_url: str, whose: str
) -> None:
    runner_of(engine).catch_up()
    names = table_names(database_url)
    token = "beef12341" if whose == "another machine's" else new_token()
    change(engine, f"UPDATE relations_views SET rebuild = '{token}', rebuild_at = {now_micros()} WHERE name = 'known'")
    (table,) = [name for name in names if name.startswith("known_")][:1]
    change(engine, f"CREATE TABLE {table}__{token} (n integer)")
    runner_of(engine).catch_up()
    assert table_names(database_url) == {*names, f"{table}__{token}"}
    change(engine, "UPDATE relations_views SET rebuild_at = rebuild_at - 60000001 WHERE rebuild IS NOT NULL")
    runner_of(engine).catch_up()
    assert table_names(database_url) == names


def test_a_token_says_whether_its_process_has_ended() -> None:
    token = new_token()
    assert len(token) <= 16
    assert not has_ended(token)
    ended = subprocess.Popen(["/bin/true"])
    ended.wait()
    assert has_ended(f"{token[:8]}{ended.pid:x}") is Path("/proc/self/ns/pid").exists()
    for other in ("ab12cd34", "", f"{token[:8]}zz", f"{token[:8]}{10**30:x}"):
        assert not has_ended(other)


def slowly(rows: Rows, event: Any, at: Envelope) -> None:
    Path(os.environ["WORKERS"], str(os.getpid())).touch()
    time.sleep(60)


def _rebuild_slowly(url: str, told: Any) -> None:
    with Relations.open(url) as engine:
        told.send("begun")
        slow = replace(KNOWN, folds=dict.fromkeys(KNOWN.folds, slowly))
        runner_of(engine, slow).rebuild(processes=2, shards=3)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks at processes as Linux shows them")
def test_workers_end_with_the_process_that_started_them(
    engine: Relations, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "sqlite" not in database_url:
        pytest.skip("the workers are the same on any database")
    monkeypatch.setenv("WORKERS", str(tmp_path / "workers"))
    (tmp_path / "workers").mkdir()
    near, far = pipe()
    parent = killable(_rebuild_slowly, database_url, far)
    assert near.recv() == "begun"

    def workers() -> list[int]:
        return [int(found.name) for found in (tmp_path / "workers").iterdir()]

    _until(lambda: len(workers()) == 2)
    assert parent.pid not in workers()
    assert all(_runs(worker) for worker in workers())
    os.kill(parent.pid, signal.SIGKILL)
    parent.join()
    _until(lambda: not any(_runs(worker) for worker in workers()))


def _runs(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _until(is_so: Any) -> None:
    """Wait for what must come about; a test that waits in vain is ended by its own failure."""
    for _ in range(600):
        if is_so():
            return
        time.sleep(0.05)
    raise AssertionError("it did not come about in 30 seconds")


# --- one answer, one state ------------------------------------------------------------------------------------------


def test_an_answer_does_not_chase_a_growing_log(engine: Relations) -> None:
    class Chased(CountingRunner):
        def _step_together(self, *args: Any) -> None:
            super()._step_together(*args)
            engine.execute_many([purchase(100 + self.steps, "c2")])

    runner = Chased(engine.log, engine.codec, [SPENDING], lambda: "UTC")
    head = engine.status().position
    runner.catch_up(batch=5)
    assert runner.status()[0].position == head
    assert runner.steps == -(-head // 5)
    assert engine.status().position > head
    assert checkpoints_module.checkpoints.name == "relations_views"
