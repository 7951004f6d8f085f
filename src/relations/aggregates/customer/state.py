"""The state of a customer, as far as the rules need it."""

from __future__ import annotations

from bisect import insort
from collections.abc import Mapping
from typing import Any

import msgspec

from relations.aggregates.customer.events import (
    AcquisitionCostRecorded,
    FeedbackCoded,
    FeedbackGiven,
    InteractionRecorded,
    InvitationSent,
    PurchaseRecorded,
    PurchaseRefunded,
    RefundReversed,
    SentimentScored,
)
from relations.aggregates.customer.item_answer import ItemAnswer
from relations.aggregates.customer.offer_events import OfferSent
from relations.aggregates.customer.planned_step import PlannedStep
from relations.aggregates.customer.tie_events import ContactNamed, CustomerAssigned
from relations.aggregates.maps import EMPTY

__all__ = [
    "PROFILE",
    "Change",
    "Customer",
    "Invitation",
    "Offer",
    "Registration",
    "RoundState",
    "answer_key",
    "changes_nothing",
    "consent_key",
    "culture_of",
    "given",
    "holds",
    "trait_key",
    "with_change",
    "wordless",
]

Change = tuple[int, str | None]
"""A value since a business time; None means that it no longer applies."""


EarlierWord = tuple[int, int | None, tuple[ItemAnswer, ...]]
"""An answer that was corrected later: business time, score and items."""


class Registration(msgspec.Struct, frozen=True, gc=False):
    """The registration of a customer, without personal words.

    Attributes:
        given: The names of the personal fields that were given.
        implicit: True if they became known by another event, not by a registration.
        kind: `person` or `author`.
    """

    language: str | None
    region: str | None
    channel: str | None
    source: str | None
    given: tuple[str, ...]
    implicit: bool
    kind: str = "person"


class Invitation(msgspec.Struct, frozen=True, gc=False):
    """An invitation and its outcome.

    Attributes:
        sent: Its event.
        reminders: The number of reminders.
        reminded_at: The time of the last reminder, UTC microseconds.
        declined: True if the customer declined to answer.
    """

    sent: InvitationSent
    reminders: int = 0
    reminded_at: int | None = None
    declined: bool = False


class Offer(msgspec.Struct, frozen=True, gc=False):
    """An offer and what came back on it.

    Attributes:
        sent: Its event.
        answers: What came back.
    """

    sent: OfferSent
    answers: tuple[str, ...] = ()


class RoundState(msgspec.Struct, frozen=True, gc=False):
    """A round of a care plan.

    Attributes:
        plan: The plan's id.
        since: The local day from which its days are counted.
        steps: Its steps.
        began_at: The time at which it began, UTC microseconds.
        ends_at: The time at which it is to end.
        owner: The staff member who is responsible.
        done: The steps that were done in time.
        over: The steps that lapsed or were skipped.
        ended_at: The time at which it ended; None while it is in progress.
        after_stays: The steps to add after each end of a stay.
    """

    plan: str
    since: str
    steps: tuple[PlannedStep, ...]
    began_at: int
    ends_at: int
    owner: str | None = None
    done: tuple[str, ...] = ()
    over: tuple[str, ...] = ()
    ended_at: int | None = None
    after_stays: tuple[PlannedStep, ...] = ()

    def step(self, name: str) -> PlannedStep | None:
        """Return the step with an id; None if there is none."""
        return next((each for each in self.steps if each.step == name), None)

    def is_open(self, name: str) -> bool:
        """Return whether a step is neither done nor over, while the round is in progress."""
        return self.ended_at is None and name not in self.done and name not in self.over


