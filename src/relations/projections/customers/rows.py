"""The rows of one view of a customer: consents and ids in other systems; `portraits` has the profiles."""

from __future__ import annotations

from bisect import insort
from typing import ClassVar

import msgspec

from relations.aggregates.customer import ConsentGiven, ConsentWithdrawn, CustomerErased, IdentityLinked
from relations.messages import Envelope
from relations.policies.consents import Change
from relations.projections.customers.portraits import Parted, PortraitRow, erase, fold_portraits
from relations.projections.projection import CustomerRow, Projection, Rows

__all__ = ["PROJECTION", "Consent", "ExternalId"]


class Consent(CustomerRow, gc=False):
    """The consents and withdrawals of a customer for one purpose through one channel.

    Attributes:
        changes: By the customer's id under which they were recorded, in order of business time. Stored rows have one.
    """

    table: ClassVar[str] = "consents"
    key: ClassVar[tuple[str, ...]] = ("customer", "channel", "purpose")
    channel: str
    purpose: str
    changes: dict[str, list[Change]] = msgspec.field(default_factory=dict)

    def absorb(self, other: Consent) -> None:
        """Add what was said under other ids."""
        self.changes |= other.changes


class ExternalId(CustomerRow, gc=False):
    """An id that another system has for a customer.

    Attributes:
        source: The other system.
        external_id: The keyed digest of the id, or the id itself as older versions recorded it.
        sealed: The id as the log holds it, if it is sealed.
    """

    table: ClassVar[str] = "external_ids"
    key: ClassVar[tuple[str, ...]] = ("customer", "source", "external_id")
    indexes: ClassVar[tuple[tuple[str, ...], ...]] = (("source", "external_id"),)
    source: str
    external_id: str
    sealed: str | None = None

    def absorb(self, other: ExternalId) -> None:
        """Keep one row, because linking twice changes nothing."""


PROJECTION = Projection(name="customers", version=5, tables=(Consent, ExternalId, PortraitRow, Parted))
fold_portraits(PROJECTION)


@PROJECTION.on(ConsentGiven)
def consent_given(rows: Rows, event: ConsentGiven, at: Envelope) -> None:
    """Keep a consent."""
    _take(rows, event, at, event.basis)


@PROJECTION.on(ConsentWithdrawn)
def consent_withdrawn(rows: Rows, event: ConsentWithdrawn, at: Envelope) -> None:
    """Keep a withdrawal."""
    _take(rows, event, at, None)


@PROJECTION.on(IdentityLinked)
def identity_linked(rows: Rows, event: IdentityLinked, at: Envelope) -> None:
    """Keep the id in another system."""
    row = rows.need(ExternalId, at.customer, event.source, event.digest or event.external_id)
    if event.digest is not None:
        row.sealed = event.external_id


@PROJECTION.on(CustomerErased)
def customer_erased(rows: Rows, _event: CustomerErased, at: Envelope) -> None:
    """Drop the ids in other systems and everything personal."""
    erase(rows, at)
    for key in [key for key in rows.tables[ExternalId] if key[0] == at.customer]:
        rows.drop(ExternalId, *key)


def _take(rows: Rows, event: ConsentGiven | ConsentWithdrawn, at: Envelope, basis: str | None) -> None:
    row = rows.need(Consent, at.customer, event.channel, event.purpose)
    # Changes of the same time stay in the order of recording, so that the last of them holds.
    changes = row.changes.setdefault(at.customer, [])
    insort(changes, (at.occurred_at, basis), key=lambda change: (change[0], change[1] is None))
