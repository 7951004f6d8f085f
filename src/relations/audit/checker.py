"""Check a sealed log's checkpoints and proofs with nothing but `cryptography`.

This file stands alone: copy it to a machine that has never seen the log's software, and run it.

    python checker.py checkpoint CHECKPOINT --policy POLICY
    python checker.py inclusion PROOF --policy POLICY --leaf HEX
    python checker.py consistency REQUEST OLD_CHECKPOINT --policy POLICY

It reads the public formats of C2SP (https://c2sp.org). Checkpoints are signed notes (`tlog-checkpoint`, `signed-note`)
with Ed25519 and ML-DSA-44 signatures (`tlog-cosignature`). Inclusion proofs are `tlog-proof@v1`, consistency proofs are
witness requests (`tlog-witness`), and trust policies are `tlog-policy`. Merkle proofs are verified by the algorithms of
RFC 9162, sections 2.1.3.2 and 2.1.4.2.

The exit code is 0 if everything holds, 1 if something does not, and 2 if the command line is wrong.
"""

from __future__ import annotations

import argparse
import binascii
import re
import sys
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

__all__ = [
    "Checkpoint",
    "Invalid",
    "Policy",
    "Proof",
    "Request",
    "VerifierKey",
    "check_checkpoint",
    "check_consistency",
    "check_inclusion",
    "main",
]

ED25519, ED25519_COSIGNATURE, ML_DSA_44 = 0x01, 0x04, 0x06
"""Signature types of `signed-note` and `tlog-cosignature`."""

_KEY_SIZES = {ED25519: 32, ED25519_COSIGNATURE: 32, ML_DSA_44: 1312}
_LOG_TYPES = (ED25519, ML_DSA_44)
_WITNESS_TYPES = (ED25519_COSIGNATURE, ML_DSA_44)
_HASH_SIZE = 32
_SIGNATURES_MAX = 64
_PATH_MAX = 63
_NOTE_MAX = 1 << 20
_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}")
_SPACES = re.compile(r"\s|\+")


class Invalid(Exception):
    """Something does not hold, or cannot be read; the text says what."""


