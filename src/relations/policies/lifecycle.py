"""When a customer counts as new, established, lapsing or lost, and how value is graded."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

__all__ = ["Lifecycle"]


class Lifecycle(BaseModel):
    """When a customer counts as new, established, lapsing or lost, and how value is graded."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
