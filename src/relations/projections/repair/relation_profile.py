"""The public form of a relation, with its evidence."""

from __future__ import annotations

from datetime import datetime, timedelta

from relations.json_form import Span, ViewAnswer
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


class RoundProfile(ViewAnswer):
    """One run of a complaint's clocks.

    Attributes:
        number: 1 from the filing, one more for each reopening.
        opened_by: `filed`, `reopened`, or `resumed` by an import.
        opened_at: The time at which it began.
        acknowledge_by: The deadline of the first answer.
        resolve_by: The deadline of the resolution.
        answered_at: The time of the first answer; None if there was none.
        steps: The first time of each step taken.
        scores: The customer's follow-up scores, in order.
        restored_at: The time since when their evidence shows that the relation is restored.
        restored_by: `score` or `purchase`.
        relapse: True if it began on a restored relation, or soon after a resolution.
    """

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


class ComplaintProfile(ViewAnswer):
    """One complaint, with all its rounds.

    Attributes:
        complaint: The complaint's id.
        subject: The subject.
        severity: The severity as last assessed.
        state: The state.
        since: The time since when it is in this state.
        rounds: The rounds, at least one.
    """

    complaint: str
    subject: str
    severity: str
    state: State
    since: datetime
    rounds: tuple[RoundProfile, ...]


class DeviationProfile(ViewAnswer):
    """A double deviation: a repeated failure.

    Attributes:
        complaint: The complaint about it.
        kind: Reopened, the same subject as an earlier complaint, or soon after any earlier one.
        at: The time.
        interval: The time since the earlier failure, or for a reopening since the resolution.
    """

    complaint: str
    kind: DeviationKind
    at: datetime
    interval: Span


class RelationProfile(ViewAnswer):
    """One customer's relation with its evidence.

    Attributes:
        standing: The state of the relation.
        complaints: The complaints, by the time of filing.
        deviations: The repeated failures, by time.
    """

    standing: RelationStanding
    complaints: tuple[ComplaintProfile, ...]
    deviations: tuple[DeviationProfile, ...]


def relation_profile(customer: str, relation: Relation) -> RelationProfile:
    """Return the public form of a relation, with its evidence."""
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
    """Return the public form of a complaint, with its rounds."""
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
