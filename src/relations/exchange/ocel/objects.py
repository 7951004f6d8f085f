"""The log as an object-centric event log: event types, objects, and how they relate.

The terms are those of OCEL 2.0 (https://www.ocel-standard.org). Every recorded event becomes an event whose type is its
topic. Its objects are

* the aggregate whose stream it belongs to: a `customer`, a `complaint`, an `account`, a `programme` or the `policy`;
* the customer whose history it belongs to;
* the person who acted, as `staff`;
* customers, complaints and staff that its body names, such as the other id of a merge.

Personal fields are left out, sealed or not: a log for process mining is copied and passed on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC
from functools import cache
from typing import Any, Literal

import msgspec

from relations.log.codec import personal_fields
from relations.messages import Event, Money, RecordedEvent, from_micros

__all__ = ["Attribute", "AttributeType", "LogEvent", "Objects", "attributes_of", "event_types", "in_words"]

AttributeType = Literal["string", "time", "integer", "float", "boolean"]

ENVELOPE: tuple[tuple[str, AttributeType], ...] = (
    ("position", "integer"),
    ("version", "integer"),
    ("recorded_at", "time"),
    ("command_id", "string"),
    ("cause", "string"),
    ("digest", "string"),
)
"""The attributes of every event from its envelope."""

_OBJECT_TYPES = {"loyalty": "account"}
_NAMED: dict[str, tuple[tuple[str, str], ...]] = {
    "customer.feedback_answered": (("by", "staff"),),
    "customer.absorbed": (("merged", "customer"),),
    "customer.merged": (("into", "customer"),),
    "customer.released": (("merged", "customer"),),
    "complaint.assigned": (("owner", "staff"),),
    "complaint.duplicate_taken": (("duplicate", "complaint"),),
    "complaint.improvement_raised": (("owner", "staff"),),
    "complaint.merged": (("into", "complaint"),),
    "complaint.remedy_proposed": (("author", "staff"),),
    "complaint.transferred": (("owner", "staff"),),
    "loyalty.points_adjusted": (("author", "staff"),),
    "loyalty.points_released": (("to", "customer"),),
    "loyalty.points_received": (("source", "customer"),),
    "loyalty.referral_fulfilled": (("referrer", "customer"),),
    "loyalty.referral_made": (("referred", "customer"),),
    "loyalty.referral_received": (("referrer", "customer"),),
    "loyalty.referral_rewarded": (("referred", "customer"),),
    "programme.stock_returned": (("customer", "customer"),),
    "programme.stock_taken": (("customer", "customer"),),
}
"""By topic, the fields that hold the id of another object, and that object's type."""


@dataclass(frozen=True)
class Attribute:
    """An attribute of an event type.

    Attributes:
        name: Its name in the exported log.
        type: Its OCEL type.
        field: The field of the event's body that it comes from; empty for one of the envelope.
    """

    name: str
    type: AttributeType
    field: str = ""


@cache
def attributes_of(event: type[Event]) -> tuple[Attribute, ...]:
    """Return the attributes of an event type: the envelope's, then the body's.

    Money becomes two, the amount in major units and the currency. Lists and records become JSON text. A name that the
    envelope has too gets `body_` before it.
    """
    taken = {name for name, _type in ENVELOPE}
    found = [Attribute(name, kind) for name, kind in ENVELOPE]
    personal = personal_fields(event)
    info = msgspec.inspect.type_info(event)
    for each in info.fields if isinstance(info, msgspec.inspect.StructType) else ():
        if each.name in personal:
            continue
        name = f"body_{each.name}" if each.name in taken else each.name
        kind = _type(each.type, each.name)
        found.append(Attribute(name, kind, each.name))
        if kind == "float":
            found.append(Attribute(f"{name}_currency", "string", each.name))
    return tuple(found)


