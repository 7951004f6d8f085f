"""Clusters in words: what sets each of them apart, in the languages of the page."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources

from relations.projections.retention import ClusterTrait

__all__ = ["cluster_phrases"]


@cache
def _words(language: str) -> Mapping[str, Mapping[str, str]]:
    file = resources.files("relations.report.html").joinpath("words", f"{language}.toml")
    found: Mapping[str, Mapping[str, str]] = tomllib.loads(file.read_text("utf-8"))
    return found


def cluster_phrases(traits: Sequence[ClusterTrait], language: str = "en") -> list[str]:
    """Return a phrase for each feature that sets a cluster apart, such as `buy often`.

    Args:
        traits: The features, the most remarkable first.
        language: `en` or `zh`.
    """
    words = _words(language)
    return [words[f"cluster_{each.level}"][each.fact].format(word=each.word or "") for each in traits] or [
        words["cluster"]["average"]
    ]
