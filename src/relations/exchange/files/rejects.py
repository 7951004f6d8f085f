"""Rejected rows: a JSON Lines file to correct and import again.

A line is `{"row": 17, "code": "not_a_time", "reason": "…", "field": "date", "hint": null, "command": null,
"recorded": 0, "source": "cdnow", "raw": {"date": "19970230", …}}`. The row number and the source make the command ids.
So a row that is corrected in `raw` and imported again is recorded as the row that it is.

The rows may hold personal words in clear. An import can leave their values out; to correct such a row, put its
values into `raw`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import msgspec

from relations.errors import InvalidInput, RelationsError, SourceError
from relations.exchange.files.sources import RawRow, first_bytes

__all__ = ["RejectedRow", "RejectsWriter", "Verdicts", "is_rejects_file", "read_rejects", "rejected"]


class RejectedRow(msgspec.Struct, frozen=True, kw_only=True):
    """A rejected row.

    Attributes:
        row: Its number in the file.
        code: The reason, for programs.
        reason: The reason, for people.
        field: The wrong field, if there is one.
        hint: What to do instead.
        command: The command that was refused; None where the row did not become one.
        recorded: The number of other commands of the row that were recorded.
        source: The import's name.
        raw: The row as the file has it.
    """

    row: int
    code: str
    reason: str
    field: str | None = None
    hint: str | None = None
    command: str | None = None
    recorded: int = 0
    source: str
    raw: dict[str, Any]

    @property
    def error(self) -> InvalidInput:
        """The error that rejected the row."""
        return InvalidInput(self.reason, code=self.code, field=self.field, hint=self.hint)


def rejected(
    row: int, raw: dict[str, Any], error: RelationsError, source: str, *, command: str | None = None, recorded: int = 0
) -> RejectedRow:
    """Return the record of a row that an error rejected."""
    return RejectedRow(
        row=row,
        code=error.code,
        reason=error.reason,
        field=error.field,
        hint=error.hint,
        command=command,
        recorded=recorded,
        source=source,
        raw=_plain(raw),
    )


def _plain(raw: dict[str, Any]) -> dict[str, Any]:
    """Return a row whose texts are nothing more than texts."""
    return {name: str(value) if isinstance(value, str) else value for name, value in raw.items()}


class RejectsWriter:
    """A writer of rejected rows, which puts the file in its place when it is complete.

    An interrupted import leaves the file as `<name>.partial`, with a line after each batch that has its last row. The
    next run reads from it which rows were refused.

    Args:
        path: The file; None writes nothing.
        values: False leaves out the rows' values and the reasons, which may quote them.
    """

    def __init__(self, path: Path | None, *, values: bool = True) -> None:
        self._path = path
        self._values = values
        self._partial = None if path is None else _partial(path)
        self._file: BinaryIO | None = None

    def __enter__(self) -> Self:
        if self._partial is not None:
            try:
                self._file = self._partial.open("wb")
            except OSError as error:
                raise SourceError(
                    f"rejected rows cannot be written to {self._path}: {error.strerror}", code="unwritable_rejects"
                ) from None
        return self

    def write(self, rows: list[RejectedRow], through: int) -> None:
        """Write a batch's rejected rows; `through` is the last row of the batch."""
        if self._file is not None:
            encode = msgspec.json.encode
            lines = [encode(row if self._values else _without_values(row)) for row in rows]
            lines.append(encode({"through": through}))
            self._file.write(b"\n".join(lines) + b"\n")
            self._file.flush()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is None or self._partial is None or self._path is None:
            return
        self._file.close()
        if kind is not None:
            return
        finished = self._path.with_name(self._path.name + ".new")
        with self._partial.open("rb") as partial, finished.open("wb") as file:
            file.writelines(line for line in partial if not line.startswith(b'{"through":'))
        os.replace(finished, self._path)  # noqa: PTH105 - atomic, which Path.replace does not say of itself
        self._partial.unlink()


_ABOUT_FORM = frozenset({"ragged_row", "row_in_footer", "nul_character", "too_many_columns"})
"""Codes whose reasons quote no value."""


def _without_values(row: RejectedRow) -> RejectedRow:
    reason = row.reason if row.code in _ABOUT_FORM else f"rejected ({row.code})"
    return msgspec.structs.replace(row, raw={}, reason=reason, hint=None)


def _partial(path: Path) -> Path:
    return path.with_name(path.name + ".partial")


@dataclass(slots=True)
class Verdicts:
    """The refusals of earlier runs of an import.

    Attributes:
        refused: Rows whose commands were refused.
        through: The last row of which this is known.
        unreadable: Rows that did not become commands.
    """

    refused: dict[int, RejectedRow]
    through: float
    unreadable: dict[int, RejectedRow] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path | None, source: str) -> Self:
        """Return the refusals in the file of an earlier run, finished or interrupted."""
        verdicts = cls({}, 0)
        if path is None:
            return verdicts
        for file in (path, _partial(path)):
            try:
                lines = file.read_bytes().splitlines()
            except OSError:
                continue
            verdicts._take(lines, source, finished=file == path)
        return verdicts

    def is_corrected(self, row: int, raw: dict[str, Any]) -> bool:
        """Return true if an earlier run rejected a row, and it is another one now.

        A row that did not become commands then, and does now, was corrected, or the mapping was.
        """
        record = self.refused.get(row)
        if record is None:
            return row in self.unreadable
        return bool(record.raw) and msgspec.json.encode(record.raw) != msgspec.json.encode(_plain(raw))

    def _take(self, lines: list[bytes], source: str, *, finished: bool) -> None:
        strangers = False
        for line in lines:
            try:
                if line.startswith(b'{"through":'):
                    self.through = max(self.through, int(json.loads(line)["through"]))
                    continue
                record = msgspec.json.decode(line, type=RejectedRow)
            except (ValueError, msgspec.MsgspecError):
                continue  # the last line of an interrupted run may be half written
            if record.source != source:
                strangers = True
            elif record.command is not None:
                self.refused[record.row] = record
            else:
                self.unreadable[record.row] = record
        if finished and not strangers:
            self.through = float("inf")


def is_rejects_file(path: Path) -> bool:
    """Return true if a file holds rejected rows, by its first line."""
    head = first_bytes(path)
    line, _, _ = head.partition(b"\n")
    if not line.startswith(b'{"row":'):
        return False
    try:
        msgspec.json.decode(line, type=RejectedRow)
    except msgspec.MsgspecError:
        return False
    return True


def _missing(record: RejectedRow) -> InvalidInput | None:
    if record.raw:
        return None
    return InvalidInput(
        f"row {record.row} was written without its values",
        code="values_left_out",
        hint="Put its corrected values into `raw`",
    )


def read_rejects(lines: Iterator[str], source: str) -> Iterator[RawRow]:
    """Yield rejected rows by their numbers in the file that they first came from."""
    number = 0
    for line in lines:
        if line.isspace():
            continue
        number += 1
        try:
            record = msgspec.json.decode(line, type=RejectedRow)
        except msgspec.MsgspecError as error:
            problem = InvalidInput(f"line {number} of the file is not a rejected row: {error}", code="malformed_row")
            yield -number, {"line": line.rstrip("\n")}, problem
            continue
        if record.source != source:
            raise SourceError(
                f"line {number} was rejected by the import {record.source!r}, and this one is {source!r}",
                code="other_source",
                hint="Use the mapping and the name that the rows were first imported with",
            )
        yield record.row, {key: str(value) for key, value in record.raw.items()}, _missing(record)
