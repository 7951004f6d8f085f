"""The package `lifetimes` in its own process and, if necessary, in its own environment.

The package's last release is of 2020. It is taken from this interpreter where it is installed, else from the one
that RELATIONS_LIFETIMES_PYTHON names, else from a fresh virtual environment, for which the network is needed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from relations.analytics import RepeatStatistics

__all__ = ["REQUIREMENT", "LifetimesPeer", "peer_python", "running_lifetimes"]

REQUIREMENT = "lifetimes==0.11.3"

_SERVE = """
import json, sys, warnings
warnings.simplefilter("ignore")
import pandas
import lifetimes
rows = json.loads(sys.stdin.readline())
every = pandas.DataFrame(rows, columns=["frequency", "recency", "T", "amount"])
every["recency"] /= 7
every["T"] /= 7
some = every[(every["frequency"] > 0) & (every["amount"] > 0)]
mean = some["amount"] / 100 / some["frequency"]
fitters = {"bg_nbd": lifetimes.BetaGeoFitter, "mbg_nbd": lifetimes.ModifiedBetaGeoFitter}
print(json.dumps(lifetimes.__version__), flush=True)
for model in sys.stdin:
    if model.strip() == "gamma_gamma":
        fitted = lifetimes.GammaGammaFitter().fit(some["frequency"], mean)
    else:
        fitted = fitters[model.strip()]().fit(every["frequency"], every["recency"], every["T"])
    print(json.dumps(dict(fitted.params_)), flush=True)
"""


class LifetimesPeer:
    """The running process. Its frames are made beforehand, so a turn is a fit and nothing else."""

    def __init__(self, process: subprocess.Popen[str], customers: Sequence[RepeatStatistics]) -> None:
        self._process = process
        self.version = self._ask(json.dumps([list(one) for one in customers]))

    def fit(self, model: str) -> dict[str, float]:
        """The parameters of `bg_nbd`, `mbg_nbd` or `gamma_gamma`, in weeks and dollars."""
        found: dict[str, float] = self._ask(model)
        return found

    def _ask(self, words: str) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(words + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            msg = f"{REQUIREMENT} ended: {self._process.wait()}"
            raise RuntimeError(msg)
        return json.loads(answer)


def peer_python(directory: Path, *, install: bool) -> Path | None:
    """An interpreter that has the package; None where there is none and none can be made.

    Args:
        directory: Where a virtual environment may be made.
        install: Whether it may.
    """
    named = os.environ.get("RELATIONS_LIFETIMES_PYTHON")
    if named:
        return Path(named)
    if find_spec("lifetimes") is not None:
        return Path(sys.executable)
    if not install:
        return None
    home = directory / "lifetimes"
    venv.create(home, with_pip=True)
    python = home / ("Scripts" if os.name == "nt" else "bin") / "python"
    done = subprocess.run(
        [python, "-m", "pip", "install", "--quiet", REQUIREMENT], check=False, capture_output=True, text=True
    )
    return python if done.returncode == 0 else None


@contextmanager
def running_lifetimes(python: Path, customers: Sequence[RepeatStatistics]) -> Iterator[LifetimesPeer]:
    """The peer, ended with the block."""
    process = subprocess.Popen(
        [python, "-c", _SERVE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        yield LifetimesPeer(process, customers)
    finally:
        process.terminate()
        process.communicate()
