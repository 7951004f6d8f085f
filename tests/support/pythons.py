"""`make smoke`: run a part of the tests on the other supported Pythons of this machine, each in a clean environment."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.support.wheel import ROOT, environment, run

SUPPORTED = ((3, 11), (3, 12), (3, 13))
TESTS = (
    "tests/test_messages.py",
    "tests/test_public_surface.py",
    "tests/test_errors.py",
    "tests/recorded",
    "tests/log/test_chain.py",
    "tests/log/test_codec.py",
    "tests/execution/test_executor.py",
    "tests/projections/running/test_runner.py",
)
"""Stored bytes, the log, the engine and a rebuild in several processes: what a version of Python could change."""


def interpreters() -> Iterator[tuple[tuple[int, int], str | None]]:
    """Return each supported version, and where this machine has it."""
    managed = Path.home() / ".pyenv" / "versions"
    for version in SUPPORTED:
        name = ".".join(map(str, version))
        found = sorted(managed.glob(f"{name}.*/bin/python"))
        yield version, str(found[-1]) if found else shutil.which(f"python{name}")


def main() -> int:
    """Test on every supported version that is here and is not this one."""
    failed = []
    for version, python in interpreters():
        name = ".".join(map(str, version))
        if version == sys.version_info[:2]:
            print(f"Python {name}: this one; make test runs on it")
            continue
        if python is None or subprocess.run([python, "--version"], capture_output=True, check=False).returncode:
            print(f"Python {name}: skipped, this machine does not have it")
            continue
        with tempfile.TemporaryDirectory() as folder:
            inside = environment(Path(folder), python)
            run(inside, "-m", "pip", "install", "--quiet", "--constraint", ROOT / "constraints.txt",
                "--editable", f"{ROOT}[dev]")  # fmt: skip
            print(f"Python {name}:", flush=True)
            command = [str(inside), "-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTS]
            if subprocess.run(command, cwd=ROOT, env={**os.environ}, check=False).returncode:
                failed.append(name)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
