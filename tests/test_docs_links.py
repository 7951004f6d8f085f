"""Readers find every page: each link of the documentation leads somewhere, and the indexes are complete."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\[[^\]]*\]\((?!https?:)([^)\s]+)\)")
CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)


def links(page: Path) -> list[tuple[Path, str]]:
    """Return the files and headings that a page links to."""
    targets = [target.partition("#") for target in LINK.findall(CODE.sub("", page.read_text("utf-8")))]
    return [((page.parent / path).resolve() if path else page, heading) for path, _, heading in targets]


def headings(page: Path) -> set[str]:
    """Return the headings of a page as links name them."""
    found = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.M | re.S), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


def test_there_are_pages_and_links() -> None:
    assert len(PAGES) > 40
    assert sum(len(links(page)) for page in PAGES) > 80


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    for path, heading in links(page):
        assert path.exists(), path
        assert not heading or heading in headings(path), f"{path}#{heading}"


@pytest.mark.parametrize(
    ("index", "folder"),
    [
        ("README.md", "docs/how-to"),
        ("README.md", "docs/reference"),
        ("README.md", "docs/tutorial"),
        ("docs/explanation/README.md", "docs/explanation"),
    ],
)
def test_an_index_links_to_every_page_of_its_folder(index: str, folder: str) -> None:
    linked = {path for path, _ in links(ROOT / index)}
    pages = set((ROOT / folder).glob("*.md")) - {ROOT / index}
    assert pages
    assert pages - linked == set()


def test_a_link_in_code_is_not_a_link(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A: page\n[one](a.md#b) `[two](c.md)`\n```python\n[three](d.md)\n```\n[four](https://x.y)\n")
    assert links(page) == [(tmp_path / "a.md", "b")]
    assert headings(page) == {"a-page"}
