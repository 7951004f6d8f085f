"""Drivers of an outcome: correlations, a regression, and each driver's share of what the regression explains.

Shares are those of R. H. Lindeman, P. F. Merenda and R. Z. Gold, "Introduction to bivariate and multivariate analysis"
(1980), also known as LMG or Shapley values of R squared (U. Groemping, "Relative importance for linear regression in R:
the package relaimpo", Journal of Statistical Software 17 (2006) 1). A share is how much a driver adds to R squared,
averaged over all orders in which drivers can be entered. Shares are never negative and sum to R squared, even if
drivers are correlated with each other. No figure shows which of two correlated drivers "really" matters; `collinear`
names them.

Pure Python: all regressions of up to twelve drivers come from one matrix of correlations.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from math import comb, sqrt
from operator import mul
from typing import NamedTuple

from relations.errors import InvalidInput
from relations.json_form import ViewAnswer

__all__ = ["Driver", "DriverReport", "driver_report", "pearson", "shares_of_correlations", "spearman"]

DRIVERS_MAX = 12
"""The most drivers. Each one doubles the number of regressions; 12 make 4,096."""
VIF_WARNING = 5.0
_SINGULAR = 1e-9


class Driver(ViewAnswer):
    """One driver.

    Attributes:
        name: The driver's name.
        pearson: The correlation with the outcome; None if either never varies.
        spearman: The rank correlation, ties at their mean rank.
        beta: The standardised coefficient: the difference of the outcome in standard deviations for a difference of one
            here, with all other drivers equal. None if the drivers determine each other.
        share: The Shapley share of R squared, 0 or more.
        vif: The variance inflation factor, 1 / (1 - R squared on the other drivers); None if those determine it.
    """

    name: str
    pearson: float | None
    spearman: float | None
    beta: float | None
    share: float
    vif: float | None


class DriverReport(ViewAnswer):
    """The drivers of an outcome. A survey shows what goes together, not what causes what.

    Attributes:
        outcome: The outcome's name.
        n: The number of complete observations.
        r_squared: The share of the outcome's variance that the drivers explain together, from 0 to 1.
        adjusted_r_squared: R squared less what as many random drivers would explain; None if n is too small.
        drivers: The drivers, the largest share first.
        collinear: Drivers with a variance inflation factor of 5 or more, or determined by others. Read their betas and
            shares together.
        constant: Drivers left out because they never vary.
    """

    outcome: str
    n: int
    r_squared: float
    adjusted_r_squared: float | None
    drivers: tuple[Driver, ...]
    collinear: tuple[str, ...]
    constant: tuple[str, ...]


class _Deviations(NamedTuple):
    """The deviations of numbers from their mean, and the sum of their squares."""

    each: Sequence[float]
    squares: float

    @classmethod
    def of(cls, values: Sequence[float]) -> _Deviations:
        if not values or min(values) == max(values):  # a rounded mean of equal numbers may differ from each of them
            return cls([0.0] * len(values), 0.0)
        mean = sum(values) / len(values)
        each = [value - mean for value in values]
        return cls(each, sum([one**2 for one in each]))

    def correlation(self, other: _Deviations) -> float | None:
        """Return Pearson's correlation; None if either never varies."""
        if not self.squares or not other.squares:
            return None
        found: float = sum(map(mul, self.each, other.each)) / sqrt(self.squares * other.squares)
        return max(-1.0, min(1.0, found))


def pearson(x: Sequence[float], y: Sequence[float]) -> float | None:
    """Return Pearson's correlation; None if either never varies."""
    return _Deviations.of(x).correlation(_Deviations.of(y))


def spearman(x: Sequence[float], y: Sequence[float]) -> float | None:
    """Return Spearman's rank correlation, ties at their mean rank; None if either never varies."""
    return pearson(_ranks(x), _ranks(y))


def _ranks(values: Sequence[float]) -> list[float]:
    ranks: dict[float, float] = {}
    start = 0
    for value, count in sorted(Counter(values).items()):
        ranks[value] = (start + start + count - 1) / 2 + 1
        start += count
    return [ranks[value] for value in values]


