"""The policy of the business. It is adopted by an event, so that the log alone explains every decision.

Stream `policy`. Order of this module: events, commands, state, evolve, decide.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import ClassVar

import msgspec
from pydantic import ValidationError

from relations.decider import Aggregate, Decider, PolicySource
from relations.errors import CommandRefused, UndecodableEvent
from relations.messages import Command, Event
from relations.policies import Policy
from relations.policies.check import check_policy
from relations.policies.in_force import InForce

__all__ = ["AGGREGATE", "REFUSALS", "AdoptPolicy", "Adoption", "PolicyAdopted", "PolicyBook"]

# --- events ---------------------------------------------------------------------------------------------------------


class PolicyAdopted(Event, frozen=True):
    """These rules apply from `effective_from` on.

    Attributes:
        policy: The whole policy as JSON, so that nothing outside the log is needed to explain a decision.
        number: The policy's version, from 1.
        effective_from: The business time from which it decides, UTC microseconds; None is from the beginning.
    """

    topic: ClassVar[str] = "policy.adopted"
    policy: msgspec.Raw
    number: int
    effective_from: int | None = None


# --- commands -------------------------------------------------------------------------------------------------------


class AdoptPolicy(Command):
    """Adopt rules from `occurred_at` on; or, with `from_beginning`, for histories of any age."""

    policy: Policy
    from_beginning: bool = False

    @property
    def stream(self) -> str:
        return "policy"


# --- state ----------------------------------------------------------------------------------------------------------


class Adoption(msgspec.Struct, frozen=True):
    """One adopted policy and when it took effect, in UTC microseconds (None: from the beginning)."""

    policy: msgspec.Raw
    number: int
    effective_from: int | None


class PolicyBook(msgspec.Struct, frozen=True):
    """Every policy ever adopted, in the order of adoption."""

    adoptions: tuple[Adoption, ...] = ()


def evolve(state: PolicyBook, event: Event) -> PolicyBook:
    match event:
        case PolicyAdopted():
            # Raw refers to the buffer that it was decoded from. A copy lets that buffer be freed.
            adoption = Adoption(event.policy.copy(), event.number, event.effective_from)
            return PolicyBook((*state.adoptions, adoption))
        case _:
            return state


REFUSALS: Mapping[str, str] = {
    "method_missing": "An effort score has no method; it must be agreement or effort, whose scales are opposite",
    "programme_error": "A loyalty programme has an error that `relations programme check` reports",
    "too_few_items": "A servqual instrument has fewer than two items",
}
"""Every code of refusal and when it is given. Values of the wrong form are rejected earlier, by `Policy` itself."""


def decide(state: PolicyBook, command: Command, policy: Policy) -> list[Event]:
    """Return the event that adopts the policy.

    Raises:
        CommandRefused: A rule forbids the command; the codes are in `REFUSALS`.
    """
    assert isinstance(command, AdoptPolicy)  # noqa: S101 - the engine routes by class
    # Checked here and not by `Policy`: policies that older versions adopted must stay readable.
    _check(command.policy)
    number = len(state.adoptions) + 1
    body = msgspec.Raw(command.policy.model_copy(update={"version": number}).model_dump_json().encode())
    return [PolicyAdopted(policy=body, number=number, effective_from=None if command.from_beginning else command.at)]


def _check(policy: Policy) -> None:
    found = next((each for each in check_policy(policy) if each.severity == "error"), None)
    if found is None:
        return
    if found.programme:
        raise CommandRefused(
            f"cannot adopt the programme {found.programme!r}: {found.reason}",
            code="programme_error",
            field="policy",
            hint=found.hint or "Correct it; `relations programme check` lists every mistake",
        )
    raise CommandRefused(found.reason, code=found.code, field="policy", hint=found.hint)


# --- for the engine -------------------------------------------------------------------------------------------------


def in_force(state: PolicyBook) -> InForce:
    """Return every adopted policy and when it is in force."""
    return InForce(_parsed(bytes(adoption.policy), adoption.effective_from) for adoption in state.adoptions)


@lru_cache(maxsize=1_024)
def _parsed(body: bytes, effective_from: int | None) -> Policy:
    try:
        policy = Policy.recorded(body)
    except ValidationError as error:
        raise UndecodableEvent("an adopted policy cannot be read", hint="Run `relations verify`") from error
    return policy.model_copy(update={"effective_from": effective_from})


def adopt_default(moment: datetime) -> AdoptPolicy:
    """Return the command with which a new log adopts the default policy."""
    return AdoptPolicy(
        policy=_DEFAULT,
        from_beginning=True,
        occurred_at=moment,
        command_id="relations:default-policy",
        actor="relations",
    )


_DEFAULT = Policy()


def _led_to(command: AdoptPolicy, event: PolicyAdopted) -> bool:
    """Return whether a policy that is adopted again is the recorded one; an older version wrote it with fewer parts."""
    effective_from = None if command.from_beginning else command.at
    adopted = _parsed(bytes(event.policy), event.effective_from)
    wanted = command.policy.model_copy(update={"version": event.number, "effective_from": event.effective_from})
    return effective_from == event.effective_from and adopted == wanted


AGGREGATE = Aggregate(
    name="policy",
    decider=Decider(PolicyBook(), decide, evolve),
    events=(PolicyAdopted,),
    commands=(AdoptPolicy,),
    customer=lambda _state, _command: "",
    state=PolicyBook,
    repeats={AdoptPolicy: _led_to},
    policies=PolicySource(in_force, adopt_default),
)
