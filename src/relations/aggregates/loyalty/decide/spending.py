"""Rules for spending points, reversing that, giving points away, and letting them expire."""

from __future__ import annotations

from relations.aggregates.loyalty.commands import (
    ExpirePoints,
    ReceivePoints,
    RedeemPoints,
    ReverseRedemption,
    TransferPoints,
)
from relations.aggregates.loyalty.decide.ledger import (
    Draft,
    catch_up,
    defer_lapse,
    expire_lots,
    forget_activity,
    in_spending_order,
    programme_of,
    repay_debt,
    require_joined_before,
    require_made_before,
    require_member,
    require_room,
    take_points,
)
from relations.aggregates.loyalty.decide.membership import join
from relations.aggregates.loyalty.events.points import (
    DebtIncurred,
    PointsReceived,
    PointsRedeemed,
    PointsReleased,
    RedemptionReversed,
)
from relations.aggregates.loyalty.lots import Coupon, GracedLot, Lot, LotShare, MovedLot, Redemption, came_from
from relations.aggregates.loyalty.state import Account, Ledger
from relations.errors import CommandRefused
from relations.messages import Event
from relations.policies import Policy
from relations.policies.calendars import local_time
from relations.policies.loyalty.windows import days_after

__all__ = ["expire", "receive", "redeem", "reverse_redemption", "spend_points", "transfer", "transfer_exists"]


def redeem(state: Account, command: RedeemPoints, policy: Policy) -> list[Event]:
    """Spend points; those that expire soonest go first."""
    ledger, name = state.ledger(command.programme), command.prefix + command.redemption
    before = ledger.redemptions.get(name)
    if before is not None:
        if (before.points, before.reward) == (command.points, command.reward):
            return []
        raise CommandRefused(
            f"cannot make the redemption {command.redemption!r}: the id was used before, for {before.points} points",
            code="redemption_exists",
            field="redemption",
            hint="Give each redemption an id of its own",
        )
    draft = Draft(require_member(state, command))
    require_joined_before(ledger, command)
    catch_up(draft, command.at)
    spend_points(draft, name, command.points, command.reward, command.at, policy)
    return draft.events


def spend_points(draft: Draft, redemption: str, points: int, reward: str | None, at: int, policy: Policy) -> None:
    """Spend points of a ledger that is up to date. This counts as an activity.

    Raises:
        CommandRefused: There are too few points.
    """
    shares, _ = take_points(_spendable(draft.ledger, points, at), points)
    draft.add(
        PointsRedeemed(
            programme=draft.ledger.programme,
            redemption=redemption,
            points=points,
            lots=shares,
            reward=reward,
            redeemed_at=at,
        )
    )
    defer_lapse(draft, programme_of(policy, draft.ledger.programme), at, policy.zone)


def _spendable(ledger: Ledger, points: int, at: int) -> list[tuple[str, Lot]]:
    """Return the lots that can be spent at `at`, in spending order; refuse if they have too few points."""
    lots = [item for item in ledger.lots.items() if item[1].active_from <= at]
    spendable = sum(lot.points for _, lot in lots) - ledger.debt
    if points > spendable:
        pending = sum(lot.points for lot in ledger.lots.values()) - sum(lot.points for _, lot in lots)
        raise CommandRefused(
            f"cannot spend {points} points: {max(spendable, 0)} can be spent"
            + (f"; the account owes {ledger.debt}" if ledger.debt else "")
            + (f"; {pending} are pending" if pending else ""),
            code="insufficient_points",
            field="points",
            hint="Redeem fewer points",
        )
    return in_spending_order(lots, ledger.lapses_at)


