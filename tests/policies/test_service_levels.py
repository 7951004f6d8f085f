"""What is promised for complaints, and what is no sensible promise."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import ValidationError

from relations.policies import Policy
from relations.policies.service_levels import SEVERITIES, ServiceLevel, ServiceLevels, Severity

HOUR = 3_600_000_000


def test_deadlines_follow_from_the_severity() -> None:
    deadlines = ServiceLevels().deadlines("high", 1_000)
    assert deadlines.acknowledge_by == 1_000 + 8 * HOUR
    assert deadlines.resolve_by == 1_000 + 72 * HOUR


@pytest.mark.parametrize("severity", SEVERITIES)
def test_every_severity_has_a_promise(severity: Severity) -> None:
    level = ServiceLevels().level(severity)
    assert timedelta(0) < level.acknowledge <= level.resolve


def test_the_graver_the_sooner_by_default() -> None:
    levels = [ServiceLevels().level(severity) for severity in SEVERITIES]
    assert len(levels) == 4
    assert levels == sorted(levels, key=lambda level: level.resolve, reverse=True)
    assert levels == sorted(levels, key=lambda level: level.acknowledge, reverse=True)


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
def test_what_cannot_be_kept_is_not_promised(level: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ServiceLevel.model_validate(level)


def test_a_severity_that_does_not_exist_has_no_promise() -> None:
    with pytest.raises(ValidationError, match="urgent"):
        ServiceLevels.model_validate({"urgent": {"acknowledge": "PT1H", "resolve": "PT2H"}})


def test_equal_durations_are_a_promise() -> None:
    level = ServiceLevel(acknowledge=timedelta(hours=1), resolve=timedelta(hours=1))
    assert level.acknowledge == level.resolve


def test_promises_cannot_be_changed_and_survive_the_log() -> None:
    policy = Policy(service_levels=ServiceLevels(low=ServiceLevel(acknowledge="PT90M", resolve="P1DT1S")))
    assert Policy.model_validate_json(policy.model_dump_json()) == policy
    with pytest.raises(ValidationError):
        policy.service_levels.low.resolve = timedelta(days=1)  # type: ignore[misc] # that is what is tested
