"""Merkle trees over the log's digests, as RFC 9162 (section 2.1) defines them.

A leaf is the chain digest of one row, so a tree publishes nothing of the row itself. Two forms of the same tree exist:

* `Frontier` holds the O(log n) hashes that a growing tree needs, and nothing else: sealing continues from it.
* `Tree` holds every hash, so it can prove the inclusion of any leaf, and that any older tree is a prefix of it.

Trees are compared in the tests with a recursive reading of the RFC and with an independent implementation.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Self

__all__ = ["HASH_SIZE", "Frontier", "Tree", "leaf_hash"]

HASH_SIZE = 32
"""The length of a SHA-256 hash, in bytes."""

_EMPTY_ROOT = sha256().digest()


def leaf_hash(leaf: bytes) -> bytes:
    """Return the hash of a leaf: SHA-256(0x00 ‖ leaf)."""
    return sha256(b"\x00" + leaf).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def _parents(hashes: Sequence[bytes]) -> list[bytes]:
    """Return the parents of an even number of hashes."""
    return [sha256(b"\x01" + left + right).digest() for left, right in zip(hashes[::2], hashes[1::2], strict=True)]


class Frontier:
    """The hashes of the complete subtrees at the right edge of a growing tree.

    Attributes:
        size: The number of leaves.
    """

    __slots__ = ("_hashes", "size")
    size: int

    def __init__(self) -> None:
        self.size = 0
        self._hashes: list[bytes | None] = []  # by height; a hash where the size has that bit

    def extend(self, leaves: Iterable[bytes]) -> None:
        """Append leaves, each 32 bytes."""
        rising = [sha256(b"\x00" + leaf).digest() for leaf in leaves]
        self.size += len(rising)
        height = 0
        while rising:
            if height == len(self._hashes):
                self._hashes.append(None)
            waiting = self._hashes[height]
            if waiting is not None:
                rising = [waiting, *rising]
            self._hashes[height] = rising.pop() if len(rising) % 2 else None
            rising = _parents(rising)
            height += 1

    def root(self) -> bytes:
        """Return the root hash, 32 bytes."""
        root: bytes | None = None
        for waiting in self._hashes:
            if waiting is not None:
                root = waiting if root is None else _node(waiting, root)
        return _EMPTY_ROOT if root is None else root

    def to_bytes(self) -> bytes:
        """Return the frontier's hashes in one value, from the lowest subtree to the highest."""
        return b"".join(waiting for waiting in self._hashes if waiting is not None)

    @classmethod
    def from_bytes(cls, size: int, hashes: bytes) -> Self:
        """Return the frontier that `to_bytes` wrote for a tree of `size` leaves.

        Raises:
            ValueError: The number of hashes does not fit the size.
        """
        if len(hashes) != HASH_SIZE * size.bit_count():
            msg = f"a tree of {size} leaves has {size.bit_count()} hashes of {HASH_SIZE} bytes, not {len(hashes)} bytes"
            raise ValueError(msg)
        frontier = cls()
        frontier.size = size
        start = 0
        for height in range(size.bit_length()):
            if size >> height & 1:
                frontier._hashes.append(hashes[start : start + HASH_SIZE])
                start += HASH_SIZE
            else:
                frontier._hashes.append(None)
        return frontier


class Tree:
    """A whole tree in memory, about 64 bytes for each leaf.

    Args:
        leaves: The leaves in order, each 32 bytes.

    Attributes:
        size: The number of leaves.
    """

    __slots__ = ("_levels", "size")
    size: int

    def __init__(self, leaves: Iterable[bytes]) -> None:
        level = [sha256(b"\x00" + leaf).digest() for leaf in leaves]
        self.size = len(level)
        self._levels: list[bytes] = []
        while level:
            self._levels.append(b"".join(level))
            level = _parents(level[: len(level) & ~1])

    def root(self, size: int | None = None) -> bytes:
        """Return the root hash of the whole tree, or of its first `size` leaves.

        Raises:
            ValueError: The tree has fewer leaves.
        """
        wanted = self.size if size is None else size
        self._must_have(wanted)
        return self._hash(0, wanted) if wanted else _EMPTY_ROOT

    def inclusion(self, index: int, size: int | None = None) -> list[bytes]:
        """Return the inclusion proof of one leaf, from the leaf's sibling up to the root's child.

        Args:
            index: The leaf's index, from 0.
            size: The tree's size; all leaves by default.

        Raises:
            ValueError: There is no such leaf in a tree of that size.
        """
        wanted = self.size if size is None else size
        self._must_have(wanted)
        if not 0 <= index < wanted:
            msg = f"a tree of {wanted} leaves has no leaf with index {index}"
            raise ValueError(msg)
        path: list[bytes] = []
        start, end = 0, wanted
        while end - start > 1:
            middle = start + _split(end - start)
            if index < middle:
                path.append(self._hash(middle, end))
                end = middle
            else:
                path.append(self._hash(start, middle))
                start = middle
        path.reverse()
        return path

    def consistency(self, old: int, size: int | None = None) -> list[bytes]:
        """Return the proof that a tree of `old` leaves is a prefix of a tree of `size` leaves.

        It is empty if there is nothing to prove: an empty old tree, or equal sizes.

        Args:
            old: The size of the older tree.
            size: The size of the newer tree; all leaves by default.

        Raises:
            ValueError: The older tree is the larger one, or this tree has fewer leaves.
        """
        wanted = self.size if size is None else size
        self._must_have(wanted)
        if not 0 <= old <= wanted:
            msg = f"a tree of {old} leaves cannot be a prefix of one with {wanted}"
            raise ValueError(msg)
        if old in (0, wanted):
            return []
        path: list[bytes] = []
        start, end = 0, wanted
        while end != old:
            middle = start + _split(end - start)
            if old <= middle:
                path.append(self._hash(middle, end))
                end = middle
            else:
                path.append(self._hash(start, middle))
                start = middle
        if start:
            path.append(self._hash(start, end))
        path.reverse()
        return path

    def _must_have(self, size: int) -> None:
        if not 0 <= size <= self.size:
            msg = f"the tree has {self.size} leaves, not {size}"
            raise ValueError(msg)

    def _hash(self, start: int, end: int) -> bytes:
        """Return the hash of the leaves from `start` to `end`, where `start` begins a subtree of at least that size."""
        count = end - start
        if count & (count - 1):
            middle = start + _split(count)
            return _node(self._hash(start, middle), self._hash(middle, end))
        height = count.bit_length() - 1
        place = (start >> height) * HASH_SIZE
        return self._levels[height][place : place + HASH_SIZE]


def _split(count: int) -> int:
    """Return the largest power of two below `count`, which is at least 2."""
    return 1 << ((count - 1).bit_length() - 1)
