"""Check a loyalty programme as a whole.

A `Programme` refuses values that make no sense by themselves, and stops at the first. This module reads TOML and
reports everything that it finds. It also finds what shows only in the whole: gaps between tiers, rewards that nobody
can ever have, rules that contradict each other.
"""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Iterator
from datetime import date
from fractions import Fraction
from functools import lru_cache
from typing import Any, Literal

from pydantic import ValidationError

from relations.errors import InvalidInput
from relations.json_form import ViewAnswer
from relations.messages import plainly
from relations.policies.calendars import local_time
from relations.policies.loyalty.programme import Programme
from relations.policies.loyalty.ratios import ratio_text
from relations.policies.loyalty.windows import (
    CalendarYear,
    EndOfPeriod,
    Inactivity,
    Lifetime,
    RollingMonths,
    days_after,
)

__all__ = ["Finding", "ProgrammeReport", "check_programme", "read_programmes"]

_AVERAGE_MONTH_DAYS = 30
_STEP_MAX = 20
_EVERY_DAY = range(date(2001, 1, 1).toordinal(), date(2005, 1, 1).toordinal())
"""Four years of days, a leap day included."""


class Finding(ViewAnswer):
    """A fault in a programme or policy, or what looks like one.

    Attributes:
        severity: `error`: it cannot be read or does not do what it says, and `AdoptPolicy` refuses it. `warning`: it
            may be meant.
        code: A stable name, such as `tier_gap`.
        programme: The programme's id; empty for other parts of a policy.
        field: The field that it is in.
        reason: What is wrong.
        hint: What to do instead.
    """

    severity: Literal["error", "warning"]
    code: str
    programme: str = ""
    field: str
    reason: str
    hint: str = ""


class ProgrammeReport(ViewAnswer):
    """The programmes of a file, and what is wrong with them.

    Attributes:
        programmes: Those that can be read, in the order of the file.
        findings: What is wrong; empty is good.
    """

    programmes: tuple[Programme, ...]
    findings: tuple[Finding, ...]

    @property
    def unreadable(self) -> Finding | None:
        """The first finding that made a programme unreadable."""
        return next((each for each in self.findings if each.code in _UNREADABLE), None)

    @property
    def good(self) -> bool:
        """True if there is no error; there may be warnings."""
        return not any(finding.severity == "error" for finding in self.findings)


# --- reading --------------------------------------------------------------------------------------------------------


def read_programmes(text: str, name: str = "the file") -> ProgrammeReport:
    """Read the programmes of a TOML text, one at the top or one for each `[[programme]]`, and check them.

    Args:
        text: The text.
        name: Its name in errors.

    Raises:
        InvalidInput: The text is not TOML.
    """
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(f"{name} is not TOML: {error}", code="invalid_toml", field="file") from None
    tables = found["programme"] if isinstance(found.get("programme"), list) else [found]
    programmes: list[Programme] = []
    findings: list[Finding] = []
    for number, table in enumerate(tables, start=1):
        called = str(table.get("id", "main")) if isinstance(table, dict) else f"number {number}"
        try:
            programme = Programme.model_validate(table)
        except ValidationError as error:
            findings += _unreadable(error, called, table)
            continue
        if programme.id in {each.id for each in programmes}:
            reason = f"two programmes have the id {programme.id!r}"
            findings.append(_error("duplicate_programme", programme.id, "id", reason, "Give each an id of its own"))
        programmes.append(programme)
        findings += check_programme(programme)
    return ProgrammeReport(programmes=tuple(programmes), findings=tuple(findings))


_UNREADABLE = {"invalid_programme", "tier_order", "duplicate_programme"}


def _unreadable(error: ValidationError, programme: str, table: Any) -> Iterator[Finding]:
    for each in error.errors(include_url=False):
        field = ".".join(str(part) for part in each["loc"]) or "programme"
        yield _error("invalid_programme", programme, field, plainly(each["msg"]), "")
    # Validation stops at the first fault, so the tiers are checked one by one here.
    tiers = table.get("tiers", []) if isinstance(table, dict) else []
    pairs = [(each.get("name"), each.get("threshold")) for each in tiers if isinstance(each, dict)]
    known = [(name, threshold) for name, threshold in pairs if isinstance(threshold, int)]
    for (lower, least), (higher, next_least) in itertools.pairwise(known):
        if next_least <= least:
            reason = f"tier {higher!r} begins at {next_least:,}, and {lower!r} before it at {least:,}"
            yield _error("tier_order", programme, "tiers", reason, "List the tiers in ascending order")


# --- the programme as a whole ---------------------------------------------------------------------------------------


