"""`relations complaints`, `relations complaint`, `relations repair`: the complaint desk, and whether relations mend."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from relations.cli.options import AsOf, Database, Json, MasterKeyFile, Verbose, checked_customer, moment, open_to_read
from relations.cli.pages import desk as page
from relations.cli.pages import history, mending, repair
from relations.cli.pages.question import Question
from relations.cli.screen import running
from relations.errors import InvalidInput
from relations.policies.complaints.service_levels import Severity

__all__ = ["complaint_command", "complaints_command", "repair_command"]


class SeverityChoice(StrEnum):
    """How bad it is."""

    low = "low"
    medium = "medium"
    high = "high"
    critical = "critical"


class StatusChoice(StrEnum):
    """Where a complaint stands."""

    filed = "filed"
    acknowledged = "acknowledged"
    resolved = "resolved"
    closed = "closed"
    withdrawn = "withdrawn"
    merged = "merged"
    reopened = "reopened"


class OrderChoice(StrEnum):
    """What comes first in a work list."""

    due = "due"
    severity = "severity"


class LoadChoice(StrEnum):
    """Whose load is shown."""

    owner = "owner"
    department = "department"


class CausesChoice(StrEnum):
    """What complaints are grouped by."""

    cause = "cause"
    category = "category"
    subject = "subject"
    touchpoint = "touchpoint"


Time = Annotated[str | None, typer.Option(metavar="TIME", help="A day such as 2025-12-31, or a time with its zone.")]


def complaints_command(
    database: Database,
    status: Annotated[StatusChoice | None, typer.Option(help="All that stand there, instead of what is to do.")] = None,
    customer: Annotated[str | None, typer.Option(metavar="ID", help="All of this customer's.")] = None,
    subject: Annotated[str | None, typer.Option(metavar="TEXT", help="All about this.")] = None,
    filed_from: Time = None,
    filed_until: Time = None,
    owner: Annotated[str | None, typer.Option(metavar="NAME", help="Only what this person has.")] = None,
    department: Annotated[str | None, typer.Option(metavar="NAME", help="Only what lies there.")] = None,
    severity: Annotated[SeverityChoice | None, typer.Option(help="Only of this severity.")] = None,
    unassigned: Annotated[bool, typer.Option("--unassigned", help="Only what nobody has.")] = False,
    overdue: Annotated[bool, typer.Option("--overdue", help="Only what is late.")] = False,
    order: Annotated[OrderChoice, typer.Option(help="What comes first in the work list.")] = OrderChoice.due,
    load: Annotated[LoadChoice | None, typer.Option(help="How much lies with everybody, instead of a list.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="The most complaints on a page.")] = 20,
    after: Annotated[str | None, typer.Option(metavar="END", help="Where the page before ended, as it said.")] = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Show what the complaint desk has to do, by the next deadline; or search all complaints, by the time of filing.

    With --status, --customer, --subject, --filed-from or --filed-until it is a search.
    """
    with running(json=json, verbose=verbose) as screen, open_to_read(database) as engine:
        zone, view, now = engine.policy.zone, engine.views.desk, engine.clock()
        if load is not None:
            loads = view.load(by=load.value, as_of=now)
            screen.result({"by": load.value, "load": loads}, lambda screen: screen.print(page.show_load(loads, load)))
            return
        choice: Severity | None = None if severity is None else severity.value
        first, last = moment(filed_from, zone, field="--filed-from"), moment(filed_until, zone, field="--filed-until")
        if status or customer or subject or first or last:
            if unassigned or overdue:
                raise InvalidInput(
                    "--unassigned and --overdue belong to the work list, not to a search",
                    code="invalid_options",
                    field="--overdue" if overdue else "--unassigned",
                )
            title = "found, by the time of filing"
            found = view.search(
                status=None if status is None else status.value,
                customer=customer,
                subject=subject,
                filed_from=first,
                filed_until=last,
                owner=owner,
                department=department,
                severity=choice,
                limit=limit,
                after=after,
                as_of=now,
            )
        else:
            title = "to do, by severity" if order is OrderChoice.severity else "to do, by the next deadline"
            found = view.work(
                owner=owner,
                department=department,
                severity=choice,
                unassigned=unassigned,
                due_by=now if overdue else None,
                order=order.value,
                limit=limit,
                after=after,
                as_of=now,
            )
        screen.result(found, lambda screen: screen.print(page.show_list(found, title, zone)))


def complaint_command(
    database: Database,
    complaint: Annotated[str, typer.Argument(metavar="ID", help="The complaint's id.")],
    master_key_file: MasterKeyFile = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Show one complaint's file: where it stands, each round of repair, and everything recorded of it.

    Personal words are readable unless the customer was erased.
    """
    with running(json=json, verbose=verbose) as screen:
        checked_customer(complaint, field="ID", what="a complaint's id")
        with open_to_read(database, master_key_file) as engine:
            zone, ticket = engine.policy.zone, engine.views.desk.ticket(complaint, as_of=engine.clock())
            if ticket is None:
                raise InvalidInput(f"no complaint {complaint} was filed", code="unknown_complaint", field="ID")
            theirs = engine.views.repair.relation(ticket.customer, as_of=engine.clock()).complaints
            file = page.ComplaintFile(
                ticket=ticket,
                repair=next((each for each in theirs if each.complaint == complaint), None),
                events=engine.timeline("complaint", complaint),
            )
            document = {
                "ticket": file.ticket,
                "repair": file.repair,
                "events": [history.as_dict(recorded) for recorded in file.events],
            }
            screen.result(document, lambda screen: screen.print(page.show_file(file, zone)))


def repair_command(
    database: Database,
    customer: Annotated[
        str | None, typer.Argument(metavar="[CUSTOMER]", help="One customer's relation and emotional account.")
    ] = None,
    as_of: AsOf = None,
    since: Annotated[str | None, typer.Option(metavar="MONTH", help="Times of complaints from this month on.")] = None,
    until: Annotated[str | None, typer.Option(metavar="MONTH", help="Times of complaints before this month.")] = None,
    by: Annotated[CausesChoice, typer.Option(help="What complaints are grouped by.")] = CausesChoice.cause,
    days: Annotated[int, typer.Option(min=0, max=3660, help="How far ahead to look for what is due.")] = 14,
    limit: Annotated[int, typer.Option(min=1, help="The most entries in a list.")] = 10,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Show whether damaged relations mend: states, times, clocks, causes, improvements, justice, satisfaction.

    A relation counts as restored by the customer's own evidence alone: a good answer, or a purchase afterwards.
    """
    with running(json=json, verbose=verbose) as screen, open_to_read(database) as engine:
        zone = engine.policy.zone
        at = moment(as_of, zone) or engine.clock()
        if customer is not None:
            checked_customer(customer)
            one = mending.read_one(engine, customer, at)
            screen.result(one, lambda screen: screen.print(mending.show_one(one, zone, limit)))
            return
        question = Question(
            as_of=at, zone=zone, asked=as_of is not None, since=since, until=until, days=days, limit=limit
        )
        found, more = repair.read(engine, question), mending.read(engine, question, by.value)
        screen.result(
            {"as_of": at, "zone": zone, "repair": found, "mending": more},
            lambda screen: screen.print(repair.show(found, question), mending.show(more, question, by.value)),
        )
