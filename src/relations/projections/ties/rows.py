"""The row behind a customer's ties: owners, handovers, and the contacts of an organisation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from itertools import chain
from typing import ClassVar

import msgspec

from relations.aggregates.customer import (
    ContactDropped,
    ContactNamed,
    CustomerAssigned,
    CustomerErased,
    CustomerRegistered,
    HandoverAccepted,
)
from relations.aggregates.customer.merging import latest_handover
from relations.extras import np
from relations.messages import Envelope
from relations.policies.calendars import LocalTime
from relations.projections.columns import Codes, ColumnPart, FieldGroup, Parts, numbered
from relations.projections.projection import CustomerRow, Projection, Rows

__all__ = ["PROJECTION", "ContactLine", "OwnerLine", "TieRow", "owner_groups"]


class OwnerLine(msgspec.Struct, array_like=True, order=True, gc=False):
    """An owner of a customer.

    Attributes:
        at: Since when, UTC microseconds.
        position: The log position.
        owner: The staff member.
        deputy: The one who stands in for them; empty if there is none.
    """

    at: int
    position: int
    owner: str
    deputy: str = ""


class ContactLine(msgspec.Struct, array_like=True, order=True, gc=False):
    """A contact in an organisation.

    Attributes:
        at: When they were named as it is now, UTC microseconds.
        level: Their level.
        role: Their role; empty if it was not recorded.
    """

    at: int
    level: str
    role: str = ""


class TieRow(CustomerRow, gc=False):
    """The ties of a customer.

    Attributes:
        kind: `person`, `author`, `organisation` or `partner`.
        owners: Their owners, in order of business time.
        handover: The open handover to a new owner: its time and log position, and that owner; None if none is open.
        previous: The owner who has to hand over; empty if there is none.
        contacts: The contacts of an organisation, by id.
    """

    table: ClassVar[str] = "ties"
    kind: str = ""
    owners: list[OwnerLine] = msgspec.field(default_factory=list)
    handover: OwnerLine | None = None
    previous: str = ""
    contacts: dict[str, ContactLine] = msgspec.field(default_factory=dict)

    def absorb(self, other: TieRow) -> None:
        """Add the ties of another id of the customer. Of two open handovers one counts."""
        self.kind = max(self.kind, other.kind)
        self.owners = sorted([*self.owners, *other.owners])
        opened = {row is other: row.handover for row in (self, other) if row.handover is not None}
        if latest_handover({theirs: (line.at, line.position) for theirs, line in opened.items()}):
            self.handover, self.previous = other.handover, other.previous
        for name, theirs in other.contacts.items():
            self.contacts[name] = max(theirs, self.contacts.get(name, theirs))

    def owner_at(self, moment: int) -> OwnerLine | None:
        """Return the owner at a moment; None if there was none."""
        return next((each for each in reversed(self.owners) if each.at <= moment), None)


def owner_groups(codes: Codes, _local: LocalTime) -> Iterable[tuple[tuple[str, ...], FieldGroup]]:
    """Return the part `owners` of the columns: the time, the owner and the deputy of each assignment, in order."""
    return ((("owners",), FieldGroup(("owners",), partial(_owners, codes), coded={"owner": str, "deputy": str})),)


def _owners(codes: Codes, owners: Sequence[Sequence[OwnerLine]]) -> Parts:
    lines = list(chain.from_iterable(owners))
    values = {
        "at": np.array([line.at for line in lines], np.int64),
        "owner": codes.all_of(line.owner for line in lines),
        "deputy": codes.all_of(line.deputy for line in lines),
    }
    return {"owners": ColumnPart(numbered(list(map(len, owners))), values)}


PROJECTION = Projection(name="ties", version=2, tables=(TieRow,))


def _tie(rows: Rows, at: Envelope) -> TieRow:
    return rows.need(TieRow, at.customer)


@PROJECTION.on(CustomerRegistered)
def customer_registered(rows: Rows, event: CustomerRegistered, at: Envelope) -> None:
    """Keep the kind of customer."""
    _tie(rows, at).kind = event.kind


@PROJECTION.on(CustomerAssigned)
def customer_assigned(rows: Rows, event: CustomerAssigned, at: Envelope) -> None:
    """Add an owner, and open the handover if there is one."""
    row = _tie(rows, at)
    line = OwnerLine(event.at, at.position, event.owner, event.deputy or "")
    row.owners = sorted([*row.owners, line])
    if event.handover:
        row.handover, row.previous = line, event.previous or ""


@PROJECTION.on(HandoverAccepted)
def handover_accepted(rows: Rows, _event: HandoverAccepted, at: Envelope) -> None:
    """Close the handover."""
    row = _tie(rows, at)
    row.handover, row.previous = None, ""


@PROJECTION.on(CustomerErased)
def customer_erased(rows: Rows, _event: CustomerErased, at: Envelope) -> None:
    """Close the handover of an erased customer. There is nothing left that must not be lost."""
    row = rows.get(TieRow, at.customer)
    if row is not None:
        row.handover, row.previous = None, ""


@PROJECTION.on(ContactNamed)
def contact_named(rows: Rows, event: ContactNamed, at: Envelope) -> None:
    """Keep a contact as last named."""
    _tie(rows, at).contacts[event.contact] = ContactLine(event.at, event.level, event.role or "")


@PROJECTION.on(ContactDropped)
def contact_dropped(rows: Rows, event: ContactDropped, at: Envelope) -> None:
    """Remove a contact."""
    _tie(rows, at).contacts.pop(event.contact, None)
