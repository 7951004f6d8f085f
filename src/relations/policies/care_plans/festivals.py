"""Festivals by culture, as plain dates in the policy.

`festivals` takes them from the package `holidays` (the extra `calendars`). They become part of the policy as data, so a
newer version of the package changes no decision already made.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Annotated, Any, NamedTuple

from pydantic import AfterValidator, ConfigDict, Field

from relations.extras import needed
from relations.messages import Checked, Label

__all__ = ["Festival", "festivals"]


class Festival(Checked):
    """A festival of the people who speak some languages.

    Attributes:
        name: Its name in English.
        own_name: Its name in the language of the culture, if that differs.
        languages: The languages of the culture (BCP 47); each includes its variants.
        dates: Its dates in all years that the policy covers.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Label
    own_name: Label | None = None
    languages: Annotated[tuple[Label, ...], Field(min_length=1)]
    dates: Annotated[tuple[date, ...], Field(max_length=500), AfterValidator(lambda days: tuple(sorted(set(days))))]


class _Source(NamedTuple):
    name: str
    languages: tuple[str, ...]
    country: str
    holiday: str
    own_name: str | None = None


_SOURCES = (
    _Source("Chinese New Year", ("zh", "yue"), "CN", "Chinese New Year (Spring Festival)", "春节"),
    _Source("Mid-Autumn Festival", ("zh", "yue"), "CN", "Mid-Autumn Festival", "中秋节"),
    _Source("Korean New Year", ("ko",), "KR", "Korean New Year", "설날"),
    _Source("Vietnamese New Year", ("vi",), "VN", "Lunar New Year", "Tết Nguyên Đán"),
    _Source("New Year", ("ja",), "JP", "New Year's Day", "お正月"),
    _Source("Songkran", ("th",), "TH", "Songkran Festival", "สงกรานต์"),
    _Source("Eid al-Fitr", ("ar", "tr", "id", "ms", "ur"), "AE", "Eid al-Fitr"),
    _Source("Rosh Hashanah", ("he",), "IL", "Rosh Hashanah"),
    _Source("Diwali", ("hi",), "IN", "Diwali"),
    _Source("Christmas", ("de", "en", "fr", "it", "es", "pt", "nl", "pl", "cs", "sv", "da"), "DE", "Christmas Day"),
)
"""The festivals that a greeting suits, the languages of their culture, and where the package lists them."""


def festivals(years: Iterable[int]) -> tuple[Festival, ...]:
    """Return the festivals of common cultures, with their dates in some years.

    A festival of several days has its first. Dates that depend on the sight of the moon are estimates.

    Args:
        years: The years.

    Raises:
        MissingExtra: The package `holidays` is not installed.
    """
    holidays = needed("holidays", extra="calendars", purpose="Knowing the dates of festivals")
    wanted = sorted(set(years))
    return tuple(
        Festival(
            name=each.name,
            own_name=each.own_name,
            languages=each.languages,
            dates=tuple(_dates(holidays, each, wanted)),
        )
        for each in _SOURCES
    )


def _dates(holidays: Any, source: _Source, years: list[int]) -> Iterable[date]:
    known = holidays.country_holidays(source.country, years=years, language="en_US")
    # Names of holidays on one day are joined. The eve has a name of its own, and is not the festival.
    days = sorted(day for day, names in known.items() if source.holiday in _plain(names) and day.year in years)
    # The days of one festival follow each other; the first of them is kept.
    return [day for place, day in enumerate(days) if not place or (day - days[place - 1]).days > 1]


def _plain(names: str) -> list[str]:
    return [name.removesuffix(" (estimated)") for name in names.split("; ")]
