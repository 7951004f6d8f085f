"""The standing of members in the policy's first programme: their tier and their points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from relations.messages import from_micros
from relations.projections.loyalty.rows import AccountRow
from relations.projections.loyalty.view import LoyaltyView

__all__ = ["MemberStanding", "member_standings"]


class MemberStanding(NamedTuple):
    """The standing of a member.

    Attributes:
        tier: The tier; None without one.
        points: The points in lots less those owed.
    """

    tier: str | None
    points: int


def member_standings(view: LoyaltyView, customers: Sequence[str] | None, moment: int) -> dict[str, MemberStanding]:
    """Return the standing of members at a moment, by surviving id.

    Args:
        view: The loyalty view.
        customers: The customers by surviving id; None stands for all.
        moment: The moment, UTC microseconds. Before the present, each account is computed from its events.
    """
    name, aliases = view.policy.programme.id, view.aliases
    if customers is None:
        accounts = view.rows(AccountRow, view.table(AccountRow).c.programme == name)
    else:
        ids = [each for customer in customers for each in aliases.ids(customer)]
        accounts = view.rows_as_recorded(AccountRow, ids)
    members = [each for each in accounts if each.programme == name and each.merged_into is None]
    if moment >= view.now:
        return {
            aliases.survivor(each.customer): MemberStanding(each.tier, each.points - each.debt)
            for each in members
            if each.enrolled_at is not None and each.closed_at is None
        }
    found = {}
    for each in members:
        account = view.account(each.customer, programme=name, as_of=from_micros(moment))
        if account is not None and account.enrolled_at is not None and account.closed_at is None:
            tier = None if account.tier is None else account.tier.tier
            found[aliases.survivor(each.customer)] = MemberStanding(tier, account.balance)
    return found
