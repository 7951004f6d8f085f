"""How points are earned, taken back by refunds, and put right by hand; joining and leaving."""

from __future__ import annotations

from collections.abc import Callable

from relations.aggregates.loyalty.commands import (
    AdjustPoints,
    CloseAccount,
    CreditPurchase,
    EarnPoints,
    EnrolMember,
    ReopenAccount,
    ReverseEarning,
    RevokeReferral,
)
from relations.aggregates.loyalty.events import (
    AccountClosed,
    AccountReopened,
    CreditForwarded,
    DebtIncurred,
    EarningReversed,
    MemberEnrolled,
    PointsAdjusted,
    PointsEarned,
    PurchaseForwarded,
    ReferralFulfilled,
    ReferralRevoked,
    RefundForwarded,
)
from relations.aggregates.loyalty.evolving_dealings import forwarded_as
from relations.aggregates.loyalty.lots import (
    Earning,
    Lot,
    LotShare,
    VoidedReward,
    came_from,
    issued_to,
    merged_prefix,
    purchase_lot,
    referral_lot,
)
from relations.aggregates.loyalty.settling import (
    Draft,
    credited,
    fitting,
    in_order,
    member_ledger,
    need_member_since,
    need_room,
    programme_of,
    repay,
    settle,
    stay_active,
    take,
    was_inactive,
)
from relations.aggregates.loyalty.state import Account, Ledger
from relations.aggregates.loyalty.tiers import first_tier, reached, refund_costs_tier
from relations.errors import CommandRefused
from relations.messages import Event, from_micros
from relations.policies import Policy, Programme
from relations.policies.calendars import local_time
from relations.policies.programme import Terms
from relations.policies.ratios import ROUNDINGS
from relations.policies.spans import Inactivity, days_after

__all__ = [
    "adjust",
    "close",
    "credit_purchase",
    "earn",
    "enrol",
    "give",
    "join",
    "reopen",
    "reverse_earning",
    "revoke_referral",
]

_DAY = 86_400_000_000


# --- joining and leaving --------------------------------------------------------------------------------------------


def enrol(state: Account, command: EnrolMember, policy: Policy) -> list[Event]:
    """Joins a programme, with the tier that asks for nothing and the points for joining."""
    _need_programme(command.programme, policy)
    ledger = state.ledger(command.programme)
    if state.merged_into is None and ledger.enrolled_at is not None and ledger.closed_at is None:
        return []
    if state.merged_into is not None or ledger.closed_at is not None:
        member_ledger(state, command)  # refuses, and says which
    draft = Draft(ledger)
    join(draft, command.at, policy)
    invited = ledger.dealings.invited
    programme = programme_of(policy, ledger.programme)
    if invited is not None and programme.referral is not None and programme.referral.after == "joining":
        _fulfil(draft, programme, command.at, policy)
    return draft.events


def _need_programme(programme: str, policy: Policy) -> None:
    """Refuse to join what there is not.

    Raises:
        CommandRefused: The policy has no such programme.
    """
    if policy.programme_of(programme) is None:
        known = ", ".join(repr(each.id) for each in policy.every_programme)
        raise CommandRefused(
            f"There is no programme {programme!r}",
            code="unknown_programme",
            field="programme",
            remedy=f"The policy in force has the programme {known}",
        )


def join(draft: Draft, at: int, policy: Policy) -> None:
    """The customer becomes a member."""
    ledger = draft.ledger
    programme = programme_of(policy, ledger.programme)
    draft.add(MemberEnrolled(programme=ledger.programme, enrolled_at=at))
    first = first_tier(ledger, programme, at, policy.zone)
    if first is not None:
        draft.add(first)
    running = [each for each in programme.campaigns if each.joining_points and each.runs(at, policy.zone)]
    points = programme.joining_points + sum(each.joining_points for each in running)
    if points:
        names = tuple(each.id for each in running)
        give(draft, f"joining/{at}", points, "joining", at, policy, campaigns=names)


