"""The command line. It parses arguments, calls the library and shows the results.

The application itself is `relations.cli.app.app`.
"""

from __future__ import annotations

import sys
from typing import NoReturn

__all__ = ["main"]

_INTERRUPTED = 130


def main() -> NoReturn:
    """Run the program.

    An interrupt or a closed pipe never causes a traceback, even while the program is still loading.
    """
    try:
        from relations.cli.app import run_app

        code = run_app()
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted. Nothing was changed.\n")
        code = _INTERRUPTED
    sys.exit(code)
