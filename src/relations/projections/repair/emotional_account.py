"""The emotional account: the deposits and withdrawals of a relation, fading with time, and their balance.

Nothing is stored. The entries are computed from complaint steps and contacts when a question is asked. They are weighed
by the policy in force and fade with its half-life: an entry of age `t` counts `2^(-t / half-life)`. So the same facts
give the same account, in whatever order they were recorded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from math import exp2, fsum
from typing import Literal, NamedTuple, TypeAlias

from relations.json_form import ViewAnswer
from relations.messages import from_micros
from relations.policies.complaints.repair import EmotionalAccount
from relations.projections.repair.moments import Moments
from relations.projections.repair.relation_state import ComplaintHistory, Relation, Round, was_met

__all__ = [
    "AccountEntry",
    "EmotionalBalance",
    "Happening",
    "Weighed",
    "account_of",
    "balance_of",
    "happenings",
    "weighed",
]

What: TypeAlias = Literal[
    "interaction",
    "filed",
    "reopened",
    "deadline_met",
    "deadline_missed",
    "apologised",
    "remedied",
    "declined",
]

Weighed: TypeAlias = tuple[int, int]
"""The time of an event, UTC microseconds, and its weight, which is not 0."""
_DAY = 86_400_000_000


class Happening(NamedTuple):
    """An event that has a weight.

    Attributes:
        at: The time, UTC microseconds.
        what: The name of its weight in the policy.
        detail: The kind of an interaction, the severity of a complaint, the clock of a deadline; else empty.
        complaint: The complaint to which it belongs, if any.
        is_double: True if it is a repeated failure.
    """

    at: int
    what: What
    detail: str = ""
    complaint: str = ""
    is_double: bool = False


class AccountEntry(ViewAnswer):
    """A deposit or a withdrawal.

    Attributes:
        at: The time.
        what: The name of its weight in the policy.
        detail: The kind of an interaction, the severity of a complaint, the clock of a deadline; else empty.
        complaint: The complaint to which it belongs, if any.
        double: True if it weighs more, as a repeated failure.
        weight: The original weight: above 0 a deposit, below 0 a withdrawal.
        left: The weight that is left at the moment asked for.
        balance: The balance of the account right after it.
    """

    at: datetime
    what: What
    detail: str
    complaint: str | None
    double: bool
    weight: int
    left: float
    balance: float


class EmotionalBalance(ViewAnswer):
    """A customer's emotional account as of a moment.

    Attributes:
        customer: The customer.
        as_of: The moment.
        balance: The sum of all entries, faded.
        deposits: The sum of the deposits, faded.
        withdrawals: The sum of the withdrawals, faded.
        entries: The entries, by time.
    """

    customer: str
    as_of: datetime
    balance: float
    deposits: float
    withdrawals: float
    entries: tuple[AccountEntry, ...]


def happenings(relation: Relation, moments: Iterable[Moments], *, as_of: int) -> list[Happening]:
    """Return the weighed events up to a moment, by time.

    Args:
        relation: The relation as of `as_of`.
        moments: The customer's years.
        as_of: The moment, UTC microseconds.
    """
    upon_another = {deviation.complaint for deviation in relation.deviations if deviation.kind != "reopened"}
    found = [
        Happening(contact.at, "interaction", contact.kind)
        for year in moments
        for contact in year.contacts
        if contact.at <= as_of
    ]
    for history in relation.histories:
        if history.is_merged:
            continue
        found.extend(_of_complaint(history, as_of, is_double=history.case.complaint in upon_another))
    return sorted(found)


def _of_complaint(history: ComplaintHistory, as_of: int, *, is_double: bool) -> Iterator[Happening]:
    name = history.case.complaint
    for opened in history.rounds:
        if opened.opened_by == "filed":
            yield Happening(opened.opened_at, "filed", history.severity, name, is_double)
        elif opened.opened_by == "reopened":
            yield Happening(opened.opened_at, "reopened", "", name)
        if "apologised" in opened.first:
            yield Happening(opened.first["apologised"], "apologised", "", name)
        if opened.opened_by != "resumed":
            yield from _of_clocks(name, opened, as_of)
    for step in history.taken:
        if step.what == "carried_out":
            yield Happening(step.at, "remedied", "", name)
        elif step.what == "declined":
            yield Happening(step.at, "declined", "", name)


def _of_clocks(complaint: str, opened: Round, as_of: int) -> Iterator[Happening]:
    done_at = {"acknowledge": opened.answered_at, "resolve": opened.first.get("resolved")}
    for clock, at in done_at.items():
        met, due_at = was_met(opened, clock, as_of), opened.clocks[clock, 1].due_at
        if met and at is not None:
            yield Happening(at, "deadline_met", clock, complaint)
        elif met is False and due_at <= as_of:
            # A miss counts from the deadline, whenever it was recorded.
            yield Happening(due_at, "deadline_missed", clock, complaint)


def account_of(customer: str, found: Sequence[Happening], weights: EmotionalAccount, *, as_of: int) -> EmotionalBalance:
    """Return the account of these events, weighed and faded.

    Args:
        customer: The customer.
        found: The events by time, none after `as_of`.
        weights: The weights of the policy.
        as_of: The moment, UTC microseconds.
    """
    half_life = _half_life(weights)
    entries: list[AccountEntry] = []
    balance, last = 0.0, 0
    for each in found:
        weight = _weight(each, weights)
        if not weight:
            continue
        balance = balance * exp2((last - each.at) / half_life) + weight if entries else float(weight)
        last = each.at
        entries.append(
            AccountEntry(
                at=from_micros(each.at),
                what=each.what,
                detail=each.detail,
                complaint=each.complaint or None,
                double=each.is_double,
                weight=weight,
                left=round(weight * exp2((each.at - as_of) / half_life), 2),
                balance=round(balance, 2),
            )
        )
    deposits, withdrawals = _faded(weighed(found, weights), weights, as_of)
    return EmotionalBalance(
        customer=customer,
        as_of=from_micros(as_of),
        balance=_balance(deposits, withdrawals),
        deposits=round(deposits, 2),
        withdrawals=round(withdrawals, 2),
        entries=tuple(entries),
    )


def weighed(found: Iterable[Happening], weights: EmotionalAccount) -> list[Weighed]:
    """Return the times and weights of the events that weigh anything."""
    return [(each.at, weight) for each in found if (weight := _weight(each, weights))]


def balance_of(found: Iterable[Weighed], weights: EmotionalAccount, *, as_of: int) -> float:
    """Return the balance of an account, as `account_of` gives it.

    Args:
        found: The times and weights of its events, none after `as_of`.
        weights: The weights of the policy.
        as_of: The moment, UTC microseconds.
    """
    return _balance(*_faded(found, weights, as_of))


def _half_life(weights: EmotionalAccount) -> int:
    return weights.half_life_days * _DAY


def _faded(found: Iterable[Weighed], weights: EmotionalAccount, as_of: int) -> tuple[float, float]:
    """Return the sum of the deposits and of the withdrawals, faded."""
    half_life = _half_life(weights)
    faded = [weight * exp2((at - as_of) / half_life) for at, weight in found]
    return fsum(left for left in faded if left > 0), fsum(left for left in faded if left < 0)


def _balance(deposits: float, withdrawals: float) -> float:
    return round(deposits + withdrawals, 2)


def _weight(each: Happening, weights: EmotionalAccount) -> int:
    if each.what == "interaction":
        return weights.interactions.get(each.detail, 0)
    if each.what == "filed":
        weight = weights.filed.of(each.detail)
        return -(-weight * weights.double_percent // 100) if each.is_double else weight
    found: int = getattr(weights, each.what)
    return found
