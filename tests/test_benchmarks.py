"""Every benchmark runs and gives its figures. How fast anything is, no test asks."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from benchmarks.harness import SMALL, Workspace, workspace

from tests.conftest import ROOT, absent

FIELDS = {
    "measurement", "what", "against", "unit", "ours", "theirs", "value", "lowest", "highest", "value_cpu",
    "budget", "direction", "turns", "note", "met",
}  # fmt: skip
BUDGETS = {
    "single": {1.5, 0.5},
    "threads": {4.0, 3.0},
    "service": {5.0, 2.0},
    "observing": {0.95, 0.9},
    "import": {0.5},
    "loading": {8.0},
    "rebuild": {0.35, 150.0, 1.7},
    "live": {0.35, 8000.0},
    "complaints": {0.35},
    "campaign": {0.67},
    "care": {0.2, 0.1},
    "members": {0.35, 20.0},
    "scaling": {1.2},
    "as_of": {10.0, 0.2},
    "value": {3.0},
    "memory": {1.25, 600.0},
    "storage": {1.3},
    "advancing": {5000.0},
    "sealing": {2.0, 5.0},
    "people": {50.0, 10.0},
    "questions": {500.0, 100.0, 20.0, 2.0},
    "customer": {700.0, 60.0},
    "report": {5000.0},
    "verify": {4.0},
}
"""What each measurement holds the engine to."""
COSTLY = set(BUDGETS) - {"as_of"}
"""Each takes seconds, for processes, the disk or many turns: `make soak` runs them."""


@pytest.fixture(scope="module")
def benchmarks() -> Any:
    try:
        return import_module("benchmarks.__main__")
    except ImportError as missing:
        absent(f"the benchmarks need {missing.name}; install 'relations-engine[dev]'")


def test_there_is_a_test_for_every_measurement(benchmarks: Any) -> None:
    assert set(benchmarks.MEASUREMENTS) == set(BUDGETS)


def test_the_page_explains_every_measurement() -> None:
    text = (ROOT / "docs" / "reference" / "benchmarks.md").read_text("utf-8")
    assert set(re.findall(r"^### `(\w+)`", text, re.MULTILINE)) == set(BUDGETS)


@pytest.fixture(scope="module")
def space() -> Iterator[Workspace]:
    """One workspace for all of them: each log in it is made once."""
    with workspace(SMALL) as found:
        yield found


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.soak] if name in COSTLY else []) for name in BUDGETS]
)
def test_a_measurement_yields_its_lines(benchmarks: Any, space: Workspace, name: str) -> None:
    lines = benchmarks.MEASUREMENTS[name].measure(space)
    assert lines
    for line in map(benchmarks.as_json, lines):
        assert line.keys() == FIELDS
        assert line["measurement"] == name
        assert line["ours"] > 0
        assert line["lowest"] <= line["value"] <= line["highest"]
        assert line["turns"] >= 2
    assert {line.budget for line in lines} - {None} == BUDGETS[name]


def test_a_run_shows_its_lines_and_writes_them(benchmarks: Any, tmp_path: Path) -> None:
    written, page = tmp_path / "figures.json", tmp_path / "figures.md"
    arguments = ["--small", "--quiet", "--only", "as_of", "--json", str(written), "--markdown", str(page)]
    assert benchmarks.main(arguments) == 0
    document = json.loads(written.read_bytes())
    assert {line["measurement"] for line in document["lines"]} == {"as_of"}
    assert {"at", "python", "processors", "versions"} <= document["machine"].keys()
    shown = page.read_text(encoding="utf-8")
    assert all(line["against"] in shown for line in document["lines"])


def test_a_table_marks_what_misses_its_budget(benchmarks: Any) -> None:
    line = import_module("benchmarks.harness").Line(
        measurement="rebuild", what="a", against="b", unit="events/s", ours=3.0, theirs=10.0, value=0.3,
        lowest=0.2, highest=0.4, budget=0.35, turns=3,
    )  # fmt: skip
    assert line.met is False
    assert benchmarks.as_json(line)["met"] is False
    machine = benchmarks.machine()
    assert "| NO |" in benchmarks.markdown([line], machine, 1.0)
