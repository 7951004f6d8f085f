"""Sign checkpoints with Ed25519 and ML-DSA-44, as C2SP's `signed-note` and `tlog-cosignature` define it.

Each checkpoint has two signature lines under one name, the log's origin. The Ed25519 line can be verified by any tool
that reads Go's checksum database format; the ML-DSA-44 line stays secure against quantum computers.
"""

from __future__ import annotations

import os
import re
import stat
from base64 import b64decode, b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from relations.audit.checker import ED25519, ML_DSA_44, Checkpoint, VerifierKey, cosigned_message
from relations.errors import InvalidInput

__all__ = ["SealingKey"]

_SEED_SIZE = 32
_PREFIX = "PRIVATE+KEY"
_ORIGIN = re.compile(r"[^\s+\x00-\x1f]+")
_ORIGIN_BYTES_MAX = 255


@dataclass(frozen=True, repr=False)
class SealingKey:
    """The private keys of a log: an Ed25519 key and an ML-DSA-44 key under one name.

    Attributes:
        origin: The log's name in every checkpoint, such as `hotel.example/customers`.
    """

    origin: str
    _ed25519: Ed25519PrivateKey
    _ml_dsa: MLDSA44PrivateKey

    @classmethod
    def generate(cls, origin: str) -> Self:
        """Return new keys for a log.

        Args:
            origin: The log's name: no spaces and no `+`, at most 255 bytes. A URL without its scheme is customary.

        Raises:
            InvalidInput: The name is not a valid origin.
        """
        if not _ORIGIN.fullmatch(origin) or len(origin.encode()) > _ORIGIN_BYTES_MAX:
            raise InvalidInput(
                f"{origin!r} cannot name a log",
                code="invalid_origin",
                field="origin",
                hint="Use a name like hotel.example/customers, without spaces and plus signs",
            )
        return cls(origin, Ed25519PrivateKey.generate(), MLDSA44PrivateKey.generate())

    @property
    def verifier_keys(self) -> tuple[VerifierKey, VerifierKey]:
        """The public keys, for everyone who checks a seal: Ed25519, then ML-DSA-44."""
        return (
            VerifierKey(self.origin, ED25519, self._ed25519.public_key().public_bytes_raw()),
            VerifierKey(self.origin, ML_DSA_44, self._ml_dsa.public_key().public_bytes_raw()),
        )

    def policy(self) -> str:
        """Return a trust policy (`tlog-policy`) that accepts this log and asks for no witnesses."""
        ed25519, ml_dsa = self.verifier_keys
        return f"# Accept checkpoints of {self.origin}.\nlog {ed25519}\nlog {ml_dsa}\nquorum none\n"

    def sign(self, size: int, root: bytes, *, timestamp: int) -> str:
        """Return a signed checkpoint.

        Args:
            size: The number of leaves.
            root: The root hash, 32 bytes.
            timestamp: When it is signed, in seconds since 1970.
        """
        body = f"{self.origin}\n{size}\n{b64encode(root).decode()}\n"
        head = Checkpoint(self.origin, size, root, body.encode())
        ed25519, ml_dsa = self.verifier_keys
        stamped = timestamp.to_bytes(8, "big")
        signatures = (
            (ed25519, self._ed25519.sign(head.body)),
            (ml_dsa, stamped + self._ml_dsa.sign(cosigned_message(self.origin, timestamp, head))),
        )
        lines = (f"— {key.name} {b64encode(key.identifier + made).decode()}\n" for key, made in signatures)
        return f"{body}\n{''.join(lines)}"

    def save(self, path: Path) -> None:
        """Write the private keys to a new file that only its owner can read.

        The format is that of Go's `sumdb/note`, a line a key: `PRIVATE+KEY+name+hash+base64(type ‖ seed)`.

        Raises:
            InvalidInput: The file exists already, or cannot be written.
        """
        seeds = self._ed25519.private_bytes_raw(), self._ml_dsa.private_bytes_raw()
        lines = (
            f"{_PREFIX}+{key.name}+{key.identifier.hex()}+{b64encode(bytes([key.type]) + seed).decode()}\n"
            for key, seed in zip(self.verifier_keys, seeds, strict=True)
        )
        try:
            with os.fdopen(
                os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, stat.S_IRUSR | stat.S_IWUSR), "w"
            ) as out:
                out.writelines(lines)
        except FileExistsError:
            raise InvalidInput(
                f"{path} exists already",
                code="key_exists",
                field="key",
                hint="Choose another file; checkpoints can only be compared while the log keeps its keys",
            ) from None
        except OSError as error:
            raise InvalidInput(f"cannot write {path}: {error.strerror}", code="unwritable_file", field="key") from None

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the private keys that `save` wrote.

        Raises:
            InvalidInput: The file cannot be read, or does not hold one key of each kind under one name.
        """
        try:
            lines = path.read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            raise InvalidInput(
                f"cannot read the keys in {path}", code="unreadable_key", field="key", hint="Check the path"
            ) from None
        seeds: dict[int, bytes] = {}
        names: set[str] = set()
        for line in lines:
            if not line.startswith(f"{_PREFIX}+"):
                continue
            name, _, rest = line.removeprefix(f"{_PREFIX}+").partition("+")
            try:
                material = b64decode(rest.partition("+")[2], validate=True)
            except ValueError:
                material = b""
            if len(material) == _SEED_SIZE + 1:
                seeds[material[0]] = material[1:]
                names.add(name)
        if seeds.keys() != {ED25519, ML_DSA_44} or len(names) != 1:
            raise InvalidInput(
                f"{path} does not hold a log's keys: one Ed25519 and one ML-DSA-44 key under one name",
                code="unreadable_key",
                field="key",
                hint="Use the file that `relations audit keygen` wrote",
            )
        return cls(
            names.pop(),
            Ed25519PrivateKey.from_private_bytes(seeds[ED25519]),
            MLDSA44PrivateKey.from_seed_bytes(seeds[ML_DSA_44]),
        )
