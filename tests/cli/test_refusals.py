"""Bad input gets words, an exit code, and never a traceback; each in a process of its own, as people meet it."""

from __future__ import annotations

import gzip
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Ran, Run

MAPPING = """
name = "shop"
[source]
format = "csv"
[values]
customer = { column = "customer" }
amount = { column = "amount", type = "money", currency_from = "currency" }
occurred_at = { column = "time", type = "time" }
[[command]]
command = "RecordPurchase"
with = { customer = "customer", purchase = "order", amount = "amount", occurred_at = "occurred_at" }
"""
HEADER = "customer,order,amount,currency,time\n"
GOOD = "c1,o1,12.30,EUR,2024-05-01T10:00:00Z\n"


def refused(ran: Ran, code: int, *words: str) -> None:
    assert ran.code == code, ran.err
    assert "Traceback" not in ran.err + ran.out
    for each in words:
        assert each in ran.err


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    mapping = tmp_path / "shop.toml"
    mapping.write_text(MAPPING)
    return mapping


def imported(program: Run, shop: Path, body: str | bytes, *more: object) -> Ran:
    source = shop.with_name("rows.csv")
    source.write_bytes(body if isinstance(body, bytes) else body.encode())
    return program("import", source, "-m", shop, "-d", shop.with_name("shop.db"), *more)


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("c1,o2,12.30,EUR,2024-05-01T10:00:00\n", "naive_datetime"),
        ("c1,o2,NaN,EUR,2024-05-01T10:00:00Z\n", "not_a_number"),
        ("c1,o2,inf,EUR,2024-05-01T10:00:00Z\n", "not_a_number"),
        ("c1,o2,12.30,XYZ,2024-05-01T10:00:00Z\n", "unknown_currency"),
        (f"{'x' * 65},o2,12.30,EUR,2024-05-01T10:00:00Z\n", "invalid_customer"),
        ("c1,o2,12.30,EUR\n", "ragged_row"),
        ("c1,o2,12.345,EUR,2024-05-01T10:00:00Z\n", "ambiguous_number"),
    ],
)
def test_a_bad_row_is_counted_with_its_reason_and_the_others_go_in(
    program: Run, shop: Path, row: str, code: str
) -> None:
    rejects = shop.with_name("rejects.jsonl")
    ran = imported(program, shop, HEADER + GOOD + row, "--rejects", rejects, "--json")
    refused(ran, 3)
    report = ran.json
    assert (report["rows"], report["accepted"], report["rejected"]) == (2, 1, 1)
    assert len(report["by_reason"]) == 1
    (line,) = rejects.read_text().splitlines()
    rejected: dict[str, Any] = json.loads(line)
    assert rejected["row"] == 2
    assert rejected["reason"]
    assert rejected["code"] == code, rejected


def test_people_see_the_reasons_in_the_closing_table(program: Run, shop: Path) -> None:
    ran = imported(program, shop, HEADER + GOOD + "c1,o2,12.30,EUR,2024-05-01T10:00:00\n")
    refused(ran, 3)
    assert "Rows in the file" in ran.out
    assert "naive_datetime" in ran.out
    assert "--rejects FILE" in ran.out


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("customer;order\nc1;o1\n", ("column",)),
        (b"\xff\xfe\x00", ()),
        ((HEADER + GOOD).encode() + b"c\xe9,o2,1.00,EUR,2024-05-01T10:00:00Z\n", ("wrong_encoding", "encoding")),
        (gzip.compress((HEADER + GOOD * 5_000).encode())[:-40], ("truncated_gzip",)),
        (b"PK\x03\x04rest", ("zip archive", "CSV")),
        (b"", ("empty",)),
    ],
)
def test_a_broken_file_is_said_to_be_broken(
    program: Run, shop: Path, body: str | bytes, words: tuple[str, ...]
) -> None:
    ran = imported(program, shop, body)
    assert ran.code in (6, 7), ran
    refused(ran, ran.code, "relations: ", *words)


