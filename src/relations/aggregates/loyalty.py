"""A member's account: a ledger of lots, in whole points.

Stream `loyalty-<customer id>`. Order of this module: events, commands, state, evolve, decide.

What was recorded is never decided again: a command that arrives late finds the account as it stands, and its business
time says only which lots it may spend, which have expired by then, and in which month it earns. Where several commands
come with the wrong order of times, each is right by the account it found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from immutables import Map
from msgspec.structs import replace
from pydantic import Field, StringConstraints

from relations.decider import Aggregate, Decider
from relations.errors import CommandRefused
from relations.messages import Command, Event, Id, Label, Money, from_micros
from relations.policies import Policy, Programme
from relations.policies.calendars import local_time

__all__ = [
    "AGGREGATE",
    "Account",
    "CreditPurchase",
    "DebtIncurred",
    "DebtRepaid",
    "EarnPoints",
    "Earning",
    "EarningReversed",
    "EnrolMember",
    "EvaluateTier",
    "ExpirePoints",
    "Lot",
    "LotShare",
    "LoyaltyCommand",
    "MemberEnrolled",
    "PointsEarned",
    "PointsExpired",
    "PointsRedeemed",
    "RedeemPoints",
    "Redemption",
    "ReverseEarning",
    "TierLost",
    "TierReached",
    "purchase_lot",
    "remedy_lot",
    "spending_order",
]

# --- events ---------------------------------------------------------------------------------------------------------


class LotShare(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How many points of one lot."""

    lot: str
    points: int


class MemberEnrolled(Event, frozen=True):
    """The customer joined the programme.

    Attributes:
        enrolled_at: From when purchases earn, UTC microseconds.
    """

    topic: ClassVar[str] = "loyalty.member_enrolled"
    programme: str
    enrolled_at: int = 0


class PointsEarned(Event, frozen=True):
    """A lot of points was credited.

    Attributes:
        lot: The lot's id, unique in the account.
        points: Spendable points, more than 0.
        qualifying: Points that count towards a tier.
        active_from: From when they can be spent, UTC microseconds.
        expires_at: When what is left of them expires (then no longer spendable), UTC microseconds; None is never.
        reason: purchase, remedy or bonus.
        source: The purchase or complaint that they were earned by.
        policy: The version of the policy that they were earned under.
        month: The month in which they qualify, in the policy's zone, as `2024-05`.
    """

    topic: ClassVar[str] = "loyalty.points_earned"
    lot: str
    points: int
    qualifying: int
    active_from: int
    reason: str
    policy: int
    expires_at: int | None = None
    source: str | None = None
    month: str = ""


class PointsRedeemed(Event, frozen=True):
    """Points were spent: soonest to expire first, then oldest, then by lot id."""

    topic: ClassVar[str] = "loyalty.points_redeemed"
    redemption: str
    points: int
    lots: tuple[LotShare, ...]
    reward: str | None = None


class PointsExpired(Event, frozen=True):
    """What was left of these lots is gone."""

    topic: ClassVar[str] = "loyalty.points_expired"
    points: int
    lots: tuple[LotShare, ...]


class EarningReversed(Event, frozen=True):
    """A refund took points back from the lots named.

    Attributes:
        refund: The refund that did it; one refund reverses once.
        purchase: The purchase refunded.
        points: Taken from lots now.
        qualifying: Qualifying points taken back.
        lots: The lots that gave them: the purchase's own first, then others in spending order.
        expired: Taken back as well, and nobody's loss: the purchase's own lot had let them expire already.
        shortfall: Taken back as well, though no lot could give it: a debt of its own event, or by policy forgone.
        month: The month in which the purchase qualified, and now qualifies for less.
    """

    topic: ClassVar[str] = "loyalty.earning_reversed"
    refund: str
    purchase: str
    points: int
    qualifying: int
    lots: tuple[LotShare, ...]
    expired: int = 0
    shortfall: int = 0
    month: str = ""


class DebtIncurred(Event, frozen=True):
    """The account owes points: a refund came after they were spent."""

    topic: ClassVar[str] = "loyalty.debt_incurred"
    points: int
    refund: str


