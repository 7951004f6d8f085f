"""Fitted models: parameters that were estimated from the log, recorded so that every replay uses the same.

Streams `model-<model>-<currency>`, `model-association_rules` and `model-clusters`. Order of this module: events,
commands, state, evolve, decide. Fitting itself is not done here: it needs the data of all customers.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, ClassVar, Literal, Self

import msgspec
from pydantic import AfterValidator, ConfigDict, Field, model_validator

from relations.currencies import minor_digits
from relations.decider import Aggregate, Decider
from relations.messages import Checked, Command, Event, Label
from relations.policies import Policy
from relations.policies.facts import NUMBER_FACTS, ClusterFact

__all__ = [
    "AGGREGATE",
    "REFUSALS",
    "BuyingParameters",
    "ClusterFeature",
    "ClusterParameters",
    "ClustersFitted",
    "FittedCluster",
    "FittedModel",
    "FittedRule",
    "ModelFitted",
    "RecordClusters",
    "RecordFit",
    "RecordRules",
    "RuleParameters",
    "RulesFitted",
    "SpendingParameters",
    "TriedClusters",
]

# --- events ---------------------------------------------------------------------------------------------------------


class ModelFitted(Event, frozen=True):
    """The value models were fitted to the purchases of all customers.

    Attributes:
        model: The model of buying, `bg_nbd` or `mbg_nbd`. The model of spending is always Gamma-Gamma.
        currency: The currency of the purchases.
        through: The last local day observed, such as `2024-05-31`.
        position: The last position of the log that was read.
        version: The version of the method of fitting.
        buying: The parameters of the model of buying and what is known of their quality, as a JSON object.
        spending: The same of the model of spending.
    """

    topic: ClassVar[str] = "model.fitted"
    model: str
    currency: str
    through: str
    position: int
    version: int
    buying: str
    spending: str


class RulesFitted(Event, frozen=True):
    """Association rules were found in the purchases of all customers.

    Attributes:
        through: The last local day observed, such as `2024-05-31`.
        position: The last position of the log that was read.
        version: The version of the method of finding them.
        rules: The rules with their counts, and the limits that they meet, as a JSON object.
    """

    topic: ClassVar[str] = "model.rules_fitted"
    through: str
    position: int
    version: int
    rules: str


class ClustersFitted(Event, frozen=True):
    """Clusters were found among the customers who bought.

    Attributes:
        through: The last local day observed, such as `2024-05-31`.
        position: The last position of the log that was read.
        version: The version of the method of finding them.
        clusters: The features, the centres and the quality of the fit, as a JSON object.
    """

    topic: ClassVar[str] = "model.clusters_fitted"
    through: str
    position: int
    version: int
    clusters: str


# --- commands -------------------------------------------------------------------------------------------------------


def _known_currency(value: str) -> str:
    minor_digits(value)
    return value


Currency = Annotated[str, Field(min_length=3, max_length=3), AfterValidator(_known_currency)]
Parameter = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(strict=True, ge=0)]


class BuyingParameters(Checked):
    """The parameters of BG/NBD or MBG/NBD, as `relations.analytics.BuyingModel` has them.

    Attributes:
        r: The shape of the rates of buying.
        alpha_days: The rate parameter of those, in days.
        a: The first shape of the chance to leave.
        b: The second shape of it.
        standard_errors: The standard errors of the four, by name.
        log_likelihood: The log-likelihood of the fit.
        unit_days: The unit of time of the log-likelihood, in days.
        customers: The number of customers in the fit.
        repeat_customers: The number of those who came back.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    r: Parameter
    alpha_days: Parameter
    a: Parameter
    b: Parameter
    standard_errors: dict[str, float]
    log_likelihood: float
    unit_days: Parameter
    customers: Count
    repeat_customers: Count


