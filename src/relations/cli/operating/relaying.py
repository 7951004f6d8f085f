"""`relations relay` and `dead-letters`: sending recorded events to other systems."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from relations.cli.options import Database, Grace, Json, MasterKeyFile, Verbose, open_engine, open_to_read
from relations.cli.screen import Screen, running
from relations.cli.signals import GRACE_SECONDS, stopped_by_signals
from relations.errors import InvalidInput, SourceError

if TYPE_CHECKING:
    from relations.engine import Relations
    from relations.messages import Event

__all__ = [
    "ModeChoice",
    "PersonalChoice",
    "dead_letters_command",
    "outbox_view_command",
    "read_secrets",
    "relay_command",
]


class ModeChoice(StrEnum):
    """The form of an event on its way."""

    structured = "structured"
    binary = "binary"


class PersonalChoice(StrEnum):
    """The treatment of personal words."""

    sealed = "sealed"
    omit = "omit"
    open = "open"


_NAME = "Keep the position under this name."


def relay_command(
    database: Database,
    to: Annotated[
        str,
        typer.Option(
            "--to", metavar="webhook|amqp|kafka|redis|stdout|FILE", help="Send the events there; a FILE grows by lines."
        ),
    ],
    url: Annotated[
        str | None, typer.Option("--url", metavar="URL", help="The address of the webhook or of the broker.")
    ] = None,
    channel: Annotated[
        str | None,
        typer.Option(
            "--channel",
            help="Send to this exchange, topic or stream of the broker. Default: relations.",
            metavar="NAME",
        ),
    ] = None,
    name: Annotated[str, typer.Option("--name", help=_NAME)] = "relay",
    source: Annotated[
        str, typer.Option("--source", metavar="URI", help="Name the log with this CloudEvents source.")
    ] = "/relations",
    mode: Annotated[
        ModeChoice, typer.Option("--mode", help="Send attributes with the data, or apart from it as headers.")
    ] = ModeChoice.structured,
    personal: Annotated[
        PersonalChoice,
        typer.Option("--personal", help="Send personal words sealed as they are stored, omit them, or open them."),
    ] = PersonalChoice.sealed,
    secret_file: Annotated[
        Path | None,
        typer.Option(
            "--secret-file",
            envvar="RELATIONS_WEBHOOK_SECRET_FILE",
            metavar="FILE",
            help="Sign webhooks with the secrets in this file, one per line, the newest first.",
        ),
    ] = None,
    topics: Annotated[
        list[str] | None, typer.Option("--topic", metavar="TOPIC", help="Send only this topic; repeat it for more.")
    ] = None,
    after: Annotated[
        int, typer.Option("--after", min=0, metavar="POSITION", help="Begin a new relay after this position.")
    ] = 0,
    batch: Annotated[int, typer.Option(min=1, max=10_000, help="Move the position after this many events.")] = 100,
    attempts: Annotated[
        int, typer.Option(min=1, max=100, help="Send an event this many times before it becomes a dead letter.")
    ] = 8,
    once: Annotated[bool, typer.Option("--once", help="Send what there is and exit.")] = False,
    grace: Grace = GRACE_SECONDS,
    master_key_file: MasterKeyFile = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Send recorded events to a webhook, a broker or a file as CloudEvents, and go on until interrupted.

    Each event is sent at least once, and a customer's events in order. The position moves after the target has
    acknowledged. Of all relays with one name, one runs at a time; another one waits to take over.
    """
    safe = "The relay goes on where it stopped."
    with running(json=json, verbose=verbose, safe=safe) as screen, open_engine(database, master_key_file) as engine:
        from relations.relay import Relay
        from relations.relay.targets.opening import open_target

        of = _events(engine, topics or ())
        target = open_target(to, url=url, channel=channel, mode=mode.value, secrets=read_secrets(secret_file))
        with Relay(
            engine,
            target,
            name=name,
            source=source,
            personal=personal.value,
            of=of,
            after=after,
            batch=batch,
            attempts=attempts,
        ) as relay:
            if not once:
                screen.say(f"Sending the events of {engine.log.database.name} to {target.name}. Stop with Ctrl-C.")
            with stopped_by_signals(relay.stop, grace=grace, safe=safe):
                report = relay.run(once=once)
        if to != "stdout":
            screen.result(report, lambda screen: _say_report(screen, relay.name, report))


