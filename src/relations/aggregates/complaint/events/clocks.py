"""What can happen to a complaint's clocks.

`acknowledge` and `resolve` start with `ComplaintFiled` and `ComplaintReopened`, whose bodies bear their deadlines; the
other clocks with `ClockStarted`. Each ends in exactly one of met, missed and cancelled.
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
    """Another of the complaint's clocks runs.

    Attributes:
        clock: `next_response` or `follow_up`.
        round: 1 for the first run of the complaint, one more for each reopening.
        due_at: Its deadline, UTC microseconds. At the deadline itself it is late.
        number: Which run of this clock in the round. Here and below 1 where it is absent.
    """

    topic: ClassVar[str] = "complaint.clock_started"
    clock: str
    round: int
    due_at: int
    number: int = 1
    at: int = 0


class ClockPaused(Event, frozen=True):
    """A clock stands still while information is asked of the customer."""

    topic: ClassVar[str] = "complaint.clock_paused"
    clock: str
    round: int
    number: int = 1
    at: int = 0


class ClockResumed(Event, frozen=True):
    """A clock runs again, with a deadline later by the working time that it stood still.

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
    """A running clock has another deadline: its severity changed, or a holding reply was sent. Time used stays used.

    Attributes:
        why: `severity`, `holding_reply` or `pause`.
    """

    topic: ClassVar[str] = "complaint.deadline_moved"
    clock: str
    round: int
    due_at: int
    why: str
    number: int = 1
    at: int = 0


class DeadlineMet(Event, frozen=True):
    """One of the complaint's clocks ended in time.

    Attributes:
        clock: `acknowledge`, `next_response`, `resolve` or `follow_up`.
        round: 1 for the first run of the clocks, one more for each reopening.
        due_at: The deadline, UTC microseconds.
    """

    topic: ClassVar[str] = "complaint.deadline_met"
    clock: str
    round: int
    due_at: int
    number: int = 1


class DeadlineMissed(Event, frozen=True):
    """One of the complaint's clocks ran out. Once recorded, a miss stays recorded."""

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
    """When somebody is next to hear of a clock, if nothing happens before; a later one takes its place.

    Attributes:
        due_at: UTC microseconds; None where nothing is planned any more.
        clock: The clock whose time it is.
        number: Which run of that clock.
        percent: How much of that time will be used.
        to: Who is to hear of it.
    """

    topic: ClassVar[str] = "complaint.escalation_planned"
    due_at: int | None = None
    clock: str | None = None
    number: int = 1
    percent: int | None = None
    to: str | None = None
    at: int = 0
