"""Files of rejected rows, with and without the values of the rows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import structlog

from relations import Relations
from relations.exchange.importing import import_commands, import_file
from relations.telemetry import without_reasons

MAPPING = """
name = "guests"
about = "Guests."

[source]
format = "csv"

[values.at]
column = "at"
type = "time"
format = "%Y-%m-%dT%H:%M:%SZ"
zone = "UTC"

[[command]]
command = "RegisterCustomer"
[command.with]
customer = "id"
email = "email"
occurred_at = "at"
"""
ROWS = "id,email,at\nanna,anna.lind at mail.example,2026-01-04T10:00:00Z\nbea,bea@mail.example,2026-01-04T10:00:00Z\n"
NATIVE = (
    '{"command":"RegisterCustomer","customer":"anna","email":"anna.lind at mail.example",'
    '"occurred_at":"2026-01-04T10:00:00Z"}\n'
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "guests.toml").write_text(MAPPING)
    (tmp_path / "guests.csv").write_text(ROWS)
    (tmp_path / "guests.jsonl").write_text(NATIVE)
    return tmp_path


@pytest.mark.parametrize("values", [True, False])
def test_a_file_of_rejected_rows_has_their_values_only_if_they_are_wanted(folder: Path, *, values: bool) -> None:
    rejects = folder / "rejects.jsonl"
    with Relations.open("sqlite://") as engine:
        report = import_file(
            engine, folder / "guests.toml", folder / "guests.csv", rejects=rejects, reject_values=values
        )
        assert (report.rejected, report.accepted) == (1, 1)
    held = rejects.read_text()
    assert ("anna.lind" in held) is values
    (line,) = [json.loads(each) for each in held.splitlines()]
    assert (line["row"], line["field"], line["code"]) == (1, "email", "invalid_email")


def test_a_row_without_values_is_corrected_by_filling_them_in(folder: Path) -> None:
    rejects, again = folder / "rejects.jsonl", folder / "again.jsonl"
    with Relations.open("sqlite://") as engine:
        import_file(engine, folder / "guests.toml", folder / "guests.csv", rejects=rejects, reject_values=False)
        report = import_file(engine, folder / "guests.toml", rejects, rejects=again)
        assert report.rejected == 1
        assert "values_left_out" in again.read_text()
        line = json.loads(rejects.read_text())
        line["raw"] = {"id": "anna", "email": "anna.lind@mail.example", "at": "2026-01-04T10:00:00Z"}
        rejects.write_text(json.dumps(line, separators=(",", ":")) + "\n")
        report = import_file(engine, folder / "guests.toml", rejects, rejects=again)
        assert report.rejected == 0
        assert len(engine.history("anna")) == 1


def test_native_commands_can_be_rejected_without_their_values(folder: Path) -> None:
    rejects, again = folder / "rejects.jsonl", folder / "again.jsonl"
    with Relations.open("sqlite://") as engine:
        report = import_commands(engine, folder / "guests.jsonl", rejects=rejects, reject_values=False)
        assert report.rejected == 1
        assert "lind" not in rejects.read_text()
        report = import_commands(engine, rejects, rejects=again)
        assert report.rejected == 1
        assert "without its values" in again.read_text()


def test_log_lines_can_leave_reasons_out() -> None:
    line = {"event": "rejected", "row": 3, "reason": "'anna.lind' is not an address", "hint": "x", "error": "y"}
    with structlog.testing.capture_logs(processors=[without_reasons]) as lines:
        structlog.get_logger().info(**line)
    assert lines == [{"event": "rejected", "row": 3, "log_level": "info"}]
