from __future__ import annotations

import csv
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars
import pytest

from relations import EraseCustomer, FileComplaint, GiveFeedback, RecordPurchase, RegisterCustomer, Relations
from relations.cli.show import counted
from relations.commands import (
    BeginPlan,
    CorrectProfile,
    GiveConsent,
    LinkIdentity,
    MergeCustomer,
    NoteCulture,
    NoteTrait,
)
from relations.messages import Money
from relations.policies import Care, Policy
from tests.cli.conftest import Run

WORDS = "goose down, and none of it under the window"
AT = datetime(2025, 6, 1, tzinfo=UTC)


@pytest.fixture
def guest(hotel: Path) -> str:
    """The member with complaints of whom most is recorded, with more told of them than the demo tells."""
    with Relations.open(f"sqlite:///{hotel}") as relations:
        members = {each.customer for each in relations.events() if each.topic.startswith("loyalty.")}
        complained = {each.customer for each in relations.events() if each.topic == "complaint.filed"}
        told = Counter(each.customer for each in relations.events() if each.customer in members & complained)
        ((found, _),) = told.most_common(1)
        common = {"occurred_at": AT}
        for command in (
            NoteTrait(customer=found, trait="preference", about="pillow", words=WORDS, **common),
            NoteTrait(customer=found, trait="need", about="quiet", need="emotional", **common),
            NoteCulture(customer=found, languages=("de", "ja"), pace="slow", customs="bows", **common),
            LinkIdentity(customer=found, source="crm", external_id="77", **common),
            GiveFeedback(customer=found, feedback="f-low", instrument="nps", score=0, **common),
            FileComplaint(customer=found, complaint="k-late", subject="noise", channel="email", **common),
            RegisterCustomer(customer="other", name="Somebody Else", **common),
            MergeCustomer(customer="other", into=found, **common),
        ):
            relations.execute(command)
    return found


@pytest.mark.parametrize("width", [80, 120])
def test_the_whole_file_of_a_customer_fits_on_a_screen(run: Run, hotel: Path, guest: str, width: int) -> None:
    shown = run("customer", "other", "-d", hotel, COLUMNS=str(width))
    assert (shown.code, shown.err) == (0, "")
    for said in (
        guest, "Somebody Else", "other (merged)", "77 in crm", "pillow: goose down", "quiet (emotional)",
        "speaks de, ja; pace: slow; customs: bows", "complaints", "to spend, tier", "RFM", "(inferred)", "net",
        "Feelings", "Expected", "Complaints", "k-late", "late", "Answers", "to be answered by",
        "What is due", "follow up", "Timeline", "merged", "earlier events", "Times are in Europe/Vienna",
    ):  # fmt: skip
        assert said in shown.out, said
    assert max(map(len, shown.out.splitlines())) <= width
    short = run("customer", guest, "-d", hotel, "--events", 0, COLUMNS=str(width))
    assert "Timeline" not in short.out


def test_the_file_is_one_document_for_programs(run: Run, hotel: Path, guest: str) -> None:
    file = run("customer", guest, "-d", hotel, "--json").json
    assert file["portrait"]["customer"] == guest
    assert [trait["words"] for trait in file["portrait"]["traits"]] == [None, WORDS]
    assert file["portrait"]["phone_number"] is None or file["portrait"]["phone_number"].startswith("+")
    assert {answer["feedback"] for answer in file["answers"]} > {"f-low"}
    assert [loop["feedback"] for loop in file["open_loops"]].count("f-low") == 1
    assert file["tickets"][0]["complaint"] == "k-late" or len(file["tickets"]) > 1
    assert file["relation"]["standing"]["complaints"] == len(file["tickets"])
    assert file["accounts"][0]["earned"] > 0
    # So few guests may fit no model; then it says why.
    assert file["worth"]["historic"] > 0
    assert file["worth_unknown"] if file["worth"]["alive"] is None else 0 <= file["worth"]["alive"] <= 1
    assert len(file["history"]) > 30
    times = [each["occurred_at"] for each in file["history"]]
    assert times == sorted(times)
    assert run("customer", "other", "-d", hotel, "--json").json["portrait"] == file["portrait"]


