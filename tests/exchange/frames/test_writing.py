"""Every question and table of every view, written in every format."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from relations.engine import Relations
from relations.errors import InvalidInput, NoFit
from relations.exchange.frames import frame, questions, table, tables, write_frame
from relations.testing import simulate
from tests.support.asking import ARGUMENTS, needed_by
from tests.support.filling import filling

AT = datetime(2024, 8, 1, tzinfo=UTC)
TOO_FEW = {"too_few_observations", "no_drivers", "nothing_to_find"}
"""Codes of questions that so small a history cannot answer."""


@pytest.fixture(scope="module")
def engine() -> Iterator[Relations]:
    with Relations.open("sqlite://") as opened:
        opened.execute_many(simulate(seed=3, customers=25, months=6))
        opened.execute_many(filling(AT, "own-1", "own-2"))
        yield opened


def arguments(engine: Relations, name: str, question: Callable[..., Any]) -> dict[str, Any]:
    complaint = next((each.stream for each in engine.events() if each.topic == "complaint.filed"), "complaint-none")
    customer = next(each.customer for each in engine.events() if each.customer)
    own: dict[str, Any] = {
        "customer": customer,
        "complaint": complaint.partition("-")[2],
        "until": AT + timedelta(days=60),
        "instrument": "nps",
        "customers": [customer],
        "goal": "satisfaction-0",
        "improvement": "counter",
        "owner": "ben",
    }
    needed = needed_by(name, question)
    return {each: own.get(each, ARGUMENTS[each][0]) for each in needed}


def test_every_question_and_table_is_written_in_every_format(engine: Relations, tmp_path: Path) -> None:
    written = 0
    for view_name, view in vars(engine.views).items():
        if view_name.startswith("_"):
            continue
        answers: dict[str, Callable[[], pl.DataFrame]] = {each: partial(table, view, each) for each in tables(view)}
        for each, question in questions(view).items():
            given = arguments(engine, f"{view_name}.{each}", question)
            answers[each] = partial(frame, question, **given)
        for each, ask in answers.items():
            try:
                found = ask()
            except InvalidInput as error:
                assert isinstance(error, NoFit) or error.code in TOO_FEW  # noqa: PT017 - either is right
                continue
            for suffix in (".csv", ".parquet", ".arrow"):
                path = tmp_path / f"{view_name}.{each}{suffix}"
                write_frame(found, path)
                assert path.stat().st_size > 0
            with (tmp_path / f"{view_name}.{each}.csv").open(newline="", encoding="utf-8") as lines:
                assert sum(1 for _ in csv.reader(lines)) == found.height + 1
            written += 1
    assert written > 40


def test_spans_are_iso_8601_and_formulas_are_guarded(tmp_path: Path) -> None:
    found = pl.DataFrame(
        {
            "span": [timedelta(days=1, hours=2), timedelta(seconds=-90), None],
            "text": ["=1+1", "plain", "@x"],
            "number": [-1, 2, 3],
            "spans": [[timedelta(hours=1)], [], None],
        }
    )
    path = tmp_path / "x.csv"
    write_frame(found, path)
    assert path.read_text().splitlines() == [
        "span,text,number,spans",
        'P1DT7200S,\'=1+1,-1,"[""PT3600S""]"',
        "-PT90S,plain,2,[]",
        ",'@x,3,",
    ]
    write_frame(found, path, raw=True)
    assert "=1+1" in path.read_text()
    assert "'" not in path.read_text()


def test_an_unknown_format_and_an_unwritable_place_are_errors(tmp_path: Path) -> None:
    found = pl.DataFrame({"a": [1]})
    with pytest.raises(InvalidInput) as raised:
        write_frame(found, tmp_path / "x.xlsx")
    assert raised.value.code == "unknown_format"
    assert not list(tmp_path.iterdir())
