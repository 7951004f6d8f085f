# ruff: noqa: RUF001 - Chinese has a comma of its own

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from relations import EraseCustomer, GiveFeedback, Relations
from tests.cli.conftest import Run

AT = datetime(2024, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "hotel.db"
    with Relations.open(f"sqlite:///{path}") as engine:
        for number, (words, language) in enumerate(
            [("A wonderful stay!", "en"), ("房间很干净，非常满意。", "zh-CN"), ("Sehr laut", "de"), ("Dreadful.", None)]
        ):
            engine.execute(
                GiveFeedback(
                    customer=f"c{number}",
                    feedback="f1",
                    instrument="review",
                    comment=words,
                    language=language,
                    occurred_at=AT,
                )
            )
        engine.execute(
            GiveFeedback(customer="gone", feedback="f1", instrument="review", comment="Mine", occurred_at=AT)
        )
        engine.execute(EraseCustomer(customer="gone", reason="asked", occurred_at=AT))
    return path


def test_words_are_scored_once_and_the_rest_is_counted(run: Run, database: Path) -> None:
    first = run("score", "-d", database)
    assert first.code == 0
    assert "5 answers with words" in first.out
    assert "vader" in first.out
    assert "snownlp" in first.out
    assert "Left out: 2 in a language that no scorer reads" in first.out
    assert "Left out: 1 of erased customers" in first.out
    again = run("score", "-d", database, "--language", "en", "--json").json
    assert (again["answers"], again["erased"], again["unread"]) == (5, 1, 1)
    assert [(each["scorer"], each["scored"], each["known"]) for each in again["scorers"]] == [
        ("vader", 1, 1),
        ("snownlp", 0, 1),
    ]


def test_what_the_guests_of_the_demo_wrote_is_scored(run: Run, hotel: Path) -> None:
    report = run("score", "-d", hotel, "--json").json
    assert report["answers"] > report["unread"] > 0
    assert all(each["scored"] > 0 for each in report["scorers"])


def test_a_scorer_that_is_missing_is_named_though_nothing_is_to_be_scored(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Relations.open(f"sqlite:///{tmp_path / 'empty.db'}"):
        pass
    monkeypatch.setitem(sys.modules, "snownlp", None)
    refused = run("score", "-d", tmp_path / "empty.db")
    assert refused.code != 0
    assert "relations-engine[sentiment]" in refused.err
    assert run("score", "-d", tmp_path / "empty.db", "-s", "vader").code == 0


def test_one_scorer_may_be_chosen(run: Run, database: Path) -> None:
    chosen = run("score", "-d", database, "-s", "vader", "--json").json
    assert [each["scorer"] for each in chosen["scorers"]] == ["vader"]
    events = run("history", "c0", "-d", database, "--json").json["events"]
    assert events[-1]["topic"] == "customer.sentiment_scored"
    wrong = run("score", "-d", database, "-s", "oracle")
    assert wrong.code == 2
    assert "vader, snownlp" in wrong.err
