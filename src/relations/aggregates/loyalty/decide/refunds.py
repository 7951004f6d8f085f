"""How points are taken back: by refunds, and with the recommendation that a purchase had fulfilled."""

from __future__ import annotations

from collections.abc import Callable

from relations.aggregates.loyalty.commands import ReverseEarning, RevokeReferral
from relations.aggregates.loyalty.decide.credits import invited_under
from relations.aggregates.loyalty.decide.forwarding import forward_refund
from relations.aggregates.loyalty.decide.ledger import Draft, in_order, programme_of, settle, take, was_inactive
from relations.aggregates.loyalty.decide.tiers import refund_costs_tier
from relations.aggregates.loyalty.events.points import DebtIncurred, EarningReversed
from relations.aggregates.loyalty.events.rewards import ReferralRevoked
from relations.aggregates.loyalty.lots import Earning, issued_to, purchase_lot, referral_lot
from relations.aggregates.loyalty.state import Account, Ledger
from relations.errors import CommandRefused
from relations.messages import Event
from relations.policies import Policy, Programme
from relations.policies.loyalty.programme import Terms
from relations.policies.loyalty.ratios import ROUNDINGS

__all__ = ["reverse_earning", "revoke_referral"]


def reverse_earning(state: Account, command: ReverseEarning, policy: Policy) -> list[Event]:
    """Takes back what the running total of refunds asks for, in every programme that credited the purchase."""
    if command.refunded > command.bought:
        raise CommandRefused(
            f"{command.refunded} was given back of a purchase of {command.bought}",
            code="refund_exceeds_purchase",
            field="refunded",
            hint="The running total of refunds is at most what was bought",
        )
    if state.merged_into is not None:
        return forward_refund(state, command)
    return [event for ledger in state.ledgers for event in _take_back(ledger, command, policy)]


def _take_back(ledger: Ledger, command: ReverseEarning, policy: Policy) -> list[Event]:
    """Takes back what is due beyond what earlier refunds of the purchase took.

    Where the purchase fulfilled a recommendation and is given back whole, what that was worth to either goes with it.
    """
    own = command.prefix + purchase_lot(command.purchase)
    earning = ledger.earnings.get(own)
    if earning is None or not command.refunded or command.refund in earning.refunds or ledger.closed_at is not None:
        return []
    if command.programme is not None and command.programme != ledger.programme:
        return []
    programme = programme_of(policy, ledger.programme)
    due, qualifying = _still_to_take(earning, command, programme)
    invited = ledger.dealings.invited
    # Earlier refunds may have rounded to all of it: then nothing is left to take back, but the recommendation is.
    revoked = command.refunded == command.bought and invited is not None and invited.lot == own
    if not due and not qualifying and not revoked:
        return []
    draft = Draft(ledger)
    settle(draft, command.at)
    before = draft.ledger
    if due or qualifying:
        _reverse(draft, programme, own, due, qualifying, refund=command.refund, purchase=command.purchase)
    if revoked:
        _revoke(draft, programme, own, refund=command.refund, purchase=command.purchase)
    if qualifying:
        refund_costs_tier(draft, before, programme, command.at, policy.zone)
    was_inactive(draft, command.at, policy.zone)
    return draft.events


def _reverse(
    draft: Draft, programme: Programme, own: str, due: int, qualifying: int, *, refund: str, purchase: str
) -> None:
    """Takes back points of a settled ledger that a lot had brought.

    First from that lot itself, pending or not. What has expired of it needs no taking back: had it never been, those
    points would not be there either, and their expiry gave nobody anything. Then from other lots: pending ones first,
    for those cannot be spent yet, then in spending order. What no lot can give is the shortfall.
    """
    ledger = draft.ledger
    earning, lots = ledger.earnings[own], ledger.lots
    unit, _, month = earning.month.rpartition("/")
    lot = lots.get(own)
    first, left = take([] if lot is None else [(own, lot)], due)
    expired = min(left, earning.expired - earning.forgone)
    others = in_order((item for item in lots.items() if item[0] != own), ledger.lapses_at)
    others.sort(key=lambda item: not item[1].pending)
    rest, shortfall = take(others, left - expired)
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
    """The recommendation that a purchase fulfilled has come to nothing; a later purchase does not fulfil it again."""
    invited = draft.ledger.dealings.invited
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
    lot = invited_under(draft.ledger) + referral_lot(invited.referrer, invited.referral)
    earning = draft.ledger.earnings.get(lot)
    if earning is not None:
        _reverse(draft, programme, lot, earning.points - earning.reversed, 0, refund=refund, purchase=purchase)


def revoke_referral(state: Account, command: RevokeReferral, policy: Policy) -> list[Event]:
    """Takes back what a recommendation was worth, once; nothing where it was worth nothing."""
    ledger = state.ledger(command.programme)
    lot = command.prefix + referral_lot(*issued_to(command.customer, command.prefix + command.referral))
    earning = ledger.earnings.get(lot)
    if earning is None or earning.points == earning.reversed:
        return []
    draft, programme = Draft(ledger), programme_of(policy, ledger.programme)
    settle(draft, command.at)
    due = earning.points - earning.reversed
    _reverse(draft, programme, lot, due, 0, refund=command.refund, purchase=command.purchase)
    was_inactive(draft, command.at, policy.zone)
    return draft.events


def _still_to_take(earning: Earning, command: ReverseEarning, programme: Programme) -> tuple[int, int]:
    """Points and what qualifies that the running total of refunds asks for beyond what was taken before.

    None where refunds arrive in another order than they were made, or a changed policy rounds to less: what an
    earlier refund took stays taken.
    """
    terms = programme.terms
    points = terms.round(earning.points * command.refunded, command.bought) - earning.reversed
    whole = earning.qualifying * command.refunded
    qualifying = _round_qualifying(earning, terms)(whole, command.bought) - earning.reversed_qualifying
    return max(0, points), max(0, qualifying)


def _round_qualifying(earning: Earning, terms: Terms) -> Callable[[int, int], int]:
    """A stay or an order counts until it is given back whole, also where tiers go by something else by now."""
    return ROUNDINGS["down"] if earning.month.startswith(("stays/", "orders/")) else terms.round_qualifying