def reverse_redemption(state: Account, command: ReverseRedemption, policy: Policy) -> list[Event]:
    """Put the points of a redemption back into the lots that they came from.

    If a lot has expired since, its points expire at once or have a grace, as the policy sets. Points of a lot that went
    back to another customer with an unmerge go to that customer, in the same transaction.
    """
    ledger = require_member(state, command)
    redemption, coupon = ledger.redemptions.get(command.redemption), ledger.coupons.get(command.redemption)
    if redemption is None and coupon is not None:
        return _give_back(ledger, coupon, command)
    if redemption is None:
        raise CommandRefused(
            f"there is no redemption {command.redemption!r} in this account",
            code="unknown_redemption",
            field="redemption",
            hint="Name a redemption of this account",
        )
    if redemption.reversed:
        return []
    if not redemption.lots:
        raise CommandRefused(
            f"cannot reverse the redemption {command.redemption!r}: it was made before the account was closed",
            code="settled_by_closing",
            field="redemption",
            hint="Adjust the points (AdjustPoints) to give them back all the same",
        )
    _need_unused(coupon)
    require_made_before(ledger, command.redemption, command, field="redemption")
    draft = Draft(ledger)
    catch_up(draft, command.at)
    forget_activity(draft, command.at, policy.zone, but=command.redemption)
    gone = [share.lot for share in redemption.lots if _gone(draft.ledger, share, command.at)]
    graced = programme_of(policy, ledger.programme).reversal_after_expiry == "grace"
    reversal = _reversal(draft.ledger, command, redemption, gone if graced else [], policy)
    draft.add(reversal)
    here = {None, *(each.source for each in ledger.received.values())}
    for customer in dict.fromkeys(came_from(share.lot) for share in reversal.lots):
        if customer is not None and customer not in here:
            _send_home(draft, reversal, customer, command.at)
    own = sum(share.points for share in reversal.lots if came_from(share.lot) in here)
    _set_against_shortfall(draft, command.redemption, own)
    if draft.ledger.debt:
        repay_debt(draft)
    if not graced:
        expire_lots(draft, gone)
    return draft.events


def _need_unused(coupon: Coupon | None) -> None:
    if coupon is not None and coupon.status == "used":
        raise CommandRefused(
            f"cannot give back the reward {coupon.reward!r}: it has been used",
            code="reward_used",
            field="redemption",
            hint="Adjust the points (AdjustPoints) to give them back all the same",
        )


def _give_back(ledger: Ledger, coupon: Coupon, command: ReverseRedemption) -> list[Event]:
    """Give back a reward that cost nothing. Nothing happens if it has ended already."""
    _need_unused(coupon)
    if coupon.status != "issued":
        return []
    require_made_before(ledger, command.redemption, command, field="redemption")
    return [
        RedemptionReversed(
            programme=ledger.programme,
            redemption=command.redemption,
            points=0,
            lots=(),
            reward=coupon.reward,
            limited=coupon.limited,
        )
    ]


def _set_against_shortfall(draft: Draft, redemption: str, points: int) -> None:
    """Owe what refunds have found missing since the redemption and recorded as a shortfall, now that points came back.

    Otherwise a reversed redemption would give points whose earning was taken back. Points that were missing before the
    redemption were not spent by it.
    """
    ledger = draft.ledger
    owed = min(points, ledger.shortfall, ledger.missed - ledger.missed_before.get(redemption, 0))
    if owed > 0:
        draft.add(DebtIncurred(programme=ledger.programme, points=owed, refund="", redemption=redemption))


def _send_home(draft: Draft, reversal: RedemptionReversed, customer: str, at: int) -> None:
    """Send what came back to lots of a customer who was unmerged since to that customer's account, as a transfer.

    Callers cannot use the transfer's id, for their ids have no slash.
    """
    ledger = draft.ledger
    theirs = tuple(
        _moved(ledger, share)
        for share in reversal.lots
        if came_from(share.lot) == customer
        and share.lot in ledger.lots
        and not ledger.lots[share.lot].expired(at, ledger.lapses_at)
    )
    if theirs:
        draft.add(
            PointsReleased(
                programme=ledger.programme,
                transfer=f"reversal/{reversal.redemption}",
                to=customer,
                points=sum(lot.points for lot in theirs),
                lots=theirs,
            )
        )


def _reversal(
    ledger: Ledger, command: ReverseRedemption, redemption: Redemption, late: list[str], policy: Policy
) -> RedemptionReversed:
    """Return the reversal; `late` are the lots that come back with a grace."""
    programme, zone = programme_of(policy, ledger.programme), policy.zone
    until = days_after(zone, local_time(zone).day(command.at), programme.reversal_grace_days + 1)
    graced = tuple(GracedLot(lot, until) for lot in late)
    until_of = {each.lot: each.expires_at for each in graced}
    back = {share.lot: _as_it_was(ledger, share) for share in redemption.lots}
    coupon = ledger.coupons.get(command.redemption)
    return RedemptionReversed(
        programme=ledger.programme,
        redemption=command.redemption,
        points=redemption.points,
        lots=redemption.lots,
        graced=graced,
        reward=redemption.reward,
        limited=coupon is not None and coupon.limited and coupon.status == "issued",
        expiries=tuple(until_of.get(name, lot.expires_at) for name, lot in back.items()),
        lapsing=tuple(name for name, lot in back.items() if lot.lapsing and name not in until_of),
    )


