"""Views as polars frames."""

from __future__ import annotations

from relations.exchange.frames.questions import frame, frame_of, part, questions, table, tables
from relations.exchange.frames.writing import write_frame

__all__ = ["frame", "frame_of", "part", "questions", "table", "tables", "write_frame"]
