"""Finding the parameters that make what was seen most likely: the same way for every model, and every time.

All parameters are positive, so the search is among their logarithms, from a fixed start, with exact gradients. Nothing
is random: the same statistics give the same fit, to the last bit on one machine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from relations.analytics.extra import scientific
from relations.errors import InvalidInput

__all__ = ["Maximum", "maximise"]

_REACH = 13.8
"""How far the search goes from its start, as a logarithm: a factor of a million."""

_SLOPE_MAX = 1e-6
"""The steepest slope of the mean log-likelihood, by a parameter's logarithm, that counts as a summit."""

_STEP = 1e-5
"""For the curvature, which is the slope's change over this distance."""

_NEWTON_STEPS = 20

LogLikelihood = Callable[[Any], tuple[float, Any]]
"""Parameters -> the log-likelihood and its gradient by the parameters."""


class Maximum(NamedTuple):
    """A summit.

    Attributes:
        values: The parameters.
        standard_errors: Theirs, from the curvature at the summit.
        log_likelihood: At them.
        evaluations: How often the likelihood was asked for.
    """

    values: tuple[float, ...]
    standard_errors: tuple[float, ...]
    log_likelihood: float
    evaluations: int


def maximise(
    log_likelihood: LogLikelihood, names: tuple[str, ...], start: tuple[float, ...], *, count: int, model: str
) -> Maximum:
    """Find the summit: quasi-Newton to its neighbourhood, Newton to the top.

    Args:
        log_likelihood: The function.
        names: The parameters' names, for the error.
        start: Where to begin; its sizes set the scale of the search.
        count: Of how many customers, so that slopes are the same for few and many.
        model: The model's name, for the error.

    Raises:
        MissingExtra: scipy is not installed.
        InvalidInput: There is no summit within reach, `fit_not_converged`.
    """
    np, optimize = scientific("numpy", f"Fitting {model}"), scientific("scipy.optimize", f"Fitting {model}")
    origin = np.log(np.array(start, dtype=float))
    evaluations = 0

    def descent(point: Any) -> tuple[float, Any]:
        nonlocal evaluations
        evaluations += 1
        parameters = np.exp(point)
        value, gradient = log_likelihood(parameters)
        return -value / count, -np.asarray(gradient) * parameters / count

    found = optimize.minimize(
        descent,
        origin,
        jac=True,
        method="L-BFGS-B",
        bounds=[(centre - _REACH, centre + _REACH) for centre in origin],
        options={"maxiter": 1000, "gtol": 1e-8, "ftol": 1e-14},
    )
    point = found.x
    edge = [name for name, at in zip(names, np.abs(point - origin), strict=True) if at > _REACH - 0.1]
    if edge or not np.all(np.isfinite(point)):
        raise _no_summit(model, f"it still grows as {' and '.join(edge)} go beyond all measure")
    point, curvature = _climb(descent, point, np)
    slope = float(np.max(np.abs(descent(point)[1])))
    if not (slope <= _SLOPE_MAX and np.all(np.linalg.eigvalsh(curvature) > 0)):
        raise _no_summit(model, f"the search ended on a slope of {slope:.1e}")
    parameters = np.exp(point)
    errors = np.sqrt(np.diag(np.linalg.inv(curvature)) / count) * parameters
    return Maximum(
        tuple(map(float, parameters)), tuple(map(float, errors)), float(log_likelihood(parameters)[0]), evaluations
    )


def _climb(descent: Callable[[Any], tuple[float, Any]], point: Any, np: Any) -> tuple[Any, Any]:
    """Newton's steps as long as they lead upwards, and the curvature where they end."""
    value, gradient = descent(point)
    curvature = _curvature(descent, point, np)
    for _ in range(_NEWTON_STEPS):
        if np.max(np.abs(gradient)) < 1e-12 or not np.all(np.linalg.eigvalsh(curvature) > 0):
            break
        further = point - np.linalg.solve(curvature, gradient)
        if np.max(np.abs(further - point)) > 1:
            break
        lower, flatter = descent(further)
        # Near the top values differ by less than their rounding; the slope still tells.
        if not (lower <= value + 1e-12 and np.max(np.abs(flatter)) < np.max(np.abs(gradient))):
            break
        point, value, gradient = further, lower, flatter
        curvature = _curvature(descent, point, np)
    return point, curvature


def _curvature(descent: Callable[[Any], tuple[float, Any]], point: Any, np: Any) -> Any:
    columns = []
    for step in np.eye(len(point)) * _STEP:
        columns.append((descent(point + step)[1] - descent(point - step)[1]) / (2 * _STEP))  # noqa: PERF401 (two lines)
    matrix = np.array(columns)
    return (matrix + matrix.T) / 2


def _no_summit(model: str, how: str) -> InvalidInput:
    return InvalidInput(
        f"the likelihood of {model} has no summit for these customers: {how}",
        code="fit_not_converged",
        remedy="Give more customers or a longer observation; with few repeat purchases nothing can be told apart",
    )
