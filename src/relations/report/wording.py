"""The report's words and the ways in which its languages write numbers, months and money."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from importlib import import_module, resources
from typing import Any, Literal, TypeAlias, get_args

from relations.errors import InvalidInput, MissingExtra
from relations.messages import minor_digits

__all__ = ["LANGUAGES", "Language", "Wording", "needed"]

Language: TypeAlias = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
_LOCALES: dict[str, str] = {"en": "en_GB", "zh": "zh_Hans_CN"}
_TAGS: dict[str, str] = {"en": "en", "zh": "zh-Hans"}


def needed(module: str) -> Any:
    """A module of the extra `report`.

    Raises:
        MissingExtra: It is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        package = (error.name or module).partition(".")[0]
        raise MissingExtra(package, extra="report", purpose="A report as a page") from None


class Wording:
    """One language.

    Args:
        language: Which.

    Raises:
        InvalidInput: The report is not written in it.
        MissingExtra: The extra `report` is not installed.
    """

    def __init__(self, language: str) -> None:
        if language not in LANGUAGES:
            raise InvalidInput(
                f"the report is not written in {language!r}",
                code="unknown_language",
                field="lang",
                remedy=f"Give one of {', '.join(LANGUAGES)}",
            )
        self.tag = _TAGS[language]
        self._locale = _LOCALES[language]
        self._words: Mapping[str, Any] = tomllib.loads(
            resources.files("relations.report").joinpath("words", f"{language}.toml").read_text("utf-8")
        )
        self._numbers = needed("babel.numbers")
        self._dates = needed("babel.dates")

    def __call__(self, key: str, **values: object) -> str:
        """The words under a key such as `repair.funnel`, with values put in."""
        found: Any = self._words
        for part in key.split("."):
            found = found[part]
        return str(found).format(**values)

    def name(self, group: str, key: str) -> str:
        """The word for a name of the library's own, such as a stage; any other name as it is."""
        return str(self._words[group].get(key, key))

    def number(self, value: float, digits: int = 0) -> str:
        """A number with so many decimals."""
        pattern = "#,##0" + ("." + "0" * digits if digits else "")
        return str(self._numbers.format_decimal(value, format=pattern, locale=self._locale))

    def percent(self, share: float | None) -> str:
        """A share as a percentage; a dash where it is undefined."""
        return "-" if share is None else str(self._numbers.format_percent(share, "#,##0%", locale=self._locale))

    def money(self, minor: float, currency: str) -> str:
        """An amount of minor units, in whole major units."""
        major = Decimal(round(minor)).scaleb(-minor_digits(currency))
        return str(self._numbers.format_currency(round(major), currency, format="¤#,##0", currency_digits=False,
                                                 locale=self._locale))  # fmt: skip

    def month(self, month: str) -> str:
        """A month such as `2024-05`."""
        return str(self._dates.format_skeleton("yMMM", date.fromisoformat(f"{month}-01"), locale=self._locale))

    def day(self, moment: datetime) -> str:
        """A day, in full."""
        return str(self._dates.format_date(moment, "long", locale=self._locale))
