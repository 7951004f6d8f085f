"""`relations report` and `relations history`: what is known, for people and for programs."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import RenderableType

from relations.cli.options import AsOf, Database, Json, MasterKeyFile, Verbose, checked_customer, moment, open_to_read
from relations.cli.pages import agenda, history, repair, retention, satisfaction
from relations.cli.pages.question import Question
from relations.cli.screen import Screen, running
from relations.engine import Relations
from relations.errors import InvalidInput
from relations.report import render_html
from relations.report.customer_file import unknown_customer

__all__ = ["history_command", "pages", "report"]

_STALE = timedelta(days=30)


class ViewChoice(StrEnum):
    """The views that can be reported on."""

    satisfaction = "satisfaction"
    retention = "retention"
    repair = "repair"
    agenda = "agenda"


class DimensionChoice(StrEnum):
    """What satisfaction can be grouped by."""

    month = "month"
    touchpoint = "touchpoint"
    channel = "channel"
    language = "language"
    region = "region"
    complaint_outcome = "complaint_outcome"
    segment = "segment"


class SegmentsChoice(StrEnum):
    """Whose segments satisfaction is grouped by."""

    value = "value"
    policy = "policy"


def pages(engine: Relations, question: Question, views: list[str]) -> tuple[dict[str, Any], list[RenderableType]]:
    """The documents and the pages of some views, read once."""
    documents: dict[str, Any] = {}
    shown: list[RenderableType] = []
    for view in views:
        match view:
            case "satisfaction":
                answers = satisfaction.read(engine, question)
                documents[view] = answers
                shown.append(satisfaction.show(answers, question))
            case "retention":
                stays = retention.read(engine, question)
                documents[view] = retention.as_dict(stays)
                shown.append(retention.show(stays, question))
            case "repair":
                relations = repair.read(engine, question)
                documents[view] = relations
                shown.append(repair.show(relations, question))
            case "agenda":
                due = agenda.read(engine, question)
                documents[view] = due
                shown.append(agenda.show(due, question))
    return documents, shown


_READS: dict[str | None, frozenset[str]] = {
    "satisfaction": frozenset({"as_of", "since", "until", "by", "segments", "limit", "currency"}),
    "retention": frozenset({"as_of", "since", "until", "limit", "currency"}),
    "repair": frozenset({"as_of", "since", "until", "days", "limit"}),
    "agenda": frozenset({"as_of", "days", "limit"}),
    None: frozenset({"as_of", "since", "until", "by", "segments", "days", "limit", "currency"}),
    "html": frozenset({"as_of", "days", "currency", "html", "lang"}),
}
"""Which options each view reads; None is all views at once, `html` the page."""
_COMMON = frozenset({"database", "view", "master_key_file", "json", "verbose"})


def _refuse_unread(context: typer.Context, view: str | None, html: Path | None) -> None:
    """Whoever gives an option wants it to do something.

    Raises:
        InvalidInput: An option that what is asked for does not read.
    """
    if html is not None and view is not None:
        raise InvalidInput(
            f"the page shows all views, not {view} alone",
            code="unsuitable_option",
            field="--html",
            hint=f"Leave out {view}, or leave out --html",
        )
    for name in context.params:
        given = context.get_parameter_source(name)
        if name in _COMMON or given is None or given.name != "COMMANDLINE":
            continue
        if name not in _READS["html" if html is not None else view]:
            option = "--" + name.replace("_", "-")
            if name == "lang":
                what, hint = "is for the page only", "Give --html FILE too, or leave it out"
            else:
                where = "the page" if html is not None else f"the report on {view}"
                readers = [each for each, read in _READS.items() if name in read and each not in (None, "html")]
                what, hint = f"does nothing for {where}", f"Leave it out; it is for {' and '.join(map(str, readers))}"
            raise InvalidInput(what, code="unsuitable_option", field=option, hint=hint)


def report(
    context: typer.Context,
    database: Database,
    view: Annotated[
        ViewChoice | None, typer.Argument(metavar="[VIEW]", help="Which view; all of them by default.")
    ] = None,
    as_of: AsOf = None,
    since: Annotated[str | None, typer.Option(metavar="MONTH", help="From this month on, such as 2024-05.")] = None,
    until: Annotated[str | None, typer.Option(metavar="MONTH", help="Before this month.")] = None,
    by: Annotated[
        list[DimensionChoice] | None, typer.Option(help="Group satisfaction by this; may be given several times.")
    ] = None,
    segments: Annotated[
        SegmentsChoice, typer.Option(help="With --by segment: segments of value (RFM), or those the policy names.")
    ] = SegmentsChoice.value,
    days: Annotated[int, typer.Option(min=0, max=3660, help="How far ahead to look for what is due.")] = 14,
    limit: Annotated[int, typer.Option(min=1, help="The most months, items and customers in a list.")] = 12,
    currency: Annotated[
        str | None,
        typer.Option(metavar="CODE", help="Grade customers by what they spent in this; the policy's by default."),
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write one page of all views with charts there.")
    ] = None,
    lang: Annotated[str, typer.Option(metavar="LANGUAGE", help="What that page is written in: en or zh.")] = "en",
    master_key_file: MasterKeyFile = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Show the views: how satisfied customers are, who stays, which damaged relations mend, what is due.

    Everything is answered from what was recorded, new events included. The months and days are the business's own, in
    the zone of its policy. --since and --until bound satisfaction, the monthly rates, the cohorts and the times of
    repair. An option that what is asked for does not read is refused.
    """
    with running(json=json, verbose=verbose) as screen, ExitStack() as stack:
        _refuse_unread(context, view.value if view else None, html)
        engine = stack.enter_context(open_to_read(database, master_key_file))
        zone = engine.policy.zone
        if html is not None:
            page = render_html(engine, lang, as_of=moment(as_of, zone), currency=currency, days=days)
            html.write_text(page, encoding="utf-8")
            written = {"written": str(html), "bytes": len(page.encode())}
            screen.result(written, lambda screen: screen.print(f"Written: {html} ({written['bytes']:,} bytes)"))
            return
        question = Question(
            as_of=moment(as_of, zone) or engine.clock(),
            zone=zone,
            asked=as_of is not None,
            since=since,
            until=until,
            by=tuple(choice.value for choice in by or ()),
            days=days,
            limit=limit,
            currency=currency,
            segments=segments.value,
        )
        views = [view.value] if view else [choice.value for choice in ViewChoice]
        documents, shown = pages(engine, question, views)
        document = {"as_of": question.as_of, "zone": zone, **documents}
        screen.result(document, lambda screen: screen.print(*shown))
        if as_of is None:
            _hint_at_age(engine, screen)


