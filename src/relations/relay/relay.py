"""The relay: sends the log's events to a target, each at least once, a customer's in order.

A relay is a durable consumer, so its position moves only after the target has acknowledged. What the target refuses
becomes a dead letter, and later events of that customer wait behind it.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Self
from zlib import crc32

import msgspec

from relations.engine import Relations
from relations.errors import InvalidInput
from relations.log.consuming import Consumer
from relations.messages import Event, RecordedEvent
from relations.relay.dead_letters import BEHIND, DeadLetter, DeadLetters
from relations.relay.delivery import DeliveryFailed, MessageRefused, Target, TargetUnreachable
from relations.relay.message import Message, PersonalWords, message_of
from relations.telemetry import logger

__all__ = ["Relay", "RelayReport"]

_GROWTH = 2.0


class RelayReport(msgspec.Struct):
    """The work of a relay since it was opened.

    Attributes:
        delivered: Messages that the target has acknowledged.
        dead: Messages that became dead letters, those that wait behind another included.
        retries: Attempts after a failure.
        position: The last position of the log that is done with.
    """

    delivered: int = 0
    dead: int = 0
    retries: int = 0
    position: int = 0


class Relay:
    """A relay of one log to one target. Of all relays with one name, one runs at a time.

    Use it as a context manager, and call `run` in one thread. Any thread or a signal handler may call `stop`.

    Args:
        engine: The engine.
        target: Where to send the events.
        name: The relay's name; its position is kept under it.
        source: The CloudEvents source: a URI reference that names the log.
        personal: `sealed`: personal words are sent as they are stored, readable for nobody. `omit`: without them.
            `open`: readable, unless erased.
        of: Only events of these classes; all events by default.
        after: The position after which a new relay begins.
        batch: The number of events between two movements of the position. After a crash, up to this many come again.
        attempts: How often a message is sent before it becomes a dead letter. A target that cannot be reached at all
            is waited for without end.
        pause_seconds: The pause after the first failed attempt; it doubles with each further one.
        pause_max_seconds: The longest pause.
        lease_seconds: The time after which another process may go on in place of one that was killed.

    Raises:
        InvalidInput: An argument is out of range.
    """

    def __init__(
        self,
        engine: Relations,
        target: Target,
        *,
        name: str = "relay",
        source: str = "/relations",
        personal: PersonalWords = "sealed",
        of: Collection[type[Event]] = (),
        after: int = 0,
        batch: int = 100,
        attempts: int = 8,
        pause_seconds: float = 0.5,
        pause_max_seconds: float = 60.0,
        lease_seconds: float = 10.0,
    ) -> None:
        for field, number in (("batch", batch), ("attempts", attempts)):
            if number < 1:
                raise InvalidInput(f"{field} must be at least 1", code="out_of_range", field=field)
        self.name = name
        self.target = target
        self.report = RelayReport()
        self.dead_letters = DeadLetters(engine.log.database, name)
        self._engine = engine
        self._source = source
        self._personal: PersonalWords = personal
        self._of = of
        self._after = after
        self._batch = batch
        self._attempts = attempts
        self._pause_seconds = pause_seconds
        self._pause_max_seconds = pause_max_seconds
        self._lease_seconds = lease_seconds
        self._stopped = threading.Event()
        self._counting = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._consumer: Consumer[RecordedEvent] | None = None

    def run(self, *, once: bool = False) -> RelayReport:
        """Send what there is, and go on with what comes until `stop`.

        Args:
            once: Return at the end of the log instead of waiting for new events.

        Raises:
            TargetMisconfigured: The target accepts nothing.
            ConsumerLost: Another process has taken the name.
        """
        with self._engine.consume(
            self.name,
            after=self._after,
            of=self._of,
            wait=not once,
            lease_seconds=self._lease_seconds,
            sealed=self._personal != "open",
            before_read=self._send_again,
        ) as consumer:
            self._consumer = consumer
            try:
                for batch in consumer.batches(self._batch):
                    done = self._relay(batch)
                    if done is None:
                        consumer.acknowledge()
                        self.report.position = batch[-1].position
                    else:
                        consumer.acknowledge(done)
                        break
            finally:
                self._consumer = None
        return self.report

    def stop(self) -> None:
        """End `run` after the message under way. Returns at once."""
        self._stopped.set()
        if self._consumer is not None:
            self._consumer.stop()

    def close(self) -> None:
        """Stop, and release the target's connections."""
        self.stop()
        if self._pool is not None:
            self._pool.shutdown()
        self.target.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- sending ----------------------------------------------------------------------------------------------------

    def _message(self, recorded: RecordedEvent) -> Message:
        return message_of(recorded, self._source, self._personal)

    def _relay(self, batch: Sequence[RecordedEvent]) -> int | None:
        """Deliver a batch. Return None, or the last position before the first message that a stop left undelivered."""
        blocked = self.dead_letters.blocked()
        messages: list[Message] = []
        waiting: dict[str, list[Message]] = {}
        for message in map(self._message, batch):
            if message.key in blocked:
                waiting.setdefault(message.key, []).append(message)
            else:
                messages.append(message)
        for behind in waiting.values():
            self._bury(behind, BEHIND, "waits for an earlier event of the same customer", 0)
        left = [each for each in self._over_lanes(messages) if each]
        if not left:
            return None
        return min(each[0].position for each in left) - 1

    def _over_lanes(self, messages: Sequence[Message]) -> Iterable[Sequence[Message]]:
        """Send each lane's messages, and return those that a stop left undelivered, by lane."""
        count = self.target.lanes
        if count == 1 or len(messages) < 2:
            return [self._deliver(messages)]
        lanes: list[list[Message]] = [[] for _ in range(count)]
        for message in messages:
            lanes[crc32(message.key.encode()) % count].append(message)
        if self._pool is None:
            self._pool = ThreadPoolExecutor(count, thread_name_prefix=f"relay {self.name}")
        # All lanes end before an error is raised: no message may be under way when its batch is sent again.
        futures = [self._pool.submit(self._deliver, lane) for lane in lanes if lane]
        failures = [error for future in futures if (error := future.exception()) is not None]
        if failures:
            raise failures[0]
        return [future.result() for future in futures]

    def _deliver(self, messages: Sequence[Message]) -> Sequence[Message]:
        """Deliver messages in order, with retries. Return those that a stop left undelivered."""
        left, attempt = list(messages), 0
        while left and not self._stopped.is_set():
            attempt += 1
            failure = self._attempt(left[: self.target.at_once])
            if failure is None:
                del left[: self.target.at_once]
                attempt = 0
                continue
            if failure.delivered:
                del left[: failure.delivered]
                attempt = 1
            if self._is_final(failure, attempt):
                key = left[0].key
                self._bury([each for each in left if each.key == key], failure.code, failure.reason, attempt)
                left = [each for each in left if each.key != key]
                attempt = 0
            else:
                self._wait(failure, attempt)
        return left

    def _attempt(self, messages: Sequence[Message]) -> DeliveryFailed | None:
        """Send messages once, and return the failure of the first that was not acknowledged, or None."""
        try:
            self.target.send(messages)
        except DeliveryFailed as failure:
            self._count(failure.delivered)
            return failure
        self._count(len(messages))
        return None

    def _is_final(self, failure: DeliveryFailed, attempt: int) -> bool:
        if isinstance(failure, TargetUnreachable):
            return False
        return isinstance(failure, MessageRefused) or attempt >= self._attempts

    def _wait(self, failure: DeliveryFailed, attempt: int) -> None:
        pause = min(self._pause_seconds * _GROWTH ** min(attempt - 1, 20), self._pause_max_seconds)
        pause *= 0.5 + random.random() / 2  # noqa: S311 - so that many relays do not come back at the same moment
        if failure.after is not None:
            pause = max(pause, min(failure.after, self._pause_max_seconds))
        with self._counting:
            self.report.retries += 1
        logger.warning(
            "delivery failed",
            relay=self.name,
            target=self.target.name,
            attempt=attempt,
            again_in_seconds=round(pause, 3),
            reason=failure.reason,
        )
        self._stopped.wait(pause)

    def _count(self, delivered: int) -> None:
        with self._counting:
            self.report.delivered += delivered

    def _bury(self, messages: Sequence[Message], code: str, reason: str, attempts: int) -> None:
        self.dead_letters.add(self.name, messages, code, reason, attempts)
        with self._counting:
            self.report.dead += len(messages)
        if code != BEHIND:
            logger.error("dead letter", relay=self.name, id=messages[0].id, attempts=attempts, reason=reason)

    # --- dead letters -----------------------------------------------------------------------------------------------

    def _send_again(self) -> None:
        """Send the dead letters that are marked, a customer's in order; a failure leaves the rest where they are."""
        marked = self.dead_letters.list(again=True)
        for key in dict.fromkeys(letter.key for letter in marked):
            for letter in (each for each in marked if each.key == key):
                if self._stopped.is_set() or not self._send_letter(letter):
                    break

    def _send_letter(self, letter: DeadLetter) -> bool:
        page, _ = self._engine.page(letter.position - 1, 1, sealed=self._personal != "open")
        if not page:
            self.dead_letters.remove([letter.position])  # its log was replaced by another one
            return True
        message, attempt = self._message(page[0]), 0
        while not self._stopped.is_set():
            attempt += 1
            failure = self._attempt([message])
            if failure is None:
                self.dead_letters.remove([letter.position])
                return True
            if self._is_final(failure, attempt):
                attempts = letter.attempts + attempt
                self.dead_letters.add(self.name, [message], failure.code, failure.reason, attempts)
                self.dead_letters.give_up(letter.key)
                return False
            self._wait(failure, attempt)
        return False
