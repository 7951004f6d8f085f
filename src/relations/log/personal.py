"""Personal words, sealed under one key per customer before they are hashed into the chain.

A sealed field is text: `sealed:` and the base64url form of nonce (12 bytes), ciphertext and tag. The cipher is
AES-256-GCM (NIST SP 800-38D). Customer, topic and field are associated data, so a sealed word cannot be moved
elsewhere. Once the key is destroyed, nobody can read the words again.
"""

from __future__ import annotations

import hmac
import os
from base64 import b32encode
from binascii import a2b_base64, b2a_base64
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection, LargeBinary, func, literal, select

from relations.errors import CommandRefused, InvalidInput, LogError
from relations.log.codec import Topic
from relations.log.database import Database, SharedStatement
from relations.log.tables import fact, record_facts
from relations.log.tables import keys as table
from relations.messages import Event
from relations.telemetry import logger

__all__ = [
    "DIGEST_KEY",
    "ERASED",
    "UNREADABLE",
    "KeyUnreadable",
    "Keys",
    "StoredKey",
    "has_personal",
    "marks_of",
    "open_event",
    "seal_event",
    "text_digest",
]

ERASED = "[erased]"
"""The text of a personal field whose key was destroyed."""
UNREADABLE = "[unreadable]"
"""The text of a personal field that was changed, or whose key is missing or damaged."""

_PREFIX = "sealed:"
_FROM_URL_SAFE, _TO_URL_SAFE = bytes.maketrans(b"-_", b"+/"), bytes.maketrans(b"+/", b"-_")
_NONCE = 12
_KEY_BYTES = 32
_PLAIN, _WRAPPED, _DESTROYED = b"\x00", b"\x01", b""
_WRAPPED_BYTES = len(_WRAPPED) + _NONCE + _KEY_BYTES + 16

_CHECK = "master_key_check"
_NO_MASTER = "none"
_COPIED = "copied_until"
"""The last position of the events that were imported from another log, without its keys."""
_CHECK_DATA = b"relations master key"
"""The associated data of the check value, which is an empty text sealed under the master key."""
_DIGEST_CHECK = "digest_key_check"
"""The fact that shows a change of the key of digests."""
DIGEST_KEY = "#digests"
"""The name of the key of `Keys.digest`. No customer can have this id."""
_DIGEST_BYTES = 20
_CHUNK = 1_000


class KeyUnreadable(LogError):
    """A customer's key that cannot be unwrapped, or has a wrong length."""

    code = "key_unreadable"


class StoredKey(NamedTuple):
    """A row of the table of keys.

    Attributes:
        customer: The customer's id.
        key: The key as stored; empty if it was destroyed.
        created_at: When it was created, UTC microseconds.
    """

    customer: str
    key: bytes
    created_at: int