def close(state: Account, command: CloseAccount, policy: Policy) -> list[Event]:
    """Leaves a programme: what is in the lots is forfeited, what is owed written off, and rewards not used are void.

    A closing settles the account. Whoever comes back begins anew: a refund of what was bought before takes nothing back
    (its points are forfeited already), a redemption from before is not undone, and what qualified counts no more.
    """
    if state.merged_into is None and state.ledger(command.programme).closed_at is not None:
        return []
    draft = Draft(member_ledger(state, command))
    need_member_since(draft.ledger, command)
    _need_all_before(draft.ledger, command)
    settle(draft, command.at)
    ledger = draft.ledger
    lots = tuple(LotShare(name, lot.points) for name, lot in in_order(ledger.lots.items(), ledger.lapses_at))
    draft.add(
        AccountClosed(
            programme=ledger.programme,
            closed_at=command.at,
            points=sum(share.points for share in lots),
            lots=lots,
            debt=ledger.debt,
            reason=command.reason,
            rewards=tuple(
                VoidedReward(name, coupon.reward, coupon.limited)
                for name, coupon in sorted(ledger.dealings.coupons.items())
                if coupon.status == "issued"
            ),
            settled=True,
        )
    )
    return draft.events


def _need_all_before(ledger: Ledger, command: CloseAccount) -> None:
    """Refuse a closing that would forfeit what was earned or spent only after it.

    Raises:
        CommandRefused: It is dated before the latest of that.
    """
    here = {None, *(each.source for each in ledger.dealings.received.values())}
    earned = (each.earned_at for name, each in ledger.earnings.items() if came_from(name) in here)
    latest = max((*earned, *ledger.redeemed_at.values()), default=command.at)
    if command.at < latest:
        raise CommandRefused(
            f"Points were earned or spent until {from_micros(latest):%Y-%m-%d at %H:%M} (UTC)",
            code="out_of_order",
            field="occurred_at",
            remedy="Date the closing after that",
        )


def reopen(state: Account, command: ReopenAccount, policy: Policy) -> list[Event]:
    """Is a member again, with an empty account; nothing where the account is open."""
    ledger = state.ledger(command.programme)
    if state.merged_into is not None or ledger.closed_at is None:
        member_ledger(state, command)
        return []
    if command.at < ledger.closed_at:
        raise CommandRefused(
            "The account was closed only later",
            code="out_of_order",
            field="occurred_at",
            remedy="Date the reopening after the closing",
        )
    draft = Draft(ledger)
    _reopen(draft, command.at, policy)
    return draft.events


def _reopen(draft: Draft, at: int, policy: Policy) -> None:
    draft.add(AccountReopened(programme=draft.ledger.programme, reopened_at=at))
    first = first_tier(draft.ledger, programme_of(policy, draft.ledger.programme), at, policy.zone)
    if first is not None:
        draft.add(first)


# --- earning --------------------------------------------------------------------------------------------------------


def credit_purchase(state: Account, command: CreditPurchase, policy: Policy) -> list[Event]:
    """Credits a purchase in every programme that the customer is a member of."""
    # The commonest command of all: it comes with every purchase, and mostly of customers who are no members.
    ledgers = state.ledgers
    if not ledgers:
        return []
    if state.merged_into is not None:
        return _forward_purchase(state, command)
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
    points, qualifying = terms.earned(amount.amount, amount.currency, command.category, ledger.tier)
    points, qualifying = fitting(ledger, points, qualifying)
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
    events = credited(ledger, earned)
    tier = reached(ledger, earned, programme, at)
    if tier is not None:
        events.append(tier)
    return events


def _credit_by_all_rules(ledger: Ledger, command: CreditPurchase, programme: Programme, policy: Policy) -> list[Event]:
    at, zone, amount = command.at, policy.zone, command.amount
    credit = programme.credit(amount.amount, amount.currency, command.category, ledger.tier, at=at, zone=zone)
    points, qualifying = fitting(ledger, credit.points, credit.qualifying)
    if not points and not qualifying:
        return []
    draft = Draft(ledger)
    if points:
        stay_active(draft, programme, at, zone)
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
    tier = reached(draft.ledger, earned, programme, at)
    for event in credited(draft.ledger, earned):
        draft.add(event)  # type: ignore[arg-type] # both of them are events of the ledger
    if tier is not None:
        draft.add(tier)
    if points and programme.referral is not None and programme.referral.after == "first_purchase":
        _fulfil(draft, programme, at, policy, earned.lot)
    return draft.events


