"""Targets of a relay, and the ways in which a delivery can fail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from relations.errors import RelationsError
from relations.relay.message import Message

__all__ = ["DeliveryFailed", "MessageRefused", "Target", "TargetMisconfigured", "TargetUnreachable"]


class DeliveryFailed(RelationsError):
    """A message was not acknowledged, and may be with the next attempt.

    Args:
        reason: What happened.
        delivered: The number of messages before it that were acknowledged.
        after: The seconds after which the target asks to be tried again.
    """

    code = "delivery_failed"

    def __init__(self, reason: str, *, delivered: int = 0, after: float | None = None) -> None:
        super().__init__(reason)
        self.delivered = delivered
        self.after = after


class TargetUnreachable(DeliveryFailed):
    """The target cannot be reached at all, so no message is to blame. The relay waits for it without end."""

    code = "target_unreachable"


class MessageRefused(DeliveryFailed):
    """The target will never accept this message."""

    code = "message_refused"


class TargetMisconfigured(RelationsError):
    """The target refuses every message: the address, the secret or the permissions are wrong. The relay stops."""

    code = "target_misconfigured"


class Target(Protocol):
    """A receiver of messages.

    Attributes:
        name: What it is called in messages for people; without secrets.
        lanes: How many threads may send at once. Messages of one customer are always sent by one thread, in order.
        at_once: How many messages one call of `send` gets at most. Between two calls the relay can be stopped.
    """

    name: str
    lanes: int
    at_once: int

    def send(self, messages: Sequence[Message]) -> None:
        """Deliver messages in order, and return when the target has acknowledged all of them.

        Raises:
            DeliveryFailed: One was not acknowledged; the error has the number of those before it that were.
            TargetMisconfigured: The target accepts nothing.
        """

    def close(self) -> None:
        """Release all connections."""
