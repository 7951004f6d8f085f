"""The terminal pages of care plans: contacts that are due, and steps that were done in time."""

from __future__ import annotations

from rich.console import Group, RenderableType

from relations.cli.pages.who import lists
from relations.cli.show import ABSENT, counted, headline, local_minute, number, percent, section, table, words
from relations.projections.care.profiles import DueContact, KeptFigure
from relations.projections.care.view import CareView

__all__ = ["show_due", "show_kept"]


def show_due(found: list[DueContact], zone: str) -> RenderableType:
    """Return the contacts that are due, one a line.

    Args:
        found: The contacts.
        zone: The business's time zone.
    """
    title = headline("Care", f"{counted(len(found), 'contact')} to make now")
    if not found:
        return Group(title, section(words("Nobody is to be contacted now.")))
    made = table("Customer", "What", "By", "Until", "Round and step", "Words", "Taboos", grow=5)
    for each in found:
        made.add_row(
            each.customer + (f"\n{each.name}" if each.name else ""),
            each.what.replace("_", " ") + (f"\n{counted(each.minutes, 'minute')}" if each.minutes else ""),
            each.channel.replace("_", " ") + (f"\n{each.address}" if each.address else ""),
            local_minute(each.until, zone),
            f"{each.round} {each.step}",
            each.text or ABSENT,
            "; ".join(each.taboos),
        )
    return Group(title, section(made))


def show_kept(figures: list[KeptFigure], plan: str | None = None) -> RenderableType:
    """Return the steps that were done, lapsed or skipped, by plan and kind.

    Args:
        figures: The figures.
        plan: The plan that was asked for, if only one was.
    """
    title = headline("Care", "steps of care plans that were done in time")
    if not figures:
        return Group(title, section(words(f"No step of {plan or 'a care plan'} is over yet.")))
    made = table("Plan", "What", "Done", "Lapsed", "Skipped", "Kept", grow=0)
    for each in figures:
        made.add_row(
            each.plan or "all",
            each.what.replace("_", " ") or "all",
            number(each.done),
            number(each.lapsed),
            number(each.skipped),
            ABSENT if each.kept is None else percent(each.kept),
        )
    return Group(title, section(made, lists(CareView, "kept", "outcome=lapsed")))
