"""How many of those who were asked answered, and how soon."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict

from relations.analytics.intervals import Interval, wilson
from relations.policies import Surveys
from relations.projections.satisfaction.cuts import Cuts, Group
from relations.projections.satisfaction.respondents import Respondents

__all__ = ["ResponseDimension", "ResponseRate", "response_rates"]

ResponseDimension: TypeAlias = Literal[
    "month", "instrument", "touchpoint", "channel", "language", "region", "segment", "complaint_outcome"
]
_STANDING = ((), ("instrument",), ("month",), ("touchpoint",), ("channel",))


class ResponseRate(BaseModel):
    """How many of those who were asked answered.

    Attributes:
        group: The group's value in each dimension asked for, the month being that of sending.
        sent: Invitations sent.
        respondents: How many people they were sent to.
        suppressed: True where these are fewer than the policy's `minimum_answers`, or where the figure would give such
            a group away; all that follows is then absent.
        seen: How many are known to have been seen; whoever answered or declined one has seen it.
        answered: How many were answered; by instrument, with that instrument, and otherwise with whatever one.
        declined: How many were declined and not answered after all.
        reminded: How many were reminded of.
        rate: Answered / sent, from 0 to 1; absent where none were sent.
        interval: Wilson's interval of it.
        days_to_answer: The median of days from sending to the answer; absent where none were answered.
    """

    model_config = ConfigDict(frozen=True)

    group: dict[ResponseDimension, str | None]
    sent: int
    respondents: int
    suppressed: bool
    seen: int | None = None
    answered: int | None = None
    declined: int | None = None
    reminded: int | None = None
    rate: float | None = None
    interval: Interval | None = None
    days_to_answer: float | None = None


def response_rates(
    respondents: Respondents, *, by: Sequence[ResponseDimension], surveys: Surveys
) -> list[ResponseRate]:
    """The response rate of every group that was asked, in the groups' order; of all invitations where `by` is empty."""
    cuts = Cuts(respondents.invitations(own="instrument" in by), surveys.minimum_answers, by, _STANDING)
    return [_rate(group, surveys.confidence) for group in cuts.groups(by)]


def _rate(group: Group, confidence: float) -> ResponseRate:
    asked = [fact.content for fact in group.facts]
    figure = ResponseRate(group=group.of, sent=len(asked), respondents=group.respondents, suppressed=not group.shown)
    if not group.shown:
        return figure
    waits = [(each.answered_at - each.invited.at) / 86_400_000_000 for each in asked if each.answered_at is not None]
    declined = [each for each in asked if each.answered_at is None and each.invited.declined_at is not None]
    seen = [each for each in asked if each.answered_at is not None or each.invited.was_seen]
    return figure.model_copy(
        update={
            "seen": len(seen),
            "answered": len(waits),
            "declined": len(declined),
            "reminded": sum(each.invited.reminders > 0 for each in asked),
            "rate": len(waits) / len(asked) if asked else None,
            "interval": wilson(len(waits), len(asked), confidence),
            "days_to_answer": median(waits) if waits else None,
        }
    )