def earn(state: Account, command: EarnPoints, policy: Policy) -> list[Event]:
    """Credits points by hand or for a remedy."""
    if state.merged_into is not None:
        return _forward_credit(state, command)
    ledger = state.ledger(command.programme) if state.ledgers else Ledger(command.programme or policy.programme.id)
    lot = command.prefix + command.lot
    before = ledger.earnings.get(lot)
    if before is not None:
        if (before.points, before.reason, before.source) == (command.points, command.reason, command.source):
            return []
        raise CommandRefused(
            f"The lot {command.lot!r} has already been credited, with {before.points} points for {before.reason}",
            code="lot_exists",
            field="lot",
            remedy="Give each credit a lot id of its own",
        )
    at = command.at
    if not command.lot.startswith("remedy/"):  # a complaint's own remedy has its own limits of authority
        _need_authority(command, ledger, policy)
    draft = Draft(ledger)
    if command.reason == "bonus":
        need_member_since(member_ledger(state, command), command)
    elif ledger.closed_at is not None:
        _reopen(draft, max(at, ledger.closed_at), policy)
    elif ledger.enrolled_at is None:
        _need_programme(ledger.programme, policy)
        join(draft, at, policy)
    need_room(draft.ledger, command.points)
    give(
        draft,
        lot,
        command.points,
        command.reason,
        at,
        policy,
        source=command.source,
        author=command.author,
        role=command.role,
    )
    return draft.events


def _need_authority(command: EarnPoints | AdjustPoints, ledger: Ledger, policy: Policy) -> None:
    """Refuse what is beyond the author's authority by the programme's `adjustment_max` and `authority`.

    Raises:
        CommandRefused: There is a limit, and nobody is named or it is exceeded.
    """
    most = programme_of(policy, ledger.programme).may_adjust(command.role)
    if most is None:
        return
    if command.author is None:
        raise CommandRefused(
            "The programme limits what may be credited by hand, and nobody is named who does it",
            code="author_missing",
            field="author",
            remedy="Name the author, and the role where that has a limit of its own",
        )
    if abs(command.points) > most:
        raise CommandRefused(
            f"{command.author} may adjust {most} points at most, not {abs(command.points)}",
            code="beyond_authority",
            field="points",
            remedy="Let somebody with more authority adjust it",
        )


def give(
    draft: Draft,
    lot: str,
    points: int,
    reason: str,
    at: int,
    policy: Policy,
    *,
    source: str | None = None,
    campaigns: tuple[str, ...] = (),
    author: str | None = None,
    role: str | None = None,
) -> None:
    """A lot that can be spent at once and counts towards no tier; none where the account is full (see `fitting`)."""
    programme = programme_of(policy, draft.ledger.programme)
    points, _ = fitting(draft.ledger, points)
    if not points:
        return
    stay_active(draft, programme, at, policy.zone)
    earned = PointsEarned(
        programme=draft.ledger.programme,
        lot=lot,
        points=points,
        qualifying=0,
        active_from=at,
        reason=reason,
        policy=policy.version,
        expires_at=programme.expires_at(at, policy.zone),
        lapsing=isinstance(programme.expiry, Inactivity),
        source=source,
        month=local_time(policy.zone).month(at),
        campaigns=campaigns,
        author=author,
        role=role,
    )
    for event in credited(draft.ledger, earned):
        draft.add(event)  # type: ignore[arg-type] # both of them are events of the ledger


def _fulfil(draft: Draft, programme: Programme, at: int, policy: Policy, by: str | None = None) -> None:
    """The customer did what a recommendation asks for, if there was one and it is not too late."""
    invited, referral = draft.ledger.dealings.invited, programme.referral
    if invited is None or referral is None or invited.fulfilled:
        return
    last = days_after(policy.zone, local_time(policy.zone).day(invited.at), referral.days_valid + 1)
    if not invited.at <= at < last:
        return
    draft.add(
        ReferralFulfilled(
            programme=draft.ledger.programme, referral=invited.referral, referrer=invited.referrer, lot=by
        )
    )
    if referral.referred_points:
        lot = _invited_under(draft.ledger) + referral_lot(invited.referrer, invited.referral)
        give(draft, lot, referral.referred_points, "referral", at, policy, source=invited.referral)


def _invited_under(ledger: Ledger) -> str:
    """What ids begin with of the merged account that was recommended; nothing where this one was."""
    for each in ledger.dealings.received.values():
        if each.event.holdings.invited is not None and each.before.dealings.invited is None:
            return merged_prefix(each.source)
    return ""


# --- refunds --------------------------------------------------------------------------------------------------------


def reverse_earning(state: Account, command: ReverseEarning, policy: Policy) -> list[Event]:
    """Takes back what the running total of refunds asks for, in every programme that credited the purchase."""
    if command.refunded > command.bought:
        raise CommandRefused(
            f"{command.refunded} was given back of a purchase of {command.bought}",
            code="refund_exceeds_purchase",
            field="refunded",
            remedy="The running total of refunds is at most what was bought",
        )
    if state.merged_into is not None:
        return _forward_refund(state, command)
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
    lot = _invited_under(draft.ledger) + referral_lot(invited.referrer, invited.referral)
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


