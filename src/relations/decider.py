"""A decider: the whole behaviour of one kind of aggregate as three plain values.

After the Decider of Jérémie Chassaing (thinkbeforecoding.com, "Functional Event Sourcing Decider", 2021): an initial
state, `decide` from command to events, and `evolve` from event to state. Both functions are pure: no clock, no id
generator, no input or output. `evolve` never refuses an event that it knows, for what is recorded has happened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from relations.messages import Command, Event

__all__ = ["Aggregate", "Decider", "Merging", "fold"]

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Decider(Generic[S]):
    """The rules of one kind of aggregate.

    Attributes:
        initial: The state of a stream without events.
        decide: `(state, command, policy) -> events`; raises `CommandRefused` where a rule forbids the command. No
            events means that there is nothing left to do.
        evolve: `(state, event) -> state`.
    """

    initial: S
    decide: Callable[[S, Any, Any], list[Event]]
    evolve: Callable[[S, Any], S]


def fold(decider: Decider[S], events: Iterable[Event], state: S | None = None) -> S:
    """The state after `events`, from `state` or from the decider's initial one."""
    current = decider.initial if state is None else state
    evolve = decider.evolve
    for event in events:
        current = evolve(current, event)
    return current


@dataclass(frozen=True, slots=True)
class Merging(Generic[S]):
    """How streams that were found to be one thing go on under any of their ids. Three pure functions.

    Attributes:
        next_to: `state -> ids` that this stream says are one with it, each a step away. Both sides have to say so.
        home: `(command, states) -> id` of the stream that has what the command names, the id that it gives where none
            has. `states` has all of the thing's ids, the one that the command gives first.
        together: `(command, state, others) -> state` to decide the command on, in the knowledge of the other ids'.
    """

    next_to: Callable[[S], Sequence[str]]
    home: Callable[[Any, Mapping[str, S]], str]
    together: Callable[[Any, S, Sequence[S]], S]


@dataclass(frozen=True, slots=True)
class Aggregate(Generic[S]):
    """One kind of aggregate as the engine needs to know it.

    Attributes:
        name: The kind, and the first part of its streams' names (`complaint` of `complaint-k7`).
        decider: Its rules.
        events: Every event that it records.
        commands: Every command that it decides.
        customer: `(state, command) -> customer id` that the command's events belong to; empty for none.
        state: The class of its state, for snapshots.
        state_version: Raised whenever the state's form or meaning changes; older snapshots are then ignored.
        pinned: `state -> version` of the policy that a stream is decided by for all its life; None where it is the one
            in force at each command's time.
        merging: How merged streams go on under any of their ids; None where streams are never merged.
        of_known: Commands that change nothing where the log has nothing of their customer, for the id may be mistyped;
            with the field that is to blame.
    """

    name: str
    decider: Decider[S]
    events: tuple[type[Event], ...]
    commands: tuple[type[Command], ...]
    customer: Callable[[S, Any], str]
    state: type[S]
    state_version: int = 1
    pinned: Callable[[S], int | None] | None = None
    merging: Merging[S] | None = None
    of_known: Mapping[type[Command], str] = field(default_factory=dict)
