"""Customers with events between two moments: what was found stays found, and later rows are read alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event

from relations import Relations
from relations.commands import RegisterCustomer
from relations.events import CustomerRegistered
from relations.messages import to_micros
from relations.projections.running.event_times import CustomersBetween

START = datetime(2024, 1, 1, tzinfo=UTC)
TOPICS = (CustomerRegistered.topic,)


def _registered(number: int, day: int) -> RegisterCustomer:
    return RegisterCustomer(customer=f"c{number}", occurred_at=START + timedelta(days=day))


@given(
    days=st.lists(st.integers(0, 20), min_size=1, max_size=12),
    asked=st.lists(
        st.tuples(st.integers(0, 14), st.sampled_from([(0, 20), (3, 9), (9, 3), (5, 5)])), min_size=1, max_size=8
    ),
)
def test_the_customers_are_those_of_the_rows_up_to_the_position(
    days: list[int], asked: list[tuple[int, tuple[int, int]]]
) -> None:
    with Relations.open("sqlite://", durability="off") as engine:
        engine.execute_many(_registered(number, day) for number, day in enumerate(days))
        recorded = [each for each in engine.events() if isinstance(each.event, CustomerRegistered)]
        assert len(recorded) == len(days)
        between = CustomersBetween(engine.log.database)
        for position, (first, last) in asked:
            since, until = (to_micros(START + timedelta(days=day)) for day in (first, last))
            wanted = {
                each.customer for each in recorded if each.position <= position and since <= each.occurred_at <= until
            }
            assert between.of(TOPICS, since, until, position=position) == sorted(wanted)


def test_new_events_are_read_without_the_old_ones() -> None:
    since, until = to_micros(START), to_micros(START + timedelta(days=9))
    with Relations.open("sqlite://", durability="off") as engine:
        engine.execute(_registered(1, 1))
        between, values = CustomersBetween(engine.log.database), list[object]()
        assert between.of(TOPICS, since, until) == ["c1"]
        head = engine.status().position
        engine.execute_many([_registered(2, 2), _registered(3, 30)])

        @event.listens_for(engine.log.database.engine, "before_cursor_execute")
        def seen(_connection: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
            if "occurred_at" in statement:
                values.append(parameters)

        assert between.of(TOPICS, since, until) == ["c1", "c2"]
    assert [next(iter(each)) for each in values if isinstance(each, tuple)] == [head]
