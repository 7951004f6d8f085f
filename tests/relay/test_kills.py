"""A relay that is killed at every step of a delivery: nothing missing, nothing out of order, one id an event."""

from __future__ import annotations

import json
import os
import signal
from collections import defaultdict
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any, cast

import pytest

from relations import Relations
from relations.log.consuming.positions import Positions
from relations.relay import DeadLetters, FileTarget, Relay, RelayReport
from relations.testing import simulate


class _Steps:
    """Counts steps, and kills the process at one of them."""

    def __init__(self, fatal: int) -> None:
        self.left = fatal

    def step(self) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


class _Halving:
    """A file whose writes come in two halves, with a step between them."""

    def __init__(self, file: Any, steps: _Steps) -> None:
        self._file = file
        self._steps = steps

    def write(self, data: bytes) -> None:
        self._file.write(data[: len(data) // 2])
        self._file.flush()
        self._steps.step()
        self._file.write(data[len(data) // 2 :])

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def stepping(kind: type, name: str, steps: _Steps) -> None:
    """Let a method of a class take a step before and after its work."""
    original: Callable[..., Any] = getattr(kind, name)

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        steps.step()
        done = original(self, *args, **kwargs)
        steps.step()
        return done

    setattr(kind, name, method)


def relay_until(url: str, path: Path, fatal: int, batch: int) -> bool:
    """Relay in a child that is killed at a step. Return True if it reached the end of the log before."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            steps = _Steps(fatal)
            stepping(FileTarget, "send", steps)
            stepping(Positions, "save", steps)
            stepping(Positions, "take", steps)
            stepping(DeadLetters, "blocked", steps)
            with Relations.open(url) as engine:
                target = FileTarget(path)
                target._file = cast("Any", _Halving(target._file, steps))
                with Relay(engine, target, batch=batch, lease_seconds=0.02) as relay:
                    report: RelayReport = relay.run(once=True)
                    code = 0 if report.position else 3
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return False
    assert os.WEXITSTATUS(status) in (0, 3)
    return True


def assert_delivered(url: str, path: Path, kills: int) -> None:
    with Relations.open(url) as engine:
        expected: dict[str, list[str]] = defaultdict(list)
        digests = {}
        for event in engine.events():
            expected[event.customer].append(f"{event.stream}@{event.version}")
            digests[f"{event.stream}@{event.version}"] = event.digest.hex()
        assert engine.status().consumers[0].behind == 0
    found: dict[str, list[str]] = defaultdict(list)
    lines = path.read_bytes().splitlines()
    for line in lines:
        sent = json.loads(line)
        assert sent["relationsdigest"] == digests[sent["id"]]
        if sent["id"] not in found[sent.get("subject", "")]:
            found[sent.get("subject", "")].append(sent["id"])
    assert found == expected
    assert kills > 5
    assert len(lines) > len(digests), "no event was sent twice, so no kill came between delivery and acknowledgement"


def test_a_relay_that_is_killed_at_every_step_delivers_everything_in_order(sqlite_url: str, tmp_path: Path) -> None:
    with Relations.open(sqlite_url) as engine:
        engine.execute_many(islice(simulate(), 40))
    # Each run is killed one step later than the one before, so a delivery meets a kill at each of its steps.
    path, kills = tmp_path / "events", 0
    for fatal in range(1, 200):
        if relay_until(sqlite_url, path, fatal % 13 + 1, batch=8):
            break
        kills += 1
    assert_delivered(sqlite_url, path, kills)


@pytest.mark.soak
def test_ten_thousand_events_survive_kills_at_every_step(sqlite_url: str, tmp_path: Path) -> None:
    with Relations.open(sqlite_url) as engine:
        engine.execute_many(islice(simulate(), 9_500))
        assert engine.status().position > 10_000
    path, kills, step = tmp_path / "events", 0, 0
    while not relay_until(sqlite_url, path, 1 + step % 61, batch=50):
        kills, step = kills + 1, step + 7
        assert kills < 5_000
    assert_delivered(sqlite_url, path, kills)
