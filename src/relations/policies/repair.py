"""When a damaged relation counts as repaired."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["Repair"]

Score = Annotated[int, Field(strict=True, ge=1, le=5)]
Days = Annotated[int, Field(strict=True, ge=0, le=36_500)]


class Repair(BaseModel):
    """When a damaged relation counts as repaired. Read when a view is asked, never pinned in an event.

    A relation is restored by the customer's own evidence alone; that an agent resolved or closed a complaint is none.

    Attributes:
        restored_score_min: A follow-up score from here on (1 to 5) is evidence that the relation is restored.
        broken_score_max: A follow-up score up to here is evidence that it is not: strained again.
        purchase_restores: Whether a purchase on a later day than the resolution is evidence too.
        relapse_days: A new failure or a reopening so soon after a resolution is a relapse, even where nothing had
            shown yet that the relation was restored. After a restored relation any is.
        double_deviation_days: A new failure so soon after another one weighs double. One of the same kind always
            does, and so does a reopening.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    restored_score_min: Score = 4
    broken_score_max: Annotated[int, Field(strict=True, ge=0, le=5)] = 2
    purchase_restores: bool = True
    relapse_days: Days = 90
    double_deviation_days: Days = 180

    @model_validator(mode="after")
    def _no_score_says_both(self) -> Self:
        if self.broken_score_max >= self.restored_score_min:
            msg = "broken_score_max must be less than restored_score_min: no score can say both"
            raise ValueError(msg)
        return self
