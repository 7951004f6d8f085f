"""`relations complaints`, `complaint` and `repair`: the complaint desk, and the repair of relations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from relations.cli.choices import CausesChoice, KindChoice, LoadChoice, OrderChoice, SeverityChoice, StatusChoice
from relations.cli.known import Known, open_as_known
from relations.cli.options import (
    Ahead,
    AsOf,
    Database,
    Json,
    MasterKeyFile,
    Verbose,
    beginning,
    checked_id,
    moment,
)
from relations.cli.screen import running
from relations.errors import InvalidInput

if TYPE_CHECKING:
    from relations.policies.complaints.service_levels import CaseKind, Severity

_ORDERED_BY = {"due": "deadline", "filed": "time of filing"}

__all__ = ["complaint_command", "complaints_command", "repair_command"]


def complaints_command(
    database: Database,
    status: Annotated[
        StatusChoice | None, typer.Option(help="List complaints with this status instead of the work list.")
    ] = None,
    customer: Annotated[
        str | None, typer.Option(metavar="ID", help="List this customer's complaints instead of the work list.")
    ] = None,
    subject: Annotated[
        str | None, typer.Option(metavar="TEXT", help="List complaints with this subject instead of the work list.")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="List complaints filed from this time on: a day, or a time with its zone."),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="List complaints filed before this time: a day, or a time with its zone."),
    ] = None,
    owner: Annotated[
        str | None, typer.Option(metavar="NAME", help="List only complaints that this person owns.")
    ] = None,
    department: Annotated[
        str | None, typer.Option(metavar="NAME", help="List only complaints of this department.")
    ] = None,
    severity: Annotated[SeverityChoice | None, typer.Option(help="List only complaints of this severity.")] = None,
    kind: Annotated[
        KindChoice | None, typer.Option(help="List only complaints, enquiries, requests or suggestions.")
    ] = None,
    channel: Annotated[
        str | None, typer.Option(metavar="NAME", help="List only cases filed through this channel.")
    ] = None,
    grade: Annotated[
        str | None, typer.Option(metavar="NAME", help="List only cases filed with this value grade.")
    ] = None,
    language: Annotated[
        str | None, typer.Option(metavar="TAG", help="List only cases in this language, such as zh-Hans.")
    ] = None,
    unassigned: Annotated[bool, typer.Option("--unassigned", help="List only complaints without an owner.")] = False,
    overdue: Annotated[bool, typer.Option("--overdue", help="List only complaints with a missed deadline.")] = False,
    order: Annotated[
        OrderChoice, typer.Option(help="Sort the work list by this; equal cases by deadline.")
    ] = OrderChoice.due,
    load: Annotated[
        LoadChoice | None, typer.Option(help="Show the workload per owner or department instead of a list.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="Show at most this many complaints.")] = 20,
    after: Annotated[
        str | None, typer.Option(metavar="CURSOR", help="Continue after the page that ended with this cursor.")
    ] = None,
    as_of: AsOf = None,
    known: Known = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """List the complaints that need work, sorted by the next deadline, or search all complaints.

    Use --status, --customer, --subject, --since or --until to search all complaints, sorted by time of filing.
    """
    with (
        running(json=json, verbose=verbose) as screen,
        open_as_known(screen, database, known=known, as_of=as_of) as engine,
    ):
        from relations.cli.pages import desk as page

        zone, view, now = engine.policy.zone, engine.views.desk, engine.clock()
        if load is not None:
            loads = view.load(by=load.value, as_of=now)
            screen.result({"by": load.value, "load": loads}, lambda screen: screen.print(page.show_load(loads, load)))
            return
        choice: Severity | None = None if severity is None else severity.value
        kinds: CaseKind | None = None if kind is None else kind.value
        first, last = beginning(since, zone, field="--since"), beginning(until, zone, field="--until")
        if status or customer or subject or first or last:
            if unassigned or overdue:
                raise InvalidInput(
                    "--unassigned and --overdue apply to the work list, not to a search",
                    code="invalid_options",
                    field="--overdue" if overdue else "--unassigned",
                )
            title = "found, by time of filing"
            found = view.search(
                status=None if status is None else status.value,
                customer=customer,
                subject=subject,
                since=first,
                until=last,
                owner=owner,
                department=department,
                severity=choice,
                kind=kinds,
                channel=channel,
                grade=grade,
                language=language,
                limit=limit,
                after=after,
                as_of=now,
            )
        else:
            title = f"work list, by {_ORDERED_BY.get(order.value, order.value)}"
            found = view.work(
                owner=owner,
                department=department,
                severity=choice,
                kind=kinds,
                channel=channel,
                grade=grade,
                language=language,
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
    complaint: Annotated[str, typer.Argument(metavar="ID", help="The id of the complaint.")],
    as_of: AsOf = None,
    known: Known = None,
    master_key_file: MasterKeyFile = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Show the file of one complaint: its status, each round of repair, and all recorded events.

    Personal words are readable unless the customer was erased.
    """
    with running(json=json, verbose=verbose) as screen:
        checked_id(complaint, field="ID", what="complaint id")
        with open_as_known(screen, database, master_key_file, known=known, as_of=as_of) as engine:
            from relations.cli.pages import desk as page
            from relations.cli.pages import history

            zone, ticket = engine.policy.zone, engine.views.desk.ticket(complaint, as_of=engine.clock())
            if ticket is None:
                raise InvalidInput(
                    f"there is no complaint {complaint}",
                    code="unknown_complaint",
                    field="ID",
                    hint="Check the id; `relations complaints` lists those that need work",
                )
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
        str | None,
        typer.Argument(metavar="CUSTOMER", help="Show this customer's relation and emotional account instead."),
    ] = None,
    as_of: AsOf = None,
    known: Known = None,
    since: Annotated[
        str | None, typer.Option(metavar="MONTH", help="Measure complaints from this month on, such as 2024-05.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="MONTH", help="Measure complaints before this month, such as 2025-01.")
    ] = None,
    by: Annotated[
        CausesChoice, typer.Option(help="Group complaints by cause, category, subject or touchpoint.")
    ] = CausesChoice.cause,
    ahead: Ahead = 14,
    limit: Annotated[int, typer.Option(min=1, help="Show at most this many entries in each list.")] = 10,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Show how damaged relations are repaired: states, times, deadlines, causes, improvements and satisfaction.

    A relation counts as restored only after evidence from the customer: a good answer, or a later purchase.
    """
    with running(json=json, verbose=verbose) as screen:
        if customer is not None:
            checked_id(customer)
        with open_as_known(screen, database, known=known) as engine:
            from relations.cli.pages.report import repair, repair_details
            from relations.cli.pages.report.question import Question

            zone = engine.policy.zone
            at = moment(as_of, zone) or engine.clock()
            if customer is not None:
                one = repair_details.read_one(engine, customer, at)
                screen.result(one, lambda screen: screen.print(repair_details.show_one(one, zone, limit)))
                return
            question = Question(
                as_of=at,
                zone=zone,
                asked=as_of is not None or known is not None,
                since=since,
                until=until,
                days=ahead,
                limit=limit,
            )
            found, more = repair.read(engine, question), repair_details.read(engine, question, by.value)
            screen.result(
                {"as_of": at, "zone": zone, "repair": found, "details": more},
                lambda screen: screen.print(
                    repair.show(found, question), repair_details.show(more, question, by.value)
                ),
            )
