"""Sending a request to a witness or a time-stamping authority over HTTP."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from dataclasses import dataclass

from relations.errors import InvalidInput, SourceError

__all__ = ["ServerAnswer", "post"]

_SECONDS = 30.0
_BYTES_MAX = 1 << 20


@dataclass(frozen=True)
class ServerAnswer:
    """The answer of a server.

    Attributes:
        status: The HTTP status.
        body: The body, at most 1 MiB.
    """

    status: int
    body: bytes


def post(url: str, body: bytes, *, content_type: str) -> ServerAnswer:
    """Send a body to a URL, and return the answer of any status.

    Raises:
        InvalidInput: The URL is not one of HTTP.
        SourceError: The server cannot be reached (`unreachable`).
    """
    if not url.startswith(("https://", "http://")):
        raise InvalidInput(
            f"{url[:80]!r} is not an address of a server", code="invalid_url", field="url", hint="Give an https:// URL"
        )
    request = urllib.request.Request(url, body, {"Content-Type": content_type})  # noqa: S310 - checked above
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310 - checked above
            return ServerAnswer(answer.status, answer.read(_BYTES_MAX))
    except urllib.error.HTTPError as error:
        with error:
            return ServerAnswer(error.code, error.read(_BYTES_MAX))
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise SourceError(
            f"cannot reach {url}: {reason}", code="unreachable", hint="Check the URL and the network"
        ) from None