def test_the_file_as_of_a_day_knows_nothing_of_later(run: Run, hotel: Path, guest: str) -> None:
    before = (AT - timedelta(days=1)).date().isoformat()
    file = run("customer", guest, "-d", hotel, "--as-of", before, "--json").json
    assert file["portrait"]["traits"] == []
    assert "k-late" not in {ticket["complaint"] for ticket in file["tickets"]}
    assert all(each["occurred_at"] < AT.isoformat() for each in file["history"])
    shown = run("customer", guest, "-d", hotel, "--as-of", before)
    assert (shown.code, f"as of {before} 23:59" in shown.out) == (0, True)
    assert run("customer", guest, "-d", hotel, "--as-of", "2001-01-01").code == 2


def test_an_erased_customer_is_shown_as_such(run: Run, hotel: Path, guest: str) -> None:
    with Relations.open(f"sqlite:///{hotel}") as relations:
        name = relations.views.customers.portrait(guest).name
        relations.execute(EraseCustomer(customer=guest, occurred_at=AT + timedelta(days=60)))
    assert name
    shown = run("customer", guest, "-d", hotel, "--events", 500)
    assert shown.code == 0
    assert "Erased on 2025-07-31" in shown.out
    assert "[erased]" in shown.out
    for word in (name, "goose", "example.com"):
        assert word not in shown.out


@pytest.mark.parametrize("command", ["customer", "history"])
def test_nobody_is_an_error(run: Run, hotel: Path, command: str) -> None:
    shown = run(command, "nobody", "-d", hotel)
    assert shown.code == 2
    assert "unknown_customer" in shown.err
    assert run(command, "nobody", "-d", hotel, "--json").json["error"]["code"] == "unknown_customer"
    assert run(command, "no body", "-d", hotel).code == 2


def test_likely_duplicates_are_proposed(run: Run, hotel: Path) -> None:
    with Relations.open(f"sqlite:///{hotel}") as relations:
        for customer, name in (("twice-1", "Ada Lovelace"), ("twice-2", "LOVELACE, Ada")):
            relations.execute(
                RegisterCustomer(
                    customer=customer, name=name, email="ada@example.org", birthday="1980-02-29", occurred_at=AT
                )
            )
    found = run("duplicates", "-d", hotel, "--json", "--limit", 1_000).json["duplicates"]
    (pair,) = [each for each in found if each["customers"] == ["twice-1", "twice-2"]]
    assert [said["kind"] for said in pair["evidence"]] == ["email", "name_and_birthday"]
    shown = run("duplicates", "-d", hotel, "--limit", 1_000)
    for said in ("twice-1", "twice-2", "LOVELACE, Ada", "email: ada@example.org", counted(len(found), "pair")):
        assert said in shown.out
    assert "no likely duplicates" in run("duplicates", "-d", hotel, "--after", *found[-1]["customers"]).out
    with Relations.open(f"sqlite:///{hotel}") as relations:
        relations.execute(MergeCustomer(customer="twice-2", into="twice-1", occurred_at=AT))
    left = run("duplicates", "-d", hotel, "--json", "--limit", 1_000).json["duplicates"]
    assert len(left) == len(found) - 1


