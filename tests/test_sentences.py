"""Sentences that people read have at most 25 words: pages, docstrings, help texts, refusals, the report's words.

A sentence ends with a full stop, a question mark or an exclamation mark, or with its paragraph, list item or entry.
Three things are no prose and are left out by their form, wherever they stand:

- code and tables: fenced blocks, examples, rows of cells, SQL, markup. A piece of code within a sentence is one word;
- lists of names: links or pieces of code with nothing but commas and a last "and" or "or" between them are one word;
- sources: a bracket or a sentence that has the title of a work, in quotation marks or emphasised, and its year.
"""

from __future__ import annotations

import ast
import inspect
import re
import tomllib
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.test_language import PAGES

MOST = 25
FENCED = re.compile(r"^[ >]*(```|~~~).*?^[ >]*\1[ ]*$|<!--.*?-->", re.MULTILINE | re.DOTALL)
ITEM = re.compile(r"(?:[-*+]|\d+\.)\s+")
SECTION = re.compile(r"(?:Args|Attributes|Raises|Returns|Yields|Examples?|Notes?):$")
ENTRY = re.compile(r"[*\w, ]+: ")
NAME = re.compile(r"(`+).+?\1|!?\[[^\]]*\]\([^)]*\)")
NAMES = re.compile(r"\x00(?:(?:, (?:and |or )?| and | or )\x00)+")
SOURCE = re.compile(r"""(?=.*\b(?:1[6-9]|20)\d\d\b).*(?:["“][^"”]+["”]|\*[^*]+\*)""", re.DOTALL)
BRACKET = re.compile(r"\([^()]*(?:\([^()]*\)[^()]*)*\)")
END = re.compile(r"""(?<=[.!?])["'”\u2019)\]*_]*\s+(?=["'“\u2018(\[*_]*[A-Z0-9\x00])""")
NO_END = re.compile(r"\b(?:e\.g|i\.e|cf|vs)\.")
PROGRAM = re.compile(r"\s*(?:<|\{|(?:SELECT|CREATE|INSERT|UPDATE|DELETE|WITH|ALTER|DROP)\b|(?:[A-Z]{3}\s+){20})")


def too_long(block: str) -> Iterator[tuple[int, str]]:
    """Yield the length and the text of each sentence of a paragraph that has more than 25 words."""
    if len(block.split()) <= MOST:
        return
    text = NAMES.sub("\x00", NAME.sub(lambda name: name.group() if is_prose(name.group()) else "\x00", block))
    text = BRACKET.sub(lambda found: "" if SOURCE.match(found.group()) else found.group(), text)
    for sentence in END.split(NO_END.sub("such as", text)):
        words = sum(1 for word in sentence.split() if re.search(r"[\w\x00]", word))
        if words > MOST and not SOURCE.match(sentence):
            yield words, " ".join(sentence.replace("\x00", "…").split())


def is_prose(name: str) -> bool:
    """Return whether a link has the length of a part of a sentence: more than a name of eight words."""
    return name.startswith("[") and len(name.partition("](")[0].split()) > 8


def of_page(text: str) -> Iterator[str]:
    """Yield the paragraphs, list items and quotations of a page in Markdown."""
    block: list[str] = []
    for line in (*FENCED.sub("\n", text).splitlines(), ""):
        bare = line.lstrip(" >").rstrip()
        item = ITEM.match(bare)
        if item or not bare or bare.startswith(("|", "#")):
            yield " ".join(block)
            block = [bare[item.end() :]] if item else []
        else:
            block.append(bare)


def of_docstring(text: str) -> Iterator[str]:
    """Yield the paragraphs, list items and entries of a docstring in Google's style."""
    block: list[str] = []
    literal: int | None = None  # the indent of the line that announces a literal block
    entries: int | None = None  # the indent of the entries of this section; -1 where the first one has to come
    for line in (*text.splitlines(), ""):
        bare, indent = line.strip(), len(line) - len(line.lstrip())
        if literal is not None and (not bare or indent > literal):
            continue
        literal = indent if bare.endswith("::") else None
        if entries is not None and bare:
            entries = indent if entries < 0 else entries if indent >= entries else None
        item = ITEM.match(bare) or (ENTRY.match(bare) if indent == entries else None)
        if bare.startswith("=="):  # the rows of a table
            block = []
        elif SECTION.match(bare):
            entries = -1
        if item or not bare or bare.startswith((">>>", "...", "|", "==")) or SECTION.match(bare):
            yield " ".join(block)
            block = [bare[item.end() :]] if item else []
        else:
            block.append(bare)


