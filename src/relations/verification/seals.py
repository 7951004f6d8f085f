"""The table of seals, and the check of every kept seal against the log's Merkle tree, in one pass over the log."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import BigInteger, Column, Connection, Integer, LargeBinary, MetaData, Table, Text, select

from relations.log.database import tables_of
from relations.verification.findings import Problem
from relations.verification.merkle import Frontier

__all__ = ["SealCheck", "seals"]

_Size = BigInteger().with_variant(Integer(), "sqlite")

seals = Table(
    "relations_seals",
    MetaData(),
    Column("size", _Size, primary_key=True, autoincrement=False),
    Column("digest", LargeBinary, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("frontier", LargeBinary, nullable=False),
    Column("checkpoint", Text, nullable=False),
    Column("sealed_at", BigInteger, nullable=False),
)
"""One row for each seal.

- `size` is its number of events, `digest` that of the last event, and `root` that of the tree of all events.
- `frontier` has the hashes from which the next seal continues.
- `checkpoint` is the signed checkpoint.
- `sealed_at` is the time of sealing in UTC microseconds.
"""

_ML_DSA_SIGNATURE_BYTES = 2_420
_SECOND = 1_000_000


class SealCheck:
    """The check of the kept seals, while the log is read once from its beginning.

    The signatures are not verified: that needs the public keys, which no database can vouch for. `relations audit
    check` verifies them with a policy file.

    Args:
        connection: The transaction.
    """

    def __init__(self, connection: Connection) -> None:
        self._rows: list[Any] = []
        if tables_of(connection, [seals.name]):
            self._rows = list(connection.execute(select(seals).order_by(seals.c.size)))
        self._next = 0
        self._frontier = Frontier()
        self._problems: list[Problem] = []

    @property
    def is_needed(self) -> bool:
        """True if there is any seal."""
        return bool(self._rows)

    def take(self, page: Sequence[tuple[Any, ...]]) -> None:
        """Take the next rows of the log, all columns, in order of position."""
        digests = [bytes(row[-1]) if isinstance(row[-1], bytes | memoryview) else b"" for row in page]
        start = 0
        while self._next < len(self._rows):
            row = self._rows[self._next]
            end = start + max(0, row.size - self._frontier.size)
            if end > len(digests):
                break
            self._frontier.extend(digests[start:end])
            self._problems += self._problems_of(row, digests[end - 1] if end else b"")
            start, self._next = end, self._next + 1
        self._frontier.extend(digests[start:])

    def problems(self) -> Iterator[Problem]:
        """Yield what was found, after the last row."""
        yield from self._problems
        for row in self._rows[self._next :]:
            reason = f"{row.size} events were sealed, and the log has {self._frontier.size}: some are gone"
            yield _broken(row.size, reason, "size")

    def _problems_of(self, row: Any, digest: bytes) -> Iterator[Problem]:
        size, root = row.size, self._frontier.root()
        if digest and bytes(row.digest) != digest:
            yield _broken(size, f"the digest at position {size} is not the one that was sealed", "digest")
        if bytes(row.root) != root:
            yield _broken(size, f"the log differs from what was sealed at {size} events", "root")
        if bytes(row.frontier) != self._frontier.to_bytes():
            yield _broken(size, f"the hashes from which the seal of {size} events is continued are wrong", "frontier")
        lines = row.checkpoint.split("\n")
        if lines[1:3] != [str(size), b64encode(bytes(row.root)).decode()]:
            yield _broken(size, f"the checkpoint of the seal of {size} events is of another tree", "checkpoint")
        elif (signed := _signed_at(lines)) is not None and signed != row.sealed_at // _SECOND:
            yield _broken(size, f"the seal of {size} events was signed at another time", "sealed_at")


def _signed_at(lines: Sequence[str]) -> int | None:
    """Return the time in the ML-DSA-44 signature of a checkpoint, in seconds since 1970."""
    for line in lines[4:]:
        try:
            signature = b64decode(line.rpartition(" ")[2], validate=True)
        except ValueError:
            continue
        if len(signature) == 4 + 8 + _ML_DSA_SIGNATURE_BYTES:
            return int.from_bytes(signature[4:12], "big")
    return None


def _broken(size: int, reason: str, column: str) -> Problem:
    return Problem("seal_broken", reason, table=str(seals.name), key=str(size), column=column)
