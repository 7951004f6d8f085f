"""What points are held in: lots, how they came about, where they went. Plain values that events and commands carry."""

from __future__ import annotations

from typing import Any

import msgspec
from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

__all__ = [
    "Coupon",
    "Earning",
    "GracedLot",
    "Holdings",
    "Invited",
    "Lot",
    "LotShare",
    "Membership",
    "MovedLot",
    "Redemption",
    "TierStanding",
    "VoidedReward",
    "came_from",
    "issued_to",
    "merged_prefix",
    "purchase_lot",
    "referral_lot",
    "remedy_lot",
    "spending_order",
]

_NEVER = 2**63


class _Carried(msgspec.Struct, frozen=True, gc=False):
    """A value that commands carry as well as events."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def parse(value: Any) -> _Carried:
            if isinstance(value, cls):
                return value
            try:
                return msgspec.convert(value, cls)
            except msgspec.ValidationError as error:
                raise ValueError(str(error)) from None

        return core_schema.no_info_plain_validator_function(
            parse, serialization=core_schema.plain_serializer_function_ser_schema(msgspec.to_builtins)
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"title": cls.__name__, "type": "array" if cls.__struct_config__.array_like else "object"}


class LotShare(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How many points of one lot."""

    lot: str
    points: int


class GracedLot(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A lot that came back after its expiry, and until when it can be spent now."""

    lot: str
    expires_at: int


class MovedLot(_Carried, frozen=True, array_like=True, gc=False):
    """Points that leave one account for another, with all that goes with them.

    Attributes:
        lot: The lot's id in the account that the event belongs to.
        points: How many.
        active_from: From when they can be spent, UTC microseconds.
        expires_at: When they expire; None is never.
        earned_at: When they were earned.
    """

    lot: str
    points: int
    active_from: int
    expires_at: int | None
    earned_at: int


class Lot(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What is left of a lot of points. A lot with nothing left is no longer among the account's lots.

    Attributes:
        points: What is left.
        active_from: From when they can be spent, UTC microseconds.
        expires_at: When they expire; None is never, or with the account's inactivity.
        earned_at: When they were earned; of two that expire together the older is spent first.
        pending: Not activated yet.
        lapsing: Expires when the account has been inactive for long enough.
    """

    points: int
    active_from: int
    expires_at: int | None
    earned_at: int = 0
    pending: bool = False
    lapsing: bool = False

    def ends(self, lapses_at: int | None) -> int | None:
        """When it expires, in an account that lapses then."""
        if not self.lapsing or lapses_at is None:
            return self.expires_at
        return lapses_at if self.expires_at is None else min(lapses_at, self.expires_at)

    def expired(self, at: int, lapses_at: int | None = None) -> bool:
        """Whether it can no longer be spent at `at`."""
        ends = self.ends(lapses_at)
        return ends is not None and ends <= at


class Earning(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How a lot came about and what was taken back of it; kept for ever, so that nothing is credited twice.

    Attributes:
        points: Earned.
        qualifying: What was earned of what tiers go by.
        month: In which it qualifies, and in what unit, as in `Ledger.months`.
        reason: purchase, remedy, bonus and so on.
        source: The purchase or complaint.
        active_from: From when the points can be spent, UTC microseconds.
        expires_at: When they expire.
        earned_at: When they were earned.
        lapsing: They expire with the account's inactivity.
        expired: Points of it that expired.
        reversed: Taken back by refunds, from whichever lots, as a debt or shortfall, or `forgone`.
        forgone: Of these, those that had expired already.
        reversed_qualifying: What was taken back of what tiers go by.
        refunds: The refunds that took something back.
    """

    points: int
    qualifying: int
    month: str
    reason: str
    source: str | None
    active_from: int = 0
    expires_at: int | None = None
    earned_at: int = 0
    lapsing: bool = False
    expired: int = 0
    reversed: int = 0
    forgone: int = 0
    reversed_qualifying: int = 0
    refunds: tuple[str, ...] = ()


class Redemption(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a redemption was: to tell a harmless retry from another use of its id, and to give its points back."""

    points: int
    reward: str | None
    lots: tuple[LotShare, ...] = ()
    reversed: bool = False


class Coupon(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A reward that the member has had; `status` is issued, used, expired or void."""

    reward: str
    points: int
    expires_at: int | None
    limited: bool
    status: str = "issued"


class VoidedReward(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A reward that ends unused because the account does."""

    coupon: str
    reward: str
    limited: bool


class Membership(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """From when a customer is a member, and when they left; UTC microseconds, None where they did not."""

    enrolled_at: int | None
    closed_at: int | None


class TierStanding(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a tier rests on.

    Attributes:
        since: Since when the member has it, UTC microseconds.
        month: The last month of the window that it was earned in.
        reviewed: When it was last reviewed or reached.
        warned: The loss that was warned of last.
        grace_until: Until when it is kept though it is no longer earned.
    """

    since: int = 0
    month: str = ""
    reviewed: int = 0
    warned: int | None = None
    grace_until: int | None = None


class Invited(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Who recommended the programme to this customer, when, and whether it has come to something; by which lot."""

    referral: str
    referrer: str
    at: int
    fulfilled: bool = False
    lot: str | None = None


class Holdings(_Carried, frozen=True, gc=False, omit_defaults=True):
    """All that one account has in one programme, as it moves from one account to another.

    Attributes:
        enrolled_at: Since when the customer is a member, UTC microseconds.
        lots: Lots with points left.
        earnings: Every lot that ever was.
        redemptions: Every redemption.
        coupons: Every reward issued.
        months: What qualifies for tiers, by unit and month.
        month: The latest month that any event spoke of.
        debt: Points owed.
        lapses_at: When what lapses with inactivity does.
        tier: The present one.
        tier_since: Since when.
        tier_month: The last month of the window that it was earned in.
        reviewed: When it was last reviewed.
        warned: The loss that was warned of last.
        grace_until: Until when the member keeps a tier that is no longer earned.
        closed_at: When the account was closed; it then brings no membership with it.
        clubs: The clubs that the member is in.
        referrals: Recommendations made that were worth nothing yet: whom, by id.
        rewarded: How many recommendations were rewarded.
        invited: Who recommended the programme to the customer.
        idle_months: After how many months of inactivity it lapses.
        redeemed_at: When redemptions were made that put that off.
    """

    enrolled_at: int | None = None
    lots: dict[str, Lot] = {}
    earnings: dict[str, Earning] = {}
    redemptions: dict[str, Redemption] = {}
    coupons: dict[str, Coupon] = {}
    months: dict[str, int] = {}
    month: str = ""
    debt: int = 0
    lapses_at: int | None = None
    tier: str | None = None
    tier_since: int = 0
    tier_month: str = ""
    reviewed: int = 0
    warned: int | None = None
    grace_until: int | None = None
    closed_at: int | None = None
    clubs: tuple[str, ...] = ()
    referrals: dict[str, str] = {}
    rewarded: int = 0
    invited: Invited | None = None
    idle_months: int = 0
    redeemed_at: dict[str, int] = {}

    @property
    def member_since(self) -> int | None:
        """Since when the customer is a member, who has not left again."""
        return self.enrolled_at if self.closed_at is None else None

    @property
    def points(self) -> int:
        """Points in lots, less points owed."""
        return sum(lot.points for lot in self.lots.values()) - self.debt


def purchase_lot(purchase: str) -> str:
    """The id of the lot that a purchase earns."""
    return f"purchase/{purchase}"


def remedy_lot(complaint: str, remedy: str) -> str:
    """The id of the lot that a complaint's remedy in points gives."""
    return f"remedy/{complaint}/{remedy}"


def referral_lot(referrer: str, referral: str) -> str:
    """The id of the lot that a referral gives, in either account."""
    return f"referral/{referrer}/{referral}"


def merged_prefix(customer: str) -> str:
    """What the ids of lots begin with that came with another account, whose ids may be the same as one's own."""
    return f"merged/{customer}/"


def came_from(name: str) -> str | None:
    """The customer whose account something came from that bears `merged/<customer>/`; None where it is one's own."""
    parts = name.split("/", 2)
    return parts[1] if len(parts) == 3 and parts[0] == "merged" else None


def issued_to(customer: str, coupon: str) -> tuple[str, str]:
    """Whom a reward was given to, and its id there: `merged/c2/k` of c1 is `k` of c2, whoever holds it now."""
    while (source := came_from(coupon)) is not None:
        customer, coupon = source, coupon.removeprefix(merged_prefix(source))
    return customer, coupon


def spending_order(item: tuple[str, Lot], lapses_at: int | None = None) -> tuple[int, int, str]:
    """The key that sorts lots for spending: soonest to expire (never is last), then oldest, then by id."""
    name, lot = item
    ends = lot.ends(lapses_at)
    return (_NEVER if ends is None else ends, lot.earned_at, name)
