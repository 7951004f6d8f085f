"""The router: commands, views, files and histories of customers, and health, over HTTP."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from hashlib import sha256
from typing import Any

import msgspec
from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from relations.aio import AsyncRelations
from relations.asgi.access import Access, Authorise, Caller, checked_authorise, identify
from relations.asgi.document import openapi
from relations.asgi.keys import command_id_of
from relations.asgi.lifespan import EngineLifespan
from relations.asgi.problems import HttpProblem, problem_response
from relations.asgi.questions import Parameter, ViewQuestion, checked_limit, questions_of
from relations.engine import Relations
from relations.errors import InvalidInput, RelationsError
from relations.execution import Receipt
from relations.messages import Command, RecordedEvent, invalid_value
from relations.projections.view import unknown_customer
from relations.report.customer_file import customer_file

__all__ = ["BODY_MAX", "PAGE_MAX", "router"]

BODY_MAX = 1_000_000
"""The most bytes of a request's body."""

PAGE_MAX = 1_000
"""The most entries of a page."""

_JSON = "application/json"
_AS_OF = Parameter("as_of", datetime | None, None)
_HISTORY = {
    "after": Parameter("after", int, 0),
    "limit": Parameter("limit", int, None),
    "until": Parameter("until", datetime | None, None),
}
_FILE = {"as_of": _AS_OF}
Endpoint = Callable[[Request], Awaitable[Response]]


def router(
    engine: EngineLifespan | AsyncRelations,
    *,
    authorise: Authorise,
    body_max: int = BODY_MAX,
    page_max: int = PAGE_MAX,
    lag_max: int | None = None,
) -> Starlette:
    """Return an application to mount, such as at `/crm`.

    | request | answer |
    |---|---|
    | `POST /commands/{Name}` | 201 with the receipt; 200 if the command was recorded before, or changes nothing |
    | `GET /views/{view}/{question}` | the answer, a page at a time |
    | `GET /customers/{customer}/file` | everything that is known of a customer |
    | `GET /customers/{customer}/history` | the customer's events, a page at a time |
    | `GET /health/live`, `GET /health/ready` | health, open to all |
    | `GET /openapi.json` | the description of the interface |

    Args:
        engine: A lifespan, which opens the engine, or an engine that is open.
        authorise: Decides who may do what; see `Authorise`. It is asked for everything but health.
        body_max: The most bytes of a request's body.
        page_max: The most entries of a page, and the number of entries without `limit`.
        lag_max: The most events that a view may be behind for the service to be ready; None for any number.

    Raises:
        InvalidInput: `authorise` is not a function, or a limit is below 1.
    """
    checked_authorise(authorise)
    for name, value in (("body_max", body_max), ("page_max", page_max)):
        if value < 1:
            raise InvalidInput(f"{value} is not a limit", code=f"invalid_{name}", field=name, hint="Give 1 or more")
    interface = _Interface(engine, authorise, body_max, page_max, lag_max)
    return Starlette(
        routes=[
            Route("/commands/{name}", _answering(interface.command), methods=["POST"]),
            Route("/views/{view}/{question}", _answering(interface.view), methods=["GET"]),
            Route("/customers/{customer}/file", _answering(interface.file), methods=["GET"]),
            Route("/customers/{customer}/history", _answering(interface.history), methods=["GET"]),
            Route("/health/live", _answering(interface.live), methods=["GET"]),
            Route("/health/ready", _answering(interface.ready), methods=["GET"]),
            Route("/openapi.json", _answering(interface.document), methods=["GET"]),
        ],
        exception_handlers={HTTPException: _http_error},
    )


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for these only
    return problem_response(error)


def _answering(endpoint: Endpoint) -> Endpoint:
    """Return an endpoint that answers errors with problem details."""

    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except (RelationsError, HTTPException) as error:
            return problem_response(error)

    return answer


