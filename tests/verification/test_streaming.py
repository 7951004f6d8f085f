"""The comparison of views with a refold holds the rows of a few customers at a time, however many there are."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest

from relations.engine import Relations
from relations.projections import retention
from relations.projections.running import comparing
from relations.projections.running.tables import RowTable
from tests.support.making import purchase, stored_as, tamper


def filled(url: str, customers: int) -> Relations:
    engine = Relations.open(url, durability="off")
    commands = [
        purchase(1 + number % 300, f"c{number:05}", command_id=f"p{number}") for number in range(1, customers + 1)
    ]
    engine.execute_many(commands)
    engine.catch_up()
    return engine


def held(url: str, customers: int, monkeypatch: pytest.MonkeyPatch) -> tuple[int, int]:
    """Return the most rows of one table of customers that were compared at once, and how many were compared in all."""
    sizes: list[int] = []
    is_equal = comparing._is_equal

    def counted(database: Any, connection: Any, table: RowTable, expected: list[Any], *names: Any) -> bool:
        if not table.is_tally:
            sizes.append(len(expected))
        return is_equal(database, connection, table, expected, *names)

    with filled(url, customers) as engine, monkeypatch.context() as patched:
        patched.setattr(comparing, "_STRETCH", 40)
        patched.setattr(comparing, "_is_equal", counted)
        found = engine.verify()
        assert found.good, found.problems
    return max(sizes), sum(sizes)


def test_verify_holds_no_more_rows_of_more_customers(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    few, all_few = held(f"sqlite:///{tmp_path / 'few.db'}", 600, monkeypatch)
    many, all_many = held(f"sqlite:///{tmp_path / 'many.db'}", 1_500, monkeypatch)
    assert 0 < many <= few + 2
    assert all_many > 2 * all_few


def test_a_difference_in_any_stretch_is_found(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{tmp_path / 'many.db'}"
    monkeypatch.setattr(comparing, "_STRETCH", 40)
    with filled(url, 600) as engine:
        table = stored_as("retention_customer", retention.PROJECTION)
        for number in (600, 300, 1):
            tamper(url, f"DELETE FROM {table} WHERE customer = 'c{number:05}'")
            (problem,) = [each for each in engine.verify().problems if each.view == "retention"]
            assert f"c{number:05}" in str(problem.key)


@pytest.mark.soak
def test_the_memory_of_verify_does_not_grow_with_the_customers(tmp_path: Any) -> None:
    peaks = []
    for customers in (5_000, 20_000):
        with filled(f"sqlite:///{tmp_path / str(customers)}.db", customers) as engine:
            tracemalloc.start()
            try:
                assert engine.verify().good
                peaks.append(tracemalloc.get_traced_memory()[1])
            finally:
                tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]
