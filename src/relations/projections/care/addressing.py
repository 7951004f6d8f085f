"""The way to reach a customer for a step, and the words for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from relations.policies import Care, CareStep
from relations.projections.agenda.rows import CareRound, OpenStep
from relations.projections.customers.audience import ADDRESSES, speaks
from relations.projections.customers.portraits import SaidTrait

__all__ = ["WORDS", "channel_to_use", "language_of", "taboos_of", "text_for"]

WORDS = ("name", "language", "region", "email", "phone", *(f"culture {name}" for name in (
    "languages", "preferred_channel", "taboos",
)))  # fmt: skip
"""The subjects of a portrait that every contact needs."""
_DATED = ("festival", "stay_end")
"""The anchors whose steps have the date of it in their id."""
_TABOO = "trait taboo "

Standing = Mapping[str, SaidTrait]


def said(standing: Standing, about: str) -> str | None:
    """Return a word of a portrait; None if it is not known."""
    known = standing.get(about)
    return None if known is None else known.value


def language_of(standing: Standing) -> str | None:
    """Return the language in which to address a customer: the best that they speak, or else that of their profile."""
    spoken = said(standing, "culture languages")
    return spoken.split()[0] if spoken else said(standing, "language")


def taboos_of(standing: Standing) -> tuple[str, ...]:
    """Return the taboos to mind: the noted terms, and the words on culture."""
    words = said(standing, "culture taboos")
    terms = [about.removeprefix(_TABOO) for about in sorted(standing) if about.startswith(_TABOO)]
    return (*terms, *([] if words is None else [words]))


def channel_to_use(permitted: Sequence[str], standing: Standing, wanted: str | None) -> tuple[str, str | None] | None:
    """Return the channel for a contact and its address; None if no permitted channel has a known one.

    Args:
        permitted: The channels that suit the step and that the customer allows, the best first.
        standing: What is known of them.
        wanted: Only this channel, if given.
    """
    preferred = said(standing, "culture preferred_channel")
    for channel in sorted(permitted, key=lambda each: each != preferred):
        field = ADDRESSES.get(channel)
        address = None if field is None else said(standing, field)
        if wanted in (None, channel) and (field is None or address is not None):
            return channel, address
    return None


def text_for(row: CareRound, step: OpenStep, standing: Standing, care: Care) -> str | None:
    """Return the words for a step in the customer's language, with their name and the festival; None if none suit."""
    plan = care.plan(row.plan)
    meant = None if plan is None else next((each for each in plan.steps if _is_of(each, step.step)), None)
    language = language_of(standing)
    template = None if meant is None else meant.template(language, said(standing, "region"))
    if meant is None or template is None:
        return None
    text = template.text.replace("{name}", said(standing, "name") or "")
    if meant.on == "festival":
        text = text.replace("{festival}", _festival(step, care, language, own=template.language is not None))
    return text


def _is_of(meant: CareStep, name: str) -> bool:
    return meant.id == name or (meant.on in _DATED and name.rpartition("-")[0] == meant.id)


def _festival(step: OpenStep, care: Care, language: str | None, *, own: bool) -> str:
    day = datetime.strptime(step.step.rpartition("-")[2], "%Y%m%d").date()  # noqa: DTZ007 - a day has no zone
    for festival in care.festivals:
        if day in festival.dates and any(speaks(language, each) for each in festival.languages):
            return festival.own_name or festival.name if own else festival.name
    return ""
