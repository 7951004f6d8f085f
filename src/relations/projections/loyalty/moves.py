"""Moving points into and out of the lots of the loyalty view, counted on their day."""

from __future__ import annotations

from relations.aggregates.loyalty import LotShare
from relations.messages import Envelope
from relations.projections.loyalty.rows import NEVER, AccountRow, LotRow, Movement
from relations.projections.projection import Rows

__all__ = ["earlier_month", "lapse", "move", "movement_of", "movement_of_day", "owe", "own_month", "qualify", "take"]


def earlier_month(own: str, other: str) -> str:
    """Return the earlier of two months of expiry."""
    if NEVER in (own, other):
        return own or other
    return min(own, other)


def own_month(rows: Rows, expires_at: int | None) -> str:
    """Return the last month in which a lot can be spent. It cannot be spent at the instant of its expiry."""
    return NEVER if expires_at is None else rows.local.month(expires_at - 1)


def movement_of(rows: Rows, programme: str, day: int, month: str) -> Movement:
    """Return the row that counts the moves of a day, of lots that expire in a month."""
    return rows.need(Movement, programme, day, month)


def movement_of_day(rows: Rows, programme: str, at: Envelope) -> Movement:
    """Return the row of a day that counts what concerns no lot."""
    return movement_of(rows, programme, rows.local.day(at.occurred_at), NEVER)


def move(rows: Rows, account: AccountRow, lot: LotRow, at: Envelope, points: int, *, not_before: int = 0) -> Movement:
    """Change what is left of a lot. Return the row in which to count the reason."""
    lot.points += points
    account.points += points
    month = own_month(rows, lot.expires_at)
    if lot.lapsing:
        left = account.lapsing.get(month, 0) + points
        if left:
            account.lapsing[month] = left
        else:
            account.lapsing.pop(month, None)
        month = earlier_month(month, own_month(rows, account.lapses_at))
    return movement_of(rows, account.programme, rows.local.day(max(at.occurred_at, lot.since, not_before)), month)


def take(rows: Rows, account: AccountRow, share: LotShare, at: Envelope) -> Movement:
    """Take points from a lot. Return the row in which to count the reason."""
    customer, programme, name = account.customer, account.programme, share.lot
    lot = rows.get(LotRow, customer, programme, name)
    if lot is None:
        # As of a moment before the lot came, when what takes from it arrived late: it takes nothing yet.
        return Movement(programme, 0, NEVER)
    found = move(rows, account, lot, at, -share.points)
    if not lot.points:
        rows.drop(LotRow, customer, programme, name)
    return found


def lapse(rows: Rows, account: AccountRow, at: Envelope, until: int | None) -> None:
    """Move lots that expire with inactivity to another month of expiry, if it changes."""
    before, after = own_month(rows, account.lapses_at), own_month(rows, until)
    account.lapses_at = until
    if before == after:
        return
    day = rows.local.day(at.occurred_at)
    for own, points in account.lapsing.items():
        left, gone = earlier_month(own, before), earlier_month(own, after)
        if left != gone:
            movement_of(rows, account.programme, day, left).shifted_out += points
            movement_of(rows, account.programme, day, gone).shifted_in += points


def qualify(account: AccountRow, month: str, points: int) -> None:
    """Change what counts towards the tier in a month."""
    left = account.months.get(month, 0) + points
    if left:
        account.months[month] = left
    else:
        account.months.pop(month, None)


def owe(rows: Rows, account: AccountRow, at: Envelope, points: int) -> None:
    """Change what the account owes."""
    if not points:
        return
    account.debt += points
    movement = movement_of_day(rows, account.programme, at)
    if points > 0:
        movement.owed += points
    else:
        movement.settled -= points
