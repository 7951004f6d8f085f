"""The answers of the view of care."""

from __future__ import annotations

from datetime import date

from pydantic import AwareDatetime

from relations.json_form import ViewAnswer

__all__ = ["CustomerPlan", "DueContact", "FinishedStep", "KeptFigure", "KeptMonth", "OwnerKept", "PlanStep"]


class DueContact(ViewAnswer):
    """A contact that is due now, with everything that the person who makes it needs.

    Attributes:
        customer: The surviving id.
        name: The customer's name.
        language: The language in which to address them.
        plan: The plan's id.
        round: The id of the round.
        step: The id of the step. Name round and step in `regarding` when you record the contact.
        what: The kind of contact.
        due_at: The time from which it is due.
        until: The time at which it lapses.
        channel: The channel to use: the customer's preferred one if it suits, or else the first that they allow.
        address: The e-mail address or telephone number of that channel; None for a channel without one.
        text: What to say or write, if the plan has words for it.
        taboos: The taboos to mind.
        minutes: How long it should take.
        sells: True if it tries to sell something.
        role: The role that should do it.
        owner: The staff member who is responsible.
    """

    customer: str
    name: str | None
    language: str | None
    plan: str
    round: str
    step: str
    what: str
    due_at: AwareDatetime
    until: AwareDatetime
    channel: str
    address: str | None
    text: str | None
    taboos: tuple[str, ...]
    minutes: int | None
    sells: bool
    role: str | None
    owner: str | None


class KeptFigure(ViewAnswer):
    """The steps of one plan that were done, lapsed or skipped.

    Attributes:
        plan: The plan's id; empty for all plans together.
        what: The kind of contact; empty for all kinds together.
        done: The number that was done in time.
        lapsed: The number that nobody did in time.
        skipped: The number that was left out.
        kept: `done` / (`done` + `lapsed`); None if there are neither.
    """

    plan: str
    what: str
    done: int
    lapsed: int
    skipped: int
    kept: float | None


class FinishedStep(ViewAnswer):
    """A step of a customer's round that is over, as the figures of kept care count it.

    Attributes:
        customer: The surviving id.
        plan: The plan's id.
        round: The id of the round.
        step: The id of the step.
        what: The kind of contact.
        month: The month in which it counts.
        outcome: `done`, `lapsed` or `skipped`.
        at: The time of the outcome.
        owner: The staff member who is responsible for the round.
    """

    customer: str
    plan: str
    round: str
    step: str
    what: str
    month: str
    outcome: str
    at: AwareDatetime
    owner: str | None


class OwnerKept(ViewAnswer):
    """The steps of the rounds for which one staff member is responsible.

    Attributes:
        owner: The staff member; None for rounds without one.
        done: The number that was done.
        lapsed: The number that nobody did in time.
        skipped: The number that was left out.
        kept: The share of the due steps that were done; None if none was due.
    """

    owner: str | None
    done: int
    lapsed: int
    skipped: int
    kept: float | None


class KeptMonth(ViewAnswer):
    """The steps that were due in one month, of all plans or of one.

    Attributes:
        month: The month, such as `2024-05`.
        done: The number that was done in time.
        lapsed: The number that nobody did in time.
        skipped: The number that was left out.
        kept: `done` / (`done` + `lapsed`); None if there are neither.
    """

    month: str
    done: int
    lapsed: int
    skipped: int
    kept: float | None


class PlanStep(ViewAnswer):
    """A step of a round.

    Attributes:
        step: Its id.
        what: The kind of contact.
        due_at: The time from which it is due; None if it is due on a birthday that is not known or over.
        until: The time at which it lapses.
        outcome: `open`, `done`, `lapsed` or `skipped`.
        at: The time of the outcome; None while it is open.
        reason: The reason for which it was skipped.
    """

    step: str
    what: str
    due_at: AwareDatetime | None
    until: AwareDatetime
    outcome: str
    at: AwareDatetime | None
    reason: str | None


class CustomerPlan(ViewAnswer):
    """A round of a care plan of one customer.

    Attributes:
        plan: The plan's id.
        round: The id of the round.
        since: The day from which its days are counted.
        began_at: The time at which it began.
        ends_at: The time at which it is to end.
        ended_at: The time at which it ended; None while it is in progress.
        reason: The reason for which the plan ended with it.
        owner: The staff member who is responsible.
        steps: Its steps.
    """

    plan: str
    round: str
    since: date
    began_at: AwareDatetime
    ends_at: AwareDatetime
    ended_at: AwareDatetime | None
    reason: str | None
    owner: str | None
    steps: tuple[PlanStep, ...]

    @property
    def next_step(self) -> PlanStep | None:
        """The open step that is due first; None if there is none, or if the round has ended."""
        open_steps = [step for step in self.steps if step.outcome == "open" and step.due_at is not None]
        first = min(open_steps, key=lambda step: (step.due_at or step.until, step.step), default=None)
        return first if self.ended_at is None else None
