"""The policy of repair: the evidence that a relation is restored, and the weights of the emotional account."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator

from relations.messages import Checked, Label
from relations.policies.complaints.service_levels import Severity

__all__ = ["EmotionalAccount", "Repair", "SeverityWeights"]

Score = Annotated[int, Field(strict=True, ge=1, le=5)]
Days = Annotated[int, Field(strict=True, ge=0, le=36_500)]
Deposit = Annotated[int, Field(strict=True, ge=0, le=10_000)]
Withdrawal = Annotated[int, Field(strict=True, ge=-10_000, le=0)]
Weight = Annotated[int, Field(strict=True, ge=-10_000, le=10_000)]


class SeverityWeights(Checked):
    """The weights of a complaint in the emotional account, by severity: whole numbers, 0 or below."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    low: Withdrawal = -5
    medium: Withdrawal = -10
    high: Withdrawal = -20
    critical: Withdrawal = -40

    def of(self, severity: Severity | str) -> int:
        """Return the weight of a severity; that of `medium` if the severity is unknown."""
        found: int = getattr(self, severity, self.medium)
        return found


class EmotionalAccount(Checked):
    """The weights of events in the emotional account between a customer and the business.

    The metaphor is Covey's: kindness and kept promises are deposits, failures are withdrawals, and the balance decides
    whether the relation survives the next failure. Weights are relative to each other. By default it takes about five
    kept promises to make up for a broken one.

    Attributes:
        half_life_days: The number of days after which an entry counts half.
        interactions: The weights by kind of interaction; kinds not listed weigh nothing.
        filed: The weights of a filed complaint, by severity.
        reopened: The weight of a reopening.
        deadline_met: The weight of a deadline met.
        deadline_missed: The weight of a deadline missed.
        apologised: The weight of the first apology in a round.
        remedied: The weight of a remedy carried out.
        declined: The weight of a remedy that the customer declined.
        double_percent: The weight of a repeated failure, as a percentage of that of a first one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    half_life_days: Annotated[int, Field(strict=True, ge=1, le=36_500)] = 180
    interactions: dict[Label, Weight] = {
        "greeting": 1,
        "message": 1,
        "short_call": 2,
        "long_call": 3,
        "kind_call": 3,
        "advised_against_purchase": 5,
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


class Repair(Checked):
    """The rules by which a damaged relation counts as repaired. Views read them when asked; no event stores them.

    Only the customer's own evidence restores a relation; an agent's resolving or closing of a complaint does not.

    Attributes:
        restored_score_min: The lowest follow-up score (1 to 5) that restores the relation.
        broken_score_max: The highest follow-up score that shows that the relation is strained again.
        purchase_restores: True if a purchase on a day after the resolution restores the relation, too.
        relapse_days: The number of days after a resolution in which a new failure or a reopening is a relapse. After a
            restored relation every failure is one.
        double_deviation_days: The number of days after a failure in which another failure weighs double. A reopening
            and a failure of the same kind always do.
        lapse_days: The number of days without any contact after which a former buyer with a damaged relation counts
            as lapsed. If they buy again, they are won back.
        satisfaction_days: The number of days before a complaint, or after its settlement, in which survey answers
            count for the comparison.
        account: The weights of the emotional account.
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
            msg = "broken_score_max must be less than restored_score_min"
            raise ValueError(msg)
        return self
