"""The terminal page of retention."""

from __future__ import annotations

from typing import Any

import msgspec
from rich.console import Group, RenderableType
from rich.text import Text

from relations.analytics import SurvivalCurve
from relations.cli.pages.report import value
from relations.cli.pages.report.question import Question
from relations.cli.pages.report.value import ValuePage
from relations.cli.pages.who import lists
from relations.cli.show import Curve, HeatTable, Sheet, bar, counted, headline, number, percent, section, table, words
from relations.past.questions import Questions
from relations.policies import Lifecycle
from relations.projections.retention import ChurnReport, KindsReport, LifecycleReport, PeriodRates, RetentionView
from relations.projections.retention.cohorts import Cohort, CohortMonth

__all__ = ["RetentionPage", "as_dict", "read", "show"]


class RetentionPage(msgspec.Struct, frozen=True):
    """Everything that the page shows."""

    lifecycle: LifecycleReport
    rates: list[PeriodRates]
    cohorts: list[Cohort]
    survival: SurvivalCurve
    kinds: KindsReport
    churn: ChurnReport
    value: ValuePage
    policy: Lifecycle


def read(engine: Questions, question: Question) -> RetentionPage:
    """Read who stays and what they are worth, as of the moment asked about."""
    view, as_of = engine.views.retention, question.as_of
    return RetentionPage(
        lifecycle=view.lifecycle(as_of=as_of),
        rates=view.rates(as_of=as_of, since=question.since, until=question.until),
        cohorts=[cohort for cohort in view.cohorts(as_of=as_of) if question.spans(cohort.month)],
        survival=view.survival(as_of=as_of),
        kinds=view.kinds(as_of=as_of, limit=0),
        churn=view.churn_reasons(as_of=as_of),
        value=value.read(engine, question),
        policy=engine.policy.lifecycle,
    )


def show(page: RetentionPage, question: Question) -> RenderableType:
    """Lay out the page."""
    found = page.lifecycle
    again = (
        f"{percent(found.repeat_rate)} of {counted(found.buyers, 'buyer')} bought again on another day."
        if found.buyers
        else "Nobody has bought anything yet."
    )
    inferred = words("Customers rarely say that they leave: most stages are inferred.")
    parts: list[RenderableType] = [
        headline("Retention", f"who stays, as of {question.day}"),
        section(_stages(page), words(again), inferred, lists(RetentionView, "lifecycle", "stage=lapsing")),
    ]
    rates = [each for each in page.rates if each.at_start or each.at_end or each.buyers][-question.limit :]
    if rates:
        left = lists(RetentionView, "rates", f"period={rates[-1].period}", "move=lost")
        parts.append(section(_rates(rates), *_rates_explained(page, rates), left))
    cohorts = [cohort for cohort in page.cohorts if _whole_months(cohort)][-question.limit :]
    if cohorts:
        first = lists(RetentionView, "cohorts", f"cohort={cohorts[-1].month}")
        parts.append(section(_cohorts(cohorts), *_COHORTS_EXPLAINED, first))
    if page.survival.n:
        parts.append(section(*_survival(page.survival)))
    if page.churn.left:
        parts.append(section(_churn(page.churn), *_churn_explained(page.churn), lists(RetentionView, "churn_reasons")))
    if page.kinds.customers:
        who = words("Who they are: relations frame retention.kinds --with kind=true --part listed -o who.csv")
        parts.append(section(_kinds(page.kinds), *_kinds_explained(page), who))
    return Group(*parts, *value.show(page.value, question))


def _stages(page: RetentionPage) -> Sheet:
    found, policy = page.lifecycle, page.policy
    own = "their usual pause" if policy.own_gap else None
    meaning: dict[str, str] = {
        "prospect": "known, never bought",
        "new": f"first bought in the last {policy.new_days} days",
        "established": "buy from time to time",
        "lapsing": f"no purchase for more than {own or f'{policy.lapsing_days} days'}",
        "lost": f"no purchase for more than {own or f'{policy.lost_days} days'}",
        "won_back": f"lost before, came back in the last {policy.won_back_days} days",
    }
    made = table("Stage", "Customers", "Share", "", "", right=(1, 2), grow=4, spare=(3,))
    for stage, count in found.stages.items():
        share = count / found.customers if found.customers else None
        made.add_row(stage.replace("_", " "), number(count), percent(share), bar(share, 12), words(meaning[stage]))
    return made


