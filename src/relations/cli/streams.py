"""Output streams that accept every character, whatever their encoding."""

from __future__ import annotations

import codecs
import sys

__all__ = ["prepare_streams"]

_LOOK_ALIKE = str.maketrans(
    dict(zip("█▇▆▅▄▃▂▁▉▊▋▌▍▎▏", "#*+=-,._####   ", strict=True))
    | dict(zip("●├┤─│·…→≥≤", "o||-|.~>><", strict=True))
    | dict(zip("\u2013\u2014\u2212\u00d7\u2018\u2019\u201c\u201d\u00a0", "---x''\"\" ", strict=True))
)


def _look_alikes(error: UnicodeError) -> tuple[str, int]:
    """Replace characters that a stream cannot encode with similar ones, or with question marks."""
    assert isinstance(error, UnicodeEncodeError)  # noqa: S101 - it is registered for writing only
    text = error.object[error.start : error.end].translate(_LOOK_ALIKE)
    return "".join(character if character.isascii() else "?" for character in text), error.end


codecs.register_error("relations.look_alikes", _look_alikes)


def prepare_streams() -> None:
    """Let stdout and stderr replace characters that their encoding lacks, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None and not (stream.encoding or "").lower().startswith("utf"):
            reconfigure(errors="relations.look_alikes")
