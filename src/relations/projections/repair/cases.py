"""The rows of the repair view: the steps of each complaint with their times, and the days on which customers bought.

Rows hold facts only. Steps are in order of business time, and at the same time in the order of their stream. So late
records take their place, and the order of recording does not matter. Clocks follow the order of the stream, as each
deadline was computed from what had been recorded before it.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator
from typing import Any, ClassVar

import msgspec

from relations.aggregates.complaint import (
    ApologyGiven,
    ClockCancelled,
    ClockPaused,
    ClockResumed,
    ClockStarted,
    ComplaintAcknowledged,
    ComplaintAssessed,
    ComplaintAssigned,
    ComplaintClosed,
    ComplaintEscalated,
    ComplaintFiled,
    ComplaintFollowedUp,
    ComplaintInvestigated,
    ComplaintMerged,
    ComplaintRecognised,
    ComplaintReopened,
    ComplaintResolved,
    ComplaintTransferred,
    ComplaintWithdrawn,
    DeadlineMet,
    DeadlineMissed,
    DeadlineMoved,
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
    RemedyAccepted,
    RemedyApproved,
    RemedyCarriedOut,
    RemedyDeclined,
    RemedyProposed,
    RemedyRefused,
    RootCauseNamed,
)
from relations.aggregates.customer import (
    CustomerRegistered,
    FeedbackCorrected,
    FeedbackGiven,
    InteractionRecorded,
    PurchaseRecorded,
)
from relations.messages import Envelope, Event, Money
from relations.projections.projection import CustomerRow, Projection, Rows
from relations.projections.purchase_days import days_of, month_and_bit
from relations.projections.repair.moments import Moments, contact_recorded, feedback_corrected, feedback_given

__all__ = ["PROJECTION", "STEP_OF", "Case", "CaseStep", "Lesson", "Patron", "Tick", "deadlines_of", "times_of"]


class CaseStep(msgspec.Struct, array_like=True, gc=False):
    """One step of a complaint.

    Attributes:
        at: Its time, UTC microseconds.
        version: Its event's version in the complaint's stream.
        what: The step: filed, acknowledged, apologised, asked, received, held, awaiting, proposed, approved, refused,
            accepted, declined, carried_out, resolved, followed_up, closed, withdrawn, merged, reopened. Or else:
            assessed, categorised, assigned, transferred, investigated, escalated, cause_named, recognised;
            message_received, message_sent, promise_kept, promise_broken. Or resumed, if an import recorded work after
            the end as a reopening.
        due: The deadlines to acknowledge and to resolve, for filed, reopened and resumed.
        detail: The severity of assessed, the category of categorised, the cause of cause_named, the
            promise of promise_kept and promise_broken.
        score: The customer's score, for followed_up.
        cost: The cost of a remedy that was carried out, or of a reward, if it is money.
        points: The points of a remedy that was carried out, or of a reward.
    """

    at: int
    version: int
    what: str
    due: tuple[int, int] | None = None
    detail: str | None = None
    score: int | None = None
    cost: Money | None = None
    points: int | None = None


class Tick(msgspec.Struct, array_like=True, gc=False):
    """One event of a clock.

    Attributes:
        version: Its event's version in the complaint's stream, which is the order that counts for clocks.
        at: Its time, UTC microseconds.
        round: The round: 1, and one more for each reopening.
        clock: acknowledge, next_response, resolve or follow_up.
        number: The number of the clock's run in the round.
        what: The event: started, moved, paused, resumed, met, missed or cancelled.
        due_at: The deadline, if the event has one, UTC microseconds.
    """

    version: int
    at: int
    round: int
    clock: str
    number: int
    what: str
    due_at: int | None = None


class Lesson(msgspec.Struct, array_like=True, gc=False):
    """A step of an improvement that came from a complaint.

    Attributes:
        at: Its time, UTC microseconds.
        version: Its event's version in the complaint's stream.
        what: The step: raised, done, proved or not_proved.
        improvement: The improvement's id within the complaint.
        title: The title as raised.
        cause: The cause as raised.
        owner: The owner as raised.
        counts: The measurement: complaints before, days before, complaints after, days after.
    """

    at: int
    version: int
    what: str
    improvement: str
    title: str | None = None
    cause: str | None = None
    owner: str | None = None
    counts: tuple[int, int, int, int] | None = None


class Case(CustomerRow, gc=False):
    """A complaint, or a case that is not one. Only complaints count for the relation.

    Attributes:
        complaint: The complaint's id.
        subject: The subject; failures with the same subject are of the same kind.
        severity: The severity as filed; later assessments are steps.
        touchpoint: The touchpoint at which it happened, if known.
        filed_at: The time of filing, UTC microseconds.
        last_at: The time of the last step, UTC microseconds.
        pending: True if anything may fall due: it is open, or resolved and not followed up.
        steps: The steps, in order of time.
        ticks: The clock events, in the stream's order.
        lessons: The steps of improvements, in order of time.
        kind: complaint, enquiry, request or suggestion.
    """

    table: ClassVar[str] = "complaint"
    key: ClassVar[tuple[str, ...]] = ("customer", "complaint")
    indexes: ClassVar[tuple[tuple[str, ...], ...]] = (("pending",), ("last_at",))
    complaint: str
    subject: str = ""
    severity: str = ""
    touchpoint: str | None = None
    filed_at: int | None = None
    last_at: int = 0
    pending: bool = False
    steps: list[CaseStep] = msgspec.field(default_factory=list)
    ticks: list[Tick] = msgspec.field(default_factory=list)
    lessons: list[Lesson] = msgspec.field(default_factory=list)
    kind: str = "complaint"


def times_of(case: Case) -> Iterator[int]:
    """Yield every time from which a step, an event of a clock or a step of an improvement counts."""
    if case.filed_at is not None:
        yield case.filed_at
    yield from (each.at for each in case.steps)
    yield from (each.at for each in case.ticks)
    yield from (each.at for each in case.lessons)


def deadlines_of(case: Case) -> Iterator[int]:
    """Yield every deadline that the case ever had."""
    for step in case.steps:
        if step.due is not None:
            yield from step.due
    yield from (tick.due_at for tick in case.ticks if tick.due_at is not None)


class Patron(CustomerRow, gc=False):
    """A customer with the days of their purchases.

    Attributes:
        known_at: The time since when they are known, UTC microseconds.
        complaints: The number of complaints they filed.
        days: By local month, a bit for each day with a purchase.
    """

    table: ClassVar[str] = "customer"
    indexes: ClassVar[tuple[tuple[str, ...], ...]] = (("complaints",),)
    known_at: int | None = None
    complaints: int = 0
    days: dict[str, int] = msgspec.field(default_factory=dict)

    def absorb(self, other: Patron) -> None:
        """Add the complaints and purchase days of another id; the earlier time of becoming known counts."""
        known = [at for at in (self.known_at, other.known_at) if at is not None]
        self.known_at = min(known, default=None)
        self.complaints += other.complaints
        for month, days in other.days.items():
            self.days[month] = self.days.get(month, 0) | days

    def purchase_days(self, until: int) -> list[int]:
        """Return the ordinals of the local days with a purchase, ascending, up to and including `until`."""
        return days_of(self.days.items(), until)


PROJECTION = Projection(name="repair", version=7, tables=(Case, Patron, Moments))
PROJECTION.on(InteractionRecorded)(contact_recorded)
PROJECTION.on(FeedbackGiven)(feedback_given)
PROJECTION.on(FeedbackCorrected)(feedback_corrected)


@PROJECTION.on(CustomerRegistered)
def customer_registered(rows: Rows, event: CustomerRegistered, at: Envelope) -> None:
    """Keep the time since when the customer is known. An author of posts is not known as a customer yet."""
    if event.kind == "person":
        _known(rows.need(Patron, at.customer), at)


@PROJECTION.on(PurchaseRecorded)
def purchase_recorded(rows: Rows, _event: PurchaseRecorded, at: Envelope) -> None:
    """Keep the day of a purchase. This fold runs most often."""
    days: dict[str, int] = rows.tables[Patron][at.customer,].days
    month, bit = month_and_bit(rows.local.day(at.occurred_at))
    days[month] = days.get(month, 0) | bit


@PROJECTION.on(ComplaintFiled)
def complaint_filed(rows: Rows, event: ComplaintFiled, at: Envelope) -> None:
    """Add a complaint."""
    patron = rows.need(Patron, at.customer)
    patron.complaints += event.kind == "complaint"
    _known(patron, at)
    case = rows.need(Case, at.customer, at.id)
    case.subject = event.subject
    case.kind = event.kind
    case.severity = event.severity
    case.touchpoint = event.touchpoint
    case.filed_at = at.occurred_at
    _take(case, CaseStep(at.occurred_at, at.version, "filed", (event.acknowledge_by, event.resolve_by)))


@PROJECTION.on(ComplaintReopened)
def complaint_reopened(rows: Rows, event: ComplaintReopened, at: Envelope) -> None:
    """Add a reopening."""
    what = "resumed" if event.lenient else "reopened"
    due = (event.acknowledge_by, event.resolve_by)
    _take(rows.need(Case, at.customer, at.id), CaseStep(at.occurred_at, at.version, what, due))


@PROJECTION.on(ComplaintAssessed)
def complaint_assessed(rows: Rows, event: ComplaintAssessed, at: Envelope) -> None:
    """Add an assessment."""
    case = rows.need(Case, at.customer, at.id)
    _take(case, CaseStep(at.occurred_at, at.version, "assessed", detail=event.severity))
    if event.category is not None:
        _take(case, CaseStep(at.occurred_at, at.version, "categorised", detail=event.category))


@PROJECTION.on(RootCauseNamed)
def root_cause_named(rows: Rows, event: RootCauseNamed, at: Envelope) -> None:
    """Add a root cause."""
    _take(rows.need(Case, at.customer, at.id), CaseStep(at.occurred_at, at.version, "cause_named", detail=event.cause))


@PROJECTION.on(RemedyProposed)
def remedy_proposed(rows: Rows, event: RemedyProposed, at: Envelope) -> None:
    """Add an offer, or one that awaits approval."""
    what = "awaiting" if event.needs_approval else "proposed"
    _take(rows.need(Case, at.customer, at.id), CaseStep(at.occurred_at, at.version, what))


@PROJECTION.on(RemedyCarriedOut)
def remedy_carried_out(rows: Rows, event: RemedyCarriedOut, at: Envelope) -> None:
    """Add a remedy that was carried out, with its cost."""
    step = CaseStep(at.occurred_at, at.version, "carried_out", cost=event.value, points=event.points)
    _take(rows.need(Case, at.customer, at.id), step)


@PROJECTION.on(ComplaintRecognised)
def complaint_recognised(rows: Rows, event: ComplaintRecognised, at: Envelope) -> None:
    """Add a reward for a useful complaint."""
    step = CaseStep(at.occurred_at, at.version, "recognised", cost=event.value, points=event.points)
    _take(rows.need(Case, at.customer, at.id), step)


@PROJECTION.on(ComplaintFollowedUp)
def complaint_followed_up(rows: Rows, event: ComplaintFollowedUp, at: Envelope) -> None:
    """Add a follow-up with its score, if there is one."""
    _take(rows.need(Case, at.customer, at.id), CaseStep(at.occurred_at, at.version, "followed_up", score=event.score))


@PROJECTION.on(PromiseJudged)
def promise_judged(rows: Rows, event: PromiseJudged, at: Envelope) -> None:
    """Add another system's judgement of a promise."""
    what = "promise_kept" if event.kept else "promise_broken"
    _take(rows.need(Case, at.customer, at.id), CaseStep(at.occurred_at, at.version, what, detail=event.promise))


