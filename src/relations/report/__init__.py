"""Views for people who look rather than read: one self-contained HTML page with charts, in English or Chinese.

* `render_html`: the page of an engine, as text.
* `LANGUAGES`: what it can be written in.

Needs the extra `report` (Jinja, Babel), which is imported when a page is asked for.
"""

from __future__ import annotations

from relations.report.html.page import render_html
from relations.report.html.wording import LANGUAGES, Language

__all__ = ["LANGUAGES", "Language", "render_html"]
