"""`relations report`, `board measure`, `campaigns`, `team`, `pipeline` and `ties`: the views as text or as pages."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from relations.cli.choices import DimensionChoice, ResultsChoice, SegmentsChoice, TeamChoice, ViewChoice
from relations.cli.known import Known, open_as_known
from relations.cli.options import (
    Actor,
    Ahead,
    AsOf,
    Database,
    Json,
    MasterKeyFile,
    Verbose,
    checked_id,
    given_options,
    moment,
    open_engine,
)
from relations.cli.screen import Screen, running
from relations.errors import InvalidInput, RelationsError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from relations.cli.pages.report.question import Question
    from relations.past.questions import Questions

__all__ = [
    "board",
    "campaigns_command",
    "pages",
    "pipeline_command",
    "report",
    "team_command",
    "ties_command",
    "write_page",
]

_STALE = timedelta(days=30)
_DAY = "%Y-%m-%d"


def pages(engine: Questions, question: Question, views: list[str]) -> tuple[dict[str, Any], list[RenderableType]]:
    """Return the JSON documents and the terminal pages of some views."""
    from relations.cli.pages.report import agenda, board, posts, repair, retention, satisfaction

    documents: dict[str, Any] = {}
    shown: list[RenderableType] = []
    for view in views:
        match view:
            case "board":
                judged = board.read(engine, question)
                documents[view] = judged
                shown.append(board.show(judged, question))
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
            case "posts":
                said = posts.read(engine, question)
                documents[view] = said
                shown.append(posts.show(said, question))
            case "agenda":
                due = agenda.read(engine, question)
                documents[view] = due
                shown.append(agenda.show(due, question))
    return documents, shown


_OPTIONS: dict[str | None, frozenset[str]] = {
    "board": frozenset({"as_of", "known"}),
    "satisfaction": frozenset({"as_of", "known", "since", "until", "by", "segments", "limit", "currency"}),
    "retention": frozenset({"as_of", "known", "since", "until", "limit", "currency"}),
    "repair": frozenset({"as_of", "known", "since", "until", "ahead", "limit"}),
    "posts": frozenset({"as_of", "known", "limit"}),
    "agenda": frozenset({"as_of", "known", "ahead", "limit"}),
    None: frozenset({"as_of", "known", "since", "until", "by", "segments", "ahead", "limit", "currency"}),
    "html": frozenset({"as_of", "known", "ahead", "currency", "html", "lang"}),
}
"""The options that apply to each view; None stands for all views at once, `html` for the page."""
_COMMON = frozenset({"database", "view", "master_key_file", "json", "verbose"})


def _reject_unsuitable_options(context: typer.Context, view: str | None, html: Path | None) -> None:
    """Reject options that would have no effect.

    Raises:
        InvalidInput: An option on the command line does not apply to the chosen view.
    """
    if html is not None and view is not None:
        raise InvalidInput(
            f"the page shows all views, not {view} alone",
            code="unsuitable_option",
            field="--html",
            hint=f"Leave out {view}, or leave out --html",
        )
    suitable = _COMMON | _OPTIONS["html" if html is not None else view]
    for name in given_options(context):
        if name in suitable:
            continue
        option = "--" + name.replace("_", "-")
        if name == "lang":
            reason, hint = "the language applies to the page only", "Add --html FILE, or leave --lang out"
        else:
            where = "the page" if html is not None else f"the report on {view}"
            suited = [each for each, options in _OPTIONS.items() if name in options and each not in (None, "html")]
            reason = f"the option does not apply to {where}"
            hint = f"Leave it out; it applies to {' and '.join(map(str, suited))}"
        raise InvalidInput(reason, code="unsuitable_option", field=option, hint=hint)


def report(
    context: typer.Context,
    database: Database,
    view: Annotated[
        ViewChoice | None, typer.Argument(metavar="VIEW", help="Show this view only. Default: all views.")
    ] = None,
    as_of: AsOf = None,
    known: Known = None,
    since: Annotated[
        str | None, typer.Option(metavar="MONTH", help="Show figures from this month on, such as 2024-05.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="MONTH", help="Show figures before this month, such as 2025-01.")
    ] = None,
    by: Annotated[
        list[DimensionChoice] | None, typer.Option(help="Group satisfaction by this dimension; repeat it for more.")
    ] = None,
    segments: Annotated[
        SegmentsChoice, typer.Option(help="Use RFM segments (value) or the policy's segments with --by segment.")
    ] = SegmentsChoice.value,
    ahead: Ahead = 14,
    limit: Annotated[int, typer.Option(min=1, help="Show at most this many months, items and customers a list.")] = 12,
    currency: Annotated[
        str | None,
        typer.Option(metavar="CODE", help="Grade customers by their spending in this currency. Default: the policy's."),
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write all views as one page with charts to a file.")
    ] = None,
    lang: Annotated[
        str, typer.Option(metavar="LANGUAGE", help="Write that page in English (en) or Chinese (zh).")
    ] = "en",
    master_key_file: MasterKeyFile = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Show the board, satisfaction, retention, the repair of relations, public posts, and what falls due.

    The answers include every recorded event. Months and days are those of the policy's time zone. --since and --until
    limit satisfaction, the monthly rates, the cohorts and the times of repair. Options that do not apply to the chosen
    view are rejected.
    """
    from relations.cli.show import counted

    with running(json=json, verbose=verbose) as screen, ExitStack() as stack:
        _reject_unsuitable_options(context, view.value if view else None, html)
        engine = stack.enter_context(open_as_known(screen, database, master_key_file, known=known))
        _warn_of_damage(engine, screen)
        zone = engine.policy.zone
        if html is not None:
            past_moment = None if known is None else engine.clock()
            written = write_page(
                engine,
                html,
                lang,
                as_of=moment(as_of, zone) or past_moment,
                currency=currency,
                ahead=timedelta(days=ahead),
            )
            size = counted(written["bytes"], "byte")
            screen.result(written, lambda screen: screen.print(f"Written: {html} ({size})"))
            return
        from relations.cli.pages.report.question import Question

        question = Question(
            as_of=moment(as_of, zone) or engine.clock(),
            zone=zone,
            asked=as_of is not None or known is not None,
            since=since,
            until=until,
            by=tuple(choice.value for choice in by or ()),
            days=ahead,
            limit=limit,
            currency=currency,
            segments=segments.value,
        )
        views = [view.value] if view else [choice.value for choice in ViewChoice]
        documents, shown = pages(engine, question, views)
        document = {"as_of": question.as_of, "known": engine.status().position, "zone": zone, **documents}
        screen.result(document, lambda screen: screen.print(*shown))
        if as_of is None and known is None:
            _hint_at_age(engine, screen)


