"""The terminal pages of the complaint desk: its lists, and the file of one complaint."""

from __future__ import annotations

from datetime import timedelta

import msgspec
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from relations.cli.pages import history
from relations.cli.pages.report.repair import duration
from relations.cli.show import ABSENT, headline, local_minute, number, section, table, words
from relations.messages import RecordedEvent
from relations.projections.desk.view import Load, TicketPage, TicketProfile
from relations.projections.repair.view import ComplaintProfile

__all__ = ["ComplaintFile", "show_file", "show_list", "show_load"]

_CLOCKS = {"acknowledge": "answer", "next_response": "answer", "resolve": "resolve", "follow_up": "follow up"}
_MARK = {"critical": "bold red", "high": "yellow"}


class ComplaintFile(msgspec.Struct, frozen=True):
    """The file of one complaint.

    Attributes:
        ticket: Its state on the desk.
        repair: Its effect on the relation, round by round; None before it was filed.
        events: All events of its stream.
    """

    ticket: TicketProfile
    repair: ComplaintProfile | None
    events: list[RecordedEvent]


def show_list(page: TicketPage, title: str, zone: str) -> RenderableType:
    """Return a page of complaints."""
    if not page.tickets:
        return Group(headline("Complaints", title), section(words("There are none.")))
    made = table("Complaint", "Filed", "Severity", "About", "Due", grow=3)
    for ticket in page.tickets:
        whose = ", ".join(each for each in (ticket.owner, ticket.department) if each) or "unassigned"
        made.add_row(
            f"{ticket.complaint}\n{ticket.customer}",
            f"{local_minute(ticket.filed_at, zone)[:10]}\n{ticket.status}",
            _weight(ticket),
            f"{ticket.subject}\n{whose}",
            Text.assemble(_due(ticket, zone), f"\n{_what(ticket)}"),
        )
    lines = [words("Below each id: the customer; below the date of filing: the status; below the subject: the owner.")]
    if page.next is not None:
        lines.append(words(f"There is more: --after {page.next}"))
    return Group(headline("Complaints", title), section(made, *lines))


def _weight(ticket: TicketProfile) -> Text:
    """Return the severity, and the kind below it if it is not a complaint."""
    shown = Text(ticket.severity, _MARK.get(ticket.severity, ""))
    return shown if ticket.kind == "complaint" else Text.assemble(shown, f"\n{ticket.kind}")


def _due(ticket: TicketProfile, zone: str) -> Text:
    if ticket.due_at is None:
        return Text(ABSENT)
    if ticket.late_by is not None:
        return Text(f"{duration(ticket.late_by)} ago", "red")
    return Text(local_minute(ticket.due_at, zone)[5:])


def _what(ticket: TicketProfile) -> str:
    if ticket.due_clock is None:
        return "waiting" if ticket.waiting else ""
    return _CLOCKS[ticket.due_clock]


def show_load(loads: list[Load], by: str) -> RenderableType:
    """Return the workload per owner or department."""
    made = table(by.capitalize(), "Open", "Overdue", "Follow-ups", "Critical", "Oldest", right=(1, 2, 3, 4))
    for load in loads:
        oldest = ABSENT if load.oldest_filed_at is None else f"{load.oldest_filed_at:%Y-%m-%d}"
        counts = (load.open, load.overdue, load.follow_ups_overdue, load.critical)
        made.add_row(load.name or "nobody", *map(number, counts), oldest)
    return Group(headline("Complaints", f"by {by}"), section(made))


def show_file(file: ComplaintFile, zone: str) -> RenderableType:
    """One complaint, from its filing on."""
    ticket = file.ticket
    parts: list[RenderableType] = [headline(f"Complaint {ticket.complaint}", f"of {ticket.customer}")]
    parts.append(section(_facts(ticket, zone)))
    if file.repair is not None:
        parts.append(section(_rounds(file.repair, zone)))
    parts.append(section(history.timeline(file.events, zone, title="Timeline", proof=True)))
    return Group(*parts)


def _facts(ticket: TicketProfile, zone: str) -> Table:
    made = table("", "", grow=1)
    made.show_header = False
    facts = {
        "About": ticket.subject,
        "Severity": ticket.severity + (", emergency" if ticket.emergency else ""),
        "Kind": None if ticket.kind == "complaint" else ticket.kind,
        "Grade": ticket.grade,
        "Category": ticket.category,
        "Status": f"{ticket.status} since {local_minute(ticket.since, zone)}",
        "Filed": f"{local_minute(ticket.filed_at, zone)}, {ticket.channel.replace('_', ' ')}",
        "With": ", ".join(each for each in (ticket.owner, ticket.department) if each) or "unassigned",
        "Due": _deadline(ticket, zone),
        "Escalated to": ticket.escalated_to,
        "Messages": _messages(ticket, zone),
        "Promises": _promises(ticket),
        "Merged into": ticket.merged_into,
    }
    for name, value in facts.items():
        if value:
            made.add_row(words(name), value)
    return made


def _messages(ticket: TicketProfile, zone: str) -> str | None:
    if ticket.last_message_at is None:
        return None
    return f"{number(ticket.messages)} from the customer, the last {local_minute(ticket.last_message_at, zone)}"


def _promises(ticket: TicketProfile) -> str | None:
    judged = {"kept": ticket.promises_kept, "broken": ticket.promises_broken}
    found = ", ".join(f"{number(count)} {outcome}" for outcome, count in judged.items() if count)
    return f"{found}, as another system judged" if found else None


def _deadline(ticket: TicketProfile, zone: str) -> str | None:
    if ticket.due_at is None or ticket.due_clock is None:
        return "waiting for the customer" if ticket.waiting else None
    late = "" if ticket.late_by is None else f", late by {duration(ticket.late_by)}"
    return f"{local_minute(ticket.due_at, zone)}, {ticket.due_clock.replace('_', ' ')}{late}"


def _rounds(complaint: ComplaintProfile, zone: str) -> Table:
    made = table("Round", "Opened", "First answer", "Resolved", "Score", "Relation", right=(4,), title="Repair", grow=5)
    for opened in complaint.rounds:
        took = [
            ABSENT if at is None else duration(max(at - opened.opened_at, timedelta(0)))
            for at in (opened.answered_at, opened.steps.get("resolved"))
        ]
        scores = ", ".join(map(str, opened.scores)) or ABSENT
        ended = f"restored by a {opened.restored_by}" if opened.restored_at else ("a relapse" if opened.relapse else "")
        made.add_row(str(opened.number), local_minute(opened.opened_at, zone), *took, scores, ended)
    return made
