"""The view of contact: the last one with a customer, its figures by kind, and customers nobody contacted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar

from sqlalchemy import case, func, select

from relations.errors import InvalidInput
from relations.json_form import ViewAnswer
from relations.messages import from_micros
from relations.projections.arguments import Page, checked_month
from relations.projections.contacts.rows import PROJECTION, Breach, Contacted, ContactMonth
from relations.projections.projection import Projection
from relations.projections.running.aliases import combined
from relations.projections.view import View

__all__ = ["ContactFigure", "ContactsView", "CustomerContact", "SilentCustomer", "quiet_times"]

_DAY = 86_400_000_000
_PAGE = 1_000


class CustomerContact(ViewAnswer):
    """The contact with one customer.

    Attributes:
        customer: The surviving id, which views answer for.
        last_at: The last contact in either direction; None if there was none.
        reached_at: The last contact that the business began; None if there was none.
        quiet_until: The end of the quiet time that the policy requires after it; None if it is over or none is needed.
        inbound: The number of contacts that the customer began.
        outbound: The number of contacts that the business began.
        selling: The number of the latter that sell something.
        minutes: The minutes of all contacts whose length is known.
    """

    customer: str
    last_at: datetime | None = None
    reached_at: datetime | None = None
    quiet_until: datetime | None = None
    inbound: int = 0
    outbound: int = 0
    selling: int = 0
    minutes: int = 0


class ContactFigure(ViewAnswer):
    """The contacts of one kind.

    Attributes:
        kind: The kind of contact; empty for all kinds together.
        contacts: Their number.
        inbound: The number that customers began.
        outbound: The number that the business began.
        selling: The number of the latter that sell something.
        not_selling_share: The share of the outbound contacts that sell nothing, from 0 to 1; None if there are none.
        minutes: The minutes of all of them whose length is known.
    """

    kind: str
    contacts: int
    inbound: int
    outbound: int
    selling: int
    not_selling_share: float | None
    minutes: int


class SilentCustomer(ViewAnswer):
    """A customer that nobody contacted.

    Attributes:
        customer: The surviving id, which views answer for.
        since: The last contact that the business began, or else the registration.
        days: The full days since then.
        contacted: False if the business never contacted them.
    """

    customer: str
    since: datetime
    days: int
    contacted: bool


class ContactsView(View):
    """Contact between the business and its customers."""

    projection: ClassVar[Projection] = PROJECTION
    leads: ClassVar[Mapping[str, str]] = {
        "count_silent": "silent",
        "figures": "tally ContactMonth",
        "breaches": "tally Breach",
    }
    keeps_answers: ClassVar[bool] = True

    def last(self, customer: str) -> CustomerContact:
        """Return the contact with a customer, and the end of the quiet time after it.

        Args:
            customer: Any of their ids.
        """
        found = self.rows(Contacted, customer=self.aliases.survivor(customer))
        row = found[0] if found else Contacted(self.aliases.survivor(customer))
        quiet = row.quiet_until(self.policy.care)
        return CustomerContact(
            customer=row.customer,
            last_at=_moment(row.last_at),
            reached_at=_moment(row.reached_at),
            quiet_until=_moment(quiet) if quiet > self.now else None,
            inbound=row.inbound,
            outbound=row.outbound,
            selling=row.selling,
            minutes=row.minutes,
        )

    def figures(self, *, since: str | None = None, until: str | None = None) -> list[ContactFigure]:
        """Return figures for all contacts together, then for each kind, the most frequent first.

        Args:
            since: The first month, such as `2024-05`.
            until: The first month that is left out.

        Raises:
            InvalidInput: A bound is not a month.
        """
        checked_month(since, "since")
        checked_month(until, "until")
        columns = self.table(ContactMonth).c
        counted = [func.sum(columns[name]) for name in ("inbound", "outbound", "selling", "minutes")]
        query = select(columns.kind, *counted).group_by(columns.kind)
        if since is not None:
            query = query.where(columns.month >= since)
        if until is not None:
            query = query.where(columns.month < until)
        found = [(kind, *map(int, counts)) for kind, *counts in self.execute(query)]
        if not found:
            return []
        together = tuple(sum(counts) for counts in list(zip(*found, strict=True))[1:])
        kinds = sorted(found, key=lambda each: (-each[1] - each[2], each[0]))
        return [_figure("", *together), *(_figure(*each) for each in kinds)]

    def breaches(self) -> dict[str, int]:
        """Return the number of contacts that broke each rule and were recorded leniently, by the rule's code."""
        columns = self.table(Breach).c
        query = select(columns.code, func.sum(columns.contacts)).group_by(columns.code).order_by(columns.code)
        return {code: int(count) for code, count in self.execute(query)}

    def silent(
        self, *, days: int = 90, limit: int | None = 50, after: str | None = None, as_of: datetime | None = None
    ) -> list[SilentCustomer]:
        """Return the customers that the business did not contact for some days, the longest silence first.

        A customer who was never contacted counts from their registration. Erased customers are left out.

        Args:
            days: The least number of days.
            limit: At most this many; None for all.
            after: Only those after this customer in the list.
            as_of: The moment up to which days count; now by default. Those contacted since are left out.

        Raises:
            InvalidInput: `days` or `limit` is negative, or the list has no customer `after`.
        """
        moment = self.moment(as_of)
        bound = _silent_before(moment, days)
        page = Page(limit, after)
        columns = self.table(Contacted).c
        since = case((columns.reached_at > 0, columns.reached_at), else_=columns.known_since)
        conditions = (columns.erased_at == 0, since > 0, since <= bound)
        found: dict[str, SilentCustomer] = {}
        start, size = 0, None if after is not None or limit is None else _PAGE
        while limit is None or after is not None or len(found) < limit:
            rows = self.rows(Contacted, *conditions, order_by=(since, columns.customer), limit=size, offset=start)
            for row in rows:
                silence = _silence(row, moment)
                if silence is not None and row.customer not in found and not row.erased_at:
                    found[row.customer] = silence
            if size is None or len(rows) < size:
                break
            start += size
        ordered = [each for each in found.values() if each.days >= days]
        return page.of_ranks(ordered, lambda each: each.customer)

    def count_silent(self, *, days: int = 90, as_of: datetime | None = None) -> int:
        """Return the number of customers that the business did not contact for some days.

        Args:
            days: The least number of days.
            as_of: The moment up to which days count; now by default. Those contacted since are left out.

        Raises:
            InvalidInput: `days` is negative.
        """
        if self.aliases:
            return len(self.silent(days=days, limit=None, as_of=as_of))
        columns = self.table(Contacted).c
        since = case((columns.reached_at > 0, columns.reached_at), else_=columns.known_since)
        bound = _silent_before(self.moment(as_of), days)
        return self.count(Contacted, columns.erased_at == 0, since > 0, since <= bound)


