"""A schedule for xdist: each file on one worker, and so each folder whose files share costly fixtures.

What takes longest begins first, so that no worker is left alone with it at the end. A run leaves the seconds that it
took in pytest's cache for the next one.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]  # it ships no types

__all__ = ["SHARED", "ByFile"]

SHARED = ("tests/cli/", "tests/exchange/histories/", "tests/relay/", "tests/report/")
"""Folders whose files share fixtures of a session that take long to make, such as brokers or a demo's database."""

_CACHED = "relations/seconds"
_SECONDS_A_TEST = 0.08
"""The mean, for a file that no run has measured yet."""


class ByFile(LoadFileScheduling):  # type: ignore[misc]  # likewise
    """Sends each file to one worker, and each folder of `SHARED`, the longest first.

    Attributes:
        seconds: The seconds that each took in the last run.
    """

    def __init__(self, config: pytest.Config, log: Any = None) -> None:
        super().__init__(config, log)
        self.seconds: dict[str, float] = {}
        self._measured: dict[str, float] = defaultdict(float)
        # A long search takes other times, and in another order each time.
        self._cache = getattr(config, "cache", None) if config.option.soak_minutes is None else None
        if self._cache is not None:
            self.seconds = self._cache.get(_CACHED, {})

    def _split_scope(self, nodeid: str) -> str:
        file: str = nodeid.partition("::")[0]
        return next((folder for folder in SHARED if file.startswith(folder)), file)

    def _assign_work_unit(self, node: Any) -> None:
        self.workqueue.move_to_end(max(self.workqueue, key=self._expected), last=False)
        super()._assign_work_unit(node)

    def _expected(self, scope: str) -> float:
        return self.seconds.get(scope, _SECONDS_A_TEST * len(self.workqueue[scope]))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add up the seconds of each file."""
        self._measured[self._split_scope(report.nodeid)] += report.duration

    def pytest_sessionfinish(self) -> None:
        """Keep them for the next run."""
        if self._cache is not None:
            self._cache.set(_CACHED, {**self.seconds, **self._measured})


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile | None:
    """Replace `--dist loadfile`."""
    if config.getoption("dist") != "loadfile":
        return None
    scheduler = ByFile(config, log)
    config.pluginmanager.register(scheduler)
    return scheduler
