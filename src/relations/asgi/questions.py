"""The questions of views, as resources with parameters."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, PydanticSchemaGenerationError, TypeAdapter, ValidationError
from starlette.datastructures import QueryParams

from relations.engine import Relations
from relations.errors import InvalidInput
from relations.messages import plainly
from relations.projections.view import View

__all__ = ["Parameter", "ViewQuestion", "checked_limit", "questions_of"]

_SEGMENTS = "segments"
_SHOWN_MAX = 60


@dataclass(frozen=True)
class Parameter:
    """A parameter of a question.

    Attributes:
        name: Its name.
        annotation: Its type.
        default: Its default; `inspect.Parameter.empty` if it must be given.
    """

    name: str
    annotation: Any
    default: Any

    @cached_property
    def adapter(self) -> TypeAdapter[Any]:
        """The check of its values."""
        return TypeAdapter(self.annotation)

    @property
    def is_required(self) -> bool:
        """True if it has no default."""
        return self.default is inspect.Parameter.empty

    @cached_property
    def is_list(self) -> bool:
        """True if it may be given several times."""
        return any(get_origin(kind) in (Sequence, list, tuple) for kind in _members(self.annotation))

    @cached_property
    def is_json(self) -> bool:
        """True if its value is a JSON object."""
        return any(
            get_origin(kind) is Mapping or (isinstance(kind, type) and issubclass(kind, BaseModel))
            for kind in _members(self.annotation)
        )

    def read(self, given: list[str]) -> Any:
        """Return the value of the texts that a request gave.

        Raises:
            InvalidInput: They are not such a value.
        """
        if len(given) > 1 and not self.is_list:
            raise InvalidInput("it is given more than once", code=f"invalid_{self.name}", field=self.name)
        try:
            if self.is_json:
                return self.adapter.validate_json(given[0])
            return self.adapter.validate_python(given if self.is_list else given[0])
        except ValidationError as error:
            said = plainly(error.errors(include_url=False, include_context=False)[0]["msg"])
            shown = given[0] if len(given[0]) <= _SHOWN_MAX else f"{given[0][:_SHOWN_MAX]}…"
            raise InvalidInput(
                f"{said} (given: {shown!r})",
                code=f"invalid_{self.name}",
                field=self.name,
                hint="Times are ISO 8601 with a zone, such as 2026-05-01T10:00:00Z" if "datetime" in said else None,
            ) from None

    def schema_adapter(self) -> TypeAdapter[Any]:
        """Return the adapter that describes it."""
        return self.adapter


class ViewQuestion:
    """A question of one view, which a request can ask.

    Args:
        view: The name of the view.
        name: The name of the question.
        method: The view's bound method.

    Attributes:
        path: Where it is: `{view}/{name}`.
        summary: The first line of its description.
        parameters: Its parameters, by name, with those of the page.
    """

    def __init__(self, view: str, name: str, method: Any) -> None:
        self.view, self.name = view, name
        self.path = f"{view}/{name}"
        self._method = method
        self._view: View = method.__self__
        text = inspect.getdoc(method) or ""
        self.summary = text.partition("\n")[0]
        hints = get_type_hints(method)
        answer = hints.pop("return")
        if get_origin(answer) is Iterator:
            answer = list[get_args(answer)[0]]  # type: ignore[misc]  # a type that is only known now
        self.answer = TypeAdapter(answer)
        self._fills_segments = _SEGMENTS in hints
        signature = inspect.signature(method).parameters
        self.parameters = {
            name: Parameter(name, hint, signature[name].default)
            for name, hint in hints.items()
            if name != _SEGMENTS and _is_readable(hint)
        }
        self._is_cut_here = get_origin(answer) is list and "limit" not in self.parameters
        if self._is_cut_here:
            self.parameters["limit"] = Parameter("limit", int, None)
            self.parameters["offset"] = Parameter("offset", int, 0)

    def arguments(self, query: QueryParams, *, page_max: int) -> dict[str, Any]:
        """Return the arguments of a request.

        Raises:
            InvalidInput: A parameter is unknown, missing or not of its type, or the page is too large.
        """
        for name in query:
            if name not in self.parameters:
                raise InvalidInput(
                    f"{self.path} has no parameter {name!r}",
                    code="unknown_parameter",
                    field=name,
                    hint=f"It has: {', '.join(self.parameters)}" if self.parameters else None,
                )
        found: dict[str, Any] = {}
        for name, parameter in self.parameters.items():
            if name in query:
                found[name] = parameter.read(query.getlist(name))
            elif parameter.is_required:
                raise InvalidInput(
                    f"{self.path} needs it, and it is missing",
                    code=f"invalid_{name}",
                    field=name,
                    hint=f"Add ?{name}=…",
                )
        if "limit" in self.parameters:
            found["limit"] = checked_limit(found.get("limit"), page_max)
        return found

    def ask(self, engine: Relations, arguments: Mapping[str, Any]) -> tuple[int, Any]:
        """Return the log's position and the answer there; a list is cut to the page if the question does not do so."""
        given = dict(arguments)
        if self._fills_segments and "segment" in given.get("by", ()):
            given[_SEGMENTS] = engine.views.retention.members()
        page = slice(None)
        if self._is_cut_here:
            limit, offset = given.pop("limit"), given.pop("offset", 0)
            if offset < 0:
                raise InvalidInput("a page cannot begin before the first entry", code="invalid_page", field="offset")
            offset = min(offset, sys.maxsize - limit)  # no list is longer, and no slice goes further
            page = slice(offset, offset + limit)
        with self._view.answering() as connection:  # one state of the database for both
            answer = self._method(**given)
            if self._is_cut_here:
                answer = list(islice(answer, page.start, page.stop))
            return engine.log.head(connection).position, answer


def checked_limit(limit: int | None, page_max: int) -> int:
    """Return the number of entries of a page.

    Raises:
        InvalidInput: It is not between 1 and the most that the router gives at once.
    """
    if limit is None:
        return page_max
    if not 1 <= limit <= page_max:
        raise InvalidInput(
            f"a page cannot have {limit} entries", code="invalid_page", field="limit", hint=f"Give 1 to {page_max}"
        )
    return limit


def questions_of(engine: Relations) -> dict[str, ViewQuestion]:
    """Return every question of every view of an engine, by its path."""
    views = [view for view in vars(engine.views).values() if isinstance(view, View)]
    found: dict[str, ViewQuestion] = {}
    for view in views:
        for name in sorted(set(dir(type(view))) - set(dir(View))):
            method = getattr(view, name)
            if not name.startswith("_") and inspect.ismethod(method):
                question = ViewQuestion(view.projection.name, name, method)
                found[question.path] = question
    return found


def _members(annotation: Any) -> list[Any]:
    """Return the types that a value may have, without None."""
    if get_origin(annotation) in (Union, UnionType):
        return [kind for kind in get_args(annotation) if kind is not NoneType]
    return [annotation]


def _is_readable(annotation: Any) -> bool:
    """Return True if a value of this type can be read from a request."""
    try:
        TypeAdapter(annotation)
    except PydanticSchemaGenerationError:
        return False
    return not any(get_origin(kind) in (Collection, dict) for kind in _members(annotation))
