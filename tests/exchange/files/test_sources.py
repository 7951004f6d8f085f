"""Files of every format, whole and broken."""

import gzip
from pathlib import Path

import pytest

from relations.errors import SourceError
from relations.exchange.files.sources import open_source
from relations.exchange.mapping.model import Source

CSV = Source(format="csv")


def read(source: Source, path: Path) -> list[tuple[int, dict[str, str], str | None]]:
    with open_source(source, path) as file:
        return [(row, raw, problem.code if problem else None) for row, raw, problem in file.rows]


def written(tmp_path: Path, content: bytes | str) -> Path:
    path = tmp_path / "source"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    "content",
    [
        'id,name\r\n1,Äpfel\r\n2,"a, b"\r\n'.encode(),
        '\ufeffid,name\n1,Äpfel\n\n2,"a, b"'.encode(),
        gzip.compress('id,name\n1,Äpfel\n2,"a, b"\n'.encode(), mtime=0),
        '\ufeffid,name\n1,Äpfel\n2,"a, b"\n'.encode("utf-16-le"),
        '\ufeffid,name\n1,Äpfel\n2,"a, b"\n'.encode("utf-32-be"),
    ],
    ids=["crlf", "bom and blank line", "gzip", "utf-16", "utf-32"],
)
def test_csv_is_read_however_it_is_written(tmp_path: Path, content: bytes) -> None:
    rows = read(CSV, written(tmp_path, content))
    assert rows == [(1, {"id": "1", "name": "Äpfel"}, None), (2, {"id": "2", "name": "a, b"}, None)]


def test_other_separators_and_encodings(tmp_path: Path) -> None:
    path = written(tmp_path, "id;name\n1;Äpfel\n".encode("cp1252"))
    assert read(Source(format="csv", delimiter=";", encoding="cp1252"), path) == [
        (1, {"id": "1", "name": "Äpfel"}, None)
    ]
    path = written(tmp_path, "1\tx y\n")
    assert read(Source(format="tsv", header=False, columns=("id", "name")), path) == [
        (1, {"id": "1", "name": "x y"}, None)
    ]


def test_columns_separated_by_blanks(tmp_path: Path) -> None:
    path = written(tmp_path, " id   date  worth\n\n 007 19970101   11.77\r\n 008 19970102\n")
    assert read(Source(format="columns"), path) == [
        (1, {"id": "007", "date": "19970101", "worth": "11.77"}, None),
        (2, {"id": "008", "date": "19970102"}, "ragged_row"),
    ]


def test_columns_of_fixed_width(tmp_path: Path) -> None:
    source = Source.model_validate(
        {
            "format": "fixed",
            "fixed": [{"name": "id", "from": 1, "to": 3}, {"name": "town", "from": 4, "to": 10}],
        }
    )
    rows = read(source, written(tmp_path, "001Wien   \n002Graz\n00\n004Linz      more\n"))
    assert [(raw["id"], raw["town"], code) for _, raw, code in rows] == [
        ("001", "Wien", None),
        ("002", "Graz", None),
        ("00", "", "ragged_row"),
        ("004", "Linz", "ragged_row"),
    ]


def test_json_lines_keep_numbers_as_written(tmp_path: Path) -> None:
    path = written(
        tmp_path, '{"id": 1.10, "who": {"name": "Ä", "tags": ["a"]}, "paid": true, "no": null}\n[1]\n{oops\n'
    )
    assert read(Source(format="jsonl"), path) == [
        (1, {"id": "1.10", "who.name": "Ä", "who.tags": '["a"]', "paid": "true", "no": ""}, None),
        (2, {}, "malformed_row"),
        (3, {}, "malformed_row"),
    ]


def test_rows_that_are_wrong_do_not_stop_the_others(tmp_path: Path) -> None:
    rows = read(CSV, written(tmp_path, 'a,b\n1\n2,3,4\n5,"6"x\n7,\0\n8,9\n'))
    assert [(row, code) for row, _, code in rows] == [
        (1, "ragged_row"),
        (2, "ragged_row"),
        (3, "malformed_row"),
        (4, "nul_character"),
        (5, None),
    ]
    assert rows[1][1] == {"a": "2", "b": "3", "+1": "4"}
    assert rows[2][1] == {"line": "4"}


