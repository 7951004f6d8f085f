"""A rival: what the business observes of its prices, service, promotions, rating and share of the market.

Stream `rival-<id>`. Order of this module: events, commands, state, evolve, decide. Observations have ids, like costs:
the same id with the same content is a retry, and `CancelRivalObservation` takes one back. They are about a business,
not about a person, so their words are stored unencrypted.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec.structs import replace
from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from relations.aggregates.maps import EMPTY, with_item
from relations.decider import Aggregate, Decider
from relations.errors import CommandRefused
from relations.messages import ClearText, Command, Event, Id, Money, Term
from relations.policies import Policy

__all__ = [
    "AGGREGATE",
    "REFUSALS",
    "CancelRivalObservation",
    "ObserveRival",
    "RivalCommand",
    "RivalKind",
    "RivalObservationCancelled",
    "RivalObserved",
    "RivalState",
]

RivalKind = Literal["price", "service", "promotion", "rating", "share"]
_SCORE_MAX = 100

# --- events ---------------------------------------------------------------------------------------------------------


class RivalObserved(Event, frozen=True):
    """Something was observed of a rival.

    Attributes:
        observation: Its id.
        kind: `price`, `service`, `promotion`, `rating` or `share`.
        about: The product, service, touchpoint or market that it is about.
        price: The price, for `price`.
        value: The rating or the share of the market from 0 to 1, as a decimal, for these two.
        words: What was seen.
        source: Where it was seen, such as the name of a portal.
        at: Business time, UTC microseconds.
    """

    topic: ClassVar[str] = "rival.observed"
    observation: str
    kind: str
    about: str
    price: Money | None = None
    value: str | None = None
    words: str | None = None
    source: str | None = None
    at: int = 0


class RivalObservationCancelled(Event, frozen=True):
    """An observation was recorded by mistake."""

    topic: ClassVar[str] = "rival.observation_cancelled"
    observation: str


# --- commands -------------------------------------------------------------------------------------------------------


def _not_negative(amount: Money) -> Money:
    if amount.amount < 0:
        raise PydanticCustomError("negative_amount", "a price must not be negative")
    return amount


Price = Annotated[Money, AfterValidator(_not_negative)]
Value = Annotated[Decimal, Field(allow_inf_nan=False, ge=0, le=_SCORE_MAX, decimal_places=4)]


class RivalCommand(Command):
    """A command that concerns one rival."""

    rival: Id

    @property
    def stream(self) -> str:
        return f"rival-{self.rival}"


class ObserveRival(RivalCommand):
    """Record an observation of a rival.

    Attributes:
        kind: `price` needs `price`, `rating` and `share` need `value`, `service` and `promotion` need `words`.
        about: The product, service, touchpoint or market; for a price the same as in the lines of your purchases.
        value: The rating, or the share of the market from 0 to 1.
        words: What was seen. The words must not be about a person.
        source: Where it was seen, such as the name of a portal.
    """

    observation: Id
    kind: RivalKind
    about: Term
    price: Price | None = None
    value: Value | None = None
    words: ClearText | None = None
    source: Term | None = None

    @model_validator(mode="after")
    def _has_what_its_kind_needs(self) -> ObserveRival:
        needed = {"price": "price", "rating": "value", "share": "value"}.get(self.kind, "words")
        if getattr(self, needed) is None:
            msg = f"an observation of the kind {self.kind} must have the field {needed}"
            raise ValueError(msg)
        if (self.kind != "price" and self.price is not None) or (needed != "value" and self.value is not None):
            msg = f"an observation of the kind {self.kind} must not have a figure of another kind"
            raise ValueError(msg)
        if self.kind == "share" and self.value is not None and self.value > 1:
            msg = f"a share of the market must be from 0 to 1, but is {self.value}"
            raise ValueError(msg)
        return self


class CancelRivalObservation(RivalCommand):
    """Take back an observation that was recorded by mistake."""

    observation: Id


# --- state ----------------------------------------------------------------------------------------------------------


class RivalState(msgspec.Struct, frozen=True, gc=False):
    """The state of a rival.

    Attributes:
        observations: By id.
        cancelled: The ids of those that were cancelled.
    """

    observations: Mapping[str, RivalObserved] = EMPTY
    cancelled: tuple[str, ...] = ()


# --- evolve ---------------------------------------------------------------------------------------------------------


def evolve(state: RivalState, event: Event) -> RivalState:
    """Return the state of the rival after an event."""
    match event:
        case RivalObserved():
            return replace(state, observations=with_item(state.observations, event.observation, event))
        case RivalObservationCancelled():
            return replace(state, cancelled=(*state.cancelled, event.observation))
        case _:
            return state


# --- decide ---------------------------------------------------------------------------------------------------------

REFUSALS: Mapping[str, str] = {
    "observation_id_reused": "Another observation of the rival has this id, or it was cancelled",
    "observation_unknown": "The rival has no observation with this id",
}
"""Every code of refusal and when it is given."""


def decide(state: RivalState, command: Command, policy: Policy) -> list[Event]:
    """Return the events that a command leads to.

    Raises:
        CommandRefused: A rule forbids the command; see `REFUSALS`.
    """
    match command:
        case ObserveRival():
            return _observe(state, command)
        case CancelRivalObservation():
            return _cancel(state, command)
        case _:
            raise TypeError(type(command).__name__)


def _observe(state: RivalState, command: ObserveRival) -> list[Event]:
    wanted = RivalObserved(
        observation=command.observation,
        kind=command.kind,
        about=command.about,
        price=command.price,
        value=None if command.value is None else _plain(command.value),
        words=command.words,
        source=command.source,
        at=command.at,
    )
    known = state.observations.get(command.observation)
    if known is None:
        return [wanted]
    if known == wanted and command.observation not in state.cancelled:
        return []
    raise CommandRefused(
        f"rival {command.rival} already has an observation {command.observation}",
        code="observation_id_reused",
        field="observation",
        hint="Give the new one an id of its own; cancel the other if it is wrong (CancelRivalObservation)",
    )


def _plain(value: Decimal) -> str:
    """Return a decimal without an exponent or trailing zeros, so that equal values have one form."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _cancel(state: RivalState, command: CancelRivalObservation) -> list[Event]:
    if command.observation not in state.observations:
        raise CommandRefused(
            f"rival {command.rival} has no observation {command.observation}",
            code="observation_unknown",
            field="observation",
            hint="Correct the id",
        )
    if command.observation in state.cancelled:
        return []
    return [RivalObservationCancelled(observation=command.observation)]


AGGREGATE = Aggregate(
    name="rival",
    decider=Decider(RivalState(), decide, evolve),
    events=(RivalObserved, RivalObservationCancelled),
    commands=(ObserveRival, CancelRivalObservation),
    customer=lambda _state, _command: "",
    state=RivalState,
)
