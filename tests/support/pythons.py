"""`make smoke`: run a part of the tests on the other supported Pythons of this machine, each in a clean environment."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.wheel import ROOT, environment, interpreters, run

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


def main() -> int:
    """Test on every supported version that is here and is not this one."""
    failed = []
    for name, python in interpreters():
        if python == sys.executable:
            print(f"Python {name}: this one; make test runs on it")
            continue
        if python is None:
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
