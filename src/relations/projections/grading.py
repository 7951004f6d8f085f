"""Value grades of customers, month by month: high, mid or low, and since when."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from relations.policies.value import ValueGrade, ValueGrades
from relations.projections.patronage import Patronage

__all__ = ["CustomerGrade", "customer_grade"]


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


def customer_grade(row: Patronage, policy: ValueGrades, *, currency: str, month: str) -> CustomerGrade | None:
    """The grade at the end of a month; None before the first purchase.

    The window slides by months, so time alone lowers a grade: `since` follows from amounts and is nowhere kept.

    Args:
        row: What is kept of the customer.
        policy: The thresholds.
        currency: Only amounts in it count.
        month: The month.
    """
    amounts: dict[str, int] = {}
    for name, code, did in row.entries():
        if code == currency and name <= month:
            amounts[name] = amounts.get(name, 0) + did.bought - did.refunded
    bought = [name for name, bits in row.months().items() if bits and name <= month]
    if not bought:
        return None
    first = min(bought)
    ordered = sorted(amounts)

    def amount_at(end: str) -> int:
        begin = _months_before(end, policy.months - 1)
        return sum(amounts[name] for name in ordered if begin <= name <= end)

    amount = amount_at(month)
    grade = policy.grade(amount)
    # The amount changes only where a month with amounts enters the window or leaves it.
    changes = {max(name, first) for name in ordered}
    changes |= {_months_before(name, -policy.months) for name in ordered}
    since = first
    for change in sorted(each for each in changes if first < each <= month):
        if policy.grade(amount_at(_months_before(change, 1))) != policy.grade(amount_at(change)):
            since = change
    return CustomerGrade(customer=row.customer, grade=grade, since=since, amount=amount)


def _months_before(month: str, count: int) -> str:
    """The month so many before; after, where the count is negative."""
    year, number = int(month[:4]), int(month[5:])
    index = year * 12 + number - 1 - count
    return f"{index // 12:04d}-{index % 12 + 1:02d}"
