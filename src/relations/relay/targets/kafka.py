"""A Kafka topic as a target: the key is the customer, so that one partition has all events of a customer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from relations.extras import needed
from relations.relay.delivery import DeliveryFailed, MessageRefused, TargetMisconfigured, TargetUnreachable
from relations.relay.message import CONTENT_TYPE, DATA_TYPE, Message, Mode
from relations.relay.targets.addresses import checked_address

__all__ = ["KafkaTarget"]

_UNREACHABLE = ("_MSG_TIMED_OUT", "_ALL_BROKERS_DOWN", "_TRANSPORT", "_RESOLVE", "_TIMED_OUT", "REQUEST_TIMED_OUT")
_REFUSED = ("MSG_SIZE_TOO_LARGE", "INVALID_MSG", "INVALID_MSG_SIZE", "INVALID_RECORD", "RECORD_LIST_TOO_LARGE")
_MISCONFIGURED = (
    "_AUTHENTICATION",
    "_UNKNOWN_TOPIC",
    "_UNKNOWN_PARTITION",
    "CLUSTER_AUTHORIZATION_FAILED",
    "TOPIC_AUTHORIZATION_FAILED",
    "TOPIC_EXCEPTION",
    "UNKNOWN_TOPIC_OR_PART",
)


class KafkaTarget:
    """A topic of Kafka, written by an idempotent producer with `acks=all`.

    The key of a message is its customer. A key's partition is that of Java's clients, of Kafka Streams and of ksqlDB,
    which all use murmur2. So topics that are keyed by customer can be joined. The default of librdkafka itself is
    another one: give `settings={"partitioner": "consistent_random"}` for a topic that was written with that.

    In binary mode the attributes are headers `ce_…`, as the Kafka binding of CloudEvents has them.

    Args:
        url: An address such as kafka://host:9092 or kafka://one:9092,two:9092.
        topic: The topic.
        mode: The form of the events.
        timeout_seconds: The time in which the brokers must acknowledge.
        settings: Further settings of librdkafka, such as those for SASL and TLS.

    Raises:
        InvalidInput: The address has no host.
        MissingExtra: The extra `relay` is not installed.
    """

    lanes = 1
    at_once = 1_000

    def __init__(
        self,
        url: str,
        *,
        topic: str = "relations",
        mode: Mode = "structured",
        timeout_seconds: float = 15.0,
        settings: dict[str, Any] | None = None,
    ) -> None:
        parts = checked_address(
            url, of="Kafka", schemes=("kafka",), example="kafka://host:9092", several=True, path="/?"
        )
        self._kafka = needed("confluent_kafka", extra="relay", purpose="A relay to Kafka")
        self.name = f"the topic {topic} of {parts.netloc}"
        self._topic = topic
        self._mode: Mode = mode
        self._timeout = timeout_seconds
        self._settings = {
            "bootstrap.servers": parts.netloc,
            "enable.idempotence": True,
            "enable.gapless.guarantee": True,
            "acks": "all",
            "partitioner": "murmur2_random",
            "linger.ms": 0,
            "message.timeout.ms": int(timeout_seconds * 1_000),
            **(settings or {}),
        }
        self._producer: Any = None

    def send(self, messages: Sequence[Message]) -> None:
        """Deliver messages in order."""
        if self._producer is None:
            # Errors come with the messages; the log of the library would repeat them on stderr.
            self._producer = self._kafka.Producer(self._settings, logger=_silent())
        answers: list[Any] = [None] * len(messages)
        for number, message in enumerate(messages):
            self._produce(message, lambda error, _, number=number: answers.__setitem__(number, error or True))
            self._producer.poll(0)
        self._producer.flush(self._timeout + 5)
        for number, answer in enumerate(answers):
            if answer is not True:
                # A new producer begins a new sequence; what the old one still had is dropped with it.
                self._producer.purge()
                self._producer = None
                raise self._failure(answer, number)

    def _produce(self, message: Message, on_delivery: Any) -> None:
        if self._mode == "binary":
            headers = {"content-type": DATA_TYPE}
            headers |= {f"ce_{name}": value for name, value in message.attributes.items()}
            body = message.body
        else:
            headers, body = {"content-type": CONTENT_TYPE}, message.structured
        while True:
            try:
                self._producer.produce(
                    self._topic,
                    body,
                    key=message.key.encode(),
                    headers=[(name, value.encode()) for name, value in headers.items()],
                    on_delivery=on_delivery,
                )
            except BufferError:
                self._producer.poll(0.05)  # the queue is full: wait until some messages are acknowledged
            except self._kafka.KafkaException as error:
                on_delivery(error.args[0], None)
                return
            else:
                return

    def _failure(self, answer: Any, delivered: int) -> DeliveryFailed | TargetMisconfigured:
        name = answer.name() if answer is not None else "_TIMED_OUT"
        reason = f"{self.name} answered {name}: {answer.str() if answer is not None else 'no answer in time'}"
        if name in _MISCONFIGURED:
            return TargetMisconfigured(reason, field="url", hint="Check the address, the topic and the permissions")
        kind = TargetUnreachable if name in _UNREACHABLE else MessageRefused if name in _REFUSED else DeliveryFailed
        return kind(reason, delivered=delivered)

    def close(self) -> None:
        """Release the producer."""
        if self._producer is not None:
            self._producer.flush(1)
            self._producer = None


def _silent() -> Any:
    import logging  # noqa: PLC0415 - only where Kafka is used

    quiet = logging.getLogger("relations.kafka")
    quiet.setLevel(logging.CRITICAL + 1)
    return quiet
