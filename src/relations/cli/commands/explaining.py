"""`relations audit explain`, `diff` and `what-if`: reasons, differences between two states, and other policies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from relations.cli.known import Known, bounds_of, states_folder
from relations.cli.options import (
    AsOf,
    Database,
    Json,
    MasterKeyFile,
    Verbose,
    checked_id,
    moment,
    open_to_read,
)
from relations.cli.screen import Screen, running
from relations.errors import InvalidInput

if TYPE_CHECKING:
    from relations import Relations

__all__ = ["diff", "explain", "what_if_command"]

_View = Annotated[
    list[str] | None, typer.Option("--view", metavar="VIEW", help="Compare this view; repeat it for more.")
]


def explain(
    database: Database,
    view: Annotated[str | None, typer.Argument(metavar="VIEW", help="The view, such as loyalty.")] = None,
    customer: Annotated[str | None, typer.Argument(metavar="CUSTOMER", help="Any id of the customer.")] = None,
    event: Annotated[
        int | None, typer.Option("--event", min=1, metavar="POSITION", help="Explain why this event was recorded.")
    ] = None,
    tally: Annotated[
        str | None, typer.Option("--tally", metavar="TABLE", help="Explain a row of this tally, such as Movement.")
    ] = None,
    key: Annotated[
        list[str] | None, typer.Option("--key", metavar="VALUE", help="A value of the row's key; repeat it in order.")
    ] = None,
    figure: Annotated[
        str | None, typer.Option("--figure", metavar="NAME", help="Explain a figure that is computed, such as nps.")
    ] = None,
    of: Annotated[
        list[str] | None,
        typer.Option(
            "--of", metavar="NAME=VALUE", help="What the figure is computed of, such as month=2024-05; repeat it."
        ),
    ] = None,
    as_of: AsOf = None,
    known: Known = None,
    limit: Annotated[int, typer.Option(min=1, help="Show at most this many steps or contributions.")] = 50,
    after: Annotated[
        str | None,
        typer.Option(metavar="CUSTOMER", help="Continue the contributions to a tally or figure after this customer."),
    ] = None,
    master_key_file: MasterKeyFile = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Explain how something came about, from the events.

    With VIEW and CUSTOMER: each event of the customer that changed a row of the view, and what it changed. With VIEW,
    --tally and --key: the customers and events that a tally sums up. With VIEW, --figure and --of: the rule, the policy
    and the customers behind a computed figure, or the reason why it is not shown. With --event: the rule, the policy
    and the causes of one event.
    """
    with running(json=json, verbose=verbose) as screen:
        kinds = [event is not None, tally is not None, figure is not None, customer is not None]
        if sum(kinds) != 1 or (event is None) != (view is not None):
            raise InvalidInput(
                "it is not clear what to explain",
                code="missing_argument",
                field="explain",
                hint="Give VIEW with CUSTOMER, with --tally and --key, or with --figure; or give --event POSITION",
            )
        with open_to_read(database, master_key_file, views=False, kept_states=states_folder()) as engine:
            from relations.cli.pages.audit import explaining as page
            from relations.cli.pages.history import as_dict

            zone = engine.policy.zone
            bounds = _bounds_given(engine, known, as_of)
            if event is not None:
                decision = engine.explain_event(event)
                document = {
                    "event": as_dict(decision.event),
                    "rule": decision.rule,
                    "settings": decision.settings,
                    "policy": decision.policy,
                    "pinned": decision.pinned,
                    "outside": decision.is_outside,
                    "causes": [as_dict(each) for each in decision.causes],
                    "effects": [as_dict(each) for each in decision.effects],
                    "together": [as_dict(each) for each in decision.together],
                }
                screen.result(document, lambda screen: screen.print(*page.show_event(decision, zone)))
            elif tally is not None:
                found = engine.explain_tally(str(view), tally, key or [], limit=limit, after=after, **bounds)
                screen.result(found, lambda screen: screen.print(*page.show_tally(found, zone)))
            elif figure is not None:
                computed = engine.explain_figure(
                    str(view), figure, _named_values(of or []), limit=limit, after=after, **bounds
                )
                screen.result(computed, lambda screen: screen.print(*page.show_figure(computed, zone)))
            else:
                account = engine.explain(str(view), checked_id(str(customer)), **bounds)
                screen.result(
                    {
                        "view": account.view,
                        "ids": account.ids,
                        "events": account.events,
                        "steps": [
                            {"event": as_dict(step.event), "changes": step.changes, "removed": step.removed}
                            for step in account.steps
                        ],
                        "rows": [
                            {"table": name, "row": row} for name, rows in account.rows.items() for row in rows.values()
                        ],
                    },
                    lambda screen: screen.print(*page.show_rows(account, zone, limit=limit)),
                )