# --- by hand --------------------------------------------------------------------------------------------------------


def adjust(state: Account, command: AdjustPoints, policy: Policy) -> list[Event]:
    """Puts the account right by hand, within the author's authority."""
    ledger = member_ledger(state, command)
    said = f"{command.points} for {command.reason} by {command.author}"
    before = ledger.dealings.done.get(f"adjustment/{command.adjustment}")
    if before is not None:
        if before == said:
            return []
        raise CommandRefused(
            f"The adjustment {command.adjustment!r} has already been made: {before}",
            code="adjustment_exists",
            field="adjustment",
            remedy="Give each adjustment an id of its own",
        )
    if not command.points:
        raise CommandRefused(
            "An adjustment by nothing", code="nothing_to_adjust", field="points", remedy="Give more or less than 0"
        )
    need_member_since(ledger, command)
    _need_authority(command, ledger, policy)
    draft = Draft(ledger)
    settle(draft, command.at)
    _adjust(draft, command, programme_of(policy, ledger.programme), policy)
    return draft.events


def _adjust(draft: Draft, command: AdjustPoints, programme: Programme, policy: Policy) -> None:
    ledger, at = draft.ledger, command.at
    had = [item for item in ledger.lots.items() if _had_by(item[1], at)]
    shares, missing = take(in_order(had, ledger.lapses_at), max(0, -command.points))
    if missing:
        there = sum(lot.points for _, lot in had)
        raise CommandRefused(
            f"{-command.points} points are more than the {there} that the account has of those earned by then",
            code="insufficient_points",
            field="points",
            remedy="Take fewer points",
        )
    more = command.points > 0
    if more:
        need_room(ledger, command.points)
        stay_active(draft, programme, at, policy.zone)  # as with every credit: the points are to last as long as those
    draft.add(
        PointsAdjusted(
            programme=ledger.programme,
            adjustment=command.adjustment,
            points=command.points,
            reason=command.reason,
            author=command.author,
            role=command.role,
            lots=shares,
            lot=f"adjustment/{command.adjustment}" if more else None,
            active_from=at if more else 0,
            expires_at=programme.expires_at(at, policy.zone) if more else None,
            lapsing=more and isinstance(programme.expiry, Inactivity),
        )
    )
    if draft.ledger.debt:
        repay(draft)


def _had_by(lot: Lot, at: int) -> bool:
    """Whether a lot was there at a moment: an adjustment told late takes nothing that was earned only later."""
    return lot.earned_at <= at and (lot.pending or lot.active_from <= at)


# --- merged accounts ------------------------------------------------------------------------------------------------


def _forward_purchase(state: Account, command: CreditPurchase) -> list[Event]:
    into, prefix = _where(state, command)
    return _once(state, PurchaseForwarded(
        programme=state.ledgers[0].programme, into=into, prefix=prefix,
        purchase=command.purchase, amount=command.amount, category=command.category,
    ))  # fmt: skip


def _forward_refund(state: Account, command: ReverseEarning) -> list[Event]:
    into, prefix = _where(state, command)
    return _once(state, RefundForwarded(
        programme=state.ledgers[0].programme, into=into, prefix=prefix, refund=command.refund,
        purchase=command.purchase, refunded=command.refunded, bought=command.bought,
    ))  # fmt: skip


def _forward_credit(state: Account, command: EarnPoints) -> list[Event]:
    into, prefix = _where(state, command)
    return _once(state, CreditForwarded(
        programme=state.ledger(command.programme).programme, into=into, prefix=prefix, lot=command.lot,
        points=command.points, reason=command.reason, source=command.source,
        author=command.author, role=command.role,
    ))  # fmt: skip


def _where(state: Account, command: CreditPurchase | ReverseEarning | EarnPoints) -> tuple[str, str]:
    """The surviving account, and what ids from here begin with there."""
    assert state.merged_into is not None  # noqa: S101 - only merged accounts forward
    return state.merged_into, merged_prefix(command.customer) + command.prefix


def _once(state: Account, event: PurchaseForwarded | RefundForwarded | CreditForwarded) -> list[Event]:
    what, said = forwarded_as(event)
    return [] if state.ledger(event.programme).dealings.done.get(what) == said else [event]
