"""The rows behind the board: goals with their reviews and improvements, and the sums of each month."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from relations.aggregates.complaint import ComplaintFiled
from relations.aggregates.customer import PurchaseRecorded, PurchaseRefunded, RefundReversed
from relations.aggregates.goal import (
    GoalEnded,
    GoalImprovementCompleted,
    GoalImprovementMeasured,
    GoalImprovementRaised,
    GoalReviewed,
    GoalSet,
    Measured,
)
from relations.messages import Envelope
from relations.projections.projection import CustomerRow, Projection, Rows, Tally

__all__ = ["PROJECTION", "CaseMonth", "ImprovementLine", "ReviewLine", "StandingGoal", "TradeMonth"]


class ReviewLine(msgspec.Struct, array_like=True, order=True, gc=False):
    """A review of a goal.

    Attributes:
        at: When, UTC microseconds.
        finding: What was found.
        root_cause: Why it is so.
        decision: What follows from it.
    """

    at: int
    finding: str
    root_cause: str | None = None
    decision: str | None = None


class ImprovementLine(msgspec.Struct, array_like=True, gc=False):
    """An improvement of a goal. All times are UTC microseconds.

    Attributes:
        improvement: Its id.
        what: What will change.
        owner: The person who carries it out.
        due_at: When it should be done.
        raised_at: When it was planned.
        completed_at: When it took effect; None if it has not.
        measured_at: When its effect was last measured.
        before: The indicator before it.
        after: The indicator after it.
    """

    improvement: str
    what: str = ""
    owner: str | None = None
    due_at: int | None = None
    raised_at: int = 0
    completed_at: int | None = None
    measured_at: int | None = None
    before: Measured | None = None
    after: Measured | None = None


class StandingGoal(CustomerRow, gc=False):
    """A goal. It belongs to no customer: `customer` is empty.

    Attributes:
        goal: Its id.
        indicator: The indicator's name.
        target: The value to reach, as a decimal.
        least: The value that is still acceptable.
        scope: The part of the business that it is about.
        starts: The first local day, such as `2024-05-01`.
        ends: The local day after the last.
        owner: The person who answers for it.
        set_at: When it was last set, UTC microseconds.
        ended_at: When it was ended; None if it was not.
        reviews: All reviews, the earliest first.
        improvements: All improvements, in the order of their ids.
    """

    table: ClassVar[str] = "goals"
    key: ClassVar[tuple[str, ...]] = ("customer", "goal")
    goal: str
    indicator: str = ""
    target: str = ""
    least: str | None = None
    scope: dict[str, str] = {}  # noqa: RUF012 - msgspec gives every row its own
    starts: str = ""
    ends: str = ""
    owner: str | None = None
    set_at: int = -(2**62)
    ended_at: int | None = None
    reviews: list[ReviewLine] = []  # noqa: RUF012 - likewise
    improvements: list[ImprovementLine] = []  # noqa: RUF012 - likewise

    def improvement(self, name: str) -> ImprovementLine:
        """Return the improvement with this id; add it if it is missing."""
        for line in self.improvements:
            if line.improvement == name:
                return line
        line = ImprovementLine(name)
        self.improvements.append(line)
        self.improvements.sort(key=lambda each: each.improvement)
        return line


class TradeMonth(Tally, gc=False):
    """The purchases of one local month in one currency.

    Attributes:
        month: Such as `2024-05`.
        currency: ISO 4217.
        orders: The number of purchases.
        bought: Their amounts, in minor units.
        refunded: The amounts refunded in the month, without refunds that were reversed, in minor units.
    """

    table: ClassVar[str] = "trade"
    key: ClassVar[tuple[str, ...]] = ("month", "currency")
    month: str
    currency: str
    orders: int = 0
    bought: int = 0
    refunded: int = 0


class CaseMonth(Tally, gc=False):
    """The complaints filed in one local month."""

    table: ClassVar[str] = "cases"
    key: ClassVar[tuple[str, ...]] = ("month",)
    month: str
    filed: int = 0


PROJECTION = Projection(name="board", version=2, tables=(StandingGoal, TradeMonth, CaseMonth))


def _goal(rows: Rows, at: Envelope) -> StandingGoal:
    return rows.need(StandingGoal, at.customer, at.id)


@PROJECTION.on(GoalSet)
def goal_set(rows: Rows, event: GoalSet, at: Envelope) -> None:
    """Set a goal, or change it. The latest by business time holds."""
    row = _goal(rows, at)
    if at.occurred_at < row.set_at:
        return
    row.indicator, row.target, row.least, row.scope = event.indicator, event.target, event.least, dict(event.scope)
    row.starts, row.ends, row.owner, row.set_at = event.starts, event.ends, event.owner, at.occurred_at


@PROJECTION.on(GoalEnded)
def goal_ended(rows: Rows, _event: GoalEnded, at: Envelope) -> None:
    """End a goal. One that is set later is pursued again."""
    row = _goal(rows, at)
    row.ended_at = at.occurred_at if row.ended_at is None else max(row.ended_at, at.occurred_at)


@PROJECTION.on(GoalReviewed)
def goal_reviewed(rows: Rows, event: GoalReviewed, at: Envelope) -> None:
    """Add a review."""
    row = _goal(rows, at)
    row.reviews.append(ReviewLine(at.occurred_at, event.finding, event.root_cause, event.decision))
    row.reviews.sort(key=lambda line: line.at)


@PROJECTION.on(GoalImprovementRaised)
def improvement_raised(rows: Rows, event: GoalImprovementRaised, at: Envelope) -> None:
    """Add an improvement."""
    line = _goal(rows, at).improvement(event.improvement)
    line.what, line.owner, line.due_at, line.raised_at = event.what, event.owner, event.due_at, at.occurred_at


@PROJECTION.on(GoalImprovementCompleted)
def improvement_completed(rows: Rows, event: GoalImprovementCompleted, at: Envelope) -> None:
    """Note when an improvement took effect."""
    _goal(rows, at).improvement(event.improvement).completed_at = at.occurred_at


@PROJECTION.on(GoalImprovementMeasured)
def improvement_measured(rows: Rows, event: GoalImprovementMeasured, at: Envelope) -> None:
    """Note the effect of an improvement. The latest measurement by business time holds."""
    line = _goal(rows, at).improvement(event.improvement)
    if line.measured_at is None or at.occurred_at >= line.measured_at:
        line.measured_at, line.before, line.after = at.occurred_at, event.before, event.after


def _trade(rows: Rows, at: int, currency: str) -> TradeMonth:
    return rows.need(TradeMonth, rows.local.month(at), currency)


@PROJECTION.on(PurchaseRecorded)
def purchase_recorded(rows: Rows, event: PurchaseRecorded, at: Envelope) -> None:
    """Count a purchase in its month."""
    month = _trade(rows, at.occurred_at, event.amount.currency)
    month.orders += 1
    month.bought += event.amount.amount


@PROJECTION.on(PurchaseRefunded)
def purchase_refunded(rows: Rows, event: PurchaseRefunded, at: Envelope) -> None:
    """Count a refund in its own month, but never before its purchase."""
    month = _trade(rows, max(at.occurred_at, event.bought_at), event.amount.currency)
    month.refunded += event.amount.amount


@PROJECTION.on(RefundReversed)
def refund_reversed(rows: Rows, event: RefundReversed, _at: Envelope) -> None:
    """Count as if the refund had not been made."""
    month = _trade(rows, max(event.refunded_at, event.bought_at), event.amount.currency)
    month.refunded -= event.amount.amount


@PROJECTION.on(ComplaintFiled)
def complaint_filed(rows: Rows, event: ComplaintFiled, at: Envelope) -> None:
    """Count a complaint in its month. Cases that are not complaints only show that there is a desk."""
    rows.need(CaseMonth, rows.local.month(at.occurred_at)).filed += event.kind == "complaint"