def quiet_times(view: View, ids: Sequence[str]) -> dict[str, int]:
    """Return the end of the quiet time of each customer who was contacted, UTC microseconds.

    Args:
        view: The view of contact.
        ids: All ids of the customers.
    """
    care = view.policy.care
    rows = combined(view.rows_as_recorded(Contacted, ids), view.aliases)
    return {row.customer: until for row in rows if (until := row.quiet_until(care))}


def _silent_before(moment: int, days: int) -> int:
    if days < 0:
        raise InvalidInput(
            "a silence cannot last a negative number of days",
            code="invalid_days",
            field="days",
            hint="Give 0 or more",
        )
    return moment - days * _DAY


def _silence(row: Contacted, moment: int) -> SilentCustomer | None:
    since = row.reached_at or row.known_since
    if not since or since > moment:
        return None
    return SilentCustomer(
        customer=row.customer,
        since=from_micros(since),
        days=(moment - since) // _DAY,
        contacted=row.reached_at > 0,
    )


def _moment(at: int) -> datetime | None:
    return from_micros(at) if at else None


def _figure(kind: str, inbound: int, outbound: int, selling: int, minutes: int) -> ContactFigure:
    return ContactFigure(
        kind=kind,
        contacts=inbound + outbound,
        inbound=inbound,
        outbound=outbound,
        selling=selling,
        not_selling_share=(outbound - selling) / outbound if outbound else None,
        minutes=minutes,
    )