class Keys:
    """The keys of customers, in a table of their own.

    Args:
        database: The log's database.
        master_key: 32 bytes that wrap every key. Without one, the keys are stored unwrapped.

    Raises:
        InvalidInput: The master key has another length.
        LogError: The keys are wrapped by another master key (`master_key_wrong`). Or no master key was given although
            they are wrapped (`master_key_needed`). For reading it opens without it, and personal words are unreadable.
    """

    _insert = SharedStatement(lambda database: database.insert(table).on_conflict_do_nothing())
    _select = SharedStatement(lambda _: select(table.c.key).where(table.c.customer == ""))
    _select_many = SharedStatement(
        lambda database: select(table.c.customer, table.c.key).where(database.among(table.c.customer, "customers"))
    )
    _destroy = SharedStatement(
        lambda database: (insert := database.insert(table)).on_conflict_do_update(
            index_elements=["customer"], set_={"key": insert.excluded.key}
        )
    )

    def __init__(self, database: Database, master_key: bytes | None = None) -> None:
        if master_key is not None and len(master_key) != _KEY_BYTES:
            raise InvalidInput("the master key must have 32 bytes", code="invalid_master_key", field="master_key")
        self._master = AESGCM(master_key) if master_key else None
        self._database = database
        self._digest_key: bytes | None = None
        self._is_locked = False  # wrapped keys, and no master key to unwrap them
        self._check_master_key()

    def get(self, connection: Connection, customer: str) -> bytes | None:
        """Return the customer's key, or None if they have none or were erased.

        Raises:
            KeyUnreadable: The key is damaged, or wrapped and there is no master key.
        """
        stored = self._stored(connection, customer)
        return self.unwrap(customer, stored) if stored else None

    def need(self, connection: Connection, customer: str, now: int, made: list[str] | None = None) -> bytes:
        """Return the customer's key, and create it if it does not exist yet.

        Args:
            connection: A write transaction.
            customer: The customer's id.
            now: The time of recording, UTC microseconds.
            made: The customer is added to it if a key was created.

        Raises:
            CommandRefused: The customer was erased, or their key cannot be read.
        """
        stored = self._stored(connection, customer)
        if stored is None:
            key = AESGCM.generate_key(256)
            row = self._insert.bind(customer=customer, key=self._wrap(customer, key), created_at=now)
            self._database.cursor(connection).execute(self._insert.sql, row)
            if customer == DIGEST_KEY:
                record_facts(connection, {_DIGEST_CHECK: text_digest(key, "", _DIGEST_CHECK)})
            elif made is not None:
                made.append(customer)
            return key
        if not stored:
            raise CommandRefused(
                f"cannot record personal words of {customer!r}: the customer was erased",
                code="customer_erased",
                field="customer",
                hint="Leave the personal fields out",
            )
        try:
            return self.unwrap(customer, stored)
        except KeyUnreadable as error:
            raise CommandRefused(
                f"cannot record personal words of {customer!r}: {error.reason}",
                code=error.code,
                field="customer",
                hint="Restore the customer's row of relations_keys from a backup, or leave the personal fields out",
            ) from None

    def remove(self, connection: Connection, customers: Sequence[str]) -> None:
        """Remove keys that the present transaction has made, and that sealed nothing."""
        connection.execute(table.delete().where(table.c.customer.in_(customers)))

    def destroy(self, connection: Connection, customer: str, now: int) -> None:
        """Destroy the customer's key, and leave an empty one so that no new key is ever made.

        The same transaction records that the database's files have yet to be purged; see `Database.purge`.
        """
        row = self._destroy.bind(customer=customer, key=_DESTROYED, created_at=now)
        self._database.cursor(connection).execute(self._destroy.sql, row)
        self._database.owe_purge(connection)

    def open_words(self, connection: Connection, sealed: Sequence[tuple[str, str, str, str]]) -> list[str | None]:
        """Return sealed words in readable form; None for each whose key is destroyed, missing or damaged.

        Args:
            connection: A transaction that sees the keys.
            sealed: Customer, topic, field, and the words as the log stores them.
        """
        customers = sorted({customer for customer, *_ in sealed})
        found = self._database.fetch_many(connection, self._select_many, customers=customers)
        ciphers: dict[str, AESGCM] = {}
        for customer, stored in found:
            if stored:
                try:
                    ciphers[customer] = AESGCM(self.unwrap(customer, bytes(stored)))
                except KeyUnreadable as error:
                    _warn_unreadable(customer, error)
        return [self._open_word(ciphers.get(customer), customer, *word) for customer, *word in sealed]

    def _open_word(self, cipher: AESGCM | None, customer: str, topic: str, field: str, words: str) -> str | None:
        if not words.startswith(_PREFIX):
            return words  # stored unencrypted by a version that did not seal this field
        if cipher is None:
            return None
        try:
            return _opened(cipher, customer, topic, field, words)
        except LogError as error:
            _warn_unreadable(customer, error)
            return None

    def opener(self, connection: Connection) -> WordOpener:
        """Return what opens the words of events that are read in one transaction."""

        def get(customer: str) -> bytes | None:
            stored = self._stored(connection, customer)
            if stored is None:
                raise KeyUnreadable("there is no key")
            return self.unwrap(customer, stored) if stored else None

        return WordOpener(get)

    def digest(self, text: str, *, purpose: str = "") -> str:
        """Return a keyed digest of a text: the same for the same text in this log, and of no use without its key.

        It is an HMAC-SHA256, cut to 160 bits: 32 lower-case letters and digits, so it can be an id. Its key is kept in
        the table of keys, wrapped like the others. With that key, anybody can test whether a guessed text was meant.
        The digest of an erased customer stays in the log.

        Args:
            text: Any text, brought to one form first (an e-mail address in lower case, say).
            purpose: Digests of the same text for different purposes differ.
        """
        if self._digest_key is None:
            self._digest_key = self._made_digest_key()
        return text_digest(self._digest_key, text, purpose)

    def known_digest(self, text: str, purpose: str) -> str | None:
        """Return the digest of a text; None if this log has no digests yet."""
        if self._digest_key is None:
            with self._database.reading() as connection:
                self._digest_key = self.get(connection, DIGEST_KEY)
        return None if self._digest_key is None else text_digest(self._digest_key, text, purpose)

    @property
    def digest_key(self) -> bytes | None:
        """The key of digests, if it is known to be recorded."""
        return self._digest_key

    def marks(self, connection: Connection, texts: Iterable[tuple[str, str]]) -> list[int]:
        """Return the marks of texts, given with their purposes. None if this log has no digests yet."""
        key = self._digest_key or self.get(connection, DIGEST_KEY)
        return [] if key is None else marks_of(key, texts)

    def _made_digest_key(self) -> bytes:
        with self._database.reading() as connection:
            key = self.get(connection, DIGEST_KEY)
        if key is None:
            self._database.refuse_read_only()
            with self._database.writing() as connection:
                key = self.need(connection, DIGEST_KEY, 0)
        return key

    def note_copied(self, connection: Connection, position: int) -> None:
        """Note that the events up to a position were imported from another log, whose keys did not come with them."""
        record_facts(connection, {_COPIED: str(position)})

    def copied_until(self, connection: Connection) -> int:
        """Return the last position of the events that were imported from another log, or 0."""
        value = fact(connection, _COPIED)
        return int(value) if value is not None and value.isdecimal() else 0

    # --- checks -----------------------------------------------------------------------------------------------------

    @property
    def is_locked(self) -> bool:
        """True if the keys are wrapped, and no master key was given to unwrap them."""
        return self._is_locked

    def stored(self, connection: Connection) -> Iterator[StoredKey]:
        """Yield every stored key, ordered by customer."""
        after = ""
        while True:
            columns = table.c.customer, table.c.key, table.c.created_at
            statement = select(*columns).where(table.c.customer > after).order_by(table.c.customer).limit(_CHUNK)
            rows = connection.execute(statement).all()
            yield from (StoredKey(row.customer, bytes(row.key), row.created_at) for row in rows)
            if len(rows) < _CHUNK:
                return
            after = rows[-1].customer

    def is_of_digests(self, connection: Connection, stored: StoredKey) -> bool:
        """Return whether a key is the one of `Keys.digest`, and not a customer's.

        Raises:
            KeyUnreadable: It is that one, and it is damaged or was changed.
        """
        if stored.customer != DIGEST_KEY:
            return False
        key = self.unwrap(stored.customer, stored.key)
        check = fact(connection, _DIGEST_CHECK)
        if stored.created_at != 0 or (check is not None and check != text_digest(key, "", _DIGEST_CHECK)):
            raise KeyUnreadable("the key is not the one that the log's digests were made with")
        return True

    def _check_master_key(self) -> None:
        """Compare the master key with the check value that the log keeps, and record one if there is none."""
        with self._database.reading() as connection:
            recorded = fact(connection, _CHECK)
            sample = None
            if recorded is None or (recorded == _NO_MASTER and self._master is not None):
                starts_wrapped = func.substr(table.c.key, 1, 1) == literal(_WRAPPED, LargeBinary)
                wrapped = select(table.c.customer, table.c.key).where(starts_wrapped).limit(1)
                sample = connection.execute(wrapped).first()
        if recorded in (None, _NO_MASTER):
            if sample is not None:
                self._mustunwrap(sample.customer, bytes(sample.key))
            if self._database.records and (recorded is None or self._master is not None):
                self._record_check()
            return
        if self._master is None:
            self._refuse_missing()
            return
        try:
            check = bytes.fromhex(recorded)
            self._master.decrypt(check[:_NONCE], check[_NONCE:], _CHECK_DATA)
        except (InvalidTag, ValueError):
            raise _wrong_master() from None

    def _mustunwrap(self, customer: str, stored: bytes) -> None:
        if self._master is None:
            self._refuse_missing()
            return
        try:
            self.unwrap(customer, stored)
        except KeyUnreadable:
            raise _wrong_master() from None

    def _refuse_missing(self) -> None:
        if self._database.records:
            raise LogError(
                "the customers' keys are wrapped by a master key, and none was given",
                code="master_key_needed",
                hint="Give the master key (master_key, --master-key-file), or open the database for reading",
            )
        self._is_locked = True
        logger.warning("no master key was given: personal words are unreadable", database=self._database.name)

    def _record_check(self) -> None:
        value = _NO_MASTER
        if self._master is not None:
            nonce = os.urandom(_NONCE)
            value = (nonce + self._master.encrypt(nonce, b"", _CHECK_DATA)).hex()
        with self._database.writing() as connection:
            recorded = fact(connection, _CHECK)
            if recorded is None or (recorded == _NO_MASTER and self._master is not None):
                record_facts(connection, {_CHECK: value})
                recorded = value
        if recorded != value:
            self._check_master_key()  # another process was faster

    # --- wrapping ---------------------------------------------------------------------------------------------------

    def _stored(self, connection: Connection, customer: str) -> bytes | None:
        cursor = self._database.cursor(connection, binary=True)
        found = cursor.execute(self._select.sql, (customer,)).fetchone()
        return None if found is None else bytes(found[0])

    def _wrap(self, customer: str, key: bytes) -> bytes:
        if self._master is None:
            return _PLAIN + key
        nonce = os.urandom(_NONCE)
        return _WRAPPED + nonce + self._master.encrypt(nonce, key, customer.encode())

    def unwrap(self, customer: str, stored: bytes) -> bytes:
        """Return a stored key in readable form.

        Raises:
            KeyUnreadable: The key is damaged, or wrapped and there is no master key.
        """
        if stored[:1] == _PLAIN and len(stored) == len(_PLAIN) + _KEY_BYTES:
            return stored[1:]
        if stored[:1] != _WRAPPED or len(stored) != _WRAPPED_BYTES:
            raise KeyUnreadable("the key is damaged")
        if self._master is None:
            raise KeyUnreadable("the key is wrapped and no master key was given")
        try:
            return self._master.decrypt(stored[1 : 1 + _NONCE], stored[1 + _NONCE :], customer.encode())
        except InvalidTag:
            raise KeyUnreadable("the key is damaged, or belongs to somebody else") from None


