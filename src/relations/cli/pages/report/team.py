"""The terminal pages of the team: its figures, trainings and tenure, one training's effect, and who fits a customer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from rich.console import RenderableType

from relations.cli.pages.who import lists
from relations.cli.show import ABSENT, counted, headline, local_minute, number, percent, section, table, words
from relations.projections.team import (
    EffectShare,
    StaffFit,
    StaffProfile,
    TeamFigure,
    TenureFigure,
    TrainingEffect,
    TrainingNeed,
)
from relations.projections.team.view import TeamView

__all__ = ["show_effect", "show_fits", "show_team"]

_HOUR = timedelta(hours=1)


def show_team(
    members: Sequence[StaffProfile],
    figures: Sequence[TeamFigure],
    needs: Sequence[TrainingNeed],
    tenure: Sequence[TenureFigure],
    *,
    by: str,
    limit: int,
    zone: str,
) -> Iterator[RenderableType]:
    """Yield the parts of the page of the whole team.

    Args:
        members: The staff members who are there.
        figures: The figures by staff or department.
        needs: The causes and themes with their trainings.
        tenure: The loyalty of customers by tenure.
        by: `staff` or `department`.
        limit: The most lines of each table.
        zone: The time zone of times.
    """
    yield headline("Team", f"{counted(len(members), 'staff member')}, by {by}")
    if not figures:
        yield section(words("Nobody has a case, a step of care or a contact yet."))
    else:
        made = table(
            by.capitalize(), "Cases", "Open", "Resolved", "Answer", "On time", "Reopened", "Score", "Care kept",
            "Contacts", right=tuple(range(1, 10)), grow=0,
        )  # fmt: skip
        for each in figures[:limit]:
            score = (
                "too few" if each.suppressed else ABSENT if each.satisfaction is None else f"{each.satisfaction:.2f}"
            )
            made.add_row(
                each.name or "nobody", number(each.cases), number(each.open), number(each.resolved),
                _wait(each.first_answer), percent(each.on_time), percent(each.reopened_share), score,
                percent(each.care_kept), number(each.contacts),
            )  # fmt: skip
        yield section(made)
    if needs:
        listed = table(
            "Cause or theme", "Complaints", "Low answers", "Trained", "Planned", "Last", "Since", right=(1, 2, 3, 4, 6),
            grow=0,
        )  # fmt: skip
        for need in needs[:limit]:
            last = ABSENT if need.last_at is None else local_minute(need.last_at, zone)[:10]
            listed.add_row(
                need.about, number(need.cases), number(need.low), f"{need.trained} of {need.staff}",
                number(need.planned), last, number(need.since),
            )  # fmt: skip
        yield section(words("Trainings, the most complaints and low answers since the last one first"), listed)
    if tenure:
        groups = table("Tenure", "Staff", "Customers", "Loyal", "Share", "95 %", right=(1, 2, 3, 4))
        for group in tenure:
            ends = "" if group.interval is None else f"{percent(group.interval.low)} to {percent(group.interval.high)}"
            groups.add_row(
                _tenure(group), number(group.staff), number(group.customers), number(group.loyal),
                percent(group.share), ends,
            )  # fmt: skip
        who = lists(TeamView, "tenure", f"from_months={tenure[0].from_months}")
        yield section(words("Loyal customers by the tenure of those who look after them"), groups, who)


def show_effect(effect: TrainingEffect) -> Iterator[RenderableType]:
    """Yield the parts of the page of one training.

    Args:
        effect: The cases before and after it.
    """
    staff = counted(effect.staff, "staff member")
    yield headline(f"Training {effect.training}", f"{staff}, {effect.days} days before and after")
    made = table("Share", "Before", "After", "Change", "", right=(1, 2, 3))
    for name, each in (
        ("first answers on time", effect.on_time),
        ("cases reopened", effect.reopened),
        ("satisfied afterwards", effect.satisfied),
    ):
        made.add_row(name, *_change(each))
    yield section(made)
    yield words("There is no control group, so this shows a change, not its cause.")


def _change(each: EffectShare) -> tuple[str, str, str, str]:
    if each.suppressed:
        return "too few", "too few", "", ""
    before = ABSENT if not each.before_of else f"{percent(each.before / each.before_of)} of {each.before_of}"
    after = ABSENT if not each.after_of else f"{percent(each.after / each.after_of)} of {each.after_of}"
    if each.difference is None or each.low is None or each.high is None:
        return before, after, "", ""
    sure = "may be chance" if each.low <= 0 <= each.high else "hardly chance"
    change = f"{100 * each.difference:+.0f} pt ({100 * each.low:+.0f} to {100 * each.high:+.0f})"
    return before, after, change, sure


def show_fits(customer: str, fits: Sequence[StaffFit]) -> Iterator[RenderableType]:
    """Yield the staff members who fit a customer, one a line.

    Args:
        customer: The customer's id.
        fits: The staff members, the best fit first.
    """
    yield headline(f"Who fits {customer}", "by language, interests and earlier contact")
    if not fits:
        yield section(words("Nobody is there."))
        return
    made = table("Staff", "Role", "Department", "Speaks", "In common", "Contacts", right=(5,), grow=4)
    for each in fits:
        made.add_row(
            each.staff, each.role, each.department or ABSENT, each.language or ABSENT,
            ", ".join(each.shared) or ABSENT, number(each.contacts),
        )  # fmt: skip
    yield section(made)


def _wait(found: timedelta | None) -> str:
    return ABSENT if found is None else f"{found / _HOUR:.1f} h"


def _tenure(group: TenureFigure) -> str:
    if group.until_months is None:
        return f"{group.from_months // 12} years or more"
    return (
        f"under {group.until_months // 12} years"
        if not group.from_months
        else (f"{group.from_months // 12} to {group.until_months // 12} years")
    )
