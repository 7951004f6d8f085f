"""Every error that `relations` raises, in one tree.

::

    RelationsError                 code, reason, field, hint: for people first
    ├── InvalidInput               what a caller sent cannot be understood (`invalid_input`, …)
    │   └── NoFit                  sound, and no model can be fitted to it; the code says why
    ├── CommandRefused             understood, and against a rule of the domain; names the rule
    ├── IdempotencyConflict        the same command id came with a different command
    ├── ConcurrencyConflict        others kept writing first; nothing was written
    ├── LogError                   the log itself
    │   ├── StoreError             the database failed, is damaged, or cannot be reached
    │   │   └── OutcomeUnknown     the connection was lost while a transaction was being committed
    │   ├── ForeignDatabase        the database is not ours
    │   ├── NewerLog               written by a newer version of relations
    │   ├── UndecodableEvent       a stored body that its topic's class cannot read
    │   └── ChainBroken            the digest chain does not hold at a position
    ├── ProjectionFailed           a projection stopped at a poison event
    ├── SourceError                a file to import cannot be read
    ├── MappingError               an import mapping that makes no sense
    └── MissingExtra               an optional package is needed; says which

All of them carry a stable `code` that programs may match on; the text may be reworded at any time.
"""

from __future__ import annotations

from typing import Any
from warnings import warn

__all__ = [
    "ChainBroken",
    "CommandRefused",
    "ConcurrencyConflict",
    "ForeignDatabase",
    "IdempotencyConflict",
    "InvalidInput",
    "LogError",
    "MappingError",
    "MissingExtra",
    "NewerLog",
    "NoFit",
    "OutcomeUnknown",
    "ProjectionFailed",
    "RelationsError",
    "SourceError",
    "StoreError",
    "UndecodableEvent",
]


class RelationsError(Exception):
    """The root of the tree.

    Args:
        reason: What was wrong, as a sentence without its full stop.
        code: A stable word for programs, such as `refund_exceeds_purchase`.
        field: The field that was wrong, if one was.
        hint: What to do instead.

    Attributes:
        code: A stable word for programs, such as `refund_exceeds_purchase`.
    """

    code: str = "relations_error"

    def __init__(
        self, reason: str, *, code: str | None = None, field: str | None = None, hint: str | None = None
    ) -> None:
        self.reason = reason
        self.code = code or type(self).code
        self.field = field
        self.hint = hint
        super().__init__(reason)

    def __str__(self) -> str:
        where = f"{self.field}: " if self.field else ""
        hint = f". {self.hint}" if self.hint else ""
        return f"[{self.code}] {where}{self.reason}{hint}"

    @property
    def remedy(self) -> str | None:
        """The hint under its former name. Deprecated: read `hint`; this alias goes with version 0.2."""
        warn("`remedy` of an error is now called `hint`", DeprecationWarning, stacklevel=2)
        return self.hint

    def __reduce__(self) -> tuple[Any, ...]:
        # Errors travel between processes (a sharded rebuild), with all they say.
        return (_rebuild_error, (type(self), self.__dict__))

    @property
    def retry(self) -> bool:
        """Return whether the same call may succeed later, unchanged: the database was busy, or could not be reached.

        Nothing was recorded, except with `OutcomeUnknown`, where it may have been. A command is then sent again with
        its `command_id`, and is recorded once.
        """
        return self.code in _PASSING

    def as_dict(self) -> dict[str, str | bool | None]:
        """Return the error for programs: code, field, reason, hint, and whether the same call may succeed later."""
        return {
            "code": self.code,
            "field": self.field,
            "reason": self.reason,
            "hint": self.hint,
            "retry": self.retry,
        }


_PASSING = frozenset(
    (
        "concurrency_conflict",
        "connection_lost",
        "consumer_lost",
        "database_unreachable",
        "log_busy",
        "outcome_unknown",
        "pool_exhausted",
    )
)
"""The codes of failures that end by themselves."""


