"""A visit as it was booked, with what it needs to be written down."""

from __future__ import annotations

from datetime import timedelta
from random import Random

from relations.aggregates.customer import RefundPurchase
from relations.messages import Money
from relations.testing.hotel.diary import DAY, HOUR, Diary
from relations.testing.hotel.guests import Guest, hotel_for

__all__ = ["Booking"]


class Booking:
    """A visit as it was booked: its time, place and guest, and the items bought.

    Attributes:
        purchases: For each purchase, its id, minor units, time of recording and category.
        refunded: True if something was refunded already; once is enough for a visit.
        content: How content the guest leaves: 0 is ordinary, 1 is much better.
        remind_at: The time of the reminder of the survey; None for no reminder.
    """

    def __init__(self, diary: Diary, guest: Guest, day: int, random: Random, side: Random) -> None:
        kind = guest.kind
        self.diary = diary
        self.guest = guest
        self.random = random
        self.side = side
        self.hotel = hotel_for(kind, random) if random.random() < kind.roams else guest.hotel
        self.key = f"{guest.number:06d}-{guest.visits}"
        self.booked = self.clock(day, 9, 22)
        self.arrival_day = self._arrival_day(day)
        self.nights = random.randint(*kind.nights)
        self.departure_day = self.arrival_day + self.nights
        self.arrival = max(self.clock(self.arrival_day, 14, 21), self.booked + HOUR)
        self.departure = max(self.clock(self.departure_day, 8, 11) if self.nights else 0, self.arrival + 2 * HOUR)
        self.channel = kind.channels.draw(random)
        self.purchases: list[tuple[str, int, int, str]] = []
        self.refunded = False
        self.remind_at: int | None = None
        self.content = guest.temper + self.hotel.quality + random.gauss(0, 0.85)

    def clock(self, day: int, earliest: int, latest: int) -> int:
        """Draw a moment of a day between two hours of the hotel's own clock."""
        hours = earliest + (latest - earliest) * self.random.random() - self.hotel.hours_east
        return self.diary.start + day * DAY + int(hours * HOUR)

    def _arrival_day(self, day: int) -> int:
        """Draw a day of arrival that suits the kind of guest and the hotel's season, soon after the booking."""
        random, kind, diary = self.random, self.guest.kind, self.diary
        arrival = day + int(kind.lead_days * random.random() ** 2)
        for _ in range(6):
            # Out of season most guests put it off by some weeks.
            busy = self.hotel.months[(diary.first + timedelta(days=arrival)).month - 1]
            if random.random() < max(1 - kind.seasonal, busy / 2):
                break
            arrival += random.randint(15, 40)
        weekday = (diary.first + timedelta(days=arrival)).weekday()
        for later in range(7):
            if random.random() < kind.weekdays[(weekday + later) % 7]:
                return arrival + later
        return arrival

    def refund(self, purchase: str, amount: int, at: int, reason: str, *, mistake: str = "") -> None:
        """Record a refund."""
        guest = self.guest
        self.refunded = True
        self.diary.write(
            guest, RefundPurchase, at, "accounts", mistake=mistake,
            customer=guest.id,
            refund=f"r{self.key}-{guest.written}",
            purchase=purchase,
            amount=Money(amount, self.hotel.currency),
            reason=reason,
        )  # fmt: skip
        if guest.account is not None and not mistake:
            category = next((bought[3] for bought in self.purchases if bought[0] == purchase), "")
            guest.account.give_back(self.diary, Money(amount, self.hotel.currency), category)
