"""Targets from words on a command line."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from relations.errors import InvalidInput
from relations.relay.delivery import Target
from relations.relay.message import Mode
from relations.relay.targets.amqp import AmqpTarget
from relations.relay.targets.files import FileTarget, StreamTarget
from relations.relay.targets.kafka import KafkaTarget
from relations.relay.targets.redis_streams import RedisTarget
from relations.relay.targets.webhook import WebhookTarget

__all__ = ["REMOTE", "open_target"]

REMOTE = {
    "webhook": "https://host/path",
    "amqp": "amqp://user:password@host:5672/%2F",
    "kafka": "kafka://host:9092",
    "redis": "redis://host:6379/0",
}
"""The kinds of targets that have an address, each with an example."""


def open_target(
    to: str,
    *,
    url: str | None = None,
    channel: str | None = None,
    mode: Mode = "structured",
    secrets: Sequence[str] = (),
    lanes: int = 4,
) -> Target:
    """Return the target that a word or a path stands for.

    Args:
        to: `stdout`, a kind in `REMOTE`, or the path of a file.
        url: The address of a remote target.
        channel: The exchange of AMQP, the topic of Kafka, or the stream of Redis; `relations` by default.
        mode: The form of the events; files and stdout have only the structured one.
        secrets: The secrets that sign webhooks.
        lanes: How many webhooks are sent at once.

    Raises:
        InvalidInput: The address is missing or wrong, or an argument does not apply to this target.
        MissingExtra: The package that the target needs is not installed.
        SourceError: The file cannot be written.
    """
    if to not in REMOTE:
        if "://" in to:
            raise InvalidInput(
                f"{to} is an address, and not a kind of target",
                code="invalid_url",
                field="to",
                hint=f"Give the address as the URL of one of {', '.join(REMOTE)}",
            )
        if url is not None or channel is not None or mode != "structured" or secrets:
            raise InvalidInput(
                f"an address, a channel, a mode or a secret does not apply to {to}",
                code="option_not_applicable",
                field="to",
                hint=f"Omit them, or use one of {', '.join(REMOTE)}",
            )
        return StreamTarget(sys.stdout.buffer) if to == "stdout" else FileTarget(Path(to))
    if url is None:
        raise InvalidInput(
            f"{to} needs an address", code="url_missing", field="url", hint=f"Give one such as {REMOTE[to]}"
        )
    if secrets and to != "webhook":
        raise InvalidInput(
            "only webhooks are signed", code="option_not_applicable", field="secret", hint="Omit the secret"
        )
    if channel is not None and to == "webhook":
        raise InvalidInput(
            "a webhook has no channel", code="option_not_applicable", field="channel", hint="Write it into the address"
        )
    named = channel or "relations"
    match to:
        case "amqp":
            return AmqpTarget(url, exchange=named, mode=mode)
        case "kafka":
            return KafkaTarget(url, topic=named, mode=mode)
        case "redis":
            return RedisTarget(url, stream=named, mode=mode)
        case _:
            return WebhookTarget(url, secrets=secrets, mode=mode, lanes=lanes)
