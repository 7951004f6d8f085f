"""The view of the team: figures by staff and department, trainings, tenure, and who fits a customer."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import ClassVar, NamedTuple, get_args

from sqlalchemy import func, select

from relations.analytics.intervals import wilson
from relations.errors import InvalidInput
from relations.messages import from_micros, to_micros
from relations.policies.complaints.service_levels import CASE_KINDS, CaseKind
from relations.projections.arguments import Page, checked_choice, checked_month
from relations.projections.care.view import CareView
from relations.projections.customers.audience import speaks
from relations.projections.customers.portraits import PortraitRow, latest
from relations.projections.customers.view import CustomersView
from relations.projections.desk.tickets import Ticket
from relations.projections.desk.view import DeskView
from relations.projections.projection import Projection
from relations.projections.repair.cases import Case
from relations.projections.repair.view import RepairView
from relations.projections.retention.patronage import WISHES, Patronage
from relations.projections.retention.stages import Stage, customer_stages
from relations.projections.retention.view import RetentionView
from relations.projections.satisfaction.view import SatisfactionView
from relations.projections.team.figures import (
    HandledCase,
    HandledCases,
    OtherWork,
    TeamBy,
    effect_share,
    handled_cases,
    satisfied_share,
    team_figures,
)
from relations.projections.team.profiles import (
    ServedCustomer,
    StaffFit,
    StaffProfile,
    TeamFigure,
    TenureFigure,
    TrainingEffect,
    TrainingNeed,
    staff_profile,
)
from relations.projections.team.rows import PROJECTION, Served, StaffContacts, StaffMember
from relations.projections.view import View

__all__ = [
    "StaffFit",
    "StaffProfile",
    "TeamFigure",
    "TeamView",
    "TenureFigure",
    "TrainingEffect",
    "TrainingNeed",
    "courses_due",
    "handled_in",
]

_DAY = 86_400_000_000
_EFFECT_DAYS = 90
_DAYS_MAX = 3_650
_DAYS_A_MONTH = 30.436875
_TENURES = (0, 12, 36, 60)
"""The least tenure of each group in months."""
_LOYAL = frozenset({"established", "won_back"})


class TeamView(View):
    """Staff and their work. A case counts for its present or last owner, as on the desk.

    `since` and `until` are months such as `2024-05`: the first one that counts, and the one after the last. A case
    counts in the month in which it was filed. `as_of` is the moment for which promises, stages and tenure are computed;
    now by default. Owners and roles are the present ones.
    """

    projection: ClassVar[Projection] = PROJECTION
    leads: ClassVar[Mapping[str, str]] = {"tenure": "served", "figures": "desk.work"}
    reads: ClassVar[tuple[type[View], ...]] = (
        DeskView,
        RepairView,
        CareView,
        SatisfactionView,
        RetentionView,
        CustomersView,
    )
    keeps_answers: ClassVar[bool] = True

    _others: tuple[DeskView, RepairView, CareView, SatisfactionView, RetentionView, CustomersView]

    def members(
        self, *, department: str | None = None, left: bool = False, as_of: datetime | None = None
    ) -> list[StaffProfile]:
        """Return the staff members who are there, by id.

        Args:
            department: Only those of this department.
            left: Also those who left.
            as_of: The moment; now by default.
        """
        now = self.moment(as_of)
        return [
            staff_profile(row, self.local.day(row.joined_at), now)
            for row in self._staff()
            if department in (None, row.department) and (left or _is_there(row, now))
        ]

    def member(self, staff: str, *, as_of: datetime | None = None) -> StaffProfile:
        """Return one staff member.

        Args:
            staff: Their id.
            as_of: The moment; now by default.

        Raises:
            InvalidInput: Nobody with this id joined.
        """
        row = next((row for row in self._staff() if row.staff == staff), None)
        if row is None:
            raise InvalidInput(
                f"nobody with the id {staff!r} joined",
                code="unknown_staff",
                field="staff",
                hint="Record that they joined (JoinStaff), or correct the id",
            )
        return staff_profile(row, self.local.day(row.joined_at), self.moment(as_of))

    def figures(
        self,
        *,
        by: TeamBy = "staff",
        since: str | None = None,
        until: str | None = None,
        kind: CaseKind | None = None,
        as_of: datetime | None = None,
    ) -> list[TeamFigure]:
        """Return the figures of each staff member or department by name; those without one last.

        Scores after a resolution are shown only if enough customers gave them. Nor are they shown if they would
        disclose the scores of a smaller group next to the others.

        Args:
            by: `staff` or `department`.
            since: The first month.
            until: The month after the last one.
            kind: Only cases of this kind.
            as_of: The moment; now by default.

        Raises:
            InvalidInput: `by` or the kind is unknown, or a bound is not a month.
        """
        checked_choice(by, get_args(TeamBy), "by", called="grouping of the team called", needed=True)
        checked_choice(kind, CASE_KINDS, "kind")
        first, end = checked_month(since, "since"), checked_month(until, "until")
        staff = {row.staff: row for row in self._staff()}
        cases = [
            case
            for case in self._cases(staff, kind, self.moment(as_of))
            if (first is None or case.month >= first) and (end is None or case.month < end)
        ]
        work = self._work(first, end)
        if by == "department":
            work = _by_department(work, staff)
        return team_figures(cases, work, by, self.policy.surveys)

    def needs(
        self, *, since: str | None = None, until: str | None = None, as_of: datetime | None = None
    ) -> list[TrainingNeed]:
        """Return the causes of complaints and the themes of low answers, with the trainings about them.

        The most frequent after the last training is first: there a training is needed, or did not help.

        Args:
            since: The first month.
            until: The month after the last one.
            as_of: The moment; now by default.

        Raises:
            InvalidInput: A bound is not a month.
        """
        first, end = checked_month(since, "since"), checked_month(until, "until")
        rows, now = self._staff(), self.moment(as_of)
        there = [row for row in rows if _is_there(row, now)]
        times: defaultdict[str, list[int]] = defaultdict(list)
        cases: Counter[str] = Counter()
        for case in self._cases({row.staff: row for row in rows}, "complaint", now):
            if case.cause and (first is None or case.month >= first) and (end is None or case.month < end):
                cases[case.cause] += 1
                times[case.cause].append(case.filed_at)
        low: Counter[str] = Counter()
        for theme in self._others[3].low_themes(since=first, until=end):
            given = [at for at in map(to_micros, theme.times) if at <= now]
            low[theme.theme] += len(given)
            times[theme.theme] += given
        found = [
            _need(about, cases[about], low[about], sorted(at), rows, there, now) for about, at in times.items() if at
        ]
        return sorted(found, key=lambda need: (-need.since, -need.cases - need.low, need.about))

    def effect(
        self, training: str, *, days: int = _EFFECT_DAYS, staff: str | None = None, as_of: datetime | None = None
    ) -> TrainingEffect:
        """Return the cases of staff members before and after a training.

        Args:
            training: The course's id.
            days: The number of days before each completion, and at most as many after it.
            staff: Only this staff member.
            as_of: The moment; now by default.

        Raises:
            InvalidInput: Nobody completed such a training, or `days` is out of range.
        """
        if not 1 <= days <= _DAYS_MAX:
            raise InvalidInput(f"days must be from 1 to {_DAYS_MAX}, but is {days}", code="invalid_range", field="days")
        now, rows = self.moment(as_of), self._staff()
        completed = {
            row.staff: course.completed_at
            for row in rows
            if staff in (None, row.staff)
            and (course := row.trainings.get(training)) is not None
            and course.completed_at is not None
            and course.completed_at <= now
        }
        if not completed:
            raise InvalidInput(
                f"nobody completed the training {training!r}",
                code="unknown_training",
                field="training",
                hint="Record it first (CompleteStaffTraining), or correct its id",
            )
        before: list[HandledCase] = []
        after: list[HandledCase] = []
        for case in self._cases({row.staff: row for row in rows}, None, now):
            at = completed.get(case.owner or "")
            if at is not None and abs(case.filed_at - at) <= days * _DAY:
                (before if case.filed_at < at else after).append(case)
        surveys = self.policy.surveys
        return TrainingEffect(
            training=training,
            staff=len(completed),
            days=days,
            cases_before=len(before),
            cases_after=len(after),
            on_time=effect_share(_on_time(before), _on_time(after), surveys.confidence),
            reopened=effect_share(_reopened(before), _reopened(after), surveys.confidence),
            satisfied=satisfied_share(before, after, surveys),
            confidence=surveys.confidence,
        )

    def tenure(self, *, as_of: datetime | None = None) -> list[TenureFigure]:
        """Return the loyalty of customers by the tenure of the staff members who are there, the newest first.

        A customer counts for everybody who had contact with them or owns a case of theirs. This is a correlation: loyal
        customers may stay because of the staff, and staff because of the customers.

        Args:
            as_of: The moment; now by default.
        """
        now = self.moment(as_of)
        there = [row for row in self._staff() if _is_there(row, now)]
        served, stage_of = self._served(now)
        found = []
        for place, least in enumerate(_TENURES):
            until = _TENURES[place + 1] if place + 1 < len(_TENURES) else None
            group = [row for row in there if _group(row, now) == least]
            customers = {customer for row in group for customer in served.get(row.staff, ())}
            stages = [stage_of[name] for name in customers if stage_of.get(name, "prospect") != "prospect"]
            loyal = sum(stage in _LOYAL for stage in stages)
            found.append(
                TenureFigure(
                    from_months=least,
                    until_months=until,
                    staff=len(group),
                    customers=len(customers),
                    buyers=len(stages),
                    loyal=loyal,
                    share=loyal / len(stages) if stages else None,
                    interval=wilson(loyal, len(stages), self.policy.surveys.confidence),
                )
            )
        return [each for each in found if each.staff]

    def served(
        self,
        *,
        from_months: int | None = None,
        staff: str | None = None,
        loyal: bool | None = None,
        as_of: datetime | None = None,
        limit: int | None = None,
        after: str | None = None,
    ) -> list[ServedCustomer]:
        """Return the customers of the staff members who are there, by id.

        Args:
            from_months: Only customers of the group of `tenure` that begins with this tenure.
            staff: Only customers of this staff member.
            loyal: Only loyal customers, or only the others.
            as_of: The moment; now by default.
            limit: The most customers.
            after: Only customers after this id.

        Raises:
            InvalidInput: No group of `tenure` begins so, or `limit` is negative.
        """
        if from_months is not None and from_months not in _TENURES:
            raise InvalidInput(
                f"no group of tenure begins with {from_months} months",
                code="unknown_tenure",
                field="from_months",
                hint=f"Give one of {', '.join(map(str, _TENURES))}",
            )
        page, now = Page(limit, after), self.moment(as_of)
        served, stage_of = self._served(now)
        there: defaultdict[str, list[str]] = defaultdict(list)
        for row in self._staff():
            chosen = staff in (None, row.staff) and _is_there(row, now)
            if chosen and (from_months is None or _group(row, now) == from_months):
                for customer in served.get(row.staff, ()):
                    there[customer].append(row.staff)
        found = [name for name in sorted(there) if loyal in (None, stage_of.get(name) in _LOYAL)]
        return [
            ServedCustomer(
                customer=name,
                staff=tuple(sorted(there[name])),
                stage=stage_of.get(name),
                loyal=stage_of.get(name) in _LOYAL,
            )
            for name in page.of_names(found, str)
        ]

    def fits(self, customer: str, *, limit: int | None = 5, as_of: datetime | None = None) -> list[StaffFit]:
        """Return the staff members who fit a customer best: by language, then by interests, then by earlier contact.

        Languages are those of the customer's culture and profile, the best first. Interests are compared with the terms
        of the customer's preferences, habits and needs.

        Args:
            customer: Any of their ids.
            limit: At most this many; None for all.
            as_of: The moment; now by default.

        Raises:
            InvalidInput: `limit` is negative.
        """
        page: Page[str] = Page(limit)
        now = self.moment(as_of)
        languages, terms = self._known_of(customer, now)
        contacts = {row.staff: row.contacts for row in self.rows(Served, customer=customer)}
        ranked = []
        for row in self._staff():
            if not _is_there(row, now):
                continue
            spoken = [place for place, each in enumerate(languages) if _speaks(row, each)]
            shared = sorted(terms & {*row.interests, *row.skills})
            fit = StaffFit(
                staff=row.staff,
                role=row.role,
                department=row.department,
                language=languages[spoken[0]] if spoken else None,
                shared=tuple(shared),
                contacts=contacts.get(row.staff, 0),
            )
            best = spoken[0] if spoken else len(languages)
            ranked.append(((best, -len(shared), -fit.contacts, row.staff), fit))
        return page.of_ranks([fit for _, fit in sorted(ranked, key=lambda each: each[0])], lambda fit: fit.staff)

    # --- reading ----------------------------------------------------------------------------------------------------

    def _staff(self) -> list[StaffMember]:
        return self.rows(StaffMember, order_by=(self.table(StaffMember).c.staff,))

    def _cases(self, staff: Mapping[str, StaffMember], kind: CaseKind | None, now: int) -> list[HandledCase]:
        """Return the cases filed by a moment, by customer. A case without a department has that of its owner."""
        departments = {name: member.department for name, member in staff.items()}
        return [
            each if each.department else each._replace(department=departments.get(each.owner or ""))
            for handled in self._handled(now)
            for each in handled.cases
            if kind in (None, each.kind)
        ]

    def _handled(self, now: int) -> Iterable[HandledCases]:
        """Return the cases of all customers at a moment. Of a day they are kept, and only those that changed are read.

        A step in the future or a promise that runs out in the course of the day changes them, too.
        """
        return self.of_each_at("handled", now, self._handled_by).values()

    def _handled_by(self, now: int, customers: Sequence[str] | None) -> dict[str, HandledCases]:
        """Return the cases of some customers at a moment; None stands for all customers."""
        desk, repair = self._others[:2]
        cases = {(case.customer, case.complaint): case for case in repair.rows_of_some(Case, customers)}
        pairs: defaultdict[str, list[tuple[Ticket, Case]]] = defaultdict(list)
        for ticket in desk.rows_of_some(Ticket, customers):
            case = cases.get((ticket.customer, ticket.complaint))
            if case is not None:
                pairs[ticket.customer].append((ticket, case))
        rules, local = self.policy.repair, self.local
        return {name: handled_cases(each, rules, now, local) for name, each in pairs.items()}

    def _work(self, since: str | None, until: str | None) -> dict[str | None, OtherWork]:
        """Return the steps of care and the contacts of each staff member."""
        found: defaultdict[str | None, OtherWork] = defaultdict(OtherWork)
        for kept in self._others[2].kept_by_owner(since=since, until=until):
            found[kept.owner] = OtherWork(kept.done, kept.lapsed)
        columns = self.table(StaffContacts).c
        query = select(columns.staff, func.sum(columns.contacts), func.sum(columns.minutes)).group_by(columns.staff)
        if since is not None:
            query = query.where(columns.month >= since)
        if until is not None:
            query = query.where(columns.month < until)
        for name, contacts, minutes in self.execute(query):
            found[name] = found[name]._replace(contacts=int(contacts), minutes=int(minutes))
        return dict(found)

    def _served(self, now: int) -> tuple[dict[str, set[str]], dict[str, Stage]]:
        """Return the customers of each staff member, and the stages of those of them that are known at a moment."""
        today = self.local.day(now)
        kept = self.of_each(("served", today), partial(self._served_by, today))
        served: defaultdict[str, set[str]] = defaultdict(set)
        for customer, (staff, _) in kept.items():
            for name in staff:
                served[name].add(customer)
        return served, {customer: stage for customer, (_, stage) in kept.items() if stage is not None}

    def _served_by(self, today: int, customers: Sequence[str] | None) -> dict[str, tuple[frozenset[str], Stage | None]]:
        """Return the staff members of some customers, and their stage on a day; None stands for all customers."""
        desk, retention = self._others[0], self._others[4]
        found: defaultdict[str, set[str]] = defaultdict(set)
        for row in self.rows_of_some(Served, customers):
            found[row.customer].add(row.staff)
        if customers is None:
            tickets = desk.rows(Ticket, desk.table(Ticket).c.owner.is_not(None))
        else:
            tickets = desk.rows_of_some(Ticket, customers)
        for ticket in tickets:
            if ticket.owner is not None:
                found[ticket.customer].add(ticket.owner)
        patrons = retention.rows_of_some(Patronage, sorted(found))
        known = customer_stages(patrons, self.policy.lifecycle, today=today, local=self.local)
        stages = {each.customer: each.stage for each in known}
        return {name: (frozenset(staff), stages.get(name)) for name, staff in found.items()}

    def _known_of(self, customer: str, now: int) -> tuple[list[str], set[str]]:
        """Return a customer's languages, the best first, and the terms that are noted of them. None of it is sealed."""
        rows = self._others[5].rows(PortraitRow, customer=customer)
        said = rows[0].said if rows else {}
        present = {
            about: each.value
            for about, values in said.items()
            if (each := latest(values, now)) is not None and each.value is not None
        }
        languages = [*(present.get("culture languages") or "").split(), present.get("language") or ""]
        terms = set()
        for about in present:
            word, _, rest = about.partition(" ")
            trait, _, subject = rest.partition(" ")
            if word == "trait" and trait in WISHES:
                terms.add(subject)
        return list(dict.fromkeys(each for each in languages if each)), terms


