"""The state of a complaint, as far as its rules need it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from relations.aggregates.complaint.events.handling import (
    ApologyGiven,
    ComplaintAcknowledged,
    ComplaintAssessed,
    ComplaintAssigned,
    ComplaintClosed,
    ComplaintEscalated,
    ComplaintFiled,
    ComplaintFollowedUp,
    ComplaintInvestigated,
    ComplaintMerged,
    ComplaintReopened,
    ComplaintResolved,
    ComplaintTransferred,
    ComplaintWithdrawn,
    HoldingReplySent,
    ImprovementNotProved,
    ImprovementProved,
    PromiseJudged,
    RootCauseNamed,
)
from relations.aggregates.complaint.moves import ImprovementStatus, RemedyStatus, Status
from relations.aggregates.maps import EMPTY
from relations.messages import Event, Money

__all__ = ["JUDGED", "Clock", "Complaint", "ImprovementState", "Plan", "Remedy", "Request", "fact"]


class Remedy(msgspec.Struct, frozen=True, gc=False):
    """One remedy and its status.

    Attributes:
        author: The actor who proposed it, if it needs approval.
    """

    kind: str
    value: Money | None
    points: int | None
    status: RemedyStatus
    author: str | None = None


class Clock(msgspec.Struct, frozen=True, gc=False):
    """A clock that has not ended.

    Attributes:
        name: acknowledge, next_response, resolve or follow_up.
        number: The number of its run in the round, from 1.
        started_at: The time at which it started, UTC microseconds.
        due_at: Its deadline; while it is paused, the last known one.
        paused: True while it is paused.
    """

    name: str
    number: int
    started_at: int
    due_at: int
    paused: bool = False


class Request(msgspec.Struct, frozen=True, gc=False):
    """A question to the customer. Unanswered while `received_at` is None; times in UTC microseconds."""

    round: int
    asked_at: int
    received_at: int | None = None


class ImprovementState(msgspec.Struct, frozen=True, gc=False):
    """A proposed improvement and its status."""

    title: str
    cause: str | None
    owner: str | None
    status: ImprovementStatus
    done_at: int = 0


class Plan(msgspec.Struct, frozen=True, gc=False):
    """The next planned escalation."""

    due_at: int
    clock: str
    number: int
    percent: int
    to: str


class Complaint(msgspec.Struct, frozen=True, gc=False):
    """The state of a complaint. It holds no personal words.

    Attributes:
        filing: The complaint as filed, without its words; None before.
        history: The states with the times at which they began, in order of business time; the last is the present one.
        round: The number of the present run of the clocks: 0 before filing, one more for each reopening.
        reopened_at: The time at which this round began; None in the first, which everything early belongs to.
        clocks: The clocks that have not ended.
        outcomes: The ends of clocks (`met`, `missed` or `cancelled`) by round and clock (`1 acknowledge`), and from the
            second run on by its number too (`1 next_response 2`).
        acknowledged_at: The earliest acknowledgement of this round.
        answered_at: The latest answer of this round.
        turns: The number of times that `next_response` started in this round.
        held: True if a holding reply was sent in this round.
        severities: The judgements of severity in order of business time, the filing included.
        judged: The other values of assessments by field, in order of business time.
        owner: The owner.
        department: The department.
        assigned_at: The time of the last assignment or transfer.
        remedies: By id; rewards of a recognition too.
        requests: Questions to the customer, by id.
        messages: The times of the messages in both directions, by id.
        improvements: By id.
        merged_into: The complaint into which this one is merged.
        duplicates: The complaints that were merged into this one.
        escalated: The escalations by time in this round, by clock, run and percent: `resolve 1 80`.
        plan: The next escalation by time.
        facts: The recorded events without an id of their own, with their round, so that retries are recognised.
    """

    filing: ComplaintFiled | None = None
    history: tuple[tuple[int, Status], ...] = ()
    round: int = 0
    reopened_at: int | None = None
    clocks: tuple[Clock, ...] = ()
    outcomes: Mapping[str, str] = EMPTY
    acknowledged_at: int | None = None
    answered_at: int | None = None
    turns: int = 0
    held: bool = False
    severities: tuple[tuple[int, str], ...] = ()
    judged: Mapping[str, tuple[tuple[int, str], ...]] = EMPTY
    owner: str | None = None
    department: str | None = None
    assigned_at: int | None = None
    remedies: Mapping[str, Remedy] = EMPTY
    requests: Mapping[str, Request] = EMPTY
    messages: Mapping[str, int] = EMPTY
    improvements: Mapping[str, ImprovementState] = EMPTY
    merged_into: str | None = None
    duplicates: tuple[str, ...] = ()
    escalated: tuple[str, ...] = ()
    plan: Plan | None = None
    facts: Mapping[str, int] = EMPTY

    @property
    def customer(self) -> str:
        """Return the customer; empty before filing."""
        return self.filing.customer if self.filing else ""

    @property
    def status(self) -> Status:
        """Return the present state."""
        return self.history[-1][1] if self.history else "unfiled"

    @property
    def since(self) -> int:
        """Return the time at which the present state began, UTC microseconds."""
        return self.history[-1][0] if self.history else 0

    @property
    def severity(self) -> str:
        """Return the severity by the latest judgement."""
        return self.severities[-1][1] if self.severities else "medium"

    @property
    def acknowledge_by(self) -> int | None:
        """Return the deadline of the first answer while that clock has not ended."""
        return self._due("acknowledge")

    @property
    def resolve_by(self) -> int | None:
        """Return the deadline of the resolution while that clock has not ended."""
        return self._due("resolve")

    def clock(self, name: str) -> Clock | None:
        """Return the clock with that name; None if it has ended."""
        for clock in self.clocks:
            if clock.name == name:
                return clock
        return None

    def _due(self, name: str) -> int | None:
        clock = self.clock(name)
        return clock.due_at if clock else None

    def status_at(self, at: int) -> Status:
        """Return the state as of a business time; before the filing's own time, the first one."""
        found = self.history[0][1] if self.history else "unfiled"
        for moment, status in self.history:
            if moment > at:
                break
            found = status
        return found

    def in_this_round(self, at: int) -> bool:
        """Return whether a step at that time belongs to the present round."""
        return self.reopened_at is None or at >= self.reopened_at


