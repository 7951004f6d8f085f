"""The page in a real browser: Debian's chromium, without a head."""

from __future__ import annotations

import base64
import re
import shutil
from collections.abc import Iterator
from datetime import timedelta
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from relations import Relations
from relations.months import months_after
from relations.report import LANGUAGES
from tests.conftest import absent
from tests.report.conftest import AS_OF

PHONE, SCREEN, PAPER = 390, 1280, 703
"""Widths in pixels. Paper is A4 less its margins of 12 mm, at 96 pixels an inch."""
WIDTHS = (PHONE, 768, 1100, SCREEN)
"""A phone, a tablet, a small window and a screen."""
SHEET = 1031
"""The height of a sheet of A4 less its margins, in pixels."""
SMALLEST_PIXELS = 12.0
SMALLEST_POINTS = 7.5

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

READ_MARKS = """
return [...document.querySelectorAll("figure")].map((figure) => ({
  name: figure.dataset.figure,
  kind: figure.dataset.kind,
  wanted: Number(figure.dataset.marks),
  rows: figure.querySelectorAll("table.rows tbody tr").length,
  marks: [...figure.querySelectorAll(".mark")].map((mark) => {
    const box = mark.getBoundingClientRect();
    return {value: Number(mark.dataset.value), width: box.width, height: box.height, left: box.left, top: box.top,
            right: box.right, bottom: box.bottom, ground: getComputedStyle(mark).backgroundColor};
  }),
  box: (({left, right, top, bottom}) => ({left, right, top, bottom}))(figure.getBoundingClientRect()),
}));
"""

READ_LETTERS = """
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
const found = [];
while (walker.nextNode()) {
  const node = walker.currentNode, text = node.textContent.trim();
  if (!text) continue;
  const range = document.createRange();
  range.selectNodeContents(node);
  const boxes = [...range.getClientRects()].filter((box) => box.width && box.height);
  if (!boxes.length) continue;
  found.push([text, parseFloat(getComputedStyle(node.parentElement).fontSize),
              boxes.map((box) => [box.left, box.top, box.right, box.bottom])]);
}
return found;
"""

READ_WORDS_OF_FIGURES = """
return [...document.querySelectorAll("figure")].map((figure) => {
  const walker = document.createTreeWalker(figure, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) {
    const node = walker.currentNode;
    if (!node.textContent.trim()) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const box of range.getClientRects())
      if (box.width && box.height)
        found.push([node.textContent.trim(), box.left, box.top, box.right, box.bottom]);
  }
  return [figure.dataset.figure, found];
});
"""
TOUCHING = 1.5
"""Pixels by which the boxes of two lines of letters may overlap: fonts reach beyond what is drawn of them."""

READ_LISTS = """
return [...document.querySelectorAll("figure table.rows th, figure table.rows td")].flatMap((cell) => {
  const node = cell.firstChild;
  if (!node) return [];
  return [...node.textContent.matchAll(/[A-Za-z]+/g)].map((word) => {
    const range = document.createRange();
    range.setStart(node, word.index);
    range.setEnd(node, word.index + word[0].length);
    return [word[0], range.getClientRects().length];
  });
});
"""
"""Every word in the lists of figures, and the number of lines on which it stands."""

READ_GROUPS = """
const boxes = (found) => [...found].filter((each) => each.getClientRects().length).map((each) => {
  const box = each.getBoundingClientRect();
  return [box.left, box.top, box.right, box.bottom, each.textContent];
});
return [...document.querySelectorAll(".along, .field")].map(
  (group) => boxes(group.querySelectorAll(group.className === "along" ? "span" : ".level span")));
"""


