"""The program asks the past: `--known`, `audit explain`, `audit diff` and `audit what-if`."""

from __future__ import annotations

import csv
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from relations.cli.app import app
from relations.cli.known import STATES
from relations.exchange.policies import policy_to_toml
from relations.policies import Policy
from relations.policies.loyalty.programme import Programme
from tests.audit.test_what_if import LIFE
from tests.past.test_as_of import lived
from tests.support.asking import START
from tests.support.making import sqlite_bytes


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("past") / "hotel.db"
    with lived(LIFE, f"sqlite:///{path}"):
        pass
    return str(path)


def run(*arguments: str, code: int = 0) -> str:
    found = CliRunner().invoke(app, list(arguments))
    assert found.exit_code == code, found.output
    return found.stdout


def asked(database: str, *arguments: str) -> Any:
    return json.loads(run(*arguments, "--database", database, "--json"))


def test_reports_answer_from_what_was_known(database: str) -> None:
    """Given a position and a time of recording, every report answers from the events before, and nothing is written."""
    run("rebuild", "--database", database)
    before = sqlite_bytes(f"sqlite:///{database}")
    now, then = asked(database, "report", "retention"), asked(database, "report", "retention", "--known", "8")
    assert then["known"] == 8 < now["known"]
    assert then["retention"] != now["retention"]
    hours = (START + timedelta(hours=4, minutes=30)).isoformat()
    assert asked(database, "report", "retention", "--known", hours)["known"] == 5
    assert asked(database, "liability", "--known", "8")["liability"]["points"] == 0
    assert asked(database, "liability")["liability"]["points"] > 0
    assert len(asked(database, "history", "c1", "--known", "8")["events"]) < len(
        asked(database, "history", "c1")["events"]
    )
    assert asked(database, "customer", "c1", "--known", "12")["history"][-1]["position"] <= 12
    assert asked(database, "loyalty", "c1", "--known", "12")["statement"]["closing"] > 0
    assert asked(database, "repair", "--known", "12")["as_of"] < asked(database, "repair")["as_of"]
    assert asked(database, "duplicates", "--known", "3")["duplicates"] == []
    assert sqlite_bytes(f"sqlite:///{database}") == before


def test_the_desk_is_shown_as_of_a_moment(database: str) -> None:
    """Given a complaint that was resolved on day 9, it is open as of day 6, though nothing is left to do now."""
    sixth = (START + timedelta(days=6)).isoformat()
    assert [each["complaint"] for each in asked(database, "complaints", "--as-of", sixth)["tickets"]] == ["k1"]
    assert asked(database, "complaint", "k1", "--as-of", sixth)["ticket"]["status"] == "filed"
    assert asked(database, "complaint", "k1")["ticket"]["status"] == "resolved"
    run("complaint", "k1", "--database", database, "--known", "5", code=2)


def test_the_page_and_frames_answer_from_what_was_known(database: str, tmp_path: Path) -> None:
    page, frame = tmp_path / "page.html", tmp_path / "rows.csv"
    run("report", "--database", database, "--known", "12", "--html", str(page))
    assert page.stat().st_size > 10_000
    sizes = []
    for known in ("1", "5"):
        run("frame", "retention.Patronage", "--database", database, "--known", known, "-o", str(frame))
        with frame.open() as opened:
            sizes.append(len(list(csv.reader(opened))))
    assert sizes[0] < sizes[1]


