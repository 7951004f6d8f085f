"""A policy may refuse what is dated too far ahead of its recording."""

from __future__ import annotations

from datetime import timedelta

import pytest

from relations import CommandRefused, Relations
from relations.policies import Policy
from tests.support.making import START, day, erase, purchase, register


def test_what_is_dated_too_far_ahead_is_refused_and_nothing_is_recorded(database_url: str) -> None:
    """Given a limit of two days, a purchase with a mistyped year is refused, alone and in a batch."""
    with Relations.open(database_url, clock=lambda: START) as engine:
        engine.adopt(Policy(future_days=2), from_beginning=True)
        engine.execute(register())
        before = engine.status().position
        late = purchase(1, occurred_at=day(5 * 365))
        with pytest.raises(CommandRefused, match="more than 2 days ahead") as refused:
            engine.execute(late)
        assert (refused.value.code, refused.value.field) == ("too_far_ahead", "occurred_at")
        report = engine.execute_many([late, purchase(2, occurred_at=day(2) + timedelta(microseconds=1))])
        assert [each.error.code for each in report.rejections] == ["too_far_ahead"] * 2
        assert engine.status().position == before
        assert engine.execute(purchase(3, occurred_at=day(2))).events


def test_the_limit_of_the_time_of_recording_holds_and_policies_may_lie_ahead() -> None:
    """Given a limit that is lifted next week, it holds until then for everything but another policy."""
    now = [START]
    with Relations.open("sqlite://", clock=lambda: now[0]) as engine:
        engine.adopt(Policy(future_days=0), from_beginning=True)
        engine.adopt(Policy(), since=day(7))
        with pytest.raises(CommandRefused, match="more than 0 days ahead"):
            engine.execute(erase(occurred_at=day(30)))
        now[0] = day(7)
        assert engine.execute(register(occurred_at=day(30))).events


def test_without_a_limit_any_time_is_recorded() -> None:
    with Relations.open("sqlite://", clock=lambda: START) as engine:
        assert engine.execute(register(occurred_at=day(3_650))).events
