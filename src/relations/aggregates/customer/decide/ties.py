"""The rules of ties: one owner for a customer, a handover when they change, the ladder, and contacts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from relations.aggregates.customer.decide.refusals import making_known, refused
from relations.aggregates.customer.state import Customer, changes_nothing
from relations.aggregates.customer.tie_commands import (
    AcceptHandover,
    AssignCustomer,
    DropContact,
    NameContact,
    StateRung,
)
from relations.aggregates.customer.tie_events import (
    ContactDropped,
    ContactNamed,
    CustomerAssigned,
    HandoverAccepted,
    RungStated,
)
from relations.messages import Command, Event
from relations.policies import Policy

__all__ = ["TIE_RULES"]


def _assign_customer(state: Customer, command: AssignCustomer, _policy: Policy) -> list[Event]:
    before = [each for each in state.owners if each.at <= command.at]
    previous = before[-1] if before else None
    if previous is not None and (previous.owner, previous.deputy) == (command.owner, command.deputy):
        return []
    changed = previous is not None and previous.owner != command.owner
    event = CustomerAssigned(
        owner=command.owner,
        deputy=command.deputy,
        previous=previous.owner if previous is not None and changed else None,
        # An assignment that is recorded late changes nothing about who has the customer now.
        handover=changed and len(before) == len(state.owners),
        reason=command.reason,
        at=command.at,
    )
    return making_known(state, command, event, None)


def _accept_handover(state: Customer, command: AcceptHandover, _policy: Policy) -> list[Event]:
    handover = state.handover
    if handover is None:
        if state.accepted is not None:
            return []
        raise refused(
            f"the customer {command.customer} has no handover to accept",
            "no_handover",
            "customer",
            "Assign the customer to another owner first (AssignCustomer)",
        )
    if command.at < handover.at:
        raise refused(
            "cannot accept the handover before the customer was assigned",
            "before_handover",
            "occurred_at",
            "Give a time after the assignment",
        )
    return [HandoverAccepted(owner=handover.owner, at=command.at)]


def _state_rung(state: Customer, command: StateRung, policy: Policy) -> list[Event]:
    ladder = [rung.name for rung in policy.lifecycle.ladder]
    if command.rung is not None and command.rung not in ladder:
        raise refused(
            f"the policy's ladder has no rung {command.rung!r}",
            "unknown_rung",
            "rung",
            f"Use one of: {', '.join(ladder)}; or adopt a policy that has it",
        )
    if changes_nothing(state.rungs, (command.at, command.rung)) or (not state.rungs and command.rung is None):
        return []
    return making_known(state, command, RungStated(rung=command.rung, by=command.by, at=command.at), None)


def _name_contact(state: Customer, command: NameContact, _policy: Policy) -> list[Event]:
    if state.registration is None or state.registration.kind != "organisation":
        raise refused(
            f"cannot name a contact of the customer {command.customer}: it is not an organisation",
            "not_an_organisation",
            "customer",
            "Register the organisation first (RegisterCustomer with kind=organisation)",
        )
    event = ContactNamed(contact=command.contact, level=command.level, role=command.role, at=command.at)
    known = state.contacts.get(command.contact)
    if known is not None and (known.level, known.role) == (command.level, command.role):
        return []
    return [event]


def _drop_contact(state: Customer, command: DropContact, _policy: Policy) -> list[Event]:
    if command.contact not in state.contacts:
        return []
    return [ContactDropped(contact=command.contact, at=command.at)]


TIE_RULES: Mapping[type[Command], Callable[[Customer, Any, Policy], list[Event]]] = {
    AssignCustomer: _assign_customer,
    AcceptHandover: _accept_handover,
    StateRung: _state_rung,
    NameContact: _name_contact,
    DropContact: _drop_contact,
}
