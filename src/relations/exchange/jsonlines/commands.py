"""The native form: JSON Lines of commands and of recorded events, in and out.

A command is `{"command": "RecordPurchase", "occurred_at": "2024-05-01T10:00:00Z", …}`.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from pydantic import ValidationError

from relations.aggregates import AGGREGATES
from relations.errors import InvalidInput, MappingError
from relations.messages import Command, invalid_value

__all__ = ["command_class", "command_from_json", "command_to_json", "known_commands"]


@cache
def known_commands() -> Mapping[str, type[Command]]:
    """Return every command of the library by its name."""
    return {command.__name__: command for aggregate in AGGREGATES for command in aggregate.commands}


def command_class(name: str, commands: Mapping[str, type[Command]] | None = None) -> type[Command]:
    """Return the command of a name.

    Args:
        name: The name.
        commands: The commands that there are, such as those of an engine; the library's by default.

    Raises:
        MappingError: There is no such command; the hint suggests one.
    """
    known = known_commands() if commands is None else commands
    found = known.get(name)
    if found is None:
        close = difflib.get_close_matches(name, known, 1)
        raise MappingError(
            f"there is no command {name!r}",
            code="unknown_command",
            field="command",
            hint=f"Did you mean {close[0]}?" if close else f"There are: {', '.join(known)}",
        )
    return found


def command_to_json(command: Command) -> str:
    """Return a command as one line of JSON without a newline. Fields at their defaults are left out."""
    # The parts of a field stay whole: the `kind` that names a rule may be a default.
    defaults = {name for name, field in type(command).model_fields.items() if getattr(command, name) == field.default}
    fields = command.model_dump(mode="json", exclude=defaults)
    return json.dumps({"command": type(command).__name__, **fields}, ensure_ascii=False)


def command_from_json(
    line: str | bytes | dict[str, Any], commands: Mapping[str, type[Command]] | None = None
) -> Command:
    """Return the command in a line of JSON.

    Args:
        line: The line, or the object in it.
        commands: The commands that there are by name, such as an engine's `commands`; the library's by default.

    Raises:
        InvalidInput: It is not JSON, names no command, or its fields are wrong.
    """
    if not isinstance(line, dict):
        try:
            found = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InvalidInput(f"the line is not JSON: {error}", code="malformed_row") from None
        if not isinstance(found, dict):
            raise InvalidInput("the line is JSON, but not an object", code="malformed_row")
        line = found
    fields = {name: value for name, value in line.items() if name != "command"}
    name = line.get("command")
    try:
        cls = command_class(name if isinstance(name, str) else "", commands)
    except MappingError as error:
        raise InvalidInput(error.reason, code=error.code, field="command", hint=error.hint) from None
    try:
        return cls.model_validate_json(json.dumps(fields))
    except ValidationError as error:
        raise invalid_value(cls, error) from None


def commands_from_lines(lines: Iterable[str]) -> Iterator[Command]:
    """Yield the commands in lines of JSON; blank lines are skipped."""
    for line in lines:
        if line.strip():
            yield command_from_json(line)
