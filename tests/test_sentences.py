"""Sentences are found in pages and modules as people read them; code, tables, names and sources are left out."""

from __future__ import annotations

import pytest

from tests.support.prose import MOST, of_module, of_page, too_long

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
