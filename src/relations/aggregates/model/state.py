"""The state of a fitted model."""

from __future__ import annotations

import msgspec

__all__ = ["FittedModel"]


class FittedModel(msgspec.Struct, frozen=True):
    """The newest fit; `through` is empty before the first one."""

    through: str = ""
    position: int = 0
    version: int = 0
    buying: str = ""
    spending: str = ""
    rules: str = ""
    clusters: str = ""
    forecasts: str = ""
