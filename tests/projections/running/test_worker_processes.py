"""No worker process outlives the process that started it, however that one ends."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from relations.projections.running.worker_processes import worker_pool
from relations.testing.hash_seeds import _process
from tests.support.making import killable, pipe

pytestmark = pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks at processes as Linux shows them")


def _runs(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _started(pool: Callable[[], Any], found: Any) -> None:
    """Start a worker, send its process id, and stay."""
    with pool() as workers:
        found.send(workers.submit(os.getpid).result())
        time.sleep(60)


def _spawned() -> Any:
    return worker_pool(2)


def _forked() -> Any:
    return worker_pool(2, method="fork", start=time.sleep, arguments=(0.01,))


def _under_a_hash_seed() -> Any:
    return _process(1, os.getpid())


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize("pool", [_spawned, _forked, _under_a_hash_seed])
def test_a_worker_ends_with_the_process_that_started_it(pool: Callable[[], Any], number: signal.Signals) -> None:
    near, far = pipe()
    parent = killable(_started, pool, far)
    worker = near.recv()
    assert worker != parent.pid
    assert _runs(worker)
    os.kill(parent.pid, number)
    parent.join()
    until = time.monotonic() + 30
    while _runs(worker):
        assert time.monotonic() < until, "the worker still runs after 30 seconds"
        time.sleep(0.02)
