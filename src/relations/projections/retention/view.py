"""Whether customers stay: lifecycle, rates of retention and churn, cohorts, and value graded by RFM.

Nearly everything is inferred from when customers bought, in the local days and months of the business, and what was
recorded of their leaving and coming back is said to be. The policy's limits are read when a question is asked, so a new
policy answers for the past too. A day counts whole: as of a moment means as of the evening of its local day. Refunds
lower amounts when they happen, never before their purchase; the purchase stays a purchase, but models of value count
what went back as if it had not been bought.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar, get_args

from relations.analytics import SurvivalCurve, survival_curve, time_to_loss
from relations.analytics.buying import BuyingModelName
from relations.errors import InvalidInput
from relations.messages import from_micros, minor_digits, to_micros
from relations.policies import Policy
from relations.policies.value import Segment, ValueGrade
from relations.projections.projection import Projection
from relations.projections.purchase_days import month_after, month_of
from relations.projections.retention.acquisition import AcquisitionFigure, acquisition_figures
from relations.projections.retention.activity import Activity
from relations.projections.retention.churn import ChurnReport, churn_report
from relations.projections.retention.cohorts import Cohort, cohort_table
from relations.projections.retention.lifetime_value import CustomerWorth, NoExpectation, WorthReport, worth_report
from relations.projections.retention.loyalty_kinds import (
    KINDS,
    CustomerKind,
    KindsReport,
    KindStep,
    LoyaltyKind,
    LoyaltySigns,
    customer_kind,
    kinds_report,
)
from relations.projections.retention.patronage import PROJECTION, Patronage
from relations.projections.retention.purchases import CustomerProfile, Spending, customer_profile
from relations.projections.retention.revenue import CohortRevenue, RevenueRetention, cohort_revenue, revenue_retention
from relations.projections.retention.rfm import (
    RfmReport,
    RfmScore,
    RfmSegmentSize,
    rfm_buyers,
    rfm_scores,
    segment_sizes,
)
from relations.projections.retention.segments import SegmentFigure, members, segment_figures
from relations.projections.retention.stages import (
    PERIODS,
    STAGES,
    CustomerStage,
    Life,
    LifecycleReport,
    Period,
    PeriodRates,
    Stage,
    customer_stages,
    lifecycle_report,
    period_rates,
)
from relations.projections.retention.value_grades import CustomerGrade, GradesReport, customer_grade, grades_report
from relations.projections.view import View

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
    "GradesReport",
    "KindStep",
    "KindsReport",
    "LifecycleReport",
    "LoyaltyKind",
    "LoyaltySigns",
    "NoExpectation",
    "Patronage",
    "PeriodRates",
    "RetentionView",
    "RevenueRetention",
    "RfmReport",
    "RfmScore",
    "RfmSegmentSize",
    "SegmentFigure",
    "Spending",
    "Stage",
    "WorthReport",
]

_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")


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
                hint=f"Give one of {', '.join(get_args(Stage))}",
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
        period: Period = "month",
        cohort: str | None = None,
        segment: str | None = None,
    ) -> list[PeriodRates]:
        """Retention, churn and repeat rate by month, quarter or year.

        Args:
            as_of: The moment; now where absent. Its own period is the last, and incomplete unless this is its last day.
            since: The first month, such as `2024-05`, whose whole period is the first; that of the very first purchase
                where absent.
            until: The month after the last one; of a period that begins before it, all counts.
            period: `month`, `quarter` or `year`.
            cohort: Only customers who first bought in this month.
            segment: Only customers who belong to this segment of the policy at the moment asked for.

        Raises:
            InvalidInput: A bound that is no month, an unknown period, or the policy has no such segment.
        """
        if period not in PERIODS:
            raise InvalidInput(
                f"{period!r} is no period",
                code="unknown_period",
                field="period",
                hint=f"Give one of {', '.join(PERIODS)}",
            )
        first, after = _month(since, "since"), _month(until, "until")
        today = self.local.day(self._moment(as_of))
        lives = [
            Life(row.purchase_days(today), row.turns(today, self.local)) for row in self._chosen(today, cohort, segment)
        ]
        found = period_rates(lives, self.policy.lifecycle, today=today, since=first, period=period)
        return [each for each in found if after is None or each.month < after]

    def cohorts(self, *, as_of: datetime | None = None, segment: str | None = None) -> list[Cohort]:
        """Customers by the month of their first purchase, and what they did in each month since.

        Args:
            as_of: The moment; now where absent. Cohorts are of whole months, so all of its own month counts.
            segment: Only customers who belong to this segment of the policy at the moment asked for.

        Raises:
            InvalidInput: The policy has no such segment.
        """
        today = self.local.day(self._moment(as_of))
        return cohort_table(self._chosen(today, None, segment), until=month_after(month_of(today)))

    def rfm(
        self,
        *,
        as_of: datetime | None = None,
        currency: str | None = None,
        segment: str | None = None,
        limit: int | None = None,
        offset: int = 0,
    ) -> RfmReport:
        """Value, graded. All who ever bought in the currency are graded against each other; how many did not, is said.

        The last three arguments choose who is listed.

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
                hint=f"Give one of {', '.join(names)}",
            )
        moment = self._moment(as_of)
        buyers, others = rfm_buyers(self._by_customer(), code, today=self.local.day(moment))
        scores = rfm_scores(buyers, policy, code)
        return RfmReport(
            as_of=from_micros(moment),
            currency=code,
            rule="bins" if policy.bins else "quintiles",
            buyers=len(scores),
            other_currencies=others,
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

        What they have brought is said in any case. Where there is no fit, `no_fit` says why by its code: the extra
        `analytics` is not installed (`missing_extra`), there is nobody to fit to (`no_customers`), nobody came back
        (`no_repeat_customers`) or spent anything then (`no_repeat_spending`), or these customers are too few or too
        alike to tell the parameters apart (`fit_not_converged`, `infinite_mean`).

        Args:
            as_of: The moment; now where absent.
            currency: Which purchases count; the policy's where absent.
            days: How far to look ahead.
            yearly_rate: The discount rate a year.
            model: `bg_nbd`, or `mbg_nbd`, where one may leave at the first purchase already.
            limit: List at most so many, the most valuable first.
            offset: List after so many.

        Raises:
            InvalidInput: An argument that makes no sense.
        """
        page = _page(limit, offset)
        code = self._currency(currency)
        return worth_report(
            self._by_customer(),
            currency=code,
            through=self.local.day(self._moment(as_of)),
            days=days,
            yearly_rate=yearly_rate,
            model=model,
            page=page,
        )

    def survival(
        self, *, as_of: datetime | None = None, cohort: str | None = None, segment: str | None = None
    ) -> SurvivalCurve:
        """How long customers stay: Kaplan and Meier's curve from the first purchase to the day they count as lost.

        Args:
            as_of: The moment; now where absent.
            cohort: Only customers who first bought in this month, such as `2024-05`; everybody where absent.
            segment: Only customers who belong to this segment of the policy at the moment asked for. One that goes by
                whether they are still there, such as by stage, tells more of itself than of how long they stay.

        Returns:
            Days since the first purchase, with Greenwood's standard errors. Who is not lost yet is censored.

        Raises:
            InvalidInput: `cohort` is no month, or the policy has no such segment.
        """
        policy, local = self.policy, self.local
        today = local.day(self._moment(as_of))
        found = (
            time_to_loss(row.purchase_days(today), today, policy.lifecycle, row.turns(today, local))
            for row in self._chosen(today, cohort, segment)
        )
        return survival_curve((each for each in found if each is not None), confidence=policy.surveys.confidence)

    def revenue_retention(
        self,
        *,
        as_of: datetime | None = None,
        currency: str | None = None,
        months: int = 3,
        cohort: str | None = None,
        segment: str | None = None,
    ) -> list[RevenueRetention]:
        """Of what customers spent in some months, how much they spend in as many months after; every month's end.

        Args:
            as_of: The moment; now where absent. All of its own month counts.
            currency: Which amounts count; the policy's where absent.
            months: How many months a span has.
            cohort: Only customers who first bought in this month.
            segment: Only customers who belong to this segment of the policy at the moment asked for.

        Raises:
            InvalidInput: An unknown currency or segment, `cohort` is no month, or a span of no month.
        """
        code = self._currency(currency)
        if months < 1:
            raise InvalidInput(f"{months} months are no span", code="invalid_months", field="months")
        today = self.local.day(self._moment(as_of))
        rows = self._chosen(today, cohort, segment)
        return revenue_retention(rows, currency=code, months=months, until=month_of(today))

    def cohort_revenue(
        self, *, as_of: datetime | None = None, currency: str | None = None, segment: str | None = None
    ) -> list[CohortRevenue]:
        """What every cohort spent month by month, refunds in the month in which they happened.

        Raises:
            InvalidInput: An unknown currency or segment.
        """
        return cohort_revenue(self.cohorts(as_of=as_of, segment=segment), currency=self._currency(currency))

    def value_grades(
        self,
        *,
        as_of: datetime | None = None,
        currency: str | None = None,
        grade: ValueGrade | None = None,
        limit: int | None = None,
        offset: int = 0,
    ) -> GradesReport:
        """How many customers are of high, mid and low value at the end of a month, and how many are not graded.

        Args:
            as_of: The moment; now where absent. Grades are of whole months, so all of its own month counts.
            currency: Which amounts count; the policy's where absent. Who never bought in it is not graded.
            grade: List only customers of this grade.
            limit: List at most so many, by customer id.
            offset: List after so many.

        Raises:
            InvalidInput: An unknown currency or grade, or `limit` or `offset` is negative.
        """
        if grade is not None and grade not in get_args(ValueGrade):
            raise InvalidInput(
                f"{grade!r} is no value grade",
                code="unknown_grade",
                field="grade",
                hint=f"Give one of {', '.join(get_args(ValueGrade))}",
            )
        page, code = _page(limit, offset), self._currency(currency)
        month = month_of(self.local.day(self._moment(as_of)))
        policy = self.policy.lifecycle.grades
        return grades_report(self._by_customer(), policy, currency=code, month=month, grade=grade, page=page)

    def grades(self, *, as_of: datetime | None = None, currency: str | None = None) -> list[CustomerGrade]:
        """The value grade of everybody who ever bought in a currency, and since when; `value_grades` counts them.

        Args:
            as_of: The moment; now where absent. All of its own month counts.
            currency: Which amounts count; the policy's where absent.

        Raises:
            InvalidInput: An unknown currency.
        """
        return list(self.value_grades(as_of=as_of, currency=currency).customers)

    def grade_of(
        self, customer: str, *, as_of: datetime | None = None, currency: str | None = None
    ) -> CustomerGrade | None:
        """One customer's value grade; None where they never bought in the currency.

        Raises:
            InvalidInput: An unknown currency.
        """
        code, rows = self._currency(currency), self.rows(Patronage, customer=customer)
        month = month_of(self.local.day(self._moment(as_of)))
        return customer_grade(rows[0], self.policy.lifecycle.grades, currency=code, month=month) if rows else None

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
        belong = members(self._by_customer(), policy, policy.lifecycle.segments, today=today, local=self.local)
        found: dict[str, tuple[str, ...]] = {}
        for name, those in belong.items():
            for row in those:
                found[row.customer] = (*found.get(row.customer, ()), name)
        return found

    def segments_of(self, customer: str, *, as_of: datetime | None = None) -> tuple[str, ...]:
        """The segments that one customer belongs to, in the policy's order."""
        found = self.rows(Patronage, customer=customer)
        if not found:
            return ()
        policy, today = self.policy, self.local.day(self._moment(as_of))
        segments, bearer = policy.lifecycle.segments, found[0].customer
        rows = self.rows(Patronage) if any(map(_compares, segments)) else found
        belong = members(rows, policy, segments, today=today, local=self.local)
        return tuple(name for name, those in belong.items() if any(row.customer == bearer for row in those))

    def acquisition(
        self,
        *,
        as_of: datetime | None = None,
        currency: str | None = None,
        campaigns: bool = False,
        expected: Mapping[str, float] | None = None,
    ) -> list[AcquisitionFigure]:
        """What customers cost to win and have brought since, by channel: CAC, and CLV : CAC.

        CAC is all that was spent, on those who never bought too, by the customers who were won: those who bought.

        Args:
            as_of: The moment; now where absent. Later costs and purchases do not count.
            currency: Which costs and amounts count; the policy's where absent.
            campaigns: Whether campaigns are told apart as well.
            expected: What is still expected of each customer, in minor units, such as `expected_value` of
                `lifetime_values`; without it the value is historic.

        Raises:
            InvalidInput: An unknown currency.
        """
        return acquisition_figures(
            self.rows(Patronage),
            currency=self._currency(currency),
            until=self.local.day(self._moment(as_of)),
            campaigns=campaigns,
            expected=expected,
        )

    def churn_reasons(
        self,
        *,
        as_of: datetime | None = None,
        since: str | None = None,
        until: str | None = None,
        segment: str | None = None,
    ) -> ChurnReport:
        """Why customers left, every time that it was recorded, and what won them back.

        Args:
            as_of: The moment; now where absent.
            since: The first month whose leavings count, such as `2024-05`; from the beginning where absent.
            until: The month after the last one.
            segment: Only customers who belong to this segment of the policy at the moment asked for.

        Raises:
            InvalidInput: A bound that is no month, or the policy has no such segment.
        """
        first, after = _month(since, "since"), _month(until, "until")
        moment = self._moment(as_of)
        rows = self._chosen(self.local.day(moment), None, segment)
        return churn_report(rows, moment=moment, local=self.local, since=first, until=after)

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
                hint=f"Give one of {', '.join(KINDS)}",
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

    def _chosen(self, today: int, cohort: str | None, segment: str | None) -> list[Patronage]:
        """Everybody, or who first bought in a month, or who belongs to a segment of the policy on that day."""
        begun, rows = _month(cohort, "cohort"), self.rows(Patronage)
        if segment is not None:
            policy = self.policy
            chosen = [each for each in policy.lifecycle.segments if each.name == segment]
            if not chosen:
                raise _no_such_segment(segment, policy.lifecycle.segments)
            rows = members(rows, policy, chosen, today=today, local=self.local)[segment]
        if begun is None:
            return rows
        return [row for row in rows if (days := row.purchase_days(today)) and month_of(days[0]) == begun]

    def _by_customer(self) -> list[Patronage]:
        return self.rows(Patronage, order_by=(self.table(Patronage).c.customer,))


def _kind(row: Patronage, policy: Policy, month: str) -> CustomerKind | None:
    return customer_kind(row, policy.lifecycle.loyalty, satisfied_from=policy.surveys.csat_satisfied_from, month=month)


def _compares(segment: Segment) -> bool:
    """Whether who belongs to it depends on what others did."""
    return any(condition.fact == "rfm" for condition in segment.conditions)


def _no_such_segment(segment: str, segments: Sequence[Segment]) -> InvalidInput:
    known = ", ".join(each.name for each in segments)
    return InvalidInput(
        f"the policy has no segment {segment!r}",
        code="unknown_segment",
        field="segment",
        hint=f"Give one of {known}" if known else "Adopt a policy with segments",
    )


def _month(value: str | None, field: str) -> str | None:
    if value is not None and (not isinstance(value, str) or not _MONTH.fullmatch(value)):
        raise InvalidInput(f"{value!r} is not a month", code="invalid_month", field=field, hint="Write 2024-05")
    return value


def _page(limit: int | None, offset: int) -> slice:
    if offset < 0 or (limit is not None and limit < 0):
        raise InvalidInput(
            "a page has no negative limit or offset", code="invalid_page", field="limit" if offset >= 0 else "offset"
        )
    return slice(offset, None if limit is None else offset + limit)
