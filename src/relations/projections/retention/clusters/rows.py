"""The rows of recorded fits of clusters."""

from __future__ import annotations

from typing import ClassVar

from relations.aggregates.model import ClustersFitted
from relations.messages import Envelope
from relations.projections.fits import note_origin
from relations.projections.projection import CustomerRow, Rows

__all__ = ["RecordedClusters", "add_clusters"]


class RecordedClusters(CustomerRow, gc=False):
    """A fit of clusters. It belongs to no customer: `customer` is empty.

    Attributes:
        number: The number of the fit.
        fitted_at: When it was recorded in business time, UTC microseconds.
        through: The last local day observed.
        position: The last position of the log that was read.
        version: The version of the method of finding them.
        clusters: The features, the centres and the quality of the fit, as JSON.
    """

    table: ClassVar[str] = "clusters"
    key: ClassVar[tuple[str, ...]] = ("customer", "number")
    number: int
    fitted_at: int = 0
    through: str = ""
    position: int = 0
    version: int = 0
    clusters: str = ""


def add_clusters(rows: Rows, event: ClustersFitted, envelope: Envelope) -> None:
    """Keep a fit."""
    row = rows.need(RecordedClusters, envelope.customer, envelope.version)
    note_origin(row, event, envelope)
    row.clusters = event.clusters
