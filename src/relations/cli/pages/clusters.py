"""The terminal page of clusters: customers who are alike, what sets them apart, and some of them."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType

from relations.cli.show import ABSENT, counted, headline, number, percent, section, table, words
from relations.messages import minor_digits
from relations.projections.retention import ClustersInUse, ClustersReport, CustomerCluster
from relations.report.clusters import cluster_phrases

__all__ = ["show_cluster_of", "show_clusters"]

_NONE = "No clusters were recorded by then. Find them with `relations fit --clusters`."


def show_clusters(found: ClustersReport) -> Iterator[RenderableType]:
    """Yield the parts of the page.

    Args:
        found: The clusters.
    """
    sizes = sum(each.size for each in found.clusters)
    yield headline("Clusters", f"{counted(sizes, 'customer')} in {counted(len(found.clusters), 'cluster')}")
    if found.fit is None:
        yield section(words(_NONE))
        return
    made = table(
        "Cluster", "What sets it apart", "Customers", "Share", f"Spent, {found.fit.currency}", "Such as",
        right=(2, 3, 4), spare=(5, 4),
    )  # fmt: skip
    for each in found.clusters:
        made.add_row(
            str(each.number),
            ", ".join(cluster_phrases(each.traits)),
            number(each.size),
            percent(each.share),
            f"{each.net_amount / 10 ** minor_digits(found.fit.currency):,.0f}",
            ", ".join(each.customers) or ABSENT,
        )
    yield section(made)
    if found.others:
        yield section(words(f"In no cluster: {counted(found.others, 'customer')} who bought nothing in this currency."))
    yield section(words(_origin(found.fit)))


def show_cluster_of(customer: str, found: CustomerCluster | None) -> Iterator[RenderableType]:
    """Yield the parts of the page of one customer.

    Args:
        customer: The customer's id.
        found: The cluster; None if no fit was recorded.
    """
    yield headline("Cluster", customer)
    if found is None:
        yield section(words(_NONE))
        return
    if found.cluster is None:
        yield section(words(f"In no cluster: nothing was bought in {found.fit.currency} by then."))
        return
    yield section(words(f"Cluster {found.cluster}: {', '.join(cluster_phrases(found.traits))}."))
    made = table("Compared by", "Value", right=(1,))
    for each in found.known:
        made.add_row(each.fact.replace("_", " "), ABSENT if each.value is None else f"{each.value:,.4g}")
    yield section(made)
    yield section(words(_origin(found.fit)))


def _origin(fit: ClustersInUse) -> str:
    """Say how the clusters were found, and how old they are."""
    tried = ", ".join(f"{each.clusters} ({each.silhouette:.2f})" for each in fit.tried)
    return (
        f"Found among {counted(fit.customers, 'customer')} through {fit.through}, {counted(fit.age_days, 'day')} old;"
        f" compared by {', '.join(fit.facts)}. Tried, with the mean silhouette: {tried}."
    )
