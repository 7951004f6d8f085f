"""Value grades of customers, month by month: high, mid or low, and since when.

Nothing is converted: a grade is of what was paid in one currency, and who never bought in it has none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import get_args

from pydantic import BaseModel, ConfigDict

from relations.messages import Money
from relations.policies.value import ValueGrade, ValueGrades
from relations.projections.purchase_days import last_day, months_after
from relations.projections.retention.patronage import Patronage
from relations.projections.totals import Total

__all__ = ["CustomerGrade", "GradeSize", "GradesReport", "customer_grade", "grades_report"]

_GRADES: tuple[ValueGrade, ...] = get_args(ValueGrade)


class CustomerGrade(BaseModel):
    """A customer's grade at the end of a month.

    Attributes:
        customer: Their id.
        grade: By the policy.
        since: The first month of those without a break in which they had this grade.
        amount: What it rests on: bought less given back over the policy's months, in minor units.
    """

    model_config = ConfigDict(frozen=True)

    customer: str
    grade: ValueGrade
    since: str
    amount: int


class GradeSize(BaseModel):
    """One grade.

    Attributes:
        grade: Which.
        customers: How many have it.
        share: Of all who are graded; None where nobody is.
        monetary: What they spent together over the policy's months, net.
    """

    model_config = ConfigDict(frozen=True)

    grade: ValueGrade
    customers: int
    share: float | None
    monetary: Total


class GradesReport(BaseModel):
    """Who is of high, mid and low value, in one currency.

    Attributes:
        month: At its end.
        months: Over how many months, this one included.
        currency: The only one that counts; nothing is converted.
        high_from: High from this amount on.
        mid_from: Mid from this amount on.
        graded: How many customers have a grade: all who ever bought in the currency.
        other_currencies: How many bought, but never in this currency. They are not graded.
        sizes: High, mid and low.
        customers: Those asked for, by id.
    """

    model_config = ConfigDict(frozen=True)

    month: str
    months: int
    currency: str
    high_from: Total
    mid_from: Total
    graded: int
    other_currencies: int
    sizes: tuple[GradeSize, ...]
    customers: tuple[CustomerGrade, ...]


def grades_report(
    rows: Sequence[Patronage], policy: ValueGrades, *, currency: str, month: str, grade: ValueGrade | None, page: slice
) -> GradesReport:
    """Grade everybody at the end of a month.

    Args:
        rows: The customers, by id.
        policy: The thresholds.
        currency: Only amounts in it count.
        month: The month.
        grade: List only customers of this grade.
        page: Which of those to list.
    """
    graded = [customer_grade(row, policy, currency=currency, month=month) for row in rows]
    found = [each for each in graded if each is not None]
    buyers = sum(bool(row.purchase_days(last_day(month))) for row in rows)
    sizes = Counter(each.grade for each in found)
    amounts: Counter[str] = Counter()
    for each in found:
        amounts[each.grade] += each.amount
    high_from, mid_from = policy.thresholds(currency)
    return GradesReport(
        month=month,
        months=policy.months,
        currency=currency,
        high_from=Money(high_from, currency),
        mid_from=Money(mid_from, currency),
        graded=len(found),
        other_currencies=buyers - len(found),
        sizes=tuple(
            GradeSize(
                grade=name,
                customers=sizes[name],
                share=sizes[name] / len(found) if found else None,
                monetary=Money(amounts[name], currency),
            )
            for name in _GRADES
        ),
        customers=tuple([each for each in found if grade in (None, each.grade)][page]),
    )


def customer_grade(row: Patronage, policy: ValueGrades, *, currency: str, month: str) -> CustomerGrade | None:
    """The grade at the end of a month; None before the first purchase in the currency.

    The window slides by months, so time alone lowers a grade: `since` follows from amounts and is nowhere kept.

    Args:
        row: What is kept of the customer.
        policy: The thresholds.
        currency: Only amounts in it count.
        month: The month.
    """
    did_in = {name: did for name, code, did in row.entries() if code == currency and name <= month}
    amounts = {name: did.bought - did.refunded for name, did in did_in.items()}
    bought = [name for name, did in did_in.items() if did.days]
    if not bought:
        return None
    first = min(bought)
    ordered = sorted(amounts)

    def amount_at(end: str) -> int:
        begin = months_after(end, 1 - policy.months)
        return sum(amounts[name] for name in ordered if begin <= name <= end)

    amount = amount_at(month)
    grade = policy.grade(amount, currency)
    # The amount changes only where a month with amounts enters the window or leaves it.
    changes = {max(name, first) for name in ordered}
    changes |= {months_after(name, policy.months) for name in ordered}
    since = first
    for change in sorted(each for each in changes if first < each <= month):
        before = policy.grade(amount_at(months_after(change, -1)), currency)
        if before != policy.grade(amount_at(change), currency):
            since = change
    return CustomerGrade(customer=row.customer, grade=grade, since=since, amount=amount)
