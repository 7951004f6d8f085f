"""Promises for complaints, and promises that make no sense."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from relations.errors import InvalidInput
from relations.policies import BusinessCalendar, Policy
from relations.policies.complaints.regulations import (
    air_carriers_us,
    consumer_finance_us,
    payment_services_eu,
    sea_passengers_eu,
)
from relations.policies.complaints.service_levels import (
    SEVERITIES,
    DayCount,
    GradeLevels,
    ServiceLevel,
    ServiceLevels,
    Severity,
)

HOUR = 3_600_000_000


def test_deadlines_follow_from_the_severity() -> None:
    deadlines = ServiceLevels().deadlines("high", 1_000)
    assert deadlines.acknowledge_by == 1_000 + 8 * HOUR
    assert deadlines.resolve_by == 1_000 + 72 * HOUR


@pytest.mark.parametrize("severity", SEVERITIES)
def test_every_severity_has_a_promise(severity: Severity) -> None:
    deadlines = ServiceLevels().deadlines(severity, 0)
    assert 0 < deadlines.acknowledge_by <= deadlines.resolve_by


def test_the_graver_the_sooner_by_default() -> None:
    deadlines = [ServiceLevels().deadlines(severity, 0) for severity in SEVERITIES]
    assert len(deadlines) == 4
    assert deadlines == sorted(deadlines, reverse=True)
    assert deadlines == sorted(deadlines, key=lambda each: each.resolve_by, reverse=True)


def test_a_business_changes_one_severity_and_keeps_the_others() -> None:
    mine = ServiceLevels(low=ServiceLevel(acknowledge=timedelta(days=3), resolve=timedelta(days=30)))
    assert mine.deadlines("low", 0).resolve_by == 30 * 24 * HOUR
    assert mine.critical == ServiceLevels().critical


@pytest.mark.parametrize(
    "level",
    [
        {"acknowledge": "P2D", "resolve": "P1D"},
        {"acknowledge": "PT0S", "resolve": "P1D"},
        {"acknowledge": "-P1D", "resolve": "P1D"},
        {"acknowledge": "P1D", "resolve": "P9999D"},
        {"acknowledge": "P1D"},
        {"acknowledge": "P1D", "resolve": "P2D", "reply": "P1D"},
        {"acknowledge": float("nan"), "resolve": "P2D"},
    ],
)
def test_what_cannot_be_kept_is_not_promised(level: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        ServiceLevel(**level)


URGENT: dict[str, Any] = {"urgent": {"acknowledge": "PT1H", "resolve": "PT2H"}}


def test_a_severity_that_does_not_exist_has_no_promise() -> None:
    with pytest.raises(InvalidInput, match="urgent"):
        ServiceLevels(**URGENT)


def test_equal_durations_are_a_promise() -> None:
    level = ServiceLevel(acknowledge=timedelta(hours=1), resolve=timedelta(hours=1))
    assert level.acknowledge == level.resolve


def test_promises_cannot_be_changed_and_survive_the_log() -> None:
    policy = Policy(service_levels=ServiceLevels(low=ServiceLevel(acknowledge="PT90M", resolve="P1DT1S")))
    assert Policy.model_validate_json(policy.model_dump_json()) == policy
    with pytest.raises(ValidationError, match="frozen"):
        policy.service_levels.low.resolve = timedelta(days=1)  # type: ignore[misc] # that is what is tested


# --- days, calendars, grades ----------------------------------------------------------------------------------------

TWO_DAYS = ServiceLevel(acknowledge=DayCount(days=1), resolve=DayCount(days=2))


def test_days_need_a_calendar() -> None:
    with pytest.raises(InvalidInput, match="requires a calendar"):
        ServiceLevels(low=TWO_DAYS)
    with pytest.raises(InvalidInput, match="requires a calendar"):
        ServiceLevels(grades=(GradeLevels(grade="gold", low=TWO_DAYS),))
    # Thursday noon, 1 January 1970: the second business day after it is the Monday.
    levels = ServiceLevels(low=TWO_DAYS, calendar=BusinessCalendar.all_day("days"))
    assert levels.deadlines("low", 12 * HOUR).resolve_by == 5 * 24 * HOUR


def test_a_grade_differs_where_it_says_so() -> None:
    levels = ServiceLevels(grades=(GradeLevels(grade="gold", low=ServiceLevels().critical),))
    assert levels.level("low", "gold") == levels.critical
    assert levels.level("high", "gold") == levels.level("high", "silver") == levels.high
    with pytest.raises(InvalidInput, match="may be given only once"):
        ServiceLevels(grades=(GradeLevels(grade="gold"), GradeLevels(grade="gold")))


@pytest.mark.parametrize(
    "level",
    [
        {"acknowledge": {"days": 3}, "resolve": {"days": 2}},
        {"acknowledge": {"days": 0}, "resolve": {"days": 2}},
        {"acknowledge": "P1D", "resolve": "P3D", "extended": "P2D"},
        {"acknowledge": {"days": 1}, "resolve": {"months": 1}, "extended": {"days": 40}},
        {"acknowledge": "P1D", "resolve": "P3D", "follow_up": "PT0S"},
    ],
)
def test_what_contradicts_itself_is_not_promised(level: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        ServiceLevel(**level)


@pytest.mark.parametrize("preset", [payment_services_eu, consumer_finance_us, air_carriers_us, sea_passengers_eu])
def test_presets_survive_the_log_and_stop_for_no_question(preset: Callable[[], ServiceLevels]) -> None:
    policy = Policy(service_levels=preset())
    assert Policy.model_validate_json(policy.model_dump_json()) == policy
    assert policy.service_levels.paused_by_questions == ()
    assert len({policy.service_levels.deadlines(severity, 0) for severity in SEVERITIES}) == 1
