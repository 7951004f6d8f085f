from __future__ import annotations

from pathlib import Path

import pytest

from relations import Relations
from relations.projections.loyalty.view import AccountRow
from tests.cli.conftest import Run


@pytest.fixture
def member(hotel: Path) -> str:
    """The member who has spent most."""
    with Relations.open(f"sqlite:///{hotel}") as relations:
        return max(relations.views.loyalty.rows(AccountRow), key=lambda row: row.redeemed).customer


def test_a_statement_adds_up_for_people_and_for_programs(run: Run, hotel: Path, member: str) -> None:
    whole = run("loyalty", member, "-d", hotel, "--limit", 1_000, "--json").json
    statement, account = whole["statement"], whole["account"]
    assert statement["opening"] == 0
    assert statement["count"] == len(statement["entries"]) > 5
    assert sum(entry["points"] - entry["debt"] for entry in statement["entries"]) == statement["closing"]
    assert statement["closing"] == account["balance"] == sum(lot["points"] for lot in account["lots"])

    period = ("--since", "2025-06-01", "--until", "2025-09-30")
    part = run("loyalty", member, "-d", hotel, *period, "--limit", 1, "--json").json["statement"]
    assert (part["since"], part["until"]) == ("2025-05-31T22:00:00Z", "2025-09-30T22:00:00Z")
    assert part["opening"] + sum(part["totals"].values()) == part["closing"]
    assert len(part["entries"]) == 1 < part["count"]

    shown = run("loyalty", member, "-d", hotel, *period, "--limit", 1)
    assert shown.code == 0
    for said in ("opening balance", "closing balance", f"{part['closing']:,}", "--after", "Open lots"):
        assert said in shown.out
    last = part["entries"][0]["position"]
    rest = run("loyalty", member, "-d", hotel, *period, "--after", last, "--json").json["statement"]
    assert [rest["count"], len(rest["entries"])] == [part["count"], part["count"] - 1]
    wrong = run("loyalty", member, "-d", hotel, *period, "--after", 0)
    assert (wrong.code, "no entry of the list" in wrong.err) == (2, True)


@pytest.mark.parametrize("command", ["loyalty", "repair", "customer", "history"])
def test_an_unknown_customer_is_an_error_of_every_command(run: Run, hotel: Path, command: str) -> None:
    shown = run(command, "nobody", "-d", hotel, "--json")
    assert (shown.code, shown.json["error"]["code"]) == (2, "unknown_customer")


def test_a_period_that_ends_before_it_begins_is_refused(run: Run, hotel: Path) -> None:
    assert run("loyalty", "no body", "-d", hotel).code == 2
    assert run("loyalty", "nobody", "-d", hotel, "--since", "2025-02-01", "--until", "2025-01-01").code == 2


def test_a_programme_that_there_never_was_is_named(run: Run, hotel: Path) -> None:
    for asked in (["loyalty", "g000001"], ["liability"]):
        refused = run(*asked, "-d", hotel, "--programme", "mian")
        assert (refused.code, "there is no programme 'mian'" in refused.err) == (2, True)


def test_what_is_owed_is_shown_by_month(run: Run, hotel: Path) -> None:
    then = run("liability", "-d", hotel, "--as-of", "2025-03-31", "--json").json
    assert then["liability"]["as_of"] == "2025-03-31T21:59:59.999999Z"
    assert then["liability"]["points"] == sum(month["points"] for month in then["liability"]["months"]) > 0
    with Relations.open(f"sqlite:///{hotel}") as relations:
        held = sum(
            sum(lot.points for lot in relations.load("loyalty", customer).lots.values())
            for customer in {row.customer for row in relations.views.loyalty.rows(AccountRow)}
        )
    now = run("liability", "-d", hotel, "--json").json["liability"]
    assert now["points"] == held > 0
    shown = run("liability", "-d", hotel, "--as-of", "2025-12-31")
    assert f"{held:,}" in shown.out
    assert "2026-10" in shown.out
    # Years later, with nobody having told the log of the time: the months are over.
    assert "overdue" in run("liability", "-d", hotel, "--as-of", "2028-12-31").out


def test_a_programme_is_checked(run: Run, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.toml", tmp_path / "bad.toml"
    good.write_text('id = "main"\nname = "Guest Rewards"\n')
    bad.write_text('id = "main"\n[[tiers]]\nname = "gold"\nthreshold = 10\n[[tiers]]\nname = "silver"\nthreshold = 5\n')
    checked = run("programme", "check", good, "--json")
    assert (checked.code, checked.json["good"], checked.json["findings"]) == (0, True, [])
    assert "No mistakes found" in run("programme", "check", good).out
    found = run("programme", "check", bad)
    assert found.code == 1
    assert "silver" in found.out
    assert run("programme", "check", tmp_path / "none.toml").code == 2
