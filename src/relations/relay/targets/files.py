"""A file of JSON lines, or a stream such as stdout, as a target."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from relations.errors import SourceError
from relations.relay.delivery import DeliveryFailed
from relations.relay.message import Message

__all__ = ["FileTarget", "StreamTarget"]


class StreamTarget:
    """An open binary stream, which gets one CloudEvent in JSON a line.

    Args:
        stream: The stream.
        name: What it is called in messages.
    """

    lanes = 1
    at_once = 1_000

    def __init__(self, stream: BinaryIO, name: str = "stdout") -> None:
        self.name = name
        self._stream = stream

    def send(self, messages: Sequence[Message]) -> None:
        """Deliver messages in order."""
        self._stream.write(b"".join(message.structured + b"\n" for message in messages))
        self._stream.flush()

    def close(self) -> None:
        """Leave the stream open, because it belongs to the caller."""


class FileTarget:
    """A file that grows by one CloudEvent in JSON a line. Lines are acknowledged once they are on the disk.

    After a crash, a last line without its end is removed; the relay writes that event again.

    Args:
        path: The file. It is created if it does not exist.

    Raises:
        SourceError: The file cannot be written.
    """

    lanes = 1
    at_once = 1_000

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._lock = threading.Lock()
        try:
            self._file = path.open("ab+")
            self._cut_unfinished_line()
        except OSError as error:
            raise SourceError(
                f"cannot write {path}: {error.strerror}", code="unwritable_file", hint="Check the folder"
            ) from None

    def _cut_unfinished_line(self) -> None:
        end = self._file.seek(0, os.SEEK_END)
        position = end
        while position > 0:
            start = max(0, position - 65_536)
            self._file.seek(start)
            found = self._file.read(position - start).rfind(b"\n")
            if found >= 0:
                position = start + found + 1
                break
            position = start
        if position < end:
            self._file.truncate(position)

    def send(self, messages: Sequence[Message]) -> None:
        """Deliver messages in order."""
        with self._lock:
            end = self._file.seek(0, os.SEEK_END)
            try:
                self._file.write(b"".join(message.structured + b"\n" for message in messages))
                self._file.flush()
                os.fsync(self._file.fileno())
            except OSError as error:
                self._file.truncate(end)
                raise DeliveryFailed(f"cannot write {self.name}: {error.strerror}") from error

    def close(self) -> None:
        """Release what is open."""
        self._file.close()
