"""The answers of the view of the pipeline, and the state of an opportunity as of a moment."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal, NamedTuple, TypeAlias, get_args

from relations.analytics.intervals import Interval
from relations.json_form import Span, ViewAnswer
from relations.messages import Money, from_micros
from relations.projections.pipeline.rows import ContractTerm, Expected, Opportunity

__all__ = [
    "OPPORTUNITY_STATUSES",
    "ContractProfile",
    "ContractStatus",
    "LossFigure",
    "OpportunityProfile",
    "OpportunityStanding",
    "OpportunityStatus",
    "PipelineResult",
    "RivalObservation",
    "RivalProfile",
    "StageFigure",
    "contract_profile",
    "opportunity_profile",
    "standing_of",
]

OpportunityStatus: TypeAlias = Literal["open", "won", "lost"]
OPPORTUNITY_STATUSES: tuple[OpportunityStatus, ...] = get_args(OpportunityStatus)
ContractStatus: TypeAlias = Literal["coming", "running", "over", "ended"]


class OpportunityStanding(NamedTuple):
    """An opportunity as of a moment.

    Attributes:
        row: The opportunity.
        status: `open`, `won` or `lost`.
        expected: What is expected of it.
        steps: What was expected of it by then, in order of time.
        term: The term of its contract; None without one.
    """

    row: Opportunity
    status: OpportunityStatus
    expected: Expected
    steps: tuple[Expected, ...]
    term: ContractTerm | None


class StageFigure(ViewAnswer):
    """The open opportunities in one stage.

    Attributes:
        stage: The stage.
        chance: The chance to win, from 0 to 1; 0 for a stage that the policy has no more.
        opportunities: Their number.
        value: The sum of their expected values in the currency asked for, minor units.
        weighted: The same times the chance.
        unvalued: The number of those without a value in that currency.
        currency: ISO 4217.
        late: The number whose decision was expected before now.
        median_time: The median time that they have been in this stage, by nearest rank; None if there are none.
    """

    stage: str
    chance: float
    opportunities: int
    value: int
    weighted: float
    unvalued: int
    currency: str
    late: int
    median_time: Span | None


class OpportunityProfile(ViewAnswer):
    """An opportunity.

    Attributes:
        opportunity: Its id.
        customer: The surviving id.
        what: What the customer may buy.
        status: `open`, `won` or `lost`.
        stage: Its stage, or its last one.
        value: Its expected value, or that of its contract once it is won.
        expected_on: The local day on which it is expected to be decided.
        late: True if it is open after that day.
        owner: The staff member who pursues it.
        campaign: The campaign that it came from.
        partner: The partner that brought it.
        opened_at: The time at which it was opened.
        closed_at: The time at which it was won or lost; None while it is open.
        quotes: The number of its quotes.
        quoted: The amount of the last quote.
        reason: The reason for which it was lost.
        rival: The rival that won it.
        price: The rival's price.
    """

    opportunity: str
    customer: str
    what: str
    status: OpportunityStatus
    stage: str
    value: Money | None
    expected_on: date | None
    late: bool
    owner: str | None
    campaign: str | None
    partner: str | None
    opened_at: datetime
    closed_at: datetime | None
    quotes: int
    quoted: Money | None
    reason: str | None
    rival: str | None
    price: Money | None


class PipelineResult(ViewAnswer):
    """The opportunities that were decided.

    Attributes:
        name: The owner, partner, campaign or subject; None for those without one, and for all together.
        won: The number that was won.
        lost: The number that was lost.
        win_rate: `won` divided by both together; None if none was decided.
        interval: Wilson's interval of that rate.
        amount: The sum of the contracts of those won, for one term, in the currency asked for, minor units.
        currency: ISO 4217.
        time_to_win: The median time from opening to winning, by nearest rank; None if none was won.
        time_to_lose: The median time from opening to losing; None if none was lost.
    """

    name: str | None
    won: int
    lost: int
    win_rate: float | None
    interval: Interval | None
    amount: int
    currency: str
    time_to_win: Span | None
    time_to_lose: Span | None


class LossFigure(ViewAnswer):
    """The opportunities that were lost for one reason, or to one rival.

    Attributes:
        name: The reason or the rival; None for losses without a rival.
        lost: Their number.
        share: Their share of all losses.
        value: The sum of their last expected values in the currency asked for, minor units.
        currency: ISO 4217.
        priced: The number of those with both a quote of ours and a price of the rival in that currency.
        price_gap: The mean of our last quote less the rival's price, as a share of the rival's price; None without any.
    """

    name: str | None
    lost: int
    share: float
    value: int
    currency: str
    priced: int
    price_gap: float | None


class ContractProfile(ViewAnswer):
    """A contract.

    Attributes:
        contract: Its id.
        opportunity: The opportunity that it came of.
        customer: The surviving id.
        what: What it is about.
        amount: The amount for one term.
        starts: The first local day.
        ends: The local day after the last; None if it runs until it is ended.
        status: `coming`, `running`, `over` (the last day has passed and nobody renewed or ended it) or `ended`.
        days_left: The number of days until it ends, negative after; None if it has no end or was ended.
        renewals: The number of its renewals.
        owner: The staff member who pursued the opportunity.
        reason: The reason for which it was ended.
    """

    contract: str
    opportunity: str
    customer: str
    what: str
    amount: Money | None
    starts: date
    ends: date | None
    status: ContractStatus
    days_left: int | None
    renewals: int
    owner: str | None
    reason: str | None


class RivalObservation(ViewAnswer):
    """The last observation of a rival about one thing, next to our own price of it.

    Attributes:
        kind: `price`, `service`, `promotion`, `rating` or `share`.
        about: The product, service, touchpoint or market.
        at: The time of the observation.
        price: The rival's price.
        previous: The rival's price by the observation before, in the same currency.
        own_price: The mean of what our customers paid for a piece of that product, minor units of the same currency.
        gap: `own_price` less the rival's price, as a share of the rival's price; None if one of them is not known.
        value: The rating or the share of the market.
        words: What was seen.
        source: Where it was seen.
    """

    kind: str
    about: str
    at: datetime
    price: Money | None = None
    previous: Money | None = None
    own_price: float | None = None
    gap: float | None = None
    value: float | None = None
    words: str | None = None
    source: str | None = None


class RivalProfile(ViewAnswer):
    """A rival: the last that was observed of it, and what was lost to it.

    Attributes:
        rival: The id.
        observations: The last one by kind and subject, the newest first.
        lost: The number of opportunities lost to it.
        value: The sum of their last expected values in the currency asked for, minor units.
        currency: ISO 4217.
    """

    rival: str
    observations: tuple[RivalObservation, ...]
    lost: int
    value: int
    currency: str


def standing_of(row: Opportunity, moment: int) -> OpportunityStanding | None:
    """Return an opportunity as of a moment; None if it was not opened by then.

    Args:
        row: The opportunity.
        moment: The moment, UTC microseconds.
    """
    steps = tuple(step for step in row.expected if step.at <= moment)
    if not steps:
        return None
    is_over = row.closed_at is not None and row.closed_at <= moment
    status: OpportunityStatus = "open" if not is_over else "won" if row.status == "won" else "lost"
    terms = [term for term in row.terms if term.at <= moment]
    return OpportunityStanding(row, status, steps[-1], steps, terms[-1] if terms else None)


def opportunity_profile(standing: OpportunityStanding, today: date, moment: int) -> OpportunityProfile:
    """Return the public form of an opportunity.

    Args:
        standing: The opportunity.
        today: The local day of the moment.
        moment: The moment, UTC microseconds.
    """
    row, expected = standing.row, standing.expected
    quotes = [quote for quote in row.quotes if quote.at <= moment]
    is_lost, day = standing.status == "lost", expected.expected_on
    signed = [term.amount for term in row.terms if term.amount is not None and term.at <= moment]
    return OpportunityProfile(
        opportunity=row.opportunity,
        customer=row.customer,
        what=row.what,
        status=standing.status,
        stage=expected.stage,
        value=signed[-1] if signed else expected.value,
        expected_on=None if day is None else date.fromisoformat(day),
        late=standing.status == "open" and day is not None and day < today.isoformat(),
        owner=expected.owner,
        campaign=row.campaign,
        partner=row.partner,
        opened_at=from_micros(row.opened_at),
        closed_at=None if standing.status == "open" or row.closed_at is None else from_micros(row.closed_at),
        quotes=len(quotes),
        quoted=quotes[-1].amount if quotes else None,
        reason=row.reason if is_lost else None,
        rival=row.rival if is_lost else None,
        price=row.price if is_lost else None,
    )


def contract_profile(standing: OpportunityStanding, today: date, moment: int) -> ContractProfile | None:
    """Return the contract of an opportunity; None without one.

    Args:
        standing: The opportunity.
        today: The local day of the moment.
        moment: The moment, UTC microseconds.
    """
    row, term = standing.row, standing.term
    if term is None or row.contract is None or row.starts is None:
        return None
    known = [each for each in row.terms if each.at <= moment]
    signed = [each for each in known if each.what != "ended"]
    ends = signed[-1].ends if signed else None
    starts, end = date.fromisoformat(row.starts), None if ends is None else date.fromisoformat(ends)
    status: ContractStatus = "running"
    if term.what == "ended":
        status = "ended"
    elif today < starts:
        status = "coming"
    elif end is not None and today >= end:
        status = "over"
    return ContractProfile(
        contract=row.contract,
        opportunity=row.opportunity,
        customer=row.customer,
        what=row.what,
        amount=signed[-1].amount if signed else None,
        starts=starts,
        ends=end,
        status=status,
        days_left=None if end is None or status == "ended" else (end - today).days,
        renewals=sum(each.what == "renewed" for each in known),
        owner=standing.expected.owner,
        reason=term.reason,
    )
