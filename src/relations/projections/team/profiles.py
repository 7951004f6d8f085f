"""The answers of the view of the team."""

from __future__ import annotations

from datetime import date, datetime

from relations.analytics.intervals import Interval
from relations.json_form import Span, ViewAnswer
from relations.messages import from_micros
from relations.projections.retention.stages import Stage
from relations.projections.team.rows import StaffMember

__all__ = [
    "EffectShare",
    "ServedCustomer",
    "StaffCourse",
    "StaffFit",
    "StaffProfile",
    "TeamFigure",
    "TenureFigure",
    "TrainingEffect",
    "TrainingNeed",
    "staff_profile",
]


class StaffCourse(ViewAnswer):
    """A training of a staff member.

    Attributes:
        training: The course's id.
        about: The causes of complaints and the themes of answers that it addresses.
        due_at: The time by which it should be completed; None if nobody said.
        completed_at: The time at which it was; None while it is planned.
        score: The score from 0 to 100; None without a test.
        late: True if it should have been completed by now.
    """

    training: str
    about: tuple[str, ...]
    due_at: datetime | None
    completed_at: datetime | None
    score: int | None
    late: bool


class StaffProfile(ViewAnswer):
    """A staff member.

    Attributes:
        staff: The id.
        role: The role.
        department: The department; None if nobody said.
        languages: The languages in which they speak with customers.
        skills: Their skills.
        interests: Their interests.
        since: The local day on which they joined or last came back.
        left_at: The time at which they left; None while they are there.
        trainings: Their trainings, in the order of completion; planned ones last.
        recognitions: The number of their recognitions.
    """

    staff: str
    role: str
    department: str | None
    languages: tuple[str, ...]
    skills: tuple[str, ...]
    interests: tuple[str, ...]
    since: date
    left_at: datetime | None
    trainings: tuple[StaffCourse, ...]
    recognitions: int


class TeamFigure(ViewAnswer):
    """The figures of a staff member or a department.

    A case counts for its present or last owner and department, as on the desk. So the figures of all owners add up to
    those of the desk.

    Attributes:
        name: The staff member or department; None for cases and care without one.
        cases: The number of cases.
        open: The number of cases that are open now.
        resolved: The number of cases that are resolved or closed now.
        first_answer: The median time to the first answer, by nearest rank; None if there was none.
        met: The number of first answers that were in time.
        missed: The number of those that were not.
        on_time: `met` divided by `met` plus `missed`; None if there were none.
        on_time_interval: Wilson's interval of that share.
        reopened: The number of cases that were reopened.
        reopened_share: The share of the cases ever resolved that were reopened; None if none was resolved.
        reopened_interval: Wilson's interval of that share.
        answers: The number of scores that customers gave after the resolution.
        suppressed: True if too few customers gave them, or if the figure would disclose such a group.
        satisfaction: Their mean, from 1 to 5; None if there is none or it is suppressed.
        satisfaction_interval: The interval of that mean.
        care_done: The number of steps of care plans that were done.
        care_lapsed: The number of those that nobody did in time.
        care_kept: `care_done` divided by both together; None if there were none.
        contacts: The number of contacts that name them.
        minutes: The minutes of those contacts whose length is known.
    """

    name: str | None
    cases: int = 0
    open: int = 0
    resolved: int = 0
    first_answer: Span | None = None
    met: int = 0
    missed: int = 0
    on_time: float | None = None
    on_time_interval: Interval | None = None
    reopened: int = 0
    reopened_share: float | None = None
    reopened_interval: Interval | None = None
    answers: int = 0
    suppressed: bool = False
    satisfaction: float | None = None
    satisfaction_interval: Interval | None = None
    care_done: int = 0
    care_lapsed: int = 0
    care_kept: float | None = None
    contacts: int = 0
    minutes: int = 0


class TrainingNeed(ViewAnswer):
    """A cause of complaints or a theme of low answers, and the trainings about it.

    Attributes:
        about: The cause or theme.
        cases: The number of complaints with that root cause.
        low: The number of low answers about that theme.
        trained: The number of staff members who completed a training about it and are there.
        planned: The number of staff members who are to take one.
        staff: The number of staff members who are there.
        last_at: The time at which somebody last completed one; None if nobody did.
        since: The number of these complaints and low answers after that; all of them if nobody completed one.
    """

    about: str
    cases: int
    low: int
    trained: int
    planned: int
    staff: int
    last_at: datetime | None
    since: int


