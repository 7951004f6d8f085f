"""Fitting models again, for processes that let time pass."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from relations.engine import Relations

__all__ = ["DailyRefits"]


class DailyRefits:
    """Fits the models of one log again when their newest fits are too old. It looks once a day.

    So a fit that is not possible, because there is too little to learn from, is not tried in every round.
    """

    def __init__(self) -> None:
        self._done_on: date | None = None

    def refit(self, engine: Relations, stopped: Callable[[], bool] = lambda: False) -> list[str]:
        """Fit the value models and forecasts, and find the rules and clusters, if the newest fit is too old.

        A fit is recorded in one transaction when it is done, so a process may end in the middle of it.

        Args:
            engine: The engine of the log.
            stopped: Asked before each fit; if it returns True, no other one begins.

        Returns:
            The names of those that were fitted.
        """
        now = engine.clock()
        if self._done_on == now.date():
            return []
        fitted: list[str] = []
        for name, refit in (
            ("value models", engine.refit_models),
            ("association rules", engine.refit_rules),
            ("clusters", engine.refit_clusters),
            ("forecasts", engine.refit_forecasts),
        ):
            if stopped():
                return fitted
            if refit(now) is not None:
                fitted.append(name)
        self._done_on = now.date()
        return fitted
