"""Hypothesis strategies for everything that travels: ids, moments, money, commands, policies, whole histories.

Ids come from small pools (`c1` to `c3`, `p1` to `p4` …), so that the commands of one example meet each other: a
refund names a purchase that was made, a remedy is accepted that was proposed. Every command drawn is valid, that is,
it went through its model; whether it is *legal* depends on what went before, and that is what tests are about.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from fractions import Fraction
from functools import cache
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from pydantic import AwareDatetime
from pydantic.fields import FieldInfo

from relations.aggregates import AGGREGATES
from relations.aggregates.complaint import (
    AssessComplaint,
    ComplaintCommand,
    EscalateComplaint,
    MergeComplaint,
    ProposeRemedy,
)
from relations.aggregates.contact import Birthday, Email, LanguageTag, Phone
from relations.aggregates.customer import (
    CodeFeedback,
    CustomerCommand,
    DropTrait,
    GiveFeedback,
    ItemAnswer,
    NoteCulture,
    NoteTrait,
    RecordAcquisitionCost,
    RecordPurchase,
    RefundPurchase,
    ScoreSentiment,
    SendInvitation,
)
from relations.aggregates.loyalty import (
    CreditPurchase,
    EarnPoints,
    HeldId,
    Holdings,
    IssueReward,
    Lot,
    LotId,
    LoyaltyCommand,
    MovedLot,
    ReceivePoints,
    RedeemPoints,
    ReleaseAccount,
    ReverseEarning,
    RevokeReferral,
    RewardReferral,
    TransferPoints,
)
from relations.aggregates.programme import SetProgrammeGoal
from relations.messages import Channel, Command, Id, Label, Money, Text
from relations.policies import BusinessCalendar, Desk, Limit, Policy, Programme, Repair, ServiceLevels, Surveys
from relations.policies.business_time import OwnDay
from relations.policies.instruments import SERVQUAL
from relations.policies.offers import Campaign, Referral, Reward, Tier
from relations.policies.service_levels import DayCount, EscalationStep, GradeLevels, ServiceLevel
from relations.policies.spans import CalendarYear, EndOfPeriod, Inactivity, Lifetime, RollingMonths

__all__ = [
    "calendars",
    "channels",
    "commands",
    "commands_of",
    "complaint_commands",
    "customer_commands",
    "holdings",
    "ids",
    "labels",
    "loyalty_commands",
    "moments",
    "moneys",
    "moved_lots",
    "policies",
    "texts",
]

C = TypeVar("C", bound=Command)

CHANNELS = (
    "web", "app", "official_account", "social", "phone", "email", "message", "service_centre", "on_site", "partner",
)  # fmt: skip
_CHARACTERS = st.characters(codec="utf-8", exclude_characters="\0")
_EARLIEST = datetime(2020, 1, 1)  # noqa: DTZ001 - Hypothesis wants bounds without a zone, and adds one
_LATEST = datetime(2030, 1, 1)  # noqa: DTZ001 - likewise
_ID_ALPHABET = "abcXYZ019._:-"
_ZONES = (UTC, timezone(timedelta(hours=8)), timezone(timedelta(hours=-3, minutes=-30)))
_POOLS = {"customer": "c", "complaint": "k", "purchase": "p", "refund": "r", "remedy": "m", "feedback": "f",
          "invitation": "s", "interaction": "i", "redemption": "d", "lot": "l", "source": "k",
          "into": "c", "merged": "c", "other": "c",
          "to": "d", "referred": "n",
          "duplicate": "k", "request": "q", "reward": "w", "improvement": "v"}  # fmt: skip
_POOL_SIZE = 3


# --- values ---------------------------------------------------------------------------------------------------------


def ids(*, among: Sequence[str] | None = None) -> SearchStrategy[str]:
    """Ids: from a pool, or any that the engine takes.

    Args:
        among: The pool.
    """
    if among is not None:
        return st.sampled_from(among)
    return st.text(_ID_ALPHABET, min_size=1, max_size=64)


def moments(*, earliest: datetime | None = None, latest: datetime | None = None) -> SearchStrategy[datetime]:
    """Aware datetimes in several zones, to the microsecond.

    Args:
        earliest: 2020 if absent.
        latest: 2030 if absent.
    """
    low = _EARLIEST if earliest is None else earliest.astimezone(UTC).replace(tzinfo=None)
    high = _LATEST if latest is None else latest.astimezone(UTC).replace(tzinfo=None)
    naive = st.datetimes(low, high)
    return st.builds(lambda moment, zone: moment.replace(tzinfo=UTC).astimezone(zone), naive, st.sampled_from(_ZONES))


def moneys(
    *, currencies: Sequence[str] = ("EUR", "JPY", "KWD"), smallest: int = 0, largest: int = 1_000_000
) -> SearchStrategy[Money]:
    """Money in currencies of different precision.

    Args:
        currencies: ISO 4217 codes.
        smallest: Minor units.
        largest: Minor units.
    """
    return st.builds(Money, st.integers(smallest, largest), st.sampled_from(currencies))


def channels() -> SearchStrategy[str]:
    """Every channel through which business and customer meet."""
    return st.sampled_from(CHANNELS)


def labels(*, among: Sequence[str] = ("room", "restaurant", "spa")) -> SearchStrategy[str]:
    """Short names of the host's vocabulary: mostly from a pool, now and then anything that is allowed.

    Args:
        among: The pool.
    """
    words = st.text(_CHARACTERS, min_size=1, max_size=80).filter(lambda text: text.strip() == text != "")
    return st.sampled_from(among) | words


def texts() -> SearchStrategy[str]:
    """Free text in any script, without the surrogates that no encoding can store."""
    return st.text(_CHARACTERS, min_size=1, max_size=60)


# --- commands -------------------------------------------------------------------------------------------------------


def commands_of(kind: type[C], **fields: SearchStrategy[Any]) -> SearchStrategy[C]:
    """Valid commands of one class.

    Args:
        kind: The class.
        fields: Strategies for fields that are to be drawn otherwise, such as `customer=st.just("c1")`.

    Raises:
        TypeError: A field's type is not known here, and no strategy was given for it.
    """
    others, mend = _others_of(kind, frozenset(fields)), _MENDS.get(kind)

    def built(drawn: tuple[dict[str, Any], dict[str, Any]]) -> C:
        values = drawn[0] | drawn[1]
        return kind(**values) if mend is None else kind(**(values | mend(values, fields)))

    return st.tuples(others, st.fixed_dictionaries(fields)).map(built)


def commands(*kinds: type[Command], **fields: SearchStrategy[Any]) -> SearchStrategy[Command]:
    """Commands of several classes; of all aggregates' if none is named.

    Args:
        kinds: The classes.
        fields: As in `commands_of`, for the classes that have such a field.
    """
    every = kinds or tuple(kind for aggregate in AGGREGATES for kind in aggregate.commands)
    return st.one_of(*(commands_of(kind, **_of_kind(kind, fields)) for kind in every))


def customer_commands(**fields: SearchStrategy[Any]) -> SearchStrategy[Command]:
    """Commands of every class that customers have, `fields` as in `commands`."""
    return commands(*_subclasses(CustomerCommand), **fields)


def complaint_commands(**fields: SearchStrategy[Any]) -> SearchStrategy[Command]:
    """Commands of every class that complaints have, `fields` as in `commands`."""
    return commands(*_subclasses(ComplaintCommand), **fields)


def loyalty_commands(**fields: SearchStrategy[Any]) -> SearchStrategy[Command]:
    """Commands of every class that members' accounts have, `fields` as in `commands`."""
    return commands(*_subclasses(LoyaltyCommand), **fields)


