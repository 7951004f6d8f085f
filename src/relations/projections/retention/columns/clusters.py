"""Clusters of all customers at once: the features of everybody, the fit, and who belongs to which cluster."""

from __future__ import annotations

from collections.abc import Sequence

from relations.aggregates.model import ClusterFeature, ClusterParameters, FittedCluster, TriedClusters
from relations.analytics import fit_centres, nearest_centres, silhouettes
from relations.errors import InvalidInput, NoFit
from relations.extras import np
from relations.policies.facts import NUMBER_FACTS, ClusterFact
from relations.projections.arguments import Page
from relations.projections.columns import Array, Ints, grouped_sums
from relations.projections.fits import origin_now
from relations.projections.retention.clusters.figures import ClusterFigure, ClustersReport, cluster_traits
from relations.projections.retention.clusters.fits import CLUSTERS_VERSION, ClusterFit, condition_of, scaled
from relations.projections.retention.columns.facts import Members
from relations.projections.retention.columns.patrons import bought_in, buyers, first_days_known, net_amounts

__all__ = ["CLUSTERS_MAX", "cluster_numbers", "clustered", "clusters_now"]

CLUSTERS_MAX = 50
_SILHOUETTES_OF = 5_000
_WORDS_MAX = 5
"""The most words of one fact that count, the most frequent ones."""
_RARE = 0.05
"""A word counts only if at least this share of customers has it, and at least this share does not."""
_NEAR_ZERO = 1e-9


def cluster_numbers(members: Members, fit: ClusterFit) -> Ints:
    """Return the number of the cluster of each customer; 0 for those who bought nothing in the policy's currency."""
    chosen = _compared(members)
    found = np.zeros(len(chosen), np.int64)
    measures = np.column_stack([_measure(members, feature.fact, feature.word) for feature in fit.found.features])
    found[chosen] = fit.numbers(measures[chosen])
    return found


def clustered(members: Members, fit: ClusterFit | None, page: Page[str]) -> ClustersReport:
    """Return the clusters of a fit with their customers.

    Args:
        members: The customers on the evening of a day.
        fit: The fit; None if there is none.
        page: The part of each cluster's customers to list.
    """
    known = int(np.count_nonzero(first_days_known(members.columns, members.today)))
    everybody = int(np.count_nonzero(_compared(members)))
    if fit is None:
        return ClustersReport(fit=None, others=known - everybody, clusters=())
    numbers = cluster_numbers(members, fit)
    count = len(fit.found.clusters)
    net, order = net_amounts(members.columns, members.currency[1], members.today), np.argsort(numbers, kind="stable")
    amounts = grouped_sums(net[order], numbers[order], count + 1)
    name_of = members.columns.names.__getitem__
    figures = []
    for number, (cluster, traits) in enumerate(zip(fit.found.clusters, cluster_traits(fit), strict=True), 1):
        places = np.flatnonzero(numbers == number).tolist()
        figures.append(
            ClusterFigure(
                number=number,
                fitted=cluster.customers,
                size=len(places),
                share=len(places) / everybody if everybody else None,
                net_amount=int(amounts[number]),
                traits=traits,
                customers=tuple(map(name_of, page.of_names(places, name_of))),
            )
        )
    return ClustersReport(fit=fit.used, others=known - everybody, clusters=tuple(figures))


