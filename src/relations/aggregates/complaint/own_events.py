"""From each command to its own event: what it says, and what its ids must agree with.

Whether the state allows the command, and what it does to the clocks, is for `rules` to say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from relations.aggregates.complaint.clocks import extended_due
from relations.aggregates.complaint.commands import (
    AcceptRemedy,
    AcknowledgeComplaint,
    ApproveRemedy,
    AskInformation,
    AssessComplaint,
    AssignComplaint,
    CarryOutRemedy,
    CloseComplaint,
    ComplaintCommand,
    CompleteImprovement,
    DeclineRemedy,
    EscalateComplaint,
    FollowUpComplaint,
    GiveApology,
    InvestigateComplaint,
    MeasureImprovement,
    MergeComplaint,
    NameRootCause,
    ProposeRemedy,
    RaiseImprovement,
    ReceiveInformation,
    RecogniseComplaint,
    RefuseRemedy,
    ReopenComplaint,
    ResolveComplaint,
    SendHoldingReply,
    TakeDuplicate,
    TransferComplaint,
    WithdrawComplaint,
)
from relations.aggregates.complaint.events import (
    ApologyGiven,
    ComplaintAcknowledged,
    ComplaintAssessed,
    ComplaintAssigned,
    ComplaintClosed,
    ComplaintEscalated,
    ComplaintFollowedUp,
    ComplaintInvestigated,
    ComplaintMerged,
    ComplaintRecognised,
    ComplaintReopened,
    ComplaintResolved,
    ComplaintTransferred,
    ComplaintWithdrawn,
    DuplicateTaken,
    HoldingReplySent,
    ImprovementDone,
    ImprovementNotProved,
    ImprovementProved,
    ImprovementRaised,
    InformationAsked,
    InformationReceived,
    RemedyAccepted,
    RemedyApproved,
    RemedyCarriedOut,
    RemedyDeclined,
    RemedyProposed,
    RemedyRefused,
    RootCauseNamed,
)
from relations.aggregates.complaint.moves import IMPROVEMENT_MOVES, REMEDY_MOVES, RemedyStatus
from relations.aggregates.complaint.state import Complaint, Improvement, Remedy, Request, fact
from relations.errors import CommandRefused
from relations.messages import Event, to_micros
from relations.policies import Policy

__all__ = ["DECISIONS", "names", "reopening"]

Known = TypeVar("Known", Remedy, Request, Improvement)


def names(commands: Iterable[type[ComplaintCommand]]) -> str:
    """Commands as a refusal lists them."""
    return ", ".join(command.__name__ for command in commands) or "nothing"


def _known(found: Known | None, command: ComplaintCommand, field: str, remedy: str) -> Known:
    """What has the id that a command names.

    Raises:
        CommandRefused: Nothing has.
    """
    if found is None:
        raise CommandRefused(
            f"the complaint {command.complaint} has no {field} {getattr(command, field)}",
            code=f"unknown_{field}",
            field=field,
            hint=remedy,
        )
    return found


def _reused(command: ComplaintCommand, field: str, code: str) -> CommandRefused:
    return CommandRefused(
        f"the complaint {command.complaint} has another {field} {getattr(command, field)}",
        code=code,
        field=field,
        hint=f"Give each {field} an id of its own",
    )


# --- the desk -------------------------------------------------------------------------------------------------------


def _acknowledge(_state: Complaint, command: AcknowledgeComplaint, _policy: Policy, at: int) -> Event:
    return ComplaintAcknowledged(channel=command.channel, at=at)


def _apologise(_state: Complaint, command: GiveApology, _policy: Policy, at: int) -> Event:
    return ApologyGiven(channel=command.channel, at=at)


def _assess(_state: Complaint, command: AssessComplaint, _policy: Policy, at: int) -> Event:
    return ComplaintAssessed(
        severity=command.severity,
        complexity=command.complexity,
        impact=command.impact,
        urgency=command.urgency,
        category=command.category,
        at=at,
    )


def _assign(_state: Complaint, command: AssignComplaint, _policy: Policy, at: int) -> Event:
    return ComplaintAssigned(owner=command.owner, department=command.department, at=at)


def _transfer(state: Complaint, command: TransferComplaint, _policy: Policy, at: int) -> Event:
    event = ComplaintTransferred(
        department=command.department, previous=state.department, owner=command.owner, reason=command.reason, at=at
    )
    late = state.assigned_at is not None and at < state.assigned_at
    if state.department == command.department and not late and fact(event) not in state.facts:
        raise CommandRefused(
            f"the complaint {command.complaint} is with {command.department} already",
            code="same_department",
            field="department",
            hint="Assign it to somebody there, or name another department",
        )
    return event


def _investigate(_state: Complaint, command: InvestigateComplaint, _policy: Policy, at: int) -> Event:
    return ComplaintInvestigated(findings=command.findings, conclusion=command.conclusion, at=at)


def _name_cause(_state: Complaint, command: NameRootCause, _policy: Policy, at: int) -> Event:
    return RootCauseNamed(cause=command.cause, at=at)


def _ask(state: Complaint, command: AskInformation, _policy: Policy, at: int) -> Event | None:
    known = state.requests.get(command.request)
    if known is None:
        return InformationAsked(request=command.request, about=command.about, at=at)
    if known.asked_at == at:
        return None
    raise _reused(command, "request", "request_id_reused")


def _receive(state: Complaint, command: ReceiveInformation, _policy: Policy, at: int) -> Event | None:
    known = _known(state.requests.get(command.request), command, "request", "Ask for it first")
    if known.received_at is not None:
        return None
    if at < known.asked_at:
        raise CommandRefused(
            f"what was asked as {command.request} bears a time before it was asked",
            code="out_of_order",
            field="occurred_at",
            hint="Send what happened in the order in which it happened, or mend the time",
        )
    return InformationReceived(request=command.request, words=command.words, at=at)


def _hold(state: Complaint, command: SendHoldingReply, policy: Policy, at: int) -> Event:
    until = None if command.until is None else to_micros(command.until)
    event = HoldingReplySent(reason=command.reason, until=until, at=at)
    if until is None or fact(event) in state.facts:
        return event
    if until <= at:
        raise CommandRefused(
            "a holding reply that announces a time that has passed holds nobody", code="until_has_passed", field="until"
        )
    latest = extended_due(state, policy) if state.in_this_round(at) else None
    if latest is not None and until > latest:
        raise CommandRefused(
            f"the final answer to {command.complaint} cannot be announced for later than the policy allows",
            code="beyond_final_deadline",
            field="until",
            hint="Announce an earlier time",
        )
    return event


def _escalate(_state: Complaint, command: EscalateComplaint, policy: Policy, at: int) -> Event:
    to = command.to or policy.service_levels.emergency_to
    return ComplaintEscalated(to=to, reason=command.reason, emergency=command.emergency, at=at)


# --- offers ---------------------------------------------------------------------------------------------------------


def _propose(state: Complaint, command: ProposeRemedy, policy: Policy, at: int) -> Event | None:
    known = state.remedies.get(command.remedy)
    if known is None:
        needs_approval = not policy.desk.allows(command.role, command.value, command.points)
        return RemedyProposed(
            remedy=command.remedy,
            kind=command.kind,
            value=command.value,
            points=command.points,
            at=at,
            needs_approval=needs_approval,
            author=command.actor if needs_approval else None,
        )
    if (known.kind, known.value, known.points) == (command.kind, command.value, command.points):
        return None
    raise _reused(command, "remedy", "remedy_id_reused")


Offer = ApproveRemedy | RefuseRemedy | AcceptRemedy | DeclineRemedy | CarryOutRemedy


def _remedy(state: Complaint, command: Offer, done: tuple[RemedyStatus, ...]) -> Remedy | None:
    """The remedy that a command moves; None where that was done before."""
    known = _known(state.remedies.get(command.remedy), command, "remedy", "Propose it first")
    if known.status in done:
        return None
    moves = REMEDY_MOVES[known.status]
    if type(command) not in moves:
        raise CommandRefused(
            f"{type(command).__name__} is not possible: the remedy {command.remedy} is {known.status}; "
            f"from there: {names(moves)}",
            code="illegal_move",
            field="remedy",
        )
    return known


def _approve(state: Complaint, command: ApproveRemedy, policy: Policy, at: int) -> Event | None:
    moved = _remedy(state, command, ("proposed", "accepted", "carried_out"))
    if moved is None:
        return None
    if moved.author == command.actor:
        raise CommandRefused(
            f"{command.actor} proposed the remedy {command.remedy} and cannot approve it",
            code="own_offer",
            field="actor",
            hint="Let somebody else approve it",
        )
    if not policy.desk.allows(command.role, moved.value, moved.points):
        raise CommandRefused(
            f"the remedy {command.remedy} is above the limit of {command.role or 'somebody without a role'}, too",
            code="above_limit",
            field="role",
            hint="Let somebody approve it whose limit covers it",
        )
    return RemedyApproved(remedy=command.remedy, role=command.role, at=at)


def _refuse(state: Complaint, command: RefuseRemedy, _policy: Policy, at: int) -> Event | None:
    moved = _remedy(state, command, ("refused",))
    return RemedyRefused(remedy=command.remedy, reason=command.reason, at=at) if moved else None


def _accept(state: Complaint, command: AcceptRemedy, _policy: Policy, _at: int) -> Event | None:
    return RemedyAccepted(remedy=command.remedy) if _remedy(state, command, ("accepted", "carried_out")) else None


def _decline(state: Complaint, command: DeclineRemedy, _policy: Policy, _at: int) -> Event | None:
    moved = _remedy(state, command, ("declined",))
    return RemedyDeclined(remedy=command.remedy, reason=command.reason) if moved else None


def _carry_out(state: Complaint, command: CarryOutRemedy, _policy: Policy, at: int) -> Event | None:
    moved = _remedy(state, command, ("carried_out",))
    if moved is None:
        return None
    return RemedyCarriedOut(remedy=command.remedy, kind=moved.kind, value=moved.value, points=moved.points, at=at)


# --- ends and beginnings --------------------------------------------------------------------------------------------


def _resolve(_state: Complaint, command: ResolveComplaint, _policy: Policy, at: int) -> Event:
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
    """A reopening with the time that was promised, again."""
    filing, levels = state.filing, policy.service_levels
    if filing and levels.calendar is None and filing.calendar is None and state.severity == filing.severity:
        # A reopened complaint has the same time again, whatever is promised to others now.
        within = (filing.acknowledge_by - filing.at, filing.resolve_by - filing.at)
        due = (at + within[0], at + within[1])
    else:
        severity: Any = state.severity if state.severity in ("low", "medium", "high", "critical") else "medium"
        due = levels.deadlines(severity, at, filing.grade if filing else None)
    return ComplaintReopened(reason=reason, acknowledge_by=due[0], resolve_by=due[1], lenient=lenient, at=at)


def _merge(state: Complaint, command: MergeComplaint, _policy: Policy, at: int) -> Event | None:
    into = command.into
    if into == command.complaint:
        raise CommandRefused("a complaint is no duplicate of itself", code="self_merge", field="into")
    if state.merged_into == into:
        return None
    if into in state.duplicates:
        raise CommandRefused(
            f"{into} was merged into {command.complaint}: two complaints cannot be duplicates of each other",
            code="merge_cycle",
            field="into",
            hint=f"Reopen {into} first",
        )
    return ComplaintMerged(into=into, at=at)


def _take_duplicate(state: Complaint, command: TakeDuplicate, _policy: Policy, at: int) -> Event | None:
    if command.duplicate == command.complaint:
        raise CommandRefused("a complaint is no duplicate of itself", code="self_merge", field="duplicate")
    if command.duplicate in state.duplicates:
        return None
    if state.merged_into is not None:
        raise CommandRefused(
            f"the complaint {command.complaint} is a duplicate of {state.merged_into} itself",
            code="merged_itself",
            field="complaint",
            hint=f"Merge it into {state.merged_into}",
        )
    return DuplicateTaken(duplicate=command.duplicate, at=at)


# --- lessons --------------------------------------------------------------------------------------------------------


def _recognise(state: Complaint, command: RecogniseComplaint, _policy: Policy, at: int) -> Event | None:
    known = state.remedies.get(command.reward)
    if known is None:
        return ComplaintRecognised(
            reward=command.reward, reason=command.reason, value=command.value, points=command.points, at=at
        )
    if (known.kind, known.value, known.points) == ("recognition", command.value, command.points):
        return None
    raise _reused(command, "reward", "remedy_id_reused")


def _raise_improvement(state: Complaint, command: RaiseImprovement, _policy: Policy, at: int) -> Event | None:
    known = state.improvements.get(command.improvement)
    if known is None:
        return ImprovementRaised(
            improvement=command.improvement, title=command.title, cause=command.cause, owner=command.owner, at=at
        )
    if (known.title, known.cause, known.owner) == (command.title, command.cause, command.owner):
        return None
    raise _reused(command, "improvement", "improvement_id_reused")


def _complete(state: Complaint, command: CompleteImprovement, _policy: Policy, at: int) -> Event | None:
    known = _known(state.improvements.get(command.improvement), command, "improvement", "Raise it first")
    return ImprovementDone(improvement=command.improvement, at=at) if known.status == "raised" else None


def _measure(state: Complaint, command: MeasureImprovement, policy: Policy, at: int) -> Event:
    known = _known(state.improvements.get(command.improvement), command, "improvement", "Raise it first")
    if MeasureImprovement not in IMPROVEMENT_MOVES[known.status]:
        raise CommandRefused(
            f"MeasureImprovement is not possible: the improvement {command.improvement} is {known.status}; "
            f"from there: {names(IMPROVEMENT_MOVES[known.status])}",
            code="illegal_move",
            field="improvement",
        )
    if at < known.done_at:
        raise CommandRefused(
            f"the improvement {command.improvement} cannot be measured before it was made",
            code="out_of_order",
            field="occurred_at",
        )
    if command.after_days < policy.desk.proof_days_min:
        raise CommandRefused(
            f"{command.after_days} days prove nothing; the policy asks for {policy.desk.proof_days_min}",
            code="too_soon_to_prove",
            field="after_days",
            hint="Count for longer",
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


DECISIONS: dict[type[ComplaintCommand], Callable[[Complaint, Any, Policy, int], Event | None]] = {
    AcknowledgeComplaint: _acknowledge,
    AssessComplaint: _assess,
    AssignComplaint: _assign,
    TransferComplaint: _transfer,
    InvestigateComplaint: _investigate,
    NameRootCause: _name_cause,
    GiveApology: _apologise,
    AskInformation: _ask,
    ReceiveInformation: _receive,
    SendHoldingReply: _hold,
    EscalateComplaint: _escalate,
    ProposeRemedy: _propose,
    ApproveRemedy: _approve,
    RefuseRemedy: _refuse,
    AcceptRemedy: _accept,
    DeclineRemedy: _decline,
    CarryOutRemedy: _carry_out,
    ResolveComplaint: _resolve,
    FollowUpComplaint: _follow_up,
    CloseComplaint: _close,
    ReopenComplaint: _reopen,
    WithdrawComplaint: _withdraw,
    MergeComplaint: _merge,
    TakeDuplicate: _take_duplicate,
    RecogniseComplaint: _recognise,
    RaiseImprovement: _raise_improvement,
    CompleteImprovement: _complete,
    MeasureImprovement: _measure,
}
"""By command: the event that it asks for, or None where its remedy, question or improvement was moved so before."""
