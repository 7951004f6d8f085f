"""A relation with all that it rests on, as callers see it."""

from __future__ import annotations

from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict

from relations.messages import from_micros
from relations.projections.repair.figures import RelationStanding, standing
from relations.projections.repair.relation_state import ComplaintHistory, DeviationKind, Relation, Round, State

__all__ = [
    "ComplaintProfile",
    "DeviationProfile",
    "RelationProfile",
    "RoundProfile",
    "complaint_profile",
    "relation_profile",
]


class RoundProfile(BaseModel):
    """One run of a complaint's clocks.

    Attributes:
        number: 1, and one more for each reopening.
        opened_by: filed, reopened, or resumed by an import.
        opened_at: When.
        acknowledge_by: The deadline of the first answer.
        resolve_by: The deadline of the resolution.
        answered_at: When the customer first heard; None where they did not.
        steps: The first time of each step taken.
        scores: What the customer answered, in order.
        restored_at: Since when their evidence says that the relation is restored.
        restored_by: score or purchase.
        relapse: Whether it opened on a mended relation.
    """

    model_config = ConfigDict(frozen=True)

    number: int
    opened_by: str
    opened_at: datetime
    acknowledge_by: datetime
    resolve_by: datetime
    answered_at: datetime | None
    steps: dict[str, datetime]
    scores: tuple[int, ...]
    restored_at: datetime | None
    restored_by: str | None
    relapse: bool


class ComplaintProfile(BaseModel):
    """One complaint, with all its rounds.

    Attributes:
        complaint: Its id.
        subject: What it is about.
        severity: As last assessed.
        state: Where it stands.
        since: Since when.
        rounds: At least one.
    """

    model_config = ConfigDict(frozen=True)

    complaint: str
    subject: str
    severity: str
    state: State
    since: datetime
    rounds: tuple[RoundProfile, ...]


class DeviationProfile(BaseModel):
    """A failure upon a failure.

    Attributes:
        complaint: The one that it is about.
        kind: Reopened; the same subject as an earlier one; or soon after any earlier one.
        at: When.
        interval: Since the earlier failure, or for a reopening since the resolution.
    """

    model_config = ConfigDict(frozen=True)

    complaint: str
    kind: DeviationKind
    at: datetime
    interval: timedelta


class RelationProfile(BaseModel):
    """One customer's relation with all that it rests on.

    Attributes:
        standing: Where it stands.
        complaints: By the time of filing.
        deviations: By time.
    """

    model_config = ConfigDict(frozen=True)

    standing: RelationStanding
    complaints: tuple[ComplaintProfile, ...]
    deviations: tuple[DeviationProfile, ...]


def relation_profile(customer: str, relation: Relation) -> RelationProfile:
    """A relation with all that it rests on, as callers see it."""
    return RelationProfile(
        standing=standing(customer, relation),
        complaints=tuple(complaint_profile(history) for history in relation.histories),
        deviations=tuple(
            DeviationProfile(
                complaint=deviation.complaint,
                kind=deviation.kind,
                at=from_micros(deviation.at),
                interval=timedelta(microseconds=deviation.interval),
            )
            for deviation in relation.deviations
        ),
    )


def complaint_profile(history: ComplaintHistory) -> ComplaintProfile:
    """A complaint with its rounds, as callers see it."""
    state, since = history.rounds[-1].position()
    return ComplaintProfile(
        complaint=history.case.complaint,
        subject=history.case.subject,
        severity=history.severity,
        state=state,
        since=from_micros(since),
        rounds=tuple(_round(opened) for opened in history.rounds),
    )


def _round(opened: Round) -> RoundProfile:
    at, restored, by = opened.verdicts[-1] if opened.verdicts else (0, False, "")
    return RoundProfile(
        number=opened.number,
        opened_by=opened.opened_by,
        opened_at=from_micros(opened.opened_at),
        acknowledge_by=from_micros(opened.acknowledge_by),
        resolve_by=from_micros(opened.resolve_by),
        answered_at=None if opened.answered_at is None else from_micros(opened.answered_at),
        steps={what: from_micros(moment) for what, moment in opened.first.items()},
        scores=tuple(score for _, score in opened.scores),
        restored_at=from_micros(at) if restored else None,
        restored_by=by if restored else None,
        relapse=opened.is_relapse,
    )
