"""The events of a complaint's clocks.

The clocks `acknowledge` and `resolve` start with `ComplaintFiled` and `ComplaintReopened`, which carry their
deadlines. The other clocks start with `ClockStarted`. Each clock ends once: met, missed or cancelled.
"""

from __future__ import annotations

from typing import ClassVar

from relations.messages import Event

__all__ = [
    "ClockCancelled",
    "ClockPaused",
    "ClockResumed",
    "ClockStarted",
    "DeadlineMet",
    "DeadlineMissed",
    "DeadlineMoved",
    "EscalationPlanned",
]


class ClockStarted(Event, frozen=True):
    """A clock of the complaint started.

    Attributes:
        clock: `next_response` or `follow_up`.
        round: 1 from the filing, one more for each reopening.
        due_at: The deadline, UTC microseconds, exclusive: at the deadline itself it is late.
        number: The number of the run of this clock in the round, from 1.
    """

    topic: ClassVar[str] = "complaint.clock_started"
    clock: str
    round: int
    due_at: int
    number: int = 1
    at: int = 0


class ClockPaused(Event, frozen=True):
    """A clock was paused until the customer gives the information asked for."""

    topic: ClassVar[str] = "complaint.clock_paused"
    clock: str
    round: int
    number: int = 1
    at: int = 0


class ClockResumed(Event, frozen=True):
    """A clock was resumed. Its deadline is later by the working time of the pause.

    Attributes:
        due_at: The new deadline, UTC microseconds.
    """

    topic: ClassVar[str] = "complaint.clock_resumed"
    clock: str
    round: int
    due_at: int
    number: int = 1
    at: int = 0


class DeadlineMoved(Event, frozen=True):
    """The deadline of a running clock was moved. Time already used still counts.

    Attributes:
        why: The cause: `severity`, `holding_reply` or `pause`.
    """

    topic: ClassVar[str] = "complaint.deadline_moved"
    clock: str
    round: int
    due_at: int
    why: str
    number: int = 1
    at: int = 0


class DeadlineMet(Event, frozen=True):
    """A clock of the complaint ended before its deadline.

    Attributes:
        clock: `acknowledge`, `next_response`, `resolve` or `follow_up`.
        round: 1 from the filing, one more for each reopening.
        due_at: The deadline, UTC microseconds.
    """

    topic: ClassVar[str] = "complaint.deadline_met"
    clock: str
    round: int
    due_at: int
    number: int = 1


class DeadlineMissed(Event, frozen=True):
    """A clock of the complaint ran out. A recorded miss is never removed."""

    topic: ClassVar[str] = "complaint.deadline_missed"
    clock: str
    round: int
    due_at: int
    number: int = 1


class ClockCancelled(Event, frozen=True):
    """A clock ended without an outcome: the complaint was withdrawn, merged or reopened before its deadline."""

    topic: ClassVar[str] = "complaint.clock_cancelled"
    clock: str
    round: int
    number: int = 1
    at: int = 0


class EscalationPlanned(Event, frozen=True):
    """The next escalation was planned. A later plan replaces an earlier one.

    Attributes:
        due_at: The time at which it is due, UTC microseconds; None if no escalation is planned any more.
        clock: The clock whose time makes it due.
        number: The number of the run of that clock in the round.
        percent: The percentage of that clock's time that will be used.
        to: The recipient of the escalation.
    """

    topic: ClassVar[str] = "complaint.escalation_planned"
    due_at: int | None = None
    clock: str | None = None
    number: int = 1
    percent: int | None = None
    to: str | None = None
    at: int = 0
