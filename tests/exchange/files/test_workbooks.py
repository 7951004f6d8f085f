"""Sheets of workbooks are read as their texts, and none can fill the memory."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from relations.errors import SourceError
from relations.exchange.files.sources import open_source
from relations.exchange.mapping.model import Source
from tests.support.workbooks import Cell, cell, sheet, write_workbook

NOON = datetime(2024, 5, 1, 12, 30)  # noqa: DTZ001 - local days


def rows(path: Path, **source: Any) -> list[Any]:
    with open_source(Source.model_validate({"format": "xlsx"} | source), path) as file:
        return list(file.rows)


def test_cells_are_texts_and_blank_rows_do_not_count(tmp_path: Path) -> None:
    table: list[list[Cell]] = [
        ["id", "when", "amount", "open", "note"],
        [17850, NOON, 12.5, True, "Grüße 你好"],
        [None],
        [17851, datetime(2024, 5, 2), 0.1, False, "#N/A"],  # noqa: DTZ001 - a local day
    ]
    path = write_workbook(tmp_path / "a.xlsx", {"Cases": sheet(table)})
    first, second = rows(path)
    assert first == (
        1,
        {"id": "17850", "when": "2024-05-01T12:30:00", "amount": "12.5", "open": "true", "note": "Grüße 你好"},
        None,
    )
    assert second[:2] == (
        2,
        {"id": "17851", "when": "2024-05-02", "amount": "0.1", "open": "false", "note": ""},
    )


def test_a_sheet_is_found_by_name_and_number_and_a_hidden_one_is_passed_over(tmp_path: Path) -> None:
    made = {"hiddenSheet": sheet([["x"], ["lookup"]]), "Cases": sheet([["x"], ["real"]])}
    path = write_workbook(tmp_path / "a.xlsx", made, hidden=["hiddenSheet"])
    assert [raw for _, raw, _ in rows(path)] == [{"x": "real"}]
    assert [raw for _, raw, _ in rows(path, sheet=1)] == [{"x": "lookup"}]
    assert [raw for _, raw, _ in rows(path, sheet="Cases")] == [{"x": "real"}]
    with pytest.raises(SourceError) as raised:
        rows(path, sheet="cases")
    assert raised.value.code == "no_such_sheet"
    assert "hiddenSheet, Cases" in str(raised.value.hint)


def test_lines_above_the_headings_and_the_footer_are_no_rows(tmp_path: Path) -> None:
    table: list[list[Cell]] = [
        ["Cases of May"],
        [None],
        ["id", "who"],
        ["1", "anna"],
        [None],
        ["Copyright 2024"],
        ["Confidential"],
    ]
    path = write_workbook(tmp_path / "a.xlsx", {"S": sheet(table)})
    source = Source.model_validate({"format": "xlsx", "skip_lines": 2, "footer": "^Copyright"})
    with open_source(source, path) as file:
        assert list(file.rows) == [(1, {"id": "1", "who": "anna"}, None)]
        assert file.footer() == 2


def test_cells_far_apart_are_refused_until_the_mapping_raises_the_limit(tmp_path: Path) -> None:
    corners = f'<row r="1">{cell(1, 1, "a")}</row><row r="90">{cell(90, 40, "z")}</row>'
    path = write_workbook(tmp_path / "a.xlsx", {"S": corners})
    for limits in ({"cells": 3_599}, {"columns": 39}):
        with pytest.raises(SourceError) as raised:
            rows(path, limits=limits)
        assert raised.value.code == "beyond_limits"
        assert next(iter(limits)) in str(raised.value.hint)
    ((number, _, problem),) = rows(path, limits={"cells": 3_600, "columns": 40})
    assert (number, problem and problem.code) == (1, "ragged_row")


@pytest.mark.parametrize(
    "row",
    [
        '<row r="1"><c r="A01x"><v>1</v></c></row>',
        '<row r="1"><c r="a1"><v>1</v></c></row>',
        '<row r="-1"><c><v>1</v></c></row>',
        '<row r="1"><c r="A1"><v>1</v></row>',
        '<row r="1"><c r="A1" r="B1"><v>1</v></c></row>',
    ],
)
def test_a_cell_at_an_odd_place_is_refused_before_the_sheet_is_read(tmp_path: Path, row: str) -> None:
    path = write_workbook(tmp_path / "a.xlsx", {"S": row})
    with pytest.raises(SourceError) as raised:
        rows(path)
    assert raised.value.code == "not_a_workbook"


def test_rows_and_cells_without_places_are_counted(tmp_path: Path) -> None:
    path = write_workbook(tmp_path / "a.xlsx", {"S": "<row><c><v>1</v></c><c><v>2</v></c></row>" * 40})
    assert len(rows(path)) == 39
    with pytest.raises(SourceError) as raised:
        rows(path, limits={"cells": 79})
    assert raised.value.code == "beyond_limits"


def test_a_large_workbook_is_refused_until_the_mapping_raises_the_limit(tmp_path: Path) -> None:
    path = write_workbook(tmp_path / "a.xlsx", {"S": sheet([["x"], ["y" * 20_000]])})
    with pytest.raises(SourceError) as raised:
        rows(path, limits={"unpacked": 10_000})
    assert raised.value.code == "beyond_limits"
    assert "unpacked" in str(raised.value.hint)
    assert len(rows(path)) == 1


@pytest.mark.parametrize("content", [b"id,who\n1,anna\n", b"PK\x03\x04 and no archive", b""])
def test_what_is_no_workbook_is_an_error_for_people(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(content)
    with pytest.raises(SourceError) as raised:
        rows(path)
    assert raised.value.code in {"not_a_workbook", "damaged_zip"}


def test_a_workbook_is_a_table_and_no_csv(tmp_path: Path) -> None:
    path = write_workbook(tmp_path / "a.xlsx", {"S": sheet([["x"], ["1"]])})
    assert rows(path, format="table") == [(1, {"x": "1"}, None)]
    with pytest.raises(SourceError) as raised:
        rows(path, format="csv")
    assert raised.value.code == "not_text"
