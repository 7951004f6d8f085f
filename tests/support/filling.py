"""The commands that give every view rows, where the simulation gives it none: written once, for all tests of all views.

A new view that stays empty in them is named by `tests/exchange/frames/test_frames.py`, by `tests/verification` and by
the laws. Add its commands here.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from relations.messages import Command
from tests.support.campaign import handed_over, spring_campaign
from tests.support.pipeline import small_pipeline
from tests.support.team import small_team

__all__ = ["filling"]


def filling(at: datetime, *customers: str) -> Iterator[Command]:
    """Yield commands up to a moment, about two customers or more."""
    one, other, *_ = customers
    yield from spring_campaign(at - timedelta(days=40), one, other)
    yield from handed_over(at, one)
    yield from small_team(at, *customers)
    yield from small_pipeline(at, one, other)
