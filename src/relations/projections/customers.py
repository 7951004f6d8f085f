"""One view of a customer: all ids that are one person, what they allowed, and what other systems call them.

Consents are kept as they changed, each id's for itself. Over all ids of one customer the strictest wins: whoever took a
permission back under any of them is not to be contacted by it, though they may have given it later under another. For a
merge is found out by chance, and must not make anybody hear more than they asked for.
"""

from __future__ import annotations

from bisect import insort
from datetime import datetime
from typing import ClassVar

import msgspec
from pydantic import BaseModel, ConfigDict

from relations.aggregates.customer import ConsentGiven, ConsentWithdrawn, CustomerErased, IdentityLinked
from relations.messages import Envelope, from_micros, to_micros
from relations.projections.projection import CustomerRow, Projection, Rows
from relations.projections.view import View

__all__ = ["PROJECTION", "Consent", "ConsentStanding", "CustomersView", "ExternalId", "Identity"]

Change = tuple[int, str | None]
"""From a business time on, a basis; None: withdrawn."""


class Consent(CustomerRow, gc=False):
    """What a customer said of being contacted for one purpose through one channel.

    Attributes:
        changes: By each of the customer's ids that said anything, in order of business time; stored rows have one.
    """

    table: ClassVar[str] = "consents"
    key: ClassVar[tuple[str, ...]] = ("customer", "channel", "purpose")
    channel: str
    purpose: str
    changes: list[list[Change]] = msgspec.field(default_factory=list)

    def absorb(self, other: Consent) -> None:
        """Both stand side by side, for the strictest wins at any time."""
        self.changes = sorted(self.changes + other.changes, key=lambda changes: [_order(each) for each in changes])


class ExternalId(CustomerRow, gc=False):
    """What another system calls a customer."""

    table: ClassVar[str] = "external_ids"
    key: ClassVar[tuple[str, ...]] = ("customer", "source", "external_id")
    indexes: ClassVar[tuple[tuple[str, ...], ...]] = (("source", "external_id"),)
    source: str
    external_id: str

    def absorb(self, other: ExternalId) -> None:
        """Linked twice is linked."""


PROJECTION = Projection(name="customers", version=1, tables=(Consent, ExternalId))


def _order(change: Change) -> tuple[int, bool, str]:
    # At one instant, what ends comes after what begins.
    return change[0], change[1] is None, change[1] or ""


@PROJECTION.on(ConsentGiven)
def consent_given(rows: Rows, event: ConsentGiven, at: Envelope) -> None:
    """Allowed from then on."""
    _take(rows, event, at, event.basis)


@PROJECTION.on(ConsentWithdrawn)
def consent_withdrawn(rows: Rows, event: ConsentWithdrawn, at: Envelope) -> None:
    """Allowed no longer."""
    _take(rows, event, at, None)


@PROJECTION.on(IdentityLinked)
def identity_linked(rows: Rows, event: IdentityLinked, at: Envelope) -> None:
    """Another system knows the customer too."""
    rows.need(ExternalId, at.customer, event.source, event.external_id)


@PROJECTION.on(CustomerErased)
def customer_erased(rows: Rows, _event: CustomerErased, at: Envelope) -> None:
    """Nothing leads from other systems to this customer any more."""
    for key in [key for key in rows.tables[ExternalId] if key[0] == at.customer]:
        rows.drop(ExternalId, *key)


def _take(rows: Rows, event: ConsentGiven | ConsentWithdrawn, at: Envelope, basis: str | None) -> None:
    row = rows.need(Consent, at.customer, event.channel, event.purpose)
    if not row.changes:
        row.changes.append([])
    # Changes of the same time stay in the order of recording, so that the last of them holds.
    insort(row.changes[0], (at.occurred_at, basis), key=lambda change: (change[0], change[1] is None))


class ConsentStanding(BaseModel):
    """Whether a customer may be contacted for one purpose through one channel.

    Attributes:
        channel: Through which channel.
        purpose: What for.
        allowed: Whether they may be, as of the moment asked for.
        basis: Why, where they may; of several ids the basis given last.
        since: Since when that has held; for what several ids say alike, since the last of them said so.
    """

    model_config = ConfigDict(frozen=True)

    channel: str
    purpose: str
    allowed: bool
    basis: str | None
    since: datetime


class Identity(BaseModel):
    """Who a customer is.

    Attributes:
        customer: The id that views answer for.
        ids: All ids that are this customer: the surviving one first, the others in order.
        external_ids: What other systems call them: source and id, in order.
    """

    model_config = ConfigDict(frozen=True)

    customer: str
    ids: tuple[str, ...]
    external_ids: tuple[tuple[str, str], ...]


class CustomersView(View):
    """One view of a customer, by any of their ids."""

    projection: ClassVar[Projection] = PROJECTION

    def identity(self, customer: str) -> Identity:
        """All ids of the customer who bears this one; one nobody ever heard of stands for itself."""
        aliases = self.aliases
        linked = self.rows(ExternalId, customer=customer)
        return Identity(
            customer=aliases.survivor(customer),
            ids=aliases.ids(customer),
            external_ids=tuple(sorted((row.source, row.external_id) for row in linked)),
        )

    def merged(self) -> list[Identity]:
        """Everybody who has several ids, in order."""
        return [self.identity(customer) for customer in sorted(self.aliases.groups)]

    def linked(self, source: str, external_id: str) -> list[str]:
        """The customers whom another system calls so. More than one is a hint that they are the same."""
        columns = self.table(ExternalId).c
        return self.customers(ExternalId, columns.source == source, columns.external_id == external_id)

    def consents(self, customer: str, *, as_of: datetime | None = None) -> list[ConsentStanding]:
        """What a customer allows, over all their ids: what any of them withdrew is not allowed.

        Args:
            customer: Any of their ids.
            as_of: The moment; now where absent.

        Returns:
            One entry for each channel and purpose that anything was said of by then, in order.
        """
        moment = self.now if as_of is None else to_micros(as_of)
        found = (_standing(row, moment) for row in self.rows(Consent, customer=customer))
        return sorted(
            (each for each in found if each is not None), key=lambda standing: (standing.channel, standing.purpose)
        )


def _standing(row: Consent, moment: int) -> ConsentStanding | None:
    last = [each for changes in row.changes if (each := _as_of(changes, moment)) is not None]
    if not last:
        return None
    withdrawn = [change for change in last if change[1] is None]
    at, basis = max(withdrawn or last, key=_order)
    return ConsentStanding(
        channel=row.channel, purpose=row.purpose, allowed=basis is not None, basis=basis, since=from_micros(at)
    )


def _as_of(changes: list[Change], moment: int) -> Change | None:
    return next((change for change in reversed(changes) if change[0] <= moment), None)
