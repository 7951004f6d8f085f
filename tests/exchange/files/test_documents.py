"""Rows inside of JSON and XML documents, and files inside of archives."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from relations.errors import SourceError
from relations.exchange.files.sources import open_source
from relations.exchange.mapping.model import Source


def rows(path: Path, **source: Any) -> list[Any]:
    with open_source(Source.model_validate(source), path) as file:
        return list(file.rows)


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "file"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


# --- JSON -----------------------------------------------------------------------------------------------------------


def test_rows_are_the_objects_at_the_path(tmp_path: Path) -> None:
    document = {
        "count": 2,
        "users": [{"id": 7, "tickets": [{"id": "inner"}]}],
        "tickets": [{"id": 1, "via": {"channel": "web"}, "tags": ["a", "b"], "none": None}, {"id": 2, "amount": 1.10}],
        "next": None,
    }
    path = written(tmp_path, json.dumps(document, indent=2).replace("1.1", "1.10"))
    assert rows(path, format="json", rows="tickets") == [
        (1, {"id": "1", "via.channel": "web", "tags": '["a", "b"]', "none": ""}, None),
        (2, {"id": "2", "amount": "1.10"}, None),
    ]
    assert rows(written(tmp_path, '[{"a": 1}, {"a": true}]'), format="json") == [
        (1, {"a": "1"}, None),
        (2, {"a": "true"}, None),
    ]


def test_a_byte_order_mark_before_a_document_is_no_part_of_it(tmp_path: Path) -> None:
    for text in ('[{"a": 1}]', '[\n{"a": 1}\n]'):
        path = written(tmp_path, b"\xef\xbb\xbf" + text.encode())
        assert rows(path, format="json") == [(1, {"a": "1"}, None)]


def test_one_object_a_line_is_read_with_the_same_mapping(tmp_path: Path) -> None:
    path = written(tmp_path, '{"id": 1}\n{"id": 2}\nno\n')
    first, second, third = rows(path, format="json", rows="tickets")
    assert (first[1], second[1]) == ({"id": "1"}, {"id": "2"})
    assert third[2].code == "malformed_row"


def test_an_item_that_is_no_object_rejects_its_row_only(tmp_path: Path) -> None:
    path = written(tmp_path, '{"d": {"results": [{"a": 1}, [{"a": 9}], "b", {"a": 2}]}}')
    found = rows(path, format="json", rows="d.results")
    assert [(number, problem and problem.code) for number, _, problem in found] == [
        (1, None),
        (2, "malformed_row"),
        (3, "malformed_row"),
        (4, None),
    ]
    assert "item 2 of d.results" in found[1][2].reason


def test_a_broken_document_names_the_line_and_the_reason(tmp_path: Path) -> None:
    with pytest.raises(SourceError) as raised:
        rows(written(tmp_path, '{"tickets": [\n{"a": 1},\n{"a": }\n]}'), format="json", rows="tickets")
    assert raised.value.code == "malformed_source"
    assert "line 3" in raised.value.reason
    with pytest.raises(SourceError) as raised:
        rows(written(tmp_path, '{"tickets": [\n{"a": "Gr\xfc"}]}'.encode("latin-1")), format="json", rows="tickets")
    assert raised.value.code == "wrong_encoding"
    assert "0xfc in line 2" in raised.value.reason


@pytest.mark.parametrize("text", ['{\n"other": []}', '{"tickets": {"a": 1}}', "[]"])
def test_a_document_without_the_path_is_an_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(SourceError) as raised:
        rows(written(tmp_path, text + "\n"), format="json", rows="tickets.list")
    assert raised.value.code == "no_rows"


def test_documents_cannot_fill_the_memory(tmp_path: Path) -> None:
    deep = '{"t": [{"a": ' + "[" * 60 + "]" * 60 + "}]}"
    long = '{"t": [{"a": "' + "x" * 2_000_000 + '"}]}'
    for text, limit in ((deep, "depth"), (long, "line")):
        with pytest.raises(SourceError) as raised:
            rows(written(tmp_path, text), format="json", rows="t", limits={"line": 1_000})
        assert raised.value.code == "beyond_limits"
        assert limit in str(raised.value.hint)
        assert len(rows(written(tmp_path, text), format="json", rows="t", limits={"line": 10**7, "depth": 100})) == 1
    many = '{"t": [' + ",".join('{"a": 1}' for _ in range(100_000)) + "]}"
    assert len(rows(written(tmp_path, many), format="json", rows="t", limits={"line": 1_000})) == 100_000


# --- XML ------------------------------------------------------------------------------------------------------------

CASES = """<?xml version="1.0"?>
<export xmlns="urn:x" xmlns:s="urn:s"><head><case>no row</case></head>
  <s:case id="1"><customer key="c1"><name>Anna &amp; Co</name></customer><note>one</note><note>two</note></s:case>
  <case id="2">plain</case>
