"""The suite itself: its share of `make test` and of `make soak`, and the worker of each file."""

from __future__ import annotations

import gc
from collections import OrderedDict
from typing import Any
from unittest.mock import Mock

import pytest
import typer.testing

from relations.cli.app import app
from tests.conftest import ROOT
from tests.support.scheduling import SHARED, ByFile


def test_a_rule_of_the_business_is_tested_on_one_kind_of_database(
    request: pytest.FixtureRequest, either_url: str
) -> None:
    mine = [item for item in request.session.items if getattr(item, "function", None) is request.function]
    assert len([item for item in mine if item.get_closest_marker("soak") is None]) <= 1
    assert either_url.startswith(request.node.callspec.params["either_url"])


def test_a_folder_with_costly_fixtures_is_sent_to_one_worker() -> None:
    scope = object.__new__(ByFile)._split_scope
    assert (
        scope("tests/log/test_log.py::test_a[1]") == scope("tests/log/test_log.py::test_b") == "tests/log/test_log.py"
    )
    for folder in SHARED:
        files = [file.relative_to(ROOT).as_posix() for file in (ROOT / folder).rglob("test_*.py")]
        assert len(files) > 1
        assert {scope(f"{file}::test_it") for file in files} == {folder}


def test_what_took_longest_begins_first() -> None:
    schedule = object.__new__(ByFile)
    schedule.seconds = {"short": 0.1, "long": 9.0}
    many = dict.fromkeys(map(str, range(50)), False)
    schedule.workqueue = OrderedDict(short=many, long={"1": False}, new=many)
    assert sorted(schedule.workqueue, key=schedule._expected) == ["short", "new", "long"]
    node = Mock()
    schedule.assigned_work, schedule.registered_collections = {}, {node: list(many)}
    schedule._assign_work_unit(node)
    node.send_runtest_some.assert_called_once_with([1])
    assert list(schedule.workqueue) == ["short", "new"]


def test_the_commands_of_the_program_are_built_once() -> None:
    runner: Any = typer.testing
    assert runner._get_command(app) is runner._get_command(app)


def test_what_was_collected_is_left_out_of_searches_for_garbage() -> None:
    assert gc.get_threshold()[0] >= 100_000
    assert gc.get_freeze_count() > 50_000
