"""Which of the policy's segments customers belong to: named predicates over what the retention view knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict

from relations.policies import Policy
from relations.policies.calendars import LocalTime
from relations.policies.value import Fact, Segment, SegmentKind
from relations.projections.grading import customer_grade
from relations.projections.loyalty_kinds import customer_kind
from relations.projections.patronage import Patronage
from relations.projections.purchase_days import month_of
from relations.projections.stages import stage_of

__all__ = ["Facts", "SegmentFigure", "customer_facts", "customer_segments", "segment_figures"]

Facts = Mapping[Fact, "float | frozenset[str] | None"]


class SegmentFigure(BaseModel):
    """One segment of the policy.

    Attributes:
        name: Its name.
        kind: What sort of segment.
        size: How many customers belong to it; they may belong to others too.
        share: Of all customers known, from 0 to 1; None where there are none.
        net_amount: What they bought less what they gave back, in minor units of the policy's currency.
        customers: Who they are, as many as were asked for.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    kind: SegmentKind
    size: int
    share: float | None
    net_amount: int
    customers: tuple[str, ...]


def customer_facts(row: Patronage, policy: Policy, *, today: int, local: LocalTime) -> Facts:
    """What conditions can ask of one customer on the evening of a day."""
    days = row.purchase_days(today)
    month = month_of(today)
    did = [activity for name, _, activity in row.entries() if name <= month]
    purchases = sum(each.purchases for each in did)
    known = None if row.registered_at is None else today - local.day(row.registered_at)
    grade = customer_grade(row, policy.lifecycle.grades, currency=policy.currency, month=month)
    kind = customer_kind(row, policy.lifecycle.loyalty, satisfied_from=policy.surveys.csat_satisfied_from, month=month)
    return {
        "purchases": purchases,
        "purchase_days": len(days),
        "net_amount": row.net_amount(policy.currency, month),
        "discount_share": sum(each.discounted for each in did) / purchases if purchases else None,
        "known_days": known if not days else max(today - days[0], known or 0),
        "silent_days": today - days[-1] if days else None,
        "mean_gap_days": (days[-1] - days[0]) / (len(days) - 1) if len(days) > 1 else None,
        "stage": frozenset((stage_of(days, today, policy.lifecycle),)),
        "grade": frozenset() if grade is None else frozenset((grade.grade,)),
        "kind": frozenset() if kind is None else frozenset((kind.kind,)),
        "language": _word(row, "language"),
        "region": _word(row, "region"),
        "channel": _word(row, "channel"),
        "need": row.traits_of("need"),
        "preference": row.traits_of("preference"),
        "habit": row.traits_of("habit"),
    }


def _word(row: Patronage, name: str) -> frozenset[str]:
    known = row.profile.get(name)
    return frozenset() if known is None else frozenset((known.value,))


def customer_segments(facts: Facts, segments: Sequence[Segment]) -> tuple[str, ...]:
    """The names of the segments whose conditions are all met, in the policy's order."""
    return tuple(
        segment.name
        for segment in segments
        if all(condition.holds(facts.get(condition.fact)) for condition in segment.conditions)
    )


def segment_figures(
    rows: Sequence[Patronage], policy: Policy, *, today: int, local: LocalTime, listed: slice
) -> list[SegmentFigure]:
    """Every segment of the policy, in its order."""
    members: dict[str, list[Patronage]] = {segment.name: [] for segment in policy.lifecycle.segments}
    for row in rows:
        facts = customer_facts(row, policy, today=today, local=local)
        for name in customer_segments(facts, policy.lifecycle.segments):
            members[name].append(row)
    month = month_of(today)
    return [
        SegmentFigure(
            name=segment.name,
            kind=segment.kind,
            size=len(members[segment.name]),
            share=len(members[segment.name]) / len(rows) if rows else None,
            net_amount=sum(row.net_amount(policy.currency, month) for row in members[segment.name]),
            customers=tuple([row.customer for row in members[segment.name]][listed]),
        )
        for segment in policy.lifecycle.segments
    ]