class CourseDue(NamedTuple):
    """A training of a staff member that was due.

    Attributes:
        staff: The staff member.
        training: Its id.
        is_kept: True if it was completed by then.
    """

    staff: str
    training: str
    is_kept: bool


def courses_due(view: TeamView, month: str, now: int) -> list[CourseDue]:
    """Return the trainings that were due in a month, as far as that time has come, by staff member.

    Args:
        view: The view.
        month: The local month, such as `2024-05`.
        now: The moment, UTC microseconds.
    """
    return [
        CourseDue(row.staff, name, course.completed_at is not None and course.completed_at <= course.due_at)
        for row in view._staff()
        for name, course in sorted(row.trainings.items())
        if course.due_at is not None and course.due_at <= now and view.local.month(course.due_at) == month
    ]


def handled_in(view: TeamView, month: str, now: int) -> list[HandledCase]:
    """Return the cases of every kind that were filed in a month, by a moment.

    Args:
        view: The view.
        month: The local month, such as `2024-05`.
        now: The moment, UTC microseconds.
    """
    return [case for case in view._cases({}, None, now) if case.month == month]


def _need(
    about: str,
    cases: int,
    low: int,
    times: Sequence[int],
    rows: Iterable[StaffMember],
    there: Sequence[StaffMember],
    now: int,
) -> TrainingNeed:
    done = [
        course.completed_at
        for row in rows
        for course in row.trainings.values()
        if about in course.about and course.completed_at is not None and course.completed_at <= now
    ]
    last = max(done, default=None)
    return TrainingNeed(
        about=about,
        cases=cases,
        low=low,
        trained=sum(_has(row, about, completed=True) for row in there),
        planned=sum(_has(row, about, completed=False) for row in there),
        staff=len(there),
        last_at=None if last is None else from_micros(last),
        since=len(times) if last is None else len(times) - bisect_right(times, last),
    )


