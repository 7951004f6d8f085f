"""The page in a real browser: Debian's chromium, without a head."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from relations import Relations
from relations.report import LANGUAGES, html
from relations.testing.simulation import simulate
from tests.conftest import absent

pytestmark = pytest.mark.xdist_group("browser")

AS_OF = datetime(2024, 12, 31, 12, tzinfo=UTC)
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The page of a small hotel's year, in every language."""
    folder = tmp_path_factory.mktemp("pages")
    found: dict[str, Path] = {}
    with Relations.open("sqlite://", durability="off") as engine:
        assert engine.execute_many(list(simulate(seed=3, customers=400, months=12))).events > 2_000
        engine.advance_time(AS_OF)
        for language in LANGUAGES:
            page = html(engine, language, as_of=AS_OF)
            assert page == html(engine, language, as_of=AS_OF)
            found[language] = folder / f"{language}.html"
            found[language].write_text(page, "utf-8")
    return found


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        absent("no chromium or no chromedriver; `make test` installs both on Debian")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*_FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    opened = webdriver.Chrome(options=options, service=Service(driver))
    yield opened
    opened.quit()


def show(browser: Any, page: Path, width: int) -> None:
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    )
    browser.get_log("performance")
    browser.get(page.as_uri())


@pytest.mark.parametrize("width", [360, 1200])
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_chart_is_drawn_and_fits(browser: Any, pages: dict[str, Path], language: str, width: int) -> None:
    show(browser, pages[language], width)
    assert browser.get_log("browser") == []
    drawn = browser.execute_script(
        """
        return [...document.querySelectorAll("figure[data-marks]")].map((figure) => {
          const svg = figure.querySelector("svg");
          const marks = [...figure.querySelectorAll('[id^="mark-"]')].map((mark) => mark.getBBox());
          const box = svg ? svg.getBoundingClientRect() : null;
          return [figure.dataset.figure, Number(figure.dataset.marks), marks.length,
                  marks.filter((each) => each.width + each.height > 0).length,
                  box ? Math.min(box.width, box.height) : null,
                  figure.querySelectorAll("svg text").length];
        });
        """
    )
    by_name = {name: rest for name, *rest in drawn}
    for name in ("nps", "csat", "stages", "cohorts", "survival", "rfm", "grades", "repair", "steps", "liability"):
        wanted, marks, seen, size, texts = by_name[name]
        assert wanted == marks > 0, name
        # A bar of nobody has no length, but it is there.
        assert 0 < seen <= marks, name
        assert size > 60, name
        assert texts > 0, name
    wide, room = browser.execute_script("return [document.documentElement.scrollWidth, window.innerWidth]")
    assert wide <= room == width


@pytest.mark.parametrize("language", LANGUAGES)
def test_letters_are_legible_on_a_telephone(browser: Any, pages: dict[str, Path], language: str) -> None:
    show(browser, pages[language], 360)
    heights = browser.execute_script(
        "return [...document.querySelectorAll('figure svg text')].map((text) => text.getBoundingClientRect().height)"
    )
    assert len(heights) > 50
    assert min(heights) >= 8


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_asks_nothing_of_any_network(browser: Any, pages: dict[str, Path], language: str) -> None:
    show(browser, pages[language], 1200)
    sent = [entry["message"] for entry in browser.get_log("performance") if 'requestWillBeSent"' in entry["message"]]
    assert sent
    assert all("file://" in message or "data:" in message for message in sent)
    assert browser.execute_script("return document.scripts.length") == 0
    assert browser.execute_script("return document.documentElement.lang") == {"en": "en", "zh": "zh-Hans"}[language]


def test_the_page_prints(browser: Any, pages: dict[str, Path]) -> None:
    show(browser, pages["zh"], 1200)
    printed = base64.b64decode(browser.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})["data"])
    assert printed.startswith(b"%PDF")
    assert len(printed) > 20_000
