"""What the rules must know of a customer, and how it comes about from their events."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable
from typing import Any

import msgspec
from immutables import Map

from relations.aggregates.customer.events import (
    AcquisitionCostRecorded,
    ConsentGiven,
    ConsentWithdrawn,
    CultureNoted,
    CustomerAbsorbed,
    CustomerErased,
    CustomerLapsed,
    CustomerMerged,
    CustomerRegistered,
    CustomerReleased,
    CustomerUnmerged,
    CustomerWonBack,
    FeedbackAnswered,
    FeedbackCoded,
    FeedbackGiven,
    IdentityLinked,
    InteractionRecorded,
    InvitationDeclined,
    InvitationReminded,
    InvitationSeen,
    InvitationSent,
    ProfileCorrected,
    PurchaseRecorded,
    PurchaseRefunded,
    RefundReversed,
    SentimentScored,
    TraitDropped,
    TraitNoted,
)
from relations.messages import Event

__all__ = [
    "EVENTS",
    "PROFILE",
    "Customer",
    "Invitation",
    "Registration",
    "answer_key",
    "changes_nothing",
    "consent_key",
    "culture_of",
    "evolve",
    "given",
    "holds",
    "trait_key",
]

Change = tuple[int, str | None]
"""From a business time on, a value; None: no longer."""


class Registration(msgspec.Struct, frozen=True, gc=False):
    """How the customer was registered, as far as it says nothing of the person.

    Attributes:
        given: Which personal fields were given.
        implicit: Nobody registered them; something that they did made them known.
    """

    language: str | None
    region: str | None
    channel: str | None
    source: str | None
    given: tuple[str, ...]
    implicit: bool


class Invitation(msgspec.Struct, frozen=True, gc=False):
    """An invitation, and what became of it.

    Attributes:
        sent: Its event.
        reminders: How often the customer was reminded.
        reminded_at: When last, UTC microseconds.
        declined: Whether they said that they do not want to answer.
    """

    sent: InvitationSent
    reminders: int = 0
    reminded_at: int | None = None
    declined: bool = False


class Customer(msgspec.Struct, frozen=True, gc=False):
    """What the rules must know of a customer. It holds no personal words, and growing parts are persistent maps.

    Attributes:
        registration: How they became known; None: not at all.
        erased_at: When their personal words were last made unreadable; None: never.
        profile: By field (language, region), the values in order of business time.
        consents: By channel and purpose, the bases in order of business time; None where withdrawn.
        purchases: By id.
        refunds: By id.
        refunded: The running total refunded, by purchase, in minor units.
        reversed: Refunds that were reversed, by id.
        feedback: Answers by id, without their comments.
        worded: Answers that have words, and when they were given.
        answers: By instrument and invitation, the id of the answer.
        interactions: By id.
        into: The id that this one is an alias of; None: of none.
        absorbed: The ids that are aliases of this one, in order.
        identities: Other systems' ids, by source.
        coded: By answer, the coding of its words with the latest business time.
        sentiments: By answer, each scorer with its version and score.
        followed: Answers that the business came back on.
        invitations: By id.
        seen: By invitation, when it is first known to have been seen: seen, answered or declined. UTC microseconds.
        traits: By trait and subject: the changes of what was noted, a need's sort or "" while it holds.
        culture: By what was noted, the values in order of business time; of words only that there were some.
        acquisitions: By id.
        lapses: Each time the customer left (the reason, or "") or came back (None), in order of business time.
    """

    registration: Registration | None = None
    erased_at: int | None = None
    profile: Map[str, tuple[Change, ...]] = Map()
    consents: Map[str, tuple[Change, ...]] = Map()
    purchases: Map[str, PurchaseRecorded] = Map()
    refunds: Map[str, PurchaseRefunded] = Map()
    refunded: Map[str, int] = Map()
    reversed: Map[str, RefundReversed] = Map()
    feedback: Map[str, FeedbackGiven] = Map()
    worded: Map[str, int] = Map()
    answers: Map[str, str] = Map()
    interactions: Map[str, InteractionRecorded] = Map()
    into: str | None = None
    absorbed: tuple[str, ...] = ()
    identities: Map[str, tuple[str, ...]] = Map()
    coded: Map[str, FeedbackCoded] = Map()
    sentiments: Map[str, tuple[SentimentScored, ...]] = Map()
    followed: Map[str, int] = Map()
    invitations: Map[str, Invitation] = Map()
    seen: Map[str, int] = Map()
    traits: Map[str, tuple[Change, ...]] = Map()
    culture: Map[str, tuple[Change, ...]] = Map()
    acquisitions: Map[str, AcquisitionCostRecorded] = Map()
    lapses: tuple[Change, ...] = ()

    @property
    def known(self) -> bool:
        """Whether the business knows this customer; one who was erased stays known."""
        return self.registration is not None or self.erased

    @property
    def erased(self) -> bool:
        """Whether their personal words are gone."""
        return self.erased_at is not None

    @property
    def merged_with(self) -> tuple[str, ...]:
        """The ids next to this one that are the same person's: its survivor and its own aliases."""
        return self.absorbed if self.into is None else (self.into, *self.absorbed)


