"""The rows of the agenda: open items, members' tiers, and the surveys of customers."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, TypeAlias, get_args

import msgspec

from relations.policies import Surveys
from relations.policies.consents import Change, Merge, said_as_one, standing_at
from relations.projections.projection import CustomerRow

__all__ = ["KINDS", "AskedRow", "FirstAnswer", "Item", "Kind", "Lapse", "Member", "Reminder"]

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


_DAY = 86_400_000_000


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


class Reminder(msgspec.Struct, array_like=True, order=True, gc=False):
    """The next reminder of an invitation.

    Attributes:
        due_at: When it is due, UTC microseconds.
        stream: The stream that has the invitation.
        channel: The channel of the invitation.
        sent: The number of reminders sent so far.
        last_at: The time of the invitation or of the last reminder.
    """

    due_at: int
    stream: str
    channel: str
    sent: int
    last_at: int


class FirstAnswer(msgspec.Struct, array_like=True, order=True, gc=False):
    """The position in the log of the first answer to an invitation, and its name as in `Asked.answers`."""

    position: int
    name: str


class AskedRow(CustomerRow, gc=False):
    """What is open with a customer who was asked: reminders to send, low answers to come back on.

    Attributes:
        answer_at: The moment of the soonest answer of the business; None where none is due.
        remind_at: The moment of the last reminder; None where none is due.
        reminders: By invitation.
        answers: By stream and the answer's id (`customer-c1 f1`; of a complaint by its stream alone), when somebody is
            to come back on it at the latest.
        first: By invitation and instrument (`s1 nps`), what was answered first. Whoever answers it again, under another
            id, has answered it once.
        done: Invitations that nobody is to be reminded of though they are not answered.
        seen: By invitation, when the customer is first known to have seen it, UTC microseconds.
        consents: By channel and purpose, and by the id under which they were said, the changes of a consent.
        merges: The merges of this id into others.
        erased: True once the customer was erased: there is nobody to remind or to come back to.
    """

    table: ClassVar[str] = "asked"
    indexes: ClassVar[tuple[tuple[str, ...], ...]] = (("answer_at",), ("remind_at",))
    answer_at: int | None = None
    remind_at: int | None = None
    reminders: dict[str, Reminder] = msgspec.field(default_factory=dict)
    answers: dict[str, int] = msgspec.field(default_factory=dict)
    first: dict[str, FirstAnswer] = msgspec.field(default_factory=dict)
    done: list[str] = msgspec.field(default_factory=list)
    seen: dict[str, int] = msgspec.field(default_factory=dict)
    consents: dict[str, dict[str, list[Change]]] = msgspec.field(default_factory=dict)
    merges: list[Merge] = msgspec.field(default_factory=list)
    erased: bool = False

    def settle(self) -> None:
        """Compute the due times again."""
        self.answer_at = min(self.answers.values(), default=None)
        self.remind_at = max((reminder.due_at for reminder in self.reminders.values()), default=None)

    def see(self, invitation: str, at: int) -> None:
        """Record that the customer saw an invitation by then."""
        self.seen[invitation] = min(at, self.seen.get(invitation, at))

    def may_be_reminded(self, invitation: str, surveys: Surveys, moment: int) -> bool:
        """Return whether the command that reminds of an invitation would be accepted at a moment."""
        reminder = self.reminders[invitation]
        if reminder.sent >= surveys.reminders or moment < reminder.last_at + surveys.reminder_days * _DAY:
            return False
        span = surveys.quarantine_days * _DAY
        if any(at <= moment < at + span for other, at in self.seen.items() if other != invitation):
            return False
        said = self.consents.get(f"{reminder.channel} {surveys.consent_purpose}", {})
        standing = standing_at(said_as_one(said, self.merges), moment)
        return standing is None or standing[1] is not None

    def erase(self) -> None:
        """Close everything: nobody is left with whom anything could be open."""
        self.erased = True
        self.reminders, self.answers, self.first, self.done = {}, {}, {}, []
        self.seen, self.consents = {}, {}
        self.settle()

    def absorb(self, other: AskedRow) -> None:
        """Add what is open with another id; the customer was asked and answered once."""
        if self.erased or other.erased:
            self.erase()
            return
        self.done = sorted({*self.done, *other.done})
        self.answers |= other.answers
        self.merges = sorted({*self.merges, *other.merges})
        for invitation, at in other.seen.items():
            self.see(invitation, at)
        for consent, said in other.consents.items():
            self.consents[consent] = self.consents.get(consent, {}) | said
        for question, answer in other.first.items():
            mine = self.first.get(question, answer)
            self.first[question], again = min(mine, answer), max(mine, answer)
            if again is not self.first[question]:
                self.answers.pop(again.name, None)
        for invitation, reminder in other.reminders.items():
            self.reminders[invitation] = min(reminder, self.reminders.get(invitation, reminder))
        for invitation in (*self.done, *(question.partition(" ")[0] for question in self.first)):
            self.reminders.pop(invitation, None)
        self.settle()
