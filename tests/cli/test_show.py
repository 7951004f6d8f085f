from __future__ import annotations

import ast
import re
from datetime import UTC, datetime
from io import StringIO
from itertools import pairwise
from pathlib import Path

import pytest
from rich.console import Console, RenderableType

import relations.cli
from relations.cli.options import moment
from relations.cli.show import Curve, HeatTable, bar, counted, number, percent, span, spark, table
from relations.errors import InvalidInput


def test_a_bar_is_as_long_as_its_share() -> None:
    assert bar(0.0) == ""
    assert bar(1.0, 4) == "████"
    assert bar(0.5, 4) == "██"
    assert bar(9.9, 4) == "████"
    assert bar(None) == ""


def test_a_noun_agrees_with_its_number() -> None:
    assert [counted(count, "row") for count in (0, 1, 1_200)] == ["0 rows", "1 row", "1,200 rows"]
    assert counted(1, "entry", "entries") == "1 entry"


PLURAL = re.compile(r" (?:(?:more|new|other|recorded) )?(?!was\b|is\b|has\b)[a-z]+s\b(?!/)| (?:are|were|have)\b")


def test_every_count_that_is_shown_has_its_singular() -> None:
    """Sentences that end a number with a plural noun or verb read wrong of one: `counted` knows both."""
    wrong, seen = [], 0
    for path in sorted(Path(relations.cli.__file__).parent.rglob("*.py")):
        sentences = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.JoinedStr)]
        for said, (before, after) in [(each, pair) for each in sentences for pair in pairwise(each.values)]:
            if isinstance(before, ast.FormattedValue) and isinstance(after, ast.Constant):
                called = before.value.func if isinstance(before.value, ast.Call) else None
                name = called.id if isinstance(called, ast.Name) else ""
                grouped = before.format_spec is not None and ast.unparse(before.format_spec) == "f','"
                seen += name == "counted"
                if (name in {"number", "len"} or grouped) and PLURAL.match(str(after.value)):
                    wrong.append(f"{path.name}:{said.lineno} {ast.unparse(said)}")
    assert not wrong
    assert seen > 20


def lines(shown: RenderableType, width: int, *, colours: bool = False) -> list[str]:
    console = Console(
        width=width, file=StringIO(), force_terminal=colours, color_system="truecolor" if colours else None
    )
    with console.capture() as captured:
        console.print(shown)
    return [line.rstrip() for line in captured.get().splitlines()]


def test_a_table_leaves_out_its_spare_columns_rather_than_cutting_letters_off() -> None:
    made = table("Month", "Count", "Share", "", right=(1, 2), spare=(3, 1))
    made.add_row("2024-05", "1,234", "56%", bar(1.0, 12))
    assert lines(made, 40)[-1].split() == ["2024-05", "1,234", "56%", "█" * 12]
    assert lines(made, 30)[-1].split() == ["2024-05", "1,234", "56%"]
    assert lines(made, 20)[-1].split() == ["2024-05", "56%"]
    assert lines(made, 40)[-1].split()[-1] == "█" * 12, "it fits again, once there is room"


def test_a_heat_map_is_as_wide_as_there_is_room_and_says_so() -> None:
    heat = HeatTable("Of 100", "Began", [("2024-05", "10", [0.5, 0.25, None]), ("2024-06", "8", [1.0])])
    assert lines(heat, 40) == [
        "Of 100",
        "Began   Size    1   2   3",
        "2024-05   10   50  25   \u2013",
        "2024-06    8  100",
    ]
    narrow = lines(heat, 24)
    assert " ".join(narrow[:2]) == "Of 100: the first 2 months"
    assert narrow[2:] == ["Began   Size    1   2", "2024-05   10   50  25", "2024-06    8  100"]
    coloured = "".join(lines(heat, 40, colours=True))
    darkest, half = "48;2;8;69;122", "48;2;115;152;184"
    assert darkest in coloured
    assert half in coloured


def test_a_curve_falls_where_its_figures_do() -> None:
    drawn = lines(Curve([(0, 1.0), (50, 0.5), (100, 0.5)], below="days", height=4), 27)
    assert [line[6:] for line in drawn[:4]] == ["█" * 10, "█" * 10, "█" * 20, "█" * 20]
    assert drawn[0].startswith(" 100% ")
    assert drawn[4].split() == ["0", "50", "100"]
    assert drawn[5].endswith("days")


def test_a_sparkline_keeps_a_place_for_what_is_missing() -> None:
    assert spark([0, None, 1]) == "▁ █"
    assert spark([]) == ""
    assert spark([0.0, 0.0]) == "▁▁"


def test_a_range_shows_both_ends_and_the_figure() -> None:
    assert span(-100, 0, 100, between=(-100, 100), width=5) == "├─●─┤"
    assert span(0.5, 0.5, 0.5, between=(0, 1), width=3) == "·●·"


def test_numbers_are_said_as_people_write_them() -> None:
    assert number(1_234_567) == "1,234,567"
    assert percent(0.123, 1) == "12.3%"
    assert percent(None) == number(None) == "\u2013"


def test_a_day_means_its_end_in_the_business_s_zone() -> None:
    assert moment("2024-05-01", "Europe/Vienna") == datetime(2024, 5, 1, 21, 59, 59, 999_999, tzinfo=UTC)
    assert moment("2024-03-31", "Europe/Vienna") == datetime(2024, 3, 31, 21, 59, 59, 999_999, tzinfo=UTC)
    assert moment("2024-05-01T10:00+02:00", "UTC") == datetime(2024, 5, 1, 8, tzinfo=UTC)
    assert moment(None, "UTC") is None
    with pytest.raises(InvalidInput) as refused:
        moment("2024-05-01T10:00", "UTC")
    assert refused.value.code == "naive_datetime"