class EffectShare(ViewAnswer):
    """A share before and after a training.

    Attributes:
        before: The number of hits before.
        before_of: The number of cases before.
        after: The number of hits after.
        after_of: The number of cases after.
        suppressed: True if too few customers are behind one of the two; all numbers are then 0.
        difference: The share after less the share before; None if one of the two has no cases.
        low: The low end of the difference's interval (Newcombe).
        high: The high end.
    """

    before: int
    before_of: int
    after: int
    after_of: int
    suppressed: bool = False
    difference: float | None = None
    low: float | None = None
    high: float | None = None


class TrainingEffect(ViewAnswer):
    """The cases of trained staff members before and after their training.

    The comparison has no control group: it shows a change, not its cause.

    Attributes:
        training: The course's id.
        staff: The number of staff members who completed it.
        days: The number of days compared, before and after each completion.
        cases_before: The number of their cases filed in the days before.
        cases_after: The number of their cases filed in the days after.
        on_time: First answers in time.
        reopened: Cases reopened, of those ever resolved.
        satisfied: Scores after the resolution that count as satisfied.
        confidence: The confidence level of the intervals.
    """

    training: str
    staff: int
    days: int
    cases_before: int
    cases_after: int
    on_time: EffectShare
    reopened: EffectShare
    satisfied: EffectShare
    confidence: float


class ServedCustomer(ViewAnswer):
    """A customer of a staff member who is there, as the figures of tenure count them.

    Attributes:
        customer: The surviving id.
        staff: The staff members who had contact with them or own a case of theirs.
        stage: The stage of their relationship; None if nothing is known of it.
        loyal: True in the stage `established` or `won_back`.
    """

    customer: str
    staff: tuple[str, ...]
    stage: Stage | None
    loyal: bool


class TenureFigure(ViewAnswer):
    """The loyalty of the customers of staff members with a similar tenure.

    Attributes:
        from_months: The least tenure in months.
        until_months: The tenure in months that is no longer in the group; None without a limit.
        staff: The number of staff members.
        customers: The number of customers they had contact with or own a case of. One customer may have several.
        buyers: The number of these who ever bought.
        loyal: The number of buyers in the stage `established` or `won_back`.
        share: `loyal` divided by `buyers`; None if nobody bought.
        interval: Wilson's interval of that share.
    """

    from_months: int
    until_months: int | None
    staff: int
    customers: int
    buyers: int
    loyal: int
    share: float | None
    interval: Interval | None


class StaffFit(ViewAnswer):
    """A staff member who could look after a customer, and the reasons.

    Attributes:
        staff: The id.
        role: The role.
        department: The department.
        language: The customer's best language that they speak; None if they speak none of them, or none is known.
        shared: The interests and skills that match what is noted of the customer.
        contacts: The number of contacts that they had with the customer.
    """

    staff: str
    role: str
    department: str | None
    language: str | None
    shared: tuple[str, ...]
    contacts: int


def staff_profile(row: StaffMember, day: int, now: int) -> StaffProfile:
    """Return the public form of a staff member.

    Args:
        row: The staff member.
        day: The ordinal of the local day on which they joined.
        now: The present, UTC microseconds.
    """
    listed = sorted(
        row.trainings.items(), key=lambda item: (item[1].completed_at or 2**62, item[1].due_at or 0, item[0])
    )
    return StaffProfile(
        staff=row.staff,
        role=row.role,
        department=row.department,
        languages=tuple(row.languages),
        skills=tuple(row.skills),
        interests=tuple(row.interests),
        since=date.fromordinal(day),
        left_at=None if row.left_at is None else from_micros(row.left_at),
        trainings=tuple(
            StaffCourse(
                training=name,
                about=course.about,
                due_at=None if course.due_at is None else from_micros(course.due_at),
                completed_at=None if course.completed_at is None else from_micros(course.completed_at),
                score=course.score,
                late=course.completed_at is None and course.due_at is not None and course.due_at < now,
            )
            for name, course in listed
        ),
        recognitions=len(row.recognitions),
    )
