"""Exit codes: one number for each way that a command can end, for scripts."""

from __future__ import annotations

from enum import IntEnum

from relations.errors import (
    CommandRefused,
    ConcurrencyConflict,
    ForeignDatabase,
    IdempotencyConflict,
    InvalidInput,
    LogError,
    MappingError,
    MissingExtra,
    NewerLog,
    RelationsError,
    SourceError,
    StoreError,
)

__all__ = ["MEANINGS", "ExitCode", "as_error", "exit_code"]


class ExitCode(IntEnum):
    """The exit codes of `relations`. They do not change."""

    GOOD = 0
    PROBLEMS = 1
    USAGE = 2
    REJECTED = 3
    DATABASE = 4
    NEWER = 5
    FILE = 6
    MAPPING = 7
    EXTRA = 8
    CONFLICT = 9
    FAULT = 70
    INTERRUPTED = 130


MEANINGS: dict[ExitCode, str] = {
    ExitCode.GOOD: "The command succeeded.",
    ExitCode.PROBLEMS: "Recorded data is wrong: the chain is broken, an event cannot be read, or a view is stopped or "
    "differs from the log. Or a checked policy or loyalty programme has errors.",
    ExitCode.USAGE: "The command line is wrong, or it has a wrong value, such as an unknown id.",
    ExitCode.REJECTED: "A rule refused the command; nothing was recorded. Or the import finished, and some rows were "
    "rejected.",
    ExitCode.DATABASE: "The database is missing, not a relations log, damaged, or cannot be reached.",
    ExitCode.NEWER: "The log was written by a newer version of relations.",
    ExitCode.FILE: "A file cannot be read completely, or cannot be written.",
    ExitCode.MAPPING: "The import mapping is missing or wrong.",
    ExitCode.EXTRA: "An optional package is missing; the message names it.",
    ExitCode.CONFLICT: "Other writers always came first, or a command id was used for two different commands.",
    ExitCode.FAULT: "There is a fault in relations itself. `-v` shows the traceback.",
    ExitCode.INTERRUPTED: "The command was interrupted; the message says what is safe.",
}
"""The meaning of each code; the reference is generated from it."""

_OF_ERRORS: tuple[tuple[type[RelationsError], ExitCode], ...] = (
    (NewerLog, ExitCode.NEWER),
    (ForeignDatabase, ExitCode.DATABASE),
    (StoreError, ExitCode.DATABASE),
    (LogError, ExitCode.PROBLEMS),
    (SourceError, ExitCode.FILE),
    (MappingError, ExitCode.MAPPING),
    (MissingExtra, ExitCode.EXTRA),
    (ConcurrencyConflict, ExitCode.CONFLICT),
    (IdempotencyConflict, ExitCode.CONFLICT),
    (InvalidInput, ExitCode.USAGE),
    (CommandRefused, ExitCode.REJECTED),
)
_OF_CODES: dict[str, ExitCode] = {
    # The command line is wrong here, and not the log.
    "master_key_needed": ExitCode.USAGE,
    "master_key_wrong": ExitCode.USAGE,
    "database_error": ExitCode.DATABASE,
}


def exit_code(error: RelationsError) -> ExitCode:
    """Return the code that a command ends with after this error."""
    if error.code in _OF_CODES:
        return _OF_CODES[error.code]
    return next((code for kind, code in _OF_ERRORS if isinstance(error, kind)), ExitCode.PROBLEMS)


def as_error(error: Exception) -> RelationsError | None:
    """Return an exception as an error for people, or None if it is a fault in relations."""
    from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

    match error:
        case RelationsError():
            return error
        case ArgumentError() | NoSuchModuleError():
            return InvalidInput(
                f"the database URL cannot be used: {_first_line(error)}",
                code="invalid_url",
                field="--database",
                hint="Give the path of an SQLite file, or a URL such as postgresql://user@host/name",
            )
        case DBAPIError():
            return RelationsError(
                f"the database refused: {_first_line(error.orig or error)}",
                code="database_error",
                hint="Check the URL, the name and the password, and that the server is running",
            )
        case OverflowError():
            return InvalidInput(
                f"a number is too large: {error}", code="number_out_of_range", hint="Use a number below 2^63"
            )
        case OSError():
            name = f"{error.filename}: " if error.filename else ""
            return SourceError(f"{name}{error.strerror or error}", code="file_error")
        case _:
            return None


def _first_line(error: BaseException) -> str:
    said = str(error).strip().splitlines()
    return said[0] if said else type(error).__name__
