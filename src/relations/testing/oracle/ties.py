"""Owners, handovers, rungs and contacts, counted again the slow way: one pass over all events for every answer."""

from __future__ import annotations

from dataclasses import dataclass

from relations.aggregates.customer import (
    ContactDropped,
    ContactNamed,
    CustomerAssigned,
    CustomerErased,
    HandoverAccepted,
    RungStated,
)
from relations.messages import RecordedEvent
from relations.testing.oracle.people import surviving_id

__all__ = ["SlowTies"]


@dataclass
class SlowTies:
    """The ties of a history.

    Attributes:
        history: Every recorded event, in the order of the log.
        now: The moment asked about, UTC microseconds.
    """

    history: list[RecordedEvent]
    now: int

    def person(self, customer: str) -> str:
        """Return the surviving id of a customer."""
        return surviving_id(self.history, customer)

    def owners(self) -> dict[str, list[tuple[str, str | None]]]:
        """Return every owner of each customer with their deputy, in order of business time."""
        found: dict[str, list[tuple[int, int, str, str | None]]] = {}
        for each in self.history:
            if isinstance(each.event, CustomerAssigned):
                line = each.event.at, each.position, each.event.owner, each.event.deputy
                found.setdefault(self.person(each.customer), []).append(line)
        return {name: [(owner, deputy) for _, _, owner, deputy in sorted(lines)] for name, lines in found.items()}

    def customers_of(self, owner: str, *, deputy: bool = False) -> list[str]:
        """Return the customers of a staff member, by id; with `deputy` also those for which they stand in."""
        found = []
        for name, lines in self._owners_by_now().items():
            now, deputy_now = lines[-1]
            if owner == now or (deputy and owner == deputy_now):
                found.append(name)
        return sorted(found)

    def _owners_by_now(self) -> dict[str, list[tuple[str, str | None]]]:
        known = [
            each for each in self.history if not isinstance(each.event, CustomerAssigned) or each.event.at <= self.now
        ]
        return SlowTies(known, self.now).owners()

    def handovers(self) -> dict[str, tuple[str | None, str]]:
        """Return the previous and the new owner of each open handover, by customer."""
        by_stream: dict[str, RecordedEvent | None] = {}
        for each in self.history:
            event = each.event
            if isinstance(event, CustomerAssigned) and event.handover:
                by_stream[each.customer] = each
            elif isinstance(event, HandoverAccepted | CustomerErased):
                by_stream[each.customer] = None
        found: dict[str, tuple[int, int, str | None, str]] = {}
        for customer, opened in by_stream.items():
            if opened is not None and isinstance(opened.event, CustomerAssigned):
                line = opened.event.at, opened.position, opened.event.previous, opened.event.owner
                name = self.person(customer)
                found[name] = max(found.get(name, line), line, key=lambda each: each[:2])
        return {name: (previous, owner) for name, (_, _, previous, owner) in found.items()}

    def rung(self, customer: str) -> str | None:
        """Return the rung that was last stated of a customer; None if the policy's conditions count."""
        said = [
            (each.event.at, each.position, each.event.rung)
            for each in self.history
            if isinstance(each.event, RungStated)
            and self.person(each.customer) == customer
            and each.event.at <= self.now
        ]
        return max(said, key=lambda each: each[:2])[2] if said else None

    def contacts(self, customer: str) -> dict[str, tuple[str, str | None]]:
        """Return the level and the role of each contact of an organisation."""
        by_stream: dict[tuple[str, str], ContactNamed] = {}
        for each in self.history:
            event = each.event
            if isinstance(event, ContactNamed):
                by_stream[each.customer, event.contact] = event
            elif isinstance(event, ContactDropped):
                by_stream.pop((each.customer, event.contact), None)
        found: dict[str, ContactNamed] = {}
        for (name, contact), named in by_stream.items():
            if self.person(name) == customer:
                found[contact] = max(found.get(contact, named), named, key=_newest)
        return {contact: (named.level, named.role) for contact, named in found.items()}


def _newest(named: ContactNamed) -> tuple[int, str, str]:
    return named.at, named.level, named.role or ""