READ_SPILLS = """
const found = [];
let seen = 0;
const texts = (part, box, name) => {
  const walker = document.createTreeWalker(part, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const range = document.createRange();
    range.selectNodeContents(walker.currentNode);
    for (const rect of range.getClientRects())
      if (rect.width && rect.height) {
        seen += 1;
        if (rect.left < box.left - 0.5 || rect.right > box.right + 0.5)
          found.push([name, walker.currentNode.textContent.trim(), Math.round(rect.right - box.right)]);
      }
  }
};
for (const figure of document.querySelectorAll("figure")) {
  texts(figure, figure.getBoundingClientRect(), figure.dataset.figure);
  if (figure.scrollWidth > figure.clientWidth)
    found.push([figure.dataset.figure, "scrolls", figure.scrollWidth - figure.clientWidth]);
}
for (const tile of document.querySelectorAll(".tile")) texts(tile, tile.getBoundingClientRect(), "tile");
for (const columns of document.querySelectorAll(".tables, .people")) {
  const probe = columns.insertBefore(document.createElement("div"), columns.firstChild);
  const width = probe.offsetWidth;
  probe.remove();
  for (const table of columns.querySelectorAll("table")) {
    const box = table.getBoundingClientRect();
    texts(table, {left: box.left, right: box.left + width}, table.id);
    if (table.offsetWidth > width + 0.5) found.push([table.id, "is wider", table.offsetWidth - width]);
  }
}
return [seen, found];
"""
"""Every text and table that runs out of its figure, tile or column, and the number of texts looked at."""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, pages: dict[str, str]) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    found = {language: folder / f"{language}.html" for language in pages}
    for language, file in found.items():
        file.write_text(pages[language], "utf-8")
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
    media = "print" if width == PAPER else "screen"
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media})
    browser.get_log("performance")
    browser.get(page.as_uri())


def marks_asked_for(engine: Relations) -> dict[str, int]:
    """Return the number of marks of each chart, from the views and not from the page."""
    views = engine.views
    cohorts = [cohort.months[1:] for cohort in views.retention.cohorts(as_of=AS_OF)]
    rates = [month for month in views.retention.rates(as_of=AS_OF) if month.complete and month.at_start]
    spans = views.retention.revenue_retention(as_of=AS_OF, months=3)
    repair = views.repair.summary(as_of=AS_OF).states
    steps = [step for step in views.repair.steps(as_of=AS_OF) if step.median is not None]
    due = {step.clock for step in views.repair.overdue(as_of=AS_OF)}
    due |= {step.clock for step in views.repair.due(within=timedelta(days=14), as_of=AS_OF)}
    others = {item.kind for item in views.agenda.due(until=AS_OF + timedelta(days=14))} - {
        "acknowledge", "next_response", "resolve", "follow_up", "follow_up_deadline",
    }  # fmt: skip
    goals = {}
    for goal in views.board.goals(as_of=AS_OF):
        if any(each.effect is not None for each in goal.improvements) or goal.reviews or goal.improvements:
            first, last = f"{goal.starts:%Y-%m}", f"{goal.ends - timedelta(days=1):%Y-%m}"
            series = views.board.series(
                goal.indicator, since=months_after(first, -3), until=months_after(last, 4), as_of=AS_OF
            )
            goals[f"goal-{goal.goal}"] = sum(each.value is not None and each.complete for each in series)
    latest = sorted(goals, reverse=True)[:2]
    return {
        **{name: goals[name] for name in latest},
        "board": sum(figure.month.value is not None for figure in views.board.figures(as_of=AS_OF)),
        "nps": sum(not month.suppressed for month in views.satisfaction.nps(by=("month",))),
        "csat": sum(not month.suppressed for month in views.satisfaction.csat(by=("month",))),
        "drivers": len(views.satisfaction.drivers("nps").drivers),
        "places": len(views.satisfaction.csat(by=("touchpoint",))),
        "stages": 6,
        "rates": len(rates),
        "cohorts": sum(map(len, cohorts[-14:])),
        "survival": 1,
        "kinds": 4,
        "reasons": min(10, len(views.retention.churn_reasons(as_of=AS_OF).reasons)),
        "revenue": 2 * 18,
        "kept": 2 * len(spans),
        "rfm": 25,
        "segments": 10,
        "grades": 3,
        "groups": sum(segment.size > 0 for segment in views.retention.segments(as_of=AS_OF, limit=0)),
        "worth": 10,
        "clusters": len(views.retention.clusters(as_of=AS_OF).clusters),
        "rules": 0,
        "forecast": 17 + 12,  # months that are over, and those to come
        "places-ahead": 0,
        "winning": sum(bool(way.cac) for way in views.retention.acquisition(as_of=AS_OF, campaigns=True)),
        "funnel": 6,
        "states": sum(count > 0 for state, count in repair.items() if state != "healthy"),
        "steps": len(steps),
        "causes": min(10, len(views.repair.causes(as_of=AS_OF, by="subject"))),
        "liability": sum(month.points > 0 for month in views.loyalty.liability(as_of=AS_OF).months),
        "tiers": len(views.loyalty.tiers()),
        "due": 2 * len(due | others),
        "next": 0,
        "cases": 2 * len({ticket.kind for ticket in views.desk.work().tickets if ticket.due_clock != "follow_up"}),
        "tickets": 0,
        "posts": len(views.posts.days(as_of=AS_OF)),
        "unanswered": 0,
        "contacts": 2 * len([each for each in views.contacts.figures() if each.kind and each.outbound]),
        "silent": 0,
        "ladder": sum(rung.customers > 0 for rung in views.ties.ladder(month="2025-12")),
        "handovers": 0,
        "care-next": 0,
        "care-kept": 2 * len([each for each in views.care.kept() if not each.what and each.kept is not None]),
        "campaigns": 1,
        "partners": 1,
        "owners": 2 * min(10, len([each for each in views.team.figures(as_of=AS_OF) if each.resolved or each.open])),
        "training": 0,
        "stages-of-sales": sum(each.weighted > 0 for each in views.pipeline.stages(as_of=AS_OF)),
        "losses": min(10, len(views.pipeline.losses(as_of=AS_OF))),
        "contracts": 0,
        "rivals": 0,
        "tenure": len([each for each in views.team.tenure(as_of=AS_OF) if each.share is not None]),
    }


