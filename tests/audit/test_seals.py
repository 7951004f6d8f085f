"""Sealing a log, proving what it held, and noticing every change that the digest chain alone cannot show."""

from __future__ import annotations

import re
import shutil
import stat
import subprocess
import sys
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from sqlalchemy import Connection, text
from tlog_scales.signing import Vkey
from tlog_scales.tlog import Checkpoint as PeerCheckpoint
from tlog_scales.tlog import InclusionProof as PeerProof

from relations import Relations
from relations.audit import SealingKey, Seals, checker
from relations.audit.checker import (
    Checkpoint,
    Invalid,
    Policy,
    Proof,
    Request,
    check_checkpoint,
    check_consistency,
    check_inclusion,
)
from relations.errors import InvalidInput, LogError
from relations.log.chain import GENESIS, link
from relations.log.tables import log as log_table
from relations.testing import simulate
from relations.verification.merkle import leaf_hash

ORIGIN = "hotel.example/customers"
KEY = SealingKey.generate(ORIGIN)
STRANGER = SealingKey.generate(ORIGIN)
POLICY = Policy.parse(KEY.policy())
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


@pytest.fixture
def engine(database_url: str) -> Iterator[Relations]:
    with Relations.open(database_url) as engine:
        grow(engine, 60)
        yield engine


_commands = [*islice(simulate(), 160)]


def grow(engine: Relations, commands: int, *, start: int = 0) -> None:
    assert engine.execute_many(_commands[start : start + commands]).events


def digest_at(engine: Relations, position: int) -> bytes:
    with engine.log.database.reading() as connection:
        return bytes(
            connection.execute(log_table.select().where(log_table.c.position == position)).one()._mapping["digest"]
        )


def tampering(engine: Relations, change: Callable[[Connection], object]) -> None:
    """Change the log as somebody with full access to the database can: past its triggers."""
    with engine.log.database.transaction() as connection:
        if engine.log.database.is_sqlite:
            for verb in ("update", "delete", "replace"):
                connection.execute(text(f"DROP TRIGGER relations_log_no_{verb}"))
        else:
            connection.execute(text("ALTER TABLE relations_log DISABLE TRIGGER USER"))
        change(connection)


def rewritten(connection: Connection, position: int) -> None:
    """Change an actor, and compute every digest from there on anew: the chain holds again."""
    rows = [dict(row._mapping) for row in connection.execute(log_table.select().order_by(log_table.c.position))]
    previous = GENESIS
    for row in rows:
        if row["position"] == position:
            row["actor"] = "somebody else"
        values = [bytes(v) if isinstance(v, memoryview) else v for name, v in row.items() if name != "digest"]
        previous = link(previous, values)
        connection.execute(
            log_table.update()
            .where(log_table.c.position == row["position"])
            .values(actor=row["actor"], digest=previous)
        )