@pytest.mark.parametrize(
    ("mapping", "words"),
    [
        ("name = ", ("is not TOML",)),
        ('colour = "red"\n' + MAPPING, ("colour",)),
        (MAPPING.replace("RecordPurchase", "RecordPurchases"), ("Did you mean RecordPurchase?",)),
        (MAPPING.replace('column = "amount"', 'column = "total"'), ("total",)),
    ],
)
def test_a_mapping_that_makes_no_sense_is_refused(
    program: Run, shop: Path, mapping: str, words: tuple[str, ...]
) -> None:
    shop.write_text(mapping)
    refused(imported(program, shop, HEADER + GOOD), 7, *words)


def test_a_missing_file_or_mapping_makes_no_database(program: Run, shop: Path) -> None:
    database = shop.with_name("new.db")
    refused(program("import", "nowhere.csv", "-m", shop, "-d", database), 6, "nowhere.csv cannot be read")
    refused(program("import", shop, "-m", "nosuch", "-d", database), 7, "cdnow")
    refused(program("import", shop, "-d", database), 6, "--mapping")
    assert not database.exists()


@pytest.mark.parametrize("body", [b"", b"\n \n", gzip.compress(b"", mtime=0)])
def test_an_empty_file_is_said_to_be_empty(program: Run, shop: Path, body: bytes) -> None:
    file, database = shop.with_name("empty.csv"), shop.with_name("new.db")
    file.write_bytes(body)
    refused(program("import", file, "-d", database), 6, "empty.csv is empty", "empty_source")
    assert program("import", file, "-m", shop, "-d", database).code in (6, 7)
    assert not database.exists()


def recorded_line(position: int) -> str:
    """Return a line that looks like a recorded event, but does not belong to any log."""
    line = {"position": position, "stream": "s", "version": 1, "topic": "no.such", "schema": 1, "digest": "00"}
    return json.dumps(line)


@pytest.mark.parametrize(
    ("command", "body", "code"),
    [
        (("import", "FILE", "--preset", "zendesk-tickets"), "a,b\n1,2\n", 6),
        (("import", "FILE"), '{"command": "NoSuch"}\n', 3),
        (("import", "FILE"), recorded_line(1), 6),
        (("import", "FILE", "--preset", "zendesk-tickets", "--master-key-file", "FILE"), "a,b\n1,2\n", 2),
        (("record", "AcknowledgeComplaint", "complaint=k1"), "", 3),
        (("record", "AcknowledgeComplaint", "complaint=k1", "--dry-run"), "", 4),
        (("policy", "adopt", "FILE", "--since", "2999-01-01"), "version = 2", 2),
        (("relay", "--to", "FILE"), "", 4),
    ],
)
def test_a_command_that_is_refused_makes_no_database(
    program: Run, tmp_path: Path, command: tuple[str, ...], body: str, code: int
) -> None:
    file, database = tmp_path / "file", tmp_path / "new.db"
    file.write_text(body)
    ran = program(*(file if each == "FILE" else each for each in command), "-d", database)
    assert ran.code == code, ran
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("new.db")]


def test_rejected_rows_before_an_accepted_one_are_imported_into_a_new_log_once(program: Run, tmp_path: Path) -> None:
    file, database, rejects = tmp_path / "commands.jsonl", tmp_path / "new.db", tmp_path / "rejects.jsonl"
    good = {"command": "RegisterCustomer", "customer": "c1", "occurred_at": "2024-05-01T12:00:00Z"}
    file.write_text("\n".join([json.dumps({"command": "NoSuch"}), json.dumps(good), "nonsense"]))
    ran = program("import", file, "-d", database, "--rejects", rejects, "--batch", "1", "--json")
    assert (ran.code, ran.json["rows"], ran.json["accepted"], ran.json["recorded"]) == (3, 3, 1, 1)
    assert len(rejects.read_text().splitlines()) == 2
    assert program("status", "-d", database, "--json").json["position"] == ran.json["events"] + 1  # the policy


