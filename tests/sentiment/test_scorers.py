"""The two models behind the extra `sentiment`, and what is said where they are not installed."""

# ruff: noqa: RUF001 - Chinese has a comma of its own

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

import pytest

from relations import InvalidInput
from relations.sentiment import SCORERS, Scorer, SnowNlp, Vader, scorers_named

vader: Scorer = Vader()
snownlp: Scorer = SnowNlp()


@pytest.mark.parametrize(
    ("text", "lowest", "highest"),
    [
        ("The breakfast was wonderful and the staff were so kind!", 700, 1000),
        ("Dirty room, rude clerk, terrible night.", -1000, -600),
        ("The room was not good.", -600, -100),
        ("The room was good.", 200, 600),
        ("We arrived on Tuesday.", 0, 0),
    ],
)
def test_vader_reads_english(text: str, lowest: int, highest: int) -> None:
    assert lowest <= vader.score(text) <= highest


def test_vader_s_compound_is_given_in_thousandths() -> None:
    """The examples of the package's own documentation: compound 0.8316 and -0.7042."""
    assert vader.score("VADER is smart, handsome, and funny.") == 832
    assert vader.score("The plot was good, but the characters are uncompelling and the dialog is not great.") == -704


@pytest.mark.parametrize(
    ("text", "favourable"),
    [
        ("房间很干净，服务很热情，非常满意，下次还会再来。", True),
        ("环境优美，早餐丰富，前台态度好。", True),
        ("房间又脏又旧，服务态度极差，再也不来了。", False),
        ("太差了，半夜很吵，根本没法睡觉。", False),
    ],
)
def test_snownlp_reads_chinese(text: str, favourable: bool) -> None:
    score = snownlp.score(text)
    assert -1000 <= score <= 1000
    assert (score > 0) is favourable
    assert abs(score) > 200


def test_a_probability_of_one_half_is_neither() -> None:
    assert snownlp.score("12345") == 0
    assert snownlp.score("") == 0


@pytest.mark.parametrize("text", ["\uff1f\uff1f", "!!!", " ", "\u3002", "\n", "\U0001f600"])
def test_a_text_without_words_is_neither(text: str) -> None:
    assert snownlp.score(text) == 0


@pytest.mark.parametrize("apostrophe", ["\u2019", "\u02bc", "\u2018", "\uff07"])
def test_an_apostrophe_means_the_same_however_it_is_written(apostrophe: str) -> None:
    said = "The room wasn't clean, and I wouldn't come back happy"
    assert vader.score(said.replace("'", apostrophe)) == vader.score(said) < 0


def test_a_scorer_says_which_version_of_which_model_it_is() -> None:
    assert {name: (scorer.name, scorer.version, scorer.languages) for name, scorer in SCORERS.items()} == {
        "vader": ("vader", f"{version('vaderSentiment')}+apostrophes", frozenset({"en"})),
        "snownlp": ("snownlp", f"{version('snownlp')}+words", frozenset({"zh"})),
    }


def test_scorers_are_found_by_name() -> None:
    assert scorers_named(["snownlp"]) == [SCORERS["snownlp"]]
    with pytest.raises(InvalidInput, match="snownlp") as refused:
        scorers_named(["snow"])
    assert refused.value.code == "unknown_scorer"


WITHOUT = """
import sys
from importlib import metadata
sys.modules["snownlp"] = sys.modules["vaderSentiment"] = None
def absent(name): raise metadata.PackageNotFoundError(name)
import relations.sentiment.scorers as scorers
if sys.argv[1] == "absent":
    scorers.version = absent
from relations.errors import MissingExtra
for scorer in scorers.SCORERS.values():
    for ask in (lambda: scorer.version, lambda: scorer.score("words")):
        try:
            ask()
        except MissingExtra as error:
            print(error)
"""


@pytest.mark.parametrize("how", ["absent", "listed"])
def test_without_the_extra_it_is_said_what_to_install(how: str) -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT, how], capture_output=True, text=True, check=True)
    said = done.stdout.splitlines()
    assert len(said) == 4
    assert all("pip install 'relations-engine[sentiment]'" in line for line in said)
    assert [line for line in said if "vaderSentiment" in line] == said[:2]
