"""The view of care: the contacts to make, by which way and with what words; what was kept; a customer's plans."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from relations import Relations
from relations.commands import (
    EraseCustomer,
    MergeCustomer,
    NoteCulture,
    NoteTrait,
    RecordInteraction,
    RegisterCustomer,
    SkipStep,
    UnmergeCustomer,
    WithdrawConsent,
)
from relations.errors import InvalidInput
from relations.messages import Command
from relations.policies import Care, CarePlan, CareStep, CareTemplate, Festival, Policy
from relations.policies.indicators import INDICATORS

START = datetime(2024, 1, 10, 12, tzinfo=UTC)
NEW_YEAR = date(2024, 2, 10)
WELCOME = CarePlan(
    id="welcome",
    begins="registered",
    steps=(
        CareStep(
            id="hello", what="message", day=2, owner_role="host",
            templates=(
                CareTemplate(text="您好 {name}", language="zh"),
                CareTemplate(text="Grüß Gott, {name}!", language="de", region="AT"),
                CareTemplate(text="Guten Tag, {name}!", language="de"),
            ),
        ),
        CareStep(id="call", what="short_call", day=4, minutes=5),
        CareStep(id="visit", what="visit", day=5, days_valid=30),
    ),
)  # fmt: skip


def day(number: float) -> datetime:
    return datetime(2024, 1, 10, tzinfo=UTC) + timedelta(days=number)


def person(customer: str, **fields: Any) -> RegisterCustomer:
    values = {"name": customer.title(), "email": f"{customer}@example.org", "phone": "+43 1 5550199", **fields}
    return RegisterCustomer(customer=customer, occurred_at=START, **values)


def contact(customer: str, step: str, at: float, **fields: Any) -> RecordInteraction:
    values: dict[str, Any] = {"channel": "email", "kind": "message", "direction": "outbound", **fields}
    return RecordInteraction(
        customer=customer, interaction=f"i{at}", regarding=f"care welcome-1 {step}", occurred_at=day(at), **values
    )


PEOPLE: list[Command] = [
    person("li", language="zh-Hant"),
    person("max", language="de"),
    person("eva", language="de", region="AT", phone=None),
    person("joe", language="en", email=None),
    NoteCulture(customer="max", preferred_channel="message", taboos="no jokes", occurred_at=START),
    NoteTrait(customer="max", trait="taboo", about="clocks", occurred_at=START),
]


@pytest.fixture
def engine(either_url: str) -> Iterator[Relations]:
    new_year = Festival(name="Chinese New Year", own_name="春节", languages=("zh",), dates=(NEW_YEAR,))
    care = Care(plans=(WELCOME, "festivals"), quiet_days=1, festivals=(new_year,))
    with Relations.open(either_url, clock=lambda: day(400)) as engine:
        engine.adopt(Policy(care=care), from_beginning=True)
        engine.execute_many(PEOPLE)
        engine.advance_time(day(1))
        yield engine


def due(engine: Relations, at: float, **asked: Any) -> list[tuple[str, str, str]]:
    found = engine.views.care.due(as_of=day(at), plan="welcome", **asked)
    return sorted((each.customer, each.step, each.channel) for each in found)


def test_what_is_due_has_words_a_way_and_the_taboos_to_mind(engine: Relations) -> None:
    found = {each.customer: each for each in engine.views.care.due(as_of=day(3))}
    assert {name: (each.channel, each.address, each.text) for name, each in found.items()} == {
        "li": ("email", "li@example.org", "您好 Li"),
        "max": ("message", "+43 1 5550199", "Guten Tag, Max!"),
        "eva": ("email", "eva@example.org", "Grüß Gott, Eva!"),
        "joe": ("message", "+43 1 5550199", None),
    }
    assert (found["max"].taboos, found["li"].taboos) == (("clocks", "no jokes"), ())
    assert (found["max"].role, found["max"].until) == ("host", day(9))
    assert due(engine, 4.5, role="host", language="de") == [("eva", "hello", "email"), ("max", "hello", "message")]
    assert due(engine, 4.5, channel="phone") == [(name, "call", "phone") for name in ("joe", "li", "max")]
    assert due(engine, 4.5, owner="anna") == due(engine, 1) == []
    assert [each.customer for each in engine.views.care.due(as_of=day(3), limit=2)] == ["eva", "joe"]
    (greeting,) = [each for each in engine.views.care.due(as_of=day(31)) if each.plan == "festivals"]
    assert greeting.customer == "li"
    assert "祝您春节快乐" in (greeting.text or "")
    with pytest.raises(InvalidInput):
        engine.views.care.due(channel="pigeon")


def test_nobody_is_listed_without_consent_in_quiet_time_or_after_an_erasure(engine: Relations) -> None:
    engine.execute_many(
        [
            *(
                WithdrawConsent(customer="li", purpose="care", channel=channel, occurred_at=day(2))
                for channel in ("email", "message", "app", "official_account")
            ),
            WithdrawConsent(customer="eva", purpose="care", channel="email", occurred_at=day(2)),
            contact("max", "hello", 4.2, channel="message"),
            EraseCustomer(customer="joe", occurred_at=day(3)),
        ]
    )
    assert due(engine, 4.5) == [("eva", "hello", "app"), ("li", "call", "phone")]
    # A visit needs no consent and no quiet time; a call to Max waits for a day.
    assert due(engine, 5.1) == [
        ("eva", "hello", "app"), ("eva", "visit", "on_site"), ("li", "call", "phone"), ("li", "visit", "on_site"),
        ("max", "visit", "on_site"),
    ]  # fmt: skip
    assert ("max", "call", "phone") in due(engine, 5.3)


def test_what_was_kept_by_plan_kind_and_month(engine: Relations) -> None:
    engine.execute_many(
        [
            contact("max", "hello", 3),
            contact("li", "hello", 3),
            SkipStep(customer="eva", round="welcome-1", step="hello", reason="met in person", occurred_at=day(3)),
        ]
    )
    engine.advance_time(day(20))
    whole, *plans = engine.views.care.kept()
    assert (whole.done, whole.lapsed, whole.skipped, whole.kept) == (2, 5, 1, 2 / 7)
    assert [(each.plan, each.what, each.done, each.lapsed) for each in plans] == [
        ("welcome", "", 2, 5), ("welcome", "message", 2, 1), ("welcome", "short_call", 0, 4),
    ]  # fmt: skip
    assert engine.views.care.kept(until="2024-01") == []
    (month,) = engine.views.care.kept_months()
    assert (month.month, month.done, month.kept) == ("2024-01", 2, 2 / 7)
    # A contact in time that is recorded late turns a lapse into a step that was done.
    engine.execute(contact("joe", "hello", 8.5, channel="message"))
    assert engine.views.care.kept()[0].kept == 3 / 7
    (figure,) = engine.views.board.figures(month="2024-01", indicators=["care_kept"])
    assert (figure.month.value, figure.month.n, INDICATORS["care_kept"].better) == (3 / 7, 7, "higher")


def test_a_plan_that_nobody_adopted_is_refused(engine: Relations) -> None:
    care = engine.views.care
    for ask in (care.kept, care.kept_months, care.steps, care.due):
        with pytest.raises(InvalidInput, match="there is no care plan '611'") as refused:
            ask(plan="611")
        assert (refused.value.code, refused.value.field) == ("unknown_plan", "plan")
        assert "welcome" in str(refused.value.hint)


def test_the_plans_of_a_customer_and_the_next_step(engine: Relations) -> None:
    engine.execute(contact("max", "hello", 3))
    (plan,) = [each for each in engine.views.care.plans("max") if each.plan == "welcome"]
    assert (plan.round, plan.since, plan.ended_at) == ("welcome-1", date(2024, 1, 10), None)
    assert [(step.step, step.outcome) for step in plan.steps] == [
        ("hello", "done"), ("call", "open"), ("visit", "open"),
    ]  # fmt: skip
    assert plan.next_step is not None
    assert (plan.next_step.step, plan.next_step.due_at) == ("call", day(4))
    before = engine.views.care.plans("max")
    engine.execute(MergeCustomer(customer="max", into="li", occurred_at=day(4)))
    assert [each.plan for each in engine.views.care.plans("li")].count("welcome") == 2
    visits = [name for name, step, _ in due(engine, 6) if step == "visit"]
    assert visits == ["eva", "joe", "li"]
    engine.execute(UnmergeCustomer(customer="max", occurred_at=day(4)))
    assert engine.views.care.plans("max") == before
    engine.execute(EraseCustomer(customer="max", occurred_at=day(5)))
    assert engine.views.care.plans("max") == []
