"""The fold of an account: the state after each event, and when the next thing falls due."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec.structs import replace

from relations.aggregates.loyalty.events.merges import AccountReleased, AccountRestored, AccountReturned
from relations.aggregates.loyalty.events.points import PointsEarned
from relations.aggregates.loyalty.evolve.forwarding import FORWARDING
from relations.aggregates.loyalty.evolve.merges import MERGES
from relations.aggregates.loyalty.evolve.points import POINTS
from relations.aggregates.loyalty.evolve.rewards import REWARDS
from relations.aggregates.loyalty.lots import Lot
from relations.aggregates.loyalty.state import NEVER, Account, Ledger
from relations.messages import Event

__all__ = ["EVENTS", "evolve", "evolve_ledger"]


def evolve(state: Account, event: Event) -> Account:
    """Return the account after an event. Events that it does not know change nothing."""
    fold = _FOLDS.get(type(event))
    if fold is None:
        return state
    ledgers, programme = state.ledgers, event.programme  # type: ignore[attr-defined] # every one folded here has it
    if len(ledgers) == 1 and ledgers[0].programme == programme:
        found: tuple[Ledger, ...] = (fold(ledgers[0], event),)
    else:
        for place, ledger in enumerate(ledgers):
            if ledger.programme == programme:
                found = (*ledgers[:place], fold(ledger, event), *ledgers[place + 1 :])
                break
        else:
            found = (*ledgers, fold(Ledger(programme=programme), event))
    merged_into = state.merged_into
    if type(event) is AccountReleased:
        merged_into = event.into
    elif type(event) is AccountRestored:
        merged_into = None
    if type(event) in _UNMERGED:
        # A ledger that only the merge had created is removed again.
        found = tuple(ledger for ledger in found if ledger != Ledger(programme=ledger.programme))
    return Account(found, merged_into)


def evolve_ledger(ledger: Ledger, event: Event) -> Ledger:
    """Return the ledger of one programme after an event of it."""
    fold = _FOLDS.get(type(event))
    return ledger if fold is None else fold(ledger, event)


def _timed(fold: Callable[[Ledger, Any], Ledger]) -> Callable[[Ledger, Any], Ledger]:
    """Return the fold extended by when the next of its lots and rewards falls due."""

    def timed(ledger: Ledger, event: Event) -> Ledger:
        now = fold(ledger, event)
        coupons = now.coupons
        if coupons is not ledger.coupons:
            ends = (each.expires_at for each in coupons.values() if each.status == "issued")
            due_at = min((end for end in ends if end is not None), default=NEVER)
            now = replace(now, rewards_due_at=due_at)
        return now if now.lots is ledger.lots else replace(now, due_at=_lots_due(now.lots))

    return timed


def _lots_due(lots: Mapping[str, Lot]) -> int:
    due_at = NEVER
    for lot in lots.values():
        if lot.expires_at is not None and lot.expires_at < due_at:
            due_at = lot.expires_at
        if lot.pending and lot.active_from < due_at:
            due_at = lot.active_from
    return due_at


_CHANGES = {**POINTS, **REWARDS, **FORWARDING, **MERGES}
# `PointsEarned` is the fold that runs most. It updates `due_at` itself, for a new lot can only be due sooner.
_FOLDS: dict[type[Event], Callable[[Ledger, Any], Ledger]] = {
    event: fold if event is PointsEarned else _timed(fold) for event, fold in _CHANGES.items()
}
EVENTS = tuple(_FOLDS)
_UNMERGED = (AccountReturned, AccountRestored)
