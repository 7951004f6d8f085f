"""The addresses of targets."""

from __future__ import annotations

import re
from collections.abc import Collection
from urllib.parse import SplitResult, urlsplit

from relations.errors import InvalidInput

__all__ = ["checked_address"]

_USER = re.compile(r"//[^/]*@")


def checked_address(
    url: str, *, of: str, schemes: Collection[str], example: str, several: bool = False, path: str = ".*"
) -> SplitResult:
    """Return the parts of an address.

    Args:
        url: The address.
        of: What it is an address of, for the error.
        schemes: The schemes that it may have.
        example: An address that is right, for the error.
        several: It may name several hosts.
        path: The pattern of its path. It does not apply to the path of a socket.

    Raises:
        InvalidInput: It has another scheme, no host, a wrong port or path, or spaces. The error shows no password.
    """
    try:
        parts = urlsplit(url)
        host = parts.netloc if several else parts.hostname or (parts.scheme == "unix" and parts.path)
        if not several:
            _ = parts.port  # raises an error for what cannot be a port
        is_good = parts.scheme in schemes and bool(host) and not re.search(r"\s", url)
        is_good = is_good and (parts.scheme == "unix" or re.fullmatch(path, parts.path) is not None)
    except ValueError:  # of a port, or of brackets
        is_good = False
    if not is_good:
        shown = _USER.sub("//", url)
        raise InvalidInput(
            f"{shown!r} is not the address of {of}", code="invalid_url", field="url", hint=f"Write {example}"
        )
    return parts