def _of_kind(kind: type[Command], fields: dict[str, SearchStrategy[Any]]) -> dict[str, SearchStrategy[Any]]:
    return {name: strategy for name, strategy in fields.items() if name in kind.model_fields}


def _subclasses(base: type[Command]) -> tuple[type[Command], ...]:
    return tuple(kind for aggregate in AGGREGATES for kind in aggregate.commands if issubclass(kind, base))


@cache
def _strategies_of(kind: type[Command]) -> dict[str, SearchStrategy[Any]]:
    """A strategy a field, from the field's own type, so that a new field needs nothing here."""
    hints = typing.get_type_hints(kind, include_extras=True)
    strategies: dict[str, SearchStrategy[Any]] = {}
    for name in kind.model_fields:
        if name in ("command_id", "actor"):
            continue
        special = _SPECIAL.get((kind, name))
        strategies[name] = special() if special else _from_type(hints[name], f"{kind.__name__}.{name}", name)
    return strategies


@cache
def _others_of(kind: type[Command], given: frozenset[str]) -> SearchStrategy[dict[str, Any]]:
    """The fields that are not given. Kept, for what Hypothesis finds out about a strategy it finds out but once."""
    return st.fixed_dictionaries({name: drawn for name, drawn in _strategies_of(kind).items() if name not in given})


def _from_type(wanted: Any, where: str, name: str) -> SearchStrategy[Any]:
    for known, strategy in _KNOWN:
        if wanted == known:
            return strategy()
    if name == "programme" and Id in (wanted, *get_args(wanted)):
        return st.just("main")
    if wanted in (Id, LotId, HeldId):
        prefix = _POOLS.get(name, name[:1])
        return ids(among=[f"{prefix}{number}" for number in range(1, _POOL_SIZE + 1)])
    origin, parts = get_origin(wanted), get_args(wanted)
    if origin is types.UnionType or origin is typing.Union:
        return st.one_of(*(_from_type(part, where, name) for part in parts))
    if origin is Literal:
        return st.sampled_from(parts)
    if origin is Annotated and parts[0] is int:
        return _integers(parts[1:])
    if origin is Annotated:
        return _from_type(parts[0], where, name)
    msg = f"no strategy for {where} of type {wanted}; give one: commands_of(..., {name}=...)"
    raise TypeError(msg)