def _bounds_given(engine: Relations, known: str | None, as_of: str | None) -> dict[str, Any]:
    """Return the bounds to explain within; none if the views' own tables answer about the present."""
    zone = engine.policy.zone
    if known is None and as_of is None:
        return {"occurred": engine.clock()} if engine.runner.is_behind() else {}
    return {**bounds_of(known, zone), "occurred": moment(as_of, zone)}


def _named_values(given: Sequence[str]) -> dict[str, str]:
    """Return the values of `--of` by name.

    Raises:
        InvalidInput: One of them has no name.
    """
    found = dict[str, str]()
    for each in given:
        name, sign, value = each.partition("=")
        if not sign:
            raise InvalidInput(
                f"{each!r} does not say of what", code="missing_argument", field="--of", hint="Write month=2024-05"
            )
        found[name] = value
    return found


def diff(
    database: Database,
    before: Annotated[
        str | None,
        typer.Option("--from", metavar="TIME|POSITION", help="Begin with what had been recorded by then."),
    ] = None,
    after: Annotated[
        str | None,
        typer.Option(
            "--to", metavar="TIME|POSITION", help="Compare it with what had been recorded by then. Default: now."
        ),
    ] = None,
    other: Annotated[
        str | None, typer.Option("--other", metavar="URL|PATH", help="Compare with this database instead.")
    ] = None,
    policy: Annotated[
        list[Path] | None,
        typer.Option(
            "--policy",
            metavar="FILE",
            help="Compare with what this policy would have led to. Given twice: compare the two policies.",
        ),
    ] = None,
    as_of: AsOf = None,
    view: _View = None,
    limit: Annotated[int, typer.Option(min=1, help="Show at most this many rows.")] = 20,
    master_key_file: MasterKeyFile = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Show what changed in the views between two states of the log, row by row, and which events did it.

    Give --from and --to for two moments of one log, or --other for two databases. With --policy, the recorded facts are
    decided again under that policy, in memory, and the views that follow are compared. With --as-of, events dated later
    are left out on both sides. The exit code is 0 whether anything differs or not.
    """
    with running(json=json, verbose=verbose) as screen:
        policies = policy or []
        _must_be_one_comparison(before, after, other, policies)
        with (
            open_to_read(database, master_key_file, views=bool(policies), kept_states=states_folder()) as engine,
            open_to_read(
                other or database, master_key_file, views=bool(policies), kept_states=states_folder()
            ) as second,
            ExitStack() as stack,
        ):
            from relations.cli.pages.audit import explaining as page
            from relations.cli.pages.history import as_dict

            zone = engine.policy.zone
            occurred = moment(as_of, zone)
            decided = [stack.enter_context(_decided(screen, engine, path)) for path in policies]
            left = decided[0] if len(decided) > 1 else engine
            right = decided[-1] if decided else second
            with (
                left.as_of(**bounds_of(before, zone, field="--from"), occurred=occurred) as one,
                right.as_of(**bounds_of(after, zone, field="--to"), occurred=occurred) as two,
            ):
                finder = engine.compare(one, two)
                rows = finder.rows(view or None)
                found = [(each, *finder.events(each)) for each in islice(rows, limit)]
                total = len(found) + sum(1 for _ in rows)
        document = {
            "differences": total,
            "rows": [
                {
                    "view": each.view,
                    "table": each.table,
                    "key": each.key,
                    "before": each.before,
                    "after": each.after,
                    "events_only_before": [as_dict(event) for event in gone],
                    "events_only_after": [as_dict(event) for event in new],
                }
                for each, gone, new in found
            ],
        }
        screen.result(document, lambda screen: screen.print(*page.show_differences(found, total, zone)))


def _must_be_one_comparison(before: str | None, after: str | None, other: str | None, policies: Sequence[Path]) -> None:
    """Refuse options that do not say what to compare, or say it twice."""
    ways = [before is not None, other is not None, bool(policies)]
    if sum(ways) != 1 or len(policies) > 2 or (policies and after is not None):
        raise InvalidInput(
            "it is not clear what to compare",
            code="missing_argument",
            field="--from",
            hint="Give --from for two moments of one log, --other for two databases, or --policy once or twice",
        )


@contextmanager
def _decided(screen: Screen, engine: Relations, policy: Path) -> Iterator[Relations]:
    """Give an engine in memory with the recorded facts as another policy decides them."""
    from relations.audit.what_if import what_if
    from relations.cli.progress import progress_bar
    from relations.exchange.policies import load_policy

    wanted = load_policy(policy)
    with progress_bar(screen, "Deciding") as bar, what_if(engine, wanted, on_progress=bar.show) as found:
        yield found.engine


def what_if_command(
    database: Database,
    policy: Annotated[
        Path | None,
        typer.Option("--policy", metavar="FILE", help="Decide by the policy in this TOML file, for all times."),
    ] = None,
    customer: Annotated[
        str | None, typer.Option("--customer", metavar="ID", help="Show only the decisions about this customer.")
    ] = None,
    ahead: Annotated[
        int | None,
        typer.Option(
            "--ahead",
            min=0,
            max=3660,
            metavar="DAYS",
            help="Let time pass on both sides, until now (0) or this many days later, with nothing else happening.",
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=0, help="Show at most this many accounts and complaints.")] = 20,
    master_key_file: MasterKeyFile = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Decide the recorded facts again under another policy, in memory, and show what would have been different.

    Facts are what came from outside: commands of people, systems and imports, and the moments to which time was let
    pass. Points, tiers, deadlines and everything else that follows is decided again. The figures in sum compare both as
    of now. Nothing in the database changes. Without --policy, the policies are those of the log; nothing may differ.
    With --ahead, what falls due by then is decided on both sides: points expire, tiers are reviewed, deadlines pass.
    """
    with running(json=json, verbose=verbose) as screen, open_to_read(database, master_key_file) as engine:
        from relations.audit.what_if import what_if
        from relations.cli.pages.audit import what_if as page
        from relations.cli.pages.history import as_dict
        from relations.cli.progress import progress_bar
        from relations.exchange.policies import load_policy

        zone = engine.policy.zone
        wanted = None if policy is None else load_policy(policy)
        later = None if ahead is None else timedelta(days=ahead)
        with (
            progress_bar(screen, "Deciding") as bar,
            what_if(engine, wanted, ahead=later, on_progress=bar.show) as found,
        ):
            figures, shown, customers, total = found.figures(), [], set(), 0
            for outcome in found.outcomes():
                if customer is not None and outcome.customer != customer:
                    continue
                total += 1
                customers.add(outcome.customer)
                if total <= limit:
                    shown.append(outcome)
            document = {
                "commands": found.commands,
                "restated": found.restated,
                "refused": [{"command_id": name, "reason": reason} for name, reason in found.refusals.items()],
                "figures": [
                    {"name": each.name, "happened": each.happened, "instead": each.instead} for each in figures
                ],
                "differing": total,
                "outcomes": [
                    {
                        "customer": each.customer,
                        "stream": each.stream,
                        "happened": [as_dict(event) for event in each.happened],
                        "instead": [as_dict(event) for event in each.instead],
                        "reason": each.reason,
                    }
                    for each in shown
                ],
            }
        screen.result(
            document, lambda screen: screen.print(*page.show(found, figures, shown, total, len(customers), zone))
        )
