"""The loyalty programme: what is earned, how long it lasts, and the tiers.

Everything is exact: rates are fractions, points are whole numbers, and the programme's rounding decides about the rest.
Nothing here knows an account; `relations.aggregates.loyalty` follows these rules.
`relations.policies.loyalty.check` checks a programme as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import ceil
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, ValidationInfo, model_validator

from relations.errors import InvalidInput
from relations.messages import RECORDED, Checked, Id, Label, Money, Tender, minor_digits
from relations.policies.calendars import local_time
from relations.policies.codes import NONE_WORD, OR_NONE, known_currency
from relations.policies.loyalty.offers import Campaign, Referral, Reward, Tier
from relations.policies.loyalty.ratios import ROUNDINGS, Ratio, Rounding, ratio_text
from relations.policies.loyalty.windows import (
    CalendarYear,
    EndOfPeriod,
    Inactivity,
    Lifetime,
    RollingMonths,
    counted_in,
    days_after,
    end_of_term,
)

__all__ = ["CalendarYear", "Credit", "Lifetime", "Programme", "Ratio", "RollingMonths", "Terms", "Tier"]

_POINTS_PER_MINOR_UNIT_MAX = 100
"""Money is at most 10^15 minor units. A hundred points for each still fit into a database's integer."""


@dataclass(frozen=True, slots=True)
class Credit:
    """The credit for a purchase.

    Attributes:
        points: Points that can be spent.
        qualifying: What counts towards a tier.
        campaigns: The campaigns that added points.
        fx: The rate by which a foreign currency counted towards a tier.
    """

    points: int
    qualifying: int
    campaigns: tuple[str, ...] = ()
    fx: str | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """A programme in whole numbers, for fast decisions.

    Attributes:
        ratios: Two fractions by currency, category (None: any other) and tier (None: none). They are the points for a
            minor unit, and what qualifies, each as a numerator and a denominator.
        categories: The categories with a factor of their own.
        names: The tiers' names, ascending.
        thresholds: Their thresholds, ascending.
        base: The tier that every member has, if there is one.
        monthly: A tier is lost at once, on the first of a month, with no grace and no warning.
        ranks: A tier's place by its name, from 0.
        round: Numerator and denominator to a whole number, neither negative.
        round_qualifying: The same for what qualifies: a stay or an order counts until all of it is given back.
        plain: `ratios` alone decides what a purchase earns, and nothing else follows from it.
    """

    ratios: dict[tuple[str, str | None, str | None], tuple[int, int, int, int]]
    categories: frozenset[str]
    names: tuple[str, ...]
    thresholds: tuple[int, ...]
    base: str | None
    monthly: bool
    ranks: dict[str, int]
    round: Callable[[int, int], int]
    round_qualifying: Callable[[int, int], int]
    plain: bool

    def earned(self, amount: int, currency: str, category: str | None, tier: str | None) -> tuple[int, int]:
        """Return the points for an amount in minor units, and what qualifies, without the tier's multiplier."""
        ratio = self.ratios.get(
            (currency, category if category in self.categories else None, tier if tier in self.ranks else None)
        )
        if ratio is None or amount <= 0:
            return 0, 0
        numerator, denominator, base_numerator, base_denominator = ratio
        return self.round(amount * numerator, denominator), self.round(amount * base_numerator, base_denominator)

    def rank(self, tier: str | None) -> int:
        """Return a tier's place, from 0; -1 for none.

        A tier that the programme no longer has ranks above all others, so reaching one does not take it away. It is
        lost like any tier that is not earned: at the next review, with warning and grace, to what is earned.
        """
        return -1 if tier is None else self.ranks.get(tier, len(self.names))

    def threshold(self, tier: str | None) -> int:
        """Return the threshold of a tier; 0 for none, or for a tier that this programme does not have."""
        rank = -1 if tier is None else self.ranks.get(tier, -1)
        return self.thresholds[rank] if rank >= 0 else 0

    def tier(self, qualifying: int) -> str | None:
        """Return the highest tier that this many qualifying points earn."""
        found = None
        for name, threshold in zip(self.names, self.thresholds, strict=True):
            if qualifying < threshold:
                break
            found = name
        return found