def of_module(text: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of each block of a module: docstrings, help texts, refusals and other strings."""
    nodes: list[ast.AST] = [ast.parse(text)]
    while nodes:
        node = nodes.pop()
        alone = isinstance(node, ast.Expr)  # a docstring of a module, class, function or attribute
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.JoinedStr):
                parts = (part.value if isinstance(part, ast.Constant) else "\x00" for part in child.values)
                string = "".join(str(part) for part in parts)
            elif isinstance(child, ast.Constant) and isinstance(child.value, str):
                string = child.value
            else:
                nodes.append(child)
                continue
            if alone:
                yield from ((child.lineno, block) for block in of_docstring(inspect.cleandoc(string)))
            elif not PROGRAM.match(string):
                yield from ((child.lineno, block) for block in of_page(string))


def of_words(text: str) -> Iterator[str]:
    """Yield the texts of a TOML file, such as the words of the report."""

    def leaves(value: Any) -> Iterator[str]:
        if isinstance(value, str):
            yield from of_page(value)
        elif isinstance(value, dict | list):
            for each in value.values() if isinstance(value, dict) else value:
                yield from leaves(each)

    yield from leaves(tomllib.loads(text))


def long_sentences(blocks: Iterable[tuple[str, str]]) -> list[str]:
    return [f"{place}: {words} words: {text}" for place, block in blocks for words, text in too_long(block)]


WORDS = [f"word{number}" for number in range(MOST)]
AS_LONG_AS_ALLOWED = " ".join(["Yes", *WORDS[1:]])
TOO_LONG = " ".join(["No", *WORDS])


@pytest.mark.parametrize("end", [".", "?", "!", '."', ".**", ".)"])
def test_a_sentence_ends_with_its_mark(end: str) -> None:
    assert list(too_long(f"{AS_LONG_AS_ALLOWED}{end} {AS_LONG_AS_ALLOWED}{end} `code` {AS_LONG_AS_ALLOWED[4:]}.")) == []
    ((words, found),) = too_long(f"{AS_LONG_AS_ALLOWED}{end} {TOO_LONG}{end} {AS_LONG_AS_ALLOWED}.")
    assert (words, found.startswith("No word0 word1")) == (MOST + 1, True)


@pytest.mark.parametrize("within", [", ", "; ", ": ", " — ", " e.g. The ", " 3.5 ", " v.2 ", ".json ", " (so) "])
def test_nothing_else_ends_a_sentence(within: str) -> None:
    half = " ".join(WORDS[:13])
    assert len(list(too_long(f"{half}{within}{half}."))) == 1


@pytest.mark.parametrize(
    "name",
    ["`a b c`", "``a b c``", "[a page](x.md)", "`a`, `b c` and `d`", "`a` or `b`", "[a b](x.md), [c](y.md), and `d`"],
)
def test_a_name_and_a_list_of_names_are_one_word(name: str) -> None:
    assert list(too_long(f"{AS_LONG_AS_ALLOWED[4:]} {name}.")) == []
    assert len(list(too_long(f"{AS_LONG_AS_ALLOWED} {name}."))) == 1


def test_a_link_around_a_part_of_a_sentence_counts_with_all_its_words() -> None:
    assert len(list(too_long(f"Yes, [{' '.join(WORDS)}](x.md)."))) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f'Yes (D Wheeler, "{TOO_LONG}", 1993).', 0),
        (f'D Wheeler, "{TOO_LONG}", *Journal* 3 (1993).', 0),
        (f"D Wheeler, *Statistics*, 1993, {TOO_LONG}.", 0),
        (f'{TOO_LONG} (D Wheeler, "Understanding variation", 1993).', 1),
        (f'{TOO_LONG} "as they say".', 1),
        (f"{TOO_LONG} since 1993.", 1),
    ],
)
def test_sources_are_left_out_by_their_form(text: str, expected: int) -> None:
    assert len(list(too_long(text))) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{TOO_LONG}.", 1),
        (f"# Title\n\nYes.\n\n- One.\n- {TOO_LONG}\n", 1),
        (f"1. {AS_LONG_AS_ALLOWED}\n2. {AS_LONG_AS_ALLOWED}\n\n{AS_LONG_AS_ALLOWED}\n", 0),
        (f"> {TOO_LONG[:60]}\n> {TOO_LONG[60:]}", 1),
        (f"```sh\n{TOO_LONG}\n```\n\n<!-- {TOO_LONG} -->\n\n| {TOO_LONG} |\n", 0),
    ],
)
def test_pages_are_read_as_they_are_laid_out(text: str, expected: int) -> None:
    assert sum(1 for block in of_page(text) for _ in too_long(block)) == expected


HALF = "one two three four five six seven eight nine ten eleven twelve thirteen"


@pytest.mark.parametrize(
    ("code", "line"),
    [
        (f'"""{TOO_LONG}."""', 1),
        (f'class A:\n    """A class.\n\n    {TOO_LONG}.\n    """', 2),
        (f'def f():\n    """Do.\n\n    Args:\n        a: {HALF}.\n        b: {HALF}\n            {HALF}.\n    """', 2),
        (f'a = 1\n"""{HALF}\n{HALF}."""', 2),
        (f'raise Refused("{HALF} {HALF}")', 1),
        (f'raise Refused(\n    f"{HALF} {{x}} " "{HALF}")', 2),
        (f'error = Refused("no", hint="{HALF}, {HALF}")', 1),
        (f'text = "{HALF}" if one else "{TOO_LONG}"', 1),
    ],
)
def test_every_text_of_a_module_is_read(code: str, line: int) -> None:
    assert [line for line, block in of_module(code) for _ in too_long(block)] == [line]


@pytest.mark.parametrize(
    "code",
    [
        f'def f():\n    """Do.\n\n    ::\n\n        {TOO_LONG}\n    """',
        f'def f():\n    """Do.\n\n    >>> {TOO_LONG}\n    | {TOO_LONG} |\n    """',
        f'"""Yes.\n\n===  ===\na    b\n===  ===\n{TOO_LONG}\n===  ===\n"""',
        f'def f():\n    """Do.\n\n    Args:\n        a: {HALF}\n        b: {HALF}\n    """',
        f'a = "SELECT {TOO_LONG}"\nb = "<p>{TOO_LONG}"\nc = "{"EUR " * 30}"',
        f"# {TOO_LONG}",
    ],
)
def test_no_code_and_no_table_of_a_module_is_read(code: str) -> None:
    assert [block for _, block in of_module(code) for _ in too_long(block)] == []


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
