"""The header `Idempotency-Key`, which is the id of a command."""

from __future__ import annotations

import re
from collections.abc import Sequence

from relations.errors import InvalidInput

__all__ = ["KEY_PATTERN", "command_id_of"]

KEY_PATTERN = r"^[!#-\[\]-~]{1,200}$"
"""1 to 200 visible characters of ASCII, without quotation marks and backslashes."""

_KEY = re.compile(KEY_PATTERN)
_RESERVED = ("due:", "relations:", "sentiment:")
"""How the ids begin that the engine makes itself. A client that took one of them would keep its event from the log."""


def command_id_of(headers: Sequence[str]) -> str | None:
    """Return the command id in the headers, or None without one. Quotation marks around it are taken off.

    Raises:
        InvalidInput: There are several, or it is not a key, or one of the ids that the engine makes itself.
    """
    if not headers:
        return None
    if len(headers) > 1:
        raise InvalidInput(
            "the header Idempotency-Key is given more than once",
            code="invalid_idempotency_key",
            field="Idempotency-Key",
            hint="Send one key for each command",
        )
    key = headers[0].strip()
    if len(key) > 1 and key.startswith('"') and key.endswith('"'):
        key = key[1:-1]
    if not _KEY.match(key):
        raise InvalidInput(
            "the header Idempotency-Key is not a key",
            code="invalid_idempotency_key",
            field="Idempotency-Key",
            hint="Send 1 to 200 visible characters of ASCII without quotation marks and backslashes, such as a UUID",
        )
    if key.startswith(_RESERVED):
        raise InvalidInput(
            f"keys that begin with {key.partition(':')[0]}: are the engine's own",
            code="reserved_idempotency_key",
            field="Idempotency-Key",
            hint="Choose another key, such as a UUID",
        )
    return key
