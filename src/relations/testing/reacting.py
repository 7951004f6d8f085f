"""Aggregates and the reactions between them, without a log. Each command happens as a whole or not at all."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

from relations.decider import Aggregate, due_before, fold
from relations.messages import Command, Envelope, Event
from relations.policies import Policy
from relations.policies.in_force import InForce
from relations.reactions import react

__all__ = ["Reacting"]


class Reacting:
    """The streams of a few aggregates under one policy.

    Args:
        aggregates: Whose rules there are.
        policy: The policy in force.

    Attributes:
        states: The state of each stream, by its name.
    """

    def __init__(self, aggregates: Sequence[Aggregate[Any]], policy: Policy) -> None:
        self.policy = policy
        self.states: dict[str, Any] = {}
        self._rules = InForce([policy])
        self._of = {command: aggregate for aggregate in aggregates for command in aggregate.commands}

    def state(self, aggregate: Aggregate[Any], name: str) -> Any:
        """Return the state of one stream."""
        return self.states.get(f"{aggregate.name}-{name}", aggregate.decider.initial)

    def execute(self, command: Command) -> list[Event]:
        """Execute what fell due in the stream by then, then the command and all that it leads to.

        Returns:
            All events, those of what fell due first.

        Raises:
            CommandRefused: A rule forbids it, or something that it asks for; then nothing has happened.
        """
        before, waiting = dict(self.states), deque([command])
        happened: list[Event] = []
        try:
            while waiting:
                wanted = waiting.popleft()
                for passed, events in self._time_passes(wanted):
                    happened += events
                    waiting += self._record(passed, events)
                aggregate = self._of[type(wanted)]
                state = self.states.get(wanted.stream, aggregate.decider.initial)
                events = aggregate.decider.decide(state, wanted, self.policy)
                happened += events
                waiting += self._record(wanted, events)
        except Exception:
            self.states = before
            raise
        return happened

    def _time_passes(self, wanted: Command) -> list[tuple[Command, list[Event]]]:
        aggregate = self._of[type(wanted)]
        state = self.states.get(wanted.stream, aggregate.decider.initial)
        return [(due.command(), events) for due, _before, events in due_before(aggregate, state, wanted, self._rules)]

    def _record(self, command: Command, events: Sequence[Event]) -> list[Command]:
        aggregate, stream = self._of[type(command)], command.stream
        state = self.states.get(stream, aggregate.decider.initial)
        customer, asked = aggregate.customer(state, command), []
        for event in events:
            state = fold(aggregate.decider, [event], state)
            envelope = Envelope(1, stream, 1, customer, command.at, command.at)
            asked += react(event, envelope, self.policy)
        if events:
            self.states[stream] = state
        return asked
