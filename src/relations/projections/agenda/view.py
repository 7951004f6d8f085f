"""The agenda: complaint deadlines, activations and expiries of points, tier reviews, and work for people.

Time does not pass inside the engine: it enters with commands. The agenda lists which ones are due, and `commands_due`
turns its items into commands. An item leaves the agenda with the event that records it as done, met, missed or void,
so each is due once.

Only open items have rows: one for each open clock and each lot with points left. Members and customers with
invitations have one row each. Times that depend on the policy (follow-ups, lapsed reminders, tier reviews, erasures)
are computed when the agenda is asked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import partial
from heapq import merge
from itertools import islice
from operator import itemgetter
from typing import ClassVar, TypeAlias

from sqlalchemy import ColumnElement, and_, or_, tuple_

from relations.errors import InvalidInput
from relations.messages import from_micros, to_micros
from relations.policies import Policy
from relations.policies.calendars import local_time
from relations.policies.loyalty.tier_clock import programme_in
from relations.projections.agenda import care as agenda_care
from relations.projections.agenda import complaints as agenda_complaints
from relations.projections.agenda import contracts as agenda_contracts
from relations.projections.agenda import handovers as agenda_handovers
from relations.projections.agenda import loyalty as agenda_loyalty
from relations.projections.agenda import surveys as agenda_surveys
from relations.projections.agenda.care import birthdays, open_care, rounds_where
from relations.projections.agenda.erasures import due_erasures
from relations.projections.agenda.handovers import with_one_handover
from relations.projections.agenda.items import (
    AUTOMATIC,
    FOR_PEOPLE,
    AgendaItem,
    commands_due,
    open_asked,
    open_item,
    open_lapse,
    shift_of,
    tier_review,
)
from relations.projections.agenda.rows import (
    KINDS,
    AskedRow,
    BirthdayRow,
    CareRound,
    Item,
    Kind,
    Lapse,
    Member,
    OtherCase,
)
from relations.projections.arguments import checked_number
from relations.projections.projection import Folds, Projection
from relations.projections.view import View

__all__ = ["KINDS", "PROJECTION", "AgendaItem", "AgendaView", "Kind", "commands_due"]

Keyed: TypeAlias = tuple[tuple[int, str, str, str, str], AgendaItem]
"""An item after its sort key."""
_FAR_OFF = 2**62
_CARE: tuple[Kind, ...] = ("contact", "lapse", "renewal")
"""The kinds that care plans make due."""

PROJECTION = Projection(
    name="agenda",
    version=14,
    tables=(Item, Lapse, Member, AskedRow, CareRound, BirthdayRow, OtherCase),
    folds=Folds.of(
        agenda_complaints.FOLDS,
        agenda_surveys.FOLDS,
        agenda_loyalty.FOLDS,
        agenda_care.FOLDS,
        agenda_handovers.FOLDS,
        agenda_contracts.FOLDS,
    ),
)


class AgendaView(View):
    """The agenda, soonest first. Items due at the same time are in the order of customers, streams and names."""

    projection: ClassVar[Projection] = PROJECTION
    keeps_answers: ClassVar[bool] = True

    def due(
        self,
        *,
        until: datetime,
        kind: Kind | None = None,
        limit: int | None = None,
        after: AgendaItem | None = None,
        as_of: datetime | None = None,
    ) -> list[AgendaItem]:
        """Return the items due at `until` or before, without lapsed reminders.

        Args:
            until: The latest due time, an aware datetime.
            kind: Only items of this kind.
            limit: At most this many items; None for all.
            after: The last item of the page before.
            as_of: The moment for which lapsed reminders are computed; by default now, or `until` if that is earlier.

        Raises:
            InvalidInput: A datetime is naive, the kind is unknown, or the limit is below 1.
        """
        if kind is not None and kind not in KINDS:
            raise InvalidInput(
                f"{kind!r} is not a kind of agenda item",
                code="unknown_kind",
                field="kind",
                hint=f"Use one of: {', '.join(KINDS)}",
            )
        if limit is not None:
            checked_number(limit, "limit", least=1)
        return self._due(KINDS if kind is None else (kind,), to_micros(until), limit, after, as_of)

    def automatic(self, *, until: datetime) -> list[AgendaItem]:
        """Return the items due at `until` or before that the engine ends itself, without a person.

        Args:
            until: The latest due time, an aware datetime.

        Raises:
            InvalidInput: The datetime is naive.
        """
        found = self._due([kind for kind in KINDS if kind not in FOR_PEOPLE], to_micros(until))
        return [item for item in found if item.kind != "erasure" or item.detail == AUTOMATIC]

    def _due(
        self,
        kinds: Collection[Kind],
        end: int,
        limit: int | None = None,
        after: AgendaItem | None = None,
        as_of: datetime | None = None,
    ) -> list[AgendaItem]:
        policy = self.policy
        reviews, asked = {"tier", "tier_warning"}, {"reminder", "answer"}
        computed = {*reviews, *asked, *_CARE, "erasure", "handover"}
        stored = [each for each in kinds if each not in computed]
        if limit is None:
            found = [self._all_open(stored, end, after)]
        else:
            found = [self._open(each, end, policy, limit, after) for each in stored]
        if asked & set(kinds):
            lapsed = policy.surveys.lapsed_by(min(end, self.now if as_of is None else to_micros(as_of)))
            found.append(self._asked(kinds, end, policy, limit, after, lapsed))
        if reviews & set(kinds):
            found.append(self._reviews(kinds, end, limit, after))
        if "erasure" in kinds:
            erasures = (item for item in self._erasures(policy) if after is None or item.key > after.key)
            found.append([item for item in erasures if to_micros(item.due_at) <= end][:limit])
        if "handover" in kinds:
            found.append(self._handovers(end, policy, limit, after))
        if care := [each for each in kinds if each in _CARE]:
            moment = min(end, self.now if as_of is None else to_micros(as_of)) if "contact" in care else end
            found.append(self._care(care, end, limit, after, moment))
        if "expiry" in kinds:
            found.append(self._lapses(end, limit, after))
        return list(islice(merge(*found, key=lambda item: item.key), limit))

    def overdue(self, *, now: datetime | None = None, kind: Kind | None = None) -> list[AgendaItem]:
        """Return the items due at `now` or before; the present by default.

        Raises:
            InvalidInput: The datetime is naive or the kind is unknown.
        """
        moment = from_micros(self.now) if now is None else now
        return self.due(until=moment, kind=kind, as_of=moment)

    def for_customer(self, customer: str) -> list[AgendaItem]:
        """Return all open items of one customer, at any time in the future."""
        policy, rules = self.policy, self._rules()
        opened = (open_item(row, policy) for row in with_one_handover(self.rows(Item, customer=customer)))
        members = self.rows(Member, customer=customer)
        reviews = (tier_review(row, rules) for row in members)
        lapses = (open_lapse(row) for row in self.rows(Lapse, customer=customer))
        lapsed = policy.surveys.lapsed_by(self.now)
        asked = (
            item
            for row in self.rows(AskedRow, customer=customer)
            for item in open_asked(row, policy.surveys, _FAR_OFF, lapsed)
        )
        care = self._care_items(
            self.rows(CareRound, customer=customer), ("contact", "lapse", "renewal"), _FAR_OFF, self.now
        )
        erasures = self._erasures(policy, self.aliases.ids(customer))
        return sorted(
            (item for item in (*opened, *lapses, *reviews, *asked, *care, *erasures) if item is not None), key=_key
        )

    def _open(
        self, kind: Kind, end: int, policy: Policy, limit: int | None, after: AgendaItem | None
    ) -> list[AgendaItem]:
        shift = shift_of(kind, policy)
        if shift is None:
            return []
        columns = self.table(Item).c
        order = (columns.at, columns.customer, columns.stream, columns.programme, columns.what)
        where = [columns.kind == kind, columns.at <= end - shift]
        if after is not None:
            moment, *names = after.key
            # The first condition follows from the second; with it the index finds the page.
            where += [columns.at >= moment - shift, tuple_(*order) > tuple_(moment - shift, *names)]
        rows = self.rows(Item, *where, order_by=order, limit=limit)
        return [item for item in (open_item(row, policy) for row in rows) if item is not None]

    def _all_open(self, kinds: Collection[Kind], end: int, after: AgendaItem | None) -> list[AgendaItem]:
        """Return what `_open` does of several kinds, without a limit. What is due in the month is kept by customer."""
        horizon = self.end_of_month(end)
        kept = self.of_each(("open", horizon), partial(self._open_of, horizon))
        return _chosen(kept, kinds, end, after)

    def _open_of(self, horizon: int, customers: Sequence[str] | None) -> dict[str, list[Keyed]]:
        """Return the items of some customers that have rows and are due by a moment; None stands for all."""
        policy, columns = self.policy, self.table(Item).c
        shifts: dict[str, int] = {kind: shift for kind in KINDS if (shift := shift_of(kind, policy)) is not None}
        if customers is None:
            due = (and_(columns.kind == kind, columns.at <= horizon - shift) for kind, shift in shifts.items())
            rows = self.rows(Item, or_(*due))
        else:
            rows = self.rows_of_some(Item, customers)
        found: defaultdict[str, list[Keyed]] = defaultdict(list)
        for row in rows:
            if row.kind != "handover" and row.at <= horizon - shifts.get(row.kind, _FAR_OFF):
                item = open_item(row, policy)
                if item is not None:
                    found[row.customer].append((item.key, item))
        return dict(found)

    def _handovers(self, end: int, policy: Policy, limit: int | None, after: AgendaItem | None) -> list[AgendaItem]:
        rows = with_one_handover(self.rows(Item, self.table(Item).c.kind == "handover"))
        items = (item for row in rows if row.at <= end and (item := open_item(row, policy)) is not None)
        return sorted((item for item in items if after is None or item.key > after.key), key=_key)[:limit]

    def _lapses(self, end: int, limit: int | None, after: AgendaItem | None) -> list[AgendaItem]:
        columns = self.table(Lapse).c
        # The moment is 0 before the first activity, when nothing is due. Rows with nothing left are few.
        rows = self.rows(Lapse, columns.at <= end, columns.at > 0)
        found = sorted((item for item in map(open_lapse, rows) if item is not None), key=lambda item: item.key)
        return [item for item in found if after is None or item.key > after.key][:limit]

    def _asked(
        self,
        kinds: Collection[Kind],
        end: int,
        policy: Policy,
        limit: int | None,
        after: AgendaItem | None,
        lapsed: int | None,
    ) -> list[AgendaItem]:
        columns, where = self.table(AskedRow).c, []
        if "answer" in kinds:
            where.append(columns.answer_at <= end)
        if "reminder" in kinds:
            where.append(columns.remind_at.is_not(None) if lapsed is None else columns.remind_at > lapsed)
        items = (
            item for row in self.rows(AskedRow, or_(*where)) for item in open_asked(row, policy.surveys, end, lapsed)
        )
        found = [item for item in items if item.kind in kinds and to_micros(item.due_at) <= end]
        return sorted((item for item in found if after is None or item.key > after.key), key=_key)[:limit]

    def _care(
        self, kinds: Collection[Kind], end: int, limit: int | None, after: AgendaItem | None, lapsed: int
    ) -> list[AgendaItem]:
        columns, where = self.table(CareRound).c, []
        if "contact" in kinds:
            where += [columns.due_at <= end, columns.on_birthday]
        if "lapse" in kinds or "renewal" in kinds:
            where.append(columns.over_at <= end)
        items = self._care_items(rounds_where(self, or_(*where)), kinds, end, lapsed)
        return sorted((item for item in items if after is None or item.key > after.key), key=_key)[:limit]

    def _care_items(
        self, rows: Sequence[CareRound], kinds: Collection[Kind], until: int, lapsed: int
    ) -> list[AgendaItem]:
        customers = sorted({row.customer for row in rows}) if "contact" in kinds else []
        asked = {row.customer: row for row in self.rows_of_some(AskedRow, customers)}
        known = birthdays(self, rows, until, self._open_words) if customers else {}
        care, local = self.policy.care, self.local
        return [
            item
            for row in rows
            for item in open_care(
                row,
                kinds,
                asked=asked.get(row.customer),
                birthday=known.get(row.customer),
                care=care,
                local=local,
                until=until,
                lapsed=lapsed,
            )
        ]

    def _erasures(self, policy: Policy, customers: Collection[str] | None = None) -> list[AgendaItem]:
        if policy.personal_data.erase_after_months is None:
            return []
        return due_erasures(self._last_events(customers), self.aliases.survivors, policy)

    def _reviews(
        self, kinds: Collection[Kind], end: int, limit: int | None, after: AgendaItem | None
    ) -> list[AgendaItem]:
        """Return the reviews of tiers. Those of the month are kept by customer, because they take long to find."""
        horizon = self.end_of_month(end)
        kept = self.of_each(("reviews", horizon), partial(self._reviews_of, horizon))
        return _chosen(kept, kinds, end, after)[:limit]

    def _reviews_of(self, horizon: int, customers: Sequence[str] | None) -> dict[str, list[Keyed]]:
        """Return the reviews of some members by a moment; None stands for all members."""
        rules = self._rules()
        found: defaultdict[str, list[Keyed]] = defaultdict(list)
        rows = self._reviewed(horizon) if customers is None else self.rows_of_some(Member, customers)
        for row in rows:
            item = tier_review(row, rules, horizon)
            if item is not None:
                found[row.customer].append((item.key, item))
        return dict(found)

    def _reviewed(self, end: int) -> list[Member]:
        """Return at least the members with a review by a moment.

        Tier changes depend on the policy, so no index can find them: members with a tier to lose are checked one by
        one. Under monthly terms, members active in the last month are skipped unless they are in a grace period.
        """
        spans = list(self._rules().until(end))
        columns = self.table(Member).c
        where: list[ColumnElement[bool]] = [columns.tier.is_not(None)]
        if all(each.terms.monthly for span in spans for each in span.policy.every_programme):
            month = max(local_time(span.policy.zone).month(end) for span in spans)
            where.append(or_(columns.month < month, columns.grace_until.is_not(None)))
        for programme in {each.id for span in spans for each in span.policy.every_programme}:
            bases = {programme_in(span.policy, programme).terms.base for span in spans}
            tier = bases.pop()
            if tier is not None and not bases:
                where.append(or_(columns.programme != programme, columns.tier != tier))
        return self.rows(Member, *where)


def _chosen(
    kept: Mapping[str, Sequence[Keyed]], kinds: Collection[Kind], end: int, after: AgendaItem | None
) -> list[AgendaItem]:
    """Return the kept items of some kinds that are due by a moment, after another one, in order."""
    first = () if after is None else after.key
    found = [
        keyed
        for items in kept.values()
        for keyed in items
        if keyed[0][0] <= end and keyed[1].kind in kinds and keyed[0] > first
    ]
    found.sort(key=itemgetter(0))
    return [item for _, item in found]


def _key(item: AgendaItem) -> tuple[int, str, str, str, str]:
    return item.key
