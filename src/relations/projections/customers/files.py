"""The known parts of all customers' files, and when files last changed, as columns of their portraits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from relations.extras import np
from relations.policies.calendars import LocalTime
from relations.projections.columns import Codes, ColumnPart, FieldGroup, Parts
from relations.projections.customers.portraits import SaidTrait

__all__ = ["FILE_BITS", "file_groups"]

_KNOWN_BY = {
    "name": ("name",),
    "contact": ("email", "phone"),
    "birthday": ("birthday",),
    "language": ("language", "culture languages"),
    "region": ("region",),
}
"""The subjects of a portrait that make a part of a file known."""
_PARTS = (*_KNOWN_BY, "consent", "preferences")
FILE_BITS = {part: 1 << place for place, part in enumerate(_PARTS)}
"""The parts of a file in order, each with its bit. A consent is not part of a portrait."""


class _BitsOfSubjects(dict[str, int]):
    """By the subject of a portrait, the bit of the part of a file that it makes known; 0 for other subjects."""

    def __init__(self) -> None:
        super().__init__({about: FILE_BITS[part] for part, subjects in _KNOWN_BY.items() for about in subjects})

    def __missing__(self, about: str) -> int:
        return FILE_BITS["preferences"] if about.startswith("trait ") else 0


def file_groups(_codes: Codes, _local: LocalTime) -> Iterable[tuple[tuple[str, ...], FieldGroup]]:
    """Return the part `files` of the columns: what is known of each customer who was not erased, and since when."""
    return ((("files",), FieldGroup(("said", "erased_at"), _files)),)


def _files(portraits: Sequence[Mapping[str, Sequence[SaidTrait]]], erased_at: Sequence[int | None]) -> Parts:
    owners, known, touched = list[int](), list[int](), list[int | None]()
    bits = _BitsOfSubjects()
    for owner, (portrait, erased) in enumerate(zip(portraits, erased_at, strict=True)):
        if erased is not None:
            continue
        held, last = 0, None
        for about, said in portrait.items():
            if said:
                newest = said[-1]  # they are in the order of business time
                held |= bits[about] if newest.value is not None else 0
                last = newest.at if last is None or newest.at > last else last
        owners.append(owner)
        known.append(held)
        touched.append(last)
    values = {
        "known": np.array(known, np.int64),
        "touched": np.array([last or 0 for last in touched], np.int64),
        "was_touched": np.array([last is not None for last in touched], np.bool_),
    }
    return {"files": ColumnPart(np.array(owners, np.int64), values)}
