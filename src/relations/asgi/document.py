"""The description of the interface, as OpenAPI 3.1. Its schemas are those of our commands and answers."""

from __future__ import annotations

import inspect
from datetime import datetime
from typing import Any, Literal

from pydantic import TypeAdapter

from relations.asgi.keys import KEY_PATTERN
from relations.asgi.problems import PROBLEM_TYPE
from relations.asgi.questions import ViewQuestion, questions_of
from relations.engine import Relations
from relations.execution import Receipt
from relations.messages import ID_PATTERN, RecordedEvent
from relations.report.customer_file import CustomerFile
from relations.version import VERSION

__all__ = ["openapi"]

_SCHEMAS = "#/components/schemas/"
_PROBLEMS = {
    "400": "BadRequest",
    "401": "Unauthorized",
    "403": "Forbidden",
    "404": "NotFound",
    "409": "Conflict",
    "413": "BodyTooLong",
    "415": "UnsupportedMediaType",
    "422": "Unprocessable",
    "503": "Unavailable",
}
_MEANINGS = {
    "400": "The request is not HTTP as it should be.",
    "401": "The host does not know the caller.",
    "403": "The host does not allow it.",
    "404": "There is nothing of that name.",
    "409": "A rule of the domain forbids it, or another writer was first.",
    "413": "The body is too long.",
    "415": "The body is not JSON.",
    "422": "The request cannot be understood, or its key belongs to a different command.",
    "503": "The database cannot be reached, or the service has not started. The request may be sent again.",
}
_PROBLEM = {
    "title": "Problem",
    "description": "Problem details, RFC 9457.",
    "type": "object",
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string", "description": "A stable word for programs."},
        "retry": {"type": "boolean", "description": "Whether the same request may succeed later."},
        "field": {"type": "string", "description": "The field that was wrong, if one was."},
        "hint": {"type": "string", "description": "What to do instead."},
    },
    "required": ["type", "title", "status", "detail", "code", "retry"],
}
_CUSTOMER = {
    "name": "customer",
    "in": "path",
    "required": True,
    "description": "Any of the customer's ids.",
    "schema": {"type": "string", "pattern": ID_PATTERN},
}
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The command's id. The same command with the same key is recorded once.",
    "schema": {"type": "string", "pattern": KEY_PATTERN},
}
_KNOWN_TAG = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "The ETag of an answer that the client has.",
    "schema": {"type": "string"},
}
_CHOSEN_BY_THE_SERVICE = ("actor", "command_id")

Mode = Literal["validation", "serialization"]


def openapi(engine: Relations, *, page_max: int = 1_000, title: str = "Customer relations") -> dict[str, Any]:
    """Return the description of the router of an engine, as OpenAPI 3.1.

    Args:
        engine: The engine, whose commands and views are described.
        page_max: The most entries of a page.
        title: The title of the interface.
    """
    questions = questions_of(engine)
    adapters: list[tuple[Any, Mode, TypeAdapter[Any]]] = [
        (("command", name), "validation", TypeAdapter(kind)) for name, kind in engine.commands.items()
    ]
    adapters += [(("answer", path), "serialization", question.answer) for path, question in questions.items()]
    adapters += [
        (("parameter", path, name), "validation", parameter.adapter)
        for path, question in questions.items()
        for name, parameter in question.parameters.items()
    ]
    for name, kind in (("receipt", Receipt), ("event", RecordedEvent), ("file", CustomerFile)):
        adapters.append(((name,), "serialization", TypeAdapter(kind)))
    adapters.append((("moment",), "validation", TypeAdapter(datetime)))
    found, definitions = TypeAdapter.json_schemas(adapters, ref_template=_SCHEMAS + "{model}")
    schemas = {key: schema for (key, _mode), schema in found.items()}
    components: dict[str, Any] = dict(definitions.get("$defs", {}))
    for name in engine.commands:
        _reserve(components, name)
    components["Problem"] = _PROBLEM
    components["Receipt"] = schemas["receipt",]
    components["RecordedEvent"] = schemas["event",]
    components["CustomerFile"] = schemas["file",]
    paths: dict[str, Any] = {f"/commands/{name}": {"post": _command(engine, name)} for name in engine.commands}
    paths |= {f"/views/{path}": {"get": _question(each, schemas, page_max)} for path, each in questions.items()}
    paths["/customers/{customer}/file"] = {"get": _file(schemas["moment",])}
    paths["/customers/{customer}/history"] = {"get": _history(schemas["moment",], page_max)}
    paths["/openapi.json"] = {
        "get": {
            "operationId": "document",
            "summary": "Return this description.",
            "tags": ["document"],
            "responses": {"200": _answer("The description.", {"type": "object"}), **_problems("401", "403", "503")},
        }
    }
    paths |= _health()
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": VERSION},
        "paths": paths,
        "components": {"schemas": components, "responses": _responses()},
    }


def _reserve(components: dict[str, Any], name: str) -> None:
    """Take the fields that a client may not choose out of a command's schema."""
    schema = components[name] = {**components[name]}
    schema["properties"] = {
        field: each for field, each in schema["properties"].items() if field not in _CHOSEN_BY_THE_SERVICE
    }


