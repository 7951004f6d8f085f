"""A webhook as a target: one POST an event, signed by the Standard Webhooks specification."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

from relations.extras import needed
from relations.relay.delivery import DeliveryFailed, MessageRefused, TargetMisconfigured, TargetUnreachable
from relations.relay.message import CONTENT_TYPE, DATA_TYPE, Message, Mode
from relations.relay.signing import read_secret, signed_headers
from relations.relay.targets.addresses import checked_address
from relations.version import VERSION

__all__ = ["WebhookTarget"]

_MISCONFIGURED = (401, 403, 404, 405, 407, 410)
_AGAIN = (408, 425, 429)
_PLAIN = "".join(map(chr, range(0x21, 0x7F))).replace('"', "").replace("%", "")
"""The characters that the HTTP binding of CloudEvents leaves as they are in a header."""
_ANSWER_MAX = 200


class WebhookTarget:
    """A receiver of webhooks. An answer of 2xx acknowledges an event.

    An answer of 400 and most others of 4xx refuses the event, which becomes a dead letter. 408, 425, 429, 5xx and
    timeouts are tried again, after the seconds of `Retry-After` if the answer has that header. 3xx, 401, 403, 404,
    405, 407 and 410 mean that the address or the secret is wrong: the relay stops. Redirects are not followed.

    Args:
        url: An address that begins with https:// or http://.
        secrets: The secrets that sign each event, the newest first. Without one, events are not signed.
        mode: `structured`: attributes and data in the body. `binary`: attributes as headers. The signature covers the
            body and the id, so in binary mode not the other attributes.
        headers: Further headers, such as an authorisation.
        lanes: How many events are sent at once; a customer's events always one after the other.
        timeout_seconds: The time for a connection, and for an answer.

    Raises:
        InvalidInput: The address or a secret is wrong.
        MissingExtra: The extra `relay` is not installed.
    """

    at_once = 1

    def __init__(
        self,
        url: str,
        *,
        secrets: Sequence[str] = (),
        mode: Mode = "structured",
        headers: dict[str, str] | None = None,
        lanes: int = 4,
        timeout_seconds: float = 15.0,
    ) -> None:
        parts = checked_address(url, of="a webhook", schemes=("http", "https"), example="https://host/path")
        urllib3 = needed("urllib3", extra="relay", purpose="A webhook")
        self.name = f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}{parts.path}"
        self.lanes = lanes
        self._url = url
        self._secrets = [read_secret(secret) for secret in secrets]
        self._mode: Mode = mode
        self._headers = {"user-agent": f"relations/{VERSION}", **(headers or {})}
        self._errors = urllib3.exceptions
        self._pool: Any = urllib3.PoolManager(
            maxsize=lanes, retries=False, timeout=urllib3.Timeout(connect=timeout_seconds, read=timeout_seconds)
        )

    def send(self, messages: Sequence[Message]) -> None:
        """Deliver messages in order."""
        for number, message in enumerate(messages):
            try:
                self._post(message)
            except DeliveryFailed as failure:
                failure.delivered = number
                raise

    def _post(self, message: Message) -> None:
        if self._mode == "structured":
            body, headers = message.structured, {"content-type": CONTENT_TYPE}
        else:
            named = {f"ce-{name}": quote(value, safe=_PLAIN) for name, value in message.attributes.items()}
            body, headers = message.body, {"content-type": DATA_TYPE, **named}
        signed = signed_headers(message.id, int(time.time()), body, self._secrets)
        try:
            answer = self._pool.request(
                "POST", self._url, body=body, headers={**self._headers, **headers, **signed}, redirect=False
            )
        except (self._errors.NewConnectionError, self._errors.ConnectTimeoutError) as error:
            raise TargetUnreachable(f"{self.name} cannot be reached: {_first_line(error)}") from error
        except self._errors.HTTPError as error:
            raise DeliveryFailed(f"{self.name} did not answer: {_first_line(error)}") from error
        if not 200 <= answer.status < 300:
            self._refuse(answer)

    def _refuse(self, answer: Any) -> None:
        said = " ".join(answer.data[:_ANSWER_MAX].decode(errors="replace").split())
        reason = f"{self.name} answered {answer.status}" + (f": {said}" if said else "")
        if answer.status in _MISCONFIGURED or answer.status < 400:
            raise TargetMisconfigured(
                reason, field="url", hint="Check the address, the secret and the headers, then start the relay again"
            )
        if answer.status in _AGAIN or answer.status >= 500:
            raise DeliveryFailed(reason, after=_seconds_of(answer.headers.get("retry-after")))
        raise MessageRefused(reason)

    def close(self) -> None:
        """Release what is open."""
        self._pool.clear()


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _seconds_of(given: str | None) -> float | None:
    """Return the seconds of a `Retry-After` header, which has a number or a date; None if it has neither."""
    if given is None:
        return None
    if given.strip().isdecimal():
        return float(given)
    try:
        moment = parsedate_to_datetime(given)
        return max(0.0, (moment - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None
