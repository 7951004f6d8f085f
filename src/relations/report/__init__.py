"""Reports: all views as one self-contained HTML page with charts, in English or Chinese.

* `render_html`: renders the page of an engine, as text.
* `LANGUAGES`: the languages of the page.

The page needs the extra `report` (Jinja, Babel), which is imported when a page is rendered. The page itself is loaded
when one of these names is first used, since a customer's file has no need of it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from relations.report.html.page import render_html
    from relations.report.html.wording import LANGUAGES, Language

__all__ = ["LANGUAGES", "Language", "render_html"]

_HOMES = {"LANGUAGES": "wording", "Language": "wording", "render_html": "page"}


def __getattr__(name: str) -> Any:
    """Load a public name on first use."""
    if name in _HOMES:
        return getattr(import_module(f"relations.report.html.{_HOMES[name]}"), name)
    msg = f"module 'relations.report' has no attribute {name!r}"
    raise AttributeError(msg)
