"""Guests as persons: traits and culture noted of them, and duplicate registrations."""

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

__all__ = ["note_person"]

_REGISTERED_TWICE = 0.02
"""The share of guests who fill in a second form and are registered twice."""


def note_person(visit: Booking, name: str | None) -> None:
    """Write what the hotel learns about a guest on a visit.

    Args:
        visit: The visit.
        name: The guest's name if they were registered on this visit.
    """
    guest, random, write = visit.guest, visit.random, visit.diary.write
    if guest.visits == 1:
        _link_booking(visit)
        if name is not None and random.random() < _REGISTERED_TWICE:
            _register_again(visit, name)
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


def _link_booking(visit: Booking) -> None:
    """Perhaps link the id of a booking engine, through which the first visit came."""
    guest, random, write = visit.guest, visit.random, visit.diary.write
    if random.random() < 0.25:
        write(
            guest, LinkIdentity, visit.booked + 80, "booking",
            customer=guest.id, source="booking engine", external_id=f"b-{guest.number:06d}",
        )  # fmt: skip


def _register_again(visit: Booking, name: str) -> None:
    """Register the guest a second time; later perhaps merge the two, and sometimes unmerge them again."""
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