@pytest.mark.parametrize("width", [PHONE, SCREEN, PAPER])
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_chart_is_drawn_as_its_figures_ask(
    browser: Any, files: dict[str, Path], group: Relations, language: str, width: int
) -> None:
    show(browser, files[language], width)
    assert browser.get_log("browser") == []
    drawn = {each["name"]: each for each in browser.execute_script(READ_MARKS)}
    assert {name: len(each["marks"]) for name, each in drawn.items()} == marks_asked_for(group)
    for name, each in drawn.items():
        assert each["wanted"] == len(each["marks"]), name
        box = each["box"]
        for mark in each["marks"]:
            assert box["left"] <= mark["left"] <= mark["right"] <= box["right"] + 0.5, name
            assert box["top"] <= mark["top"] <= mark["bottom"] <= box["bottom"] + 0.5, name
    assert drawn["next"]["rows"] > 3
    assert drawn["silent"]["rows"] == len(group.views.contacts.silent(days=90, limit=10, as_of=AS_OF)) > 3
    kinds = {each["kind"] for each in drawn.values()}
    assert kinds == {"bars", "plot", "heat", "grid", "tiles", ""}


@pytest.mark.parametrize("width", [PHONE, SCREEN])
def test_marks_are_as_long_as_high_and_as_dark_as_their_figures(
    browser: Any, files: dict[str, Path], width: int
) -> None:
    show(browser, files["en"], width)
    drawn = {each["name"]: each for each in browser.execute_script(READ_MARKS)}
    seen = set()
    for name, each in drawn.items():
        marks = each["marks"]
        if each["kind"] == "bars":
            longest = max(marks, key=lambda mark: mark["value"])
            assert longest["width"] > 12, name
            for mark in marks:
                asked = longest["width"] * mark["value"] / longest["value"]
                assert mark["width"] == pytest.approx(asked, abs=1.0), (name, mark)
        elif name == "revenue":
            tallest = max(marks, key=lambda mark: mark["value"])
            assert tallest["height"] > 50
            for mark in marks:
                asked = tallest["height"] * mark["value"] / tallest["value"]
                assert mark["height"] == pytest.approx(asked, abs=1.0)
        elif each["kind"] == "plot" and name != "survival":
            by_value = sorted(marks, key=lambda mark: mark["value"])
            middles = [(mark["top"] + mark["bottom"]) / 2 for mark in by_value]
            assert middles == sorted(middles, reverse=True), name
            assert middles[0] - middles[-1] > 40, name
        elif each["kind"] in ("heat", "grid"):
            by_value = sorted(marks, key=lambda mark: mark["value"])
            lights = [sum(map(int, re.findall(r"\d+", mark["ground"]))) for mark in by_value]
            assert lights == sorted(lights, reverse=True), name
            assert lights[0] - lights[-1] > 200, name
        else:
            continue
        seen.add(name)
    lists = {
        "next", "tickets", "unanswered", "silent", "training", "contracts", "rivals", "handovers", "care-next", "rules",
        "places-ahead",
    }  # fmt: skip
    assert set(drawn) - seen == {"board", "survival"} | lists, "all but the lists"
    assert {name for name, each in drawn.items() if each["kind"] == ""} == lists
    assert all(drawn[name]["rows"] > 0 for name in lists)
    [curve] = drawn["survival"]["marks"]
    assert curve["width"] > 200
    assert curve["height"] > 20


