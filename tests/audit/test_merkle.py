"""Merkle trees against RFC 9162 read recursively, and against an independent implementation."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tlog_scales.tlog import ConsistencyProof, InclusionProof

from relations.verification.merkle import HASH_SIZE, Frontier, Tree, leaf_hash

LEAVES = [sha256(str(number).encode()).digest() for number in range(70)]


def mth(leaves: list[bytes]) -> bytes:
    """Section 2.1.1, as it is written."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return sha256(b"\x01" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def test_the_roots_of_every_size_are_those_of_the_rfc() -> None:
    tree = Tree(LEAVES)
    for size in range(len(LEAVES) + 1):
        assert tree.root(size) == mth(LEAVES[:size])


def test_an_empty_tree_has_the_hash_of_nothing() -> None:
    assert Tree([]).root() == Frontier().root() == bytes.fromhex(
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    )  # fmt: skip


@given(st.lists(st.integers(0, 9), max_size=12))
def test_a_frontier_grown_in_any_steps_is_the_tree(steps: list[int]) -> None:
    frontier, size = Frontier(), 0
    for step in steps:
        frontier.extend(LEAVES[:step])
        size += step
        kept = frontier.to_bytes()
        assert len(kept) <= HASH_SIZE * size.bit_length()
        frontier = Frontier.from_bytes(size, kept)
    leaves = [leaf for step in steps for leaf in LEAVES[:step]]
    assert (frontier.size, frontier.root()) == (size, mth(leaves))


def test_a_frontier_refuses_hashes_that_do_not_fit_its_size() -> None:
    with pytest.raises(ValueError, match="a tree of 3 leaves has 2 hashes of 32 bytes, not 32 bytes"):
        Frontier.from_bytes(3, bytes(32))


def test_every_inclusion_proof_is_accepted_by_an_independent_implementation() -> None:
    tree, proved = Tree(LEAVES), 0
    for size in (1, 2, 3, 7, 8, 9, 31, 33, 64, 70):
        for index in range(size):
            path = tree.inclusion(index, size)
            InclusionProof(index, size, path).check(leaf_hash(LEAVES[index]), mth(LEAVES[:size]))
            proved += 1
    assert proved == 228


def test_every_consistency_proof_is_accepted_by_an_independent_implementation() -> None:
    tree, proved = Tree(LEAVES[:40]), 0
    for size in range(1, 41):
        for old in range(1, size + 1):
            path = tree.consistency(old, size)
            ConsistencyProof(old, size, path).check(mth(LEAVES[:old]), mth(LEAVES[:size]))
            proved += bool(path)
    assert proved == 780


@pytest.mark.parametrize(("index", "size"), [(3, 3), (-1, 3), (0, 0), (0, 71)])
def test_what_is_not_in_the_tree_has_no_proof(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="leaves"):
        Tree(LEAVES).inclusion(index, size)


@pytest.mark.parametrize(("old", "size"), [(4, 3), (-1, 3), (0, 71)])
def test_a_larger_tree_is_no_prefix(old: int, size: int) -> None:
    with pytest.raises(ValueError, match=r"leaves|prefix"):
        Tree(LEAVES).consistency(old, size)
