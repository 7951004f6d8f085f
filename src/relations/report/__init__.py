"""Reports: all views as one self-contained HTML page with charts, in English or Chinese.

* `render_html`: renders the page of an engine, as text.
* `LANGUAGES`: the languages of the page.

The page needs the extra `report` (Jinja, Babel), which is imported when a page is rendered.
"""

from __future__ import annotations

from relations.report.html.page import render_html
from relations.report.html.wording import LANGUAGES, Language

__all__ = ["LANGUAGES", "Language", "render_html"]
