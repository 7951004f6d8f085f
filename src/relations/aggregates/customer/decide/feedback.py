"""The rules of answers, and of their coding, sentiment scores and replies."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from relations.aggregates.customer.commands import (
    AnswerFeedback,
    CodeFeedback,
    CustomerKind,
    GiveFeedback,
    ScoreSentiment,
)
from relations.aggregates.customer.decide.refusals import (
    id_reused,
    known_instrument,
    making_known,
    refuse_before_invitation,
    refuse_if_erased,
    refused,
)
from relations.aggregates.customer.events import (
    FeedbackAnswered,
    FeedbackCoded,
    FeedbackCorrected,
    FeedbackGiven,
    SentimentScored,
)
from relations.aggregates.customer.item_answer import ItemAnswer
from relations.aggregates.customer.state import Customer, answer_key
from relations.messages import Command, Event, from_micros
from relations.policies import Instrument, Policy, Surveys

__all__ = ["FORM", "SURVEY_RULES"]

_DAY = 86_400_000_000
_replace = msgspec.structs.replace


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
        platform=command.platform,
    )
    recorded = state.feedback.get(command.feedback)
    if recorded is not None:
        return _given_again(state, command, recorded, event, policy)
    if command.invitation is not None:
        answer = state.answers.get(answer_key(command.instrument, command.invitation))
        if answer is not None:
            return _answered_before(state, state.feedback[answer], command, policy)
        refuse_before_invitation(state, command, command.invitation)
    instrument = known_instrument(command.instrument, policy.surveys)
    _refuse_unsuitable(command, instrument)
    _refuse_unknown_themes(command.themes, policy.surveys)
    if instrument.kind != instrument.id:
        event = _replace(event, kind=instrument.kind)
    if instrument.kind not in ("nps", "csat"):
        event = _replace(event, lowest=instrument.lowest, highest=instrument.highest)
    if command.comment is not None:
        refuse_if_erased(state, command, "comment", "Send the answer without the comment")
        event = _replace(event, comment=command.comment)
    if command.link is not None:
        refuse_if_erased(state, command, "link", "Send the post without its link")
        event = _replace(event, link=command.link)
    scores = [item.score for item in command.items] if command.score is None else [command.score]
    if not state.erased:
        answer_by = policy.surveys.answer_by(instrument.id, command.at, *scores, platform=command.platform)
        event = _replace(event, answer_by=answer_by)
    kind: CustomerKind = "person" if command.platform is None else "author"
    return making_known(state, command, event, command.channel, kind)


def _given_again(
    state: Customer, command: GiveFeedback, recorded: FeedbackGiven, event: FeedbackGiven, policy: Policy
) -> list[Event]:
    """Decide a form that was sent again under the same id: a retry, a correction, or another form."""
    words_lost = command.comment is not None and command.feedback not in state.worded
    as_decided = {name: getattr(recorded, name) for name in ("kind", "lowest", "highest", "answer_by")}
    if _was_said(state, command, recorded.feedback) or (recorded == _replace(event, **as_decided) and not words_lost):
        return []
    if command.at == recorded.at or any(getattr(recorded, name) != getattr(event, name) for name in FORM):
        raise id_reused("feedback", command.feedback)
    return _correction(state, command, recorded, policy)


FORM = ("instrument", "touchpoint", "channel", "invitation", "regarding", "platform")
"""The fields of an answer that a correction leaves as they are."""


def _answered_before(state: Customer, answer: FeedbackGiven, command: GiveFeedback, policy: Policy) -> list[Event]:
    """Decide another answer to the same invitation and instrument: only the latest counts."""
    if _was_said(state, command, answer.feedback):
        return []
    if command.at == answer.at:
        is_retry = answer.feedback in state.corrected and answer.feedback in state.worded
        if (answer.score, answer.items) == (command.score, command.items) and (command.comment is None or is_retry):
            return []
        first, second = _said(answer.score, answer.items), _said(command.score, command.items)
        raise refused(
            f"cannot answer the invitation {command.invitation} with {second}: "
            f"it was answered with {first} ({answer.feedback}) at the same time",
            "invitation_already_answered",
            "invitation",
            "Send the answer with the time at which it was corrected",
        )
    return _correction(state, command, answer, policy)


def _was_said(state: Customer, command: GiveFeedback, feedback: str) -> bool:
    return (command.at, command.score, command.items) in state.corrected.get(feedback, ())


def _correction(state: Customer, command: GiveFeedback, answer: FeedbackGiven, policy: Policy) -> list[Event]:
    """Return the event that replaces an answer; none if the command is older than the latest answer."""
    unchanged = command.comment is None and all(getattr(answer, name) == getattr(command, name) for name in _CONTENT)
    if command.at < answer.at or unchanged:
        return []
    instrument = known_instrument(command.instrument, policy.surveys)
    _refuse_unsuitable(command, instrument)
    _refuse_unknown_themes(command.themes, policy.surveys)
    if command.comment is not None:
        refuse_if_erased(state, command, "comment", "Send the answer without the comment")
    scores = [item.score for item in command.items] if command.score is None else [command.score]
    answered = state.erased or answer.feedback in state.followed
    return [
        FeedbackCorrected(
            feedback=answer.feedback,
            instrument=answer.instrument,
            kind=answer.kind,
            score=command.score,
            items=command.items,
            comment=command.comment,
            given_at=answer.at,
            at=command.at,
            answer_by=None
            if answered
            else policy.surveys.answer_by(instrument.id, command.at, *scores, platform=answer.platform),
            themes=command.themes,
            language=command.language,
        )
    ]


_CONTENT = ("score", "items", "themes", "language")
"""The fields of an answer that a correction replaces, next to the comment."""


def _said(score: int | None, items: Sequence[ItemAnswer]) -> str:
    if score is not None:
        return str(score)
    return f"{len(items)} items" if items else "a comment"


def _refuse_unsuitable(command: GiveFeedback, instrument: Instrument) -> None:
    """Refuse items or scores that the instrument does not ask for, and scores outside its scale."""
    if command.items and not instrument.items:
        raise refused(
            f"instrument {instrument.id} has no items", "instrument_asks_no_items", "items", "Leave out items"
        )
    if instrument.items:
        if command.score is not None:
            raise refused(
                f"instrument {instrument.id} takes answers to items, not a single score",
                "instrument_asks_items",
                "score",
                "Give items instead of score",
            )
        _refuse_items(command, instrument)
        return
    if instrument.lowest is None or instrument.highest is None:
        if command.score is not None:
            raise refused(
                f"instrument {instrument.id} takes a comment and themes, not a score",
                "instrument_is_not_scored",
                "score",
                "Leave out score",
            )
        return
    if command.score is None:
        if instrument.kind == "review" and command.comment is not None:
            return  # a comment without stars
        raise refused(
            f"instrument {instrument.id} requires a score",
            "instrument_asks_score",
            "score",
            f"Give a whole number from {instrument.lowest} to {instrument.highest}",
        )
    _refuse_beyond_scale(command.score, instrument, "score", f"a score for {instrument.id}")


def _refuse_items(command: GiveFeedback, instrument: Instrument) -> None:
    if not command.items:
        raise refused(
            f"instrument {instrument.id} requires answers to items",
            "instrument_asks_items",
            "items",
            "Give at least one item",
        )
    known = {item.id for item in instrument.items}
    seen: set[str] = set()
    for answer in command.items:
        if answer.item not in known:
            raise refused(
                f"instrument {instrument.id} has no item {answer.item!r}",
                "unknown_item",
                "items",
                f"Use one of: {', '.join(item.id for item in instrument.items)}",
            )
        if answer.item in seen:
            raise refused(
                f"the item {answer.item!r} is answered twice",
                "item_answered_twice",
                "items",
                "Give one answer to each item",
            )
        seen.add(answer.item)
        _refuse_beyond_scale(answer.score, instrument, "items", f"the score of item {answer.item}")
        if instrument.expects != (answer.expected is not None):
            raise refused(
                f"the answer to item {answer.item} of instrument {instrument.id} "
                + ("has no expectation" if instrument.expects else "has an expectation, which is not asked for"),
                "item_expectation_missing",
                "items",
                "Give expected as well as score" if instrument.expects else "Leave out expected",
            )
        if answer.expected is not None:
            _refuse_beyond_scale(answer.expected, instrument, "items", f"the expectation of item {answer.item}")


def _refuse_beyond_scale(score: int, instrument: Instrument, field: str, what: str) -> None:
    low, high = instrument.lowest, instrument.highest
    if low is None or high is None or not low <= score <= high:
        raise refused(
            f"{what} must be a whole number from {low} to {high}, not {score}",
            "score_out_of_range",
            field,
            f"Give a whole number from {low} to {high}",
        )


def _refuse_unknown_themes(themes: tuple[str, ...], surveys: Surveys) -> None:
    unknown = surveys.unknown_themes(themes)
    if unknown:
        raise refused(
            f"the policy has no theme {unknown[0]!r}",
            "unknown_theme",
            "themes",
            f"Use themes of the policy: {', '.join(theme.name for theme in surveys.themes) or 'none'}",
        )


# --- about answers --------------------------------------------------------------------------------------------------


def _feedback(state: Customer, command: CodeFeedback | ScoreSentiment | AnswerFeedback) -> FeedbackGiven:
    found = state.feedback.get(command.feedback)
    if found is None:
        raise refused(
            f"the customer {command.customer} has no answer {command.feedback}",
            "unknown_feedback",
            "feedback",
            "Record the answer first (GiveFeedback)",
        )
    if command.at < found.at:
        raise refused(
            f"cannot code, score or reply to the answer {command.feedback} before it was given, "
            f"on {from_micros(found.at).isoformat()}",
            "before_feedback",
            "occurred_at",
            "Correct the time",
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


def _score_sentiment(state: Customer, command: ScoreSentiment, policy: Policy) -> list[Event]:
    given = _feedback(state, command)
    if command.feedback not in state.worded:
        raise refused(
            f"cannot score the answer {command.feedback} of the customer {command.customer}: it has no comment",
            "feedback_has_no_words",
            "feedback",
            "Score only answers that have a comment",
        )
    event = SentimentScored(
        feedback=command.feedback,
        score=command.score,
        scorer=command.scorer,
        scorer_version=command.scorer_version,
        at=command.at,
    )
    scorer = (command.scorer, command.scorer_version)
    known = state.sentiments.get(command.feedback, ())
    if any((each.scorer, each.scorer_version) == scorer for each in known):
        return []  # a version of a scorer gives one score for a comment: the first one recorded stands
    low = policy.surveys.low_sentiment
    stands = given.score is None and not given.items and command.feedback not in state.followed and not state.erased
    stands = stands and given.answer_by is None  # a platform promises an answer sooner
    if stands and low is not None and command.score <= low:
        event = _replace(event, answer_by=command.at + policy.surveys.answer_within_days * _DAY)
    return [event]


def _answer_feedback(state: Customer, command: AnswerFeedback, _policy: Policy) -> list[Event]:
    _feedback(state, command)
    if command.feedback in state.followed:
        return []
    return [FeedbackAnswered(feedback=command.feedback, by=command.by, action=command.action, at=command.at)]


SURVEY_RULES: Mapping[type[Command], Callable[[Customer, Any, Policy], list[Event]]] = {
    GiveFeedback: _give_feedback,
    CodeFeedback: _code,
    ScoreSentiment: _score_sentiment,
    AnswerFeedback: _answer_feedback,
}