_PERSONAL = ("name", "email", "phone", "birthday")
PROFILE = ("language", "region")
_replace = msgspec.structs.replace


def given(fields: Any) -> tuple[str, ...]:
    """Which personal fields an event or a command gives."""
    return tuple(name for name in _PERSONAL if getattr(fields, name) is not None)


def consent_key(channel: str, purpose: str) -> str:
    """The key of `Customer.consents`."""
    # A channel has no space in it, so the key is unambiguous whatever the purpose.
    return f"{channel} {purpose}"


def answer_key(instrument: str, invitation: str) -> str:
    """The key of `Customer.answers`."""
    return f"{instrument} {invitation}"


def trait_key(trait: str, about: str) -> str:
    """The key of `Customer.traits`."""
    return f"{trait} {about}"


def _order(change: Change) -> tuple[int, bool]:
    # At one instant, what ends comes after what begins: the strictest consent wins.
    return change[0], change[1] is None


def _with_change(changes: tuple[Change, ...], change: Change) -> tuple[Change, ...]:
    if not changes or _order(changes[-1]) <= _order(change):
        return (*changes, change)
    late = list(changes)
    insort(late, change, key=_order)
    return tuple(late)


def changes_nothing(changes: tuple[Change, ...], change: Change) -> bool:
    """Whether the value holds already as of the change's business time, or this very change is recorded."""
    at, value = change
    before = [earlier for earlier in changes if earlier[0] <= at]
    return bool(before) and (before[-1][1] == value or change in before)


def holds(changes: tuple[Change, ...], at: int) -> bool:
    """Whether what changes tell of holds as of a moment."""
    before = [value for moment, value in changes if moment <= at]
    return bool(before) and before[-1] is not None


def _profile_after(state: Customer, event: CustomerRegistered | ProfileCorrected) -> Map[str, tuple[Change, ...]]:
    profile = state.profile
    for name in PROFILE:
        value: str | None = getattr(event, name)
        if value is not None:
            profile = profile.set(name, _with_change(profile.get(name, ()), (event.at, value)))
    return profile


def _customer_registered(state: Customer, event: CustomerRegistered) -> Customer:
    registration = Registration(event.language, event.region, event.channel, event.source, given(event), event.implicit)
    return _replace(state, registration=registration, profile=_profile_after(state, event))


def _profile_corrected(state: Customer, event: ProfileCorrected) -> Customer:
    return _replace(state, profile=_profile_after(state, event))


