"""The arithmetic of the slow ledger: its own fractions and roundings, and its own calendar."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction

from iso4217 import Currency

from relations.aggregates.loyalty import CreditPurchase
from relations.messages import Money
from relations.policies import Policy, Programme
from relations.policies.calendars import time_zone
from relations.policies.loyalty.windows import EndOfPeriod

__all__ = ["SlowRules"]


@dataclass
class SlowRules:
    """A programme's rules, worked out from the policy's plain fields.

    Attributes:
        policy: The rules; may be changed on the way.
        programme: The programme's id.
    """

    policy: Policy
    programme: str = "main"

    @property
    def rules(self) -> Programme:
        """The programme's rules."""
        found = self.policy.programme_of(self.programme)
        assert found is not None  # noqa: S101 - the oracle is for programmes that there are
        return found

    # --- what a purchase earns --------------------------------------------------------------------------------------

    def _counts_for(self, command: CreditPurchase) -> int:
        """Return what counts towards tiers: the points for a member without a tier, outside of campaigns."""
        plain = self.rules.model_copy(update={"campaigns": ()})
        other = SlowRules(self.policy.model_copy(update={"programme": plain}), self.programme)
        return other._points_for(command, command.occurred_at, None)

    def _points_for(self, command: CreditPurchase, at: datetime, tier: str | None) -> int:
        rules, amount = self.rules, command.amount
        rate = rules.rates.get(amount.currency)
        paid = amount.amount
        for tender in command.tenders:
            paid -= tender.amount.amount if tender.kind in rules.excluded_tenders else 0
        amount = Money(paid, amount.currency)
        if rate is None or paid <= 0:
            return 0
        factor = rules.category_factors.get(command.category or "", Fraction(1))
        if not factor:
            return 0
        multiplier = next((each.multiplier for each in rules.tiers if each.name == tier), Fraction(1))
        more, bonus = Fraction(0), 0
        today = at.astimezone(time_zone(self.policy.zone)).date()
        for campaign in rules.campaigns:
            if not campaign.starts <= today < campaign.ends or not self._is_enough(campaign.minimum, amount):
                continue
            if campaign.categories and command.category not in campaign.categories:
                continue
            if campaign.tiers and tier not in campaign.tiers:
                continue
            more += campaign.multiplier - 1
            bonus += campaign.bonus_points
        exact = Fraction(amount.amount, 10 ** int(Currency(amount.currency).exponent or 0))
        return self._round(exact * rate * factor * multiplier * (1 + more)) + bonus

    def _is_enough(self, minimum: int | dict[str, Fraction], amount: Money) -> bool:
        if isinstance(minimum, int):
            return amount.amount >= minimum
        exact = Fraction(amount.amount, 10 ** int(Currency(amount.currency).exponent or 0))
        return amount.currency in minimum and exact >= minimum[amount.currency]

    # --- arithmetic and the calendar --------------------------------------------------------------------------------

    def _round(self, exact: Fraction) -> int:
        whole = exact.numerator // exact.denominator
        rest = exact - whole
        half = Fraction(1, 2)
        match self.rules.rounding:
            case "down":
                return whole
            case "up":
                return whole + (rest > 0)
            case "half_up":
                return whole + (rest >= half)
            case "half_even":
                return whole + (rest > half or (rest == half and whole % 2 == 1))

    def _expiry(self, earned: datetime) -> datetime | None:
        rules = self.rules
        if rules.expiry is not None:
            latest = rules.expiry.latest_months_count
            ends = [self._end_of_period(earned), None if latest is None else self._months_later(earned, latest)]
            return min((end for end in ends if end is not None), default=None)
        return None if rules.months_to_expiry is None else self._months_later(earned, rules.months_to_expiry)

    def _end_of_period(self, earned: datetime) -> datetime | None:
        rules = self.rules
        if isinstance(rules.expiry, EndOfPeriod):
            day = earned.astimezone(time_zone(self.policy.zone)).replace(hour=12)
            periods = 0
            size = {"month": 1, "quarter": 3, "year": 12}[rules.expiry.period]
            while True:  # day by day, until enough periods have ended
                day = (day + timedelta(days=1)).replace(hour=12)
                if day.day == 1 and (day.month - 1) % size == 0:
                    periods += 1
                    if periods > rules.expiry.more_count:
                        return self._local_day(day, 0)
        return None

    def _months_later(self, at: datetime, months: int) -> datetime:
        """Return the end of the same day this many months later, or of the last day of that month."""
        here = at.astimezone(time_zone(self.policy.zone))
        year, month = here.year + (here.month - 1 + months) // 12, (here.month - 1 + months) % 12 + 1
        day = here.day
        while True:
            try:
                last = datetime(year, month, day, 12, tzinfo=here.tzinfo)
            except ValueError:
                day -= 1
            else:
                return self._local_day(last, 1)

    def _here(self, at: datetime) -> datetime:
        return at.astimezone(time_zone(self.policy.zone))

    def _month(self, at: datetime) -> str:
        return self._here(at).strftime("%Y-%m")

    def _local_day(self, at: datetime, days: int) -> datetime:
        """Return the first instant of the local day this many days later."""
        zone = time_zone(self.policy.zone)
        day = at.astimezone(zone).date() + timedelta(days=days)
        return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(time_zone("UTC"))
