"""Views for people who look rather than read: one self-contained HTML page with charts, in English or Chinese.

* `html`: the page of an engine, as text.
* `LANGUAGES`: what it can be written in.

Needs the extra `report` (Jinja, Babel), which is imported when a page is asked for.
"""

from __future__ import annotations

from relations.report.page import html
from relations.report.wording import LANGUAGES, Language

__all__ = ["LANGUAGES", "Language", "html"]
