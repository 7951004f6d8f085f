"""The rows of the pipeline: each opportunity with its steps, its quotes and its contract.

Steps are in order of business time, and at the same time in the order of their stream. So late records take their
place, and the state as of any moment follows from the rows.
"""

from __future__ import annotations

from bisect import insort
from typing import ClassVar

import msgspec

from relations.aggregates.customer import PurchaseRecorded
from relations.aggregates.opportunity import (
    ContractEnded,
    ContractRenewed,
    OpportunityAdvanced,
    OpportunityLost,
    OpportunityOpened,
    OpportunityQuoted,
    OpportunityWon,
)
from relations.aggregates.rival import RivalObservationCancelled, RivalObserved
from relations.messages import Envelope, Money
from relations.projections.projection import CustomerRow, Projection, Rows, Tally

__all__ = ["PROJECTION", "ContractTerm", "Expected", "Observation", "Opportunity", "OwnPrice", "Quote", "Rival"]


class Expected(msgspec.Struct, array_like=True, gc=False):
    """The expectation of an opportunity from a moment on.

    Attributes:
        at: The time, UTC microseconds.
        version: Its event's version in the opportunity's stream.
        stage: The stage.
        value: The expected value; None if it was not known.
        expected_on: The local day on which it was expected to be decided.
        owner: The staff member who pursues it.
    """

    at: int
    version: int
    stage: str
    value: Money | None = None
    expected_on: str | None = None
    owner: str | None = None


class Quote(msgspec.Struct, array_like=True, gc=False):
    """A quote.

    Attributes:
        at: The time, UTC microseconds.
        version: Its event's version in the opportunity's stream.
        quote: Its id.
        amount: Its amount.
        valid_until: The last local day on which it holds.
    """

    at: int
    version: int
    quote: str
    amount: Money
    valid_until: str | None = None


class ContractTerm(msgspec.Struct, array_like=True, gc=False):
    """The term of a contract from a moment on: signed, renewed or ended.

    Attributes:
        at: The time, UTC microseconds.
        version: Its event's version in the opportunity's stream.
        what: `signed`, `renewed` or `ended`.
        amount: The amount for one term; None if it ended.
        ends: The local day after the last; None if it runs until it is ended.
        reason: The reason for which it ended.
    """

    at: int
    version: int
    what: str
    amount: Money | None = None
    ends: str | None = None
    reason: str | None = None


class Opportunity(CustomerRow, gc=False):
    """An opportunity.

    Attributes:
        opportunity: Its id.
        what: What the customer may buy.
        campaign: The campaign that it came from.
        partner: The partner that brought it.
        opened_at: The time at which it was opened, UTC microseconds.
        closed_at: The time at which it was won or lost; None while it is open.
        status: `open`, `won` or `lost`.
        expected: What was expected of it, in order of time.
        quotes: Its quotes, in order of time.
        contract: The id of its contract.
        starts: The first local day of the contract.
        terms: The terms of the contract, in order of time.
        reason: The reason for which it was lost.
        rival: The rival that won it.
        price: The rival's price.
    """

    table: ClassVar[str] = "opportunities"
    key: ClassVar[tuple[str, ...]] = ("customer", "opportunity")
    indexes: ClassVar[tuple[tuple[str, ...], ...]] = (("opportunity",), ("status", "opened_at"))
    opportunity: str
    what: str = ""
    campaign: str | None = None
    partner: str | None = None
    opened_at: int = 0
    closed_at: int | None = None
    status: str = "open"
    expected: list[Expected] = msgspec.field(default_factory=list)
    quotes: list[Quote] = msgspec.field(default_factory=list)
    contract: str | None = None
    starts: str | None = None
    terms: list[ContractTerm] = msgspec.field(default_factory=list)
    reason: str | None = None
    rival: str | None = None
    price: Money | None = None


class Observation(msgspec.Struct, array_like=True, gc=False):
    """An observation of a rival.

    Attributes:
        at: The time, UTC microseconds.
        kind: `price`, `service`, `promotion`, `rating` or `share`.
        about: The product, service, touchpoint or market.
        price: The price.
        value: The rating or share, as a decimal.
        words: What was seen.
        source: Where it was seen.
    """

    at: int
    kind: str
    about: str
    price: Money | None = None
    value: str | None = None
    words: str | None = None
    source: str | None = None


class Rival(CustomerRow, gc=False):
    """A rival. The row belongs to no customer, so `customer` is empty.

    Attributes:
        rival: The id.
        observations: By id; cancelled ones are dropped.
    """

    table: ClassVar[str] = "rivals"
    key: ClassVar[tuple[str, ...]] = ("customer", "rival")
    rival: str
    observations: dict[str, Observation] = msgspec.field(default_factory=dict)


