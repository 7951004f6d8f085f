"""The page: its sections in order, rendered by the templates."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from relations.errors import InvalidInput
from relations.messages import minor_digits, to_micros
from relations.past.questions import Questions
from relations.policies.calendars import local_time
from relations.report.due import has_gone_on
from relations.report.html.asked import Asked
from relations.report.html.figures import Section
from relations.report.html.sections import (
    board,
    campaigns,
    care,
    contact,
    desk,
    due,
    loyalty,
    models,
    posts,
    repair,
    retention,
    satisfaction,
    ties,
    value,
)
from relations.report.html.sections.office import pipeline, team
from relations.report.html.wording import Wording, of_the_page

__all__ = ["AHEAD", "render_html"]

AHEAD = timedelta(days=14)
"""How far ahead a page looks for what is due, by default."""

_SECTIONS: tuple[Callable[[Asked], Section], ...] = (
    board.section,
    desk.section,
    team.section,
    satisfaction.section,
    posts.section,
    retention.section,
    value.section,
    models.section,
    campaigns.section,
    repair.section,
    loyalty.section,
    pipeline.section,
    contact.section,
    due.section,
    care.section,
    ties.section,
)
"""All sections, in order."""


def render_html(
    engine: Questions,
    lang: str = "en",
    *,
    as_of: datetime | None = None,
    currency: str | None = None,
    ahead: timedelta = AHEAD,
) -> str:
    """Render all views as one self-contained page that loads nothing from any network.

    Args:
        engine: The engine to ask.
        lang: `en`, or `zh` for simplified Chinese.
        as_of: The moment asked about; now by default. Nothing on the page is dated later. For a past moment, figures by
            month end with the last full month, and figures known only for the present are left out.
        currency: The currency whose amounts count; the policy's by default.
        ahead: How far ahead to look for what is due.

    Returns:
        The page as HTML.

    Raises:
        InvalidInput: The language or currency is unknown, or `ahead` is negative.
        MissingExtra: The extra `report` is not installed.
    """
    say = Wording(lang)
    of_the_page("jinja2")
    if ahead < timedelta(0):
        raise InvalidInput(
            f"cannot look {ahead} ahead", code="invalid_range", field="ahead", hint="Give a timedelta of 0 or more"
        )
    code = currency or engine.policy.currency
    minor_digits(code)
    at = as_of or engine.clock()
    asked = Asked(engine, at, as_of is not None and has_gone_on(engine, at), code, ahead, say)
    has_plans = any(policy.care.plans for policy in engine.rules.adopted)
    sections = [make(asked) for make in _SECTIONS if has_plans or make is not care.section]
    customers = engine.views.retention.lifecycle(as_of=at).customers
    facts = [say("as_of", day=say.day(asked.day), customers=say.count("customers", customers))]
    status = engine.status()
    made = local_time(engine.policy.zone).moment(to_micros(engine.present)).date()
    events = say.count("events", status.position)
    facts.append(say("made", day=say.day(made), events=events, digest=status.digest[:16]))
    if asked.through != at:
        facts.append(say("through", month=say.month(asked.through_month)))
    business = engine.policy.business
    return str(_template().render(say=say, business=business, facts=say.sentences(facts), sections=sections))


@cache
def _template() -> Any:
    """Return the page's template, compiled once."""
    jinja = of_the_page("jinja2")
    environment = jinja.Environment(
        loader=jinja.PackageLoader("relations.report.html"), autoescape=True, undefined=jinja.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template("report.html.jinja")
