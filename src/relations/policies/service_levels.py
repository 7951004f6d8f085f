"""How fast a complaint is answered and resolved, by severity."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

__all__ = ["ServiceLevels"]


class ServiceLevels(BaseModel):
    """How fast a complaint is answered and resolved, by severity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
