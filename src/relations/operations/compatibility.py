"""Comparison of the forms of events: can a new version read old events, and an old version new ones.

It compares the documents that `relations schema events` writes. Backward means that the new version reads what the old
one recorded, directly or by upcasts. Forward means that the old version reads what the new one records, as is needed
while both run on one log. Full is both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

__all__ = ["Compatibility", "SchemaChange", "compare_schemas"]


class SchemaChange(msgspec.Struct, frozen=True):
    """One difference between two forms of an event.

    Attributes:
        topic: The event's topic.
        text: A sentence about it.
        backward: True if the new version can still read old events.
        forward: True if the old version can read new events.
    """

    topic: str
    text: str
    backward: bool = True
    forward: bool = True


class Compatibility(msgspec.Struct, frozen=True):
    """The result of a comparison.

    Attributes:
        changes: Every difference.
        backward: True if the new version can read all old events.
        forward: True if the old version can read all new events.
    """

    changes: list[SchemaChange]
    backward: bool
    forward: bool

    @property
    def full(self) -> bool:
        """True if both versions can read what the other one records."""
        return self.backward and self.forward


def compare_schemas(old: Mapping[str, Any], new: Mapping[str, Any]) -> Compatibility:
    """Compare the forms of all events.

    Args:
        old: What `relations schema events` of the old version writes.
        new: The same of the new version.
    """
    changes = [change for topic in sorted({*old, *new}) for change in _of_topic(topic, old.get(topic), new.get(topic))]
    return Compatibility(changes, all(each.backward for each in changes), all(each.forward for each in changes))


def _of_topic(topic: str, old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> Iterator[SchemaChange]:
    if old is None or new is None:
        if new is None:
            yield SchemaChange(topic, "the event was removed, so recorded events cannot be read", backward=False)
        else:
            yield SchemaChange(topic, "the event is new, and the old version does not know it", forward=False)
        return
    before, after = old["x-schema-version"], new["x-schema-version"]
    if after < before:
        yield SchemaChange(topic, f"the schema went back from {before} to {after}", backward=False)
        return
    if after > before:
        missing = [step for step in range(before, after) if step not in new.get("x-upcasts", ())]
        yield SchemaChange(topic, f"the schema is {after} and was {before}", forward=False)
        for step in missing:
            yield SchemaChange(topic, f"there is no upcast from schema {step}", backward=False)
        return
    yield from _of_fields(topic, old, new)


def _of_fields(topic: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[SchemaChange]:
    """Compare two bodies of one schema version. Unknown fields are ignored by a reader, missing ones take defaults."""
    before, after = _body(old), _body(new)
    had, has = before.get("properties", {}), after.get("properties", {})
    for name in sorted(has.keys() - had.keys()):
        if name in after.get("required", ()):
            text = f"the new field {name} is required; give it a default, or raise the schema and add an upcast"
            yield SchemaChange(topic, text, backward=False)
        else:
            yield SchemaChange(topic, f"the field {name} is new and has a default")
    for name in sorted(had.keys() - has.keys()):
        needed = name in before.get("required", ())
        yield SchemaChange(topic, f"the field {name} was removed", forward=not needed)
    for name in sorted(had.keys() & has.keys()):
        was, now = name in before.get("required", ()), name in after.get("required", ())
        if now and not was:
            yield SchemaChange(topic, f"the field {name} is required now, and old events may lack it", backward=False)
        if was and not now:
            yield SchemaChange(topic, f"the field {name} has a default now, and new events may lack it", forward=False)
        one, two = _kinds(had[name], old), _kinds(has[name], new)
        if one != two:
            yield SchemaChange(
                topic,
                f"the type of {name} has changed; raise the schema and add an upcast",
                backward=one <= two,
                forward=two <= one,
            )
    personal, was_personal = set(new.get("x-personal", ())), set(old.get("x-personal", ()))
    for name in sorted((personal ^ was_personal) & had.keys() & has.keys()):
        what = "personal now, and recorded in clear before" if name in personal else "no longer personal"
        yield SchemaChange(
            topic, f"the field {name} is {what}", backward=name not in personal, forward=name in personal
        )


def _body(document: Mapping[str, Any]) -> Mapping[str, Any]:
    found = _resolved(document, document)
    return found if isinstance(found, Mapping) else {}


def _resolved(part: Any, document: Mapping[str, Any]) -> Any:
    if isinstance(part, Mapping) and "$ref" in part:
        return _resolved(document["$defs"][part["$ref"].rpartition("/")[2]], document)
    return part


_WORDS = ("title", "description", "default", "x-personal")


def _kinds(part: Any, document: Mapping[str, Any]) -> frozenset[str]:
    """Return the kinds of values that a field may have, as texts that can be compared."""
    part = _resolved(part, document)
    if "anyOf" in part:
        return frozenset(kind for each in part["anyOf"] for kind in _kinds(each, document))
    if "enum" in part:
        return frozenset(f"value {each!r}" for each in part["enum"])
    return frozenset([repr(_plain(part, document))])


def _plain(part: Any, document: Mapping[str, Any]) -> Any:
    part = _resolved(part, document)
    if isinstance(part, Mapping):
        return {name: _plain(value, document) for name, value in sorted(part.items()) if name not in _WORDS}
    return [_plain(each, document) for each in part] if isinstance(part, list) else part
