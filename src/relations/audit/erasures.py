"""Certificates of erasure: which words were made unreadable, when, on whose word, and how to check it later.

An erasure destroys the customer's key. It is an event like any other, so the chain of digests covers it. A certificate
names the event and the digests before and after it. Anybody with the log can check later that the event is still there
and that its link in the chain matches. They can also check that the key is gone.

A signature says who vouches for a certificate. It is a checkpoint like a seal's: of a tree whose only leaf is the
certificate, under the log's name with `/erasures` after it. So nobody can present it as a seal of the log.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, select

from relations.audit.checker import Checkpoint, Invalid, VerifierKey, check_checkpoint
from relations.audit.checker import Policy as TrustPolicy
from relations.audit.signing import SealingKey
from relations.engine import Relations
from relations.errors import InvalidInput, LogError
from relations.log.chain import GENESIS, link
from relations.log.tables import COLUMNS, keys
from relations.log.tables import log as log_table
from relations.messages import from_micros, to_micros
from relations.projections.running.resolving import ids_in_log
from relations.verification.merkle import leaf_hash

__all__ = [
    "ClearWord",
    "ErasedId",
    "ErasureCertificate",
    "certify_erasure",
    "check_certificate",
    "check_signature",
    "read_certificate",
    "sign_certificate",
]

_FORMAT: Final = "relations-erasure@v1"
_SIGNED_AS: Final = "/erasures"
_SEALED: Final = "sealed:"
_NOT_COVERED: Final = (
    "Copies outside this database are not covered: backups of the table of keys, exports, reports, reject files and"
    " logs of programs."
)


class ErasedId(msgspec.Struct, frozen=True):
    """The erasure of one id of the customer.

    Attributes:
        customer: The id.
        position: The position of the erasure in the log.
        occurred_at: The time of the erasure.
        recorded_at: The time at which the log recorded it.
        actor: Who sent the command.
        reason: The recorded reason.
        digest_before: The chain's digest before the event, in hexadecimal.
        digest_after: The event's own digest.
        sealed: The number of sealed words that nobody can read any more.
    """

    customer: str
    position: int
    occurred_at: datetime
    recorded_at: datetime
    actor: str
    reason: str
    digest_before: str
    digest_after: str
    sealed: int


class ClearWord(msgspec.Struct, frozen=True):
    """A personal field that an older version recorded unencrypted. It outlives the erasure.

    Attributes:
        position: The event's position.
        topic: The event's topic.
        field: The field's name.
    """

    position: int
    topic: str
    field: str


class ErasureCertificate(msgspec.Struct, frozen=True):
    """A certificate of erasure.

    Attributes:
        log: The log's own id.
        customer: The id that was asked for.
        erased: Each id of the customer that was erased, with its latest erasure.
        is_purged: True if the key's bytes were overwritten in the database's files too; a purge is owed otherwise.
        clear: Personal fields that older versions recorded unencrypted and that cannot be removed.
        position: The log's last position when the certificate was made.
        digest: The chain's digest at that position, in hexadecimal.
        made_at: The time at which the certificate was made.
        format: The form of this document.
        signature: A signed checkpoint of this document without its signature; None if nobody signed it.
    """

    log: str
    customer: str
    erased: tuple[ErasedId, ...]
    is_purged: bool
    clear: tuple[ClearWord, ...]
    position: int
    digest: str
    made_at: datetime
    format: str = _FORMAT
    signature: str | None = None

    def to_json(self) -> str:
        """Return the certificate as a JSON document."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2).decode() + "\n"

    def to_markdown(self) -> str:
        """Return the certificate as a page that people read."""
        lines = [
            "# Certificate of erasure",
            "",
            f"- Customer: `{self.customer}`",
            f"- Log: `{self.log}`",
            f"- Made at: {self.made_at:%Y-%m-%d %H:%M:%S} UTC",
            f"- State of the log: position {self.position:,}, digest `{self.digest}`",
            "- Files of the database: "
            + ("the key's bytes were overwritten" if self.is_purged else "the key's bytes are still to be overwritten"),
        ]
        for each in self.erased:
            lines += [
                "",
                f"## `{each.customer}`",
                "",
                f"- Erased at: {each.occurred_at:%Y-%m-%d %H:%M:%S} UTC",
                f"- Recorded at: {each.recorded_at:%Y-%m-%d %H:%M:%S} UTC, position {each.position:,}",
                f"- On the word of: {each.actor}",
                f"- Reason: {each.reason}",
                f"- Words made unreadable: {each.sealed:,}",
                f"- Digest before: `{each.digest_before}`",
                f"- Digest after: `{each.digest_after}`",
            ]
        if self.signature is not None:
            lines += ["", "## Signature", "", *(f"    {line}".rstrip() for line in self.signature.splitlines())]
        lines += ["", "## Left in the log", ""]
        lines += [f"- Position {each.position:,}: `{each.field}` of `{each.topic}`, unencrypted" for each in self.clear]
        lines += [
            "- Ids, codes, amounts and times.",
            "",
            _NOT_COVERED,
        ]
        return "\n".join(lines) + "\n"


