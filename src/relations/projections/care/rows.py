"""The rows of care: every round of a customer with the outcome of each step, what may begin a plan, and tallies."""

from __future__ import annotations

from datetime import date
from typing import ClassVar

import msgspec

from relations.aggregates.complaint import ComplaintResolved
from relations.aggregates.customer import (
    CustomerErased,
    CustomerRegistered,
    InteractionRecorded,
    OfferAnswered,
    PlanBegun,
    PlanEnded,
    PlanRenewed,
    ProfileCorrected,
    StepLapsed,
    StepsAdded,
    StepSkipped,
)
from relations.aggregates.loyalty import TierReached
from relations.aggregates.opportunity import ContractEnded, OpportunityWon
from relations.messages import Envelope
from relations.policies.care_plans.plan import STAY_END
from relations.projections.projection import CustomerRow, Projection, Rows, Tally

__all__ = ["OPEN", "PROJECTION", "CareMonth", "CareSignals", "PlanRound", "StepRecord"]

OPEN = "open"


class StepRecord(msgspec.Struct, array_like=True, gc=False):
    """A step of a round, and its outcome.

    Attributes:
        step: Its id within the round.
        what: The kind of contact.
        due_at: The time from which it is due, UTC microseconds; None if it is due on the customer's birthday.
        until: The time at which it lapses.
        outcome: `open`, `done`, `lapsed` or `skipped`.
        at: The time of the outcome; 0 while it is open.
        reason: The reason for which it was skipped.
    """

    step: str
    what: str
    due_at: int | None
    until: int
    outcome: str = OPEN
    at: int = 0
    reason: str | None = None

    @property
    def counts_at(self) -> int:
        """The time in whose month it counts: when it was due, or for a birthday the end of the round."""
        return self.until - 1 if self.due_at is None else self.due_at


class PlanRound(CustomerRow, gc=False):
    """A round of a care plan.

    Attributes:
        stream: The stream that has it.
        round: Its id.
        plan: The plan's id.
        since: The local day from which its days are counted.
        began_at: The time at which it began, UTC microseconds.
        ends_at: The time at which it is to end.
        ended_at: The time at which it ended; None while it is in progress.
        reason: The reason for which the plan ended with it.
        owner: The staff member who is responsible.
        steps: Its steps.
    """

    table: ClassVar[str] = "rounds"
    key: ClassVar[tuple[str, ...]] = ("customer", "stream", "round")
    stream: str
    round: str
    plan: str = ""
    since: str = ""
    began_at: int = 0
    ends_at: int = 0
    ended_at: int | None = None
    reason: str | None = None
    owner: str | None = None
    steps: list[StepRecord] = msgspec.field(default_factory=list)

    def step(self, name: str) -> StepRecord | None:
        """Return the step with an id; None if there is none."""
        return next((each for each in self.steps if each.step == name), None)


class CareSignals(CustomerRow, gc=False):
    """The events of a customer that may begin a plan, beyond those that the retention view has.

    Attributes:
        times: The times of each, UTC microseconds, in order: `complaint_resolved`, `stay_ended`, `tier_reached` with
            the tier, `offer_accepted` with the campaign, and `contract` with the opportunity that it came of.
        birthday_at: The time at which a birthday first became known; None if none is.
        erased: True once the customer was erased: no plan begins any more.
    """

    table: ClassVar[str] = "signals"
    times: dict[str, list[int]] = msgspec.field(default_factory=dict)
    birthday_at: int | None = None
    erased: bool = False

    def absorb(self, other: CareSignals) -> None:
        """Add the events under another id of the customer."""
        self.erased = self.erased or other.erased
        known = [at for at in (self.birthday_at, other.birthday_at) if at is not None]
        self.birthday_at = min(known, default=None)
        for name, times in other.times.items():
            self.times[name] = sorted({*self.times.get(name, ()), *times})


class CareMonth(Tally, gc=False):
    """The outcomes of steps of one plan, kind and owner that were due in a month.

    Attributes:
        month: The month in the policy's zone in which they were due; for birthdays, in which the round ended.
        plan: The plan's id.
        what: The kind of contact.
        owner: The staff member who is responsible for the round; empty without one.
        done: The number that was done.
        lapsed: The number that nobody did in time.
        skipped: The number that was left out.
    """

    table: ClassVar[str] = "care_months"
    key: ClassVar[tuple[str, ...]] = ("month", "plan", "what", "owner")
    month: str
    plan: str
    what: str
    owner: str
    done: int = 0
    lapsed: int = 0
    skipped: int = 0


PROJECTION = Projection(name="care", version=4, tables=(PlanRound, CareSignals, CareMonth))


@PROJECTION.on(PlanBegun, PlanRenewed)
def plan_begun(rows: Rows, event: PlanBegun | PlanRenewed, at: Envelope) -> None:
    """Add a round, and close the one before."""
    if isinstance(event, PlanRenewed):
        rows.need(PlanRound, at.customer, at.stream, event.previous).ended_at = at.occurred_at
    row = rows.need(PlanRound, at.customer, at.stream, event.round)
    row.plan, row.since, row.began_at = event.plan, event.since, at.occurred_at
    row.ends_at, row.owner = event.ends_at, event.owner
    row.steps = [StepRecord(each.step, each.what, each.due_at, each.until) for each in event.steps]


