"""What the repair view keeps: of each complaint all its steps with their times, of each customer the days they bought.

Nothing is judged here. Steps are kept in the order of business time, ties in the order of their stream, so what is
recorded late falls into its place and the order of recording cannot matter.
"""

from __future__ import annotations

from bisect import insort
from typing import ClassVar, TypeAlias

import msgspec

from relations.aggregates.complaint import (
    ApologyGiven,
    ComplaintAcknowledged,
    ComplaintClosed,
    ComplaintFiled,
    ComplaintFollowedUp,
    ComplaintReopened,
    ComplaintResolved,
    ComplaintWithdrawn,
    DeadlineMet,
    DeadlineMissed,
    RemedyAccepted,
    RemedyCarriedOut,
    RemedyDeclined,
    RemedyProposed,
)
from relations.aggregates.customer import CustomerRegistered, FeedbackGiven, InteractionRecorded, PurchaseRecorded
from relations.messages import Envelope, Event, Money
from relations.projections.moments import Moments, contact_recorded, feedback_given
from relations.projections.projection import CustomerRow, Projection, Rows
from relations.projections.purchase_days import days_of, month_and_bit

__all__ = ["PROJECTION", "Case", "Outcome", "Patron", "Step"]


class Step(msgspec.Struct, array_like=True, gc=False):
    """One thing that was done about a complaint.

    Attributes:
        at: When, UTC microseconds.
        version: Its event's place in the complaint's stream.
        what: filed, acknowledged, apologised, proposed, accepted, declined, carried_out, resolved, followed_up, closed,
            withdrawn, reopened; resumed where an import recorded work after the end as a reopening.
        due: For filed, reopened and resumed: until when to acknowledge and to resolve, as the event says.
        score: The customer's, for followed_up.
        cost: Of a remedy that was carried out, where it is money.
        points: Of a remedy that was carried out in points.
    """

    at: int
    version: int
    what: str
    due: tuple[int, int] | None = None
    score: int | None = None
    cost: Money | None = None
    points: int | None = None


class Outcome(msgspec.Struct, array_like=True, gc=False):
    """How a clock ended, as recorded.

    Attributes:
        round: Which run of the clocks: 1, and one more for each reopening.
        clock: acknowledge or resolve.
        met: Whether in time.
        at: When that was known, UTC microseconds.
    """

    round: int
    clock: str
    met: bool
    at: int


class Case(CustomerRow, gc=False):
    """A complaint.

    Attributes:
        complaint: Its id.
        subject: What it is about; two failures of the same subject are of the same kind.
        severity: As filed.
        filed_at: When, UTC microseconds.
        last_at: The last step, UTC microseconds.
        pending: Whether anything may fall due: after its last step it is open, or resolved and not followed up.
        steps: In order of time.
        outcomes: In order of round and clock.
    """

    table: ClassVar[str] = "complaint"
    key: ClassVar[tuple[str, ...]] = ("customer", "complaint")
    indexes: ClassVar[tuple[tuple[str, ...], ...]] = (("pending",), ("last_at",))
    complaint: str
    subject: str = ""
    severity: str = ""
    filed_at: int | None = None
    last_at: int = 0
    pending: bool = False
    steps: list[Step] = msgspec.field(default_factory=list)
    outcomes: list[Outcome] = msgspec.field(default_factory=list)


class Patron(CustomerRow, gc=False):
    """A customer, as the evidence of their purchases has it.

    Attributes:
        known_at: When the business began to know them, UTC microseconds.
        complaints: How many they filed.
        days: By local month, a bit for each day with a purchase.
    """

    table: ClassVar[str] = "customer"
    indexes: ClassVar[tuple[tuple[str, ...], ...]] = (("complaints",),)
    known_at: int | None = None
    complaints: int = 0
    days: dict[str, int] = msgspec.field(default_factory=dict)

    def purchase_days(self, until: int) -> list[int]:
        """The ordinals of the local days with a purchase, ascending, up to and including `until`."""
        return days_of(self.days.items(), until)


PROJECTION = Projection(name="repair", version=2, tables=(Case, Patron, Moments))
PROJECTION.on(InteractionRecorded)(contact_recorded)
PROJECTION.on(FeedbackGiven)(feedback_given)


