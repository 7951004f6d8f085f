"""Clusters of customers by k-means, and how well they are apart.

k-means puts each customer into the cluster with the nearest centre, and each centre at the mean of its customers (S. P.
Lloyd, "Least squares quantization in PCM", IEEE Transactions on Information Theory 28 (1982) 129-137). Starts are those
of k-means++ (D. Arthur, S. Vassilvitskii, SODA 2007). The silhouette is that of P. J. Rousseeuw, Journal of
Computational and Applied Mathematics 20 (1987) 53-65.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from relations.analytics.extra import scientific
from relations.errors import InvalidInput
from relations.extras import np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["fit_centres", "nearest_centres", "scaled_roots", "silhouettes"]

Floats: TypeAlias = "NDArray[np.float64]"
Labels: TypeAlias = "NDArray[np.int64]"

_STARTS = 10
_PASSES = 100
_CHUNK = 256
_PURPOSE = "Finding clusters"


def scaled_roots(values: Floats) -> Floats:
    """Return the fourth root of each value, with its sign.

    It makes amounts and counts about as even as a logarithm does, and is defined for 0 and below. Square roots are
    rounded the same on every machine (IEEE 754), and logarithms are not.
    """
    return np.copysign(np.sqrt(np.sqrt(np.abs(values))), values)


def fit_centres(values: Floats, clusters: int, *, seed: int) -> Floats | None:
    """Return the centres of clusters, one a row, by the best of 10 starts of k-means++.

    Args:
        values: A row for each customer, with features of about the same scale.
        clusters: The number of clusters, at least 2.
        seed: The seed of the starts.

    Returns:
        None if there are not as many different customers.

    Raises:
        InvalidInput: There are fewer than 2 clusters.
        MissingExtra: The extra `analytics` is not installed.
    """
    if clusters < 2:
        raise InvalidInput(
            f"the number of clusters cannot be {clusters}",
            code="invalid_clusters",
            field="clusters",
            hint="Give 2 or more",
        )
    vq = scientific("scipy.cluster.vq", _PURPOSE)
    if len(np.unique(values, axis=0)) < clusters:
        return None
    random = np.random.default_rng(seed)
    best: tuple[float, Floats] | None = None
    for _ in range(_STARTS):
        try:
            centres = _passed(vq, values, clusters, random)
        except vq.ClusterError:  # a cluster lost its last customer
            continue
        spread = float(((values - centres[nearest_centres(values, centres)]) ** 2).sum())
        if best is None or spread < best[0]:
            best = spread, centres
    return None if best is None else best[1]


def _passed(vq: Any, values: Floats, clusters: int, random: Any) -> Floats:
    """Return the centres after the first pass that moves none of them, for no later pass moves one; or after the last.

    Raises:
        ClusterError: A cluster lost its last customer.
    """
    centres: Floats = vq.kmeans2(values, clusters, iter=1, minit="++", missing="raise", seed=random)[0]
    for _ in range(_PASSES - 1):
        before, centres = centres, vq.kmeans2(values, centres, iter=1, minit="matrix", missing="raise")[0]
        if np.array_equal(before, centres):
            break
    return centres


def nearest_centres(values: Floats, centres: Floats) -> Labels:
    """Return the number of each row's nearest centre; of equally near ones, the first.

    Only sums, differences and products are taken, in a fixed order. So the same numbers give the same clusters on every
    machine, for one customer and for all at once.
    """
    nearest = np.zeros(len(values), np.int64)
    least = np.full(len(values), np.inf)
    for number, centre in enumerate(centres):
        distance = np.zeros(len(values))
        for feature, place in enumerate(centre.tolist()):
            distance += (values[:, feature] - place) ** 2
        is_nearer = distance < least
        nearest[is_nearer], least[is_nearer] = number, distance[is_nearer]
    return nearest


def silhouettes(values: Floats, labelings: Sequence[Labels], *, seed: int, most: int = 5_000) -> list[float]:
    """Return the mean silhouette of each labeling, from -1 to 1.

    For a customer, let a be the mean distance to the others of the same cluster. Let b be the smallest mean distance to
    those of another cluster. The silhouette is (b - a) / max(a, b), and 0 for a cluster of one.

    Args:
        values: A row for each customer.
        labelings: The clusters of all customers, numbered from 0; each labeling has at least 2.
        seed: The seed by which customers are drawn if there are more than `most`.
        most: The mean is that of at most this many customers, each compared with all.

    Raises:
        MissingExtra: The extra `analytics` is not installed.
    """
    distances = scientific("scipy.spatial.distance", _PURPOSE)
    drawn = np.arange(len(values))
    if len(values) > most:
        drawn = np.sort(np.random.default_rng(seed).choice(len(values), most, replace=False))
    belongs: list[Any] = [np.eye(int(labels.max()) + 1)[labels] for labels in labelings]
    sums = [0.0] * len(labelings)
    for start in range(0, len(drawn), _CHUNK):
        part = drawn[start : start + _CHUNK]
        between = distances.cdist(values[part], values)
        for number, (labels, belonging) in enumerate(zip(labelings, belongs, strict=True)):
            sums[number] += float(_silhouettes(between @ belonging, belonging.sum(axis=0), labels[part]).sum())
    return [each / len(drawn) for each in sums]


def _silhouettes(totals: Floats, sizes: Floats, labels: Labels) -> Floats:
    """Return silhouettes, given each customer's total distance to each cluster, and the clusters' sizes."""
    place = np.arange(len(labels))
    own_size = sizes[labels]
    own = totals[place, labels] / np.maximum(own_size - 1, 1)
    means = np.where(sizes > 0, totals / np.maximum(sizes, 1), np.inf)
    means[place, labels] = np.inf
    other = means.min(axis=1)
    larger = np.maximum(own, other)
    found = np.where(larger > 0, (other - own) / np.where(larger > 0, larger, 1), 0.0)
    return np.where(own_size > 1, found, 0.0)
