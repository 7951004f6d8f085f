"""The page as text: its words, its figures, and that it asks nothing of any network."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import relations.report.page
from relations import Policy, RecordPurchase, RegisterCustomer, Relations
from relations.cli.app import app
from relations.errors import InvalidInput
from relations.messages import Money
from relations.policies import Programme
from relations.policies.offers import Tier
from relations.report import LANGUAGES, html
from relations.report.wording import Wording

AS_OF = datetime(2025, 12, 31, 12, tzinfo=UTC)


class Reader(HTMLParser):
    """Collects tags with their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def read(page: str) -> list[tuple[str, dict[str, str | None]]]:
    reader = Reader()
    reader.feed(page)
    return reader.tags


@pytest.fixture(scope="module")
def empty() -> Iterator[Relations]:
    with Relations.open("sqlite://") as engine:
        yield engine


def keys(words: Mapping[str, Any], prefix: str = "") -> set[str]:
    found: set[str] = set()
    for name, value in words.items():
        found |= keys(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name}
    return found


def catalogue(language: str) -> dict[str, Any]:
    folder = resources.files("relations.report").joinpath("words", f"{language}.toml")
    return tomllib.loads(folder.read_text("utf-8"))


def test_both_languages_say_the_same_things() -> None:
    english, chinese = catalogue("en"), catalogue("zh")
    assert keys(english) == keys(chinese)
    assert len(keys(english)) > 90
    for key in keys(english):
        one: Any = english
        other: Any = chinese
        for part in key.split("."):
            one, other = one[part], other[part]
        assert set(re.findall(r"{(\w+)}", one)) == set(re.findall(r"{(\w+)}", other)), key


def test_every_word_is_used() -> None:
    source = Path(relations.report.page.__file__).read_text("utf-8")
    for key in keys(catalogue("en")):
        group, _, name = key.rpartition(".")
        if group in ("stage", "state", "step", "grade", "segment", "column"):
            continue  # named by what they are the words for
        assert f'"{key}"' in source or f'"{name}"' in source, key


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_empty_log_says_why_there_is_nothing(empty: Relations, language: str) -> None:
    page = html(empty, language, as_of=AS_OF)
    tags = read(page)
    assert not [tag for tag, _ in tags if tag in ("svg", "script", "link") and tag != "link"]
    figures = [attributes for tag, attributes in tags if tag == "figure"]
    assert len(figures) == 13
    assert page.count('class="said empty"') == len(figures)


def test_a_name_from_the_log_cannot_become_markup() -> None:
    tier = Tier(name="<script>alert(1)</script>", threshold=0)
    with Relations.open("sqlite://") as engine:
        engine.adopt(Policy(programme=Programme(tiers=(tier,))))
        engine.execute(RegisterCustomer(customer="c1", occurred_at=AS_OF))
        engine.execute(RecordPurchase(customer="c1", purchase="p", amount=Money(100, "EUR"), occurred_at=AS_OF))
        page = html(engine, as_of=AS_OF)
    assert "script" not in {tag for tag, _ in read(page)}


def test_another_language_is_refused(empty: Relations) -> None:
    with pytest.raises(InvalidInput) as refused:
        html(empty, "tlh")
    assert refused.value.code == "unknown_language"


def test_numbers_months_and_money_are_written_as_each_language_does() -> None:
    english, chinese = Wording("en"), Wording("zh")
    assert (english.month("2024-05"), chinese.month("2024-05")) == ("May 2024", "2024年5月")
    assert (english.number(1234.5, 1), english.percent(0.256), english.percent(None)) == ("1,234.5", "26%", "-")
    assert english.money(123_456, "EUR") == "€1,235"
    assert "1,235" in chinese.money(1_235, "JPY")


def test_the_command_writes_the_page(tmp_path: Path) -> None:
    database = tmp_path / "x.db"
    with Relations.open(f"sqlite:///{database}") as engine:
        engine.execute(RecordPurchase(customer="c1", purchase="p", amount=Money(100, "EUR"), occurred_at=AS_OF))
    target = tmp_path / "page.html"
    asked = ["report", "-d", str(database), "--html", str(target), "--lang", "zh", "--as-of", "2025-12-31"]
    result = CliRunner().invoke(app, asked)
    assert result.exit_code == 0, result.output
    written = target.read_text("utf-8")
    assert '<html lang="zh-Hans">' in written
    assert "http" not in re.sub(r"xmlns(:xlink)?=\"[^\"]+\"|http-equiv", "", written)