class SpendingParameters(Checked):
    """The parameters of Gamma-Gamma, as `relations.analytics.SpendingModel` has them.

    Attributes:
        p: The shape of a customer's amounts.
        q: The shape of the customers' rates.
        v: The rate parameter of those, in minor units.
        standard_errors: The standard errors of the three, by name.
        log_likelihood: The log-likelihood of the fit.
        unit_amount: The unit of money of the log-likelihood, in minor units.
        customers: The number of customers in the fit.
        left_out: The number of customers who came back, but spent nothing then.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    p: Parameter
    q: Parameter
    v: Parameter
    standard_errors: dict[str, float]
    log_likelihood: float
    unit_amount: Parameter
    customers: Count
    left_out: Count


class RecordFit(Command):
    """Record the parameters of fitted value models. `Relations.fit_models` fits them and sends this command."""

    model: Literal["bg_nbd", "mbg_nbd"]
    currency: Currency
    through: date
    position: Annotated[int, Field(strict=True, ge=0)]
    version: Annotated[int, Field(strict=True, ge=1)]
    buying: BuyingParameters
    spending: SpendingParameters

    @property
    def stream(self) -> str:
        return f"model-{self.model}-{self.currency}"


class FittedRule(Checked):
    """An association rule with its counts: baskets with one product often have another one.

    Attributes:
        product: The product that was bought.
        recommended: The product that often goes with it.
        category: The category of the recommended product; None if none was recorded.
        baskets: The number of baskets with both.
        with_product: The number of baskets with the first.
        with_recommended: The number of baskets with the second.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    product: Label
    recommended: Label
    category: Label | None = None
    baskets: Annotated[int, Field(strict=True, ge=1)]
    with_product: Count
    with_recommended: Count

    @model_validator(mode="after")
    def _counts_fit(self) -> Self:
        if self.baskets > min(self.with_product, self.with_recommended):
            msg = "a rule cannot have more baskets with both products than with one of them"
            raise ValueError(msg)
        return self


class RuleParameters(Checked):
    """Association rules and the limits that they meet.

    Attributes:
        baskets: The number of baskets.
        min_support: The smallest share of all baskets that have both products.
        min_confidence: The smallest share of the baskets with the first product that have the second, too.
        most: The most rules that were kept.
        rules: The rules, the most confident first.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    baskets: Count
    min_support: Annotated[float, Field(ge=0, le=1)]
    min_confidence: Annotated[float, Field(ge=0, le=1)]
    most: Annotated[int, Field(strict=True, ge=1, le=10_000)]
    rules: Annotated[tuple[FittedRule, ...], Field(max_length=10_000)]

    @model_validator(mode="after")
    def _counts_fit(self) -> Self:
        if any(max(rule.with_product, rule.with_recommended) > self.baskets for rule in self.rules):
            msg = "a rule cannot have more baskets than there are"
            raise ValueError(msg)
        return self


class RecordRules(Command):
    """Record association rules. `Relations.fit_rules` finds them and sends this command."""

    through: date
    position: Annotated[int, Field(strict=True, ge=0)]
    version: Annotated[int, Field(strict=True, ge=1)]
    rules: RuleParameters

    @property
    def stream(self) -> str:
        return "model-association_rules"


class ClusterFeature(Checked):
    """A feature by which customers are compared: a number, or whether a word is true of them.

    Amounts, counts and days are taken by their fourth root. Then the mean is subtracted, and the rest is divided by the
    deviation. A customer whose number is unknown counts as the mean.

    Attributes:
        fact: The name of the fact; `relations.policies.FACTS` says what each means.
        word: The word; None for a number.
        mean: The mean over all customers in the fit.
        deviation: The standard deviation over them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    fact: ClusterFact
    word: Label | None = None
    mean: float
    deviation: Parameter

    @model_validator(mode="after")
    def _has_a_word_if_it_is_one(self) -> Self:
        if (self.word is None) != (self.fact in NUMBER_FACTS):
            msg = f"{self.fact} is a number" if self.fact in NUMBER_FACTS else f"{self.fact} needs a word"
            raise ValueError(msg)
        return self


class FittedCluster(Checked):
    """A cluster.

    Attributes:
        customers: The number of customers in it when it was fitted.
        centre: The mean of their features, in the order of the features.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    customers: Annotated[int, Field(strict=True, ge=1)]
    centre: Annotated[tuple[float, ...], Field(max_length=200)]


class TriedClusters(Checked):
    """A number of clusters that was tried.

    Attributes:
        clusters: The number of clusters.
        silhouette: The mean silhouette, from -1 to 1.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    clusters: Annotated[int, Field(strict=True, ge=2, le=50)]
    silhouette: Annotated[float, Field(ge=-1, le=1)]


