"""The JSON form of what leaves the engine: receipts, recorded events, states and findings.

Structs of msgspec are fast to decode and to fold. Outside, in answers over HTTP and in files of programs, times are
times and digests are text. `JsonForm` is the base that gives a struct this form, and makes it a `response_model`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from datetime import UTC, datetime, timedelta
from functools import cache
from types import UnionType
from typing import Annotated, Any, ClassVar, Union, get_args, get_origin, get_type_hints

import msgspec
from pydantic import (
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
    TypeAdapter,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

__all__ = ["JsonForm", "Span", "ViewAnswer", "is_time_field", "iso_span", "json_form"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_TIME_FIELDS = frozenset(
    ("at", "since", "until", "acknowledge_by", "resolve_by", "answer_by", "active_from", "effective_from")
)


def is_time_field(name: str) -> bool:
    """Return True if a whole number in a field of this name is a time, in UTC microseconds: `at`, `resolved_at`."""
    return name.endswith("_at") or name in _TIME_FIELDS


def json_form(value: Any) -> Any:
    """Return the body of an event, or a part of it, as JSON has it: times as ISO 8601, money as in commands."""
    if isinstance(value, msgspec.Struct):
        fields = {name: getattr(value, name) for name in value.__struct_fields__}
        return {
            name: _moment(each)
            if isinstance(each, int) and not isinstance(each, bool) and is_time_field(name)
            else json_form(each)
            for name, each in fields.items()
        }
    if isinstance(value, msgspec.Raw):
        return msgspec.json.decode(value)
    if isinstance(value, Mapping):
        return {name: json_form(each) for name, each in value.items()}
    if isinstance(value, list | tuple | Set):
        return [json_form(each) for each in value]
    return value.hex() if isinstance(value, bytes) else value


def _moment(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)


class ViewAnswer(BaseModel):
    """A base of the figures and records that views answer with. They never change.

    pydantic builds what validates and serialises a class when it is first needed, because a program asks few of all
    questions.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)


class JsonForm:
    """A base of structs that leave the engine: they serve as a `response_model` of FastAPI, and have a JSON form.

    In JSON, times are ISO 8601 in UTC and digests are hexadecimal. Properties named in `_derived` are included.
    """

    __slots__ = ()

    _derived: ClassVar[tuple[str, ...]] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form as a dictionary of plain values."""
        found: dict[str, Any] = self._adapter().dump_python(self, mode="json")
        return found

    def to_json(self) -> str:
        """Return the JSON form as text."""
        return self._adapter().dump_json(self).decode()

    @classmethod
    def _adapter(cls) -> TypeAdapter[Any]:
        kind: Any = cls  # for `cache`, whose arguments are hashable: classes are
        return _adapter_of(kind)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        hints = get_type_hints(cls, include_extras=True)
        derived = {name: get_type_hints(getattr(cls, name).fget)["return"] for name in cls._derived}
        struct: Any = cls
        form = {name: _form_of(name, hints[name]) for name in struct.__struct_fields__} | {
            name: (kind, _unchanged) for name, kind in derived.items()
        }

        def values(found: Any) -> dict[str, Any]:
            return {name: change(getattr(found, name)) for name, (_kind, change) in form.items()}

        fields = {
            name: core_schema.typed_dict_field(handler.generate_schema(kind)) for name, (kind, _change) in form.items()
        }
        return core_schema.is_instance_schema(
            cls,
            serialization=core_schema.plain_serializer_function_ser_schema(
                values, return_schema=core_schema.typed_dict_schema(fields, config={"title": cls.__name__})
            ),
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        # The form as it is sent; nothing reads it back.
        returned: Any = schema["serialization"]
        return handler(returned["return_schema"])


@cache
def _adapter_of(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _unchanged(value: Any) -> Any:
    return value


def _form_of(name: str, kind: Any) -> tuple[Any, Callable[[Any], Any]]:
    """Return the type of a field in the JSON form, and the function that brings its values into it."""
    plain = [each for each in get_args(kind) if each is not type(None)] if get_origin(kind) in _UNIONS else [kind]
    if is_time_field(name) and plain == [int]:
        optional = len(plain) < len(get_args(kind))
        return (datetime | None if optional else datetime), lambda value: None if value is None else _moment(value)
    if kind is bytes:
        return str, bytes.hex
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and not issubclass(kind, JsonForm):
        return dict[str, Any], json_form
    return kind, _unchanged


_UNIONS = (Union, UnionType)


_SECOND = 1_000_000
_PATTERN = r"^-?P(?=\d|T)(\d+D)?(T(?=\d)(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?$"


def iso_span(span: timedelta) -> str:
    """Write a span in ISO 8601, such as `P400DT2H0.5S`; `PT0S` for none, and `-PT1M` for one that is negative."""
    micros = span // timedelta(microseconds=1)
    sign, micros = ("-", -micros) if micros < 0 else ("", micros)
    minutes, micros = divmod(micros, 60 * _SECOND)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    seconds = f"{micros // _SECOND}.{micros % _SECOND:06d}".rstrip("0").rstrip(".") if micros else ""
    time = "".join(f"{value}{unit}" for value, unit in ((hours, "H"), (minutes, "M"), (seconds, "S")) if value)
    date = f"{days}D" if days else ""
    return f"{sign}P{date}T{time}" if time else f"{sign}P{date}" if date else "PT0S"


Span = Annotated[
    timedelta,
    PlainSerializer(iso_span, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": _PATTERN}, mode="serialization"),
]
"""A measured time in an answer. In JSON it is ISO 8601 without years and months.

A year has no fixed length: some readers take it for a calendar year, others refuse it. The schema has a pattern, since
JSON Schema's format `duration` allows no fractions of a second.
"""
