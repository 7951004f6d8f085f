"""Rules for taking back points for refunds and giving them back when a refund is reversed, with their referrals."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from msgspec.structs import replace

from relations.aggregates.loyalty.commands import RestoreEarning, RestoreReferral, ReverseEarning, RevokeReferral
from relations.aggregates.loyalty.decide.credits import referral_prefix
from relations.aggregates.loyalty.decide.forwarding import forward_refund
from relations.aggregates.loyalty.decide.ledger import (
    Draft,
    catch_up,
    expire_lots,
    forget_activity,
    in_spending_order,
    programme_of,
    recall_activity,
    repay_debt,
    take_points,
)
from relations.aggregates.loyalty.decide.tiers import evaluate, refund_costs_tier, tier_to_restore
from relations.aggregates.loyalty.events.points import DebtIncurred, EarningRestored, EarningReversed
from relations.aggregates.loyalty.events.rewards import ReferralRestored, ReferralRevoked
from relations.aggregates.loyalty.lots import (
    Earning,
    Invited,
    Lot,
    LotShare,
    RestoredLot,
    Taking,
    issued_to,
    purchase_lot,
    referral_lot,
)
from relations.aggregates.loyalty.state import Account, Ledger
from relations.errors import CommandRefused
from relations.messages import Event
from relations.policies import Policy, Programme
from relations.policies.calendars import local_time
from relations.policies.loyalty.programme import Terms
from relations.policies.loyalty.ratios import ROUNDINGS
from relations.policies.loyalty.windows import days_after

__all__ = ["restore_earning", "restore_referral", "reverse_earning", "revoke_referral"]


# --- taking back ----------------------------------------------------------------------------------------------------


def reverse_earning(state: Account, command: ReverseEarning, policy: Policy) -> list[Event]:
    """Take back what the running total of refunds asks for, in every programme that credited the purchase."""
    _require_total(command)
    if state.merged_into is not None:
        return forward_refund(state, command)
    return [event for ledger in state.ledgers for event in _take_back(ledger, command, policy)]


def _require_total(command: ReverseEarning | RestoreEarning) -> None:
    if command.refunded > command.bought:
        raise CommandRefused(
            f"cannot refund {command.refunded} of a purchase of {command.bought}",
            code="refund_exceeds_purchase",
            field="refunded",
            hint="Give the running total of refunds; it is at most the amount of the purchase",
        )


def _credited_by(
    ledger: Ledger, command: ReverseEarning | RestoreEarning, policy: Policy
) -> tuple[str, Earning, Programme] | None:
    """Return the lot, the earning and the programme that a purchase was credited in; None where it was not."""
    own = command.prefix + purchase_lot(command.purchase)
    earning = ledger.earnings.get(own)
    if earning is None or ledger.closed_at is not None:
        return None
    if command.programme is not None and command.programme != ledger.programme:
        return None
    return own, earning, programme_of(policy, ledger.programme)


def _take_back(ledger: Ledger, command: ReverseEarning, policy: Policy) -> list[Event]:
    """Take back what is due beyond what earlier refunds of the purchase took.

    If the purchase fulfilled a referral and is now refunded in full, the points for the referral are taken back too.
    """
    found = _credited_by(ledger, command, policy)
    if found is None or not command.refunded or command.refund in found[1].refunds:
        return []
    own, earning, programme = found
    points, qualifying = _asked_back(earning, command, programme)
    due, qualifying = max(0, points - earning.reversed), max(0, qualifying - earning.reversed_qualifying)
    invited = ledger.invited
    # Earlier refunds may have rounded to all of its points. Then there is nothing to take back but the referral.
    revoked = command.refunded == command.bought and invited is not None and invited.lot == own
    if not due and not qualifying and not revoked:
        return []
    draft = Draft(ledger)
    catch_up(draft, command.at)
    before = draft.ledger
    if due or qualifying:
        _reverse(draft, programme, own, due, qualifying, refund=command.refund, purchase=command.purchase)
    if revoked:
        _revoke(draft, programme, own, refund=command.refund, purchase=command.purchase)
    if qualifying:
        refund_costs_tier(draft, before, programme, command.at, policy.zone, refund=command.refund)
    forget_activity(draft, command.at, policy.zone)
    return draft.events


def _reverse(
    draft: Draft, programme: Programme, own: str, due: int, qualifying: int, *, refund: str, purchase: str
) -> None:
    """Take back points that a lot had brought, from an up-to-date ledger.

    They come from that lot first, pending or not. Points of it that have expired are not taken back, since without the
    purchase they would not have existed. Then other lots give points: pending ones first, since those cannot be spent
    yet, and then in spending order. Points that no lot has are the shortfall.
    """
    ledger = draft.ledger
    earning, lots = ledger.earnings[own], ledger.lots
    unit, _, month = earning.month.rpartition("/")
    lot = lots.get(own)
    first, left = take_points([] if lot is None else [(own, lot)], due)
    expired = min(left, earning.expired - earning.forgone)
    others = in_spending_order((item for item in lots.items() if item[0] != own), ledger.lapses_at)
    others.sort(key=lambda item: not item[1].pending)
    rest, shortfall = take_points(others, left - expired)
    draft.add(
        EarningReversed(
            programme=ledger.programme,
            refund=refund,
            purchase=purchase,
            points=due - expired - shortfall,
            qualifying=qualifying,
            lots=first + rest,
            expired=expired,
            shortfall=shortfall,
            month=month,
            unit=unit,
            lot=None if own == purchase_lot(purchase) else own,
        )
    )
    if shortfall and programme.refund_shortfall == "debt":
        draft.add(DebtIncurred(programme=ledger.programme, points=shortfall, refund=refund))


def _revoke(draft: Draft, programme: Programme, own: str, *, refund: str, purchase: str) -> None:
    """Revoke the referral that a purchase had fulfilled. A later purchase does not fulfil it again."""
    invited = draft.ledger.invited
    if invited is None or invited.lot != own:
        return
    draft.add(
        ReferralRevoked(
            programme=draft.ledger.programme,
            referral=invited.referral,
            referrer=invited.referrer,
            refund=refund,
            purchase=purchase,
        )
    )
    lot = referral_prefix(draft.ledger) + referral_lot(invited.referrer, invited.referral)
    earning = draft.ledger.earnings.get(lot)
    if earning is not None:
        _reverse(draft, programme, lot, earning.points - earning.reversed, 0, refund=refund, purchase=purchase)


def revoke_referral(state: Account, command: RevokeReferral, policy: Policy) -> list[Event]:
    """Take back the points of a referral, once. Nothing happens if it had none."""
    ledger = state.ledger(command.programme)
    lot = command.prefix + referral_lot(*issued_to(command.customer, command.prefix + command.referral))
    earning = ledger.earnings.get(lot)
    if earning is None or earning.points == earning.reversed:
        return []
    draft, programme = Draft(ledger), programme_of(policy, ledger.programme)
    catch_up(draft, command.at)
    due = earning.points - earning.reversed
    _reverse(draft, programme, lot, due, 0, refund=command.refund, purchase=command.purchase)
    forget_activity(draft, command.at, policy.zone)
    return draft.events


def _asked_back(earning: Earning, command: ReverseEarning | RestoreEarning, programme: Programme) -> tuple[int, int]:
    """Return what the running total of refunds takes back in all: points, and what counted towards a tier."""
    terms = programme.terms
    points = terms.round(earning.points * command.refunded, command.bought) if command.refunded else 0
    whole = earning.qualifying * command.refunded
    return points, _round_qualifying(earning, terms)(whole, command.bought) if command.refunded else 0


def _round_qualifying(earning: Earning, terms: Terms) -> Callable[[int, int], int]:
    """Return how to round what no longer qualifies. A stay or an order counts until it is refunded in full."""
    return ROUNDINGS["down"] if earning.month.startswith(("stays/", "orders/")) else terms.round_qualifying


# --- giving back ----------------------------------------------------------------------------------------------------


def restore_earning(state: Account, command: RestoreEarning, policy: Policy) -> list[Event]:
    """Give back what a reversed refund had taken, in every programme that credited the purchase."""
    _require_total(command)
    if state.merged_into is not None:
        return forward_refund(state, command)
    return [event for ledger in state.ledgers for event in _give_back(ledger, command, policy)]


def _give_back(ledger: Ledger, command: RestoreEarning, policy: Policy) -> list[Event]:
    """Give back what is taken beyond what the remaining refunds of the purchase ask for.

    A tier that the refund had cost stands as before, unless something else has changed it since. A referral that the
    refund had revoked counts again.
    """
    found = _credited_by(ledger, command, policy)
    if found is None:
        return []
    own, earning, programme = found
    points, qualifying = _asked_back(earning, command, programme)
    due, qualifying = max(0, earning.reversed - points), max(0, earning.reversed_qualifying - qualifying)
    if _is_settled(ledger, own, earning):
        return []
    invited, revoked = ledger.invited, ledger.revoked
    restored = revoked is not None and revoked.lot == own and command.refunded < command.bought
    if not due and not qualifying and not restored:
        return []
    draft = Draft(ledger)
    catch_up(draft, command.at)
    if due or qualifying:
        _restore(draft, programme, own, due, qualifying, command, policy)
    if restored and invited is not None and revoked is not None:
        _restore_invited(draft, programme, invited, revoked.refund, command, policy)
    if qualifying:
        evaluate(draft, programme, command.at, policy)
    return draft.events


def _restore_invited(
    draft: Draft, programme: Programme, invited: Invited, refund: str, command: RestoreEarning, policy: Policy
) -> None:
    """Restore the referral that a refund had revoked, with this customer's own points for it."""
    draft.add(
        ReferralRestored(
            programme=draft.ledger.programme,
            referral=invited.referral,
            referrer=invited.referrer,
            refund=refund,
            purchase=command.purchase,
        )
    )
    lot = referral_prefix(draft.ledger) + referral_lot(invited.referrer, invited.referral)
    earning = draft.ledger.earnings.get(lot)
    if earning is not None and not _is_settled(draft.ledger, lot, earning):
        by = command.model_copy(update={"refund": refund})
        _restore(draft, programme, lot, earning.reversed, 0, by, policy)


