"""The findings of a verification, and its result."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from typing import ClassVar

import msgspec
from sqlalchemy import Connection

from relations.errors import RelationsError
from relations.json_form import JsonForm
from relations.log.failures import translated

__all__ = ["MEANINGS", "Findings", "Problem", "Verification"]

_KEPT = 1_000
"""Findings of one kind that are kept. A log that is wrong from end to end has as many as it has events."""

MEANINGS: dict[str, str] = {
    "chain_broken": "A position is missing, or a row does not match its digest",
    "log_damaged": "The log cannot be read after a position",
    "log_emptied": "The log is empty, and its keys, snapshots or views show that it once was not",
    "not_as_noted": "The log has another digest, or none, at a position that was noted down",
    "unknown_topic": "The topic of an event is unknown to this version",
    "undecodable_event": "The body of an event does not fit its topic and schema",
    "newer_log": "The schema of an event is newer than this version knows",
    "version_gap": "A stream's versions do not run from 1 without a gap, in the order of positions",
    "customer_differs": "An event is in the stream of one customer and belongs to another",
    "receipt_broken": "The events of one command do not belong together: their numbers, times or actors",
    "cause_missing": "An event names a cause that is not in the log before it",
    "policy_missing": "An event names a policy that was not adopted before it, or a policy cannot be read",
    "trigger_missing": "A trigger that keeps the log append-only is missing or disabled",
    "trigger_changed": "A trigger that keeps the log append-only differs from the one that relations creates",
    "fact_damaged": "A row of relations_meta is missing, unknown, or was changed",
    "database_damaged": "The database reports damage, or something in it cannot be read",
    "table_missing": "A table is missing",
    "key_unreadable": "A customer's key is damaged, or wrapped for somebody else",
    "key_wrong": "A customer's key does not open their words",
    "key_missing": "A customer has sealed words and no key",
    "key_emptied": "A customer's key was destroyed without an erasure",
    "key_restored": "A customer was erased and has a key again",
    "key_misdated": "A customer's key was not created with their first sealed words",
    "key_unused": "There is a key of a customer who has no events",
    "snapshot_damaged": "A snapshot does not match its digest; it is ignored",
    "snapshot_differs": "A snapshot differs from the events that it stands for",
    "seal_broken": "A kept seal does not match the log, or its parts do not match each other",
    "view_differs": "A row of a view differs from its refold",
    "columns_differ": "Columns that were stored of a view's table differ from its rows",
    "view_outdated": "A view was made by another version, or with other time zone data",
    "checkpoint_beyond_head": "A view was folded up to a position that the log does not have",
    "checkpoint_damaged": "The record of a view's state contradicts itself, the log or the tables",
    "checkpoint_missing": "A view has tables and no record of its state",
    "projection_failed": "A view is stopped at an event that it cannot fold",
}
"""Every code of a finding that a check of its own has, and its meaning; the reference is generated from it."""


class Problem(JsonForm, msgspec.Struct, frozen=True):
    """A finding of a verification: something wrong in the database.

    Attributes:
        code: The kind of finding; the reference lists all kinds. A check that meets an error reports the error's code.
        reason: A sentence for people.
        position: The position in the log, if there is one.
        view: The name of the view, if the finding is about one.
        table: The table, if the finding is about one.
        key: The row's key in that table, its parts separated by commas.
        column: The column, if one column is wrong.
    """

    code: str
    reason: str
    position: int | None = None
    view: str | None = None
    table: str | None = None
    key: str | None = None
    column: str | None = None


class Verification(JsonForm, msgspec.Struct, frozen=True):
    """The result of `verify`.

    Attributes:
        events: How many events were checked.
        position: The last good position.
        digest: Its digest, hexadecimal.
        views: The views that were refolded and compared.
        problems: Everything found wrong; empty if all is well.
        omitted: How many further problems of the same kinds were found. At most 1,000 of each kind are listed.
        unchecked: What could not be checked here, and why, as sentences. It does not make the result less good.
    """

    _derived: ClassVar[tuple[str, ...]] = ("good",)
    events: int
    position: int
    digest: str
    views: list[str]
    problems: list[Problem]
    omitted: int = 0
    unchecked: list[str] = []

    @property
    def good(self) -> bool:
        """True if no problem was found."""
        return not self.problems


class Findings:
    """The problems found so far.

    Args:
        is_sqlite: True if errors of the database leave its transaction usable.

    Attributes:
        problems: The problems in the order of the checks.
        omitted: How many were not kept, because there are too many of their kind.
    """

    def __init__(self, *, is_sqlite: bool) -> None:
        self._is_sqlite = is_sqlite
        self._counts: dict[str, int] = {}
        self.problems: list[Problem] = []
        self.omitted = 0

    def add(self, problem: Problem) -> None:
        """Add a problem."""
        count = self._counts[problem.code] = self._counts.get(problem.code, 0) + 1
        if count > _KEPT:
            self.omitted += 1
        else:
            self.problems.append(problem)

    def add_all(self, problems: Iterable[Problem]) -> None:
        """Add problems."""
        for problem in problems:
            self.add(problem)

    @contextmanager
    def catching(self, connection: Connection, what: str) -> Iterator[list[Problem]]:
        """Turn an error in a check into a finding, so that the report has it and all other findings.

        Args:
            connection: The transaction of the check.
            what: What is checked, as the beginning of a sentence.

        Yields:
            A list that has the finding after an error.
        """
        caught: list[Problem] = []
        try:
            with nullcontext() if self._is_sqlite else connection.begin_nested():
                yield caught
        except Exception as error:  # any at all: damaged bytes can raise anything
            caught.append(_problem_of(error, what))
            self.add(caught[0])


def _problem_of(error: Exception, what: str) -> Problem:
    known = translated(error)
    if isinstance(known, RelationsError):
        return Problem(known.code, f"{what}: {known.reason}", getattr(known, "position", None))
    return Problem("database_damaged", f"{what} cannot be read: {type(error).__name__}: {error}")
