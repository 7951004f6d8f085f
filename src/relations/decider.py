"""A decider: the whole behaviour of one kind of aggregate as three plain values.

After the Decider of Jérémie Chassaing (thinkbeforecoding.com, "Functional Event Sourcing Decider", 2021): an initial
state, `decide` from command to events, and `evolve` from event to state. Both functions are pure: no clock, no id
generator, no input or output. `evolve` never refuses an event that it knows, for what is recorded has happened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from relations.messages import Command, Event, from_micros

__all__ = ["Aggregate", "Decider", "Due", "Merging", "due_before", "fold"]

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
class Due:
    """What time does next in a stream, all by itself.

    Attributes:
        at: When, UTC microseconds.
        kind: The command that does it.
        fields: Its fields, but for when.
    """

    at: int
    kind: type[Command]
    fields: dict[str, Any] = field(default_factory=dict)

    def is_wanted(self, command: Command) -> bool:
        """Whether a command is this very thing."""
        if type(command) is not self.kind or command.at != self.at:
            return False
        return all(getattr(command, name) == value for name, value in self.fields.items())

    def command(self, command_id: str | None = None) -> Command:
        """The command, dated at the moment when it fell due."""
        moment = from_micros(self.at)
        return self.kind(occurred_at=moment, command_id=command_id, actor="agenda", **self.fields)


@dataclass(frozen=True, slots=True)
class Merging(Generic[S]):
    """How streams that were found to be one thing go on under any of their ids. Three pure functions.

    Attributes:
        next_to: `state -> ids` that this stream says are one with it, each a step away. Both sides have to say so.
        home: `(command, states) -> id` of the stream that has what the command names, the id that it gives where none
            has. `states` has all of the thing's ids, the one that the command gives first.
        together: `(command, home, states) -> state` to decide the command on: that of the home id, with what it has to
            know of the others.
    """

    next_to: Callable[[S], Sequence[str]]
    home: Callable[[Any, Mapping[str, S]], str]
    together: Callable[[Any, str, Mapping[str, S]], S]


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
        due: `(state, command, its time, rules) -> Due | None`: what fell due first by the command's time and is not
            done yet; None where nothing is, or it is the command itself. It is done before the command is decided, see
            `due_before`. `rules` are `relations.policies.in_force.InForce`. None where time does nothing.
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
    due: Callable[[S, Any, int, Any], Due | None] | None = None
    pinned: Callable[[S], int | None] | None = None
    merging: Merging[S] | None = None
    of_known: Mapping[type[Command], str] = field(default_factory=dict)


def due_before(aggregate: Aggregate[S], state: S, command: Command, rules: Any) -> Iterator[tuple[Due, S, list[Event]]]:
    """What time did by a command's time, one thing after the other, each decided by the rules of its own moment.

    Whoever decides a command does this first, so that it makes no difference whether time was told of in between.

    Args:
        aggregate: Whose stream it is.
        state: The state before the command.
        command: The command that is going to be decided.
        rules: Which policy is in force when, an `InForce`.

    Yields:
        What fell due, the state in which it was decided, and what came of it.
    """
    if aggregate.due is None:
        return
    at = command.at
    while (due := aggregate.due(state, command, at, rules)) is not None:
        events = aggregate.decider.decide(state, due.command(), rules.at(due.at))
        if not events:
            return  # it would fall due for ever
        yield due, state, events
        state = fold(aggregate.decider, events, state)
