"""Surveys of the simulated guests: invitations, reminders, themes, sentiment, and replies to low answers."""

from __future__ import annotations

from random import Random
from typing import Any

from relations.aggregates.customer import (
    AnswerFeedback,
    DeclineInvitation,
    RemindInvitation,
    ScoreSentiment,
    SeeInvitation,
    SendInvitation,
)
from relations.testing.hotel.booking import Booking
from relations.testing.hotel.diary import DAY, HOUR, MINUTE
from relations.testing.hotel.world import THEMES

__all__ = ["invite", "remind", "reply", "score_comment", "themes_of"]

_INVITED = 0.5
"""The share of stays with an invitation by e-mail; for the others there is a card in the room."""


def _numbers(visit: Booking, of: str) -> Random:
    """Return random numbers of their own, so that drawing more of them changes nothing else about a guest."""
    return Random(f"{of} {visit.key} {visit.arrival}")  # noqa: S311 - a simulation keeps no secrets


def invite(visit: Booking, answered_at: int | None) -> None:
    """Send an invitation for a stay, unless the quarantine or the guest forbids it."""
    guest, diary, surveys = visit.guest, visit.diary, visit.diary.policy.surveys
    random, sent = _numbers(visit, "invitation"), visit.departure + 6 * HOUR
    peace = surveys.quarantine_days * DAY
    seen_before, guest.asked = guest.asked, max(guest.asked, answered_at or 0)
    if random.random() > _INVITED or guest.silent or sent < seen_before + peace:
        return
    about: dict[str, Any] = {"customer": guest.id, "invitation": f"s{visit.key}"}
    diary.write(
        guest, SendInvitation, sent, "survey",
        instrument="nps", channel="email", touchpoint=visit.hotel.touchpoint, regarding=f"stay {visit.key}", **about,
    )  # fmt: skip
    seen = sent + HOUR + int(DAY * random.random() / 2)
    if random.random() < 0.7:
        diary.write(guest, SeeInvitation, seen, "survey", **about)
        guest.asked = max(guest.asked, seen)
        if answered_at is None and random.random() < 0.05:
            diary.write(guest, DeclineInvitation, seen + MINUTE, "guest", reason="no time", **about)
            return
    if answered_at is None and surveys.reminders and random.random() < 0.95:
        visit.remind_at = sent + surveys.reminder_days * DAY + HOUR


def remind(visit: Booking) -> None:
    """Remind a guest who did not answer, unless they visit again before that."""
    guest, diary, at = visit.guest, visit.diary, visit.remind_at
    if at is not None and at < diary.start + guest.expected * DAY:
        diary.write(guest, RemindInvitation, at, "survey", customer=guest.id, invitation=f"s{visit.key}")


def themes_of(visit: Booking, instrument: str) -> tuple[str, ...]:
    """Return the themes of a guest's comment; some comments are not coded."""
    random = _numbers(visit, f"themes {instrument}")
    known = [theme.name for theme in visit.diary.policy.surveys.themes] or list(THEMES)
    return tuple(sorted(random.sample(known, min(len(known), random.choice((0, 1, 1, 1, 2))))))


def score_comment(visit: Booking, feedback: str, at: int) -> None:
    """Score a comment's sentiment with the hotel's word list."""
    random = _numbers(visit, f"sentiment {feedback}")
    score = max(-1000, min(1000, round(350 + 450 * visit.content + random.gauss(0, 150))))
    visit.diary.write(
        visit.guest, ScoreSentiment, at + 5 * MINUTE, "word list",
        customer=visit.guest.id, feedback=feedback, score=score, scorer="word list", scorer_version="1",
    )  # fmt: skip


def reply(visit: Booking, feedback: str, at: int) -> None:
    """Call most guests who gave a low answer."""
    random = _numbers(visit, f"loop {feedback}")
    if random.random() < 0.7:
        later = at + 2 * HOUR + int(4 * DAY * random.random() ** 2)
        visit.diary.write(
            visit.guest, AnswerFeedback, later, "guest relations",
            customer=visit.guest.id, feedback=feedback, by="guest relations", action="called",
        )  # fmt: skip