@PROJECTION.on(CustomerRegistered)
def customer_registered(rows: Rows, _event: CustomerRegistered, at: Envelope) -> None:
    """A relation begins."""
    _known(rows.need(Patron, at.customer), at)


@PROJECTION.on(PurchaseRecorded)
def purchase_recorded(rows: Rows, _event: PurchaseRecorded, at: Envelope) -> None:
    """The customer's own evidence, if anything was to be repaired before it. The hottest fold of this view."""
    days = rows.need(Patron, at.customer).days
    month, bit = month_and_bit(rows.local.day(at.occurred_at))
    days[month] = days.get(month, 0) | bit


@PROJECTION.on(ComplaintFiled)
def complaint_filed(rows: Rows, event: ComplaintFiled, at: Envelope) -> None:
    """Something went wrong."""
    patron = rows.need(Patron, at.customer)
    patron.complaints += 1
    _known(patron, at)
    case = rows.need(Case, at.customer, at.id)
    case.subject = event.subject
    case.severity = event.severity
    case.filed_at = at.occurred_at
    _take(case, Step(at.occurred_at, at.version, "filed", (event.acknowledge_by, event.resolve_by)))


@PROJECTION.on(ComplaintReopened)
def complaint_reopened(rows: Rows, event: ComplaintReopened, at: Envelope) -> None:
    """The clocks run anew."""
    what = "resumed" if event.lenient else "reopened"
    due = (event.acknowledge_by, event.resolve_by)
    _take(rows.need(Case, at.customer, at.id), Step(at.occurred_at, at.version, what, due))


@PROJECTION.on(RemedyCarriedOut)
def remedy_carried_out(rows: Rows, event: RemedyCarriedOut, at: Envelope) -> None:
    """It was made good, at a cost."""
    step = Step(at.occurred_at, at.version, "carried_out", cost=event.value, points=event.points)
    _take(rows.need(Case, at.customer, at.id), step)


@PROJECTION.on(ComplaintFollowedUp)
def complaint_followed_up(rows: Rows, event: ComplaintFollowedUp, at: Envelope) -> None:
    """The customer was asked, and may have said how they see it."""
    _take(rows.need(Case, at.customer, at.id), Step(at.occurred_at, at.version, "followed_up", score=event.score))


_PLAIN: dict[type[Event], str] = {
    ComplaintAcknowledged: "acknowledged",
    ApologyGiven: "apologised",
    RemedyProposed: "proposed",
    RemedyAccepted: "accepted",
    RemedyDeclined: "declined",
    ComplaintResolved: "resolved",
    ComplaintClosed: "closed",
    ComplaintWithdrawn: "withdrawn",
}


@PROJECTION.on(*_PLAIN)
def step_taken(rows: Rows, event: Event, at: Envelope) -> None:
    """A step of which nothing but its time is told."""
    _take(rows.need(Case, at.customer, at.id), Step(at.occurred_at, at.version, _PLAIN[type(event)]))


Ended: TypeAlias = DeadlineMet | DeadlineMissed


@PROJECTION.on(DeadlineMet, DeadlineMissed)
def clock_ended(rows: Rows, event: Ended, at: Envelope) -> None:
    """A clock ended, in time or not. What is recorded stays recorded."""
    met = isinstance(event, DeadlineMet)
    outcome = Outcome(event.round, event.clock, met, at.occurred_at)
    insort(rows.need(Case, at.customer, at.id).outcomes, outcome, key=lambda known: (known.round, known.clock))


def _known(patron: Patron, at: Envelope) -> None:
    if patron.known_at is None or at.occurred_at < patron.known_at:
        patron.known_at = at.occurred_at


_PENDING = {
    "filed": True,
    "reopened": True,
    "resumed": True,
    "resolved": True,
    "followed_up": False,
    "withdrawn": False,
}
"""What the last of these steps says of whether anything may fall due; the others leave that as it is."""


def _take(case: Case, step: Step) -> None:
    steps = case.steps
    if not steps or (step.at, step.version) > (steps[-1].at, steps[-1].version):
        steps.append(step)
        case.last_at = step.at
        case.pending = _PENDING.get(step.what, case.pending)
    else:
        insort(steps, step, key=lambda taken: (taken.at, taken.version))
        # Late, so it may change what the last telling step is.
        telling = (_PENDING[taken.what] for taken in reversed(steps) if taken.what in _PENDING)
        case.pending = next(telling, False)
