"""Parts of columns as bytes, so that they can be stored and read again without looking at each entry.

Whole numbers are stored in as few bytes as the largest of them needs. Numbers of `Codes` differ from process to
process, so what they stand for is stored with them. What is no number is stored as JSON.
"""

from __future__ import annotations

from typing import Any

import msgspec

from relations.extras import np
from relations.projections.columns.columns import Array, Codes, ColumnPart, FieldGroup, Ints, Parts, numbered

__all__ = ["decoded_parts", "encoded_parts"]

_JSON, _LARGE = "json", "large"
_WIDTHS = (("u1", 2**8), ("u2", 2**16), ("u4", 2**32))


class _Stored(msgspec.Struct, array_like=True):
    """An array.

    Attributes:
        kind: The type of its numbers in numpy's short form, or what else is stored.
        data: The numbers, or JSON.
        least: What is added to each number.
        texts: What the numbers stand for, as JSON.
    """

    kind: str
    data: bytes
    least: int = 0
    texts: bytes | None = None


class _StoredPart(msgspec.Struct, array_like=True):
    """A part: the number of entries of each customer, and the entries' fields."""

    counts: _Stored
    values: dict[str, _Stored]


class _StoredGroup(msgspec.Struct, array_like=True):
    """The parts that a group of fields became, by the rules of a version of the group."""

    version: int
    parts: dict[str, _StoredPart]


_encode, _decode = msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder(_StoredGroup).decode
_json = msgspec.json.Encoder().encode


def encoded_parts(group: FieldGroup, parts: Parts, count: int, codes: Codes) -> bytes:
    """Return the parts of a group as bytes.

    Args:
        group: The group.
        parts: Its parts by name.
        count: The number of customers.
        codes: What the numbers of texts stand for.
    """
    found = {
        name: _StoredPart(
            _numbers(np.bincount(part.owner, minlength=count)),
            {field: _stored(group, field, values, codes) for field, values in part.values.items()},
        )
        for name, part in parts.items()
    }
    return _encode(_StoredGroup(group.version, found))


def decoded_parts(group: FieldGroup, content: bytes, codes: Codes) -> Parts | None:
    """Return the parts of a group; None if they are damaged, or were made by the rules of another version."""
    try:
        found = _decode(content)
        if found.version != group.version:
            return None
        return {
            name: ColumnPart(
                numbered(_read_numbers(part.counts)),
                {field: _read(group, field, stored, codes) for field, stored in part.values.items()},
            )
            for name, part in found.parts.items()
        }
    except (msgspec.MsgspecError, KeyError, TypeError, ValueError):  # whatever bytes can lead to
        return None


def _stored(group: FieldGroup, field: str, values: Array, codes: Codes) -> _Stored:
    if field in group.objects:
        return _Stored(_JSON, _json(values.tolist()))
    if field in group.coded:
        used = np.flatnonzero(np.bincount(values))
        places = np.zeros(int(used[-1]) + 1 if len(used) else 0, np.int64)
        places[used] = np.arange(len(used))
        stored = _numbers(places[values])
        stored.texts = _json([codes.texts[number] for number in used.tolist()])
        return stored
    if values.dtype == object:
        return _Stored(_LARGE, _json(values.tolist()))
    if values.dtype == np.bool_:
        return _Stored("?", values.tobytes())
    return _numbers(values)


def _numbers(values: Ints) -> _Stored:
    if not len(values):
        return _Stored("u1", b"")
    least = int(values.min())
    span = int(values.max()) - least
    for kind, limit in _WIDTHS:
        if span < limit:
            return _Stored(kind, (values - least).astype(f"<{kind}").tobytes(), least)
    return _Stored("i8", values.astype("<i8").tobytes())


def _read(group: FieldGroup, field: str, stored: _Stored, codes: Codes) -> Array:
    if stored.kind == _JSON:
        listed = msgspec.json.decode(stored.data, type=list[group.objects[field]])  # type: ignore[name-defined]
        values = np.empty(len(listed), object)
        values[:] = listed
        return values
    if stored.kind == _LARGE:
        return np.array(msgspec.json.decode(stored.data, type=list[int]), object)
    if stored.kind == "?":
        return np.frombuffer(stored.data, np.bool_)
    numbers = _read_numbers(stored)
    if stored.texts is None:
        return numbers
    kind: Any = group.coded[field]
    texts = msgspec.json.decode(stored.texts, type=list[kind])
    return codes.all_of(texts)[numbers]


def _read_numbers(stored: _Stored) -> Ints:
    return np.frombuffer(stored.data, f"<{stored.kind}").astype(np.int64) + stored.least