_PLAIN: dict[type[Event], str] = {
    ComplaintAcknowledged: "acknowledged",
    ComplaintAssigned: "assigned",
    ComplaintTransferred: "transferred",
    ComplaintInvestigated: "investigated",
    ComplaintEscalated: "escalated",
    InformationAsked: "asked",
    InformationReceived: "received",
    MessageReceived: "message_received",
    MessageSent: "message_sent",
    HoldingReplySent: "held",
    ApologyGiven: "apologised",
    RemedyApproved: "approved",
    RemedyRefused: "refused",
    RemedyAccepted: "accepted",
    RemedyDeclined: "declined",
    ComplaintResolved: "resolved",
    ComplaintClosed: "closed",
    ComplaintWithdrawn: "withdrawn",
    ComplaintMerged: "merged",
}
"""The steps of which only the time is kept."""

STEP_OF: dict[type[Event], str] = {
    **_PLAIN,
    ComplaintAssessed: "assessed",
    RootCauseNamed: "cause_named",
    RemedyProposed: "proposed",
    RemedyCarriedOut: "carried_out",
    ComplaintRecognised: "recognised",
    ComplaintFollowedUp: "followed_up",
    ComplaintReopened: "reopened",
}
"""The step that each event makes."""


@PROJECTION.on(*_PLAIN)
def step_taken(rows: Rows, event: Event, at: Envelope) -> None:
    """Add a step of which only the time is kept."""
    _take(rows.need(Case, at.customer, at.id), CaseStep(at.occurred_at, at.version, _PLAIN[type(event)]))


