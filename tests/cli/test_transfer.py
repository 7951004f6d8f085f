from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.cli.conftest import Run, command_line, environment
from tests.cli.test_refusals import GOOD, HEADER, MAPPING


def purchases(count: int) -> str:
    return "".join(
        json.dumps(
            {
                "command": "RecordPurchase",
                "customer": f"c{number % 500}",
                "purchase": f"p{number}",
                "amount": {"amount": 1000 + number, "currency": "EUR"},
                "occurred_at": "2024-05-01T10:00:00Z",
            }
        )
        + "\n"
        for number in range(count)
    )


def test_a_file_is_imported_counted_and_never_taken_twice(run: Run, tmp_path: Path) -> None:
    mapping, rows, database = tmp_path / "shop.toml", tmp_path / "rows.csv", tmp_path / "shop.db"
    mapping.write_text(MAPPING)
    rows.write_text(HEADER + GOOD + "c2,o2,0.70,EUR,2024-05-02T10:00:00Z\n")
    first = run("import", rows, "-m", mapping, "-d", database)
    assert first.code == 0
    assert "Rows in the file" in first.out
    again = run("import", rows, "-m", mapping, "-d", database, "--json")
    assert again.code == 0
    assert (again.json["rows"], again.json["accepted"], again.json["recorded"]) == (2, 2, 0)
    assert again.json["events"] == 0


def test_rejected_rows_are_mended_and_sent_again(run: Run, tmp_path: Path) -> None:
    mapping, rows, database = tmp_path / "shop.toml", tmp_path / "rows.csv", tmp_path / "shop.db"
    rejects = tmp_path / "rejects.jsonl"
    mapping.write_text(MAPPING)
    rows.write_text(HEADER + GOOD + "c2,o2,0.70,XXXX,2024-05-02T10:00:00Z\n")
    assert run("import", rows, "-m", mapping, "-d", database, "--rejects", rejects).code == 3
    rejects.write_text(rejects.read_text().replace("XXXX", "EUR"))
    mended = run("import", rejects, "-m", mapping, "-d", database, "--json")
    assert mended.code == 0
    assert mended.json["recorded"] == 1
    assert len(run("history", "c2", "-d", database, "--json").json["events"]) == 2


def test_the_shipped_mappings_are_listed(run: Run) -> None:
    listed = run("import", "--list", "--json").json
    assert {"cdnow", "online_retail", "helpdesk"} <= {mapping["name"] for mapping in listed}
    assert "cdnow" in run("import", "--list").out


def test_cdnow_is_imported_by_its_shipped_mapping(run: Run, tmp_path: Path, cdnow_dir: Path) -> None:
    lines = (cdnow_dir / "CDNOW_master.txt").read_text().splitlines()[:2_001]
    part = tmp_path / "part.txt"
    part.write_text("\n".join(lines) + "\n")
    done = run("import", part, "-m", "cdnow", "-d", tmp_path / "c.db", "--json")
    assert done.code == 0
    assert done.json["rows"] == done.json["accepted"] == 2_000
    shown = run("report", "retention", "-d", tmp_path / "c.db", "--as-of", "1998-06-30", "--json")
    assert shown.json["retention"]["cohorts"][0]["month"] == "1997-01"


def test_events_go_out_and_into_another_log_byte_for_byte(run: Run, hotel: Path, tmp_path: Path) -> None:
    lines = tmp_path / "events.jsonl"
    exported = run("export", "-d", hotel, "-o", lines, "--json")
    assert exported.code == 0
    head = run("status", "-d", hotel, "--json").json
    assert exported.json["events"] == head["position"] == len(lines.read_text().splitlines())
    copy = tmp_path / "copy.db"
    imported = run("import", lines, "-d", copy, "--json")
    assert imported.code == 0
    assert (imported.json["position"], imported.json["digest"]) == (head["position"], head["digest"])
    assert run("import", lines, "-d", copy, "--json").json["events"] == 0
    assert run("verify", "-d", copy).code == 0


def test_an_exported_event_that_was_changed_is_not_taken(run: Run, hotel: Path, tmp_path: Path) -> None:
    lines = tmp_path / "events.jsonl"
    assert run("export", "-d", hotel, "-o", lines).code == 0
    body = lines.read_text().splitlines()
    body[9] = body[9].replace('"actor":"', '"actor":"x')
    lines.write_text("\n".join(body) + "\n")
    refused = run("import", lines, "-d", tmp_path / "copy.db")
    assert refused.code == 1
    assert "position 10" in refused.err


