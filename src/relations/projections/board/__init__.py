"""The board: the indicators of the business against its goals."""

from relations.projections.board.rows import PROJECTION

__all__ = ["PROJECTION"]
