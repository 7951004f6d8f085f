from __future__ import annotations

import json
import re
import sqlite3
from datetime import UTC, datetime
from inspect import signature
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from relations.cli.app import app
from relations.cli.commands.demo import demo
from tests.cli.conftest import GUESTS, LAST_DAY, Run, invoke


def without_times_and_places(document: dict[str, Any]) -> dict[str, Any]:
    recorded = {name: value for name, value in document["recorded"].items() if not name.endswith("seconds")}
    return {**document, "recorded": recorded, "database": "", "page": ""}


class Shown(NamedTuple):
    """A demo that was shown to people, and the moments between which it ran."""

    folder: Path
    out: str
    began: datetime
    ended: datetime


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    folder = tmp_path_factory.mktemp("a-folder-with-a-name-that-is-longer-than-a-line-of-most-terminals-would-be")
    began = datetime.now(UTC)
    ran = invoke("demo", "-d", folder / "hotel.db", "--guests", GUESTS)
    assert ran.code == 0
    return Shown(folder, ran.out, began, datetime.now(UTC))


def test_the_demo_ends_with_one_screen_and_a_page(run: Run, shown: Shown) -> None:
    for words in ("A hotel group, two years", "NPS", "Retention", "Overdue cases", "Target", "verify -d"):
        assert words in shown.out
    lines = shown.out.splitlines()
    assert 10 < len(lines) <= 30
    assert f"The page with charts: {shown.folder / 'hotel.html'}" in lines
    assert any(f"relations verify -d {shown.folder / 'hotel.db'}  " in line for line in lines)
    assert "<svg" in (shown.folder / "hotel.html").read_text("utf-8")
    assert run("verify", "-d", shown.folder / "hotel.db").code == 0
    assert not list(shown.folder.glob("*.partial*"))


def test_the_demo_ends_now_so_that_reports_need_no_moment(run: Run, shown: Shown, tmp_path: Path) -> None:
    database = shown.folder / "hotel.db"
    assert any(f"simulated, to {moment:%Y-%m-%d}" in shown.out for moment in (shown.began, shown.ended))
    report = run("report", "agenda", "-d", database)
    assert report.code == 0
    assert "--as-of" not in report.err
    events = run("export", "-d", database, "-o", tmp_path / "events.jsonl", "--json")
    assert events.json["events"] > 100
    recorded = [json.loads(line)["recorded_at"] for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert 0 < datetime.now(UTC).timestamp() - max(recorded) / 1_000_000 < 40 * 86_400


def test_a_demo_is_replaced_by_that_of_another_seed_but_not_if_something_was_added(run: Run, tmp_path: Path) -> None:
    path, commands = tmp_path / "hotel.db", tmp_path / "commands.jsonl"
    one, other = (run("demo", "-d", path, "--guests", 5, "--seed", seed, "--json") for seed in (1, 2))
    assert one.code == other.code == 0
    assert one.json["retention"] != other.json["retention"]
    commands.write_text('{"command": "RegisterCustomer", "customer": "mine", "occurred_at": "2024-05-01T10:00:00Z"}\n')
    assert run("import", commands, "-d", path).code == 0
    refused = run("demo", "-d", path, "--guests", 5, "--json")
    assert (refused.code, refused.json["error"]["code"]) == (2, "not_a_demo")
    assert run("history", "mine", "-d", path).code == 0


def test_the_default_file_is_not_the_one_that_the_readme_imports_into() -> None:
    readme = Path(__file__).parents[2].joinpath("README.md").read_text("utf-8")
    imported_into = re.findall(r"relations import .*?--database (\S+)", readme)
    assert imported_into
    assert signature(demo).parameters["database"].default not in imported_into


def test_the_same_seed_gives_the_same_views(run: Run, played: Any, tmp_path: Path) -> None:
    again = run("demo", "-d", tmp_path / "hotel.db", "--guests", GUESTS, "--seed", 1, "--as-of", LAST_DAY, "--json")
    assert again.code == 0
    assert without_times_and_places(again.json) == without_times_and_places(played)
    assert played["recorded"]["events"] > 500


def test_rules_and_clusters_are_found(run: Run, hotel: Path) -> None:
    recommended = run("recommend", "g000001", "-d", hotel, "--json").json["recommendations"]
    assert recommended["fit"]["through"] == LAST_DAY
    assert all(each["lift"] > 1 for each in recommended["products"])
    assert recommended["products"]
    assert run("clusters", "-d", hotel, "--json").json["clusters"]["clusters"]


def assert_only_mistakes_are_refused(document: dict[str, Any], guests: int) -> None:
    recorded = document["recorded"]
    assert recorded["refused_unexpectedly"] == 0
    assert sum(recorded["refused"].values()) > 0
    assert recorded["accepted"] > 5 * guests
    rest = recorded["accepted"] + recorded["repeated"] + recorded["unchanged"]
    assert recorded["commands"] == rest + sum(recorded["refused"].values())


def test_nothing_that_the_rules_should_have_taken_is_refused(played: Any) -> None:
    assert_only_mistakes_are_refused(played, int(GUESTS))


@pytest.mark.soak
@pytest.mark.parametrize("guests", [120, 400])
def test_nothing_of_many_guests_is_refused_that_the_rules_should_have_taken(
    run: Run, tmp_path: Path, guests: int
) -> None:
    ran = run("demo", "-d", tmp_path / "hotel.db", "--guests", guests, "--json")
    assert_only_mistakes_are_refused(ran.json, guests)


def test_the_demo_replaces_no_log_but_its_own(run: Run, tmp_path: Path) -> None:
    mine = tmp_path / "mine.db"
    commands = tmp_path / "commands.jsonl"
    commands.write_text(
        json.dumps({"command": "RegisterCustomer", "customer": "c1", "occurred_at": "2024-05-01T10:00:00Z"}) + "\n"
    )
    assert run("import", commands, "-d", mine).code == 0
    before = run("status", "-d", mine, "--json").json["digest"]
    refused = run("demo", "-d", mine, "--guests", "5")
    assert refused.code == 2
    assert "holds a log that is not an unchanged demo" in refused.err
    assert run("status", "-d", mine, "--json").json["digest"] == before

    theirs = tmp_path / "theirs.db"
    with sqlite3.connect(theirs) as connection:
        connection.execute("CREATE TABLE accounts (name TEXT)")
    connection.close()
    assert run("demo", "-d", theirs, "--guests", "5").code == 4


def test_the_simulated_commands_can_be_written_and_imported(run: Run, tmp_path: Path) -> None:
    lines = tmp_path / "commands.jsonl"
    written = run("demo", "--commands-to", lines, "--guests", "20", "--json")
    assert written.code == 0
    assert written.json["commands"] == len(lines.read_text().splitlines()) > 50
    assert not (tmp_path / "hotel.db").exists()
    imported = run("import", lines, "-d", tmp_path / "a.db", "--json")
    assert imported.code in (0, 3)
    assert imported.json["rows"] == written.json["commands"]
    assert imported.json["recorded"] > 50


def test_the_version_is_said(run: Run) -> None:
    assert run("--version").out.startswith("relations ")
    assert app.info.name == "relations"
