"""`relations find`, `audience`, `care`, `clusters`, `contacts`, `customer`, `history`, `duplicates` and `recommend`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from relations.cli.choices import CareChoice
from relations.cli.exits import ExitCode
from relations.cli.known import Known, open_as_known
from relations.cli.options import AsOf, Database, Json, MasterKeyFile, Verbose, checked_id, moment
from relations.cli.screen import running
from relations.errors import InvalidInput

__all__ = [
    "audience_command",
    "care_command",
    "clusters_command",
    "contacts_command",
    "customer_command",
    "duplicates_command",
    "find_command",
    "history_command",
    "recommend_command",
]


def find_command(
    database: Database,
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="WORDS",
            help="Parts of a name, a telephone number or its last four digits, an address, or an id.",
        ),
    ],
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Show at most this many customers.")] = 50,
    master_key_file: MasterKeyFile = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Find customers by name, telephone number, e-mail address, or an id of this log or of another system.

    The kind of the words is guessed. Case and accents make no difference, and every merged id leads to its customer.
    Erased customers are not found. The exit code is 1 if nobody is found.
    """
    with running(json=json, verbose=verbose) as screen:
        asked = " ".join(words).strip()
        if not asked:
            raise InvalidInput(
                "there is nothing to find customers by", code="nothing_to_find", field="WORDS",
                hint="Give a part of a name, a telephone number, an e-mail address or an id",
            )  # fmt: skip
        with open_as_known(screen, database, master_key_file) as engine:
            from relations.cli.pages import customer as page

            found = page.find(engine.views.customers, asked, limit)
            screen.result({"found": found}, lambda screen: screen.print(page.show_found(found, asked)))
            if not found:
                raise typer.Exit(ExitCode.PROBLEMS)


def audience_command(
    database: Database,
    channel: Annotated[str, typer.Option(help="Address customers through this channel.")],
    purpose: Annotated[str, typer.Option(help="Address customers who gave their consent for this purpose.")],
    segment: Annotated[str | None, typer.Option(help="Only customers of this segment of the policy.")] = None,
    language: Annotated[str | None, typer.Option(help="Only customers who are addressed in this language.")] = None,
    as_of: AsOf = None,
    known: Known = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write to this file, named *.csv, *.parquet or *.arrow."),
    ] = None,
    master_key_file: MasterKeyFile = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """List the customers who may be addressed, with name, address, language and the taboos to mind.

    Their consent stands, the quiet time after the last contact is over, and they have an address for the channel.
    The file has personal words in readable form: delete it after use.
    """
    safe = "Nothing was changed." if output is None else "The file was not written."
    with (
        running(json=json, verbose=verbose, safe=safe) as screen,
        open_as_known(screen, database, master_key_file, known=known, as_of=as_of) as engine,
    ):
        from relations.cli.pages import customer as page

        found = engine.views.customers.audience(channel=channel, purpose=purpose, segment=segment, language=language)
        if output is None:
            listed = list(found)
            screen.result({"audience": listed}, lambda screen: screen.print(page.show_audience(listed)))
            return
        from relations.cli.show import counted
        from relations.exchange.frames.people import write_people

        count = write_people(found, output)
        document = {"file": str(output), "customers": count}
        screen.result(document, lambda screen: screen.say(f"Wrote {counted(count, 'customer')} to {output}."))


