"""A Redis stream as a target: one entry an event, in the order of the log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from relations.extras import needed
from relations.relay.delivery import DeliveryFailed, TargetMisconfigured, TargetUnreachable
from relations.relay.message import CONTENT_TYPE, DATA_TYPE, Message, Mode
from relations.relay.targets.addresses import checked_address

__all__ = ["RedisTarget"]


class RedisTarget:
    """A Redis stream, which grows by `XADD`.

    In structured mode an entry has the fields `id`, `type`, `subject`, `content-type` and `event`, the whole document.
    In binary mode it has one field for each attribute, `datacontenttype` and `data`. Messages are added in one
    transaction, so Redis has all of them or none.

    Args:
        url: An address such as redis://host:6379/0.
        stream: The key of the stream.
        mode: The form of the events.
        timeout_seconds: The time for a connection, and for an answer.

    Raises:
        InvalidInput: The address is wrong.
        MissingExtra: The extra `relay` is not installed.
    """

    lanes = 1
    at_once = 1_000

    def __init__(
        self, url: str, *, stream: str = "relations", mode: Mode = "structured", timeout_seconds: float = 15.0
    ) -> None:
        example = "redis://host:6379/0"  # with the number of a database
        checked_address(url, of="Redis", schemes=("redis", "rediss", "unix"), example=example, path="/?[0-9]*")
        redis = needed("redis", extra="relay", purpose="A relay to Redis")
        self.name = f"the stream {stream} of {url.rpartition('@')[2] if '@' in url else url}"
        self._errors = redis.exceptions
        self._stream = stream
        self._mode: Mode = mode
        self._client: Any = redis.Redis.from_url(
            url, socket_timeout=timeout_seconds, socket_connect_timeout=timeout_seconds
        )

    def send(self, messages: Sequence[Message]) -> None:
        """Deliver messages in order."""
        pipeline = self._client.pipeline(transaction=True)
        for message in messages:
            pipeline.xadd(self._stream, self._fields(message))
        try:
            pipeline.execute()
        except self._errors.AuthenticationError as error:
            raise self._misconfigured(error) from error
        except (self._errors.ConnectionError, self._errors.TimeoutError) as error:
            raise TargetUnreachable(f"{self.name} cannot be reached: {error}") from error
        except self._errors.ResponseError as error:
            if str(error).startswith(("NOAUTH", "NOPERM", "WRONGPASS", "WRONGTYPE")) or "WRONGTYPE" in str(error):
                raise self._misconfigured(error) from error
            raise DeliveryFailed(f"{self.name} answered: {error}") from error

    def _misconfigured(self, error: Exception) -> TargetMisconfigured:
        return TargetMisconfigured(
            f"{self.name} refuses: {error}", field="url", hint="Check the address, the password and the stream"
        )

    def _fields(self, message: Message) -> dict[str, str | bytes]:
        if self._mode == "binary":
            return {**message.attributes, "datacontenttype": DATA_TYPE, "data": message.body}
        named: dict[str, str | bytes] = {
            name: message.attributes[name] for name in ("id", "type", "subject") if name in message.attributes
        }
        return {**named, "content-type": CONTENT_TYPE, "event": message.structured}

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
