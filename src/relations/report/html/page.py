"""The page: its sections in their order, put into the templates."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from relations.engine import Relations
from relations.errors import InvalidInput
from relations.messages import minor_digits
from relations.report.due import has_gone_on
from relations.report.html.asked import Asked
from relations.report.html.figures import Section
from relations.report.html.sections import due, loyalty, repair, satisfaction, staying, value
from relations.report.html.wording import Wording, of_the_page

__all__ = ["DAYS", "render_html"]

DAYS = 14
"""How far ahead a page looks for what is due."""

_SECTIONS: tuple[Callable[[Asked], Section], ...] = (
    satisfaction.section,
    staying.section,
    value.section,
    repair.section,
    loyalty.section,
    due.section,
)


def render_html(
    engine: Relations,
    lang: str = "en",
    *,
    as_of: datetime | None = None,
    currency: str | None = None,
    days: int = DAYS,
) -> str:
    """One page of all views, complete in itself: it asks nothing of any network.

    Args:
        engine: Whose views.
        lang: `en`, or `zh` for simplified Chinese.
        as_of: The moment; now where absent. Nothing on the page is dated later: what is kept by month then counts
            through the last month that was over, and what is known of the present only is left out.
        currency: Which amounts count; the policy's where absent.
        days: How far ahead to look for what is due.

    Raises:
        InvalidInput: The page is not written in that language, an unknown currency, or days that lie behind.
        MissingExtra: The extra `report` is not installed.
    """
    say = Wording(lang)
    jinja = of_the_page("jinja2")
    if days < 0:
        raise InvalidInput(f"{days} days ahead lie behind", code="invalid_range", field="days")
    code = currency or engine.policy.currency
    minor_digits(code)
    at = as_of or engine.clock()
    asked = Asked(engine, at, as_of is not None and has_gone_on(engine, at), code, days, say)
    sections = [make(asked) for make in _SECTIONS]
    customers = engine.views.retention.lifecycle(as_of=at).customers
    told = [say("as_of", day=say.day(asked.day), customers=say.number(customers))]
    if asked.through != at:
        told.append(say("through", month=say.month(asked.through_month)))
    environment = jinja.Environment(
        loader=jinja.PackageLoader("relations.report.html"), autoescape=True, undefined=jinja.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    template = environment.get_template("report.html.jinja")
    return str(template.render(say=say, told=say.sentences(told), sections=sections))
