"""The program under test, in this process and in one of its own; and a small demo's database for whoever reads."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from typer.testing import CliRunner

from relations.cli.app import app

GUESTS = "60"
LAST_DAY = "2025-12-31"
"""The last day of the demo's history, so that tests can name days in it."""


class Ran(NamedTuple):
    """How a run of the program ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document on stdout."""
        return json.loads(self.out)


Run = Callable[..., Ran]


def invoke(*arguments: object, **environment: str) -> Ran:
    result = CliRunner().invoke(app, [str(each) for each in arguments], env={"COLUMNS": "80", **environment})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Ran(result.exit_code, result.stdout, result.stderr)


@pytest.fixture
def run() -> Run:
    """Runs the program in this process."""
    return invoke


def command_line(*arguments: object) -> list[str]:
    return [sys.executable, "-c", "from relations.cli import main; main()", *map(str, arguments)]


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RELATIONS_")}
    return {**kept, "COLUMNS": "80", "PYTHONUTF8": "1", **more}


@pytest.fixture
def program() -> Run:
    """Runs the program in a process of its own."""

    def start(*arguments: object, cwd: Path | None = None, **more: str) -> Ran:
        done = subprocess.run(
            command_line(*arguments), cwd=cwd, env=environment(**more), capture_output=True, timeout=120, check=False
        )
        encoding = more.get("PYTHONIOENCODING", "utf-8")
        return Ran(done.returncode, done.stdout.decode(encoding), done.stderr.decode(encoding))

    return start


@pytest.fixture(scope="session")
def _played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("hotel") / "hotel.db"
    assert invoke("demo", "-d", path, "--guests", GUESTS, "--as-of", LAST_DAY).code == 0
    return path


@pytest.fixture
def hotel(_played: Path, tmp_path: Path) -> Path:
    """The database of a small demo, one's own to spoil."""
    copy = tmp_path / "hotel.db"
    shutil.copy(_played, copy)
    return copy
