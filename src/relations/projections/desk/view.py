"""The view of the complaint desk: the work list, the search, single tickets and the workload.

Lists are paged by keyset: each page gives a cursor at which the next one begins, even if events are recorded in
between. The cost of a page depends on its size, not on the pages before it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal, TypeAlias, get_args

from pydantic import BaseModel, ConfigDict
from sqlalchemy import case, func, select, tuple_

from relations.errors import InvalidInput
from relations.json_form import Span
from relations.messages import ID_PATTERN, from_micros, to_micros
from relations.policies.complaints.service_levels import CASE_KINDS, SEVERITIES, CaseKind, ClockName, Severity
from relations.projections.arguments import checked_choice, renamed_arguments
from relations.projections.desk.tickets import NEVER, PROJECTION, Ticket
from relations.projections.projection import Projection
from relations.projections.view import View

__all__ = [
    "PROJECTION",
    "TICKET_STATUSES",
    "DeskView",
    "Load",
    "LoadBy",
    "Ticket",
    "TicketPage",
    "TicketProfile",
    "TicketStatus",
    "WorkOrder",
]

TicketStatus: TypeAlias = Literal["filed", "acknowledged", "resolved", "closed", "withdrawn", "merged", "reopened"]
TICKET_STATUSES: tuple[TicketStatus, ...] = get_args(TicketStatus)
WorkOrder: TypeAlias = Literal["due", "severity"]
LoadBy: TypeAlias = Literal["owner", "department"]

_PAGE_MAX = 1_000
_SEPARATOR = "~"
"""The separator between the parts of a cursor; ids cannot contain it."""


class TicketProfile(BaseModel):
    """A complaint as the desk sees it.

    Attributes:
        complaint: The complaint's id.
        customer: The customer who complained.
        subject: The subject.
        channel: The channel through which it was filed.
        severity: The severity, as last assessed.
        category: The category, as last assessed; None if it has none.
        status: The status.
        since: The time since when it has this status.
        filed_at: The time of filing.
        round: 1 from the filing, one more for each reopening.
        owner: The owner.
        department: The department.
        due_at: The next deadline; None if no clock runs.
        due_clock: The clock of that deadline.
        late_by: The time by which that deadline has passed; None if it has not.
        waiting: True if a question to the customer is open.
        escalated_to: The recipient of the last escalation.
        emergency: True if that escalation was an emergency.
        merged_into: The complaint that it was merged into.
        messages: The number of messages that the customer sent unprompted.
        last_message_at: The time of the latest of them; None if there is none.
        promises_kept: The number of promises that another system judged as kept.
        promises_broken: The number of promises that another system judged as broken.
        kind: The kind of case.
        grade: The customer's value grade with which it was filed; None if none was given.
    """

    model_config = ConfigDict(frozen=True)

    complaint: str
    customer: str
    subject: str
    channel: str
    severity: str
    category: str | None
    status: TicketStatus
    since: datetime
    filed_at: datetime
    round: int
    owner: str | None
    department: str | None
    due_at: datetime | None
    due_clock: ClockName | None
    late_by: Span | None
    waiting: bool
    escalated_to: str | None
    emergency: bool
    merged_into: str | None
    messages: int = 0
    last_message_at: datetime | None = None
    promises_kept: int = 0
    promises_broken: int = 0
    kind: CaseKind = "complaint"
    grade: str | None = None


class TicketPage(BaseModel):
    """A page of a list.

    Attributes:
        tickets: The tickets, in the list's order.
        next: The value of `after` for the next page; None on the last page.
    """

    model_config = ConfigDict(frozen=True)

    tickets: tuple[TicketProfile, ...]
    next: str | None


class Load(BaseModel):
    """The workload of an owner or department.

    Attributes:
        name: The owner or department; None for complaints without one.
        open: The number of open complaints.
        overdue: The number of cases that wait for an answer or a resolution past its deadline.
        critical: The number of open complaints of critical severity.
        oldest_filed_at: The time at which the oldest open complaint was filed; None if none is open.
        follow_ups_overdue: The number of resolved complaints whose follow-up is overdue.
    """

    model_config = ConfigDict(frozen=True)

    name: str | None
    open: int
    overdue: int
    critical: int
    oldest_filed_at: datetime | None
    follow_ups_overdue: int = 0


class DeskView(View):
    """The complaint desk at the present. For the past, ask the repair view."""

    projection: ClassVar[Projection] = PROJECTION
    keeps_answers: ClassVar[bool] = True

    def work(
        self,
        *,
        owner: str | None = None,
        department: str | None = None,
        severity: Severity | None = None,
        clock: ClockName | None = None,
        kind: CaseKind | None = None,
        channel: str | None = None,
        grade: str | None = None,
        unassigned: bool = False,
        due_by: datetime | None = None,
        order: WorkOrder = "due",
        limit: int = 50,
        after: str | None = None,
        as_of: datetime | None = None,
    ) -> TicketPage:
        """Return the work list: open complaints, and resolved ones that are still to be followed up.

        Args:
            owner: Only complaints of this owner.
            department: Only complaints of this department.
            severity: Only complaints of this severity.
            clock: Only complaints whose next deadline is that of this clock.
            kind: Only cases of this kind.
            channel: Only cases that were filed through this channel.
            grade: Only cases that were filed with this value grade of the customer.
            unassigned: Only complaints without an owner.
            due_by: Only complaints due by then; the present moment lists what is overdue.
            order: `due` sorts by the next deadline, `severity` by the worst severity and then by deadline. Complaints
                that wait for the customer and have no running deadline come last.
            limit: The number of tickets, 1 to 1,000.
            after: The `next` of the page before.
            as_of: The moment for which lateness is computed; now by default.

        Raises:
            InvalidInput: The severity, kind or order is unknown, `limit` is out of range, or `after` is not
                a page's `next`.
        """
        checked_choice(severity, SEVERITIES, "severity")
        checked_choice(kind, CASE_KINDS, "kind")
        checked_choice(order, get_args(WorkOrder), "order", needed=True)
        columns = self.table(Ticket).c
        where: list[Any] = [columns.due_at <= NEVER] if order == "due" else [columns.is_pending]
        wanted = {
            columns.owner: owner,
            columns.department: department,
            columns.severity: severity,
            columns.kind: kind,
            columns.channel: channel,
            columns.grade: grade,
        }
        where += [column == value for column, value in wanted.items() if value is not None]
        if clock is not None:
            where.append(columns.due_clock == clock)
        if unassigned:
            where.append(columns.owner.is_(None))
        if due_by is not None:
            where.append(columns.due_at <= to_micros(due_by))
        keys = (columns.due_at,) if order == "due" else (columns.urgency, columns.due_at)
        names = ("due_at",) if order == "due" else ("urgency", "due_at")
        return self._page(where, keys, names, limit, after, as_of)

    @renamed_arguments(filed_from="since", filed_until="until")
    def search(
        self,
        *,
        status: TicketStatus | None = None,
        severity: Severity | None = None,
        customer: str | None = None,
        subject: str | None = None,
        owner: str | None = None,
        department: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        kind: CaseKind | None = None,
        channel: str | None = None,
        grade: str | None = None,
        limit: int = 50,
        after: str | None = None,
        as_of: datetime | None = None,
    ) -> TicketPage:
        """Return the complaints that meet all conditions, by time of filing, the oldest first.

        Args:
            status: Only complaints with this status now.
            severity: Only complaints of this severity.
            customer: Only complaints of this customer.
            subject: Only complaints with this subject.
            owner: Only complaints whose present or last owner this is.
            department: Only complaints whose present or last department this is.
            since: Only complaints filed at this time or later.
            until: Only complaints filed before this time.
            kind: Only cases of this kind.
            channel: Only cases that were filed through this channel.
            grade: Only cases that were filed with this value grade of the customer.
            limit: The number of tickets, 1 to 1,000.
            after: The `next` of the page before.
            as_of: The moment for which lateness is computed; now by default.

        Raises:
            InvalidInput: The status, severity or kind is unknown, `limit` is out of range, or `after` is not
                a page's `next`.
        """
        checked_choice(status, TICKET_STATUSES, "status")
        checked_choice(severity, SEVERITIES, "severity")
        checked_choice(kind, CASE_KINDS, "kind")
        columns = self.table(Ticket).c
        wanted = {
            columns.status: status,
            columns.severity: severity,
            columns.subject: subject,
            columns.owner: owner,
            columns.department: department,
            columns.kind: kind,
            columns.channel: channel,
            columns.grade: grade,
        }
        where: list[Any] = [column == value for column, value in wanted.items() if value is not None]
        if since is not None:
            where.append(columns.filed_at >= to_micros(since))
        if until is not None:
            where.append(columns.filed_at < to_micros(until))
        return self._page(where, (columns.filed_at,), ("filed_at",), limit, after, as_of, customer)

    def ticket(self, complaint: str, *, as_of: datetime | None = None) -> TicketProfile | None:
        """Return one complaint; None if it was never filed.

        Args:
            complaint: The complaint's id.
            as_of: The moment for which lateness is computed; now by default.
        """
        found = self.rows(Ticket, self.table(Ticket).c.complaint == complaint)
        return _profile(found[0], self.moment(as_of)) if found else None

    def load(self, *, by: LoadBy = "owner", as_of: datetime | None = None) -> list[Load]:
        """Return the workload per owner or department, the most overdue first.

        Args:
            by: `owner` or `department`.
            as_of: The moment for which lateness is computed; now by default.

        Raises:
            InvalidInput: `by` is neither.
        """
        checked_choice(by, get_args(LoadBy), "by", called="grouping of the workload called", needed=True)
        columns = self.table(Ticket).c
        name, moment = columns[by], self.moment(as_of)
        late, follows_up = columns.due_at <= moment, columns.due_clock == "follow_up"
        statement = (
            select(
                name,
                func.count().filter(columns.is_open),
                func.count().filter(late, ~follows_up),
                func.count().filter(late, follows_up),
                func.count().filter(columns.is_open, columns.severity == "critical"),
                func.min(case((columns.is_open, columns.filed_at))),
            )
            .where(columns.is_pending)
            .group_by(name)
        )
        found = [
            Load(
                name=who,
                open=opened,
                overdue=overdue,
                follow_ups_overdue=follow_ups,
                critical=critical,
                oldest_filed_at=None if oldest is None else from_micros(oldest),
            )
            for who, opened, overdue, follow_ups, critical, oldest in self.execute(statement)
        ]
        return sorted(found, key=lambda load: (-load.overdue, -load.open, load.name is None, load.name or ""))

    def _page(
        self,
        where: Sequence[Any],
        keys: Sequence[Any],
        names: Sequence[str],
        limit: int,
        after: str | None,
        as_of: datetime | None,
        customer: str | None = None,
    ) -> TicketPage:
        if not 0 < limit <= _PAGE_MAX:
            raise InvalidInput(f"limit must be from 1 to {_PAGE_MAX}, not {limit}", code="invalid_page", field="limit")
        moment = self.moment(as_of)
        order = (*keys, self.table(Ticket).c.complaint)
        conditions = list(where)
        if after is not None:
            *numbers, last = _cursor(after, len(keys))
            # The first condition follows from the second; with it the index finds the page.
            conditions += [keys[0] >= numbers[0], tuple_(*order) > tuple_(*numbers, last)]
        # One more row than asked for shows that there is another page.
        found = self.rows(Ticket, *conditions, customer=customer, order_by=order, limit=limit + 1)
        shown = found[:limit]
        ends = None
        if len(found) > limit:
            ends = _SEPARATOR.join([*(str(getattr(shown[-1], name)) for name in names), shown[-1].complaint])
        return TicketPage(tickets=tuple(_profile(ticket, moment) for ticket in shown), next=ends)


def _cursor(after: str, width: int) -> tuple[Any, ...]:
    *numbers, complaint = after.split(_SEPARATOR)
    sound = len(numbers) == width and re.fullmatch(ID_PATTERN, complaint) is not None
    if not sound or any(re.fullmatch(r"-?[0-9]{1,18}|[0-9]{19}", number) is None for number in numbers):
        raise InvalidInput(
            f"{after[:80]!r} is not the `next` of a page of this list",
            code="invalid_cursor",
            field="after",
            hint="Pass the `next` of the page before, with the same order",
        )
    return (*(min(int(number), 2**63 - 1) for number in numbers), complaint)


def _profile(ticket: Ticket, moment: int) -> TicketProfile:
    runs = ticket.due_at < NEVER
    return TicketProfile(
        complaint=ticket.complaint,
        customer=ticket.customer,
        subject=ticket.subject,
        channel=ticket.channel,
        severity=ticket.severity,
        category=ticket.category,
        status=ticket.status,
        since=from_micros(ticket.status_at),
        filed_at=from_micros(ticket.filed_at),
        round=ticket.round,
        owner=ticket.owner,
        department=ticket.department,
        due_at=from_micros(ticket.due_at) if runs else None,
        due_clock=ticket.due_clock,
        late_by=timedelta(microseconds=moment - ticket.due_at) if runs and ticket.due_at <= moment else None,
        waiting=bool(ticket.questions),
        escalated_to=ticket.escalated_to,
        emergency=ticket.is_emergency,
        merged_into=ticket.merged_into,
        messages=ticket.messages,
        last_message_at=from_micros(ticket.message_at) if ticket.message_at else None,
        promises_kept=ticket.promises_kept,
        promises_broken=ticket.promises_broken,
        kind=ticket.kind,
        grade=ticket.grade,
    )
