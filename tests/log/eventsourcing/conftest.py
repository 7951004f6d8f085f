"""Collect only what the installed version of eventsourcing can run."""

from __future__ import annotations

from importlib.metadata import version

collect_ignore: list[str] = []
if int(version("eventsourcing").partition(".")[0]) >= 10:
    # Their applications are built from the aggregates of 9.5, which version 10 moved and renamed.
    collect_ignore += ["test_application.py", "test_shared_log.py"]
