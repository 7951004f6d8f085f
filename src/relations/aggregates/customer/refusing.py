"""What several rules of a customer share: making somebody known, and refusing."""

from __future__ import annotations

from relations.aggregates.customer.commands import CustomerCommand
from relations.aggregates.customer.events import CustomerRegistered
from relations.aggregates.customer.state import Customer
from relations.errors import CommandRefused
from relations.messages import Event

__all__ = ["id_reused", "making_known", "refuse_if_erased"]


def making_known(state: Customer, command: CustomerCommand, event: Event, channel: str | None) -> list[Event]:
    """The event, after the implicit registration of a customer not known before."""
    if state.known:
        return [event]
    return [CustomerRegistered(channel=channel, source="implicit", implicit=True, at=command.at), event]


def refuse_if_erased(state: Customer, command: CustomerCommand, field: str | None, remedy: str) -> None:
    """Take nothing that says something of a person who was erased.

    Raises:
        CommandRefused: `customer_erased`.
    """
    if state.erased:
        raise CommandRefused(
            f"the customer {command.customer} was erased, and nothing that says something of the person is taken "
            f"any more",
            code="customer_erased",
            field=field,
            remedy=remedy,
        )


def id_reused(kind: str, known: str) -> CommandRefused:
    """The refusal of other content under an id that is recorded already."""
    return CommandRefused(
        f"the {kind} {known} is recorded already, with other content or at another time",
        code=f"{kind}_id_reused",
        field=kind,
        remedy=f"Give each {kind} an id of its own, or send the recorded one again unchanged",
    )
