"""Lots of points, their origin and their use, as plain values that events and commands carry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_origin, get_type_hints

import msgspec
from msgspec.structs import replace
from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from relations.aggregates.maps import EMPTY

__all__ = [
    "Coupon",
    "Earning",
    "GracedLot",
    "Holdings",
    "Invited",
    "LedgerContents",
    "LostTier",
    "Lot",
    "LotShare",
    "Membership",
    "MovedLot",
    "Redemption",
    "RestoredLot",
    "Revoked",
    "Taking",
    "TierStanding",
    "VoidedReward",
    "came_from",
    "from_holdings",
    "issued_to",
    "merged_prefix",
    "purchase_lot",
    "referral_lot",
    "remedy_lot",
    "spending_order",
    "to_holdings",
    "under_prefix",
]

_NEVER = 2**63
T = TypeVar("T")


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
    """A number of points of one lot."""

    lot: str
    points: int


class GracedLot(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A lot that came back after its expiry, with the end of its grace."""

    lot: str
    expires_at: int


class MovedLot(_Carried, frozen=True, array_like=True, gc=False):
    """Points that leave one account for another, with all that goes with them.

    Attributes:
        lot: The lot's id in the account that the event belongs to.
        points: The number of points.
        active_from: When they can first be spent, UTC microseconds.
        expires_at: When they expire; None is never.
        earned_at: When they were earned.
    """

    lot: str
    points: int
    active_from: int
    expires_at: int | None
    earned_at: int


