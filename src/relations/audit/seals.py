"""Seal the log, and prove afterwards what was sealed.

A seal is a signed statement of the log's size and of the root of the Merkle tree over its digests. Handed to somebody
else, it shows any later change of what was sealed. That includes a removed tail, and a chain recomputed after an edit,
which the digest chain alone cannot show.

For each seal, the database keeps its checkpoint and the O(log n) hashes from which the next one goes on. They are a
convenience: what proves anything is the checkpoint that somebody else holds.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError

from relations.audit.checker import Checkpoint, Invalid, Policy, check_checkpoint
from relations.audit.signing import SealingKey
from relations.audit.witnesses import ask_witness
from relations.errors import InvalidInput, LogError
from relations.log.database import create_tables, tables_of
from relations.log.log import Log
from relations.messages import from_micros, to_micros
from relations.verification.merkle import Frontier, Tree
from relations.verification.seals import seals

__all__ = ["Seal", "Seals"]


@dataclass(frozen=True)
class Seal:
    """A signed state of the log.

    Attributes:
        size: The number of events that it covers: all up to this position.
        root: The root of their Merkle tree, 32 bytes.
        checkpoint: The signed checkpoint, as text.
        sealed_at: When the log was sealed, in UTC.
    """

    size: int
    root: bytes
    checkpoint: str
    sealed_at: datetime


class Seals:
    """The seals of one log.

    Args:
        log: The log, such as `engine.log`.
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self._database = log.database

    def seal(self, key: SealingKey, *, at: datetime | None = None) -> Seal:
        """Sign the log as it is now, and keep the seal. Return the last seal if there are no new events.

        Writers are not blocked: the log is read in a separate transaction.

        Args:
            key: The log's private keys.
            at: The time of sealing, an aware datetime; now by default.

        Raises:
            InvalidInput: The log was sealed with other keys, or has no events.
            LogError: The log does not continue the last seal (`seal_broken`).
        """
        moment = datetime.now(UTC) if at is None else at
        with self._database.reading() as connection:
            last = self._last(connection)
            head = self._log.head(connection)
            if last is None:
                frontier, after = Frontier(), 0
            else:
                self._must_be_signed_by(key, last.checkpoint)
                frontier, after = self._resume(connection, last.size), last.size
            if not head.position:
                raise InvalidInput(
                    "the log has no events to seal", code="nothing_to_seal", hint="Record something first"
                )
            if last is not None and head.position == last.size:
                return last
            for page in self._digests(connection, after, head.position):
                frontier.extend(page)
        root = frontier.root()
        micros = to_micros(moment)
        made = key.sign(head.position, root, timestamp=micros // 1_000_000)
        row = {
            "size": head.position,
            "digest": head.digest,
            "root": root,
            "frontier": frontier.to_bytes(),
            "checkpoint": made,
            "sealed_at": micros,
        }
        try:
            with self._database.transaction() as connection:
                create_tables(connection, [seals])
                connection.execute(insert(seals), [row])
        except IntegrityError:  # somebody else sealed the same size meanwhile
            with self._database.reading() as connection:
                return self._at(connection, head.position)
        return Seal(head.position, root, made, from_micros(micros))

    def all(self) -> list[Seal]:
        """Return every seal, oldest first."""
        with self._database.reading() as connection:
            return list(self._read(connection))

    def prove(self, position: int, *, size: int | None = None) -> str:
        """Return the proof that an event is in the sealed log, as a `tlog-proof@v1` file.

        The file is checked against the event's digest, which `relations history --json` and exports show.

        Args:
            position: The event's position in the log.
            size: The size of the seal to prove it by; the newest seal by default.

        Raises:
            InvalidInput: There is no such seal, or it does not reach that position.
            LogError: The log no longer has the events that were sealed (`seal_broken`).
        """
        with self._database.reading() as connection:
            seal = self._wanted(connection, size)
            if not 1 <= position <= seal.size:
                raise InvalidInput(
                    f"position {position} is not covered by the seal of {seal.size} events",
                    code="not_sealed",
                    field="position",
                    hint="Seal the log again, or choose a position up to there",
                )
            tree = self._tree(connection, seal)
        path = "".join(f"{b64encode(each).decode()}\n" for each in tree.inclusion(position - 1))
        return f"c2sp.org/tlog-proof@v1\nindex {position - 1}\n{path}\n{seal.checkpoint}"

    def prove_continuation(self, old: int, *, size: int | None = None) -> str:
        """Return the proof that a seal continues an older tree, in the form in which witnesses are asked to cosign.

        Args:
            old: The size of the older tree: of a checkpoint that somebody holds, or 0.
            size: The size of the newer seal; the newest one by default.

        Raises:
            InvalidInput: There is no such seal, or it is the older one.
            LogError: The log no longer has the events that were sealed (`seal_broken`).
        """
        with self._database.reading() as connection:
            seal = self._wanted(connection, size)
            if not 0 <= old <= seal.size:
                raise InvalidInput(
                    f"the seal of {seal.size} events cannot continue a tree of {old}",
                    code="not_sealed",
                    field="old",
                    hint="Seal the log again, or choose a smaller size",
                )
            tree = self._tree(connection, seal)
        path = "".join(f"{b64encode(each).decode()}\n" for each in tree.consistency(old))
        return f"old {old}\n{path}\n{seal.checkpoint}"

    def cosign(self, url: str, policy: Policy) -> Seal:
        """Ask a witness to cosign the newest seal, and keep its cosignature with the seal.

        Args:
            url: The witness's prefix, such as `https://witness.example/`.
            policy: The policy with the witness's key.

        Raises:
            InvalidInput: The log was never sealed, or the policy has no key of the witness.
            SourceError: The witness cannot be reached, or answers something else than cosignatures.
            LogError: The witness refuses, or has seen another history of this log.
        """
        with self._database.reading() as connection:
            seal = self._wanted(connection, None)
        cosigned = ask_witness(url, seal.checkpoint, partial(self.prove_continuation, size=seal.size), policy)
        with self._database.transaction() as connection:
            connection.execute(seals.update().where(seals.c.size == seal.size).values(checkpoint=cosigned))
        return replace(seal, checkpoint=cosigned)

    def check(self, checkpoint: Checkpoint) -> None:
        """Check that the log still has everything that a checkpoint covers, unchanged.

        It does not check the signatures: `relations.audit.checker.check_checkpoint` does.

        Raises:
            LogError: The log was changed (`seal_broken`). The message names the seals around the first change.
        """
        with self._database.reading() as connection:
            head = self._log.head(connection)
            if head.position < checkpoint.size:
                raise LogError(
                    f"the checkpoint covers {checkpoint.size} events, and the log has {head.position}: some are gone",
                    code="seal_broken",
                )
            tree = Tree(digest for page in self._digests(connection, 0, checkpoint.size) for digest in page)
            if tree.root() != checkpoint.root:
                raise self._broken(connection, tree, checkpoint.size)

    def _tree(self, connection: Connection, seal: Seal) -> Tree:
        tree = Tree(digest for page in self._digests(connection, 0, seal.size) for digest in page)
        if tree.size != seal.size or tree.root() != seal.root:
            raise self._broken(connection, tree, seal.size)
        return tree

    def _broken(self, connection: Connection, tree: Tree, size: int) -> LogError:
        """Return the error that says where the first change is: between the last seal that holds and the next."""
        good = 0
        for seal in self._read(connection):
            if seal.size > min(size, tree.size) or tree.root(seal.size) != seal.root:
                break
            good = seal.size
        return LogError(
            f"the log differs from what was sealed at {size} events: the first change is after position {good}",
            code="seal_broken",
            hint="Run `relations verify`; compare with a backup from before",
        )

    def _resume(self, connection: Connection, size: int) -> Frontier:
        """Return the frontier of the last seal, after checking that the log still continues it."""
        row = connection.execute(select(seals).where(seals.c.size == size)).one()
        found = next(iter(self._digests(connection, size - 1, size)), [])
        try:
            frontier = Frontier.from_bytes(size, bytes(row.frontier))
        except ValueError:
            frontier = Frontier()
        if found != [bytes(row.digest)] or frontier.root() != bytes(row.root):
            raise LogError(
                f"the log does not continue what was sealed at {size} events",
                code="seal_broken",
                hint="Run `relations verify`; a log that was rewritten must not be sealed again under the same name",
            )
        return frontier

    def _must_be_signed_by(self, key: SealingKey, checkpoint: str) -> None:
        try:
            check_checkpoint(Checkpoint.parse(checkpoint), Policy(key.verifier_keys))
        except Invalid as error:
            raise InvalidInput(
                f"the last seal was not made with these keys: {error}",
                code="other_key",
                field="key",
                hint="Use the key file that the log was sealed with before",
            ) from None

    def _digests(self, connection: Connection, after: int, until: int) -> Iterator[list[bytes]]:
        for page in self._log.scan(connection, ("position", "digest"), after=after, until=until, chunk=10_000):
            yield [bytes(digest) for _position, digest in page]

    def _read(self, connection: Connection) -> Iterator[Seal]:
        if not tables_of(connection, [seals.name]):
            return
        for row in connection.execute(select(seals).order_by(seals.c.size)):
            yield Seal(row.size, bytes(row.root), row.checkpoint, from_micros(row.sealed_at))

    def _last(self, connection: Connection) -> Seal | None:
        return max(self._read(connection), key=lambda seal: seal.size, default=None)

    def _at(self, connection: Connection, size: int) -> Seal:
        found = next((seal for seal in self._read(connection) if seal.size == size), None)
        if found is None:
            sizes = ", ".join(str(seal.size) for seal in self._read(connection)) or "none"
            raise InvalidInput(
                f"there is no seal of {size} events",
                code="no_seal",
                field="size",
                hint=f"The log has seals of these sizes: {sizes}",
            )
        return found

    def _wanted(self, connection: Connection, size: int | None) -> Seal:
        if size is not None:
            return self._at(connection, size)
        last = self._last(connection)
        if last is None:
            raise InvalidInput(
                "the log was never sealed", code="no_seal", field="size", hint="Run `relations audit seal` first"
            )
        return last
