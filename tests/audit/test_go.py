"""Checkpoints and proofs, accepted and refused by Go's own checksum database code: `sumdb/note` and `sumdb/tlog`.

Runs where Debian's packages `golang-go` and `golang-golang-x-mod-dev` are installed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from base64 import b64encode
from hashlib import sha256
from pathlib import Path

import pytest

from relations.audit import SealingKey, Tree
from relations.verification.merkle import leaf_hash

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


@pytest.mark.skipif(
    shutil.which("go") is None or not (SOURCES / "src/golang.org/x/mod/sumdb").is_dir(),
    reason="needs Go and its checksum database code (Debian: golang-go golang-golang-x-mod-dev)",
)
def test_go_accepts_what_holds_and_refuses_what_does_not(tmp_path: Path) -> None:
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
    changed = [
        {**each, "Note": str(each["Note"]).replace("hotel", "motel", 1), "Root": coded([bytes(32)])[0]}
        for each in asked
    ]
    program = tmp_path / "check.go"
    program.write_text(PROGRAM)
    environment = {**os.environ, "GO111MODULE": "off", "GOPATH": str(SOURCES), "GOCACHE": str(tmp_path / "cache"),
                   "GOFLAGS": "", "HOME": str(tmp_path)}  # fmt: skip
    done = subprocess.run(
        ["go", "run", str(program)], input=json.dumps(asked + changed), capture_output=True, text=True, check=False,
        env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    answers = done.stdout.splitlines()
    assert answers[: len(asked)] == ["true true true"] * len(asked)
    assert set(answers[len(asked) :]) == {"false false false"}
    assert len(answers) == 2 * len(asked) >= 20
