"""How answers are read: the smallest number shown, and what counts as content."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

__all__ = ["Surveys"]


class Surveys(BaseModel):
    """How answers are read: the smallest number shown, and what counts as content."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
