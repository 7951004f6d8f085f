"""Writing of people to address: CSV as they come, other formats at once."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

from relations.errors import SourceError
from relations.exchange.frames.questions import frame_of
from relations.exchange.frames.writing import guarded, write_frame
from relations.projections.customers.audience import Addressee

__all__ = ["write_people"]

_COLUMNS = ("customer", "name", "address", "language", "taboos")


def write_people(people: Iterable[Addressee], path: str | Path) -> int:
    """Write people to a file whose suffix decides the format, and return how many there are.

    In CSV, several taboos stand in one cell with semicolons between them. A text that a spreadsheet would read as a
    formula gets a leading apostrophe. Other formats need the extra `data`.

    Args:
        people: The people.
        path: The file. It is replaced once the new one is complete.

    Raises:
        InvalidInput: The name has no known suffix.
        SourceError: The file cannot be written.
    """
    target = Path(path)
    if target.suffix != ".csv":
        listed = list(people)
        write_frame(frame_of(listed, list[Addressee]), target)
        return len(listed)
    partial = target.with_name(target.name + ".partial")
    count = 0
    try:
        with partial.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(_COLUMNS)
            for each in people:
                cells = (each.customer, each.name, each.address, each.language, "; ".join(each.taboos))
                writer.writerow([guarded(cell) for cell in cells])
                count += 1
        partial.replace(target)
    except OSError as error:
        raise SourceError(f"{target} cannot be written: {error.strerror or error}", code="unwritable_file") from None
    finally:
        partial.unlink(missing_ok=True)
    return count
