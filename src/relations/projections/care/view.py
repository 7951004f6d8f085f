"""The view of care: what is due, what was kept, and the plans of a customer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, ClassVar, Literal, NamedTuple, TypeAlias, get_args

from sqlalchemy import ColumnElement, func, or_, select

from relations.messages import CHANNELS, from_micros, to_micros
from relations.projections.agenda.care import birthdays, due_window, permitted_channels, rounds_where
from relations.projections.agenda.items import AgendaItem
from relations.projections.agenda.rows import AskedRow, CareRound, OpenStep
from relations.projections.agenda.view import AgendaView
from relations.projections.arguments import Page, checked_choice, checked_month
from relations.projections.care.addressing import WORDS, channel_to_use, language_of, taboos_of, text_for
from relations.projections.care.beginnings import PlanBeginning, beginnings_of, is_meant
from relations.projections.care.profiles import (
    CustomerPlan,
    DueContact,
    FinishedStep,
    KeptFigure,
    KeptMonth,
    OwnerKept,
    PlanStep,
)
from relations.projections.care.rows import OPEN, PROJECTION, CareMonth, CareSignals, PlanRound
from relations.projections.contacts.view import ContactsView, quiet_times
from relations.projections.customers.audience import speaks
from relations.projections.customers.portraits import PortraitRow, SaidTrait, opened
from relations.projections.customers.view import CustomersView
from relations.projections.projection import Projection
from relations.projections.retention.columns.joined import JOINED_FACTS
from relations.projections.retention.patronage import Patronage
from relations.projections.retention.segments import needed_facts
from relations.projections.retention.view import RetentionView, joined_facts, joined_views
from relations.projections.view import View, ViewContext

__all__ = ["CareView", "CustomerPlan", "DueContact", "FinishedStep", "KeptFigure", "KeptMonth", "OwnerKept", "PlanStep"]

_TABOO = "trait taboo "
_CHUNK = 500
"""The words of this many contacts are opened together. A list with a limit opens no more than it needs."""
StepOutcome: TypeAlias = Literal["done", "lapsed", "skipped"]
_COUNTS: tuple[StepOutcome, ...] = get_args(StepOutcome)


class CareView(View):
    """Care plans: what is due, what was kept, and the plans of a customer."""

    projection: ClassVar[Projection] = PROJECTION
    leads: ClassVar[Mapping[str, str]] = {"kept": "steps", "kept_months": "steps", "kept_by_owner": "steps"}
    keeps_answers: ClassVar[bool] = True
    reads: ClassVar[tuple[type[View], ...]] = (AgendaView, CustomersView, ContactsView, RetentionView)

    def __init__(
        self,
        context: ViewContext,
        agenda: AgendaView,
        customers: CustomersView,
        contacts: ContactsView,
        retention: RetentionView,
    ) -> None:
        super().__init__(context, agenda, customers, contacts, retention)
        self._agenda = agenda
        self._customers = customers
        self._contacts = contacts
        self._retention = retention

    def _parts(self) -> Iterator[View]:
        """Yield the views that answer together: loyalty and repair only if a plan's conditions ask for their facts."""
        yield from super()._parts()
        asked = (
            needed_facts(plan.meant_for, policy.lifecycle.ladder)
            for policy in self._rules().adopted
            for plan in policy.care.plans
        )
        if any(facts.intersection(JOINED_FACTS) for facts in asked):
            yield from joined_views(self._retention)

    def due(
        self,
        *,
        owner: str | None = None,
        role: str | None = None,
        channel: str | None = None,
        language: str | None = None,
        plan: str | None = None,
        as_of: datetime | None = None,
        limit: int | None = None,
    ) -> list[DueContact]:
        """Return the contacts of care plans that are due, the ones that lapse first before the others.

        Nobody is in the list who does not allow the contact, who was contacted within the policy's quiet time, or who
        was erased. Customers are read together, not one by one.

        Args:
            owner: Only those of this responsible staff member.
            role: Only those for this role.
            channel: Only those that can be made through this channel.
            language: Only customers who are addressed in this language or a variant of it.
            plan: Only those of this plan.
            as_of: The moment; now by default.
            limit: At most this many; None for all.

        Raises:
            InvalidInput: The channel or the plan is unknown, or `limit` is negative.
        """
        checked_choice(channel, CHANNELS, "channel")
        self._check_plan(plan)
        page: Page[str] = Page(limit)
        moment, care = self.moment(as_of), self.policy.care
        columns = self._agenda.table(CareRound).c
        rounds = [
            row
            for row in rounds_where(self._agenda, or_(columns.due_at <= moment, columns.on_birthday))
            if owner in (None, row.owner) and plan in (None, row.plan)
        ]
        possible, found = sorted(self._possible(rounds, role, moment), key=_urgency), list[DueContact]()
        for part in range(0, len(possible), _CHUNK):
            some = possible[part : part + _CHUNK]
            words = self._words(sorted({each.row.customer for each in some}), moment)
            found += [
                _contact(each, way, standing, text_for(each.row, each.step, standing, care))
                for each in some
                if (standing := words.get(each.row.customer)) is not None
                and speaks(language_of(standing), language)
                and (way := channel_to_use(each.channels, standing, channel)) is not None
            ]
            if limit is not None and len(found) >= limit:
                break
        return page.of_ranks(found, lambda each: each.customer)

    def _possible(self, rounds: Sequence[CareRound], role: str | None, moment: int) -> Iterator[_Possible]:
        """Yield the steps that are due, through the channels that the customers allow."""
        names = sorted({row.customer for row in rounds})
        aliases = self.aliases
        ids = sorted(name for each in names for name in aliases.ids(each))
        born = birthdays(self._agenda, rounds, moment, self._open_words)
        asked = {row.customer: row for row in self._agenda.rows_of_some(AskedRow, names)}
        quiet = quiet_times(self._contacts, ids)
        care, local = self.policy.care, self.local
        for row in rounds:
            for step in row.steps:
                window = due_window(row, step, born.get(row.customer), local)
                if window is None or not window[0] <= moment < window[1] or role not in (None, step.role):
                    continue
                permitted = [
                    channel
                    for channel in permitted_channels(step, asked.get(row.customer), care, moment)
                    if channel in care.present_channels or quiet.get(row.customer, 0) <= moment
                ]
                if permitted:
                    yield _Possible(row, step, window, permitted)

    def _words(self, customers: Sequence[str], moment: int) -> dict[str, Mapping[str, SaidTrait]]:
        """Return the words of customers who were not erased, opened together."""
        known = self._customers.rows_of_some(PortraitRow, customers)
        rows = [row for row in known if row.erased_at is None]
        taboos = {about for row in rows for about in row.said if about.startswith(_TABOO)}
        standings = opened(rows, moment, self._open_words, (*WORDS, *sorted(taboos)))
        found = {row.customer: standing for row, standing in zip(rows, standings, strict=True)}
        erased = {row.customer for row in known if row.erased_at is not None}
        return {name: found.get(name, {}) for name in customers if name not in erased}

    def kept(self, plan: str | None = None, *, since: str | None = None, until: str | None = None) -> list[KeptFigure]:
        """Return the steps that were done, lapsed or skipped, by plan and kind: all together first, then each plan.

        A step counts in the month in which it was due; a birthday in the month in which its round ended.

        Args:
            plan: Only this plan.
            since: The first month, such as `2024-05`.
            until: The first month that is left out.

        Raises:
            InvalidInput: The plan is unknown, or a bound is not a month.
        """
        self._check_plan(plan)
        columns = self.table(CareMonth).c
        sums = [func.sum(columns[name]) for name in _COUNTS]
        query = select(columns.plan, columns.what, *sums).group_by(columns.plan, columns.what)
        counted: defaultdict[tuple[str, str], list[int]] = defaultdict(lambda: [0] * len(_COUNTS))
        for name, what, *counts in self.execute(query.where(*self._months(since, until))):
            if plan not in (None, name):
                continue
            for key in (("", ""), (name, ""), (name, what)):
                counted[key] = [one + int(other) for one, other in zip(counted[key], counts, strict=True)]
        return [KeptFigure(plan=name, what=what, **_counts(counts)) for (name, what), counts in sorted(counted.items())]

    def steps(
        self,
        *,
        plan: str | None = None,
        what: str | None = None,
        outcome: StepOutcome | None = None,
        owner: str | None = None,
        since: str | None = None,
        until: str | None = None,
        limit: int | None = None,
        after: str | None = None,
    ) -> list[FinishedStep]:
        """Return the steps that `kept` counts, by customer. Steps of erased customers are counted, but not listed.

        Args:
            plan: Only this plan.
            what: Only this kind of contact.
            outcome: Only steps with this outcome: `done`, `lapsed` or `skipped`.
            owner: Only rounds of this staff member.
            since: The first month, such as `2024-05`.
            until: The first month that is left out.
            limit: The most customers.
            after: Only customers after this id.

        Raises:
            InvalidInput: The plan or the outcome is unknown, a bound is not a month, or `limit` is negative.
        """
        checked_choice(outcome, _COUNTS, "outcome")
        self._check_plan(plan)
        first, end, page = checked_month(since, "since"), checked_month(until, "until"), Page(limit, after)
        columns, month = self.table(PlanRound).c, self.local.month
        wanted = [column == value for column, value in ((columns.plan, plan), (columns.owner, owner)) if value]
        rows = sorted(
            self.rows(PlanRound, *wanted), key=lambda row: (row.customer, row.began_at, row.stream, row.round)
        )
        found = [
            FinishedStep(
                customer=row.customer,
                plan=row.plan,
                round=row.round,
                step=step.step,
                what=step.what,
                month=month(step.counts_at),
                outcome=step.outcome,
                at=from_micros(step.at),
                owner=row.owner,
            )
            for row in rows
            for step in row.steps
            if step.outcome != OPEN and outcome in (None, step.outcome) and what in (None, step.what)
        ]
        within = [each for each in found if (first or each.month) <= each.month and (end is None or each.month < end)]
        return page.of_groups(within, lambda each: each.customer)

    def kept_months(
        self, *, plan: str | None = None, since: str | None = None, until: str | None = None
    ) -> list[KeptMonth]:
        """Return the same of all plans together, or of one, month by month.

        Args:
            plan: Only this plan.
            since: The first month, such as `2024-05`.
            until: The first month that is left out.

        Raises:
            InvalidInput: The plan is unknown, or a bound is not a month.
        """
        self._check_plan(plan)
        columns = self.table(CareMonth).c
        sums = [func.sum(columns[name]) for name in _COUNTS]
        query = select(columns.month, *sums).group_by(columns.month).order_by(columns.month)
        of_plan = [columns.plan == plan] if plan else []
        found = self.execute(query.where(*of_plan, *self._months(since, until)))
        return [KeptMonth(month=month, **_counts(list(map(int, counts)))) for month, *counts in found]

    def kept_by_owner(self, *, since: str | None = None, until: str | None = None) -> list[OwnerKept]:
        """Return the same of all plans together, by the staff member who is responsible for the round.

        Args:
            since: The first month, such as `2024-05`.
            until: The first month that is left out.

        Raises:
            InvalidInput: A bound is not a month.
        """
        columns = self.table(CareMonth).c
        sums = [func.sum(columns[name]) for name in _COUNTS]
        query = select(columns.owner, *sums).group_by(columns.owner).order_by(columns.owner)
        found = self.execute(query.where(*self._months(since, until)))
        return [OwnerKept(owner=owner or None, **_counts(list(map(int, counts)))) for owner, *counts in found]

    def plans(self, customer: str) -> list[CustomerPlan]:
        """Return every round of every care plan of a customer, the first begun first.

        Args:
            customer: Any of their ids.
        """
        rows = sorted(self.rows(PlanRound, customer=customer), key=lambda row: (row.began_at, row.stream, row.round))
        open_rounds = {(row.stream, row.round): row for row in self._agenda.rows(CareRound, customer=customer)}
        born = birthdays(self._agenda, open_rounds.values(), self.now, self._open_words) if open_rounds else {}
        return [
            CustomerPlan(
                plan=row.plan,
                round=row.round,
                since=date.fromisoformat(row.since),
                began_at=from_micros(row.began_at),
                ends_at=from_micros(row.ends_at),
                ended_at=None if row.ended_at is None else from_micros(row.ended_at),
                reason=row.reason,
                owner=row.owner,
                steps=tuple(self._steps(row, open_rounds.get((row.stream, row.round)), born.get(row.customer))),
            )
            for row in rows
        ]

    def _check_plan(self, plan: str | None) -> None:
        """Refuse a plan that no policy ever had and that nothing was kept of."""
        if plan is None:
            return
        adopted = {each.id for policy in self._rules().adopted for each in policy.care.plans}
        if plan not in adopted:
            kept = {name for (name,) in self.execute(select(self.table(CareMonth).c.plan).distinct())}
            checked_choice(plan, sorted(adopted | kept), "plan", called="care plan")

    def _steps(self, row: PlanRound, in_progress: CareRound | None, birthday: str | None) -> list[PlanStep]:
        open_steps = {} if in_progress is None else {each.step: each for each in in_progress.steps}
        found = []
        for step in row.steps:
            known = open_steps.get(step.step)
            due_at, until = step.due_at, step.until
            if in_progress is not None and known is not None:
                window = due_window(in_progress, known, birthday, self.local)
                due_at, until = (None, step.until) if window is None else window
            found.append(
                PlanStep(
                    step=step.step,
                    what=step.what,
                    due_at=None if due_at is None else from_micros(due_at),
                    until=from_micros(until),
                    outcome=step.outcome,
                    at=None if step.outcome == OPEN else from_micros(step.at),
                    reason=step.reason,
                )
            )
        return found

    def _months(self, since: str | None, until: str | None) -> list[ColumnElement[bool]]:
        month = self.table(CareMonth).c.month
        checked_month(since, "since")
        checked_month(until, "until")
        return [
            *([] if since is None else [month >= since]),
            *([] if until is None else [month < until]),
        ]

    def beginnings(self, *, until: datetime) -> list[PlanBeginning]:
        """Return the plans that begin by a moment and are not recorded yet, in the order of customers.

        Of each plan and customer it is the first beginning; a later one may follow once that is recorded.

        Args:
            until: The moment, an aware datetime.
        """
        end, local = to_micros(until), self.local
        last = local.day(end) - 1
        spans = [span for span in self._rules().until(end) if span.policy.care.plans]
        if not spans:
            return []

        joined = joined_facts(self._retention).of

        def read(customers: Sequence[str] | None) -> Mapping[str, list[PlanBeginning]]:
            rounds = defaultdict[str, list[PlanRound]](list)
            for each in self.rows_of_some(PlanRound, customers):
                rounds[each.customer].append(each)
            signals = {each.customer: each for each in self.rows_of_some(CareSignals, customers)}
            found = {}
            for row in self._retention.rows_of_some(Patronage, customers):
                name = row.customer
                found[name] = beginnings_of(
                    row,
                    signals.get(name),
                    rounds.get(name, []),
                    spans,
                    last=last,
                    local=local,
                    joined=joined,
                )
            return {name: begun for name, begun in found.items() if begun}

        return [each for begun in self.of_each(("beginnings", last), read).values() for each in begun]

    def not_renewed(self, *, until: datetime) -> list[AgendaItem]:
        """Return the ends of rounds after which the plan ends, because the customer no longer meets its conditions.

        They are asked for as of the evening before the round ends.

        Args:
            until: The latest end of a round, an aware datetime.
        """
        rules, local, found = self._rules(), self.local, []
        ends = self._agenda.due(until=until, kind="renewal")
        asked = [(item, rules.at(to_micros(item.due_at))) for item in ends]
        plans = [(item, policy, policy.care.plan(item.detail.rpartition("-")[0])) for item, policy in asked]
        limited = [(item, policy, plan) for item, policy, plan in plans if plan is not None and plan.meant_for]
        names = sorted({item.customer for item, *_ in limited})
        rows = {row.customer: row for row in self._retention.rows_of_some(Patronage, names)} if names else {}
        for item, policy, plan in limited:
            row, day = rows.get(item.customer), local.day(to_micros(item.due_at)) - 1
            if row is None or not is_meant(plan, row, policy, day, local, joined_facts(self._retention).of):
                found.append(item)
        return found


class _Possible(NamedTuple):
    """A step that is due: its round, its times, and the channels that the customer allows."""

    row: CareRound
    step: OpenStep
    window: tuple[int, int]
    channels: list[str]


def _contact(
    possible: _Possible, way: tuple[str, str | None], standing: Mapping[str, SaidTrait], text: str | None
) -> DueContact:
    row, step, window, _ = possible
    name = standing.get("name")
    return DueContact(
        customer=row.customer,
        name=None if name is None else name.value,
        language=language_of(standing),
        plan=row.plan,
        round=row.round,
        step=step.step,
        what=step.what,
        due_at=from_micros(window[0]),
        until=from_micros(window[1]),
        channel=way[0],
        address=way[1],
        text=text,
        taboos=taboos_of(standing),
        minutes=step.minutes,
        sells=step.sells,
        role=step.role,
        owner=row.owner,
    )


def _urgency(possible: _Possible) -> tuple[int, str, str, str]:
    return possible.window[1], possible.row.customer, possible.row.round, possible.step.step


def _counts(counts: Sequence[int]) -> dict[str, Any]:
    done, lapsed, skipped = counts
    due = done + lapsed
    return {"done": done, "lapsed": lapsed, "skipped": skipped, "kept": done / due if due else None}