def test_a_sealed_log_proves_each_of_its_events_to_two_independent_checkers(engine: Relations) -> None:
    seal = Seals(engine.log).seal(KEY, at=NOON)
    peer_keys = [Vkey.from_string(str(key)) for key in KEY.verifier_keys]
    for position in (1, 2, seal.size // 2, seal.size):
        proof = Proof.parse(Seals(engine.log).prove(position))
        leaf = digest_at(engine, position)
        signers = check_inclusion(proof, leaf, POLICY)
        assert [key.type for key in signers] == [checker.ED25519, checker.ML_DSA_44]
        theirs = PeerCheckpoint.from_text(seal.checkpoint)
        for key in peer_keys:
            theirs.verify(key)
        PeerProof(proof.index, theirs.size, list(proof.path)).check(leaf_hash(leaf), theirs.root_hash)
        assert theirs.root_hash == seal.root


def test_a_seal_continues_the_one_before(engine: Relations) -> None:
    first = Seals(engine.log).seal(KEY, at=NOON)
    grow(engine, 50, start=60)
    second = Seals(engine.log).seal(KEY, at=NOON + timedelta(days=1))
    assert second.size > first.size
    assert Seals(engine.log).all() == [first, second]
    request = Request.parse(Seals(engine.log).prove_continuation(first.size))
    assert request.path
    assert len(check_consistency(request, Checkpoint.parse(first.checkpoint), POLICY)) == 2


def test_sealing_in_steps_gives_the_root_of_sealing_at_once(engine: Relations, tmp_path: Path) -> None:
    Seals(engine.log).seal(KEY, at=NOON)
    grow(engine, 50, start=60)
    stepped = Seals(engine.log).seal(KEY, at=NOON)
    proof = Proof.parse(Seals(engine.log).prove(1))  # made from a whole tree, and compared with the stepwise root
    assert proof.checkpoint.root == stepped.root


def test_sealing_again_without_anything_new_returns_the_last_seal(engine: Relations) -> None:
    first = Seals(engine.log).seal(KEY, at=NOON)
    assert Seals(engine.log).seal(KEY, at=NOON + timedelta(days=1)) == first
    assert len(Seals(engine.log).all()) == 1


def test_an_empty_log_has_nothing_to_seal(database_url: str) -> None:
    with Relations.open(database_url) as empty, pytest.raises(InvalidInput) as refused:
        Seals(empty.log).seal(KEY)
    assert refused.value.code == "nothing_to_seal"


def test_other_keys_cannot_continue_the_seals(engine: Relations) -> None:
    Seals(engine.log).seal(KEY, at=NOON)
    grow(engine, 50, start=60)
    with pytest.raises(InvalidInput) as refused:
        Seals(engine.log).seal(STRANGER, at=NOON)
    assert refused.value.code == "other_key"


@pytest.mark.parametrize("position", [1, 20])
def test_a_chain_computed_anew_after_an_edit_is_caught_by_the_checkpoint(engine: Relations, position: int) -> None:
    seals = Seals(engine.log)
    held = Checkpoint.parse(seals.seal(KEY, at=NOON).checkpoint)
    seals.check(held)
    tampering(engine, lambda connection: rewritten(connection, position))
    with engine.log.database.reading() as connection:
        assert [*engine.log.check(connection)], "the chain itself holds again: that is the point"
    with pytest.raises(LogError, match="differs from what was sealed") as broken:
        seals.check(held)
    assert broken.value.code == "seal_broken"
    grow(engine, 50, start=60)
    with pytest.raises(LogError, match="does not continue"):
        seals.seal(KEY, at=NOON)
    with pytest.raises(LogError, match="differs from what was sealed"):
        seals.prove(1)


def test_the_first_change_is_located_between_two_seals(engine: Relations) -> None:
    seals = Seals(engine.log)
    first = seals.seal(KEY, at=NOON)
    grow(engine, 50, start=60)
    second = seals.seal(KEY, at=NOON)
    tampering(engine, lambda connection: rewritten(connection, first.size + 3))
    with pytest.raises(LogError, match=rf"after position {first.size}$|after position {first.size}\b"):
        seals.check(Checkpoint.parse(second.checkpoint))
    seals.check(Checkpoint.parse(first.checkpoint))


def test_a_removed_tail_is_caught_by_the_checkpoint(engine: Relations) -> None:
    seals = Seals(engine.log)
    seal = seals.seal(KEY, at=NOON)
    tampering(engine, lambda c: c.execute(log_table.delete().where(log_table.c.position > seal.size - 2)))
    assert engine.verify().position == seal.size - 2
    with pytest.raises(LogError, match="some are gone"):
        seals.check(Checkpoint.parse(seal.checkpoint))
    with pytest.raises(LogError):
        seals.prove(1)


def test_a_changed_frontier_is_not_continued(engine: Relations) -> None:
    seals = Seals(engine.log)
    seals.seal(KEY, at=NOON)
    with engine.log.database.transaction() as connection:
        connection.execute(text("UPDATE relations_seals SET frontier = digest"))
    grow(engine, 50, start=60)
    with pytest.raises(LogError) as broken:
        seals.seal(KEY, at=NOON)
    assert broken.value.code == "seal_broken"


def test_two_logs_of_one_name_are_a_fork(engine: Relations, tmp_path: Path) -> None:
    held = Checkpoint.parse(Seals(engine.log).seal(KEY, at=NOON).checkpoint)
    with Relations.open(f"sqlite:///{tmp_path / 'fork.db'}") as fork:
        grow(fork, 60, start=90)
        grow(fork, 60)
        seals = Seals(fork.log)
        seals.seal(KEY, at=NOON)
        request = Request.parse(seals.prove_continuation(held.size))
    with pytest.raises(Invalid, match="does not continue"):
        check_consistency(request, held, POLICY)


# --- what the checker refuses ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Relations, str, bytes]]:
    with Relations.open(f"sqlite:///{tmp_path_factory.mktemp('sealed') / 'log.db'}") as engine:
        grow(engine, 40)
        Seals(engine.log).seal(KEY, at=NOON)
        yield engine, Seals(engine.log).prove(7), digest_at(engine, 7)


def test_a_proof_is_refused_with_another_leaf_index_size_root_or_path(sealed: tuple[Any, str, bytes]) -> None:
    _engine, text_of_proof, leaf = sealed
    proof = Proof.parse(text_of_proof)
    assert check_inclusion(proof, leaf, POLICY)
    wrong = (
        (proof, bytes(32)),
        (replace(proof, index=proof.index + 1), leaf),
        (replace(proof, index=proof.checkpoint.size), leaf),
        (replace(proof, path=proof.path[:-1]), leaf),
        (replace(proof, path=(*proof.path, bytes(32))), leaf),
        (replace(proof, path=(bytes(32), *proof.path[1:])), leaf),
    )
    for changed, given in wrong:
        with pytest.raises(Invalid):
            check_inclusion(changed, given, POLICY)


@pytest.mark.parametrize("line", [0, 1, 2], ids=["origin", "size", "root"])
def test_a_changed_checkpoint_is_refused_here_and_by_the_peer(sealed: tuple[Any, str, bytes], line: int) -> None:
    text_of_checkpoint = sealed[1].partition("\n\n")[2]
    lines = text_of_checkpoint.split("\n")
    lines[line] = ("hotel.example/other", "12", b64encode(bytes(32)).decode())[line]
    changed = "\n".join(lines)
    with pytest.raises(Invalid):
        check_checkpoint(Checkpoint.parse(changed), POLICY)
    for key in KEY.verifier_keys:
        with pytest.raises(InvalidSignature):
            PeerCheckpoint.from_text(changed).verify(Vkey.from_string(str(key)))


@pytest.mark.parametrize("which", [0, 1], ids=["Ed25519", "ML-DSA-44"])
def test_one_wrong_signature_of_a_known_key_refuses_the_checkpoint(sealed: tuple[Any, str, bytes], which: int) -> None:
    head, _, signatures = sealed[1].partition("\n\n")[2].partition("\n\n")
    lines = signatures.splitlines()
    dash, name, encoded = lines[which].split(" ")
    body = bytearray(b64decode(encoded))
    body[-1] ^= 1
    lines[which] = f"{dash} {name} {b64encode(body).decode()}"
    with pytest.raises(Invalid, match="does not verify"):
        check_checkpoint(Checkpoint.parse(f"{head}\n\n" + "\n".join(lines) + "\n"), POLICY)


def test_keys_that_are_not_in_the_policy_do_not_count(sealed: tuple[Any, str, bytes]) -> None:
    checkpoint = Proof.parse(sealed[1]).checkpoint
    with pytest.raises(Invalid, match="no key of the log"):
        check_checkpoint(checkpoint, Policy.parse(STRANGER.policy()))


def test_a_quorum_of_witnesses_is_asked_for(sealed: tuple[Any, str, bytes]) -> None:
    checkpoint = Proof.parse(sealed[1]).checkpoint
    witnesses = [SealingKey.generate(f"witness.example/{number}") for number in range(3)]
    policy = Policy.parse(
        KEY.policy().replace("quorum none\n", "")
        + "".join(f"witness w{number} {each.verifier_keys[1]}\n" for number, each in enumerate(witnesses))
        + "group two 2 w0 w1 w2\nquorum two\n"
    )

    def cosigned(*numbers: int) -> Checkpoint:
        lines = []
        for number in numbers:
            key = witnesses[number].verifier_keys[1]
            message = checker.cosigned_message(key.name, 1_777_000_000, checkpoint)
            made = (1_777_000_000).to_bytes(8, "big") + witnesses[number]._ml_dsa.sign(message)
            lines.append((key.name, key.identifier, made))
        return replace(checkpoint, signatures=(*checkpoint.signatures, *lines))

    assert len(check_checkpoint(cosigned(0, 2), policy)) == 4
    for numbers in ((), (1,)):
        with pytest.raises(Invalid, match="do not meet two"):
            check_checkpoint(cosigned(*numbers), policy)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("", "no quorum line"),
        ("quorum none\nquorum none\n", "line 2 of the policy: there is a quorum line already"),
        ("quorum somebody\n", "somebody is not a witness or group"),
        ("log nonsense\nquorum none\n", "is not a verifier key"),
        ("trust everybody\n", "is not a log, witness, group or quorum line"),
        (f"witness a {KEY.verifier_keys[1]}\ngroup g 2 a\nquorum g\n", "2 of 1 members can never cosign"),
        (f"log {KEY.verifier_keys[0]}\nlog {KEY.verifier_keys[0]}\nquorum none\n", "listed twice"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused_by_its_line(lines: str, said: str) -> None:
    with pytest.raises(Invalid, match=re.escape(said)):
        Policy.parse(lines)


@pytest.mark.parametrize(
    "text_of_note",
    ["", "\n\n", "a\nb\n", "o\n01\nAA==\n\n— o AAAAAAA=\n", f"o\n1\n{b64encode(bytes(32)).decode()}\n\nno dash\n"],
)
def test_what_is_no_checkpoint_is_refused(text_of_note: str) -> None:
    with pytest.raises(Invalid):
        Checkpoint.parse(text_of_note)


# --- keys and the standalone checker --------------------------------------------------------------------------------


def test_the_key_file_is_for_its_owner_alone_and_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "log.key"
    KEY.save(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert SealingKey.load(path).verifier_keys == KEY.verifier_keys
    with pytest.raises(InvalidInput) as refused:
        STRANGER.save(path)
    assert refused.value.code == "key_exists"
    assert SealingKey.load(path).verifier_keys == KEY.verifier_keys


@pytest.mark.parametrize("body", ["", "PRIVATE+KEY+x+00000000+AAAA\n", "nonsense"])
def test_a_file_without_both_keys_is_refused(tmp_path: Path, body: str) -> None:
    path = tmp_path / "log.key"
    path.write_text(body)
    with pytest.raises(InvalidInput) as refused:
        SealingKey.load(path)
    assert refused.value.code == "unreadable_key"


@pytest.mark.parametrize("origin", ["", "two words", "a+b", "x" * 256])
def test_some_names_cannot_be_an_origin(origin: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        SealingKey.generate(origin)
    assert refused.value.code == "invalid_origin"


def test_the_checker_is_one_file_that_needs_nothing_of_ours(sealed: tuple[Any, str, bytes], tmp_path: Path) -> None:
    alone = tmp_path / "checker.py"
    shutil.copy(checker.__file__, alone)
    (tmp_path / "policy").write_text(KEY.policy())
    (tmp_path / "event.tlog-proof").write_text(sealed[1])

    def run(leaf: str) -> subprocess.CompletedProcess[str]:
        block = "import sys; sys.modules['relations'] = None; sys.argv[0] = 'checker.py'\n"
        block += f"sys.path.insert(0, {str(tmp_path)!r}); import checker; sys.exit(checker.main())"
        asked = [sys.executable, "-c", block, "inclusion", "event.tlog-proof", "--policy", "policy", "--leaf", leaf]
        return subprocess.run(asked, capture_output=True, text=True, check=False, cwd=tmp_path)

    good = run(sealed[2].hex())
    assert (good.returncode, good.stderr) == (0, "")
    assert "position 7 is in the tree" in good.stdout
    assert "ML-DSA-44" in good.stdout
    bad = run("00" * 32)
    assert bad.returncode == 1
    assert bad.stderr.startswith("NOT VALID: the leaf is not in the signed tree")