class WordOpener:
    """Opens the words of events, and looks each customer's key up once.

    A damaged or missing key affects only the words of its customer, which read `UNREADABLE`.

    Args:
        get: Returns a customer's key, or None if it was destroyed.
    """

    def __init__(self, get: Callable[[str], bytes | None]) -> None:
        self._get = get
        self._known: dict[str, bytes | LogError | None] = {}

    def open(self, event: Event, topic: Topic, customer: str) -> Event:
        """Return the event with its personal fields readable, `ERASED` or `UNREADABLE`."""
        if customer not in self._known:
            try:
                self._known[customer] = self._get(customer)
            except LogError as error:
                self._known[customer] = error
        key = self._known[customer]
        try:
            if isinstance(key, LogError):
                raise key
            return open_event(event, topic, customer, key)
        except LogError as error:
            if not _sealed_fields(event, topic):
                return event
            _warn_unreadable(customer, error)
            return _marked(event, topic, UNREADABLE)


def text_digest(key: bytes, text: str, purpose: str) -> str:
    """Return the digest of a text, made with the key of digests."""
    message = f"{purpose}\0{text}".encode()
    return b32encode(hmac.digest(key, message, "sha256")[:_DIGEST_BYTES]).decode().lower()


def marks_of(key: bytes, texts: Iterable[tuple[str, str]]) -> list[int]:
    """Return the marks of texts, given with their purposes: the first 8 bytes of their keyed digests."""
    return [
        int.from_bytes(hmac.digest(key, f"{purpose}\0{text}".encode(), "sha256")[:8], "big", signed=True)
        for purpose, text in texts
    ]


