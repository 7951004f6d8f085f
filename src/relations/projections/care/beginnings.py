"""The beginnings of care plans: which trigger of which customer begins which plan.

A trigger is a day: the day of a registration, of a purchase, of the entry into a stage. The plan begins with the first
moment of the next local day, by the policy in force then. The customer must meet its conditions on the evening of the
trigger's day. So it makes no difference when time is advanced.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import TypeAlias

from pydantic import AwareDatetime

from relations.aggregates.customer import BeginPlan
from relations.json_form import ViewAnswer
from relations.messages import from_micros
from relations.months import last_day, months_after
from relations.policies import CarePlan, Lifecycle, Policy
from relations.policies.calendars import LocalTime
from relations.policies.care_plans.plan import Trigger
from relations.policies.facts import Fact
from relations.policies.in_force import Span
from relations.projections.care.rows import CareSignals, PlanRound
from relations.projections.retention.columns.joined import JOINED_FACTS, NOTHING_JOINED, Joined
from relations.projections.retention.patronage import Patronage
from relations.projections.retention.segments import customer_facts, needed_facts
from relations.projections.retention.stages import Life, stage_of
from relations.projections.retention.value_grades import customer_grade

__all__ = ["PlanBeginning", "ReadJoined", "beginning_commands", "beginnings_of", "is_meant"]

ReadJoined: TypeAlias = Callable[[Iterable[Fact], Sequence[str], int], Joined]


class PlanBeginning(ViewAnswer):
    """A care plan that a trigger begins.

    Attributes:
        customer: The surviving id.
        plan: The plan's id.
        on: The day of the trigger, from which its days are counted.
        begins_at: The first moment of the next day.
        because: The trigger.
    """

    customer: str
    plan: str
    on: date
    begins_at: AwareDatetime
    because: Trigger


def beginning_commands(beginnings: Iterable[PlanBeginning]) -> Iterator[BeginPlan]:
    """Return the commands that begin these plans. The same beginning has the same command id."""
    for each in beginnings:
        yield BeginPlan(
            customer=each.customer,
            plan=each.plan,
            on=each.on,
            because=each.because,
            occurred_at=each.begins_at,
            command_id=f"due:begin:{each.customer}:{each.plan}:{each.on}",
            actor="agenda",
        )


def beginnings_of(
    row: Patronage,
    signals: CareSignals | None,
    rounds: Sequence[PlanRound],
    spans: Sequence[Span],
    *,
    last: int,
    local: LocalTime,
    joined: ReadJoined,
) -> list[PlanBeginning]:
    """Return the plans that begin for one customer, of each the first that has not begun yet.

    Args:
        row: The customer, as the retention view knows them.
        signals: Their other triggers.
        rounds: All rounds of plans so far.
        spans: The policies, and when each is in force.
        last: The ordinal of the last day that is over.
        local: The business's days.
        joined: Reads facts of the customer from other views, on the evening of a day.
    """
    if signals is not None and signals.erased:
        return []
    found: dict[str, PlanBeginning] = {}
    for span in spans:
        for plan in span.policy.care.plans:
            if plan.begins == "by_hand" or plan.id in found:
                continue
            for day in sorted(_trigger_days(plan, row, signals, span.policy, last, local)):
                at = local.start(date.fromordinal(day + 1))
                if day > last or not _is_in(span, at) or any(_overlaps(each, plan, at) for each in rounds):
                    continue
                if is_meant(plan, row, span.policy, day, local, joined):
                    found[plan.id] = PlanBeginning(
                        customer=row.customer,
                        plan=plan.id,
                        on=date.fromordinal(day),
                        begins_at=from_micros(at),
                        because=plan.begins,
                    )
                    break
    return list(found.values())


def _is_in(span: Span, at: int) -> bool:
    return (span.since is None or span.since <= at) and (span.until is None or at < span.until)


def _overlaps(known: PlanRound, plan: CarePlan, at: int) -> bool:
    return known.plan == plan.id and (known.ended_at is None or known.ended_at > at)


def is_meant(plan: CarePlan, row: Patronage, policy: Policy, day: int, local: LocalTime, joined: ReadJoined) -> bool:
    """Return True if the customer meets the plan's conditions on the evening of a day."""
    asked = needed_facts(plan.meant_for, policy.lifecycle.ladder)
    if not asked:
        return True
    known = joined(asked, [row.customer], day) if asked & set(JOINED_FACTS) else NOTHING_JOINED
    facts = customer_facts(row, policy, asked, today=day, local=local, rfm={}, joined=known)
    return all(condition.holds(facts.get(condition.fact)) for condition in plan.meant_for)


