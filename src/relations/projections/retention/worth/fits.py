"""Recorded fits of the value models: which one a question uses, and how old it is."""

from __future__ import annotations

import json
from typing import ClassVar, NamedTuple

from relations.aggregates.model import ModelFitted
from relations.analytics import BuyingModel, SpendingModel
from relations.messages import Envelope
from relations.policies.calendars import LocalTime
from relations.projections.fits import FitInUse, newest_row, note_origin, origin_of
from relations.projections.projection import CustomerRow, Rows

__all__ = ["FIT_VERSION", "ModelFits", "RecordedFit", "add_fit", "newest_fit"]

FIT_VERSION = 1
"""The version of the method of fitting. Raise it whenever the same purchases give other parameters."""


class RecordedFit(CustomerRow, gc=False):
    """A fit that was recorded. It belongs to no customer: `customer` is empty.

    Attributes:
        model: The model of buying.
        currency: The currency of the purchases.
        number: The number of the fit among those of this model and currency.
        fitted_at: When it was recorded in business time, UTC microseconds.
        through: The last local day observed.
        position: The last position of the log that was read.
        version: The version of the method of fitting.
        buying: The fitted model of buying, as JSON.
        spending: The fitted model of spending, as JSON.
    """

    table: ClassVar[str] = "fits"
    key: ClassVar[tuple[str, ...]] = ("customer", "model", "currency", "number")
    model: str
    currency: str
    number: int
    fitted_at: int = 0
    through: str = ""
    position: int = 0
    version: int = 0
    buying: str = ""
    spending: str = ""


class ModelFits(NamedTuple):
    """Both fitted models, and where they come from."""

    buying: BuyingModel
    spending: SpendingModel
    used: FitInUse


def add_fit(rows: Rows, event: ModelFitted, envelope: Envelope) -> None:
    """Keep a fit."""
    row = rows.need(RecordedFit, envelope.customer, event.model, event.currency, envelope.version)
    note_origin(row, event, envelope)
    row.buying, row.spending = event.buying, event.spending


def newest_fit(rows: list[RecordedFit], through: int, local: LocalTime) -> ModelFits | None:
    """Return the newest fit that was recorded by the evening of a day; None if there is none.

    Args:
        rows: The fits of one model and currency.
        through: The ordinal of the day.
        local: The business's days.
    """
    row = newest_row(rows, through, local)
    if row is None:
        return None
    return ModelFits(
        BuyingModel.model_validate({"model": row.model, **json.loads(row.buying)}),
        SpendingModel.model_validate_json(row.spending),
        origin_of(row, through),
    )
