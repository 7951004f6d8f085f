"""A lower bound of a member's points, so that the simulation only redeems what is there.

It never counts more than the real account has: tier multipliers and points given as remedies are left out, and a refund
takes half as much again as in the real account.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from relations.aggregates.loyalty import EnrolMember, EvaluateTier, ExpirePoints, RedeemPoints
from relations.messages import Money
from relations.testing.hotel.diary import DAY, MINUTE, Diary

if TYPE_CHECKING:
    from relations.testing.hotel.guests import Guest

__all__ = ["Account", "enrol", "redeem"]

_REWARDS = (("free night", 20_000), ("room upgrade", 8_000), ("spa voucher", 5_000), ("bottle of wine", 2_500))
_REDEEMS = 0.35
"""The chance that a member who arrives with enough points spends some."""
_NEVER = 1 << 62


class Account:
    """A member's points, as far as the simulation counts them.

    Attributes:
        lots: Points that can be spent: from when, until when (seconds since 1970), and how many.
        owed: Points that refunds took beyond the lots.
    """

    __slots__ = ("_evaluated", "_expired", "lots", "owed")

    def __init__(self) -> None:
        self.lots: list[tuple[int, int, int]] = []
        self.owed = 0
        self._expired = 0
        self._evaluated = 0

    def earn(self, diary: Diary, guest: Guest, amount: Money, category: str, *, at: int, recorded: int) -> None:
        """Count the points of a purchase, and write the commands for their expiry and the review of the tier."""
        policy = diary.policy
        points, _ = policy.programme.terms.earned(amount.amount, amount.currency, category, None)
        if not points:
            return
        repaid = min(points, self.owed)
        self.owed -= repaid
        expires = policy.programme.expires_at(at * 1_000_000, policy.zone)
        until = _NEVER if expires is None else expires // 1_000_000
        self.lots.append((recorded, until, points - repaid))
        if until > self._expired and until != _NEVER:
            self._expired = until
            diary.write(guest, ExpirePoints, until + 5 * MINUTE, "agenda", customer=guest.id)
        if at > self._evaluated:
            # After a year and a month this month has left the window, and the tier may be lost.
            self._evaluated = at + 31 * DAY
            diary.write(guest, EvaluateTier, at + 396 * DAY, "agenda", customer=guest.id)

    def give_back(self, diary: Diary, amount: Money, category: str) -> None:
        """Count the points that a refund takes, the newest first."""
        points, _ = diary.policy.programme.terms.earned(amount.amount, amount.currency, category, None)
        self.owed += self._take(points + points // 2 + 2, reverse=True)

    def available(self, at: int) -> int:
        """Return the least number of points that can be spent at a time."""
        self.lots = [lot for lot in self.lots if lot[1] > at and lot[2]]
        return max(0, sum(points for since, _, points in self.lots if since < at) - self.owed)

    def spend(self, points: int) -> None:
        """Count a redemption, the oldest points first."""
        self._take(points)

    def _take(self, points: int, *, reverse: bool = False) -> int:
        """Take points from the lots, and return the shortfall."""
        lots = self.lots[::-1] if reverse else self.lots
        for place, (since, until, has) in enumerate(lots):
            taken = min(points, has)
            lots[place] = (since, until, has - taken)
            points -= taken
        self.lots = lots[::-1] if reverse else lots
        return points


def enrol(diary: Diary, guest: Guest, at: int) -> None:
    """Enrol the guest in the programme."""
    guest.account = Account()
    diary.write(guest, EnrolMember, at, "front desk", customer=guest.id, programme=diary.policy.programme.id)


def redeem(diary: Diary, guest: Guest, at: int, random: Random) -> None:
    """Perhaps let a member with enough points spend some."""
    account = guest.account
    if account is None or random.random() > _REDEEMS:
        return
    available = account.available(at)
    for reward, points in _REWARDS:
        if points <= available and random.random() < 0.6:
            account.spend(points)
            _redeem(diary, guest, at, points, reward)
            return


def redeem_too_much(diary: Diary, guest: Guest, at: int) -> None:
    """Write a mistake: a redemption of more points than any account has."""
    _redeem(diary, guest, at, 10**9, "free night", mistake="redemption_beyond_balance")


def _redeem(diary: Diary, guest: Guest, at: int, points: int, reward: str, *, mistake: str = "") -> None:
    diary.write(
        guest, RedeemPoints, at, "front desk", mistake=mistake,
        customer=guest.id, redemption=f"d{guest.number}-{guest.written}", points=points, reward=reward,
    )  # fmt: skip
