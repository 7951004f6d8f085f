"""The terminal pages of ties: the ladder, handovers and files, and the ties with one customer."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType

from relations.cli.show import ABSENT, bar, headline, number, percent, section, table, words
from relations.projections.ties import FileStanding, Handover, LadderRung, Tie

__all__ = ["show_handovers", "show_ladder", "show_tie"]


def show_ladder(
    ladder: list[LadderRung], handovers: list[Handover], files: list[FileStanding]
) -> Iterator[RenderableType]:
    """Yield the parts of the page about all customers.

    Args:
        ladder: The rungs, the loosest first.
        handovers: The open handovers.
        files: The files that lack most.
    """
    yield headline("Ties", "the ladder, from loose to strategic")
    most = max((rung.customers for rung in ladder), default=0)
    made = table("Rung", "Customers", "Stated", "", right=(1, 2))
    for rung in reversed(ladder):
        share = rung.customers / most if most else None
        made.add_row(rung.rung.replace("_", " "), number(rung.customers), number(rung.stated), bar(share, 20))
    yield section(made)
    if handovers:
        yield from show_handovers(handovers)
    if files:
        made = table("File", "Complete", "Missing", "Days old", right=(1, 3), title="Files that lack most", grow=2)
        for each in files:
            days = ABSENT if each.days is None else number(each.days)
            made.add_row(each.customer, percent(each.share), ", ".join(each.missing), days)
        yield section(made)


def show_handovers(found: list[Handover]) -> Iterator[RenderableType]:
    """Yield each handover with what must not be lost.

    Args:
        found: The handovers, in the order of the lines.
    """
    if not found:
        yield section(words("No customer waits to be taken over."))
        return
    made = table("Customer", "From", "To", "Since", "Must not be lost", title="Handovers", grow=4)
    for each in found:
        made.add_row(each.customer, each.previous, each.owner, f"{each.since:%Y-%m-%d}", _kept(each))
    yield section(made, words("Record AcceptHandover when the new owner has taken over."))


def _kept(found: Handover) -> str:
    parts = [f"open cases: {', '.join(found.open_cases)}"] if found.open_cases else []
    parts += [f"{item.kind.replace('_', ' ')} by {item.due_at:%Y-%m-%d}" for item in found.promises]
    parts += [f"{item.detail} from {item.due_at:%Y-%m-%d}" for item in found.plan_steps[:3]]
    parts += [f"taboos: {', '.join(found.taboos)}"] if found.taboos else []
    parts += [f"preferences: {', '.join(found.preferences)}"] if found.preferences else []
    return "; ".join(parts) or "nothing is open"


def show_tie(found: Tie) -> Iterator[RenderableType]:
    """Yield the parts of one customer's page.

    Args:
        found: The ties.
    """
    rung = ABSENT if found.rung is None else found.rung.replace("_", " ") + (" (stated)" if found.stated else "")
    yield headline(f"Ties with {found.customer}", f"{found.kind}, rung: {rung}")
    cost, owner = found.switching_cost, found.owner
    made = table("Switching cost", "", right=(1,))
    made.add_row("Points", ABSENT if cost.points is None else number(cost.points))
    made.add_row("Tier", cost.tier or ABSENT)
    made.add_row("Clubs", ", ".join(cost.clubs) or ABSENT)
    made.add_row("Rewards to use", number(cost.coupons))
    made.add_row("Years as a customer", f"{cost.years:.1f}")
    made.add_row("Owner", ABSENT if owner is None else owner.owner)
    made.add_row("Years with this owner", ABSENT if cost.owner_years is None else f"{cost.owner_years:.1f}")
    made.add_row("Preferences known", number(cost.preferences))
    until = "" if cost.contracts_until is None else f" until {cost.contracts_until}"
    made.add_row("Contracts", number(cost.contracts) + until)
    yield section(made)
    if found.contacts:
        made = table("Contact", "Level", "Role")
        for each in found.contacts:
            made.add_row(each.contact, each.level, each.role or ABSENT)
        yield section(made)
