"""numpy, loaded by the first answer that computes with columns: most commands and many questions never need it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relations.extras import Later

if TYPE_CHECKING:
    import numpy as np
else:
    np = Later("numpy")

__all__ = ["np"]
