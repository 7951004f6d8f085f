"""Headings in other languages, lines that are no rows, and texts that spreadsheets have touched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from relations.engine import Relations
from relations.errors import MappingError, SourceError
from relations.exchange.files.sources import open_source
from relations.exchange.importing import import_file
from relations.exchange.mapping.model import Mapping, Source
from relations.messages import from_micros


def rows(path: Path, **source: Any) -> list[Any]:
    with open_source(Source.model_validate({"format": "csv"} | source), path) as file:
        return list(file.rows)


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "file.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


HEADINGS = {"Case Number": ["Kundenvorgangsnummer", "个案编号"], "Subject": ["Betreff", "主题"]}


@pytest.mark.parametrize(
    "header",
    [
        "Case Number,Subject",
        "Kundenvorgangsnummer,Betreff",
        "个案编号,主题",
        " case  number,SUBJECT",
        "个案编号,Subject",
    ],
)
def test_columns_have_the_names_of_the_mapping_in_every_language(tmp_path: Path, header: str) -> None:
    path = written(tmp_path, f"{header},Other\n1,late,x\n")
    assert rows(path, headings=HEADINGS) == [(1, {"Case Number": "1", "Subject": "late", "Other": "x"}, None)]


def test_two_headings_of_one_column_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError) as raised:
        rows(written(tmp_path, "Case Number,个案编号\n1,2\n"), headings=HEADINGS)
    assert raised.value.code == "ambiguous_columns"
    with pytest.raises(ValueError, match="betreff: the heading of two columns"):
        Source.model_validate({"format": "csv", "headings": {"a": ["Betreff"], "b": ["betreff"]}})


def test_headings_hold_for_fields_of_objects(tmp_path: Path) -> None:
    path = written(tmp_path, '{"Betreff": "spät", "x": 1}\n')
    assert rows(path, format="jsonl", headings=HEADINGS) == [(1, {"Subject": "spät", "x": "1"}, None)]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_of_a_table_is_that_of_its_first_line(tmp_path: Path, delimiter: str) -> None:
    path = written(tmp_path, delimiter.join(['"a,b;c"', "d", "e"]) + "\n" + delimiter.join("123") + "\n")
    assert rows(path, format="table") == [(1, {"a,b;c": "1", "d": "2", "e": "3"}, None)]


def test_a_footer_and_blank_rows_are_no_rows_and_a_row_below_is_not_lost(tmp_path: Path) -> None:
    text = 'a,b\n1,x\n,\n2,y\n\n"Cases of May"\n"Copyright (c) 2024"\n3,z\n'
    with open_source(
        Source.model_validate({"format": "csv", "footer": "^Cases of", "skip_blank_rows": True}),
        written(tmp_path, text),
    ) as file:
        first, second, below = file.rows
        assert (first[1], second[1], below[1]) == ({"a": "1", "b": "x"}, {"a": "2", "b": "y"}, {"a": "3", "b": "z"})
        assert below[2] is not None
        assert below[2].code == "row_in_footer"
        assert "line 8" in below[2].reason
        assert file.footer() == 2


def test_a_ragged_row_and_a_wrong_encoding_name_their_line(tmp_path: Path) -> None:
    ((_, _, ragged),) = rows(written(tmp_path, "skipped\n\na,b\n1\n"), skip_lines=1)
    assert ragged is not None
    assert (ragged.code, ragged.reason) == ("ragged_row", "line 4: the row has 1 cells where there are 2 columns")
    for encoding, wrong in (("utf-8", "é".encode("cp1252")), ("gb18030", b"\x81\x20"), ("utf-16-le", b"\x00\xd8x\0")):
        good = "a,b\n" + "1,2\n" * 30_000
        path = written(tmp_path, good.encode(encoding) + wrong + "\n".encode(encoding))
        with pytest.raises(SourceError) as raised:
            rows(path, encoding=encoding)
        assert raised.value.code == "wrong_encoding"
        assert "in line 30002" in raised.value.reason


# --- values ---------------------------------------------------------------------------------------------------------


def mapping(source: dict[str, Any], **at: Any) -> Mapping:
    return Mapping.model_validate(
        {
            "name": "people",
            "source": {"format": "csv"} | source,
            "values": {"at": {"column": "at", "type": "time", "zone": "UTC", **at}},
            "command": [
                {
                    "command": "RegisterCustomer",
                    "with": {
                        "occurred_at": "at",
                        "customer": "id",
                        "phone": {"column": "phone", "blank": "absent"},
                        "name": {"column": "name", "blank": "absent"},
                    },
                }
            ],
        }
    )


def taken(folder: Path, rules: Mapping, text: str) -> list[str]:
    with Relations.open(f"sqlite:///{folder}/{abs(hash(text))}.db", durability="off") as engine:
        report = import_file(engine, rules, written(folder, text))
        assert report.rejected == 0, report.examples
        made = [event for event in engine.events() if event.command_id == "people:1"]
        return [from_micros(event.occurred_at).isoformat() for event in made]


@pytest.mark.parametrize(
    ("form", "text", "read"),
    [
        ("json_date", "/Date(1714557600000)/", "2024-05-01T10:00:00+00:00"),
        ("json_date", "/Date(1714557600000+0200)/", "2024-05-01T10:00:00+00:00"),
        ("json_date", "/Date(-1)/", "1969-12-31T23:59:59.999000+00:00"),
        (["iso", "%d.%m.%Y %H:%M"], "01.05.2024 10:00", "2024-05-01T10:00:00+00:00"),
        (["excel", "iso"], "2024-05-01T10:00:00+02:00", "2024-05-01T08:00:00+00:00"),
        (["iso", "excel"], "45413.5", "2024-05-01T12:00:00+00:00"),
        ("excel_1904", "43951.5", "2024-05-01T12:00:00+00:00"),
        ("epoch_milliseconds", "1714557600000", "2024-05-01T10:00:00+00:00"),
    ],
)
def test_times_are_read_in_every_form_that_the_mapping_names(tmp_path: Path, form: Any, text: str, read: str) -> None:
    (at,) = taken(tmp_path, mapping({}, format=form), f"id,at,phone,name\nc1,{text},,\n")
    assert at == read


@pytest.mark.parametrize("text", ["/Date(x)/", "/Date()/", "Date(1)", "/Date(1)", "/Date(99999999999999999)/"])
def test_what_is_no_time_rejects_the_row(tmp_path: Path, sqlite_url: str, text: str) -> None:
    path = written(tmp_path, f"id,at,phone,name\nc1,{text},,\n")
    with Relations.open(sqlite_url) as engine:
        report = import_file(engine, mapping({}, format=["json_date", "%d.%m.%Y"]), path)
    assert report.by_reason == {"not_a_time": 1}
    assert "/Date(1714557600000)/ or a time like %d.%m.%Y" in str(report.examples[0]["reason"])


def test_the_zone_of_the_file_holds_where_a_value_names_none(tmp_path: Path) -> None:
    rules = mapping({"zone": "Europe/Vienna"}, zone=None, format="%d.%m.%Y %H:%M")
    (at,) = taken(tmp_path, rules, "id,at,phone,name\nc1,01.05.2024 10:00,,\n")
    assert at == "2024-05-01T08:00:00+00:00"
    with pytest.raises(ValueError, match="has no zone"):
        mapping({}, zone=None, format="%d.%m.%Y %H:%M")


def values_of(source: dict[str, Any], cell: str) -> Any:
    from relations.exchange.mapping.transform import Transform

    rules = mapping(source)
    made = Transform(rules)(1, {"id": "c1", "at": "2024-05-01", "phone": "", "name": cell})
    return getattr(made.commands[0], "name")  # noqa: B009 - of the command that the mapping makes


@pytest.mark.parametrize("cell", ["#N/A", "#NV", "#REF!", "#VALUE!", "#DIV/0!", " #N/A "])
def test_errors_of_a_spreadsheet_are_blank_in_tables(cell: str) -> None:
    assert values_of({"format": "csv"}, cell) is None
    assert values_of({"format": "jsonl"}, cell) == cell.strip()


@pytest.mark.parametrize(
    ("cell", "read", "with_formulas"),
    [
        ("'0043 1 234", "0043 1 234", "0043 1 234"),
        ("'+43-1-234", "+43-1-234", "+43-1-234"),
        ("'-5,00", "-5,00", "-5,00"),
        ("'02134", "02134", "02134"),
        ("'t Hooft", "'t Hooft", "'t Hooft"),
        ("'68 Comeback", "'68 Comeback", "'68 Comeback"),
        ("'=1+1", "=1+1", "=1+1"),
        ("'@anna", "'@anna", "@anna"),
        ("'- late", "'- late", "- late"),
        ("'", "'", "'"),
    ],
)
def test_an_apostrophe_before_a_number_is_a_guard(cell: str, read: str, with_formulas: str) -> None:
    assert values_of({"format": "csv"}, cell) == read
    assert values_of({"format": "csv", "formula_guards": True}, cell) == with_formulas
    assert values_of({"format": "jsonl"}, cell) == cell


# --- what is not read -----------------------------------------------------------------------------------------------


def test_every_column_that_is_not_read_is_named(tmp_path: Path, sqlite_url: str) -> None:
    path = written(tmp_path, "id,at,phone,name,shoe size,\nc1,2024-05-01,,Anna,39,x\n")
    with Relations.open(sqlite_url) as engine:
        report = import_file(engine, mapping({}), path)
        assert report.unread == ["shoe size", "column 6"]
        lines = tmp_path / "lines"
        lines.write_text('{"id": "c2", "at": "2024-05-01", "x": {"y": 1}}\n{"id": "c3", "at": "2024-05-01", "z": 1}\n')
        assert import_file(engine, mapping({"format": "jsonl"}), lines, name="lines").unread == ["x.y", "z"]


def test_fields_that_are_new_in_every_row_do_not_fill_the_memory(tmp_path: Path, sqlite_url: str) -> None:
    lines = tmp_path / "lines"
    lines.write_text("".join(f'{{"id": "c{n}", "at": "2024-05-01", "x{n}": 1}}\n' for n in range(50)))
    rules = mapping({"format": "jsonl", "limits": {"columns": 10}})
    with Relations.open(sqlite_url) as engine:
        assert import_file(engine, rules, lines).unread == [*(f"x{n}" for n in range(10)), "…"]


def test_a_column_may_be_missing_only_if_the_mapping_says_so(tmp_path: Path, sqlite_url: str) -> None:
    path = written(tmp_path, "id,at,name\nc1,2024-05-01,Anna\n")
    with Relations.open(sqlite_url) as engine:
        with pytest.raises(MappingError) as raised:
            import_file(engine, mapping({}), path)
        assert raised.value.code == "unknown_column"
        assert import_file(engine, mapping({"optional": ["phone"]}), path).accepted == 1
