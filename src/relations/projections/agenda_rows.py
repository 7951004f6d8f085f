"""What the agenda keeps: a row for each thing that is open, and of a member what their tier rests on."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, TypeAlias, get_args

from relations.projections.projection import CustomerRow

__all__ = ["KINDS", "Asked", "Item", "Kind", "Lapse", "Member"]

Kind: TypeAlias = Literal[
    "acknowledge",
    "next_response",
    "resolve",
    "follow_up",
    "follow_up_deadline",
    "escalation",
    "activation",
    "expiry",
    "tier",
    "tier_warning",
    "reward",
    "reminder",
    "answer",
]
KINDS: tuple[Kind, ...] = get_args(Kind)


class Item(CustomerRow, gc=False):
    """Something open.

    Attributes:
        stream: The aggregate that it is open in.
        programme: Whose ledger it is in; empty for complaints.
        what: Its name there: its kind, the lot that expires, `activation/<lot>` or `reward/<coupon>`.
        kind: acknowledge, next_response, resolve, follow_up, follow_up_deadline, escalation, activation, expiry or
            reward.
        at: The deadline or expiry; for a follow-up when the complaint was resolved. UTC microseconds.
        points: What is left of the lot.
        again: The position at which it came back after it had been done with; 0 is the first time.
    """

    table: ClassVar[str] = "items"
    key: ClassVar[tuple[str, ...]] = ("customer", "stream", "programme", "what")
    indexes: ClassVar[tuple[tuple[str, ...], ...]] = (("kind", "at"),)
    stream: str
    programme: str
    what: str
    kind: str = ""
    at: int = 0
    points: int = 0
    again: int = 0


class Lapse(CustomerRow, gc=False):
    """Points that expire together when the member has been inactive for long enough.

    Attributes:
        stream: The account.
        programme: Whose ledger they are in.
        at: When, UTC microseconds; put off with every activity.
        lots: What is left of each lot.
        again: The position at which the first of them came.
    """

    table: ClassVar[str] = "lapses"
    key: ClassVar[tuple[str, ...]] = ("customer", "stream", "programme")
    indexes: ClassVar[tuple[tuple[str, ...], ...]] = (("at",),)
    stream: str
    programme: str
    at: int = 0
    lots: dict[str, int] = {}  # noqa: RUF012 - msgspec gives every row its own
    again: int = 0


class Member(CustomerRow, gc=False):
    """What a member's tier rests on.

    Attributes:
        stream: The account.
        programme: Whose tier it is.
        tier: The present tier.
        month: The latest month that the account's events spoke of, in the policy's zone, as `2024-05`.
        months: What qualifies, by unit and month, less what refunds took back.
        since: From when the member has the tier, UTC microseconds.
        reviewed: When it was last reviewed or reached.
        warned: The moment of the loss that was warned of last.
        grace_until: Until when it is kept though it is no longer earned.
        moved: The position of the last event that said something of the tier.
        before: What it was before each merge, and when what lapses with inactivity did: to be that again.
    """

    table: ClassVar[str] = "members"
    key: ClassVar[tuple[str, ...]] = ("customer", "stream", "programme")
    stream: str
    programme: str
    tier: str | None = None
    month: str = ""
    months: dict[str, int] = {}  # noqa: RUF012 - msgspec gives every row its own
    since: int = 0
    reviewed: int = 0
    warned: int | None = None
    grace_until: int | None = None
    moved: int = 0
    before: dict[str, list[Any]] = {}  # noqa: RUF012 - likewise


class Asked(CustomerRow, gc=False):
    """What is open with a customer who was asked: reminders to send, low answers to come back on.

    Attributes:
        at: The moment of the soonest.
        open: By stream, kind and name (`customer-c1 reminder s1`), when it is due, UTC microseconds.
    """

    table: ClassVar[str] = "asked"
    indexes: ClassVar[tuple[tuple[str, ...], ...]] = (("at",),)
    at: int = 0
    open: dict[str, int] = {}  # noqa: RUF012 - msgspec gives every row its own

    def absorb(self, other: Asked) -> None:
        """What is open with either id is open with the customer."""
        self.open.update(other.open)
        self.at = min(self.open.values(), default=0)
