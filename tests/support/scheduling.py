"""A schedule for xdist: each file on one worker, and so each folder whose files share costly fixtures."""

from __future__ import annotations

from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]  # it ships no types

__all__ = ["SHARED", "ByFile"]

SHARED = ("tests/relay/", "tests/report/")
"""Folders whose files share fixtures of a session that take long to make: brokers, and a hotel group with its pages."""


class ByFile(LoadFileScheduling):  # type: ignore[misc]  # likewise
    """Sends each file to one worker, and each folder of `SHARED`."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = nodeid.partition("::")[0]
        return next((folder for folder in SHARED if file.startswith(folder)), file)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile | None:
    """Replace `--dist loadfile`."""
    return ByFile(config, log) if config.getoption("dist") == "loadfile" else None