def _as_it_was(ledger: Ledger, share: LotShare) -> Lot:
    """Return the lot that points come back to: as it stands, or as it was earned if nothing is left of it."""
    found = ledger.lots.get(share.lot)
    if found is not None:
        return found
    earning = ledger.earnings.get(share.lot)
    if earning is None:
        return Lot(share.points, 0, None)
    return Lot(share.points, earning.active_from, earning.expires_at, earning.earned_at, False, earning.lapsing)


def _gone(ledger: Ledger, share: LotShare, at: int) -> bool:
    """Return whether a lot that points came from has expired, by its own end or by an event."""
    if share.lot in ledger.lots:
        return False  # it is still there, so it has not expired; or it has a grace already
    earning = ledger.earnings.get(share.lot)
    if earning is None:
        return False
    return earning.expired > 0 or _as_it_was(ledger, share).expired(at, ledger.lapses_at)


def transfer(state: Account, command: TransferPoints, policy: Policy) -> list[Event]:
    """Give points away. `PointsReleased` leads to `ReceivePoints` in the other account, in the same transaction."""
    ledger = require_member(state, command)
    said, name = f"{command.points} to {command.to}", command.prefix + command.transfer
    before = ledger.done.get(f"transfer/{name}")
    if before is not None:
        if before == said:
            return []
        raise transfer_exists(command, before)
    if not programme_of(policy, ledger.programme).transfers:
        raise CommandRefused(
            "the programme does not allow transfers between members", code="transfers_not_allowed", field="transfer"
        )
    require_joined_before(ledger, command)
    draft = Draft(ledger)
    catch_up(draft, command.at)
    shares, _ = take_points(_spendable(draft.ledger, command.points, command.at), command.points)
    lots = tuple(_moved(draft.ledger, share) for share in shares)
    draft.add(
        PointsReleased(programme=ledger.programme, transfer=name, to=command.to, points=command.points, lots=lots)
    )
    return draft.events


def transfer_exists(command: TransferPoints, before: str) -> CommandRefused:
    """Return the refusal of a transfer whose id was used for another one."""
    return CommandRefused(
        f"cannot make the transfer {command.transfer!r}: the id was used before, for {before}",
        code="transfer_exists",
        field="transfer",
        hint="Give each transfer an id of its own",
    )


def _moved(ledger: Ledger, share: LotShare) -> MovedLot:
    lot = ledger.lots[share.lot]
    return MovedLot(share.lot, share.points, lot.active_from, lot.ends(ledger.lapses_at), lot.earned_at)


def receive(state: Account, command: ReceivePoints, policy: Policy) -> list[Event]:
    """Take in points from another member. Customers who have not joined are enrolled.

    A closed or full account refuses the points. They can be spent from the time of their arrival, even if the sender
    could spend them before. A late redemption cannot spend points that the member did not have yet.
    """
    ledger = state.ledger(command.programme)
    if f"from/{command.source}/{command.transfer}" in ledger.done:
        return []
    if ledger.closed_at is not None:
        require_member(state, command)  # refuses the whole transfer
    draft = Draft(ledger)
    if ledger.enrolled_at is None:
        join(draft, command.at, policy)
    lots = tuple(
        MovedLot(f"transfer/{command.source}/{command.transfer}/{number}", *_rest(moved, command.at))
        for number, moved in enumerate(command.lots, start=1)
    )
    points = sum(lot.points for lot in lots)
    require_room(draft.ledger, points)
    draft.add(
        PointsReceived(
            programme=ledger.programme,
            transfer=command.transfer,
            source=command.source,
            points=points,
            lots=lots,
        )
    )
    if draft.ledger.debt:
        repay_debt(draft)
    return draft.events


def _rest(moved: MovedLot, at: int) -> tuple[int, int, int | None, int]:
    return moved.points, max(moved.active_from, at), moved.expires_at, moved.earned_at


def expire(state: Account, command: ExpirePoints, _policy: Policy) -> list[Event]:
    """Activate and expire the lots of every programme that are due."""
    events: list[Event] = []
    for ledger in state.ledgers:
        if command.programme is None or command.programme == ledger.programme:
            draft = Draft(ledger)
            catch_up(draft, command.at)
            events += draft.events
    return events
