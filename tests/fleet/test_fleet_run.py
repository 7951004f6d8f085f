"""`relations fleet run` as a process: signals in a busy fleet, failures of one tenant, and a host's own events."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from itertools import count
from pathlib import Path

import pytest

from relations.aggregates import AGGREGATES
from relations.cli.exits import ExitCode
from relations.fleet import Fleet
from tests.cli.conftest import command_line, environment, has_taken, invoke
from tests.conftest import ROOT
from tests.operations.test_operations import EXTENSION
from tests.support import host
from tests.support.making import purchase, register

NAMES = ["amber", "birch", "cedar", "dune"]

HANGING = """
import time
from pathlib import Path
from relations.events import PurchaseRecorded
from relations.projections import Projection
from tests.support.host import Guests

PROJECTION = Projection(name="hanging", version=1, tables=(Guests,))
PROJECTIONS = (PROJECTION,)

@PROJECTION.on(PurchaseRecorded)
def recorded(rows, event, at):
    while not Path("over").exists():
        Path(f"hanging-{at.customer}").touch()
        time.sleep(0.01)
"""


@pytest.mark.parametrize(
    ("database", "ends"), [("sqlite", "in good order"), ("sqlite", "in the middle"), ("postgresql", "in the middle")]
)
def test_a_terminated_run_of_a_busy_fleet_ends_soon_and_loses_nothing(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: str, ends: str
) -> None:
    url = f"sqlite:///{tmp_path}/{{tenant}}.db"
    if database == "postgresql":
        url = request.getfixturevalue("postgres_url")
    (tmp_path / "extension.py").write_text(HANGING)
    monkeypatch.chdir(tmp_path)
    recorded, over = Counter[str](), threading.Event()

    with Fleet(url, max_open=len(NAMES), follow=False) as fleet, ThreadPoolExecutor(len(NAMES)) as writers:
        for name in NAMES:
            with fleet.engine(name, create=True) as engine:
                engine.execute(register(name))
                engine.execute(purchase(0, name))

        def write(name: str) -> None:
            for number in count(1):
                if over.wait(0.05):
                    return
                with fleet.engine(name) as engine:
                    recorded[name] += len(engine.execute(purchase(number, name)).events)

        command = ("--with", "extension", "fleet", "run", "-d", url, "--threads", 2, "--json")
        grace = 60 if ends == "in good order" else 0.1
        try:
            with subprocess.Popen(
                command_line(*command, "--grace", grace),
                env=environment(PYTHONPATH=str(ROOT)), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            ) as process:  # fmt: skip
                while len(list(tmp_path.glob("hanging-*"))) < 2:
                    assert process.poll() is None
                    time.sleep(0.01)
                busy = [path.name.removeprefix("hanging-") for path in tmp_path.glob("hanging-*")]
                writing = [writers.submit(write, name) for name in NAMES]
                while sum(recorded.values()) < 6:
                    time.sleep(0.01)
                process.send_signal(signal.SIGTERM)
                while not has_taken(process, signal.SIGTERM):
                    time.sleep(0.01)
                if ends == "in good order":
                    Path("over").touch()
                out, err = process.communicate(timeout=60)
            Path("over").touch()
        finally:
            over.set()
        for each in writing:
            each.result()
        assert b"Traceback" not in err
        if ends == "in good order":
            assert process.returncode == 0
            done = json.loads(out)["tenants"]
            assert sorted(each["tenant"] for each in done) == sorted(busy), "no other tenant was begun"
        else:
            assert process.returncode == ExitCode.INTERRUPTED
            assert b"Ended in the middle of its work" in err
            assert len(list(tmp_path.glob("hanging-*"))) == 2
        assert min(recorded.values()) > 0
        for name in NAMES:
            with fleet.engine(name) as engine:
                assert engine.status().position == 3 + recorded[name]
    again = invoke("--with", "extension", "fleet", "run", "-d", url, "--once", "--json")
    assert (again.code, again.json["problems"]) == (0, 0)
    states = invoke("--with", "extension", "fleet", "status", "-d", url, "--json").json["tenants"]
    assert {view["behind"] for each in states for view in each["result"]["projections"]} == {0}
    assert invoke("--with", "extension", "fleet", "verify", "-d", url, "--json").json["problems"] == 0


def test_a_fleet_without_a_log_is_named_as_such(tmp_path: Path) -> None:
    shown = invoke("fleet", "status", "-d", tmp_path / "typo" / "{tenant}.db")
    assert (shown.code, shown.out.split(".")[0]) == (0, "No tenant has a log there")


def test_the_failure_of_a_tenant_is_reported_when_it_begins(tmp_path: Path) -> None:
    with Fleet(f"sqlite:///{tmp_path}/{{tenant}}.db") as fleet:
        for name in NAMES:
            fleet.create(name)
    (tmp_path / "birch.db").write_bytes(b"no database at all" * 100)
    with subprocess.Popen(
        command_line("fleet", "run", "-d", tmp_path / "{tenant}.db", "--every", 0.1, "--json"),
        env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stderr is not None
        assert b"Stop with Ctrl-C" in process.stderr.readline()
        assert process.stderr.readline().startswith(b"birch: ")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == ExitCode.PROBLEMS
    assert json.loads(out)["problems"] == 1
    assert b"birch" not in err, "it is reported once"


def test_a_running_fleet_goes_on_after_a_restart_of_the_server(
    postgres_url: str, postgres_restart: Callable[[], AbstractContextManager[None]]
) -> None:
    with Fleet(postgres_url) as fleet:
        fleet.create("amber")
    process = subprocess.Popen(
        command_line("fleet", "run", "-d", postgres_url, "--every", 0.2, "--json"),
        env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    assert b"Stop with Ctrl-C" in process.stderr.readline()
    with postgres_restart():
        line = process.stderr.readline()  # perhaps first that a tenant lost its connection
        while b"Trying again until the database answers." not in line:
            assert line, "it has ended"
            line = process.stderr.readline()
    with Fleet(postgres_url) as fleet, fleet.engine("amber") as engine:
        engine.execute(register())
        while any(view.behind for view in engine.status().projections):
            assert process.poll() is None
            time.sleep(0.05)
    process.terminate()
    out, err = process.communicate(timeout=60)
    assert (process.returncode, json.loads(out)["problems"]) == (0, 0)
    assert b"Traceback" not in err


def test_a_fleet_of_logs_with_a_hosts_own_events_is_good_with_its_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "restaurant.py").write_text(EXTENSION)
    monkeypatch.chdir(tmp_path)
    aggregates = (*AGGREGATES, host.AGGREGATE)
    with (
        Fleet(f"sqlite:///{tmp_path}/{{tenant}}.db", aggregates=aggregates) as fleet,
        fleet.engine("amber", create=True) as engine,
    ):
        engine.execute(host.ReserveTable(table="t1", customer="c1", guests=2, occurred_at=purchase().occurred_at))
    assert invoke("fleet", "verify", "-d", "{tenant}.db").code == ExitCode.PROBLEMS
    own = ("--with", "restaurant", "fleet")
    assert invoke(*own, "run", "-d", "{tenant}.db", "--once", "--json").json["problems"] == 0
    assert invoke(*own, "rebuild", host.PROJECTION.name, "-d", "{tenant}.db").code == 0
    assert invoke(*own, "verify", "-d", "{tenant}.db").code == 0
