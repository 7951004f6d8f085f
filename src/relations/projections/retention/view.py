"""Retention: lifecycle stages, retention and churn rates, cohorts, and customer value.

Nearly everything here is inferred from the days on which customers bought. Departures and returns that somebody
recorded are used too, and marked as recorded. Days and months are local to the business. A day counts whole: `as_of`
means the evening of the moment's local day.

The policy's limits are read when a question is asked, so a new policy also changes the answers about the past. A refund
lowers amounts when it happens, and never before its purchase. The purchase remains a purchase, except in the models of
lifetime value, which leave out whatever was refunded.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import partial
from operator import pos
from typing import ClassVar, get_args

from sqlalchemy import func, select

from relations.aggregates.campaign import wins_customers
from relations.analytics import SurvivalCurve, survival_curve
from relations.analytics.buying import BuyingModelName
from relations.errors import InvalidInput
from relations.extras import np
from relations.messages import from_micros
from relations.months import first_day, last_day, month_of
from relations.policies import Policy
from relations.policies.facts import CLUSTER_FACTS, DEFAULT_CLUSTER_FACTS, NUMBER_FACTS, ClusterFact, Fact
from relations.policies.value import Segment, ValueGrade
from relations.projections.arguments import Page, checked_choice, checked_month
from relations.projections.columns import Array, Codes, ColumnGroups, Columns, Ints, distinct
from relations.projections.explained_figures import ExplainableFigure
from relations.projections.loyalty.standings import member_standings
from relations.projections.loyalty.view import LoyaltyView
from relations.projections.projection import CustomerRow, Projection
from relations.projections.repair.view import RepairView, relation_states
from relations.projections.retention.acquisition import (
    Acquired,
    AcquisitionFigure,
    Way,
    Won,
    acquisition_figures,
)
from relations.projections.retention.activity import RungLine
from relations.projections.retention.advertising import CampaignSpending
from relations.projections.retention.churn import (
    DEPARTURE_OUTCOMES,
    ChurnReport,
    CustomerDeparture,
    DepartureOutcome,
    churn_report,
    customer_departures,
)
from relations.projections.retention.clusters.figures import (
    ClustersReport,
    ComparedNumber,
    CustomerCluster,
    cluster_traits,
)
from relations.projections.retention.clusters.fits import ClusterFit, measures_of, newest_clusters
from relations.projections.retention.clusters.rows import RecordedClusters
from relations.projections.retention.cohorts import Cohort
from relations.projections.retention.columns.clusters import cluster_numbers, clustered, clusters_now
from relations.projections.retention.columns.facts import (
    Members,
    listed_members,
    listed_segments,
    parts_of,
    rungs_of_all,
)
from relations.projections.retention.columns.joined import JOINED_FACTS, JoinedFacts
from relations.projections.retention.columns.kinds import listed_kinds
from relations.projections.retention.columns.lives import (
    lifecycle_counts,
    listed_moves,
    listed_stages,
    losses,
    rates_of,
)
from relations.projections.retention.columns.money import (
    cohorts_of,
    listed_grades,
    listed_rfm,
    observed,
    revenue_of,
    rfm_score,
)
from relations.projections.retention.columns.patrons import (
    acquired,
    acquired_once,
    buyers,
    departing,
    kept_amounts,
    patronage_groups,
)
from relations.projections.retention.explained import FIGURES
from relations.projections.retention.loyalty_kinds import (
    KINDS,
    CustomerKind,
    KindsReport,
    LoyaltyKind,
    customer_kind,
)
from relations.projections.retention.patronage import PROJECTION, Cost, Patronage, SealedWord
from relations.projections.retention.purchases import CustomerProfile, customer_profile
from relations.projections.retention.revenue import CohortRevenue, RevenueRetention, cohort_revenue
from relations.projections.retention.rfm import Buyer, BuyerCounts, RfmReport, RfmScore, rfm_buyers, score_among
from relations.projections.retention.segments import (
    Facts,
    SegmentFigure,
    asked_facts,
    customer_facts,
    customer_segments,
    rung_of,
)
from relations.projections.retention.stages import (
    PERIOD_MOVES,
    PERIODS,
    STAGES,
    CustomerStage,
    LifecycleReport,
    Period,
    PeriodCustomer,
    PeriodMove,
    PeriodRates,
    Periods,
    Stage,
    period_named,
)
from relations.projections.retention.value_grades import CustomerGrade, GradesReport, customer_grade
from relations.projections.retention.worth.fits import ModelFits, RecordedFit, newest_fit
from relations.projections.retention.worth.lifetime_value import CustomerWorth, WorthReport, valued, worth_of_one
from relations.projections.retention.worth.turnover import Turnover
from relations.projections.running.aliases import combined
from relations.projections.view import View, ViewContext

__all__ = ["RetentionView", "buyers_on", "found_clusters", "joined_facts", "joined_views", "rung_counts", "rungs_of"]


_CHANGED_MAX = 1_000
"""Customers with a purchase or refund after the day asked about from which on the columns of all are read."""


class RetentionView(View):
    """Questions about who stays and what customers are worth.

    These arguments mean the same in every question:

    * `as_of` is the moment asked about; the present by default. Anything dated later is left out.
    * `since` and `until` are months such as `2024-05`: the first one that counts, and the one after the last.
    * `currency` selects which amounts count; the policy's currency by default. Nothing is converted.
    * `cohort` keeps only customers whose first purchase was in this month.
    * `segment` keeps only customers who belong to this segment of the policy at the moment asked about.
    * `limit` and `after` select a page of the customers listed: at most `limit`, after the customer with the id
      `after`. All others are still counted.

    An argument that does not make sense raises `InvalidInput`.
    """

    projection: ClassVar[Projection] = PROJECTION
    explainable: ClassVar[tuple[ExplainableFigure, ...]] = FIGURES
    leads: ClassVar[Mapping[str, str]] = {
        "lifecycle": "stages",
        "rates": "moves",
        "cohorts": "stages",
        "survival": "stages",
        "churn_reasons": "departures",
        "cohort_revenue": "stages",
        "revenue_retention": "stages",
        "acquisition": "figure board.acquisition_cost",
    }
    keeps_answers: ClassVar[bool] = True
    columned: ClassVar[tuple[tuple[type[CustomerRow], ColumnGroups], ...]] = ((Patronage, patronage_groups),)
    reads: ClassVar[tuple[type[View], ...]] = (LoyaltyView, RepairView)

    def __init__(self, context: ViewContext, loyalty: LoyaltyView, repair: RepairView) -> None:
        super().__init__(context)
        self._joining = loyalty, repair

    def _parts(self) -> Iterator[View]:
        """Yield the views that answer together: the others only if a segment of the policy asks for their facts."""
        yield from super()._parts()
        lifecycle = self.policy.lifecycle
        if asked_facts(lifecycle.segments, lifecycle.ladder).intersection(JOINED_FACTS):
            yield from self._joining

    # --- who stays --------------------------------------------------------------------------------------------------

    def lifecycle(self, *, as_of: datetime | None = None) -> LifecycleReport:
        """Count the customers in each stage: prospect, new, established, lapsing, lost, won back."""
        moment = self.moment(as_of)
        return lifecycle_counts(
            self._columns("amounts", "contact", "departures"), self.policy.lifecycle, as_of=moment, local=self.local
        )

    def stages(
        self,
        *,
        as_of: datetime | None = None,
        stage: Stage | None = None,
        cohort: str | None = None,
        limit: int | None = None,
        after: str | None = None,
    ) -> list[CustomerStage]:
        """Return each customer's stage, sorted by customer id.

        Args:
            as_of: The moment asked about.
            stage: Only customers in this stage.
            cohort: Only customers who first bought in this month.
            limit: The most customers.
            after: Only customers after this id.

        Raises:
            InvalidInput: The stage is unknown, `cohort` is not a month, or `limit` is negative.
        """
        checked_choice(stage, STAGES, "stage")
        page, today, policy = Page(limit, after), self.day(as_of), self.policy.lifecycle
        of = None if cohort is None else self._chosen(today, cohort, None)
        return listed_stages(
            self._columns("amounts", "contact", "departures"),
            policy,
            today=today,
            local=self.local,
            stage=stage,
            page=page,
            of=of,
        )

    def rates(
        self,
        *,
        as_of: datetime | None = None,
        since: str | None = None,
        until: str | None = None,
        period: Period = "month",
        cohort: str | None = None,
        segment: str | None = None,
    ) -> list[PeriodRates]:
        """Return retention, churn and repeat rates by month, quarter or year.

        Args:
            as_of: The moment asked about. Its own period is the last one, and usually incomplete.
            since: The first month; it starts the whole period that contains it. Defaults to the first purchase.
            until: The month after the last one. A period that begins before it counts whole.
            period: `month`, `quarter` or `year`.
            cohort: Only customers who first bought in this month.
            segment: Only customers who belong to this segment.

        Raises:
            InvalidInput: A bound is not a month, or the period or segment is unknown.
        """
        checked_choice(period, PERIODS, "period")
        first, end = checked_month(since, "since"), checked_month(until, "until")
        today = self.day(as_of)
        found = rates_of(
            self._columns("amounts", "departures"),
            self.policy.lifecycle,
            today=today,
            since=first,
            period=period,
            local=self.local,
            chosen=self._chosen(today, cohort, segment),
        )
        return [each for each in found if end is None or each.month < end]

    def moves(
        self,
        *,
        period: str | None = None,
        move: PeriodMove | None = None,
        as_of: datetime | None = None,
        cohort: str | None = None,
        segment: str | None = None,
        limit: int | None = None,
        after: str | None = None,
    ) -> list[PeriodCustomer]:
        """Return the customers that the rates of a period count, by id: who stayed, left, came or came back.

        Args:
            period: The period, such as `2024-05`, `2024-Q2` or `2024`; by default the month of the moment.
            move: Only customers who moved so: `retained`, `lost`, `new` or `won_back`.
            as_of: The moment asked about.
            cohort: Only customers who first bought in this month.
            segment: Only customers who belong to this segment.
            limit: The most customers.
            after: Only customers after this id.

        Raises:
            InvalidInput: `period` is not a period that has begun, or another argument makes no sense.
        """
        checked_choice(move, PERIOD_MOVES, "move")
        page, today = Page(limit, after), self.day(as_of)
        named = period_named(month_of(today) if period is None else period)
        chosen = self._chosen(today, cohort, segment)
        periods = named and Periods.of(first_day(named[1]), today=today, since=named[1], period=named[0])
        if not periods:
            raise InvalidInput(
                f"{period!r} is not a period that has begun",
                code="invalid_period",
                field="period",
                hint="Give a month, a quarter or a year, such as 2024-05, 2024-Q2 or 2024",
            )
        begin, end = periods.boundaries[:2]
        return listed_moves(
            self._columns("amounts", "departures"),
            self.policy.lifecycle,
            span=(begin, end),
            today=today,
            local=self.local,
            chosen=chosen,
            move=move,
            page=page,
        )

    def cohorts(self, *, as_of: datetime | None = None, segment: str | None = None) -> list[Cohort]:
        """Group customers by the month of their first purchase, with what they did in each month since.

        Args:
            as_of: The moment asked about. Cohorts are made of whole months, so all of its own month counts; a month
                that is not over is marked as incomplete.
            segment: Only customers who belong to this segment.

        Raises:
            InvalidInput: The segment is unknown.
        """
        today = self.day(as_of)
        chosen = self._chosen(today, None, segment)
        return cohorts_of(self._columns(), self._codes().texts, today=today, chosen=chosen)

    def survival(
        self, *, as_of: datetime | None = None, cohort: str | None = None, segment: str | None = None
    ) -> SurvivalCurve:
        """Estimate how long customers stay, with Kaplan and Meier's curve.

        The curve runs from the first purchase to the day on which a customer counts as lost. Customers who are not lost
        yet are censored.

        Args:
            as_of: The moment asked about.
            cohort: Only customers who first bought in this month.
            segment: Only customers who belong to this segment. A segment that depends on whether they are still there,
                such as one by stage, says more about itself than about how long they stay.

        Returns:
            The share not yet lost by days since the first purchase, with Greenwood's standard errors.

        Raises:
            InvalidInput: `cohort` is not a month, or the segment is unknown.
        """
        policy, local, today = self.policy, self.local, self.day(as_of)
        chosen = self._chosen(today, cohort, segment)
        found = losses(
            self._columns("amounts", "departures"), policy.lifecycle, today=today, local=local, chosen=chosen
        )
        return survival_curve(found, confidence=policy.surveys.confidence)

    def churn_reasons(
        self,
        *,
        as_of: datetime | None = None,
        since: str | None = None,
        until: str | None = None,
        segment: str | None = None,
    ) -> ChurnReport:
        """Count why customers left and what won them back, wherever that was recorded.

        Args:
            as_of: The moment asked about.
            since: The first month whose departures count.
            until: The month after the last one.
            segment: Only customers who belong to this segment.

        Raises:
            InvalidInput: A bound is not a month, or the segment is unknown.
        """
        first, end = checked_month(since, "since"), checked_month(until, "until")
        today = self.day(as_of)
        found = departing(self._columns("amounts", "departures"), today, self._chosen(today, None, segment))
        return churn_report(found, today=today, local=self.local, since=first, until=end)

    def departures(
        self,
        *,
        reason: str | None = None,
        outcome: DepartureOutcome | None = None,
        as_of: datetime | None = None,
        since: str | None = None,
        until: str | None = None,
        segment: str | None = None,
        limit: int | None = None,
        after: str | None = None,
    ) -> list[CustomerDeparture]:
        """Return the recorded departures that `churn_reasons` counts, by customer.

        Args:
            reason: Only departures with this reason; the empty text selects those without one.
            outcome: Only departures that ended so: `won_back`, `bought_again` or `gone`.
            as_of: The moment asked about.
            since: The first month whose departures count.
            until: The month after the last one.
            segment: Only customers who belong to this segment.
            limit: The most customers.
            after: Only customers after this id.

        Raises:
            InvalidInput: An argument makes no sense.
        """
        checked_choice(outcome, DEPARTURE_OUTCOMES, "outcome")
        first, end = checked_month(since, "since"), checked_month(until, "until")
        page, today = Page(limit, after), self.day(as_of)
        known = departing(self._columns("amounts", "departures"), today, self._chosen(today, None, segment))
        found = [
            each
            for each in customer_departures(known, today=today, local=self.local, since=first, until=end)
            if outcome in (None, each.outcome) and (reason is None or reason in (each.reasons or ("",)))
        ]
        return page.of_groups(found, lambda each: each.customer)

    def kinds(
        self,
        *,
        as_of: datetime | None = None,
        kind: LoyaltyKind | None = None,
        limit: int | None = None,
        after: str | None = None,
    ) -> KindsReport:
        """Count customers by kind of loyalty: behaviour against attitude, after Dick and Basu.

        Args:
            as_of: The moment asked about. Kinds are found month by month, so all of its own month counts.
            kind: List only customers of this kind.
            limit: The most customers listed.
            after: List only customers after this id.

        Raises:
            InvalidInput: The kind is unknown, or `limit` is negative.
        """
        checked_choice(kind, KINDS, "kind", called="kind of loyalty")
        page, moment = Page(limit, after), self.moment(as_of)
        policy, month = self.policy, month_of(self.local.day(moment))

        def compute() -> KindsReport:
            return listed_kinds(
                self._columns("amounts", "returned", "opinions"),
                policy.lifecycle.loyalty,
                satisfied_from=policy.surveys.csat_satisfied_from,
                month=month,
                as_of=moment,
                kind=kind,
                page=page,
            )

        found = self.keep(("kinds", month, kind, page), compute)
        return found.model_copy(update={"as_of": from_micros(moment)})

    def kind_of(self, customer: str, *, as_of: datetime | None = None) -> CustomerKind | None:
        """Return one customer's kind of loyalty and its history; None before any purchase or answer."""
        rows = self.rows(Patronage, customer=customer)
        return _kind(rows[0], self.policy, month_of(self.day(as_of))) if rows else None

    def customer(self, customer: str, *, as_of: datetime | None = None) -> CustomerProfile | None:
        """Return one customer's purchases; None if they have done nothing that it counts."""
        rows = self.rows(Patronage, customer=customer)
        if not rows:
            return None
        return customer_profile(rows[0], self.policy.lifecycle, today=self.day(as_of), local=self.local)

    # --- what they are worth ----------------------------------------------------------------------------------------

    def rfm(
        self,
        *,
        as_of: datetime | None = None,
        currency: str | None = None,
        segment: str | None = None,
        limit: int | None = None,
        after: str | None = None,
    ) -> RfmReport:
        """Grade customers by recency, frequency and money spent, each from 1 to 5.

        All buyers in the currency are graded against each other, listed or not.

        Args:
            as_of: The moment asked about.
            currency: Which amounts count.
            segment: List only customers of this RFM segment.
            limit: The most customers listed.
            after: List only customers after this id.

        Raises:
            InvalidInput: The currency or segment is unknown, or `limit` is negative.
        """
        page, code, moment = Page(limit, after), self.currency(currency), self.moment(as_of)
        policy = self.policy.lifecycle.rfm
        checked_choice(segment, sorted({known.name for known in policy.segments}), "segment")
        today = self.local.day(moment)

        def compute() -> RfmReport:
            return listed_rfm(
                self._columns("amounts", "returned"),
                policy,
                self._numbered(code),
                today=today,
                as_of=moment,
                segment=segment,
                page=page,
            )

        found = self.keep(("rfm", today, code, segment, page), compute)
        return found.model_copy(update={"as_of": from_micros(moment)})

    def rfm_of(self, customer: str, *, as_of: datetime | None = None, currency: str | None = None) -> RfmScore | None:
        """Return one customer's grades of recency, frequency and money; None if they never bought in the currency.

        Raises:
            InvalidInput: The currency is unknown.
        """
        code, today = self.currency(currency), self.day(as_of)
        policy, name = self.policy.lifecycle.rfm, self.aliases.survivor(customer)
        by_bins: BuyerCounts = {}, {}, {}
        counts = (
            by_bins
            if policy.bins
            else self.keep(("buyer counts", code, today), lambda: self._buyer_counts(code, today))
        )
        if counts is None:
            return rfm_score(self._columns("amounts", "returned"), policy, self._numbered(code), name, today=today)
        for buyer in self._buyers_of(self.aliases.ids(name), code, today):
            return score_among(counts, buyer, policy, code)
        return None

    def _buyer_counts(self, currency: str, today: int) -> BuyerCounts | None:
        """Return how many buyers have each value that is graded; None if too many have bought something since.

        The database counts the values of `Turnover`. Those of merged customers, and of customers with a purchase or
        refund after today, are taken out and computed from `Patronage`.
        """
        table, aliases = self.table(Turnover).c, self.aliases
        of_currency = table.currency == currency
        changed = select(table.customer).where(of_currency, table.until > today).limit(_CHANGED_MAX + 1)
        since = [customer for (customer,) in self.execute(changed)]
        if len(since) > _CHANGED_MAX:
            return None
        apart = sorted({*since, *aliases.survivors, *aliases.groups})
        days, *others = (
            dict(map(tuple, self.execute(select(column, func.count()).where(of_currency).group_by(column))))
            for column in (table.last_day, table.visits, table.net)
        )
        found = Counter({today - day: count for day, count in days.items()}), *map(Counter, others)
        for row in self.rows_as_recorded(Turnover, apart):
            if row.currency == currency:
                for counted, value in zip(found, (today - row.last_day, row.visits, row.net), strict=True):
                    counted[value] -= 1
        for _, *its_values in self._buyers_of(apart, currency, today):
            for counted, value in zip(found, its_values, strict=True):
                counted[value] += 1
        recency, frequency, monetary = map(pos, found)  # without the values that nobody has
        return recency, frequency, monetary

    def _buyers_of(self, ids: Sequence[str], currency: str, today: int) -> list[Buyer]:
        """Return the customers with some ids who have bought in a currency by the evening of a day."""
        rows = self.parts_as_recorded(Patronage, ("activity", "returned"), ids)
        return rfm_buyers(combined(rows, self.aliases), currency, today=today)[0]

    def lifetime_values(
        self,
        *,
        as_of: datetime | None = None,
        currency: str | None = None,
        ahead: timedelta = timedelta(days=365),
        yearly_rate: float = 0.1,
        model: BuyingModelName = "bg_nbd",
        limit: int | None = None,
        after: str | None = None,
        refit: bool = False,
    ) -> WorthReport:
        """Return what customers have brought, and what a model expects them to bring.

        The newest fit that was recorded by then is used, and `fit` says how old it is; see `Relations.fit_models`. If
        none was recorded, the models are fitted to all buyers, listed or not. If no fit is possible, `no_fit` has the
        reason by its code,
        and only the past value is given:

        * `missing_extra`: the extra `analytics` is not installed.
        * `no_customers`: nobody has kept a purchase in this currency.
        * `no_repeat_customers`, `no_repeat_spending`: nobody came back, or nobody spent anything on coming back.
        * `fit_not_converged`, `infinite_mean`: these customers are too few or too alike to estimate the parameters.

        Args:
            as_of: The moment asked about.
            currency: Which purchases count.
            ahead: How far ahead to look.
            yearly_rate: The discount rate a year.
            model: `bg_nbd`, or `mbg_nbd`, in which a customer may leave right after the first purchase.
            limit: The most customers listed, the most valuable first.
            after: List only customers who rank after this one.
            refit: Fit the models to the data of the moment, whether a fit was recorded or not.

        Raises:
            InvalidInput: An argument makes no sense, or `after` is not a customer of the list.
        """
        page, code = Page(limit, after), self.currency(currency)
        through = self.day(as_of)
        columns = self._columns("amounts", "returned", "costed")
        found, numbers = observed(columns, self._numbered(code)[1], through=through)
        return valued(
            found,
            currency=code,
            through=through,
            days=ahead / timedelta(days=1),
            yearly_rate=yearly_rate,
            model=model,
            page=page,
            recorded=None if refit else self._recorded_fit(model, code, through),
            listing=lambda key, places, *listed: columns.listed(key, numbers[places], *listed),
        )

    def value_of(
        self,
        customer: str,
        *,
        as_of: datetime | None = None,
        currency: str | None = None,
        ahead: timedelta = timedelta(days=365),
        yearly_rate: float = 0.1,
        model: BuyingModelName = "bg_nbd",
    ) -> CustomerWorth | None:
        """Return what one customer has brought, and what the newest recorded fit expects them to bring.

        Nothing is fitted, so only the past value is given if no fit was recorded; see `Relations.fit_models`.

        Args:
            customer: Any of the customer's ids.
            as_of: The moment asked about.
            currency: Which purchases count.
            ahead: How far ahead to look.
            yearly_rate: The discount rate a year.
            model: `bg_nbd` or `mbg_nbd`.

        Returns:
            None if they kept nothing that they bought in this currency.

        Raises:
            InvalidInput: An argument makes no sense.
        """
        code, through = self.currency(currency), self.day(as_of)
        rows = self.rows(Patronage, customer=customer)
        if not rows:
            return None
        return worth_of_one(
            rows[0],
            self._recorded_fit(model, code, through),
            currency=code,
            through=through,
            days=ahead / timedelta(days=1),
            yearly_rate=yearly_rate,
        )

    def revenue_retention(
        self,
        *,
        as_of: datetime | None = None,
        currency: str | None = None,
        months: int = 3,
        cohort: str | None = None,
        segment: str | None = None,
    ) -> list[RevenueRetention]:
        """Compare what customers spent in a span of months with what they spent in the next span of the same length.

        Args:
            as_of: The moment asked about. All of its own month counts; a span that it ends is marked as incomplete
                unless that month is over.
            currency: Which amounts count.
            months: The length of a span.
            cohort: Only customers who first bought in this month.
            segment: Only customers who belong to this segment.

        Returns:
            One entry for every month that ends such a pair of spans.

        Raises:
            InvalidInput: The currency or segment is unknown, `cohort` is not a month, or `months` is below 1.
        """
        code, today = self.currency(currency), self.day(as_of)
        if months < 1:
            raise InvalidInput(
                f"a span cannot have {months} months", code="invalid_months", field="months", hint="Give 1 or more"
            )
        chosen, number = self._chosen(today, cohort, segment), self._numbered(code)[1]
        return revenue_of(self._columns(), number, months=months, today=today, chosen=chosen)

    def cohort_revenue(
        self, *, as_of: datetime | None = None, currency: str | None = None, segment: str | None = None
    ) -> list[CohortRevenue]:
        """Return what each cohort spent month by month, with refunds in the month in which they happened.

        Raises:
            InvalidInput: The currency or segment is unknown.
        """
        return cohort_revenue(self.cohorts(as_of=as_of, segment=segment), currency=self.currency(currency))

    def value_grades(
        self,
        *,
        as_of: datetime | None = None,
        currency: str | None = None,
        grade: ValueGrade | None = None,
        limit: int | None = None,
        after: str | None = None,
    ) -> GradesReport:
        """Count customers of high, mid and low value at the end of a month, and those without a grade.

        Args:
            as_of: The moment asked about. Grades are found month by month, so all of its own month counts.
            currency: Which amounts count. Customers who never bought in it have no grade.
            grade: List only customers of this grade.
            limit: The most customers listed.
            after: List only customers after this id.

        Raises:
            InvalidInput: The currency or grade is unknown, or `limit` is negative.
        """
        checked_choice(grade, get_args(ValueGrade), "grade", called="value grade")
        page, code, month = Page(limit, after), self.currency(currency), month_of(self.day(as_of))
        policy = self.policy.lifecycle.grades
        return listed_grades(self._columns(), policy, self._numbered(code), month=month, grade=grade, page=page)

    def grades(self, *, as_of: datetime | None = None, currency: str | None = None) -> list[CustomerGrade]:
        """Return everybody's value grade and since when they have had it; `value_grades` counts them.

        Args:
            as_of: The moment asked about. All of its own month counts.
            currency: Which amounts count.

        Raises:
            InvalidInput: The currency is unknown.
        """
        return list(self.value_grades(as_of=as_of, currency=currency).customers)

    def grade_of(
        self, customer: str, *, as_of: datetime | None = None, currency: str | None = None
    ) -> CustomerGrade | None:
        """Return one customer's value grade; None if they never bought in the currency.

        Raises:
            InvalidInput: The currency is unknown.
        """
        code, month = self.currency(currency), month_of(self.day(as_of))
        rows = self.rows(Patronage, customer=customer)
        return customer_grade(rows[0], self.policy.lifecycle.grades, currency=code, month=month) if rows else None

    def segments(
        self, *, as_of: datetime | None = None, limit: int | None = None, after: str | None = None
    ) -> list[SegmentFigure]:
        """Return the policy's segments in its order, with how many customers belong to each, and which.

        Args:
            as_of: The moment asked about.
            limit: The most customers listed of each segment.
            after: List only customers after this id.

        Raises:
            InvalidInput: `limit` is negative.
        """
        page = Page(limit, after)
        return listed_segments(self._members_of_segments(self.day(as_of), "net_amount"), page)

    def members(self, *, as_of: datetime | None = None) -> dict[str, tuple[str, ...]]:
        """Return the names of the policy's segments by customer, for every customer who belongs to any."""
        return listed_members(self._members_of_segments(self.day(as_of)))

    def in_segment(self, segment: str, customers: Sequence[str], *, as_of: datetime | None = None) -> tuple[str, ...]:
        """Return those of some customers who belong to a segment of the policy.

        Args:
            segment: The segment.
            customers: Surviving ids.
            as_of: The moment asked about.

        Raises:
            InvalidInput: The segment is unknown.
        """
        today, policy = self.day(as_of), self.policy
        known = {each.name: each for each in policy.lifecycle.segments}
        checked_choice(segment, known, "segment", needed=True)
        return self._of_these(known[segment], customers, today)

    def _of_these(self, wanted: Segment, customers: Sequence[str], today: int) -> tuple[str, ...]:
        aliases = self.aliases
        if self._compares_customers(wanted):
            members = self.keep(("in segment", wanted, today), lambda: frozenset(self._members(today).names(wanted)))
            return tuple(sorted(members.intersection(customers)))
        ids = [name for each in customers for name in aliases.ids(each)]
        rows = combined(self.rows_as_recorded(Patronage, ids), aliases)
        facts_of = self._facts(rows, (wanted,), today)
        return tuple(sorted(row.customer for row, facts in facts_of if customer_segments(facts, (wanted,))))

    def segments_of(self, customer: str, *, as_of: datetime | None = None) -> tuple[str, ...]:
        """Return the names of the segments that one customer belongs to, in the policy's order."""
        found = self.rows(Patronage, customer=customer)
        if not found:
            return ()
        policy, today = self.policy, self.day(as_of)
        segments = policy.lifecycle.segments
        if any(map(self._compares_customers, segments)):
            members = self._members(today)
            place = bisect_left(members.columns.names, found[0].customer)
            return tuple(segment.name for segment in segments if members.of(segment)[place])
        ((_, facts),) = self._facts(found, segments, today)
        return customer_segments(facts, segments)

    def clusters(
        self,
        *,
        as_of: datetime | None = None,
        limit: int | None = None,
        after: str | None = None,
        refit: bool = False,
        facts: Sequence[ClusterFact] = DEFAULT_CLUSTER_FACTS,
        clusters: int | None = None,
        most: int = 8,
        seed: int = 1,
    ) -> ClustersReport:
        """Return clusters of customers who are alike, by the newest fit that was recorded by then.

        The fit stays as it was recorded; `fit.age_days` says how old it is. Each customer who bought in the policy's
        currency belongs to the cluster with the nearest centre, as they are at the moment asked about.

        Args:
            as_of: The moment asked about.
            limit: The most customers listed of each cluster.
            after: List only customers after this id.
            refit: Find the clusters of that moment instead. Only then do the next arguments count.
            facts: The facts by which customers are compared.
            clusters: The number of clusters, from 2 to 50; by default the number with the best silhouette.
            most: The most clusters to try, if their number is not given.
            seed: The seed of the starts.

        Raises:
            InvalidInput: An argument makes no sense.
            NoFit: Clusters are to be found, and there are too few customers or they are too much alike.
            MissingExtra: Clusters are to be found, and the extra `analytics` is not installed.
        """
        page, today = Page(limit, after), self.day(as_of)
        if refit:
            fit: ClusterFit | None = found_clusters(self, today, facts=facts, clusters=clusters, most=most, seed=seed)
        else:
            fit = self._recorded_clusters(today)
        return clustered(self._members(today), fit, page)

    def cluster_of(self, customer: str, *, as_of: datetime | None = None) -> CustomerCluster | None:
        """Return the cluster that one customer belongs to; None if no fit was recorded by then.

        Args:
            customer: Any of the customer's ids.
            as_of: The moment asked about.
        """
        today = self.day(as_of)
        fit = self._recorded_clusters(today)
        if fit is None:
            return None
        name = self.aliases.survivor(customer)
        numbers, known = self._clusters_of_some(fit, self.rows(Patronage, customer=customer), today)
        number = numbers.get(name)
        return CustomerCluster(
            customer=name,
            cluster=number,
            fit=fit.used,
            traits=() if number is None else cluster_traits(fit)[number - 1],
            known=known.get(name, ()),
        )

    def _recorded_clusters(self, today: int) -> ClusterFit | None:
        return newest_clusters(self.rows(RecordedClusters), today, self.local, self.policy.currency)

    def _cluster_numbers(self, customers: Sequence[str] | None, today: int) -> Mapping[str, int]:
        """Return the number of the cluster of each customer who belongs to one; None stands for all customers."""
        fit = self._recorded_clusters(today)
        if fit is None:
            return {}
        if customers is None:
            columns = self._columns()
            numbers = cluster_numbers(self._members(today), fit).tolist()
            return {name: number for name, number in zip(columns.names, numbers, strict=True) if number}
        return self._clusters_of_some(fit, self.rows_of_some(Patronage, customers), today)[0]

    def _clusters_of_some(
        self, fit: ClusterFit, rows: Sequence[Patronage], today: int
    ) -> tuple[dict[str, int], dict[str, tuple[ComparedNumber, ...]]]:
        """Return the numbers of the clusters of some customers, and the numbers by which they are compared."""
        policy, local = self.policy, self.local
        bought = [row for row in rows if row.purchase_days(today) and row.bought_in(policy.currency, today)]
        joined = self._joined.of(fit.found.facts, [row.customer for row in bought], today)
        facts = [
            customer_facts(row, policy, fit.found.facts, today=today, local=local, rfm={}, joined=joined)
            for row in bought
        ]
        names = [row.customer for row in bought]
        numbers = fit.numbers(measures_of(facts, fit.found.features)).tolist()
        compared = [fact for fact in fit.found.facts if fact in NUMBER_FACTS]
        known = [
            tuple(
                ComparedNumber(fact=fact, value=value if isinstance(value := each[fact], int | float) else None)
                for fact in compared
            )
            for each in facts
        ]
        return dict(zip(names, numbers, strict=True)), dict(zip(names, known, strict=True))

    def acquisition(
        self,
        *,
        as_of: datetime | None = None,
        currency: str | None = None,
        campaigns: bool = False,
        expected: Mapping[str, float] | None = None,
    ) -> list[AcquisitionFigure]:
        """Return what customers cost to win and what they have brought since, by channel: CAC, and CLV : CAC.

        CAC is everything that was spent, on people who never bought too, divided by the customers won: those who
        bought. The costs of campaigns count too, such as an advertisement: they are divided among the customers whose
        first purchase names the campaign. Campaigns of the kind `win_back` win no new customers, so nothing that was
        spent in their name counts.

        Args:
            as_of: The moment asked about.
            currency: Which costs and amounts count.
            campaigns: Give each campaign of a channel on its own.
            expected: The value still expected of each customer, in minor units, such as `expected_value` of
                `lifetime_values`; without it, only past value counts.

        Raises:
            InvalidInput: The currency is unknown.
        """
        code, until = self.currency(currency), self.day(as_of)
        once, counted = list[tuple[Way, Won]](), None
        if expected is None:
            numbers, besides = self._codes().texts, self._winning_nobody()
            once, counted = acquired_once(
                self._columns("amounts", "returned", "costs", "named"),
                numbers,
                self._numbered(code),
                until,
                besides=besides,
            )
        return acquisition_figures(
            self._acquired(code, until, but=counted),
            currency=code,
            campaigns=campaigns,
            expected=expected,
            spent=self._advertised(until),
            once=once,
        )

    def _acquired(self, currency: str, until: int, *, but: Array | None = None) -> list[Acquired]:
        """Return the customers on which something was spent to win them, or that a campaign won."""
        number = self._numbered(currency)[1]
        return acquired(
            self._columns("amounts", "returned", "costs", "named"),
            number,
            until,
            besides=self._winning_nobody(),
            but=but,
        )

    def _winning_nobody(self) -> set[str]:
        """Return the campaigns that are not to win customers."""
        return {row.campaign for row in self.rows(CampaignSpending) if not wins_customers(row.kind)}

    def _advertised(self, until: int) -> Iterator[Cost]:
        """Yield the costs of campaigns that are to win customers, by the evening of a day."""
        for row in self.rows(CampaignSpending):
            for line in row.lines if wins_customers(row.kind) else ():
                day = self.local.day(line.at)
                if day <= until:
                    spent_on = date.fromordinal(day).isoformat()
                    yield spent_on, line.channel, row.campaign, line.currency, line.amount

    def _recorded_fit(self, model: str, currency: str, through: int) -> ModelFits | None:
        columns = self.table(RecordedFit).c
        rows = self.rows(RecordedFit, columns.model == model, columns.currency == currency)
        return newest_fit(rows, through, self.local)

    # --- reading ----------------------------------------------------------------------------------------------------

    def _columns(self, *parts: str) -> Columns:
        """Return the columns, with the parts that a question needs read in one pass over the table."""
        columns = self.columns(Patronage, patronage_groups)
        columns.read(parts)
        return columns

    def _members(self, today: int, *facts: Fact) -> Members:
        """Return the customers on the evening of a day, with what some facts need read in one pass over the table."""
        columns = self._columns(*parts_of(facts))
        return Members(columns, self._codes(), self.policy, today, self.local, self._joined)

    def _members_of_segments(self, today: int, *facts: Fact) -> Members:
        lifecycle = self.policy.lifecycle
        return self._members(today, *facts, *sorted(asked_facts(lifecycle.segments, lifecycle.ladder)))

    def _facts(
        self, rows: Sequence[Patronage], segments: Iterable[Segment], today: int
    ) -> Iterator[tuple[Patronage, Facts]]:
        """Yield customers with the facts that the conditions of segments ask for."""
        policy, local = self.policy, self.local
        asked = asked_facts(segments, policy.lifecycle.ladder)
        joined = self._joined.of(asked, [row.customer for row in rows], today)
        for row in rows:
            yield row, customer_facts(row, policy, asked, today=today, local=local, rfm={}, joined=joined)

    def _compares_customers(self, segment: Segment) -> bool:
        """Return True if membership depends on other customers."""
        return "rfm" in asked_facts((segment,), self.policy.lifecycle.ladder)

    def _rungs(
        self, customers: Sequence[str] | None, moments: Sequence[int]
    ) -> list[dict[str, tuple[str, RungLine | None]]]:
        ladder = self.policy.lifecycle.ladder
        if customers is None or any(map(self._compares_customers, ladder)):
            wanted = None if customers is None else frozenset(customers)
            return [self._rungs_of_all(wanted, moment) for moment in moments]
        rows, every = self.rows_of_some(Patronage, customers), list[dict[str, tuple[str, RungLine | None]]]()
        for moment in moments:
            found: dict[str, tuple[str, RungLine | None]] = {}
            for row, facts in self._facts(rows, ladder, self.local.day(moment)):
                rung, said = rung_of(row, ladder, customer_segments(facts, ladder), moment)
                if rung is not None:
                    found[row.customer] = rung, said
            every.append(found)
        return every

    def _rungs_at(self, moment: int) -> tuple[Members, Ints, dict[int, RungLine]]:
        """Return the customers at a moment, the places of their rungs, and the statements that decided some."""
        ladder = self.policy.lifecycle.ladder
        members = self._members(self.local.day(moment), "rung", *sorted(asked_facts(ladder, ladder)))
        return members, *rungs_of_all(members, moment)

    def _rungs_of_all(self, wanted: frozenset[str] | None, moment: int) -> dict[str, tuple[str, RungLine | None]]:
        ladder = self.policy.lifecycle.ladder
        members, places, stated = self._rungs_at(moment)
        names = members.columns.names
        return {
            names[owner]: (ladder[place].name, stated.get(owner))
            for owner, place in enumerate(places.tolist())
            if place >= 0 and (wanted is None or names[owner] in wanted)
        }

    @property
    def _joined(self) -> JoinedFacts:
        """A reader of the facts that come from other views, or are sealed."""
        loyalty, repair = self._joining
        standings = self._unkept(partial(member_standings, loyalty))
        states = self._unkept(partial(relation_states, repair))
        return JoinedFacts(self._sealed, self._open_words, standings, states, self._cluster_numbers, self.local)

    def _sealed(self, customers: Sequence[str] | None) -> Iterable[tuple[str, Mapping[str, SealedWord]]]:
        """Return the sealed birthdays and genders of some customers; None stands for all."""
        if customers is None:
            names, (personal,) = self._fetch_all(Patronage, ("personal",))
            return zip(names, personal, strict=True)
        return [(row.customer, row.personal) for row in self.rows_of_some(Patronage, customers)]

    def _codes(self) -> Codes:
        return self.codes(Patronage)

    def _numbered(self, currency: str) -> tuple[str, int]:
        """Return a currency with its number in the columns."""
        return currency, self._codes().of(currency)

    def _chosen(self, today: int, cohort: str | None, segment: str | None) -> Array:
        """Return for each customer whether they belong to a cohort and a segment; to all where none is asked for."""
        month, columns = checked_month(cohort, "cohort"), self._columns()
        first = buyers(columns, today).first  # reads the columns, so that their number is known
        chosen = np.ones(len(first), np.bool_)
        if segment is not None:
            members = self._members(today)
            known = {each.name: each for each in members.policy.lifecycle.segments}
            checked_choice(segment, known, "segment")
            chosen = members.of(known[segment])
        if month is not None:
            chosen &= (first >= first_day(month)) & (first <= last_day(month))
        return chosen


