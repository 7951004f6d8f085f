"""Deciders: the whole behaviour of one kind of aggregate as plain values.

After the Decider of Jérémie Chassaing (thinkbeforecoding.com, "Functional Event Sourcing Decider", 2021). It has an
initial state, `decide` from a command to events, and `evolve` from an event to the next state. Both functions are pure:
they use no clock, no id generator, no input and no output. `evolve` never refuses an event that it knows, because what
is recorded has happened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

from relations.messages import Command, Event, from_micros

__all__ = ["DUE_ACTOR", "Aggregate", "Decider", "Due", "Informed", "Merging", "PolicySource", "due_before", "fold"]

S = TypeVar("S")

DUE_ACTOR = "agenda"
"""The actor of commands that only time asks for."""


@dataclass(frozen=True, slots=True)
class Decider(Generic[S]):
    """The rules of one kind of aggregate.

    Attributes:
        initial: The state of a stream without events.
        decide: `(state, command, policy) -> events`. Raises `CommandRefused` where a rule forbids the command. Returns
            no events where there is nothing left to do.
        evolve: `(state, event) -> state`.
    """

    initial: S
    decide: Callable[[S, Any, Any], list[Event]]
    evolve: Callable[[S, Any], S]


def fold(decider: Decider[S], events: Iterable[Event], state: S | None = None) -> S:
    """Return the state after `events`, starting from `state` or from the decider's initial state."""
    current = decider.initial if state is None else state
    evolve = decider.evolve
    for event in events:
        current = evolve(current, event)
    return current


@dataclass(frozen=True, slots=True)
class Due:
    """The next thing that time alone does in a stream, such as an expiry.

    Attributes:
        at: When it falls due, in UTC microseconds.
        kind: The class of the command that does it.
        fields: The command's fields, without its time.
    """

    at: int
    kind: type[Command]
    fields: dict[str, Any] = field(default_factory=dict)

    def is_wanted(self, command: Command) -> bool:
        """Return whether `command` does exactly this."""
        if type(command) is not self.kind or command.at != self.at:
            return False
        return all(getattr(command, name) == value for name, value in self.fields.items())

    def command(self, command_id: str | None = None) -> Command:
        """Return the command, dated at the moment when it fell due."""
        moment = from_micros(self.at)
        return self.kind(occurred_at=moment, command_id=command_id, actor=DUE_ACTOR, **self.fields)


@dataclass(frozen=True, slots=True)
class Merging(Generic[S]):
    """Three pure functions that let merged streams be addressed by any of their ids.

    Attributes:
        next_to: `state -> ids` that this stream names as merged with it, one step away. A merge counts only where
            both streams name each other.
        home: `(command, states) -> id` of the stream that holds what the command names, or the command's own id where
            none does. `states` has the states of all merged ids, the command's own first.
        together: `(command, home, states) -> state` on which the command is decided: that of the home id, with what the
            command's rule needs of the others.
    """

    next_to: Callable[[S], Sequence[str]]
    home: Callable[[Any, Mapping[str, S]], str]
    together: Callable[[Any, str, Mapping[str, S]], S]


@dataclass(frozen=True, slots=True)
class Informed:
    """A fact that a command takes from another aggregate of its customer, where its sender did not give it.

    Attributes:
        kind: The other aggregate's name.
        wants: `(command, state) -> bool`: whether the fact is missing.
        inform: `(command, states, policy) -> command` with the fact. `states` are those of all merged ids, so a
            customer has several.
    """

    kind: str
    wants: Callable[[Any, Any], bool]
    inform: Callable[[Any, Sequence[Any], Any], Command]


@dataclass(frozen=True, slots=True)
class PolicySource(Generic[S]):
    """The part of an aggregate that says which policies are in force. Its one stream has the aggregate's name.

    Attributes:
        in_force: `state -> InForce`, every adopted policy and when it is in force.
        default: `moment -> command` that adopts the default policy. It runs before the first command of a log in which
            no policy was adopted.
    """

    in_force: Callable[[S], Any]
    default: Callable[[datetime], Command]


@dataclass(frozen=True, slots=True)
class Aggregate(Generic[S]):
    """One kind of aggregate, with everything that the engine needs to know about it.

    Attributes:
        name: The kind, and the first part of its streams' names (`complaint` in `complaint-k7`).
        decider: Its rules.
        events: Every event that it records.
        commands: Every command that it decides.
        customer: `(state, command) -> id` of the customer that the command's events belong to, empty for none.
        state: The class of its state, for snapshots.
        state_version: The version of the state's form and meaning. Raise it with every change; older snapshots are
            then ignored.
        due: `(state, command, at, rules) -> Due | None`: the first thing that fell due by `at`, the command's time,
            and is not done yet. None where nothing is due, or where the command itself does it. `rules` is an
            `InForce`. See `due_before`. None where time does nothing.
        pinned: `state -> version` of the policy that decides a stream for all its life. None where each command is
            decided by the policy in force at its own time.
        merging: How merged streams are addressed by any of their ids. None where streams are never merged.
        of_known: Commands that are refused for a customer that the log does not know, because the id may be mistyped.
            The value is the field that the refusal names.
        keyed: Commands that are decided with the keyed digest of a text that the log holds only sealed. The value is
            `(command, digest) -> command`, and `digest` is `(text, purpose) -> digest`.
        repeats: Commands whose form grows from version to version. The value is `(command, event) -> bool`: whether a
            command that is sent again is the one that once led to this event.
        erases: Events that destroy the key of their customer, and with it the customer's personal fields.
        policies: How the policies in force are read. Given by exactly one aggregate, or by none.
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
    keyed: Mapping[type[Command], Callable[[Any, Callable[[str, str], str]], Command]] = field(default_factory=dict)
    repeats: Mapping[type[Command], Callable[[Any, Any], bool]] = field(default_factory=dict)
    erases: tuple[type[Event], ...] = ()
    policies: PolicySource[S] | None = None


def due_before(aggregate: Aggregate[S], state: S, command: Command, rules: Any) -> Iterator[tuple[Due, S, list[Event]]]:
    """Yield what time did before a command, one thing after the other, each decided by the rules of its own moment.

    This runs before the command is decided. So it makes no difference whether the passing of time was recorded in
    between.

    Args:
        aggregate: The kind of the stream.
        state: The state before the command.
        command: The command that is about to be decided.
        rules: The policies and when each is in force, an `InForce`.

    Yields:
        What fell due, the state in which it was decided, and the events that came of it.
    """
    if aggregate.due is None:
        return
    at = command.at
    while (due := aggregate.due(state, command, at, rules)) is not None:
        events = aggregate.decider.decide(state, due.command(), rules.at(due.at))
        if not events:
            return  # without an event it would fall due again for ever
        yield due, state, events
        state = fold(aggregate.decider, events, state)
