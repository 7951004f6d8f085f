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
        lots: Points that can be spent: from when, until when (seconds since 1970), and how many.
        owed: Points that refunds took beyond the lots.
    """

    __slots__ = ("_evaluated", "_expired", "lots", "owed")

    def __init__(self) -> None:
        self.lots: list[tuple[int, int, int]] = []
        self.owed = 0
        self._expired = 0
        self._evaluated = 0

    def earn(self, diary: Diary, guest: Author, amount: Money, category: str, *, at: int, recorded: int) -> None:
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