def restore_referral(state: Account, command: RestoreReferral, policy: Policy) -> list[Event]:
    """Give back the points of a referral. Nothing happens if none were taken, or the account was closed since."""
    ledger = state.ledger(command.programme)
    lot = command.prefix + referral_lot(*issued_to(command.customer, command.prefix + command.referral))
    earning = ledger.earnings.get(lot)
    if earning is None or not earning.reversed or ledger.closed_at is not None or _is_settled(ledger, lot, earning):
        return []
    draft, programme = Draft(ledger), programme_of(policy, ledger.programme)
    catch_up(draft, command.at)
    _restore(draft, programme, lot, earning.reversed, 0, command, policy)
    return draft.events


def _restore(
    draft: Draft,
    programme: Programme,
    own: str,
    due: int,
    qualifying: int,
    command: RestoreEarning | RestoreReferral,
    policy: Policy,
) -> None:
    """Give points back to an up-to-date ledger, in the opposite order of taking them.

    First come the points that were missing: their debt or shortfall ends, and repaid points go to the earning's own
    lot. Then the other lots get theirs, then points that had expired before the refund count as expired, and the rest
    goes to the own lot. Points of lots that went to another customer with an unmerge go to the own lot as well. Points
    of lots that have expired in the meantime expire at once, or have a grace, as the policy sets.
    """
    if due:
        recall_activity(draft, own, policy.zone)
    ledger = draft.ledger
    earning = ledger.earnings[own]
    unknown = Taking(command.refund, missed=ledger.missed)
    known = ledger.takings.get(own, ())
    taking = next((each for each in known if each.refund == command.refund), unknown)
    parts = _divide(ledger, own, taking, due)
    gone = [share.lot for share in parts.lots if _is_over(ledger, share.lot, command.at)]
    graced = programme.reversal_after_expiry == "grace"
    until = days_after(policy.zone, local_time(policy.zone).day(command.at), programme.reversal_grace_days + 1)
    back = tuple(
        _restored_lot(ledger, share, command.at, until if graced and share.lot in gone else None)
        for share in parts.lots
    )
    unit, _, month = earning.month.rpartition("/")
    lost = tier_to_restore(ledger, programme, command.refund, earning.month, qualifying, policy.zone)
    draft.add(
        EarningRestored(
            programme=ledger.programme,
            refund=command.refund,
            purchase=command.purchase,
            points=sum(share.points for share in parts.lots),
            qualifying=qualifying,
            lots=back,
            expired=parts.expired,
            debt=parts.debt,
            shortfall=parts.shortfall,
            missing=parts.missing,
            month=month,
            unit=unit,
            lot=None if own == purchase_lot(command.purchase) else own,
            tier=None if lost is None else lost.tier,
            standing=None if lost is None else lost.standing,
        )
    )
    _set_against_shortfall(draft, taking, parts)
    if draft.ledger.debt:
        repay_debt(draft)
    if not graced:
        expire_lots(draft, gone)


