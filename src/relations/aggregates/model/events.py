"""Events of fitted models."""

from __future__ import annotations

from typing import ClassVar

from relations.messages import Event

__all__ = ["ClustersFitted", "ForecastsFitted", "ModelFitted", "RulesFitted"]


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


class ForecastsFitted(Event, frozen=True):
    """Forecasts of the purchases and the revenue of each month were fitted, of the whole business and by touchpoint.

    Attributes:
        currency: The currency of the purchases.
        through: The last day of the last whole month, such as `2024-05-31`.
        position: The last position of the log that was read.
        version: The version of the method of fitting.
        forecasts: The models, their states, and how they did on months held out, as a JSON object.
    """

    topic: ClassVar[str] = "model.forecasts_fitted"
    currency: str
    through: str
    position: int
    version: int
    forecasts: str