def clusters_now(
    members: Members, *, facts: Sequence[ClusterFact], clusters: int | None, most: int, seed: int, smallest: int
) -> ClusterFit:
    """Find clusters of the customers who bought in the policy's currency.

    Args:
        members: The customers on the evening of a day.
        facts: The facts by which customers are compared.
        clusters: The number of clusters; None for the number from 2 to `most` with the best silhouette.
        most: The most clusters to try.
        seed: The seed of the starts.
        smallest: The fewest customers that a cluster may have.

    Raises:
        NoFit: There are too few customers, or they are too much alike.
        MissingExtra: The extra `analytics` is not installed.
        InvalidInput: The number of clusters makes no sense.
    """
    for name, asked in (("clusters", clusters), ("most", most)):
        if asked is not None and not 2 <= asked <= CLUSTERS_MAX:
            raise InvalidInput(
                f"the number of clusters cannot be {asked}",
                code="invalid_clusters",
                field=name,
                hint=f"Give 2 to {CLUSTERS_MAX}",
            )
    chosen = np.flatnonzero(_compared(members))
    features, values = _features(members, facts, chosen, smallest)
    tried: list[tuple[int, Array, Ints]] = []
    if features:
        for count in range(2, most + 1) if clusters is None else (clusters,):
            centres = fit_centres(values, count, seed=seed)
            if centres is None:
                continue
            labels = nearest_centres(values, centres)
            if np.bincount(labels, minlength=count).min() >= smallest:
                tried.append((count, centres, labels))
    if not tried:
        raise NoFit(
            f"{len(chosen)} customers who bought are too few or too much alike for clusters of at least {smallest}",
            code="no_clusters",
            hint="Ask for fewer clusters, compare customers by other facts, or wait for more customers",
        )
    scores = silhouettes(values, [labels for *_, labels in tried], seed=seed, most=_SILHOUETTES_OF)
    best = max(range(len(tried)), key=lambda place: (scores[place], -place))
    _, centres, labels = tried[best]
    amounts = net_amounts(members.columns, members.currency[1], members.today)[chosen].astype(np.float64)
    ranked = _ranked(centres, labels, amounts)
    found = ClusterParameters(
        currency=members.policy.currency,
        facts=tuple(facts),
        most=most if clusters is None else None,
        seed=seed,
        smallest=smallest,
        customers=len(chosen),
        features=tuple(features),
        tried=tuple(
            TriedClusters(clusters=count, silhouette=score) for (count, _, _), score in zip(tried, scores, strict=True)
        ),
        silhouette=scores[best],
        silhouette_customers=min(len(chosen), _SILHOUETTES_OF),
        clusters=tuple(
            FittedCluster(customers=int(np.count_nonzero(labels == place)), centre=tuple(centres[place].tolist()))
            for place in ranked
        ),
    )
    return ClusterFit.of(found, origin_now(members.today, CLUSTERS_VERSION))


def _ranked(centres: Array, labels: Ints, amounts: Array) -> list[int]:
    """Return the clusters in order: those whose customers spent most on average first."""
    means = [float(amounts[labels == place].mean()) for place in range(len(centres))]
    return sorted(range(len(centres)), key=lambda place: (-means[place], centres[place].tolist()))


def _compared(members: Members) -> Array:
    """Return for each customer whether they bought anything in the policy's currency."""
    columns, today = members.columns, members.today
    return bought_in(columns, members.currency[1], today) & (buyers(columns, today).days > 0)


def _measure(members: Members, fact: ClusterFact, word: str | None) -> Array:
    """Return what is known of a feature for each customer; NaN if it is unknown."""
    if word is not None:
        return members.meets(condition_of(fact, word)).astype(np.float64)
    values, known = members.number(fact)
    found = np.full(len(known), np.nan)
    found[known] = values[known].astype(np.float64)
    return found


def _features(
    members: Members, facts: Sequence[ClusterFact], chosen: Ints, smallest: int
) -> tuple[list[ClusterFeature], Array]:
    """Return the features in which customers differ, and their standardised values."""
    features: list[ClusterFeature] = []
    columns: list[Array] = []
    for fact in facts:
        words: list[str | None] = [None] if fact in NUMBER_FACTS else [*_words(members, fact, chosen, smallest)]
        for word in words:
            measured = _measure(members, fact, word)[chosen]
            values = measured if word is not None else scaled(fact, measured)
            known = values[~np.isnan(values)]
            if not len(known) or (deviation := float(known.std())) < _NEAR_ZERO:
                continue
            mean = float(known.mean())
            features.append(ClusterFeature(fact=fact, word=word, mean=mean, deviation=deviation))
            columns.append(np.where(np.isnan(values), 0.0, (values - mean) / deviation))
    return features, np.column_stack(columns) if columns else np.zeros((len(chosen), 0))


def _words(members: Members, fact: ClusterFact, chosen: Ints, smallest: int) -> list[str]:
    """Return the most frequent words of a fact that some customers have and some do not."""
    counts = {
        word: int(np.count_nonzero(members.meets(condition_of(fact, word))[chosen])) for word in members.words(fact)
    }
    least = max(smallest, len(chosen) * _RARE)
    kept = [word for word, count in counts.items() if least <= count <= len(chosen) - least]
    return sorted(kept, key=lambda word: (-counts[word], word))[:_WORDS_MAX]