def _is_settled(ledger: Ledger, lot: str, earning: Earning) -> bool:
    """Return whether a closing of the account settled an earning for good."""
    return earning.earned_at <= ledger.settled_at and lot not in ledger.takings and earning.reversed >= earning.points


class _Parts(NamedTuple):
    """Points given back, by destination.

    Attributes:
        lots: Points for lots, in the order of taking.
        expired: Points that had expired before the refund.
        debt: Points taken off the debt.
        shortfall: Points taken off the shortfall that is not owed.
        missing: All points no longer missing: the last two, and those repaid of the debt in the meantime.
    """

    lots: tuple[LotShare, ...]
    expired: int
    debt: int
    shortfall: int
    missing: int


def _divide(ledger: Ledger, own: str, taking: Taking, due: int) -> _Parts:
    missing = min(due, taking.shortfall)
    left = due - missing
    debt = min(missing, ledger.debt) if taking.owed else 0
    shortfall = min(missing - debt, ledger.shortfall)
    if not taking.owed:  # recorded before refunds said whether it is owed
        debt = min(missing - shortfall, ledger.debt)
    shares: list[LotShare] = []
    for share in reversed([share for share in taking.lots if share.lot != own and share.lot in ledger.earnings]):
        points = min(left, share.points)
        if points:
            shares.append(LotShare(share.lot, points))
            left -= points
    expired = min(left, taking.expired)
    to_own = left - expired + missing - debt - shortfall
    if to_own:
        shares.append(LotShare(own, to_own))
    return _Parts(tuple(reversed(shares)), expired, debt, shortfall, missing)


