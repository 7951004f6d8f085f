"""Models of how often customers buy and when they silently leave: BG/NBD and MBG/NBD.

In both models, an active customer buys at random at a rate of their own, gamma distributed over customers with shape r
and rate alpha. At a purchase the customer leaves for good with a probability of their own, beta distributed with a and
b. In BG/NBD that can happen at every repeat purchase, in MBG/NBD already at the first one. In the latter, a customer
who never came back may have left.

Sources: P. S. Fader, B. G. S. Hardie, K. L. Lee, "'Counting your customers' the easy way: an alternative to the
Pareto/NBD model", Marketing Science 24 (2005) 275-284; the same, "Computing P(alive) using the BG/NBD model" (2008).
E. P. Batislam, M. Denizel, A. Filiztekin, "Empirical validation and comparison of models for customer base analysis",
International Journal of Research in Marketing 24 (2007) 201-209; U. Wagner, D. Hoppe, "Erratum on the MBG/NBD model",
the same 25 (2008) 225-226.

Let n be the occasions to leave so far: x in BG/NBD, x + 1 in MBG/NBD. With R = r + x, A = alpha + T and B = b + n, the
two models are one formula each. `docs/explanation/lifetime-value.md` has them all.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

from relations.analytics.extra import scientific
from relations.analytics.hypergeometric import mean_power
from relations.analytics.likelihood import maximise
from relations.analytics.repeat_statistics import RepeatColumns, RepeatStatistics, columns_of, distinct_places
from relations.errors import InvalidInput, NoFit
from relations.json_form import ViewAnswer

__all__ = ["BuyingModel", "BuyingModelName", "check_forecast", "fit_buying"]

BuyingModelName: TypeAlias = Literal["bg_nbd", "mbg_nbd"]

_TITLES: dict[BuyingModelName, str] = {"bg_nbd": "BG/NBD", "mbg_nbd": "MBG/NBD"}

_NODES = 24
"""Nodes of the integrals over time; their error is then a few units of the last digit."""


class BuyingModel(ViewAnswer):
    """A fitted model of buying and leaving. Times are in days throughout, and so is alpha.

    Attributes:
        model: `bg_nbd` or `mbg_nbd`.
        r: The shape of the purchase rates over customers.
        alpha_days: Their rate parameter; r / alpha_days is the mean number of purchases a day. Divide by 7 for weeks.
        a: The first parameter of the probabilities of leaving.
        b: The second parameter; a / (a + b) is their mean.
        standard_errors: The standard errors of the four parameters, by name.
        log_likelihood: The log-likelihood of the fit, with times in units of `unit_days`.
        unit_days: The unit of time of the log-likelihood, 7 for weeks as in the literature. Nothing else depends on it.
        customers: The number of customers in the fit.
        repeat_customers: The number of them who came back.
    """

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
        """Return the probability that each customer has not left by the end of the observation.

        Raises:
            MissingExtra: scipy is not installed.
            InvalidInput: No history has such statistics.
        """
        found: list[float] = self._each(customers, self._alive).tolist()
        return found

    def expected_purchases(self, customers: Iterable[RepeatStatistics], days: float) -> list[float]:
        """Return the number of purchase days expected of each customer after the end of the observation.

        Raises:
            MissingExtra: scipy is not installed.
            InvalidInput: No history has such statistics, or the days are negative or infinite.
        """
        check_forecast(days)
        found: list[float] = self._each(customers, partial(self._expected, days=days)).tolist()
        return found

    def discounted_purchases(
        self, customers: Iterable[RepeatStatistics], days: float, *, yearly_rate: float
    ) -> list[float]:
        """Return expected purchase days, discounted: a purchase in a year counts as 1 / (1 + `yearly_rate`).

        Discounting is continuous, not by month: the expected rate of purchases is integrated over time.

        Raises:
            MissingExtra: scipy is not installed.
            InvalidInput: No history has such statistics, the days are negative or infinite, or the rate is -1 or below.
        """
        check_forecast(days, yearly_rate)
        found: list[float] = self._each(customers, partial(self._expected, days=days, yearly_rate=yearly_rate)).tolist()
        return found

    def forecast(self, customers: RepeatColumns, days: float, *, yearly_rate: float) -> tuple[Any, Any, Any]:
        """Return, as arrays, what `alive`, `expected_purchases` and `discounted_purchases` return as lists."""
        check_forecast(days, yearly_rate)

        def compute(x: Any, recency: Any, age: Any) -> Any:
            expected = self._discounted(x, recency, age, days, 0.0, yearly_rate)
            return scientific("numpy", "Forecasting").stack((self._alive(x, recency, age), *expected), axis=1)

        found = self._each(customers, compute).reshape(-1, 3)
        return found[:, 0], found[:, 1], found[:, 2]

    def new_customer_purchases(self, days: float) -> float:
        """Return the number of repeat purchase days expected of a new customer after the first purchase."""
        return self.expected_purchases([RepeatStatistics(0, 0, 0)], days)[0]

    def _each(self, customers: Iterable[RepeatStatistics], compute: Any) -> Any:
        """Compute a value for each customer, once for equal statistics."""
        purpose = f"Forecasting with {_TITLES[self.model]}"
        np, known = scientific("numpy", purpose), columns_of(customers, purpose)
        if not len(known):
            return np.zeros(0)
        columns = known.frequency, known.recency_days, known.age_days
        first, which = distinct_places(purpose, *columns)
        return compute(*(each[first].astype(float) for each in columns))[which]

    def _chances(self, x: Any) -> Any:
        return x if self.model == "bg_nbd" else x + 1

    def _alive(self, x: Any, recency: Any, age: Any) -> Any:
        np = scientific("numpy", "P(alive)")
        special = scientific("scipy.special", "P(alive)")
        chances = self._chances(x)
        left = np.log(self.a / (self.b + np.maximum(chances, 1) - 1))
        left = left + (self.r + x) * np.log((self.alpha_days + age) / (self.alpha_days + recency))
        return np.where(chances > 0, special.expit(-left), 1.0)

    def _expected(self, x: Any, recency: Any, age: Any, *, days: float, yearly_rate: float = 0.0) -> Any:
        return self._discounted(x, recency, age, days, yearly_rate)[0]

    def _discounted(self, x: Any, recency: Any, age: Any, days: float, *yearly_rates: float) -> list[Any]:
        """Integrate the rate of purchases, (R / A) 2F1(R + 1, a; a + B; -s / A), discounted, over time.

        Without discounting, the paper's closed form gives the same. But it is 0 / 0 at a = 1, and multiplies a huge
        number by a tiny one for good customers. The rate falls like a power of A + s, so the Gauss-Legendre nodes are
        spread evenly over the logarithm of A + s.
        """
        np = scientific("numpy", "Expected purchases")
        left, shape, at = self.b + self._chances(x), self.r + x, self.alpha_days + age
        span = np.log1p(days / at)
        totals = [np.zeros_like(at) for _ in yearly_rates]
        for node, weight in zip(*np.polynomial.legendre.leggauss(_NODES), strict=True):
            grown = span * (node + 1) / 2
            later = np.expm1(grown)
            rate = weight / 2 * span * np.exp(grown) * mean_power(self.a, left, shape + 1, later)
            for number, yearly_rate in enumerate(yearly_rates):
                totals[number] += rate * (1 + yearly_rate) ** (-at * later / _YEAR_DAYS)
        alive = self._alive(x, recency, age)
        return [shape * total * alive for total in totals]


_YEAR_DAYS = 365.25


def fit_buying(
    customers: Iterable[RepeatStatistics], *, model: BuyingModelName = "bg_nbd", unit_days: float = 7
) -> BuyingModel:
    """Fit a model by maximum likelihood. Equal statistics are counted and computed once.

    Args:
        customers: All customers who ever bought, including those who never came back.
        model: `bg_nbd`, or `mbg_nbd`, in which a customer may leave right after the first purchase.
        unit_days: The unit of time of the log-likelihood; weeks, as in the literature.

    Raises:
        MissingExtra: scipy is not installed.
        InvalidInput: No history has such statistics, the model is unknown, or the unit is not positive.
        NoFit: There are no customers, nobody came back, or the likelihood has no maximum.
    """
    if model not in get_args(BuyingModelName):
        raise InvalidInput(
            f"there is no buying model {model!r}", code="unknown_model", field="model", hint="Give bg_nbd or mbg_nbd"
        )
    if not 0 < unit_days < float("inf"):
        raise InvalidInput(
            f"{unit_days} is not a unit of time", code="invalid_unit", field="unit_days", hint="Give a number above 0"
        )
    purpose = f"Fitting {_TITLES[model]}"
    np, found = scientific("numpy", purpose), columns_of(customers, purpose)
    repeat_customers = _check_repeats(found, np)
    groups = _grouped(found, unit_days, np)
    likelihood = partial(_log_likelihood, model, groups)
    names = ("r", "alpha", "a", "b")
    scale = max(float(groups.age.max()) / 10, 1e-6)
    maximum = maximise(likelihood, names, (1.0, scale, 1.0, 1.0), count=len(found), model=_TITLES[model])
    r, alpha, a, b = maximum.values
    r_error, alpha_error, a_error, b_error = maximum.standard_errors
    return BuyingModel(
        model=model,
        r=r,
        alpha_days=alpha * unit_days,
        a=a,
        b=b,
        standard_errors={"r": r_error, "alpha_days": alpha_error * unit_days, "a": a_error, "b": b_error},
        log_likelihood=maximum.log_likelihood,
        unit_days=unit_days,
        customers=len(found),
        repeat_customers=repeat_customers,
    )


def _check_repeats(customers: RepeatColumns, np: Any) -> int:
    repeat_customers = int(np.count_nonzero(customers.frequency))
    if not len(customers):
        raise NoFit("there are no customers to fit to", code="no_customers", hint="Give customers who bought")
    if not repeat_customers:
        raise NoFit(
            "no customer came back",
            code="no_repeat_customers",
            hint="The model needs customers who bought on two days or more",
        )
    return repeat_customers


def check_forecast(days: float, yearly_rate: float = 0.0) -> None:
    """Check the horizon and the discount rate of a forecast.

    Raises:
        InvalidInput: The days are negative or infinite, or the rate is -1 or below.
    """
    if not 0 <= days < float("inf"):
        raise InvalidInput(
            f"{days} is not a number of days to look ahead",
            code="invalid_horizon",
            field="days",
            hint="Give 0 or more",
        )
    if not -1 < yearly_rate < float("inf"):
        raise InvalidInput(
            f"{yearly_rate} is not a discount rate",
            code="invalid_discount_rate",
            field="yearly_rate",
            hint="Give a share a year, such as 0.1",
        )


class _Groups(NamedTuple):
    """Customers with equal statistics, counted, as arrays; and the number of customers of each frequency.

    Gamma functions take most of the time of a likelihood, and all of them depend on the frequency alone.
    """

    x: Any
    recency: Any
    age: Any
    weights: Any
    frequencies: Any
    frequency_weights: Any


def _grouped(customers: RepeatColumns, unit_days: float, np: Any) -> _Groups:
    columns = customers.frequency, customers.recency_days, customers.age_days
    first, which = distinct_places("Fitting", *columns)
    x, recency, age = (each[first].astype(float) for each in columns)
    weights = np.bincount(which).astype(float)
    frequencies, which = np.unique(x, return_inverse=True)
    return _Groups(x, recency / unit_days, age / unit_days, weights, frequencies, np.bincount(which, weights))


def _log_likelihood(model: BuyingModelName, groups: _Groups, parameters: Any) -> tuple[float, tuple[float, ...]]:
    """Return the log-likelihood, over still being active or having left at the last purchase, and its gradient."""
    np = scientific("numpy", "The likelihood")
    special = scientific("scipy.special", "The likelihood")
    gammaln, digamma = special.gammaln, special.digamma
    r, alpha, a, b = parameters
    x, recency, age, weights, levels, counts = groups
    leavable = int(model == "mbg_nbd")
    shape, before = r + x, b + np.maximum(x + leavable, 1) - 1
    log_age, log_recency = np.log(alpha + age), np.log(alpha + recency)
    there = -shape * log_age
    left = np.where(x + leavable > 0, np.log(a / before) - shape * log_recency, -np.inf)
    either = np.logaddexp(there, left)
    stays, leaves = weights * np.exp(there - either), weights * np.exp(left - either)
    n, stayed = counts.sum(), b + levels + leavable
    value = weights @ either + n * (r * np.log(alpha) - gammaln(r) + gammaln(a + b) - gammaln(b))
    value += counts @ (gammaln(r + levels) + gammaln(stayed) - gammaln(a + stayed))
    both = n * digamma(a + b) - counts @ digamma(a + stayed)
    gradient = (
        counts @ digamma(r + levels) + n * (np.log(alpha) - digamma(r)) - stays @ log_age - leaves @ log_recency,
        n * r / alpha - stays @ (shape / (alpha + age)) - leaves @ (shape / (alpha + recency)),
        both + leaves.sum() / a,
        both + counts @ digamma(stayed) - n * digamma(b) - leaves @ (1 / before),
    )
    return float(value), tuple(map(float, gradient))
