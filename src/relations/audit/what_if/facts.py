"""The outside facts of a log: what people, other systems and imports reported, and when time was let pass.

Everything else in a log follows from these: reactions from other events, and what falls due from time. So a log is
decided again by sending its facts again. The log holds events, not commands. A command is made again from its first
event and checked against the fingerprint that the log has of every command with an id. Where the policy has no say, or
no command leads to the fingerprint, the events themselves are the fact, and are taken as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import combinations, product
from typing import Any, get_args

from pydantic import AwareDatetime, ValidationError, create_model

from relations.decider import Aggregate, Decider, Merging
from relations.engine import Relations
from relations.errors import RelationsError
from relations.messages import Command, Event, RecordedEvent, from_micros

__all__ = ["OutsideFact", "Restated", "Rewriter", "TimePassed", "facts_of", "with_restated"]

_DUE_ID = "due:"
_POLICY_FREE = frozenset({"customer", "programme", "policy"})
"""Aggregates whose events are facts themselves, but for the commands below."""
_BY_POLICY = frozenset({"GiveFeedback", "ScoreSentiment", "CodeFeedback"})
_OWN = frozenset({"occurred_at", "command_id", "actor"})
_TIMES = frozenset((datetime, AwareDatetime))
_ON_THE_WAY = frozenset({"loyalty.member_enrolled"})
"""Events that a command may need first: an enrolment is a command's own event only where no other event can be."""
_STEM = 3
"""Letters that a verb has in all its forms."""
_DROPPED_MAX = 2
"""How many fields that the policy may have filled in are left out at once, to find the command as it was sent."""


class Restated(Command):
    """Events that are recorded again as they were.

    Attributes:
        stream_name: Their stream.
        customer: Whose events they are.
        programme: The loyalty programme in which things fall due before; None for the first one.
        events: The events, with readable personal words.
    """

    stream_name: str
    customer: str = ""
    programme: str | None = None
    events: tuple[Any, ...]

    @property
    def stream(self) -> str:
        """The stream of the events."""
        return self.stream_name


@dataclass(frozen=True)
class OutsideFact:
    """One command from outside.

    Attributes:
        events: The events that it led to in its own stream.
    """

    events: tuple[RecordedEvent, ...]

    @property
    def recorded_at(self) -> datetime:
        """The time of recording."""
        return from_micros(self.events[0].recorded_at)


@dataclass(frozen=True)
class TimePassed:
    """The passing of time, as the log shows it.

    Attributes:
        to: The business time up to which things were done that fell due.
        recorded_at: When that was recorded.
        stream: The only stream in which they were done, before a command to it; None for all streams.
        programme: The loyalty programme in which they were done, if the stream is an account.
    """

    to: datetime
    recorded_at: datetime
    stream: str | None = None
    programme: str | None = None


def facts_of(events: Iterable[RecordedEvent]) -> Iterator[OutsideFact | TimePassed]:
    """Yield the outside facts of a log in the order of recording.

    Args:
        events: All events, in order of position.
    """
    open_events: list[RecordedEvent] = []
    passed: TimePassed | None = None
    for event in events:
        if event.cause is not None:
            continue  # a reaction, which is decided again by itself
        if open_events and open_events[0].command_id != event.command_id:
            yield OutsideFact(tuple(open_events))
            open_events = []
        if event.command_id.startswith(_DUE_ID):
            is_of_one = event.command_id.startswith(f"{_DUE_ID}{event.stream}@")
            stream = event.stream if is_of_one else None
            programme = getattr(event.event, "programme", None) if is_of_one else None
            to, recorded_at = from_micros(event.occurred_at), from_micros(event.recorded_at)
            if passed is not None and (passed.stream, passed.programme) != (stream, programme):
                yield passed
                passed = None
            passed = TimePassed(to if passed is None else max(to, passed.to), recorded_at, stream, programme)
            continue
        if passed is not None:
            yield passed
            passed = None
        open_events.append(event)
    if open_events:
        yield OutsideFact(tuple(open_events))
    if passed is not None:
        yield passed


def with_restated(aggregates: Sequence[Aggregate[Any]]) -> tuple[tuple[Aggregate[Any], ...], dict[str, type[Restated]]]:
    """Return aggregates that also record events as they were, and by kind the command for it."""
    kinds: dict[str, type[Restated]] = {}
    found = []
    for aggregate in aggregates:
        kind = create_model(f"Restated{aggregate.name.title()}", __base__=Restated)
        kinds[aggregate.name] = kind
        decider = aggregate.decider

        def decide(state: Any, command: Any, policy: Any, decider: Decider[Any] = decider) -> list[Event]:
            return list(command.events) if isinstance(command, Restated) else decider.decide(state, command, policy)

        def customer(state: Any, command: Any, of: Any = aggregate.customer) -> str:
            found: str = command.customer if isinstance(command, Restated) else of(state, command)
            return found

        merging = None if aggregate.merging is None else _merging(aggregate.merging)
        found.append(
            replace(
                aggregate,
                commands=(*aggregate.commands, kind),
                decider=Decider(decider.initial, decide, decider.evolve),
                customer=customer,
                merging=merging,
            )
        )
    return tuple(found), kinds


