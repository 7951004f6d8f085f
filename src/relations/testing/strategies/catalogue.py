"""Hypothesis strategies for everything that travels: ids, moments, money, commands, policies, whole histories.

Ids come from small pools (`c1` to `c3`, `p1` to `p4` …), so that the commands of one example meet each other. A refund
names a purchase that was made, a remedy is accepted that was proposed. Every command drawn is valid, that is, it went
through its model. Whether it is *legal* depends on what went before, and that is what tests are about.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from functools import cache
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from pydantic import AwareDatetime
from pydantic.fields import FieldInfo

from relations.aggregates import AGGREGATES
from relations.aggregates.campaign import EndCampaign, PlanCampaign, RecordCampaignCost
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
    PurchaseLine,
    RecordAcquisitionCost,
    RecordInteraction,
    RecordPurchase,
    RefundPurchase,
    Regarding,
    ScoreSentiment,
    SendInvitation,
    StateRung,
)
from relations.aggregates.goal import (
    EndGoal,
    MeasureGoalImprovement,
    Measurement,
    RaiseGoalImprovement,
    ReviewGoal,
    SetGoal,
)
from relations.aggregates.loyalty import (
    CreditPurchase,
    HeldId,
    Holdings,
    Lot,
    LotId,
    LoyaltyCommand,
    MovedLot,
    ReceivePoints,
    ReleaseAccount,
    RestoreEarning,
    ReverseEarning,
)
from relations.aggregates.loyalty.commands import Prefix
from relations.aggregates.model import (
    BuyingParameters,
    ClusterFeature,
    ClusterParameters,
    FittedCluster,
    FittedRule,
    RecordClusters,
    RecordFit,
    RecordForecasts,
    RecordRules,
    RuleParameters,
    SpendingParameters,
    TriedClusters,
)
from relations.aggregates.opportunity import (
    AdvanceOpportunity,
    OpenOpportunity,
    RenewContract,
    WinOpportunity,
)
from relations.aggregates.programme import SetProgrammeGoal
from relations.aggregates.rival import ObserveRival
from relations.aggregates.staff import ChangeStaffRole
from relations.messages import Channel, Command, Id, Label, Money, Tender, Term, Text
from relations.policies import Policy, Surveys
from relations.policies.indicators import INDICATORS
from relations.policies.instruments import SERVQUAL
from relations.policies.lifecycle import LADDER
from relations.policies.sales.pipeline import DEFAULT_STAGES
from relations.testing.strategies.forecasts import drawn_forecasts
from relations.testing.strategies.policies import calendars, policies
from relations.testing.strategies.values import channels, ids, labels, moments, moneys, terms, texts

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
    "terms",
    "texts",
]

C = TypeVar("C", bound=Command)

_POOLS = {"customer": "c", "complaint": "k", "purchase": "p", "refund": "r", "remedy": "m", "feedback": "f",
          "invitation": "s", "interaction": "i", "redemption": "d", "lot": "l", "source": "k",
          "into": "c", "merged": "c", "other": "c",
          "to": "d", "referred": "n",
          "duplicate": "k", "request": "q", "staff": "u", "opportunity": "n", "reward": "w",
          "improvement": "v"}  # fmt: skip
_POOL_SIZE = 3


# --- commands -------------------------------------------------------------------------------------------------------


def commands_of(kind: type[C], **fields: SearchStrategy[Any]) -> SearchStrategy[C]:
    """Return a strategy of valid commands of one class.

    Args:
        kind: The class.
        fields: Strategies for fields that are to be drawn otherwise, such as `customer=st.just("c1")`.

    Raises:
        TypeError: A field's type is not known here, and no strategy was given for it.
    """
    _others_of(kind, frozenset(fields))  # refuses a type that is not known here, before anything is drawn
    return _commands_of(kind, fields)


@st.composite
def _commands_of(draw: st.DrawFn, kind: type[C], fields: dict[str, SearchStrategy[Any]]) -> C:
    return drawn_command(draw, kind, fields)


def drawn_command(draw: st.DrawFn, kind: type[C], fields: Mapping[str, Any]) -> C:
    """Draw a valid command of one class, as from `commands_of`, without a new strategy for it.

    Args:
        draw: Draws a value.
        kind: The class.
        fields: Values, or strategies for them, for fields that are to be drawn otherwise.
    """
    given = {name: draw(value) if isinstance(value, SearchStrategy) else value for name, value in fields.items()}
    values = {name: draw(other) for name, other in _others_of(kind, frozenset(given)).items()} | given
    correct = _CORRECTIONS.get(kind)
    return kind(**values) if correct is None else kind(**(values | correct(values, given)))


def commands(*kinds: type[Command], **fields: SearchStrategy[Any]) -> SearchStrategy[Command]:
    """Return a strategy of commands of several classes; of all aggregates if none is named.

    Args:
        kinds: The classes.
        fields: As in `commands_of`, for the classes that have such a field.
    """
    every = kinds or tuple(kind for aggregate in AGGREGATES for kind in aggregate.commands)
    return st.one_of(*(commands_of(kind, **_of_kind(kind, fields)) for kind in every))


def customer_commands(**fields: SearchStrategy[Any]) -> SearchStrategy[Command]:
    """Return a strategy of all commands of customers; `fields` as in `commands`."""
    return commands(*_subclasses(CustomerCommand), **fields)


def complaint_commands(**fields: SearchStrategy[Any]) -> SearchStrategy[Command]:
    """Return a strategy of all commands of complaints; `fields` as in `commands`."""
    return commands(*_subclasses(ComplaintCommand), **fields)


def loyalty_commands(**fields: SearchStrategy[Any]) -> SearchStrategy[Command]:
    """Return a strategy of all commands of members' accounts; `fields` as in `commands`."""
    return commands(*_subclasses(LoyaltyCommand), **fields)


