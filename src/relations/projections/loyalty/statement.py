"""A member's statement: every movement in the account, its time, and the balance after it.

Nothing is stored: the entries are folded from the account's own events each time. So a statement is exact as of any
moment, and the view's tables do not grow with the log.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import ClassVar, Literal, TypeAlias

from pydantic import AwareDatetime

from relations.aggregates.loyalty import (
    AccountClosed,
    AccountReceived,
    AccountReleased,
    AccountRestored,
    AccountReturned,
    DebtIncurred,
    DebtRepaid,
    EarningRestored,
    EarningReversed,
    PointsAdjusted,
    PointsEarned,
    PointsExpired,
    PointsReceived,
    PointsRedeemed,
    PointsReleased,
    RedemptionReversed,
)
from relations.json_form import ViewAnswer
from relations.messages import Envelope, from_micros
from relations.projections.arguments import Page
from relations.projections.projection import CustomerRow, Projection, Rows

__all__ = ["ENTRIES", "EntryKind", "EntryRow", "Statement", "StatementEntry", "statement_of"]

EntryKind: TypeAlias = Literal[
    "earned",
    "redeemed",
    "restored",
    "expired",
    "reversed",
    "debt",
    "repaid",
    "sent",
    "received",
    "adjusted",
    "forfeited",
]


class EntryRow(CustomerRow, gc=False):
    """An entry, as it is folded.

    Attributes:
        programme: Whose ledger it is in.
        position: Its event's place in the log.
        at: When it happened, UTC microseconds.
        kind: What it is.
        points: By how much the points in lots changed.
        debt: By how much the points owed changed.
        about: The lot, redemption, refund, transfer, adjustment or merge.
        reason: Why, where the event says so.
        by: The author of an adjustment, or the other member.
    """

    table: ClassVar[str] = "entries"
    key: ClassVar[tuple[str, ...]] = ("customer", "programme", "position")
    programme: str
    position: int
    at: int = 0
    kind: EntryKind = "earned"
    points: int = 0
    debt: int = 0
    about: str = ""
    reason: str | None = None
    by: str | None = None


class HomeRow(CustomerRow, kw_only=True):
    """The place of a customer's account.

    Attributes:
        into: The customer whose account holds it after a merge; None for an account of its own.
    """

    table: ClassVar[str] = "loyalty_home"

    into: str | None = None


ENTRIES = Projection(name="statement", version=3, tables=(EntryRow,))
"""Folded in memory, for one customer; it has no tables in the database."""

HOMES = Projection(name="homes", version=1, tables=(HomeRow,))
"""Into which account another one is merged: folded for one customer as of a moment, and never stored."""


def _enter(
    rows: Rows,
    programme: str,
    at: Envelope,
    kind: EntryKind,
    points: int,
    debt: int = 0,
    about: str = "",
    reason: str | None = None,
    by: str | None = None,
) -> None:
    if points or debt:
        customer, position = at.customer, at.position
        rows.tables[EntryRow][customer, programme, position] = EntryRow(
            customer, programme, position, at.occurred_at, kind, points, debt, about, reason, by
        )


@ENTRIES.on(PointsEarned)
def earned(rows: Rows, event: PointsEarned, at: Envelope) -> None:
    """Enter a credit."""
    _enter(rows, event.programme, at, "earned", event.points, 0, event.lot, event.reason)


@ENTRIES.on(PointsRedeemed)
def redeemed(rows: Rows, event: PointsRedeemed, at: Envelope) -> None:
    """Enter a redemption."""
    _enter(rows, event.programme, at, "redeemed", -event.points, 0, event.redemption, event.reward)


@ENTRIES.on(RedemptionReversed)
def restored(rows: Rows, event: RedemptionReversed, at: Envelope) -> None:
    """Enter points of a reversed redemption."""
    _enter(rows, event.programme, at, "restored", event.points, 0, event.redemption, event.reward)


@ENTRIES.on(PointsExpired)
def expired(rows: Rows, event: PointsExpired, at: Envelope) -> None:
    """Enter an expiry."""
    about = event.lots[0].lot if len(event.lots) == 1 else f"{len(event.lots)} lots"
    _enter(rows, event.programme, at, "expired", -event.points, 0, about)


@ENTRIES.on(EarningReversed)
def reversed_(rows: Rows, event: EarningReversed, at: Envelope) -> None:
    """Enter points that a refund took back."""
    _enter(rows, event.programme, at, "reversed", -event.points, 0, event.refund, f"refund of {event.purchase}")


@ENTRIES.on(EarningRestored)
def given_back(rows: Rows, event: EarningRestored, envelope: Envelope) -> None:
    """Enter the points that came back because a refund was reversed."""
    about = f"refund of {event.purchase} reversed"
    _enter(rows, event.programme, envelope, "restored", event.points, -event.debt, event.refund, about)


@ENTRIES.on(DebtIncurred)
def owed(rows: Rows, event: DebtIncurred, at: Envelope) -> None:
    """Enter a debt."""
    _enter(rows, event.programme, at, "debt", 0, event.points, event.redemption or event.refund)


@ENTRIES.on(DebtRepaid)
def repaid(rows: Rows, event: DebtRepaid, at: Envelope) -> None:
    """Enter a repayment; the balance stays the same."""
    _enter(rows, event.programme, at, "repaid", -event.points, -event.points, event.lot)


@ENTRIES.on(PointsReleased)
def sent(rows: Rows, event: PointsReleased, at: Envelope) -> None:
    """Enter points sent to another member."""
    _enter(rows, event.programme, at, "sent", -event.points, 0, event.transfer, "transfer", event.to)


@ENTRIES.on(PointsReceived)
def received(rows: Rows, event: PointsReceived, at: Envelope) -> None:
    """Enter points received from another member."""
    _enter(rows, event.programme, at, "received", event.points, 0, event.transfer, "transfer", event.source)


@ENTRIES.on(PointsAdjusted)
def adjusted(rows: Rows, event: PointsAdjusted, at: Envelope) -> None:
    """Enter an adjustment."""
    _enter(rows, event.programme, at, "adjusted", event.points, 0, event.adjustment, event.reason, event.author)


@ENTRIES.on(AccountClosed)
def forfeited(rows: Rows, event: AccountClosed, at: Envelope) -> None:
    """Enter points forfeited with the account."""
    _enter(rows, event.programme, at, "forfeited", -event.points, -event.debt, "", event.reason)


@ENTRIES.on(AccountReleased)
def released(rows: Rows, event: AccountReleased, at: Envelope) -> None:
    """Enter everything that went to another account of the same person."""
    debt = event.holdings.debt
    _enter(rows, event.programme, at, "sent", -event.holdings.balance - debt, -debt, event.merge, "merge", event.into)


@ENTRIES.on(AccountReceived, AccountRestored)
def taken_in(rows: Rows, event: AccountReceived | AccountRestored, at: Envelope) -> None:
    """Enter everything that came from another account of the same person, or came back."""
    debt = event.holdings.debt
    points = event.holdings.balance + debt
    _enter(rows, event.programme, at, "received", points, debt, event.merge, "merge", event.source)


@ENTRIES.on(AccountReturned)
def returned(rows: Rows, event: AccountReturned, at: Envelope) -> None:
    """Enter what went back with an unmerge."""
    points = sum(share.points for share in event.lots)
    _enter(rows, event.programme, at, "sent", -points, -event.holdings.debt, event.merge, "merge", event.to)


@HOMES.on(AccountReleased)
def left(rows: Rows, event: AccountReleased, at: Envelope) -> None:
    """Record the account that holds everything now."""
    rows.need(HomeRow, at.customer).into = event.into


@HOMES.on(AccountRestored)
def came_back(rows: Rows, _event: AccountRestored, at: Envelope) -> None:
    """Record that the account is separate again."""
    rows.need(HomeRow, at.customer).into = None


# --- what is asked --------------------------------------------------------------------------------------------------


class StatementEntry(ViewAnswer):
    """One line of a statement.

    Attributes:
        at: When it happened.
        position: Its event's place in the log.
        kind: What it is.
        points: By how much the points in lots changed.
        debt: By how much the points owed changed.
        balance: Points in lots less points owed, after it.
        about: The lot, redemption, refund, transfer, adjustment or merge.
        reason: Why, where that is known.
        by: The author of an adjustment, or the other member.
    """

    at: AwareDatetime
    position: int
    kind: EntryKind
    points: int
    debt: int
    balance: int
    about: str
    reason: str | None
    by: str | None


class Statement(ViewAnswer):
    """The movements in an account over a period. `opening + sum of entries = closing`, whichever page is shown.

    Attributes:
        customer: The member.
        programme: Whose ledger.
        since: The start of the period, inclusive; None is the beginning.
        until: The end of the period, exclusive; None is everything recorded.
        opening: The balance before the first entry of the period.
        closing: The balance after the last.
        count: How many entries the period has.
        totals: Their changes of the balance, by kind.
        entries: This page of the entries, by time; entries of one moment are in the order of recording.
    """

    customer: str
    programme: str
    since: AwareDatetime | None
    until: AwareDatetime | None
    opening: int
    closing: int
    count: int
    totals: dict[EntryKind, int]
    entries: tuple[StatementEntry, ...]


_TIME = attrgetter("at")


def statement_of(
    customer: str,
    programme: str,
    rows: Sequence[EntryRow],
    *,
    since: int | None = None,
    until: int | None = None,
    page: Page[int] = Page(),  # noqa: B008 - it cannot be changed
) -> Statement:
    """Return the statement of these entries.

    Args:
        customer: The member.
        programme: Whose ledger.
        rows: All entries of the account in this programme, in the order of recording.
        since: The period's first moment, UTC microseconds.
        until: The moment after its last one.
        page: The entries to return, by position.
    """
    opening = balance = 0
    totals: dict[EntryKind, int] = {}
    found: list[tuple[EntryRow, int]] = []
    for row in sorted(rows, key=_TIME):
        if until is not None and row.at >= until:
            break
        change = row.points - row.debt
        balance += change
        if since is not None and row.at < since:
            opening = balance
            continue
        totals[row.kind] = totals.get(row.kind, 0) + change
        found.append((row, balance))
    return Statement(
        customer=customer,
        programme=programme,
        since=None if since is None else from_micros(since),
        until=None if until is None else from_micros(until),
        opening=opening,
        closing=balance,
        count=len(found),
        totals=totals,
        entries=tuple(_entry(*entry) for entry in page.of_ranks(found, lambda entry: entry[0].position)),
    )


def without_first(statement: Statement, count: int) -> Statement:
    """Return a statement without the first entries of its page; balances and totals stay."""
    return statement.model_copy(update={"entries": statement.entries[count:]})


def _entry(row: EntryRow, balance: int) -> StatementEntry:
    return StatementEntry(
        at=from_micros(row.at),
        position=row.position,
        kind=row.kind,
        points=row.points,
        debt=row.debt,
        balance=balance,
        about=row.about,
        reason=row.reason,
        by=row.by,
    )
