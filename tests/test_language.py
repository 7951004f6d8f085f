"""Plain English: phrases that read like a translation and long sentences stay out of sources, pages and help texts."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.support.prose import long_sentences, of_module, of_page, of_words

PHRASES = re.compile(
    r"\b(?:is no [a-z]+ (?:of|that|and)|(?-i:is none)\b|so many\b|goes by\b|go by\b|bears?\b|reckon\w*|rests? on\b"
    r"|mend(?:s|ed|ing)?\b|anew\b|whom\b|c[ao]me upon\b|whoever\b|lies with\b|from there:|beside\b"
    r"|told\b|tell(?:s|ing)?\b"
    r"|hold(?:s)? nobody\b|what is to do\b|how much lies\b|what is asked for\b|that stand there\b)",
    re.IGNORECASE,
)
NATURAL = re.compile(
    r"\.tell\b|there is n(?:one|o [a-z]+ (?:of|that|and))\b"  # existence: "None if there is none"
    r"|\b(?:tell(?:s|ing)?|told) (?:(?:one|more|most|the|same|figures?|them|it) )*apart\b|that the hand tells apart"
    r"|\b(?:told|tell|tells) the customer\b|\bcustomers? (?:is|was|were|are|is not|do not) (?:told|tell)\b",
    re.IGNORECASE,
)
"""Natural uses of these words: a file's position, existence, to tell things apart, and to tell a person something."""
QUOTED = {"src/relations/policies/instruments.py": "Customers are told exactly when they will be served"}
"""Words of others: an item of the SERVQUAL questionnaire as its authors published it."""
FORMER = {"CHANGELOG.md": "(was `mended`)"}
"""Former names in the changelog."""
QUESTIONS = re.compile(r"(?:What|Whether|Which|Who|Whom|Whose|How|Where|When|Why)\b")

PAGES = [
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
SOURCES = [path for path in sorted((ROOT / "src").rglob("*")) if path.suffix in {".py", ".toml", ".html", ".j2"}]


def hits(path: Path, text: str) -> list[str]:
    """Return the phrases in a text that are no natural use of their words and no quotation."""
    name = str(path.relative_to(ROOT))
    for known in (QUOTED.get(name), FORMER.get(name)):
        text = text.replace(known, "") if known else text
    return [found.group() for found in PHRASES.finditer(NATURAL.sub("", re.sub(r"\s+", " ", text)))]


def docstrings(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of each docstring of a module."""
    nodes: list[ast.AST] = [ast.parse(path.read_text("utf-8"))]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text:
                yield getattr(node, "lineno", 1), text
        # An expression has no docstring in it, and most nodes are expressions.
        nodes += [child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.expr)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Whoever reckons anew", ["Whoever", "reckons", "anew"]),
        ("return 0 if found is None else found  # 0 if there is none", []),
        ("a text that is none", ["is none"]),
        ("The hand tells one more figure apart", []),
        ("The reaction is told of it", ["told"]),
        ("The business told the customer why", []),
        ("the table beside it", ["beside"]),
    ],
)
def test_the_phrases_are_recognised(text: str, expected: list[str]) -> None:
    assert hits(ROOT / "README.md", text) == expected


def test_no_phrase_of_the_list_is_left() -> None:
    texts = {path: path.read_text("utf-8") for path in [*PAGES, *SOURCES]}
    assert len(texts) > 300
    found = {str(path.relative_to(ROOT)): hits(path, text) for path, text in texts.items()}
    assert {name: phrases for name, phrases in found.items() if phrases} == {}


def test_every_quotation_is_still_there() -> None:
    for name, text in {**QUOTED, **FORMER}.items():
        assert text in (ROOT / name).read_text("utf-8"), name


def test_no_docstring_begins_like_a_question() -> None:
    modules = [path for tree in ("src", "tests", "benchmarks") for path in sorted((ROOT / tree).rglob("*.py"))]
    found = [(path, *found) for path in modules for found in docstrings(path)]
    assert len(found) > 2_500
    assert [(str(path.relative_to(ROOT)), line) for path, line, text in found if QUESTIONS.match(text)] == []


def test_pages_have_no_long_sentence() -> None:
    blocks = [
        (page.relative_to(ROOT).as_posix(), block) for page in PAGES for block in of_page(page.read_text("utf-8"))
    ]
    assert len(blocks) > 10_000
    assert long_sentences(blocks) == []


def test_modules_have_no_long_sentence() -> None:
    modules = sorted((ROOT / "src").rglob("*.py"))
    blocks = [
        (f"{module.relative_to(ROOT).as_posix()}:{line}", block)
        for module in modules
        for line, block in of_module(module.read_text("utf-8"))
    ]
    assert len(blocks) > 30_000
    assert long_sentences(blocks) == []


def test_the_words_of_the_report_have_no_long_sentence() -> None:
    files = sorted((ROOT / "src").rglob("*.toml"))
    blocks = [
        (file.relative_to(ROOT).as_posix(), block) for file in files for block in of_words(file.read_text("utf-8"))
    ]
    assert len(blocks) > 1_000
    assert long_sentences(blocks) == []