def write_page(
    engine: Questions, path: Path, lang: str, *, as_of: datetime | None, currency: str | None, ahead: timedelta
) -> dict[str, Any]:
    """Write all views as one HTML page, and return its path and size."""
    from relations.report import render_html

    page = render_html(engine, lang, as_of=as_of, currency=currency, ahead=ahead)
    path.write_text(page, encoding="utf-8")
    return {"written": str(path), "bytes": len(page.encode())}


def _warn_of_damage(engine: Questions, screen: Screen) -> None:
    """Warn that a view is stopped at an event that it cannot fold, so that its figures end there."""
    try:
        stopped = [each for each in engine.status().projections if each.failure]
    except RelationsError:
        return
    for each in stopped:
        screen.say(
            f"The view {each.name} is stopped at position {each.failed_at}: {each.failure}. Run `relations verify`.",
            "red",
        )


def _hint_at_age(engine: Questions, screen: Screen) -> None:
    """Explain why every customer looks lost if nothing has been recorded for a long time."""
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
            f"The last event was recorded on {at:%Y-%m-%d}. To see the figures of that day, add --as-of {at:%Y-%m-%d}",
            "yellow",
        )


board = typer.Typer(
    help="Measure the improvements of goals. `relations report board` shows the board.", no_args_is_help=True
)