def test_of_whoever_bought_in_another_currency_only_that_is_said(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "one.db"
    with Relations.open(f"sqlite:///{path}", clock=lambda: AT) as relations:
        bought = {"customer": "c1", "purchase": "p1", "amount": Money(19_000, "JPY")}
        relations.execute(RecordPurchase(**bought, occurred_at=AT - timedelta(days=3)))
    file = run("customer", "c1", "-d", path, "--as-of", AT.isoformat(), "--json").json
    assert file["worth"] is None
    assert file["worth_unknown"] == "they have not bought in the policy's currency"
    shown = run("customer", "c1", "-d", path, "--as-of", AT.isoformat()).out
    assert "unknown: they have not bought" in " ".join(shown.split())
    assert "no loyalty since" in shown
    assert "none loyalty" not in shown


def test_people_are_found_by_whatever_is_known_of_them(run: Run, hotel: Path, guest: str) -> None:
    for asked in (("somebody",), ("ELSE", "Somebody"), ("77",), ("other",), (guest,)):
        shown = run("find", *asked, "-d", hotel)
        assert (shown.code, shown.err) == (0, ""), asked
        assert guest in shown.out
    (found,) = run("find", "somebody", "-d", hotel, "--json").json["found"]
    assert (found["customer"], found["matched_id"], found["name"]) == (guest, "other", "Somebody Else")
    with Relations.open(f"sqlite:///{hotel}") as relations:
        relations.execute(EraseCustomer(customer="other", occurred_at=AT))
    nobody = run("find", "somebody", "-d", hotel)
    blank = run("find", "  ", "-d", hotel)
    assert (blank.code, "nothing to find customers by" in blank.err) == (2, True)
    assert (nobody.code, "Nobody was found" in nobody.out) == (1, True)
    assert "Indexed" in run("index", "-d", hotel).err


def test_an_audience_is_listed_or_written_to_a_file(run: Run, hotel: Path, guest: str, tmp_path: Path) -> None:
    with Relations.open(f"sqlite:///{hotel}") as relations:
        now = {"customer": guest, "occurred_at": AT}
        relations.execute(GiveConsent(purpose="news", channel="email", **now))
        relations.execute(NoteTrait(trait="taboo", about="clocks", **now))
        relations.execute(CorrectProfile(email="guest@example.org", name="=Ada", **now))
    asked = ("audience", "-d", hotel, "--channel", "email", "--purpose", "news")
    (addressee,) = run(*asked, "--json").json["audience"]
    assert (addressee["customer"], addressee["address"]) == (guest, "guest@example.org")
    assert "clocks" in run(*asked).out
    assert "Nobody" in run(*asked, "--language", "xx").out
    for name in ("people.csv", "people.parquet"):
        done = run(*asked, "-o", tmp_path / name)
        assert (done.code, "Wrote 1 customer to" in done.err) == (0, True)
    rows = list(csv.DictReader((tmp_path / "people.csv").read_text("utf-8").splitlines()))
    assert [(row["customer"], row["name"], row["taboos"]) for row in rows] == [(guest, "'=Ada", "clocks")]
    assert polars.read_parquet(tmp_path / "people.parquet")["name"].to_list() == ["=Ada"]
    wrong = run(*asked, "--segment", "nobody")
    assert (wrong.code, "there is no segment 'nobody'" in wrong.err) == (2, True)


def test_contact_is_shown_by_kind_with_the_customers_nobody_contacted(run: Run, hotel: Path) -> None:
    shown = run("contacts", "-d", hotel, "--days", 200, "--as-of", "2025-12-31")
    assert (shown.code, shown.err) == (0, "")
    for said in ("greeting", "Sell nothing", "without contact in 200 days", "never"):
        assert said in shown.out, said
    document = run("contacts", "-d", hotel, "--json", "--limit", 3).json
    assert len(document["silent"]) == 3
    assert document["silent_customers"] >= 3
    assert document["figures"][0]["kind"] == ""


def test_care_lists_whom_to_contact_and_what_was_kept(run: Run, tmp_path: Path) -> None:
    database = tmp_path / "care.db"
    with Relations.open(f"sqlite:///{database}", clock=lambda: AT) as relations:
        relations.adopt(Policy(care=Care(plans=("support",))), from_beginning=True)
        now: dict[str, Any] = {"customer": "ada", "occurred_at": AT - timedelta(days=3)}
        relations.execute(RegisterCustomer(name="Ada", phone="+43 1 5550199", **now))
        relations.execute(BeginPlan(plan="support", owner="li", **now))
        relations.advance_time(AT)
    asked = ("care", "-d", database, "--as-of", f"{AT:%Y-%m-%d}")
    (contact,) = run(*asked, "--json").json["due"]
    assert (contact["customer"], contact["step"], contact["channel"]) == ("ada", "call", "phone")
    shown = run(*asked, "--owner", "li", COLUMNS="160").out
    assert "5 minutes" in shown
    assert "support-1 call" in shown
    assert "Nobody" in run(*asked, "--owner", "bo").out
    assert "No step" in run(*asked[:1], "kept", *asked[1:]).out
    wrong = run(*asked[:1], "kept", *asked[1:], "--owner", "li")
    assert (wrong.code, "unsuitable_option" in wrong.err) == (2, True)
    file = run("customer", "ada", "-d", database, "--as-of", f"{AT:%Y-%m-%d}", COLUMNS="160").out
    assert "next short call from" in file
    assert "by li" in file
    with Relations.open(f"sqlite:///{database}", clock=lambda: AT) as relations:
        relations.advance_time(AT + timedelta(days=10))
    assert run("care", "kept", "-d", database, "--plan", "support", "--json").json["kept"][0]["lapsed"] == 1
    assert "short call" in run("care", "kept", "-d", database).out
    months = run("care", "kept", "-d", database, "--plan", "support", "--json").json["months"]
    assert sum(each["lapsed"] for each in months) == 1
    mistyped = run("care", "kept", "-d", database, "--plan", "suport")
    assert (mistyped.code, "no care plan 'suport'" in mistyped.err, "support" in mistyped.err) == (2, True, True)
