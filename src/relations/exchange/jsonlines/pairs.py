"""Commands from `key=value` pairs, as people type them in a shell.

A value is read as its field needs it: money as `12.30 EUR`, lists with commas, numbers, and `yes` or `no`. With
`key:=value` the value is JSON.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import cache
from typing import Any, Literal

import msgspec

from relations.errors import InvalidInput
from relations.exchange.jsonlines.commands import command_class, command_from_json
from relations.messages import Command, Money, shown

__all__ = ["CommandField", "command_fields", "command_from_pairs"]

FieldForm = Literal["text", "number", "yes or no", "money", "time", "day", "list", "JSON"]

_MONEY = re.compile(r"(?P<amount>[+-]?[0-9]+(\.[0-9]+)?) ?(?P<currency>[A-Z]{3})")
_WORDS = re.compile(r"\^\(([a-z_]+(?:\|[a-z_]+)+)\)\$")
_NUMBER = re.compile(r"[+-]?[0-9]+")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9:.]+([Zz]|[+-][0-9]{2}:?[0-9]{2})")
_TIME_HINT = "a time with its zone, such as 2024-05-01T10:00Z or 2024-05-01T12:00+02:00"
_TRUE, _FALSE = ("yes", "true", "1"), ("no", "false", "0")


class CommandField(msgspec.Struct, frozen=True):
    """A field of a command, as somebody who types a value needs to know it.

    Attributes:
        name: Its name.
        form: The form in which its value is typed.
        required: True if the command needs it.
        words: The words that it takes; empty if any text will do.
        default: Its value if it is left out, in its JSON form.
    """

    name: str
    form: FieldForm
    required: bool
    words: tuple[str, ...] = ()
    default: Any = None


@cache
def command_fields(command: type[Command]) -> dict[str, CommandField]:
    """Return the fields of a command by name, the required ones first."""
    schema = command.model_json_schema()
    required = schema.get("required", [])
    found = [_field(name, each, required=name in required) for name, each in schema["properties"].items()]
    return {field.name: field for field in sorted(found, key=lambda field: not field.required)}


def _field(name: str, schema: dict[str, Any], *, required: bool) -> CommandField:
    alternatives = [each for each in schema.get("anyOf", [schema]) if each.get("type") != "null"]
    kind = alternatives[0]
    words = tuple(kind.get("enum", ()))
    if (pattern := _WORDS.fullmatch(kind.get("pattern", ""))) is not None:
        words = tuple(pattern[1].split("|"))
    return CommandField(name, _form(kind), required, words, schema.get("default"))


def _form(kind: dict[str, Any]) -> FieldForm:
    match kind.get("type"), kind.get("format"):
        case "string", "date-time":
            return "time"
        case "string", "date":
            return "day"
        case "string", _:
            return "text"
        case "integer", _:
            return "number"
        case "boolean", _:
            return "yes or no"
        case "object", _ if set(kind.get("properties", ())) == {"amount", "currency"}:
            return "money"
        case "array", _ if kind["items"].get("type") == "string":
            return "list"
    return "JSON"


def command_from_pairs(
    name: str, pairs: Sequence[str], commands: Mapping[str, type[Command]] | None = None, /, **defaults: Any
) -> Command:
    """Return the command that somebody typed.

    Args:
        name: The command's name, such as `RecordPurchase`.
        pairs: Its fields as `key=value`, or as `key:=JSON`.
        commands: The commands that there are by name; the library's by default.
        **defaults: The values of fields that may be left out, in their JSON form.

    Raises:
        InvalidInput: There is no such field, a value does not fit its field, or a field is missing or given twice.
        MappingError: There is no such command.
    """
    command = command_class(name, commands)
    fields = command_fields(command)
    given: dict[str, Any] = {}
    for pair in pairs:
        key, value = _split(pair, name)
        if key not in fields:
            close = difflib.get_close_matches(key, fields, 1)
            raise InvalidInput(
                f"{name} has no field {key!r}",
                code="unknown_field",
                field=key,
                hint=f"{f'Did you mean {close[0]}? ' if close else ''}Its fields are {', '.join(fields)}",
            )
        if key in given:
            raise InvalidInput("it is given twice", code="duplicate_field", field=key, hint="Give it once")
        given[key] = value if isinstance(value, _Json) else _read(fields[key], value)
    missing = [field.name for field in fields.values() if field.required and field.name not in {*given, *defaults}]
    if missing:
        raise InvalidInput(
            f"{name} needs {_listed(missing)}",
            code="missing_field",
            field=missing[0],
            hint=f"`relations record {name} --fields` shows every field and its form",
        )
    plain = {key: value.value if isinstance(value, _Json) else value for key, value in given.items()}
    return command_from_json({"command": name, **defaults, **plain}, commands)


class _Json(msgspec.Struct, frozen=True):
    value: Any


def _split(pair: str, name: str) -> tuple[str, str | _Json]:
    key, equals, value = pair.partition("=")
    if not equals or not key:
        raise InvalidInput(
            f"{shown(pair)} is not a field with a value",
            code="malformed_pair",
            hint=f"Write key=value after {name}, such as customer=c1",
        )
    if not key.endswith(":"):
        return key, value
    key = key[:-1]
    try:
        return key, _Json(json.loads(value))
    except (ValueError, RecursionError) as error:
        raise InvalidInput(
            f"{shown(value)} is not JSON: {error}",
            code="malformed_json",
            field=key,
            hint=f"Write {key}=… for plain text",
        ) from None


def _read(field: CommandField, text: str) -> Any:
    match field.form:
        case "number":
            if _NUMBER.fullmatch(text):
                return int(text)
            raise _unfit(field, text, "a whole number")
        case "yes or no":
            if text.lower() in (*_TRUE, *_FALSE):
                return text.lower() in _TRUE
            raise _unfit(field, text, "yes or no")
        case "money":
            return _money(field, text)
        case "time" | "day":
            # A bare number would be taken for seconds since 1970.
            if (_TIME if field.form == "time" else _DAY).fullmatch(text):
                return text
            raise _unfit(field, text, "a day, such as 2024-05-01" if field.form == "day" else _TIME_HINT)
        case "list":
            return [part.strip() for part in text.split(",")]
        case "JSON":
            raise InvalidInput(
                f"{field.name} has parts, which only JSON can hold",
                code="needs_json",
                field=field.name,
                hint=f"Write {field.name}:=JSON",
            )
    if field.words and text not in field.words:
        close = difflib.get_close_matches(text, field.words, 1)
        raise InvalidInput(
            f"{shown(text)} is not one of its words",
            code=f"invalid_{field.name}",
            field=field.name,
            hint=f"{f'Did you mean {close[0]}? ' if close else ''}Use {_listed(field.words, 'or')}",
        )
    return text


def _money(field: CommandField, text: str) -> dict[str, Any]:
    found = _MONEY.fullmatch(text)
    if found is None:
        raise _unfit(field, text, "an amount and a currency, such as 12.30 EUR")
    try:
        money = Money.of(Decimal(found["amount"]), found["currency"])
    except InvalidInput as error:
        raise InvalidInput(error.reason, code=error.code, field=field.name, hint=error.hint) from None
    return {"amount": money.amount, "currency": money.currency}


def _unfit(field: CommandField, text: str, right: str) -> InvalidInput:
    return InvalidInput(
        f"{shown(text)} does not fit this field", code=f"invalid_{field.name}", field=field.name, hint=f"Write {right}"
    )


def _listed(names: Sequence[str], word: str = "and") -> str:
    *first, last = names
    return f"{', '.join(first)} {word} {last}" if first else last
