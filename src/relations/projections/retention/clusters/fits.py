"""Recorded fits of clusters: which one a question uses, how old it is, and which cluster a customer belongs to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from relations.aggregates.model import (
    ClusterFeature,
    ClusterParameters,
    RecordClusters,
    TriedClusters,
)
from relations.analytics import nearest_centres, scaled_roots
from relations.extras import np
from relations.policies.calendars import LocalTime
from relations.policies.facts import ClusterFact, Fact
from relations.policies.value import Condition
from relations.projections.columns import Array, Ints
from relations.projections.fits import FitInUse, newest_row, origin_of
from relations.projections.retention.clusters.rows import RecordedClusters
from relations.projections.retention.columns.joined import Value

__all__ = [
    "CLUSTERS_VERSION",
    "ClusterFit",
    "ClustersInUse",
    "as_measured",
    "condition_of",
    "measures_of",
    "newest_clusters",
    "scaled",
]

CLUSTERS_VERSION = 1
"""The version of the method of finding clusters. Raise it whenever the same customers give other clusters."""
_AS_THEY_ARE: frozenset[Fact] = frozenset({"discount_share", "satisfaction", "recommendation", "age"})
"""Numbers that are even enough; of all others, the fourth root counts."""


class ClustersInUse(FitInUse):
    """The fit that clusters come from.

    Attributes:
        currency: The currency of amounts.
        facts: The facts by which customers are compared.
        most: The most clusters to try; None if their number was given.
        seed: The seed of the starts.
        smallest: No cluster had fewer customers.
        customers: The number of customers in the fit.
        tried: The numbers of clusters that were tried, each with its silhouette.
        silhouette: The mean silhouette of the clusters in use, from -1 to 1.
        silhouette_customers: The number of customers whose silhouettes are averaged.
    """

    currency: str
    facts: tuple[ClusterFact, ...]
    most: int | None
    seed: int
    smallest: int
    customers: int
    tried: tuple[TriedClusters, ...]
    silhouette: float
    silhouette_customers: int


@dataclass(frozen=True)
class ClusterFit:
    """A fit of clusters, and where it comes from.

    Attributes:
        found: The features, the centres and the quality of the fit.
        used: The same and its origin, as answers have it.
    """

    found: ClusterParameters
    used: ClustersInUse

    @property
    def centres(self) -> Array:
        """The centres, one a row."""
        return np.array([cluster.centre for cluster in self.found.clusters])

    def numbers(self, measures: Array) -> Ints:
        """Return the number of the cluster of each customer, from 1.

        Args:
            measures: A row for each customer with what is known of each feature; NaN if it is unknown.
        """
        return nearest_centres(self.standardised(measures), self.centres) + 1

    def standardised(self, measures: Array) -> Array:
        """Return measures in deviations from the mean; 0 where nothing is known."""
        found = np.zeros(measures.shape)
        for place, feature in enumerate(self.found.features):
            values = (scaled(feature.fact, measures[:, place]) - feature.mean) / feature.deviation
            found[:, place] = np.where(np.isnan(values), 0.0, values)
        return found

    def command(self, moment: datetime, position: int) -> RecordClusters:
        """Return the command that records the fit."""
        return RecordClusters(
            through=self.used.through,
            position=position,
            version=self.used.version,
            clusters=self.found,
            occurred_at=moment,
        )

    @classmethod
    def of(cls, found: ClusterParameters, origin: FitInUse) -> ClusterFit:
        """Return a fit with its origin."""
        known = found.model_dump(exclude={"features", "clusters"})
        return cls(found, ClustersInUse(**origin.model_dump(), **known))


def scaled(fact: ClusterFact, values: Array) -> Array:
    """Return values of a fact as they are compared."""
    return values if fact in _AS_THEY_ARE else scaled_roots(values)


def as_measured(fact: ClusterFact, value: float) -> float:
    """Return the value of a fact that would be compared as this number; the inverse of `scaled`."""
    return value if fact in _AS_THEY_ARE else value * abs(value) ** 3


def condition_of(fact: ClusterFact, word: str) -> Condition:
    """Return the condition that a customer with a word meets, as a condition of a segment would ask it."""
    return Condition(fact=fact, one_of=(word,))


def measures_of(customers: Sequence[Mapping[Fact, Value]], features: Sequence[ClusterFeature]) -> Array:
    """Return a row for each customer with what is known of each feature; NaN if it is unknown.

    Args:
        customers: The facts about each customer.
        features: The features.
    """
    rows = [[_measure(facts[feature.fact], feature) for feature in features] for facts in customers]
    return np.array(rows, np.float64).reshape(len(customers), len(features))


def _measure(known: Value, feature: ClusterFeature) -> float:
    if feature.word is not None:
        return float(condition_of(feature.fact, feature.word).holds(known))
    assert not isinstance(known, frozenset)  # noqa: S101 - a fact without one is a number
    return float("nan") if known is None else float(known)


def newest_clusters(rows: Iterable[RecordedClusters], today: int, local: LocalTime, currency: str) -> ClusterFit | None:
    """Return the newest fit that was recorded by the evening of a day; None if there is none.

    Args:
        rows: All fits.
        today: The ordinal of the day.
        local: The business's days.
        currency: The policy's currency. A fit to amounts in another one says nothing about amounts in this one.
    """
    row = newest_row(rows, today, local)
    if row is None:
        return None
    found = ClusterParameters.model_validate_json(row.clusters)
    return ClusterFit.of(found, origin_of(row, today)) if found.currency == currency else None
