"""What the simulation must know of a member's account so that it redeems only what is there.

It never says more than the real account would: tiers' multipliers and points given as remedies are left out, and a
refund takes half as much again as it would.
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
"""How often a member who arrives with enough points spends some."""
_NEVER = 1 << 62


class Account:
    """A member's points, as far as the simulation counts them.

    Attributes:
        lots: What can be spent: from when, until when (seconds since 1970), and how much.
        owed: What refunds took beyond the lots.
    """

    __slots__ = ("_evaluated", "_expired", "lots", "owed")

    def __init__(self) -> None:
        self.lots: list[tuple[int, int, int]] = []
        self.owed = 0
        self._expired = 0
        self._evaluated = 0

    def earn(self, diary: Diary, guest: Guest, amount: Money, category: str, *, at: int, recorded: int) -> None:
        """Count what a purchase earns, and note when that falls due to expire and the tier to be looked at."""
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
            # A year and a month on, this month has left the window, and the tier may go with it.
            self._evaluated = at + 31 * DAY
            diary.write(guest, EvaluateTier, at + 396 * DAY, "agenda", customer=guest.id)

    def give_back(self, diary: Diary, amount: Money, category: str) -> None:
        """Count what a refund takes, the newest points first."""
        points, _ = diary.policy.programme.terms.earned(amount.amount, amount.currency, category, None)
        self.owed += self._take(points + points // 2 + 2, reverse=True)

    def available(self, at: int) -> int:
        """What can be spent at a time, at least."""
        self.lots = [lot for lot in self.lots if lot[1] > at and lot[2]]
        return max(0, sum(points for since, _, points in self.lots if since < at) - self.owed)

    def spend(self, points: int) -> None:
        """Count a redemption, the oldest points first."""
        self._take(points)

    def _take(self, points: int, *, reverse: bool = False) -> int:
        """Take points from the lots; what they could not give."""
        lots = self.lots[::-1] if reverse else self.lots
        for place, (since, until, has) in enumerate(lots):
            taken = min(points, has)
            lots[place] = (since, until, has - taken)
            points -= taken
        self.lots = lots[::-1] if reverse else lots
        return points


def enrol(diary: Diary, guest: Guest, at: int) -> None:
    """The guest joins the programme."""
    guest.account = Account()
    diary.write(guest, EnrolMember, at, "front desk", customer=guest.id, programme=diary.policy.programme.id)


def redeem(diary: Diary, guest: Guest, at: int, random: Random) -> None:
    """A member who has enough points may spend some."""
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
    """A mistake: more points than any account has, or a guest who has none."""
    _redeem(diary, guest, at, 10**9, "free night", mistake="redemption_beyond_balance")


def _redeem(diary: Diary, guest: Guest, at: int, points: int, reward: str, *, mistake: str = "") -> None:
    diary.write(
        guest, RedeemPoints, at, "front desk", mistake=mistake,
        customer=guest.id, redemption=f"d{guest.number}-{guest.written}", points=points, reward=reward,
    )  # fmt: skip
