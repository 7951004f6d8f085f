"""Rows beyond a limit are errors, and files cannot fill the memory."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from relations.errors import SourceError
from relations.exchange.files.sources import json_objects, open_source
from relations.exchange.mapping.model import Source


def rows(path: Path, **source: Any) -> list[Any]:
    with open_source(Source.model_validate(source), path) as file:
        return list(file.rows)


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("csv", "a,b\n" + "x" * 200 + ",1\n"),
        ("csv", 'a,b\n"' + "x\n" * 100 + '",1\n'),
        ("csv", "x" * 200 + ",b\n1,2\n"),
        ("tsv", "a\tb\n" + "x" * 200 + "\t1\n"),
        ("columns", "a b\n" + "x" * 200 + " 1\n"),
        ("jsonl", '{"a": "' + "x" * 200 + '"}\n'),
        ("xes", f'<log><event><string key="a" value="{"x" * 200}"/></event></log>'),
    ],
)
def test_a_long_row_is_refused_until_the_mapping_raises_the_limit(tmp_path: Path, form: str, text: str) -> None:
    path = tmp_path / "file"
    path.write_text(text)
    with pytest.raises(SourceError) as raised:
        rows(path, format=form, limits={"line": 100})
    assert raised.value.code in {"line_too_long", "beyond_limits"}
    assert "limits" in str(raised.value.hint)
    ((_, _, problem),) = rows(path, format=form, limits={"line": 1_000})
    assert problem is None


def nested(form: str, depth: int) -> str:
    if form == "jsonl":
        return '{"a": ' * depth + "1" + "}" * depth + "\n"
    inner = '<list key="a">' * depth + '<string key="b" value="1"/>' + "</list>" * depth
    return f"<log><event>{inner}</event></log>"


@pytest.mark.parametrize("form", ["jsonl", "xes"])
def test_deep_nesting_is_refused_until_the_mapping_raises_the_limit(tmp_path: Path, form: str) -> None:
    path = tmp_path / "file"
    path.write_text(nested(form, 60))
    if form == "jsonl":
        ((_, _, problem),) = rows(path, format=form)
        assert problem is not None
        assert problem.code == "malformed_row"
    else:
        with pytest.raises(SourceError) as raised:
            rows(path, format=form)
        assert raised.value.code == "beyond_limits"
    ((_, raw, problem),) = rows(path, format=form, limits={"depth": 100})
    assert (len(raw), problem) == (1, None)


def test_brackets_in_texts_are_no_levels() -> None:
    line = json.dumps({"a": "[{" * 100, "b": ['\\"[', {"c": 1}]})
    assert next(found for _, found in json_objects([line])) == json.loads(line, parse_int=str)


@pytest.mark.parametrize("form", ["csv", "jsonl", "xes"])
def test_many_columns_are_refused_until_the_mapping_raises_the_limit(tmp_path: Path, form: str) -> None:
    names = [f"c{number}" for number in range(50)]
    attributes = "".join(f'<string key="{name}" value="1"/>' for name in names)
    text = {
        "csv": ",".join(names) + "\n" + ",".join("1" * 50) + "\n",
        "jsonl": json.dumps(dict.fromkeys(names, 1)) + "\n",
        "xes": f"<log><event>{attributes}</event></log>",
    }[form]
    path = tmp_path / "file"
    path.write_text(text)
    if form == "jsonl":
        ((_, _, problem),) = rows(path, format=form, limits={"columns": 20})
        assert problem is not None
        assert problem.code == "too_many_columns"
    else:
        with pytest.raises(SourceError) as raised:
            rows(path, format=form, limits={"columns": 20})
        assert raised.value.code in {"too_many_columns", "beyond_limits"}
    assert len(rows(path, format=form)[0][1]) == 50


@pytest.mark.parametrize(("form", "head"), [("csv", b"a,b\n"), ("jsonl", b'{"a": "'), ("xes", b'<log><event a="')])
def test_a_compressed_file_of_one_endless_line_takes_little_memory(tmp_path: Path, form: str, head: bytes) -> None:
    path = tmp_path / "bomb.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(head)
        for _ in range(64):
            file.write(b"x" * (1 << 20))
    tracemalloc.start()
    try:
        with pytest.raises(SourceError):
            rows(path, format=form)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 0 < peak < 32 << 20


XES = """<log><trace><event><date key="time" value="NaT"/><float key="customer" value="nan"/>
<string key="name" value="Nan"/><int key="n" value="3"/></event></trace></log>"""


def test_what_is_missing_in_an_event_log_is_no_value(tmp_path: Path) -> None:
    path = tmp_path / "log.xes"
    path.write_text(XES)
    ((_, raw, _),) = rows(path, format="xes")
    assert raw == {"time": "", "customer": "", "name": "Nan", "n": "3"}


@pytest.mark.parametrize("encoding", ["klingon", "utf-99", "x" * 300])
def test_an_event_log_in_an_encoding_that_does_not_exist_is_a_sentence(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "log.xes"
    path.write_text(f'<?xml version="1.0" encoding="{encoding}"?>{XES}')
    with pytest.raises(SourceError) as raised:
        rows(path, format="xes")
    assert raised.value.code in {"wrong_encoding", "malformed_source"}