def certify_erasure(engine: Relations, customer: str, *, at: datetime | None = None) -> ErasureCertificate:
    """Return the certificate of a customer's erasure, including all ids merged with theirs.

    Args:
        engine: The engine.
        customer: Any of the customer's ids.
        at: The time of the certificate, an aware datetime; now by default.

    Raises:
        InvalidInput: The customer is unknown (`unknown_customer`), or was not erased (`not_erased`).
        LogError: The customer was erased and has a key again (`key_restored`).
    """
    with engine.log.database.reading() as connection:
        ids = ids_in_log(connection, engine.codec, customer)
        head = engine.log.head(connection)
        name = engine.log.id
        stored = dict(connection.execute(select(keys.c.customer, keys.c.key).where(keys.c.customer.in_(ids))).all())
        erasures: dict[str, Any] = {}
        sealed: dict[str, int] = dict.fromkeys(ids, 0)
        clear: list[ClearWord] = []
        topics = _erasures(engine)
        rows = connection.execute(
            select(log_table).where(log_table.c.customer.in_(ids)).order_by(log_table.c.position)
        ).all()
        for row in rows:
            if row.topic in topics:
                erasures[row.customer] = row
                continue
            topic = engine.codec.topics.get(row.topic)
            if topic is None:
                continue
            event = engine.codec.decode(row.topic, row.schema, row.body)
            for field in topic.personal:
                words = getattr(event, field)
                if words is not None and words.startswith(_SEALED):
                    sealed[row.customer] += 1
                elif words is not None and not words.startswith("["):
                    clear.append(ClearWord(row.position, row.topic, field))
        if not rows:
            raise InvalidInput(f"there is no customer {customer!r}", code="unknown_customer", field="customer")
        erased = [_erased(engine, connection, erasures[each], sealed[each]) for each in ids if each in erasures]
    restored = [each.customer for each in erased if stored.get(each.customer)]
    if restored:
        raise LogError(
            f"cannot certify the erasure of {restored[0]!r}: there is a key again",
            code="key_restored",
            hint="Erase the customer again, then look for the backup that the key came from",
        )
    missing = [each for each in ids if each not in erasures and sealed[each]]
    if missing or not erased:
        raise InvalidInput(
            f"cannot certify the erasure of {(missing or [customer])[0]!r}: the customer was not erased",
            code="not_erased",
            field="customer",
            hint="Erase the customer first (EraseCustomer)",
        )
    return ErasureCertificate(
        log=name,
        customer=customer,
        erased=tuple(erased),
        is_purged=engine.log.database.owed_purge() is None,
        clear=tuple(clear),
        position=head.position,
        digest=head.digest.hex(),
        made_at=datetime.now(UTC) if at is None else at,
    )


