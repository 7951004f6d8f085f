"""Repair of objects in a child process after a fork, because connections and locks are inherited."""

from __future__ import annotations

import os
from typing import Protocol
from weakref import WeakSet

__all__ = ["after_fork"]


class _Forked(Protocol):
    def forked(self) -> None: ...


_known: WeakSet[_Forked] = WeakSet()


def after_fork(each: _Forked) -> None:
    """Call `each.forked()` in every child process that is forked from this one, for as long as the object lives."""
    _known.add(each)


def _in_child() -> None:
    for each in list(_known):
        each.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
