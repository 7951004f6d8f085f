"""The care that is due and was kept, computed slowly from the list of events alone.

It reads what people did: plans that were begun or ended, contacts, steps left out, consents, merges and erasures. What
time does it works out itself: it ignores every event that says that a step lapsed or that a round was renewed. Plans
may have steps that are counted from the beginning of a round, or from the end of a stay; days are those of UTC.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from relations.aggregates.customer import (
    ConsentGiven,
    ConsentWithdrawn,
    CustomerErased,
    CustomerMerged,
    CustomerUnmerged,
    InteractionRecorded,
    PlanBegun,
    PlanEnded,
    StepSkipped,
)
from relations.messages import from_micros, to_micros
from relations.policies import CarePlan, CareStep, Policy
from relations.policies.care_plans.plan import STAY_END

__all__ = ["SlowCare", "SlowRound", "SlowStep"]

_BY_TIME = {"completed", "no_consent"}
_PEOPLE = (
    ConsentGiven,
    ConsentWithdrawn,
    CustomerErased,
    CustomerMerged,
    CustomerUnmerged,
    InteractionRecorded,
    PlanBegun,
    PlanEnded,
    StepSkipped,
)


@dataclass
class SlowStep:
    """A step of a round: when it is due, when it is over, and its outcome. Times are UTC microseconds."""

    step: CareStep
    due: int
    until: int
    outcome: str = "open"


@dataclass
class SlowRound:
    """A round of a plan of one id. Its end is in UTC microseconds."""

    customer: str
    name: str
    plan: CarePlan
    since: date
    steps: dict[str, SlowStep]
    ends: int
    is_over: bool = False


@dataclass
class SlowCare:
    """The care of all customers.

    Attributes:
        policy: The policy.
        rounds: Every round, in the order in which it began, without those of erased customers.
        outcomes: The number of steps by plan and outcome, erased customers included.
    """

    policy: Policy
    rounds: list[SlowRound] = field(default_factory=list)
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    _into: dict[str, str] = field(default_factory=dict)
    _said: list[tuple[str, int, str, str, bool]] = field(default_factory=list)
    _stays: list[tuple[str, int]] = field(default_factory=list)
    _contacts: list[tuple[str, int]] = field(default_factory=list)

    @classmethod
    def of(cls, recorded: Iterable[Any], policy: Policy, until: datetime) -> SlowCare:
        """Return the care after some events and the time up to a moment.

        Args:
            recorded: The recorded events.
            policy: The policy.
            until: The moment.
        """
        care, now = cls(policy), to_micros(until)
        people = [each for each in recorded if isinstance(each.event, _PEOPLE)]
        for each in sorted(people, key=lambda each: (each.occurred_at, each.position)):
            if getattr(each.event, "reason", None) not in _BY_TIME:
                care._let_pass(each.occurred_at)
                care._take(each.stream.removeprefix("customer-"), each.event, each.occurred_at)
        care._let_pass(now)
        return care

    def due(self, moment: datetime) -> set[tuple[str, str, str]]:
        """Return the steps that are due: customer, round and step."""
        now, found = to_micros(moment), set()
        for known in self.rounds:
            person = self._person(known.customer)
            if known.is_over or not self._counts(known) or self._is_quiet(person, now):
                continue
            for name, step in known.steps.items():
                is_open = step.outcome == "open" and step.due <= now < step.until
                if is_open and self._allows(known.customer, step.step, now + 1):
                    found.add((person, known.name, name))
        return found

    def _take(self, customer: str, event: Any, at: int) -> None:
        if isinstance(event, PlanBegun):
            plan = self.policy.care.plan(event.plan)
            if plan is not None:
                self._begin(customer, event.round, plan, date.fromisoformat(event.since))
        elif isinstance(event, CustomerErased):
            self.rounds = [each for each in self.rounds if each.customer != customer]
        elif isinstance(event, CustomerMerged):
            self._into[customer] = event.into
        elif isinstance(event, CustomerUnmerged):
            del self._into[customer]
        elif isinstance(event, ConsentGiven | ConsentWithdrawn):
            given = isinstance(event, ConsentGiven)
            self._said.append((customer, at, event.channel, event.purpose, given))
        else:
            self._take_step(customer, event, at)

    def _take_step(self, customer: str, event: Any, at: int) -> None:
        mine = [each for each in self.rounds if each.customer == customer]
        if isinstance(event, PlanEnded):
            for each in mine:
                each.is_over = each.is_over or each.name == event.round
            return
        if isinstance(event, StepSkipped):
            wanted, outcome = (event.round, event.step), "skipped"
        else:
            if event.direction == "outbound" and event.channel not in self.policy.care.present_channels:
                self._contacts.append((customer, at))
            if event.kind == STAY_END:
                self._stays.append((customer, at))
                for each in mine:
                    if not each.is_over:
                        self._add_stays(each)
            about = event.regarding
            if about is None or about.kind != "care":
                return
            wanted, outcome = (about.id, about.step), "done"
        for each in mine:
            step = each.steps.get(wanted[1])
            if each.name == wanted[0] and step is not None and at < step.until and step.outcome != "done":
                self._close(each, step, outcome)

    def _let_pass(self, now: int) -> None:
        """Let everything happen that falls due by a time; the end of one round may let another count."""
        changed = True
        while changed:
            changed = False
            for known in list(self.rounds):
                if known.is_over or not self._counts(known):
                    continue
                for step in known.steps.values():
                    if step.outcome == "open" and step.until <= now:
                        allowed = self._allows(known.customer, step.step, step.until)
                        self._close(known, step, "lapsed" if allowed else "skipped")
                if known.ends <= now:
                    known.is_over = changed = True
                    if known.plan.repeats_months is not None:
                        since = _months_later(known.since, known.plan.repeats_months)
                        self._begin(known.customer, _next_name(known.name), known.plan, since)

    def _begin(self, customer: str, name: str, plan: CarePlan, since: date) -> None:
        steps = {}
        for step in plan.steps:
            if step.on == "begin":
                due = since + timedelta(days=step.day)
                steps[step.id] = SlowStep(step, _midnight(due), _midnight(due + timedelta(days=step.days_valid)))
        ends = [step.until for step in steps.values()]
        if plan.repeats_months is not None:
            ends.append(_midnight(_months_later(since, plan.repeats_months)))
        begun = SlowRound(customer, name, plan, since, steps, max(ends))
        self.rounds.append(begun)
        self._add_stays(begun)

    def _add_stays(self, known: SlowRound) -> None:
        """Add the steps that are due in a round after any stay of the customer so far."""
        for step in known.plan.steps:
            if step.on != "stay_end" or known.plan.repeats_months is None:
                continue
            following = _midnight(_months_later(known.since, known.plan.repeats_months))
            for ended in [from_micros(at).date() for name, at in self._stays if name == known.customer]:
                due = ended + timedelta(days=step.day)
                over = _midnight(due + timedelta(days=step.days_valid))
                if due >= known.since and _midnight(due) < following:
                    added = SlowStep(step, _midnight(due), min(over, following))
                    known.steps.setdefault(f"{step.id}-{ended:%Y%m%d}", added)

    def _close(self, known: SlowRound, step: SlowStep, outcome: str) -> None:
        if step.outcome != "open":
            self.outcomes[known.plan.id, step.outcome] -= 1
        self.outcomes[known.plan.id, outcome] += 1
        step.outcome = outcome

    def _counts(self, known: SlowRound) -> bool:
        """Return True unless the person is in the same plan under another id that goes first: their own, or by name."""
        person = self._person(known.customer)
        ids = [
            each.customer
            for each in self.rounds
            if each.plan.id == known.plan.id and not each.is_over and self._person(each.customer) == person
        ]
        return known.customer == min(ids, key=lambda name: (name != person, name))

    def _person(self, customer: str) -> str:
        while customer in self._into:
            customer = self._into[customer]
        return customer

    def _allows(self, customer: str, step: CareStep, before: int) -> bool:
        """Return True if the customer allows a step through one of its channels, by what they said before a time."""
        care = self.policy.care
        for channel in step.ways:
            purpose = care.purpose_at(channel, sells=step.sells)
            said = [
                given
                for name, at, through, what, given in self._said
                if name == customer and at < before and (through, what) == (channel, purpose)
            ]
            if purpose is None or (said[-1] if said else not care.opt_in):
                return True
        return False

    def _is_quiet(self, person: str, now: int) -> bool:
        quiet = self.policy.care.quiet_days * 86_400_000_000
        return any(at <= now < at + quiet for name, at in self._contacts if self._person(name) == person)


def _midnight(day: date) -> int:
    return to_micros(datetime(day.year, day.month, day.day, tzinfo=UTC))


def _months_later(day: date, months: int) -> date:
    first = day.replace(day=1)
    for _ in range(months):
        first = (first + timedelta(days=31)).replace(day=1)
    last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    return first.replace(day=min(day.day, last.day))


def _next_name(name: str) -> str:
    plan, _, number = name.rpartition("-")
    return f"{plan}-{int(number) + 1}"
