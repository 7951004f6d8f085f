"""The goals of the hotel group: set every half year, reviewed every quarter, and improved once."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

from relations.aggregates.goal import (
    CompleteGoalImprovement,
    EndGoal,
    GoalCommand,
    RaiseGoalImprovement,
    ReviewGoal,
    SetGoal,
)
from relations.months import add_months
from relations.testing.hotel.diary import Diary

__all__ = ["plan_goals"]

_TARGETS = (
    ("satisfaction", "0.85", "0.75", "ann"),
    ("nps", "40", "30", "ann"),
    ("retention", "0.95", "0.92", "bao"),
    ("first_response_on_time", "0.9", "0.8", "cleo"),
    ("resolution_on_time", "0.9", "0.8", "cleo"),
    ("overdue_cases", "5", "15", "cleo"),
    ("complaint_rate", "0.02", "0.04", "dov"),
)
"""Indicator, target, least acceptable value and owner."""
_FINDINGS = (
    ("More complaints than rooms would explain", "Rooms are ready late", "Clean from eight o'clock"),
    ("The summer was better than the spring", "The second counter is open", "Keep it open"),
    ("Little has changed", "Two posts are vacant", "Hire before the season"),
)
_FIRST_AFTER = 2
_HALF_YEAR = 6


def plan_goals(diary: Diary, start: date, days: int) -> None:
    """Write the goals of a history into its diary.

    Args:
        diary: The diary.
        start: The first day.
        days: The number of days.
    """
    end = start + timedelta(days=days)
    # The last goals are still running when the history ends.
    since = add_months(start, _FIRST_AFTER) or end
    round_ = 0
    while since < end:
        until = add_months(since, _HALF_YEAR) or end
        for indicator, target, least, owner in _TARGETS:
            _record(
                diary, since, f"{indicator}-{round_}", SetGoal, goal=f"{indicator}-{round_}", indicator=indicator,
                target=Decimal(target), least=Decimal(least), starts=since, ends=until, owner=owner,
            )  # fmt: skip
        _review(diary, since, until, end, round_)
        since, round_ = until, round_ + 1


def _review(diary: Diary, since: date, until: date, end: date, round_: int) -> None:
    """Review the satisfaction of a half year, improve it, and give one goal up."""
    middle = since + (until - since) / 2
    if middle >= end:
        return
    finding, cause, decision = _FINDINGS[round_ % len(_FINDINGS)]
    goal = f"satisfaction-{round_}"
    _record(diary, middle, "review", ReviewGoal, goal=goal, finding=finding, root_cause=cause, decision=decision)
    raised = since + timedelta(days=20)
    _record(
        diary, raised, "raise", RaiseGoalImprovement, goal=goal, improvement="counter", what="Open a second counter",
        owner="bao", due_at=_at(raised + timedelta(days=40)),
    )  # fmt: skip
    done = raised + timedelta(days=35)
    _record(diary, done, "complete", CompleteGoalImprovement, goal=goal, improvement="counter")
    if round_ == 1:
        _record(diary, middle, "end", EndGoal, goal=f"complaint_rate-{round_}", reason="Counted elsewhere now")


def _at(day: date) -> datetime:
    return datetime.fromisoformat(f"{day}T07:00:00+00:00")


def _record(diary: Diary, day: date, name: str, kind: type[GoalCommand], **fields: object) -> None:
    at = _at(day)
    command = kind(
        occurred_at=at, command_id=f"{diary.prefix}goal-{name}-{fields['goal']}", actor="head office", **fields
    )
    diary.record(command, int(at.timestamp()))
