"""What members have: balances and statements, tiers, what the business owes, and what comes of rewards and referrals.

Three ways lead to an answer. How an account stands now is in its rows. How it stood at a moment, and its statement, are
folded from that one customer's events, by business time, exactly. What all accounts together owed at a moment is the
sum of what moved on all days before, which is kept by day, and of what moved since midnight: that is folded from the
events of those to whom something happened on that one day.

A merged id answers for the surviving account, as of whatever moment is asked about: before the merge it has its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any, ClassVar, TypeVar

import msgspec
from sqlalchemy import func, select

from relations.errors import InvalidInput
from relations.messages import to_micros
from relations.policies import Programme
from relations.policies.loyalty.tier_clock import programme_in
from relations.projections.loyalty.accounts import (
    MemberAccount,
    MemberLot,
    TierEvent,
    TierProgress,
    TierRisk,
    account_of,
    tier_at,
    tier_risk,
    was_member,
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
    "TierProgress",
    "TierRisk",
    "VintageBreakage",
]

R = TypeVar("R", bound=Row)
FoldCustomer = Callable[[Sequence[Projection], str, int | None], dict[str, Rows]]
"""Folds one customer's events, as of a moment in UTC microseconds, or all."""
CustomersBetween = Callable[[Sequence[Projection], int, int], list[str]]
"""Of whom something that projections fold occurred between two moments, both included."""