def test_events_go_to_stdout_in_part_and_nothing_else_does(run: Run, hotel: Path) -> None:
    shown = run("export", "-d", hotel, "--after", 10, "--until", 15)
    positions = [json.loads(line)["position"] for line in shown.out.splitlines()]
    assert positions == [11, 12, 13, 14, 15]


def test_an_export_that_cannot_be_written_leaves_nothing(run: Run, hotel: Path, tmp_path: Path) -> None:
    failed = run("export", "-d", hotel, "-o", tmp_path / "nowhere" / "events.jsonl")
    assert failed.code == 6
    assert not (tmp_path / "nowhere").exists()


def test_native_commands_that_are_refused_are_counted(run: Run, tmp_path: Path) -> None:
    lines, rejects = tmp_path / "commands.jsonl", tmp_path / "rejects.jsonl"
    refund = {
        "command": "RefundPurchase",
        "customer": "c1",
        "refund": "r1",
        "purchase": "nothing",
        "amount": {"amount": 1, "currency": "EUR"},
        "occurred_at": "2024-05-01T10:00:00Z",
    }
    lines.write_text(purchases(5) + json.dumps(refund) + "\nnot json\n")
    done = run("import", lines, "-d", tmp_path / "x.db", "--rejects", rejects, "--json")
    assert done.code == 3
    assert done.json["accepted"] == 5
    assert done.json["by_reason"] == {"refund_names_no_purchase": 1, "malformed_row": 1}
    assert len(rejects.read_text().splitlines()) == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_import_goes_on_where_it_stopped(run: Run, tmp_path: Path, number: signal.Signals) -> None:
    lines, count = tmp_path / "commands.jsonl", 2_000
    lines.write_text(purchases(count))
    # Where this process gets no turn, a small import may end before anybody looks. Then another one is interrupted.
    for attempt in range(10):
        database = tmp_path / f"{attempt}.db"
        process = subprocess.Popen(
            command_line("import", lines, "-d", database, "--batch", 1), env=environment(), stderr=subprocess.PIPE
        )
        is_on_its_way = _interrupted(process, database, number, count)
        _out, err = process.communicate(timeout=120)
        if is_on_its_way:
            break
    assert is_on_its_way
    assert process.returncode == (130 if number == signal.SIGINT else -number), err
    if number == signal.SIGINT:
        assert b"again to continue" in err
        assert b"Traceback" not in err
    with _locked(database) as recorded:
        assert 100 < recorded < count
    again = run("import", lines, "-d", database, "--json")
    assert again.code == 0
    assert again.json["rows"] == again.json["accepted"] == count
    assert 0 < again.json["recorded"] < count
    with closing(sqlite3.connect(database)) as connection:
        found = connection.execute(
            "SELECT count(*), count(DISTINCT command_id) FROM relations_log WHERE topic = 'customer.purchase_recorded'"
        ).fetchone()
    assert found == (count, count)
    assert run("verify", "-d", database).code == 0


def _interrupted(process: subprocess.Popen[bytes], database: Path, number: int, count: int) -> bool:
    """Send a signal once a part of the purchases is recorded; return False if all of them are."""
    while process.poll() is None:
        time.sleep(0.01)
        # Nothing is recorded while this looks, so the signal comes before the end.
        with _locked(database) as recorded:
            if recorded > 100:
                if recorded < count:
                    process.send_signal(number)
                return recorded < count
    return False


@contextmanager
def _locked(database: Path) -> Iterator[int]:
    """Keep others from writing, and give the number of recorded events."""
    if not database.exists():
        yield 0
        return
    with closing(sqlite3.connect(database, timeout=30, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
            found: int = connection.execute("SELECT count(*) FROM relations_log").fetchone()[0]
        except sqlite3.OperationalError:  # its tables are being made
            found = 0
        yield found


def test_every_command_speaks_to_postgresql(run: Run, tmp_path: Path, postgres_url: str) -> None:
    assert run("status", "-d", postgres_url).code == 4
    assert run("demo", "-d", postgres_url, "--guests", "15").code == 0
    assert run("demo", "-d", postgres_url, "--guests", "15").code == 2
    for command in (("status",), ("verify",), ("rebuild",), ("report",), ("history", "g000001"), ("run", "--once")):
        assert run(*command, "-d", postgres_url).code == 0, command
    lines = tmp_path / "events.jsonl"
    assert run("export", "-d", postgres_url, "-o", lines).code == 0
    assert run("import", lines, "-d", tmp_path / "copy.db", "--json").json["events"] > 50
    password = postgres_url.replace("postgres:", "postgres:secret-word", 1)
    assert "secret-word" not in run("status", "-d", password).out