@pytest.mark.parametrize("width", [PHONE, SCREEN, PAPER])
@pytest.mark.parametrize("language", LANGUAGES)
def test_letters_are_legible_and_nothing_is_wider_than_the_page(
    browser: Any, files: dict[str, Path], language: str, width: int
) -> None:
    show(browser, files[language], width)
    letters = browser.execute_script(READ_LETTERS)
    assert len(letters) > 500
    smallest = SMALLEST_POINTS * 96 / 72 if width == PAPER else SMALLEST_PIXELS
    assert [(text, size) for text, size, _ in letters if size < smallest] == []
    outside = [text for text, _, boxes in letters for left, _, right, _ in boxes if left < 0 or right > width + 0.5]
    assert outside == []
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_and_no_table_runs_out_of_its_box(browser: Any, files: dict[str, Path], language: str) -> None:
    show(browser, files[language], WIDTHS[0])
    spilt = {}
    for width in WIDTHS:
        browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False},
        )
        seen, spilt[width] = browser.execute_script(READ_SPILLS)
        assert seen > 1_000
    assert {width: found for width, found in spilt.items() if found} == {}


@pytest.mark.parametrize("width", [PHONE, SCREEN, PAPER])
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_words_along_an_axis_do_not_touch(browser: Any, files: dict[str, Path], language: str, width: int) -> None:
    show(browser, files[language], width)
    groups = [group for group in browser.execute_script(READ_GROUPS) if len(group) > 1]
    assert len(groups) == 2 * 10, "ten plots have two axes each"
    for group in groups:
        for index, one in enumerate(group):
            for other in group[index + 1 :]:
                apart = one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
                assert apart, (one, other)


@pytest.mark.parametrize("width", [PHONE, SCREEN, PAPER])
@pytest.mark.parametrize("language", LANGUAGES)
def test_no_words_of_a_figure_lie_upon_others(browser: Any, files: dict[str, Path], language: str, width: int) -> None:
    show(browser, files[language], width)
    figures = dict(browser.execute_script(READ_WORDS_OF_FIGURES))
    assert len(figures["cohorts"]) > 100, "the cells of the heat map are among them"
    upon = [
        (name, one[0], other[0])
        for name, found in figures.items()
        for one, other in combinations(found, 2)
        if min(one[3], other[3]) - max(one[1], other[1]) > TOUCHING
        and min(one[4], other[4]) - max(one[2], other[2]) > TOUCHING
    ]
    assert upon == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_asks_nothing_of_any_network(browser: Any, files: dict[str, Path], language: str) -> None:
    show(browser, files[language], SCREEN)
    sent = [entry["message"] for entry in browser.get_log("performance") if 'requestWillBeSent"' in entry["message"]]
    assert sent
    assert all("file://" in message or "data:" in message for message in sent)
    assert browser.execute_script("return document.scripts.length") == 0
    assert browser.execute_script("return document.documentElement.lang") == {"en": "en", "zh": "zh-Hans"}[language]


