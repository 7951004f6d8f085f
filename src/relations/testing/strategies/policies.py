"""Hypothesis strategies for policies, which differ in everything that decisions depend on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from fractions import Fraction

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from relations.messages import Money
from relations.policies import (
    BusinessCalendar,
    Care,
    CarePlan,
    CareStep,
    Desk,
    Limit,
    Policy,
    Programme,
    Repair,
    ServiceLevels,
    Surveys,
)
from relations.policies.complaints.business_calendar import OwnDay
from relations.policies.complaints.service_levels import DayCount, EscalationStep, GradeLevels, KindLevel, ServiceLevel
from relations.policies.loyalty.check import check_programme
from relations.policies.loyalty.offers import Campaign, Referral, Reward, Tier
from relations.policies.loyalty.windows import CalendarYear, EndOfPeriod, Inactivity, Lifetime, RollingMonths

__all__ = ["calendars", "policies"]


def policies(*, zones: Sequence[str] = ("UTC", "Europe/Vienna", "Asia/Shanghai")) -> SearchStrategy[Policy]:
    """Return a strategy of policies, which differ in everything that decisions depend on.

    Args:
        zones: IANA names.
    """
    return st.builds(
        Policy,
        zone=st.sampled_from(zones),
        programme=_programmes(),
        service_levels=_service_levels(),
        surveys=st.builds(
            Surveys, minimum_answers=st.integers(1, 30), csat_satisfied_from=st.integers(2, 5),
            confidence=st.sampled_from((0.8, 0.95, 0.99)),
        ),
        repair=st.builds(
            Repair, restored_score_min=st.integers(4, 5), broken_score_max=st.integers(0, 3),
            purchase_restores=st.booleans(),
        ),
        desk=st.builds(Desk, limits=st.sampled_from(_LIMITS)),
        care=st.sampled_from(_CARE),
    )  # fmt: skip


_UNDER_CONTRACT = CarePlan(
    id="account", begins="contract", repeats_months=2,
    steps=(
        CareStep(id="call", what="short_call", day=5, days_valid=7),
        CareStep(id="thanks", what="message", day=2, on="stay_end", days_valid=5),
    ),
)  # fmt: skip
_CARE = (
    Care(),
    Care(plans=("611", "birthday", "support"), quiet_days=0),
    Care(plans=(_UNDER_CONTRACT, "after_complaint"), quiet_days=0, consent_purpose=None),
)
_BENEFITS = (("spa",), ("room",), ("restaurant",), ())
_SPRING = Campaign(id="spring", starts=date(2024, 3, 1), ends=date(2024, 6, 1), multiplier=2, joining_points=50)
_ROOM = Reward(name="room", points=50, stock=3, days_valid=30)
_SPA = Reward(name="spa", kind="upgrade", points=0)


def _programmes() -> SearchStrategy[Programme]:
    ratios = st.sampled_from((Fraction(1, 3), Fraction(1), Fraction(5, 2), Fraction(10)))
    thresholds = st.lists(st.integers(0, 500) | st.integers(0, 20_000), max_size=4, unique=True).map(sorted)
    multipliers = st.sampled_from((Fraction(1), Fraction(11, 10), Fraction(2)))
    return st.builds(
        Programme,
        rates=st.fixed_dictionaries({"EUR": ratios}, optional={"JPY": ratios, "KWD": ratios}),
        category_factors=st.dictionaries(
            st.sampled_from(("room", "spa")), st.sampled_from((Fraction(0), Fraction(1, 2), Fraction(2)))
        ),
        rounding=st.sampled_from(("down", "half_up", "half_even", "up")),
        months_to_expiry=st.none() | st.integers(1, 36),
        tiers=st.builds(
            lambda found, factors: tuple(
                Tier(name=f"tier {rank}", threshold=threshold, multiplier=factor, benefits=_BENEFITS[rank])
                for rank, (threshold, factor) in enumerate(zip(found, factors, strict=False))
            ),
            thresholds,
            st.lists(multipliers, min_size=4, max_size=4).map(sorted),
        ),
        tier_window=st.sampled_from((CalendarYear(), RollingMonths(months_count=3), RollingMonths(), Lifetime())),
        refund_shortfall=st.sampled_from(("debt", "debt", "recorded")),
        pending_days=st.sampled_from((0, 0, 14)),
        expiry=st.none() | st.sampled_from((EndOfPeriod(), EndOfPeriod(period="quarter"), Inactivity(months_count=3))),
        tier_basis=st.sampled_from(("points", "points", "spend", "stays", "orders")),
        fx=st.just({"KWD": Fraction(3)}),
        stay_categories=st.just(("room",)),
        downgrade_to=st.sampled_from(("earned", "one_step")),
        downgrade_when=st.sampled_from(("at_once", "anniversary", "year_end")),
        grace_days=st.sampled_from((0, 0, 30)),
        warning_days=st.sampled_from((None, None, 45)),
        reversal_after_expiry=st.sampled_from(("expire", "grace")),
        transfers=st.booleans(),
        adjustment_max=st.none() | st.integers(0, 500),
        joining_points=st.sampled_from((0, 0, 100)),
        campaigns=st.sampled_from(((), (_SPRING,))),
        rewards=st.just((_ROOM, _SPA)),
        referral=st.none()
        | st.builds(Referral, referrer_points=st.integers(0, 50), referred_points=st.integers(0, 50)),
        clubs=st.just(("room", "spa")),
    ).filter(_can_be_adopted)


def _can_be_adopted(programme: Programme) -> bool:
    return all(finding.severity != "error" for finding in check_programme(programme))


_LIMITS: tuple[tuple[Limit, ...], ...] = (
    (),
    (
        Limit(role="room", money=(Money(50_000, "EUR"), Money(10_000, "JPY")), points=1_000),
        Limit(role="restaurant", money=(Money(10**9, "EUR"), Money(10**9, "JPY"), Money(10**9, "KWD")), points=10**12),
    ),
)
# The same few calendars every time: what they find out about a day they keep.
_CALENDARS: tuple[BusinessCalendar | None, ...] = (
    None,
    None,
    BusinessCalendar(
        name="split", zone="Europe/Vienna", saturday=("10:00-14:00",),
        friday=("09:00-12:00", "13:00-18:00"), holidays=(date(2024, 1, 1), date(2024, 12, 25)),
        own_days=(OwnDay(day=date(2024, 12, 24), shifts=("09:00-12:00",)),),
    ),
    BusinessCalendar.all_day("business days", zone="America/New_York"),
)  # fmt: skip


def calendars() -> SearchStrategy[BusinessCalendar]:
    """Return a strategy of calendars of working time: split shifts, holidays, special days, changing clocks."""
    return st.sampled_from([calendar for calendar in _CALENDARS if calendar is not None])


def _service_levels() -> SearchStrategy[ServiceLevels]:
    hours = st.tuples(st.integers(1, 200), st.integers(0, 800))
    more = st.none() | st.integers(1, 300).map(lambda count: timedelta(hours=count))
    level = st.builds(
        lambda pair, later, other: ServiceLevel(
            acknowledge=timedelta(hours=pair[0]),
            resolve=timedelta(hours=sum(pair)),
            extended=None if later is None else timedelta(hours=sum(pair)) + later,
            next_response=other,
            follow_up=later,
        ),
        hours, more, more,
    )  # fmt: skip
    counted = ServiceLevel(
        acknowledge=DayCount(days=2), resolve=DayCount(months=1), extended=DayCount(months=2),
        next_response=DayCount(days=3),
    )  # fmt: skip
    steps = st.lists(
        st.builds(
            EscalationStep, clock=st.sampled_from(("acknowledge", "next_response", "resolve")),
            at_percent=st.sampled_from((50, 80, 100)), to=st.sampled_from(("head of desk", "house manager")),
        ), max_size=3,
    ).map(tuple)  # fmt: skip
    return st.builds(
        lambda low, medium, high, critical, grade, kinds, calendar, paused, escalations: ServiceLevels(
            low=counted if calendar is not None and low.follow_up is None else low,
            medium=medium, high=high, critical=critical, calendar=calendar, paused_by_questions=paused,
            grades=() if grade is None else (GradeLevels(grade="spa", medium=grade),), escalations=escalations,
            kinds=ServiceLevels().kinds if kinds is None else (KindLevel(kind="enquiry", level=kinds),),
        ),
        level, level, level, level, st.none() | level, st.none() | level, st.sampled_from(_CALENDARS),
        st.sampled_from(((), ("resolve",), ("acknowledge", "next_response", "resolve"))), steps,
    )  # fmt: skip
