"""The state of a member's account: one ledger for each programme."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from relations.aggregates.loyalty.events.merges import AccountReceived
from relations.aggregates.loyalty.lots import Earning, LedgerContents, Lot, Redemption, TierStanding
from relations.aggregates.maps import EMPTY

__all__ = ["NEVER", "Account", "Ledger", "Received", "standing_of"]

NEVER = 2**62
"""A time later than any other, UTC microseconds."""


class Received(msgspec.Struct, frozen=True, gc=False):
    """The account that came with a merge, and this ledger as it was before the merge."""

    source: str
    event: AccountReceived
    before: Ledger


class Ledger(LedgerContents, frozen=True, gc=False, kw_only=True):
    """A customer's ledger in one programme: its contents, and what only this account needs to know.

    Attributes:
        programme: The programme's id.
        qualified: The sum of `months` over all units. No window holds more.
        done: Ids used so far, such as `transfer/t1` and `adjustment/a1`, with the content they were used for.
        received: Accounts that came with merges, by merge.
        released: The merge that took everything to another account; None if there was none.
        due_at: When the first lot becomes active or expires, apart from the account's inactivity.
        rewards_due_at: When the first reward expires.
    """

    programme: str = "main"
    qualified: int = 0
    done: Mapping[str, str] = EMPTY
    received: Mapping[str, Received] = EMPTY
    released: str | None = None
    due_at: int = NEVER
    rewards_due_at: int = NEVER

    @property
    def pending(self) -> int:
        """Points that cannot be spent yet."""
        return sum(lot.points for lot in self.lots.values() if lot.pending)


class Account(msgspec.Struct, frozen=True, gc=False):
    """A customer's ledgers in all programmes, in the order of joining. A customer who never joined has none.

    Attributes:
        ledgers: One for each programme.
        merged_into: The customer whose account holds everything after a merge; None if not merged.
    """

    ledgers: tuple[Ledger, ...] = ()
    merged_into: str | None = None

    def ledger(self, programme: str | None = None) -> Ledger:
        """Return the ledger of a programme, or of the one joined first; an empty ledger if the customer has neither.

        A referral alone creates a ledger without a membership. Without a programme, such a ledger is skipped
        where the customer has joined another programme.
        """
        for ledger in self.ledgers:
            if ledger.programme == programme or (programme is None and ledger.enrolled_at is not None):
                return ledger
        if programme is None:
            return self.ledgers[0] if self.ledgers else _EMPTY
        return Ledger(programme=programme)

    # Most businesses have one programme, so the properties below read the ledger that was joined first.

    @property
    def enrolled_at(self) -> int | None:
        """The time at which the customer joined their first programme, UTC microseconds."""
        return self.ledger().enrolled_at

    @property
    def lots(self) -> Mapping[str, Lot]:
        """Lots with points left in the programme joined first."""
        return self.ledger().lots

    @property
    def earnings(self) -> Mapping[str, Earning]:
        """Every lot ever credited in the programme joined first."""
        return self.ledger().earnings

    @property
    def redemptions(self) -> Mapping[str, Redemption]:
        """Every redemption in the programme joined first."""
        return self.ledger().redemptions

    @property
    def months(self) -> Mapping[str, int]:
        """The amounts that qualify for tiers in the programme joined first, by month."""
        return self.ledger().months

    @property
    def qualified(self) -> int:
        """The sum of all that qualifies in the programme joined first."""
        return self.ledger().qualified

    @property
    def month(self) -> str:
        """The latest month that any event of the programme joined first named."""
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


def standing_of(ledger: LedgerContents) -> TierStanding:
    """Return when a ledger's tier was earned, reviewed and warned of."""
    return TierStanding(ledger.tier_since, ledger.tier_month, ledger.reviewed, ledger.warned, ledger.grace_until)
