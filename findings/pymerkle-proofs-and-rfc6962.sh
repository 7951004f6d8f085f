#!/usr/bin/env bash
# Certificate Transparency's Merkle tree (RFC 6962) lets an auditor check with few hashes that an entry is in a log and
# that the log only grew. pymerkle makes the same tree: its root over five entries is the one of the RFC. A good guess is
# that its proofs have the RFC's hashes too, so that one side's proof can be given to the other.
#
# What is so, with pymerkle 7.0.0: they do not. Entries count from 1. The proof of an entry begins with the hash of the
# entry itself, which an audit path never has, so it is one hash longer; the others are the RFC's. The proof of growth
# from 3 to 5 entries has the RFC's four hashes, but the first two change places. Translate a proof, and do not compare
# lists of hashes.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check pymerkle==7.0.0
"$work/venv/bin/python" - <<'PY'
from hashlib import sha256
from importlib.metadata import version

from pymerkle import InmemoryTree

entries = [f"entry {number}".encode() for number in range(5)]
tree = InmemoryTree(algorithm="sha256")
for entry in entries:
    tree.append_entry(entry)

def head(leaves):  # RFC 6962, section 2.1
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    left = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\x01" + head(leaves[:left]) + head(leaves[left:])).digest()

def path(index, leaves):  # section 2.1.1
    if len(leaves) == 1:
        return []
    left = 1 << (len(leaves) - 1).bit_length() - 1
    if index < left:
        return [*path(index, leaves[:left]), head(leaves[left:])]
    return [*path(index - left, leaves[left:]), head(leaves[:left])]

def hashes(proof):
    return [bytes.fromhex(each) for each in proof.serialize()["path"]]

e0, e1, e2, e3, e4 = (head([entry]) for entry in entries)
growth = [e2, e3, head(entries[:2]), e4]  # PROOF(3, D[5]), section 2.1.2
inclusion, consistency = hashes(tree.prove_inclusion(3, 5)), hashes(tree.prove_consistency(3, 5))
print("pymerkle", version("pymerkle"))
print("same root:", tree.get_root() == head(entries))
print("proof of the third entry:", len(inclusion), "hashes; the RFC's path has", len(path(2, entries)))
print("proof of growth in the RFC's order:", [growth.index(each) for each in consistency])
assert tree.get_root() == head(entries)
assert set(inclusion) == {e2, *path(2, entries)} and e2 not in path(2, entries)
assert consistency == [growth[1], growth[0], growth[2], growth[3]], "the behaviour has changed"
PY
