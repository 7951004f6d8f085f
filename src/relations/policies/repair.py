"""When a damaged relation counts as repaired."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

__all__ = ["Repair"]


class Repair(BaseModel):
    """When a damaged relation counts as repaired."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