# --- clocks ---------------------------------------------------------------------------------------------------------

_TICKS: dict[type[Event], str] = {
    ClockStarted: "started",
    DeadlineMoved: "moved",
    ClockPaused: "paused",
    ClockResumed: "resumed",
    DeadlineMet: "met",
    DeadlineMissed: "missed",
    ClockCancelled: "cancelled",
}


@PROJECTION.on(ClockStarted, DeadlineMoved, ClockResumed, DeadlineMet, DeadlineMissed)
def clock_set(rows: Rows, event: Any, at: Envelope) -> None:
    """Add an event of a clock that has a deadline."""
    tick = Tick(at.version, at.occurred_at, event.round, event.clock, event.number, _TICKS[type(event)], event.due_at)
    _tick(rows.need(Case, at.customer, at.id), tick)


@PROJECTION.on(ClockPaused, ClockCancelled)
def clock_stopped(rows: Rows, event: ClockPaused | ClockCancelled, at: Envelope) -> None:
    """Add an event of a clock without a deadline."""
    tick = Tick(at.version, at.occurred_at, event.round, event.clock, event.number, _TICKS[type(event)])
    _tick(rows.need(Case, at.customer, at.id), tick)


def _tick(case: Case, tick: Tick) -> None:
    ticks = case.ticks
    if not ticks or tick.version > ticks[-1].version:
        ticks.append(tick)
    else:
        insort(ticks, tick, key=lambda known: known.version)