def _is_over(ledger: Ledger, name: str, at: int) -> bool:
    """Return whether a lot has ended since points were taken from it; a lot with points left has not."""
    if name in ledger.lots:
        return False
    earning = ledger.earnings.get(name)
    if earning is None:
        return False
    lot = Lot(0, earning.active_from, earning.expires_at, earning.earned_at, False, earning.lapsing)
    return lot.expired(at, ledger.lapses_at)


def _restored_lot(ledger: Ledger, share: LotShare, at: int, graced_until: int | None) -> RestoredLot:
    """Return the points for a lot: as the lot stands, or as it was earned where nothing is left of it."""
    lot, earning = ledger.lots.get(share.lot), ledger.earnings.get(share.lot)
    reason, source = ("", None) if earning is None else (earning.reason, earning.source)
    if lot is not None:
        held = RestoredLot(
            share.lot, share.points, lot.active_from, lot.expires_at, lot.earned_at, lot.lapsing, lot.pending
        )
    elif earning is None:
        held = RestoredLot(share.lot, share.points, at, None, at)
    else:
        held = RestoredLot(
            share.lot,
            share.points,
            earning.active_from,
            earning.expires_at,
            earning.earned_at,
            earning.lapsing,
            earning.active_from > at,
        )
    held = replace(held, reason=reason, source=source)
    return held if graced_until is None else replace(held, expires_at=graced_until, lapsing=False)


def _set_against_shortfall(draft: Draft, taking: Taking, parts: _Parts) -> None:
    """Owe what later refunds found missing only because this one had taken it, now that it is back."""
    ledger = draft.ledger
    since = ledger.missed - (taking.missed - parts.missing)
    owed = min(sum(share.points for share in parts.lots), ledger.shortfall, since)
    if owed > 0:
        draft.add(DebtIncurred(programme=ledger.programme, points=owed, refund=taking.refund))