def _is_there(row: StaffMember, now: int) -> bool:
    return 0 < row.joined_at <= now and (row.left_at is None or row.left_at > now)


def _group(row: StaffMember, now: int) -> int:
    """Return the least tenure of the group to which a staff member belongs, in months."""
    return _TENURES[bisect_right(_TENURES, _months(row, now)) - 1]


def _months(row: StaffMember, now: int) -> float:
    return (now - row.joined_at) / _DAY / _DAYS_A_MONTH


def _has(row: StaffMember, about: str, *, completed: bool) -> bool:
    return any(
        about in course.about and (course.completed_at is not None) == completed for course in row.trainings.values()
    )


def _speaks(row: StaffMember, language: str) -> bool:
    """Return True if they speak a language or a variant of it, or it is a variant of one that they speak."""
    return any(speaks(each, language) or speaks(language, each) for each in row.languages)


def _on_time(cases: Iterable[HandledCase]) -> tuple[int, int]:
    counts = [(case.met, case.met + case.missed) for case in cases]
    return sum(met for met, _ in counts), sum(ended for _, ended in counts)


def _reopened(cases: Iterable[HandledCase]) -> tuple[int, int]:
    resolved = [case.was_reopened for case in cases if case.was_resolved]
    return sum(resolved), len(resolved)


def _by_department(
    work: Mapping[str | None, OtherWork], staff: Mapping[str, StaffMember]
) -> dict[str | None, OtherWork]:
    found: dict[str | None, OtherWork] = {}
    for name, each in work.items():
        member = staff.get(name or "")
        department = None if member is None else member.department
        known = found.get(department, OtherWork())
        found[department] = OtherWork(*(one + other for one, other in zip(known, each, strict=True)))
    return found
