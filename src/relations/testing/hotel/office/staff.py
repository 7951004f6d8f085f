"""The staff of the hotel group: their languages and trainings, and the complaints that they own.

Owners follow from the ids of complaints, so they need no random numbers.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple
from zlib import crc32

from relations.aggregates.staff import CompleteStaffTraining, JoinStaff, PlanStaffTraining, RecogniseStaff, StaffCommand
from relations.testing.hotel.diary import DAY, Diary

__all__ = ["STAFF", "cause_of", "introduce_staff", "owner_of"]


class _Member(NamedTuple):
    """A staff member, and how long before the history they joined, in days."""

    staff: str
    role: str
    department: str
    languages: tuple[str, ...]
    interests: tuple[str, ...]
    days_before: int


_MEMBERS = (
    _Member("ann", "guest relations manager", "guest relations", ("en", "de"), ("opera",), 2_900),
    _Member("bao", "engineer", "engineering", ("zh", "en"), (), 1_500),
    _Member("cleo", "concierge", "guest relations", ("fr", "en"), ("wine",), 900),
    _Member("dov", "housekeeper", "rooms", ("de", "en"), (), 400),
    _Member("li", "concierge", "rooms", ("zh", "ja", "en"), ("tea",), 120),
)
STAFF = tuple(member.staff for member in _MEMBERS)
"""The ids of all staff members."""

_CAUSES = {
    "noise": "thin doors",
    "cleanliness": "too few cleaners",
    "billing": "two tills",
    "air conditioning": "old machines",
    "wifi": "old machines",
    "staff": "tone",
    "overbooking": "two calendars",
    "safety": "no inspection",
}
"""The root cause of complaints by subject."""
_COURSES = (
    # staff, course, what it is about, the day, the score
    ("ann", "listening", ("tone", "staff"), 150, 92),
    ("cleo", "listening", ("tone", "staff"), 180, 78),
    ("li", "listening", ("tone", "staff"), 210, 85),
    ("dov", "rooms", ("too few cleaners", "room"), 240, 70),
)
_PLANNED = (("bao", "climate", ("old machines",), 260), ("dov", "listening", ("tone", "staff"), 300))
_PRAISED_ON = 190
_UNASSIGNED_PERCENT = 8
_UNEXPLAINED_PERCENT = 40


def owner_of(complaint: str) -> tuple[str, str] | None:
    """Return the owner of a complaint and their department; None for one that nobody takes."""
    number = crc32(complaint.encode())
    if number % 100 < _UNASSIGNED_PERCENT:
        return None
    member = _MEMBERS[number // 100 % len(_MEMBERS)]
    return member.staff, member.department


def cause_of(complaint: str, subject: str) -> str | None:
    """Return the root cause of a complaint; None if nobody finds it."""
    if crc32(b"cause " + complaint.encode()) % 100 < _UNEXPLAINED_PERCENT:
        return None
    return _CAUSES.get(subject)


def introduce_staff(diary: Diary) -> None:
    """Write the staff of a history into its diary, with their trainings.

    Args:
        diary: The diary.
    """
    for member in _MEMBERS:
        _record(
            diary, -member.days_before, JoinStaff, staff=member.staff, role=member.role, department=member.department,
            languages=member.languages, interests=member.interests,
        )  # fmt: skip
    for staff, course, about, day in _PLANNED:
        due_at = datetime.fromtimestamp(diary.start + (day + 60) * DAY, UTC)
        _record(diary, day, PlanStaffTraining, staff=staff, training=course, about=about, due_at=due_at)
    for staff, course, about, day, score in _COURSES:
        _record(diary, day, CompleteStaffTraining, staff=staff, training=course, about=about, score=score)
    _record(diary, _PRAISED_ON, RecogniseStaff, staff="li", recognition="praise", reason="praised by a guest")


def _record(diary: Diary, day: int, kind: type[StaffCommand], /, **fields: object) -> None:
    at = diary.start + day * DAY
    name = f"{kind.__name__}-{fields['staff']}-{fields.get('training', '')}"
    command = kind(
        occurred_at=datetime.fromtimestamp(at, UTC),
        command_id=f"{diary.prefix}staff-{name}",
        actor="head office",
        **fields,
    )
    diary.record(command, max(at, diary.start))