def driver_report(outcome: str, values: Sequence[float], drivers: Mapping[str, Sequence[float]]) -> DriverReport:
    """Explain an outcome by drivers that were observed together with it.

    Args:
        outcome: The outcome's name.
        values: The outcome, one number for each observation.
        drivers: The values of each driver by its name, one for each observation.

    Raises:
        InvalidInput: There are no drivers or more than twelve, columns differ in length, or the outcome never varies.
            Or there are fewer than two observations more than drivers.
    """
    n = len(values)
    if any(len(column) != n for column in drivers.values()):
        raise InvalidInput("all columns need one value for each observation", code="uneven_columns", field="drivers")
    varying = {name: column for name, column in drivers.items() if len(set(column)) > 1}
    constant = tuple(name for name in drivers if name not in varying)
    if not varying:
        raise InvalidInput("no driver varies", code="no_drivers", field="drivers", hint="Give drivers that vary")
    if len(varying) > DRIVERS_MAX:
        raise InvalidInput(
            f"there cannot be {len(varying)} drivers, only {DRIVERS_MAX}",
            code="too_many_drivers",
            field="drivers",
            hint="Ask for dimensions instead of items, or choose some",
        )
    if len(set(values)) < 2:
        raise InvalidInput("the outcome never varies", code="constant_outcome", field="outcome")
    if n < len(varying) + 2:
        raise InvalidInput(
            f"{n} observations are too few for {len(varying)} drivers",
            code="too_few_observations",
            hint=f"At least {len(varying) + 2} are needed, and many more to trust them",
        )
    names = list(varying)
    columns = [varying[name] for name in names]
    deviations = [_Deviations.of(column) for column in columns]
    correlations = [[0.0] * len(columns) for _ in columns]
    for row, one in enumerate(deviations):
        for column in range(row, len(columns)):
            correlations[row][column] = correlations[column][row] = _correlated(one, deviations[column])
    from_mean, ranks = _Deviations.of(values), _Deviations.of(_ranks(values))
    with_outcome = [_correlated(each, from_mean) for each in deviations]
    whole, shares = shares_of_correlations(correlations, with_outcome)
    betas = _solve(correlations, with_outcome)
    vifs = [_vif(correlations, index) for index in range(len(names))]
    found = [
        Driver(
            name=name,
            pearson=with_outcome[index],
            spearman=_Deviations.of(_ranks(columns[index])).correlation(ranks),
            beta=None if betas is None else betas[index],
            share=shares[index],
            vif=vifs[index],
        )
        for index, name in enumerate(names)
    ]
    rest = n - len(names) - 1
    return DriverReport(
        outcome=outcome,
        n=n,
        r_squared=whole,
        adjusted_r_squared=1 - (1 - whole) * (n - 1) / rest if rest > 0 else None,
        drivers=tuple(sorted(found, key=lambda driver: (-driver.share, driver.name))),
        collinear=tuple(name for name, vif in zip(names, vifs, strict=True) if vif is None or vif >= VIF_WARNING),
        constant=constant,
    )


def shares_of_correlations(
    correlations: list[list[float]], with_outcome: list[float]
) -> tuple[float, tuple[float, ...]]:
    """Return R squared of all drivers, and the Shapley share of each.

    Args:
        correlations: The correlations of the drivers with each other.
        with_outcome: The correlation of each driver with the outcome.
    """
    explained = _r_squared_of_all(correlations, with_outcome)
    size = len(with_outcome)
    return explained[-1], tuple(_share(explained, index, size) for index in range(size))


def _correlated(one: _Deviations, other: _Deviations) -> float:
    found = one.correlation(other)
    assert found is not None  # noqa: S101 - columns that never vary were left out
    return found


def _r_squared_of_all(correlations: list[list[float]], with_outcome: list[float]) -> list[float]:
    """R squared of each set of drivers; a set is a number whose bits are its members."""
    size = len(with_outcome)
    found = [0.0] * (1 << size)
    for chosen in range(1, 1 << size):
        members = [index for index in range(size) if chosen >> index & 1]
        matrix = [[correlations[row][column] for column in members] for row in members]
        explained = _explained(matrix, [with_outcome[index] for index in members])
        # More drivers never explain less; rounding must not say so, for shares would be negative.
        least = max(found[chosen ^ (1 << index)] for index in members)
        found[chosen] = min(1.0, max(least, explained))
    return found


def _explained(matrix: list[list[float]], right: list[float]) -> float:
    """Return R squared by orthogonalising one driver after the other; one determined by others adds nothing."""
    size = len(right)
    left = [row[:] for row in matrix]
    outcome = right[:]
    explained = 0.0
    for pivot in range(size):
        own = left[pivot][pivot]
        if own <= _SINGULAR:
            continue
        explained += outcome[pivot] ** 2 / own
        for row in range(pivot + 1, size):
            factor = left[row][pivot] / own
            outcome[row] -= factor * outcome[pivot]
            for column in range(pivot + 1, size):
                left[row][column] -= factor * left[pivot][column]
    return explained


def _share(explained: list[float], driver: int, size: int) -> float:
    bit = 1 << driver
    return sum(
        (explained[others | bit] - explained[others]) / (size * comb(size - 1, others.bit_count()))
        for others in range(1 << size)
        if not others & bit
    )


def _solve(matrix: list[list[float]], right: list[float]) -> list[float] | None:
    """Return the solution of a symmetric, positive system; None if it is singular."""
    size = len(right)
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    for pivot in range(size):
        own = rows[pivot][pivot]
        if own <= _SINGULAR:
            return None
        for row in range(size):
            if row != pivot:
                factor = rows[row][pivot] / own
                for column in range(pivot, size + 1):
                    rows[row][column] -= factor * rows[pivot][column]
    return [rows[index][size] / rows[index][index] for index in range(size)]


def _vif(correlations: list[list[float]], driver: int) -> float | None:
    others = [index for index in range(len(correlations)) if index != driver]
    matrix = [[correlations[row][column] for column in others] for row in others]
    left = 1 - _explained(matrix, [correlations[driver][index] for index in others])
    return 1 / left if left > _SINGULAR else None
