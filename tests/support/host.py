"""A restaurant beside the hotel: a host's own aggregate, reaction, projection and view."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from relations.aggregates.customer import RecordInteraction
from relations.decider import Aggregate, Decider
from relations.errors import CommandRefused
from relations.messages import Command, Envelope, Event, from_micros
from relations.policies import Policy
from relations.projections import CustomerRow, Projection, Rows, View


class TableReserved(Event, frozen=True):
    topic: ClassVar[str] = "table.reserved"
    customer: str
    guests: int


class TableReleased(Event, frozen=True):
    topic: ClassVar[str] = "table.released"
    guests: int


class TableCommand(Command):
    table: str

    @property
    def stream(self) -> str:
        return f"table-{self.table}"


class ReserveTable(TableCommand):
    customer: str
    guests: int


class ReleaseTable(TableCommand): ...


class Table(msgspec.Struct, frozen=True):
    customer: str = ""
    guests: int = 0


def decide(state: Table, command: Command, _policy: Policy) -> list[Event]:
    match command:
        case ReserveTable() if state.guests:
            raise CommandRefused(f"cannot reserve table {command.table}: it is already reserved", code="table_reserved")
        case ReserveTable():
            return [TableReserved(customer=command.customer, guests=command.guests)]
    return [TableReleased(guests=state.guests)] if state.guests else []


def evolve(state: Table, event: Event) -> Table:
    return Table(event.customer, event.guests) if isinstance(event, TableReserved) else Table(state.customer)


AGGREGATE = Aggregate(
    name="table",
    decider=Decider(Table(), decide, evolve),
    events=(TableReserved, TableReleased),
    commands=(ReserveTable, ReleaseTable),
    customer=lambda state, command: command.customer if isinstance(command, ReserveTable) else state.customer,
    state=Table,
)


def thank(_event: TableReleased, at: Envelope, _policy: Policy) -> list[Command]:
    when, name = from_micros(at.occurred_at), f"{at.id}-{at.version}"
    return [RecordInteraction(customer=at.customer, interaction=name, channel="email", kind="thanks", occurred_at=when)]


class Guests(CustomerRow):
    table: ClassVar[str] = "guests"
    count: int = 0

    def absorb(self, other: Guests) -> None:
        self.count += other.count


PROJECTION = Projection(name="tables", version=1, tables=(Guests,))


@PROJECTION.on(TableReserved, TableReleased)
def table_changed(rows: Rows, event: TableReserved | TableReleased, at: Envelope) -> None:
    rows.need(Guests, at.customer).count += event.guests if isinstance(event, TableReserved) else -event.guests


class TablesView(View):
    projection: ClassVar[Projection] = PROJECTION

    def guests(self, customer: str) -> int:
        return sum(row.count for row in self.rows(Guests, customer=customer))
