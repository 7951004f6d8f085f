from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from relations.aggregates.complaint import AssignComplaint, FileComplaint
from relations.engine import Relations
from tests.cli.conftest import Run

AS_OF = ("--as-of", "2025-12-31")


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """Three complaints, long overdue; one of them is somebody's."""
    path = tmp_path / "desk.db"
    with Relations.open(f"sqlite:///{path}", durability="off") as relations:
        for number, severity in enumerate(("medium", "critical", "low")):
            relations.execute(
                FileComplaint(
                    complaint=f"k{number}",
                    customer="c1",
                    subject="noise at night",
                    channel="email",
                    severity=severity,
                    occurred_at=datetime(2025, 1, 1, tzinfo=UTC) + timedelta(days=number),
                )
            )
        filed = datetime(2025, 1, 3, tzinfo=UTC)
        relations.execute(AssignComplaint(complaint="k1", owner="ann", department="rooms", occurred_at=filed))
    return path


def names(document: dict[str, list[dict[str, str]]]) -> list[str]:
    return [ticket["complaint"] for ticket in document["tickets"]]


def test_the_work_list_is_read_page_by_page(run: Run, desk: Path) -> None:
    whole = run("complaints", "-d", desk, "--json").json
    assert (names(whole), whole["next"]) == (["k0", "k1", "k2"], None)
    assert names(run("complaints", "-d", desk, "--order", "severity", "--json").json) == ["k1", "k0", "k2"]
    first = run("complaints", "-d", desk, "--limit", "2", "--json").json
    assert names(run("complaints", "-d", desk, "--after", first["next"], "--json").json) == ["k2"]
    assert names(run("complaints", "-d", desk, "--owner", "ann", "--overdue", "--json").json) == ["k1"]
    assert names(run("complaints", "-d", desk, "--unassigned", "--severity", "low", "--json").json) == ["k2"]
    assert names(run("complaints", "-d", desk, "--kind", "complaint", "--json").json) == names(whole)
    with Relations.open(f"sqlite:///{desk}", durability="off") as relations:
        filed = datetime(2025, 1, 9, tzinfo=UTC)
        enquiry = {"complaint": "e1", "customer": "c2", "subject": "parking", "channel": "phone", "grade": "high"}
        relations.execute(FileComplaint(**enquiry, kind="enquiry", occurred_at=filed))
    for option in (("--kind", "enquiry"), ("--channel", "phone"), ("--grade", "high")):
        assert names(run("complaints", "-d", desk, *option, "--json").json) == ["e1"]
        assert names(run("complaints", "-d", desk, "--since", "2025-01-01", *option, "--json").json) == ["e1"]
    assert "enquiry" in run("complaints", "-d", desk, "--kind", "enquiry").out
    shown = run("complaints", "-d", desk, "--limit", "2").out
    assert f"--after {first['next']}" in shown
    assert "ago" in shown


def test_complaints_are_searched_by_state_and_time(run: Run, hotel: Path) -> None:
    found = run("complaints", "-d", hotel, "--status", "closed", "--since", "2025-01-01", "--json").json["tickets"]
    assert found
    assert {each["status"] for each in found} == {"closed"}
    assert all(each["filed_at"] >= "2024-12-31T23" for each in found)
    assert "found, by time of filing" in run("complaints", "-d", hotel, "--status", "closed").out
    assert (
        run("complaints", "-d", hotel, "--status", "merged", "--since", "2030-01-01").out.count("There are none.") == 1
    )


def test_who_has_how_much(run: Run, desk: Path) -> None:
    loads = run("complaints", "-d", desk, "--load", "owner", "--json").json["load"]
    assert [(load["name"], load["open"], load["critical"]) for load in loads] == [(None, 2, 0), ("ann", 1, 1)]
    shown = run("complaints", "-d", desk, "--load", "department").out
    assert "nobody" in shown
    assert "rooms" in shown


def test_a_complaints_file_tells_its_whole_story(run: Run, hotel: Path) -> None:
    name = run("complaints", "-d", hotel, "--status", "closed", "--json").json["tickets"][0]["complaint"]
    document = run("complaint", name, "-d", hotel, "--json").json
    assert document["ticket"]["status"] == "closed"
    assert [event["version"] for event in document["events"]] == list(range(1, len(document["events"]) + 1))
    assert document["events"][0]["topic"] == "complaint.filed"
    assert document["events"][0]["body"]["text"]
    assert document["repair"]["complaint"] == name
    shown = run("complaint", name, "-d", hotel).out
    assert f"Complaint {name}" in shown
    assert "Timeline" in shown


def test_repair_is_shown_whole_and_for_one_customer(run: Run, hotel: Path) -> None:
    document = run("repair", "-d", hotel, *AS_OF, "--json").json
    assert set(document) == {"as_of", "zone", "repair", "details"}
    assert document["repair"]["summary"]["damaged"] > 1
    accounts = document["details"]["accounts"]
    assert accounts
    shown = run("repair", "-d", hotel, *AS_OF)
    for heading in ("Clock", "What was done", "Emotional accounts", "Time to each step"):
        assert heading in shown.out
    customer = accounts[0]["customer"]
    one = run("repair", customer, "-d", hotel, *AS_OF, "--json").json
    assert one["account"]["balance"] == accounts[0]["balance"]
    assert one["relation"]["standing"]["customer"] == customer
    assert "Emotional account" in run("repair", customer, "-d", hotel, *AS_OF).out


@pytest.mark.parametrize("command", [("complaints",), ("repair",), ("complaints", "--status", "closed")])
@pytest.mark.parametrize("which", ["hotel", "desk"])
def test_it_fits_a_terminal_of_80_columns(
    run: Run, request: pytest.FixtureRequest, which: str, command: tuple[str, ...]
) -> None:
    shown = run(*command, "-d", request.getfixturevalue(which)).out
    assert shown
    assert all(len(line.rstrip()) <= 80 for line in shown.splitlines())
    assert "…" not in shown


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("complaint", "no-such"), "there is no complaint no-such"),
        (("complaint", "not an id"), "cannot be a complaint id"),
        (("complaints", "--after", "nonsense"), "is not the `next` of a page of this list"),
        (("complaints", "--status", "closed", "--overdue"), "apply to the work list"),
        (("repair", "not an id"), "cannot be a customer id"),
        (("complaints", "--status", "closed", "--since", "yesterday"), "neither a day nor a time"),
    ],
)
def test_what_is_wrong_on_the_command_line_is_said(
    run: Run, hotel: Path, arguments: tuple[str, ...], said: str
) -> None:
    ended = run(*arguments, "-d", hotel)
    assert ended.code == 2
    assert said in " ".join(ended.err.split())


def test_the_list_shows_the_customer_and_the_day_of_filing_and_breaks_no_word(run: Run, desk: Path) -> None:
    tickets = run("complaints", "-d", desk, "--json").json["tickets"]
    shown = run("complaints", "-d", desk, COLUMNS="80").out
    assert tickets
    for ticket in tickets:
        said = {ticket["complaint"], ticket["customer"], ticket["filed_at"][:7], *ticket["subject"].split()}
        assert all(word in shown for word in said)
