"""The options that commands share, and what they mean: which database, which key, which moment."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from relations.engine import Relations
from relations.errors import InvalidInput, SourceError
from relations.log.database import Access
from relations.messages import ID_PATTERN, from_micros
from relations.policies.calendars import local_time

__all__ = [
    "AsOf",
    "Database",
    "Json",
    "MasterKeyFile",
    "Verbose",
    "beginning",
    "checked_customer",
    "database_url",
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
        help="The database: an SQLAlchemy URL, or the path of an SQLite file.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, for programs.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Log lines from debug on, on stderr.")]
MasterKeyFile = Annotated[
    Path | None,
    typer.Option(
        "--master-key-file",
        envvar="RELATIONS_MASTER_KEY_FILE",
        metavar="FILE",
        help="The file of the master key that wraps customers' keys: 32 bytes, or 64 hexadecimal digits.",
    ),
]
AsOf = Annotated[
    str | None,
    typer.Option(
        "--as-of",
        metavar="TIME",
        help="As things stood then: a day such as 2025-12-31 (its end), or a time with its zone. Now by default.",
    ),
]

_KEY_BYTES = 32
_KEY_FILE_MAX = 4_096


def database_url(database: str) -> str:
    """What was given as a URL: a plain path is that of an SQLite file."""
    return database if "://" in database else f"sqlite:///{database}"


def read_master_key(file: Path | None) -> bytes | None:
    """The master key in a file.

    Raises:
        SourceError: It cannot be read.
        InvalidInput: There is no key in it.
    """
    if file is None:
        return None
    try:
        with file.open("rb") as opened:
            body = opened.read(_KEY_FILE_MAX)
    except OSError as error:
        raise SourceError(f"{file} cannot be read: {error.strerror or error}", code="unreadable_master_key") from None
    if len(body) == _KEY_BYTES:
        return body
    digits = body.strip()
    if re.fullmatch(rb"[0-9A-Fa-f]{64}", digits):
        return bytes.fromhex(digits.decode())
    raise InvalidInput(
        f"{file} holds no master key",
        code="invalid_master_key",
        field="--master-key-file",
        hint="It has to be 32 bytes, or 64 hexadecimal digits",
    )


def open_engine(
    database: str, master_key_file: Path | None = None, *, create: bool = False, access: Access = "write"
) -> Relations:
    """Open the engine for a command that writes; `create` makes the log if there is none."""
    key = read_master_key(master_key_file)
    return Relations.open(database_url(database), create=create, master_key=key, access=access)


def open_to_read(database: str, master_key_file: Path | None = None, *, views: bool = True) -> Relations:
    """Open the engine for a command that only reads.

    The database is recognised before anything in it may change. Views that are behind are then brought up to date, if
    the database may be written; otherwise in memory, or on PostgreSQL not at all, with a warning.

    Args:
        database: A URL or a path.
        master_key_file: The file of the master key.
        views: The command asks views. Otherwise nothing is changed at all.
    """
    url, key = database_url(database), read_master_key(master_key_file)
    engine = Relations.open(url, create=False, master_key=key, access="read", follow=False)
    try:
        if not views or not engine.runner.is_behind():
            return engine
        access: Access = "fold" if engine.log.database.may_fold() else "read"
    except BaseException:
        engine.close()
        raise
    engine.close()
    return Relations.open(url, create=False, master_key=key, access=access)


def moment(given: str | None, zone: str, *, field: str = "--as-of") -> datetime | None:
    """The moment that a day or a time stands for; None where nothing was given. A day means its last microsecond.

    Args:
        given: What stands on the command line.
        zone: The IANA zone that days are counted in.
        field: Whose value it is, for the error.

    Raises:
        InvalidInput: It is neither, or a time without a zone.
    """
    if given is None:
        return None
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", given):
            return from_micros(local_time(zone).start(date.fromisoformat(given) + timedelta(days=1)) - 1)
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
    return found


def beginning(given: str | None, zone: str, *, field: str) -> datetime | None:
    """As `moment`, but a day means its first instant.

    Raises:
        InvalidInput: It is neither a day nor a time, or a time without a zone.
    """
    found = moment(given, zone, field=field)
    if found is None or given is None or not re.fullmatch(r"\d{4}-\d{2}-\d{2}", given):
        return found
    return from_micros(local_time(zone).start(date.fromisoformat(given)))


def checked_customer(customer: str, *, field: str = "CUSTOMER", what: str = "a customer's id") -> str:
    """An id, if it can be one.

    Args:
        customer: What stands on the command line.
        field: Whose value it is, for the error.
        what: What it should be, likewise.

    Raises:
        InvalidInput: Nothing can have it.
    """
    if not re.fullmatch(ID_PATTERN, customer):
        shown = customer if len(customer) <= 40 else customer[:40] + "…"
        raise InvalidInput(
            f"{shown!r} cannot be {what}",
            code="invalid_customer" if field == "CUSTOMER" else "invalid_id",
            field=field,
            hint="Ids are 1 to 64 of letters, digits and . _ : -",
        )
    return customer