def _wrong_master() -> LogError:
    return LogError(
        "the master key is not the one that wrapped the customers' keys",
        code="master_key_wrong",
        hint="Give the master key that this log was first opened with",
    )


def _warn_unreadable(customer: str, error: LogError) -> None:
    logger.warning("personal words are unreadable", customer=customer, code=error.code, reason=error.reason)


def has_personal(event: Event, topic: Topic) -> bool:
    """Return whether any personal field of the event has a value."""
    for name in topic.personal:  # without a generator: this runs for every event that may have some  # noqa: SIM110
        if getattr(event, name) is not None:
            return True
    return False


def is_sealed(words: Any) -> bool:
    """Return True for words in their sealed form."""
    return isinstance(words, str) and words.startswith(_PREFIX)


def _sealed_fields(event: Event, topic: Topic) -> list[str]:
    return [name for name in topic.personal if is_sealed(getattr(event, name))]


def _marked(event: Event, topic: Topic, mark: str) -> Event:
    return msgspec.structs.replace(event, **dict.fromkeys(_sealed_fields(event, topic), mark))


def seal_event(event: Event, topic: Topic, customer: str, key: bytes) -> Event:
    """Return the event with its personal fields sealed."""
    cipher = AESGCM(key)
    changes: dict[str, Any] = {}
    for name in topic.personal:
        words = getattr(event, name)
        if words is not None:
            nonce = os.urandom(_NONCE)
            sealed = cipher.encrypt(nonce, words.encode(), _bound_to(customer, topic.event.topic, name))
            changes[name] = _PREFIX + b2a_base64(nonce + sealed, newline=False).translate(_TO_URL_SAFE).decode()
    return msgspec.structs.replace(event, **changes)


