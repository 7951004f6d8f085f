"""The guests of the simulation: who they are, and what the simulation remembers of them between visits."""

from __future__ import annotations

from random import Random

from relations.testing.hotel.points import MemberPoints
from relations.testing.hotel.world import GUEST_KINDS, HOTELS, LANGUAGES, GuestKind, Hotel, Weighted

__all__ = ["Guest", "aside", "hotel_for", "new_guest", "reseed"]

_ALL = Weighted({hotel: hotel.share for hotel in HOTELS})
_CITIES = Weighted({hotel: hotel.share for hotel in HOTELS if not hotel.resort})
_NEW_KINDS = Weighted({kind: kind.share for kind in GUEST_KINDS})
_OLD_KINDS = Weighted({kind: kind.share * kind.visits for kind in GUEST_KINDS})


def hotel_for(kind: GuestKind, random: Random) -> Hotel:
    """A house that a guest of this kind may come to."""
    return (_CITIES if kind.name == "business" else _ALL).draw(random)


class Guest:
    """One guest, between visits.

    Attributes:
        number: From 1, in the order in which they first come; with the seed it decides all about them.
        temper: How easily content they are, around 0.
        visits: How many they made.
        written: How many commands were written about them.
        account: Their account as far as the simulation must know it; None while they are no member.
        consents: What they allowed, as (purpose, channel).
        gone: They stayed away, and the business may ask them back.
        asked: When they last saw or answered an invitation, seconds since 1970.
        expected: The day on which they are thought of again.
        said: They said so when they went.
        silent: They do not want to be asked any more.
    """

    __slots__ = (
        "account", "asked", "consents", "expected", "gone", "hotel", "id", "kind", "language", "number", "said",
        "silent", "temper", "visits", "written",
    )  # fmt: skip

    def __init__(self, number: int, kind: GuestKind, random: Random) -> None:
        self.number = number
        self.id = f"g{number:06d}"
        self.kind = kind
        self.hotel: Hotel = hotel_for(kind, random)
        self.language = LANGUAGES[self.hotel.region].draw(random)
        self.temper = random.gauss(0, 0.6)
        self.visits = 0
        self.written = 0
        self.account: MemberPoints | None = None
        self.consents: list[tuple[str, str]] = []
        self.gone = False
        self.asked = 0
        self.expected = 0
        self.silent = False
        self.said = False


def reseed(random: Random, seed: int, number: int, visits: int) -> None:
    """Make the numbers to come depend on seed, guest and visit alone, so that one guest never changes another."""
    random.seed((seed * 1_000_003 + number) * 100_003 + visits)


def aside(seed: int, number: int, visits: int) -> Random:
    """Numbers for what happens beside a visit, so that asking more of a guest changes nothing else about them."""
    return Random(((seed * 1_000_003 + number) * 100_003 + visits) * 3 + 1)  # noqa: S311 - a simulation keeps no secrets


def new_guest(random: Random, seed: int, number: int, *, regular: bool) -> Guest:
    """A guest on their first day; of the regulars from before the history began, more come often."""
    reseed(random, seed, number, 0)
    return Guest(number, (_OLD_KINDS if regular else _NEW_KINDS).draw(random), random)
