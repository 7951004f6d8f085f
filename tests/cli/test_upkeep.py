from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from relations import RegisterCustomer, Relations
from relations.cli.exits import ExitCode
from relations.errors import StoreError
from relations.projections import PROJECTIONS, satisfaction
from tests.cli.conftest import Run, command_line, environment, has_taken, invoke
from tests.conftest import ROOT
from tests.support.making import complaint, stored_as


def tamper(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def head(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        found: int = connection.execute("SELECT max(position) FROM relations_log").fetchone()[0]
        return found


RESPONDENTS = stored_as("satisfaction_respondent", satisfaction.PROJECTION)
ALLOW = ("DROP TRIGGER relations_log_no_update", "DROP TRIGGER relations_log_no_delete")


def test_status_shows_the_head_and_every_view(run: Run, hotel: Path) -> None:
    document = run("status", "-d", hotel, "--json").json
    assert document["position"] == head(hotel) > 500
    assert {view["name"] for view in document["projections"]} == {view.name for view in PROJECTIONS}
    shown = run("status", "-d", hotel)
    assert shown.code == 0
    assert document["digest"] in shown.out
    assert "up to date" in shown.out


def test_verify_prints_what_proves_the_log(run: Run, hotel: Path) -> None:
    shown = run("verify", "-d", hotel)
    assert shown.code == 0
    document = run("verify", "-d", hotel, "--json").json
    assert document["good"] is True
    assert document["events"] == document["position"] == head(hotel)
    assert f"position {document['position']}" in shown.out
    assert document["digest"] in shown.out


def test_one_changed_byte_of_the_file_is_found_and_its_position_named(run: Run, hotel: Path) -> None:
    with closing(sqlite3.connect(hotel)) as connection:
        position, body = connection.execute(
            "SELECT position, body FROM relations_log WHERE topic = 'customer.purchase_recorded' AND position > 100"
        ).fetchone()
    file = hotel.read_bytes()
    assert file.count(body) == 1
    place = file.index(body) + body.index(b'"amount":[') + len(b'"amount":[')
    hotel.write_bytes(file[:place] + (b"9" if file[place : place + 1] != b"9" else b"8") + file[place + 1 :])
    changed = run("verify", "-d", hotel)
    assert changed.code == 1
    assert f"The first bad position is {position}." in changed.out
    document = run("verify", "-d", hotel, "--json").json
    assert document["good"] is False
    assert document["problems"][0]["code"] == "chain_broken"
    assert document["problems"][0]["position"] == position


def test_a_missing_row_is_found(run: Run, hotel: Path) -> None:
    tamper(hotel, *ALLOW, "DELETE FROM relations_log WHERE position = 77")
    broken = run("verify", "-d", hotel)
    assert broken.code == 1
    assert "The first bad position is 77." in broken.out


def test_an_unknown_topic_is_found_and_stops_the_views_with_its_position(run: Run, hotel: Path) -> None:
    tamper(hotel, *ALLOW, "UPDATE relations_log SET topic = 'customer.teleported' WHERE position = 99")
    document = run("verify", "-d", hotel, "--json").json
    assert {("chain_broken", 99), ("unknown_topic", 99)} <= {
        (problem["code"], problem["position"]) for problem in document["problems"]
    }


def test_a_view_that_differs_from_its_refold_is_found_and_rebuilt(run: Run, hotel: Path) -> None:
    tamper(hotel, f"UPDATE {RESPONDENTS} SET erased_at = 1")
    differs = run("verify", "-d", hotel)
    assert differs.code == 1
    assert "view_differs" in differs.out
    assert "relations rebuild" in differs.out
    rebuilt = run("rebuild", "satisfaction", "-d", hotel, "--json")
    assert rebuilt.code == 0
    assert rebuilt.json["views"] == ["satisfaction"]
    assert run("verify", "-d", hotel).code == 0


def test_verify_changes_nothing_and_runs_where_nothing_can_be_changed(run: Run, hotel: Path) -> None:
    with Relations.open(f"sqlite:///{hotel}", follow=False) as engine:
        engine.execute(RegisterCustomer(customer="late", occurred_at=datetime(2025, 12, 31, tzinfo=UTC)))
        engine.log.database.enable_wal()
    kept = {file.name: file.read_bytes() for file in hotel.parent.glob(f"{hotel.name}*")}
    found = run("verify", "-d", hotel, "--json")
    assert (found.code, found.json["events"]) == (0, head(hotel))
    assert {file.name: file.read_bytes() for file in hotel.parent.glob(f"{hotel.name}*")} == kept
    hotel.chmod(0o400)
    hotel.parent.chmod(0o500)
    try:
        assert run("verify", "-d", hotel).code == 0
    finally:
        hotel.parent.chmod(0o700)


@pytest.mark.parametrize("command", ["verify", "rebuild"])
@pytest.mark.parametrize("whose", ["somebody else's", "a newer version's"])
def test_a_database_that_is_not_ours_is_left_as_it_is(run: Run, hotel: Path, command: str, whose: str) -> None:
    if whose == "a newer version's":
        tamper(hotel, "UPDATE relations_meta SET value = '99' WHERE name = 'format'")
    else:
        hotel.unlink()
        tamper(hotel, "CREATE TABLE guests (name TEXT)")
    kept = hotel.read_bytes()
    ran = run(command, "-d", hotel)
    assert ran.code == (5 if whose == "a newer version's" else 4)
    assert hotel.read_bytes() == kept


def test_views_are_rebuilt_over_processes_and_in_shards(run: Run, hotel: Path) -> None:
    rebuilt = run("rebuild", "-d", hotel, "--processes", 2, "--shards", 5)
    assert rebuilt.code == 0
    assert all(view.name in rebuilt.out for view in PROJECTIONS)
    assert run("verify", "-d", hotel).code == 0


def test_an_unknown_view_is_refused_with_those_there_are(run: Run, hotel: Path) -> None:
    refused = run("rebuild", "happiness", "-d", hotel)
    assert refused.code == 2
    assert all(view.name in refused.err for view in PROJECTIONS)


def test_run_brings_views_up_to_date_and_lets_time_pass(run: Run, hotel: Path) -> None:
    before = head(hotel)
    done = run("run", "-d", hotel, "--once", "--advance-time", "--json")
    assert done.code == 0
    assert done.json["executed"] > 0
    assert done.json["position"] == head(hotel) > before
    assert run("run", "-d", hotel, "--once", "--advance-time", "--json").json["executed"] == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_run_follows_the_log_until_it_is_told_to_stop(run: Run, hotel: Path, number: signal.Signals) -> None:
    process = subprocess.Popen(
        command_line("run", "-d", hotel, "--json"), env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    assert b"Stop with Ctrl-C" in process.stderr.readline()
    before = head(hotel)
    with Relations.open(f"sqlite:///{hotel}", follow=False) as engine:
        engine.execute(RegisterCustomer(customer="late", occurred_at=datetime(2025, 12, 31, tzinfo=UTC)))
        while {view.position for view in engine.status().projections} != {before + 1}:
            assert process.poll() is None
            time.sleep(0.01)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert b'"folded":1' in out
    assert b"Traceback" not in err


HANGING = """
import time
from pathlib import Path
from relations.events import CustomerRegistered
from relations.projections import Projection
from tests.support.host import Guests

PROJECTION = Projection(name="hanging", version=1, tables=(Guests,))
PROJECTIONS = (PROJECTION,)

@PROJECTION.on(CustomerRegistered)
def registered(rows, event, at):
    if not Path("over").exists():
        Path("hanging").touch()
        time.sleep(60)
"""


def test_run_ends_in_the_middle_of_a_fold_that_takes_long_and_loses_nothing(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log.db"
    (tmp_path / "extension.py").write_text(HANGING)
    monkeypatch.chdir(tmp_path)
    with Relations.open(f"sqlite:///{log}", follow=False) as engine:
        engine.execute(RegisterCustomer(customer="c1", occurred_at=datetime(2025, 12, 31, tzinfo=UTC)))
    process = subprocess.Popen(
        command_line("--with", "extension", "run", "-d", log, "--grace", 0.1),
        env=environment(PYTHONPATH=str(ROOT)), stderr=subprocess.PIPE,
    )  # fmt: skip
    while not Path("hanging").exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.terminate()
    _, err = process.communicate(timeout=60)
    assert process.returncode == ExitCode.INTERRUPTED
    assert b"Ended in the middle of its work" in err
    assert b"Traceback" not in err
    Path("over").touch()
    assert run("--with", "extension", "run", "-d", log, "--once").code == 0
    assert run("--with", "extension", "verify", "-d", log, "--json").json["good"] is True


def test_run_survives_a_restart_of_the_server(
    postgres_url: str, postgres_restart: Callable[[], AbstractContextManager[None]]
) -> None:
    def positions() -> set[int]:
        with Relations.open(postgres_url, access="read", follow=False) as engine:
            return {view.position for view in engine.status().projections}

    def until(position: int) -> None:
        while positions() != {position}:
            assert process.poll() is None
            time.sleep(0.01)

    with Relations.open(postgres_url) as engine:
        engine.execute(RegisterCustomer(customer="before", occurred_at=datetime(2025, 12, 31, tzinfo=UTC)))
        position = engine.status().position
    process = subprocess.Popen(
        command_line("run", "-d", postgres_url, "--advance-time", "--every", "1", "--json"),
        env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    until(position)
    assert process.stderr is not None
    assert b"Stop with Ctrl-C" in process.stderr.readline()
    with postgres_restart():
        line = process.stderr.readline()
        while b"Trying again until the database answers." not in line:
            assert line, "it has ended"
            line = process.stderr.readline()
    with Relations.open(postgres_url) as engine:
        engine.execute(RegisterCustomer(customer="after", occurred_at=datetime(2025, 12, 31, tzinfo=UTC)))
    until(position + 1)
    process.terminate()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert json.loads(out)["position"] == position + 1
    assert b"Traceback" not in err


def test_an_engine_goes_on_after_a_restart_and_says_what_was_not_recorded(
    postgres_url: str, postgres_restart: Callable[[], AbstractContextManager[None]]
) -> None:
    with Relations.open(postgres_url) as engine:
        first, second = (
            RegisterCustomer(customer=name, occurred_at=datetime(2025, 12, 31, tzinfo=UTC), command_id=name)
            for name in ("a", "b")
        )
        engine.execute(first)
        with postgres_restart():
            for ask in (lambda: engine.execute(second), engine.status, engine.views.desk.load):
                with pytest.raises(StoreError) as failed:
                    ask()
                assert failed.value.code in ("connection_lost", "database_unreachable")
                assert failed.value.hint
        assert engine.execute(first).repeated
        assert engine.execute(second).position == engine.status().position
        assert engine.verify().good


FITTING = """
import time
from pathlib import Path
from relations import Relations
from tests.support import host

AGGREGATES = (host.AGGREGATE,)
_fit, _find = Relations._fit, Relations.refit_rules

def fit(self, *arguments):
    Path("fitting").touch()
    while not Path("over").exists():
        time.sleep(0.01)
    return _fit(self, *arguments)

def find(self, moment):
    Path("finding").touch()
    return _find(self, moment)

Relations._fit, Relations.refit_rules = fit, find
"""


@pytest.mark.parametrize("ends", ["in good order", "in the middle"])
def test_a_terminated_run_ends_soon_even_while_a_model_is_fitted(
    program: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends: str
) -> None:
    """Commands that fell due are recorded before. A fit that ends in time is finished, and no other one begins."""
    (tmp_path / "extension.py").write_text(FITTING)
    monkeypatch.chdir(tmp_path)
    log = tmp_path / "log.db"
    with Relations.open(f"sqlite:///{log}") as engine:
        engine.execute(complaint())
        before = engine.status().position
    arguments = ("--with", "extension", "run", "-d", log, "--advance-time", "--json")
    grace = 60 if ends == "in good order" else 0.1
    with subprocess.Popen(
        command_line(*arguments, "--grace", grace),
        env=environment(PYTHONPATH=str(ROOT)), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        while not Path("fitting").exists():
            assert process.poll() is None
            time.sleep(0.01)
        recorded = head(log)
        assert recorded > before, "the missed deadlines"
        process.terminate()
        while not has_taken(process, signal.SIGTERM):
            time.sleep(0.01)
        if ends == "in good order":
            Path("over").touch()
        out, err = process.communicate(timeout=60)
    assert b"Traceback" not in err
    if ends == "in good order":
        assert process.returncode == 0, err
        assert json.loads(out)["executed"] == recorded - before
    else:
        assert process.returncode == ExitCode.INTERRUPTED
        assert b"Ended in the middle of its work" in err
    assert not Path("finding").exists()
    assert head(log) == recorded
    assert invoke("verify", "-d", log).code == 0
    Path("over").touch()
    again = program(*arguments, "--once")  # not in this process: the module changes the engine
    assert (again.code, again.json["executed"], head(log)) == (0, 0, recorded)


def test_a_poison_event_is_reported_and_shown_by_status(run: Run, hotel: Path) -> None:
    tamper(
        hotel,
        *ALLOW,
        "UPDATE relations_log SET body = CAST('{' AS BLOB) WHERE topic = 'customer.feedback_given' AND position = "
        "(SELECT max(position) FROM relations_log WHERE topic = 'customer.feedback_given')",
        "UPDATE relations_views SET position = 0 WHERE name = 'satisfaction'",
        f"DELETE FROM {RESPONDENTS}",
    )
    stopped = run("run", "-d", hotel, "--once")
    assert stopped.code == 1
    assert "projection_failed" in stopped.err
    status = run("status", "-d", hotel)
    assert status.code == 1
    assert "stopped at position" in " ".join(status.out.split())
    report = run("report", "satisfaction", "-d", hotel)
    assert report.code == 1
    assert "relations rebuild" in report.err


def test_log_lines_appear_when_asked_for_and_only_then(run: Run, hotel: Path) -> None:
    quiet = run("run", "-d", hotel, "--once")
    loud = run("demo", "-d", hotel, "--guests", 5, "-v", "--json")
    assert "level=" not in quiet.err
    assert loud.code == 0
    assert loud.json["recorded"]["events"] > 0


def test_a_digest_that_was_noted_down_is_compared(run: Run, hotel: Path) -> None:
    lines = run("export", "-d", hotel, "--until", 7).out.splitlines()
    event = json.loads(lines[-1])
    noted = f"{event['position']}:{event['digest']}"
    good = run("verify", "-d", hotel, "--expect", noted, "--expect", noted[:12], "--json")
    assert (good.code, good.json["good"], good.json["problems"]) == (0, True, [])
    for wrong in (f"6:{event['digest']}", f"999999:{event['digest']}"):
        ran = run("verify", "-d", hotel, "--expect", wrong)
        assert ran.code == 1
        assert "not_as_noted" in ran.out
    assert run("verify", "-d", hotel, "--expect", "seven").code == 2


def test_a_report_says_that_a_view_is_stopped(run: Run, hotel: Path) -> None:
    tamper(
        hotel,
        "UPDATE relations_views SET failure = 'planted', failed_at = 3, failed_stream = 'customer-x' "
        "WHERE name = 'satisfaction'",
    )
    ran = run("report", "retention", "-d", hotel)
    assert "satisfaction is stopped at position 3" in ran.err


def test_an_option_of_health_without_it_is_refused(run: Run, hotel: Path) -> None:
    refused = run("run", "-d", hotel, "--max-lag", 5, "--once", "--json")
    assert refused.json["error"]["code"] == "unsuitable_option"
    assert "--health" in refused.err