def test_a_log_of_a_newer_version_is_left_alone(program: Run, hotel: Path) -> None:
    with closing(sqlite3.connect(hotel)) as connection:
        connection.execute("UPDATE relations_meta SET value = '99' WHERE name = 'format'")
        connection.commit()
    refused(program("status", "-d", hotel), 5, "format 99", "newer_log")
    document = program("verify", "-d", hotel, "--json")
    assert document.code == 5
    assert document.json["error"]["code"] == "newer_log"
    assert document.json["error"]["exit_code"] == 5


def test_a_database_that_is_not_ours_is_left_alone(program: Run, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs.db"
    with closing(sqlite3.connect(theirs)) as connection:
        connection.execute("CREATE TABLE accounts (name TEXT)")
        connection.commit()
    refused(program("report", "-d", theirs), 4, "has no relations log")
    with closing(sqlite3.connect(theirs)) as connection:
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
    assert tables == {"accounts"}


def test_a_text_file_is_no_database(program: Run, tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("not a database\n" * 200)
    refused(program("status", "-d", text), 4, f"{text.name} is not a database")
    refused(program("run", "-d", text, "--once"), 4, f"{text.name} is not a database")
    assert text.read_text() == "not a database\n" * 200


@pytest.mark.parametrize(
    "command", [("status",), ("report",), ("verify",), ("history", "c1"), ("rebuild",), ("export",), ("run", "--once")]
)
def test_reading_a_missing_database_makes_none(program: Run, tmp_path: Path, command: tuple[str, ...]) -> None:
    missing = tmp_path / "missing.db"
    refused(program(*command, "-d", missing), 4, "no database")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("status", "-d", "mysql://host/name"), 2, "not supported"),
        (("status", "-d", "no such://url"), 2, "not a database URL"),
        (("status", "-d", "postgresql://nobody@127.0.0.1:9/none"), 4, "cannot be reached"),
        (("status",), 2, "--database"),
        (("frobnicate",), 2, "frobnicate"),
        (("report", "--nonsense"), 2, "--nonsense"),
        (("report", "happiness", "-d", "x.db"), 2, "happiness"),
        (("import", "-d", "x.db"), 2, "FILE is missing"),
        (("schema", "events", "nothing"), 2, "relations schema events"),
    ],
)
def test_a_command_line_that_cannot_be_right(
    program: Run, tmp_path: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    refused(program(*arguments, cwd=tmp_path), code, words)
    assert list(tmp_path.iterdir()) == []


def test_a_master_key_is_needed_read_and_checked(program: Run, hotel: Path, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("00" * 31 + "zz")
    refused(program("history", "g000001", "-d", hotel, "--master-key-file", key), 2, "64 hexadecimal digits")
    refused(program("history", "g000001", "-d", hotel, "--master-key-file", tmp_path / "none"), 6, "cannot be read")

    key.write_text("ab" * 32 + "\n")
    lines = tmp_path / "commands.jsonl"
    lines.write_text(
        '{"command": "RegisterCustomer", "customer": "c1", "occurred_at": "2024-05-01T10:00:00Z", "name": "Ann"}\n'
    )
    sealed = tmp_path / "sealed.db"
    assert program("import", lines, "-d", sealed, "--master-key-file", key).code == 0
    assert "Ann" in program("history", "c1", "-d", sealed, "--master-key-file", key).out
    without = program("history", "c1", "-d", sealed)
    assert "Ann" not in without.out
    refused(program("import", lines, "-d", sealed), 2, "master key")
    key.write_text("cd" * 32)
    refused(program("history", "c1", "-d", sealed, "--master-key-file", key), 2, "not the one")


def test_a_reader_that_goes_away_is_no_error(hotel: Path) -> None:
    import subprocess

    from tests.cli.conftest import command_line, environment

    process = subprocess.Popen(
        command_line("export", "-d", hotel), env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline().startswith(b'{"position":1,')
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(60) == 0
    process.stderr.close()
