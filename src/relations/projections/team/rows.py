"""The rows of the team: staff members, and their contact with customers.

Cases are not kept here. The view takes them from the desk and from repair, so its sums equal theirs.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from relations.aggregates.customer import InteractionRecorded
from relations.aggregates.staff import (
    StaffJoined,
    StaffLeft,
    StaffRecognised,
    StaffRoleChanged,
    StaffTrainingCompleted,
    StaffTrainingPlanned,
)
from relations.messages import Envelope
from relations.projections.projection import CustomerRow, Projection, Rows, Tally

__all__ = ["PROJECTION", "Course", "Served", "StaffContacts", "StaffMember"]


class Course(msgspec.Struct, array_like=True, gc=False):
    """A training of a staff member.

    Attributes:
        about: The causes of complaints and the themes of answers that it addresses.
        due_at: The time by which it should be completed, UTC microseconds; None if nobody said.
        completed_at: The time at which it was; None while it is planned.
        score: Its score from 0 to 100; None without a test.
    """

    about: tuple[str, ...] = ()
    due_at: int | None = None
    completed_at: int | None = None
    score: int | None = None


class StaffMember(CustomerRow, gc=False):
    """A staff member. The row belongs to no customer, so `customer` is empty.

    Attributes:
        staff: The id.
        role: The role as it is now.
        department: The department as it is now.
        languages: The languages in which they speak with customers.
        skills: Their skills.
        interests: Their interests.
        joined_at: The time at which they joined, or last came back, UTC microseconds; 0 before.
        left_at: The time at which they left; None while they are there.
        trainings: By id.
        recognitions: The times of their recognitions, by id.
    """

    table: ClassVar[str] = "staff"
    key: ClassVar[tuple[str, ...]] = ("customer", "staff")
    staff: str
    role: str = ""
    department: str | None = None
    languages: list[str] = msgspec.field(default_factory=list)
    skills: list[str] = msgspec.field(default_factory=list)
    interests: list[str] = msgspec.field(default_factory=list)
    joined_at: int = 0
    left_at: int | None = None
    trainings: dict[str, Course] = msgspec.field(default_factory=dict)
    recognitions: dict[str, int] = msgspec.field(default_factory=dict)


class Served(CustomerRow, gc=False):
    """The contact between a customer and a staff member.

    Attributes:
        staff: The staff member's id.
        contacts: The number of contacts.
        first_at: The first one, UTC microseconds.
        last_at: The last one.
    """

    table: ClassVar[str] = "served"
    key: ClassVar[tuple[str, ...]] = ("customer", "staff")
    indexes: ClassVar[tuple[tuple[str, ...], ...]] = (("staff",),)
    staff: str
    contacts: int = 0
    first_at: int = 0
    last_at: int = 0

    def absorb(self, other: Served) -> None:
        """Add the contact under another id of the customer."""
        self.contacts += other.contacts
        self.first_at = min(self.first_at, other.first_at)
        self.last_at = max(self.last_at, other.last_at)


class StaffContacts(Tally, gc=False):
    """The contacts of a staff member in a month.

    Attributes:
        month: The month in the policy's zone, such as `2024-05`.
        staff: The staff member's id.
        contacts: Their number.
        minutes: The minutes of those whose length is known.
    """

    table: ClassVar[str] = "staff_contacts"
    key: ClassVar[tuple[str, ...]] = ("month", "staff")
    month: str
    staff: str
    contacts: int = 0
    minutes: int = 0


PROJECTION = Projection(name="team", version=1, tables=(StaffMember, Served, StaffContacts))


def _member(rows: Rows, at: Envelope) -> StaffMember:
    return rows.need(StaffMember, "", at.stream.removeprefix("staff-"))


@PROJECTION.on(StaffJoined, StaffRoleChanged)
def described(rows: Rows, event: StaffJoined | StaffRoleChanged, at: Envelope) -> None:
    """Keep what is known of them."""
    row = _member(rows, at)
    row.role, row.department = event.role, event.department
    row.languages, row.skills, row.interests = list(event.languages), list(event.skills), list(event.interests)
    if isinstance(event, StaffJoined):
        row.joined_at, row.left_at = event.at, None


@PROJECTION.on(StaffLeft)
def left(rows: Rows, event: StaffLeft, at: Envelope) -> None:
    """Keep when they left."""
    _member(rows, at).left_at = event.at


@PROJECTION.on(StaffTrainingPlanned)
def training_planned(rows: Rows, event: StaffTrainingPlanned, at: Envelope) -> None:
    """Keep the plan."""
    _member(rows, at).trainings[event.training] = Course(event.about, event.due_at)


@PROJECTION.on(StaffTrainingCompleted)
def training_completed(rows: Rows, event: StaffTrainingCompleted, at: Envelope) -> None:
    """Keep when it was completed, and the score."""
    trainings = _member(rows, at).trainings
    known = trainings.get(event.training, Course())
    trainings[event.training] = Course(event.about, known.due_at, event.at, event.score)


@PROJECTION.on(StaffRecognised)
def recognised(rows: Rows, event: StaffRecognised, at: Envelope) -> None:
    """Keep a recognition."""
    _member(rows, at).recognitions[event.recognition] = event.at


@PROJECTION.on(InteractionRecorded)
def interaction_recorded(rows: Rows, event: InteractionRecorded, at: Envelope) -> None:
    """Count a contact that names its staff member."""
    if event.by is None:
        return
    row = rows.need(Served, at.customer, event.by)
    row.first_at = min(row.first_at, at.occurred_at) if row.contacts else at.occurred_at
    row.last_at = max(row.last_at, at.occurred_at) if row.contacts else at.occurred_at
    row.contacts += 1
    tally = rows.need(StaffContacts, rows.local.month(at.occurred_at), event.by)
    tally.contacts += 1
    tally.minutes += event.minutes or 0
