"""The loyalty view: balances and statements, tiers, liability, and the outcome of rewards and referrals.

An answer is computed in one of three ways. The present state of an account is read from its rows. A past state and a
statement are folded from that customer's events, by business time, exactly. The liability at a past moment is the sum
of the stored movements of all earlier days, and of the movements since midnight. The latter are folded from the events
of the customers who had any on that day, unless nothing happened later on that day.

A merged id answers for the surviving account. As of a moment before the merge, it answers for its own account.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import partial
from operator import itemgetter
from typing import Any, ClassVar, TypeVar

import msgspec
from sqlalchemy import func, select

from relations.aggregates.loyalty import issued_to
from relations.errors import InvalidInput
from relations.messages import to_micros
from relations.policies import Programme
from relations.policies.loyalty.tier_clock import programme_in
from relations.projections.arguments import Page, formerly_by_offset
from relations.projections.loyalty.accounts import (
    MemberAccount,
    MemberLot,
    MemberTiers,
    TierEvent,
    TierMember,
    TierProgress,
    TierRisk,
    account_of,
    tier_risk,
)
from relations.projections.loyalty.liability import (
    BreakageReport,
    GoalProgress,
    Liability,
    LiabilityMonth,
    PointsMonth,
    ReferralFigures,
    RewardFigures,
    VintageBreakage,
    breakage,
    goal_progress,
    liability,
    points_by_month,
)
from relations.projections.loyalty.projection import PROJECTION
from relations.projections.loyalty.rows import (
    COUNTS,
    AccountRow,
    GoalRow,
    LotRow,
    Movement,
    ReferralRow,
    RewardRow,
    total_of,
)
from relations.projections.loyalty.statement import (
    ENTRIES,
    HOMES,
    EntryRow,
    HomeRow,
    Statement,
    StatementEntry,
    statement_of,
    without_first,
)
from relations.projections.projection import Projection, Row, Rows
from relations.projections.view import View

__all__ = [
    "PROJECTION",
    "AccountRow",
    "BreakageReport",
    "GoalProgress",
    "GoalRow",
    "Liability",
    "LiabilityMonth",
    "LotRow",
    "LoyaltyView",
    "MemberAccount",
    "MemberLot",
    "Movement",
    "PointsMonth",
    "ReferralFigures",
    "ReferralRow",
    "RewardFigures",
    "RewardRow",
    "Statement",
    "StatementEntry",
    "TierEvent",
    "TierMember",
    "TierProgress",
    "TierRisk",
    "VintageBreakage",
]

R = TypeVar("R", bound=Row)
T = TypeVar("T")
FoldCustomer = Callable[[Sequence[Projection], str, int | None], dict[str, Rows]]
"""A function that folds one customer's events: up to a moment in UTC microseconds, or all of them."""
CustomersBetween = Callable[[Sequence[Projection], int, int], list[str]]
"""A function that returns the customers with events, of those that projections fold, between two moments, inclusive."""


