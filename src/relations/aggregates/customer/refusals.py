"""What several rules of a customer share: making somebody known, and refusing."""

from __future__ import annotations

from relations.aggregates.customer.commands import CustomerCommand
from relations.aggregates.customer.events import CustomerRegistered
from relations.aggregates.customer.state import Customer
from relations.errors import CommandRefused
from relations.messages import Command, Event, from_micros
from relations.policies import Instrument, Surveys

__all__ = [
    "id_reused",
    "known_instrument",
    "making_known",
    "refuse_before_invitation",
    "refuse_if_erased",
    "refused",
]


def refused(reason: str, code: str, field: str, hint: str) -> CommandRefused:
    """A refusal."""
    return CommandRefused(reason, code=code, field=field, hint=hint)


def making_known(state: Customer, command: CustomerCommand, event: Event, channel: str | None) -> list[Event]:
    """The event, after the implicit registration of a customer not known before."""
    if state.known:
        return [event]
    return [CustomerRegistered(channel=channel, source="implicit", implicit=True, at=command.at), event]


def refuse_if_erased(state: Customer, command: CustomerCommand, field: str | None, hint: str) -> None:
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
            hint=hint,
        )


def id_reused(kind: str, known: str, hint: str | None = None) -> CommandRefused:
    """The refusal of other content under an id that is recorded already."""
    return CommandRefused(
        f"the {kind} {known} is recorded already, with other content or at another time",
        code=f"{kind}_id_reused",
        field=kind,
        hint=hint or f"Give each {kind} an id of its own, or send the recorded one again unchanged",
    )


def known_instrument(name: str, surveys: Surveys) -> Instrument:
    """The policy's instrument of that name.

    Raises:
        CommandRefused: `unknown_instrument`.
    """
    found = surveys.instrument(name)
    if found is None:
        known = ", ".join(dict.fromkeys([*(each.id for each in surveys.instruments), "nps", "csat"]))
        raise refused(
            f"the policy has no instrument {name!r}",
            "unknown_instrument",
            "instrument",
            f"Give one of {known}, or adopt a policy that has it",
        )
    return found


def refuse_before_invitation(state: Customer, command: Command, name: str) -> None:
    """Take nothing of an invitation that is dated before it was sent.

    Raises:
        CommandRefused: `before_invitation`.
    """
    known = state.invitations.get(name)
    if known is not None and command.at < known.sent.at:
        raise refused(
            f"the invitation {name} was sent on {from_micros(known.sent.at).isoformat()}; nothing came of it before",
            "before_invitation",
            "occurred_at",
            "Give the time at which it happened",
        )
