"""Going on under any id of a merged customer: whose stream has what a command names, and what all of them know.

A merge moves nothing, so a purchase stays in the stream that it was recorded in, and so do answers, invitations and
traits. Whoever gives one back, answers one or declines one names it, under whichever id they know the customer by: the
command goes to the stream that has it. Each stream then is whole in itself, and an unmerge takes nothing apart.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from relations.aggregates.customer.commands import (
    AnswerFeedback,
    CodeFeedback,
    CustomerCommand,
    DeclineInvitation,
    DropTrait,
    GiveFeedback,
    RecordWinBack,
    RefundPurchase,
    ReinstatePurchase,
    RemindInvitation,
    ReverseRefund,
    ScoreSentiment,
    SeeInvitation,
    SendInvitation,
)
from relations.aggregates.customer.state import Change, Customer, answer_key, holds, trait_key
from relations.decider import Merging
from relations.messages import Command

__all__ = ["MERGING"]

_replace = msgspec.structs.replace

Has = Callable[[Any, Customer], bool]
"""Whether a state has what a command names."""


def _has_feedback(command: Any, state: Customer) -> bool:
    return command.feedback in state.feedback


def _has_invitation(command: Any, state: Customer) -> bool:
    return command.invitation in state.invitations


def _has_answer(command: GiveFeedback, state: Customer) -> bool:
    return command.invitation is not None and answer_key(command.instrument, command.invitation) in state.answers


_NAMES: Mapping[type[Command], tuple[Has, ...]] = {
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
    # One that was answered before it was recorded belongs beside its answer.
    SendInvitation: (_has_invitation, lambda command, state: command.invitation in state.seen),
    RemindInvitation: (_has_invitation,),
    SeeInvitation: (_has_invitation,),
    DeclineInvitation: (_has_invitation,),
    DropTrait: (
        lambda command, state: holds(state.traits.get(trait_key(command.trait, command.about), ()), command.at),
    ),
    RecordWinBack: (lambda command, state: holds(state.lapses, command.at),),
}
"""What commands name, by how surely: a refund recorded already is a retry, whichever stream has its purchase."""


def _home(command: CustomerCommand, states: Mapping[str, Customer]) -> str:
    for has in _NAMES.get(type(command), ()):
        for name, state in states.items():
            if has(command, state):
                return name
    return command.customer


def _together(command: CustomerCommand, state: Customer, others: Sequence[Customer]) -> Customer:
    # Whoever is asked is one person: what they saw, what they answered, and what they do not want, they said under each
    # of their names.
    if not isinstance(command, SendInvitation | RemindInvitation):
        return state
    seen, consents, answers = state.seen, state.consents, state.answers
    asked = state.invitations.get(command.invitation)
    for other in others:
        for key, feedback in other.answers.items():
            answers = answers if key in answers else answers.set(key, feedback)
        theirs = other.invitations.get(command.invitation)
        if asked is not None and theirs is not None and theirs.declined:
            asked = _replace(asked, declined=True)
        for invitation, at in other.seen.items():  # an invitation is one, whichever id it went to
            seen = seen.set(invitation, min(at, seen.get(invitation, at)))
        for key, changes in other.consents.items():
            if _is_withdrawn(changes, command.at):
                consents = consents.set(key, changes)
    invitations = state.invitations if asked is None else state.invitations.set(command.invitation, asked)
    return _replace(state, seen=seen, consents=consents, answers=answers, invitations=invitations)


def _is_withdrawn(changes: tuple[Change, ...], at: int) -> bool:
    before = [value for moment, value in changes if moment <= at]
    return bool(before) and before[-1] is None


MERGING = Merging(next_to=lambda state: state.merged_with, home=_home, together=_together)
"""How one customer's ids go on as one."""
