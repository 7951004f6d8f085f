"""Two accounts of one person become one, and two again where that was a mistake.

What moves bears `merged/<customer>/` in the ids of the surviving account, for both may have used the same ids. What
still comes under the old id is forwarded (see `PurchaseForwarded`). A return takes back what came with the merge or
was forwarded since, as far as it is left; where nothing has happened in between, both are as they were before.
"""

from __future__ import annotations

from collections import Counter
from typing import TypeVar

import msgspec
from immutables import Map

from relations.aggregates.loyalty.commands import ReceiveAccount, ReleaseAccount, RestoreAccount, ReturnAccount
from relations.aggregates.loyalty.events import AccountReceived, AccountReleased, AccountRestored, AccountReturned
from relations.aggregates.loyalty.lots import Holdings, LotShare, Redemption, merged_prefix
from relations.aggregates.loyalty.settling import programme_of
from relations.aggregates.loyalty.state import Account, Ledger, Received, evolve_ledger
from relations.errors import CommandRefused
from relations.messages import Event
from relations.policies import Policy

T = TypeVar("T")

__all__ = ["receive_account", "release", "restore", "return_account"]


def release(state: Account, command: ReleaseAccount, policy: Policy) -> list[Event]:
    """Hands everything over. Who has no account releases an empty one, so that what comes later is forwarded."""
    if state.merged_into is not None:
        if state.merged_into == command.into and state.ledgers[0].dealings.released == command.merge:
            return []
        raise CommandRefused(
            f"The account of {command.customer} is merged into that of {state.merged_into} already",
            code="account_merged",
            field="customer",
            remedy="Unmerge it first",
        )
    ledgers = state.ledgers or (Ledger(policy.programme.id),)
    return [
        AccountReleased(programme=ledger.programme, merge=command.merge, into=command.into, holdings=_holdings(ledger))
        for ledger in ledgers
    ]


def receive_account(state: Account, command: ReceiveAccount, policy: Policy) -> list[Event]:
    """Takes in what a merged account released, with the higher of both tiers."""
    if state.merged_into is not None:
        raise CommandRefused(
            f"The account of {command.customer} is merged into that of {state.merged_into}",
            code="account_merged",
            field="into",
            remedy=f"Merge into {state.merged_into}",
        )
    ledger = state.ledger(command.programme)
    if command.merge in ledger.dealings.received:
        return []
    if any(each.source == command.source for each in ledger.dealings.received.values()):
        raise CommandRefused(
            f"The account of {command.source} has come already", code="account_merged", field="customer"
        )
    terms, came = programme_of(policy, command.programme).terms, command.holdings
    tier = came.tier if terms.rank(came.tier) > terms.rank(ledger.tier) or ledger.tier is None else ledger.tier
    return [
        AccountReceived(
            programme=command.programme,
            merge=command.merge,
            source=command.source,
            holdings=came,
            enrolled=ledger.enrolled_at is None and came.enrolled_at is not None,
            tier=tier,
        )
    ]


def return_account(state: Account, command: ReturnAccount, _policy: Policy) -> list[Event]:
    """Gives back what came with a merge; nothing where none of this name did."""
    events: list[Event] = []
    for ledger in state.ledgers:
        received = ledger.dealings.received.get(command.merge)
        if received is None or received.source != command.to:
            continue
        if evolve_ledger(received.before, received.event) == ledger:
            holdings, tier, undone = received.event.holdings, received.before.tier, True
        else:
            holdings, undone = _what_is_left(ledger, received), False
            tier = received.before.tier if ledger.tier == received.event.tier else ledger.tier
        prefix = merged_prefix(command.to)
        lots = tuple(LotShare(name, lot.points) for name, lot in sorted(ledger.lots.items()) if name.startswith(prefix))
        events.append(
            AccountReturned(
                programme=ledger.programme,
                merge=command.merge,
                to=command.to,
                holdings=holdings,
                lots=lots,
                tier=tier,
                undone=undone,
            )
        )
    return events


def restore(state: Account, command: RestoreAccount, _policy: Policy) -> list[Event]:
    """Is an account of its own again."""
    ledger = state.ledger(command.programme)
    if ledger.dealings.released != command.merge:
        # A programme that the account had not joined when it was merged: purchases forwarded since may have.
        if state.merged_into is None and not any(each.dealings.released for each in state.ledgers):
            return []
        if command.holdings == Holdings():
            return []
    return [
        AccountRestored(
            programme=command.programme, merge=command.merge, source=command.source, holdings=command.holdings
        )
    ]


def _holdings(ledger: Ledger) -> Holdings:
    return Holdings(
        enrolled_at=ledger.enrolled_at,
        lots=dict(ledger.lots),
        earnings=dict(ledger.earnings),
        redemptions=dict(ledger.redemptions),
        coupons=dict(ledger.dealings.coupons),
        months=dict(ledger.months),
        month=ledger.month,
        debt=ledger.debt,
        lapses_at=ledger.lapses_at,
        tier=ledger.tier,
        tier_since=ledger.tier_since,
        tier_month=ledger.tier_month,
        reviewed=ledger.reviewed,
        warned=ledger.warned,
        grace_until=ledger.grace_until,
    )


def _what_is_left(ledger: Ledger, received: Received) -> Holdings:
    """What is left of what came, and what was forwarded since, with the ids that it has in the other account."""
    prefix, came = merged_prefix(received.source), received.event.holdings
    earnings = _of(ledger.earnings, prefix)
    months: Counter[str] = Counter()
    for earning in earnings.values():
        if earning.qualifying:
            months[earning.month] += earning.qualifying - earning.reversed_qualifying
    return msgspec.structs.replace(
        came,
        lots=_of(ledger.lots, prefix),
        earnings=earnings,
        redemptions={name: _unnamed(each, prefix) for name, each in _of(ledger.redemptions, prefix).items()},
        coupons=_of(ledger.dealings.coupons, prefix),
        months=dict(months),
        month=max(came.month, ledger.month if months.keys() - came.months.keys() else ""),
        debt=min(came.debt, ledger.debt),
    )


def _of(held: Map[str, T], prefix: str) -> dict[str, T]:
    return {name.removeprefix(prefix): each for name, each in held.items() if name.startswith(prefix)}


def _unnamed(redemption: Redemption, prefix: str) -> Redemption:
    lots = tuple(LotShare(share.lot.removeprefix(prefix), share.points) for share in redemption.lots)
    return Redemption(redemption.points, redemption.reward, lots, redemption.reversed)
