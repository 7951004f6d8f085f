"""Response rates: the share of invitations that were answered, and how soon."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Literal, TypeAlias

from relations.analytics.intervals import Interval, wilson
from relations.extras import np
from relations.json_form import ViewAnswer
from relations.policies import Surveys
from relations.projections.satisfaction.cuts import Cuts, Group
from relations.projections.satisfaction.respondents import ABSENT, Respondents

__all__ = ["ResponseDimension", "ResponseRate", "invitation_groups", "response_rates"]

ResponseDimension: TypeAlias = Literal[
    "month", "instrument", "touchpoint", "channel", "language", "region", "segment", "complaint_outcome"
]
_DAY = 86_400_000_000
_STANDING = ((), ("instrument",), ("month",), ("touchpoint",), ("channel",))


class ResponseRate(ViewAnswer):
    """The response to the invitations of one group.

    Attributes:
        group: The group's value in each dimension of the question; the month is that of sending.
        sent: The number of invitations sent.
        respondents: The number of people who received one.
        suppressed: True if these are fewer than the policy's `minimum_answers`, or if the figure would disclose such a
            group. All counts and rates below are then absent.
        complete: False if the group's month is not over yet.
        seen: The number known to have been seen; one that was answered or declined has been.
        answered: The number answered; by instrument, with that instrument, otherwise with any.
        declined: The number declined and never answered.
        reminded: The number with a reminder.
        rate: `answered` / `sent`, from 0 to 1; absent if none were sent.
        interval: Wilson's interval of the rate.
        days_to_answer: The median number of days from sending to the answer; absent if none were answered.
    """

    group: dict[ResponseDimension, str | None]
    sent: int
    respondents: int
    suppressed: bool
    complete: bool = True
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
    """Return the response rate of every group, in the groups' order; without `by`, of all invitations."""
    groups = invitation_groups(respondents, by=by, surveys=surveys)
    return [_rate(group, surveys.confidence) for group in groups]


def invitation_groups(respondents: Respondents, *, by: Sequence[str], surveys: Surveys) -> list[Group]:
    """Return the invitations of every group, in the groups' order."""
    return Cuts(respondents.invitations(own="instrument" in by), surveys.minimum_answers, by, _STANDING).groups(by)


def _rate(group: Group, confidence: float) -> ResponseRate:
    asked, sent = group.facts, len(group.facts)
    figure = ResponseRate(group=group.of, sent=sent, respondents=group.respondents, suppressed=not group.shown)
    if not group.shown:
        return figure
    was_answered = asked["answered"] != ABSENT
    waits = np.sort((asked["answered"] - asked["at"])[was_answered] / _DAY).tolist()
    return figure.model_copy(
        update={
            "seen": int(np.count_nonzero(was_answered | asked["seen"])),
            "answered": len(waits),
            "declined": int(np.count_nonzero(~was_answered & asked["declined"])),
            "reminded": int(np.count_nonzero(asked["reminded"])),
            "rate": len(waits) / sent if sent else None,
            "interval": wilson(len(waits), sent, confidence),
            "days_to_answer": median(waits) if waits else None,
        }
    )
