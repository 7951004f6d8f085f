"""Signals that stop a command in good order."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Timer
from types import FrameType

from relations.cli.exits import ExitCode

__all__ = ["stopped_by_signals"]

_GRACE_SECONDS = 4.0
"""Seconds in which a stopped command may end in good order. Supervisors of processes wait for five or more."""


@contextmanager
def stopped_by_signals(stop: Callable[[], object], *, safe: str = "Everything recorded is safe.") -> Iterator[None]:
    """Call `stop` on SIGINT and SIGTERM while the body runs, instead of ending at once.

    A body that has not ended four seconds later, because a receiver does not answer or a model is being fitted, is not
    waited for. The process then ends as if it was killed, which loses nothing.

    Args:
        stop: Asks the body to end.
        safe: The sentence for people in that case.
    """

    def end() -> None:
        os.write(
            2, f"Ended in the middle of its work, {_GRACE_SECONDS:.0f} seconds after the signal. {safe}\n".encode()
        )
        os._exit(ExitCode.INTERRUPTED)

    ending = Timer(_GRACE_SECONDS, end)
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
