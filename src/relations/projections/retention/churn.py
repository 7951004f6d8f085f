"""Why customers leave, where somebody recorded it, and what wins them back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict

from relations.policies.calendars import LocalTime
from relations.projections.retention.patronage import Patronage

__all__ = ["ChurnMonth", "ChurnReason", "ChurnReport", "churn_report"]

_Outcome: TypeAlias = Literal["won_back", "bought_again", "gone"]


class ChurnReason(BaseModel):
    """One reason for leaving.

    Attributes:
        reason: In the business's words; None where none was given.
        lapses: How many leavings it was given for. Where several were given for one, each counts.
        customers: How many different customers that were.
        won_back: After how many of those leavings a winning back was recorded.
        bought_again: After how many of the others they bought again all the same.
    """

    model_config = ConfigDict(frozen=True)

    reason: str | None
    lapses: int
    customers: int
    won_back: int
    bought_again: int


class ChurnMonth(BaseModel):
    """One month's leavings; `won_back` and `bought_again` are of these, whenever they came back."""

    model_config = ConfigDict(frozen=True)

    month: str
    lapses: int
    won_back: int
    bought_again: int


class ChurnReport(BaseModel):
    """Every leaving that was recorded, next to the many that are only inferred.

    A leaving begins with a recorded lapse and ends with a recorded winning back, or, where none follows, with the next
    purchase. Lapses recorded in between give further reasons for the same leaving.

    Attributes:
        lapses: How many leavings there were. Who left twice counts twice.
        left: How many customers they are of.
        won_back: How many ended with a recorded winning back.
        bought_again: How many ended with a purchase alone.
        reasons: The most frequent first.
        campaigns: What won back how often, by campaign; None where there was none. They add up to `won_back`.
        months: Every month in which a leaving began; they add up to all.
    """

    model_config = ConfigDict(frozen=True)

    lapses: int
    left: int
    won_back: int
    bought_again: int
    reasons: tuple[ChurnReason, ...]
    campaigns: tuple[tuple[str | None, int], ...]
    months: tuple[ChurnMonth, ...]


@dataclass(slots=True)
class _Leaving:
    customer: str
    month: str
    reasons: set[str]
    outcome: _Outcome = "gone"
    campaign: str = ""


def churn_report(
    rows: Iterable[Patronage], *, moment: int, local: LocalTime, since: str | None = None, until: str | None = None
) -> ChurnReport:
    """Why customers left, and what won them back.

    Args:
        rows: The customers.
        moment: What is dated after its local day is left out, UTC microseconds.
        local: The business's days and months.
        since: The first month whose lapses count; from the beginning where absent.
        until: The month after the last one.
    """
    found = [
        leaving
        for row in rows
        for leaving in _leavings(row, local.day(moment), local)
        if (since is None or leaving.month >= since) and (until is None or leaving.month < until)
    ]
    outcomes = Counter(each.outcome for each in found)
    by_month: dict[str, list[_Leaving]] = {}
    by_reason: dict[str, list[_Leaving]] = {}
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
        months=tuple(ChurnMonth(month=month, **_outcomes(those)) for month, those in sorted(by_month.items())),
    )


def _outcomes(leavings: Sequence[_Leaving]) -> dict[str, int]:
    counts = Counter(each.outcome for each in leavings)
    return {"lapses": len(leavings), "won_back": counts["won_back"], "bought_again": counts["bought_again"]}


def _leavings(row: Patronage, today: int, local: LocalTime) -> list[_Leaving]:
    """Every leaving of a customer, with what came of it.

    A purchase ends it where a later day knows of no winning back before the next lapse: whoever was won back usually
    buys first, and somebody records it after.
    """
    known = [each for each in row.departures if local.day(each.at) <= today]
    days = row.purchase_days(today) if known else []
    found: list[_Leaving] = []
    gone_on = 0  # the day of the last lapse of the leaving that is not over yet
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
            found.append(_Leaving(row.customer, local.month(each.at), {each.why}))
        else:
            current.reasons.add(each.why)
        gone_on = day
    if found and found[-1].outcome == "gone" and any(bought > gone_on for bought in days):
        found[-1].outcome = "bought_again"
    for each_leaving in found:
        if len(each_leaving.reasons) > 1:
            each_leaving.reasons.discard("")
    return found
