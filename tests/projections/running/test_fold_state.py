"""A question asks once how far everything is folded, and sees whatever has changed, whoever changed it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from relations import Relations
from relations.aggregates.customer import RecordPurchase
from relations.log.database import Database
from relations.messages import Money
from relations.policies import Lifecycle, Policy
from relations.projections.view import View
from tests.support.asking import START


@pytest.fixture
def engine(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Relations]:
    monkeypatch.setattr("relations.projections.view._WORTH_KEEPING", 0.0)
    with Relations.open(database_url) as opened:
        opened.execute_many(bought(number) for number in range(5))
        yield opened


@pytest.fixture
def other(engine: Relations, database_url: str) -> Iterator[Relations]:
    """Another process, as far as the engine can tell."""
    with Relations.open(database_url) as opened:
        yield opened


@dataclass
class Sent:
    """The statements that were sent to the database of an engine."""

    statements: list[str] = field(default_factory=list)


@pytest.fixture
def sent(engine: Relations, monkeypatch: pytest.MonkeyPatch) -> Sent:
    found, cursor = Sent(), Database.cursor

    def of_the_driver(self: Database, *args: Any, **options: Any) -> Any:
        found.statements.append("the driver's")
        return cursor(self, *args, **options)

    monkeypatch.setattr(Database, "cursor", of_the_driver)

    @event.listens_for(engine.log.database.engine, "before_cursor_execute")
    def by_sqlalchemy(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        found.statements.append(statement)

    return found


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The times that a view read columns to compute an answer."""
    found: list[Any] = []
    columns = View.columns

    def counting(self: View, *args: Any) -> Any:
        found.append(args)
        return columns(self, *args)

    monkeypatch.setattr(View, "columns", counting)
    return found


def bought(number: int) -> RecordPurchase:
    return RecordPurchase(customer=f"c{number}", purchase=f"p{number}", amount=Money(100, "EUR"), occurred_at=START)


def test_an_answer_to_which_nothing_was_added_takes_one_statement(engine: Relations, sent: Sent) -> None:
    view = engine.views.retention
    first = view.cohorts()
    assert len(sent.statements) > 1
    sent.statements.clear()
    assert view.cohorts() == first
    assert len(sent.statements) == 1


def test_what_another_process_records_is_seen(engine: Relations, other: Relations) -> None:
    view = engine.views.retention
    sizes = [sum(cohort.size for cohort in view.cohorts()) for _ in range(2)]
    other.execute(bought(5))
    assert [*sizes, sum(cohort.size for cohort in view.cohorts())] == [5, 5, 6]


def test_a_policy_that_another_process_adopts_is_followed(engine: Relations, other: Relations) -> None:
    view, later = engine.views.retention, START + timedelta(days=300)
    before = [view.lifecycle(as_of=later).stages for _ in range(2)]
    assert [stages["lapsing"] for stages in before] == [5, 5]
    other.adopt(Policy(lifecycle=Lifecycle(lost_days=200)), from_beginning=True)
    assert view.lifecycle(as_of=later).stages["lost"] == 5


def test_tables_that_another_process_rebuilt_are_read_again(
    engine: Relations, other: Relations, computed: list[Any]
) -> None:
    view = engine.views.retention
    first = view.cohorts()
    computed.clear()
    assert view.cohorts() == first
    assert not computed
    other.rebuild(["retention"])
    assert view.cohorts() == first
    assert computed
