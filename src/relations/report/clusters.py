"""Clusters in words: what sets each of them apart, in the languages of the page."""

from __future__ import annotations

from collections.abc import Sequence

from relations.projections.retention import ClusterTrait
from relations.report.html.wording import words_of

__all__ = ["cluster_phrases"]


def cluster_phrases(traits: Sequence[ClusterTrait], language: str = "en") -> list[str]:
    """Return a phrase for each feature that sets a cluster apart, such as `buy often`.

    Args:
        traits: The features, the most remarkable first.
        language: `en` or `zh`.
    """
    words = words_of(language)
    return [words[f"cluster_{each.level}"][each.fact].format(word=each.word or "") for each in traits] or [
        words["cluster"]["average"]
    ]
