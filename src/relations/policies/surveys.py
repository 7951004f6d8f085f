"""How answers are read: the smallest number shown, how sure a figure has to be, and when to ask after a complaint."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Surveys"]


class Surveys(BaseModel):
    """How answers are read: the smallest number shown, how sure a figure has to be, and when to ask afterwards.

    What promoters and detractors are (9 to 10 and 0 to 6 of 0 to 10) is no policy: a score reckoned otherwise is not a
    net promoter score (F. Reichheld, "The one number you need to grow", Harvard Business Review, December 2003).

    Attributes:
        minimum_answers: Figures from fewer answers are suppressed: their number is shown, nothing else.
        confidence: The two-sided confidence level of every interval shown.
        csat_satisfied_from: From which of the scores 1 to 5 an answer counts as satisfied; 4 is the usual top two.
        follow_up_days: How many days after a complaint was resolved the customer is to be asked how they see it now;
            None where the business does not ask.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    minimum_answers: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] = 5
    confidence: Annotated[float, Field(ge=0.5, le=0.999_999)] = 0.95
    csat_satisfied_from: Annotated[int, Field(strict=True, ge=2, le=5)] = 4
    follow_up_days: Annotated[int, Field(strict=True, ge=0, le=3650)] | None = 7
