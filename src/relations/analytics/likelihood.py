"""Maximum likelihood, in the same way for every model.

All parameters are positive, so the search runs over their logarithms, from a fixed start, with exact gradients. Nothing
is random: the same statistics give the same fit, to the last bit on one machine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from relations.analytics.extra import scientific
from relations.errors import NoFit

__all__ = ["Maximum", "maximise"]

_REACH = 13.8
"""The limit of the search around its start, as a logarithm: a factor of a million."""

_SLOPE_AIM, _SLOPE_MAX = 1e-9, 1e-7
"""Slopes of the mean log-likelihood by a parameter's logarithm: the search's aim, and the limit for a maximum."""

_ERROR_MAX = _REACH / 1.96
"""The largest standard error of a logarithm, in any direction. Beyond it a 95 % interval leaves the search's limits:
the customers do not say where the maximum is, and rounding decides where the search ends."""

_STEP = 1e-4
"""The distance over which the slope's change gives the curvature: wide enough that rounding does not show."""

LogLikelihood = Callable[[Any], tuple[float, Any]]
"""A function from the parameters to the log-likelihood and its gradient."""


class Maximum(NamedTuple):
    """A maximum of a likelihood.

    Attributes:
        values: The parameters.
        standard_errors: Their standard errors, from the curvature at the maximum.
        log_likelihood: The log-likelihood at the maximum.
        evaluations: The number of evaluations of the likelihood.
    """

    values: tuple[float, ...]
    standard_errors: tuple[float, ...]
    log_likelihood: float
    evaluations: int


def maximise(
    log_likelihood: LogLikelihood, names: tuple[str, ...], start: tuple[float, ...], *, count: int, model: str
) -> Maximum:
    """Find the maximum: quasi-Newton into its neighbourhood, then Newton's method within a trust region.

    Args:
        log_likelihood: The function.
        names: The parameters' names, for the error.
        start: The first parameters; their sizes set the scale of the search.
        count: The number of customers, by which slopes are divided.
        model: The model's name, for the error.

    Raises:
        MissingExtra: scipy is not installed.
        NoFit: There is no maximum within the limits (`fit_not_converged`).
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

    def stop_when_far(intermediate_result: Any) -> None:
        if np.max(np.abs(intermediate_result.x - origin)) > _REACH:
            raise StopIteration

    bounds = [(centre - _REACH, centre + _REACH) for centre in origin]
    # Without a maximum the search meets infinite numbers; the point where it ends is checked below.
    with np.errstate(all="ignore"):
        found = optimize.minimize(
            descent, origin, jac=True, method="L-BFGS-B", bounds=bounds,
            options={"maxiter": 1000, "gtol": 1e-5, "ftol": 1e-12},
        )  # fmt: skip
        # On a long ridge the first search stops early; the curvature leads along it.
        found = optimize.minimize(
            descent, found.x, jac=True, hess=lambda point: _curvature(descent, point, np), method="trust-exact",
            options={"maxiter": 200, "gtol": _SLOPE_AIM, "max_trust_radius": 4.0}, callback=stop_when_far,
        )  # fmt: skip
    point = found.x
    parameters, curvature = np.exp(point), _curvature(descent, point, np)
    named = dict(zip(names, map(float, parameters), strict=True))
    _check_maximum(descent(point)[1], point - origin, curvature * count, named, model, np)
    errors = np.sqrt(np.diag(np.linalg.inv(curvature)) / count) * parameters
    return Maximum(tuple(named.values()), tuple(map(float, errors)), float(log_likelihood(parameters)[0]), evaluations)


def _check_maximum(slope: Any, way: Any, curvature: Any, named: dict[str, float], model: str, np: Any) -> None:
    """Refuse a point that is not a maximum: with too few customers there may be an endless ridge instead."""
    far = [name for name, distance in zip(named, way, strict=True) if not abs(distance) < _REACH - 0.1]
    if far or not np.max(np.abs(slope)) <= _SLOPE_MAX:
        at = ", ".join(f"{name} = {value:.3g}" for name, value in named.items())
        how = f"it is still rising at {at}"
    elif not np.all(np.linalg.eigvalsh(curvature) > 1 / _ERROR_MAX**2):
        how = "it is too flat to separate the parameters"
    else:
        return
    raise NoFit(
        f"the likelihood of {model} has no maximum for these customers: {how}",
        code="fit_not_converged",
        hint="Give more customers, or observe them for longer",
    )


def _curvature(descent: Callable[[Any], tuple[float, Any]], point: Any, np: Any) -> Any:
    steps = np.eye(len(point)) * _STEP
    matrix = np.array([descent(point + step)[1] - descent(point - step)[1] for step in steps]) / (2 * _STEP)
    return (matrix + matrix.T) / 2
