"""The completeness and freshness of all customers' files at once."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence

from relations.extras import np
from relations.messages import from_micros
from relations.policies.calendars import LocalTime
from relations.projections.arguments import Page
from relations.projections.columns import Codes, ColumnPart, Columns, FieldGroup, Ints, Parts
from relations.projections.customers.portraits import SaidTrait
from relations.projections.ties.profiles import FileStanding

__all__ = ["file_groups", "known_parts", "listed_files"]

_DAY = 86_400_000_000
_KNOWN_BY = {
    "name": ("name",),
    "contact": ("email", "phone"),
    "birthday": ("birthday",),
    "language": ("language", "culture languages"),
    "region": ("region",),
}
"""The subjects of a portrait that make a part of a file known."""
_PARTS = (*_KNOWN_BY, "consent", "preferences")
_BITS = {part: 1 << place for place, part in enumerate(_PARTS)}
_SIZES = [number.bit_count() for number in range(1 << len(_PARTS))]


class _BitsOfSubjects(dict[str, int]):
    """By the subject of a portrait, the bit of the part of a file that it makes known; 0 for other subjects."""

    def __init__(self) -> None:
        super().__init__({about: _BITS[part] for part, subjects in _KNOWN_BY.items() for about in subjects})

    def __missing__(self, about: str) -> int:
        return _BITS["preferences"] if about.startswith("trait ") else 0


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


def known_parts(columns: Columns, agreed: Container[str]) -> Ints:
    """Return the parts that are known of each file, as bits.

    Args:
        columns: The customers.
        agreed: The customers with a recorded consent or withdrawal.
    """
    files, names = columns.part("files"), columns.names
    has_consent = np.fromiter((name in agreed for name in names), np.bool_, len(names))
    return np.asarray(files["known"] | np.where(has_consent[files.owner], _BITS["consent"], 0))


def listed_files(
    columns: Columns, known: Ints, *, now: int, stale_days: int | None, page: Page[str]
) -> list[FileStanding]:
    """Return a page of files, the least complete first, then the stalest.

    Args:
        columns: The customers.
        known: The parts that are known of each file.
        now: The present, UTC microseconds.
        stale_days: Only files that have not changed for this many days.
        page: The page.
    """
    files, names = columns.part("files"), columns.names
    touched, was_touched = files["touched"], files["was_touched"]
    days = np.where(was_touched, (now - touched) // _DAY, 0)
    count = np.array(_SIZES)[known]
    ranks = np.lexsort((-days, count))  # those of the same rank stay in the order of their ids
    if stale_days is not None:
        ranks = ranks[(~was_touched | (days >= stale_days))[ranks]]
    return [
        FileStanding(
            customer=names[files.owner[place]],
            known=tuple(part for part, bit in _BITS.items() if known[place] & bit),
            missing=tuple(part for part, bit in _BITS.items() if not known[place] & bit),
            share=int(count[place]) / len(_PARTS),
            touched_at=from_micros(int(touched[place])) if was_touched[place] else None,
            days=int(days[place]) if was_touched[place] else None,
        )
        for place in page.of_ranks(ranks.tolist(), lambda place: names[files.owner[place]])
    ]
