"""The view of repair: the states of damaged relations, due and overdue steps, and the times and costs of repair.

The rows hold times (`relations.projections.repair.cases`). States are computed from them when a question is asked
(`relations.projections.repair.relation_state`), as of any time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, ClassVar

from sqlalchemy import or_

from relations.errors import InvalidInput
from relations.projections.arguments import Page, checked_choice, checked_month, formerly_by_offset
from relations.projections.explained_figures import ExplainableFigure
from relations.projections.projection import Projection
from relations.projections.repair.cases import PROJECTION, Case, CaseStep, Lesson, Patron, Tick
from relations.projections.repair.emotional_account import (
    AccountEntry,
    EmotionalBalance,
    account_of,
    balance_of,
    happenings,
)
from relations.projections.repair.explained import FIGURES
from relations.projections.repair.figures import (
    CLOCKS,
    CasesStanding,
    ClockFigures,
    ClockName,
    DueStep,
    Named,
    RelationStanding,
    RepairSummary,
    StepTime,
    clock_figures,
    due_steps,
    read_relations,
    repair_summary,
    standing,
    step_times,
)
from relations.projections.repair.funnel import FunnelStep, repair_funnel
from relations.projections.repair.held import (
    HeldAccount,
    HeldCounts,
    HeldPairs,
    HeldRelation,
    held_account,
    held_counts,
    held_pairs,
    held_relations,
)
from relations.projections.repair.lessons import (
    CAUSES_BY,
    CausesBy,
    CauseShare,
    Improvement,
    ImprovementState,
    JusticeServed,
    causes,
    improvements,
    justice_served,
)
from relations.projections.repair.moments import Moments
from relations.projections.repair.recovery import BeforeAfter, before_and_after, years_by_customer
from relations.projections.repair.relation_profile import (
    ComplaintProfile,
    DeviationProfile,
    RelationProfile,
    RoundProfile,
    relation_profile,
)
from relations.projections.repair.relation_state import (
    STATES,
    ComplaintHistory,
    Relation,
    State,
    case_history,
    relation_state,
)
from relations.projections.view import View

__all__ = [
    "PROJECTION",
    "AccountEntry",
    "BeforeAfter",
    "Case",
    "CaseStep",
    "CasesStanding",
    "CauseShare",
    "ClockFigures",
    "ClockName",
    "ComplaintProfile",
    "DeviationProfile",
    "DueStep",
    "EmotionalBalance",
    "FunnelStep",
    "Improvement",
    "JusticeServed",
    "Lesson",
    "Moments",
    "Patron",
    "RelationProfile",
    "RelationStanding",
    "RepairSummary",
    "RepairView",
    "RoundProfile",
    "State",
    "StepTime",
    "Tick",
    "relation_profile",
    "relation_states",
]


class RepairView(View):
    """The repair of damaged relations. `as_of` is the present by default; anything dated after it is left out."""

    projection: ClassVar[Projection] = PROJECTION
    leads: ClassVar[Mapping[str, str]] = {
        "cases": "desk.work",
        "funnel": "figure funnel",
        "clocks": "figure clock_on_time",
        "steps": "figure step_on_time",
        "steps_by_month": "figure step_on_time",
        "causes": "figure cause_share",
        "justice": "figure justice_share",
        "satisfaction": "figure satisfaction_change",
        "summary": "relations",
    }
    explainable: ClassVar[tuple[ExplainableFigure, ...]] = FIGURES
    keeps_answers: ClassVar[bool] = True

    @formerly_by_offset()
    def relations(
        self,
        *,
        as_of: datetime | None = None,
        state: State | None = None,
        limit: int | None = 100,
        after: str | None = None,
    ) -> list[RelationStanding]:
        """Return the damaged relations: the least repaired first, then by time in that state, restored ones last.

        Args:
            as_of: The moment; now by default.
            state: Only relations in this state. Healthy ones are returned only if asked for, by customer.
            limit: At most this many; None for all.
            after: Only relations after the one of this customer.

        Raises:
            InvalidInput: The state is unknown, `limit` is negative, or the list has no customer `after`.
        """
        checked_choice(state, STATES, "state", called="state of a relation called")
        page = Page(limit, after)
        moment = self.moment(as_of)
        if state == "healthy":
            return page.of_ranks(self._healthy(moment), lambda healthy: healthy.customer)
        found = [named for named in self._read(moment) if state in (None, named[1].state)]
        found.sort(key=lambda named: (STATES.index(named[1].state), named[1].since, named[0]))
        return [standing(*named) for named in page.of_ranks(found, lambda named: named[0])]

    def relation(self, customer: str, *, as_of: datetime | None = None) -> RelationProfile:
        """Return one customer's relation with its evidence; healthy if they never filed a complaint."""
        return relation_profile(self.aliases.survivor(customer), self._relation(customer, self.moment(as_of)))

    def account(self, customer: str, *, as_of: datetime | None = None) -> EmotionalBalance:
        """Return one customer's emotional account with its entries; empty if nothing that it weighs ever happened."""
        moment = self.moment(as_of)
        years = self.rows(Moments, customer=customer)
        found = happenings(self._relation(customer, moment), years, as_of=moment)
        return account_of(self.aliases.survivor(customer), found, self.policy.repair.account, as_of=moment)

    @formerly_by_offset()
    def accounts(
        self, *, as_of: datetime | None = None, limit: int | None = 100, after: str | None = None
    ) -> list[EmotionalBalance]:
        """Return the emotional accounts of all customers who ever complained, the lowest balance first.

        Args:
            as_of: The moment; now by default.
            limit: At most this many; None for all.
            after: Only accounts after the one of this customer.

        Raises:
            InvalidInput: `limit` is negative, or the list has no customer `after`.
        """
        page, moment = Page(limit, after), self.moment(as_of)
        weights, held = self.policy.repair.account, self.of_each_at("accounts", moment, self._accounts_of)
        found = sorted(
            (balance_of(held[customer].weighed, weights, as_of=moment), customer) for customer, _ in self._read(moment)
        )
        return [
            account_of(customer, held[customer].found, weights, as_of=moment)
            for _, customer in page.of_ranks(found, lambda ranked: ranked[1])
        ]

    def satisfaction(self, *, as_of: datetime | None = None) -> list[BeforeAfter]:
        """Return the satisfaction of complainants before and after their complaints, by instrument.

        This is a figure of satisfaction only; it does not count towards retention.
        """
        surveys, held = self.policy.surveys, self.of_each_at("pairs", self.moment(as_of), self._pairs_of)
        pairs = (pair for each in held.values() for pair in each.pairs)
        return before_and_after(pairs, minimum=surveys.minimum_answers, confidence=surveys.confidence)

    def overdue(self, *, as_of: datetime | None = None, clock: ClockName | None = None) -> list[DueStep]:
        """Return the overdue steps, the longest overdue first.

        Args:
            as_of: The moment; now by default.
            clock: Only steps of this clock.

        Raises:
            InvalidInput: The clock is unknown.
        """
        moment = self.moment(as_of)
        return self._due(moment, clock, begin=None, end=moment)

    def due(self, *, within: timedelta, as_of: datetime | None = None, clock: ClockName | None = None) -> list[DueStep]:
        """Return the steps due within some time from now, the soonest first, without overdue ones.

        Args:
            within: The span to look ahead.
            as_of: The moment; now by default.
            clock: Only steps of this clock.

        Raises:
            InvalidInput: `within` is negative, or the clock is unknown.
        """
        if within < timedelta(0):
            raise InvalidInput(f"within must not be negative, but is {within}", code="invalid_range", field="within")
        moment = self.moment(as_of)
        return self._due(moment, clock, begin=moment, end=moment + within // timedelta(microseconds=1))

    def cases(self, *, as_of: datetime | None = None) -> CasesStanding:
        """Return the number of open and overdue cases of every kind, and of overdue follow-ups."""
        moment = self.moment(as_of)
        found = [each.counts for each in self.of_each_at("cases", moment, self._counts_of).values()]
        counts = [sum(numbers) for numbers in zip(*found, strict=True)] if found else [0, 0, 0]
        return CasesStanding(open=counts[0], overdue=counts[1], follow_ups_overdue=counts[2])

    def steps(
        self,
        *,
        as_of: datetime | None = None,
        severity: str | None = None,
        since: str | None = None,
        until: str | None = None,
    ) -> list[StepTime]:
        """Return the median and 90th percentile of the time to each step, and the share on time.

        Args:
            as_of: The moment; now by default.
            severity: Only complaints of this severity.
            since: Only complaints filed in this month, such as `2024-05`, or later.
            until: Only complaints filed before this month.

        Raises:
            InvalidInput: A bound is not a month.
        """
        first, end = checked_month(since, "since"), checked_month(until, "until")
        moment, local = self.moment(as_of), self.local

        def chosen(case: Case) -> bool:
            month = local.month(case.filed_at or 0)
            return (
                severity in (None, case.severity) and (first is None or month >= first) and (end is None or month < end)
            )

        histories = (
            history for _, relation in self._read(moment) for history in relation.histories if chosen(history.case)
        )
        return step_times(histories, as_of=moment)

    def steps_by_month(
        self, months: Sequence[str], *, as_of: datetime | None = None, severity: str | None = None
    ) -> dict[str, list[StepTime]]:
        """Return the same figures for the complaints filed in each of some months.

        Args:
            months: The months, such as `2024-05`.
            as_of: The moment; now by default.
            severity: Only complaints of this severity.

        Raises:
            InvalidInput: One of them is not a month.
        """
        moment = self.moment(as_of)
        by_month = self.keep(("filed by month", moment), partial(self._filed_by_month, moment))
        chosen = {
            month: [each for each in by_month.get(month, ()) if severity in (None, each.case.severity)]
            for month in months
            if checked_month(month, "months") is not None
        }
        return {month: step_times(histories, as_of=moment) for month, histories in chosen.items()}

    def _filed_by_month(self, moment: int) -> dict[str, list[ComplaintHistory]]:
        found: defaultdict[str, list[ComplaintHistory]] = defaultdict(list)
        for history in self._histories(moment):
            found[self.local.month(history.case.filed_at or 0)].append(history)
        return found

    def funnel(self, *, as_of: datetime | None = None) -> list[FunnelStep]:
        """Return the number of complaints that reached each step towards a restored relation."""
        return repair_funnel(self._histories(self.moment(as_of)))

    def clocks(self, *, as_of: datetime | None = None, severity: str | None = None) -> list[ClockFigures]:
        """Return the outcomes of each clock, those still running, and the share on time with its interval.

        Args:
            as_of: The moment; now by default.
            severity: Only complaints of this severity, as last assessed by then.
        """
        moment = self.moment(as_of)
        histories = (history for history in self._histories(moment) if severity in (None, history.severity))
        return clock_figures(histories, as_of=moment, confidence=self.policy.surveys.confidence)

    def causes(self, *, as_of: datetime | None = None, by: CausesBy = "cause") -> list[CauseShare]:
        """Return the causes of complaints, the most frequent first (Pareto).

        Args:
            as_of: The moment; now by default.
            by: `cause` (the root cause named by the business), `category`, `subject` or `touchpoint`.

        Raises:
            InvalidInput: `by` is not one of these.
        """
        if by not in CAUSES_BY:
            raise InvalidInput(
                f"complaints cannot be grouped by {by!r}",
                code="unknown_dimension",
                field="by",
                hint=f"Use one of: {', '.join(CAUSES_BY)}",
            )
        return causes(self._histories(self.moment(as_of)), by=by)

    def improvements(
        self, *, as_of: datetime | None = None, state: ImprovementState | None = None
    ) -> list[Improvement]:
        """Return the improvements: raised, done, and proved effective."""
        found = improvements(self._histories(self.moment(as_of)))
        return [each for each in found if state in (None, each.state)]

    def justice(self, *, as_of: datetime | None = None) -> list[JusticeServed]:
        """Return the kinds of justice that repair actions served."""
        return justice_served(self._read(self.moment(as_of)), confidence=self.policy.surveys.confidence)

    def summary(self, *, as_of: datetime | None = None) -> RepairSummary:
        """Return a summary of all relations, with the cost of their repair."""
        moment = self.moment(as_of)
        relations = self._read(moment)
        columns = self.table(Patron).c
        return repair_summary(relations, customers=self.count(Patron, columns.known_at <= moment), as_of=moment)

    def _read(self, moment: int, *where: Any) -> list[Named]:
        if not where:
            held = self.of_each_at("relations", moment, self._relations_of)
            return [(name, each.relation) for name, each in held.items() if each.relation.histories]
        cases = self.table(Case).c
        rows = self.rows(Case, *where, order_by=(cases.customer, cases.complaint))
        patrons = self.rows(Patron, self.table(Patron).c.complaints > 0)
        return list(read_relations(patrons, rows, self.policy.repair, as_of=moment, local=self.local))

    def _counts_of(self, moment: int, customers: Sequence[str] | None) -> dict[str, HeldCounts]:
        """Return the counts of some customers' cases that are open or due at a moment; None: of all."""
        policy, local = self.policy, self.local
        theirs: defaultdict[str, list[Case]] = defaultdict(list)
        for case in self.rows_of_some(Case, customers):
            theirs[case.customer].append(case)
        days = policy.surveys.follow_up_days
        return {
            name: held_counts(found, policy.repair, as_of=moment, local=local, follow_up_days=days)
            for name, found in theirs.items()
        }

    def _cases_at(self, moment: int) -> Iterator[tuple[str, ComplaintHistory]]:
        """Yield the cases of every kind that may be open or due at a moment, with their customers."""
        policy, local, columns = self.policy, self.local, self.table(Case).c
        for case in self.rows(Case, or_(columns.pending, columns.last_at > moment)):
            history = case_history(case, (), policy.repair, moment, local)
            if history is not None:
                yield case.customer, history

    def _relations_of(self, moment: int, customers: Sequence[str] | None) -> dict[str, HeldRelation]:
        """Return the relations of some customers who have cases; None stands for all."""
        complained = self.table(Patron).c.complaints > 0
        patrons = self.rows(Patron, complained) if customers is None else self.rows_of_some(Patron, customers)
        rows = sorted(self.rows_of_some(Case, customers), key=lambda case: (case.customer, case.complaint))
        return held_relations(patrons, rows, self.policy.repair, as_of=moment, local=self.local)

    def _histories(self, moment: int) -> Iterator[ComplaintHistory]:
        return (history for _, relation in self._read(moment) for history in relation.histories)

    def _relation(self, customer: str, moment: int) -> Relation:
        cases, patrons = self.rows(Case, customer=customer), self.rows(Patron, customer=customer)
        patron = patrons[0] if patrons else None
        return relation_state(patron, cases, self.policy.repair, as_of=moment, local=self.local)

    def _accounts_of(self, moment: int, customers: Sequence[str] | None) -> dict[str, HeldAccount]:
        """Return the weighed events of some customers who have cases; None stands for all."""
        weights = self.policy.repair.account
        return {
            customer: held_account(each, years, weights, as_of=moment)
            for customer, each, years in self._with_years(moment, customers)
        }

    def _pairs_of(self, moment: int, customers: Sequence[str] | None) -> dict[str, HeldPairs]:
        """Return the answers around the complaints of some customers who have cases; None stands for all."""
        within = self.policy.repair.satisfaction_days
        return {
            customer: held_pairs(each, years, within_days=within, as_of=moment)
            for customer, each, years in self._with_years(moment, customers)
        }

    def _with_years(
        self, moment: int, customers: Sequence[str] | None
    ) -> Iterator[tuple[str, HeldRelation, Sequence[Moments]]]:
        """Yield the relations of some customers who have cases, with their contacts and answers."""
        held = self.of_each_at("relations", moment, self._relations_of)
        chosen = [name for name in (held if customers is None else customers) if name in held]
        years = years_by_customer(self.rows_of_some(Moments, chosen))
        for name in chosen:
            yield name, held[name], years.get(name, ())

    def _due(self, moment: int, clock: ClockName | None, *, begin: int | None, end: int) -> list[DueStep]:
        if clock is not None and clock not in CLOCKS:
            raise InvalidInput(
                f"{clock!r} is not a clock",
                code="unknown_clock",
                field="clock",
                hint=f"Use one of: {', '.join(CLOCKS)}",
            )
        # Complaints that were closed for good by then cannot be due; the others are few.
        cases = self.table(Case).c
        relations = self._read(moment, or_(cases.pending, cases.last_at > moment))
        found = due_steps(
            relations, begin=begin, end=end, as_of=moment, follow_up_days=self.policy.surveys.follow_up_days
        )
        return [step for step in found if clock in (None, step.clock)]

    def _healthy(self, moment: int) -> list[RelationStanding]:
        damaged = {customer for customer, _ in self._read(moment)}
        known = self.customers(Patron, self.table(Patron).c.known_at <= moment)
        healthy = Relation("healthy", None, None, [], [])
        return [standing(customer, healthy) for customer in known if customer not in damaged]


def relation_states(view: RepairView, customers: Sequence[str] | None, moment: int) -> dict[str, State]:
    """Return the states of relations at a moment, by surviving id. All others are healthy.

    Args:
        view: The repair view.
        customers: The customers by surviving id; None stands for all.
        moment: The moment, UTC microseconds.
    """
    if customers is None:
        return {customer: relation.state for customer, relation in view._read(moment)}
    held = view._relations_of(moment, customers)
    return {customer: each.relation.state for customer, each in held.items() if each.relation.histories}
