"""The outcome of one command, and of many."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from relations.errors import RelationsError
from relations.json_form import JsonForm
from relations.messages import Command, RecordedEvent

__all__ = ["BatchReport", "Receipt", "Rejection"]


class Receipt(JsonForm, msgspec.Struct, frozen=True):
    """The outcome of one command.

    Attributes:
        command_id: The command's id; a new one if the command had none.
        events: The recorded events, including those of its reactions. Empty if the command changes nothing.
        repeated: True if the log already had this command. Then `events` are those of the first time.
    """

    _derived: ClassVar[tuple[str, ...]] = ("position",)
    command_id: str
    events: tuple[RecordedEvent, ...]
    repeated: bool = False

    @property
    def position(self) -> int | None:
        """The position of the last event, None without events."""
        return self.events[-1].position if self.events else None


class Rejection(msgspec.Struct, frozen=True):
    """A command of a batch that was not recorded.

    Attributes:
        index: The command's index in the batch, from 0.
        command: The command.
        error: The reason.
    """

    index: int
    command: Command
    error: RelationsError


class BatchReport(msgspec.Struct):
    """The outcome of many commands, each counted once.

    Attributes:
        accepted: Commands recorded now.
        repeated: Commands recorded before under the same id.
        unchanged: Commands that change nothing.
        events: Events recorded now.
        rejections: Commands that were refused, each with its place and reason.
    """

    accepted: int = 0
    repeated: int = 0
    unchanged: int = 0
    events: int = 0
    rejections: list[Rejection] = []

    @property
    def commands(self) -> int:
        """The number of commands."""
        return self.accepted + self.repeated + self.unchanged + len(self.rejections)

    def add(self, other: BatchReport) -> None:
        """Add the outcome of more commands to this one."""
        self.accepted += other.accepted
        self.repeated += other.repeated
        self.unchanged += other.unchanged
        self.events += other.events
        self.rejections += other.rejections
