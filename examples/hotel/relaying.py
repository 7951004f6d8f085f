"""The relay of the example: every event of the log goes to a webhook."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

from relations import Relations
from relations.relay import Relay, WebhookTarget

__all__ = ["relayed"]


# --- [relay]
@contextmanager
def relayed(database: str, address: str, secret: str) -> Iterator[Relay]:
    """Send what is recorded to a webhook, from a thread, until the end of the block."""
    with (
        Relations.open(database) as engine,
        Relay(engine, WebhookTarget(address, secrets=[secret]), name="desk", source="/hotel") as relay,
    ):
        thread = Thread(target=relay.run)
        thread.start()
        try:
            yield relay
        finally:
            relay.stop()
            thread.join()