def _kind(row: Patronage, policy: Policy, month: str) -> CustomerKind | None:
    return customer_kind(row, policy.lifecycle.loyalty, satisfied_from=policy.surveys.csat_satisfied_from, month=month)


def found_clusters(
    view: RetentionView, today: int, *, facts: Sequence[ClusterFact], clusters: int | None, most: int, seed: int
) -> ClusterFit:
    """Find clusters of customers as they are on the evening of a day; see `RetentionView.clusters`."""
    if not facts:
        raise InvalidInput(
            "customers cannot be compared without facts",
            code="facts_missing",
            field="facts",
            hint=f"Give some of {', '.join(CLUSTER_FACTS)}",
        )
    for fact in facts:
        checked_choice(fact, CLUSTER_FACTS, "facts", called="fact to compare customers by")
    return clusters_now(
        view._members(today),
        facts=tuple(dict.fromkeys(facts)),
        clusters=clusters,
        most=most,
        seed=seed,
        smallest=view.policy.surveys.minimum_answers,
    )


def joined_facts(view: RetentionView) -> JoinedFacts:
    """Return a reader of the facts that come from other views, or are sealed."""
    return view._joined


def buyers_on(view: RetentionView, first: int, last: int, *, today: int) -> frozenset[str]:
    """Return the customers with a purchase on some days that was not refunded in full by the evening of `today`.

    Args:
        view: The view.
        first: The ordinal of the first day.
        last: The ordinal of the last day.
        today: The ordinal of the day by which refunds count.
    """
    columns = view._columns()
    kept = kept_amounts(columns, today)
    owners = distinct(kept.owner[(kept["day"] >= first) & (kept["day"] <= last)])
    return frozenset(columns.names[place] for place in owners.tolist())


def rungs_of(
    view: RetentionView, customers: Sequence[str] | None, moments: Sequence[int]
) -> list[dict[str, tuple[str, RungLine | None]]]:
    """Return for each moment the rung of customers, and the statement that says so, if any.

    Those on no rung are left out.

    Args:
        view: The view.
        customers: Surviving ids; None stands for all customers.
        moments: The moments, UTC microseconds. Conditions are asked for as of the evening of each local day.
    """
    return view._rungs(customers, moments)


def rung_counts(view: RetentionView, moment: int) -> list[tuple[str, int, int]]:
    """Return each rung of the ladder with the number of customers on it, and of those whose owner says so.

    Args:
        view: The view.
        moment: The moment, UTC microseconds.
    """
    ladder = view.policy.lifecycle.ladder
    _, places, stated = view._rungs_at(moment)
    counts = np.bincount(places[places >= 0], minlength=len(ladder)).tolist()
    said = Counter(int(places[owner]) for owner in stated)
    return [(rung.name, count, said[place]) for place, (rung, count) in enumerate(zip(ladder, counts, strict=True))]


def joined_views(view: RetentionView) -> tuple[LoyaltyView, RepairView]:
    """Return the views that such facts come from. A view that reads the facts answers together with them."""
    return view._joining