class OwnPrice(Tally, gc=False):
    """The pieces of one product that were sold in a month, and the amount paid for them.

    Attributes:
        month: The month in the policy's zone, such as `2024-05`.
        product: The product, as purchase lines name it.
        currency: ISO 4217.
        pieces: Their number.
        amount: Minor units, before refunds.
    """

    table: ClassVar[str] = "own_prices"
    key: ClassVar[tuple[str, ...]] = ("month", "product", "currency")
    month: str
    product: str
    currency: str
    pieces: int = 0
    amount: int = 0


PROJECTION = Projection(name="pipeline", version=2, tables=(Opportunity, Rival, OwnPrice))


def _row(rows: Rows, at: Envelope) -> Opportunity:
    return rows.need(Opportunity, at.customer, at.stream.removeprefix("opportunity-"))


def _order(step: Expected | Quote | ContractTerm) -> tuple[int, int]:
    return step.at, step.version


@PROJECTION.on(OpportunityOpened)
def opened(rows: Rows, event: OpportunityOpened, at: Envelope) -> None:
    """Add an opportunity."""
    row = _row(rows, at)
    row.what, row.campaign, row.partner, row.opened_at = event.what, event.campaign, event.partner, event.at
    row.expected = [Expected(event.at, at.version, event.stage, event.value, event.expected_on, event.owner)]


@PROJECTION.on(OpportunityAdvanced)
def advanced(rows: Rows, event: OpportunityAdvanced, at: Envelope) -> None:
    """Keep what is expected from then on."""
    row = _row(rows, at)
    step = Expected(max(event.at, row.opened_at), at.version, event.stage, event.value, event.expected_on, event.owner)
    insort(row.expected, step, key=_order)


@PROJECTION.on(OpportunityQuoted)
def quoted(rows: Rows, event: OpportunityQuoted, at: Envelope) -> None:
    """Keep a quote."""
    insort(_row(rows, at).quotes, Quote(event.at, at.version, event.quote, event.amount, event.valid_until), key=_order)


@PROJECTION.on(OpportunityWon)
def won(rows: Rows, event: OpportunityWon, at: Envelope) -> None:
    """Keep the contract."""
    row = _row(rows, at)
    row.status, row.closed_at = "won", max(event.at, row.opened_at)
    row.contract, row.starts = event.contract, event.starts
    row.terms = [ContractTerm(row.closed_at, at.version, "signed", event.amount, event.ends)]


@PROJECTION.on(OpportunityLost)
def lost(rows: Rows, event: OpportunityLost, at: Envelope) -> None:
    """Keep why it was lost, and to which rival."""
    row = _row(rows, at)
    row.status, row.closed_at = "lost", max(event.at, row.opened_at)
    row.reason, row.rival, row.price = event.reason, event.rival, event.price


@PROJECTION.on(ContractRenewed)
def contract_renewed(rows: Rows, event: ContractRenewed, at: Envelope) -> None:
    """Keep the new term."""
    row = _row(rows, at)
    signed = row.closed_at or event.at
    insort(row.terms, ContractTerm(max(event.at, signed), at.version, "renewed", event.amount, event.ends), key=_order)


@PROJECTION.on(ContractEnded)
def contract_ended(rows: Rows, event: ContractEnded, at: Envelope) -> None:
    """Keep that the contract ended."""
    row = _row(rows, at)
    signed = row.closed_at or event.at
    insort(row.terms, ContractTerm(max(event.at, signed), at.version, "ended", reason=event.reason), key=_order)


# --- rivals ---------------------------------------------------------------------------------------------------------


@PROJECTION.on(RivalObserved)
def rival_observed(rows: Rows, event: RivalObserved, at: Envelope) -> None:
    """Keep an observation."""
    rival = rows.need(Rival, "", at.stream.removeprefix("rival-"))
    rival.observations[event.observation] = Observation(
        event.at, event.kind, event.about, event.price, event.value, event.words, event.source
    )


@PROJECTION.on(RivalObservationCancelled)
def rival_observation_cancelled(rows: Rows, event: RivalObservationCancelled, at: Envelope) -> None:
    """Drop an observation."""
    rows.need(Rival, "", at.stream.removeprefix("rival-")).observations.pop(event.observation, None)


@PROJECTION.on(PurchaseRecorded)
def purchase_recorded(rows: Rows, event: PurchaseRecorded, at: Envelope) -> None:
    """Count the pieces of each product in a purchase that has lines."""
    for line in event.lines:
        tally = rows.need(OwnPrice, rows.local.month(at.occurred_at), line.product, line.amount.currency)
        tally.pieces += line.quantity
        tally.amount += line.amount.amount
