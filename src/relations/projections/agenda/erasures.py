"""Erasures that the policy requires, after a period without any event of the customer."""

from __future__ import annotations

from collections.abc import Mapping

from relations.messages import from_micros
from relations.policies import Policy
from relations.policies.calendars import local_time
from relations.policies.loyalty.windows import end_of_term
from relations.projections.agenda.items import AUTOMATIC, AgendaItem

__all__ = ["due_erasures"]


def due_erasures(
    last_events: Mapping[str, tuple[int, bool]], survivors: Mapping[str, str], policy: Policy
) -> list[AgendaItem]:
    """Return the erasures of all customers who have personal words, soonest first.

    Args:
        last_events: The time of each customer's last event, UTC microseconds, and whether they have a key.
        survivors: Of each merged id, the id that views answer for. The latest event under any id counts.
        policy: The policy, with the period.
    """
    months = policy.personal_data.erase_after_months
    if months is None:
        return []
    latest: dict[str, int] = {}
    readable: set[str] = set()
    for name, (at, has_key) in last_events.items():
        customer = survivors.get(name, name)
        latest[customer] = max(at, latest.get(customer, at))
        if has_key:
            readable.add(customer)
    detail = AUTOMATIC if policy.personal_data.erased_by == "advance_time" else ""
    day = local_time(policy.zone).day
    found = []
    for customer in readable:
        due_at = end_of_term(policy.zone, day(latest[customer]), months)
        if due_at is not None:
            stream = f"customer-{customer}"
            found.append(
                AgendaItem(due_at=from_micros(due_at), kind="erasure", customer=customer, stream=stream, detail=detail)
            )
    return sorted(found, key=lambda item: item.key)
