"""The digest chain, which reveals any later change of the log.

`digest = SHA-256(previous digest ‖ MessagePack array of the row's other columns)`, in the order of the table's columns.
Each value is in MessagePack's shortest form: integers as int, text as str, bytes as bin, absent as nil. The digest
before position 1 is 32 zero bytes. An auditor can compute the chain in any language.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Any

import msgspec

from relations.errors import ChainBroken

__all__ = ["GENESIS", "check", "link"]

GENESIS = bytes(32)
"""The digest before position 1."""

_encode = msgspec.msgpack.Encoder().encode


def link(previous: bytes, row: Sequence[Any]) -> bytes:
    """Return the digest of a row (all columns except the digest) that follows `previous`."""
    return sha256(previous + _encode(row)).digest()


def check(rows: Iterable[Sequence[Any]], *, previous: bytes = GENESIS, position: int = 0) -> tuple[int, bytes]:
    """Check rows (all columns, in order) against the chain.

    Args:
        rows: Rows in order of position, each ending with its digest.
        previous: The digest at `position`.
        position: The last position checked before.

    Returns:
        The last position and its digest.

    Raises:
        ChainBroken: A position is missing or out of order, or a row does not match its digest. It has the first one.
    """
    encode, hashed = _encode, sha256  # as `link` does, without its call: this runs for every row of a log
    for row in rows:
        position += 1
        if row[0] != position:
            raise ChainBroken(f"position {position} is missing; the next row has position {row[0]}", position=position)
        try:
            digest = hashed(previous + encode(row[:-1])).digest()
        except UnicodeEncodeError:  # a damaged text, see `Log.scan`
            digest = b""
        if digest != row[-1]:
            raise ChainBroken("the row does not match its digest: it or the row before was changed", position=position)
        previous = digest
    return position, previous
