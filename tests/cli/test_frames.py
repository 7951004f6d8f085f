from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from relations import Relations
from relations.exchange.frames.questions import frame, part, questions, table, tables
from tests.cli.conftest import Run


def test_an_answer_is_written_as_parquet_and_as_arrow(run: Run, hotel: Path, tmp_path: Path) -> None:
    parquet, arrow = tmp_path / "cohorts.parquet", tmp_path / "cohorts.arrow"
    done = run("frame", "retention.cohorts", "-d", hotel, "-o", parquet, "--as-of", "2025-06-30", "--json")
    assert done.code == 0
    assert run("frame", "retention.cohorts", "-d", hotel, "-o", arrow, "--as-of", "2025-06-30").code == 0
    with Relations.open(f"sqlite:///{hotel}") as engine:
        expected = frame(engine.views.retention.cohorts, as_of=datetime(2025, 6, 30, 20, tzinfo=UTC))
    assert pl.read_parquet(parquet).equals(expected)
    assert pl.read_ipc(arrow).equals(expected)
    assert done.json["rows"] == expected.height > 12
    assert list(done.json["columns"]) == expected.columns
    assert sorted(each.name for each in tmp_path.iterdir() if "cohorts" in each.name) == [arrow.name, parquet.name]


def test_a_table_is_written_as_csv_with_json_where_it_is_nested(run: Run, hotel: Path, tmp_path: Path) -> None:
    path = tmp_path / "patronage.csv"
    done = run("frame", "retention.Patronage", "-d", hotel, "-o", path)
    assert done.code == 0
    assert "rows are in" in done.out
    with Relations.open(f"sqlite:///{hotel}") as engine:
        expected = table(engine.views.retention, "Patronage")
    read = pl.read_csv(path)
    assert read["customer"].to_list() == expected["customer"].to_list()
    assert read["activity"].str.json_decode(expected.schema["activity"]).to_list() == expected["activity"].to_list()


def test_a_wrong_argument_is_refused_in_plain_words(run: Run, hotel: Path, tmp_path: Path) -> None:
    ran = run("frame", "care.due", "-d", hotel, "-o", tmp_path / "due.csv", "--with", "limit=many")
    assert ran.code == 2
    assert "'many' is not a value for limit: should be a valid integer" in ran.err
    assert "unable to" not in ran.err


def test_questions_take_arguments_and_parts_become_rows(run: Run, hotel: Path, tmp_path: Path) -> None:
    path = tmp_path / "out.parquet"
    arguments = ("-w", "by=month", "-w", "by=touchpoint", "-w", "since=2024-03")
    assert run("frame", "satisfaction.nps", "-d", hotel, "-o", path, *arguments, "--part", "group").code == 0
    groups = pl.read_parquet(path)
    assert groups["month"].min() == "2024-03"
    assert groups["touchpoint"].null_count() == 0 < groups.height
    assert run("frame", "retention.rfm", "-d", hotel, "-o", path, "-w", "limit=3", "--part", "customers").code == 0
    assert pl.read_parquet(path).height == 3
    assert run("frame", "agenda.due", "-d", hotel, "-o", path, "-w", "until=2026-12-31").code == 0
    assert pl.read_parquet(path).height > 0
    assert run("frame", "repair.due", "-d", hotel, "-o", path, "-w", "within=P3650D").code == 0
    with Relations.open(f"sqlite:///{hotel}") as engine:
        first, second = engine.views.retention.rfm().customers[:2]
        assert part(frame(engine.views.retention.rfm, limit=2), "customers")["customer"].to_list() == [
            first.customer,
            second.customer,
        ]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("retention.cohort", "-o", "x.parquet"), "unknown_question"),
        (("retentions.cohorts", "-o", "x.parquet"), "unknown_question"),
        (("retention.cohorts", "-o", "x.xlsx"), "unknown_format"),
        (("retention.cohorts",), "missing_argument"),
        (("retention.cohorts", "-o", "x.csv", "-w", "until=2024"), "unknown_argument"),
        (("retention.Patronage", "-o", "x.csv", "-w", "until=2024"), "unknown_argument"),
        (("retention.customer", "-o", "x.csv"), "missing_argument"),
        (("retention.rfm", "-o", "x.csv", "-w", "limit=some"), "invalid_argument"),
        (("retention.stages", "-o", "x.csv", "-w", "stage=gone"), "invalid_argument"),
        (("agenda.due", "-o", "x.csv", "-w", "until=tomorrow"), "invalid_time"),
        (("retention.cohorts", "-o", "x.csv", "--part", "size"), "unknown_part"),
        (("retention.rates", "-o", "x.csv", "-w", "since=May"), "invalid_month"),
    ],
)
def test_what_cannot_be_asked_is_said_and_nothing_written(
    run: Run, hotel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], code: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run("frame", "-d", hotel, *arguments)
    assert done.code == 2
    assert f"[{code}]" in done.err
    assert not list(tmp_path.glob("x.*"))


def test_all_there_is_to_ask_is_listed(run: Run) -> None:
    listed = run("frame", "--list", "--json").json
    with Relations.open("sqlite://") as engine:
        views = vars(engine.views)
        assert set(listed) == set(views)
        for name, view in views.items():
            assert set(listed[name]["questions"]) == set(questions(view))
            assert listed[name]["tables"] == list(tables(view))
    shown = run("frame", "--list")
    assert shown.code == 0
    assert "retention.cohorts" in shown.out
    assert "retention.Patronage" in shown.out