def _of_kind(kind: type[Command], fields: dict[str, SearchStrategy[Any]]) -> dict[str, SearchStrategy[Any]]:
    return {name: strategy for name, strategy in fields.items() if name in kind.model_fields}


def _subclasses(base: type[Command]) -> tuple[type[Command], ...]:
    return tuple(kind for aggregate in AGGREGATES for kind in aggregate.commands if issubclass(kind, base))


@cache
def _others_of(kind: type[Command], given: frozenset[str]) -> dict[str, SearchStrategy[Any]]:
    """A strategy for each field that is not given. Kept, for Hypothesis finds out about each new strategy again."""
    return {
        name: _strategy_of(kind, name)
        for name in kind.model_fields
        if name not in given and name not in ("command_id", "actor")
    }


@cache
def _strategy_of(kind: type[Command], name: str) -> SearchStrategy[Any]:
    """A strategy from the field's own type, so that a new field needs nothing here."""
    special = _SPECIAL.get((kind, name))
    return special() if special else _from_type(_hints_of(kind)[name], f"{kind.__name__}.{name}", name)


@cache
def _hints_of(kind: type[Command]) -> dict[str, Any]:
    return typing.get_type_hints(kind, include_extras=True)


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
    if origin is tuple and parts[1:] == (...,):
        return st.lists(_from_type(parts[0], where, name), max_size=2, unique=True).map(tuple)
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
    (Term, terms),
    (Text, texts),
    (Channel, channels),
    (Email, lambda: st.sampled_from(("anna@example.com", "li.wei@mail.example.com"))),
    (Phone, lambda: st.sampled_from(("+999 1 5550199", "+99955501"))),
    (Birthday, lambda: st.sampled_from(("1980-02-29", "--12-24", "2001-07-01"))),
    (LanguageTag, lambda: st.sampled_from(("de", "en-GB", "zh-Hant", "fr-CH"))),
    (Prefix, lambda: st.just("")),  # what is forwarded from a merged account has one, and never what a caller sends
    (AwareDatetime, moments),
    (date, lambda: st.dates(date(2024, 1, 1), date(2026, 12, 31))),
    (Holdings, lambda: holdings()),  # noqa: PLW0108 - it is defined further down
    (tuple[MovedLot, ...], lambda: st.lists(moved_lots(), min_size=1, max_size=2).map(tuple)),
    (Money, moneys),
    (Policy, policies),
    (type(None), st.none),
    (bool, st.booleans),
    (int, lambda: st.integers(0, 10_000)),
    (str, texts),
)

_STAGES = tuple(stage.name for stage in DEFAULT_STAGES)
_SUBJECTS = (Regarding("offer", "o1"), Regarding("opportunity", "n1"), Regarding("complaint", "k1"))
_INSTRUMENTS = ("nps", "csat", "nps", "csat", "ces", "review", "servqual", "interview", "observation")

