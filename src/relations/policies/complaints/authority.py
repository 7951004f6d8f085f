"""The limits of remedies by role, and the days required to prove an improvement."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field, model_validator

from relations.messages import Checked, Label, Money

__all__ = ["Desk", "Limit"]


class Limit(Checked):
    """The limit up to which a role may propose remedies without approval.

    Attributes:
        role: The role with which remedies are proposed.
        money: The highest amount in each currency. Currencies not listed have a limit of zero.
        points: The highest number of points.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: Label
    money: tuple[Money, ...] = ()
    points: Annotated[int, Field(strict=True, ge=0)] = 0

    @model_validator(mode="after")
    def _a_limit_a_currency(self) -> Limit:
        if len({each.currency for each in self.money}) < len(self.money):
            msg = "each currency may be given only once"
            raise ValueError(msg)
        return self

    def covers(self, value: Money | None, points: int | None) -> bool:
        """Return True if a remedy of this value is within the limit. One without a cost always is."""
        if points is not None and points > self.points:
            return False
        if value is None or value.amount == 0:
            return True
        return any(each.currency == value.currency and value.amount <= each.amount for each in self.money)


class Desk(Checked):
    """The rules of the complaint desk.

    Attributes:
        limits: The limits by role. Without any, no remedy needs approval. Otherwise a remedy above its author's limit,
            or by a role not listed, waits for approval by a role whose limit covers it.
        proof_days_min: The minimum number of days after an improvement before it can be measured.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    limits: tuple[Limit, ...] = ()
    proof_days_min: Annotated[int, Field(strict=True, ge=1, le=3660)] = 30

    @model_validator(mode="after")
    def _a_limit_a_role(self) -> Desk:
        if len({each.role for each in self.limits}) < len(self.limits):
            msg = "each role may be given only once"
            raise ValueError(msg)
        return self

    def allows(self, role: str | None, value: Money | None, points: int | None) -> bool:
        """Return True if this role may offer a remedy of this value without approval."""
        if not self.limits:
            return True
        return any(each.role == role and each.covers(value, points) for each in self.limits) or not (
            points or (value is not None and value.amount)
        )
