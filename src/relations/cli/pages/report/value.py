"""Customer value on the terminal: the second half of the page on retention."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
from rich.console import RenderableType
from rich.text import Text

from relations.cli.pages.report.question import Question
from relations.cli.show import ABSENT, HeatTable, Sheet, bar, counted, number, percent, section, table, words
from relations.messages import minor_digits
from relations.past.questions import Questions
from relations.projections.retention import (
    AcquisitionFigure,
    CohortRevenue,
    CohortRevenueMonth,
    RevenueRetention,
    RfmReport,
    SegmentFigure,
    WorthReport,
)
from relations.projections.retention.value_grades import GradesReport
from relations.report.fits import fit_parameters

__all__ = ["ValuePage", "as_dict", "read", "show"]

_SPAN_MONTHS = 3
_HORIZON_DAYS = 365
_HORIZON = timedelta(days=_HORIZON_DAYS)


class ValuePage(msgspec.Struct, frozen=True):
    """Everything that this half shows.

    Attributes:
        others: Other currencies in which customers spent.
    """

    currency: str
    policy_currency: str
    rfm: RfmReport
    grades: GradesReport
    worth: WorthReport
    revenue: list[RevenueRetention]
    cohort_revenue: list[CohortRevenue]
    segments: list[SegmentFigure]
    acquisition: list[AcquisitionFigure]
    others: list[str]


def read(engine: Questions, question: Question) -> ValuePage:
    """Read value in one currency, as of the moment asked about."""
    view, as_of = engine.views.retention, question.as_of
    currency = question.currency or engine.policy.currency
    whole = view.lifetime_values(as_of=as_of, currency=currency, ahead=_HORIZON)
    expected = None
    if whole.no_fit is None:
        expected = {each.customer: each.expected_value or 0 for each in whole.customers}
    revenue = view.revenue_retention(as_of=as_of, currency=currency, months=_SPAN_MONTHS)
    cohorts = view.cohort_revenue(as_of=as_of, currency=currency)
    spent = {
        total.currency for cohort in view.cohorts(as_of=as_of) for month in cohort.months for total in month.bought
    }
    return ValuePage(
        currency=currency,
        policy_currency=engine.policy.currency,
        rfm=view.rfm(as_of=as_of, currency=currency, limit=0),
        grades=view.value_grades(as_of=as_of, currency=currency, limit=0),
        worth=whole.model_copy(update={"customers": whole.customers[: question.limit]}),
        revenue=[span for span in revenue if question.spans(span.month)],
        cohort_revenue=[cohort for cohort in cohorts if question.spans(cohort.month)],
        segments=view.segments(as_of=as_of, limit=0),
        acquisition=view.acquisition(as_of=as_of, currency=currency, campaigns=True, expected=expected),
        others=sorted(spent - {currency}),
    )


def show(page: ValuePage, question: Question) -> list[RenderableType]:
    """Lay out the sections, without those that have nothing to show."""
    parts: list[RenderableType] = []
    if page.rfm.buyers:
        parts.append(section(_rfm(page.rfm), *_rfm_explained(page)))
        parts.append(section(_grades(page), *_grades_explained(page)))
        parts.append(section(*_worth(page)))
    spans = [span for span in page.revenue if span.net is not None and span.complete]
    if spans:
        parts.append(section(_revenue(page, spans[-question.limit :]), *_REVENUE_EXPLAINED))
    cohorts = [each for each in page.cohort_revenue if any(m.share for m in _whole_months(each))][-question.limit :]
    if cohorts:
        parts.append(section(_cohort_revenue(page, cohorts)))
    if any(segment.size for segment in page.segments):
        parts.append(section(_segments(page)))
    if page.acquisition:
        parts.append(section(_acquisition(page), *_acquisition_explained(page)))
    return parts


def _money(page: ValuePage, minor: float, digits: int = 0) -> str:
    return f"{minor / 10 ** minor_digits(page.currency):,.{digits}f}"


def _rfm(found: RfmReport) -> Sheet:
    made = table(
        "Group", "Customers", "Share", f"Spent, {found.currency}", "", right=(1, 2, 3),
        title="RFM: how recently, how often and how much customers buy", spare=(4,),
    )  # fmt: skip
    for segment in found.segments:
        if not segment.customers:
            continue
        made.add_row(
            segment.segment,
            number(segment.customers),
            percent(segment.share),
            f"{segment.monetary.decimal:,.0f}",
            bar(segment.share, 20),
        )
    return made


def _rfm_explained(page: ValuePage) -> list[RenderableType]:
    rule = "compared with each other, in fifths" if page.rfm.rule == "quintiles" else "by the policy's own limits"
    lines = [f"Customers are graded by how recently and how often they bought, {rule}. Only {page.currency} counts."]
    if page.others:
        lines.append(f"Customers also spent in other currencies: --currency {' or '.join(page.others)}.")
    return [words(line) for line in lines]


def _grades(page: ValuePage) -> Sheet:
    made = table("Grade", "Customers", "Share", "Spent", "", right=(1, 2, 3), title="Value grades", spare=(3,))
    for size in page.grades.sizes:
        made.add_row(
            size.grade,
            number(size.customers),
            percent(size.share),
            _money(page, size.monetary.amount),
            bar(size.share, 20),
        )
    return made


def _grades_explained(page: ValuePage) -> list[RenderableType]:
    found = page.grades
    line = (
        f"By spending over {counted(found.months, 'month')}, less refunds: high from"
        f" {_money(page, found.high_from.amount)} {page.currency}, mid from {_money(page, found.mid_from.amount)}."
    )
    if found.other_currencies:
        line += f" Not graded: {counted(found.other_currencies, 'customer')} who bought only in other currencies."
    return [words(line)]


def _worth(page: ValuePage) -> list[RenderableType]:
    found = page.worth
    if found.no_fit is not None:
        return _historic(page)
    title = f"Lifetime value: what is expected within {_HORIZON_DAYS} days, in {page.currency}"
    has_costs = found.costed_customers > 0
    headings = ["Customer", "So far", "Expected", *(["Profit"] if has_costs else []), "Purchases", "Active"]
    last = len(headings) - 1
    made = table(*headings, right=tuple(range(1, len(headings))), title=title, spare=(last - 1,))
    for each in found.customers:
        profit = ABSENT if each.expected_profit is None else _money(page, each.expected_profit)
        made.add_row(
            each.customer,
            _money(page, each.historic),
            _money(page, each.expected_value or 0),
            *([profit] if has_costs else []),
            f"{each.expected_purchases:.1f}",
            percent(each.alive),
        )
    lines = [
        (
            f"{counted(found.buyers, 'buyer')} brought {_money(page, found.historic)}; another"
            f" {_money(page, found.expected_value or 0)} is expected, at a discount of {percent(found.yearly_rate)} a"
            " year."
            " The most valuable are listed. Active: the chance that they have not left for good."
        ),
        *_margin(page),
        *(f"{model}, parameter ± standard error: {', '.join(those)}." for model, those in fit_parameters(found)),
    ]
    if found.independent is False:
        lines.append("Frequent buyers spend differently from others here; the model assumes that they do not.")
    return [made, *map(words, lines)]


def _margin(page: ValuePage) -> list[str]:
    """Say how much of the revenue is profit, as far as costs are known."""
    found = page.worth
    if found.margin is None:
        return []
    line = (
        f"The costs of {_money(page, found.costed)} of it are known: {_money(page, found.profit or 0)} are profit, a"
        f" margin of {percent(found.margin)}."
    )
    if found.expected_profit is None:
        return [line]
    expected, customers = _money(page, found.expected_profit), counted(found.costed_customers, "customer")
    return [f"{line} At the same margins, {expected} of profit is expected of {customers}."]


def _historic(page: ValuePage) -> list[RenderableType]:
    """Say what customers brought, and why nothing is expected."""
    found = page.worth
    assert found.no_fit is not None  # noqa: S101 - it is only called then
    hint = f" {found.no_fit.hint}." if found.no_fit.hint else ""
    why = f"No expected value: {found.no_fit.reason}.{hint}"
    title = f"Customer value so far, in {page.currency}"
    if not found.customers:
        return [Text(title, style="bold"), words(why)]
    made = table("Customer", "So far", "Came back", right=(1, 2), title=title)
    for each in found.customers:
        made.add_row(each.customer, _money(page, each.historic), number(each.frequency))
    brought = f"{counted(found.buyers, 'buyer')} brought {_money(page, found.historic)} so far. {why}"
    return [made, words(brought), *map(words, _margin(page))]


def _revenue(page: ValuePage, spans: list[RevenueRetention]) -> Sheet:
    made = table(
        "Until", "Before", "Now", "Net", "Gross", "Net, 0 to 100%", right=(1, 2, 3, 4),
        title=f"Revenue retention from {_SPAN_MONTHS} months to the next {_SPAN_MONTHS}, {page.currency}", spare=(5,),
    )  # fmt: skip
    for span in spans:
        made.add_row(
            span.month,
            _money(page, span.before),
            _money(page, span.now),
            percent(span.net),
            percent(span.gross),
            bar(span.net, 14),
        )
    return made


_REVENUE_EXPLAINED: tuple[RenderableType, ...] = (
    words(
        "Before: what customers spent in the earlier months; now: what the same customers spent in the later ones."
        " Gross counts at most what each spent before, so that one customer's growth does not hide another's departure."
    ),
)


def _cohort_revenue(page: ValuePage, cohorts: list[CohortRevenue]) -> HeatTable:
    rows = [(cohort.month, number(cohort.size), [m.share for m in _whole_months(cohort)]) for cohort in cohorts]
    return HeatTable("Spending of each month's new customers, in per cent of that month", "First", rows)


def _whole_months(cohort: CohortRevenue) -> list[CohortRevenueMonth]:
    """Return the months after the first that are over."""
    return [month for month in cohort.months[1:] if month.complete]


def _segments(page: ValuePage) -> Sheet:
    made = table(
        "Segment", "Kind", "Customers", "Share", f"Spent, {page.policy_currency}", right=(2, 3, 4),
        title="The policy's segments", grow=0,
        spare=(1,),
    )  # fmt: skip
    for segment in page.segments:
        if not segment.size:
            continue
        made.add_row(
            segment.name,
            segment.kind,
            number(segment.size),
            percent(segment.share),
            f"{segment.net_amount / 10 ** minor_digits(page.policy_currency):,.0f}",
        )
    return made


def _acquisition(page: ValuePage) -> Sheet:
    made = table(
        "Channel", "Campaign", "Won", "Cost each", "Value each", "Value : cost", right=(2, 3, 4, 5),
        title=f"Cost of winning customers, {page.currency}", spare=(4, 2),
    )  # fmt: skip
    for each in page.acquisition:
        made.add_row(
            (each.channel or "not known").replace("_", " "),
            each.campaign or ABSENT,
            number(each.buyers),
            ABSENT if each.cac is None else _money(page, each.cac, 2),
            _money(page, each.historic / each.buyers) if each.buyers else ABSENT,
            ABSENT if each.ratio is None else f"{each.ratio:.1f}",
        )
    return made


def _acquisition_explained(page: ValuePage) -> list[RenderableType]:
    of = (
        "what customers brought so far"
        if page.worth.no_fit
        else f"what customers brought so far and are expected to bring within {_HORIZON_DAYS} days"
    )
    return [words(f"Only customers with a recorded cost. Value : cost is {of}, divided by what it cost to win them.")]


def as_dict(page: ValuePage) -> dict[str, Any]:
    """Return this half for programs."""
    return {
        "rfm": page.rfm,
        "grades": page.grades,
        "worth": page.worth,
        "revenue": page.revenue,
        "cohort_revenue": page.cohort_revenue,
        "segments": page.segments,
        "acquisition": page.acquisition,
    }
