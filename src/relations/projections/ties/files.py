"""The completeness and freshness of all customers' files at once."""

from __future__ import annotations

from collections.abc import Container

from relations.extras import np
from relations.messages import from_micros
from relations.projections.arguments import Page
from relations.projections.columns import Columns, Ints
from relations.projections.customers.files import FILE_BITS
from relations.projections.ties.profiles import FileStanding

__all__ = ["known_parts", "listed_files"]

_DAY = 86_400_000_000
_SIZES = [number.bit_count() for number in range(1 << len(FILE_BITS))]


def known_parts(columns: Columns, agreed: Container[str]) -> Ints:
    """Return the parts that are known of each file, as bits.

    Args:
        columns: The customers.
        agreed: The customers with a recorded consent or withdrawal.
    """
    files, names = columns.part("files"), columns.names
    has_consent = np.fromiter((name in agreed for name in names), np.bool_, len(names))
    return np.asarray(files["known"] | np.where(has_consent[files.owner], FILE_BITS["consent"], 0))


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
            known=tuple(part for part, bit in FILE_BITS.items() if known[place] & bit),
            missing=tuple(part for part, bit in FILE_BITS.items() if not known[place] & bit),
            share=int(count[place]) / len(FILE_BITS),
            touched_at=from_micros(int(touched[place])) if was_touched[place] else None,
            days=int(days[place]) if was_touched[place] else None,
        )
        for place in page.of_ranks(ranks.tolist(), lambda place: names[files.owner[place]])
    ]