class LoyaltyView(View):
    """Balances, statements, tiers, liability, rewards and referrals of members.

    `programme` defaults to the programme that the customer joined first or, in questions about all members, to the
    policy's first one. `as_of` defaults to now: everything recorded up to the end of today.
    """

    projection: ClassVar[Projection] = PROJECTION
    leads: ClassVar[Mapping[str, str]] = {
        "tiers": "members",
        "months": "tally Movement",
        "liability": "table LotRow",
        "breakage": "tally Movement",
        "rewards": "table RewardRow",
        "referrals": "table ReferralRow",
        "goals": "tally Movement",
    }
    keeps_answers: ClassVar[bool] = True

    # --- one member -------------------------------------------------------------------------------------------------

    def account(
        self, customer: str, *, programme: str | None = None, as_of: datetime | None = None
    ) -> MemberAccount | None:
        """Return a member's balance, open lots and tier; None if the customer has no account in the programme.

        Args:
            customer: The member.
            programme: The programme's id.
            as_of: Exactly this moment: later events are left out. Tiers are computed by the present policy.
        """
        policy = self.policy
        if as_of is None:
            customer, known = self._accounts_of(customer)
            name, lots = self._of(known, programme), self.table(LotRow).c
            accounts = [row for row in known if row.programme == name]
            held = self._recorded(LotRow, lots.customer == customer, lots.programme == name, lots.points > 0)
        else:
            customer, rows = self._folded(PROJECTION, customer, to_micros(as_of))
            name = self._of(self._accounts(customer), programme)
            accounts = [row for row in rows.tables[AccountRow].values() if row.programme == name]
            held = [row for row in rows.tables[LotRow].values() if row.programme == name]
        # Accounts that came with a merge and left again, or came with an empty account, do not count.
        if not accounts or msgspec.structs.replace(accounts[0], merges={}) == AccountRow(
            accounts[0].customer, accounts[0].programme
        ):
            return None
        return account_of(
            accounts[0],
            held,
            as_of=self.moment(as_of),
            programme=policy.programme_of(name),
            zone=policy.zone,
            rules=self._rules(),
        )

    def programmes(self, customer: str) -> list[str]:
        """Return the programmes in which the customer has an account, in the order of joining."""
        return _joined(self._accounts_of(customer)[1])

    @formerly_by_offset(without_first)
    def statement(
        self,
        customer: str,
        *,
        programme: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int | None = 100,
        after: int | None = None,
    ) -> Statement:
        """Return the movements in a member's account: opening balance, entries, closing balance.

        Args:
            customer: The member.
            programme: The programme's id.
            since: The first moment of the period, inclusive. Default: the beginning.
            until: The end of the period, exclusive. Default: everything recorded.
            limit: At most this many entries; None is all of them. The balances are of the whole period.
            after: The position of the last entry of the page before.

        Raises:
            InvalidInput: A naive datetime, a period that ends before it begins, a negative limit, an unknown
                programme, or a position that is not in the statement.
        """
        page = Page(limit, after)
        begin = None if since is None else to_micros(since)
        end = None if until is None else to_micros(until)
        if begin is not None and end is not None and end < begin:
            raise InvalidInput("the period ends before it begins", code="invalid_period", field="until")
        customer, rows = self._folded(ENTRIES, customer, end)
        name = self._of(self._accounts(customer), programme)
        return statement_of(
            customer,
            name,
            [row for row in rows.tables[EntryRow].values() if row.programme == name],
            since=begin,
            until=end,
            page=page,
        )

    # --- tiers ------------------------------------------------------------------------------------------------------

    def tiers(self, *, programme: str | None = None, as_of: datetime | None = None) -> dict[str | None, int]:
        """Return the number of members in each tier, lowest first; the key None stands for members without a tier.

        Args:
            programme: The programme's id.
            as_of: The moment; now by default. Accounts merged since then count as one. Members who left and joined
                again since then count as having stayed.

        Raises:
            InvalidInput: A naive datetime, or an unknown programme.
        """
        rules = self._programme(programme)
        columns = self.table(AccountRow).c
        counts: Counter[str | None] = Counter()
        if as_of is None:
            statement = (
                select(columns.tier, func.count())
                .where(columns.programme == rules.id, *self._members())
                .group_by(columns.tier)
            )
            counts.update({row[0]: row[1] for row in self.execute(statement)})
        else:
            moment = to_micros(as_of)
            counts.update(each.tier_at(moment) for each in self._memberships(rules.id) if each.was_member(moment))
        return dict(sorted(counts.items(), key=lambda item: (rules.terms.rank(item[0]), item[0] or "")))

    def members(
        self,
        *,
        tier: str | None = None,
        programme: str | None = None,
        as_of: datetime | None = None,
        limit: int | None = None,
        after: str | None = None,
    ) -> list[TierMember]:
        """Return the members that `tiers` counts, by id.

        Args:
            tier: Only members in this tier; the empty text selects those without one.
            programme: The programme's id.
            as_of: The moment; now by default.
            limit: The most members.
            after: Only members after this id.

        Raises:
            InvalidInput: An unknown programme, or `limit` is negative.
        """
        rules, page, aliases = self._programme(programme), Page(limit, after), self.aliases
        moment = None if as_of is None else to_micros(as_of)
        found: list[tuple[str, str | None]] = []
        for each in self._memberships(rules.id):
            if each.is_member if moment is None else each.was_member(moment):
                theirs = each.tier if moment is None else each.tier_at(moment)
                if tier is None or tier == (theirs or ""):
                    found.append((aliases.survivor(each.customer), theirs))
        found.sort(key=itemgetter(0))
        return [TierMember(customer=name, tier=theirs) for name, theirs in page.of_names(found, itemgetter(0))]

    @formerly_by_offset()
    def losing_tier(
        self,
        *,
        until: datetime,
        programme: str | None = None,
        tier: str | None = None,
        limit: int | None = None,
        after: str | None = None,
    ) -> list[TierRisk]:
        """Return the members who lose a tier by `until` if nothing more is earned, soonest first.

        Args:
            until: An aware datetime.
            programme: The programme's id.
            tier: Only members who lose this tier.
            limit: At most this many members.
            after: Only members after this one in the list.

        Raises:
            InvalidInput: A naive datetime, an unknown programme, a negative limit, or a customer not in the list.
        """
        page = Page(limit, after)
        name, end = self._programme(programme).id, to_micros(until)
        # It takes long to find who loses a tier. Those of the month are kept by customer.
        horizon = self.end_of_month(end)
        kept = self.of_each(("losing", name, horizon), partial(self._losing, name, horizon))
        risks = [
            risk
            for theirs in kept.values()
            for risk in theirs
            if tier in (None, risk.tier) and to_micros(risk.losing_at) <= end
        ]
        risks.sort(key=lambda risk: (risk.losing_at, risk.customer))
        return page.of_ranks(risks, lambda risk: risk.customer)

    def _losing(self, programme: str, until: int, customers: Sequence[str] | None) -> dict[str, list[TierRisk]]:
        """Return the losses of tiers by a moment, of some members; None stands for all."""
        rules, columns = self._rules(), self.table(AccountRow).c
        if customers is None:
            where = [columns.programme == programme, columns.tier.is_not(None), *self._members()]
            bases = {programme_in(span.policy, programme).terms.base for span in rules.until(until)}
            base = bases.pop()
            if base is not None and not bases:
                where.append(columns.tier != base)
            rows = self._recorded(AccountRow, *where)
        else:
            rows = [row for row in self._unmerged(customers) if row.programme == programme and _is_member(row)]
        return self._by_survivor((row.customer, tier_risk(row, rules, until=until)) for row in rows)

    def _memberships(self, programme: str) -> Iterator[MemberTiers]:
        """Yield the memberships of all accounts in a programme, but for those merged into others."""
        for theirs in self.of_each("memberships", self._memberships_of).values():
            yield from (each for each in theirs if each.programme == programme)

    def _memberships_of(self, customers: Sequence[str] | None) -> dict[str, list[MemberTiers]]:
        return self._by_survivor((row.customer, MemberTiers.of(row)) for row in self._unmerged(customers))

    def _unmerged(self, customers: Sequence[str] | None) -> list[AccountRow]:
        """Return the accounts of some customers by their surviving ids, but for those merged into others."""
        if customers is None:
            return self._recorded(AccountRow, self.table(AccountRow).c.merged_into.is_(None))
        ids = [name for customer in customers for name in self.aliases.ids(customer)]
        return [row for row in self.rows_as_recorded(AccountRow, ids) if row.merged_into is None]

    def _by_survivor(self, found: Iterable[tuple[str, T | None]]) -> dict[str, list[T]]:
        """Return what was found of ids as recorded by surviving id, without what is None."""
        aliases, grouped = self.aliases, dict[str, list[T]]()
        for name, each in found:
            if each is not None:
                grouped.setdefault(aliases.survivor(name), []).append(each)
        return grouped

    # --- all members ------------------------------------------------------------------------------------------------

    def liability(self, *, programme: str | None = None, as_of: datetime | None = None) -> Liability:
        """Return the points in open lots by month of expiry, at exactly the moment `as_of`.

        The figure is the sum over all lots open at that moment, as far as recorded. Points that have expired without a
        record of it are listed as overdue until time is advanced.
        """
        name, moment = self._named_programme(programme), self.moment(as_of)
        return liability(name, moment, self.local.month(moment), self._by_expiry(name, as_of))

    def breakage(self, *, programme: str | None = None, as_of: datetime | None = None) -> BreakageReport:
        """Return the outcome of all points by month of expiry, and the share that was never used."""
        name, moment = self._named_programme(programme), self.moment(as_of)
        return breakage(name, moment, self.local.month(moment), self._by_expiry(name, as_of))

    def months(
        self,
        *,
        programme: str | None = None,
        since: str | None = None,
        until: str | None = None,
        as_of: datetime | None = None,
    ) -> list[PointsMonth]:
        """Return the movements of each month: members, points earned, redeemed and expired, and points open at its end.

        Args:
            programme: The programme's id.
            since: The first month, such as `2024-05`, inclusive.
            until: The month after the last one, exclusive.
            as_of: Count up to the end of this moment's local day.
        """
        columns = self.table(Movement).c
        day = self.local.day(self.moment(as_of))
        statement = (
            select(columns.day, *(func.sum(columns[name]) for name in COUNTS))
            .where(columns.programme == self._named_programme(programme), columns.day <= day)
            .group_by(columns.day)
        )
        found = points_by_month((row[0], total_of(row[1:])) for row in self.execute(statement))
        return [
            each for each in found if (since is None or each.month >= since) and (until is None or each.month < until)
        ]

    def goals(self, *, programme: str | None = None, as_of: datetime | None = None) -> list[GoalProgress]:
        """Return the progress of the programme's goals up to the end of the local day of `as_of`, by first day.

        The goals are the present ones, also for a past moment.
        """
        name = self._named_programme(programme)
        day = self.local.day(self.moment(as_of))
        goals, columns = self.table(GoalRow).c, self.table(Movement).c
        found = []
        for row in self._recorded(GoalRow, goals.programme == name, order_by=(goals.starts, goals.goal)):
            first, after = date.fromisoformat(row.starts).toordinal(), date.fromisoformat(row.ends).toordinal()
            statement = select(*(func.coalesce(func.sum(columns[each]), 0) for each in COUNTS)).where(
                columns.programme == name, columns.day >= first, columns.day < min(after, day + 1)
            )
            found.append(goal_progress(row, total_of(self.execute(statement)[0]), day=day))
        return found

    def rewards(self, *, programme: str | None = None) -> list[RewardFigures]:
        """Return the outcome of each reward's coupons, by name."""
        columns = self.table(RewardRow).c
        statement = (
            select(columns.reward, columns.status, func.count(), func.sum(columns.points))
            .where(columns.programme == self._named_programme(programme))
            .group_by(columns.reward, columns.status)
        )
        found: dict[str, dict[str, tuple[int, int]]] = {}
        for reward, status, count, points in self.execute(statement):
            found.setdefault(reward, {})[status] = (count, int(points))
        return [
            RewardFigures(
                reward=reward,
                issued=sum(count for count, _ in by_status.values()),
                points=sum(points for status, (_, points) in by_status.items() if status != "void"),
                **{status: by_status.get(status, (0, 0))[0] for status in ("open", "used", "expired", "void")},
            )
            for reward, by_status in sorted(found.items())
        ]

    def coupons(self, customer: str, *, programme: str | None = None) -> list[RewardRow]:
        """Return a member's rewards, the latest first."""
        customer, known = self._accounts_of(customer)
        columns = self.table(RewardRow).c
        return self._recorded(
            RewardRow,
            columns.customer == customer,
            columns.programme == self._of(known, programme),
            order_by=(columns.issued_at.desc(), columns.coupon),
        )

    def referrals(self, *, programme: str | None = None) -> ReferralFigures:
        """Return the outcome of referrals."""
        name = self._named_programme(programme)
        columns = self.table(ReferralRow).c
        made_here = columns.made_at != 0  # 0 marks referrals that were rewarded after their member was merged
        statement = select(
            func.count().filter(made_here),
            func.count(columns.customer.distinct()).filter(made_here),
            func.count(columns.rewarded_at),
            func.coalesce(func.sum(columns.points), 0),
        ).where(columns.programme == name)
        made, members, rewarded, points = self.execute(statement)[0]
        return ReferralFigures(programme=name, made=made, members=members, rewarded=rewarded, points=int(points))

    def referrals_of(self, customer: str, *, programme: str | None = None) -> list[ReferralRow]:
        """Return the referrals that a member made under any of their ids, the latest first."""
        customer, known = self._accounts_of(customer)
        columns = self.table(ReferralRow).c
        found = self._recorded(
            ReferralRow,
            columns.customer.in_(self._everybody_in(customer)),
            columns.programme == self._of(known, programme),
            order_by=(columns.made_at.desc(), columns.referral),
        )
        made = {(row.customer, row.referral): row for row in found if row.made_at}
        for row in (row for row in found if not row.made_at):  # the rest of one, in the account it was merged into
            owner, referral = issued_to(row.customer, row.referral)
            first = made.setdefault((owner, referral), row)
            if first is not row:
                first.points += row.points
                first.rewarded_at = row.rewarded_at if first.rewarded_at is None else first.rewarded_at
        return list(made.values())

    # --- shared helpers ---------------------------------------------------------------------------------------------

    def _recorded(self, row: type[R], *where: Any, order_by: Sequence[Any] = ()) -> list[R]:
        """Return rows as recorded, without resolving ids: accounts have merge events of their own."""
        decode = self._tables[row].decode
        statement = select(self.table(row)).where(*where).order_by(*order_by)
        return [decode(values) for values in self.execute(statement)]

    def _of(self, known: Sequence[AccountRow], programme: str | None) -> str:
        """Return the programme of a question about one customer with these accounts."""
        return self._named_programme(programme or next(iter(_joined(known)), None))

    def _named_programme(self, programme: str | None) -> str:
        """Return the programme asked for, or the policy's first one.

        Raises:
            InvalidInput: No policy ever had it, and nobody has an account in it.
        """
        if programme is None:
            return self.policy.programme.id
        adopted = self._rules().adopted or (self.policy,)
        known = dict.fromkeys(each.id for policy in adopted for each in policy.every_programme)
        column = self.table(AccountRow).c.programme
        if programme not in known and not self.execute(select(column).where(column == programme).limit(1)):
            raise InvalidInput(
                f"there is no programme {programme!r}",
                code="unknown_programme",
                field="programme",
                hint=f"Give one of {', '.join(known)}",
            )
        return programme

    def _accounts(self, customer: str) -> list[AccountRow]:
        return self._recorded(AccountRow, self.table(AccountRow).c.customer == customer)

    def _accounts_of(self, customer: str) -> tuple[str, list[AccountRow]]:
        """Return the surviving id of a customer, and the accounts under that id."""
        while True:
            found = self._accounts(customer)
            into = next((row.merged_into for row in found if row.merged_into), None)
            if into is None:
                return customer, found
            customer = into

    def _folded(self, projection: Projection, customer: str, until: int | None) -> tuple[str, Rows]:
        """Return the surviving id of a customer as of a moment, and a projection's rows for it at that moment."""
        while True:
            found = self._fold_customer([HOMES, projection], customer, until)
            homes = found[HOMES.name].tables[HomeRow].values()
            into = next((row.into for row in homes if row.into), None)
            if into is None:
                return customer, found[projection.name]
            customer = into

    def _everybody_in(self, customer: str) -> list[str]:
        """Return a customer's id and every id whose account is merged into theirs."""
        columns, found = self.table(AccountRow).c, [customer]
        for each in found:
            found += {row.customer for row in self._recorded(AccountRow, columns.merged_into == each)} - set(found)
        return found

    def _programme(self, programme: str | None) -> Programme:
        """Return the programme's rules; empty rules if the policy no longer has the programme."""
        return programme_in(self.policy, self._named_programme(programme))

    def _members(self) -> list[Any]:
        columns = self.table(AccountRow).c
        return [columns.enrolled_at.is_not(None), columns.closed_at.is_(None), columns.merged_into.is_(None)]

    def _by_expiry(self, programme: str, as_of: datetime | None) -> list[tuple[str, Movement]]:
        """Return the movements up to a moment, by month of expiry: all earlier days, and since that day's midnight."""
        moment = self.moment(as_of)
        day = self.local.day(moment)
        after = self.local.start(date.fromordinal(day) + timedelta(days=1))
        # Without events later on that day, the whole day is the same: so it is at the moment of the last event.
        whole = as_of is None or moment == after - 1 or not self._customers_between([PROJECTION], moment + 1, after - 1)
        columns = self.table(Movement).c
        statement = (
            select(columns.expires, *(func.sum(columns[name]) for name in COUNTS))
            .where(columns.programme == programme, columns.day < day + whole)
            .group_by(columns.expires)
        )
        found = {row[0]: total_of(row[1:]) for row in self.execute(statement)}
        if not whole:
            for row in self._moved_since_midnight(day, moment):
                if row.programme == programme:
                    before = found.get(row.expires, total_of(()))
                    found[row.expires] = total_of(getattr(before, name) + getattr(row, name) for name in COUNTS)
        return list(found.items())

    def _moved_since_midnight(self, day: int, moment: int) -> Iterator[Movement]:
        """Yield the movements of a day up to a moment. Only customers with events on that day are folded."""
        midnight = self.local.start(date.fromordinal(day))
        for customer in self._customers_between([PROJECTION], midnight, moment):
            rows = self._fold_customer([PROJECTION], customer, moment)[PROJECTION.name].tables[Movement].values()
            yield from (row for row in rows if row.day == day)


def _joined(accounts: Iterable[AccountRow]) -> list[str]:
    """Return the programmes that a customer has joined, in the order of joining."""
    joined = [row for row in accounts if row.enrolled_at is not None or row.steps]
    return [row.programme for row in sorted(joined, key=lambda row: (row.enrolled_at or 0, row.programme))]


def _is_member(row: AccountRow) -> bool:
    return row.enrolled_at is not None and row.closed_at is None
