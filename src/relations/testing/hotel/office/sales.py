"""The opportunities of the hotel group: conferences, weddings and crews of airlines, and the contracts they lead to.

They belong to companies of their own and need no random numbers, so all other commands stay as they are.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zlib import crc32

from relations.aggregates.opportunity import (
    AdvanceOpportunity,
    LoseOpportunity,
    OpenOpportunity,
    OpportunityCommand,
    QuoteOpportunity,
    RenewContract,
    WinOpportunity,
)
from relations.messages import Money
from relations.testing.hotel.diary import DAY, HOUR, Diary
from relations.testing.hotel.office.staff import STAFF

__all__ = ["pursue_opportunities"]

_EVERY_DAYS = 17
_WHAT = (("conference", 24_000), ("wedding", 9_000), ("crew rooms", 60_000), ("staff party", 4_500))
"""What companies ask for, and its usual value in euros."""
_REASONS = ("price", "price", "date taken", "no decision")
_WON_OF_TEN = 4
_UNDECIDED_OF_TEN = 1
_COMPANIES = 9
_YEAR = 365


def pursue_opportunities(diary: Diary) -> None:
    """Write the opportunities of a history into its diary, one about every two weeks.

    Args:
        diary: The diary.
    """
    for number, day in enumerate(range(12, diary.days, _EVERY_DAYS), start=1):
        _Pursued(diary, number, day).write()


class _Pursued:
    """One opportunity while it is being written."""

    def __init__(self, diary: Diary, number: int, day: int) -> None:
        self.diary = diary
        self.id = f"deal-{number}"
        self.day = day
        self.draw = crc32(f"{diary.prefix}{self.id}".encode())
        self.what, euros = _WHAT[self.draw % len(_WHAT)]
        self.value = Money(100 * (euros + euros * (self.draw % 41 - 20) // 100), diary.policy.currency)
        self.written = 0

    def write(self) -> None:
        """Write its opening, its quote, and the decision."""
        draw = self.draw
        self.record(
            self.day, OpenOpportunity, customer=f"company-{draw // 7 % _COMPANIES + 1}", what=self.what,
            value=self.value, owner=STAFF[draw // 11 % len(STAFF)], expected_on=self.date(self.day + 45),
        )  # fmt: skip
        self.record(self.day + 6, AdvanceOpportunity, stage="qualified")
        self.record(self.day + 14, QuoteOpportunity, quote="1", amount=self.value, valid_until=self.date(self.day + 60))
        self.record(self.day + 14, AdvanceOpportunity, stage="quoted")
        luck, decided = draw // 13 % 10, self.day + 25 + draw // 17 % 30
        if luck < _WON_OF_TEN:
            self.win(decided)
        elif luck < 10 - _UNDECIDED_OF_TEN:
            self.lose(decided)

    def win(self, day: int) -> None:
        """Sign a contract; crews stay for a year, and some of them for another."""
        is_long = self.what == "crew rooms"
        ends = day + 10 + (_YEAR if is_long else 3)
        self.record(
            day, WinOpportunity, contract=f"contract-{self.id}", amount=self.value, starts=self.date(day + 10),
            ends=self.date(ends),
        )  # fmt: skip
        if is_long and self.draw // 19 % 2:
            self.record(ends - 20, RenewContract, ends=self.date(ends + _YEAR))

    def lose(self, day: int) -> None:
        """Lose it, sometimes to a rival with a lower price."""
        reason = _REASONS[self.draw // 23 % len(_REASONS)]
        rival = price = None
        if reason == "price":
            rival, price = "grand-hotel", Money(self.value.amount * 88 // 100, self.value.currency)
        self.record(day, LoseOpportunity, reason=reason, rival=rival, price=price)

    def date(self, day: int) -> date:
        """Return a day of the history."""
        return self.diary.first + timedelta(days=day)

    def record(self, day: int, kind: type[OpportunityCommand], /, **fields: object) -> None:
        """Write a command for the morning of a day."""
        self.written += 1
        at = self.diary.start + day * DAY + 9 * HOUR + self.written * 60
        command = kind(
            occurred_at=datetime.fromtimestamp(at, UTC),
            command_id=f"{self.diary.prefix}{self.id}:{self.written}",
            actor="sales",
            opportunity=self.id,
            **fields,
        )
        self.diary.record(command, at)
