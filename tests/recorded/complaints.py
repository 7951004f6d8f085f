"""The meaning of the stored bodies of complaints at full depth; `test_recorded` checks the bytes against it."""

from __future__ import annotations

import msgspec

from relations import Event, Money
from relations.aggregates.complaint import (
    ClockCancelled,
    ClockPaused,
    ClockResumed,
    ClockStarted,
    ComplaintAssessed,
    ComplaintAssigned,
    ComplaintEscalated,
    ComplaintFiled,
    ComplaintInvestigated,
    ComplaintMerged,
    ComplaintRecognised,
    ComplaintTransferred,
    DeadlineMet,
    DeadlineMissed,
    DeadlineMoved,
    DuplicateTaken,
    EscalationPlanned,
    HoldingReplySent,
    ImprovementDone,
    ImprovementNotProved,
    ImprovementProved,
    ImprovementRaised,
    InformationAsked,
    InformationReceived,
    MessageReceived,
    MessageSent,
    PromiseJudged,
    RemedyApproved,
    RemedyProposed,
    RemedyRefused,
    RootCauseNamed,
)

__all__ = ["COMPLAINTS"]

AT = 1_714_564_800_000_000
DAY = 86_400_000_000
SEALED = "sealed:dGhlIG5vbmNl-c2VhbGVkIHdvcmRz_YW5kIGEgdGFnIG9mIHNpeHRlZW4="

COMPLAINTS: dict[str, Event] = {
    "complaint.assessed.1.full": ComplaintAssessed(
        severity="critical", complexity="low", impact="high", urgency="medium", category="building", at=AT
    ),
    "complaint.assigned.1.full": ComplaintAssigned(owner="bert", department="front desk", at=AT),
    "complaint.transferred.1.full": ComplaintTransferred(
        department="front desk", previous="front desk", owner="bert", reason="too much", at=AT
    ),
    "complaint.investigated.1.full": ComplaintInvestigated(findings=SEALED, conclusion="partly_upheld", at=AT),
    "complaint.root_cause_named.1.full": RootCauseNamed(cause="thin doors", at=AT),
    "complaint.information_asked.1.full": InformationAsked(request="q1", about="room number", at=AT),
    "complaint.information_received.1.full": InformationReceived(request="q1", words=SEALED, at=AT),
    "complaint.message_received.1.full": MessageReceived(message="n1", channel="email", words=SEALED, at=AT),
    "complaint.message_received.1.bare": MessageReceived(message="n1"),
    "complaint.message_sent.1.full": MessageSent(message="n2", channel="email", words=SEALED, at=AT),
    "complaint.message_sent.1.bare": MessageSent(message="n2"),
    "complaint.filed.1.language": ComplaintFiled(
        subject="parking",
        channel="web",
        severity="low",
        acknowledge_by=AT + DAY,
        resolve_by=AT + 2 * DAY,
        policy=2,
        customer="c-42",
        at=AT,
        grade="high",
        language="zh-Hans",
    ),
    "complaint.filed.1.enquiry": ComplaintFiled(
        subject="parking",
        channel="web",
        severity="low",
        acknowledge_by=AT + DAY,
        resolve_by=AT + 2 * DAY,
        policy=2,
        customer="c-42",
        at=AT,
        kind="enquiry",
    ),
    "complaint.promise_judged.1.full": PromiseJudged(
        promise="timely response", kept=True, judged_by="regulator", at=AT
    ),
    "complaint.holding_reply_sent.1.full": HoldingReplySent(reason="too much", until=AT + 3 * DAY, at=AT),
    "complaint.escalated.1.full": ComplaintEscalated(
        to="director", reason="too much", emergency=True, clock="resolve", number=2, percent=80, at=AT
    ),
    "complaint.remedy_approved.1.full": RemedyApproved(remedy="m1", role="manager", at=AT),
    "complaint.remedy_refused.1.full": RemedyRefused(remedy="m1", reason="too much", at=AT),
    "complaint.merged.1.full": ComplaintMerged(into="k-2", at=AT),
    "complaint.duplicate_taken.1.full": DuplicateTaken(duplicate="k-1", at=AT),
    "complaint.recognised.1.full": ComplaintRecognised(
        reward="w1", reason="too much", value=Money(5_000, "CHF"), points=300, at=AT
    ),
    "complaint.improvement_raised.1.full": ImprovementRaised(
        improvement="v1", title="thicker doors", cause="thin doors", owner="bert", at=AT
    ),
    "complaint.improvement_done.1.full": ImprovementDone(improvement="v1", at=AT),
    "complaint.improvement_proved.1.full": ImprovementProved(
        improvement="v1", before=12, before_days=120, after=5, after_days=60, at=AT
    ),
    "complaint.improvement_not_proved.1.full": ImprovementNotProved(
        improvement="v1", before=12, before_days=120, after=5, after_days=60, at=AT
    ),
    "complaint.clock_started.1.full": ClockStarted(clock="resolve", round=1, due_at=AT + DAY, number=2, at=AT),
    "complaint.clock_paused.1.full": ClockPaused(clock="resolve", round=1, number=2, at=AT),
    "complaint.clock_resumed.1.full": ClockResumed(clock="resolve", round=1, due_at=AT + DAY, number=2, at=AT),
    "complaint.deadline_moved.1.full": DeadlineMoved(
        clock="resolve", round=1, due_at=AT + DAY, why="severity", number=2, at=AT
    ),
    "complaint.clock_cancelled.1.full": ClockCancelled(clock="resolve", round=1, number=2, at=AT),
    "complaint.escalation_planned.1.full": EscalationPlanned(
        due_at=AT + DAY, clock="resolve", number=2, percent=80, to="director", at=AT
    ),
    "complaint.filed.1.on_behalf": ComplaintFiled(
        subject="noise",
        channel="phone",
        severity="high",
        acknowledge_by=AT + DAY,
        resolve_by=AT + 5 * DAY,
        policy=2,
        customer="c-42",
        at=AT,
        grade="gold",
        on_behalf_of=SEALED,
        relationship="child",
        calendar="Vienna 2026",
    ),
    "complaint.remedy_proposed.1.awaiting": RemedyProposed(
        remedy="m3", kind="goodwill", value=Money(5_000, "CHF"), at=AT, needs_approval=True, author="anna"
    ),
    "complaint.deadline_met.1.second": DeadlineMet(clock="next_response", round=1, due_at=AT + DAY, number=2),
    "complaint.deadline_missed.1.second": DeadlineMissed(clock="next_response", round=1, due_at=AT + DAY, number=2),
    "complaint.escalation_planned.1.bare": EscalationPlanned(at=AT),
}


def _sealed(name: str, *fields: str) -> tuple[str, Event]:
    """Return the sample of a topic with fields that older versions stored in clear, sealed as they are stored today."""
    return f"{name}.1.sealed", msgspec.structs.replace(COMPLAINTS[f"{name}.1.full"], **dict.fromkeys(fields, SEALED))


COMPLAINTS |= dict(
    [
        _sealed("complaint.information_asked", "about"),
        _sealed("complaint.remedy_refused", "reason"),
        _sealed("complaint.recognised", "reason"),
        _sealed("complaint.transferred", "reason"),
        _sealed("complaint.holding_reply_sent", "reason"),
        _sealed("complaint.escalated", "reason"),
    ]
)
