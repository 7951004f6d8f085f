"""Gauss's hypergeometric function as a mean: E (1 + p z)^-e for a beta distributed p is 2F1(e, a; a + b; -z).

By Pfaff's transformation it is (1 + z)^-a 2F1(a + b - e, a; a + b; w) with w = z / (1 + z) < 1. The parameters of 2F1
then stay small together where e and b grow together. Near w = 1 scipy continues the series by a formula. The formula is
undefined where e - a is a whole number (it gives NaN), and poor near it. There the mean is integrated instead. So it is
where a is so large that the first factor vanishes and the second overflows.
"""

from __future__ import annotations

from typing import Any

from relations.analytics.extra import scientific

__all__ = ["mean_power"]

_SERIES_MAX = 0.9
"""The largest w for which the plain series is summed."""

_FACTOR_MAX = 300.0
"""The largest a log (1 + z) for which it is: beyond it the two factors do not fit a float."""

_FAR = 40.0
"""Terms below this, as a logarithm, do not count."""


def mean_power(a: float, b: Any, e: Any, z: Any) -> Any:
    """Return E (1 + p z)^-e for a beta distributed p.

    Args:
        a: The first parameter of the beta distribution.
        b: The second parameter, an array.
        e: The exponent, a positive array of the same shape.
        z: An array of the same shape, 0 or more.
    """
    np, special = scientific("numpy", "Expected purchases"), scientific("scipy.special", "Expected purchases")
    w = z / (1 + z)
    near = (w <= _SERIES_MAX) & (a * np.log1p(z) <= _FACTOR_MAX)
    found = np.exp(-a * np.log1p(z))
    found[near] *= special.hyp2f1((a + b - e)[near], a, (a + b)[near], w[near])
    if not near.all():
        found[~near] = _integrated(a, b[~near], e[~near], z[~near], np, special)
    return found


def _integrated(a: float, b: Any, e: Any, z: Any, np: Any, special: Any) -> Any:
    """Integrate by the trapezoidal rule over the logit of p, which is exact to the last digits for a smooth function.

    The line between the function's values at p = 0 and p = 1 is subtracted and its mean added again. The rest vanishes
    at both ends, however flat the distribution is there.
    """
    last = np.exp(-e * np.log1p(z))
    norm = special.betaln(a, b)
    # The step follows the narrowest of all: the distribution's spread, and how suddenly the power falls.
    narrow = 1 / (special.polygamma(1, a) + special.polygamma(1, b.max())) + e.max() / 4
    step = min(0.4, 0.5 / float(np.sqrt(narrow)))
    total = np.zeros_like(z)
    for y in np.arange(-_FAR - np.log1p((e * z).max()), _FAR, step):
        p, q = special.expit(y), special.expit(-y)
        density = np.exp(a * special.log_expit(y) + b * special.log_expit(-y) - norm)
        total += density * (np.exp(-e * np.log1p(p * z)) - q - p * last)
    return (b + a * last) / (a + b) + step * total
