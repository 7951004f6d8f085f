"""Whether customers stay, for people."""

from __future__ import annotations

from typing import Any

import msgspec
from rich.console import Group, RenderableType
from rich.table import Table

from relations.cli.pages.question import Question
from relations.cli.show import ABSENT, bar, headline, number, percent, section, spark, table, words
from relations.engine import Relations
from relations.policies import Lifecycle
from relations.projections.cohorts import Cohort
from relations.projections.retention import KindsReport, LifecycleReport, MonthRates, RfmReport

__all__ = ["RetentionPage", "read", "show"]

_COHORT_MONTHS = (1, 3, 6, 12)


class RetentionPage(msgspec.Struct, frozen=True):
    """All that the page shows."""

    lifecycle: LifecycleReport
    rates: list[MonthRates]
    cohorts: list[Cohort]
    rfm: RfmReport
    kinds: KindsReport
    policy: Lifecycle


def read(engine: Relations, question: Question) -> RetentionPage:
    """Lifecycle, monthly rates, cohorts and value, as of the moment asked for."""
    view, as_of = engine.views.retention, question.as_of
    cohorts = view.cohorts(as_of=as_of)
    return RetentionPage(
        lifecycle=view.lifecycle(as_of=as_of),
        rates=view.rates(as_of=as_of, since=question.since, until=question.until),
        cohorts=[
            cohort
            for cohort in cohorts
            if (question.since is None or cohort.month >= question.since)
            and (question.until is None or cohort.month < question.until)
        ],
        rfm=view.rfm(as_of=as_of, currency=question.currency, limit=0),
        kinds=view.kinds(as_of=as_of, limit=0),
        policy=engine.policy.lifecycle,
    )


def show(page: RetentionPage, question: Question) -> RenderableType:
    """The page."""
    found = page.lifecycle
    again = (
        f"{percent(found.repeat_rate)} of the {number(found.buyers)} who ever bought came back on another day."
        if found.buyers
        else "Nobody has bought anything yet."
    )
    parts: list[RenderableType] = [
        headline("Retention", f"who stays, as of {question.day}"),
        section(_stages(page), words(again), words("Nobody says that they leave: this is inferred from purchases.")),
    ]
    if page.rates:
        parts.append(section(_rates(page.rates[-question.limit :]), *_rates_explained(page)))
    if page.cohorts:
        parts.append(section(_cohorts(page.cohorts[-question.limit :]), *_COHORTS_EXPLAINED))
    if page.rfm.buyers:
        parts.append(section(_segments(page.rfm), *_segments_explained(page)))
    if page.kinds.customers:
        parts.append(section(_kinds(page.kinds), *_kinds_explained(page)))
    return Group(*parts)


def _stages(page: RetentionPage) -> Table:
    found, policy = page.lifecycle, page.policy
    own = "their usual pause" if policy.own_gap else None
    meaning: dict[str, str] = {
        "prospect": "known, never bought",
        "new": f"first bought in the last {policy.new_days} days",
        "established": "buy from time to time",
        "lapsing": f"silent for more than {own or f'{policy.lapsing_days} days'}",
        "lost": f"silent for more than {own or f'{policy.lost_days} days'}",
        "won_back": f"were lost, back in the last {policy.won_back_days} days",
    }
    made = table("Stage", "Customers", "Share", "", "", right=(1, 2), grow=4)
    for stage, count in found.stages.items():
        share = count / found.customers if found.customers else None
        made.add_row(stage.replace("_", " "), number(count), percent(share), bar(share, 12), words(meaning[stage]))
    return made


def _rates(rates: list[MonthRates]) -> Table:
    made = table(
        "Month", "Active", "Stayed", "Left", "New", "Back", "Stayed", "0%      100%", right=(1, 2, 3, 4, 5, 6),
        title="Month by month",
    )  # fmt: skip
    for month in rates:
        name = month.month if month.complete else f"{month.month} so far"
        counts = (month.at_start, month.retained, month.lost, month.new, month.won_back)
        made.add_row(name, *map(number, counts), percent(month.retention, 1), bar(month.retention, 12))
    return made


def _rates_explained(page: RetentionPage) -> list[RenderableType]:
    days = "a while" if page.policy.own_gap else f"{page.policy.lost_days} days"
    return [
        words(
            f"Active at the month's start: bought within the {days} before. Stayed: still so at its end. Back: had"
            " left, and bought again. Stayed in per cent is the retention rate; what is missing to 100% is churn."
        ),
    ]


def _cohorts(cohorts: list[Cohort]) -> Table:
    after = [f"+{months}" for months in _COHORT_MONTHS]
    made = table(
        "First bought", "Customers", *after, "Bought in each month since", right=(1, 2, 3, 4, 5),
        title="Those who began together",
    )  # fmt: skip
    highest = max((month.share for cohort in cohorts for month in cohort.months[1:]), default=0) or None
    for cohort in cohorts:
        shares: list[float | None] = [month.share for month in cohort.months]
        then = [percent(shares[months]) if months < len(shares) else "" for months in _COHORT_MONTHS]
        made.add_row(cohort.month, number(cohort.size), *then, spark(shares[1:], highest))
    return made


_COHORTS_EXPLAINED: tuple[RenderableType, ...] = (
    words(
        "Of the customers who first bought in a month: the share that bought in the 1st, 3rd, 6th and 12th month"
        " after it, and a column for each month since, all on one scale."
    ),
)


def _segments(found: RfmReport) -> Table:
    made = table("Group", "Customers", "Share", "Spent, net", "", right=(1, 2, 3), title="What they are worth")
    for segment in found.segments:
        made.add_row(
            segment.segment,
            number(segment.customers),
            percent(segment.share),
            f"{segment.monetary.decimal:,.0f} {segment.monetary.currency}" if segment.customers else ABSENT,
            bar(segment.share, 20),
        )
    return made


def _segments_explained(page: RetentionPage) -> list[RenderableType]:
    found = page.rfm
    rule = "against each other, in fifths" if found.rule == "quintiles" else "by the policy's own limits"
    lines = [f"Graded {rule}: how recently and how often they bought. Only {found.currency} counts as spent here."]
    others = {total.currency for cohort in page.cohorts for month in cohort.months for total in month.bought} - {
        found.currency
    }
    if others:
        lines.append(f"They spent in other currencies too: --currency {' or '.join(sorted(others))}.")
    return [words(line) for line in lines]


def _kinds(found: KindsReport) -> Table:
    meaning: dict[str, str] = {
        "true": "come back, and mean it",
        "latent": "mean it, but seldom come",
        "spurious": "come back, for want of a reason not to",
        "none": "neither",
    }
    made = table("Loyalty", "Customers", "Share", "", "", right=(1, 2), title="Kinds of loyalty", grow=4)
    for kind, count in found.kinds.items():
        share = count / found.customers
        made.add_row(kind, number(count), percent(share), bar(share, 12), words(meaning[kind]))
    return made


def _kinds_explained(page: RetentionPage) -> list[RenderableType]:
    rules, found = page.policy.loyalty, page.kinds
    return [
        words(
            f"Of the last {rules.months} months: coming back is what they do; meaning it is what they answer and"
            f" whether they pay the full price. In {found.month}, {number(found.progressed)} came closer to true"
            f" loyalty and {number(found.relapsed)} went away from it."
        ),
    ]


def as_dict(page: RetentionPage) -> dict[str, Any]:
    """The page for programs, without the policy, which is not of it."""
    return {
        "lifecycle": page.lifecycle,
        "rates": page.rates,
        "cohorts": page.cohorts,
        "rfm": page.rfm,
        "kinds": page.kinds,
    }
