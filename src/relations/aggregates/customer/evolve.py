"""Evolve the state of a customer with their events."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from relations.aggregates.customer.events import (
    AcquisitionCostCancelled,
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
    FeedbackCorrected,
    FeedbackGiven,
    IdentityLinked,
    InteractionRecorded,
    InvitationDeclined,
    InvitationReminded,
    InvitationSeen,
    InvitationSent,
    PlanBegun,
    PlanEnded,
    PlanRenewed,
    ProfileCorrected,
    PurchaseRecorded,
    PurchaseRefunded,
    RefundReversed,
    SentimentScored,
    StepLapsed,
    StepsAdded,
    StepSkipped,
    TraitDropped,
    TraitNoted,
)
from relations.aggregates.customer.offer_events import OfferAnswered, OfferSent, OfferWithheld
from relations.aggregates.customer.state import (
    PROFILE,
    Change,
    Customer,
    Invitation,
    Offer,
    Registration,
    RoundState,
    _replace,
    answer_key,
    consent_key,
    culture_of,
    given,
    trait_key,
    with_change,
    wordless,
)
from relations.aggregates.customer.tie_events import (
    ContactDropped,
    ContactNamed,
    CustomerAssigned,
    HandoverAccepted,
    RungStated,
)
from relations.aggregates.maps import EMPTY, with_item, without_item
from relations.messages import Event

__all__ = ["EVENTS", "evolve"]

V = TypeVar("V")


def _profile_after(state: Customer, event: CustomerRegistered | ProfileCorrected) -> Mapping[str, tuple[Change, ...]]:
    profile = state.profile
    for name in PROFILE:
        value: str | None = getattr(event, name)
        if value is not None:
            profile = with_item(profile, name, with_change(profile.get(name, ()), (event.at, value)))
    return profile


def _customer_registered(state: Customer, event: CustomerRegistered) -> Customer:
    registration = Registration(
        event.language, event.region, event.channel, event.source, given(event), event.implicit, event.kind
    )
    return _replace(state, registration=registration, profile=_profile_after(state, event))


def _profile_corrected(state: Customer, event: ProfileCorrected) -> Customer:
    return _replace(state, profile=_profile_after(state, event))


def _consent_given(state: Customer, event: ConsentGiven) -> Customer:
    key = consent_key(event.channel, event.purpose)
    changes = with_change(state.consents.get(key, ()), (event.at, event.basis))
    return _replace(state, consents=with_item(state.consents, key, changes))


def _consent_withdrawn(state: Customer, event: ConsentWithdrawn) -> Customer:
    key = consent_key(event.channel, event.purpose)
    changes = with_change(state.consents.get(key, ()), (event.at, None))
    return _replace(state, consents=with_item(state.consents, key, changes))


def _interaction_recorded(state: Customer, event: InteractionRecorded) -> Customer:
    interactions = with_item(state.interactions, event.interaction, wordless(event))
    about = event.regarding
    if about is None or about.kind != "care" or about.step is None:
        return _replace(state, interactions=interactions)
    known = state.rounds.get(about.id)
    step = None if known is None else known.step(about.step)
    if known is None or step is None or step.step in known.done or event.at >= step.until:
        return _replace(state, interactions=interactions)
    return _with_round(_replace(state, interactions=interactions), about.id, done=(*known.done, step.step))


def _purchase_recorded(state: Customer, event: PurchaseRecorded) -> Customer:
    return _replace(state, purchases=with_item(state.purchases, event.purchase, event))


def _purchase_refunded(state: Customer, event: PurchaseRefunded) -> Customer:
    return _replace(
        state,
        refunds=with_item(state.refunds, event.refund, event),
        refunded=with_item(state.refunded, event.purchase, event.refunded),
    )


def _refund_reversed(state: Customer, event: RefundReversed) -> Customer:
    return _replace(
        state,
        refunded=with_item(state.refunded, event.purchase, event.refunded),
        reversed=with_item(state.reversed, event.refund, event),
    )


def _feedback_given(state: Customer, event: FeedbackGiven) -> Customer:
    if event.comment is not None:
        state = _replace(state, worded=with_item(state.worded, event.feedback, event.at))
        event = _replace(event, comment=None)
    if event.link is not None:
        event = _replace(event, link=None)
    feedback = with_item(state.feedback, event.feedback, event)
    if event.invitation is None:
        return _replace(state, feedback=feedback)
    key = answer_key(event.instrument, event.invitation)
    answers, seen = with_item(state.answers, key, event.feedback), _seen(state, event.invitation, event.at)
    return _replace(state, feedback=feedback, answers=answers, seen=seen)


def _feedback_corrected(state: Customer, event: FeedbackCorrected) -> Customer:
    known = state.feedback.get(event.feedback)
    if known is None:
        return state
    earlier = (*state.corrected.get(event.feedback, ()), (known.at, known.score, known.items))
    word = _replace(known, score=event.score, items=event.items, at=event.at, answer_by=event.answer_by)
    if event.themes is not None:  # its words replace the earlier ones, and what was found in those
        word = _replace(word, themes=event.themes, language=event.language)
        state = _replace(
            state,
            worded=_without(state.worded, event.feedback),
            coded=_without(state.coded, event.feedback),
            sentiments=_without(state.sentiments, event.feedback),
        )
    if event.comment is not None and event.feedback not in state.worded:
        state = _replace(state, worded=with_item(state.worded, event.feedback, event.at))
    return _replace(
        state,
        feedback=with_item(state.feedback, event.feedback, word),
        corrected=with_item(state.corrected, event.feedback, earlier),
    )


def _without(held: Mapping[str, V], answer: str) -> Mapping[str, V]:
    return without_item(held, answer) if answer in held else held


def _seen(state: Customer, invitation: str, at: int) -> Mapping[str, int]:
    return with_item(state.seen, invitation, min(at, state.seen.get(invitation, at)))


def _customer_erased(state: Customer, event: CustomerErased) -> Customer:
    erased_at = event.at if state.erased_at is None else max(event.at, state.erased_at)
    return _replace(state, erased_at=erased_at, rounds=EMPTY, handover=None)


def _identity_linked(state: Customer, event: IdentityLinked) -> Customer:
    known = state.identities.get(event.source, ())
    return _replace(
        state, identities=with_item(state.identities, event.source, (*known, event.digest or event.external_id))
    )


def _customer_merged(state: Customer, event: CustomerMerged) -> Customer:
    return _replace(state, into=event.into, into_at=event.at)


def _customer_unmerged(state: Customer, _event: CustomerUnmerged) -> Customer:
    return _replace(state, into=None, into_at=0)


def _customer_absorbed(state: Customer, event: CustomerAbsorbed) -> Customer:
    return _replace(state, absorbed=(*state.absorbed, event.merged))


def _customer_released(state: Customer, event: CustomerReleased) -> Customer:
    return _replace(state, absorbed=tuple(known for known in state.absorbed if known != event.merged))


def _feedback_coded(state: Customer, event: FeedbackCoded) -> Customer:
    known = state.coded.get(event.feedback)
    late = known is not None and known.at > event.at
    return state if late else _replace(state, coded=with_item(state.coded, event.feedback, event))


def _sentiment_scored(state: Customer, event: SentimentScored) -> Customer:
    known = state.sentiments.get(event.feedback, ())
    return _replace(state, sentiments=with_item(state.sentiments, event.feedback, (*known, event)))


def _feedback_answered(state: Customer, event: FeedbackAnswered) -> Customer:
    return _replace(state, followed=with_item(state.followed, event.feedback, event.at))


def _invitation_sent(state: Customer, event: InvitationSent) -> Customer:
    return _replace(state, invitations=with_item(state.invitations, event.invitation, Invitation(event)))


def _invitation_reminded(state: Customer, event: InvitationReminded) -> Customer:
    known = state.invitations.get(event.invitation)
    if known is None:
        return state
    invitation = _replace(known, reminders=event.reminder, reminded_at=event.at)
    return _replace(state, invitations=with_item(state.invitations, event.invitation, invitation))


def _invitation_seen(state: Customer, event: InvitationSeen) -> Customer:
    return _replace(state, seen=_seen(state, event.invitation, event.at))


def _invitation_declined(state: Customer, event: InvitationDeclined) -> Customer:
    known = state.invitations.get(event.invitation)
    if known is None:
        return state
    invitations = with_item(state.invitations, event.invitation, _replace(known, declined=True))
    return _replace(state, invitations=invitations, seen=_seen(state, event.invitation, event.at))


def _trait_changed(state: Customer, event: TraitNoted | TraitDropped) -> Customer:
    key = trait_key(event.trait, event.about)
    value = (event.need or event.value or "") if isinstance(event, TraitNoted) else None
    return _replace(
        state, traits=with_item(state.traits, key, with_change(state.traits.get(key, ()), (event.at, value)))
    )


def _culture_noted(state: Customer, event: CultureNoted) -> Customer:
    culture = state.culture
    for name, value in culture_of(event).items():
        culture = with_item(culture, name, with_change(culture.get(name, ()), (event.at, value)))
    return _replace(state, culture=culture)


def _acquisition_cost_recorded(state: Customer, event: AcquisitionCostRecorded) -> Customer:
    return _replace(state, acquisitions=with_item(state.acquisitions, event.acquisition, event))


def _acquisition_cost_cancelled(state: Customer, event: AcquisitionCostCancelled) -> Customer:
    return _replace(state, costs_cancelled=with_item(state.costs_cancelled, event.acquisition, event.at))


def _plan_begun(state: Customer, event: PlanBegun | PlanRenewed) -> Customer:
    began = RoundState(
        event.plan, event.since, event.steps, event.at, event.ends_at, event.owner, after_stays=event.after_stays
    )
    if isinstance(event, PlanRenewed):
        state = _with_round(state, event.previous, ended_at=event.at)
    return _replace(state, rounds=with_item(state.rounds, event.round, began))


def _step_over(state: Customer, event: StepLapsed | StepSkipped) -> Customer:
    known = state.rounds.get(event.round)
    return state if known is None else _with_round(state, event.round, over=(*known.over, event.step))


def _steps_added(state: Customer, event: StepsAdded) -> Customer:
    known = state.rounds.get(event.round)
    return state if known is None else _with_round(state, event.round, steps=(*known.steps, *event.steps))


def _plan_ended(state: Customer, event: PlanEnded) -> Customer:
    return _with_round(state, event.round, ended_at=event.at)


def _with_round(state: Customer, name: str, **fields: Any) -> Customer:
    known = state.rounds.get(name)
    return state if known is None else _replace(state, rounds=with_item(state.rounds, name, _replace(known, **fields)))


def _lapsed_or_won_back(state: Customer, event: CustomerLapsed | CustomerWonBack) -> Customer:
    value = (event.reason or "") if isinstance(event, CustomerLapsed) else None
    return _replace(state, lapses=with_change(state.lapses, (event.at, value)))


def _offer_sent(state: Customer, event: OfferSent) -> Customer:
    return _replace(state, offers=with_item(state.offers, event.offer, Offer(event)))


def _offer_withheld(state: Customer, event: OfferWithheld) -> Customer:
    return _replace(state, withheld=with_item(state.withheld, event.campaign, event.at))


def _offer_answered(state: Customer, event: OfferAnswered) -> Customer:
    known = state.offers.get(event.offer)
    if known is None:
        return state
    answered = _replace(known, answers=(*known.answers, event.answer))
    return _replace(state, offers=with_item(state.offers, event.offer, answered))


def _customer_assigned(state: Customer, event: CustomerAssigned) -> Customer:
    state = _replace(state, owners=tuple(sorted([*state.owners, event], key=lambda each: each.at)))
    return _replace(state, handover=event, accepted=None) if event.handover else state


def _handover_accepted(state: Customer, event: HandoverAccepted) -> Customer:
    return _replace(state, handover=None, accepted=event.at)


def _rung_stated(state: Customer, event: RungStated) -> Customer:
    return _replace(state, rungs=with_change(state.rungs, (event.at, event.rung)))


def _contact_named(state: Customer, event: ContactNamed) -> Customer:
    return _replace(state, contacts=with_item(state.contacts, event.contact, event))


def _contact_dropped(state: Customer, event: ContactDropped) -> Customer:
    return _replace(state, contacts=_without(state.contacts, event.contact))


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
    FeedbackCorrected: _feedback_corrected,
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
    AcquisitionCostCancelled: _acquisition_cost_cancelled,
    CustomerLapsed: _lapsed_or_won_back,
    CustomerWonBack: _lapsed_or_won_back,
    OfferSent: _offer_sent,
    OfferWithheld: _offer_withheld,
    OfferAnswered: _offer_answered,
    PlanBegun: _plan_begun,
    PlanRenewed: _plan_begun,
    StepsAdded: _steps_added,
    StepLapsed: _step_over,
    StepSkipped: _step_over,
    PlanEnded: _plan_ended,
    CustomerAssigned: _customer_assigned,
    HandoverAccepted: _handover_accepted,
    RungStated: _rung_stated,
    ContactNamed: _contact_named,
    ContactDropped: _contact_dropped,
}


EVENTS = tuple(_EVOLUTIONS)


def evolve(state: Customer, event: Event) -> Customer:
    """Return the state after an event; an unknown event changes nothing."""
    # A dictionary instead of `match`: many class patterns would cost more than the evolution itself.
    evolution = _EVOLUTIONS.get(type(event))
    return state if evolution is None else evolution(state, event)
