"""The view of ties: where relationships stand, what binds customers, who is responsible, and what files lack."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import ClassVar

from relations.errors import InvalidInput
from relations.extras import np
from relations.messages import from_micros, minor_digits
from relations.months import last_day, months_after
from relations.projections.agenda.items import AgendaItem
from relations.projections.agenda.rows import Item
from relations.projections.agenda.view import AgendaView
from relations.projections.arguments import Page, checked_choice, checked_number
from relations.projections.columns import ColumnGroups
from relations.projections.customers.files import file_groups
from relations.projections.customers.portraits import PortraitRow
from relations.projections.customers.rows import Consent
from relations.projections.customers.view import CustomersView
from relations.projections.desk.tickets import Ticket
from relations.projections.desk.view import DeskView
from relations.projections.loyalty.view import LoyaltyView
from relations.projections.pipeline.view import PipelineView, contracts_of
from relations.projections.projection import CustomerRow, Projection
from relations.projections.retention.patronage import WISHES, Patronage
from relations.projections.retention.view import RetentionView, joined_views, rung_counts, rungs_of
from relations.projections.ties.files import known_parts, listed_files
from relations.projections.ties.profiles import (
    FileStanding,
    Handover,
    LadderMonth,
    LadderRung,
    OrganisationContact,
    OwnerSince,
    RungCustomer,
    SwitchingCost,
    Tie,
)
from relations.projections.ties.rows import PROJECTION, OwnerLine, TieRow, owner_groups
from relations.projections.view import View

__all__ = ["TiesView"]

_YEAR_DAYS = 365.25
_DAY = 86_400_000_000


class TiesView(View):
    """Ties with customers: the ladder, switching cost, owners and handovers, contacts, and files."""

    projection: ClassVar[Projection] = PROJECTION
    leads: ClassVar[Mapping[str, str]] = {"ladder": "on_rung"}
    keeps_answers: ClassVar[bool] = True
    columned: ClassVar[tuple[tuple[type[CustomerRow], ColumnGroups], ...]] = ((TieRow, owner_groups),)
    reads: ClassVar[tuple[type[View], ...]] = (
        AgendaView,
        CustomersView,
        DeskView,
        LoyaltyView,
        RetentionView,
        PipelineView,
    )

    _others: tuple[AgendaView, CustomersView, DeskView, LoyaltyView, RetentionView, PipelineView]

    def _parts(self) -> Iterator[View]:
        """Yield the views that answer together, with those that the ladder's conditions may ask."""
        yield from super()._parts()
        yield from joined_views(self._others[4])

    # --- the ladder -------------------------------------------------------------------------------------------------

    def ladder(self, *, month: str | None = None, as_of: datetime | None = None) -> list[LadderRung]:
        """Count the customers on each rung of the policy's ladder at the end of a month, the loosest rung first.

        Args:
            month: The month, such as `2024-05`; the moment itself by default.
            as_of: The moment; now by default. A month that ends later is taken as it stands then.

        Raises:
            InvalidInput: The month is malformed.
        """
        counted = rung_counts(self._others[4], self._evening(month, as_of))
        return [LadderRung(rung=name, customers=customers, stated=stated) for name, customers, stated in counted]

    def on_rung(
        self,
        rung: str,
        *,
        month: str | None = None,
        as_of: datetime | None = None,
        limit: int | None = None,
        after: str | None = None,
    ) -> list[RungCustomer]:
        """Return the customers who stand on a rung at the end of a month, by id.

        Args:
            rung: The rung.
            month: The month, such as `2024-05`; the moment itself by default.
            as_of: The moment; now by default. A month that ends later is taken as it stands then.
            limit: At most this many; None for all.
            after: Only those after this customer.

        Raises:
            InvalidInput: The rung is unknown, the month is malformed, or `limit` is negative.
        """
        checked_choice(rung, [each.name for each in self.policy.lifecycle.ladder], "rung", needed=True)
        standing = self._standing(self._evening(month, as_of))
        found = [standing[name] for name in sorted(standing) if standing[name].rung == rung]
        return Page(limit, after).of_names(found, lambda each: each.customer)

    def months(self, customer: str, *, months: int = 12) -> list[LadderMonth]:
        """Return the rung of a customer at the end of each of the last months, the earliest first.

        Args:
            customer: Any of their ids.
            months: The number of months, the present one included.

        Raises:
            InvalidInput: `months` is below 1.
        """
        checked_number(months, "months", least=1)
        present, name = self.local.month(self.now), self.aliases.survivor(customer)
        listed = [months_after(present, number) for number in range(1 - months, 1)]
        standings = self._standings([self._evening(month) for month in listed], [name])
        return [
            LadderMonth(month=month, rung=None, stated=False)
            if (standing := found.get(name)) is None
            else LadderMonth(month=month, rung=standing.rung, stated=standing.stated)
            for month, found in zip(listed, standings, strict=True)
        ]

    def _evening(self, month: str | None, as_of: datetime | None = None) -> int:
        """Return the last moment of a month, or that of `as_of` if it is earlier, UTC microseconds."""
        moment = self.moment(as_of)
        if month is None:
            return moment
        try:
            after = date.fromordinal(last_day(month) + 1)
        except ValueError:
            raise InvalidInput(
                f"{month!r} is not a month", code="invalid_month", field="month", hint="Write it as 2024-05"
            ) from None
        return min(self.local.start(after) - 1, moment)

    def _standing(self, moment: int, customers: Sequence[str] | None = None) -> dict[str, RungCustomer]:
        """Return the rung of customers at a moment, by surviving id; those on no rung are left out."""
        return self._standings([moment], customers)[0]

    def _standings(self, moments: Sequence[int], customers: Sequence[str] | None) -> list[dict[str, RungCustomer]]:
        """Return the rungs of customers at each of some moments."""
        return [
            {
                name: RungCustomer(
                    customer=name,
                    rung=rung,
                    stated_by=None if said is None else said.by or None,
                    stated=said is not None,
                )
                for name, (rung, said) in found.items()
            }
            for found in rungs_of(self._others[4], customers, moments)
        ]

    # --- one customer -----------------------------------------------------------------------------------------------

    def tie(self, customer: str) -> Tie:
        """Return the ties with one customer.

        Args:
            customer: Any of their ids.
        """
        name = self.aliases.survivor(customer)
        row = self._row(name)
        standing = self._standing(self.now, [name]).get(name)
        owner = row.owner_at(self.now)
        contacts = sorted(row.contacts.items(), key=lambda item: (item[1].level, item[0]))
        return Tie(
            customer=name,
            kind=row.kind or "person",
            rung=None if standing is None else standing.rung,
            stated=standing is not None and standing.stated,
            owner=None if owner is None else _owner(owner),
            owners=tuple(_owner(each) for each in row.owners),
            switching_cost=self._switching_cost(name, owner),
            contacts=tuple(
                OrganisationContact(
                    contact=contact, level=line.level, role=line.role or None, since=from_micros(line.at)
                )
                for contact, line in contacts
            ),
        )

    def _row(self, customer: str) -> TieRow:
        found = self.rows(TieRow, customer=customer)
        return found[0] if found else TieRow(customer)

    def _switching_cost(self, customer: str, owner: OwnerLine | None) -> SwitchingCost:
        _agenda, _customers, _desk, loyalty, retention, pipeline = self._others
        account = loyalty.account(customer)
        is_member = account is not None and account.enrolled_at is not None and account.closed_at is None
        patrons = retention.rows_of_some(Patronage, [customer])
        today = self.local.day(self.now)
        first = patrons[0].first_day(today, self.local) if patrons else None
        known = [word for row in patrons for sort in (*WISHES, "taboo") for word in row.traits_of(sort)]
        coupons = [each for each in loyalty.coupons(customer) if each.status == "open"] if is_member else []
        contracts = [each for each in contracts_of(pipeline, customer, self.now) if each.status == "running"]
        ends = [each.ends for each in contracts if each.ends is not None]
        return SwitchingCost(
            points=account.balance if account is not None and is_member else None,
            points_value=self._worth(account.balance) if account is not None and is_member else None,
            tier=account.tier.tier if account is not None and account.tier is not None and is_member else None,
            clubs=tuple(account.clubs) if account is not None and is_member else (),
            coupons=len(coupons),
            years=0.0 if first is None else (today - first) / _YEAR_DAYS,
            owner_years=None if owner is None else (self.now - owner.at) / _DAY / _YEAR_DAYS,
            preferences=len(known),
            contracts=len(contracts),
            contracts_until=max(ends) if ends and len(ends) == len(contracts) else None,
        )

    def _worth(self, points: int) -> int | None:
        policy = self.policy
        rate, digits = policy.programme.rates.get(policy.currency), minor_digits(policy.currency)
        return None if not rate else int(points / rate * 10**digits)

    # --- owners -----------------------------------------------------------------------------------------------------

    def customers_of(
        self, owner: str, *, deputy: bool = False, limit: int | None = None, after: str | None = None
    ) -> list[str]:
        """Return the customers that a staff member is responsible for, by id.

        Args:
            owner: The staff member.
            deputy: Also those for which they stand in.
            limit: At most this many; None for all.
            after: Only those after this customer.

        Raises:
            InvalidInput: `limit` is negative.
        """
        columns = self.columns(TieRow, owner_groups)
        assigned, wanted = columns.part("owners"), self.codes(TieRow).of(owner)
        assigned = assigned.where(assigned["at"] <= self.now)
        is_last = np.append(assigned.owner[1:] != assigned.owner[:-1], np.ones(min(len(assigned), 1), np.bool_))
        mine = assigned["owner"] == wanted
        if deputy:
            mine |= assigned["deputy"] == wanted
        found = [columns.names[place] for place in assigned.owner[is_last & mine].tolist()]
        return Page(limit, after).of_names(found, str)

    def handovers(self, *, owner: str | None = None) -> list[Handover]:
        """Return the customers that a new owner has to take over, the earliest assignment first.

        Each comes with everything that must not be lost: open cases, promises, steps of care plans, taboos and
        preferences.

        Args:
            owner: Only those of this new owner.
        """
        agenda, _customers, desk, _loyalty, retention, _pipeline = self._others
        due = {row.customer for row in agenda.rows(Item, agenda.table(Item).c.kind == "handover")}
        open_ones = {
            row.customer: row
            for row in self.rows_of_some(TieRow, sorted(due))
            if row.handover is not None and owner in (None, row.handover.owner)
        }
        names = sorted(open_ones)
        patrons = {row.customer: row for row in retention.rows_of_some(Patronage, names)}
        tickets: defaultdict[str, list[Ticket]] = defaultdict(list)
        for ticket in desk.rows_of_some(Ticket, names):
            if ticket.is_pending:
                tickets[ticket.customer].append(ticket)
        found = [
            _handover(open_ones[name], tickets[name], agenda.for_customer(name), patrons.get(name)) for name in names
        ]
        return sorted(found, key=lambda each: (each.since, each.customer))

    # --- files ------------------------------------------------------------------------------------------------------

    def files(
        self, *, stale_days: int | None = None, limit: int | None = 50, after: str | None = None
    ) -> list[FileStanding]:
        """Return the completeness and freshness of customers' files, the least complete first.

        Erased customers are left out.

        Args:
            stale_days: Only files that have not changed for this many days.
            limit: At most this many; None for all.
            after: Only those that rank after this customer.

        Raises:
            InvalidInput: `limit` is negative, or `after` is not a customer of the list.
        """
        page, now, customers = Page(limit, after), self.now, self._others[1]
        columns = customers.columns(PortraitRow, file_groups)
        known = customers.keep("files", lambda: known_parts(columns, customers.of_each("agreed", self._agreed)))
        return listed_files(columns, known, now=now, stale_days=stale_days, page=page)

    def _agreed(self, names: Sequence[str] | None) -> dict[str, bool]:
        """Return those of some customers with a recorded consent or withdrawal; None stands for all customers."""
        customers = self._others[1]
        found = customers.customers(Consent) if names is None else customers.rows_of_some(Consent, names)
        return {each if isinstance(each, str) else each.customer: True for each in found}


_PROMISES = frozenset({"acknowledge", "next_response", "resolve", "follow_up", "answer"})


def _is_promise(item: AgendaItem) -> bool:
    return item.kind in _PROMISES


def _owner(line: OwnerLine) -> OwnerSince:
    return OwnerSince(owner=line.owner, deputy=line.deputy or None, since=from_micros(line.at))


def _handover(
    row: TieRow, tickets: Sequence[Ticket], items: Sequence[AgendaItem], patron: Patronage | None
) -> Handover:
    line = row.handover
    assert line is not None  # noqa: S101 - that is how it was found

    def known(*sorts: str) -> tuple[str, ...]:
        return () if patron is None else tuple(sorted({word for sort in sorts for word in patron.traits_of(sort)}))

    return Handover(
        customer=row.customer,
        owner=line.owner,
        deputy=line.deputy or None,
        previous=row.previous,
        since=from_micros(line.at),
        open_cases=tuple(each.complaint for each in sorted(tickets, key=lambda each: (each.due_at, each.complaint))),
        promises=tuple(each for each in items if _is_promise(each)),
        plan_steps=tuple(each for each in items if each.kind == "contact"),
        taboos=known("taboo"),
        preferences=known(*WISHES),
    )
