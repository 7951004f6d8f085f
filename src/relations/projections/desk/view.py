"""What a complaint desk works with: who has what to do by when, where a complaint stands, and which there were.

Lists are paged by keyset: each page says after what it ends, and the next one begins there, however much is recorded in
between. A page costs what it shows, not what comes before it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal, TypeAlias, get_args

from pydantic import BaseModel, ConfigDict
from sqlalchemy import case, func, select, tuple_

from relations.errors import InvalidInput
from relations.messages import ID_PATTERN, from_micros, to_micros
from relations.policies.complaints.service_levels import SEVERITIES, ClockName, Severity
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
"""Between the parts of a cursor; no id has it."""


class TicketProfile(BaseModel):
    """A complaint as it stands on the desk.

    Attributes:
        complaint: Its id.
        customer: Whose it is.
        subject: What it is about.
        channel: How it came in.
        severity: As last assessed.
        category: As last assessed, if it was.
        status: Where it stands.
        since: Since when.
        filed_at: When it was filed.
        round: 1, and one more for each reopening.
        owner: Who works on it.
        department: Where.
        due_at: The next deadline that runs; None where none does.
        due_clock: Whose.
        late_by: How long ago that was, where it is past.
        waiting: Whether the customer was asked something and has not answered.
        escalated_to: Who was last called.
        emergency: Whether that was on the emergency path.
        merged_into: The complaint that it is a duplicate of.
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
    late_by: timedelta | None
    waiting: bool
    escalated_to: str | None
    emergency: bool
    merged_into: str | None


class TicketPage(BaseModel):
    """Part of a list.

    Attributes:
        tickets: In the list's order.
        next: Give this as `after` for the page that follows; None where this is the last.
    """

    model_config = ConfigDict(frozen=True)

    tickets: tuple[TicketProfile, ...]
    next: str | None


class Load(BaseModel):
    """How much lies with somebody.

    Attributes:
        name: The owner or department; None for what nobody has.
        open: Complaints still to be settled.
        overdue: Of all that is to be done, what is late.
        critical: Open complaints of the highest severity.
        oldest_filed_at: When the oldest open one was filed; None where none is open.
    """

    model_config = ConfigDict(frozen=True)

    name: str | None
    open: int
    overdue: int
    critical: int
    oldest_filed_at: datetime | None


