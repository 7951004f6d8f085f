"""Recorded words cannot rewrite the terminal."""

from __future__ import annotations

import unicodedata
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table
from rich.text import Text

from relations.cli.screen import Screen, visible


@given(st.text())
def test_visible_text_has_no_control_and_no_direction_characters(text: str) -> None:
    shown = visible(text)
    assert not [each for each in shown if unicodedata.category(each) in {"Cc", "Cf"} and each not in "\n\t\u200c\u200d"]
    assert visible(shown) == shown
    if text.isprintable():
        assert shown == text


@pytest.mark.parametrize("hidden", ["\x1b[31m", "\x07", "\u202e", "\u2066", "\x9b2J", "\r"])
def test_what_is_printed_is_visible_in_every_kind_of_thing(hidden: str) -> None:
    screen = Screen(json=False)
    screen.out.file = written = StringIO()
    made = Table()
    made.add_column(hidden)
    made.add_row(f"a{hidden}b", Text(f"c{hidden}d"))
    screen.print(f"e{hidden}f", Text(f"g{hidden}h"), made)
    assert "a" in written.getvalue()
    assert hidden.strip("\r") not in written.getvalue() or hidden == "\r"
    assert "\x1b" not in written.getvalue()
