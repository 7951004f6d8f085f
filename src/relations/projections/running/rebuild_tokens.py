"""Tokens of rebuilds. Each names its process, so that others on the same machine see whether that has ended."""

from __future__ import annotations

import os
from functools import cache
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

__all__ = ["has_ended", "new_token"]

_MACHINE = 4
_RANDOM = 4


def new_token() -> str:
    """Return a token for a rebuild of this process, at most 16 letters and digits long."""
    return f"{_machine() or uuid4().hex[:_MACHINE]}{uuid4().hex[:_RANDOM]}{os.getpid():x}"


def has_ended(token: str) -> bool:
    """Return True if the process that made a token has certainly ended.

    That is so on three conditions. It ran on this machine since the machine's start, saw the same processes as this
    one, and no process has its number any more. Of all others nothing is known.
    """
    machine, number = token[:_MACHINE], token[_MACHINE + _RANDOM :]
    if machine != _machine() or not number:
        return False
    try:
        os.kill(int(number, 16), 0)
    except ProcessLookupError:
        return True
    except (OSError, ValueError, OverflowError):
        return False  # there is one that is somebody else's, or the token is not one of ours
    return False


@cache
def _machine() -> str | None:
    """Return a short name for this machine since its start and for the processes seen here; None where none is known.

    Two containers on one machine have different numbers for their processes, though the machine is the same.
    """
    try:
        started = Path("/proc/sys/kernel/random/boot_id").read_bytes()
        seen = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return None
    return sha256(started + seen.encode()).hexdigest()[:_MACHINE]