def _hint_at_age(engine: Relations, screen: Screen) -> None:
    """A log that nothing was added to for long shows everybody as lost; say why."""
    if screen.json:
        return
    head = engine.status().position
    last = next(engine.events(after=head - 1), None) if head else None
    if last is None:
        screen.say("The log is empty.", "yellow")
        return
    at = datetime.fromtimestamp(last.recorded_at // 1_000_000, UTC)
    if engine.clock() - at > _STALE:
        screen.say(
            f"The last event was recorded on {at:%Y-%m-%d}. For things as they stood then: --as-of {at:%Y-%m-%d}",
            "yellow",
        )


def history_command(
    database: Database,
    customer: Annotated[str, typer.Argument(metavar="CUSTOMER", help="The customer's id.")],
    until: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Only what had occurred by then: a day (its end), or a time with its zone."),
    ] = None,
    master_key_file: MasterKeyFile = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Show everything recorded of one customer, in the order of recording.

    Personal words are readable unless the customer was erased. Ends with 2 where nothing is recorded of anybody with
    this id.
    """
    with running(json=json, verbose=verbose) as screen:
        checked_customer(customer)
        with open_to_read(database, master_key_file, views=False) as engine:
            zone = engine.policy.zone
            end = moment(until, zone, field="--until")
            found = engine.history(customer, until=end)
            if not found and not engine.history(customer):
                raise unknown_customer(customer)
            document = {"customer": customer, "events": [history.as_dict(recorded) for recorded in found]}
            screen.result(document, lambda screen: screen.print(history.show(customer, found, zone)))
