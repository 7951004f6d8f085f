"""The commands of a merged customer: the stream that decides each, and the state that it is decided on.

A merge moves nothing: purchases, answers, invitations and traits stay in the stream in which they were recorded. A
command that names one of them may use any id of the customer, and goes to the stream that has it. So each stream stays
complete, and an unmerge has nothing to take apart.

A person's consents, profile and traits are decided on the changes recorded under all of their ids. After the merge,
they count as the changes of one customer; see `relations.policies.consents` for consents.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

import msgspec

from relations.aggregates.customer.commands import (
    AdvancePlan,
    AnswerFeedback,
    BeginPlan,
    CodeFeedback,
    CorrectProfile,
    CustomerCommand,
    DeclineInvitation,
    DropTrait,
    EndPlan,
    GiveConsent,
    GiveFeedback,
    NoteCulture,
    NoteTrait,
    RecordInteraction,
    RecordLapse,
    RecordWinBack,
    RefundPurchase,
    ReinstatePurchase,
    RemindInvitation,
    ReverseRefund,
    ScoreSentiment,
    SeeInvitation,
    SendInvitation,
    SkipStep,
)
from relations.aggregates.customer.offer_commands import AnswerOffer, SendOffer, WithholdOffer
from relations.aggregates.customer.state import (
    Change,
    Customer,
    Invitation,
    RoundState,
    answer_key,
    holds,
    trait_key,
    with_change,
)
from relations.aggregates.customer.tie_commands import (
    AcceptHandover,
    AssignCustomer,
    DropContact,
    NameContact,
    StateRung,
)
from relations.aggregates.customer.tie_events import CustomerAssigned
from relations.aggregates.maps import with_item
from relations.decider import Merging
from relations.messages import Command
from relations.policies.consents import order, said_as_one

__all__ = ["MERGING", "latest_handover"]

K = TypeVar("K")
_replace = msgspec.structs.replace

Has = Callable[[Any, Customer], bool]
"""A test whether a state has the thing that a command names."""


def _has_feedback(command: Any, state: Customer) -> bool:
    return command.feedback in state.feedback


def _has_invitation(command: Any, state: Customer) -> bool:
    return command.invitation in state.invitations


def _has_answer(command: GiveFeedback, state: Customer) -> bool:
    return command.invitation is not None and answer_key(command.instrument, command.invitation) in state.answers


def _has_offer(command: SendOffer | AnswerOffer, state: Customer) -> bool:
    return command.offer in state.offers


def _has_open_step(command: RecordInteraction, state: Customer) -> bool:
    about = command.regarding
    known = None if about is None or about.kind != "care" else state.rounds.get(about.id)
    return known is not None and about is not None and known.is_open(about.step or "")


def _has_step(command: RecordInteraction, state: Customer) -> bool:
    about = command.regarding
    return about is not None and about.kind == "care" and about.id in state.rounds


def _is_in_plan(command: EndPlan, state: Customer) -> bool:
    return any(known.plan == command.plan and known.ended_at is None for known in state.rounds.values())


_NAMES: Mapping[type[Command], tuple[Has, ...]] = {
    RecordInteraction: (
        lambda command, state: command.interaction in state.interactions,
        _has_open_step,
        _has_step,
    ),
    SkipStep: (
        lambda command, state: command.round in state.rounds and state.rounds[command.round].is_open(command.step),
        lambda command, state: command.round in state.rounds,
    ),
    EndPlan: (_is_in_plan,),
    RefundPurchase: (
        lambda command, state: command.refund in state.refunds,
        lambda command, state: command.purchase in state.purchases,
    ),
    ReverseRefund: (lambda command, state: command.refund in state.refunds,),
    ReinstatePurchase: (lambda command, state: command.purchase in state.purchases,),
    GiveFeedback: (_has_feedback, _has_answer, _has_invitation),
    CodeFeedback: (_has_feedback,),
    ScoreSentiment: (_has_feedback,),
    AnswerFeedback: (_has_feedback,),
    # An invitation that was answered before it was recorded belongs in the stream of its answer.
    SendInvitation: (_has_invitation, lambda command, state: command.invitation in state.seen),
    RemindInvitation: (_has_invitation,),
    SeeInvitation: (_has_invitation,),
    DeclineInvitation: (_has_invitation,),
    DropTrait: (
        lambda command, state: holds(state.traits.get(trait_key(command.trait, command.about), ()), command.at),
    ),
    SendOffer: (_has_offer,),
    AnswerOffer: (_has_offer,),
    RecordWinBack: (lambda command, state: holds(state.lapses, command.at),),
    NameContact: (
        lambda command, state: command.contact in state.contacts,
        lambda command, state: state.registration is not None and state.registration.kind == "organisation",
    ),
    DropContact: (lambda command, state: command.contact in state.contacts,),
}
"""The tests for the stream that has what a command names, by command, the most specific first."""


def latest_handover(opened: Mapping[K, tuple[int, int]]) -> K | None:
    """Return which of a customer's open handovers counts: the latest. One acceptance closes the others, too.

    Merged ids may each have one. The last owner takes over all of the customer.

    Args:
        opened: The time and the log position of each; where the position is not known, 0.
    """
    return max(opened, key=opened.__getitem__, default=None)


def _handed_over(states: Mapping[str, Customer]) -> str | None:
    """Return the id with the open handover that counts; None if none is open."""
    return latest_handover({name: (each.handover.at, 0) for name, each in states.items() if each.handover is not None})


def _home(command: CustomerCommand, states: Mapping[str, Customer]) -> str:
    if isinstance(command, AssignCustomer | AcceptHandover):
        return _handed_over(states) or command.customer
    for has in _NAMES.get(type(command), ()):
        for name, state in states.items():
            if has(command, state):
                return name
    return command.customer


def _together(command: CustomerCommand, home: str, states: Mapping[str, Customer]) -> Customer:
    """Return the state of the home id combined with those of the other ids, as far as the command's rule needs."""
    state = states[home]
    fields = _SAID_AS_ONE.get(type(command))
    if fields is None:
        return state
    found: dict[str, Any] = {name: _UNITED[name](states) for name in fields}
    if "invitations" in found:
        found["invitations"] = _asked(command, state, states)
    return _replace(state, **found)