class DeskView(View):
    """The complaint desk as it stands. Where a relation stood at any other time, the repair view says."""

    projection: ClassVar[Projection] = PROJECTION

    def work(
        self,
        *,
        owner: str | None = None,
        department: str | None = None,
        severity: Severity | None = None,
        clock: ClockName | None = None,
        unassigned: bool = False,
        due_by: datetime | None = None,
        order: WorkOrder = "due",
        limit: int = 50,
        after: str | None = None,
        as_of: datetime | None = None,
    ) -> TicketPage:
        """What is to be done: all that is not settled, and settled ones whose customer is still to be asked.

        Args:
            owner: Only what this person has.
            department: Only what lies there.
            severity: Only of this severity.
            clock: Only where this clock is the next to run out.
            unassigned: Only what nobody has.
            due_by: Only what is due by then; the present moment gives what is overdue.
            order: By the next deadline, or the worst severity first and then by deadline. What waits for the customer
                and has no deadline that runs comes last.
            limit: At most so many, up to 1,000.
            after: Where the page before ended.
            as_of: What lateness is reckoned from; now where absent.

        Raises:
            InvalidInput: There is no such severity or order, `limit` is out of range, or `after` is no page's end.
        """
        _known(severity, (None, *SEVERITIES), "severity")
        _known(order, get_args(WorkOrder), "order")
        columns = self.table(Ticket).c
        where: list[Any] = [columns.due_at <= NEVER] if order == "due" else [columns.is_pending]
        for column, wanted in ((columns.owner, owner), (columns.department, department), (columns.severity, severity)):
            if wanted is not None:
                where.append(column == wanted)
        if clock is not None:
            where.append(columns.due_clock == clock)
        if unassigned:
            where.append(columns.owner.is_(None))
        if due_by is not None:
            where.append(columns.due_at <= to_micros(due_by))
        keys = (columns.due_at,) if order == "due" else (columns.urgency, columns.due_at)
        names = ("due_at",) if order == "due" else ("urgency", "due_at")
        return self._page(where, keys, names, limit, after, as_of)

    def search(
        self,
        *,
        status: TicketStatus | None = None,
        severity: Severity | None = None,
        customer: str | None = None,
        subject: str | None = None,
        owner: str | None = None,
        department: str | None = None,
        filed_from: datetime | None = None,
        filed_until: datetime | None = None,
        limit: int = 50,
        after: str | None = None,
        as_of: datetime | None = None,
    ) -> TicketPage:
        """All complaints that meet every condition, by the time of filing, the oldest first.

        Args:
            status: Only those that stand there now.
            severity: Only of this severity.
            customer: Only this customer's.
            subject: Only about this.
            owner: Only what this person has, or had last.
            department: Only what lies there, or lay last.
            filed_from: Filed then or later.
            filed_until: Filed before then.
            limit: At most so many, up to 1,000.
            after: Where the page before ended.
            as_of: What lateness is reckoned from; now where absent.

        Raises:
            InvalidInput: There is no such status or severity, `limit` is out of range, or `after` is no page's end.
        """
        _known(status, (None, *TICKET_STATUSES), "status")
        _known(severity, (None, *SEVERITIES), "severity")
        columns = self.table(Ticket).c
        wanted = {
            columns.status: status,
            columns.severity: severity,
            columns.subject: subject,
            columns.owner: owner,
            columns.department: department,
        }
        where: list[Any] = [column == value for column, value in wanted.items() if value is not None]
        if filed_from is not None:
            where.append(columns.filed_at >= to_micros(filed_from))
        if filed_until is not None:
            where.append(columns.filed_at < to_micros(filed_until))
        return self._page(where, (columns.filed_at,), ("filed_at",), limit, after, as_of, customer)

    def ticket(self, complaint: str, *, as_of: datetime | None = None) -> TicketProfile | None:
        """One complaint as it stands; None where it was never filed.

        Args:
            complaint: Its id.
            as_of: What lateness is reckoned from; now where absent.
        """
        found = self.rows(Ticket, self.table(Ticket).c.complaint == complaint)
        return _profile(found[0], self._moment(as_of)) if found else None

    def load(self, *, by: LoadBy = "owner", as_of: datetime | None = None) -> list[Load]:
        """How much lies with everybody who has anything to do, the most overdue first.

        Args:
            by: owner or department.
            as_of: What lateness is reckoned from; now where absent.

        Raises:
            InvalidInput: It is neither.
        """
        _known(by, get_args(LoadBy), "by")
        columns = self.table(Ticket).c
        name, moment = columns[by], self._moment(as_of)
        statement = (
            select(
                name,
                func.count().filter(columns.is_open),
                func.count().filter(columns.due_at <= moment),
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
                critical=critical,
                oldest_filed_at=None if oldest is None else from_micros(oldest),
            )
            for who, opened, overdue, critical, oldest in self.execute(statement)
        ]
        return sorted(found, key=lambda load: (-load.overdue, -load.open, load.name is None, load.name or ""))

    def _moment(self, as_of: datetime | None) -> int:
        return self.now if as_of is None else to_micros(as_of)

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
            raise InvalidInput(
                f"a page has from 1 to {_PAGE_MAX} tickets, not {limit}", code="invalid_page", field="limit"
            )
        moment = self._moment(as_of)
        order = (*keys, self.table(Ticket).c.complaint)
        conditions = list(where)
        if after is not None:
            *numbers, last = _cursor(after, len(keys))
            # The first condition follows from the second, and lets the index find the page.
            conditions += [keys[0] >= numbers[0], tuple_(*order) > tuple_(*numbers, last)]
        # One more than asked for tells whether there is another page.
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
            f"{after[:80]!r} is not where a page of this list ended",
            code="invalid_cursor",
            field="after",
            hint="Give what `next` said, with the same order",
        )
    return (*(min(int(number), 2**63 - 1) for number in numbers), complaint)


def _known(value: Any, allowed: Iterable[Any], field: str) -> None:
    choices = tuple(allowed)
    if value not in choices:
        raise InvalidInput(
            f"{value!r} is no {field} of the desk",
            code=f"unknown_{field}",
            field=field,
            hint=f"Give one of {', '.join(choice for choice in choices if choice is not None)}",
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
    )