def test_states_are_kept_in_the_folder_that_is_named(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(STATES, str(tmp_path / "states"))
    run("liability", "--database", database, "--known", "12")
    assert [path.name.split("_")[0] for path in (tmp_path / "states").rglob("*.state")] == ["12"]


def test_a_row_a_tally_and_an_event_are_explained(database: str) -> None:
    found = asked(database, "audit", "explain", "loyalty", "c1")
    assert found["ids"] == ["c1", "c2"]
    assert [step["event"]["topic"] for step in found["steps"]].count("loyalty.points_redeemed") == 1
    earned = next(step["event"] for step in found["steps"] if step["event"]["topic"] == "loyalty.points_earned")
    why = asked(database, "audit", "explain", "--event", str(earned["position"]))
    assert why["causes"][0]["topic"] == "customer.purchase_recorded"
    assert "main.rates" in why["settings"]
    shown = run("audit", "explain", "loyalty", "c1", "--database", database)
    assert "points 1,000 → 100" in " ".join(shown.split())
    assert "It began with the command" in run("audit", "explain", "--event", str(earned["position"]), "-d", database)
    worth = asked(database, "audit", "explain", "retention", "--figure", "lifetime_value", "--of", "customer=c2")
    assert worth["contributions"][0]["customer"] == "c1"
    assert worth["value"] == worth["sums"]["historic"] > 0
    shown = run("audit", "explain", "retention", "--figure", "lifetime_value", "-d", database)
    assert "Sums over 1 customer: historic" in " ".join(shown.split())
    run("audit", "explain", "retention", "--figure", "lifetime_value", "--of", "c2", "--database", database, code=2)
    run("audit", "explain", "loyalty", "--database", database, code=2)
    run("audit", "explain", "taxes", "c1", "--database", database, code=2)


def test_two_states_are_compared(database: str) -> None:
    found = asked(database, "audit", "diff", "--from", "12", "--view", "loyalty", "--limit", "100")
    assert found["differences"] == len(found["rows"]) > 0
    assert all(each["events_only_after"] for each in found["rows"] if each["table"] == "AccountRow")
    assert "Both states are equal." in run("audit", "diff", "--database", database, "--other", database)
    run("audit", "diff", "--database", database, code=2)


def test_two_policies_are_compared_row_by_row(database: str, tmp_path: Path) -> None:
    """Given other rates, only what points decide differs; both orders say the same, and one policy differs nowhere."""
    files = [tmp_path / name for name in ("usual.toml", "cheaper.toml")]
    for file, policy in zip(files, (Policy(), Policy(programme=Programme(rates={"EUR": "5"}))), strict=True):
        file.write_text(policy_to_toml(policy, whole=True))
    usual, cheaper = (("--policy", str(file)) for file in files)
    assert "Both states are equal." in run("audit", "diff", "--database", database, *usual, *usual)
    found = asked(database, "audit", "diff", *usual, *cheaper, "--limit", "100")
    assert found["differences"] == len(found["rows"]) > 0
    assert {each["view"] for each in found["rows"]} & {"loyalty"}
    assert not {each["view"] for each in found["rows"]} & {"repair", "satisfaction"}
    earned = [each for each in found["rows"] if each["table"] == "AccountRow"]
    assert any(each["events_only_before"] and each["events_only_after"] for each in earned)
    back = asked(database, "audit", "diff", *cheaper, *usual, "--limit", "100")
    mirrored = [(each["table"], each["key"], each["after"], each["before"]) for each in back["rows"]]
    assert mirrored == [(each["table"], each["key"], each["before"], each["after"]) for each in found["rows"]]
    happened = asked(database, "audit", "diff", *cheaper, "--view", "loyalty", "--limit", "100")
    assert happened["rows"]
    for wrong in (("--from", "3"), ("--to", "3"), ("--other", database), (*usual, *usual)):
        run("audit", "diff", "--database", database, *cheaper, *wrong, code=2)


def test_another_policy_is_tried(database: str, tmp_path: Path) -> None:
    file = tmp_path / "other.toml"
    file.write_text(policy_to_toml(Policy(programme=Programme(rates={"EUR": "5"})), whole=True))
    found = asked(database, "audit", "what-if", "--policy", str(file))
    figures = {each["name"]: (each["happened"], each["instead"]) for each in found["figures"]}
    assert figures["points earned"][0] == 2 * figures["points earned"][1] > 0
    assert [each["command_id"] for each in found["refused"]] == ["x1"]
    shown = run("audit", "what-if", "--policy", str(file), "--database", database)
    assert "refused" in shown
    assert "No decision would have been another one." in run("audit", "what-if", "--database", database)
