"""Deciding: what a command, and everything that it leads to, would record."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple, NoReturn, TypeAlias
from uuid import uuid4

from sqlalchemy import Connection, bindparam, select

from relations.decider import Aggregate, Due, Informed, Merging, due_before
from relations.errors import CommandRefused, ConcurrencyConflict, InvalidInput, RelationsError
from relations.execution.idempotency import Repeats
from relations.execution.merged_ids import states_together
from relations.execution.states import State, States
from relations.execution.unit import Decision, Unit, UnitStep
from relations.log.codec import Codec, Topic
from relations.log.database import SharedStatement
from relations.log.log import Entry, Head, Log
from relations.log.people import Marks, PersonalWriter
from relations.log.personal import Keys, has_personal
from relations.log.tables import log as log_table
from relations.messages import Command, Envelope, Event
from relations.policies import Policy
from relations.policies.in_force import InForce

__all__ = ["Clock", "CommandDecider", "Reactions"]

Clock = Callable[[], datetime]
DueBy = Callable[[Any, Command, int, InForce], Due | None]
Reactions: TypeAlias = Mapping[type[Event], Callable[[Any, Envelope, Policy], list[Command]]]
"""The commands that an event leads to in other aggregates, by its class."""

_REACTIONS_MAX = 1_000
_DAY = 86_400_000_000
_entry: Callable[..., Entry] = tuple.__new__
"""`Entry._make` without its Python call, because this runs for every event."""


class _Rules(NamedTuple):
    """The rules for a class of commands, put together once.

    Attributes:
        aggregate: Its aggregate.
        decide: The aggregate's rules.
        keyed: Gives it the keyed digest of a text.
        informed: The fact that it takes from another aggregate.
        of_known: The field that names a customer that the log must know.
        is_adoption: True if it decides which policy is in force.
        has_customer: True if it names a customer.
    """

    aggregate: Aggregate[Any]
    decide: Callable[[Any, Any, Any], list[Event]]
    keyed: Callable[[Any, Callable[[str, str], str]], Command] | None
    informed: Informed | None
    of_known: str | None
    is_adoption: bool
    has_customer: bool


class CommandDecider:
    """The decisions on commands, within the units of an executor.

    Args:
        log: The log.
        codec: Encodes and decodes its events.
        keys: Seals and opens personal fields.
        states: The states of the log's streams.
        repeats: Computes the fingerprints of commands.
        aggregates: Every kind of aggregate.
        reactions: The commands that events lead to in other aggregates.
        marks: The marks of people to find them by.
        only_if: Events that lead to nothing unless the customer's aggregate of this kind has begun.
        informed: Commands that take a fact from another aggregate of their customer.
        clock: Returns the time at which the log records an event.
    """

    _known_sql = SharedStatement(
        lambda _: select(log_table.c.position).where(log_table.c.customer == bindparam("customer")).limit(1)
    )

    def __init__(
        self,
        log: Log,
        codec: Codec,
        keys: Keys,
        states: States,
        repeats: Repeats,
        *,
        aggregates: Sequence[Aggregate[Any]],
        reactions: Reactions,
        marks: Marks | None = None,
        only_if: Mapping[type[Event], str] = MappingProxyType({}),
        informed: Mapping[type[Command], Informed] = MappingProxyType({}),
        clock: Clock,
    ) -> None:
        self._database = log.database
        self._codec = codec
        self._keys = keys
        self._states = states
        self._repeats = repeats
        self._marks = marks
        self._reactions = reactions
        self._only_if = only_if
        self._kinds_led_to = frozenset(only_if.values())
        self._by_name = {aggregate.name: aggregate for aggregate in aggregates}
        self._clock = clock
        self._topics: dict[type[Event], Topic] = {topic.event: topic for topic in codec.topics.values()}
        self._erasures = frozenset(event for aggregate in aggregates for event in aggregate.erases)
        self._policies = _policies_of(aggregates)
        self._of = {
            command: _Rules(
                aggregate,
                aggregate.decider.decide,
                aggregate.keyed.get(command),
                informed.get(command),
                aggregate.of_known.get(command),
                aggregate is self._policies,
                "customer" in command.model_fields,
            )
            for aggregate in aggregates
            for command in aggregate.commands
        }
        self._rules: tuple[Any, InForce] = None, InForce()
        self._read_rules: tuple[Head | None, Any, InForce] = None, None, InForce()

    def erases(self, event: Event) -> bool:
        """Return whether an event destroys the key of its customer."""
        return type(event) in self._erasures

    def streams(self, commands: Sequence[Command]) -> set[str]:
        """Return the streams of commands, and those of their customers in which most reactions are decided."""
        streams: set[str] = set()
        customers: set[str] = set()
        for command in commands:
            rules = self._of.get(type(command))
            if rules is None:
                continue
            streams.add(command.stream)
            if rules.has_customer:
                name: str = command.customer  # type: ignore[attr-defined] # it has that field
                customers.add(name)
                if rules.informed is not None:
                    streams.add(f"{rules.informed.kind}-{name}")
        streams.update([f"{kind}-{name}" for kind in self._kinds_led_to for name in customers])
        return streams

    def begun(self, unit: Unit) -> Unit:
        """Give a new unit the policies in force."""
        if self._policies is not None:
            unit.rules = self._rules_of(unit.state(self._policies.name)[1])
            days = unit.rules.at(unit.recorded_at).future_days
            unit.latest = None if days is None else unit.recorded_at + days * _DAY
        return unit

    def take(self, unit: Unit, decision: Decision) -> None:
        """Make a decision part of the unit, and let it take effect on keys and policies at once."""
        unit.take(decision)
        for event, customer in decision.personal:
            personal = self._personal(unit)
            if type(event) in self._erasures:
                # Now and not at the end: later commands of the same batch must find no key any more.
                personal.destroy(customer)
            else:
                personal.mark(customer, event)
        if self._policies is not None and self._policies.name in decision.states:
            self.begun(unit)

    def _personal(self, unit: Unit) -> PersonalWriter:
        """Return the keys and marks of a unit. Most commands need none, so they are made when they are needed."""
        if unit.personal is None:
            unit.personal = PersonalWriter(self._keys, self._marks, unit.writer.connection, unit.recorded_at)
        return unit.personal

    def decide(self, unit: Unit, command: Command, command_id: str, expected_version: int | None = None) -> Decision:
        """Decide a command and everything that it leads to. The unit is unchanged until it takes the decision."""
        if unit.personal is not None:
            unit.personal.begin_decision()
        try:
            return self._decided(unit, command, command_id, expected_version)
        except RelationsError:
            if unit.personal is not None:
                unit.personal.remove_made()
            raise

    def _decided(self, unit: Unit, command: Command, command_id: str, expected_version: int | None) -> Decision:
        wanted, cause = command, None
        rules = self._of.get(type(wanted)) or _refuse_unknown(wanted)
        if self._policies is not None and not rules.is_adoption:
            if not unit.rules.adopted:
                self._adopt_default(unit, self._policies)
            if command.follows:
                _refuse_alone(command)
            if unit.latest is not None and command.at > unit.latest:
                _refuse_ahead(command, unit.rules.at(unit.recorded_at).future_days)
        elif command.follows:
            _refuse_alone(command)
        decision = Decision(command_id, command.actor)
        while True:
            aggregate = rules.aggregate
            stream = wanted.stream
            if rules.keyed is not None:
                wanted = rules.keyed(wanted, self._personal(unit).digest)
            step = UnitStep(aggregate, wanted, stream, decision.states.get(stream) or unit.state(stream), cause)
            if cause is None and expected_version is not None:
                _must_be_at(expected_version, stream, step.version)
            if rules.informed is not None:
                self._inform(unit, decision, step, rules.informed)
            if aggregate.due is not None:
                self._let_time_pass(unit, decision, step, aggregate.due)
            if aggregate.merging is not None and aggregate.merging.next_to(step.state):
                self._find_home(unit, decision, step, aggregate.merging)
            new = self._decide_events(unit, decision, step, rules)
            if new:
                self._record(unit, decision, step, new)
                self._react(unit, decision, step, new)
            if not decision.pending:
                return decision
            wanted, cause = decision.pending.popleft()
            rules = self._of.get(type(wanted)) or _refuse_unknown(wanted)

    def _inform(self, unit: Unit, decision: Decision, step: UnitStep, informed: Informed) -> None:
        """Give a command what another aggregate of its customer knows, if that aggregate is there."""
        other, command = self._by_name.get(informed.kind), step.command
        if other is None or not informed.wants(command, step.state):
            return

        def load(name: str) -> State:
            stream = f"{informed.kind}-{name}"
            return decision.states.get(stream) or unit.state(stream)

        customer: str = command.customer  # type: ignore[attr-defined] # whatever is informed of a customer has one
        found = {customer: load(customer)}
        if other.merging is not None:
            found = states_together(other.merging, customer, found[customer], load)
        step.command = informed.inform(command, [state for _, state in found.values()], unit.rules.at(step.at))

    def _let_time_pass(self, unit: Unit, decision: Decision, step: UnitStep, due: DueBy) -> None:
        """Do in the stream what fell due before the command, each thing at its moment, as if recorded then.

        Each has an id made of the stream's version and its moment, so it is in the log once.
        """
        aggregate, wanted, stream = step.aggregate, step.command, step.stream
        if not step.version or due(step.state, wanted, step.at, unit.rules) is None:
            return
        for next_due, state, events in due_before(aggregate, step.state, wanted, unit.rules):
            command = next_due.command(f"due:{stream}@{step.version}:{next_due.at}")
            done = UnitStep(aggregate, command, stream, (step.version, state), is_due=True)
            done.customer = aggregate.customer(state, command)
            done.policy = unit.rules.at(next_due.at)
            self._record(unit, decision, done, events)
            self._react(unit, decision, done, events)
            step.version, step.state = decision.states[stream]

    def _find_home(self, unit: Unit, decision: Decision, step: UnitStep, merging: Merging[Any]) -> None:
        """Address a command to one of several merged ids to the id that holds what it names."""
        aggregate, wanted = step.aggregate, step.command

        def load(name: str) -> State:
            stream = f"{aggregate.name}-{name}"
            return decision.states.get(stream) or unit.state(stream)

        named: str = wanted.customer  # type: ignore[attr-defined] # whatever can be merged has it
        together = states_together(merging, named, load(named), load)
        step.merged = {name: state for name, (_version, state) in together.items()}
        step.home = merging.home(wanted, step.merged)
        if step.home != named:
            step.command = wanted.model_copy(update={"customer": step.home})
            step.stream = step.command.stream
        step.version, step.state = together[step.home]

    def _decide_events(self, unit: Unit, decision: Decision, step: UnitStep, rules: _Rules) -> list[Event]:
        """Return the events of the command by the policy that applies to it."""
        aggregate, wanted, state = step.aggregate, step.command, step.state
        # A reaction follows the policy in force, even where the stream itself is pinned to an older one.
        step.policy = policy = unit.rules.at(step.at)
        if aggregate.pinned is not None:
            policy = unit.pinned(aggregate, state) or policy
        known = state
        if step.merged is not None and aggregate.merging is not None:
            known = aggregate.merging.together(wanted, step.home, step.merged)
        new = rules.decide(known, wanted, policy)
        if new:
            step.customer = aggregate.customer(state, wanted)
            if rules.of_known is not None:
                self._must_be_known(unit, decision, step.customer, rules.of_known)
        return new

    def _record(self, unit: Unit, decision: Decision, step: UnitStep, new: Sequence[Event]) -> None:
        """Add the new events of one stream to the decision."""
        stream, version, state, customer, sent = step.stream, step.version, step.state, step.customer, step.sent
        entries, own, at = decision.entries, decision.own, step.at
        recorded_at, cause = unit.recorded_at, step.cause
        evolve = step.aggregate.decider.evolve
        actor, command_id, seq = decision.actor, decision.command_id, len(own)
        if step.is_due:
            actor, command_id, seq = sent.actor, sent.command_id or "", 0
        command_hash = None
        if cause is None and sent.command_id is not None:
            command_hash = self._repeats.fingerprint(sent, customer, lambda name: self._personal(unit).key(name))
        for event in new:
            version += 1
            topic = self._topics[type(event)]
            sealed = event
            if topic.personal and has_personal(event, topic):
                sealed = self._personal(unit).seal(event, topic, customer)
                decision.personal.append((event, customer))
            elif type(event) in self._erasures:
                decision.personal.append((event, customer))
            state = evolve(state, sealed)
            entry = (
                stream,
                version,
                event.topic,
                topic.schema,
                customer,
                at,
                recorded_at,
                actor,
                command_id,
                seq,
                None if seq else command_hash,
                cause,
                self._codec.encode(sealed),
            )
            if not step.is_due:
                own.append(len(entries))
            entries.append(_entry(Entry, entry))
            decision.events.append(event)
            seq += 1
        decision.states[stream] = version, state

    def _react(self, unit: Unit, decision: Decision, step: UnitStep, new: Sequence[Event]) -> None:
        """Queue the commands that the new events lead to in other aggregates."""
        for number, event in enumerate(new, start=1):
            reaction = self._reactions.get(type(event))
            if reaction is None:
                continue
            kind = self._only_if.get(type(event))
            if kind is not None:
                stream = f"{kind}-{step.customer}"
                if stream not in decision.states and not unit.has_begun(stream):
                    continue
            envelope = Envelope(
                position=unit.position + len(decision.entries) - len(new) + number,
                stream=step.stream,
                version=step.version + number,
                customer=step.customer,
                occurred_at=step.at,
                recorded_at=unit.recorded_at,
            )
            wanted = reaction(event, envelope, step.policy)
            if wanted:
                cause = f"{step.stream}@{step.version + number}"
                decision.pending.extend((command, cause) for command in wanted)
        if len(decision.own) > _REACTIONS_MAX:
            raise RelationsError(
                f"{type(step.command).__name__} leads to more than {_REACTIONS_MAX} events",
                code="reactions_in_a_circle",
                hint="Check the reactions that the engine was opened with: one of them leads back to itself",
            )

    def _must_be_known(self, unit: Unit, decision: Decision, customer: str, field: str) -> None:
        """Refuse a command for a customer without any recorded or pending event."""
        if any(entry.customer == customer for entry in (*unit.entries, *decision.entries)):
            return
        cursor = self._database.cursor(unit.writer.connection)
        if cursor.execute(self._known_sql.sql, self._known_sql.bind(customer=customer)).fetchone() is None:
            raise CommandRefused(
                f"nothing is recorded for customer {customer}",
                code="unknown_customer",
                field=field,
                hint="Check the id, or register the customer first",
            )

    # --- policies ---------------------------------------------------------------------------------------------------

    def rules(self, connection: Connection) -> InForce:
        """Return the policies that are adopted as `connection` sees them, and when each is in force."""
        if self._policies is None:
            return self._read_rules[-1]
        known_head, known, rules = self._read_rules
        head = self._database.noted(connection, Head)
        if head is not None and head == known_head:
            return rules  # nothing was recorded since, so no policy was adopted
        newest = self._states.newest(connection, self._policies.name)
        if newest != known:
            rules = self._rules_of(self._states.load(connection, self._policies.name)[1])
        self._read_rules = head, newest, rules
        return rules

    def _rules_of(self, state: Any) -> InForce:
        known, rules = self._rules
        if known is not state and self._policies is not None and self._policies.policies is not None:
            rules = self._policies.policies.in_force(state)
            self._rules = state, rules
        return rules

    def _adopt_default(self, unit: Unit, policies: Aggregate[Any]) -> None:
        assert policies.policies is not None  # noqa: S101 - that is how it was chosen
        adopt = policies.policies.default(self._clock())
        self.take(unit, self.decide(unit, adopt, adopt.command_id or uuid4().hex))


def _policies_of(aggregates: Sequence[Aggregate[Any]]) -> Aggregate[Any] | None:
    """Return the one aggregate that carries the policies, or None."""
    found = [aggregate for aggregate in aggregates if aggregate.policies is not None]
    if len(found) > 1:
        msg = f"only one aggregate can carry the policies, not {', '.join(each.name for each in found)}"
        raise ValueError(msg)
    return found[0] if found else None


def _refuse_unknown(command: Command) -> NoReturn:
    raise InvalidInput(
        f"{type(command).__name__} is not a command of this engine",
        code="unknown_command",
        field="command",
        hint="Open the engine with the aggregate that decides it",
    )


def _refuse_alone(command: Command) -> NoReturn:
    """Refuse a command that only reactions may send, because alone it would record half of a transaction."""
    raise CommandRefused(
        f"cannot send {type(command).__name__} by itself: it follows from {command.follows}",
        code="only_follows",
        field="command",
        hint=f"Send {command.follows}",
    )


def _refuse_ahead(command: Command, days: int | None) -> NoReturn:
    raise CommandRefused(
        f"cannot record what is dated {command.occurred_at.isoformat(timespec='seconds')}: that is more than "
        f"{days} {'day' if days == 1 else 'days'} ahead",
        code="too_far_ahead",
        field="occurred_at",
        hint="Correct the time, or raise the policy's future_days",
    )


def _must_be_at(expected: int, stream: str, version: int) -> None:
    if version != expected:
        raise ConcurrencyConflict(
            f"{stream} is at version {version}, not {expected}",
            code="version_conflict",
            hint="Load the state again, and decide on the new state",
        )
