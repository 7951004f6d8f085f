"""The terminal pages of statements, of points owed to members, and of a programme's mistakes."""

from __future__ import annotations

from datetime import datetime

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from relations.cli.pages.policy import show_findings
from relations.cli.show import ABSENT, bar, counted, headline, local_minute, number, percent, section, table, words
from relations.policies.calendars import time_zone
from relations.policies.loyalty.check import ProgrammeReport
from relations.projections.loyalty.view import (
    BreakageReport,
    Liability,
    MemberAccount,
    Statement,
    TierProgress,
)

__all__ = ["show_check", "show_liability", "show_statement"]


def _day(at: datetime | None, zone: str) -> str:
    return ABSENT if at is None else f"{at.astimezone(time_zone(zone)):%Y-%m-%d}"


def _change(points: int) -> str:
    return f"{points:+,d}" if points else "0"


def show_statement(account: MemberAccount | None, statement: Statement, zone: str) -> RenderableType:
    """Yield a member's statement, and the state of the account."""
    title = headline(f"Statement of {statement.customer}", f"programme {statement.programme}")
    if account is None:
        return Group(title, section(words("There is no account in this programme.")))
    parts: list[RenderableType] = [title, section(_entries(statement, zone), *_shown(statement, zone))]
    parts.append(section(*_standing(account, zone)))
    if account.lots:
        parts.append(section(_lots(account, zone)))
    return Group(*parts)


def _entries(statement: Statement, zone: str) -> Table:
    made = table("When", "What", "", "Points", "Owed", "Balance", right=(3, 4, 5), grow=2)
    made.add_row(_day(statement.since, zone), Text("opening balance", "bold"), "", "", "", number(statement.opening))
    for entry in statement.entries:
        reason = None if entry.about.startswith(f"{entry.reason}/") else entry.reason
        about = " ".join(part for part in (reason, entry.about, f"by {entry.by}" if entry.by else "") if part)
        made.add_row(
            local_minute(entry.at, zone),
            entry.kind,
            about,
            _change(entry.points),
            _change(entry.debt) if entry.debt else "",
            number(entry.balance),
        )
    made.add_row("", Text("closing balance", "bold"), "", "", "", number(statement.closing))
    return made


def _shown(statement: Statement, zone: str) -> list[RenderableType]:
    lines = [words(f"{counted(statement.count, 'entry', 'entries')}. Times are in {zone}.")]
    if len(statement.entries) < statement.count:
        listed = counted(len(statement.entries), "of them is", "of them are")
        lines.append(words(f"{listed} shown; --limit shows more."))
    if statement.entries and len(statement.entries) < statement.count:
        lines.append(words(f"The page after this one: --after {statement.entries[-1].position}"))
    return list(lines)


def _standing(account: MemberAccount, zone: str) -> list[RenderableType]:
    lines = [
        Text(f"Balance {number(account.balance)}: {number(account.spendable)} can be spent.", "bold"),
    ]
    if account.pending:
        lines.append(words(f"{counted(account.pending, 'is', 'are')} pending."))
    if account.overdue:
        overdue = counted(account.overdue, "has", "have")
        lines.append(words(f"{overdue} expired, not recorded yet; run `relations run --advance-time`."))
    if account.debt:
        owed = counted(account.debt, "is owed and is", "are owed and are")
        lines.append(words(f"{owed} repaid first from new points."))
    if account.shortfall:
        lost = counted(account.shortfall, "is not owed, and", "are not owed, and")
        lines.append(words(f"{lost} could not be taken back after refunds."))
    if account.closed_at is not None:
        lines.append(words(f"The member left on {_day(account.closed_at, zone)}."))
    if account.tier is not None and account.tier.tier is not None:
        lines += _tier(account.tier, zone)
    return list(lines)


def _tier(tier: TierProgress, zone: str) -> list[Text]:
    lines = [Text(f"Tier {tier.tier} since {_day(tier.since, zone)}, on {number(tier.qualifying)} {tier.basis}.")]
    if tier.next_tier is not None:
        lines.append(words(f"{number(tier.missing)} more for {tier.next_tier}."))
    if tier.change_at is not None:
        what = {"warning": "a warning", "review": "a review", "grace_end": "the end of the grace"}[tier.change or ""]
        lines.append(words(f"If nothing more is earned: {what} on {_day(tier.change_at, zone)}."))
    return lines


def _lots(account: MemberAccount, zone: str) -> Table:
    made = table("Expires", "Points", "Lot", "", right=(1,), title="Open lots", grow=2)
    for lot in account.lots:
        state = f"pending until {_day(lot.active_from, zone)}" if lot.state == "pending" else lot.state
        when = "never" if lot.expires_at is None else local_minute(lot.expires_at, zone)
        made.add_row(when, number(lot.points), lot.lot, "" if lot.state == "active" else state)
    return made


def show_liability(owed: Liability, unused: BreakageReport, zone: str) -> RenderableType:
    """Yield the points in open lots by month of expiry, and the outcome of earlier points."""
    title = headline("Points liability", f"programme {owed.programme}, on the evening of {_day(owed.as_of, zone)}")
    made = table("Spendable through", "Points", "", "", right=(1,), grow=3)
    most = max((month.points for month in owed.months), default=0)
    for month in owed.months:
        state = "overdue" if month.overdue else ""
        made.add_row(month.month or "for ever", number(month.points), bar(month.points / most if most else None), state)
    made.add_row(Text("in all", "bold"), number(owed.points), "", "")
    lines: list[RenderableType] = [words(f"Members owe {counted(owed.debt, 'point')}.")] if owed.debt else []
    if any(month.overdue for month in owed.months):
        lines.append(
            words("Overdue points have expired, which is not recorded yet; run `relations run --advance-time`.")
        )
    if unused.rate is not None:
        lines.append(
            words(
                f"Of {counted(unused.issued, 'point')} whose months are over, "
                f"{counted(unused.expired, 'was', 'were')} never used: {percent(unused.rate, 1)}."
            )
        )
    return Group(title, section(made, *lines))


def show_check(report: ProgrammeReport) -> RenderableType:
    """Yield the mistakes in a programme's file."""
    names = ", ".join(programme.id for programme in report.programmes)
    return Group(headline("Programme check", names), *show_findings(report.findings))