def _base64(text: str, what: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Invalid(f"{what} is not base64") from None


def _hash(text: str, what: str) -> bytes:
    found = _base64(text, what)
    if len(found) != _HASH_SIZE:
        raise Invalid(f"{what} has {len(found)} bytes; a SHA-256 hash has {_HASH_SIZE}")
    return found


def _number(text: str, what: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise Invalid(f"{what} is {text!r}; it must be a decimal number without leading zeroes")
    return int(text)


@dataclass(frozen=True)
class VerifierKey:
    """A public key with the name that it signs under.

    Attributes:
        name: The key's name; a log's is its origin.
        type: The signature type, one of 0x01, 0x04 and 0x06.
        public: The public key's bytes.
    """

    name: str
    type: int
    public: bytes

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """Read a vkey, `name+hash+base64`.

        Raises:
            Invalid: The text is not a vkey of a known type.
        """
        parts = text.split("+", 2)
        if len(parts) != 3 or not parts[0]:
            raise Invalid(f"{text[:80]!r} is not a verifier key: it must be name+hash+base64")
        name, identifier, encoded = parts
        material = _base64(encoded, f"the verifier key of {name}")
        if not material or len(material) - 1 != _KEY_SIZES.get(material[0]):
            raise Invalid(f"the verifier key of {name} is of an unknown type or has the wrong length")
        key = cls(name, material[0], material[1:])
        if key.identifier.hex() != identifier:
            raise Invalid(f"the verifier key of {name} has the hash {identifier}; its key gives {key.identifier.hex()}")
        return key

    @property
    def identifier(self) -> bytes:
        """The key ID, 4 bytes."""
        return sha256(self.name.encode() + b"\n" + bytes([self.type]) + self.public).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.identifier.hex()}+{b64encode(bytes([self.type]) + self.public).decode()}"

    def verify(self, signature: bytes, checkpoint: Checkpoint) -> None:
        """Verify one signature, without its key ID.

        Raises:
            Invalid: The signature does not belong to this checkpoint and key.
        """
        try:
            if self.type == ED25519:
                Ed25519PublicKey.from_public_bytes(self.public).verify(signature, checkpoint.body)
            elif self.type == ED25519_COSIGNATURE:
                message = f"cosignature/v1\ntime {_timestamp(signature)}\n".encode() + checkpoint.body
                Ed25519PublicKey.from_public_bytes(self.public).verify(signature[8:], message)
            else:
                message = cosigned_message(self.name, _timestamp(signature), checkpoint)
                MLDSA44PublicKey.from_public_bytes(self.public).verify(signature[8:], message)
        except (InvalidSignature, ValueError):
            raise Invalid(f"the signature of {self.name} ({self.identifier.hex()}) does not verify") from None


def _timestamp(signature: bytes) -> int:
    found = int.from_bytes(signature[:8], "big")
    if len(signature) <= 8 or found >= 1 << 63:
        raise ValueError
    return found


def cosigned_message(name: str, timestamp: int, checkpoint: Checkpoint) -> bytes:
    """Return what an ML-DSA-44 key signs of a checkpoint, after `tlog-cosignature`.

    Args:
        name: The key's name, at most 255 bytes.
        timestamp: Seconds since 1970.
        checkpoint: The checkpoint.
    """
    origin = checkpoint.origin.encode()
    return b"".join((
        b"subtree/v1\n\x00",
        bytes([len(name.encode())]), name.encode(),
        timestamp.to_bytes(8, "big"),
        bytes([len(origin)]), origin,
        bytes(8),
        checkpoint.size.to_bytes(8, "big"),
        checkpoint.root,
    ))  # fmt: skip


@dataclass(frozen=True)
class Checkpoint:
    """A signed tree head.

    Attributes:
        origin: The log's name.
        size: The number of leaves.
        root: The root hash, 32 bytes.
        body: What is signed, as bytes.
        signatures: Key name, key ID and signature of each line.
    """

    origin: str
    size: int
    root: bytes
    body: bytes
    signatures: tuple[tuple[str, bytes, bytes], ...] = ()

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Read a checkpoint.

        Raises:
            Invalid: The text is not a signed note with a checkpoint in it.
        """
        if len(text) > _NOTE_MAX:
            raise Invalid(f"the checkpoint has over {_NOTE_MAX} characters")
        if any(character < " " and character != "\n" for character in text):
            raise Invalid("the checkpoint has control characters")
        body, blank, lines = text.rpartition("\n\n")
        if not blank or not lines.endswith("\n"):
            raise Invalid("the checkpoint does not end with a blank line and signature lines")
        rows = body.split("\n")
        if len(rows) < 3 or not all(rows):
            raise Invalid("the checkpoint must have an origin, a size and a root hash, each in a line of its own")
        signatures = tuple(_signature(line) for line in lines[:-1].split("\n"))
        if len(signatures) > _SIGNATURES_MAX:
            raise Invalid(f"the checkpoint has over {_SIGNATURES_MAX} signatures")
        size, root = _number(rows[1], "the tree size"), _hash(rows[2], "the root hash")
        return cls(rows[0], size, root, (body + "\n").encode(), signatures)


def _signature(line: str) -> tuple[str, bytes, bytes]:
    dash, _, rest = line.partition(" ")
    name, _, encoded = rest.partition(" ")
    if dash != "\N{EM DASH}" or not name or _SPACES.search(name):
        raise Invalid(f"{line[:60]!r} is not a signature line")
    found = _base64(encoded, f"the signature of {name}")
    if len(found) <= 4:
        raise Invalid(f"the signature of {name} is too short")
    return name, found[:4], found[4:]


@dataclass(frozen=True)
class Policy:
    """The keys whose signatures are trusted, after `tlog-policy`.

    Attributes:
        logs: The keys of accepted logs.
        witnesses: The key of each witness, by its name in the policy.
        groups: Threshold and members of each group.
        quorum: The witness or group that must have cosigned; `none` asks for nobody.
    """

    logs: tuple[VerifierKey, ...]
    witnesses: Mapping[str, VerifierKey] = field(default_factory=dict)
    groups: Mapping[str, tuple[int, tuple[str, ...]]] = field(default_factory=dict)
    quorum: str = "none"

    @classmethod
    def parse(cls, text: str) -> Policy:
        """Read a policy file.

        Raises:
            Invalid: A line is not one of `log`, `witness`, `group` and `quorum`, or does not make sense.
        """
        reading = _PolicyLines()
        for number, line in enumerate(text.split("\n"), start=1):
            words = line.strip(" \t").replace("\t", " ").split(" ")
            words = [word for word in words if word]
            if not words or words[0].startswith("#"):
                continue
            try:
                reading.take(words)
            except Invalid as error:
                raise Invalid(f"line {number} of the policy: {error}") from None
        if reading.quorum is None:
            raise Invalid("the policy has no quorum line; `quorum none` asks for no witnesses")
        return cls(tuple(reading.logs), reading.witnesses, reading.groups, reading.quorum)

    def is_met(self, name: str, cosigned: set[str]) -> bool:
        """Return whether a witness or group has cosigned, given the names of the witnesses that have."""
        if name in self.groups:
            least, members = self.groups[name]
            return sum(self.is_met(member, cosigned) for member in members) >= least
        return name == "none" or name in cosigned


class _PolicyLines:
    """A policy under construction."""

    def __init__(self) -> None:
        self.logs: list[VerifierKey] = []
        self.witnesses: dict[str, VerifierKey] = {}
        self.groups: dict[str, tuple[int, tuple[str, ...]]] = {}
        self.quorum: str | None = None
        self._grouped: set[str] = set()

    def take(self, words: list[str]) -> None:
        kind, rest = words[0], words[1:]
        if kind == "log" and len(rest) in (1, 2):
            self.logs.append(self._key(rest[0], _LOG_TYPES, self.logs))
        elif kind == "witness" and len(rest) in (2, 3):
            self._must_be_new(rest[0])
            self.witnesses[rest[0]] = self._key(rest[1], _WITNESS_TYPES, self.witnesses.values())
        elif kind == "group" and len(rest) >= 3:
            self._group(rest[0], rest[1], rest[2:])
        elif kind == "quorum" and len(rest) == 1:
            if self.quorum is not None:
                raise Invalid("there is a quorum line already")
            self._must_be_known(rest[0], also=("none",))
            self.quorum = rest[0]
        else:
            raise Invalid(f"{' '.join(words)[:60]!r} is not a log, witness, group or quorum line")

    def _key(self, text: str, types: Sequence[int], others: Iterable[VerifierKey]) -> VerifierKey:
        key = VerifierKey.parse(text)
        if key.type not in types:
            raise Invalid(f"a key of type {key.type:#04x} cannot be used here")
        if any(key.public == other.public for other in others):
            raise Invalid(f"the key of {key.name} is listed twice")
        return key

    def _group(self, name: str, threshold: str, members: list[str]) -> None:
        self._must_be_new(name)
        for member in members:
            self._must_be_known(member)
            if member in self._grouped:
                raise Invalid(f"{member} is a member of two groups, or twice of one")
            self._grouped.add(member)
        least = {"any": 1, "all": len(members)}.get(threshold) or _number(threshold, "the threshold")
        if not 1 <= least <= len(members):
            raise Invalid(f"{least} of {len(members)} members can never cosign")
        self.groups[name] = least, tuple(members)

    def _must_be_new(self, name: str) -> None:
        if name == "none" or name in self.witnesses or name in self.groups:
            raise Invalid(f"the name {name} is taken")

    def _must_be_known(self, name: str, also: tuple[str, ...] = ()) -> None:
        if name not in self.witnesses and name not in self.groups and name not in also:
            raise Invalid(f"{name} is not a witness or group of a line before")


@dataclass(frozen=True)
class Proof:
    """An inclusion proof, `tlog-proof@v1`.

    Attributes:
        index: The leaf's index, from 0.
        path: The hashes from the leaf's sibling to the root's child.
        checkpoint: The signed tree head.
    """

    index: int
    path: tuple[bytes, ...]
    checkpoint: Checkpoint

    @classmethod
    def parse(cls, text: str) -> Proof:
        """Read a proof file.

        Raises:
            Invalid: The text is not an inclusion proof.
        """
        head, blank, rest = text.partition("\n\n")
        lines = head.split("\n")
        if not blank or lines[0] != "c2sp.org/tlog-proof@v1":
            raise Invalid("the file is not an inclusion proof (c2sp.org/tlog-proof@v1)")
        lines = lines[2:] if len(lines) > 1 and lines[1].startswith("extra ") else lines[1:]
        if not lines or not lines[0].startswith("index "):
            raise Invalid("the proof does not say the index of its leaf")
        index = _number(lines[0].removeprefix("index "), "the index")
        return cls(index, _path(lines[1:]), Checkpoint.parse(rest))


@dataclass(frozen=True)
class Request:
    """A consistency proof in the form in which witnesses are asked to cosign (`add-checkpoint`).

    Attributes:
        old: The size of the older tree.
        path: The hashes of the proof.
        checkpoint: The newer signed tree head.
    """

    old: int
    path: tuple[bytes, ...]
    checkpoint: Checkpoint

    @classmethod
    def parse(cls, text: str) -> Request:
        """Read a request.

        Raises:
            Invalid: The text is not a consistency proof.
        """
        head, blank, rest = text.partition("\n\n")
        lines = head.split("\n")
        if not blank or not lines[0].startswith("old "):
            raise Invalid("the file is not a consistency proof: its first line must be `old` and a tree size")
        old = _number(lines[0].removeprefix("old "), "the old size")
        return cls(old, _path(lines[1:]), Checkpoint.parse(rest))


def _path(lines: Sequence[str]) -> tuple[bytes, ...]:
    if len(lines) > _PATH_MAX:
        raise Invalid(f"the proof has {len(lines)} hashes; no tree needs over {_PATH_MAX}")
    return tuple(_hash(line, f"hash {number} of the proof") for number, line in enumerate(lines, start=1))


def check_checkpoint(checkpoint: Checkpoint, policy: Policy) -> list[VerifierKey]:
    """Check that a trusted log signed a checkpoint, and that the quorum of witnesses cosigned it.

    Returns:
        The keys whose signatures were verified: the log's, then the witnesses'.

    Raises:
        Invalid: No trusted log signed it, a known key's signature is wrong, or the quorum is not met.
    """
    logs = {(key.name, key.identifier): key for key in policy.logs}
    if not any(key.name == checkpoint.origin for key in policy.logs):
        raise Invalid(f"the origin {checkpoint.origin!r} is not a log of the policy")
    witnesses = {(key.name, key.identifier): name for name, key in policy.witnesses.items()}
    signed: list[VerifierKey] = []
    cosigned: dict[str, VerifierKey] = {}
    for name, identifier, signature in checkpoint.signatures:
        log = logs.get((name, identifier))
        if log is not None and name == checkpoint.origin:
            log.verify(signature, checkpoint)
            signed.append(log)
        witness = witnesses.get((name, identifier))
        if witness is not None:
            key = policy.witnesses[witness]
            key.verify(signature, checkpoint)
            cosigned[witness] = key
    if not signed:
        raise Invalid(f"no key of the log {checkpoint.origin!r} in the policy signed the checkpoint")
    if not policy.is_met(policy.quorum, set(cosigned)):
        raise Invalid(f"the witnesses that cosigned ({', '.join(cosigned) or 'none'}) do not meet {policy.quorum}")
    return [*signed, *cosigned.values()]


def check_inclusion(proof: Proof, leaf: bytes, policy: Policy) -> list[VerifierKey]:
    """Check that a leaf is in a signed tree.

    Args:
        proof: The proof.
        leaf: The leaf itself: the digest of a row of the log, 32 bytes.
        policy: Whose signatures are trusted.

    Returns:
        The keys whose signatures were verified.

    Raises:
        Invalid: The proof or a signature does not hold.
    """
    keys = check_checkpoint(proof.checkpoint, policy)
    if proof.index >= proof.checkpoint.size:
        raise Invalid(f"the tree has {proof.checkpoint.size} leaves, and the proof is of index {proof.index}")
    place, last = proof.index, proof.checkpoint.size - 1
    found = sha256(b"\x00" + leaf).digest()
    for sibling in proof.path:
        if not last:
            raise Invalid("the proof has more hashes than the tree has levels")
        if place & 1 or place == last:
            found = sha256(b"\x01" + sibling + found).digest()
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            found = sha256(b"\x01" + found + sibling).digest()
        place, last = place >> 1, last >> 1
    if last or found != proof.checkpoint.root:
        raise Invalid("the leaf is not in the signed tree at that index: the proof leads to another root")
    return keys


def check_consistency(request: Request, old: Checkpoint, policy: Policy) -> list[VerifierKey]:
    """Check that a newer signed tree continues an older one: nothing was changed, removed or inserted in between.

    Args:
        request: The proof with the newer checkpoint.
        old: The older checkpoint.
        policy: Whose signatures are trusted; both checkpoints are checked.

    Returns:
        The keys whose signatures on the newer checkpoint were verified.

    Raises:
        Invalid: The proof or a signature does not hold.
    """
    new = request.checkpoint
    check_checkpoint(old, policy)
    keys = check_checkpoint(new, policy)
    if old.origin != new.origin:
        raise Invalid(f"the checkpoints are of two logs, {old.origin!r} and {new.origin!r}")
    if request.old != old.size:
        raise Invalid(f"the proof begins at size {request.old}, the older checkpoint has {old.size}")
    if old.size > new.size:
        raise Invalid(f"the older tree has {old.size} leaves, the newer one only {new.size}")
    if old.size in (0, new.size):
        if request.path:
            raise Invalid("there is nothing to prove between these sizes, but the proof has hashes")
        if old.size == new.size and old.root != new.root:
            raise Invalid("two trees of one size have different roots: the log was forked or rewritten")
        return keys
    _follow(request.path, old, new)
    return keys


def _follow(path: Sequence[bytes], old: Checkpoint, new: Checkpoint) -> None:
    hashes = [old.root, *path] if not old.size & (old.size - 1) else list(path)
    if not hashes:
        raise Invalid("the proof has no hashes")
    place, last = old.size - 1, new.size - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    older = newer = hashes[0]
    for sibling in hashes[1:]:
        if not last:
            raise Invalid("the proof has more hashes than the tree has levels")
        if place & 1 or place == last:
            older = sha256(b"\x01" + sibling + older).digest()
            newer = sha256(b"\x01" + sibling + newer).digest()
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            newer = sha256(b"\x01" + newer + sibling).digest()
        place, last = place >> 1, last >> 1
    if last or older != old.root or newer != new.root:
        raise Invalid("the newer tree does not continue the older one: the log was changed or forked in between")


def _read(path: str) -> str:
    try:
        return Path(path).read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        raise Invalid(f"{path} is not UTF-8 text") from None
    except OSError as error:
        raise Invalid(f"cannot read {path}: {error.strerror}") from None


def _leaf(text: str) -> bytes:
    try:
        leaf = bytes.fromhex(text)
    except ValueError:
        leaf = b""
    if len(leaf) != _HASH_SIZE:
        raise Invalid(f"the leaf must be {2 * _HASH_SIZE} hexadecimal digits: the digest of the row")
    return leaf


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the checker; return the exit code."""
    parser = argparse.ArgumentParser(description="Check the checkpoints and proofs of a sealed log.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, files, text in (
        ("checkpoint", ["checkpoint"], "check the signatures of a checkpoint"),
        ("inclusion", ["proof"], "check that a row is in a signed tree"),
        ("consistency", ["request", "old"], "check that a newer tree continues an older one"),
    ):
        command = commands.add_parser(name, help=text, description=text.capitalize() + ".")
        for each in files:
            command.add_argument(each, metavar=each.upper(), help=f"the {each} file")
        command.add_argument("--policy", required=True, help="the policy file: whose signatures are trusted")
        if name == "inclusion":
            command.add_argument("--leaf", required=True, metavar="HEX", help="the digest of the row")
    asked = parser.parse_args(arguments)
    try:
        policy = Policy.parse(_read(asked.policy))
        if asked.command == "checkpoint":
            checkpoint = Checkpoint.parse(_read(asked.checkpoint))
            keys = check_checkpoint(checkpoint, policy)
            said = f"{checkpoint.size} events, root {checkpoint.root.hex()}"
        elif asked.command == "inclusion":
            proof = Proof.parse(_read(asked.proof))
            keys = check_inclusion(proof, _leaf(asked.leaf), policy)
            said = f"position {proof.index + 1} is in the tree of {proof.checkpoint.size} events"
        else:
            request = Request.parse(_read(asked.request))
            old = Checkpoint.parse(_read(asked.old))
            keys = check_consistency(request, old, policy)
            said = f"the tree of {request.checkpoint.size} events continues the one of {old.size}"
    except Invalid as error:
        print(f"NOT VALID: {error}", file=sys.stderr)
        return 1
    print(f"valid: {said}")
    for key in keys:
        print(f"signed by {key.name} ({key.identifier.hex()}, {'ML-DSA-44' if key.type == ML_DSA_44 else 'Ed25519'})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
