"""The terminal pages of repair: clocks, causes, improvements, justice, satisfaction and emotional accounts."""

from __future__ import annotations

from datetime import datetime

import msgspec
from rich.console import Group, RenderableType

from relations.cli.pages.report.question import Question
from relations.cli.pages.report.repair import duration
from relations.cli.show import ABSENT, bar, counted, headline, local_minute, number, percent, section, table, words
from relations.past.questions import Questions
from relations.projections.repair.lessons import CausesBy
from relations.projections.repair.view import (
    BeforeAfter,
    CauseShare,
    ClockFigures,
    EmotionalBalance,
    Improvement,
    JusticeServed,
    RelationProfile,
)

__all__ = ["RelationPage", "RepairDetails", "read", "read_one", "show", "show_one"]

_CLOCKS = {
    "acknowledge": "First answer",
    "next_response": "Next answer",
    "resolve": "Resolution",
    "follow_up": "Customer asked",
}
_JUSTICE = {
    "distributive": "what they got",
    "procedural": "how it was decided",
    "interactional": "how they were treated",
}


class RepairDetails(msgspec.Struct, frozen=True):
    """Everything that the page shows."""

    clocks: list[ClockFigures]
    causes: list[CauseShare]
    improvements: list[Improvement]
    justice: list[JusticeServed]
    satisfaction: list[BeforeAfter]
    accounts: list[EmotionalBalance]


class RelationPage(msgspec.Struct, frozen=True):
    """One customer's relation."""

    relation: RelationProfile
    account: EmotionalBalance


def read(engine: Questions, question: Question, by: CausesBy) -> RepairDetails:
    """Read everything as of the moment asked about."""
    view, as_of = engine.views.repair, question.as_of
    return RepairDetails(
        clocks=view.clocks(as_of=as_of),
        causes=view.causes(as_of=as_of, by=by),
        improvements=view.improvements(as_of=as_of),
        justice=view.justice(as_of=as_of),
        satisfaction=view.satisfaction(as_of=as_of),
        accounts=view.accounts(as_of=as_of, limit=question.limit),
    )


def read_one(engine: Questions, customer: str, as_of: datetime) -> RelationPage:
    """One customer's relation and account."""
    view = engine.views.repair
    return RelationPage(view.relation(customer, as_of=as_of), view.account(customer, as_of=as_of))


def show(page: RepairDetails, question: Question, by: CausesBy) -> RenderableType:
    """The page."""
    parts: list[RenderableType] = []
    if any(clock.met + clock.missed + clock.running + clock.paused for clock in page.clocks):
        parts.append(section(_clocks(page.clocks)))
    if page.causes:
        parts.append(section(_causes(page.causes[: question.limit], by)))
    if page.improvements:
        parts.append(section(_improvements(page.improvements[: question.limit])))
    if any(served.actions for served in page.justice):
        parts.append(section(_justice(page.justice), words("Restored after an action does not mean restored by it.")))
    if page.satisfaction:
        parts.append(section(_satisfaction(page.satisfaction), *_satisfaction_explained(page.satisfaction)))
    if page.accounts:
        parts.append(section(_accounts(page.accounts)))
    return Group(*parts)


def _clocks(clocks: list[ClockFigures]) -> RenderableType:
    made = table("Clock", "Met", "Missed", "Running", "Paused", "In time", "Surely", right=(1, 2, 3, 4, 5, 6))
    for clock in clocks:
        surely = ABSENT
        if clock.interval is not None:
            surely = f"{100 * clock.interval.low:.0f} to {percent(clock.interval.high)}"
        made.add_row(
            _CLOCKS[clock.clock],
            *(number(count) for count in (clock.met, clock.missed, clock.running, clock.paused)),
            percent(clock.on_time),
            surely,
        )
    corrected = sum(clock.corrected for clock in clocks)
    if corrected:
        made.caption = f"Met includes {corrected} recorded as missed: taken in time and recorded late."
    return made


def _causes(causes: list[CauseShare], by: CausesBy) -> RenderableType:
    made = table(by.capitalize(), "Complaints", "Share", "So far", "", right=(1, 2, 3), title="Causes")
    for cause in causes:
        name = "not known yet" if cause.cause is None else cause.cause
        made.add_row(
            name, number(cause.complaints), percent(cause.share), percent(cause.cumulative), bar(cause.cumulative)
        )
    return made


