"""Whatever a table or a document holds, its rows are read as they were written."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relations.exchange.files.sources import open_source
from relations.exchange.mapping.model import Source
from tests.support.workbooks import sheet, write_workbook

WORDS = st.text(st.characters(exclude_categories=("Cc", "Cs", "Co", "Cn"), exclude_characters="\u2028\u2029\x85"))
CELLS = WORDS.map(str.strip).filter(lambda text: not text.startswith("#"))
TABLES = st.lists(st.lists(CELLS, min_size=3, max_size=3).filter(any), max_size=6)
NUMBERS = st.decimals(-(10**12), 10**12, allow_nan=False, places=3)
VALUES = st.one_of(WORDS, st.integers(), st.booleans(), st.none(), NUMBERS)
OBJECTS = st.lists(st.dictionaries(st.text("abcdef", min_size=1, max_size=4), VALUES, max_size=5), max_size=6)
HEAD = ["one", "two", "three"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("round")


def rows(path: Path, **source: Any) -> list[tuple[int, dict[str, str], Any]]:
    with open_source(Source.model_validate(source), path) as file:
        return list(file.rows)


@given(table=TABLES, delimiter=st.sampled_from(",;\t|"))
def test_a_table_as_text(folder: Path, table: list[list[str]], delimiter: str) -> None:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows([HEAD, *table])
    path = folder / "table.csv"
    path.write_text(text.getvalue(), "utf-8", newline="")
    expected = [(number, dict(zip(HEAD, row, strict=True)), None) for number, row in enumerate(table, 1)]
    assert rows(path, format="table") == expected


@given(table=TABLES)
def test_a_table_as_a_sheet(folder: Path, table: list[list[str]]) -> None:
    path = write_workbook(folder / "table.xlsx", {"S": sheet([HEAD, *table])})
    expected = [(number, dict(zip(HEAD, row, strict=True)), None) for number, row in enumerate(table, 1)]
    assert [
        (number, {k: v.strip() for k, v in raw.items()}, p) for number, raw, p in rows(path, format="table")
    ] == expected


def text_of(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
    return str(value)


@given(objects=OBJECTS)
def test_objects_inside_of_a_document(folder: Path, objects: list[dict[str, Any]]) -> None:
    path = folder / "document.json"
    numbers = json.dumps({"a": [0, {"b": objects}], "data": {"rows": objects}}, default=float, indent=1)
    path.write_text(numbers, "utf-8")
    written = json.loads(numbers, parse_float=str, parse_int=str)["data"]["rows"]
    expected = [(number, {k: text_of(v) for k, v in each.items()}, None) for number, each in enumerate(written, 1)]
    found = rows(path, format="json", rows="data.rows")
    assert [number for number, _, _ in found] == [number for number, _, _ in expected]
    for (_, raw, problem), (_, wanted, _) in zip(found, expected, strict=True):
        assert problem is None
        assert raw.keys() == wanted.keys()
        for name, text in wanted.items():
            assert raw[name] == text or float(raw[name]) == float(text)
