"""What falls due in an account all by itself: lots become active and expire, tiers are reviewed, rewards end.

Before a command of the account is decided, whatever fell due up to its time is done first, in the order in which it
fell due, each at its own moment and by the rules of that moment (`relations.decider.due_before`). So what a decision
finds does not depend on how often the account was told the time.
"""

from __future__ import annotations

from relations.aggregates.loyalty.commands import (
    CreditPurchase,
    EvaluateTier,
    ExpirePoints,
    ExpireRewards,
    LoyaltyCommand,
    ReleaseAccount,
    ReturnAccount,
    ReverseEarning,
)
from relations.aggregates.loyalty.state import Account, Ledger
from relations.aggregates.loyalty.tiers import has_tier, standing_of
from relations.decider import Due
from relations.policies.calendars import local_time
from relations.policies.in_force import InForce
from relations.policies.standing import due_step, programme_in

__all__ = ["due"]


def due(state: Account, command: LoyaltyCommand, at: int, rules: InForce) -> Due | None:
    """What fell due first by a command's time, and is not done yet; None where that is the command itself.

    Only in the programmes that the command is for: none waits for, or is hurried by, what happens in another. Of what
    falls due together, points come first, then tiers, then rewards. Nothing is done before a merge is undone: what fell
    due meanwhile is each account's own, and falls due there.

    Args:
        state: The account.
        command: What is going to be decided.
        at: Its time, UTC microseconds.
        rules: Which policy is in force when.
    """
    found: Due | None = None
    ledgers = state.ledgers
    if command.programme is not None or (len(ledgers) > 1 and type(command) not in _FOR_ALL):
        ledgers = (state.ledger(command.programme),)
    for ledger in ledgers:
        if ledger.due_at <= at or (ledger.lapses_at is not None and ledger.lapses_at <= at):
            found = _sooner(found, _points_due(ledger, at), ExpirePoints, command, ledger)
    for ledger in ledgers:
        if ledger.tier is not None:
            found = _sooner(found, _tier_due(ledger, at, rules), EvaluateTier, command, ledger)
    for ledger in ledgers:
        if ledger.dealings.due_at <= at:
            found = _sooner(found, ledger.dealings.due_at, ExpireRewards, command, ledger)
    if found is None or type(command) is ReturnAccount or found.is_wanted(command):
        return None
    return found


_FOR_ALL = frozenset(
    (CreditPurchase, EvaluateTier, ExpirePoints, ExpireRewards, ReleaseAccount, ReturnAccount, ReverseEarning)
)
"""Commands that are for all programmes where they name none; the others are for the one joined first."""


def _sooner(
    found: Due | None, moment: int | None, kind: type[LoyaltyCommand], command: LoyaltyCommand, ledger: Ledger
) -> Due | None:
    if moment is None or (found is not None and found.at <= moment):
        return found
    return Due(moment, kind, {"customer": command.customer, "programme": ledger.programme})


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
    if not has_tier(ledger) or _stands(ledger, at, rules):
        return None
    found = due_step(rules, ledger.programme, standing_of(ledger), at)
    return None if found is None else found[0].at


def _stands(ledger: Ledger, at: int, rules: InForce) -> bool:
    """Whether it can be seen at a glance that nothing is due of a tier; mostly it can."""
    if len(rules.spans) > 1:
        return False
    policy = rules.spans[0].policy
    programme = policy.programme
    if programme.id != ledger.programme:
        programme = programme_in(policy, ledger.programme)
    if ledger.tier == programme.terms.base:
        return True
    monthly = programme.downgrade_when == "at_once" and not programme.grace_days and programme.warning_days is None
    return monthly and ledger.grace_until is None and local_time(policy.zone).month(at) <= ledger.month