def check_programme(programme: Programme) -> list[Finding]:
    """Return everything that is wrong with a programme as a whole."""
    return [finding for check in _CHECKS for finding in check(programme)]


def _tiers(programme: Programme) -> Iterator[Finding]:
    tiers = programme.tiers
    for lower, higher in itertools.pairwise(tiers):
        if lower.below is not None and lower.below < higher.threshold:
            reason = (
                f"tier {lower.name!r} ends below {lower.below:,} and {higher.name!r} begins at "
                f"{higher.threshold:,}: no tier covers {lower.below:,} to {higher.threshold - 1:,}"
            )
            yield _error("tier_gap", programme.id, "tiers", reason, f"End {lower.name!r} below {higher.threshold:,}")
        elif lower.below is not None and lower.below > higher.threshold:
            reason = (
                f"tier {lower.name!r} ends below {lower.below:,}, but {higher.name!r} begins at "
                f"{higher.threshold:,} already"
            )
            yield _error(
                "tier_overlap", programme.id, "tiers", reason, f"End {lower.name!r} below {higher.threshold:,}"
            )
        if higher.multiplier < lower.multiplier:
            reason = (
                f"members of {higher.name!r} earn {ratio_text(higher.multiplier)} times the rate, and those of the "
                f"lower tier {lower.name!r} {ratio_text(lower.multiplier)} times"
            )
            yield _error("tier_earns_less", programme.id, "tiers", reason, "Let a higher tier earn at least as much")
        if lower.threshold and higher.threshold > lower.threshold * _STEP_MAX:
            reason = (
                f"from {lower.name!r} ({lower.threshold:,}) to {higher.name!r} ({higher.threshold:,}) is a long way"
            )
            yield _warning("tier_gap", programme.id, "tiers", reason, "Add a tier between them")
    if tiers and tiers[0].threshold:
        reason = f"members with less than {tiers[0].threshold:,} have no tier at all"
        yield _warning(
            "tier_gap", programme.id, "tiers", reason, "Add a first tier with the threshold 0, or keep it as intended"
        )
    if tiers and tiers[-1].below is not None:
        reason = f"tier {tiers[-1].name!r} ends below {tiers[-1].below:,}, and nothing follows"
        yield _error("tier_gap", programme.id, "tiers", reason, "Leave `below` out for the highest tier")


def _reach(programme: Programme) -> Iterator[Finding]:
    """Find tiers and rewards that no member can ever have."""
    reachable = _reachable_tiers(programme)
    for tier in programme.tiers:
        if tier.name not in reachable:
            reason = f"tier {tier.name!r} counts {programme.tier_basis}, and nothing in this programme does"
            yield _error("unreachable_tier", programme.id, "tiers", reason, _what_would_count(programme))
    earns = _gives_points(programme)
    for reward in programme.rewards:
        what = f"reward {reward.name!r}"
        if reward.stock == 0:
            yield _error("unreachable_reward", programme.id, "rewards", f"{what} has a stock of 0", "Leave it out")
        if reward.tier is not None and programme.tier_named(reward.tier) is None:
            reason = f"{what} is for tier {reward.tier!r}, which does not exist"
            yield _error("unreachable_reward", programme.id, "rewards", reason, _one_of(programme))
        elif reward.tier is not None and reward.tier not in reachable:
            reason = f"{what} is for tier {reward.tier!r}, which nobody can reach"
            yield _error("unreachable_reward", programme.id, "rewards", reason, f"Make {reward.tier!r} reachable")
        if reward.points and not earns:
            reason = f"{what} costs {reward.points:,} points, and nothing in this programme gives any"
            yield _error("unreachable_reward", programme.id, "rewards", reason, "Name rates")
        elif reward.points and not programme.rates:
            most = _points_once(programme)
            if most is not None and most < reward.points:
                reason = f"{what} costs {reward.points:,} points, and a member can get {most:,} at most"
                yield _error("unreachable_reward", programme.id, "rewards", reason, "Lower its price, or name rates")


