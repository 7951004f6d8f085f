"""Whatever is assigned, accepted, named and merged, ties equal a slow count over all events."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from relations import Relations
from relations.aggregates.customer import (
    AcceptHandover,
    AssignCustomer,
    DropContact,
    EraseCustomer,
    MergeCustomer,
    NameContact,
    RegisterCustomer,
    StateRung,
    UnmergeCustomer,
)
from relations.errors import CommandRefused
from relations.messages import Command, to_micros
from relations.testing.oracle.ties import SlowTies
from tests.support.effort import part

START = datetime(2024, 5, 1, 12, tzinfo=UTC)
NOW = datetime(2024, 6, 5, 12, tzinfo=UTC)
FIRMS, PEOPLE = ("alpen", "berg", "chalet"), ("pia", "rob")
STAFF = ("olga", "paul", "quinn")
RUNGS = ("loose", "close", "strategic")

_who = st.sampled_from(FIRMS)
_staff = st.sampled_from(STAFF)


def _fields(day: int, **more: Any) -> dict[str, Any]:
    return {"occurred_at": START + timedelta(days=day), **more}


@st.composite
def steps(draw: st.DrawFn) -> Command:
    who, day, contact = draw(_who), draw(st.integers(0, 40)), draw(st.sampled_from(PEOPLE))
    level = draw(st.sampled_from(("top", "working")))
    kinds: list[Command] = [
        AssignCustomer(**_fields(day, customer=who, owner=draw(_staff), deputy=draw(st.none() | _staff))),
        AssignCustomer(**_fields(day, customer=who, owner=draw(_staff))),
        AcceptHandover(**_fields(day, customer=who)),
        NameContact(**_fields(day, customer=who, contact=contact, level=level)),
        DropContact(**_fields(day, customer=who, contact=contact)),
        StateRung(**_fields(day, customer=who, rung=draw(st.sampled_from((None, *RUNGS))))),
        MergeCustomer(**_fields(day, customer=who, into=draw(_who))),
        UnmergeCustomer(**_fields(day, customer=who)),
        EraseCustomer(**_fields(day, customer=who, reason="asked")),
    ]
    return draw(st.sampled_from(kinds))


@st.composite
def openings(draw: st.DrawFn) -> list[Command]:
    """Draw two customers with an open handover each who turn out to be one, or nothing."""
    if draw(st.integers(0, 3)) == 3:
        return []
    first, second = draw(st.permutations(FIRMS))[:2]
    opened = [
        AssignCustomer(**_fields(draw(st.integers(0, 20)), customer=who, owner=owner))
        for who, owners in ((first, STAFF[:2]), (second, STAFF[::-2]))
        for owner in owners
    ]
    return [*opened, MergeCustomer(**_fields(draw(st.integers(20, 40)), customer=second, into=first))]


@part(12)
@given(openings(), st.lists(steps(), min_size=8, max_size=24))
def test_ties_are_those_of_a_slow_count(opened: list[Command], then: list[Command]) -> None:
    with Relations.open("sqlite://", clock=lambda: NOW) as engine:
        for name in FIRMS:
            engine.execute(RegisterCustomer(**_fields(0, customer=name, kind="organisation")))
        ties, done = engine.views.ties, Counter[str]()
        for number, command in enumerate([*opened, *then], 1):
            try:
                done[type(command).__name__] += bool(engine.execute(command).events)
            except CommandRefused:
                done["refused"] += 1
                continue
            if number == len(opened):
                _check_handovers(engine)
            if isinstance(command, AcceptHandover):
                name = ties.tie(command.customer).customer
                assert name not in {each.customer for each in ties.handovers()}
            elif isinstance(command, DropContact):
                assert command.contact not in {each.contact for each in ties.tie(command.customer).contacts}
        slow = SlowTies(list(engine.events()), to_micros(NOW))
        owners = slow.owners()
        for customer in FIRMS:
            tie, name = ties.tie(customer), slow.person(customer)
            assert tie.customer == name
            assert [(each.owner, each.deputy) for each in tie.owners] == owners.get(name, [])
            assert tie.rung == slow.rung(name)
            assert {each.contact: (each.level, each.role) for each in tie.contacts} == slow.contacts(name)
        for staff in STAFF:
            assert ties.customers_of(staff) == slow.customers_of(staff)
            assert ties.customers_of(staff, deputy=True) == slow.customers_of(staff, deputy=True)
        _check_handovers(engine)


def _check_handovers(engine: Relations) -> None:
    """Compare the open handovers of the ties and the agenda with those of a slow count."""
    ties, open_ones = engine.views.ties, SlowTies(list(engine.events()), to_micros(NOW)).handovers()
    assert {each.customer: (each.previous, each.owner) for each in ties.handovers()} == open_ones
    due = engine.views.agenda.due(until=START + timedelta(days=99), kind="handover")
    assert {item.customer: item.detail for item in due} == {name: owner for name, (_, owner) in open_ones.items()}
    assert len(due) == len(open_ones)
    for name in open_ones:
        mine = [item for item in engine.views.agenda.for_customer(name) if item.kind == "handover"]
        assert mine == [item for item in due if item.customer == name]
