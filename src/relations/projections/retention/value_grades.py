"""Value grades of customers, month by month: high, mid or low, and since when.

Nothing is converted: a grade depends on what was paid in one currency, and a customer who never bought in it has none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import get_args

from relations.json_form import ViewAnswer
from relations.messages import Money
from relations.months import last_day, months_after
from relations.policies.value import ValueGrade, ValueGrades
from relations.projections.arguments import Page
from relations.projections.retention.patronage import Patronage
from relations.projections.totals import Total

__all__ = ["CustomerGrade", "GradeSize", "GradesReport", "customer_grade", "graded_report", "grades_report"]

_GRADES: tuple[ValueGrade, ...] = get_args(ValueGrade)


class CustomerGrade(ViewAnswer):
    """A customer's grade at the end of a month.

    Attributes:
        customer: The customer's id.
        grade: The grade by the policy's thresholds.
        since: The month in which they last came to this grade.
        amount: Purchases less refunds over the policy's months, in minor units; the grade depends on it.
    """

    customer: str
    grade: ValueGrade
    since: str
    amount: int


class GradeSize(ViewAnswer):
    """One grade.

    Attributes:
        grade: The grade.
        customers: The number of customers with it.
        share: Their share of all graded customers; None if there are none.
        monetary: What they spent together over the policy's months, less refunds.
    """

    grade: ValueGrade
    customers: int
    share: float | None
    monetary: Total


class GradesReport(ViewAnswer):
    """Customers of high, mid and low value, in one currency.

    Attributes:
        month: The month at whose end customers are graded.
        months: The number of months whose spending counts, this one included.
        currency: The only currency that counts; nothing is converted.
        high_from: The lowest amount for the grade high.
        mid_from: The lowest amount for the grade mid.
        graded: The number of customers with a grade: all who ever bought in the currency.
        other_currencies: The number of customers who bought, but never in this currency. They have no grade.
        sizes: High, mid and low.
        customers: The customers listed, by id.
    """

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
    rows: Sequence[Patronage],
    policy: ValueGrades,
    *,
    currency: str,
    month: str,
    grade: ValueGrade | None,
    page: Page[str],
) -> GradesReport:
    """Grade all customers at the end of a month.

    Args:
        rows: The customers, sorted by id.
        policy: The thresholds.
        currency: Only amounts in it count.
        month: The month.
        grade: List only customers of this grade.
        page: The part of the list.
    """
    graded = [customer_grade(row, policy, currency=currency, month=month) for row in rows]
    found = [each for each in graded if each is not None]
    buyers = sum(bool(row.purchase_days(last_day(month))) for row in rows)
    sizes = Counter(each.grade for each in found)
    amounts: Counter[ValueGrade] = Counter()
    for each in found:
        amounts[each.grade] += each.amount
    listed = page.of_names([each for each in found if grade in (None, each.grade)], lambda each: each.customer)
    return graded_report(
        policy, currency=currency, month=month, buyers=buyers, sizes=sizes, amounts=amounts, customers=tuple(listed)
    )


def graded_report(
    policy: ValueGrades,
    *,
    currency: str,
    month: str,
    buyers: int,
    sizes: Mapping[ValueGrade, int],
    amounts: Mapping[ValueGrade, int],
    customers: tuple[CustomerGrade, ...],
) -> GradesReport:
    """Return the report of customers that were counted by grade.

    Args:
        policy: The thresholds.
        currency: The currency of the amounts.
        month: The month at whose end they were graded.
        buyers: The number of customers with a purchase in any currency.
        sizes: The number of customers with each grade.
        amounts: What they spent together.
        customers: The customers listed.
    """
    high_from, mid_from = policy.thresholds(currency)
    graded = sum(sizes.values())
    return GradesReport(
        month=month,
        months=policy.months,
        currency=currency,
        high_from=Money(high_from, currency),
        mid_from=Money(mid_from, currency),
        graded=graded,
        other_currencies=buyers - graded,
        sizes=tuple(
            GradeSize(
                grade=name,
                customers=sizes.get(name, 0),
                share=sizes.get(name, 0) / graded if graded else None,
                monetary=Money(amounts.get(name, 0), currency),
            )
            for name in _GRADES
        ),
        customers=customers,
    )


def customer_grade(row: Patronage, policy: ValueGrades, *, currency: str, month: str) -> CustomerGrade | None:
    """Return a customer's grade at the end of a month; None before the first purchase in the currency.

    The window moves month by month, so a grade can fall without any event. `since` is found from the amounts.

    Args:
        row: The customer.
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
    # The amount changes only when a month with amounts enters the window or leaves it.
    changes = {max(name, first) for name in ordered}
    changes |= {months_after(name, policy.months) for name in ordered}
    since = first
    for change in sorted(each for each in changes if first < each <= month):
        before = policy.grade(amount_at(months_after(change, -1)), currency)
        if before != policy.grade(amount_at(change), currency):
            since = change
    return CustomerGrade(customer=row.customer, grade=grade, since=since, amount=amount)