@pytest.mark.parametrize("language", LANGUAGES)
def test_paper_has_every_figure_that_the_drawings_do_not_spell_out(
    browser: Any, files: dict[str, Path], language: str
) -> None:
    show(browser, files[language], PAPER)
    links, tables = browser.execute_script(
        """
        return [[...document.querySelectorAll(".to-table a[href^='#table']")].map(
                  (link) => link.getAttribute("href").slice(1)),
                Object.fromEntries([...document.querySelectorAll("#tables table")].map((table) =>
                  [table.id, [...table.querySelectorAll("tbody tr")].filter((row) => row.offsetHeight > 5).length]))];
        """
    )
    assert sorted(links) == sorted(tables)
    plots = {f"table-{name}" for name in ("nps", "csat", "rates", "survival", "revenue", "kept", "forecast")}
    assert plots <= set(tables)
    drawn = {each["name"]: each for each in browser.execute_script(READ_MARKS)}
    few = {
        f"table-{name}": len(drawn[name]["marks"])
        for name in ("campaigns", "clusters", "partners", "stages-of-sales", "tenure")
    }
    assert {name: tables[name] for name in few} == few, "a row for each bar, of which the hotel has few"
    assert all(count > 0 for count in few.values())
    assert all(rows > 5 for name, rows in tables.items() if name not in few)
    hidden = "return [...document.querySelectorAll('#tables tbody tr')].filter((row) => row.offsetHeight <= 5).length"
    assert browser.execute_script(hidden) == 0, "every row is on paper"
    assert tables["table-nps"] == len(drawn["nps"]["marks"])
    assert 2 * tables["table-revenue"] == len(drawn["revenue"]["marks"])
    cells = browser.execute_script(
        "return [...document.querySelectorAll('.heat .mark')].map((cell) => [cell.textContent, cell.dataset.value])"
    )
    assert len(cells) > 50
    assert all(text == f"{100 * float(value):.0f}" for text, value in cells)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_prints_on_a_few_sheets(browser: Any, files: dict[str, Path], language: str) -> None:
    show(browser, files[language], PAPER)
    printed = base64.b64decode(
        browser.execute_cdp_cmd("Page.printToPDF", {"printBackground": False, "preferCSSPageSize": True})["data"]
    )
    assert printed.startswith(b"%PDF")
    sheets = len(re.findall(rb"/Type\s*/Page\b", printed))
    assert 4 <= sheets <= 11, "the board takes one"
    [board] = [each for each in browser.execute_script(READ_MARKS) if each["name"] == "board"]
    assert board["box"]["bottom"] <= SHEET, "the whole board is on the first sheet"


@pytest.mark.parametrize("width", [PHONE, SCREEN, PAPER])
@pytest.mark.parametrize("language", LANGUAGES)
def test_no_word_of_a_list_is_broken(browser: Any, files: dict[str, Path], language: str, width: int) -> None:
    show(browser, files[language], width)
    words = browser.execute_script(READ_LISTS)
    assert len(words) > 15
    assert [word for word, lines in words if lines > 1] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_tables_on_paper_stand_whole(browser: Any, files: dict[str, Path], language: str) -> None:
    show(browser, files[language], PAPER)
    broken = browser.execute_script(
        "return [...document.querySelectorAll('#tables table')].filter("
        "(table) => getComputedStyle(table).breakInside !== 'avoid').map((table) => table.id)"
    )
    assert broken == [], "a heading at the foot of a column has no table below it"
