"""Who at the complaint desk may promise what, and what proves that an improvement works."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from relations.messages import Label, Money

__all__ = ["Desk", "Limit"]


class Limit(BaseModel):
    """How much somebody in a role may offer without asking.

    Attributes:
        role: The role, as offers are proposed with it.
        money: The most in each currency; in a currency that does not stand here, nothing.
        points: The most in points.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: Label
    money: tuple[Money, ...] = ()
    points: Annotated[int, Field(strict=True, ge=0)] = 0

    @model_validator(mode="after")
    def _a_limit_a_currency(self) -> Limit:
        if len({each.currency for each in self.money}) < len(self.money):
            msg = "each currency stands once"
            raise ValueError(msg)
        return self

    def covers(self, value: Money | None, points: int | None) -> bool:
        """Whether an offer of so much is within it. What costs nothing that is counted always is."""
        if points is not None and points > self.points:
            return False
        if value is None or value.amount == 0:
            return True
        return any(each.currency == value.currency and value.amount <= each.amount for each in self.money)


class Desk(BaseModel):
    """The complaint desk's own rules.

    Attributes:
        limits: Who may offer how much. Without any, everybody may offer everything. With some, an offer above its
            author's limit, or by a role that does not stand here, waits until somebody whose limit covers it approves.
        proof_days_min: So many days after an improvement have to be counted before they prove anything.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    limits: tuple[Limit, ...] = ()
    proof_days_min: Annotated[int, Field(strict=True, ge=1, le=3660)] = 30

    @model_validator(mode="after")
    def _a_limit_a_role(self) -> Desk:
        if len({each.role for each in self.limits}) < len(self.limits):
            msg = "each role stands once"
            raise ValueError(msg)
        return self

    def allows(self, role: str | None, value: Money | None, points: int | None) -> bool:
        """Whether somebody in this role may offer so much."""
        if not self.limits:
            return True
        return any(each.role == role and each.covers(value, points) for each in self.limits) or not (
            points or (value is not None and value.amount)
        )
