"""The words of the page, and each language's way of writing numbers, months and money."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import cache, partial
from importlib import resources
from typing import Any, Literal, TypeAlias, get_args

from relations.errors import InvalidInput
from relations.extras import needed
from relations.messages import minor_digits
from relations.policies import Surveys

__all__ = ["LANGUAGES", "Language", "Wording", "of_the_page", "words_of"]

Language: TypeAlias = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
of_the_page = partial(needed, extra="report", purpose="A report as a page")
"""Imports a module that the page needs."""
_LOCALES: dict[str, str] = {"en": "en_GB", "zh": "zh_Hans_CN"}
_SHORT = {"en": "MMM yy", "zh-Hans": "yy年M月"}
_TAGS: dict[str, str] = {"en": "en", "zh": "zh-Hans"}


@cache
def words_of(language: str) -> Mapping[str, Any]:
    """Return the words of a language, `en` or `zh`, by their group and name."""
    file = resources.files("relations.report.html").joinpath("words", f"{language}.toml")
    return tomllib.loads(file.read_text("utf-8"))


class Wording:
    """One language.

    Args:
        language: `en` or `zh`.

    Raises:
        InvalidInput: The page is not available in this language.
        MissingExtra: The extra `report` is not installed.
    """

    def __init__(self, language: str) -> None:
        if language not in LANGUAGES:
            raise InvalidInput(
                f"the page is not available in {language!r}",
                code="unknown_language",
                field="lang",
                hint=f"Give one of {', '.join(LANGUAGES)}",
            )
        self.language = language
        self.tag = _TAGS[language]
        self._locale = _LOCALES[language]
        self._words = words_of(language)
        self._numbers = of_the_page("babel.numbers")
        self._dates = of_the_page("babel.dates")
        self._plural = of_the_page("babel").Locale.parse(self._locale).plural_form

    def __call__(self, key: str, **values: object) -> str:
        """Return the words under a key such as `repair.funnel`, with values inserted."""
        found: Any = self._words
        for part in key.split("."):
            found = found[part]
        return str(found).format(**values)

    def has(self, key: str) -> bool:
        """Return True if there are words under a key."""
        group, _, name = key.partition(".")
        return name in self._words.get(group, {})

    def name(self, group: str, key: str) -> str:
        """Return the word for one of the library's own names, such as a stage; any other name as it is."""
        return str(self._words[group].get(key, key))

    def sentences(self, said: Sequence[str]) -> str:
        """Join sentences."""
        return ("" if self.tag.startswith("zh") else " ").join(said)

    def list(self, names: Sequence[str]) -> str:
        """Join several names in one sentence."""
        return str(of_the_page("babel.lists").format_list(names, locale=self._locale))

    def count(self, noun: str, count: int) -> str:
        """Return a number with its noun, in the singular or the plural."""
        forms = self._words["count"][noun]
        return str(forms.get(self._plural(count), forms["other"])).format(n=self.number(count))

    def number(self, value: float, digits: int = 0) -> str:
        """Write a number with this many decimals; never a negative zero."""
        pattern = "#,##0" + ("." + "0" * digits if digits else "")
        rounded = round(value, digits) or 0
        return _minus(self._numbers.format_decimal(rounded, format=pattern, locale=self._locale))

    def percent(self, share: float | None, digits: int = 0) -> str:
        """Write a share as a percentage; a dash if it is undefined."""
        if share is None:
            return "\u2013"
        pattern = "#,##0" + ("." + "0" * digits if digits else "") + "%"
        rounded = round(share, digits + 2) or 0
        return _minus(self._numbers.format_percent(rounded, pattern, locale=self._locale))

    def share(self, share: float) -> str:
        """Write a share as a whole percentage; `<1%` if it is small but above 0."""
        return "<" + self.percent(0.01) if 0 < share < 0.005 else self.percent(share)

    def money(self, minor: float, currency: str) -> str:
        """Write an amount of minor units in whole major units."""
        major = Decimal(round(minor)).scaleb(-minor_digits(currency))
        return _minus(self._numbers.format_currency(round(major), currency, format="¤#,##0", currency_digits=False,
                                                    locale=self._locale))  # fmt: skip

    def short_money(self, minor: float, currency: str) -> str:
        """Write an amount in few letters, such as `€12.5K` or `€1.25万`, with at most two decimals."""
        major = float(Decimal(round(minor)).scaleb(-minor_digits(currency)))
        return _minus(self._numbers.format_compact_currency(major, currency, fraction_digits=2, locale=self._locale))

    def month(self, month: str) -> str:
        """Write a month such as `2024-05`."""
        return str(self._dates.format_skeleton("yMMM", date.fromisoformat(f"{month}-01"), locale=self._locale))

    def short_month(self, month: str) -> str:
        """Write a month such as `2024-05` in few letters."""
        return str(self._dates.format_date(date.fromisoformat(f"{month}-01"), _SHORT[self.tag], locale=self._locale))

    def day(self, day: date) -> str:
        """Write a day in full."""
        return str(self._dates.format_date(day, "long", locale=self._locale))

    def short_day(self, day: date) -> str:
        """Write a day in few letters."""
        return str(self._dates.format_skeleton("yMd", day, locale=self._locale))

    def day_of_month(self, day: date) -> str:
        """Write a day without its year, in few letters."""
        return str(self._dates.format_skeleton("Md", day, locale=self._locale))

    def driver(self, name: str, surveys: Surveys) -> str:
        """Return the word for a driver such as `csat` or `stay.staff`, or else the name that the business gave it."""
        instrument, _, aspect = name.partition(".")
        if not aspect:
            return self.name("driver", name)
        if self.has(f"aspect.{aspect}"):
            return self.name("aspect", aspect)
        known = surveys.instrument(instrument)
        texts = [item.text for item in known.items if item.id == aspect] if known else []
        return (texts and texts[0]) or aspect


def _minus(written: object) -> str:
    """Replace hyphens by true minus signs, as wide as a plus."""
    return str(written).replace("-", "\u2212")
