"""The rules of the commands that record lessons: recognition, improvements and judged promises."""

from __future__ import annotations

from relations.aggregates.complaint.commands import (
    CompleteImprovement,
    JudgePromise,
    MeasureImprovement,
    RaiseImprovement,
    RecogniseComplaint,
)
from relations.aggregates.complaint.decide.refusals import Rules, id_reused, known_part, names
from relations.aggregates.complaint.events.handling import (
    ComplaintRecognised,
    ImprovementDone,
    ImprovementNotProved,
    ImprovementProved,
    ImprovementRaised,
    PromiseJudged,
)
from relations.aggregates.complaint.moves import IMPROVEMENT_MOVES
from relations.aggregates.complaint.state import Complaint
from relations.errors import CommandRefused
from relations.messages import Event
from relations.policies import Policy

__all__ = ["LESSONS"]


def _recognise(state: Complaint, command: RecogniseComplaint, _policy: Policy, at: int) -> Event | None:
    known = state.remedies.get(command.reward)
    if known is None:
        return ComplaintRecognised(
            reward=command.reward, reason=command.reason, value=command.value, points=command.points, at=at
        )
    if (known.kind, known.value, known.points) == ("recognition", command.value, command.points):
        return None
    raise id_reused(command, "reward", "remedy_id_reused")


def _raise_improvement(state: Complaint, command: RaiseImprovement, _policy: Policy, at: int) -> Event | None:
    known = state.improvements.get(command.improvement)
    if known is None:
        return ImprovementRaised(
            improvement=command.improvement, title=command.title, cause=command.cause, owner=command.owner, at=at
        )
    if (known.title, known.cause, known.owner) == (command.title, command.cause, command.owner):
        return None
    raise id_reused(command, "improvement", "improvement_id_reused")


def _complete(state: Complaint, command: CompleteImprovement, _policy: Policy, at: int) -> Event | None:
    known = known_part(
        state.improvements.get(command.improvement), command, "improvement", "Raise it first (RaiseImprovement)"
    )
    return ImprovementDone(improvement=command.improvement, at=at) if known.status == "raised" else None


def _measure(state: Complaint, command: MeasureImprovement, policy: Policy, at: int) -> Event:
    known = known_part(
        state.improvements.get(command.improvement), command, "improvement", "Raise it first (RaiseImprovement)"
    )
    if MeasureImprovement not in IMPROVEMENT_MOVES[known.status]:
        raise CommandRefused(
            f"cannot measure the improvement {command.improvement}: it is {known.status}",
            code="illegal_move",
            field="improvement",
            hint=f"Send one of: {names(IMPROVEMENT_MOVES[known.status])}",
        )
    if at < known.done_at:
        raise CommandRefused(
            f"cannot measure the improvement {command.improvement} before it was made",
            code="out_of_order",
            field="occurred_at",
            hint="Correct the time",
        )
    if command.after_days < policy.desk.proof_days_min:
        raise CommandRefused(
            f"cannot measure the improvement {command.improvement} after {command.after_days} days: "
            f"the policy requires at least {policy.desk.proof_days_min}",
            code="too_soon_to_prove",
            field="after_days",
            hint="Measure it again when enough days have passed",
        )
    # Rates compared without division: after / after_days < before / before_days.
    fewer = command.after * command.before_days < command.before * command.after_days
    kind = ImprovementProved if fewer else ImprovementNotProved
    return kind(
        improvement=command.improvement,
        before=command.before,
        before_days=command.before_days,
        after=command.after,
        after_days=command.after_days,
        at=at,
    )


def _judge_promise(_state: Complaint, command: JudgePromise, _policy: Policy, at: int) -> Event:
    return PromiseJudged(promise=command.promise, kept=command.kept, judged_by=command.judged_by, at=at)


LESSONS: Rules = {
    RecogniseComplaint: _recognise,
    RaiseImprovement: _raise_improvement,
    CompleteImprovement: _complete,
    MeasureImprovement: _measure,
    JudgePromise: _judge_promise,
}
