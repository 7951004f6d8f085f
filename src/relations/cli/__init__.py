"""The command line. It parses arguments, calls the library and shows the results.

The application itself is `relations.cli.app.app`.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

__all__ = ["main"]

_INTERRUPTED = 130
_COLLECT_AFTER = 200_000, 30, 30
"""Objects after which Python searches for garbage. Loading makes many that stay; mypy uses the same figures."""


def main() -> NoReturn:
    """Run the program.

    An interrupt or a closed pipe never causes a traceback, even while the program is still loading.
    """
    # Models are fitted to small tables, which one thread computes soonest. Others would wait for work in a busy loop.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    sys.unraisablehook = _interrupt_again
    gc.set_threshold(*_COLLECT_AFTER)
    try:
        from relations.cli.app import run_app

        code = run_app()
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted. Nothing was changed.\n")
        code = _INTERRUPTED
    gc.freeze()  # on leaving, Python would search all that was loaded for garbage, for a third of a second
    sys.exit(code)


def _interrupt_again(ignored: UnraisableHookArgs) -> None:
    """Interrupt the main thread again where Python has ignored an interrupt.

    Python raises KeyboardInterrupt wherever the main thread is. In the callback of a weak reference or in a finalizer
    it drops the exception and goes on. Of 300 interrupts of an import, 7 had no effect. The moment's delay lets that
    callback end first.
    """
    if isinstance(ignored.exc_value, KeyboardInterrupt):
        threading.Timer(0.01, os.kill, (os.getpid(), signal.SIGINT)).start()
    else:
        sys.__unraisablehook__(ignored)
