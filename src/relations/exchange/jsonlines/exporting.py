"""Exports: commands and recorded events as JSON Lines."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from relations.errors import SourceError
from relations.exchange.jsonlines.commands import command_to_json
from relations.exchange.jsonlines.events import export_events
from relations.messages import Command

__all__ = ["export_commands", "export_events"]


def export_commands(commands: Iterable[Command], path: str | Path) -> int:
    """Write commands to a file in the native form, which `import_commands` reads.

    Args:
        commands: The commands, read one at a time.
        path: The file. An existing file is replaced.

    Returns:
        The number of commands.
    """
    count = 0
    try:
        with Path(path).open("w", encoding="utf-8", newline="\n") as file:
            for command in commands:
                file.write(command_to_json(command) + "\n")
                count += 1
    except OSError as error:
        raise SourceError(f"{path} cannot be written: {error.strerror or error}", code="unwritable_file") from None
    return count