JUDGED = ("complexity", "impact", "urgency", "category")
"""The fields of an assessment besides the severity."""

_CONTENT: dict[type[Event], tuple[str, ...]] = {
    ComplaintAcknowledged: ("channel",),
    ApologyGiven: ("channel",),
    ComplaintAssessed: ("severity", "complexity", "impact", "urgency", "category"),
    ComplaintAssigned: ("owner", "department"),
    ComplaintTransferred: ("department", "owner"),
    ComplaintInvestigated: ("conclusion",),
    RootCauseNamed: ("cause",),
    HoldingReplySent: ("until",),
    ComplaintEscalated: ("to", "emergency", "clock", "number", "percent"),
    ComplaintResolved: ("outcome",),
    ComplaintFollowedUp: ("score",),
    ComplaintReopened: (),
    ComplaintWithdrawn: (),
    ComplaintClosed: (),
    ComplaintMerged: ("into",),
    ImprovementProved: ("improvement", "before", "before_days", "after", "after_days"),
    ImprovementNotProved: ("improvement", "before", "before_days", "after", "after_days"),
    PromiseJudged: ("promise", "kept", "judged_by"),
}
"""The fields that distinguish two events of a class, besides their time. Personal words cannot be compared."""


def fact(event: Any) -> str:
    """Return the content of an event without an id: two with the same content and time are one."""
    said = " ".join([str(getattr(event, name)) for name in _CONTENT[type(event)]])
    return f"{event.topic} {event.at} {said}"
