"""Every benchmark runs and gives its figures. How fast anything is, no test asks."""

from __future__ import annotations

import json
from importlib import import_module
from typing import Any

import pytest

from tests.conftest import absent

FIELDS = {
    "measurement", "what", "against", "unit", "ours", "theirs", "value", "lowest", "highest", "value_cpu",
    "budget", "direction", "turns", "note", "met",
}  # fmt: skip
BUDGETS = {
    "single": {1.5, 0.5},
    "import": {0.5},
    "loading": {8.0},
    "rebuild": {0.35, 150.0, 1.7},
    "complaints": {0.35},
    "members": {0.35, 20.0},
    "scaling": {1.2},
    "history": {10.0},
    "value": {3.0},
    "memory": {1.25},
    "sealing": {2.0, 5.0},
}
"""What each measurement holds the engine to."""


@pytest.fixture(scope="module")
def benchmarks() -> Any:
    try:
        return import_module("benchmarks.__main__")
    except ImportError as missing:
        absent(f"the benchmarks need {missing.name}; install 'relations-engine[dev]'")


def test_there_is_a_test_for_every_measurement(benchmarks: Any) -> None:
    assert set(benchmarks.MEASUREMENTS) == set(BUDGETS)


@pytest.fixture(scope="module")
def measured(benchmarks: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str]:
    """All of them measured in one run, which makes each log once: the document for programs and the page."""
    folder = tmp_path_factory.mktemp("benchmarks")
    written, page = folder / "figures.json", folder / "figures.md"
    assert benchmarks.main(["--small", "--quiet", "--json", str(written), "--markdown", str(page)]) == 0
    return json.loads(written.read_bytes()), page.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", BUDGETS)
def test_a_measurement_runs_and_yields_its_lines(measured: tuple[dict[str, Any], str], name: str) -> None:
    document, shown = measured
    lines = [line for line in document["lines"] if line["measurement"] == name]
    assert lines
    for line in lines:
        assert line.keys() == FIELDS
        assert line["ours"] > 0
        assert line["lowest"] <= line["value"] <= line["highest"]
        assert line["turns"] >= 2
    assert {line["budget"] for line in lines} - {None} == BUDGETS[name]
    assert {"at", "python", "processors", "versions"} <= document["machine"].keys()
    assert all(line["against"] in shown for line in lines)


def test_a_table_marks_what_misses_its_budget(benchmarks: Any) -> None:
    line = import_module("benchmarks.harness").Line(
        measurement="rebuild", what="a", against="b", unit="events/s", ours=3.0, theirs=10.0, value=0.3,
        lowest=0.2, highest=0.4, budget=0.35, turns=3,
    )  # fmt: skip
    assert line.met is False
    assert benchmarks.as_json(line)["met"] is False
    machine = benchmarks.machine()
    assert "| NO |" in benchmarks.markdown([line], machine, 1.0)
