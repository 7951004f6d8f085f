"""`relations customer` and `duplicates`: the whole file of one customer, and who may be one under two ids."""

from __future__ import annotations

from typing import Annotated

import typer

from relations.cli.options import AsOf, Database, Json, MasterKeyFile, Verbose, checked_customer, moment, open_to_read
from relations.cli.pages import customer as page
from relations.cli.pages.history import as_dict
from relations.cli.screen import running
from relations.report.customer_file import customer_file

__all__ = ["customer_command", "duplicates_command"]


def customer_command(
    database: Database,
    customer: Annotated[str, typer.Argument(metavar="CUSTOMER", help="Any id of the customer.")],
    as_of: AsOf = None,
    events: Annotated[int, typer.Option(min=0, help="The most events of the timeline, the newest.")] = 12,
    master_key_file: MasterKeyFile = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Show the whole file of one customer.

    Who they are and what they allow, what happened, complaints, points and tier, scores, the state of the relation,
    what they are worth, and what falls due. Personal words are readable unless the customer was erased. Ends with 2
    where nothing is recorded of anybody with this id.
    """
    with running(json=json, verbose=verbose) as screen:
        checked_customer(customer)
        with open_to_read(database, master_key_file) as engine:
            zone = engine.policy.zone
            found = customer_file(engine, customer, as_of=moment(as_of, zone))
        document = {name: getattr(found, name) for name in found.__struct_fields__}
        document["history"] = [as_dict(recorded) for recorded in found.history]
        asked = as_of is not None
        screen.result(document, lambda screen: screen.print(*page.show(found, zone, events=events, asked=asked)))


def duplicates_command(
    database: Database,
    shared_by_at_most: Annotated[
        int, typer.Option(min=2, help="What more customers than that have alike is no sign of anything.")
    ] = 5,
    limit: Annotated[int, typer.Option(min=0, help="The most pairs.")] = 50,
    offset: Annotated[int, typer.Option(min=0, help="After so many pairs.")] = 0,
    master_key_file: MasterKeyFile = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Propose customers who are likely to be one, with what speaks for each pair, the likeliest first.

    They have the same e-mail address, telephone number, name and birthday, or id in another system, in whatever way it
    was written down. Whoever is merged already, or was unmerged, is left out. Nothing is changed: `MergeCustomer`
    merges two; merged and unmerged again, they are not proposed any more.
    """
    with running(json=json, verbose=verbose) as screen, open_to_read(database, master_key_file) as engine:
        view = engine.views.customers
        found = view.duplicates(shared_by_at_most=shared_by_at_most, limit=limit, offset=offset)
        people = {name: view.portrait(name) for each in found for name in each.customers}
        screen.result({"duplicates": found}, lambda screen: screen.print(page.show_duplicates(found, people)))
