"""The Gamma-Gamma model of how much customers spend when they buy.

A customer's amounts scatter around a mean of their own (gamma with shape p). The means scatter over customers (the
gamma's rate is itself gamma, with shape q and rate v). The expected amount is then a weighted mean of the customer's
own amounts and those of everybody. The more purchases, the more weight their own have. The model assumes that the
amount is independent of how often a customer buys.

Sources: P. S. Fader, B. G. S. Hardie, "The Gamma-Gamma model of monetary value" (brucehardie.com, note 025, 2013);
P. S. Fader, B. G. S. Hardie, K. L. Lee, "RFM and CLV: using iso-value curves for customer base analysis", Journal of
Marketing Research 42 (2005) 415-430. As there, the model is fitted to repeat purchases only: the first one is often of
another kind.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any, NamedTuple

from relations.analytics.extra import scientific
from relations.analytics.likelihood import maximise
from relations.analytics.repeat_statistics import RepeatColumns, RepeatStatistics, columns_of, distinct_places
from relations.errors import InvalidInput, NoFit
from relations.json_form import ViewAnswer

__all__ = ["SpendingModel", "fit_spending"]

_TITLE = "Gamma-Gamma"
_FORECAST = "Forecasting with Gamma-Gamma"


class SpendingModel(ViewAnswer):
    """A fitted model of the amount of a purchase. Amounts are in minor units throughout, and so is v.

    Attributes:
        p: The shape of a customer's amounts.
        q: The shape of the customers' rates.
        v: The rate parameter of those, in minor units; divide by 100 for dollars.
        standard_errors: The standard errors of the three parameters, by name.
        log_likelihood: The log-likelihood of the fit, with amounts in units of `unit_amount`.
        unit_amount: The unit of money of the log-likelihood. Nothing else depends on it.
        customers: The number of customers in the fit: those who came back and spent something.
        left_out: The number of customers who came back, but whose repeat purchases sum to 0 or less. The model has no
            place for them, so lower an average over all customers by their share.
    """

    p: float
    q: float
    v: float
    standard_errors: dict[str, float]
    log_likelihood: float
    unit_amount: float
    customers: int
    left_out: int

    @property
    def mean(self) -> float | None:
        """The mean amount over all customers, p v / (q - 1), in minor units; None if q <= 1 makes it infinite."""
        return self.p * self.v / (self.q - 1) if self.q > 1 else None

    def expected_amounts(self, customers: Iterable[RepeatStatistics]) -> list[float]:
        """Return the expected amount of a purchase, p (v + repeat amount) / (p x + q - 1), in minor units.

        For customers who never came back, or whose repeat purchases sum to 0 or less, it is the mean over all.

        Raises:
            InvalidInput: No history has such statistics.
            NoFit: A customer's expectation is infinite.
        """
        found: list[float] = self.expected(columns_of(customers, _FORECAST)).tolist()
        return found

    def expected(self, customers: RepeatColumns) -> Any:
        """Return, as an array, what `expected_amounts` returns as a list."""
        np = scientific("numpy", _FORECAST)
        known = (customers.frequency > 0) & (customers.repeat_amount > 0)
        x, amount = np.where(known, customers.frequency, 0), np.where(known, customers.repeat_amount, 0)
        divisor = self.p * x + self.q - 1
        if (divisor <= 0).any():
            raise NoFit(
                f"with q = {self.q:.3g} the mean purchase has no finite expectation",
                code="infinite_mean",
                hint="Fit more customers, or leave out the few very large amounts",
            )
        return self.p * (self.v + amount.astype(float)) / divisor


def fit_spending(customers: Iterable[RepeatStatistics], *, unit_amount: float = 100) -> SpendingModel:
    """Fit the model by maximum likelihood to the customers who came back and spent something.

    Args:
        customers: All customers. Those who never came back are ignored; those whose repeat purchases sum to 0 or less
            are left out and counted.
        unit_amount: The unit of money of the log-likelihood, in minor units: 100 for dollars.

    Raises:
        MissingExtra: scipy is not installed.
        InvalidInput: No history has such statistics, or the unit is not positive.
        NoFit: Nobody came back and spent anything, or the likelihood has no maximum.
    """
    if not 0 < unit_amount < float("inf"):
        raise InvalidInput(
            f"{unit_amount} is not a unit of money",
            code="invalid_unit",
            field="unit_amount",
            hint="Give a number above 0",
        )
    np, known = scientific("numpy", f"Fitting {_TITLE}"), columns_of(customers, f"Fitting {_TITLE}")
    repeats = known.where(known.frequency > 0)
    spending = repeats.where(repeats.repeat_amount > 0)
    fitted = len(spending)
    if not fitted:
        raise NoFit(
            "no customer who came back spent anything then",
            code="no_repeat_spending",
            hint="The model needs customers who spent something on two days or more",
        )
    groups = _grouped(spending, unit_amount, np)
    start = (1.0, 2.0, float(groups.weights @ (groups.amount / groups.x)) / fitted)
    likelihood = partial(_log_likelihood, groups)
    found = maximise(likelihood, ("p", "q", "v"), start, count=fitted, model=_TITLE)
    p, q, v = found.values
    p_error, q_error, v_error = found.standard_errors
    return SpendingModel(
        p=p,
        q=q,
        v=v * unit_amount,
        standard_errors={"p": p_error, "q": q_error, "v": v_error * unit_amount},
        log_likelihood=found.log_likelihood,
        unit_amount=unit_amount,
        customers=fitted,
        left_out=len(repeats) - fitted,
    )


class _Groups(NamedTuple):
    """Customers with equal statistics, counted, as arrays; and the number of customers of each frequency."""

    x: Any
    amount: Any
    weights: Any
    frequencies: Any
    frequency_weights: Any


def _grouped(customers: RepeatColumns, unit_amount: float, np: Any) -> _Groups:
    columns = customers.frequency, customers.repeat_amount
    first, which = distinct_places(f"Fitting {_TITLE}", *columns)
    x, amount = (each[first].astype(float) for each in columns)
    weights = np.bincount(which).astype(float)
    frequencies, which = np.unique(x, return_inverse=True)
    return _Groups(x, amount / unit_amount, weights, frequencies, np.bincount(which, weights))


def _log_likelihood(groups: _Groups, parameters: Any) -> tuple[float, tuple[float, ...]]:
    """Return the log-likelihood of the mean repeat amounts, and its gradient; note 025, equation 1a."""
    np = scientific("numpy", "The likelihood")
    special = scientific("scipy.special", "The likelihood")
    gammaln, digamma = special.gammaln, special.digamma
    p, q, v = parameters
    x, amount, weights, levels, counts = groups
    shape, more, n = p * x, p * levels + q, counts.sum()
    sums, own = np.log(amount + v), weights @ np.log(amount / x)
    share = weights * x @ (np.log(amount) - sums)
    # The density is that of the mean, amount / x; hence the extra term.
    value = counts @ (gammaln(more) - gammaln(p * levels)) + n * (q * np.log(v) - gammaln(q)) - own
    value += p * share - q * (weights @ sums)
    gradient = (
        (counts * levels) @ (digamma(more) - digamma(p * levels)) + share,
        counts @ digamma(more) + n * (np.log(v) - digamma(q)) - weights @ sums,
        n * q / v - weights @ ((shape + q) / (amount + v)),
    )
    return float(value), tuple(map(float, gradient))