class DebtRepaid(Event, frozen=True):
    """Part of a new lot went to repay a debt."""

    topic: ClassVar[str] = "loyalty.debt_repaid"
    points: int
    lot: str


class TierReached(Event, frozen=True):
    """The member rose to a tier.

    Attributes:
        qualifying: The qualifying points that earned it.
        month: The last month of the window that they were counted in.
    """

    topic: ClassVar[str] = "loyalty.tier_reached"
    tier: str
    qualifying: int
    previous: str | None = None
    month: str = ""


class TierLost(Event, frozen=True):
    """The member fell from a tier, to `next` or to none.

    Attributes:
        qualifying: The qualifying points that are left in the window.
        month: The last month of that window.
    """

    topic: ClassVar[str] = "loyalty.tier_lost"
    tier: str
    qualifying: int
    next: str | None = None
    month: str = ""


# --- commands -------------------------------------------------------------------------------------------------------

Points = Annotated[int, Field(strict=True, gt=0, le=10**12)]
LotId = Annotated[
    str, StringConstraints(pattern=r"^(remedy/[A-Za-z0-9._:\-]{1,64}/)?[A-Za-z0-9._:\-]{1,64}$", max_length=136)
]
"""A lot's id: the host's own, or `remedy/<complaint>/<remedy>`. A purchase's lot is `purchase/<purchase>`, which no
caller can take, for an id has no slash."""


class LoyaltyCommand(Command):
    """A command to one member's account."""

    customer: Id

    @property
    def stream(self) -> str:
        return f"loyalty-{self.customer}"


class EnrolMember(LoyaltyCommand):
    """Join the programme."""

    programme: Id = "main"


class EarnPoints(LoyaltyCommand):
    """Credit points by hand, or for a remedy.

    A remedy's points are owed to the customer: where they are no member, they become one. A bonus is for members.
    """

    lot: LotId
    points: Points
    reason: Literal["bonus", "remedy"] = "bonus"
    source: Id | None = None


class CreditPurchase(LoyaltyCommand):
    """Credit what the programme gives for a purchase. Nothing happens where the customer is no member."""

    purchase: Id
    amount: Money
    category: Label | None = None


class ReverseEarning(LoyaltyCommand):
    """Take back what a refunded purchase had earned, on the running total of its refunds.

    Attributes:
        refunded: Given back of the purchase so far, this refund included, in minor units.
        bought: What the purchase was worth, in minor units.
    """

    refund: Id
    purchase: Id
    refunded: Annotated[int, Field(ge=0)]
    bought: Annotated[int, Field(ge=0)]


class RedeemPoints(LoyaltyCommand):
    """Spend points."""

    redemption: Id
    points: Points
    reward: Label | None = None


class ExpirePoints(LoyaltyCommand):
    """Let every lot go that has expired by `occurred_at`. The agenda says when this is due."""


class EvaluateTier(LoyaltyCommand):
    """Hold the tier against the window that ends at `occurred_at`. The agenda says when this is due."""


# --- state ----------------------------------------------------------------------------------------------------------


