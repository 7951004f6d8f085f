"""`relations audit`, as an auditor and the keeper of a log use it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.cli.conftest import Run


def test_a_log_is_sealed_handed_over_and_checked_after_it_has_grown(run: Run, hotel: Path, tmp_path: Path) -> None:
    key, policy, first, second = (tmp_path / name for name in ("log.key", "policy", "first", "second"))
    proof, step = tmp_path / "event.tlog-proof", tmp_path / "step"
    assert run("audit", "keygen", "hotel.example/customers", "--key", key, "--policy", policy).code == 0
    assert "Sealed" in run("audit", "seal", "-d", hotel, "--key", key, "-o", first).out
    checked = run("audit", "check", first, "--policy", policy, "-d", hotel)
    assert checked.code == 0
    assert "the database has all of them unchanged" in checked.out
    assert checked.out.count("signed by hotel.example/customers") == 2

    commands = tmp_path / "more.jsonl"
    commands.write_text(
        '{"command": "RecordInteraction", "customer": "c-new", "interaction": "i1", "channel": "phone", '
        '"kind": "call", "occurred_at": "2026-05-04T12:00:00Z"}\n'
    )
    assert run("import", commands, "-d", hotel).code == 0
    assert run("audit", "seal", "-d", hotel, "--key", key, "-o", second).code == 0
    assert len(run("audit", "seals", "-d", hotel, "--json").json) == 2
    assert run("audit", "continue", first, "-d", hotel, "-o", step).code == 0
    assert "continue the older checkpoint" in run("audit", "check", step, "--policy", policy, "--old", first).out

    assert run("audit", "prove", 7, "-d", hotel, "-o", proof).code == 0
    with sqlite3.connect(hotel) as connection:
        digest = connection.execute("SELECT hex(digest) FROM relations_log WHERE position = 7").fetchone()[0]
    found = run("audit", "check", proof, "--policy", policy, "--leaf", digest, "--json").json
    assert found["valid"] is True
    assert "position 7" in found["said"]
    wrong = run("audit", "check", proof, "--policy", policy, "--leaf", "00" * 32)
    assert wrong.code == 1
    assert "not valid" in wrong.err


def test_what_is_missing_is_said_with_what_to_do(run: Run, hotel: Path, tmp_path: Path) -> None:
    key, policy, seal = tmp_path / "log.key", tmp_path / "policy", tmp_path / "seal"
    assert run("audit", "keygen", "two words", "--key", key).code == 2
    assert run("audit", "keygen", "hotel.example/customers", "--key", key, "--policy", policy).code == 0
    assert "exists already" in run("audit", "keygen", "hotel.example/customers", "--key", key).err
    assert "relations audit seal" in run("audit", "prove", 7, "-d", hotel).err
    assert run("audit", "seal", "-d", hotel, "--key", tmp_path / "none").code == 2
    assert run("audit", "seal", "-d", hotel, "--key", key, "-o", seal).code == 0
    beyond = run("audit", "prove", 10**9, "-d", hotel)
    assert beyond.code == 2
    assert "is not covered by the seal" in beyond.err
    assert "--leaf" in run("audit", "check", _proof(run, hotel, tmp_path), "--policy", policy).err
    assert run("audit", "check", policy, "--policy", policy).code == 1
    assert run("audit", "check", tmp_path / "none", "--policy", policy).code == 6


def _proof(run: Run, hotel: Path, tmp_path: Path) -> Path:
    path = tmp_path / "event.tlog-proof"
    assert run("audit", "prove", 7, "-d", hotel, "-o", path).code == 0
    return path


@pytest.mark.parametrize(
    ("form", "name"), [("ocel-json", "x.json"), ("ocel-sqlite", "x.sqlite"), ("cloudevents", "x.l")]
)
def test_the_log_is_exported_for_other_programs(run: Run, hotel: Path, tmp_path: Path, form: str, name: str) -> None:
    path = tmp_path / name
    done = run("audit", "export", "-d", hotel, "--format", form, "-o", path, "--json").json
    assert done["events"] == run("status", "-d", hotel, "--json").json["position"]
    assert path.stat().st_size > 10_000