def care_command(
    database: Database,
    question: Annotated[
        CareChoice, typer.Argument(metavar="QUESTION", help="due: contacts to make now; kept: steps done in time.")
    ] = CareChoice.due,
    owner: Annotated[str | None, typer.Option(help="Only contacts of this responsible staff member.")] = None,
    role: Annotated[str | None, typer.Option(help="Only contacts for this role.")] = None,
    channel: Annotated[str | None, typer.Option(help="Only contacts that can be made through this channel.")] = None,
    language: Annotated[str | None, typer.Option(help="Only customers who are addressed in this language.")] = None,
    plan: Annotated[str | None, typer.Option(help="Only this care plan.")] = None,
    limit: Annotated[int, typer.Option(min=0, help="List at most this many contacts.")] = 50,
    as_of: AsOf = None,
    known: Known = None,
    master_key_file: MasterKeyFile = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Show the contacts of care plans that are due, with words, channel and taboos, or the share that was kept.

    Customers who allow no contact, who were contacted recently, or who were erased are not listed. Record a contact
    with `relations record RecordInteraction` and `regarding="care ROUND STEP"`.
    """
    given = {"owner": owner, "role": role, "channel": channel, "language": language}
    with running(json=json, verbose=verbose) as screen:
        if question is CareChoice.kept and (wrong := next((name for name, value in given.items() if value), None)):
            raise InvalidInput(
                "the option does not apply to the steps that were kept", code="unsuitable_option", field=f"--{wrong}",
                hint="Leave it out; it applies to due",
            )  # fmt: skip
        with open_as_known(screen, database, master_key_file, known=known, as_of=as_of) as engine:
            from relations.cli.pages import care as page

            if question is CareChoice.kept:
                figures, months = engine.views.care.kept(plan), engine.views.care.kept_months(plan=plan)
                document = {"kept": figures, "months": months}
                screen.result(document, lambda screen: screen.print(page.show_kept(figures, plan)))
                return
            found = engine.views.care.due(
                owner=owner, role=role, channel=channel, language=language, plan=plan, limit=limit
            )
            zone = engine.policy.zone
            screen.result({"due": found}, lambda screen: screen.print(page.show_due(found, zone)))


def contacts_command(
    database: Database,
    days: Annotated[int, typer.Option(min=0, help="List customers nobody contacted for this many days.")] = 90,
    limit: Annotated[int, typer.Option(min=0, help="List at most this many of them.")] = 20,
    as_of: AsOf = None,
    known: Known = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Show contact by kind, the share that sells nothing, and the customers nobody contacted."""
    with (
        running(json=json, verbose=verbose) as screen,
        open_as_known(screen, database, known=known, as_of=as_of) as engine,
    ):
        from relations.cli.pages import customer as page

        view = engine.views.contacts
        figures, silent, breaches = view.figures(), view.silent(days=days, limit=limit), view.breaches()
        count = view.count_silent(days=days)
        screen.result(
            {"figures": figures, "silent": silent, "silent_customers": count, "breaches": breaches},
            lambda screen: screen.print(*page.show_contacts(figures, silent, count, breaches, days)),
        )


def customer_command(
    database: Database,
    customer: Annotated[str, typer.Argument(metavar="CUSTOMER", help="Any id of the customer.")],
    as_of: AsOf = None,
    known: Known = None,
    events: Annotated[int, typer.Option(min=0, help="Show at most this many of the newest events.")] = 12,
    master_key_file: MasterKeyFile = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Show the whole file of one customer.

    The file contains profile and consents, events, complaints, points and tier, scores, the state of the relation,
    value, and what falls due. Personal words are readable unless the customer was erased. The exit code is 2 for an
    unknown id.
    """
    with running(json=json, verbose=verbose) as screen:
        checked_id(customer)
        with open_as_known(screen, database, master_key_file, known=known) as engine:
            from relations.cli.pages import customer as page
            from relations.cli.pages.history import as_dict
            from relations.report.customer_file import customer_file

            zone = engine.policy.zone
            found = customer_file(engine, customer, as_of=moment(as_of, zone))
        document = {name: getattr(found, name) for name in found.__struct_fields__}
        document["history"] = [as_dict(recorded) for recorded in found.history]
        asked = as_of is not None or known is not None
        screen.result(document, lambda screen: screen.print(*page.show(found, zone, events=events, asked=asked)))


def history_command(
    database: Database,
    customer: Annotated[str, typer.Argument(metavar="CUSTOMER", help="Any id of the customer.")],
    until: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Show what occurred up to a day (its end), or up to a time with its zone."),
    ] = None,
    known: Known = None,
    master_key_file: MasterKeyFile = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Show every event of one customer in the order of recording, with its position, recorded time, actor and command.

    Personal words are readable unless the customer was erased. The exit code is 2 for an unknown id.
    """
    with running(json=json, verbose=verbose) as screen:
        checked_id(customer)
        with open_as_known(screen, database, master_key_file, known=known, views=False) as engine:
            from relations.cli.pages import history
            from relations.projections.view import unknown_customer

            zone = engine.policy.zone
            end = moment(until, zone, field="--until")
            found = engine.history(customer, until=end)
            if not found and not engine.history(customer):
                raise unknown_customer(customer)
            document = {"customer": customer, "events": [history.as_dict(recorded) for recorded in found]}
            screen.result(document, lambda screen: screen.print(history.show(customer, found, zone)))


def duplicates_command(
    database: Database,
    shared_by_at_most: Annotated[
        int, typer.Option(min=2, help="Ignore an address, number or name shared by more customers than this.")
    ] = 5,
    limit: Annotated[int, typer.Option(min=0, help="Show at most this many pairs.")] = 50,
    after: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="CUSTOMER CUSTOMER", help="Show only pairs after the one of these two customers."),
    ] = None,
    as_of: AsOf = None,
    known: Known = None,
    master_key_file: MasterKeyFile = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """List customers who are probably one person, with the evidence for each pair, the most likely first.

    They share an e-mail address, a telephone number, a name and birthday, or an id in another system, even if these are
    written differently. Pairs that were merged or unmerged are left out. Nothing is changed; to merge a pair, execute
    `MergeCustomer`.
    """
    with (
        running(json=json, verbose=verbose) as screen,
        open_as_known(screen, database, master_key_file, known=known, as_of=as_of) as engine,
    ):
        from relations.cli.pages import customer as page

        view = engine.views.customers
        found = view.duplicates(shared_by_at_most=shared_by_at_most, limit=limit, after=after)
        people = {name: view.portrait(name) for each in found for name in each.customers}
        screen.result({"duplicates": found}, lambda screen: screen.print(page.show_duplicates(found, people)))


def clusters_command(
    database: Database,
    customer: Annotated[
        str | None, typer.Argument(metavar="CUSTOMER", help="Show the cluster of this customer only.")
    ] = None,
    limit: Annotated[int, typer.Option(min=0, help="List at most this many customers of each cluster.")] = 3,
    as_of: AsOf = None,
    known: Known = None,
    master_key_file: MasterKeyFile = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Show customers who are alike, what sets each cluster apart, and some of them, by the newest recorded fit.

    Find the clusters with `relations fit --clusters`. They stay as they were recorded, and each customer belongs to the
    nearest one as they are at the moment asked about.
    """
    with (
        running(json=json, verbose=verbose) as screen,
        open_as_known(screen, database, master_key_file, known=known, as_of=as_of) as engine,
    ):
        from relations.cli.pages import clusters as page

        if customer is not None:
            name = checked_id(customer, field="CUSTOMER", what="customer id")
            one = engine.views.retention.cluster_of(name)
            screen.result({"cluster": one}, lambda screen: screen.print(*page.show_cluster_of(name, one)))
            return
        found = engine.views.retention.clusters(limit=limit)
        screen.result({"clusters": found}, lambda screen: screen.print(*page.show_clusters(found)))


def recommend_command(
    database: Database,
    customer: Annotated[str, typer.Argument(metavar="CUSTOMER", help="The customer's id.")],
    limit: Annotated[int, typer.Option(min=1, help="List at most this many products.")] = 10,
    again: Annotated[bool, typer.Option("--again", help="Include products that they have bought.")] = False,
    as_of: AsOf = None,
    known: Known = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Recommend products to a customer, each with the reason, by the newest association rules that were recorded.

    Find the rules with `relations fit --rules`. Products that they have bought or that are a taboo are left out.
    """
    with (
        running(json=json, verbose=verbose) as screen,
        open_as_known(screen, database, known=known, as_of=as_of) as engine,
    ):
        from relations.cli.pages import recommendations as page

        found = engine.views.recommendations.recommend(
            checked_id(customer, field="CUSTOMER", what="customer id"), limit=limit, again=again
        )
        screen.result({"recommendations": found}, lambda screen: screen.print(*page.show_recommendations(found)))
