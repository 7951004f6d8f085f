"""The table of what the domain asks: every command and view that a row names is run on the demo's history."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from relations.cli.app import app
from relations.engine import Relations
from relations.projections import VIEWS
from relations.testing import is_mistake, simulate
from tests.conftest import ROOT

PAGE = ROOT / "docs" / "explanation" / "what-the-domain-asks.md"
ROWS = re.findall(r"^\| (?!What is asked|---)(.+?) \| (.+) \|$", PAGE.read_text("utf-8"), re.MULTILINE)
SPANS = [span for _, answer in ROWS for span in re.findall(r"`([^`]+)`", answer)]
WITHOUT_A_LOG = {"presets"}
"""Programs that read no log."""
PROGRAMS = [span for span in SPANS if span.startswith("relations ")]
QUESTIONS = [span for span in SPANS if "views." in span and span not in PROGRAMS]
COMMANDS = {span for span in SPANS if span not in PROGRAMS and span not in QUESTIONS}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("asked") / "hotel.db"


@pytest.fixture(scope="module")
def commands() -> list[Any]:
    return list(simulate(seed=1, customers=250, stories=True))


@pytest.fixture(scope="module")
def engine(file: Path, commands: list[Any]) -> Iterator[Relations]:
    now = max(command.occurred_at for command in commands)
    with Relations.open(f"sqlite:///{file}", clock=lambda: now, durability="off") as engine:
        report = engine.execute_many(commands)
        assert all(is_mistake(each.command) for each in report.rejections)
        yield engine


def test_every_row_has_an_answer_or_says_that_there_is_none() -> None:
    assert len(ROWS) > 180
    for asked, answer in ROWS:
        assert (answer == "*not yet*") != bool(re.search("`", answer)), asked
    assert len({asked for asked, _ in ROWS}) >= len(ROWS) - 12  # "See the whole report" and the like


def test_every_command_that_a_row_names_happened(engine: Relations, commands: list[Any]) -> None:
    assert engine.status().position
    sent = {type(command).__name__ for command in commands if not is_mistake(command)}
    assert len(COMMANDS) > 70
    assert sent >= COMMANDS, sorted(COMMANDS - sent)


@pytest.mark.parametrize("question", QUESTIONS)
def test_every_question_that_a_row_names_has_an_answer(engine: Relations, question: str) -> None:
    known = {
        "views": engine.views,
        "now": engine.clock(),
        "middle": engine.clock() - timedelta(days=200),
        "member": "g000001",
        "days": lambda count: timedelta(days=count),
    }
    assert eval(question, {"__builtins__": {"list": list}}, known) not in (None, [], {})


def test_nearly_every_view_is_named() -> None:
    named = {found for question in QUESTIONS for found in re.findall(r"views\.([a-z]+)\.", question)}
    views = {view.projection.name for view in VIEWS}
    assert named <= views
    assert len(named) > 10


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_program_that_a_row_names_runs(
    engine: Relations, file: Path, program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert engine.status().position
    monkeypatch.chdir(tmp_path)
    words = shlex.split(program)[1:]
    outcome = CliRunner().invoke(app, words if words[0] in WITHOUT_A_LOG else [*words, "-d", str(file)])
    assert outcome.exit_code == 0, outcome.output
    assert len(outcome.output) > 20