class Customer(msgspec.Struct, frozen=True, gc=False):
    """The state of a customer, without personal words. Its maps are only read; see `relations.aggregates.maps`.

    Attributes:
        registration: Their registration; None if they are not known.
        erased_at: The time of the last erasure; None if they were never erased.
        profile: By field (language, region), the values in order of business time.
        consents: By channel and purpose, the bases in order of business time; None if withdrawn.
        purchases: By id.
        refunds: By id.
        refunded: The running total refunded, by purchase, in minor units.
        reversed: Refunds that were reversed, by id.
        feedback: Answers by id, without their comments.
        corrected: The earlier versions of corrected answers: business time, score and items.
        worded: Answers that have a comment, with the times at which they were given.
        answers: By instrument and invitation, the id of the answer.
        interactions: By id, without their words.
        into: The id that this one is an alias of; None if it is not an alias.
        into_at: The business time of that merge, UTC microseconds.
        absorbed: The ids that are aliases of this one, in order.
        identities: Other systems' ids, by source.
        coded: By answer, the coding of its words with the latest business time.
        sentiments: By answer, each scorer with its version and score.
        followed: Answers that the business replied to.
        invitations: By id.
        seen: By invitation, the first time at which it was seen, answered or declined, UTC microseconds.
        traits: By trait and subject, the changes: the kind of a need, the value of an attribute, or ""; None if it was
            dropped.
        culture: By field, the values in order of business time; of words only that there were some.
        acquisitions: By id.
        costs_cancelled: When these were cancelled, by id, UTC microseconds.
        offers: Offers by id.
        withheld: When the customer was put in the control group of a campaign, by campaign, UTC microseconds.
        rounds: The rounds of care plans, by id; none of an erased customer.
        owners: The owners of the customer, in order of business time.
        handover: The assignment whose handover is open; None if none is.
        accepted: The time at which the last handover was accepted, UTC microseconds; None if none was since.
        rungs: The statements about the rung on the ladder, in order of business time; None where conditions count.
        contacts: The contacts of an organisation, by id.
        lapses: The times at which the customer left (the reason, or "") or came back (None), in order.
    """

    registration: Registration | None = None
    erased_at: int | None = None
    profile: Mapping[str, tuple[Change, ...]] = EMPTY
    consents: Mapping[str, tuple[Change, ...]] = EMPTY
    purchases: Mapping[str, PurchaseRecorded] = EMPTY
    refunds: Mapping[str, PurchaseRefunded] = EMPTY
    refunded: Mapping[str, int] = EMPTY
    reversed: Mapping[str, RefundReversed] = EMPTY
    feedback: Mapping[str, FeedbackGiven] = EMPTY
    corrected: Mapping[str, tuple[EarlierWord, ...]] = EMPTY
    worded: Mapping[str, int] = EMPTY
    answers: Mapping[str, str] = EMPTY
    interactions: Mapping[str, InteractionRecorded] = EMPTY
    into: str | None = None
    into_at: int = 0
    absorbed: tuple[str, ...] = ()
    identities: Mapping[str, tuple[str, ...]] = EMPTY
    coded: Mapping[str, FeedbackCoded] = EMPTY
    sentiments: Mapping[str, tuple[SentimentScored, ...]] = EMPTY
    followed: Mapping[str, int] = EMPTY
    invitations: Mapping[str, Invitation] = EMPTY
    seen: Mapping[str, int] = EMPTY
    traits: Mapping[str, tuple[Change, ...]] = EMPTY
    culture: Mapping[str, tuple[Change, ...]] = EMPTY
    acquisitions: Mapping[str, AcquisitionCostRecorded] = EMPTY
    costs_cancelled: Mapping[str, int] = EMPTY
    lapses: tuple[Change, ...] = ()
    offers: Mapping[str, Offer] = EMPTY
    withheld: Mapping[str, int] = EMPTY
    rounds: Mapping[str, RoundState] = EMPTY
    owners: tuple[CustomerAssigned, ...] = ()
    handover: CustomerAssigned | None = None
    accepted: int | None = None
    rungs: tuple[Change, ...] = ()
    contacts: Mapping[str, ContactNamed] = EMPTY

    @property
    def known(self) -> bool:
        """Return whether the business knows this customer; one who was erased stays known."""
        return self.registration is not None or self.erased

    @property
    def erased(self) -> bool:
        """Return whether their personal words are gone."""
        return self.erased_at is not None

    @property
    def merged_with(self) -> tuple[str, ...]:
        """Return the ids next to this one that are the same person's: its survivor and its own aliases."""
        return self.absorbed if self.into is None else (self.into, *self.absorbed)


_PERSONAL = ("name", "email", "phone", "birthday", "gender")
PROFILE = ("language", "region")
_replace = msgspec.structs.replace


def given(fields: Any) -> tuple[str, ...]:
    """Return the names of the personal fields that an event or a command gives."""
    return tuple(name for name in _PERSONAL if getattr(fields, name) is not None)


def consent_key(channel: str, purpose: str) -> str:
    """Return the key of `Customer.consents`."""
    # A channel has no space in it, so the key is unambiguous for any purpose.
    return f"{channel} {purpose}"


def answer_key(instrument: str, invitation: str) -> str:
    """Return the key of `Customer.answers`."""
    return f"{instrument} {invitation}"


def trait_key(trait: str, about: str) -> str:
    """Return the key of `Customer.traits`."""
    return f"{trait} {about}"


def _order(change: Change) -> tuple[int, bool]:
    # At one instant, a withdrawal comes after a consent and so wins.
    return change[0], change[1] is None


def with_change(changes: tuple[Change, ...], change: Change) -> tuple[Change, ...]:
    """Return the changes with one more, in order of business time."""
    if not changes or _order(changes[-1]) <= _order(change):
        return (*changes, change)
    late = list(changes)
    insort(late, change, key=_order)
    return tuple(late)


def changes_nothing(changes: tuple[Change, ...], change: Change) -> bool:
    """Return whether the value already holds as of the change's time, or this very change is recorded."""
    at, value = change
    before = [earlier for earlier in changes if earlier[0] <= at]
    return bool(before) and (before[-1][1] == value or change in before)


def holds(changes: tuple[Change, ...], at: int) -> bool:
    """Return whether the last change up to a moment has a value."""
    before = [value for moment, value in changes if moment <= at]
    return bool(before) and before[-1] is not None


def wordless(event: InteractionRecorded) -> InteractionRecorded:
    """Return an interaction without its words, as the state keeps it."""
    if event.words is None and event.in_spite_of is None:
        return event
    return _replace(event, words=None, in_spite_of=None)


def culture_of(note: Any) -> dict[str, str]:
    """Return the fields of a note on culture, from its event or its command; words are replaced by an empty text."""
    said = {
        "languages": " ".join(note.languages),
        "preferred_channel": note.preferred_channel or "",
        "pace": note.pace or "",
    }
    return {name: value for name, value in said.items() if value} | {
        name: "" for name in ("customs", "taboos") if getattr(note, name) is not None
    }
