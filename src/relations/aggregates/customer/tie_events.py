"""The events of ties: the owner of a customer, their rung on the ladder, and the contacts of an organisation."""

from __future__ import annotations

from typing import ClassVar

from relations.messages import Event

__all__ = ["ContactDropped", "ContactNamed", "CustomerAssigned", "HandoverAccepted", "RungStated"]


class CustomerAssigned(Event, frozen=True):
    """One person became responsible for the customer.

    Attributes:
        owner: The staff member, by the host's id.
        deputy: The one who stands in for them.
        previous: The owner before; None if there was none.
        handover: True if another owner has to hand the customer over.
        reason: The host's own reason.
        at: Business time, UTC microseconds.
    """

    topic: ClassVar[str] = "customer.assigned"
    owner: str
    deputy: str | None = None
    previous: str | None = None
    handover: bool = False
    reason: str | None = None
    at: int = 0


class HandoverAccepted(Event, frozen=True):
    """The new owner took over everything that must not be lost.

    Attributes:
        owner: The new owner.
        at: Business time, UTC microseconds.
    """

    topic: ClassVar[str] = "customer.handover_accepted"
    owner: str
    at: int = 0


class RungStated(Event, frozen=True):
    """A staff member stated where the relationship stands, whatever the policy's conditions say.

    Attributes:
        rung: The rung of the policy's ladder; None if the conditions count again.
        by: The staff member, by the host's id.
        at: Business time, UTC microseconds.
    """

    topic: ClassVar[str] = "customer.rung_stated"
    rung: str | None = None
    by: str | None = None
    at: int = 0


class ContactNamed(Event, frozen=True):
    """Somebody was named as a contact in the organisation.

    Attributes:
        contact: The person's id: a customer, or the host's own id of them.
        level: Their level, such as `top`, `middle` or `working`.
        role: Their role, such as `buyer`.
        at: Business time, UTC microseconds.
    """

    topic: ClassVar[str] = "customer.contact_named"
    contact: str
    level: str
    role: str | None = None
    at: int = 0


class ContactDropped(Event, frozen=True):
    """Somebody is no longer a contact in the organisation.

    Attributes:
        contact: The person's id.
        at: Business time, UTC microseconds.
    """

    topic: ClassVar[str] = "customer.contact_dropped"
    contact: str
    at: int = 0
