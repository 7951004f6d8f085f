"""The program, ready to run: whoever imports this has loaded what most runs load, and built its commands.

The process that is forked for each run of the program imports it. Alone, the commands take longer than most runs.
"""

from __future__ import annotations

import gc
import json
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

from typer.main import get_command

from tests.cli.conftest import invoke

built = cache(get_command)
mock.patch("typer.main.get_command", built).start()
mock.patch("typer.testing._get_command", built).start()

_REGISTRATION = {"command": "RegisterCustomer", "customer": "c1", "occurred_at": "2024-05-01T12:00:00Z"}

with TemporaryDirectory() as home:
    (lines := Path(home) / "commands.jsonl").write_text(json.dumps(_REGISTRATION))
    for run in (("import", lines), ("run", "--once"), ("status",), ("verify", "--json")):
        ran = invoke(*run, "-d", Path(home) / "log.db")
        assert ran.code == 0, ran
gc.collect()
gc.freeze()
