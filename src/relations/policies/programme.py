"""The loyalty programme: what is earned, how long it lasts, which tiers there are."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

__all__ = ["Programme"]


class Programme(BaseModel):
    """The loyalty programme: what is earned, how long it lasts, which tiers there are."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