class Lot(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What is left of a lot of points. A lot with nothing left is no longer among the account's lots."""

    points: int
    active_from: int
    expires_at: int | None

    def expired(self, at: int) -> bool:
        """Whether it can no longer be spent at `at`."""
        return self.expires_at is not None and self.expires_at <= at


class Earning(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How a lot came about and what was taken back of it; kept for ever, so that nothing is credited twice.

    Attributes:
        points: Earned.
        qualifying: Qualifying points earned.
        month: In which they qualify.
        reason: purchase, remedy or bonus.
        source: The purchase or complaint.
        expired: Points of it that expired.
        reversed: Taken back by refunds, from whichever lots, as a debt or shortfall, or `forgone`.
        forgone: Of these, those that had expired already.
        reversed_qualifying: Qualifying points taken back.
        refunds: The refunds that took something back.
    """

    points: int
    qualifying: int
    month: str
    reason: str
    source: str | None
    expired: int = 0
    reversed: int = 0
    forgone: int = 0
    reversed_qualifying: int = 0
    refunds: tuple[str, ...] = ()


class Redemption(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a redemption was, to tell a harmless retry from another use of its id."""

    points: int
    reward: str | None


class Account(msgspec.Struct, frozen=True, gc=False):
    """A member's account; that of a customer who is no member is empty.

    Attributes:
        enrolled_at: Since when, UTC microseconds; None is not a member.
        lots: Lots with points left, by id.
        earnings: Every lot that ever was, by id.
        redemptions: Every redemption, by id.
        months: Qualifying points by month, less what refunds took back.
        qualified: The sum of `months`.
        month: The latest month that any event spoke of: late arrivals are held against it, not against their own.
        tier: The present one.
        debt: Points owed.
    """

    enrolled_at: int | None = None
    lots: Map[str, Lot] = Map()
    earnings: Map[str, Earning] = Map()
    redemptions: Map[str, Redemption] = Map()
    months: Map[str, int] = Map()
    qualified: int = 0
    month: str = ""
    tier: str | None = None
    debt: int = 0

    @property
    def balance(self) -> int:
        """Points in lots, less points owed."""
        return sum(lot.points for lot in self.lots.values()) - self.debt


# --- evolve ---------------------------------------------------------------------------------------------------------


def evolve(state: Account, event: Event) -> Account:
    """The account after an event."""
    match event:
        case PointsEarned():
            return _earned(state, event)
        case PointsRedeemed():
            redemption = Redemption(event.points, event.reward)
            return replace(
                state,
                lots=_without(state.lots, event.lots),
                redemptions=state.redemptions.set(event.redemption, redemption),
            )
        case PointsExpired():
            return _expired(state, event)
        case EarningReversed():
            return _reversed(state, event)
        case DebtIncurred():
            return replace(state, debt=state.debt + event.points)
        case DebtRepaid():
            repaid = (LotShare(event.lot, event.points),)
            return replace(state, debt=state.debt - event.points, lots=_without(state.lots, repaid))
        case TierReached():
            return replace(state, tier=event.tier, month=max(state.month, event.month))
        case TierLost():
            return replace(state, tier=event.next, month=max(state.month, event.month))
        case MemberEnrolled():
            return replace(state, enrolled_at=event.enrolled_at)
        case _:
            return state


def _earned(state: Account, event: PointsEarned) -> Account:
    qualifying, month = event.qualifying, event.month
    earning = Earning(event.points, qualifying, month, event.reason, event.source)
    lots = state.lots.set(event.lot, Lot(event.points, event.active_from, event.expires_at))
    earnings = state.earnings.set(event.lot, earning)
    if not qualifying:
        return replace(state, lots=lots, earnings=earnings)
    months = state.months
    return replace(
        state,
        lots=lots,
        earnings=earnings,
        months=months.set(month, months.get(month, 0) + qualifying),
        qualified=state.qualified + qualifying,
        month=max(month, state.month),
    )


def _expired(state: Account, event: PointsExpired) -> Account:
    earnings = state.earnings
    for share in event.lots:
        earning = earnings.get(share.lot)
        if earning is not None:
            earnings = earnings.set(share.lot, replace(earning, expired=earning.expired + share.points))
    return replace(state, lots=_without(state.lots, event.lots), earnings=earnings)


def _reversed(state: Account, event: EarningReversed) -> Account:
    lots = _without(state.lots, event.lots)
    own = purchase_lot(event.purchase)
    earning = state.earnings.get(own)
    if earning is None:
        return replace(state, lots=lots)
    taken = replace(
        earning,
        reversed=earning.reversed + event.points + event.expired + event.shortfall,
        forgone=earning.forgone + event.expired,
        reversed_qualifying=earning.reversed_qualifying + event.qualifying,
        refunds=(*earning.refunds, event.refund),
    )
    months = state.months
    return replace(
        state,
        lots=lots,
        earnings=state.earnings.set(own, taken),
        months=months.set(earning.month, months.get(earning.month, 0) - event.qualifying),
        qualified=state.qualified - event.qualifying,
    )


def _without(lots: Map[str, Lot], shares: Iterable[LotShare]) -> Map[str, Lot]:
    for share in shares:
        lot = lots.get(share.lot)
        if lot is not None:
            left = lot.points - share.points
            lots = lots.set(share.lot, Lot(left, lot.active_from, lot.expires_at)) if left else lots.delete(share.lot)
    return lots


# --- decide ---------------------------------------------------------------------------------------------------------

_NEVER = 2**63


def purchase_lot(purchase: str) -> str:
    """The id of the lot that a purchase earns."""
    return f"purchase/{purchase}"


def remedy_lot(complaint: str, remedy: str) -> str:
    """The id of the lot that a complaint's remedy in points gives."""
    return f"remedy/{complaint}/{remedy}"


def spending_order(item: tuple[str, Lot]) -> tuple[int, int, str]:
    """The key that sorts lots for spending: soonest to expire (never is last), then oldest, then by id."""
    name, lot = item
    return (_NEVER if lot.expires_at is None else lot.expires_at, lot.active_from, name)


def decide(state: Account, command: Command, policy: Policy) -> list[Event]:
    """What a command leads to.

    Raises:
        CommandRefused: A rule forbids the command.
    """
    return _RULES[type(command)](state, command, policy)


def _enrol(state: Account, command: EnrolMember, policy: Policy) -> list[Event]:
    programme = policy.programme
    if command.programme != programme.id:
        raise CommandRefused(
            f"There is no programme {command.programme!r}",
            code="unknown_programme",
            field="programme",
            remedy=f"The policy in force has the programme {programme.id!r}",
        )
    return [] if state.enrolled_at is not None else _joined(command.at, policy)


def _joined(at: int, policy: Policy) -> list[Event]:
    events: list[Event] = [MemberEnrolled(programme=policy.programme.id, enrolled_at=at)]
    first = policy.programme.terms.tier(0)
    if first is not None:
        events.append(TierReached(tier=first, qualifying=0, month=local_time(policy.zone).month(at)))
    return events


def _credit_purchase(state: Account, command: CreditPurchase, policy: Policy) -> list[Event]:
    # The commonest command of all: it comes with every purchase, and mostly of customers who are no members.
    if state.enrolled_at is None:
        return []
    at = command.at
    lot = purchase_lot(command.purchase)
    if at < state.enrolled_at or lot in state.earnings:
        return []
    programme, amount = policy.programme, command.amount
    points, qualifying = programme.terms.earned(amount.amount, amount.currency, command.category, state.tier)
    if not points:
        return []
    earned = PointsEarned(
        lot=lot,
        points=points,
        qualifying=qualifying,
        active_from=at,
        reason="purchase",
        policy=policy.version,
        expires_at=programme.expires_at(at, policy.zone),
        source=command.purchase,
        month=local_time(policy.zone).month(at),
    )
    events = _credited(state, earned)
    reached = _reached(state, earned, programme)
    if reached is not None:
        events.append(reached)
    return events


def _earn(state: Account, command: EarnPoints, policy: Policy) -> list[Event]:
    before = state.earnings.get(command.lot)
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
    events: list[Event] = []
    if command.reason == "bonus":
        _need_member_since(state, command, at)
    elif state.enrolled_at is None:
        events = _joined(at, policy)
    earned = PointsEarned(
        lot=command.lot,
        points=command.points,
        qualifying=0,
        active_from=at,
        reason=command.reason,
        policy=policy.version,
        expires_at=policy.programme.expires_at(at, policy.zone),
        source=command.source,
        month=local_time(policy.zone).month(at),
    )
    return events + _credited(state, earned)


def _credited(state: Account, earned: PointsEarned) -> list[Event]:
    if not state.debt:
        return [earned]
    return [earned, DebtRepaid(points=min(state.debt, earned.points), lot=earned.lot)]


def _reverse_earning(state: Account, command: ReverseEarning, policy: Policy) -> list[Event]:
    """Takes back what the running total of refunds asks for, less what earlier refunds of the purchase took.

    First from the purchase's own lot. What has expired of that lot needs no taking back: had the purchase never been,
    those points would not be there either, and their expiry gave nobody anything. Then from other lots, and what no
    lot can give is the shortfall.
    """
    if command.refunded > command.bought:
        raise CommandRefused(
            f"{command.refunded} was given back of a purchase of {command.bought}",
            code="refund_exceeds_purchase",
            field="refunded",
            remedy="The running total of refunds is at most what was bought",
        )
    own = purchase_lot(command.purchase)
    earning = state.earnings.get(own)
    if earning is None or not command.refunded or command.refund in earning.refunds:
        return []
    take, qualifying = _still_to_take(earning, command, policy.programme)
    if not take and not qualifying:
        return []
    events, state = _let_expire(state, command.at)
    earning = state.earnings[own]
    lots = sorted(state.lots.items(), key=lambda item: (item[0] != own, spending_order(item)))
    # A lot expires whole, so where points of it have expired, nothing of it is left to take first.
    expired = min(take, earning.expired - earning.forgone)
    shares, shortfall = _take(lots, take - expired)
    reversal = EarningReversed(
        refund=command.refund,
        purchase=command.purchase,
        points=take - expired - shortfall,
        qualifying=qualifying,
        lots=shares,
        expired=expired,
        shortfall=shortfall,
        month=earning.month,
    )
    events.append(reversal)
    if shortfall and policy.programme.refund_shortfall == "debt":
        events.append(DebtIncurred(points=shortfall, refund=command.refund))
    if qualifying:
        events += _tier_change(_reversed(state, reversal), command.at, policy)
    return events


def _still_to_take(earning: Earning, command: ReverseEarning, programme: Programme) -> tuple[int, int]:
    """Points and qualifying points that the running total of refunds asks for beyond what was taken before.

    None where refunds arrive in another order than they were made, or a changed policy rounds to less: what an
    earlier refund took stays taken.
    """
    rounded = programme.terms.round
    points = rounded(earning.points * command.refunded, command.bought) - earning.reversed
    qualifying = rounded(earning.qualifying * command.refunded, command.bought) - earning.reversed_qualifying
    return max(0, points), max(0, qualifying)


def _redeem(state: Account, command: RedeemPoints, policy: Policy) -> list[Event]:
    before = state.redemptions.get(command.redemption)
    if before is not None:
        if before == Redemption(command.points, command.reward):
            return []
        raise CommandRefused(
            f"The redemption {command.redemption!r} has already been made, of {before.points} points",
            code="redemption_exists",
            field="redemption",
            remedy="Give each redemption an id of its own",
        )
    _need_member(state, command)
    at = command.at
    events, state = _let_expire(state, at)
    lots = sorted((item for item in state.lots.items() if item[1].active_from <= at), key=spending_order)
    spendable = sum(lot.points for _, lot in lots) - state.debt
    if command.points > spendable:
        raise CommandRefused(
            f"{command.points} points are more than the {max(spendable, 0)} that can be spent"
            + (f"; the account owes {state.debt}" if state.debt else ""),
            code="insufficient_points",
            field="points",
            remedy="Redeem fewer points",
        )
    shares, _ = _take(lots, command.points)
    redeemed = PointsRedeemed(redemption=command.redemption, points=command.points, lots=shares, reward=command.reward)
    return [*events, redeemed]


def _expire(state: Account, command: ExpirePoints, _policy: Policy) -> list[Event]:
    return _let_expire(state, command.at)[0]


def _let_expire(state: Account, at: int) -> tuple[list[Event], Account]:
    """Every lot that has expired by `at` goes; the event, if there is one, and the account after it."""
    due = sorted((item for item in state.lots.items() if item[1].expired(at)), key=spending_order)
    if not due:
        return [], state
    shares = tuple(LotShare(name, lot.points) for name, lot in due)
    event = PointsExpired(points=sum(share.points for share in shares), lots=shares)
    return [event], _expired(state, event)


def _take(lots: Iterable[tuple[str, Lot]], points: int) -> tuple[tuple[LotShare, ...], int]:
    """Takes points from lots in their order; from which, and how many there were too few."""
    shares: list[LotShare] = []
    for name, lot in lots:
        if not points:
            break
        taken = min(points, lot.points)
        shares.append(LotShare(name, taken))
        points -= taken
    return tuple(shares), points


def _need_member(state: Account, command: LoyaltyCommand) -> None:
    if state.enrolled_at is None:
        raise CommandRefused(
            f"Customer {command.customer} is not a member of the programme",
            code="not_a_member",
            field="customer",
            remedy="Enrol them first",
        )


def _need_member_since(state: Account, command: LoyaltyCommand, at: int) -> None:
    _need_member(state, command)
    if state.enrolled_at is not None and at < state.enrolled_at:
        raise CommandRefused(
            f"Customer {command.customer} joined the programme only on {from_micros(state.enrolled_at):%Y-%m-%d}",
            code="before_enrolment",
            field="occurred_at",
            remedy="Date it from that day on",
        )


def _qualifying(state: Account, window: tuple[str, ...] | None) -> int:
    """The qualifying points of these months, or of all."""
    if window is None:
        return state.qualified
    points = state.months.get
    return sum([points(month, 0) for month in window])


def _reached(state: Account, earned: PointsEarned, programme: Programme) -> TierReached | None:
    """The tier that an earning leads to. Only upwards: that time has moved the window on is for `EvaluateTier`."""
    terms = programme.terms
    rank = terms.rank(state.tier) + 1
    # Most earnings lead to no tier, and the sum over all time says so without a look at the window.
    if rank == len(terms.thresholds) or state.qualified + earned.qualifying < terms.thresholds[rank]:
        return None
    month = max(state.month, earned.month)
    window = programme.tier_window.months(month)
    total = _qualifying(state, window)
    if window is None or earned.month in window:
        total += earned.qualifying
    if total < terms.thresholds[rank]:
        return None
    tier = terms.tier(total)
    assert tier is not None  # noqa: S101 - the threshold of at least this rank is met
    return TierReached(tier=tier, qualifying=total, previous=state.tier, month=month)


def _tier_change(state: Account, at: int, policy: Policy) -> list[Event]:
    """Holds the tier against the window that ends at `at`, or at the latest month seen where that is later."""
    programme = policy.programme
    terms = programme.terms
    month = max(state.month, local_time(policy.zone).month(at))
    total = _qualifying(state, programme.tier_window.months(month))
    tier = terms.tier(total)
    if tier == state.tier:
        return []
    if tier is not None and terms.rank(tier) > terms.rank(state.tier):
        return [TierReached(tier=tier, qualifying=total, previous=state.tier, month=month)]
    assert state.tier is not None  # noqa: S101 - below no tier there is none
    return [TierLost(tier=state.tier, qualifying=total, next=tier, month=month)]


def _evaluate_tier(state: Account, command: EvaluateTier, policy: Policy) -> list[Event]:
    return [] if state.enrolled_at is None else _tier_change(state, command.at, policy)


# By class and not by `match`: isinstance against a pydantic class runs Python code for every class that it is not.
_RULES: dict[type[Command], Callable[[Account, Any, Policy], list[Event]]] = {
    CreditPurchase: _credit_purchase,
    EnrolMember: _enrol,
    EarnPoints: _earn,
    ReverseEarning: _reverse_earning,
    RedeemPoints: _redeem,
    ExpirePoints: _expire,
    EvaluateTier: _evaluate_tier,
}


AGGREGATE = Aggregate(
    name="loyalty",
    decider=Decider(Account(), decide, evolve),
    events=(
        MemberEnrolled,
        PointsEarned,
        PointsRedeemed,
        PointsExpired,
        EarningReversed,
        DebtIncurred,
        DebtRepaid,
        TierReached,
        TierLost,
    ),
    commands=tuple(_RULES),
    customer=lambda _state, command: command.customer,
    state=Account,
)
