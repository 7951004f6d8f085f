"""How a command ends: one number for each way, so that a script need not read the words."""

from __future__ import annotations

from enum import IntEnum

from sqlalchemy.exc import DBAPIError

from relations.errors import (
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
    ExitCode.GOOD: "All is well.",
    ExitCode.PROBLEMS: "Something recorded does not hold: the chain is broken, an event cannot be read, a view differs "
    "from its refold or stands still. Or a loyalty programme that was checked has errors.",
    ExitCode.USAGE: "The command line cannot be understood, or a value on it is wrong, such as an id that nobody has.",
    ExitCode.REJECTED: "The import is done, and rows were rejected.",
    ExitCode.DATABASE: "The database is not there, not ours, damaged, or cannot be reached.",
    ExitCode.NEWER: "The log was written by a newer version of relations.",
    ExitCode.FILE: "A file cannot be read, or not to its end, or cannot be written.",
    ExitCode.MAPPING: "The import mapping is not there or makes no sense.",
    ExitCode.EXTRA: "An optional package is needed; the message says which.",
    ExitCode.CONFLICT: "Other writers came first every time, or a command id was used twice for different commands.",
    ExitCode.FAULT: "A fault in relations itself. With `-v` the traceback is shown.",
    ExitCode.INTERRUPTED: "Interrupted; the message says what is safe.",
}
"""What each code means, for people; the reference is made from it."""

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
)
_OF_CODES: dict[str, ExitCode] = {
    # What was given on the command line is wrong, and not the log.
    "master_key_needed": ExitCode.USAGE,
    "master_key_wrong": ExitCode.USAGE,
    "database_error": ExitCode.DATABASE,
}


def exit_code(error: RelationsError) -> ExitCode:
    """The code that a command ends with after this error."""
    if error.code in _OF_CODES:
        return _OF_CODES[error.code]
    return next((code for kind, code in _OF_ERRORS if isinstance(error, kind)), ExitCode.PROBLEMS)


def as_error(error: Exception) -> RelationsError | None:
    """An exception as an error for people, where it is one of the world and not a fault of ours; None otherwise."""
    match error:
        case RelationsError():
            return error
        case DBAPIError():
            said = str(error.orig or error).strip().splitlines()
            return RelationsError(
                f"the database refused: {said[0] if said else type(error).__name__}",
                code="database_error",
                hint="Check the URL, the name and the password, and that the server is running",
            )
        case OSError():
            name = f"{error.filename}: " if error.filename else ""
            return SourceError(f"{name}{error.strerror or error}", code="file_error")
        case _:
            return None
