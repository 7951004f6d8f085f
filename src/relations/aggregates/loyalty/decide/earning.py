"""Rules for purchases that earn points."""

from __future__ import annotations

from relations.aggregates.loyalty.commands import CreditPurchase
from relations.aggregates.loyalty.decide.credits import fulfil_referral
from relations.aggregates.loyalty.decide.forwarding import forward_purchase
from relations.aggregates.loyalty.decide.ledger import Draft, credit_events, defer_lapse, programme_of, within_room
from relations.aggregates.loyalty.decide.tiers import tier_reached_by
from relations.aggregates.loyalty.events.points import PointsEarned
from relations.aggregates.loyalty.lots import purchase_lot
from relations.aggregates.loyalty.state import Account, Ledger
from relations.messages import Event
from relations.policies import Policy, Programme
from relations.policies.calendars import local_time
from relations.policies.loyalty.windows import Inactivity

__all__ = ["credit_purchase"]


def credit_purchase(state: Account, command: CreditPurchase, policy: Policy) -> list[Event]:
    """Credit a purchase in every programme that the customer is a member of."""
    # The most frequent command: it comes with every purchase, mostly of customers who are not members.
    ledgers = state.ledgers
    if not ledgers:
        return []
    if state.merged_into is not None:
        return forward_purchase(state, command)
    if len(ledgers) == 1:
        return _credit(ledgers[0], command, policy)
    return [event for ledger in ledgers for event in _credit(ledger, command, policy)]


def _credit(ledger: Ledger, command: CreditPurchase, policy: Policy) -> list[Event]:
    at, wanted = command.at, command.programme
    lot = f"{command.prefix}purchase/{command.purchase}"
    enrolled_at = ledger.enrolled_at
    if enrolled_at is None or at < enrolled_at or lot in ledger.earnings or ledger.closed_at is not None:
        return []
    programme = policy.programme
    if programme.id != ledger.programme:
        programme = programme_of(policy, ledger.programme)
    if wanted is not None and wanted != programme.id:
        return []
    terms, amount, zone = programme.terms, command.amount, policy.zone
    if not terms.plain or ledger.lapses_at is not None:
        return _credit_by_all_rules(ledger, command, programme, policy)
    paid = programme.earning_amount(amount, command.tenders) if command.tenders else amount.amount
    points, qualifying = terms.earned(paid, amount.currency, command.category, ledger.tier)
    points, qualifying = within_room(ledger, points, qualifying)
    if not points:
        return []
    earned = PointsEarned(
        programme=ledger.programme,
        lot=lot,
        points=points,
        qualifying=qualifying,
        active_from=at,
        reason="purchase",
        policy=policy.version,
        expires_at=programme.expires_at(at, zone),
        source=command.purchase,
        month=local_time(zone).month(at),
        unit=programme.unit if qualifying else "",
    )
    events = credit_events(ledger, earned)
    tier = tier_reached_by(ledger, earned, programme, at)
    if tier is not None:
        events.append(tier)
    return events


def _credit_by_all_rules(ledger: Ledger, command: CreditPurchase, programme: Programme, policy: Policy) -> list[Event]:
    at, zone, amount = command.at, policy.zone, command.amount
    paid = programme.earning_amount(amount, command.tenders)
    credit = programme.credit(paid, amount.currency, command.category, ledger.tier, at=at, zone=zone)
    points, qualifying = within_room(ledger, credit.points, credit.qualifying)
    if not points and not qualifying:
        return []
    draft = Draft(ledger)
    if points:
        defer_lapse(draft, programme, at, zone)
    active_from = programme.active_from(at, zone)
    earned = PointsEarned(
        programme=ledger.programme,
        lot=command.prefix + purchase_lot(command.purchase),
        points=points,
        qualifying=qualifying,
        active_from=active_from,
        earned_at=None if active_from == at else at,
        reason="purchase",
        policy=policy.version,
        expires_at=programme.expires_at(at, zone),
        lapsing=isinstance(programme.expiry, Inactivity),
        source=command.purchase,
        month=local_time(zone).month(at),
        campaigns=credit.campaigns,
        fx=credit.fx,
        unit=programme.unit if qualifying else "",
    )
    tier = tier_reached_by(draft.ledger, earned, programme, at)
    for event in credit_events(draft.ledger, earned):
        draft.add(event)  # type: ignore[arg-type] # both of them are events of the ledger
    if tier is not None:
        draft.add(tier)
    if points and programme.referral is not None and programme.referral.after == "first_purchase":
        fulfil_referral(draft, programme, at, policy, earned.lot)
    return draft.events
