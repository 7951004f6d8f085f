"""Rules for merging two accounts of one person, and for reversing a mistaken merge.

Ids that move get the prefix `merged/<customer>/` in the surviving account, since both may have used the same ids.
Commands under the old id are forwarded (see `forwarding`). A return takes back what came with the merge or was
forwarded since, as far as it is left. If nothing has happened since the merge, both accounts are as before.

- If the surviving account was closed and the other is open, it is open again: the person never left the other one.
- The tier is the higher of the two, or what both have earned together if that is more.
- After a return the surviving customer is a member only of programmes that they joined themselves, or have earned in.
- Points that one of two customers spent of the other's go to the other if the redemption is reversed after the return
  (see `spending.reverse_redemption`).
- Clubs, referrals that were not rewarded yet, and the referral that brought the customer go along and come back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TypeVar

from msgspec.structs import replace

from relations.aggregates.loyalty.commands import ReceiveAccount, ReleaseAccount, RestoreAccount, ReturnAccount
from relations.aggregates.loyalty.decide.ledger import programme_of, require_room
from relations.aggregates.loyalty.events.merges import (
    AccountReceived,
    AccountReleased,
    AccountRestored,
    AccountReturned,
)
from relations.aggregates.loyalty.evolve.dispatch import evolve_ledger
from relations.aggregates.loyalty.evolve.points import referrals_revoked
from relations.aggregates.loyalty.lots import (
    Earning,
    Holdings,
    Invited,
    LotShare,
    Membership,
    Redemption,
    Revoked,
    Taking,
    TierStanding,
    came_from,
    merged_prefix,
    to_holdings,
)
from relations.aggregates.loyalty.state import Account, Ledger, Received, standing_of
from relations.errors import CommandRefused
from relations.messages import Event
from relations.policies import Policy, Programme
from relations.policies.calendars import local_time
from relations.policies.loyalty.tier_clock import window_total
from relations.policies.loyalty.windows import Inactivity

T = TypeVar("T")
N = TypeVar("N", Invited, Revoked)

__all__ = ["receive_account", "release", "restore", "return_account"]


def release(state: Account, command: ReleaseAccount, policy: Policy) -> list[Event]:
    """Release the ledgers of every programme, empty ones included, so that later events can be distinguished."""
    if state.merged_into is not None:
        if state.merged_into == command.into and state.ledgers[0].released == command.merge:
            return []
        raise CommandRefused(
            f"the account of {command.customer} is already merged into the account of {state.merged_into}",
            code="account_merged",
            field="customer",
            hint="Unmerge it first (UnmergeCustomer)",
        )
    joined = {ledger.programme for ledger in state.ledgers}
    others = (Ledger(programme=each.id) for each in policy.every_programme if each.id not in joined)
    ledgers = (*state.ledgers, *others)
    return [
        AccountReleased(programme=ledger.programme, merge=command.merge, into=command.into, holdings=_holdings(ledger))
        for ledger in ledgers
    ]


def receive_account(state: Account, command: ReceiveAccount, policy: Policy) -> list[Event]:
    """Take in everything that a merged account released, with the higher tier or what both earn together."""
    if state.merged_into is not None:
        raise CommandRefused(
            f"the account of {command.customer} is merged into the account of {state.merged_into}",
            code="account_merged",
            field="into",
            hint=f"Merge into {state.merged_into}",
        )
    ledger = state.ledger(command.programme)
    if command.merge in ledger.received:
        return []
    if any(each.source == command.source for each in ledger.received.values()):
        raise CommandRefused(
            f"the account of {command.source} has come already", code="account_merged", field="customer"
        )
    programme, came = programme_of(policy, command.programme), command.holdings
    require_room(ledger, came.balance, field="into")
    terms, reopened = programme.terms, ledger.closed_at is not None and came.member_since is not None
    tier = came.tier if terms.rank(came.tier) > terms.rank(ledger.tier) or ledger.tier is None else ledger.tier
    reached_at, month = 0, ""
    if came.member_since is not None or (ledger.enrolled_at is not None and ledger.closed_at is None):
        together = Counter(ledger.months) + Counter(came.months)
        end = _window_end(max(ledger.month, came.month), command.at, policy.zone)
        earned = _earned(programme, together, end)
        if terms.rank(earned) > terms.rank(tier):
            tier, reached_at, month = earned, command.at, end
    return [
        AccountReceived(
            programme=command.programme,
            merge=command.merge,
            source=command.source,
            holdings=came,
            enrolled=ledger.enrolled_at is None and came.member_since is not None,
            tier=tier,
            reopened=reopened,
            reached_at=reached_at,
            month=month,
        )
    ]


def _window_end(latest: str, at: int, zone: str) -> str:
    """Return the month as of `at`, or the latest one seen if that is later."""
    return max(latest, local_time(zone).month(at))


def _earned(programme: Programme, months: Mapping[str, int], end: str) -> str | None:
    """Return the tier that these months earn in the window that ends with `end`."""
    return programme.terms.tier(window_total(programme, months, end))


def return_account(state: Account, command: ReturnAccount, policy: Policy) -> list[Event]:
    """Give back what came with a merge. Nothing happens if no merge has this id."""
    events: list[Event] = []
    for ledger in state.ledgers:
        received = ledger.received.get(command.merge)
        if received is None or received.source != command.to:
            continue
        prefix = merged_prefix(command.to)
        lots = tuple(LotShare(name, lot.points) for name, lot in sorted(ledger.lots.items()) if name.startswith(prefix))
        clubs = received.before.clubs
        returned = AccountReturned(
            programme=ledger.programme,
            merge=command.merge,
            to=command.to,
            holdings=received.event.holdings,
            lots=lots,
            tier=received.before.tier,
            undone=True,
            clubs=tuple(club for club in received.event.holdings.clubs if club not in clubs),
            membership=Membership(received.before.enrolled_at, received.before.closed_at),
        )
        if evolve_ledger(received.before, received.event) != ledger:
            returned = _partly(returned, ledger, received, command, policy)
        events.append(returned)
    return events


def _partly(
    returned: AccountReturned, ledger: Ledger, received: Received, command: ReturnAccount, policy: Policy
) -> AccountReturned:
    """Return a return that computes what is left of each account by itself, since something has happened."""
    programme, at = programme_of(policy, ledger.programme), command.at
    rank, back = programme.terms.rank, _what_is_left(ledger, received, command.customer, policy.zone)
    if back.member_since is not None:
        end = _window_end(back.month, at, policy.zone)
        theirs = _earned(programme, back.months, end)
        if rank(theirs) > rank(back.tier):
            back = replace(back, tier=theirs, tier_since=at, tier_month=end, reviewed=at, month=end, warned=None,
                           grace_until=None)  # fmt: skip
    membership = _own_membership(ledger, received)
    tier, standing = None, TierStanding()
    if membership.enrolled_at is not None and membership.closed_at is None:
        own = Counter(ledger.months)
        own.subtract(back.months)
        end = _window_end(ledger.month, at, policy.zone)
        tier, standing = _own_standing(ledger, received.before, programme)
        earned = _earned(programme, own, end)
        if rank(earned) > rank(tier):
            tier, standing = earned, TierStanding(at, end, at)
    return replace(returned, holdings=back, tier=tier, undone=False, membership=membership, standing=standing)


def _own_standing(ledger: Ledger, before: Ledger, programme: Programme) -> tuple[str | None, TierStanding]:
    """Return the survivor's tier as it was before the merge, or the lower one that it fell to since.

    A tier that both earned together belongs to neither, and so do the outcomes of its reviews. Reviews and ends of
    grace that the earlier tier would have had since the merge fall due after the return.
    """
    rank = programme.terms.rank
    stands = ledger if rank(ledger.tier) < rank(before.tier) else before
    return stands.tier, standing_of(stands)


def _own_membership(ledger: Ledger, received: Received) -> Membership:
    """Return the surviving customer's own membership: what they joined, or became a member of by earning since.

    Merges may be reversed in any order, so the ledger before one of them may hold what came with another. What the
    customer joined alone is computed from all of them (`_joined_alone`).
    """
    if ledger.closed_at is not None:
        return Membership(ledger.enrolled_at, ledger.closed_at)
    alone = received.before
    while alone.received:
        alone = min(alone.received.values(), key=_how_late).before
    joined = _joined_alone(max(ledger.received.values(), key=_how_late).before)
    came = {merge: each.event.holdings.member_since for merge, each in ledger.received.items()}
    earned = [
        earning.earned_at
        for name, earning in ledger.earnings.items()
        if name not in alone.earnings and came_from(name) is None
    ]
    if ledger.enrolled_at not in (joined, *came.values(), *earned):
        return Membership(ledger.enrolled_at, None)  # they have left and come back in between
    others = [since for merge, since in came.items() if merge != received.event.merge and since is not None]
    since = [*others, *(earned if joined is None else [joined])]
    return Membership(min(since), None) if since else Membership(alone.enrolled_at, alone.closed_at)


def _how_late(received: Received) -> int:
    """Return the number of merges before this one; the later of two has more."""
    return len(received.before.received)


def _joined_alone(ledger: Ledger) -> int | None:
    """Return when a customer joined by themselves, not with a merge; None if they did not."""
    if ledger.closed_at is not None:
        return None
    received = ledger.received.values()
    if not received:
        return ledger.enrolled_at
    joined = _joined_alone(max(received, key=_how_late).before)
    came = [each.event.holdings.member_since for each in received]
    return joined if ledger.enrolled_at in (joined, *came) else ledger.enrolled_at


def restore(state: Account, command: RestoreAccount, _policy: Policy) -> list[Event]:
    """Become a separate account again."""
    ledger = state.ledger(command.programme)
    if ledger.released != command.merge:
        # A programme that the account had not joined when it was merged: purchases forwarded since may have.
        if state.merged_into is None and not any(each.released for each in state.ledgers):
            return []
        if command.holdings == Holdings():
            return []
    return [
        AccountRestored(
            programme=command.programme, merge=command.merge, source=command.source, holdings=command.holdings
        )
    ]


def _holdings(ledger: Ledger) -> Holdings:
    return to_holdings(ledger, referrals=_unrewarded(ledger))


def _unrewarded(ledger: Ledger) -> dict[str, str]:
    return {name: referred for name, referred in ledger.referrals.items() if f"rewarded/{name}" not in ledger.done}


def _what_is_left(ledger: Ledger, received: Received, survivor: str, zone: str) -> Holdings:
    """Return what is left of what came and was forwarded since, with the ids of the other account."""
    prefix, came = merged_prefix(received.source), received.event.holdings
    earnings = _of(ledger.earnings, prefix)
    redemptions = _of(ledger.redemptions, prefix)
    since = sum(f"rewarded/{prefix}{name}" in ledger.done for name in came.referrals)
    since += sum(referrals_revoked(came, received.source).values())
    since -= sum(name.startswith(f"revoked/{prefix}") for name in ledger.done)
    months: Counter[str] = Counter()
    for earning in earnings.values():
        if earning.qualifying:
            months[earning.month] += earning.qualifying - earning.reversed_qualifying
    return replace(
        came,
        lots=_of(ledger.lots, prefix),
        earnings=earnings | _spent_of(ledger, redemptions, prefix, survivor),
        redemptions={name: _unnamed(each, prefix, survivor) for name, each in redemptions.items()},
        redeemed_at=_of(ledger.redeemed_at, prefix),
        **_lapse(ledger, came, earnings, prefix, zone),
        coupons=_of(ledger.coupons, prefix),
        clubs=tuple(club for club in came.clubs if club in ledger.clubs),
        referrals=_of(dict(_unrewarded(ledger)), prefix),
        rewarded=came.rewarded + since,
        invited=None if came.invited is None else _own_lot(ledger.invited or came.invited, prefix),
        revoked=None if came.invited is None or ledger.revoked is None else _own_lot(ledger.revoked, prefix),
        takings={
            lot: tuple(_own_shares(each, prefix) for each in taken)
            for lot, taken in _of(ledger.takings, prefix).items()
        },
        lost_tier=None,
        settled_at=max(came.settled_at, ledger.settled_at),
        months=dict(months),
        month=max([came.month, *(key.rpartition("/")[2] for key in months)]),
        debt=min(came.debt, ledger.debt),
        missed=ledger.missed,
        shortfall=min(came.shortfall, ledger.shortfall),
        missed_before=_of(ledger.missed_before, prefix),
    )


def _lapse(
    ledger: Ledger, came: Holdings, earnings: Mapping[str, Earning], prefix: str, zone: str
) -> dict[str, int | None]:
    """Return when lots lapse with inactivity in the other account; what was done since the merge defers it too."""
    active = [
        each.earned_at
        for name, each in earnings.items()
        if name not in came.earnings and each.reversed < each.points and each.reason != "transfer"
    ]
    redemptions = _of(ledger.redemptions, prefix)
    active += [
        at
        for name, at in _of(ledger.redeemed_at, prefix).items()
        if name in redemptions and name not in came.redemptions and not redemptions[name].reversed
    ]
    if not active or not ledger.idle_months:
        return {}
    until = Inactivity(months_count=ledger.idle_months).lapses_at(max(active), zone)
    lapses = [each for each in (came.lapses_at, until) if each is not None]
    return {"lapses_at": max(lapses, default=None), "idle_months": ledger.idle_months}


def _of(held: Mapping[str, T], prefix: str) -> dict[str, T]:
    return {name.removeprefix(prefix): each for name, each in held.items() if name.startswith(prefix)}


def _own_lot(named: N, prefix: str) -> N:
    return named if named.lot is None else replace(named, lot=named.lot.removeprefix(prefix))


def _own_shares(taking: Taking, prefix: str) -> Taking:
    """Return what a refund took of the other account's own lots. The rest goes to the earning's own lot."""
    theirs = (share for share in taking.lots if share.lot.startswith(prefix))
    return replace(taking, lots=tuple(LotShare(share.lot.removeprefix(prefix), share.points) for share in theirs))


def _spent_of(ledger: Ledger, redemptions: dict[str, Redemption], prefix: str, survivor: str) -> dict[str, Earning]:
    """Return the survivor's lots that the other customer spent from: if that is reversed, the points go back here."""
    spent = {share.lot for each in redemptions.values() if not each.reversed for share in each.lots}
    return {
        merged_prefix(survivor) + name: replace(ledger.earnings[name], qualifying=0, reversed_qualifying=0)
        for name in spent
        if not name.startswith(prefix) and name in ledger.earnings
    }


def _unnamed(redemption: Redemption, prefix: str, survivor: str) -> Redemption:
    """Return a redemption with the ids that its lots have in the other account."""

    def named(lot: str) -> str:
        return lot.removeprefix(prefix) if lot.startswith(prefix) else merged_prefix(survivor) + lot

    lots = tuple(LotShare(named(share.lot), share.points) for share in redemption.lots)
    return Redemption(redemption.points, redemption.reward, lots, redemption.reversed)
