"""Files of well-known products: which preset reads a file, and which commands its first rows become."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from relations.errors import InvalidInput, MissingExtra, SourceError
from relations.exchange.files.sources import SourceFile, open_source
from relations.exchange.importing import decided_rows
from relations.exchange.mapping.headings import Headings
from relations.exchange.mapping.model import Mapping, Source, load_mapping, shipped_presets
from relations.exchange.mapping.transform import Transform
from relations.messages import Command

__all__ = ["PreviewRow", "preview", "recognise"]

_LOOKED_AT = 20
"""The rows of a document whose fields are looked at."""
_DIGEST = "digest-{:08}"


class PreviewRow(NamedTuple):
    """A row of a file, and what an import would make of it.

    Attributes:
        row: Its number.
        commands: Its commands.
        notes: The codes of its notes.
        problem: The reason why it would be rejected.
    """

    row: int
    commands: Sequence[Command]
    notes: Sequence[str]
    problem: InvalidInput | None


def recognise(path: str | Path) -> list[str]:
    """Return the presets that read a file, by its headings; the one with most headings in common first.

    Raises:
        SourceError: The file is not there, or may not be read.
    """
    seen: dict[tuple[str, str | None, str], set[str]] = {}
    found = []
    for name in shipped_presets():
        mapping = load_mapping(name)
        source = mapping.source
        form = "table" if source.is_table else source.format
        place = (form, source.rows, source.member)
        if place not in seen:
            seen[place] = _columns(Source(format=form, rows=source.rows, member=source.member), Path(path))
        canonical = Headings(source).canonical
        wanted = () if mapping.preset is None else mapping.preset.recognise
        if wanted and set(wanted) <= {canonical(column) for column in seen[place]}:
            found.append((len(wanted), name))
    return [name for _, name in sorted(found, key=lambda each: (-each[0], each[1]))]


def _columns(source: Source, path: Path) -> set[str]:
    """Return the names of a file's columns, or of the fields of its first rows; none if it is another kind of file."""
    for encoding in (source.encoding, "latin-1"):
        try:
            with open_source(source.model_copy(update={"encoding": encoding}), path) as file:
                return _names(file)
        except MissingExtra:
            return set()
        except SourceError as error:
            if error.code == "no_such_source":
                raise
            if error.code != "wrong_encoding":
                return set()
    return set()


def _names(file: SourceFile) -> set[str]:
    if file.columns is not None:
        return set(file.columns)
    return {name for _, raw, _ in islice(file.rows, _LOOKED_AT) for name in raw}


def preview(mapping: Mapping, path: str | Path, *, rows: int = 10) -> list[PreviewRow]:
    """Return the first rows of a file with the commands that an import would make of them. Nothing is recorded.

    Keyed digests are shown as placeholders, because there is no database with a key yet.

    Args:
        mapping: The mapping.
        path: The file.
        rows: The most rows to return.

    Raises:
        MappingError: The mapping does not fit this file.
        SourceError: The file cannot be read.
    """
    digests: dict[str, str] = {}
    named: set[str] = set()

    def known(command: Command) -> bool:
        before = command.stream in named
        named.add(command.stream)
        return before

    with open_source(mapping.source, path) as file:
        transform = Transform(
            mapping,
            file.columns,
            digest=lambda text: digests.setdefault(text, _DIGEST.format(len(digests) + 1)),
            known=known,
        )
        return [
            PreviewRow(lines[0][0], (), (), decided)
            if isinstance(decided, InvalidInput)
            else PreviewRow(lines[0][0], decided.commands, decided.notes, None)
            for lines, decided in islice(decided_rows(file.rows, transform, {}), rows)
        ]
