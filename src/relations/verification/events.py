"""The check of every event, in one pass over the log in order of position.

The chain is checked for every row. The bodies, causes, policies and receipts are checked for the rows that are events
of relations. Another application's events on the same log are covered by the chain alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, select

from relations.errors import ChainBroken, RelationsError
from relations.log.chain import GENESIS, check, link
from relations.log.codec import Codec, marked_fields
from relations.log.failures import translated
from relations.log.log import Head, Log
from relations.log.tables import FOREIGN
from relations.log.tables import log as log_table
from relations.projections.gc_pause import collector_paused
from relations.verification.findings import Findings, Problem

__all__ = ["EventCheck"]

_HASH_BYTES = (16, 32)
"""The lengths of a command's hash: without personal words, and with them."""

Raw = tuple[Any, ...]
_Command = tuple[int, int, str]
"""Of the last event of a command: its number, its time of recording and its actor."""


class EventCheck:
    """One pass over the log.

    Args:
        log: The log.
        codec: Decodes its events.
        kinds: The kinds of aggregates whose streams are named after a customer.
        adoptions: The topics of the events that adopt a policy.
        findings: Receives the problems.
        on_page: Called with each page of rows, all columns.
        decoded_later: The topics whose bodies a refold of the whole log decodes afterwards; `check_bodies` decodes them
            if it could not.

    Attributes:
        head: The last position up to which the chain holds, and its digest.
        events: How many events were read.
    """

    def __init__(
        self,
        log: Log,
        codec: Codec,
        kinds: Sequence[str],
        adoptions: Collection[str],
        findings: Findings,
        on_page: Callable[[Sequence[Raw]], None] = lambda _page: None,
        decoded_later: Collection[str] = (),
    ) -> None:
        self._log = log
        self._codec = codec
        self._findings = findings
        self._on_page = on_page
        self._own = {kind: f"{kind}-" for kind in kinds}
        self._naming = {
            name: fields for name, topic in codec.topics.items() if (fields := marked_fields(topic.event, "policy"))
        }
        self._adoptions = adoptions
        self._later = {*decoded_later} - self._naming.keys() - {*adoptions}
        self._position, self._digest = 0, GENESIS
        self._computed: bytes | None = None
        self._is_whole = True
        self._policies = 0
        self._versions: dict[str, int] = {}
        self._versions_before: dict[str, int] = {}
        self._commands: dict[str, _Command] = {}
        self._commands_before: dict[str, _Command] = {}
        self.head = Head(0, GENESIS)
        self.events = 0

    def run(self, connection: Connection) -> None:
        """Check all events."""
        with collector_paused():
            self._run(connection)

    def _run(self, connection: Connection) -> None:
        pages = self._log.scan(connection, damaged=True)
        while True:
            try:
                page = next(pages, None)
            except Exception as error:  # what was checked before is still worth reporting
                known = translated(error)
                reason = known.reason if isinstance(known, RelationsError) else f"{type(error).__name__}: {error}"
                after = f"the log cannot be read after position {self._position}: {reason}"
                self._add("log_damaged", after, self._position + 1)
                return
            if page is None:
                return
            self.events += len(page)
            self._check_chain(page)
            self._check_events(connection, page)
            self._on_page(page)

    def check_bodies(self, connection: Connection) -> Iterator[Problem]:
        """Decode the bodies that were left to a refold, and yield those that cannot be decoded."""
        for page in self._log.scan(connection, ("position", "topic", "schema", "body"), damaged=True):
            for position, topic, schema, body in page:
                if topic in self._later and schema != FOREIGN:
                    try:
                        self._codec.decode(topic, schema, body)
                    except RelationsError as error:
                        yield self._problem(error.code, error.reason, position)

    def _add(self, code: str, reason: str, position: int, column: str | None = None) -> None:
        self._findings.add(self._problem(code, reason, position, column))

    @staticmethod
    def _problem(code: str, reason: str, position: int, column: str | None = None) -> Problem:
        return Problem(code, reason, position, table=str(log_table.name), key=str(position), column=column)

    # --- the chain --------------------------------------------------------------------------------------------------

    def _check_chain(self, page: Sequence[Raw]) -> None:
        """Check a page against the chain, and go on after a bad row, to find every bad row."""
        rows = page
        while rows:
            try:
                self._position, self._digest = check(rows, previous=self._digest, position=self._position)
            except ChainBroken as broken:
                good = (broken.position or 0) - self._position - 1
                if good == 0 and self._computed is not None and rows[0][0] == broken.position:
                    # In the row before, only the digest may have been changed, and this one may follow it all the same.
                    self._digest, self._computed = self._computed, None
                    continue
                if self._is_whole and good:
                    self.head = Head(rows[good - 1][0], bytes(rows[good - 1][-1]))
                self._is_whole = False
                self._add(broken.code, broken.reason, broken.position or 0)
                self._resume(rows[good - 1][-1] if good else self._digest, rows[good], broken.position)
                rows = rows[good + 1 :]
            else:
                self._computed = None
                break
        if self._is_whole:
            self.head = Head(self._position, self._digest)

    def _resume(self, previous: bytes, bad: Raw, expected: int | None) -> None:
        """Go on after a bad row: from the digest that it has or, if that is the one changed, from what it should be."""
        self._position = bad[0]
        self._digest = bytes(bad[-1]) if isinstance(bad[-1], bytes | memoryview) else b""
        self._computed = None
        if bad[0] == expected:
            try:
                self._computed = link(bytes(previous), bad[:-1])
            except UnicodeEncodeError:  # a damaged text, see `Log.scan`
                self._computed = None

    # --- the events -------------------------------------------------------------------------------------------------

    def _check_events(self, connection: Connection, page: Sequence[Raw]) -> None:
        # An event's cause and the event before it of the same command are near: in this page or the one before.
        self._versions_before, self._versions = self._versions, {}
        self._commands_before, self._commands = self._commands, {}
        topics, decode, own, later = self._codec.topics, self._codec.decode, self._own, self._later
        versions, commands, earlier = self._versions, self._commands, self._commands_before
        for row in page:
            position, stream, version, topic, schema, customer, _, at, actor, command, seq, hashed, cause, body, _ = row
            if schema == FOREIGN:
                # Another application's event on the same log: the chain covers it, its body is not ours.
                if topic in topics:
                    self._add("undecodable_event", f"{topic} has schema {FOREIGN}, which it never had", position)
                continue
            try:
                versions[stream] = version
                if topic not in topics:
                    self._add("unknown_topic", f"the topic {topic!r} is unknown to this version", position)
                    continue
                kind, _, name = stream.partition("-")
                if kind in own and name != customer:
                    said = f"the event is in the stream {stream}, and belongs to the customer {customer!r}"
                    self._add("customer_differs", said, position, "customer")
                if hashed is not None and (seq != 0 or len(hashed) not in _HASH_BYTES):
                    said = "only the first event of a command has its hash, and the hash has 16 or 32 bytes"
                    self._add("receipt_broken", f"{said}: this is event {seq} of {command}", position, "command_hash")
                if seq != 0 or command in commands or command in earlier:
                    self._check_receipt(connection, position, at, actor, command, seq)
                commands[command] = (seq, at, actor)
                if cause is not None:
                    self._check_cause(connection, position, cause)
                if topic not in later:
                    event = decode(topic, schema, body)
                    if topic in self._naming:
                        self._check_policy(position, event, self._naming[topic])
                    elif topic in self._adoptions:
                        self._policies += 1
            except RelationsError as error:
                self._add(error.code, error.reason, position)
            except Exception as error:  # changed bytes can raise anything
                self._add("undecodable_event", f"{type(error).__name__}: {error}", position)

    def _check_receipt(
        self, connection: Connection, position: int, recorded_at: int, actor: str, command_id: str, seq: int
    ) -> None:
        """Check that an event follows the one before it of the same command: the receipt of a repeated command."""
        before = self._commands.get(command_id) or self._commands_before.get(command_id)
        if before is None:
            before = self._command_before(connection, command_id, position)
        expected = -1 if before is None else before[0]
        if seq != expected + 1:
            said = f"event {seq} of the command {command_id} follows event {expected}"
            self._add("receipt_broken", said if before else f"{said[: said.index(' follows')]} comes first", position)
        elif before is not None and before[1:] != (recorded_at, actor):
            said = f"events {expected} and {seq} of the command {command_id} have different times or actors"
            self._add("receipt_broken", said, position)

    def _command_before(self, connection: Connection, command_id: str, position: int) -> _Command | None:
        columns = log_table.c
        found = connection.execute(
            select(columns.command_seq, columns.recorded_at, columns.actor)
            .where(columns.command_id == command_id, columns.position < position)
            .order_by(columns.position.desc())
            .limit(1)
        ).first()
        return None if found is None else (found[0], found[1], found[2])

    def _check_cause(self, connection: Connection, position: int, cause: str) -> None:
        stream, _, number = cause.rpartition("@")
        version = int(number) if number.isdecimal() else 0
        seen = self._versions.get(stream) or self._versions_before.get(stream) or 0
        if 0 < version <= seen:
            return  # a stream has all versions up to this one: see `check_streams`
        columns = log_table.c
        statement = select(columns.position).where(columns.stream == stream, columns.version == version)
        found = connection.execute(statement).scalar()
        if found is None or found >= position:
            self._add("cause_missing", f"the cause {cause!r} is not in the log before the event", position, "cause")

    def _check_policy(self, position: int, event: Any, fields: Sequence[str]) -> None:
        for field in fields:
            number = getattr(event, field)
            if not 0 <= number <= self._policies:
                said = f"the event names policy {number}; {self._policies} policies were adopted before it"
                self._add("policy_missing", said, position, "body")