def _contradictions(programme: Programme) -> Iterator[Finding]:
    """Find rules that contradict each other."""
    lasts = _days_at_least(programme.expiry, programme.months_to_expiry)
    if lasts is not None and programme.pending_days >= lasts:
        reason = f"points are pending for {programme.pending_days} days, and may expire after {lasts}"
        yield _error(
            "expires_before_active",
            programme.id,
            "pending_days",
            reason,
            "Let points last longer than they are pending",
        )
    expiry = programme.expiry
    if isinstance(expiry, Inactivity) and expiry.latest_months_count is not None:
        latest = expiry.latest_months_count
        if latest <= expiry.months_count:
            reason = (
                f"points expire {latest} months after they were earned at the latest, so inactivity of "
                f"{expiry.months_count} months never makes them expire"
            )
            hint = f"Leave `expiry` out, or set `latest_months_count` above {expiry.months_count}"
            yield _warning("two_expiries", programme.id, "expiry", reason, hint)
    if isinstance(programme.tier_window, Lifetime):
        for field in ("downgrade_when", "downgrade_to", "grace_days", "warning_days"):
            if (
                field in programme.model_fields_set
                and getattr(programme, field) != Programme.model_fields[field].default
            ):
                reason = f"`{field}` sets how a tier is lost, and a tier for life never is"
                yield _warning("never_lost", programme.id, field, reason, "Leave it out, or choose another window")
    window_days = _window_days(programme)
    if programme.warning_days is not None and window_days is not None and programme.warning_days >= window_days:
        reason = f"members are warned {programme.warning_days} days before, but the window has {window_days} days only"
        yield _error("warning_too_early", programme.id, "warning_days", reason, "Set fewer `warning_days`")
    if programme.warning_days is not None and programme.grace_days >= programme.warning_days:
        reason = (
            f"the grace ({programme.grace_days} days) is not shorter than the warning "
            f"({programme.warning_days} days before)"
        )
        yield _warning("warned_by_grace", programme.id, "warning_days", reason, "Set `warning_days` above `grace_days`")
    benefits = [benefit for tier in programme.tiers for benefit in tier.benefits]
    for benefit in sorted({each for each in benefits if benefits.count(each) > 1}):
        reason = f"the benefit {benefit!r} is named in two tiers; a higher tier has the benefits of the lower anyway"
        yield _warning("benefit_twice", programme.id, "tiers", reason, "Name it in the lower tier only")
    # A policy that was read back has every field set, so only another value than the default says that it is meant.
    usual = type(programme).model_fields["reversal_grace_days"].default
    if programme.reversal_after_expiry == "expire" and programme.reversal_grace_days != usual:
        reason = "`reversal_grace_days` sets a grace, but with this `reversal_after_expiry` points expire at once"
        yield _error(
            "no_such_grace", programme.id, "reversal_grace_days", reason, "Set `reversal_after_expiry` to grace"
        )
    if programme.tier_basis == "spend":
        for currency in sorted(programme.rates.keys() - programme.fx.keys() - {programme.tier_currency}):
            reason = f"spend in {currency} earns points but does not count towards a tier, since it has no `fx` rate"
            yield _warning("spend_not_counted", programme.id, "fx", reason, f"Name what one {currency} counts")


def _idle(programme: Programme) -> Iterator[Finding]:
    """Find rules without effect."""
    said = programme.model_fields_set
    if not programme.tiers:
        for field in ("tier_basis", "tier_window", "downgrade_to", "downgrade_when", "grace_days", "warning_days"):
            if field in said and getattr(programme, field) != Programme.model_fields[field].default:
                reason = f"`{field}` is about tiers, and there are none"
                yield _warning("no_tiers", programme.id, field, reason, "Leave it out, or name tiers")
    for field, basis in (("fx", "spend"), ("stay_categories", "stays")):
        if getattr(programme, field) and programme.tier_basis != basis:
            reason = f"`{field}` sets what counts as {basis}, and tiers count {programme.tier_basis}"
            yield _warning("unused_basis", programme.id, field, reason, f"Leave it out, or set `tier_basis` to {basis}")
    for campaign in programme.campaigns:
        if isinstance(campaign.minimum, dict):
            for currency in sorted(campaign.minimum.keys() - programme.rates.keys()):
                reason = f"campaign {campaign.id!r} has a minimum in {currency}, which earns nothing"
                yield _warning("unused_minimum", programme.id, "campaigns", reason, f"Name a rate for {currency}")
        elif campaign.minimum and len(programme.rates) > 1:
            reason = (
                f"campaign {campaign.id!r} has a minimum of {campaign.minimum:,} minor units of any currency, which is "
                "much in one currency and little in another"
            )
            yield _warning("minimum_of_no_currency", programme.id, "campaigns", reason, "Give it by currency")