def _say_report(screen: Screen, name: str, report: Any) -> None:
    from relations.cli.show import counted

    screen.say(f"Delivered {counted(report.delivered, 'event')}, with {counted(report.retries, 'retry', 'retries')}.")
    if not report.delivered and not report.dead and not report.retries:
        screen.say(f"Nothing is new for the relay {name!r}. Another target needs a --name of its own.")
    if report.dead:
        dead = counted(report.dead, "was", "were")
        screen.say(f"{dead} not delivered. `relations dead-letters --name {name}` shows them.", "red")


def read_secrets(file: Path | None) -> list[str]:
    """Return the secrets in a file, one per line.

    Raises:
        SourceError: The file cannot be read, or is empty.
    """
    if file is None:
        return []
    try:
        secrets = file.read_text("utf-8").split()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SourceError(f"the secret file {str(file)!r} cannot be read: {reason}", code="unreadable_secret") from None
    if not secrets:
        raise SourceError(
            f"the secret file {str(file)!r} is empty",
            code="unreadable_secret",
            hint="Write a secret into it, or leave --secret-file out to send without signatures",
        )
    return secrets


def _events(engine: Relations, topics: list[str] | tuple[str, ...]) -> list[type[Event]]:
    known = engine.codec.topics
    for topic in topics:
        if topic not in known:
            raise InvalidInput(
                f"there is no topic {topic!r}",
                code="unknown_topic",
                field="--topic",
                hint="Run `relations schema events` to see all of them",
            )
    return [known[topic].event for topic in topics]


def dead_letters_command(
    database: Database,
    name: Annotated[str | None, typer.Option("--name", help="Show only those of this relay.")] = None,
    send_again: Annotated[
        bool, typer.Option("--send-again", help="Mark them to be sent again; the relay does it as soon as it runs.")
    ] = False,
    discard: Annotated[bool, typer.Option("--discard", help="Remove them; their events are never sent.")] = False,
    ids: Annotated[
        list[str] | None, typer.Option("--id", metavar="ID", help="Choose this CloudEvents id; repeat it for more.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="Show at most this many.")] = 100,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Show the events that a relay could not deliver, send them again, or discard them.

    Later events of the same customer wait behind a dead letter, so that they arrive in order. They are sent again
    together with it.
    """
    with running(json=json, verbose=verbose) as screen:
        if send_again and discard:
            raise InvalidInput(
                "cannot send letters again and discard them", code="options_conflict", hint="Give one of both options"
            )
        if discard and not ids:
            raise InvalidInput(
                "--discard needs the ids of the letters", code="ids_missing", field="--id", hint="Add --id ID"
            )
        changes = send_again or discard
        opened = open_engine(database) if changes else open_to_read(database, views=False)
        with opened as engine:
            from relations.cli.operating.letters_page import show_dead_letters
            from relations.cli.show import counted
            from relations.relay import DeadLetters

            letters = DeadLetters(engine.log.database, name)
            if changes:
                changed = letters.send_again(ids or ()) if send_again else letters.remove(ids=ids or ())
                what = "marked to be sent again" if send_again else "discarded"
                said = f"{counted(changed, 'dead letter')} {what}."
                screen.result({"changed": changed}, lambda screen: screen.say(said))
                if changed < len(set(ids or ())):
                    screen.say(
                        "Some of the ids have no dead letter. `relations dead-letters` shows those that do.", "red"
                    )
                return
            found = letters.list(limit=limit)
            total = sum(letters.count().values())
            screen.result(
                {"total": total, "letters": found}, lambda screen: screen.print(*show_dead_letters(found, total))
            )


def outbox_view_command(
    database: Database,
    drop: Annotated[bool, typer.Option("--drop", help="Drop the view instead.")] = False,
    verbose: Verbose = False,
) -> None:
    """Create the view `relations_outbox` on PostgreSQL, in the column layout of Debezium's outbox event router.

    Connectors that query tables read new events from it in order of the column `position`.
    """
    with running(verbose=verbose) as screen, open_engine(database) as engine:
        from relations.relay import create_outbox_view, drop_outbox_view

        (drop_outbox_view if drop else create_outbox_view)(engine.log.database)
        screen.say("The view relations_outbox is dropped." if drop else "The view relations_outbox is ready.")
