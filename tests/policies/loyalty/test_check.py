from __future__ import annotations

from typing import Any

import pytest

from relations.engine import Relations
from relations.policies import Policy, Programme
from relations.policies.loyalty.check import check_programme


def codes(**values: Any) -> list[str]:
    return [finding.code for finding in check_programme(Programme.model_validate(values))]


def tiers(*pairs: tuple[str, int], **more: Any) -> list[dict[str, Any]]:
    return [{"name": name, "threshold": threshold, **more} for name, threshold in pairs]


def test_the_programme_that_ships_is_good() -> None:
    assert check_programme(Programme()) == []


@pytest.mark.parametrize(
    ("values", "code", "sentence"),
    [
        (
            {"tiers": [{"name": "base", "threshold": 0, "below": 100}, {"name": "gold", "threshold": 150}]},
            "tier_gap",
            "no tier covers 100 to 149",
        ),
        (
            {"tiers": [{"name": "base", "threshold": 0, "below": 200}, {"name": "gold", "threshold": 150}]},
            "tier_overlap",
            "'gold' begins at 150 already",
        ),
        ({"tiers": tiers(("gold", 100))}, "tier_gap", "members with less than 100 have no tier"),
        ({"tiers": tiers(("a", 0), ("b", 10), ("c", 1_000))}, "tier_gap", "is a long way"),
        ({"tiers": [{"name": "top", "threshold": 0, "below": 9}]}, "tier_gap", "nothing follows"),
        (
            {"tiers": [{"name": "a", "threshold": 0, "multiplier": 2}, {"name": "b", "threshold": 10}]},
            "tier_earns_less",
            "those of the lower tier 'a' 2 times",
        ),
        ({"tier_basis": "stays"}, "unreachable_tier", "counts stays, and nothing"),
        ({"tiers": (), "grace_days": 10}, "no_tiers", "`grace_days` is about tiers, and there are none"),
        ({"fx": {"CZK": "0.04"}}, "unused_basis", "counts as spend, and tiers count points"),
        ({"stay_categories": ["room"]}, "unused_basis", "counts as stays, and tiers count points"),
        (
            {"campaigns": [{"id": "c", "starts": "2024-01-01", "ends": "2024-02-01", "multiplier": 2, "minimum": 9}]},
            "minimum_of_no_currency",
            "9 minor units of any currency",
        ),
        (
            {
                "campaigns": [
                    {"id": "c", "starts": "2024-01-01", "ends": "2024-02-01", "multiplier": 2, "minimum": {"SEK": 9}}
                ]
            },
            "unused_minimum",
            "has a minimum in SEK, which earns nothing",
        ),
        (
            {"rewards": [{"name": "night", "points": 9, "tier": "diamond"}]},
            "unreachable_reward",
            "which does not exist",
        ),
        ({"rewards": [{"name": "night", "points": 9, "stock": 0}]}, "unreachable_reward", "a stock of 0"),
        (
            {"rewards": [{"name": "night", "points": 9, "tier": "gold"}], "tier_basis": "stays"},
            "unreachable_reward",
            "which nobody can reach",
        ),
        ({"rewards": [{"name": "night", "points": 9}], "rates": {}}, "unreachable_reward", "nothing in this programme"),
        (
            {"rewards": [{"name": "night", "points": 9}], "rates": {}, "joining_points": 5},
            "unreachable_reward",
            "a member can get 5 at most",
        ),
        ({"pending_days": 60, "months_to_expiry": 2}, "expires_before_active", "pending for 60 days"),
        ({"pending_days": 30, "months_to_expiry": 1}, "expires_before_active", "may expire after 29"),
        ({"pending_days": 3, "expiry": {"kind": "end_of_period"}}, "expires_before_active", "may expire after 1"),
        (
            {"pending_days": 29, "expiry": {"kind": "end_of_period", "period": "month", "more_count": 1}},
            "expires_before_active",
            "may expire after 29",
        ),
        (
            {"pending_days": 91, "expiry": {"kind": "end_of_period", "period": "quarter", "more_count": 1}},
            "expires_before_active",
            "may expire after 91",
        ),
        (
            {"pending_days": 60, "expiry": {"kind": "inactivity", "months_count": 2}},
            "expires_before_active",
            "may expire after 60",
        ),
        (
            {"months_to_expiry": 18, "expiry": {"kind": "inactivity", "months_count": 18}},
            "two_expiries",
            "inactivity of 18 months never makes them expire",
        ),
        ({"tier_window": {"kind": "lifetime"}, "grace_days": 5}, "never_lost", "a tier for life never is"),
        (
            {"tier_window": {"kind": "rolling_months", "months_count": 1}, "warning_days": 40},
            "warning_too_early",
            "the window has 30 days only",
        ),
        ({"warning_days": 10, "grace_days": 10}, "warned_by_grace", "is not shorter than the warning"),
        (
            {"tiers": tiers(("a", 0), ("b", 10), benefits=["lounge"])},
            "benefit_twice",
            "the benefit 'lounge' is named in two tiers",
        ),
        ({"reversal_grace_days": 10}, "no_such_grace", "points expire at once"),
        ({"tier_basis": "spend", "rates": {"EUR": 1, "JPY": 1}}, "spend_not_counted", "spend in JPY"),
        (
            {"campaigns": [{"id": "c", "starts": "2024-05-01", "ends": "2024-06-01"}]},
            "empty_campaign",
            "gives nothing",
        ),
        (
            {
                "campaigns": [
                    {"id": "c", "starts": "2024-05-01", "ends": "2024-06-01", "bonus_points": 1, "tiers": ["x"]}
                ]
            },
            "unknown_tier",
            "for tier 'x', which does not exist",
        ),
        (
            {
                "category_factors": {"gift card": 0},
                "campaigns": [
                    {
                        "id": "c",
                        "starts": "2024-05-01",
                        "ends": "2024-06-01",
                        "multiplier": 2,
                        "categories": ["gift card"],
                    }
                ],
            },
            "contradiction",
            "which earns nothing at all",
        ),
        (
            {
                "campaigns": [
                    {"id": "may", "starts": "2024-05-01", "ends": "2024-06-01", "multiplier": 2},
                    {"id": "spa", "starts": "2024-05-31", "ends": "2024-07-01", "multiplier": 3, "categories": ["spa"]},
                ]
            },
            "campaigns_together",
            "make 4 times the rate",
        ),
        ({"authority": {"agent": 100}}, "authority_backwards", "people without a role may adjust any number"),
        ({"referral": {}}, "empty_referral", "gives no points to either customer"),
    ],
)
def test_what_is_wrong_in_the_whole_is_named(values: dict[str, Any], code: str, sentence: str) -> None:
    findings = check_programme(Programme.model_validate(values))
    found = next((each for each in findings if each.code == code and sentence in each.reason), None)
    assert found is not None, findings
    assert found.hint
    assert found.field in Programme.model_fields


