"""Everything that falls due in an account by time alone: lots become active or expire, tiers are reviewed, rewards end.

Before a command is decided, everything that fell due by its time is done first, in order
(`relations.decider.due_before`). Each thing is done at its own moment and by the rules of that moment. So a decision
does not depend on how often time was advanced.
"""

from __future__ import annotations

from relations.aggregates.loyalty.commands import (
    CreditPurchase,
    EvaluateTier,
    ExpirePoints,
    ExpireRewards,
    LoyaltyCommand,
    ReleaseAccount,
    RestoreEarning,
    ReturnAccount,
    ReverseEarning,
)
from relations.aggregates.loyalty.decide.tiers import is_member, tier_facts
from relations.aggregates.loyalty.state import Account, Ledger
from relations.decider import Due
from relations.messages import Command
from relations.policies.calendars import local_time
from relations.policies.in_force import InForce
from relations.policies.loyalty.tier_clock import due_step

__all__ = ["due"]


def due(state: Account, command: LoyaltyCommand, at: int, rules: InForce) -> Due | None:
    """Return what fell due first by a command's time and is not done yet; None if the command itself does it.

    Only the command's programmes count. If several things fall due together, points come first, then tiers, then
    rewards. Nothing is done before a merge is reversed: what fell due in the meantime is due in each account by itself.

    Args:
        state: The account.
        command: The command to be decided.
        at: Its time, UTC microseconds.
        rules: The policies, and when each is in force.
    """
    ledgers = state.ledgers
    if command.programme is not None or (len(ledgers) > 1 and type(command) not in _FOR_ALL):
        ledgers = (state.ledger(command.programme),)
    found: Due | None = None
    for ledger in ledgers:
        # This runs before every purchase of a member and mostly finds nothing, so it has to be fast.
        if (
            ledger.due_at > at
            and ledger.rewards_due_at > at
            and ledger.lapses_at is None
            and _keeps_tier(ledger, at, rules)
        ):
            continue
        found = _sooner(found, _first_due(ledger, at, rules), ledger, command)
    if found is None or type(command) is ReturnAccount or found.is_wanted(command):
        return None
    return found


_FOR_ALL = frozenset(
    (
        CreditPurchase,
        EvaluateTier,
        ExpirePoints,
        ExpireRewards,
        ReleaseAccount,
        RestoreEarning,
        ReturnAccount,
        ReverseEarning,
    )
)
"""Commands that are for all programmes if they name none. The others are for the one joined first."""


def _sooner(found: Due | None, first: _First | None, ledger: Ledger, command: LoyaltyCommand) -> Due | None:
    if first is None or (found is not None and (found.at, _KINDS.index(found.kind)) <= first):
        return found
    moment, kind = first
    return Due(moment, _KINDS[kind], {"customer": command.customer, "programme": ledger.programme})


_First = tuple[int, int]
"""A time in UTC microseconds, and the index in `_KINDS` of what is due then."""
_KINDS: tuple[type[Command], ...] = (ExpirePoints, EvaluateTier, ExpireRewards)


def _first_due(ledger: Ledger, at: int, rules: InForce) -> _First | None:
    moments = _points_due(ledger, at), _tier_due(ledger, at, rules), ledger.rewards_due_at
    return min(
        ((moment, kind) for kind, moment in enumerate(moments) if moment is not None and moment <= at), default=None
    )


def _points_due(ledger: Ledger, at: int) -> int | None:
    lapses_at, first = ledger.lapses_at, at + 1
    for lot in ledger.lots.values():
        if lot.pending:
            first = min(first, lot.active_from)
        ends = lot.ends(lapses_at)
        if ends is not None:
            first = min(first, ends)
    return first if first <= at else None


def _tier_due(ledger: Ledger, at: int, rules: InForce) -> int | None:
    if ledger.tier is None or not is_member(ledger):
        return None
    found = due_step(rules, ledger.programme, tier_facts(ledger), at)
    return None if found is None else found[0].at


def _keeps_tier(ledger: Ledger, at: int, rules: InForce) -> bool:
    """Return True if a cheap check shows that nothing is due for the tier."""
    tier = ledger.tier
    if tier is None:
        return True
    if len(rules.spans) > 1:
        return False
    policy = rules.spans[0].policy
    programme = policy.programme
    if programme.id != ledger.programme:
        return False
    terms = programme.terms
    if tier == terms.base:
        return True
    return terms.monthly and ledger.grace_until is None and local_time(policy.zone).month(at) <= ledger.month
