"""`relations audit access`, `erase-certificate` and `clear-words`, as the person who answers a request uses them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from relations import Relations
from tests.cli.conftest import Run
from tests.support.making import complaint, erase, register


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log.db"
    with Relations.open(f"sqlite:///{path}") as engine:
        engine.execute_many(
            [
                register("ada", name="Ada Lovelace", email="ada@lovelace.example"),
                complaint(1, "ada", subject="noise at lovelace's", text="It squeaks"),
                register("bea", name="Beatrix Kiddo"),
            ]
        )
        engine.execute(erase("bea", actor="maria"))
    return path


def test_a_report_is_written_in_the_form_that_is_asked_for(run: Run, log: Path, tmp_path: Path) -> None:
    assert "| It squeaks" not in run("audit", "access", "bea", "-d", log).out
    shown = run("audit", "access", "ada", "-d", log)
    assert shown.code == 0
    assert "text: It squeaks" in shown.out
    assert run("audit", "access", "ada", "-d", log, "--json").json["ids"] == ["ada"]
    page = tmp_path / "ada.html"
    assert "events of ada are in" in run("audit", "access", "ada", "-d", log, "-o", page).out.replace("\n", " ")
    assert page.read_text().startswith("<!doctype html>")
    folder = tmp_path / "requests"
    folder.mkdir()
    assert run("audit", "access", "ada", "-d", log, "-o", folder).code == 0
    assert sorted(each.name for each in folder.iterdir()) == ["ada.html", "ada.json", "ada.md"]
    assert json.loads((folder / "ada.json").read_text())["customer"] == "ada"


def test_an_erasure_is_certified_and_the_certificate_checked(run: Run, log: Path, tmp_path: Path) -> None:
    file, other = tmp_path / "bea.json", tmp_path / "other.json"
    assert "On the word of: maria" in run("audit", "erase-certificate", "bea", "-d", log).out
    assert run("audit", "erase-certificate", "bea", "-d", log, "-o", file).code == 0
    checked = run("audit", "erase-certificate", "--check", file, "-d", log)
    assert (checked.code, "is valid" in checked.out) == (0, True)
    other.write_text(file.read_text().replace("maria", "nora"))
    refused = run("audit", "erase-certificate", "--check", other, "-d", log)
    assert refused.code == 1
    assert "recorded with other details" in refused.err


def test_a_certificate_is_signed_and_its_signer_named(run: Run, log: Path, tmp_path: Path) -> None:
    file, key, policy = tmp_path / "bea.json", tmp_path / "key.txt", tmp_path / "policy.txt"
    assert run("audit", "keygen", "hotel.example/customers", "--key", key, "--policy", policy).code == 0
    assert run("audit", "erase-certificate", "bea", "-d", log, "--key", key, "-o", file).code == 0
    check = ("audit", "erase-certificate", "-d", log, "--check", file)
    assert "was not checked" in run(*check).out
    assert "hotel.example/customers/erasures (ML-DSA-44" in run(*check, "--policy", policy).out
    assert len(run(*check, "--policy", policy, "--json").json["signed_by"]) == 2
    file.write_text(file.read_text().replace('"is_purged": true', '"is_purged": false'))
    assert run(*check).code == 0
    refused = run(*check, "--policy", policy)
    assert (refused.code, "of another document" in refused.err) == (1, True)
    assert run(*check, "--key", key).code == 2
    assert run("audit", "erase-certificate", "bea", "-d", log, "--policy", policy).code == 2


def test_what_cannot_be_answered_is_refused_with_a_hint(run: Run, log: Path, tmp_path: Path) -> None:
    assert "there is no customer 'nobody'" in run("audit", "access", "nobody", "-d", log).err
    assert "Erase the customer first" in run("audit", "erase-certificate", "ada", "-d", log).err
    assert run("audit", "erase-certificate", "-d", log).code == 2
    assert run("audit", "erase-certificate", "bea", "--check", tmp_path / "x", "-d", log).code == 2
    assert run("audit", "erase-certificate", "--check", tmp_path / "x", "-d", log).code == 6


def test_words_in_the_clear_are_named_with_their_place(run: Run, log: Path) -> None:
    found = run("audit", "clear-words", "-d", log)
    assert found.code == 0
    assert "subject of ada has the name" in found.out
    assert "lovelace's" not in found.out
    assert [each["place"] for each in run("audit", "clear-words", "-d", log, "--json").json] == ["subject"]


@pytest.mark.parametrize(("form", "events"), [("xes", 4), ("ocel-parquet", 5)])
def test_the_log_is_exported_in_more_forms(run: Run, log: Path, tmp_path: Path, form: str, events: int) -> None:
    done = run("audit", "export", "-d", log, "--format", form, "-o", tmp_path / "log", "--json")
    assert done.code == 0
    assert done.json["events"] == events  # XES leaves out the policy, which is of no customer
    assert b"Lovelace" not in (tmp_path / "log").read_bytes()
