"""How often customers buy, and when they silently leave: BG/NBD and MBG/NBD.

Both say: while a customer is there, purchases come at random at a rate of their own, gamma distributed over customers
with shape r and rate alpha; at a purchase the customer leaves for good with a probability of their own, beta
distributed with a and b. In BG/NBD that can happen at every repeat purchase; in MBG/NBD at the first purchase already,
so that somebody who never came back need not be there any more.

Sources: P. S. Fader, B. G. S. Hardie, K. L. Lee, "'Counting your customers' the easy way: an alternative to the
Pareto/NBD model", Marketing Science 24 (2005) 275-284; the same, "Computing P(alive) using the BG/NBD model" (2008).
E. P. Batislam, M. Denizel, A. Filiztekin, "Empirical validation and comparison of models for customer base analysis",
International Journal of Research in Marketing 24 (2007) 201-209; U. Wagner, D. Hoppe, "Erratum on the MBG/NBD model",
the same 25 (2008) 225-226.

With n the occasions to leave so far (x in BG/NBD, x + 1 in MBG/NBD), R = r + x, A = alpha + T and B = b + n the two
models are one formula each; `docs/explanation/lifetime-value.md` has them all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, Literal, TypeAlias, get_args

from pydantic import BaseModel, ConfigDict

from relations.analytics.extra import scientific
from relations.analytics.likelihood import maximise
from relations.analytics.repeat_statistics import RepeatStatistics, checked
from relations.errors import InvalidInput

__all__ = ["BuyingModel", "BuyingModelName", "fit_buying"]

BuyingModelName: TypeAlias = Literal["bg_nbd", "mbg_nbd"]

_TITLES: dict[BuyingModelName, str] = {"bg_nbd": "BG/NBD", "mbg_nbd": "MBG/NBD"}

_NODES = 20
"""Of the integrals over time: their error is then some units of the last digit."""

_NEAR = 1e-2
"""So near to a = 1, where the closed form is 0 / 0, expectations are integrated instead."""


class BuyingModel(BaseModel):
    """A fitted model of buying and leaving. Times are in days throughout, and so is alpha.

    Attributes:
        model: Which of the two.
        r: Shape of the purchase rates over customers.
        alpha_days: Their rate parameter; r / alpha_days is the mean of purchases a day. Divide by 7 for weeks.
        a: First parameter of the probabilities to leave.
        b: Second one; a / (a + b) is their mean.
        standard_errors: Of the four, by name.
        log_likelihood: At the fit, with times in units of `unit_days`.
        unit_days: The unit of time of the log-likelihood, 7 for weeks as in the literature. Nothing else depends on it.
        customers: How many it was fitted to.
        repeat_customers: How many of those came back.
    """

    model_config = ConfigDict(frozen=True)

    model: BuyingModelName
    r: float
    alpha_days: float
    a: float
    b: float
    standard_errors: dict[str, float]
    log_likelihood: float
    unit_days: float
    customers: int
    repeat_customers: int

    def alive(self, customers: Iterable[RepeatStatistics]) -> list[float]:
        """The probability of each that they have not left by the end of their observation.

        Raises:
            MissingExtra: scipy is not installed.
            InvalidInput: Statistics that no history has.
        """
        return self._each(customers, self._alive)

    def expected_purchases(self, customers: Iterable[RepeatStatistics], days: float) -> list[float]:
        """How many purchase days are expected of each in the days after the end of their observation.

        Raises:
            MissingExtra: scipy is not installed.
            InvalidInput: Statistics that no history has, or negative or infinite days.
        """
        _check_days(days)
        return self._each(customers, partial(self._expected, days=days))

    def discounted_purchases(
        self, customers: Iterable[RepeatStatistics], days: float, *, yearly_rate: float
    ) -> list[float]:
        """The same, each worth less the later it comes: a purchase in a year counts as 1 / (1 + `yearly_rate`).

        Discounting is continuous, not by month: the expected rate of purchases is integrated over time.

        Raises:
            MissingExtra: scipy is not installed.
            InvalidInput: Statistics that no history has, negative or infinite days, or a rate of -1 or below.
        """
        _check_days(days)
        if not -1 < yearly_rate < float("inf"):
            raise InvalidInput(
                f"{yearly_rate} is not a discount rate",
                code="invalid_discount_rate",
                field="yearly_rate",
                remedy="Give a share a year, such as 0.1",
            )
        return self._each(customers, partial(self._integrated, days=days, yearly_rate=yearly_rate))

    def new_customer_purchases(self, days: float) -> float:
        """How many repeat purchase days are expected of somebody in the days after their first purchase."""
        return self.expected_purchases([RepeatStatistics(0, 0, 0)], days)[0]

    def _each(self, customers: Iterable[RepeatStatistics], compute: Any) -> list[float]:
        """Compute once for all who are alike."""
        np = scientific("numpy", f"Forecasting with {_TITLES[self.model]}")
        keys = [(one.frequency, one.recency_days, one.age_days) for one in checked(customers)]
        if not keys:
            return []
        distinct = {key: index for index, key in enumerate(dict.fromkeys(keys))}
        values = compute(*np.array(list(distinct), dtype=float).T).tolist()
        return [values[distinct[key]] for key in keys]

    def _chances(self, x: Any) -> Any:
        return x if self.model == "bg_nbd" else x + 1

    def _alive(self, x: Any, recency: Any, age: Any) -> Any:
        np = scientific("numpy", "P(alive)")
        special = scientific("scipy.special", "P(alive)")
        chances = self._chances(x)
        left = np.log(self.a / (self.b + np.maximum(chances, 1) - 1))
        left = left + (self.r + x) * np.log((self.alpha_days + age) / (self.alpha_days + recency))
        return np.where(chances > 0, special.expit(-left), 1.0)

    def _expected(self, x: Any, recency: Any, age: Any, *, days: float) -> Any:
        """(c / (a - 1)) (1 - 2F1(R, a - 1; c; -t / A)) of those who are there, c = a + B - 1.

        Written by Pfaff's transformation as (1 - w)^(a - 1) 2F1(c - R, a - 1; c; w), w = t / (A + t), whose upper
        parameters do not grow with x: the form in the paper multiplies a huge number by a tiny one for good customers.
        """
        np = scientific("numpy", "Expected purchases")
        special = scientific("scipy.special", "Expected purchases")
        a, b = self.a, self.b + self._chances(x)
        c = a + b - 1
        if abs(a - 1) < _NEAR or np.any(c < _NEAR):
            return self._integrated(x, recency, age, days=days, yearly_rate=0.0)
        later = self.alpha_days + age + days
        series = special.hyp2f1(c - self.r - x, a - 1, c, days / later)
        stayed = ((later - days) / later) ** (a - 1) * series
        # Rounding may leave a trace below 0 where hardly anything is expected.
        return np.maximum(c / (a - 1) * (1 - stayed), 0.0) * self._alive(x, recency, age)

    def _integrated(self, x: Any, recency: Any, age: Any, *, days: float, yearly_rate: float) -> Any:
        """The rate of purchases, (R / A) 2F1(R + 1, a; a + B; -s / A), discounted and integrated over time.

        It falls like a power of A + s, so Gauss and Legendre's points are spread evenly over that sum's logarithm.
        """
        np = scientific("numpy", "Expected purchases")
        special = scientific("scipy.special", "Expected purchases")
        a, c = self.a, self.a + self.b + self._chances(x)
        shape, at = self.r + x, self.alpha_days + age
        span = np.log1p(days / at)
        total = np.zeros_like(at)
        for node, weight in zip(*np.polynomial.legendre.leggauss(_NODES), strict=True):
            grown = span * (node + 1) / 2
            growth, time = np.exp(grown), at * np.expm1(grown)
            rate = growth**-a * special.hyp2f1(c - shape - 1, a, c, -np.expm1(-grown))
            total += weight / 2 * span * growth * rate * (1 + yearly_rate) ** (-time / _YEAR_DAYS)
        return shape * total * self._alive(x, recency, age)


_YEAR_DAYS = 365.25


def fit_buying(
    customers: Iterable[RepeatStatistics], *, model: BuyingModelName = "bg_nbd", unit_days: float = 7
) -> BuyingModel:
    """Fit by maximum likelihood. Customers who are alike are counted, not computed again.

    Args:
        customers: Everybody who ever bought, those who never came back too.
        model: `bg_nbd`, or `mbg_nbd`, where one may leave at the first purchase already.
        unit_days: The unit of time of the reported log-likelihood; weeks, as in the literature.

    Raises:
        MissingExtra: scipy is not installed.
        InvalidInput: No customers, nobody who came back, or a likelihood without a summit.
    """
    if model not in get_args(BuyingModelName):
        raise InvalidInput(
            f"{model!r} is no model of buying", code="unknown_model", field="model", remedy="Give bg_nbd or mbg_nbd"
        )
    if not 0 < unit_days < float("inf"):
        raise InvalidInput(f"{unit_days} is not a unit of time", code="invalid_unit", field="unit_days")
    found = checked(customers)
    repeat_customers = _check_repeats(found)
    np = scientific("numpy", f"Fitting {_TITLES[model]}")
    counts = Counter((one.frequency, one.recency_days, one.age_days) for one in found)
    x, recency, age = np.array(list(counts), dtype=float).T
    weights = np.array(list(counts.values()), dtype=float)
    likelihood = partial(_log_likelihood, model, x, recency / unit_days, age / unit_days, weights)
    names = ("r", "alpha", "a", "b")
    scale = max(float(age.max()) / unit_days / 10, 1e-6)
    summit = maximise(likelihood, names, (1.0, scale, 1.0, 1.0), count=len(found), model=_TITLES[model])
    r, alpha, a, b = summit.values
    r_error, alpha_error, a_error, b_error = summit.standard_errors
    return BuyingModel(
        model=model,
        r=r,
        alpha_days=alpha * unit_days,
        a=a,
        b=b,
        standard_errors={"r": r_error, "alpha_days": alpha_error * unit_days, "a": a_error, "b": b_error},
        log_likelihood=summit.log_likelihood,
        unit_days=unit_days,
        customers=len(found),
        repeat_customers=repeat_customers,
    )


def _check_repeats(customers: Sequence[RepeatStatistics]) -> int:
    repeat_customers = sum(one.frequency > 0 for one in customers)
    if not repeat_customers:
        raise InvalidInput(
            f"none of {len(customers)} customers came back" if customers else "there are no customers to fit",
            code="no_repeat_customers",
            remedy="Models of repeat buying need customers who bought on two days or more",
        )
    return repeat_customers


def _check_days(days: float) -> None:
    if not 0 <= days < float("inf"):
        raise InvalidInput(
            f"{days} is not a number of days to look ahead",
            code="invalid_horizon",
            field="days",
            remedy="Give 0 or more",
        )


def _log_likelihood(
    model: BuyingModelName, x: Any, recency: Any, age: Any, weights: Any, parameters: Any
) -> tuple[float, tuple[float, ...]]:
    """The log-likelihood and its gradient: there still, or left at the last purchase, whichever is likelier."""
    np = scientific("numpy", "The likelihood")
    special = scientific("scipy.special", "The likelihood")
    gammaln, digamma = special.gammaln, special.digamma
    r, alpha, a, b = parameters
    chances = x if model == "bg_nbd" else x + 1
    shape, could = r + x, chances > 0
    before = b + np.maximum(chances, 1) - 1
    there = -shape * np.log(alpha + age)
    left = np.where(could, np.log(a / before) - shape * np.log(alpha + recency), -np.inf)
    either = np.logaddexp(there, left)
    value = (
        gammaln(shape) - gammaln(r) + r * np.log(alpha)
        + gammaln(a + b) - gammaln(b) + gammaln(b + chances) - gammaln(a + b + chances) + either
    )  # fmt: skip
    stays, leaves = np.exp(there - either), np.exp(left - either)
    both = digamma(a + b) - digamma(a + b + chances)
    gradient = (
        digamma(shape) - digamma(r) + np.log(alpha) - stays * np.log(alpha + age) - leaves * np.log(alpha + recency),
        r / alpha - shape * (stays / (alpha + age) + leaves / (alpha + recency)),
        both + leaves / a,
        both + digamma(b + chances) - digamma(b) - leaves / before,
    )
    return float(weights @ value), tuple(float(weights @ part) for part in gradient)
