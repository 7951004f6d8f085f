"""Guests as persons: what is noted of them, and how some come to be known twice."""

from __future__ import annotations

from relations.aggregates.customer import (
    DropTrait,
    LinkIdentity,
    MergeCustomer,
    NoteCulture,
    NoteTrait,
    RecordPurchase,
    RegisterCustomer,
    UnmergeCustomer,
)
from relations.messages import Money
from relations.testing.hotel.booking import Booking
from relations.testing.hotel.diary import DAY, HOUR, MINUTE
from relations.testing.hotel.world import PACES, TRAITS, WISHES

__all__ = ["come_to_know"]

_KNOWN_TWICE = 0.02
"""How many guests fill in a second form, and are taken for somebody else at first."""


def come_to_know(visit: Booking, name: str | None) -> None:
    """What the house learns of a guest by a visit.

    Args:
        visit: The visit.
        name: The guest's, where they were registered at this visit.
    """
    guest, random, write = visit.guest, visit.random, visit.diary.write
    if guest.visits == 1:
        _be_sent(visit)
        if name is not None and random.random() < _KNOWN_TWICE:
            _be_known_twice(visit, name)
    if random.random() < 0.12:
        trait, about, need = TRAITS.draw(random)
        words = WISHES[guest.language[:2]] if random.random() < 0.4 else None
        write(
            guest, NoteTrait, visit.departure - 30 * MINUTE, "front desk",
            customer=guest.id, trait=trait, about=about, need=need, words=words,
        )  # fmt: skip
        if random.random() < 0.1:
            write(
                guest, DropTrait, visit.departure + 30 * DAY, "front desk",
                customer=guest.id, trait=trait, about=about,
            )  # fmt: skip
    if random.random() < 0.05:
        write(
            guest, NoteCulture, visit.departure - 20 * MINUTE, "front desk",
            customer=guest.id,
            languages=(guest.language,) if guest.language.startswith("en") else (guest.language, "en"),
            preferred_channel=visit.channel,
            pace=PACES.draw(random),
        )  # fmt: skip


def _be_sent(visit: Booking) -> None:
    """The first visit came through somebody else's system."""
    guest, random, write = visit.guest, visit.random, visit.diary.write
    if random.random() < 0.25:
        write(
            guest, LinkIdentity, visit.booked + 80, "booking",
            customer=guest.id, source="booking engine", external_id=f"b-{guest.number:06d}",
        )  # fmt: skip


def _be_known_twice(visit: Booking, name: str) -> None:
    """A second form, filled in by hand: found to be the same guest's before long, or not; now and then in error."""
    guest, random, write = visit.guest, visit.random, visit.diary.write
    other, at = f"{guest.id}-2", visit.departure + DAY + random.randrange(5 * DAY)
    turned = ", ".join(reversed(name.split())) if " " in name else name
    write(
        guest, RegisterCustomer, at, "front desk",
        customer=other,
        name=turned.upper(),
        email=f"Guest{guest.number}@{guest.language[:2]}.example.com",
        language=guest.language,
        channel="on_site",
        source="form",
    )  # fmt: skip
    write(
        guest, RecordPurchase, at + HOUR, f"till:{visit.hotel.touchpoint}",
        customer=other,
        purchase=f"p{visit.key}-form",
        amount=Money(2_500, visit.hotel.currency),
        category="restaurant",
        touchpoint=visit.hotel.touchpoint,
        channel="on_site",
    )  # fmt: skip
    if random.random() < 0.6:
        write(guest, MergeCustomer, at + 20 * DAY, "head office", customer=other, into=guest.id)
        if random.random() < 0.1:
            write(guest, UnmergeCustomer, at + 30 * DAY, "head office", customer=other)
