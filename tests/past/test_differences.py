"""The differences of two states, applied to the one, give the other; and the events that made them are named."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relations import Relations
from relations.errors import InvalidInput
from relations.messages import Command
from relations.past.differences import DifferenceFinder, Rows, applied
from relations.past.questions import Questions
from tests.past.test_as_of import lived, lives
from tests.past.test_explaining import MEMBERS, buy
from tests.support.effort import part


def rows_of(questions: Questions) -> Rows:
    """All rows of all views."""
    return {
        (name, table.__name__, values[: len(table.key)]): msgspec.to_builtins(view.decoded(table, values))
        for name, view in vars(questions.views).items()
        for table in view.projection.tables
        for values in view.stored(table)
    }


@part(40)
@given(lives, st.integers(0, 8), st.integers(0, 8))
def test_differences_applied_to_the_one_state_give_the_other(life: list[Command], one: int, other: int) -> None:
    with lived(life) as engine:
        head = engine.status().position
        with engine.as_of(position=head * one // 8) as before, engine.as_of(position=head * other // 8) as after:
            found = list(DifferenceFinder(before, after).rows())
            assert applied(rows_of(before), found) == rows_of(after)
            assert all(each.columns for each in found)
            assert bool(found) == (rows_of(before) != rows_of(after))


def test_the_events_behind_a_difference_are_those_between(database_url: str) -> None:
    """Given two moments of a log, each row of a customer differs because of events recorded in between."""
    with lived(MEMBERS, database_url) as engine:
        head = engine.status().position
        with engine.as_of(position=head - 4) as before:
            finder = engine.compare(before)
            of_customers = [each for each in finder.rows(["loyalty", "retention"]) if each.customer]
            assert of_customers
            for each in of_customers:
                gone, new = finder.events(each)
                assert gone == []
                assert new
                assert all(event.position > head - 4 for event in new)


def test_two_databases_are_compared_with_the_events_that_only_one_has(tmp_path: object) -> None:
    """Given another database in which one purchase was another, the difference is that purchase."""
    urls = [f"sqlite:///{tmp_path}/{name}.db" for name in "ab"]
    for url, amount in zip(urls, (5_000, 7_000), strict=True):
        with lived([*MEMBERS, buy("c3", "odd" if amount == 7_000 else "even", 9, amount)], url):
            pass
    with Relations.open(urls[0]) as one, Relations.open(urls[1]) as other:
        finder = one.compare(one, other)
        found = [each for each in finder.rows(["retention"]) if each.customer]
        assert {each.customer for each in found} == {"c3"}
        gone, new = finder.events(found[0])
        assert ([event.command_id for event in gone], [event.command_id for event in new]) == (["even"], ["odd"])
        assert list(one.compare(one).rows()) == []


def test_a_view_that_is_not_there_is_refused() -> None:
    with lived([]) as engine, pytest.raises(InvalidInput) as refused:
        list(engine.compare(engine).rows(["taxes"]))
    assert refused.value.code == "unknown_view"
