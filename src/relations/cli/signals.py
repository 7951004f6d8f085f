"""Signals that stop a command in good order."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Timer
from types import FrameType

from relations.cli.exits import ExitCode

__all__ = ["GRACE_SECONDS", "stopped_by_signals"]

GRACE_SECONDS = 4.0
"""Seconds in which a stopped command may end in good order. Supervisors of processes wait for five or more."""


@contextmanager
def stopped_by_signals(
    stop: Callable[[], object], *, grace: float = GRACE_SECONDS, safe: str = "Everything recorded is safe."
) -> Iterator[None]:
    """Call `stop` on SIGINT and SIGTERM while the body runs, instead of ending at once.

    A receiver may not answer, or a model may be being fitted. If the body has not ended when the grace is over, the
    process ends as if it was killed, which loses nothing.

    Args:
        stop: Asks the body to end.
        grace: The seconds in which the body may end.
        safe: The sentence for people in that case.
    """

    def end() -> None:
        os.write(2, f"Ended in the middle of its work, {grace:g} seconds after the signal. {safe}\n".encode())
        os._exit(ExitCode.INTERRUPTED)

    ending = Timer(grace, end)
    ending.daemon = True

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop()
        if ending.ident is None:  # the first signal
            ending.start()

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        ending.cancel()
        for number, handler in before.items():
            signal.signal(number, handler)