@PROJECTION.on(StepsAdded)
def steps_added(rows: Rows, event: StepsAdded, at: Envelope) -> None:
    """Add the steps after a stay to their round."""
    row = rows.get(PlanRound, at.customer, at.stream, event.round)
    if row is not None:
        row.steps += [StepRecord(each.step, each.what, each.due_at, each.until) for each in event.steps]


@PROJECTION.on(InteractionRecorded)
def step_done(rows: Rows, event: InteractionRecorded, at: Envelope) -> None:
    """Count a step as done by the first contact about it before it lapsed, even if that is recorded later.

    An interaction of the kind that ends a stay is a signal.
    """
    if event.kind == STAY_END:
        _signal(rows, at, "stay_ended")
    about = event.regarding
    if about is None or about.kind != "care" or about.step is None:
        return
    row = rows.get(PlanRound, at.customer, at.stream, about.id)
    step = None if row is None else row.step(about.step)
    if row is not None and step is not None and step.outcome != "done" and at.occurred_at < step.until:
        _close(rows, row, step, "done", at.occurred_at)


@PROJECTION.on(StepLapsed, StepSkipped)
def step_over(rows: Rows, event: StepLapsed | StepSkipped, at: Envelope) -> None:
    """Count a step that lapsed or was skipped."""
    row = rows.get(PlanRound, at.customer, at.stream, event.round)
    step = None if row is None else row.step(event.step)
    if row is not None and step is not None:
        is_skipped = isinstance(event, StepSkipped)
        _close(rows, row, step, "skipped" if is_skipped else "lapsed", at.occurred_at)
        step.reason = event.reason if isinstance(event, StepSkipped) else None


@PROJECTION.on(PlanEnded)
def plan_ended(rows: Rows, event: PlanEnded, at: Envelope) -> None:
    """Close the round."""
    row = rows.get(PlanRound, at.customer, at.stream, event.round)
    if row is not None:
        row.ended_at, row.reason = at.occurred_at, event.reason


@PROJECTION.on(ComplaintResolved)
def complaint_resolved(rows: Rows, _event: ComplaintResolved, at: Envelope) -> None:
    """Keep the time of a resolution."""
    _signal(rows, at, "complaint_resolved")


@PROJECTION.on(TierReached)
def tier_reached(rows: Rows, event: TierReached, at: Envelope) -> None:
    """Keep the time at which a tier was reached."""
    _signal(rows, at, f"tier_reached {event.tier}")


@PROJECTION.on(OfferAnswered)
def offer_accepted(rows: Rows, event: OfferAnswered, at: Envelope) -> None:
    """Keep the time at which an offer of a campaign was accepted."""
    if event.answer == "accepted":
        _signal(rows, at, f"offer_accepted {event.campaign}")


@PROJECTION.on(OpportunityWon)
def contract_starts(rows: Rows, event: OpportunityWon, at: Envelope) -> None:
    """Keep the time at which a contract starts, or at which it was won if that is later."""
    starts = rows.local.start(date.fromisoformat(event.starts))
    _signal(rows, at, _contract(at), max(starts, at.occurred_at))


@PROJECTION.on(ContractEnded)
def contract_ended(rows: Rows, _event: ContractEnded, at: Envelope) -> None:
    """Drop the start of a contract that ended before it."""
    row = rows.get(CareSignals, at.customer)
    if row is not None and row.times.get(_contract(at), [at.occurred_at])[0] > at.occurred_at:
        del row.times[_contract(at)]


@PROJECTION.on(CustomerRegistered, ProfileCorrected)
def birthday_given(rows: Rows, event: CustomerRegistered | ProfileCorrected, at: Envelope) -> None:
    """Keep since when a birthday is known, but not the birthday."""
    if event.birthday is not None:
        row = rows.need(CareSignals, at.customer)
        row.birthday_at = min(row.birthday_at or at.occurred_at, at.occurred_at)


@PROJECTION.on(CustomerErased)
def customer_erased(rows: Rows, _event: CustomerErased, at: Envelope) -> None:
    """Drop all rounds and signals of the customer."""
    for key in [key for key in rows.tables[PlanRound] if key[0] == at.customer]:
        rows.drop(PlanRound, *key)
    row = rows.need(CareSignals, at.customer)
    row.times, row.birthday_at, row.erased = {}, None, True


def _contract(at: Envelope) -> str:
    return f"contract {at.stream.removeprefix('opportunity-')}"


def _signal(rows: Rows, at: Envelope, name: str, moment: int | None = None) -> None:
    row = rows.need(CareSignals, at.customer)
    if at.customer and not row.erased:
        row.times[name] = sorted({*row.times.get(name, ()), at.occurred_at if moment is None else moment})


def _close(rows: Rows, row: PlanRound, step: StepRecord, outcome: str, at: int) -> None:
    tally = rows.need(CareMonth, rows.local.month(step.counts_at), row.plan, step.what, row.owner or "")
    if step.outcome != OPEN:
        setattr(tally, step.outcome, getattr(tally, step.outcome) - 1)
    setattr(tally, outcome, getattr(tally, outcome) + 1)
    step.outcome, step.at, step.reason = outcome, at, None
