"""`relations record` and `policy`: commands and rules from the shell, refused as in the library."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from relations import Relations
from relations.cli.choices import complete_command, complete_pair
from tests.cli.conftest import Run

PURCHASE = ("RecordPurchase", "customer=c1", "purchase=p1", "amount=12.30 EUR", "occurred_at=2026-05-01T10:00Z")


def recorded(database: Path) -> list[str]:
    with Relations.open(f"sqlite:///{database}", access="read") as engine:
        return [event.topic for event in engine.events()]


def test_a_command_is_recorded_with_its_actor(run: Run, tmp_path: Path) -> None:
    database = tmp_path / "new.db"
    first = run("record", *PURCHASE, "command_id=till-7", "-d", database, "--actor", "desk-3")
    assert first.code == 0
    assert "is new" in first.err
    assert "purchase recorded" in first.out
    again = run("record", *PURCHASE, "command_id=till-7", "-d", database, "--actor", "desk-3", "--json")
    assert (again.json["repeated"], again.json["recorded"]) == (True, False)
    assert {event["actor"] for event in again.json["events"]} == {"desk-3"}
    assert recorded(database) == ["policy.adopted", "customer.registered", "customer.purchase_recorded"]


def test_what_a_rule_refuses_is_not_recorded(run: Run, tmp_path: Path) -> None:
    database = tmp_path / "shop.db"
    run("record", *PURCHASE, "-d", database)
    refused = run(
        "record", "RefundPurchase", "customer=c1", "purchase=p1", "refund=r1", "amount=13 EUR", "-d", database, "--json"
    )
    assert (refused.code, refused.json["error"]["code"]) == (3, "refund_exceeds_purchase")
    wrong = run("record", "RefundPurchase", "customer=c1", "-d", database)
    assert (wrong.code, "needs refund" in wrong.err) == (2, True)
    assert "refund" not in " ".join(recorded(database))


def test_a_dry_run_shows_what_would_happen_and_records_nothing(run: Run, tmp_path: Path) -> None:
    database = tmp_path / "shop.db"
    run("record", *PURCHASE, "-d", database)
    before = recorded(database)
    tried = run("record", "RegisterCustomer", "customer=c2", "name=Ada", "-d", database, "--dry-run", "--json")
    assert ([event["topic"] for event in tried.json["events"]], tried.json["recorded"]) == (
        ["customer.registered"],
        False,
    )
    assert recorded(database) == before
    missing = run("record", *PURCHASE, "-d", tmp_path / "none.db", "--dry-run")
    assert missing.code == 4
    assert not (tmp_path / "none.db").exists()


def test_a_command_is_read_as_json_from_stdin(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document: dict[str, Any] = {"command": "GiveConsent", "customer": "c1", "purpose": "news", "channel": "email"}
    for body, code in ((json.dumps(document), 0), ("no JSON", 2), ("[]", 2), (json.dumps({"customer": "c1"}), 2)):
        from typer.testing import CliRunner

        from relations.cli.app import app

        result = CliRunner().invoke(app, ["record", "-", "-d", str(tmp_path / "shop.db")], input=body)
        assert result.exit_code == code, body
    assert recorded(tmp_path / "shop.db")[-1] == "customer.consent_given"


def test_commands_and_fields_are_listed_and_completed(run: Run) -> None:
    assert run("record", "--list", "--json").json["RecordPurchase"].startswith("Record a purchase")
    shown = run("record", "RecordPurchase", "--fields").out
    for each in ("required", "money", "official_account", "occurred_at"):
        assert each in shown
    assert complete_command("recordp") == ["RecordPurchase"]

    line: Any = SimpleNamespace(params={"command": "RecordPurchase", "pairs": ["customer=c1"]})
    assert complete_pair(line, "c") == ["command_id=", "category=", "channel=", "campaign=", "cost="]
    assert complete_pair(line, "channel=so") == ["channel=social"]
    assert complete_pair(line, "discounted=") == ["discounted=yes", "discounted=no"]


def test_a_policy_is_shown_edited_checked_and_adopted(run: Run, tmp_path: Path) -> None:
    database, file = tmp_path / "shop.db", tmp_path / "policy.toml"
    run("record", *PURCHASE, "-d", database)
    file.write_text(
        run("policy", "show", "-d", database, "--all").out.replace("minimum_answers = 5", "minimum_answers = 3")
    )

    checked = run("policy", "check", file, "-d", database, "--json").json
    assert checked == {
        "good": True,
        "findings": [],
        "changes": [{"field": "surveys.minimum_answers", "before": 5, "after": 3}],
    }
    adopted = run("policy", "adopt", file, "-d", database, "--actor", "ann", "--json").json
    assert (adopted["adopted"], adopted["version"], adopted["position"]) == (True, 2, 4)
    again = run("policy", "adopt", file, "-d", database)
    assert (again.code, "Nothing to adopt" in again.out) == (0, True)
    assert "minimum_answers = 3" in run("policy", "show", "-d", database).out
    assert run("policy", "show", "-d", database, "--as-of", "2020-01-01").out.startswith(
        "# Policy 1, in force from the beginning"
    )
    assert recorded(database).count("policy.adopted") == 2


def test_the_field_of_a_wide_change_is_shown(run: Run, tmp_path: Path) -> None:
    database, file = tmp_path / "shop.db", tmp_path / "policy.toml"
    file.write_text("[lifecycle]\nsegments = []\n")
    run("record", *PURCHASE, "-d", database)
    assert "lifecycle.segments[regulars]" in run("policy", "check", file, "-d", database).out


def test_a_policy_with_a_mistake_is_not_adopted(run: Run, tmp_path: Path) -> None:
    database, file = tmp_path / "shop.db", tmp_path / "policy.toml"
    run("record", *PURCHASE, "-d", database)
    file.write_text("[surveys]\nminimum_answers = 0\n")
    checked = run("policy", "check", file)
    assert (checked.code, "surveys.minimum_answers" in checked.out) == (1, True)
    assert run("policy", "adopt", file, "-d", database).code == 2
    file.write_text("")
    both = run("policy", "adopt", file, "-d", database, "--since", "2026-01-01", "--from-beginning")
    assert (both.code, "exclude each other" in both.err) == (2, True)
    assert recorded(database).count("policy.adopted") == 1


def test_the_board_is_reported_and_an_improvement_measured(run: Run, hotel: Path) -> None:
    board = run("report", "board", "-d", hotel, "--as-of", "2025-12-31", "--json").json["board"]
    assert [figure["indicator"] for figure in board["figures"]][:2] == ["nps", "satisfaction"]
    goal = next(each for each in board["goals"] if each["improvements"])
    name = goal["improvements"][0]["improvement"]
    shown = run("report", "board", "-d", hotel, "--as-of", "2025-12-31").out
    for said in ("Satisfaction", "Owner", "Target", "Goals", "counter"):
        assert said in shown
    measured = run("board", "measure", goal["goal"], name, "-d", hotel, "--months", 2)
    assert (measured.code, "before" in measured.out, "after" in measured.out) == (0, True, True)
    unknown = run("board", "measure", goal["goal"], "none", "-d", hotel, "--json")
    assert (unknown.code, unknown.json["error"]["code"]) == (2, "unknown_improvement")
