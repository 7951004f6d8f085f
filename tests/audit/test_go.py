"""Checkpoints and proofs, accepted and refused by Go's own checksum database code: `sumdb/note` and `sumdb/tlog`.

Runs where Debian's packages `golang-go` and `golang-golang-x-mod-dev` are installed (`make golang`), and always in CI.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from base64 import b64encode
from hashlib import sha256
from pathlib import Path

from relations.audit import SealingKey, Tree
from relations.verification.merkle import leaf_hash
from tests.conftest import absent

SOURCES = Path("/usr/share/gocode")

PROGRAM = """
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type asked struct {
	Key, Note                 string
	Size, Index, Old          int64
	Root, OldRoot, Leaf       tlog.Hash
	Inclusion, Consistency    []tlog.Hash
}

func main() {
	var all []asked
	if err := json.NewDecoder(os.Stdin).Decode(&all); err != nil {
		panic(err)
	}
	for _, a := range all {
		verifier, err := note.NewVerifier(a.Key)
		if err == nil {
			_, err = note.Open([]byte(a.Note), note.VerifierList(verifier))
		}
		fmt.Println(err == nil,
			tlog.CheckRecord(a.Inclusion, a.Size, a.Root, a.Index, a.Leaf) == nil,
			a.Old == 0 || tlog.CheckTree(a.Consistency, a.Size, a.Root, a.Old, a.OldRoot) == nil)
	}
}
"""


def test_go_accepts_what_holds_and_refuses_what_does_not(tmp_path: Path) -> None:
    if shutil.which("go") is None or not (SOURCES / "src/golang.org/x/mod/sumdb").is_dir():
        absent("needs Go and its checksum database code; `make golang` installs them on Debian")
    key = SealingKey.generate("hotel.example/customers")
    leaves = [sha256(str(number).encode()).digest() for number in range(37)]
    tree = Tree(leaves)

    def coded(hashes: list[bytes]) -> list[str]:
        return [b64encode(each).decode() for each in hashes]

    asked = []
    for size in (1, 2, 21, 32, 37):
        for index in {0, size // 2, size - 1}:
            old = max(1, size // 3)
            asked.append({
                "Key": str(key.verifier_keys[0]), "Note": key.sign(size, tree.root(size), timestamp=1_777_000_000),
                "Size": size, "Index": index, "Old": old,
                "Root": coded([tree.root(size)])[0], "OldRoot": coded([tree.root(old)])[0],
                "Leaf": coded([leaf_hash(leaves[index])])[0],
                "Inclusion": coded(tree.inclusion(index, size)), "Consistency": coded(tree.consistency(old, size)),
            })  # fmt: skip
    # Each part wrong by itself: the origin, a signature, the size, the leaf, the index, the roots.
    zero = coded([bytes(32)])[0]
    good = asked[-1]
    lines = str(good["Note"]).split("\n")
    wrong: list[tuple[str, dict[str, object]]] = [
        ("false true true", {**good, "Note": str(good["Note"]).replace("hotel", "motel", 1)}),
        ("false true true", {**good, "Note": "\n".join([*lines[:2], zero, *lines[3:]])}),
        ("false true true", {**good, "Note": str(good["Note"]).replace("\n37\n", "\n36\n", 1)}),
        ("false true true", {**good, "Key": str(SealingKey.generate("hotel.example/customers").verifier_keys[0])}),
        # The proof that one tree continues another has the same form for both sizes: the signature binds the size.
        ("true false true", {**good, "Size": good["Size"] + 1}),  # type: ignore[operator]
        ("true false true", {**good, "Leaf": zero}),
        ("true false true", {**good, "Index": 0}),
        ("true false false", {**good, "Root": zero}),
        ("true true false", {**good, "OldRoot": zero}),
    ]
    program = tmp_path / "check.go"
    program.write_text(PROGRAM)
    environment = {**os.environ, "GO111MODULE": "off", "GOPATH": str(SOURCES), "GOCACHE": str(tmp_path / "cache"),
                   "GOFLAGS": "", "HOME": str(tmp_path)}  # fmt: skip
    sent = [*asked, *(each for _, each in wrong)]
    done = subprocess.run(
        ["go", "run", str(program)], input=json.dumps(sent), capture_output=True, text=True, check=False,
        env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    answers = done.stdout.splitlines()
    assert answers[: len(asked)] == ["true true true"] * len(asked)
    assert answers[len(asked) :] == [expected for expected, _ in wrong]
    assert len(asked) > 10
