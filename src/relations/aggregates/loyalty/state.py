"""A member's account: one ledger a programme."""

from __future__ import annotations

import msgspec
from immutables import Map

from relations.aggregates.loyalty.events.merges import AccountReceived
from relations.aggregates.loyalty.lots import Coupon, Earning, Invited, Lot, Redemption, TierStanding

__all__ = ["NEVER", "Account", "Dealings", "Ledger", "Received", "standing_of"]

NEVER = 2**62
"""A moment that never comes."""


class Received(msgspec.Struct, frozen=True, gc=False):
    """What came with a merge, and what the ledger was before it."""

    source: str
    event: AccountReceived
    before: Ledger


class Dealings(msgspec.Struct, frozen=True, gc=False):
    """What changes seldom in a ledger.

    Attributes:
        done: What ids were used for: `transfer/t1`, `adjustment/a1` and so on, with what they said.
        coupons: Every reward issued, by coupon.
        clubs: The clubs that the member is in.
        referrals: Recommendations made: whom, by id.
        rewarded: How many of them were rewarded, and not for nothing.
        invited: Who recommended the programme to this customer.
        received: What came with merges, by merge.
        released: The merge that took everything elsewhere; None where nothing did.
        due_at: When the first of the coupons expires.
    """

    done: Map[str, str] = Map()
    coupons: Map[str, Coupon] = Map()
    clubs: tuple[str, ...] = ()
    referrals: Map[str, str] = Map()
    rewarded: int = 0
    invited: Invited | None = None
    received: Map[str, Received] = Map()
    released: str | None = None
    due_at: int = NEVER


class Ledger(msgspec.Struct, frozen=True, gc=False):
    """What a customer has in one programme.

    Attributes:
        programme: Which.
        enrolled_at: Since when, UTC microseconds; None is not a member.
        lots: Lots with points left, by id.
        earnings: Every lot that ever was, by id.
        redemptions: Every redemption, by id.
        months: What qualifies for tiers, by unit and month (see `counted_as`), less what refunds took back.
        qualified: The sum of `months` over all units; no window holds more.
        month: The latest month that any event spoke of: late arrivals are held against it, not against their own.
        tier: The present one.
        tier_since: Since when, UTC microseconds.
        tier_month: The last month of the window that it was earned in.
        reviewed: When it was last reviewed or reached.
        warned: The moment of the loss that was warned of last.
        grace_until: Until when it is kept though it is no longer earned.
        debt: Points owed.
        missed: All that refunds ever found missing, as if it were a clock: what was missing later was spent before.
        shortfall: What is left of that, neither owed nor set against what came back.
        missed_before: `missed` when redemptions were made, by id, where it was not 0.
        lapses_at: When lots that expire with inactivity do.
        idle_months: After how many months of inactivity that is; 0 where it was not recorded.
        redeemed_at: When redemptions and rewards were made, by id, UTC microseconds; of those recorded before they said
            so, only where it put that off.
        closed_at: When the account was closed; None is open.
        dealings: What changes seldom.
        due_at: When the first of the lots becomes active or expires, but for the account's inactivity.
    """

    programme: str = "main"
    enrolled_at: int | None = None
    lots: Map[str, Lot] = Map()
    earnings: Map[str, Earning] = Map()
    redemptions: Map[str, Redemption] = Map()
    months: Map[str, int] = Map()
    qualified: int = 0
    month: str = ""
    tier: str | None = None
    tier_since: int = 0
    tier_month: str = ""
    reviewed: int = 0
    warned: int | None = None
    grace_until: int | None = None
    debt: int = 0
    lapses_at: int | None = None
    idle_months: int = 0
    redeemed_at: Map[str, int] = Map()
    closed_at: int | None = None
    dealings: Dealings = Dealings()
    due_at: int = NEVER
    missed: int = 0
    shortfall: int = 0
    missed_before: Map[str, int] = Map()

    @property
    def balance(self) -> int:
        """Points in lots, pending ones included, less points owed."""
        return sum(lot.points for lot in self.lots.values()) - self.debt

    @property
    def pending(self) -> int:
        """Points that cannot be spent yet."""
        return sum(lot.points for lot in self.lots.values() if lot.pending)


class Account(msgspec.Struct, frozen=True, gc=False):
    """A customer's ledgers in all programmes, in the order of joining; that of one who is no member is empty.

    Attributes:
        ledgers: One a programme.
        merged_into: The customer whose account has it all now.
    """

    ledgers: tuple[Ledger, ...] = ()
    merged_into: str | None = None

    def ledger(self, programme: str | None = None) -> Ledger:
        """The ledger in a programme; in the one joined first if none is named. An empty one where there is none.

        A recommendation alone makes a ledger and no member: who has joined anything is asked about that.
        """
        for ledger in self.ledgers:
            if ledger.programme == programme or (programme is None and ledger.enrolled_at is not None):
                return ledger
        if programme is None:
            return self.ledgers[0] if self.ledgers else _EMPTY
        return Ledger(programme)

    # Most businesses have one programme, and most questions are about it.

    @property
    def enrolled_at(self) -> int | None:
        """Since when the customer is a member of the programme joined first."""
        return self.ledger().enrolled_at

    @property
    def lots(self) -> Map[str, Lot]:
        """Lots with points left in the programme joined first."""
        return self.ledger().lots

    @property
    def earnings(self) -> Map[str, Earning]:
        """Every lot that ever was in the programme joined first."""
        return self.ledger().earnings

    @property
    def redemptions(self) -> Map[str, Redemption]:
        """Every redemption in the programme joined first."""
        return self.ledger().redemptions

    @property
    def months(self) -> Map[str, int]:
        """What qualifies, by month, in the programme joined first."""
        return self.ledger().months

    @property
    def qualified(self) -> int:
        """All that ever qualified in the programme joined first."""
        return self.ledger().qualified

    @property
    def month(self) -> str:
        """The latest month that any event of the programme joined first spoke of."""
        return self.ledger().month

    @property
    def tier(self) -> str | None:
        """The present tier in the programme joined first."""
        return self.ledger().tier

    @property
    def debt(self) -> int:
        """Points owed in the programme joined first."""
        return self.ledger().debt

    @property
    def balance(self) -> int:
        """Points in lots, less points owed, in the programme joined first."""
        return self.ledger().balance


_EMPTY = Ledger()


def standing_of(ledger: Ledger) -> TierStanding:
    """What a ledger's tier rests on."""
    return TierStanding(ledger.tier_since, ledger.tier_month, ledger.reviewed, ledger.warned, ledger.grace_until)