def sign_certificate(certificate: ErasureCertificate, key: SealingKey) -> ErasureCertificate:
    """Return a certificate with a signature by the log's keys.

    The signature is a checkpoint of size 1 with the root SHA-256(0x00 ‖ document), as RFC 9162 §2.1.1 hashes a leaf.
    The document is the certificate's JSON without spaces, in which the signature is null.

    Args:
        certificate: The certificate. An earlier signature is replaced.
        key: The keys that seal the log.
    """
    signer = replace(key, origin=key.origin + _SIGNED_AS)
    made = signer.sign(1, _root(certificate), timestamp=to_micros(certificate.made_at) // 1_000_000)
    return msgspec.structs.replace(certificate, signature=made)


def check_signature(certificate: ErasureCertificate, policy: TrustPolicy) -> list[VerifierKey]:
    """Check that a trusted log signed a certificate, and return the keys whose signatures were verified.

    Args:
        certificate: The certificate.
        policy: The policy with which the log's seals are checked. Its witnesses are not asked for.

    Raises:
        LogError: Nobody signed it, the signature is of another document, or no key of the policy made it
            (`certificate_invalid`).
    """
    if certificate.signature is None:
        raise _invalid("nobody signed it")
    trusted = TrustPolicy(tuple(replace(key, name=key.name + _SIGNED_AS) for key in policy.logs))
    try:
        signed = Checkpoint.parse(certificate.signature)
        signers = check_checkpoint(signed, trusted)
    except Invalid as error:
        raise _invalid(str(error)) from None
    if (signed.size, signed.root) != (1, _root(certificate)):
        raise _invalid("the signature is of another document")
    return signers


def _root(certificate: ErasureCertificate) -> bytes:
    return leaf_hash(msgspec.json.encode(msgspec.structs.replace(certificate, signature=None)))


def _erasures(engine: Relations) -> set[str]:
    return {event.topic for aggregate in engine.aggregates for event in aggregate.erases}


def _erased(engine: Relations, connection: Connection, row: Any, sealed: int) -> ErasedId:
    before = engine.log.digest(connection, row.position - 1) if row.position > 1 else GENESIS
    assert before is not None  # noqa: S101 - positions have no gaps
    return ErasedId(
        customer=row.customer,
        position=row.position,
        occurred_at=from_micros(row.occurred_at),
        recorded_at=from_micros(row.recorded_at),
        actor=row.actor,
        reason=_reason(engine, row),
        digest_before=before.hex(),
        digest_after=bytes(row.digest).hex(),
        sealed=sealed,
    )


def _reason(engine: Relations, row: Any) -> str:
    return str(getattr(engine.codec.decode(row.topic, row.schema, row.body), "reason", ""))


def read_certificate(text: str) -> ErasureCertificate:
    """Return the certificate of a JSON document.

    Raises:
        InvalidInput: The text is not a certificate of erasure.
    """
    try:
        found = msgspec.json.decode(text, type=ErasureCertificate)
    except (msgspec.MsgspecError, ValueError):
        found = None
    if found is None or found.format != _FORMAT:
        raise InvalidInput(
            "the file is not a certificate of erasure",
            code="invalid_certificate",
            hint="Give the JSON file that `relations audit erase-certificate -o FILE.json` wrote",
        )
    return found


def check_certificate(engine: Relations, certificate: ErasureCertificate) -> None:
    """Check a certificate against the log: the erasure is recorded, the chain's links match, and the key is gone.

    Raises:
        LogError: The log does not match the certificate (`certificate_invalid`). The reason says what differs.
    """
    with engine.log.database.reading() as connection:
        if engine.log.id != certificate.log:
            raise _invalid("it was made for another log")
        if engine.log.digest(connection, certificate.position) != bytes.fromhex(certificate.digest):
            raise _invalid(f"the chain's digest at position {certificate.position} is another one")
        for each in certificate.erased:
            _check_one(engine, connection, each)
            key = connection.execute(select(keys.c.key).where(keys.c.customer == each.customer)).scalar()
            if key:
                raise _invalid(f"{each.customer} has a key again")


def _check_one(engine: Relations, connection: Connection, each: ErasedId) -> None:
    row = connection.execute(select(log_table).where(log_table.c.position == each.position)).first()
    if row is None or row.topic not in _erasures(engine) or row.customer != each.customer:
        raise _invalid(f"position {each.position} is not the erasure of {each.customer}")
    before = engine.log.digest(connection, each.position - 1) if each.position > 1 else GENESIS
    if before is None or before.hex() != each.digest_before:
        raise _invalid(f"the chain's digest before position {each.position} is another one")
    digest = link(before, [getattr(row, name) for name in COLUMNS[:-1]])
    if digest != bytes(row.digest) or digest.hex() != each.digest_after:
        raise _invalid(f"the event at position {each.position} does not match its digest")
    recorded = (row.actor, _reason(engine, row), from_micros(row.occurred_at), from_micros(row.recorded_at))
    if recorded != (each.actor, each.reason, each.occurred_at, each.recorded_at):
        raise _invalid(f"the erasure at position {each.position} was recorded with other details")


def _invalid(reason: str) -> LogError:
    return LogError(
        f"the certificate is not valid: {reason}",
        code="certificate_invalid",
        hint="Verify the log (relations verify), and ask for a new certificate",
    )
