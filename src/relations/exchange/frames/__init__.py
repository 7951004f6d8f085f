"""Views as polars frames."""

from relations.exchange.frames.questions import (
    frame,
    frame_of,
    part,
    questions,
    table,
    tables,
)

__all__ = [
    "frame",
    "frame_of",
    "part",
    "questions",
    "table",
    "tables",
]
