"""Answers about clusters: how many customers each has, and what sets them apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from relations.json_form import ViewAnswer
from relations.policies.facts import ClusterFact
from relations.projections.retention.clusters.fits import ClusterFit, ClustersInUse, as_measured

__all__ = ["ClusterFigure", "ClusterTrait", "ClustersReport", "ComparedNumber", "CustomerCluster", "cluster_traits"]

_REMARKABLE = 0.5
"""Deviations from the mean from which on a cluster is described by a feature."""
_TRAITS_MAX = 4


class ClusterTrait(ViewAnswer):
    """A feature that sets a cluster apart from the average customer of the fit.

    Attributes:
        fact: The name of the fact.
        word: The word; None for a number.
        level: `high` or `low`, compared with the average.
        typical: The value at the cluster's centre; of a word, the share of the cluster's customers who have it.
        average: The same of all customers in the fit.
        deviations: The distance between them in standard deviations; below 0 if it is low.
    """

    fact: ClusterFact
    word: str | None
    level: Literal["high", "low"]
    typical: float
    average: float
    deviations: float


class ClusterFigure(ViewAnswer):
    """One cluster.

    Attributes:
        number: Its number. In the first, customers spent most on average when it was fitted.
        fitted: The number of its customers when it was fitted.
        size: The number of customers in it now.
        share: Their share of all customers in a cluster; None if there are none.
        net_amount: Their purchases less refunds, in minor units of the policy's currency.
        traits: The features that set it apart, the most remarkable first; none if it is like the average customer.
        customers: The customers listed, by id.
    """

    number: int
    fitted: int
    size: int
    share: float | None
    net_amount: int
    traits: tuple[ClusterTrait, ...]
    customers: tuple[str, ...]


class ClustersReport(ViewAnswer):
    """Clusters of the customers who bought in the policy's currency.

    Attributes:
        fit: The fit that they come from; None if none was recorded by then.
        others: The number of known customers who bought nothing in this currency. They belong to no cluster.
        clusters: The clusters, by number.
    """

    fit: ClustersInUse | None
    others: int
    clusters: tuple[ClusterFigure, ...]


class ComparedNumber(ViewAnswer):
    """A number by which customers are compared.

    Attributes:
        fact: The name of the fact.
        value: Its value for the customer; None if it is unknown.
    """

    fact: ClusterFact
    value: float | None


class CustomerCluster(ViewAnswer):
    """The cluster of one customer.

    Attributes:
        customer: The customer.
        cluster: The number of the cluster; None if they bought nothing in the policy's currency by then.
        fit: The fit that it comes from.
        traits: The features that set the cluster apart.
        known: The customer's own numbers of those by which customers are compared.
    """

    customer: str
    cluster: int | None
    fit: ClustersInUse
    traits: tuple[ClusterTrait, ...]
    known: tuple[ComparedNumber, ...]


def cluster_traits(fit: ClusterFit) -> Sequence[tuple[ClusterTrait, ...]]:
    """Return the features that set each cluster apart, the most remarkable first, at most four."""
    return [_traits(fit, cluster.centre) for cluster in fit.found.clusters]


def _traits(fit: ClusterFit, centre: Sequence[float]) -> tuple[ClusterTrait, ...]:
    places = zip(fit.found.features, centre, strict=True)
    found = sorted(
        ((feature, place) for feature, place in places if abs(place) >= _REMARKABLE), key=lambda each: -abs(each[1])
    )
    return tuple(
        ClusterTrait(
            fact=feature.fact,
            word=feature.word,
            level="high" if place > 0 else "low",
            typical=_value(feature.fact, feature.word, feature.mean + place * feature.deviation),
            average=_value(feature.fact, feature.word, feature.mean),
            deviations=place,
        )
        for feature, place in found[:_TRAITS_MAX]
    )


def _value(fact: ClusterFact, word: str | None, scaled: float) -> float:
    return as_measured(fact, scaled) if word is None else min(max(scaled, 0.0), 1.0)