def _merging(merging: Merging[Any]) -> Merging[Any]:
    """Let events that are recorded again stay in the stream that they were in."""

    def home(command: Any, states: Mapping[str, Any]) -> str:
        return str(command.customer) if isinstance(command, Restated) else merging.home(command, states)

    def together(command: Any, of: str, states: Mapping[str, Any]) -> Any:
        return states[of] if isinstance(command, Restated) else merging.together(command, of, states)

    return Merging(merging.next_to, home, together)


class Rewriter:
    """Makes the commands of recorded facts again.

    Args:
        engine: The engine that recorded them.
        restated: By kind of aggregate, the command that records events as they were.
    """

    def __init__(self, engine: Relations, restated: Mapping[str, type[Restated]]) -> None:
        self._engine = engine
        self._restated = restated
        self._aggregates = {aggregate.name: aggregate for aggregate in engine.aggregates}
        self._usual: dict[str, type[Command]] = {}

    def command(self, fact: OutsideFact) -> Command:
        """Return the command that led to a fact, or one that records its events as they were."""
        first = fact.events[0]
        kind = first.stream.partition("-")[0]
        for event in sorted(fact.events, key=lambda each: each.topic in _ON_THE_WAY):
            if getattr(event.event, "lenient", False):
                continue  # it let a command pass, and is never that command's own event
            for command in self._candidates(self._aggregates[kind], event):
                is_same = self._engine.is_same_command(command, first.customer)
                if is_same or (is_same is None and _is_named_alike(type(command), event)):
                    self._usual[event.topic] = type(command)
                    return command if is_same else _let_pass(command)
        return self._restated[kind](
            stream_name=first.stream,
            customer=first.customer,
            events=tuple(event.event for event in fact.events),
            occurred_at=from_micros(first.occurred_at),
            command_id=first.command_id,
            actor=first.actor,
        )

    def passing(self, passed: TimePassed) -> Command:
        """Return a command that records nothing, but before which a stream does what has fallen due in it."""
        kind, _, name = str(passed.stream).partition("-")
        where = {"stream_name": passed.stream, "customer": name, "programme": passed.programme}
        return self._restated[kind](**where, events=(), occurred_at=passed.to)

    def _candidates(self, aggregate: Aggregate[Any], first: RecordedEvent) -> Iterator[Command]:
        """Yield the commands that may have led to an event, the likeliest first."""
        kinds = [kind for kind in aggregate.commands if not issubclass(kind, Restated)]
        if aggregate.name in _POLICY_FREE:
            kinds = [kind for kind in kinds if kind.__name__ in _BY_POLICY]
        usual = self._usual.get(first.topic)
        for kind in sorted(kinds, key=lambda each: each is not usual):
            values = _values(kind, first)
            if values is None:
                continue
            optional = [name for name in values if name not in _OWN and not kind.model_fields[name].is_required()]
            ways: list[dict[str, Any]] = [{}, {"lenient": True}] if "lenient" in kind.model_fields else [{}]
            for count in range(_DROPPED_MAX + 1):
                for dropped, way in product(combinations(optional, count), ways):
                    said = {name: value for name, value in values.items() if name not in dropped}
                    command = _made(kind, said | way)
                    if command is not None and command.stream == first.stream:
                        yield command


def _values(kind: type[Command], first: RecordedEvent) -> dict[str, Any] | None:
    """Return the fields of a command as its first event has them; None where a required one is missing."""
    body = {name: getattr(first.event, name) for name in first.event.__struct_fields__}
    values: dict[str, Any] = {
        "occurred_at": from_micros(first.occurred_at),
        "command_id": first.command_id,
        "actor": first.actor,
    }
    known = {first.stream.partition("-")[0]: first.id, "customer": first.customer}
    for name, field in kind.model_fields.items():
        if name in _OWN:
            continue
        if name in known:
            values[name] = known[name]
        elif name in body:
            value = body[name]
            if isinstance(value, int) and not _TIMES.isdisjoint((field.annotation, *get_args(field.annotation))):
                value = from_micros(value)
            if value is not None:
                values[name] = value
        elif field.is_required():
            return None
    return values


def _is_named_alike(kind: type[Command], first: RecordedEvent) -> bool:
    """Return whether a command is named like its event, as RedeemPoints and `points_redeemed` are.

    The log has no fingerprint of a command that was sent without an id.
    """
    words = {word.lower()[:_STEM] for word in re.findall(r"[A-Z][a-z]+", kind.__name__)}
    of, _, what = first.topic.partition(".")
    said = {word[:_STEM] for word in what.split("_")}
    return said <= words <= said | {of[:_STEM]}


def _let_pass(command: Command) -> Command:
    """Return a command that was accepted as a lenient one, where the log does not say whether it was lenient."""
    return command.model_copy(update={"lenient": True}) if "lenient" in type(command).model_fields else command


def _made(kind: type[Command], values: dict[str, Any]) -> Command | None:
    try:
        return kind(**values)
    except (ValidationError, RelationsError, ValueError, TypeError):
        return None
