"""Errors as problem details for HTTP (RFC 9457), with our code, field and hint."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.responses import Response

from relations.asgi.access import NotAllowed
from relations.asgi.lifespan import NotStarted
from relations.errors import (
    CommandRefused,
    ConcurrencyConflict,
    IdempotencyConflict,
    InvalidInput,
    OutcomeUnknown,
    ProjectionFailed,
    RelationsError,
    StoreError,
)
from relations.telemetry import logger

__all__ = ["PROBLEM_TYPE", "HttpProblem", "problem", "problem_response", "status_of"]

PROBLEM_TYPE = "application/problem+json"

_RETRY_SECONDS = "1"
_NOT_FOUND = frozenset(
    ("nothing_found", "unknown_command", "unknown_customer", "unknown_question", "unknown_view", "customer_lies_ahead")
)
_BUSY = frozenset(("log_busy", "own_transaction"))
_PASSING_HERE = frozenset((*_BUSY, "not_started", "store_failed"))
"""Failures after which the same request may succeed, besides those whose `retry` says so."""

_ERRORS: tuple[tuple[type[RelationsError], int], ...] = (
    (NotAllowed, 403),
    (NotStarted, 503),
    (CommandRefused, 409),
    (IdempotencyConflict, 422),
    (ConcurrencyConflict, 409),
    (InvalidInput, 422),
    (StoreError, 503),
    (ProjectionFailed, 503),
)


class HttpProblem(RelationsError):
    """A request that HTTP itself forbids.

    Args:
        status: The status of the answer.
    """

    code = "invalid_request"

    def __init__(
        self, status: int, reason: str, *, code: str, field: str | None = None, hint: str | None = None
    ) -> None:
        super().__init__(reason, code=code, field=field, hint=hint)
        self.status = status


def status_of(error: RelationsError) -> int:
    """Return the status of the answer to a request that ended with an error."""
    if isinstance(error, HttpProblem):
        return error.status
    if isinstance(error, InvalidInput) and error.code in _NOT_FOUND:
        return 404
    if error.code in _BUSY:
        return 503
    return next((status for kind, status in _ERRORS if isinstance(error, kind)), 500)


def problem(error: RelationsError) -> dict[str, Any]:
    """Return an error as problem details. Failures of the server say their code, and whether to send it again."""
    status = status_of(error)
    known: dict[str, Any] = {"field": error.field, "hint": error.hint}
    detail = error.reason
    if status >= 500 and not isinstance(error, NotStarted):
        detail = "the request could not be carried out"
        detail += "; it may be sent again" if _may_pass(error) else ""
        known = {"hint": error.hint if isinstance(error, OutcomeUnknown) else None}
    return {
        "type": f"urn:relations:problem:{error.code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": error.code,
        "retry": _may_pass(error),
        **{name: value for name, value in known.items() if value is not None},
    }


def _may_pass(error: RelationsError) -> bool:
    """Return whether the same request may succeed later."""
    return error.retry or error.code in _PASSING_HERE


def problem_response(error: RelationsError | HTTPException) -> Response:
    """Return the answer to a request that ended with an error, and log failures of the server."""
    headers: dict[str, str] = {}
    if isinstance(error, HTTPException):
        headers = dict(error.headers or {})
        code = HTTPStatus(error.status_code).name.lower()
        allowed = next((value for name, value in headers.items() if name.lower() == "allow"), None)
        hint = "GET openapi.json lists the paths" if allowed is None else f"Use one of the methods {allowed}"
        error = HttpProblem(error.status_code, str(error.detail), code=code, hint=hint)
    body = problem(error)
    if body["status"] >= 500:
        logger.warning("request failed", code=error.code, reason=error.reason, status=body["status"])
    if body["retry"]:
        headers["Retry-After"] = _RETRY_SECONDS
    return Response(msgspec.json.encode(body), body["status"], headers, PROBLEM_TYPE)
