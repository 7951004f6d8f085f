"""An opportunity: something that a customer may buy, the quotes for it, and the contract that comes of it.

Stream `opportunity-<id>`. Order of this module: events, commands, state, evolve, decide. It belongs to one customer and
holds no personal words.

**Open, won, lost.** While it is open it may move between the stages of the policy, in both directions. Once it is won
or lost it stays so: a second attempt is another opportunity. The chance to win is not recorded. Views take it from the
policy, so a better estimate applies to all opportunities.

**The contract** runs from its first local day to the day before `ends`. It may be renewed before or after that day, or
end earlier. A contract without an end runs until it is ended.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, ClassVar

import msgspec
from msgspec.structs import replace
from pydantic import AfterValidator, model_validator
from pydantic_core import PydanticCustomError

from relations.aggregates.maps import EMPTY, with_item
from relations.decider import Aggregate, Decider
from relations.errors import CommandRefused
from relations.messages import Command, Event, Id, Money, Term
from relations.policies import Policy

__all__ = [
    "AGGREGATE",
    "REFUSALS",
    "AdvanceOpportunity",
    "ContractEnded",
    "ContractRenewed",
    "EndContract",
    "LoseOpportunity",
    "OpenOpportunity",
    "OpportunityAdvanced",
    "OpportunityCommand",
    "OpportunityLost",
    "OpportunityOpened",
    "OpportunityQuoted",
    "OpportunityState",
    "OpportunityWon",
    "QuoteOpportunity",
    "RenewContract",
    "WinOpportunity",
]

# --- events ---------------------------------------------------------------------------------------------------------


class OpportunityOpened(Event, frozen=True):
    """An opportunity was opened.

    Attributes:
        customer: The customer who may buy.
        what: What they may buy, such as `conference`.
        stage: Its stage.
        value: Its expected value; None if it is not known.
        expected_on: The local day on which it is expected to be decided, as `2024-05-01`.
        owner: The staff member who pursues it.
        campaign: The campaign that it came from.
        partner: The partner that brought it.
        at: Business time, UTC microseconds.
    """

    topic: ClassVar[str] = "opportunity.opened"
    customer: str
    what: str
    stage: str
    value: Money | None = None
    expected_on: str | None = None
    owner: str | None = None
    campaign: str | None = None
    partner: str | None = None
    at: int = 0


class OpportunityAdvanced(Event, frozen=True):
    """It moved to another stage, or anything else that is expected of it changed. The event has all of it."""

    topic: ClassVar[str] = "opportunity.advanced"
    stage: str
    value: Money | None = None
    expected_on: str | None = None
    owner: str | None = None
    at: int = 0


class OpportunityQuoted(Event, frozen=True):
    """The business made a quote.

    Attributes:
        quote: Its id.
        amount: The amount.
        valid_until: The last local day on which it holds.
        at: Business time, UTC microseconds.
    """

    topic: ClassVar[str] = "opportunity.quoted"
    quote: str
    amount: Money
    valid_until: str | None = None
    at: int = 0


class OpportunityWon(Event, frozen=True):
    """It was won.

    Attributes:
        contract: The contract's id.
        amount: The contract's amount for one term.
        starts: Its first local day.
        ends: The local day after the last; None if it runs until it is ended.
        at: Business time, UTC microseconds.
    """

    topic: ClassVar[str] = "opportunity.won"
    contract: str
    amount: Money
    starts: str
    ends: str | None = None
    at: int = 0


class OpportunityLost(Event, frozen=True):
    """It was lost.

    Attributes:
        reason: The reason.
        rival: The rival that won it.
        price: The rival's price.
        at: Business time, UTC microseconds.
    """

    topic: ClassVar[str] = "opportunity.lost"
    reason: str
    rival: str | None = None
    price: Money | None = None
    at: int = 0


class ContractRenewed(Event, frozen=True):
    """The contract was renewed.

    Attributes:
        amount: The amount for one term from then on.
        ends: The local day after the last.
        at: Business time, UTC microseconds.
    """

    topic: ClassVar[str] = "opportunity.contract_renewed"
    amount: Money
    ends: str
    at: int = 0


class ContractEnded(Event, frozen=True):
    """The contract ended, or was ended early."""

    topic: ClassVar[str] = "opportunity.contract_ended"
    reason: str | None = None
    at: int = 0


# --- commands -------------------------------------------------------------------------------------------------------


def _not_negative(amount: Money) -> Money:
    if amount.amount < 0:
        raise PydanticCustomError("negative_amount", "the value of an opportunity must not be negative")
    return amount


Worth = Annotated[Money, AfterValidator(_not_negative)]


class OpportunityCommand(Command):
    """A command that concerns one opportunity."""

    opportunity: Id

    @property
    def stream(self) -> str:
        return f"opportunity-{self.opportunity}"


class OpenOpportunity(OpportunityCommand):
    """Open an opportunity with a customer.

    Attributes:
        what: What they may buy, such as `conference`.
        stage: A stage of the policy; its first one if left out.
        value: The expected value.
        expected_on: The local day on which it is expected to be decided.
        owner: The staff member who pursues it.
        campaign: The campaign that it came from.
        partner: The partner that brought it.
    """

    customer: Id
    what: Term
    stage: Term | None = None
    value: Worth | None = None
    expected_on: date | None = None
    owner: Id | None = None
    campaign: Id | None = None
    partner: Id | None = None


class AdvanceOpportunity(OpportunityCommand):
    """Move an opportunity to another stage, or change what is expected of it. Fields that are left out stay."""

    stage: Term | None = None
    value: Worth | None = None
    expected_on: date | None = None
    owner: Id | None = None

    @model_validator(mode="after")
    def _changes_something(self) -> AdvanceOpportunity:
        if not any((self.stage, self.value, self.expected_on, self.owner)):
            raise PydanticCustomError("nothing_changed", "the change must have at least one field")
        return self


class QuoteOpportunity(OpportunityCommand):
    """Record a quote.

    Attributes:
        quote: Its id within the opportunity.
        valid_until: The last local day on which it holds.
    """

    quote: Id
    amount: Worth
    valid_until: date | None = None


class WinOpportunity(OpportunityCommand):
    """Record that the customer signed.

    Attributes:
        contract: The contract's id.
        amount: The contract's amount for one term.
        starts: Its first local day.
        ends: The local day after the last; left out if it runs until it is ended.
    """

    contract: Id
    amount: Worth
    starts: date
    ends: date | None = None

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> WinOpportunity:
        if self.ends is not None and self.ends <= self.starts:
            msg = f"the contract must end ({self.ends}) after it starts ({self.starts})"
            raise ValueError(msg)
        return self


class LoseOpportunity(OpportunityCommand):
    """Record that the opportunity is lost.

    Attributes:
        rival: The rival that won it, by your id.
        price: The rival's price.
    """

    reason: Term
    rival: Id | None = None
    price: Worth | None = None


class RenewContract(OpportunityCommand):
    """Renew the contract of a won opportunity.

    Attributes:
        ends: The local day after the last.
        amount: The amount for one term from now on; unchanged if left out.
    """

    ends: date
    amount: Worth | None = None


class EndContract(OpportunityCommand):
    """Record that the contract ended, in time or early."""

    reason: Term | None = None


# --- state ----------------------------------------------------------------------------------------------------------


class OpportunityState(msgspec.Struct, frozen=True, gc=False):
    """The state of an opportunity.

    Attributes:
        opening: The event that opened it; None before.
        expected: The stage and what is expected of it now; None before.
        quotes: By id.
        contract: The event that won it.
        ends: The local day after the last of the contract, as it is now.
        amount: The amount of the contract for one term, as it is now.
        loss: The event that lost it.
        ended: True once the contract was ended.
    """

    opening: OpportunityOpened | None = None
    expected: OpportunityAdvanced | None = None
    quotes: Mapping[str, OpportunityQuoted] = EMPTY
    contract: OpportunityWon | None = None
    ends: str | None = None
    amount: Money | None = None
    loss: OpportunityLost | None = None
    ended: bool = False

    @property
    def customer(self) -> str:
        """Return the customer; empty before it was opened."""
        return self.opening.customer if self.opening else ""


# --- evolve ---------------------------------------------------------------------------------------------------------


def evolve(state: OpportunityState, event: Event) -> OpportunityState:
    """Return the state of the opportunity after an event."""
    match event:
        case OpportunityOpened():
            expected = OpportunityAdvanced(
                stage=event.stage, value=event.value, expected_on=event.expected_on, owner=event.owner
            )
            return replace(state, opening=event, expected=expected)
        case OpportunityAdvanced():
            return replace(state, expected=replace(event, at=0))
        case OpportunityQuoted():
            return replace(state, quotes=with_item(state.quotes, event.quote, event))
        case OpportunityWon():
            return replace(state, contract=event, ends=event.ends, amount=event.amount)
        case OpportunityLost():
            return replace(state, loss=event)
        case ContractRenewed():
            return replace(state, ends=event.ends, amount=event.amount, ended=False)
        case ContractEnded():
            return replace(state, ended=True)
        case _:
            return state


# --- decide ---------------------------------------------------------------------------------------------------------

REFUSALS: Mapping[str, str] = {
    "opportunity_unknown": "The opportunity was never opened",
    "opportunity_exists": "Another opportunity has this id",
    "opportunity_over": "The opportunity is won or lost already",
    "stage_unknown": "The policy has no such stage of opportunities",
    "quote_id_reused": "Another quote of the opportunity has this id",
    "opportunity_not_won": "The opportunity has no contract",
    "contract_not_longer": "The renewed contract must end later than it does now",
}
"""Every code of refusal and when it is given."""


def decide(state: OpportunityState, command: Command, policy: Policy) -> list[Event]:
    """Return the events that a command leads to.

    Raises:
        CommandRefused: A rule forbids the command; see `REFUSALS`.
    """
    match command:
        case OpenOpportunity():
            return _open(state, command, policy)
        case AdvanceOpportunity():
            return _advance(state, command, policy)
        case QuoteOpportunity():
            return _quote(state, command)
        case WinOpportunity():
            return _win(state, command)
        case LoseOpportunity():
            return _lose(state, command)
        case RenewContract():
            return _renew(state, command)
        case EndContract():
            _contract(state, command, "end the contract of")
            return [] if state.ended else [ContractEnded(reason=command.reason, at=command.at)]
        case _:
            raise TypeError(type(command).__name__)


def _opened(state: OpportunityState, command: OpportunityCommand, verb: str) -> OpportunityAdvanced:
    """Return what is expected of an opportunity that was opened."""
    if state.expected is None:
        raise CommandRefused(
            f"cannot {verb} opportunity {command.opportunity}: it was never opened",
            code="opportunity_unknown",
            field="opportunity",
            hint="Open it first (OpenOpportunity)",
        )
    return state.expected


def _must_be_open(state: OpportunityState, command: OpportunityCommand, verb: str) -> OpportunityAdvanced:
    expected = _opened(state, command, verb)
    if state.contract is not None or state.loss is not None:
        raise CommandRefused(
            f"cannot {verb} opportunity {command.opportunity}: it is {'won' if state.contract else 'lost'}",
            code="opportunity_over",
            field="opportunity",
            hint="Open another one under a new id (OpenOpportunity)",
        )
    return expected


def _stage(stage: str, policy: Policy) -> str:
    names = policy.pipeline.names
    if stage not in names:
        raise CommandRefused(
            f"the policy has no stage {stage!r}",
            code="stage_unknown",
            field="stage",
            hint=f"Use one of: {', '.join(names)}",
        )
    return stage


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _open(state: OpportunityState, command: OpenOpportunity, policy: Policy) -> list[Event]:
    stage = policy.pipeline.names[0] if command.stage is None else command.stage
    wanted = OpportunityOpened(
        customer=command.customer,
        what=command.what,
        stage=stage,
        value=command.value,
        expected_on=_day(command.expected_on),
        owner=command.owner,
        campaign=command.campaign,
        partner=command.partner,
        at=command.at,
    )
    if state.opening == wanted:
        return []
    if state.opening is not None:
        raise CommandRefused(
            f"there is another opportunity {command.opportunity}",
            code="opportunity_exists",
            field="opportunity",
            hint="Give the new one another id; change the other with AdvanceOpportunity",
        )
    _stage(stage, policy)
    return [wanted]


def _advance(state: OpportunityState, command: AdvanceOpportunity, policy: Policy) -> list[Event]:
    expected = _must_be_open(state, command, "advance")
    if command.stage is not None and command.stage != expected.stage:
        _stage(command.stage, policy)
    wanted = OpportunityAdvanced(
        stage=command.stage or expected.stage,
        value=command.value or expected.value,
        expected_on=_day(command.expected_on) or expected.expected_on,
        owner=command.owner or expected.owner,
    )
    return [] if wanted == expected else [replace(wanted, at=command.at)]


def _quote(state: OpportunityState, command: QuoteOpportunity) -> list[Event]:
    _opened(state, command, "quote for")
    wanted = OpportunityQuoted(
        quote=command.quote, amount=command.amount, valid_until=_day(command.valid_until), at=command.at
    )
    known = state.quotes.get(command.quote)
    if known == wanted:
        return []
    _must_be_open(state, command, "quote for")
    if known is not None:
        raise CommandRefused(
            f"opportunity {command.opportunity} has another quote {command.quote}",
            code="quote_id_reused",
            field="quote",
            hint="Give the new quote an id of its own",
        )
    return [wanted]


def _win(state: OpportunityState, command: WinOpportunity) -> list[Event]:
    wanted = OpportunityWon(
        contract=command.contract,
        amount=command.amount,
        starts=command.starts.isoformat(),
        ends=_day(command.ends),
        at=command.at,
    )
    if state.contract == wanted:
        return []
    _must_be_open(state, command, "win")
    return [wanted]


def _lose(state: OpportunityState, command: LoseOpportunity) -> list[Event]:
    wanted = OpportunityLost(reason=command.reason, rival=command.rival, price=command.price, at=command.at)
    if state.loss == wanted:
        return []
    _must_be_open(state, command, "lose")
    return [wanted]


def _contract(state: OpportunityState, command: OpportunityCommand, verb: str) -> OpportunityWon:
    _opened(state, command, verb)
    if state.contract is None:
        raise CommandRefused(
            f"cannot {verb} opportunity {command.opportunity}: it is {'lost' if state.loss else 'still open'}",
            code="opportunity_not_won",
            field="opportunity",
            hint="Win it first (WinOpportunity)",
        )
    return state.contract


def _renew(state: OpportunityState, command: RenewContract) -> list[Event]:
    contract = _contract(state, command, "renew the contract of")
    ends, amount = command.ends.isoformat(), command.amount or state.amount or contract.amount
    if (ends, amount) == (state.ends, state.amount) and not state.ended:
        return []
    if ends <= (state.ends or contract.starts):
        raise CommandRefused(
            f"the renewed contract of opportunity {command.opportunity} must end after {state.ends or contract.starts}",
            code="contract_not_longer",
            field="ends",
            hint="Give a later day; record an early end with EndContract",
        )
    return [ContractRenewed(amount=amount, ends=ends, at=command.at)]


AGGREGATE = Aggregate(
    name="opportunity",
    decider=Decider(OpportunityState(), decide, evolve),
    events=(
        OpportunityOpened,
        OpportunityAdvanced,
        OpportunityQuoted,
        OpportunityWon,
        OpportunityLost,
        ContractRenewed,
        ContractEnded,
    ),
    commands=(
        OpenOpportunity,
        AdvanceOpportunity,
        QuoteOpportunity,
        WinOpportunity,
        LoseOpportunity,
        RenewContract,
        EndContract,
    ),
    # Only the opening command names the customer; after that the state has it.
    customer=lambda state, command: state.customer or getattr(command, "customer", ""),
    state=OpportunityState,
)
