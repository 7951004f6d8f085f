"""The commands of ties: the owner of a customer, their rung on the ladder, and the contacts of an organisation."""

from __future__ import annotations

from relations.aggregates.customer.commands import CustomerCommand
from relations.messages import Id, Label, Term

__all__ = ["AcceptHandover", "AssignCustomer", "DropContact", "NameContact", "StateRung"]


class AssignCustomer(CustomerCommand):
    """Make one person responsible for the customer.

    If another owner was responsible before, the agenda gets a handover with everything that must not be lost. It stays
    there until `AcceptHandover`. Unknown customers are registered.

    Attributes:
        owner: The staff member, by your id.
        deputy: The one who stands in for them.
        reason: Your own reason.
    """

    owner: Id
    deputy: Id | None = None
    reason: Term | None = None


class AcceptHandover(CustomerCommand):
    """Record that the new owner took over everything that must not be lost."""


class StateRung(CustomerCommand):
    """State where the relationship stands. It counts until another statement, whatever the policy's conditions say.

    Attributes:
        rung: The rung of the policy's ladder. Without it, the conditions count again.
        by: The staff member who says so, by your id.
    """

    rung: Label | None = None
    by: Id | None = None


class NameContact(CustomerCommand):
    """Name a contact in an organisation, or change their level or role. Only organisations have contacts.

    Attributes:
        contact: The person: a customer's id, or your own id of them.
        level: Their level, such as `top`, `middle` or `working`.
        role: Their role, such as `buyer`.
    """

    contact: Id
    level: Term
    role: Term | None = None


class DropContact(CustomerCommand):
    """Record that somebody is no longer a contact in the organisation."""

    contact: Id
