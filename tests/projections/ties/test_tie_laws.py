"""Whatever is assigned and accepted, a customer has one owner, and an open handover is on the agenda once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from relations import Relations
from relations.aggregates.customer import AcceptHandover, AssignCustomer, CustomerAssigned, HandoverAccepted
from relations.errors import CommandRefused
from tests.support.effort import part

START = datetime(2024, 5, 1, 12, tzinfo=UTC)
NOW = datetime(2024, 7, 1, 12, tzinfo=UTC)
STAFF = ("olga", "paul", "quinn")

_steps = st.tuples(st.integers(0, 40), st.sampled_from((None, *STAFF)), st.sampled_from((None, *STAFF)))


@part(20)
@given(st.lists(_steps, min_size=2, max_size=12))
def test_the_owner_and_the_handover_are_those_of_a_slow_count(steps: list[tuple[int, str | None, str | None]]) -> None:
    with Relations.open("sqlite://", clock=lambda: NOW) as engine:
        engine.execute(AssignCustomer(customer="ann", owner="olga", occurred_at=START))
        codes: set[str] = set()
        for day, owner, deputy in steps:
            at = START + timedelta(days=day)
            try:
                if owner is None:
                    engine.execute(AcceptHandover(customer="ann", occurred_at=at))
                else:
                    engine.execute(AssignCustomer(customer="ann", owner=owner, deputy=deputy, occurred_at=at))
            except CommandRefused as refused:
                codes.add(refused.code)
        assert codes <= {"no_handover", "before_handover"}
        events = [each.event for each in engine.events()]
        assigned = [event for event in events if isinstance(event, CustomerAssigned)]
        last = max(enumerate(assigned), key=lambda item: (item[1].at, item[0]))[1]
        tie = engine.views.ties.tie("ann")
        assert tie.owner is not None
        assert (tie.owner.owner, tie.owner.deputy) == (last.owner, last.deputy)
        assert len(tie.owners) == len(assigned)
        assert [name for name in STAFF if engine.views.ties.customers_of(name)] == [last.owner]
        expected: list[tuple[str | None, str]] = []
        for event in events:
            if isinstance(event, CustomerAssigned) and event.handover:
                expected = [(event.previous, event.owner)]
            elif isinstance(event, HandoverAccepted):
                expected = []
        assert [(each.previous, each.owner) for each in engine.views.ties.handovers()] == expected
        agenda = engine.views.agenda.due(until=NOW, kind="handover")
        assert [item.detail for item in agenda] == [owner for _, owner in expected]