def _asked(command: Any, state: Customer, states: Mapping[str, Customer]) -> Mapping[str, Invitation]:
    """Return the invitations of the home id; the command's own is declined if it was declined under any id."""
    asked = state.invitations.get(command.invitation)
    declined = any(
        theirs.declined for each in states.values() if (theirs := each.invitations.get(command.invitation)) is not None
    )
    if asked is None or not declined:
        return state.invitations
    return with_item(state.invitations, command.invitation, _replace(asked, declined=True))


def _united(name: str, states: Mapping[str, Customer]) -> Mapping[str, Any]:
    """Return the values recorded under any id, by key; on conflict the id that the command names wins."""
    found: dict[str, Any] = {}
    for state in reversed(list(states.values())):
        found.update(getattr(state, name))
    return found


def _seen(states: Mapping[str, Customer]) -> Mapping[str, int]:
    """Return the time at which each invitation was first seen under any id."""
    seen: dict[str, int] = {}
    for state in states.values():
        for invitation, at in state.seen.items():
            seen[invitation] = min(at, seen.get(invitation, at))
    return seen


def _consents(states: Mapping[str, Customer]) -> Mapping[str, tuple[Change, ...]]:
    """Return the consents of one person. Every change is kept, so that retries are recognised."""
    merges = [(state.into_at, name, state.into) for name, state in states.items() if state.into is not None]
    found: dict[str, tuple[Change, ...]] = {}
    for key in sorted({key for state in states.values() for key in state.consents}):
        said = {name: state.consents.get(key, ()) for name, state in states.items()}
        hold = {(since, basis) for since, (_, basis) in said_as_one(said, merges)}
        found[key] = tuple(sorted(hold.union(*said.values()), key=order))
    return found


def _changes(name: str, states: Mapping[str, Customer]) -> Mapping[str, tuple[Change, ...]]:
    """Return the changes of each key under all ids, in order of business time."""
    found: dict[str, tuple[Change, ...]] = {}
    for state in states.values():
        for key, changes in getattr(state, name).items():
            for change in changes:
                found[key] = with_change(found.get(key, ()), change)
    return found


def _in_order(name: str, states: Mapping[str, Customer]) -> tuple[Change, ...]:
    """Return the changes under all ids, in order of business time."""
    found: tuple[Change, ...] = ()
    for state in states.values():
        for change in getattr(state, name):
            found = with_change(found, change)
    return found


def _owners(states: Mapping[str, Customer]) -> tuple[CustomerAssigned, ...]:
    return tuple(sorted((each for state in states.values() for each in state.owners), key=lambda each: each.at))


def _rounds(states: Mapping[str, Customer]) -> Mapping[str, RoundState]:
    """Return the rounds under any id; of several with one name, one that is in progress."""
    found = [(name, known) for state in states.values() for name, known in state.rounds.items()]
    return dict(sorted(found, key=lambda each: (each[0], each[1].ended_at is None)))


_UNITED: Mapping[str, Callable[[Mapping[str, Customer]], Any]] = {
    "seen": _seen,
    "consents": _consents,
    "answers": partial(_united, "answers"),
    "interactions": partial(_united, "interactions"),
    "purchases": partial(_united, "purchases"),
    "invitations": partial(_united, "invitations"),
    "offers": partial(_united, "offers"),
    "withheld": partial(_united, "withheld"),
    "profile": partial(_changes, "profile"),
    "traits": partial(_changes, "traits"),
    "culture": partial(_changes, "culture"),
    "lapses": partial(_in_order, "lapses"),
    "rungs": partial(_in_order, "rungs"),
    "owners": _owners,
    "rounds": _rounds,
}

_ASKED = ("seen", "consents", "answers", "invitations")
_SAID_AS_ONE: Mapping[type[Command], tuple[str, ...]] = {
    SendInvitation: _ASKED,
    RemindInvitation: _ASKED,
    RecordInteraction: ("consents", "interactions", "offers", "traits"),
    SendOffer: ("consents", "interactions", "offers", "withheld"),
    WithholdOffer: ("offers", "withheld"),
    GiveConsent: ("consents",),
    CorrectProfile: ("profile",),
    NoteTrait: ("traits",),
    DropTrait: ("traits",),
    NoteCulture: ("culture",),
    AssignCustomer: ("owners",),
    StateRung: ("rungs",),
    RecordLapse: ("lapses", "purchases"),
    RecordWinBack: ("lapses",),
    BeginPlan: ("rounds", "profile", "culture"),
    AdvancePlan: ("consents", "profile", "culture"),
}
"""The parts of the state that are combined over all ids of a person, by command."""


MERGING = Merging(next_to=lambda state: state.merged_with, home=_home, together=_together)
"""The functions that let the streams of one person's ids be addressed by any of them."""
