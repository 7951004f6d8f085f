"""Scorers of words: the protocol, and two adapters of models that need the extra `sentiment`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Protocol

from relations.errors import InvalidInput, MissingExtra
from relations.extras import needed

__all__ = ["SCORERS", "Scorer", "SnowNlp", "Vader", "scorers_named"]

_EXTRA = "sentiment"


class Scorer(Protocol):
    """A model that scores how favourable words are. Any object with these members is a scorer.

    One version must always give the same score to the same words, because it is asked once and its score stays in the
    log. A scorer that is used in several processes must be picklable.
    """

    @property
    def name(self) -> str:
        """The name in recorded scores."""

    @property
    def version(self) -> str:
        """The version. Another version scores the same words again."""

    @property
    def languages(self) -> frozenset[str]:
        """The languages that it reads, as primary subtags of BCP 47; `en` includes `en-GB`."""

    def score(self, text: str) -> int:
        """Return thousandths from -1000 (unfavourable) to 1000 (favourable); 0 is neither."""


class Vader:
    """A scorer of English with VADER, a lexicon with rules for negation, emphasis and emoticons.

    C. J. Hutto and E. Gilbert, "VADER: A Parsimonious Rule-based Model for Sentiment Analysis of Social Media Text",
    ICWSM 2014, in the package vaderSentiment. Its *compound*, from -1 to 1 in four decimals, is rounded to
    thousandths. It is made for sentences: long texts tend to the ends of the scale. It recognises negations only with
    straight apostrophes, so curly ones are replaced first.
    """

    name = "vader"
    languages = frozenset({"en"})

    @property
    def version(self) -> str:
        """The version of the package vaderSentiment, and of the way in which texts are prepared for it.

        Raises:
            MissingExtra: The package is not installed.
        """
        return f"{_version('vaderSentiment', _VADER)}+apostrophes"

    def score(self, text: str) -> int:
        """Return VADER's compound in thousandths.

        Raises:
            MissingExtra: The extra `sentiment` is not installed.
        """
        compound: float = _vader().polarity_scores(text.translate(_STRAIGHT))["compound"]
        return round(1000 * compound)


class SnowNlp:
    """A scorer of Chinese with SnowNLP: naive Bayes over its own segmentation into words, trained on shop reviews.

    It gives the probability p that a text is favourable. The score is `2000 p - 1000`, rounded, so that 0.5 becomes 0.
    Scores near the ends are common, because the model treats words as independent. Use the sign and the order of
    scores rather than their distance. Texts without words score 0.
    """

    name = "snownlp"
    languages = frozenset({"zh"})

    @property
    def version(self) -> str:
        """The version of the package snownlp, which has the trained model, and of the rule for texts without words.

        Raises:
            MissingExtra: The package is not installed.
        """
        return f"{_version('snownlp', _SNOWNLP)}+words"

    def score(self, text: str) -> int:
        """Return SnowNLP's probability in thousandths around 0; 0 for a text without words.

        Raises:
            MissingExtra: The extra `sentiment` is not installed.
        """
        model = needed("snownlp", extra=_EXTRA, purpose=_SNOWNLP)
        if not any(character.isalnum() for character in text):
            return 0  # SnowNLP scores punctuation by chance, and divides by the number of words
        probability: float = model.SnowNLP(text).sentiments
        return round(2000 * probability) - 1000


_VADER = "Scoring English words"
_SNOWNLP = "Scoring Chinese words"
_STRAIGHT = str.maketrans(dict.fromkeys("\u2019\u02bc\u2018\uff07", "'"))
"""The apostrophes that phones, word processors and Chinese keyboards produce."""

SCORERS: Mapping[str, Scorer] = {scorer.name: scorer for scorer in (Vader(), SnowNlp())}
"""The shipped scorers by name."""


def scorers_named(names: Iterable[str]) -> list[Scorer]:
    """Return shipped scorers by their names.

    Raises:
        InvalidInput: There is no scorer with one of the names.
    """
    found = []
    for name in names:
        if name not in SCORERS:
            raise InvalidInput(
                f"there is no scorer {name!r}",
                code="unknown_scorer",
                field="scorer",
                hint=f"Give one of {', '.join(SCORERS)}; pass others to score_feedback in Python",
            )
        found.append(SCORERS[name])
    return found


@cache
def _vader() -> Any:
    # Reads its lexicon of 7,500 words from the disk.
    return needed("vaderSentiment.vaderSentiment", extra=_EXTRA, purpose=_VADER).SentimentIntensityAnalyzer()


def _version(package: str, purpose: str) -> str:
    needed(package, extra=_EXTRA, purpose=purpose)  # metadata may be there where the package cannot be loaded
    try:
        return version(package)
    except PackageNotFoundError:
        raise MissingExtra(package, extra=_EXTRA, purpose=purpose) from None
