"""Prose as people read it: the sentences of pages, docstrings, help texts, refusals and the words of the report.

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