def _rates(rates: list[PeriodRates]) -> Sheet:
    made = table(
        "Month", "Active", "Stayed", "Left", "New", "Back", "Stayed", "0%      100%", right=(1, 2, 3, 4, 5, 6),
        title="Month by month", spare=(7, 2),
    )  # fmt: skip
    for month in rates:
        name = month.month if month.complete else f"{month.month}*"
        counts = (month.at_start, month.retained, month.lost, month.new, month.won_back)
        made.add_row(name, *map(number, counts), percent(month.retention, 1), bar(month.retention, 12))
    return made


def _rates_explained(page: RetentionPage, rates: list[PeriodRates]) -> list[RenderableType]:
    days = "a while" if page.policy.own_gap else f"{page.policy.lost_days} days"
    return [
        words(
            f"Active at the month's start: bought within the {days} before. Stayed: still active at its end. Back: had"
            " left and bought again. Stayed in per cent is the retention rate; the rest to 100% is churn."
            + ("" if rates[-1].complete else " * This month is not over yet.")
        ),
    ]


def _cohorts(cohorts: list[Cohort]) -> HeatTable:
    rows = [(cohort.month, number(cohort.size), [month.share for month in _whole_months(cohort)]) for cohort in cohorts]
    return HeatTable("Share of each month's new customers who buy again, in per cent", "First", rows)


def _whole_months(cohort: Cohort) -> list[CohortMonth]:
    """Return the months after the first that are over."""
    return [month for month in cohort.months[1:] if month.complete]


_COHORTS_EXPLAINED: tuple[RenderableType, ...] = (
    words(
        "Of 100 customers who first bought in a month: how many bought in the 1st, 2nd, 3rd and each later month after"
        " it. The darker, the more. A month that is not over is left out."
    ),
)


def _survival(found: SurvivalCurve) -> list[RenderableType]:
    median = (
        "more than half are still customers after the longest time observed"
        if found.median is None
        else f"half are lost after {counted(round(found.median), 'day')}"
    )
    said = words(
        f"{counted(found.n, 'customer')}, {number(found.events)} lost so far: {median} (Kaplan and Meier's estimate)."
    )
    if not found.points[-1].time:
        return [said]
    corners = [(0.0, 1.0), *((point.time, point.survival) for point in found.points)]
    return [
        Text("How long customers stay: the share not yet lost", style="bold"),
        Curve(corners, below="days since the first purchase"),
        said,
    ]


def _churn(found: ChurnReport) -> Sheet:
    made = table("Reason", "Customers", "Won back", "", right=(1, 2), title="Recorded reasons for leaving", spare=(3,))
    for reason in found.reasons:
        share = reason.customers / found.left
        made.add_row(reason.reason or "no reason given", number(reason.customers), number(reason.won_back), bar(share))
    return made


def _churn_explained(found: ChurnReport) -> list[RenderableType]:
    left, lapses = counted(found.left, "customer"), counted(found.lapses, "departure")
    said = f"{lapses} of {left} recorded; {number(found.won_back)} of them ended with a recorded return."
    by = [f"{number(count)} by {campaign or 'no campaign'}" for campaign, count in found.campaigns]
    return [words(said + (f" Won back: {', '.join(by)}." if by else ""))]


def _kinds(found: KindsReport) -> Sheet:
    meaning: dict[str, str] = {
        "true": "come back, and like us",
        "latent": "like us, but seldom come",
        "spurious": "come back out of habit only",
        "none": "neither",
    }
    made = table("Loyalty", "Customers", "Share", "", "", right=(1, 2), title="Kinds of loyalty", grow=4, spare=(3,))
    for kind, count in found.kinds.items():
        share = count / found.customers
        made.add_row(kind, number(count), percent(share), bar(share, 12), words(meaning[kind]))
    return made


def _kinds_explained(page: RetentionPage) -> list[RenderableType]:
    rules, found = page.policy.loyalty, page.kinds
    return [
        words(
            f"Over the last {counted(rules.months, 'month')}. Coming back is measured by purchases, liking us by"
            f" answers and by paying the full price. In {found.month}, {number(found.progressed)} moved towards true"
            f" loyalty and {number(found.relapsed)} away from it."
        ),
    ]


def as_dict(page: RetentionPage) -> dict[str, Any]:
    """Return the page for programs, without the policy."""
    return {
        "lifecycle": page.lifecycle,
        "rates": page.rates,
        "cohorts": page.cohorts,
        "survival": page.survival,
        "kinds": page.kinds,
        "churn": page.churn,
        **value.as_dict(page.value),
    }
