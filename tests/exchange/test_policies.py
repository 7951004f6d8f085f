"""Policies in files: what is written is read again, and every mistake is found and named."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from relations.errors import InvalidInput
from relations.exchange.policies import check_policy_file, load_policy, policy_differences, policy_to_toml
from relations.policies import Inactivity, Policy, Programme, Surveys, Tier
from relations.policies.check import read_policy
from relations.policies.codes import OR_NONE
from relations.testing.strategies.policies import policies

NOTHING = Policy(
    programme=Programme(months_to_expiry=None),
    surveys=Surveys(follow_up_days=None, reminder_valid_days=None, low_sentiment=None, consent_purpose=None),
)
"""None wherever the default is something else."""


@settings(suppress_health_check=[HealthCheck.too_slow])  # a whole policy is a large value
@given(policies() | st.sampled_from((Policy(), NOTHING)), st.booleans())
def test_a_policy_that_is_written_as_toml_is_read_again(policy: Policy, whole: bool) -> None:
    assert read_policy(policy_to_toml(policy, whole=whole)).policy == policy.model_copy(update={"version": 0})


def test_a_policy_at_its_defaults_is_an_empty_file() -> None:
    assert policy_to_toml(Policy()) == ""
    assert tomllib.loads(policy_to_toml(Policy(), whole=True))["programme"]["months_to_expiry"] == 24


def test_the_kind_of_a_rule_is_written_also_where_it_is_the_default() -> None:
    policy = Policy(programme=Programme(expiry=Inactivity(months_count=6)))
    assert tomllib.loads(policy_to_toml(policy))["programme"]["expiry"] == {"kind": "inactivity", "months_count": 6}


def _models(model: type[BaseModel], found: set[type[BaseModel]]) -> set[type[BaseModel]]:
    if model not in found:
        found.add(model)
        for field in model.model_fields.values():
            parts = [field.annotation]
            while parts:
                part = parts.pop()
                parts += get_args(part)
                if isinstance(part, type) and issubclass(part, BaseModel):
                    _models(part, found)
    return found


def test_every_default_can_be_taken_away_in_a_file() -> None:
    optional = [
        (model, name)
        for model in _models(Policy, set())
        for name, field in model.model_fields.items()
        if type(None) in get_args(field.annotation) and not field.is_required() and field.default is not None
    ]
    assert {name for _, name in optional} >= {"months_to_expiry", "follow_up_days"}
    assert [(model, name) for model, name in optional if OR_NONE not in model.model_fields[name].metadata] == []


@pytest.mark.parametrize(
    ("body", "field", "said"),
    [
        ("zone = 'Europe/Wien'", "zone", "Europe/Wien"),
        ("colour = 'red'", "colour", "no such field"),
        ("[surveys]\nminimum_answers = 0", "surveys.minimum_answers", "1"),
        (
            "[[surveys.instruments]]\nid = 'e'\nkind = 'ces'\nlowest = 1\nhighest = 7",
            "surveys.instruments",
            "has no method",
        ),
        ("[programme]\ntiers = [{name='a',threshold=0,below=5},{name='b',threshold=9}]", "tiers", "no tier covers"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, body: str, field: str, said: str) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(body)
    report = check_policy_file(file)
    assert not report.good
    assert (report.findings[0].field, said in report.findings[0].reason) == (field, True)
    with pytest.raises(InvalidInput) as refused:
        load_policy(file)
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("name", "body", "code"), [("p.toml", "zone =", "invalid_toml"), ("p.json", "{", "invalid_json")]
)
def test_a_file_of_another_form_is_refused(tmp_path: Path, name: str, body: str, code: str) -> None:
    (tmp_path / name).write_text(body)
    for path, expected in ((tmp_path / name, code), (tmp_path / "none.toml", "unreadable_file")):
        with pytest.raises(InvalidInput) as refused:
            check_policy_file(path)
        assert refused.value.code == expected


def test_json_is_read_too(tmp_path: Path) -> None:
    (tmp_path / "policy.json").write_text(NOTHING.model_dump_json())
    assert load_policy(tmp_path / "policy.json") == NOTHING


def test_the_differences_between_policies_are_named_by_their_fields() -> None:
    one: dict[str, Any] = {"name": "silver", "threshold": 100}
    first = Policy(programme=Programme(tiers=(Tier(**one),)))
    second = Policy(
        zone="Asia/Tokyo",
        programme=Programme(tiers=(Tier(name="silver", threshold=200), Tier(name="gold", threshold=300))),
    )
    found = policy_differences(first, second)
    assert found["zone"] == ("UTC", "Asia/Tokyo")
    assert found["programme.tiers[silver].threshold"] == (100, 200)
    before, after = found["programme.tiers[gold]"]
    assert (before, after["threshold"], len(found)) == (None, 300, 3)
    assert policy_differences(first, first.model_copy(update={"version": 7})) == {}
