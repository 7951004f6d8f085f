"""A past answers as an engine would whose log ends there, whatever was recorded since."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st
from sqlalchemy import select

from relations import RegisterCustomer, Relations
from relations.aggregates import AGGREGATES
from relations.commands import AdoptPolicy, MergeCustomer
from relations.errors import InvalidInput
from relations.log.tables import keys
from relations.messages import Command, from_micros, to_micros
from relations.past import bounds as bounds_module
from relations.past import states
from relations.past.bounds import Bounds
from relations.past.past import Past
from relations.policies import Policy, Surveys
from relations.policies.calendars import local_time
from relations.projections.projection import CustomerRow
from relations.projections.running.folding import COLUMNS, Folding
from relations.projections.running.tables import canonical
from relations.testing.strategies.catalogue import commands
from tests.support.asking import IDS, START, answers
from tests.support.effort import part
from tests.support.making import erase, purchase

_SHOWN = Surveys(minimum_answers=1)
FITTED = "retention.lifetime_values"
"""Left out where there are too few to fit to: it would only say so, after a long search."""
_KINDS = [kind for each in AGGREGATES for kind in each.commands if kind is not AdoptPolicy]
lives = st.lists(commands(*_KINDS, customer=st.sampled_from(IDS)), min_size=5, max_size=20)


class Ticking:
    """A clock that goes on by an hour with each command."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def pass_hour(self) -> None:
        self.now += timedelta(hours=1)


@contextmanager
def lived(life: Sequence[Command], url: str = "sqlite://", **options: Any) -> Iterator[Relations]:
    """An engine with a history of which each command was recorded an hour after the one before."""
    clock = Ticking()
    with Relations.open(url, clock=clock, durability="off", **options) as engine:
        engine.adopt(Policy(surveys=_SHOWN), from_beginning=True)
        for customer in IDS:
            clock.pass_hour()
            engine.execute(RegisterCustomer(customer=customer, name=f"Ada {customer}", occurred_at=START))
        for command in life:
            clock.pass_hour()
            engine.execute_many([command])
        clock.pass_hour()
        yield engine


@contextmanager
def prefix_of(engine: Relations, position: int, now: datetime, url: str = "sqlite://") -> Iterator[Relations]:
    """An engine of its own on a copy of the log's first events."""
    with Relations.open(url, clock=lambda: now) as other:
        with engine.log.database.reading() as connection:
            rows = [row for page in engine.log.scan(connection, until=position) for row in page] if position else []
            known = [dict(row) for row in connection.execute(select(keys)).mappings()]
        with other.log.writing() as writer:
            writer.restore(rows)
            writer.connection.execute(keys.delete())
            if known:
                writer.connection.execute(keys.insert(), known)
        other.rebuild()
        yield other


def tables_of(past: Past, name: str) -> bytes:
    """The tables of a view, in canonical form."""
    view: Any = getattr(past.views, name)
    return canonical((table, view.execute(select(table.table))) for table in view._tables.values())


def refolded(engine: Relations, name: str, bounds: Bounds, zone: str) -> bytes:
    """Return the tables that a fold of the log gives."""
    projection = engine.runner.projections[name]
    with engine.log.database.reading() as connection:
        rows = [row for page in engine.log.scan(connection, COLUMNS) for row in page]
    folding = Folding(engine.codec, [projection], local_time(zone))
    occurred = bounds.occurred
    within = [row for row in rows if row[0] <= bounds.position and (occurred is None or row[6] <= occurred)]
    folding.fold([within] if within else [])
    found = folding.rows[name].tables
    return canonical(
        (table, table.encode_all(found[row].values())) for row, table in engine.runner.tables(name).items()
    )