def _improvements(found: list[Improvement]) -> RenderableType:
    made = table("Improvement", "Against", "State", "In 30 days", right=(3,), title="What is changed", grow=0)
    for each in found:
        rates = ABSENT
        if each.before_per_30_days is not None and each.after_per_30_days is not None:
            rates = f"{each.before_per_30_days:.1f} → {each.after_per_30_days:.1f}"
        made.add_row(each.title, each.cause or ABSENT, each.state.replace("_", " "), rates)
    return made


def _justice(found: list[JusticeServed]) -> RenderableType:
    made = table("Justice", "", "Actions", "Complaints", "Restored", right=(2, 3, 4), title="What was done")
    for served in found:
        restored = percent(served.restored / served.customers) if served.customers else ABSENT
        made.add_row(
            served.justice, words(_JUSTICE[served.justice]), number(served.actions), percent(served.share), restored
        )
    return made


def _satisfaction(found: list[BeforeAfter]) -> RenderableType:
    made = table("Asked", "Pairs", "Before", "After", "Change", "Between", right=(1, 2, 3, 4), title="Before and after")
    for each in found:
        if each.difference is None or each.before is None or each.after is None:
            made.add_row(each.instrument, number(each.pairs), "too few", "", "", "")
            continue
        between = ABSENT if each.interval is None else f"{each.interval.low:+.2f} and {each.interval.high:+.2f}"
        made.add_row(
            each.instrument,
            number(each.pairs),
            f"{each.before:.2f}",
            f"{each.after:.2f}",
            f"{each.difference:+.2f}",
            between,
        )
    return made


def _satisfaction_explained(found: list[BeforeAfter]) -> list[RenderableType]:
    said = {
        "shown": "more satisfied than before they complained",
        "refuted": "not more satisfied than before they complained",
        "unclear": "possibly, but not certainly, more satisfied than before",
    }
    lines = [f"By {each.instrument}, they are {said[each.paradox]}." for each in found if each.paradox]
    return [words(line) for line in [*lines, "This does not show that they stay, so retention does not use it."]]


def _accounts(accounts: list[EmotionalBalance]) -> RenderableType:
    made = table(
        "Customer", "Balance", "Deposits", "Withdrawals", right=(1, 2, 3), title="Emotional accounts, the lowest first"
    )
    for account in accounts:
        made.add_row(
            account.customer, f"{account.balance:+.1f}", f"{account.deposits:.1f}", f"{account.withdrawals:.1f}"
        )
    return made


def show_one(page: RelationPage, zone: str, limit: int) -> RenderableType:
    """One customer's relation."""
    standing, account = page.relation.standing, page.account
    since = "" if standing.since is None else f" since {local_minute(standing.since, zone)}"
    troubles = f"{counted(standing.complaints, 'complaint')}, {counted(standing.relapses, 'relapse')}"
    lines = [f"{standing.state.replace('_', ' ')}{since}; {troubles}"]
    lines += [
        f"{each.complaint}: a failure after a failure ({each.kind.replace('_', ' ')}), after {duration(each.interval)}"
        for each in page.relation.deviations
    ]
    complaints = table("Complaint", "Severity", "State", "Since", "About", title="Complaints", grow=4)
    for each in page.relation.complaints:
        complaints.add_row(each.complaint, each.severity, each.state, local_minute(each.since, zone), each.subject)
    entries = table("When", "What", "", "Weight", "Left", "Balance", right=(3, 4, 5), title="Emotional account", grow=2)
    for entry in account.entries[-limit:]:
        detail = " ".join(part for part in (entry.detail, entry.complaint, "double" if entry.double else "") if part)
        entries.add_row(
            local_minute(entry.at, zone)[:10],
            entry.what.replace("_", " "),
            detail,
            f"{entry.weight:+d}",
            f"{entry.left:+.1f}",
            f"{entry.balance:+.1f}",
        )
    parts: list[RenderableType] = [headline(f"Relation with {standing.customer}"), section(*map(words, lines))]
    if page.relation.complaints:
        parts.append(section(complaints))
    if account.entries:
        parts.append(section(entries, words(f"It comes to {account.balance:+.2f} now; entries fade with time.")))
    return Group(*parts)