def _known_currencies(rates: dict[str, Fraction]) -> dict[str, Fraction]:
    for currency, rate in rates.items():
        try:
            minor_digits(currency)
        except InvalidInput as error:
            raise ValueError(f"{error.reason}; give rates by codes such as EUR") from None
        if rate == 0:
            msg = f"the rate for {currency} is 0; leave the currency out where it earns nothing"
            raise ValueError(msg)
    return rates


class Programme(Checked):
    """The loyalty programme: what is earned, how long it lasts, and the tiers.

    Attributes:
        id: The programme's id, by which members enrol.
        name: The name that members see.
        rates: Points for one major unit, by currency. A purchase in another currency earns nothing.
        category_factors: Multiples of the rate by category; 0 earns nothing. Any other category has the factor 1.
        rounding: The rounding of fractions of a point: per purchase when earned, and on the running total of refunds
            when taken back.
        excluded_tenders: Means of payment that earn nothing and count as nothing spent, such as points. A purchase
            counts as an order or a stay however it was paid.
        campaigns: Additional points for a time.
        pending_days: Points of a purchase can be spent from the start of the day this many days after it.
        months_to_expiry: Points can be spent to the end of the day this many calendar months after they were earned,
            in the policy's zone. None means for ever. Where that month has no such day, its last day counts. Given
            together with `expiry`, both hold: it becomes the `latest_months_count` of that rule.
        expiry: Another rule: the end of a period, or the member's inactivity. With it, points have no other expiry
            unless `months_to_expiry` or the rule's `latest_months_count` is given.
        tiers: The tiers, ascending; empty for a programme without tiers.
        tier_basis: What counts towards a tier: points, spend (minor units of `tier_currency`), stays or orders. If it
            changes, what was counted before no longer counts.
        tier_currency: The currency that spend is counted in.
        fx: The value of one major unit of another currency in that one.
        stay_categories: Purchases of these categories are stays.
        tier_window: The window in which it counts.
        downgrade_to: After a tier that is no longer earned comes the tier that is `earned`, or the next one below.
        downgrade_when: `at_once`, or at the yearly review: on the `anniversary` of the tier or at `year_end`. The
            yearly reviews count the window that ends with the day before them.
        grace_days: The days that a tier is kept after it is no longer earned.
        warning_days: The days before the loss of a tier at which the member is warned; None means never.
        refund_shortfall: If a refund takes back more points than the account has: `debt` (later earnings repay it) or
            `recorded` (the shortfall is recorded and not owed). Points that come back from a redemption made before a
            recorded shortfall are set against it.
        reversal_after_expiry: Points that come back to a lot that has expired since: they `expire`, or have a `grace`.
        reversal_grace_days: The grace, to the end of the day this many days after the reversal.
        transfers: True if members may give points to each other.
        adjustment_max: The most points that a role without a limit of its own may adjust; None means any number.
        authority: The most points that a role may adjust, by role.
        joining_points: Points for joining.
        rewards: The rewards that members can have for points.
        referral: The points for a referral; None means none.
        clubs: The clubs that members can join.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    id: Id = "main"
    name: Label = "Guest Rewards"
    rates: Annotated[dict[str, Ratio], AfterValidator(_known_currencies)] = {
        "EUR": Fraction(10),
        "USD": Fraction(10),
        "GBP": Fraction(12),
        "CHF": Fraction(10),
        "CNY": Fraction(3, 2),
        "JPY": Fraction(1, 15),
    }
    category_factors: dict[Label, Ratio] = {}
    rounding: Rounding = "down"
    excluded_tenders: tuple[Label, ...] = ("points", "gift_card")
    campaigns: tuple[Campaign, ...] = ()
    pending_days: Annotated[int, Field(strict=True, ge=0, le=3_650)] = 0
    months_to_expiry: Annotated[Annotated[int, Field(strict=True, ge=1, le=1_200)] | None, OR_NONE] = 24
    expiry: Annotated[EndOfPeriod | Inactivity, Field(discriminator="kind")] | None = None
    tiers: tuple[Tier, ...] = (
        Tier(name="member", threshold=0),
        Tier(name="silver", threshold=10_000, multiplier=Fraction(11, 10)),
        Tier(name="gold", threshold=30_000, multiplier=Fraction(5, 4)),
        Tier(name="platinum", threshold=75_000, multiplier=Fraction(3, 2)),
    )
    tier_basis: Literal["points", "spend", "stays", "orders"] = "points"
    tier_currency: Annotated[str, AfterValidator(known_currency)] = "EUR"
    fx: Annotated[dict[str, Ratio], AfterValidator(_known_currencies)] = {}
    stay_categories: tuple[Label, ...] = ()
    tier_window: Annotated[CalendarYear | RollingMonths | Lifetime, Field(discriminator="kind")] = RollingMonths()
    downgrade_to: Literal["earned", "one_step"] = "earned"
    downgrade_when: Literal["at_once", "anniversary", "year_end"] = "at_once"
    grace_days: Annotated[int, Field(strict=True, ge=0, le=3_650)] = 0
    warning_days: Annotated[int, Field(strict=True, ge=1, le=365)] | None = None
    refund_shortfall: Literal["debt", "recorded"] = "debt"
    reversal_after_expiry: Literal["expire", "grace"] = "expire"
    reversal_grace_days: Annotated[int, Field(strict=True, ge=1, le=3_650)] = 30
    transfers: bool = True
    adjustment_max: Annotated[int, Field(strict=True, ge=0)] | None = None
    authority: dict[Label, Annotated[int, Field(strict=True, ge=0)]] = {}
    joining_points: Annotated[int, Field(strict=True, ge=0, le=10**12)] = 0
    rewards: tuple[Reward, ...] = ()
    referral: Referral | None = None
    clubs: tuple[Label, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _one_rule_of_expiry(cls, data: Any, info: ValidationInfo) -> Any:
        """Keep both expiries in one rule, so that a recorded policy says which of them hold.

        Policies recorded before both could hold have `months_to_expiry` next to `expiry`, and only `expiry` held.
        """
        expiry = data.get("expiry") if isinstance(data, dict) else None
        if not isinstance(expiry, dict | EndOfPeriod | Inactivity):
            return data
        months = None if (info.context or {}).get(RECORDED) else data.get("months_to_expiry")
        rule = dict(expiry) if isinstance(expiry, dict) else expiry.model_dump()
        if months is not None and months != NONE_WORD:
            if rule.get("latest_months_count") not in (None, months):
                msg = "`months_to_expiry` and the `latest_months_count` of `expiry` must not differ; give one of them"
                raise ValueError(msg)
            rule["latest_months_count"] = months
        return {**data, "expiry": rule, "months_to_expiry": None}

    @model_validator(mode="after")
    def _names_are_their_own(self) -> Self:
        for kind, names in (
            ("tiers", [tier.name for tier in self.tiers]),
            ("campaigns", [campaign.id for campaign in self.campaigns]),
            ("rewards", [reward.name for reward in self.rewards]),
        ):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                msg = f"two {kind} are named {twice[0]!r}; every {kind[:-1]} needs a name of its own"
                raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _tiers_ascend(self) -> Self:
        for lower, higher in zip(self.tiers, self.tiers[1:], strict=False):
            if higher.threshold <= lower.threshold:
                msg = (
                    f"tier {higher.name!r} ({higher.threshold:,}) follows {lower.name!r} ({lower.threshold:,}); "
                    "each tier needs more qualifying points than the one before it"
                )
                raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _points_stay_countable(self) -> Self:
        factor = max(self.category_factors.values(), default=Fraction(1))
        multiplier = max((tier.multiplier for tier in self.tiers), default=Fraction(1))
        multiplier *= 1 + sum((campaign.multiplier - 1 for campaign in self.campaigns), Fraction(0))
        for currency, rate in self.rates.items():
            most = rate * max(factor, Fraction(1)) * multiplier / 10 ** minor_digits(currency)
            if most > _POINTS_PER_MINOR_UNIT_MAX:
                msg = (
                    f"{currency} would earn up to {ceil(most):,} points for the smallest amount, all factors taken "
                    f"together; at most {_POINTS_PER_MINOR_UNIT_MAX} are possible"
                )
                raise ValueError(msg)
        return self

    @cached_property
    def terms(self) -> Terms:
        """The programme in whole numbers, computed once."""
        tiers: list[tuple[str | None, Fraction]] = [(None, Fraction(1))]
        tiers += [(tier.name, tier.multiplier) for tier in self.tiers]
        categories: list[tuple[str | None, Fraction]] = [(None, Fraction(1)), *self.category_factors.items()]
        ratios = {}
        for currency, rate in self.rates.items():
            for category, factor in categories:
                base = rate * factor / 10 ** minor_digits(currency)
                counted = self._counted(currency, base) if self.tier_basis in ("points", "spend") else Fraction(0)
                for tier, multiplier in tiers:
                    points = base * multiplier
                    fractions = (points.numerator, points.denominator, counted.numerator, counted.denominator)
                    ratios[currency, category, tier] = fractions
        by_count = self.tier_basis in ("stays", "orders")
        return Terms(
            ratios=ratios,
            categories=frozenset(self.category_factors),
            names=tuple(tier.name for tier in self.tiers),
            thresholds=tuple(tier.threshold for tier in self.tiers),
            base=next((tier.name for tier in self.tiers if tier.threshold <= 0), None),
            monthly=self.downgrade_when == "at_once" and not self.grace_days and self.warning_days is None,
            ranks={tier.name: rank for rank, tier in enumerate(self.tiers)},
            round=ROUNDINGS[self.rounding],
            round_qualifying=ROUNDINGS["down" if by_count else self.rounding],
            plain=not (
                self.campaigns
                or self.pending_days
                or self.tier_basis != "points"
                or self.referral
                or isinstance(self.expiry, Inactivity)
            ),
        )

    def _counted(self, currency: str, base: Fraction) -> Fraction:
        """Return what a minor unit of a currency counts towards a tier, where it earns `base` points."""
        if self.tier_basis == "points" or not base:
            return base
        fx = Fraction(1) if currency == self.tier_currency else self.fx.get(currency, Fraction(0))
        return fx * Fraction(10 ** minor_digits(self.tier_currency), 10 ** minor_digits(currency))

    def credit(
        self, amount: int, currency: str, category: str | None, tier: str | None, *, at: int, zone: str
    ) -> Credit:
        """Return what a purchase earns, including campaigns, and what it counts towards a tier.

        A stay or an order counts even if nothing is paid for it (an award night), or in a currency that earns nothing.
        Spend counts in every currency with an `fx` rate. A purchase in a category whose factor is 0 counts nowhere.

        Args:
            amount: Minor units.
            currency: Of the amount.
            category: Of the purchase.
            tier: Of the member.
            at: When it was made, UTC microseconds.
            zone: The policy's.
        """
        terms = self.terms
        points, qualifying = terms.earned(amount, currency, category, tier)
        if self.category_factors.get(category or "", 1) == 0 or amount < 0:
            return Credit(0, 0)
        if currency not in self.rates or not amount:
            return Credit(0, self._counts(amount, currency, category))
        running = [
            each for each in self.campaigns if each.runs(at, zone) and each.suits(amount, currency, category, tier)
        ]
        running = [each for each in running if each.multiplier > 1 or each.bonus_points]
        if running:
            factor = 1 + sum((each.multiplier - 1 for each in running), Fraction(0))
            key = category if category in terms.categories else None
            numerator, denominator, _, _ = terms.ratios[currency, key, tier if tier in terms.ranks else None]
            points = terms.round(amount * numerator * factor.numerator, denominator * factor.denominator)
            points += sum(each.bonus_points for each in running)
        if self.tier_basis in ("orders", "stays"):
            qualifying = self._counts(amount, currency, category)
        foreign = self.tier_basis == "spend" and currency != self.tier_currency
        return Credit(
            points,
            qualifying,
            tuple(each.id for each in running),
            ratio_text(self.fx.get(currency, Fraction(0))) if foreign else None,
        )

    def earning_amount(self, amount: Money, tenders: Sequence[Tender]) -> int:
        """Return the part of an amount that earns points, in minor units: all but the excluded tenders."""
        excluded = sum(tender.amount.amount for tender in tenders if tender.kind in self.excluded_tenders)
        return max(0, amount.amount - excluded)

    def _counts(self, amount: int, currency: str, category: str | None) -> int:
        """Return what a purchase counts towards a tier, where that does not depend on what it earns."""
        match self.tier_basis:
            case "orders":
                return 1
            case "stays":
                return int(category in self.stay_categories)
            case "spend":
                exact = self._counted(currency, Fraction(1)) * amount
                return self.terms.round_qualifying(exact.numerator, exact.denominator)
            case _:
                return 0

    def counts(self, amount: int, currency: str) -> bool:
        """Return whether a purchase may earn anything or count towards a tier. Most others can be skipped."""
        if currency in self.rates and amount > 0:
            return True
        return self.tier_basis in ("orders", "stays") or (
            self.tier_basis == "spend" and amount > 0 and (currency == self.tier_currency or currency in self.fx)
        )

    def active_from(self, earned_at: int, zone: str) -> int:
        """Return when the points of a purchase can first be spent, UTC microseconds."""
        if not self.pending_days:
            return earned_at
        return days_after(zone, local_time(zone).day(earned_at), self.pending_days)

    def expires_at(self, earned_at: int, zone: str) -> int | None:
        """Return when points earned at an instant expire at the latest, UTC microseconds; None means never.

        Points that lapse with inactivity may expire before that. Months are counted as in Regulation (EEC, Euratom) No
        1182/71, Article 3. They run to the end of the day with the same date, or of the last day of a month that has no
        such date. So points of 29 February 2024 that last twelve months can be spent all through 28 February 2025.
        """
        expiry = self.expiry
        months = self.months_to_expiry if expiry is None else expiry.latest_months_count
        latest = None if months is None else end_of_term(zone, local_time(zone).day(earned_at), months)
        period = expiry.expires_at(earned_at, zone) if isinstance(expiry, EndOfPeriod) else None
        return min((end for end in (latest, period) if end is not None), default=None)

    def tier_named(self, name: str | None) -> Tier | None:
        """Return the tier with this name, or None."""
        return next((tier for tier in self.tiers if tier.name == name), None)

    def reward_named(self, name: str) -> Reward | None:
        """Return the reward with this name, or None."""
        return next((reward for reward in self.rewards if reward.name == name), None)

    def may_adjust(self, role: str | None) -> int | None:
        """Return the most points that a role may adjust; None means any number."""
        return self.authority.get(role or "", self.adjustment_max)

    @cached_property
    def unit(self) -> str:
        """The unit that tiers count: points, stays, orders, or spend in a currency, such as `spend:EUR`."""
        return f"spend:{self.tier_currency}" if self.tier_basis == "spend" else self.tier_basis

    def counting(self, end: str) -> tuple[str, ...] | None:
        """Return the keys of `Ledger.months` that count in the window ending with `end`; None means all of the unit."""
        window = self.tier_window.months(end) if end else None
        return None if window is None else counted_in(self.unit, window)

    @cached_property
    def window_name(self) -> str:
        """The tiers' window as events carry it, such as `rolling_months:12`."""
        window = self.tier_window
        return f"rolling_months:{window.months_count}" if isinstance(window, RollingMonths) else window.kind

    def model_copy(self, *, update: Any = None, deep: bool = False) -> Self:
        """Copy like pydantic, without the properties computed from the former values."""
        copied = super().model_copy(update=update, deep=deep)
        for name, value in vars(type(self)).items():
            if isinstance(value, cached_property):
                copied.__dict__.pop(name, None)
        return copied
