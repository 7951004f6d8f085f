"""Whether customers stay: lifecycle, rates of retention and churn, cohorts, and value graded by RFM.

Everything is inferred from when customers bought, in the local days and months of the business; the policy's limits
are read when a question is asked, so a new policy answers for the past too. A day counts whole: as of a moment means as
of the evening of its local day. Refunds lower amounts in the month in which they happen; the purchase stays a purchase.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Annotated, ClassVar, get_args

from pydantic import BaseModel, ConfigDict, Field

from relations.analytics import SurvivalCurve, survival_curve, time_to_loss
from relations.analytics.buying import BuyingModelName
from relations.errors import InvalidInput
from relations.messages import Money, from_micros, minor_digits, to_micros
from relations.policies import Lifecycle, Policy
from relations.policies.calendars import LocalTime
from relations.projections.acquisition import AcquisitionFigure, ChurnReport, acquisition_figures, churn_report
from relations.projections.cohorts import Cohort, cohort_table
from relations.projections.grading import CustomerGrade, customer_grade
from relations.projections.loyalty_kinds import (
    KINDS,
    CustomerKind,
    KindsReport,
    KindStep,
    LoyaltyKind,
    LoyaltySigns,
    customer_kind,
    kinds_report,
)
from relations.projections.patronage import PROJECTION, Activity, Patronage
from relations.projections.projection import Projection
from relations.projections.purchase_days import last_day, month_after, month_of
from relations.projections.revenue import CohortRevenue, RevenueRetention, cohort_revenue, revenue_retention
from relations.projections.rfm import Buyer, RfmReport, RfmScore, RfmSegmentSize, rfm_scores, segment_sizes
from relations.projections.segments import SegmentFigure, customer_facts, customer_segments, segment_figures
from relations.projections.stages import (
    STAGES,
    CustomerStage,
    LifecycleReport,
    MonthRates,
    Stage,
    month_rates,
    stage_of,
)
from relations.projections.totals import Total
from relations.projections.view import View
from relations.projections.worth import CustomerWorth, WorthReport, worth_report

__all__ = [
    "PROJECTION",
    "AcquisitionFigure",
    "Activity",
    "ChurnReport",
    "Cohort",
    "CohortRevenue",
    "CustomerGrade",
    "CustomerKind",
    "CustomerProfile",
    "CustomerStage",
    "CustomerWorth",
    "KindStep",
    "KindsReport",
    "LifecycleReport",
    "LoyaltyKind",
    "LoyaltySigns",
    "MonthRates",
    "Patronage",
    "RetentionView",
    "RevenueRetention",
    "RfmReport",
    "RfmScore",
    "RfmSegmentSize",
    "SegmentFigure",
    "Spending",
    "Stage",
    "WorthReport",
    "lifecycle_report",
    "rfm_buyers",
]

_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")


class Spending(BaseModel):
    """What a customer spent in one currency, over whole months.

    Attributes:
        purchases: How many.
        bought: Their sum.
        refunds: How many.
        refunded: Their sum.
        net: Bought less refunded.
    """

    model_config = ConfigDict(frozen=True)

    purchases: int
    bought: Total
    refunds: int
    refunded: Total
    net: Total


class CustomerProfile(BaseModel):
    """One customer's purchases at a glance.

    Attributes:
        customer: Their id.
        known_since: When they were registered; None where they were not by then.
        stage: Their stage, inferred.
        days: The local days on which they bought.
        mean_gap_days: The mean gap between those; None with fewer than two.
        spending: One entry a currency, through the month of the moment asked for.
    """

    model_config = ConfigDict(frozen=True)

    customer: str
    known_since: datetime | None
    stage: Annotated[Stage, Field(description="inferred")]
    days: tuple[date, ...]
    mean_gap_days: float | None
    spending: tuple[Spending, ...]


def known_customers(rows: list[Patronage], today: int, local: LocalTime) -> Iterator[tuple[Patronage, list[int]]]:
    """The customers known on the evening of `today`, each with their purchase days up to it."""
    for row in rows:
        days = row.purchase_days(today)
        if days or (row.registered_at is not None and local.day(row.registered_at) <= today):
            yield row, days


def customer_stages(rows: list[Patronage], policy: Lifecycle, *, today: int, local: LocalTime) -> list[CustomerStage]:
    """Where each known customer stands on the evening of `today`."""
    return [
        CustomerStage(
            customer=row.customer,
            stage=stage_of(days, today, policy),
            first_day=date.fromordinal(days[0]) if days else None,
            last_day=date.fromordinal(days[-1]) if days else None,
            purchase_days=len(days),
            silent_days=today - days[-1] if days else None,
        )
        for row, days in known_customers(rows, today, local)
    ]


def lifecycle_report(rows: list[Patronage], policy: Lifecycle, *, as_of: int, local: LocalTime) -> LifecycleReport:
    """How many known customers are in which stage."""
    today = local.day(as_of)
    counts: dict[Stage, int] = dict.fromkeys(STAGES, 0)
    buyers = repeat_buyers = 0
    for _, days in known_customers(rows, today, local):
        counts[stage_of(days, today, policy)] += 1
        buyers += bool(days)
        repeat_buyers += len(days) > 1
    return LifecycleReport(
        as_of=from_micros(as_of),
        customers=sum(counts.values()),
        stages=counts,
        buyers=buyers,
        repeat_buyers=repeat_buyers,
        repeat_rate=repeat_buyers / buyers if buyers else None,
    )


def rfm_buyers(rows: list[Patronage], currency: str, *, today: int) -> list[Buyer]:
    """Everybody with a purchase by the evening of `today`; amounts count through its month."""
    last = month_of(today)
    found = []
    for row in rows:
        days = row.purchase_days(today)
        if days:
            amount = sum(
                activity.bought - activity.refunded
                for month, code, activity in row.entries()
                if code == currency and month <= last
            )
            found.append((row.customer, today - days[-1], len(days), amount))
    return found


def customer_profile(row: Patronage, policy: Lifecycle, *, today: int, local: LocalTime) -> CustomerProfile:
    """One customer's purchases up to the evening of `today`."""
    days = row.purchase_days(today)
    sums: dict[str, Activity] = {}
    for month, currency, activity in row.entries():
        if month <= month_of(today):
            total = sums.setdefault(currency, Activity())
            total.purchases += activity.purchases
            total.bought += activity.bought
            total.refunds += activity.refunds
            total.refunded += activity.refunded
    registered_at = row.registered_at
    known = registered_at is not None and local.day(registered_at) <= today
    return CustomerProfile(
        customer=row.customer,
        known_since=from_micros(registered_at) if known and registered_at is not None else None,
        stage=stage_of(days, today, policy),
        days=tuple(map(date.fromordinal, days)),
        mean_gap_days=(days[-1] - days[0]) / (len(days) - 1) if len(days) > 1 else None,
        spending=tuple(
            Spending(
                purchases=total.purchases,
                bought=Money(total.bought, currency),
                refunds=total.refunds,
                refunded=Money(total.refunded, currency),
                net=Money(total.bought - total.refunded, currency),
            )
            for currency, total in sorted(sums.items())
        ),
    )