class ClusterParameters(Checked):
    """Clusters by k-means, and how they were found.

    Attributes:
        currency: The currency of amounts.
        facts: The facts by which customers are compared.
        most: The most clusters to try; None if their number was given.
        seed: The seed of the starts.
        smallest: No cluster has fewer customers.
        customers: The number of customers in the fit.
        features: The features.
        tried: The numbers of clusters that were tried, each with its silhouette.
        silhouette: The mean silhouette of the clusters that were kept.
        silhouette_customers: The number of customers whose silhouettes are averaged.
        clusters: The clusters. A customer belongs to the one with the nearest centre, the first of equally near ones.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    currency: Currency
    facts: Annotated[tuple[ClusterFact, ...], Field(min_length=1)]
    most: Annotated[int, Field(strict=True, ge=2, le=50)] | None
    seed: Count
    smallest: Annotated[int, Field(strict=True, ge=1)]
    customers: Count
    features: Annotated[tuple[ClusterFeature, ...], Field(min_length=1, max_length=200)]
    tried: tuple[TriedClusters, ...]
    silhouette: Annotated[float, Field(ge=-1, le=1)]
    silhouette_customers: Count
    clusters: Annotated[tuple[FittedCluster, ...], Field(min_length=2, max_length=50)]

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        if any(len(cluster.centre) != len(self.features) for cluster in self.clusters):
            msg = "a centre needs one number for each feature"
            raise ValueError(msg)
        if sum(cluster.customers for cluster in self.clusters) != self.customers:
            msg = "the clusters together must have all customers of the fit"
            raise ValueError(msg)
        return self


class RecordClusters(Command):
    """Record clusters of customers. `Relations.fit_clusters` finds them and sends this command."""

    through: date
    position: Annotated[int, Field(strict=True, ge=0)]
    version: Annotated[int, Field(strict=True, ge=1)]
    clusters: ClusterParameters

    @property
    def stream(self) -> str:
        return "model-clusters"


# --- state ----------------------------------------------------------------------------------------------------------


class FittedModel(msgspec.Struct, frozen=True):
    """The newest fit; `through` is empty before the first one."""

    through: str = ""
    position: int = 0
    version: int = 0
    buying: str = ""
    spending: str = ""
    rules: str = ""
    clusters: str = ""


def evolve(state: FittedModel, event: Event) -> FittedModel:
    match event:
        case ModelFitted():
            return FittedModel(event.through, event.position, event.version, event.buying, event.spending)
        case RulesFitted():
            return FittedModel(event.through, event.position, event.version, rules=event.rules)
        case ClustersFitted():
            return FittedModel(event.through, event.position, event.version, clusters=event.clusters)
        case _:
            return state


REFUSALS: Mapping[str, str] = {}
"""Every code of refusal and when it is given: a fit of the right form is always recorded."""


def decide(state: FittedModel, command: Command, _policy: Policy) -> list[Event]:
    """Return the event that records the fit, unless the newest one says the same of the same days.

    The position alone makes no new fit: recording one moves the head of the log.
    """
    match command:
        case RecordFit():
            event: ModelFitted | RulesFitted | ClustersFitted = ModelFitted(
                model=command.model,
                currency=command.currency,
                buying=command.buying.model_dump_json(),
                spending=command.spending.model_dump_json(),
                **_read(command),
            )
        case RecordRules():
            event = RulesFitted(rules=command.rules.model_dump_json(), **_read(command))
        case RecordClusters():
            event = ClustersFitted(clusters=command.clusters.model_dump_json(), **_read(command))
        case _:  # pragma: no cover - the engine routes by class
            raise AssertionError(command)
    return [] if evolve(state, msgspec.structs.replace(event, position=state.position)) == state else [event]


def _read(command: RecordFit | RecordRules | RecordClusters) -> dict[str, Any]:
    return {"through": command.through.isoformat(), "position": command.position, "version": command.version}


AGGREGATE = Aggregate(
    name="model",
    decider=Decider(FittedModel(), decide, evolve),
    events=(ModelFitted, RulesFitted, ClustersFitted),
    commands=(RecordFit, RecordRules, RecordClusters),
    customer=lambda _state, _command: "",
    state=FittedModel,
    state_version=3,
)