# --- improvements ---------------------------------------------------------------------------------------------------


@PROJECTION.on(ImprovementRaised)
def improvement_raised(rows: Rows, event: ImprovementRaised, at: Envelope) -> None:
    """Add a proposed improvement."""
    lesson = Lesson(at.occurred_at, at.version, "raised", event.improvement, event.title, event.cause, event.owner)
    _learn(rows, lesson, at)


@PROJECTION.on(ImprovementDone)
def improvement_done(rows: Rows, event: ImprovementDone, at: Envelope) -> None:
    """Add the completion of an improvement."""
    _learn(rows, Lesson(at.occurred_at, at.version, "done", event.improvement), at)


@PROJECTION.on(ImprovementProved, ImprovementNotProved)
def improvement_measured(rows: Rows, event: ImprovementProved | ImprovementNotProved, at: Envelope) -> None:
    """Add a measurement of an improvement."""
    what = "proved" if isinstance(event, ImprovementProved) else "not_proved"
    counts = (event.before, event.before_days, event.after, event.after_days)
    _learn(rows, Lesson(at.occurred_at, at.version, what, event.improvement, counts=counts), at)


def _learn(rows: Rows, lesson: Lesson, at: Envelope) -> None:
    lessons = rows.need(Case, at.customer, at.id).lessons
    insort(lessons, lesson, key=lambda known: (known.at, known.version))


# --- customers and steps --------------------------------------------------------------------------------------------


def _known(patron: Patron, at: Envelope) -> None:
    if patron.known_at is None or at.occurred_at < patron.known_at:
        patron.known_at = at.occurred_at


_PENDING = {
    "filed": True,
    "reopened": True,
    "resumed": True,
    "resolved": True,
    "message_received": True,
    "received": True,
    "declined": True,
    "followed_up": False,
    "withdrawn": False,
    "merged": False,
}
"""The steps after which something may fall due (True) or not (False). Other steps leave that unchanged."""


def _take(case: Case, step: CaseStep) -> None:
    steps = case.steps
    if not steps or (step.at, step.version) > (steps[-1].at, steps[-1].version):
        steps.append(step)
        case.last_at = step.at
        case.pending = _PENDING.get(step.what, case.pending)
    else:
        insort(steps, step, key=lambda taken: (taken.at, taken.version))
        # A step recorded late may change which step is the last.
        latest = (_PENDING[taken.what] for taken in reversed(steps) if taken.what in _PENDING)
        case.pending = next(latest, False)