def _consent_given(state: Customer, event: ConsentGiven) -> Customer:
    key = consent_key(event.channel, event.purpose)
    changes = _with_change(state.consents.get(key, ()), (event.at, event.basis))
    return _replace(state, consents=state.consents.set(key, changes))


def _consent_withdrawn(state: Customer, event: ConsentWithdrawn) -> Customer:
    key = consent_key(event.channel, event.purpose)
    changes = _with_change(state.consents.get(key, ()), (event.at, None))
    return _replace(state, consents=state.consents.set(key, changes))


def _interaction_recorded(state: Customer, event: InteractionRecorded) -> Customer:
    return _replace(state, interactions=state.interactions.set(event.interaction, event))


def _purchase_recorded(state: Customer, event: PurchaseRecorded) -> Customer:
    return _replace(state, purchases=state.purchases.set(event.purchase, event))


def _purchase_refunded(state: Customer, event: PurchaseRefunded) -> Customer:
    return _replace(
        state,
        refunds=state.refunds.set(event.refund, event),
        refunded=state.refunded.set(event.purchase, event.refunded),
    )


def _refund_reversed(state: Customer, event: RefundReversed) -> Customer:
    return _replace(
        state,
        refunded=state.refunded.set(event.purchase, event.refunded),
        reversed=state.reversed.set(event.refund, event),
    )


def _feedback_given(state: Customer, event: FeedbackGiven) -> Customer:
    if event.comment is not None:
        state = _replace(state, worded=state.worded.set(event.feedback, event.at))
        event = _replace(event, comment=None)
    feedback = state.feedback.set(event.feedback, event)
    if event.invitation is None:
        return _replace(state, feedback=feedback)
    key = answer_key(event.instrument, event.invitation)
    answers, seen = state.answers.set(key, event.feedback), _seen(state, event.invitation, event.at)
    return _replace(state, feedback=feedback, answers=answers, seen=seen)


def _seen(state: Customer, invitation: str, at: int) -> Map[str, int]:
    return state.seen.set(invitation, min(at, state.seen.get(invitation, at)))


def _customer_erased(state: Customer, event: CustomerErased) -> Customer:
    return _replace(state, erased_at=event.at if state.erased_at is None else max(event.at, state.erased_at))


def _identity_linked(state: Customer, event: IdentityLinked) -> Customer:
    known = state.identities.get(event.source, ())
    return _replace(state, identities=state.identities.set(event.source, (*known, event.external_id)))


def _customer_merged(state: Customer, event: CustomerMerged) -> Customer:
    return _replace(state, into=event.into)


def _customer_unmerged(state: Customer, _event: CustomerUnmerged) -> Customer:
    return _replace(state, into=None)


def _customer_absorbed(state: Customer, event: CustomerAbsorbed) -> Customer:
    return _replace(state, absorbed=(*state.absorbed, event.merged))


def _customer_released(state: Customer, event: CustomerReleased) -> Customer:
    return _replace(state, absorbed=tuple(known for known in state.absorbed if known != event.merged))


def _feedback_coded(state: Customer, event: FeedbackCoded) -> Customer:
    known = state.coded.get(event.feedback)
    late = known is not None and known.at > event.at
    return state if late else _replace(state, coded=state.coded.set(event.feedback, event))


def _sentiment_scored(state: Customer, event: SentimentScored) -> Customer:
    known = state.sentiments.get(event.feedback, ())
    return _replace(state, sentiments=state.sentiments.set(event.feedback, (*known, event)))


def _feedback_answered(state: Customer, event: FeedbackAnswered) -> Customer:
    return _replace(state, followed=state.followed.set(event.feedback, event.at))


def _invitation_sent(state: Customer, event: InvitationSent) -> Customer:
    return _replace(state, invitations=state.invitations.set(event.invitation, Invitation(event)))


def _invitation_reminded(state: Customer, event: InvitationReminded) -> Customer:
    known = state.invitations.get(event.invitation)
    if known is None:
        return state
    invitation = _replace(known, reminders=event.reminder, reminded_at=event.at)
    return _replace(state, invitations=state.invitations.set(event.invitation, invitation))