def open_event(event: Event, topic: Topic, customer: str, key: bytes | None, *, only: str | None = None) -> Event:
    """Return the event with its personal fields readable, or `ERASED` without a key.

    A field that an older version stored unencrypted stays unchanged.

    Args:
        event: The event as it is stored.
        topic: Its entry of the codec.
        customer: The customer whose key seals it.
        key: The key; None once it is destroyed.
        only: The one field to open; all by default.

    Raises:
        LogError: A sealed field was changed or moved, or the key is another customer's.
    """
    if key is None:
        return _marked(event, topic, ERASED)
    sealed = _sealed_fields(event, topic) if only is None else [only]
    if not sealed:
        return event
    cipher = AESGCM(key)
    words = {name: _opened(cipher, customer, topic.event.topic, name, getattr(event, name)) for name in sealed}
    return msgspec.structs.replace(event, **words)


def _opened(cipher: AESGCM, customer: str, topic: str, field: str, words: str) -> str:
    try:
        # The same as `urlsafe_b64decode` in half of the time, which is a third of what opening a word takes.
        sealed = a2b_base64(words.removeprefix(_PREFIX).encode("ascii").translate(_FROM_URL_SAFE))
        return cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], _bound_to(customer, topic, field)).decode()
    except (InvalidTag, ValueError):  # or changed so far that it is not base64 any more
        raise LogError(f"the sealed field {field} of {topic} cannot be opened with its key") from None


def _bound_to(customer: str, topic: str, field: str) -> bytes:
    return f"{customer}|{topic}|{field}".encode()