_SPECIAL: dict[tuple[type[Command], str], Callable[[], SearchStrategy[Any]]] = {
    (RecordPurchase, "amount"): moneys,
    (RecordPurchase, "tenders"): lambda: _tenders(),  # noqa: PLW0108 - it is defined further down
    (RecordPurchase, "lines"): lambda: st.lists(st.tuples(labels(), st.integers(1, 9)), max_size=3).map(tuple),
    (RecordPurchase, "rest"): st.none,
    (RecordPurchase, "cost"): lambda: st.none() | moneys(),
    (CreditPurchase, "tenders"): lambda: _tenders(),  # noqa: PLW0108 - it is defined further down
    (RefundPurchase, "amount"): lambda: moneys(smallest=1),
    (MergeComplaint, "into"): lambda: ids(among=["k1", "k2", "k3"]),
    (GiveFeedback, "instrument"): lambda: st.sampled_from(_INSTRUMENTS),
    (GiveFeedback, "score"): lambda: st.integers(0, 10),
    (GiveFeedback, "items"): lambda: st.integers(0, 21).map(_battery),
    (GiveFeedback, "link"): lambda: st.sampled_from((None, "https://posts.example/1", "https://posts.example/2")),
    (GiveFeedback, "themes"): lambda: _themes(),  # noqa: PLW0108 - it is defined further down
    (CodeFeedback, "themes"): lambda: _themes(),  # noqa: PLW0108 - it is defined further down
    (SendInvitation, "instrument"): lambda: st.sampled_from(("nps", "csat", "servqual")),
    (ScoreSentiment, "score"): lambda: st.integers(-1000, 1000),
    (ScoreSentiment, "scorer"): lambda: st.sampled_from(("vader", "snownlp")),
    (ScoreSentiment, "scorer_version"): lambda: st.sampled_from(("1", "2")),
    (RecordAcquisitionCost, "amount"): moneys,
    (RecordCampaignCost, "amount"): moneys,
    (RecordFit, "currency"): lambda: st.sampled_from(("EUR", "CNY")),
    (RecordFit, "version"): lambda: st.integers(1, 3),
    (RecordFit, "buying"): lambda: _fitted(BuyingParameters),
    (RecordFit, "spending"): lambda: _fitted(SpendingParameters),
    (RecordClusters, "version"): lambda: st.integers(1, 3),
    (RecordClusters, "clusters"): lambda: _clusters(),  # noqa: PLW0108 - it is defined further down
    (RecordForecasts, "version"): lambda: st.integers(1, 3),
    (RecordForecasts, "currency"): lambda: st.just("EUR"),
    (RecordForecasts, "forecasts"): drawn_forecasts,
    (RecordRules, "version"): lambda: st.integers(1, 3),
    (RecordRules, "rules"): lambda: _rules(),  # noqa: PLW0108 - it is defined further down
    (RecordInteraction, "regarding"): lambda: st.none() | st.sampled_from(_SUBJECTS),
    (RecordInteraction, "topics"): lambda: st.sampled_from(((), (), ("pillow",), ("clock", "breakfast"))),
    (RecordInteraction, "kind"): lambda: st.sampled_from(("message", "short_call", "long_call", "visit", "gift")),
    (NoteTrait, "about"): lambda: st.sampled_from(("pillow", "breakfast")),
    (StateRung, "rung"): lambda: st.sampled_from((None, *(rung.name for rung in LADDER))),
    (DropTrait, "about"): lambda: st.sampled_from(("pillow", "breakfast")),
    (NoteCulture, "languages"): lambda: st.sampled_from(((), ("de", "en-GB"), ("zh-Hant",))),
    (ReleaseAccount, "into"): lambda: ids(among=["s1", "s2"]),
    (ReceivePoints, "transfer"): lambda: ids(among=["t1", "t2", "t3"]),
    (PlanCampaign, "starts"): lambda: st.dates(date(2024, 1, 1), date(2024, 12, 31)),
    (PlanCampaign, "ends"): lambda: st.dates(date(2025, 1, 1), date(2025, 12, 31)),
    (PlanCampaign, "objective"): terms,
    (PlanCampaign, "budget"): lambda: st.none() | moneys(),
    (EndCampaign, "reason"): terms,
    (ObserveRival, "words"): terms,
    (ObserveRival, "value"): lambda: st.decimals(0, 1, places=2),
    (OpenOpportunity, "stage"): lambda: st.sampled_from((None, *_STAGES)),
    (AdvanceOpportunity, "stage"): lambda: st.sampled_from((None, *_STAGES)),
    (WinOpportunity, "starts"): lambda: st.dates(date(2024, 1, 1), date(2024, 12, 31)),
    (WinOpportunity, "ends"): lambda: st.none() | st.dates(date(2025, 1, 1), date(2025, 12, 31)),
    (RenewContract, "ends"): lambda: st.dates(date(2025, 6, 1), date(2027, 12, 31)),
    (SetGoal, "indicator"): lambda: st.sampled_from(sorted(INDICATORS)),
    (SetGoal, "target"): lambda: st.decimals("0.5", 1, places=2),
    (SetGoal, "least"): st.none,
    (SetGoal, "scope"): lambda: st.just({}),
    (SetGoal, "starts"): lambda: st.dates(date(2024, 1, 1), date(2024, 12, 31)),
    (SetGoal, "ends"): lambda: st.dates(date(2025, 1, 1), date(2025, 12, 31)),
    (ReviewGoal, "finding"): terms,
    (ReviewGoal, "root_cause"): terms,
    (ReviewGoal, "decision"): terms,
    (RaiseGoalImprovement, "what"): terms,
    (EndGoal, "reason"): terms,
    (MeasureGoalImprovement, "before"): lambda: _measurements(),  # noqa: PLW0108 - it is defined further down
    (MeasureGoalImprovement, "after"): lambda: _measurements(),  # noqa: PLW0108 - it is defined further down
}
"""Fields whose types say less than their validators ask."""