def _invitation_seen(state: Customer, event: InvitationSeen) -> Customer:
    return _replace(state, seen=_seen(state, event.invitation, event.at))


def _invitation_declined(state: Customer, event: InvitationDeclined) -> Customer:
    known = state.invitations.get(event.invitation)
    if known is None:
        return state
    invitations = state.invitations.set(event.invitation, _replace(known, declined=True))
    return _replace(state, invitations=invitations, seen=_seen(state, event.invitation, event.at))


def _trait_changed(state: Customer, event: TraitNoted | TraitDropped) -> Customer:
    key = trait_key(event.trait, event.about)
    value = (event.need or "") if isinstance(event, TraitNoted) else None
    return _replace(state, traits=state.traits.set(key, _with_change(state.traits.get(key, ()), (event.at, value))))


def culture_of(note: Any) -> dict[str, str]:
    """What a note on culture says, from its event or its command: of words only that there are some."""
    said = {
        "languages": " ".join(note.languages),
        "preferred_channel": note.preferred_channel or "",
        "pace": note.pace or "",
    }
    return {name: value for name, value in said.items() if value} | {
        name: "" for name in ("customs", "taboos") if getattr(note, name) is not None
    }


def _culture_noted(state: Customer, event: CultureNoted) -> Customer:
    culture = state.culture
    for name, value in culture_of(event).items():
        culture = culture.set(name, _with_change(culture.get(name, ()), (event.at, value)))
    return _replace(state, culture=culture)


def _acquisition_cost_recorded(state: Customer, event: AcquisitionCostRecorded) -> Customer:
    return _replace(state, acquisitions=state.acquisitions.set(event.acquisition, event))


def _lapsed_or_won_back(state: Customer, event: CustomerLapsed | CustomerWonBack) -> Customer:
    value = (event.reason or "") if isinstance(event, CustomerLapsed) else None
    return _replace(state, lapses=_with_change(state.lapses, (event.at, value)))


_EVOLUTIONS: dict[type[Event], Callable[[Customer, Any], Customer]] = {
    CustomerRegistered: _customer_registered,
    ProfileCorrected: _profile_corrected,
    ConsentGiven: _consent_given,
    ConsentWithdrawn: _consent_withdrawn,
    InteractionRecorded: _interaction_recorded,
    PurchaseRecorded: _purchase_recorded,
    PurchaseRefunded: _purchase_refunded,
    RefundReversed: _refund_reversed,
    FeedbackGiven: _feedback_given,
    CustomerErased: _customer_erased,
    IdentityLinked: _identity_linked,
    CustomerMerged: _customer_merged,
    CustomerUnmerged: _customer_unmerged,
    CustomerAbsorbed: _customer_absorbed,
    CustomerReleased: _customer_released,
    FeedbackCoded: _feedback_coded,
    SentimentScored: _sentiment_scored,
    FeedbackAnswered: _feedback_answered,
    InvitationSent: _invitation_sent,
    InvitationReminded: _invitation_reminded,
    InvitationSeen: _invitation_seen,
    InvitationDeclined: _invitation_declined,
    TraitNoted: _trait_changed,
    TraitDropped: _trait_changed,
    CultureNoted: _culture_noted,
    AcquisitionCostRecorded: _acquisition_cost_recorded,
    CustomerLapsed: _lapsed_or_won_back,
    CustomerWonBack: _lapsed_or_won_back,
}


EVENTS = tuple(_EVOLUTIONS)


def evolve(state: Customer, event: Event) -> Customer:
    """The state after an event; an event that it does not know changes nothing."""
    # A dictionary, not a match: ten class patterns in a row would cost more than the evolution itself.
    evolution = _EVOLUTIONS.get(type(event))
    return state if evolution is None else evolution(state, event)
