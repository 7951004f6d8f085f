"""Commands that record fitted models, and the parameters that they record."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from relations.aggregates.model.forecast_parameters import Count, Currency, ForecastParameters, Parameter
from relations.messages import Checked, Command, Label
from relations.policies.facts import NUMBER_FACTS, ClusterFact

__all__ = [
    "BuyingParameters",
    "ClusterFeature",
    "ClusterParameters",
    "FittedCluster",
    "FittedRule",
    "RecordClusters",
    "RecordFit",
    "RecordForecasts",
    "RecordRules",
    "RuleParameters",
    "SpendingParameters",
    "TriedClusters",
]


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
        also: Further products that were bought: the first two counts are of baskets that have them all.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    product: Label
    recommended: Label
    category: Label | None = None
    baskets: Annotated[int, Field(strict=True, ge=1)]
    with_product: Count
    with_recommended: Count
    also: Annotated[tuple[Label, ...], Field(max_length=2)] = ()

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
        left: The most products on the left of a rule.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    baskets: Count
    min_support: Annotated[float, Field(ge=0, le=1)]
    min_confidence: Annotated[float, Field(ge=0, le=1)]
    most: Annotated[int, Field(strict=True, ge=1, le=10_000)]
    rules: Annotated[tuple[FittedRule, ...], Field(max_length=10_000)]
    left: Annotated[int, Field(strict=True, ge=1, le=3)] = 1

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


class RecordForecasts(Command):
    """Record forecasts of purchases and revenue. `Relations.fit_forecasts` fits them and sends this command."""

    currency: Currency
    through: date
    position: Annotated[int, Field(strict=True, ge=0)]
    version: Annotated[int, Field(strict=True, ge=1)]
    forecasts: ForecastParameters

    @property
    def stream(self) -> str:
        return f"model-forecasts-{self.currency}"
