"""Recorded reasons for which customers left, and what won them back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias, get_args

from relations.json_form import ViewAnswer
from relations.months import last_day
from relations.policies.calendars import LocalTime
from relations.projections.retention.activity import Departure

__all__ = [
    "DEPARTURE_OUTCOMES",
    "ChurnMonth",
    "ChurnReason",
    "ChurnReport",
    "CustomerDeparture",
    "Departing",
    "DepartureOutcome",
    "churn_report",
    "customer_departures",
]

DepartureOutcome: TypeAlias = Literal["won_back", "bought_again", "gone"]
DEPARTURE_OUTCOMES: tuple[DepartureOutcome, ...] = get_args(DepartureOutcome)


class ChurnReason(ViewAnswer):
    """One reason for leaving.

    Attributes:
        reason: The reason as recorded; None if none was given.
        lapses: The number of departures with this reason. A departure with several reasons counts for each.
        customers: The number of different customers.
        won_back: The number of those departures that ended with a recorded return.
        bought_again: The number of the others after which the customer bought again.
    """

    reason: str | None
    lapses: int
    customers: int
    won_back: int
    bought_again: int


class ChurnMonth(ViewAnswer):
    """The departures of one month, with how many of them ended later, whenever that was.

    Attributes:
        month: Such as `2024-05`.
        complete: False if the month is not over yet.
        lapses: The number of departures.
        won_back: The number of them that ended with a recorded return.
        bought_again: The number of them that ended with a purchase alone.
    """

    month: str
    complete: bool
    lapses: int
    won_back: int
    bought_again: int


class ChurnReport(ViewAnswer):
    """All recorded departures; most departures are only inferred and do not appear here.

    A departure begins with a recorded lapse. It ends with a recorded return or, if none follows, with the next
    purchase. Lapses recorded in between give further reasons for the same departure.

    Attributes:
        lapses: The number of departures. A customer who left twice counts twice.
        left: The number of customers who left.
        won_back: The number of departures that ended with a recorded return.
        bought_again: The number of departures that ended with a purchase alone.
        reasons: The most frequent first.
        campaigns: The number of recorded returns by campaign; None stands for no campaign. They add up to `won_back`.
        months: Every month in which a departure began; they add up to all.
    """

    lapses: int
    left: int
    won_back: int
    bought_again: int
    reasons: tuple[ChurnReason, ...]
    campaigns: tuple[tuple[str | None, int], ...]
    months: tuple[ChurnMonth, ...]


class CustomerDeparture(ViewAnswer):
    """A recorded departure of a customer.

    Attributes:
        customer: The customer's id.
        month: The month in which it began.
        reasons: The reasons as recorded; empty if none was given.
        outcome: `won_back` by a recorded return, `bought_again` without one, or `gone`.
        campaign: The campaign that won them back, if the return names one.
    """

    customer: str
    month: str
    reasons: tuple[str, ...]
    outcome: DepartureOutcome
    campaign: str | None


@dataclass(slots=True)
class _Departed:
    customer: str
    month: str
    reasons: set[str]
    outcome: DepartureOutcome = "gone"
    campaign: str = ""


class Departing(NamedTuple):
    """A customer with their recorded departures and returns.

    Attributes:
        customer: The id.
        departures: The departures and returns, in order of business time.
        days: The ordinals of their purchase days, ascending.
    """

    customer: str
    departures: Sequence[Departure]
    days: Sequence[int]


def churn_report(
    customers: Iterable[Departing],
    *,
    today: int,
    local: LocalTime,
    since: str | None = None,
    until: str | None = None,
) -> ChurnReport:
    """Count why customers left, and what won them back.

    Args:
        customers: The customers; those without a recorded departure may be left out.
        today: The ordinal of the day asked about; anything dated later is left out.
        local: The business's days and months.
        since: The first month whose departures count; all from the beginning by default.
        until: The month after the last one.
    """
    found = _departed(customers, today, local, since, until)
    outcomes = Counter(each.outcome for each in found)
    by_month: dict[str, list[_Departed]] = {}
    by_reason: dict[str, list[_Departed]] = {}
    for each in found:
        by_month.setdefault(each.month, []).append(each)
        for reason in each.reasons:
            by_reason.setdefault(reason, []).append(each)
    campaigns = Counter(each.campaign for each in found if each.outcome == "won_back")
    return ChurnReport(
        lapses=len(found),
        left=len({each.customer for each in found}),
        won_back=outcomes["won_back"],
        bought_again=outcomes["bought_again"],
        reasons=tuple(
            ChurnReason(reason=reason or None, customers=len({each.customer for each in those}), **_outcomes(those))
            for reason, those in sorted(by_reason.items(), key=lambda entry: (-len(entry[1]), entry[0]))
        ),
        campaigns=tuple(
            (campaign or None, count)
            for campaign, count in sorted(campaigns.items(), key=lambda entry: (-entry[1], entry[0]))
        ),
        months=tuple(
            ChurnMonth(month=month, complete=last_day(month) <= today, **_outcomes(those))
            for month, those in sorted(by_month.items())
        ),
    )


def customer_departures(
    customers: Iterable[Departing],
    *,
    today: int,
    local: LocalTime,
    since: str | None = None,
    until: str | None = None,
) -> list[CustomerDeparture]:
    """Return the departures that `churn_report` counts, by customer and then by month.

    Args:
        customers: The customers.
        today: The ordinal of the day asked about; anything dated later is left out.
        local: The business's days and months.
        since: The first month whose departures count.
        until: The month after the last one.
    """
    return [
        CustomerDeparture(
            customer=each.customer,
            month=each.month,
            reasons=tuple(sorted(each.reasons - {""})),
            outcome=each.outcome,
            campaign=each.campaign or None,
        )
        for each in sorted(_departed(customers, today, local, since, until), key=lambda each: each.customer)
    ]


def _departed(
    customers: Iterable[Departing], today: int, local: LocalTime, since: str | None, until: str | None
) -> list[_Departed]:
    return [
        departed
        for each in customers
        for departed in _departures(each, today, local)
        if (since is None or departed.month >= since) and (until is None or departed.month < until)
    ]


def _outcomes(departed: Sequence[_Departed]) -> dict[str, int]:
    counts = Counter(each.outcome for each in departed)
    return {"lapses": len(departed), "won_back": counts["won_back"], "bought_again": counts["bought_again"]}


def _departures(customer: Departing, today: int, local: LocalTime) -> list[_Departed]:
    """Return every departure of a customer with its outcome.

    A purchase ends a departure only if no return is recorded before the next lapse. A customer who was won back usually
    buys first, and the return is recorded later.
    """
    known = [each for each in customer.departures if local.day(each.at) <= today]
    days = [day for day in customer.days if day <= today]
    found: list[_Departed] = []
    gone_on = 0  # the day of the last lapse of the departure that is not over yet
    for each in known:
        day = local.day(each.at)
        current = found[-1] if found and found[-1].outcome == "gone" else None
        if each.back:
            if current is not None:
                current.outcome, current.campaign = "won_back", each.why
            continue
        if current is not None and any(gone_on < bought < day for bought in days):
            current.outcome, current = "bought_again", None
        if current is None:
            found.append(_Departed(customer.customer, local.month(each.at), {each.why}))
        else:
            current.reasons.add(each.why)
        gone_on = day
    if found and found[-1].outcome == "gone" and any(bought > gone_on for bought in days):
        found[-1].outcome = "bought_again"
    for departed in found:
        if len(departed.reasons) > 1:
            departed.reasons.discard("")
    return found
