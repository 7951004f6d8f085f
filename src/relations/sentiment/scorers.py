"""What scores words: the protocol, and the two models that ship as adapters behind the extra `sentiment`."""

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
    """A model that says how favourable words are. Any object of this form will do.

    The same version has to say the same of the same words: it is asked once, and what it said stands in the log. To
    score over several processes it must be possible to pickle it.
    """

    @property
    def name(self) -> str:
        """What recorded scores name it by."""

    @property
    def version(self) -> str:
        """Which version of it this is; another one scores the same words anew."""

    @property
    def languages(self) -> frozenset[str]:
        """The languages that it reads, as BCP 47's primary subtags: `en` is asked for `en-GB` too."""

    def score(self, text: str) -> int:
        """Thousandths, from -1000 (unfavourable) to 1000 (favourable); 0 is neither."""


class Vader:
    """English by VADER: a lexicon and rules for negation, emphasis, emoticons.

    C. J. Hutto and E. Gilbert, "VADER: A Parsimonious Rule-based Model for Sentiment Analysis of Social Media Text",
    ICWSM 2014, as the package vaderSentiment has it. Its *compound*, from -1 to 1 in four decimals, is rounded to
    thousandths. It is made for sentences: long texts tend to the ends of the scale.
    """

    name = "vader"
    languages = frozenset({"en"})

    @property
    def version(self) -> str:
        """The version of the package vaderSentiment.

        Raises:
            MissingExtra: It is not installed.
        """
        return _version("vaderSentiment", _VADER)

    def score(self, text: str) -> int:
        """VADER's compound in thousandths.

        Raises:
            MissingExtra: The extra `sentiment` is not installed.
        """
        compound: float = _vader().polarity_scores(text)["compound"]
        return round(1000 * compound)


class SnowNlp:
    """Chinese by SnowNLP: naive Bayes over its own segmentation into words, learnt from reviews of shops.

    It gives the probability that a text is favourable, from 0 to 1. That becomes thousandths by `2000 p - 1000`,
    rounded: 0.5, which says nothing either way, becomes 0. The ends are common, for words count as if they were
    independent of one another: read the sign, and the order, rather than the distance.
    """

    name = "snownlp"
    languages = frozenset({"zh"})

    @property
    def version(self) -> str:
        """The version of the package snownlp, which carries the trained model.

        Raises:
            MissingExtra: It is not installed.
        """
        return _version("snownlp", _SNOWNLP)

    def score(self, text: str) -> int:
        """SnowNLP's probability in thousandths around 0; 0 for no words at all.

        Raises:
            MissingExtra: The extra `sentiment` is not installed.
        """
        model = needed("snownlp", extra=_EXTRA, purpose=_SNOWNLP)
        if not text:
            return 0  # SnowNLP divides by the length
        probability: float = model.SnowNLP(text).sentiments
        return round(2000 * probability) - 1000


_VADER = "Scoring English words"
_SNOWNLP = "Scoring Chinese words"

SCORERS: Mapping[str, Scorer] = {scorer.name: scorer for scorer in (Vader(), SnowNlp())}
"""The scorers that ship, by name."""


def scorers_named(names: Iterable[str]) -> list[Scorer]:
    """Shipped scorers by their names.

    Raises:
        InvalidInput: There is none of a name.
    """
    found = []
    for name in names:
        if name not in SCORERS:
            raise InvalidInput(
                f"{name!r} is no scorer that ships",
                code="unknown_scorer",
                field="scorer",
                hint=f"Give one of {', '.join(SCORERS)}; others are passed to score_feedback in Python",
            )
        found.append(SCORERS[name])
    return found


@cache
def _vader() -> Any:
    # Reads its lexicon of 7,500 words from the disk.
    return needed("vaderSentiment.vaderSentiment", extra=_EXTRA, purpose=_VADER).SentimentIntensityAnalyzer()


def _version(package: str, purpose: str) -> str:
    needed(package, extra=_EXTRA, purpose=purpose)  # what cannot be loaded is missing, whatever is said to be installed
    try:
        return version(package)
    except PackageNotFoundError:
        raise MissingExtra(package, extra=_EXTRA, purpose=purpose) from None
