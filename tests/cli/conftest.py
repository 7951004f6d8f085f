"""The program under test, in this process and in one of its own; and a small demo's database for whoever reads."""

from __future__ import annotations

import io
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from typer.testing import CliRunner

from relations.cli import main
from relations.cli.app import app

GUESTS = "60"
LAST_DAY = "2025-12-31"
"""The last day of the demo's history, so that tests can name days in it."""


class Ran(NamedTuple):
    """The result of a run of the program."""

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


def has_taken(process: subprocess.Popen[bytes], number: signal.Signals) -> bool:
    """True once the process has been given the signal and none waits for it."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    pending = sum(int(line.split()[1], 16) for line in lines if line.startswith(("ShdPnd", "SigPnd")))
    return not pending >> (number - 1) & 1


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RELATIONS_")}
    return {**kept, "COLUMNS": "80", "PYTHONUTF8": "1", **more}


_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.support.program_ready"])
"""A process that has loaded the program once, and is forked for each run: it starts in milliseconds."""


def _become(arguments: list[str], cwd: str, variables: dict[str, str], out: str, err: str) -> None:
    os.environ.clear()
    os.environ.update(variables)
    os.chdir(cwd)
    for number, path in ((1, out), (2, err)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.stdout, sys.stderr = (io.TextIOWrapper(io.FileIO(number, "w"), "utf-8") for number in (1, 2))
    sys.argv = ["relations", *arguments]
    main()


@pytest.fixture
def program(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs the program in a process of its own; in a new interpreter where its environment differs."""

    def start(*arguments: object, cwd: Path | None = None, **more: str) -> Ran:
        if more:
            done = subprocess.run(
                command_line(*arguments),
                cwd=cwd,
                env=environment(**more),
                capture_output=True,
                timeout=120,
                check=False,
            )
            encoding = more.get("PYTHONIOENCODING", "utf-8")
            return Ran(done.returncode, done.stdout.decode(encoding), done.stderr.decode(encoding))
        folder = tmp_path_factory.mktemp("program")
        out, err = folder / "out", folder / "err"
        given = [str(each) for each in arguments]
        process = _FORKS.Process(
            target=_become, args=(given, str(cwd or Path.cwd()), environment(), str(out), str(err))
        )
        process.start()
        process.join(120)
        assert process.exitcode is not None, f"still running: {given}"
        return Ran(process.exitcode, out.read_text("utf-8"), err.read_text("utf-8"))

    return start


@pytest.fixture(scope="session")
def _hotel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hotel") / "hotel.db"


@pytest.fixture(scope="session")
def played(_hotel: Path) -> Any:
    """The document with which a small demo ends."""
    ran = invoke("demo", "-d", _hotel, "--guests", GUESTS, "--seed", 1, "--as-of", LAST_DAY, "--json")
    assert ran.code == 0
    return ran.json


@pytest.fixture
def hotel(_hotel: Path, played: Any, tmp_path: Path) -> Path:
    """The database of that demo, one's own to spoil."""
    assert played
    copy = tmp_path / "hotel.db"
    shutil.copy(_hotel, copy)
    return copy