def _integers(metadata: Sequence[Any]) -> SearchStrategy[int]:
    """Whole numbers within a field's bounds, mostly small, for then they meet each other."""
    low, high = 0, 10_000
    bounds = [bound for item in metadata for bound in (item.metadata if isinstance(item, FieldInfo) else [item])]
    for bound in bounds:
        match bound:
            case Ge(ge=int(least)):
                low = least
            case Gt(gt=int(below)):
                low = below + 1
            case Le(le=int(most)):
                high = min(high, most)
            case Lt(lt=int(above)):
                high = min(high, above - 1)
    return st.integers(low, max(low, high))


_KNOWN: tuple[tuple[Any, Callable[[], SearchStrategy[Any]]], ...] = (
    (Label, labels),
    (Text, texts),
    (Channel, channels),
    (Email, lambda: st.sampled_from(("anna@example.com", "li.wei@mail.example.com"))),
    (Phone, lambda: st.sampled_from(("+999 1 5550199", "+99955501"))),
    (Birthday, lambda: st.sampled_from(("1980-02-29", "--12-24", "2001-07-01"))),
    (LanguageTag, lambda: st.sampled_from(("de", "en-GB", "zh-Hant", "fr-CH"))),
    (AwareDatetime, moments),
    (date, lambda: st.dates(date(2024, 1, 1), date(2026, 12, 31))),
    (Holdings, lambda: holdings()),  # noqa: PLW0108 - it is defined further down
    (tuple[MovedLot, ...], lambda: st.lists(moved_lots(), min_size=1, max_size=2).map(tuple)),
    (Money, moneys),
    (Policy, lambda: policies()),  # noqa: PLW0108 - it is defined further down
    (type(None), st.none),
    (bool, st.booleans),
    (int, lambda: st.integers(0, 10_000)),
    (str, texts),
)

_INSTRUMENTS = ("nps", "csat", "nps", "csat", "ces", "review", "servqual", "interview", "observation")

_FORWARDED = (
    CreditPurchase,
    ReverseEarning,
    EarnPoints,
    RedeemPoints,
    TransferPoints,
    IssueReward,
    RewardReferral,
    RevokeReferral,
)
"""What says so where it is forwarded from a merged account; a caller's own never is."""
_SPECIAL: dict[tuple[type[Command], str], Callable[[], SearchStrategy[Any]]] = {
    (RecordPurchase, "amount"): moneys,
    (RefundPurchase, "amount"): lambda: moneys(smallest=1),
    (MergeComplaint, "into"): lambda: ids(among=["k1", "k2", "k3"]),
    (GiveFeedback, "instrument"): lambda: st.sampled_from(_INSTRUMENTS),
    (GiveFeedback, "score"): lambda: st.integers(0, 10),
    (GiveFeedback, "items"): lambda: st.integers(0, 21).map(_battery),
    (GiveFeedback, "themes"): lambda: _themes(),  # noqa: PLW0108 - it is defined further down
    (CodeFeedback, "themes"): lambda: _themes(),  # noqa: PLW0108 - it is defined further down
    (SendInvitation, "instrument"): lambda: st.sampled_from(("nps", "csat", "servqual")),
    (ScoreSentiment, "score"): lambda: st.integers(-1000, 1000),
    (ScoreSentiment, "scorer"): lambda: st.sampled_from(("vader", "snownlp")),
    (ScoreSentiment, "scorer_version"): lambda: st.sampled_from(("1", "2")),
    (RecordAcquisitionCost, "amount"): moneys,
    (NoteTrait, "about"): lambda: st.sampled_from(("pillow", "breakfast")),
    (DropTrait, "about"): lambda: st.sampled_from(("pillow", "breakfast")),
    (NoteCulture, "languages"): lambda: st.sampled_from(((), ("de", "en-GB"), ("zh-Hant",))),
    (ReleaseAccount, "into"): lambda: ids(among=["s1", "s2"]),
    (ReceivePoints, "transfer"): lambda: ids(among=["t1", "t2", "t3"]),
    **{(kind, "prefix"): lambda: st.just("") for kind in _FORWARDED},
}
"""Fields whose types say less than their validators ask."""


def _themes() -> SearchStrategy[tuple[str, ...]]:
    return st.sampled_from(((), ("noise",), ("breakfast", "noise")))


