"""`relations policy`: show, check and adopt the rules of the business."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from relations.cli.exits import ExitCode
from relations.cli.known import Known, open_as_known
from relations.cli.options import (
    Actor,
    AsOf,
    Database,
    Json,
    MasterKeyFile,
    Verbose,
    beginning,
    in_log,
    moment,
    open_to_read,
)
from relations.cli.screen import running
from relations.errors import InvalidInput

if TYPE_CHECKING:
    from rich.console import RenderableType

    from relations.engine import Relations
    from relations.policies import Policy

__all__ = ["policy"]

PolicyFile = Annotated[
    Path, typer.Argument(metavar="FILE", help="A policy as TOML or JSON. Fields that are left out have their defaults.")
]

policy = typer.Typer(help="Show, check and adopt the rules of the business.", no_args_is_help=True)


@policy.callback()
def _policy() -> None:
    """Show, check and adopt the rules of the business."""


@policy.command("show")
def show(
    database: Database,
    as_of: AsOf = None,
    known: Known = None,
    whole: Annotated[bool, typer.Option("--all", help="Show every value, also those at their defaults.")] = False,
    master_key_file: MasterKeyFile = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Show the policy in force as TOML, which can be edited, checked and adopted again.

    Values at their defaults are left out unless --all is given. With --json every value is shown.
    """
    with running(json=json, verbose=verbose) as screen:
        with open_as_known(screen, database, master_key_file, known=known, views=False) as engine:
            from relations.messages import to_micros

            at = moment(as_of, engine.policy.zone)
            found = engine.policy if at is None else engine.rules.at(to_micros(at))
        if json:
            screen.document(found.model_dump(mode="json"))
            return
        from relations.exchange.policies import policy_to_toml
        from relations.messages import from_micros

        since = found.effective_from
        when = "from the beginning" if since is None else f"since {from_micros(since):%Y-%m-%d %H:%M} UTC"
        body = policy_to_toml(found, whole=whole) or "# Every value is at its default; --all shows them.\n"
        screen.bytes(f"# Policy {found.version}, in force {when}\n{body}".encode())


@policy.command("check")
def check(
    file: PolicyFile,
    database: Annotated[
        str | None,
        typer.Option(
            "--database",
            "-d",
            envvar="RELATIONS_URL",
            metavar="URL|PATH",
            help="Show also what would change against the policy in force in this database.",
        ),
    ] = None,
    master_key_file: MasterKeyFile = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Check the policy in a file, and show where each mistake is and how to correct it.

    The exit code is 1 for errors, and 0 if there are only warnings.
    """
    with running(json=json, verbose=verbose) as screen:
        from relations.cli.pages import policy as page
        from relations.exchange.policies import check_policy_file, policy_differences

        report = check_policy_file(file)
        changes = None
        if database is not None and report.policy is not None:
            with open_to_read(database, master_key_file, views=False) as engine:
                changes = policy_differences(engine.policy, report.policy)
        document = {
            "good": report.good,
            "findings": [each.model_dump(mode="json") for each in report.findings],
            "changes": page.changes_document(changes),
        }
        screen.result(document, lambda to: to.print(page.show_check(str(file), report, changes)))
        if not report.good:
            raise typer.Exit(ExitCode.PROBLEMS)


@policy.command("adopt")
def adopt(
    file: PolicyFile,
    database: Database,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="Let it take effect on a day (its start) or at a time with its zone. Default: now."
        ),
    ] = None,
    from_beginning: Annotated[
        bool, typer.Option("--from-beginning", help="Put it in force for events of any date, as before an import.")
    ] = False,
    actor: Actor = None,
    master_key_file: MasterKeyFile = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Adopt the policy in a file by an event, and show what changes.

    Events dated before it takes effect are decided by the previous policy, even if recorded later. A policy that equals
    the one in force is not adopted again. The exit code is 3 if the policy is refused.
    """
    with running(json=json, verbose=verbose) as screen:
        from relations.aggregates.policy import AdoptPolicy
        from relations.cli.pages import policy as page
        from relations.exchange.policies import load_policy, policy_differences

        if since is not None and from_beginning:
            raise InvalidInput(
                "--since and --from-beginning exclude each other", code="invalid_arguments", hint="Give one of them"
            )
        wanted: Policy = load_policy(file)

        def adopt(engine: Relations) -> tuple[dict[str, object], RenderableType]:
            before = engine.policy
            changes = policy_differences(before, wanted)
            at = beginning(since, before.zone, field="--since") or engine.clock()
            fields = {} if actor is None else {"actor": actor}
            command = AdoptPolicy(policy=wanted, from_beginning=from_beginning, occurred_at=at, **fields)
            adopted = bool(changes) or from_beginning
            position = engine.execute(command).position if adopted else None
            version = engine.rules.adopted[-1].version if adopted else before.version
            document: dict[str, object] = {
                "adopted": adopted,
                "version": version,
                "position": position,
                "changes": page.changes_document(changes),
            }
            starts = None if from_beginning else at
            return document, page.show_adoption(version, changes, adopted=adopted, since=starts, zone=before.zone)

        def rehearse(empty: Relations) -> None:
            adopt(empty)

        document, shown = in_log(database, master_key_file, adopt, rehearse=rehearse)
        screen.result(document, lambda to: to.print(shown))