def _fitted(kind: type[BuyingParameters] | type[SpendingParameters]) -> SearchStrategy[Any]:
    numbers = st.floats(0.125, 8, width=16)
    names = [name for name, field in kind.model_fields.items() if field.annotation is float]
    counts = [name for name, field in kind.model_fields.items() if field.annotation is int]
    fields: dict[str, SearchStrategy[Any]] = {
        **dict.fromkeys(names, numbers),
        **dict.fromkeys(counts, st.integers(1, 99)),
    }
    return st.builds(kind, standard_errors=st.just({}), **fields)


def _rules() -> SearchStrategy[RuleParameters]:
    products = st.sampled_from(("room", "massage", "lunch"))
    rule = st.builds(
        FittedRule,
        product=products,
        recommended=products,
        category=st.none() | st.just("spa"),
        baskets=st.integers(1, 9),
        with_product=st.integers(9, 20),
        with_recommended=st.integers(9, 20),
        also=st.sampled_from(((), (), ("wine",))),
    )
    shares = st.floats(0, 1, width=16)
    return st.builds(
        RuleParameters,
        baskets=st.integers(20, 99),
        min_support=shares,
        min_confidence=shares,
        most=st.integers(3, 99),
        rules=st.lists(rule, max_size=3).map(tuple),
    )


def _clusters() -> SearchStrategy[ClusterParameters]:
    return _drawn_clusters()


@st.composite
def _drawn_clusters(draw: st.DrawFn) -> ClusterParameters:
    numbers = st.floats(-4, 4, width=16)
    facts = draw(st.lists(st.sampled_from(("silent_days", "net_amount", "region")), min_size=1, unique=True))
    features = tuple(
        ClusterFeature(
            fact=fact,
            word="Bern" if fact == "region" else None,
            mean=draw(numbers),
            deviation=draw(st.floats(0.125, 8, width=16)),
        )
        for fact in facts
    )
    centre = st.tuples(*(numbers for _ in features))
    clusters = draw(
        st.lists(st.builds(FittedCluster, customers=st.integers(5, 99), centre=centre), min_size=2, max_size=4)
    )
    silhouette = draw(st.floats(-1, 1, width=16))
    return ClusterParameters(
        currency="EUR",
        facts=tuple(facts),
        most=draw(st.none() | st.integers(2, 8)),
        seed=draw(st.integers(0, 9)),
        smallest=5,
        customers=sum(cluster.customers for cluster in clusters),
        features=features,
        tried=(TriedClusters(clusters=len(clusters), silhouette=silhouette),),
        silhouette=silhouette,
        silhouette_customers=sum(cluster.customers for cluster in clusters),
        clusters=tuple(clusters),
    )


def _measurements() -> SearchStrategy[Measurement]:
    values = st.none() | st.decimals(0, 1, places=3)
    return st.builds(
        Measurement, since=st.just("2024-05"), until=st.just("2024-08"), value=values, n=st.integers(0, 99)
    )


def _tenders() -> SearchStrategy[tuple[str, ...]]:
    return st.sampled_from(((), (), ("points",), ("card", "points")))


def _themes() -> SearchStrategy[tuple[str, ...]]:
    return st.sampled_from(((), ("noise",), ("breakfast", "noise")))


def _battery(first: int) -> tuple[ItemAnswer, ...]:
    """Return answers to some items of the SERVQUAL battery; the others are left out."""
    return tuple(
        ItemAnswer(item.id, 1 + (first + place) % 7, 7 - place % 3)
        for place, item in enumerate(SERVQUAL.items[first : first + 4])
    )


