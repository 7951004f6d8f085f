"""The parameters of the fitted models that expectations depend on, with their standard errors."""

from __future__ import annotations

from relations.analytics import BuyingModel, SpendingModel
from relations.projections.retention import WorthReport

__all__ = ["fit_parameters"]


def fit_parameters(found: WorthReport) -> list[tuple[str, list[str]]]:
    """Return the title of each fitted model with its parameters, each such as `r 0.243 ± 0.013`."""
    fits: list[tuple[str, BuyingModel | SpendingModel]] = []
    if found.buying is not None:
        fits.append((found.buying.model.upper().replace("_", "/"), found.buying))
    if found.spending is not None:
        fits.append(("Gamma-Gamma", found.spending))
    return [(title, _parameters(model)) for title, model in fits]


def _parameters(model: BuyingModel | SpendingModel) -> list[str]:
    errors = model.standard_errors.items()
    return [f"{name.replace('_', ' ')} {_short(getattr(model, name))} ± {_short(error)}" for name, error in errors]


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
