"""An exchange of RabbitMQ, or of another broker of AMQP 0.9.1, as a target."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from relations.extras import needed
from relations.relay.delivery import DeliveryFailed, TargetMisconfigured, TargetUnreachable
from relations.relay.message import CONTENT_TYPE, DATA_TYPE, Message, Mode
from relations.relay.targets.addresses import checked_address

__all__ = ["AmqpTarget"]


class AmqpTarget:
    """A durable topic exchange. The routing key is the event's topic, so a queue can bind `complaint.#`.

    Messages are persistent, and each is acknowledged once the broker has confirmed it. A message that no queue takes
    stops the relay: the broker would drop it. In binary mode the attributes are headers `cloudEvents_…`.

    Args:
        url: An address such as amqp://user:password@host:5672/%2F.
        exchange: The exchange. It is declared if it does not exist.
        mode: The form of the events.
        timeout_seconds: The time for a connection.

    Raises:
        InvalidInput: The address is wrong.
        MissingExtra: The extra `relay` is not installed.
    """

    lanes = 1
    at_once = 1_000

    def __init__(
        self, url: str, *, exchange: str = "relations", mode: Mode = "structured", timeout_seconds: float = 15.0
    ) -> None:
        self._pika = needed("pika", extra="relay", purpose="A relay to AMQP")
        parts = checked_address(
            url, of="a broker of AMQP", schemes=("amqp", "amqps"), example="amqp://user:password@host:5672/%2F"
        )
        self.name = f"the exchange {exchange} of {parts.hostname}:{parts.port or 5672}"
        self._exchange = exchange
        self._mode: Mode = mode
        self._parameters = self._pika.URLParameters(url)
        self._parameters.socket_timeout = timeout_seconds
        self._parameters.blocked_connection_timeout = timeout_seconds
        self._connection: Any = None
        self._channel: Any = None

    def send(self, messages: Sequence[Message]) -> None:
        """Deliver messages in order."""
        errors = self._pika.exceptions
        # The broker may have ended a connection that was idle, which says nothing about whether it can be reached.
        was_open = self._channel is not None
        for number, message in enumerate(messages):
            try:
                try:
                    self._publish(message)
                except errors.AMQPConnectionError:
                    if not was_open:
                        raise
                    was_open = False
                    self._drop()
                    self._publish(message)
            except (errors.ProbableAuthenticationError, errors.ProbableAccessDeniedError) as error:
                raise self._misconfigured(error) from error
            except errors.ChannelClosedByBroker as error:
                self._drop()
                raise self._misconfigured(error) from error
            except errors.UnroutableError as error:
                raise TargetMisconfigured(
                    f"{self.name} has no queue for {message.topic}, so the event would be lost",
                    code="no_queue",
                    hint="Bind a queue to the exchange, or relay only the topics that have one",
                ) from error
            except errors.NackError as error:
                raise DeliveryFailed(f"{self.name} did not confirm {message.id}", delivered=number) from error
            except (errors.AMQPError, OSError) as error:
                self._drop()
                reason = str(error) or type(error).__name__
                raise TargetUnreachable(f"{self.name} cannot be reached: {reason}", delivered=number) from error

    def _misconfigured(self, error: Exception) -> TargetMisconfigured:
        return TargetMisconfigured(
            f"{self.name} refuses: {error}", field="url", hint="Check the address, the user and the exchange"
        )

    def _publish(self, message: Message) -> None:
        if self._channel is None:
            self._connection = self._pika.BlockingConnection(self._parameters)
            channel = self._connection.channel()
            channel.exchange_declare(self._exchange, exchange_type="topic", durable=True)
            channel.confirm_delivery()
            self._channel = channel
        binary = self._mode == "binary"
        properties = self._pika.BasicProperties(
            content_type=DATA_TYPE if binary else CONTENT_TYPE,
            delivery_mode=2,
            message_id=message.id,
            type=message.topic,
            headers={f"cloudEvents_{name}": value for name, value in message.attributes.items()} if binary else None,
        )
        body = message.body if binary else message.structured
        self._channel.basic_publish(self._exchange, message.topic, body, properties, mandatory=True)

    def _drop(self) -> None:
        connection, self._connection, self._channel = self._connection, None, None
        if connection is not None and connection.is_open:
            connection.close()

    def close(self) -> None:
        """Close the connection."""
        self._drop()