def _campaigns(programme: Programme) -> Iterator[Finding]:
    tiers = {tier.name for tier in programme.tiers}
    for campaign in programme.campaigns:
        what = f"campaign {campaign.id!r}"
        if campaign.multiplier == 1 and not campaign.bonus_points and not campaign.joining_points:
            yield _error("empty_campaign", programme.id, "campaigns", f"{what} gives nothing", "Give it points")
        for tier in sorted(set(campaign.tiers) - tiers):
            reason = f"{what} is for tier {tier!r}, which does not exist"
            yield _error("unknown_tier", programme.id, "campaigns", reason, _one_of(programme))
        for category in campaign.categories:
            if programme.category_factors.get(category) == 0:
                reason = f"{what} gives more for {category!r}, which earns nothing at all"
                yield _error("contradiction", programme.id, "campaigns", reason, f"Give {category!r} a factor above 0")
    for place, one in enumerate(programme.campaigns):
        for other in programme.campaigns[place + 1 :]:
            together = one.starts < other.ends and other.starts < one.ends
            if together and one.multiplier > 1 and other.multiplier > 1 and _meet(one.categories, other.categories):
                both = ratio_text(one.multiplier + other.multiplier - 1)
                reason = f"campaigns {one.id!r} and {other.id!r} run together and make {both} times the rate"
                yield _warning(
                    "campaigns_together", programme.id, "campaigns", reason, "Separate their days, or keep it"
                )


def _authority(programme: Programme) -> Iterator[Finding]:
    for role, most in programme.authority.items():
        if programme.adjustment_max is None or most < programme.adjustment_max:
            others = "any number" if programme.adjustment_max is None else f"{programme.adjustment_max:,}"
            reason = f"the role {role!r} may adjust {most:,} points, and people without a role may adjust {others}"
            yield _error("authority_backwards", programme.id, "authority", reason, "Set a lower `adjustment_max`")
    referral = programme.referral
    if referral is not None and not referral.referrer_points and not referral.referred_points:
        reason = "a referral gives no points to either customer"
        yield _error("empty_referral", programme.id, "referral", reason, "Give points to one of them, or leave it out")


_CHECKS = (_tiers, _reach, _contradictions, _idle, _campaigns, _authority)


def _gives_points(programme: Programme) -> bool:
    """Return whether a member can get points without somebody crediting them by hand."""
    # Purchases without a category, or with one that has no factor, earn by the factor 1.
    return bool(programme.rates) or _points_once(programme) != 0


def _points_once(programme: Programme) -> int | None:
    """Return the most points that joining and referrals can give; None means any number."""
    referral = programme.referral
    points = programme.joining_points + sum(campaign.joining_points for campaign in programme.campaigns)
    if referral is not None:
        if referral.referrer_points and referral.most_per_member is None:
            return None
        points += referral.referred_points + referral.referrer_points * (referral.most_per_member or 0)
    return points


def _reachable_tiers(programme: Programme) -> set[str]:
    counts = {
        "points": bool(programme.rates),
        "spend": True,
        "orders": True,
        "stays": any(programme.category_factors.get(each, Fraction(1)) for each in programme.stay_categories),
    }[programme.tier_basis]
    return {tier.name for tier in programme.tiers if counts or not tier.threshold}


def _what_would_count(programme: Programme) -> str:
    if programme.tier_basis != "stays":
        return "Name rates"
    if programme.stay_categories:
        return "Give one of the `stay_categories` a factor above 0"
    return "Name the `stay_categories`"


@lru_cache(maxsize=64)
def _days_at_least(expiry: EndOfPeriod | Inactivity | None, months: int | None) -> int | None:
    """Return the fewest days that points last, whatever day they are earned on; None means for ever."""
    programme, spans = Programme(expiry=expiry, months_to_expiry=months), []
    for day in _EVERY_DAY:
        earned = days_after("UTC", day, 0)
        ends = [programme.expires_at(earned, "UTC")]
        if isinstance(expiry, Inactivity):
            ends.append(expiry.lapses_at(earned, "UTC"))
        spans += [local_time("UTC").day(end) - day for end in ends if end is not None]
    return min(spans, default=None)


def _window_days(programme: Programme) -> int | None:
    match programme.tier_window:
        case RollingMonths(months_count=count):
            return count * _AVERAGE_MONTH_DAYS
        case CalendarYear():
            return 365
        case _:
            return None


def _meet(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    return not one or not other or bool(set(one) & set(other))


def _one_of(programme: Programme) -> str:
    return "Name one of its tiers: " + (", ".join(tier.name for tier in programme.tiers) or "it has none")


def _error(code: str, programme: str, field: str, reason: str, hint: str) -> Finding:
    return Finding(severity="error", code=code, programme=programme, field=field, reason=reason, hint=hint)


def _warning(code: str, programme: str, field: str, reason: str, hint: str) -> Finding:
    return Finding(severity="warning", code=code, programme=programme, field=field, reason=reason, hint=hint)