</export>"""


def test_rows_are_the_elements_at_the_path(tmp_path: Path) -> None:
    assert rows(written(tmp_path, CASES), format="xml", rows="export/case") == [
        (1, {"@id": "1", "customer/@key": "c1", "customer/name": "Anna & Co", "note": "one", "note[2]": "two"}, None),
        (2, {"@id": "2", ".": "plain"}, None),
    ]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('<!DOCTYPE e [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><e><c>&b;</c></e>', "document_type_refused"),
        ('<!DOCTYPE e SYSTEM "file:///etc/passwd"><e><c/></e>', "document_type_refused"),
        ("<e>\n<c>\n</e>", "malformed_source"),
        ("<e><d/></e>", "no_rows"),
        ("<e><c>" + "<x>" * 60 + "</x>" * 60 + "</c></e>", "beyond_limits"),
        ("<e><c>" + "x" * 2_000 + "</c></e>", "beyond_limits"),
        ("<e><c>" + "<x>1</x>" * 60 + "</c></e>", "beyond_limits"),
        ('<e><c a="' + "x" * 900_000 + '"/></e>', "beyond_limits"),
    ],
)
def test_a_document_that_is_not_read_is_an_error_for_people(tmp_path: Path, text: str, code: str) -> None:
    limits = {"line": 1_000, "columns": 50, "depth": 32}
    with pytest.raises(SourceError) as raised:
        rows(written(tmp_path, text), format="xml", rows="e/c", limits=limits)
    assert raised.value.code == code
    if code == "malformed_source":
        assert "line 3" in raised.value.reason


# --- archives -------------------------------------------------------------------------------------------------------


def archive(path: Path, files: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, text in files.items():
            made.writestr(name, text)
    return path


def test_files_of_an_archive_are_one_file_and_the_others_are_named(tmp_path: Path) -> None:
    files = {"b/Case2.csv": "id\n3\n", "Case1.csv": "id\n1\n2\n", "Contact.csv": "name\nanna\n", "b/": ""}
    path = archive(tmp_path / "export.zip", files)
    with open_source(Source.model_validate({"format": "csv", "member": "Case*.csv"}), path) as file:
        assert [(number, raw["id"]) for number, raw, _ in file.rows] == [(1, "1"), (2, "2"), (3, "3")]
        assert file.left_out == ["Contact.csv"]
    with pytest.raises(SourceError) as raised:
        rows(path, format="csv")
    assert raised.value.code == "members_differ"
    with pytest.raises(SourceError) as raised:
        rows(path, format="csv", member="*.json")
    assert raised.value.code == "no_such_member"


def test_a_wrong_encoding_inside_of_an_archive_names_its_line(tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("a.csv", "id\n1\n")
        made.writestr("b.csv", "id\n1\n2\nGrüße\n".encode("latin-1"))
    with pytest.raises(SourceError) as raised:
        rows(path, format="csv")
    assert raised.value.code == "wrong_encoding"
    assert "line 4" in raised.value.reason


def test_a_damaged_archive_is_an_error(tmp_path: Path) -> None:
    path = archive(tmp_path / "export.zip", {"a.csv": "id\n" + "123456789\n" * 10_000})
    whole = path.read_bytes()
    path.write_bytes(whole[:80] + b"\0\0\0\0\0\0" + whole[86:])
    with pytest.raises(SourceError) as raised:
        rows(path, format="csv")
    assert raised.value.code in {"damaged_zip", "damaged_gzip"}