class _Interface:
    """The endpoints of one router."""

    def __init__(
        self,
        engine: EngineLifespan | AsyncRelations,
        authorise: Authorise,
        body_max: int,
        page_max: int,
        lag_max: int | None,
    ) -> None:
        self._source = engine
        self._authorise = authorise
        self._body_max = body_max
        self._page_max = page_max
        self._lag_max = lag_max
        self._questions: tuple[Relations, dict[str, ViewQuestion]] | None = None
        self._document: tuple[Relations, dict[str, Any]] | None = None

    @property
    def _engine(self) -> AsyncRelations:
        return self._source if isinstance(self._source, AsyncRelations) else self._source.engine

    def _questions_of(self, engine: Relations) -> dict[str, ViewQuestion]:
        if self._questions is None or self._questions[0] is not engine:
            self._questions = engine, questions_of(engine)
        return self._questions[1]

    # --- commands ---------------------------------------------------------------------------------------------------

    async def command(self, request: Request) -> Response:
        engine, name = self._engine, request.path_params["name"]
        caller = await identify(self._authorise, request, Access("command", name))
        kind = engine.sync.commands.get(name)
        if kind is None:
            raise InvalidInput(
                f"there is no command {name!r}", code="unknown_command", hint="GET openapi.json lists the commands"
            )
        command_id = command_id_of(request.headers.getlist("idempotency-key"))
        command = _command(kind, await self._body(request))
        caller.must_act_for(getattr(command, "customer", None))
        sent = command.model_copy(update={"actor": caller.actor, "command_id": command_id})
        receipt = await engine.execute(sent)
        is_new = bool(receipt.events) and not receipt.repeated
        return Response(_RECEIPT.dump_json(receipt), 201 if is_new else 200, media_type=_JSON)

    async def _body(self, request: Request) -> bytes:
        """Return the body of a request, which must be JSON and not too long."""
        if request.headers.get("content-type", _JSON).partition(";")[0].strip().lower() != _JSON:
            raise HttpProblem(
                415, "the body must be JSON", code="unsupported_media_type", hint=f"Send Content-Type: {_JSON}"
            )
        body = bytearray()
        async for part in request.stream():
            body += part
            if len(body) > self._body_max:
                raise HttpProblem(
                    413,
                    f"the body has more than {self._body_max} bytes",
                    code="body_too_long",
                    hint="Send less at a time",
                )
        return bytes(body)

    # --- views ------------------------------------------------------------------------------------------------------

    async def view(self, request: Request) -> Response:
        engine = self._engine
        path = f"{request.path_params['view']}/{request.path_params['question']}"
        caller = await identify(self._authorise, request, Access("view", path))
        question = self._questions_of(engine.sync).get(path)
        if question is None:
            raise InvalidInput(
                f"there is no question {path!r}", code="unknown_question", hint="GET openapi.json lists the questions"
            )
        arguments = question.arguments(request.query_params, page_max=self._page_max)
        caller.must_act_for(arguments.get("customer"))

        position, answer = await engine.ask(question.ask, engine.sync, arguments)
        if answer is None:
            raise InvalidInput("there is nothing of that name", code="nothing_found", hint="Check the id")
        return _tagged(request, position, question.answer.dump_json(answer))

    # --- customers --------------------------------------------------------------------------------------------------

    async def file(self, request: Request) -> Response:
        engine, customer, caller = self._engine, *await self._customer(request, "file")
        given = _read(_FILE, request)
        caller.must_act_for(customer)
        found = await engine.ask(customer_file, engine.sync, customer, as_of=given.get("as_of"))
        return _tagged(request, found.history[-1].position, found.to_json().encode())

    async def history(self, request: Request) -> Response:
        engine, customer, caller = self._engine, *await self._customer(request, "history")
        given = _read(_HISTORY, request)
        caller.must_act_for(customer)
        limit = checked_limit(given.get("limit"), self._page_max)
        found = await engine.history(customer, until=given.get("until"))
        if not found:
            raise unknown_customer(customer, given.get("until"))
        rest = [each for each in found if each.position > given.get("after", 0)]
        page = {"events": rest[:limit], "next": rest[limit - 1].position if len(rest) > limit else None}
        return _tagged(request, found[-1].position, _HISTORY_PAGE.dump_json(page))

    async def _customer(self, request: Request, kind: Any) -> tuple[str, Caller]:
        customer: str = request.path_params["customer"]
        return customer, await identify(self._authorise, request, Access(kind, customer=customer))

    # --- health and description -------------------------------------------------------------------------------------

    async def live(self, request: Request) -> Response:
        return _json({"status": "live"})

    async def ready(self, request: Request) -> Response:
        status = await self._engine.status()
        lag = max((each.behind for each in status.projections), default=0)
        failed = sorted(each.name for each in status.projections if each.failed_at is not None)
        is_ready = not failed and (self._lag_max is None or lag <= self._lag_max)
        body = {
            "status": "ready" if is_ready else "not ready",
            "position": status.position,
            "lag": lag,
            "failed": failed,
        }
        return _json(body, 200 if is_ready else 503)

    async def document(self, request: Request) -> Response:
        engine = self._engine.sync
        await identify(self._authorise, request, Access("document"))
        if self._document is None or self._document[0] is not engine:
            self._document = engine, openapi(engine, page_max=self._page_max)
        return _json({**self._document[1], "servers": [{"url": request.scope.get("root_path") or "/"}]})


_RECEIPT = TypeAdapter(Receipt)
_HISTORY_PAGE = TypeAdapter(dict[str, list[RecordedEvent] | int | None])
_CHOSEN_HERE = ("actor", "command_id")
_AN_OBJECT = "Send one object in UTF-8 with the fields of the command; openapi.json has its schema"


def _command(kind: type[Command], body: bytes) -> Command:
    """Return the command in a body.

    Raises:
        InvalidInput: The body is not such a command, or it has a field that a client may not choose.
    """
    try:
        found = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise InvalidInput(f"the body is not JSON: {error}", code="malformed_body", hint=_AN_OBJECT) from None
    if not isinstance(found, dict):
        raise InvalidInput("the body is JSON, but not an object", code="malformed_body", hint=_AN_OBJECT)
    for name in _CHOSEN_HERE:
        if name in found:
            hint = "Leave it out" if name == "actor" else "Send it as the header Idempotency-Key"
            raise InvalidInput("the body cannot choose it", code=f"invalid_{name}", field=name, hint=hint)
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        raise invalid_value(kind, error) from None


def _read(parameters: dict[str, Parameter], request: Request) -> dict[str, Any]:
    """Return the query of a request that is not a view's."""
    query = request.query_params
    for name in query:
        if name not in parameters:
            raise InvalidInput(
                f"there is no parameter {name!r}",
                code="unknown_parameter",
                field=name,
                hint=f"Choose among {', '.join(parameters)}",
            )
    return {name: parameters[name].read(query.getlist(name)) for name in query}


def _tagged(request: Request, position: int, body: bytes) -> Response:
    """Return an answer with its tag: the log's position, and a digest of the body, since answers change with time."""
    tag = f'"{position}-{sha256(body).hexdigest()[:16]}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    known = [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]
    if tag in known or known == ["*"]:
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type=_JSON)


def _json(document: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(document), status, media_type=_JSON)
