"""The rows of the agenda: open items, members' tiers, and the surveys of customers."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, TypeAlias, get_args

import msgspec

from relations.policies import Surveys
from relations.policies.consents import Change, Merge, said_as_one, standing_at
from relations.projections.projection import CustomerRow

__all__ = [
    "KINDS",
    "AskedRow",
    "BirthdayRow",
    "CareRound",
    "FirstAnswer",
    "Item",
    "Kind",
    "Lapse",
    "Member",
    "OpenStep",
    "OtherCase",
    "Reminder",
    "SealedBirthday",
]

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
    "erasure",
    "contact",
    "lapse",
    "renewal",
    "handover",
    "contract",
]
KINDS: tuple[Kind, ...] = get_args(Kind)


_DAY = 86_400_000_000


class Item(CustomerRow, gc=False):
    """An open item.

    Attributes:
        stream: The stream of the aggregate.
        programme: The loyalty programme; empty for complaints.
        what: The name within the stream: the kind, the lot that expires, `activation/<lot>`, `reward/<coupon>` or
            `handover/<owner>`.
        kind: acknowledge, next_response, resolve, follow_up, follow_up_deadline, escalation, activation, expiry,
            reward, handover or contract.
        at: The deadline, expiry or end, UTC microseconds; for a follow-up the time of the resolution.
        points: The points left in the lot.
        again: The log position at which it was opened again after it had been done; 0 the first time.
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


class OtherCase(CustomerRow, gc=False):
    """A case that is not a complaint: nobody is asked about it afterwards.

    Attributes:
        stream: The stream of the case.
        kind: enquiry, request or suggestion.
    """

    table: ClassVar[str] = "other_cases"
    key: ClassVar[tuple[str, ...]] = ("customer", "stream")
    stream: str
    kind: str = ""


class Lapse(CustomerRow, gc=False):
    """Points that expire together when the member has been inactive for long enough.

    Attributes:
        stream: The stream of the account.
        programme: The loyalty programme.
        at: The time of expiry, UTC microseconds; every activity defers it.
        lots: The points left in each lot.
        again: The log position at which the first of them was added.
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
    """The facts on which a member's tier depends.

    Attributes:
        stream: The stream of the account.
        programme: The loyalty programme.
        tier: The present tier.
        month: The latest month in the account's events, in the policy's zone, as `2024-05`.
        months: The qualifying amounts by unit and month, less refunds.
        since: The time since when the member has the tier, UTC microseconds.
        reviewed: The time at which it was last reviewed or reached, UTC microseconds.
        warned: The time of the loss about which the member was last warned, UTC microseconds.
        grace_until: The end of the grace in which the tier is kept though it is no longer earned, UTC microseconds.
        moved: The log position of the last event about the tier.
        before: The tier and the time of lapse before each merge, restored when the merge is reversed.
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
        due_at: The time at which it is due, UTC microseconds.
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
    """The open survey work for one customer: reminders to send, low answers to reply to.

    Attributes:
        answer_at: The time at which the first reply is due, UTC microseconds; None if none is due.
        remind_at: The due time of the latest reminder, UTC microseconds; None if none is due.
        reminders: The next reminder by invitation.
        answers: The time by which a reply is due, by stream and the answer's id (`customer-c1 f1`; for a complaint its
            stream alone).
        first: The first answer by invitation and instrument (`s1 nps`). A second answer under another id does not
            count.
        done: The invitations that need no reminder though they are not answered.
        seen: The time at which the customer first saw an invitation, by invitation, UTC microseconds.
        consents: The changes of consents, by channel and purpose and by the id under which they were recorded.
        merges: The merges of this id into others.
        erased: True once the customer was erased: no reminders or replies are due any more.
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
        self.answer_at = min(self.answers.values()) if self.answers else None
        self.remind_at = max([each.due_at for each in self.reminders.values()]) if self.reminders else None

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
        """Close all open work of an erased customer."""
        self.erased = True
        self.reminders, self.answers, self.first, self.done = {}, {}, {}, []
        self.seen, self.consents = {}, {}
        self.settle()

    def absorb(self, other: AskedRow) -> None:
        """Add the open work of another id; invitations and answers count once."""
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


class OpenStep(msgspec.Struct, array_like=True, gc=False):
    """A step of a care plan that is neither done nor over.

    Attributes:
        step: Its id within the round.
        what: The kind of contact.
        due_at: The time from which it is due, UTC microseconds; None if it is due on the customer's birthday.
        until: The time at which it lapses.
        channels: The channels that suit it, the best first.
        sells: True if it tries to sell something.
        role: The role that should do it.
        minutes: How long it should take.
        offset: The days from the birthday to its due date.
        days_valid: The days on which it can then be done.
    """

    step: str
    what: str
    due_at: int | None
    until: int
    channels: tuple[str, ...] = ()
    sells: bool = False
    role: str | None = None
    minutes: int | None = None
    offset: int = 0
    days_valid: int = 0


class CareRound(CustomerRow, gc=False):
    """A round of a care plan that is in progress.

    Attributes:
        stream: The stream that has it.
        round: Its id.
        plan: The plan's id.
        since: The local day from which its days are counted.
        ends_at: The time at which it ends, UTC microseconds.
        owner: The staff member who is responsible.
        steps: Its open steps.
        due_at: The time at which the first of them is due; None if none has a date.
        over_at: The time at which the first of them lapses, or the round ends.
        on_birthday: True if one of them is due on the birthday.
    """

    table: ClassVar[str] = "care_rounds"
    key: ClassVar[tuple[str, ...]] = ("customer", "stream", "round")
    indexes: ClassVar[tuple[tuple[str, ...], ...]] = (("due_at",), ("over_at",), ("on_birthday",))
    stream: str
    round: str
    plan: str = ""
    since: str = ""
    ends_at: int = 0
    owner: str | None = None
    steps: list[OpenStep] = msgspec.field(default_factory=list)
    due_at: int | None = None
    over_at: int | None = None
    on_birthday: bool = False

    def settle(self) -> None:
        """Compute the due times again."""
        self.due_at = min((step.due_at for step in self.steps if step.due_at is not None), default=None)
        self.over_at = min([self.ends_at, *(step.until for step in self.steps)])
        self.on_birthday = any(step.due_at is None for step in self.steps)


class SealedBirthday(msgspec.Struct, array_like=True, order=True, gc=False):
    """A recorded birthday.

    Attributes:
        at: The business time, UTC microseconds.
        position: The log position.
        value: The birthday as the log has it, sealed.
        customer: The id under which it was recorded, whose key opens it.
        topic: The topic of the event.
    """

    at: int
    position: int
    value: str
    customer: str
    topic: str


class BirthdayRow(CustomerRow, gc=False):
    """The birthday of a customer, sealed as in the log.

    Attributes:
        said: Every recorded one; the latest by business time counts.
    """

    table: ClassVar[str] = "birthdays"
    said: list[SealedBirthday] = msgspec.field(default_factory=list)

    def absorb(self, other: BirthdayRow) -> None:
        """Add what was recorded under another id."""
        self.said = sorted([*self.said, *other.said])