class LoyaltyView(View):
    """What members have.

    Without `programme` the policy's first one is meant, or, where the question is about one customer, the one that
    this customer joined first. Without `as_of` the present is meant: all that is recorded, today's whole.
    """

    projection: ClassVar[Projection] = PROJECTION

    # --- one member -------------------------------------------------------------------------------------------------

    def account(
        self, customer: str, *, programme: str | None = None, as_of: datetime | None = None
    ) -> MemberAccount | None:
        """A member's balance, open lots and tier; None where the customer has no account in the programme.

        Args:
            customer: The member.
            programme: Which programme.
            as_of: The moment, exactly: what is dated after it is left out. Tiers are read by the present policy.
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
        # One that came with a merge and went again, or with one that had nothing to bring, is none.
        if not accounts or msgspec.structs.replace(accounts[0], merges={}) == AccountRow(
            accounts[0].customer, accounts[0].programme
        ):
            return None
        return account_of(
            accounts[0],
            held,
            as_of=self._moment(as_of),
            programme=policy.programme_of(name),
            zone=policy.zone,
            rules=self._rules(),
        )

    def programmes(self, customer: str) -> list[str]:
        """The programmes in which the customer has an account, in the order of joining."""
        return _joined(self._accounts_of(customer)[1])

    def statement(
        self,
        customer: str,
        *,
        programme: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int | None = 100,
        offset: int = 0,
    ) -> Statement:
        """What moved in a member's account: opening balance, entries, closing balance.

        Args:
            customer: The member.
            programme: Which programme.
            since: From then on; from the beginning where absent.
            until: Before then.
            limit: At most so many entries; None is all of them. The balances are of the whole period.
            offset: After so many.

        Raises:
            InvalidInput: A naive datetime, a period that ends before it begins, a negative page, or a programme that
                there never was.
        """
        _check_page(limit, offset)
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
            limit=limit,
            offset=offset,
        )

    # --- tiers ------------------------------------------------------------------------------------------------------

    def tiers(self, *, programme: str | None = None, as_of: datetime | None = None) -> dict[str | None, int]:
        """How many members have each tier, lowest first; None is none.

        Args:
            programme: Which programme.
            as_of: The moment; now where absent. Accounts that are merged by now count as the one that they are; whoever
                left and joined again since counts as having stayed.

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
            for row in self._recorded(AccountRow, columns.programme == rules.id, columns.merged_into.is_(None)):
                if was_member(row, moment):
                    counts[tier_at(row, moment)] += 1
        return dict(sorted(counts.items(), key=lambda item: (rules.terms.rank(item[0]), item[0] or "")))

    def losing_tier(
        self,
        *,
        until: datetime,
        programme: str | None = None,
        tier: str | None = None,
        limit: int | None = None,
        offset: int = 0,
    ) -> list[TierRisk]:
        """Who loses a tier by `until` if nothing more is earned, soonest first.

        Args:
            until: An aware datetime.
            programme: Which programme.
            tier: Only those who lose this one.
            limit: At most so many.
            offset: After so many.

        Raises:
            InvalidInput: A naive datetime, an unknown programme, or a negative page.
        """
        page = _check_page(limit, offset)
        name, rules, end = self._programme(programme).id, self._rules(), to_micros(until)
        columns = self.table(AccountRow).c
        where = [columns.programme == name, columns.tier.is_not(None), *self._members()]
        if tier is not None:
            where.append(columns.tier == tier)
        bases = {programme_in(span.policy, name).terms.base for span in rules.until(end)}
        base = bases.pop()
        if base is not None and not bases:
            where.append(columns.tier != base)
        found = (tier_risk(row, rules, until=end) for row in self._recorded(AccountRow, *where))
        return sorted((risk for risk in found if risk is not None), key=lambda risk: (risk.losing_at, risk.customer))[
            page
        ]

    # --- all members ------------------------------------------------------------------------------------------------

    def liability(self, *, programme: str | None = None, as_of: datetime | None = None) -> Liability:
        """Points in open lots by month of expiry, at exactly the moment `as_of`.

        It is the sum over all open lots at that moment, as far as they are recorded. What has expired and is not
        recorded as expired is listed as overdue: advance time to be rid of it.
        """
        name, moment = self._named_programme(programme), self._moment(as_of)
        return liability(name, moment, self.local.month(moment), self._by_expiry(name, as_of))

    def breakage(self, *, programme: str | None = None, as_of: datetime | None = None) -> BreakageReport:
        """What became of all points by month of expiry, and the share that was never used."""
        name, moment = self._named_programme(programme), self._moment(as_of)
        return breakage(name, moment, self.local.month(moment), self._by_expiry(name, as_of))

    def months(
        self,
        *,
        programme: str | None = None,
        since: str | None = None,
        until: str | None = None,
        as_of: datetime | None = None,
    ) -> list[PointsMonth]:
        """What moved by month: members, points earned, redeemed, expired, and what was open at its end.

        Args:
            programme: Which programme.
            since: The first month, such as `2024-05`.
            until: The month after the last one.
            as_of: Up to the evening of its local day.
        """
        columns = self.table(Movement).c
        day = self.local.day(self._moment(as_of))
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
        """The programme's goals against what was reached by the evening of the local day of `as_of`, by first day.

        Goals are those of now, also as of the past.
        """
        name = self._named_programme(programme)
        day = self.local.day(self._moment(as_of))
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
        """What became of each reward's coupons, by name."""
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
        """A member's rewards, the latest first."""
        customer, known = self._accounts_of(customer)
        columns = self.table(RewardRow).c
        return self._recorded(
            RewardRow,
            columns.customer == customer,
            columns.programme == self._of(known, programme),
            order_by=(columns.issued_at.desc(), columns.coupon),
        )

    def referrals(self, *, programme: str | None = None) -> ReferralFigures:
        """What recommendations came to."""
        name = self._named_programme(programme)
        columns = self.table(ReferralRow).c
        made_here = columns.made_at != 0  # not so of what was rewarded after its member was merged into another
        statement = select(
            func.count().filter(made_here),
            func.count(columns.customer.distinct()).filter(made_here),
            func.count(columns.rewarded_at),
            func.coalesce(func.sum(columns.points), 0),
        ).where(columns.programme == name)
        made, members, rewarded, points = self.execute(statement)[0]
        return ReferralFigures(programme=name, made=made, members=members, rewarded=rewarded, points=int(points))

    def referrals_of(self, customer: str, *, programme: str | None = None) -> list[ReferralRow]:
        """The recommendations that a member made under whichever id, the latest first."""
        customer, known = self._accounts_of(customer)
        columns = self.table(ReferralRow).c
        return self._recorded(
            ReferralRow,
            columns.customer.in_(self._everybody_in(customer)),
            columns.programme == self._of(known, programme),
            order_by=(columns.made_at.desc(), columns.referral),
        )

    # --- what they share --------------------------------------------------------------------------------------------

    def _recorded(self, row: type[R], *where: Any, order_by: Sequence[Any] = ()) -> list[R]:
        """Rows as recorded: accounts are merged by events of their own, which say what went where."""
        decode = self._tables[row].decode
        statement = select(self.table(row)).where(*where).order_by(*order_by)
        return [decode(values) for values in self.execute(statement)]

    def _of(self, known: Sequence[AccountRow], programme: str | None) -> str:
        """The programme meant where the question is about one customer, whose accounts these are."""
        return self._named_programme(programme or next(iter(_joined(known)), None))

    def _named_programme(self, programme: str | None) -> str:
        """The programme meant: one that any policy has or had, or that anybody has an account in.

        Raises:
            InvalidInput: There never was one of this name.
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

    def _moment(self, as_of: datetime | None) -> int:
        return self.now if as_of is None else to_micros(as_of)

    def _accounts(self, customer: str) -> list[AccountRow]:
        return self._recorded(AccountRow, self.table(AccountRow).c.customer == customer)

    def _accounts_of(self, customer: str) -> tuple[str, list[AccountRow]]:
        """The id whose account has what a customer has, and its accounts."""
        while True:
            found = self._accounts(customer)
            into = next((row.merged_into for row in found if row.merged_into), None)
            if into is None:
                return customer, found
            customer = into

    def _folded(self, projection: Projection, customer: str, until: int | None) -> tuple[str, Rows]:
        """The id whose account had what a customer has as of a moment, and what a projection says of it by then."""
        while True:
            found = self._fold_customer([HOMES, projection], customer, until)
            homes = found[HOMES.name].tables[HomeRow].values()
            into = next((row.into for row in homes if row.into), None)
            if into is None:
                return customer, found[projection.name]
            customer = into

    def _everybody_in(self, customer: str) -> list[str]:
        """A customer and all whose accounts are merged into theirs."""
        columns, found = self.table(AccountRow).c, [customer]
        for each in found:
            found += {row.customer for row in self._recorded(AccountRow, columns.merged_into == each)} - set(found)
        return found

    def _programme(self, programme: str | None) -> Programme:
        """Its rules: none where the policy no longer has it."""
        return programme_in(self.policy, self._named_programme(programme))

    def _members(self) -> list[Any]:
        columns = self.table(AccountRow).c
        return [columns.enrolled_at.is_not(None), columns.closed_at.is_(None), columns.merged_into.is_(None)]

    def _by_expiry(self, programme: str, as_of: datetime | None) -> list[tuple[str, Movement]]:
        """What moved until a moment, by month of expiry: on all days before, and since that day's midnight."""
        moment = self._moment(as_of)
        day = self.local.day(moment)
        after = self.local.start(date.fromordinal(day) + timedelta(days=1))
        whole = as_of is None or moment == after - 1
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
        """What moved on a day until a moment. Nothing counts on a day on which nothing happened to its customer."""
        midnight = self.local.start(date.fromordinal(day))
        for customer in self._customers_between([PROJECTION], midnight, moment):
            rows = self._fold_customer([PROJECTION], customer, moment)[PROJECTION.name].tables[Movement].values()
            yield from (row for row in rows if row.day == day)


def _joined(accounts: Iterable[AccountRow]) -> list[str]:
    """The programmes that a customer has joined, in the order of joining."""
    joined = [row for row in accounts if row.enrolled_at is not None or row.steps]
    return [row.programme for row in sorted(joined, key=lambda row: (row.enrolled_at or 0, row.programme))]


def _check_page(limit: int | None, offset: int) -> slice:
    if offset < 0 or (limit is not None and limit < 0):
        raise InvalidInput(
            "a page has no negative limit or offset", code="invalid_page", field="limit" if offset >= 0 else "offset"
        )
    return slice(offset, None if limit is None else offset + limit)