class Lot(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The rest of a lot of points. A lot without points is no longer among the account's lots.

    Attributes:
        points: What is left.
        active_from: When they can first be spent, UTC microseconds.
        expires_at: When they expire; None is never, or with the account's inactivity.
        earned_at: When they were earned. Of two lots that expire together, the older is spent first.
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
        """Return when it expires, in an account that lapses at `lapses_at`."""
        if not self.lapsing or lapses_at is None:
            return self.expires_at
        return lapses_at if self.expires_at is None else min(lapses_at, self.expires_at)

    def expired(self, at: int, lapses_at: int | None = None) -> bool:
        """Return whether it can no longer be spent at `at`."""
        ends = self.ends(lapses_at)
        return ends is not None and ends <= at


class TierStanding(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The dates that a member's tier depends on.

    Attributes:
        since: When the member reached it, UTC microseconds.
        month: The last month of the window that it was earned in.
        reviewed: When it was last reviewed or reached.
        warned: The moment of the loss that the latest warning announced.
        grace_until: When the grace for a tier that is no longer earned ends.
    """

    since: int = 0
    month: str = ""
    reviewed: int = 0
    warned: int | None = None
    grace_until: int | None = None


class Taking(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The points of an earning that one refund took back, and their lots. Reversing the refund gives them back.

    Attributes:
        refund: The refund's id.
        lots: The lots that points were taken from, in that order.
        expired: Points that had expired before.
        shortfall: Points that no lot had.
        owed: The shortfall became a debt.
        missed: The clock of missing points after it (see `LedgerContents.missed`).
    """

    refund: str
    lots: tuple[LotShare, ...] = ()
    expired: int = 0
    shortfall: int = 0
    owed: bool = False
    missed: int = 0


class Earning(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The origin of a lot and everything taken back of it. It is kept for ever, so that nothing is credited twice.

    Attributes:
        points: Earned.
        qualifying: What it counts towards a tier.
        month: The unit and month in which it qualifies, as in `Ledger.months`.
        reason: purchase, remedy, bonus and so on.
        source: The purchase or complaint.
        active_from: When the points can first be spent, UTC microseconds.
        expires_at: When they expire.
        earned_at: When they were earned.
        lapsing: They expire with the account's inactivity.
        expired: Points of it that expired.
        reversed: Taken back by refunds, from whichever lots, as a debt or shortfall, or `forgone`.
        forgone: Of these, those that had expired already.
        reversed_qualifying: What was taken back of `qualifying`.
        refunds: The refunds that took something back and still stand.
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
    """A redemption, kept to recognise a retry and to give its points back."""

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
    """The times at which a customer joined and left, UTC microseconds; None if they did not."""

    enrolled_at: int | None
    closed_at: int | None


class LostTier(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The tier that a refund cost, and its standing before; valid until the tier changes again.

    Attributes:
        refund: The refund's id.
        tier: The tier lost.
        standing: Its standing before the refund.
    """

    refund: str
    tier: str
    standing: TierStanding


class RestoredLot(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Points that go back to a lot, with all that the lot was.

    Attributes:
        lot: The lot's id.
        points: The points that go back.
        active_from: When they can be spent, UTC microseconds.
        expires_at: When they expire, UTC microseconds; None means never, or with the account's inactivity.
        earned_at: When they were earned, UTC microseconds.
        lapsing: They expire with the account's inactivity.
        pending: They are not active yet.
        reason: Why they were credited.
        source: The purchase, complaint or referral that they were earned by.
    """

    lot: str
    points: int
    active_from: int
    expires_at: int | None
    earned_at: int
    lapsing: bool = False
    pending: bool = False
    reason: str = ""
    source: str | None = None


class Invited(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The referral that brought this customer.

    Attributes:
        referral: The referral's id.
        referrer: The member who made it.
        at: When it was made, UTC microseconds.
        fulfilled: The customer did what the referral asks for.
        lot: The lot of the purchase that fulfilled it; None where joining did, or a refund revoked it.
    """

    referral: str
    referrer: str
    at: int
    fulfilled: bool = False
    lot: str | None = None


class Revoked(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A referral of this customer that a refund revoked.

    Attributes:
        lot: The lot of the purchase that had fulfilled it.
        refund: The refund's id.
    """

    lot: str
    refund: str


class LedgerContents(msgspec.Struct, frozen=True, gc=False):
    """Everything that a customer has in one programme. A ledger holds it, and a merge moves it.

    This is the one place that declares what a ledger holds. `relations.aggregates.loyalty.evolve.merges` says for each
    field how two ledgers become one, and a test compares the two lists.

    Attributes:
        enrolled_at: When the customer joined, UTC microseconds; None means not a member.
        lots: Lots with points left, by id.
        earnings: Every lot ever credited, by id.
        redemptions: Every redemption, by id.
        coupons: Every reward issued, by coupon.
        months: What qualifies for tiers, by unit and month (see `counted_as`), less what refunds took back.
        month: The latest month that any event named. Late arrivals are compared with it, not with their own month.
        debt: Points owed.
        lapses_at: When lots that expire with inactivity expire, UTC microseconds.
        tier: The present tier.
        tier_since: When the member reached it, UTC microseconds.
        tier_month: The last month of the window that it was earned in.
        reviewed: When it was last reviewed or reached, UTC microseconds.
        warned: The moment of the loss that the latest warning announced, UTC microseconds.
        grace_until: When the grace for a tier no longer earned ends, UTC microseconds.
        closed_at: When the account was closed, UTC microseconds; None means open.
        clubs: The clubs that the member is in.
        referrals: Referrals made: the referred customer, by id.
        rewarded: The number of these that were rewarded, less those taken back.
        invited: The referral that brought this customer.
        idle_months: The months of inactivity after which lots lapse; 0 where that was not recorded.
        redeemed_at: When redemptions and rewards were made, by id, UTC microseconds. Events recorded before they
            carried the time are left out.
        missed: All points that refunds ever found missing, as a clock: what was missing later was spent before.
        shortfall: What is left of that, neither owed nor set against points that came back.
        missed_before: The value of `missed` when each redemption was made, by id, where it was not 0.
        lost_tier: The tier that the latest refund cost, until the tier changes again.
        takings: What refunds that still stand took of each earning, by lot. It is missing for refunds that came with a
            merge before it was recorded.
        revoked: The referral of this customer that a refund revoked.
        settled_at: When the account was last closed, UTC microseconds; 0 means never. What was earned by then is
            neither taken back nor given back.
    """

    enrolled_at: int | None = None
    lots: Mapping[str, Lot] = EMPTY
    earnings: Mapping[str, Earning] = EMPTY
    redemptions: Mapping[str, Redemption] = EMPTY
    coupons: Mapping[str, Coupon] = EMPTY
    months: Mapping[str, int] = EMPTY
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
    referrals: Mapping[str, str] = EMPTY
    rewarded: int = 0
    invited: Invited | None = None
    idle_months: int = 0
    redeemed_at: Mapping[str, int] = EMPTY
    missed: int = 0
    shortfall: int = 0
    missed_before: Mapping[str, int] = EMPTY
    lost_tier: LostTier | None = None
    takings: Mapping[str, tuple[Taking, ...]] = EMPTY
    revoked: Revoked | None = None
    settled_at: int = 0

    @property
    def member_since(self) -> int | None:
        """The time at which the customer joined; None if they never did or have left again."""
        return self.enrolled_at if self.closed_at is None else None

    @property
    def balance(self) -> int:
        """Points in lots, pending ones included, less points owed."""
        return sum(lot.points for lot in self.lots.values()) - self.debt


if TYPE_CHECKING:

    class Holdings(LedgerContents, frozen=True, gc=False):
        """The contents of one ledger, as a merge moves them. Read its maps; they are dictionaries."""

        def __init__(self, **contents: Any) -> None: ...

else:

    def _holdings() -> type[_Carried]:
        fields = []
        kinds = get_type_hints(LedgerContents)
        for field in msgspec.structs.fields(LedgerContents):
            kind = kinds[field.name]
            if get_origin(kind) is Mapping:
                fields.append((field.name, dict[get_args(kind)], msgspec.field(default_factory=dict)))
            else:
                fields.append((field.name, kind, field.default))
        shared = {name: vars(LedgerContents)[name] for name in ("member_since", "balance")}
        shared["__doc__"] = "The contents of one ledger, as a merge moves them. Of referrals, those not rewarded yet."
        return msgspec.defstruct(
            "Holdings",
            fields,
            bases=(_Carried,),
            namespace=shared,
            module=__name__,
            frozen=True,
            gc=False,
            omit_defaults=True,
        )

    Holdings = _holdings()
    """`LedgerContents` with dictionaries only, as JSON has them."""


def from_holdings(holdings: Holdings) -> dict[str, Any]:
    """Return the fields of a ledger from what a merge moved."""
    return {name: getattr(holdings, name) for name in LedgerContents.__struct_fields__}


def to_holdings(contents: LedgerContents, **changes: Any) -> Holdings:
    """Return what a merge moves of a ledger, with some fields changed."""
    fields: dict[str, Any] = {name: getattr(contents, name) for name in LedgerContents.__struct_fields__} | changes
    held: dict[str, Any] = {
        name: dict(value) if isinstance(value, Mapping) else value for name, value in fields.items()
    }
    return Holdings(**held)


def under_prefix(value: T, prefix: str) -> T:
    """Return a value of a merged ledger with the prefix that the lots that it names have in the surviving account."""
    match value:
        case Redemption():
            return replace(value, lots=_shares_under(value.lots, prefix))
        case Taking():
            return replace(value, lots=_shares_under(value.lots, prefix))
        case tuple():
            return type(value)(under_prefix(each, prefix) for each in value)
        case Invited() | Revoked() if value.lot is not None:
            return replace(value, lot=prefix + value.lot)
        case _:
            return value


def _shares_under(shares: tuple[LotShare, ...], prefix: str) -> tuple[LotShare, ...]:
    return tuple(LotShare(prefix + share.lot, share.points) for share in shares)


def purchase_lot(purchase: str) -> str:
    """Return the id of the lot that a purchase earns."""
    return f"purchase/{purchase}"


def remedy_lot(complaint: str, remedy: str) -> str:
    """Return the id of the lot that a complaint's remedy in points creates."""
    return f"remedy/{complaint}/{remedy}"


def referral_lot(referrer: str, referral: str) -> str:
    """Return the id of the lot that a referral creates, in either account."""
    return f"referral/{referrer}/{referral}"


def merged_prefix(customer: str) -> str:
    """Return the prefix of ids that came with another account, since both accounts may have used the same id."""
    return f"merged/{customer}/"


def came_from(name: str) -> str | None:
    """Return the customer named in the prefix `merged/<customer>/`, whose account it came from; None without one."""
    parts = name.split("/", 2)
    return parts[1] if len(parts) == 3 and parts[0] == "merged" else None


def issued_to(customer: str, coupon: str) -> tuple[str, str]:
    """Return the customer to which a reward was issued, and its id there: `merged/c2/k` of c1 is `k` of c2."""
    while (source := came_from(coupon)) is not None:
        customer, coupon = source, coupon.removeprefix(merged_prefix(source))
    return customer, coupon


def spending_order(item: tuple[str, Lot], lapses_at: int | None = None) -> tuple[int, int, str]:
    """Return the key that sorts lots for spending: soonest to expire (never is last), then oldest, then by id."""
    name, lot = item
    ends = lot.ends(lapses_at)
    return (_NEVER if ends is None else ends, lot.earned_at, name)
