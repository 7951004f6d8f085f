"""Time stamps of checkpoints by an authority (RFC 3161): proof that a seal existed at a time, on somebody else's word.

The token covers the checkpoint's body and not its signatures, so that cosignatures may be added later.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from typing import Any

from cryptography import x509

from relations.audit.checker import Checkpoint
from relations.audit.posting import post
from relations.errors import InvalidInput, LogError, SourceError
from relations.extras import needed

__all__ = ["check_timestamp", "request_timestamp"]

_OK = 200


def _client() -> Any:
    return needed("rfc3161_client", extra="timestamps", purpose="Time stamps of an authority")


def request_timestamp(checkpoint: Checkpoint, url: str) -> bytes:
    """Ask a time-stamping authority for a token of a checkpoint.

    Args:
        checkpoint: The checkpoint.
        url: The authority's URL.

    Returns:
        The response in DER, as `openssl ts -verify` reads it.

    Raises:
        MissingExtra: The extra `timestamps` is not installed.
        InvalidInput: The URL is not one of HTTP.
        SourceError: The authority cannot be reached, or gives no token of this checkpoint.
    """
    client = _client()
    request = client.TimestampRequestBuilder().data(checkpoint.body).nonce(nonce=True).cert_request(cert_request=True)
    built = request.build()
    answer = post(url, built.as_bytes(), content_type="application/timestamp-query")
    if answer.status != _OK:
        raise SourceError(f"the authority answers with status {answer.status}", code="unreadable_source")
    try:
        response = client.decode_timestamp_response(answer.body)
        is_ours = (
            response.status == client.PKIStatus.GRANTED
            and response.tst_info.message_imprint.message == built.message_imprint.message
            and response.tst_info.nonce == built.nonce
        )
    except ValueError as error:
        raise SourceError(f"the authority's answer cannot be read: {error}", code="unreadable_source") from None
    if not is_ours:
        raise SourceError("the authority gave no time stamp of this checkpoint", code="unreadable_source")
    return answer.body


def check_timestamp(token: bytes, checkpoint: Checkpoint, authority: bytes) -> datetime:
    """Check a token of a checkpoint, and return the time at which the checkpoint existed.

    Args:
        token: The response that `request_timestamp` returned.
        checkpoint: The checkpoint.
        authority: The authority's root certificate, in PEM.

    Raises:
        MissingExtra: The extra `timestamps` is not installed.
        InvalidInput: The certificate cannot be read.
        LogError: The token is not of this checkpoint, or not signed by the authority (`timestamp_invalid`).
    """
    client = _client()
    try:
        root = x509.load_pem_x509_certificate(authority)
    except ValueError as error:
        raise InvalidInput(
            f"the certificate cannot be read: {error}",
            code="invalid_certificate",
            field="authority",
            hint="Give a PEM file",
        ) from None
    try:
        response = client.decode_timestamp_response(token)
        verifier = client.VerifierBuilder().add_root_certificate(root).build()
        verifier.verify_message(response, checkpoint.body)
        return _moment(response.tst_info)
    except (ValueError, client.VerificationError) as error:
        raise LogError(f"the time stamp does not hold: {error}", code="timestamp_invalid") from None


def _moment(info: Any) -> datetime:
    """Return the time in a token, to the microsecond and never before what the authority wrote.

    rfc3161-client 1.0.9 cuts a fraction of a second off, but keeps it in the token's bytes.
    """
    whole: datetime = info.gen_time
    written = re.search(rf"{whole:%Y%m%d%H%M%S}(\.[0-9]+)Z".encode(), info.as_bytes())
    fraction = Decimal(written[1].decode()) if written else Decimal()
    return whole + timedelta(microseconds=int((fraction * 1_000_000).to_integral_value(ROUND_CEILING)))
