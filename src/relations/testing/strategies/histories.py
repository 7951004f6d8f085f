"""Histories of one aggregate, drawn by Hypothesis: commands legal and near-legal, decided one after another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Generic, TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from relations.aggregates.model import RecordClusters, RecordFit, RecordForecasts, RecordRules
from relations.decider import Aggregate, Due, due_before, fold
from relations.errors import CommandRefused
from relations.messages import Command, Event, from_micros
from relations.policies import Policy
from relations.policies.in_force import InForce
from relations.testing.strategies.catalogue import drawn_command
from relations.testing.strategies.next_commands import likely

__all__ = ["History", "Step", "histories"]

S = TypeVar("S")
T = TypeVar("T")

_BEGINNING = datetime(2024, 1, 1, tzinfo=UTC)
_STREAM = {"customer": "c1", "complaint": "k1"}
_APART: dict[str, tuple[tuple[type[Command], ...], ...]] = {
    "model": ((RecordFit,), (RecordRules,), (RecordClusters,), (RecordForecasts,))
}
"""By aggregate, the commands that share a stream, where not all of them do: a history is of one stream."""


@dataclass(frozen=True)
class Step(Generic[S]):
    """One command of a history.

    Attributes:
        before: The state before the command.
        command: The command.
        events: The events that the command led to.
        refusal: The refusal; None if the command was accepted.
        after: The state after the command.
    """

    before: S
    command: Command
    events: tuple[Event, ...]
    refusal: CommandRefused | None
    after: S


@dataclass(frozen=True)
class History(Generic[S]):
    """The history of an aggregate.

    Attributes:
        aggregate: The kind of aggregate.
        policy: The policy in force.
        steps: All commands with their outcomes, in order.
    """

    aggregate: Aggregate[S]
    policy: Policy
    steps: tuple[Step[S], ...]

    @property
    def commands(self) -> tuple[Command, ...]:
        """All commands, including the refused ones and those that the agenda sends when something falls due."""
        return tuple(step.command for step in self.steps)

    @property
    def events(self) -> tuple[Event, ...]:
        """All events, in order."""
        return tuple(event for step in self.steps for event in step.events)

    @property
    def state(self) -> S:
        """The state at the end."""
        return self.steps[-1].after if self.steps else self.aggregate.decider.initial


def histories(
    aggregate: Aggregate[S],
    *,
    policies: SearchStrategy[Policy] | None = None,
    commands_min: int = 0,
    commands_max: int = 20,
    fields: dict[str, SearchStrategy[Any]] | None = None,
) -> SearchStrategy[History[S]]:
    """Return a strategy of histories of one stream of an aggregate.

    Most commands are about something that exists (see `relations.testing.strategies.next_commands`). Business time
    mostly goes on, by seconds or by months or right to the moment when something falls due. Now and then a command
    arrives late. A share of the commands is sent again as it was. What fell due before a command is done before it, as
    the engine does, and is a step of its own.

    Args:
        aggregate: The kind, such as `relations.aggregates.complaint.AGGREGATE`.
        policies: A strategy for the policy in force; the default policy if None.
        commands_min: How many commands there are at least; long histories get to what takes many steps.
        commands_max: How many commands there are at most, what time does by itself not counted.
        fields: Strategies for fields that are to be drawn otherwise, for the commands that have them.

    Raises:
        ValueError: Two commands share no field that names their stream.
    """
    wanted = {**{name: st.just(only) for name, only in _STREAM.items()}, **(fields or {})}
    return _histories(
        aggregate, st.just(Policy()) if policies is None else policies, (commands_min, commands_max), wanted
    )


@st.composite
def _histories(
    draw: DrawFn,
    aggregate: Aggregate[Any],
    policies: SearchStrategy[Policy],
    size: tuple[int, int],
    fields: dict[str, SearchStrategy[Any]],
) -> History[Any]:
    policy = draw(policies)
    fields = {"programme": st.just(policy.programme.id), **fields}
    rules = InForce([policy])
    steps: list[Step[Any]] = []
    sharing = replace(aggregate, commands=_one_of(draw, _APART.get(aggregate.name, (aggregate.commands,))))
    state, now = aggregate.decider.initial, _BEGINNING
    for _ in range(draw(st.integers(*size))):
        if steps and draw(_up_to(9)) == 0:
            command = _one_of(draw, steps).command
        else:
            now += draw(_DELAYS_OF.get(aggregate.name, _DELAYS))
            command = _command(draw, sharing, state, policy, now, fields, {type(step.command) for step in steps})
            command = _in_stream_of(steps[0].command, command) if steps else command
            if aggregate.due is not None and "occurred_at" not in fields and draw(_up_to(4)) == 0:
                command = _when_due(aggregate.due, state, command, rules)
            now = max(now, command.occurred_at)
        steps += _taken(aggregate, state, command, policy, rules)
        state = steps[-1].after
    return History(aggregate, policy, tuple(steps))


def _in_stream_of(first: Command, command: Command) -> Command:
    """Return the command in the stream of the first one: with its value in the field that names the stream."""
    if command.stream == first.stream:
        return command
    shared = (type(command).model_fields.keys() & type(first).model_fields.keys()) - Command.model_fields.keys()
    for name in sorted(shared):
        changed = command.model_copy(update={name: getattr(first, name)})
        if changed.stream == first.stream:
            return changed
    changed = command.model_copy(update={name: getattr(first, name) for name in shared})
    if changed.stream == first.stream:
        return changed
    msg = f"no field that {type(command).__name__} and {type(first).__name__} share names the stream: give `fields`"
    raise ValueError(msg)


def _when_due(due: Callable[[Any, Any, int, Any], Due | None], state: Any, command: Command, rules: InForce) -> Command:
    """The command at the very moment when time does something next, where that is not too far ahead."""
    found = due(state, command, command.at + _AHEAD, rules)
    return command if found is None else command.model_copy(update={"occurred_at": from_micros(found.at)})


def _taken(aggregate: Aggregate[Any], state: Any, command: Command, policy: Policy, rules: InForce) -> list[Step[Any]]:
    """Return the steps of a command: those that fell due before it, and its own."""
    decider, steps = aggregate.decider, []
    for due, before, events in due_before(aggregate, state, command, rules):
        state = fold(decider, events, before)
        steps.append(Step(before, due.command(), tuple(events), None, state))
    refusal, events = None, []
    try:
        events = decider.decide(state, command, policy)
    except CommandRefused as error:
        refusal = error
    steps.append(Step(state, command, tuple(events), refusal, fold(decider, events, state)))
    return steps


_AHEAD = 366 * 86_400_000_000
_DELAYS = st.one_of(
    st.integers(0, 120).map(lambda seconds: timedelta(seconds=seconds)),
    st.integers(1, 96).map(lambda hours: timedelta(hours=hours)),
    st.integers(1, 40).map(lambda days: timedelta(days=days)),
    st.integers(1, 60).map(lambda weeks: timedelta(weeks=weeks)),
)
# A desk works by the hour; with months between any two commands every deadline would be missed.
_DELAYS_OF = {
    "complaint": st.one_of(
        st.integers(0, 120).map(lambda minutes: timedelta(minutes=minutes)),
        st.integers(1, 24).map(lambda hours: timedelta(hours=hours)),
        st.integers(1, 30).map(lambda days: timedelta(days=days)),
    )
}
_LATE = st.one_of(
    st.just(timedelta(0)), st.just(timedelta(0)), st.integers(1, 40).map(lambda days: timedelta(days=days))
)


def _command(
    draw: DrawFn,
    aggregate: Aggregate[Any],
    state: Any,
    policy: Policy,
    now: datetime,
    fields: dict[str, SearchStrategy[Any]],
    had: set[type[Command]],
) -> Command:
    if draw(_up_to(5)):
        kind, ways = _one_of(draw, likely(aggregate, state, policy, had))
        better = _one_of(draw, ways)
    else:
        kind, better = _one_of(draw, aggregate.commands), {}
    given = {name: strategy for name, strategy in fields.items() if name in kind.model_fields}
    known = {**better, **given}
    if "occurred_at" not in known:
        known["occurred_at"] = now - draw(_LATE)
    return drawn_command(draw, kind, known)


@cache
def _up_to(most: int) -> SearchStrategy[int]:
    """A strategy of whole numbers from zero, kept: Hypothesis finds out about each new strategy again."""
    return st.integers(0, most)


def _one_of(draw: DrawFn, found: Sequence[T]) -> T:
    return found[draw(_up_to(len(found) - 1))]
