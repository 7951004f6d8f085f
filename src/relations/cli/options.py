"""The options that commands share: the database, the master key, and moments."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from relations.errors import ForeignDatabase, InvalidInput, SourceError

if TYPE_CHECKING:
    from relations.engine import Relations
    from relations.log.database import Access

__all__ = [
    "Actor",
    "Ahead",
    "AsOf",
    "Database",
    "Grace",
    "Json",
    "MasterKeyFile",
    "Verbose",
    "beginning",
    "checked_id",
    "database_url",
    "given_options",
    "in_log",
    "moment",
    "open_engine",
    "open_to_read",
    "read_master_key",
]

Database = Annotated[
    str,
    typer.Option(
        "--database",
        "-d",
        envvar="RELATIONS_URL",
        metavar="URL|PATH",
        help="Use this database: the path of an SQLite file, or a URL such as postgresql://user@host/name.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Write one JSON document to stdout, for programs.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Write log lines from level debug to stderr.")]
MasterKeyFile = Annotated[
    Path | None,
    typer.Option(
        "--master-key-file",
        envvar="RELATIONS_MASTER_KEY_FILE",
        metavar="FILE",
        help="Read the master key from this file: 32 bytes, or 64 hexadecimal digits. It wraps the customers' keys.",
    ),
]
Grace = Annotated[
    float,
    typer.Option(
        "--grace",
        min=0,
        max=86_400,
        metavar="SECONDS",
        help="When asked to stop, wait at most this long for work under way, and then end in the middle of it.",
    ),
]
Actor = Annotated[
    str | None,
    typer.Option(envvar="RELATIONS_ACTOR", metavar="NAME", help="Record this person or system as the sender."),
]
AsOf = Annotated[
    str | None,
    typer.Option(
        "--as-of",
        metavar="TIME",
        help="Show the figures as of a moment: a day such as 2025-12-31 (its end), or a time with its zone. "
        "Default: now.",
    ),
]
Ahead = Annotated[
    int,
    typer.Option("--ahead", min=0, max=3660, metavar="DAYS", help="Show what falls due within this many days."),
]

T = TypeVar("T")
_KEY_BYTES = 32
_KEY_FILE_MAX = 4_096
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def given_options(context: typer.Context) -> list[str]:
    """Return the names of the parameters that the command line gives, without those of defaults and variables."""
    sources = {name: context.get_parameter_source(name) for name in context.params}
    return [name for name, source in sources.items() if source is not None and source.name == "COMMANDLINE"]


def database_url(database: str) -> str:
    """Return the URL of a database given as a URL or as the path of an SQLite file.

    Raises:
        InvalidInput: The text cannot name a database.
    """
    if not database.strip():
        raise InvalidInput("no database was given", code="invalid_url", field="--database", hint="Give a path or a URL")
    if "\0" in database or any("\ud800" <= character <= "\udfff" for character in database):
        raise InvalidInput(
            f"{database!r} has characters that no path or URL may have", code="invalid_url", field="--database"
        )
    if "://" not in database:
        from sqlalchemy.engine import URL

        # Built and not parsed: a path may contain characters that have a meaning in a URL.
        return URL.create("sqlite", database=database).render_as_string()
    scheme, _, rest = database.partition("://")
    return f"postgresql://{rest}" if scheme.lower() == "postgres" else database


def read_master_key(file: Path | None) -> bytes | None:
    """Return the master key in a file, or None if no file is given.

    Raises:
        SourceError: The file cannot be read.
        InvalidInput: The file does not contain a master key.
    """
    if file is None:
        return None
    try:
        with file.open("rb") as opened:
            body = opened.read(_KEY_FILE_MAX)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SourceError(
            f"the master key file {str(file)!r} cannot be read: {reason}", code="unreadable_master_key"
        ) from None
    if len(body) == _KEY_BYTES:
        return body
    digits = body.strip()
    if re.fullmatch(rb"[0-9A-Fa-f]{64}", digits):
        return bytes.fromhex(digits.decode())
    raise InvalidInput(
        f"{file} does not contain a master key",
        code="invalid_master_key",
        field="--master-key-file",
        hint="Give a file of 32 bytes, or of 64 hexadecimal digits",
    )


def open_engine(
    database: str, master_key_file: Path | None = None, *, create: bool = False, access: Access = "write"
) -> Relations:
    """Open the engine for a command that writes; `create` makes the log if there is none."""
    key = read_master_key(master_key_file)
    return _open(database_url(database), create=create, master_key=key, access=access)


def in_log(
    database: str,
    master_key_file: Path | None,
    work: Callable[[Relations], T],
    *,
    rehearse: Callable[[Relations], T | None],
) -> T:
    """Work on a log, and create it if it is missing. What an empty log would refuse creates nothing.

    Args:
        database: A URL or a path.
        master_key_file: The file of the master key.
        work: The work that records.
        rehearse: The same work on an empty log in memory, at least to the first event. It raises what the work would
            raise. It returns None if the log is to be created, and otherwise the result of work that records nothing.

    Returns:
        The result of the work.
    """
    try:
        engine = open_engine(database, master_key_file)
    except ForeignDatabase:
        with open_engine("sqlite://", master_key_file, create=True) as empty:
            nothing = rehearse(empty)
        if nothing is not None:
            return nothing
        engine = open_engine(database, master_key_file, create=True)
    with engine:
        return work(engine)


def _open(url: str, **options: Any) -> Relations:
    from relations.cli.extensions import extension_options
    from relations.engine import Relations

    own = extension_options()
    try:
        return Relations.open(url, **own, **options)
    except (ValueError, TypeError) as error:
        # Drivers raise these for ports, hosts and options that cannot be right.
        raise InvalidInput(
            f"the database URL cannot be used: {str(error).partition(chr(10))[0]}",
            code="invalid_url",
            field="--database",
            hint="Give the path of an SQLite file, or a URL such as postgresql://user@host/name",
        ) from None


def open_to_read(
    database: str, master_key_file: Path | None = None, *, views: bool = True, kept_states: Path | None = None
) -> Relations:
    """Open the engine for a command that only reads.

    Nothing is changed before the database is recognised as a log. Views that are behind are then brought up to date. If
    the database is read-only, this is done in memory; on PostgreSQL it is not done, and a warning is shown.

    Args:
        database: A URL or a path.
        master_key_file: The file of the master key.
        views: True if the command reads views. Otherwise nothing is changed at all.
        kept_states: The folder for states of views as of a moment.
    """
    url, key = database_url(database), read_master_key(master_key_file)
    engine = _open(url, create=False, master_key=key, access="read", follow=False, kept_states=kept_states)
    try:
        if not views or not engine.runner.is_behind():
            return engine
        access: Access = "fold" if engine.log.database.may_fold() else "read"
    except BaseException:
        engine.close()
        raise
    engine.close()
    return _open(url, create=False, master_key=key, access=access)


def moment(given: str | None, zone: str, *, field: str = "--as-of") -> datetime | None:
    """Return the moment that a day or a time stands for, or None if nothing is given.

    A day stands for its last microsecond.

    Args:
        given: The text on the command line.
        zone: The IANA zone in which days are counted.
        field: The option, for the error.

    Raises:
        InvalidInput: The text is neither a day nor a time, or is a time without a zone.
    """
    if given is None:
        return None
    try:
        if _DAY.fullmatch(given):
            return _start_of(date.fromisoformat(given) + timedelta(days=1), zone) - timedelta(microseconds=1)
        found = datetime.fromisoformat(given)
    except (ValueError, OverflowError):
        raise InvalidInput(
            f"{given!r} is neither a day nor a time",
            code="invalid_time",
            field=field,
            hint="Write 2025-12-31, or 2025-12-31T18:00+01:00",
        ) from None
    if found.tzinfo is None:
        raise InvalidInput(
            f"{given!r} has no time zone",
            code="naive_datetime",
            field=field,
            hint=f"Write {given}Z for UTC, or add the offset, such as {given}+01:00",
        )
    try:
        return found.astimezone(UTC)
    except OverflowError:
        raise InvalidInput(f"{given!r} is out of range", code="invalid_time", field=field) from None


def _start_of(day: date, zone: str) -> datetime:
    from relations.messages import from_micros
    from relations.policies.calendars import local_time

    return from_micros(local_time(zone).start(day))


def beginning(given: str | None, zone: str, *, field: str) -> datetime | None:
    """Return the moment that a day or a time stands for. A day stands for its first instant.

    Raises:
        InvalidInput: The text is neither a day nor a time, or is a time without a zone.
    """
    found = moment(given, zone, field=field)
    if found is None or given is None or not _DAY.fullmatch(given):
        return found
    return _start_of(date.fromisoformat(given), zone)


def checked_id(given: str, *, field: str = "CUSTOMER", what: str = "customer id") -> str:
    """Return an id from the command line.

    Args:
        given: The text on the command line.
        field: The argument, for the error.
        what: The kind of id, for the error.

    Raises:
        InvalidInput: The text cannot be an id.
    """
    from relations.messages import ID_PATTERN

    if not re.fullmatch(ID_PATTERN, given):
        shown = given if len(given) <= 40 else given[:40] + "…"
        raise InvalidInput(
            f"{shown!r} cannot be a {what}",
            code="invalid_customer" if field == "CUSTOMER" else "invalid_id",
            field=field,
            hint="Use 1 to 64 letters, digits and . _ : -",
        )
    return given
