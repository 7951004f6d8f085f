"""Chinese reviews of hotels through their mapping, scored by SnowNLP, against the labels that came with them.

SnowNLP takes about 15 ms a review. `make test` scores one review in a hundred, and `make soak` one in twenty: the
file's rows 15, 35, 55, ..., the empty one among them. RELATIONS_FULL_IMPORT scores all of them;
`docs/explanation/sentiment.md` has the figures and the command.
"""

from __future__ import annotations

import csv
import gzip
import os
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import pytest

from relations import Relations
from relations.aggregates.customer import FeedbackGiven, SentimentScored
from relations.exchange import ImportReport, import_file
from relations.projections.satisfaction import Respondent
from relations.sentiment import SCORERS, score_feedback

FULL = bool(os.environ.get("RELATIONS_FULL_IMPORT"))
FIRST = 15
AGREEMENT = {100: (78, 57, 0.9182), 20: (387, 280, 0.8900), 1: (7765, 5505, 0.8911)}
"""By every how manieth review is scored: how many there are, how many are judged as labelled, and the area."""
Row = dict[str, str]


class Agreement(NamedTuple):
    """The agreement of scores and labels.

    Attributes:
        reviews: How many have both.
        right: How many have a score above 0 and the label good, or otherwise the label bad.
        area: The probability that a good review has a higher score than a bad one, of each taken at random; an equal
            score counts half: the area under the curve of true against false positives.
    """

    reviews: int
    right: int
    area: float


def agreement(good: Sequence[int], bad: Sequence[int]) -> Agreement:
    """By ranks (Mann and Whitney): equal scores share the mean of their ranks."""
    ranked = sorted([(score, True) for score in good] + [(score, False) for score in bad])
    before, rank_sum = 0, 0.0
    for _, tied in groupby(ranked, key=lambda pair: pair[0]):
        group = list(tied)
        rank_sum += (before + (len(group) + 1) / 2) * sum(is_good for _, is_good in group)
        before += len(group)
    pairs = len(good) * len(bad)
    area = (rank_sum - len(good) * (len(good) + 1) / 2) / pairs
    right = sum(score > 0 for score in good) + sum(score <= 0 for score in bad)
    return Agreement(len(good) + len(bad), right, area)


def test_the_measures_of_agreement_are_what_they_are_called() -> None:
    assert agreement([3, 5], [-1, 0]) == (4, 4, 1.0)
    assert agreement([-1, 0], [3, 5]) == (4, 0, 0.0)
    assert agreement([1, -1], [1, -1]) == (4, 2, 0.5)
    assert agreement([2], [1, 2, 3]) == (4, 1, 0.5)


@pytest.fixture(scope="module", params=[1] if FULL else [100, pytest.param(20, marks=pytest.mark.soak)])
def every(request: pytest.FixtureRequest) -> int:
    number: int = request.param
    return number


@pytest.fixture(scope="module")
def reviews_file(data_dir: Path, every: int, tmp_path_factory: pytest.TempPathFactory) -> Path:
    whole = data_dir / "hotel_reviews_zh" / "reviews.csv.gz"
    if every == 1:
        return whole
    part = tmp_path_factory.mktemp("hotel_reviews") / "part.csv.gz"
    with gzip.open(part, "wt", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, ["label", "review"])
        writer.writeheader()
        writer.writerows(row for number, row in enumerate(rows_of(whole), 1) if number % every == FIRST)
    return part


def rows_of(path: Path) -> Iterator[Row]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as text:
        yield from csv.DictReader(text)


@pytest.fixture(scope="module")
def imported(reviews_file: Path) -> Iterator[tuple[Relations, ImportReport]]:
    with Relations.open("sqlite://") as engine:
        yield engine, import_file(engine, "hotel_reviews_zh", reviews_file)


def test_every_review_of_the_file_is_taken_or_turned_away(data_dir: Path) -> None:
    path = data_dir / "hotel_reviews_zh" / "reviews.csv.gz"
    rows = list(rows_of(path))
    empty = [number for number, row in enumerate(rows, 1) if not row["review"]]
    with Relations.open("sqlite://") as engine:
        report = import_file(engine, "hotel_reviews_zh", path)
        given = {each.customer: each.event for each in engine.events(of=(FeedbackGiven,))}
    assert (report.rows, report.accepted, report.rejected) == (7766, 7765, 1)
    assert report.by_reason == {"no_words": len(empty)}
    assert report.examples[0]["row"] == empty[0]
    assert len(given) == 7765
    for number, row in enumerate(rows, 1):
        event = given.get(f"hotel-review-{number}")
        assert (event is None) is (not row["review"])
        if isinstance(event, FeedbackGiven):
            assert (event.comment, event.score, event.language) == (row["review"].strip(), None, "zh")


def test_the_label_is_kept_as_a_judgement_of_the_words(
    imported: tuple[Relations, ImportReport], reviews_file: Path
) -> None:
    engine, _ = imported
    judged = {
        each.customer: each.event.score
        for each in engine.events(of=(SentimentScored,))
        if isinstance(each.event, SentimentScored) and each.event.scorer == "label"
    }
    assert judged == {
        f"hotel-review-{number}": 1000 if row["label"] == "1" else -1000
        for number, row in enumerate(rows_of(reviews_file), 1)
        if row["review"]
    }


def test_snownlp_agrees_with_the_labels_so_far_and_no_further(
    imported: tuple[Relations, ImportReport], reviews_file: Path, every: int
) -> None:
    engine, _ = imported
    report = score_feedback(engine, [SCORERS["snownlp"]], processes=2 if every == 1 else 1)
    assert report.scorers[0].scored == report.answers > 7_600 // every
    assert (report.scorers[0].version, report.erased, report.unread) == ("0.12.3+words", 0, 0)
    scored = {
        row.customer: {(each.scorer, each.version): each.score for each in given.sentiments}
        for row in engine.views.satisfaction.rows(Respondent)
        for given in row.answers.values()
    }
    by_label: dict[str, list[int]] = {"1": [], "0": []}
    for number, row in enumerate(rows_of(reviews_file), 1):
        if row["review"]:
            by_label[row["label"]].append(scored[f"hotel-review-{number}"]["snownlp", "0.12.3+words"])
    found = agreement(by_label["1"], by_label["0"])
    print(f"\n{found}: accuracy {found.right / found.reviews:.4f}, area {found.area:.4f}")
    assert (found.reviews, found.right) == AGREEMENT[every][:2]
    assert found.area == pytest.approx(AGREEMENT[every][2], abs=0.00005)