def test_stays_of_categories_that_earn_nothing_are_not_mended_by_naming_them() -> None:
    rules = {"tier_basis": "stays", "stay_categories": ["room"], "category_factors": {"room": 0}}
    found = check_programme(Programme.model_validate(rules))[0]
    assert (found.code, found.hint) == ("unreachable_tier", "Give one of the `stay_categories` a factor above 0")


def test_what_suits_is_not_named() -> None:
    assert codes(pending_days=59, months_to_expiry=2) == []
    assert codes(pending_days=28, months_to_expiry=1) == []
    assert codes(pending_days=90, expiry={"kind": "end_of_period", "period": "quarter", "more_count": 1}) == []
    assert codes(warning_days=30, grace_days=10) == []
    assert codes(tier_basis="stays", stay_categories=["room"]) == []
    assert codes(rewards=[{"name": "night", "points": 9, "tier": "gold", "stock": 1}]) == []
    assert codes(adjustment_max=50, authority={"agent": 100}) == []
    ends = [{"name": "base", "threshold": 0, "below": 150}, {"name": "gold", "threshold": 150}]
    assert codes(tiers=ends) == []


def test_a_policy_that_was_read_back_can_be_adopted_again() -> None:
    with Relations.open("sqlite://") as engine:
        engine.adopt(Policy(), from_beginning=True)
        engine.adopt(Policy.model_validate_json(engine.policy.model_dump_json()))
        assert check_programme(Programme.model_validate(Programme().model_dump())) == check_programme(Programme())
