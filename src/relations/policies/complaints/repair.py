"""When a damaged relation counts as repaired, and what the things that happen to it weigh."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from relations.messages import Label
from relations.policies.complaints.service_levels import Severity

__all__ = ["EmotionalAccount", "Repair", "SeverityWeights"]

Score = Annotated[int, Field(strict=True, ge=1, le=5)]
Days = Annotated[int, Field(strict=True, ge=0, le=36_500)]
Deposit = Annotated[int, Field(strict=True, ge=0, le=10_000)]
Withdrawal = Annotated[int, Field(strict=True, ge=-10_000, le=0)]
Weight = Annotated[int, Field(strict=True, ge=-10_000, le=10_000)]


class SeverityWeights(BaseModel):
    """What a complaint takes from the account, by its severity: whole numbers, none above 0."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    low: Withdrawal = -5
    medium: Withdrawal = -10
    high: Withdrawal = -20
    critical: Withdrawal = -40

    def of(self, severity: Severity | str) -> int:
        """The weight of a severity; that of `medium` for a word that is none."""
        found: int = getattr(self, severity, self.medium)
        return found


class EmotionalAccount(BaseModel):
    """What each thing that happens adds to the goodwill between customer and business, or takes from it.

    The metaphor is Covey's: deposits of kindness and kept promises, withdrawals by failures, and a balance that bears
    the next failure or does not. The weights have no unit but each other; the defaults say that it takes about five
    kept promises to make up for a broken one.

    Attributes:
        half_life_days: After so many days an entry counts half: both kindness and hurt fade.
        interactions: By the kind of an interaction, as recorded; kinds that are not in it weigh nothing.
        filed: By severity, what a complaint takes.
        reopened: A recovery that failed.
        deadline_met: A promise of time kept.
        deadline_missed: And broken.
        apologised: The first apology in a round.
        remedied: A remedy carried out.
        declined: An offer that the customer would not have.
        double_percent: What a failure upon a failure weighs, as a percentage of a first one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    half_life_days: Annotated[int, Field(strict=True, ge=1, le=36_500)] = 180
    interactions: dict[Label, Weight] = {
        "greeting": 1,
        "kind_call": 3,
        "visit": 1,
        "gift": 3,
        "promise_kept": 4,
        "promise_broken": -20,
        "taboo_broken": -30,
    }
    filed: SeverityWeights = SeverityWeights()
    reopened: Withdrawal = -15
    deadline_met: Deposit = 2
    deadline_missed: Withdrawal = -10
    apologised: Deposit = 4
    remedied: Deposit = 8
    declined: Withdrawal = -2
    double_percent: Annotated[int, Field(strict=True, ge=100, le=1_000)] = 200


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
        lapse_days: A customer with a damaged relation who had bought before, and of whom nothing was heard for so
            long, has lapsed; that is inferred, for nobody gives notice. If they buy again, they are won back.
        satisfaction_days: Answers to surveys count as before a complaint, or as after its settlement, if they were
            given within so many days of it.
        account: What the things that happen weigh in the emotional account.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    restored_score_min: Score = 4
    broken_score_max: Annotated[int, Field(strict=True, ge=0, le=5)] = 2
    purchase_restores: bool = True
    relapse_days: Days = 90
    double_deviation_days: Days = 180
    lapse_days: Annotated[int, Field(strict=True, ge=1, le=36_500)] = 365
    satisfaction_days: Annotated[int, Field(strict=True, ge=1, le=36_500)] = 365
    account: EmotionalAccount = EmotionalAccount()

    @model_validator(mode="after")
    def _no_score_says_both(self) -> Self:
        if self.broken_score_max >= self.restored_score_min:
            msg = "broken_score_max must be less than restored_score_min: no score can say both"
            raise ValueError(msg)
        return self
