"""The rules of the commands that resolve, follow up, close, reopen, withdraw and merge a complaint."""

from __future__ import annotations

from typing import Any

from relations.aggregates.complaint.commands import (
    CloseComplaint,
    FollowUpComplaint,
    MergeComplaint,
    ReopenComplaint,
    ResolveComplaint,
    TakeDuplicate,
    WithdrawComplaint,
)
from relations.aggregates.complaint.decide.refusals import Rules
from relations.aggregates.complaint.events.handling import (
    ComplaintClosed,
    ComplaintFollowedUp,
    ComplaintMerged,
    ComplaintReopened,
    ComplaintResolved,
    ComplaintWithdrawn,
    DuplicateTaken,
)
from relations.aggregates.complaint.state import Complaint
from relations.errors import CommandRefused
from relations.messages import Event
from relations.policies import Policy

__all__ = ["ENDINGS", "reopening"]


_SUGGESTION_OUTCOMES = ("adopted", "declined")


def _resolve(state: Complaint, command: ResolveComplaint, _policy: Policy, at: int) -> Event:
    is_suggestion = state.filing is not None and state.filing.kind == "suggestion"
    if is_suggestion and command.outcome not in _SUGGESTION_OUTCOMES and not command.lenient:
        raise CommandRefused(
            f"cannot resolve suggestion {command.complaint} as {command.outcome}",
            code="suggestion_outcome",
            field="outcome",
            hint=f"Use one of: {', '.join(_SUGGESTION_OUTCOMES)}",
        )
    return ComplaintResolved(outcome=command.outcome, at=at)


def _follow_up(_state: Complaint, command: FollowUpComplaint, policy: Policy, at: int) -> Event:
    answer_by = None if command.score is None else policy.surveys.answer_by("csat", at, command.score)
    return ComplaintFollowedUp(score=command.score, words=command.words, at=at, answer_by=answer_by)


def _close(_state: Complaint, _command: CloseComplaint, _policy: Policy, at: int) -> Event:
    return ComplaintClosed(at=at)


def _withdraw(_state: Complaint, command: WithdrawComplaint, _policy: Policy, at: int) -> Event:
    return ComplaintWithdrawn(reason=command.reason, at=at)


def _reopen(state: Complaint, command: ReopenComplaint, policy: Policy, at: int) -> Event:
    return reopening(state, policy, at, command.reason, lenient=False)


def reopening(state: Complaint, policy: Policy, at: int, reason: str, *, lenient: bool) -> ComplaintReopened:
    """Return the reopening of a complaint, with new deadlines."""
    filing, levels = state.filing, policy.service_levels
    if filing and levels.calendar is None and filing.calendar is None and state.severity == filing.severity:
        # A reopened complaint gets the same time again, even if the policy has changed.
        within = (filing.acknowledge_by - filing.at, filing.resolve_by - filing.at)
        due = (at + within[0], at + within[1])
    else:
        severity: Any = state.severity if state.severity in ("low", "medium", "high", "critical") else "medium"
        due = levels.deadlines(severity, at, filing.grade if filing else None, filing.kind if filing else "complaint")
    return ComplaintReopened(reason=reason, acknowledge_by=due[0], resolve_by=due[1], lenient=lenient, at=at)


def _merge(state: Complaint, command: MergeComplaint, _policy: Policy, at: int) -> Event | None:
    into = command.into
    if into == command.complaint:
        raise CommandRefused(
            f"cannot merge complaint {command.complaint} into itself",
            code="self_merge",
            field="into",
            hint="Give two different ids",
        )
    if state.merged_into == into:
        return None
    if into in state.duplicates:
        raise CommandRefused(
            f"cannot merge complaint {command.complaint} into {into}: {into} is already merged into it",
            code="merge_cycle",
            field="into",
            hint=f"Reopen {into} first (ReopenComplaint)",
        )
    return ComplaintMerged(into=into, at=at)


def _take_duplicate(state: Complaint, command: TakeDuplicate, _policy: Policy, at: int) -> Event | None:
    if command.duplicate == command.complaint:
        raise CommandRefused(
            f"cannot merge complaint {command.complaint} into itself",
            code="self_merge",
            field="duplicate",
            hint="Give two different ids",
        )
    if command.duplicate in state.duplicates:
        return None
    if state.merged_into is not None:
        raise CommandRefused(
            f"cannot merge into complaint {command.complaint}: it is itself merged into {state.merged_into}",
            code="merged_itself",
            field="complaint",
            hint=f"Merge into {state.merged_into} instead",
        )
    return DuplicateTaken(duplicate=command.duplicate, at=at)


ENDINGS: Rules = {
    ResolveComplaint: _resolve,
    FollowUpComplaint: _follow_up,
    CloseComplaint: _close,
    ReopenComplaint: _reopen,
    WithdrawComplaint: _withdraw,
    MergeComplaint: _merge,
    TakeDuplicate: _take_duplicate,
}
