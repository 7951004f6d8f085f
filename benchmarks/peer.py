"""The peer: the same model as an eventsourcing application, as an engineer would write it without this engine.

The event's body has the same fields; the rules are the same: an unknown customer is registered first, the same purchase
again changes nothing, another one under the same id is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal
from uuid import NAMESPACE_URL, UUID, uuid5

from eventsourcing.application import AggregateNotFoundError, Application
from eventsourcing.domain import Aggregate, event
from eventsourcing.sqlite import SQLiteDatastore, SQLiteFactory

from relations.aggregates.customer import RecordPurchase

__all__ = ["PeerApplication", "PeerCustomer", "durability_of", "open_peer", "synchronise"]

Facts = tuple[int, str, str | None, str | None, str | None, bool, int]


class PeerCustomer(Aggregate):
    """A customer and what they bought."""

    def __init__(self, name: str, channel: str | None, at: int) -> None:
        self.name = name
        self.channel = channel
        self.known_since = at
        self.purchases: dict[str, Facts] = {}

    @staticmethod
    def create_id(name: str) -> UUID:
        return uuid5(NAMESPACE_URL, f"/customers/{name}")

    def record_purchase(self, command: RecordPurchase) -> None:
        facts: Facts = (
            command.amount.amount,
            command.amount.currency,
            command.category,
            command.touchpoint,
            command.channel,
            command.discounted,
            command.at,
        )
        recorded = self.purchases.get(command.purchase)
        if recorded is None:
            self._record(command.purchase, *facts)
        elif recorded != facts:
            msg = f"another purchase has the id {command.purchase}"
            raise ValueError(msg)

    @event("PurchaseRecorded")
    def _record(
        self,
        purchase: str,
        amount: int,
        currency: str,
        category: str | None,
        touchpoint: str | None,
        channel: str | None,
        discounted: bool,
        at: int,
    ) -> None:
        self.purchases[purchase] = (amount, currency, category, touchpoint, channel, discounted, at)


class PeerApplication(Application[UUID]):
    """Records purchases."""

    def record_purchase(self, command: RecordPurchase) -> None:
        try:
            customer: PeerCustomer = self.repository.get(PeerCustomer.create_id(command.customer))
        except AggregateNotFoundError:
            customer = PeerCustomer(command.customer, command.channel, command.at)
        customer.record_purchase(command)
        self.save(customer)


def open_peer(path: Path, env: Mapping[str, str] | None = None) -> PeerApplication:
    """The application on an SQLite file, as eventsourcing sets it up."""
    return PeerApplication(
        {"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": f"file:{path}", **(env or {})}
    )


def _datastore(application: PeerApplication) -> SQLiteDatastore:
    assert isinstance(application.factory, SQLiteFactory)
    return application.factory.datastore


def durability_of(application: PeerApplication) -> str:
    """Return the journal and synchronous modes of the connection in use, as SQLite reports them."""
    with _datastore(application).transaction(commit=False) as cursor:
        cursor.execute("PRAGMA journal_mode")
        journal = cursor.fetchone()[0]
        cursor.execute("PRAGMA synchronous")
        level = ("OFF", "NORMAL", "FULL", "EXTRA")[cursor.fetchone()[0]]
    return f"{journal.upper()}, synchronous={level}"


def synchronise(application: PeerApplication, level: Literal["OFF", "FULL"]) -> None:
    """Let it wait for the disk or not. One thread uses one connection, which the pool keeps."""
    with _datastore(application).get_connection(commit=True) as connection:
        connection.cursor().execute(f"PRAGMA synchronous={level}")