def _battery(first: int) -> tuple[ItemAnswer, ...]:
    """Answers to some items of the SERVQUAL battery, the others left out."""
    return tuple(
        ItemAnswer(item.id, 1 + (first + place) % 7, 7 - place % 3)
        for place, item in enumerate(SERVQUAL.items[first : first + 4])
    )


def _answer_suits(values: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """A score on the instrument's scale, its items, or words: whatever it asks for."""
    instrument = Surveys().instrument(values["instrument"])
    if instrument is None or instrument.lowest is None or instrument.highest is None:
        mended = {"score": None, "items": (), "themes": values["themes"] or ("noise",)}
    elif instrument.items:
        mended = {"score": None, "items": values["items"]}
    else:
        score = values["score"] if values["score"] is not None else instrument.lowest
        points = instrument.highest - instrument.lowest + 1
        mended = {"score": instrument.lowest + (score - instrument.lowest) % points, "items": ()}
    return {name: value for name, value in mended.items() if name not in given}


def _need_suits(values: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    if "need" in given or "trait" in given:
        return {}
    return {"need": (values["need"] or "emotional") if values["trait"] == "need" else None}


def _something_is_noted(values: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    noted = any(values[name] for name in ("languages", "preferred_channel", "pace", "customs", "taboos"))
    return {} if noted or "pace" in given else {"pace": "slow"}


def _points_suit(values: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    if "points" in given:
        return {}
    return {"points": (values["points"] or 100) if values["kind"] == "points" else None}


def _refunded_suits(values: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    # Mostly a running total that can be; beyond what was bought it stays near-illegal now and then.
    if "refunded" in given or values["refunded"] % 10 == 0:
        return {}
    return {"refunded": min(values["refunded"], values["bought"])}


def _days_suit(values: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    days = sorted((values["starts"], values["ends"]))
    return {"starts": days[0], "ends": days[1] + timedelta(days=1)}


def _something_is_judged(values: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    judged = any(values[name] for name in ("severity", "complexity", "impact", "urgency", "category"))
    return {} if judged or "impact" in given else {"impact": "low"}


def _somebody_hears(values: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    return {} if values["to"] or values["emergency"] or "to" in given else {"to": "house manager"}


_MENDS: dict[type[Command], Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]]] = {
    GiveFeedback: _answer_suits,
    NoteTrait: _need_suits,
    NoteCulture: _something_is_noted,
    ProposeRemedy: _points_suit,
    ReverseEarning: _refunded_suits,
    SetProgrammeGoal: _days_suit,
    AssessComplaint: _something_is_judged,
    EscalateComplaint: _somebody_hears,
}
"""What makes fields that were drawn one by one fit each other."""


# --- accounts -------------------------------------------------------------------------------------------------------

_MICROS = st.integers(1_577_836_800_000_000, 1_893_456_000_000_000)


def moved_lots() -> SearchStrategy[MovedLot]:
    """Points on their way from one account to another."""
    return st.builds(
        MovedLot, lot=st.sampled_from(("l1", "purchase/p1")), points=st.integers(1, 500), active_from=_MICROS,
        expires_at=st.none() | _MICROS, earned_at=_MICROS,
    )  # fmt: skip


def holdings() -> SearchStrategy[Holdings]:
    """What an account has that is merged into another; some have nothing."""
    lots = st.builds(Lot, st.integers(1, 500), _MICROS, st.none() | _MICROS, _MICROS)
    return st.builds(
        Holdings,
        enrolled_at=st.none() | _MICROS,
        lots=st.dictionaries(st.sampled_from(("l1", "l2", "purchase/p1")), lots, max_size=2),
        months=st.dictionaries(st.sampled_from(("2024-01", "2024-05")), st.integers(1, 9_000), max_size=2),
        debt=st.integers(0, 50),
        tier=st.none() | st.just("silver"),
    )


# --- policies -------------------------------------------------------------------------------------------------------


def policies(*, zones: Sequence[str] = ("UTC", "Europe/Vienna", "Asia/Shanghai")) -> SearchStrategy[Policy]:
    """Policies that differ in everything that rules go by.

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
    )  # fmt: skip


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
            st.lists(multipliers, min_size=4, max_size=4),
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
    )


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
    """Calendars of working time: split shifts, holidays, days of their own, zones whose clocks change."""
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
        lambda low, medium, high, critical, grade, calendar, paused, escalations: ServiceLevels(
            low=counted if calendar is not None and low.follow_up is None else low,
            medium=medium, high=high, critical=critical, calendar=calendar, paused_by_questions=paused,
            grades=() if grade is None else (GradeLevels(grade="spa", medium=grade),), escalations=escalations,
        ),
        level, level, level, level, st.none() | level, st.sampled_from(_CALENDARS),
        st.sampled_from(((), ("resolve",), ("acknowledge", "next_response", "resolve"))), steps,
    )  # fmt: skip