def _type(kind: msgspec.inspect.Type, name: str) -> AttributeType:
    if isinstance(kind, msgspec.inspect.Metadata):
        return _type(kind.type, name)
    if isinstance(kind, msgspec.inspect.UnionType):
        members = {_type(each, name) for each in kind.types if not isinstance(each, msgspec.inspect.NoneType)}
        return members.pop() if len(members) == 1 else "string"
    if isinstance(kind, msgspec.inspect.BoolType):
        return "boolean"
    if isinstance(kind, msgspec.inspect.IntType):
        return "time" if name == "at" or name.endswith("_at") else "integer"
    if isinstance(kind, msgspec.inspect.StructType) and kind.cls is Money:
        return "float"
    return "string"


def in_words(micros: int) -> str:
    """Return a time in UTC microseconds as ISO 8601."""
    return from_micros(micros).astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


@dataclass(frozen=True)
class LogEvent:
    """An event of the exported log.

    Attributes:
        id: `stream@version`.
        kind: The class of the recorded event.
        time: Business time, ISO 8601 in UTC.
        values: The attributes that have a value, by name; times as ISO 8601.
        objects: The id and the qualifier of every related object, without doubles.
    """

    id: str
    kind: type[Event]
    time: str
    values: dict[str, str | int | float | bool]
    objects: tuple[tuple[str, str], ...]


@dataclass
class Objects:
    """The objects of an exported log, gathered from its events.

    Attributes:
        types: The type of each object, by its id.
        relations: Source, target and qualifier of each relation between objects.
    """

    types: dict[str, str] = field(default_factory=dict)
    relations: set[tuple[str, str, str]] = field(default_factory=set)

    def take(self, recorded: Iterable[RecordedEvent]) -> Iterator[LogEvent]:
        """Turn recorded events into events of the log, and gather their objects on the way."""
        for each in recorded:
            yield LogEvent(
                f"{each.stream}@{each.version}",
                type(each.event),
                in_words(each.occurred_at),
                dict(_values(each)),
                tuple(dict.fromkeys(self._objects(each))),
            )

    def _objects(self, recorded: RecordedEvent) -> Iterator[tuple[str, str]]:
        aggregate, _, name = recorded.stream.partition("-")
        kind = _OBJECT_TYPES.get(aggregate, aggregate)
        own = self._object(kind, name)
        yield own, kind
        if recorded.customer:
            customer = self._object("customer", recorded.customer)
            if customer != own:
                yield customer, "customer"
                self.relations.add((own, customer, "customer"))
        if recorded.actor:
            yield self._object("staff", recorded.actor), "actor"
        for field_name, of_kind in _NAMED.get(recorded.topic, ()):
            other = getattr(recorded.event, field_name, None)
            if isinstance(other, str) and other:
                target = self._object(of_kind, other)
                yield target, field_name
                if target != own:
                    self.relations.add((own, target, field_name))

    def _object(self, kind: str, name: str) -> str:
        identifier = f"{kind}-{name}" if name else kind
        self.types[identifier] = kind
        return identifier


def _values(recorded: RecordedEvent) -> Iterator[tuple[str, str | int | float | bool]]:
    for attribute in attributes_of(type(recorded.event)):
        value: Any = getattr(recorded.event if attribute.field else recorded, attribute.field or attribute.name)
        if value is None:
            continue
        match attribute.type, value:
            case "time", int():
                yield attribute.name, in_words(value)
            case "float", Money():
                yield attribute.name, float(value.decimal)
            case "string", Money():
                yield attribute.name, value.currency
            case "string", bytes():
                yield attribute.name, value.hex()
            case "string", str():
                yield attribute.name, value
            case "string", _:
                yield attribute.name, msgspec.json.encode(value).decode()
            case _:
                yield attribute.name, value


def event_types(kinds: Iterable[type[Event]]) -> list[type[Event]]:
    """Return classes of events in the order of their topics."""
    return sorted(kinds, key=lambda kind: kind.topic)
