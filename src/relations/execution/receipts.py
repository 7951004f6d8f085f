"""What comes back from the engine for a command, and for many."""

from __future__ import annotations

import msgspec

from relations.errors import RelationsError
from relations.messages import Command, RecordedEvent

__all__ = ["BatchReport", "Receipt", "Rejection"]


class Receipt(msgspec.Struct, frozen=True):
    """What became of a command.

    Attributes:
        command_id: Its id, made up if it had none.
        events: The events recorded for it, its reactions' included; none where there was nothing left to do.
        repeated: Whether the log already held this command; then `events` are those of the first time.
    """

    command_id: str
    events: tuple[RecordedEvent, ...]
    repeated: bool = False

    @property
    def position(self) -> int | None:
        """The position of its last event, None without events."""
        return self.events[-1].position if self.events else None


class Rejection(msgspec.Struct, frozen=True):
    """A command of a batch that was not recorded.

    Attributes:
        index: Its place in what was given, from 0.
        command: The command.
        error: Why.
    """

    index: int
    command: Command
    error: RelationsError


class BatchReport(msgspec.Struct):
    """What became of many commands: accepted + repeated + unchanged + rejections = commands.

    Attributes:
        accepted: Recorded now.
        repeated: Recorded before under the same id.
        unchanged: Nothing left to do.
        events: Events recorded now.
        rejections: Refused, each with its place and reason.
    """

    accepted: int = 0
    repeated: int = 0
    unchanged: int = 0
    events: int = 0
    rejections: list[Rejection] = []

    @property
    def commands(self) -> int:
        """How many commands it speaks of."""
        return self.accepted + self.repeated + self.unchanged + len(self.rejections)