@pytest.mark.parametrize(
    ("source", "content", "code"),
    [
        (CSV, b"", "empty_source"),
        (CSV, b"\n\n", "empty_source"),
        (Source(format="columns"), b"", "empty_source"),
        (CSV, "a,b\n1,Ä\n".encode("latin-1"), "wrong_encoding"),
        (CSV, gzip.compress(b"a,b\n" + b"1,2\n" * 50_000, mtime=0)[:-40], "truncated_gzip"),
        (CSV, gzip.compress(b"a,b\n", mtime=0)[:8], "truncated_gzip"),
        (CSV, gzip.compress(b"a,b\n" + b"1,2\n" * 50, mtime=0)[:-8] + b"\1" * 8, "damaged_gzip"),
        (CSV, b'a,b\n1,"2\n3,4\n', "malformed_source"),
        (CSV, b"a,a\n1,2\n", "ambiguous_columns"),
        (CSV, b"PK\x03\x04rest", "damaged_zip"),
        (CSV, "a,b\n1,2\n".encode("utf-16-le"), "not_text"),
        (Source(format="xes"), b"<log><trace>", "malformed_source"),
        (Source(format="xes"), b"", "malformed_source"),
        (Source(format="xes"), b"<html></html>", "not_xes"),
        (Source(format="xes"), b'<!DOCTYPE log [<!ENTITY a "aa">]><log>&a;</log>', "document_type_refused"),
    ],
)
def test_a_broken_file_is_an_error_for_people(tmp_path: Path, source: Source, content: bytes, code: str) -> None:
    path = written(tmp_path, content)
    with pytest.raises(SourceError) as raised:
        read(source, path)
    assert raised.value.code == code
    assert "Traceback" not in str(raised.value)
    assert str(path) in str(raised.value)


def test_what_is_no_file(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path, Path("a\0b")):
        with pytest.raises(SourceError) as raised:
            read(CSV, path)
        assert raised.value.code == "no_such_source"


def test_a_header_alone_is_no_rows(tmp_path: Path) -> None:
    assert read(CSV, written(tmp_path, "a,b\n")) == []
    assert read(Source(format="jsonl"), written(tmp_path, "")) == []


def test_rows_come_lazily(tmp_path: Path) -> None:
    path = written(tmp_path, gzip.compress(b"a,b\n" + b"1,2\n" * 400_000, mtime=0)[:-100])
    with open_source(CSV, path) as file:
        assert next(file.rows)[1] == {"a": "1", "b": "2"}
        assert 0 < file.bytes_read() <= file.bytes_total == path.stat().st_size


def test_xes_events_carry_their_traces_attributes(tmp_path: Path) -> None:
    log = """<?xml version="1.0"?><log xmlns="http://www.xes-standard.org/">
      <global scope="event"><string key="concept:name" value="default"/></global>
      <trace><string key="concept:name" value="c1"/>
        <event><string key="concept:name" value="Open"><string key="by" value="me"/></string>
               <date key="time:timestamp" value="2020-01-01T00:00:00Z"/></event>
        <event><string key="concept:name" value="Close"/></event></trace>
      <trace><string key="concept:name" value="empty"/></trace></log>"""
    assert read(Source(format="xes"), written(tmp_path, log)) == [
        (
            1,
            {
                "case:concept:name": "c1",
                "concept:name": "Open",
                "concept:name.by": "me",
                "time:timestamp": "2020-01-01T00:00:00Z",
            },
            None,
        ),
        (2, {"case:concept:name": "c1", "concept:name": "Close"}, None),
        (3, {"case:concept:name": "empty"}, "case_without_events"),
    ]


def test_xes_lists_keep_every_value_of_a_key(tmp_path: Path) -> None:
    # IEEE 1849: the attributes in a list need no unique keys.
    log = """<log><trace><string key="concept:name" value="c1"/>
      <list key="seen"><values><string key="by" value="Ann"/><string key="by" value="Bo"/></values></list>
      <event><list key="tags"><values><string key="tag" value="red"/><string key="tag" value="blue"/>
        <string key="tag" value="green"/></values></list></event></trace></log>"""
    ((_, raw, problem),) = read(Source(format="xes"), written(tmp_path, log))
    assert problem is None
    assert raw == {
        "case:concept:name": "c1",
        "case:seen.by": "Ann",
        "case:seen.by[2]": "Bo",
        "tags.tag": "red",
        "tags.tag[2]": "blue",
        "tags.tag[3]": "green",
    }
