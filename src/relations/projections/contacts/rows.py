"""The rows of contact: one for each customer, and tallies by month.

A row keeps the time of the last outbound contact by everything that the policy's rules of contact look at. So a policy
that changes later is applied when a view is asked.
"""

from __future__ import annotations

from bisect import insort
from typing import ClassVar

import msgspec

from relations.aggregates.customer import CustomerErased, CustomerRegistered, InteractionRecorded, OfferSent
from relations.messages import Envelope
from relations.policies import Care
from relations.projections.projection import CustomerRow, Projection, Rows, Tally

__all__ = ["PROJECTION", "Breach", "ContactMonth", "Contacted"]


class Reached(msgspec.Struct, array_like=True, gc=False, order=True):
    """The last outbound contact of one kind, as the rules of contact see it.

    Attributes:
        channel: Its channel.
        purpose: The purpose that it names; empty if it names none.
        sells: 1 if it sells something.
        at: Its time, UTC microseconds.
    """

    channel: str
    purpose: str
    sells: int
    at: int


class Contacted(CustomerRow, gc=False):
    """The contact with a customer.

    Attributes:
        known_since: The earliest registration, UTC microseconds; 0 if there is none.
        erased_at: The erasure, UTC microseconds; 0 if they were not erased.
        inbound: The number of contacts that the customer began.
        outbound: The number of contacts that the business began.
        selling: The number of the latter that sell something.
        minutes: The minutes of all contacts whose length is known.
        last_at: The last contact in either direction, UTC microseconds; 0 if there is none.
        reached_at: The last outbound contact; 0 if there is none.
        reached: The last outbound contacts by channel, purpose and whether they sell, without those about complaints.
    """

    table: ClassVar[str] = "contacted"
    known_since: int = 0
    erased_at: int = 0
    inbound: int = 0
    outbound: int = 0
    selling: int = 0
    minutes: int = 0
    last_at: int = 0
    reached_at: int = 0
    reached: list[Reached] = msgspec.field(default_factory=list)

    def absorb(self, other: Contacted) -> None:
        """Add the contact under another id of the customer."""
        self.known_since = min((at for at in (self.known_since, other.known_since) if at), default=0)
        self.erased_at = max(self.erased_at, other.erased_at)
        self.inbound += other.inbound
        self.outbound += other.outbound
        self.selling += other.selling
        self.minutes += other.minutes
        self.last_at = max(self.last_at, other.last_at)
        self.reached_at = max(self.reached_at, other.reached_at)
        for each in other.reached:
            self.reach(each)

    def reach(self, contact: Reached) -> None:
        """Keep an outbound contact if it is the last of its kind."""
        channel, purpose, sells = contact.channel, contact.purpose, contact.sells
        for place, each in enumerate(self.reached):
            if each.channel == channel and each.purpose == purpose and each.sells == sells:
                self.reached[place] = max(each, contact)  # it sorts where the other did
                return
        insort(self.reached, contact)

    def quiet_until(self, care: Care) -> int:
        """Return the end of the quiet time after the last contact to which the policy's rules apply; 0 if none."""
        counted = [
            each.at
            for each in self.reached
            if each.channel not in care.present_channels
            and care.purpose_of(each.purpose or None, sells=bool(each.sells)) is not None
        ]
        return max(counted) + care.quiet if counted else 0


class ContactMonth(Tally, gc=False):
    """The contacts of one kind in a month.

    Attributes:
        month: The month in the policy's zone, such as `2024-05`.
        kind: The kind of contact.
        inbound: The number that customers began.
        outbound: The number that the business began.
        selling: The number of the latter that sell something.
        minutes: The minutes of all of them whose length is known.
    """

    table: ClassVar[str] = "contact_months"
    key: ClassVar[tuple[str, ...]] = ("month", "kind")
    month: str
    kind: str
    inbound: int = 0
    outbound: int = 0
    selling: int = 0
    minutes: int = 0


class Breach(Tally, gc=False):
    """The contacts of a month that broke a rule and were recorded leniently.

    Attributes:
        month: The month in the policy's zone.
        code: The code of the rule, such as `consent_withdrawn`.
        contacts: Their number.
    """

    table: ClassVar[str] = "contact_breaches"
    key: ClassVar[tuple[str, ...]] = ("month", "code")
    month: str
    code: str
    contacts: int = 0


PROJECTION = Projection(name="contacts", version=2, tables=(Contacted, ContactMonth, Breach))


@PROJECTION.on(CustomerRegistered)
def customer_registered(rows: Rows, event: CustomerRegistered, at: Envelope) -> None:
    """Keep since when the customer is known. Nobody is expected to contact an author of posts."""
    if event.kind == "author":
        return
    row = rows.need(Contacted, at.customer)
    row.known_since = min(row.known_since or at.occurred_at, at.occurred_at)


@PROJECTION.on(CustomerErased)
def customer_erased(rows: Rows, _event: CustomerErased, at: Envelope) -> None:
    """Keep that the customer is not contacted any more."""
    row = rows.need(Contacted, at.customer)
    row.erased_at = max(row.erased_at, at.occurred_at)


@PROJECTION.on(InteractionRecorded)
def interaction_recorded(rows: Rows, event: InteractionRecorded, at: Envelope) -> None:
    """Count a contact."""
    row, month = rows.need(Contacted, at.customer), rows.local.month(at.occurred_at)
    tally = rows.need(ContactMonth, month, event.kind)
    minutes, selling = event.minutes or 0, int(event.sells)
    row.last_at = max(row.last_at, at.occurred_at)
    row.minutes += minutes
    tally.minutes += minutes
    if event.direction == "outbound":
        _count_outbound(row, tally, selling, at)
        if event.regarding is None or event.regarding.kind != "complaint":
            row.reach(Reached(event.channel, event.purpose or "", selling, at.occurred_at))
    else:
        row.inbound += 1
        tally.inbound += 1
    for code in event.breaches:
        rows.need(Breach, month, code).contacts += 1


@PROJECTION.on(OfferSent)
def offer_sent(rows: Rows, event: OfferSent, at: Envelope) -> None:
    """Count an offer, which is contact that sells."""
    row, month = rows.need(Contacted, at.customer), rows.local.month(at.occurred_at)
    row.last_at = max(row.last_at, at.occurred_at)
    _count_outbound(row, rows.need(ContactMonth, month, "offer"), 1, at)
    row.reach(Reached(event.channel, "", 1, at.occurred_at))
    for code in event.breaches:
        rows.need(Breach, month, code).contacts += 1


def _count_outbound(row: Contacted, tally: ContactMonth, selling: int, at: Envelope) -> None:
    row.outbound += 1
    tally.outbound += 1
    row.selling += selling
    tally.selling += selling
    row.reached_at = max(row.reached_at, at.occurred_at)
