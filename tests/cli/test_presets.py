"""`relations import` names the preset that reads a file, and records nothing before somebody agrees."""

from __future__ import annotations

import os
import pty
import subprocess
from pathlib import Path

import pytest

from relations.exchange import shipped_presets
from tests.cli.conftest import Run, command_line, environment
from tests.exchange.presets.test_presets import SAMPLES

ORDERS = SAMPLES / "shopify-orders.csv"


def test_the_presets_are_listed_and_shown(run: Run) -> None:
    listed = run("presets", "--json").json
    assert [each["name"] for each in listed] == shipped_presets()
    assert all(each["commands"] and each["traps"] for each in listed)
    assert "Shopify, orders (CSV)" in run("presets").out
    shown = run("presets", "shopify-orders")
    assert shown.code == 0
    assert "Only the first row of an order has its status" in " ".join(shown.out.split())
    unknown = run("presets", "shop")
    assert unknown.code != 0
    assert "no_such_preset" in unknown.err


def test_a_file_is_imported_by_its_preset(run: Run, tmp_path: Path) -> None:
    done = run("import", ORDERS, "--preset", "shopify-orders", "-d", tmp_path / "x.db", "--json")
    assert done.code == 3
    assert (done.json["source"], done.json["accepted"], done.json["rejected"]) == ("shopify-orders", 4, 2)
    assert "Billing Zip" in done.json["unread"]
    again = run("import", ORDERS, "--preset", "shopify-orders", "-d", tmp_path / "x.db")
    assert "Columns that are not read: Paid at" in again.out


def test_without_a_terminal_nothing_is_recorded_unasked(run: Run, tmp_path: Path) -> None:
    database = tmp_path / "x.db"
    shown = run("import", ORDERS, "-d", database)
    assert shown.code != 0
    assert "recognised as shopify-orders: Shopify, orders (CSV)" in shown.err
    assert "lines=(1 Wool blanket)" in " ".join(shown.out.split())
    assert "PurchaseLine" not in shown.out
    assert "RecordPurchase" in shown.out
    assert "not_agreed" in shown.err
    assert not database.exists()
    agreed = run("import", ORDERS, "-d", database, "--yes", "--json")
    assert agreed.json["recorded"] == 5


def test_what_a_preset_needs_is_given_on_the_command_line(run: Run, tmp_path: Path) -> None:
    contacts, database = SAMPLES / "chatwoot-contacts.csv", tmp_path / "x.db"
    asked = run("import", contacts, "-d", database, "--yes")
    assert "zone_missing" in asked.err
    asked = run("import", contacts, "-d", database, "--yes", "--zone", "UTC")
    assert "unknown_column" in asked.err
    given = ("--zone", "UTC", "--default", "created_at=2024-05-01")
    assert run("import", contacts, "-d", database, "--yes", *given, "--json").json["recorded"] == 3
    surveys = SAMPLES / "limesurvey-responses.de.csv"
    heading = "NPS=Wie wahrscheinlich ist es, dass Sie uns empfehlen?"
    done = run("import", surveys, "-d", database, "-y", "--zone", "Europe/Vienna", "--heading", heading, "--json")
    assert done.json["recorded"] == 2
    assert "malformed_pair" in run("import", surveys, "-d", database, "-y", "--heading", "NPS").err


def test_the_encoding_is_given_on_the_command_line(run: Run, tmp_path: Path) -> None:
    path, database = tmp_path / "latin.csv", tmp_path / "x.db"
    path.write_bytes(ORDERS.read_text("utf-8").replace("Greta", "Gréta").encode("cp1252"))
    wrong = run("import", path, "--preset", "shopify-orders", "-d", database)
    assert "wrong_encoding" in wrong.err
    assert "line 2" in wrong.err
    right = run("import", path, "--preset", "shopify-orders", "-d", database, "--encoding", "cp1252", "--json")
    assert right.json["recorded"] == 5


def test_two_mappings_and_an_unknown_preset_are_refused(run: Run, tmp_path: Path) -> None:
    database = tmp_path / "x.db"
    assert "two_mappings" in run("import", ORDERS, "-m", "cdnow", "--preset", "shopify-orders", "-d", database).err
    assert "no_such_preset" in run("import", ORDERS, "--preset", "shopify", "-d", database).err
    assert not database.exists()


@pytest.mark.parametrize(
    ("sample", "preset", "code", "hint"),
    [
        ("zendesk-tickets.json", "zammad-tickets", "no_rows", "give --preset zendesk-tickets"),
        ("shopify-orders.csv", "zammad-tickets", "malformed_source", "give --preset shopify-orders"),
        ("shopify-orders.csv", "zoho-contacts", "zone_missing", "--zone Europe/Vienna"),
        ("limesurvey-responses.csv", "shopify-orders", "unreadable_source", "give --preset limesurvey-responses"),
    ],
)
def test_a_file_of_another_product_is_recognised(
    run: Run, tmp_path: Path, sample: str, preset: str, code: str, hint: str
) -> None:
    done = run("import", SAMPLES / sample, "--preset", preset, "-d", tmp_path / "x.db")
    assert code in done.err
    assert hint in " ".join(done.err.split())


def test_a_file_that_no_preset_reads_leads_to_the_presets_page(run: Run, tmp_path: Path) -> None:
    other, empty = tmp_path / "other.csv", tmp_path / "empty.json"
    other.write_text("a,b\n1,2\n")
    empty.touch()
    done = run("import", other, "--preset", "shopify-orders", "-d", tmp_path / "x.db")
    assert "relations presets shopify-orders" in " ".join(done.err.split())
    for preset in ("zammad-articles", "shopify-orders"):
        assert "empty_source" in run("import", empty, "--preset", preset, "-d", tmp_path / "x.db").err


@pytest.mark.parametrize(("answer", "recorded"), [("y", True), ("n", False)])
def test_on_a_terminal_it_asks(tmp_path: Path, answer: str, recorded: bool) -> None:
    database = tmp_path / "x.db"
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command_line("import", ORDERS, "-d", database), stdin=theirs, stdout=theirs, stderr=theirs, env=environment()
    )
    os.close(theirs)
    seen = b""
    while b"like this?" not in seen:
        seen += os.read(ours, 4096)
    os.write(ours, answer.encode() + b"\n")
    try:
        while chunk := os.read(ours, 4096):
            seen += chunk
    except OSError:  # the other end is closed
        pass
    process.wait()
    os.close(ours)
    assert b"RecordPurchase" in seen
    assert database.exists() == recorded
    assert (b"not_agreed" in seen) != recorded
