"""Asking and answering: the rules of invitations, of answers, and of what is said about answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from relations.aggregates.customer.commands import (
    AnswerFeedback,
    CodeFeedback,
    DeclineInvitation,
    GiveFeedback,
    RemindInvitation,
    ScoreSentiment,
    SeeInvitation,
    SendInvitation,
)
from relations.aggregates.customer.events import (
    FeedbackAnswered,
    FeedbackCoded,
    FeedbackGiven,
    InvitationDeclined,
    InvitationReminded,
    InvitationSeen,
    InvitationSent,
    SentimentScored,
)
from relations.aggregates.customer.refusing import id_reused, making_known, refuse_if_erased
from relations.aggregates.customer.state import Customer, Invitation, answer_key
from relations.errors import CommandRefused
from relations.messages import Command, Event, from_micros
from relations.policies import Instrument, Policy, Surveys

__all__ = ["SURVEY_RULES"]

_DAY = 86_400_000_000
_replace = msgspec.structs.replace


def _refused(reason: str, code: str, field: str, remedy: str) -> CommandRefused:
    return CommandRefused(reason, code=code, field=field, remedy=remedy)


# --- answers --------------------------------------------------------------------------------------------------------


def _give_feedback(state: Customer, command: GiveFeedback, policy: Policy) -> list[Event]:
    event = FeedbackGiven(
        feedback=command.feedback,
        instrument=command.instrument,
        score=command.score,
        touchpoint=command.touchpoint,
        channel=command.channel,
        invitation=command.invitation,
        regarding=command.regarding,
        at=command.at,
        items=command.items,
        themes=command.themes,
        language=command.language,
    )
    recorded = state.feedback.get(command.feedback)
    if recorded is not None:
        if recorded == _replace(event, kind=recorded.kind, lowest=recorded.lowest, highest=recorded.highest):
            return []
        raise id_reused("feedback", command.feedback)
    if command.invitation is not None:
        answer = state.answers.get(answer_key(command.instrument, command.invitation))
        if answer is not None:
            return _answered_before(state.feedback[answer], command)
    instrument = _instrument(command.instrument, policy.surveys)
    _refuse_unsuitable(command, instrument)
    _refuse_unknown_themes(command.themes, policy.surveys)
    if instrument.kind != instrument.id:
        event = _replace(event, kind=instrument.kind)
    if instrument.kind not in ("nps", "csat"):
        event = _replace(event, lowest=instrument.lowest, highest=instrument.highest)
    if command.comment is not None:
        refuse_if_erased(state, command, "comment", "Send the answer without the comment")
        event = _replace(event, comment=command.comment)
    return making_known(state, command, event, command.channel)


def _answered_before(answer: FeedbackGiven, command: GiveFeedback) -> list[Event]:
    """One invitation counts once: the same answer again is the same answer, another one is not taken."""
    if (answer.score, answer.items) == (command.score, command.items):
        return []
    first, second = ("other items" if score is None else str(score) for score in (answer.score, command.score))
    raise _refused(
        f"the invitation {command.invitation} was answered with {first} ({answer.feedback}); "
        f"it cannot be answered with {second} too",
        "invitation_already_answered",
        "invitation",
        "Invite the customer again to ask again",
    )


def _instrument(name: str, surveys: Surveys) -> Instrument:
    found = surveys.instrument(name)
    if found is None:
        known = ", ".join(dict.fromkeys([*(each.id for each in surveys.instruments), "nps", "csat"]))
        raise _refused(
            f"the policy has no instrument {name!r}",
            "unknown_instrument",
            "instrument",
            f"Give one of {known}, or adopt a policy that has it",
        )
    return found


def _refuse_unsuitable(command: GiveFeedback, instrument: Instrument) -> None:
    """Refuse what the instrument does not ask, and a score that is not on its scale."""
    if command.items and not instrument.items:
        raise _refused(f"{instrument.id} has no items", "instrument_asks_no_items", "items", "Leave the items out")
    if instrument.items:
        if command.score is not None:
            raise _refused(
                f"{instrument.id} is answered item by item, not by one score",
                "instrument_asks_items",
                "score",
                "Give the items' answers",
            )
        _refuse_items(command, instrument)
        return
    if instrument.lowest is None or instrument.highest is None:
        if command.score is not None:
            raise _refused(
                f"what is noted by {instrument.id} is coded to themes, not scored",
                "instrument_is_not_scored",
                "score",
                "Leave the score out",
            )
        return
    if command.score is None:
        if instrument.kind == "review" and command.comment is not None:
            return  # words without stars
        raise _refused(
            f"{instrument.id} is answered by a score",
            "instrument_asks_score",
            "score",
            f"Give a whole number from {instrument.lowest} to {instrument.highest}",
        )
    _refuse_beyond_scale(command.score, instrument, "score", instrument.id)


def _refuse_items(command: GiveFeedback, instrument: Instrument) -> None:
    if not command.items:
        raise _refused(
            f"{instrument.id} is answered item by item", "instrument_asks_items", "items", "Give at least one item"
        )
    known = {item.id for item in instrument.items}
    seen: set[str] = set()
    for answer in command.items:
        if answer.item not in known:
            raise _refused(
                f"{instrument.id} has no item {answer.item!r}",
                "unknown_item",
                "items",
                f"Give those of {', '.join(item.id for item in instrument.items)}",
            )
        if answer.item in seen:
            raise _refused(
                f"the item {answer.item!r} is answered twice", "item_answered_twice", "items", "Give one answer"
            )
        seen.add(answer.item)
        _refuse_beyond_scale(answer.score, instrument, "items", answer.item)
        if instrument.expects != (answer.expected is not None):
            raise _refused(
                f"{answer.item} of {instrument.id} has "
                + ("no expectation" if instrument.expects else "an expectation, which it does not ask"),
                "item_expectation_missing",
                "items",
                "Give what was expected beside what was perceived" if instrument.expects else "Leave expected out",
            )
        if answer.expected is not None:
            _refuse_beyond_scale(answer.expected, instrument, "items", f"what was expected of {answer.item}")


def _refuse_beyond_scale(score: int, instrument: Instrument, field: str, what: str) -> None:
    low, high = instrument.lowest, instrument.highest
    if low is None or high is None or not low <= score <= high:
        raise _refused(
            f"{what} is a whole number from {low} to {high}, not {score}",
            "score_out_of_range",
            field,
            f"Give a whole number from {low} to {high}",
        )


def _refuse_unknown_themes(themes: tuple[str, ...], surveys: Surveys) -> None:
    unknown = surveys.unknown_themes(themes)
    if unknown:
        raise _refused(
            f"the policy has no theme {unknown[0]!r}",
            "unknown_theme",
            "themes",
            f"Give those of {', '.join(theme.name for theme in surveys.themes)}",
        )


# --- about answers --------------------------------------------------------------------------------------------------


def _feedback(state: Customer, command: CodeFeedback | ScoreSentiment | AnswerFeedback) -> FeedbackGiven:
    found = state.feedback.get(command.feedback)
    if found is None:
        raise _refused(
            f"no answer {command.feedback} of the customer {command.customer} is recorded",
            "unknown_feedback",
            "feedback",
            "Record the answer first (GiveFeedback)",
        )
    return found


def _code(state: Customer, command: CodeFeedback, policy: Policy) -> list[Event]:
    given = _feedback(state, command)
    coded = state.coded.get(command.feedback)
    themes = tuple(dict.fromkeys(command.themes))
    if themes == (given.themes if coded is None else coded.themes):
        return []
    _refuse_unknown_themes(themes, policy.surveys)
    return [FeedbackCoded(feedback=command.feedback, themes=themes, coder=command.coder, at=command.at)]


def _score_sentiment(state: Customer, command: ScoreSentiment, _policy: Policy) -> list[Event]:
    _feedback(state, command)
    event = SentimentScored(
        feedback=command.feedback,
        score=command.score,
        scorer=command.scorer,
        scorer_version=command.scorer_version,
        at=command.at,
    )
    scorer = (command.scorer, command.scorer_version)
    known = state.sentiments.get(command.feedback, ())
    # A version of a scorer says one thing of the same words: what was said first stands.
    return [] if any((each.scorer, each.scorer_version) == scorer for each in known) else [event]


def _answer_feedback(state: Customer, command: AnswerFeedback, _policy: Policy) -> list[Event]:
    _feedback(state, command)
    if command.feedback in state.followed:
        return []
    return [FeedbackAnswered(feedback=command.feedback, by=command.by, action=command.action, at=command.at)]


# --- invitations ----------------------------------------------------------------------------------------------------


def _send_invitation(state: Customer, command: SendInvitation, policy: Policy) -> list[Event]:
    event = InvitationSent(
        invitation=command.invitation,
        instrument=command.instrument,
        channel=command.channel,
        touchpoint=command.touchpoint,
        regarding=command.regarding,
        at=command.at,
    )
    known = state.invitations.get(command.invitation)
    if known is not None:
        if known.sent == event:
            return []
        raise id_reused("invitation", command.invitation)
    refuse_if_erased(state, command, "customer", "Nothing: an erased customer is not asked any more")
    _instrument(command.instrument, policy.surveys)
    until = _quarantine_end(state, command, policy.surveys)
    if until is not None:
        raise _refused(
            f"the customer {command.customer} saw an invitation less than {policy.surveys.quarantine_days} days before "
            f"{command.occurred_at.isoformat()}",
            "survey_quarantine",
            "occurred_at",
            f"Ask again from {from_micros(until).isoformat()} on",
        )
    return making_known(state, command, event, command.channel)


def _quarantine_end(state: Customer, command: SendInvitation, surveys: Surveys) -> int | None:
    """When the customer may be asked again; None where they may be now.

    What was seen after the command's business time is no reason: it had not been seen then.
    """
    span = surveys.quarantine_days * _DAY
    ends = [seen + span for seen in state.seen.values() if seen <= command.at < seen + span]
    return max(ends, default=None)


def _invitation(state: Customer, command: RemindInvitation | SeeInvitation | DeclineInvitation) -> Invitation:
    found = state.invitations.get(command.invitation)
    if found is None:
        raise _refused(
            f"no invitation {command.invitation} of the customer {command.customer} is recorded",
            "unknown_invitation",
            "invitation",
            "Record that it was sent (SendInvitation)",
        )
    return found


def _is_answered(state: Customer, invitation: str) -> bool:
    return any(key.endswith(f" {invitation}") for key in state.answers)


def _remind_invitation(state: Customer, command: RemindInvitation, policy: Policy) -> list[Event]:
    invitation = _invitation(state, command)
    if invitation.declined:
        raise _refused(
            f"the customer declined the invitation {command.invitation}",
            "invitation_declined",
            "invitation",
            "Leave them in peace",
        )
    if _is_answered(state, command.invitation):
        raise _refused(
            f"the invitation {command.invitation} is answered",
            "invitation_already_answered",
            "invitation",
            "Nothing: there is nothing left to remind of",
        )
    if invitation.reminders >= policy.surveys.reminders:
        raise _refused(
            f"the customer was reminded of the invitation {command.invitation} {invitation.reminders} times",
            "reminders_exhausted",
            "invitation",
            f"The policy lets {policy.surveys.reminders} reminders be sent; leave them in peace",
        )
    refuse_if_erased(state, command, "customer", "Nothing: an erased customer is not asked any more")
    return [InvitationReminded(invitation=command.invitation, reminder=invitation.reminders + 1, at=command.at)]


def _see_invitation(state: Customer, command: SeeInvitation, _policy: Policy) -> list[Event]:
    _invitation(state, command)
    seen = state.seen.get(command.invitation)
    # Seen earlier than was known is news, for the quarantine is counted from the first time.
    return (
        []
        if seen is not None and seen <= command.at
        else [InvitationSeen(invitation=command.invitation, at=command.at)]
    )


def _decline_invitation(state: Customer, command: DeclineInvitation, _policy: Policy) -> list[Event]:
    if _invitation(state, command).declined:
        return []
    return [InvitationDeclined(invitation=command.invitation, reason=command.reason, at=command.at)]


SURVEY_RULES: Mapping[type[Command], Callable[[Customer, Any, Policy], list[Event]]] = {
    GiveFeedback: _give_feedback,
    CodeFeedback: _code,
    ScoreSentiment: _score_sentiment,
    AnswerFeedback: _answer_feedback,
    SendInvitation: _send_invitation,
    RemindInvitation: _remind_invitation,
    SeeInvitation: _see_invitation,
    DeclineInvitation: _decline_invitation,
}
