"""Every Python block in the documentation runs; blocks of one page share their names, top to bottom."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OWN_TESTS = {"import-your-data.md", "embed-in-fastapi.md"}  # they run in tests/exchange and in tests/examples
REFERENCE = ROOT / "docs" / "reference"  # shows signatures; test_docs runs its import lines
PAGES = sorted(
    page
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    if "```python" in page.read_text(encoding="utf-8") and page.name not in OWN_TESTS and page.parent != REFERENCE
)
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def test_there_are_pages_with_examples() -> None:
    assert {page.name for page in PAGES} >= {"README.md", "first-steps.md", "embed-the-engine.md"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_examples_of_a_page_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = page.read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": f"docs.{page.stem}"}
    blocks = 0
    for found in BLOCK.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        exec(compile("\n" * line + found.group(1), str(page), "exec", dont_inherit=True), names)
        blocks += 1
    assert blocks > 0
