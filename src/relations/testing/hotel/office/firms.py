"""Stories of other firms: a crew that stays under contract, and the rival next door."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any, TypeAlias

from relations.aggregates.customer import BeginPlan, GiveConsent, RecordInteraction, RegisterCustomer
from relations.aggregates.opportunity import EndContract, OpenOpportunity, WinOpportunity
from relations.aggregates.rival import CancelRivalObservation, ObserveRival
from relations.messages import Command, Money

__all__ = ["Step", "crew_under_contract", "rival_next_door"]

Step: TypeAlias = tuple[int, int, type[Command], dict[str, Any]]
"""A command of a story: its day after the story's first, its hour, its class, and its fields."""
_EURO = 100
_BEGINS = 110
"""The day of the history on which the story of the crew begins; see `write_stories`."""


def crew_under_contract(first: date) -> Iterator[Step]:
    """Show a firm under contract: its care begins with the contract, and each stay adds a step.

    Args:
        first: The first day of the history.
    """
    firm, deal = {"customer": "story-helvetia"}, {"opportunity": "story-crew"}

    def day(number: int) -> date:
        return first + timedelta(days=_BEGINS + number)

    yield 0, 8, RegisterCustomer, {**firm, "kind": "organisation", "name": "Helvetia Air", "language": "de-CH"}
    yield 0, 9, GiveConsent, {**firm, "purpose": "care", "channel": "email"}
    yield 0, 9, GiveConsent, {**firm, "purpose": "care", "channel": "phone"}
    yield 0, 10, OpenOpportunity, {**deal, **firm, "what": "crew rooms", "owner": "li"}
    won = {"contract": "story-crew-1", "amount": Money(40_000 * _EURO, "EUR"), "starts": day(4), "ends": day(200)}
    yield 2, 9, WinOpportunity, {**deal, **won}
    yield 4, 9, BeginPlan, {**firm, "plan": "account", "on": day(4), "because": "contract"}
    for number, stay in enumerate((8, 40)):
        left = {**firm, "interaction": f"story-out-{number}", "kind": "check_out", "channel": "on_site"}
        yield stay, 9, RecordInteraction, left
    about = {"regarding": "care account-1 call", "kind": "care", "direction": "outbound", "by": "li"}
    yield 20, 9, RecordInteraction, {**firm, **about, "interaction": "story-account-call", "channel": "phone"}
    yield 90, 9, EndContract, {**deal, "reason": "the route is closed"}


def rival_next_door(_first: date) -> Iterator[Step]:
    """Show what the house sees of its rival across the street, and a mistake that is taken back."""
    rival = {"rival": "grand-hotel"}
    seen: tuple[dict[str, Any], ...] = (
        {"kind": "price", "about": "room", "price": Money(189 * _EURO, "EUR"), "source": "portal"},
        {"kind": "price", "about": "room", "price": Money(169 * _EURO, "EUR"), "source": "portal"},
        {"kind": "rating", "about": "breakfast", "value": "4.1", "source": "portal"},
        {"kind": "promotion", "about": "spa entry", "words": "third night free", "source": "poster"},
        {"kind": "share", "about": "conferences", "value": "0.3", "source": "chamber of commerce"},
    )
    for number, fields in enumerate(seen):
        yield 7 * number, 9, ObserveRival, {**rival, **fields, "observation": f"story-seen-{number}"}
    wrong = {**rival, **seen[0], "observation": "story-seen-wrong", "about": "suite"}
    yield 40, 9, ObserveRival, wrong
    yield 41, 9, CancelRivalObservation, {**rival, "observation": "story-seen-wrong"}
