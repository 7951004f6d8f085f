"""Every row is the sum of the steps that explain it, every tally of its contributions, every event has its causes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relations import RecordPurchase, Relations
from relations.commands import EnrolMember, FileComplaint, MergeCustomer
from relations.errors import InvalidInput
from relations.messages import Command, Money, from_micros
from relations.past.explaining import rows_explained, tally_explained
from relations.policies import Policy, Surveys
from relations.projections.projection import CustomerRow, Tally
from tests.past.test_as_of import lived, lives
from tests.support.asking import IDS, START
from tests.support.effort import part


def day(number: float) -> Any:
    return START + timedelta(days=number)


def buy(customer: str, purchase: str, number: float, amount: int = 20_000) -> Command:
    return RecordPurchase(
        customer=customer, purchase=purchase, amount=Money(amount, "EUR"), occurred_at=day(number), command_id=purchase
    )


MEMBERS: list[Command] = [
    *(EnrolMember(customer=name, occurred_at=day(0)) for name in IDS),
    *(buy(f"c{number % 4 + 1}", f"p{number}", number % 3 + 1, 10_000 * number) for number in range(1, 13)),
    FileComplaint(customer="c1", complaint="k1", subject="noise", channel="email", occurred_at=day(5)),
    MergeCustomer(customer="c2", into="c1", occurred_at=day(6)),
    buy("c1", "p99", 7),
]


@part(40)
@given(lives, st.integers(0, 8), st.sampled_from(IDS))
def test_the_steps_of_a_customer_lead_to_the_rows(life: list[Command], eighths: int, customer: str) -> None:
    with lived(life) as engine:
        position = engine.status().position * eighths // 8
        seen = 0
        with engine.as_of(position=position) as past:
            for view, asked in vars(past.views).items():
                if not past.history(customer):
                    continue
                account = rows_explained(past, view, customer)
                assert account.replayed() == account.rows
                for table in asked.projection.tables:
                    if issubclass(table, CustomerRow):
                        rows = asked.rows_as_recorded(table, account.ids)
                        stored = {
                            tuple(getattr(row, name) for name in row.key): msgspec.to_builtins(row) for row in rows
                        }
                        assert account.rows[table.__name__] == stored
                        seen += len(stored)
            assert seen or position <= len(IDS)


def test_the_contributions_to_a_tally_add_up_to_it(database_url: str) -> None:
    """Given members' points of some days, the pages of each tally sum up to its row, every event once."""
    with lived(MEMBERS, database_url) as engine:
        checked = 0
        for view, asked in vars(engine.views).items():
            for table in asked.projection.tables:
                if not issubclass(table, Tally):
                    continue
                for row in asked.rows(table)[:5]:
                    key = [str(getattr(row, name)) for name in row.key]
                    pages, after = [], None
                    while True:
                        page = tally_explained(engine, view, table.__name__, key, limit=2, after=after)
                        pages.append(page)
                        if (after := page.after) is None:
                            break
                    positions = [each.position for page in pages for each in page.contributions]
                    assert len(set(positions)) == len(positions) > 0
                    sums = {
                        name: sum(each.added.get(name, 0) for page in pages for each in page.contributions)
                        for name in pages[0].row
                    }
                    assert sums == pages[0].row
                    checked += 1
        assert checked > 3


def test_a_decision_names_its_rule_its_policy_and_its_causes(database_url: str) -> None:
    """Given points for a purchase under a second policy, the purchase is the cause, and the second policy applied."""
    with lived([EnrolMember(customer="c1", occurred_at=day(0))], database_url) as engine:
        engine.adopt(Policy(surveys=Surveys(minimum_answers=2)), from_beginning=True)
        engine.execute(buy("c1", "p1", 3))
        earned = next(each for each in engine.events() if each.topic == "loyalty.points_earned")
        found = engine.explain_event(earned.position)
        assert [each.topic for each in found.causes] == ["customer.purchase_recorded"]
        assert earned in engine.explain_event(found.causes[0].position).effects
        assert (found.policy, found.pinned, found.is_outside) == (2, False, True)
        assert found.settings["main.rates"] == engine.policy.model_dump(mode="json")["programme"]["rates"]
        assert found.rule.startswith("Points are earned")


def test_a_complaint_is_explained_by_the_policy_that_it_is_pinned_to() -> None:
    with lived(
        [FileComplaint(customer="c1", complaint="k1", subject="noise", channel="email", occurred_at=day(1))]
    ) as engine:
        engine.adopt(Policy(zone="Europe/Berlin"), from_beginning=True)
        filed = next(each for each in engine.events() if each.topic == "complaint.filed")
        found = engine.explain_event(filed.position)
        assert (found.policy, found.pinned) == (1, True)
        assert set(found.settings) == {"service_levels"}


def test_only_time_is_behind_what_time_alone_did() -> None:
    """Given points that expired because time passed, no command from outside led to it."""
    with lived([buy("c1", "p0", 0), EnrolMember(customer="c1", occurred_at=day(0)), buy("c1", "p1", 1)]) as engine:
        engine.advance_time(to=from_micros(next(engine.events()).occurred_at) + timedelta(days=1_000))
        expired = next(each for each in engine.events() if each.topic == "loyalty.points_expired")
        assert not engine.explain_event(expired.position).is_outside


def test_what_cannot_be_explained_is_refused() -> None:
    with lived(MEMBERS) as engine:
        asked: tuple[tuple[Any, str], ...] = (
            (lambda: engine.explain("taxes", "c1"), "unknown_view"),
            (lambda: engine.explain("loyalty", "nobody"), "unknown_customer"),
            (lambda: engine.explain_event(0), "unknown_position"),
            (lambda: engine.explain_tally("loyalty", "AccountRow", ["c1"]), "unknown_table"),
            (lambda: engine.explain_tally("loyalty", "Movement", ["c1"]), "invalid_key"),
            (lambda: engine.explain_tally("loyalty", "Movement", ["main", "someday", "never"]), "invalid_key"),
            (lambda: engine.explain_tally("loyalty", "Movement", ["main", "1", "never"]), "unknown_row"),
        )
        for ask, code in asked:
            with pytest.raises(InvalidInput) as refused:
                ask()
            assert refused.value.code == code


def test_an_engine_of_another_process_explains_alike(sqlite_url: str) -> None:
    with lived(MEMBERS, sqlite_url) as engine:
        first = engine.explain("loyalty", "c1")
    with Relations.open(sqlite_url, access="read") as again:
        assert again.explain("loyalty", "c2") == first
        assert {step.event.customer for step in first.steps} == {"c1", "c2"}