class RetentionView(View):
    """Whether customers stay. Without `as_of` the present is meant; what is dated after it is left out."""

    projection: ClassVar[Projection] = PROJECTION

    def lifecycle(self, *, as_of: datetime | None = None) -> LifecycleReport:
        """How many customers are prospects, new, established, lapsing, lost and won back."""
        moment = self._moment(as_of)
        return lifecycle_report(self.rows(Patronage), self.policy.lifecycle, as_of=moment, local=self.local)

    def stages(
        self,
        *,
        as_of: datetime | None = None,
        stage: Stage | None = None,
        limit: int | None = None,
        offset: int = 0,
    ) -> list[CustomerStage]:
        """Each customer's stage, by customer id.

        Args:
            as_of: The moment; now where absent.
            stage: Only this one.
            limit: At most so many.
            offset: After so many.

        Raises:
            InvalidInput: There is no such stage, or `limit` or `offset` is negative.
        """
        if stage is not None and stage not in STAGES:
            raise InvalidInput(
                f"{stage!r} is no stage",
                code="unknown_stage",
                field="stage",
                remedy=f"Give one of {', '.join(get_args(Stage))}",
            )
        page = _page(limit, offset)
        today = self.local.day(self._moment(as_of))
        found = customer_stages(self._by_customer(), self.policy.lifecycle, today=today, local=self.local)
        return [entry for entry in found if stage is None or entry.stage == stage][page]

    def rates(
        self,
        *,
        as_of: datetime | None = None,
        since: str | None = None,
        until: str | None = None,
        cohort: str | None = None,
        segment: str | None = None,
    ) -> list[MonthRates]:
        """Retention, churn and repeat rate by month.

        Args:
            as_of: The moment; now where absent. Its own month is the last, and incomplete unless this is its last day.
            since: The first month, such as `2024-05`; that of the very first purchase where absent.
            until: The month after the last one.
            cohort: Only customers who first bought in this month.
            segment: Only customers who belong to this segment of the policy at the moment asked for.

        Raises:
            InvalidInput: A bound that is no month, or the policy has no such segment.
        """
        first, after = _month(since, "since"), _month(until, "until")
        today = self.local.day(self._moment(as_of))
        begun = _month(cohort, "cohort")
        bought = (row.purchase_days(today) for row in self._of_segment(segment, today))
        days = (days for days in bought if begun is None or (days and month_of(days[0]) == begun))
        found = month_rates(days, self.policy.lifecycle, today=today, since=first)
        return [month for month in found if after is None or month.month < after]

    def cohorts(self, *, as_of: datetime | None = None) -> list[Cohort]:
        """Customers by the month of their first purchase, and what they did in each month since.

        Args:
            as_of: The moment; now where absent. Cohorts are of whole months, so all of its own month counts.
        """
        until = month_after(month_of(self.local.day(self._moment(as_of))))
        return cohort_table(self.rows(Patronage), until=until)

    def rfm(
        self,
        *,
        as_of: datetime | None = None,
        currency: str | None = None,
        segment: str | None = None,
        limit: int | None = None,
        offset: int = 0,
    ) -> RfmReport:
        """Value, graded. Everybody is graded against everybody; the last three arguments choose who is listed.

        Args:
            as_of: The moment; now where absent.
            currency: Which amounts count; the policy's where absent.
            segment: List only this segment's customers.
            limit: List at most so many.
            offset: List after so many.

        Raises:
            InvalidInput: An unknown currency or segment, or `limit` or `offset` is negative.
        """
        page = _page(limit, offset)
        in_force = self.policy
        policy, code = in_force.lifecycle.rfm, currency or in_force.currency
        minor_digits(code)
        names = sorted({known.name for known in policy.segments})
        if segment is not None and segment not in names:
            raise InvalidInput(
                f"{segment!r} is no segment of the policy",
                code="unknown_segment",
                field="segment",
                remedy=f"Give one of {', '.join(names)}",
            )
        moment = self._moment(as_of)
        today = self.local.day(moment)
        scores = rfm_scores(rfm_buyers(self._by_customer(), code, today=today), policy, code)
        return RfmReport(
            as_of=from_micros(moment),
            amounts_through=month_of(today),
            currency=code,
            rule="bins" if policy.bins else "quintiles",
            buyers=len(scores),
            segments=segment_sizes(scores, policy, code),
            customers=tuple([score for score in scores if segment in (None, score.segment)][page]),
        )

    def lifetime_values(
        self,
        *,
        as_of: datetime | None = None,
        currency: str | None = None,
        days: float = 365,
        yearly_rate: float = 0.1,
        model: BuyingModelName = "bg_nbd",
        limit: int | None = None,
        offset: int = 0,
    ) -> WorthReport:
        """What customers have brought, and are expected to bring. Everybody is fitted to, whoever is listed.

        Args:
            as_of: The moment; now where absent. In a month gone by all of its month counts: amounts are kept by month.
            currency: Which purchases count; the policy's where absent.
            days: How far to look ahead.
            yearly_rate: The discount rate a year.
            model: `bg_nbd`, or `mbg_nbd`, where one may leave at the first purchase already.
            limit: List at most so many, the most valuable first.
            offset: List after so many.

        Raises:
            MissingExtra: The extra `analytics` is not installed.
            InvalidInput: Too few customers came back to fit anything, or an argument that makes no sense.
        """
        page = _page(limit, offset)
        code = self._currency(currency)
        return worth_report(
            self._by_customer(),
            currency=code,
            through=self._observed(as_of),
            days=days,
            yearly_rate=yearly_rate,
            model=model,
            page=page,
        )

    def survival(self, *, as_of: datetime | None = None, cohort: str | None = None) -> SurvivalCurve:
        """How long customers stay: Kaplan and Meier's curve from the first purchase to the day they count as lost.

        Args:
            as_of: The moment; now where absent.
            cohort: Only customers who first bought in this month, such as `2024-05`; everybody where absent.

        Returns:
            Days since the first purchase, with Greenwood's standard errors. Who is not lost yet is censored.

        Raises:
            InvalidInput: `cohort` is no month.
        """
        first = _month(cohort, "cohort")
        policy = self.policy
        today = self.local.day(self._moment(as_of))
        bought = (row.purchase_days(today) for row in self.rows(Patronage))
        chosen = (days for days in bought if days and first in (None, month_of(days[0])))
        spells = (time_to_loss(days, today, policy.lifecycle) for days in chosen)
        return survival_curve((spell for spell in spells if spell is not None), confidence=policy.surveys.confidence)

    def revenue_retention(
        self, *, as_of: datetime | None = None, currency: str | None = None, months: int = 3
    ) -> list[RevenueRetention]:
        """Of what customers spent in some months, how much they spend in as many months after; every month's end.

        Args:
            as_of: The moment; now where absent. All of its own month counts.
            currency: Which amounts count; the policy's where absent.
            months: How many months a span has.

        Raises:
            InvalidInput: An unknown currency, or a span of no month.
        """
        code = self._currency(currency)
        if months < 1:
            raise InvalidInput(f"{months} months are no span", code="invalid_months", field="months")
        until = month_of(self.local.day(self._moment(as_of)))
        return revenue_retention(self.rows(Patronage), currency=code, months=months, until=until)

    def cohort_revenue(self, *, as_of: datetime | None = None, currency: str | None = None) -> list[CohortRevenue]:
        """What every cohort spent month by month, refunds in the month in which they happened.

        Raises:
            InvalidInput: An unknown currency.
        """
        return cohort_revenue(self.cohorts(as_of=as_of), currency=self._currency(currency))

    def grades(self, *, as_of: datetime | None = None) -> list[CustomerGrade]:
        """Each buyer's value grade in the policy's currency at the end of a month, and since when; by customer id."""
        policy = self.policy
        month = month_of(self.local.day(self._moment(as_of)))
        found = (
            customer_grade(row, policy.lifecycle.grades, currency=policy.currency, month=month)
            for row in self._by_customer()
        )
        return [grade for grade in found if grade is not None]

    def grade_of(self, customer: str, *, as_of: datetime | None = None) -> CustomerGrade | None:
        """One customer's value grade; None where they never bought."""
        rows = self.rows(Patronage, customer=customer)
        policy = self.policy
        month = month_of(self.local.day(self._moment(as_of)))
        if not rows:
            return None
        return customer_grade(rows[0], policy.lifecycle.grades, currency=policy.currency, month=month)

    def segments(
        self, *, as_of: datetime | None = None, limit: int | None = None, offset: int = 0
    ) -> list[SegmentFigure]:
        """The policy's segments, how many customers belong to each, and who; in the policy's order.

        Args:
            as_of: The moment; now where absent.
            limit: List at most so many customers of each.
            offset: List after so many.

        Raises:
            InvalidInput: `limit` or `offset` is negative.
        """
        page = _page(limit, offset)
        today = self.local.day(self._moment(as_of))
        return segment_figures(self._by_customer(), self.policy, today=today, local=self.local, listed=page)

    def members(self, *, as_of: datetime | None = None) -> dict[str, tuple[str, ...]]:
        """The policy's segments of every customer who belongs to any, by surviving id.

        Args:
            as_of: The moment; now where absent.
        """
        policy, today = self.policy, self.local.day(self._moment(as_of))
        found = {}
        for row in self._by_customer():
            facts = customer_facts(row, policy, today=today, local=self.local)
            names = customer_segments(facts, policy.lifecycle.segments)
            if names:
                found[row.customer] = names
        return found

    def segments_of(self, customer: str, *, as_of: datetime | None = None) -> tuple[str, ...]:
        """The segments that one customer belongs to, in the policy's order."""
        rows = self.rows(Patronage, customer=customer)
        if not rows:
            return ()
        policy, today = self.policy, self.local.day(self._moment(as_of))
        facts = customer_facts(rows[0], policy, today=today, local=self.local)
        return customer_segments(facts, policy.lifecycle.segments)

    def acquisition(
        self,
        *,
        as_of: datetime | None = None,
        currency: str | None = None,
        campaigns: bool = False,
        expected: Mapping[str, float] | None = None,
    ) -> list[AcquisitionFigure]:
        """What customers cost to win and have brought since, by channel: CAC, and CLV : CAC.

        Args:
            as_of: The moment; now where absent. All amounts of its month count.
            currency: Which costs and amounts count; the policy's where absent.
            campaigns: Whether campaigns are told apart as well.
            expected: What is still expected of each customer, in minor units, such as `expected_value` of
                `lifetime_values`; without it the value is historic.

        Raises:
            InvalidInput: An unknown currency.
        """
        last = month_of(self.local.day(self._moment(as_of)))
        return acquisition_figures(
            self.rows(Patronage),
            currency=self._currency(currency),
            last=last,
            campaigns=campaigns,
            expected=expected,
        )

    def churn_reasons(self, *, as_of: datetime | None = None) -> ChurnReport:
        """Why customers left, where they said so, and what won them back."""
        return churn_report(self.rows(Patronage), until=self._moment(as_of))

    def kinds(
        self,
        *,
        as_of: datetime | None = None,
        kind: LoyaltyKind | None = None,
        limit: int | None = None,
        offset: int = 0,
    ) -> KindsReport:
        """Who is truly loyal, who only in mind, who only by habit: behaviour against attitude, after Dick and Basu.

        Args:
            as_of: The moment; now where absent. Kinds are of whole months, so all of its own month counts.
            kind: List only these.
            limit: List at most so many.
            offset: List after so many.

        Raises:
            InvalidInput: There is no such kind, or `limit` or `offset` is negative.
        """
        if kind is not None and kind not in KINDS:
            raise InvalidInput(
                f"{kind!r} is no kind of loyalty",
                code="unknown_kind",
                field="kind",
                remedy=f"Give one of {', '.join(KINDS)}",
            )
        page = _page(limit, offset)
        moment = self._moment(as_of)
        month = month_of(self.local.day(moment))
        policy = self.policy
        kinds = (_kind(row, policy, month) for row in self._by_customer())
        found = [each for each in kinds if each is not None]
        listed = [each for each in found if kind is None or each.kind == kind][page]
        return kinds_report(found, as_of=moment, month=month, listed=listed)

    def kind_of(self, customer: str, *, as_of: datetime | None = None) -> CustomerKind | None:
        """One customer's kind of loyalty and how it came to be; None where they never bought nor answered."""
        rows = self.rows(Patronage, customer=customer)
        return _kind(rows[0], self.policy, month_of(self.local.day(self._moment(as_of)))) if rows else None

    def customer(self, customer: str, *, as_of: datetime | None = None) -> CustomerProfile | None:
        """One customer's purchases; None where nothing of theirs was ever recorded."""
        rows = self.rows(Patronage, customer=customer)
        if not rows:
            return None
        today = self.local.day(self._moment(as_of))
        return customer_profile(rows[0], self.policy.lifecycle, today=today, local=self.local)

    def _moment(self, as_of: datetime | None) -> int:
        return self.now if as_of is None else to_micros(as_of)

    def _currency(self, currency: str | None) -> str:
        code = currency or self.policy.currency
        minor_digits(code)
        return code

    def _of_segment(self, segment: str | None, today: int) -> list[Patronage]:
        rows = self.rows(Patronage)
        if segment is None:
            return rows
        policy, local = self.policy, self.local
        chosen = [each for each in policy.lifecycle.segments if each.name == segment]
        if not chosen:
            known = ", ".join(each.name for each in policy.lifecycle.segments)
            raise InvalidInput(
                f"the policy has no segment {segment!r}",
                code="unknown_segment",
                field="segment",
                remedy=f"Give one of {known}" if known else "Adopt a policy with segments",
            )
        return [row for row in rows if customer_segments(customer_facts(row, policy, today=today, local=local), chosen)]

    def _observed(self, as_of: datetime | None) -> int:
        """The last day that amounts are known for: today in the present month, otherwise the month's last."""
        day, today = self.local.day(self._moment(as_of)), self.local.day(self.now)
        return day if month_of(day) == month_of(today) else last_day(month_of(day))

    def _by_customer(self) -> list[Patronage]:
        return self.rows(Patronage, order_by=(self.table(Patronage).c.customer,))


def _kind(row: Patronage, policy: Policy, month: str) -> CustomerKind | None:
    return customer_kind(row, policy.lifecycle.loyalty, satisfied_from=policy.surveys.csat_satisfied_from, month=month)


def _month(value: str | None, field: str) -> str | None:
    if value is not None and (not isinstance(value, str) or not _MONTH.fullmatch(value)):
        raise InvalidInput(f"{value!r} is not a month", code="invalid_month", field=field, remedy="Write 2024-05")
    return value


def _page(limit: int | None, offset: int) -> slice:
    if offset < 0 or (limit is not None and limit < 0):
        raise InvalidInput(
            "a page has no negative limit or offset", code="invalid_page", field="limit" if offset >= 0 else "offset"
        )
    return slice(offset, None if limit is None else offset + limit)