def _responses() -> dict[str, Any]:
    content = {PROBLEM_TYPE: {"schema": {"$ref": f"{_SCHEMAS}Problem"}}}
    return {name: {"description": _MEANINGS[status], "content": content} for status, name in _PROBLEMS.items()}


def _problems(*statuses: str) -> dict[str, Any]:
    return {status: {"$ref": f"#/components/responses/{_PROBLEMS[status]}"} for status in statuses}


def _answer(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _tagged(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    tag = {"ETag": {"description": "The log's position and a digest of the answer.", "schema": {"type": "string"}}}
    return {
        "200": {**_answer(description, schema), "headers": tag},
        "304": {"description": "The client has this answer.", "headers": tag},
        **_problems("400", "401", "403", "404", "422", "503"),
    }


def _command(engine: Relations, name: str) -> dict[str, Any]:
    kind = engine.commands[name]
    receipt = {"$ref": f"{_SCHEMAS}Receipt"}
    return {
        "operationId": name,
        "summary": (inspect.getdoc(kind) or name).partition("\n")[0],
        "tags": ["commands"],
        "parameters": [_KEY],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": f"{_SCHEMAS}{name}"}}},
        },
        "responses": {
            "200": _answer("The command was recorded before, or it changes nothing.", receipt),
            "201": _answer("The command is recorded.", receipt),
            **_problems("400", "401", "403", "409", "413", "415", "422", "503"),
        },
    }


def _question(question: ViewQuestion, schemas: dict[Any, Any], page_max: int) -> dict[str, Any]:
    parameters = []
    for name, parameter in question.parameters.items():
        schema = dict(schemas["parameter", question.path, name])
        if name == "limit":
            schema = {"type": "integer", "minimum": 1, "maximum": page_max}
        if name == "offset":
            schema = {"type": "integer", "minimum": 0}
        described: dict[str, Any] = {"name": name, "in": "query", "required": parameter.is_required}
        if parameter.is_json:
            described["content"] = {"application/json": {"schema": schema}}
        else:
            described["schema"] = schema
        parameters.append(described)
    return {
        "operationId": question.path.replace("/", "."),
        "summary": question.summary,
        "tags": [question.view],
        "parameters": [*parameters, _KNOWN_TAG],
        "responses": _tagged("The answer.", schemas["answer", question.path]),
    }


def _file(moment: dict[str, Any]) -> dict[str, Any]:
    as_of = {
        "name": "as_of",
        "in": "query",
        "required": False,
        "description": "The moment asked about.",
        "schema": moment,
    }
    return {
        "operationId": "customer_file",
        "summary": "Return everything that is known of a customer.",
        "tags": ["customers"],
        "parameters": [_CUSTOMER, as_of, _KNOWN_TAG],
        "responses": _tagged("The file.", {"$ref": f"{_SCHEMAS}CustomerFile"}),
    }


def _history(moment: dict[str, Any], page_max: int) -> dict[str, Any]:
    said = {
        "after": ("Begin after this position: `next` of the page before.", {"type": "integer"}),
        "limit": ("The most events.", {"type": "integer", "minimum": 1, "maximum": page_max}),
        "until": ("Only events that had occurred by then.", moment),
    }
    page = {
        "type": "object",
        "properties": {
            "events": {"type": "array", "items": {"$ref": f"{_SCHEMAS}RecordedEvent"}},
            "next": {"type": ["integer", "null"], "description": "The position after which the next page begins."},
        },
        "required": ["events", "next"],
    }
    parameters = [
        {"name": name, "in": "query", "required": False, "description": text, "schema": schema}
        for name, (text, schema) in said.items()
    ]
    return {
        "operationId": "customer_history",
        "summary": "Return a customer's events in the order of recording.",
        "tags": ["customers"],
        "parameters": [_CUSTOMER, *parameters, _KNOWN_TAG],
        "responses": _tagged("A page of events.", page),
    }


def _health() -> dict[str, Any]:
    state = {"type": "object", "properties": {"status": {"type": "string"}}, "required": ["status"]}
    ready = {
        "type": "object",
        "properties": {
            "status": {"type": "string"},
            "position": {"type": "integer"},
            "lag": {"type": "integer", "description": "The events that the view furthest behind has not seen."},
            "failed": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["status", "position", "lag", "failed"],
    }
    not_ready = {
        "description": "The service is not ready.",
        "content": {
            "application/json": {"schema": ready},
            PROBLEM_TYPE: {"schema": {"$ref": f"{_SCHEMAS}Problem"}},
        },
    }
    return {
        "/health/live": {
            "get": {
                "operationId": "live",
                "summary": "Return whether the process answers.",
                "tags": ["health"],
                "security": [],
                "responses": {"200": _answer("It does.", state)},
            }
        },
        "/health/ready": {
            "get": {
                "operationId": "ready",
                "summary": "Return whether requests can be served, and how far views are behind the log.",
                "tags": ["health"],
                "security": [],
                "responses": {"200": _answer("The service is ready.", ready), "503": not_ready},
            }
        },
    }