@part(20)
@given(lives, st.integers(0, 8))
def test_as_of_a_position_is_a_rebuild_of_the_first_events(life: list[Command], eighths: int) -> None:
    with lived(life) as engine:
        position = engine.status().position * eighths // 8
        with engine.as_of(position=position) as past, prefix_of(engine, position, past.clock()) as other:
            expected = answers(other, but=[FITTED])
            assert len(expected) > 100
            assert answers(past, but=[FITTED]) == expected
            assert list(past.events()) == list(other.events())
            assert [past.history(name) for name in IDS] == [other.history(name) for name in IDS]
            assert past.rules.adopted == other.rules.adopted
            assert past.load("customer", "c1") == other.load("customer", "c1")
            assert past.status().digest == other.status().digest


@part(40)
@given(lives, st.integers(0, 8), st.integers(0, 7))
def test_as_of_both_clocks_is_a_fold_of_what_lies_within(life: list[Command], eighths: int, part_of: int) -> None:
    with lived(life) as engine:
        position = engine.status().position * eighths // 8
        times = sorted({each.occurred_at for each in engine.events()})
        occurred = from_micros(times[len(times) * part_of // 8])
        with engine.as_of(position=position, occurred=occurred) as past:
            bounds = Bounds(position, to_micros(occurred))
            for name in vars(engine.views):
                assert tables_of(past, name) == refolded(engine, name, bounds, past.policy.zone)
            kept = [each for each in engine.events(until=position) if each.occurred_at <= to_micros(occurred)]
            assert list(past.events()) == kept
            event("something was left out" if len(kept) < position else "nothing was left out")
            assert past.clock() == occurred


@part(40)
@given(lives, st.integers(0, 8), st.sampled_from(IDS))
def test_one_customer_is_answered_as_by_whole_views(life: list[Command], eighths: int, customer: str) -> None:
    with lived(life) as engine:
        position = engine.status().position * eighths // 8
        with engine.as_of(position=position) as past, engine.as_of(position=position, customer=customer) as one:
            for view in ("loyalty", "repair", "desk", "retention"):
                whole, alone = getattr(past.views, view), getattr(one.views, view)
                for table in whole.projection.tables:
                    if issubclass(table, CustomerRow):
                        assert alone.rows(table, customer=customer) == whole.rows(table, customer=customer)
            assert one.history(customer) == past.history(customer)


def test_states_kept_on_the_way_lead_to_the_same_views(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given states at every mark, whichever state a question begins with, the tables are those of a fold."""
    monkeypatch.setattr(states, "_STRIDE_MIN", 16)
    monkeypatch.setattr(states, "_STRETCH", 7)
    life: list[Command] = [purchase(number, f"c{number % 4 + 1}") for number in range(1, 60)]
    life[30:30] = [MergeCustomer(customer="c2", into="c1", occurred_at=START + timedelta(days=35))]
    with lived(life, database_url, kept_states=tmp_path / "kept") as engine:
        before, head = engine.log.database.name, engine.status().position
        zone = engine.policy.zone
        for position in (head - 1, 3, head // 2, head // 2, 40, 39, head):
            for occurred in (None, START + timedelta(days=20)):
                bounds = Bounds(position, None if occurred is None else to_micros(occurred))
                with engine.as_of(position=position, occurred=occurred) as past:
                    assert tables_of(past, "retention") == refolded(engine, "retention", bounds, zone)
        engine.keep_states(["loyalty"])
        marks = {path.name.split("_")[0] for path in (tmp_path / "kept").rglob("loyalty*/**/*.state")}
        assert marks == {str(mark) for mark in range(16, head + 1, 16)}
        folded = engine._states.folded
        with engine.as_of(position=70) as past:
            assert tables_of(past, "loyalty") == refolded(engine, "loyalty", Bounds(70), zone)
        assert engine._states.folded == folded + 6
        assert (engine.log.database.name, engine.status().position) == (before, head)


def test_a_merge_after_the_moment_joins_ids_but_nothing_else() -> None:
    """Given a merge that is dated after the moment, the ids are one customer, and no view has folded the merge."""
    later = MergeCustomer(customer="c2", into="c1", occurred_at=START + timedelta(days=50))
    with lived([purchase(1, "c1"), purchase(2, "c2"), later]) as engine:
        bounds = Bounds(engine.status().position, to_micros(START + timedelta(days=40)))
        moment = START + timedelta(days=40)
        with engine.as_of(occurred=moment) as past:
            assert past.views.customers.aliases.survivor("c2") == "c1"
            assert {each.customer for each in past.history("c2")} == {"c1", "c2"}
            for name in vars(engine.views):
                assert tables_of(past, name) == refolded(engine, name, bounds, past.policy.zone)


def test_states_of_another_log_are_not_taken(tmp_path: Path) -> None:
    """Given the states of one log, another log with as many events is folded by itself."""
    for customer in ("c1", "c2"):
        with lived([purchase(1, customer)], kept_states=tmp_path) as engine, engine.as_of(position=6) as past:
            assert past.views.retention.customer(customer) is not None


def test_states_are_bounded_and_removed(tmp_path: Path) -> None:
    """Given a limit, the states that were not used for the longest time are removed, and all at the end."""
    with lived([purchase(number) for number in range(1, 9)]) as engine:
        engine._states._limit = 100_000
        for position in range(5, 13):
            with engine.as_of(position=position) as past:
                assert past.views.retention.customer("c1") is not None or position < 7
        root = engine._states._root()
        kept = [path.stat().st_size for path in root.rglob("*.state")]
        assert 0 < len(kept) < 8
        assert sum(kept) <= 100_000
    assert not root.exists()


def test_recorded_by_a_moment_is_what_stands_before_the_first_later_event(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a clock that was set back, nothing that is stamped later than the moment is known."""
    monkeypatch.setattr(bounds_module, "_CHUNK", 4)
    clock = Ticking()
    with Relations.open(database_url, clock=clock, durability="off") as engine:
        hours = [0, 1, 2, 3, 9, 8, 7, 4, 5, 6, 10, 11]
        for number, hour in enumerate(hours):
            clock.now = START + timedelta(hours=hour)
            engine.execute(RegisterCustomer(customer=f"c{number}", occurred_at=START))
        stamps = [each.recorded_at for each in engine.events()]
        for hour in range(-1, 13):
            moment = START + timedelta(hours=hour, minutes=30)
            expected = next((i for i, stamp in enumerate(stamps) if stamp > to_micros(moment)), len(stamps))
            with engine.as_of(recorded=moment) as past:
                assert (past.bounds.position, past.clock()) == (expected, moment)
                assert past.status().position == len(list(past.events()))


def test_a_past_keeps_the_policy_of_its_time_and_words_stay_erased(database_url: str) -> None:
    """Given a later policy and an erasure, the past has the earlier policy, and no words of the erased."""
    with lived([], database_url) as engine:
        before = engine.status().position
        assert engine.as_of(position=before).views.customers.portrait("c1").name == "Ada c1"
        engine.adopt(Policy(surveys=_SHOWN, currency="USD"), from_beginning=True)
        engine.execute(erase("c1"))
        with engine.as_of(position=before) as past:
            assert (past.policy.currency, engine.policy.currency) == ("EUR", "USD")
            assert past.views.customers.portrait("c1").name is None
            assert past.views.customers.portrait("c2").name == "Ada c2"
            assert past.status().position == before < engine.status().position


def test_bounds_that_make_no_sense_are_refused() -> None:
    with lived([]) as engine:
        head = engine.status().position
        for asked, code in (
            ({"position": head + 1}, "unknown_position"),
            ({"position": -1}, "unknown_position"),
            ({"position": 1, "recorded": START}, "two_bounds"),
            ({"recorded": START.replace(tzinfo=None)}, "naive_datetime"),
            ({"occurred": START.replace(tzinfo=None)}, "naive_datetime"),
        ):
            with pytest.raises(InvalidInput) as refused:
                engine.as_of(**asked)
            assert refused.value.code == code
