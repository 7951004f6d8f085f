"""The public modules give everything that a host may send, receive, configure, ask, catch and test with."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any, get_args, get_type_hints

import msgspec
import pytest
from pydantic import BaseModel

import relations
from relations import commands, errors, events, policies, testing, views
from relations.aggregates import AGGREGATES
from relations.exchange import command_from_json
from relations.projections import PROJECTIONS, VIEWS
from relations.projections.view import View
from tests.conftest import ROOT

PUBLIC = (
    "commands",
    "events",
    "policies",
    "views",
    "errors",
    "testing",
    "exchange",
    "analytics",
    "messages",
    "engine",
    "aio",
    "asgi",
)


def missing(module: Any, wanted: dict[str, Any]) -> list[str]:
    """The names that a module does not give, or gives as something else."""
    return [name for name, kind in wanted.items() if name not in module.__all__ or getattr(module, name) is not kind]


def test_every_command_and_every_event_can_be_imported() -> None:
    sent = {kind.__name__: kind for aggregate in AGGREGATES for kind in aggregate.commands}
    received = {kind.__name__: kind for aggregate in AGGREGATES for kind in aggregate.events}
    assert len(sent) > 80
    assert len(received) > 100
    assert missing(commands, sent) == []
    assert missing(events, received) == []


def parts_of(annotation: Any) -> Iterator[Any]:
    """An annotation, and every type inside of it."""
    yield annotation
    for part in get_args(annotation):
        yield from parts_of(part)


def models_of(model: type[BaseModel], found: dict[str, Any]) -> dict[str, Any]:
    """A model and every model in its fields, by name."""
    if model.__name__ not in found:
        found[model.__name__] = model
        for field in model.model_fields.values():
            for part in parts_of(field.annotation):
                if isinstance(part, type) and issubclass(part, BaseModel):
                    models_of(part, found)
    return found


def test_every_part_of_the_policy_can_be_imported() -> None:
    parts = models_of(policies.Policy, {})
    assert len(parts) > 25
    assert missing(policies, parts) == []


def test_every_view_and_every_answer_can_be_imported() -> None:
    answers: dict[str, Any] = {}
    for view in VIEWS:
        for name in set(dir(view)) - set(dir(View)):
            if not name.startswith("_") and inspect.isfunction(ask := getattr(view, name)):
                for part in parts_of(get_type_hints(ask)["return"]):
                    if isinstance(part, type) and issubclass(part, msgspec.Struct | BaseModel):
                        answers[part.__name__] = part
    assert len(answers) > 50
    assert missing(views, answers) == []
    assert missing(views, {view.__name__: view for view in VIEWS}) == []
    assert views.PROJECTIONS is PROJECTIONS
    assert views.VIEWS is VIEWS


def test_every_error_and_the_kit_can_be_imported() -> None:
    raised = {name: kind for name, kind in vars(errors).items() if inspect.isclass(kind) and name[0] != "_"}
    assert missing(errors, {name: kind for name, kind in raised.items() if kind.__module__ == errors.__name__}) == []
    assert {"Scenario", "histories", "strategies", "check_laws", "LawsReport", "simulate"} <= set(testing.__all__)


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_module_gives_what_it_names(name: str) -> None:
    module = import_module(f"relations.{name}")
    assert module.__doc__
    assert len(set(module.__all__)) == len(module.__all__) > 0
    assert all(hasattr(module, each) for each in module.__all__)


def test_a_first_service_needs_twenty_names() -> None:
    assert len(relations.__all__) == 20
    assert all(getattr(relations, name) for name in relations.__all__)


def test_former_names_can_still_be_imported_and_others_cannot() -> None:
    former = {*commands.__all__, *policies.__all__, *errors.__all__} - {*relations.__all__, "AGGREGATES"}
    assert len(former) > 100
    with pytest.warns(DeprecationWarning, match="goes with version") as warned:
        assert all(getattr(relations, name) for name in former)
    assert len(warned) == len(former)
    with pytest.raises(AttributeError, match="no attribute 'RecordPurchases'"):
        _ = relations.RecordPurchases


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ('{"command": "RecordPurchase", "customer": "c1"}', "invalid_occurred_at"),
        ('{"command": "RegisterCustomer", "customer": "a b", "occurred_at": "2024-05-01T10:00Z"}', "invalid_customer"),
        ('{"command": "RegisterCustomer", "customer": "c1", "occurred_at": "2024-05-01T10:00"}', "invalid_occurred_at"),
        ('{"command": "RegisterCustomers"}', "unknown_command"),
    ],
)  # fmt: skip
def test_a_wrong_command_is_an_error_of_ours_without_an_address(line: str, code: str) -> None:
    with pytest.raises(errors.InvalidInput) as caught:
        command_from_json(line)
    assert caught.value.code == code
    assert "http" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_a_former_name_still_works_and_the_warning_says_where_it_is_now() -> None:
    with pytest.warns(DeprecationWarning, match=r"import it from `relations\.commands`") as warned:
        found = relations.MergeCustomer
    assert found is commands.MergeCustomer
    assert [warning.filename for warning in warned] == [__file__]
    error = errors.InvalidInput("the reason", hint="Do this instead")
    with pytest.warns(DeprecationWarning, match="now called `hint`") as warned:
        assert error.remedy == "Do this instead"
    assert [warning.filename for warning in warned] == [__file__]


KINDS = {".py", ".md"}


def test_nothing_of_ours_uses_a_former_name() -> None:
    seen = 0
    files = [file for tree in ("src", "tests", "docs") for file in (ROOT / tree).rglob("*.*") if file.suffix in KINDS]
    for file in files:
        for names in re.findall(r"^ *from relations import (\([^)]*\)|[^\n(]*)", file.read_text("utf-8"), re.MULTILINE):
            for name in re.findall(r"\w+", re.sub(r"#.*| as \w+", "", names)):
                seen += 1
                assert name in relations.__all__ or name[0].islower() or name[0] == "_", f"{file}: {name}"
    assert seen > 200
