"""The guests of the simulation, with the state that is kept between their visits."""

from __future__ import annotations

from random import Random

from relations.testing.hotel.diary import DAY, HOUR
from relations.testing.hotel.points import MemberPoints
from relations.testing.hotel.world import GUEST_KINDS, HOTELS, LANGUAGES, GuestKind, Hotel, Weighted

__all__ = ["Guest", "hotel_for", "new_guest", "reseed", "side_numbers"]

_ALL = Weighted({hotel: hotel.share for hotel in HOTELS})
_CITIES = Weighted({hotel: hotel.share for hotel in HOTELS if not hotel.resort})
_NEW_KINDS = Weighted({kind: kind.share for kind in GUEST_KINDS})
_OLD_KINDS = Weighted({kind: kind.share * kind.visits for kind in GUEST_KINDS})


def hotel_for(kind: GuestKind, random: Random) -> Hotel:
    """Draw a hotel for a guest of this kind."""
    return (_CITIES if kind.name == "business" else _ALL).draw(random)


class Guest:
    """One guest, with the state that is kept between visits.

    Attributes:
        number: The guest's number, from 1 in the order of first visits; with the seed it decides everything about them.
        id: The customer id.
        kind: The kind of guest.
        hotel: The hotel that they usually visit.
        language: Their language.
        temper: How easily they are content, around 0.
        visits: The number of visits so far.
        written: The number of commands written about them.
        account: Their account as far as the simulation needs it; None if they are not a member.
        consents: The consents they gave, as (purpose, channel).
        gone: True if they stayed away and may be won back.
        asked: The time at which they last saw or answered an invitation, seconds since 1970.
        expected: The day on which they are planned again.
        said: True if they said that they leave.
        caring: The care plans that are in progress.
        rounds: The number of rounds of each care plan so far.
        contacted: The time of the last contact that the hotel began, seconds since 1970.
        unreachable: True if they want no contact of care any more.
        forgotten: The time at which they are erased, seconds since 1970; 0 if they are not.
        silent: True if they do not want surveys any more.
    """

    __slots__ = (
        "account", "asked", "caring", "consents", "contacted", "expected", "forgotten", "gone", "hotel", "id", "kind",
        "language", "number", "rounds", "said", "silent", "temper", "unreachable", "visits", "written",
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
        self.caring: set[str] = set()
        self.rounds: dict[str, int] = {}
        self.contacted = 0
        self.unreachable = False
        self.forgotten = 0

    def is_left_alone(self, at: int, day: int) -> bool:
        """Return True if a contact at a time, on a day of the history, would be too soon after or before another.

        An offer to win them back is sent on the day on which they are expected again.
        """
        return abs(at - self.contacted) < DAY + HOUR or (self.gone and -1 <= self.expected - day <= 1)


def reseed(random: Random, seed: int, number: int, visits: int) -> None:
    """Make the next random numbers depend only on seed, guest and visit, so that guests never affect each other."""
    random.seed((seed * 1_000_003 + number) * 100_003 + visits)


def side_numbers(seed: int, number: int, visits: int) -> Random:
    """Return random numbers for details next to a visit; drawing more of them changes nothing else about a guest."""
    return Random(((seed * 1_000_003 + number) * 100_003 + visits) * 3 + 1)  # noqa: S311 - a simulation keeps no secrets


def new_guest(random: Random, seed: int, number: int, *, regular: bool) -> Guest:
    """Return a guest on their first day; regulars from before the history began visit more often."""
    reseed(random, seed, number, 0)
    return Guest(number, (_OLD_KINDS if regular else _NEW_KINDS).draw(random), random)
