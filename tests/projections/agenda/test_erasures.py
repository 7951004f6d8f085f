"""The end of the time for which personal words are kept, as the policy says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest

from relations import InvalidInput, Relations
from relations.commands import MergeCustomer
from relations.policies import PersonalData, Policy
from relations.projections.running.event_times import last_events
from tests.support.making import erase, purchase, register


def _at(year: int, month: int, day: int) -> datetime:
    return datetime(year, month, day, 12, tzinfo=UTC)


def _open(url: str, months: int | None, by: Literal["person", "advance_time"] = "person") -> Relations:
    engine = Relations.open(url)
    rules = PersonalData(erase_after_months=months, erased_by=by)
    engine.adopt(Policy(zone="Europe/Vienna", personal_data=rules), from_beginning=True)
    report = engine.execute_many(
        [
            register("ada", occurred_at=_at(2020, 1, 31)),
            purchase(1, "ada", occurred_at=_at(2020, 8, 31)),
            register("bea", occurred_at=_at(2020, 2, 1)),
            purchase(2, "nameless", occurred_at=_at(2019, 1, 1)),
        ]
    )
    assert report.rejections == []
    return engine


def _due(engine: Relations, until: datetime) -> list[Any]:
    return [(each.customer, each.due_at) for each in engine.views.agenda.due(until=until, kind="erasure")]


def test_customers_are_due_some_months_after_their_last_event(either_url: str) -> None:
    with _open(either_url, 24) as engine:
        ada, bea = datetime(2022, 8, 31, 22, tzinfo=UTC), datetime(2022, 2, 1, 23, tzinfo=UTC)
        assert _due(engine, _at(2025, 1, 1)) == [("bea", bea), ("ada", ada)]
        assert _due(engine, ada - timedelta(microseconds=1)) == [("bea", bea)]
        assert _due(engine, bea - timedelta(microseconds=1)) == []
        found = engine.views.agenda.due(until=_at(2025, 1, 1), kind="erasure")
        assert engine.views.agenda.due(until=_at(2025, 1, 1), kind="erasure", limit=1) == found[:1]
        assert engine.views.agenda.due(until=_at(2025, 1, 1), kind="erasure", after=found[0]) == found[1:]
        assert [each.kind for each in engine.views.agenda.for_customer("ada")] == ["erasure"]
        assert "erasure" in {each.kind for each in engine.views.agenda.due(until=_at(2025, 1, 1))}


def test_a_person_decides_unless_the_policy_says_otherwise(either_url: str) -> None:
    with _open(either_url, 24) as engine:
        engine.advance_time(_at(2025, 1, 1))
        assert [each.topic for each in engine.events()].count("customer.erased") == 0
        engine.execute(erase("bea", occurred_at=_at(2025, 1, 1)))
        assert [customer for customer, _at in _due(engine, _at(2026, 1, 1))] == ["ada"]


def test_time_erases_where_the_policy_says_so_once_and_dated_when_it_fell_due(either_url: str) -> None:
    with _open(either_url, 24, "advance_time") as engine:
        engine.advance_time(_at(2022, 5, 1))
        engine.advance_time(_at(2025, 1, 1))
        engine.advance_time(_at(2026, 1, 1))
        erased = [each for each in engine.events() if each.topic == "customer.erased"]
        assert [(each.customer, each.actor) for each in erased] == [("bea", "agenda"), ("ada", "agenda")]
        assert [getattr(each.event, "reason", "") for each in erased] == ["retention period"] * 2
        assert _due(engine, _at(2030, 1, 1)) == []
        assert "Ada Lovelace" not in str(engine.history("ada"))
        assert "[erased]" in str(engine.history("ada"))


def test_what_is_known_under_one_id_defers_all_ids_of_a_person(either_url: str) -> None:
    with _open(either_url, 24) as engine:
        engine.execute(MergeCustomer(customer="bea", into="ada", occurred_at=_at(2020, 3, 1)))
        engine.execute(purchase(3, "bea", occurred_at=_at(2021, 8, 31)))
        assert _due(engine, _at(2025, 1, 1)) == [("ada", datetime(2023, 8, 31, 22, tzinfo=UTC))]
        assert engine.views.agenda.for_customer("bea") == engine.views.agenda.for_customer("ada") != []


def test_the_last_event_of_some_customers_is_that_among_all(either_url: str) -> None:
    with _open(either_url, 24) as engine:
        database = engine.log.database
        everybody = last_events(database, but_by="agenda")
        assert set(everybody) == {"ada", "bea", "nameless"}
        assert last_events(database, ["ada", "nobody"], but_by="agenda") == {"ada": everybody["ada"]}
        assert last_events(database, [], but_by="agenda") == {}


def test_without_a_period_nothing_is_due(either_url: str) -> None:
    with _open(either_url, None) as engine:
        assert _due(engine, _at(2090, 1, 1)) == []
        assert engine.views.agenda.for_customer("ada") == []


def test_a_period_of_no_months_is_refused() -> None:
    with pytest.raises(InvalidInput):
        PersonalData(erase_after_months=0)
