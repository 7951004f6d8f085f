"""Targets from words on a command line."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from relations.errors import InvalidInput
from relations.relay.delivery import Target
from relations.relay.message import Mode
from relations.relay.targets.files import FileTarget, StreamTarget
from relations.relay.targets.webhook import WebhookTarget

__all__ = ["REMOTE", "open_target"]

REMOTE = {"webhook": "https://host/path"}
"""The kinds of targets that have an address, each with an example."""


def open_target(
    to: str, *, url: str | None = None, mode: Mode = "structured", secrets: Sequence[str] = (), lanes: int = 4
) -> Target:
    """Return the target that a word or a path stands for.

    Args:
        to: `stdout`, a kind in `REMOTE`, or the path of a file.
        url: The address of a remote target.
        mode: The form of the events; files and stdout have only the structured one.
        secrets: The secrets that sign webhooks.
        lanes: How many webhooks are sent at once.

    Raises:
        InvalidInput: The address is missing or wrong, or an argument does not apply to this target.
        MissingExtra: The package that the target needs is not installed.
        SourceError: The file cannot be written.
    """
    if to not in REMOTE:
        if url is not None or mode != "structured" or secrets:
            raise InvalidInput(
                f"an address, a mode or a secret does not apply to {to}",
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
    return WebhookTarget(url, secrets=secrets, mode=mode, lanes=lanes)
