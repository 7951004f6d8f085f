"""Signatures of webhooks by the Standard Webhooks specification (https://www.standardwebhooks.com).

The signed content is `webhook-id.webhook-timestamp.body`, and the signature is HMAC-SHA256 of it, as `v1,` and base64.
A secret is base64 of 24 to 64 bytes, with or without the prefix `whsec_`. With several secrets there are several
signatures, so that a receiver can go over from an old secret to a new one.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from secrets import token_bytes

from relations.errors import InvalidInput

__all__ = ["new_secret", "read_secret", "signed_headers"]

_PREFIX = "whsec_"
_BYTES_MIN, _BYTES_MAX = 24, 64


def new_secret() -> str:
    """Return a new random secret for signatures."""
    return _PREFIX + base64.b64encode(token_bytes(32)).decode()


def read_secret(text: str) -> bytes:
    """Return the bytes of a secret.

    Raises:
        InvalidInput: The text is not a secret. The error does not repeat it.
    """
    try:
        secret = base64.b64decode(text.strip().removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if not _BYTES_MIN <= len(secret) <= _BYTES_MAX:
        raise InvalidInput(
            "the webhook secret is not base64 of 24 to 64 bytes",
            code="invalid_secret",
            field="secret",
            hint="Create one with relations.relay.new_secret(), and give it to the receiver too",
        )
    return secret


def signed_headers(message_id: str, timestamp: int, body: bytes, secrets: Sequence[bytes]) -> dict[str, str]:
    """Return the headers `webhook-id`, `webhook-timestamp` and `webhook-signature` of a message.

    Args:
        message_id: The message's id, the same for every attempt. A full stop in it is written as `~`, because full
            stops separate the parts of the signed content.
        timestamp: The time of this attempt, in seconds since 1970.
        body: The body, byte by byte as it is sent.
        secrets: The secrets to sign with, the newest first.
    """
    safe_id = message_id.replace(".", "~")
    content = f"{safe_id}.{timestamp}.".encode() + body
    signatures = [base64.b64encode(hmac.new(secret, content, hashlib.sha256).digest()).decode() for secret in secrets]
    headers = {"webhook-id": safe_id, "webhook-timestamp": str(timestamp)}
    if signatures:
        headers["webhook-signature"] = " ".join(f"v1,{signature}" for signature in signatures)
    return headers
