"""The points of a simulated guest, as far as the simulation counts them."""

from __future__ import annotations

from relations.aggregates.loyalty import EvaluateTier, ExpirePoints
from relations.messages import Money
from relations.testing.hotel.diary import DAY, MINUTE, Author, Diary

__all__ = ["MemberPoints"]

_NEVER = 1 << 62


class MemberPoints:
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

    def earn(self, diary: Diary, guest: Author, amount: Money, category: str, *, at: int, recorded: int) -> None:
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