def _answer_suits(values: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Return an answer that suits the instrument: a score on its scale, its items, or words. A link has a platform."""
    instrument = Surveys().instrument(values["instrument"])
    if instrument is None or instrument.lowest is None or instrument.highest is None:
        corrected = {"score": None, "items": (), "themes": values["themes"] or ("noise",)}
    elif instrument.items:
        corrected = {"score": None, "items": values["items"]}
    else:
        score = values["score"] if values["score"] is not None else instrument.lowest
        points = instrument.highest - instrument.lowest + 1
        corrected = {"score": instrument.lowest + (score - instrument.lowest) % points, "items": ()}
    if values["platform"] is None:
        corrected["link"] = None
    return {name: value for name, value in corrected.items() if name not in given}


def _tenders_suit(values: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Divide the amount among the tenders that were drawn by name."""
    if "tenders" in given:
        return {}
    amount, kinds = values["amount"], values["tenders"]
    part = amount.amount // len(kinds) if kinds else 0
    return {"tenders": tuple(Tender(kind, Money(part, amount.currency)) for kind in kinds) if part > 0 else ()}


def _purchase_suits(values: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Divide the amount among tenders and lines; what is left after equal lines is the rest."""
    corrected, amount = _tenders_suit(values, given), values["amount"]
    if values["cost"] is not None and "cost" not in given:
        corrected["cost"] = Money(values["cost"].amount, amount.currency)
    if "lines" in given:
        return corrected
    drawn = values["lines"]
    each = Money(amount.amount // len(drawn), amount.currency) if drawn else amount
    corrected["lines"] = tuple(PurchaseLine(product, each, quantity) for product, quantity in drawn)
    left = amount.amount - each.amount * len(drawn)
    corrected["rest"] = Money(left, amount.currency) if drawn and left else None
    return corrected


def _need_suits(values: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    if "trait" in given:
        return {}
    return {
        "need": given.get("need", (values["need"] or "emotional") if values["trait"] == "need" else None),
        "value": given.get("value", values["value"] if values["trait"] == "attribute" else None),
    }


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


def _something_changes(values: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    names = ("role", "department", "languages", "skills", "interests")
    changed = any(values[name] is not None for name in names)
    return {} if changed or "role" in given else {"role": "concierge"}


def _observed_suits(values: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Return the one figure that the kind of observation has."""
    has_value = values["kind"] in ("rating", "share")
    price = (values["price"] or Money(9_900, "EUR")) if values["kind"] == "price" else None
    corrected = {"price": price, "value": values["value"] if has_value else None}
    return {name: value for name, value in corrected.items() if name not in given}


def _something_advances(values: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    changed = any(values[name] for name in ("stage", "value", "expected_on", "owner"))
    return {} if changed or "stage" in given else {"stage": _STAGES[1]}


def _somebody_hears(values: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    return {} if values["to"] or values["emergency"] or "to" in given else {"to": "house manager"}


_CORRECTIONS: dict[type[Command], Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]]] = {
    RecordPurchase: _purchase_suits,
    CreditPurchase: _tenders_suit,
    GiveFeedback: _answer_suits,
    NoteTrait: _need_suits,
    NoteCulture: _something_is_noted,
    ProposeRemedy: _points_suit,
    ReverseEarning: _refunded_suits,
    RestoreEarning: _refunded_suits,
    SetProgrammeGoal: _days_suit,
    ChangeStaffRole: _something_changes,
    AdvanceOpportunity: _something_advances,
    ObserveRival: _observed_suits,
    AssessComplaint: _something_is_judged,
    EscalateComplaint: _somebody_hears,
}
"""What makes fields that were drawn one by one fit each other."""


# --- accounts -------------------------------------------------------------------------------------------------------

_MICROS = st.integers(1_577_836_800_000_000, 1_893_456_000_000_000)


def moved_lots() -> SearchStrategy[MovedLot]:
    """Return a strategy of points moving from one account to another."""
    return st.builds(
        MovedLot, lot=st.sampled_from(("l1", "purchase/p1")), points=st.integers(1, 500), active_from=_MICROS,
        expires_at=st.none() | _MICROS, earned_at=_MICROS,
    )  # fmt: skip


def holdings() -> SearchStrategy[Holdings]:
    """Return a strategy of the contents of a merged account; some are empty."""
    lots = st.builds(Lot, st.integers(1, 500), _MICROS, st.none() | _MICROS, _MICROS)
    return st.builds(
        Holdings,
        enrolled_at=st.none() | _MICROS,
        lots=st.dictionaries(st.sampled_from(("l1", "l2", "purchase/p1")), lots, max_size=2),
        months=st.dictionaries(st.sampled_from(("2024-01", "2024-05")), st.integers(1, 9_000), max_size=2),
        debt=st.integers(0, 50),
        tier=st.none() | st.just("silver"),
    )