def _rebuild_error(cls: type[RelationsError], attributes: dict[str, Any]) -> RelationsError:
    error = cls.__new__(cls)
    error.__dict__.update(attributes)
    error.args = (attributes["reason"],)
    return error


class InvalidInput(RelationsError):
    """Input that cannot be understood: a wrong value, an unknown name, a malformed file."""

    code = "invalid_input"


class NoFit(InvalidInput):
    """There is no fit of a model to these customers.

    The code says why: `no_customers`, `no_repeat_customers` (nobody came back) or `no_repeat_spending` (they did, and
    spent nothing). Two further codes are `fit_not_converged` (the likelihood has no summit) and `infinite_mean` (there
    is a fit, and what it expects is infinite). `no_rules`: no association rule meets the limits.
    `no_clusters`: the customers are too few or too much alike to be divided.
    """

    code = "no_fit"


class CommandRefused(RelationsError):
    """A command that the rules of the domain do not allow in the present state. Nothing was written."""

    code = "refused"


class IdempotencyConflict(RelationsError):
    """A command id that the log already holds came again with a different command."""

    code = "command_id_reused"


class ConcurrencyConflict(RelationsError):
    """Other writers got in first every time, or the caller's expected version is out of date."""

    code = "concurrency_conflict"


class LogError(RelationsError):
    """Something is wrong with the log itself."""

    code = "log_error"


class StoreError(LogError):
    """The database failed, is damaged, or cannot be reached. The code says which.

    `disk_full`, `database_damaged`, `database_replaced` (the file was removed or replaced while it was in use),
    `table_missing`, `connection_lost`, `database_unreachable`, `access_denied`, or `store_failed` for the rest.
    """

    code = "store_failed"


class OutcomeUnknown(StoreError):
    """The connection was lost while a transaction was being committed, so it may or may not be recorded.

    Args:
        command_id: The id to send the command with again. It is recorded once, whatever became of the first time.
            Empty for a batch.
    """

    code = "outcome_unknown"

    def __init__(self, *, command_id: str = "") -> None:
        hint = "Send the batch again; commands with ids of their own are recorded only once"
        if command_id:
            hint = f"Send the same command again with command_id={command_id!r}; it is recorded only once"
        super().__init__("the connection was lost during the commit: it may or may not be recorded", hint=hint)
        self.command_id = command_id


class ForeignDatabase(LogError):
    """The database has tables, but they are not ours."""

    code = "foreign_database"


class NewerLog(LogError):
    """The log was written by a newer version of relations than this one."""

    code = "newer_log"


class UndecodableEvent(LogError):
    """A stored body that the class of its topic cannot read."""

    code = "undecodable_event"


class ChainBroken(LogError):
    """The digest chain does not hold.

    Args:
        position: The first bad position.
    """

    code = "chain_broken"

    def __init__(self, reason: str, *, position: int, hint: str | None = None) -> None:
        super().__init__(reason, field=f"position {position}", hint=hint)
        self.position = position


class ProjectionFailed(RelationsError):
    """A projection met an event that it cannot fold, and stays at that position until this is fixed.

    Args:
        projection: The projection's name.
        position: The position of the event.
        stream: The event's stream.
    """

    code = "projection_failed"

    def __init__(self, reason: str, *, projection: str, position: int, stream: str) -> None:
        super().__init__(
            reason,
            field=f"{projection}, position {position}, stream {stream}",
            hint="Fix the projection or add an upcast, then run `relations rebuild`",
        )
        self.projection = projection
        self.position = position
        self.stream = stream


class SourceError(RelationsError):
    """A file to import cannot be read."""

    code = "unreadable_source"


class MappingError(RelationsError):
    """An import mapping that makes no sense."""

    code = "invalid_mapping"


class MissingExtra(RelationsError):
    """An optional package is needed.

    Args:
        package: What could not be imported.
        extra: The extra of `relations` that brings it.
        purpose: What it is needed for.
    """

    code = "missing_extra"

    def __init__(self, package: str, *, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs the package {package}, which is not installed",
            hint=f"Install it with: pip install 'relations-engine[{extra}]'",
        )
        self.extra = extra