@board.callback()
def _board() -> None:
    """Measure the improvements of goals. `relations report board` shows the board."""


@board.command("measure")
def measure(
    goal: Annotated[str, typer.Argument(metavar="GOAL", help="The goal's id.")],
    improvement: Annotated[str, typer.Argument(metavar="IMPROVEMENT", help="The id of a completed improvement.")],
    database: Database,
    months: Annotated[
        int, typer.Option(min=1, max=24, help="Compare this many months before with at most as many after.")
    ] = 3,
    actor: Actor = None,
    master_key_file: MasterKeyFile = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Compare an indicator before and after an improvement, and record the result.

    The months before are those that end before the month in which the improvement took effect. The months after begin
    with the month after it. Measuring again replaces the result.
    """
    with running(json=json, verbose=verbose) as screen:
        with open_engine(database, master_key_file) as engine:
            from relations.cli.pages.report.board import show_effect

            view = engine.views.board
            effect = view.effect(goal, improvement, months=months)
            receipt = engine.execute(effect.command(engine.clock(), actor=actor or "system"))
            profile = view.goal(goal)
        document = {"effect": effect, "recorded": bool(receipt.events)}
        screen.result(document, lambda to: to.print(show_effect(profile, improvement)))


def campaigns_command(
    database: Database,
    campaign: Annotated[str | None, typer.Argument(metavar="CAMPAIGN", help="Show what came of this campaign.")] = None,
    since: Annotated[datetime | None, typer.Option(formats=[_DAY], help="Only campaigns on this day or later.")] = None,
    until: Annotated[datetime | None, typer.Option(formats=[_DAY], help="Only campaigns before this day.")] = None,
    partners: Annotated[bool, typer.Option("--partners", help="Show what came through each partner.")] = False,
    as_of: AsOf = None,
    known: Known = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Show the calendar of campaigns, or what came of one: offers, answers, revenue, cost and lift.

    With --partners, show what came through each partner instead.
    """
    with (
        running(json=json, verbose=verbose) as screen,
        open_as_known(screen, database, known=known, as_of=as_of) as engine,
    ):
        from relations.cli.pages.report import campaigns as page

        view = engine.views.campaigns
        if partners:
            brought = view.partners()
            screen.result({"partners": brought}, lambda screen: screen.print(*page.show_partners(brought)))
            return
        if campaign is None:
            found = view.calendar(since=since and since.date(), until=until and until.date())
            screen.result({"campaigns": found}, lambda screen: screen.print(*page.show_calendar(found)))
            return
        plan, result = view.campaign(checked_id(campaign, field="CAMPAIGN", what="campaign id")), view.results(campaign)
        screen.result(
            {"campaign": plan, "result": result}, lambda screen: screen.print(*page.show_campaign(plan, result))
        )


def ties_command(
    database: Database,
    customer: Annotated[
        str | None, typer.Argument(metavar="CUSTOMER", help="Show the ties with this customer.")
    ] = None,
    owner: Annotated[
        str | None, typer.Option(metavar="STAFF", help="Show the handovers to this new owner instead.")
    ] = None,
    month: Annotated[
        str | None, typer.Option(metavar="MONTH", help="Show the ladder at the end of this month, such as 2024-05.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="List at most this many files.")] = 10,
    as_of: AsOf = None,
    known: Known = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Show the ladder of relationships, open handovers and incomplete files, or the ties with one customer."""
    with (
        running(json=json, verbose=verbose) as screen,
        open_as_known(screen, database, known=known, as_of=as_of) as engine,
    ):
        from relations.cli.pages.report import ties as page

        view = engine.views.ties
        if customer is not None:
            tie = view.tie(checked_id(customer, field="CUSTOMER", what="customer id"))
            screen.result({"tie": tie}, lambda screen: screen.print(*page.show_tie(tie)))
            return
        handovers = view.handovers(owner=owner)
        if owner is not None:
            screen.result({"handovers": handovers}, lambda screen: screen.print(*page.show_handovers(handovers)))
            return
        ladder, files = view.ladder(month=month), view.files(limit=limit)
        screen.result(
            {"ladder": ladder, "handovers": handovers, "files": files},
            lambda screen: screen.print(*page.show_ladder(ladder, handovers, files)),
        )


def team_command(
    database: Database,
    by: Annotated[TeamChoice, typer.Option(help="Show figures of each staff member, or of each department.")] = (
        TeamChoice.staff
    ),
    since: Annotated[
        str | None, typer.Option(metavar="MONTH", help="Only this month or later, such as 2024-05.")
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="MONTH", help="Only before this month, such as 2025-01.")] = None,
    training: Annotated[
        str | None, typer.Option(metavar="COURSE", help="Compare the cases before and after this training instead.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=3650, help="Compare this many days before and after it.")] = 90,
    customer: Annotated[
        str | None, typer.Option("--for", metavar="CUSTOMER", help="Show who fits this customer best instead.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Show at most this many lines of each table.")] = 20,
    as_of: AsOf = None,
    known: Known = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Show the work of staff, the trainings that are needed, and the loyalty of customers by tenure.

    Scores after a resolution are shown only if enough customers gave them.
    """
    with (
        running(json=json, verbose=verbose) as screen,
        open_as_known(screen, database, known=known, as_of=as_of) as engine,
    ):
        from relations.cli.pages.report import team as page

        view = engine.views.team
        if training is not None:
            effect = view.effect(checked_id(training, field="--training", what="training id"), days=days)
            screen.result({"effect": effect}, lambda screen: screen.print(*page.show_effect(effect)))
            return
        if customer is not None:
            fits = view.fits(checked_id(customer, field="--for", what="customer id"), limit=limit)
            screen.result(
                {"customer": customer, "fits": fits}, lambda screen: screen.print(*page.show_fits(customer, fits))
            )
            return
        members, figures = view.members(), view.figures(by=by.value, since=since, until=until)
        needs, tenure = view.needs(since=since, until=until), view.tenure()
        zone = engine.policy.zone
        screen.result(
            {"members": members, "figures": figures, "needs": needs, "tenure": tenure},
            lambda screen: screen.print(
                *page.show_team(members, figures, needs, tenure, by=by.value, limit=limit, zone=zone)
            ),
        )


def pipeline_command(
    database: Database,
    by: Annotated[
        ResultsChoice | None, typer.Option(help="Group the opportunities won and lost. Default: all together.")
    ] = None,
    owner: Annotated[str | None, typer.Option(metavar="STAFF", help="Only open opportunities of this owner.")] = None,
    since: Annotated[str | None, typer.Option(metavar="MONTH", help="Only decisions in this month or later.")] = None,
    until: Annotated[str | None, typer.Option(metavar="MONTH", help="Only decisions before this month.")] = None,
    ahead: Ahead = 90,
    currency: Annotated[
        str | None, typer.Option(metavar="CODE", help="Count amounts in this currency. Default: the policy's.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Show at most this many lines of each table.")] = 20,
    as_of: AsOf = None,
    known: Known = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Show the open opportunities by stage, those won and lost, contracts that end soon, and rivals."""
    with (
        running(json=json, verbose=verbose) as screen,
        open_as_known(screen, database, known=known, as_of=as_of) as engine,
    ):
        from relations.cli.pages.report.pipeline import show_pipeline

        view = engine.views.pipeline
        stages = view.stages(owner=owner, currency=currency)
        results = view.results(by=None if by is None else by.value, since=since, until=until, currency=currency)
        losses = view.losses(since=since, until=until, currency=currency)
        contracts, rivals = view.contracts(ahead=timedelta(days=ahead)), view.rivals(currency=currency)
        screen.result(
            {"stages": stages, "results": results, "losses": losses, "contracts": contracts, "rivals": rivals},
            lambda screen: screen.print(
                *show_pipeline(stages, results, losses, contracts, rivals, days=ahead, limit=limit)
            ),
        )