def _trigger_days(
    plan: CarePlan, row: Patronage, signals: CareSignals | None, policy: Policy, last: int, local: LocalTime
) -> Iterable[int]:
    """Return the ordinals of the days on which the customer triggers a plan."""
    days = _days_of(plan, row, signals, policy, last, local)
    if all(step.on != "birthday" for step in plan.steps):
        return days
    known_at = None if signals is None else signals.birthday_at
    return [] if known_at is None else [max(day, local.day(known_at)) for day in days]


def _days_of(
    plan: CarePlan, row: Patronage, signals: CareSignals | None, policy: Policy, last: int, local: LocalTime
) -> Iterable[int]:
    times: Mapping[str, list[int]] = {} if signals is None else signals.times
    match plan.begins:
        case "registered":
            known = row.first_day(last, local)
            return [] if known is None else [known]
        case "first_purchase":
            return row.purchase_days(last)[:1]
        case "purchase":
            return row.purchase_days(last)
        case "stage":
            life = Life(row.purchase_days(last), row.turns(last, local))
            return _entries(life, policy.lifecycle, set(plan.of), last)
        case "value_grade":
            return _graded(row, policy, set(plan.of), last)
        case "complaint_resolved" | "stay_ended":
            return map(local.day, times.get(plan.begins, ()))
        case "tier_reached" | "offer_accepted" | "contract":
            prefix = f"{plan.begins} "
            names = [f"{prefix}{each}" for each in plan.of] or [each for each in times if each.startswith(prefix)]
            return [local.day(at) for name in names for at in times.get(name, ())]
        case "by_hand":
            return []


def _entries(life: Life, rules: Lifecycle, stages: set[str], last: int) -> list[int]:
    """Return the days on which a customer enters one of some stages.

    A stage changes with a sign of life, or when a limit counted from one is passed.
    """
    signs = sorted({*life.days, *(turn.day for turn in life.turns)})
    candidates: set[int] = set()
    for sign in signs:
        count = sum(day <= sign for day in life.days)
        span = sign - life.days[0] if life.days else 0
        limits = rules.limits(max(count, 1), max(span, 0))
        candidates |= {sign, *(sign + limit + 1 for limit in limits)}
        candidates |= {sign + rules.won_back_days + 1, sign + rules.new_days + 1}
    return [
        day
        for day in sorted(each for each in candidates if each <= last)
        if _stage(life, day, rules) in stages and _stage(life, day - 1, rules) not in stages
    ]


def _stage(life: Life, day: int, rules: Lifecycle) -> str:
    known = Life([each for each in life.days if each <= day], [turn for turn in life.turns if turn.day <= day])
    return stage_of(known, day, rules)[0]


def _graded(row: Patronage, policy: Policy, grades: set[str], last: int) -> list[int]:
    """Return the last days of the months at whose end a customer gets one of some grades of value."""
    rules = policy.lifecycle.grades
    active = {month for month, _, _ in row.entries()}
    found = []
    for month in sorted({*active, *(months_after(each, rules.months) for each in active)}):
        now, before = (_grade(row, policy, each) for each in (month, months_after(month, -1)))
        if last_day(month) <= last and now in grades and before not in grades:
            found.append(last_day(month))
    return found


def _grade(row: Patronage, policy: Policy, month: str) -> str | None:
    found = customer_grade(row, policy.lifecycle.grades, currency=policy.currency, month=month)
    return None if found is None else found.grade
