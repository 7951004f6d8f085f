"""The view of the complaint desk: the work list, the search, single tickets and the workload.

Lists are paged by keyset: each page gives a cursor at which the next one begins, even if events are recorded in
between. The cost of a page depends on its size, not on the pages before it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal, TypeAlias, get_args
from urllib.parse import quote, unquote

from sqlalchemy import case, func, select, tuple_

from relations.errors import InvalidInput
from relations.json_form import Span, ViewAnswer
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
WorkOrder: TypeAlias = Literal["due", "severity", "filed", "owner", "kind", "channel", "grade", "language"]
LoadBy: TypeAlias = Literal["owner", "department"]

_PAGE_MAX = 1_000
_SORTS: dict[str, tuple[str, ...]] = {"due": ("due_at",), "severity": ("urgency", "due_at"), "filed": ("filed_at",)}
"""The fields of each order; any other order sorts by its own name and then by deadline."""
_NUMBERS = frozenset({"due_at", "urgency", "filed_at"})
_NUMBER = re.compile(r"-?[0-9]{1,18}|[0-9]{19}")
_SEPARATOR = "~"
"""The separator between the parts of a cursor; ids cannot contain it, and other parts are quoted."""


class TicketProfile(ViewAnswer):
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
        grade: The customer's value grade with which it was filed; None if they had none.
        language: The language in which it was filed; None if it is not known.
    """

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
    language: str | None = None


class TicketPage(ViewAnswer):
    """A page of a list.

    Attributes:
        tickets: The tickets, in the list's order.
        next: The value of `after` for the next page; None on the last page.
    """

    tickets: tuple[TicketProfile, ...]
    next: str | None


class Load(ViewAnswer):
    """The workload of an owner or department.

    Attributes:
        name: The owner or department; None for complaints without one.
        open: The number of open complaints.
        overdue: The number of cases that wait for an answer or a resolution past its deadline.
        critical: The number of open complaints of critical severity.
        oldest_filed_at: The time at which the oldest open complaint was filed; None if none is open.
        follow_ups_overdue: The number of resolved complaints whose follow-up is overdue.
    """

    name: str | None
    open: int
    overdue: int
    critical: int
    oldest_filed_at: datetime | None
    follow_ups_overdue: int = 0


class DeskView(View):
    """The complaint desk at the present. For the past, ask the repair view."""

    projection: ClassVar[Projection] = PROJECTION
    leads: ClassVar[Mapping[str, str]] = {"load": "work"}
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
        language: str | None = None,
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
            language: Only cases in this language.
            unassigned: Only complaints without an owner.
            due_by: Only complaints due by then; the present moment lists what is overdue.
            order: `due` sorts by the next deadline, `severity` by the worst severity, `filed` by the time of filing,
                the others by their names. Equal ones are sorted by deadline. Complaints that wait for the customer and
                have no running deadline come last.
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
        sort = _SORTS.get(order, (order, "due_at"))
        where: list[Any] = [columns.due_at <= NEVER] if order == "due" else [columns.is_pending]
        wanted = {
            columns.owner: owner,
            columns.department: department,
            columns.severity: severity,
            columns.kind: kind,
            columns.channel: channel,
            columns.grade: grade,
            columns.language: language,
        }
        where += [column == value for column, value in wanted.items() if value is not None]
        if clock is not None:
            where.append(columns.due_clock == clock)
        if unassigned:
            where.append(columns.owner.is_(None))
        if due_by is not None:
            where.append(columns.due_at <= to_micros(due_by))
        return self._page(where, sort, limit, after, as_of)

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
        language: str | None = None,
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
            language: Only cases in this language.
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
            columns.language: language,
        }
        where: list[Any] = [column == value for column, value in wanted.items() if value is not None]
        if since is not None:
            where.append(columns.filed_at >= to_micros(since))
        if until is not None:
            where.append(columns.filed_at < to_micros(until))
        return self._page(where, ("filed_at",), limit, after, as_of, customer)

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
        sort: Sequence[str],
        limit: int,
        after: str | None,
        as_of: datetime | None,
        customer: str | None = None,
    ) -> TicketPage:
        if not 0 < limit <= _PAGE_MAX:
            raise InvalidInput(f"limit must be from 1 to {_PAGE_MAX}, not {limit}", code="invalid_page", field="limit")
        moment, columns = self.moment(as_of), self.table(Ticket).c
        keys = [columns[name] if name in _NUMBERS else func.coalesce(columns[name], "") for name in sort]
        order = (*keys, columns.complaint)
        conditions = list(where)
        if after is not None:
            begin = _cursor(after, sort)
            # The first condition follows from the second; with it the index finds the page.
            conditions += [keys[0] >= begin[0], tuple_(*order) > tuple_(*begin)]
        # One more row than asked for shows that there is another page.
        found = self.rows(Ticket, *conditions, customer=customer, order_by=order, limit=limit + 1)
        shown = found[:limit]
        ends = None
        if len(found) > limit:
            values = [str(getattr(shown[-1], name) or (0 if name in _NUMBERS else "")) for name in sort]
            ends = _SEPARATOR.join(
                [*(quote(value, safe="").replace(_SEPARATOR, "%7E") for value in values), shown[-1].complaint]
            )
        return TicketPage(tickets=tuple(_profile(ticket, moment) for ticket in shown), next=ends)


def _cursor(after: str, sort: Sequence[str]) -> tuple[Any, ...]:
    """Return the values at which a page begins."""
    *parts, complaint = after.split(_SEPARATOR)
    sound = len(parts) == len(sort) and re.fullmatch(ID_PATTERN, complaint) is not None
    if sound and all(name not in _NUMBERS or _NUMBER.fullmatch(part) for name, part in zip(sort, parts, strict=True)):
        values = [
            min(int(part), 2**63 - 1) if name in _NUMBERS else unquote(part)
            for name, part in zip(sort, parts, strict=True)
        ]
        return (*values, complaint)
    raise InvalidInput(
        f"{after[:80]!r} is not the `next` of a page of this list",
        code="invalid_cursor",
        field="after",
        hint="Pass the `next` of the page before, with the same order",
    )


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
        language=ticket.language,
    )
